//! Findings, cheapest first: names and hashes, the chain, tables, trees, and every byte. A finding
//! names the object and the items it hits; the check never stops at the first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::chain::{self, Record};
use crate::chunk::{ChunkType, Reference};
use crate::error::{Error, ErrorKind, Result};
use crate::files::ItemPath;
use crate::id::{ChunkId, PackId, PackTag, SlotId, TableId, hex};
use crate::keys::Compartment;
use crate::pack::{self, Class, Directory};
use crate::progress::{Phase, Progress};
use crate::store::{Area, Name, Store, read_whole};
use crate::vault::{
    self, Chunks, Positions, SnapshotInfo, Vault, chain_names, hash_object, open_table, pack_name,
    read_marker, table_name,
};

/// How thorough a check is.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Read, decrypt and verify every byte.
    pub read_data: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is lost, and the next add mends it or it does no harm.
    Note,
    /// A synced folder has only a placeholder of it here.
    NotDownloaded,
    /// Snapshots are missing.
    Missing,
    /// Bytes are not what was written, or absent.
    Damage,
}

/// Something that is not as it should be.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The object: its name in the vault's folder.
    pub object: String,
    /// What is wrong.
    pub what: String,
    /// Items that are hit, as `SOURCE:PATH`, the first of them.
    pub items: Vec<String>,
    /// How many items are hit.
    pub items_total: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Objects looked at.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Snapshots walked through.
    pub snapshots: u64,
    /// Items walked through, in all snapshots.
    pub items: u64,
    /// Records walked through, in all snapshots.
    pub records: u64,
    /// What this copy of the vault is without on purpose, if anything.
    pub left_out: Option<LeftOut>,
}

/// What a copy is without on purpose (spec 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Whether the content of `sealed` is.
    pub sealed: bool,
    /// How many packs.
    pub packs: u64,
    /// How many slots.
    pub slots: u64,
    /// How many sealed items, in all snapshots.
    pub items: u64,
}

/// How many items a finding names.
const ITEMS_NAMED: usize = 20;

/// Checks a vault with its keys.
///
/// # Errors
/// When the store cannot be listed at all. What is wrong with an object is a finding.
/// `NotPermitted` for a role that reads no content.
pub fn check(vault: &Vault, options: CheckOptions, progress: &dyn Progress) -> Result<Report> {
    vault.refuse_unread().map_err(|error| {
        error.hint("--keyless checks what takes no key; the full passphrase checks all")
    })?;
    let store = vault.store().as_ref();
    progress.phase(Phase::Checking, options.read_data.then(|| total_size(store)).transpose()?);
    let mut checker =
        Checker { findings: Findings::default(), progress, report: Report::default() };
    checker.copies(store)?;
    if options.read_data {
        checker.hashes(store, &[Area::Index, Area::Packs])?;
    }
    checker.scopes(vault)?;
    checker.files_for_people(vault)?;
    checker.chain(vault)?;
    let mut content = Content::new(vault);
    checker.packs(&mut content, options)?;
    checker.tables(&content)?;
    let snapshots = vault.snapshots()?;
    for info in &snapshots {
        checker.snapshot(&mut content, info);
    }
    checker.forgive(vault, &snapshots)?;
    checker.blame_placeholders();
    Ok(checker.finish())
}

/// Checks what can be checked without a key: that every object is the bytes its name says, and
/// that second copies are there.
///
/// # Errors
/// When the store cannot be listed at all.
pub fn check_keyless(store: &dyn Store, progress: &dyn Progress) -> Result<Report> {
    progress.phase(Phase::Checking, Some(total_size(store)?));
    let mut checker =
        Checker { findings: Findings::default(), progress, report: Report::default() };
    checker.copies(store)?;
    checker.hashes(store, &[Area::Scope, Area::Index, Area::Packs])?;
    if let Err(error) = read_marker(store) {
        checker.findings.add(severity_of(&error), "vault", &what_of(&error));
    }
    Ok(checker.finish())
}

