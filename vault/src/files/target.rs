//! Writes a tree below one folder and nowhere else, whatever the paths and the folder say.
//!
//! - A name that [`refuse`] does not let pass is not written.
//! - Every folder is opened by its name alone, relative to its parent's handle and never through
//!   a link, so neither a link that was there nor one put there meanwhile leads outside.
//! - Links come last: nothing is written after the first of them exists but other links.
//! - Two names of one run that some file system takes for one are not both written.
//! - A file gets its name when it is whole and has its mode and time, and replaces nothing unless
//!   that was asked for.
//!
//! What is not promised: that a folder stays where it is. Who may move the target's own folders
//! elsewhere while they are written can have them there.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Seek as _, Write};
use std::ops::AddAssign;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawMode, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT,
    fchmod, fstat, futimens, mkdirat, openat, readlinkat, renameat, renameat_with, statat,
    symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::folders::{Chain, Handle, Identity, identity, mtime, open_folder, open_root, replaced};
use super::xattrs::{self, Xattrs};
use super::{ItemPath, Time, appledouble, collision_key, failed, number, refuse, refused, shown};
use crate::error::{Error, ErrorKind, Result};

/// The fewest zeros for which a hole is worth its while.
const HOLE_MIN: usize = 4096;

/// What happens to a file or link that is already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and writing there is refused.
    #[default]
    Never,
    /// It is replaced.
    Always,
    /// It is replaced unless it has the same length and time, or for a link the same target.
    IfChanged,
    /// It is replaced when what is written has a later time.
    IfNewer,
}

/// What is known of an item besides its path and content.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// The permission bits. Files never get setuid, setgid and sticky, folders never setuid:
    /// nobody but the person running this vouches for what the file holds.
    pub mode: Option<u32>,
    /// When its content was changed.
    pub mtime: Option<Time>,
    /// When it was made.
    pub birth: Option<Time>,
    /// Its extended attributes.
    pub xattrs: Xattrs,
    /// The length of a file, which [`Overwrite::IfChanged`] compares.
    pub length: Option<u64>,
    /// A sealed item: a file gets mode 0600 whatever `mode` says, and folders made for nothing
    /// else 0700.
    pub private: bool,
}

/// How many items lack what the file system could not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unheld {
    /// Items with another mode than asked for, as far as the file system tells.
    pub modes: u64,
    /// Items with another time of modification.
    pub mtimes: u64,
    /// Items with another time of birth.
    pub births: u64,
    /// Extended attributes.
    pub xattrs: u64,
}

/// What [`Target::finish`] could not do.
#[derive(Debug, Default)]
#[must_use]
pub struct Finished {
    /// Links that were not written and folders that could not be finished.
    pub failed: Vec<Error>,
    /// What the file system did not take of folders and links.
    pub unheld: Unheld,
}

impl AddAssign for Unheld {
    fn add_assign(&mut self, other: Self) {
        self.modes = self.modes.saturating_add(other.modes);
        self.mtimes = self.mtimes.saturating_add(other.mtimes);
        self.births = self.births.saturating_add(other.births);
        self.xattrs = self.xattrs.saturating_add(other.xattrs);
    }
}

/// A folder that a tree is written into. Paths come in any order; in the order of a walk each
/// folder is opened once. A folder may be declared again, before or after what is in it.
///
/// It holds some ten bytes and the name of every item, and for every folder its path.
#[must_use = "links, and modes and times of folders, are written by finish"]
pub struct Target {
    chain: Chain,
    /// Of each folder of the chain, the root apart.
    levels: Vec<Level>,
    overwrite: Overwrite,
    seen: Seen,
    folders: BTreeMap<Vec<u8>, Folder>,
    links: Vec<Link>,
    root: RootMode,
    temporaries: u64,
    appledouble: bool,
}

/// A file being written, under a temporary name. Dropping it removes it. All of them must be
/// finished before [`Target::finish`], lest a folder's time changes again.
pub struct TargetFile {
    folder: Handle,
    temporary: Option<String>,
    file: File,
    path: ItemPath,
    attributes: Attributes,
    replace: bool,
    appledouble: bool,
    /// The file ends in a hole, so that its length is still to be set.
    ends_in_hole: bool,
}

