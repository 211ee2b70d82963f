//! The records of a file, one login or certificate each, read from its content when somebody asks.

use std::io::Cursor;

use zeroize::Zeroizing;

use super::{Chunks, Handle, Item, ItemType, SnapshotInfo, State, Vault};
use crate::error::{Error, Result};
use crate::keys::Compartment;
use crate::kinds::{Field, Kind, Locator, Record, logins};

/// The longest file that is looked into for records.
const CONTENT_MAX: u64 = 64 << 20;

/// What a file holds, one by one.
pub struct Records {
    /// The records, in the order of the file.
    pub records: Vec<Record>,
    /// Why some of the file, or all of it, is in no record.
    pub notes: Vec<&'static str>,
    content: Zeroizing<Vec<u8>>,
    frame: std::ops::Range<u64>,
}

/// Reads the records of a file; none for an item whose kind has none.
///
/// # Errors
/// When the content is damaged or missing.
pub fn records(vault: &Vault, info: &SnapshotInfo, item: &Item) -> Result<Option<Records>> {
    let is_file = item.facts.item_type == ItemType::File && item.facts.state == State::Present;
    let kind = Kind::parse(&item.facts.kind).filter(|kind| has_records(*kind));
    let Some(kind) = kind.filter(|_| is_file) else { return Ok(None) };
    if item.facts.length > CONTENT_MAX {
        let (records, notes) = (Vec::new(), vec!["longer than 64 MiB, not looked through"]);
        return Ok(Some(Records { records, notes, content: Zeroizing::default(), frame: 0..0 }));
    }
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    // Once as large as it gets: a vector that grows would leave its old bytes behind.
    let length = usize::try_from(item.facts.length).unwrap_or_default();
    let mut content = Zeroizing::new(Vec::with_capacity(length));
    chunks.for_each(&item.facts.content, &mut |bytes| {
        content.extend_from_slice(bytes);
        Ok(())
    })?;
    scan(kind, content).map(Some)
}

/// Whether files of a kind are read for records.
pub fn has_records(kind: Kind) -> bool {
    matches!(kind, Kind::Passwords | Kind::Cards)
}

fn scan(_: Kind, content: Zeroizing<Vec<u8>>) -> Result<Records> {
    let mut records = Vec::new();
    let scanned = logins::scan(&mut Cursor::new(content.as_slice()), &mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.map_err(|error| Error::io("reading the records", error))?;
    Ok(Records { records, notes: scanned.warnings, content, frame: scanned.frame })
}

impl Records {
    /// The bytes of a record in its file; none for one that has no bytes of its own.
    pub fn bytes(&self, record: &Record) -> Option<&[u8]> {
        match &record.locator {
            Locator::Bytes(range) => self.part(range),
            Locator::Derived(_) => None,
        }
    }

    /// What a record says, field by field.
    pub fn fields(&self, record: &Record) -> Vec<Field> {
        let frame = self.part(&self.frame).unwrap_or_default();
        self.bytes(record).map(|bytes| logins::fields(frame, bytes)).unwrap_or_default()
    }

    fn part(&self, range: &std::ops::Range<u64>) -> Option<&[u8]> {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        self.content.get(start..end)
    }
}

impl Vault {
    /// The handle of a record in a file of this compartment: the same in every export, wherever
    /// the record stands. None where this role does not read the compartment.
    pub fn record_handle(&self, compartment: Compartment, record: &Record) -> Option<Handle> {
        let key = self.keys.handle(compartment)?;
        Some(Handle::of_record(key, record))
    }
}
