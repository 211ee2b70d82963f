//! Tar: blocks of 512 bytes, a head for each member and then what it holds.
//!
//! Names do not matter here, so their many extensions are skipped. What follows the empty blocks
//! at the end is read too: `tar` may not show it, but it is in the file.

use std::io::Read as _;
use std::ops::ControlFlow;

use super::bytes::{number_big, tail};
use super::content::{Blocked, Content, Result};

const BLOCK: usize = 512;
/// Largest extended head that is read; real ones have some names and times.
const EXTENDED_MAX: u64 = 1 << 20;

const DAMAGED: &str = "damaged tar";

/// Whether `head` begins with the head of a member: its sum is right.
pub(super) fn is_tar(head: &[u8]) -> bool {
    let Some((block, _)) = head.split_first_chunk::<BLOCK>() else { return false };
    let sum = field(block, 148, 8);
    // The sum is taken as if its own field were blank. Some old writers summed signed bytes.
    let bytes = || {
        block.iter().enumerate().map(|(at, byte)| match at {
            148..156 => b' ',
            _ => *byte,
        })
    };
    let unsigned: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    let right = sum.is_some_and(|sum| sum == unsigned || i64::try_from(sum) == Ok(signed));
    right && block.first() != Some(&0)
}

/// Shows each member to `look`, until that has seen enough.
pub(super) fn each(
    content: &mut Content<'_>,
    look: &mut dyn FnMut(Content<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut length_next = None;
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        content.fill(&mut block, BLOCK)?;
        if block.is_empty() {
            return Ok(());
        }
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        if !is_tar(&block) {
            return Err(Blocked(DAMAGED));
        }
        content.budget().member()?;
        let length = match length_next.take() {
            Some(length) => length,
            None => field(&block, 124, 12).ok_or(Blocked(DAMAGED))?,
        };
        let padding = length.next_multiple_of(BLOCK as u64).saturating_sub(length);
        match block.get(156) {
            Some(b'x') => {
                let extended = content.next(length, |content| extended(content, length))?;
                length_next = extended;
            }
            // Extended heads for all, and long names.
            Some(b'g' | b'L' | b'K') => content.next(length, |_| Ok(()))?,
            // With holes, and continued from another tar: what is here is not what it holds.
            Some(b'S' | b'M') => return Err(Blocked("tar with incomplete files")),
            _ => {
                if content.next(length, &mut *look)?.is_break() {
                    return Ok(());
                }
            }
        }
        content.next(padding, |_| Ok(()))?;
    }
}

/// The length that an extended head gives the next member: lines of `LENGTH NAME=VALUE`, the
/// length that of the whole line.
fn extended(mut content: Content<'_>, length: u64) -> Result<Option<u64>> {
    if length > EXTENDED_MAX {
        return Err(Blocked(DAMAGED));
    }
    let mut lines = Vec::new();
    content.read_to_end(&mut lines)?;
    let mut rest = lines.as_slice();
    let mut found = None;
    while !rest.is_empty() {
        let (line, after) = line(rest).ok_or(Blocked(DAMAGED))?;
        if let Some(value) = line.strip_prefix(b"size=") {
            let value = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            found = Some(value.ok_or(Blocked(DAMAGED))?);
        }
        if line.starts_with(b"GNU.sparse.") {
            return Err(Blocked("tar with incomplete files"));
        }
        rest = after;
    }
    Ok(found)
}

/// `NAME=VALUE` of the first line, and the lines behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = bytes.iter().position(|byte| *byte == b' ')?;
    let (digits, _) = bytes.split_at_checked(blank)?;
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (line, rest) = bytes.split_at_checked(length)?;
    Some((line.get(blank.saturating_add(1)..)?.strip_suffix(b"\n")?, rest))
}

/// A number in octal digits, or, where those do not suffice, in binary behind a set bit.
fn field(block: &[u8], at: usize, size: usize) -> Option<u64> {
    let field = tail(block, at).get(..size)?;
    if field.first() == Some(&0x80) {
        let high = number_big(field, 1, size.checked_sub(9)?)?;
        return number_big(field, size.checked_sub(8)?, 8).filter(|_| high == 0);
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    let blank = rest.iter().all(|byte| matches!(byte, 0 | b' '));
    let octal = digits.iter().try_fold(0u64, |number, byte| match byte {
        b'0'..=b'7' => Some(number << 3 | u64::from(byte - b'0')),
        _ => None,
    });
    octal.filter(|_| blank)
}
