//! Content lines taken apart: a name, parameters and a value each, as vCard 2.1 to 4.0 and
//! iCalendar write them.
//!
//! It reads what phones and programs really wrote: quoted-printable with its own way to break
//! lines, Base64 that is not indented, parameters without a name, quotes that are not closed, text
//! in another encoding. What is no property is one without a name, so that nothing is lost.

use std::borrow::Cow;

use super::bytes::{begins, holds};
use super::lines::{Does, does};

/// Most parameters of a line that are told apart.
const PARAMS_MAX: usize = 64;
/// Most characters of what a list shows.
const SHOWN_MAX: usize = 256;

/// A line, taken apart.
pub(super) struct Property {
    /// What it is in a group with, in lower case; empty if it is in none.
    pub(super) group: String,
    /// Its name in upper case; empty if it is no property.
    pub(super) name: String,
    /// Names in upper case with their values, in the order of the line.
    pub(super) params: Vec<(String, String)>,
    /// Decoded, but with its escapes.
    pub(super) value: String,
    /// It is not in a known encoding, and what its characters are is a guess.
    pub(super) is_foreign: bool,
}

/// The lines of a component, without what folds them.
pub(super) struct Properties<'a> {
    rest: &'a [u8],
    /// A fold is a line end only, and the blank behind it a part of the line (vCard 2.1).
    keeps_blank: bool,
}

impl<'a> Properties<'a> {
    /// The lines of text in UTF-8 or another superset of ASCII.
    pub(super) fn new(text: &'a [u8], keeps_blank: bool) -> Self {
        Self { rest: text, keeps_blank }
    }

    /// What was not gone through.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next line with what it is folded into.
    fn line(&mut self) -> Option<Cow<'a, [u8]>> {
        let (first, mut rest) = split_line(behind_blank_lines(self.rest));
        if first.is_empty() {
            self.rest = rest;
            return None;
        }
        let mut line = Cow::Borrowed(first);
        let head = first.split(|byte| *byte == b':').next().unwrap_or_default();
        let is_printable = holds(head, b"QUOTED-PRINTABLE");
        let is_base64 = holds(head, b"BASE64") || holds(head, b"ENCODING=B");
        while let Some(next) = rest.first() {
            let (here, after) = split_line(rest);
            if here.is_empty() {
                // Some files have every line end twice, those of folds too.
                rest = behind_blank_lines(after);
                if matches!(rest.first(), Some(b' ' | b'\t')) {
                    continue;
                }
                break;
            }
            let is_structure = matches!(does(here), Does::Begin(_) | Does::End(_));
            if is_printable && line.ends_with(b"=") && !is_structure {
                line.to_mut().pop();
                line.to_mut().extend_from_slice(here);
            } else if matches!(next, b' ' | b'\t') {
                let from = usize::from(!self.keeps_blank || is_base64);
                line.to_mut().extend_from_slice(here.get(from..).unwrap_or_default());
            } else if is_base64 && here.iter().all(is_base64_digit) {
                line.to_mut().extend_from_slice(here);
            } else {
                break;
            }
            rest = after;
        }
        self.rest = rest;
        Some(line)
    }
}

impl Iterator for Properties<'_> {
    type Item = Property;

    fn next(&mut self) -> Option<Property> {
        self.line().map(|line| Property::parse(&line))
    }
}

/// The first line without its end, and what follows it. Unlike elsewhere a run of CR is one end,
/// so that a long one costs nothing.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let end = text.iter().position(is_end).unwrap_or(text.len());
    let (line, ends) = text.split_at_checked(end).unwrap_or((text, &[]));
    let returns = ends.iter().take_while(|byte| **byte == b'\r').count();
    let rest = ends.get(returns..).unwrap_or_default();
    (line, rest.strip_prefix(b"\n").unwrap_or(rest))
}

fn behind_blank_lines(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !matches!(byte, b'\n' | b'\r'));
    text.get(end.unwrap_or(text.len())..).unwrap_or_default()
}

