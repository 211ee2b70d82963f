//! Items out of the vault: into a folder, or as bytes.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;
use std::rc::Rc;

use super::{Chunks, Item, ItemType, SnapshotInfo, State, Vault, list};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{self, Attributes, Finished, ItemPath, Preview, Target, Unheld};
use crate::keys::Compartment;
use crate::progress::Progress;

/// What is written and where.
#[derive(Clone, Debug, Default)]
pub struct ExtractOptions {
    /// Items and all below them; empty for everything.
    pub only: Vec<ItemPath>,
    /// A folder below the target's root that everything goes into.
    pub below: Option<ItemPath>,
    /// Where given, all files go into one folder under names of their own.
    pub flat: Option<FlatNames>,
}

/// The names of files that lie in one folder, wherever they lay before. A name that some file
/// system takes for one that was given already gets a number before its extension: `a (2).jpg`.
/// Clones share the names.
#[derive(Clone, Debug, Default)]
pub struct FlatNames(Rc<RefCell<HashSet<Vec<u8>>>>);

impl FlatNames {
    fn give(&self, name: &[u8]) -> Vec<u8> {
        let mut given = self.0.borrow_mut();
        // What a leading dot begins is no extension.
        let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
        let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
        let mut number = 1_u64;
        let mut free = name.to_vec();
        while !given.insert(files::collision_key(&free)) {
            number = number.saturating_add(1);
            free = [stem, format!(" ({number})").as_bytes(), extension].concat();
        }
        free
    }
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
    /// Sealed items that this copy of the vault is without on purpose.
    pub left_out: u64,
    /// Items that were found at all.
    pub items: u64,
    /// Links that are not written where all files go into one folder: they would lead elsewhere.
    pub links_left_out: u64,
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
/// When the target is full, or nothing at all can be written there; `NotPermitted` for a role that
/// reads no content.
pub fn extract(
    vault: &Vault,
    info: &SnapshotInfo,
    target: &mut Target,
    options: &ExtractOptions,
    progress: &dyn Progress,
) -> Result<Extracted> {
    for_each_item(vault, info, options, &mut |chunks, item, path, done| {
        write_item(chunks, target, item, path, progress, done)
    })
}

/// Says what [`extract()`] would do, without reading content or writing anything.
pub fn preview(
    vault: &Vault,
    info: &SnapshotInfo,
    target: &mut Preview,
    options: &ExtractOptions,
) -> Result<Extracted> {
    for_each_item(vault, info, options, &mut |_, item, path, done| {
        preview_item(target, item, path, done)
    })
}

type EachItem<'a> = dyn FnMut(&mut Chunks<'_>, &Item, &ItemPath, &mut Extracted) -> Result<()> + 'a;

