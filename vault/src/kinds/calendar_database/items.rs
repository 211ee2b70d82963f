//! The events and reminders of a database: their rows, and the rows of other tables that are theirs.

use std::collections::BTreeMap;

use super::rule::{self, Rule};
use super::zone::Zones;
use crate::kinds::database::{Database, Row};

/// Columns without which a table is not the one that is known here.
const KNOWN: [(&str, &[&str]); 8] = [
    (
        "CALENDARITEM",
        &[
            "SUMMARY",
            "START_DATE",
            "START_TZ",
            "END_DATE",
            "ALL_DAY",
            "CALENDAR_ID",
            "ORIG_ITEM_ID",
            "ORIG_DATE",
            "UNIQUE_IDENTIFIER",
            "ENTITY_TYPE",
        ],
    ),
    ("CALENDAR", &["TITLE"]),
    ("RECURRENCE", &rule::COLUMNS),
    ("EXCEPTIONDATE", &["OWNER_ID", "DATE"]),
    ("ALARM", &["CALENDARITEM_OWNER_ID", "TRIGGER_DATE", "TRIGGER_INTERVAL"]),
    ("PARTICIPANT", &["OWNER_ID", "ENTITY_TYPE", "STATUS", "ROLE", "IDENTITY_ID", "EMAIL"]),
    ("IDENTITY", &["DISPLAY_NAME", "ADDRESS"]),
    ("LOCATION", &["TITLE"]),
];
/// Tables that others have who keep no events in them.
const NEEDED: usize = 2;

const UNKNOWN: &str =
    "a calendar database of an unknown form; File > Export in Calendar writes .ics";
const CACHE: &str = "a cache of Calendar's, whose events are in the .ics files beside it";
const NO_START: &str = "events without a start";
const BIRTHDAYS: &str = "birthdays, which are Contacts'";
const OTHERS: &str = "rows that are neither events nor reminders";

/// What the numbers of types say.
const EVENT: i64 = 2;
const REMINDER: i64 = 3;
const ATTENDEE: i64 = 7;
/// The longest id, title of a calendar or name of a zone that is taken, in bytes: many may share it.
const SHARED_MAX: usize = 1024;
/// What dates count from that stand for none.
const FROM_2001: i64 = 978_307_200;
/// The first and the last second of the years that can be written.
const YEARS: [i64; 2] = [-62_135_596_800, 253_402_300_799];

/// The columns of an item, in the order of [`ITEM`].
#[derive(Clone, Copy)]
enum Of {
    Summary,
    Location,
    Description,
    Start,
    StartZone,
    End,
    EndZone,
    IsDay,
    Calendar,
    Master,
    Occurrence,
    Organizer,
    Status,
    Availability,
    Web,
    Modified,
    Sequence,
    Birthday,
    Id,
    Hidden,
    Uuid,
    Sort,
    Priority,
    Due,
    DueZone,
    DueIsDay,
    Done,
    Created,
    Phantom,
}

const ITEM: [&str; 29] = [
    "SUMMARY",
    "LOCATION_ID",
    "DESCRIPTION",
    "START_DATE",
    "START_TZ",
    "END_DATE",
    "END_TZ",
    "ALL_DAY",
    "CALENDAR_ID",
    "ORIG_ITEM_ID",
    "ORIG_DATE",
    "ORGANIZER_ID",
    "STATUS",
    "AVAILABILITY",
    "URL",
    "LAST_MODIFIED",
    "SEQUENCE_NUM",
    "BIRTHDAY_ID",
    "UNIQUE_IDENTIFIER",
    "HIDDEN",
    "UUID",
    "ENTITY_TYPE",
    "PRIORITY",
    "DUE_DATE",
    "DUE_TZ",
    "DUE_ALL_DAY",
    "COMPLETION_DATE",
    "CREATION_DATE",
    "PHANTOM_MASTER",
];

