//! A person's own folders: what is read from them and what is written into them. Nothing here
//! knows that vaults exist.
//!
//! A source is believed to be the person's, but it may change while it is read. What is written
//! comes from a vault somebody else may have made: every name is hostile until [`refuse`] let it
//! pass, and no component of a path is ever followed when it is a link.

mod appledouble;
mod folders;
mod globs;
pub mod live;
mod names;
mod placeholder;
mod preview;
mod synced;
mod tar;
mod target;
mod walk;
mod xattrs;

use std::fmt;
use std::io;

use crate::error::{Error, ErrorKind, Result};
use crate::format::KEY_MAX;

pub use globs::Globs;
pub use names::{collision_key, refuse};
pub use preview::Preview;
pub use synced::{Synced, synced};
pub use tar::{Member, TarReader, TarWriter};
pub use target::{Attributes, Finished, Overwrite, Target, TargetFile, Unheld};
pub use walk::{Entry, FileType, Totals, Unread, Walk};
pub use xattrs::{Xattrs, is_volatile};

/// A moment: seconds since 1970 and nanoseconds.
pub type Time = (i64, u32);

/// Where an item lies below its root: one or more names, joined by 0x00, so that the order of the
/// bytes is the order of a walk: a folder, then all that is in it, then its next sibling.
///
/// The shape is checked, and that no name is `.`, `..` or holds a `/`, which no folder can have.
/// Whether a name may be *written* is decided by [`refuse`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemPath(Vec<u8>);

impl ItemPath {
    /// The path of one name.
    pub fn new(name: &[u8]) -> Result<Self> {
        Self::from_key(name.to_vec()).and_then(|path| {
            if path.parent().is_none() { Ok(path) } else { Err(path.refused("a name holds 0x00")) }
        })
    }

    /// The path with these bytes: names joined by 0x00.
    pub fn from_key(key: Vec<u8>) -> Result<Self> {
        let path = Self(key);
        if path.0.len() > KEY_MAX {
            return Err(path.refused("longer than 4096 bytes"));
        }
        let is_wrong = |name: &[u8]| matches!(name, b"" | b"." | b"..") || name.contains(&b'/');
        if path.components().any(is_wrong) {
            return Err(path.refused("a name is empty, `.`, `..` or holds a `/`"));
        }
        Ok(path)
    }

    /// Reads a path as people write it, with `/` between names. Slashes at the end are ignored.
    pub fn parse_display(text: &[u8]) -> Result<Self> {
        let end = text.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let text = text.get(..end).unwrap_or_default();
        if text.contains(&0) {
            return Err(Self(text.to_vec()).refused("a name holds 0x00"));
        }
        Self::from_key(text.iter().map(|&byte| if byte == b'/' { 0 } else { byte }).collect())
    }

    /// The path as people write it, with `/` between names; its bytes otherwise as they are.
    /// [`Self::parse_display`] reads it again. Escaping is left to whoever prints it.
    pub fn to_display(&self) -> Vec<u8> {
        self.0.iter().map(|&byte| if byte == 0 { b'/' } else { byte }).collect()
    }

    /// The bytes: names joined by 0x00.
    pub fn key(&self) -> &[u8] {
        &self.0
    }

    /// The bytes: names joined by 0x00.
    pub fn into_key(self) -> Vec<u8> {
        self.0
    }

    /// The names, outermost first; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&byte| byte == 0)
    }

    /// The last name.
    pub fn name(&self) -> &[u8] {
        self.components().next_back().unwrap_or_default()
    }

    /// The path of the folder this is in; none at the top.
    pub fn parent(&self) -> Option<Self> {
        let end = self.0.iter().rposition(|&byte| byte == 0)?;
        self.0.get(..end).map(|key| Self(key.to_vec()))
    }

    /// Whether this lies in the folder `folder`, at any depth.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(folder.0.as_slice()).is_some_and(|rest| rest.first() == Some(&0))
    }

    /// Goes on to `name` in this folder; left as it was on an error.
    pub fn push(&mut self, name: &[u8]) -> Result<()> {
        *self = self.join(name)?;
        Ok(())
    }

    /// The path of `name` in this folder.
    pub fn join(&self, name: &[u8]) -> Result<Self> {
        let name = Self::new(name)?;
        let mut key = Vec::with_capacity(self.0.len() + 1 + name.0.len());
        key.extend_from_slice(&self.0);
        key.push(0);
        key.extend_from_slice(&name.0);
        if key.len() > KEY_MAX {
            return Err(Self(key).refused("longer than 4096 bytes"));
        }
        Ok(Self(key))
    }

    fn refused(&self, reason: &'static str) -> Error {
        refused("not a path that can be kept:", self, reason)
    }
}

