//! `Notes Details.csv`: what Apple's take-out tells of its notes beside their texts.
//!
//! ```text
//! Title, Created On, Modified On, Pinned, Deleted, Drawing/Handwriting, ContentHash at Import
//! Packing list,06-01-2026 08:00:00,06-30-2026 21:14:09,no,no,no,
//! ```
//!
//! The names of columns begin with blanks, the last column may be missing, titles are what the
//! folders of notes are called and need not be unique, dates have no zone.

use csv::{ByteRecord, ReaderBuilder};

use crate::kinds::{dates, text};

/// Most notes of a table.
const NOTES_MAX: usize = 1 << 20;

/// What a take-out tells of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Its title, which is the name of its folder as well.
    pub title: String,
    /// When it was made, in seconds since 1970. The table names no zone; this takes it for UTC.
    pub created: Option<i64>,
    /// When it was changed last, likewise.
    pub modified: Option<i64>,
    /// Whether it is pinned.
    pub is_pinned: bool,
    /// Whether it was deleted, and is kept for some days.
    pub is_deleted: bool,
}

/// The rows of the table; none if it is another one.
pub fn details(table: &[u8]) -> Option<Vec<Detail>> {
    let table = text::decode(table);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).from_reader(table.as_ref());
    let mut row = ByteRecord::new();
    // Memory can be read, and rows of any length are rows.
    if !reader.read_byte_record(&mut row).unwrap_or(false) {
        return None;
    }
    let names: Vec<String> = (0..row.len()).map(|at| cell(&row, Some(at))).collect();
    let column = |name: &str| names.iter().position(|found| found.eq_ignore_ascii_case(name));
    let (title, created, modified) =
        (column("Title")?, column("Created On")?, column("Modified On")?);
    let (pinned, deleted) = (column("Pinned"), column("Deleted"));
    if pinned.is_none() && deleted.is_none() {
        return None;
    }
    let mut details = Vec::new();
    while details.len() < NOTES_MAX && reader.read_byte_record(&mut row).unwrap_or(false) {
        let is_yes = |at| cell(&row, at).eq_ignore_ascii_case("yes");
        details.push(Detail {
            title: cell(&row, Some(title)),
            created: date(&cell(&row, Some(created))),
            modified: date(&cell(&row, Some(modified))),
            is_pinned: is_yes(pinned),
            is_deleted: is_yes(deleted),
        });
    }
    Some(details)
}

fn cell(row: &ByteRecord, at: Option<usize>) -> String {
    let cell = at.and_then(|at| row.get(at)).unwrap_or_default();
    String::from_utf8_lossy(cell).trim().to_owned()
}

/// `06-30-2026 21:14:09`
fn date(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let mut parts = date.splitn(3, '-');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    dates::parse(&format!("{year}-{month}-{day} {}", time.trim()))
}
