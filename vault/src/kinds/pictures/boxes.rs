//! The boxes that ISO media files (HEIC, MOV, MP4, M4A) are made of: a size, a name, content.
//!
//! A size of 1 says that the true one stands in 64 bits behind the name, 0 that the box goes on to
//! the end of what it is in.

use std::io;
use std::ops::Range;

use super::reach::Reach;
use crate::kinds::bytes::{number_big, tail};

/// Most boxes that are looked at in one; a film in fragments has thousands, its head first.
const BOXES_MAX: usize = 1024;
const HEAD_SIZE: usize = 16;

/// A box in content.
pub(super) struct Part {
    pub(super) name: [u8; 4],
    /// Where what it holds is.
    pub(super) content: Range<u64>,
}

/// The boxes that lie in a range one behind the other.
pub(super) fn parts(reach: &mut Reach<'_>, range: &Range<u64>) -> io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut at = range.start;
    while at < range.end && parts.len() < BOXES_MAX {
        let head = reach.read(at, HEAD_SIZE)?;
        let Some((name, head_size, size)) = head_of(&head) else { break };
        let size = size.unwrap_or(range.end.saturating_sub(at));
        let whole = reach.range(at, size);
        parts.push(Part { name, content: at.saturating_add(head_size)..whole.end.min(range.end) });
        at = at.saturating_add(size);
    }
    Ok(parts)
}

/// Where the first box of this name in a range is, without its head.
pub(super) fn find(
    reach: &mut Reach<'_>,
    range: &Range<u64>,
    name: &[u8; 4],
) -> io::Result<Option<Range<u64>>> {
    let found = parts(reach, range)?.into_iter().find(|part| part.name == *name);
    Ok(found.map(|part| part.content))
}

/// The boxes in memory, one behind the other: their names and what they hold.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (name, head_size, size) = head_of(rest)?;
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(rest.len());
        let (whole, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        rest = after;
        Some((name, tail(whole, usize::try_from(head_size).ok()?)))
    })
    .take(BOXES_MAX)
}

/// What the first box of this name holds; nothing if there is none.
pub(super) fn first<'a>(bytes: &'a [u8], name: &[u8; 4]) -> &'a [u8] {
    boxes(bytes).find(|(found, _)| found == name).map_or(&[], |(_, content)| content)
}

/// Name, size of the head, and size of the whole, none for a box that goes on to the end.
fn head_of(head: &[u8]) -> Option<([u8; 4], u64, Option<u64>)> {
    let name = *tail(head, 4).first_chunk()?;
    match number_big(head, 0, 4)? {
        0 => Some((name, 8, None)),
        1 => {
            let size = number_big(head, 8, 8)?;
            (size >= 16).then_some((name, 16, Some(size)))
        }
        size => (size >= 8).then_some((name, 8, Some(size))),
    }
}
