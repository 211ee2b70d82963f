//! Removes from a source what a snapshot holds of it, once it was read back and compared.

use std::io::Read as _;
use std::path::PathBuf;

use super::add::{LeftOut, walk};
use super::{Chunks, Item, ItemType, Items, SnapshotInfo, State, Vault, list};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{Entry, FileType, ItemPath, Walk};
use crate::progress::{Phase, Progress};

/// What was removed from a source.
#[derive(Debug, Default)]
pub struct Removed {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What stays, and why; folders apart, which stay when something in them does.
    pub kept: Vec<LeftOut>,
}

/// Removes every file and link at `paths` that is byte for byte what the snapshot gives back, then
/// the folders that are empty by that. Nothing of the snapshot is believed unread: the vault's store
/// should be one that reads past the cache.
///
/// Removed means that the names are gone: a drive, a cloud or a trash may keep the bytes.
///
/// # Errors
/// When the source or the snapshot cannot be read at all; `NotPermitted` for a role that reads no
/// content.
pub fn remove_source(
    vault: &Vault,
    info: &SnapshotInfo,
    paths: &[PathBuf],
    exclude: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Removed> {
    vault.refuse_unread()?;
    let mut walk = walk(paths, exclude)?;
    progress.phase(Phase::Checking, Some(walk.totals().bytes));
    let mut stored = Stored { items: list(vault, info, &[]), ahead: None };
    let mut removed = Removed::default();
    let mut folders = Vec::new();
    while let Some(entry) = walk.next() {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(unread) => {
                removed.keep(unread.path, unread.error.to_string());
                continue;
            }
        };
        if entry.file_type == FileType::Folder {
            folders.push(entry);
            continue;
        }
        let is_same = stored.find(&entry.path).and_then(|item| match item {
            Some(item) => is_same(&mut stored.items.chunks, &item, &mut walk, &mut entry, progress),
            None => Ok(false),
        });
        let outcome = match is_same {
            Ok(true) => walk.remove(&entry),
            Ok(false) => Err(Error::new(ErrorKind::Refused, "it is not what the vault holds")),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                removed.files += u64::from(entry.file_type == FileType::File);
                removed.bytes += entry.length;
            }
            Err(error) => removed.keep(Some(entry.path), error.to_string()),
        }
    }
    // The innermost first. One that is not empty keeps something that was told.
    for folder in folders.iter().rev() {
        drop(walk.remove(folder));
    }
    walk.remove_roots();
    Ok(removed)
}

impl Removed {
    fn keep(&mut self, path: Option<ItemPath>, reason: String) {
        self.kept.push(LeftOut { path, reason });
    }
}

/// The items of a snapshot, looked up in the order of their paths.
struct Stored<'v> {
    items: Items<'v>,
    ahead: Option<Item>,
}

impl Stored<'_> {
    fn find(&mut self, path: &ItemPath) -> Result<Option<Item>> {
        loop {
            let next = match self.ahead.take() {
                Some(item) => Some(item),
                None => self.items.next_item()?,
            };
            match next {
                Some(item) if item.path < *path => {}
                Some(item) if item.path == *path => return Ok(Some(item)),
                later => {
                    self.ahead = later;
                    return Ok(None);
                }
            }
        }
    }
}

fn is_same(
    chunks: &mut Chunks<'_>,
    item: &Item,
    walk: &mut Walk,
    entry: &mut Entry,
    progress: &dyn Progress,
) -> Result<bool> {
    match (item.facts.item_type, entry.file_type) {
        (ItemType::Link, FileType::Link) => return Ok(item.facts.link == entry.link),
        (ItemType::File, FileType::File) if item.facts.state == State::Present => {}
        _ => return Ok(false),
    }
    if entry.missing.is_some() || item.facts.length != entry.length {
        return Ok(false);
    }
    let mut file = walk.open(entry)?;
    let reading = |error| Error::io("reading", error);
    let mut is_same = true;
    let mut theirs = Vec::new();
    chunks.for_each(&item.facts.content, &mut |ours| {
        theirs.clear();
        (&mut file).take(ours.len() as u64).read_to_end(&mut theirs).map_err(reading)?;
        is_same &= ours == theirs;
        progress.bytes(ours.len() as u64);
        Ok(())
    })?;
    let at_end = file.read(&mut [0; 1]).map_err(reading)? == 0;
    Ok(is_same && at_end)
}
