//! Chain entries: what each `add` stored, which slots there are and which suspect snapshots are
//! accepted, each naming the heads before it (spec 12).
#![warn(clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::chunk::Reference;
use crate::error::{Error, ErrorKind, Result};
use crate::format;
use crate::id::{self, ChunkId, EntryId, MacKey, PackId, PackTag, TableId, VaultId, hex};
use crate::keys::Compartment;
use crate::pack::Place;
use crate::wire::{self, Head, Malformed, Reader, Refusal};

/// One entry of the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The newest snapshot of every source before this entry.
    pub roll: Vec<RollRow>,
    /// Nanoseconds since 1970 UTC.
    pub time: i64,
    /// How many entries there are up to this one, itself included.
    pub count: u64,
    /// 1 + the largest number before it.
    pub number: u64,
    /// All heads before it, ascending.
    pub previous: Vec<EntryId>,
    /// What it records.
    pub record: Record,
}

/// What an entry records.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// All slots from now on; in the first entry also the files for people.
    Slots {
        /// The slots.
        slots: Vec<SlotRow>,
        /// Name and SHA-256 of the files for people, in the first entry.
        files: Vec<(String, [u8; 32])>,
    },
    /// What an `add` stored.
    Snapshot(Box<Snapshot>),
    /// Snapshots that are as somebody wants them, whatever they lack.
    Accepted(Vec<EntryId>),
}

/// The newest snapshot of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollRow {
    /// The snapshot.
    pub id: EntryId,
    /// Its time.
    pub time: i64,
    /// Its number.
    pub number: u64,
    /// The source.
    pub source: String,
}

/// One slot as the chain records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRow {
    /// The slot: SHA-256 of its file.
    pub id: [u8; 32],
    /// What its bundle may do.
    pub role: String,
    /// Seconds since 1970 UTC.
    pub time: u64,
    /// Its label.
    pub label: String,
    /// The letter its file's name begins with.
    pub letter: char,
}

/// What one `add` stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The machine's name.
    pub host: String,
    /// The program that wrote it.
    pub tool: String,
    /// What the person said about it.
    pub label: String,
    /// Items, bytes and records per compartment and kind.
    pub counts: Vec<Count>,
    /// Files of which something was not in the vault before, and bytes of them that were not;
    /// none where the writer did not say.
    pub new: Option<(u64, u64)>,
    /// The source's snapshot before.
    pub parent: Option<EntryId>,
    /// What is sealed, if anything is.
    pub sealed: Option<Sealed>,
    /// Of which kinds it lacks more than is usual, by kind; a suspect snapshot has some.
    pub shrunk: Vec<Shrunk>,
    /// The source.
    pub source: String,
    /// The tables in effect.
    pub tables: Tables,
    /// The trees of `general`.
    pub general: Trees,
    /// The trees of the records in `general`, if it has any.
    pub records: Option<Trees>,
}

/// The two trees of the items, or of the records, in a compartment.
#[derive(Clone, Debug, PartialEq)]
pub struct Trees {
    /// What each is.
    pub facts: Root,
    /// When an item was changed; where a record is.
    pub whereabouts: Root,
}

/// The trees of `sealed` and the packs they need.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// The trees.
    pub trees: Trees,
    /// The trees of its records, if it has any.
    pub records: Option<Trees>,
    /// Every sealed pack that a reference of the snapshot needs.
    pub packs: BTreeMap<PackTag, PackId>,
}

/// The root of a tree, with a hint where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// The root node.
    pub reference: Reference,
    /// The pack it was put into.
    pub pack: PackId,
    /// Offset and length of its frame there; the node is the block's only chunk.
    pub start: u32,
    /// Length of the frame.
    pub frame_length: u32,
}

impl Root {
    /// Where the node lies, if the hint is right; the length of the chunk is the block's.
    pub fn hint(&self) -> (PackId, Place) {
        let place = Place {
            start: self.start,
            frame_length: self.frame_length,
            offset: 0,
            length: u32::MAX,
        };
        (self.pack, place)
    }
}

