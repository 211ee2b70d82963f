//! Splits a table into rows by their bytes, with little memory whatever the file.
//!
//! RFC 4180 with the liberties exports take: LF, CRLF or CR; any delimiter; UTF-8 or UTF-16. A row
//! is the bytes from its first cell to its line end; what is between rows (a mark, blank lines) is
//! in no row.
//!
//! It has a splitter of its own since a reader of CSV (the `csv` crate, with which the tests compare
//! every cell) tells neither where in the file a row ends nor that a quote was never closed. Here
//! that costs one row: a quote that stays open to the end of the file or for [`ROW_MAX`] bytes, or
//! one that is closed on a later line by what was meant as an opening one, breaks only the line it
//! stands on, and splitting goes on behind that.

use std::io::{self, Read};
use std::mem;
use std::ops::Range;

use zeroize::Zeroizing;

use super::text::{self, Encoding};

/// Longest row in bytes; a longer one is passed over.
pub(super) const ROW_MAX: usize = 8 << 20;
/// Most cells of a row that are told apart; the rest are counted.
pub(super) const CELLS_MAX: usize = 1024;
/// Most bytes that are read a second time behind open quotes, so that time stays linear.
const AGAIN_MAX: usize = 32 * ROW_MAX;
/// How many bytes are read at a time.
const READ_SIZE: usize = 64 << 10;

pub(super) const TOO_LONG: &str = "a row is too long";
pub(super) const TOO_BROKEN: &str = "too many open quotes";

const QUOTE: u16 = b'"' as u16;
const LF: u16 = b'\n' as u16;
const CR: u16 = b'\r' as u16;

/// A row; its bytes are in [`Rows::bytes`] until the next one is asked for.
pub(super) struct Row {
    /// Where in the content it is.
    pub(super) range: Range<u64>,
    /// The first [`CELLS_MAX`] cells with their quotes, from the start of the row.
    pub(super) cells: Vec<Range<usize>>,
    /// How many cells it has.
    pub(super) count: usize,
    /// Its quotes make no sense, and neither do its cells.
    pub(super) is_broken: bool,
    /// Text stands behind a closing quote.
    pub(super) is_stray: bool,
}

/// The rows of a table.
pub(super) struct Rows<R> {
    reader: R,
    buffer: Zeroizing<Vec<u8>>,
    /// What of the buffer has been passed.
    start: usize,
    /// Where in the content the buffer begins.
    offset: u64,
    is_at_end: bool,
    encoding: Encoding,
    /// Length of the row that was told last.
    current: usize,
    again_left: usize,
    /// What was left out, and why.
    pub(super) warnings: Vec<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the cell was seen.
    Start,
    Unquoted,
    Quoted,
    /// Behind a quote that closes, or is the first of two.
    Closed,
}

struct Split {
    cells: Vec<Range<usize>>,
    count: usize,
    length: usize,
    /// The end of the line on which a quote stayed open.
    first_line: Option<usize>,
    is_open: bool,
    is_stray: bool,
    is_over: bool,
}

impl<R: Read> Rows<R> {
    /// The rows of all that `reader` gives; its encoding is told by its first bytes.
    pub(super) fn new(reader: R) -> io::Result<Self> {
        let mut rows = Self::with_encoding(reader, Encoding::Bytes);
        rows.fill()?;
        let (encoding, mark) = text::encoding(&rows.buffer);
        rows.encoding = encoding;
        rows.start = mark;
        Ok(rows)
    }

