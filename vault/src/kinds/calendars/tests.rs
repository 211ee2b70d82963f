//! Calendars with events, reminders and time zones in every order, and what is wrong with some.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::event::{FOREIGN, NO_END, NO_ID, NOT_ALONE};
use super::zones::{Moment, ONSETS_MAX, Zones};
use super::{FRAME_MAX, RECORD_MAX, SEVERAL, TOO_LONG, TOO_SCATTERED};
use crate::kinds::tests::records::{
    EXPORTS, Made, Random, all_fields, all_samples, assert_same, by_title, bytes_of, difference,
    ranges, sample, scanned, told, utf16, value, written,
};
use crate::kinds::{Format, Quality, Record, parts};

const FORMAT: Format = Format::Calendars;
const HOME: &str = "Calendars/Home.ics";
const WORK: &str = "Calendars/Work.ics";
const REMINDERS: &str = "Calendars/Erinnerungen.ics";

fn events(bytes: &[u8]) -> Vec<Record> {
    scanned(FORMAT, bytes).1
}

fn titles(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.title.as_str()).collect()
}

/// A calendar with these lines.
fn calendar(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{lines}END:VCALENDAR\r\n")
}

/// An event with these lines.
fn event(lines: &[&str]) -> String {
    format!("BEGIN:VEVENT\r\n{}\r\nEND:VEVENT", lines.join("\r\n"))
}

fn one(lines: &[&str]) -> Record {
    let text = calendar(&[&event(lines)]);
    let mut records = events(text.as_bytes());
    assert_eq!(records.len(), 1);
    records.remove(0)
}

fn essence(lines: &[&str]) -> Vec<u8> {
    one(lines).essence.to_vec()
}

#[test]
fn every_sample_has_its_events() {
    for (path, wanted) in [
        (
            HOME,
            &[
                "Choir practice",
                "🎂 Ida's birthday",
                "Dentist",
                "Fête d’été – с друзьями – 友達と",
                "Week at the lake",
            ][..],
        ),
        (WORK, &["Stand-up", "Call with Seoul", "Review of examples"]),
        (
            REMINDERS,
            &[
                "Buy bread",
                "Renew the certificate",
                "Back up the photos",
                "전화하기",
                "Water the garden",
            ],
        ),
    ] {
        let (scanned, records) = scanned(FORMAT, &sample(EXPORTS[0], path));
        assert_eq!(titles(&records), wanted);
        assert_eq!((scanned.layout, scanned.notes.len()), ("iCalendar", 0), "{path}");
        assert!(records.iter().all(|record| record.identity.quality == Quality::Id));
        assert!(records.iter().all(|record| record.warnings.is_empty()));
    }
    let records = events(&sample(EXPORTS[0], HOME));
    let dentist = by_title(&records, "Dentist");
    assert_eq!(dentist.place, "Clinic of Examples, 12 Elm Street, Exampleton");
    // 2026-09-18 09:00 in Berlin.
    assert_eq!((dentist.user.as_str(), dentist.date), ("Home", Some(1_789_714_800)));
    assert_eq!(by_title(&records, "Week at the lake").date, Some(1_786_320_000));
    let records = events(&sample(EXPORTS[0], WORK));
    // 09:15 in New York, in winter; 10:00 in Seoul.
    assert_eq!(by_title(&records, "Stand-up").date, Some(1_767_708_900));
    assert_eq!(by_title(&records, "Call with Seoul").date, Some(1_789_434_000));
    let records = events(&sample(EXPORTS[0], REMINDERS));
    assert_eq!(by_title(&records, "Renew the certificate").date, Some(1_790_784_000));
    assert_eq!(by_title(&records, "Buy bread").date, None);
}

#[test]
fn records_and_what_is_between_them_are_the_file() {
    for (name, bytes) in all_samples("Calendars", "ics") {
        let (scanned, records) = scanned(FORMAT, &bytes);
        let mut places: Vec<_> = records.iter().flat_map(ranges).chain(&scanned.frame).collect();
        places.sort_by_key(|range| range.start);
        // In what programs write there is nothing else.
        let whole = parts(&bytes, &places.into_iter().cloned().collect::<Vec<_>>()).unwrap();
        assert!(whole.concat() == bytes, "{name}");
        assert_eq!(scanned.frame.len(), 2, "{name}");
        for record in &records {
            let bytes = bytes_of(&bytes, record);
            assert!(bytes.starts_with(b"BEGIN:V") && bytes.ends_with(b"\r\n"), "{name}");
        }
    }
}

#[test]
fn a_month_later_only_what_changed_has() {
    let none: [&str; 0] = [];
    for (path, wanted) in [
        (
            HOME,
            [
                &["Ferry to the island", "Pottery course"][..],
                &["Fête d’été – с друзьями – 友達と"],
                &["Choir practice", "Dentist"],
            ],
        ),
        (REMINDERS, [&["Call the potter"], &none, &["Renew the certificate"]]),
        (WORK, [&none, &none, &none]),
    ] {
        let [before, after] = EXPORTS.map(|export| events(&sample(export, path)));
        assert_eq!(difference(&before, &after), wanted, "{path}");
    }
}

