//! Opening a store with its password, and writing it anew the way it is done today.

use std::collections::BTreeSet;
use std::fmt;

use p12_keystore::error::Error;
use p12_keystore::{
    Certificate as Cert, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12Archive,
    PrivateKey, PrivateKeyChain,
};
use zeroize::Zeroizing;

use super::Entry;
use crate::kinds::certificates::{Certificate, private};

/// The longest store that is opened.
const STORE_MAX: usize = 4 << 20;
/// How often PBKDF2 and the MAC's derivation go round: a guess at the password costs that much.
const ROUNDS: u32 = 600_000;

/// Why a store was not opened or not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkcs12Error {
    /// The password is another.
    WrongPassword,
    /// It is of a sort that cannot be read here, too long, or damaged.
    Unreadable,
    /// It has something that would be lost if it were written anew, or the new password has
    /// characters that such stores cannot take: those beyond the first plane of Unicode.
    Unwritable,
}

impl fmt::Display for Pkcs12Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongPassword => "wrong password",
            Self::Unreadable => "the PKCS#12 store is damaged or of a sort that cannot be read",
            Self::Unwritable => "the PKCS#12 store cannot hold all of it or this password",
        })
    }
}

impl std::error::Error for Pkcs12Error {}

/// What is in a store: first each certificate, with its key if that is there, then keys alone.
///
/// # Errors
/// When the password is wrong, or the store cannot be read.
pub fn open_p12(bytes: &[u8], password: &str) -> Result<Vec<Entry>, Pkcs12Error> {
    Ok(entries(archive(bytes, password)?))
}

/// The same store under `new_password`, encrypted with AES-256 and authenticated with SHA-256.
/// A certificate without a key is called by its subject in it.
///
/// # Errors
/// When the password is wrong, or the store cannot be read, or has secrets of other sorts.
pub fn rewrap_p12(
    bytes: &[u8],
    password: &str,
    new_password: &str,
) -> Result<Vec<u8>, Pkcs12Error> {
    let archive = archive(bytes, password)?;
    if !archive.secrets.is_empty() {
        return Err(Pkcs12Error::Unwritable);
    }
    let store = joined(entries(archive)).ok_or(Pkcs12Error::Unwritable)?;
    store
        .writer(new_password)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .encryption_iterations(ROUNDS)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        .mac_iterations(ROUNDS)
        .write()
        .map_err(|_| Pkcs12Error::Unwritable)
}

fn archive(bytes: &[u8], password: &str) -> Result<Pkcs12Archive, Pkcs12Error> {
    if bytes.len() > STORE_MAX {
        return Err(Pkcs12Error::Unreadable);
    }
    Pkcs12Archive::from_pkcs12(bytes, password).map_err(|error| match error {
        // Without a MAC it is the padding that tells, or what decrypts makes no sense.
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => Pkcs12Error::WrongPassword,
        _ => Pkcs12Error::Unreadable,
    })
}

fn entries(archive: Pkcs12Archive) -> Vec<Entry> {
    let mut keys: Vec<_> = archive
        .keys
        .into_iter()
        .map(|bag| {
            let der = Zeroizing::new(bag.key.as_der().to_vec());
            let public = private::parse(&der).and_then(|key| key.public);
            (bag.friendly_name, bag.local_key_id, public, der)
        })
        .collect();
    let mut entries = Vec::new();
    for bag in archive.certs {
        let der = bag.cert.as_der().to_vec();
        let public = Certificate::parse(&der).map(|certificate| certificate.key);
        let mine = keys.iter().position(|(_, id, key, _)| match (key, &public) {
            (Some(key), Some(public)) => key == public,
            _ => match (id, &bag.local_key_id) {
                (Some(id), Some(own)) => id.as_ref() == own.as_slice(),
                _ => false,
            },
        });
        let (key_name, key) = match mine.map(|at| keys.remove(at)) {
            Some((name, _, _, key)) => (name, Some(key)),
            None => (None, None),
        };
        let name = bag.friendly_name.or(key_name);
        entries.push(Entry { name, certificate: Some(der), key });
    }
    let alone = keys.into_iter();
    entries.extend(alone.map(|(name, _, _, key)| Entry {
        name,
        certificate: None,
        key: Some(key),
    }));
    entries
}

/// A store of these entries; certificates without a key go with the first that has one, as its
/// chain.
fn joined(entries: Vec<Entry>) -> Option<KeyStore> {
    let (with_key, without): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.key.is_some());
    let mut store = KeyStore::new();
    let mut names = BTreeSet::new();
    let mut others = Vec::new();
    for entry in &without {
        let der = entry.certificate.as_deref()?;
        others.push((entry.name.as_deref(), Cert::from_der(der).ok()?));
    }
    for (number, entry) in with_key.into_iter().enumerate() {
        let key = PrivateKey::from_der(&entry.key?).ok()?;
        let own = entry.certificate.map(|der| Cert::from_der(&der)).transpose().ok()?;
        let mut certificates: Vec<_> = own.into_iter().collect();
        if !certificates.is_empty() {
            certificates.extend(others.drain(..).map(|(_, certificate)| certificate));
        }
        let alias = alias(&mut names, entry.name.as_deref().unwrap_or("key"));
        let id = number.to_string();
        let chain = PrivateKeyChain::new(id, key, certificates);
        store.add_entry(&alias, KeyStoreEntry::PrivateKeyChain(chain));
    }
    for (name, certificate) in others {
        let alias = alias(&mut names, name.unwrap_or(certificate.subject()));
        store.add_entry(&alias, KeyStoreEntry::Certificate(certificate));
    }
    Some(store)
}

/// `name` as a store can hold it, which has no characters beyond the first plane, and once.
fn alias(names: &mut BTreeSet<String>, name: &str) -> String {
    let plain = |char| if u32::from(char) > 0xFFFF { '\u{FFFD}' } else { char };
    let name: String = name.chars().map(plain).collect();
    let mut alias = name.clone();
    let mut number = 2;
    while !names.insert(alias.clone()) {
        alias = format!("{name} {number}");
        number += 1;
    }
    alias
}
