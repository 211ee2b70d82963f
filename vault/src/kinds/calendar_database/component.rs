//! An event or a reminder as Calendar writes it: its properties in Apple's order.

use super::items::{Alarm, Item, Items, Location, Person, When};
use super::zone::Clock;
use crate::kinds::compose::{Composed, escape, param};
use crate::kinds::dates::{DAY, civil};

/// The longest record, in bytes.
const RECORD_MAX: usize = 32 << 20;

const NO_RULE: &str = "it repeats by a rule that is not known here, and is written once";
const NO_ZONE: &str = "its time zone is not known here, and its times are in UTC";
const TOO_LONG: &str = "more of it than is written";

/// The numbers that are one more than the place of their word.
const STATUSES: [&str; 3] = ["CONFIRMED", "TENTATIVE", "CANCELLED"];
const ANSWERS: [&str; 6] =
    ["ACCEPTED", "DECLINED", "TENTATIVE", "DELEGATED", "COMPLETED", "IN-PROCESS"];
const KINDS: [&str; 4] = ["INDIVIDUAL", "ROOM", "RESOURCE", "GROUP"];
const ROLES: [&str; 4] = ["REQ-PARTICIPANT", "OPT-PARTICIPANT", "CHAIR", "NON-PARTICIPANT"];
/// The number of what does not take the time that it is in.
const FREE: i64 = 1;

/// A record as it is written.
pub(super) struct Component {
    pub(super) text: String,
    pub(super) warnings: Vec<&'static str>,
}

struct Writer<'a> {
    items: &'a Items,
    lines: Composed,
    warnings: Vec<&'static str>,
}

/// The components of items that are one record, the one for all occurrences first.
pub(super) fn write(items: &Items, group: &[i64]) -> Component {
    let mut writer = Writer { items, lines: Composed::default(), warnings: Vec::new() };
    let group: Vec<&Item> = group.iter().filter_map(|number| items.items.get(number)).collect();
    let own: Vec<i64> =
        group.iter().filter_map(|item| item.occurrence.as_ref()).map(|when| when.moment).collect();
    for item in group {
        if writer.has_room() {
            writer.item(item, &own);
        }
    }
    Component { text: writer.lines.text, warnings: writer.warnings }
}

