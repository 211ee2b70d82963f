//! Events, reminders and journal entries, one record each, out of iCalendar files.
//!
//! [`scan`] goes through a file and tells its records; [`fields`] takes the bytes of one apart for
//! somebody who asked.
//!
//! A record is all components of one sort with one `UID` in one calendar: an event, and what was
//! changed of its single occurrences, wherever in the file they stand. A component without `UID` is
//! a record of its own. What every record needs beside is [`Scanned::frame`]: the lines of the
//! calendar itself and its time zones, but no event, so that it does not change with one.
//!
//! | Rung | A record's identity |
//! |---|---|
//! | id | sort and `UID` |
//! | fields | the same with the first `RECURRENCE-ID` |
//! | titled | the same with the name of the calendar |
//! | whole | all it says |

mod event;
mod split;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read, Seek};
use std::mem;
use std::ops::Range;
use std::slice::from_ref;

use event::Event;
use split::Layout;
use zeroize::Zeroizing;
use zones::Zones;

use crate::kinds::ladder::{Digests, Half, Ladder, half};
use crate::kinds::lines::{Pieces, append, is_ended, line_like};
use crate::kinds::property::{Properties, Property, name_of, shown};
use crate::kinds::{Export, Field, Locator, Record, Scanned, parts, text};

/// Longest record in bytes, with what is attached to it; a longer one is passed over.
const RECORD_MAX: u64 = 32 << 20;
/// Longest time zone that is understood, and longest line that names a calendar.
const SMALL_MAX: u64 = 1 << 20;
/// Most parts of a frame.
const FRAME_MAX: usize = 32;

const TOO_LONG: &str = "an event is too long";
const TOO_SCATTERED: &str = "time zones in more places than are kept";
pub(super) const SEVERAL: &str = "calendars of different names in one file";

/// Goes through `content` from its start and gives `each` its records in the order in which they
/// begin.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    content.rewind()?;
    let mut scanned = Scanned { layout: "iCalendar", ..Scanned::default() };
    let layout = Layout::read(&mut *content, &mut scanned)?;
    let mut pieces = Pieces::new(content)?;
    let (zones, is_new) = learn(&layout, &mut pieces)?;
    let names = names(&layout, &mut pieces)?;
    let is_one = names.windows(2).all(|names| names.first() == names.last());
    if !is_one {
        scanned.note(SEVERAL);
    }
    scanned.frame = frame(&layout, &is_new, is_one, &mut scanned);
    let mut groups = groups(&layout, &mut pieces, &mut scanned)?;
    let mut ladder = Ladder::default();
    // An id that is unique leaves nothing to count.
    for group in groups.iter().filter(|group| !group.is_unique) {
        let event = Event::parse(&text::decode(&pieces.read(&group.ranges)?));
        ladder.count(&event.rungs(name_at(&names, group.calendar)));
    }
    ladder.finish();
    for group in &mut groups {
        let event = Event::parse(&text::decode(&pieces.read(&group.ranges)?));
        let name = name_at(&names, group.calendar);
        let essence = event.essence();
        let identity = ladder.identity(event.rungs(name), &essence);
        let locator = Locator::Bytes(mem::take(&mut group.ranges));
        each(event.record(identity, essence, locator, name, &zones))?;
        scanned.records += 1;
    }
    if scanned.records > 0 {
        scanned.export(Export::Calendar);
    }
    Ok(scanned)
}

/// What a record says: `type`, `title`, `start` and so on, and the rest under the names that
/// iCalendar has. `frame` and `record` are the bytes at [`Scanned::frame`] and at the record's
/// [`Locator`].
pub fn fields(frame: &[&[u8]], record: &[u8]) -> Vec<Field> {
    let frame = frame.concat();
    Event::parse(&text::decode(record)).fields(&calendar_name(&text::decode(&frame)))
}

