//! Documents, each a whole file or bundle: iWork, Office Open XML, OpenDocument, PDF, RTF and others.
//!
//! A zip that is a document is one thing to a person and is not taken apart: what its members tell
//! is a title, who wrote it and when it was changed, where the format has that. iWork has a member
//! with an id that lasts; copies of a document share it. Of all others a record's identity is
//! empty, and the path of its file takes its place. A [`Bundle`] is a folder that is a document.
//!
//! What a document says is what its members hold, whatever the zip around them; left out are
//! pictures for a preview, and the notes of programs on how often it was saved.
//!
//! | Rung | A document's identity |
//! |---|---|
//! | id | iWork's `DocumentIdentifier` |

mod bundle;
mod office;
mod pdf;

pub use bundle::Bundle;

use std::io::{self, Read, Seek};

use zeroize::Zeroizing;

use crate::kinds::archive::{self, Container};
use crate::kinds::ladder::digest;
use crate::kinds::sheet::{TOO_LONG, hold};
use crate::kinds::{Field, Identity, Kind, Locator, Quality, Record, Scanned, dates, text};

/// Longest text that is told in a list, in bytes.
const TOLD_MAX: usize = 200;

const EMPTY: &str = "empty";

/// What a document tells of itself.
#[derive(Default)]
struct Told {
    title: String,
    author: String,
    /// What made it or opens it, in a word or two.
    application: &'static str,
    /// When it was changed last, in seconds since 1970.
    modified: Option<i64>,
    /// An id that lasts.
    identifier: String,
    /// The versions of programs that saved it.
    versions: Vec<String>,
    /// How many members it has, where it has any, and whether one is a picture of it.
    members: Option<(usize, bool)>,
    /// What its members hold; none if they cannot be read to their end.
    essence: Option<[u8; 32]>,
}

/// Gives `each` the one document that `content` is.
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
    let told = told(&bytes);
    let essence = told.essence.unwrap_or_else(|| digest(&[&bytes]));
    let range = 0..bytes.len() as u64;
    each(record_of(&told, essence, Locator::Bytes(vec![range])))?;
    Ok(Scanned { layout: "a document", records: 1, ..Scanned::default() })
}

fn record_of(told: &Told, essence: [u8; 32], locator: Locator) -> Record {
    let identity = match told.identifier.as_str() {
        "" => Identity { quality: Quality::Fields, bytes: Zeroizing::default() },
        id => Identity { quality: Quality::Id, bytes: Zeroizing::new(id.as_bytes().to_vec()) },
    };
    Record {
        kind: Kind::Document,
        identity,
        title: text::in_line(&told.title, TOLD_MAX),
        place: told.application.to_owned(),
        user: text::in_line(&told.author, TOLD_MAX),
        date: told.modified,
        essence: Zeroizing::new(essence.to_vec()),
        warnings: Vec::new(),
        is_closed: false,
        link: None,
        apart: 0,
        locator,
    }
}

/// What a document says of itself: `title`, `author`, `application`, `modified`, `identifier`,
/// `versions`, and of a zip how many `members` it has and whether one is a `preview`.
pub fn fields(record: &[u8]) -> Vec<Field> {
    fields_of(told(record))
}

fn fields_of(told: Told) -> Vec<Field> {
    let count = told.members.map(|(count, _)| count.to_string());
    let preview = told.members.map(|(_, has_preview)| if has_preview { "yes" } else { "no" });
    let all = [
        ("title", told.title),
        ("author", told.author),
        ("application", told.application.to_owned()),
        ("modified", told.modified.map(dates::moment).unwrap_or_default()),
        ("identifier", told.identifier),
        ("versions", told.versions.join(", ")),
        ("members", count.unwrap_or_default()),
        ("preview", preview.unwrap_or_default().to_owned()),
    ];
    let filled = all.into_iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| Field::clear(name, &value)).collect()
}

fn told(bytes: &[u8]) -> Told {
    match archive::container(bytes) {
        Some(Container::Zip) => office::told(bytes),
        _ if bytes.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") => {
            Told { application: "Office 97", ..Told::default() }
        }
        _ => match text::trim_start(bytes) {
            text if text.starts_with(b"%PDF-") => pdf::told(text),
            text if text.starts_with(b"{\\rtf") => Told { application: "RTF", ..Told::default() },
            _ => Told::default(),
        },
    }
}

#[cfg(test)]
mod tests;
