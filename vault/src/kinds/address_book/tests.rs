//! Address books of the sample, and made ones with what real ones have.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{AddressBook, ELSEWHERE};
use crate::kinds::tests::records::{
    EXPORTS, Random, assert_same, by_title, difference, sample, scanned, told, value,
};
use crate::kinds::{Format, Locator, Quality, Record, contacts, recognise};

const CLOUD: &str =
    "Contacts/Contacts.abbu/Sources/FAB1623D-9724-5DC4-B4E3-4913AFB47169/AddressBook-v22.abcddb";
const MAC: &str =
    "Contacts/Contacts.abbu/Sources/9E52D719-D6F0-5D1A-B8BA-0BE5D417A5FD/AddressBook-v22.abcddb";

/// The tables of macOS 26 with those of their columns that are read here.
const TABLES: &str = "
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZABCDRECORD (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZDISPLAYFLAGS INTEGER,
 ZBIRTHDAY TIMESTAMP, ZEXTERNALUUID VARCHAR, ZUNIQUEID VARCHAR, ZNAME VARCHAR, ZDEPARTMENT VARCHAR,
 ZFIRSTNAME VARCHAR, ZJOBTITLE VARCHAR, ZLASTNAME VARCHAR, ZMAIDENNAME VARCHAR, ZMIDDLENAME VARCHAR,
 ZNICKNAME VARCHAR, ZORGANIZATION VARCHAR, ZPHONETICFIRSTNAME VARCHAR, ZPHONETICLASTNAME VARCHAR,
 ZPHONETICMIDDLENAME VARCHAR, ZPHONETICORGANIZATION VARCHAR, ZSUFFIX VARCHAR, ZTITLE VARCHAR,
 ZIMAGEDATA BLOB, ZTHUMBNAILIMAGEDATA BLOB);
CREATE TABLE Z_22PARENTGROUPS (Z_22CONTACTS INTEGER, Z_19PARENTGROUPS1 INTEGER);
CREATE TABLE Z_18PARENTGROUPS (Z_18CHILDGROUPS INTEGER, Z_19PARENTGROUPS INTEGER);
CREATE TABLE ZABCDNOTE (Z_PK INTEGER PRIMARY KEY, ZCONTACT INTEGER, ZTEXT VARCHAR);
CREATE TABLE ZABCDPHONENUMBER (Z_PK INTEGER PRIMARY KEY, ZISPRIMARY INTEGER, ZORDERINGINDEX INTEGER,
 ZOWNER INTEGER, ZFULLNUMBER VARCHAR, ZLABEL VARCHAR);
CREATE TABLE ZABCDEMAILADDRESS (Z_PK INTEGER PRIMARY KEY, ZISPRIMARY INTEGER, ZORDERINGINDEX INTEGER,
 ZOWNER INTEGER, ZADDRESS VARCHAR, ZLABEL VARCHAR);
CREATE TABLE ZABCDPOSTALADDRESS (Z_PK INTEGER PRIMARY KEY, ZISPRIMARY INTEGER, ZORDERINGINDEX INTEGER,
 ZOWNER INTEGER, ZCITY VARCHAR, ZCOUNTRYCODE VARCHAR, ZCOUNTRYNAME VARCHAR, ZLABEL VARCHAR,
 ZSTATE VARCHAR, ZSTREET VARCHAR, ZSUBLOCALITY VARCHAR, ZZIPCODE VARCHAR);
CREATE TABLE ZABCDURLADDRESS (Z_PK INTEGER PRIMARY KEY, ZOWNER INTEGER, ZLABEL VARCHAR, ZURL VARCHAR);
CREATE TABLE ZABCDSOCIALPROFILE (Z_PK INTEGER PRIMARY KEY, ZOWNER INTEGER, ZLABEL VARCHAR,
 ZSERVICENAME VARCHAR, ZURLSTRING VARCHAR, ZUSERNAME VARCHAR);
CREATE TABLE ZABCDMESSAGINGADDRESS (Z_PK INTEGER PRIMARY KEY, ZOWNER INTEGER, ZSERVICE INTEGER,
 ZADDRESS VARCHAR, ZLABEL VARCHAR);
