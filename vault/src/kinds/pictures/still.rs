//! Stills that are not ISO media files: JPEG, PNG, GIF, WebP, and TIFF with the raw formats on it.

use std::io;

use super::exif::{self, Turned};
use super::moment::Moment;
use super::reach::Reach;
use super::told::{Text, Told, Trust};
use super::{iptc, xmp};
use crate::kinds::bytes::{number_big, number_little, tail};

/// Most segments or chunks of a picture that are looked at.
const PIECES_MAX: usize = 4096;
/// Most packets of what programs described in one JPEG.
const PACKETS_MAX: usize = 16;
/// How much of the end of a JPEG says that it is one, in bytes.
const LAST_SIZE: u64 = 64 << 10;
/// The longest chunk that is read, in bytes.
const CHUNK_MAX: usize = 1 << 20;

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

/// Tells what the still says that begins so.
pub(super) fn tell(reach: &mut Reach<'_>, head: &[u8], told: &mut Told) -> io::Result<()> {
    if head.starts_with(b"\xFF\xD8") {
        jpeg(reach, told)
    } else if head.starts_with(b"\x89PNG") {
        png(reach, told)
    } else if head.starts_with(b"GIF8") {
        let number = |at| number_little(head, at, 2).unwrap_or(0);
        told.offer_size(number(6), number(8));
        Ok(())
    } else if head.starts_with(b"RIFF") {
        webp(reach, told)
    } else {
        exif::tell(reach, 0, Turned::ByExif, told)
    }
}

/// Segments of a mark, a length and content, up to where the picture itself begins.
fn jpeg(reach: &mut Reach<'_>, told: &mut Told) -> io::Result<()> {
    let (mut at, mut camera, mut described) = (2, None, Vec::new());
    let mut size = (0, 0);
    for _ in 0..PIECES_MAX {
        let head = reach.read(at, 4)?;
        let (mark, length) = match head.as_slice() {
            // Marks may be filled up.
            [0xFF, 0xFF, ..] => {
                at += 1;
                continue;
            }
            [0xFF, 0xDA, ..] => {
                reach.is_cut |= !is_ended(reach, at)?;
                break;
            }
            [0xFF, 0xD9, ..] => break,
            [0xFF, mark, high, low] => (*mark, u64::from(*high) << 8 | u64::from(*low)),
            _ => {
                reach.is_cut |= head.len() < 4;
                break;
            }
        };
        let range = reach.range(at.saturating_add(4), length.saturating_sub(2));
        at = at.saturating_add(2).saturating_add(length.max(2));
        match mark {
            0xC0..=0xCF if !matches!(mark, 0xC4 | 0xC8 | 0xCC) => {
                let frame = reach.read(range.start, 5)?;
                let number = |at| number_big(&frame, at, 2).unwrap_or(0);
                size = (number(3), number(1));
            }
            0xE1 | 0xED => {
                let content = reach.whole(&range, CHUNK_MAX)?;
                if content.starts_with(EXIF) {
                    camera = camera.or(Some(range.start.saturating_add(EXIF.len() as u64)));
                } else if described.len() < PACKETS_MAX {
                    described.push(content);
                }
            }
            _ => {}
        }
    }
    told.offer_size(size.0, size.1);
    if let Some(start) = camera {
        exif::tell(reach, start, Turned::ByExif, told)?;
    }
    for content in described {
        if let Some(packet) = content.strip_prefix(XMP) {
            xmp::tell(packet, told);
        } else if let Some(resources) = content.strip_prefix(PHOTOSHOP) {
            iptc::tell_resources(resources, told);
        }
    }
    Ok(())
}

/// Whether the picture whose scan begins at `from` goes on to its end: some mark stands in its last
/// bytes, which a scan has none of but for restarts. Behind the end there may be anything, a film
/// say, in which there is no lack of what looks like one.
fn is_ended(reach: &mut Reach<'_>, from: u64) -> io::Result<bool> {
    let from = from.saturating_add(2);
    if from >= reach.length {
        return Ok(false);
    }
    let from = from.max(reach.length.saturating_sub(LAST_SIZE));
    let last = reach.read(from, usize::try_from(LAST_SIZE).unwrap_or(usize::MAX))?;
    let is_scan = |pair: &[u8]| !matches!(pair, [0xFF, 0x01..=0xCF | 0xD8..=0xFE]);
    // What costs too much to be read is not there.
    Ok(last.is_empty() || !last.windows(2).all(is_scan))
}

