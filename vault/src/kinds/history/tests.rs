//! Visits as Safari exports them, and what else may stand in such a file.

use super::{NO_VISITS, NOT_UTF8, STRAY, TOO_MANY, VISITS_MAX};
use crate::kinds::record::UNREADABLE;
use crate::kinds::tests::records::{
    EXPORTS, Random, all_fields, by_title, bytes_of, difference, sample, scanned, told, utf16,
    value, written,
};
use crate::kinds::{Format, Quality, Record};

const FORMAT: Format = Format::History;
const PATHS: [&str; 2] = [
    "Safari/Safari Export 2026-09-14/History.json",
    "Safari/Safari Export 2026-10-16/History.json",
];

fn visits(json: &str) -> Vec<Record> {
    scanned(FORMAT, json.as_bytes()).1
}

/// The essence of the only element of a list.
fn essence(element: &str) -> Vec<u8> {
    let records = visits(&format!("{{\"history\":[{element}]}}"));
    assert_eq!(records.len(), 1, "{element}");
    records[0].essence.to_vec()
}

#[test]
fn every_sample_has_its_visits() {
    let bytes = sample(EXPORTS[0], PATHS[0]);
    let (scanned_once, records) = scanned(FORMAT, &bytes);
    assert_eq!((scanned_once.layout, scanned_once.notes.len()), ("Safari history", 0));
    assert_eq!(records.len(), 24);
    let [reset, router] = [&records[3], &records[5]];
    assert_eq!((&*reset.title, &*reset.place), ("Example page 3", "reset.example.org"));
    assert_eq!((&*router.title, router.date), ("router.example.test", Some(1_786_127_400)));
    assert!(records.iter().all(|record| record.identity.quality == Quality::Fields));
    // What is in an address may be a secret.
    assert!(records.iter().all(|record| !record.title.contains("4f9d0f1b2a")));
    let fields = all_fields(FORMAT, &bytes);
    assert_eq!(value(&fields[12], "source_url"), "http://example.com/");
    assert_eq!(value(&fields[12], "visited"), "2026-08-16T19:30:00Z");
    assert_eq!(value(&fields[12], "visits"), "3");
    let work = "Safari/Safari Export 2026-09-14/History - Work.json";
    let work = sample(EXPORTS[0], work);
    assert_eq!(by_title(&scanned(FORMAT, &work).1, "Intranet").place, "intranet.example.org");
    assert_eq!(value(&all_fields(FORMAT, &work)[0], "visits"), "9");
}

#[test]
fn a_month_later_old_visits_are_gone_and_counts_are_no_change() {
    let [before, after] = [0, 1].map(|at| scanned(FORMAT, &sample(EXPORTS[at], PATHS[at])).1);
    let [added, removed, changed] = difference(&before, &after);
    assert_eq!((added, removed.len(), changed.len()), (vec!["Pottery".to_owned()], 4, 0));
}

#[test]
fn the_same_visit_says_the_same_however_it_is_written() {
    let plain = essence(r#"{"url":"https://a.example/","time_usec":1785569400000000,"title":"A"}"#);
    for same in [
        r#"{ "title":"\u0041", "visits_count":7, "time_usec":1785569400000000, "url":"https:\/\/a.example\/" }"#,
        r#"{"url":"https://a.example/","time_usec":1.7855694e15,"title":"A","visit_count":1}"#,
        r#"{"url":"https://a.example/","time_usec":"1785569400000000","title":"A","x":null}"#,
        r#"{"url":"https://a.example/","time_usec":1785569400000000,"title":"A",
            "latest_visit_was_load_failure":false,"latest_visit_was_http_get":true}"#,
    ] {
        assert_eq!(essence(same), plain, "{same}");
    }
    for other in [
        r#"{"url":"https://a.example/","time_usec":1785569400000001,"title":"A"}"#,
        r#"{"url":"https://a.example/","time_usec":1785569400000000,"title":"B"}"#,
        r#"{"url":"https://a.example/","time_usec":1785569400000000,"title":"A","source_url":"b"}"#,
        r#"{"url":"https://a.example/","time_usec":1785569400000000,"title":"A",
            "latest_visit_was_load_failure":true}"#,
    ] {
        assert_ne!(essence(other), plain, "{other}");
    }
}

