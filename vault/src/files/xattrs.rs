//! Extended attributes: Finder tags, resource forks, access lists, and whatever else a system keeps
//! beside the content of a file.

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{XattrFlags, fgetxattr, fgetxattr_query, flistxattr, flistxattr_query, fsetxattr};
use rustix::io::Errno;

/// Names and values, ascending by name.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// Those that change while nobody changes the item (`spec 11`).
const VOLATILE: &[&[u8]] = &[
    b"com.apple.FinderInfo",
    b"com.apple.lastuseddate#PS",
    b"com.apple.provenance",
    b"com.apple.quarantine",
];

/// Beginnings of names that are never written: they give rights to whoever runs the file, or are
/// the system's own.
const REFUSED: &[&[u8]] = &[b"security.", b"trusted.", b"com.apple.system.", b"com.apple.root."];

/// Lists of who may read: not written beside a sealed item.
const ACCESS: &[&[u8]] = &[b"system.posix_acl_", b"system.nfs4_acl"];

/// Whether an attribute changes while nobody changes the item.
pub fn is_volatile(name: &[u8]) -> bool {
    VOLATILE.contains(&name)
}

/// What an open item has, as far as the system lists it, and how many of them could not be read.
/// Together they have at most `size_max` bytes; what is over counts as not read.
pub(super) fn read(handle: impl AsFd, size_max: usize) -> (Xattrs, u64) {
    let mut xattrs = Xattrs::new();
    let names = match list(&handle) {
        Ok(names) => names,
        // A file system without attributes.
        Err(error) if is_unable(error) => return (xattrs, 0),
        Err(_) => return (xattrs, 1),
    };
    let (mut size, mut lost) = (0_usize, 0);
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        match get(&handle, name) {
            Ok(value)
                if size.saturating_add(name.len()).saturating_add(value.len()) <= size_max =>
            {
                size = size.saturating_add(name.len()).saturating_add(value.len());
                xattrs.push((name.to_vec(), value));
            }
            // Removed since it was listed.
            Err(Errno::NODATA) => {}
            Ok(_) | Err(_) => lost += 1,
        }
    }
    xattrs.sort_unstable();
    xattrs.dedup_by(|one, other| one.0 == other.0);
    (xattrs, lost)
}

/// Gives an open item attributes; returns those that the system did not take. A `private` item gets
/// none that lets others read it.
pub(super) fn write(handle: impl AsFd, xattrs: &Xattrs, private: bool) -> io::Result<Xattrs> {
    let mut lost = Xattrs::new();
    for (name, value) in xattrs {
        let begins = |list: &[&[u8]]| list.iter().any(|prefix| name.starts_with(prefix));
        let is_refused = begins(REFUSED) || private && begins(ACCESS);
        let c_name = CString::new(name.as_slice()).ok().filter(|_| !is_refused);
        let set = c_name.map(|name| fsetxattr(&handle, name, value, XattrFlags::empty()));
        match set {
            Some(Ok(())) => {}
            // The medium breaks: that is no matter of what it can hold.
            Some(Err(Errno::IO)) => return Err(Errno::IO.into()),
            // ext4 says that it is full when one is too long for it.
            Some(Err(_)) | None => lost.push((name.clone(), value.clone())),
        }
    }
    Ok(lost)
}

fn list(handle: impl AsFd) -> rustix::io::Result<Vec<u8>> {
    grown(|| flistxattr_query(&handle), |buffer| flistxattr(&handle, buffer))
}

fn get(handle: impl AsFd, name: &[u8]) -> rustix::io::Result<Vec<u8>> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    grown(
        || fgetxattr_query(&handle, name.as_c_str()),
        |buffer| fgetxattr(&handle, name.as_c_str(), buffer),
    )
}

/// Reads into a buffer of the size asked for, again when it has grown meanwhile.
fn grown(
    size: impl Fn() -> rustix::io::Result<usize>,
    read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    const ATTEMPTS: usize = 8;
    for _ in 0..ATTEMPTS {
        let mut buffer = vec![0; size()?];
        match read(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::RANGE)
}

fn is_unable(error: Errno) -> bool {
    [Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS, Errno::PERM].contains(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file where the system takes attributes; none where it does not.
    fn file() -> Option<std::fs::File> {
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        write(&file, &vec![(b"user.probe".to_vec(), Vec::new())], false)
            .is_ok_and(|lost| lost.is_empty())
            .then_some(file)
    }

    #[test]
    fn what_is_written_is_read() {
        let Some(file) = file() else { return };
        let given: Xattrs = vec![
            (b"user.com.apple.metadata:_kMDItemUserTags".to_vec(), b"bplist00\0\xff".to_vec()),
            (b"user.empty".to_vec(), Vec::new()),
            (b"user.long".to_vec(), vec![7; 3000]),
            (b"user.probe".to_vec(), Vec::new()),
        ];
        assert_eq!(write(&file, &given, false).unwrap(), []);
        assert_eq!(read(&file, 1 << 20), (given, 0));
        let (some, lost) = read(&file, 2000);
        assert_eq!((some.len(), lost), (3, 1));
    }

    #[test]
    fn what_gives_rights_is_not_written() {
        let Some(file) = file() else { return };
        let capability = vec![(b"security.capability".to_vec(), vec![1; 20])];
        assert_eq!(write(&file, &capability, false).unwrap(), capability);
        let access = vec![(b"system.posix_acl_access".to_vec(), vec![2, 0, 0, 0])];
        assert_eq!(write(&file, &access, true).unwrap(), access);
        let apple = vec![(b"com.apple.ResourceFork".to_vec(), b"x".to_vec())];
        let is_lost = !write(&file, &apple, false).unwrap().is_empty();
        assert_eq!(is_lost, cfg!(target_os = "linux"));
    }
}
