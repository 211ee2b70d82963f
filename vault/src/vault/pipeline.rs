//! The threads of an `add`: blocks are compressed, packed and encrypted, and read back, each stage
//! in a thread of its own, joined by bounded queues whose buffers are used again.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use super::Vault;
use super::objects::{self, Hashed, Stored, pack_name};
use crate::error::{Error, ErrorKind, Result};
use crate::format;
use crate::id::{PackId, PackTag, TableId};
use crate::index::{self, Row, Union};
use crate::keys::Compartment;
use crate::pack::{
    Block, Class, Compressor, Decompressor, Directory, Kind, PackWriter, Piece, Salt,
};
use crate::payload::{self, FileKey};
use crate::store::Upload;

/// How many blocks, and how many frames, wait between two stages.
const QUEUE: usize = 4;

/// Which pack a block goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Content of `general`.
    Data,
    /// Nodes and lists of `general`.
    Nodes,
    /// Everything of `sealed`.
    Sealed,
}

impl Lane {
    fn compartment(self) -> Compartment {
        match self {
            Self::Data | Self::Nodes => Compartment::General,
            Self::Sealed => Compartment::Sealed,
        }
    }

    fn class(self) -> Class {
        match self {
            Self::Data | Self::Sealed => Class::Data,
            Self::Nodes => Class::Nodes,
        }
    }
}

/// A chunk on its way, with a checksum taken together with its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub(super) piece: Piece,
    pub(super) crc: u32,
}

/// What the first stage hands on.
pub(super) enum Job {
    /// A block of `general` to be compressed and put into the lane's pack.
    Block { lane: Lane, content: Vec<u8>, pieces: Vec<Checked> },
    /// A block that is a raw frame already.
    Frame { lane: Lane, frame: Vec<u8>, pieces: Vec<Checked> },
    /// From here on sealed blocks go to a new pack with this salt.
    Salt(Salt),
}

enum Framed {
    Frame { lane: Lane, frame: Vec<u8>, pieces: Vec<Checked> },
    Salt(Salt),
}

/// A pack that is written, encrypted and not yet believed.
struct Written {
    lane: Lane,
    upload: Box<dyn Upload>,
    id: PackId,
    length: u64,
    tag: Option<PackTag>,
    file_key: FileKey,
    blocks: Vec<Block>,
    checks: Vec<Vec<Checked>>,
}

/// The producer's end of the pipeline.
pub(super) struct Feed {
    jobs: SyncSender<Job>,
    spare: Receiver<Vec<u8>>,
}

impl Feed {
    /// Hands on a job; waits while the queue is full.
    pub(super) fn send(&self, job: Job) -> Result<()> {
        self.jobs.send(job).map_err(|_| stopped())
    }

    /// An empty buffer, a used one if there is one.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.spare.try_recv().unwrap_or_default()
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Failed, "a later stage stopped")
}

/// What the pipeline stored.
#[derive(Default)]
pub(super) struct Outcome {
    /// Places of data chunks that are in no table yet.
    pub(super) data_rows: Vec<Row>,
    /// Places of all nodes and lists.
    pub(super) node_rows: Vec<Row>,
    /// The sealed packs by their tags.
    pub(super) sealed: BTreeMap<PackTag, PackId>,
    /// Packs that did not read back as they were written, and were discarded.
    pub(super) discarded: u64,
    /// Bytes of all packs and tables.
    pub(super) bytes_stored: u64,
    /// Content bytes of packs since the last table.
    unindexed: u64,
}

/// Runs `produce` with the stages behind it and gives what both made.
///
/// # Errors
/// The first error down the line: a full medium, a failed read back, a worker that stopped.
pub(super) fn run<T>(
    vault: &Vault,
    level: i32,
    produce: impl FnOnce(&Feed) -> Result<T>,
) -> Result<(T, Outcome)> {
    thread::scope(|scope| {
        let (jobs, jobs_in) = mpsc::sync_channel(QUEUE);
        let (frames, frames_in) = mpsc::sync_channel(QUEUE);
        let (packs, packs_in) = mpsc::sync_channel(1);
        let (content_back, spare) = mpsc::channel();
        let (frame_back, spare_frames) = mpsc::channel();
        let compressor =
            scope.spawn(move || compress(level, &jobs_in, &frames, &content_back, &spare_frames));
        let writer = scope.spawn(move || Packer::new(vault, packs).run(&frames_in, &frame_back));
        let verifier = scope.spawn(move || verify_all(vault, &packs_in));
        let feed = Feed { jobs, spare };
        let produced = produce(&feed);
        drop(feed);
        let join = |error: Box<dyn std::any::Any + Send>| {
            drop(error);
            Error::new(ErrorKind::Failed, "a worker thread stopped; this is a bug")
        };
        let compressed = compressor.join().map_err(join).flatten();
        let written = writer.join().map_err(join).flatten();
        // The stage furthest down knows the cause; those before only saw it stop.
        let outcome = verifier.join().map_err(join).flatten()?;
        written?;
        compressed?;
        Ok((produced?, outcome))
    })
}

