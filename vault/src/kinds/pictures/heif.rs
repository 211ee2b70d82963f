//! Stills in ISO media files (HEIC, AVIF): a box `meta` says which items there are and where.

use std::io;
use std::ops::Range;

use super::boxes::{boxes, first};
use super::exif::{self, Turned};
use super::reach::Reach;
use super::told::Told;
use super::xmp;
use crate::kinds::bytes::{number_big, start, tail};
use crate::kinds::parts;

/// The longest box `meta` in bytes; phones write some thousand.
const META_MAX: usize = 4 << 20;
/// The longest item of metadata in bytes.
const ITEM_MAX: usize = 4 << 20;
/// Most pieces of an item.
const PIECES_MAX: u64 = 64;

/// An item goes by its number.
type Id = u64;

/// Tells what the still says whose `meta` is at a place.
pub(super) fn tell(reach: &mut Reach<'_>, place: &Range<u64>, told: &mut Told) -> io::Result<()> {
    let bytes = reach.whole(place, META_MAX)?;
    // Version and flags.
    let meta = Meta(tail(&bytes, 4));
    if let Some(size) = meta.size() {
        told.offer_size(size.0, size.1);
        if meta.is_turned() {
            told.turn();
        }
    }
    let items = meta.items();
    if let Some(item) = items.iter().find(|item| item.name == *b"Exif") {
        let bytes = meta.read(reach, item.id)?;
        // How far behind this number the TIFF begins.
        let skip = number_big(&bytes, 0, 4).and_then(|skip| usize::try_from(skip).ok());
        let at = skip.unwrap_or(0).saturating_add(4);
        let mut content = io::Cursor::new(tail(&bytes, at));
        exif::tell(&mut Reach::new(&mut content)?, 0, Turned::Elsewhere, told)?;
    }
    if let Some(item) = items.iter().find(|item| item.is_xmp) {
        xmp::tell(&meta.read(reach, item.id)?, told);
    }
    Ok(())
}

struct Meta<'a>(&'a [u8]);

/// Where an item is.
enum Place {
    /// At these places of the whole content.
    Outer(Vec<Range<u64>>),
    /// At these places of the box `idat`.
    Inner(Vec<Range<u64>>),
}

struct Item {
    id: Id,
    name: [u8; 4],
    is_xmp: bool,
}

impl<'a> Meta<'a> {
    /// What a full box in it holds, behind its version, and that.
    fn full(&self, name: &[u8; 4]) -> (u8, Numbers<'a>) {
        let content = first(self.0, name);
        (content.first().copied().unwrap_or(0), Numbers(tail(content, 4)))
    }

    fn items(&self) -> Vec<Item> {
        let (version, numbers) = self.full(b"iinf");
        let skip = if version == 0 { 2 } else { 4 };
        let entries = boxes(tail(numbers.0, skip)).filter(|(name, _)| name == b"infe");
        entries.filter_map(|(_, entry)| Item::decode(entry)).collect()
    }

