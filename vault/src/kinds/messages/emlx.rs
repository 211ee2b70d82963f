//! `.emlx`, as Mail keeps a message: how many bytes it has, the message, a property list.
//!
//! The number is wrong at times. Then the message ends where the last property list begins that
//! stands at the start of a line.

use std::io::{self, Read};

use memchr::memmem::{self, Finder};

use super::digest::Message;
use super::told::{Found, record};
use super::{CUT_OFF, PARTIAL, WRONG_COUNT};
use crate::kinds::bytes::{holds, start, tail};
use crate::kinds::window::Window;
use crate::kinds::{Lack, Record, Scanned};

/// Longest first line in bytes, with its line end.
const COUNT_MAX: usize = 64;
/// How many bytes tell whether a property list begins.
const LOOK_SIZE: usize = 256;
/// How much of the property list is looked at for the date, in bytes.
const LIST_MAX: usize = 64 << 10;
/// How a property list begins behind the line end before it.
const LIST_START: &[u8] = b"\n<?xml";
/// In the header of a part whose content is in a file of its own.
pub(super) const ELSEWHERE: &str = "X-Apple-Content-Length";
const ELSEWHERE_LINE: &[u8] = b"\nX-Apple-Content-Length:";

/// What the first line says.
#[derive(Clone, Copy)]
pub(super) struct Count {
    /// Of the message, in bytes.
    pub(super) length: u64,
    /// Of the line itself, with its end.
    pub(super) line_length: usize,
}

impl Count {
    /// The number on a line of its own that `bytes` begin with.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let line = start(bytes, COUNT_MAX);
        let end = memchr::memchr(b'\n', line)?;
        let digits = start(line, end).trim_ascii();
        let is_number = digits.iter().all(u8::is_ascii_digit);
        let length = str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
        Some(Self { length, line_length: end + 1 })
    }
}

/// Gives `each` the message of a file whose first line was looked at.
pub(super) fn scan(
    window: &mut Window<impl Read>,
    count: Count,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    window.pass(count.line_length);
    let counted_end = window.offset().saturating_add(count.length);
    let mut message = Message::new();
    let mut last: Option<[u8; 32]> = None;
    let mut list = Vec::new();
    let (mut warnings, mut apart) = (Vec::new(), 0_u32);
    let mut scanned =
        Scanned { layout: "a message of Apple Mail", records: 1, ..Scanned::default() };
    let (list_start, elsewhere) = (Finder::new(LIST_START), Finder::new(ELSEWHERE_LINE));
    let mut is_whole = false;
    loop {
        window.fill(LOOK_SIZE + 1)?;
        if window.offset() == counted_end && is_list(window.bytes().trim_ascii_start()) {
            is_whole = true;
            break;
        }
        let settled = window.settled(LOOK_SIZE);
        if settled == 0 {
            break;
        }
        let (view, behind) = window.view();
        if start(view, behind).ends_with(b"\n") && is_xml_list(tail(view, behind)) {
            message.end_header();
            last = Some(message.digest());
            list.clear();
        }
        // As far as the place where the message should end, or the next where it may.
        let left = counted_end.checked_sub(window.offset()).filter(|left| *left > 0);
        let left = left.and_then(|left| usize::try_from(left).ok()).unwrap_or(settled);
        let bytes = window.bytes();
        let near = |word: &[u8]| start(bytes, settled.min(left).saturating_add(word.len() - 1));
        let next = list_start.find(near(LIST_START)).map_or(left, |at| at + 1);
        let length = settled.min(left).min(next);
        // A line belongs to where its first letter is, which has its line end before it.
        let from = behind.saturating_sub(1);
        let lines = start(view, behind + near(ELSEWHERE_LINE).len());
        let lines = elsewhere.find_iter(tail(lines, from));
        let begun = lines.filter(|at| from + at + 1 < behind + length).count();
        apart = apart.saturating_add(u32::try_from(begun).unwrap_or(u32::MAX));
        let bytes = start(bytes, length);
        message.push(bytes);
        if last.is_some() {
            list.extend_from_slice(start(bytes, LIST_MAX.saturating_sub(list.len())));
        }
        window.pass(length);
    }
    if is_whole {
        list.clear();
        while !window.bytes().is_empty() {
            list.extend_from_slice(start(window.bytes(), LIST_MAX.saturating_sub(list.len())));
            window.pass(window.bytes().len());
            window.fill(1)?;
        }
        last = None;
    } else if last.is_none() && window.offset() < counted_end {
        warnings.push(CUT_OFF);
        scanned.lack(Lack::End);
    } else if last.is_some() || window.offset() > counted_end {
        warnings.push(WRONG_COUNT);
    }
    let (header, whole) = message.finish();
    if apart > 0 {
        warnings.push(PARTIAL);
    }
    let found = Found { date: date_received(&list), warnings, apart, range: 0..window.offset() };
    each(record(header, &last.unwrap_or(whole), found))?;
    Ok(scanned)
}

/// The message and the property list of a file that begins with a count.
pub(super) fn split(file: &[u8], count: Count) -> (&[u8], &[u8]) {
    let rest = tail(file, count.line_length);
    let counted = usize::try_from(count.length).ok().and_then(|at| rest.split_at_checked(at));
    if let Some((message, list)) = counted
        && is_list(list.trim_ascii_start())
    {
        return (message, list);
    }
    let mut lists = memmem::rfind_iter(rest, LIST_START).map(|at| at + 1);
    let end = lists.find(|at| is_xml_list(tail(rest, *at))).unwrap_or(rest.len());
    rest.split_at_checked(end).unwrap_or((rest, &[]))
}

/// Whether a property list begins here.
fn is_list(bytes: &[u8]) -> bool {
    bytes.starts_with(b"bplist00") || is_xml_list(bytes)
}

fn is_xml_list(bytes: &[u8]) -> bool {
    let look = start(bytes, LOOK_SIZE);
    look.starts_with(b"<?xml") && (holds(look, b"<!DOCTYPE plist") || holds(look, b"<plist"))
}

/// The moment the message came, by the property list.
pub(super) fn date_received(list: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b"<key>date-received</key>";
    let value = tail(list, memmem::find(list, KEY)? + KEY.len()).trim_ascii_start();
    let digits = tail(value, value.iter().position(|byte| *byte == b'>')? + 1);
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(start(digits, length)).ok()?.parse().ok()
}
