//! What the look into containers reads from, and the limits it keeps.
//!
//! A [`Content`] is a file or a part of one, unpacked or not; every byte read from any of them,
//! at whatever depth, is taken from one [`Budget`]. That is what makes a bomb cheap: it is not
//! judged by its ratio, which honest exports have as well, but paid for until the money is gone.

use std::cell::Cell;
use std::io::{self, ErrorKind as IoKind, Read, Seek, SeekFrom};

/// Most bytes that are read and unpacked for one file, all depths together: the heads of many
/// thousand members, and below a second of a processor.
const READ_MAX: u64 = 256 << 20;
/// Most members of all containers in one file; more than a person's exports have, and few enough
/// that a head of each costs below a second.
const MEMBERS_MAX: u64 = 100_000;
/// Most bytes kept in memory at a time: zip directories, and zips that lie compressed in another
/// container, where nothing can be sought.
pub(super) const HELD_MAX: u64 = 64 << 20;
/// How many bytes of text behind their heads are read in one file, wherever in it they lie.
pub(super) const TEXT_MAX: u64 = 16 << 20;

/// How much of a text is looked at in one go, and how much of it again with the next: more than
/// any marker and what is looked at behind it.
const PIECE_SIZE: u64 = 1 << 20;
const OVERLAP: usize = 4096;

/// It was not read to where its answer stands.
pub(super) const TOO_MUCH: &str = "it holds more than is looked at";
const DAMAGED: &str = "damaged or cut off";

/// Why something could not be looked into, in words for a person.
#[derive(Debug)]
pub(super) struct Blocked(pub(super) &'static str);

pub(super) type Result<T> = std::result::Result<T, Blocked>;

impl Blocked {
    /// What failed to be read is damaged in the way `word` says, if it was not the budget.
    pub(super) fn damaged(error: &io::Error, word: &'static str) -> Self {
        Self(if error.kind() == IoKind::QuotaExceeded { TOO_MUCH } else { word })
    }
}

impl From<io::Error> for Blocked {
    fn from(error: io::Error) -> Self {
        Self::damaged(&error, DAMAGED)
    }
}

/// What may still be spent on one file.
pub(super) struct Budget {
    read: Cell<u64>,
    members: Cell<u64>,
    held: Cell<u64>,
    text: Cell<u64>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            read: Cell::new(READ_MAX),
            members: Cell::new(MEMBERS_MAX),
            held: Cell::new(HELD_MAX),
            text: Cell::new(TEXT_MAX),
        }
    }

    /// One more member.
    pub(super) fn member(&self) -> Result<()> {
        let left = self.members.get().checked_sub(1);
        self.members.set(left.ok_or(Blocked(TOO_MUCH))?);
        Ok(())
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let left = self.read.get().checked_sub(bytes as u64);
        self.read.set(left.ok_or(IoKind::QuotaExceeded)?);
        Ok(())
    }
}

/// Something to read from that can also be sought in.
pub(super) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// A file, or what a member of a container holds.
pub(super) struct Content<'a> {
    reader: Reader<'a>,
    budget: &'a Budget,
    /// Its length, or `u64::MAX` where only reading it to its end would tell.
    pub(super) length: u64,
}

enum Reader<'a> {
    /// Begins at 0.
    Seekable(&'a mut (dyn ReadSeek + 'a)),
    Stream(&'a mut (dyn Read + 'a)),
}

