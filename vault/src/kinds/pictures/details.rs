//! The tables that a take-out has beside its pictures: what was known of each, and albums.
//!
//! A table is told by the names of its columns, in any order. It comes in UTF-8, with a mark or
//! without, in UTF-16 or GBK; its dates in English, in quotes or without: `Saturday June 4,2022
//! 12:11 PM GMT`, whose comma then parts one cell into two.

use std::borrow::Cow;
use std::io::Cursor;

use mail_parser::decoders::charsets::map::charset_decoder;

use super::told::plain;
use crate::kinds::rows::Rows;
use crate::kinds::text::{self, Encoding};
use crate::kinds::{dates, words};

/// The longest table in bytes; a take-out puts about 40 pictures into one.
const TABLE_MAX: usize = 4 << 20;
/// Most cells of a row that are looked at.
const CELLS_MAX: usize = 64;
/// The longest name of a file, in characters.
const NAME_MAX: usize = 1024;

const NAME: &str = "imgname";
const CHECKSUM: &str = "filechecksum";
const FAVORITE: &str = "favorite";
const HIDDEN: &str = "hidden";
const DELETED: &str = "deleted";
const CREATED: &str = "originalcreationdate";
const IMPORTED: &str = "importdate";
/// What the one column of an album or a memory is called.
const ALBUM: &[&str] = &["images", NAME, "imagename"];

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What a take-out says of one picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// The name of its file; two may have the same.
    pub name: String,
    /// Apple's own checksum in base64: the same for the same picture in the next take-out, and
    /// nothing that could be computed.
    pub checksum: String,
    /// When it was taken, in seconds since 1970.
    pub taken: Option<i64>,
    /// When it came into the library, in seconds since 1970.
    pub imported: Option<i64>,
    /// It is among the favourites.
    pub is_favorite: bool,
    /// It is in the hidden album.
    pub is_hidden: bool,
    /// It is among those deleted recently.
    pub is_deleted: bool,
}

/// The rows of a table of pictures; none if `content` is no such table.
pub fn details(content: &[u8]) -> Option<Vec<Detail>> {
    let (names, rows) = table(content)?;
    let is_table = names.len() > 1
        && names.iter().any(|name| name == NAME)
        && names.iter().any(|name| [CHECKSUM, CREATED].contains(&name.as_str()));
    is_table.then(|| rows.into_iter().map(|row| detail(&names, joined(row))).collect())
}

/// The names of the files in an album or a memory; none if `content` is no such table.
pub fn album(content: &[u8]) -> Option<Vec<String>> {
    let (names, rows) = table(content)?;
    let [name] = names.as_slice() else { return None };
    ALBUM.contains(&name.as_str()).then(|| rows.into_iter().map(|row| row.join(",")).collect())
}

/// The names of the columns, each a [`words::plain`] word, and the rows below.
fn table(content: &[u8]) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    if content.len() > TABLE_MAX {
        return None;
    }
    let content = decode(content);
    // Memory can be read.
    let mut rows = Rows::new(Cursor::new(&*content)).ok()?;
    let mut next = || {
        let row = rows.next(b',').ok()??;
        let cells =
            row.cells.into_iter().take(CELLS_MAX).map(|cell| plain(&rows.text(cell).0, NAME_MAX));
        Some(cells.collect::<Vec<_>>())
    };
    let names: Vec<String> = next()?.iter().map(|name| words::plain(name)).collect();
    let is_known = names.iter().any(|name| ALBUM.contains(&name.as_str()));
    is_known.then(|| (names, std::iter::from_fn(next).collect()))
}

/// What is neither UTF-8 nor UTF-16 is taken for GBK.
fn decode(content: &[u8]) -> Cow<'_, [u8]> {
    let is_bytes = text::encoding(content).0 == Encoding::Bytes;
    match charset_decoder(b"gbk") {
        Some(decode) if is_bytes && str::from_utf8(content).is_err() => {
            Cow::Owned(decode(content).into_bytes())
        }
        _ => Cow::Borrowed(content),
    }
}

/// The cells of a row, with the two halves of a date that had no quotes put together.
fn joined(cells: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for cell in cells {
        match joined.last_mut() {
            Some(last) if is_day(last) && date(&format!("{last},{cell}")).is_some() => {
                last.push(',');
                last.push_str(&cell);
            }
            _ => joined.push(cell),
        }
    }
    joined
}

/// `Saturday June 4`: the half of a date before its comma.
fn is_day(cell: &str) -> bool {
    let mut words = cell.split_whitespace().rev();
    let day = words.next().is_some_and(|day| day.parse::<u8>().is_ok());
    day && words.next().and_then(month).is_some()
}

fn detail(names: &[String], cells: Vec<String>) -> Detail {
    let mut detail = Detail::default();
    for (name, cell) in names.iter().zip(cells) {
        let is_so = ["yes", "true"].contains(&cell.to_lowercase().as_str());
        match name.as_str() {
            NAME => detail.name = cell,
            CHECKSUM => detail.checksum = cell,
            FAVORITE => detail.is_favorite = is_so,
            HIDDEN => detail.is_hidden = is_so,
            DELETED => detail.is_deleted = is_so,
            CREATED => detail.taken = date(&cell),
            IMPORTED => detail.imported = date(&cell),
            _ => {}
        }
    }
    detail
}

/// `Saturday June 4,2022 12:11 PM GMT`, in seconds since 1970. Hours beyond twelve are taken for
/// what they are (`14:00 PM`), other zones than GMT for GMT; another date is one of ISO 8601.
fn date(text: &str) -> Option<i64> {
    let words: Vec<&str> =
        text.split([' ', ',', '\u{a0}', '\u{202f}']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|word| month(word).is_some());
    let Some((at, [day, year, time, rest @ ..])) =
        at.and_then(|at| Some((at, words.get(at + 1..)?)))
    else {
        return dates::parse(text);
    };
    let month = month(words.get(at)?)?;
    let (hour, minute) = time.split_once(':')?;
    let hour: i64 = hour.parse().ok()?;
    let half = rest.first().copied().unwrap_or_default();
    let hour = match hour {
        12 if half.eq_ignore_ascii_case("am") => 0,
        1..12 if half.eq_ignore_ascii_case("pm") => hour + 12,
        _ => hour,
    };
    let minute = minute.split(':').next()?;
    let day: u8 = day.parse().ok()?;
    dates::parse(&format!("{year}-{month}-{day}T{hour}:{minute}"))
}

/// The number of a month by its first letters.
fn month(word: &str) -> Option<usize> {
    let word = word.get(..3)?.to_lowercase();
    MONTHS.iter().position(|month| *month == word).map(|number| number + 1)
}