/// Ids of the tables in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Tables of data chunks.
    pub data: Vec<TableId>,
    /// Tables of nodes and lists.
    pub nodes: Vec<TableId>,
}

/// How many items of a kind a compartment has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// `general` or `sealed`.
    pub compartment: Compartment,
    /// The kind's name.
    pub kind: String,
    /// Items.
    pub items: u64,
    /// Bytes of their content.
    pub bytes: u64,
    /// Records of the kind, in items of whatever kind.
    pub records: u64,
}

/// How many of a kind a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Items.
    pub items: u64,
    /// Records.
    pub records: u64,
}

/// What a snapshot lacks of a kind that its source held before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The kind's name.
    pub kind: String,
    /// How many the snapshot held that it was compared with: records, or items of a kind that had
    /// none.
    pub before: u64,
    /// How many of these are missing.
    pub lost: u64,
}

/// The keys that vouch for entries.
pub struct EntryKeys {
    /// Held by every writer.
    pub writer: MacKey,
    /// Held by readers of `general`.
    pub reader: Option<MacKey>,
}

// The fields of these structs stand in the order of canonical CBOR: shorter names first, then by
// their bytes. `wire::encode` refuses any other.

#[derive(Serialize, Deserialize)]
struct WireEntry {
    kind: String,
    roll: Vec<WireRoll>,
    time: i64,
    count: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<(String, ByteBuf)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slots: Option<Vec<WireSlot>>,
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<Vec<ByteBuf>>,
    previous: Vec<ByteBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<WireSnapshot>,
}

#[derive(Serialize, Deserialize)]
struct WireRoll {
    id: ByteBuf,
    time: i64,
    number: u64,
    source: String,
}

#[derive(Serialize, Deserialize)]
struct WireSlot {
    id: ByteBuf,
    role: String,
    time: u64,
    label: String,
    letter: String,
}

#[derive(Serialize, Deserialize)]
struct WireSnapshot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<(u64, u64)>,
    host: String,
    tool: String,
    label: String,
    counts: Vec<(u8, String, u64, u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<ByteBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<WireSealed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shrunk: Vec<(String, u64, u64)>,
    source: String,
    tables: WireTables,
    general: WireTrees,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records: Option<WireTrees>,
}

#[derive(Serialize, Deserialize)]
struct WireTables {
    data: Vec<ByteBuf>,
    nodes: Vec<ByteBuf>,
}

#[derive(Serialize, Deserialize)]
struct WireTrees {
    facts: WireRoot,
    #[serde(rename = "where")]
    whereabouts: WireRoot,
}

#[derive(Serialize, Deserialize)]
struct WireSealed {
    facts: WireRoot,
    packs: Vec<(ByteBuf, ByteBuf)>,
    #[serde(rename = "where")]
    whereabouts: WireRoot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records: Option<WireTrees>,
}

#[derive(Serialize, Deserialize)]
struct WireRoot {
    id: ByteBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<ByteBuf>,
    pack: ByteBuf,
    start: u32,
    length: u32,
}

const KIND_SLOTS: &str = "slots";
const KIND_SNAPSHOT: &str = "snapshot";
const KIND_ACCEPTED: &str = "accepted";

impl Entry {
    /// What entries are ordered by, everywhere.
    pub fn order(&self, id: EntryId) -> (u64, i64, EntryId) {
        (self.number, self.time, id)
    }

