//! Key slots: small whole files that the crate `age` seals and opens, once this module has found
//! the header to be small, well formed and of bearable work.
#![warn(clippy::arithmetic_side_effects)]

use std::io::{Read as _, Write as _};
use std::iter;

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::format;
use crate::wire::Malformed;

use super::Identity;
use super::header::{self, Header};
use super::person::{SecretKey, SlotIdentity, SlotRecipient};

const PLAIN_MAX: usize = format::AGE_PIECE;
/// A nonce and the tag of the one piece.
const PAYLOAD_EXTRA: usize = 32;

/// What a new slot is locked with. It has no `Debug`.
#[non_exhaustive]
pub enum Lock<'a> {
    /// A passphrase, stretched by scrypt with work [`format::SCRYPT_LOG_N`] (age v1, "scrypt
    /// recipient stanza").
    Passphrase(&'a str),
    /// A person's recipient.
    Recipient(&'a SlotRecipient),
}

impl Lock<'_> {
    /// Whether a vault may be left with this as the only lock that opens everything.
    pub fn stands_alone(&self) -> bool {
        match self {
            Self::Passphrase(_) => true,
            Self::Recipient(recipient) => recipient.stands_alone(),
        }
    }
}

/// What a slot is tried with. It has no `Debug`.
#[non_exhaustive]
pub enum SlotKey<'a> {
    /// A passphrase.
    Passphrase(&'a str),
    /// An X25519 identity.
    Identity(&'a Identity),
    /// A person's identity of any kind.
    Person(&'a SlotIdentity),
}

/// What a slot says it opens with; nothing of it is authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotLock {
    /// A passphrase.
    Passphrase {
        /// The binary logarithm of the scrypt work.
        log_n: u8,
    },
    /// An X25519 identity.
    Identity,
    /// An ssh-ed25519 key.
    Ssh,
    /// Something that a plugin may know.
    Other,
}

impl SlotLock {
    /// Whether a vault may be left with this as the only lock that opens everything.
    pub fn stands_alone(self) -> bool {
        matches!(self, Self::Passphrase { .. } | Self::Identity)
    }
}

/// Seals a slot of at most 64 KiB of plaintext.
pub fn seal_slot(plaintext: &[u8], lock: &Lock<'_>) -> Result<Vec<u8>> {
    if plaintext.len() > PLAIN_MAX {
        return Err(Error::new(ErrorKind::Refused, "a slot holds at most 64 KiB"));
    }
    match lock {
        Lock::Passphrase(passphrase) => {
            let mut recipient = age::scrypt::Recipient::new(secret(passphrase));
            // The crate would calibrate, and gave 2^16 to 2^19 on one machine.
            recipient.set_work_factor(format::SCRYPT_LOG_N);
            seal(plaintext, &recipient)
        }
        Lock::Recipient(recipient) => recipient.with(|recipient| seal(plaintext, recipient)),
    }
}

fn seal(plaintext: &[u8], recipient: &dyn age::Recipient) -> Result<Vec<u8>> {
    let encryptor = Encryptor::with_recipients(iter::once(recipient))
        .map_err(|error| Error::new(ErrorKind::Failed, "sealing a slot").because(error))?;
    let write = || {
        let mut writer = encryptor.wrap_output(Vec::new())?;
        writer.write_all(plaintext)?;
        writer.finish()
    };
    write().map_err(|error| Error::io("sealing a slot", error))
}

/// What a slot says it opens with, from its header alone.
pub fn slot_lock(bytes: &[u8]) -> Result<SlotLock> {
    Header::decode(bytes).map(|header| lock_of(&header)).map_err(damaged)
}

fn lock_of(header: &Header<'_>) -> SlotLock {
    let has = |tag| header.stanzas.iter().any(|stanza| stanza.tag == tag);
    match header.scrypt_log_n {
        Some(log_n) => SlotLock::Passphrase { log_n },
        None if has(header::X25519) => SlotLock::Identity,
        None if has(header::SSH) => SlotLock::Ssh,
        None => SlotLock::Other,
    }
}

/// Opens a slot with `key`; work above 2^`log_n_max` is refused, and above
/// 2^[`format::SCRYPT_LOG_N_LIMIT`] always. The usual limit is [`format::SCRYPT_LOG_N_MAX`].
///
/// It is `WrongKey` when the slot is of another kind, which costs nothing, or does not open with
/// this key; `Refused` when the work is too much; `Damaged` when the slot is malformed or changed.
pub fn open_slot(bytes: &[u8], key: &SlotKey<'_>, log_n_max: u8) -> Result<Zeroizing<Vec<u8>>> {
    let header = Header::decode(bytes).map_err(damaged)?;
    let plain_length = bytes
        .len()
        .checked_sub(header.length)
        .and_then(|payload| payload.checked_sub(PAYLOAD_EXTRA))
        .ok_or(damaged(Malformed::new("a slot that is cut short", header.length)))?;
    if plain_length > PLAIN_MAX {
        return Err(damaged(Malformed::new("a slot of more than 64 KiB", header.length)));
    }
    match (key, lock_of(&header)) {
        (SlotKey::Passphrase(passphrase), SlotLock::Passphrase { log_n }) => {
            check_work(log_n, log_n_max)?;
            let mut identity = age::scrypt::Identity::new(secret(passphrase));
            identity.set_max_work_factor(log_n);
            open(bytes, &identity, plain_length)
        }
        (SlotKey::Identity(identity), SlotLock::Identity) => open(bytes, &identity.0, plain_length),
        (SlotKey::Person(person), lock) if fits(person, lock) => {
            person.with(|identity| open(bytes, identity, plain_length))
        }
        (SlotKey::Passphrase(_), _) => Err(Error::new(ErrorKind::WrongKey, "no passphrase opens")),
        (SlotKey::Identity(_) | SlotKey::Person(_), _) => {
            Err(Error::new(ErrorKind::WrongKey, "no identity opens"))
        }
    }
}

/// Whether it is worth trying: no plugin runs for a slot that is known to be something else's.
fn fits(person: &SlotIdentity, lock: SlotLock) -> bool {
    matches!(
        (&person.key, lock),
        (SecretKey::X25519(_), SlotLock::Identity)
            | (SecretKey::Ssh(_), SlotLock::Ssh)
            | (SecretKey::Plugin(_), SlotLock::Other)
    )
}

fn open(
    bytes: &[u8],
    identity: &dyn age::Identity,
    plain_length: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut stream = Decryptor::new_buffered(bytes)
        .and_then(|decryptor| decryptor.decrypt(iter::once(identity)))
        .map_err(|error| match error {
            DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys => {
                Error::new(ErrorKind::WrongKey, "this key does not open")
            }
            DecryptError::Plugin(_) | DecryptError::PluginResolve(_) => {
                // Of its own words on one line.
                let words = error.to_string();
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                Error::new(ErrorKind::Failed, "a plugin did not open").because(words)
            }
            DecryptError::InvalidMac => damaged(Malformed::new("a wrong header MAC", 0)),
            _ => damaged(Malformed::new("a malformed header", 0)),
        })?;
    let changed = |_| damaged(Malformed::new("a changed payload", 0));
    // Filled in place: a vector that grows would leave plaintext behind.
    let mut plaintext = Zeroizing::new(vec![0; plain_length]);
    stream.read_exact(&mut plaintext).map_err(changed)?;
    // The crate sees the end of a stream only when it is read, and verifies an empty one there.
    if stream.read(&mut [0]).map_err(changed)? == 0 {
        Ok(plaintext)
    } else {
        Err(damaged(Malformed::new("a payload that goes on", 0)))
    }
}

/// Refuses work before any of it is done: a planted slot must not take the machine's memory.
fn check_work(log_n: u8, log_n_max: u8) -> Result<()> {
    if log_n <= log_n_max.min(format::SCRYPT_LOG_N_LIMIT) {
        return Ok(());
    }
    let memory = scrypt_memory(log_n);
    let error = Error::new(ErrorKind::Refused, "too much scrypt work to try a passphrase on");
    Err(if log_n <= format::SCRYPT_LOG_N_LIMIT {
        error.hint(format!(
            "the slot asks for work 2^{log_n} and {memory} of memory; if it is yours, allow that"
        ))
    } else {
        error.hint(format!(
            "the slot asks for work 2^{log_n} and {memory} of memory, and no slot of a vault does; \
             open the vault with another slot"
        ))
    })
}

/// What scrypt needs for 2^`log_n` blocks of 1 KiB.
fn scrypt_memory(log_n: u8) -> String {
    [(20_u8, "GiB"), (10, "MiB"), (0, "KiB")]
        .into_iter()
        .find_map(|(unit, name)| {
            let size = 1_u64.checked_shl(log_n.checked_sub(unit)?.into())?;
            Some(format!("{size} {name}"))
        })
        .unwrap_or_else(|| "more than 16 EiB".to_owned())
}

fn secret(passphrase: &str) -> SecretString {
    SecretString::from(passphrase.to_owned())
}

fn damaged(malformed: Malformed) -> Error {
    Error::new(ErrorKind::Damaged, "opening").because(malformed)
}
