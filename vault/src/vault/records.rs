//! The records of a file, one login or certificate each, read from its content when somebody asks.

use std::io::Cursor;
use std::ops::Range;

use zeroize::Zeroizing;

use super::{Chunks, Handle, Item, ItemType, SnapshotInfo, State, Vault};
use crate::error::{Error, Result};
use crate::keys::Compartment;
use crate::kinds::certificates::{self, Certificate};
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
    format: Format,
}

/// Which format's file takes the records apart.
enum Format {
    /// With the bytes in front of the records, which name their fields.
    Logins(Range<u64>),
    Certificates,
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
        let (content, format) = (Zeroizing::default(), Format::Certificates);
        return Ok(Some(Records { records, notes, content, format }));
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
    matches!(kind, Kind::Passwords | Kind::Cards | Kind::Certificate | Kind::Key)
}

fn scan(kind: Kind, content: Zeroizing<Vec<u8>>) -> Result<Records> {
    let mut records = Vec::new();
    let mut file = Cursor::new(content.as_slice());
    let failed = |error| Error::io("reading the records", error);
    let (notes, format) = match kind {
        Kind::Certificate | Kind::Key => {
            let scanned = certificates::scan(&mut file, |record| records.push(record));
            let scanned = scanned.map_err(failed)?;
            let broken = scanned.broken.into_iter().map(|(_, reason)| reason);
            (scanned.untold.into_iter().chain(broken).collect(), Format::Certificates)
        }
        _ => {
            let scanned = logins::scan(&mut file, &mut |record| {
                records.push(record);
                Ok(())
            });
            let scanned = scanned.map_err(failed)?;
            (scanned.warnings, Format::Logins(scanned.frame))
        }
    };
    Ok(Records { records, notes, content, format })
}

impl Records {
    /// The bytes of a record: those it has in its file, or those derived from it.
    pub fn bytes(&self, record: &Record) -> Option<Zeroizing<Vec<u8>>> {
        match &record.locator {
            Locator::Bytes(range) => self.part(range).map(|part| Zeroizing::new(part.to_vec())),
            Locator::Derived(how) => certificates::extract(&self.content, how),
        }
    }

    /// What a record says, field by field.
    pub fn fields(&self, record: &Record) -> Vec<Field> {
        let Some(bytes) = self.bytes(record) else { return Vec::new() };
        match &self.format {
            Format::Logins(frame) => logins::fields(self.part(frame).unwrap_or_default(), &bytes),
            Format::Certificates => certificates::fields(&bytes),
        }
    }

    /// What a record says that is a certificate.
    pub fn certificate(&self, record: &Record) -> Option<Certificate> {
        if record.kind != Kind::Certificate {
            return None;
        }
        Certificate::parse(&certificates::to_der(&self.bytes(record)?)?)
    }

    fn part(&self, range: &Range<u64>) -> Option<&[u8]> {
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