    /// The snapshot, if it records one.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        match &self.record {
            Record::Snapshot(snapshot) => Some(snapshot),
            Record::Slots { .. } | Record::Accepted(_) => None,
        }
    }

    /// The plaintext of the entry's object. Without the reader's key only a snapshot may be written.
    pub fn encode(&self, vault: VaultId, writer: &MacKey, reader: Option<&MacKey>) -> Vec<u8> {
        sign(&head(vault), &wire::encode(&self.to_wire()), writer, reader)
    }

    /// Reads the plaintext of an entry's object (spec E-1, E-3).
    pub fn decode(bytes: &[u8], vault: VaultId, keys: &EntryKeys) -> Result<Self, Refusal> {
        let Signed { payload, has_reader } = verify(bytes, &head(vault), format::ENTRY_MAX, keys)?;
        let entry = Self::of_wire(wire::decode(payload, format::ENTRY_MAX)?)?;
        if !has_reader && entry.snapshot().is_none() {
            return Err(Malformed::new("an entry without the reader MAC it needs", 36).into());
        }
        Ok(entry)
    }

    fn to_wire(&self) -> WireEntry {
        let roll = |row: &RollRow| WireRoll {
            id: buf(row.id.bytes()),
            time: row.time,
            number: row.number,
            source: row.source.clone(),
        };
        let mut wire = WireEntry {
            kind: String::new(),
            roll: self.roll.iter().map(roll).collect(),
            time: self.time,
            count: self.count,
            files: Vec::new(),
            slots: None,
            number: self.number,
            accepted: None,
            previous: bufs(&self.previous, EntryId::bytes),
            snapshot: None,
        };
        wire.kind = match &self.record {
            Record::Slots { slots, files } => {
                let file = |(name, sha): &(String, [u8; 32])| (name.clone(), buf(sha));
                wire.slots = Some(slots.iter().map(SlotRow::to_wire).collect());
                wire.files = files.iter().map(file).collect();
                KIND_SLOTS.to_owned()
            }
            Record::Snapshot(snapshot) => {
                wire.snapshot = Some(snapshot.to_wire());
                KIND_SNAPSHOT.to_owned()
            }
            Record::Accepted(accepted) => {
                wire.accepted = Some(bufs(accepted, EntryId::bytes));
                KIND_ACCEPTED.to_owned()
            }
        };
        wire
    }

    fn of_wire(wire: WireEntry) -> Result<Self, Malformed> {
        let record = match (wire.kind.as_str(), wire.slots, wire.snapshot, wire.accepted) {
            (KIND_SLOTS, Some(slots), None, None) => Record::Slots {
                slots: slots.into_iter().map(SlotRow::of_wire).collect::<Result<_, _>>()?,
                files: wire
                    .files
                    .into_iter()
                    .map(|(name, sha)| Ok((name, array(&sha)?)))
                    .collect::<Result<_, Malformed>>()?,
            },
            (KIND_SNAPSHOT, None, Some(snapshot), None) => {
                Record::Snapshot(Box::new(Snapshot::of_wire(snapshot)?))
            }
            (KIND_ACCEPTED, None, None, Some(accepted)) => {
                Record::Accepted(ids(&accepted, EntryId::new)?)
            }
            _ => return Err(Malformed::new("an entry of an unknown kind", 0)),
        };
        let roll = |row: WireRoll| {
            let id = EntryId::new(array(&row.id)?);
            Ok(RollRow { id, time: row.time, number: row.number, source: row.source })
        };
        if wire.number == 0 || wire.number > format::NUMBER_MAX {
            return Err(Malformed::new("an entry's number out of range", 0));
        }
        Ok(Self {
            roll: wire.roll.into_iter().map(roll).collect::<Result<_, Malformed>>()?,
            time: wire.time,
            count: wire.count,
            number: wire.number,
            previous: ids(&wire.previous, EntryId::new)?,
            record,
        })
    }
}

impl SlotRow {
    /// The name of the slot's file.
    pub fn file(&self) -> String {
        format!("{}-{}", self.letter, hex(&self.id))
    }

    fn to_wire(&self) -> WireSlot {
        WireSlot {
            id: buf(&self.id),
            role: self.role.clone(),
            time: self.time,
            label: self.label.clone(),
            letter: self.letter.to_string(),
        }
    }

    fn of_wire(wire: WireSlot) -> Result<Self, Malformed> {
        let letter =
            wire.letter.chars().next().ok_or(Malformed::new("a slot without a letter", 0))?;
        Ok(Self {
            id: array(&wire.id)?,
            role: wire.role,
            time: wire.time,
            label: wire.label,
            letter,
        })
    }
}