/// All that is read of a database.
#[derive(Default)]
pub(super) struct Items {
    pub(super) items: BTreeMap<i64, Item>,
    /// The titles of calendars.
    pub(super) calendars: BTreeMap<i64, String>,
    pub(super) locations: BTreeMap<i64, Location>,
    /// Who takes part, organizers too.
    pub(super) people: BTreeMap<i64, Person>,
    pub(super) zones: Zones,
    /// Why some of it is not read.
    pub(super) notes: Vec<&'static str>,
}

/// A row, or one that stands for another on a single day.
pub(super) struct Item {
    pub(super) is_reminder: bool,
    pub(super) calendar: i64,
    /// Its own or its master's.
    pub(super) id: String,
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) web: String,
    pub(super) start: Option<When>,
    pub(super) end: Option<When>,
    pub(super) due: Option<When>,
    /// The occurrence of another item that it stands for.
    pub(super) occurrence: Option<When>,
    /// In seconds since 1970.
    pub(super) done: Option<i64>,
    pub(super) created: Option<i64>,
    pub(super) modified: Option<i64>,
    pub(super) status: i64,
    pub(super) availability: i64,
    pub(super) priority: i64,
    pub(super) sequence: i64,
    pub(super) location: Option<i64>,
    pub(super) organizer: Option<i64>,
    /// Who is invited.
    pub(super) invited: Vec<i64>,
    pub(super) rules: Vec<Rule>,
    /// It repeats by a rule that is not known here.
    pub(super) has_unknown_rule: bool,
    /// On which occurrences it is not, in seconds since 1970.
    pub(super) not_on: Vec<i64>,
    pub(super) alarms: Vec<Alarm>,
}

/// A moment with what it is written by.
#[derive(Clone)]
pub(super) struct When {
    /// In seconds since 1970; of a day, and of one in no zone, what clocks show.
    pub(super) moment: i64,
    pub(super) zone: String,
    pub(super) is_day: bool,
}

/// Somewhere.
#[derive(Default)]
pub(super) struct Location {
    pub(super) title: String,
    pub(super) address: String,
    /// Latitude and longitude.
    pub(super) place: Option<(f64, f64)>,
}

/// Somebody.
#[derive(Default)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) kind: i64,
    pub(super) status: i64,
    pub(super) role: i64,
}

/// When to be told.
pub(super) struct Alarm {
    /// In seconds since 1970.
    pub(super) at: Option<i64>,
    /// In seconds from the start on.
    pub(super) after: i64,
    pub(super) acknowledged: Option<i64>,
}

