//! Time zones: what clocks show in one, and the component that says so.
//!
//! What clocks did is read out of the time zone database that is built in. Where the years from
//! [`TAIL`] on all follow one rule, so does the component from when that began; each time before it
//! is written out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use super::rule::WEEKDAYS;
use crate::kinds::compose::Composed;
use crate::kinds::dates::{DAY, civil, days};

/// How the zone is called that is wherever one is.
const FLOATING: &str = "_float";
/// Names of UTC.
const UTC: [&str; 6] = ["UTC", "GMT", "Etc/UTC", "Etc/GMT", "Z", "UCT"];
/// Most zones of a database: every record may need all of them.
const ZONES_MAX: usize = 64;
/// Most times that are written out for one zone.
const ONSETS_MAX: usize = 240;
/// Years in which every day of the year has been every day of the week, leap years included.
const TAIL: [i64; 2] = [2040, 2068];
/// Until when times are written out that follow no rule.
const LAST: i64 = 2100;
/// From when on times are written out.
const FIRST: i64 = -2_208_988_800;
/// The longest time from one onset to the next in a year that has two.
const PAUSE_MAX: i64 = 300 * DAY;

/// The zones that a database names, by their names.
#[derive(Default)]
pub(super) struct Zones(BTreeMap<String, Zone>);

/// By what clocks a moment is written.
pub(super) enum Clock<'a> {
    Utc,
    /// Those of wherever one is.
    Floating,
    Zone(&'a str, &'a Zone),
    /// Those of a zone that is not known here.
    Unknown,
}

/// A zone that is known.
pub(super) struct Zone {
    clocks: TimeZone,
    /// The first moment of the database in it, in seconds since 1970.
    since: i64,
}

/// When clocks are put to another time.
#[derive(Clone)]
struct Onset {
    /// In seconds since 1970.
    moment: i64,
    /// What clocks are ahead of UTC before and after it, in seconds.
    before: i64,
    within: i64,
    is_daylight: bool,
    name: String,
}

/// An onset of every year.
struct Rule {
    onset: Onset,
    month: i64,
    weekday: usize,
    /// The first of the seven days of the month that it may be on.
    day: i64,
    is_last_week: bool,
}

impl Zones {
    /// Takes note that a moment is in the zone of that name.
    pub(super) fn learn(&mut self, name: &str, moment: i64) {
        let since = moment.max(FIRST);
        if let Some(known) = self.0.get_mut(name) {
            known.since = known.since.min(since);
        } else if self.0.len() < ZONES_MAX && !is_special(name) {
            let clocks = TimeZoneDatabase::bundled().get(name).ok().or_else(|| fixed(name));
            let zone = clocks.map(|clocks| Zone { clocks, since });
            self.0.extend(zone.map(|zone| (name.to_owned(), zone)));
        }
    }

    /// The clocks of the zone of that name. What names none is written in UTC.
    pub(super) fn clock<'a>(&'a self, name: &str) -> Clock<'a> {
        match self.0.get_key_value(name) {
            Some((name, zone)) => Clock::Zone(name, zone),
            None if name == FLOATING => Clock::Floating,
            None if is_special(name) => Clock::Utc,
            None => Clock::Unknown,
        }
    }

    /// The components of all zones by their names.
    pub(super) fn components(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(name, zone)| (name.clone(), zone.component(name))).collect()
    }
}

fn is_special(name: &str) -> bool {
    name.is_empty() || name == FLOATING || UTC.contains(&name)
}

