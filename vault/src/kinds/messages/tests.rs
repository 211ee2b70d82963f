//! Every form a message is kept in, and what is wrong with those people have.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Cursor;
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::kinds::{Kind, Locator, Quality};

const EXPORTS: [&str; 2] = ["icloud-export", "icloud-export-a-month-later"];

/// File, layout, messages, warnings of the first.
const SAMPLES: &[(&str, &str, usize, &[&str])] = &[
    ("INBOX.mbox/mbox", "mbox", 15, &[]),
    ("Receipts.mbox/mbox", "mbox", 3, &[]),
    ("Receipts 1.mbox/mbox", "mbox", 2, &[]),
    ("Attic 2009", "mbox", 3, &[]),
    ("Your ticket.eml", "a message", 1, &[]),
    ("Sunday lunch.eml", "a message", 1, &[]),
    ("no message id.eml", "a message", 1, &[]),
    ("4711.emlx", "a message of Apple Mail", 1, &[]),
    ("4712.emlx", "a message of Apple Mail", 1, &[WRONG_COUNT]),
    ("Archive.mbox/Messages/4713.partial.emlx", "a message of Apple Mail", 1, &[PARTIAL]),
    ("Archive.mbox/Messages/4714.emlx", "a message of Apple Mail", 1, &[]),
];

fn sample(export: &str, path: &str) -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    fs::read(data.join(export).join("Mail").join(path)).unwrap()
}

fn samples() -> impl Iterator<Item = Vec<u8>> {
    SAMPLES.iter().map(|(path, ..)| sample(EXPORTS[0], path))
}

fn read(reader: &mut impl Read) -> (Scanned, Vec<Record>) {
    let mut records = Vec::new();
    let scanned = scan(reader, &mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.unwrap();
    assert_eq!(scanned.records, records.len() as u64);
    (scanned, records)
}

/// The records of a file, which are all its bytes but those before the first message.
fn scanned(bytes: &[u8]) -> (Scanned, Vec<Record>) {
    let (scanned, records) = read(&mut Cursor::new(bytes));
    if let Some(first) = records.first() {
        let before = cut(bytes, 0..place(first).start);
        let is_blank =
            before.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(before).trim_ascii().is_empty();
        assert!(is_blank || scanned.notes == [BEFORE_FIRST]);
        let parts = records.iter().map(|record| cut(bytes, place(record)));
        assert!([before].into_iter().chain(parts).collect::<Vec<_>>().concat() == bytes);
    }
    (scanned, records)
}

fn messages(bytes: &[u8]) -> Vec<Record> {
    scanned(bytes).1
}

fn only(bytes: &[u8]) -> Record {
    let mut records = messages(bytes);
    assert_eq!(records.len(), 1, "{}", String::from_utf8_lossy(bytes));
    records.remove(0)
}

fn place(record: &Record) -> Range<u64> {
    let Locator::Bytes(parts) = &record.locator else { panic!("a record without bytes") };
    let [range] = parts.as_slice() else { panic!("a record in parts") };
    range.clone()
}

fn cut(bytes: &[u8], range: Range<u64>) -> &[u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

type Told = (Quality, Vec<u8>, Vec<u8>);

fn told(record: &Record) -> Told {
    let identity = &record.identity;
    (identity.quality, identity.bytes.to_vec(), record.essence.to_vec())
}

fn all_told(bytes: &[u8]) -> BTreeSet<Told> {
    messages(bytes).iter().map(told).collect()
}

fn value<'a>(fields: &'a [Field], name: &str) -> &'a str {
    fields.iter().find(|field| field.name == name).map_or("", |field| &field.value)
}

fn field(record: &[u8], name: &str) -> String {
    value(&fields(record), name).to_owned()
}

#[test]
fn every_form_is_known_and_no_byte_is_lost() {
    for export in EXPORTS {
        for (path, layout, count, warnings) in SAMPLES {
            let (scanned, records) = scanned(&sample(export, path));
            assert_eq!((scanned.layout, scanned.notes.len()), (*layout, 0), "{path}");
            assert_eq!(scanned.frame, []);
            let later = if export == EXPORTS[1] && path.starts_with("INBOX") { 1 } else { 0 };
            assert_eq!(records.len(), count + later, "{path}");
            assert_eq!(records[0].warnings, *warnings, "{path}");
            assert!(
                records.iter().all(|record| record.kind == Kind::Mail && record.date.is_some())
            );
        }
    }
}

#[test]
fn lists_show_subject_sender_recipient_and_date() {
    let records = messages(&sample(EXPORTS[0], SAMPLES[0].0));
    let titles: Vec<&str> = records.iter().map(|record| record.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Sunday lunch",
            "Train tickets",
            "Re: Sunday lunch",
            "Minutes of the choir",
            "Invoice 2026-117",
            "Your parcel",
            "Photos",
            "Reset your password",
            "Newsletter no. 41",
            "안녕하세요",
            "Grüße aus Öland",
            "こんにちは",
            "Fwd: Minutes of the choir",
            "The cat",
            "Energy bill",
        ]
    );
    let first = &records[0];
    assert_eq!(first.place, "Ida Example <ida@example.org>");
    assert_eq!((first.user.as_str(), first.date), ("jordan@example.com", Some(1_769_929_950)));
    assert_eq!(first.identity.quality, Quality::Id);
    assert_eq!(records[5].identity.quality, Quality::Whole);
}

#[test]
fn a_month_later_a_message_is_known_again() {
    for (path, ..) in SAMPLES {
        let [before, after] = EXPORTS.map(|export| all_told(&sample(export, path)));
        let [gone, new] = [before.difference(&after).count(), after.difference(&before).count()];
        // Separators, flags and dates of the tail are others in all of them.
        let wanted = match *path {
            "INBOX.mbox/mbox" => (1, 2),
            "Archive.mbox/Messages/4714.emlx" => (1, 1),
            _ => (0, 0),
        };
        assert_eq!((gone, new), wanted, "{path}");
    }
}

#[test]
fn a_message_is_the_same_wherever_it_is_kept() {
    let of = |path: &str| all_told(&sample(EXPORTS[0], path));
    let inbox = of("INBOX.mbox/mbox");
    assert!(of("Receipts.mbox/mbox").is_subset(&inbox));
    assert!(of("Receipts 1.mbox/mbox").is_subset(&of("Receipts.mbox/mbox")));
    assert!(of("Archive.mbox/Messages/4714.emlx").is_subset(&inbox));
    assert_eq!(of("Your ticket.eml"), of("4711.emlx"));
    assert_eq!(of("no message id.eml"), of("4712.emlx"));
    assert_ne!(of("Your ticket.eml"), of("Archive.mbox/Messages/4713.partial.emlx"));
    // The same id with another text.
    assert!(of("Sunday lunch.eml").is_disjoint(&inbox));
}

