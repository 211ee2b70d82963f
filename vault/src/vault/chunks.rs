//! Reading chunks: from a reference to verified bytes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::Vault;
use super::item::{Xattrs, decode_xattrs};
use super::objects::{Plain, pack_ids, pack_name, table_name};
use crate::chain::{Snapshot, Trees};
use crate::chunk::{self, ChunkType, Content, Reference, Row};
use crate::error::{Error, ErrorKind, Result};
use crate::files;
use crate::format;
use crate::id::{ChunkId, MacKey, PackId, PackTag};
use crate::index::{Plaintext as _, Table};
use crate::keys::Compartment;
use crate::pack::{self, Class, Decompressor, Directory, Kind, Place};
use crate::tree::Nodes;
use crate::wire::Malformed;

/// How many packs stay open, and how many opened blocks are kept.
const PACKS_OPEN: usize = 8;
const BLOCKS_KEPT: usize = 6;

/// Where the chunks of `general` are, by the directories of all packs.
pub type Positions = HashMap<ChunkId, Vec<(PackId, Place)>>;

/// A pack and the offset of a block in it.
type BlockKey = (PackId, u32);

/// Reads chunks of a vault. Every chunk it gives was verified against its id (spec C-1).
pub struct Chunks<'v> {
    vault: &'v Vault,
    /// Per class; opened when first needed.
    tables: [Option<Vec<Table<Plain>>>; 2],
    hints: HashMap<ChunkId, (PackId, Place)>,
    sealed_packs: BTreeMap<PackTag, PackId>,
    sealed: HashMap<PackTag, SealedPack>,
    packs: VecDeque<(PackId, Plain)>,
    blocks: VecDeque<(BlockKey, Arc<Vec<u8>>)>,
    /// Positions from the packs themselves, once the tables were not enough.
    rebuilt: Option<Positions>,
    decompressor: Decompressor,
    frame: Vec<u8>,
}

struct SealedPack {
    pack: PackId,
    salt: MacKey,
    places: HashMap<ChunkId, Place>,
}

impl<'v> Chunks<'v> {
    /// A reader of the vault's chunks.
    pub fn new(vault: &'v Vault) -> Self {
        Self {
            vault,
            tables: [None, None],
            hints: HashMap::new(),
            sealed_packs: BTreeMap::new(),
            sealed: HashMap::new(),
            packs: VecDeque::new(),
            blocks: VecDeque::new(),
            rebuilt: None,
            decompressor: Decompressor::default(),
            frame: Vec::new(),
        }
    }

    /// Makes a snapshot's roots and sealed packs known.
    pub fn enter(&mut self, snapshot: &Snapshot) {
        let mut roots = |trees: &Trees| {
            for root in [&trees.facts, &trees.whereabouts] {
                self.hints.insert(root.reference.id, root.hint());
            }
        };
        for compartment in [Compartment::General, Compartment::Sealed] {
            snapshot.items_in(compartment).map(&mut roots);
            snapshot.records_in(compartment).map(&mut roots);
        }
        if let Some(sealed) = &snapshot.sealed {
            self.sealed_packs.extend(&sealed.packs);
        }
    }

    /// The bytes of a chunk. `length` is what its parent says, if it says it.
    ///
    /// # Errors
    /// `Damaged` or `Missing`, naming the pack, when no copy of the chunk is whole.
    pub fn read(
        &mut self,
        reference: &Reference,
        kind: ChunkType,
        length: Option<u64>,
    ) -> Result<ChunkBytes> {
        let bytes = match reference.tag {
            None => self.read_general(reference, kind),
            Some(tag) => self.read_sealed(reference, tag, kind),
        }?;
        if length.is_some_and(|length| length != bytes.get().len() as u64) {
            return Err(Malformed::new("a chunk of another length than its parent says", 0).into());
        }
        Ok(bytes)
    }

    /// Calls `each` with every data chunk of a content in order.
    pub fn for_each(
        &mut self,
        content: &Content,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut rows = ContentRows::new(content);
        while let Some((row, kind)) = rows.next_row(self)? {
            if kind == ChunkType::Data {
                each(self.read(&row.reference, kind, Some(row.length))?.get())?;
            }
        }
        Ok(())
    }

