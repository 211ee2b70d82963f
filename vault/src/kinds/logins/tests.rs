//! Every layout of an export, and what is wrong with those people have.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;

use super::{Cells, Written, code, fields, scan, to_apple_csv, write};
use crate::kinds::address::host;
use crate::kinds::rows::{ROW_MAX, TOO_BROKEN, TOO_LONG};
use crate::kinds::tests::records::Made;
use crate::kinds::{Field, Identity, Kind, Locator, Quality, Record, Scanned, dates};

const EXPORTS: [&str; 2] = ["icloud-export", "icloud-export-a-month-later"];

/// File, layout, records.
const SAMPLES: &[(&str, &str, usize)] = &[
    ("Passwords/Passwords.csv", "Apple Passwords", 0),
    ("Passwords/암호.csv", "Apple Passwords", 3),
    ("Passwords/one-time codes.txt", "otpauth addresses", 3),
    ("Passwords/Other managers/1Password.csv", "1Password", 2),
    ("Passwords/Other managers/Chrome Passwords.csv", "Chrome", 6),
    ("Passwords/Other managers/KeePassXC.csv", "KeePassXC", 2),
    ("Passwords/Other managers/Proton Pass_export.csv", "Proton Pass", 2),
    ("Passwords/Other managers/cxf-export.json", "credential exchange", 0),
    ("Passwords/Other managers/firefox-logins.csv", "Firefox", 7),
    ("Passwords/Other managers/generic.csv", "a table", 1),
    ("Passwords/Other managers/lastpass_export.csv", "LastPass", 2),
];

fn sample(export: &str, path: &str) -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    fs::read(data.join(export).join(path)).unwrap()
}

fn apple() -> Vec<u8> {
    sample(EXPORTS[0], SAMPLES[0].0)
}

fn bitwarden() -> Vec<u8> {
    sample(EXPORTS[0], "Passwords/Other managers/bitwarden_export_20260914.json")
}

/// One file for each reader.
fn one_of_each() -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> =
        SAMPLES.iter().map(|(path, ..)| sample(EXPORTS[0], path)).collect();
    files.push(bitwarden());
    files.push(sample(EXPORTS[0], "Passwords/Other managers/bitwarden_export_20260914.csv"));
    files.push(sample(EXPORTS[0], "Safari/Safari Export 2026-09-14/PaymentCards.json"));
    files.push(utf16(&apple(), u16::to_le_bytes));
    files
}

fn utf16(bytes: &[u8], pair: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = format!("\u{feff}{}", str::from_utf8(bytes).unwrap());
    text.encode_utf16().flat_map(pair).collect()
}

fn scanned(bytes: &[u8]) -> (Scanned, Vec<Record>) {
    let mut records = Vec::new();
    let scanned = scan(&mut Cursor::new(bytes), &mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.unwrap();
    assert_eq!(scanned.records, records.len() as u64);
    covered(bytes.len() as u64, &records);
    (scanned, records)
}

/// Records lie in the content one behind the other, and none is empty.
fn covered(length: u64, records: &[Record]) {
    let mut end = 0;
    for record in records {
        let range = place(record);
        assert!(end <= range.start && range.start < range.end && range.end <= length);
        end = range.end;
    }
}

fn place(record: &Record) -> Range<u64> {
    let Locator::Bytes(parts) = &record.locator else { panic!("a record without bytes") };
    let [range] = parts.as_slice() else { panic!("a record in parts") };
    range.clone()
}

fn cut(bytes: &[u8], range: Range<u64>) -> &[u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

fn frame<'a>(bytes: &'a [u8], scanned: &Scanned) -> Vec<&'a [u8]> {
    scanned.frame.iter().map(|part| cut(bytes, part.clone())).collect()
}

/// The fields of all records of a file.
fn all_fields(bytes: &[u8]) -> Vec<Vec<Field>> {
    let (scanned, records) = scanned(bytes);
    let frame = frame(bytes, &scanned);
    records.iter().map(|record| fields(&frame, cut(bytes, place(record)))).collect()
}

fn value<'a>(fields: &'a [Field], name: &str) -> &'a str {
    fields.iter().find(|field| field.name == name).map_or("", |field| &field.value)
}

fn by_title<'a>(records: &'a [Record], title: &str) -> &'a Record {
    records.iter().find(|record| record.title == title).unwrap()
}

type Told = (Quality, Vec<u8>, Vec<u8>);