/// A message with all that is quoted, and with what is only like it.
const QUOTED: &str = "From: Anna <anna@a.test>\nTo: bob@b.test\nSubject: From\n\
    Date: Tue, 05 May 2009 03:02:01 +0200\nMessage-ID: <1@a.test>\n\n\
    Hello\n\nFrom here on\nFrom the start\n\n> From afar\n>From once\n>>From twice\n>>\n\
    From\n\n\nfrom below\n>>>From \n \nFrom";

#[derive(Clone, Copy, Debug)]
enum Style {
    Eml,
    Emlx,
    /// `From ` is quoted.
    Mboxo,
    /// `From ` behind any number of `>` is quoted.
    Mboxrd,
    /// As mboxo, with the length.
    Mboxcl,
    /// Not quoted, with the length.
    Mboxcl2,
    /// Not quoted, as Mail exports.
    Unquoted,
}

const STYLES: [Style; 7] = [
    Style::Eml,
    Style::Emlx,
    Style::Mboxo,
    Style::Mboxrd,
    Style::Mboxcl,
    Style::Mboxcl2,
    Style::Unquoted,
];

const SEPARATOR: &str = "From anna@a.test Tue May  5 01:02:01 2009\n";

/// A message in a file of some style.
fn written(message: &str, style: Style) -> String {
    let rd = matches!(style, Style::Mboxrd);
    let quote = |line: &str| {
        let word = if rd { line.trim_start_matches('>') } else { line };
        if word.starts_with("From ") { format!(">{line}") } else { line.to_owned() }
    };
    let quoted: String = message.split_inclusive('\n').map(quote).collect();
    let counted = |text: &str| {
        let (header, body) = text.split_once("\n\n").unwrap_or((text, ""));
        format!("{SEPARATOR}{header}\nContent-Length: {}\n\n{body}\n", body.len())
    };
    match style {
        Style::Eml => message.to_owned(),
        Style::Emlx => format!("{:<10}\n{message}{}", message.len(), tail_of_emlx("1")),
        Style::Mboxo | Style::Mboxrd => format!("{SEPARATOR}{quoted}\n\n"),
        Style::Mboxcl => counted(&format!("{quoted}\n")),
        Style::Mboxcl2 => counted(&format!("{message}\n")),
        Style::Unquoted => format!("{SEPARATOR}{message}\n\n"),
    }
}

fn tail_of_emlx(flags: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"\" \"\">\n\
        <plist version=\"1.0\">\n<dict>\n\t<key>date-received</key>\n\t<integer>1784000000\
        </integer>\n\t<key>flags</key>\n\t<integer>{flags}</integer>\n</dict>\n</plist>\n"
    )
}

#[test]
fn a_message_is_the_same_in_every_style_of_quoting() {
    let wanted = told(&only(QUOTED.as_bytes()));
    for style in STYLES {
        for ends in ["\n", "\r\n"] {
            // Counts are of the bytes as they are.
            let text = written(&QUOTED.replace('\n', ends), style);
            let text = if ends == "\n" || matches!(style, Style::Eml | Style::Emlx) {
                text
            } else {
                written(QUOTED, style).replace('\n', ends)
            };
            let record = only(text.as_bytes());
            assert_eq!(told(&record), wanted, "{style:?} {ends:?}");
            assert_eq!(record.title, "From");
            assert_eq!(record.warnings, [""; 0]);
        }
    }
    // Not by leaving out what differs.
    for (from, to) in [("Hello", "Hallo"), ("\n\n\nfrom", "\n\nfrom"), ("> From", ">From")] {
        assert_ne!(told(&only(QUOTED.replace(from, to).as_bytes())), wanted, "{from:?}");
    }
}

#[test]
fn what_mailers_note_on_a_message_does_not_change_it() {
    let wanted = told(&only(QUOTED.as_bytes()));
    let noted = QUOTED.replace(
        "Subject:",
        "Status: RO\nX-Status: A\r\nX-Keywords: a\n\tb c\nx-uid: 12\nX-Mozilla-Status2: 00\n\
        X-Mozilla-Keys:\n  \nX-Apple-Auto-Saved: 1\nX-Universally-Unique-Identifier: A-B\n\
        Content-Length: 12\nSubject:",
    );
    assert_eq!(told(&only(noted.as_bytes())), wanted);
    for (from, to) in [("Subject:", "X-Statuses: 1\nSubject:"), ("Hello", "Status: RO\nHello")] {
        assert_ne!(told(&only(QUOTED.replace(from, to).as_bytes())), wanted, "{to:?}");
    }
    let emlx = |flags| format!("{}\n{QUOTED}{}", QUOTED.len(), tail_of_emlx(flags));
    assert_eq!(told(&only(emlx("8590195713").as_bytes())), wanted);
}

#[test]
fn separators_are_told_from_lines_that_begin_alike() {
    let split = |line: &str, next: &str| {
        let text = format!("{SEPARATOR}Subject: a\n\nb\n\n{line}\n{next}");
        messages(text.as_bytes()).len() == 2
    };
    for line in [
        "From anna@a.test Tue May  5 01:02:01 2009",
        "From anna@a.test Tue May 05 01:02:01 2009",
        "From anna@a.test  Tue May  5 01:02 2009",
        "From anna@a.test Tue May  5 01:02:01 CEST 2009",
        "From anna@a.test Tue May  5 01:02:01 2009 +0200",
        "From 12345@example Tue May 05 01:02:01 +0000 2009",
        "From anna@a.test Tue, 5 May 2009 01:02:01 +0200 (CEST)",
        "From - Tue May 05 01:02:01 2009",
        "From MAILER-DAEMON Tue May  5 01:02:01 2009",
        "From MAILER_DAEMON\tTue May  5 01:02:01 2009\t",
        "From ???@??? Tue May 05 01:02:01 2009",
        "From anna Tue May  5 01:02:01 2009 remote from host",
        "From Anna von A <anna@a.test> Tue May  5 01:02:01 2009",
        "From \"Tue May\" Tue May  5 01:02:01 2009",
        "From  Tue May  5 01:02:01 2009",
        "From a Tue May  5 01:02:01 09",
        "From a Tue May  5 2009 01:02:01 GMT+0200 (CEST)",
        "From a Tuesday, May 5 01:02:01 2009",
        "From a Tue May  5 01:02:01 2009\r",
    ] {
        let is_weekday = !line.contains("Tuesday");
        for next in ["Subject: x\n\ny\n", "\ny\n", "\r\ny\n", "X_y-Z :\n", ">From b c\n", ""] {
            assert_eq!(split(line, next), is_weekday, "{line} {next:?}");
        }
        for next in ["text\n", "two words: x\n", ": x\n", " Subject: x\n", "\u{e4}: x\n"] {
            assert!(!split(line, next), "{line} {next:?}");
        }
    }
    for line in [
        "From here on",
        "From here on: Tue May  5 01:02:01",
        "From anna@a.test",
        "From ",
        "From Tue May  5 2009",
        "From a Tue May  5 25:02:01 2009",
        "From a Tue May 32 01:02:01 2009",
        "From a Tue May  5 01:02:01 2009 and so on",
        "From a Tue Mai  5 01:02:01 2009",
        "From a May  5 01:02:01 2009",
        "from a Tue May  5 01:02:01 2009",
        ">From a Tue May  5 01:02:01 2009",
        " From a Tue May  5 01:02:01 2009",
        "From\ta Tue May  5 01:02:01 2009",
    ] {
        assert!(!split(line, "Subject: x\n"), "{line}");
    }
    let line = "From a Tue May  5 01:02:01 2009";
    for before in ["b\n", "b\n \n", "b\n\t\r\n", "b\n\r\r\n", "b\n>\n"] {
        let text = format!("{SEPARATOR}Subject: a\n\n{before}{line}\nSubject: x\n");
        assert_eq!(messages(text.as_bytes()).len(), 1, "{before:?}");
    }
    // A line that is too long to be one.
    let long = |length: usize| format!("From {} Tue May  5 01:02:01 2009", "a".repeat(length));
    assert!(split(&long(900), "Subject: x\n"));
    assert!(!split(&long(1100), "Subject: x\n"));
}

