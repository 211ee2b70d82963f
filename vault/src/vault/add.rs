//! `add`: a person's folder becomes a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use zeroize::Zeroizing;

use super::alarm::{Alarm, Losses};
use super::assets::{Asset, Assets, WholeFile, essence_of};
use super::bundles::DocumentBundle;
use super::chunks::open_table;
use super::held::{FileCount, Held, HeldItem, Ready};
use super::item::{Xattrs, encode_xattrs};
use super::mailboxes::{MAILBOX, Mailboxes};
use super::objects::{Plain, pack_ids};
use super::part_names::{PartNames, PartsMissing};
use super::passwords::{AskPassword, Passwords};
use super::pipeline::{self, Outcome};
use super::recorder::{Chunked, Recorders};
use super::source::{Message, Messages, Source};
use super::stage::{Earlier, Fresh, Known, Stage, prefix};
use super::surroundings::is_called_as_its_folder;
use super::{Chunks, Facts, ItemType, State, Vault, Whereabouts};
use crate::chain::{Count, Record, Root, Sealed, Snapshot, Tables, Trees};
use crate::chunk::{ChunkType, Content, Cutter, ListBuilder, Reference, Row};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{self, Entry, FileType, Globs, ItemPath, TarReader, Walk};
use crate::format;
use crate::id::{EntryId, PackId, TableId};
use crate::index::{self, Table};
use crate::keys::Compartment;
use crate::kinds::{
    self, Beside, Export, Kind, Lack, Locator, Omissions, Recognised, Record as Told, Sheet,
};
use crate::pack::{self, Class};
use crate::progress::{Phase, Progress};
use crate::store::{Area, Strength};
use crate::tree;

/// How often an add starts over when a pack did not read back as written.
const ATTEMPTS: u32 = 3;
/// The most sealed packs whose chunks are named again; with more everything is stored anew, which
/// also brings what is scattered together.
const EARLIER_MAX: usize = 8;
/// What is told of a mailbox that was cut off, or split in the wrong places.
const OTHER_COUNT: &str = "counts other messages than were found in the mbox beside it";
/// What is told of records whose parts are too many for the tree.
const SCATTERED: &str = "records that are scattered over the file";

/// What is told of a pipe, a socket or a device.
pub(super) const SPECIAL: &str = "neither a file nor a folder nor a link";

/// Where items go, whatever their content says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seal {
    /// As recognised.
    #[default]
    ByContent,
    /// Everything into `sealed`.
    Always,
    /// Everything into `general`.
    Never,
}

/// How an export is added.
#[derive(Clone, Debug)]
pub struct AddOptions {
    /// The source's name.
    pub source: String,
    /// What the person says about it.
    pub label: String,
    /// The machine's name.
    pub host: String,
    /// The program and its version.
    pub tool: String,
    /// Nanoseconds since 1970 UTC.
    pub time: i64,
    /// The zstd level.
    pub level: i32,
    /// Where items go.
    pub seal: Seal,
    /// What sort of thing it is that nobody recognises.
    pub kind: Option<Kind>,
    /// Folders that are left out, above all the vault's own.
    pub exclude: Vec<PathBuf>,
    /// What is left out by its name or path, and not told of.
    pub leave_out: Globs,
    /// Who is asked for the passwords of PKCS#12 stores, which are kept beside them.
    pub passwords: AskPassword,
    /// From what loss on the snapshot is suspect.
    pub alarm: Alarm,
    /// Whether losses are as they should be, so that they are told and the snapshot is not suspect.
    pub expected: bool,
}

impl Seal {
    /// Where an item goes, by whether its content says that it is a secret.
    pub(super) fn compartment(self, is_secret: bool) -> Compartment {
        match self {
            Self::Always => Compartment::Sealed,
            Self::ByContent if is_secret => Compartment::Sealed,
            Self::ByContent | Self::Never => Compartment::General,
        }
    }
}

/// What an add stored.
#[derive(Clone, Debug)]
pub struct Added {
    /// The snapshot.
    pub id: EntryId,
    /// Its number.
    pub number: u64,
    /// What the source holds.
    pub summary: Summary,
    /// Bytes of content that the vault did not have.
    pub bytes_new: u64,
    /// Bytes by which the packs and tables grew.
    pub bytes_stored: u64,
    /// Packs that did not read back as written and were stored again.
    pub packs_discarded: u64,
    /// What is missing of what the source held before, by more than its limit.
    pub losses: Option<Losses>,
    /// How firmly all of it lies on the medium.
    pub strength: Strength,
}

/// What a source holds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Per compartment and kind.
    pub kinds: BTreeMap<(Compartment, Kind), KindSummary>,
    /// Folders.
    pub folders: u64,
    /// Links.
    pub links: u64,
    /// What is not stored, or only its name.
    pub left_out: Vec<LeftOut>,
    /// What is sealed since it cannot be looked into, with the reason in a few words.
    pub doubted: Vec<(ItemPath, &'static str)>,
    /// Bytes of content.
    pub bytes_read: u64,
    /// How many records there are, by compartment and kind.
    pub records: BTreeMap<(Compartment, Kind), u64>,
    /// What of a file is in no record though it could be, with the reason.
    pub untold: Vec<(ItemPath, &'static str)>,
    /// PKCS#12 stores with their password kept beside them, and those without.
    pub stores_opened: Vec<ItemPath>,
    /// PKCS#12 stores of which nobody gave the password.
    pub stores_closed: Vec<ItemPath>,
    /// The sorts of exports that were found which never hold all that their programs have.
    pub exports: BTreeSet<Export>,
    /// Files that lack something which is in others of their sort.
    pub lacking: Vec<(ItemPath, Lack)>,
    /// Parts of take-outs that are not here, and are in no earlier snapshot of the source.
    pub parts_missing: Vec<PartsMissing>,
    /// How many notes each table of a take-out tells of that are not here.
    pub notes_missing: Vec<(ItemPath, u64)>,
}

impl Summary {
    /// Whether something of the export itself is not in the snapshot: what could not be read, what
    /// was cut off or cannot be opened by anybody else, parts that others say there are.
    pub fn is_incomplete(&self) -> bool {
        let is_missing = |(_, lack): &(ItemPath, Lack)| *lack != Lack::Key;
        !self.left_out.is_empty()
            || !self.parts_missing.is_empty()
            || self.lacking.iter().any(is_missing)
    }

    /// Takes in what a file does not hold.
    pub(super) fn omit(&mut self, path: &ItemPath, omissions: Omissions) {
        self.exports.extend(omissions.exports);
        self.lacking.extend(omissions.lacks.into_iter().map(|lack| (path.clone(), lack)));
    }

    /// As a snapshot records it.
    fn counts(&self) -> Vec<Count> {
        let kinds = self.kinds.keys().chain(self.records.keys());
        let kinds: BTreeSet<_> =
            kinds.map(|&(compartment, kind)| (compartment, kind.as_str(), kind)).collect();
        let count = |(compartment, name, kind): (Compartment, &str, Kind)| {
            let files = self.kinds.get(&(compartment, kind)).copied().unwrap_or_default();
            Count {
                compartment,
                kind: name.to_owned(),
                items: files.items,
                bytes: files.bytes,
                records: self.records.get(&(compartment, kind)).copied().unwrap_or_default(),
            }
        };
        kinds.into_iter().map(count).collect()
    }
}

/// The files of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSummary {
    /// Files.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them of which something was not in the vault yet.
    pub items_new: u64,
}

