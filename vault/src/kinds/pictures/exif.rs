//! What cameras write into pictures: EXIF, which is TIFF without a picture, and TIFF itself.
//!
//! A directory is a count and as many entries: tag, type, count, and a value of up to four bytes or
//! the place of a longer one; all places are counted from the head. Of three directories (the
//! picture's, the camera's, the satellite receiver's) and Apple's own note the few entries that are
//! told are read, from wherever they are. The crates there are would need a whole TIFF in memory,
//! however long it is, take 24 bytes for each byte of a hostile text, and leave Apple's note alone.

use std::io;

use super::moment::Moment;
use super::reach::Reach;
use super::told::{Text, Told, Trust};
use super::{iptc, xmp};
use crate::kinds::bytes::{number_big, number_little, tail};

/// Most entries of a directory; cameras write about fifty.
const ENTRIES_MAX: usize = 1024;
/// The longest value that is read, in bytes: a packet of XMP.
const VALUE_MAX: usize = 1 << 20;
/// The longest note of a camera's maker, in bytes.
const NOTE_MAX: usize = 256 << 10;

const ENTRY_SIZE: usize = 12;
const TYPE_ASCII: u64 = 2;
const TYPE_SHORT: u64 = 3;
const TYPE_LONG: u64 = 4;
const TYPE_RATIONAL: u64 = 5;

// Of the picture.
const SUBFILE_TYPE: u64 = 0xFE;
const WIDTH: u64 = 0x100;
const HEIGHT: u64 = 0x101;
const DESCRIPTION: u64 = 0x10E;
const MAKE: u64 = 0x10F;
const MODEL: u64 = 0x110;
const ORIENTATION: u64 = 0x112;
const SOFTWARE: u64 = 0x131;
const CHANGED: u64 = 0x132;
const ARTIST: u64 = 0x13B;
const XMP: u64 = 0x2BC;
const IPTC: u64 = 0x83BB;
const EXIF: u64 = 0x8769;
const GPS: u64 = 0x8825;
// Of the camera.
const EXPOSURE: u64 = 0x829A;
const APERTURE: u64 = 0x829D;
const ISO: u64 = 0x8827;
const ORIGINAL: u64 = 0x9003;
const DIGITAL: u64 = 0x9004;
const CHANGED_ZONE: u64 = 0x9010;
const ORIGINAL_ZONE: u64 = 0x9011;
const DIGITAL_ZONE: u64 = 0x9012;
const FOCAL: u64 = 0x920A;
const NOTE: u64 = 0x927C;
const PIXELS_WIDE: u64 = 0xA002;
const PIXELS_HIGH: u64 = 0xA003;
const LENS: u64 = 0xA434;
// Of the receiver.
const NORTH_OR_SOUTH: u64 = 1;
const LATITUDE: u64 = 2;
const EAST_OR_WEST: u64 = 3;
const LONGITUDE: u64 = 4;
const TIME: u64 = 7;
const DATE: u64 = 29;
// Of Apple's note.
const APPLE: &[u8] = b"Apple iOS\0\0\x01";
const APPLE_HEAD_SIZE: usize = 14;
const CONTENT_IDENTIFIER: u64 = 17;

/// How the picture that this was read from says which side is up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// Here.
    ByExif,
    /// Elsewhere.
    Elsewhere,
}

/// Tells what the TIFF in `reach` from `base` on says.
pub(super) fn tell(
    reach: &mut Reach<'_>,
    base: u64,
    turned: Turned,
    told: &mut Told,
) -> io::Result<()> {
    let head = reach.read(base, 8)?;
    let Some(order) = Order::of(&head) else { return Ok(()) };
    let at = order.number(&head, 4, 4).unwrap_or(0);
    let picture = Directory::read(reach, base, at, order)?;
    let below = |tag| picture.number(tag).unwrap_or(0);
    let camera = Directory::read(reach, base, below(EXIF), order)?;
    let receiver = Directory::read(reach, base, below(GPS), order)?;
    tell_texts(reach, &picture, &camera, told)?;
    tell_exposure(reach, &camera, told)?;
    let satellite = tell_place(reach, &receiver, told)?;
    tell_dates(reach, &picture, &camera, satellite, told)?;
    tell_size(&picture, &camera, told);
    if turned == Turned::ByExif && picture.number(ORIENTATION).is_some_and(|side| side >= 5) {
        told.turn();
    }
    let note = camera.value(reach, NOTE, NOTE_MAX)?;
    if note.starts_with(APPLE) {
        tell_note(&note, told)?;
    }
    let packet = picture.value(reach, XMP, VALUE_MAX)?;
    xmp::tell(&packet, told);
    iptc::tell(&picture.value(reach, IPTC, VALUE_MAX)?, told);
    Ok(())
}