#[test]
fn the_first_separator_may_have_any_date() {
    for line in ["From anna@a.test", "From a 12:34", "From a Di Mai  5 01:02:01 2009"] {
        let record = only(format!("{line}\nSubject: x\nDate: y\n\nz\n").as_bytes());
        assert_eq!((record.title.as_str(), record.date), ("x", None), "{line}");
        assert_eq!(record.warnings, [NO_DATE]);
    }
    // A header without a separator is that of a file with one message.
    let text = format!("Subject: x\n\ny\n\n{SEPARATOR}Subject: z\n");
    assert_eq!(only(text.as_bytes()).title, "x");
}

#[test]
fn what_is_before_the_first_message_is_said() {
    let text = format!("{SEPARATOR}Subject: x\n\ny\n");
    for (before, notes) in [("", 0), ("\u{feff}", 0), ("\n\r\n\n", 0), ("junk and more\n\n", 1)] {
        let (scanned, records) = scanned(format!("{before}{text}").as_bytes());
        assert_eq!((records.len(), scanned.notes.len()), (1, notes), "{before:?}");
        assert_eq!(place(&records[0]).start, before.len() as u64);
    }
    for nothing in ["", "\n", "junk\n", "junk", "\u{feff}", "12\njunk", "From "] {
        let (scanned, records) = scanned(nothing.as_bytes());
        assert_eq!((scanned.notes.as_slice(), records.len()), (&[UNKNOWN][..], 0), "{nothing:?}");
    }
    let text = format!("\u{feff}\n{}", written(QUOTED, Style::Eml));
    assert_eq!(told(&only(text.as_bytes())), told(&only(QUOTED.as_bytes())));
}

#[test]
fn dates_are_read_as_mailers_write_them() {
    for (text, wanted) in [
        ("Tue, 05 May 2009 03:02:01 +0200", Some(1_241_485_321)),
        ("5 May 2009 03:02:01 +0200", Some(1_241_485_321)),
        ("Tue,5 May 2009 03:02:01 +0200 (MESZ (Berlin))", Some(1_241_485_321)),
        ("Tue, 5 May 09 01:02:01 GMT", Some(1_241_485_321)),
        ("Tue, 5 May 2009 01:02:01", Some(1_241_485_321)),
        ("Tue, 5 May 2009 01:02:01.25 Z", Some(1_241_485_321)),
        ("Tue, 5 May 2009 01:02:01 XYZ", Some(1_241_485_321)),
        ("Tue May  5 03:02:01 CEST 2009", Some(1_241_485_321)),
        ("Tue May  5 03:02:01 GMT+02:00 2009", Some(1_241_485_321)),
        ("Tue, 5 May 2009\r\n\t03:02:01 +0200 CEST", Some(1_241_485_321)),
        ("\u{bf54}, 05 May 2009 03:02:01 +0200", Some(1_241_485_321)),
        ("Mon, 4 May 2009 20:02:01 -0500", Some(1_241_485_321)),
        ("Mon, 4 May 2009 18:02:01 PDT", Some(1_241_485_321)),
        ("Sat, 31 Dec 2016 23:59:60 +0000", Some(1_483_228_799)),
        ("Thu, 1 Jan 1970 00:00 +0000", Some(0)),
        ("1 Jan 1970 01:00+0100", Some(0)),
        ("Tue, 5 Mai 2009 03:02:01 +0200", None),
        ("Tue, 5 May 2009", None),
        ("Tue, 5 5 2009 03:02:01", None),
        ("Tue, 5 May 2009 03:02:01 +0200 2009", None),
        ("May, 5 May 2009 03:02:01", None),
        ("5 May 20009 03:02:01", None),
        ("5 May 2009 3:2:1:0", None),
        ("5 May 2009 03:02:+1", None),
        ("", None),
        ("(", None),
    ] {
        assert_eq!(date::parse(text.as_bytes()), wanted, "{text}");
    }
    for seconds in [0, 1_241_485_321, 951_782_400, 4_102_444_799] {
        assert_eq!(date::parse(date::asctime(seconds).as_bytes()), Some(seconds));
    }
}

#[test]
fn a_length_in_the_header_is_believed_where_it_is_right() {
    let inner = "Look:\n\nFrom a Tue May  5 01:02:01 2009\nSubject: inner\n\nz\n";
    let message = |subject: &str, length: Option<usize>, body: &str| {
        let length = length.map_or(String::new(), |length| format!("Content-Length: {length}\n"));
        format!("{SEPARATOR}Subject: {subject}\n{length}\n{body}\n")
    };
    let titles = |text: &str| {
        let records = messages(text.as_bytes());
        records.into_iter().map(|record| record.title).collect::<Vec<_>>()
    };
    let right = message("a", Some(inner.len()), inner);
    let next = message("b", Some(2), "y\n");
    assert_eq!(titles(&right), ["a"]);
    // Some count the blank line.
    assert_eq!(
        titles(&format!("{}{next}", message("a", Some(inner.len() + 1), inner))),
        ["a", "b"]
    );
    assert_eq!(titles(&format!("{right}{next}")), ["a", "b"]);
    assert_eq!(titles(&format!("{next}{right}{next}")), ["b", "a", "b"]);
    assert_eq!(titles(&format!("{next}{right}{next}").replace('\n', "\r\n")).len(), 4);
    // It ends nowhere, behind the end, or before the line.
    for length in [0, 3, inner.len() - 1, inner.len() + 2, inner.len() + 9, usize::MAX] {
        let text = format!("{}{next}", message("a", Some(length), inner));
        assert_eq!(titles(&text), ["a", "inner", "b"], "{length}");
    }
    // A message among others that have none, or wrong ones, proves nothing.
    for other in [message("c", None, "y\n"), message("c", Some(17), "y\n")] {
        assert_eq!(titles(&format!("{other}{right}{next}")), ["c", "a", "inner", "b"]);
    }
    // One that is longer than is looked ahead.
    let long = format!("{inner}{}\n", "x".repeat(200_000));
    let text = format!("{}{next}", message("a", Some(long.len()), &long));
    assert_eq!(titles(&text), ["a", "inner", "b"]);
    let text = format!("{}{inner}", "x\n".repeat(500_000));
    let text = format!("{}{next}", message("a", Some(text.len()), &text));
    assert_eq!(titles(&text), ["a", "b"]);
}