/// The lines of a file without folds.
fn unfolded(bytes: &[u8]) -> Vec<String> {
    let text = str::from_utf8(bytes).unwrap().replace("\r\n ", "");
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

/// The header of a calendar, and its components.
fn taken_apart(lines: &[String]) -> (Vec<String>, Vec<Vec<String>>) {
    let (mut header, mut components, mut open) = (Vec::new(), Vec::new(), None);
    for line in &lines[1..lines.len() - 1] {
        let open_now: &mut Option<Vec<String>> = &mut open;
        match open_now {
            Some(component) => {
                component.push(line.clone());
                if component[0].replace("BEGIN", "END") == *line {
                    components.extend(open.take());
                }
            }
            None if line.starts_with("BEGIN:") => open = Some(vec![line.clone()]),
            None => header.push(line.clone()),
        }
    }
    (header, components)
}

/// As another program, or the same a version later, writes the same line.
fn rewritten(line: &str, random: &mut Random) -> String {
    let (start, value) = line.split_once(':').unwrap();
    let mut params: Vec<String> = start.split(';').map(str::to_owned).collect();
    let value = match params[0].as_str() {
        "DTSTAMP" | "LAST-MODIFIED" | "CREATED" => "20270102T030405Z".to_owned(),
        "SEQUENCE" => "9".to_owned(),
        "X-WR-ALARMUID" | "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR" => "DISABLED".to_owned(),
        "X-APPLE-STRUCTURED-LOCATION" => "geo:1,2".to_owned(),
        "RRULE" => {
            let mut parts: Vec<&str> = value.split(';').chain(["INTERVAL=1"]).collect();
            random.shuffle(&mut parts);
            parts.join(";").to_lowercase()
        }
        "TRIGGER" => value.replace("PT15M", "P0DT0H15M0S"),
        _ => value.to_owned(),
    };
    params[0] = if random.below(2) == 0 { params[0].to_lowercase() } else { params[0].clone() };
    random.shuffle(&mut params[1..]);
    let params = params.join(";").replace(";VALUE=URI", "");
    format!("{params}:{value}")
}

/// A component with the same lines in another order. What is in it stays together.
fn shuffled(component: &[String], random: &mut Random) -> Vec<String> {
    let (first, rest) = component.split_first().unwrap();
    let (last, inner) = rest.split_last().unwrap();
    let mut pieces: Vec<Vec<String>> = Vec::new();
    let mut is_inner = false;
    for line in inner {
        let is_uid = line.starts_with("UID:");
        match pieces.last_mut().filter(|_| is_inner) {
            Some(_) if is_uid => {}
            Some(piece) => piece.push(line.clone()),
            None if line.starts_with("BEGIN:") => pieces.push(vec![line.clone()]),
            None => pieces.push(vec![rewritten(line, random)]),
        }
        is_inner = (is_inner || line.starts_with("BEGIN:")) && !line.starts_with("END:");
    }
    random.shuffle(&mut pieces);
    [vec![first.clone()], pieces.concat(), vec![last.clone()]].concat()
}

#[test]
fn an_export_of_the_same_has_the_same_events() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, bytes) in all_samples("Calendars", "ics") {
        let before = events(&bytes);
        for round in 0..40 {
            let (mut header, components) = taken_apart(&unfolded(&bytes));
            header.retain(|line| !line.starts_with("X-") && !line.starts_with("PRODID"));
            header.push("PRODID:-//Another//EN".to_owned());
            let mut components: Vec<Vec<String>> = components
                .iter()
                .map(|component| match component[0].as_str() {
                    "BEGIN:VTIMEZONE" => {
                        let lines = component.iter();
                        lines.map(|line| line.replace("TZNAME:", "TZNAME:x")).collect()
                    }
                    _ => shuffled(component, &mut random),
                })
                .collect();
            random.shuffle(&mut components);
            let lines = [
                vec!["BEGIN:VCALENDAR".to_owned()],
                header,
                components.concat(),
                vec!["END:VCALENDAR".to_owned()],
            ];
            let width = [5, 20, 75, 76, 4000][round % 5];
            let line_end = ["\r\n", "\n", "\r\r\n", "\r"][round % 4];
            let again = folded(&lines.concat(), width, line_end, [" ", "\t"][round % 2]);
            let after = events(&again);
            assert_same(&before, &after, &format!("{name}, {round}"));
            let dates = |records: &[Record]| {
                let mut dates: Vec<_> =
                    records.iter().map(|record| (record.title.clone(), record.date)).collect();
                dates.sort();
                dates
            };
            assert_eq!(dates(&before), dates(&after), "{name}, {round}");
        }
    }
}

#[test]
fn every_encoding_has_the_same_events() {
    let big = |unit: u16| {
        let [low, high] = unit.to_le_bytes();
        [high, low]
    };
    for (name, bytes) in all_samples("Calendars", "ics") {
        let before = events(&bytes);
        let marked = format!("\u{feff}{}", str::from_utf8(&bytes).unwrap()).into_bytes();
        let little = utf16(&bytes, u16::to_le_bytes);
        for variant in [&marked, &little[2..].to_vec(), &little, &utf16(&bytes, big)] {
            let after = events(variant);
            assert_same(&before, &after, &name);
            for (one, other) in before.iter().zip(&after) {
                assert_eq!((one.date, &one.user), (other.date, &other.user), "{name}");
            }
            let (one, other) = (all_fields(FORMAT, &bytes), all_fields(FORMAT, variant));
            for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
                assert_eq!((&one.name, &*one.value), (&other.name, &*other.value), "{name}");
            }
            let copy = written(FORMAT, variant, &|_| true);
            assert_eq!(copy.len(), variant.len(), "{name}");
            assert_same(&before, &events(&copy), &name);
        }
    }
}

