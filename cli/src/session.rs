//! Finding and opening the vault, and comparing it with what is remembered of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use vault::ErrorKind;
use vault::format::SCRYPT_LOG_N_MAX;
use vault::id::{VaultId, hex};
use vault::store::{FolderStore, Store};
use vault::vault::{OpenOptions, Randomness, Unlock, Vault, read_marker, slots};

use crate::args::Args;
use crate::errors::{Code, Failure, Result};
use crate::memory::{Known, LastCheck, Memory};
use crate::secrets;
use crate::ui::{self, Ui};

/// What a verb is going to do with the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// See the chain and the slots, as every role does.
    Look,
    /// Read content.
    Read,
    Write,
}

/// An open vault.
pub(crate) struct Session {
    pub(crate) vault: Vault,
    pub(crate) path: PathBuf,
    memory: Memory,
    known: Option<Known>,
}

/// How often a person may try again.
const TRIES: usize = 3;

/// Opens the vault that the command line means.
pub(crate) fn open(args: &Args, ui: &Ui, purpose: Purpose) -> Result<Session> {
    let (path, store) = find(args)?;
    if slots(store.as_ref(), None)?.is_empty() {
        // Says what is there instead, before anybody is asked for a passphrase.
        Vault::open(Arc::clone(&store), &Unlock::Identities(&[]), &options(None))?;
    }
    let memory = Memory::new();
    let known = read_marker(store.as_ref()).ok().map(|id| memory.recall(id));
    let known = known.transpose().unwrap_or_default().flatten();
    let options = options(known.as_ref().map(|known| known.fingerprint));
    let vault = unlock(args, ui, &path, &store, &options)?;
    let mut session = Session { vault, path, memory, known: None };
    session.compare(ui, purpose)?;
    if purpose == Purpose::Read {
        session.vault.refuse_unread()?;
    }
    session.remember(ui);
    Ok(session)
}

/// The folder of the vault that the command line means, and its store.
pub(crate) fn find(args: &Args) -> Result<(PathBuf, Arc<dyn Store>)> {
    let path = match args.vault_path() {
        Some(path) => path,
        None => only_one_here()?,
    };
    let store = FolderStore::open(&path).map_err(|error| {
        let failure = Failure::from(error);
        failure.hint(format!("icvault init {}", path.display()))
    })?;
    Ok((path, Arc::new(store)))
}

fn only_one_here() -> Result<PathBuf> {
    let no_vault = |message: &str| {
        Failure::new(Code::NoVault, message)
            .hint("-V PATH or ICVAULT_VAULT; a new one: icvault init PATH")
    };
    let entries = std::fs::read_dir(".").map_err(|_| no_vault("no vault was named"))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(PathBuf::from(entry.ok()?.file_name())))
        .filter(|path| path.extension().is_some_and(|e| e == "icvault") && path.is_dir())
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path),
        (Some(_), false) => Err(no_vault("there are several vaults here, and none was named")),
        (None, _) => Err(no_vault("no vault was named, and there is none here")),
    }
}

fn options(known_fingerprint: Option<[u8; 32]>) -> OpenOptions {
    OpenOptions { known_fingerprint, log_n_max: SCRYPT_LOG_N_MAX, random: random() }
}