#[test]
fn an_emlx_ends_where_its_property_list_begins() {
    let message = format!("{QUOTED}\n");
    let wanted = told(&only(message.as_bytes()));
    let list = tail_of_emlx("1");
    let length = message.len();
    for (count, warnings) in [
        (length, &[][..]),
        (length - 1, &[][..]),
        (length - 2, &[WRONG_COUNT][..]),
        (0, &[WRONG_COUNT]),
        (length + 1, &[WRONG_COUNT]),
        (length + 7, &[WRONG_COUNT]),
        (usize::MAX, &[WRONG_COUNT]),
    ] {
        let text = format!("{count:<10}\n{message}{list}");
        let record = only(text.as_bytes());
        assert_eq!((record.warnings.as_slice(), told(&record)), (warnings, wanted.clone()));
        assert_eq!(to_eml(text.as_bytes()).trim_ascii_end(), message.as_bytes().trim_ascii_end());
    }
    // A property list in the message is part of it.
    let about = message.replace("Hello", &format!("Hello\n{list}"));
    for count in [about.len(), 12] {
        let text = format!("{count}\n{about}{list}");
        assert_eq!(told(&only(text.as_bytes())), told(&only(about.as_bytes())), "{count}");
        assert_eq!(to_eml(text.as_bytes()), about.as_bytes());
    }
    let record = only(format!("{}\n{message}", length + 1).as_bytes());
    assert_eq!((record.warnings.as_slice(), told(&record)), (&[CUT_OFF][..], wanted.clone()));
    assert_eq!(told(&only(format!("{length}\n{message}").as_bytes())), wanted);
    let binary = [format!("{length}\n{message}").as_bytes(), b"bplist00\0\x01\xff"].concat();
    assert_eq!(told(&only(&binary)), wanted);
    assert_eq!(to_eml(&binary), message.as_bytes());
    // When it came is in the property list.
    let undated = message.replace("Date:", "Dated:");
    let record = only(format!("{}\n{undated}{list}", undated.len()).as_bytes());
    assert_eq!((record.date, record.warnings), (Some(1_784_000_000), vec![NO_DATE]));
    let record = only(format!("12\n{undated}{list}").as_bytes());
    assert_eq!(record.date, Some(1_784_000_000));
}

#[test]
fn an_mbox_gives_the_date_that_a_header_does_not() {
    let record = only(format!("{SEPARATOR}Subject: x\n\ny\n").as_bytes());
    assert_eq!((record.date, record.warnings), (Some(1_241_485_321), vec![NO_DATE]));
}

#[test]
fn a_header_is_read_however_it_is_written() {
    let header = |lines: &str| only(format!("{SEPARATOR}{lines}\n\ntext\n").as_bytes());
    for (line, title) in [
        ("Subject: plain", "plain"),
        ("SUBJECT:  two\n words ", "two words"),
        ("subject : x", "x"),
        ("Subject:\n\tfolded\r\n\ttwice", "folded twice"),
        ("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?b?IGF1cw==?= Oland", "Grüße aus Oland"),
        ("Subject: =?iso-8859-1?Q?a_b?= =?utf-8?Q?_c?=", "a b c"),
        ("Subject: =?euc-kr?B?vsiz58fPvLy/5A==?=", "안녕하세요"),
        ("Subject: =?gb2312?B?xOO6ww==?=", "你好"),
        ("Subject: Grüße 안녕", "Grüße 안녕"),
        ("Subject: =?utf-8?Q?a=0Ab=1B[31m?=", "a b [31m"),
        ("Subject: =?broken", "=?broken"),
        ("Subject: first\nSubject: second", "first"),
        ("Subject:", "no subject"),
        ("X-Subject: x", "no subject"),
        ("Subject: a\n>From b\n b", "a"),
    ] {
        assert_eq!(header(line).title, title, "{line}");
    }
    let latin = [SEPARATOR.as_bytes(), b"Subject: Gr\xfc\xdfe\n\n"].concat();
    assert_eq!(only(&latin).title, "Grüße");
    let encoded = [SEPARATOR.as_bytes(), b"Subject: =?latin1?Q?Gr\xfc=DFe?=\n\n"].concat();
    assert_eq!(only(&encoded).title, "Grüße");
    let long = header(&format!("Subject: {}", "ö".repeat(5000))).title;
    assert_eq!((long.chars().count(), long.ends_with("ö…")), (301, true));
    for (lines, place, user) in [
        ("From: a@b.test\nTo: c@d.test", "a@b.test", "c@d.test"),
        ("From: \"B, A\" <a@b.test>, x@y.test", "B, A <a@b.test>", ""),
        ("From: a@b.test (Anna)", "Anna <a@b.test>", ""),
        ("From: =?utf-8?Q?J=C3=B6rg?= <j@b.test>", "Jörg <j@b.test>", ""),
        ("Sender: s@b.test\nCc: c@d.test", "s@b.test", "c@d.test"),
        ("To: undisclosed-recipients:;", "", ""),
        ("To: team: a@b.test, c@d.test;", "", "a@b.test, c@d.test"),
        ("To: a@b.test, b@b.test,\n c@b.test, d@b.test", "", "a@b.test, b@b.test, c@b.test, …"),
    ] {
        let record = header(lines);
        assert_eq!((record.place.as_str(), record.user.as_str()), (place, user), "{lines}");
    }
    // A header that ends without a blank line, and none at all.
    let record = only(format!("{SEPARATOR}Subject: x\nno field\nFrom: y@z.test\n").as_bytes());
    assert_eq!((record.title.as_str(), record.place.as_str()), ("x", ""));
    let record = only(format!("{SEPARATOR}\nSubject: x\n").as_bytes());
    assert_eq!((record.title.as_str(), record.identity.quality), ("no subject", Quality::Whole));
}