/// A calendar that holds these records of one file, each with its exact bytes, and the time zones
/// they are in. A component that was cut off gets an end. Records that share an id were in several
/// calendars, and so they are again.
pub fn write(frame: &[&[u8]], records: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let frame = frame.concat();
    let layout = read_layout(&frame);
    let like = if frame.is_empty() { records.concat() } else { frame.clone() };
    let mut zones: BTreeMap<String, &(Range<u64>, bool)> = BTreeMap::new();
    for zone in &layout.zones {
        let name = Zones::default().learn(&text::decode(&part(&frame, &zone.0)));
        zones.entry(name).or_insert(zone);
    }
    let mut calendars: Vec<Vec<&[u8]>> = vec![Vec::new()];
    let mut told: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for record in records {
        let id = event::id(&text::decode(record));
        let number = if id.is_some() { told.entry(id).or_default() } else { &mut 0 };
        match calendars.get_mut(*number) {
            Some(calendar) => calendar.push(record),
            None => calendars.push(vec![record]),
        }
        *number += 1;
    }
    let mut file = File { bytes: Zeroizing::default(), like: &like };
    file.bytes.extend(part(&frame, &(0..layout.mark)));
    for (number, records) in calendars.iter().enumerate() {
        if number > 0 {
            file.end();
        }
        if !layout.is_begun {
            for line in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//icvault//EN"] {
                file.line(line);
            }
        }
        layout.header.iter().for_each(|range| file.push(&part(&frame, range)));
        let needed = records.iter().flat_map(|record| event::zones(&text::decode(record)));
        let needed: BTreeSet<String> = needed.collect();
        let mut needed: Vec<_> = needed.iter().filter_map(|name| zones.get(name)).collect();
        needed.sort_by_key(|(range, _)| range.start);
        for (range, is_closed) in needed {
            file.push(&part(&frame, range));
            if !is_closed {
                file.line("END:VTIMEZONE");
            }
        }
        records.iter().for_each(|record| file.record(record));
        match &layout.end {
            Some(end) => file.bytes.extend(part(&frame, end)),
            None => file.line("END:VCALENDAR"),
        }
    }
    file.bytes
}

/// A file that is being written.
struct File<'a> {
    bytes: Zeroizing<Vec<u8>>,
    /// What lines that are added have to be like.
    like: &'a [u8],
}

impl File<'_> {
    /// Adds whole lines.
    fn push(&mut self, lines: &[u8]) {
        self.bytes.extend_from_slice(lines);
        self.end();
    }

    /// Ends the last line, if it is not.
    fn end(&mut self) {
        if !self.bytes.is_empty() && !is_ended(&self.bytes, self.like) {
            self.line("");
        }
    }

    fn line(&mut self, line: &str) {
        self.bytes.extend(line_like(self.like, line));
    }

    /// Adds a record, and an end to each of its components that has none.
    fn record(&mut self, record: &[u8]) {
        let mut done = 0;
        for piece in read_layout(record).pieces.iter().filter(|piece| !piece.is_closed) {
            self.push(&part(record, &(done..piece.range.end)));
            self.line(&format!("END:{}", piece.sort.name()));
            done = piece.range.end;
        }
        self.push(&part(record, &(done..record.len() as u64)));
    }
}

/// The bytes at a range that is in them.
fn part(bytes: &[u8], range: &Range<u64>) -> Vec<u8> {
    parts(bytes, from_ref(range)).unwrap_or_default().concat()
}

fn name_at(names: &[String], calendar: usize) -> &str {
    names.get(calendar).map_or("", String::as_str)
}

/// Where everything is in bytes in memory, which can be read.
fn read_layout(bytes: &[u8]) -> Layout {
    Layout::read(Cursor::new(bytes), &mut Scanned::default()).unwrap_or_default()
}

/// What a calendar calls itself in its own lines.
fn calendar_name(text: &[u8]) -> String {
    let mut depth = 0_u64;
    let is_name = |property: &Property| {
        if name_of(property, "BEGIN").is_some() {
            depth += 1;
        } else if name_of(property, "END").is_some() {
            depth = depth.saturating_sub(1);
        }
        depth <= 1 && matches!(property.name.as_str(), "X-WR-CALNAME" | "NAME")
    };
    let name = Properties::new(text, false).find(is_name);
    shown(&name.map(|name| name.text()).unwrap_or_default(), " ")
}

/// The time zones, and of each whether it is the first of its name.
fn learn(
    layout: &Layout,
    pieces: &mut Pieces<'_, impl Read + Seek>,
) -> io::Result<(Zones, Vec<bool>)> {
    let (mut zones, mut seen, mut is_new) = (Zones::default(), BTreeSet::new(), Vec::new());
    for (range, _) in &layout.zones {
        is_new.push(if range.end - range.start > SMALL_MAX {
            true
        } else {
            let name = zones.learn(&text::decode(&pieces.read(from_ref(range))?));
            seen.insert(half(&[name.as_bytes()]))
        });
    }
    Ok((zones, is_new))
}

