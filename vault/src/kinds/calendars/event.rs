//! What one record says: an event with its exceptions, in which form two exports of it are the
//! same, and its fields.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::split::Sort;
use super::zones::{Moment, Zones};
use crate::kinds::dates::civil;
use crate::kinds::ladder::{Rung, digest, framed};
use crate::kinds::property::{Properties, Property, name_of, plain, shown, split};
use crate::kinds::{Field, Identity, Kind, Locator, Quality, Record};

/// Most lines of a record that are taken apart.
const LINES_MAX: usize = 1 << 18;
/// Most parts of a value that are told apart.
const PARTS_MAX: usize = 4096;
/// Longest value of what has no name here that is shown, and not only its length.
const VALUE_MAX: usize = 4096;

pub(super) const NO_END: &str = "cut off, it has no end";
pub(super) const FOREIGN: &str = "text in an unknown encoding";
pub(super) const NO_ID: &str = "no id, so it is another one after any change";
pub(super) const NOT_ALONE: &str = "several have its id";
const TOO_LONG: &str = "more lines than are read";

/// What says when, by what or under what number something was written, or paints it.
const NOISE: &[&str] =
    &["COLOR", "CREATED", "DTSTAMP", "LAST-MODIFIED", "PRODID", "SEQUENCE", "UID"];
/// How names begin of what programs keep for themselves.
const NOISE_STARTS: &[&str] = &["X-APPLE-", "X-WR-"];
/// What changes when an alarm rings, or is written again.
const ALARM_NOISE: &[&str] = &["ACKNOWLEDGED"];
/// Parameters that say how a value is written, or what a server did with it.
const NOISE_PARAMS: &[&str] = &["CHARSET", "ENCODING", "SCHEDULE-STATUS", "VALUE"];
const NOISE_PARAM_STARTS: &[&str] = &["X-APPLE-", "X-CALENDARSERVER-"];
/// What goes without saying, of properties and of parameters.
const UNDERSTOOD: &[(&str, &str)] = &[
    ("CLASS", "PUBLIC"),
    ("PERCENT-COMPLETE", "0"),
    ("PRIORITY", "0"),
    ("TRANSP", "OPAQUE"),
    ("CUTYPE", "INDIVIDUAL"),
    ("PARTSTAT", "NEEDS-ACTION"),
    ("ROLE", "REQ-PARTICIPANT"),
    ("RSVP", "FALSE"),
    ("RELATED", "START"),
    ("RELTYPE", "PARENT"),
];

/// Properties with a name of their own here, in the order in which they are shown, and what it is.
const NAMES: &[(&str, &str)] = &[
    ("SUMMARY", "title"),
    ("DTSTART", "start"),
    ("DTEND", "end"),
    ("DUE", "due"),
    ("DURATION", "lasts"),
    ("LOCATION", "place"),
    ("ORGANIZER", "organizer"),
    ("ATTENDEE", "with"),
    ("RRULE", "repeats"),
    ("RDATE", "also on"),
    ("EXDATE", "not on"),
    ("STATUS", "status"),
    ("COMPLETED", "completed"),
    ("PERCENT-COMPLETE", "percent done"),
    ("PRIORITY", "priority"),
    ("DESCRIPTION", "note"),
    ("URL", "web"),
    ("CATEGORIES", "categories"),
    ("RELATED-TO", "related to"),
];

/// A component, taken apart.
struct Component {
    sort: Sort,
    /// Its own properties, not those of its alarms.
    properties: Vec<Property>,
    /// When its alarms ring.
    triggers: Vec<Property>,
    /// A digest of all that it says.
    said: [u8; 32],
    is_closed: bool,
}

/// A record, taken apart.
pub(super) struct Event {
    id: Option<String>,
    /// Its components, the one for all occurrences first.
    components: Vec<Component>,
    is_foreign: bool,
    /// What is behind the lines that were taken apart.
    rest: Option<[u8; 32]>,
}

/// A component whose end was not seen yet.
struct Open {
    component: Component,
    /// What was said in it, and in each component that is open in it.
    said: Vec<(String, Vec<[u8; 32]>)>,
}