#[derive(Clone, Copy)]
struct Level {
    hash: u64,
    private: bool,
}

struct Folder {
    identity: Identity,
    /// By this run.
    made: bool,
    /// So far it is there for sealed items only.
    private: bool,
    attributes: Attributes,
}

struct Link {
    path: ItemPath,
    points_to: Vec<u8>,
    attributes: Attributes,
}

/// The target's own mode while only sealed items are written into it.
enum RootMode {
    /// It was there before, or holds ordinary items.
    Settled,
    /// It was made, with this mode, and is empty.
    Made(Mode),
    /// It was made, with this mode, and is 0700 now.
    Private(Mode),
}

impl Target {
    /// Writes below the folder at `path`, which is made unless it is there. A link there is the
    /// person's and is followed.
    pub fn create(path: &Path) -> Result<Self> {
        let failed = |error| failed("creating the folder", &path.display(), error);
        let is_there = fs::metadata(path).is_ok();
        fs::create_dir_all(path).map_err(failed)?;
        let (root, stat) = open_root(path).map_err(failed)?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        Ok(Self {
            chain: Chain::new(root),
            levels: Vec::new(),
            overwrite: Overwrite::Never,
            seen: Seen::default(),
            folders: BTreeMap::new(),
            links: Vec::new(),
            root: if is_there { RootMode::Settled } else { RootMode::Made(mode) },
            temporaries: 0,
            appledouble: false,
        })
    }

    /// Decides what happens to what is already there; [`Overwrite::Never`] otherwise.
    pub fn overwrite(mut self, overwrite: Overwrite) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Writes the extended attributes of files that the file system does not take into a file
    /// `._NAME` beside each, as a Mac does and reads again.
    pub fn appledouble(mut self, appledouble: bool) -> Self {
        self.appledouble = appledouble;
        self
    }

    /// Makes a folder, or takes the one that is there. Its mode and time are set by
    /// [`Self::finish`]; those of a folder that was there before stay with [`Overwrite::Never`].
    /// What an ordinary item says of a folder goes before what a sealed one says.
    pub fn folder(&mut self, path: &ItemPath, attributes: &Attributes) -> Result<()> {
        self.enter(Some(path), attributes.private)?;
        if let Some(folder) = self.folders.get_mut(path.key())
            && folder.private == attributes.private
        {
            folder.attributes = attributes.clone();
        }
        Ok(())
    }

