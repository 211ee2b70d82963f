//! The records of a snapshot, one login or certificate each: listed, found by their handles, opened.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range as Bytes;

use zeroize::Zeroizing;

use super::bundles::name_below;
use super::list::{find_by, list};
use super::record::{RecordBytes, RecordFacts, RecordName, RecordPlace};
use super::surroundings::{AttachmentPlace, log_of};
use super::{Chunks, Handle, HandlePrefix, Item, ItemType, SnapshotInfo, State, Vault, passwords};
use crate::chain::Trees;
use crate::error::{Error, ErrorKind, Result};
use crate::files::ItemPath;
use crate::keys::Compartment;
use crate::kinds::certificates::{self, Certificate};
use crate::kinds::documents::Bundle;
use crate::kinds::messages::{self, Attachment};
use crate::kinds::{self, Field, Format, Identity, Kept, Kind, Taken, Whole};
use crate::tree::{self, Lookup, Range};
use crate::wire::Malformed;

/// The longest record that is opened, and the longest file one is derived from.
const RECORD_MAX: u64 = 256 << 20;
/// How much of a file is read at a time that is gone through.
const READ_SIZE: u64 = 1 << 20;

/// One record of a snapshot.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// What is the same for it in every export.
    pub name: RecordName,
    /// In which compartment.
    pub compartment: Compartment,
    /// What it is.
    pub facts: RecordFacts,
    /// Where it is; none when that half of the tree is lost.
    pub place: Option<RecordPlace>,
}

/// Goes through the records of a snapshot, in no order a person knows.
pub struct StoredRecords<'v> {
    /// Reads the nodes; a caller may read content with it between two records.
    pub chunks: Chunks<'v>,
    sides: Vec<Side>,
    /// Whether there may be sealed ones that this role does not read.
    pub locked: bool,
    /// Whether there may be sealed ones that are not in this copy of the vault, on purpose.
    pub left_out: bool,
    /// What went wrong with the half that says where they are; costs no record.
    pub places_lost: Vec<Error>,
}

/// The trees of one compartment.
struct Side {
    compartment: Compartment,
    facts: Range,
    places: Lookup,
}

/// All records of a snapshot.
pub fn records<'v>(vault: &'v Vault, info: &SnapshotInfo) -> StoredRecords<'v> {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    let side = |(compartment, trees): (Compartment, &Trees)| Side {
        compartment,
        facts: Range::new(&trees.facts.reference, b""),
        places: Lookup::new(&trees.whereabouts.reference),
    };
    let sealed = info.snapshot.sealed.as_ref();
    let left_out = sealed.is_some_and(|sealed| vault.is_left_out(sealed));
    let locked = sealed.is_some() && !left_out && !vault.keys().reads_sealed();
    let sides = readable(vault, info).map(side).collect();
    StoredRecords { chunks, sides, locked, left_out, places_lost: Vec::new() }
}

/// The trees of records that this role can read.
fn readable<'i>(
    vault: &Vault,
    info: &'i SnapshotInfo,
) -> impl Iterator<Item = (Compartment, &'i Trees)> {
    let sealed = info.snapshot.sealed.as_ref();
    let reads_sealed =
        vault.keys().reads_sealed() && sealed.is_some_and(|sealed| !vault.is_left_out(sealed));
    [Compartment::General, Compartment::Sealed]
        .into_iter()
        .filter(move |&compartment| compartment == Compartment::General || reads_sealed)
        .filter_map(|compartment| Some((compartment, info.snapshot.records_in(compartment)?)))
}

impl StoredRecords<'_> {
    /// The next record.
    ///
    /// # Errors
    /// When a part of a tree is lost. The next call goes on behind it.
    pub fn next_record(&mut self) -> Result<Option<StoredRecord>> {
        while let Some(side) = self.sides.first_mut() {
            if let Some((key, value)) = side.facts.next(&mut self.chunks)? {
                let place = side.places.get(&mut self.chunks, &key, &mut self.places_lost);
                return Ok(Some(StoredRecord {
                    name: RecordName::of_key(&key)?,
                    compartment: side.compartment,
                    facts: RecordFacts::decode(&value)?,
                    place: place.map(RecordPlace::decode).transpose()?,
                }));
            }
            self.sides.remove(0);
        }
        Ok(None)
    }
}