impl Snapshot {
    /// The trees of the items in a compartment.
    pub fn items_in(&self, compartment: Compartment) -> Option<&Trees> {
        match compartment {
            Compartment::Sealed => self.sealed.as_ref().map(|sealed| &sealed.trees),
            Compartment::Index | Compartment::General => Some(&self.general),
        }
    }

    /// The trees of the records in a compartment.
    pub fn records_in(&self, compartment: Compartment) -> Option<&Trees> {
        match compartment {
            Compartment::Sealed => self.sealed.as_ref()?.records.as_ref(),
            Compartment::Index | Compartment::General => self.records.as_ref(),
        }
    }

    /// Whether it lacks more than is usual. Somebody may have accepted that.
    pub fn is_suspect(&self) -> bool {
        !self.shrunk.is_empty()
    }

    /// How many items and records of a kind there are.
    pub fn holds(&self, kind: &str) -> Holds {
        let counts = self.counts.iter().filter(|count| count.kind == kind);
        counts.fold(Holds::default(), |sum, count| Holds {
            items: sum.items.saturating_add(count.items),
            records: sum.records.saturating_add(count.records),
        })
    }

    /// How many records of a kind there are in a compartment.
    pub fn records_of(&self, kind: &str, compartment: Compartment) -> u64 {
        let is_it = |count: &&Count| count.kind == kind && count.compartment == compartment;
        self.counts.iter().find(is_it).map_or(0, |count| count.records)
    }

    fn to_wire(&self) -> WireSnapshot {
        let count = |count: &Count| {
            let Count { compartment, kind, items, bytes, records } = count;
            (compartment.byte(), kind.clone(), *items, *bytes, *records)
        };
        let shrunk = |Shrunk { kind, before, lost }: &Shrunk| (kind.clone(), *before, *lost);
        let sealed = |sealed: &Sealed| {
            let pack = |(tag, pack): (&PackTag, &PackId)| (buf(tag.bytes()), buf(pack.bytes()));
            WireSealed {
                facts: sealed.trees.facts.to_wire(),
                packs: sealed.packs.iter().map(pack).collect(),
                whereabouts: sealed.trees.whereabouts.to_wire(),
                records: sealed.records.as_ref().map(Trees::to_wire),
            }
        };
        WireSnapshot {
            host: self.host.clone(),
            tool: self.tool.clone(),
            label: self.label.clone(),
            counts: self.counts.iter().map(count).collect(),
            new: self.new,
            parent: self.parent.map(|parent| buf(parent.bytes())),
            sealed: self.sealed.as_ref().map(sealed),
            shrunk: self.shrunk.iter().map(shrunk).collect(),
            source: self.source.clone(),
            tables: WireTables {
                data: bufs(&self.tables.data, TableId::bytes),
                nodes: bufs(&self.tables.nodes, TableId::bytes),
            },
            general: self.general.to_wire(),
            records: self.records.as_ref().map(Trees::to_wire),
        }
    }

