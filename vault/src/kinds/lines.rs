//! Content lines, of which vCard and iCalendar files are made, as they stream: where in the content
//! each is, and how it begins.
//!
//! A line goes on where a blank follows a line end (it is folded), be it in the middle of a
//! character. LF, CRLF and any run of CR with or without LF end a line. Of a line of any length only
//! its first bytes are kept, which is enough for what gives a file its structure: `BEGIN:NAME` and
//! `END:NAME`. What those lines hold together is read again by its place, with [`Pieces`].

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use super::text::{self, Encoding};

/// How many first bytes of a line are kept.
const HEAD_SIZE: usize = 64;
/// How many bytes are read at a time.
const READ_SIZE: usize = 64 << 10;
/// Stands for a byte order mark among code units of two bytes.
const WIDE_MARK: u8 = 0xFF;
/// Stands for any other unit that is not ASCII.
const WIDE_OTHER: u8 = 0x80;

/// A line with what it is folded into.
pub(super) struct Line {
    /// Where in the content it is, with its line end.
    pub(super) range: Range<u64>,
    head: [u8; HEAD_SIZE],
    length: usize,
}

/// What a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does<'a> {
    /// Opens a component of this name.
    Begin(&'a [u8]),
    /// Closes a component of this name.
    End(&'a [u8]),
    /// Nothing is on it.
    Blank,
    /// Any other.
    Other,
}

impl Line {
    /// The first bytes, without folds.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get(..self.length).unwrap_or_default().trim_ascii()
    }

    /// What it does for the structure of its file.
    pub(super) fn does(&self) -> Does<'_> {
        does(self.head())
    }

    /// Whether it is a property of that name that has no value, but for what may follow it.
    pub(super) fn is_bare(&self, name: &[u8]) -> bool {
        self.length < HEAD_SIZE && self.head().ends_with(b":") && self.is_property(name)
    }

    /// Whether it is a property of that name.
    pub(super) fn is_property(&self, name: &[u8]) -> bool {
        let rest = self.head().split_at_checked(name.len());
        rest.is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(name) && matches!(rest.first(), Some(b':' | b';'))
        })
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.head.get_mut(self.length..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.length += count;
    }
}

/// What a line does that begins so.
pub(super) fn does(line: &[u8]) -> Does<'_> {
    let line = line.trim_ascii();
    let mut parts = line.splitn(2, |byte| *byte == b':');
    let word = parts.next().unwrap_or_default().trim_ascii_end();
    match parts.next().map(<[u8]>::trim_ascii) {
        Some(name) if word.eq_ignore_ascii_case(b"BEGIN") => Does::Begin(name),
        Some(name) if word.eq_ignore_ascii_case(b"END") => Does::End(name),
        _ if line.is_empty() => Does::Blank,
        _ => Does::Other,
    }
}

/// The lines of a file.
pub(super) struct Lines<R> {
    reader: R,
    encoding: Encoding,
    /// The length of the byte order mark.
    pub(super) mark: usize,
    /// Units that were read, one byte each.
    units: Vec<u8>,
    /// How many of them were passed.
    passed: usize,
    /// The first byte of a unit whose second is not read yet.
    half: Option<u8>,
    /// Where in the content the units that were passed end.
    place: u64,
}

