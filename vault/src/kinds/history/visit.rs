//! One visit, taken apart.

use std::ops::Range;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::kinds::ladder::{Ladder, Rung, framed};
use crate::kinds::{Field, Kind, Locator, Quality, Record, address, dates, text};

/// Longest visit in bytes: taken apart it needs many times its length.
const VISIT_MAX: usize = 1 << 20;
/// Longest title that is told, in bytes.
const TITLE_MAX: usize = 200;

/// How often the page was visited by the time of the export.
const COUNTS: [&str; 2] = ["visit_count", "visits_count"];
/// What they are called here.
const VISITS: &str = "visits";
/// What is true of a visit that does not say it.
const DEFAULTS: [(&str, bool); 2] =
    [("latest_visit_was_load_failure", false), ("latest_visit_was_http_get", true)];

/// A visit.
pub(super) struct Visit {
    address: String,
    /// In microseconds since 1970.
    time: Option<i64>,
    title: String,
    /// The rest, in the order of its names.
    rest: Vec<(String, String)>,
}

impl Visit {
    /// What an element of the list says; none if it is no visit.
    pub(super) fn parse(element: &str) -> Option<Self> {
        if element.len() > VISIT_MAX {
            return None;
        }
        let mut members: Map<String, Value> = serde_json::from_str(element).ok()?;
        let Some(Value::String(address)) = members.remove("url") else { return None };
        let time = members.remove("time_usec").as_ref().and_then(integer);
        let title = match members.remove("title") {
            Some(Value::String(title)) => title,
            _ => String::new(),
        };
        let is_told = |(name, value): &(String, Value)| {
            let is_default =
                |(known, default): &(&str, bool)| name == known && *value == Value::Bool(*default);
            !value.is_null() && !DEFAULTS.iter().any(is_default)
        };
        let mut rest: Vec<(String, String)> = members
            .into_iter()
            .filter(is_told)
            .map(|(name, value)| match value {
                Value::String(text) => (name, text),
                value => {
                    (name, integer(&value).map_or_else(|| value.to_string(), |n| n.to_string()))
                }
            })
            .collect();
        rest.sort_unstable();
        Some(Self { address, time, title, rest })
    }

    /// What could tell the visit from others, the best first.
    pub(super) fn rungs(&self) -> Vec<Rung> {
        let time = self.time.map(i64::to_le_bytes).unwrap_or_default();
        let address = self.address.as_bytes();
        vec![
            (Quality::Fields, framed(&[address, &time])),
            (Quality::Titled, framed(&[address, &time, self.title.as_bytes()])),
        ]
    }

    /// All it says, but for how many visits there were.
    fn essence(&self) -> Zeroizing<Vec<u8>> {
        let time = self.time.map(|time| time.to_string()).unwrap_or_default();
        let mut all = vec![self.address.as_bytes(), time.as_bytes(), self.title.as_bytes()];
        for (name, value) in &self.rest {
            if !COUNTS.contains(&name.as_str()) {
                all.extend([name.as_bytes(), value.as_bytes()]);
            }
        }
        framed(&all)
    }

    /// The record of a visit that is at these bytes.
    pub(super) fn record(self, ladder: &mut Ladder, range: Range<u64>) -> Record {
        let essence = self.essence();
        let place = address::place(&self.address);
        let title = text::in_line(&self.title, TITLE_MAX);
        Record {
            kind: Kind::History,
            identity: ladder.identity(self.rungs(), &essence),
            title: if title.is_empty() { place.clone() } else { title },
            place,
            user: String::new(),
            date: self.time.and_then(|time| dates::since_1970(time / 1_000_000)),
            essence,
            warnings: Vec::new(),
            is_closed: false,
            link: None,
            apart: 0,
            locator: Locator::Bytes(vec![range]),
        }
    }

    /// Field by field.
    pub(super) fn fields(&self) -> Vec<Field> {
        let time = self.time.map(|time| dates::moment(time.div_euclid(1_000_000)));
        let mut fields = vec![("title", self.title.as_str()), ("address", &self.address)];
        fields.push(("visited", time.as_deref().unwrap_or_default()));
        for (name, value) in &self.rest {
            let name = if COUNTS.contains(&name.as_str()) { VISITS } else { name };
            fields.push((name, value));
        }
        fields.retain(|(_, value)| !value.is_empty());
        fields.into_iter().map(|(name, value)| Field::clear(name, value)).collect()
    }
}

/// Whether a field says something of a visit that another export says too: not how many there were,
/// nor what is true of a visit that does not say it.
pub(in crate::kinds) fn lasts(field: &Field) -> bool {
    let is_default =
        |(name, default): &(&str, bool)| field.name == *name && *field.value == default.to_string();
    field.name != VISITS && !DEFAULTS.iter().any(is_default)
}

/// A whole number, however it is written.
fn integer(value: &Value) -> Option<i64> {
    let whole = |number: f64| format!("{number:.0}").parse().ok();
    match value {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().filter(|number| number.fract() == 0.0).and_then(whole)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