#[test]
fn fields_say_what_a_message_holds() {
    let ticket = fields(&sample(EXPORTS[0], "Your ticket.eml"));
    let names: Vec<&str> = ticket.iter().map(|field| field.name.as_str()).collect();
    let wanted = ["from", "to", "date", "subject", "message id", "attachment", "text"];
    assert_eq!(names, wanted);
    assert!(ticket.iter().all(|field| !field.is_secret));
    assert_eq!(value(&ticket, "from"), "Railway <tickets@railway.example.net>");
    assert_eq!(value(&ticket, "date"), "Sun, 07 Jun 2026 08:09:10 +0000");
    assert_eq!(value(&ticket, "subject"), "Your ticket");
    let id = "<3F51BF57-86D2-5D96-8E65-9E8C97855143@mail.example.com>";
    assert_eq!(value(&ticket, "message id"), id);
    assert_eq!(value(&ticket, "attachment"), "ticket.pdf (application/pdf, 835 bytes)");
    assert_eq!(value(&ticket, "text"), "Your ticket.");
    let partial = fields(&sample(EXPORTS[0], "Archive.mbox/Messages/4713.partial.emlx"));
    let elsewhere = "ticket.pdf (application/pdf, in another file)";
    assert_eq!(value(&partial, "attachment"), elsewhere);
    let inbox = sample(EXPORTS[0], SAMPLES[0].0);
    let records = messages(&inbox);
    assert_eq!(
        field(cut(&inbox, place(&records[10])), "text"),
        "Schöne Grüße, das Wetter ist schön – übrigens."
    );
    assert!(
        field(cut(&inbox, place(&records[6])), "attachment").starts_with("IMG_4822.JPG (image")
    );
}

#[test]
fn an_attachment_goes_back_to_its_place() {
    let partial = sample(EXPORTS[0], "Archive.mbox/Messages/4713.partial.emlx");
    let content = sample(EXPORTS[0], "Archive.mbox/Attachments/4713/2/ticket.pdf");
    let attachment = |section| Attachment { section, content: &content, is_encoded: false };
    let whole = complete(&partial, &[attachment("2")]);
    let sent = sample(EXPORTS[0], "Your ticket.eml");
    let sent = String::from_utf8(sent).unwrap().replace("\r\n", "\n");
    assert!(to_eml(&whole) == sent.as_bytes());
    assert!(only(&whole).warnings.is_empty());
    // What Mail noted on it stays.
    assert_eq!(only(&whole).date, only(&partial).date);
    assert!(whole.ends_with(b"</plist>\n"));
    // That of another part is left alone.
    assert_eq!(to_eml(&complete(&partial, &[attachment("1")])), to_eml(&partial));
    assert_eq!(only(&partial).apart, 1);
}

#[test]
fn what_has_parts_in_other_files_says_how_each_is_encoded() {
    let part = |encoding: &str| {
        format!("--a\nContent-Type: text/plain; name=x\n{encoding}X-Apple-Content-Length: 9\n\n\n")
    };
    let encodings = ["", "7bit", "quoted-printable", "x-uuencode", "base64", "base64"];
    let header = |encoding: &&str| match *encoding {
        "" => String::new(),
        encoding => format!("Content-Transfer-Encoding: {encoding}\n"),
    };
    let parts: String = encodings.iter().map(|encoding| part(&header(encoding))).collect();
    let inner = format!("Content-Type: multipart/mixed; boundary=a\n\n{parts}--a--\n");
    let message = format!(
        "Subject: y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n{inner}--b--\n"
    );
    let emlx = format!("{}\n{message}<?xml version=\"1.0\"?><plist/>\n", message.len());
    assert_eq!(only(emlx.as_bytes()).apart, 6);
    let sections: Vec<String> = (1..=6).map(|nth| format!("2.{nth}")).collect();
    let attachments: Vec<Attachment<'_>> = sections
        .iter()
        .map(|section| match section.as_str() {
            "2.6" => Attachment { section, content: b"YmFj\n", is_encoded: true },
            section => Attachment { section, content: "b\u{e4}c=".as_bytes(), is_encoded: false },
        })
        .collect();
    let whole = complete(emlx.as_bytes(), &attachments);
    let told: Vec<(String, String)> = mime::parts(to_eml(&whole))
        .iter()
        .skip(1)
        .map(|part| {
            let encoding = HeaderFields::new(part.whole).value("Content-Transfer-Encoding");
            (String::from_utf8_lossy(encoding.trim_ascii()).into_owned(), part.preview())
        })
        .collect();
    let expected = [
        ("", "b\u{e4}c="),
        ("7bit", "b\u{e4}c="),
        ("base64", "b\u{e4}c="),
        ("base64", "b\u{e4}c="),
        ("base64", "b\u{e4}c="),
        ("base64", "bac"),
    ];
    assert_eq!(told, expected.map(|(encoding, text)| (encoding.to_owned(), text.to_owned())));
    assert!(!whole.windows(9).any(|bytes| bytes == b"X-Apple-C"));
    assert_eq!(only(&whole).apart, 0);
}

proptest! {
    /// What Mail does to a message, undone.
    #[test]
    fn what_was_taken_apart_is_whole_again(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..6),
        depth in 0_usize..3,
        is_crlf in any::<bool>(),
    ) {
        use base64::Engine as _;
        let end = if is_crlf { "\r\n" } else { "\n" };
        let wrap = |text: &str| -> String {
            let lines = text.as_bytes().chunks(76);
            lines.map(|line| format!("{}{end}", String::from_utf8_lossy(line))).collect()
        };
        let message = |is_apart: bool| {
            let apart = |is_so: bool| if is_so { format!("X-Apple-Content-Length: 7{end}") } else { String::new() };
            let parts = contents.iter().map(|content| {
                let text = wrap(&base64::engine::general_purpose::STANDARD.encode(content));
                let text = if is_apart { String::new() } else { text };
                format!(
                    "--i{end}Content-Type: image/png{end}{}Content-Transfer-Encoding: base64{end}{end}{text}{end}",
                    apart(is_apart)
                )
            });
            let mut body = format!(
                "Content-Type: multipart/mixed; boundary=i{end}{end}{}--i--{end}",
                parts.collect::<String>()
            );
            for level in 0..depth {
                body = format!(
                    "Content-Type: multipart/mixed; boundary=o{level}{end}{end}--o{level}{end}{end}text{end}--o{level}{end}{body}--o{level}--{end}"
                );
            }
            format!("Subject: y{end}{body}")
        };
        let above = "2.".repeat(depth);
        let sections: Vec<String> = (1..=contents.len()).map(|nth| format!("{above}{nth}")).collect();
        let attachments: Vec<Attachment<'_>> = sections
            .iter()
            .zip(&contents)
            .map(|(section, content)| Attachment { section, content, is_encoded: false })
            .collect();
        let partial = message(true);
        let record = format!("{}\n{partial}<?xml version=\"1.0\"?><plist/>\n", partial.len());
        prop_assert_eq!(only(record.as_bytes()).apart as usize, contents.len());
        let whole = complete(record.as_bytes(), &attachments);
        let message = message(false);
        prop_assert_eq!(to_eml(&whole), message.as_bytes());
    }

    /// Whatever it is, nothing is lost of it but what is said of parts that came back.
    #[test]
    fn hostile_messages_are_put_together_in_bounds(
        start in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0_usize..900,
    ) {
        let partial = sample(EXPORTS[0], "Archive.mbox/Messages/4713.partial.emlx");
        let mut bytes = partial[..cut.min(partial.len())].to_vec();
        bytes.extend_from_slice(&start);
        for section in ["1", "2"] {
            let attachment = Attachment { section, content: &start, is_encoded: false };
            let whole = complete(&bytes, &[attachment]);
            prop_assert!(whole.len() <= bytes.len() + 2 * start.len() + 400);
        }
    }
}