    /// Calls `each` with the bytes of a content in a range, one part after the other. What lies before
    /// and behind it is not read.
    pub fn range(
        &mut self,
        content: &Content,
        range: Range<u64>,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        let mut stack = vec![(content.depth, content.rows.clone().into_iter())];
        let mut at = 0_u64;
        while let Some((depth, rows)) = stack.last_mut() {
            let depth = *depth;
            let Some(row) = rows.next() else {
                stack.pop();
                continue;
            };
            let end = at.saturating_add(row.length);
            if at >= range.end {
                break;
            }
            if end <= range.start {
                at = end;
                continue;
            }
            if let Some(below) = depth.checked_sub(1) {
                stack.push((below, self.list(&row, below)?.into_iter()));
                continue;
            }
            let bytes = self.read(&row.reference, ChunkType::Data, Some(row.length))?;
            let within = |place: u64| {
                usize::try_from(place.clamp(at, end).saturating_sub(at)).unwrap_or(usize::MAX)
            };
            let (from, to) = (within(range.start), within(range.end));
            each(bytes.get().get(from..to).unwrap_or_default());
            at = end;
        }
        Ok(())
    }

    /// The first bytes of a content, at most `length_max`.
    pub fn start(&mut self, content: &Content, length_max: usize) -> Result<Vec<u8>> {
        let mut start = Vec::new();
        let mut rows = ContentRows::new(content);
        while start.len() < length_max
            && let Some((row, kind)) = rows.next_row(self)?
        {
            if kind == ChunkType::Data {
                let bytes = self.read(&row.reference, kind, Some(row.length))?;
                let wanted = length_max.saturating_sub(start.len());
                start.extend(bytes.get().iter().take(wanted));
            }
        }
        Ok(start)
    }

    /// Extended attributes, wherever they are.
    pub fn xattrs(&mut self, xattrs: &Xattrs) -> Result<files::Xattrs> {
        let content = match xattrs {
            Xattrs::Inline(xattrs) => return Ok(xattrs.clone()),
            Xattrs::Stored(content) => content,
        };
        let mut encoded = Vec::new();
        self.for_each(content, &mut |bytes| {
            encoded.extend_from_slice(bytes);
            // spec N-4
            if encoded.len() > format::XATTRS_MAX {
                return Err(Malformed::new("extended attributes over their limit", 0).into());
            }
            Ok(())
        })?;
        Ok(decode_xattrs(&encoded)?)
    }

    /// Calls `each` with the row of every chunk of a content, list chunks among them.
    pub fn references(
        &mut self,
        content: &Content,
        each: &mut dyn FnMut(&Row, ChunkType) -> Result<()>,
    ) -> Result<()> {
        let mut rows = ContentRows::new(content);
        while let Some((row, kind)) = rows.next_row(self)? {
            each(&row, kind)?;
        }
        Ok(())
    }

    /// Where a chunk of `general` may be, the most likely place first.
    pub fn places(&mut self, id: &ChunkId, kind: ChunkType) -> Vec<(PackId, Place)> {
        let mut places: Vec<_> = self.hints.get(id).copied().into_iter().collect();
        places.extend(self.in_tables(id, Class::of(kind)));
        places
    }

    fn list(&mut self, row: &Row, level: u8) -> Result<Vec<Row>> {
        let sealed = row.reference.tag.is_some();
        let bytes = self.read(&row.reference, ChunkType::List, None)?;
        Ok(chunk::decode_list(bytes.get(), level, row.length, sealed)?)
    }