fn is_base64_digit(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

impl Property {
    fn parse(line: &[u8]) -> Self {
        let mut property = Self {
            group: String::new(),
            name: String::new(),
            params: Vec::new(),
            value: String::new(),
            is_foreign: false,
        };
        // A quote that is never closed is none.
        let Some(colon) = colon(line, true).or_else(|| colon(line, false)) else {
            property.value = property.decode(line);
            return property;
        };
        let (start, value) = line.split_at_checked(colon).unwrap_or_default();
        let mut params = split_quoted(start, b';', PARAMS_MAX);
        let name = params.next().map(lossy).unwrap_or_default();
        let (group, name) = name.rsplit_once('.').unwrap_or(("", &name));
        property.group = group.trim().to_ascii_lowercase();
        property.name = name.trim().to_ascii_uppercase();
        property.params =
            params.filter(|param| !param.trim_ascii().is_empty()).map(param).collect();
        property.value = property.decode(value.get(1..).unwrap_or_default());
        property
    }

    /// A value as text, out of what the parameters say it is in.
    fn decode(&mut self, value: &[u8]) -> String {
        let is_printable = self.param("ENCODING").is_some_and(|encoding| {
            matches!(encoding.to_ascii_uppercase().as_str(), "QUOTED-PRINTABLE" | "Q")
        });
        let bytes = if is_printable { printable(value) } else { Cow::Borrowed(value) };
        if let Ok(text) = str::from_utf8(&bytes) {
            return text.to_owned();
        }
        let charset = self.param("CHARSET").unwrap_or_default().to_ascii_uppercase();
        self.is_foreign = !matches!(
            charset.as_str(),
            "ISO-8859-1" | "LATIN1" | "LATIN-1" | "WINDOWS-1252" | "CP1252"
        );
        lossy(&bytes)
    }

    /// The first value of that parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let param = self.params.iter().find(|(given, _)| given == name);
        param.map(|(_, value)| value.as_str())
    }

    /// What its `TYPE` parameters say, in lower case.
    pub(super) fn types(&self) -> impl Iterator<Item = String> {
        let values = self.params.iter().filter(|(name, _)| name == "TYPE");
        let types = values.flat_map(|(_, value)| value.split(','));
        types.map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty())
    }

    /// Its value is bytes in Base64.
    pub(super) fn is_binary(&self) -> bool {
        self.param("ENCODING").is_some_and(|encoding| {
            encoding.eq_ignore_ascii_case("b") || encoding.eq_ignore_ascii_case("BASE64")
        })
    }

    /// How many bytes its value is in Base64.
    pub(super) fn binary_size(&self) -> usize {
        let digits = self.value.bytes().filter(|byte| is_base64_digit(byte) && *byte != b'=');
        digits.count() * 3 / 4
    }

    /// Its value without escapes.
    pub(super) fn text(&self) -> String {
        unescape(&self.value)
    }
}

/// Where the value's colon stands.
fn colon(line: &[u8], has_quotes: bool) -> Option<usize> {
    let mut is_quoted = false;
    let mut in_params = false;
    line.iter().position(|byte| {
        match byte {
            b'"' if has_quotes && in_params => is_quoted = !is_quoted,
            b';' => in_params = true,
            b':' => return !is_quoted,
            _ => {}
        }
        false
    })
}

/// The parts between separators that are not in quotes, the last of at most `count` with the rest.
fn split_quoted(text: &[u8], separator: u8, count: usize) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    text.splitn(count, move |byte| {
        is_quoted ^= *byte == b'"';
        *byte == separator && !is_quoted
    })
}