impl Event {
    /// The record in text that is UTF-8 or another superset of ASCII.
    pub(super) fn parse(text: &[u8]) -> Self {
        let (id, components) = (id(text), Vec::new());
        let mut event = Self { id, components, is_foreign: false, rest: None };
        let mut lines = Properties::new(text, false);
        let mut open: Option<Open> = None;
        for property in lines.by_ref().take(LINES_MAX) {
            event.is_foreign |= property.is_foreign;
            let name = property.value.trim();
            match (is(&property, "BEGIN"), is(&property, "END"), &mut open) {
                (true, ..) => match (Sort::of(name.as_bytes()), &mut open) {
                    (Some(sort), _) => {
                        event.components.extend(open.take().map(|open| open.close(false)));
                        open = Some(Open::new(sort));
                    }
                    (None, Some(open)) => open.said.push((name.to_uppercase(), Vec::new())),
                    (None, None) => {}
                },
                (_, true, Some(inner)) => {
                    if inner.component.sort.name().eq_ignore_ascii_case(name) {
                        event.components.extend(open.take().map(|open| open.close(true)));
                    } else {
                        inner.close_inner();
                    }
                }
                (_, _, Some(open)) => open.read(property),
                (_, _, None) => {}
            }
        }
        event.components.extend(open.map(|open| open.close(false)));
        event.components.sort_by_cached_key(|component| {
            component.first("RECURRENCE-ID").map(|property| property.value.clone())
        });
        let rest = lines.rest();
        event.rest = (!rest.trim_ascii().is_empty()).then(|| digest(&[rest]));
        event
    }

    /// The record that is this event.
    pub(super) fn record(
        &self,
        identity: Identity,
        essence: Zeroizing<Vec<u8>>,
        locator: Locator,
        calendar: &str,
        zones: &Zones,
    ) -> Record {
        let masters = self.components.iter().filter(|one| one.first("RECURRENCE-ID").is_none());
        let warnings = [
            (NO_END, self.components.iter().any(|component| !component.is_closed)),
            (FOREIGN, self.is_foreign),
            (NO_ID, self.id.is_none()),
            (NOT_ALONE, masters.count() > 1),
            (TOO_LONG, self.rest.is_some()),
        ];
        let title = shown(&self.text("SUMMARY"), " ");
        let date = self.main().and_then(|main| main.date(zones));
        Record {
            kind: Kind::Event,
            identity,
            title: if title.is_empty() { "untitled".to_owned() } else { title },
            place: shown(&self.text("LOCATION"), ", "),
            user: match calendar {
                "" => shown(&self.first("ORGANIZER").map(person).unwrap_or_default(), " "),
                calendar => calendar.to_owned(),
            },
            date,
            essence,
            warnings: warnings.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect(),
            is_closed: false,
            link: None,
            apart: 0,
            locator,
        }
    }

    /// What could tell the record from others, the best first.
    pub(super) fn rungs(&self, calendar: &str) -> Vec<Rung> {
        let mut rungs = Vec::new();
        if let (Some(id), Some(main)) = (&self.id, self.main()) {
            let occurrence = main.first("RECURRENCE-ID").map_or("", |first| first.value.trim());
            let parts = [Kind::Event.as_str(), main.sort.name(), id, occurrence, calendar];
            let parts = parts.map(str::as_bytes);
            for (count, quality) in [(3, Quality::Id), (4, Quality::Fields), (5, Quality::Titled)] {
                rungs.push((quality, framed(parts.get(..count).unwrap_or_default())));
            }
        }
        rungs
    }

    /// A digest of all that it says, whatever the order and the way it is written in.
    pub(super) fn essence(&self) -> Zeroizing<Vec<u8>> {
        let mut said: Vec<[u8; 32]> = self.components.iter().map(|one| one.said).collect();
        said.extend(self.rest);
        said.sort_unstable();
        Zeroizing::new(digest(&[b"event", said.as_flattened()]).to_vec())
    }

    fn main(&self) -> Option<&Component> {
        self.components.first()
    }

    fn first(&self, name: &str) -> Option<&Property> {
        self.main().and_then(|main| main.first(name))
    }

    fn text(&self, name: &str) -> String {
        self.first(name).map(Property::text).unwrap_or_default()
    }

    /// What it says, for a person.
    pub(super) fn fields(&self, calendar: &str) -> Vec<Field> {
        let Some(main) = self.main() else { return Vec::new() };
        let mut fields: Vec<(usize, Field)> = Vec::new();
        let mut push = |place: usize, name: &str, value: &str| {
            let value = Zeroizing::new(value.trim().to_owned());
            if !value.is_empty() {
                fields.push((place, Field { name: name.to_owned(), value, is_secret: false }));
            }
        };
        push(0, "type", main.sort.word());
        let behind = NAMES.len();
        for property in &main.properties {
            let name = property.name.as_str();
            if let Some((place, (_, word))) =
                NAMES.iter().enumerate().find(|(_, (known, _))| *known == name)
            {
                push(place + 1, word, &main.value(property));
            } else if !is_noise(name) && name != "RECURRENCE-ID" {
                let is_long = property.value.len() > VALUE_MAX;
                let value = match property.is_binary() || is_long {
                    true => format!("{} bytes", property.value.len()),
                    false => property.text(),
                };
                push(behind + 3, if name.is_empty() { "line" } else { name }, &value);
            }
        }
        for trigger in &main.triggers {
            push(behind, "alarm", &main.value(trigger));
        }
        for component in &self.components {
            push(behind + 1, "exception", &component.exception());
        }
        push(behind + 2, "calendar", calendar);
        push(behind + 4, "id", self.id.as_deref().unwrap_or_default());
        fields.sort_by_key(|(place, _)| *place);
        fields.into_iter().map(|(_, field)| field).collect()
    }
}