fn total_size(store: &dyn Store) -> Result<u64> {
    let mut size = 0;
    for area in [Area::Index, Area::Packs] {
        for name in store.list(area)? {
            size += store.open(&name).map_or(0, |object| object.length());
        }
    }
    Ok(size)
}

/// Findings by object, in the order they were made.
#[derive(Default)]
struct Findings {
    places: HashMap<(String, String), usize>,
    all: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, severity: Severity, object: &str, what: &str) -> &mut Finding {
        let key = (object.to_owned(), what.to_owned());
        let at = *self.places.entry(key).or_insert_with(|| {
            self.all.push(Finding {
                severity,
                object: object.to_owned(),
                what: what.to_owned(),
                items: Vec::new(),
                items_total: 0,
            });
            self.all.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "places holds positions in `all`")]
        &mut self.all[at]
    }

    /// A finding about an item: the first one of the object takes it.
    fn hit(&mut self, object: &str, what: &str, item: String) {
        let known = self.all.iter().position(|finding| finding.object == object);
        let finding = match known.and_then(|at| self.all.get_mut(at)) {
            Some(finding) => finding,
            None => self.add(Severity::Damage, object, what),
        };
        if finding.severity != Severity::NotDownloaded {
            finding.severity = Severity::Damage;
        }
        finding.items_total += 1;
        if finding.items.len() < ITEMS_NAMED {
            finding.items.push(item);
        }
    }
}

struct Checker<'a> {
    findings: Findings,
    progress: &'a dyn Progress,
    report: Report,
}

/// What the packs hold, by their directories.
struct Content<'v> {
    vault: &'v Vault,
    chunks: Chunks<'v>,
    positions: Positions,
    sealed: HashMap<PackTag, BTreeSet<ChunkId>>,
    present: BTreeSet<PackId>,
    /// Packs that are there as placeholders.
    unread: BTreeSet<PackId>,
    /// Chunks that are not whole, by the pack they are not whole in.
    broken: HashMap<ChunkId, BTreeMap<PackId, String>>,
}

impl<'v> Content<'v> {
    fn new(vault: &'v Vault) -> Self {
        Self {
            vault,
            chunks: Chunks::new(vault),
            positions: Positions::new(),
            sealed: HashMap::new(),
            present: BTreeSet::new(),
            unread: BTreeSet::new(),
            broken: HashMap::new(),
        }
    }

    /// Whether an object is a pack that this copy is without on purpose.
    fn is_left_out(&self, object: &str) -> bool {
        let pack = object.rsplit('/').next().and_then(PackId::parse);
        self.vault.scope().zip(pack).is_some_and(|(scope, pack)| scope.packs.contains(&pack))
    }

    /// Why a chunk of `general` cannot be read, and which object is to blame; none when it can.
    fn trouble(&mut self, reference: &Reference, kind: ChunkType) -> Option<(String, String)> {
        let broken = self.broken.get(&reference.id);
        let places = self.positions.get(&reference.id);
        let whole = |pack: &PackId| broken.is_none_or(|packs| !packs.contains_key(pack));
        if places.is_some_and(|places| places.iter().any(|(pack, _)| whole(pack))) {
            return None;
        }
        if let Some((pack, what)) = broken.and_then(|packs| packs.first_key_value()) {
            return Some((pack_name(*pack).to_string(), what.clone()));
        }
        let listed = self.chunks.places(&reference.id, kind).first().map(|(pack, _)| *pack);
        Some(match listed {
            Some(pack) if self.present.contains(&pack) => {
                (pack_name(pack).to_string(), "its directory cannot be read".to_owned())
            }
            Some(pack) => (pack_name(pack).to_string(), "missing".to_owned()),
            None => (format!("chunk {}", reference.id), "no pack holds it".to_owned()),
        })
    }
}

