//! An mbox: messages one behind the other, each from its separator to the next.

use std::io::{self, Read};

use memchr::memmem::Finder;

use super::digest::Message;
use super::last::Last;
use super::separator::{self, Separator};
use super::told::{Found, record};
use super::{BEFORE_FIRST, UNKNOWN};
use crate::kinds::bytes::{start, tail};
use crate::kinds::window::{FILL_MAX, Window};
use crate::kinds::{Export, Lack, Record, Scanned};

/// How far behind a line that looks like a separator a message is looked for the end that its
/// header names.
const COUNTED_MAX: usize = 128 << 10;
const _: () = assert!(COUNTED_MAX + separator::LOOK_SIZE < FILL_MAX);

/// A message of which the separator was passed.
struct Begun {
    /// Where the separator is in the content.
    start: u64,
    /// Where the message begins behind it.
    message_start: u64,
    date: Option<i64>,
}

/// Gives `each` the messages of an mbox whose first separator is `first`, or comes later.
pub(super) fn scan(
    window: &mut Window<impl Read>,
    first: Option<Separator>,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let mut scanned = Scanned { layout: "mbox", ..Scanned::default() };
    let word = Finder::new(b"\nFrom ");
    let mut message = Message::new();
    let mut last = Last::default();
    // Whether all messages so far were as long as their headers said.
    let mut is_counted = true;
    let mut begun = first.map(|separator| begin(window, &separator));
    loop {
        // One more than is looked at, so that each round passes something.
        window.fill(separator::LOOK_SIZE + 1)?;
        let found = find(window, &word);
        let length = found.as_ref().map_or(window.settled(separator::LOOK_SIZE), |(at, _)| *at);
        if begun.is_some() {
            message.push(start(window.bytes(), length));
            last.push(start(window.bytes(), length));
        }
        window.pass(length);
        let counted_end = begun.as_ref().and_then(|begun| {
            message.counted_end().and_then(|end| begun.message_start.checked_add(end))
        });
        let Some((_, separator)) = found else {
            if window.is_at_end() {
                break;
            }
            continue;
        };
        if let Some(end) = counted_end.filter(|_| is_counted)
            && let Some(left) = length_left(window, end)?
        {
            message.push(start(window.bytes(), left));
            last.push(start(window.bytes(), left));
            window.pass(left);
            continue;
        }
        is_counted &= counted_end.is_some_and(|end| end.abs_diff(window.offset()) <= 2);
        match begun.take() {
            Some(begun) => {
                finish(&begun, &mut message, window.offset(), None, &mut scanned, each)?;
                last.clear();
            }
            None => scanned.note(BEFORE_FIRST),
        }
        begun = Some(begin(window, &separator));
    }
    let Some(begun) = begun else { return Ok(Scanned::nothing(UNKNOWN)) };
    finish(&begun, &mut message, window.offset(), Some(&last), &mut scanned, each)?;
    scanned.export(Export::Mailbox);
    Ok(scanned)
}

fn begin(window: &mut Window<impl Read>, separator: &Separator) -> Begun {
    let start = window.offset();
    window.pass(separator.length);
    Begun { start, message_start: window.offset(), date: separator.date }
}

/// Gives `each` a message that is over; `last` are its last bytes if the mailbox is, too.
fn finish(
    begun: &Begun,
    message: &mut Message,
    end: u64,
    last: Option<&Last>,
    scanned: &mut Scanned,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<()> {
    let (header, digest) = message.finish();
    if last.is_some_and(|last| !last.ends_line() || !last.closes(header)) {
        scanned.lack(Lack::End);
    }
    let found = Found { date: begun.date, range: begun.start..end, ..Found::default() };
    each(record(header, &digest, found))?;
    message.clear();
    scanned.records += 1;
    Ok(())
}

/// The next separator at hand, and how far on it is.
fn find(window: &Window<impl Read>, word: &Finder<'_>) -> Option<(usize, Separator)> {
    let (view, behind) = window.view();
    let settled = window.settled(separator::LOOK_SIZE);
    // The window begins in the content, or behind a separator or text that was looked at.
    let mut from = 0;
    loop {
        let line = from + word.find(tail(view, from))? + 1;
        from = line;
        let Some(at) = line.checked_sub(behind) else { continue };
        if at >= settled {
            return None;
        }
        if separator::is_open(start(view, line))
            && let Some(separator) = separator::parse(tail(view, line))
        {
            return Some((at, separator));
        }
    }
}

/// How much is left of a message that goes on to `end`: none if that is too far, or not where
/// another message begins or the content ends.
///
/// What a header says of its message's length is often wrong, and anybody who sends a message may
/// say what he likes. So it is only believed of messages in a file where it was right for all
/// before, and never if neither a separator nor the end of the content is at the place.
fn length_left(window: &mut Window<impl Read>, end: u64) -> io::Result<Option<usize>> {
    let left = end.checked_sub(window.offset()).and_then(|left| usize::try_from(left).ok());
    let Some(left) = left.filter(|left| (1..=COUNTED_MAX).contains(left)) else { return Ok(None) };
    window.fill(left + separator::LOOK_SIZE + 2)?;
    let (view, behind) = window.view();
    let rest = tail(view, behind + left);
    let next = behind + left + separator::line_end(rest).unwrap_or_default();
    let is_end = window.bytes().len() >= left && tail(view, next).is_empty();
    let is_next =
        separator::is_open(start(view, next)) && separator::parse(tail(view, next)).is_some();
    Ok((is_end || is_next).then_some(left))
}