/// Type, encoding, body, attachment, text.
const PARTS: &[(&str, &str, &str, &str, &str)] = &[
    ("text/plain", "", "a\r\n\r\nb\r\n", "", "a\n\nb"),
    ("text/plain; charset=utf-8", "quoted-printable", "gr=C3=BC=\nn =zx", "", "grün =zx"),
    ("text/plain; charset=\"ISO-2022-JP\"", "7bit", "\x1b$B$3$s\x1b(B", "", "こん"),
    ("text/plain; charset=euc-kr", "base64", "vsiz58fP\nvLy/5A==", "", "안녕하세요"),
    ("text/plain; charset=nothing", "", "gr\u{fc}n", "", "grün"),
    (
        "text/html",
        "",
        "<html><head><style>p {}</style><title>t</title></head><p>a &amp; b</p><br>c</html>",
        "",
        "a & b\n\nc",
    ),
    ("image/png; name=a.png", "base64", "AAAA\nAAA=", "a.png (image/png, 5 bytes)", ""),
    ("text/plain; name=a.txt", "", "abc", "a.txt (text/plain, 3 bytes)", ""),
    ("message/rfc822", "", "Subject: y\n\nz", "without a name (message/rfc822, 13 bytes)", ""),
    ("APPLICATION/Pdf", "x", "y", "without a name (application/pdf, 1 bytes)", ""),
    (
        "application/pdf; name*0*=utf-8''gr%C3%BC; name*1=n.pdf",
        "",
        "y",
        "grün.pdf (application/pdf, 1 bytes)",
        "",
    ),
    (
        "application/pdf; name=\"=?utf-8?Q?gr=C3=BCn.pdf?=\"",
        "",
        "y",
        "grün.pdf (application/pdf, 1 bytes)",
        "",
    ),
    ("multipart/mixed; boundary=x", "", "before\n--xy\n--x\n\na\n--x--\nafter", "", "a"),
    ("multipart/mixed; boundary=x", "", "--x \n\na\n--x", "", "a"),
    ("multipart/mixed; boundary=x", "", "--x\r\n\r\na\r\n\r\n--x\r\n\r\nb\r\n", "", "a"),
    ("multipart/mixed; boundary=x", "", "no parts\n --x\n", "", "no parts\n --x"),
    ("multipart/mixed", "", "no parts", "", "no parts"),
    (
        "multipart/alternative; boundary=\"a b\"",
        "",
        "--a b\nContent-Type: text/html\n\n<b>x</b>\n--a b\n\ny\n--a b--\n",
        "",
        "x",
    ),
    (
        "multipart/mixed; boundary=o",
        "",
        "--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\n\n--i\n\nb\n--i--\n--o\n\
        Content-Disposition: attachment; filename=c\n\nc\n--o--\n",
        "c (text/plain, 1 bytes)",
        "b",
    ),
];

#[test]
fn parts_are_told_by_their_headers() {
    for (media_type, encoding, body, attachment, text) in PARTS {
        let message = format!(
            "From: a@b.test\nContent-Type: {media_type}\nContent-Transfer-Encoding: {encoding}\n\n{body}"
        );
        let fields = fields(message.as_bytes());
        assert_eq!(value(&fields, "text"), *text, "{media_type} {body:?}");
        assert_eq!(value(&fields, "attachment"), *attachment, "{media_type} {body:?}");
    }
}

#[test]
fn parts_in_parts_are_not_followed_for_ever() {
    let mut deep = "From: a@b.test\n".to_owned();
    for nth in 0..100_000 {
        write!(deep, "Content-Type: multipart/mixed; boundary=x{nth}\n\n--x{nth}\n").unwrap();
    }
    assert!(fields(deep.as_bytes()).len() < 4);
    let deep = "Content-Type: message/rfc822\n\n".repeat(500_000);
    assert_eq!(fields(deep.as_bytes()).len(), 1);
    let wide = "From: a@b.test\nContent-Type: multipart/mixed; boundary=x\n\n--x\n".to_owned()
        + &"Content-Type: image/png\n\n\n--x\n".repeat(100_000);
    assert_eq!(fields(wide.as_bytes()).len(), 1001);
    // What is made to be decoded slowly.
    let slow = format!("Subject: {}\nTo: {}\n\n", "=?aa?q?".repeat(9000), "(".repeat(99_000));
    assert!(!fields(slow.as_bytes()).is_empty());
    assert!(only(format!("{SEPARATOR}{slow}").as_bytes()).title.contains("aa?q"));
}

#[test]
fn a_mailbox_that_is_written_holds_the_same_messages() {
    for (path, ..) in SAMPLES {
        let bytes = sample(EXPORTS[0], path);
        let records = messages(&bytes);
        let parts: Vec<&[u8]> = records.iter().map(|record| cut(&bytes, place(record))).collect();
        let file = write(&parts);
        assert_eq!(all_told(&file), all_told(&bytes), "{path}");
        assert!(*file == bytes || parts.len() == 1);
        for (record, part) in records.iter().zip(&parts) {
            assert_eq!(told(&only(to_eml(part))).2, told(record).2);
        }
    }
    let one_of_each: Vec<String> = STYLES.iter().map(|style| written(QUOTED, *style)).collect();
    let records: Vec<&[u8]> = one_of_each.iter().map(|text| text.as_bytes()).collect();
    let file = write(&records);
    let found = messages(&file);
    assert_eq!(found.len(), STYLES.len());
    assert!(found.iter().all(|record| told(record) == told(&found[0])));
    assert!(file.starts_with(b"From MAILER-DAEMON Tue May  5 01:02:01 2009\nFrom: Anna"));
    assert_eq!(found[0].date, Some(1_241_485_321));
    assert_eq!(write(&[]).as_slice(), b"");
    // What has no end gets one, of the kind it has elsewhere.
    for (record, wanted) in [
        ("From a\nA: b\n\nx", "From a\nA: b\n\nx\n\n"),
        ("From a\nA: b\n\nx\n", "From a\nA: b\n\nx\n\n"),
        ("From a\nA: b\n\nx\n\n\n", "From a\nA: b\n\nx\n\n\n"),
        ("From a\r\nA: b\r\n\r\nx\r\n", "From a\r\nA: b\r\n\r\nx\r\n\r\n"),
        ("A: b\r\n\r\nx", "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\r\nA: b\r\n\r\nx\n\n"),
    ] {
        let last = format!("{SEPARATOR}D: e\n");
        let file = write(&[record.as_bytes(), last.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&file), format!("{wanted}{last}"));
    }
    let file = write(&[b"From a\nA: b\n\n", b"From c\nD: e\n\nf\n\n"]);
    let second = "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nD: e\n\nf\n";
    assert_eq!(String::from_utf8_lossy(&file), format!("From a\nA: b\n\n{second}"));
}

