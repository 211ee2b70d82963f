//! Tables: which pack holds which chunk of `general` (spec 10). A look-up reads one or two pieces
//! of a table; nothing loads it all.
#![warn(clippy::arithmetic_side_effects)]

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io;

use crate::error::{Error, Result};
use crate::format;
use crate::id::{ChunkId, MacKey, PackId, TableId, VaultId};
use crate::keys::Compartment;
use crate::pack::{Class, Place};
use crate::wire::{self, Head, Malformed, Reader};

/// Where one chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The chunk.
    pub id: ChunkId,
    /// The pack that holds it.
    pub pack: PackId,
    /// Its place there.
    pub place: Place,
}

/// The size of everything before the pack list.
const FIXED_SIZE: usize = format::HEAD_SIZE + format::TABLE_HEAD_SIZE + format::FANOUT * 4;
/// How many rows one step of a look-up reads.
const WINDOW_ROWS: u64 = 64;

/// Reads the plaintext of a table: fills a buffer from an offset.
pub trait Plaintext {
    /// Its authenticated length.
    fn length(&self) -> u64;

    /// Fills `buffer` from `offset`.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()>;
}

/// An open table.
pub struct Table<P> {
    plaintext: P,
    row_count: u64,
    fanout: Vec<u32>,
    packs: Vec<PackId>,
    superseded: Vec<TableId>,
    rows_start: u64,
}

/// The keys that vouch for a table.
pub struct TableKeys {
    /// Held by every writer.
    pub writer: MacKey,
    /// Held by readers of `general`.
    pub reader: Option<MacKey>,
}

impl TableKeys {
    /// Whether the holder of these keys may leave content out by the word of a table whose writer
    /// MAC is right: whoever can tell a reader's word from a writer's takes only that (spec T-1).
    pub fn suffices(&self, has_reader_mac: bool) -> bool {
        has_reader_mac || self.reader.is_none()
    }
}

impl<P: Plaintext> Table<P> {
    /// Reads the head, the fan-out and the lists of a table.
    pub fn open(mut plaintext: P, vault: VaultId, class: Class) -> Result<Self> {
        let mut fixed = [0; FIXED_SIZE];
        if plaintext.length() < FIXED_SIZE as u64 {
            return Err(Malformed::new("a table that is too short", 0).into());
        }
        plaintext.read_at(0, &mut fixed)?;
        let mut reader = Reader::new(&fixed);
        if Head::decode(&reader.array()?)? != head(vault, class) {
            return Err(Malformed::new("the head of another object", 0).into());
        }
        let row_count = reader.u64()?;
        let pack_count = u64::from(reader.u32()?);
        let superseded_count = u64::from(reader.u32()?);
        if reader.array()? != [0; 16] {
            return Err(Malformed::new("reserved bytes are not zero", 48).into());
        }
        let fanout = (0..format::FANOUT).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>()?;
        let lists = pack_count.saturating_add(superseded_count).saturating_mul(32);
        let rows_start = (FIXED_SIZE as u64).saturating_add(lists);
        let end = row_count
            .checked_mul(format::ROW_SIZE as u64)
            .and_then(|rows| rows.checked_add(rows_start))
            .and_then(|end| end.checked_add(64));
        // spec A-1: lengths are compared with the authenticated one before they are used.
        if end.is_none_or(|end| end > plaintext.length())
            || fanout.last().map(|&count| u64::from(count)) != Some(row_count)
            || !fanout.is_sorted()
        {
            return Err(Malformed::new("a table whose lengths do not fit", 32).into());
        }
        let mut ids = |count: u64, start: u64| -> Result<Vec<[u8; 32]>> {
            let size = usize::try_from(count.saturating_mul(32)).map_err(too_long)?;
            let mut bytes = vec![0; size];
            plaintext.read_at(start, &mut bytes)?;
            let (ids, _) = bytes.as_chunks::<32>();
            Ok(ids.to_vec())
        };
        let packs = ids(pack_count, FIXED_SIZE as u64)?;
        let after_packs = (FIXED_SIZE as u64).saturating_add(pack_count.saturating_mul(32));
        let superseded = ids(superseded_count, after_packs)?;
        Ok(Self {
            row_count,
            fanout,
            packs: packs.into_iter().map(PackId::new).collect(),
            superseded: superseded.into_iter().map(TableId::new).collect(),
            rows_start,
            plaintext,
        })
    }