    /// Begins a file; none when the one that is there stays by [`Overwrite`]'s rule. Folders on
    /// the way are made.
    pub fn file(&mut self, path: &ItemPath, attributes: &Attributes) -> Result<Option<TargetFile>> {
        let folder = self.leaf(path, attributes.private)?;
        let is_same = |stat: &Stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && attributes.length == Some(number(stat.st_size))
                && attributes.mtime == Some(mtime(stat))
        };
        if !self.may_write(&folder, path, attributes.mtime, is_same)? {
            return Ok(None);
        }
        // With a mode of its own it gets that at the end and is nobody else's until then;
        // without, the system decides.
        let is_open = attributes.mode.is_none() && !attributes.private;
        let mode = Mode::from_raw_mode(if is_open { 0o666 } else { 0o600 });
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let (temporary, file) = self
            .temporary(|name| openat(&folder, name, flags | OFlags::CLOEXEC, mode))
            .map_err(|error| failed("creating", path, error))?;
        Ok(Some(TargetFile {
            folder,
            temporary: Some(temporary),
            file: File::from(file),
            path: path.clone(),
            attributes: attributes.clone(),
            replace: self.overwrite != Overwrite::Never,
            appledouble: self.appledouble,
            ends_in_hole: false,
        }))
    }

    /// Notes a link for [`Self::finish`]; false when what is there stays by [`Overwrite`]'s rule.
    /// `points_to` is written as it is: it may lead anywhere, but nothing here follows it.
    pub fn link(
        &mut self,
        path: &ItemPath,
        points_to: &[u8],
        attributes: &Attributes,
    ) -> Result<bool> {
        if points_to.is_empty() || points_to.contains(&0) {
            return Err(refused("not a link that can be written:", path, "it points nowhere"));
        }
        let folder = self.leaf(path, attributes.private)?;
        let is_same = |_: &Stat| {
            let present = readlinkat(&folder, path.name(), Vec::new());
            present.is_ok_and(|present| present.to_bytes() == points_to)
        };
        let may_write = self.may_write(&folder, path, attributes.mtime, is_same)?;
        if may_write {
            self.links.push(Link {
                path: path.clone(),
                points_to: points_to.to_vec(),
                attributes: attributes.clone(),
            });
        }
        Ok(may_write)
    }

    /// Writes the links, then modes and times of folders, the deepest first, so that nothing
    /// changes them again.
    pub fn finish(mut self) -> Finished {
        let mut finished = Finished::default();
        for link in std::mem::take(&mut self.links) {
            match self.write_link(&link) {
                Ok(unheld) => finished.unheld += unheld,
                Err(error) => finished.failed.push(error),
            }
        }
        for (key, folder) in std::mem::take(&mut self.folders).into_iter().rev() {
            if !folder.made && self.overwrite == Overwrite::Never {
                continue;
            }
            let path = ItemPath(key);
            match self.finish_folder(&path, &folder) {
                Ok(unheld) => finished.unheld += unheld,
                Err(error) => finished.failed.push(failed("finishing the folder", &path, error)),
            }
        }
        finished
    }

    /// The open folder in which a file or link is to lie, whose name is taken by this.
    fn leaf(&mut self, path: &ItemPath, private: bool) -> Result<Handle> {
        let parent = path.parent();
        let folder = self.enter(parent.as_ref(), private)?;
        check_name(path, path.name())?;
        let above = self.levels.last().map_or(0, |level| level.hash);
        self.seen.take(above, path.name(), Taken::Leaf).map_err(|clash| clash.on(path))?;
        Ok(folder)
    }

    /// Opens a folder, the target's own for none, making what is missing on the way.
    fn enter(&mut self, path: Option<&ItemPath>, private: bool) -> Result<Handle> {
        self.settle_root(private)?;
        let names: Vec<&[u8]> = path.map_or_else(Vec::new, |path| path.components().collect());
        let common = self.chain.common(names.iter().copied());
        self.chain.truncate(common);
        self.levels.truncate(common);
        let mut key_length = names.iter().take(common).map(|name| name.len() + 1).sum::<usize>();
        for name in names.iter().skip(common) {
            key_length += name.len() + 1;
            let key = path.and_then(|path| path.key().get(..key_length - 1)).unwrap_or_default();
            self.descend(&ItemPath(key.to_vec()), name, private)?;
        }
        if !private {
            self.share(path);
        }
        self.chain.last().map_err(|error| match path {
            Some(path) => failed("opening the folder", path, error),
            None => failed("opening the folder", &"the target", error),
        })
    }

    fn descend(&mut self, path: &ItemPath, name: &[u8], private: bool) -> Result<()> {
        check_name(path, name)?;
        let above = self.levels.last().map_or(0, |level| level.hash);
        let hash = self.seen.take(above, name, Taken::Folder).map_err(|clash| clash.on(path))?;
        let known = self.folders.get(path.key()).map(|folder| (folder.identity, folder.private));
        let failed = |error: io::Error| failed("creating the folder", path, error);
        let parent = self.chain.last().map_err(failed)?;
        let made = match known {
            Some(_) => false,
            None => make_folder(&parent, name, private).map_err(failed)?,
        };
        let opened =
            open_folder(&parent, name).map_err(|error| match Errno::from_io_error(&error) {
                Some(Errno::NOTDIR | Errno::LOOP) => {
                    refused("not written:", path, "a link or a file is in the folder's place")
                }
                _ => failed(error),
            })?;
        if known.is_some_and(|(identity, _)| identity != opened.1) {
            return Err(failed(replaced()));
        }
        let private = known.map_or(private, |(_, private)| private);
        if known.is_none() {
            let attributes = Attributes::default();
            let folder = Folder { identity: opened.1, made, private, attributes };
            self.folders.insert(path.key().to_vec(), folder);
        }
        self.chain.push(name, opened);
        self.levels.push(Level { hash, private });
        Ok(())
    }

    /// The folders of the chain hold an ordinary item from now on.
    fn share(&mut self, path: Option<&ItemPath>) {
        let mut path = path.cloned();
        // Above an ordinary folder there are only ordinary ones.
        for level in self.levels.iter_mut().rev().take_while(|level| level.private) {
            level.private = false;
            if let Some(folder) = path.as_ref().and_then(|path| self.folders.get_mut(path.key())) {
                folder.private = false;
            }
            path = path.and_then(|path| path.parent());
        }
    }

    fn settle_root(&mut self, private: bool) -> Result<()> {
        let (mode, next) = match (&self.root, private) {
            (RootMode::Made(mode), true) => (Mode::RWXU, RootMode::Private(*mode)),
            (RootMode::Private(mode), false) => (*mode, RootMode::Settled),
            (RootMode::Made(_), false) => {
                self.root = RootMode::Settled;
                return Ok(());
            }
            (RootMode::Settled, _) | (RootMode::Private(_), true) => return Ok(()),
        };
        tolerated(fchmod(self.chain.root(), mode))
            .map_err(|error| failed("setting the mode of", &"the target", error))?;
        self.root = next;
        Ok(())
    }

    /// Whether a file or link may be put at `path`, by what is there now.
    fn may_write(
        &self,
        folder: &Handle,
        path: &ItemPath,
        time: Option<Time>,
        is_same: impl FnOnce(&Stat) -> bool,
    ) -> Result<bool> {
        let stat = match statat(folder, path.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(true),
            Err(error) => return Err(failed("looking at", path, error)),
        };
        if self.overwrite == Overwrite::Never {
            return Err(already_there(path));
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Symlink => {}
            _ => return Err(refused("not written:", path, "a folder or a device is in its place")),
        }
        Ok(match self.overwrite {
            Overwrite::Never | Overwrite::Always => true,
            Overwrite::IfChanged => !is_same(&stat),
            Overwrite::IfNewer => time.is_some_and(|time| time > mtime(&stat)),
        })
    }

    /// Makes something under a temporary name that nothing has.
    fn temporary<T>(
        &mut self,
        mut make: impl FnMut(&str) -> rustix::io::Result<T>,
    ) -> io::Result<(String, T)> {
        const ATTEMPTS: usize = 100;
        for _ in 0..ATTEMPTS {
            self.temporaries += 1;
            let name = format!(".icvault-{}-{}.tmp", std::process::id(), self.temporaries);
            match make(&name) {
                Ok(made) => return Ok((name, made)),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn write_link(&mut self, link: &Link) -> Result<Unheld> {
        let Link { path, attributes, .. } = link;
        let folder = self.enter(path.parent().as_ref(), attributes.private)?;
        let (temporary, ()) = self
            .temporary(|name| symlinkat(link.points_to.as_slice(), &folder, name))
            .map_err(|error| failed("creating the link", path, error))?;
        let is_kept = match attributes.mtime {
            None => Ok(true),
            Some(time) => tolerated(utimensat(
                &folder,
                &temporary,
                &timestamps(time),
                AtFlags::SYMLINK_NOFOLLOW,
            )),
        };
        let replace = self.overwrite != Overwrite::Never;
        let placed = place(&folder, &temporary, path.name(), replace);
        if placed.is_err() {
            discard(&folder, temporary.as_bytes());
        }
        placed.map_err(|error| not_placed(path, error))?;
        let is_kept = is_kept.map_err(|error| failed("setting the time of", path, error))?;
        Ok(Unheld {
            modes: 0,
            mtimes: u64::from(!is_kept),
            births: u64::from(attributes.birth.is_some()),
            xattrs: attributes.xattrs.len() as u64,
        })
    }

    fn finish_folder(&mut self, path: &ItemPath, folder: &Folder) -> io::Result<Unheld> {
        let names: Vec<&[u8]> = path.components().collect();
        let common = self.chain.common(names.iter().copied());
        self.chain.truncate(common);
        for name in names.iter().skip(common) {
            let opened = open_folder(self.chain.last()?, name)?;
            self.chain.push(name, opened);
        }
        let handle = self.chain.last()?;
        if identity(&fstat(&handle)?) != folder.identity {
            return Err(replaced());
        }
        let mode = match (folder.private, folder.made) {
            (true, true) => Some(0o700),
            // Made by the person, or by an earlier run that knew better.
            (true, false) => None,
            (false, _) => folder.attributes.mode.map(|mode| mode & 0o3777),
        };
        let (unheld, _) = set_attributes(&handle, &folder.attributes, mode, folder.private)?;
        Ok(unheld)
    }
}

impl TargetFile {
    /// Where it will lie.
    pub fn path(&self) -> &ItemPath {
        &self.path
    }

    /// Sets mode, times and extended attributes and gives the file its name. With
    /// [`Overwrite::Never`] nothing that has come there meanwhile is replaced.
    pub fn finish(mut self) -> Result<Unheld> {
        let Attributes { mode, private, .. } = self.attributes;
        let mode = if private { Some(0o600) } else { mode.map(|mode| mode & 0o777) };
        if self.ends_in_hole {
            let ended = self.file.stream_position().and_then(|length| self.file.set_len(length));
            ended.map_err(|error| failed("setting the length of", &self.path, error))?;
        }
        let (mut unheld, xattrs) = set_attributes(&self.file, &self.attributes, mode, private)
            .map_err(|error| failed("setting mode and times of", &self.path, error))?;
        if let Some(temporary) = &self.temporary {
            place(&self.folder, temporary, self.path.name(), self.replace)
                .map_err(|error| not_placed(&self.path, error))?;
            self.temporary = None;
        }
        if self.appledouble && !xattrs.is_empty() {
            let (file, held) = appledouble::encode(&xattrs);
            self.write_beside(&file)
                .map_err(|error| failed("writing the AppleDouble file of", &self.path, error))?;
            unheld.xattrs = unheld.xattrs.saturating_sub(held);
        }
        Ok(unheld)
    }

    /// Writes `._NAME` beside the file, unless something of that name is there.
    fn write_beside(&self, bytes: &[u8]) -> io::Result<()> {
        let name = [b"._", self.path.name()].concat();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = if self.attributes.private { 0o600 } else { 0o666 };
        let mode = Mode::from_raw_mode(mode);
        let handle = openat(&self.folder, name.as_slice(), flags | OFlags::CLOEXEC, mode)?;
        File::from(handle).write_all(bytes)
    }
}

impl Write for TargetFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What is nothing but zeros becomes a hole, as it may have been one.
        self.ends_in_hole = bytes.len() >= HOLE_MIN && bytes.iter().all(|&byte| byte == 0);
        if self.ends_in_hole {
            let length = i64::try_from(bytes.len()).map_err(io::Error::other)?;
            self.file.seek_relative(length)?;
            return Ok(bytes.len());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for TargetFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            discard(&self.folder, temporary.as_bytes());
        }
    }
}