/// What does not depend on the order of records.
fn told(records: &[Record]) -> BTreeSet<Told> {
    let told = |record: &Record| {
        let Identity { quality, bytes } = &record.identity;
        (*quality, bytes.to_vec(), record.essence.to_vec())
    };
    let all: BTreeSet<Told> = records.iter().map(told).collect();
    assert_eq!(all.len(), records.len(), "two records have one identity");
    all
}

fn identities(records: &[Record]) -> BTreeSet<(Quality, Vec<u8>)> {
    told(records).into_iter().map(|(quality, bytes, _)| (quality, bytes)).collect()
}

#[test]
fn every_layout_is_known_by_its_names() {
    for (path, layout, count) in SAMPLES {
        let bytes = sample(EXPORTS[0], path);
        let (scanned, records) = scanned(&bytes);
        assert_eq!(scanned.layout, *layout, "{path}");
        assert_eq!(scanned.notes, [""; 0], "{path}");
        assert!(records.len() == *count || *count == 0 && records.len() > 2, "{path}");
    }
    let headers = [
        ("Apple Passwords", "Title,URL,Username,Password,Notes"),
        ("Apple Passwords", "password;TITLE;username;Url"),
        ("1Password", "Title,Url,Username,Password,OTPAuth,Notes,Type"),
        ("1Password", "Title,Website,Username,Password,One-time password,Favorite"),
        ("Chrome", "name,url,username,password"),
        ("Proton Pass", "type,name,url,email,username,password,note,totp,createTime,modifyTime"),
        ("Bitwarden", "login_uri\tlogin_password\tlogin_username"),
        ("a table", "Website,Kennwort"),
        ("", "Title,Amount"),
    ];
    for (layout, header) in headers {
        let (scanned, records) = scanned(format!("{header}\n").as_bytes());
        assert_eq!((scanned.layout, records.len()), (layout, 0), "{header}");
    }
}

#[test]
fn a_month_later_a_record_is_known_again() {
    for (path, ..) in SAMPLES {
        let [(_, before), (_, after)] = EXPORTS.map(|export| scanned(&sample(export, path)));
        let (before, after) = (identities(&before), identities(&after));
        if path.ends_with("Passwords.csv") && !path.contains("Chrome") {
            // One has gone, two are new, one has another password.
            assert_eq!(before.difference(&after).count(), 1, "{path}");
            assert_eq!(after.difference(&before).count(), 2, "{path}");
        } else {
            assert_eq!(before, after, "{path}");
        }
    }
    let [before, after] = EXPORTS.map(|export| told(&scanned(&sample(export, SAMPLES[0].0)).1));
    assert_eq!(before.difference(&after).count(), 2);
    assert_eq!(after.difference(&before).count(), 3);
    // Only what is of no lasting meaning has changed in these.
    for path in [SAMPLES[8].0, SAMPLES[7].0] {
        let [before, after] = EXPORTS.map(|export| told(&scanned(&sample(export, path)).1));
        assert_eq!(before, after, "{path}");
    }
}

#[test]
fn a_login_is_the_same_in_every_layout() {
    let row = |header: &str, row: &str| {
        let (_, records) = scanned(format!("{header}\r\n{row}").as_bytes());
        (records[0].identity.bytes.to_vec(), records[0].essence.to_vec())
    };
    let apple =
        row("Title,URL,Username,Password,Notes,OTPAuth", "A,https://a.test/,me,secret-1,n,");
    for (header, cells) in [
        ("name,url,username,password,note", "A,https://a.test/,me,secret-1,n"),
        (
            "Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes",
            "A,https://a.test/,me,secret-1,,true,false,,n",
        ),
        (
            "url,username,password,totp,extra,name,grouping,fav",
            "https://a.test/,me,secret-1,,n,A,,1",
        ),
        (
            "\"Group\";\"Title\";\"Username\";\"Password\";\"URL\";\"Notes\";\"TOTP\";\"Icon\"",
            ";\"A\";\"me\";\"secret-1\";\"https://a.test/\";n;;\"0\"",
        ),
    ] {
        assert_eq!(row(header, cells), apple, "{header}");
    }
    assert_ne!(row("name,url,username,password", "A,https://a.test/,me,secret-1 "), apple);
}