/// A parameter's name and its value without quotes. One without a name is what older files have.
fn param(param: &[u8]) -> (String, String) {
    let text = lossy(param);
    let Some((name, value)) = text.split_once('=') else {
        let word = text.trim();
        let name = match word.to_ascii_uppercase().as_str() {
            "QUOTED-PRINTABLE" | "BASE64" | "7BIT" | "8BIT" => "ENCODING",
            "INLINE" | "URL" | "CONTENT-ID" | "CID" => "VALUE",
            _ => "TYPE",
        };
        return (name.to_owned(), word.to_owned());
    };
    let value = value.trim().replace('"', "");
    let value = match value.contains('^') {
        // RFC 6868.
        true => value.replace("^n", "\n").replace("^'", "\"").replace("^^", "^"),
        false => value,
    };
    (name.trim().to_ascii_uppercase(), value)
}

/// Text as UTF-8 in which something is broken if there is any in it, else as windows-1252.
fn lossy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_real = |char: char| !char.is_ascii() && char != char::REPLACEMENT_CHARACTER;
    if matches!(text, Cow::Borrowed(_)) || text.contains(is_real) {
        return text.into_owned();
    }
    let char = |byte: &u8| match byte {
        0x80..=0x9F => WINDOWS_1252.chars().nth(usize::from(byte - 0x80)).unwrap_or_default(),
        byte => char::from(*byte),
    };
    bytes.iter().map(char).collect()
}

/// Where windows-1252 has other characters than Latin-1, from 0x80 on.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Quoted-printable text; what makes no sense stays as it is.
fn printable(text: &[u8]) -> Cow<'_, [u8]> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().filter(|_| *byte == b'=');
        let decoded = digits.and_then(|digits| {
            let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
            u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
        });
        bytes.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    Cow::Owned(bytes)
}

/// A value without its escapes, and with LF for every line end.
pub(super) fn unescape(value: &str) -> String {
    if !value.contains(['\\', '\r']) {
        return value.to_owned();
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek().copied()) {
            ('\\', Some('n' | 'N')) => {
                chars.next();
                text.push('\n');
            }
            ('\\', Some(escaped @ ('\\' | ',' | ';' | ':' | '"'))) => {
                chars.next();
                text.push(escaped);
            }
            ('\r', Some('\n')) => {}
            ('\r', _) => text.push('\n'),
            (char, _) => text.push(char),
        }
    }
    text
}

/// A text without the backslashes before colons and quotes that some write, and that some who read
/// them escape again.
pub(super) fn plain(text: &str) -> String {
    text.trim().replace("\\:", ":").replace("\\\"", "\"")
}

/// The parts of a value between separators that are not escaped, without their escapes; the last
/// of at most `count` with the rest.
pub(super) fn split(value: &str, separator: char, count: usize) -> impl Iterator<Item = String> {
    let mut is_escaped = false;
    let parts = value.splitn(count, move |char: char| {
        let is_end = char == separator && !is_escaped;
        is_escaped = char == '\\' && !is_escaped;
        is_end
    });
    parts.map(|part| unescape(part).trim().to_owned())
}

/// What a list shows of a text: one line that is not too long.
pub(super) fn shown(text: &str, line_end: &str) -> String {
    let text = text.trim();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let joined: String = lines.enumerate().fold(String::new(), |mut joined, (at, line)| {
        if joined.len() <= 4 * SHOWN_MAX {
            joined.push_str(if at == 0 { "" } else { line_end });
            joined.push_str(line);
        }
        joined
    });
    match joined.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}…", joined.get(..at).unwrap_or_default()),
        None => joined,
    }
}

/// Whether a line of a component opens or closes one, and of what name.
pub(super) fn name_of<'a>(property: &'a Property, word: &str) -> Option<&'a str> {
    let is_plain = property.group.is_empty() && property.params.is_empty();
    (is_plain && property.name == word).then(|| property.value.trim())
}

/// Whether a text begins as a version of vCard that folds at blanks only.
pub(super) fn is_version_2(text: &[u8]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        if begins(line, b"VERSION:") {
            return line.get(8..).unwrap_or_default().trim_ascii() == b"2.1";
        }
        rest = after;
    }
    false
}