impl Checker<'_> {
    fn count_left_out(&mut self) {
        if let Some(left_out) = &mut self.report.left_out {
            left_out.items += 1;
        }
    }

    fn finish(mut self) -> Report {
        self.report.findings = self.findings.all;
        self.report
    }

    /// Slots and chain entries: both copies there, and each what its name says.
    fn copies(&mut self, store: &dyn Store) -> Result<()> {
        let newest = chain_names(store)?.last().map(|&(number, _)| number);
        for (first, second) in [(Area::KeysA, Area::KeysB), (Area::ChainA, Area::ChainB)] {
            self.hashes(store, &[first, second])?;
            let files = |area| -> Result<BTreeSet<String>> {
                Ok(store.list(area)?.iter().map(|name| name.file().to_owned()).collect())
            };
            let (ones, others) = (files(first)?, files(second)?);
            for file in ones.symmetric_difference(&others) {
                let area = if ones.contains(file) { second } else { first };
                let Some(name) = Name::new(area, file.as_str()) else { continue };
                // The last thing an interrupted writer had not come to.
                let number = chain::parse_file_name(file).map(|(number, _)| number);
                let unfinished = area == Area::ChainB && number == newest;
                let severity = if unfinished { Severity::Note } else { Severity::Damage };
                let what = "this copy is missing; the next add writes it again from the other one";
                self.findings.add(severity, &name.to_string(), what);
            }
        }
        Ok(())
    }

    /// Every object of the areas is the bytes its name says.
    fn hashes(&mut self, store: &dyn Store, areas: &[Area]) -> Result<()> {
        for area in areas {
            for name in store.list(*area)? {
                self.report.objects += 1;
                let result = store.open(&name).and_then(|mut object| {
                    let length = object.length();
                    Ok((hash_object(object.as_mut(), &name)?, length))
                });
                let text = name.to_string();
                match result {
                    Ok((sha, length)) => {
                        self.report.bytes += length;
                        self.progress.bytes(length);
                        if !name.file().ends_with(&hex(&sha)) {
                            self.findings.add(
                                Severity::Damage,
                                &text,
                                "not the bytes its name says",
                            );
                        }
                    }
                    Err(error) => {
                        self.findings.add(severity_of(&error), &text, &what_of(&error));
                    }
                }
            }
        }
        Ok(())
    }

    /// What this copy is without on purpose, and scopes that say so and do not count.
    fn scopes(&mut self, vault: &Vault) -> Result<()> {
        if let Some(scope) = vault.scope() {
            self.report.left_out = Some(LeftOut {
                sealed: scope.without_sealed,
                packs: scope.packs.len() as u64,
                slots: scope.slots.len() as u64,
                items: 0,
            });
        }
        self.report.objects += vault.store().list(Area::Scope)?.len() as u64;
        // One that is broken costs nothing but what it allowed to be missing, which is reported.
        for name in vault.stray_scopes()? {
            let what = "says what another copy was made without, or is not of this vault; it does not count";
            self.findings.add(Severity::Note, &name.to_string(), what);
        }
        Ok(())
    }

    /// While a pack or table is a placeholder, nobody can say that a chunk is gone.
    fn blame_placeholders(&mut self) {
        let is_placeholder = |it: &Finding| it.severity == Severity::NotDownloaded;
        if self.findings.all.iter().any(is_placeholder) {
            let chunks = self.findings.all.iter_mut().filter(|it| it.object.starts_with("chunk "));
            chunks.for_each(|finding| finding.severity = Severity::NotDownloaded);
        }
    }

    /// The files for people, and the hint `vault`.
    fn files_for_people(&mut self, vault: &Vault) -> Result<()> {
        let store = vault.store().as_ref();
        match read_marker(store) {
            Ok(id) if id == vault.id() => {
                let text = read_whole(store, &vault::top("vault"), 4096)?;
                if text != vault::marker(id).as_bytes() {
                    self.findings.add(Severity::Damage, "vault", "changed");
                }
            }
            Ok(_) => drop(self.findings.add(Severity::Damage, "vault", "names another vault")),
            Err(error) => {
                self.findings.add(severity_of(&error), "vault", &what_of(&error));
            }
        }
        let first = chain_names(store)?.first().copied();
        let entry = first.and_then(|(number, id)| vault.entry(number, id).ok());
        let Some(Record::Slots { files, .. }) = entry.map(|entry| entry.record) else {
            return Ok(());
        };
        for (file, sha) in files {
            let Some(name) = Name::new(Area::Top, file.as_str()) else { continue };
            let found = store.open(&name).and_then(|mut o| hash_object(o.as_mut(), &name));
            match found {
                Ok(found) if found == sha => {}
                Ok(_) => drop(self.findings.add(Severity::Damage, &file, "changed")),
                Err(error) => {
                    self.findings.add(severity_of(&error), &file, &what_of(&error));
                }
            }
        }
        Ok(())
    }

    /// Every entry can be read, and none that another names is missing.
    fn chain(&mut self, vault: &Vault) -> Result<()> {
        let mut names = BTreeMap::new();
        let mut named = BTreeSet::new();
        for (number, id) in chain_names(vault.store().as_ref())? {
            names.insert(id, number);
            match vault.entry(number, id) {
                Ok(entry) => {
                    named.extend(entry.previous.iter().copied());
                    named.extend(entry.roll.iter().map(|row| row.id));
                }
                Err(error) => {
                    let object = error.object().unwrap_or("chain").to_owned();
                    self.findings.add(severity_of(&error), &object, &what_of(&error));
                }
            }
        }
        for id in named.iter().filter(|id| !names.contains_key(id)) {
            self.findings.add(Severity::Missing, &format!("chain entry {id}"), "missing");
        }
        let recorded = vault::slots(vault.store().as_ref(), Some(vault))?;
        let left_out = vault.scope().map(|scope| &scope.slots);
        for row in vault.slot_record()? {
            let is_left_out = left_out.is_some_and(|slots| slots.contains(&SlotId::new(row.id)));
            if !is_left_out && !recorded.iter().any(|slot| *slot.id.bytes() == row.id) {
                let object = format!("keys/a/{}", row.file());
                let what = "both copies of a slot are missing";
                self.findings.add(Severity::Damage, &object, what);
            }
        }
        for slot in recorded.iter().filter(|slot| slot.recorded.is_none()) {
            let object = format!("keys/a/{}-{}", slot.letter.letter(), slot.id);
            let what = "a slot that the chain does not record: somebody put it there, or making it was interrupted";
            self.findings.add(Severity::Note, &object, what);
        }
        Ok(())
    }

    /// What nothing in the vault leads to does not exist (spec F-4): broken or half there, it is what
    /// an interrupted writer left, and no damage.
    fn forgive(&mut self, vault: &Vault, snapshots: &[SnapshotInfo]) -> Result<()> {
        let needed = Needed::find(vault, snapshots)?;
        let broken = self.findings.all.iter_mut();
        let broken = broken.filter(|it| it.severity == Severity::Damage && it.items_total == 0);
        for finding in broken {
            if needed.is_left_over(&finding.object) {
                finding.severity = Severity::Note;
                finding.what.push_str("; an interrupted writer left it, and nothing needs it");
            }
        }
        Ok(())
    }

    /// Directories of all packs, and with `read_data` every chunk in them.
    fn packs(&mut self, content: &mut Content<'_>, options: CheckOptions) -> Result<()> {
        let vault = content.vault;
        let mut tags: BTreeMap<PackId, PackTag> = BTreeMap::new();
        for info in vault.snapshots()? {
            content.chunks.enter(&info.snapshot);
            let packs = info.snapshot.sealed.into_iter().flat_map(|sealed| sealed.packs);
            tags.extend(packs.map(|(tag, pack)| (pack, tag)));
        }
        for name in vault.store().list(Area::Packs)? {
            let Some(pack) = PackId::parse(name.file()) else { continue };
            content.present.insert(pack);
            self.report.objects += u64::from(!options.read_data);
            let opened = open_directory(&mut content.chunks, pack, tags.contains_key(&pack));
            let (compartment, directory) = match opened {
                Ok(opened) => opened,
                Err(error) if error.kind() == ErrorKind::NotPermitted => continue,
                Err(error) => {
                    let object = name.to_string();
                    if error.kind() == ErrorKind::NotDownloaded {
                        content.unread.insert(pack);
                    }
                    self.findings.add(severity_of(&error), &object, &what_of(&error));
                    continue;
                }
            };
            self.take_directory(content, pack, compartment, &directory);
            if options.read_data {
                let broken = &mut content.broken;
                let findings = &mut self.findings;
                content.chunks.verify_pack(pack, compartment, &directory, &mut |piece, error| {
                    let what = error.to_string();
                    findings.add(Severity::Damage, &name.to_string(), "damaged");
                    broken.entry(piece.id).or_default().insert(pack, what);
                });
            }
        }
        Ok(())
    }

    fn take_directory(
        &mut self,
        content: &mut Content<'_>,
        pack: PackId,
        compartment: Compartment,
        directory: &Directory,
    ) {
        for (piece, place) in directory.blocks.iter().flat_map(pack::Block::places) {
            if compartment == Compartment::General {
                content.positions.entry(piece.id).or_default().push((pack, place));
            } else if let Some(salt) = &directory.salt {
                content.sealed.entry(salt.tag).or_default().insert(piece.id);
            }
        }
    }

    /// Tables verify, and their rows lead to what the packs hold.
    fn tables(&mut self, content: &Content<'_>) -> Result<()> {
        let vault = content.vault;
        let names = vault.store().list(Area::Index)?;
        let present: BTreeSet<TableId> =
            names.iter().filter_map(|name| TableId::parse(name.file())).collect();
        for &id in &present {
            let object = table_name(id).to_string();
            let opened = Class::ALL.into_iter().map(|class| open_table(vault, class, id));
            let mut wrong = 0_u64;
            let result = opened.reduce(|first, second| first.or(second)).map(|table| {
                table.and_then(|mut table| {
                    table.verify(&vault.keys().table, |row| {
                        let places = content.positions.get(&row.id);
                        let known = places.is_some_and(|p| p.contains(&(row.pack, row.place)));
                        let is_here = content.present.contains(&row.pack)
                            && !content.unread.contains(&row.pack);
                        wrong += u64::from(!known && is_here);
                    })
                })
            });
            match result {
                Some(Err(error)) => {
                    self.findings.add(severity_of(&error), &object, &what_of(&error));
                }
                Some(Ok(_)) if wrong > 0 => {
                    let what = format!("{wrong} rows that lead to no chunk");
                    self.findings.add(Severity::Damage, &object, &what);
                }
                _ => {}
            }
        }
        let newest = vault.newest().unwrap_or_default();
        let named = newest.values().max_by_key(|info| (info.number, info.time, info.id));
        let tables = named.map(|info| info.snapshot.tables.clone()).unwrap_or_default();
        for id in tables.data.into_iter().chain(tables.nodes).filter(|id| !present.contains(id)) {
            let what = "missing; what it says is also in the packs, reading is only slower";
            self.findings.add(Severity::Damage, &table_name(id).to_string(), what);
        }
        Ok(())
    }

    /// Every item of a snapshot is whole.
    fn snapshot(&mut self, content: &mut Content<'_>, info: &SnapshotInfo) {
        self.report.snapshots += 1;
        let source = &info.snapshot.source;
        let mut items = vault::list(content.vault, info, &[]);
        if let Some(left_out) = &mut self.report.left_out {
            left_out.items += items.left_out;
        }
        loop {
            match items.next_item() {
                Ok(None) => break,
                Ok(Some(item)) => {
                    self.report.items += 1;
                    self.progress.item();
                    let mut troubles = Vec::new();
                    for part in item.contents() {
                        let walked = items.chunks.references(part, &mut |row, kind| {
                            let trouble = match row.reference.tag {
                                None => content.trouble(&row.reference, kind),
                                Some(tag) => sealed_trouble(content, info, tag, &row.reference.id),
                            };
                            troubles.extend(trouble);
                            Ok(())
                        });
                        if let Err(error) = walked {
                            troubles.push(blame(&error));
                        }
                    }
                    troubles.dedup_by(|a, b| a.0 == b.0);
                    for (object, what) in troubles {
                        if content.is_left_out(&object) {
                            self.count_left_out();
                            continue;
                        }
                        self.findings.hit(&object, &what, named(source, &item.path));
                    }
                }
                Err(error) => {
                    let (object, what) = blame(&error);
                    self.findings.hit(&object, &what, format!("{source}: a part of its list"));
                }
            }
        }
        for error in std::mem::take(&mut items.times_lost) {
            let (object, what) = blame(&error);
            self.findings.hit(&object, &what, format!("{source}: times of some of its items"));
        }
        self.records(content, info);
    }

    /// Every record of a snapshot is where its tree says, in a file that is there.
    fn records(&mut self, content: &mut Content<'_>, info: &SnapshotInfo) {
        let source = &info.snapshot.source;
        let mut files: BTreeMap<ItemPath, bool> = BTreeMap::new();
        let mut records = vault::records(content.vault, info);
        loop {
            let record = match records.next_record() {
                Ok(None) => break,
                Ok(Some(record)) => record,
                Err(error) => {
                    let (object, what) = blame(&error);
                    self.findings.hit(&object, &what, format!("{source}: some of its records"));
                    continue;
                }
            };
            self.report.records += 1;
            let Some(place) = record.place else { continue };
            for path in std::iter::once(&place.file).chain(&place.beside) {
                let is_there = *files.entry(path.clone()).or_insert_with(|| {
                    // What of the items cannot be read was said already.
                    vault::find(content.vault, info, path).map_or(true, |item| item.is_some())
                });
                if !is_there {
                    let object = format!("chain entry {}", info.id);
                    let what = "records of files that are not in the snapshot";
                    self.findings.hit(&object, what, named(source, path));
                }
            }
            let vault::RecordBytes::Parts(parts, _) = &place.bytes else { continue };
            // The data are those of the file; lists of a part of them are its own.
            for part in parts {
                let walked = records.chunks.references(&part.content, &mut |_, _| Ok(()));
                if let Err(error) = walked {
                    let (object, what) = blame(&error);
                    self.findings.hit(&object, &what, named(source, &place.file));
                }
            }
        }
        for error in std::mem::take(&mut records.places_lost) {
            let (object, what) = blame(&error);
            self.findings.hit(&object, &what, format!("{source}: where some of its records are"));
        }
    }
}