#[test]
fn what_lists_show_is_no_secret_and_says_which_login_it_is() {
    let (_, records) = scanned(&sample(EXPORTS[0], SAMPLES[8].0));
    let nas = by_title(&records, "nas.example.test:8443 (jordan)");
    assert_eq!((nas.place.as_str(), nas.user.as_str()), ("nas.example.test:8443", "jordan"));
    assert_eq!((nas.date, nas.identity.quality), (Some(1_650_000_000), Quality::Id));
    let (_, records) = scanned(&apple());
    let twice: Vec<&Record> =
        records.iter().filter(|record| record.place == "forum.example.net").collect();
    assert_eq!(twice.len(), 2);
    assert!(twice.iter().all(|record| record.identity.quality == Quality::Whole));
    let router = by_title(&records, "Example Home router");
    assert_eq!(router.identity.quality, Quality::Titled);
    assert_eq!(by_title(&records, "bank.example.org (jordan)").identity.quality, Quality::Fields);
    let (_, records) = scanned(&sample(EXPORTS[0], SAMPLES[5].0));
    assert_eq!(by_title(&records, "Router").date, Some(1_777_629_600));
    assert_eq!(by_title(&records, "Router").warnings, ["http address"]);
}

#[test]
fn hosts_are_told_apart_by_what_answers() {
    for (url, wanted) in [
        ("https://www.Example.COM/login?next=%2F", "example.com"),
        ("https://example.com:443", "example.com"),
        ("http://example.com:80/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("example.com:8443/x", "example.com:8443"),
        ("https://me:secret@example.com/", "example.com"),
        ("android://hash==@com.example.app/", "com.example.app"),
        ("https://[::1]:8443/", "[::1]:8443"),
        ("https://example.com./#x", "example.com"),
        ("", ""),
    ] {
        assert_eq!(host(url), wanted, "{url}");
    }
}

#[test]
fn dates_are_read_as_exports_write_them() {
    for (text, wanted) in [
        ("1650000000123", Some(1_650_000_000)),
        ("1650000000", Some(1_650_000_000)),
        ("2026-05-01T10:00:00Z", Some(1_777_629_600)),
        ("2026-05-01T12:00:00.123+02:00", Some(1_777_629_600)),
        ("1970-01-01", Some(0)),
        ("2000-02-29 00:00:00", Some(951_782_400)),
        ("2026-13-01", None),
        ("2026-00-01", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(dates::parse(text), wanted, "{text}");
    }
}

#[test]
fn blanks_line_ends_and_quotes_in_a_password_stay() {
    let all = all_fields(&apple());
    let passwords: BTreeSet<&str> = all.iter().map(|fields| value(fields, "password")).collect();
    for wanted in [
        "  leading blanks and a trailing one ",
        "two\nlines",
        "comma, \"quotes\" and a semicolon;",
        "Пароль-密碼-비밀번호-🔑",
    ] {
        assert!(passwords.contains(wanted), "{wanted}");
    }
    let (_, records) = scanned(&apple());
    assert_eq!(
        records.iter().find(|record| record.place == "museum.example.org").unwrap().warnings,
        ["no password"]
    );
}

#[test]
fn warnings_say_what_is_wrong_with_a_login() {
    let table = "title,url,username,password\n\
        a,https://a.test,me,correct horse\n\
        b,https://b.test,me,correct horse\n\
        c,https://c.test,me,short\n\
        d,http://d.test,me,12345678901\n\
        e,https://e.test,me,\n\
        f,https://f.test,me,staple battery\n\
        f,https://g.test,me,staple battery\n\
        g,https://h.test\n\
        h,https://i.test,me,a fine one,and more\n";
    let (_, records) = scanned(table.as_bytes());
    let warnings: Vec<String> = records.iter().map(|record| record.warnings.join(", ")).collect();
    assert_eq!(
        warnings,
        [
            "password used more than once",
            "password used more than once",
            "weak password",
            "weak password, http address",
            "no password",
            "",
            "",
            "fewer cells than the header, no password",
            "more cells than the header",
        ]
    );
}

#[test]
fn a_cell_too_many_shows_no_part_of_a_secret() {
    let table = "url,username,password,totp,extra,name,grouping,fav\n\
        https://a.test/,me,hidden,alsohidden,,,A,,1\n";
    let (_, records) = scanned(table.as_bytes());
    assert_eq!(records[0].title, "a.test (me)");
    let table = "Group,Title,Username,Password,URL,Notes\nroot,A,me,hidden,https://alsohidden,,\n";
    let bytes = table.as_bytes();
    let (_, records) = scanned(bytes);
    assert!(!format!("{}{}", records[0].title, records[0].place).contains("hidden"));
    for field in &all_fields(bytes)[0] {
        assert_eq!(
            field.is_secret,
            field.name == "password"
                || field.value.contains("hidden")
                || field.value.contains("root")
                || field.value.contains('A')
                || field.value.contains("me"),
            "{}",
            field.name
        );
    }
}

#[test]
fn an_open_quote_hides_no_neighbour() {
    let names = |count: usize| (0..count).map(|n| format!("h{n}")).collect::<Vec<_>>();
    let row = |n: usize| format!("h{n},https://h{n}.test/,me,password {n},\"a, b\"\n");
    for (broken, line) in
        [("never closed", "t,u,me,\"secret\n"), ("closed later", "t,u,me,\"secret,x\n")]
    {
        let mut table = "Title,URL,Username,Password,Notes\n".to_owned();
        table.extend((0..5).map(row));
        table.push_str(line);
        table.extend((5..9).map(row));
        let (_, records) = scanned(table.as_bytes());
        let mut titles: Vec<&str> = records.iter().map(|record| record.title.as_str()).collect();
        let found = titles.remove(5);
        assert_eq!(
            (found, titles),
            ("broken row", names(9).iter().map(String::as_str).collect()),
            "{broken}"
        );
        assert_eq!(records[5].warnings, ["a quote is not closed"]);
        let fields = &all_fields(table.as_bytes())[5];
        assert_eq!(value(fields, "row"), line);
        assert!(fields[0].is_secret);
    }
}

#[test]
fn text_that_is_none_is_kept_apart_and_said() {
    let table = b"title,url,username,password\na,https://a.test,me,gr\xfc\xdfe-an-alle\n\
        b,https://b.test,me,gr\xf6\xdfe-an-alle\nc,https://c.test,me,nul\0inside it\n";
    let (_, records) = scanned(table);
    assert_eq!(records[0].warnings, ["text in an unknown encoding"]);
    assert_eq!(records[2].warnings, [""; 0]);
    let all = all_fields(table);
    assert_eq!(value(&all[0], "password"), "grüße-an-alle");
    assert_eq!(value(&all[2], "password"), "nul\0inside it");
}

#[test]
fn every_encoding_and_line_end_has_the_same_records() {
    let plain = apple();
    let text = str::from_utf8(&plain).unwrap();
    let (_, records) = scanned(&plain);
    let wanted = told(&records);
    let unmarked: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let blank_lines = format!("\u{feff}\r\n\nsep=,\r\n{}\n\r\n", text.replacen('\n', "\r\n\n", 1));
    let variants = [
        utf16(&plain, u16::to_le_bytes),
        utf16(&plain, u16::to_be_bytes),
        unmarked,
        format!("\u{feff}{text}").into_bytes(),
        blank_lines.into_bytes(),
        text.trim_end().as_bytes().to_vec(),
    ];
    for (at, variant) in variants.iter().enumerate() {
        assert_eq!(told(&scanned(variant).1), wanted, "{at}");
        let all = all_fields(variant);
        assert!(all.iter().any(|fields| value(fields, "password") == "two\nlines"), "{at}");
    }
    // Half a unit at the end is part of the last row.
    let mut odd = utf16(b"url,password\na.test,secret one\nb.test,secret two", u16::to_be_bytes);
    odd.push(0);
    let (_, records) = scanned(&odd);
    assert_eq!(place(&records[1]).end, odd.len() as u64);
    assert_eq!(records[1].warnings, ["text in an unknown encoding"]);
    for ends in ["\r", "\r\n"] {
        let table = "url,user,password\na.test,me,one secret\n\nb.test,me,two secret\n";
        let (_, records) = scanned(table.replace('\n', ends).as_bytes());
        assert_eq!(records.len(), 2, "{ends:?}");
    }
}

#[test]
fn several_columns_may_mean_the_same() {
    let table = "name,url,email,username,password\nA,https://a.test,me@a.test,,one secret\n\
        B,https://b.test,me@b.test,bob,two secret\n";
    let (_, records) = scanned(table.as_bytes());
    assert_eq!(records[0].user, "me@a.test");
    assert_eq!(records[1].user, "bob");
    assert_eq!(value(&all_fields(table.as_bytes())[1], "email"), "me@b.test");
    // A column that only sounds like that of a card.
    let table = b"name,url,user,password,number\nA,https://a.test,me,one secret,12345\n";
    assert_eq!(value(&all_fields(table)[0], "other number"), "12345");
}

#[test]
fn each_producer_means_its_cells_its_own_way() {
    let all = all_fields(&sample(EXPORTS[0], SAMPLES[10].0));
    assert_eq!(value(&all[0], "password"), "salt & pepper <3");
    assert_eq!(value(&all[1], "url"), "");
    let path = "Passwords/Other managers/bitwarden_export_20260914.csv";
    let all = all_fields(&sample(EXPORTS[0], path));
    let urls: Vec<&str> = all[0]
        .iter()
        .filter(|field| field.name == "url")
        .map(|field| field.value.as_str())
        .collect();
    assert_eq!(urls, ["https://bank.example.org/", "https://www.example.org/bank"]);
    let custom = all[0].iter().find(|field| field.name == "fields").unwrap();
    assert!(custom.is_secret);
    let masked = |name: &str| all[1].iter().find(|field| field.name == name).unwrap().is_secret;
    assert!(masked("password") && masked("otp") && !masked("title") && !masked("url"));
}

#[test]
fn bitwarden_items_are_logins_notes_and_cards() {
    let bytes = bitwarden();
    let (scanned, records) = scanned(&bytes);
    assert_eq!((scanned.layout, records.len()), ("Bitwarden JSON", 3));
    assert_eq!(
        records.iter().map(|record| record.kind).collect::<Vec<_>>(),
        [Kind::Passwords, Kind::Passwords, Kind::Cards]
    );
    assert!(records.iter().all(|record| record.identity.quality == Quality::Id));
    assert_eq!(records[0].date, Some(1_788_249_600));
    assert_eq!(
        (records[0].place.as_str(), records[0].user.as_str()),
        ("bank.example.org", "jordan")
    );
    assert_eq!(records[1].warnings, [""; 0]);
    assert!(cut(&bytes, place(&records[0])).starts_with(b"{"));
    assert!(cut(&bytes, place(&records[0])).ends_with(b"}"));
    let all = all_fields(&bytes);
    assert_eq!(value(&all[0], "fields.recovery"), "nine oaks");
    assert_eq!(value(&all[2], "number"), "4111111111111111");
    let own = r#"{"items": [{"name": "A", "fields": [{"name": "email", "value": "x", "type": 1},
        {"name": "password", "value": "y", "type": 0}], "login": {"password": "z z z z z"}}]}"#;
    let own = &all_fields(own.as_bytes())[0];
    assert_eq!((value(own, "password"), value(own, "fields.password")), ("z z z z z", "y"));
    assert!(own.iter().all(|field| field.is_secret == (field.name != "title")));
    let shown = all.iter().flatten().filter(|field| !field.is_secret);
    for field in shown {
        let value = field.value.as_str();
        assert!(
            !["nine oaks", "555-0142", "an older one", "9 0 2 1 0", "4111111111111111", "123"]
                .contains(&value),
            "{}",
            field.name
        );
    }
}

