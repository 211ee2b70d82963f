//! The records of an `add`: taken file by file, put into trees in the order of their keys.
//!
//! They are held in memory until then, some 300 bytes a record.

use super::record::{Part, RecordBytes, RecordFacts, RecordName, RecordPlace};
use super::stage::Stage;
use crate::chunk::{ChunkType, ListBuilder, Reference, Row};
use crate::error::Result;
use crate::files::ItemPath;
use crate::format;
use crate::id::MacKey;
use crate::keys::{Bundle, Compartment};
use crate::kinds::{Locator, Sheet};
use crate::tree;

/// What is told of a record whose parts are too many for the tree.
const SCATTERED: &str = "records that are scattered over the file";

/// The records of one compartment.
pub(super) struct Recorder {
    compartment: Compartment,
    tree_key: MacKey,
    name_key: MacKey,
    digest_key: MacKey,
    files: Vec<ItemPath>,
    records: Vec<Recorded>,
}

/// A record that is ready for the trees.
struct Recorded {
    name: RecordName,
    /// Its file's place among the files; the records of a file are in their order.
    file: usize,
    facts: Vec<u8>,
    place: Vec<u8>,
}

impl Recorder {
    pub(super) fn new(bundle: &Bundle, compartment: Compartment) -> Self {
        Self {
            compartment,
            tree_key: bundle.tree_key(compartment),
            name_key: bundle.record_key(compartment),
            digest_key: bundle.record_digest_key(compartment),
            files: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Takes the records of a file whose content is these data chunks. Returns why some were left
    /// out, if any were.
    pub(super) fn take(
        &mut self,
        path: &ItemPath,
        sheets: Vec<Sheet>,
        content: &[Row],
        stage: &mut Stage<'_>,
    ) -> Result<Option<&'static str>> {
        let (mut at, mut left_out) = (0_u64, None);
        let ends = content.iter().map(|row| {
            at = at.saturating_add(row.length);
            at
        });
        let chunks = Chunked { rows: content, ends: ends.collect() };
        let file = self.files.len();
        self.files.push(path.clone());
        for sheet in sheets {
            for record in sheet.records {
                let bytes = match &record.locator {
                    Locator::Bytes(ranges) => {
                        let part = |range| self.part(&chunks, range, stage);
                        let parts = ranges.iter().map(part).collect::<Result<Option<Vec<_>>>>()?;
                        parts.map(|parts| RecordBytes::Parts(parts, sheet.frame.clone()))
                    }
                    Locator::Derived(how) => Some(RecordBytes::Derived(how.clone())),
                };
                let place = bytes.map(|bytes| RecordPlace {
                    file: path.clone(),
                    members: sheet.members.clone(),
                    format: sheet.format.as_str().to_owned(),
                    bytes,
                });
                let place = place.map(|place| place.encode());
                let Some(place) = place.filter(|place| place.len() <= format::VALUE_MAX) else {
                    left_out = Some(SCATTERED);
                    continue;
                };
                let name = RecordName::new(&self.name_key, record.kind, &record.identity);
                let facts = RecordFacts::of(&record, &self.digest_key).encode();
                self.records.push(Recorded { name, file, facts, place });
            }
        }
        Ok(left_out)
    }

    /// Lets go of the records of a file that another one took the place of.
    pub(super) fn forget(&mut self, path: &ItemPath) {
        let files = &self.files;
        self.records.retain(|record| files.get(record.file) != Some(path));
    }

    /// Builds the trees; none without a record.
    pub(super) fn finish(self, stage: &mut Stage<'_>) -> Result<Option<[Reference; 2]>> {
        let Self { compartment, tree_key, files, mut records, .. } = self;
        if records.is_empty() {
            return Ok(None);
        }
        // Stable: the records of a file stay in their order.
        records.sort_by(|one, other| {
            let file = |record: &Recorded| files.get(record.file);
            one.name.cmp(&other.name).then_with(|| file(one).cmp(&file(other)))
        });
        let mut facts = tree::Builder::new(tree_key.clone());
        let mut places = tree::Builder::new(tree_key);
        let mut store = |bytes: &[u8]| stage.put(compartment, ChunkType::Node, false, bytes);
        for same in records.chunk_by(|one, other| one.name == other.name) {
            for (number, record) in (0..=u16::MAX).zip(same) {
                let key = record.name.key(number);
                facts.push(&key, record.facts.clone(), &mut store)?;
                places.push(&key, record.place.clone(), &mut store)?;
            }
        }
        Ok(Some([facts.finish(&mut store)?, places.finish(&mut store)?]))
    }

    /// The chunks that have a range of a content; none when it goes beyond.
    fn part(
        &self,
        chunks: &Chunked<'_>,
        range: &std::ops::Range<u64>,
        stage: &mut Stage<'_>,
    ) -> Result<Option<Part>> {
        let Some((rows, start)) = chunks.of(range) else { return Ok(None) };
        let compartment = self.compartment;
        let mut store = |list: &[u8]| stage.put(compartment, ChunkType::List, false, list);
        let mut list = ListBuilder::new(compartment == Compartment::Sealed);
        rows.iter().try_for_each(|row| list.push(*row, &mut store))?;
        let content = list.finish(&mut store)?;
        let (offset, length) = (range.start - start, range.end - range.start);
        Ok(Some(Part { offset, length, content }))
    }
}

/// The data chunks of a content.
struct Chunked<'a> {
    rows: &'a [Row],
    /// Where in the content each ends.
    ends: Vec<u64>,
}

impl<'a> Chunked<'a> {
    /// The chunks that have some of a range, and where the first of them begins.
    fn of(&self, range: &std::ops::Range<u64>) -> Option<(&'a [Row], u64)> {
        let first = self.ends.partition_point(|&end| end <= range.start);
        let last = self.ends.partition_point(|&end| end < range.end);
        let start = first.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        Some((self.rows.get(first..=last)?, start?))
    }
}
