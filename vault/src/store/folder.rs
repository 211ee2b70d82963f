//! A vault in a folder of a file system: one file for each object.
//!
//! A file is written under `tmp/`, synced, and renamed to a name that was free (spec F-1). Whatever
//! lies in the folder may be hostile: every component is opened relative to its parent's handle
//! without following a link, so nothing outside is read, written or removed.

use std::fs::{File, TryLockError};
use std::io::{self, BufWriter};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::{Area, Name, Object, Store, Strength, Upload};
use crate::error::{Error, ErrorKind, Result};
use crate::id::hex;

/// The folder of temporary files.
const TMP: &str = "tmp";
/// The random bytes in the name of a temporary file.
const TEMPORARY_RANDOM_SIZE: usize = 8;
/// How often a temporary file is tried to be made; one try loses only to a reclaim just then.
const TRIES_MAX: usize = 16;
/// The age from which a temporary file counts as dead where files cannot be locked.
const AGE_MAX: Duration = Duration::from_hours(24);
/// The bytes gathered before a write.
const BUFFER_SIZE: usize = 262_144;
/// Files are for their owner only.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Objects as files below one folder. A clone is another handle of the same folder.
#[derive(Clone, Debug)]
pub struct FolderStore {
    root: Arc<OwnedFd>,
    past_cache: bool,
}

impl FolderStore {
    /// Opens the folder `root`; [`ErrorKind::NoVault`] when there is none.
    pub fn open(root: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = retry_on_intr(|| fs::open(root, flags, Mode::empty())).map_err(|errno| {
            let error = match errno {
                Errno::NOENT | Errno::NOTDIR => {
                    Error::new(ErrorKind::NoVault, "opening").because(io::Error::from(errno))
                }
                _ => Error::io("opening", errno.into()),
            };
            error.on(root.display().to_string())
        })?;
        Ok(Self { root: Arc::new(handle), past_cache: false })
    }

    /// Reads from the medium and not from what the system remembers of it, where the platform can.
    pub fn past_cache(mut self) -> Self {
        self.past_cache = true;
        self
    }

    /// Opens the folder `root` and makes it if it is absent; its parent has to exist.
    pub fn create(root: &Path) -> Result<Self> {
        match fs::mkdir(root, Mode::RWXU) {
            Ok(()) => {
                let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
                sync_folder(&*Self::open(parent.unwrap_or(Path::new(".")))?.root)
            }
            Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno),
        }
        .map_err(|errno| {
            let error = match errno {
                // Nothing of a vault is lost.
                Errno::NOENT => Error::new(ErrorKind::Failed, "creating")
                    .because(io::Error::from(errno))
                    .hint("is the drive plugged in? the folder it is made in has to exist"),
                _ => Error::io("creating", errno.into()),
            };
            error.on(root.display().to_string())
        })?;
        Self::open(root)
    }

    /// The names of what is a `kind` in `folder`; none when there is no such folder.
    fn entries(&self, folder: &str, kind: FileType) -> Result<Vec<String>> {
        let entries = match open_folders(&*self.root, folder) {
            Ok(handle) => entries(&handle, kind),
            Err(Errno::NOENT) => Ok(Vec::new()),
            Err(errno) => Err(errno),
        };
        entries.map_err(|errno| failure("listing", errno).on(folder))
    }
}

