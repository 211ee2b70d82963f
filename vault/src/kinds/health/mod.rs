//! What Health exports: one record for each type of entry, out of XML of any length.
//!
//! ```text
//! <?xml version="1.0" encoding="UTF-8"?>
//! <!DOCTYPE HealthData [ some 200 lines ]>
//! <HealthData locale="en_US">
//!  <ExportDate value="2026-09-14 09:30:00 +0200"/>
//!  <Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min"
//!          startDate="2026-09-13 08:00:00 +0200" endDate="2026-09-13 08:00:00 +0200" value="62">
//!   <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="1"/>
//!  </Record>
//!  <Workout workoutActivityType="HKWorkoutActivityTypeRunning" …>…</Workout>
//!  <ActivitySummary dateComponents="2026-09-13" …/>
//! </HealthData>
//! ```
//!
//! Millions of entries have no ids, and nobody looks for one of them: a record is all entries of a
//! type, wherever in the file they are, and is derived as a small file of them. What it says is the
//! sum of what its entries say, whatever their order. An entry says all its attributes and those of
//! the elements in it, dates in UTC since they are written in the zone of the day of the export;
//! left out is `device`, which has the addresses of objects in memory.
//!
//! | Rung | A record's identity |
//! |---|---|
//! | id | the type |
//!
//! The content is read once, as it streams, and no more of it is held than one tag. Declarations are
//! passed over, and no entity is expanded.

mod entries;
mod tags;

use std::io::{self, Cursor, Read};
use std::ops::Range;

use entries::{Entries, Totals};
use zeroize::Zeroizing;

use crate::kinds::ladder::framed;
use crate::kinds::{
    Field, Identity, Kind, Lack, Locator, Quality, Record, Scanned, dates, parts, text,
};

/// Longest text that is told in a list, in bytes.
const TOLD_MAX: usize = 200;
/// How many sources are told in a list.
const SOURCES_MAX: usize = 3;

const START: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<HealthData>\n ";
const END: &[u8] = b"\n</HealthData>\n";

const NO_ROOT: &str = "no Health data in UTF-8";

/// Goes through `content` and gives `each` a record for each type, in the order of their names.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut impl Read,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let Some(found) = Entries::default().read(content)? else {
        return Ok(Scanned::nothing(NO_ROOT));
    };
    let mut scanned = Scanned { layout: "Health export", ..Scanned::default() };
    found.notes.iter().for_each(|note| scanned.note(note));
    if found.is_cut {
        scanned.lack(Lack::End);
    }
    for (name, totals) in found.types() {
        each(record(name, totals))?;
        scanned.records += 1;
    }
    Ok(scanned)
}

/// Where in `content` the entries are that a record at [`Locator::Derived`](super::Locator) has;
/// those that follow each other are one range, with what is between them.
///
/// # Errors
/// When `content` cannot be read.
pub fn places(content: &mut impl Read, how: &[u8]) -> io::Result<Vec<Range<u64>>> {
    Ok(Entries::of(how).read(content)?.map(|found| found.places).unwrap_or_default())
}

/// The file of all entries of a type; none if there are none.
pub(super) fn extract(content: &[u8], how: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let places = places(&mut Cursor::new(content), how).ok()?;
    join(&parts(content, &places)?)
}

/// The file of entries that stand at [`places()`]; none if there are none.
pub(super) fn join(parts: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
    let body = parts.join(&b"\n "[..]);
    (!parts.is_empty()).then(|| Zeroizing::new([START, &body, END].concat()))
}

/// What a record says: its `type`, how many `entries`, the `first` and the `last` of them, their
/// `sources`. `record` is the file that was derived.
pub fn fields(record: &[u8]) -> Vec<Field> {
    // Memory can be read.
    let found = Entries::default().read(&mut Cursor::new(record)).ok().flatten();
    let mut fields = Vec::new();
    for (name, totals) in found.iter().flat_map(Entries::types) {
        let date = |date: Option<i64>| date.map(dates::moment).unwrap_or_default();
        for (field, value) in [
            ("type", String::from_utf8_lossy(name).into_owned()),
            ("entries", totals.count.to_string()),
            ("first", date(totals.first)),
            ("last", date(totals.last)),
            ("sources", totals.sources().join(", ")),
        ] {
            if !value.is_empty() {
                fields.push(Field::clear(field, &value));
            }
        }
    }
    fields
}

/// A file of the entries of all these records.
pub fn write(records: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    if let [only] = records {
        return Zeroizing::new(only.to_vec());
    }
    let body = |record: &&[u8]| {
        let inner = record.strip_prefix(START).and_then(|rest| rest.strip_suffix(END));
        inner.map(<[u8]>::to_vec)
    };
    let bodies: Vec<Vec<u8>> = records.iter().filter_map(body).collect();
    Zeroizing::new([START, &bodies.join(&b"\n "[..]), END].concat())
}

fn record(name: &[u8], totals: &Totals) -> Record {
    let entries = if totals.count == 1 { "entry" } else { "entries" };
    let sources = totals.sources();
    let mut told = sources.get(..SOURCES_MAX).unwrap_or(&sources).join(", ");
    if sources.len() > SOURCES_MAX {
        told.push_str(", …");
    }
    Record {
        kind: Kind::Health,
        identity: Identity { quality: Quality::Id, bytes: Zeroizing::new(name.to_vec()) },
        title: text::in_line(&totals.title(name), TOLD_MAX),
        place: format!("{} {entries}", grouped(totals.count)),
        user: text::in_line(&told, TOLD_MAX),
        date: totals.last,
        essence: framed(&[name, &totals.count.to_le_bytes(), &totals.sum.bytes()]),
        warnings: Vec::new(),
        is_closed: false,
        link: None,
        apart: 0,
        locator: Locator::Derived(name.to_vec()),
    }
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests;