impl<R: Read> Lines<R> {
    /// The lines of all that `reader` gives; its encoding is told by its first bytes.
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        let mut units = Vec::with_capacity(READ_SIZE);
        reader.by_ref().take(READ_SIZE as u64).read_to_end(&mut units)?;
        let (encoding, mark) = text::encoding(&units);
        units.drain(..mark.min(units.len()));
        let place = mark as u64;
        let mut lines = Self { reader, encoding, mark, units, passed: 0, half: None, place };
        lines.narrow();
        Ok(lines)
    }

    /// The next line; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        if self.peek()?.is_none() {
            return Ok(None);
        }
        let start = self.place;
        let mut line = Line { range: start..start, head: [0; HEAD_SIZE], length: 0 };
        loop {
            self.pass_text(&mut line)?;
            self.pass_line_end()?;
            if !matches!(self.peek()?, Some(b' ' | b'\t')) {
                break;
            }
            self.pass(1);
        }
        line.range.end = self.place;
        self.drop_mark(&mut line);
        Ok(Some(line))
    }

    fn pass_text(&mut self, line: &mut Line) -> io::Result<()> {
        while self.peek()?.is_some() {
            let units = self.units.get(self.passed..).unwrap_or_default();
            let end = units.iter().position(|unit| matches!(unit, b'\n' | b'\r'));
            let count = end.unwrap_or(units.len());
            line.push(units.get(..count).unwrap_or_default());
            self.pass(count);
            if end.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn pass_line_end(&mut self) -> io::Result<()> {
        while self.peek()? == Some(b'\r') {
            self.pass(1);
        }
        if self.peek()? == Some(b'\n') {
            self.pass(1);
        }
        Ok(())
    }

    /// Files that were put one behind the other have marks in their middle.
    fn drop_mark(&self, line: &mut Line) {
        let mark: &[u8] = match self.encoding {
            Encoding::Bytes => b"\xEF\xBB\xBF",
            Encoding::Little | Encoding::Big => &[WIDE_MARK],
        };
        let kept = line.head.get(..line.length).unwrap_or_default();
        if kept.starts_with(mark) {
            line.range.start += mark.len() as u64 * self.width();
            line.head.rotate_left(mark.len());
            line.length -= mark.len();
        }
    }

    fn width(&self) -> u64 {
        if self.encoding == Encoding::Bytes { 1 } else { 2 }
    }

    fn pass(&mut self, units: usize) {
        self.passed += units;
        self.place += units as u64 * self.width();
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            if let Some(unit) = self.units.get(self.passed) {
                return Ok(Some(*unit));
            }
            self.units.clear();
            self.passed = 0;
            self.units.extend(self.half.take());
            let read = self.reader.by_ref().take(READ_SIZE as u64).read_to_end(&mut self.units)?;
            if read == 0 {
                // Half a unit is cut off text, and in no line.
                self.units.clear();
                return Ok(None);
            }
            self.narrow();
        }
    }

    /// Makes each unit of two bytes one byte.
    fn narrow(&mut self) {
        if self.encoding == Encoding::Bytes {
            return;
        }
        let (pairs, rest) = self.units.as_chunks::<2>();
        self.half = rest.first().copied();
        let narrow = |pair: &[u8; 2]| match self.encoding.unit(*pair) {
            0xFEFF => WIDE_MARK,
            unit => u8::try_from(unit).ok().filter(u8::is_ascii).unwrap_or(WIDE_OTHER),
        };
        self.units = pairs.iter().map(narrow).collect();
    }
}

/// Parts of content, read by their places. Those that follow each other are read in one go.
pub(super) struct Pieces<'a, R> {
    reader: BufReader<&'a mut R>,
    place: u64,
}

impl<'a, R: Read + Seek> Pieces<'a, R> {
    pub(super) fn new(content: &'a mut R) -> io::Result<Self> {
        content.rewind()?;
        Ok(Self { reader: BufReader::with_capacity(READ_SIZE, content), place: 0 })
    }

    /// The bytes at these places, one part behind the other.
    pub(super) fn read(&mut self, ranges: &[Range<u64>]) -> io::Result<Vec<u8>> {
        let size: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        for range in ranges {
            match range.start.checked_signed_diff(self.place) {
                Some(distance) => self.reader.seek_relative(distance)?,
                None => drop(self.reader.seek(SeekFrom::Start(range.start))?),
            }
            let size = range.end - range.start;
            let read = self.reader.by_ref().take(size).read_to_end(&mut bytes)?;
            self.place = range.start + read as u64;
        }
        Ok(bytes)
    }
}

/// Appends a part, which makes one with the part it follows.
pub(super) fn append(parts: &mut Vec<Range<u64>>, part: Range<u64>) {
    match parts.last_mut() {
        Some(last) if last.end == part.start => last.end = part.end,
        _ => parts.push(part),
    }
}

/// A line in the encoding of `like`, ended as the first line there is.
pub(super) fn line_like(like: &[u8], line: &str) -> Vec<u8> {
    let text = text::decode(like);
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let ends = end.and_then(|end| text.get(end..)).unwrap_or(b"\r\n");
    let end = match ends {
        [b'\n', ..] => "\n",
        [b'\r', b'\n' | b'\r', ..] => "\r\n",
        _ => "\r",
    };
    in_encoding(text::encoding(like).0, &format!("{line}{end}"))
}

/// Whether text ends with a line end, in the encoding of `like`.
pub(super) fn is_ended(text: &[u8], like: &[u8]) -> bool {
    let (encoding, _) = text::encoding(like);
    let unit = match (encoding, text.last_chunk::<2>()) {
        (Encoding::Bytes, _) => text.last().copied().map(u16::from),
        (_, Some(pair)) => Some(encoding.unit(*pair)),
        (_, None) => None,
    };
    unit.is_some_and(|unit| unit == u16::from(b'\n') || unit == u16::from(b'\r'))
}

fn in_encoding(encoding: Encoding, text: &str) -> Vec<u8> {
    match encoding {
        Encoding::Bytes => text.as_bytes().to_vec(),
        Encoding::Little => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Encoding::Big => text
            .encode_utf16()
            .flat_map(|unit| {
                let [low, high] = unit.to_le_bytes();
                [high, low]
            })
            .collect(),
    }
}