impl Store for FolderStore {
    fn list(&self, area: Area) -> Result<Vec<Name>> {
        let (top, is_divided) = place(area);
        let mut folders = vec![top.to_owned()];
        if is_divided {
            let parts = self.entries(top, FileType::Directory)?;
            folders = parts.iter().map(|part| format!("{top}/{part}")).collect();
        }
        let mut names = Vec::new();
        for folder in folders {
            let files = self.entries(&folder, FileType::RegularFile)?.into_iter();
            let found = files.filter_map(|file| Name::new(area, file));
            names.extend(found.filter(|name| name.folder() == folder));
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, name: &Name) -> Result<Box<dyn Object>> {
        let object = open_folders(&*self.root, &name.folder())
            .map_err(|errno| failure("opening", errno))
            .and_then(|folder| FolderObject::open(&folder, name.file()));
        let object = object.map_err(|error| error.on(name.to_string()))?;
        if self.past_cache {
            leave_cache(&object.file);
        }
        Ok(Box::new(object))
    }

    fn create(&self) -> Result<Box<dyn Upload>> {
        let folder = make_folders(&*self.root, TMP).map_err(|errno| failure("creating", errno));
        let upload = folder.and_then(|folder| FolderUpload::create(&self.root, folder));
        Ok(Box::new(upload.map_err(|error| error.on_if_unnamed(|| TMP.to_owned()))?))
    }

    fn barrier(&self) -> Result<Strength> {
        flush_medium(&self.root).map_err(|errno| Error::io("flushing the medium", errno.into()))
    }

    fn remove(&self, name: &Name) -> Result<()> {
        let removed = open_folders(&*self.root, &name.folder())
            .and_then(|folder| fs::unlinkat(&folder, name.file(), AtFlags::empty()));
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failure("removing", errno).on(name.to_string())),
        }
    }

    fn reclaim(&self) -> Result<usize> {
        let files = self.entries(TMP, FileType::RegularFile)?;
        if files.is_empty() {
            return Ok(0);
        }
        let folder = open_folders(&*self.root, TMP).map_err(|errno| failure("opening", errno))?;
        let folder = Arc::new(folder);
        let mut count = 0;
        for file in files.iter().filter(|file| is_temporary_name(file)) {
            count += usize::from(reclaim_file(&folder, file).map_err(|error| error.on(TMP))?);
        }
        Ok(count)
    }

    fn space_left(&self) -> Result<Option<u64>> {
        let medium = fs::fstatvfs(&*self.root)
            .map_err(|errno| Error::io("asking for the space left", errno.into()))?;
        let left = medium.f_bavail.saturating_mul(medium.f_frsize);
        // Some network and user-space file systems do not know their size and say zero.
        Ok((medium.f_blocks > 0).then_some(left))
    }
}

/// The folder of an area, and whether its objects lie in folders below that.
fn place(area: Area) -> (&'static str, bool) {
    match area {
        Area::Top => ("", false),
        Area::KeysA => ("keys/a", false),
        Area::KeysB => ("keys/b", false),
        Area::ChainA => ("chain/a", true),
        Area::ChainB => ("chain/b", true),
        Area::Index => ("index", false),
        Area::Packs => ("packs", true),
        Area::Scope => ("scope", false),
    }
}

/// A file being read.
struct FolderObject {
    file: File,
    length: u64,
}

impl FolderObject {
    /// Opens a regular file and nothing else: a link could lead out of the vault, and a named pipe
    /// would wait for ever.
    fn open(folder: impl AsFd, file: &str) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let handle = match retry_on_intr(|| fs::openat(&folder, file, flags, Mode::empty())) {
            Err(Errno::NOENT) if has_stub(&folder, file) => return Err(not_downloaded()),
            opened => opened.map_err(|errno| failure("opening", errno))?,
        };
        let file = File::from(handle);
        let metadata = file.metadata().map_err(|error| Error::io("opening", error))?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Damaged, "not a regular file:"));
        }
        if is_dataless(&file) {
            return Err(not_downloaded());
        }
        Ok(Self { file, length: metadata.len() })
    }
}

/// What stands in a folder for the file `X` that iCloud has taken away: `.X.icloud`.
fn stub_of(file: &str) -> String {
    format!(".{file}.icloud")
}

/// The file that a stub stands for.
fn file_of_stub(name: &str) -> Option<&str> {
    name.strip_prefix('.')?.strip_suffix(".icloud").filter(|file| !file.is_empty())
}

