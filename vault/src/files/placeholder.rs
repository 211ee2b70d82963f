//! Placeholders: what a cloud leaves where a file was, so that its content is elsewhere.
//!
//! | sort | how it is told |
//! |---|---|
//! | stub, up to macOS 13 | a file `.NAME.icloud`: a small binary property list that names NAME and its size |
//! | dataless, from macOS 14 | a flag of the file; opening it would fetch the content |
//! | hollow | a file with a size, no blocks and no data: what a copy of the others may become |

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::os::fd::AsFd;

use rustix::fs::{SeekFrom, Stat, seek};
use rustix::io::Errno;

use super::folders::{identity, open_file};
use super::{ItemPath, number};

/// What is told of an item that is a dataless file or folder.
pub(super) const DATALESS: &str = "its content is in iCloud only";
/// What is told of an item of which there is a stub.
pub(super) const STUB: &str = "a placeholder: its content is in iCloud only";
/// What is told of a hollow file.
pub(super) const HOLLOW: &str =
    "it has a size and no content: a placeholder, or a file that is one hole";

/// The longest stub; those seen have less than 200 bytes.
const STUB_MAX: u64 = 4096;

/// What a stub stands for.
pub(super) struct Stub {
    /// The stub's own name.
    pub(super) file: Vec<u8>,
    /// The name of what it stands for.
    pub(super) name: Vec<u8>,
    /// Its length.
    pub(super) length: u64,
}

/// Reads the stub `file` of a folder; none when it is not one.
pub(super) fn stub(folder: impl AsFd, file: &[u8]) -> Option<Stub> {
    let of_name = file.strip_prefix(b".")?.strip_suffix(b".icloud").filter(|n| !n.is_empty())?;
    let stat = rustix::fs::statat(&folder, file, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if number::<_, u64>(stat.st_size) > STUB_MAX {
        return None;
    }
    let mut bytes = Vec::new();
    let opened = open_file(&folder, file, identity(&stat)).ok()?;
    opened.take(STUB_MAX).read_to_end(&mut bytes).ok()?;
    if !bytes.starts_with(b"bplist00") {
        return None;
    }
    let list = plist::Value::from_reader(Cursor::new(bytes)).ok()?.into_dictionary()?;
    let listed = list.get("NSURLNameKey").and_then(plist::Value::as_string).map(str::as_bytes);
    let name = listed.filter(|name| ItemPath::new(name).is_ok()).unwrap_or(of_name).to_vec();
    let length = list.get("NSURLFileSizeKey").and_then(plist::Value::as_unsigned_integer);
    Some(Stub { file: file.to_vec(), name, length: length.unwrap_or(0) })
}

/// Whether an open file of `length` bytes on `blocks` blocks has no data at all. Small files that a
/// file system keeps beside its inode or compresses have no blocks either, but data.
pub(super) fn is_hollow(file: &File, length: u64, blocks: u64) -> bool {
    if length == 0 || blocks > 0 {
        return false;
    }
    let nowhere = matches!(seek(file, SeekFrom::Data(0)), Err(Errno::NXIO));
    nowhere || {
        // A system that cannot tell goes back to the beginning as well.
        let _ = seek(file, SeekFrom::Start(0));
        false
    }
}

#[cfg(target_vendor = "apple")]
pub(super) fn is_dataless(stat: &Stat) -> bool {
    /// `SF_DATALESS` of `sys/stat.h`.
    const DATALESS: u32 = 0x4000_0000;
    stat.st_flags & DATALESS != 0
}

#[cfg(not(target_vendor = "apple"))]
pub(super) fn is_dataless(_: &Stat) -> bool {
    false
}
