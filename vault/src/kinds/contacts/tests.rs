//! Cards of every version, and what is wrong with those people have.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::card::{FOREIGN, NO_END, NO_NAME};
use super::{CARD_MAX, CARDS_MAX, GROUP, STRAY, TOO_LONG, TOO_MANY, fields, member};
use crate::kinds::tests::records::{
    EXPORTS, Made, Random, all_fields, all_samples, assert_same, by_title, bytes_of, difference,
    ranges, sample, scanned, told, utf16, value, written,
};
use crate::kinds::{Format, Quality, Record, parts};

const FORMAT: Format = Format::Contacts;
const ALL: &str = "Contacts/All Contacts.vcf";

/// File and the titles of its cards.
const SAMPLES: &[(&str, &[&str])] = &[
    ("Old Mac.vcf", &["Agnes Attic"]),
    ("Old phone.vcf", &["Knut Müster mit einem recht langen Namen und noch etwas", "Pat Plain"]),
    ("iPhone backup.vcf", &["Double Return"]),
    ("version 4.vcf", &["Vera Vier"]),
    ("cut off.vcf", &["Wanda Whole", "Henry Half"]),
];

fn cards(bytes: &[u8]) -> Vec<Record> {
    scanned(FORMAT, bytes).1
}

fn titles(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.title.as_str()).collect()
}

fn essence(card: &str) -> Vec<u8> {
    let records = cards(card.as_bytes());
    assert_eq!(records.len(), 1, "{card}");
    records[0].essence.to_vec()
}

/// A card of version 3.0 with these lines.
fn card(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{lines}END:VCARD\r\n")
}

#[test]
fn every_sample_has_its_people() {
    for (name, wanted) in SAMPLES {
        let bytes = sample(EXPORTS[0], &format!("Contacts/{name}"));
        let (scanned, records) = scanned(FORMAT, &bytes);
        assert_eq!(titles(&records), *wanted, "{name}");
        assert_eq!((scanned.layout, scanned.notes.len()), ("vCard", 0), "{name}");
    }
    let records = cards(&sample(EXPORTS[0], ALL));
    assert_eq!(records.len(), 40);
    let wren = by_title(&records, "Wren O'Quillon");
    assert_eq!(
        (wren.place.as_str(), wren.user.as_str()),
        ("Quill; Ink, and Sons", "person03@example.net")
    );
    assert_eq!((wren.identity.quality, wren.date), (Quality::Id, None));
    assert!(records.iter().all(|record| record.warnings.is_empty()));
    // Neither UID nor X-ABUID.
    assert_eq!(by_title(&records, "Łucjan Żmudziński").identity.quality, Quality::Fields);
    assert_eq!(by_title(&records, "Ömür Çağlıyan").identity.quality, Quality::Id);
    let cut = cards(&sample(EXPORTS[0], "Contacts/cut off.vcf"));
    assert_eq!(cut[1].warnings, [NO_END]);
    assert!(cut[0].warnings.is_empty());
}

#[test]
fn records_and_what_is_between_them_are_the_file() {
    for (name, bytes) in all_samples("Contacts", "vcf") {
        let mut rebuilt = Vec::new();
        for record in cards(&bytes) {
            let [range] = ranges(&record) else { panic!("{name}: a card in parts") };
            let start = usize::try_from(range.start).unwrap();
            rebuilt.extend_from_slice(&bytes[rebuilt.len()..start]);
            let card = bytes_of(&bytes, &record);
            let is_whole = card.ends_with(b"END:VCARD\r\n") || card.ends_with(b"END:VCARD\r\r\n");
            assert!(card.starts_with(b"BEGIN:VCARD\r"), "{name}");
            assert_eq!(is_whole, !record.warnings.contains(&NO_END), "{name}");
            rebuilt.extend_from_slice(&card);
        }
        rebuilt.extend_from_slice(&bytes[rebuilt.len()..]);
        assert!(rebuilt == bytes, "{name}");
    }
}

#[test]
fn a_month_later_only_what_changed_has() {
    let [before, after] = EXPORTS.map(|export| cards(&sample(export, ALL)));
    let [added, removed, changed] = difference(&before, &after);
    assert_eq!(added, ["Tove Tilføjet"]);
    assert_eq!(removed, ["João Exemplário", "எடுத்துக்காட்டு மாதிரி", "Ọlábísí Àpẹẹrẹ"]);
    assert_eq!(changed, ["Wren O'Quillon -> Wren Böhmländer-O'Quillon"]);
    for (name, _) in SAMPLES {
        let [before, after] =
            EXPORTS.map(|export| cards(&sample(export, &format!("Contacts/{name}"))));
        assert_same(&before, &after, name);
    }
}

