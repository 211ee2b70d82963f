//! Moments as mailers write them: RFC 5322 with what it calls obsolete, and `asctime` with a zone
//! or without.

use mail_parser::DateTime;
use mail_parser::parsers::fields::date::{DOW, MONTH};

/// Most words that are looked at.
const WORDS_MAX: usize = 32;

/// What the words told.
#[derive(Default)]
struct Told {
    day: Option<u8>,
    month: Option<u8>,
    year: Option<u16>,
    time: Option<(u8, u8, u8)>,
    zone: Option<i64>,
}

/// Seconds since 1970 of the moment that is all of `text`: a day, a month, a year and a time of
/// day in whatever order, maybe a weekday before them, a zone among them, and remarks in
/// parentheses. Without a zone that is known the time is taken for UTC.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let mut told = Told::default();
    let text = without_remarks(text);
    let mut words = words(&text).take(WORDS_MAX).peekable();
    // A weekday in whatever language says nothing that the date does not.
    let is_weekday = |word: &&[u8]| word.iter().all(|byte| !byte.is_ascii_digit());
    if words.next_if(is_weekday).is_some_and(|word| month(word).is_some()) {
        return None;
    }
    for word in words {
        if word == b"remote" && told.is_complete() {
            break;
        }
        told.take(word)?;
    }
    told.seconds()
}

/// Whether a word is a weekday's name.
pub(super) fn is_weekday(word: &[u8]) -> bool {
    let word = word.strip_suffix(b",").unwrap_or(word);
    DOW.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
}

/// The moment as `asctime` writes it, in UTC.
pub(super) fn asctime(seconds: i64) -> String {
    let date = DateTime::from_timestamp(seconds);
    let weekday = DOW.get(usize::from(date.day_of_week())).unwrap_or(&"Thu");
    let month = MONTH.get(usize::from(date.month.saturating_sub(1))).unwrap_or(&"Jan");
    let DateTime { day, hour, minute, second, year, .. } = date;
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}")
}

/// Remarks in parentheses are blanks, one in the other as well.
fn without_remarks(text: &[u8]) -> Vec<u8> {
    let mut depth = 0_usize;
    let kept = text.iter().map(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => {
                depth -= 1;
                return b' ';
            }
            _ => {}
        }
        if depth > 0 { b' ' } else { *byte }
    });
    kept.collect()
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = text.split(|byte| byte.is_ascii_whitespace() || *byte == b',');
    parts.filter(|word| !word.is_empty())
}

impl Told {
    fn is_complete(&self) -> bool {
        self.day.is_some() && self.month.is_some() && self.year.is_some() && self.time.is_some()
    }

    /// Takes in one word; none if a date has no such word here.
    fn take(&mut self, word: &[u8]) -> Option<()> {
        if word.contains(&b':') && word.first()?.is_ascii_digit() {
            // A zone may follow without a blank.
            let length = word.iter().position(|byte| matches!(byte, b'+' | b'-'));
            let (time, zone) = word.split_at_checked(length.unwrap_or(word.len()))?;
            set(&mut self.time, parse_time(time)?)?;
            return if zone.is_empty() { Some(()) } else { self.zone(zone) };
        }
        if word.iter().all(u8::is_ascii_digit) {
            return match (word.len(), self.day) {
                (1 | 2, None) => set(&mut self.day, u8::try_from(number(word)?).ok()?),
                (2, Some(_)) => {
                    let year = u16::try_from(number(word)?).ok()?;
                    // RFC 5322, 4.3.
                    set(&mut self.year, if year < 50 { 2000 + year } else { 1900 + year })
                }
                (4, _) => set(&mut self.year, u16::try_from(number(word)?).ok()?),
                _ => None,
            };
        }
        match month(word) {
            Some(month) => set(&mut self.month, month),
            None => self.zone(word),
        }
    }

    /// `+0200`, `+02:00`, a name, or a name with a number. Two may say the same.
    fn zone(&mut self, word: &[u8]) -> Option<()> {
        let name = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (name, offset) = word.split_at_checked(name)?;
        let named = match name.to_ascii_uppercase().as_slice() {
            b"EDT" => -4,
            b"EST" | b"CDT" => -5,
            b"CST" | b"MDT" => -6,
            b"MST" | b"PDT" => -7,
            b"PST" => -8,
            b"CET" | b"BST" | b"MEZ" => 1,
            b"CEST" | b"EET" | b"MESZ" => 2,
            b"JST" | b"KST" => 9,
            b"" | b"GMT" | b"UT" | b"UTC" | b"Z" => 0,
            // One that nobody knows is no reason to have no date.
            upper if upper == name && name.len() <= 5 => 0,
            _ => return None,
        };
        let Some((sign @ (b'+' | b'-'), digits)) = offset.split_first() else {
            if !offset.is_empty() {
                return None;
            }
            self.zone.get_or_insert(named * 3600);
            return Some(());
        };
        let digits: Vec<u8> = digits.iter().copied().filter(|byte| *byte != b':').collect();
        if !matches!(digits.len(), 1..=4) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = i64::from(number(&digits)?);
        let (hours, minutes) = match digits.len() {
            1 | 2 => (number, 0),
            _ => (number / 100, number % 100),
        };
        let seconds = (hours * 60 + minutes) * 60;
        self.zone = Some(if *sign == b'-' { -seconds } else { seconds });
        Some(())
    }

    fn seconds(&self) -> Option<i64> {
        let (hour, minute, second) = self.time?;
        let date = DateTime {
            year: self.year?,
            month: self.month?,
            day: self.day?,
            hour,
            minute,
            // A leap second has no number of its own.
            second: second.min(59),
            tz_before_gmt: false,
            tz_hour: 0,
            tz_minute: 0,
        };
        date.is_valid().then(|| date.to_timestamp() - self.zone.unwrap_or_default())
    }
}

/// A thing is told once.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

/// Names may be longer than their first three letters, as in `Sept`.
fn month(word: &[u8]) -> Option<u8> {
    let start = word.get(..3).filter(|_| word.iter().all(u8::is_ascii_alphabetic))?;
    let at = MONTH.iter().position(|name| start.eq_ignore_ascii_case(name.as_bytes()))?;
    u8::try_from(at + 1).ok()
}

/// `hh:mm` or `hh:mm:ss`, maybe with a fraction.
fn parse_time(word: &[u8]) -> Option<(u8, u8, u8)> {
    let whole = word.split(|byte| *byte == b'.').next()?;
    let mut parts = whole.split(|byte| *byte == b':');
    let mut part = |most: u32| {
        let part = parts.next()?;
        let value = number(part).filter(|value| *value <= most && part.len() <= 2)?;
        u8::try_from(value).ok()
    };
    let (hour, minute) = (part(23)?, part(59)?);
    let second =
        if whole.iter().filter(|byte| **byte == b':').count() == 2 { part(60)? } else { 0 };
    parts.next().is_none().then_some((hour, minute, second))
}

fn number(digits: &[u8]) -> Option<u32> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}