/// The objects that something in the vault leads to.
struct Needed {
    names: BTreeSet<String>,
    /// Whether all packs and tables that are needed are known to be.
    is_complete: bool,
}

impl Needed {
    fn find(vault: &Vault, snapshots: &[SnapshotInfo]) -> Result<Self> {
        let mut needed = Self { names: BTreeSet::new(), is_complete: true };
        needed.take_slots_and_chain(vault)?;
        for info in snapshots {
            let snapshot = &info.snapshot;
            let sealed = snapshot.sealed.iter();
            needed.take_packs(sealed.flat_map(|sealed| sealed.packs.values()));
            for trees in [Some(&snapshot.general), snapshot.records.as_ref()].into_iter().flatten()
            {
                needed.take_packs([&trees.facts.pack, &trees.whereabouts.pack]);
            }
            for (class, ids) in
                [(Class::Data, &snapshot.tables.data), (Class::Nodes, &snapshot.tables.nodes)]
            {
                for &id in ids {
                    // What a table that cannot be read lists may be any pack.
                    match open_table(vault, class, id) {
                        Ok(table) => needed.take_packs(table.packs()),
                        Err(_) => needed.is_complete = false,
                    }
                    needed.names.insert(table_name(id).to_string());
                }
            }
        }
        Ok(needed)
    }

