//! What ITEM means where it may be a record.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use vault::files::ItemPath;
use vault::vault::{
    HandlePrefix, Item, Query, SnapshotInfo, StoredRecord, Vault, records, records_called,
    search_records,
};

use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::ui;

/// What an ITEM means.
pub(crate) enum Meant {
    /// All of a snapshot.
    Snapshot(SnapshotInfo),
    /// An item of a snapshot.
    Item(SnapshotInfo, Item),
    /// A record of a snapshot.
    Record(SnapshotInfo, StoredRecord),
}

/// What `SNAPSHOT[:ITEM]` or `ITEM` means: the handle of a record, an item or a snapshot,
/// `PATH#TITLE`, `PATH#HANDLE`, or a part of the title of one record of the newest snapshots.
pub(crate) fn resolve(vault: &Vault, text: &OsStr) -> Result<Meant> {
    if let Some((info, record)) = by_handle(vault, text)? {
        return Ok(Meant::Record(info, record));
    }
    let failure = match names::resolve(vault, text) {
        Ok(names::Found { info, item: Some(item) }) => return Ok(Meant::Item(info, item)),
        Ok(names::Found { info, item: None }) => return Ok(Meant::Snapshot(info)),
        Err(failure) => failure,
    };
    if !failure.is(Code::NotFound) {
        return Err(failure);
    }
    match by_title(vault, text)? {
        Some((info, record)) => Ok(Meant::Record(info, record)),
        None => Err(failure),
    }
}

/// The records of a snapshot, of one of its files, or below one of its folders.
pub(crate) fn records_of(
    vault: &Vault,
    info: &SnapshotInfo,
    below: Option<&ItemPath>,
) -> Result<Vec<StoredRecord>> {
    let mut all = records(vault, info);
    let mut found = Vec::new();
    while let Some(record) = all.next_record()? {
        let is_below =
            |file: &ItemPath| below.is_none_or(|below| file == below || file.is_below(below));
        if record.place.as_ref().is_some_and(|place| is_below(&place.file)) {
            found.push(record);
        }
    }
    sort(&mut found);
    Ok(found)
}

/// Puts records into the order of their files, then of their titles.
pub(crate) fn sort(records: &mut [StoredRecord]) {
    records.sort_by_cached_key(|record| {
        let file = record.place.as_ref().map(|place| (place.file.clone(), place.members.clone()));
        (file, record.facts.title.to_lowercase(), record.name)
    });
}

type InSnapshot = (SnapshotInfo, StoredRecord);

