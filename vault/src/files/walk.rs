//! Reads a source: every item below one or more roots, in the order of their paths.
//!
//! A root may be a link, which is followed because the person named it; below it none is. What
//! cannot be read is told as an item of its own and the walk goes on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use rustix::fs::{AtFlags, Dir, Mode, Stat, readlinkat, statat, unlinkat};

use super::folders::{
    Chain, Handle, Identity, birth, identity, mtime, open_file, open_folder, open_root, replaced,
};
use super::placeholder::{DATALESS, HOLLOW, STUB, Stub, is_dataless, is_hollow, stub};
use super::xattrs::{self, Xattrs};
use super::{Globs, ItemPath, Time, collision_key, failed, number, refused};
use crate::error::{Error, ErrorKind, Result};
use crate::format::XATTRS_MAX;

/// What an item of a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device; there is nothing to read in it.
    Special,
}

/// An item of a source, as it was when the walk came by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Where it lies below the walk's root.
    pub path: ItemPath,
    /// What it is.
    pub file_type: FileType,
    /// The length of a file in bytes; zero for everything else.
    pub length: u64,
    /// The permission bits, 0o7777.
    pub mode: u32,
    /// When its content was changed.
    pub mtime: Time,
    /// When it was made, if the file system tells.
    pub birth: Option<Time>,
    /// The file system it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Where a link points to.
    pub link: Option<Vec<u8>>,
    /// Why its content is not here, when it is a placeholder. Such an item is never opened.
    pub missing: Option<&'static str>,
    /// Its extended attributes, once it was opened or entered.
    pub xattrs: Xattrs,
    /// How many of them could not be read.
    pub xattrs_lost: u64,
    /// The blocks it takes on the medium.
    blocks: u64,
}

/// Something a walk could not read.
#[derive(Debug)]
pub struct Unread {
    /// The item, or the folder in which it could not even be named; none for the root itself.
    pub path: Option<ItemPath>,
    /// Why.
    pub error: Error,
}

/// What a walk will yield, counted beforehand. A source that changes makes it wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files, folders, links and special files.
    pub items: u64,
    /// The lengths of all files.
    pub bytes: u64,
}

/// Yields the items of a source in the order of their paths: siblings by the bytes of their names,
/// a folder before what is in it. It holds the names in the folders it is in and a few handles.
pub struct Walk {
    roots: Arc<[Root]>,
    next_root: usize,
    chain: Option<Chain>,
    frames: Vec<Frame>,
    /// The folder yielded last, which is not open yet.
    pending: Option<Pending>,
    /// What is told next: the folder yielded last could not be entered.
    failed: Option<Unread>,
    excluded: Vec<Identity>,
    /// What is left out by its name or path.
    left_out: Globs,
    opener: Opener,
}

/// Finds what a walk yielded again, wherever the walk is by now.
struct Opener {
    roots: Arc<[Root]>,
    at: Option<(usize, Chain)>,
}

struct Root {
    /// The path of the root itself; none when its inside is the source.
    prefix: Option<ItemPath>,
    /// Without links.
    place: PathBuf,
    is_folder: bool,
    identity: Identity,
}

struct Frame {
    path: Option<ItemPath>,
    names: vec::IntoIter<Vec<u8>>,
    /// Names among them for which there is a stub only.
    stubs: BTreeMap<Vec<u8>, Stub>,
}

enum Pending {
    Root(ItemPath, Handle),
    Below(ItemPath, Identity),
}

impl Walk {
    /// Walks the inside of a folder; a single file is walked under its base name.
    pub fn new(root: &Path) -> Result<Self> {
        let mut root = Root::find(root)?;
        if root.is_folder {
            root.prefix = None;
        }
        Ok(Self::over([root].into()))
    }

