//! Cut points, chunk ids, references, and the lists that say which chunks make a content
//! (spec 9).
#![warn(clippy::arithmetic_side_effects)]

use serde::{Deserialize, Serialize};

use crate::format;
use crate::id::{ChunkId, MacKey, PackTag};
use crate::wire::{Malformed, Reader};

/// What a chunk holds; part of its id, so that one can never pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChunkType {
    /// Content.
    Data,
    /// Rows of a content list.
    List,
    /// A tree node.
    Node,
}

impl ChunkType {
    /// Its byte in the format.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Data => format::CHUNK_DATA,
            Self::List => format::CHUNK_LIST,
            Self::Node => format::CHUNK_NODE,
        }
    }

    /// The type of that byte.
    pub fn of_byte(byte: u8) -> Option<Self> {
        [Self::Data, Self::List, Self::Node].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// The id of a chunk under `key`: the chunk id key in `general`, the pack's salt in `sealed`.
pub fn chunk_id(key: &MacKey, kind: ChunkType, bytes: &[u8]) -> ChunkId {
    let length = bytes.len() as u64;
    ChunkId::new(key.mac(&[&[kind.byte()], &length.to_le_bytes(), bytes]))
}

/// How one chunk names another: by its id, in `sealed` with the tag of its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The pack's tag in `sealed`, none in `general`.
    pub tag: Option<PackTag>,
    /// The chunk.
    pub id: ChunkId,
}

impl Reference {
    /// The size of an encoded reference.
    pub const fn size(sealed: bool) -> usize {
        if sealed { 48 } else { 32 }
    }

    /// Reads 32 bytes as a reference of `general`, 48 as one of `sealed`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let tag = match bytes.len() {
            32 => None,
            48 => Some(PackTag::new(reader.array()?)),
            _ => return Err(Malformed::new("no reference", 0)),
        };
        let id = ChunkId::new(reader.array()?);
        Ok(Self { tag, id })
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let tag = self.tag.iter().flat_map(|tag| tag.bytes().iter());
        tag.chain(self.id.bytes()).copied().collect()
    }
}

/// One row of a content list: a chunk and the length of all content it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// A data chunk, or a list chunk below.
    pub reference: Reference,
    /// Bytes of content.
    pub length: u64,
}

/// What an item says of its content: up to 32 rows, and how many levels of lists lie below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The rows of the top level.
    pub rows: Vec<Row>,
    /// 0 when the rows are data chunks.
    pub depth: u8,
}

/// A row as an item's value holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WireRow(#[serde(with = "serde_bytes")] Vec<u8>, u64);

impl From<&Row> for WireRow {
    fn from(row: &Row) -> Self {
        Self(row.reference.encode(), row.length)
    }
}

impl TryFrom<&WireRow> for Row {
    type Error = Malformed;

    fn try_from(row: &WireRow) -> Result<Self, Malformed> {
        Ok(Self { reference: Reference::decode(&row.0)?, length: row.1 })
    }
}

/// Where content-defined cuts fall; the table is secret (spec 9).
pub struct Cutter {
    gear: Box<[u64; 256]>,
}

impl Cutter {
    /// A cutter for a vault's cut key.
    pub fn new(cut_key: &MacKey) -> Self {
        let mut gear = Box::new([0_u64; 256]);
        for (byte, value) in (0..=u8::MAX).zip(gear.iter_mut()) {
            let [a, b, c, d, e, f, g, h, ..] = cut_key.mac(&[&[byte]]);
            *value = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        }
        Self { gear }
    }

    /// The length of the next chunk of `content`, or none when more bytes could move the cut:
    /// fewer than [`format::CUT_MAX`] are here and no cut is among them. At the end of the content
    /// the rest is the last chunk.
    pub fn cut(&self, content: &[u8]) -> Option<usize> {
        let window = content.get(..content.len().min(format::CUT_MAX))?;
        let early = window.get(format::CUT_MIN..window.len().min(format::CUT_NORMAL));
        let late = window.get(format::CUT_NORMAL..);
        let mut hash = 0_u64;
        let found = self
            .scan(early.unwrap_or_default(), &mut hash, format::CUT_MASK_EARLY)
            .map(|length| length.saturating_add(format::CUT_MIN))
            .or_else(|| {
                self.scan(late.unwrap_or_default(), &mut hash, format::CUT_MASK_LATE)
                    .map(|length| length.saturating_add(format::CUT_NORMAL))
            });
        found.or((window.len() == format::CUT_MAX).then_some(format::CUT_MAX))
    }

