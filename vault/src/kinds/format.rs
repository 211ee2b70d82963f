//! The formats with records: which module finds them in content, takes one apart, and puts some
//! of them into a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek};
use std::ops::Range;

use zeroize::Zeroizing;

use super::bytes::start;
use super::databases::Opened;
use super::{
    Field, Kind, Record, Scanned, bookmarks, calendars, certificates, contacts, documents, health,
    history, logins, messages, notes, pictures,
};

const MARK_UTF_8: &[u8] = b"\xEF\xBB\xBF";
const MARKS_UTF_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

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
    /// Photos, films and sound, each a whole file.
    Pictures,
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
    /// People: a database of Contacts. A record taken out of it is a vCard.
    AddressBook,
    /// Events and reminders: a database of Calendar. A record taken out of it is iCalendar.
    CalendarDatabase,
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
    pub const ALL: [Self; 13] = [
        Self::Logins,
        Self::Certificates,
        Self::Messages,
        Self::Contacts,
        Self::Calendars,
        Self::Pictures,
        Self::Bookmarks,
        Self::History,
        Self::Notes,
        Self::Health,
        Self::Documents,
        Self::AddressBook,
        Self::CalendarDatabase,
    ];

    /// Its name in a vault (spec 11).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logins => "logins",
            Self::Certificates => "certificates",
            Self::Messages => "messages",
            Self::Contacts => "contacts",
            Self::Calendars => "calendars",
            Self::Pictures => "pictures",
            Self::Bookmarks => "bookmarks",
            Self::History => "history",
            Self::Notes => "notes",
            Self::Health => "health",
            Self::Documents => "documents",
            Self::AddressBook => "address book",
            Self::CalendarDatabase => "calendar database",
        }
    }

    /// The format of this name, or none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The format that content of a kind has, or none. People and events are also kept in
    /// databases, which are an [`Self::AddressBook`] and a [`Self::CalendarDatabase`].
    pub const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Passwords | Kind::Cards => Some(Self::Logins),
            Kind::Certificate | Kind::Key => Some(Self::Certificates),
            Kind::Mail => Some(Self::Messages),
            Kind::Contact => Some(Self::Contacts),
            Kind::Event => Some(Self::Calendars),
            Kind::Photo | Kind::Video | Kind::Sound => Some(Self::Pictures),
            Kind::Bookmark => Some(Self::Bookmarks),
            Kind::History => Some(Self::History),
            Kind::Note => Some(Self::Notes),
            Kind::Health => Some(Self::Health),
            Kind::Document => Some(Self::Documents),
            Kind::File => None,
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
            Self::Pictures => pictures::scan(content, each),
            Self::Bookmarks => bookmarks::scan(content, each),
            Self::History => history::scan(content, each),
            Self::Notes => notes::scan(content, each),
            Self::Health => health::scan(content, each),
            Self::Documents => documents::scan(content, each),
            Self::AddressBook | Self::CalendarDatabase => {
                let mut bytes = Zeroizing::new(Vec::new());
                content.rewind()?;
                content.read_to_end(&mut bytes)?;
                self.scan_database(Whole::from(bytes.as_slice()), each)
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
            Self::AddressBook | Self::CalendarDatabase => self.scan_database(whole, each),
            _ => self.scan(&mut Cursor::new(whole.content), each),
        }
    }

    /// As [`Format::scan`], for content that is read once and in which nothing can be sought.
    ///
    /// # Errors
    /// As [`Format::scan`]; and for a format that does not [stream](Format::streams).
    pub fn scan_stream(
        self,
        content: &mut impl Read,
        each: &mut dyn FnMut(Record) -> io::Result<()>,
    ) -> io::Result<Scanned> {
        match self {
            Self::Messages => messages::scan(content, each),
            Self::Health => health::scan(content, each),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether the records of content show while it is read, in the order of their ends and without
    /// a frame, and so of content of any length.
    pub const fn streams(self) -> bool {
        matches!(self, Self::Messages | Self::Health)
    }

    /// The format of what is taken out of a file of this one.
    pub const fn written(self) -> Self {
        match self {
            Self::AddressBook => Self::Contacts,
            Self::CalendarDatabase => Self::Calendars,
            format => format,
        }
    }

    /// Whether its files are databases, to which a write-ahead log belongs.
    pub const fn is_database(self) -> bool {
        matches!(self, Self::AddressBook | Self::CalendarDatabase)
    }

    /// Whether a record is a whole file of its own, so that several are several files.
    pub const fn is_file(self) -> bool {
        matches!(self, Self::Pictures | Self::Notes | Self::Documents)
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
            Self::Certificates => certificates::extract(whole.content, how, password),
            Self::Health => health::extract(whole.content, how),
            Self::Logins
            | Self::Messages
            | Self::Contacts
            | Self::Calendars
            | Self::Pictures
            | Self::Bookmarks
            | Self::History
            | Self::Notes
            | Self::Documents => None,
            Self::AddressBook | Self::CalendarDatabase => {
                Opened::new(self, whole).ok()?.derive(how).map(|taken| taken.bytes)
            }
        }
    }

    /// What a record says, field by field. `frame` has the bytes of [`Scanned::frame`].
    pub fn fields(self, frame: &[&[u8]], record: &[u8]) -> Vec<Field> {
        match self {
            Self::Logins => logins::fields(frame, record),
            Self::Certificates => certificates::fields(record),
            Self::Messages => messages::fields(record),
            Self::Contacts | Self::AddressBook => contacts::fields(record),
            Self::Calendars | Self::CalendarDatabase => calendars::fields(frame, record),
            Self::Pictures => pictures::fields(record),
            Self::Bookmarks => bookmarks::fields(record),
            Self::History => history::fields(record),
            Self::Notes => notes::fields(record),
            Self::Health => health::fields(record),
            Self::Documents => documents::fields(record),
        }
    }

    /// What a field says that is the same in every export of a record that did not change: nothing
    /// but that it is there where its value is written anew, and none where even that is not sure.
    pub fn lasting(self, field: &Field) -> Option<Cow<'_, str>> {
        let value = field.value.as_str();
        match self {
            Self::Logins => logins::lasts(field).then_some(value.into()),
            Self::Contacts | Self::AddressBook => contacts::lasting(field),
            Self::Calendars | Self::CalendarDatabase => {
                (!["calendar", "id"].contains(&&*field.name)).then_some(value.into())
            }
            Self::Bookmarks => (field.name != "added").then_some(value.into()),
            Self::History => history::lasts(field).then_some(value.into()),
            Self::Certificates
            | Self::Messages
            | Self::Pictures
            | Self::Notes
            | Self::Health
            | Self::Documents => Some(value.into()),
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
            Self::Calendars | Self::CalendarDatabase => Some(calendars::write(frame, records)),
            Self::Bookmarks => Some(bookmarks::write(records)),
            Self::History => Some(history::write(frame, records)),
            Self::Pictures | Self::Notes | Self::Documents => alone(records),
            Self::Health => Some(health::write(records)),
        }
    }

    /// As [`Format::write`], for records of several files; those whose files have the same frame
    /// stand together. None where the format does not take what is framed in several ways.
    pub fn write_all(self, records: &[Framed<'_>]) -> Option<Zeroizing<Vec<u8>>> {
        let mut groups: BTreeMap<Vec<&[u8]>, Vec<&[u8]>> = BTreeMap::new();
        for record in records {
            // A mark stands at the start of a file only.
            let is_mark = |part: &&[u8]| self == Self::Contacts && *part == MARK_UTF_8;
            let frame = record.frame.iter().copied().filter(|part| !is_mark(part)).collect();
            groups.entry(frame).or_default().push(record.bytes);
        }
        if groups.len() > 1 && !groups.keys().all(|frame| self.is_joined(frame)) {
            return None;
        }
        let mut file = Zeroizing::new(Vec::new());
        for (frame, records) in groups {
            file.extend_from_slice(&self.write(&frame, &records)?);
        }
        Some(file)
    }

    fn scan_database(
        self,
        whole: Whole<'_>,
        each: &mut dyn FnMut(Record) -> io::Result<()>,
    ) -> io::Result<Scanned> {
        match Opened::new(self, whole) {
            Ok(database) => database.scan(each),
            Err(reason) => Ok(Scanned::nothing(reason)),
        }
    }

    /// Whether files of the format, one behind the other, are one file of it, if this is their
    /// frame: text of another encoding would not be.
    fn is_joined(self, frame: &[&[u8]]) -> bool {
        let is_wide = frame.first().is_some_and(|mark| MARKS_UTF_16.contains(&start(mark, 2)));
        matches!(self, Self::Contacts | Self::Calendars | Self::Messages) && !is_wide
    }
}

