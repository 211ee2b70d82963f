//! The verbs: [`init`], [`Vault::open`], [`add()`], [`Vault::snapshots`], [`list()`], [`cat`],
//! [`extract()`] and the slots. This module joins the stages, and it alone has threads.

mod add;
mod alarm;
mod albums;
mod assets;
mod bundles;
mod chunks;
mod compare_items;
mod compare_records;
mod copy;
mod export;
mod extract;
mod handle;
mod held;
mod item;
mod likeness;
mod list;
mod mailboxes;
mod objects;
mod part_names;
mod passwords;
mod pipeline;
mod plan;
mod record;
mod recorder;
mod records;
mod remove;
mod scopes;
mod search;
mod search_records;
mod slots;
mod snapshots;
mod sorter;
mod source;
mod stage;
mod surroundings;
mod terms;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use crate::chain::{self, Entry, EntryKeys, Heads, Record, SlotRow};
use crate::error::{Error, ErrorKind, Result};
use crate::format;
use crate::id::{EntryId, MacKey, Sha, VaultId};
use crate::index::TableKeys;
use crate::keys::{Bundle, Compartment, Role};
use crate::scope::Scope;
use crate::store::{self, Area, Name, Store, Upload};
use crate::wire::Malformed;

pub use add::{AddOptions, Added, KindSummary, LeftOut, Seal, Summary, add, add_archive};
pub use alarm::{Alarm, Limit, Loss, Losses};
pub use albums::{Albums, albums};
pub(crate) use chunks::open_table;
pub use chunks::{ChunkBytes, Chunks, Positions};
pub use compare_items::{ItemChange, ItemChanges, compare_items};
use compare_records::compare_contents;
pub use compare_records::{Fate, RecordChange, RecordChanges, compare_records, missing_records};
pub use copy::{Copied, CopyOptions, copy, is_copy_begun};
pub use export::{Exported, export};
pub use extract::{ExtractOptions, Extracted, FlatNames, Lost, cat, extract, preview};
pub use handle::{Handle, HandlePrefix};
pub use item::{Facts, ItemType, State, Whereabouts, Xattrs};
pub use likeness::{Likeness, likenesses};
pub use list::{Item, Items, find, list};
pub(crate) use objects::{hash_object, pack_name, table_name};
pub use objects::{open_entry, read_verified};
pub use part_names::PartsMissing;
pub use passwords::{AskPassword, kept_password};
pub use plan::plan;
pub use record::{Part, RecordBytes, RecordFacts, RecordName, RecordPlace};
pub use records::{
    OpenedRecord, RecordReader, StoredRecord, StoredRecords, open_record, records, records_called,
};
pub use remove::{Removed, remove_source};
pub use search::{Found, FoundItem, FoundType, Query, Version, search};
pub use search_records::{FoundRecord, FoundRecords, RecordVersion, search_records};
pub use slots::{
    NewSlot, RecoveryCode, SlotInfo, SlotLetter, Unlock, add_slot, remove_slot, replace_slot,
    slot_of, slots,
};
pub use snapshots::{SnapshotInfo, Spec};

/// Fills a buffer with random bytes; passed in so that a test can fix them.
pub type Randomness = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The text of the format, put into every vault.
pub const FORMAT_TEXT: &str = include_str!("../../../spec/format.md");
/// The small reader, put into every vault.
pub const READER_TEXT: &str = include_str!("../../../spec/reader/reader.py");
/// What a vault's folder is, for whoever finds it.
pub const README_TEXT: &str = include_str!("../../../spec/README.txt");

/// An open vault: its store, its keys and the state of its chain.
pub struct Vault {
    store: Arc<dyn Store>,
    random: Randomness,
    keys: Keyring,
    heads: Heads,
    /// What the vault is without on purpose, if it is a copy of that sort.
    scope: Option<Scope>,
    /// Whether other keys are remembered for this vault.
    is_foreign: bool,
}