    fn of_wire(wire: WireSnapshot) -> Result<Self, Malformed> {
        let count = |(compartment, kind, items, bytes, records)| {
            let compartment = Compartment::of_byte(compartment)
                .ok_or(Malformed::new("a count of no compartment", 0))?;
            Ok(Count { compartment, kind, items, bytes, records })
        };
        let shrunk = |(kind, before, lost)| Shrunk { kind, before, lost };
        let sealed = |sealed: WireSealed| {
            let pack = |(tag, pack): (ByteBuf, ByteBuf)| {
                Ok((PackTag::new(array(&tag)?), PackId::new(array(&pack)?)))
            };
            Ok(Sealed {
                packs: sealed.packs.into_iter().map(pack).collect::<Result<_, Malformed>>()?,
                trees: Trees {
                    facts: Root::of_wire(&sealed.facts)?,
                    whereabouts: Root::of_wire(&sealed.whereabouts)?,
                },
                records: sealed.records.as_ref().map(Trees::of_wire).transpose()?,
            })
        };
        if wire.source.is_empty() || wire.source.len() > 255 {
            return Err(Malformed::new("a source without a name", 0));
        }
        Ok(Self {
            host: wire.host,
            tool: wire.tool,
            label: wire.label,
            counts: wire.counts.into_iter().map(count).collect::<Result<_, Malformed>>()?,
            new: wire.new,
            parent: wire.parent.map(|id| array(&id).map(EntryId::new)).transpose()?,
            sealed: wire.sealed.map(sealed).transpose()?,
            shrunk: wire.shrunk.into_iter().map(shrunk).collect(),
            source: wire.source,
            tables: Tables {
                data: ids(&wire.tables.data, TableId::new)?,
                nodes: ids(&wire.tables.nodes, TableId::new)?,
            },
            general: Trees::of_wire(&wire.general)?,
            records: wire.records.as_ref().map(Trees::of_wire).transpose()?,
        })
    }
}

impl Trees {
    fn to_wire(&self) -> WireTrees {
        WireTrees { facts: self.facts.to_wire(), whereabouts: self.whereabouts.to_wire() }
    }

    fn of_wire(wire: &WireTrees) -> Result<Self, Malformed> {
        Ok(Self {
            facts: Root::of_wire(&wire.facts)?,
            whereabouts: Root::of_wire(&wire.whereabouts)?,
        })
    }
}

impl Root {
    fn to_wire(&self) -> WireRoot {
        WireRoot {
            id: buf(self.reference.id.bytes()),
            tag: self.reference.tag.map(|tag| buf(tag.bytes())),
            pack: buf(self.pack.bytes()),
            start: self.start,
            length: self.frame_length,
        }
    }

    fn of_wire(wire: &WireRoot) -> Result<Self, Malformed> {
        let tag = wire.tag.as_ref().map(|tag| array(tag).map(PackTag::new)).transpose()?;
        Ok(Self {
            reference: Reference { tag, id: ChunkId::new(array(&wire.id)?) },
            pack: PackId::new(array(&wire.pack)?),
            start: wire.start,
            frame_length: wire.length,
        })
    }
}

/// The plaintext of a small object that is vouched for: its head, the payload, two MACs over both,
/// and padding (spec 12).
pub(crate) fn sign(
    head: &Head,
    payload: &[u8],
    writer: &MacKey,
    reader: Option<&MacKey>,
) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload is far below its limit");
    let mut bytes = head.encode().to_vec();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(payload);
    let writer_mac = writer.mac(&[&bytes]);
    let reader_mac = reader.map_or([0; 32], |reader| reader.mac(&[&bytes]));
    bytes.extend_from_slice(&writer_mac);
    bytes.extend_from_slice(&reader_mac);
    let padded = wire::padme(bytes.len() as u64, format::OBJECT_PAD_MIN);
    bytes.resize(usize::try_from(padded).expect("a payload is far below its limit"), 0);
    bytes
}

/// A payload whose MACs verified and that passed the scan.
pub(crate) struct Signed<'b> {
    pub(crate) payload: &'b [u8],
    /// Whether somebody vouched for it who can read.
    pub(crate) has_reader: bool,
}

