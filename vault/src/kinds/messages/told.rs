//! What is told of a message: a record from its header and its digest.

use std::ops::Range;

use zeroize::Zeroizing;

use super::header::{self, HeaderFields};
use super::{NO_DATE, date};
use crate::kinds::{Identity, Kind, Locator, Quality, Record};

/// How much of a value is looked at, in bytes.
const VALUE_MAX: usize = 2048;
/// How much of it is told, in characters.
const TOLD_MAX: usize = 300;
/// How many recipients are told.
const RECIPIENTS_MAX: usize = 3;

/// What is known of a message beside what it says.
#[derive(Default)]
pub(super) struct Found {
    /// When it came, in seconds since 1970.
    pub(super) date: Option<i64>,
    pub(super) warnings: Vec<&'static str>,
    /// How many parts of it are in other files.
    pub(super) apart: u32,
    /// Where it is in the content.
    pub(super) range: Range<u64>,
}

/// The fields of which a record tells.
const NAMES: [&str; 7] = ["Date", "Subject", "From", "Sender", "To", "Cc", "Message-ID"];

/// The record of a message.
pub(super) fn record(header: &[u8], digest: &[u8; 32], found: Found) -> Record {
    let mut values: [&[u8]; NAMES.len()] = Default::default();
    for field in HeaderFields::new(header) {
        let known = NAMES.iter().zip(&mut values).find(|(name, _)| field.is(name));
        if let Some((_, value)) = known.filter(|(_, value)| value.is_empty()) {
            *value = field.value;
        }
    }
    let [date, subject, from, sender, to, cc, id] = values;
    let Found { date: came, mut warnings, apart, range } = found;
    let sent = date::parse(date);
    if sent.is_none() {
        warnings.push(NO_DATE);
    }
    let subject = header::text(subject, VALUE_MAX);
    let sender = people([from, sender]).into_iter().next();
    let recipients = people([to, cc]);
    let mut told = recipients.get(..RECIPIENTS_MAX).unwrap_or(&recipients).join(", ");
    if recipients.len() > RECIPIENTS_MAX {
        told.push_str(", …");
    }
    Record {
        kind: Kind::Mail,
        identity: identity(id, digest),
        title: if subject.is_empty() { "no subject".to_owned() } else { short(&subject) },
        place: short(&sender.unwrap_or_default()),
        user: short(&told),
        date: sent.or(came),
        essence: Zeroizing::new(digest.to_vec()),
        warnings,
        is_closed: false,
        link: None,
        apart,
        locator: Locator::Bytes(vec![range]),
    }
}

/// The people of the first value that names some.
fn people(values: [&[u8]; 2]) -> Vec<String> {
    let mut all = values.into_iter().map(|value| header::people(value, VALUE_MAX));
    all.find(|people| !people.is_empty()).unwrap_or_default()
}

/// An id alone is not enough: some senders use one for several messages, and a list or a server
/// may have changed what came with it.
fn identity(id: &[u8], digest: &[u8; 32]) -> Identity {
    let id = id.trim_ascii();
    let quality = if id.is_empty() { Quality::Whole } else { Quality::Id };
    Identity { quality, bytes: Zeroizing::new([digest.as_slice(), id].concat()) }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(TOLD_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