/// The bundle with the keys that are used all the time.
pub(crate) struct Keyring {
    pub(crate) bundle: Bundle,
    pub(crate) chunk_id: MacKey,
    pub(crate) pack_general: MacKey,
    pub(crate) pack_sealed: MacKey,
    pub(crate) entry: EntryKeys,
    pub(crate) table: TableKeys,
    pub(crate) handle_general: Option<MacKey>,
    pub(crate) handle_sealed: Option<MacKey>,
}

impl Keyring {
    fn new(bundle: Bundle) -> Self {
        let (writer, reader) = (bundle.writer_mac_key(), bundle.reader_mac_key());
        Self {
            chunk_id: bundle.chunk_id_key(),
            pack_general: bundle.pack_mac_key(Compartment::General),
            pack_sealed: bundle.pack_mac_key(Compartment::Sealed),
            entry: EntryKeys { writer: writer.clone(), reader: reader.clone() },
            table: TableKeys { writer, reader },
            handle_general: bundle.handle_key(Compartment::General),
            handle_sealed: bundle.handle_key(Compartment::Sealed),
            bundle,
        }
    }

    pub(crate) fn pack_mac(&self, compartment: Compartment) -> &MacKey {
        match compartment {
            Compartment::Sealed => &self.pack_sealed,
            Compartment::Index | Compartment::General => &self.pack_general,
        }
    }

    pub(crate) fn reads_sealed(&self) -> bool {
        self.bundle.role().reads(Compartment::Sealed)
    }

    /// Whether what a reader of `general` vouches for can be told from what any writer could have
    /// written.
    pub(crate) fn knows_readers(&self) -> bool {
        self.entry.reader.is_some()
    }
}

/// The newest entry of a chain, as a person remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadInfo {
    /// Its number.
    pub number: u64,
    /// Its id.
    pub id: EntryId,
    /// Its short code.
    pub code: String,
}

/// How a vault is opened.
pub struct OpenOptions {
    /// The fingerprint that is remembered for this vault, if any: only keys with it are taken.
    pub known_fingerprint: Option<[u8; 32]>,
    /// The largest scrypt work that is accepted.
    pub log_n_max: u8,
    /// Where random bytes come from.
    pub random: Randomness,
}

impl Vault {
    /// Opens a vault with a passphrase, a recovery code or identities.
    ///
    /// # Errors
    /// `NotAVault` when nothing there looks like one; `WrongKey` when no slot opens, or when keys
    /// open that the chain was not written with (spec S-4) or that are not the remembered ones.
    pub fn open(store: Arc<dyn Store>, unlock: &Unlock<'_>, options: &OpenOptions) -> Result<Self> {
        let mut candidates: Vec<(Bundle, Heads)> = Vec::new();
        let mut opened = 0_usize;
        let mut newer = None;
        let open = &mut |bundle: Bundle| {
            opened = opened.saturating_add(1);
            let same = |(other, _): &(Bundle, Heads)| other.fingerprint() == bundle.fingerprint();
            if let Some(at) = candidates.iter().position(same) {
                // A bundle that may do more takes the place of one that may do less.
                if let Some((other, _)) = candidates.get_mut(at)
                    && bundle.role() < other.role()
                {
                    *other = bundle;
                }
            } else {
                let heads = find_heads(store.as_ref(), &bundle)?;
                newer = heads
                    .unreadable
                    .iter()
                    .find(|(_, e)| e.kind() == ErrorKind::Newer)
                    .map(|(id, _)| *id);
                if !heads.heads.is_empty() {
                    candidates.push((bundle, heads));
                }
            }
            // One passphrase costs a second a slot, so the first that fits is enough.
            Ok(matches!(unlock, Unlock::Passphrase(_)) && !candidates.is_empty())
        };
        let damage = slots::for_each_bundle(store.as_ref(), unlock, options.log_n_max, open)?;
        if candidates.len() > 1
            && let Some(known) = options.known_fingerprint
        {
            candidates.retain(|(bundle, _)| bundle.fingerprint() == known);
        }
        if candidates.len() > 1 {
            return Err(Error::new(ErrorKind::WrongKey, "two sets of keys open this vault")
                .hint("somebody put a slot into it; open it on a machine that knows the vault, or use its passphrase"));
        }
        let Some((bundle, heads)) = candidates.pop() else {
            if let (0, Some(damage)) = (opened, damage) {
                return Err(damage.hint(
                    "no whole slot opens with this, and both copies of one are damaged; copy the folder keys from another copy of the vault",
                ));
            }
            return Err(match (opened, newer) {
                (_, Some(entry)) => Error::new(ErrorKind::Newer, "written by a newer icvault:")
                    .on(format!("chain entry {entry}"))
                    .hint("get the newest icvault, or read the FORMAT.txt beside the vault"),
                (0, None) => Error::new(ErrorKind::WrongKey, "no slot of the vault opens with this"),
                _ => Error::new(ErrorKind::WrongKey, "the keys in the slot do not fit the vault's chain")
                    .hint("a slot of another vault was put here, or the chain is lost; try another copy of the vault"),
            });
        };
        let is_foreign =
            options.known_fingerprint.is_some_and(|known| known != bundle.fingerprint());
        let keys = Keyring::new(bundle);
        let found = scopes::verified(store.as_ref(), &keys, keys.bundle.vault())?;
        let scope = scopes::counting(store.as_ref(), found)?.map(|(_, scope)| scope);
        Ok(Self { store, random: options.random.clone(), keys, heads, scope, is_foreign })
    }

