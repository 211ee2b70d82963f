//! When it is what time where: the time zones that a file itself describes.
//!
//! An observance (standard or daylight time) begins at its `DTSTART`, and every year again if it has
//! a yearly rule by month and day, which is how calendars write them. A zone with any other rule is
//! not known here, and neither are those a file names but does not describe: then a moment in it has
//! no answer, which is better than a wrong one.

use std::collections::BTreeMap;

use crate::kinds::dates::{civil, days};
use crate::kinds::property::{Properties, Property, name_of};

/// Most times at which observances of a zone begin, rules counted once: a year has two, and every
/// event asks all of them.
pub(super) const ONSETS_MAX: usize = 256;

const DAY: i64 = 86_400;

/// The zones of a file by their names.
#[derive(Default)]
pub(super) struct Zones(BTreeMap<String, Option<Vec<Observance>>>);

/// A time of day, year after year.
#[derive(Default)]
struct Observance {
    /// When it begins first, by the clocks before, in seconds since 1970.
    start: Option<i64>,
    /// What clocks are ahead of UTC before it and in it, in seconds.
    before: i64,
    within: i64,
    rule: Option<Rule>,
    /// Other times it begins.
    also: Vec<i64>,
    is_unknown: bool,
}

/// One day in every year.
struct Rule {
    month: i64,
    day: Day,
    /// When it begins last, by UTC.
    until: Option<i64>,
}

#[derive(Clone, Copy)]
enum Day {
    OfMonth(i64),
    /// The first such day of the week on a day of the month or after it.
    From(i64, i64),
    /// The last but so many such days of the week.
    Last(i64, i64),
}

/// A moment as a calendar writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// What clocks show there, in seconds since 1970.
    pub(super) seconds: i64,
    pub(super) is_utc: bool,
    /// It is a whole day.
    pub(super) is_day: bool,
}

impl Moment {
    /// Reads `YYYYMMDD`, `YYYYMMDDTHHMMSS` and the same with `Z`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, time) = text.split_once(['T', 't']).unwrap_or((text, ""));
        let (time, is_utc) = match time.strip_suffix(['Z', 'z']) {
            Some(time) => (time, true),
            None => (time, false),
        };
        let is_day = time.is_empty();
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if date.len() != 8 || !is_number(date) || !(is_day || time.len() == 6 && is_number(time)) {
            return None;
        }
        let part = |text: &str, from: usize, to: usize| {
            text.get(from..to).and_then(|part| part.parse::<i64>().ok())
        };
        let (year, month, day) = (part(date, 0, 4)?, part(date, 4, 6)?, part(date, 6, 8)?);
        let time = match is_day {
            true => 0,
            false => (part(time, 0, 2)? * 60 + part(time, 2, 4)?) * 60 + part(time, 4, 6)?,
        };
        let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && time <= DAY;
        is_date.then(|| Self { seconds: days(year, month, day) * DAY + time, is_utc, is_day })
    }
}

impl Zones {
    /// Learns a zone from its component; gives its name.
    pub(super) fn learn(&mut self, text: &[u8]) -> String {
        let (mut name, mut observances) = (String::new(), Vec::new());
        let mut open: Option<Observance> = None;
        for property in Properties::new(text, false) {
            if let Some(word) = name_of(&property, "BEGIN") {
                let is_one = ["STANDARD", "DAYLIGHT"].iter().any(|w| w.eq_ignore_ascii_case(word));
                open = is_one.then(Observance::default);
            } else if name_of(&property, "END").is_some() {
                // One too many is enough to know that there are.
                observances.extend(open.take().filter(|_| observances.len() <= ONSETS_MAX));
            } else if let Some(open) = &mut open {
                open.read(&property);
            } else if property.name == "TZID" && name.is_empty() {
                name = property.text().trim().to_owned();
            }
        }
        let onsets: usize = observances.iter().map(|one| 1 + one.also.len()).sum();
        let is_known = observances.iter().all(|one| !one.is_unknown && one.start.is_some());
        let known = Some(observances).filter(|_| is_known && (1..=ONSETS_MAX).contains(&onsets));
        self.0.entry(name.clone()).or_insert(known);
        name
    }

    /// Seconds since 1970 of a moment in the zone of that name. A whole day begins at midnight UTC,
    /// and so is a moment taken that is in no zone.
    pub(super) fn seconds(&self, moment: Moment, zone: Option<&str>) -> Option<i64> {
        let Some(zone) = zone.filter(|_| !moment.is_utc && !moment.is_day) else {
            return Some(moment.seconds);
        };
        let observances = self.0.get(zone)?.as_ref()?;
        let begun = observances.iter().filter_map(|one| Some((one.last(moment.seconds)?, one)));
        let ahead = match begun.max_by_key(|(begun, _)| *begun) {
            Some((_, one)) => one.within,
            None => observances.iter().min_by_key(|one| one.start)?.before,
        };
        Some(moment.seconds - ahead)
    }
}

