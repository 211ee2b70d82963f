//! Visits of a browser, one record each, out of the JSON that Safari exports for each of its
//! profiles.
//!
//! ```text
//! {"metadata": {"browser_name": "Safari", "data_type": "history", "export_time_usec": 1789378200000000, …},
//!  "history": [{"url": "https://www.example.com/", "time_usec": 1785569400000000, "visit_count": 1,
//!               "title": "Example"}, …]}
//! ```
//!
//! A record is an element of the list, and its bytes are those of the element. How often a page was
//! visited by then is no part of what a visit says; Apple's documentation calls it `visits_count`,
//! and what Safari writes `visit_count`.
//!
//! | Rung | A visit's identity |
//! |---|---|
//! | fields | address and time |
//! | titled | address, time and title |
//! | whole | all it says |

mod visit;

use std::fmt;
use std::io::{self, Read, Seek};

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use visit::Visit;
pub(super) use visit::lasts;
use zeroize::Zeroizing;

use crate::kinds::bytes::tail;
use crate::kinds::ladder::Ladder;
use crate::kinds::sheet::{TOO_LONG, hold};
use crate::kinds::text::{self, Encoding};
use crate::kinds::{Field, Record, Scanned};

/// Most visits of a file.
const VISITS_MAX: usize = 1 << 20;

const TOO_MANY: &str = "more than a million visits";
const NOT_UTF8: &str = "not in UTF-8";
const NO_VISITS: &str = "a layout that is not known";
const STRAY: &str = "elements that are no visits";

/// Goes through `content` from its start and gives `each` its visits in their order.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    content.rewind()?;
    let Some(bytes) = hold(content)? else { return Ok(Scanned::nothing(TOO_LONG)) };
    let (encoding, mark) = text::encoding(&bytes);
    let text = str::from_utf8(tail(&bytes, mark)).ok().filter(|_| encoding == Encoding::Bytes);
    let Some(text) = text else { return Ok(Scanned::nothing(NOT_UTF8)) };
    let file = match serde_json::from_str::<File<'_>>(text) {
        Ok(file) => file,
        Err(error) => return Ok(Scanned::unread(&error)),
    };
    let Some(elements) = file.history else { return Ok(Scanned::nothing(NO_VISITS)) };
    let place = |element: &str| {
        let at = element.as_ptr().addr() - bytes.as_ptr().addr();
        at as u64..(at + element.len()) as u64
    };
    let mut scanned = Scanned { layout: "Safari history", ..Scanned::default() };
    if let (Some(first), Some(last)) = (elements.first.first(), elements.last) {
        scanned.frame =
            vec![0..place(first.get()).start, place(last.get()).end..bytes.len() as u64];
    }
    if elements.has_more {
        scanned.note(TOO_MANY);
    }
    let visits =
        || elements.first.iter().map(|element| (element.get(), Visit::parse(element.get())));
    // A visit is told apart from those before it and behind it.
    let mut ladder = Ladder::default();
    for (_, visit) in visits() {
        match visit {
            Some(visit) => ladder.count(&visit.rungs()),
            None => scanned.note(STRAY),
        }
    }
    ladder.finish();
    for (element, visit) in visits() {
        if let Some(visit) = visit {
            each(visit.record(&mut ladder, place(element)))?;
            scanned.records += 1;
        }
    }
    Ok(scanned)
}

/// What a visit says: `title`, `address`, `visited`, and the rest under the names that the export
/// has. `record` are the bytes at its [`Locator`](super::Locator).
pub fn fields(record: &[u8]) -> Vec<Field> {
    let visit = str::from_utf8(record).ok().and_then(Visit::parse);
    visit.map(|visit| visit.fields()).unwrap_or_default()
}

/// A file that holds these visits of one file and no other, each with its exact bytes.
pub fn write(frame: &[&[u8]], records: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    const START: &[u8] =
        b"{\"metadata\":{\"data_type\":\"history\",\"schema_version\":1},\"history\":[";
    let (start, end) = match frame {
        [start, end] => (*start, *end),
        _ => (START, &b"]}"[..]),
    };
    Zeroizing::new([start, &records.join(&b",\n"[..]), end].concat())
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    history: Option<Elements<'a>>,
}

/// The elements of a list, as they are written.
struct Elements<'a> {
    /// As many as are told.
    first: Vec<&'a RawValue>,
    last: Option<&'a RawValue>,
    has_more: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementReader)
    }
}

struct ElementReader;

impl<'de> Visitor<'de> for ElementReader {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements<'de>, A::Error> {
        let mut elements = Elements { first: Vec::new(), last: None, has_more: false };
        while let Some(element) = list.next_element::<&RawValue>()? {
            elements.last = Some(element);
            if elements.first.len() < VISITS_MAX {
                elements.first.push(element);
            } else {
                elements.has_more = true;
            }
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests;