    /// Refuses to write under keys that are not the ones remembered for this vault: they may be
    /// somebody else's, put in its place. Reading goes on (spec S-4).
    pub(crate) fn refuse_foreign(&self) -> Result<()> {
        if self.is_foreign {
            return Err(Error::new(ErrorKind::WrongKey, "these are other keys than the vault had")
                .hint("somebody put another vault in its place; try another copy of it"));
        }
        Ok(())
    }

    /// Refuses a change of slots to a role whose word for it nobody would take.
    ///
    /// # Errors
    /// `NotPermitted`.
    pub fn refuse_slot_changes(&self) -> Result<()> {
        if self.keys.knows_readers() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotPermitted, "this key may add, and change no slots")
            .hint("use the full passphrase or the recovery code"))
    }

    /// Refuses what needs content to a role that reads none.
    ///
    /// # Errors
    /// `NotPermitted`.
    pub fn refuse_unread(&self) -> Result<()> {
        if self.role().reads(Compartment::General) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotPermitted,
            "this key may add, and read nothing of what is stored",
        )
        .hint("use the everyday or the full passphrase, or the recovery code"))
    }

    /// The vault's id.
    pub fn id(&self) -> VaultId {
        self.keys.bundle.vault()
    }

    /// What the opened slot may do.
    pub fn role(&self) -> Role {
        self.keys.bundle.role()
    }

    /// The opened slot's label.
    pub fn label(&self) -> &str {
        self.keys.bundle.label()
    }

    /// What is remembered outside the vault to notice other keys in its place.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.keys.bundle.fingerprint()
    }

    /// The newest entry of the chain.
    pub fn head(&self) -> Option<HeadInfo> {
        let (id, entry) = self.heads.newest()?;
        let code = chain::head_code(&self.keys.bundle.head_code_key(), entry.number, *id);
        Some(HeadInfo { number: entry.number, id: *id, code })
    }

    /// Whether an entry with this head code is in the chain; none when it is not a head code.
    pub fn knows_head(&self, code: &str) -> Result<Option<bool>> {
        let Some(number) = code.split('-').next().and_then(|number| number.parse::<u64>().ok())
        else {
            return Ok(None);
        };
        let key = self.keys.bundle.head_code_key();
        let code = code.to_ascii_uppercase();
        let names = chain_names(self.store.as_ref())?;
        Ok(Some(names.iter().any(|&(n, id)| n == number && chain::head_code(&key, n, id) == code)))
    }

    /// Whether an entry of this id is in the chain's folder.
    pub fn has_entry(&self, id: EntryId) -> Result<bool> {
        Ok(chain_names(self.store.as_ref())?.iter().any(|(_, known)| *known == id))
    }

    /// The state of the chain: heads, entries that are missing or cannot be read.
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Goes on by another way to the same objects.
    pub fn set_store(&mut self, store: Arc<dyn Store>) {
        self.store = store;
    }

    /// What this vault is without on purpose; none for a whole one.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// Scopes in the store that do not count: forged, or of another copy (spec L-1). Older ones of
    /// this copy are none.
    pub fn stray_scopes(&self) -> Result<Vec<Name>> {
        let found = scopes::verified(self.store.as_ref(), &self.keys, self.id())?;
        let mut stray = self.store.list(Area::Scope)?;
        for (name, scope) in found {
            if scopes::counting(self.store.as_ref(), vec![(name.clone(), scope)])?.is_some() {
                stray.retain(|other| *other != name);
            }
        }
        Ok(stray)
    }

    /// Whether a snapshot's sealed items are not here on purpose.
    pub fn is_left_out(&self, sealed: &chain::Sealed) -> bool {
        let tag = sealed.trees.facts.reference.tag;
        let pack = tag.and_then(|tag| sealed.packs.get(&tag));
        let scope = self.scope.as_ref();
        pack.zip(scope).is_some_and(|(pack, scope)| scope.packs.contains(pack))
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Reads one entry of the chain.
    pub fn entry(&self, number: u64, id: EntryId) -> Result<Entry> {
        open_entry(self.store.as_ref(), &self.keys.bundle, &self.keys.entry, number, id)
    }

    /// Reads the chain anew: another process may have added to it.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        self.heads = find_heads(self.store.as_ref(), &self.keys.bundle)?;
        Ok(())
    }

    /// Appends an entry: both copies, durable one after the other (spec F-4).
    pub(crate) fn append(&mut self, record: Record, time: i64) -> Result<EntryId> {
        let entry = self.heads.next(record, time)?;
        let plaintext =
            entry.encode(self.id(), &self.keys.entry.writer, self.keys.entry.reader.as_ref());
        let bytes =
            objects::seal_bytes(&self.keys.bundle, &self.random, Compartment::Index, &plaintext)?;
        let id = EntryId::new(sha(&bytes));
        // Both copies are on the medium before the first gets its name: a full drive then leaves
        // none of them.
        let written = |area| -> Result<(Name, Box<dyn Upload>)> {
            let mut upload = self.store.create()?;
            upload.write_all(&bytes).map_err(|error| Error::io("writing a chain entry", error))?;
            let name = entry_name(area, entry.number, id);
            if hash_object(upload.read_back()?.as_mut(), &name)? == *id.bytes() {
                Ok((name, upload))
            } else {
                Err(objects::not_given_back(&name))
            }
        };
        for (name, upload) in [written(Area::ChainA)?, written(Area::ChainB)?] {
            upload.publish(&name)?;
            self.store.barrier()?;
        }
        self.refresh()?;
        Ok(id)
    }

    /// Gives chain entries and recorded slots of which one copy is lost or was never written their
    /// second. A copy that is not what its name says gives way to the other, for slots and for the
    /// newest entry: where a name is durable before its bytes a power cut leaves such a copy.
    pub(crate) fn complete_copies(&self) -> Result<()> {
        let newest = chain_names(self.store.as_ref())?.last().map(|&(number, _)| number);
        for (first, second) in [(Area::ChainA, Area::ChainB), (Area::KeysA, Area::KeysB)] {
            // A record of slots that anybody with an `add` slot could have written completes none.
            if first == Area::KeysA && !self.keys.knows_readers() {
                continue;
            }
            let list = |area| -> Result<BTreeSet<String>> {
                Ok(self.store.list(area)?.iter().map(|name| name.file().to_owned()).collect())
            };
            let (ones, others) = (list(first)?, list(second)?);
            let mut files: BTreeSet<&String> = ones.symmetric_difference(&others).collect();
            if first == Area::KeysA {
                // A slot that was being removed, or that somebody planted, is not made whole.
                let recorded: BTreeSet<_> = self.slot_record()?.iter().map(SlotRow::file).collect();
                files = ones.union(&others).filter(|file| recorded.contains(*file)).collect();
            } else {
                let is_newest = |file: &&String| {
                    chain::parse_file_name(file).map(|(number, _)| number) == newest
                };
                files.extend(ones.intersection(&others).filter(is_newest));
            }
            for file in files {
                self.complete_copy(first, second, file)?;
            }
        }
        Ok(())
    }

    fn complete_copy(&self, first: Area, second: Area, file: &str) -> Result<()> {
        let (Some(first), Some(second)) = (Name::new(first, file), Name::new(second, file)) else {
            return Ok(());
        };
        let read = |name| read_verified(self.store.as_ref(), name);
        let (bytes, lost, error) = match (read(&first), read(&second)) {
            (Ok(bytes), Err(error)) => (bytes, second, error),
            (Err(error), Ok(bytes)) => (bytes, first, error),
            // Only what is what its name says is worth a second copy.
            _ => return Ok(()),
        };
        match error.kind() {
            ErrorKind::Missing => {}
            ErrorKind::Damaged => self.store.remove(&lost)?,
            // A place of the medium that cannot be read; the other copy is still there.
            _ => return Ok(()),
        }
        store::write_whole(self.store.as_ref(), &lost, &bytes)
    }

    /// The newest record of the vault's slots.
    pub(crate) fn slot_record(&self) -> Result<Vec<SlotRow>> {
        let mut names: Vec<_> = chain_names(self.store.as_ref())?.into_iter().collect();
        names.reverse();
        for (number, id) in names {
            let Ok(entry) = self.entry(number, id) else { continue };
            if let Record::Slots { slots, .. } = entry.record {
                return Ok(slots);
            }
        }
        Ok(Vec::new())
    }
}