/// The names taken in this run, found by what they collide on. Names lie in one buffer, so that a
/// folder of 300,000 files costs some megabytes.
#[derive(Default)]
pub(super) struct Seen {
    /// The seed is drawn anew for each run, so no vault can be made whose names fall together.
    hasher: RandomState,
    /// From the hash of a path's collision keys to where its record begins.
    found: HashMap<u64, usize>,
    /// Records: a byte for [`Taken`], the name, 0x00.
    records: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Leaf,
    Folder,
}

/// Why a name is not free.
pub(super) enum Clash {
    Twice,
    With(Vec<u8>),
}

impl Seen {
    /// Takes a name in the folder of hash `above`; the hash is the folder's, if it is one. A
    /// folder may be taken again.
    pub(super) fn take(&mut self, above: u64, name: &[u8], taken: Taken) -> Result<u64, Clash> {
        let key = collision_key(name);
        let hash = self.hasher.hash_one((above, &key));
        let Some(&start) = self.found.get(&hash) else {
            self.found.insert(hash, self.records.len());
            self.records.push(taken.tag());
            self.records.extend_from_slice(name);
            self.records.push(0);
            return Ok(hash);
        };
        let record = self.records.get(start..).and_then(<[u8]>::split_first);
        let Some((&tag, rest)) = record else { return Ok(hash) };
        let other = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        if other == name {
            let is_same = tag == Taken::Folder.tag() && taken == Taken::Folder;
            return if is_same { Ok(hash) } else { Err(Clash::Twice) };
        }
        // Else two hashes are the same by accident.
        if collision_key(other) == key { Err(Clash::With(other.to_vec())) } else { Ok(hash) }
    }
}