    fn read_general(&mut self, reference: &Reference, kind: ChunkType) -> Result<ChunkBytes> {
        let mut failure = None;
        let places = self.places(&reference.id, kind);
        for (pack, place) in places {
            match self.read_place(pack, place, Compartment::General, reference, kind) {
                Ok(bytes) => return Ok(bytes),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        // Neither hint nor table led to it: ask the packs themselves (spec 10).
        let places = self.rebuild()?.get(&reference.id).cloned().unwrap_or_default();
        for (pack, place) in places {
            match self.read_place(pack, place, Compartment::General, reference, kind) {
                Ok(bytes) => return Ok(bytes),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            Error::new(ErrorKind::Missing, "no pack holds the chunk").on(reference.id.to_string())
        }))
    }

    fn read_sealed(
        &mut self,
        reference: &Reference,
        tag: PackTag,
        kind: ChunkType,
    ) -> Result<ChunkBytes> {
        let sealed = self.sealed_pack(tag)?;
        let pack = sealed.pack;
        let place = sealed.places.get(&reference.id).copied().ok_or_else(|| {
            Error::new(ErrorKind::Missing, "no such chunk in the pack").on(pack.to_string())
        })?;
        self.read_place(pack, place, Compartment::Sealed, reference, kind)
    }

    fn sealed_pack(&mut self, tag: PackTag) -> Result<&SealedPack> {
        if !self.sealed.contains_key(&tag) {
            let pack = self.sealed_packs.get(&tag).copied().ok_or_else(|| {
                Error::new(ErrorKind::Damaged, "a reference to a pack the snapshot does not name:")
                    .on(tag.to_string())
            })?;
            let directory = self.directory(pack, Compartment::Sealed, Class::Data)?;
            // spec C-2
            let salt = directory
                .salt
                .filter(|salt| salt.tag == tag)
                .ok_or_else(|| {
                    Error::new(ErrorKind::Damaged, "another pack under the name of")
                        .on(pack_name(pack).to_string())
                })?
                .key;
            let places = directory.blocks.iter().flat_map(pack::Block::places);
            let places = places.map(|(piece, place)| (piece.id, place)).collect();
            self.sealed.insert(tag, SealedPack { pack, salt, places });
        }
        self.sealed
            .get(&tag)
            .ok_or_else(|| Error::new(ErrorKind::Missing, "no sealed pack").on(tag.to_string()))
    }

    /// The verified directory of a pack.
    pub(crate) fn directory(
        &mut self,
        pack: PackId,
        compartment: Compartment,
        class: Class,
    ) -> Result<Directory> {
        let keys = self.vault.keys();
        let kind = Kind { vault: self.vault.id(), compartment, class };
        let mac_key = keys.pack_mac(compartment).clone();
        let plain = self.pack(pack, compartment)?;
        let length = plain.length();
        Directory::read(kind, &mac_key, length, |at, buffer| plain.read_at(at, buffer))
            .map_err(|error| error.on_if_unnamed(|| pack_name(pack).to_string()))
    }

    /// Reads every block of a pack and calls `each` with every chunk that is not what its id says,
    /// or could not be read, and why.
    pub(crate) fn verify_pack(
        &mut self,
        pack: PackId,
        compartment: Compartment,
        directory: &Directory,
        each: &mut dyn FnMut(&pack::Piece, Error),
    ) {
        let general = self.vault.keys().chunk_id.clone();
        let key = directory.salt.as_ref().map_or(general, |salt| salt.key.clone());
        for block in &directory.blocks {
            for (piece, place) in block.places() {
                let what = match self.block(pack, place, compartment) {
                    Err(error) => Some(error),
                    Ok(block) => {
                        let start = usize::try_from(place.offset).unwrap_or(usize::MAX);
                        let length = usize::try_from(place.length).unwrap_or(usize::MAX);
                        let bytes = block.get(start..start.saturating_add(length));
                        let reference = Reference { tag: None, id: piece.id };
                        let whole =
                            bytes.is_some_and(|b| pack::is_chunk(&key, &reference, piece.kind, b));
                        (!whole).then(|| {
                            Malformed::new("a chunk that is not what its id says", start).into()
                        })
                    }
                };
                if let Some(error) = what {
                    each(&piece, error);
                }
            }
        }
    }

    fn read_place(
        &mut self,
        pack: PackId,
        place: Place,
        compartment: Compartment,
        reference: &Reference,
        kind: ChunkType,
    ) -> Result<ChunkBytes> {
        let damaged = |what| {
            Error::from(Malformed::new(what, usize::try_from(place.start).unwrap_or(0)))
                .on(pack_name(pack).to_string())
        };
        let block = self.block(pack, place, compartment)?;
        let start = usize::try_from(place.offset).map_err(|_| damaged("an offset too large"))?;
        let end = match place.length {
            u32::MAX => block.len(),
            length => start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)),
        };
        let bytes = block.get(start..end).ok_or_else(|| damaged("a chunk beyond its block"))?;
        let key = match reference.tag {
            None => &self.vault.keys().chunk_id,
            Some(tag) => match self.sealed.get(&tag) {
                Some(sealed) => &sealed.salt,
                None => return Err(damaged("a pack without a salt")),
            },
        };
        if !pack::is_chunk(key, reference, kind, bytes) {
            return Err(damaged("a chunk that is not what its id says"));
        }
        Ok(ChunkBytes { block, start, end })
    }

    /// The content of a block.
    fn block(
        &mut self,
        pack: PackId,
        place: Place,
        compartment: Compartment,
    ) -> Result<Arc<Vec<u8>>> {
        let key = (pack, place.start);
        if let Some((_, block)) = self.blocks.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(block));
        }
        let mut frame = std::mem::take(&mut self.frame);
        let length = usize::try_from(place.frame_length).unwrap_or(usize::MAX);
        let plain = self.pack(pack, compartment)?;
        // spec A-1: no length from a hint reserves more than the pack has.
        let end = u64::from(place.start).saturating_add(u64::from(place.frame_length));
        if end > plain.length() || length > format::BLOCK_MAX.saturating_add(1 << 16) {
            return Err(Error::from(Malformed::new("a block beyond its pack", 0))
                .on(pack_name(pack).to_string()));
        }
        frame.resize(length, 0);
        plain.read_at(u64::from(place.start), &mut frame)?;
        // The memory of a block nobody holds any more is used again.
        let mut content = match self.blocks.len() >= BLOCKS_KEPT {
            true => self.blocks.pop_back().and_then(|(_, block)| Arc::into_inner(block)),
            false => None,
        }
        .unwrap_or_default();
        let sealed = compartment == Compartment::Sealed;
        let opened = self.decompressor.open(&frame, sealed, &mut content);
        self.frame = frame;
        opened.map_err(|malformed| Error::from(malformed).on(pack_name(pack).to_string()))?;
        let block = Arc::new(content);
        self.blocks.push_front((key, Arc::clone(&block)));
        Ok(block)
    }

    /// An open pack, from the few that stay open.
    fn pack(&mut self, pack: PackId, compartment: Compartment) -> Result<&mut Plain> {
        if let Some(at) = self.packs.iter().position(|(known, _)| *known == pack) {
            if at > 0
                && let Some(entry) = self.packs.remove(at)
            {
                self.packs.push_front(entry);
            }
        } else {
            let vault = self.vault;
            let name = pack_name(pack);
            let plain = Plain::open(vault.store.as_ref(), &vault.keys().bundle, compartment, &name)
                .map_err(as_damage)?;
            self.packs.truncate(PACKS_OPEN.saturating_sub(1));
            self.packs.push_front((pack, plain));
        }
        match self.packs.front_mut() {
            Some((_, plain)) => Ok(plain),
            None => Err(Error::new(ErrorKind::Missing, "no pack").on(pack.to_string())),
        }
    }

    fn in_tables(&mut self, id: &ChunkId, class: Class) -> Vec<(PackId, Place)> {
        let slot = match class {
            Class::Data => 0,
            Class::Nodes => 1,
        };
        let known = self.tables.get_mut(slot).and_then(Option::take);
        let mut tables = known.unwrap_or_else(|| self.open_tables(class));
        let mut places = Vec::new();
        for table in &mut tables {
            // A damaged table is no table; `check` names it.
            let rows = table.find(id).unwrap_or_default();
            places.extend(rows.into_iter().map(|row| (row.pack, row.place)));
            if !places.is_empty() {
                break;
            }
        }
        if let Some(slot) = self.tables.get_mut(slot) {
            *slot = Some(tables);
        }
        places
    }

    /// The tables that the heads name, the largest first.
    fn open_tables(&self, class: Class) -> Vec<Table<Plain>> {
        let vault = self.vault;
        let mut ids = Vec::new();
        for (_, entry) in &vault.heads.heads {
            let newest = match entry.snapshot() {
                Some(snapshot) => Some(snapshot.tables.clone()),
                // A slot record names no tables; the newest snapshot before it does.
                None => entry
                    .roll
                    .iter()
                    .max_by_key(|row| (row.number, row.time, row.id))
                    .and_then(|row| vault.entry(row.number, row.id).ok())
                    .and_then(|entry| entry.snapshot().map(|snapshot| snapshot.tables.clone())),
            };
            let tables = newest.unwrap_or_default();
            ids.extend(match class {
                Class::Data => tables.data,
                Class::Nodes => tables.nodes,
            });
        }
        ids.sort_unstable();
        ids.dedup();
        let mut tables: Vec<Table<Plain>> =
            ids.into_iter().filter_map(|id| open_table(vault, class, id).ok()).collect();
        tables.sort_by_key(|table| std::cmp::Reverse(table.row_count()));
        tables
    }

    /// Positions of all chunks of `general` by the directories of the packs.
    fn rebuild(&mut self) -> Result<&Positions> {
        if self.rebuilt.is_none() {
            let mut positions = Positions::new();
            for pack in pack_ids(&self.vault.store)? {
                let directory = Class::ALL
                    .into_iter()
                    .find_map(|class| self.directory(pack, Compartment::General, class).ok());
                for (piece, place) in
                    directory.iter().flat_map(|d| &d.blocks).flat_map(pack::Block::places)
                {
                    positions.entry(piece.id).or_default().push((pack, place));
                }
            }
            self.rebuilt = Some(positions);
        }
        Ok(self.rebuilt.get_or_insert_default())
    }
}

