//! Items out of the vault: into a folder, or as bytes.

use std::io::Write;

use super::{Chunks, Item, ItemType, SnapshotInfo, State, Vault, list};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{Attributes, Finished, ItemPath, Target, Unheld};
use crate::keys::Compartment;
use crate::progress::Progress;

/// What is written and where.
#[derive(Clone, Debug, Default)]
pub struct ExtractOptions {
    /// Items and all below them; empty for everything.
    pub only: Vec<ItemPath>,
    /// A folder below the target's root that everything goes into.
    pub below: Option<ItemPath>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Extracted {
    /// Files written.
    pub files: u64,
    /// Folders made.
    pub folders: u64,
    /// Links to be made.
    pub links: u64,
    /// Links among them that lead out of the folder.
    pub links_outside: u64,
    /// Files that were there already and stayed.
    pub kept: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Names that are not written anywhere, and what could not be written.
    pub refused: Vec<Error>,
    /// What the vault has lost.
    pub lost: Vec<Lost>,
    /// Items that the source had not given: placeholders and unreadable files.
    pub absent: Vec<ItemPath>,
    /// What the target could not hold.
    pub unheld: Unheld,
    /// Sealed items that this key does not open.
    pub locked: u64,
    /// Items that were found at all.
    pub items: u64,
}

/// An item, or a part of a tree, that could not be read from the vault.
#[derive(Debug)]
pub struct Lost {
    /// The item; none for a part of a tree, whose names are lost with it.
    pub path: Option<ItemPath>,
    /// What is wrong.
    pub error: Error,
}

/// Writes the items of a snapshot below `target`, and goes on after whatever cannot be written.
///
/// # Errors
/// When the target is full, or nothing at all can be written there.
pub fn extract(
    vault: &Vault,
    info: &SnapshotInfo,
    target: &mut Target,
    options: &ExtractOptions,
    progress: &dyn Progress,
) -> Result<Extracted> {
    let mut done = Extracted::default();
    if options.only.is_empty() {
        extract_range(vault, info, target, options, None, progress, &mut done)?;
    }
    for path in &options.only {
        extract_range(vault, info, target, options, Some(path), progress, &mut done)?;
    }
    Ok(done)
}

impl Extracted {
    /// Adds what the end of the target told.
    pub fn finish(&mut self, finished: Finished) {
        self.refused.extend(finished.failed);
        self.unheld += finished.unheld;
    }
}

fn extract_range(
    vault: &Vault,
    info: &SnapshotInfo,
    target: &mut Target,
    options: &ExtractOptions,
    only: Option<&ItemPath>,
    progress: &dyn Progress,
    done: &mut Extracted,
) -> Result<()> {
    let mut items = list(vault, info, only.map_or(&[], ItemPath::key));
    done.locked = done.locked.max(items.locked.0);
    loop {
        let item = match items.next_item() {
            Ok(None) => return Ok(()),
            Ok(Some(item)) => item,
            Err(error) => {
                done.lost.push(Lost { path: None, error });
                continue;
            }
        };
        if let Some(only) = only
            && item.path != *only
            && !item.path.is_below(only)
        {
            // Names like `a.txt` lie between `a` and what is in it, so the range goes on until its
            // prefix is passed.
            if item.path.key().starts_with(only.key()) {
                continue;
            }
            return Ok(());
        }
        done.items = done.items.saturating_add(1);
        match write_item(&mut items.chunks, target, options, &item, progress, done) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NoSpace => return Err(error),
            Err(error) if error.is_damage() => {
                done.lost.push(Lost { path: Some(item.path), error });
            }
            Err(error) => done.refused.push(error),
        }
    }
}