impl Taken {
    fn tag(self) -> u8 {
        match self {
            Self::Leaf => b'f',
            Self::Folder => b'd',
        }
    }
}

impl Clash {
    pub(super) fn on(self, path: &ItemPath) -> Error {
        match self {
            Self::Twice => refused("not written:", path, "the run has another item of that path"),
            Self::With(other) => {
                let operation = "not written, as some file systems take it for another name:";
                Error::new(ErrorKind::Refused, operation)
                    .on(format!("{path} and {}", shown(&other)))
                    .hint("extract one of the two into another folder")
            }
        }
    }
}

pub(super) fn check_name(path: &ItemPath, name: &[u8]) -> Result<()> {
    refuse(name).map_or(Ok(()), |reason| Err(refused("not written:", path, reason)))
}

/// Whether the folder was made, and not there before.
fn make_folder(parent: &Handle, name: &[u8], private: bool) -> io::Result<bool> {
    let mode = Mode::from_raw_mode(if private { 0o700 } else { 0o777 });
    match mkdirat(parent, name, mode) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives what lies under a temporary name its own.
fn place(folder: &Handle, temporary: &str, name: &[u8], replace: bool) -> io::Result<()> {
    if replace {
        return Ok(renameat(folder, temporary, folder, name)?);
    }
    match renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE) {
        Err(error) if is_unable(error) => place_slowly(folder, temporary, name),
        outcome => Ok(outcome?),
    }
}