    /// Walks several folders and files, each under its base name. Names that some file system
    /// takes for one are refused, for then the source could not be written there again.
    pub fn several<P: AsRef<Path>>(paths: &[P]) -> Result<Self> {
        let mut roots =
            paths.iter().map(|path| Root::find(path.as_ref())).collect::<Result<Vec<_>>>()?;
        let key = |root: &Root| root.prefix.as_ref().map(|prefix| collision_key(prefix.name()));
        roots.sort_by_cached_key(key);
        if let Some(root) = roots.iter().find(|root| root.prefix.is_none()) {
            let path = root.place.display();
            return Err(refused("not walked beside others:", &path, "it has no name"));
        }
        for (one, other) in roots.iter().zip(roots.iter().skip(1)) {
            if key(one) == key(other) {
                return Err(Error::new(ErrorKind::Refused, "two paths have the same name:")
                    .on(format!("{} and {}", one.place.display(), other.place.display()))
                    .hint("rename one of them, or add them one by one"));
            }
        }
        roots.sort_by(|one, other| one.prefix.cmp(&other.prefix));
        Ok(Self::over(roots.into()))
    }

    fn over(roots: Arc<[Root]>) -> Self {
        Self {
            roots: Arc::clone(&roots),
            next_root: 0,
            chain: None,
            frames: Vec::new(),
            pending: None,
            failed: None,
            excluded: Vec::new(),
            left_out: Globs::default(),
            opener: Opener { roots, at: None },
        }
    }

    /// Passes over the item of this device and inode and what is in it: the vault itself, when it
    /// lies in the source.
    pub fn exclude(&mut self, device: u64, inode: u64) {
        self.excluded.push((device, inode));
    }

    /// Passes over what these fit and what is in it; a root that the person named is walked.
    pub fn leave_out(&mut self, globs: &Globs) {
        self.left_out = globs.clone();
    }

    /// Goes into the folder that was yielded last, reads its extended attributes and gives the
    /// names in it, in order. None when that fails: the walk then tells why and goes on.
    pub fn enter_folder(&mut self, entry: &mut Entry) -> Option<&[Vec<u8>]> {
        let pending = self.pending.take()?;
        if let Err(unread) = self.enter(pending) {
            self.failed = Some(unread);
        }
        let frame = self.frames.last().filter(|frame| frame.path.as_ref() == Some(&entry.path))?;
        if let Ok(folder) = self.chain.as_mut()?.last() {
            entry.read_xattrs(&folder);
        }
        Some(frame.names.as_slice())
    }

    /// Opens a file this walk yielded, when it is still the same regular file, and reads its
    /// extended attributes. One that turns out to be a placeholder is marked as [`Entry::missing`].
    pub fn open(&mut self, entry: &mut Entry) -> Result<File> {
        let file = self.opener.open(entry)?;
        if is_hollow(&file, entry.length, entry.blocks) {
            entry.missing = Some(HOLLOW);
        }
        entry.read_xattrs(&file);
        Ok(file)
    }

    /// Removes a file or link this walk yielded, when it is still the one that was yielded, or a
    /// folder that is empty.
    pub fn remove(&mut self, entry: &Entry) -> Result<()> {
        self.opener.remove(entry).map_err(|error| failed("removing", &entry.path, error))
    }

    /// Removes the folders whose insides were walked, those that are empty by now.
    pub fn remove_roots(&self) {
        for root in self.roots.iter().filter(|root| root.is_folder && root.prefix.is_none()) {
            drop(fs::remove_dir(&root.place));
        }
    }

    /// Where in the file system an item is, for what can be opened by its path only.
    pub fn place_of(&self, path: &ItemPath) -> Option<PathBuf> {
        self.roots.iter().find_map(|root| {
            let below = match &root.prefix {
                None => path.key(),
                Some(prefix) if prefix == path => b"",
                Some(prefix) if path.is_below(prefix) => {
                    path.key().get(prefix.key().len() + 1..)?
                }
                Some(_) => return None,
            };
            let names = below.split(|&byte| byte == 0).filter(|name| !name.is_empty());
            Some(names.fold(root.place.clone(), |place, name| place.join(OsStr::from_bytes(name))))
        })
    }

    /// Goes through the whole source once, from its beginning, and counts.
    pub fn totals(&self) -> Totals {
        let mut walk = Self::over(Arc::clone(&self.roots));
        walk.excluded.clone_from(&self.excluded);
        walk.left_out = self.left_out.clone();
        walk.flatten().fold(Totals::default(), |sum, entry| Totals {
            items: sum.items + 1,
            bytes: sum.bytes.saturating_add(entry.length),
        })
    }

