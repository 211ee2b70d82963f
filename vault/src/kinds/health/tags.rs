//! XML as a row of tags, as it streams. Text, comments, declarations and what a document type holds
//! are passed over; a tag is told with its attributes as they are written.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use crate::kinds::bytes::tail;
use crate::kinds::window::{FILL_MAX, Window};

/// How many bytes tell what follows a `<`.
const LOOK_SIZE: usize = 9;
/// Most attributes of a tag that are told.
const ATTRIBUTES_MAX: usize = 64;

/// The tags of XML that a reader gives.
pub(super) struct Tags<R> {
    window: Window<R>,
    /// The length of the tag that was told last.
    length: usize,
    attributes: Vec<(Range<usize>, Range<usize>)>,
    /// A tag was longer than is held.
    pub(super) is_too_long: bool,
    /// The content ends in the middle of something.
    pub(super) is_cut_off: bool,
}

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Open,
    Close,
    /// It opens and closes an element that is empty.
    Both,
}

impl Sort {
    fn of(is_close: bool, is_empty: bool) -> Self {
        match (is_close, is_empty) {
            (true, _) => Self::Close,
            (false, true) => Self::Both,
            (false, false) => Self::Open,
        }
    }
}

/// A tag. The name of one that is longer than is held is empty.
pub(super) struct Tag<'a> {
    pub(super) sort: Sort,
    pub(super) name: &'a [u8],
    /// Where in the content it is.
    pub(super) range: Range<u64>,
    bytes: &'a [u8],
    attributes: &'a [(Range<usize>, Range<usize>)],
}

impl<'a> Tag<'a> {
    /// Names and values as they are written.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let bytes = self.bytes;
        let part = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        self.attributes.iter().map(move |(name, value)| (part(name), part(value)))
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, wanted: &[u8]) -> Option<&'a [u8]> {
        self.attributes().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }
}

/// What stands at a `<`.
enum Parsed {
    Tag {
        sort: Sort,
        name: Range<usize>,
        length: usize,
    },
    /// Its end is not at hand.
    Unended,
}

impl<R: Read> Tags<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            window: Window::new(reader),
            length: 0,
            attributes: Vec::new(),
            is_too_long: false,
            is_cut_off: false,
        }
    }

    /// The next tag; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Tag<'_>>> {
        self.window.pass(std::mem::take(&mut self.length));
        loop {
            if !self.pass_text()? {
                return Ok(None);
            }
            self.window.fill(LOOK_SIZE)?;
            match self.window.bytes() {
                [b'<', b'!', b'-', b'-', ..] => self.pass_to(4, b"-->")?,
                [b'<', b'!', b'[', ..] => self.pass_to(3, b"]]>")?,
                [b'<', b'!', ..] => self.pass_declaration()?,
                [b'<', b'?', ..] => self.pass_to(2, b"?>")?,
                _ => {
                    if let Some((sort, name)) = self.parse()? {
                        let bytes = self.window.bytes();
                        let offset = self.window.offset();
                        return Ok(Some(Tag {
                            sort,
                            name: bytes.get(name).unwrap_or_default(),
                            range: offset..offset + self.length as u64,
                            bytes,
                            attributes: &self.attributes,
                        }));
                    }
                }
            }
        }
    }

    /// Goes on to the next `<`; whether there is one.
    fn pass_text(&mut self) -> io::Result<bool> {
        loop {
            self.window.fill(1)?;
            let bytes = self.window.bytes();
            match memchr(b'<', bytes) {
                Some(at) => {
                    self.window.pass(at);
                    return Ok(true);
                }
                None if bytes.is_empty() => return Ok(false),
                None => self.window.pass(bytes.len()),
            }
        }
    }

    /// Goes on behind the next `end` that begins at `from` or later.
    fn pass_to(&mut self, from: usize, end: &[u8]) -> io::Result<()> {
        self.window.pass(from);
        loop {
            self.window.fill(LOOK_SIZE)?;
            let bytes = self.window.bytes();
            if let Some(at) = memmem::find(bytes, end) {
                self.window.pass(at + end.len());
                return Ok(());
            }
            if self.window.is_at_end() {
                self.is_cut_off = true;
                self.window.pass(bytes.len());
                return Ok(());
            }
            self.window.pass(bytes.len() - (end.len() - 1).min(bytes.len()));
        }
    }

    /// `<!DOCTYPE HealthData [ … ]>`: what it declares is full of quotes that do not match, in
    /// comments too, so that only brackets count.
    fn pass_declaration(&mut self) -> io::Result<()> {
        let mut is_inside = false;
        self.window.pass(2);
        loop {
            self.window.fill(LOOK_SIZE)?;
            let bytes = self.window.bytes();
            let found = match is_inside {
                false => memchr2(b'[', b'>', bytes),
                true => memchr2(b'<', b']', bytes),
            };
            let Some(at) = found else {
                if self.window.is_at_end() {
                    self.is_cut_off = true;
                    self.window.pass(bytes.len());
                    return Ok(());
                }
                self.window.pass(bytes.len());
                continue;
            };
            self.window.pass(at);
            self.window.fill(LOOK_SIZE)?;
            match self.window.bytes() {
                [b'>', ..] => {
                    self.window.pass(1);
                    return Ok(());
                }
                [b'<', b'!', b'-', b'-', ..] => self.pass_to(4, b"-->")?,
                [byte, ..] => {
                    is_inside = *byte != b']';
                    self.window.pass(1);
                }
                [] => {}
            }
        }
    }

    /// Passes a tag that is longer than is held, of which only its sort is told.
    fn pass_long(&mut self) -> io::Result<Option<(Sort, Range<usize>)>> {
        let is_close = self.window.bytes().get(1) == Some(&b'/');
        let (mut quote, mut is_empty) = (None, false);
        loop {
            self.window.fill(1)?;
            let bytes = self.window.bytes();
            if bytes.is_empty() {
                self.is_cut_off = true;
                return Ok(None);
            }
            let end = bytes.iter().position(|byte| {
                match (quote, byte) {
                    (Some(open), byte) if open == *byte => quote = None,
                    (Some(_), _) => {}
                    (None, b'>') => return true,
                    (None, b'"' | b'\'') => quote = Some(*byte),
                    (None, byte) => is_empty = *byte == b'/',
                }
                false
            });
            self.window.pass(end.map_or(bytes.len(), |end| end + 1));
            if end.is_some() {
                let sort = Sort::of(is_close, is_empty);
                self.attributes.clear();
                return Ok(Some((sort, 0..0)));
            }
        }
    }

    /// The tag at hand; none if it is cut off, and was passed.
    fn parse(&mut self) -> io::Result<Option<(Sort, Range<usize>)>> {
        loop {
            let bytes = self.window.bytes();
            match parse(bytes, &mut self.attributes) {
                Parsed::Tag { sort, name, length } => {
                    self.length = length;
                    return Ok(Some((sort, name)));
                }
                Parsed::Unended if self.window.is_at_end() => {
                    self.is_cut_off = true;
                    self.window.pass(bytes.len());
                    return Ok(None);
                }
                Parsed::Unended if bytes.len() >= FILL_MAX => {
                    self.is_too_long = true;
                    return self.pass_long();
                }
                Parsed::Unended => {
                    let wanted = bytes.len() * 2 + 1;
                    self.window.fill(wanted)?;
                }
            }
        }
    }
}

