//! BER as certificates and keys are written in: tag, length, content, in any way of writing them.
//!
//! Only slices are made, so a length can promise no more than is there; elements of unknown length
//! are followed to a fixed depth.

use std::borrow::Cow;
use std::ops::Range;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]` and `[1]` around a whole element.
pub(super) const CONTEXT_0: u8 = 0xA0;
pub(super) const CONTEXT_1: u8 = 0xA1;

const CONSTRUCTED: u8 = 0x20;
/// How deep elements of unknown length may stand in each other.
const DEPTH_MAX: u32 = 16;

/// One element, with where it stands.
#[derive(Clone)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag, length and content, and the end mark if it has one.
    pub(super) whole: &'a [u8],
    /// Where the whole begins, and where its content does.
    start: usize,
    inside: usize,
}

impl<'a> Element<'a> {
    /// Its bytes, counted from where the outermost reader began.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.whole.len())
    }

    /// The elements in it.
    pub(super) fn elements(&self) -> Elements<'a> {
        Elements { rest: self.content, at: self.inside }
    }

    /// The octets of an OCTET STRING, whatever its tag, in one piece or in many.
    pub(super) fn octets(&self) -> Option<Cow<'a, [u8]>> {
        if self.tag & CONSTRUCTED == 0 {
            return Some(Cow::Borrowed(self.content));
        }
        let mut joined = Vec::new();
        for piece in self.elements() {
            (piece.tag == OCTET_STRING).then(|| joined.extend_from_slice(piece.content))?;
        }
        Some(Cow::Owned(joined))
    }

    /// Its content, if it has this tag.
    pub(super) fn of(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }
}

/// Elements one behind the other, up to the first that is none.
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// What was not read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next one, if it has this tag.
    pub(super) fn want(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// The next one if it has this tag; otherwise it stays the next one.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        (self.rest.first() == Some(&tag)).then(|| self.next()).flatten()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let split = split(self.rest, DEPTH_MAX)?;
        let (whole, rest) = self.rest.split_at_checked(split.whole)?;
        let content = whole.get(split.content.clone())?;
        let start = self.at;
        self.rest = rest;
        self.at = start.saturating_add(split.whole);
        let inside = start.saturating_add(split.content.start);
        Some(Element { tag: split.tag, content, whole, start, inside })
    }
}

struct Split {
    tag: u8,
    content: Range<usize>,
    whole: usize,
}

fn split(bytes: &[u8], depth: u32) -> Option<Split> {
    let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
    // Tags of several bytes stand nowhere in what is read here, and 0 is the end mark.
    if tag & 0x1F == 0x1F || tag == 0 {
        return None;
    }
    if first == 0x80 {
        return unending(bytes, tag, depth.checked_sub(1)?);
    }
    let (length, start) = match first {
        0..0x80 => (usize::from(first), 2),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7F);
            let digits = bytes.get(2..count.saturating_add(2))?;
            let length = digits.iter().fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
            (usize::try_from(length).ok()?, count.saturating_add(2))
        }
        0x80 | 0x85..=0xFF => return None,
    };
    let whole = start.checked_add(length).filter(|whole| *whole <= bytes.len())?;
    Some(Split { tag, content: start..whole, whole })
}

fn unending(bytes: &[u8], tag: u8, depth: u32) -> Option<Split> {
    if tag & CONSTRUCTED == 0 {
        return None;
    }
    let mut at = 2usize;
    loop {
        let rest = bytes.get(at..)?;
        if rest.starts_with(&[0, 0]) {
            return Some(Split { tag, content: 2..at, whole: at.saturating_add(2) });
        }
        at = at.saturating_add(split(rest, depth)?.whole);
    }
}

/// The element of these parts, in the one way DER has.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => out.push(short),
        _ => {
            let digits = length_digits(length);
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7F));
            out.extend_from_slice(&digits);
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

fn length_digits(mut length: usize) -> Vec<u8> {
    let mut digits = Vec::new();
    while length > 0 {
        digits.push(u8::try_from(length & 0xFF).unwrap_or(0));
        length >>= 8;
    }
    digits.reverse();
    digits
}