/// The lines of a file without folds.
fn unfolded(bytes: &[u8]) -> Vec<String> {
    let text = str::from_utf8(bytes).unwrap().replace("\r\r\n", "\r\n").replace("\r\n ", "");
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

/// Lines folded after so many bytes, be it within a character.
fn folded(lines: &[String], width: usize, line_end: &str, blank: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        for (at, piece) in line.as_bytes().chunks(width).enumerate() {
            if at > 0 {
                bytes.extend([line_end.as_bytes(), blank.as_bytes()].concat());
            }
            bytes.extend_from_slice(piece);
        }
        bytes.extend_from_slice(line_end.as_bytes());
    }
    bytes
}

/// The cards of a file, each as its lines.
fn in_cards(lines: &[String]) -> Vec<Vec<String>> {
    let cards = lines.split_inclusive(|line| line == "END:VCARD");
    cards.map(<[String]>::to_vec).collect()
}

/// As another program, or the same a version later, writes the same line.
fn rewritten(line: &str, random: &mut Random) -> Option<String> {
    let name = line.split([';', ':']).next().unwrap();
    let line = match name {
        "PRODID" => "PRODID:-//Apple Inc.//iPhone OS 27.3//EN".to_owned(),
        "REV" => return None,
        "X-IMAGEHASH" => "X-IMAGEHASH:AAAAAAAAAAAAAAAAAAAAAA==".to_owned(),
        "PHOTO" => "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD".to_owned(),
        "CATEGORIES" => "CATEGORIES:Friends,Family".to_owned(),
        _ if line.starts_with("item") => {
            let (group, rest) = line.split_once('.').unwrap();
            format!("{}0{}.{rest}", &group[..4], &group[4..])
        }
        _ => line.to_owned(),
    };
    let (start, value) = line.split_once(':').unwrap();
    let mut params: Vec<String> = start.split(';').map(str::to_owned).collect();
    for param in &mut params[1..] {
        if param.starts_with("type=") && random.below(2) == 0 {
            *param = format!("TYPE={}", param[5..].to_uppercase());
        }
    }
    random.shuffle(&mut params[1..]);
    let types = params.iter().filter_map(|param| param.strip_prefix("type=")).collect::<Vec<_>>();
    if types.len() > 1 && random.below(2) == 0 {
        let types = format!("type={}", types.join(","));
        params.retain(|param| !param.starts_with("type="));
        params.push(types);
    }
    Some(format!("{}:{value}", params.join(";")))
}

#[test]
fn an_export_of_the_same_has_the_same_cards() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, bytes) in all_samples("Contacts", "vcf") {
        let before = cards(&bytes);
        if name.ends_with("Old phone.vcf") || name.ends_with("cut off.vcf") {
            continue;
        }
        for round in 0..40 {
            let mut all = in_cards(&unfolded(&bytes));
            for card in &mut all {
                let end = card.len() - 1;
                let mut inner: Vec<String> =
                    card[2..end].iter().filter_map(|line| rewritten(line, &mut random)).collect();
                inner.push(format!("X-WALLPAPER:{round}"));
                random.shuffle(&mut inner);
                card.splice(2..end, inner);
            }
            random.shuffle(&mut all);
            let width = [5, 20, 75, 76, 4000][round % 5];
            let line_end = ["\r\n", "\n", "\r\r\n", "\r"][round % 4];
            let blank = [" ", "\t"][round % 2];
            let again = folded(&all.concat(), width, line_end, blank);
            assert_same(&before, &cards(&again), &format!("{name}, {round}"));
        }
    }
}

#[test]
fn every_encoding_has_the_same_cards() {
    for (name, bytes) in all_samples("Contacts", "vcf") {
        let before = cards(&bytes);
        let text = str::from_utf8(&bytes).unwrap();
        let marked = format!("\u{feff}{text}");
        let twice = format!("{marked}\r\n\r\n{marked}");
        let big = |unit: u16| {
            let [low, high] = unit.to_le_bytes();
            [high, low]
        };
        let little = utf16(&bytes, u16::to_le_bytes);
        let variants = [marked.into_bytes(), little[2..].to_vec(), little, utf16(&bytes, big)];
        for variant in &variants {
            assert_same(&before, &cards(variant), &name);
            let (one, other) = (all_fields(FORMAT, &bytes), all_fields(FORMAT, variant));
            for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
                assert_eq!((&one.name, &*one.value), (&other.name, &*other.value), "{name}");
            }
            let copy = written(FORMAT, variant, &|_| true);
            assert!(copy.get(..2) == variant.get(..2), "{name}");
            assert_same(&before, &cards(&copy), &name);
        }
        assert_eq!(scanned(FORMAT, twice.as_bytes()).1.len(), 2 * before.len(), "{name}");
        let wide = utf16(&twice.as_bytes()[3..], u16::to_le_bytes);
        assert_eq!(cards(&wide).len(), 2 * before.len(), "{name}");
    }
}

