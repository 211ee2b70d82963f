//! What sort of thing an item is, told by its content alone: one file per format family.
//!
//! Names and extensions are localised, changed and lost, so nothing here sees one. A family is a
//! function from the leading bytes of an item to an answer or none; this file asks them in order.
//! What was not recognised is a [`Kind::File`]. When it cannot be told whether something is a
//! secret, it is sealed: to seal too much costs a password prompt, to seal too little is a leak.

mod archive;
mod armour;
mod bytes;
mod csv;
mod database;
mod der;
mod json;
mod mail;
mod markup;
mod media;
mod text;
mod words;

use std::fmt;

/// How many leading bytes of an item [`recognise`] wants; it looks at no more.
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
    /// Notes.
    Note,
    /// Bookmarks.
    Bookmark,
    /// Visits of a browser.
    History,
    /// An office document or a page description.
    Document,
    /// Everything else.
    File,
}

impl Kind {
    /// Every kind, in the order of its declaration.
    pub const ALL: [Self; 14] = [
        Self::Passwords,
        Self::Cards,
        Self::Key,
        Self::Certificate,
        Self::Contact,
        Self::Event,
        Self::Mail,
        Self::Photo,
        Self::Video,
        Self::Note,
        Self::Bookmark,
        Self::History,
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
            Self::Note => "note",
            Self::Bookmark => "bookmark",
            Self::History => "history",
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
}

impl Recognised {
    /// Ordinary content of a kind.
    const fn plain(kind: Kind) -> Self {
        Self { kind, sealed: false, dense: false }
    }

    /// Content that is already compressed.
    const fn dense(kind: Kind) -> Self {
        Self { kind, sealed: false, dense: true }
    }

    /// A secret.
    const fn sealed(kind: Kind) -> Self {
        Self { kind, sealed: true, dense: false }
    }
}

/// What an item of `length` bytes is whose first bytes are `head`: all of them, or the first
/// [`PROBE_SIZE`]. Any bytes have an answer, in time linear in `head`.
///
/// A secret that begins behind `head` is not seen, nor one inside a container or an encoded
/// attachment.
pub fn recognise(head: &[u8], length: u64) -> Recognised {
    let head = head.get(..PROBE_SIZE).unwrap_or(head);
    let (found, secret) = match binary(head, length) {
        Some(found) if found.dense => return found,
        Some(found) => (found, armour::recognise(head)),
        None => {
            let text = text::decode(head);
            let found = textual(&text).unwrap_or(Recognised::plain(Kind::File));
            (found, armour::recognise(&text))
        }
    };
    let Some(secret) = secret else { return found };
    // A mail stays a mail whatever its text holds, but is sealed with it.
    let kind = if found.kind == Kind::File { secret.kind } else { found.kind };
    Recognised { kind, sealed: found.sealed || secret.sealed, dense: found.dense }
}

/// What a folder is whose sorted names these are, when it is a bundle: one thing to a person.
pub fn bundle(names: &[Vec<u8>]) -> Option<Kind> {
    let has = |wanted: &[u8]| names.iter().any(|name| name == wanted);
    has(b"mbox").then_some(Kind::Mail)
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
}

#[cfg(test)]
mod tests;