/// For file systems that cannot rename without replacing: the name is taken by an empty file of
/// our own, and that is replaced.
fn place_slowly(folder: &Handle, temporary: &str, name: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    drop(openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    renameat(folder, temporary, folder, name).map_err(|error| {
        discard(folder, name);
        error.into()
    })
}

/// Removes a file of our own after a failure, of which the person hears anyway.
fn discard(folder: &Handle, name: &[u8]) {
    let _ = unlinkat(folder, name, AtFlags::empty());
}

fn not_placed(path: &ItemPath, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => already_there(path),
        _ => failed("naming", path, error),
    }
}

pub(super) fn already_there(path: &ItemPath) -> Error {
    Error::new(ErrorKind::Refused, "already there:")
        .on(path.to_string())
        .hint("choose an empty folder, or say what may be overwritten")
}

/// Sets what is asked for; tells what the file system did not take, and which extended attributes.
fn set_attributes(
    handle: impl AsFd,
    attributes: &Attributes,
    mode: Option<u32>,
    private: bool,
) -> io::Result<(Unheld, Xattrs)> {
    // Extended attributes first: a mode may forbid them. Times last: everything changes them.
    let xattrs = xattrs::write(&handle, &attributes.xattrs, private)?;
    let mode = match mode {
        Some(mode) => tolerated(fchmod(&handle, Mode::from_raw_mode(number::<_, RawMode>(mode))))?,
        None => true,
    };
    let birth = match attributes.birth {
        Some(time) => set_birth(&handle, time)?,
        None => true,
    };
    let mtime = match attributes.mtime {
        Some(time) => tolerated(futimens(&handle, &timestamps(time)))?,
        None => true,
    };
    let unheld = Unheld {
        modes: u64::from(!mode),
        mtimes: u64::from(!mtime),
        births: u64::from(!birth),
        xattrs: xattrs.len() as u64,
    };
    Ok((unheld, xattrs))
}

/// HFS+ and APFS take a time of modification before the birth for the birth.
#[cfg(target_vendor = "apple")]
fn set_birth(handle: impl AsFd, time: Time) -> io::Result<bool> {
    tolerated(futimens(&handle, &timestamps(time)))
}

/// Nobody but the kernel sets a birth.
#[cfg(not(target_vendor = "apple"))]
fn set_birth(_: impl AsFd, _: Time) -> io::Result<bool> {
    Ok(false)
}

/// Whether it was done; a file system that cannot hold an attribute is no failure.
fn tolerated(outcome: rustix::io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error == Errno::PERM || error == Errno::OVERFLOW || is_unable(error) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn is_unable(error: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP].contains(&error)
}

fn timestamps((seconds, nanos): Time) -> Timestamps {
    // Larger numbers are orders to the system: now, or not at all.
    let nanos = nanos.min(999_999_999);
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: nanos.into() },
    }
}

#[cfg(test)]
#[path = "tests/target.rs"]
mod tests;