/// The records of a snapshot whose handles begin like this, in the order of their keys. They are
/// found in log steps; only where a part of a handle of `sealed` is given, whose order is another one
/// than that of the keys, each record is asked.
///
/// # Errors
/// When a part of a tree that may have them is lost.
pub fn records_called(
    vault: &Vault,
    info: &SnapshotInfo,
    prefix: &HandlePrefix,
) -> Result<Vec<StoredRecord>> {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    let mut found = Vec::new();
    for (compartment, trees) in readable(vault, info) {
        let is_ordered = compartment == Compartment::General || prefix.is_whole();
        let from = vault.keys.record_called(compartment, prefix.first_bytes());
        let from = from.filter(|_| is_ordered).map(|bytes| bytes.to_vec()).unwrap_or_default();
        let mut range = Range::new(&trees.facts.reference, &from);
        while let Some((key, value)) = range.next(&mut chunks)? {
            let name = RecordName::of_key(&key)?;
            let fits = vault.record_handle(compartment, &name).is_some_and(|h| prefix.fits(h));
            if !fits && is_ordered {
                break;
            }
            if fits {
                let place = tree::get(&mut chunks, &trees.whereabouts.reference, &key)?;
                let place = place.map(|value| RecordPlace::decode(&value)).transpose()?;
                let facts = RecordFacts::decode(&value)?;
                found.push(StoredRecord { name, compartment, facts, place });
            }
        }
    }
    Ok(found)
}

/// A record's bytes, and what takes them apart.
pub struct OpenedRecord {
    /// The format of its bytes.
    pub format: Format,
    /// What all records of its file need beside their own bytes.
    pub frame: Vec<Zeroizing<Vec<u8>>>,
    /// Its own bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// Reads records of a snapshot, one after the other.
pub struct RecordReader<'v> {
    vault: &'v Vault,
    info: &'v SnapshotInfo,
    chunks: Chunks<'v>,
    /// The file of the record before, which often is that of the next, and what was opened of it.
    item: Option<Item>,
    kept: Kept,
}

/// Reads one record.
///
/// # Errors
/// As [`RecordReader::open`].
pub fn open_record(
    vault: &Vault,
    info: &SnapshotInfo,
    record: &StoredRecord,
) -> Result<OpenedRecord> {
    RecordReader::new(vault, info).open(record)
}