#[test]
fn credential_exchange_items_are_one_record_each() {
    let bytes = sample(EXPORTS[0], SAMPLES[7].0);
    let (_, records) = scanned(&bytes);
    let all = all_fields(&bytes);
    assert_eq!(records[0].title, "Example Bank");
    assert_eq!((records[0].user.as_str(), records[0].date), ("jordan", Some(1_710_000_000)));
    let otp = value(&all[0], "otp");
    assert!(otp.starts_with("otpauth://totp/Example%20Bank:jordan?secret="), "{otp}");
    assert_eq!(code(otp, 0).unwrap().0.len(), 6);
    assert_eq!(value(&all[1], "passkey"), "mail.example.com");
    assert_eq!(records[1].warnings, [""; 0]);
    let key = all[1].iter().find(|field| field.name == "passkey.key").unwrap();
    assert!(key.is_secret);
    assert!(all.iter().flatten().all(|field| field.name != "passphrase"));
}

#[test]
fn payment_cards_are_known_by_their_numbers() {
    let path = "Safari/Safari Export 2026-09-14/PaymentCards.json";
    let bytes = sample(EXPORTS[0], path);
    let (_, records) = scanned(&bytes);
    assert!(records.iter().all(|record| record.kind == Kind::Cards));
    assert!(records.iter().all(|record| record.identity.quality == Quality::Fields));
    let titles: Vec<&str> = records.iter().map(|record| record.title.as_str()).collect();
    assert_eq!(titles, ["Blue card", "card ending in 4444", "card ending in 0005"]);
    let later = str::from_utf8(&bytes).unwrap().replace("1757740523123456.5", "1.8e15");
    assert_eq!(told(&scanned(later.as_bytes()).1), told(&records));
    let table = b"Card Number,Name on card,Expiry date,CVV\n4111111111111111,JO,04/29,123\n";
    let (_, records) = scanned(table);
    assert_eq!(records[0].title, "card ending in 1111");
}

