//! Events and reminders out of the databases that Calendar keeps, `Calendar.sqlitedb`, one record
//! each.
//!
//! Such a database has a row for each event, another for each of its occurrences that was changed,
//! and tables with what an event has several of. A record has no bytes of its own there. What is
//! taken out is what Calendar would export, and the same bytes for the same rows. What that says
//! and which event it is are what [`calendars`] reads out of it, so that an event is the same record
//! in a database and in an exported file.
//!
//! | In the database | In the calendar |
//! |---|---|
//! | `CalendarItem`, of `entity_type` 2 or 3 | `VEVENT`, `VTODO` |
//! | `orig_item_id`, `orig_date` | the `UID` of that item, `RECURRENCE-ID` |
//! | `start_date` and others, in seconds since 2001; of whole days, and in the zone `_float`, as if clocks showed UTC | `DTSTART`, `DTEND`, `DUE` |
//! | `Recurrence`: `frequency` 1 to 4, `specifier` such as `D=0MO,+1TU;M=1` | `RRULE` |
//! | `ExceptionDate` | `EXDATE` |
//! | `Alarm`, by `calendaritem_owner_id` | `VALARM`, as one that shows something: what it plays is not in the row |
//! | `Participant`, of `entity_type` 7; by `organizer_id`; names in `Identity` | `ATTENDEE`, `ORGANIZER` |
//! | `Location`, by `location_id` | `LOCATION` |
//! | `Calendar` | `X-WR-CALNAME` |
//!
//! A time zone comes with the rules of the time zone database that is built in. Times in one that
//! has no such name, and in none, are written in UTC. Not written are attachments, alarms at a
//! place, how private an event is, and rows that are hidden or stand for events of others.
//!
//! Versions differ in tables and columns. Those that say what an event is and when have to be there,
//! or the whole is one of an unknown form; what others do not have is empty.

mod component;
mod items;
mod rule;
mod zone;

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use items::Items;
use zeroize::Zeroizing;

use crate::kinds::compose::{Composed, escape};
use crate::kinds::database::Database;
use crate::kinds::{Locator, Record, Scanned, Taken, calendars};

/// Most text that is written of a whole database, in bytes: rows may share what they say.
const TEXT_MAX: usize = 128 << 20;

const TOO_MUCH: &str = "more events than are read";

/// An open calendar database.
pub struct CalendarDatabase {
    items: Items,
    /// The numbers of the rows of each record, the one for all occurrences first, by calendar.
    groups: BTreeMap<(i64, i64), Vec<i64>>,
    /// The components of its time zones by their names.
    zones: BTreeMap<String, String>,
}

impl CalendarDatabase {
    /// The calendars that are this database with what its write-ahead log has committed.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn new(database: &[u8], log: Option<&[u8]>) -> Result<Self, &'static str> {
        let items = Items::read(&Database::new(database, log)?)?;
        let zones = items.zones.components();
        Ok(Self { groups: groups(&items), items, zones })
    }

    /// Gives `each` its events and reminders in the order of their calendars.
    ///
    /// # Errors
    /// What `each` answers.
    pub fn scan(&self, each: &mut dyn FnMut(Record) -> io::Result<()>) -> io::Result<Scanned> {
        let (mut file, mut events) = (Zeroizing::new(String::new()), BTreeMap::new());
        let (mut notes, mut last) = (self.items.notes.clone(), None);
        for ((calendar, number), group) in &self.groups {
            if last.replace(calendar) != Some(calendar) {
                // What is told of a zone is told of all calendars behind it.
                let zones = if file.is_empty() { self.zones() } else { String::new() };
                file.push_str(&header(self.title(*calendar)));
                file.push_str(&zones);
            }
            let component = component::write(&self.items, group);
            if file.len() + component.text.len() > TEXT_MAX {
                notes.push(TOO_MUCH);
                break;
            }
            events.insert(file.len() as u64, (*calendar, *number, component.warnings));
            file.push_str(&component.text);
        }
        let scanned = calendars::scan(&mut Cursor::new(file.as_bytes()), &mut |mut record| {
            let event = place(&record).and_then(|place| events.get(&place));
            let Some((calendar, number, warnings)) = event else { return Ok(()) };
            record.locator = Locator::Derived(format!("{calendar} {number}").into_bytes());
            record.warnings.extend(warnings);
            each(record)
        })?;
        let said = scanned.notes.into_iter().filter(|note| *note != calendars::SEVERAL);
        notes.extend(said);
        let layout = "Calendar database";
        Ok(Scanned { layout, records: scanned.records, notes, ..Scanned::default() })
    }

    /// The event at that [`Locator::Derived`], and the lines of its calendar with the time zones
    /// that are used in it; none if there is no such event.
    pub fn derive(&self, how: &[u8]) -> Option<Taken> {
        let (calendar, number) = str::from_utf8(how).ok()?.split_once(' ')?;
        let (calendar, number) = (calendar.parse().ok()?, number.parse().ok()?);
        let group = self.groups.get(&(calendar, number))?;
        let bytes = component::write(&self.items, group).text.into_bytes();
        let header = header(self.title(calendar));
        let frame = format!("{header}{}END:VCALENDAR\r\n", self.zones());
        let frame = vec![Zeroizing::new(frame.into_bytes())];
        Some(Taken { frame, bytes: Zeroizing::new(bytes) })
    }

    fn zones(&self) -> String {
        self.zones.values().map(String::as_str).collect()
    }

    fn title(&self, calendar: i64) -> &str {
        self.items.calendars.get(&calendar).map_or("", String::as_str)
    }
}

/// The first lines of a calendar.
fn header(title: &str) -> String {
    let mut lines = Composed::default();
    lines.line("BEGIN", "VCALENDAR");
    lines.line("METHOD", "PUBLISH");
    lines.line("VERSION", "2.0");
    lines.filled("X-WR-CALNAME", &escape(title.trim()));
    lines.line("PRODID", "-//icvault//EN");
    lines.line("CALSCALE", "GREGORIAN");
    lines.text
}

/// The rows of each record, by calendar and the number of the first of them.
fn groups(items: &Items) -> BTreeMap<(i64, i64), Vec<i64>> {
    let mut by_id: BTreeMap<(i64, bool, &str), i64> = BTreeMap::new();
    let mut groups: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
    for (&number, item) in &items.items {
        let first = match item.id.as_str() {
            "" => number,
            id => *by_id.entry((item.calendar, item.is_reminder, id)).or_insert(number),
        };
        groups.entry((item.calendar, first)).or_default().push(number);
    }
    let is_one = |number: &i64| {
        let item = items.items.get(number);
        item.is_some_and(|item| item.occurrence.is_some())
    };
    groups.values_mut().for_each(|group| group.sort_by_key(is_one));
    groups
}

/// Where the components of a record begin.
fn place(record: &Record) -> Option<u64> {
    match &record.locator {
        Locator::Bytes(ranges) => ranges.first().map(|range| range.start),
        Locator::Derived(_) => None,
    }
}

#[cfg(test)]
mod tests;
