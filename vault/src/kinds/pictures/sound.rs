//! Sound that is not in ISO media files: MP3 and others with ID3 before them, WAV.

use std::io;

use super::moment::Moment;
use super::reach::Reach;
use super::told::{Text, Told, Trust};
use crate::kinds::bytes::{number_big, number_little, tail};
use crate::kinds::text;

/// Most of ID3 that is read, in bytes; behind its texts stands a picture.
const TAGS_MAX: usize = 1 << 20;
/// Most frames or chunks that are looked at.
const PIECES_MAX: usize = 1024;
/// The longest chunk that is read, in bytes.
const CHUNK_MAX: usize = 64 << 10;

/// Tells what the recording says that begins so.
pub(super) fn tell(reach: &mut Reach<'_>, head: &[u8], told: &mut Told) -> io::Result<()> {
    if head.starts_with(b"ID3") {
        id3(&reach.read(0, TAGS_MAX)?, told);
    } else if head.starts_with(b"RIFF") {
        let length = reach.length;
        wav(reach, 12..length, told)?;
    }
    Ok(())
}

/// A head, then frames of a name, a length, flags from version 3 on, and content.
fn id3(bytes: &[u8], told: &mut Told) {
    let version = bytes.get(3).copied().unwrap_or(0);
    let size = usize::try_from(seven_bits(bytes, 6).unwrap_or(0)).unwrap_or(0);
    let bytes = bytes.get(..size.saturating_add(10)).unwrap_or(bytes);
    let (name_size, head_size) = if version < 3 { (3, 6) } else { (4, 10) };
    let mut rest = tail(bytes, 10);
    for _ in 0..PIECES_MAX {
        let length = match version {
            ..3 => number_big(rest, 3, 3),
            3 => number_big(rest, 4, 4),
            _ => seven_bits(rest, 4),
        };
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else { return };
        let name = rest.get(..name_size).unwrap_or_default();
        let content = tail(rest, head_size);
        let text = id3_text(content.get(..length).unwrap_or(content));
        match name {
            b"TIT2" | b"TT2" => told.offer(Text::Title, &text),
            b"TPE1" | b"TP1" => told.offer(Text::Author, &text),
            b"TDRC" | b"TDRL" => told.offer_date(Trust::Created, Moment::parse(&text)),
            _ => {}
        }
        rest = tail(content, length);
    }
}

/// A number in four bytes of seven bits each.
fn seven_bits(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = tail(bytes, at).get(..4)?;
    Some(bytes.iter().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7F)))
}

/// A text behind a number for how it is written.
fn id3_text(content: &[u8]) -> String {
    const LONGEST: usize = 16 << 10;
    let content = content.get(..LONGEST).unwrap_or(content);
    let Some((kind, bytes)) = content.split_first() else { return String::new() };
    match kind {
        0 => bytes.iter().copied().map(char::from).collect(),
        1 => String::from_utf8_lossy(&text::decode(bytes)).into_owned(),
        2 => {
            let bytes = [b"\xFE\xFF", bytes].concat();
            String::from_utf8_lossy(&text::decode(&bytes)).into_owned()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Chunks of a name, a length and content, of even size.
fn wav(reach: &mut Reach<'_>, range: std::ops::Range<u64>, told: &mut Told) -> io::Result<()> {
    let (mut at, mut bytes_a_second) = (range.start, 0);
    for _ in 0..PIECES_MAX {
        let head = reach.read(at, 8)?;
        let (Some(name), Some(length)) = (head.first_chunk(), number_little(&head, 4, 4)) else {
            break;
        };
        let content = reach.range(at.saturating_add(8), length);
        at = at.saturating_add(8).saturating_add(length).saturating_add(length % 2);
        match name {
            b"fmt " => {
                let format = reach.read(content.start, 16)?;
                bytes_a_second = number_little(&format, 8, 4).unwrap_or(0);
            }
            b"data" => {
                let thousandths = length.saturating_mul(1000).checked_div(bytes_a_second);
                told.duration = told.duration.or(thousandths);
            }
            b"LIST" => wav_list(&reach.whole(&content, CHUNK_MAX)?, told),
            b"bext" => {
                let bytes = reach.read(content.start, 346)?;
                let stamp = bytes.get(320..338).unwrap_or_default();
                let (date, time) = stamp.split_at_checked(10).unwrap_or_default();
                let [date, time] = [date, time].map(String::from_utf8_lossy);
                told.offer_date(Trust::Original, Moment::parse(&format!("{date} {time}")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn wav_list(content: &[u8], told: &mut Told) {
    let Some(mut rest) = content.strip_prefix(b"INFO") else { return };
    for _ in 0..PIECES_MAX {
        let (Some(name), Some(length)) = (rest.first_chunk(), number_little(rest, 4, 4)) else {
            return;
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let content = tail(rest, 8);
        let text = String::from_utf8_lossy(content.get(..length).unwrap_or(content));
        match name {
            b"INAM" => told.offer(Text::Title, &text),
            b"IART" => told.offer(Text::Author, &text),
            b"ISFT" => told.offer(Text::Software, &text),
            b"ICRD" => told.offer_date(Trust::Created, Moment::parse(&text)),
            _ => {}
        }
        rest = tail(content, length.saturating_add(length % 2));
    }
}