CREATE TABLE ZABCDSERVICE (Z_PK INTEGER PRIMARY KEY, ZSERVICENAME VARCHAR);
CREATE TABLE ZABCDRELATEDNAME (Z_PK INTEGER PRIMARY KEY, ZOWNER INTEGER, ZLABEL VARCHAR, ZNAME VARCHAR);
CREATE TABLE ZABCDCONTACTDATE (Z_PK INTEGER PRIMARY KEY, ZOWNER INTEGER, ZDATE TIMESTAMP, ZLABEL VARCHAR);
INSERT INTO Z_PRIMARYKEY VALUES(18,'ABCDAbstractGroup',17,0),(19,'ABCDGroup',18,0),
 (22,'ABCDContact',17,0),(25,'CNCDContainer',17,0);
INSERT INTO ZABCDRECORD(Z_PK,Z_ENT,ZUNIQUEID,ZNAME) VALUES(1,25,'C:ABContainer','Card');
";

/// Everything a person can have.
const WREN: &str = "
INSERT INTO ZABCDRECORD(Z_PK,Z_ENT,ZDISPLAYFLAGS,ZBIRTHDAY,ZEXTERNALUUID,ZUNIQUEID,ZDEPARTMENT,
 ZFIRSTNAME,ZJOBTITLE,ZLASTNAME,ZMAIDENNAME,ZMIDDLENAME,ZNICKNAME,ZORGANIZATION,ZPHONETICFIRSTNAME,
 ZSUFFIX,ZTITLE,ZTHUMBNAILIMAGEDATA)
 VALUES(2,22,0,-12518366400.0,'7d1f4c5e-0000-4000-8000-00000000000a','WREN:ABPerson','Ink; blue',
 'Wren','Head, of Examples','O''Quillon','Quill','T.','Wr','Quill, Ink\\Sons','Ren','Jr.','Dr.',
 x'01FFD8FF');
INSERT INTO ZABCDEMAILADDRESS VALUES(1,0,1,2,'work@example.com','Büro'),
 (2,1,0,2,'wren@example.net','_$!<Home>!$_'),(3,0,2,9,'nobody@example.net',NULL);
INSERT INTO ZABCDPHONENUMBER VALUES(1,1,0,2,'+1 (202) 555-0103','_$!<Mobile>!$_'),
 (2,0,1,2,'202-555-0196','iPhone'),(3,0,2,2,'202-555-0197','_$!<WorkFAX>!$_'),(4,0,3,2,'','x');
