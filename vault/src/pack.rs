//! Blocks, the directory and the padding of a pack: its plaintext, byte by byte (spec 8).
//!
//! A pack is written front to back by [`PackWriter`], which gives frames to append, and read from
//! its end by [`Directory::read`].
#![warn(clippy::arithmetic_side_effects)]

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::chunk::{self, ChunkType, Reference};
use crate::error::Result;
use crate::format;
use crate::id::{ChunkId, MacKey, PackTag, VaultId};
use crate::keys::Compartment;
use crate::wire::{self, Head, Malformed, Reader, Refusal};

/// The two sorts of packs and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Content; in `sealed` everything.
    Data,
    /// Tree nodes and list chunks.
    Nodes,
}

impl Class {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Data, Self::Nodes];

    /// Its byte in the format.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Data => format::CLASS_DATA,
            Self::Nodes => format::CLASS_NODES,
        }
    }

    /// The class that chunks of a type belong to in `general`.
    pub const fn of(kind: ChunkType) -> Self {
        match kind {
            ChunkType::Data => Self::Data,
            ChunkType::List | ChunkType::Node => Self::Nodes,
        }
    }
}

/// One chunk in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its id.
    pub id: ChunkId,
    /// What it holds.
    pub kind: ChunkType,
    /// Its length in bytes.
    pub length: u32,
}

/// One block of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Offset of its frame in the pack's plaintext.
    pub start: u32,
    /// Length of its frame.
    pub frame_length: u32,
    /// Length of its content.
    pub content_length: u32,
    /// Its chunks in order.
    pub pieces: Vec<Piece>,
}

impl Block {
    /// The place of every chunk of the block.
    pub fn places(&self) -> impl Iterator<Item = (Piece, Place)> + '_ {
        let mut offset = 0_u32;
        self.pieces.iter().map(move |piece| {
            let place = Place {
                start: self.start,
                frame_length: self.frame_length,
                offset,
                length: piece.length,
            };
            offset = offset.saturating_add(piece.length);
            (*piece, place)
        })
    }
}

/// Where a chunk lies in a pack's plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Offset of the block's frame.
    pub start: u32,
    /// Length of the frame.
    pub frame_length: u32,
    /// Offset of the chunk in the block's content.
    pub offset: u32,
    /// Length of the chunk.
    pub length: u32,
}

/// The secrets of a sealed pack: the public tag that references name, the salt that ids need.
pub struct Salt {
    /// Names the pack inside the vault.
    pub tag: PackTag,
    /// The key of its chunks' ids.
    pub key: MacKey,
    bytes: Zeroizing<[u8; 32]>,
}

impl Salt {
    /// The salt of a new pack, or one read from a directory.
    pub fn new(tag: PackTag, bytes: [u8; 32]) -> Self {
        Self { tag, key: MacKey::new(bytes), bytes: Zeroizing::new(bytes) }
    }
}

/// Whose pack it is and of which sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The vault.
    pub vault: VaultId,
    /// `general` or `sealed`.
    pub compartment: Compartment,
    /// Data or nodes.
    pub class: Class,
}

impl Kind {
    fn head(&self) -> Head {
        Head {
            object: format::OBJECT_PACK,
            compartment: self.compartment.byte(),
            class: self.class.byte(),
            vault: self.vault,
        }
    }
}

/// The length of a skippable frame's own head.
const FRAME_HEAD_SIZE: usize = 8;
/// Where the first block begins.
const BLOCKS_START: u32 = 40;
/// The length of the trailer frame.
const TRAILER_FRAME: u64 = 56;

/// Builds the plaintext of a pack from frames that [`Compressor::frame`] or [`raw_frame`] made.
pub struct PackWriter {
    kind: Kind,
    salt: Option<Salt>,
    blocks: Vec<Block>,
    length: u32,
    /// An upper bound of what the directory will take.
    directory_size: u64,
}

impl PackWriter {
    /// Begins a pack; the bytes given are its first.
    pub fn begin(kind: Kind, salt: Option<Salt>) -> (Self, Vec<u8>) {
        let mut bytes = skippable(format::FRAME_HEAD, format::HEAD_SIZE);
        bytes.extend_from_slice(&kind.head().encode());
        let writer =
            Self { kind, salt, blocks: Vec::new(), length: BLOCKS_START, directory_size: 96 };
        (writer, bytes)
    }

