//! Trees of files, compared to the byte, the bit of the mode and the nanosecond.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// What a path is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `f`, `d`, `l` or `?`.
    pub(crate) letter: char,
    pub(crate) mode: u32,
    pub(crate) mtime: (i64, i64),
    /// The content of a file, or where a link points.
    pub(crate) content: Vec<u8>,
}

/// What is below a folder.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    walk(folder, Path::new(""), &mut found);
    found
}

fn walk(root: &Path, below: &Path, found: &mut BTreeMap<PathBuf, Entry>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let path = below.join(entry.unwrap().file_name());
        let whole = root.join(&path);
        let facts = fs::symlink_metadata(&whole).unwrap();
        let (letter, content) = match facts.file_type() {
            kind if kind.is_file() => ('f', fs::read(&whole).unwrap()),
            kind if kind.is_dir() => ('d', Vec::new()),
            kind if kind.is_symlink() => {
                ('l', fs::read_link(&whole).unwrap().as_os_str().as_bytes().to_vec())
            }
            _ => ('?', Vec::new()),
        };
        let (mode, mtime) = (facts.mode() & 0o7777, (facts.mtime(), facts.mtime_nsec()));
        if letter == 'd' {
            walk(root, &path, found);
        }
        found.insert(path, Entry { letter, mode, mtime, content });
    }
}

/// Compares two trees, and says where they differ without printing their content.
#[track_caller]
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (mut left, mut right) = (tree(one), tree(other));
    let mut differences = Vec::new();
    let paths: Vec<PathBuf> = left.keys().chain(right.keys()).cloned().collect();
    for path in paths {
        let (here, there) = (left.remove(&path), right.remove(&path));
        if here != there {
            let told = |entry: &Option<Entry>| {
                entry
                    .as_ref()
                    .map(|e| format!("{} {:o} {:?} {}", e.letter, e.mode, e.mtime, e.content.len()))
            };
            differences.push(format!("{path:?}: {:?} / {:?}", told(&here), told(&there)));
        }
    }
    assert!(differences.is_empty(), "{one:?} and {other:?} differ:\n{}", differences.join("\n"));
}

/// Copies a tree; the copies are 0600 and 0700, as sealed files come back.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let twin = to.join(path.file_name().unwrap());
        if path.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).unwrap(), &twin).unwrap();
        } else if path.is_dir() {
            copy(&path, &twin);
        } else {
            fs::write(&twin, fs::read(&path).unwrap()).unwrap();
            set_mode(&twin, 0o600);
        }
    }
    set_mode(to, 0o700);
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Sets the time of a file, folder or link.
pub(crate) fn set_mtime(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let found = tree(folder).into_iter().filter(|(_, entry)| entry.letter == 'f');
    found.map(|(path, _)| folder.join(path)).collect()
}

/// A name of bytes.
pub(crate) fn name(bytes: &[u8]) -> OsString {
    std::ffi::OsStr::from_bytes(bytes).to_owned()
}