/// Takes the tag apart that `bytes` begin with.
fn parse(bytes: &[u8], attributes: &mut Vec<(Range<usize>, Range<usize>)>) -> Parsed {
    attributes.clear();
    let is_close = bytes.get(1) == Some(&b'/');
    let start = if is_close { 2 } else { 1 };
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    let Some(length) = tail(bytes, start).iter().position(is_end) else { return Parsed::Unended };
    let name = start..start + length;
    let mut at = name.end;
    let mut is_empty = false;
    loop {
        match bytes.get(at) {
            None => return Parsed::Unended,
            Some(b'>') => break,
            Some(b'/') => {
                is_empty = true;
                at += 1;
            }
            Some(byte) if byte.is_ascii_whitespace() => at += 1,
            Some(_) => {
                is_empty = false;
                let is_end = |byte: &u8| is_end(byte) || *byte == b'=';
                let rest = tail(bytes, at);
                // A name may begin with `=`, so that each has a byte.
                let Some(length) = rest.iter().skip(1).position(is_end) else {
                    return Parsed::Unended;
                };
                let name = at..at + length + 1;
                at = name.end;
                let Some(value) = value(bytes, &mut at) else { return Parsed::Unended };
                if attributes.len() < ATTRIBUTES_MAX {
                    attributes.push((name, value));
                }
            }
        }
    }
    Parsed::Tag { sort: Sort::of(is_close, is_empty), name, length: at + 1 }
}

/// The value behind the name of an attribute that ends at a place, which goes on behind it; none if
/// its end is not at hand.
fn value(bytes: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let blanks = |at: usize| tail(bytes, at).iter().take_while(|b| b.is_ascii_whitespace()).count();
    let after = *at + blanks(*at);
    if *bytes.get(after)? != b'=' {
        return Some(*at..*at);
    }
    let from = after + 1 + blanks(after + 1);
    match *bytes.get(from)? {
        quote @ (b'"' | b'\'') => {
            let length = memchr(quote, tail(bytes, from + 1))?;
            *at = from + length + 2;
            Some(from + 1..from + 1 + length)
        }
        _ => {
            let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
            let length = tail(bytes, from).iter().position(is_end)?;
            *at = from + length;
            Some(from..*at)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn shown(xml: &str) -> String {
        let mut tags = Tags::new(Cursor::new(xml.as_bytes()));
        let mut shown = String::new();
        while let Some(tag) = tags.next().unwrap() {
            let text = |bytes| str::from_utf8(bytes).unwrap();
            shown += match tag.sort {
                Sort::Open => "[",
                Sort::Close => "[/",
                Sort::Both => "[=",
            };
            shown += text(tag.name);
            for (name, value) in tag.attributes() {
                shown += &format!(" {}={}", text(name), text(value));
            }
            shown += "]";
        }
        shown + if tags.is_cut_off { "…" } else { "" }
    }

    #[test]
    fn tags_are_told_and_nothing_else() {
        for (xml, wanted) in [
            (
                "\u{FEFF}<?xml version=\"1.0\"?><a b=\"c>d\" e = 'f\"'/>g</a >",
                "[=a b=c>d e=f\"][/a]",
            ),
            (
                "<!DOCTYPE a [ <!ELEMENT b (c)> <!-- don't ]> --> <!ENTITY d \"<e>\"> ] ><a/>",
                "[=a]",
            ),
            ("<!DOCTYPE a><b>", "[b]"),
            ("<!-- <a> --><![CDATA[<b>]]><c><!-->--><d>", "[c][d]"),
            ("<a b=c d e='&lt;'>", "[a b=c d= e=&lt;]"),
            ("<a b=\"1\"/ >", "[=a b=1]"),
            ("< a><><//>", "[ a=][][/]"),
            ("<a b=\"", "…"),
            ("<a", "…"),
            ("<!DOCTYPE a [ <b>", "…"),
            ("<!-- ", "…"),
            ("a", ""),
        ] {
            assert_eq!(shown(xml), wanted, "{xml}");
        }
    }
}