#[test]
fn what_is_written_holds_the_same_events_and_the_zones_they_need() {
    for (name, bytes) in all_samples("Calendars", "ics") {
        let before = events(&bytes);
        assert_same(&before, &events(&written(FORMAT, &bytes, &|_| true)), &name);
        for record in &before {
            let copy = written(FORMAT, &bytes, &|other| other.title == record.title);
            let copied = events(&copy);
            assert_eq!(titles(&copied), [record.title.as_str()], "{name}");
            assert!(copied[0].essence == record.essence && copied[0].date == record.date);
            assert_eq!(copied[0].user, record.user, "{name}");
            let text = str::from_utf8(&copy).unwrap();
            assert!(
                text.starts_with("BEGIN:VCALENDAR\r\n")
                    && text.trim_end().ends_with("END:VCALENDAR")
            );
            for zone in ["Europe/Berlin", "America/New_York", "Asia/Seoul"] {
                let is_used = text.contains(&format!(";TZID={zone}"));
                assert_eq!(text.contains(&format!("\nTZID:{zone}\r")), is_used, "{name} {zone}");
            }
            assert_eq!(text.matches("BEGIN:").count(), text.matches("END:").count());
        }
        let none = written(FORMAT, &bytes, &|_| false);
        assert!(!str::from_utf8(&none).unwrap().contains("VTIMEZONE"), "{name}");
        // Without a frame it is a calendar still.
        let records: Vec<Vec<u8>> = before.iter().map(|one| bytes_of(&bytes, one)).collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let bare = FORMAT.write(&[], &records).unwrap();
        assert_same(&before, &events(&bare), &name);
        assert!(bare.starts_with(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:"));
    }
}

#[test]
fn the_parts_of_an_event_are_found_wherever_they_stand() {
    let bytes = sample(EXPORTS[0], HOME);
    let records = events(&bytes);
    assert_eq!(ranges(by_title(&records, "Choir practice")).len(), 1);
    let (header, components) = taken_apart(&unfolded(&bytes));
    let mut order: Vec<_> = components.iter().skip(1).cloned().collect();
    order.swap(1, 4);
    order.swap(2, 6);
    let zone = components[0].clone();
    let lines = |components: &[Vec<String>]| {
        let start = [vec!["BEGIN:VCALENDAR".to_owned()], header.clone()].concat();
        let end = vec!["END:VCALENDAR".to_owned()];
        folded(&[start, components.concat(), end].concat(), 75, "\r\n", " ")
    };
    let scattered = lines(&[&order[..3], std::slice::from_ref(&zone), &order[3..]].concat());
    let (scanned, after) = scanned(FORMAT, &scattered);
    assert_same(&records, &after, "scattered");
    assert_eq!(ranges(by_title(&after, "Choir practice")).len(), 3);
    assert_eq!(scanned.frame.len(), 3);
    assert_same(&records, &events(&written(FORMAT, &scattered, &|_| true)), "scattered");
}

#[test]
fn the_frame_is_the_same_without_an_event() {
    let joined = |bytes: &[u8]| parts(bytes, &scanned(FORMAT, bytes).0.frame).unwrap().concat();
    for (name, bytes) in all_samples("Calendars", "ics") {
        let (header, components) = taken_apart(&unfolded(&bytes));
        let whole = joined(&bytes);
        for without in 0..components.len() {
            if components[without][0] == "BEGIN:VTIMEZONE" {
                continue;
            }
            let left = components.iter().enumerate().filter(|(at, _)| *at != without);
            let left: Vec<String> = left.flat_map(|(_, component)| component.clone()).collect();
            let start = [vec!["BEGIN:VCALENDAR".to_owned()], header.clone()].concat();
            let end = vec!["END:VCALENDAR".to_owned()];
            let less = folded(&[start, left, end].concat(), 75, "\r\n", " ");
            assert!(joined(&less) == whole, "{name} {without}");
        }
    }
}

#[test]
fn several_calendars_in_a_file_are_kept_apart() {
    let [home, work] = [HOME, WORK].map(|path| sample(EXPORTS[0], path));
    // Each event in a calendar of its own, as some servers write it.
    let (header, components) = taken_apart(&unfolded(&home));
    let single = |component: &Vec<String>| {
        let start = [vec!["BEGIN:VCALENDAR".to_owned()], header.clone()].concat();
        let lines = [start, components[0].clone(), component.clone()].concat();
        folded(&[lines, vec!["END:VCALENDAR".to_owned()]].concat(), 4000, "\r\n", " ")
    };
    let whole: Vec<Vec<u8>> =
        [&components[4..], &components[1..2]].concat().iter().map(single).collect();
    let (scanned_1, records) = scanned(FORMAT, &whole.concat());
    assert_eq!((records.len(), scanned_1.notes.len()), (5, 0));
    assert_eq!(by_title(&records, "Dentist").user, "Home");
    assert_eq!(scanned_1.frame.len(), 2);
    let copy = written(FORMAT, &whole.concat(), &|_| true);
    assert_eq!(str::from_utf8(&copy).unwrap().matches("VCALENDAR").count(), 2);
    assert_same(&records, &events(&copy), "one each");

    let both = [home, work].concat();
    let (scanned_2, records) = scanned(FORMAT, &both);
    assert_eq!(scanned_2.notes, [SEVERAL]);
    assert_eq!(records.len(), 8);
    assert_eq!(by_title(&records, "Dentist").user, "Home");
    assert_eq!(by_title(&records, "Stand-up").user, "Work");
    // Which of the two it is from cannot be told by its bytes, so that is not said.
    assert!(all_fields(FORMAT, &both).iter().all(|fields| value(fields, "calendar").is_empty()));
    let copy = written(FORMAT, &both, &|_| true);
    assert!(!str::from_utf8(&copy).unwrap().contains("X-WR-CALNAME"));
    let after = events(&copy);
    assert_same(&records, &after, "both");
    assert_eq!(by_title(&after, "Call with Seoul").date, Some(1_789_434_000));

    // One event in two calendars.
    let named = |name: &str| {
        calendar(&[&format!("X-WR-CALNAME:{name}"), &event(&["UID:1", "SUMMARY:Same"])])
    };
    let qualities = |text: String| {
        let records = events(text.as_bytes());
        told(&records);
        records.iter().map(|record| record.identity.quality).collect::<Vec<_>>()
    };
    assert_eq!(qualities(named("A") + &named("B")), [Quality::Titled; 2]);
    assert_eq!(qualities(named("A") + &named("A")), [Quality::Whole; 2]);
    for text in [named("A") + &named("A"), named("A") + &named("B") + &named("A")] {
        let copy = written(FORMAT, text.as_bytes(), &|_| true);
        let (before, after) = (events(text.as_bytes()), events(&copy));
        assert_eq!(before.len(), after.len());
        assert!(before.iter().zip(&after).all(|(one, other)| one.essence == other.essence));
    }
    let exception = calendar(&[&event(&["UID:1", "RECURRENCE-ID:20260101T000000Z"])]);
    assert_eq!(qualities(named("A") + &exception), [Quality::Fields; 2]);
}

#[test]
fn what_a_person_would_call_a_change_is_one() {
    let lines = ["UID:1", "SUMMARY:A", "DTSTART;TZID=Europe/Berlin:20260105T193000"];
    let before = essence(&lines);
    let with = |more: &str| essence(&[&lines[..], &[more]].concat());
    for more in [
        "LOCATION:x",
        "STATUS:CANCELLED",
        "TRANSP:TRANSPARENT",
        "RRULE:FREQ=DAILY",
        "EXDATE:20260106",
        "CATEGORIES:x",
        "X-OWN:x",
        "a line that is none",
        "BEGIN:VALARM\r\nTRIGGER:-PT15M\r\nEND:VALARM",
        "RECURRENCE-ID:20260106T000000Z",
    ] {
        assert_ne!(with(more), before, "{more}");
    }
    for more in [
        "LOCATION:",
        "TRANSP:OPAQUE",
        "PRIORITY:0",
        "CLASS:PUBLIC",
        "SEQUENCE:7",
        "DTSTAMP:20270101T000000Z",
        "X-WR-ALARMUID:1",
        "COLOR:red",
    ] {
        assert_eq!(with(more), before, "{more}");
    }
    let alarm = |lines: &str| with(&format!("BEGIN:VALARM\r\n{lines}\r\nEND:VALARM"));
    assert_eq!(alarm("UID:1\r\nTRIGGER:-PT1H"), alarm("TRIGGER:-PT60M\r\nACKNOWLEDGED:x"));
    assert_ne!(alarm("TRIGGER:-PT15M"), alarm("TRIGGER:PT15M"));
    assert_eq!(alarm("TRIGGER:-P1D"), alarm("TRIGGER:-PT24H"));
    for (one, other) in [
        ("RRULE:FREQ=DAILY;BYDAY=MO,TU", "RRULE:BYDAY=TU,MO;FREQ=DAILY;INTERVAL=1"),
        ("EXDATE:20260101,20260102", "EXDATE:20260102\r\nEXDATE;VALUE=DATE:20260101"),
        ("CATEGORIES:a,b", "CATEGORIES:b\r\nCATEGORIES:a"),
        ("ATTENDEE;CN=\"A B\";ROLE=REQ-PARTICIPANT:mailto:a", "attendee;cn=A B:mailto:a"),
        ("URL;VALUE=URI:x", "URL:x"),
        ("DESCRIPTION:a\\nb\\, c", "DESCRIPTION:a\\Nb, c"),
        ("DURATION:P1W", "DURATION:P7D"),
        ("RRULE:FREQ=YEARLY;BYMONTH=09;BYDAY=+1SU", "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=9"),
        ("GEO:+1.50;-2.0", "GEO:1.5;-2"),
        ("DESCRIPTION:\\\"a\\\" \\: b", "DESCRIPTION:\"a\" : b"),
        ("LOCATION:a\r\n\r\n b", "LOCATION:ab"),
    ] {
        assert_eq!(with(one), with(other), "{one} {other}");
    }
    for (one, other) in [
        ("DTEND:20260101", "DUE:20260101"),
        ("DTEND;TZID=A:20260101T000000", "DTEND;TZID=B:20260101T000000"),
        ("DTEND:20260101T000000", "DTEND:20260101T000000Z"),
        ("ATTENDEE;PARTSTAT=ACCEPTED:mailto:a", "ATTENDEE;PARTSTAT=DECLINED:mailto:a"),
        ("X-A:1\r\nX-B:2", "X-A:2\r\nX-B:1"),
        ("BEGIN:X\r\nX-A:1\r\nEND:X", "X-A:1"),
        ("BEGIN:X\r\nX-A:1\r\nEND:X", "BEGIN:Y\r\nX-A:1\r\nEND:Y"),
        (
            "BEGIN:X\r\nBEGIN:Y\r\nX-A:1\r\nEND:Y\r\nEND:X",
            "BEGIN:Y\r\nBEGIN:X\r\nX-A:1\r\nEND:X\r\nEND:Y",
        ),
    ] {
        assert_ne!(with(one), with(other), "{one} {other}");
    }
}

#[test]
fn what_is_wrong_with_an_event_is_said() {
    let both = event(&["UID:1", "SUMMARY:A"]);
    let text =
        calendar(&[&both, &event(&["SUMMARY:B"]), &both, "BEGIN:VEVENT\r\nUID:2\r\nSUMMARY:C"]);
    let records = events(text.as_bytes());
    assert_eq!(titles(&records), ["A", "B", "C"]);
    assert_eq!(records[0].warnings, [NOT_ALONE]);
    assert_eq!(records[1].warnings, [NO_ID]);
    assert_eq!(records[2].warnings, [NO_END]);
    assert_eq!(records[1].identity.quality, Quality::Whole);
    let copy = written(FORMAT, text.as_bytes(), &|_| true);
    assert!(events(&copy).iter().all(|record| !record.warnings.contains(&NO_END)));
    assert_same(&records, &events(&copy), "closed");
    let foreign: Vec<u8> =
        calendar(&[&event(&["UID:1", "SUMMARY:\u{fc}"])]).chars().map(|c| c as u8).collect();
    assert_eq!(events(&foreign)[0].warnings, [FOREIGN]);
    // Other components, lines between calendars, an end that was never begun.
    let other =
        format!("x\r\n{}END:VEVENT\r\n", calendar(&["BEGIN:VFREEBUSY\r\nEND:VFREEBUSY", &both]));
    let (scanned, records) = scanned(FORMAT, other.as_bytes());
    assert_eq!((titles(&records), scanned.notes.len()), (vec!["A"], 2));
}

#[test]
fn components_that_are_cut_off_hide_no_neighbour() {
    for (text, wanted) in [
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:A\nBEGIN:VALARM\nBEGIN:VEVENT\nSUMMARY:B",
            &["A", "B"][..],
        ),
        (
            "BEGIN:VEVENT\nSUMMARY:A\nEND:VCALENDAR\nBEGIN:VTODO\nSUMMARY:B\nEND:VTODO\n",
            &["A", "B"],
        ),
        ("BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:x\nBEGIN:VEVENT\nSUMMARY:A\nEND:VEVENT\n", &["A"]),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:A\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:B\nEND:VEVENT",
            &["A", "B"],
        ),
        ("begin:vcalendar\nbegin:vjournal\nsummary:A\nend:vjournal\nend:vcalendar", &["A"]),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:A\n\n\n\nEND:VCALENDAR\n", &["A"]),
        ("", &[]),
    ] {
        let records = events(text.as_bytes());
        assert_eq!(titles(&records), wanted, "{text}");
        let copy = written(FORMAT, text.as_bytes(), &|_| true);
        assert_same(&records, &events(&copy), text);
        let copy = str::from_utf8(&copy).unwrap().to_uppercase();
        assert_eq!(
            copy.matches("BEGIN:VEVENT").count(),
            copy.matches("END:VEVENT").count(),
            "{text}"
        );
        assert!(copy.contains("BEGIN:VCALENDAR") && copy.trim_end().ends_with("END:VCALENDAR"));
    }
}

