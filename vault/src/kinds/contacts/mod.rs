//! People and companies, one record each, out of vCard files of version 2.1 to 4.0.
//!
//! [`scan`] goes through a file and tells its cards; [`fields`] takes the bytes of one apart for
//! somebody who asked.
//!
//! A card is the bytes from its `BEGIN:VCARD` to the end of the line `END:VCARD`, with the cards in
//! it that are the agents of its person. One that has no such line ends where the next begins. What
//! a file has between cards belongs to none.
//!
//! A group is a card as well, and says whose cards are in it by their ids: `KIND:group` and
//! `MEMBER`, which Apple's servers call `X-ADDRESSBOOKSERVER-KIND` and `X-ADDRESSBOOKSERVER-MEMBER`.
//!
//! | Rung | A card's identity |
//! |---|---|
//! | id | its `UID`, else its `X-ABUID` |
//! | fields | its name, else its addresses for mail and telephone numbers |
//! | titled | name, company, addresses for mail, telephone numbers |
//! | whole | all it says |

mod card;

use std::borrow::Cow;
use std::io::{self, Cursor, Read, Seek};
use std::ops::Range;

use card::Card;
use zeroize::Zeroizing;

use crate::kinds::ladder::Ladder;
use crate::kinds::lines::{Does, Lines, Pieces, is_ended, line_like};
use crate::kinds::{Export, Field, Identity, Lack, Record, Scanned, text};

/// Longest card in bytes, with its pictures; a longer one is passed over.
const CARD_MAX: u64 = 32 << 20;
/// Most cards of a file.
const CARDS_MAX: usize = 1 << 20;

/// What is told of a card that is no person, but a group of some.
pub const GROUP: &str = card::GROUP;

const TOO_LONG: &str = "a card is too long";
const TOO_MANY: &str = "more than a million cards";
const STRAY: &str = "lines that are in no card";

/// Goes through `content` from its start and gives `each` its cards in their order.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    content.rewind()?;
    let mut scanned = Scanned { layout: "vCard", ..Scanned::default() };
    let found = split(&mut *content, &mut scanned)?;
    // A card is told apart from those before it and behind it.
    let mut ladder = Ladder::default();
    let mut pieces = Pieces::new(content)?;
    for piece in &found {
        let bytes = pieces.read(std::slice::from_ref(&piece.range))?;
        ladder.count(&Card::parse(&text::decode(&bytes)).rungs());
    }
    ladder.finish();
    let mut has_lists = false;
    for piece in found {
        let bytes = pieces.read(std::slice::from_ref(&piece.range))?;
        let card = Card::parse(&text::decode(&bytes));
        has_lists |= card.has_lists();
        each(card.record(&mut ladder, piece))?;
        scanned.records += 1;
    }
    if scanned.records > 0 && !has_lists {
        scanned.export(Export::Contacts);
    }
    Ok(scanned)
}

/// What a card says: `name`, `company`, `phone (home)` and so on, and the rest under the names that
/// vCard has. `record` are the bytes at its [`Locator`](super::Locator).
pub fn fields(record: &[u8]) -> Vec<Field> {
    Card::parse(&text::decode(record)).fields()
}

/// The groups that a card says its person is in, in the order of their names.
pub fn groups(record: &[u8]) -> Vec<String> {
    Card::parse(&text::decode(record)).groups()
}

/// The identity of the person whom a group names so: the value of its fields `member`. None other
/// in the person's file may have that id.
pub fn member(id: &str) -> Identity {
    card::identity(id)
}

/// What a field of a card says that lasts from export to export
/// ([`Format::lasting`](crate::kinds::Format::lasting)).
pub(super) fn lasting(field: &Field) -> Option<Cow<'_, str>> {
    card::lasting(field)
}

/// A file that holds these cards, each with its exact bytes; one that was cut off gets an end.
pub fn write(frame: &[&[u8]], records: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut file = Zeroizing::new(frame.concat());
    for record in records {
        file.extend_from_slice(record);
        if !is_ended(record, record) {
            file.extend(line_like(record, ""));
        }
        // Memory can be read.
        let found = split(Cursor::new(record), &mut Scanned::default()).unwrap_or_default();
        if found.last().is_some_and(|piece| !piece.is_closed) {
            file.extend(line_like(record, "END:VCARD"));
        }
    }
    file
}

/// A card of a file.
struct Piece {
    range: Range<u64>,
    /// It has an end of its own.
    is_closed: bool,
}

/// A card whose end was not seen yet.
struct Open {
    start: u64,
    /// The end of its last line that is not blank.
    end: u64,
    /// How many cards are open in it.
    depth: u64,
}

/// Where the cards of a file are.
fn split(content: impl Read, scanned: &mut Scanned) -> io::Result<Vec<Piece>> {
    let mut found = Vec::new();
    let mut lines = Lines::new(content)?;
    if lines.mark > 0 {
        scanned.frame.push(0..lines.mark as u64);
    }
    let mut open: Option<Open> = None;
    let mut is_agent = false;
    let mut close = |open: &Open, end: u64, is_closed: bool, scanned: &mut Scanned| {
        let range = open.start..end;
        if range.end - range.start > CARD_MAX {
            scanned.note(TOO_LONG);
        } else if found.len() == CARDS_MAX {
            scanned.note(TOO_MANY);
        } else {
            found.push(Piece { range, is_closed });
        }
    };
    while let Some(line) = lines.next()? {
        let Range { start, end } = line.range;
        match (line.does(), &mut open) {
            (Does::Begin(name), Some(card)) if is_card(name) && is_agent => card.depth += 1,
            (Does::Begin(name), before) if is_card(name) => {
                if let Some(before) = before {
                    close(before, before.end, false, scanned);
                }
                open = Some(Open { start, end, depth: 0 });
            }
            (Does::End(name), Some(card)) if is_card(name) => match card.depth.checked_sub(1) {
                Some(depth) => card.depth = depth,
                None => {
                    close(card, end, true, scanned);
                    open = None;
                }
            },
            (Does::Blank, _) => continue,
            (_, None) => scanned.note(STRAY),
            (_, Some(_)) => {}
        }
        if let Some(card) = &mut open {
            card.end = end;
        }
        is_agent = line.is_bare(b"AGENT");
    }
    if let Some(card) = &open {
        close(card, card.end, false, scanned);
        scanned.lack(Lack::End);
    }
    Ok(found)
}

fn is_card(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"VCARD")
}

#[cfg(test)]
mod tests;
