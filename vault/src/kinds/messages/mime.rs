//! The parts of a message, as far as they are of use to a person: attachments, and a text.
//!
//! Parts are told apart here, since a reader of messages (the crate `mail-parser`, of which the
//! decoders are used) keeps one that is deep in itself as deep in memory, and its end is the
//! program's. This goes no deeper than [`DEPTH_MAX`], and a message in a message is one part.

use mail_parser::ContentType;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::html_to_text;
use mail_parser::parsers::MessageStream;
use memchr::memchr;
use memchr::memmem::Finder;

use super::emlx::ELSEWHERE;
use super::header::{self, HeaderFields};
use crate::kinds::bytes::{start, tail};

/// In the header of a part: how its body is written.
pub(super) const ENCODING: &str = "Content-Transfer-Encoding";
/// How deep parts are looked for in parts.
const DEPTH_MAX: usize = 16;
/// Most parts that are told.
const PARTS_MAX: usize = 1000;
/// How much of a text is decoded, in bytes of the message.
const TEXT_MAX: usize = 256 << 10;
/// How much of a text is told, in characters.
const PREVIEW_MAX: usize = 2000;
/// How much of a name is looked at, in bytes.
const NAME_MAX: usize = 1024;

/// A part that has no parts.
pub(super) struct Part<'a> {
    /// Its number among the parts, as IMAP has it: `2`, `1.2` (RFC 3501, 6.4.5).
    pub(super) section: String,
    /// `text/plain`, `image/jpeg` …
    pub(super) media_type: String,
    /// What its sender called it; empty if nothing.
    pub(super) name: String,
    /// It is meant to be kept, not read.
    pub(super) is_attachment: bool,
    /// Its content is in a file of its own.
    pub(super) is_elsewhere: bool,
    charset: String,
    pub(super) encoding: Encoding,
    body: &'a [u8],
    /// Header and body.
    pub(super) whole: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is.
    Plain,
    Base64,
    QuotedPrintable,
    /// One that is not known here.
    Other,
}

/// The parts of a message in their order.
pub(super) fn parts(message: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    walk(message, "", 0, &mut parts);
    parts
}

/// Adds the parts of an entity, which is the part `section` of the message, or all of it.
fn walk<'a>(bytes: &'a [u8], section: &str, depth: usize, parts: &mut Vec<Part<'a>>) {
    let fields = HeaderFields::new(bytes);
    let body = fields.clone().body();
    let content_type = header::word(fields.value("Content-Type"));
    let is_multipart = content_type.as_ref().is_some_and(|word| word.ctype() == "multipart");
    let boundary = content_type.as_ref().and_then(|word| word.attribute("boundary"));
    let boundary = boundary.filter(|boundary| is_multipart && !boundary.is_empty());
    let delimited = boundary.and_then(|boundary| Delimited::new(body, boundary.as_bytes()));
    match delimited {
        Some(inner) if depth < DEPTH_MAX => {
            for (nth, part) in (1..).zip(inner) {
                if parts.len() == PARTS_MAX {
                    break;
                }
                let above = if section.is_empty() { String::new() } else { format!("{section}.") };
                walk(part, &format!("{above}{nth}"), depth + 1, parts);
            }
        }
        // Parts that are not there were meant as text.
        None if is_multipart => parts.push(Part::new(bytes, section, None)),
        _ => parts.push(Part::new(bytes, section, content_type.as_ref())),
    }
}