/// The largest slot, table or entry that is read whole.
pub(crate) const OBJECT_MAX: u64 = 64 << 20;

/// The file `vault`: the format and the vault's id, a hint for whoever has no key.
pub fn marker(id: VaultId) -> String {
    format!("icvault/{}\n{id}\n", format::VERSION)
}

/// What the file `vault` says: the vault's id.
///
/// # Errors
/// `Missing` without the file, `NotAVault` when it says something else, `Newer` for a later format.
pub fn read_marker(store: &dyn Store) -> Result<VaultId> {
    let name = top("vault");
    let bytes = store::read_whole(store, &name, 4096)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("icvault/"));
    match version.and_then(|version| version.parse::<u64>().ok()) {
        Some(version) if version > u64::from(format::VERSION) => {
            return Err(Error::new(ErrorKind::Newer, "written by a newer icvault:")
                .because(format!("format version {version}"))
                .hint("get the newest icvault, or read the FORMAT.txt beside the vault"));
        }
        Some(_) => {}
        None => return Err(Error::new(ErrorKind::NotAVault, "not a vault:").on("the file vault")),
    }
    lines
        .next()
        .and_then(VaultId::parse)
        .ok_or_else(|| Malformed::new("no vault id", 0).into())
        .map_err(|error: Error| error.on("the file vault"))
}

