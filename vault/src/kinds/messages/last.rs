//! The last bytes of a message, which say whether it was cut off.

use super::header::{self, HeaderFields};
use crate::kinds::bytes::{holds, tail};

/// How much of a message is kept, in bytes: what stands behind its parts is short.
const LAST_SIZE: usize = 4096;

/// What was seen last of a message.
#[derive(Default)]
pub(super) struct Last(Vec<u8>);

impl Last {
    /// Goes on by these bytes of the message.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(tail(bytes, bytes.len().saturating_sub(LAST_SIZE)));
        if self.0.len() > 2 * LAST_SIZE {
            self.0.drain(..self.0.len() - LAST_SIZE);
        }
    }

    /// Forgets what came.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the message ends with a line end, as each of a mailbox does.
    pub(super) fn ends_line(&self) -> bool {
        self.0.ends_with(b"\n")
    }

    /// Whether a message with this header has the line that closes its parts, or has no parts.
    pub(super) fn closes(&self, header: &[u8]) -> bool {
        let word = header::word(HeaderFields::new(header).value("Content-Type"));
        let word = word.filter(|word| word.ctype().eq_ignore_ascii_case("multipart"));
        let boundary = word.as_ref().and_then(|word| word.attribute("boundary"));
        let boundary = boundary.filter(|boundary| !boundary.is_empty());
        boundary.is_none_or(|boundary| holds(&self.0, format!("--{boundary}--").as_bytes()))
    }
}