#[test]
fn what_is_written_holds_the_same_cards() {
    for (name, bytes) in all_samples("Contacts", "vcf") {
        let before = cards(&bytes);
        let copy = written(FORMAT, &bytes, &|_| true);
        assert_same(&before, &cards(&copy), &name);
        assert!(cards(&copy).iter().all(|record| record.warnings.is_empty()), "{name}");
        if !name.ends_with("cut off.vcf") {
            assert!(copy == bytes, "{name}");
        }
        for record in &before {
            let one = written(FORMAT, &bytes, &|other| other.title == record.title);
            assert_eq!(titles(&cards(&one)), [record.title.as_str()], "{name}");
        }
    }
}

/// Quoted-printable with soft line breaks after so many bytes, as phones wrote it.
fn printable(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for byte in text.bytes() {
        let char = match byte {
            b'\n' => "=0D=0A".to_owned(),
            b'=' | 0..=31 | 127.. => format!("={byte:02X}"),
            byte => char::from(byte).to_string(),
        };
        if length + char.len() > width {
            out.push_str("=\r\n");
            length = 0;
        }
        length += char.len();
        out.push_str(&char);
    }
    out
}

#[test]
fn an_older_version_says_the_same() {
    let new = card(&[
        "N:Müster;Knut;;Dr.;",
        "FN:Knut Müster",
        "TEL;type=HOME;type=VOICE;type=pref:+1 (202) 555-0142",
        "EMAIL;type=INTERNET;type=WORK:knut@example.org",
        "ADR;type=HOME:;;12 Elm Street\\nBack door;Exampleton;;59007;Nowhere",
        "NOTE:Long enough to be broken\\, twice; umlauts äöü and = signs",
    ]);
    let note = printable("Long enough to be broken, twice; umlauts äöü and = signs", 20);
    let address = printable("12 Elm Street\nBack door", 30);
    let old = format!(
        "BEGIN:VCARD\r\nVERSION:2.1\r\n\
        NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:{note}\r\n\
        N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCster;Knut;;Dr.\r\n\
        FN;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Knut M=FCster\r\n\
        TEL;PREF;HOME:+12025550142\r\n\
        EMAIL;INTERNET;WORK:knut@example.org\r\n\
        ADR;HOME;ENCODING=QUOTED-PRINTABLE:;;{address};Exampleton;;59007;Nowhere\r\n\
        END:VCARD\r\n"
    );
    let newest = card(&[
        "N:Müster;Knut;;Dr.;",
        "FN:Knut Müster",
        "TEL;VALUE=uri;PREF=1;TYPE=\"voice,home\":tel:+1-202-555-0142",
        "EMAIL;TYPE=work:knut@example.org",
        "ADR;TYPE=home:;;12 Elm Street\\nBack door;Exampleton;;59007;Nowhere",
        "NOTE:Long enough to be broken\\, twice\\; umlauts äöü and = signs",
    ])
    .replace("3.0", "4.0");
    assert_eq!(essence(&new), essence(&old));
    assert_eq!(essence(&new), essence(&newest));
    let latin: Vec<u8> = old.replace("=FC", "ü").chars().map(|c| c as u8).collect();
    assert_eq!(cards(&latin)[0].warnings, [""; 0]);
}

