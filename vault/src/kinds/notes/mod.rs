//! Notes, each a whole file: text, Markdown or HTML.
//!
//! Notes exports Markdown with what is attached in a folder `Attachments` beside it, and that is all
//! that tells such a file from other Markdown; Apple's take-out has text, scripts write HTML. None
//! says which note it is: a record's identity is empty, and the path of its file takes its place.
//!
//! [`details()`] reads the table that a take-out has beside its notes.

mod details;
mod markup;

use std::io::{self, Read, Seek};

use memchr::memmem;
use zeroize::Zeroizing;

pub use details::{Detail, details};
use markup::{Note, lines};

use crate::kinds::bytes::{start, tail};
use crate::kinds::ladder::digest;
use crate::kinds::sheet::{TOO_LONG, hold};
use crate::kinds::{
    Export, Field, Identity, Kind, Locator, PROBE_SIZE, Quality, Recognised, Record, Scanned,
    dates, text,
};

/// Longest title that is told, in bytes.
const TITLE_MAX: usize = 200;
/// How much of a text is told, in bytes.
const TEXT_MAX: usize = 32 << 10;
/// Stands in a text for what is attached to it.
const ATTACHED: &[u8] = "\u{FFFC}".as_bytes();

const EMPTY: &str = "empty, as a locked note may be";
const NOT_TEXT: &str = "neither text nor HTML";
const LEFT_OUT: &str = "attachments or tables that are not in its text";

/// A text that links to a file in `Attachments` as Notes calls them.
pub(super) fn recognise(text: &[u8]) -> Option<Recognised> {
    const LINK: &[u8] = b"](Attachments/";
    memmem::find_iter(text, LINK)
        .any(|at| is_attachment(tail(text, at + LINK.len())))
        .then_some(Recognised::plain(Kind::Note))
}

/// `0E5A2411-57C1-5226-9F61-6BD4D1F687F5.jpeg)`
fn is_attachment(text: &[u8]) -> bool {
    let Some((id, rest)) = text.split_at_checked(36) else { return false };
    let is_id = id.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let ending = start(rest, 12).strip_prefix(b".").unwrap_or_default();
    let length = ending.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    is_id && length > 0 && ending.get(length) == Some(&b')')
}

/// Gives `each` the one note that `content` is.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    content.rewind()?;
    let Some(bytes) = hold(content)? else { return Ok(Scanned::nothing(TOO_LONG)) };
    if bytes.is_empty() {
        return Ok(Scanned::nothing(EMPTY));
    }
    if !is_text(&bytes) {
        return Ok(Scanned::nothing(NOT_TEXT));
    }
    let text = text::decode(&bytes);
    let note = Note::new(&text);
    let is_partial = left_out(&text) > 0;
    let range = 0..bytes.len() as u64;
    each(Record {
        kind: Kind::Note,
        identity: Identity { quality: Quality::Fields, bytes: Zeroizing::default() },
        title: text::in_line(&note.title(), TITLE_MAX),
        place: String::new(),
        user: String::new(),
        date: note.created(),
        essence: Zeroizing::new(digest(&[&normalised(&text)]).to_vec()),
        warnings: if is_partial { vec![LEFT_OUT] } else { Vec::new() },
        is_closed: false,
        link: None,
        apart: 0,
        locator: Locator::Bytes(vec![range]),
    })?;
    let mut scanned = Scanned { layout: note.layout(), records: 1, ..Scanned::default() };
    if recognise(&text).is_some() {
        scanned.export(Export::Notes);
    }
    Ok(scanned)
}

/// What a note says: `title`, `created`, an `attachment` for each that it links to or holds, how
/// many are `left out`, and the start of its `text`.
pub fn fields(record: &[u8]) -> Vec<Field> {
    if !is_text(record) {
        return Vec::new();
    }
    let text = text::decode(record);
    let note = Note::new(&text);
    let mut fields = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            fields.push(Field::clear(name, value));
        }
    };
    add("title", &text::in_line(&note.title(), TITLE_MAX));
    add("created", &note.created().map(dates::moment).unwrap_or_default());
    for attached in note.attached() {
        add("attachment", &attached.to_string());
    }
    match left_out(&text) {
        0 => {}
        count => add("left out", &format!("attachments or tables: {count}")),
    }
    add("text", note.text(TEXT_MAX).trim());
    fields
}

/// How many attachments and tables are not in a text.
fn left_out(text: &[u8]) -> usize {
    memmem::find_iter(text, ATTACHED).count()
}

/// Whether somebody could have written it as a note.
pub fn is_text(bytes: &[u8]) -> bool {
    let is_marked_up = bytes.starts_with(b"%PDF-") || bytes.starts_with(b"{\\rtf");
    let is_binary = crate::kinds::binary(start(bytes, PROBE_SIZE), bytes.len() as u64).is_some();
    text::is_text(bytes) && !is_marked_up && !is_binary
}

/// A text with LF behind each line, and no blanks before it, nor blank lines at its end.
fn normalised(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut normalised = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    let mut blank_lines = 0_usize;
    for line in lines(text) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            blank_lines += 1;
            continue;
        }
        normalised.extend(std::iter::repeat_n(b'\n', std::mem::take(&mut blank_lines)));
        normalised.extend_from_slice(line);
        normalised.push(b'\n');
    }
    normalised
}

#[cfg(test)]
mod tests;
