//! The payload of an age file: written as it comes, read at any place (age v1, "Payload").
//!
//! A nonce of 16 bytes, then the plaintext in pieces of 64 KiB, each sealed with ChaCha20-Poly1305
//! under its number and whether it is the last. The last piece may be short, and is empty only
//! when the whole plaintext is.
#![warn(clippy::arithmetic_side_effects)]

use std::io::{self, Write};

use age_core::format::Stanza;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::error::Unspecified;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::{Error, ErrorKind, Result};
use crate::format;
use crate::wire::Malformed;

use super::header::{self, Header};
use super::{FileKey, Identity, ReadAt, Recipient};

const LABEL: &[u8] = b"payload";
const NONCE_SIZE: usize = 16;
const TAG_SIZE: usize = 16;
const SEALED_SIZE: usize = format::AGE_PIECE + TAG_SIZE;
/// What a long read takes from the source at once; larger is not faster, and all of it is wiped.
const BATCH: u64 = 16;

// The same in the width of offsets.
const PIECE: u64 = format::AGE_PIECE as u64;
const TAG: u64 = TAG_SIZE as u64;
const SEALED: u64 = PIECE + TAG;

/// The key of one payload.
// `ring` does not wipe its keys. On the heap an allocator that wipes what it frees does.
struct PayloadKey(Box<LessSafeKey>);

impl PayloadKey {
    fn new(file_key: &FileKey, nonce: &[u8; NONCE_SIZE]) -> Self {
        let key = file_key.derive(nonce, LABEL);
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice())
            .expect("a key of this algorithm has 32 bytes");
        Self(Box::new(LessSafeKey::new(key)))
    }

    /// Seals `piece` and appends the tag.
    fn seal(&self, index: u64, is_last: bool, piece: &mut Vec<u8>) -> Result<(), Unspecified> {
        self.0.seal_in_place_append_tag(piece_nonce(index, is_last), Aad::empty(), piece)
    }

    /// Opens a piece where it lies; the tag behind it is left.
    fn open(&self, index: u64, is_last: bool, sealed: &mut [u8]) -> Result<(), Unspecified> {
        self.0.open_in_place(piece_nonce(index, is_last), Aad::empty(), sealed)?;
        Ok(())
    }
}

/// Eleven bytes of piece number and one that marks the last piece.
#[expect(clippy::big_endian_bytes, reason = "age's STREAM counter")]
fn piece_nonce(index: u64, is_last: bool) -> Nonce {
    let [a, b, c, d, e, f, g, h] = index.to_be_bytes();
    Nonce::assume_unique_for_key([0, 0, 0, a, b, c, d, e, f, g, h, u8::from(is_last)])
}

/// Seals what is written to it; the file is whole only after [`Writer::finish`].
pub struct Writer<W> {
    out: W,
    key: PayloadKey,
    index: u64,
    /// Plaintext that is not sealed yet: a full piece waits until it is known not to be the last.
    piece: Zeroizing<Vec<u8>>,
    has_failed: bool,
}

impl<W: Write> Writer<W> {
    /// Begins a file to `recipient` in `out`. `file_key` and `nonce` are drawn at random for this
    /// file: with both equal, two files would share a key stream.
    pub fn new(
        recipient: &Recipient,
        file_key: &FileKey,
        nonce: [u8; NONCE_SIZE],
        mut out: W,
    ) -> Result<Self> {
        let mut head = header::encode(&recipient.wrap(file_key)?, file_key);
        head.extend(nonce);
        out.write_all(&head).map_err(|error| Error::io("writing", error))?;
        let piece = Zeroizing::new(Vec::with_capacity(SEALED_SIZE));
        Ok(Self { out, key: PayloadKey::new(file_key, &nonce), index: 0, piece, has_failed: false })
    }

    /// Seals the last piece and gives back what was written to, which is not flushed.
    pub fn finish(mut self) -> Result<W> {
        self.put_piece(true).map_err(|error| Error::io("writing", error))?;
        Ok(self.out)
    }