/// How a new vault is made.
pub struct InitOptions<'a> {
    /// Its slots, at least one.
    pub slots: Vec<NewSlot<'a>>,
    /// Nanoseconds since 1970 UTC.
    pub time: i64,
    /// Where random bytes come from.
    pub random: Randomness,
}

/// Makes a vault in an empty store, or finishes one whose making was interrupted before its first
/// entry.
///
/// # Errors
/// `Refused` when there is a vault already, or when only a device or an ssh key would open it.
pub fn init(store: Arc<dyn Store>, options: &InitOptions<'_>) -> Result<Vault> {
    if !slots::has_lasting(&options.slots) {
        return Err(slots::not_alone());
    }
    let exists =
        || Error::new(ErrorKind::Refused, "there is a vault already").hint("choose another folder");
    // The marker comes last, so one that cannot be read is of an init that did not end either.
    let is_marked = match read_marker(store.as_ref()) {
        Ok(_) => true,
        Err(error) => {
            !matches!(error.kind(), ErrorKind::Missing | ErrorKind::NotAVault | ErrorKind::Damaged)
        }
    };
    if is_marked || !store.list(Area::Packs)?.is_empty() {
        return Err(exists());
    }
    if chain_names(store.as_ref())?.len() > 1 {
        return Err(exists());
    }
    // What an interrupted init left opens nothing: its keys were used for nothing.
    for area in [Area::KeysA, Area::KeysB, Area::ChainA, Area::ChainB, Area::Top] {
        for name in store.list(area)? {
            let is_ours = |file: &str| file == "vault" || FILES.iter().any(|(f, _)| *f == file);
            let ours = area != Area::Top || is_ours(name.file());
            if ours {
                store.remove(&name)?;
            }
        }
    }
    let random = options.random.clone();
    let seconds = u64::try_from(options.time.div_euclid(1_000_000_000)).unwrap_or(0);
    let bundle = Bundle::generate("init", seconds, &mut |bytes| random(bytes));
    let rows = slots::write_slots(store.as_ref(), &bundle, &options.slots, seconds)?;
    let mut files = Vec::new();
    for (file, text) in FILES {
        store::write_whole(store.as_ref(), &top(file), text.as_bytes())?;
        files.push(((*file).to_owned(), sha(text.as_bytes())));
    }
    store.barrier()?;
    let id = bundle.vault();
    let heads = Heads::default();
    let mut vault = Vault {
        store,
        random: options.random.clone(),
        keys: Keyring::new(bundle),
        heads,
        scope: None,
        is_foreign: false,
    };
    vault.append(Record::Slots { slots: rows, files }, options.time)?;
    store::write_whole(vault.store.as_ref(), &top("vault"), marker(id).as_bytes())?;
    vault.store.barrier()?;
    Ok(vault)
}

