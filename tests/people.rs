//! People and events as the usual libraries of Python read and write them, beside what the engine
//! says of the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vault::kinds::{Format, Locator, Record, parts};

use crate::support::samples;
use crate::support::tools::{has, program, skipped};

/// Reads every file named, and prints for each who or what is in it, and writes it again.
const CONTACTS: &str = r#"
import json, sys, vobject
for path in sys.argv[1:]:
    cards, again = [], []
    text = open(path, newline="", encoding="utf-8").read()
    for card in vobject.readComponents(text, allowQP=True):
        if hasattr(card, "fn"):
            cards.append({"title": card.fn.value})
        else:
            cards.append({"title": f"{card.n.value.given} {card.n.value.family}"})
        for child in card.getChildren():
            # It would leave out parameters that have no name.
            if child.singletonparams:
                child.params.setdefault("TYPE", []).extend(child.singletonparams)
        again.append(card.serialize(validate=False))
    print(json.dumps({"records": cards, "again": ["".join(again)]}))
"#;

/// The same for calendars, which both libraries write again.
const CALENDARS: &str = r#"
import datetime, icalendar, json, sys, vobject
def seconds(component):
    for name in ("dtstart", "due"):
        if name in component:
            value = component[name].dt
            if not isinstance(value, datetime.datetime):
                value = datetime.datetime.combine(value, datetime.time(), datetime.timezone.utc)
            return int(value.timestamp())
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    calendar = icalendar.Calendar.from_ical(data)
    events = {}
    for component in calendar.walk():
        if component.name in ("VEVENT", "VTODO"):
            uid = str(component["uid"])
            events.setdefault(uid, None)
            if "recurrence-id" not in component:
                events[uid] = {"title": str(component["summary"]), "seconds": seconds(component)}
    again = [calendar.to_ical().decode()]
    again += [vobject.readOne(data.decode()).serialize(validate=False)]
    print(json.dumps({"records": list(events.values()), "again": again}))
"#;

#[test]
fn vobject_reads_and_writes_the_same_people() {
    drop(compared(Format::Contacts, "Contacts", "vcf", CONTACTS));
}

#[test]
fn icalendar_and_vobject_read_and_write_the_same_events() {
    let read = compared(Format::Calendars, "Calendars", "ics", CALENDARS);
    for (ours, theirs) in read.into_iter().flatten() {
        assert_eq!(ours.date, theirs["seconds"].as_i64(), "{}", ours.title);
    }
}

/// Has a script read all samples, and copies of them in which nothing is cut off: it finds the
/// records that are found here, and what it writes holds the same ones. Gives each with what was
/// said of it.
fn compared(
    format: Format,
    folder: &str,
    ending: &str,
    script: &str,
) -> Option<Vec<(Record, Value)>> {
    if !has(&["python3"]) {
        return None;
    }
    let scratch = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| program("python3", args, scratch.path()).output().unwrap();
    if !run(&["-c", "import icalendar, vobject"]).status.success() {
        skipped("needs icalendar and vobject, which pip installs");
        return None;
    }
    let mut originals = BTreeMap::new();
    for (number, path) in files(folder, ending).into_iter().enumerate() {
        let bytes = fs::read(&path).unwrap();
        let copy = scratch.path().join(format!("{number:03}"));
        fs::write(&copy, copied(format, &bytes)).unwrap();
        // No library reads a card that is cut off.
        if !path.ends_with("cut off.vcf") {
            originals.insert(path, bytes.clone());
        }
        originals.insert(copy, bytes);
    }
    let paths = originals.keys().map(|path| path.to_str().unwrap());
    let output = run(&["-c", script].into_iter().chain(paths).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), originals.len());
    let mut all = Vec::new();
    for ((path, bytes), line) in originals.into_iter().zip(said.lines()) {
        let theirs: Value = serde_json::from_str(line).unwrap();
        let ours = records(format, &bytes);
        let name = path.display();
        for again in theirs["again"].as_array().unwrap() {
            let again = records(format, again.as_str().unwrap().as_bytes());
            assert_eq!(essences(&again), essences(&ours), "{name}");
        }
        let theirs = theirs["records"].as_array().unwrap();
        assert_eq!(theirs.len(), ours.len(), "{name}");
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            assert_eq!(ours.title, theirs["title"], "{name}");
            all.push((ours, theirs.clone()));
        }
    }
    Some(all)
}

fn records(format: Format, bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut each = |record| {
        records.push(record);
        Ok(())
    };
    format.scan(&mut Cursor::new(bytes), &mut each).unwrap();
    records
}

/// A file of all records of a file.
fn copied(format: Format, bytes: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut each = |record: Record| {
        let Locator::Bytes(ranges) = record.locator else { unreachable!() };
        records.push(parts(bytes, &ranges).unwrap().concat());
        Ok(())
    };
    let scanned = format.scan(&mut Cursor::new(bytes), &mut each).unwrap();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    format.write(&parts(bytes, &scanned.frame).unwrap(), &records).unwrap().to_vec()
}

/// What each record is known by, what it says and its title, in no order.
fn essences(records: &[Record]) -> BTreeSet<(&[u8], &[u8], &str)> {
    let said = records.iter().map(|record| {
        (record.identity.bytes.as_slice(), record.essence.as_slice(), record.title.as_str())
    });
    said.collect()
}

/// The files of both sample exports that have this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let exports = ["icloud-export", "icloud-export-a-month-later"];
    let mut folders: Vec<PathBuf> =
        exports.iter().map(|export| samples().join(export).join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if has_ending(&path, ending) {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 10);
    found.sort();
    found
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}