/// Reads what [`sign`] gives.
pub(crate) fn verify<'b>(
    bytes: &'b [u8],
    head: &Head,
    length_max: usize,
    keys: &EntryKeys,
) -> Result<Signed<'b>, Refusal> {
    let mut reader = Reader::new(bytes);
    if Head::decode(&reader.array()?)? != *head {
        return Err(Malformed::new("the head of another object", 0).into());
    }
    let length = usize::try_from(reader.u32()?)
        .ok()
        .filter(|&length| length <= length_max)
        .ok_or(Malformed::new("a payload over its limit", 32))?;
    let payload = reader.take(length)?;
    let signed = bytes.get(..reader.at()).unwrap_or_default();
    let (writer_mac, reader_mac): ([u8; 32], [u8; 32]) = (reader.array()?, reader.array()?);
    let has = |key: &MacKey, mac: &[u8; 32]| {
        let mut run = key.start();
        run.update(signed);
        run.verify(mac)
    };
    if !has(&keys.writer, &writer_mac) {
        return Err(Malformed::new("nobody with a key wrote it", 36).into());
    }
    let has_reader = reader_mac != [0; 32];
    // Who has not the key cannot tell, and takes the writer's word.
    if has_reader && keys.reader.as_ref().is_some_and(|key| !has(key, &reader_mac)) {
        return Err(Malformed::new("a wrong reader MAC", 36).into());
    }
    if reader.rest().iter().any(|&byte| byte != 0) {
        return Err(Malformed::new("padding that is not zero", 36).into());
    }
    wire::scan(payload)?;
    wire::refuse_unknown_demands(payload, &[])?;
    Ok(Signed { payload, has_reader })
}

fn buf(bytes: &[u8]) -> ByteBuf {
    ByteBuf::from(bytes.to_vec())
}

fn array<const N: usize>(bytes: &ByteBuf) -> Result<[u8; N], Malformed> {
    bytes.as_slice().try_into().map_err(|_| Malformed::new("an id of another length", 0))
}

fn bufs<T>(ids: &[T], bytes: fn(&T) -> &[u8; 32]) -> Vec<ByteBuf> {
    ids.iter().map(|id| buf(bytes(id))).collect()
}

fn ids<T>(wire: &[ByteBuf], of: fn([u8; 32]) -> T) -> Result<Vec<T>, Malformed> {
    wire.iter().map(|id| array(id).map(of)).collect()
}

fn head(vault: VaultId) -> Head {
    let compartment = Compartment::Index.byte();
    Head { object: format::OBJECT_ENTRY, compartment, class: 0, vault }
}

/// The file name of an entry: its number in eight digits and its id.
pub fn file_name(number: u64, id: EntryId) -> String {
    format!("{number:08}-{id}")
}

/// Reads [`file_name`].
pub fn parse_file_name(name: &str) -> Option<(u64, EntryId)> {
    let (number, id) = name.split_once('-')?;
    (number.len() == 8).then_some(())?;
    Some((number.parse().ok()?, EntryId::parse(id)?))
}

/// The state of a chain: its heads, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Heads {
    /// Entries that no other names as previous, the newest first.
    pub heads: Vec<(EntryId, Entry)>,
    /// Entries that others name and that are not there.
    pub missing: BTreeSet<EntryId>,
    /// Entries that are there and cannot be read.
    pub unreadable: Vec<(EntryId, Error)>,
    /// How many entries there are, with those missing.
    pub count: u64,
}

impl Heads {
    /// Finds the heads among the entries of these names. `load` reads one. Usually only the newest is
    /// read: when its count is the number of names, all others are before it.
    pub fn find(
        names: &BTreeSet<(u64, EntryId)>,
        mut load: impl FnMut(u64, EntryId) -> Result<Entry>,
    ) -> Self {
        let mut found = Self::default();
        if let Some(&(number, id)) = names.last()
            && let Ok(entry) = load(number, id)
            && entry.count == names.len() as u64
        {
            found.count = entry.count;
            found.heads.push((id, entry));
            return found;
        }
        let mut named = BTreeSet::new();
        let mut entries = BTreeMap::new();
        for &(number, id) in names.iter().rev() {
            match load(number, id) {
                Ok(entry) => {
                    named.extend(entry.previous.iter().copied());
                    named.extend(entry.roll.iter().map(|row| row.id));
                    entries.insert(entry.order(id), entry);
                }
                Err(error) => found.unreadable.push((id, error)),
            }
        }
        let known: BTreeSet<EntryId> = entries.keys().map(|&(_, _, id)| id).collect();
        let unreadable: BTreeSet<EntryId> = found.unreadable.iter().map(|(id, _)| *id).collect();
        found.missing = named
            .iter()
            .filter(|id| !known.contains(id) && !unreadable.contains(id))
            .copied()
            .collect();
        let lost = named.iter().filter(|id| !known.contains(id)).count();
        found.count = (known.len() as u64).saturating_add(lost as u64);
        let heads = entries.into_iter().rev().filter(|((_, _, id), _)| !named.contains(id));
        found.heads = heads.map(|((_, _, id), entry)| (id, entry)).collect();
        found
    }

