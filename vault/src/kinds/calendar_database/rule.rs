//! Rules by which something repeats, out of the columns that a database has them in.

use super::items::moment;
use crate::kinds::database::Row;

/// What the names of the parts of a specifier mean, apart from days of the week.
const PARTS: [(&str, &str); 5] = [
    ("M", "BYMONTHDAY"),
    ("O", "BYMONTH"),
    ("S", "BYSETPOS"),
    ("Y", "BYYEARDAY"),
    ("W", "BYWEEKNO"),
];
const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
/// From Monday on.
pub(super) const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// The columns of a rule behind that of its owner.
pub(super) const COLUMNS: [&str; 8] = [
    "OWNER_ID",
    "FREQUENCY",
    "INTERVAL",
    "COUNT",
    "END_DATE",
    "SPECIFIER",
    "WEEK_START",
    "BY_MONTH_MONTHS",
];

/// A rule.
pub(super) struct Rule {
    /// How often, and until how often.
    often: String,
    /// Until when, in seconds since 1970.
    pub(super) until: Option<i64>,
    /// On which days.
    by: String,
}

impl Rule {
    /// The rule of a row; none if it says something that is not known here.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let frequency = row.number(1)?.checked_sub(1).and_then(|at| usize::try_from(at).ok())?;
        let mut often = format!("FREQ={}", FREQUENCIES.get(frequency)?);
        if let Some(interval @ 2..) = row.number(2) {
            often += &format!(";INTERVAL={interval}");
        }
        let count = row.number(3).filter(|count| *count > 0);
        if let Some(count) = count {
            often += &format!(";COUNT={count}");
        }
        // A rule that ends after so many may have a date in that column too.
        let until = moment(row, 4).filter(|_| count.is_none());
        let mut by = specifier(row.text(5).trim())?;
        let has_month = by.contains(";BYMONTH=");
        if row.number(7).is_some_and(|months| months != 0) && !has_month {
            return None;
        }
        if let Some(start @ 2..=7) = row.number(6) {
            let start = usize::try_from(start - 1).ok()?;
            by += &format!(";WKST={}", WEEKDAYS.get(start)?);
        }
        Some(Self { often, until, by })
    }

    /// The rule with its last moment as it is written.
    pub(super) fn text(&self, until: Option<&str>) -> String {
        let until = until.map(|until| format!(";UNTIL={until}")).unwrap_or_default();
        format!("{}{until}{}", self.often, self.by)
    }
}

/// `D=0MO,+1TU;M=1` as `;BYDAY=MO,1TU;BYMONTHDAY=1`.
fn specifier(text: &str) -> Option<String> {
    let mut by = String::new();
    for part in text.split(';').filter(|part| !part.is_empty()) {
        let (name, values) = part.split_once('=')?;
        let values = values.split(',').map(str::trim).filter(|value| !value.is_empty());
        let (name, values): (&str, Option<Vec<String>>) = match name {
            "D" => ("BYDAY", values.map(weekday).collect()),
            name => {
                let (_, name) = PARTS.iter().find(|(known, _)| *known == name)?;
                (name, values.map(|value| number(value).map(|number| number.to_string())).collect())
            }
        };
        by += &format!(";{name}={}", values.filter(|values| !values.is_empty())?.join(","));
    }
    Some(by)
}

/// `0MO` is every Monday, `-1MO` the last.
fn weekday(text: &str) -> Option<String> {
    let (number_text, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let day = WEEKDAYS.iter().find(|known| **known == day)?;
    match number_text {
        "" => Some((*day).to_owned()),
        text => Some(match number(text)? {
            0 => (*day).to_owned(),
            count => format!("{count}{day}"),
        }),
    }
}

fn number(text: &str) -> Option<i16> {
    text.parse().ok().filter(|number: &i16| (-366..=366).contains(number))
}