fn compress(
    level: i32,
    jobs: &Receiver<Job>,
    frames: &SyncSender<Framed>,
    content_back: &Sender<Vec<u8>>,
    spare_frames: &Receiver<Vec<u8>>,
) -> Result<()> {
    let mut compressor = Compressor::new(level);
    for job in jobs {
        let framed = match job {
            Job::Salt(salt) => Framed::Salt(salt),
            Job::Frame { lane, frame, pieces } => {
                // One buffer goes on, so another one goes back.
                drop(content_back.send(spare_frames.try_recv().unwrap_or_default()));
                Framed::Frame { lane, frame, pieces }
            }
            Job::Block { lane, mut content, pieces } => {
                let mut frame = spare_frames.try_recv().unwrap_or_default();
                compressor.frame(&content, &mut frame);
                content.clear();
                // The producer may have gone; its buffer is then not needed again.
                drop(content_back.send(content));
                Framed::Frame { lane, frame, pieces }
            }
        };
        frames.send(framed).map_err(|_| stopped())?;
    }
    Ok(())
}

/// Puts frames into packs.
struct Packer<'v> {
    vault: &'v Vault,
    packs: SyncSender<Written>,
    open: BTreeMap<Lane, OpenPack>,
    salt: Option<Salt>,
}

struct OpenPack {
    writer: PackWriter,
    out: payload::Writer<Hashed>,
    tag: Option<PackTag>,
    file_key: FileKey,
    checks: Vec<Vec<Checked>>,
}

impl<'v> Packer<'v> {
    fn new(vault: &'v Vault, packs: SyncSender<Written>) -> Self {
        Self { vault, packs, open: BTreeMap::new(), salt: None }
    }

    fn run(mut self, frames: &Receiver<Framed>, frame_back: &Sender<Vec<u8>>) -> Result<()> {
        for framed in frames {
            match framed {
                Framed::Salt(salt) => {
                    self.close(Lane::Sealed)?;
                    self.salt = Some(salt);
                }
                Framed::Frame { lane, mut frame, pieces } => {
                    self.put(lane, &frame, pieces)?;
                    frame.clear();
                    // The compressor may have gone; its buffer is then not needed again.
                    drop(frame_back.send(frame));
                }
            }
        }
        [Lane::Data, Lane::Sealed, Lane::Nodes].into_iter().try_for_each(|lane| self.close(lane))
    }

    fn put(&mut self, lane: Lane, frame: &[u8], pieces: Vec<Checked>) -> Result<()> {
        if !self.open.contains_key(&lane) {
            let opened = self.begin(lane)?;
            self.open.insert(lane, opened);
        }
        let Some(open) = self.open.get_mut(&lane) else { return Ok(()) };
        std::io::Write::write_all(&mut open.out, frame)
            .map_err(|error| Error::io("writing a pack", error))?;
        open.writer.push(frame.len(), pieces.iter().map(|checked| checked.piece).collect())?;
        open.checks.push(pieces);
        // The producer decides where a sealed pack ends: references name it before.
        if lane != Lane::Sealed && open.writer.is_full() { self.close(lane) } else { Ok(()) }
    }

    fn begin(&mut self, lane: Lane) -> Result<OpenPack> {
        let vault = self.vault;
        let salt = match lane {
            Lane::Sealed => self.salt.take(),
            Lane::Data | Lane::Nodes => None,
        };
        let tag = salt.as_ref().map(|salt| salt.tag);
        let kind = Kind { vault: vault.id(), compartment: lane.compartment(), class: lane.class() };
        let (writer, first) = PackWriter::begin(kind, salt);
        let (file_key, nonce) = objects::draw(&vault.random);
        let hashed = Hashed::new(vault.store.create()?);
        let recipient = vault.keys.bundle.recipient(lane.compartment());
        let mut out = payload::Writer::new(recipient, &file_key, nonce, hashed)?;
        std::io::Write::write_all(&mut out, &first)
            .map_err(|error| Error::io("writing a pack", error))?;
        Ok(OpenPack { writer, out, tag, file_key, checks: Vec::new() })
    }

    fn close(&mut self, lane: Lane) -> Result<()> {
        let Some(mut open) = self.open.remove(&lane) else { return Ok(()) };
        let (last, blocks) = open.writer.finish(self.vault.keys.pack_mac(lane.compartment()));
        std::io::Write::write_all(&mut open.out, &last)
            .map_err(|error| Error::io("writing a pack", error))?;
        let (upload, id, length) = open.out.finish()?.finish();
        let written = Written {
            lane,
            upload,
            id: PackId::new(id),
            length,
            tag: open.tag,
            file_key: open.file_key,
            blocks,
            checks: open.checks,
        };
        self.packs.send(written).map_err(|_| stopped())
    }
}

