//! Text as families read it: UTF-8 or any other superset of ASCII, without a byte order mark.
//!
//! Exports come as UTF-16 too, so those are turned into UTF-8 first; everything else is left as
//! it is, since the words looked for are ASCII or compared as UTF-8.

use std::borrow::Cow;

/// How many code units without a mark must look like UTF-16 before they are read as such.
const UNITS_MIN: usize = 4;

/// `head` as UTF-8, as far as it can be told.
pub(super) fn decode(head: &[u8]) -> Cow<'_, [u8]> {
    if let Some(rest) = head.strip_prefix(b"\xEF\xBB\xBF") {
        Cow::Borrowed(rest)
    } else if let Some(rest) = head.strip_prefix(b"\xFF\xFE") {
        Cow::Owned(utf16(rest, little))
    } else if let Some(rest) = head.strip_prefix(b"\xFE\xFF") {
        Cow::Owned(utf16(rest, big))
    } else if looks_like(head, little) {
        Cow::Owned(utf16(head, little))
    } else if looks_like(head, big) {
        Cow::Owned(utf16(head, big))
    } else {
        Cow::Borrowed(head)
    }
}

/// Whether `head` may go on as text: it has no NUL, or is in UTF-16.
pub(super) fn is_text(head: &[u8]) -> bool {
    is_wide(head) || !head.contains(&0)
}

/// Whether text in UTF-16 begins with `head`.
pub(super) fn is_wide(head: &[u8]) -> bool {
    let marked = head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF");
    marked || looks_like(head, little) || looks_like(head, big)
}

/// `text` without leading blanks and line ends.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

fn little([low, high]: [u8; 2]) -> u16 {
    u16::from(high) << 8 | u16::from(low)
}

fn big([high, low]: [u8; 2]) -> u16 {
    u16::from(high) << 8 | u16::from(low)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let decoded = char::decode_utf16(pairs.iter().copied().map(unit));
    decoded.map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
}

/// Whether the first units are printable ASCII, which no other text begins with.
fn looks_like(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.get(..UNITS_MIN).is_some_and(|pairs| {
        pairs.iter().copied().map(unit).all(|unit| matches!(unit, 0x20..=0x7E | 9 | 10 | 13))
    })
}