/// Something of the source that was not stored.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Its path below the source, if it could be named.
    pub path: Option<ItemPath>,
    /// Why.
    pub reason: String,
}

/// Stores a folder, a file, or several of them under their base names, as the next snapshot of a
/// source.
///
/// # Errors
/// When the medium is full or fails, or nothing can be read. The vault is then as it was, and what was
/// stored already is found again by the next add.
pub fn add(
    vault: &mut Vault,
    paths: &[PathBuf],
    options: &AddOptions,
    progress: &dyn Progress,
) -> Result<Added> {
    prepare(vault, options)?;
    let totals = walk_for(paths, options)?.totals();
    if let Some(left) = vault.store.space_left()?.filter(|&left| left < totals.bytes) {
        progress.tight(totals.bytes, left);
    }
    progress.phase(Phase::Storing, Some(totals.bytes));
    let mut discarded = 0;
    for _ in 0..ATTEMPTS {
        let walk = walk_for(paths, options)?;
        let (mut staged, outcome, mut shelf) =
            store_content(vault, options, progress, None, |source| source.run(walk))?;
        discarded += outcome.discarded;
        // What was discarded is stored again from the source; the rest is found as stored.
        if outcome.discarded == 0 {
            paths.iter().for_each(|path| staged.part_names.saw_path(path));
            return commit(vault, options, staged, outcome, &mut shelf, discarded);
        }
        vault.store.barrier()?;
    }
    Err(not_kept())
}

/// Stores the members of a tar archive as [`add`] stores the inside of a folder. They may come in any
/// order.
///
/// # Errors
/// As for [`add`]; when it is no archive; and when a pack did not read back as written, for an
/// archive comes only once.
pub fn add_archive(
    vault: &mut Vault,
    archive: impl Read + Send,
    options: &AddOptions,
    progress: &dyn Progress,
) -> Result<Added> {
    let archive = TarReader::open(archive)?;
    prepare(vault, options)?;
    progress.phase(Phase::Storing, None);
    let run = |source: Source<'_>| source.run_archive(archive);
    let held = Some(Held::default());
    let (staged, outcome, mut shelf) = store_content(vault, options, progress, held, run)?;
    if outcome.discarded > 0 {
        vault.store.barrier()?;
        return Err(not_kept());
    }
    commit(vault, options, staged, outcome, &mut shelf, 0)
}

fn prepare(vault: &mut Vault, options: &AddOptions) -> Result<()> {
    if options.source.is_empty() || options.source.len() > 255 {
        return Err(Error::new(ErrorKind::Refused, "a source needs a name of 1 to 255 bytes"));
    }
    vault.refuse_foreign()?;
    vault.store.reclaim()?;
    vault.complete_copies()?;
    vault.refresh()
}

fn not_kept() -> Error {
    Error::new(ErrorKind::Failed, "the medium gives back other bytes than were written")
        .hint("do not trust this drive; use another one")
}

/// As [`walk`], without what is left out by its name.
pub(super) fn walk_for(paths: &[PathBuf], options: &AddOptions) -> Result<Walk> {
    let mut walk = walk(paths, &options.exclude)?;
    walk.leave_out(&options.leave_out);
    Ok(walk)
}

/// Walks what is added: the inside of a folder, or several folders and files under their names.
pub(super) fn walk(paths: &[PathBuf], exclude: &[PathBuf]) -> Result<Walk> {
    let mut walk = match paths {
        // A bundle is one thing with a name, so its inside alone is not the source.
        [only] if is_bundle(only) => Walk::several(paths)?,
        [only] => Walk::new(only)?,
        several => Walk::several(several)?,
    };
    for path in exclude {
        if let Ok(metadata) = std::fs::metadata(path) {
            walk.exclude(metadata.dev(), metadata.ino());
        }
    }
    Ok(walk)
}

fn is_bundle(path: &Path) -> bool {
    use std::os::unix::ffi::OsStringExt as _;
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    let names = entries.flatten().map(|entry| entry.file_name().into_vec());
    let mut names: Vec<Vec<u8>> = names.collect();
    names.sort_unstable();
    kinds::bundle(&names).is_some()
}

/// The tables in effect, and chunks of packs that none of them lists.
struct Shelf {
    tables: BTreeMap<Class, Vec<Shelved>>,
    adopted: BTreeMap<Class, Vec<index::Row>>,
    /// Tables whose MACs were verified, or that were written just now.
    trusted: BTreeSet<TableId>,
}

/// A table whose word is taken.
struct Shelved {
    id: TableId,
    table: Table<Plain>,
    /// Whether a table of this writer may take it over: one without reader MAC must not take the
    /// place of one that has it (spec T-1).
    may_merge: bool,
}

/// What the walk made.
struct Staged {
    general: [Reference; 2],
    sealed: Option<[Reference; 2]>,
    records_general: Option<[Reference; 2]>,
    records_sealed: Option<[Reference; 2]>,
    reused: BTreeSet<crate::id::PackTag>,
    earlier_packs: BTreeMap<crate::id::PackTag, PackId>,
    summary: Summary,
    part_names: PartNames,
    bytes_new: u64,
}