    /// Notes the frame that is appended next.
    ///
    /// # Errors
    /// When the pack would be larger than the format allows.
    pub fn push(&mut self, frame_length: usize, pieces: Vec<Piece>) -> Result<(), Malformed> {
        let too_long = Malformed::new("a pack that is too long", 0);
        let frame_length = u32::try_from(frame_length).map_err(|_| too_long)?;
        let content: u64 = pieces.iter().map(|piece| u64::from(piece.length)).sum();
        let content_length = u32::try_from(content).map_err(|_| too_long)?;
        let end = self.length.checked_add(frame_length).ok_or(too_long)?;
        self.directory_size = self
            .directory_size
            .saturating_add(16)
            .saturating_add(42_u64.saturating_mul(pieces.len() as u64));
        self.blocks.push(Block { start: self.length, frame_length, content_length, pieces });
        self.length = end;
        Ok(())
    }

    /// The length of the plaintext so far.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Whether this is a good place to end: long enough, and with little padding to come; or too
    /// long to go on.
    pub fn is_full(&self) -> bool {
        let content = u64::from(self.length)
            .saturating_add(self.directory_size)
            .saturating_add(FRAME_HEAD_SIZE as u64)
            .saturating_add(TRAILER_FRAME);
        let most = format::PACK_TARGET.saturating_mul(3).wrapping_div(2);
        let least = format::PACK_TARGET.wrapping_div(4).saturating_mul(3);
        if self.directory_size >= format::DIRECTORY_MAX as u64 / 2 {
            return true;
        }
        if content < least {
            return false;
        }
        // The longer the pack already is, the more padding is taken to end it.
        let patience = (16_384_u64).saturating_add(content.saturating_sub(least).wrapping_div(64));
        content >= most || self.padded(content).saturating_sub(content) <= patience
    }

    /// The bytes that end the pack, and its blocks.
    pub fn finish(self, mac_key: &MacKey) -> (Vec<u8>, Vec<Block>) {
        let directory = self.encode_directory();
        let unpadded = u64::from(self.length)
            .saturating_add(FRAME_HEAD_SIZE as u64)
            .saturating_add(directory.len() as u64)
            .saturating_add(TRAILER_FRAME);
        let padding = self.padded(unpadded).saturating_sub(unpadded);
        let padding = usize::try_from(padding).expect("padding is a fraction of a pack");
        let content = directory.len().saturating_add(padding);
        let mut bytes = skippable(format::FRAME_DIRECTORY, content);
        bytes.extend_from_slice(&directory);
        bytes.resize(bytes.len().saturating_add(padding), 0);
        bytes.extend_from_slice(&skippable(format::FRAME_TRAILER, format::TRAILER_SIZE));
        let directory_length = u32::try_from(directory.len()).expect("a directory fits its pack");
        let place = encode_place(u64::from(self.length), directory_length);
        bytes.extend_from_slice(&place);
        bytes.extend_from_slice(&mac_key.mac(&[&self.kind.head().encode(), &place, &directory]));
        (bytes, self.blocks)
    }

    fn padded(&self, length: u64) -> u64 {
        let size = wire::padme(length, format::PACK_PAD_MIN);
        match self.kind.compartment {
            Compartment::Sealed => size.next_multiple_of(format::PACK_PAD_MIN),
            Compartment::Index | Compartment::General => size,
        }
    }

    fn encode_directory(&self) -> Vec<u8> {
        let blocks = self.blocks.iter().map(|block| {
            let pieces = block.pieces.iter();
            let pieces =
                pieces.map(|p| WirePiece(*p.id.bytes(), p.kind.byte(), p.length)).collect();
            WireBlock(block.frame_length, block.content_length, pieces)
        });
        let tag = self.salt.as_ref().map(|salt| salt.tag.bytes().to_vec()).unwrap_or_default();
        let salt = self.salt.as_ref().map(|salt| salt.bytes.to_vec()).unwrap_or_default();
        let class = self.kind.class.byte();
        wire::encode(&WireDirectory(format::VERSION, class, tag, salt, blocks.collect()))
    }
}