#[test]
fn what_a_person_would_call_a_change_is_one() {
    let lines =
        ["N:Example;Ida;;;", "FN:Ida Example", "item1.TEL:555-0100", "item1.X-ABLabel:Boat"];
    let before = essence(&card(&lines));
    let bigger = |more: &str| {
        let mut lines = lines.to_vec();
        lines.push(more);
        essence(&card(&lines))
    };
    for more in [
        "NICKNAME:Id",
        "BDAY:--03-05",
        "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ",
        "item1.X-ABLabel:Car",
        "item2.X-ABLabel:Boat",
        "X-SOMETHING:new",
        "TEL:555-0100",
        "a line that is none",
    ] {
        assert_ne!(bigger(more), before, "{more}");
    }
    for more in [
        "NOTE:",
        "ORG:;",
        "REV:2026-01-01T00:00:00Z",
        "UID:1",
        "X-APPLE-LIKENESS-SOURCE:x",
        "CATEGORIES:Friends",
    ] {
        assert_eq!(bigger(more), before, "{more}");
    }
    let photo = |value: &str| bigger(&format!("PHOTO;ENCODING=b:{value}"));
    assert_eq!(photo("AAAA"), photo("BBBB"));
    for (one, other) in [
        ("TEL;type=HOME:1", "TEL;type=WORK:1"),
        ("TEL:1", "TEL;type=pref:1"),
        ("TEL:1", "FAX:1"),
        ("TEL:+1", "TEL:1"),
        ("BDAY:1990-01-02", "BDAY:1990-01-03"),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-05", "BDAY:1604-03-05"),
        ("N:A;B;;;", "N:B;A;;;"),
        ("N:A;B;;;", "N:A\\;B;;;"),
        ("ADR:;;a;b;;;", "ADR:;;a\\;b;;;"),
        (
            "item1.URL:a\r\nitem2.URL:b\r\nitem1.X-ABLabel:x",
            "item1.URL:a\r\nitem2.URL:b\r\nitem2.X-ABLabel:x",
        ),
        ("KEY;ENCODING=b:AAAA", "KEY;ENCODING=b:BBBB"),
    ] {
        assert_ne!(essence(&card(&[one])), essence(&card(&[other])), "{one} {other}");
    }
    for (one, other) in [
        ("BDAY:1990-01-02", "BDAY;VALUE=date:19900102"),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-05", "BDAY:--0305"),
        ("BDAY:1990-01-02", "BDAY:1990-01-02T00:00:00Z"),
        ("TEL:+1 (202) 555-0100", "TEL:+1-202-555.0100"),
        ("URL:http\\://example.org", "URL:http://example.org"),
        ("URL:http\\\\://example.org", "URL:http://example.org"),
        ("NOTE:a\\nb", "NOTE:a\\Nb"),
        (
            "item1.X-ABLabel:_$!<Home>!$_\r\nitem1.TEL:1",
            "item9.tel:1\r\nITEM9.x-ablabel:_$!<Home>!$_",
        ),
    ] {
        assert_eq!(essence(&card(&[one])), essence(&card(&[other])), "{one} {other}");
    }
}

#[test]
fn cards_that_share_a_rung_go_one_down() {
    let cards_of = |all: &[&[&str]]| {
        let text: String = all.iter().map(|lines| card(lines)).collect();
        cards(text.as_bytes())
    };
    let qualities = |all: &[&[&str]]| {
        let records = cards_of(all);
        told(&records);
        records.iter().map(|record| record.identity.quality).collect::<Vec<_>>()
    };
    use Quality::{Fields, Id, Titled, Whole};
    assert_eq!(qualities(&[&["UID:1", "FN:A"], &["UID:2", "FN:A"]]), [Id, Id]);
    assert_eq!(qualities(&[&["UID:1", "FN:A"], &["UID:1", "FN:B"]]), [Fields, Fields]);
    assert_eq!(
        qualities(&[&["UID:1", "X-ABUID:x", "FN:A"], &["UID:1", "FN:A", "TEL:1"]]),
        [Id, Titled]
    );
    assert_eq!(qualities(&[&["FN:A"], &["FN:A", "TEL:1"], &["FN:B"]]), [Titled, Titled, Fields]);
    assert_eq!(qualities(&[&["FN:A", "NOTE:x"], &["FN:A", "NOTE:y"]]), [Whole, Whole]);
    assert_eq!(qualities(&[&["FN:A"], &["FN:A"], &["FN:A"]]), [Whole, Whole, Whole]);
    assert_eq!(qualities(&[&["TEL:1"], &["EMAIL:a@b.test"], &["NOTE:x"]]), [Fields, Fields, Whole]);
    // An id is the same however it is written.
    for (one, other) in [
        (
            "UID:urn:uuid:152BD9AC-57b1-58e6-8cef-ebe1f7bf931b",
            "UID:152bd9ac-57b1-58e6-8cef-ebe1f7bf931b",
        ),
        ("X-ABUID:8C4D\\:ABPerson", "X-ABUID:8C4D:ABPerson"),
        ("X-ABUID:8C4D\\\\:ABPerson", "X-ABUID:8C4D:ABPerson"),
        ("EMAIL:A@b.test", "EMAIL;type=HOME:a@B.test"),
        ("FN:A\r\nTEL:1", "FN:A\r\nTEL:2"),
    ] {
        let [one, other] = [one, other].map(|line| cards_of(&[&[line]]));
        assert!(one[0].identity == other[0].identity, "{}", one[0].title);
    }
    assert!(cards_of(&[&["UID:x"]])[0].identity != cards_of(&[&["X-ABUID:x"]])[0].identity);
}