#[test]
fn a_message_alone_is_without_what_an_mbox_puts_around_it() {
    for (record, wanted) in [
        ("From a\nA: b\n\nx\n\n", "A: b\n\nx\n"),
        ("From a\nA: b\n\nx\n", "A: b\n\nx\n"),
        ("From a\nA: b\n\nx", "A: b\n\nx"),
        ("From a\r\nA: b\r\n\r\nx\r\n\r\n", "A: b\r\n\r\nx\r\n"),
        ("From a\nA: b\n\n>From x\n\n", "A: b\n\n>From x\n"),
        ("A: b\n\nx\n\n", "A: b\n\nx\n\n"),
        ("\u{feff}A: b\n", "A: b\n"),
    ] {
        assert_eq!(to_eml(record.as_bytes()), wanted.as_bytes(), "{record:?}");
    }
}

#[test]
fn the_table_of_contents_counts_messages() {
    for (path, counted) in [("INBOX", 15), ("Receipts", 5), ("Receipts 1", 2)] {
        let table = sample(EXPORTS[0], &format!("{path}.mbox/table_of_contents"));
        assert_eq!(table_count(&table), Some(counted), "{path}");
    }
    for table in [&b""[..], b"1", &[0; 7], &[0xff; 100]] {
        assert_eq!(table_count(table), None);
    }
    assert_eq!(table_count(&[0; 8]), Some(0));
}

/// A reader that gives a few bytes at a time, and is interrupted between.
struct Slow<'a> {
    bytes: &'a [u8],
    at_once: usize,
    is_interrupted: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = bytes.len().min(self.at_once);
        self.bytes.read(&mut bytes[..size])
    }
}

fn summary((scanned, records): &(Scanned, Vec<Record>)) -> Vec<(Told, Range<u64>, String)> {
    let mut all = vec![((Quality::Id, vec![], vec![]), 0..0, format!("{scanned:?}"))];
    all.extend(records.iter().map(|record| {
        let shown = format!(
            "{:?} {} {} {} {:?}",
            record.warnings, record.title, record.place, record.user, record.date
        );
        (told(record), place(record), shown)
    }));
    all
}

#[test]
fn how_content_comes_makes_no_difference() {
    for bytes in samples().chain(STYLES.map(|style| written(QUOTED, style).into_bytes())) {
        let wanted = summary(&scanned(&bytes));
        for at_once in (1..40).chain([255, 1024, 4096]) {
            let mut slow = Slow { bytes: &bytes, at_once, is_interrupted: false };
            assert!(summary(&read(&mut slow)) == wanted, "{at_once}");
        }
    }
}

/// Everything that is looked at as a whole, at every place around the ends of the buffers.
#[test]
fn where_a_buffer_ends_makes_no_difference() {
    let list = tail_of_emlx("1");
    for (ends, buffer) in [("\n", 16 << 10), ("\r\n", 16 << 10), ("\n", 256 << 10)] {
        let end = format!("end\n\n>>From b\n\n{SEPARATOR}Subject: z\nStatus: O\n\nx\n");
        let end = end.replace('\n', ends);
        let start = format!("{SEPARATOR}Subject: y\n\n").replace('\n', ends);
        let wanted = told(&messages(format!("{start}{ends}{end}").as_bytes())[1]);
        // Each place near the end of the buffer and near the end of what is settled; some between.
        let near = |at: usize| (0..130).map(move |n| buffer + 8 - at - n);
        let sizes = near(0).chain(near(1080)).chain((0..20).map(|n| buffer - 97 * n));
        for size in sizes.clone() {
            let middle = "x".repeat(size - start.len());
            let records = messages(format!("{start}{middle}{ends}{end}").as_bytes());
            assert_eq!(records.len(), 2, "{size}");
            let (text, last) = (told(&records[0]).2, told(&records[1]));
            let plain = format!("Subject: y\n\n{middle}\nend\n\nFrom b");
            assert_eq!(text, Sha256::digest(plain.as_bytes()).as_slice(), "{size}");
            assert_eq!(last, wanted);
        }
        for size in sizes.chain(near(180)) {
            let message = format!("Subject: y\n\n{}\n", "x".repeat(size - 20));
            for count in [message.len(), message.len() + 1] {
                let emlx = format!("{count}\n{message}{list}");
                assert_eq!(told(&only(emlx.as_bytes())), told(&only(message.as_bytes())));
            }
            let partial = format!("{message}X-Apple-Content-Length: 1\n");
            let emlx = format!("{}\n{partial}{list}", partial.len());
            assert_eq!(only(emlx.as_bytes()).warnings, [PARTIAL, NO_DATE]);
        }
    }
}

/// Content that is made while it is read: a start, a middle that repeats, an end.
struct Made {
    start: &'static [u8],
    middle: Vec<u8>,
    middle_size: u64,
    end: &'static [u8],
    at: u64,
}

impl Read for Made {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let start = self.start.len() as u64;
        let (from, within, left) = match self.at {
            at if at < start => (self.start, at, u64::MAX),
            at if at < start + self.middle_size => {
                let within = (at - start) % self.middle.len() as u64;
                (self.middle.as_slice(), within, start + self.middle_size - at)
            }
            at => (self.end, at - start - self.middle_size, u64::MAX),
        };
        let part = from.get(usize::try_from(within).unwrap()..).unwrap_or_default();
        let size = part.len().min(bytes.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        bytes[..size].copy_from_slice(&part[..size]);
        self.at += size as u64;
        Ok(size)
    }
}

#[test]
fn a_line_without_end_takes_no_memory() {
    const START: &[u8] = b"From a Tue May  5 01:02:01 2009\nSubject: x\n\n";
    const END: &[u8] = b"\n\nFrom a Tue May  5 01:02:01 2009\nSubject: z\n\ny\n";
    let run = |start: &'static [u8], middle: &[u8], middle_size: u64| {
        let middle = middle.repeat(65_536 / middle.len());
        let mut made = Made { start, middle, middle_size, end: END, at: 0 };
        let (scanned, records) = read(&mut made);
        (scanned.notes, records.into_iter().map(|record| record.title).collect::<Vec<_>>())
    };
    let both = (vec![], vec!["x".to_owned(), "z".to_owned()]);
    // The text of a message, a value in its header, a separator, a quote, line ends.
    assert_eq!(run(START, b"x", 1 << 30), both);
    assert_eq!(run(b"From a Tue May  5 01:02:01 2009\nSubject: x\nA: ", b"x", 64 << 20), both);
    assert_eq!(run(b"From a Tue May  5 01:02:01 2009\nSubject: x\n", b"A: b\n", 64 << 20), both);
    assert_eq!(
        run(b"From a Tue May  5 01:02:01 2009\nSubject: x\n\n\nFrom a ", b"Tue ", 64 << 20),
        both
    );
    assert_eq!(run(START, b">", 64 << 20), both);
    assert_eq!(run(START, b"\n", 64 << 20), both);
    assert_eq!(run(START, b"\r", 64 << 20), both);
    assert_eq!(run(START, b"\n>From ", 64 << 20), both);
    assert_eq!(run(START, b"\n\nFrom a Tue ", 64 << 20), both);
    let (_, titles) = run(b"12\nSubject: x\n\n", b"\n<?xml><plist", 8 << 20);
    assert_eq!(titles, ["x"]);
    let (notes, titles) = run(b"", b"\n", 64 << 20);
    assert_eq!((notes, titles), (vec![BEFORE_FIRST], vec!["z".to_owned()]));
}