fn encode_place(directory_start: u64, directory_length: u32) -> [u8; 16] {
    let mut place = [0; 16];
    let fields = directory_start.to_le_bytes().into_iter().chain(directory_length.to_le_bytes());
    for (slot, byte) in place.iter_mut().zip(fields) {
        *slot = byte;
    }
    place
}

fn skippable(magic: u32, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).expect("a skippable frame is at most a directory long");
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&magic.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes
}

#[derive(Serialize, Deserialize)]
struct WireDirectory(
    u8,
    u8,
    #[serde(with = "serde_bytes")] Vec<u8>,
    #[serde(with = "serde_bytes")] Vec<u8>,
    Vec<WireBlock>,
);

#[derive(Serialize, Deserialize)]
struct WireBlock(u32, u32, Vec<WirePiece>);

#[derive(Serialize, Deserialize)]
struct WirePiece(#[serde(with = "serde_bytes")] [u8; 32], u8, u32);

/// What a pack says of itself, verified.
pub struct Directory {
    /// The blocks in order.
    pub blocks: Vec<Block>,
    /// In `sealed`: tag and salt.
    pub salt: Option<Salt>,
}

impl Directory {
    /// Reads the directory of a pack whose authenticated plaintext has `length` bytes; `read`
    /// fills a buffer from an offset of the plaintext.
    ///
    /// # Errors
    /// What `read` gives, and everything spec P-1 refuses.
    pub fn read(
        kind: Kind,
        mac_key: &MacKey,
        length: u64,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<()>,
    ) -> Result<Self> {
        let mut first = [0; 40];
        let mut last = [0; 56];
        if length < 104 {
            return Err(Malformed::new("a pack that is too short", 0).into());
        }
        read(0, &mut first)?;
        let head = read_head(kind, &first)?;
        read(length.saturating_sub(TRAILER_FRAME), &mut last)?;
        let trailer = Trailer::decode(&last)?;
        let frame_length = length
            .saturating_sub(TRAILER_FRAME)
            .checked_sub(trailer.directory_start)
            .and_then(|length| usize::try_from(length).ok())
            .filter(|&length| length <= format::DIRECTORY_MAX)
            .ok_or(Malformed::new("a directory that is not in the pack", 0))?;
        let mut frame = Zeroizing::new(vec![0; frame_length]);
        read(trailer.directory_start, &mut frame)?;
        let directory = trailer.verify(&head, &frame, mac_key)?;
        Ok(Self::decode(kind, directory, trailer.directory_start)?)
    }

    fn decode(kind: Kind, bytes: &[u8], end: u64) -> Result<Self, Refusal> {
        let WireDirectory(version, class, tag, salt, wire_blocks) =
            wire::decode(bytes, format::DIRECTORY_MAX)?;
        if version != format::VERSION || class != kind.class.byte() {
            return Err(Malformed::new("a directory of another version or class", 0).into());
        }
        let salt = match (kind.compartment, tag.as_slice(), salt.as_slice()) {
            (Compartment::General, [], []) => None,
            (Compartment::Sealed, tag, salt) => {
                let tag = PackTag::try_from(tag).map_err(|_| Malformed::new("no tag", 0))?;
                let salt = salt.try_into().map_err(|_| Malformed::new("no salt", 0))?;
                Some(Salt::new(tag, salt))
            }
            _ => return Err(Malformed::new("a tag or salt where none belongs", 0).into()),
        };
        let mut start = BLOCKS_START;
        let mut blocks = Vec::with_capacity(wire_blocks.len());
        for WireBlock(frame_length, content_length, pieces) in wire_blocks {
            let pieces =
                pieces.into_iter().map(decode_piece).collect::<Result<Vec<_>, Malformed>>()?;
            let sum = pieces.iter().try_fold(0_u32, |sum, piece| sum.checked_add(piece.length));
            if sum != Some(content_length)
                || usize::try_from(content_length).unwrap_or(usize::MAX) > format::BLOCK_MAX
            {
                return Err(Malformed::new("a block whose chunks do not fill it", 0).into());
            }
            if kind.compartment == Compartment::Sealed && pieces.len() != 1 {
                return Err(Malformed::new("several chunks in a sealed block", 0).into());
            }
            blocks.push(Block { start, frame_length, content_length, pieces });
            start = start
                .checked_add(frame_length)
                .ok_or(Malformed::new("frame lengths that overflow", 0))?;
        }
        if u64::from(start) != end {
            return Err(Malformed::new("blocks that do not fill the pack", 0).into());
        }
        Ok(Self { blocks, salt })
    }
}

fn decode_piece(WirePiece(id, kind, length): WirePiece) -> Result<Piece, Malformed> {
    let kind = ChunkType::of_byte(kind).ok_or(Malformed::new("an unknown chunk type", 0))?;
    Ok(Piece { id: ChunkId::new(id), kind, length })
}

fn read_head(kind: Kind, frame: &[u8; 40]) -> Result<[u8; 32], Refusal> {
    let mut reader = Reader::new(frame);
    if reader.u32()? != format::FRAME_HEAD || reader.u32()? != 32 {
        return Err(Malformed::new("no head frame", 0).into());
    }
    let bytes = reader.array()?;
    if Head::decode(&bytes)? != kind.head() {
        return Err(Malformed::new("the head of another object", 8).into());
    }
    Ok(bytes)
}

struct Trailer {
    directory_start: u64,
    directory_length: u32,
    mac: [u8; 32],
}

impl Trailer {
    fn decode(frame: &[u8; 56]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(frame);
        if reader.u32()? != format::FRAME_TRAILER || reader.u32()? != 48 {
            return Err(Malformed::new("no trailer frame", 0));
        }
        let directory_start = reader.u64()?;
        let directory_length = reader.u32()?;
        if reader.u32()? != 0 {
            return Err(Malformed::new("reserved bytes are not zero", 20));
        }
        Ok(Self { directory_start, directory_length, mac: reader.array()? })
    }

    /// The directory in its frame, once frame, padding and MAC are right.
    fn verify<'a>(
        &self,
        head: &[u8; 32],
        frame: &'a [u8],
        mac_key: &MacKey,
    ) -> Result<&'a [u8], Malformed> {
        let mut reader = Reader::new(frame);
        let magic = reader.u32()?;
        let content = reader.u32()?;
        if magic != format::FRAME_DIRECTORY || u64::from(content) != reader.left() as u64 {
            return Err(Malformed::new("no directory frame", 0));
        }
        let length = usize::try_from(self.directory_length)
            .map_err(|_| Malformed::new("a directory that is too long", 0))?;
        let directory = reader.take(length)?;
        let mut mac = mac_key.start();
        mac.update(head);
        mac.update(&encode_place(self.directory_start, self.directory_length));
        mac.update(directory);
        if !mac.verify(&self.mac) {
            return Err(Malformed::new("a directory that nobody with a key wrote", 0));
        }
        if reader.rest().iter().any(|&byte| byte != 0) {
            return Err(Malformed::new("padding that is not zero", 0));
        }
        Ok(directory)
    }
}

