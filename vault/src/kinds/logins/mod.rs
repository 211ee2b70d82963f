//! Logins, one record each, out of what password managers and browsers export.
//!
//! [`scan`] goes through a file and tells its records; [`fields`] takes the bytes of one apart for
//! somebody who asked. Tables and lists are read as they stream, whatever their length; JSON is
//! read whole, up to a limit.
//!
//! | Export | A record is | Its identity |
//! |---|---|---|
//! | a table of any producer | a row with its line end | `guid`, or host and user |
//! | Bitwarden's JSON, credential exchange | an element of a list of items | `id` |
//! | Safari's payment cards | an element of the list | the card's number |
//! | a list of `otpauth:` addresses | a line with its end | issuer and account |
//!
//! Where records share that, [`Quality`](super::Quality) says which rung each stands on. What a
//! file has between records belongs to none: the header row, blank lines, the rest of the JSON.

mod apple;
mod csv;
mod json;
mod ladder;
mod otpauth;
mod parts;

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use zeroize::Zeroizing;

pub use apple::{Cells, Written, to_apple_csv};
use csv::Table;
use ladder::Census;
pub use otpauth::code;
use parts::Parts;

use crate::kinds::bytes::{start, tail};
use crate::kinds::rows::{self, Row, Rows};
use crate::kinds::text::{self, Encoding};
use crate::kinds::{Export, Field, Kind, Lack, Record, Scanned};

/// Longest JSON document in bytes; one made to cost memory needs sixteen times its length.
const JSON_MAX: u64 = 32 << 20;
/// Most records of a file, far more than anybody has logins: some 800 bytes are kept for each while a
/// file is added.
const RECORDS_MAX: u32 = 1 << 18;
/// How many first bytes tell what a file is.
const HEAD_SIZE: usize = 4096;

const TOO_LARGE: &str = "too large to be read whole";
const TOO_MANY: &str = "more than 262,144 records";
const NO_HEADER: &str = "no header row that is known";
const NOT_A_SEED: &str = "lines that are no otpauth addresses";
const NOT_UTF8: &str = "not in UTF-8";

/// Goes through `content` from its start and tells `each` of its records, in their order. What
/// makes no sense is no error: its bytes are in a record with a warning, or in none and
/// [`Scanned::notes`] says why.
///
/// The content is read twice, since a record is told apart from those before it and behind it.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    content.rewind()?;
    let mut head = Zeroizing::new(Vec::with_capacity(HEAD_SIZE));
    content.by_ref().take(HEAD_SIZE as u64).read_to_end(&mut head)?;
    if begins_json(&head) { scan_json(content, each) } else { scan_rows(content, each) }
}

/// The fields of a record: those that mean the same in every export under the names `title`,
/// `url`, `user`, `password`, `otp`, `note` (and `number`, `holder`, `expiry`, `month`, `year`,
/// `code` of cards), the rest under the export's own. `frame` and `record` are the bytes at
/// [`Scanned::frame`] and at the record's [`Locator`](super::Locator). Bytes that are no record
/// are one field, `row`.
pub fn fields(frame: &[&[u8]], record: &[u8]) -> Vec<Field> {
    record_parts(frame.first().copied().unwrap_or_default(), record).into_fields()
}

/// Whether a field says something that another export of the same login says too.
pub(super) fn lasts(field: &Field) -> bool {
    parts::lasts(&field.name, &field.value)
}

/// A file of the same format that holds these records of one file and no other, each with its
/// exact bytes.
pub fn write(frame: &[&[u8]], records: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let start = frame.first().copied().unwrap_or_default();
    if let [_, end] = frame {
        return Zeroizing::new([start, &records.join(&b","[..]), end].concat());
    }
    let mut file = Zeroizing::new(start.to_vec());
    for record in records {
        file.extend_from_slice(record);
        // The last row of a file may have none.
        if line_end(record).is_none() {
            file.extend_from_slice(line_end(start).unwrap_or(b"\n"));
        }
    }
    file
}

/// What ends the last line of text in whatever encoding; none if nothing does.
fn line_end(text: &[u8]) -> Option<&'static [u8]> {
    const ENDS: [&[u8]; 7] = [b"\r\0\n\0", b"\0\r\0\n", b"\n\0", b"\0\n", b"\r\n", b"\n", b"\r"];
    ENDS.into_iter().find(|end| text.ends_with(end))
}

fn record_parts(frame: &[u8], record: &[u8]) -> Parts {
    let (encoding, mark) = text::encoding(frame);
    let rest = tail(frame, mark);
    if rest.is_empty() || begins_json(frame) {
        // Without a mark there is nothing before the first record.
        let encoding = if mark == 0 { text::encoding(record).0 } else { encoding };
        let (text, _) = rows::decode(encoding, record);
        let is_seed = otpauth::is_address(text.trim());
        return if is_seed { otpauth::parts(text.trim()) } else { json::parts(&text) };
    }
    // Memory can be read: what fails here is that it is no table.
    table_parts(frame, record).ok().flatten().unwrap_or_else(|| {
        let (text, _) = rows::decode(encoding, record);
        Parts::broken(Kind::Passwords, text, NO_HEADER)
    })
}

fn begins_json(head: &[u8]) -> bool {
    matches!(text::decode(head).trim_ascii_start().first(), Some(b'{' | b'['))
}