impl Writer<'_> {
    /// Writes an item; `own` are the occurrences that have components of their own.
    fn item(&mut self, item: &Item, own: &[i64]) {
        let sort = if item.is_reminder { "VTODO" } else { "VEVENT" };
        self.lines.line("BEGIN", sort);
        self.lines.filled("CREATED", &item.created.map(utc).unwrap_or_default());
        self.lines.filled("UID", &escape(&item.id));
        match item.is_reminder {
            true => self.reminder(item),
            false => self.event(item),
        }
        self.lines.filled("SUMMARY", &escape(&item.summary));
        let modified = item.modified.or(item.created).map(utc);
        self.lines.filled("LAST-MODIFIED", &item.modified.map(utc).unwrap_or_default());
        self.lines.line("DTSTAMP", &modified.unwrap_or_else(|| utc(0)));
        self.when("DTSTART", item.start.as_ref());
        self.location(item.location.and_then(|number| self.items.locations.get(&number)));
        self.lines.line("SEQUENCE", &item.sequence.max(0).to_string());
        self.lines.filled("DESCRIPTION", &escape(&item.description));
        self.lines.filled("URL;VALUE=URI", &address(&item.web));
        self.people(item);
        self.rules(item, own);
        self.when("RECURRENCE-ID", item.occurrence.as_ref());
        for alarm in &item.alarms {
            if self.has_room() {
                self.alarm(alarm);
            }
        }
        self.lines.line("END", sort);
    }

    fn event(&mut self, item: &Item) {
        let end = item.start.as_ref().zip(item.end.clone()).and_then(|(start, end)| {
            match start.is_day {
                // It ends with the last second of its last day, or with the first after it.
                true => {
                    let days = (end.moment - start.moment + DAY / 2).div_euclid(DAY).max(1);
                    Some(When { moment: start.moment + days * DAY, ..end })
                }
                false => Some(end).filter(|end| end.moment >= start.moment),
            }
        });
        self.when("DTEND", end.as_ref());
        self.lines.filled("STATUS", word(&STATUSES, item.status));
        let is_free = item.availability == FREE;
        self.lines.line("TRANSP", if is_free { "TRANSPARENT" } else { "OPAQUE" });
    }

    fn reminder(&mut self, item: &Item) {
        self.when("DUE", item.due.as_ref());
        match item.done {
            Some(done) => {
                self.lines.line("STATUS", "COMPLETED");
                self.lines.line("COMPLETED", &utc(done));
                self.lines.line("PERCENT-COMPLETE", "100");
            }
            None => self.lines.line("STATUS", "NEEDS-ACTION"),
        }
        if (1..=9).contains(&item.priority) {
            self.lines.line("PRIORITY", &item.priority.to_string());
        }
    }

    fn location(&mut self, location: Option<&Location>) {
        let Some(Location { title, address, place }) = location else { return };
        let (title, address) = (title.trim(), address.trim());
        let is_told = address.is_empty() || title.contains(address);
        let text = if is_told { title.to_owned() } else { format!("{title}\n{address}") };
        self.lines.filled("LOCATION", &escape(text.trim()));
        if let Some((latitude, longitude)) = place {
            let start = format!("X-APPLE-STRUCTURED-LOCATION;VALUE=URI{}", param("X-TITLE", title));
            self.lines.line(&start, &format!("geo:{latitude},{longitude}"));
        }
    }

    fn people(&mut self, item: &Item) {
        let organizer = item.organizer.and_then(|number| self.items.people.get(&number));
        if let Some((organizer, address)) = organizer.and_then(|one| Some((one, one.uri()?))) {
            let start = format!("ORGANIZER{}", param("CN", &organizer.name));
            self.lines.line(&start, &address);
        }
        let invited = item.invited.iter().filter_map(|number| self.items.people.get(number));
        for person in invited {
            let Some(address) = person.uri().filter(|_| self.has_room()) else { continue };
            let params = [
                ("CN", person.name.as_str()),
                ("CUTYPE", word(&KINDS, person.kind)),
                ("PARTSTAT", word(&ANSWERS, person.status)),
                ("ROLE", word(&ROLES, person.role)),
            ];
            let params: String = params.iter().map(|(name, value)| param(name, value)).collect();
            self.lines.line(&format!("ATTENDEE{params}"), &address);
        }
    }

    fn rules(&mut self, item: &Item, own: &[i64]) {
        let Some(start) = item.start.as_ref().or(item.due.as_ref()) else { return };
        for rule in &item.rules {
            let until = rule.until.map(|moment| self.until(start, moment));
            self.lines.line("RRULE", &rule.text(until.as_deref()));
        }
        if item.has_unknown_rule {
            self.warn(NO_RULE);
        }
        for &moment in &item.not_on {
            // What has a component of its own is not left out.
            if !own.contains(&moment) && self.has_room() {
                self.when("EXDATE", Some(&When { moment, ..start.clone() }));
            }
        }
    }

    /// The end of a rule: a day for days, and UTC for what is in a zone.
    fn until(&self, start: &When, moment: i64) -> String {
        match self.items.zones.clock(&start.zone) {
            _ if start.is_day => day(moment),
            Clock::Floating => clock_time(moment),
            Clock::Utc | Clock::Unknown | Clock::Zone(..) => utc(moment),
        }
    }

    fn alarm(&mut self, alarm: &Alarm) {
        self.lines.line("BEGIN", "VALARM");
        match alarm.at {
            Some(moment) => self.lines.line("TRIGGER;VALUE=DATE-TIME", &utc(moment)),
            None => self.lines.line("TRIGGER", &duration(alarm.after)),
        }
        self.lines.line("DESCRIPTION", "Reminder");
        self.lines.line("ACTION", "DISPLAY");
        self.lines.filled("ACKNOWLEDGED", &alarm.acknowledged.map(utc).unwrap_or_default());
        self.lines.line("END", "VALARM");
    }

    fn when(&mut self, name: &str, when: Option<&When>) {
        let Some(When { moment, zone, is_day }) = when else { return };
        if *is_day {
            return self.lines.line(&format!("{name};VALUE=DATE"), &day(*moment));
        }
        match self.items.zones.clock(zone) {
            Clock::Zone(zone, clocks) => {
                let start = format!("{name}{}", param("TZID", zone));
                self.lines.line(&start, &clock_time(clocks.shown(*moment)));
            }
            Clock::Floating => self.lines.line(name, &clock_time(*moment)),
            Clock::Utc => self.lines.line(name, &utc(*moment)),
            Clock::Unknown => {
                self.lines.line(name, &utc(*moment));
                self.warn(NO_ZONE);
            }
        }
    }

    /// Whether the record is not too long yet: what is written of a row may be in many of them.
    fn has_room(&mut self) -> bool {
        let has_room = self.lines.text.len() < RECORD_MAX / 2;
        if !has_room {
            self.warn(TOO_LONG);
        }
        has_room
    }

    fn warn(&mut self, warning: &'static str) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Person {
    /// Where to reach somebody; Calendar writes that last one for nowhere. None if nothing is known.
    fn uri(&self) -> Option<String> {
        let address = address(&self.address);
        match address.contains(':') {
            true => Some(address),
            false if !address.is_empty() => Some(format!("mailto:{address}")),
            false => (!self.name.trim().is_empty()).then(|| "invalid:nomail".to_owned()),
        }
    }
}

fn word(words: &[&'static str], number: i64) -> &'static str {
    let at = number.checked_sub(1).and_then(|at| usize::try_from(at).ok());
    at.and_then(|at| words.get(at)).copied().unwrap_or_default()
}

/// An address in one line.
fn address(text: &str) -> String {
    text.trim().chars().filter(|char| !char.is_control()).collect()
}

/// A moment as `YYYYMMDDTHHMMSSZ`.
fn utc(moment: i64) -> String {
    format!("{}Z", clock_time(moment))
}

/// What clocks show, as `YYYYMMDDTHHMMSS`.
pub(super) fn clock_time(shown: i64) -> String {
    let time = shown.rem_euclid(DAY);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{}T{hour:02}{minute:02}{second:02}", day(shown))
}

fn day(moment: i64) -> String {
    let (year, month, day) = civil(moment.div_euclid(DAY));
    format!("{year:04}{month:02}{day:02}")
}

/// Seconds as `-PT15M` or `P1D`.
fn duration(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let size = seconds.unsigned_abs();
    let unit = [(86_400, "P", "D"), (3600, "PT", "H"), (60, "PT", "M"), (1, "PT", "S")];
    let unit = unit.iter().find(|(unit, ..)| size.is_multiple_of(*unit) && size > 0);
    match unit {
        Some((unit, before, behind)) => format!("{sign}{before}{}{behind}", size / unit),
        None => "PT0S".to_owned(),
    }
}
