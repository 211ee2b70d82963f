//! Photos, films and recordings: what they tell of themselves.
//!
//! [`scan()`] gives one record for the whole content, read here and there and never through;
//! [`fields()`] says for somebody who asked what is in the bytes of one, or of a file beside one,
//! which [`sidecar()`] tells. [`details()`] and [`album()`] read the tables of a take-out.
//!
//! | Rung | A picture's identity |
//! |---|---|
//! | fields | its length, and the SHA-256 of its first and of its last 64 KiB |
//!
//! Two different pictures never share them: a camera's head has the second and the number of its
//! picture, and what is compressed differs to its end. It costs nothing beside the reading, where a
//! digest of the whole would go through gigabytes. Of the essence is also all that is told; who has
//! the chunks of the content takes them into account beside it.
//!
//! Which date is when it was taken: what the camera says of the original, with its zone, or with
//! the one that a satellite's time shows; then what programs described; then the head of a film,
//! which counts from 1904 and is 0 in many. A date without a zone is told as if it were UTC.

mod boxes;
mod details;
mod exif;
mod film;
mod heif;
mod iptc;
mod moment;
mod reach;
mod sidecar;
mod sound;
mod still;
mod told;
mod xml;
mod xmp;

use std::io::{self, Cursor, Read, Seek};

pub use details::{Detail, album, details};
use reach::Reach;
use sha2::{Digest as _, Sha256};
pub use sidecar::{Sidecar, sidecar};
use told::{Text, Told, plain};

use crate::kinds::ladder::framed;
use crate::kinds::{
    Field, Identity, Kind, Lack, Locator, PROBE_SIZE, Quality, Record, Scanned, recognise,
};

/// How much of each end of the content tells it from others, in bytes.
const END_SIZE: usize = PROBE_SIZE;
/// How much of a file beside a picture is read, in bytes.
const SIDECAR_MAX: usize = 2 << 20;
/// The longest title of a recording, in characters.
const TITLE_MAX: usize = 200;
/// The first boxes of ISO media files, and of QuickTime's from before there was `ftyp`.
const ISO: &[&[u8; 4]] = &[b"ftyp", b"moov", b"mdat", b"wide", b"pnot"];
/// What the digests are of.
const DOMAIN: &[u8] = b"icvault picture";

const NOT_ONE: &str = "no picture, film or sound";
const CUT_OFF: &str = "cut off";
const NO_DATE: &str = "no date in it";

/// Gives `each` the one record that all of `content` is. Its title is empty: a picture goes by the
/// name of its file; that of a recording is the one it has in it, if any. This seeks what it reads,
/// so a film costs as little as a picture.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let mut reach = Reach::new(content)?;
    let head = reach.read(0, PROBE_SIZE)?;
    let Some((kind, told)) = told(&mut reach, &head)? else {
        return Ok(Scanned::nothing(NOT_ONE));
    };
    let identity = identity(&mut reach, &head)?;
    each(record(kind, &told, &reach, identity))?;
    let mut scanned = Scanned { layout: layout(&head), records: 1, ..Scanned::default() };
    if reach.is_cut {
        scanned.lack(Lack::End);
    }
    Ok(scanned)
}

/// What a picture, a film, a recording or a file beside one says: `taken`, `camera` and so on.
/// `record` is all of it or its beginning; what is not there is not told.
pub fn fields(record: &[u8]) -> Vec<Field> {
    // Memory can be read.
    fields_of(&mut Cursor::new(record)).unwrap_or_default()
}

/// As [`fields()`], of content in which this seeks what it reads.
///
/// # Errors
/// When `content` cannot be read.
pub fn fields_of(content: &mut (impl Read + Seek)) -> io::Result<Vec<Field>> {
    let mut reach = Reach::new(content)?;
    let head = reach.read(0, PROBE_SIZE)?;
    if let Some((_, told)) = told(&mut reach, &head)? {
        return Ok(told.fields());
    }
    let bytes = reach.read(0, SIDECAR_MAX)?;
    let mut told = Told::default();
    if let Some(kind) = sidecar(&bytes) {
        sidecar::tell(kind, &bytes, &mut told);
    }
    Ok(told.fields())
}

