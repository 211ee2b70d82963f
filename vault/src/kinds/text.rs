//! Text as families read it: UTF-8 or any other superset of ASCII, without a byte order mark.
//!
//! Exports come as UTF-16 too, so those are turned into UTF-8 first; everything else is left as
//! it is, since the words looked for are ASCII or compared as UTF-8.

use std::borrow::Cow;

use super::bytes::tail;

/// How many code units without a mark must look like UTF-16 before they are read as such.
const UNITS_MIN: usize = 4;

/// How the characters of a text are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8 or any other superset of ASCII.
    Bytes,
    /// UTF-16 whose units have their low byte first.
    Little,
    /// UTF-16 whose units have their high byte first.
    Big,
}

impl Encoding {
    /// The code unit in two bytes of UTF-16.
    pub(super) fn unit(self, pair: [u8; 2]) -> u16 {
        if self == Self::Big { big(pair) } else { little(pair) }
    }
}

/// How the text that begins with `head` is written, and the length of its byte order mark.
pub(super) fn encoding(head: &[u8]) -> (Encoding, usize) {
    if head.starts_with(b"\xEF\xBB\xBF") {
        (Encoding::Bytes, 3)
    } else if head.starts_with(b"\xFF\xFE") {
        (Encoding::Little, 2)
    } else if head.starts_with(b"\xFE\xFF") {
        (Encoding::Big, 2)
    } else if looks_like(head, little) {
        (Encoding::Little, 0)
    } else if looks_like(head, big) {
        (Encoding::Big, 0)
    } else {
        (Encoding::Bytes, 0)
    }
}

/// `head` as UTF-8, as far as it can be told.
pub(super) fn decode(head: &[u8]) -> Cow<'_, [u8]> {
    let (encoding, mark) = encoding(head);
    let rest = tail(head, mark);
    match encoding {
        Encoding::Bytes => Cow::Borrowed(rest),
        Encoding::Little => Cow::Owned(utf16(rest, little)),
        Encoding::Big => Cow::Owned(utf16(rest, big)),
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

/// A text for a list: in one line, and cut when it is longer than `length_max` bytes.
pub(super) fn in_line(text: &str, length_max: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let blank = if line.is_empty() { "" } else { " " };
        for char in blank.chars().chain(word.chars()) {
            if line.len() + char.len_utf8() > length_max {
                line.push('…');
                return line;
            }
            line.push(char);
        }
    }
    line
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

#[cfg(test)]
mod tests {
    use super::in_line;

    #[test]
    fn a_text_for_a_list_is_one_short_line() {
        assert_eq!(in_line("  a\n\t b  ", 3), "a b");
        assert_eq!(in_line("a bcd", 3), "a b…");
        assert_eq!(in_line("äöü", 5), "äö…");
        assert_eq!(in_line(" \n", 2), "");
    }
}