impl Observance {
    fn read(&mut self, property: &Property) {
        let value = property.value.trim();
        match property.name.as_str() {
            "DTSTART" => self.start = Moment::parse(value).map(|moment| moment.seconds),
            "TZOFFSETFROM" => match offset(value) {
                Some(before) => self.before = before,
                None => self.is_unknown = true,
            },
            "TZOFFSETTO" => match offset(value) {
                Some(within) => self.within = within,
                None => self.is_unknown = true,
            },
            "RRULE" => {
                self.rule = Rule::parse(value);
                self.is_unknown |= self.rule.is_none();
            }
            "RDATE" => {
                let dates = value.split(',').take(ONSETS_MAX).filter_map(Moment::parse);
                self.also.extend(dates.map(|moment| moment.seconds));
            }
            _ => {}
        }
    }

    /// When it began last before clocks showed `now`, if it did.
    fn last(&self, now: i64) -> Option<i64> {
        let start = self.start?;
        // Times that clocks leap over are still of the time before.
        let is_past = |begun: &i64| *begun + (self.within - self.before).max(0) <= now;
        let by_rule = self.rule.as_ref().into_iter().flat_map(|rule| {
            let until = rule.until.map_or(now, |until| now.min(until + self.before));
            let (year, ..) = civil(until.div_euclid(DAY));
            let time = start.rem_euclid(DAY);
            let begun = [year, year - 1].map(|year| rule.day(year) * DAY + time);
            begun.into_iter().filter(move |begun| *begun >= start && *begun <= until)
        });
        by_rule.chain(self.also.iter().copied()).chain([start]).filter(is_past).max()
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let part = |name: &str| {
            let parts = text.split(';').filter_map(|part| part.split_once('='));
            let mut named = parts.filter(|(given, _)| given.trim().eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.trim())
        };
        let is_plain =
            ["COUNT", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"].iter().all(|p| part(p).is_none())
                && part("FREQ").is_some_and(|freq| freq.eq_ignore_ascii_case("YEARLY"))
                && part("INTERVAL").is_none_or(|interval| interval == "1");
        let month = part("BYMONTH")?.parse().ok().filter(|month| (1..=12).contains(month))?;
        let until = match part("UNTIL") {
            Some(until) => Some(Moment::parse(until)?.seconds),
            None => None,
        };
        let of_month = match part("BYMONTHDAY") {
            Some(list) => {
                let days = list.split(',').map(|day| day.trim().parse::<i64>().ok());
                let days: Option<Vec<i64>> = days.take(31).collect();
                days?.into_iter().min().filter(|day| (1..=31).contains(day))
            }
            None => None,
        };
        let day = match part("BYDAY") {
            Some(by_day) => {
                let (count, weekday) = by_day.split_at_checked(by_day.len().checked_sub(2)?)?;
                let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
                let weekday = names.iter().position(|name| name.eq_ignore_ascii_case(weekday))?;
                let weekday = i64::try_from(weekday).ok()?;
                match (count.trim_start_matches('+').parse::<i64>(), of_month) {
                    (Ok(count @ 1..=5), None) => Day::From(7 * count - 6, weekday),
                    (Ok(count @ -5..=-1), None) => Day::Last(-count - 1, weekday),
                    (Err(_), Some(day)) if count.is_empty() => Day::From(day, weekday),
                    _ => return None,
                }
            }
            None => Day::OfMonth(of_month?),
        };
        is_plain.then_some(Self { month, day, until })
    }

    /// The day since 1970 in that year.
    fn day(&self, year: i64) -> i64 {
        let first = days(year, self.month, 1);
        // The first day of 1970 was a Thursday, the fourth from Monday.
        let weekday = |day: i64| (day + 3).rem_euclid(7);
        match self.day {
            Day::OfMonth(day) => first + day - 1,
            Day::From(day, wanted) => {
                let day = first + day - 1;
                day + (wanted - weekday(day)).rem_euclid(7)
            }
            Day::Last(weeks, wanted) => {
                let next = if self.month == 12 { (year + 1, 1) } else { (year, self.month + 1) };
                let last = days(next.0, next.1, 1) - 1;
                last - (weekday(last) - wanted).rem_euclid(7) - 7 * weeks
            }
        }
    }
}

/// `+HHMM` or `-HHMMSS` in seconds.
fn offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || !matches!(digits.len(), 4 | 6) {
        return None;
    }
    let part = |from: usize| digits.get(from..from + 2).and_then(|part| part.parse::<i64>().ok());
    Some(sign * ((part(0)? * 60 + part(2)?) * 60 + part(4).unwrap_or(0)))
}