impl<'a> Part<'a> {
    fn new(whole: &'a [u8], section: &str, content_type: Option<&ContentType<'_>>) -> Self {
        let fields = HeaderFields::new(whole);
        let body = fields.clone().body();
        let disposition = header::word(fields.value("Content-Disposition"));
        let attribute = |name| content_type.and_then(|word| word.attribute(name));
        let file_name = disposition.as_ref().and_then(|word| word.attribute("filename"));
        let name = file_name.or(attribute("name")).unwrap_or_default();
        let media_type = match content_type.map(|word| (word.ctype(), word.subtype())) {
            None => "text/plain".to_owned(),
            Some((main, Some(sub))) => format!("{main}/{sub}").to_lowercase(),
            Some((main, None)) => main.to_lowercase(),
        };
        let is_kept = disposition.as_ref().is_some_and(ContentType::is_attachment);
        let encoding = fields.value(ENCODING).trim_ascii();
        let encoding = match encoding.to_ascii_lowercase().as_slice() {
            b"base64" => Encoding::Base64,
            b"quoted-printable" => Encoding::QuotedPrintable,
            b"" | b"7bit" | b"8bit" | b"binary" => Encoding::Plain,
            _ => Encoding::Other,
        };
        Self {
            // A message without parts is its first.
            section: if section.is_empty() { "1" } else { section }.to_owned(),
            name: header::text(name.as_bytes(), NAME_MAX),
            is_attachment: is_kept || !name.is_empty() || !media_type.starts_with("text"),
            is_elsewhere: !fields.value(ELSEWHERE).is_empty() && body.trim_ascii().is_empty(),
            charset: attribute("charset").unwrap_or_default().to_owned(),
            media_type,
            encoding,
            body,
            whole,
        }
    }

    /// How long its content is in bytes, decoded.
    pub(super) fn size(&self) -> usize {
        match self.encoding {
            Encoding::Plain | Encoding::Other => self.body.len(),
            Encoding::Base64 => self.body.iter().filter(|byte| is_base64(**byte)).count() * 3 / 4,
            Encoding::QuotedPrintable => quoted_printable(self.body).len(),
        }
    }

    /// The start of its text; empty if it has none.
    pub(super) fn preview(&self) -> String {
        let bytes = self.decode(start(self.body, TEXT_MAX));
        let text = match charset_decoder(self.charset.as_bytes()) {
            Some(decode) => decode(&bytes),
            None => String::from_utf8_lossy(&bytes).into_owned(),
        };
        let text = if self.media_type == "text/html" { html_to_text(&text) } else { text };
        let text: String = text.trim().chars().filter(|c| *c != '\r').take(PREVIEW_MAX).collect();
        text.trim_end().to_owned()
    }

    fn decode(&self, body: &[u8]) -> Vec<u8> {
        match self.encoding {
            Encoding::Plain | Encoding::Other => body.to_vec(),
            Encoding::Base64 => {
                let digits: Vec<u8> =
                    body.iter().copied().filter(|byte| is_base64(*byte)).collect();
                base64_decode(&digits).unwrap_or_default()
            }
            Encoding::QuotedPrintable => quoted_printable(body),
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// What is wrong with it stays as it is.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    MessageStream::new(body).decode_quoted_printable_mime(b"").1.into_owned()
}

/// The parts between lines of `--` and a boundary.
struct Delimited<'a> {
    rest: Option<&'a [u8]>,
    delimiter: Finder<'static>,
}

impl<'a> Delimited<'a> {
    /// None if the boundary is nowhere.
    fn new(body: &'a [u8], boundary: &[u8]) -> Option<Self> {
        let delimiter = Finder::new(&[b"--", boundary].concat()).into_owned();
        let mut delimited = Self { rest: Some(body), delimiter };
        // What is before the first line is for readers that know no parts.
        delimited.next()?;
        delimited.rest.is_some().then_some(delimited)
    }
}

impl<'a> Iterator for Delimited<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let body = self.rest.take()?;
        let mut from = 0;
        while let Some(found) = self.delimiter.find(tail(body, from)) {
            let at = from + found;
            from = at + self.delimiter.needle().len();
            let before = start(body, at);
            let after = tail(body, from);
            let line = memchr(b'\n', after).map_or(after.len(), |at| at + 1);
            let behind = start(after, line).trim_ascii();
            let is_line = before.is_empty() || before.ends_with(b"\n");
            if is_line && (behind.is_empty() || behind == b"--") {
                // The line end before it is its own.
                let part = before.strip_suffix(b"\n").unwrap_or(before);
                let part = part.strip_suffix(b"\r").unwrap_or(part);
                let rest = tail(after, line);
                self.rest = (behind.is_empty() && !rest.is_empty()).then_some(rest);
                return Some(part);
            }
        }
        // It was never closed.
        Some(body)
    }
}