impl<'a> Content<'a> {
    pub(super) fn seekable(
        reader: &'a mut (dyn ReadSeek + 'a),
        length: u64,
        budget: &'a Budget,
    ) -> Self {
        Self { reader: Reader::Seekable(reader), budget, length }
    }

    pub(super) fn stream(reader: &'a mut (dyn Read + 'a), budget: &'a Budget) -> Self {
        Self { reader: Reader::Stream(reader), budget, length: u64::MAX }
    }

    pub(super) fn budget(&self) -> &'a Budget {
        self.budget
    }

    /// Reads until `bytes` has `wanted` of them or the content ends.
    pub(super) fn fill(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> io::Result<()> {
        let missing = wanted.saturating_sub(bytes.len()) as u64;
        self.by_ref().take(missing).read_to_end(bytes)?;
        Ok(())
    }

    /// Fills `bytes` from a place on. Only of what can be sought in.
    pub(super) fn read_at(&mut self, place: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.seek(place)?;
        self.read_exact(bytes)
    }

    /// Reads on behind `head`, as far as the budget for text reaches.
    pub(super) fn text(&mut self, head: &[u8]) -> io::Result<Vec<u8>> {
        if let Reader::Seekable(_) = self.reader {
            self.seek(head.len() as u64)?;
        }
        let mut text = head.to_vec();
        let before = self.budget.text.get();
        let read = self.by_ref().take(before).read_to_end(&mut text)? as u64;
        self.budget.text.set(before.saturating_sub(read));
        Ok(text)
    }

    /// Hands on what [`Self::text`] reads in pieces of which each begins with the end of the one
    /// before, until `look` has an answer.
    pub(super) fn pieces<T>(
        &mut self,
        head: &[u8],
        look: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Option<T>> {
        if let Reader::Seekable(_) = self.reader {
            self.seek(head.len() as u64)?;
        }
        let mut piece = head.to_vec();
        loop {
            if let Some(found) = look(&piece) {
                return Ok(Some(found));
            }
            piece.drain(..piece.len().saturating_sub(OVERLAP));
            let before = self.budget.text.get();
            let wanted = before.min(PIECE_SIZE);
            let read = self.by_ref().take(wanted).read_to_end(&mut piece)? as u64;
            self.budget.text.set(before.saturating_sub(read));
            if read == 0 {
                return Ok(None);
            }
        }
    }

    /// The last bytes, if it can be sought in and has that many.
    pub(super) fn last<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let Reader::Seekable(_) = self.reader else { return Ok(None) };
        let Some(place) = self.length.checked_sub(N as u64) else { return Ok(None) };
        let mut bytes = [0; N];
        self.read_at(place, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Hands all of it to `look`, from its first byte on; `head` is what was read of it already.
    pub(super) fn rewound<T>(
        mut self,
        head: &[u8],
        look: impl FnOnce(Content<'_>) -> Result<T>,
    ) -> Result<T> {
        match self.reader {
            Reader::Seekable(_) => {
                self.seek(0)?;
                look(self)
            }
            Reader::Stream(rest) => {
                let mut whole = head.chain(rest);
                let whole: &mut dyn Read = &mut whole;
                look(Content { reader: Reader::Stream(whole), ..self })
            }
        }
    }

    /// Hands all of it to `look` as something that can be sought in: from memory, if need be.
    pub(super) fn sought<T>(
        mut self,
        head: &[u8],
        look: impl FnOnce(Content<'_>) -> Result<T>,
    ) -> Result<T> {
        if let Reader::Seekable(_) = self.reader {
            return look(self);
        }
        let budget = self.budget;
        let mut bytes = head.to_vec();
        // One byte more than there is room for tells that it does not fit.
        self.by_ref().take(budget.held.get()).read_to_end(&mut bytes)?;
        let length = bytes.len() as u64;
        holding(budget, length, || {
            let mut bytes = io::Cursor::new(bytes);
            look(Content::seekable(&mut bytes, length, budget))
        })
    }

    /// Hands `length` bytes from `start` on to `look`, as content of their own.
    pub(super) fn section<T>(
        &mut self,
        start: u64,
        length: u64,
        look: impl FnOnce(Content<'_>) -> Result<T>,
    ) -> Result<T> {
        let Reader::Seekable(reader) = &mut self.reader else { return Err(Blocked(DAMAGED)) };
        let mut section = Section { reader: &mut **reader, start, length, at: 0 };
        section.rewind()?;
        look(Content::seekable(&mut section, length, self.budget))
    }

    /// Hands the next `length` bytes to `look`, as content of their own, and stands behind them
    /// then.
    pub(super) fn next<T>(
        &mut self,
        length: u64,
        look: impl FnOnce(Content<'_>) -> Result<T>,
    ) -> Result<T> {
        let budget = self.budget;
        match &mut self.reader {
            Reader::Seekable(reader) => {
                let start = reader.stream_position()?;
                let end = start.checked_add(length).filter(|end| *end <= self.length);
                let end = end.ok_or(Blocked(DAMAGED))?;
                let found = self.section(start, length, look)?;
                self.seek(end)?;
                Ok(found)
            }
            Reader::Stream(_) => {
                let mut part = self.by_ref().take(length);
                let reader: &mut dyn Read = &mut part;
                let found = look(Content { reader: Reader::Stream(reader), budget, length })?;
                let left = part.limit();
                let skipped = io::copy(&mut part, &mut io::sink())?;
                if skipped < left { Err(Blocked(DAMAGED)) } else { Ok(found) }
            }
        }
    }

    fn seek(&mut self, place: u64) -> io::Result<()> {
        let Reader::Seekable(reader) = &mut self.reader else {
            return Err(IoKind::NotSeekable.into());
        };
        reader.seek(SeekFrom::Start(place)).map(drop)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.reader {
            Reader::Seekable(reader) => reader.read(bytes),
            Reader::Stream(reader) => reader.read(bytes),
        }?;
        self.budget.spend(read)?;
        Ok(read)
    }
}

/// Does `work` while `bytes` of memory are held for it.
pub(super) fn holding<T>(
    budget: &Budget,
    bytes: u64,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let before = budget.held.get();
    budget.held.set(before.checked_sub(bytes).ok_or(Blocked(TOO_MUCH))?);
    let done = work();
    budget.held.set(before);
    done
}

/// A part of something, with places counted from its own start.
struct Section<'a> {
    reader: &'a mut (dyn ReadSeek + 'a),
    start: u64,
    length: u64,
    at: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let read = (&mut *self.reader).take(left).read(bytes)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let place = |at: u64| self.start.checked_add(at);
        let (at, place) = at.and_then(|at| Some((at, place(at)?))).ok_or(IoKind::InvalidInput)?;
        self.reader.seek(SeekFrom::Start(place))?;
        self.at = at;
        Ok(at)
    }
}
