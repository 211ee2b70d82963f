//! Dates as exports write them, as seconds since 1970.

/// From here on a bare number is in milliseconds: in seconds it would be in the year 5138.
const MILLISECONDS_MIN: i64 = 100_000_000_000;
/// The latest date that is one, in seconds: the last of the year 9999.
const LAST: i64 = 253_402_300_799;
/// Seconds of a day.
/// A day, in seconds.
pub(super) const DAY: i64 = 86_400;

/// A number of seconds, milliseconds or microseconds; none for 0 and for what is no date.
pub(super) fn since_1970(number: i64) -> Option<i64> {
    let seconds = match number {
        0..MILLISECONDS_MIN => number,
        _ if number / 1000 < MILLISECONDS_MIN => number / 1000,
        _ => number / 1_000_000,
    };
    (1..=LAST).contains(&seconds).then_some(seconds)
}

/// RFC 3339, also without its time or zone (then UTC), or a number of seconds or milliseconds.
pub(super) fn parse(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(if number >= MILLISECONDS_MIN { number / 1000 } else { number });
    }
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (part(&mut date, 9999)?, part(&mut date, 12)?, part(&mut date, 31)?);
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at_checked(zone)?;
    let mut time = time.split(['.', ',']).next()?.splitn(3, ':');
    let (hour, minute) = (part(&mut time, 23)?, part(&mut time, 59)?);
    let second = time.next().unwrap_or("0").parse::<u32>().ok().filter(|second| *second <= 60)?;
    let ahead = match zone.split_at_checked(1) {
        Some((sign @ ("+" | "-"), zone)) => {
            let mut zone = zone.splitn(2, ':');
            let minutes = part(&mut zone, 23)? * 60
                + zone.next().map_or(Some(0), |minute| minute.parse().ok())?;
            if sign == "-" { -minutes } else { minutes }
        }
        _ => 0,
    };
    if month == 0 || day == 0 {
        return None;
    }
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - ahead;
    Some(minutes * 60 + i64::from(second))
}

/// Seconds since 1970 as RFC 3339 in UTC.
pub(super) fn moment(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn part<'a>(parts: &mut impl Iterator<Item = &'a str>, most: u32) -> Option<i64> {
    parts.next()?.parse::<u32>().ok().filter(|part| *part <= most).map(i64::from)
}

/// Days since 1970 of a date in the Gregorian calendar; its month is 1 to 12, its day any.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end with their leap day.
    let year = if month <= 2 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let day_of_year = (153 * months + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// Year, month and day of a day since 1970.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin in March, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    (era * 400 + year + i64::from(month <= 2), month, day)
}