/// Calls `each` with what is asked for and where it goes, and takes note of what fails.
fn for_each_item(
    vault: &Vault,
    info: &SnapshotInfo,
    options: &ExtractOptions,
    each: &mut EachItem<'_>,
) -> Result<Extracted> {
    vault.refuse_unread()?;
    let mut done = Extracted::default();
    if options.only.is_empty() {
        for_each_in_range(vault, info, options, None, each, &mut done)?;
    }
    for path in &options.only {
        for_each_in_range(vault, info, options, Some(path), each, &mut done)?;
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

fn for_each_in_range(
    vault: &Vault,
    info: &SnapshotInfo,
    options: &ExtractOptions,
    only: Option<&ItemPath>,
    each: &mut EachItem<'_>,
    done: &mut Extracted,
) -> Result<()> {
    let mut items = list(vault, info, only.map_or(&[], ItemPath::key));
    done.locked = done.locked.max(items.locked.0);
    done.left_out = done.left_out.max(items.left_out);
    loop {
        let item = match items.next_item() {
            Ok(None) => return Ok(()),
            Ok(Some(item)) => item,
            Err(error) if error.kind() == ErrorKind::NotDownloaded => {
                done.refused.push(error);
                continue;
            }
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
        let result = place(options, &item, done).and_then(|path| match path {
            Some(path) => each(&mut items.chunks, &item, &path, done),
            None => Ok(()),
        });
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NoSpace => return Err(error),
            Err(error) if error.is_damage() => {
                done.lost.push(Lost { path: Some(item.path), error });
            }
            Err(error) => done.refused.push(error),
        }
    }
}

/// Where an item goes; none when it goes nowhere.
fn place(options: &ExtractOptions, item: &Item, done: &mut Extracted) -> Result<Option<ItemPath>> {
    if let Some(names) = &options.flat {
        return match item.facts.item_type {
            ItemType::File => ItemPath::new(&names.give(item.path.name())).map(Some),
            ItemType::Folder => Ok(None),
            ItemType::Link => {
                done.links_left_out = done.links_left_out.saturating_add(1);
                Ok(None)
            }
        };
    }
    match &options.below {
        None => Ok(Some(item.path.clone())),
        Some(below) => {
            let mut names = item.path.components();
            names.try_fold(below.clone(), |path, name| path.join(name)).map(Some)
        }
    }
}

fn preview_item(
    target: &mut Preview,
    item: &Item,
    path: &ItemPath,
    done: &mut Extracted,
) -> Result<()> {
    let attributes = Attributes {
        mtime: item.whereabouts.as_ref().map(|whereabouts| whereabouts.mtime),
        length: Some(item.facts.length),
        ..Attributes::default()
    };
    let points_to = match item.facts.item_type {
        ItemType::Folder => {
            target.folder(path)?;
            done.folders = done.folders.saturating_add(1);
            return Ok(());
        }
        ItemType::File if item.facts.state != State::Present => {
            done.absent.push(item.path.clone());
            return Ok(());
        }
        ItemType::File => None,
        ItemType::Link => Some(item.facts.link.as_deref().unwrap_or_default()),
    };
    let is_written = target.leaf(path, &attributes, points_to)?;
    match (is_written, points_to) {
        (false, _) => done.kept = done.kept.saturating_add(1),
        (true, None) => {
            done.files = done.files.saturating_add(1);
            done.bytes = done.bytes.saturating_add(item.facts.length);
        }
        (true, Some(points_to)) => {
            let outside = u64::from(leads_out(path, points_to));
            done.links = done.links.saturating_add(1);
            done.links_outside = done.links_outside.saturating_add(outside);
        }
    }
    Ok(())
}

fn write_item(
    chunks: &mut Chunks<'_>,
    target: &mut Target,
    item: &Item,
    path: &ItemPath,
    progress: &dyn Progress,
    done: &mut Extracted,
) -> Result<()> {
    let attributes = attributes(chunks, item, &mut done.lost);
    match item.facts.item_type {
        ItemType::Folder => {
            target.folder(path, &attributes)?;
            done.folders = done.folders.saturating_add(1);
        }
        ItemType::Link => {
            let points_to = item.facts.link.as_deref().unwrap_or_default();
            if target.link(path, points_to, &attributes)? {
                done.links = done.links.saturating_add(1);
                done.links_outside =
                    done.links_outside.saturating_add(u64::from(leads_out(path, points_to)));
            } else {
                done.kept = done.kept.saturating_add(1);
            }
        }
        ItemType::File if item.facts.state != State::Present => done.absent.push(item.path.clone()),
        ItemType::File => {
            let Some(mut file) = target.file(path, &attributes)? else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_in_one_folder_get_numbers() {
        let names = FlatNames::default();
        let give = |name: &str| String::from_utf8(names.give(name.as_bytes())).unwrap();
        let given = ["a.jpg", "a.jpg", "A.JPG", "a (2).jpg", "a", "a", ".a", ".a", "b.tar.gz"];
        let given = given.map(give);
        let expected = [
            "a.jpg",
            "a (2).jpg",
            "A (3).JPG",
            "a (2) (2).jpg",
            "a",
            "a (2)",
            ".a",
            ".a (2)",
            "b.tar.gz",
        ];
        assert_eq!(given, expected);
    }
}