/// For messages: bytes that are no UTF-8 appear as `\xNN`, control characters as they are.
impl fmt::Display for ItemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.to_display()).fmt(f)
    }
}

/// The text of a name for a message.
fn shown(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

fn refused(operation: &'static str, path: &impl fmt::Display, reason: &'static str) -> Error {
    Error::new(ErrorKind::Refused, operation).on(path.to_string()).because(reason)
}

/// A failure outside of any vault. A person's file that has gone is no damage, so it is
/// [`ErrorKind::Failed`] and not what [`Error::io`] makes of it.
fn failed(
    operation: &'static str,
    path: &impl fmt::Display,
    source: impl Into<io::Error>,
) -> Error {
    let source = source.into();
    let error = match source.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::Failed, operation).because(source),
        _ => Error::io(operation, source),
    };
    error.on(path.to_string())
}

/// A number of `stat` in the width used here. The widths differ by system; a value that does not
/// fit is none that a file has, and becomes zero.
fn number<T, U: TryFrom<T> + Default>(value: T) -> U {
    U::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_order_is_walk_order() {
        let path = |text: &str| ItemPath::parse_display(text.as_bytes()).unwrap();
        let walked = ["a", "a/b", "a/b/c", "a/b!", "a/\u{e9}", "a b", "a-", "b"].map(path);
        assert!(walked.is_sorted());
    }

    #[test]
    fn paths_round_trip() {
        for text in ["a", "a/b", "\u{1f4f7}/x y/z:", "a\\b", "\n"] {
            let path = ItemPath::parse_display(text.as_bytes()).unwrap();
            assert_eq!(path.to_display(), text.as_bytes());
            assert_eq!(ItemPath::from_key(path.key().to_vec()).unwrap(), path);
            let names: Vec<_> = text.split('/').map(str::as_bytes).collect();
            assert_eq!(path.components().collect::<Vec<_>>(), names);
            assert_eq!(path.name(), *names.last().unwrap());
            if let Some(parent) = path.parent() {
                assert_eq!(parent.join(path.name()).unwrap(), path);
            }
        }
        assert_eq!(ItemPath::parse_display(b"a/b//").unwrap().key(), b"a\0b");
        assert_eq!(ItemPath::new(b"a\xff\xc3").unwrap().to_string(), "a\\xff\\xc3");
    }

    #[test]
    fn paths_that_no_folder_has_are_refused() {
        for text in ["", "/", "/a", "a//b", ".", "..", "a/..", "./a", "a/../b", "a\0b"] {
            let error = ItemPath::parse_display(text.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{text:?}");
        }
        for key in [&b""[..], b"\0", b"a\0", b"\0a", b"a\0\0b", b"..", b"a\0..", b"a/b", b"."] {
            assert!(ItemPath::from_key(key.to_vec()).is_err(), "{key:?}");
        }
        for name in [&b""[..], b"a\0b", b"a/b", b".."] {
            assert!(ItemPath::new(name).is_err(), "{name:?}");
            let mut path = ItemPath::new(b"x").unwrap();
            assert!(path.push(name).is_err(), "{name:?}");
            assert_eq!(path.key(), b"x");
        }
    }

    #[test]
    fn the_longest_path_is_a_tree_key() {
        for (length, fits) in [(KEY_MAX - 1, true), (KEY_MAX, true), (KEY_MAX + 1, false)] {
            assert_eq!(ItemPath::from_key(vec![b'x'; length]).is_ok(), fits);
            let path = ItemPath::new(b"ab").unwrap();
            assert_eq!(path.join(&vec![b'x'; length - 3]).is_ok(), fits);
        }
    }
}