impl Open {
    fn new(sort: Sort) -> Self {
        let (properties, triggers) = (Vec::new(), Vec::new());
        let component = Component { sort, properties, triggers, said: [0; 32], is_closed: false };
        Self { component, said: vec![(sort.name().to_owned(), Vec::new())] }
    }

    fn read(&mut self, property: Property) {
        let is_inner = self.said.len() > 1;
        let is_alarm = self.said.get(1).is_some_and(|(name, _)| name == "VALARM");
        if let Some((_, said)) = self.said.last_mut()
            && !(is_alarm && ALARM_NOISE.contains(&property.name.as_str()))
        {
            says(&property, &mut |digest| said.push(digest));
        }
        if !is_inner {
            self.component.properties.push(property);
        } else if is_alarm && self.said.len() == 2 && property.name == "TRIGGER" {
            self.component.triggers.push(property);
        }
    }

    /// The component that was opened last is part of what is said around it.
    fn close_inner(&mut self) {
        if self.said.len() > 1
            && let Some((name, said)) = self.said.pop()
            && let Some((_, around)) = self.said.last_mut()
        {
            around.push(all(&name, said));
        }
    }

    fn close(mut self, is_closed: bool) -> Component {
        while self.said.len() > 1 {
            self.close_inner();
        }
        let (name, said) = self.said.pop().unwrap_or_default();
        Component { said: all(&name, said), is_closed, ..self.component }
    }
}

