//! Containers and compressed files, the office documents among them, told by their first bytes.
//!
//! Zip, tar and gzip are looked into, see [`super::inside`]. All other containers, and whatever is
//! encrypted as a whole, are [closed](Container::Closed): what they hold may be a secret, so they
//! are sealed, and the person is told why. That goes for `.xz`, `.zst` and `.bz2` as well, though
//! most are logs: three more decoders would be more code that meets hostile bytes than the few
//! of them in a person's exports are worth. Not closed: media and fonts, compressed as they are,
//! and office documents and PDFs with a password of their own.
//!
//! What kind of zip it is is told by the names of members that its format has, not a person or a
//! language.

use super::bytes::{find, number_little, start, tail};
use super::{Kind, Recognised, pgp, tar};

/// What holds other files.
pub(super) enum Container {
    Zip,
    Tar,
    Gzip,
    /// It cannot be looked into, since it is what the words say.
    Closed(&'static str),
}

/// First bytes of what is closed.
const CLOSED: &[(&[u8], &str)] = &[
    (b"7z\xBC\xAF\x27\x1C", "7z archive"),
    (b"Rar!\x1A\x07", "RAR archive"),
    (b"xar!\x00", "xar archive"),
    (b"MSCF\x00\x00\x00\x00", "cabinet archive"),
    (b"!<arch>\n", "ar archive"),
    (b"StuffIt (c)1997", "StuffIt archive"),
    (b"StuffIt!", "StuffIt archive"),
    (b"MSWIM\x00\x00\x00", "disk image"),
    (b"AA01", "Apple archive"),
    (b"YAA1", "Apple archive"),
    (b"pbz", "Apple archive"),
    (b"AEA1", "encrypted Apple archive"),
    (b"bvx1", "LZFSE file"),
    (b"bvx2", "LZFSE file"),
    (b"bvxn", "LZFSE file"),
    (b"bvx-", "LZFSE file"),
    (b"\xFD7zXZ\x00", "xz file"),
    (b"\x28\xB5\x2F\xFD", "zstd file"),
    (b"\x04\x22\x4D\x18", "lz4 file"),
    (b"LZIP\x01", "lzip file"),
    (b"\x1F\x9D\x90", "compress file"),
    (b"encrcdsa", "encrypted disk image"),
    (b"LUKS\xBA\xBE", "encrypted disk image"),
    (b"sprs\x00\x00\x00", "disk image"),
    (b"hsqs", "disk image"),
    (b"QFI\xFB", "disk image"),
    (b"KDMV", "disk image"),
    (b"vhdxfile", "disk image"),
    (b"age-encryption.org/v1\n", "encrypted with age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "encrypted with age"),
    (b"-----BEGIN PGP MESSAGE-----", "encrypted with OpenPGP"),
    (b"Salted__", "encrypted with OpenSSL"),
];

/// What file systems have at fixed places behind whatever comes first.
const FILE_SYSTEMS: &[(usize, &[u8])] = &[
    // APFS, a partition table, HFS+, ISO 9660 and UDF.
    (32, b"NXSB\x00"),
    (512, b"EFI PART\x00\x00\x01\x00"),
    (1024, b"H+\x00\x04"),
    (1024, b"HX\x00\x05"),
    (32_769, b"CD001\x01"),
    (32_769, b"BEA01\x01"),
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
    match container(head) {
        Some(Container::Zip) => Some(members(head)),
        Some(Container::Tar) => Some(Recognised::plain(Kind::File)),
        Some(Container::Gzip) => Some(Recognised::dense(Kind::File)),
        Some(Container::Closed(word)) => Some(Recognised::closed(word)),
        None if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") => {
            Some(Recognised::plain(Kind::Document))
        }
        None => head.starts_with(b"wOF2").then_some(Recognised::dense(Kind::File)),
    }
}

/// Which container `head` begins, if any.
pub(super) fn container(head: &[u8]) -> Option<Container> {
    if zip(head).is_some() || head.starts_with(b"PK\x05\x06") {
        return Some(Container::Zip);
    }
    if head.starts_with(b"\x1F\x8B\x08") {
        return Some(Container::Gzip);
    }
    // Its sum says more than the magic number of a file, which here is a member's name.
    if tar::is_tar(head) {
        return Some(Container::Tar);
    }
    // `BZh`, a level, and the digits of pi: three letters alone begin many a text.
    if head.starts_with(b"BZh") && tail(head, 4).starts_with(b"1AY&SY") {
        return Some(Container::Closed("bzip2 file"));
    }
    if is_cpio(head) {
        return Some(Container::Closed("cpio archive"));
    }
    if pgp::is_message(head) {
        return Some(Container::Closed("encrypted with OpenPGP"));
    }
    let file_system = |(at, magic): &(usize, &[u8])| tail(head, *at).starts_with(magic);
    if FILE_SYSTEMS.iter().any(file_system) {
        return Some(Container::Closed("disk image"));
    }
    let armoured = head.trim_ascii_start();
    let closed = CLOSED.iter().find(|(magic, _)| match magic {
        [b'-', ..] => armoured.starts_with(magic),
        // One of several letters for how it is compressed, then the size of a block.
        [b'p', ..] => head.starts_with(magic) && tail(head, 4).starts_with(b"\0\0\0\0"),
        _ => head.starts_with(magic),
    });
    closed.map(|(_, word)| Container::Closed(word))
}

/// Whether `last`, the last bytes of a file, end a disk image, which may begin with anything.
pub(super) fn ends_disk_image(last: &[u8; 512]) -> bool {
    last.starts_with(b"koly\0\0\0\x04\0\0\x02\0")
}

/// What the name of a zip's member says of the zip, if anything.
pub(super) fn named(name: &[u8]) -> Option<Recognised> {
    // 1Password's export; what it holds is in `export.data`.
    if name == b"export.data" || name == b"export.attributes" {
        return Some(Recognised { dense: true, ..Recognised::sealed(Kind::Passwords) });
    }
    let document = DOCUMENT.contains(&name) || is_iwork_part(name);
    document.then_some(Recognised::dense(Kind::Document))
}

/// The zip from its first member on: what was meant to be split begins with a mark.
fn zip(head: &[u8]) -> Option<&[u8]> {
    let split = head.strip_prefix(b"PK\x07\x08").or(head.strip_prefix(b"PK00"));
    Some(split.unwrap_or(head)).filter(|zip| zip.starts_with(MEMBER))
}

/// What the names of the members at hand say.
fn members(head: &[u8]) -> Recognised {
    let mut rest = zip(head).unwrap_or_default();
    let mut document = false;
    while rest.starts_with(MEMBER) {
        let Some((name, content, after)) = member(rest) else { break };
        match named(name) {
            Some(found) if found.sealed => return found,
            found => document |= found.is_some(),
        }
        document |= name == b"mimetype" && content.starts_with(b"application/");
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

/// The portable heads of cpio: a number that names the form, then numbers only.
fn is_cpio(head: &[u8]) -> bool {
    let digits = start(tail(head, 6), 70);
    let form = start(head, 6);
    let octal = |byte: &u8| matches!(byte, b'0'..=b'7');
    digits.len() == 70
        && (form == b"070707" && digits.iter().all(octal)
            || matches!(form, b"070701" | b"070702") && digits.iter().all(u8::is_ascii_hexdigit))
}
