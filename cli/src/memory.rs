//! What is remembered of a vault outside of it: the fingerprint of its keys and its newest entry.
//! A medium that somebody had in their hands may hold other keys, or an older state, and nothing
//! on it can tell.
//!
//! ```text
//! FOLDER/VAULT-ID.json   {"fingerprint": hex, "head_number": 4, "head_id": hex}, mode 0600; once
//!                        the vault was checked also "last_check": {"time", "code", "read_data"}
//! FOLDER/VAULT-ID.copies.json   [{"path": …, "time": ns, "head_number": 4, "head_code": …, "whole": …}]
//! ```
//!
//! The copies stand in a file of their own: they are a convenience, and losing what they say must not
//! cost what guards against another vault in this one's place.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vault::id::{EntryId, VaultId, hex, unhex};

use crate::args;

/// What is remembered of one vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) fingerprint: [u8; 32],
    pub(crate) head_number: u64,
    pub(crate) head: EntryId,
    pub(crate) last_check: Option<LastCheck>,
}

/// What the last check with a key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastCheck {
    /// Nanoseconds since 1970 UTC.
    pub(crate) time: i64,
    /// The exit code.
    pub(crate) code: u8,
    /// Whether every byte was read.
    pub(crate) read_data: bool,
}

#[derive(Serialize, Deserialize)]
struct File1 {
    fingerprint: String,
    head_number: u64,
    head_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_check: Option<LastCheck>,
}

/// A copy that was made from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownCopy {
    pub(crate) path: String,
    /// When it was last brought up to date, in nanoseconds since 1970.
    pub(crate) time: i64,
    pub(crate) head_number: u64,
    /// Known only when the vault was opened for it.
    #[serde(default)]
    pub(crate) head_code: Option<String>,
    /// Whether nothing was left out on purpose.
    pub(crate) whole: bool,
}

/// The folder for it, if this computer has a place.
pub(crate) struct Memory(Option<PathBuf>);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(args::state_folder())
    }

    /// What is remembered of a vault.
    ///
    /// # Errors
    /// When something is there that cannot be read: to forget is what an attacker wants.
    pub(crate) fn recall(&self, vault: VaultId) -> io::Result<Option<Known>> {
        let Some(path) = self.file(vault) else { return Ok(None) };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let known = serde_json::from_slice::<File1>(&bytes).ok().and_then(|file| {
            Some(Known {
                fingerprint: unhex(&file.fingerprint)?,
                head_number: file.head_number,
                head: EntryId::parse(&file.head_id)?,
                last_check: file.last_check,
            })
        });
        known.map(Some).ok_or_else(|| io::Error::other("not what icvault wrote there"))
    }

    /// Remembers a vault's state in the place of an earlier one; returns whether there is a place.
    pub(crate) fn remember(&self, vault: VaultId, known: &Known) -> io::Result<bool> {
        let Some(path) = self.file(vault) else { return Ok(false) };
        let file = File1 {
            fingerprint: hex(&known.fingerprint),
            head_number: known.head_number,
            head_id: known.head.to_string(),
            last_check: known.last_check,
        };
        let text = serde_json::to_string(&file).map_err(io::Error::other)?;
        replace(&path, &text).map(|()| true)
    }

    /// The copies that were made from here, by their paths. What cannot be read is forgotten.
    pub(crate) fn copies(&self, vault: VaultId) -> Vec<KnownCopy> {
        let bytes = self.copies_file(vault).and_then(|path| fs::read(path).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Remembers a copy in the place of what was known of one at its path.
    pub(crate) fn remember_copy(&self, vault: VaultId, copy: KnownCopy) -> io::Result<()> {
        let Some(path) = self.copies_file(vault) else { return Ok(()) };
        let mut copies = self.copies(vault);
        copies.retain(|known| known.path != copy.path);
        copies.push(copy);
        copies.sort_by(|one, other| one.path.cmp(&other.path));
        replace(&path, &serde_json::to_string(&copies).map_err(io::Error::other)?)
    }

    fn copies_file(&self, vault: VaultId) -> Option<PathBuf> {
        self.0.as_ref().map(|folder| folder.join(format!("{vault}.copies.json")))
    }

    /// The file for a vault.
    pub(crate) fn file(&self, vault: VaultId) -> Option<PathBuf> {
        self.0.as_ref().map(|folder| folder.join(format!("{vault}.json")))
    }
}

/// Writes a line to a file, in the place of what was there.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Another process may do the same: each has a temporary file of its own, the last wins.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let options = File::options().write(true).create(true).truncate(true).mode(0o600).clone();
        let mut file = options.open(&temporary)?;
        file.write_all(format!("{text}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    let written = write();
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written
}
