//! The records of an `add`: taken file by file, put into trees in the order of their keys.

use std::collections::BTreeSet;
use std::ops::Range;

use zeroize::Zeroizing;

use super::Vault;
use super::assets::{Asset, WholeFile};
use super::record::{Part, RecordBytes, RecordFacts, RecordName, RecordPlace};
use super::sorter::{Recorded, Sorter};
use super::stage::Stage;
use crate::chunk::{ChunkType, ListBuilder, Reference, Row};
use crate::error::Result;
use crate::files::ItemPath;
use crate::format;
use crate::id::MacKey;
use crate::keys::Compartment;
use crate::kinds::{Format, Locator, Record, Sheet};
use crate::tree;

/// The records of both compartments.
pub(super) struct Recorders<'v> {
    pub(super) general: Recorder<'v>,
    pub(super) sealed: Recorder<'v>,
}

impl<'v> Recorders<'v> {
    pub(super) fn new(vault: &'v Vault) -> Self {
        let recorder = |compartment| Recorder::new(vault, compartment);
        let (general, sealed) = (recorder(Compartment::General), recorder(Compartment::Sealed));
        Self { general, sealed }
    }

    /// Those of a compartment.
    pub(super) fn of(&mut self, compartment: Compartment) -> &mut Recorder<'v> {
        match compartment {
            Compartment::Sealed => &mut self.sealed,
            Compartment::Index | Compartment::General => &mut self.general,
        }
    }

    /// As [`Recorder::forget`], wherever the file was.
    pub(super) fn forget(&mut self, path: &ItemPath) {
        self.general.forget(path);
        self.sealed.forget(path);
    }
}

/// The records of one compartment.
pub(super) struct Recorder<'v> {
    compartment: Compartment,
    tree_key: MacKey,
    name_key: MacKey,
    digest_key: MacKey,
    files: Vec<ItemPath>,
    /// The numbers of files whose records count no longer.
    forgotten: BTreeSet<u32>,
    sorter: Sorter<'v>,
}

impl<'v> Recorder<'v> {
    fn new(vault: &'v Vault, compartment: Compartment) -> Self {
        let bundle = &vault.keys.bundle;
        Self {
            compartment,
            tree_key: bundle.tree_key(compartment),
            name_key: bundle.record_key(compartment),
            digest_key: bundle.record_digest_key(compartment),
            files: Vec::new(),
            forgotten: BTreeSet::new(),
            sorter: Sorter::new(vault, compartment),
        }
    }

    /// Takes records of the file at `path`; `content` are its data chunks as far as these records
    /// reach. Returns how many have too many parts for the tree, and were left out.
    pub(super) fn take(
        &mut self,
        path: &ItemPath,
        sheet: &mut Sheet,
        content: &Chunked,
        stage: &mut Stage<'_>,
    ) -> Result<u64> {
        let mut left_out = 0;
        for mut record in std::mem::take(&mut sheet.records) {
            let place = self.place(path, sheet, &record, content, stage)?;
            match place.map(|place| place.encode()).filter(|it| it.len() <= format::VALUE_MAX) {
                Some(place) => self.push(&mut record, path, &sheet.members, place)?,
                None => left_out += 1,
            }
        }
        Ok(left_out)
    }

    /// Takes a file that is a record, and what belongs to it.
    pub(super) fn take_asset(&mut self, asset: Asset) -> Result<()> {
        let Asset { main: WholeFile { path, mut record, content, length, .. }, beside } = asset;
        let Some(of_kind) = Format::of(record.kind) else { return Ok(()) };
        let mut place = RecordPlace {
            file: path.clone(),
            members: Vec::new(),
            format: of_kind.as_str().to_owned(),
            bytes: RecordBytes::Parts(vec![Part { offset: 0, length, content }], Vec::new()),
            beside,
        };
        let mut value = place.encode();
        if value.len() > format::VALUE_MAX {
            place.beside.clear();
            value = place.encode();
        }
        self.push(&mut record, &path, &[], value)
    }

    /// Lets go of the records of a file: it could not be read to its end, or another one takes its
    /// place.
    fn forget(&mut self, path: &ItemPath) {
        let numbers = (0..).zip(&self.files).filter(|(_, file)| *file == path);
        self.forgotten.extend(numbers.map(|(number, _)| number));
    }