fn has_stub(folder: impl AsFd, file: &str) -> bool {
    let stat = fs::statat(folder, stub_of(file), AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// Whether the bytes of a file are in a cloud only; to read them would fetch them, one by one and
/// perhaps for hours, which is the person's to begin.
#[cfg(target_vendor = "apple")]
fn is_dataless(file: &File) -> bool {
    /// `SF_DATALESS` of `sys/stat.h`.
    const DATALESS: u32 = 0x4000_0000;
    fs::fstat(file).is_ok_and(|stat| stat.st_flags & DATALESS != 0)
}

#[cfg(not(target_vendor = "apple"))]
fn is_dataless(_: &File) -> bool {
    false
}

fn not_downloaded() -> Error {
    Error::new(ErrorKind::NotDownloaded, "not downloaded:").hint(
        "a synced folder keeps only a placeholder of it here: in Finder choose Download Now or Keep Downloaded for the vault's folder",
    )
}

impl Object for FolderObject {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        // A hostile offset may be more than the system takes, which it would call invalid input.
        let end = offset.checked_add(buffer.len() as u64).filter(|&end| end <= self.length);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.file.read_exact_at(buffer, offset)
    }
}

/// A file being written.
struct FolderUpload {
    root: Arc<OwnedFd>,
    state: State,
    temporary: Temporary,
}

/// How far an upload has come.
enum State {
    Writing(BufWriter<File>),
    Synced,
    /// A sync failed. It is never tried again: the system may have marked the lost pages clean, so
    /// that a second one would report what is not true.
    Broken,
}

impl FolderUpload {
    fn create(root: &Arc<OwnedFd>, folder: OwnedFd) -> Result<Self> {
        let temporary = Temporary::create(&Arc::new(folder))?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&*temporary.folder, &temporary.file, flags, Mode::empty())
            .map_err(|errno| failure("creating", errno))?;
        let writer = BufWriter::with_capacity(BUFFER_SIZE, File::from(file));
        Ok(Self { root: Arc::clone(root), state: State::Writing(writer), temporary })
    }

    /// Brings the bytes to the medium and closes the handle that wrote them.
    fn sync(&mut self) -> Result<()> {
        match mem::replace(&mut self.state, State::Broken) {
            State::Writing(writer) => {
                let file = writer
                    .into_inner()
                    .map_err(|error| Error::io("writing", error.into_error()))?;
                retry_on_intr(|| fs::fsync(&file))
                    .map_err(|errno| Error::io("syncing", errno.into()))?;
            }
            State::Synced => {}
            State::Broken => {
                return Err(Error::new(ErrorKind::Failed, "publishing what could not be synced:"));
            }
        }
        self.state = State::Synced;
        Ok(())
    }

    fn settle(&mut self, name: &Name) -> Result<()> {
        self.sync()?;
        let folder = make_folders(&*self.root, &name.folder())
            .map_err(|errno| failure("creating the folder of", errno))?;
        let Temporary { folder: tmp, file, .. } = &self.temporary;
        match rename_to_new(&**tmp, file, &folder, name.file()) {
            Ok(()) => {}
            // What lies there has to be an object to stand for this one.
            Err(Errno::EXIST) if name.area() != Area::Top => {
                FolderObject::open(&folder, name.file())?;
            }
            Err(errno) => return Err(failure("publishing", errno)),
        }
        sync_folder(&folder).map_err(|errno| failure("syncing the folder of", errno))
    }
}

impl io::Write for FolderUpload {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Writing(writer) => writer.write(buffer),
            State::Synced | State::Broken => Err(io::Error::other("the file is complete")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Writing(writer) => writer.flush(),
            State::Synced | State::Broken => Ok(()),
        }
    }
}

impl Upload for FolderUpload {
    fn read_back(&mut self) -> Result<Box<dyn Object>> {
        self.sync()?;
        let object = FolderObject::open(&*self.temporary.folder, &self.temporary.file)?;
        leave_cache(&object.file);
        Ok(Box::new(object))
    }

    fn publish(mut self: Box<Self>, name: &Name) -> Result<()> {
        self.settle(name).map_err(|error| error.on(name.to_string()))
    }
}

/// A name in `tmp/` and the lock that says its writer lives. The lock has a handle of its own, so
/// that the writing one can be closed before the rename.
struct Temporary {
    folder: Arc<OwnedFd>,
    file: String,
    lock: File,
}

