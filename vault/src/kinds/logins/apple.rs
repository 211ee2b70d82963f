//! Logins of any export as the table that Apple's Passwords imports.

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::otpauth;
use super::parts::{NOTE, NUMBER, OTP, PASSWORD, TITLE, URL, USER};
use crate::kinds::Field;

/// Its header row. Every export seen has LF behind a row.
const HEADER: &[u8] = b"Title,URL,Username,Password,Notes,OTPAuth\n";
/// The fields that have a column, in the order of the columns.
const COLUMNS: [&str; 6] = [TITLE, URL, USER, PASSWORD, NOTE, OTP];

/// How cells are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// As they are, for a program that imports them.
    Exact,
    /// With `'` before what a spreadsheet would take for a formula. They do not import as what
    /// they were.
    Neutralised,
}

/// What [`to_apple_csv`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows: a login has one for each of its addresses.
    pub rows: u64,
    /// Records that are no logins: notes, cards, keys.
    pub left_out: u64,
    /// Values of logins that the table has no column for, such as dates and fields of one's own.
    pub fields_left_out: u64,
}

/// Writes records, each as the fields of [`super::fields`], as `Title,URL,Username,Password,Notes,
/// OTPAuth`: RFC 4180, quotes where they are needed, LF behind each row.
///
/// # Errors
/// When `out` cannot be written.
pub fn to_apple_csv(
    records: impl IntoIterator<Item = Vec<Field>>,
    cells: Cells,
    out: &mut dyn Write,
) -> io::Result<Written> {
    let mut written = Written::default();
    out.write_all(HEADER)?;
    for fields in records {
        let first = |name: &str| {
            let field = fields.iter().find(|field| field.name == name);
            field.map_or("", |field| field.value.as_str())
        };
        let is_login = [URL, USER, PASSWORD, OTP].iter().any(|name| !first(name).is_empty());
        if !is_login || fields.iter().any(|field| field.name == NUMBER) {
            written.left_out += 1;
            continue;
        }
        let seed = otpauth::address(first(OTP), first(TITLE)).unwrap_or_default();
        let mut urls: Vec<&str> = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for field in &fields {
            let is_more = seen.contains(&field.name.as_str()) && field.name != URL;
            if is_more || !COLUMNS.contains(&field.name.as_str()) {
                written.fields_left_out += 1;
            } else if field.name == URL {
                urls.push(&field.value);
            }
            seen.push(&field.name);
        }
        if seed.is_empty() && !first(OTP).is_empty() {
            written.fields_left_out += 1;
        }
        if urls.is_empty() {
            urls.push("");
        }
        for url in urls {
            let row = [first(TITLE), url, first(USER), first(PASSWORD), first(NOTE), &seed];
            out.write_all(line(row, cells).as_bytes())?;
            written.rows += 1;
        }
    }
    Ok(written)
}

fn line(row: [&str; 6], cells: Cells) -> Zeroizing<String> {
    let size: usize = row.iter().map(|cell| 2 * cell.len() + 4).sum();
    let mut line = Zeroizing::new(String::with_capacity(size));
    for (at, cell) in row.iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        let mark = if cells == Cells::Neutralised && is_formula(cell) { "'" } else { "" };
        let is_quoted = cell.contains([',', '"', '\n', '\r']);
        if is_quoted {
            line.push('"');
        }
        line.push_str(mark);
        for (at, part) in cell.split('"').enumerate() {
            line.push_str(if at > 0 { "\"\"" } else { "" });
            line.push_str(part);
        }
        if is_quoted {
            line.push('"');
        }
    }
    line.push('\n');
    line
}

/// What a spreadsheet may run, also behind the quote it came with.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}