impl Component {
    fn first(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// When it begins or is due, in seconds since 1970.
    fn date(&self, zones: &Zones) -> Option<i64> {
        let property = self.first("DTSTART").or_else(|| self.first("DUE"))?;
        zones.seconds(Moment::parse(&property.value)?, property.param("TZID"))
    }

    /// What is another way than in the component for all occurrences.
    fn exception(&self) -> String {
        let Some(of) = self.first("RECURRENCE-ID") else { return String::new() };
        let said = ["SUMMARY", "DTSTART", "LOCATION", "STATUS"]
            .map(|name| self.first(name).map(|property| self.value(property).replace('\n', ", ")));
        let said = said.into_iter().flatten().filter(|said| !said.is_empty());
        format!("{}: {}", self.value(of), said.collect::<Vec<_>>().join(", "))
    }

    /// A value for a person.
    fn value(&self, property: &Property) -> String {
        match property.name.as_str() {
            "DTEND" if self.sort == Sort::Event => {
                // A whole day ends where the next one begins.
                let last = Moment::parse(&property.value).filter(|moment| moment.is_day);
                last.map_or_else(|| moments(property), |moment| day(moment.seconds - 1))
            }
            "DTSTART" | "DUE" | "EXDATE" | "RDATE" | "COMPLETED" | "RECURRENCE-ID" => {
                moments(property)
            }
            "ORGANIZER" | "ATTENDEE" => {
                let answer = property.param("PARTSTAT").filter(|_| property.name == "ATTENDEE");
                let answer = answer.map(|answer| format!(", {}", answer.to_lowercase()));
                format!("{}{}", person(property), answer.unwrap_or_default())
            }
            "STATUS" => property.value.to_lowercase(),
            _ => property.text(),
        }
    }
}

/// The id of the first component in this text, which is that of the record it begins.
pub(super) fn id(text: &[u8]) -> Option<String> {
    let mut depth = 0_u64;
    let is_id = |property: &Property| {
        if is(property, "BEGIN") {
            depth += 1;
        } else if is(property, "END") {
            depth = depth.saturating_sub(1);
        }
        depth == 1 && property.name == "UID"
    };
    let id = Properties::new(text, false).find(is_id)?.text().trim().to_owned();
    Some(id).filter(|id| !id.is_empty())
}

/// The names of the time zones that are used in this text.
pub(super) fn zones(text: &[u8]) -> BTreeSet<String> {
    let zone = |property: Property| property.param("TZID").map(|zone| zone.trim().to_owned());
    Properties::new(text, false).filter_map(zone).collect()
}

fn is(property: &Property, word: &str) -> bool {
    name_of(property, word).is_some()
}

/// A digest of a component, in whatever order its parts are.
fn all(name: &str, mut said: Vec<[u8; 32]>) -> [u8; 32] {
    said.sort_unstable();
    digest(&[name.as_bytes(), said.as_flattened()])
}

/// What a property says, as digests: none if it says nothing that lasts.
fn says(property: &Property, each: &mut dyn FnMut([u8; 32])) {
    let name = property.name.as_str();
    let value = property.value.trim();
    if is_noise(name) || value.is_empty() || is_understood(name, value) {
        return;
    }
    let params = property.params.iter().filter(|(name, value)| {
        !NOISE_PARAMS.contains(&name.as_str())
            && !NOISE_PARAM_STARTS.iter().any(|start| name.starts_with(start))
            && !is_understood(name, value)
    });
    let mut params: Vec<[&str; 2]> = params.map(|(name, value)| [&**name, &**value]).collect();
    params.sort_unstable();
    let mut tell = |values: &[String]| {
        let params = params.iter().flatten().copied();
        let values = values.iter().map(String::as_str);
        let parts = [name].into_iter().chain(params).chain(values).map(str::as_bytes);
        each(digest(&parts.collect::<Vec<_>>()));
    };
    match name {
        "EXDATE" | "RDATE" | "CATEGORIES" | "RESOURCES" => {
            let values = split(value, ',', PARTS_MAX).filter(|value| !value.is_empty());
            values.for_each(|value| tell(&[value]));
        }
        "RRULE" | "EXRULE" => tell(&rule(value)),
        "DURATION" | "TRIGGER" => tell(&[duration(value).unwrap_or_else(|| value.to_owned())]),
        "GEO" => tell(&[value.split(';').map(number).collect::<Vec<_>>().join(";")]),
        _ if property.is_binary() => tell(&[value.split_whitespace().collect()]),
        _ => tell(&[plain(&property.text())]),
    }
}

fn is_noise(name: &str) -> bool {
    NOISE.contains(&name) || NOISE_STARTS.iter().any(|start| name.starts_with(start))
}

fn is_understood(name: &str, value: &str) -> bool {
    UNDERSTOOD.iter().any(|(known, usual)| *known == name && usual.eq_ignore_ascii_case(value))
}

/// The parts of a rule in one order.
fn rule(rule: &str) -> Vec<String> {
    let part = |part: &str| {
        let part = part.trim().to_ascii_uppercase();
        let (name, list) = part.split_once('=').unwrap_or((&part, ""));
        let mut list: Vec<&str> = list.split(',').map(number).collect();
        list.sort_unstable();
        format!("{name}={}", list.join(","))
    };
    let mut parts: Vec<String> = rule.split(';').map(part).collect();
    parts.retain(|part| !matches!(part.as_str(), "=" | "INTERVAL=1" | "WKST=MO"));
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// A number without signs and zeros that do not matter; what is none as it is.
fn number(text: &str) -> &str {
    let text = text.trim().trim_start_matches('+');
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    let bare = text.trim_start_matches('0');
    if bare.starts_with(|char: char| char.is_ascii_digit()) { bare } else { text }
}

/// A duration in seconds, with days of 24 hours, as some programs write them.
fn duration(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('-') => ("-", rest),
        Some(rest) => ("", rest),
        None => ("", text),
    };
    let (mut seconds, mut number) = (0_u64, String::new());
    for char in rest.strip_prefix('P')?.chars() {
        if char.is_ascii_digit() {
            number.push(char);
            continue;
        }
        let each = match char {
            'W' => 7 * 86_400,
            'D' => 86_400,
            'H' => 3600,
            'M' => 60,
            'S' => 1,
            'T' if number.is_empty() => continue,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(each)?)?;
        number.clear();
    }
    let sign = if seconds == 0 { "" } else { sign };
    number.is_empty().then(|| format!("{sign}{seconds}"))
}

/// Who it is: a name and an address, or what there is of them.
fn person(property: &Property) -> String {
    let address = property.value.trim();
    let scheme = address.split_at_checked("mailto:".len());
    let address = match scheme {
        Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => address,
        _ => address,
    };
    match property.param("CN").map(str::trim).filter(|name| !name.is_empty() && *name != address) {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}

/// Moments for a person, by the clocks of the place they are given for.
fn moments(property: &Property) -> String {
    let zone = property.param("TZID").map(|zone| format!(" {zone}")).unwrap_or_default();
    let moment = |text: &str| match Moment::parse(text) {
        Some(moment) if moment.is_day => day(moment.seconds),
        Some(moment) => {
            let time = moment.seconds.rem_euclid(86_400);
            let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
            let second = if second == 0 { String::new() } else { format!(":{second:02}") };
            let zone = if moment.is_utc { " UTC" } else { &zone };
            format!("{} {hour:02}:{minute:02}{second}{zone}", day(moment.seconds))
        }
        None => text.trim().to_owned(),
    };
    property.value.split(',').map(moment).collect::<Vec<_>>().join(", ")
}

fn day(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}