INSERT INTO ZABCDPOSTALADDRESS VALUES(1,1,0,2,'Exampleton','de','Nowhere','_$!<Home>!$_',NULL,
 '12 Elm Street
Back door','The Elms','12345'),(2,0,1,2,NULL,'de',NULL,'_$!<Work>!$_',NULL,NULL,NULL,NULL);
INSERT INTO ZABCDSOCIALPROFILE VALUES(1,2,NULL,'mastodon','https://social.example.net/@wren','wren'),
 (2,2,NULL,'odd; one',NULL,'w:1');
INSERT INTO ZABCDNOTE VALUES(1,2,'Likes tea;
dislikes commas, mostly. Keeps a spare key under the third stone – with ümläuts at the fold.');
INSERT INTO ZABCDURLADDRESS VALUES(1,2,'_$!<HomePage>!$_','https://www.example.net/~wren');
INSERT INTO ZABCDSERVICE VALUES(7,'JabberInstant'),(8,'Pigeon');
INSERT INTO ZABCDMESSAGINGADDRESS VALUES(1,2,7,'wren@jabber.example','_$!<Home>!$_'),
 (2,2,8,'roof 3',NULL);
INSERT INTO ZABCDCONTACTDATE VALUES(1,2,582249600.0,'_$!<Anniversary>!$_');
INSERT INTO ZABCDRELATEDNAME VALUES(1,2,'_$!<Spouse>!$_','Jordan Example');
INSERT INTO ZABCDRECORD(Z_PK,Z_ENT,ZUNIQUEID,ZNAME) VALUES(3,19,'F:ABGroup','friends, old'),
 (4,19,'G:ABGroup','Family'),(5,18,'H:ABGroup','Smart');
INSERT INTO Z_22PARENTGROUPS VALUES(2,3),(2,4),(2,99),(99,3);
";

/// The same as Contacts writes it.
const WREN_CARD: &str = "BEGIN:VCARD
VERSION:3.0
N:O'Quillon;Wren;T.;Dr.;Jr.
FN:Dr. Wren T. O'Quillon Jr.
NICKNAME:Wr
X-MAIDENNAME:Quill
X-PHONETIC-FIRST-NAME:Ren
ORG:Quill\\, Ink\\\\Sons;Ink\\; blue
TITLE:Head\\, of Examples
EMAIL;type=INTERNET;type=HOME;type=pref:wren@example.net
item1.EMAIL;type=INTERNET:work@example.com
item1.X-ABLabel:Büro
TEL;type=CELL;type=VOICE;type=pref:+1 (202) 555-0103
TEL;type=IPHONE;type=CELL;type=VOICE:202-555-0196
TEL;type=WORK;type=FAX:202-555-0197
item2.ADR;X-APPLE-SUBLOCALITY=The Elms;type=HOME;type=pref:;;12 Elm Street\\
 nBack door;Exampleton;;12345;Nowhere
item2.X-ABADR:de
X-SOCIALPROFILE;type=mastodon;x-user=wren:https://social.example.net/@wren
X-SOCIALPROFILE;type=\"odd; one\";x-user=\"w:1\":x-apple:w:1
NOTE:Likes tea\\;\\ndislikes commas\\, mostly. Keeps a spare key under the thi
 rd stone – with ümläuts at the fold.
item3.URL;type=pref:https://www.example.net/~wren
item3.X-ABLabel:_$!<HomePage>!$_
BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-23
IMPP;X-SERVICE-TYPE=Jabber;type=HOME;type=pref:xmpp:wren@jabber.example
IMPP;X-SERVICE-TYPE=Pigeon:x-apple:roof 3
PHOTO;ENCODING=b;TYPE=JPEG:/9j/
item4.X-ABDATE;type=pref:2019-06-15
item4.X-ABLabel:_$!<Anniversary>!$_
item5.X-ABRELATEDNAMES;type=pref:Jordan Example
item5.X-ABLabel:_$!<Spouse>!$_
CATEGORIES:Family, friends\\, old
UID:7d1f4c5e-0000-4000-8000-00000000000a
X-ABUID:WREN:ABPerson
END:VCARD
";

fn made(sql: &str) -> Vec<u8> {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    connection.serialize("main").unwrap().to_vec()
}

fn book(rows: &str) -> AddressBook {
    AddressBook::new(&made(&format!("{TABLES}{rows}")), None).unwrap()
}

fn people(book: &AddressBook) -> (Vec<&'static str>, Vec<Record>) {
    let mut records = Vec::new();
    let scanned = book.scan(&mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.unwrap();
    assert_eq!(scanned.records, records.len() as u64);
    (scanned.notes, records)
}

fn card_of(book: &AddressBook, record: &Record) -> Vec<u8> {
    let Locator::Derived(how) = &record.locator else { panic!("bytes of its own") };
    book.derive(how).unwrap().to_vec()
}

/// Each card says what its record does, alone and beside all others.
fn assert_round(book: &AddressBook) {
    let (_, records) = people(book);
    let cards: Vec<Vec<u8>> = records.iter().map(|record| card_of(book, record)).collect();
    for (card, record) in cards.iter().zip(&records) {
        assert_eq!(&card_of(book, record), card);
        let (_, alone) = scanned(Format::Contacts, card);
        let [alone] = alone.as_slice() else { panic!("one card") };
        assert_eq!((&alone.essence, &alone.title), (&record.essence, &record.title));
        assert!(card.split(|byte| *byte == b'\n').all(|line| line.len() <= 76));
    }
    let all: Vec<&[u8]> = cards.iter().map(Vec::as_slice).collect();
    let file = Format::AddressBook.write(&[], &all).unwrap();
    assert_same(&records, &scanned(Format::Contacts, &file).1, "all");
}

fn opened(export: &str, path: &str) -> AddressBook {
    let log = path == MAC;
    let log = log.then(|| sample(export, &format!("{path}-wal")));
    AddressBook::new(&sample(export, path), log.as_deref()).unwrap()
}

#[test]
fn every_sample_has_its_people() {
    for export in EXPORTS {
        let root = opened(export, "Contacts/Contacts.abbu/AddressBook-v22.abcddb");
        let (notes, records) = people(&root);
        assert_eq!((notes, records.len()), (Vec::new(), 0));
        let mut titles = Vec::new();
        for (path, count) in [(CLOUD, 16), (MAC, 3)] {
            let bytes = sample(export, path);
            assert_eq!(recognise(&bytes, bytes.len() as u64).kind.as_str(), "contact");
            let book = opened(export, path);
            let (notes, records) = people(&book);
            assert_eq!((notes, records.len()), (Vec::new(), count));
            assert_round(&book);
            titles.extend(records.into_iter().map(|record| record.title));
        }
        let (_, exported) = scanned(Format::Contacts, &sample(export, "Contacts/All Contacts.vcf"));
        for title in titles {
            by_title(&exported, &title);
        }
    }
    // Nothing but what is in the log.
    let without = AddressBook::new(&sample(EXPORTS[0], MAC), None).unwrap();
    assert!(people(&without).0.is_empty());
}

#[test]
fn a_month_later_only_what_changed_has() {
    let [before, after] = EXPORTS.map(|export| people(&opened(export, CLOUD)).1);
    let [added, removed, changed] = difference(&before, &after);
    assert_eq!((added.len(), removed.len(), changed.len()), (1, 1, 1), "{added:?} {removed:?}");
}

/// Whoever has the same id in an exported file is the same record.
#[test]
fn a_person_of_the_database_is_the_one_of_the_file() {
    let (_, exported) = scanned(Format::Contacts, &sample(EXPORTS[0], "Contacts/All Contacts.vcf"));
    let (exported, found) = (told(&exported), told(&people(&opened(EXPORTS[0], CLOUD)).1));
    let both = found.iter().filter(|(identity, _)| exported.contains_key(*identity));
    // Those whose cards have no id but that of the database.
    assert_eq!(both.count(), 2);
}

#[test]
fn a_card_is_what_contacts_would_write() {
    let book = book(WREN);
    let (notes, records) = people(&book);
    let [record] = records.as_slice() else { panic!("one person") };
    let card = WREN_CARD.replace('\n', "\r\n");
    assert_eq!(String::from_utf8(card_of(&book, record)).unwrap(), card);
    assert_eq!((notes.len(), record.warnings.len()), (0, 0));
    let (_, exported) = scanned(Format::Contacts, card.as_bytes());
    assert_same(&records, &exported, "the card");
    let seen = (record.title.as_str(), record.place.as_str(), record.user.as_str());
    assert_eq!(seen, ("Dr. Wren T. O'Quillon Jr.", "Quill, Ink\\Sons", "wren@example.net"));
    assert_round(&book);
    // In no group, with another picture, and exported by another version.
    let other = card.replace("CATEGORIES:Family, friends\\, old\r\n", "");
    let other = other.replace("/9j/", "iVBORw0K").replace("item2.", "item7.");
    let other = other.replace("VERSION:3.0", "VERSION:3.0\r\nPRODID:-//Apple Inc.//macOS 15.1//EN");
    assert_same(&records, &scanned(Format::Contacts, other.as_bytes()).1, "another export");
    let fields = contacts::fields(&card_of(&book, record));
    assert_eq!(value(&fields, "groups"), "Family, friends, old");
    assert_eq!(value(&fields, "birthday"), "--04-23");
}

#[test]
fn companies_and_the_nameless_are_people_too() {
    let book = book(
        "INSERT INTO ZABCDRECORD(Z_PK,Z_ENT,ZDISPLAYFLAGS,ZUNIQUEID,ZORGANIZATION,ZFIRSTNAME)
         VALUES(2,22,1,'A:ABPerson','Acme','Ann'),(3,22,0,'B:ABPerson','Only Ltd',NULL),
         (4,22,0,'C:ABPerson',NULL,NULL),(5,22,0,NULL,NULL,'No id'),
         (6,22,0,'D:ABPerson',NULL,'Twice'),(7,22,0,'D:ABPerson',NULL,'Again');
         INSERT INTO ZABCDPHONENUMBER VALUES(1,NULL,NULL,4,'5550100',NULL);",
    );
    let (_, records) = people(&book);
    let titles: Vec<_> = records.iter().map(|record| record.title.as_str()).collect();
    assert_eq!(titles, ["Acme", "Only Ltd", "5550100", "No id", "Twice", "Again"]);
    let hows: Vec<_> = records
        .iter()
        .map(|record| match &record.locator {
            Locator::Derived(how) => str::from_utf8(how).unwrap(),
            Locator::Bytes(_) => panic!("bytes of its own"),
        })
        .collect();
    assert_eq!(
        hows,
        ["id A:ABPerson", "id B:ABPerson", "id C:ABPerson", "row 5", "row 6", "row 7"]
    );
    assert!(String::from_utf8(card_of(&book, &records[0])).unwrap().contains("X-ABShowAs:COMPANY"));
    assert!(records[3..].iter().all(|record| record.identity.quality == Quality::Fields));
    assert_round(&book);
    for wrong in [&b""[..], b"id D:ABPerson", b"row 1", b"row 2", b"id A"] {
        assert!(book.derive(wrong).is_none());
    }
}

#[test]
fn other_versions_have_other_numbers_tables_and_columns() {
    let least = AddressBook::new(
        &made("CREATE TABLE ZABCDRECORD(ZFIRSTNAME, ZUNIQUEID, ZNAME);
               INSERT INTO ZABCDRECORD VALUES('Ada','X:ABPerson',NULL),(NULL,'Y:ABGroup','All'),('No',7,NULL);
               CREATE TABLE Z_5PARENTGROUPS(Z_5CONTACTS1, Z_4PARENTGROUPS);
               INSERT INTO Z_5PARENTGROUPS VALUES(1,2);
               CREATE TABLE zabcdphonenumber(ZOWNER, zFullNumber);
               INSERT INTO ZABCDPHONENUMBER VALUES(1,5550100);"),
        None,
    )
    .unwrap();
    let (_, records) = people(&least);
    assert_eq!(records.len(), 1);
    let card = String::from_utf8(card_of(&least, &records[0])).unwrap();
    for line in ["N:;Ada;;;", "TEL;type=pref:5550100", "CATEGORIES:All", "X-ABUID:X:ABPerson"] {
        assert!(card.contains(&format!("\r\n{line}\r\n")), "{line} {card}");
    }
    let none = AddressBook::new(&made("CREATE TABLE a(b)"), None).unwrap();
    assert!(people(&none).0.is_empty());
}

#[test]
fn pictures_are_inside_or_elsewhere() {
    let with = |image: &str, thumbnail: &str| {
        let book = book(&format!(
            "INSERT INTO ZABCDRECORD(Z_PK,Z_ENT,ZUNIQUEID,ZIMAGEDATA,ZTHUMBNAILIMAGEDATA)
             VALUES(2,22,'A:ABPerson',{image},{thumbnail})"
        ));
        let (_, records) = people(&book);
        let card = String::from_utf8(card_of(&book, &records[0])).unwrap();
        let photo = card.lines().find(|line| line.starts_with("PHOTO")).unwrap_or_default();
        let photo = photo.strip_prefix("PHOTO;ENCODING=b;TYPE=").unwrap_or_default().to_owned();
        (photo, records[0].warnings.contains(&ELSEWHERE))
    };
    let png = "x'0189504E470D0A'";
    assert_eq!(with("NULL", "NULL"), (String::new(), false));
    assert_eq!(with("x'01FFD8FF'", png), ("JPEG:/9j/".to_owned(), false));
    assert_eq!(with("NULL", png), ("PNG:iVBORw0K".to_owned(), false));
    assert_eq!(with("x'FFD8FF'", "NULL"), ("JPEG:/9j/".to_owned(), false));
    assert_eq!(with("x'024100'", png), ("PNG:iVBORw0K".to_owned(), true));
    assert_eq!(with("x'024100'", "x'01'"), (String::new(), true));
    assert_eq!(with("'text'", "7"), (String::new(), false));
}

#[test]
fn birthdays_are_days() {
    let of = |seconds: &str| {
        let book = book(&format!(
            "INSERT INTO ZABCDRECORD(Z_PK,Z_ENT,ZUNIQUEID,ZBIRTHDAY) VALUES(2,22,'A',{seconds})"
        ));
        let (_, records) = people(&book);
        let card = String::from_utf8(card_of(&book, &records[0])).unwrap();
        card.lines().find(|line| line.starts_with("BDAY")).unwrap_or_default().to_owned()
    };
    assert_eq!(of("0"), "BDAY:2001-01-01");
    assert_eq!(of("43200.5"), "BDAY:2001-01-01");
    assert_eq!(of("-1"), "BDAY:2000-12-31");
    assert_eq!(of("-2969784000"), "BDAY:1906-11-23");
    for none in ["NULL", "'soon'", "1e300", "9223372036854775807"] {
        assert_eq!(of(none), "", "{none}");
    }
    // Whatever it is, it is one line.
    assert!(!of("-9223372036854775807").contains('\r'));
}

/// No text can end its line or its card.
#[test]
fn no_text_gets_out_of_its_line() {
    let nasty = "a\r\nEND:VCARD\r\nBEGIN:VCARD\u{0}\u{85}\u{2028};\",:\\";
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("{TABLES}{WREN}")).unwrap();
    let tables: BTreeMap<&str, &[&str]> = [
        ("ZABCDRECORD", &["ZFIRSTNAME", "ZUNIQUEID", "ZNAME", "ZEXTERNALUUID", "ZJOBTITLE"][..]),
        ("ZABCDEMAILADDRESS", &["ZADDRESS", "ZLABEL"]),
        ("ZABCDPOSTALADDRESS", &["ZSTREET", "ZLABEL", "ZCOUNTRYCODE", "ZSUBLOCALITY"]),
        ("ZABCDSOCIALPROFILE", &["ZSERVICENAME", "ZUSERNAME", "ZURLSTRING"]),
        ("ZABCDSERVICE", &["ZSERVICENAME"]),
        ("ZABCDNOTE", &["ZTEXT"]),
    ]
    .into();
    for (table, columns) in tables {
        for column in columns {
            let sql = format!("UPDATE {table} SET {column}=?1");
            connection.execute(&sql, [Value::Text(nasty.to_owned())]).unwrap();
        }
    }
    connection.execute("UPDATE ZABCDRECORD SET ZUNIQUEID=Z_PK||ZUNIQUEID", []).unwrap();
    let bytes = connection.serialize("main").unwrap().to_vec();
    let book = AddressBook::new(&bytes, None).unwrap();
    assert_eq!(people(&book).1.len(), 1);
    assert_round(&book);
}

#[test]
fn no_damage_makes_it_panic() {
    let mut random = Random(0x626F_6F6B);
    let base = sample(EXPORTS[0], MAC);
    let log = sample(EXPORTS[0], &format!("{MAC}-wal"));
    let whole = made(&format!("{TABLES}{WREN}"));
    let liked: [&[u8]; 4] = [b"\xFF\xFF\xFF\xFF", b"\x0D\0\0\0", b"ZABCDRECORD", b"\x05\0\0\0\x02"];
    for round in 0..500 {
        let opened = match round % 3 {
            0 => AddressBook::new(&random.damaged(&whole, &liked), None),
            1 => AddressBook::new(&base, Some(&random.damaged(&log, &liked))),
            _ => AddressBook::new(&random.damaged(&base, &liked), Some(&log)),
        };
        if let Ok(book) = opened {
            for record in people(&book).1 {
                drop(card_of(&book, &record));
            }
        }
    }
}
