//! A chain of open folders from a root down. Each is opened by one name relative to its parent's
//! handle and never through a link, so no path is ever resolved by the system.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open, openat};
use rustix::io::Errno;

use super::{Time, number};

/// How many of the innermost handles stay open. A Mac gives a process 256 files, and a path of
/// 4096 bytes can be 2048 folders deep.
const OPEN_MAX: usize = 32;

/// Device and inode.
pub(super) type Identity = (u64, u64);

/// A handle of a folder that outlives the chain.
pub(super) type Handle = Arc<OwnedFd>;

/// Folders from a root down.
pub(super) struct Chain {
    root: Handle,
    levels: Vec<Level>,
}

struct Level {
    name: Box<[u8]>,
    identity: Identity,
    handle: Option<Handle>,
}

impl Chain {
    pub(super) fn new(root: Handle) -> Self {
        Self { root, levels: Vec::new() }
    }

    pub(super) fn root(&self) -> &Handle {
        &self.root
    }

    /// How many of `names` lead along the chain from its root.
    pub(super) fn common<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> usize {
        self.levels.iter().zip(names).take_while(|(level, name)| *level.name == **name).count()
    }

    pub(super) fn truncate(&mut self, depth: usize) {
        self.levels.truncate(depth);
    }

    pub(super) fn pop(&mut self) {
        self.levels.pop();
    }

    /// Goes down into a folder that [`open_folder`] opened below the last one.
    pub(super) fn push(&mut self, name: &[u8], (handle, identity): (Handle, Identity)) {
        self.levels.push(Level { name: name.into(), identity, handle: Some(handle) });
        let outside = self.levels.len().checked_sub(OPEN_MAX + 1);
        if let Some(level) = outside.and_then(|index| self.levels.get_mut(index)) {
            level.handle = None;
        }
    }

    /// The innermost folder. Handles that were given up are opened again, name by name; a folder
    /// that is another one by now is an error.
    pub(super) fn last(&mut self) -> io::Result<Handle> {
        let open = self.levels.iter().rposition(|level| level.handle.is_some());
        let mut last = open
            .and_then(|index| self.levels.get(index)?.handle.clone())
            .unwrap_or_else(|| Arc::clone(&self.root));
        let mut closed = self.levels.split_off(open.map_or(0, |index| index + 1)).into_iter();
        while let Some(level) = closed.next() {
            let again = open_folder(&last, &level.name).and_then(|opened| {
                if opened.1 == level.identity { Ok(opened) } else { Err(replaced()) }
            });
            match again {
                Ok(opened) => {
                    last = Arc::clone(&opened.0);
                    self.push(&level.name, opened);
                }
                Err(error) => {
                    self.levels.push(level);
                    self.levels.extend(closed);
                    return Err(error);
                }
            }
        }
        Ok(last)
    }
}

/// Opens one folder below `parent`; a link or a file in its place is an error.
pub(super) fn open_folder(parent: impl AsFd, name: &[u8]) -> io::Result<(Handle, Identity)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(parent, name, flags, Mode::empty())?;
    let identity = identity(&fstat(&handle)?);
    Ok((Arc::new(handle), identity))
}

/// Opens a folder the person named; links on the way are theirs and are followed.
pub(super) fn open_root(path: &Path) -> io::Result<(Handle, Stat)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = open(path, flags, Mode::empty())?;
    let stat = fstat(&handle)?;
    Ok((Arc::new(handle), stat))
}

/// Opens a file below `parent` for reading when it is still the regular file of that identity.
pub(super) fn open_file(parent: impl AsFd, name: &[u8], wanted: Identity) -> io::Result<File> {
    // Not waiting: a FIFO put in the file's place would hold the program for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let handle = match openat(parent.as_fd(), name, flags | quiet(), Mode::empty()) {
        // Only the owner may leave the time of access as it is.
        Err(Errno::PERM) => openat(parent, name, flags, Mode::empty()),
        other => other,
    }?;
    let stat = fstat(&handle)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || identity(&stat) != wanted {
        return Err(replaced());
    }
    Ok(File::from(handle))
}

pub(super) fn identity(stat: &Stat) -> Identity {
    (number(stat.st_dev), number(stat.st_ino))
}

pub(super) fn mtime(stat: &Stat) -> Time {
    (number(stat.st_mtime), number(stat.st_mtime_nsec))
}

/// When what `name` in `folder` is was made, if the file system tells.
#[cfg(target_os = "linux")]
pub(super) fn birth(folder: impl AsFd, name: &[u8], _: &Stat) -> Option<Time> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let stat = statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BTIME).ok()?;
    let is_told = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    is_told.then_some((stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec))
}

/// When what `name` in `folder` is was made, if the file system tells.
#[cfg(target_vendor = "apple")]
pub(super) fn birth(_: impl AsFd, _: &[u8], stat: &Stat) -> Option<Time> {
    Some((number(stat.st_birthtime), number(stat.st_birthtime_nsec)))
}

/// When what `name` in `folder` is was made, if the file system tells.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn birth(_: impl AsFd, _: &[u8], _: &Stat) -> Option<Time> {
    None
}

/// What is said when another thing has come into the place of one that was seen.
pub(super) fn replaced() -> io::Error {
    io::Error::other("it was replaced by another in the meantime")
}

#[cfg(target_os = "linux")]
fn quiet() -> OFlags {
    OFlags::NOATIME
}

#[cfg(not(target_os = "linux"))]
fn quiet() -> OFlags {
    OFlags::empty()
}