impl Temporary {
    fn create(folder: &Arc<OwnedFd>) -> Result<Self> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        for _ in 0..TRIES_MAX {
            let file = temporary_name()?;
            let lock = match fs::openat(&**folder, &file, flags, FILE_MODE) {
                Ok(handle) => File::from(handle),
                Err(Errno::EXIST | Errno::INTR) => continue,
                Err(errno) => return Err(failure("creating", errno)),
            };
            let temporary = Self { folder: Arc::clone(folder), file, lock };
            if temporary.hold() {
                return Ok(temporary);
            }
        }
        Err(Error::new(ErrorKind::Failed, "no temporary file could be held in"))
    }

    /// Takes the lock; not held when a reclaim came between making the file and locking it, and has
    /// its lock or has removed it already. Where there are no locks, age alone protects the file.
    fn hold(&self) -> bool {
        // The name is asked for, not the number of links, which file systems without hard links
        // make up.
        !matches!(self.lock.try_lock(), Err(TryLockError::WouldBlock))
            && fs::statat(&*self.folder, &self.file, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// When the file was written, by the clock of its file system.
    fn written(&self) -> io::Result<SystemTime> {
        self.lock.metadata()?.modified()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename the name is gone, and nothing is removed.
        let _ = fs::unlinkat(&*self.folder, &self.file, AtFlags::empty());
    }
}

/// A new name, `PID-RANDOM`.
fn temporary_name() -> Result<String> {
    let mut random = [0; TEMPORARY_RANDOM_SIZE];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| Error::new(ErrorKind::Failed, "the system gave no random bytes"))?;
    Ok(format!("{}-{}", std::process::id(), hex(&random)))
}

