//! The formats with records: which module finds them in content, takes one apart, and puts some
//! of them into a file.

use std::io::{self, Read, Seek};
use std::ops::Range;

use zeroize::Zeroizing;

use super::{
    Field, Kind, Record, Scanned, bookmarks, calendars, certificates, contacts, documents, health,
    history, logins, messages, notes,
};

/// A format with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Logins and cards: tables, JSON, lists of one-time password addresses.
    Logins,
    /// Certificates and keys.
    Certificates,
    /// Messages, in a mailbox or one by one.
    Messages,
    /// People: vCard.
    Contacts,
    /// Events and reminders: iCalendar.
    Calendars,
    /// Bookmarks: HTML.
    Bookmarks,
    /// Visits of a browser: Safari's JSON.
    History,
    /// Notes, each a file: text, Markdown, HTML.
    Notes,
    /// Measurements of a body: Health's XML.
    Health,
    /// Documents, each a file: iWork, Office Open XML, PDF and others.
    Documents,
}

impl Format {
    /// Every format, in the order of its declaration.
    pub const ALL: [Self; 10] = [
        Self::Logins,
        Self::Certificates,
        Self::Messages,
        Self::Contacts,
        Self::Calendars,
        Self::Bookmarks,
        Self::History,
        Self::Notes,
        Self::Health,
        Self::Documents,
    ];

    /// Its name in a vault (spec 11).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logins => "logins",
            Self::Certificates => "certificates",
            Self::Messages => "messages",
            Self::Contacts => "contacts",
            Self::Calendars => "calendars",
            Self::Bookmarks => "bookmarks",
            Self::History => "history",
            Self::Notes => "notes",
            Self::Health => "health",
            Self::Documents => "documents",
        }
    }

    /// The format of this name, or none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The format that content of a kind has, or none.
    pub const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Passwords | Kind::Cards => Some(Self::Logins),
            Kind::Certificate | Kind::Key => Some(Self::Certificates),
            Kind::Mail => Some(Self::Messages),
            Kind::Contact => Some(Self::Contacts),
            Kind::Event => Some(Self::Calendars),
            Kind::Bookmark => Some(Self::Bookmarks),
            Kind::History => Some(Self::History),
            Kind::Note => Some(Self::Notes),
            Kind::Health => Some(Self::Health),
            Kind::Document => Some(Self::Documents),
            Kind::Photo | Kind::Video | Kind::File => None,
        }
    }

    /// Goes through `content` from its start and gives `each` its records in their order.
    ///
    /// # Errors
    /// When `content` cannot be read, and what `each` answers. That it makes no sense is said in
    /// [`Scanned::notes`].
    pub fn scan(
        self,
        content: &mut (impl Read + Seek),
        each: &mut dyn FnMut(Record) -> io::Result<()>,
    ) -> io::Result<Scanned> {
        match self {
            Self::Logins => logins::scan(content, each),
            Self::Certificates => certificates::scan(content, each),
            Self::Messages => messages::scan(content, each),
            Self::Contacts => contacts::scan(content, each),
            Self::Calendars => calendars::scan(content, each),
            Self::Bookmarks => bookmarks::scan(content, each),
            Self::History => history::scan(content, each),
            Self::Notes => notes::scan(content, each),
            Self::Health => health::scan(content, each),
            Self::Documents => documents::scan(content, each),
        }
    }

    /// The bytes of a record at [`Locator::Derived`](super::Locator), from whole content that
    /// `password` may be needed to open; none if there is no such record.
    pub fn derive(
        self,
        content: &[u8],
        how: &[u8],
        password: Option<&str>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Certificates => certificates::extract(content, how, password),
            Self::Health => health::extract(content, how),
            Self::Logins
            | Self::Messages
            | Self::Contacts
            | Self::Calendars
            | Self::Bookmarks
            | Self::History
            | Self::Notes
            | Self::Documents => None,
        }
    }

    /// What a record says, field by field. `frame` has the bytes of [`Scanned::frame`].
    pub fn fields(self, frame: &[&[u8]], record: &[u8]) -> Vec<Field> {
        match self {
            Self::Logins => logins::fields(frame, record),
            Self::Certificates => certificates::fields(record),
            Self::Messages => messages::fields(record),
            Self::Contacts => contacts::fields(record),
            Self::Calendars => calendars::fields(frame, record),
            Self::Bookmarks => bookmarks::fields(record),
            Self::History => history::fields(record),
            Self::Notes => notes::fields(record),
            Self::Health => health::fields(record),
            Self::Documents => documents::fields(record),
        }
    }

    /// A file of the format that holds these records of one file and no other, each with its exact
    /// bytes; none where the format cannot hold several.
    pub fn write(self, frame: &[&[u8]], records: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Logins => Some(logins::write(frame, records)),
            Self::Certificates => certificates::write(records),
            Self::Messages => Some(match records {
                [only] => Zeroizing::new(only.to_vec()),
                several => messages::write(several),
            }),
            Self::Contacts => Some(contacts::write(frame, records)),
            Self::Calendars => Some(calendars::write(frame, records)),
            Self::Bookmarks => Some(bookmarks::write(records)),
            Self::History => Some(history::write(frame, records)),
            Self::Notes | Self::Documents => alone(records),
            Self::Health => Some(health::write(records)),
        }
    }
}

/// The file of a format that is one record.
fn alone(records: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
    match records {
        [only] => Some(Zeroizing::new(only.to_vec())),
        _ => None,
    }
}

/// The parts of `content` at these ranges; none where one is not in it.
pub fn parts<'a>(content: &'a [u8], ranges: &[Range<u64>]) -> Option<Vec<&'a [u8]>> {
    let part = |range: &Range<u64>| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        content.get(start..end)
    };
    ranges.iter().map(part).collect()
}