/// The files for people in every vault.
pub const FILES: &[(&str, &str)] =
    &[("README.txt", README_TEXT), ("FORMAT.txt", FORMAT_TEXT), ("reader.py", READER_TEXT)];

pub(crate) fn top(file: &str) -> Name {
    Name::new(Area::Top, file).expect("the files at the top have plain names")
}

pub(crate) fn entry_name(area: Area, number: u64, id: EntryId) -> Name {
    Name::new(area, chain::file_name(number, id)).expect("an entry's name is digits and hex")
}

/// Number and id of every entry of which a file is there, in either copy.
pub fn chain_names(store: &dyn Store) -> Result<BTreeSet<(u64, EntryId)>> {
    let mut names = BTreeSet::new();
    for area in [Area::ChainA, Area::ChainB] {
        names.extend(
            store.list(area)?.iter().filter_map(|name| chain::parse_file_name(name.file())),
        );
    }
    Ok(names)
}

fn find_heads(store: &dyn Store, bundle: &Bundle) -> Result<Heads> {
    let names = chain_names(store)?;
    let keys = EntryKeys { writer: bundle.writer_mac_key(), reader: bundle.reader_mac_key() };
    Ok(Heads::find(&names, |number, id| open_entry(store, bundle, &keys, number, id)))
}

/// SHA-256 of bytes.
pub(crate) fn sha(bytes: &[u8]) -> [u8; 32] {
    let mut sha = Sha::default();
    sha.update(bytes);
    sha.finish()
}