fn tell_texts(
    reach: &mut Reach<'_>,
    picture: &Directory,
    camera: &Directory,
    told: &mut Told,
) -> io::Result<()> {
    for (text, tag) in [
        (Text::Make, MAKE),
        (Text::Model, MODEL),
        (Text::Software, SOFTWARE),
        (Text::Description, DESCRIPTION),
        (Text::Author, ARTIST),
    ] {
        told.offer(text, &picture.text(reach, tag)?);
    }
    told.offer(Text::Lens, &camera.text(reach, LENS)?);
    Ok(())
}

fn tell_exposure(reach: &mut Reach<'_>, camera: &Directory, told: &mut Told) -> io::Result<()> {
    if let Some(iso) = camera.number(ISO).filter(|iso| *iso > 0) {
        told.offer(Text::Iso, &iso.to_string());
    }
    let first = |numbers: Vec<f64>| numbers.first().copied().filter(|number| *number > 0.0);
    if let Some(seconds) = first(camera.rationals(reach, EXPOSURE)?) {
        let text = if seconds < 0.4 {
            format!("1/{:.0} s", 1.0 / seconds)
        } else {
            format!("{} s", short(seconds))
        };
        told.offer(Text::Exposure, &text);
    }
    if let Some(number) = first(camera.rationals(reach, APERTURE)?) {
        told.offer(Text::Aperture, &format!("f/{}", short(number)));
    }
    if let Some(length) = first(camera.rationals(reach, FOCAL)?) {
        told.offer(Text::Focal, &format!("{} mm", short(length)));
    }
    Ok(())
}

/// Where, and when in UTC a satellite said so.
fn tell_place(
    reach: &mut Reach<'_>,
    receiver: &Directory,
    told: &mut Told,
) -> io::Result<Option<i64>> {
    let mut degrees = |tag, side, minus: &str| -> io::Result<Option<f64>> {
        let numbers = receiver.rationals(reach, tag)?;
        let sign = if receiver.text(reach, side)?.starts_with(minus) { -1.0 } else { 1.0 };
        let parts = numbers.iter().zip([1.0, 60.0, 3600.0]).map(|(number, part)| number / part);
        Ok((!numbers.is_empty()).then(|| sign * parts.sum::<f64>()))
    };
    let north = degrees(LATITUDE, NORTH_OR_SOUTH, "S")?;
    let east = degrees(LONGITUDE, EAST_OR_WEST, "W")?;
    if let (Some(north), Some(east)) = (north, east) {
        told.offer_place(north, east);
    }
    let date = receiver.text(reach, DATE)?;
    let time = receiver.rationals(reach, TIME)?;
    let [hour, minute, second] = *time.as_slice() else { return Ok(None) };
    let moment = Moment::parse(&format!("{date} {hour:.0}:{minute:.0}:{:.0}Z", second.floor()));
    Ok(moment.map(|moment| moment.seconds))
}

fn tell_dates(
    reach: &mut Reach<'_>,
    picture: &Directory,
    camera: &Directory,
    satellite: Option<i64>,
    told: &mut Told,
) -> io::Result<()> {
    for (trust, directory, tag, zone) in [
        (Trust::Original, camera, ORIGINAL, ORIGINAL_ZONE),
        (Trust::Digital, camera, DIGITAL, DIGITAL_ZONE),
        (Trust::Changed, picture, CHANGED, CHANGED_ZONE),
    ] {
        let zone = camera.text(reach, zone)?;
        let moment = Moment::parse(&directory.text(reach, tag)?);
        let moment = moment.map(|moment| moment.in_zone(&zone));
        let moment = match satellite {
            Some(utc) if trust != Trust::Changed => moment.map(|moment| moment.beside(utc)),
            _ => moment,
        };
        told.offer_date(trust, moment);
    }
    told.offer_date(Trust::Satellite, satellite.map(Moment::utc));
    Ok(())
}

fn tell_size(picture: &Directory, camera: &Directory, told: &mut Told) {
    let mut offer = |directory: &Directory, width, height| {
        if let (Some(width), Some(height)) = (directory.number(width), directory.number(height)) {
            told.offer_size(width, height);
        }
    };
    offer(camera, PIXELS_WIDE, PIXELS_HIGH);
    // The first picture of a DNG may be one to show in its place.
    if picture.number(SUBFILE_TYPE).is_none_or(|kind| kind & 1 == 0) {
        offer(picture, WIDTH, HEIGHT);
    }
}

/// Apple's note has a directory behind a head of its own, and counts places from its start.
fn tell_note(note: &[u8], told: &mut Told) -> io::Result<()> {
    let Some(order) = Order::named(tail(note, APPLE.len())) else { return Ok(()) };
    let mut content = io::Cursor::new(note);
    let mut reach = Reach::new(&mut content)?;
    let directory = Directory::read(&mut reach, 0, APPLE_HEAD_SIZE as u64, order)?;
    told.offer(Text::Link, &directory.text(&mut reach, CONTENT_IDENTIFIER)?);
    Ok(())
}