#[test]
fn lists_show_who_it_is() {
    for (lines, wanted) in [
        (&["FN:A B", "N:B;A", "ORG:C;D"][..], ["A B", "C", ""]),
        (&["N:B;A;M;Dr.;Jr."], ["Dr. A M B Jr.", "", ""]),
        (&["FN:C", "ORG:C;D", "ADR:;;s;Town;;;"], ["C", "Town", ""]),
        (&["FN:A", "X-ABShowAs:COMPANY", "ORG:C"], ["C", "", ""]),
        (&["ORG:C", "TEL:1"], ["C", "", "1"]),
        (&["NICKNAME:N", "EMAIL:a@b.test", "EMAIL;type=pref:c@d.test"], ["N", "", "c@d.test"]),
        (&["TEL;VALUE=uri:tel:+1-2"], ["+1-2", "", "+1-2"]),
        (&["NOTE:x"], ["unnamed", "", ""]),
        (&["FN: a\\n b "], ["a b", "", ""]),
        (&["item1.FN:A", "AGENT:BEGIN:VCARD\\nFN:B\\nEND:VCARD"], ["A", "", ""]),
    ] {
        let records = cards(card(lines).as_bytes());
        assert_eq!(
            [&records[0].title, &records[0].place, &records[0].user].map(String::as_str),
            wanted
        );
    }
    assert_eq!(cards(card(&["TEL:1"]).as_bytes())[0].warnings, [NO_NAME]);
    let long = card(&[&format!("FN:{}", "é".repeat(100_000))]);
    assert_eq!(cards(long.as_bytes())[0].title.chars().count(), 257);
}

#[test]
fn fields_are_named_and_labelled_for_people() {
    let all = all_fields(FORMAT, &sample(EXPORTS[0], ALL));
    let ida = all.iter().find(|fields| value(fields, "name") == "Ida Example").unwrap();
    for (name, wanted) in [
        ("family name", "Example"),
        ("given name", "Ida"),
        ("phone (mobile)", "+1 (202) 555-0102"),
        ("phone (home)", "202-555-0197"),
        ("mail (home)", "person02@example.org"),
        ("birthday", "--03-05"),
        ("date (Anniversary)", "2019-06-15"),
        ("related (Spouse)", "Jordan Example"),
        ("groups", "Family, Friends"),
        ("id", "9a911e59-51a9-53e0-887d-d74451c7d64c"),
    ] {
        assert_eq!(value(ida, name), wanted, "{name}");
    }
    assert!(value(ida, "photo").starts_with("JPEG, "));
    let names: Vec<&str> = ida.iter().map(|field| field.name.as_str()).collect();
    assert!(!names.iter().any(|name| name.starts_with("X-")), "{names:?}");
    let anneliese = all.iter().find(|f| value(f, "name") == "Anneliese Böhmländer").unwrap();
    for (name, wanted) in [
        ("company", "Bücher & Töchter, Einkauf"),
        ("mail (Büro)", "person00.work@example.com"),
        ("web (HomePage)", "https://www.example.org/~person00"),
        ("address (home)", "96 Elm Street, Back door, Exampleton, 59007, Nowhere"),
    ] {
        assert_eq!(value(anneliese, name), wanted, "{name}");
    }
    let wren = all.iter().find(|fields| value(fields, "name") == "Wren O'Quillon").unwrap();
    assert!(value(wren, "note").ends_with("with ümläuts at the fold äöüäöüäöüäöüäöü."));
    assert!(value(wren, "note").contains("dislikes commas, mostly.\nKeeps"));
    for (_, bytes) in all_samples("Contacts", "vcf") {
        let all = all_fields(FORMAT, &bytes);
        assert!(all.iter().flatten().all(|field| !field.is_secret && !field.value.is_empty()));
    }
    let old = all_fields(FORMAT, &sample(EXPORTS[0], "Contacts/Old Mac.vcf"));
    assert_eq!(value(&old[0], "web (HomePage)"), "http://www.example.org/agnes");
    let four = all_fields(FORMAT, &sample(EXPORTS[0], "Contacts/version 4.vcf"));
    assert_eq!(value(&four[0], "phone (mobile)"), "+1-202-555-0145");
    assert_eq!(value(&four[0], "birthday"), "--04-05");
}