    fn put_piece(&mut self, is_last: bool) -> io::Result<()> {
        // Half a piece may have gone out, and its number must not be used for other bytes.
        if std::mem::replace(&mut self.has_failed, true) {
            return Err(io::Error::other("an earlier write of this file failed"));
        }
        self.key
            .seal(self.index, is_last, &mut self.piece)
            .map_err(|_| io::Error::other("sealing a piece failed"))?;
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        self.index = self.index.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        self.has_failed = false;
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= format::AGE_PIECE && !buf.is_empty() {
            self.put_piece(false)?;
        }
        let room = format::AGE_PIECE.saturating_sub(self.piece.len());
        let taken = buf.get(..room).unwrap_or(buf);
        self.piece.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Flushes whole pieces; what is left of one stays here until it is full or the last.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads the plaintext of a file at any place, and gives no byte whose tag has not verified.
///
/// After an error it starts afresh: pieces that are whole can still be read.
pub struct Reader<S> {
    source: S,
    key: PayloadKey,
    layout: Layout,
    window: Window,
}

impl<S: ReadAt> Reader<S> {
    /// Opens a file with the first of `identities` that one of its stanzas is for. The header's
    /// MAC and the last piece are verified, so that the length is authentic.
    pub fn open(source: S, identities: &[&Identity]) -> Result<Self> {
        Self::begin(source, |header| unwrap(&header.stanzas, identities))
    }

    /// Opens a file by a file key that is still held, as its writer does to verify it.
    pub fn with_file_key(source: S, file_key: &FileKey) -> Result<Self> {
        let key_again = |_: &Header<'_>| Ok(Held::Borrowed(file_key));
        Self::begin(source, key_again)
    }

    fn begin<'k>(
        mut source: S,
        find_key: impl FnOnce(&Header<'_>) -> Result<Held<'k>>,
    ) -> Result<Self> {
        let length = source.length();
        let most = format::AGE_HEADER_MAX.saturating_add(NONCE_SIZE);
        let mut front = vec![0; usize::try_from(length).unwrap_or(most).min(most)];
        source.read_at(0, &mut front).map_err(|error| Error::io("reading", error))?;
        let header = Header::decode(&front).map_err(damaged)?;
        let nonce = front
            .get(header.length..)
            .and_then(|rest| rest.first_chunk())
            .ok_or(damaged(Malformed::new("a payload without its nonce", header.length)))?;
        let layout = Layout::new(length, header.length).map_err(damaged)?;
        let file_key = find_key(&header)?;
        header.verify(file_key.get()).map_err(damaged)?;
        let key = PayloadKey::new(file_key.get(), nonce);
        let mut reader = Self { source, key, layout, window: Window::default() };
        // Only its place and its mark of being the last make the length authentic.
        reader.load(reader.layout.last, 1)?;
        Ok(reader)
    }

    /// The length of the plaintext, which is authentic.
    pub fn plain_length(&self) -> u64 {
        self.layout.plain_length
    }

    /// Fills `buf` with the plaintext from `offset`, all of which must lie before the end. After
    /// an error `buf` holds zeros.
    pub fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let is_inside = offset
            .checked_add(buf.len() as u64)
            .is_some_and(|offset_end| offset_end <= self.layout.plain_length);
        let filled = if is_inside {
            self.fill(offset, buf)
        } else {
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            Err(damaged(Malformed::new("a place beyond the end", at)))
        };
        if filled.is_err() {
            buf.zeroize();
        }
        filled
    }

    fn fill(&mut self, mut offset: u64, mut buf: &mut [u8]) -> Result<()> {
        while !buf.is_empty() {
            if self.window.plain(offset).is_none() {
                let wanted = (offset % PIECE).saturating_add(buf.len() as u64).div_ceil(PIECE);
                self.load(offset / PIECE, wanted.min(BATCH))?;
            }
            let plain = self.window.plain(offset).unwrap_or_default();
            let count = plain.len().min(buf.len());
            let (now, later) = buf.split_at_mut(count);
            now.copy_from_slice(plain.get(..count).unwrap_or_default());
            buf = later;
            // An empty piece is read by nobody, as only an empty plaintext has one.
            offset = offset.saturating_add((count as u64).max(1));
        }
        Ok(())
    }

    /// Reads and opens `count` pieces from `first` into the window.
    fn load(&mut self, first: u64, count: u64) -> Result<()> {
        self.window.count = 0;
        let (offset, length) = self.layout.place(first, count);
        let sealed = self.window.room(length);
        self.source.read_at(offset, sealed).map_err(|error| Error::io("reading", error))?;
        for (index, piece) in (first..).zip(sealed.chunks_mut(SEALED_SIZE)) {
            self.key.open(index, index == self.layout.last, piece).map_err(|_| {
                let (offset, _) = self.layout.place(index, 1);
                let at = usize::try_from(offset).unwrap_or(usize::MAX);
                damaged(Malformed::new("a piece whose tag is wrong", at))
            })?;
        }
        self.window.first = first;
        self.window.count = count;
        self.window.length = length;
        Ok(())
    }
}

/// A file key that was unwrapped, or one that the caller holds.
enum Held<'a> {
    Owned(FileKey),
    Borrowed(&'a FileKey),
}

impl Held<'_> {
    fn get(&self) -> &FileKey {
        match self {
            Self::Owned(file_key) => file_key,
            Self::Borrowed(file_key) => file_key,
        }
    }
}

