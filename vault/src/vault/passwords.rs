//! The passwords of PKCS#12 stores, kept beside them: without its password such a store is lost.

use std::fmt;
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::{Chunks, Item, SnapshotInfo, Vault, list};
use crate::error::Result;
use crate::files::ItemPath;
use crate::kinds::Kind;
use crate::kinds::certificates;
use crate::wire::Malformed;

/// The longest password that is read.
const PASSWORD_MAX: usize = 4096;
/// How many different passwords of earlier stores are tried on one: each try may take a second.
const TRIES_MAX: usize = 8;

/// Asks for the password of a store, of which it is given the path and the bytes. It gives one that
/// opens the store and is to be kept, or none.
#[derive(Clone, Default)]
pub struct AskPassword(Option<Arc<Asking>>);

type Asking = dyn Fn(&ItemPath, &[u8]) -> Option<Zeroizing<String>> + Send + Sync;

impl AskPassword {
    /// Asks by calling this.
    pub fn new(
        ask: impl Fn(&ItemPath, &[u8]) -> Option<Zeroizing<String>> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(ask)))
    }
}

impl fmt::Debug for AskPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "AskPassword(asks)" } else { "AskPassword(never)" })
    }
}

/// Where the passwords of the stores of an `add` come from: those of earlier stores first, then
/// somebody is asked.
pub(super) struct Passwords {
    known: Mutex<Vec<Zeroizing<String>>>,
    ask: AskPassword,
}

impl Passwords {
    /// Those kept in the source's snapshot before, as far as this role reads them.
    pub(super) fn of_earlier(vault: &Vault, source: &str, ask: &AskPassword) -> Self {
        let newest = vault.newest().unwrap_or_default();
        let known = newest.get(source).and_then(|info| kept(vault, info).ok());
        Self { known: Mutex::new(known.unwrap_or_default()), ask: ask.clone() }
    }

    /// The password that opens a store.
    pub(super) fn of_store(&self, path: &ItemPath, store: &[u8]) -> Option<Zeroizing<String>> {
        let opens = |password: &str| certificates::opens(store, password);
        let mut known = self.known.lock().ok()?;
        if let Some(at) = known.iter().position(|password| opens(password)) {
            // The next store is likely to have the same.
            let password = known.remove(at);
            known.insert(0, password.clone());
            return Some(password);
        }
        let password = (self.ask.0.as_ref()?)(path, store).filter(|password| opens(password))?;
        known.insert(0, password.clone());
        known.truncate(TRIES_MAX);
        Some(password)
    }
}

fn kept(vault: &Vault, info: &SnapshotInfo) -> Result<Vec<Zeroizing<String>>> {
    let mut passwords = Vec::new();
    if !vault.keys().reads_sealed() || info.snapshot.sealed.is_none() {
        return Ok(passwords);
    }
    let mut items = list(vault, info, &[]);
    while let Some(item) = items.next_item()? {
        if item.facts.kind != Kind::Key.as_str() || passwords.len() >= TRIES_MAX {
            continue;
        }
        // One that is damaged is asked for again.
        if let Ok(Some(password)) = read(&mut items.chunks, &item)
            && !passwords.contains(&password)
        {
            passwords.push(password);
        }
    }
    Ok(passwords)
}

/// The password kept beside an item.
///
/// # Errors
/// When it is damaged.
pub fn kept_password(
    vault: &Vault,
    info: &SnapshotInfo,
    item: &Item,
) -> Result<Option<Zeroizing<String>>> {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    read(&mut chunks, item)
}

pub(super) fn read(chunks: &mut Chunks<'_>, item: &Item) -> Result<Option<Zeroizing<String>>> {
    let Some(content) = &item.facts.password else { return Ok(None) };
    let bytes = Zeroizing::new(chunks.start(content, PASSWORD_MAX)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| Malformed::new("no password", 0))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}