#[test]
fn a_group_is_a_card_that_names_its_people() {
    let id = "11111111-AAAA-4BBB-8CCC-000000000001";
    let of = |kind: &str, member: &str, id: &str| {
        card(&["FN:Choir", &format!("{kind}:Group"), &format!("{member}:{id}")])
    };
    let older = of("X-ADDRESSBOOKSERVER-KIND", "X-ADDRESSBOOKSERVER-MEMBER", id);
    let newer = of("KIND", "MEMBER", &format!("urn:uuid:{}", id.to_lowercase()));
    assert_eq!(essence(&older), essence(&newer));
    assert_ne!(essence(&older), essence(&of("KIND", "MEMBER", "other")));
    let person = card(&["FN:Anna", "KIND:individual", &format!("UID:{id}")]);
    let (said, records) = scanned(FORMAT, [older.as_str(), &person].concat().as_bytes());
    assert_eq!([&*records[0].warnings, &*records[1].warnings], [&[GROUP][..], &[]]);
    // Its groups are told.
    assert!(said.omissions.is_empty());
    assert!(!scanned(FORMAT, person.as_bytes()).0.omissions.is_empty());
    for group in [older, newer] {
        let fields = fields(group.as_bytes());
        assert!(member(value(&fields, "member")) == records[1].identity, "{group}");
    }
}

#[test]
fn lines_are_read_as_phones_wrote_them() {
    let old = "BEGIN:VCARD\nVERSION:2.1\nFN:A\nPHOTO;JPEG;BASE64:\n/9j/4AAQ\nSkZJRg==\n\nTEL:1\n\
        NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab=\n=3D=zz=\n c\nADR:;;a long line\n that is folded\n\
        TITLE;ENCODING=QUOTED-PRINTABLE:ends with one=\nEND:VCARD\n";
    let all = all_fields(FORMAT, old.as_bytes());
    assert_eq!(value(&all[0], "photo"), "JPEG, 10 bytes");
    assert_eq!(value(&all[0], "phone"), "1");
    assert_eq!(value(&all[0], "note"), "a\nb==zz c");
    // A blank at which this version folds stays.
    assert_eq!(value(&all[0], "address"), "a long line that is folded");
    assert_eq!(value(&all[0], "job"), "ends with one=");
    for (line, name, wanted) in [
        ("item1.TEL;TYPE=\"x:y;z\":1", "phone (x:y;z)", "1"),
        ("TEL;TYPE=\"open:1", "phone (open)", "1"),
        ("TEL;TYPE=a^nb^^c^'d:1", "phone (a\nb^c\"d)", "1"),
        ("NOTE;X=\"a;b:c", "note", "c"),
        ("no colon at all", "line", "no colon at all"),
        ("X-OWN;a=b:\\,c", "X-OWN", ",c"),
        ("EMAIL\u{a0}x:1", "EMAIL\u{a0}X", "1"),
        ("KEY;ENCODING=B:AAAA", "KEY", "3 bytes"),
        ("note: blanks around ", "note", "blanks around"),
    ] {
        let all = all_fields(FORMAT, card(&[line]).as_bytes());
        assert_eq!(value(&all[0], name), wanted, "{line}");
    }
    for (bytes, wanted) in [
        (&b"M\xfcller"[..], "Müller"),
        (b"\x93A\x94 \x80", "“A” €"),
        // Cut off in the middle of a character.
        ("é🔑".as_bytes().get(..4).unwrap(), "é\u{fffd}"),
    ] {
        let foreign = [b"BEGIN:VCARD\r\nFN:", bytes, b"\r\nEND:VCARD\r\n"].concat();
        assert_eq!(cards(&foreign)[0].warnings, [FOREIGN]);
        assert_eq!(cards(&foreign)[0].title, wanted);
    }
}

#[test]
fn a_card_without_end_hides_no_neighbour() {
    let cut =
        "BEGIN:VCARD\r\nFN:A\r\n\r\n\r\nBEGIN:VCARD\r\nFN:B\r\nEND:VCARD\r\nbegin:vcard\r\nfn:C";
    let records = cards(cut.as_bytes());
    assert_eq!(titles(&records), ["A", "B", "C"]);
    let warned: Vec<bool> = records.iter().map(|r| r.warnings.contains(&NO_END)).collect();
    assert_eq!(warned, [true, false, true]);
    assert_eq!(bytes_of(cut.as_bytes(), &records[0]), b"BEGIN:VCARD\r\nFN:A\r\n");
    let copy = written(FORMAT, cut.as_bytes(), &|_| true);
    assert!(copy.ends_with(b"begin:vcard\r\nfn:C\r\nEND:VCARD\r\n"));
    let stray = "END:VCARD\r\nhello\r\n\r\nBEGIN:VCARD\r\nFN:A\r\nEND:VCARD\r\n";
    let (scanned, records) = scanned(FORMAT, stray.as_bytes());
    assert_eq!((scanned.notes, titles(&records)), (vec![STRAY], vec!["A"]));
    assert_eq!(cards(b"").len(), 0);
}

