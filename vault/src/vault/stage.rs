//! The first stage of an `add`: names chunks, leaves out what the vault has, fills blocks.

use std::collections::{BTreeSet, HashSet};

use super::pipeline::{Checked, Feed, Job, Lane};
use super::{Keyring, Randomness};
use crate::chunk::{self, ChunkType, Reference};
use crate::error::Result;
use crate::format;
use crate::id::{ChunkId, MacKey, PackTag};
use crate::keys::Compartment;
use crate::pack::{self, Piece, Salt};
use crate::wire::Malformed;

/// Chunks of `general` that need not be stored: 16 bytes of each id, which is enough of a keyed
/// hash.
#[derive(Default)]
pub(super) struct Known {
    /// Ascending, one list for each table.
    tables: Vec<Vec<[u8; 16]>>,
    fresh: HashSet<[u8; 16]>,
}

impl Known {
    /// Knows the chunks of a table, given in order.
    pub(super) fn take_table(&mut self, prefixes: Vec<[u8; 16]>) {
        self.tables.push(prefixes);
    }

    /// Knows one more; false when it was known before.
    pub(super) fn insert(&mut self, id: &ChunkId) -> bool {
        let prefix = prefix(id);
        let is_old = self.tables.iter().any(|table| table.binary_search(&prefix).is_ok());
        !is_old && self.fresh.insert(prefix)
    }
}

/// The part of an id that is kept.
pub(super) fn prefix(id: &ChunkId) -> [u8; 16] {
    let (prefix, _) = id.bytes().split_first_chunk().unwrap_or((&[0; 16], &[]));
    *prefix
}

/// A sealed pack of earlier snapshots, whose chunks may be named again.
pub(super) struct Earlier {
    pub(super) tag: PackTag,
    pub(super) salt: MacKey,
    pub(super) chunks: HashSet<ChunkId>,
}

/// How much content was new so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fresh {
    /// Chunks that were stored.
    pub(super) chunks: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// Names chunks and hands new ones on.
pub(super) struct Stage<'a> {
    feed: &'a Feed,
    keys: &'a Keyring,
    random: &'a Randomness,
    known: Known,
    solid: Vec<u8>,
    solid_pieces: Vec<Checked>,
    earlier: Vec<Earlier>,
    sealed: Option<SealedPack>,
    /// Earlier sealed packs that something stored now names.
    pub(super) reused: BTreeSet<PackTag>,
    pub(super) fresh: Fresh,
}

/// The most chunks of a sealed pack, so that its directory stays far below its limit.
const SEALED_CHUNKS_MAX: usize = 131_072;