fn unlock(
    args: &Args,
    ui: &Ui,
    path: &Path,
    store: &Arc<dyn Store>,
    options: &OpenOptions,
) -> Result<Vault> {
    let open = |unlock: &Unlock<'_>| Vault::open(Arc::clone(store), unlock, options);
    if let Some(identities) = secrets::identities(args, ui)? {
        return Ok(open(&Unlock::Keys(&identities))?);
    }
    if let Some(passphrase) = secrets::passphrase_from_environment()? {
        return Ok(open(&Unlock::Passphrase(&passphrase))?);
    }
    let question =
        format!("passphrase or recovery code of {}: ", ui::escape(&path.display().to_string()));
    let mut tries = 1;
    loop {
        let passphrase = secrets::prompt(&question, "ICVAULT_PASSPHRASE_FILE")?;
        match open(&Unlock::Passphrase(&passphrase)) {
            Ok(vault) => return Ok(vault),
            Err(error) if error.kind() == ErrorKind::WrongKey && tries < TRIES => {
                ui.warn(error.to_string());
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Session {
    /// Compares the vault with what is remembered of it.
    fn compare(&mut self, ui: &Ui, purpose: Purpose) -> Result<()> {
        let id = self.vault.id();
        let file = self.memory.file(id).unwrap_or_default();
        let known = match self.memory.recall(id) {
            Ok(known) => known,
            Err(error) if purpose != Purpose::Write => {
                ui.warn(format!("what was remembered of this vault cannot be read: {error}"));
                ui.hint(format!("look at {}", file.display()));
                return Ok(());
            }
            Err(error) => {
                let message = format!("reading what is remembered of this vault: {error}");
                let hint = format!("look at {} before writing to the vault", file.display());
                return Err(Failure::new(Code::WrongKey, message).hint(hint));
            }
        };
        let Some(known) = known else { return Ok(()) };
        let fingerprint = self.vault.fingerprint();
        if known.fingerprint != fingerprint {
            let message = "these are not the keys this computer knows the vault by";
            let hint = format!(
                "somebody may have put another vault in its place: compare the fingerprint {} with \
                 another copy's (icvault info); if it is right, remove {}",
                hex(&fingerprint),
                file.display()
            );
            if purpose == Purpose::Write {
                return Err(Failure::new(Code::WrongKey, message).hint(hint));
            }
            ui.warn(message);
            ui.hint(hint);
        } else if !self.vault.has_entry(known.head)? {
            let number = self.vault.head().map_or(0, |head| head.number);
            let behind = known.head_number.saturating_sub(number).max(1);
            let behind = ui::count(behind, "snapshot");
            ui.warn(format!("this vault is {behind} behind what this computer has seen"));
            ui.hint(
                "an older copy, or one that was set back; icvault check --head CODE tells more",
            );
        }
        self.known = Some(known);
        Ok(())
    }

    /// Whether a copy of the vault was made from here.
    pub(crate) fn has_copies(&self) -> bool {
        !self.memory.copies(self.vault.id()).is_empty()
    }

    /// Remembers the vault as it is now, unless what is remembered says more.
    pub(crate) fn remember(&mut self, ui: &Ui) {
        let Some(head) = self.vault.head() else { return };
        let (id, fingerprint) = (self.vault.id(), self.vault.fingerprint());
        if let Some(known) = &self.known {
            let follows = known.fingerprint == fingerprint
                && self.vault.has_entry(known.head).unwrap_or(false);
            if !follows || known.head == head.id {
                return;
            }
        }
        let last_check = self.known.as_ref().and_then(|known| known.last_check);
        let known = Known { fingerprint, head_number: head.number, head: head.id, last_check };
        self.keep(ui, id, known);
    }

    /// What the last check came to, as far as this computer knows.
    pub(crate) fn last_check(&self) -> Option<LastCheck> {
        self.known.as_ref().and_then(|known| known.last_check)
    }

    /// Remembers what a check came to; not of other keys than the ones that are known.
    pub(crate) fn remember_check(&mut self, ui: &Ui, check: LastCheck) {
        let fingerprint = self.vault.fingerprint();
        let known = self.known.clone().filter(|known| known.fingerprint == fingerprint);
        if let Some(known) = known {
            self.keep(ui, self.vault.id(), Known { last_check: Some(check), ..known });
        }
    }

    fn keep(&mut self, ui: &Ui, id: VaultId, known: Known) {
        match self.memory.remember(id, &known) {
            Ok(true) => self.known = Some(known),
            Ok(false) => ui.detail("no home folder, so nothing of this vault is remembered here"),
            Err(error) => ui.detail(format!("remembering the vault's state: {error}")),
        }
    }
}

/// A vault that was just made.
pub(crate) fn made(vault: Vault, path: &Path, ui: &Ui) -> Session {
    let (path, memory) = (path.to_owned(), Memory::new());
    let mut session = Session { vault, path, memory, known: None };
    session.remember(ui);
    session
}

/// The system's randomness.
pub(crate) fn random() -> Randomness {
    Arc::new(|bytes| getrandom::fill(bytes).expect("the system gives randomness"))
}

/// Now, in nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
