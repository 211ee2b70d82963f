//! Compressed files and zip containers, the office documents among them.
//!
//! A zip is told by the names of its first members: those are fixed by its format, not by a
//! person or a language.

use super::bytes::{find, number_little, start, tail};
use super::{Kind, Recognised};

/// Magic numbers of what is compressed or encrypted as a whole.
const COMPRESSED: &[&[u8]] = &[
    b"\x1F\x8B\x08",
    b"\xFD7zXZ\x00",
    b"\x28\xB5\x2F\xFD",
    b"7z\xBC\xAF\x27\x1C",
    b"Rar!\x1A\x07",
    b"\x04\x22\x4D\x18",
    b"LZIP\x01",
    b"xar!\x00",
    b"bvx2",
    b"bvxn",
    b"pbze",
    b"MSCF\x00\x00\x00\x00",
    b"encrcdsa",
    b"wOF2",
    b"age-encryption.org/v1\n",
    b"Salted__",
];

/// The signature of a zip's member.
const MEMBER: &[u8] = b"PK\x03\x04";
/// The size of a member's head without its name.
const MEMBER_SIZE: usize = 30;
/// Longest name that is looked at.
const NAME_MAX: usize = 512;

/// Members that only the zip of a document has.
const DOCUMENT: &[&[u8]] = &[
    b"[Content_Types].xml",
    b"_rels/.rels",
    b"Index.zip",
    b"index.apxl",
    b"index.xml.gz",
    b"buildVersionHistory.plist",
    b"META-INF/container.xml",
];

pub(super) fn recognise(head: &[u8]) -> Option<Recognised> {
    // `BZh`, a level, and the digits of pi: three letters alone begin many a text.
    let bzip2 = head.starts_with(b"BZh") && tail(head, 4).starts_with(b"1AY&SY");
    if bzip2 || COMPRESSED.iter().any(|magic| head.starts_with(magic)) {
        return Some(Recognised::dense(Kind::File));
    }
    if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return Some(Recognised::plain(Kind::Document));
    }
    let spanned = head.strip_prefix(b"PK\x07\x08").or(head.strip_prefix(b"PK00"));
    let zip = spanned.unwrap_or(head);
    if zip.starts_with(MEMBER) {
        return Some(members(zip));
    }
    zip.starts_with(b"PK\x05\x06").then_some(Recognised::dense(Kind::File))
}

fn members(zip: &[u8]) -> Recognised {
    let mut rest = zip;
    let mut document = false;
    while rest.starts_with(MEMBER) {
        let Some((name, content, after)) = member(rest) else { break };
        // 1Password's export; what it holds is in `export.data`.
        if name == b"export.data" || name == b"export.attributes" {
            return Recognised { kind: Kind::Passwords, sealed: true, dense: true };
        }
        document |= DOCUMENT.contains(&name) || is_iwork_part(name);
        let named = b"application/".as_slice();
        document |= name == b"mimetype" && content.starts_with(named);
        rest = after;
    }
    Recognised::dense(if document { Kind::Document } else { Kind::File })
}

/// `Index/Slide-42.iwa`
fn is_iwork_part(name: &[u8]) -> bool {
    name.starts_with(b"Index/") && name.ends_with(b".iwa")
}

/// The first member's name and content, and what begins with the next.
fn member(zip: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let field = |at, count| usize::try_from(number_little(zip, at, count)?).ok();
    let (flags, size) = (field(6, 2)?, field(18, 4)?);
    let (name_length, extra_length) = (field(26, 2)?, field(28, 2)?);
    let name = tail(zip, MEMBER_SIZE).get(..name_length).filter(|name| name.len() <= NAME_MAX)?;
    let content = tail(tail(zip, MEMBER_SIZE), name_length.saturating_add(extra_length));
    if flags & 8 == 0 || size > 0 {
        return Some((name, start(content, size), tail(content, size)));
    }
    // A member written as a stream: its size comes behind it, so the next is searched for.
    let next = find(content, MEMBER).unwrap_or(content.len());
    Some((name, start(content, next), tail(content, next)))
}
