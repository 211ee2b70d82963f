//! Pictures, films and sound.

use super::bytes::{number_big, number_little, start, tail};
use super::{Kind, Recognised};

/// Brands of ISO media files that hold a still picture.
const STILL: &[&[u8; 4]] = &[
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2",
    b"msf1", b"avif", b"avis", b"crx ", b"jp2 ", b"jxl ", b"miaf",
];
/// Brands that hold sound alone.
const SOUND: &[&[u8; 4]] = &[b"M4A ", b"M4B ", b"M4P ", b"aax ", b"aaxc"];
/// Beginnings of brands that hold a film.
const FILM: &[&[u8]] = &[
    b"qt  ", b"mp4", b"iso", b"avc1", b"hvc1", b"M4V", b"3gp", b"3g2", b"3ge", b"dash", b"MSNV",
    b"mmp4", b"XAVC", b"f4v ", b"NDS", b"CAEP", b"mqt ", b"cmf",
];

/// TIFF's tag for how strips are compressed.
const TAG_COMPRESSION: u64 = 259;
/// The tag every DNG has.
const TAG_DNG_VERSION: u64 = 50_706;

pub(super) fn recognise(head: &[u8], length: u64) -> Option<Recognised> {
    let magic = |magic: &[u8]| head.starts_with(magic);
    let riff = |form: &[u8]| magic(b"RIFF") && tail(head, 8).starts_with(form);
    let photo = magic(b"\xFF\xD8\xFF")
        || magic(b"\x89PNG\r\n\x1A\n")
        || magic(b"GIF87a")
        || magic(b"GIF89a")
        || riff(b"WEBP")
        || magic(b"\xFF\x0A") && length > 12 && !magic(b"\xFF\x0A\x0A")
        || magic(b"\x00\x00\x00\x0CJXL \r\n\x87\n")
        || magic(b"\x00\x00\x00\x0CjP  \r\n\x87\n")
        || magic(b"FUJIFILMCCD-RAW");
    if photo {
        return Some(Recognised::dense(Kind::Photo));
    }
    if magic(b"II*\0") || magic(b"MM\0*") {
        return Some(tiff(head));
    }
    if riff(b"AVI ")
        || magic(b"\x1A\x45\xDF\xA3")
        || magic(b"\x00\x00\x01\xBA")
        || magic(b"\x30\x26\xB2\x75\x8E\x66\xCF\x11")
        || is_transport_stream(head)
    {
        return Some(Recognised::dense(Kind::Video));
    }
    if magic(b"ID3") && tail(head, 3).first().is_some_and(|version| *version < 8)
        || magic(b"fLaC")
        || magic(b"OggS\0")
        || magic(b"caff\0\x01")
        || magic(b"#!AMR")
        || is_mpeg_audio(head)
    {
        return Some(Recognised::dense(Kind::Sound));
    }
    if riff(b"WAVE") || magic(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC")) {
        return Some(Recognised::plain(Kind::Sound));
    }
    iso(head, length)
}

/// ISO media files by their brand, and QuickTime files from before there were brands.
fn iso(head: &[u8], length: u64) -> Option<Recognised> {
    let size = number_big(head, 0, 4)?;
    let name = tail(head, 4).get(..4)?;
    if name != b"ftyp" {
        let fits = size == 1 || (8..=length).contains(&size);
        let atom = [b"moov", b"mdat", b"wide", b"pnot"].iter().any(|atom| name == *atom);
        return (fits && atom).then_some(Recognised::dense(Kind::Video));
    }
    // The brand, then a version, then the brands it is compatible with.
    let end = usize::try_from(size).ok().filter(|size| (16..=4096).contains(size))?;
    let brands = tail(start(head, end), 8).chunks(4).enumerate().filter(|(at, _)| *at != 1);
    let kind = brands.filter_map(|(_, brand)| branded(brand)).next();
    Some(Recognised::dense(kind.unwrap_or(Kind::File)))
}

fn branded(brand: &[u8]) -> Option<Kind> {
    if STILL.iter().any(|known| brand == *known) {
        Some(Kind::Photo)
    } else if SOUND.iter().any(|known| brand == *known) {
        Some(Kind::Sound)
    } else {
        FILM.iter().any(|known| brand.starts_with(known)).then_some(Kind::Video)
    }
}

/// TIFF and the raw formats built on it: dense if the first directory says it is compressed, or
/// that it is a DNG, whose picture stands in a later one and is compressed by every camera.
fn tiff(head: &[u8]) -> Recognised {
    let number = if head.starts_with(b"II") { number_little } else { number_big };
    let directory = number(head, 4, 4).and_then(|at| usize::try_from(at).ok());
    let directory = tail(head, directory.unwrap_or(usize::MAX));
    let count = number(directory, 0, 2).unwrap_or(0);
    let (entries, _) = tail(directory, 2).as_chunks::<12>();
    let dense = entries.iter().zip(0..count).any(|(entry, _)| match number(entry, 0, 2) {
        Some(TAG_COMPRESSION) => number(entry, 8, 2).is_some_and(|compression| compression > 1),
        tag => tag == Some(TAG_DNG_VERSION),
    });
    Recognised { dense, ..Recognised::plain(Kind::Photo) }
}

/// Whether this is a film by its head, and may be a recording by its tracks: QuickTime has one name
/// for both.
pub(super) fn may_be_sound(head: &[u8]) -> bool {
    head.get(4..12) == Some(b"ftypqt  ")
}

/// Packets of 188 bytes, each beginning with `G`.
fn is_transport_stream(head: &[u8]) -> bool {
    // Letters at those places may be chance in a text, but a text has no NUL.
    [0, 188, 376, 564].iter().all(|at| head.get(*at) == Some(&0x47))
        && start(head, 564).contains(&0)
}

/// A frame of MP3, or of AAC with its transport head. Layer I is left out: `FF FE` and `FF FF`
/// begin text in UTF-16 and erased memory.
fn is_mpeg_audio(head: &[u8]) -> bool {
    match head {
        [0xFF, second, third, ..] if second & 0xE6 == 0xE2 && second & 0x18 != 0x08 => {
            !matches!(third >> 4, 0 | 15) && third & 0x0C != 0x0C
        }
        [0xFF, 0xF0 | 0xF1 | 0xF8 | 0xF9, third, ..] => third >> 2 & 0x0F < 13,
        _ => false,
    }
}