/// Without decimals where there are none.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Which byte of a number comes first.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    /// As the head of a TIFF says.
    fn of(head: &[u8]) -> Option<Self> {
        let order = Self::named(head)?;
        (order.number(head, 2, 2) == Some(42)).then_some(order)
    }

    fn named(head: &[u8]) -> Option<Self> {
        match head.first_chunk()? {
            b"II" => Some(Self::Little),
            b"MM" => Some(Self::Big),
            _ => None,
        }
    }

    fn number(self, bytes: &[u8], at: usize, count: usize) -> Option<u64> {
        match self {
            Self::Little => number_little(bytes, at, count),
            Self::Big => number_big(bytes, at, count),
        }
    }
}

struct Directory {
    base: u64,
    order: Order,
    entries: Vec<u8>,
}

impl Directory {
    /// The one at a place from `base` on; an empty one at 0.
    fn read(reach: &mut Reach<'_>, base: u64, at: u64, order: Order) -> io::Result<Self> {
        let mut directory = Self { base, order, entries: Vec::new() };
        if at == 0 {
            return Ok(directory);
        }
        let start = base.saturating_add(at);
        let count = order.number(&reach.read(start, 2)?, 0, 2).unwrap_or(0);
        let count = usize::try_from(count).unwrap_or(0).min(ENTRIES_MAX);
        directory.entries = reach.read(start.saturating_add(2), count * ENTRY_SIZE)?;
        reach.is_cut |= directory.entries.len() < count * ENTRY_SIZE;
        Ok(directory)
    }

    /// Type, count and the bytes that hold the value or its place.
    fn entry(&self, tag: u64) -> Option<(u64, u64, [u8; 4])> {
        let (entries, _) = self.entries.as_chunks::<ENTRY_SIZE>();
        let number = |entry: &[u8], at, count| self.order.number(entry, at, count);
        let entry = entries.iter().find(|entry| number(*entry, 0, 2) == Some(tag))?;
        Some((number(entry, 2, 2)?, number(entry, 4, 4)?, *entry.last_chunk()?))
    }

    /// A number that needs no place of its own.
    fn number(&self, tag: u64) -> Option<u64> {
        let (kind, count, value) = self.entry(tag)?;
        match kind {
            TYPE_SHORT if count > 0 => self.order.number(&value, 0, 2),
            TYPE_LONG if count > 0 => self.order.number(&value, 0, 4),
            _ => None,
        }
    }

    /// The bytes of a value; nothing if it is longer than `most`, or not all there.
    fn value(&self, reach: &mut Reach<'_>, tag: u64, most: usize) -> io::Result<Vec<u8>> {
        let Some((kind, count, value)) = self.entry(tag) else { return Ok(Vec::new()) };
        let unit = match kind {
            TYPE_SHORT => 2,
            TYPE_LONG => 4,
            TYPE_RATIONAL => 8,
            _ => 1,
        };
        let Some(size) = usize::try_from(count).ok().and_then(|count| count.checked_mul(unit))
        else {
            return Ok(Vec::new());
        };
        if size <= value.len() {
            return Ok(value.get(..size).unwrap_or_default().to_vec());
        }
        let at = self.order.number(&value, 0, 4).unwrap_or(u64::MAX);
        let place = self.base.saturating_add(at);
        reach.whole(&(place..place.saturating_add(size as u64)), most)
    }

    fn text(&self, reach: &mut Reach<'_>, tag: u64) -> io::Result<String> {
        if self.entry(tag).is_none_or(|(kind, ..)| kind != TYPE_ASCII) {
            return Ok(String::new());
        }
        let bytes = self.value(reach, tag, NOTE_MAX)?;
        let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(match str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        })
    }

    /// Numbers that are fractions; nothing if one has no value.
    fn rationals(&self, reach: &mut Reach<'_>, tag: u64) -> io::Result<Vec<f64>> {
        let Some((TYPE_RATIONAL, 1..=3, _)) = self.entry(tag) else { return Ok(Vec::new()) };
        let bytes = self.value(reach, tag, 3 * 8)?;
        let (fractions, _) = bytes.as_chunks::<8>();
        let fraction = |bytes: &[u8; 8]| {
            let number = |at| u32::try_from(self.order.number(bytes, at, 4)?).ok();
            let (above, below) = (number(0)?, number(4)?);
            (below > 0).then(|| f64::from(above) / f64::from(below))
        };
        Ok(fractions.iter().map(fraction).collect::<Option<_>>().unwrap_or_default())
    }
}