    /// Goes on to the next root: none when there is no more, `Some(None)` when it yields nothing
    /// itself.
    fn start(&mut self) -> Option<Option<Result<Entry, Unread>>> {
        let roots = Arc::clone(&self.roots);
        let root = roots.get(self.next_root)?;
        self.next_root += 1;
        if self.excluded.contains(&root.identity) {
            return Some(None);
        }
        Some(self.start_at(root).unwrap_or_else(|error| {
            let error = failed("reading", &root.place.display(), error);
            Some(Err(Unread { path: root.prefix.clone(), error }))
        }))
    }

    fn start_at(&mut self, root: &Root) -> io::Result<Option<Result<Entry, Unread>>> {
        let (handle, stat) = root.open()?;
        match &root.prefix {
            None => Ok(self.enter_root(None, &handle).err().map(Err)),
            Some(prefix) if root.is_folder => {
                let birth = birth(&handle, b".", &stat);
                self.pending = Some(Pending::Root(prefix.clone(), handle));
                Ok(Some(Ok(Entry { birth, ..Entry::new(prefix.clone(), &stat, None) })))
            }
            Some(prefix) => {
                let stat = statat(&handle, root.name(), AtFlags::SYMLINK_NOFOLLOW)?;
                if identity(&stat) != root.identity {
                    return Err(replaced());
                }
                let birth = birth(&handle, root.name(), &stat);
                Ok(Some(Ok(Entry { birth, ..Entry::new(prefix.clone(), &stat, None) })))
            }
        }
    }

    fn enter(&mut self, pending: Pending) -> Result<(), Unread> {
        let (path, wanted) = match pending {
            Pending::Root(path, handle) => return self.enter_root(Some(path), &handle),
            Pending::Below(path, wanted) => (path, wanted),
        };
        let Some(chain) = &mut self.chain else { return Ok(()) };
        let opened = chain.last().and_then(|parent| open_folder(parent, path.name()));
        match opened {
            Ok((handle, identity)) if identity == wanted => {
                chain.push(path.name(), (Arc::clone(&handle), identity));
                self.list(Some(path), &handle)
            }
            Ok(_) => Err(Unread::new(path, replaced())),
            Err(error) => Err(Unread::new(path, error)),
        }
    }

    fn enter_root(&mut self, path: Option<ItemPath>, handle: &Handle) -> Result<(), Unread> {
        self.chain = Some(Chain::new(Arc::clone(handle)));
        self.list(path, handle)
    }

    /// Reads the names in the folder just entered. After an error those that were read are walked.
    fn list(&mut self, path: Option<ItemPath>, handle: &Handle) -> Result<(), Unread> {
        let mut names = Vec::new();
        let outcome = read_names(handle, &mut names);
        names.sort_unstable();
        let stubs = take_stubs(handle, &mut names);
        self.frames.push(Frame { path: path.clone(), names: names.into_iter(), stubs });
        outcome.map_err(|source| {
            let shown = path.as_ref().map_or_else(|| "the source".to_owned(), ItemPath::to_string);
            Unread { path, error: failed("reading the folder", &shown, source) }
        })
    }

    /// The next name in the innermost folder that is not left out; none when there is no more.
    fn visit(&mut self) -> Option<Result<Entry, Unread>> {
        loop {
            let frame = self.frames.last_mut()?;
            let Some(name) = frame.names.next() else {
                self.frames.pop();
                if let Some(chain) = &mut self.chain {
                    chain.pop();
                }
                continue;
            };
            let path = frame.path.as_ref().map_or_else(|| ItemPath::new(&name), |p| p.join(&name));
            let path = match path {
                Ok(path) => path,
                Err(error) => return Some(Err(Unread { path: frame.path.clone(), error })),
            };
            let stub = frame.stubs.remove(&name);
            if self.left_out.fit(&path) {
                continue;
            }
            let Some(chain) = &mut self.chain else { continue };
            match chain.last().and_then(|folder| Entry::read(&folder, &path, stub)) {
                Ok(entry) if self.excluded.contains(&entry.identity()) => {}
                Ok(entry) => {
                    if entry.file_type == FileType::Folder && entry.missing.is_none() {
                        self.pending = Some(Pending::Below(path, entry.identity()));
                    }
                    return Some(Ok(entry));
                }
                Err(error) => return Some(Err(Unread::new(path, error))),
            }
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(unread) = self.failed.take() {
                return Some(Err(unread));
            }
            if let Some(pending) = self.pending.take()
                && let Err(unread) = self.enter(pending)
            {
                return Some(Err(unread));
            }
            if let Some(item) = self.visit() {
                return Some(item);
            }
            if let Some(item) = self.start()? {
                return Some(item);
            }
        }
    }
}