    fn take_packs<'p>(&mut self, packs: impl IntoIterator<Item = &'p PackId>) {
        self.names.extend(packs.into_iter().map(|pack| pack_name(*pack).to_string()));
    }

    fn take_slots_and_chain(&mut self, vault: &Vault) -> Result<()> {
        for row in vault.slot_record()? {
            let file = row.file();
            self.names.extend([format!("keys/a/{file}"), format!("keys/b/{file}")]);
        }
        let store = vault.store().as_ref();
        let names = chain_names(store)?;
        let mut named = BTreeSet::new();
        let mut unread = BTreeSet::new();
        for &(number, id) in &names {
            match vault.entry(number, id) {
                Ok(entry) => {
                    named.extend(entry.previous.iter().copied());
                    named.extend(entry.roll.iter().map(|row| row.id));
                }
                Err(_) => drop(unread.insert((number, id))),
            }
        }
        let newest = names.difference(&unread).last().copied();
        for entry in names {
            let (number, id) = entry;
            let copies =
                [Area::ChainA, Area::ChainB].map(|area| vault::entry_name(area, number, id));
            let [first, second] = copies.each_ref().map(|name| store.open(name).is_ok());
            let is_unfinished = unread.contains(&entry) && !named.contains(&id) && first != second;
            let [first, second] = copies;
            if is_unfinished {
                continue;
            }
            self.is_complete &= !unread.contains(&entry);
            self.names.insert(first.to_string());
            // The second copy of the newest entry is what a writer comes to last.
            if Some(entry) != newest {
                self.names.insert(second.to_string());
            }
        }
        Ok(())
    }

    /// Whether an object is known to be needed by nothing.
    fn is_left_over(&self, object: &str) -> bool {
        let is_content = object.starts_with("packs/") || object.starts_with("index/");
        let is_other = object.starts_with("keys/") || object.starts_with("chain/");
        (is_other || is_content && self.is_complete) && !self.names.contains(object)
    }
}