/// What the calendars call themselves; one for all when they agree.
fn names(layout: &Layout, pieces: &mut Pieces<'_, impl Read + Seek>) -> io::Result<Vec<String>> {
    let mut names = Vec::with_capacity(layout.names.len());
    for range in &layout.names {
        names.push(match range {
            Some(range) if range.end - range.start <= SMALL_MAX => {
                calendar_name(&text::decode(&pieces.read(from_ref(range))?))
            }
            _ => String::new(),
        });
    }
    Ok(names)
}

/// The lines of the calendar, each time zone once, and the end. The name goes when it is not that
/// of all.
fn frame(layout: &Layout, is_new: &[bool], is_one: bool, scanned: &mut Scanned) -> Vec<Range<u64>> {
    let name = layout.names.first().cloned().flatten().filter(|_| !is_one);
    let mut wanted: Vec<(Range<u64>, bool)> = Vec::new();
    for range in &layout.header {
        match &name {
            Some(name) if range.contains(&name.start) => {
                wanted.push((range.start..name.start, true));
                wanted.push((name.end..range.end, true));
            }
            _ => wanted.push((range.clone(), true)),
        }
    }
    wanted.retain(|(range, _)| !range.is_empty());
    let zones = layout.zones.iter().map(|(range, _)| range.clone());
    wanted.extend(zones.zip(is_new.iter().copied()));
    wanted.sort_by_key(|(range, _)| range.start);
    let mut frame: Vec<Range<u64>> = Vec::new();
    if layout.mark > 0 {
        frame.push(0..layout.mark);
    }
    for (range, is_new) in wanted {
        let is_next = frame.last().is_some_and(|last| last.end == range.start);
        if is_next || is_new && frame.len() < FRAME_MAX - 1 {
            append(&mut frame, range);
        } else if is_new {
            scanned.note(TOO_SCATTERED);
        }
    }
    let last = frame.last().map_or(0, |last| last.end);
    if let Some(end) = layout.end.clone().filter(|end| last <= end.start) {
        append(&mut frame, end);
    }
    frame
}

/// The components of one record.
struct Group {
    /// It has an id, and no other record of the file has the same.
    is_unique: bool,
    calendar: usize,
    ranges: Vec<Range<u64>>,
}

/// What tells to which record a component belongs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    /// Of sort, id and calendar, or of the place where there is no id.
    key: Half,
    /// Its number in the file.
    number: usize,
    /// Of sort and id.
    id: Option<Half>,
}

/// The records of a file, in the order in which they begin.
fn groups(
    layout: &Layout,
    pieces: &mut Pieces<'_, impl Read + Seek>,
    scanned: &mut Scanned,
) -> io::Result<Vec<Group>> {
    let mut members = Vec::with_capacity(layout.pieces.len());
    for (number, piece) in layout.pieces.iter().enumerate() {
        if piece.range.end - piece.range.start > RECORD_MAX {
            scanned.note(TOO_LONG);
            continue;
        }
        let id = event::id(&text::decode(&pieces.read(from_ref(&piece.range))?));
        let sort = piece.sort.name().as_bytes();
        let calendar = (piece.calendar as u64).to_le_bytes();
        members.push(Member {
            key: match &id {
                Some(id) => half(&[sort, id.as_bytes(), &calendar]),
                None => half(&[sort, &(number as u64).to_le_bytes()]),
            },
            number,
            id: id.map(|id| half(&[sort, id.as_bytes()])),
        });
    }
    members.sort_unstable();
    let records = || members.chunk_by(|one, other| one.key == other.key);
    let mut ids = Digests::default();
    records().filter_map(|record| record.first()?.id).for_each(|id| ids.push([id]));
    ids.sort();
    let mut groups = Vec::new();
    for record in records() {
        let mut group = Group { is_unique: false, calendar: 0, ranges: Vec::new() };
        for member in record {
            let Some(piece) = layout.pieces.get(member.number) else { continue };
            group.is_unique = member.id.is_some_and(|id| !ids.shares([id]));
            group.calendar = piece.calendar;
            append(&mut group.ranges, piece.range.clone());
        }
        if group.ranges.iter().map(|range| range.end - range.start).sum::<u64>() > RECORD_MAX {
            scanned.note(TOO_LONG);
        } else {
            groups.push(group);
        }
    }
    groups.sort_unstable_by_key(|group| group.ranges.first().map(|range| range.start));
    Ok(groups)
}

#[cfg(test)]
mod tests;