#[test]
fn an_agent_is_a_part_of_the_card() {
    let agent = |lines: &str| {
        format!(
            "BEGIN:VCARD\r\nVERSION:2.1\r\nFN:A\r\nAGENT:\r\nBEGIN:VCARD\r\nVERSION:2.1\r\n{lines}\
            END:VCARD\r\nTEL:1\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:B\r\nEND:VCARD\r\n"
        )
    };
    let one = agent("FN:C\r\nTEL:2\r\n");
    let records = cards(one.as_bytes());
    assert_eq!(titles(&records), ["A", "B"]);
    assert_eq!(records[0].user, "1");
    assert_eq!(value(&all_fields(FORMAT, one.as_bytes())[0], "agent"), "C");
    let essence = |text: &str| cards(text.as_bytes())[0].essence.to_vec();
    assert_eq!(essence(&one), essence(&agent("TEL:2\r\nFN:C\r\nREV:1\r\n")));
    assert_ne!(essence(&one), essence(&agent("TEL:3\r\nFN:C\r\n")));
    // Without its own end the agent takes that of the card.
    let cut = one.replacen("END:VCARD\r\nTEL", "TEL", 1);
    assert_eq!(titles(&cards(cut.as_bytes())), ["A", "B"]);
    assert!(written(FORMAT, cut.as_bytes(), &|_| true).ends_with(b"END:VCARD\r\n"));
}

#[test]
fn structure_is_seen_wherever_it_stands() {
    // Around the border of what is read at once.
    for size in 65_536 - 60..65_536 + 5 {
        let note = "x".repeat(size - 24);
        let text = format!("{}{}", card(&[&format!("NOTE:{note}"), "FN:A"]), card(&["FN:B"]));
        let text = text.replace("END:VCARD\r\nBEGIN", "END:VCARD\r\r\nBEGIN");
        assert_eq!(titles(&cards(text.as_bytes())), ["A", "B"], "{size}");
        let folded =
            text.replace("END:VCARD", "END:VC\r\n ARD").replace("BEGIN:V", "BEGIN\r\n\t:V");
        assert_eq!(titles(&cards(folded.as_bytes())), ["A", "B"], "{size}");
        let wide = utf16(text.as_bytes(), u16::to_le_bytes);
        assert_eq!(titles(&cards(&wide)), ["A", "B"], "{size}");
    }
}

/// The titles of the cards of a file that is made while it is read, and why some are missing.
fn streamed(mut made: Made) -> (Vec<String>, Vec<&'static str>) {
    let mut titles = Vec::new();
    let scanned = FORMAT.scan(&mut made, &mut |record| {
        titles.push(record.title);
        Ok(())
    });
    (titles, scanned.unwrap().notes)
}

fn made(start: &str, middle: &str, middle_size: u64, end: &str) -> Made {
    Made {
        start: start.as_bytes().to_vec(),
        middle: middle.repeat(65_536 / middle.len()).into_bytes(),
        middle_size,
        end: end.as_bytes().to_vec(),
        at: 0,
    }
}

#[test]
fn no_size_costs_more_than_its_cap() {
    let (start, end) = ("BEGIN:VCARD\nFN:A\nNOTE:", "\nEND:VCARD\nBEGIN:VCARD\nFN:B\nEND:VCARD\n");
    let around = (start.len() + "\nEND:VCARD\n".len()) as u64;
    for (size, wanted) in [(CARD_MAX, &["A", "B"][..]), (CARD_MAX + 1, &["B"]), (1 << 30, &["B"])] {
        let (titles, notes) = streamed(made(start, "x", size - around, end));
        assert_eq!(titles, wanted);
        assert_eq!(notes.contains(&TOO_LONG), wanted.len() == 1);
    }
    // Lines by the million, parameters, parts and quotes.
    for middle in
        ["\n", "\r", "a\n", "a:\n", " \n", "BEGIN:VCARD\n", "AGENT:\nBEGIN:VCARD\n", "=\n"]
    {
        let (titles, _) = streamed(made(start, middle, 4 << 20, end));
        assert!(titles.len() <= CARDS_MAX && titles.iter().any(|title| title == "A"), "{middle:?}");
        let has_last = titles.last().is_some_and(|title| title == "B");
        assert!(has_last || middle.starts_with('A'), "{middle:?}");
    }
    for line in [";", "\"", "\";", ":", ",", "\\", ";a=", "="] {
        for name in ["N:", "TEL", "ADR;", "CATEGORIES:", "FN;ENCODING=QUOTED-PRINTABLE:"] {
            let text = card(&["FN:A", &format!("{name}{}", line.repeat(1 << 20))]);
            let records = cards(text.as_bytes());
            assert!(records[0].title.len() < 1200, "{name} {line}");
            assert!(all_fields(FORMAT, text.as_bytes())[0].len() < 20, "{name} {line}");
        }
    }
}