    /// The bytes of an item; nothing if they are not there or too many.
    fn read(&self, reach: &mut Reach<'_>, id: Id) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.place(id) {
            Some(Place::Outer(pieces)) => {
                for piece in pieces {
                    let range = reach.range(piece.start, piece.end.saturating_sub(piece.start));
                    bytes.extend(reach.whole(&range, ITEM_MAX.saturating_sub(bytes.len()))?);
                }
            }
            Some(Place::Inner(pieces)) => {
                for part in parts(first(self.0, b"idat"), &pieces).unwrap_or_default() {
                    let room = ITEM_MAX.saturating_sub(bytes.len());
                    bytes.extend_from_slice(start(part, room));
                }
            }
            None => {}
        }
        Ok(bytes)
    }

    fn place(&self, id: Id) -> Option<Place> {
        let (version, mut numbers) = self.full(b"iloc");
        let sizes = numbers.take(2)?;
        let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| sizes >> shift & 15);
        let index = if version == 0 { 0 } else { index };
        let wide = if version < 2 { 2 } else { 4 };
        let count = numbers.take(wide)?;
        for _ in 0..count {
            let found = numbers.take(wide)?;
            let method = if version == 0 { 0 } else { numbers.take(2)? & 15 };
            let _reference = numbers.take(2)?;
            let start = numbers.take(base)?;
            let count = numbers.take(2)?;
            if found != id {
                numbers.pass(count.checked_mul(index + offset + length)?)?;
                continue;
            }
            let mut pieces = Vec::new();
            for _ in 0..count.min(PIECES_MAX) {
                numbers.pass(index)?;
                let at = start.saturating_add(numbers.take(offset)?);
                pieces.push(at..at.saturating_add(numbers.take(length)?));
            }
            return match method {
                0 => Some(Place::Outer(pieces)),
                1 => Some(Place::Inner(pieces)),
                _ => None,
            };
        }
        None
    }

    /// Width and height of the picture that is shown, without its turns.
    fn size(&self) -> Option<(u64, u64)> {
        self.properties().into_iter().find_map(|(name, content)| {
            let number = |at| number_big(content, at, 4);
            (name == *b"ispe").then_some((number(4)?, number(8)?))
        })
    }

    /// By a quarter, one way or the other.
    fn is_turned(&self) -> bool {
        let turn = self.properties().into_iter().find(|(name, _)| name == b"irot");
        turn.is_some_and(|(_, content)| content.first().is_some_and(|angle| angle & 1 == 1))
    }

    /// The properties of the picture that is shown; of all of them if it has none.
    fn properties(&self) -> Vec<([u8; 4], &'a [u8])> {
        let properties = first(self.0, b"iprp");
        let all: Vec<_> = boxes(first(properties, b"ipco")).collect();
        let (version, mut shown) = self.full(b"pitm");
        let shown = shown.take(if version == 0 { 2 } else { 4 });
        let numbers = shown.and_then(|id| associated(first(properties, b"ipma"), id));
        match numbers {
            Some(numbers) => numbers
                .into_iter()
                .filter_map(|number| all.get(number.checked_sub(1)?).copied())
                .collect(),
            None => all,
        }
    }
}

/// The numbers of the properties of an item, from 1.
fn associated(content: &[u8], id: Id) -> Option<Vec<usize>> {
    let version = *content.first()?;
    let is_wide = content.get(3)? & 1 == 1;
    let mut numbers = Numbers(tail(content, 4));
    let count = numbers.take(4)?;
    for _ in 0..count {
        let found = numbers.take(if version == 0 { 2 } else { 4 })?;
        let count = numbers.take(1)?;
        if found != id {
            numbers.pass(if is_wide { 2 * count } else { count })?;
            continue;
        }
        let number = |_| {
            let number = numbers.take(if is_wide { 2 } else { 1 })?;
            usize::try_from(number & if is_wide { 0x7FFF } else { 0x7F }).ok()
        };
        return (0..count).map(number).collect();
    }
    None
}

impl Item {
    /// From an entry of `iinf` of version 2 or 3; older ones have no name.
    fn decode(entry: &[u8]) -> Option<Self> {
        let wide = match entry.first()? {
            2 => 2,
            3 => 4,
            _ => return None,
        };
        let mut numbers = Numbers(tail(entry, 4));
        let id = numbers.take(wide)?;
        let _protection = numbers.take(2)?;
        let name = *numbers.0.first_chunk()?;
        // Its own name, then what it is, both up to a zero.
        let mut texts = tail(numbers.0, 4).split(|byte| *byte == 0).skip(1);
        let is_xmp = name == *b"mime" && texts.next() == Some(b"application/rdf+xml");
        Some(Self { id, name, is_xmp })
    }
}

/// Numbers one behind the other, the most significant byte first.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    /// The next one, of up to eight bytes; of none it is 0.
    fn take(&mut self, size: u64) -> Option<u64> {
        let size = usize::try_from(size).ok().filter(|size| *size <= 8)?;
        let number = number_big(self.0, 0, size)?;
        self.0 = tail(self.0, size);
        Some(number)
    }

    fn pass(&mut self, size: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(size).ok()?..)?;
        Some(())
    }
}