    /// The newest head.
    pub fn newest(&self) -> Option<&(EntryId, Entry)> {
        self.heads.first()
    }

    /// The newest snapshot of every source, over all heads.
    pub fn roll(&self) -> BTreeMap<String, RollRow> {
        let mut roll: BTreeMap<String, RollRow> = BTreeMap::new();
        let mut take = |row: RollRow| {
            let newer = roll.get(&row.source).is_none_or(|known| {
                (known.number, known.time, known.id) < (row.number, row.time, row.id)
            });
            if newer {
                roll.insert(row.source.clone(), row);
            }
        };
        for (id, entry) in &self.heads {
            entry.roll.iter().cloned().for_each(&mut take);
            if let Some(snapshot) = entry.snapshot() {
                let source = snapshot.source.clone();
                take(RollRow { id: *id, time: entry.time, number: entry.number, source });
            }
        }
        roll
    }

    /// The entry that comes next and records `record`.
    ///
    /// # Errors
    /// When the chain has as many entries as its numbers allow.
    pub fn next(&self, record: Record, time: i64) -> Result<Entry> {
        let number = self.heads.iter().map(|(_, entry)| entry.number).max().unwrap_or(0);
        let number = number.saturating_add(1);
        if number > format::NUMBER_MAX {
            return Err(Error::new(ErrorKind::Refused, "the chain of this vault is full"));
        }
        let mut previous: Vec<EntryId> = self.heads.iter().map(|(id, _)| *id).collect();
        previous.sort_unstable();
        let count = self.count.saturating_add(1);
        let roll = self.roll().into_values().collect();
        Ok(Entry { roll, time, count, number, previous, record })
    }
}

