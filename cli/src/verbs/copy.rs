//! `copy`: brings copies on other drives up to date.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vault::error::ErrorKind;
use vault::store::{Area, FolderStore, MemoryStore, Store, Strength};
use vault::vault::{self as library, Copied, CopyOptions, is_copy_begun, read_marker};

use crate::args::{Args, CopyTo, passphrase_source};
use crate::errors::{Code, Failure, Result};
use crate::memory::{KnownCopy, Memory};
use crate::secrets;
use crate::session::{self, Purpose, Session};
use crate::ui::{self, Ui};

pub(crate) fn copy(args: &Args, verb: &CopyTo, ui: &Ui) -> Result<Code> {
    let (path, store) = session::find(args)?;
    let places: Vec<Result<Place>> =
        verb.to.iter().map(|to| Place::find(to, &path, verb.must_exist)).collect();
    let has_key = args.identity_path().is_some() || passphrase_source().is_some();
    let leaves_out = verb.without_sealed || !verb.slots.is_empty();
    let is_scoped = || places.iter().flatten().any(Place::has_scope);
    let is_asked = !verb.all && secrets::has_terminal() && is_scoped();
    let session = match has_key || leaves_out || is_asked {
        true => {
            Some(session::open(args, ui, if verb.dry_run { Purpose::Look } else { Purpose::Read })?)
        }
        false => None,
    };
    let job = Job { verb, ui, path: &path, store: &store, session: session.as_ref() };
    let mut worst = Code::Done;
    for (place, to) in places.into_iter().zip(&verb.to) {
        let code = match place.and_then(|place| job.run(&place)) {
            Ok(code) => code,
            Err(Failure::StdoutClosed) => return Err(Failure::StdoutClosed),
            Err(failure) if verb.to.len() == 1 => return Err(failure),
            Err(Failure::Told { code, message, hint }) => {
                let message = format!("{}: {message}", to.display());
                ui.fail(&Failure::Told { code, message, hint });
                code
            }
        };
        worst = worst.max(code);
    }
    Ok(worst)
}

/// Where a copy is, or will be.
struct Place {
    path: PathBuf,
    /// None where the folder is still to be made.
    store: Option<FolderStore>,
}

impl Place {
    /// PATH itself when it is a copy or does not exist; a folder in it when it is any other folder.
    fn find(to: &Path, source: &Path, must_exist: bool) -> Result<Self> {
        let place = match FolderStore::open(to) {
            Ok(store) if is_copy(to, &store)? => Self { path: to.to_owned(), store: Some(store) },
            Ok(_) => Self::open(to.join(name_of(source)))?,
            Err(error) if error.kind() == ErrorKind::NoVault && !to.exists() => {
                Self { path: to.to_owned(), store: None }
            }
            Err(error) => return Err(error.into()),
        };
        let is_there = place.store.as_ref().is_some_and(|store| {
            read_marker(store).map_or_else(|e| e.kind() != ErrorKind::Missing, |_| true)
        });
        if must_exist && !is_there {
            let message = format!("there is no copy in {}", to.display());
            return Err(Failure::new(Code::NoVault, message)
                .hint("plug the drive in; without --must-exist a copy is begun there"));
        }
        place.refuse_inside(source)?;
        Ok(place)
    }

