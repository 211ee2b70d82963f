//! What SNAPSHOT and ITEM mean.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};
use vault::ErrorKind;
use vault::files::ItemPath;
use vault::keys::{Compartment, Role};
use vault::kinds::Kind;
use vault::vault::{HandlePrefix, Item, Query, SnapshotInfo, Spec, Vault, find, search};

use crate::errors::{Code, Failure, Result};

/// An id is told by at least so many digits.
const DIGITS_LOW: usize = 4;

/// What an ITEM means: an item of a snapshot, or all of it.
pub(crate) struct Found {
    pub(crate) info: SnapshotInfo,
    pub(crate) item: Option<Item>,
}

/// A source's name from the name of an export: without its extension, and without the dates and
/// counters that make every export's name another one.
pub(crate) fn source(name: &str) -> String {
    let is_extension = |extension: &str| {
        (1..=6).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && extension.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && is_extension(extension) => stem,
        _ => name,
    };
    let stem = stem.strip_suffix(" copy").unwrap_or(stem);
    let is_mark = |c: char| c.is_ascii_digit() || " -_.,:()[]".contains(c);
    // Digits that touch a letter are a part of the word: `v1.5`, `3D`.
    let mut name = stem.trim_end_matches(is_mark);
    if stem.get(name.len()..).is_some_and(|marks| marks.starts_with(|c: char| c.is_ascii_digit())) {
        name = stem;
    }
    let trimmed = name.trim_start_matches(is_mark);
    let marks = name.strip_suffix(trimmed).unwrap_or_default();
    let name = if marks.ends_with(|c: char| c.is_ascii_digit()) { name } else { trimmed };
    // A hidden folder keeps its dot.
    let name = if stem.starts_with('.') { stem } else { name };
    if name.is_empty() { stem.to_owned() } else { name.to_owned() }
}

/// What `SNAPSHOT[:ITEM]` or `ITEM` means. A path in the newest snapshot of a source goes first, then
/// a snapshot, then a path in an older one, then a handle.
pub(crate) fn resolve(vault: &Vault, text: &OsStr) -> Result<Found> {
    let bytes = text.as_bytes();
    let path = ItemPath::parse_display(bytes).ok();
    let newest: Vec<SnapshotInfo> = vault.newest()?.into_values().collect();
    if let Some(path) = &path {
        let mut found = Vec::new();
        for info in &newest {
            if let Some(item) = find(vault, info, path)? {
                found.push(Found { info: info.clone(), item: Some(item) });
            }
        }
        if let Some(only) = unambiguous(found, path)? {
            return Ok(only);
        }
    }
    if let Some(found) = in_snapshot(vault, bytes)? {
        return Ok(found);
    }
    if let Some(path) = &path {
        let mut older = vault.snapshots()?;
        while let Some(info) = older.pop() {
            if let Some(item) = find(vault, &info, path)? {
                return Ok(Found { info, item: Some(item) });
            }
        }
    }
    if let Some(found) = by_handle(vault, bytes, None)? {
        return Ok(found);
    }
    let shown = crate::ui::plain(bytes);
    // A colon ends the date, or stands in its time.
    let is_date = |date: &str| date.len() >= 10 && moment(date).is_some();
    if let Some(date) = shown.strip_prefix('@')
        && !is_date(date)
        && !date.split_once(':').is_some_and(|(date, _)| is_date(date))
    {
        return Err(Failure::usage(format!("not a date: {shown}"))
            .hint("@2026-09-14, @2026-09-14T10:30 or @2026-09-14T10:30:00Z"));
    }
    let sealed = newest.iter().any(|info| info.snapshot.sealed.is_some());
    Err(Failure::new(Code::NotFound, format!("no such item or snapshot: {shown}")).hint(
        if sealed && vault.role() != Role::Full {
            "it may be among the sealed items: use the full passphrase"
        } else {
            "icvault list, icvault snapshots"
        },
    ))
}

fn unambiguous(mut found: Vec<Found>, path: &ItemPath) -> Result<Option<Found>> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let names: Vec<String> =
        found.iter().map(|found| format!("{}:{path}", found.info.snapshot.source)).collect();
    Err(Failure::new(Code::NotFound, format!("several sources have {path}"))
        .hint(format!("which one: {}", names.join("  "))))
}