fn store_content(
    vault: &Vault,
    options: &AddOptions,
    progress: &dyn Progress,
    held: Option<Held>,
    run: impl FnOnce(Source<'_>) + Send,
) -> Result<(Staged, Outcome, Shelf)> {
    let mut known = Known::default();
    let shelf = load_shelf(vault, &mut known)?;
    let (earlier, earlier_packs) = load_earlier(vault, &options.source)?;
    let passwords = Passwords::of_earlier(vault, &options.source, &options.passwords);
    let cutter = |compartment| Cutter::new(&vault.keys.bundle.cut_key(compartment));
    let (general, sealed) = (cutter(Compartment::General), cutter(Compartment::Sealed));
    let (staged, outcome) = pipeline::run(vault, options.level, |feed| {
        let (source, messages) = Source::new(general, sealed, options, &passwords);
        thread::scope(|scope| {
            scope.spawn(move || run(source));
            let stage = Stage::new(feed, &vault.keys, &vault.random, known, earlier);
            let mut adder = Adder::new(vault, options, stage, progress, messages, held);
            while let Some(message) = adder.messages.next() {
                adder.take(message)?;
            }
            adder.finish(earlier_packs)
        })
    })?;
    Ok((staged, outcome, shelf))
}

/// Opens and verifies all tables that no other took over, and takes the packs that none of them
/// lists for what they are found to be: an interrupted add left them, or a role whose tables have no
/// reader MAC (spec T-1).
fn load_shelf(vault: &Vault, known: &mut Known) -> Result<Shelf> {
    let keys = &vault.keys.table;
    let present: BTreeSet<PackId> = pack_ids(&vault.store)?.into_iter().collect();
    let mut listed: BTreeSet<PackId> = sealed_packs(vault);
    let mut tables: BTreeMap<Class, Vec<Shelved>> = BTreeMap::new();
    let mut superseded = BTreeSet::new();
    let mut trusted = BTreeSet::new();
    for (class, id, mut table) in all_tables(vault)? {
        if superseded.contains(&id) {
            continue;
        }
        let mut prefixes = Vec::new();
        let verified = table.verify(keys, |row| {
            if present.contains(&row.pack) {
                prefixes.push(prefix(&row.id));
            }
        });
        if let Ok(has_reader_mac) = verified
            && keys.suffices(has_reader_mac)
        {
            superseded.extend(table.superseded().iter().copied());
            listed.extend(table.packs().iter().copied());
            known.take_table(prefixes);
            trusted.insert(id);
            let may_merge = has_reader_mac == keys.reader.is_some();
            tables.entry(class).or_default().push(Shelved { id, table, may_merge });
        }
    }
    let mut adopted: BTreeMap<Class, Vec<index::Row>> = BTreeMap::new();
    let mut chunks = Chunks::new(vault);
    for &pack in present.difference(&listed) {
        if let Some((class, rows)) = verified_rows(&mut chunks, pack) {
            for row in &rows {
                known.insert(&row.id);
            }
            adopted.entry(class).or_default().extend(rows);
        }
    }
    Ok(Shelf { tables, adopted, trusted })
}

/// The chunks of a pack of `general`, once every one of them was read and found to be what its id
/// says. A directory is no proof: whoever may add can write one that names what is not there.
fn verified_rows(chunks: &mut Chunks<'_>, pack: PackId) -> Option<(Class, Vec<index::Row>)> {
    let (class, directory) = Class::ALL.into_iter().find_map(|class| {
        let directory = chunks.directory(pack, Compartment::General, class).ok()?;
        Some((class, directory))
    })?;
    let mut is_whole = true;
    chunks.verify_pack(pack, Compartment::General, &directory, &mut |_, _| is_whole = false);
    let places = directory.blocks.iter().flat_map(pack::Block::places);
    let rows = places.map(|(piece, place)| index::Row { id: piece.id, pack, place });
    is_whole.then(|| (class, rows.collect()))
}

/// All tables that can be opened, the largest first: one that takes over others comes before them,
/// so that its word for that counts only once it has been verified.
fn all_tables(vault: &Vault) -> Result<Vec<(Class, TableId, Table<Plain>)>> {
    let mut tables = Vec::new();
    for name in vault.store.list(Area::Index)? {
        let Some(id) = TableId::parse(name.file()) else { continue };
        let opened = Class::ALL.into_iter().find_map(|class| {
            let table = open_table(vault, class, id).ok()?;
            Some((class, id, table))
        });
        tables.extend(opened);
    }
    tables.sort_by_key(|(_, _, table)| std::cmp::Reverse(table.row_count()));
    Ok(tables)
}

/// The sealed packs that the newest snapshots name; no table lists them.
fn sealed_packs(vault: &Vault) -> BTreeSet<PackId> {
    let newest = vault.newest().unwrap_or_default();
    let sealed = newest.into_values().filter_map(|info| info.snapshot.sealed);
    sealed.flat_map(|sealed| sealed.packs.into_values()).collect()
}

type PackTags = BTreeMap<crate::id::PackTag, PackId>;

/// The sealed packs of the source's snapshot before, if this role can read them. Whoever may add
/// can write a directory that names what is not there, so all of them are read.
fn load_earlier(vault: &Vault, source: &str) -> Result<(Vec<Earlier>, PackTags)> {
    let newest = vault.newest().unwrap_or_default();
    let sealed = newest.get(source).and_then(|info| info.snapshot.sealed.as_ref());
    let Some(sealed) = sealed.filter(|sealed| sealed.packs.len() <= EARLIER_MAX) else {
        return Ok(Default::default());
    };
    if !vault.keys.reads_sealed() {
        return Ok(Default::default());
    }
    let mut chunks = Chunks::new(vault);
    let whole = sealed.packs.iter();
    let whole = whole.filter_map(|(&tag, &pack)| verified_sealed(&mut chunks, tag, pack));
    Ok((whole.collect(), sealed.packs.clone()))
}

/// The chunks of a sealed pack of which nothing is damaged or made up.
fn verified_sealed(
    chunks: &mut Chunks<'_>,
    tag: crate::id::PackTag,
    pack: PackId,
) -> Option<Earlier> {
    let directory = chunks.directory(pack, Compartment::Sealed, Class::Data).ok()?;
    let salt = directory.salt.as_ref().filter(|salt| salt.tag == tag)?.key.clone();
    let mut is_whole = true;
    chunks.verify_pack(pack, Compartment::Sealed, &directory, &mut |_, _| is_whole = false);
    let places = directory.blocks.iter().flat_map(pack::Block::places);
    let ids = places.map(|(piece, _)| piece.id).collect();
    is_whole.then_some(Earlier { tag, salt, chunks: ids })
}

/// Takes the items of a walk in order.
struct Adder<'a> {
    options: &'a AddOptions,
    progress: &'a dyn Progress,
    stage: Stage<'a>,
    messages: Messages,
    general: Halves,
    sealed: Halves,
    recorders: Recorders<'a>,
    assets: Assets,
    mailboxes: Mailboxes,
    part_names: PartNames,
    folders: Vec<Folder>,
    summary: Summary,
    file: Option<FileSoFar>,
    /// Items that do not come in order; none when they do.
    held: Option<Held>,
}