fn unwrap(stanzas: &[Stanza], identities: &[&Identity]) -> Result<Held<'static>> {
    for stanza in stanzas.iter().filter(|stanza| stanza.tag == header::X25519) {
        for identity in identities {
            if let Some(file_key) = identity.unwrap(stanza) {
                return file_key.map(Held::Owned).map_err(damaged);
            }
        }
    }
    Err(Error::new(ErrorKind::WrongKey, "no identity opens"))
}

fn damaged(malformed: Malformed) -> Error {
    Error::new(ErrorKind::Damaged, "opening").because(malformed)
}

/// Where the pieces of a payload lie.
struct Layout {
    /// The offset of the first piece.
    start: u64,
    /// The number of the last piece.
    last: u64,
    /// The length of all pieces with their tags.
    sealed_length: u64,
    plain_length: u64,
}

impl Layout {
    fn new(file_length: u64, header_length: usize) -> Result<Self, Malformed> {
        let cut_short = Malformed::new("a payload that is cut short", header_length);
        let start = (header_length as u64).saturating_add(NONCE_SIZE as u64);
        let sealed_length = file_length.checked_sub(start).ok_or(cut_short)?;
        let last = sealed_length.div_ceil(SEALED).checked_sub(1).ok_or(cut_short)?;
        let last_length = sealed_length.saturating_sub(last.saturating_mul(SEALED));
        let is_alone = last == 0;
        // age v1, "Payload": only an empty plaintext has an empty last piece.
        if last_length < TAG || (last_length == TAG && !is_alone) {
            return Err(cut_short);
        }
        let tags = last.saturating_add(1).saturating_mul(TAG);
        let plain_length = sealed_length.checked_sub(tags).ok_or(cut_short)?;
        Ok(Self { start, last, sealed_length, plain_length })
    }

    /// The offset of `count` pieces from `first` on, and their length with the tags.
    fn place(&self, first: u64, count: u64) -> (u64, usize) {
        let begin = first.saturating_mul(SEALED);
        let end = first.saturating_add(count).saturating_mul(SEALED).min(self.sealed_length);
        let length =
            usize::try_from(end.saturating_sub(begin)).expect("a batch is about a megabyte");
        (self.start.saturating_add(begin), length)
    }
}

/// The pieces opened last, one after the other with their tags between them.
#[derive(Default)]
struct Window {
    first: u64,
    /// How many pieces there are; none while they are being opened.
    count: u64,
    length: usize,
    bytes: Zeroizing<Vec<u8>>,
}

impl Window {
    /// A place for `length` bytes.
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() < length {
            // A vector that grows leaves a copy behind; a new one wipes the old.
            self.bytes = Zeroizing::new(vec![0; length]);
        }
        self.bytes.get_mut(..length).expect("there is room now")
    }

    /// The plaintext from `offset` to the end of its piece, if that piece is here.
    fn plain(&self, offset: u64) -> Option<&[u8]> {
        let nth = (offset / PIECE).checked_sub(self.first).filter(|&nth| nth < self.count)?;
        let sealed = usize::try_from(nth).ok()?.checked_mul(SEALED_SIZE)?;
        let piece = self.bytes.get(sealed..self.length)?;
        let piece = piece.get(..SEALED_SIZE).unwrap_or(piece);
        let plain = piece.get(..piece.len().checked_sub(TAG_SIZE)?)?;
        plain.get(usize::try_from(offset % PIECE).ok()?..)
    }
}