impl<'v> RecordReader<'v> {
    /// Nothing is read yet.
    pub fn new(vault: &'v Vault, info: &'v SnapshotInfo) -> Self {
        let mut chunks = Chunks::new(vault);
        chunks.enter(&info.snapshot);
        Self { vault, info, chunks, item: None, kept: Kept::default() }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When its content is damaged or missing, when it is not in the file that it is said to be in,
    /// or when its format is one of a later version.
    pub fn open(&mut self, record: &StoredRecord) -> Result<OpenedRecord> {
        let place = record.place.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Damaged, "where this record is cannot be read")
                .hint("another copy of the vault may have it")
        })?;
        let format = Format::parse(&place.format).ok_or_else(|| {
            Error::new(ErrorKind::Newer, "a record of a format that this version does not know:")
                .on(place.format.clone())
                .hint("icvault cat gives the bytes of its file")
        })?;
        let item = self.item(place, record.compartment)?;
        let chunks = &mut self.chunks;
        let opened = match &place.bytes {
            RecordBytes::Parts(parts, frame) => {
                let mut bytes = buffer(parts.iter().map(|part| part.length))?;
                for part in parts {
                    let range = part.offset..part.offset.saturating_add(part.length);
                    chunks
                        .range(&part.content, range, &mut |part| bytes.extend_from_slice(part))?;
                }
                let frame = frame.iter().map(|range| part(chunks, &item, range));
                let frame = frame.collect::<Result<_>>()?;
                if format == Format::Messages && !place.beside.is_empty() {
                    bytes = self.with_attachments(&bytes, place, record.compartment)?;
                }
                OpenedRecord { format, frame, bytes }
            }
            RecordBytes::Derived(how) if item.facts.length > kinds::CONTENT_MAX => {
                derived_streamed(self.vault, self.info, format, &item, how)?
            }
            RecordBytes::Derived(how) => {
                let content = part(&mut self.chunks, &item, &(0..item.facts.length))?;
                let password = passwords::read(&mut self.chunks, &item)?;
                let password = password.as_ref().map(|password| password.as_str());
                let log = if format.is_database() { self.log(&item)? } else { None };
                let whole =
                    Whole { content: &content, log: log.as_ref().map(|log| log.as_slice()) };
                let taken = kinds::take(format, whole, how, password, &mut self.kept);
                OpenedRecord::of(format, taken, &item)?
            }
        };
        self.item = Some(item);
        Ok(opened)
    }

    /// What a record says, field by field. A picture or a film is sought in and not read through,
    /// nor are all the members of a bundle.
    ///
    /// # Errors
    /// As [`RecordReader::open`].
    pub fn fields(&mut self, record: &StoredRecord) -> Result<Vec<Field>> {
        let place = record.place.as_ref();
        let place = place.filter(|place| place.format == Format::Documents.as_str());
        if let Some(folder) = place.and_then(RecordPlace::bundle) {
            return self.fields_of_bundle(folder, record.compartment);
        }
        let is_picture = |place: &&RecordPlace| {
            place.members.is_empty() && place.format == Format::Pictures.as_str()
        };
        let Some(place) = record.place.as_ref().filter(is_picture) else {
            return Ok(self.open(record)?.fields());
        };
        let item = self.item(place, record.compartment)?;
        let mut content = ItemBytes::new(self.vault, self.info, &item);
        let fields = kinds::pictures::fields_of(&mut content).map_err(as_read)?;
        self.item = Some(item);
        Ok(fields)
    }

    /// The title of the record of this kind with this identity; none if there is none to be read.
    ///
    /// # Errors
    /// When a part of a tree that may have it is lost.
    pub fn title(&mut self, kind: Kind, identity: &Identity) -> Result<Option<String>> {
        for (compartment, trees) in readable(self.vault, self.info) {
            let key = self.vault.record_name(compartment, kind, identity).key(0);
            if let Some(value) = tree::get(&mut self.chunks, &trees.facts.reference, &key)? {
                return Ok(Some(RecordFacts::decode(&value)?.title));
            }
        }
        Ok(None)
    }

    /// What the files beside a record say that tell of it, by their paths.
    ///
    /// # Errors
    /// When their content is damaged or missing.
    pub fn fields_beside(&mut self, record: &StoredRecord) -> Result<Vec<(ItemPath, Vec<Field>)>> {
        let mut beside = Vec::new();
        let place = record.place.iter();
        let paths = place.flat_map(|place| {
            let bundle = place.bundle();
            place.beside.iter().filter(move |path| Some(*path) != bundle)
        });
        for path in paths {
            let item = find_by(&mut self.chunks, self.vault, self.info, path)?;
            let item = item.filter(|item| is_file(item, record.compartment));
            let told = item.filter(|item| item.facts.length <= kinds::BESIDE_MAX);
            let fields = match told {
                Some(item) => {
                    let bytes = part(&mut self.chunks, &item, &(0..item.facts.length))?;
                    kinds::pictures::sidecar(&bytes).map(|_| kinds::pictures::fields(&bytes))
                }
                None => None,
            };
            beside.push((path.clone(), fields.unwrap_or_default()));
        }
        Ok(beside)
    }

    /// What a document says that is a folder, by the heads of those of its members that tell of it.
    fn fields_of_bundle(&self, folder: &ItemPath, compartment: Compartment) -> Result<Vec<Field>> {
        let mut bundle = Bundle::default();
        let mut items = list(self.vault, self.info, folder.key());
        // Names like `a.txt` lie between `a` and what is in it.
        while let Some(item) = items.next_item()?
            && item.path.key().starts_with(folder.key())
        {
            let name = name_below(&item.path, folder);
            let Some(name) = name.filter(|_| is_file(&item, compartment)) else { continue };
            let length = Bundle::needed(&name).min(item.facts.length);
            bundle.begin(&name);
            bundle.push(&part(&mut items.chunks, &item, &(0..length))?);
            bundle.end();
        }
        Ok(bundle.fields())
    }

    /// A message with what Mail keeps of it in other files.
    fn with_attachments(
        &mut self,
        message: &[u8],
        place: &RecordPlace,
        compartment: Compartment,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut read = Vec::new();
        let mut length = message.len() as u64;
        for path in &place.beside {
            let Some(place) = AttachmentPlace::of(path) else { continue };
            let item = find_by(&mut self.chunks, self.vault, self.info, path)?;
            let Some(item) = item.filter(|item| is_file(item, compartment)) else { continue };
            length = length.saturating_add(item.facts.length);
            if length > RECORD_MAX {
                return Err(too_long());
            }
            read.push((place, part(&mut self.chunks, &item, &(0..item.facts.length))?));
        }
        // As it stood in the message comes before what was decoded.
        read.sort_by_key(|(place, _)| !place.is_encoded);
        let attachments = read.iter().map(|(place, content)| Attachment {
            section: place.section,
            content,
            is_encoded: place.is_encoded,
        });
        Ok(messages::complete(message, &attachments.collect::<Vec<_>>()))
    }

    /// The write-ahead log of a database.
    fn log(&mut self, database: &Item) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(path) = log_of(&database.path) else { return Ok(None) };
        let log = find_by(&mut self.chunks, self.vault, self.info, &path)?;
        let log = log.filter(|log| is_file(log, database.compartment));
        let log = log.filter(|log| log.facts.length <= kinds::CONTENT_MAX);
        log.map(|log| part(&mut self.chunks, &log, &(0..log.facts.length))).transpose()
    }

    /// The file that a record is said to be in (spec R-2).
    fn item(&mut self, place: &RecordPlace, compartment: Compartment) -> Result<Item> {
        if let Some(item) = self.item.take()
            && item.path == place.file
            && is_file(&item, compartment)
        {
            return Ok(item);
        }
        self.kept = Kept::default();
        let item = find_by(&mut self.chunks, self.vault, self.info, &place.file)?;
        item.filter(|item| is_file(item, compartment)).ok_or_else(|| {
            Error::new(ErrorKind::Damaged, "a record of a file that is not in the snapshot:")
                .on(place.file.to_string())
        })
    }
}

