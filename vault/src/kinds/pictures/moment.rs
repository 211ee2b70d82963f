//! When something was taken, as cameras write it.

use crate::kinds::dates;

/// The longest date there is, in bytes.
const TEXT_MAX: usize = 64;
/// How far clocks may be from UTC, in minutes.
const AHEAD_MAX: i64 = 14 * 60;
/// How far a satellite's time and the camera's may be apart, in seconds, beside the zone.
const DRIFT_MAX: i64 = 120;
/// Zones differ by quarters of an hour.
const QUARTER: i64 = 15 * 60;

/// A point in time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds since 1970 in UTC; where the zone is not known, as if it were UTC.
    pub(super) seconds: i64,
    /// How many minutes the clock was ahead of UTC, if that is known.
    pub(super) ahead: Option<i64>,
}

impl Moment {
    /// A time that is known in UTC only.
    pub(super) fn utc(seconds: i64) -> Self {
        Self { seconds, ahead: Some(0) }
    }

    /// A day and a time of EXIF (`2026:07:04 10:00:13`) or ISO 8601, with a zone or without. A bare
    /// year or month is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|char: char| char == '\0' || char.is_whitespace());
        let (date, rest) = text.split_at_checked(10).filter(|_| text.len() <= TEXT_MAX)?;
        let date = date.replace(':', "-");
        let is_date = date.char_indices().all(|(at, char)| match at {
            4 | 7 => char == '-',
            _ => char.is_ascii_digit(),
        });
        let time = match rest.strip_prefix(['T', ' ']).unwrap_or(rest).trim() {
            "" => "00:00:00",
            time => time,
        };
        let (time, zone) = time.split_at(time.find(['Z', 'z', '+', '-']).unwrap_or(time.len()));
        let ahead = minutes(zone);
        let local = dates::parse(&format!("{date}T{}", time.trim())).filter(|_| is_date)?;
        Some(Self { seconds: local - ahead.unwrap_or(0) * 60, ahead })
    }

    /// The same in a zone, if it has none yet.
    pub(super) fn in_zone(self, zone: &str) -> Self {
        match (self.ahead, minutes(zone.trim())) {
            (None, Some(ahead)) => Self { seconds: self.seconds - ahead * 60, ahead: Some(ahead) },
            _ => self,
        }
    }

    /// The same in the zone that it must be in if it was that time in UTC, as far as one fits.
    pub(super) fn beside(self, utc: i64) -> Self {
        let apart = self.seconds.saturating_sub(utc);
        let ahead = (apart + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
        let fits = (apart - ahead).abs() <= DRIFT_MAX && ahead.abs() <= AHEAD_MAX * 60;
        match self.ahead {
            None if fits => Self { seconds: self.seconds - ahead, ahead: Some(ahead / 60) },
            _ => self,
        }
    }

    /// `2026-07-04 12:00:13 +02:00`, on the clock that it was taken by.
    pub(super) fn told(self) -> String {
        let local = self.seconds.saturating_add(self.ahead.unwrap_or(0) * 60);
        let (day, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = dates::civil(day);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let zone = self.ahead.map(|ahead| {
            let (sign, minutes) = (if ahead < 0 { '-' } else { '+' }, ahead.abs());
            format!(" {sign}{:02}:{:02}", minutes / 60, minutes % 60)
        });
        let zone = zone.unwrap_or_default();
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{zone}")
    }
}

/// How many minutes `Z`, `+02:00`, `+0200` or `+02` is ahead of UTC.
fn minutes(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.as_bytes().first()? {
        b'Z' | b'z' => return Some(0),
        b'+' => (1, zone.get(1..)?),
        b'-' => (-1, zone.get(1..)?),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|char| *char != ':').collect();
    let number = |text: &str| text.parse::<u8>().ok().map(i64::from);
    let minutes = match digits.split_at_checked(2)? {
        (hours, "") => number(hours)? * 60,
        (hours, minutes) if minutes.len() == 2 => number(hours)? * 60 + number(minutes)?,
        _ => return None,
    };
    (minutes <= AHEAD_MAX).then_some(sign * minutes)
}