/// The item of this handle, in that snapshot or in the newest that has it; none when the text is no
/// handle of an item.
fn by_handle(vault: &Vault, text: &[u8], within: Option<&SnapshotInfo>) -> Result<Option<Found>> {
    let Some(prefix) = std::str::from_utf8(text).ok().and_then(HandlePrefix::parse) else {
        return Ok(None);
    };
    let snapshots = match within {
        Some(info) => vec![info.clone()],
        // What is still there is found without the older ones; only a part of a handle may be
        // the beginning of another one too.
        None if prefix.is_whole() => vault.newest()?.into_values().collect(),
        None => vault.snapshots()?,
    };
    let is_all = within.is_some() || !prefix.is_whole();
    let query = Query { handle: Some(prefix), ..Query::default() };
    if let Some(found) = the_only(vault, &snapshots, &query)? {
        return Ok(Some(found));
    }
    if is_all { Ok(None) } else { the_only(vault, &vault.snapshots()?, &query) }
}

/// The only item that fits, in the last of the snapshots that has it.
fn the_only(vault: &Vault, snapshots: &[SnapshotInfo], query: &Query) -> Result<Option<Found>> {
    let found = search(vault, snapshots, query)?;
    match found.items.as_slice() {
        [] => found.lost.into_iter().next().map_or(Ok(None), |error| Err(error.into())),
        [only] => {
            let Some(info) = snapshots.get(only.last) else { return Ok(None) };
            let item = find(vault, info, &only.path)?;
            Ok(item.map(|item| Found { info: info.clone(), item: Some(item) }))
        }
        several => {
            let names = several.iter().map(|item| {
                let handle = item.handle.map(|handle| handle.to_string()).unwrap_or_default();
                format!("{handle} {}:{}", item.source, item.path)
            });
            let message = "several items have a handle that begins so";
            let hint = format!("which one: {}", names.collect::<Vec<_>>().join("  "));
            Err(Failure::new(Code::NotFound, message).hint(hint))
        }
    }
}

/// The snapshot that `text` means.
pub(crate) fn whole_snapshot(vault: &Vault, text: &OsStr) -> Result<SnapshotInfo> {
    snapshot(vault, text.as_bytes())?.ok_or_else(|| {
        let shown = crate::ui::plain(text.as_bytes());
        Failure::new(Code::NotFound, format!("no such snapshot: {shown}")).hint("icvault snapshots")
    })
}

/// A snapshot, or an item of one. Both parts may hold a colon; the longest name of a snapshot wins.
fn in_snapshot(vault: &Vault, bytes: &[u8]) -> Result<Option<Found>> {
    if let Some(info) = snapshot(vault, bytes)? {
        return Ok(Some(Found { info, item: None }));
    }
    let colons = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b':');
    for (at, _) in colons {
        let (name, path) = bytes.split_at(at);
        let path = path.strip_prefix(b":").unwrap_or(path);
        let Some(info) = snapshot(vault, name)? else { continue };
        if path.is_empty() {
            return Ok(Some(Found { info, item: None }));
        }
        let text = path;
        let path = ItemPath::parse_display(text)?;
        if let Some(item) = find(vault, &info, &path)? {
            return Ok(Some(Found { info, item: Some(item) }));
        }
        if let Some(found) = by_handle(vault, text, Some(&info))? {
            return Ok(Some(found));
        }
        let mut message = format!("not in that snapshot: {path}");
        if info.snapshot.sealed.is_some() && !vault.role().reads(Compartment::Sealed) {
            message.push_str(" (unless it is sealed)");
        }
        let hint = format!("icvault list {}", &info.id.to_string()[..8]);
        return Err(Failure::new(Code::NotFound, message).hint(hint));
    }
    Ok(None)
}

