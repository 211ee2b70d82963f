//! Films and recordings in ISO media files (MOV, MP4, M4A): a box `moov` says it all, often at the
//! end behind gigabytes.

use std::io;
use std::ops::Range;

use super::boxes::{boxes, find, first, parts};
use super::moment::Moment;
use super::reach::Reach;
use super::told::{Text, Told, Trust};
use super::{heif, xmp};
use crate::kinds::bytes::{number_big, tail};

/// The longest box of metadata in bytes, with the picture of a cover.
const META_MAX: usize = 16 << 20;
/// The longest head of a film, a track or a table in bytes.
const HEAD_MAX: usize = 4096;
/// Most tracks.
const TRACKS_MAX: usize = 64;
/// Seconds from 1904, where QuickTime counts from, to 1970.
const EPOCH: i64 = 2_082_844_800;

/// The box that Adobe's programs put XMP in.
const ADOBE: &[u8] = b"\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC";

/// What the names under `com.apple.quicktime.` mean.
const KEYS: &[(&str, Means)] = &[
    ("make", Means::Text(Text::Make)),
    ("model", Means::Text(Text::Model)),
    ("software", Means::Text(Text::Software)),
    ("title", Means::Text(Text::Title)),
    ("displayname", Means::Text(Text::Title)),
    ("description", Means::Text(Text::Description)),
    ("author", Means::Text(Text::Author)),
    ("artist", Means::Text(Text::Author)),
    ("camera.lens_model", Means::Text(Text::Lens)),
    ("content.identifier", Means::Text(Text::Link)),
    ("keywords", Means::Keywords),
    ("location.ISO6709", Means::Place),
    ("creationdate", Means::Taken),
];
const DOMAIN: &str = "com.apple.quicktime.";

/// The same of names of four bytes.
const NAMES: &[(&[u8; 4], Means)] = &[
    (b"\xA9nam", Means::Text(Text::Title)),
    (b"\xA9mak", Means::Text(Text::Make)),
    (b"\xA9mod", Means::Text(Text::Model)),
    (b"\xA9swr", Means::Text(Text::Software)),
    (b"\xA9too", Means::Text(Text::Software)),
    (b"\xA9ART", Means::Text(Text::Author)),
    (b"\xA9des", Means::Text(Text::Description)),
    (b"\xA9cmt", Means::Text(Text::Description)),
    (b"desc", Means::Text(Text::Description)),
    (b"\xA9key", Means::Keywords),
    (b"\xA9xyz", Means::Place),
    (b"\xA9day", Means::Day),
    (b"date", Means::Day),
];

#[derive(Clone, Copy)]
enum Means {
    Text(Text),
    Keywords,
    Place,
    Taken,
    Day,
}

/// What tracks are called by what they are in.
const CODECS: &[(&[u8; 4], &str)] = &[
    (b"hvc1", "HEVC"),
    (b"hev1", "HEVC"),
    (b"dvh1", "HEVC"),
    (b"avc1", "H.264"),
    (b"av01", "AV1"),
    (b"jpeg", "JPEG"),
    (b"apch", "ProRes 422 HQ"),
    (b"apcn", "ProRes 422"),
    (b"apcs", "ProRes 422 LT"),
    (b"apco", "ProRes 422 Proxy"),
    (b"ap4h", "ProRes 4444"),
    (b"mp4v", "MPEG-4"),
    (b"mp4a", "AAC"),
    (b"alac", "ALAC"),
    (b"lpcm", "PCM"),
];

