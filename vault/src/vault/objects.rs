//! Objects of a store as age files: opened, verified, written.

use std::io::{self, Write};
use std::sync::Arc;

use super::{OBJECT_MAX, Randomness, sha};
use crate::chain::{Entry, EntryKeys};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{EntryId, Sha};
use crate::index::Plaintext;
use crate::keys::{Bundle, Compartment};
use crate::payload::{self, FileKey, ReadAt};
use crate::store::{self, Area, Name, Object, Store, Upload};
use crate::wire::Malformed;

/// An object of a store, as the payload reads it.
pub(crate) struct Stored(pub(crate) Box<dyn Object>);

impl ReadAt for Stored {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
}

/// How much is decrypted to read a few bytes.
const PIECE_SIZE: u64 = 64 << 10;
/// The longest object that may be held in memory once it was asked often, in bytes.
const HELD_MAX: u64 = 16 << 20;

/// The authenticated plaintext of an object.
pub(crate) struct Plain {
    reader: payload::Reader<Stored>,
    name: Name,
    may_be_held: bool,
    /// How much was decrypted so far.
    decrypted: u64,
    /// All of it.
    held: Option<Vec<u8>>,
}

impl Plain {
    /// Opens an object of a compartment that the bundle can read.
    pub(crate) fn open(
        store: &dyn Store,
        bundle: &Bundle,
        compartment: Compartment,
        name: &Name,
    ) -> Result<Self> {
        let identity = bundle.identity(compartment).ok_or_else(|| not_permitted(compartment))?;
        let object = Stored(store.open(name)?);
        let reader = payload::Reader::open(object, &[identity])
            .map_err(|error| error.on_if_unnamed(|| name.to_string()))?;
        Ok(Self { reader, name: name.clone(), may_be_held: false, decrypted: 0, held: None })
    }

    /// For what is read here and there, over and over, and holds no content: it is decrypted as a
    /// whole once that costs less than what was decrypted already.
    pub(crate) fn held(self) -> Self {
        Self { may_be_held: true, ..self }
    }

    fn hold(&mut self) -> Result<()> {
        let length = self.reader.plain_length();
        let may_be_held = self.may_be_held && length <= HELD_MAX;
        if self.held.is_some() || !may_be_held || self.decrypted <= length.saturating_mul(2) {
            return Ok(());
        }
        let mut held = vec![0; usize::try_from(length).unwrap_or_default()];
        self.reader.read_at(0, &mut held)?;
        self.held = Some(held);
        Ok(())
    }
}

impl Plaintext for Plain {
    fn length(&self) -> u64 {
        self.reader.plain_length()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let held = self.hold().and_then(|()| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let held = self.held.as_ref().and_then(|held| held.get(start..)?.get(..buffer.len()));
            match held {
                Some(held) => buffer.copy_from_slice(held),
                None => {
                    self.decrypted = self.decrypted.saturating_add(PIECE_SIZE);
                    self.reader.read_at(offset, buffer)?;
                }
            }
            Ok(())
        });
        let name = &self.name;
        held.map_err(|error: Error| error.on_if_unnamed(|| name.to_string()))
    }
}

/// What a role that does not read a compartment is told.
pub(crate) fn not_permitted(compartment: Compartment) -> Error {
    let hint = match compartment {
        Compartment::Sealed => "use the full passphrase or the recovery code",
        Compartment::Index | Compartment::General => {
            "use the everyday or the full passphrase, or the recovery code"
        }
    };
    Error::new(ErrorKind::NotPermitted, "this key does not open the compartment")
        .on(compartment.as_str())
        .hint(hint)
}

/// A whole small object whose bytes are what its name says: the id behind the last `-`, or the
/// whole name.
pub fn read_verified(store: &dyn Store, name: &Name) -> Result<Vec<u8>> {
    let bytes = store::read_whole(store, name, OBJECT_MAX)?;
    let id = name.file().rsplit('-').next().unwrap_or_default();
    if crate::id::hex(&sha(&bytes)) == id {
        Ok(bytes)
    } else {
        Err(Error::new(ErrorKind::Damaged, "not the bytes its name says:").on(name.to_string()))
    }
}

/// Reads an entry from the first of its two copies that is whole.
pub fn open_entry(
    store: &dyn Store,
    bundle: &Bundle,
    keys: &EntryKeys,
    number: u64,
    id: EntryId,
) -> Result<Entry> {
    let open = |area| {
        let name = super::entry_name(area, number, id);
        let bytes = read_verified(store, &name)?;
        decode_entry(&bytes, bundle, keys, number)
            .map_err(|error| error.on_if_unnamed(|| name.to_string()))
    };
    // The error of the first copy tells more, unless it is merely absent.
    open(Area::ChainA).or_else(|first| {
        open(Area::ChainB).map_err(|second| match first.kind() {
            ErrorKind::Missing => second,
            _ => first,
        })
    })
}