/// A record that is derived from a file longer than memory holds.
fn derived_streamed(
    vault: &Vault,
    info: &SnapshotInfo,
    format: Format,
    item: &Item,
    how: &[u8],
) -> Result<OpenedRecord> {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    let mut length = 0;
    let mut content = ItemBytes::new(vault, info, item);
    let taken = kinds::take_streamed(format, &mut content, how, &mut |range| {
        length += range.end - range.start;
        if length > RECORD_MAX {
            return Err(io::Error::other(too_long()));
        }
        part(&mut chunks, item, range).map_err(io::Error::other)
    });
    OpenedRecord::of(format, taken.map_err(as_read)?, item)
}

/// The error that [`ItemBytes`] handed on.
fn as_read(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::io("reading", error))
}

/// The bytes of a file.
struct ItemBytes<'v> {
    chunks: Chunks<'v>,
    item: &'v Item,
    /// Where in the file the buffer ends.
    at: u64,
    buffer: Zeroizing<Vec<u8>>,
    /// How much of the buffer was read.
    position: usize,
}

impl<'v> ItemBytes<'v> {
    fn new(vault: &'v Vault, info: &SnapshotInfo, item: &'v Item) -> Self {
        let mut chunks = Chunks::new(vault);
        chunks.enter(&info.snapshot);
        Self { chunks, item, at: 0, buffer: Zeroizing::default(), position: 0 }
    }
}