/// Chunks of a length, a name, content and a checksum.
fn png(reach: &mut Reach<'_>, told: &mut Told) -> io::Result<()> {
    let mut at = 8;
    for _ in 0..PIECES_MAX {
        let head = reach.read(at, 8)?;
        let (Some(length), Some(name)) = (number_big(&head, 0, 4), tail(&head, 4).first_chunk())
        else {
            reach.is_cut = true;
            break;
        };
        let range = reach.range(at.saturating_add(8), length);
        at = at.saturating_add(12).saturating_add(length);
        match name {
            b"IHDR" => {
                let content = reach.whole(&range, CHUNK_MAX)?;
                let number = |at| number_big(&content, at, 4).unwrap_or(0);
                told.offer_size(number(0), number(4));
            }
            b"eXIf" => {
                let content = reach.whole(&range, CHUNK_MAX)?;
                let mut content = io::Cursor::new(content);
                exif::tell(&mut Reach::new(&mut content)?, 0, Turned::ByExif, told)?;
            }
            b"tEXt" => {
                let content = reach.whole(&range, CHUNK_MAX)?;
                let mut parts = content.splitn(2, |byte| *byte == 0);
                let (name, text) = (parts.next(), parts.next().unwrap_or_default());
                let text: String = text.iter().copied().map(char::from).collect();
                png_text(name.unwrap_or_default(), &text, told);
            }
            b"iTXt" => png_wide_text(&reach.whole(&range, CHUNK_MAX)?, told),
            b"IEND" => break,
            _ => {}
        }
    }
    Ok(())
}

/// A name, whether it is compressed and how, a language, the name in it, and the text.
fn png_wide_text(content: &[u8], told: &mut Told) {
    let mut parts = content.splitn(2, |byte| *byte == 0);
    let (name, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let [0, _, rest @ ..] = rest else { return };
    let Some(text) = rest.splitn(3, |byte| *byte == 0).nth(2) else { return };
    match name {
        b"XML:com.adobe.xmp" => xmp::tell(text, told),
        _ => png_text(name, &String::from_utf8_lossy(text), told),
    }
}

fn png_text(name: &[u8], text: &str, told: &mut Told) {
    match name {
        b"Title" => told.offer(Text::Title, text),
        b"Description" | b"Comment" => told.offer(Text::Description, text),
        b"Author" => told.offer(Text::Author, text),
        b"Software" => told.offer(Text::Software, text),
        b"Creation Time" => told.offer_date(Trust::Created, Moment::parse(text)),
        _ => {}
    }
}

/// Chunks of a name, a length and content, of even size.
fn webp(reach: &mut Reach<'_>, told: &mut Told) -> io::Result<()> {
    let mut at = 12;
    for _ in 0..PIECES_MAX {
        let head = reach.read(at, 8)?;
        let (Some(name), Some(length)) = (head.first_chunk(), number_little(&head, 4, 4)) else {
            break;
        };
        let range = reach.range(at.saturating_add(8), length);
        at = at.saturating_add(8).saturating_add(length).saturating_add(length % 2);
        let start = reach.read(range.start, 10)?;
        let number = |at, count| number_little(&start, at, count).unwrap_or(0);
        match name {
            b"VP8X" => told.offer_size(number(4, 3) + 1, number(7, 3) + 1),
            b"VP8 " => told.offer_size(number(6, 2) & 0x3FFF, number(8, 2) & 0x3FFF),
            b"VP8L" => {
                let bits = number(1, 4);
                told.offer_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
            }
            b"EXIF" => {
                let content = reach.whole(&range, CHUNK_MAX)?;
                let tiff = content.strip_prefix(EXIF).unwrap_or(&content);
                let mut content = io::Cursor::new(tiff);
                exif::tell(&mut Reach::new(&mut content)?, 0, Turned::ByExif, told)?;
            }
            b"XMP " => xmp::tell(&reach.whole(&range, CHUNK_MAX)?, told),
            _ => {}
        }
    }
    Ok(())
}