    /// How many chunks it lists.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// The packs it knows.
    pub fn packs(&self) -> &[PackId] {
        &self.packs
    }

    /// The tables it took over.
    pub fn superseded(&self) -> &[TableId] {
        &self.superseded
    }

    /// All places of a chunk that the table knows; unverified, the chunk's id decides.
    pub fn find(&mut self, id: &ChunkId) -> Result<Vec<Row>> {
        let [first, rest @ ..] = id.bytes();
        let bucket = usize::from(*first);
        let count_at = |at: usize| self.fanout.get(at).map_or(0, |&count| u64::from(count));
        let mut low = bucket.checked_sub(1).map_or(0, count_at);
        let mut high = count_at(bucket);
        let share = rest.iter().take(8).fold(0_u64, |share, &byte| share << 8 | u64::from(byte));
        let guess = low.saturating_add(scale(high.saturating_sub(low), share));
        let mut step = 0_u32;
        while low < high {
            // Ids are uniform, so the guess is near; a hostile table costs a few bisections more.
            let middle = low.saturating_add(high.saturating_sub(low).wrapping_div(2));
            let near = if step < 6 { guess } else { middle };
            step = step.saturating_add(1);
            let start =
                near.saturating_sub(WINDOW_ROWS.wrapping_div(2)).clamp(low, high.saturating_sub(1));
            let end = start.saturating_add(WINDOW_ROWS).min(high);
            let rows = self.rows(start, end)?;
            let (Some(window_first), Some(window_last)) = (rows.first(), rows.last()) else {
                break;
            };
            if id < &window_first.id {
                high = start;
            } else if id > &window_last.id {
                low = end;
            } else {
                return Ok(rows.into_iter().filter(|row| row.id == *id).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Goes through all rows and then verifies the MACs over everything, so what `each` was given
    /// counts only when this succeeds. The reader MAC may be absent; the result says whether it is
    /// there, and right if there is a key to tell by (spec T-1).
    pub fn verify(&mut self, keys: &TableKeys, mut each: impl FnMut(Row)) -> Result<bool> {
        let mut writer = keys.writer.start();
        let mut reader = keys.reader.as_ref().map(MacKey::start);
        let mut at = 0;
        let mut buffer = vec![0; format::ROW_SIZE.saturating_mul(1260)];
        while at < self.rows_start {
            let left = usize::try_from(self.rows_start.saturating_sub(at)).map_err(too_long)?;
            let size = left.min(buffer.len());
            let part = buffer.get_mut(..size).unwrap_or_default();
            self.plaintext.read_at(at, part)?;
            writer.update(part);
            if let Some(reader) = &mut reader {
                reader.update(part);
            }
            at = at.saturating_add(size as u64);
        }
        let end = self.row_count.saturating_mul(format::ROW_SIZE as u64).saturating_add(at);
        let mut before: Option<ChunkId> = None;
        while at < end {
            let left = usize::try_from(end.saturating_sub(at)).map_err(too_long)?;
            let size = left.min(buffer.len());
            let part = buffer.get_mut(..size).unwrap_or_default();
            self.plaintext.read_at(at, part)?;
            writer.update(part);
            if let Some(reader) = &mut reader {
                reader.update(part);
            }
            for row in part.chunks_exact(format::ROW_SIZE) {
                let row = decode_row(row, &self.packs)?;
                if before.is_some_and(|before| before > row.id) {
                    return Err(Malformed::new("rows out of order", 0).into());
                }
                before = Some(row.id);
                each(row);
            }
            at = at.saturating_add(size as u64);
        }
        let mut macs = [0; 64];
        self.plaintext.read_at(end, &mut macs)?;
        let mut fields = Reader::new(&macs);
        let (writer_mac, reader_mac) = (fields.array()?, fields.array()?);
        if !writer.verify(&writer_mac) {
            return Err(Malformed::new("a table that nobody with a key wrote", 0).into());
        }
        if reader_mac == [0; 32] {
            return Ok(false);
        }
        if reader.is_some_and(|reader| !reader.verify(&reader_mac)) {
            return Err(Malformed::new("a table with a wrong reader MAC", 0).into());
        }
        Ok(true)
    }

    /// The rows from `start` up to `end`.
    fn rows(&mut self, start: u64, end: u64) -> Result<Vec<Row>> {
        let size = format::ROW_SIZE as u64;
        let length =
            usize::try_from(end.saturating_sub(start).saturating_mul(size)).map_err(too_long)?;
        let mut bytes = vec![0; length];
        self.plaintext
            .read_at(self.rows_start.saturating_add(start.saturating_mul(size)), &mut bytes)?;
        bytes.chunks_exact(format::ROW_SIZE).map(|row| decode_row(row, &self.packs)).collect()
    }
}

fn too_long(_: std::num::TryFromIntError) -> Error {
    Malformed::new("a table that is too long", 0).into()
}

/// `range · share ÷ 2^64`.
fn scale(range: u64, share: u64) -> u64 {
    let product = u128::from(range).saturating_mul(u128::from(share));
    u64::try_from(product >> 64).unwrap_or(range)
}

fn head(vault: VaultId, class: Class) -> Head {
    let compartment = Compartment::Index.byte();
    Head { object: format::OBJECT_TABLE, compartment, class: class.byte(), vault }
}

fn decode_row(bytes: &[u8], packs: &[PackId]) -> Result<Row> {
    let mut reader = Reader::new(bytes);
    let id = ChunkId::new(reader.array()?);
    let pack = usize::try_from(reader.u32()?).ok().and_then(|at| packs.get(at)).copied();
    let pack = pack.ok_or(Malformed::new("a row of no pack", 32))?;
    let place = Place {
        start: reader.u32()?,
        frame_length: reader.u32()?,
        offset: reader.u32()?,
        length: reader.u32()?,
    };
    reader.end()?;
    Ok(Row { id, pack, place })
}

/// Rows that come in order, as often as they are asked for.
pub trait SortedRows {
    /// Calls `each` with every row, ascending, without repeats.
    fn for_each(&mut self, each: &mut dyn FnMut(Row) -> Result<()>) -> Result<()>;
}

/// The union of tables and of rows in memory.
pub struct Union<'a, P> {
    /// Open tables, verified before.
    pub tables: &'a mut [Table<P>],
    /// Rows in ascending order.
    pub rows: &'a [Row],
}

impl<P: Plaintext> SortedRows for Union<'_, P> {
    fn for_each(&mut self, each: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        let memory = self.tables.len();
        let mut fresh = self.rows.iter().copied();
        let mut runs: Vec<Run> = self.tables.iter().map(|_| Run::default()).collect();
        let mut heap = BinaryHeap::new();
        for (at, (table, run)) in self.tables.iter_mut().zip(&mut runs).enumerate() {
            heap.extend(run.next(table)?.map(|row| Reverse((row, at))));
        }
        heap.extend(fresh.next().map(|row| Reverse((row, memory))));
        let mut before = None;
        while let Some(Reverse((row, at))) = heap.pop() {
            if before != Some(row) {
                each(row)?;
                before = Some(row);
            }
            let next = match (self.tables.get_mut(at), runs.get_mut(at)) {
                (Some(table), Some(run)) => run.next(table)?,
                _ => fresh.next(),
            };
            heap.extend(next.map(|row| Reverse((row, at))));
        }
        Ok(())
    }
}

/// A part of a table being merged.
#[derive(Default)]
struct Run {
    rows: std::vec::IntoIter<Row>,
    at: u64,
}

impl Run {
    fn next<P: Plaintext>(&mut self, table: &mut Table<P>) -> Result<Option<Row>> {
        if let Some(row) = self.rows.next() {
            return Ok(Some(row));
        }
        let end = self.at.saturating_add(1260).min(table.row_count);
        self.rows = table.rows(self.at, end)?.into_iter();
        self.at = end;
        Ok(self.rows.next())
    }
}

/// Writes the plaintext of a table: `rows` are gone through twice, first to count them. The reader
/// MAC is left out when there is no key for it.
pub fn write_table(
    vault: VaultId,
    class: Class,
    rows: &mut dyn SortedRows,
    superseded: &BTreeSet<TableId>,
    writer_key: &MacKey,
    reader_key: Option<&MacKey>,
    out: &mut dyn io::Write,
) -> Result<u64> {
    let mut counts = vec![0_u32; format::FANOUT];
    let mut packs = BTreeSet::new();
    rows.for_each(&mut |row| {
        let [first, ..] = *row.id.bytes();
        if let Some(count) = counts.get_mut(usize::from(first)) {
            *count = count.saturating_add(1);
        }
        packs.insert(row.pack);
        Ok(())
    })?;
    let row_count: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let packs: Vec<PackId> = packs.into_iter().collect();
    let mut sink = MacSink {
        out,
        writer: writer_key.start(),
        reader: reader_key.map(MacKey::start),
        length: 0,
    };
    sink.put(&head(vault, class).encode())?;
    sink.put(&row_count.to_le_bytes())?;
    sink.put(&count_u32(packs.len())?.to_le_bytes())?;
    sink.put(&count_u32(superseded.len())?.to_le_bytes())?;
    sink.put(&[0; 16])?;
    let mut sum = 0_u32;
    for count in counts {
        sum = sum.checked_add(count).ok_or(Malformed::new("a table that is too long", 0))?;
        sink.put(&sum.to_le_bytes())?;
    }
    packs.iter().try_for_each(|pack| sink.put(pack.bytes()))?;
    superseded.iter().try_for_each(|table| sink.put(table.bytes()))?;
    rows.for_each(&mut |row| {
        let pack = packs.binary_search(&row.pack).unwrap_or_default();
        sink.put(row.id.bytes())?;
        let place = row.place;
        for field in [count_u32(pack)?, place.start, place.frame_length, place.offset, place.length]
        {
            sink.put(&field.to_le_bytes())?;
        }
        Ok(())
    })?;
    sink.finish()?;
    Ok(row_count)
}

fn count_u32(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(too_long)
}

struct MacSink<'a> {
    out: &'a mut dyn io::Write,
    writer: crate::id::MacRun,
    reader: Option<crate::id::MacRun>,
    length: u64,
}

impl MacSink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.update(bytes);
        if let Some(reader) = &mut self.reader {
            reader.update(bytes);
        }
        self.write(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.out.write_all(bytes).map_err(|error| Error::io("writing a table", error))
    }