#[test]
fn fields_are_for_people() {
    let all = all_fields(FORMAT, &sample(EXPORTS[0], HOME));
    let told = |title: &str| all.iter().find(|fields| value(fields, "title") == title).unwrap();
    for (title, name, wanted) in [
        ("Choir practice", "type", "event"),
        ("Choir practice", "start", "2026-01-05 19:30 Europe/Berlin"),
        ("Choir practice", "repeats", "FREQ=WEEKLY;BYDAY=MO;UNTIL=20261221T183000Z"),
        ("Choir practice", "not on", "2026-04-06 19:30 Europe/Berlin"),
        ("Choir practice", "alarm", "-PT15M"),
        ("Choir practice", "calendar", "Home"),
        (
            "Choir practice",
            "exception",
            "2026-02-16 19:30 Europe/Berlin: Choir practice (in the museum), \
            2026-02-16 19:30 Europe/Berlin, Museum of Examples",
        ),
        ("Week at the lake", "start", "2026-08-10"),
        ("Week at the lake", "end", "2026-08-16"),
        ("Dentist", "place", "Clinic of Examples\n12 Elm Street, Exampleton"),
        ("Dentist", "id", "4EA2BFC8-19FD-5BC1-8DFF-F5AE7CFED712"),
    ] {
        assert_eq!(value(told(title), name), wanted, "{title} {name}");
    }
    let exceptions = told("Choir practice").iter().filter(|field| field.name == "exception");
    assert_eq!(exceptions.count(), 2);
    let all = all_fields(FORMAT, &sample(EXPORTS[0], WORK));
    assert_eq!(value(&all[0], "organizer"), "Jordan Example <jordan@example.com>");
    assert_eq!(value(&all[0], "with"), "Ida Example <ida@example.org>, accepted");
    assert_eq!(value(&all[1], "note"), "Meeting 123 555 0142, passcode 004711");
    let all = all_fields(FORMAT, &sample(EXPORTS[1], REMINDERS));
    assert_eq!(value(&all[1], "type"), "reminder");
    assert_eq!(value(&all[1], "due"), "2026-09-30 18:00 Europe/Berlin");
    assert_eq!(value(&all[1], "status"), "completed");
    assert_eq!(value(&all[1], "completed"), "2026-09-30 09:00 UTC");
    for (_, bytes) in all_samples("Calendars", "ics") {
        let all = all_fields(FORMAT, &bytes);
        assert!(all.iter().flatten().all(|field| !field.is_secret && !field.value.is_empty()));
        assert!(all.iter().flatten().all(|field| !field.name.starts_with("X-APPLE")));
    }
}