/// Whether a name is one that [`temporary_name`] gives: a foreign file is not ours to remove.
fn is_temporary_name(file: &str) -> bool {
    file.split_once('-').is_some_and(|(process, random)| {
        process.parse::<u32>().is_ok()
            && random.len() == TEMPORARY_RANDOM_SIZE * 2
            && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Removes a temporary file if its writer is gone; false when it lives, or when the file is gone or
/// another user's.
fn reclaim_file(folder: &Arc<OwnedFd>, file: &str) -> Result<bool> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(handle) = fs::openat(&**folder, file, flags, Mode::empty()) else { return Ok(false) };
    let handle = File::from(handle);
    // The lock is kept until the file is removed, see `Temporary::hold`.
    let is_dead = match handle.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => {
            let fresh = Temporary::create(folder)?;
            is_old(&handle, &fresh).map_err(|error| Error::io("reclaiming", error))?
        }
    };
    if !is_dead {
        return Ok(false);
    }
    match fs::unlinkat(&**folder, file, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(failure("reclaiming", errno)),
    }
}

/// Whether `file` is older than a writer may pause, measured against a file made just now.
fn is_old(file: &File, fresh: &Temporary) -> io::Result<bool> {
    let written = file.metadata()?.modified()?;
    Ok(fresh.written()?.duration_since(written).is_ok_and(|age| age > AGE_MAX))
}

/// A failure below the vault's folder. A link, or a file in a folder's place, is damage: another
/// copy may help.
fn failure(operation: &'static str, errno: Errno) -> Error {
    match errno {
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR => {
            Error::new(ErrorKind::Damaged, operation).because(io::Error::from(errno))
        }
        _ => Error::io(operation, errno.into()),
    }
}

/// Opens a folder in `parent`, but not through a link.
fn open_folder(parent: impl AsFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    retry_on_intr(|| fs::openat(&parent, name, flags, Mode::empty()))
}

/// Opens the folder at `path` below `root`.
fn open_folders(root: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    let start = open_folder(root, ".")?;
    names.try_fold(start, open_folder)
}

/// Opens the folder at `path` below `root` and makes what is absent on the way.
fn make_folders(root: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    let start = open_folder(root, ".")?;
    names.try_fold(start, make_folder)
}

fn make_folder(parent: OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    match open_folder(&parent, name) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    match fs::mkdirat(&parent, name, Mode::RWXU) {
        Ok(()) => sync_folder(&parent)?,
        // Another writer was faster.
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    open_folder(parent, name)
}

/// The names of what is a `kind` in `folder`, hidden ones left out, but for what a stub stands for.
fn entries(folder: impl AsFd, kind: FileType) -> rustix::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        // A stub stands for an object that is not gone.
        let shown = if name.starts_with('.') { file_of_stub(name) } else { Some(name) };
        let Some(shown) = shown else { continue };
        if kind_of(&folder, name, entry.file_type())? == Some(kind) {
            names.push(shown.to_owned());
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// What an entry is; not every file system says so in the folder. None when it is gone by now.
fn kind_of(folder: impl AsFd, name: &str, told: FileType) -> rustix::io::Result<Option<FileType>> {
    if told != FileType::Unknown {
        return Ok(Some(told));
    }
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Gives a file a name that is free; [`Errno::EXIST`] when it is not.
fn rename_to_new(
    from: impl AsFd,
    from_file: &str,
    to: impl AsFd,
    to_file: &str,
) -> rustix::io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match fs::renameat_with(&from, from_file, &to, to_file, fs::RenameFlags::NOREPLACE) {
        // exFAT on a Mac is one.
        Err(errno) if is_unsupported(errno) => {}
        renamed => return renamed,
    }
    rename_after_check(from, from_file, to, to_file)
}

/// The same in two steps. Between them another writer can only put the same bytes there: names are
/// digests of the bytes, but at the top, which is written once, by `init`.
fn rename_after_check(
    from: impl AsFd,
    from_file: &str,
    to: impl AsFd,
    to_file: &str,
) -> rustix::io::Result<()> {
    match fs::statat(&to, to_file, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => fs::renameat(from, from_file, to, to_file),
        Err(errno) => Err(errno),
    }
}

/// Whether an operation is refused because the system or the file system does not know it. Two of
/// these are one number on Linux and two elsewhere.
fn is_unsupported(errno: Errno) -> bool {
    const UNSUPPORTED: [Errno; 5] =
        [Errno::INVAL, Errno::NOSYS, Errno::NOTTY, Errno::NOTSUP, Errno::OPNOTSUPP];
    UNSUPPORTED.contains(&errno)
}

/// Syncs a folder's entries. Some file systems cannot, and leave it to the barrier.
fn sync_folder(folder: impl AsFd) -> rustix::io::Result<()> {
    match retry_on_intr(|| fs::fsync(&folder)) {
        Err(errno) if is_unsupported(errno) => Ok(()),
        synced => synced,
    }
}

/// Lets the next reader see the medium and not the cache, as far as the system listens.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn leave_cache(file: &File) {
    let _ = fs::fadvise(file, 0, None, fs::Advice::DontNeed);
}

#[cfg(target_vendor = "apple")]
fn leave_cache(file: &File) {
    let _ = fs::fcntl_nocache(file, true);
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn leave_cache(_: &File) {}

/// Writes all of the file system out and asks the medium to flush.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn flush_medium(root: &OwnedFd) -> rustix::io::Result<Strength> {
    /// FAT, exFAT and file systems in user space write out, but do not ask the medium to flush.
    const UNSURE: [i128; 3] = [0x4d44, 0x2011_bab0, 0x6573_5546];
    retry_on_intr(|| fs::syncfs(root))?;
    let medium = fs::fstatfs(root)?;
    let is_unsure = UNSURE.contains(&i128::from(medium.f_type));
    Ok(if is_unsure { Strength::Written } else { Strength::Durable })
}

#[cfg(target_vendor = "apple")]
fn flush_medium(root: &OwnedFd) -> rustix::io::Result<Strength> {
    match retry_on_intr(|| fs::fcntl_fullfsync(root)) {
        Ok(()) => Ok(Strength::Durable),
        // exFAT and FAT answer ENOTTY.
        Err(errno) if is_unsupported(errno) => sync_folder(root).map(|()| Strength::Written),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn flush_medium(root: &OwnedFd) -> rustix::io::Result<Strength> {
    sync_folder(root)?;
    fs::sync();
    Ok(Strength::Written)
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, read, read_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;
    use crate::store::{suite, write_whole};

    const PACK: &str = "ab00000000000000000000000000000000000000000000000000000000000000";

    fn store() -> (TempDir, FolderStore) {
        let folder = TempDir::new().unwrap();
        let store = FolderStore::open(folder.path()).unwrap();
        (folder, store)
    }

    fn pack() -> Name {
        Name::new(Area::Packs, PACK).unwrap()
    }

    fn temporary_files(folder: &TempDir) -> usize {
        read_dir(folder.path().join(TMP)).map_or(0, Iterator::count)
    }

    #[test]
    fn keeps_the_contract() {
        for case in suite::CASES {
            let (_folder, store) = store();
            case(&store);
        }
    }

    #[test]
    fn open_needs_a_folder_and_create_makes_it() {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("vault");
        assert_eq!(FolderStore::open(&root).unwrap_err().kind(), ErrorKind::NoVault);
        FolderStore::create(&root).unwrap();
        FolderStore::create(&root).unwrap();
        assert_eq!(root.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        write(root.join("file"), b"").unwrap();
        let error = FolderStore::open(&root.join("file")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoVault);
    }

    #[test]
    fn files_lie_where_their_names_say_and_are_private() {
        let (folder, store) = store();
        write_whole(&store, &pack(), b"bytes").unwrap();
        let path = folder.path().join("packs/ab").join(PACK);
        assert_eq!(read(&path).unwrap(), b"bytes");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let parent = path.parent().unwrap().metadata().unwrap();
        assert_eq!(parent.permissions().mode() & 0o777, 0o700);
        assert_eq!(temporary_files(&folder), 0);
    }

    #[test]
    fn foreign_files_are_left_out() {
        let (folder, store) = store();
        write_whole(&store, &pack(), b"bytes").unwrap();
        let other = folder.path().join("packs/cd");
        create_dir_all(&other).unwrap();
        for foreign in ["packs/ab/._x", "packs/ab/.DS_Store", "packs/ab/notes.txt", "packs/x"] {
            write(folder.path().join(foreign), b"").unwrap();
        }
        // The same name in the folder of another, and a folder with an object's name.
        write(other.join(PACK), b"").unwrap();
        create_dir_all(other.join(PACK.replace("ab", "cd"))).unwrap();
        assert_eq!(store.list(Area::Packs).unwrap(), [pack()]);
        assert_eq!(store.list(Area::Top).unwrap(), []);
    }

    #[test]
    fn stub_of_an_object_is_there_and_not_downloaded() {
        let (folder, store) = store();
        write_whole(&store, &pack(), b"bytes").unwrap();
        let path = folder.path().join("packs/ab").join(PACK);
        std::fs::remove_file(&path).unwrap();
        write(folder.path().join("packs/ab").join(stub_of(PACK)), b"bplist00").unwrap();
        assert_eq!(store.list(Area::Packs).unwrap(), [pack()]);
        let error = store.open(&pack()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotDownloaded, "{error}");
        assert_eq!(error.object(), Some(pack().to_string().as_str()));
        // Downloaded again, beside what is left of the stub.
        write(path, b"bytes").unwrap();
        assert_eq!(store.list(Area::Packs).unwrap(), [pack()]);
        store.open(&pack()).unwrap();
        // What stands for no object stands for nothing.
        write(folder.path().join("packs/ab/.notes.icloud"), b"").unwrap();
        write(folder.path().join("packs/ab/..icloud"), b"").unwrap();
        assert_eq!(store.list(Area::Packs).unwrap(), [pack()]);
    }

    #[test]
    fn link_in_place_of_an_object_is_damage() {
        let (folder, store) = store();
        let secret = folder.path().join("secret");
        write(&secret, b"secret").unwrap();
        create_dir_all(folder.path().join("packs/ab")).unwrap();
        let path = folder.path().join("packs/ab").join(PACK);
        symlink(&secret, &path).unwrap();
        let error = store.open(&pack()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert_eq!(error.object(), Some(pack().to_string().as_str()));
        assert_eq!(store.list(Area::Packs).unwrap(), []);
        // It does not stand for the object either, and removing it does not touch the target.
        let error = write_whole(&store, &pack(), b"bytes").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        store.remove(&pack()).unwrap();
        assert_eq!(read(&secret).unwrap(), b"secret");
        write_whole(&store, &pack(), b"bytes").unwrap();
    }

    #[test]
    fn link_in_place_of_a_folder_is_not_followed() {
        let (folder, store) = store();
        let outside = TempDir::new().unwrap();
        let victim = outside.path().join("1-0123456789abcdef");
        write(&victim, b"mine").unwrap();
        for name in ["packs", TMP] {
            symlink(outside.path(), folder.path().join(name)).unwrap();
        }
        assert_eq!(store.list(Area::Packs).unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(store.open(&pack()).err().unwrap().kind(), ErrorKind::Damaged);
        assert_eq!(store.create().err().unwrap().kind(), ErrorKind::Damaged);
        assert_eq!(store.reclaim().unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(read(victim).unwrap(), b"mine");
    }

    #[cfg(not(target_vendor = "apple"))]
    #[test]
    fn pipe_in_place_of_an_object_is_damage() {
        let (folder, store) = store();
        create_dir_all(folder.path().join("index")).unwrap();
        let path = folder.path().join("index/t");
        fs::mknodat(fs::CWD, path, FileType::Fifo, FILE_MODE, 0).unwrap();
        let name = Name::new(Area::Index, "t").unwrap();
        assert_eq!(store.open(&name).err().unwrap().kind(), ErrorKind::Damaged);
    }

    #[test]
    fn reclaim_takes_dead_files_only() {
        let (folder, store) = store();
        let live = store.create().unwrap();
        let dead = folder.path().join(TMP).join("1-0123456789abcdef");
        let foreign = folder.path().join(TMP).join("1-notes");
        write(&dead, b"left behind").unwrap();
        write(&foreign, b"mine").unwrap();
        assert_eq!(store.reclaim().unwrap(), 1);
        assert!(!dead.exists() && foreign.exists());
        live.publish(&pack()).unwrap();
        assert_eq!(store.list(Area::Packs).unwrap(), [pack()]);
        assert_eq!(store.reclaim().unwrap(), 0);
    }

    #[test]
    fn file_reclaimed_before_its_lock_is_not_held() {
        let (folder, store) = store();
        let tmp = Arc::new(make_folders(&*store.root, TMP).unwrap());
        let temporary = Temporary::create(&tmp).unwrap();
        assert!(temporary.hold());
        std::fs::remove_file(folder.path().join(TMP).join(&temporary.file)).unwrap();
        assert!(!temporary.hold());
    }

    #[test]
    fn without_locks_age_decides() {
        let (folder, store) = store();
        let tmp = Arc::new(make_folders(&*store.root, TMP).unwrap());
        let fresh = Temporary::create(&tmp).unwrap();
        let file = File::create(folder.path().join("file")).unwrap();
        let now = fresh.written().unwrap();
        for (age, old) in [(0, false), (23, false), (25, true)] {
            file.set_modified(now - Duration::from_hours(age)).unwrap();
            assert_eq!(is_old(&file, &fresh).unwrap(), old, "{age} h");
        }
    }

    #[test]
    fn rename_in_two_steps_does_not_overwrite() {
        let (folder, store) = store();
        let path = |name: &str| folder.path().join(name);
        write(path("a"), b"a").unwrap();
        write(path("b"), b"b").unwrap();
        let root = &*store.root;
        assert_eq!(rename_after_check(root, "a", root, "b"), Err(Errno::EXIST));
        assert_eq!(rename_after_check(root, "a", root, "c"), Ok(()));
        assert_eq!(read(path("b")).unwrap(), b"b");
        assert_eq!(read(path("c")).unwrap(), b"a");
    }

    #[test]
    fn sync_that_failed_is_not_tried_again() {
        let (folder, store) = store();
        let tmp = make_folders(&*store.root, TMP).unwrap();
        let mut upload = FolderUpload::create(&store.root, tmp).unwrap();
        // A pipe takes bytes and cannot be synced.
        let (_reader, writer) = io::pipe().unwrap();
        upload.state = State::Writing(BufWriter::new(File::from(OwnedFd::from(writer))));
        assert!(upload.read_back().is_err());
        assert!(Box::new(upload).publish(&pack()).is_err());
        assert_eq!(store.list(Area::Packs).unwrap(), []);
        assert_eq!(temporary_files(&folder), 0);
    }

    #[test]
    fn full_medium_is_no_space() {
        let (folder, store) = store();
        let tmp = make_folders(&*store.root, TMP).unwrap();
        let mut upload = FolderUpload::create(&store.root, tmp).unwrap();
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let mut writer = BufWriter::new(full);
        io::Write::write_all(&mut writer, b"bytes").unwrap();
        upload.state = State::Writing(writer);
        let error = Box::new(upload).publish(&pack()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        assert_eq!(temporary_files(&folder), 0);
    }

    #[test]
    fn folder_that_cannot_be_written_is_a_failure() {
        let (folder, store) = store();
        set_permissions(folder.path(), PermissionsExt::from_mode(0o500)).unwrap();
        // The superuser may write anyway.
        if let Err(error) = store.create() {
            assert_eq!(error.kind(), ErrorKind::Failed);
        }
        set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
    }

    #[test]
    fn space_left_is_told() {
        let (_folder, store) = store();
        assert!(store.space_left().unwrap().is_some());
    }
}