    fn finish(mut self) -> Result<()> {
        let writer = std::mem::replace(&mut self.writer, MacKey::new([0; 32]).start()).finish();
        let reader = self.reader.take().map_or([0; 32], crate::id::MacRun::finish);
        self.write(&writer)?;
        self.write(&reader)?;
        let padded = wire::padme(self.length, format::OBJECT_PAD_MIN);
        let zeros = [0; 4096];
        while self.length < padded {
            let left = usize::try_from(padded.saturating_sub(self.length)).map_err(too_long)?;
            self.write(zeros.get(..left.min(zeros.len())).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// Which tables of a class, given with their row counts, a new table of `row_count` rows should
/// take over, so that few remain and each is several times the next (spec 14).
pub fn tables_to_merge<T: Clone>(row_count: u64, tables: &[(T, u64)]) -> Vec<T> {
    let mut by_size: Vec<_> = tables.iter().collect();
    by_size.sort_by_key(|(_, rows)| *rows);
    let mut merged = row_count;
    let mut taken: Vec<T> = Vec::new();
    for (table, rows) in &by_size {
        let kept = by_size.len().saturating_sub(taken.len()).saturating_add(1);
        if *rows >= merged.saturating_mul(format::TIER_FACTOR) && kept <= format::TABLES_MAX {
            break;
        }
        merged = merged.saturating_add(*rows);
        taken.push(table.clone());
    }
    taken
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test that overflows has failed"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Plaintext for Vec<u8> {
        fn length(&self) -> u64 {
            self.len() as u64
        }

        fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
            let start = usize::try_from(offset).unwrap();
            let part = self.get(start..start + buffer.len());
            buffer.copy_from_slice(part.ok_or(Malformed::new("cut short", start))?);
            Ok(())
        }
    }

    fn keys() -> TableKeys {
        TableKeys { writer: MacKey::new([1; 32]), reader: Some(MacKey::new([2; 32])) }
    }

    fn row(n: u64) -> Row {
        let id = ChunkId::new(MacKey::new([7; 32]).mac(&[&n.to_le_bytes()]));
        let pack = PackId::new([(n % 5) as u8; 32]);
        let start = n as u32;
        Row { id, pack, place: Place { start, frame_length: 2, offset: 3, length: 4 } }
    }

    fn sorted(range: std::ops::Range<u64>) -> Vec<Row> {
        let mut rows: Vec<Row> = range.map(row).collect();
        rows.sort_unstable();
        rows
    }

    fn write(rows: &[Row], tables: &mut [Table<Vec<u8>>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let keys = keys();
        write_table(
            VaultId::new([9; 16]),
            Class::Data,
            &mut Union { tables, rows },
            &BTreeSet::from([TableId::new([4; 32])]),
            &keys.writer,
            keys.reader.as_ref(),
            &mut bytes,
        )
        .unwrap();
        bytes
    }

    fn open(bytes: Vec<u8>) -> Result<Table<Vec<u8>>> {
        Table::open(bytes, VaultId::new([9; 16]), Class::Data)
    }

    #[test]
    fn every_row_is_found_and_no_other() {
        for count in [0, 1, 2, 63, 64, 65, 20_000] {
            let mut table = open(write(&sorted(0..count), &mut [])).unwrap();
            assert!(table.verify(&keys(), |_| {}).unwrap());
            for n in 0..count {
                assert_eq!(table.find(&row(n).id).unwrap(), [row(n)], "{n} of {count}");
            }
            for n in count..count + 300 {
                assert_eq!(table.find(&row(n).id).unwrap(), []);
            }
        }
    }

    #[test]
    fn merging_is_a_union() {
        let tables = [0..300, 200..400];
        let mut tables: Vec<_> =
            tables.into_iter().map(|range| open(write(&sorted(range), &mut [])).unwrap()).collect();
        let merged = open(write(&sorted(390..500), &mut tables)).unwrap();
        let mut rows = Vec::new();
        let mut merged = merged;
        merged.verify(&keys(), |row| rows.push(row)).unwrap();
        assert_eq!(rows, sorted(0..500));
    }

    #[test]
    fn every_flip_is_refused_by_verification() {
        let bytes = write(&sorted(0..20), &mut []);
        let end = FIXED_SIZE + 5 * 32 + 32 + 20 * 52 + 32;
        for at in 0..end {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x40;
            let result = open(bytes).and_then(|mut table| table.verify(&keys(), |_| {}));
            assert!(result.is_err(), "byte {at}");
        }
    }

    #[test]
    fn few_tables_remain() {
        let mut tables: Vec<(u64, u64)> = Vec::new();
        for add in 0..1000 {
            let taken = tables_to_merge(10, &tables);
            let rows: u64 = tables.iter().filter(|(t, _)| taken.contains(t)).map(|(_, r)| r).sum();
            tables.retain(|(table, _)| !taken.contains(table));
            tables.push((add, rows + 10));
            assert!(tables.len() <= format::TABLES_MAX);
        }
        assert_eq!(tables.iter().map(|(_, rows)| rows).sum::<u64>(), 10_000);
    }

    proptest! {
        #[test]
        fn a_table_of_noise_does_not_panic(noise in proptest::collection::vec(any::<u8>(), 0..3000), at in 32..1100_usize) {
            let mut bytes = write(&sorted(0..20), &mut []);
            let end = (at + noise.len()).min(bytes.len());
            let part = &mut bytes[at..end];
            part.copy_from_slice(&noise[..part.len()]);
            if let Ok(mut table) = open(bytes) {
                let _found = table.find(&row(3).id);
                let refused = table.verify(&keys(), |_| {}).is_err();
                prop_assert!(noise.is_empty() || refused);
            }
        }
    }
}