/// The record whose handle begins like this: in the newest snapshots first, then in older ones.
fn by_handle(vault: &Vault, text: &OsStr) -> Result<Option<InSnapshot>> {
    let Some(text) = text.to_str() else { return Ok(None) };
    let prefix = |text| HandlePrefix::parse(text).filter(HandlePrefix::is_of_record);
    if let Some((snapshot, handle)) = text.rsplit_once(':')
        && let Some(prefix) = prefix(handle)
    {
        let info = names::whole_snapshot(vault, OsStr::new(snapshot))?;
        return called(vault, &[info], &prefix);
    }
    let Some(prefix) = prefix(text) else { return Ok(None) };
    let newest: Vec<SnapshotInfo> = vault.newest()?.into_values().collect();
    if let Some(found) = called(vault, &newest, &prefix)? {
        return Ok(Some(found));
    }
    let older = vault.snapshots()?.into_iter().rev();
    for info in older.filter(|info| newest.iter().all(|new| new.id != info.id)) {
        if let Some(found) = called(vault, &[info], &prefix)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The only record of these snapshots that is called so; one that is in several files is taken from
/// the first.
fn called(
    vault: &Vault,
    snapshots: &[SnapshotInfo],
    prefix: &HandlePrefix,
) -> Result<Option<InSnapshot>> {
    let mut found: Vec<InSnapshot> = Vec::new();
    for info in snapshots {
        let records = records_called(vault, info, prefix)?;
        found.extend(records.into_iter().map(|record| (info.clone(), record)));
    }
    only(vault, found, "several records have a handle that begins so")
}

/// `PATH#TITLE`, `PATH#HANDLE`, or a part of a title.
fn by_title(vault: &Vault, text: &OsStr) -> Result<Option<InSnapshot>> {
    let bytes = text.as_bytes();
    let hashes = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'#');
    for (at, _) in hashes {
        let (path, title) = bytes.split_at(at);
        let Ok(title) = std::str::from_utf8(title.strip_prefix(b"#").unwrap_or(title)) else {
            break;
        };
        let Ok(names::Found { info, item: Some(item) }) =
            names::resolve(vault, OsStr::from_bytes(path))
        else {
            continue;
        };
        let prefix = HandlePrefix::parse(title).filter(HandlePrefix::is_of_record);
        let title = title.to_lowercase();
        let records = records_of(vault, &info, Some(&item.path))?.into_iter();
        let fits = |record: &StoredRecord| {
            let handle = vault.record_handle(record.compartment, &record.name);
            record.facts.title.to_lowercase().contains(&title)
                || prefix.as_ref().zip(handle).is_some_and(|(prefix, handle)| prefix.fits(handle))
        };
        let found = records.filter(fits).map(|record| (info.clone(), record)).collect();
        return only(vault, found, "several records of this file have such a title");
    }
    let Some(text) = text.to_str() else { return Ok(None) };
    let newest: Vec<SnapshotInfo> = vault.newest()?.into_values().collect();
    let query = Query { terms: vec![text.to_owned()], ..Query::default() };
    let mut found = Vec::new();
    for record in search_records(vault, &newest, &query)?.records {
        let (Some(handle), Some(info)) = (record.handle, newest.get(record.last)) else {
            continue;
        };
        let Some(prefix) = HandlePrefix::parse(&handle.to_string()) else { continue };
        let records = records_called(vault, info, &prefix)?;
        found.extend(records.into_iter().map(|record| (info.clone(), record)));
    }
    only(vault, found, "several records are called so")
}

/// The first of records that all are the same one and say the same, wherever they stand.
fn only(vault: &Vault, found: Vec<InSnapshot>, message: &str) -> Result<Option<InSnapshot>> {
    let Some((_, first)) = found.first() else { return Ok(None) };
    let is_same_one = |(_, record): &InSnapshot| {
        record.name == first.name && record.compartment == first.compartment
    };
    let says_the_same = |(_, record): &InSnapshot| record.facts.digest == first.facts.digest;
    let handle = |record: &StoredRecord| {
        let handle = vault.record_handle(record.compartment, &record.name);
        handle.map(|handle| handle.to_string()).unwrap_or_default()
    };
    let (message, mut names): (_, Vec<String>) = if !found.iter().all(is_same_one) {
        let title = |record: &StoredRecord| ui::plain(record.facts.title.as_bytes());
        let names = found.iter().map(|(_, record)| format!("{} {}", handle(record), title(record)));
        (message, names.collect())
    } else if !found.iter().all(says_the_same) {
        let place = |(info, record): &InSnapshot| {
            let place = record.place.as_ref()?;
            let file = ui::plain(&place.file.to_display());
            Some(format!("{}:{file}#{}", info.snapshot.source, handle(record)))
        };
        let message = "this record does not say the same in every file";
        (message, found.iter().filter_map(place).collect())
    } else {
        return Ok(found.into_iter().next());
    };
    const NAMED_MAX: usize = 10;
    names.dedup();
    if names.len() > NAMED_MAX {
        let more = names.len() - NAMED_MAX;
        names.truncate(NAMED_MAX);
        names.push(format!("and {more} more"));
    }
    Err(Failure::new(Code::NotFound, message).hint(format!("which one: {}", names.join("  "))))
}