#[test]
fn a_million_cards_are_told_and_no_more() {
    let one = "BEGIN:VCARD\nEND:VCARD\n";
    let count = CARDS_MAX as u64 + 1;
    let (titles, notes) = streamed(Made {
        start: Vec::new(),
        middle: one.repeat(4096).into_bytes(),
        middle_size: count * one.len() as u64,
        end: Vec::new(),
        at: 0,
    });
    assert_eq!((titles.len(), notes), (CARDS_MAX, vec![TOO_MANY]));
}

#[test]
fn no_damage_makes_it_panic() {
    let liked: &[&[u8]] = &[
        b"\r\n",
        b"\n ",
        b"\r",
        b"BEGIN:VCARD\r\n",
        b"END:VCARD\r\n",
        b"AGENT:\r\n",
        b":",
        b";",
        b"\"",
        b"\\",
        b"=",
        b"=\r\n",
        b"item1.",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\0",
        b"^n",
        b"UID:1\r\n",
        b";ENCODING=BASE64:\r\n",
        b";ENCODING=QUOTED-PRINTABLE",
        b"VERSION:2.1\r\n",
        b" ",
    ];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut files: BTreeSet<Vec<u8>> =
        all_samples("Contacts", "vcf").into_iter().map(|(_, bytes)| bytes).collect();
    files.insert(utf16(&sample(EXPORTS[0], "Contacts/Old phone.vcf"), u16::to_le_bytes));
    for file in files {
        let file = &file[..file.len().min(1200)];
        for _ in 0..10_000 {
            let damaged = random.damaged(file, liked);
            let (scanned, records) = scanned(FORMAT, &damaged);
            told(&records);
            let frame = parts(&damaged, &scanned.frame).unwrap();
            let bytes: Vec<Vec<u8>> = records.iter().map(|one| bytes_of(&damaged, one)).collect();
            bytes.iter().for_each(|bytes| drop(FORMAT.fields(&frame, bytes)));
            let said = |records: &[Record]| {
                let mut said: Vec<_> = records.iter().map(|one| one.essence.to_vec()).collect();
                said.sort_unstable();
                said
            };
            let bytes: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
            let copy = FORMAT.write(&frame, &bytes).unwrap();
            assert!(said(&cards(&copy)) == said(&records), "{}", damaged.escape_ascii());
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,3}", "[ab,;:\\\\\"\n é🔑=.]{1,40}"]
        .prop_filter("a value", |text| !text.trim_matches([';', ' ', '\n']).is_empty())
}

proptest! {
    /// Written as 3.0 in folds anywhere, and as 2.1 in quoted-printable: the same card, that says
    /// what was written.
    #[test]
    fn every_way_to_write_a_value_is_the_same(
        name in text(),
        note in text(),
        width in 3_usize..80,
        turned in any::<bool>(),
    ) {
        let escape = |text: &str| {
            text.replace('\\', "\\\\").replace('\n', "\\n").replace(',', "\\,").replace(';', "\\;")
        };
        let mut new = vec![format!("FN:{}", escape(&name)), format!("NOTE:{}", escape(&note))];
        if turned {
            new.reverse();
        }
        let new = [&["BEGIN:VCARD".to_owned(), "VERSION:3.0".to_owned()], new.as_slice(),
            &["END:VCARD".to_owned()]].concat();
        let new = folded(&new, width, "\r\n", " ");
        let old: String = [("FN", &name), ("NOTE", &note)].map(|(word, text)| {
            format!("{word};ENCODING=QUOTED-PRINTABLE:{}\r\n", printable(&escape(text), width.max(4)))
        }).concat();
        let old = format!("BEGIN:VCARD\r\nVERSION:2.1\r\n{old}END:VCARD\r\n");
        let [new_fields, old_fields] = [&new[..], old.as_bytes()].map(|text| all_fields(FORMAT, text));
        for (word, text) in [("name", &name), ("note", &note)] {
            prop_assert_eq!(value(&new_fields[0], word), text.trim());
            prop_assert_eq!(value(&old_fields[0], word), text.trim());
        }
        assert_same(&cards(&new), &cards(old.as_bytes()), "2.1");
    }
}