fn table_parts(frame: &[u8], record: &[u8]) -> io::Result<Option<Parts>> {
    let Some(table) = Table::read(&mut Rows::new(frame)?)? else { return Ok(None) };
    let mut rows = Rows::with_encoding(record, table.encoding);
    Ok(rows.next(table.delimiter)?.map(|row| table.parts(&rows, &row)))
}

/// What the rows of a file are.
enum Rowed {
    Table(Table),
    Seeds,
}

fn scan_rows(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let mut census = Census::default();
    go_through(content, &mut |parts, _| {
        census.count(&parts);
        Ok(())
    })?;
    census.finish();
    go_through(content, &mut |parts, range| each(census.record(parts, range)))
}

/// Tells `each` record among the rows of a file.
fn go_through(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Parts, Range<u64>) -> io::Result<()>,
) -> io::Result<Scanned> {
    content.rewind()?;
    let mut rows = Rows::new(content)?;
    let mut scanned = Scanned { layout: "otpauth addresses", ..Scanned::default() };
    let mut frame_end = rows.end();
    let rowed = if begins_with_seed(&mut rows)? {
        Rowed::Seeds
    } else {
        let Some(table) = Table::read(&mut rows)? else { return Ok(Scanned::nothing(NO_HEADER)) };
        scanned.layout = table.layout;
        if table.layout == csv::APPLE {
            scanned.export(Export::Passwords);
        }
        frame_end = rows.end();
        Rowed::Table(table)
    };
    if frame_end > 0 {
        scanned.frame.push(0..frame_end);
    }
    let mut is_cut = false;
    while let Some(row) = rows.next(rowed.delimiter())? {
        let Some(parts) = rowed.parts(&rows, &row) else {
            scanned.note(NOT_A_SEED);
            continue;
        };
        if scanned.records == u64::from(RECORDS_MAX) {
            scanned.note(TOO_MANY);
            break;
        }
        is_cut = rowed.is_cut(&rows, &row, is_cut);
        each(parts, row.range)?;
        scanned.records += 1;
    }
    if is_cut {
        scanned.lack(Lack::End);
    }
    scanned.notes.append(&mut rows.warnings);
    Ok(scanned)
}

fn begins_with_seed(rows: &mut Rows<impl Read>) -> io::Result<bool> {
    let is_seed = rows.next(0)?.is_some_and(|_| {
        let (text, _) = rows::decode(rows.encoding(), start(rows.bytes(), HEAD_SIZE));
        otpauth::is_address(text.trim())
    });
    rows.back();
    Ok(is_seed)
}

impl Rowed {
    fn delimiter(&self) -> u8 {
        match self {
            Self::Table(table) => table.delimiter,
            Self::Seeds => 0,
        }
    }

    /// Whether the table was cut off in a row or in the one before, of which that may have been: a
    /// cell with several lines. In the row itself cells are missing, and the end of its line or of a
    /// quote.
    fn is_cut(&self, rows: &Rows<impl Read>, row: &Row, was_cut: bool) -> bool {
        let Self::Table(table) = self else { return false };
        let is_short = row.count < table.width();
        let is_open = row.is_broken && !row.is_stray;
        is_open || is_short && (was_cut || line_end(rows.bytes()).is_none())
    }

    /// What a row says; none if it is no record.
    fn parts(&self, rows: &Rows<impl Read>, row: &Row) -> Option<Parts> {
        match self {
            Self::Table(table) => Some(table.parts(rows, row)),
            Self::Seeds => {
                let (text, _) = rows::decode(rows.encoding(), rows.bytes());
                otpauth::is_address(text.trim()).then(|| otpauth::parts(text.trim()))
            }
        }
    }
}

fn scan_json(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let length = content.seek(SeekFrom::End(0))?;
    content.rewind()?;
    let size = usize::try_from(length).ok().filter(|_| length <= JSON_MAX);
    let Some(size) = size else { return Ok(Scanned::nothing(TOO_LARGE)) };
    // Once as large as it gets: a vector that grows would leave its old bytes behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    content.by_ref().take(length).read_to_end(&mut bytes)?;
    let (encoding, mark) = text::encoding(start(&bytes, HEAD_SIZE));
    let text = str::from_utf8(tail(&bytes, mark)).ok().filter(|_| encoding == Encoding::Bytes);
    let Some(text) = text else { return Ok(Scanned::nothing(NOT_UTF8)) };
    let (layout, elements) = match json::elements(text) {
        Ok(found) => found,
        Err(nothing) => return Ok(nothing),
    };
    let mut census = Census::default();
    let place = |element: &str| {
        let at = element.as_ptr().addr() - bytes.as_ptr().addr();
        at as u64..(at + element.len()) as u64
    };
    let mut scanned = Scanned { layout, ..Scanned::default() };
    if layout == json::SAFARI_CARDS {
        scanned.export(Export::Cards);
    }
    if let (Some(first), Some(last)) = (elements.first(), elements.last()) {
        scanned.frame.extend([0..place(first).start, place(last).end..length]);
    }
    let told = elements.get(..RECORDS_MAX as usize).unwrap_or(&elements);
    if told.len() < elements.len() {
        scanned.note(TOO_MANY);
    }
    told.iter().for_each(|element| census.count(&json::parts(element)));
    census.finish();
    for element in told {
        each(census.record(json::parts(element), place(element)))?;
        scanned.records += 1;
    }
    Ok(scanned)
}

#[cfg(test)]
mod tests;