/// The file whose chunks are coming.
struct FileSoFar {
    entry: Entry,
    recognised: Recognised,
    compartment: Compartment,
    list: ListBuilder,
    length: u64,
    fresh_before: Fresh,
    /// The chunks so far, of a file that is looked through.
    chunks: Option<Chunked>,
    /// Records whose chunks are still to come.
    sheets: Vec<Sheet>,
    /// How many records there were so far, and why some of it is in none.
    records: BTreeMap<Kind, u64>,
    notes: Vec<&'static str>,
    /// What it is as a part of an asset, or tells of others.
    whole: Option<Box<Told>>,
    beside: Option<Beside>,
    /// What is not in it.
    omissions: Omissions,
    /// It is a store of keys, with a password that opens it where somebody gave one.
    is_store: bool,
    password: Option<Zeroizing<String>>,
}

/// The two trees of a compartment being built.
struct Halves {
    compartment: Compartment,
    facts: tree::Builder,
    whereabouts: tree::Builder,
    is_empty: bool,
}

/// A folder the walk is in. It is put into a tree when something below it is, or at its end.
struct Folder {
    entry: Entry,
    /// What it is as a whole, and the files in it so far.
    bundle: Option<(Kind, KindSummary)>,
    /// What is told by its members, of a document.
    document: Option<Box<DocumentBundle>>,
    in_general: bool,
    in_sealed: bool,
}

impl<'a> Adder<'a> {
    fn new(
        vault: &'a Vault,
        options: &'a AddOptions,
        stage: Stage<'a>,
        progress: &'a dyn Progress,
        messages: Messages,
        held: Option<Held>,
    ) -> Self {
        let bundle = &vault.keys.bundle;
        let halves = |compartment| Halves {
            compartment,
            facts: tree::Builder::new(bundle.tree_key(compartment)),
            whereabouts: tree::Builder::new(bundle.tree_key(compartment)),
            is_empty: true,
        };
        Self {
            options,
            progress,
            stage,
            messages,
            general: halves(Compartment::General),
            sealed: halves(Compartment::Sealed),
            recorders: Recorders::new(vault),
            assets: Assets::default(),
            mailboxes: Mailboxes::default(),
            part_names: PartNames::default(),
            folders: Vec::new(),
            summary: Summary::default(),
            file: None,
            held,
        }
    }