/// A short code by which a person remembers a head (spec 12).
pub fn head_code(key: &MacKey, number: u64, id: EntryId) -> String {
    let letters = id::letters(&key.mac(&[id.bytes()]));
    let (first, second) = letters.split_at(4);
    format!("{number}-{first}-{second}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn keys() -> EntryKeys {
        EntryKeys { writer: MacKey::new([1; 32]), reader: Some(MacKey::new([2; 32])) }
    }

    fn root(n: u8, tag: Option<PackTag>) -> Root {
        let reference = Reference { tag, id: ChunkId::new([n; 32]) };
        Root { reference, pack: PackId::new([n; 32]), start: 40, frame_length: 300 }
    }

    fn snapshot(source: &str) -> Record {
        let tag = PackTag::new([8; 16]);
        Record::Snapshot(Box::new(Snapshot {
            host: "mac".into(),
            tool: "icvault 0.1".into(),
            label: "spring".into(),
            counts: vec![Count {
                compartment: Compartment::Sealed,
                kind: "passwords".into(),
                items: 1,
                bytes: 2,
                records: 3,
            }],
            new: Some((1, 2)),
            parent: None,
            sealed: Some(Sealed {
                trees: Trees { facts: root(1, Some(tag)), whereabouts: root(2, Some(tag)) },
                records: Some(Trees { facts: root(3, Some(tag)), whereabouts: root(4, Some(tag)) }),
                packs: [(tag, PackId::new([3; 32]))].into(),
            }),
            shrunk: vec![Shrunk { kind: "passwords".into(), before: 9, lost: 6 }],
            source: source.into(),
            tables: Tables { data: vec![TableId::new([4; 32])], nodes: vec![] },
            general: Trees { facts: root(5, None), whereabouts: root(6, None) },
            records: Some(Trees { facts: root(7, None), whereabouts: root(8, None) }),
        }))
    }

    fn slots() -> Record {
        let slot =
            SlotRow { id: [1; 32], role: "full".into(), time: 3, label: "x".into(), letter: 'p' };
        Record::Slots { slots: vec![slot], files: vec![("README.txt".into(), [9; 32])] }
    }

    fn accepted() -> Record {
        Record::Accepted(vec![EntryId::new([3; 32])])
    }

    #[derive(Default)]
    struct Chain(HashMap<EntryId, Entry>);

    impl Chain {
        fn names(&self) -> BTreeSet<(u64, EntryId)> {
            self.0.iter().map(|(id, entry)| (entry.number, *id)).collect()
        }

        fn heads(&self) -> Heads {
            Heads::find(&self.names(), |_, id| {
                self.0.get(&id).cloned().ok_or_else(|| Error::new(ErrorKind::Missing, "gone"))
            })
        }

        fn put(&mut self, entry: Entry) -> EntryId {
            let bytes = entry.encode(VaultId::new([0; 16]), &keys().writer, keys().reader.as_ref());
            let id = EntryId::new(keys().writer.mac(&[&bytes]));
            self.0.insert(id, entry);
            id
        }

        fn add(&mut self, source: &str, time: i64) -> EntryId {
            let entry = self.heads().next(snapshot(source), time).unwrap();
            self.put(entry)
        }
    }

    #[test]
    fn entries_round_trip_and_every_flip_is_refused() {
        let vault = VaultId::new([7; 16]);
        for record in [slots(), snapshot("passwords"), accepted()] {
            let entry = Heads::default().next(record, -5).unwrap();
            let bytes = entry.encode(vault, &keys().writer, keys().reader.as_ref());
            assert_eq!(bytes.len(), 4096);
            assert_eq!(Entry::decode(&bytes, vault, &keys()).unwrap(), entry);
            for at in 0..bytes.len() {
                let mut bytes = bytes.clone();
                bytes[at] ^= 4;
                assert!(Entry::decode(&bytes, vault, &keys()).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn only_a_snapshot_may_lack_the_reader_mac() {
        let vault = VaultId::new([7; 16]);
        let encode =
            |record| Heads::default().next(record, 0).unwrap().encode(vault, &keys().writer, None);
        assert!(Entry::decode(&encode(snapshot("a")), vault, &keys()).is_ok());
        assert!(Entry::decode(&encode(slots()), vault, &keys()).is_err());
        assert!(Entry::decode(&encode(accepted()), vault, &keys()).is_err());
    }

    #[test]
    fn two_adds_at_once_fork_and_the_next_merges() {
        let mut chain = Chain::default();
        chain.add("a", 1);
        let before = chain.heads();
        let one = chain.put(before.next(snapshot("a"), 2).unwrap());
        let two = chain.put(before.next(snapshot("b"), 3).unwrap());
        let forked = chain.heads();
        assert_eq!(forked.heads.len(), 2);
        assert_eq!(forked.roll()["a"].id, one);
        assert_eq!(forked.roll()["b"].id, two);
        let three = chain.add("c", 4);
        let merged = chain.heads();
        assert_eq!(merged.heads.len(), 1);
        assert_eq!(merged.newest().unwrap().0, three);
        assert_eq!(merged.newest().unwrap().1.count, 4);
        assert_eq!(merged.roll().len(), 3);
    }

    #[test]
    fn a_removed_entry_is_missed() {
        let mut chain = Chain::default();
        chain.add("a", 1);
        let middle = chain.add("b", 2);
        chain.add("c", 3);
        assert!(chain.heads().missing.is_empty());
        chain.0.remove(&middle);
        assert_eq!(chain.heads().missing, [middle].into());
    }

    #[test]
    fn head_codes_are_short_and_differ() {
        let key = MacKey::new([1; 32]);
        let code = head_code(&key, 12, EntryId::new([1; 32]));
        assert_eq!(code.len(), "12-XXXX-XXXX".len());
        assert_ne!(code, head_code(&key, 12, EntryId::new([2; 32])));
    }
}