/// Reads every pack back and publishes those that are what was written (spec P-5).
fn verify_all(vault: &Vault, packs: &Receiver<Written>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut verifier = Verifier::default();
    for mut written in packs {
        if !verifier.is_whole(vault, &mut written)? {
            outcome.discarded = outcome.discarded.saturating_add(1);
            continue;
        }
        written.upload.publish(&pack_name(written.id))?;
        outcome.bytes_stored = outcome.bytes_stored.saturating_add(written.length);
        let rows = written.blocks.iter().flat_map(Block::places);
        let rows = rows.map(|(piece, place)| Row { id: piece.id, pack: written.id, place });
        match written.lane {
            Lane::Data => outcome.data_rows.extend(rows),
            Lane::Nodes => outcome.node_rows.extend(rows),
            Lane::Sealed => outcome.sealed.extend(written.tag.map(|tag| (tag, written.id))),
        }
        outcome.unindexed = outcome.unindexed.saturating_add(written.length);
        if outcome.unindexed >= format::CHECKPOINT_BYTES {
            checkpoint(vault, &mut outcome)?;
        }
    }
    Ok(outcome)
}

/// Writes a table of what is stored so far, so that an interrupted add need not store it again.
fn checkpoint(vault: &Vault, outcome: &mut Outcome) -> Result<()> {
    vault.store.barrier()?;
    outcome.data_rows.sort_unstable();
    let rows = std::mem::take(&mut outcome.data_rows);
    let (_, bytes) = write_table(vault, Class::Data, &rows, &mut [], &[])?;
    outcome.bytes_stored = outcome.bytes_stored.saturating_add(bytes);
    outcome.unindexed = 0;
    Ok(())
}

/// Writes a table of `rows` and of open `tables`, which it takes over; gives its id and size.
pub(super) fn write_table(
    vault: &Vault,
    class: Class,
    rows: &[Row],
    tables: &mut [index::Table<objects::Plain>],
    superseded: &[TableId],
) -> Result<(TableId, u64)> {
    let keys = &vault.keys;
    let superseded = superseded.iter().copied().collect();
    let (id, rows) = objects::write_object(
        vault.store.as_ref(),
        &keys.bundle,
        &vault.random,
        Compartment::Index,
        |id| crate::store::Name::new(crate::store::Area::Index, id),
        |out| {
            let mut rows = Union { tables, rows };
            let reader = keys.table.reader.as_ref();
            index::write_table(
                vault.id(),
                class,
                &mut rows,
                &superseded,
                &keys.table.writer,
                reader,
                out,
            )
        },
    )?;
    Ok((TableId::new(id), rows.saturating_mul(format::ROW_SIZE as u64)))
}

#[derive(Default)]
struct Verifier {
    decompressor: Decompressor,
    frame: Vec<u8>,
    content: Vec<u8>,
}

impl Verifier {
    /// Whether the medium gives back what was written: opened, decompressed, every chunk with the
    /// checksum taken when it was named, and the directory.
    fn is_whole(&mut self, vault: &Vault, written: &mut Written) -> Result<bool> {
        let object = Stored(written.upload.read_back()?);
        let Ok(mut reader) = payload::Reader::with_file_key(object, &written.file_key) else {
            return Ok(false);
        };
        let sealed = written.lane == Lane::Sealed;
        for (block, checks) in written.blocks.iter().zip(&written.checks) {
            self.frame.resize(usize::try_from(block.frame_length).unwrap_or(0), 0);
            if reader.read_at(u64::from(block.start), &mut self.frame).is_err()
                || self.decompressor.open(&self.frame, sealed, &mut self.content).is_err()
                || !has_checksums(&self.content, checks)
            {
                return Ok(false);
            }
        }
        // What lies behind the blocks too: without its directory a sealed pack is lost.
        let kind = Kind {
            vault: vault.id(),
            compartment: written.lane.compartment(),
            class: written.lane.class(),
        };
        let mac_key = vault.keys.pack_mac(kind.compartment);
        let length = reader.plain_length();
        let directory =
            Directory::read(kind, mac_key, length, |at, buffer| reader.read_at(at, buffer));
        Ok(directory.is_ok_and(|directory| directory.blocks == written.blocks))
    }
}

fn has_checksums(content: &[u8], checks: &[Checked]) -> bool {
    let mut rest = content;
    for checked in checks {
        let length = usize::try_from(checked.piece.length).unwrap_or(usize::MAX);
        let Some((chunk, after)) = rest.split_at_checked(length) else { return false };
        if crc32fast::hash(chunk) != checked.crc {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}
