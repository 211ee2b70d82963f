//! The line between the messages of an mbox: `From `, whoever sent it, and when it came.
//!
//! A line of a message may begin with the same word, and not every writer quotes it. So a line is a
//! separator only if a blank line or nothing is before it, a date ends it, and behind it stands
//! what a header begins with.

use memchr::memchr;

use super::{date, header};
use crate::kinds::bytes::{start, tail};

/// What a separator begins with.
pub(super) const WORD: &[u8] = b"From ";
/// Longest separator in bytes, with its line end.
const LINE_MAX: usize = 1024;
/// How many bytes from its start tell whether a line is one.
pub(super) const LOOK_SIZE: usize = LINE_MAX + header::LOOK_SIZE;

/// A line that separates.
pub(super) struct Separator {
    /// In bytes, with its line end.
    pub(super) length: usize,
    /// The moment it names, in seconds since 1970.
    pub(super) date: Option<i64>,
}

/// The separator that `bytes` begins with, if it is one; they end where the content does, or hold
/// [`LOOK_SIZE`].
pub(super) fn parse(bytes: &[u8]) -> Option<Separator> {
    let (line, rest) = split(bytes)?;
    let date = date(line)?;
    let is_before_header = line_end(rest).is_some() || rest.is_empty() || begins_header(rest);
    is_before_header.then_some(Separator { length: bytes.len() - rest.len(), date: Some(date) })
}

/// The same for the first line of content, which is one whatever its date looks like.
pub(super) fn parse_first(bytes: &[u8]) -> Option<Separator> {
    let undated = || {
        let (_, rest) = split(bytes)?;
        begins_header(rest).then_some(Separator { length: bytes.len() - rest.len(), date: None })
    };
    parse(bytes).or_else(undated)
}

/// Whether a line that begins behind `before` has a blank line or nothing before it.
pub(super) fn is_open(before: &[u8]) -> bool {
    let Some(line) = without_line_end(before) else { return before.is_empty() };
    line.is_empty() || line.ends_with(b"\n")
}

/// `bytes` without the line end they end with.
fn without_line_end(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_suffix(b"\n")?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// How long the line end is that `bytes` begin with.
pub(super) fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// The line behind the word, and what follows it, no further than it is looked at.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let look = start(bytes, LOOK_SIZE);
    if !look.starts_with(WORD) {
        return None;
    }
    match memchr(b'\n', start(look, LINE_MAX)) {
        Some(at) => Some((look.get(WORD.len()..at)?, tail(bytes, at + 1))),
        // The last line may have no end.
        None if look.len() < LINE_MAX => Some((tail(look, WORD.len()), &[])),
        None => None,
    }
}

/// The date at the end of the line, before which anything may stand that names a sender.
fn date(line: &[u8]) -> Option<i64> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut rest = line;
    loop {
        rest = tail(rest, rest.iter().take_while(|byte| is_blank(byte)).count());
        let length = rest.iter().position(is_blank)?;
        if date::is_weekday(start(rest, length))
            && let Some(date) = date::parse(rest)
        {
            return Some(date);
        }
        rest = tail(rest, length);
    }
}

fn begins_header(rest: &[u8]) -> bool {
    // What a separator becomes where mail is passed on from machine to machine.
    header::name(rest).is_some() || rest.starts_with(b">From ")
}