/// How bad it is that an object cannot be read.
fn severity_of(error: &Error) -> Severity {
    match error.kind() {
        ErrorKind::NotDownloaded => Severity::NotDownloaded,
        _ => Severity::Damage,
    }
}

fn what_of(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotDownloaded => {
            "a synced folder keeps only a placeholder of it here".to_owned()
        }
        _ => error.to_string(),
    }
}

fn named(source: &str, path: &ItemPath) -> String {
    format!("{source}:{path}")
}

fn blame(error: &Error) -> (String, String) {
    (error.object().unwrap_or("a chunk").to_owned(), error.to_string())
}

/// Why a sealed chunk cannot be read.
fn sealed_trouble(
    content: &Content<'_>,
    info: &SnapshotInfo,
    tag: PackTag,
    id: &ChunkId,
) -> Option<(String, String)> {
    let pack = info.snapshot.sealed.as_ref().and_then(|sealed| sealed.packs.get(&tag));
    let Some(pack) = pack else {
        return Some((format!("pack tag {tag}"), "the snapshot names no such pack".to_owned()));
    };
    let object = pack_name(*pack).to_string();
    if let Some(what) = content.broken.get(id).and_then(|packs| packs.get(pack)) {
        return Some((object, what.clone()));
    }
    if content.sealed.get(&tag).is_some_and(|chunks| chunks.contains(id)) {
        return None;
    }
    let what =
        if content.present.contains(pack) { "its directory cannot be read" } else { "missing" };
    Some((object, what.to_owned()))
}

/// The directory of a pack of either compartment.
fn open_directory(
    chunks: &mut Chunks<'_>,
    pack: PackId,
    sealed: bool,
) -> Result<(Compartment, Directory)> {
    if sealed {
        return chunks
            .directory(pack, Compartment::Sealed, Class::Data)
            .map(|directory| (Compartment::Sealed, directory));
    }
    let general = Class::ALL.into_iter().map(|class| {
        chunks
            .directory(pack, Compartment::General, class)
            .map(|directory| (Compartment::General, directory))
    });
    let general = general.reduce(|first, second| first.or(second));
    match general {
        Some(Err(first)) => {
            // A sealed pack that no snapshot names: an interrupted add left it.
            let sealed = chunks.directory(pack, Compartment::Sealed, Class::Data);
            match sealed {
                Ok(directory) => Ok((Compartment::Sealed, directory)),
                Err(error) if error.kind() == ErrorKind::NotPermitted => Err(error),
                Err(_) => Err(first),
            }
        }
        Some(Ok(opened)) => Ok(opened),
        None => Err(Error::new(ErrorKind::Missing, "no class of packs")),
    }
}
