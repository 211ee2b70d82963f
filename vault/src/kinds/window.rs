//! What comes next in content that streams: a buffer of limited size, in which the bytes that were
//! passed last and those that come are seen together.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// Size of the buffer in bytes: small enough to stay in a processor's cache.
const BUFFER_SIZE: usize = 256 << 10;
/// Its size for content that is shorter: most files hold one message.
const BUFFER_SIZE_FIRST: usize = 16 << 10;
/// How many bytes are still seen when they have been passed.
const BEHIND_SIZE: usize = 8;
/// The most that [`Window::fill`] can be asked for.
pub(super) const FILL_MAX: usize = BUFFER_SIZE - BEHIND_SIZE;

/// The window over content that a reader gives.
pub(super) struct Window<R> {
    reader: R,
    buffer: Zeroizing<Vec<u8>>,
    /// The part of the buffer that was read and not passed.
    start: usize,
    end: usize,
    /// Where in the content `start` is.
    offset: u64,
    is_at_end: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R) -> Self {
        let buffer = Zeroizing::new(vec![0; BUFFER_SIZE_FIRST]);
        Self { reader, buffer, start: 0, end: 0, offset: 0, is_at_end: false }
    }

    /// Reads on until `count` bytes are at hand, at most [`FILL_MAX`], or all there are.
    pub(super) fn fill(&mut self, count: usize) -> io::Result<()> {
        let count = count.min(FILL_MAX);
        if self.bytes().len() >= count || self.is_at_end {
            return Ok(());
        }
        let kept = self.start.saturating_sub(BEHIND_SIZE);
        if self.end == self.buffer.len() && self.end < BUFFER_SIZE || count > self.room() {
            // A vector that grows would leave its old bytes behind.
            let mut larger = Zeroizing::new(vec![0; BUFFER_SIZE]);
            let held = self.buffer.get(kept..self.end).unwrap_or_default();
            if let Some(start) = larger.get_mut(..held.len()) {
                start.copy_from_slice(held);
            }
            self.buffer = larger;
        } else {
            self.buffer.copy_within(kept..self.end, 0);
        }
        self.start -= kept;
        self.end -= kept;
        while self.bytes().len() < count {
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(free) {
                Ok(0) => {
                    self.is_at_end = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many bytes the buffer can have at hand.
    fn room(&self) -> usize {
        self.buffer.len() - BEHIND_SIZE
    }

    /// What is at hand.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The same behind the bytes that were passed last, and how many those are: fewer than three
    /// only where the content begins.
    pub(super) fn view(&self) -> (&[u8], usize) {
        let behind = self.start.min(BEHIND_SIZE);
        (self.buffer.get(self.start - behind..self.end).unwrap_or_default(), behind)
    }

    /// Whether all that is left of the content is at hand.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// How many bytes at hand have `ahead` others behind them, or the end of the content.
    pub(super) fn settled(&self, ahead: usize) -> usize {
        let length = self.bytes().len();
        if self.is_at_end { length } else { length.saturating_sub(ahead) }
    }

    /// Goes on by `count` of the bytes at hand.
    pub(super) fn pass(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Where in the content the bytes at hand begin.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }
}