/// The largest content of one raw block in a zstd frame.
const RAW_BLOCK: usize = 131_072;
/// Magic, and a frame header descriptor for a single segment with a content size of four bytes.
const RAW_FRAME_START: [u8; 5] = [0x28, 0xB5, 0x2F, 0xFD, 0xA0];

/// Appends `content` to `frame` as a zstd frame of raw blocks (spec P-3). `content` is not empty
/// and at most [`format::BLOCK_MAX`] long.
pub fn raw_frame(content: &[u8], frame: &mut Vec<u8>) {
    let length = u32::try_from(content.len()).expect("a block is at most BLOCK_MAX long");
    frame.extend_from_slice(&RAW_FRAME_START);
    frame.extend_from_slice(&length.to_le_bytes());
    let mut blocks = content.chunks(RAW_BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let size = u32::try_from(block.len()).expect("a raw block is at most 128 KiB");
        let last = u32::from(blocks.peek().is_none());
        let [a, b, c, _] = ((size << 3) | last).to_le_bytes();
        frame.extend_from_slice(&[a, b, c]);
        frame.extend_from_slice(block);
    }
}

/// Appends the content of a frame that [`raw_frame`] wrote to `content`; none when it is not such
/// a frame.
pub fn read_raw_frame(frame: &[u8], content: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader::new(frame);
    if reader.array() != Ok(RAW_FRAME_START) {
        return None;
    }
    let mut left = usize::try_from(reader.u32().ok()?).ok()?;
    if left == 0 || left > format::BLOCK_MAX {
        return None;
    }
    content.reserve(left);
    while left > 0 {
        let size = left.min(RAW_BLOCK);
        let last = u32::from(size == left);
        let [a, b, c] = reader.array().ok()?;
        let header = u32::from_le_bytes([a, b, c, 0]);
        if header != (u32::try_from(size).ok()? << 3) | last {
            return None;
        }
        content.extend_from_slice(reader.take(size).ok()?);
        left = left.saturating_sub(size);
    }
    reader.end().ok()
}