/// Tells what an ISO media file says, still or film.
pub(super) fn tell(reach: &mut Reach<'_>, told: &mut Told) -> io::Result<()> {
    let whole = 0..reach.length;
    for part in parts(reach, &whole)? {
        match &part.name {
            b"meta" => heif::tell(reach, &part.content, told)?,
            b"moov" => tell_movie(reach, &part.content, told)?,
            b"uuid" => {
                let bytes = reach.whole(&part.content, xmp::PACKET_MAX)?;
                if let Some(packet) = bytes.strip_prefix(ADOBE) {
                    xmp::tell(packet, told);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn tell_movie(reach: &mut Reach<'_>, movie: &Range<u64>, told: &mut Told) -> io::Result<()> {
    let mut tracks = 0;
    for part in parts(reach, movie)? {
        match &part.name {
            b"mvhd" => tell_head(&reach.whole(&part.content, HEAD_MAX)?, told),
            b"meta" => tell_metadata(&reach.whole(&part.content, META_MAX)?, told),
            b"udta" => tell_user_data(&reach.whole(&part.content, META_MAX)?, told),
            b"trak" if tracks < TRACKS_MAX => {
                tracks += 1;
                tell_track(reach, &part.content, told)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// When it was written, and how long it lasts.
fn tell_head(head: &[u8], told: &mut Told) {
    let is_wide = head.first() == Some(&1);
    let number = |at, count| number_big(head, at, count);
    let (created, unit, length) = match is_wide {
        true => (number(4, 8), number(20, 4), number(24, 8)),
        false => (number(4, 4), number(12, 4), number(16, 4)),
    };
    let created = created.and_then(|created| i64::try_from(created).ok()).filter(|at| *at > 0);
    // Some programs count from 1970 after all: there was no QuickTime before.
    let created = created.map(|at| if at < EPOCH { at } else { at - EPOCH });
    // Beyond that it is no date.
    let created = created.filter(|at| *at <= i64::from(u32::MAX));
    told.offer_date(Trust::Head, created.map(Moment::utc));
    let unknown = if is_wide { u64::MAX } else { u64::from(u32::MAX) };
    let thousandths = |length: u64| length.checked_mul(1000)?.checked_div(unit?);
    let length = length.filter(|length| *length > 0 && *length != unknown);
    told.duration = told.duration.or(length.and_then(thousandths));
}

fn tell_track(reach: &mut Reach<'_>, track: &Range<u64>, told: &mut Told) -> io::Result<()> {
    let (mut head, mut media) = (Vec::new(), None);
    for part in parts(reach, track)? {
        match &part.name {
            b"tkhd" => head = reach.whole(&part.content, HEAD_MAX)?,
            b"mdia" => media = Some(part.content),
            _ => {}
        }
    }
    let Some(media) = media else { return Ok(()) };
    let Some(handler) = find(reach, &media, b"hdlr")? else { return Ok(()) };
    let handler = reach.read(handler.start, 12)?;
    let codec = codec(reach, &media)?;
    match tail(&handler, 8) {
        b"vide" => {
            if !told.has_video {
                tell_frame(&head, told);
                told.offer(Text::Codec, &codec);
            }
            told.has_video = true;
        }
        b"soun" => {
            if !told.has_sound {
                told.sound_codec = codec;
            }
            told.has_sound = true;
        }
        _ => {}
    }
    Ok(())
}

/// Width, height and whether they are to be seen the other way round.
fn tell_frame(head: &[u8], told: &mut Told) {
    let at = if head.first() == Some(&1) { 52 } else { 40 };
    let number = |at| number_big(head, at, 4).unwrap_or(0);
    // Of 16 bits and as many behind the point.
    told.offer_size(number(at + 36) >> 16, number(at + 40) >> 16);
    if number(at) == 0 && number(at + 4) != 0 {
        told.turn();
    }
}

/// What a track is in, by the first row of its table; empty if that is nothing to show.
fn codec(reach: &mut Reach<'_>, media: &Range<u64>) -> io::Result<String> {
    let mut range = media.clone();
    for name in [b"minf", b"stbl", b"stsd"] {
        match find(reach, &range, name)? {
            Some(found) => range = found,
            None => return Ok(String::new()),
        }
    }
    let table = reach.read(range.start, 16)?;
    let Some(name) = tail(&table, 12).first_chunk::<4>() else { return Ok(String::new()) };
    let known = CODECS.iter().find(|(known, _)| *known == name).map(|(_, word)| *word);
    let is_plain = name.iter().all(|byte| byte.is_ascii_alphanumeric());
    Ok(match known {
        Some(word) => word.to_owned(),
        None if is_plain => String::from_utf8_lossy(name).into_owned(),
        None => String::new(),
    })
}

/// Names and what they say: each by a number into a list of names, or by one of four bytes.
fn tell_metadata(content: &[u8], told: &mut Told) {
    // In MP4 it has version and flags, in QuickTime not.
    let content = if tail(content, 4).starts_with(b"hdlr") { content } else { tail(content, 4) };
    let keys: Vec<String> = boxes(tail(first(content, b"keys"), 8))
        .map(|(_, key)| String::from_utf8_lossy(key).into_owned())
        .collect();
    for (name, item) in boxes(first(content, b"ilst")) {
        // What it is, and where it holds.
        let value = String::from_utf8_lossy(tail(first(item, b"data"), 8)).into_owned();
        let number = number_big(&name, 0, 4).and_then(|number| usize::try_from(number).ok());
        let key = number.and_then(|number| keys.get(number.checked_sub(1)?));
        match key.and_then(|key| key.strip_prefix(DOMAIN)) {
            Some(key) => {
                let means = KEYS.iter().find(|(known, _)| *known == key);
                take(means.map(|(_, means)| *means), &value, told);
            }
            None => take(meaning(&name), &value, told),
        }
    }
}

/// Texts behind their length and language, a box of metadata, and a packet of XMP.
fn tell_user_data(content: &[u8], told: &mut Told) {
    for (name, item) in boxes(content) {
        match &name {
            b"meta" => tell_metadata(item, told),
            b"XMP_" => xmp::tell(item, told),
            [0xA9, ..] => {
                let size = number_big(item, 0, 2).and_then(|size| usize::try_from(size).ok());
                let text = tail(item, 4);
                let text = size.and_then(|size| text.get(..size)).unwrap_or(text);
                take(meaning(&name), &String::from_utf8_lossy(text), told);
            }
            _ => take(meaning(&name), &String::from_utf8_lossy(item), told),
        }
    }
}

fn meaning(name: &[u8; 4]) -> Option<Means> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, means)| *means)
}

fn take(means: Option<Means>, value: &str, told: &mut Told) {
    match means {
        Some(Means::Text(text)) => told.offer(text, value),
        Some(Means::Keywords) => value.split(',').for_each(|word| told.offer_keyword(word)),
        Some(Means::Place) => {
            if let Some((north, east)) = place(value) {
                told.offer_place(north, east);
            }
        }
        Some(Means::Taken) => told.offer_date(Trust::Original, Moment::parse(value)),
        Some(Means::Day) => told.offer_date(Trust::Described, Moment::parse(value)),
        None => {}
    }
}

/// ISO 6709 in degrees: `+59.3300+018.0700+012.3/`.
fn place(text: &str) -> Option<(f64, f64)> {
    let mut numbers = text
        .trim()
        .trim_end_matches('/')
        .char_indices()
        .filter_map(|(at, char)| matches!(char, '+' | '-').then_some(at));
    let (first, second) = (numbers.next()?, numbers.next()?);
    let end = numbers.next().unwrap_or(text.trim().trim_end_matches('/').len());
    let number = |range: Range<usize>, digits: usize| {
        let text = text.trim().get(range)?;
        let whole = text.split('.').next()?.len();
        text.parse::<f64>().ok().filter(|_| whole <= digits + 1)
    };
    Some((number(first..second, 2)?, number(second..end, 3)?))
}
