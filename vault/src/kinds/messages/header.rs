//! The header of a message: its fields, and what their values say.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use mail_parser::{Address, ContentType, HeaderValue};
use memchr::memchr;

use super::separator::{WORD, line_end};
use crate::kinds::bytes::{holds, start, tail};

/// Longest name of a field in bytes, with blanks behind it.
const NAME_MAX: usize = 128;
/// How many bytes from its start tell whether a line begins a field.
pub(super) const LOOK_SIZE: usize = NAME_MAX + 1;

/// What a line means where a header is expected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The end of the header.
    Blank,
    /// It begins a field.
    Field,
    /// It goes on with the field before it, or is none and does no harm.
    Continued,
    /// The header ended before it, without a blank line.
    Text,
}

impl Line {
    /// What `line` is, from its first bytes.
    pub(super) fn of(line: &[u8]) -> Self {
        if line.is_empty() || line_end(line).is_some() {
            Self::Blank
        } else if matches!(line.first(), Some(b' ' | b'\t')) || is_from(line) {
            Self::Continued
        } else if name(line).is_some() {
            Self::Field
        } else {
            Self::Text
        }
    }
}

/// Whether a line is a separator or was one before it was quoted.
fn is_from(line: &[u8]) -> bool {
    tail(line, line.iter().take_while(|byte| **byte == b'>').count()).starts_with(WORD)
}

/// The name of the field that `line` begins.
pub(super) fn name(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr(b':', start(line, LOOK_SIZE))?;
    let name = start(line, colon).trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

/// A field of a header.
#[derive(Clone, Copy)]
pub(super) struct HeaderField<'a> {
    /// Empty for lines before the first field.
    pub(super) name: &'a [u8],
    /// With the line ends in it and at its end.
    pub(super) value: &'a [u8],
    /// All its lines.
    pub(super) whole: &'a [u8],
}

impl HeaderField<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields that text begins with, up to the line that ends the header.
#[derive(Clone)]
pub(super) struct HeaderFields<'a> {
    rest: &'a [u8],
}

impl<'a> HeaderFields<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// The value of the first field of a name; empty if there is none.
    pub(super) fn value(&self, name: &str) -> &'a [u8] {
        self.clone().find(|field| field.is(name)).map_or(&[], |field| field.value)
    }

    /// What follows the header and the blank line behind it.
    pub(super) fn body(mut self) -> &'a [u8] {
        self.by_ref().for_each(drop);
        tail(self.rest, line_end(self.rest).unwrap_or_default())
    }
}

impl<'a> Iterator for HeaderFields<'a> {
    type Item = HeaderField<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(Line::of(self.rest), Line::Blank | Line::Text) {
            return None;
        }
        let mut length = 0;
        loop {
            let line = tail(self.rest, length);
            length += memchr(b'\n', line).map_or(line.len(), |at| at + 1);
            let next = tail(self.rest, length);
            if next.is_empty() || Line::of(next) != Line::Continued {
                break;
            }
        }
        let (whole, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let name = name(whole).unwrap_or_default();
        let value = memchr(b':', whole).map_or(whole, |colon| tail(whole, colon + 1));
        Some(HeaderField { name, value, whole })
    }
}

/// A value as text on one line, of which no more than `size_max` bytes are looked at: to decode
/// one that is made for it takes time in the square of its length.
pub(super) fn text(value: &[u8], size_max: usize) -> String {
    let value = readable(value, size_max);
    match MessageStream::new(&value).parse_unstructured() {
        HeaderValue::Text(text) => one_line(&text),
        _ => String::new(),
    }
}

/// The people that a value names, each as `Name <address>` or as much of it as there is, from no
/// more than `size_max` bytes.
pub(super) fn people(value: &[u8], size_max: usize) -> Vec<String> {
    let value = readable(value, size_max);
    let HeaderValue::Address(people) = MessageStream::new(&value).parse_address() else {
        return Vec::new();
    };
    let people = match people {
        Address::List(people) => people,
        Address::Group(groups) => groups.into_iter().flat_map(|group| group.addresses).collect(),
    };
    let person = people.iter().map(|person| {
        let part = |part: Option<&Cow<'_, str>>| one_line(part.map_or("", Cow::as_ref));
        match (part(person.name.as_ref()), part(person.address.as_ref())) {
            (name, address) if name.is_empty() || name == address => address,
            (name, address) if address.is_empty() => name,
            (name, address) => format!("{name} <{address}>"),
        }
    });
    person.filter(|person| !person.is_empty()).collect()
}

/// A value that is a word with attributes; none if it makes no sense.
pub(super) fn word(value: &[u8]) -> Option<ContentType<'static>> {
    const SIZE_MAX: usize = 4096;
    let value = readable(value, SIZE_MAX);
    match MessageStream::new(&value).parse_content_type().into_owned() {
        HeaderValue::ContentType(word) => Some(word),
        _ => None,
    }
}

/// A value as the parser wants it: it goes no further than a line end that nothing follows, and
/// answers nothing without one. Bytes that are not UTF-8 are taken for Latin-1, but beside words
/// that say what they are written in.
fn readable(value: &[u8], size_max: usize) -> Vec<u8> {
    let value = start(value, size_max);
    let mut readable = match str::from_utf8(value) {
        // If it only lacks an end the last character was cut.
        Err(error) if error.error_len().is_some() && !holds(value, b"=?") => {
            value.iter().copied().map(char::from).collect::<String>().into_bytes()
        }
        _ => value.to_vec(),
    };
    readable.extend_from_slice(b"\n");
    readable
}

/// Text without line ends and other controls, and single blanks in their place.
fn one_line(text: &str) -> String {
    let is_blank = |c: char| c == ' ' || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