#[test]
fn visits_at_one_time_are_told_apart() {
    let one = r#"{"url":"u","time_usec":1,"title":"A"}"#;
    let other = r#"{"url":"u","time_usec":1,"title":"B"}"#;
    let records = visits(&format!(r#"{{"history":[{one},{one},{other}]}}"#));
    assert_eq!(told(&records).len(), 3);
}

#[test]
fn what_holds_no_visits_is_said() {
    for (bytes, note) in [
        (&b"{}"[..], NO_VISITS),
        (b"", UNREADABLE),
        (b"{\"history\":[{}", UNREADABLE),
        (b"{\"history\":{}}", UNREADABLE),
        (b"{\"history\":[],\"history\":[]}", UNREADABLE),
        (b"\xFF{}", NOT_UTF8),
        (&utf16(b"{\"history\":[]}", u16::to_be_bytes), NOT_UTF8),
    ] {
        let (scanned, records) = scanned(FORMAT, bytes);
        assert_eq!((scanned.notes, records.len()), (vec![note], 0));
    }
    let stray = r#"{"history":[1,{"url":"u","time_usec":{}},[],{"url":2},"x"]}"#;
    let (scanned, records) = scanned(FORMAT, stray.as_bytes());
    assert_eq!((scanned.notes, records.len(), records[0].date), (vec![STRAY], 1, None));
    assert!(FORMAT.fields(&[], b"[").is_empty());
}

#[test]
fn a_file_of_some_holds_them_and_no_others() {
    for (export, path) in EXPORTS.into_iter().zip(PATHS) {
        let plain = sample(export, path);
        for bytes in [plain.clone(), [b"\xEF\xBB\xBF", &plain[..]].concat()] {
            let records = scanned(FORMAT, &bytes).1;
            for record in &records {
                let alone = written(FORMAT, &bytes, &|other| other.identity == record.identity);
                let again = scanned(FORMAT, &alone).1;
                assert!(again.len() == 1 && again[0].essence == record.essence);
                assert_eq!(bytes_of(&alone, &again[0]), bytes_of(&bytes, record));
            }
            let all = written(FORMAT, &bytes, &|_| true);
            assert!(told(&scanned(FORMAT, &all).1) == told(&records));
        }
    }
    assert_eq!(visits(str::from_utf8(&FORMAT.write(&[], &[]).unwrap()).unwrap()).len(), 0);
}

#[test]
fn no_size_costs_more_than_its_cap() {
    let deep = |count: usize| "[".repeat(count) + &"]".repeat(count);
    let (scanned_deep, records) = scanned(
        FORMAT,
        format!(
            r#"{{"x":{0},"history":[{0},{{"url":"u","x":{0}}},{{"url":"u"}}]}}"#,
            deep(1_000_000)
        )
        .as_bytes(),
    );
    assert_eq!((scanned_deep.notes, records.len()), (vec![STRAY], 1));
    assert_eq!(scanned(FORMAT, "[".repeat(1_000_000).as_bytes()).0.notes, [UNREADABLE]);
    let many = format!(r#"{{"history":[{}{{"url":"u"}}]}}"#, "1,".repeat(VISITS_MAX));
    assert_eq!(scanned(FORMAT, many.as_bytes()).0.notes, [TOO_MANY, STRAY]);
}

#[test]
fn damaged_files_have_an_answer() {
    let liked: &[&[u8]] = &[
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"1e999",
        b"-",
        b"\"url\":",
        b"\\u0000",
        b"\"time_usec\":",
        b"\xFF",
        b"\"history\":",
        b"99999999999999999999",
    ];
    let file = sample(EXPORTS[0], PATHS[0]);
    let mut random = Random(0x6869_7374);
    let mut read = 0;
    for _ in 0..3000 {
        let damaged = random.damaged(&file, liked);
        let records = scanned(FORMAT, &damaged).1;
        told(&records);
        read += records.len();
        for record in records.iter().take(3) {
            let alone = written(FORMAT, &damaged, &|other| other.identity == record.identity);
            let again = scanned(FORMAT, &alone).1;
            assert!(again.len() == 1 && again[0].essence == record.essence);
        }
    }
    assert!(read > 1000);
}
