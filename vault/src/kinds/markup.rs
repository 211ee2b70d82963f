//! Markup: bookmarks in HTML, property lists and other XML, RTF, PDF.

use super::bytes::{begins, holds, start};
use super::text::trim_start;
use super::{Kind, Recognised};

/// How far down the root element may stand, behind a declaration and comments.
const PROLOGUE_MAX: usize = 4096;

pub(super) fn recognise(text: &[u8]) -> Option<Recognised> {
    let text = trim_start(text);
    if begins(text, b"%PDF-") || begins(text, b"{\\rtf") {
        return Some(Recognised::plain(Kind::Document));
    }
    if text.first() != Some(&b'<') {
        return None;
    }
    let prologue = start(text, PROLOGUE_MAX);
    if holds(prologue, b"<!DOCTYPE NETSCAPE-Bookmark-file-1") {
        return Some(Recognised::plain(Kind::Bookmark));
    }
    if holds(prologue, b"<!DOCTYPE HealthData") || holds(prologue, b"<HealthData") {
        return Some(Recognised::plain(Kind::Health));
    }
    if holds(prologue, b"<KeePassFile") {
        return Some(Recognised::sealed(Kind::Passwords));
    }
    if holds(prologue, b"<plist") {
        return Some(property_list(text));
    }
    Some(Recognised::plain(Kind::File))
}

/// Configuration profiles hold passwords and PKCS#12 files in the clear.
fn property_list(text: &[u8]) -> Recognised {
    if holds(text, b"<key>PayloadContent</key>") || holds(text, b"<key>PayloadType</key>") {
        return Recognised::sealed(Kind::Key);
    }
    if holds(text, b"<key>Password</key>") {
        return Recognised::sealed(Kind::File);
    }
    Recognised::plain(Kind::File)
}