#[test]
fn without_the_first_message_the_others_are_the_same() {
    let bytes = sample(EXPORTS[0], SAMPLES[0].0);
    let records = messages(&bytes);
    for (nth, record) in records.iter().enumerate() {
        let rest = &bytes[usize::try_from(place(record).start).unwrap()..];
        let wanted: Vec<Told> = records[nth..].iter().map(told).collect();
        assert_eq!(messages(rest).iter().map(told).collect::<Vec<_>>(), wanted);
    }
    let mut turned: Vec<&[u8]> = records.iter().map(|record| cut(&bytes, place(record))).collect();
    turned.reverse();
    assert_eq!(all_told(&turned.concat()), all_told(&bytes));
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
    let words: [&[u8]; 16] = [
        b"\n",
        b"\r\n",
        b"\n\n",
        b">",
        b"From ",
        b"\n\nFrom ",
        b":",
        b"=?utf-8?q?",
        b"?=",
        b"=",
        b"--",
        b"\0",
        b"\xff",
        b"(",
        b"\"",
        b"<?xml version=\"1.0\"?><plist",
    ];
    let headers = QUOTED
        .replace("Hello", "Content-Type: multipart/mixed; name*0*=utf-8''%20; boundary=\"a\"");
    for file in samples().chain([headers.into_bytes()]) {
        for _ in 0..10_000 {
            let from = random(file.len().saturating_sub(900).max(1));
            let from = if random(2) == 0 { 0 } else { from };
            let mut damaged = file[from..file.len().min(from + 900)].to_vec();
            for _ in 0..=random(4) {
                let at = random(damaged.len());
                let word = words[random(words.len())];
                match random(4) {
                    0 => damaged.truncate(at + 1),
                    1 => drop(damaged.splice(at..at, word.iter().copied())),
                    2 => damaged[at] = word[0],
                    _ => damaged[at] ^= 1 << random(8),
                }
            }
            let records = messages(&damaged);
            let parts: Vec<&[u8]> =
                records.iter().map(|record| cut(&damaged, place(record))).collect();
            for (part, record) in parts.iter().zip(&records) {
                fields(part);
                assert_eq!(
                    told(&only(part)),
                    told(record),
                    "{}",
                    String::from_utf8_lossy(&damaged)
                );
            }
            assert!(parts.is_empty() || messages(&write(&parts)).len() >= parts.len());
        }
    }
}

/// The digest as its rules say, with all of the message at hand.
fn plain_digest(message: &str) -> Vec<u8> {
    let message = message.strip_suffix('\r').unwrap_or(message).replace("\r\n", "\n");
    let mut kept = String::new();
    let (mut is_header, mut is_note) = (true, false);
    for line in message.split_inclusive('\n') {
        let name = line.split(':').next().unwrap().to_lowercase();
        is_header &= line != "\n";
        is_note = is_header
            && if line.starts_with([' ', '\t']) {
                is_note
            } else {
                ["status", "x-status", "x-keywords", "content-length"].contains(&name.as_str())
                    || name.starts_with("x-apple-")
            };
        let word = line.trim_start_matches('>');
        if !is_note {
            kept.push_str(if word.starts_with("From ") { word } else { line });
        }
    }
    Sha256::digest(kept.trim_end_matches('\n').as_bytes()).to_vec()
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        3 => "[a-z>: ]{0,8}",
        2 => ">{0,3}From [a-z:]{0,5}",
        1 => Just("From a b".to_owned()),
        1 => "[ -~]{60,90}",
        1 => Just("\r".to_owned()),
    ]
}

fn header() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "Subject",
        "Status",
        "X-Apple-Mail",
        "X-Keywords",
        "Date",
        "To",
        "Message-ID",
        "X-Status",
    ]);
    (name, "[a-z ]{0,9}(\n [a-z]{1,5}){0,2}").prop_map(|(name, value)| format!("{name}: {value}\n"))
}

prop_compose! {
    fn message()(
        from in "[a-z]{1,5}",
        header in prop::collection::vec(header(), 0..6),
        body in prop::collection::vec(line(), 0..12),
    ) -> String {
        format!("From: {from}@a.test\n{}\n{}", header.concat(), body.join("\n"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Messages written into one mailbox come out one by one, with the digests they have alone.
    #[test]
    fn what_is_written_is_read(
        all in prop::collection::vec((message(), 2..STYLES.len(), any::<bool>()), 1..8),
        at_once in 1_usize..64,
    ) {
        let text = |(message, style, is_crlf): &(String, usize, bool)| {
            // CRs of its own would be line ends.
            let message = if *is_crlf { message.replace('\r', "") } else { message.clone() };
            let text = written(&message, STYLES[*style]);
            if *is_crlf { text.replace('\n', "\r\n") } else { text }
        };
        let file = all.iter().map(text).collect::<String>();
        let mut slow = Slow { bytes: file.as_bytes(), at_once, is_interrupted: false };
        let (_, records) = read(&mut slow);
        prop_assert_eq!(records.len(), all.len());
        for (record, (message, _, is_crlf)) in records.iter().zip(&all) {
            let message = if *is_crlf { message.replace('\r', "") } else { message.clone() };
            prop_assert_eq!(record.essence.to_vec(), plain_digest(&message));
        }
        let records: Vec<_> = scanned(file.as_bytes()).1;
        let parts: Vec<&[u8]> = records.iter().map(|record| cut(file.as_bytes(), place(record))).collect();
        prop_assert!(*write(&parts) == file.as_bytes());
    }

    /// A message alone, its `.emlx` and the mailbox it is written into say the same.
    #[test]
    fn a_message_keeps_its_digest(message in message(), style in 0..STYLES.len()) {
        let text = written(&message, STYLES[style]);
        let record = only(text.as_bytes());
        prop_assert_eq!(record.essence.to_vec(), plain_digest(&message));
        let mailbox = write(&[text.as_bytes()]);
        prop_assert_eq!(told(&only(&mailbox)), told(&record));
        prop_assert_eq!(told(&only(to_eml(&mailbox))), told(&record));
    }
}
