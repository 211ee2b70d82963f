//! The records of a file, one login or certificate each, read from its content when somebody asks.

use std::io::Cursor;
use std::ops::Range;

use zeroize::Zeroizing;

use super::{Chunks, Handle, Item, ItemType, SnapshotInfo, State, Vault};
use crate::error::{Error, Result};
use crate::keys::Compartment;
use crate::kinds::certificates::{self, Certificate};
use crate::kinds::{self, Field, Format, Kind, Locator, Record, Scanned};

/// The longest file that is looked into for records.
const CONTENT_MAX: u64 = 64 << 20;

/// What a file holds, one by one.
pub struct Records {
    /// The records, in the order of the file.
    pub records: Vec<Record>,
    /// Why some of the file, or all of it, is in no record.
    pub notes: Vec<&'static str>,
    content: Zeroizing<Vec<u8>>,
    format: Format,
    frame: Vec<Range<u64>>,
}

/// Reads the records of a file; none for an item whose kind has none.
///
/// # Errors
/// When the content is damaged or missing.
pub fn records(vault: &Vault, info: &SnapshotInfo, item: &Item) -> Result<Option<Records>> {
    let is_file = item.facts.item_type == ItemType::File && item.facts.state == State::Present;
    let format = Kind::parse(&item.facts.kind).and_then(Format::of);
    let Some(format) = format.filter(|_| is_file) else { return Ok(None) };
    if item.facts.length > CONTENT_MAX {
        let (records, notes) = (Vec::new(), vec!["longer than 64 MiB, not looked through"]);
        let (content, frame) = (Zeroizing::default(), Vec::new());
        return Ok(Some(Records { records, notes, content, format, frame }));
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
    scan(format, content).map(Some)
}

fn scan(format: Format, content: Zeroizing<Vec<u8>>) -> Result<Records> {
    let mut records = Vec::new();
    let scanned = format.scan(&mut Cursor::new(content.as_slice()), &mut |record| {
        records.push(record);
        Ok(())
    });
    let Scanned { frame, notes, .. } =
        scanned.map_err(|error| Error::io("reading the records", error))?;
    Ok(Records { records, notes, content, format, frame })
}

impl Records {
    /// The bytes of a record: those it has in its file, or those derived from it.
    pub fn bytes(&self, record: &Record) -> Option<Zeroizing<Vec<u8>>> {
        match &record.locator {
            Locator::Bytes(ranges) => {
                Some(Zeroizing::new(kinds::parts(&self.content, ranges)?.concat()))
            }
            Locator::Derived(how) => self.format.derive(&self.content, how),
        }
    }

    /// What a record says, field by field.
    pub fn fields(&self, record: &Record) -> Vec<Field> {
        let Some(bytes) = self.bytes(record) else { return Vec::new() };
        let frame = kinds::parts(&self.content, &self.frame).unwrap_or_default();
        self.format.fields(&frame, &bytes)
    }

    /// What a record says that is a certificate.
    pub fn certificate(&self, record: &Record) -> Option<Certificate> {
        if record.kind != Kind::Certificate {
            return None;
        }
        Certificate::parse(&certificates::to_der(&self.bytes(record)?)?)
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
