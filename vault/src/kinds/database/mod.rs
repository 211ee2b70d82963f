//! Stores of keys and of records: keychains, password safes, key stores, SQLite.
//!
//! A database of SQLite is opened from memory, with the changes of its write-ahead log already in
//! it: no file is written, and no lock is taken.

#[cfg(feature = "sqlite")]
mod opened;
#[cfg(test)]
mod tests;
#[cfg(feature = "sqlite")]
mod wal;

#[cfg(feature = "sqlite")]
pub(super) use opened::{Database, Row};

use crate::kinds::bytes::{begins, tail};
use crate::kinds::{Kind, Recognised, pgp};

/// What a database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// What a write-ahead log begins with; its checksums are of one or the other byte order.
const LOG_MAGICS: [&[u8]; 2] = [b"\x37\x7F\x06\x82", b"\x37\x7F\x06\x83"];

/// Magic numbers of files that exist to keep secrets.
const VAULTS: &[&[u8]] = &[
    // KeePass 1, the test version of 2, and 2.
    b"\x03\xD9\xA2\x9A\x65\xFB\x4B\xB5",
    b"\x03\xD9\xA2\x9A\x66\xFB\x4B\xB5",
    b"\x03\xD9\xA2\x9A\x67\xFB\x4B\xB5",
    // Password Safe 3.
    b"PWS3",
    // A file keychain is `kych` and version 1.0, big-endian: text does not go on like that.
    b"kych\x00",
    // Java's key stores, which may hold certificates alone; that is not seen from outside.
    b"\xFE\xED\xFE\xED\x00\x00\x00",
    b"\xCE\xCE\xCE\xCE\x00\x00\x00",
    // A private key of Microsoft's old tools.
    b"\x1E\xF1\xB5\xB0\x00\x00\x00\x00",
    // SSH protocol 1.
    b"SSH PRIVATE KEY FILE FORMAT 1.1\n",
    // What GnuPG keeps per key.
    b"(11:private-key(",
    b"(21:protected-private-key(",
    b"(20:shadowed-private-key(",
];

/// Tables that say whose database it is. The sealed ones come first: a database with one of
/// them is sealed whatever else it holds.
const TABLES: &[(&[u8], Recognised)] = &[
    (b"genp", Recognised::sealed(Kind::Key)),
    (b"inet", Recognised::sealed(Kind::Key)),
    (b"nssPrivate", Recognised::sealed(Kind::Key)),
    (b"logins", Recognised::sealed(Kind::Passwords)),
    (b"credit_cards", Recognised::sealed(Kind::Cards)),
    (b"ZABCDRECORD", Recognised::plain(Kind::Contact)),
    (b"CalendarItem", Recognised::plain(Kind::Event)),
    (b"ZCALENDARITEM", Recognised::plain(Kind::Event)),
    (b"ZICNOTEDATA", Recognised::plain(Kind::Note)),
    (b"history_items", Recognised::plain(Kind::History)),
];

/// Whether a database begins with `head`; its log is none.
pub fn is_database(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

pub(super) fn recognise(head: &[u8]) -> Option<Recognised> {
    if VAULTS.iter().any(|magic| head.starts_with(magic)) || pgp::is_secret_key(head) {
        return Some(Recognised::sealed(Kind::Key));
    }
    // A write-ahead log begins with the first pages that changed; a new one has the schema.
    if is_database(head) || LOG_MAGICS.iter().any(|magic| head.starts_with(magic)) {
        return Some(tables(head));
    }
    if head.starts_with(b"bplist0") {
        // A configuration profile may come as a binary property list; it holds passwords.
        let profile = crate::kinds::bytes::holds(head, b"PayloadContent");
        let profile = profile.then_some(Recognised::sealed(Kind::Key));
        return Some(profile.unwrap_or(Recognised::plain(Kind::File)));
    }
    None
}

/// What the schema says, wherever in the pages at hand it stands: the schema of a real keychain
/// is too long for the first page.
fn tables(head: &[u8]) -> Recognised {
    const CREATE: &[u8] = b"CREATE TABLE ";
    let mut best = TABLES.len();
    let mut rest = head;
    while let Some(at) = crate::kinds::bytes::find(rest, CREATE) {
        rest = tail(rest, at.saturating_add(CREATE.len()));
        let name = rest.trim_ascii_start();
        let name = name.strip_prefix(b"\"").or(name.strip_prefix(b"[")).unwrap_or(name);
        let name = name.strip_prefix(b"`").or(name.strip_prefix(b"'")).unwrap_or(name);
        let found = TABLES.iter().position(|(table, _)| is_name(name, table));
        best = best.min(found.unwrap_or(best));
    }
    TABLES.get(best).map_or(Recognised::plain(Kind::File), |(_, found)| *found)
}

fn is_name(bytes: &[u8], name: &[u8]) -> bool {
    let goes_on = tail(bytes, name.len()).first();
    begins(bytes, name) && goes_on.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
}