/// The sealed pack being filled.
struct SealedPack {
    tag: PackTag,
    key: MacKey,
    bytes: u64,
    chunks: HashSet<ChunkId>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        feed: &'a Feed,
        keys: &'a Keyring,
        random: &'a Randomness,
        known: Known,
        earlier: Vec<Earlier>,
    ) -> Self {
        Self {
            feed,
            keys,
            random,
            known,
            solid: Vec::new(),
            solid_pieces: Vec::new(),
            earlier,
            sealed: None,
            reused: BTreeSet::new(),
            fresh: Fresh::default(),
        }
    }

    /// Stores a chunk unless it is there, and gives its reference.
    pub(super) fn put(
        &mut self,
        compartment: Compartment,
        kind: ChunkType,
        dense: bool,
        bytes: &[u8],
    ) -> Result<Reference> {
        match compartment {
            Compartment::Sealed => self.put_sealed(kind, bytes),
            Compartment::Index | Compartment::General => self.put_general(kind, dense, bytes),
        }
    }

    /// Hands on the block that is not full yet.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.solid.is_empty() {
            return Ok(());
        }
        let content = std::mem::replace(&mut self.solid, self.feed.buffer());
        let pieces = std::mem::take(&mut self.solid_pieces);
        self.feed.send(Job::Block { lane: Lane::Data, content, pieces })
    }

    fn put_general(&mut self, kind: ChunkType, dense: bool, bytes: &[u8]) -> Result<Reference> {
        let id = chunk::chunk_id(&self.keys.chunk_id, kind, bytes);
        if self.known.insert(&id) {
            let checked = self.check(id, kind, bytes)?;
            match kind {
                ChunkType::Data if !dense => self.put_solid(checked, bytes)?,
                ChunkType::Data => self.send_raw(Lane::Data, checked, bytes)?,
                ChunkType::List | ChunkType::Node => self.send(Lane::Nodes, checked, bytes)?,
            }
        }
        Ok(Reference { tag: None, id })
    }

    /// Chunks of neighbouring files share a block.
    fn put_solid(&mut self, checked: Checked, bytes: &[u8]) -> Result<()> {
        self.solid.extend_from_slice(bytes);
        self.solid_pieces.push(checked);
        if self.solid.len() >= format::BLOCK_TARGET { self.finish() } else { Ok(()) }
    }

    fn put_sealed(&mut self, kind: ChunkType, bytes: &[u8]) -> Result<Reference> {
        for earlier in &self.earlier {
            let id = chunk::chunk_id(&earlier.salt, kind, bytes);
            if earlier.chunks.contains(&id) {
                self.reused.insert(earlier.tag);
                return Ok(Reference { tag: Some(earlier.tag), id });
            }
        }
        let is_full = self.sealed.as_ref().is_some_and(|pack| {
            pack.bytes >= format::PACK_TARGET || pack.chunks.len() >= SEALED_CHUNKS_MAX
        });
        if is_full {
            self.sealed = None;
        }
        let mut pack = match self.sealed.take() {
            Some(pack) => pack,
            None => self.begin_sealed()?,
        };
        let id = chunk::chunk_id(&pack.key, kind, bytes);
        let reference = Reference { tag: Some(pack.tag), id };
        if pack.chunks.insert(id) {
            pack.bytes = pack.bytes.saturating_add(bytes.len() as u64);
            let checked = self.check(id, kind, bytes)?;
            self.send_raw(Lane::Sealed, checked, bytes)?;
        }
        self.sealed = Some(pack);
        Ok(reference)
    }

    fn begin_sealed(&mut self) -> Result<SealedPack> {
        let mut tag = [0; 16];
        (self.random)(&mut tag);
        let mut salt = [0; 32];
        (self.random)(&mut salt);
        let salt = Salt::new(PackTag::new(tag), salt);
        let key = salt.key.clone();
        self.feed.send(Job::Salt(salt))?;
        Ok(SealedPack { tag: PackTag::new(tag), key, bytes: 0, chunks: HashSet::new() })
    }

    fn check(&mut self, id: ChunkId, kind: ChunkType, bytes: &[u8]) -> Result<Checked> {
        let length = u32::try_from(bytes.len())
            .ok()
            .filter(|&length| {
                usize::try_from(length).is_ok_and(|length| length <= format::BLOCK_MAX)
            })
            .ok_or(Malformed::new("a chunk over its limit", 0))?;
        if kind == ChunkType::Data {
            self.fresh.chunks = self.fresh.chunks.saturating_add(1);
            self.fresh.bytes = self.fresh.bytes.saturating_add(u64::from(length));
        }
        Ok(Checked { piece: Piece { id, kind, length }, crc: crc32fast::hash(bytes) })
    }

    fn send(&mut self, lane: Lane, checked: Checked, bytes: &[u8]) -> Result<()> {
        let mut content = self.feed.buffer();
        content.extend_from_slice(bytes);
        self.feed.send(Job::Block { lane, content, pieces: vec![checked] })
    }

    /// Dense and sealed content is framed here: it goes through no compressor.
    fn send_raw(&mut self, lane: Lane, checked: Checked, bytes: &[u8]) -> Result<()> {
        let mut frame = self.feed.buffer();
        frame.clear();
        pack::raw_frame(bytes, &mut frame);
        self.feed.send(Job::Frame { lane, frame, pieces: vec![checked] })
    }
}
