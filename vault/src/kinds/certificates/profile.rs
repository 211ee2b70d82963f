//! Configuration profiles of Apple: a property list with one payload for each thing to set up.
//!
//! Payloads hold certificates, PKCS#12 stores, and passwords in the clear.

use std::io::Cursor;

use plist::{Dictionary, Value};
use zeroize::Zeroizing;

use crate::kinds::bytes::{find, start, tail};

/// How deep lists may stand in each other, and how many there may be: they are dropped one within
/// the other.
const DEPTH_MAX: usize = 64;
const LISTS_MAX: usize = 65_536;
/// How far down the root element may stand.
const PROLOGUE_MAX: usize = 4096;

/// One thing that a profile sets up.
pub(super) struct Payload {
    /// Where it stands among the payloads.
    pub(super) number: usize,
    /// What it says.
    pub(super) settings: Dictionary,
}

/// Whether `text` is laid out as a property list.
pub(super) fn looks_like(text: &[u8]) -> bool {
    let begin = start(text.trim_ascii_start(), PROLOGUE_MAX);
    begin.starts_with(b"<") && find(begin, b"<plist").is_some()
}

/// The payloads of a profile; none if it is not one, or nested beyond reason.
pub(super) fn payloads(text: &[u8]) -> Option<Vec<Payload>> {
    if !looks_like(text) || !is_shallow(text) {
        return None;
    }
    let mut profile = Value::from_reader_xml(Cursor::new(text)).ok()?.into_dictionary()?;
    let payloads = profile.remove("PayloadContent")?.into_array()?;
    let settings = payloads.into_iter().map(Value::into_dictionary);
    let numbered = settings
        .enumerate()
        .filter_map(|(number, settings)| settings.map(|settings| Payload { number, settings }));
    Some(numbered.collect())
}

/// The settings of one payload that was written by [`Payload::to_xml`].
pub(super) fn parse(xml: &[u8]) -> Option<Dictionary> {
    if !looks_like(xml) || !is_shallow(xml) {
        return None;
    }
    Value::from_reader_xml(Cursor::new(xml)).ok()?.into_dictionary()
}

impl Payload {
    /// The text under one of its names; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.settings.get(name).and_then(Value::as_string).unwrap_or_default()
    }

    /// The first text that is not empty.
    pub(super) fn first(&self, names: &[&str]) -> String {
        let texts = names.iter().map(|name| self.text(name));
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    }

    /// The certificate or store it brings.
    pub(super) fn data(&self) -> Option<&[u8]> {
        self.settings.get("PayloadContent").and_then(Value::as_data)
    }

    /// Whether a secret is anywhere in it.
    pub(super) fn has_secret(&self) -> bool {
        self.settings.iter().any(|(name, value)| holds_secret(name, value))
    }

    /// It alone, with its names in order, and without the one that is made up for every export.
    pub(super) fn to_xml(&self) -> Zeroizing<Vec<u8>> {
        let mut settings = self.settings.clone();
        settings.remove("PayloadUUID");
        settings.sort_keys();
        let mut xml = Zeroizing::new(Vec::new());
        match Value::Dictionary(settings).to_writer_xml(&mut *xml) {
            Ok(()) => xml,
            // A value that XML cannot hold was not read from it.
            Err(_) => Zeroizing::new(Vec::new()),
        }
    }
}

/// Whether the name of a setting is that of a secret.
pub(super) fn is_secret(name: &str) -> bool {
    ["password", "secret", "passphrase", "pin", "token", "psk"]
        .iter()
        .any(|word| name.to_ascii_lowercase().ends_with(word))
}

fn holds_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::Dictionary(inner) => inner.iter().any(|(name, value)| holds_secret(name, value)),
        Value::Array(list) => list.iter().any(|value| holds_secret(name, value)),
        Value::String(text) => is_secret(name) && !text.is_empty(),
        Value::Data(data) => is_secret(name) && !data.is_empty(),
        _ => false,
    }
}

/// Whether lists stand in each other no deeper than anyone needs. Tags in comments and the like
/// do not count as closing.
fn is_shallow(text: &[u8]) -> bool {
    let (mut depth, mut lists, mut at) = (0usize, 0usize, 0usize);
    while let Some(found) = tail(text, at).iter().position(|byte| *byte == b'<') {
        at = at.saturating_add(found);
        let here = tail(text, at);
        let opaque =
            [(b"<!--".as_slice(), b"-->".as_slice()), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")];
        if let Some((_, close)) = opaque.into_iter().find(|(open, _)| here.starts_with(open)) {
            let Some(end) = find(here, close) else { return true };
            at = at.saturating_add(end);
            continue;
        }
        if here.starts_with(b"<dict") || here.starts_with(b"<array") {
            depth = depth.saturating_add(1);
            lists = lists.saturating_add(1);
        } else if here.starts_with(b"</dict") || here.starts_with(b"</array") {
            depth = depth.saturating_sub(1);
        }
        if depth > DEPTH_MAX || lists > LISTS_MAX {
            return false;
        }
        at = at.saturating_add(1);
    }
    true
}