#[test]
fn json_that_cannot_be_read_is_said_and_is_no_record() {
    for (text, warning) in [
        ("{\"items\": [{\"id\": 1}", "not readable as JSON"),
        ("{\"encrypted\": true, \"items\": []}", "an encrypted export"),
        ("[1, 2]", "not readable as JSON"),
        ("{\"version\": 1}", "a layout that is not known"),
    ] {
        let (scanned, _) = scanned(text.as_bytes());
        assert_eq!(scanned.notes, [warning], "{text}");
    }
    let deep =
        format!("{{\"items\": [{}1{}, {{\"name\": \"A\"}}]}}", "[".repeat(200), "]".repeat(200));
    let (_, records) = scanned(deep.as_bytes());
    assert_eq!((records[0].title.as_str(), records[1].title.as_str()), ("broken row", "A"));
    let row = &all_fields(deep.as_bytes())[0];
    assert_eq!((row[0].name.as_str(), row[0].is_secret, row.len()), ("row", true, 1));
}

#[test]
fn a_list_of_seeds_has_a_record_a_line() {
    let text = "otpauth://totp/Mail:jordan?secret=MZXW6YTB&issuer=Mail\r\n\nremember this\n\
        otpauth://totp/jordan%40a.test?secret=MZXW6YTB&issuer=Git%20Hub\n\
        otpauth-migration://offline?data=AAAA";
    let (scanned, records) = scanned(text.as_bytes());
    assert_eq!(scanned.notes, ["lines that are no otpauth addresses"]);
    let titles: Vec<&str> = records.iter().map(|record| record.title.as_str()).collect();
    assert_eq!(titles, ["Mail (jordan)", "Git Hub (jordan@a.test)", "untitled"]);
    assert!(
        all_fields(text.as_bytes())
            .iter()
            .flatten()
            .all(|field| field.is_secret == (field.name == "otp"))
    );
    let wide = utf16(text.as_bytes(), u16::to_be_bytes);
    assert_eq!(value(&all_fields(&wide)[0], "title"), "Mail (jordan)");
    assert_eq!(value(&all_fields(&wide[2..])[0], "title"), "Mail (jordan)");
}

