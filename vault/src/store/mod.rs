//! The place that holds a vault's objects. A store knows names, areas and bytes, and nothing of
//! what the bytes mean.
//!
//! Objects are written once: [`Store::create`] gives an upload that lies under a temporary name,
//! [`Upload::publish`] makes it durable under its own. Nothing is ever changed in place.

mod folder;
mod memory;
mod overlay;
#[cfg(test)]
mod suite;

use std::fmt;
use std::io;

use crate::error::Result;

pub use folder::FolderStore;
pub use memory::{Faults, MemoryStore};
pub use overlay::OverlayStore;

/// A part of a vault's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// The top: `README.txt`, `FORMAT.txt`, `reader.py`, `vault`.
    Top,
    /// `keys/a`: the first copy of every slot.
    KeysA,
    /// `keys/b`: the second copy.
    KeysB,
    /// `chain/a`: the first copy of every chain entry, in folders by number.
    ChainA,
    /// `chain/b`: the second copy.
    ChainB,
    /// `index`: the tables.
    Index,
    /// `packs`: in folders by the first two digits.
    Packs,
    /// `scope`: what a copy was made without.
    Scope,
}

/// Where an object lies: an area and its file name there. File names are ASCII letters, digits,
/// `-` and `.`, at most 80, and do not begin with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    area: Area,
    file: String,
}

impl Name {
    /// The name of `file` in `area`; none when it is not one the format writes.
    pub fn new(area: Area, file: impl Into<String>) -> Option<Self> {
        let file = file.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        let fits = match area {
            Area::Packs => file.len() == 64 && file.bytes().all(|b| b.is_ascii_hexdigit()),
            Area::ChainA | Area::ChainB => {
                file.as_bytes().get(..8).is_some_and(|number| number.iter().all(u8::is_ascii_digit))
            }
            _ => true,
        };
        let fits = fits && (1..=80).contains(&file.len()) && !file.starts_with('.');
        (fits && file.bytes().all(is_plain)).then_some(Self { area, file })
    }

    /// The part of the folder.
    pub fn area(&self) -> Area {
        self.area
    }

    /// The file's name in it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The folder below the vault's, with `/` between components; empty for the top (spec 3).
    pub fn folder(&self) -> String {
        let prefix = |count: usize| self.file.get(..count).unwrap_or_default();
        match self.area {
            Area::Top => String::new(),
            Area::KeysA => "keys/a".to_owned(),
            Area::KeysB => "keys/b".to_owned(),
            // A number has eight digits; a folder holds a thousand of them.
            Area::ChainA => format!("chain/a/{}", prefix(5)),
            Area::ChainB => format!("chain/b/{}", prefix(5)),
            Area::Index => "index".to_owned(),
            Area::Packs => format!("packs/{}", prefix(2)),
            Area::Scope => "scope".to_owned(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder();
        if folder.is_empty() {
            f.write_str(&self.file)
        } else {
            write!(f, "{folder}/{}", self.file)
        }
    }
}

/// How firmly written bytes lie on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// The system took them; the medium could not be told to flush.
    Written,
    /// The medium said that it flushed them.
    Durable,
}

/// Holds objects. Any number of readers and writers may use one store at once.
pub trait Store: Send + Sync {
    /// The names in an area, sorted. Foreign files (`._*`, `.DS_Store`, what is no [`Name`]) are
    /// left out; an area that does not exist yet is empty.
    fn list(&self, area: Area) -> Result<Vec<Name>>;

    /// Opens an object for reading; [`crate::ErrorKind::Missing`] when there is none,
    /// [`crate::ErrorKind::NotDownloaded`] when only a placeholder for it is there.
    fn open(&self, name: &Name) -> Result<Box<dyn Object>>;

    /// Begins a new object under a temporary name of its own.
    fn create(&self) -> Result<Box<dyn Upload>>;

    /// Waits until everything published so far is on the medium: the barrier between two phases
    /// of a commit (spec F-4).
    fn barrier(&self) -> Result<Strength>;

    /// Removes an object; fine when it is not there.
    fn remove(&self, name: &Name) -> Result<()>;

    /// Removes temporary files whose writers are gone; returns how many.
    fn reclaim(&self) -> Result<usize>;

    /// The bytes that can still be written, if the medium tells.
    fn space_left(&self) -> Result<Option<u64>>;
}

/// An object being read at any place.
pub trait Object: Send {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset`; an early end is `UnexpectedEof`.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// An object being written, under a temporary name. Dropping it removes the temporary file.
pub trait Upload: io::Write + Send {
    /// Makes the bytes durable and opens them for reading past the cache, where the platform can.
    /// After this nothing more may be written.
    fn read_back(&mut self) -> Result<Box<dyn Object>>;

    /// Makes the bytes durable, if [`Upload::read_back`] has not already, and gives them their
    /// name. An object of that name that exists already is left as it is: equal names in a vault
    /// are equal bytes, but for those in [`Area::Top`], where it is an error.
    fn publish(self: Box<Self>, name: &Name) -> Result<()>;
}

/// All bytes of a small object, refused when it has more than `length_max`.
pub fn read_whole(store: &dyn Store, name: &Name, length_max: u64) -> Result<Vec<u8>> {
    use crate::error::{Error, ErrorKind};
    let mut object = store.open(name)?;
    let length = object.length();
    if length > length_max {
        return Err(Error::new(ErrorKind::Damaged, "too long:").on(name.to_string()));
    }
    let length = usize::try_from(length)
        .map_err(|error| Error::new(ErrorKind::Damaged, "too long:").because(error))?;
    let mut bytes = vec![0; length];
    object
        .read_at(0, &mut bytes)
        .map_err(|error| Error::io("reading", error).on(name.to_string()))?;
    Ok(bytes)
}

/// Writes a whole small object under `name`.
pub fn write_whole(store: &dyn Store, name: &Name, bytes: &[u8]) -> Result<()> {
    use crate::error::Error;
    let mut upload = store.create()?;
    upload.write_all(bytes).map_err(|error| Error::io("writing", error).on(name.to_string()))?;
    upload.publish(name)
}