    /// The length up to and with the first byte at which the hash has no bit of `mask`.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a byte indexes a table of 256")]
    fn scan(&self, bytes: &[u8], hash: &mut u64, mask: u64) -> Option<usize> {
        let mut running = *hash;
        for (at, &byte) in bytes.iter().enumerate() {
            running = (running << 1).wrapping_add(self.gear[usize::from(byte)]);
            if running & mask == 0 {
                return Some(at.saturating_add(1));
            }
        }
        *hash = running;
        None
    }
}

/// Builds the list of a content from its chunks in order, level over level.
pub struct ListBuilder {
    levels: Vec<Level>,
    sealed: bool,
}

/// The rows of one level that are in no list chunk yet.
#[derive(Default)]
struct Level {
    rows: Vec<Row>,
    /// Whether the level had more rows than an item holds, so that they go to list chunks.
    spills: bool,
}

impl ListBuilder {
    /// An empty list of a compartment.
    pub fn new(sealed: bool) -> Self {
        Self { levels: vec![Level::default()], sealed }
    }

    /// Takes the next chunk. `store` keeps a list chunk and gives its reference.
    pub fn push<E>(
        &mut self,
        row: Row,
        store: &mut impl FnMut(&[u8]) -> Result<Reference, E>,
    ) -> Result<(), E> {
        self.push_at(0, row, store)
    }

    /// Ends the content.
    pub fn finish<E>(
        mut self,
        store: &mut impl FnMut(&[u8]) -> Result<Reference, E>,
    ) -> Result<Content, E> {
        let mut depth = 0_u8;
        loop {
            let Some(level) = self.levels.get_mut(usize::from(depth)) else {
                return Ok(Content::default());
            };
            if !level.spills {
                return Ok(Content { rows: std::mem::take(&mut level.rows), depth });
            }
            if !level.rows.is_empty() {
                self.close(depth, store)?;
            }
            depth = depth.saturating_add(1);
        }
    }

    fn push_at<E>(
        &mut self,
        depth: u8,
        row: Row,
        store: &mut impl FnMut(&[u8]) -> Result<Reference, E>,
    ) -> Result<(), E> {
        if self.levels.len() <= usize::from(depth) {
            self.levels.push(Level::default());
        }
        let Some(level) = self.levels.get_mut(usize::from(depth)) else { return Ok(()) };
        level.rows.push(row);
        if level.spills {
            let ends = ends_list(&row.reference.id) || level.rows.len() >= format::LIST_ROWS_MAX;
            return if ends { self.close(depth, store) } else { Ok(()) };
        }
        if level.rows.len() <= format::INLINE_MAX {
            return Ok(());
        }
        // Too many to stand in the item: the cuts among the rows so far count from here on.
        level.spills = true;
        let held = std::mem::take(&mut level.rows);
        held.into_iter().try_for_each(|row| self.push_at(depth, row, store))
    }

    fn close<E>(
        &mut self,
        depth: u8,
        store: &mut impl FnMut(&[u8]) -> Result<Reference, E>,
    ) -> Result<(), E> {
        let level = self.levels.get_mut(usize::from(depth));
        let rows = level.map(|level| std::mem::take(&mut level.rows)).unwrap_or_default();
        let length = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.length));
        let reference = store(&encode_list(depth, &rows, self.sealed))?;
        self.push_at(depth.saturating_add(1), Row { reference, length }, store)
    }
}

fn ends_list(id: &ChunkId) -> bool {
    let [a, b, c, d, e, f, g, h, ..] = *id.bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) & format::LIST_MASK == 0
}

fn encode_list(level: u8, rows: &[Row], sealed: bool) -> Vec<u8> {
    let row_size = Reference::size(sealed).saturating_add(8);
    let mut bytes = Vec::with_capacity(rows.len().saturating_mul(row_size).saturating_add(4));
    bytes.extend_from_slice(&[format::VERSION, level, 0, 0]);
    for row in rows {
        bytes.extend_from_slice(&row.reference.encode());
        bytes.extend_from_slice(&row.length.to_le_bytes());
    }
    bytes
}