#[test]
fn moments_are_read_as_calendars_write_them() {
    for (text, wanted) in [
        ("19700101", Some((0, false, true))),
        ("20260105T193000", Some((1_767_641_400, false, false))),
        ("20260105T193000Z", Some((1_767_641_400, true, false))),
        (" 20000229t000001z ", Some((951_782_401, true, false))),
        ("20261301", None),
        ("2026-01-05", None),
        ("20260105T1930", None),
        ("+0260105", None),
        ("", None),
    ] {
        let moment = Moment::parse(text).map(|m| (m.seconds, m.is_utc, m.is_day));
        assert_eq!(moment, wanted, "{text}");
    }
}

/// Where clocks are turned, and what a moment there is in UTC. Checked against the zone database.
const ZONES: &[(&str, &[(&str, i64)])] = &[
    (
        "TZID:Europe/Berlin\nBEGIN:DAYLIGHT\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n\
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nDTSTART:19810329T020000\nEND:DAYLIGHT\n\
        BEGIN:STANDARD\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n\
        RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nDTSTART:19961027T030000\nEND:STANDARD\n",
        &[
            ("20260329T015959", 1_774_745_999),
            // Never shown by a clock: read by what it was before.
            ("20260329T023000", 1_774_747_800),
            ("20260329T030000", 1_774_746_000),
            // Shown twice: the first of them.
            ("20261025T023000", 1_792_888_200),
            ("20261025T030000", 1_792_893_600),
            ("20260101T000000", 1_767_222_000),
        ],
    ),
    (
        "TZID:x\nBEGIN:STANDARD\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nDTSTART:20071104T020000\n\
        RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\nEND:STANDARD\nBEGIN:DAYLIGHT\n\
        TZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nDTSTART:20070311T020000\n\
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\nEND:DAYLIGHT\n",
        &[("20260308T030000", 1_772_953_200), ("20261101T020000", 1_793_516_400)],
    ),
    (
        // What was before the first is what that came from, and a rule may have ended.
        "TZID:x\nBEGIN:STANDARD\nTZOFFSETFROM:+0230\nTZOFFSETTO:+0300\nDTSTART:20000101T000000\n\
        END:STANDARD\nBEGIN:DAYLIGHT\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0400\nDTSTART:20000601T000000\n\
        RRULE:FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=1;UNTIL=20020531T210000Z\nEND:DAYLIGHT\n\
        BEGIN:STANDARD\nTZOFFSETFROM:+0400\nTZOFFSETTO:+0300\nDTSTART:20000901T000000\n\
        RDATE:20010901T000000,20020901T000000\nEND:STANDARD\n",
        &[
            ("19991231T000000", 946_589_400),
            ("20000701T000000", 962_395_200),
            ("20020701T000000", 1_025_467_200),
            ("20030701T000000", 1_057_006_800),
            ("20011001T000000", 1_001_883_600),
        ],
    ),
    (
        "TZID:x\nBEGIN:STANDARD\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nDTSTART:19700101T000000\n\
        RRULE:FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU\nEND:STANDARD\n\
        BEGIN:DAYLIGHT\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0000\nDTSTART:19700401T000000\n\
        RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=+1SU\nEND:DAYLIGHT\n",
        &[("20261010T235959", 1_791_676_799), ("20261011T010000", 1_791_676_800)],
    ),
];

