//! The formats with records: which module finds them in content, takes one apart, and puts some
//! of them into a file.

use std::io::{self, Cursor, Read, Seek};
use std::ops::Range;

use zeroize::Zeroizing;

#[cfg(feature = "sqlite")]
use super::address_book::AddressBook;
use super::{Field, Kind, Record, Scanned, calendars, certificates, contacts, logins, messages};

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
    /// People: a database of Contacts. A record taken out of it is a vCard.
    AddressBook,
}

/// All that there is of a file.
#[derive(Clone, Copy)]
pub struct Whole<'a> {
    /// Its bytes.
    pub content: &'a [u8],
    /// If it is a database, the bytes of the write-ahead log that lies beside it, if one does.
    pub log: Option<&'a [u8]>,
}

impl<'a> From<&'a [u8]> for Whole<'a> {
    fn from(content: &'a [u8]) -> Self {
        Self { content, log: None }
    }
}

impl Format {
    /// Every format, in the order of its declaration.
    pub const ALL: [Self; 6] = [
        Self::Logins,
        Self::Certificates,
        Self::Messages,
        Self::Contacts,
        Self::Calendars,
        Self::AddressBook,
    ];

    /// Its name in a vault (spec 11).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logins => "logins",
            Self::Certificates => "certificates",
            Self::Messages => "messages",
            Self::Contacts => "contacts",
            Self::Calendars => "calendars",
            Self::AddressBook => "address book",
        }
    }

    /// The format of this name, or none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The format that content of a kind has, or none. People are also kept in databases, which are
    /// an [`Self::AddressBook`].
    pub const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Passwords | Kind::Cards => Some(Self::Logins),
            Kind::Certificate | Kind::Key => Some(Self::Certificates),
            Kind::Mail => Some(Self::Messages),
            Kind::Contact => Some(Self::Contacts),
            Kind::Event => Some(Self::Calendars),
            Kind::Photo
            | Kind::Video
            | Kind::Note
            | Kind::Bookmark
            | Kind::History
            | Kind::Document
            | Kind::File => None,
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
            Self::AddressBook => {
                let mut bytes = Zeroizing::new(Vec::new());
                content.rewind()?;
                content.read_to_end(&mut bytes)?;
                scan_book(Whole::from(bytes.as_slice()), each)
            }
        }
    }

    /// As [`Self::scan`], of all that there is of a file.
    ///
    /// # Errors
    /// What `each` answers.
    pub fn scan_whole(
        self,
        whole: Whole<'_>,
        each: &mut dyn FnMut(Record) -> io::Result<()>,
    ) -> io::Result<Scanned> {
        match self {
            Self::AddressBook => scan_book(whole, each),
            _ => self.scan(&mut Cursor::new(whole.content), each),
        }
    }

    /// The bytes of a record at [`Locator::Derived`](super::Locator), from whole content that
    /// `password` may be needed to open; none if there is no such record.
    pub fn derive(
        self,
        whole: Whole<'_>,
        how: &[u8],
        password: Option<&str>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Logins | Self::Messages | Self::Contacts | Self::Calendars => None,
            Self::Certificates => certificates::extract(whole.content, how, password),
            Self::AddressBook => derive_from_book(whole, how),
        }
    }

    /// What a record says, field by field. `frame` has the bytes of [`Scanned::frame`].
    pub fn fields(self, frame: &[&[u8]], record: &[u8]) -> Vec<Field> {
        match self {
            Self::Logins => logins::fields(frame, record),
            Self::Certificates => certificates::fields(record),
            Self::Messages => messages::fields(record),
            Self::Contacts | Self::AddressBook => contacts::fields(record),
            Self::Calendars => calendars::fields(frame, record),
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
            Self::Contacts | Self::AddressBook => Some(contacts::write(frame, records)),
            Self::Calendars => Some(calendars::write(frame, records)),
        }
    }
}

#[cfg(feature = "sqlite")]
fn scan_book(
    whole: Whole<'_>,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    match AddressBook::new(whole.content, whole.log) {
        Ok(book) => book.scan(each),
        Err(reason) => Ok(Scanned::nothing(reason)),
    }
}

#[cfg(feature = "sqlite")]
fn derive_from_book(whole: Whole<'_>, how: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    AddressBook::new(whole.content, whole.log).ok()?.derive(how)
}

#[cfg(not(feature = "sqlite"))]
fn scan_book(_: Whole<'_>, _: &mut dyn FnMut(Record) -> io::Result<()>) -> io::Result<Scanned> {
    Ok(Scanned::nothing("a database, which this build does not open"))
}

#[cfg(not(feature = "sqlite"))]
fn derive_from_book(_: Whole<'_>, _: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    None
}

/// The parts of `content` at these ranges; none where one is not in it.
pub fn parts<'a>(content: &'a [u8], ranges: &[Range<u64>]) -> Option<Vec<&'a [u8]>> {
    let part = |range: &Range<u64>| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        content.get(start..end)
    };
    ranges.iter().map(part).collect()
}
