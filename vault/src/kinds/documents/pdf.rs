//! PDF: its version, and the title, author and date of its information dictionary where that is not
//! compressed and nothing is encrypted.

use memchr::{memchr, memmem};

use super::Told;
use crate::kinds::bytes::{line, start, tail};
use crate::kinds::{dates, text};

/// How much of an object is looked at.
const OBJECT_MAX: usize = 16 << 10;
/// Longest value that is told, in bytes.
const VALUE_MAX: usize = 1024;
/// Longest number of an object.
const NUMBER_MAX: usize = 16;

pub(super) fn told(bytes: &[u8]) -> Told {
    let (version, _) = line(start(bytes, NUMBER_MAX));
    let version = String::from_utf8_lossy(tail(version, b"%PDF-".len())).into_owned();
    let mut told = Told { application: "PDF", versions: vec![version], ..Told::default() };
    if memmem::find(bytes, b"/Encrypt").is_some() {
        return told;
    }
    if let Some(information) = information(bytes) {
        let value = |name: &[u8]| string(information, name).unwrap_or_default();
        told.title = value(b"/Title");
        told.author = value(b"/Author");
        told.modified = date(&value(b"/ModDate")).or_else(|| date(&value(b"/CreationDate")));
    }
    told
}

/// The last object that a trailer calls the information dictionary.
fn information(bytes: &[u8]) -> Option<&[u8]> {
    let reference = tail(bytes, memmem::rfind(bytes, b"/Info ")? + b"/Info ".len());
    let is_part = |byte: &&u8| byte.is_ascii_digit() || **byte == b' ';
    let length = start(reference, 2 * NUMBER_MAX).iter().take_while(is_part).count();
    let number = start(reference, length).trim_ascii();
    let wanted = [number, b" obj"].concat();
    let object = memmem::rfind_iter(bytes, &wanted).find(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !number.is_empty() && before.is_none_or(u8::is_ascii_whitespace)
    })?;
    let object = start(tail(bytes, object + wanted.len()), OBJECT_MAX);
    let end = memmem::find(object, b"endobj").unwrap_or(object.len());
    Some(start(object, end))
}

/// The string of that name in a dictionary, `(…)` or `<…>`.
fn string(dictionary: &[u8], name: &[u8]) -> Option<String> {
    let after = |at| tail(dictionary, at + name.len()).trim_ascii_start();
    let value = memmem::find_iter(dictionary, name)
        .map(after)
        .find(|value| matches!(value.first(), Some(b'(' | b'<')))?;
    let bytes = match value.split_first()? {
        (b'(', rest) => literal(rest),
        (_, rest) => hex(start(rest, memchr(b'>', rest).unwrap_or(rest.len()))),
    };
    let text = match bytes.strip_prefix(b"\xFE\xFF") {
        Some(_) => String::from_utf8_lossy(&text::decode(&bytes)).into_owned(),
        None => match bytes.strip_prefix(b"\xEF\xBB\xBF") {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => bytes.iter().copied().map(char::from).collect(),
        },
    };
    Some(text::in_line(&text, VALUE_MAX))
}

/// Up to the bracket that closes it, with escapes replaced.
fn literal(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => {
                let digits = start(rest, 3).iter().take_while(|b| matches!(b, b'0'..=b'7')).count();
                if digits > 0 {
                    let code = start(rest, digits).iter();
                    let code = code.fold(0_u16, |code, digit| code * 8 + u16::from(digit - b'0'));
                    bytes.push(u8::try_from(code & 0xFF).unwrap_or_default());
                    rest = tail(rest, digits);
                    continue;
                }
                let Some((&escaped, after)) = rest.split_first() else { break };
                rest = after;
                match escaped {
                    b'n' => bytes.push(b'\n'),
                    b'r' => bytes.push(b'\r'),
                    b't' => bytes.push(b'\t'),
                    b'\n' | b'\r' | b'b' | b'f' => {}
                    other => bytes.push(other),
                }
            }
            b')' if depth == 0 => break,
            b')' => {
                depth -= 1;
                bytes.push(byte);
            }
            b'(' => {
                depth += 1;
                bytes.push(byte);
            }
            _ => bytes.push(byte),
        }
    }
    bytes
}

fn hex(text: &[u8]) -> Vec<u8> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.iter().filter_map(digit).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

/// `D:20260701100013+02'00'`; what is missing at its end is as small as it can be.
fn date(text: &str) -> Option<i64> {
    let text = text.strip_prefix("D:").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (moment, zone) = text.split_at_checked(digits)?;
    let part = |from: usize, to: usize, least| moment.get(from..to).unwrap_or(least);
    let zone = zone.replace('\'', ":");
    let zone = zone.trim_end_matches(':');
    let zone = if zone.starts_with(['+', '-']) { zone } else { "Z" };
    let year = moment.get(..4)?;
    dates::parse(&format!(
        "{year}-{}-{}T{}:{}:{}{zone}",
        part(4, 6, "01"),
        part(6, 8, "01"),
        part(8, 10, "00"),
        part(10, 12, "00"),
        part(12, 14, "00"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_however_much_they_say() {
        for (text, wanted) in [
            ("D:20260701100013Z00'00'", Some(1_782_900_013)),
            ("D:20260701120013+02'00'", Some(1_782_900_013)),
            ("D:20260701043013-05'30", Some(1_782_900_013)),
            ("20260701", Some(1_782_864_000)),
            ("D:2026", Some(1_767_225_600)),
            ("D:20261301", None),
            ("D:", None),
            ("ü", None),
        ] {
            assert_eq!(date(text), wanted, "{text}");
        }
    }

    #[test]
    fn strings_are_read_in_every_writing() {
        let dictionary =
            b"<< /Titles [] /Title (a\\(b\\)\\\n (c) \\344\\53) /Author <FEFF00e4 0042>\
            /Subject (\xEF\xBB\xBF\xC3\xA4";
        assert_eq!(string(dictionary, b"/Title").unwrap(), "a(b) (c) ä+");
        assert_eq!(string(dictionary, b"/Author").unwrap(), "äB");
        assert_eq!(string(dictionary, b"/Subject").unwrap(), "ä");
        assert!(string(dictionary, b"/Keywords").is_none());
    }
}
