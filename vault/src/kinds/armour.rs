//! Secrets and certificates in the armour of a text, wherever in the text they stand: PEM,
//! OpenPGP, SSH, PuTTY, age, minisign, `otpauth:`.
//!
//! Text that only speaks of a key is not one. A marker counts when it stands alone on its line,
//! or when what follows it, on that line or behind an escaped line end, is what a key is made of.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::bytes::{begins, find, start, tail};
use super::{Kind, Recognised};

/// Longest label between `-----BEGIN ` and `-----`.
const LABEL_MAX: usize = 64;
/// How much of what follows a marker inside a line is looked at.
const BODY_MAX: usize = 256;
/// How many characters of base64, base32 or Bech32 in a row prose does not have.
const BODY_MIN: usize = 32;
/// The shortest seed of one-time passwords taken for one.
const SEED_MIN: usize = 8;

/// Words that open a line of a private key without PEM's dashes.
const LINES: &[&[u8]] = &[
    b"PuTTY-User-Key-File-1:",
    b"PuTTY-User-Key-File-2:",
    b"PuTTY-User-Key-File-3:",
    b"Key: (private-key",
    b"Key: (protected-private-key",
    b"Key: (shadowed-private-key",
    b"untrusted comment: minisign encrypted secret key",
    b"untrusted comment: minisign secret key",
    b"untrusted comment: signify secret key",
];

/// What all armour begins with, found in one pass.
static MARKERS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let markers: [&[u8]; 9] = [
        b"-----BEGIN ",
        b"---- BEGIN ",
        b"PuTTY-User-Key-File-",
        b"Key: (",
        b"untrusted comment: ",
        b"AGE-SECRET-KEY-",
        b"AGE-PLUGIN-",
        b"tpauth",
        b"TPAUTH",
    ];
    // Only this kind of match has a search by vectors.
    let mut builder = AhoCorasick::builder();
    let built = builder.match_kind(MatchKind::LeftmostFirst).build(markers);
    built.expect("nine short words make an automaton")
});

/// The best answer of all armour in `text`: a key before passwords before a certificate.
pub(super) fn recognise(text: &[u8]) -> Option<Recognised> {
    let mut passwords = false;
    let mut certificate = false;
    for marker in MARKERS.find_iter(text) {
        let here = tail(text, marker.start());
        let found = match here.first() {
            Some(b'-') => pem(here, is_fresh(start(text, marker.start()))),
            Some(b'P' | b'K' | b'u') if is_fresh(start(text, marker.start())) => {
                let key = LINES.iter().any(|line| here.starts_with(line));
                key.then_some(Kind::Key)
            }
            Some(b'A') => age_identity(here),
            // The scheme without its first letter, which may be a capital alone.
            Some(b't' | b'T') => one_time(tail(text, marker.start().saturating_sub(1))),
            _ => None,
        };
        match found {
            Some(Kind::Key) => return Some(Recognised::sealed(Kind::Key)),
            Some(Kind::Passwords) => passwords = true,
            Some(_) => certificate = true,
            None => {}
        }
    }
    if passwords {
        Some(Recognised::sealed(Kind::Passwords))
    } else {
        certificate.then_some(Recognised::plain(Kind::Certificate))
    }
}

/// Only blanks since the last line end.
fn is_fresh(before: &[u8]) -> bool {
    let last = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t'));
    last.is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

/// What the PEM marker is that `text` begins with.
fn pem(text: &[u8], fresh: bool) -> Option<Kind> {
    let (rest, close): (_, &[u8]) = if let Some(rest) = text.strip_prefix(b"-----BEGIN ") {
        (rest, b"-----")
    } else {
        // RFC 4716 and its forebear have four dashes and a blank.
        (text.strip_prefix(b"---- BEGIN ")?, b" ----")
    };
    let label_end = find(start(rest, LABEL_MAX + close.len()), close)?;
    let (label, rest) = rest.split_at_checked(label_end)?;
    let kind = labelled(label)?;
    let rest = tail(rest, close.len());
    let alone = fresh && ends_line(rest);
    (alone || kind == Kind::Key && is_body(rest)).then_some(kind)
}

fn labelled(label: &[u8]) -> Option<Kind> {
    let is = |word: &[u8]| label.eq_ignore_ascii_case(word);
    let ends = |word: &[u8]| {
        let at = label.len().checked_sub(word.len());
        at.is_some_and(|at| tail(label, at).eq_ignore_ascii_case(word))
    };
    if ends(b"PRIVATE KEY") || ends(b"PRIVATE KEY BLOCK") || ends(b"SECRET KEY") {
        return Some(Kind::Key);
    }
    if is(b"PKCS12") || is(b"OpenVPN Static key V1") {
        return Some(Kind::Key);
    }
    let certificate = ends(b"CERTIFICATE") || is(b"PKCS7") || is(b"CMS");
    certificate.then_some(Kind::Certificate)
}

/// Nothing but blanks to the end of the line, or of what is at hand.
fn ends_line(rest: &[u8]) -> bool {
    let after = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    after.is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

/// The body of a key follows: base64, or the headers of an encrypted one. In source code, JSON
/// and settings the line ends may be written as escapes, or left out.
fn is_body(rest: &[u8]) -> bool {
    let mut rest = start(rest, BODY_MAX);
    loop {
        rest = rest.trim_ascii_start();
        let skipped = [b"\\n".as_slice(), b"\\r", b"\\\\n", b"\\\\r", b"&#10;", b"&#13;", b"&#xA;"]
            .into_iter()
            .find_map(|escape| rest.strip_prefix(escape));
        match skipped {
            Some(after) => rest = after,
            None => break,
        }
    }
    begins(rest, b"Proc-Type:") || run(rest, |byte| matches!(byte, b'+' | b'/' | b'=')) >= BODY_MIN
}

/// An identity of age, in a file of its own or inside a line of settings. One of a plugin may
/// only name a piece of hardware, or be all there is: that is the plugin's to know.
fn age_identity(text: &[u8]) -> Option<Kind> {
    let rest = text.strip_prefix(b"AGE-SECRET-KEY-").or(text.strip_prefix(b"AGE-PLUGIN-"))?;
    (run(rest, |byte| byte == b'-') >= BODY_MIN).then_some(Kind::Key)
}

/// The seed of one-time passwords as authenticators show and export it.
fn one_time(text: &[u8]) -> Option<Kind> {
    if begins(text, b"otpauth-migration://offline?data=") {
        let seed = tail(text, b"otpauth-migration://offline?data=".len());
        return (run(seed, |byte| matches!(byte, b'%' | b'+' | b'/' | b'-' | b'_')) >= SEED_MIN)
            .then_some(Kind::Passwords);
    }
    if !begins(text, b"otpauth://") {
        return None;
    }
    let uri = start(text, BODY_MAX * 4);
    let end = uri.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'<'));
    let uri = start(uri, end.unwrap_or(uri.len()));
    let seed = tail(uri, find(uri, b"secret=")?.saturating_add(b"secret=".len()));
    (run(seed, |byte| byte == b'%') >= SEED_MIN).then_some(Kind::Passwords)
}

/// How many leading bytes are letters, digits or what `also` allows; counted no further than
/// anyone asks, so that a text full of markers still takes linear time.
fn run(bytes: &[u8], also: fn(u8) -> bool) -> usize {
    start(bytes, BODY_MIN)
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || also(**byte))
        .count()
}
