//! The write-ahead log of SQLite (sqlite.org/fileformat2.html, 4): pages that were written since the
//! database was, in the order in which they were.
//!
//! | Bytes | Header | Bytes | Head of a frame |
//! |---|---|---|---|
//! | 0 to 3 | magic; its last bit is the byte order of checksums | 0 to 3 | number of the page, from 1 |
//! | 4 to 7 | 3007000 | 4 to 7 | pages of the database, in the last frame of a transaction; else 0 |
//! | 8 to 11 | size of a page | 8 to 15 | salt, as in the header |
//! | 16 to 23 | salt | 16 to 23 | checksum of all before it |
//! | 24 to 31 | checksum of the 24 bytes before it | 24 on | the page |
//!
//! A log that starts over keeps its old frames behind the new ones, with another salt. So it ends
//! with the first frame whose salt or checksum is another one, and what is behind the last one that
//! ends a transaction was never committed.

use std::ops::Range;

use crate::kinds::bytes::number_big;

const HEADER_SIZE: usize = 32;
const FRAME_HEAD_SIZE: usize = 24;
const MAGIC: u64 = 0x377F_0682;
const VERSION: u64 = 3_007_000;
const PAGE_SIZES: Range<u64> = 512..65_537;
/// Where a database says by what versions it is written and read: 1 without a log, 2 with one.
const VERSIONS: Range<usize> = 18..20;
/// How many times longer a database may be than itself and its log together: pages that were never
/// written are only in between.
const GROWTH_MAX: u64 = 2;

pub(super) const TOO_LARGE: &str = "a database whose log makes it far longer than both";

/// The database with all that its log has committed. It opens without a log.
///
/// # Errors
/// Why it has no such form.
pub(super) fn applied(database: &[u8], log: Option<&[u8]>) -> Result<Vec<u8>, &'static str> {
    let committed = log.and_then(Committed::read);
    let image = match &committed {
        None => database.to_vec(),
        Some(committed) => committed.apply(database)?,
    };
    Ok(without_log(image))
}

/// The frames of a log up to the end of its last transaction.
struct Committed<'a> {
    page_size: usize,
    /// The pages with their numbers, from 1.
    pages: Vec<(u64, &'a [u8])>,
    /// How many pages the database has in the end.
    count: u64,
}

impl<'a> Committed<'a> {
    /// None where nothing was committed.
    fn read(log: &'a [u8]) -> Option<Self> {
        let (header, frames) = log.split_at_checked(HEADER_SIZE)?;
        let magic = number_big(header, 0, 4)?;
        let page_size = number_big(header, 8, 4)?;
        let is_size = PAGE_SIZES.contains(&page_size) && page_size.is_power_of_two();
        if magic & !1 != MAGIC || number_big(header, 4, 4)? != VERSION || !is_size {
            return None;
        }
        let (page_size, salt) = (usize::try_from(page_size).ok()?, header.get(16..24)?);
        let mut sum = Checksum { is_big: magic & 1 == 1, halves: [0; 2] };
        sum.add(header.get(..24)?);
        if !sum.is(header.get(24..)?) {
            return None;
        }
        let (mut pages, mut committed, mut count) = (Vec::new(), 0, 0);
        for frame in frames.chunks_exact(FRAME_HEAD_SIZE + page_size) {
            let (head, page) = frame.split_at_checked(FRAME_HEAD_SIZE)?;
            let (number, size) = (number_big(head, 0, 4)?, number_big(head, 4, 4)?);
            sum.add(head.get(..8)?);
            sum.add(page);
            if number == 0 || head.get(8..16)? != salt || !sum.is(head.get(16..)?) {
                break;
            }
            pages.push((number, page));
            if size > 0 {
                (committed, count) = (pages.len(), size);
            }
        }
        pages.truncate(committed);
        (committed > 0).then_some(Self { page_size, pages, count })
    }

    fn apply(&self, database: &[u8]) -> Result<Vec<u8>, &'static str> {
        let page_size = self.page_size as u64;
        let written = self.pages.len() as u64 * page_size;
        let size_max = (database.len() as u64 + written).saturating_mul(GROWTH_MAX);
        let size = self.count.saturating_mul(page_size);
        let size = usize::try_from(size).ok().filter(|_| size <= size_max).ok_or(TOO_LARGE)?;
        let mut image = database.to_vec();
        image.resize(size, 0);
        for (number, page) in &self.pages {
            // A later transaction may have made the database shorter.
            let start = usize::try_from((number - 1).saturating_mul(page_size)).ok();
            let place =
                start.and_then(|start| image.get_mut(start..start.checked_add(page.len())?));
            if let Some(place) = place {
                place.copy_from_slice(page);
            }
        }
        Ok(image)
    }
}

/// A sum over words of four bytes in one of two byte orders.
struct Checksum {
    is_big: bool,
    halves: [u32; 2],
}

impl Checksum {
    /// `bytes` are pairs of words.
    fn add(&mut self, bytes: &[u8]) {
        let [mut first, mut second] = self.halves;
        let (words, _) = bytes.as_chunks::<4>();
        let (pairs, _) = words.as_chunks::<2>();
        for pair in pairs {
            let [one, two] = pair.map(|word| {
                let word = u32::from_le_bytes(word);
                if self.is_big { word.swap_bytes() } else { word }
            });
            first = first.wrapping_add(one).wrapping_add(second);
            second = second.wrapping_add(two).wrapping_add(first);
        }
        self.halves = [first, second];
    }

    /// Whether it is written so: its words come with the high byte first, whatever it sums.
    fn is(&self, bytes: &[u8]) -> bool {
        let [first, second] = self.halves.map(u64::from);
        number_big(bytes, 0, 8) == Some(first << 32 | second)
    }
}

fn without_log(mut image: Vec<u8>) -> Vec<u8> {
    // Another version is one that SQLite refuses.
    let versions = image.get_mut(VERSIONS).unwrap_or_default();
    versions.iter_mut().filter(|version| **version == 2).for_each(|version| *version = 1);
    image
}