impl Items {
    /// Reads a database.
    ///
    /// # Errors
    /// Why it cannot be read, or is not of the form that is known here.
    pub(super) fn read(database: &Database) -> Result<Self, &'static str> {
        is_known(database)?;
        let mut items = Self::default();
        for (number, row) in database.rows("CALENDAR", &["TITLE"])? {
            items.calendars.insert(number, short(row.text(0)));
        }
        items.locations = locations(database)?;
        let (mut ids, mut masters) = (BTreeMap::new(), BTreeMap::new());
        for (number, row) in database.rows("CALENDARITEM", &ITEM)? {
            let id = id(&row);
            ids.insert(number, (id.clone(), row.text(Of::StartZone as usize), is(&row, Of::IsDay)));
            let Some(mut item) = items.item(&row) else { continue };
            item.id = id;
            if let Some(master) = number_of(&row, Of::Master).filter(|master| *master != number) {
                masters.insert(number, master);
            }
            items.items.insert(number, item);
        }
        for (number, master) in masters {
            let (Some(item), Some((id, zone, is_day))) =
                (items.items.get_mut(&number), ids.get(&master))
            else {
                continue;
            };
            item.id.clone_from(id);
            if let Some(when) = &mut item.occurrence {
                (when.zone, when.is_day) = (short(zone.clone()), *is_day);
            }
        }
        items.add_parts(database)?;
        items.add_people(database)?;
        for item in items.items.values() {
            let whens = [&item.start, &item.end, &item.due, &item.occurrence];
            for when in whens.into_iter().flatten().filter(|when| !when.is_day) {
                items.zones.learn(&when.zone, when.moment);
            }
        }
        Ok(items)
    }

    /// The item of a row; none for one that nobody sees in Calendar.
    fn item(&mut self, row: &Row) -> Option<Item> {
        if is(row, Of::Hidden) || is(row, Of::Phantom) {
            return None;
        }
        let sort = number_of(row, Of::Sort).unwrap_or(EVENT);
        let zone = |of: Of| short(row.text(of as usize).trim().to_owned());
        let when = |moment: Option<i64>, zone: String, is_day: bool| {
            moment.map(|moment| When { moment, zone, is_day })
        };
        let is_day = is(row, Of::IsDay);
        let start = row.moment(Of::Start as usize).filter(is_year);
        let start_zone = zone(Of::StartZone);
        let end_zone = Some(zone(Of::EndZone)).filter(|zone| !zone.is_empty());
        let end_zone = end_zone.unwrap_or_else(|| start_zone.clone());
        let note = match sort {
            _ if number_of(row, Of::Birthday).is_some_and(|number| number > 0) => Some(BIRTHDAYS),
            EVENT if start.is_none() => Some(NO_START),
            EVENT | REMINDER => None,
            _ => Some(OTHERS),
        };
        if let Some(note) = note {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            return None;
        }
        let occurrence =
            number_of(row, Of::Master).and_then(|_| moment(row, Of::Occurrence as usize));
        let number = |of: Of| number_of(row, of).unwrap_or_default();
        Some(Item {
            is_reminder: sort == REMINDER,
            calendar: number(Of::Calendar),
            id: String::new(),
            summary: row.text(Of::Summary as usize),
            description: row.text(Of::Description as usize),
            web: row.text(Of::Web as usize),
            start: when(start, start_zone.clone(), is_day),
            end: when(row.moment(Of::End as usize).filter(is_year), end_zone, is_day),
            due: when(moment(row, Of::Due as usize), zone(Of::DueZone), is(row, Of::DueIsDay)),
            occurrence: when(occurrence, start_zone, is_day),
            done: moment(row, Of::Done as usize),
            created: moment(row, Of::Created as usize),
            modified: moment(row, Of::Modified as usize),
            status: number(Of::Status),
            availability: number(Of::Availability),
            priority: number(Of::Priority),
            sequence: number(Of::Sequence),
            location: number_of(row, Of::Location),
            organizer: number_of(row, Of::Organizer),
            invited: Vec::new(),
            rules: Vec::new(),
            has_unknown_rule: false,
            not_on: Vec::new(),
            alarms: Vec::new(),
        })
    }

    /// Gives items their rules, exceptions and alarms.
    fn add_parts(&mut self, database: &Database) -> Result<(), &'static str> {
        for (_, row) in database.rows("RECURRENCE", &rule::COLUMNS)? {
            if let Some(item) = row.number(0).and_then(|owner| self.items.get_mut(&owner)) {
                match Rule::read(&row) {
                    Some(rule) => item.rules.push(rule),
                    None => item.has_unknown_rule = true,
                }
            }
        }
        for (_, row) in database.rows("EXCEPTIONDATE", &["OWNER_ID", "DATE"])? {
            if let Some(item) = row.number(0).and_then(|owner| self.items.get_mut(&owner)) {
                item.not_on.extend(moment(&row, 1));
            }
        }
        const ALARM: [&str; 6] = [
            "CALENDARITEM_OWNER_ID",
            "TRIGGER_DATE",
            "TRIGGER_INTERVAL",
            "PROXIMITY",
            "DISABLED",
            "ACKNOWLEDGEDDATE",
        ];
        for (_, row) in database.rows("ALARM", &ALARM)? {
            // One that rings at a place and not at a time has no moment to write.
            let is_off = [3, 4].iter().any(|at| row.number(*at).is_some_and(|number| number != 0));
            let owner = row.number(0).and_then(|owner| self.items.get_mut(&owner));
            if let Some(item) = owner.filter(|_| !is_off) {
                let (at, acknowledged) = (moment(&row, 1), moment(&row, 5));
                let after = row.number(2).unwrap_or_default();
                item.alarms.push(Alarm { at, after, acknowledged });
            }
        }
        Ok(())
    }

    /// Gives items who takes part in them.
    fn add_people(&mut self, database: &Database) -> Result<(), &'static str> {
        let mut known = BTreeMap::new();
        for (number, row) in database.rows("IDENTITY", &["DISPLAY_NAME", "ADDRESS"])? {
            known.insert(number, (short(row.text(0)), short(row.text(1))));
        }
        const PERSON: [&str; 8] = [
            "OWNER_ID",
            "ENTITY_TYPE",
            "TYPE",
            "STATUS",
            "ROLE",
            "IDENTITY_ID",
            "EMAIL",
            "PHONE_NUMBER",
        ];
        for (number, row) in database.rows("PARTICIPANT", &PERSON)? {
            let known = row.number(5).and_then(|number| known.get(&number)).cloned();
            let (name, address) = known.unwrap_or_default();
            let phone = Some(row.text(7)).filter(|phone| !phone.trim().is_empty());
            let addresses = [Some(row.text(6)), Some(address), phone.map(|p| format!("tel:{p}"))];
            let mut addresses = addresses.into_iter().flatten().map(|text| text.trim().to_owned());
            let [kind, status, role] = [2, 3, 4].map(|at| row.number(at).unwrap_or_default());
            let address = addresses.find(|text| !text.is_empty()).unwrap_or_default();
            let person = Person { name, address: short(address), kind, status, role };
            self.people.insert(number, person);
            if row.number(1) == Some(ATTENDEE)
                && let Some(item) = row.number(0).and_then(|owner| self.items.get_mut(&owner))
            {
                item.invited.push(number);
            }
        }
        Ok(())
    }
}