fn write_item(
    chunks: &mut Chunks<'_>,
    target: &mut Target,
    options: &ExtractOptions,
    item: &Item,
    progress: &dyn Progress,
    done: &mut Extracted,
) -> Result<()> {
    let path = match &options.below {
        None => item.path.clone(),
        Some(below) => {
            item.path.components().try_fold(below.clone(), |path, name| path.join(name))?
        }
    };
    let attributes = attributes(chunks, item, &mut done.lost);
    match item.facts.item_type {
        ItemType::Folder => {
            target.folder(&path, &attributes)?;
            done.folders = done.folders.saturating_add(1);
        }
        ItemType::Link => {
            let points_to = item.facts.link.as_deref().unwrap_or_default();
            if target.link(&path, points_to, &attributes)? {
                done.links = done.links.saturating_add(1);
                done.links_outside =
                    done.links_outside.saturating_add(u64::from(leads_out(&path, points_to)));
            } else {
                done.kept = done.kept.saturating_add(1);
            }
        }
        ItemType::File if item.facts.state != State::Present => done.absent.push(item.path.clone()),
        ItemType::File => {
            let Some(mut file) = target.file(&path, &attributes)? else {
                done.kept = done.kept.saturating_add(1);
                return Ok(());
            };
            chunks.for_each(&item.facts.content, &mut |bytes| {
                progress.bytes(bytes.len() as u64);
                file.write_all(bytes).map_err(|error| {
                    not_of_the_vault(Error::io("writing", error)).on(path.to_string())
                })
            })?;
            done.unheld += file.finish().map_err(not_of_the_vault)?;
            done.files = done.files.saturating_add(1);
            done.bytes = done.bytes.saturating_add(item.facts.length);
            progress.item();
        }
    }
    Ok(())
}

/// What is known of an item besides its path and content. Extended attributes that are lost cost
/// nothing else.
pub(super) fn attributes(chunks: &mut Chunks<'_>, item: &Item, lost: &mut Vec<Lost>) -> Attributes {
    let whereabouts = item.whereabouts.as_ref();
    let halves = [Some(&item.facts.xattrs), whereabouts.map(|half| &half.xattrs)];
    let mut xattrs = Vec::new();
    for half in halves.into_iter().flatten() {
        match chunks.xattrs(half) {
            Ok(some) => xattrs.extend(some),
            Err(error) => {
                let error = error.hint("its extended attributes are lost, its content is not");
                lost.push(Lost { path: Some(item.path.clone()), error });
            }
        }
    }
    xattrs.sort_unstable();
    Attributes {
        mode: Some(item.facts.mode),
        mtime: whereabouts.map(|whereabouts| whereabouts.mtime),
        birth: whereabouts.and_then(|whereabouts| whereabouts.birth),
        xattrs,
        length: Some(item.facts.length),
        private: item.compartment == Compartment::Sealed,
    }
}

/// A file that is missing where something is written is no damage of the vault.
fn not_of_the_vault(error: Error) -> Error {
    if error.is_damage() {
        Error::new(ErrorKind::Failed, "writing").because(error.to_string())
    } else {
        error
    }
}

/// Whether a link at `path` leads out of the folder everything is written to.
fn leads_out(path: &ItemPath, points_to: &[u8]) -> bool {
    if points_to.first() == Some(&b'/') {
        return true;
    }
    let mut depth = path.components().count().saturating_sub(1);
    for name in points_to.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return true,
            },
            _ => depth = depth.saturating_add(1),
        }
    }
    false
}

/// Writes the content of one file to `out`.
///
/// # Errors
/// `NotFound` for a folder, a link, or an item whose content the source had not given.
pub fn cat(vault: &Vault, info: &SnapshotInfo, item: &Item, out: &mut dyn Write) -> Result<()> {
    if item.facts.item_type != ItemType::File || item.facts.state != State::Present {
        return Err(
            Error::new(ErrorKind::NotFound, "no content is stored for").on(item.path.to_string())
        );
    }
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    chunks.for_each(&item.facts.content, &mut |bytes| {
        out.write_all(bytes).map_err(|error| not_of_the_vault(Error::io("writing", error)))
    })
}