/// Compresses blocks of `general`; keeps zstd's memory between them.
pub struct Compressor {
    context: zstd::zstd_safe::CCtx<'static>,
}

impl Compressor {
    /// A compressor of the given zstd level.
    pub fn new(level: i32) -> Self {
        use zstd::zstd_safe::CParameter;
        let mut context = zstd::zstd_safe::CCtx::create();
        for parameter in [
            CParameter::CompressionLevel(level),
            CParameter::ChecksumFlag(true),
            CParameter::ContentSizeFlag(true),
            CParameter::WindowLog(21),
        ] {
            context.set_parameter(parameter).expect("zstd knows its own parameters");
        }
        Self { context }
    }

    /// Replaces `frame` with `content` as one frame: compressed, or raw when that is not smaller by
    /// a fiftieth.
    pub fn frame(&mut self, content: &[u8], frame: &mut Vec<u8>) {
        frame.clear();
        frame.reserve(zstd::zstd_safe::compress_bound(content.len()));
        let written = self.context.compress2(frame, content);
        let small_enough = content.len().saturating_sub(content.len().wrapping_div(50));
        if written.is_err() || frame.len() >= small_enough {
            frame.clear();
            raw_frame(content, frame);
        }
    }
}

/// Opens blocks of either compartment.
pub struct Decompressor {
    context: zstd::zstd_safe::DCtx<'static>,
}

impl Default for Decompressor {
    fn default() -> Self {
        let mut context = zstd::zstd_safe::DCtx::create();
        context
            .set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(23))
            .expect("zstd knows its own parameters");
        Self { context }
    }
}

impl Decompressor {
    /// Replaces `content` with what is in `frame`. A sealed frame is raw and goes through no code
    /// but ours; others must say their content size, at most [`format::BLOCK_MAX`] (spec P-2, P-3).
    pub fn open(
        &mut self,
        frame: &[u8],
        sealed: bool,
        content: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        content.clear();
        if read_raw_frame(frame, content).is_some() {
            return Ok(());
        }
        content.clear();
        if sealed {
            return Err(Malformed::new("a sealed block that is not raw", 0));
        }
        let size = zstd::zstd_safe::get_frame_content_size(frame)
            .ok()
            .flatten()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|&size| size <= format::BLOCK_MAX)
            .ok_or(Malformed::new(
                "a block without a content size, or with one over the limit",
                0,
            ))?;
        if zstd::zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
            return Err(Malformed::new("a block that is not one frame", 0));
        }
        content.reserve(size);
        let read = self.context.decompress(content, frame);
        if read == Ok(size) {
            Ok(())
        } else {
            Err(Malformed::new("a block that does not decompress", 0))
        }
    }
}