#[test]
fn clocks_are_turned_as_a_file_says() {
    for (zone, moments) in ZONES {
        let mut zones = Zones::default();
        let name = zones.learn(format!("BEGIN:VTIMEZONE\n{zone}END:VTIMEZONE\n").as_bytes());
        for (text, wanted) in *moments {
            let moment = Moment::parse(text).unwrap();
            assert_eq!(zones.seconds(moment, Some(&name)), Some(*wanted), "{name} {text}");
        }
        let utc = Moment::parse("20260105T193000Z").unwrap();
        assert_eq!(zones.seconds(utc, Some(&name)), Some(1_767_641_400));
        let local = Moment::parse("20260105T193000").unwrap();
        assert_eq!(zones.seconds(local, None), Some(1_767_641_400));
        assert_eq!(zones.seconds(local, Some("nowhere")), None);
    }
    for (count, is_known) in [(ONSETS_MAX - 1, true), (ONSETS_MAX, false)] {
        let dates = vec!["20000101T000000"; count].join(",");
        let standard = format!(
            "BEGIN:STANDARD\nDTSTART:20000101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n\
            RDATE:{dates}\nEND:STANDARD\n"
        );
        let mut zones = Zones::default();
        let name = zones.learn(format!("{standard}TZID:x\n").as_bytes());
        let seconds = zones.seconds(Moment::parse("20260105T193000").unwrap(), Some(&name));
        assert_eq!((name.as_str(), seconds.is_some()), ("x", is_known));
    }
    // What is not understood is not guessed.
    for rule in [
        "FREQ=MONTHLY",
        "FREQ=YEARLY",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=6SU",
        "FREQ=YEARLY;BYMONTH=13;BYDAY=1SU",
    ] {
        let mut zones = Zones::default();
        let name =
            zones.learn(ZONES[0].0.replace("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", rule).as_bytes());
        assert_eq!(
            zones.seconds(Moment::parse("20260105T193000").unwrap(), Some(&name)),
            None,
            "{rule}"
        );
    }
}