/// Reads the list chunk at `level` whose parent says that it stands for `length` bytes of content.
pub fn decode_list(
    bytes: &[u8],
    level: u8,
    length: u64,
    sealed: bool,
) -> Result<Vec<Row>, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != [format::VERSION, level, 0, 0] {
        return Err(Malformed::new("no list chunk of this level", 0));
    }
    let mut rows = Vec::new();
    let mut sum = 0_u64;
    while reader.left() > 0 {
        let at = reader.at();
        let reference = Reference::decode(reader.take(Reference::size(sealed))?)?;
        let row = Row { reference, length: reader.u64()? };
        if row.length == 0 {
            // Lists of nothing could be gone through for ever.
            return Err(Malformed::new("a row of no content", at));
        }
        sum = sum.checked_add(row.length).ok_or(Malformed::new("lengths that overflow", at))?;
        rows.push(row);
        if rows.len() > format::LIST_ROWS_MAX {
            return Err(Malformed::new("too many rows in a list chunk", at));
        }
    }
    // spec C-3
    if rows.is_empty() || sum != length {
        return Err(Malformed::new("a list chunk of another length than its parent says", 0));
    }
    Ok(rows)
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test that overflows has failed"
)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut step = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) as u8
        };
        (0..length).map(|_| step()).collect()
    }

    fn lengths(cutter: &Cutter, mut content: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !content.is_empty() {
            let length = cutter.cut(content).unwrap_or(content.len());
            lengths.push(length);
            content = &content[length..];
        }
        lengths
    }

    #[test]
    fn cuts_average_near_64_kib_and_keep_their_bounds() {
        let cutter = Cutter::new(&MacKey::new([1; 32]));
        let content = noise(32 << 20, 7);
        let cuts = lengths(&cutter, &content);
        let (last, inner) = cuts.split_last().unwrap();
        assert!(inner.iter().all(|cut| (format::CUT_MIN..=format::CUT_MAX).contains(cut)));
        assert!(*last <= format::CUT_MAX);
        let mean = content.len() / cuts.len();
        assert!((48 << 10..72 << 10).contains(&mean), "{mean}");
    }

    #[test]
    fn a_byte_in_front_moves_few_cuts() {
        let cutter = Cutter::new(&MacKey::new([1; 32]));
        let content = noise(4 << 20, 9);
        let ends = |content: &[u8]| -> Vec<usize> {
            let from_end = content.len();
            let mut at = 0;
            lengths(&cutter, content)
                .iter()
                .map(|cut| {
                    at += cut;
                    from_end - at
                })
                .collect()
        };
        let before = ends(&content);
        let mut longer = vec![1];
        longer.extend_from_slice(&content);
        let after = ends(&longer);
        let shared = after.iter().filter(|end| before.contains(end)).count();
        assert!(shared * 10 > before.len() * 8, "{shared} of {}", before.len());
    }

    #[test]
    fn cuts_depend_on_the_key() {
        let content = noise(4 << 20, 9);
        let one = lengths(&Cutter::new(&MacKey::new([1; 32])), &content);
        let two = lengths(&Cutter::new(&MacKey::new([2; 32])), &content);
        assert_ne!(one, two);
    }

    #[test]
    fn a_cut_waits_for_bytes_that_could_move_it() {
        let cutter = Cutter::new(&MacKey::new([1; 32]));
        assert_eq!(cutter.cut(&[]), None);
        assert_eq!(cutter.cut(&vec![0; format::CUT_MIN]), None);
        assert!(cutter.cut(&vec![0; format::CUT_MAX]).is_some());
    }

    proptest! {
        #[test]
        fn lists_give_back_their_rows(count in 0_usize..9000, sealed: bool, seed: u64) {
            let key = MacKey::new([3; 32]);
            let row = |n: usize| Row {
                reference: Reference {
                    tag: sealed.then_some(PackTag::new([9; 16])),
                    id: chunk_id(&key, ChunkType::Data, &(n as u64 ^ seed).to_le_bytes()),
                },
                length: n as u64 + 1,
            };
            let mut chunks = HashMap::new();
            let mut store = |bytes: &[u8]| {
                let reference = Reference {
                    tag: sealed.then_some(PackTag::new([9; 16])),
                    id: chunk_id(&key, ChunkType::List, bytes),
                };
                chunks.insert(reference, bytes.to_vec());
                Ok::<_, Infallible>(reference)
            };
            let mut builder = ListBuilder::new(sealed);
            for n in 0..count {
                builder.push(row(n), &mut store).unwrap();
            }
            let content = builder.finish(&mut store).unwrap();
            prop_assert!(content.rows.len() <= format::INLINE_MAX);
            let mut rows = content.rows;
            for level in (0..content.depth).rev() {
                rows = rows
                    .iter()
                    .flat_map(|row| {
                        decode_list(&chunks[&row.reference], level, row.length, sealed).unwrap()
                    })
                    .collect();
            }
            prop_assert_eq!(rows.len(), count);
            prop_assert!(rows.iter().enumerate().all(|(n, found)| *found == row(n)));
        }
    }
}
