//! What a message says, as a digest that is the same in whatever file the message is kept.
//!
//! The digest is SHA-256 over the message with these differences taken out:
//! - lines end with LF, not with CR and LF;
//! - a line of `From ` behind any number of `>` stands without them: what one writer quotes once,
//!   another quotes again or not at all;
//! - fields that mailers keep notes in are not there ([`NOTES`]);
//! - no line ends are at its end.
//!
//! It is computed while the message comes in pieces, and no more of it is held than its header.

use std::mem;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::header::{HeaderField, HeaderFields, Line};
use super::separator::WORD;
use crate::kinds::bytes::{begins, start, tail};

/// Longest header that is held, in bytes; what goes on behind that is taken for text.
const HEADER_MAX: usize = 256 << 10;

/// The field with the length of the text in bytes.
const LENGTH: &str = "Content-Length";

/// Fields that say how a mailer keeps a message, and names that such fields begin with.
const NOTES: &[&str] = &[
    LENGTH,
    "Status",
    "X-Apple-*",
    "X-IMAP",
    "X-IMAPbase",
    "X-Keywords",
    "X-Mozilla-*",
    "X-Status",
    "X-UID",
    "X-Universally-Unique-Identifier",
];

/// A message that comes in pieces.
pub(super) struct Message {
    /// Its header with LF at the ends of lines; while it is not over, with the start of a line.
    header: Zeroizing<Vec<u8>>,
    /// Where in the header its last line begins.
    line: usize,
    is_in_header: bool,
    /// How many bytes came.
    length: u64,
    /// How many of them were before the text.
    text_offset: u64,
    /// How many are text, if the header says it.
    text_length: Option<u64>,
    text: Text,
}

impl Message {
    pub(super) fn new() -> Self {
        Self {
            header: Zeroizing::new(Vec::new()),
            line: 0,
            is_in_header: true,
            length: 0,
            text_offset: 0,
            text_length: None,
            text: Text::new(),
        }
    }

    /// Takes in the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while self.is_in_header && !rest.is_empty() {
            let length = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let length = length.min(HEADER_MAX - self.header.len());
            let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            self.header.extend_from_slice(piece);
            self.length += piece.len() as u64;
            rest = after;
            if piece.ends_with(b"\n") {
                self.header_line();
            }
            if self.header.len() >= HEADER_MAX {
                self.end_header();
            }
        }
        self.length += rest.len() as u64;
        self.text.push(rest);
    }

    /// Where the text ends by the length in the header, counted from the start of the message;
    /// none if there is none.
    pub(super) fn counted_end(&self) -> Option<u64> {
        self.text_offset.checked_add(self.text_length?)
    }

    /// The header is over, whatever comes.
    pub(super) fn end_header(&mut self) {
        if !self.is_in_header {
            return;
        }
        self.is_in_header = false;
        // A line that was not finished is text.
        let text = self.header.split_off(self.line);
        self.text_offset = self.length - text.len() as u64;
        let header = mem::take(&mut self.header);
        for field in HeaderFields::new(&header) {
            if field.is(LENGTH) {
                self.text_length = self.text_length.or(number(field.value));
            }
            if !is_note(&field) {
                self.text.push(field.whole);
            }
        }
        self.header = header;
        self.text.push(&text);
    }

    /// All came: the header and the digest; then another message may begin.
    pub(super) fn finish(&mut self) -> (&[u8], [u8; 32]) {
        if self.is_in_header {
            if self.line < self.header.len() {
                self.header_line();
            }
            self.end_header();
        }
        let digest = self.text.finish();
        (&self.header, digest)
    }

    /// Forgets what came.
    pub(super) fn clear(&mut self) {
        self.header.clear();
        self.text.clear();
        (self.line, self.length, self.text_offset) = (0, 0, 0);
        (self.text_length, self.is_in_header) = (None, true);
    }

    /// The digest if the message ended here, once its header is over.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.text.clone().finish()
    }

    /// The last line is whole.
    fn header_line(&mut self) {
        let line = tail(&self.header, self.line);
        let length = self.header.len();
        match Line::of(line) {
            Line::Blank => {
                self.header.truncate(self.line);
                self.end_header();
                self.text_offset = self.length;
                self.text.push(b"\n");
            }
            Line::Text => self.end_header(),
            Line::Field | Line::Continued => {
                if line.ends_with(b"\r\n") {
                    self.header.truncate(length - 2);
                    self.header.push(b'\n');
                }
                self.line = self.header.len();
            }
        }
    }
}