/// RFC 6238, appendix B: seconds, then codes by SHA-1, SHA-256 and SHA-512.
const CODES: &[(u64, [&str; 3])] = &[
    (59, ["94287082", "46119246", "90693936"]),
    (1_111_111_109, ["07081804", "68084774", "25091201"]),
    (1_111_111_111, ["14050471", "67062674", "99943326"]),
    (1_234_567_890, ["89005924", "91819424", "93441116"]),
    (2_000_000_000, ["69279037", "90698825", "38618901"]),
    (20_000_000_000, ["65353130", "77737706", "47863826"]),
];

#[test]
fn codes_are_those_of_the_rfc() {
    // "12345678901234567890" as often as the hash wants it.
    let seeds = [
        ("SHA1", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        ("SHA256", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA===="),
        (
            "SHA512",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
            GEZDGNBVGY3TQOJQGEZDGNA=",
        ),
    ];
    for (seconds, codes) in CODES {
        for ((algorithm, seed), wanted) in seeds.iter().zip(codes) {
            let seed = seed.replace('=', "%3D");
            let uri = format!("otpauth://totp/x?secret={seed}&algorithm={algorithm}&digits=8");
            let (code, left) = code(&uri, *seconds).unwrap();
            assert_eq!(
                (code.as_str(), left),
                (*wanted, 30 - seconds % 30),
                "{algorithm} {seconds}"
            );
        }
    }
    assert_eq!(code("gezd gnbv-gy3t qojq GEZD GNBV GY3T QOJQ", 59).unwrap().0.as_str(), "287082");
    let (code_7, left) =
        code("OTPAUTH://TOTP/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=7&period=60", 118)
            .unwrap();
    assert_eq!((code_7.len(), left), (7, 2));
    for (seed, why) in [
        ("otpauth://hotp/x?secret=AAAA&counter=1", "its codes are counted, not timed"),
        ("steam://AAAA", "the address is of another sort"),
        ("otpauth://totp/x", "the address has no seed"),
        ("not base32!", "the seed is not Base32"),
        ("", "the seed is empty"),
        ("otpauth://totp/x?secret=AAAA&digits=9", "the number of digits is not 6 to 8"),
        ("otpauth://totp/x?secret=AAAA&period=0", "the period makes no sense"),
        ("otpauth://totp/x?secret=AAAA&algorithm=MD5", "the algorithm is not known"),
    ] {
        assert_eq!(code(seed, 0).unwrap_err(), why, "{seed}");
    }
}

fn as_apple(bytes: &[u8], cells: Cells) -> (Written, Vec<u8>) {
    let mut out = Vec::new();
    let written = to_apple_csv(all_fields(bytes), cells, &mut out).unwrap();
    (written, out)
}

#[test]
fn apples_own_table_comes_out_as_it_went_in() {
    let (written, out) = as_apple(&apple(), Cells::Exact);
    assert!(out == apple());
    assert_eq!((written.left_out, written.fields_left_out), (0, 0));
    let (_, out) = as_apple(&utf16(&apple(), u16::to_be_bytes), Cells::Exact);
    assert!(out == apple());
}

#[test]
fn every_export_becomes_apples_table() {
    for (path, rows, left_out, fields_left_out) in [
        ("Passwords/Other managers/bitwarden_export_20260914.json", 1, 2, None),
        ("Passwords/Other managers/bitwarden_export_20260914.csv", 3, 1, Some(7)),
        ("Passwords/Other managers/lastpass_export.csv", 1, 1, Some(2)),
        ("Passwords/Other managers/KeePassXC.csv", 2, 0, Some(8)),
        ("Safari/Safari Export 2026-09-14/PaymentCards.json", 0, 3, Some(0)),
    ] {
        let (written, out) = as_apple(&sample(EXPORTS[0], path), Cells::Exact);
        assert_eq!((written.rows, written.left_out), (rows, left_out), "{path}");
        assert!(
            fields_left_out.is_none_or(|left| left == written.fields_left_out),
            "{path} {written:?}"
        );
        let (scanned, records) = scanned(&out);
        assert_eq!((scanned.layout, records.len() as u64), ("Apple Passwords", rows), "{path}");
    }
    let table = b"name,url,username,password,totp\nA B,https://a.test,me,one secret,mzxw 6ytb\n";
    let (_, out) = as_apple(table, Cells::Exact);
    let row = "A B,https://a.test,me,one secret,,otpauth://totp/A%20B?secret=mzxw6ytb\n";
    assert!(str::from_utf8(&out).unwrap().ends_with(row));
}

#[test]
fn a_spreadsheet_runs_nothing() {
    let table =
        "title,url,username,password\n=1+1,@x,+me,-secret-one\n\"\rx\",,\"\tx\",\"=\"\"q\"\"\"\n";
    let (_, out) = as_apple(table.as_bytes(), Cells::Neutralised);
    let rows = "'=1+1,'@x,'+me,'-secret-one,,\n\"'\rx\",,'\tx,\"'=\"\"q\"\"\",,\n";
    assert_eq!(str::from_utf8(&out).unwrap().split_once('\n').unwrap().1, rows);
    let (_, out) = as_apple(table.as_bytes(), Cells::Exact);
    assert!(str::from_utf8(&out).unwrap().contains("\n=1+1,@x,+me,-secret-one,,\n"));
}

#[test]
fn a_row_without_end_costs_no_more_than_its_cap() {
    let header = "title,url,username,password\n";
    let row = "a,https://a.test,me,one secret\n";
    let made = |start: &str, middle: &str, middle_size: u64, end: &str| Made {
        start: format!("{header}{row}{start}").into_bytes(),
        middle: middle.repeat(4096 / middle.len()).into_bytes(),
        middle_size,
        end: end.as_bytes().to_vec(),
        at: 0,
    };
    let run = |mut made: Made| {
        let mut titles = Vec::new();
        let scanned = scan(&mut made, &mut |record| {
            titles.push(record.title);
            Ok(())
        });
        (scanned.unwrap(), titles)
    };
    let size = 5 * ROW_MAX as u64;
    // One line that never ends.
    let (scanned, titles) = run(made("b,\"", "x", size, "\nc,https://c.test,me,two secret\n"));
    assert_eq!((scanned.notes, titles), (vec![TOO_LONG], vec!["a".to_owned(), "c".to_owned()]));
    // As many columns.
    let (scanned, titles) = run(made("", ",", size, "\nc\n"));
    assert_eq!((scanned.notes, titles), (vec![TOO_LONG], vec!["a".to_owned(), "c".to_owned()]));
    // Each line opens what the one before it left open.
    let (scanned, titles) = run(made("b,\"\n", "a\"b,\"\n  ", size, "\n"));
    assert_eq!(scanned.notes, [TOO_BROKEN]);
    assert!(titles.len() < 50);
    // A million columns in a row that is not too long, and in the header row.
    let columns = ",".repeat(1_000_000);
    let (_, records) = self::scanned(format!("{header}x{columns}\n{row}").as_bytes());
    assert_eq!((records.len(), records[1].title.as_str()), (2, "a"));
    assert_eq!(records[0].warnings, ["more cells than the header"]);
    let (scanned, records) = self::scanned(format!("url,password{columns}\n{row}").as_bytes());
    assert_eq!((scanned.notes.len(), records.len()), (1, 0));
}

#[test]
fn no_damage_makes_it_panic() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let bytes_liked = b"\",\n\r;\t\0\xff{}[]\\:=&%";
    for file in one_of_each() {
        let file = &file[..file.len().min(700)];
        for _ in 0..10_000 {
            let mut damaged = file.to_vec();
            for _ in 0..=random(4) {
                let at = random(damaged.len());
                match random(4) {
                    0 => damaged.truncate(at + 1),
                    1 => damaged.insert(at, bytes_liked[random(bytes_liked.len())]),
                    2 => damaged[at] = bytes_liked[random(bytes_liked.len())],
                    _ => damaged[at] ^= 1 << random(8),
                }
            }
            let (scanned, records) = scanned(&damaged);
            told(&records);
            let frame = frame(&damaged, &scanned);
            for record in &records {
                assert!(
                    !fields(&frame, cut(&damaged, place(record))).is_empty()
                        || record.title == "untitled"
                );
            }
        }
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]{1,3}", "[ab,;\"\n\r\t é🔑=]{0,12}",]
}

proptest! {
    /// Written by the `csv` crate, read by it and by this: the same cells.
    #[test]
    fn the_csv_crate_reads_the_same(
        rows in prop::collection::vec(prop::array::uniform4(cell()), 0..12),
        delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        is_crlf in any::<bool>(),
        always in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(if is_crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        writer.write_record(["Title", "URL", "Username", "Password"]).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let bytes = writer.into_inner().unwrap();
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(&*bytes);
        let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let all = all_fields(&bytes);
        prop_assert_eq!(all.len(), read.len());
        for (fields, read) in all.iter().zip(&read) {
            for (name, cell) in ["title", "url", "user", "password"].iter().zip(read) {
                prop_assert_eq!(value(fields, name), cell);
            }
        }
    }

    /// Rows and columns in another order: the same identities, with the same to say.
    #[test]
    fn order_says_nothing(
        rows in prop::collection::vec(prop::array::uniform4("[ab\n\"]{0,2}"), 0..10),
        seed in any::<prop::sample::Index>(),
    ) {
        let table = |rows: &[[String; 4]], order: [usize; 4]| {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let names = ["Title", "URL", "Username", "Password"];
            writer.write_record(order.map(|at| names[at])).unwrap();
            rows.iter().for_each(|row| writer.write_record(order.map(|at| &row[at])).unwrap());
            writer.into_inner().unwrap()
        };
        let mut turned = rows.clone();
        turned.reverse();
        if !turned.is_empty() {
            turned.rotate_left(seed.index(rows.len()));
        }
        let (_, before) = scanned(&table(&rows, [0, 1, 2, 3]));
        let (_, after) = scanned(&table(&turned, [3, 1, 0, 2]));
        prop_assert_eq!(told(&before), told(&after));
    }
}

/// Some records of a file in one of their own: they say what they said, and nothing else is there.
#[test]
fn some_records_make_a_file_of_their_own() {
    for file in one_of_each() {
        let (scanned, records) = scanned(&file);
        let frame = frame(&file, &scanned);
        let bytes: Vec<&[u8]> = records.iter().map(|record| cut(&file, place(record))).collect();
        for (from, to) in [(0, bytes.len()), (0, 1), (1, 2), (bytes.len() - 1, bytes.len())] {
            let Some(some) = bytes.get(from..to) else { continue };
            let again = write(&frame, some);
            let (_, found) = self::scanned(&again);
            let said = |records: &[Record]| -> Vec<(String, Vec<u8>)> {
                records.iter().map(|r| (r.title.clone(), r.essence.to_vec())).collect()
            };
            assert_eq!(said(&found), said(&records[from..to]));
        }
    }
    // Without gaps between the records it is the same file again.
    let file = apple();
    let (scanned, records) = scanned(&file);
    let bytes: Vec<&[u8]> = records.iter().map(|record| cut(&file, place(record))).collect();
    assert_eq!(*write(&frame(&file, &scanned), &bytes), file);
}