    /// Builds the trees; none without a record.
    pub(super) fn finish(self, stage: &mut Stage<'_>) -> Result<Option<[Reference; 2]>> {
        let Self { compartment, tree_key, files, forgotten, sorter, .. } = self;
        let mut facts = tree::Builder::new(tree_key.clone());
        let mut places = tree::Builder::new(tree_key);
        let mut store = |bytes: &[u8]| stage.put(compartment, ChunkType::Node, false, bytes);
        let mut last: Option<(RecordName, u16)> = None;
        sorter.finish(&files, &mut |record| {
            let number = match last {
                Some((name, number)) if name == record.name => number.checked_add(1),
                _ => Some(0),
            };
            let number = number.filter(|_| !forgotten.contains(&record.file));
            let Some(number) = number else { return Ok(()) };
            last = Some((record.name, number));
            let key = record.name.key(number);
            facts.push(&key, record.facts, &mut store)?;
            places.push(&key, record.place, &mut store)
        })?;
        match last {
            Some(_) => Ok(Some([facts.finish(&mut store)?, places.finish(&mut store)?])),
            None => Ok(None),
        }
    }

    /// Takes a record of the file at `path`, or of a member in it; `place` says where it is. What
    /// has no title or no identity of its own takes the name or the path of its file.
    fn push(
        &mut self,
        record: &mut Record,
        path: &ItemPath,
        members: &[String],
        place: Vec<u8>,
    ) -> Result<()> {
        if record.title.is_empty() {
            record.title = match members.last() {
                Some(member) => member.rsplit('/').next().unwrap_or_default().to_owned(),
                None => String::from_utf8_lossy(path.name()).into_owned(),
            };
        }
        if record.identity.bytes.is_empty() {
            let names = std::iter::once(path.key()).chain(members.iter().map(String::as_bytes));
            record.identity.bytes = Zeroizing::new(names.collect::<Vec<_>>().join(&b"\0\0"[..]));
        }
        let file = self.number(path);
        let name = RecordName::new(&self.name_key, record.kind, &record.identity);
        let facts = RecordFacts::of(record, &self.digest_key).encode();
        self.sorter.push(Recorded { name, file, facts, place }, &self.files)
    }

    /// The number of the file at `path`, whose records come one after the other.
    fn number(&mut self, path: &ItemPath) -> u32 {
        let count = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        match count.checked_sub(1) {
            Some(last) if self.files.last() == Some(path) && !self.forgotten.contains(&last) => {
                last
            }
            _ => {
                self.files.push(path.clone());
                count
            }
        }
    }

    /// Where a record is, as the tree has it; none when it goes beyond its content.
    fn place(
        &self,
        path: &ItemPath,
        sheet: &Sheet,
        record: &Record,
        content: &Chunked,
        stage: &mut Stage<'_>,
    ) -> Result<Option<RecordPlace>> {
        let bytes = match &record.locator {
            Locator::Bytes(ranges) => {
                let part = |range| self.part(content, range, stage);
                let parts = ranges.iter().map(part).collect::<Result<Option<Vec<_>>>>()?;
                parts.map(|parts| RecordBytes::Parts(parts, sheet.frame.clone()))
            }
            Locator::Derived(how) => Some(RecordBytes::Derived(how.clone())),
        };
        Ok(bytes.map(|bytes| RecordPlace {
            file: path.clone(),
            members: sheet.members.clone(),
            format: sheet.format.as_str().to_owned(),
            bytes,
            beside: Vec::new(),
        }))
    }

    /// The chunks that have a range of a content; none when it goes beyond.
    fn part(
        &self,
        content: &Chunked,
        range: &Range<u64>,
        stage: &mut Stage<'_>,
    ) -> Result<Option<Part>> {
        let Some((rows, start)) = content.of(range) else { return Ok(None) };
        let compartment = self.compartment;
        let mut store = |list: &[u8]| stage.put(compartment, ChunkType::List, false, list);
        let mut list = ListBuilder::new(compartment == Compartment::Sealed);
        rows.iter().try_for_each(|row| list.push(*row, &mut store))?;
        let content = list.finish(&mut store)?;
        let (offset, length) = (range.start - start, range.end - range.start);
        Ok(Some(Part { offset, length, content }))
    }
}

/// The data chunks of a content, from its start as far as they are known.
#[derive(Default)]
pub(super) struct Chunked {
    rows: Vec<Row>,
    /// Where in the content each ends.
    ends: Vec<u64>,
}

impl Chunked {
    pub(super) fn push(&mut self, row: Row) {
        let end = self.ends.last().copied().unwrap_or(0).saturating_add(row.length);
        self.rows.push(row);
        self.ends.push(end);
    }

    /// The chunks that have some of a range, and where the first of them begins.
    fn of(&self, range: &Range<u64>) -> Option<(&[Row], u64)> {
        let first = self.ends.partition_point(|&end| end <= range.start);
        let last = self.ends.partition_point(|&end| end < range.end);
        let start = first.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        Some((self.rows.get(first..=last)?, start?))
    }
}