/// Goes through the rows of a content, level by level, without recursion.
struct ContentRows {
    stack: Vec<(u8, std::vec::IntoIter<Row>)>,
}

impl ContentRows {
    fn new(content: &Content) -> Self {
        Self { stack: vec![(content.depth, content.rows.clone().into_iter())] }
    }

    /// The next row and what it names; a list chunk comes before what it lists.
    fn next_row(&mut self, chunks: &mut Chunks<'_>) -> Result<Option<(Row, ChunkType)>> {
        while let Some((depth, rows)) = self.stack.last_mut() {
            let Some(row) = rows.next() else {
                self.stack.pop();
                continue;
            };
            let Some(below) = depth.checked_sub(1) else {
                return Ok(Some((row, ChunkType::Data)));
            };
            self.stack.push((below, chunks.list(&row, below)?.into_iter()));
            return Ok(Some((row, ChunkType::List)));
        }
        Ok(None)
    }
}

/// A chunk's verified bytes, inside the block they came in.
pub struct ChunkBytes {
    block: Arc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl ChunkBytes {
    /// The bytes.
    pub fn get(&self) -> &[u8] {
        self.block.get(self.start..self.end).unwrap_or_default()
    }
}

impl Nodes for Chunks<'_> {
    fn node(&mut self, reference: &Reference) -> Result<Vec<u8>> {
        Ok(self.read(reference, ChunkType::Node, None)?.get().to_vec())
    }
}

/// An object under keys that do not fit it is not what was stored.
fn as_damage(error: Error) -> Error {
    match error.kind() {
        ErrorKind::WrongKey => {
            let object = error.object().unwrap_or_default().to_owned();
            Error::new(ErrorKind::Damaged, "not encrypted with the vault's keys:").on(object)
        }
        _ => error,
    }
}

/// Opens one table.
pub(crate) fn open_table(
    vault: &Vault,
    class: Class,
    id: crate::id::TableId,
) -> Result<Table<Plain>> {
    let name = table_name(id);
    let plain = Plain::open(vault.store.as_ref(), &vault.keys().bundle, Compartment::Index, &name)?;
    Table::open(plain.held(), vault.id(), class)
        .map_err(|error| error.on_if_unnamed(|| name.to_string()))
}
