//! The look behind the head of a file: into containers, and on through text.
//!
//! A container is sealed when any of its members would be. One that cannot be looked into to its
//! end, for whatever reason, is [`Blocked`].

use std::ops::ControlFlow;

use flate2::read::MultiGzDecoder;

use super::archive::{self, Container};
use super::content::{Blocked, Content, Result};
use super::{Kind, PROBE_SIZE, Recognised, armour, json, media, tar, text, zip};

/// How many containers lie one in the other: take-outs have up to three.
pub(super) const DEPTH_MAX: usize = 4;
/// How many bytes of a member say that it is a picture or a film, which most are.
const MEDIA_SIZE: usize = 4096;

/// What a file is whose first bytes are `head`. `depth` is how many containers deep may be looked.
pub(super) fn examine(head: &[u8], content: Content<'_>, depth: usize) -> Result<Recognised> {
    let Some(container) = archive::container(head) else { return behind(head, content) };
    if let Container::Closed(word) = container {
        return Err(Blocked(word));
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Blocked("too many containers, one in the other"));
    };
    let found = archive::recognise(head).unwrap_or(Recognised::plain(Kind::File));
    if found.sealed {
        return Ok(found);
    }
    let mut found = found;
    let mut take = |member: Content<'_>| {
        found.sealed |= self::member(member, depth)?.sealed;
        Ok(if found.sealed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    match container {
        Container::Zip => {
            let mut named = None;
            content.sought(head, |mut content| {
                zip::each(&mut content, &mut |name, member| {
                    named = named.or(archive::named(name));
                    match named {
                        Some(Recognised { sealed: true, .. }) => Ok(ControlFlow::Break(())),
                        _ => take(member),
                    }
                })
            })?;
            if let Some(named) = named {
                found = Recognised { sealed: found.sealed || named.sealed, ..named };
            }
        }
        Container::Tar => {
            content.rewound(head, |mut content| tar::each(&mut content, &mut take))?;
        }
        Container::Gzip => {
            let budget = content.budget();
            content.rewound(head, |mut content| {
                let mut unpacked = MultiGzDecoder::new(&mut content);
                take(Content::stream(&mut unpacked, budget)).map(drop)
            })?;
        }
        Container::Closed(_) => {}
    }
    Ok(found)
}

/// What a member of a container is; media are not read further than to tell that they are.
fn member(mut content: Content<'_>, depth: usize) -> Result<Recognised> {
    let mut head = Vec::new();
    content.fill(&mut head, MEDIA_SIZE)?;
    if let Some(found) = media::recognise(&head, content.length).filter(|found| found.dense) {
        return Ok(found);
    }
    content.fill(&mut head, PROBE_SIZE)?;
    let found = examine(&head, content, depth)?;
    found.doubt.map_or(Ok(found), |word| Err(Blocked(word)))
}

/// What is no container: text is read on, and a disk image has its magic number at its end.
fn behind(head: &[u8], mut content: Content<'_>) -> Result<Recognised> {
    let found = super::recognise(head, content.length);
    if found.sealed || found.dense || head.len() < PROBE_SIZE {
        return Ok(found);
    }
    // Of JSON the names count, wherever they stand; of other text markers, each for itself.
    if text::is_wide(head) || text::is_text(head) && json::begins(head) {
        let text = content.text(head)?;
        return Ok(super::judge(&text, content.length));
    }
    if text::is_text(head) {
        // A certificate is no more than the head may have said.
        let secret = content.pieces(head, |piece| armour::recognise(piece).filter(|s| s.sealed))?;
        return Ok(secret.map_or(found, |secret| found.with(secret)));
    }
    let last = if found.kind == Kind::File { content.last()? } else { None };
    if last.as_ref().is_some_and(archive::ends_disk_image) {
        return Err(Blocked("disk image"));
    }
    Ok(found)
}