/// A zone by its distance from UTC: `GMT+0400`.
fn fixed(name: &str) -> Option<TimeZone> {
    let (sign, digits) = name.strip_prefix("GMT")?.split_at_checked(1)?;
    let digits = digits.replace(':', "");
    let is_number = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i32 = digits.parse().ok().filter(|_| is_number)?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    let seconds = match sign {
        "+" => seconds,
        "-" => -seconds,
        _ => return None,
    };
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

impl Zone {
    /// What clocks show at a moment, in seconds since 1970.
    pub(super) fn shown(&self, moment: i64) -> i64 {
        moment + self.ahead(moment)
    }

    fn ahead(&self, moment: i64) -> i64 {
        let moment = Timestamp::from_second(moment);
        moment.map_or(0, |moment| i64::from(self.clocks.to_offset(moment).seconds()))
    }

    fn component(&self, name: &str) -> String {
        let mut lines = Composed::default();
        lines.line("BEGIN", "VTIMEZONE");
        lines.line("TZID", name);
        let rules = self.rules();
        let last = days(if rules.is_some() { TAIL[0] } else { LAST }, 1, 1) * DAY;
        let mut onsets = self.onsets(self.since, last);
        if let Some(rules) = &rules {
            let (from, starts) = tail(&onsets, rules);
            onsets.truncate(from);
            for (rule, start) in rules.iter().zip(starts) {
                write(&mut lines, start.as_ref().unwrap_or(&rule.onset), Some(rule));
            }
        }
        if onsets.is_empty() && rules.is_none() {
            let ahead = self.ahead(self.since);
            let name = String::new();
            onsets.push(Onset {
                moment: -ahead,
                before: ahead,
                within: ahead,
                is_daylight: false,
                name,
            });
        }
        onsets.iter().for_each(|onset| write(&mut lines, onset, None));
        lines.line("END", "VTIMEZONE");
        lines.text
    }

    /// The onset that is in force at one moment, and those after it until another.
    fn onsets(&self, from: i64, to: i64) -> Vec<Onset> {
        let Ok(start) = Timestamp::from_second(from.saturating_add(1)) else { return Vec::new() };
        let before = self.clocks.preceding(start).take(1);
        let later = self.clocks.following(start).take(ONSETS_MAX);
        let onsets = before.chain(later).map(|transition| {
            let moment = transition.timestamp().as_second();
            Onset {
                moment,
                before: self.ahead(moment - 1),
                within: i64::from(transition.offset().seconds()),
                is_daylight: transition.dst().is_dst(),
                name: transition.abbreviation().to_owned(),
            }
        });
        onsets.take_while(|onset| onset.moment < to).collect()
    }

    /// The two rules that the clocks follow for ever, if there are such.
    fn rules(&self) -> Option<[Rule; 2]> {
        let [from, to] = TAIL.map(|year| days(year, 1, 1) * DAY);
        let mut onsets = self.onsets(from, to);
        // That one is of the year before.
        onsets.drain(..1.min(onsets.len()));
        let (daylight, standard): (Vec<_>, Vec<_>) =
            onsets.into_iter().partition(|onset| onset.is_daylight);
        Some([Rule::of(&daylight)?, Rule::of(&standard)?])
    }
}

/// Where in onsets those begin that follow the rules to the end, and the first that follows each.
fn tail(onsets: &[Onset], rules: &[Rule; 2]) -> (usize, [Option<Onset>; 2]) {
    let (mut from, mut starts, mut next) = (onsets.len(), [None, None], None);
    for (at, onset) in onsets.iter().enumerate().rev() {
        let rule = rules.iter().position(|rule| rule.is_followed(onset));
        let is_near = next.is_none_or(|next| next - onset.moment < PAUSE_MAX);
        let Some(start) = rule.filter(|_| is_near).and_then(|rule| starts.get_mut(rule)) else {
            break;
        };
        *start = Some(onset.clone());
        (from, next) = (at, Some(onset.moment));
    }
    (from, starts)
}

impl Onset {
    /// The day since 1970 and the second of it that clocks show when they are put.
    fn shown(&self) -> (i64, i64) {
        let shown = self.moment + self.before;
        (shown.div_euclid(DAY), shown.rem_euclid(DAY))
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.before, self.within, self.is_daylight, &self.name, self.shown().1)
            == (other.before, other.within, other.is_daylight, &other.name, other.shown().1)
    }
}

impl Rule {
    /// The rule that these onsets follow, one in each year.
    fn of(onsets: &[Onset]) -> Option<Self> {
        let count = i64::try_from(onsets.len()).ok()?;
        let first = onsets.first()?.clone();
        let (year, month, _) = civil(first.shown().0);
        let dates: Vec<(i64, i64, i64)> =
            onsets.iter().map(|onset| civil(onset.shown().0)).collect();
        let day = dates.iter().map(|(.., day)| *day).min()?;
        let is_last_week = month != 2 && day + 6 == length(year, month);
        let weekday = weekday(first.shown().0);
        let rule = Self { onset: first, month, weekday, day, is_last_week };
        let is_yearly = dates.iter().zip(year..).all(|((found, ..), year)| *found == year);
        let is_followed = onsets.iter().all(|onset| rule.is_followed(onset));
        (count == TAIL[1] - TAIL[0] && is_yearly && is_followed).then_some(rule)
    }

    fn is_followed(&self, onset: &Onset) -> bool {
        let (day, _) = onset.shown();
        let (_, month, of_month) = civil(day);
        let days = self.day..self.day + 7;
        let is_day = month == self.month && days.contains(&of_month);
        is_day && weekday(day) == self.weekday && onset.is_like(&self.onset)
    }

    fn text(&self) -> String {
        let weekday = WEEKDAYS.get(self.weekday).copied().unwrap_or_default();
        let by_day = match self.day {
            _ if self.is_last_week => format!("BYDAY=-1{weekday}"),
            1 | 8 | 15 | 22 => format!("BYDAY={}{weekday}", self.day / 7 + 1),
            day => {
                let days: Vec<String> = (day..day + 7).map(|day| day.to_string()).collect();
                format!("BYDAY={weekday};BYMONTHDAY={}", days.join(","))
            }
        };
        format!("FREQ=YEARLY;BYMONTH={};{by_day}", self.month)
    }
}

fn length(year: i64, month: i64) -> i64 {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days(next.0, next.1, 1) - days(year, month, 1)
}

/// From Monday on. The first day of 1970 was a Thursday.
fn weekday(day: i64) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default()
}

fn write(lines: &mut Composed, onset: &Onset, rule: Option<&Rule>) {
    let word = if onset.is_daylight { "DAYLIGHT" } else { "STANDARD" };
    lines.line("BEGIN", word);
    lines.line("TZOFFSETFROM", &offset(onset.before));
    lines.line("TZOFFSETTO", &offset(onset.within));
    lines.filled("TZNAME", &onset.name);
    lines.line("DTSTART", &super::component::clock_time(onset.moment + onset.before));
    lines.filled("RRULE", &rule.map(Rule::text).unwrap_or_default());
    lines.line("END", word);
}

/// `+HHMM`, or `+HHMMSS` where clocks once were that exact.
fn offset(ahead: i64) -> String {
    let sign = if ahead < 0 { '-' } else { '+' };
    let seconds = ahead.abs();
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let second = if second == 0 { String::new() } else { format!("{second:02}") };
    format!("{sign}{hour:02}{minute:02}{second}")
}