fn decode_entry(bytes: &[u8], bundle: &Bundle, keys: &EntryKeys, number: u64) -> Result<Entry> {
    let plaintext = decrypt(bytes, bundle, Compartment::Index)?;
    let entry = Entry::decode(&plaintext, bundle.vault(), keys)?;
    if entry.number == number {
        Ok(entry)
    } else {
        Err(Malformed::new("an entry under another number", 0).into())
    }
}

/// The whole authenticated plaintext of a small object.
pub(super) fn decrypt(bytes: &[u8], bundle: &Bundle, compartment: Compartment) -> Result<Vec<u8>> {
    let identity = bundle.identity(compartment).ok_or_else(|| not_permitted(compartment))?;
    let mut reader = payload::Reader::open(bytes, &[identity])?;
    let length = usize::try_from(reader.plain_length())
        .map_err(|_| Malformed::new("an object over its limit", 0))?;
    let mut plaintext = vec![0; length];
    reader.read_at(0, &mut plaintext)?;
    Ok(plaintext)
}

/// Encrypts a small plaintext to a compartment.
pub(crate) fn seal_bytes(
    bundle: &Bundle,
    random: &Randomness,
    compartment: Compartment,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let (file_key, nonce) = draw(random);
    let mut writer =
        payload::Writer::new(bundle.recipient(compartment), &file_key, nonce, Vec::new())?;
    writer.write_all(plaintext).map_err(|error| Error::io("encrypting", error))?;
    writer.finish()
}

/// A file key and a nonce.
pub(crate) fn draw(random: &Randomness) -> (FileKey, [u8; 16]) {
    let mut key = [0; FileKey::SIZE];
    random(&mut key);
    let mut nonce = [0; 16];
    random(&mut nonce);
    (FileKey::new(key), nonce)
}

/// An upload that knows the hash of what went through.
pub(crate) struct Hashed {
    upload: Box<dyn Upload>,
    sha: Sha,
    length: u64,
}

impl Hashed {
    pub(crate) fn new(upload: Box<dyn Upload>) -> Self {
        Self { upload, sha: Sha::default(), length: 0 }
    }

    /// The upload, the SHA-256 of its bytes and their number.
    pub(crate) fn finish(self) -> (Box<dyn Upload>, [u8; 32], u64) {
        (self.upload, self.sha.finish(), self.length)
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.upload.write(bytes)?;
        self.sha.update(bytes.get(..written).unwrap_or_default());
        self.length = self.length.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

/// Writes an object whose plaintext `fill` produces, encrypted to a compartment, and compares what
/// the medium gives back. Its name is made of its hash.
pub(crate) fn write_object<T>(
    store: &dyn Store,
    bundle: &Bundle,
    random: &Randomness,
    compartment: Compartment,
    name: impl Fn(&str) -> Option<Name>,
    fill: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<([u8; 32], T)> {
    let (file_key, nonce) = draw(random);
    let hashed = Hashed::new(store.create()?);
    let mut writer = payload::Writer::new(bundle.recipient(compartment), &file_key, nonce, hashed)?;
    let value = fill(&mut writer)?;
    let (mut upload, id, _) = writer.finish()?.finish();
    let text = crate::id::hex(&id);
    let name = name(&text).ok_or(Malformed::new("no name of an object", 0))?;
    if hash_object(upload.read_back()?.as_mut(), &name)? != id {
        return Err(not_given_back(&name));
    }
    upload.publish(&name)?;
    Ok((id, value))
}

/// What is said of a medium that does not keep what it took.
pub(crate) fn not_given_back(name: &Name) -> Error {
    Error::new(ErrorKind::Failed, "the medium gave back other bytes than were written:")
        .on(name.to_string())
        .hint("do not trust this drive; copy the vault to another one")
}

/// SHA-256 of a whole object, read in pieces.
pub(crate) fn hash_object(object: &mut dyn Object, name: &Name) -> Result<[u8; 32]> {
    let mut sha = Sha::default();
    let mut buffer = vec![0; 1 << 20];
    let (mut at, length) = (0, object.length());
    while at < length {
        let size =
            usize::try_from(length.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        let part = buffer.get_mut(..size).unwrap_or_default();
        object
            .read_at(at, part)
            .map_err(|error| Error::io("reading", error).on(name.to_string()))?;
        sha.update(part);
        at = at.saturating_add(size as u64);
    }
    Ok(sha.finish())
}

/// The name of a pack.
pub(crate) fn pack_name(id: crate::id::PackId) -> Name {
    Name::new(Area::Packs, id.to_string()).expect("a pack's name is its id")
}

/// The name of a table.
pub(crate) fn table_name(id: crate::id::TableId) -> Name {
    Name::new(Area::Index, id.to_string()).expect("a table's name is its id")
}

/// The ids of the packs in a store.
pub(crate) fn pack_ids(store: &Arc<dyn Store>) -> Result<Vec<crate::id::PackId>> {
    let names = store.list(Area::Packs)?;
    Ok(names.iter().filter_map(|name| crate::id::PackId::parse(name.file())).collect())
}
