//! What sort of thing an item is, told by its content alone: one file per format family.
//!
//! Names and extensions are localised, changed and lost, so nothing here sees one. A family is a
//! function from the leading bytes of an item to an answer or none; this file asks them in order,
//! and `inside` asks again for what is in containers. What was not recognised is a [`Kind::File`].
//! When it cannot be told whether something is a secret, it is sealed: to seal too much costs a
//! password prompt, to seal too little is a leak.
//!
//! [`Format`] goes on from there to the records in a file, one by one.

mod address;
#[cfg(feature = "sqlite")]
pub mod address_book;
mod archive;
mod armour;
mod beside;
pub mod bookmarks;
mod bundle;
mod bytes;
#[cfg(feature = "sqlite")]
pub mod calendar_database;
pub mod calendars;
pub mod certificates;
#[cfg(feature = "sqlite")]
mod compose;
pub mod contacts;
mod content;
mod csv;
mod database;
mod databases;
mod dates;
mod der;
pub mod documents;
mod ending;
mod format;
pub mod health;
pub mod history;
mod html;
mod inside;
mod json;
mod ladder;
mod lines;
pub mod logins;
mod mail;
mod markup;
mod media;
pub mod messages;
pub mod notes;
mod omissions;
mod pgp;
pub mod pictures;
mod property;
mod record;
mod rows;
mod sheet;
mod tar;
mod text;
mod window;
mod words;
mod zip;

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use archive::Container;
pub use beside::{BESIDE_MAX, Beside, beside};
pub use bundle::bundle;
use content::{Blocked, Budget, Content, ReadSeek};
pub use database::is_database;
pub use ending::is_cut;
pub use format::{Format, Framed, Whole, parts};
pub use omissions::{Export, Lack, Omissions};
pub use record::{Field, Identity, Locator, Quality, Record, Scanned};
pub use sheet::{
    CONTENT_MAX, Kept, PartReader, Sheet, Sheets, Taken, glance, has_log, has_records, scan_stream,
    sheets, streams, take, take_streamed,
};

/// How many leading bytes of an item [`examine`] wants.
pub const PROBE_SIZE: usize = 65_536;

/// What sort of thing an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Logins with their passwords, or the seeds of one-time passwords.
    Passwords,
    /// Payment cards.
    Cards,
    /// A private key, or a store of such.
    Key,
    /// Certificates without their private keys.
    Certificate,
    /// People: vCards.
    Contact,
    /// Events and reminders: iCalendar.
    Event,
    /// Messages, one or many.
    Mail,
    /// A still picture.
    Photo,
    /// A moving picture.
    Video,
    /// Sound alone.
    Sound,
    /// Notes.
    Note,
    /// Bookmarks.
    Bookmark,
    /// Visits of a browser.
    History,
    /// Measurements of a body and what it did: Health's export.
    Health,
    /// An office document or a page description.
    Document,
    /// Everything else.
    File,
}

impl Kind {
    /// Every kind, in the order of its declaration.
    pub const ALL: [Self; 16] = [
        Self::Passwords,
        Self::Cards,
        Self::Key,
        Self::Certificate,
        Self::Contact,
        Self::Event,
        Self::Mail,
        Self::Photo,
        Self::Video,
        Self::Sound,
        Self::Note,
        Self::Bookmark,
        Self::History,
        Self::Health,
        Self::Document,
        Self::File,
    ];

    /// The glossary's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passwords => "passwords",
            Self::Cards => "cards",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Contact => "contact",
            Self::Event => "event",
            Self::Mail => "mail",
            Self::Photo => "photo",
            Self::Video => "video",
            Self::Sound => "sound",
            Self::Note => "note",
            Self::Bookmark => "bookmark",
            Self::History => "history",
            Self::Health => "health",
            Self::Document => "document",
            Self::File => "file",
        }
    }

    /// The kind whose word `word` is, or none.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the content of an item says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// What sort of thing it is.
    pub kind: Kind,
    /// It is, holds, or may well be a secret and belongs into the sealed compartment. Not the
    /// same as the kind: a message with a private key in its text is sealed mail.
    pub sealed: bool,
    /// Media or compressed content, which is cut at fixed places and never compressed.
    pub dense: bool,
    /// Why it is sealed although nobody saw a secret in it, in words like "encrypted zip": it
    /// could not be looked into.
    pub doubt: Option<&'static str>,
}

impl Recognised {
    /// Ordinary content of a kind.
    const fn plain(kind: Kind) -> Self {
        Self { kind, sealed: false, dense: false, doubt: None }
    }

    /// Content that is already compressed.
    const fn dense(kind: Kind) -> Self {
        Self { kind, sealed: false, dense: true, doubt: None }
    }

    /// A secret.
    const fn sealed(kind: Kind) -> Self {
        Self { kind, sealed: true, dense: false, doubt: None }
    }

    /// The same with armour in its text. A mail stays a mail whatever its text holds, but is sealed
    /// with it; certificates before a key are the key's.
    fn with(self, armour: Self) -> Self {
        let gives_way = matches!(self.kind, Kind::File | Kind::Certificate);
        let kind = if gives_way { armour.kind } else { self.kind };
        Self { kind, sealed: self.sealed || armour.sealed, ..self }
    }

    /// What cannot be looked into.
    const fn closed(word: &'static str) -> Self {
        Self { kind: Kind::File, sealed: true, dense: true, doubt: Some(word) }
    }
}