/// Whether a film has sound and no pictures: recordings come in the same form.
///
/// # Errors
/// When `content` cannot be read.
pub(super) fn is_sound(content: &mut dyn crate::kinds::content::ReadSeek) -> io::Result<bool> {
    let mut told = Told::default();
    film::tell(&mut Reach::new(content)?, &mut told)?;
    Ok(told.has_sound && !told.has_video)
}

/// Kind and what is told; none for what is no picture, film or sound.
fn told(reach: &mut Reach<'_>, head: &[u8]) -> io::Result<Option<(Kind, Told)>> {
    let kind = recognise(head, reach.length).kind;
    let mut told = Told::default();
    let is_iso = head.get(4..8).is_some_and(|name| ISO.iter().any(|known| name == *known));
    match kind {
        Kind::Photo | Kind::Video | Kind::Sound if is_iso => film::tell(reach, &mut told)?,
        Kind::Photo => still::tell(reach, head, &mut told)?,
        Kind::Sound => sound::tell(reach, head, &mut told)?,
        Kind::Video => {}
        _ => return Ok(None),
    }
    told.finish();
    let is_recording = kind == Kind::Video && told.has_sound && !told.has_video;
    Ok(Some((if is_recording { Kind::Sound } else { kind }, told)))
}

/// The digests of the two ends of the content, and its length.
fn identity(reach: &mut Reach<'_>, head: &[u8]) -> io::Result<Identity> {
    let last = reach.read(reach.length.saturating_sub(END_SIZE as u64), END_SIZE)?;
    let length = reach.length.to_le_bytes();
    let ends = [Sha256::digest(head), Sha256::digest(&last)];
    let [first, last] = ends.each_ref().map(|digest| digest.as_slice());
    Ok(Identity { quality: Quality::Fields, bytes: framed(&[DOMAIN, &length, first, last]) })
}

fn record(kind: Kind, told: &Told, reach: &Reach<'_>, identity: Identity) -> Record {
    let mut parts: Vec<&[u8]> = vec![&identity.bytes];
    let said = told.said();
    for (name, value) in &said {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    let essence = framed(&parts);
    let title =
        if kind == Kind::Sound { plain(told.text(Text::Title), TITLE_MAX) } else { String::new() };
    let link = told.text(Text::Link);
    let date = told.taken().map(|moment| moment.seconds);
    let whole = 0..reach.length;
    let mut warnings = Vec::new();
    if reach.is_cut {
        warnings.push(CUT_OFF);
    }
    if date.is_none() {
        warnings.push(NO_DATE);
    }
    Record {
        kind,
        identity,
        title,
        place: told.place(),
        user: told.camera(),
        date,
        essence,
        warnings,
        is_closed: false,
        link: (!link.is_empty()).then(|| link.as_bytes().to_vec()),
        apart: 0,
        locator: Locator::Bytes(Vec::from([whole])),
    }
}

/// What a file that begins so is called.
fn layout(head: &[u8]) -> &'static str {
    let names: &[(usize, &[u8], &str)] = &[
        (0, b"\xFF\xD8", "JPEG"),
        (0, b"\x89PNG", "PNG"),
        (0, b"GIF8", "GIF"),
        (8, b"WEBP", "WebP"),
        (0, b"II*\0", "TIFF"),
        (0, b"MM\0*", "TIFF"),
        (4, b"ftyphe", "HEIC"),
        (4, b"ftypmif", "HEIC"),
        (4, b"ftypqt", "QuickTime"),
        (4, b"ftypM4A", "MPEG-4"),
        (4, b"ftypmp4", "MPEG-4"),
        (8, b"WAVE", "WAV"),
        (0, b"ID3", "MP3"),
    ];
    let is = |(at, magic, _): &&(usize, &[u8], &str)| {
        head.get(*at..).is_some_and(|head| head.starts_with(magic))
    };
    names.iter().find(is).map_or("", |(_, _, name)| name)
}

#[cfg(test)]
mod tests;