/// The snapshot of this name; none when it is not the name of one.
fn snapshot(vault: &Vault, name: &[u8]) -> Result<Option<SnapshotInfo>> {
    let Ok(name) = std::str::from_utf8(name) else { return Ok(None) };
    let Some(spec) = spec(vault, name) else { return Ok(None) };
    match vault.resolve(&spec) {
        Ok(info) => Ok(Some(info)),
        // What looked like an id or a date may still be a path.
        Err(error)
            if error.kind() == ErrorKind::NotFound
                && !matches!(spec, Spec::Source { .. } | Spec::Latest) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn spec(vault: &Vault, name: &str) -> Option<Spec> {
    let roll = vault.heads().roll();
    if roll.contains_key(name) {
        return Some(Spec::Source { name: name.to_owned(), back: 0 });
    }
    if let Some((source, back)) = name.rsplit_once('~')
        && roll.contains_key(source)
    {
        return Some(Spec::Source { name: source.to_owned(), back: back.parse().ok()? });
    }
    if name == "latest" {
        return Some(Spec::Latest);
    }
    if let Some(date) = name.strip_prefix('@') {
        return moment(date).map(Spec::At);
    }
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_id = (DIGITS_LOW..=64).contains(&name.len()) && name.bytes().all(is_digit);
    is_id.then(|| Spec::Id(name.to_owned()))
}

/// The last moment that a date means, in nanoseconds since 1970: a day's end in the person's own
/// time zone, or the moment itself.
fn moment(text: &str) -> Option<i64> {
    let is_day_or_finer = text.len() >= "2026-09-14".len();
    is_day_or_finer.then(|| span(text)).flatten().map(|(_, end)| end)
}

/// The first and the last moment of a year, a month or a day in the person's own time zone, or
/// twice the moment that is given.
fn span(text: &str) -> Option<(i64, i64)> {
    let here = TimeZone::system();
    let period = |first: String, length: Span| {
        let first: Date = first.parse().ok()?;
        let next = first.checked_add(length).ok()?;
        let start = first.to_zoned(here.clone()).ok()?.timestamp();
        let end = next.to_zoned(here.clone()).ok()?.timestamp();
        Some((nanoseconds(start)?, nanoseconds(end.checked_sub(1.nanosecond()).ok()?)?))
    };
    match text.len() {
        4 => period(format!("{text}-01-01"), 1.year()),
        7 => period(format!("{text}-01"), 1.month()),
        10 => period(text.to_owned(), 1.day()),
        _ => {
            let time = match text.parse::<Timestamp>() {
                Ok(time) => time,
                Err(_) => text.parse::<DateTime>().ok()?.to_zoned(here).ok()?.timestamp(),
            };
            let time = nanoseconds(time)?;
            Some((time, time))
        }
    }
}

/// Until 2262; what is later is after everything as well.
fn nanoseconds(time: Timestamp) -> Option<i64> {
    i64::try_from(time.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into())).ok()
}

/// The first moment of what `--since` was given and the last one of what `--until` was.
pub(crate) fn period(
    since: Option<&str>,
    until: Option<&str>,
) -> Result<(Option<i64>, Option<i64>)> {
    let parse = |text: &str| {
        span(text).ok_or_else(|| {
            Failure::usage(format!("not a date: {text}"))
                .hint("2026, 2026-09, 2026-09-14, 2026-09-14T10:30 or 2026-09-14T10:30:00Z")
        })
    };
    let since = since.map(parse).transpose()?.map(|(start, _)| start);
    Ok((since, until.map(parse).transpose()?.map(|(_, end)| end)))
}

/// The kind that a word names.
pub(crate) fn kind(word: &str) -> Result<Kind> {
    Kind::parse(word).ok_or_else(|| no_kind(word))
}

/// Nothing is called so.
pub(crate) fn no_kind(word: &str) -> Failure {
    Failure::usage(format!("no kind {word}")).hint(format!("kinds: {}", kinds()))
}

/// The words of all kinds.
pub(crate) fn kinds() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_counters_are_no_part_of_a_source() {
        for (name, expected) in [
            ("Passwords.csv", "Passwords"),
            ("Passwords 2.csv", "Passwords"),
            ("Passwords (3).csv", "Passwords"),
            ("암호.csv", "암호"),
            ("Safari Export 2026-11-24.zip", "Safari Export"),
            ("2026-11-24 Contacts.vcf", "Contacts"),
            ("Contacts_20261124", "Contacts"),
            ("Photos copy", "Photos"),
            ("All Contacts.abbu", "All Contacts"),
            ("2024", "2024"),
            ("backup.tar", "backup"),
            (".ssh", ".ssh"),
            ("v1.5", "v1.5"),
            ("3D models", "3D models"),
            ("IMG_07401.JPG", "IMG"),
        ] {
            assert_eq!(source(name), expected, "{name}");
        }
    }

    #[test]
    fn a_date_means_its_end() {
        let day = moment("2026-09-14").unwrap();
        let next = moment("2026-09-15T00:00").unwrap();
        assert_eq!(day, next - 1);
        assert_eq!(moment("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        for wrong in ["", "yesterday", "2026-13-01", "2026-09-14:Notes"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_period_has_a_first_and_a_last_moment() {
        let of = |text: &str| span(text).unwrap();
        assert_eq!(of("2026").0, of("2026-01-01").0);
        assert_eq!(of("2026").1, of("2026-12-31").1);
        assert_eq!(of("2024-02").1, of("2024-02-29").1);
        assert_eq!(of("2024-02-29").1, of("2024-03-01").0 - 1);
        assert_eq!(of("1970-01-01T00:00:01Z"), (1_000_000_000, 1_000_000_000));
        for wrong in ["", "26", "20x6", "2026-13", "2026-02-30", "2026-9-14", "tomorrow"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
        // A year is no name of a snapshot.
        assert_eq!(moment("2026"), None);
        assert!(period(Some("2026"), Some("soon")).is_err());
    }
}
