//! Tables with a header row: passwords as browsers and password managers export them, and
//! payment cards.
//!
//! Only the first record is read, by RFC 4180 with the liberties exports take: comma, semicolon
//! or tab; CRLF, LF or CR; quotes or none. The set of names decides, in any order and case.

use super::bytes::{begins, line, tail};
use super::text::trim_start;
use super::{Kind, Recognised, words};

/// Most names a header row may have.
const NAMES_MAX: usize = 256;

pub(super) fn recognise(text: &[u8]) -> Option<Recognised> {
    let text = header_start(text);
    [b',', b';', b'\t'].into_iter().find_map(|delimiter| judge(&header(text, delimiter)?))
}

/// Behind empty lines and the `sep=;` that some spreadsheets want.
fn header_start(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    match line(text) {
        (first, rest) if begins(first, b"sep=") && first.len() <= 6 => trim_start(rest),
        _ => text,
    }
}

/// What a table with these names, made [`words::plain`], holds.
pub(super) fn judge(names: &[String]) -> Option<Recognised> {
    let any = |test: fn(&str) -> bool| names.iter().any(|name| test(name));
    // Two names could be a sentence with a comma, unless the other one fits; more are a table.
    let fits = names.len() > 2 || any(words::is_login) || any(words::is_title);
    if fits && any(words::is_password) {
        return Some(Recognised::sealed(Kind::Passwords));
    }
    if any(words::is_perhaps_secret) && any(words::is_login) {
        return Some(Recognised::sealed(Kind::Passwords));
    }
    if any(words::is_card_number) && any(words::is_card_detail) {
        return Some(Recognised::sealed(Kind::Cards));
    }
    None
}

/// The names of the first record, [`words::plain`]; none if it cannot be a header row.
fn header(text: &[u8], delimiter: u8) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (raw, after) = field(rest, delimiter)?;
        names.push(words::plain(&String::from_utf8_lossy(&raw)));
        match after.split_first() {
            Some((&byte, after)) if byte == delimiter && names.len() < NAMES_MAX => rest = after,
            Some((&byte, _)) if byte == delimiter => return None,
            _ => return Some(names),
        }
    }
}

/// One field without its quotes, and the bytes from its delimiter or line end on.
fn field(bytes: &[u8], delimiter: u8) -> Option<(Vec<u8>, &[u8])> {
    let blanks = bytes.iter().take_while(|byte| **byte == b' ').count();
    let (mut quoted, mut rest) = match tail(bytes, blanks).strip_prefix(b"\"") {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    let mut name = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' if quoted && after.first() == Some(&b'"') => {
                name.push(byte);
                rest = tail(after, 1);
                continue;
            }
            b'"' if quoted => quoted = false,
            b'\r' | b'\n' if !quoted => break,
            _ if byte == delimiter && !quoted => break,
            b'\t' | b'\r' | b'\n' => name.push(byte),
            // No name of a column has control bytes: this is not text at all.
            0..0x20 => return None,
            _ => name.push(byte),
        }
        if name.len() > words::NAME_MAX {
            return None;
        }
        rest = after;
    }
    Some((name, rest))
}
