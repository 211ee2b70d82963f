//! Messages, one record each: mbox in every quoting, a message in a file of its own (`.eml`), and
//! Apple Mail's `.emlx`, of which `.partial.emlx` is one that has its attachments elsewhere.
//!
//! [`scan`] goes through content once, as it streams, and holds no more of a message than its
//! header; [`fields`] takes the bytes of one apart. A record is all the bytes of a message with
//! what its file puts around it: in an mbox from its separator to the next one, else the file. So
//! no byte is in no record but those before the first separator.

mod apart;
mod date;
mod digest;
mod emlx;
mod header;
mod last;
mod mailbox;
mod mime;
mod separator;
mod told;

use std::io::{self, Read};

use memchr::memchr;
use zeroize::Zeroizing;

pub use apart::{Attachment, complete};
use emlx::Count;
use header::HeaderFields;
use last::Last;
use separator::{Separator, WORD};

use crate::kinds::bytes::{number_big, start, tail};
use crate::kinds::window::Window;
use crate::kinds::{Field, Lack, Record, Scanned};

const NO_DATE: &str = "no date in its header";
const CUT_OFF: &str = "cut off";
const WRONG_COUNT: &str = "its number of bytes is wrong";
/// What is told of a message of which [`Record::apart`] is not 0.
pub const PARTIAL: &str = "its attachments are in other files";
const BEFORE_FIRST: &str = "text before the first message";
const UNKNOWN: &str = "no message that can be read";

/// How much of a value is looked at for a person who asked for it, in bytes.
const VALUE_MAX: usize = 32 << 10;

/// Goes through `content` and gives `each` its messages in their order. Messages that are the same
/// in all but what mailers note on them have one identity, wherever they are kept, in one mailbox
/// too.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut impl Read,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let mut window = Window::new(content);
    window.fill(2 * separator::LOOK_SIZE)?;
    let blank = blank_start(start(window.bytes(), separator::LOOK_SIZE));
    let text = tail(window.bytes(), blank);
    let form = Form::of(text);
    window.pass(blank);
    match form {
        Form::Mailbox(first) => mailbox::scan(&mut window, Some(first), each),
        Form::Emlx(count) => emlx::scan(&mut window, count, each),
        Form::Message => alone(&mut window, each),
        Form::Unknown => mailbox::scan(&mut window, None, each),
    }
}

/// What a record says: `from`, `to`, `cc`, `bcc`, `date`, `subject`, `message id`, an `attachment`
/// for each with its type and size, and the start of its `text`.
pub fn fields(record: &[u8]) -> Vec<Field> {
    let message = Opened::new(record).message;
    let header = HeaderFields::new(message);
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            let (name, value) = (name.to_owned(), Zeroizing::new(value));
            fields.push(Field { name, value, is_secret: false });
        }
    };
    for name in ["From", "To", "Cc", "Bcc"] {
        let named = header.clone().filter(|field| field.is(name));
        let people = named.flat_map(|field| header::people(field.value, VALUE_MAX));
        add(&name.to_lowercase(), people.collect::<Vec<_>>().join(", "));
    }
    for (name, field) in [("date", "Date"), ("subject", "Subject"), ("message id", "Message-ID")] {
        add(name, header::text(header.value(field), VALUE_MAX));
    }
    let parts = mime::parts(message);
    for part in parts.iter().filter(|part| part.is_attachment) {
        let name = if part.name.is_empty() { "without a name" } else { &part.name };
        let size = if part.is_elsewhere {
            "in another file".to_owned()
        } else {
            format!("{} bytes", part.size())
        };
        add("attachment", format!("{name} ({}, {size})", part.media_type));
    }
    let texts = parts.iter().filter(|part| !part.is_attachment).map(mime::Part::preview);
    add("text", texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default());
    fields
}

/// The message of a record as it would be in a file of its own: without separator and the blank
/// line that an mbox puts behind it, without count and property list.
///
/// Lines of `From ` behind `>` stay as they are: an mbox does not say whether its writer quoted
/// them, and one that quotes only some lines is not told from one that quotes none.
pub fn to_eml(record: &[u8]) -> &[u8] {
    Opened::new(record).message
}

