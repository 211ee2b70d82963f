//! PEM: base64 between two lines that name what it is, wherever in a text they stand.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::kinds::bytes::{begins, line};

/// How wide a line of base64 is.
const WIDTH: usize = 64;

/// Padding may be there or not, as writers of keys by hand leave it off.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One block, from the line that begins it to the end of the line that ends it.
pub(super) struct Block<'a> {
    /// What it says it is: `CERTIFICATE`.
    pub(super) label: &'a [u8],
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
    /// What is between the two lines, or none when the second is missing: cut off, or another
    /// block begins before.
    pub(super) body: Option<&'a [u8]>,
}

/// The blocks of a text, in order.
pub(super) struct Blocks<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next line, without its end, and where it begins.
    fn line(&mut self) -> Option<(&'a [u8], usize)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let (found, after) = line(rest);
        self.at = self.text.len().saturating_sub(after.len());
        Some((found, start))
    }

    fn first(&mut self) -> Option<(&'a [u8], usize)> {
        loop {
            let (line, start) = self.line()?;
            if let Some(label) = marker(line, b"-----BEGIN ") {
                return Some((label, start));
            }
        }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let (label, start) = self.first()?;
        let inside = self.at;
        loop {
            let Some((line, at)) = self.line() else {
                return Some(Block { label, range: start..self.text.len(), body: None });
            };
            if marker(line, b"-----BEGIN ").is_some() {
                // It is the next one's.
                self.at = at;
                return Some(Block { label, range: start..at, body: None });
            }
            if marker(line, b"-----END ").is_some_and(|end| end == label) {
                return Some(Block {
                    label,
                    range: start..self.at,
                    body: self.text.get(inside..at),
                });
            }
        }
    }
}

impl Block<'_> {
    /// Whether the base64 is ciphertext of the older way, which its headers tell.
    pub(super) fn is_encrypted(&self) -> bool {
        self.body.is_some_and(|body| begins(body.trim_ascii_start(), b"Proc-Type:"))
    }

    /// What the base64 says, or none if it is not.
    pub(super) fn decode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut body = self.body?;
        if body.contains(&b':') {
            // Headers end with a blank line.
            loop {
                let (header, rest) = line(body);
                if header.trim_ascii().is_empty() || rest.is_empty() {
                    break;
                }
                body = rest;
            }
        }
        decode(body)
    }
}

/// The label in a line that begins with `mark`.
fn marker<'a>(line: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    line.trim_ascii().strip_prefix(mark)?.strip_suffix(b"-----")
}

/// Base64 with blanks and line ends anywhere; none if it is something else, or nothing.
pub(super) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut dense = Zeroizing::new(Vec::with_capacity(text.len()));
    dense.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let mut out = Zeroizing::new(Vec::with_capacity(dense.len()));
    LENIENT.decode_vec(dense.as_slice(), &mut out).ok()?;
    (!out.is_empty()).then_some(out)
}

/// `bytes` in a block of this label, lines of 64 characters, LF.
pub(super) fn encode(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(bytes));
    let mut out = Zeroizing::new(String::with_capacity(body.len().saturating_mul(2) + 128));
    out.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(WIDTH).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// Base64 without padding, as fingerprints of SSH are written.
pub(super) fn unpadded(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// The first block, if `bytes` begin with it.
pub(super) fn only(bytes: &[u8]) -> Option<Block<'_>> {
    let starts = bytes.trim_ascii_start().starts_with(b"-----BEGIN ");
    starts.then(|| Blocks::new(bytes).next()).flatten()
}