    fn open(path: PathBuf) -> Result<Self> {
        match FolderStore::open(&path) {
            Ok(store) => Ok(Self { path, store: Some(store) }),
            Err(error) if error.kind() == ErrorKind::NoVault && !path.exists() => {
                Ok(Self { path, store: None })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A vault is not copied into itself.
    fn refuse_inside(&self, source: &Path) -> Result<()> {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let nearest = absolute.ancestors().find_map(|folder| folder.canonicalize().ok());
        match (nearest, source.canonicalize()) {
            (Some(target), Ok(source)) if target.starts_with(&source) => {
                let message = format!("{} is in the vault itself", self.path.display());
                Err(Failure::usage(message).hint("--to a folder on another drive"))
            }
            _ => Ok(()),
        }
    }

    fn has_scope(&self) -> bool {
        let list = |store: &FolderStore| store.list(Area::Scope);
        self.store.as_ref().and_then(|store| list(store).ok()).is_some_and(|list| !list.is_empty())
    }
}

/// Whether a folder is a copy, or was begun as one.
fn is_copy(path: &Path, store: &FolderStore) -> Result<bool> {
    let is_missing = matches!(read_marker(store), Err(error) if error.kind() == ErrorKind::Missing);
    let is_named = path.extension().is_some_and(|extension| extension == "icvault");
    Ok(!is_missing || is_named || is_copy_begun(store)?)
}

/// What a copy of a vault is called.
fn name_of(source: &Path) -> PathBuf {
    let source = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let mut name = PathBuf::from(source.file_name().unwrap_or_else(|| "Vault".as_ref()));
    if name.extension().is_none_or(|extension| extension != "icvault") {
        name.as_mut_os_string().push(".icvault");
    }
    name
}

/// One vault, to be copied to several places.
struct Job<'a> {
    verb: &'a CopyTo,
    ui: &'a Ui,
    path: &'a Path,
    store: &'a Arc<dyn Store>,
    session: Option<&'a Session>,
}

impl Job<'_> {
    fn run(&self, place: &Place) -> Result<Code> {
        let dry_run = self.verb.dry_run;
        let target: Box<dyn Store> = match &place.store {
            Some(store) => Box::new(store.clone()),
            // An empty store stands for a folder that is not made.
            None if dry_run => Box::new(MemoryStore::new()),
            None => Box::new(FolderStore::create(&place.path)?),
        };
        let labels: BTreeSet<String> = self.verb.slots.iter().cloned().collect();
        let options = CopyOptions {
            vault: self.session.map(|session| &session.vault),
            without_sealed: self.verb.without_sealed,
            labels: (!labels.is_empty()).then_some(labels),
            all: self.verb.all,
            dry_run,
            time: session::now(),
        };
        let bar = self.ui.progress();
        let result = library::copy(self.store.as_ref(), target.as_ref(), &options, &bar);
        drop(bar);
        if result.is_err() && place.store.is_none() && !dry_run {
            // Made for nothing; with anything in it, it stays.
            drop(std::fs::remove_dir(&place.path));
        }
        let copied = result.map_err(usage_of)?;
        self.tell(place, &copied)?;
        let is_done = copied.absent.is_empty();
        if !dry_run && is_done {
            self.remember(place, &copied);
        }
        Ok(match (copied.damaged.is_empty(), is_done && copied.slots_held.is_empty()) {
            (false, _) => Code::Damaged,
            (true, false) => Code::Incomplete,
            (true, true) => Code::Done,
        })
    }

    fn tell(&self, place: &Place, copied: &Copied) -> Result<()> {
        let ui = self.ui;
        let shown = ui.named_max();
        for (errors, text) in [(&copied.damaged, "not copied"), (&copied.absent, "not copied yet")]
        {
            for error in errors.iter().take(shown) {
                ui.warn(format!("{text}: {error}"));
            }
            if errors.len() > shown {
                ui.warn(format!("and {} more (-v names all)", errors.len() - shown));
            }
        }
        if !copied.damaged.is_empty() {
            ui.hint("another copy of the vault may have it; icvault check --read-data says what is lost");
        }
        if let Some(hint) = copied.absent.first().and_then(vault::Error::way_out) {
            ui.hint(hint);
            ui.hint("nothing new appears in the copy until then");
        }
        let path = ui::escape(&place.path.display().to_string());
        let what = format!("{} ({})", ui::count(copied.objects, "object"), ui::size(copied.bytes));
        ui.summary(match (self.verb.dry_run, copied.objects) {
            (true, _) => format!("{path}: {what} to be copied"),
            (false, 0) => format!("{path}: up to date"),
            (false, _) => format!("{path}: copied {what}"),
        })?;
        if copied.healed > 0 {
            let objects = ui::count(copied.healed, "damaged object");
            ui.warn(format!(
                "{objects} in the copy gave way to whole ones; do not rely on that drive"
            ));
        }
        if let Some(scope) = &copied.scope {
            let mut parts = Vec::new();
            if scope.without_sealed {
                parts.push("sealed left out on purpose".to_owned());
            }
            if !scope.slots.is_empty() {
                let slots = ui::count(scope.slots.len() as u64, "slot");
                parts.push(format!("{slots} left out on purpose"));
            }
            if !parts.is_empty() {
                ui.summary(format!("{path}: {}", parts.join(", ")))?;
            }
        }
        self.tell_slots(place, copied);
        if copied.ahead > 0 {
            let entries = match copied.ahead {
                1 => "1 chain entry".to_owned(),
                many => format!("{many} chain entries"),
            };
            ui.warn(format!("the copy has {entries} that this vault does not have"));
            ui.hint(format!(
                "icvault -V {} copy --to {}",
                place.path.display(),
                self.path.display()
            ));
        }
        if copied.strength == Strength::Written && copied.objects > 0 && !self.verb.dry_run {
            ui.summary("written and read back; eject before unplugging")?;
        }
        Ok(())
    }

    fn tell_slots(&self, place: &Place, copied: &Copied) {
        let ui = self.ui;
        for label in &copied.labels_full {
            ui.warn(format!("the slot \"{label}\" holds the keys of what is sealed as well"));
            ui.hint("icvault key add --role everyday makes one that does not");
        }
        for id in &copied.slots_removed {
            ui.warn(format!("slot {} was removed, as the vault did before", super::short(id)));
        }
        for id in &copied.slots_stale {
            let id = super::short(id);
            ui.warn(format!("slot {id} was removed from the vault and still opens the copy"));
            ui.hint(format!("icvault -V {} key remove {id}", place.path.display()));
        }
        if !copied.slots_held.is_empty() {
            let slots = ui::count(copied.slots_held.len() as u64, "slot");
            ui.warn(format!(
                "{slots} not brought: without more, they may have been removed on purpose"
            ));
            ui.hint("give a passphrase or identity, so that the chain tells which slots there are");
        }
    }

    fn remember(&self, place: &Place, copied: &Copied) {
        let id = match self.session {
            Some(session) => session.vault.id(),
            None => match read_marker(self.store.as_ref()) {
                Ok(id) => id,
                Err(_) => return,
            },
        };
        let path = place.path.canonicalize().unwrap_or_else(|_| place.path.clone());
        let head = self.session.and_then(|session| session.vault.head());
        let known = KnownCopy {
            path: path.to_string_lossy().into_owned(),
            time: session::now(),
            head_number: copied.number,
            head_code: head.map(|head| head.code),
            whole: copied.scope.is_none(),
        };
        if let Err(error) = Memory::new().remember_copy(id, known) {
            self.ui.detail(format!("remembering the copy: {error}"));
        }
    }
}

/// What was refused can be asked for in another way.
fn usage_of(error: vault::Error) -> Failure {
    let is_asked_wrongly = matches!(error.kind(), ErrorKind::Refused | ErrorKind::NotPermitted);
    match Failure::from(error) {
        Failure::Told { message, hint, .. } if is_asked_wrongly => {
            Failure::Told { code: Code::Usage, message, hint }
        }
        failure => failure,
    }
}