impl Read for ItemBytes<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.item.facts.length;
        if self.position == self.buffer.len() && self.at < length {
            let end = self.at.saturating_add(READ_SIZE).min(length);
            self.buffer =
                part(&mut self.chunks, self.item, &(self.at..end)).map_err(io::Error::other)?;
            (self.at, self.position) = (end, 0);
        }
        let mut rest = self.buffer.get(self.position..).unwrap_or_default();
        let read = rest.read(bytes)?;
        self.position += read;
        Ok(read)
    }
}

impl Seek for ItemBytes<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let left = (self.buffer.len() - self.position) as u64;
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.item.facts.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => (self.at - left).checked_add_signed(offset),
        };
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        let start = self.at - self.buffer.len() as u64;
        match usize::try_from(place.wrapping_sub(start)) {
            Ok(position) if position <= self.buffer.len() => self.position = position,
            _ => {
                (self.at, self.position) = (place, 0);
                self.buffer = Zeroizing::default();
            }
        }
        Ok(place)
    }
}

fn is_file(item: &Item, compartment: Compartment) -> bool {
    item.facts.item_type == ItemType::File
        && item.facts.state == State::Present
        && item.compartment == compartment
}

/// The bytes of a file at a range.
pub(super) fn part(
    chunks: &mut Chunks<'_>,
    item: &Item,
    range: &Bytes<u64>,
) -> Result<Zeroizing<Vec<u8>>> {
    if range.end > item.facts.length {
        return Err(Malformed::new("a record beyond the end of its file", 0).into());
    }
    let mut bytes = buffer([range.end.saturating_sub(range.start)].into_iter())?;
    chunks.range(&item.facts.content, range.clone(), &mut |part| bytes.extend_from_slice(part))?;
    Ok(bytes)
}

/// Once as large as it gets: a vector that grows would leave its old bytes behind.
fn buffer(mut lengths: impl Iterator<Item = u64>) -> Result<Zeroizing<Vec<u8>>> {
    let length = lengths.try_fold(0_u64, u64::checked_add).filter(|&length| length <= RECORD_MAX);
    let length = length.and_then(|length| usize::try_from(length).ok());
    Ok(Zeroizing::new(Vec::with_capacity(length.ok_or_else(too_long)?)))
}

fn too_long() -> Error {
    Error::new(ErrorKind::Refused, "a record of more than 256 MiB")
        .hint("icvault cat gives the bytes of its file")
}

impl OpenedRecord {
    fn of(format: Format, taken: Option<Taken>, item: &Item) -> Result<Self> {
        let Taken { frame, bytes } = taken.ok_or_else(|| {
            Error::new(ErrorKind::Damaged, "the record is not in its file:")
                .on(item.path.to_string())
                .hint("icvault cat gives the bytes of the file")
        })?;
        Ok(Self { format: format.written(), frame, bytes })
    }

    /// What it says, field by field.
    pub fn fields(&self) -> Vec<Field> {
        self.format.fields(&self.frame_parts(), &self.bytes)
    }

    /// The parts of the frame, as [`Format::write`] wants them.
    pub fn frame_parts(&self) -> Vec<&[u8]> {
        self.frame.iter().map(|part| part.as_slice()).collect()
    }

    /// What a certificate says.
    pub fn certificate(&self) -> Option<Certificate> {
        Certificate::parse(&certificates::to_der(&self.bytes)?)
    }
}

impl Vault {
    /// The handle of a record: the same in every export, wherever the record stands. None where
    /// this role does not read the compartment.
    pub fn record_handle(&self, compartment: Compartment, name: &RecordName) -> Option<Handle> {
        self.keys.record_handle(compartment, name)
    }

    /// The name of the record with this identity, if there is one, in a compartment.
    pub fn record_name(
        &self,
        compartment: Compartment,
        kind: Kind,
        identity: &Identity,
    ) -> RecordName {
        RecordName::new(&self.keys.bundle.record_key(compartment), kind, identity)
    }
}