/// An mbox of these records: those that come from one as they are, the others behind a separator
/// and quoted as mboxrd. Between two is a blank line.
pub fn write(records: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut file = Zeroizing::new(Vec::new());
    for record in records {
        if !file.is_empty() {
            end_message(&mut file);
        }
        let opened = Opened::new(record);
        // One without a date is a separator at the start of a file only.
        let is_written = file.is_empty() || separator::parse(record).is_some();
        match opened.form {
            Form::Mailbox(_) if is_written => file.extend_from_slice(record),
            _ => write_quoted(&opened, &mut file),
        }
    }
    file
}

/// How many messages the `table_of_contents` counts that Mail puts beside an mbox when it exports
/// one; none if it is too short to be one.
pub fn table_count(table: &[u8]) -> Option<u32> {
    // The rest is an index into the mbox, with some bytes for each message.
    let count = number_big(table, 4, 4).and_then(|count| u32::try_from(count).ok())?;
    (count as usize <= table.len()).then_some(count)
}

/// A file that is one message.
fn alone(
    window: &mut Window<impl Read>,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let mut message = digest::Message::new();
    let mut last = Last::default();
    while !window.bytes().is_empty() {
        message.push(window.bytes());
        last.push(window.bytes());
        window.pass(window.bytes().len());
        window.fill(1)?;
    }
    let (header, digest) = message.finish();
    let range = 0..window.offset();
    let mut scanned = Scanned { layout: "a message", records: 1, ..Scanned::default() };
    if !last.closes(header) {
        scanned.lack(Lack::End);
    }
    each(told::record(header, &digest, told::Found { range, ..told::Found::default() }))?;
    Ok(scanned)
}

/// What a file or a record is, by its first bytes.
enum Form {
    /// It begins with a separator.
    Mailbox(Separator),
    /// It begins with the length of a message.
    Emlx(Count),
    /// It begins with a header.
    Message,
    /// Something else, behind which messages may begin.
    Unknown,
}

impl Form {
    fn of(text: &[u8]) -> Self {
        let begins_header = |text| header::name(text).is_some();
        if let Some(separator) = separator::parse_first(text) {
            return Self::Mailbox(separator);
        }
        match Count::parse(text) {
            Some(count) if begins_header(tail(text, count.line_length)) => Self::Emlx(count),
            _ if begins_header(text) => Self::Message,
            _ => Self::Unknown,
        }
    }
}

/// A record in its parts.
struct Opened<'a> {
    form: Form,
    message: &'a [u8],
    /// The property list behind it, if it has one.
    list: &'a [u8],
}

impl<'a> Opened<'a> {
    fn new(record: &'a [u8]) -> Self {
        let text = tail(record, blank_start(record));
        let form = Form::of(text);
        let (message, list) = match &form {
            Form::Mailbox(separator) => (without_blank_line(tail(text, separator.length)), &[][..]),
            Form::Emlx(count) => emlx::split(text, *count),
            Form::Message | Form::Unknown => (text, &[][..]),
        };
        Self { form, message, list }
    }
}

/// How many bytes at the start of a file say nothing: a mark, line ends, blanks.
fn blank_start(bytes: &[u8]) -> usize {
    let rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    bytes.len() - rest.trim_ascii_start().len()
}

/// A message of an mbox without the blank line that its writer put behind it.
fn without_blank_line(message: &[u8]) -> &[u8] {
    let rest = without_line_end(message);
    if rest.ends_with(b"\n") { rest } else { message }
}

fn without_line_end(text: &[u8]) -> &[u8] {
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Ends the last message of an mbox with a blank line, where there is none.
fn end_message(file: &mut Vec<u8>) {
    let line = without_line_end(file);
    let end: &[u8] = if file.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
    let missing = if !file.ends_with(b"\n") { 2 } else { usize::from(!line.ends_with(b"\n")) };
    for _ in 0..missing {
        file.extend_from_slice(end);
    }
}

/// How lines end in a message.
fn line_end(message: &[u8]) -> &'static str {
    let is_crlf = memchr(b'\n', message).is_some_and(|at| start(message, at).ends_with(b"\r"));
    if is_crlf { "\r\n" } else { "\n" }
}

fn write_quoted(opened: &Opened<'_>, file: &mut Vec<u8>) {
    let message = opened.message;
    let sent = date::parse(HeaderFields::new(message).value("Date"));
    let date = sent.or_else(|| emlx::date_received(opened.list));
    let end = line_end(message);
    let separator = format!("From MAILER-DAEMON {}{end}", date::asctime(date.unwrap_or_default()));
    file.extend_from_slice(separator.as_bytes());
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        if tail(line, quotes).starts_with(WORD) {
            file.push(b'>');
        }
        file.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests;