impl Opener {
    /// Opens a file when it is still the same regular file. Files of one folder in a row are
    /// opened with one handle of it.
    fn open(&mut self, entry: &Entry) -> Result<File> {
        if entry.file_type != FileType::File {
            return Err(refused("opening", &entry.path, "it is not a file"));
        }
        self.open_at(entry).map_err(|error| failed("opening", &entry.path, error))
    }

    fn open_at(&mut self, entry: &Entry) -> io::Result<File> {
        let (folder, name) = self.place(entry)?;
        open_file(folder, &name, entry.identity())
    }

    fn remove(&mut self, entry: &Entry) -> io::Result<()> {
        let (folder, name) = self.place(entry)?;
        let stat = statat(&folder, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW)?;
        let is_folder = entry.file_type == FileType::Folder;
        // The time of a folder is another one once something in it was removed.
        if identity(&stat) != entry.identity() || !is_folder && mtime(&stat) != entry.mtime {
            return Err(replaced());
        }
        let flags = if is_folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        Ok(unlinkat(&folder, name.as_slice(), flags)?)
    }

    /// The folder an item lies in, opened name by name, and the item's name there.
    fn place(&mut self, entry: &Entry) -> io::Result<(Handle, Vec<u8>)> {
        let first = entry.path.components().next();
        let by_name = |root: &Root| root.prefix.as_ref().map(ItemPath::name).cmp(&first);
        let found = match &*self.roots {
            [Root { prefix: None, .. }] => Ok(0),
            roots => roots.binary_search_by(by_name),
        };
        let Some((index, root)) =
            found.ok().and_then(|index| Some((index, self.roots.get(index)?)))
        else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let is_root = root.prefix.as_ref() == Some(&entry.path);
        if is_root {
            let folder = root.place.parent().unwrap_or(&root.place);
            return Ok((open_root(folder)?.0, root.name().to_vec()));
        }
        let mut chain = match self.at.take() {
            Some((at, chain)) if at == index => chain,
            _ => Chain::new(root.open()?.0),
        };
        let folders = Self::folders(entry, root.prefix.is_some());
        let common = chain.common(folders.iter().copied());
        chain.truncate(common);
        let mut outcome = Ok(());
        for name in folders.iter().skip(common) {
            match chain.last().and_then(|parent| open_folder(parent, name)) {
                Ok(opened) => chain.push(name, opened),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        let folder = outcome.and_then(|()| chain.last());
        self.at = Some((index, chain));
        Ok((folder?, entry.path.name().to_vec()))
    }

    fn folders(entry: &Entry, has_prefix: bool) -> Vec<&[u8]> {
        let mut folders: Vec<_> = entry.path.components().skip(usize::from(has_prefix)).collect();
        folders.pop();
        folders
    }
}

impl Root {
    fn find(path: &Path) -> Result<Self> {
        let failed = |error| failed("reading", &path.display(), error);
        let place = fs::canonicalize(path).map_err(failed)?;
        let stat = rustix::fs::stat(&place).map_err(|error| failed(error.into()))?;
        // `.` and `..` have no name of their own; a link keeps the one it was given by.
        let name = path.file_name().or(place.file_name()).map(|name| name.as_encoded_bytes());
        let prefix = name.map(ItemPath::new).transpose()?;
        let is_folder = file_type(&stat) == FileType::Folder;
        Ok(Self {
            // Only `/` has none: its inside can be walked, but not beside other folders.
            prefix,
            place,
            is_folder,
            identity: identity(&stat),
        })
    }

    /// The folder, or the one the file lies in.
    fn open(&self) -> io::Result<(Handle, Stat)> {
        let folder = if self.is_folder { None } else { self.place.parent() };
        let (handle, stat) = open_root(folder.unwrap_or(&self.place))?;
        if self.is_folder && identity(&stat) != self.identity {
            return Err(replaced());
        }
        Ok((handle, stat))
    }

    fn name(&self) -> &[u8] {
        self.place.file_name().map_or(b"", |name| name.as_encoded_bytes())
    }
}

impl Entry {
    fn read(folder: &Handle, path: &ItemPath, stub: Option<Stub>) -> io::Result<Self> {
        if let Some(stub) = stub {
            let stat = statat(folder, stub.file.as_slice(), AtFlags::SYMLINK_NOFOLLOW)?;
            let (length, missing) = (stub.length, Some(STUB));
            return Ok(Self { length, missing, ..Self::new(path.clone(), &stat, None) });
        }
        let stat = statat(folder, path.name(), AtFlags::SYMLINK_NOFOLLOW)?;
        let link = match file_type(&stat) {
            FileType::Link => Some(readlinkat(folder, path.name(), Vec::new())?.into_bytes()),
            FileType::File | FileType::Folder | FileType::Special => None,
        };
        let birth = birth(folder, path.name(), &stat);
        Ok(Self { birth, ..Self::new(path.clone(), &stat, link) })
    }

    fn new(path: ItemPath, stat: &Stat, link: Option<Vec<u8>>) -> Self {
        let file_type = file_type(stat);
        Self {
            path,
            file_type,
            length: if file_type == FileType::File { number(stat.st_size) } else { 0 },
            mode: number::<_, u32>(Mode::from_raw_mode(stat.st_mode).bits()) & 0o7777,
            mtime: mtime(stat),
            birth: None,
            device: number(stat.st_dev),
            inode: number(stat.st_ino),
            link,
            missing: is_dataless(stat).then_some(DATALESS),
            xattrs: Xattrs::new(),
            xattrs_lost: 0,
            blocks: number(stat.st_blocks),
        }
    }

    /// A file of no content at `path`, for whoever knows more.
    pub(super) fn of_archive(path: ItemPath) -> Self {
        Self {
            path,
            file_type: FileType::File,
            length: 0,
            mode: 0,
            mtime: (0, 0),
            birth: None,
            device: 0,
            inode: 0,
            link: None,
            missing: None,
            xattrs: Xattrs::new(),
            xattrs_lost: 0,
            blocks: 0,
        }
    }

    fn read_xattrs(&mut self, handle: impl AsFd) {
        (self.xattrs, self.xattrs_lost) = xattrs::read(handle, XATTRS_MAX / 2);
    }

    fn identity(&self) -> Identity {
        (self.device, self.inode)
    }
}

impl Unread {
    fn new(path: ItemPath, source: io::Error) -> Self {
        Self { error: failed("reading", &path, source), path: Some(path) }
    }
}

fn file_type(stat: &Stat) -> FileType {
    use rustix::fs::FileType as Raw;
    match Raw::from_raw_mode(stat.st_mode) {
        Raw::RegularFile => FileType::File,
        Raw::Directory => FileType::Folder,
        Raw::Symlink => FileType::Link,
        _ => FileType::Special,
    }
}

fn read_names(handle: &Handle, names: &mut Vec<Vec<u8>>) -> io::Result<()> {
    for entry in Dir::read_from(handle)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(name.to_vec());
        }
    }
    Ok(())
}

/// Puts what stubs stand for into their place among the sorted names of a folder. A stub beside
/// the file it stands for is left as the file it is.
fn take_stubs(folder: &Handle, names: &mut Vec<Vec<u8>>) -> BTreeMap<Vec<u8>, Stub> {
    let mut stubs = BTreeMap::new();
    let is_candidate = |name: &&Vec<u8>| name.first() == Some(&b'.') && name.ends_with(b".icloud");
    for stub in names.iter().filter(is_candidate).filter_map(|name| stub(folder, name)) {
        if names.binary_search(&stub.name).is_err() {
            stubs.insert(stub.name.clone(), stub);
        }
    }
    if !stubs.is_empty() {
        let is_stub = |name: &Vec<u8>| stubs.values().any(|stub: &Stub| stub.file == *name);
        names.retain(|name| name.first() != Some(&b'.') || !is_stub(name));
        names.extend(stubs.keys().cloned());
        names.sort_unstable();
    }
    stubs
}

#[cfg(test)]
#[path = "tests/walk.rs"]
mod tests;