    /// Rows from the middle of a table.
    pub(super) fn with_encoding(reader: R, encoding: Encoding) -> Self {
        Self {
            reader,
            buffer: Zeroizing::new(Vec::new()),
            start: 0,
            offset: 0,
            is_at_end: false,
            encoding,
            current: 0,
            again_left: AGAIN_MAX,
            warnings: Vec::new(),
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The next row; none at the end, or where going on would cost too much.
    pub(super) fn next(&mut self, delimiter: u8) -> io::Result<Option<Row>> {
        self.start += mem::take(&mut self.current);
        loop {
            while let Some((LF | CR, width)) = self.unit(0)? {
                self.start += width;
            }
            let split = self.split(delimiter)?;
            if split.length == 0 && !split.is_over {
                return Ok(None);
            }
            let is_torn = split.is_open || split.is_over;
            let (length, is_broken) = match split.first_line {
                Some(line) if is_torn || split.is_stray => {
                    let Some(left) = self.again_left.checked_sub(split.length) else {
                        self.warnings.push(TOO_BROKEN);
                        return Ok(None);
                    };
                    self.again_left = left;
                    (line, true)
                }
                _ if split.is_over => {
                    self.pass_line()?;
                    if !self.warnings.contains(&TOO_LONG) {
                        self.warnings.push(TOO_LONG);
                    }
                    continue;
                }
                _ => (split.length, is_torn),
            };
            self.current = length;
            let start = self.offset + self.start as u64;
            return Ok(Some(Row {
                range: start..start + length as u64,
                cells: split.cells,
                count: split.count,
                is_broken,
                is_stray: split.is_stray,
            }));
        }
    }

    /// Goes back to the start of the row told last, to split it by another delimiter.
    pub(super) fn back(&mut self) {
        self.current = 0;
    }

    /// Where in the content the row told last ends.
    pub(super) fn end(&self) -> u64 {
        self.offset + (self.start + self.current) as u64
    }

    /// The bytes of the row told last.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.start + self.current).unwrap_or_default()
    }

    /// The text of a cell of the row told last, without its quotes, and whether it could be read
    /// as text. What is neither UTF-8 nor UTF-16 is taken for Latin-1.
    pub(super) fn text(&self, cell: Range<usize>) -> (Zeroizing<String>, bool) {
        let (text, is_text) = decode(self.encoding, self.bytes().get(cell).unwrap_or_default());
        match text.strip_prefix('"') {
            Some(quoted) => (unquote(quoted), is_text),
            None => (text, is_text),
        }
    }

    fn split(&mut self, delimiter: u8) -> io::Result<Split> {
        let mut split = Split {
            cells: Vec::new(),
            count: 0,
            length: 0,
            first_line: None,
            is_open: false,
            is_stray: false,
            is_over: false,
        };
        let mut state = State::Start;
        let (mut at, mut cell) = (0, 0);
        loop {
            let Some((unit, width)) = self.unit(at)? else {
                split.is_open = state == State::Quoted;
                split.push(cell..at);
                split.length = at;
                return Ok(split);
            };
            if at >= ROW_MAX {
                split.is_over = true;
                split.length = at;
                return Ok(split);
            }
            state = match (state, unit) {
                (State::Quoted, QUOTE) => State::Closed,
                (State::Quoted, LF | CR) => {
                    if split.first_line.is_none() {
                        split.first_line = Some(self.line_end(at)?);
                    }
                    State::Quoted
                }
                (State::Quoted, _) | (State::Start | State::Closed, QUOTE) => State::Quoted,
                (_, LF | CR) => {
                    split.push(cell..at);
                    split.length = self.line_end(at)?;
                    return Ok(split);
                }
                (_, unit) if unit == u16::from(delimiter) => {
                    split.push(cell..at);
                    cell = at + width;
                    State::Start
                }
                (state, _) => {
                    split.is_stray |= state == State::Closed;
                    State::Unquoted
                }
            };
            at += width;
        }
    }

    /// Behind the line end that begins at `at`.
    fn line_end(&mut self, at: usize) -> io::Result<usize> {
        let Some((unit, width)) = self.unit(at)? else { return Ok(at) };
        let at = at + width;
        Ok(match self.unit(at)? {
            Some((LF, width)) if unit == CR => at + width,
            _ => at,
        })
    }

    /// Goes behind the next line end, or to the end.
    fn pass_line(&mut self) -> io::Result<()> {
        while let Some((unit, width)) = self.unit(0)? {
            self.start += width;
            if matches!(unit, LF | CR) {
                break;
            }
        }
        Ok(())
    }

    /// The code unit `at` bytes on and its width, or none at the end.
    fn unit(&mut self, at: usize) -> io::Result<Option<(u16, usize)>> {
        loop {
            let rest = self.buffer.get(self.start + at..).unwrap_or_default();
            match (self.encoding, rest) {
                (Encoding::Bytes, [byte, ..]) => return Ok(Some((u16::from(*byte), 1))),
                (encoding, [first, second, ..]) => {
                    return Ok(Some((encoding.unit([*first, *second]), 2)));
                }
                // Half a unit is cut off text.
                (_, [_]) if self.is_at_end => {
                    return Ok(Some((u16::MAX, 1)));
                }
                (_, []) if self.is_at_end => return Ok(None),
                _ => self.fill()?,
            }
        }
    }

    /// Reads on, and drops from the buffer what has been passed.
    fn fill(&mut self) -> io::Result<()> {
        let length = self.buffer.len() - self.start;
        let wanted = length + READ_SIZE;
        if self.start > 0 {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(length);
            self.offset += self.start as u64;
            self.start = 0;
        }
        if wanted > self.buffer.capacity() {
            // A vector that grows would leave its old bytes behind.
            let mut larger = Zeroizing::new(Vec::with_capacity(wanted.max(2 * length)));
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
        let read = (&mut self.reader).take(READ_SIZE as u64).read_to_end(&mut self.buffer)?;
        self.is_at_end = read == 0;
        Ok(())
    }
}

impl Split {
    fn push(&mut self, cell: Range<usize>) {
        self.count += 1;
        if self.cells.len() < CELLS_MAX {
            self.cells.push(cell);
        }
    }
}

/// `bytes` as text, and whether they are text in that encoding.
pub(super) fn decode(encoding: Encoding, bytes: &[u8]) -> (Zeroizing<String>, bool) {
    // As many bytes as may be needed, since a string that grows leaves its old bytes behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    if encoding == Encoding::Bytes {
        let utf8 = str::from_utf8(bytes);
        match utf8 {
            Ok(utf8) => text.push_str(utf8),
            Err(_) => text.extend(bytes.iter().copied().map(char::from)),
        }
        return (text, utf8.is_ok());
    }
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut is_text = rest.is_empty();
    for char in char::decode_utf16(pairs.iter().map(|pair| encoding.unit(*pair))) {
        is_text &= char.is_ok();
        text.push(char.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    (text, is_text)
}

/// What stands between quotes, the first of which is gone already, and what strays behind them.
fn unquote(quoted: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(quoted.len()));
    let mut rest = quoted;
    while let Some((before, after)) = rest.split_once('"') {
        text.push_str(before);
        let Some(after) = after.strip_prefix('"') else {
            text.push_str(after);
            return text;
        };
        text.push('"');
        rest = after;
    }
    text.push_str(rest);
    text
}