fn is_known(database: &Database) -> Result<(), &'static str> {
    let columns = |table: &str| {
        database.tables().find(|(name, _)| *name == table).map(|(_, columns)| columns)
    };
    for (at, (table, needed)) in KNOWN.iter().enumerate() {
        let is_known = match columns(table) {
            Some(columns) => needed.iter().all(|needed| columns.iter().any(|name| name == needed)),
            None => at >= NEEDED,
        };
        if !is_known {
            let is_cache = columns("ZCALENDARITEM").is_some();
            return Err(if is_cache { CACHE } else { UNKNOWN });
        }
    }
    Ok(())
}

fn locations(database: &Database) -> Result<BTreeMap<i64, Location>, &'static str> {
    let rows = database.rows("LOCATION", &["TITLE", "ADDRESS", "LATITUDE", "LONGITUDE"])?;
    let location = |row: Row| Location {
        title: short(row.text(0)),
        address: short(row.text(1)),
        place: row.real(2).zip(row.real(3)).filter(|(one, other)| *one != 0.0 || *other != 0.0),
    };
    Ok(rows.into_iter().map(|(number, row)| (number, location(row))).collect())
}

fn id(row: &Row) -> String {
    let ids = [Of::Id, Of::Uuid].map(|of| short(row.text(of as usize).trim().to_owned()));
    ids.into_iter().find(|id| !id.is_empty()).unwrap_or_default()
}

/// A moment that was set, in seconds since 1970.
pub(super) fn moment(row: &Row, at: usize) -> Option<i64> {
    row.moment(at).filter(is_year).filter(|moment| *moment != FROM_2001)
}

fn is_year(moment: &i64) -> bool {
    let [first, last] = YEARS;
    (first..=last).contains(moment)
}

fn number_of(row: &Row, of: Of) -> Option<i64> {
    row.number(of as usize).filter(|number| *number != 0)
}

fn is(row: &Row, of: Of) -> bool {
    number_of(row, of).is_some()
}

fn short(text: String) -> String {
    if text.len() > SHARED_MAX { String::new() } else { text }
}
