//! Bytes to age files and back, for every object of a vault; what the bytes mean is not known here.
//!
//! Packs, tables and chain entries are written by [`Writer`] and read by [`Reader`]: an age v1 file
//! of one X25519 stanza, its pieces sealed by `ring`. Slots are small whole files that the crate
//! `age` seals and opens; see [`seal_slot`] and [`open_slot`]. The format is age v1,
//! <https://c2sp.org/age>; its sections are cited by name.
//!
//! ```text
//! age-encryption.org/v1             header: at most 16 KiB and 32 stanzas
//! -> X25519 SHARE
//! WRAPPED FILE KEY
//! --- MAC
//! nonce (16)  piece (64 KiB + 16) …  last piece (1 to 64 KiB, or 0 if alone, + 16)
//! ```
#![warn(clippy::arithmetic_side_effects)]

mod header;
mod person;
mod slot;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use age::secrecy::ExposeSecret as _;
use age::{Identity as _, Recipient as _};
use age_core::format::Stanza;
use ring::agreement::{self, X25519};
use ring::rand::SystemRandom;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Malformed;

pub use person::{Ask, SlotIdentity, SlotRecipient};
pub use slot::{Lock, SlotKey, SlotLock, open_slot, seal_slot, slot_lock};
pub use stream::{Reader, Writer};

/// Whom a file is sealed to: an X25519 public key (age v1, "X25519 recipient stanza").
///
/// It has no `Debug`: a vault's recipients stand in key bundles only, so that no log and no error
/// text gives one to somebody who keeps the files until X25519 is broken.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(age::x25519::Recipient);

impl Recipient {
    /// Reads `age1…` in its one form, lower case. A point of low order is refused: everybody
    /// knows the secret that is shared with it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let wrong = Malformed::new("not an age recipient", 0);
        let recipient: age::x25519::Recipient = text.parse().map_err(|_| wrong)?;
        if recipient.to_string() != text {
            return Err(Malformed::new("an age recipient that is not in its usual form", 0));
        }
        // The crate would panic when it seals to such a point.
        let point = bech32_point(text).ok_or(wrong)?;
        let ours = agreement::EphemeralPrivateKey::generate(&X25519, &SystemRandom::new())
            .map_err(|_| Malformed::new("no randomness to try an age recipient with", 0))?;
        let theirs = agreement::UnparsedPublicKey::new(&X25519, point);
        agreement::agree_ephemeral(ours, &theirs, |_| ())
            .map_err(|_| Malformed::new("an age recipient of low order", 0))?;
        Ok(Self(recipient))
    }

    /// The one stanza that gives `file_key` to this recipient.
    fn wrap(&self, file_key: &FileKey) -> Result<Vec<Stanza>> {
        let (stanzas, _labels) = self
            .0
            .wrap_file_key(&file_key.0)
            .map_err(|error| Error::new(ErrorKind::Failed, "wrapping a file key").because(error))?;
        Ok(stanzas)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The 32 bytes of a recipient whose text has been found valid: 52 characters of five bits.
fn bech32_point(text: &str) -> Option<[u8; 32]> {
    const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let data = text.strip_prefix("age1")?.as_bytes().get(..52)?;
    let mut bits = data.iter().flat_map(|byte| {
        let value = CHARACTERS.iter().position(|character| character == byte).unwrap_or(0);
        [16, 8, 4, 2, 1].map(|mask| u8::from(value & mask != 0))
    });
    let mut point = [0; 32];
    for byte in &mut point {
        *byte = bits.by_ref().take(8).fold(0, |byte, bit| byte << 1 | bit);
    }
    Some(point)
}

/// What opens files: an X25519 secret key, wiped when dropped. It has no `Debug`, `Display` or
/// `Clone`.
pub struct Identity(age::x25519::Identity);

impl Identity {
    /// Draws a new one from the system's randomness.
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Reads a line `AGE-SECRET-KEY-1…` in its one form, upper case.
    pub fn parse(line: &str) -> Result<Self, Malformed> {
        let identity = line.parse().map_err(|_| Malformed::new("not an age identity", 0))?;
        let identity = Self(identity);
        if identity.expose().as_str() != line {
            return Err(Malformed::new("an age identity that is not in its usual form", 0));
        }
        Ok(identity)
    }

    /// The line `AGE-SECRET-KEY-1…`.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string().expose_secret().to_owned())
    }

    /// Whom to seal to for this identity to open.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    /// The file key of an X25519 stanza; none when the stanza is for somebody else.
    fn unwrap(&self, stanza: &Stanza) -> Option<Result<FileKey, Malformed>> {
        let file_key = self.0.unwrap_stanza(stanza)?;
        // Its shape has been checked; what is left is a share of low order.
        let refused = |_| Malformed::new("an X25519 share of low order", 0);
        Some(file_key.map(FileKey).map_err(refused))
    }
}

/// The key of one file, 16 random bytes, wiped when dropped (age v1, "File key"). It has no
/// `Debug`, `Display` or `Clone`.
pub struct FileKey(age_core::format::FileKey);

impl FileKey {
    /// Its size.
    pub const SIZE: usize = age_core::format::FILE_KEY_BYTES;

    /// Takes bytes that were drawn for one file and are used for no other.
    pub fn new(mut bytes: [u8; Self::SIZE]) -> Self {
        let file_key = age_core::format::FileKey::init_with_mut(|key| *key = bytes);
        bytes.zeroize();
        Self(file_key)
    }

    /// HKDF-SHA-256 of the file key (age v1, "Header MAC" and "Payload").
    fn derive(&self, salt: &[u8], label: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Hkdf::<sha2::Sha256>::new(Some(salt), self.0.expose_secret())
            .expand(label, key.as_mut_slice())
            .expect("HKDF gives up to 8,160 bytes");
        key
    }
}

/// Bytes of a known length that can be read anywhere: an object of a store, or a slice.
pub trait ReadAt {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// Fills `buf` with the bytes from `offset`; an early end is `UnexpectedEof`.
    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..))
            .and_then(|bytes| bytes.get(..buf.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &mut T {
    fn length(&self) -> u64 {
        (**self).length()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn length(&self) -> u64 {
        (**self).length()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }
}
