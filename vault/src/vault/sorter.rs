//! The records of an `add` in the order of their keys, however many there are: what is more than a
//! few megabytes lies in temporary files of the store, encrypted, until all of it is merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write as _;

use zeroize::Zeroizing;

use super::Vault;
use super::objects::{self, Stored};
use super::record::{NAME_SIZE, RecordName};
use crate::error::{Error, Result};
use crate::files::ItemPath;
use crate::keys::Compartment;
use crate::payload;
use crate::store::Upload;
use crate::wire::Malformed;

/// How many bytes are held in memory.
const HELD_MAX: usize = 8 << 20;
/// What a record takes in memory beside its two values.
const OVERHEAD: usize = 128;
/// How much of a run is read at a time.
const READ_SIZE: usize = 64 << 10;
/// The head of a record in a run: its name, its file's number, the lengths of its two values.
const HEAD_SIZE: usize = NAME_SIZE + 3 * 4;

/// A record that is ready for the trees.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Recorded {
    pub(super) name: RecordName,
    /// The number of its file.
    pub(super) file: u32,
    pub(super) facts: Vec<u8>,
    pub(super) place: Vec<u8>,
}

/// Sorts records by their names, then by the paths of their files; those that are equal in both stay
/// in the order in which they came.
pub(super) struct Sorter<'v> {
    vault: &'v Vault,
    compartment: Compartment,
    held_max: usize,
    held: Vec<Recorded>,
    held_size: usize,
    runs: Vec<Run>,
}

impl<'v> Sorter<'v> {
    pub(super) fn new(vault: &'v Vault, compartment: Compartment) -> Self {
        let (held, runs) = (Vec::new(), Vec::new());
        Self { vault, compartment, held_max: HELD_MAX, held, held_size: 0, runs }
    }

    /// Takes a record; `files` has the path of its file and of all before it.
    pub(super) fn push(&mut self, record: Recorded, files: &[ItemPath]) -> Result<()> {
        self.held_size += record.facts.len() + record.place.len() + OVERHEAD;
        self.held.push(record);
        if self.held_size > self.held_max { self.write_run(files) } else { Ok(()) }
    }

    /// Gives all of them in order.
    pub(super) fn finish(
        mut self,
        files: &[ItemPath],
        each: &mut dyn FnMut(Recorded) -> Result<()>,
    ) -> Result<()> {
        sort(&mut self.held, files);
        let mut held = std::mem::take(&mut self.held).into_iter();
        let held_at = self.runs.len();
        let mut next = |runs: &mut [Run], at: usize| match runs.get_mut(at) {
            Some(run) => run.next(),
            None => Ok(held.next()),
        };
        let mut heads = BinaryHeap::new();
        let path = |record: &Recorded| usize::try_from(record.file).ok().and_then(|f| files.get(f));
        for at in 0..=held_at {
            if let Some(record) = next(&mut self.runs, at)? {
                heads.push(Reverse((record.name, path(&record), at, record)));
            }
        }
        while let Some(Reverse((_, _, at, record))) = heads.pop() {
            each(record)?;
            if let Some(record) = next(&mut self.runs, at)? {
                heads.push(Reverse((record.name, path(&record), at, record)));
            }
        }
        Ok(())
    }

    /// Writes what is held to a file that nobody but this process can read.
    fn write_run(&mut self, files: &[ItemPath]) -> Result<()> {
        sort(&mut self.held, files);
        let Self { vault, compartment, held, .. } = self;
        let failed = |error| Error::io("writing a temporary file", error);
        let (file_key, nonce) = objects::draw(&vault.random);
        let recipient = vault.keys.bundle.recipient(*compartment);
        let upload = vault.store.create()?;
        let mut out = payload::Writer::new(recipient, &file_key, nonce, upload)?;
        for record in held.drain(..) {
            out.write_all(&head(&record)?).map_err(failed)?;
            out.write_all(&record.facts).map_err(failed)?;
            out.write_all(&record.place).map_err(failed)?;
        }
        let mut upload = out.finish()?;
        let reader = payload::Reader::with_file_key(Stored(upload.read_back()?), &file_key)?;
        let buffer = Zeroizing::new(Vec::with_capacity(READ_SIZE));
        self.runs.push(Run { _upload: upload, reader, at: 0, buffer, position: 0 });
        self.held_size = 0;
        Ok(())
    }
}

fn sort(records: &mut [Recorded], files: &[ItemPath]) {
    let path = |record: &Recorded| usize::try_from(record.file).ok().and_then(|f| files.get(f));
    // Stable: equal ones stay in their order.
    records
        .sort_by(|one, other| one.name.cmp(&other.name).then_with(|| path(one).cmp(&path(other))));
}

fn head(record: &Recorded) -> Result<[u8; HEAD_SIZE]> {
    let length = |value: &[u8]| {
        u32::try_from(value.len()).map_err(|_| Malformed::new("a record over its limit", 0))
    };
    let numbers = [record.file, length(&record.facts)?, length(&record.place)?];
    let numbers = numbers.into_iter().flat_map(u32::to_le_bytes);
    let mut head = [0; HEAD_SIZE];
    let bytes = record.name.bytes().iter().copied().chain(numbers);
    head.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    Ok(head)
}

/// Records that were written out, in order.
struct Run {
    /// Removes the file when it goes.
    _upload: Box<dyn Upload>,
    reader: payload::Reader<Stored>,
    /// Where the bytes behind the buffer are.
    at: u64,
    buffer: Zeroizing<Vec<u8>>,
    position: usize,
}

impl Run {
    fn next(&mut self) -> Result<Option<Recorded>> {
        let Some(head) = self.take(HEAD_SIZE)? else { return Ok(None) };
        let cut_off = || Malformed::new("a temporary file that is cut off", 0);
        let (name, numbers) = head.split_first_chunk().ok_or_else(cut_off)?;
        let (numbers, _) = numbers.as_chunks::<4>();
        let [file, facts, place] = numbers else { return Err(cut_off().into()) };
        let [file, facts, place] = [file, facts, place].map(|number| u32::from_le_bytes(*number));
        let name = RecordName::stored(*name);
        let size = |length| usize::try_from(length).unwrap_or(usize::MAX);
        let facts = self.take(size(facts))?.ok_or_else(cut_off)?.to_vec();
        let place = self.take(size(place))?.ok_or_else(cut_off)?.to_vec();
        Ok(Some(Recorded { name, file, facts, place }))
    }

    /// The next bytes, so many; none at the end.
    fn take(&mut self, size: usize) -> Result<Option<&[u8]>> {
        if self.buffer.len() - self.position < size {
            self.fill(size)?;
        }
        let end = self.position.saturating_add(size);
        let taken = self.buffer.get(self.position..end);
        self.position = if taken.is_some() { end } else { self.position };
        Ok(taken)
    }

    fn fill(&mut self, size: usize) -> Result<()> {
        self.buffer.drain(..self.position);
        self.position = 0;
        let held = self.buffer.len();
        let left = self.reader.plain_length().saturating_sub(self.at);
        let wanted = READ_SIZE.max(size) - held;
        let wanted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
        self.buffer.resize(held + wanted, 0);
        let free = self.buffer.get_mut(held..).unwrap_or_default();
        self.reader.read_at(self.at, free)?;
        self.at = self.at.saturating_add(wanted as u64);
        Ok(())
    }
}