/// Whether `bytes` are the chunk that `reference` names, under the id key of `general` or the salt
/// of the sealed pack (spec C-1).
pub fn is_chunk(key: &MacKey, reference: &Reference, kind: ChunkType, bytes: &[u8]) -> bool {
    chunk::chunk_id(key, kind, bytes) == reference.id
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows has failed")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(compartment: Compartment) -> Kind {
        Kind { vault: VaultId::new([5; 16]), compartment, class: Class::Data }
    }

    fn sample(compartment: Compartment) -> (Vec<u8>, Vec<Block>) {
        let salt =
            (compartment == Compartment::Sealed).then(|| Salt::new(PackTag::new([1; 16]), [2; 32]));
        let (mut writer, mut bytes) = PackWriter::begin(kind(compartment), salt);
        let mut compressor = Compressor::new(3);
        for n in 0..5_u8 {
            let content = vec![n; 1000 * usize::from(n) + 1];
            let mut frame = Vec::new();
            if compartment == Compartment::Sealed {
                raw_frame(&content, &mut frame);
            } else {
                compressor.frame(&content, &mut frame);
            }
            let id = chunk::chunk_id(&MacKey::new([3; 32]), ChunkType::Data, &content);
            let length = u32::try_from(content.len()).unwrap();
            writer.push(frame.len(), vec![Piece { id, kind: ChunkType::Data, length }]).unwrap();
            bytes.extend_from_slice(&frame);
        }
        let (end, blocks) = writer.finish(&MacKey::new([4; 32]));
        bytes.extend_from_slice(&end);
        (bytes, blocks)
    }

    fn read(bytes: &[u8], compartment: Compartment) -> Result<Directory> {
        Directory::read(
            kind(compartment),
            &MacKey::new([4; 32]),
            bytes.len() as u64,
            |at, buffer| {
                let at = usize::try_from(at).unwrap();
                let end = at + buffer.len();
                let part = bytes.get(at..end).ok_or(Malformed::new("cut short", at))?;
                buffer.copy_from_slice(part);
                Ok(())
            },
        )
    }

    #[test]
    fn directories_round_trip_and_sizes_are_padded() {
        for compartment in [Compartment::General, Compartment::Sealed] {
            let (bytes, blocks) = sample(compartment);
            assert_eq!(bytes.len(), 65_536);
            assert_eq!(read(&bytes, compartment).unwrap().blocks, blocks);
        }
    }

    #[test]
    fn every_flip_outside_the_blocks_is_refused() {
        let (bytes, blocks) = sample(Compartment::General);
        let last = blocks.last().unwrap();
        let blocks_end = (last.start + last.frame_length) as usize;
        for at in (0..40).chain(blocks_end..bytes.len()) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            assert!(read(&bytes, Compartment::General).is_err(), "byte {at}");
        }
        assert!(read(&bytes, Compartment::Sealed).is_err());
    }

    #[test]
    fn stock_rules_of_zstd_hold_for_raw_frames() {
        for length in [1, 131_071, 131_072, 131_073, 300_000] {
            let content: Vec<u8> = (0..length).map(|n: u32| (n % 251) as u8).collect();
            let mut frame = Vec::new();
            raw_frame(&content, &mut frame);
            let mut by_zstd = Vec::with_capacity(content.len());
            zstd::zstd_safe::decompress(&mut by_zstd, &frame).unwrap();
            assert_eq!(by_zstd, content);
            let mut by_us = Vec::new();
            Decompressor::default().open(&frame, true, &mut by_us).unwrap();
            assert_eq!(by_us, content);
        }
    }

    #[test]
    fn bombs_are_refused_before_they_unfold() {
        let mut compressor = Compressor::new(1);
        let mut frame = Vec::new();
        compressor.frame(&vec![0; format::BLOCK_MAX + 1], &mut frame);
        let mut content = Vec::new();
        assert!(Decompressor::default().open(&frame, false, &mut content).is_err());
        frame.clear();
        compressor.frame(&vec![0; 100_000], &mut frame);
        assert!(Decompressor::default().open(&frame, true, &mut content).is_err(), "sealed");
        frame.push(0);
        assert!(Decompressor::default().open(&frame, false, &mut content).is_err(), "trailing");
    }

    proptest! {
        #[test]
        fn frames_open_to_what_they_hold(content in proptest::collection::vec(0..4_u8, 1..5000)) {
            let mut frame = Vec::new();
            Compressor::new(3).frame(&content, &mut frame);
            let mut opened = Vec::new();
            Decompressor::default().open(&frame, false, &mut opened).unwrap();
            prop_assert_eq!(opened, content);
        }

        #[test]
        fn opening_noise_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut content = Vec::new();
            let _result = Decompressor::default().open(&bytes, false, &mut content);
        }
    }
}