/// A record and what it needs beside its own bytes, in the parts of its file's frame.
pub struct Framed<'a> {
    /// The bytes of [`Scanned::frame`].
    pub frame: Vec<&'a [u8]>,
    /// The record's own.
    pub bytes: &'a [u8],
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Exports of one record differ in them, and differences named them all.
    #[test]
    fn what_is_written_anew_does_not_last() {
        let lasting = |format: Format, name: &str, value: &str| {
            format.lasting(&Field::clear(name, value)).map(Cow::into_owned)
        };
        for (format, name, value) in [
            (Format::Contacts, "groups", "Family"),
            (Format::AddressBook, "id", "11111111-aaaa"),
            (Format::Calendars, "calendar", "Home"),
            (Format::Logins, "timeLastUsed", "1700000000000"),
            (Format::Logins, "reprompt", "0"),
            (Format::Logins, "type", "login"),
            (Format::Bookmarks, "added", "2026-01-01"),
            (Format::History, "visits", "3"),
            (Format::History, "latest_visit_was_load_failure", "false"),
        ] {
            assert_eq!(lasting(format, name, value), None, "{name}");
        }
        for (format, name, value, lasts) in [
            (Format::Contacts, "photo", "JPEG, 512 bytes", ""),
            (Format::Contacts, "phone (home)", "(030) 12-34", "0301234"),
            (Format::Contacts, "note", "a: b", "a: b"),
            (Format::Calendars, "title", "Choir", "Choir"),
            (Format::Logins, "password", "0", "0"),
            (Format::Logins, "type", "card", "card"),
            (Format::History, "latest_visit_was_load_failure", "true", "true"),
            (Format::Notes, "text", "anything", "anything"),
        ] {
            assert_eq!(lasting(format, name, value).as_deref(), Some(lasts), "{name}");
        }
    }
}
