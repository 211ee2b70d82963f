//! People, events and messages: vCard, iCalendar, mbox, eml, emlx.

use super::bytes::{begins, line, start};
use super::text::trim_start;
use super::{Kind, Recognised};

/// Most lines of a header that are read.
const LINES_MAX: usize = 200;
/// Longest line, beyond which it is not the header of a message.
const LINE_MAX: usize = 8192;
/// Fewest fields that make a header.
const FIELDS_MIN: usize = 3;
/// Fields that messages have and other texts with colons do not.
const OF_MAIL: &[&[u8]] = &[
    b"Received",
    b"Message-ID",
    b"MIME-Version",
    b"Return-Path",
    b"Delivered-To",
    b"X-Mailer",
    b"Reply-To",
];

pub(super) fn recognise(text: &[u8]) -> Option<Recognised> {
    let record = trim_start(text);
    let kind = if begins(record, b"BEGIN:VCARD") {
        Kind::Contact
    } else if begins(record, b"BEGIN:VCALENDAR") {
        Kind::Event
    } else if is_mbox(text) || is_emlx(text) || is_message(text) {
        Kind::Mail
    } else {
        return None;
    };
    Some(Recognised::plain(kind))
}

/// `From `, a sender and a time of day, then a field: prose may begin with the word.
fn is_mbox(text: &[u8]) -> bool {
    let (separator, rest) = line(text);
    let timed = separator.windows(5).any(|window| {
        matches!(window, [a, b, b':', c, d] if [a, b, c, d].iter().all(|x| x.is_ascii_digit()))
    });
    let (first, _) = line(rest);
    separator.starts_with(b"From ") && timed && (field(first).is_some() || first.starts_with(b">"))
}

/// The length of the message in digits on a line of its own, then the message.
fn is_emlx(text: &[u8]) -> bool {
    let (count, rest) = line(text);
    let count = count.trim_ascii();
    (1..=20).contains(&count.len()) && count.iter().all(u8::is_ascii_digit) && is_message(rest)
}

/// Nothing but fields up to an empty line, and among them some that only messages have.
fn is_message(text: &[u8]) -> bool {
    let (mut fields, mut of_mail, mut from, mut date) = (0usize, false, false, false);
    let mut rest = text;
    for _ in 0..LINES_MAX {
        if rest.is_empty() {
            break;
        }
        let (here, after) = line(rest);
        if here.is_empty() || here.len() > LINE_MAX {
            break;
        }
        match field(here) {
            Some((name, value)) => {
                let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
                fields += 1;
                of_mail |= OF_MAIL.iter().any(|word| is(word));
                from |= is(b"From") && value.contains(&b'@');
                date |= is(b"Date");
            }
            None if fields > 0 && matches!(here.first(), Some(b' ' | b'\t')) => {}
            // The last line at hand may be cut anywhere.
            None if after.is_empty() => {}
            None => return false,
        }
        rest = after;
    }
    fields >= FIELDS_MIN && (of_mail || from && date)
}

/// `name: value`; the name has no blanks and no control bytes.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = start(line, 128).iter().position(|byte| *byte == b':').filter(|at| *at > 0)?;
    let (name, value) = line.split_at_checked(colon)?;
    name.iter().all(u8::is_ascii_graphic).then_some((name, value))
}