fn number(value: &[u8]) -> Option<u64> {
    str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

fn is_note(field: &HeaderField<'_>) -> bool {
    NOTES.iter().any(|note| match note.strip_suffix('*') {
        Some(start) => begins(field.name, start.as_bytes()),
        None => field.is(note),
    })
}

/// Text on its way into the digest.
#[derive(Clone)]
struct Text {
    digest: Sha256,
    quoted: Finder<'static>,
    /// The last byte was a CR, which goes if LF is next.
    has_return: bool,
    /// LFs at the end, which go if nothing comes.
    lines: u64,
    /// Nothing of a line came but these many `>` and the start of the word, with which they go if
    /// it is whole.
    is_line_start: bool,
    quotes: u64,
    word: usize,
    /// Where text is made whose lines ended with CR and LF.
    converted: Zeroizing<Vec<u8>>,
}

impl Text {
    fn new() -> Self {
        Self {
            digest: Sha256::new(),
            quoted: Finder::new(b">From "),
            has_return: false,
            lines: 0,
            is_line_start: true,
            quotes: 0,
            word: 0,
            converted: Zeroizing::new(Vec::new()),
        }
    }

    fn clear(&mut self) {
        self.digest.reset();
        (self.has_return, self.is_line_start) = (false, true);
        (self.lines, self.quotes, self.word) = (0, 0, 0);
    }

    fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if mem::take(&mut self.has_return) && !bytes.starts_with(b"\n") {
            self.push_lines(b"\r");
        }
        let Some(first) = memchr(b'\r', bytes) else { return self.push_lines(bytes) };
        let mut converted = mem::take(&mut self.converted);
        let (mut rest, mut length) = (bytes, first);
        loop {
            let (before, from) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            converted.extend_from_slice(before);
            match from {
                [] => break,
                [b'\r', b'\n', ..] => {}
                [_] => self.has_return = true,
                [_, ..] => converted.push(b'\r'),
            }
            rest = tail(from, 1);
            length = memchr(b'\r', rest).unwrap_or(rest.len());
        }
        self.push_lines(&converted);
        converted.clear();
        self.converted = converted;
    }

    /// Takes in text whose lines end with LF.
    fn push_lines(&mut self, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.is_line_start {
                rest = self.begin_line(rest);
                continue;
            }
            let Some(last) = memrchr(b'\n', rest) else { return self.take(rest) };
            // All lines but the last, of which the start may not be there yet.
            let (lines, start) = rest.split_at_checked(last + 1).unwrap_or((rest, &[]));
            self.take_unquoted(lines);
            self.is_line_start = true;
            rest = start;
        }
    }

    /// Takes in the end of a line and whole lines behind it.
    fn take_unquoted(&mut self, lines: &[u8]) {
        let (mut taken, mut from) = (0, 0);
        while let Some(at) = self.quoted.find(tail(lines, from)) {
            let word = from + at + 1;
            let before = start(lines, word);
            let quotes = before.iter().rev().take_while(|byte| **byte == b'>').count();
            let line = word - quotes;
            if start(before, line).ends_with(b"\n") {
                self.take(lines.get(taken..line).unwrap_or_default());
                taken = word;
            }
            from = word;
        }
        self.take(tail(lines, taken));
    }

    /// Takes in the start of a line as far as it comes, and gives what is behind it.
    fn begin_line<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut rest = text;
        if self.word == 0 {
            let quotes = rest.iter().take_while(|byte| **byte == b'>').count();
            self.quotes += quotes as u64;
            rest = tail(rest, quotes);
        }
        if self.quotes > 0 {
            let wanted = tail(WORD, self.word);
            let same = rest.iter().zip(wanted).take_while(|(byte, wanted)| byte == wanted).count();
            self.word += same;
            rest = tail(rest, same);
        }
        if self.word == WORD.len() {
            self.quotes = 0;
        } else if rest.is_empty() {
            return rest;
        }
        self.end_line_start();
        rest
    }

    fn end_line_start(&mut self) {
        self.is_line_start = false;
        let (quotes, word) = (mem::take(&mut self.quotes), mem::take(&mut self.word));
        if quotes > 0 || word > 0 {
            self.take_lines();
            self.repeat(b'>', quotes);
            self.digest.update(WORD.get(..word).unwrap_or_default());
        }
    }

    fn take(&mut self, text: &[u8]) {
        let kept = text.iter().rposition(|byte| *byte != b'\n').map_or(0, |at| at + 1);
        let (kept, lines) = text.split_at_checked(kept).unwrap_or((text, &[]));
        if !kept.is_empty() {
            self.take_lines();
            self.digest.update(kept);
        }
        self.lines += lines.len() as u64;
    }

    fn take_lines(&mut self) {
        let lines = mem::take(&mut self.lines);
        self.repeat(b'\n', lines);
    }

    fn repeat(&mut self, byte: u8, count: u64) {
        const AT_ONCE: usize = 64;
        let bytes = [byte; AT_ONCE];
        let mut left = count;
        while left > 0 {
            let part = bytes.get(..usize::try_from(left).unwrap_or(AT_ONCE)).unwrap_or(&bytes);
            self.digest.update(part);
            left -= part.len() as u64;
        }
    }

    fn finish(&mut self) -> [u8; 32] {
        // A line end that was cut.
        self.has_return = false;
        if self.is_line_start {
            self.end_line_start();
        }
        self.digest.finalize_reset().into()
    }
}
