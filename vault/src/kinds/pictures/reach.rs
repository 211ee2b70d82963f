//! Reading here and there in content that may be gigabytes long, at a bounded cost.

use std::io::{self, Read as _, SeekFrom};
use std::ops::Range;

use crate::kinds::content::ReadSeek;

/// Most that one picture or film may cost, in bytes read.
const COST_MAX: u64 = 128 << 20;
/// What a read costs however short it is, for the way there.
const READ_COST: u64 = 4096;

/// Content in which this seeks.
pub(super) struct Reach<'a> {
    content: &'a mut (dyn ReadSeek + 'a),
    /// Its length in bytes.
    pub(super) length: u64,
    left: u64,
    /// Something said that it goes on behind the end.
    pub(super) is_cut: bool,
}

impl<'a> Reach<'a> {
    pub(super) fn new(content: &'a mut (dyn ReadSeek + 'a)) -> io::Result<Self> {
        let length = content.seek(SeekFrom::End(0))?;
        Ok(Self { content, length, left: COST_MAX, is_cut: false })
    }

    /// The `count` bytes at `at`; fewer at the end, and none where reading on would cost too much.
    pub(super) fn read(&mut self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let count = self.length.saturating_sub(at).min(count as u64);
        let Some(left) = self.left.checked_sub(count.saturating_add(READ_COST)) else {
            return Ok(Vec::new());
        };
        self.left = left;
        let mut bytes = Vec::new();
        if count > 0 {
            self.content.seek(SeekFrom::Start(at))?;
            (&mut *self.content).take(count).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// All bytes of a range if they are there and at most `most`, else none.
    pub(super) fn whole(&mut self, range: &Range<u64>, most: usize) -> io::Result<Vec<u8>> {
        let size = range.end.saturating_sub(range.start);
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= most) else {
            return Ok(Vec::new());
        };
        let bytes = self.read(range.start, size)?;
        Ok(if bytes.len() == size { bytes } else { Vec::new() })
    }

    /// The range from `start` on of this size, as far as it is there.
    pub(super) fn range(&mut self, start: u64, size: u64) -> Range<u64> {
        let end = start.saturating_add(size);
        self.is_cut |= end > self.length;
        start..end.min(self.length)
    }
}