    fn take(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Unread(unread) => {
                self.leave_out(unread.path, unread.error.to_string());
                Ok(())
            }
            Message::Entry(entry) => self.take_entry(&entry),
            Message::Folder(entry, kind) => self.take_folder(entry, kind),
            Message::File(entry, recognised, compartment, looked_through) => {
                self.begin_file(entry, recognised, compartment, looked_through)
            }
            Message::Sheets(sheets, notes) => {
                if let Some(file) = &mut self.file {
                    file.sheets.extend(sheets);
                    file.notes.extend(notes);
                }
                Ok(())
            }
            Message::Passed(sheet) => {
                let Some(mut file) = self.file.take() else { return Ok(()) };
                let taken = self.take_records(&mut file, sheet);
                self.file = Some(file);
                taken
            }
            Message::Whole(record) => {
                if let Some(file) = &mut self.file {
                    file.whole = Some(record);
                }
                Ok(())
            }
            Message::Omissions(omissions) => {
                if let Some(file) = &mut self.file {
                    file.omissions.join(omissions);
                }
                Ok(())
            }
            Message::Beside(beside) => {
                if let Some(file) = &mut self.file {
                    file.beside = Some(beside);
                }
                Ok(())
            }
            Message::Password(password) => {
                if let Some(file) = &mut self.file {
                    file.password = Some(password);
                }
                Ok(())
            }
            Message::Chunks(bytes, ends) => self.take_chunks(bytes, &ends),
            Message::End(result) => self.end_file(result),
            Message::HardLink(entry, target) => {
                self.take_hard_link(&entry, &target);
                Ok(())
            }
            Message::Closed(entry, error) => {
                self.leave_folders(&entry.path)?;
                self.push_unread(&entry, State::Unreadable, error.to_string())
            }
        }
    }

    fn take_folder(&mut self, entry: Entry, kind: Option<Kind>) -> Result<()> {
        self.part_names.saw_folder(entry.path.name());
        if let Some(held) = &mut self.held {
            held.insert(entry.path.clone(), HeldItem::Folder(Box::new(entry)));
            return Ok(());
        }
        self.leave_folders(&entry.path)?;
        self.summary.folders += 1;
        // What is in a bundle is a part of it, a bundle too.
        let kind = kind.filter(|_| self.bundle().is_none());
        let bundle = kind.map(|kind| (kind, KindSummary::default()));
        let document = (kind == Some(Kind::Document))
            .then(|| Box::new(DocumentBundle::new(entry.path.clone())));
        self.tell_xattrs_lost(&entry);
        let (in_general, in_sealed) = (false, false);
        self.folders.push(Folder { entry, bundle, document, in_general, in_sealed });
        Ok(())
    }

    /// What is neither a folder nor a file with content.
    fn take_entry(&mut self, entry: &Entry) -> Result<()> {
        self.leave_folders(&entry.path)?;
        match (entry.file_type, entry.missing) {
            (_, Some(reason)) => self.push_unread(entry, State::Missing, reason.to_owned()),
            (FileType::Link, None) => {
                self.summary.links += 1;
                let facts = facts(entry, ItemType::Link, "link");
                self.push(Compartment::General, entry, facts, None)
            }
            (FileType::Special | FileType::File | FileType::Folder, None) => {
                self.push_unread(entry, State::Missing, SPECIAL.to_owned())
            }
        }
    }

    /// The same file under another name.
    fn take_hard_link(&mut self, entry: &Entry, target: &ItemPath) {
        let held = self.held.as_mut();
        match held.and_then(|held| Some((held.ready(target)?.clone(), held))) {
            Some((ready, held)) => held.insert(entry.path.clone(), HeldItem::Item(ready)),
            None => {
                let reason = format!("another name of {target}, which does not come before it");
                self.leave_out(Some(entry.path.clone()), reason);
            }
        }
    }

    fn tell_xattrs_lost(&mut self, entry: &Entry) {
        if entry.xattrs_lost > 0 {
            let lost = entry.xattrs_lost;
            let reason = format!("extended attributes of it cannot be read: {lost}");
            self.leave_out(Some(entry.path.clone()), reason);
        }
    }

    /// Where items go that are no secret.
    fn ordinary(&self) -> Compartment {
        self.options.seal.compartment(false)
    }

    /// The bundle the walk is in.
    fn bundle(&mut self) -> Option<&mut (Kind, KindSummary)> {
        self.folders.iter_mut().rev().find_map(|folder| folder.bundle.as_mut())
    }

    /// The document in bundle form that the walk is in.
    fn document(&mut self) -> Option<&mut DocumentBundle> {
        self.folders.iter_mut().rev().find_map(|folder| folder.document.as_deref_mut())
    }

    /// Whether a file here that is one thing by itself is only a part of the bundle the walk is in;
    /// libraries of photos hold things of their own.
    fn is_part_of_bundle(&mut self) -> bool {
        self.bundle().is_some_and(|(kind, _)| *kind != Kind::Photo)
    }

    /// A file without content stays in the snapshot, so that it is not silently gone.
    fn push_unread(&mut self, entry: &Entry, state: State, reason: String) -> Result<()> {
        self.leave_out(Some(entry.path.clone()), reason);
        let facts = Facts {
            state,
            length: entry.length,
            ..facts(entry, ItemType::File, Kind::File.as_str())
        };
        // Nobody saw the content, so only an explicit wish seals its name.
        let compartment = self.ordinary();
        self.push(compartment, entry, facts, None)
    }

    fn begin_file(
        &mut self,
        entry: Entry,
        recognised: Recognised,
        compartment: Compartment,
        looked_through: bool,
    ) -> Result<()> {
        self.leave_folders(&entry.path)?;
        self.part_names.saw_file(entry.path.name());
        if self.held.as_ref().is_some_and(|held| held.ready(&entry.path).is_some()) {
            // It takes the place of one that came before.
            self.forget_records(&entry.path);
        }
        if let Some(document) = self.document() {
            document.begin(&entry.path, compartment);
        }
        self.file = Some(FileSoFar {
            entry,
            recognised,
            compartment,
            list: ListBuilder::new(compartment == Compartment::Sealed),
            length: 0,
            fresh_before: self.stage.fresh,
            chunks: looked_through.then(Chunked::default),
            sheets: Vec::new(),
            records: BTreeMap::new(),
            notes: Vec::new(),
            whole: None,
            beside: None,
            omissions: Omissions::default(),
            is_store: false,
            password: None,
        });
        Ok(())
    }

    fn take_chunks(&mut self, bytes: Vec<u8>, ends: &[usize]) -> Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let compartment = file.compartment;
        if let Some(document) = self.document() {
            document.push(compartment, &bytes);
        }
        let stage = &mut self.stage;
        let mut start = 0;
        for &end in ends {
            let chunk = bytes.get(start..end).unwrap_or_default();
            start = end;
            let dense = file.recognised.dense;
            let reference = stage.put(compartment, ChunkType::Data, dense, chunk)?;
            let row = Row { reference, length: chunk.len() as u64 };
            if let Some(chunks) = &mut file.chunks {
                chunks.push(row);
            }
            file.list
                .push(row, &mut |list| stage.put(compartment, ChunkType::List, false, list))?;
        }
        let length = bytes.len() as u64;
        self.messages.reuse(bytes);
        file.length += length;
        self.summary.bytes_read += length;
        self.progress.bytes(length);
        self.file = Some(file);
        Ok(())
    }

    fn end_file(&mut self, result: Result<()>) -> Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        if let Err(error) = result {
            self.forget_records(&file.entry.path);
            return self.push_unread(&file.entry, State::Unreadable, error.to_string());
        }
        for sheet in std::mem::take(&mut file.sheets) {
            self.take_records(&mut file, sheet)?;
        }
        let (compartment, kind) = (file.compartment, file.recognised.kind);
        let stage = &mut self.stage;
        let content =
            file.list.finish(&mut |list| stage.put(compartment, ChunkType::List, false, list))?;
        let is_new = self.stage.fresh != file.fresh_before;
        let count = FileCount { kind, bytes: file.length, is_new };
        if let (Seal::ByContent, Some(word)) = (self.options.seal, file.recognised.doubt) {
            self.summary.doubted.push((file.entry.path.clone(), word));
        }
        if file.entry.path.name() == MAILBOX
            && let Some(&count) = file.records.get(&Kind::Mail)
        {
            self.mailboxes.found(&file.entry.path, count);
        }
        let is_told = file.whole.is_some();
        let is_message = file.whole.as_ref().is_some_and(|record| record.kind == Kind::Mail);
        self.assets.take_attachment(&file.entry.path, compartment, &content);
        if let Some(document) = self.document() {
            document.end(&file.entry.path, compartment, &content, file.length);
        }
        if let Some(Beside::Messages(count)) = file.beside {
            self.mailboxes.told(&file.entry.path, count.into());
        } else if is_message || !self.is_part_of_bundle() {
            let part = (&content, file.length);
            self.take_part(&file.entry.path, compartment, part, file.whole, file.beside);
        }
        if kind == Kind::Note && is_called_as_its_folder(&file.entry.path) && !is_told {
            self.assets.take_empty_note(file.entry.path.clone());
        }
        let password = file.password.map(|text| self.store_beside(compartment, text.as_bytes()));
        let facts = Facts {
            content,
            length: file.length,
            password: password.transpose()?,
            ..facts(&file.entry, ItemType::File, kind.as_str())
        };
        let (path, summary) = (&file.entry.path, &mut self.summary);
        match (&facts.password, file.is_store) {
            (Some(_), _) => summary.stores_opened.push(path.clone()),
            (None, true) => summary.stores_closed.push(path.clone()),
            (None, false) => {}
        }
        summary.omit(path, file.omissions);
        summary.untold.extend(file.notes.into_iter().map(|note| (path.clone(), note)));
        for (kind, count) in file.records {
            *summary.records.entry((compartment, kind)).or_default() += count;
        }
        self.tell_xattrs_lost(&file.entry);
        self.push(compartment, &file.entry, facts, Some(count))?;
        self.progress.item();
        Ok(())
    }

    /// Takes records of a file whose chunks are there.
    fn take_records(&mut self, file: &mut FileSoFar, mut sheet: Sheet) -> Result<()> {
        if sheet.format.is_file() && sheet.members.is_empty() && self.is_part_of_bundle() {
            return Ok(());
        }
        // A message of which parts are in other files is told with them.
        let apart = sheet.records.pop_if(|record| record.apart > 0 && sheet.members.is_empty());
        file.whole = apart.map(Box::new).or(file.whole.take());
        let Some(chunks) = &file.chunks else { return Ok(()) };
        for record in &sheet.records {
            // One that another file brings cannot be opened by itself.
            file.is_store |= record.is_closed && matches!(record.locator, Locator::Bytes(_));
            *file.records.entry(record.kind).or_default() += 1;
        }
        let recorder = self.recorders.of(file.compartment);
        let left_out = recorder.take(&file.entry.path, &mut sheet, chunks, &mut self.stage)?;
        if left_out > 0 && !file.notes.contains(&SCATTERED) {
            file.notes.push(SCATTERED);
        }
        Ok(())
    }

    /// Takes what makes a file a part of an asset.
    fn take_part(
        &mut self,
        path: &ItemPath,
        compartment: Compartment,
        (content, length): (&Content, u64),
        whole: Option<Box<Told>>,
        beside: Option<Beside>,
    ) {
        if let Some(mut record) = whole.map(|record| *record) {
            if !matches!(record.kind, Kind::Note | Kind::Mail) {
                // What is the same in all the metadata may differ in the picture.
                record.essence.extend(essence_of(compartment, content));
            }
            let (path, content) = (path.clone(), content.clone());
            let kind = record.kind;
            let file = WholeFile { path, compartment, record, content, length };
            match kind {
                Kind::Note => self.assets.take_note(file),
                Kind::Mail => self.assets.take_message(file),
                _ => self.assets.take_picture(file),
            }
        }
        let path = path.clone();
        match beside {
            Some(Beside::Sidecar(essence)) => self.assets.take_sidecar(path, essence),
            Some(Beside::Pictures(details)) => self.assets.take_details(&path, details),
            Some(Beside::Notes(details)) => self.assets.take_note_details(path, details),
            Some(Beside::Messages(_)) | None => {}
        }
    }

    /// Records what is in the folders that `path` is not in.
    fn end_assets(&mut self, path: Option<&ItemPath>) -> Result<()> {
        let mut assets = self.assets.end_folders(path).into_iter();
        assets.try_for_each(|asset| self.take_asset(asset))
    }

    fn take_asset(&mut self, asset: Asset) -> Result<()> {
        let compartment = asset.main.compartment;
        let kind = asset.main.record.kind;
        *self.summary.records.entry((compartment, kind)).or_default() += 1;
        if asset.main.record.apart > 0 {
            self.summary.lacking.push((asset.main.path.clone(), Lack::Attachments));
        }
        self.recorders.of(compartment).take_asset(asset)
    }

    fn forget_records(&mut self, path: &ItemPath) {
        self.assets.forget(path);
        self.recorders.forget(path);
    }

    fn leave_out(&mut self, path: Option<ItemPath>, reason: String) {
        self.summary.left_out.push(LeftOut { path, reason });
    }

    /// Ends the folders that `path` is not in.
    fn leave_folders(&mut self, path: &ItemPath) -> Result<()> {
        if self.held.is_some() {
            return Ok(());
        }
        let holds = |folder: &Folder| path.is_below(&folder.entry.path);
        while self.folders.last().is_some_and(|folder| !holds(folder)) {
            self.leave_folder()?;
        }
        self.end_assets(Some(path))
    }

    /// Ends the innermost folder: one with nothing in it is an item of `general`.
    fn leave_folder(&mut self) -> Result<()> {
        let is_empty = self.folders.last().is_some_and(|f| !f.in_general && !f.in_sealed);
        if is_empty {
            self.enter_folders(Compartment::General)?;
        }
        let Some(Folder { bundle: Some((kind, parts)), document, .. }) = self.folders.pop() else {
            return Ok(());
        };
        if let Some(asset) = document.and_then(|document| document.asset()) {
            self.take_asset(asset)?;
        }
        let summary = self.summary.kinds.entry((self.ordinary(), kind)).or_default();
        summary.items += 1;
        summary.bytes += parts.bytes;
        summary.items_new += u64::from(parts.items_new > 0);
        Ok(())
    }

    /// Puts an item into its compartment's trees, or holds it until its turn.
    fn push(
        &mut self,
        compartment: Compartment,
        entry: &Entry,
        facts: Facts,
        count: Option<FileCount>,
    ) -> Result<()> {
        let (facts, whereabouts) = self.values(compartment, entry, facts)?;
        let ready = Ready { compartment, facts, whereabouts, count };
        match &mut self.held {
            Some(held) => {
                held.insert(entry.path.clone(), HeldItem::Item(ready));
                Ok(())
            }
            None => self.push_ready(entry.path.key(), ready),
        }
    }

    /// Puts an item into the trees, after the folders it is in.
    fn push_ready(&mut self, key: &[u8], ready: Ready) -> Result<()> {
        let compartment = ready.compartment;
        if let Some(FileCount { kind, bytes, is_new }) = ready.count {
            let is_ordinary = compartment == self.ordinary();
            let summary = match self.bundle() {
                Some((_, summary)) if is_ordinary => summary,
                _ => self.summary.kinds.entry((compartment, kind)).or_default(),
            };
            summary.items += 1;
            summary.bytes += bytes;
            summary.items_new += u64::from(is_new);
        }
        self.enter_folders(compartment)?;
        self.push_values(compartment, key, ready.facts, ready.whereabouts)
    }

    fn enter_folders(&mut self, compartment: Compartment) -> Result<()> {
        let mut folders = std::mem::take(&mut self.folders);
        let result = folders.iter_mut().try_for_each(|folder| {
            let entered = match compartment {
                Compartment::Sealed => &mut folder.in_sealed,
                Compartment::Index | Compartment::General => &mut folder.in_general,
            };
            if std::mem::replace(entered, true) {
                return Ok(());
            }
            let kind = folder.bundle.as_ref().map_or("folder", |(kind, _)| kind.as_str());
            let facts = facts(&folder.entry, ItemType::Folder, kind);
            let (facts, whereabouts) = self.values(compartment, &folder.entry, facts)?;
            self.push_values(compartment, folder.entry.path.key(), facts, whereabouts)
        });
        self.folders = folders;
        result
    }

    /// The two values of an item; extended attributes that are long are stored by this.
    fn values(
        &mut self,
        compartment: Compartment,
        entry: &Entry,
        facts: Facts,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let is_volatile = |(name, _): &&(Vec<u8>, Vec<u8>)| files::is_volatile(name);
        let (volatile, lasting) = entry.xattrs.iter().partition(is_volatile);
        let facts = Facts { xattrs: self.store_xattrs(compartment, lasting)?, ..facts };
        let whereabouts = Whereabouts {
            mtime: entry.mtime,
            birth: entry.birth,
            xattrs: self.store_xattrs(compartment, volatile)?,
        };
        Ok((facts.encode(), whereabouts.encode()))
    }

    fn push_values(
        &mut self,
        compartment: Compartment,
        key: &[u8],
        facts: Vec<u8>,
        whereabouts: Vec<u8>,
    ) -> Result<()> {
        let Self { stage, general, sealed, .. } = self;
        let halves = if compartment == Compartment::Sealed { sealed } else { general };
        halves.is_empty = false;
        let mut store = |bytes: &[u8]| stage.put(compartment, ChunkType::Node, false, bytes);
        halves.facts.push(key, facts, &mut store)?;
        halves.whereabouts.push(key, whereabouts, &mut store)
    }

    /// Puts what is too long for an item into content of its own.
    fn store_xattrs(
        &mut self,
        compartment: Compartment,
        xattrs: Vec<&(Vec<u8>, Vec<u8>)>,
    ) -> Result<Xattrs> {
        let xattrs: files::Xattrs = xattrs.into_iter().cloned().collect();
        if xattrs.is_empty() {
            return Ok(Xattrs::default());
        }
        let encoded = encode_xattrs(&xattrs);
        if encoded.len() <= format::XATTRS_INLINE {
            return Ok(Xattrs::Inline(xattrs));
        }
        Ok(Xattrs::Stored(self.store_beside(compartment, &encoded)?))
    }

    /// Stores bytes that belong to an item and are not its content.
    fn store_beside(&mut self, compartment: Compartment, bytes: &[u8]) -> Result<Content> {
        let stage = &mut self.stage;
        let mut list = ListBuilder::new(compartment == Compartment::Sealed);
        for chunk in bytes.chunks(format::CUT_MAX) {
            let reference = stage.put(compartment, ChunkType::Data, false, chunk)?;
            let row = Row { reference, length: chunk.len() as u64 };
            list.push(row, &mut |list| stage.put(compartment, ChunkType::List, false, list))?;
        }
        list.finish(&mut |list| stage.put(compartment, ChunkType::List, false, list))
    }

    /// Puts what was held into the trees.
    fn release(&mut self) -> Result<()> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        while let Some((key, item)) = held.pop() {
            match item {
                HeldItem::Folder(entry) => {
                    let kind = kinds::bundle(&held.names_in(&key));
                    self.take_folder(*entry, kind)?;
                }
                HeldItem::Item(ready) => {
                    self.leave_folders(&ItemPath::from_key(key.clone())?)?;
                    self.push_ready(&key, ready)?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, earlier_packs: PackTags) -> Result<Staged> {
        self.release()?;
        self.summary.notes_missing = self.assets.notes_missing();
        self.end_assets(None)?;
        let wrong = std::mem::take(&mut self.mailboxes).wrong();
        self.summary.untold.extend(wrong.map(|path| (path, OTHER_COUNT)));
        while !self.folders.is_empty() {
            self.leave_folder()?;
        }
        self.stage.finish()?;
        let Fresh { bytes: bytes_new, .. } = self.stage.fresh;
        let general = self.general.finish(&mut self.stage)?;
        let sealed = match self.sealed.is_empty {
            true => None,
            false => Some(self.sealed.finish(&mut self.stage)?),
        };
        let records_general = self.recorders.general.finish(&mut self.stage)?;
        let records_sealed = self.recorders.sealed.finish(&mut self.stage)?;
        Ok(Staged {
            general,
            sealed,
            records_general,
            records_sealed,
            reused: std::mem::take(&mut self.stage.reused),
            earlier_packs,
            summary: self.summary,
            part_names: self.part_names,
            bytes_new,
        })
    }
}

impl Halves {
    fn finish(self, stage: &mut Stage<'_>) -> Result<[Reference; 2]> {
        let compartment = self.compartment;
        let mut store = |bytes: &[u8]| stage.put(compartment, ChunkType::Node, false, bytes);
        Ok([self.facts.finish(&mut store)?, self.whereabouts.finish(&mut store)?])
    }
}

/// What a walk tells of an item; a file's content is not known yet.
fn facts(entry: &Entry, item_type: ItemType, kind: &str) -> Facts {
    Facts {
        item_type,
        kind: kind.to_owned(),
        length: 0,
        mode: entry.mode,
        link: entry.link.clone(),
        state: State::Present,
        content: Content::default(),
        password: None,
        xattrs: Xattrs::default(),
    }
}

/// Writes the tables and the chain entry: from here on the snapshot exists.
fn commit(
    vault: &mut Vault,
    options: &AddOptions,
    staged: Staged,
    mut outcome: Outcome,
    shelf: &mut Shelf,
    packs_discarded: u64,
) -> Result<Added> {
    vault.store.barrier()?;
    let mut located = |[facts, whereabouts]: [Reference; 2]| Trees {
        facts: locate(&outcome, shelf, facts),
        whereabouts: locate(&outcome, shelf, whereabouts),
    };
    let general = located(staged.general);
    let records = staged.records_general.map(&mut located);
    let bytes_tables = write_tables(vault, &mut outcome, shelf)?;
    let strength = vault.store.barrier()?;
    let mut packs = std::mem::take(&mut outcome.sealed);
    packs.extend(staged.earlier_packs.iter().filter(|(tag, _)| staged.reused.contains(tag)));
    let sealed = staged.sealed.map(|items| {
        let root = |reference: Reference| {
            let pack = reference.tag.and_then(|tag| packs.get(&tag).copied());
            Root {
                reference,
                pack: pack.unwrap_or(PackId::new([0; 32])),
                start: 0,
                frame_length: 0,
            }
        };
        let trees = |[facts, whereabouts]: [Reference; 2]| Trees {
            facts: root(facts),
            whereabouts: root(whereabouts),
        };
        let records = staged.records_sealed.map(trees);
        Sealed { trees: trees(items), records, packs: packs.clone() }
    });
    vault.refresh()?;
    let mut summary = staged.summary;
    let mut part_names = staged.part_names;
    // The export is stored whether or not an earlier one can be read.
    part_names.learn(vault, &options.source).unwrap_or_default();
    summary.parts_missing = part_names.missing();
    let items_new = summary.kinds.values().map(|kind| kind.items_new).sum();
    let mut snapshot = Snapshot {
        host: options.host.clone(),
        tool: options.tool.clone(),
        label: options.label.clone(),
        counts: summary.counts(),
        new: Some((items_new, staged.bytes_new)),
        parent: vault.heads.roll().get(&options.source).map(|row| row.id),
        sealed,
        shrunk: Vec::new(),
        source: options.source.clone(),
        tables: tables_in_effect(vault, &shelf.trusted)?,
        general,
        records,
    };
    let losses = options.alarm.losses(vault, &snapshot);
    if let Some(losses) = losses.as_ref().filter(|_| !options.expected) {
        snapshot.shrunk = losses.shrunk();
    }
    let id = vault.append(Record::Snapshot(Box::new(snapshot)), options.time)?;
    let number = super::chain_names(vault.store.as_ref())?
        .iter()
        .find(|(_, known)| *known == id)
        .map_or(0, |(number, _)| *number);
    Ok(Added {
        id,
        number,
        summary,
        bytes_new: staged.bytes_new,
        bytes_stored: outcome.bytes_stored + bytes_tables,
        packs_discarded,
        losses,
        strength,
    })
}

/// A root with the place of its node, if that can be told.
fn locate(outcome: &Outcome, shelf: &mut Shelf, reference: Reference) -> Root {
    let fresh = outcome.node_rows.iter().find(|row| row.id == reference.id).copied();
    let adopted = shelf.adopted.get(&Class::Nodes).into_iter().flatten();
    let row = fresh.or_else(|| adopted.copied().find(|row| row.id == reference.id)).or_else(|| {
        let tables = shelf.tables.get_mut(&Class::Nodes)?;
        tables.iter_mut().find_map(|it| it.table.find(&reference.id).ok()?.first().copied())
    });
    let (pack, start, frame_length) = row.map_or((PackId::new([0; 32]), 0, 0), |row| {
        (row.pack, row.place.start, row.place.frame_length)
    });
    Root { reference, pack, start, frame_length }
}

/// Writes the new rows of each class as a table that takes over smaller ones.
fn write_tables(vault: &Vault, outcome: &mut Outcome, shelf: &mut Shelf) -> Result<u64> {
    let mut bytes = 0;
    for class in Class::ALL {
        let mut rows = match class {
            Class::Data => std::mem::take(&mut outcome.data_rows),
            Class::Nodes => std::mem::take(&mut outcome.node_rows),
        };
        rows.extend(shelf.adopted.remove(&class).into_iter().flatten());
        if rows.is_empty() {
            continue;
        }
        rows.sort_unstable();
        let known = shelf.tables.remove(&class).unwrap_or_default();
        let mergeable = known.iter().filter(|it| it.may_merge);
        let sizes: Vec<(TableId, u64)> =
            mergeable.map(|it| (it.id, it.table.row_count())).collect();
        let taken = index::tables_to_merge(rows.len() as u64, &sizes);
        let mut tables: Vec<Table<Plain>> =
            known.into_iter().filter(|it| taken.contains(&it.id)).map(|it| it.table).collect();
        let (id, size) = pipeline::write_table(vault, class, &rows, &mut tables, &taken)?;
        shelf.trusted.insert(id);
        bytes += size;
    }
    Ok(bytes)
}

/// The tables that no other took over, those of other writers among them.
fn tables_in_effect(vault: &Vault, trusted: &BTreeSet<TableId>) -> Result<Tables> {
    let mut found: BTreeMap<Class, Vec<TableId>> = BTreeMap::new();
    let mut superseded = BTreeSet::new();
    for (class, id, mut table) in all_tables(vault)? {
        if superseded.contains(&id) {
            continue;
        }
        let keys = &vault.keys.table;
        let verified =
            trusted.contains(&id) || table.verify(keys, |_| ()).is_ok_and(|has| keys.suffices(has));
        if verified {
            superseded.extend(table.superseded().iter().copied());
            found.entry(class).or_default().push(id);
        }
    }
    let mut of = |class| {
        let mut ids = found.remove(&class).unwrap_or_default();
        ids.sort_unstable();
        ids
    };
    Ok(Tables { data: of(Class::Data), nodes: of(Class::Nodes) })
}
