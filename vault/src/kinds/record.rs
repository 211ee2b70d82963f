//! Records: what a file of a format holds, one login, certificate or key each.
//!
//! A format's file scans content for its records and takes the bytes of one apart into fields. What
//! is secret in a record is in its fields only, which are made when somebody asks for them; what is
//! told of a record beside them may stand in a list.

use std::ops::Range;

use zeroize::Zeroizing;

use super::{Export, Kind, Lack, Omissions};

/// What is said of what should be JSON and is none.
pub(super) const UNREADABLE: &str = "not readable as JSON";

/// One record of a file.
pub struct Record {
    /// What sort of thing it is.
    pub kind: Kind,
    /// What tells it from the others in its file, and finds it again in the next export.
    pub identity: Identity,
    /// What a list shows: no secret.
    pub title: String,
    /// Where it belongs, if anywhere: the host of a login, the issuer of a certificate.
    pub place: String,
    /// Whose it is, if the format says: the user of a login.
    pub user: String,
    /// The record's own date in seconds since 1970: when a login was changed last, until when a
    /// certificate is valid.
    pub date: Option<i64>,
    /// All it says, in one form whatever the export: two records say the same when these bytes are
    /// the same. They hold secrets and are kept as a keyed hash only.
    pub essence: Zeroizing<Vec<u8>>,
    /// What a person should know of it.
    pub warnings: Vec<&'static str>,
    /// Whether there is more in it than can be told without its password.
    pub is_closed: bool,
    /// What says that two files are parts of one thing: the content identifier of a Live Photo.
    pub link: Option<Vec<u8>>,
    /// How many parts of it are in files of their own: attachments of a message.
    pub apart: u32,
    /// Where in the content it is.
    pub locator: Locator,
}

/// What makes a record the same one in another export. The bytes may hold what is private, and are
/// kept as a keyed hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// How far it can be relied on.
    pub quality: Quality,
    /// The same for the same record, and for no other of its quality. Empty where nothing in the
    /// content tells it from others, a note say: then where its file is has to.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// The rungs of the ladder, the best first (spec 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// The format gives records an id that lasts.
    Id = 0,
    /// Fields that two records seldom share: host and user of a login.
    Fields = 1,
    /// The same with the title, for records that share them.
    Titled = 2,
    /// All of it: another one after any change.
    Whole = 3,
}

impl Quality {
    /// Every rung, the best first.
    pub const ALL: [Self; 4] = [Self::Id, Self::Fields, Self::Titled, Self::Whole];

    /// Its name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Fields => "fields",
            Self::Titled => "title",
            Self::Whole => "whole",
        }
    }
}

/// Where in its content a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// These bytes, one part behind the other, and none of another record. Most have one part; an
    /// event has one for each of its exceptions.
    Bytes(Vec<Range<u64>>),
    /// It has no bytes of its own: what its format needs to derive it from the whole content.
    Derived(Vec<u8>),
}

/// A part of a record, taken out of its bytes for somebody who asked.
pub struct Field {
    /// Its name, one of a few words or what the export calls it.
    pub name: String,
    /// What it says.
    pub value: Zeroizing<String>,
    /// Whether it is masked unless somebody wants to see it.
    pub is_secret: bool,
}

impl Field {
    /// One that anybody may read.
    pub(super) fn clear(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: Zeroizing::new(value.to_owned()), is_secret: false }
    }
}

/// What a scan says of content beside its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Who wrote it or in what format, in words for a person; empty if that is not known.
    pub layout: &'static str,
    /// The parts of the content that every record needs beside its own bytes, to be read and to be
    /// a file of its format: a header row, what stands around a list.
    pub frame: Vec<Range<u64>>,
    /// How many records were told.
    pub records: u64,
    /// Why some of it, or all, is in no record.
    pub notes: Vec<&'static str>,
    /// What is not in the content though somebody may look for it there.
    pub omissions: Omissions,
}

impl Scanned {
    /// Content without records, and why.
    pub(super) fn nothing(note: &'static str) -> Self {
        Self { notes: vec![note], ..Self::default() }
    }

    /// Content that is no JSON, or only the beginning of one.
    pub(super) fn unread(error: &serde_json::Error) -> Self {
        let mut scanned = Self::nothing(UNREADABLE);
        if error.is_eof() {
            scanned.lack(Lack::End);
        }
        scanned
    }

    /// Notes something once.
    pub(super) fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Says that something is not there.
    pub(super) fn lack(&mut self, lack: Lack) {
        self.omissions.lacks.insert(lack);
    }

    /// Says what export it is.
    pub(super) fn export(&mut self, export: Export) {
        self.omissions.exports.insert(export);
    }
}