/// What an item is: `head` are its first bytes, all of them or [`PROBE_SIZE`], `length` its length
/// in bytes as far as it is known, `content` the whole of it, in which this seeks at will.
///
/// Read behind the head are:
/// - containers: zip with all its members, tar and gzip, four of them one in the other. If a
///   member would be sealed, the whole is. What cannot be looked into, since it is encrypted,
///   damaged, of a format that has no reader here or beyond a limit, is sealed as well, with
///   [`Recognised::doubt`] to say so;
/// - text, of which the first 16 MiB behind all heads in a file are read. A secret that begins
///   later is not seen;
/// - the tracks of a QuickTime film, which is a recording when none is a picture.
///
/// Not looked into are the attachments of messages, databases behind their head, documents that
/// are not zips (PDF, older office files), and what is hidden behind the end of a picture.
///
/// # Errors
/// When `content` cannot be read. That it makes no sense is an answer, not an error.
pub fn examine(
    head: &[u8],
    length: u64,
    content: &mut (impl Read + Seek),
) -> io::Result<Recognised> {
    let head = head.get(..PROBE_SIZE).unwrap_or(head);
    let budget = Budget::new();
    let mut file = Honest { file: content, failed: None };
    let examined = examine_file(head, length, &mut file, &budget);
    match (file.failed, examined) {
        (Some(failed), _) => Err(failed),
        (None, Ok(found)) => Ok(found),
        (None, Err(Blocked(word))) => {
            let found = archive::recognise(head).unwrap_or_else(|| recognise(head, length));
            Ok(Recognised { sealed: true, doubt: Some(word), ..found })
        }
    }
}

/// How many of the first bytes [`examine_start`] wants of an item that begins with `head` and in
/// which nothing can be sought.
pub fn start_size(head: &[u8]) -> usize {
    let wanted = match archive::container(head) {
        Some(Container::Zip | Container::Tar | Container::Gzip) => content::HELD_MAX,
        None if text::is_text(head) => content::TEXT_MAX,
        Some(Container::Closed(_)) | None => 0,
    };
    PROBE_SIZE.saturating_add(usize::try_from(wanted).unwrap_or(usize::MAX))
}

/// As [`examine`], for an item of `length` bytes of which only the first are at hand, all of them
/// or [`start_size`]. A container that is longer is one that cannot be looked into.
pub fn examine_start(start: &[u8], length: u64) -> Recognised {
    let head = start.get(..PROBE_SIZE).unwrap_or(start);
    match archive::container(head) {
        None if text::is_text(head) => judge(start, length),
        None => recognise(head, length),
        Some(Container::Closed(word)) => Recognised::closed(word),
        Some(_) if (start.len() as u64) < length => Recognised::closed(content::TOO_MUCH),
        // Memory can be read.
        Some(_) => examine(head, length, &mut io::Cursor::new(start))
            .unwrap_or(Recognised::closed(content::TOO_MUCH)),
    }
}

fn examine_file(
    head: &[u8],
    length: u64,
    file: &mut (dyn ReadSeek + '_),
    budget: &Budget,
) -> Result<Recognised, Blocked> {
    // Only a container is read from its end, which has to be where the file's is now.
    let length = match archive::container(head) {
        Some(_) => file.seek(SeekFrom::End(0))?,
        None => length,
    };
    let found = inside::examine(head, Content::seekable(file, length, budget), inside::DEPTH_MAX)?;
    let is_sound = media::may_be_sound(head) && pictures::is_sound(file)?;
    Ok(if is_sound { Recognised { kind: Kind::Sound, ..found } } else { found })
}

/// A file that remembers why reading it failed: below, what comes from its bytes and what comes
/// from the medium are errors alike.
struct Honest<'a, F> {
    file: &'a mut F,
    failed: Option<io::Error>,
}

impl<F> Honest<'_, F> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failed = Some(error);
            }
            kind.into()
        })
    }
}

impl<F: Read> Read for Honest<'_, F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(bytes);
        self.note(read)
    }
}

impl<F: Seek> Seek for Honest<'_, F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = self.file.seek(to);
        self.note(place)
    }
}

/// What an item of `length` bytes is, as far as its first bytes tell: enough for its kind, but only
/// [`examine`] can tell that nothing in it has to be sealed. Any bytes have an answer, in time
/// linear in `head`.
pub fn recognise(head: &[u8], length: u64) -> Recognised {
    judge(head.get(..PROBE_SIZE).unwrap_or(head), length)
}

fn judge(head: &[u8], length: u64) -> Recognised {
    let (found, secret) = match binary(head, length) {
        Some(found) if found.dense => return found,
        Some(found) => (found, armour::recognise(head)),
        None => {
            let text = text::decode(head);
            let found = textual(&text).unwrap_or(Recognised::plain(Kind::File));
            (found, armour::recognise(&text))
        }
    };
    secret.map_or(found, |secret| found.with(secret))
}

/// Formats told by magic numbers or by structure.
fn binary(head: &[u8], length: u64) -> Option<Recognised> {
    der::recognise(head)
        .or_else(|| database::recognise(head))
        .or_else(|| media::recognise(head, length))
        .or_else(|| archive::recognise(head))
}

/// Formats told by reading them.
fn textual(text: &[u8]) -> Option<Recognised> {
    json::recognise(text)
        .or_else(|| markup::recognise(text))
        .or_else(|| mail::recognise(text))
        .or_else(|| csv::recognise(text))
        .or_else(|| notes::recognise(text))
}

#[cfg(test)]
mod tests;