#[test]
fn structure_is_seen_wherever_it_stands() {
    for size in 65_536 - 100..65_536 + 5 {
        let note = format!("DESCRIPTION:{}", "x".repeat(size - 60));
        let text = calendar(&[&event(&[&note, "SUMMARY:A"]), &event(&["SUMMARY:B"])]);
        assert_eq!(titles(&events(text.as_bytes())), ["A", "B"], "{size}");
        let folded =
            text.replace("END:VEVENT", "END:VE\r\n VENT").replace("BEGIN:V", "BEGIN\r\n\t:V");
        assert_eq!(titles(&events(folded.as_bytes())), ["A", "B"], "{size}");
    }
}

/// The titles of the events of a file that is made while it is read, and why some are missing.
fn streamed(
    start: &str,
    middle: &str,
    middle_size: u64,
    end: &str,
) -> (Vec<String>, Vec<&'static str>) {
    let mut made = Made {
        start: start.as_bytes().to_vec(),
        middle: middle.repeat(65_536 / middle.len()).into_bytes(),
        middle_size,
        end: end.as_bytes().to_vec(),
        at: 0,
    };
    let mut titles = Vec::new();
    let scanned = FORMAT.scan(&mut made, &mut |record| {
        titles.push(record.title);
        Ok(())
    });
    (titles, scanned.unwrap().notes)
}

#[test]
fn no_size_costs_more_than_its_cap() {
    let start = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:A\nDESCRIPTION:";
    let end = "\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\nSUMMARY:B\nEND:VEVENT\nEND:VCALENDAR\n";
    let around = (start.len() - "BEGIN:VCALENDAR\n".len() + "\nEND:VEVENT\n".len()) as u64;
    for (size, wanted) in
        [(RECORD_MAX, &["A", "B"][..]), (RECORD_MAX + 1, &["B"]), (1 << 30, &["B"])]
    {
        let (titles, notes) = streamed(start, "x", size - around, end);
        assert_eq!(titles, wanted);
        assert_eq!(notes.contains(&TOO_LONG), wanted.len() == 1);
    }
    // Lines by the million, and components in components.
    for middle in [
        "\n",
        "\r",
        "a\n",
        "a:\n",
        " \n",
        "BEGIN:X\n",
        "BEGIN:VALARM\n",
        "END:X\n",
        "=\n",
        "BEGIN:VEVENT\n",
        "BEGIN:VTIMEZONE\n",
        "BEGIN:VCALENDAR\n",
        "BEGIN:VCALENDAR\nX-WR-CALNAME:a\n",
        "TZID:a\n",
        "END:VEVENT\nBEGIN:VEVENT\nUID:1\n",
    ] {
        let (titles, _) = streamed(start, middle, 4 << 20, end);
        assert!(titles.iter().any(|title| title == "A"), "{middle:?}");
        assert!(titles.last().is_some_and(|title| title == "B"), "{middle:?}");
    }
    for line in [";", "\"", "\";", ":", ",", "\\", ";a=", "="] {
        for name in ["RRULE:", "ATTENDEE", "EXDATE;", "CATEGORIES:", "TRIGGER:", "DTSTART:"] {
            let long = format!("{name}{}", line.repeat(1 << 20));
            let record = one(&["UID:1", "SUMMARY:A", &long]);
            assert_eq!(record.title, "A", "{name} {line}");
        }
    }
}

