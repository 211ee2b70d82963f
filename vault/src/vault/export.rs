//! `export`: a snapshot as a tar archive, the way out for every other program.

use std::io::Write;

use super::extract::{Lost, attributes};
use super::{Item, ItemType, Items, SnapshotInfo, State, Vault, list};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ItemPath, TarWriter};
use crate::keys::Compartment;
use crate::progress::Progress;

/// The longest content that is read whole before its header is written, so that an item that is
/// lost is left out of the archive.
const WHOLE_MAX: u64 = 8 << 20;

/// What went into an archive.
#[derive(Debug, Default)]
pub struct Exported {
    /// Files, folders and links.
    pub items: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Items among them that are sealed in the vault, and in the archive are not.
    pub sealed: u64,
    /// What the vault has lost; not in the archive.
    pub lost: Vec<Lost>,
    /// Items that the source had not given; not in the archive.
    pub absent: Vec<ItemPath>,
    /// Sealed items that this key does not open; not in the archive.
    pub locked: u64,
}

/// Writes all items of a snapshot as a tar archive to `to`.
///
/// # Errors
/// When nothing can be written, and when the content of a long file breaks off: its header then
/// stands in the archive already. `NotPermitted` for a role that reads no content.
pub fn export(
    vault: &Vault,
    info: &SnapshotInfo,
    to: impl Write,
    progress: &dyn Progress,
) -> Result<Exported> {
    vault.refuse_unread()?;
    let mut items = list(vault, info, &[]);
    let mut done = Exported { locked: items.locked.0, ..Exported::default() };
    let mut archive = TarWriter::new(to);
    loop {
        match items.next_item() {
            Ok(None) => break,
            Ok(Some(item)) => write_item(&mut archive, &mut items, item, progress, &mut done)?,
            Err(error) => done.lost.push(Lost { path: None, error }),
        }
    }
    archive.finish().map_err(|error| Error::io("writing the archive", error))?;
    Ok(done)
}

fn write_item(
    archive: &mut TarWriter<impl Write>,
    items: &mut Items<'_>,
    item: Item,
    progress: &dyn Progress,
    done: &mut Exported,
) -> Result<()> {
    let writing = |error| Error::io("writing the archive", error);
    let path = &item.path;
    if item.facts.state != State::Present {
        done.absent.push(item.path);
        return Ok(());
    }
    let attributes = attributes(&mut items.chunks, &item, &mut done.lost);
    match item.facts.item_type {
        ItemType::Folder => archive.folder(path, &attributes).map_err(writing)?,
        ItemType::Link => {
            let points_to = item.facts.link.as_deref().unwrap_or_default();
            archive.link(path, points_to, &attributes).map_err(writing)?;
        }
        ItemType::File => {
            let (content, length) = (&item.facts.content, item.facts.length);
            let mut whole = Vec::new();
            if length <= WHOLE_MAX {
                let read = items.chunks.for_each(content, &mut |bytes| {
                    whole.extend_from_slice(bytes);
                    Ok(())
                });
                if let Err(error) = read {
                    done.lost.push(Lost { path: Some(item.path), error });
                    return Ok(());
                }
            }
            archive.file(path, length, &attributes, |to| {
                let write = &mut |bytes: &[u8]| {
                    progress.bytes(bytes.len() as u64);
                    to.write_all(bytes).map_err(writing)
                };
                if length <= WHOLE_MAX {
                    return write(&whole);
                }
                items.chunks.for_each(content, write).map_err(|error| broken_off(error, path))
            })?;
            done.bytes = done.bytes.saturating_add(length);
            progress.item();
        }
    }
    done.items = done.items.saturating_add(1);
    done.sealed = done.sealed.saturating_add(u64::from(item.compartment == Compartment::Sealed));
    Ok(())
}

fn broken_off(error: Error, path: &ItemPath) -> Error {
    if !error.is_damage() {
        return error;
    }
    Error::new(ErrorKind::Damaged, "the content breaks off:")
        .on(path.to_string())
        .because(error.to_string())
        .hint("icvault extract gives back everything else")
}