#[test]
fn a_million_events_are_told() {
    let one = "BEGIN:VEVENT\nUID:1\nEND:VEVENT\nBEGIN:VEVENT\nEND:VEVENT\n";
    let count = 500_000_u32;
    let (titles, notes) =
        streamed("BEGIN:VCALENDAR\n", one, u64::from(count) * one.len() as u64, "");
    // All with one id are one record.
    assert_eq!((titles.len(), notes), (500_001, Vec::new()));
}

#[test]
fn time_zones_between_events_are_kept_up_to_a_limit() {
    let zone = |name: usize| format!("BEGIN:VTIMEZONE\r\nTZID:z{name}\r\nEND:VTIMEZONE");
    let file = |count: usize, same: bool| {
        let mut lines = Vec::new();
        for number in 0..count {
            lines.push(zone(if same { 0 } else { number }));
            lines.push(event(&[
                &format!("UID:{number}"),
                &format!("DTSTART;TZID=z{number}:20260101T000000"),
            ]));
        }
        calendar(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    for (count, same, frames, notes) in [
        (FRAME_MAX - 1, false, FRAME_MAX, vec![]),
        (FRAME_MAX, false, FRAME_MAX, vec![TOO_SCATTERED]),
        (FRAME_MAX + 1, false, FRAME_MAX, vec![TOO_SCATTERED]),
        (1000, true, 2, vec![]),
    ] {
        let (scanned, records) = scanned(FORMAT, file(count, same).as_bytes());
        assert_eq!((scanned.frame.len(), scanned.notes, records.len()), (frames, notes, count));
    }
}

#[test]
fn no_damage_makes_it_panic() {
    let liked: &[&[u8]] = &[
        b"\r\n",
        b"\n ",
        b"\r",
        b"BEGIN:VEVENT\r\n",
        b"END:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\n",
        b"END:VCALENDAR\r\n",
        b"BEGIN:VTIMEZONE\r\n",
        b"END:VTIMEZONE\r\n",
        b"BEGIN:VALARM\r\n",
        b"END:VALARM\r\n",
        b":",
        b";",
        b"\"",
        b"\\",
        b"=",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\0",
        b"UID:1\r\n",
        b"9",
        b"-",
        b";TZID=Europe/Berlin",
        b"RRULE:FREQ=YEARLY;UNTIL=2\r\n",
        b" ",
        b"X-WR-CALNAME:x\r\n",
        b"BEGIN:STANDARD\r\n",
    ];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut files: BTreeSet<Vec<u8>> =
        all_samples("Calendars", "ics").into_iter().map(|(_, bytes)| bytes).collect();
    let first = |bytes: &Vec<u8>| str::from_utf8(bytes).unwrap().contains("macOS 26.0");
    files.retain(first);
    files.insert(utf16(&sample(EXPORTS[0], REMINDERS)[..1000], u16::to_le_bytes));
    for file in files {
        let file = &file[..file.len().min(1400)];
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
            assert!(said(&events(&copy)) == said(&records), "{}", damaged.escape_ascii());
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,3}", "[ab,;:\\\\\"\n é🔑=.]{1,40}"]
        .prop_filter("a value", |text| !text.trim().is_empty())
}

proptest! {
    /// Written in folds anywhere and any order: the same event, that says what was written.
    #[test]
    fn every_way_to_write_an_event_is_the_same(
        title in text(),
        note in text(),
        day in 1_i64..28,
        width in 3_usize..80,
        turned in any::<bool>(),
    ) {
        let escape = |text: &str| {
            text.replace('\\', "\\\\").replace('\n', "\\n").replace(',', "\\,").replace(';', "\\;")
        };
        let mut lines = [
            format!("SUMMARY:{}", escape(&title)),
            format!("DESCRIPTION:{}", escape(&note)),
            format!("DTSTART:202601{day:02}T120000Z"),
            "UID:1".to_owned(),
        ];
        let plain = calendar(&[&event(&lines.iter().map(String::as_str).collect::<Vec<_>>())]);
        if turned {
            lines.reverse();
        }
        let turned = calendar(&[&event(&lines.iter().map(String::as_str).collect::<Vec<_>>())]);
        let turned: Vec<String> = turned.split_terminator("\r\n").map(str::to_owned).collect();
        let other = folded(&turned, width, "\n", "\t");
        for text in [plain.as_bytes(), &other] {
            let fields = all_fields(FORMAT, text);
            prop_assert_eq!(value(&fields[0], "title"), title.trim());
            prop_assert_eq!(value(&fields[0], "note"), note.trim());
            let records = events(text);
            prop_assert_eq!(records[0].date, Some(1_767_268_800 + (day - 1) * 86_400));
        }
        assert_same(&events(plain.as_bytes()), &events(&other), "folded");
    }

    /// Day, month and year of a day since 1970 and back.
    #[test]
    fn days_are_counted_both_ways(day in -1_000_000_i64..3_000_000) {
        let (year, month, of_month) = crate::kinds::dates::civil(day);
        prop_assert_eq!(crate::kinds::dates::days(year, month, of_month), day);
        prop_assert!((1..=12).contains(&month) && (1..=31).contains(&of_month));
    }
}
