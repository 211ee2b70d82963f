//! Brings a copy of a vault up to date, object for object, and without a key.
//!
//! Every object is verified by its name while it is read, and again by what the copy's medium gives
//! back before it gets its name there (spec F-6). Packs come first, then tables, the scope, slots and
//! the chain, so that a copy that was interrupted opens as it was before, or further on. A copy
//! that nothing opened yet gets its slots last of all.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use super::objects::{self, Hashed, Plain, hash_object, read_verified};
use super::{FILES, Vault, chain_names, entry_name, marker, read_marker, scopes, slots, top};
use crate::chain::{Record, SlotRow};
use crate::error::{Error, ErrorKind, Result};
use crate::format;
use crate::id::{EntryId, PackId, SlotId, TableId, VaultId, unhex};
use crate::keys::{Compartment, Role};
use crate::progress::{Phase, Progress};
use crate::scope::Scope;
use crate::store::{self, Area, Name, Store, Strength, Upload};

/// What is copied, and how.
#[derive(Default)]
pub struct CopyOptions<'a> {
    /// The vault that is copied, if it was opened; it lies in the store that is copied.
    pub vault: Option<&'a Vault>,
    /// Leave out the content of `sealed`; needs the vault opened.
    pub without_sealed: bool,
    /// Bring only slots of these labels; needs the vault opened.
    pub labels: Option<BTreeSet<String>>,
    /// Bring what the copy was made without as well.
    pub all: bool,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Nanoseconds since 1970 UTC.
    pub time: i64,
}

/// What was brought, or would be, and what stands in the way of more.
#[derive(Debug)]
pub struct Copied {
    /// Objects written, both copies of those that are there twice.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them took the place of one that was damaged in the copy.
    pub healed: u64,
    /// What is wrong with objects that the copy now lacks.
    pub damaged: Vec<Error>,
    /// Objects that are not downloaded. Nothing new appears in the copy before they are.
    pub absent: Vec<Error>,
    /// Slots removed from the copy, since the chain no longer names them.
    pub slots_removed: Vec<SlotId>,
    /// Slots in the copy that are gone from the vault; without a key they stay.
    pub slots_stale: Vec<SlotId>,
    /// Slots that were not brought: they may have been removed on purpose.
    pub slots_held: Vec<SlotId>,
    /// Labels of slots brought that open `sealed`, whose content was left out.
    pub labels_full: Vec<String>,
    /// How many chain entries the copy has that the vault has not.
    pub ahead: u64,
    /// The largest number in the chain that was copied.
    pub number: u64,
    /// What the copy is without on purpose.
    pub scope: Option<Scope>,
    /// How firmly what was written lies there.
    pub strength: Strength,
}

/// The bytes of one batch: what is read again after an interruption, where names are durable
/// before bytes.
const BATCH_BYTES: u64 = 1 << 30;
/// The most objects of one batch.
const BATCH_OBJECTS: usize = 4096;
/// The largest file of those at the top.
const TOP_MAX: u64 = 16 << 20;
const PIECE_SIZE: usize = 1 << 20;

/// Brings the copy in `to` up to date with the vault in `from`: what is missing there, or damaged,
/// and nothing else. What is wrong with one object does not keep the others from being copied.
///
/// # Errors
/// `Refused` when there is another vault in `to`, or one that has what is to be left out; `NoSpace`
/// before anything is written; `NotFound` for a label that no slot has; and when `to` cannot be written.
pub fn copy(
    from: &dyn Store,
    to: &dyn Store,
    options: &CopyOptions<'_>,
    progress: &dyn Progress,
) -> Result<Copied> {
    // The chain first: what its entries need is there by now, whatever else is being added.
    let entries = chain_names(from)?;
    let vault = match options.vault {
        Some(vault) => vault.id(),
        None => read_marker(from)?,
    };
    let marks = Marks::read(to, vault)?;
    let known = chain_names(to)?;
    refuse_another(to, vault, &marks, !known.is_disjoint(&entries))?;
    let mut copier = Copier::new(from, to, vault, progress);
    copier.copied.number = entries.last().map_or(0, |&(number, _)| number);
    copier.copied.ahead = known.difference(&entries).count() as u64;
    if !options.dry_run {
        to.reclaim()?;
    }
    // A role without the reader MAC key cannot tell a record of slots from a forged one.
    let reader = options.vault.filter(|vault| vault.keys.knows_readers());
    let records = reader.map(|vault| Records::read(vault, to, &entries, &known));
    let choice = Choice::make(from, to, options, records.as_ref(), known.is_empty())?;
    let mut plan = Plan { number: marks.next, ..Plan::default() };
    copier.plan_content(&mut plan, options.vault, &choice, &marks)?;
    copier.plan_slots(&mut plan, &choice, records.as_ref(), known.is_subset(&entries))?;
    copier.plan_chain(&mut plan, &entries)?;
    copier.plan_top(&mut plan)?;
    copier.copied.scope.clone_from(&choice.scope);
    copier.copied.labels_full.clone_from(&choice.labels_full);
    plan.refuse_too_large(to)?;
    if options.dry_run {
        copier.copied.objects = plan.count();
        copier.copied.bytes = plan.bytes();
        return Ok(copier.copied);
    }
    copier.run(&plan, &choice, options, &marks)?;
    Ok(copier.copied)
}

/// Whether a copy of a vault was begun in a store and has not come to its end.
pub fn is_copy_begun(store: &dyn Store) -> Result<bool> {
    Ok(store.list(Area::Top)?.iter().any(|name| mark_number(name).is_some()))
}

/// The names of what was being written, in files that an interrupted copy leaves (spec 3).
struct Marks {
    files: Vec<Name>,
    /// Objects that may have a name and not their bytes.
    uncertain: BTreeSet<String>,
    /// Whether one of them is of this vault.
    is_ours: bool,
    next: u64,
}

const MARK: &str = "copying-";

fn mark_number(name: &Name) -> Option<u64> {
    let digits = name.file().strip_prefix(MARK)?;
    (digits.len() == 8).then(|| digits.parse().ok()).flatten()
}

impl Marks {
    fn read(to: &dyn Store, vault: VaultId) -> Result<Self> {
        let mut marks =
            Self { files: Vec::new(), uncertain: BTreeSet::new(), is_ours: false, next: 1 };
        for name in to.list(Area::Top)? {
            let Some(number) = mark_number(&name) else { continue };
            marks.next = marks.next.max(number.saturating_add(1));
            // One that is broken was not durable, and nothing was written after it.
            let bytes = store::read_whole(to, &name, TOP_MAX).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            if let Some(lines) = text.strip_prefix(&mark_head(vault)) {
                marks.is_ours = true;
                marks.uncertain.extend(lines.lines().map(str::to_owned));
            }
            marks.files.push(name);
        }
        Ok(marks)
    }
}

fn mark_head(vault: VaultId) -> String {
    format!("icvault copy 1\n{vault}\n")
}

/// Refuses to write into what is another vault, or may be.
fn refuse_another(to: &dyn Store, vault: VaultId, marks: &Marks, shares_chain: bool) -> Result<()> {
    let another = || {
        Error::new(ErrorKind::Refused, "there is another vault already")
            .hint("choose another folder; a copy is brought up to date from the vault it is of")
    };
    match read_marker(to) {
        Ok(id) if id == vault => return Ok(()),
        Ok(_) => return Err(another()),
        Err(error) if error.kind() == ErrorKind::Newer => return Err(error),
        Err(_) => {}
    }
    if marks.is_ours || shares_chain {
        return Ok(());
    }
    for area in [Area::KeysA, Area::KeysB, Area::ChainA, Area::ChainB, Area::Index, Area::Packs] {
        if !to.list(area)?.is_empty() {
            return Err(another());
        }
    }
    Ok(())
}

/// What the chains of both sides say of slots.
struct Records {
    /// The newest record.
    newest: Vec<SlotRow>,
    /// Every slot that was ever recorded.
    ever: BTreeSet<SlotId>,
}

impl Records {
    fn read(
        vault: &Vault,
        to: &dyn Store,
        ours: &BTreeSet<(u64, EntryId)>,
        theirs: &BTreeSet<(u64, EntryId)>,
    ) -> Self {
        let (bundle, keys) = (&vault.keys.bundle, &vault.keys.entry);
        let mut records = Self { newest: Vec::new(), ever: BTreeSet::new() };
        for &(number, id) in ours.union(theirs) {
            let entry = vault
                .entry(number, id)
                .or_else(|_| objects::open_entry(to, bundle, keys, number, id));
            if let Ok(Record::Slots { slots, .. }) = entry.map(|entry| entry.record) {
                records.ever.extend(slots.iter().map(|row| SlotId::new(row.id)));
                records.newest = slots;
            }
        }
        records
    }

    fn row(&self, id: SlotId) -> Option<&SlotRow> {
        self.newest.iter().find(|row| row.id == *id.bytes())
    }
}

/// What is left out on purpose.
struct Choice {
    /// What the copy has to say of it.
    scope: Option<Scope>,
    /// Whether that is not what a scope in the copy says already.
    is_new: bool,
    /// Scopes to be copied as they are.
    inherited: Vec<Name>,
    /// Scopes in the copy that are to go in the end.
    outdated: Vec<Name>,
    /// The general compartment alone is copied.
    without_sealed: bool,
    labels: Option<BTreeSet<String>>,
    labels_full: Vec<String>,
}

impl Choice {
    fn make(
        from: &dyn Store,
        to: &dyn Store,
        options: &CopyOptions<'_>,
        records: Option<&Records>,
        is_begun: bool,
    ) -> Result<Self> {
        let mut choice = Self {
            scope: None,
            is_new: false,
            inherited: Vec::new(),
            outdated: Vec::new(),
            without_sealed: options.without_sealed,
            labels: options.labels.clone(),
            labels_full: Vec::new(),
        };
        let (ours, theirs) = (from.list(Area::Scope)?, to.list(Area::Scope)?);
        if options.all {
            if !ours.is_empty() {
                return Err(Error::new(ErrorKind::Refused, "this vault is not whole itself")
                    .hint("copy from the vault it is a copy of"));
            }
            choice.outdated = theirs;
            return Ok(choice);
        }
        let (Some(vault), Some(records)) = (options.vault, records) else {
            choice.without_key(&ours, &theirs, is_begun)?;
            return Ok(choice);
        };
        let of_copy = scopes::verified(to, &vault.keys, vault.id())?;
        let before = of_copy.last().map(|(_, scope)| scope);
        // A copy of what is not whole is not whole.
        let inherited = vault.scope().filter(|_| is_begun);
        for scope in before.into_iter().chain(inherited) {
            choice.without_sealed |= scope.without_sealed;
            if choice.labels.is_none() {
                choice.labels.clone_from(&scope.labels);
            }
        }
        if !choice.without_sealed && choice.labels.is_none() {
            return Ok(choice);
        }
        let scope = choice.scope(vault, to, records, options.time, before.is_some())?;
        let says_the_same = |known: &Scope| {
            (&known.packs, &known.slots, &known.labels, known.without_sealed)
                == (&scope.packs, &scope.slots, &scope.labels, scope.without_sealed)
        };
        let counting = scopes::counting(to, of_copy.clone())?;
        let counting = counting.filter(|(_, known)| says_the_same(known));
        choice.is_new = counting.is_none();
        let (current, scope) = counting.map_or((None, scope), |(name, known)| (Some(name), known));
        choice.outdated =
            theirs.into_iter().filter(|name| Some(name) != current.as_ref()).collect();
        choice.scope = Some(scope);
        Ok(choice)
    }

    /// Without a key a copy with a scope can be brought up to date only from one with the same.
    fn without_key(&mut self, ours: &[Name], theirs: &[Name], is_begun: bool) -> Result<()> {
        let needs_key = |what| {
            Error::new(ErrorKind::NotPermitted, what).hint(
                "give a passphrase or identity to go on leaving that out, or --all to bring everything",
            )
        };
        if self.without_sealed || self.labels.is_some() {
            return Err(Error::new(
                ErrorKind::NotPermitted,
                "to leave something out the vault has to be opened",
            ));
        }
        if theirs.iter().any(|name| !ours.contains(name)) {
            return Err(needs_key("this copy was made without some things, on purpose"));
        }
        if is_begun || !theirs.is_empty() {
            self.inherited = ours.iter().filter(|name| !theirs.contains(name)).cloned().collect();
        }
        Ok(())
    }

    /// The scope of the copy, as it will be.
    fn scope(
        &mut self,
        vault: &Vault,
        to: &dyn Store,
        records: &Records,
        time: i64,
        has_scope: bool,
    ) -> Result<Scope> {
        let mut packs = BTreeSet::new();
        if self.without_sealed {
            let sealed = vault.snapshots()?.into_iter().filter_map(|info| info.snapshot.sealed);
            packs.extend(sealed.flat_map(|sealed| sealed.packs.into_values()));
        }
        let mut left_out = BTreeSet::new();
        if let Some(labels) = &self.labels {
            let known: BTreeSet<&String> = records.newest.iter().map(|row| &row.label).collect();
            if let Some(unknown) = labels.iter().find(|label| !known.contains(label)) {
                let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
                return Err(Error::new(ErrorKind::NotFound, "no slot has the label")
                    .on(unknown)
                    .hint(format!("the labels are: {}", known.join(", "))));
            }
            let others = records.newest.iter().filter(|row| !labels.contains(&row.label));
            left_out.extend(others.map(|row| SlotId::new(row.id)));
        }
        if self.without_sealed {
            let chosen = |row: &&SlotRow| !left_out.contains(&SlotId::new(row.id));
            let full = records.newest.iter().filter(chosen);
            let full = full.filter(|row| row.role == Role::Full.as_str());
            self.labels_full = full.map(|row| row.label.clone()).collect();
        }
        // What is there all the same was added there, or this is no copy to leave things out of.
        let present: Vec<Name> = to.list(Area::Packs)?;
        let present: BTreeSet<_> = present.iter().filter_map(|n| PackId::parse(n.file())).collect();
        let slots: BTreeSet<_> = slots::slot_names(to)?.into_iter().map(|(_, id)| id).collect();
        let is_absent = packs.is_disjoint(&present) && left_out.is_disjoint(&slots);
        if !has_scope && !is_absent {
            return Err(Error::new(ErrorKind::Refused, "this copy has what is to be left out")
                .hint("a copy never loses anything: make a new one in another folder"));
        }
        packs.retain(|pack| !present.contains(pack));
        left_out.retain(|slot| !slots.contains(slot));
        let number = vault.head().map_or(0, |head| head.number);
        let labels = self.labels.clone();
        Ok(Scope {
            time,
            packs,
            slots: left_out,
            labels,
            number,
            without_sealed: self.without_sealed,
        })
    }

    fn leaves_out_slot(&self, row: &SlotRow) -> bool {
        self.labels.as_ref().is_some_and(|labels| !labels.contains(&row.label))
    }
}

/// What is to be written, in the order of its writing.
#[derive(Default)]
struct Plan {
    top: Vec<Small>,
    content: Vec<Large>,
    slots: Vec<Small>,
    /// For each entry the copies that the target lacks.
    entries: Vec<Vec<Small>>,
    outdated_slots: Vec<(slots::SlotLetter, SlotId)>,
    /// The number of the next mark.
    number: u64,
}

/// An object that is streamed.
struct Large {
    name: Name,
    id: [u8; 32],
    length: u64,
    /// Takes the place of what lies there.
    replaces: bool,
}

/// An object that was read and verified.
struct Small {
    name: Name,
    bytes: Arc<Vec<u8>>,
    replaces: bool,
}

impl Plan {
    fn small(&self) -> impl Iterator<Item = &Small> {
        self.top.iter().chain(&self.slots).chain(self.entries.iter().flatten())
    }

    fn count(&self) -> u64 {
        (self.small().count() as u64).saturating_add(self.content.len() as u64)
    }

    fn bytes(&self) -> u64 {
        let small: u64 = self.small().map(|small| small.bytes.len() as u64).sum();
        self.content.iter().fold(small, |sum, large| sum.saturating_add(large.length))
    }

    fn refuse_too_large(&self, to: &dyn Store) -> Result<()> {
        match to.space_left()? {
            Some(left) if left < self.bytes() => {
                let missing = self.bytes().saturating_sub(left);
                Err(Error::new(ErrorKind::NoSpace, "not enough space for the copy")
                    .because(format!("{missing} bytes more are needed"))
                    .hint("nothing was written; make room, or take a larger drive"))
            }
            _ => Ok(()),
        }
    }
}

struct Copier<'a> {
    from: &'a dyn Store,
    to: &'a dyn Store,
    vault: VaultId,
    progress: &'a dyn Progress,
    copied: Copied,
}

impl<'a> Copier<'a> {
    fn new(
        from: &'a dyn Store,
        to: &'a dyn Store,
        vault: VaultId,
        progress: &'a dyn Progress,
    ) -> Self {
        let copied = Copied {
            objects: 0,
            bytes: 0,
            healed: 0,
            damaged: Vec::new(),
            absent: Vec::new(),
            slots_removed: Vec::new(),
            slots_stale: Vec::new(),
            slots_held: Vec::new(),
            labels_full: Vec::new(),
            ahead: 0,
            number: 0,
            scope: None,
            strength: Strength::Durable,
        };
        Self { from, to, vault, progress, copied }
    }

    /// Something that the vault cannot give.
    fn tell(&mut self, error: Error) {
        match error.kind() {
            ErrorKind::NotDownloaded => self.copied.absent.push(error),
            _ => self.copied.damaged.push(error),
        }
    }

    /// Packs and tables that are missing in the copy, or not whole there.
    fn plan_content(
        &mut self,
        plan: &mut Plan,
        vault: Option<&Vault>,
        choice: &Choice,
        marks: &Marks,
    ) -> Result<()> {
        for area in [Area::Packs, Area::Index] {
            let there: BTreeSet<Name> = self.to.list(area)?.into_iter().collect();
            for name in self.from.list(area)? {
                let id = match area {
                    Area::Packs => PackId::parse(name.file()).map(|id| *id.bytes()),
                    _ => TableId::parse(name.file()).map(|id| *id.bytes()),
                };
                // spec F-2
                let Some(id) = id else { continue };
                let is_there = there.contains(&name);
                if !is_there
                    && area == Area::Packs
                    && choice.without_sealed
                    && vault.is_some_and(|vault| self.is_to_be_left(vault, choice, &name))
                {
                    continue;
                }
                let length = match self.from.open(&name) {
                    Ok(object) => object.length(),
                    Err(_) if is_there => continue,
                    Err(error) => {
                        self.tell(error);
                        continue;
                    }
                };
                if !is_there {
                    plan.content.push(Large { name, id, length, replaces: false });
                } else if !self.is_whole(&name, length, &id, marks)? && self.can_give(&name, &id) {
                    plan.content.push(Large { name, id, length, replaces: true });
                }
            }
        }
        Ok(())
    }

    /// Whether a pack belongs to `sealed`: a snapshot says so, or nothing says what it is.
    fn is_to_be_left(&self, vault: &Vault, choice: &Choice, name: &Name) -> bool {
        let listed = choice.scope.as_ref().zip(PackId::parse(name.file()));
        if listed.is_some_and(|(scope, pack)| scope.packs.contains(&pack)) {
            return true;
        }
        let opened = Plain::open(self.from, &vault.keys.bundle, Compartment::General, name);
        opened.is_err_and(|error| {
            // A header that is damaged opens for nobody either: that is told, not left out.
            error.kind() == ErrorKind::WrongKey
                && read_id(self.from, name).is_ok_and(|id| is_id(name, &id))
        })
    }

    /// Whether an object in the copy is what its name says. What has a name was verified before it
    /// got it, so that its length tells, unless the last copy was interrupted there.
    fn is_whole(&self, name: &Name, length: u64, id: &[u8; 32], marks: &Marks) -> Result<bool> {
        let mut object = match self.to.open(name) {
            Ok(object) => object,
            // Another file of that name there: what stands in its place is replaced.
            Err(error) if error.is_damage() => return Ok(false),
            Err(error) => return Err(error),
        };
        if object.length() != length {
            return Ok(false);
        }
        if !marks.uncertain.contains(&name.to_string()) {
            return Ok(true);
        }
        Ok(hash_object(object.as_mut(), name)? == *id)
    }

    /// Whether the vault's own object is whole, so that it may take the place of the copy's.
    fn can_give(&mut self, name: &Name, id: &[u8; 32]) -> bool {
        match read_id(self.from, name) {
            Ok(found) if found == *id => true,
            Ok(_) => {
                self.tell(changed(name));
                false
            }
            Err(error) => {
                self.tell(error);
                false
            }
        }
    }

    /// Slots that are to be brought, made whole or removed (spec F-7).
    fn plan_slots(
        &mut self,
        plan: &mut Plan,
        choice: &Choice,
        records: Option<&Records>,
        has_all: bool,
    ) -> Result<()> {
        let (ours, theirs) = (slots::slot_names(self.from)?, slots::slot_names(self.to)?);
        for &(letter, id) in &ours {
            let names = slots::copies(letter, id);
            let row = records.and_then(|records| records.row(id));
            if row.is_some_and(|row| choice.leaves_out_slot(row)) && !theirs.contains(&(letter, id))
            {
                continue;
            }
            let may_bring = match records {
                Some(_) => row.is_some(),
                // One copy alone may be what a removal that was interrupted has left.
                None => has_all && names.iter().all(|name| self.is_listed(name)),
            };
            let missing = self.twins(&names, may_bring)?;
            if !may_bring && !theirs.contains(&(letter, id)) {
                self.copied.slots_held.push(id);
            }
            plan.slots.extend(missing);
        }
        for (letter, id) in theirs {
            match records {
                Some(records) if records.row(id).is_none() && records.ever.contains(&id) => {
                    plan.outdated_slots.push((letter, id));
                    plan.slots.retain(|small| !small.name.file().ends_with(&id.to_string()));
                }
                None if has_all && !ours.contains(&(letter, id)) => {
                    self.copied.slots_stale.push(id);
                }
                _ => {}
            }
        }
        // All first copies, then all second ones.
        plan.slots.sort_by_key(|small| small.name.area());
        Ok(())
    }

    fn is_listed(&self, name: &Name) -> bool {
        self.from.list(name.area()).is_ok_and(|names| names.contains(name))
    }

    /// Chain entries of which the copy has not both copies whole.
    fn plan_chain(&mut self, plan: &mut Plan, entries: &BTreeSet<(u64, EntryId)>) -> Result<()> {
        for &(number, id) in entries {
            let names = [Area::ChainA, Area::ChainB].map(|area| entry_name(area, number, id));
            let missing = self.twins(&names, true)?;
            if !missing.is_empty() {
                plan.entries.push(missing);
            }
        }
        Ok(())
    }

    /// What the target lacks of an object that is there twice; bytes come from any whole copy.
    fn twins(&mut self, names: &[Name; 2], may_bring: bool) -> Result<Vec<Small>> {
        let mut whole = None;
        let mut lacks = Vec::new();
        for name in names {
            match read_verified(self.to, name) {
                Ok(bytes) => whole = Some(bytes),
                Err(error) => match error.kind() {
                    ErrorKind::Missing if may_bring => lacks.push((name, false)),
                    ErrorKind::Missing => {}
                    ErrorKind::Damaged => lacks.push((name, true)),
                    _ => return Err(error),
                },
            }
        }
        if lacks.is_empty() {
            return Ok(Vec::new());
        }
        let [first, second] = names;
        let found = whole.map_or_else(
            || {
                read_verified(self.from, first).or_else(|error| {
                    read_verified(self.from, second).map_err(|other| match error.kind() {
                        ErrorKind::Missing => other,
                        _ => error,
                    })
                })
            },
            Ok,
        );
        match found {
            Ok(bytes) => {
                let bytes = Arc::new(bytes);
                let small = |(name, replaces): (&Name, bool)| Small {
                    name: name.clone(),
                    bytes: Arc::clone(&bytes),
                    replaces,
                };
                Ok(lacks.into_iter().map(small).collect())
            }
            Err(error) => {
                self.tell(error);
                Ok(Vec::new())
            }
        }
    }

    /// The files for people. In a copy that is not finished a broken one is replaced.
    fn plan_top(&mut self, plan: &mut Plan) -> Result<()> {
        let is_finished = read_marker(self.to).is_ok();
        for (file, _) in FILES {
            let name = top(file);
            let theirs = match store::read_whole(self.to, &name, TOP_MAX) {
                Ok(bytes) => Some(bytes),
                Err(error) if error.kind() == ErrorKind::Missing => None,
                Err(error) if error.is_damage() => Some(Vec::new()),
                Err(error) => return Err(error),
            };
            if is_finished && theirs.is_some() {
                continue;
            }
            match store::read_whole(self.from, &name, TOP_MAX) {
                Ok(bytes) if theirs.as_ref() == Some(&bytes) => {}
                Ok(bytes) => plan.top.push(Small {
                    name,
                    bytes: Arc::new(bytes),
                    replaces: theirs.is_some(),
                }),
                Err(error) => self.tell(error),
            }
        }
        Ok(())
    }

    fn run(
        &mut self,
        plan: &Plan,
        choice: &Choice,
        options: &CopyOptions<'_>,
        marks: &Marks,
    ) -> Result<()> {
        self.progress.phase(Phase::Copying, Some(plan.bytes()));
        let is_marked = read_marker(self.to).is_ok();
        let mut files = marks.files.clone();
        let changes = plan.count() > 0 || choice.is_new || !choice.inherited.is_empty();
        if changes || !is_marked {
            self.content(plan, &mut files)?;
        }
        if !self.copied.absent.is_empty() {
            // The chain would lead to what is not there, and may be in an hour.
            return Ok(());
        }
        self.scope(choice, options)?;
        let opens = !slots::slot_names(self.to)?.is_empty();
        if opens {
            self.slots(plan)?;
            // One after the other, so that what is there is always what once was.
            for small in plan.entries.iter().flatten() {
                self.write(small)?;
                self.barrier()?;
            }
        } else {
            for area in [Area::ChainA, Area::ChainB] {
                for small in plan.entries.iter().flatten().filter(|it| it.name.area() == area) {
                    self.write(small)?;
                }
                self.barrier()?;
            }
            self.slots(plan)?;
        }
        self.remove_outdated(plan, choice)?;
        if !is_marked {
            let bytes = Arc::new(marker(self.vault).into_bytes());
            let name = top("vault");
            // What is there and cannot be read was not finished.
            let replaces = self.to.open(&name).is_ok();
            self.write(&Small { name, bytes, replaces })?;
            self.barrier()?;
        }
        for file in &files {
            self.to.remove(file)?;
        }
        if !files.is_empty() {
            self.barrier()?;
        }
        Ok(())
    }

    /// Packs and tables, in batches whose names lie in a mark before they lie in the folder.
    fn content(&mut self, plan: &Plan, marks: &mut Vec<Name>) -> Result<()> {
        let mut number = plan.number;
        let mut rest = plan.content.as_slice();
        let mut top = Some(&plan.top);
        loop {
            let (batch, later) = rest.split_at(batch_of(rest));
            let mut text = mark_head(self.vault);
            batch.iter().for_each(|large| text.push_str(&format!("{}\n", large.name)));
            let name = Name::new(Area::Top, format!("{MARK}{number:08}"))
                .expect("a mark's name is letters and digits");
            store::write_whole(self.to, &name, text.as_bytes())?;
            marks.push(name);
            number = number.saturating_add(1);
            self.barrier()?;
            for small in top.take().into_iter().flatten() {
                self.write(small)?;
            }
            let mut area = None;
            for large in batch {
                // Packs before the tables that name them.
                if area.replace(large.name.area()).is_some_and(|area| area != large.name.area()) {
                    self.barrier()?;
                }
                self.transfer(large)?;
            }
            self.barrier()?;
            rest = later;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn scope(&mut self, choice: &Choice, options: &CopyOptions<'_>) -> Result<()> {
        for name in &choice.inherited {
            let bytes = Arc::new(read_verified(self.from, name)?);
            self.write(&Small { name: name.clone(), bytes, replaces: false })?;
        }
        if let (true, Some(scope), Some(vault)) = (choice.is_new, &choice.scope, options.vault)
            && let Some(reader) = &vault.keys.entry.reader
        {
            let plain = scope.encode(self.vault, &vault.keys.entry.writer, reader);
            let name = |text: &str| Name::new(Area::Scope, text);
            objects::write_object(
                self.to,
                &vault.keys.bundle,
                &vault.random,
                Compartment::Index,
                name,
                |writer| {
                    writer.write_all(&plain).map_err(|error| Error::io("writing a scope", error))
                },
            )?;
        }
        if choice.is_new || !choice.inherited.is_empty() {
            self.barrier()?;
        }
        Ok(())
    }

    fn slots(&mut self, plan: &Plan) -> Result<()> {
        for area in [Area::KeysA, Area::KeysB] {
            let of_area: Vec<_> = plan.slots.iter().filter(|it| it.name.area() == area).collect();
            for small in &of_area {
                self.write(small)?;
            }
            if !of_area.is_empty() {
                self.barrier()?;
            }
        }
        Ok(())
    }

    /// Slots that the chain, which is there by now, does not name any more, and scopes that another
    /// one took the place of.
    fn remove_outdated(&mut self, plan: &Plan, choice: &Choice) -> Result<()> {
        for &(letter, id) in &plan.outdated_slots {
            for name in slots::copies(letter, id) {
                self.to.remove(&name)?;
            }
            self.copied.slots_removed.push(id);
        }
        for name in &choice.outdated {
            self.to.remove(name)?;
        }
        if !plan.outdated_slots.is_empty() || !choice.outdated.is_empty() {
            self.barrier()?;
        }
        Ok(())
    }

    fn barrier(&mut self) -> Result<()> {
        self.copied.strength = self.copied.strength.min(self.to.barrier()?);
        Ok(())
    }

    /// Copies one object, verified on both sides.
    fn transfer(&mut self, large: &Large) -> Result<()> {
        let name = &large.name;
        let mut object = match self.from.open(name) {
            Ok(object) => object,
            Err(error) => {
                self.tell(error);
                return Ok(());
            }
        };
        let mut hashed = Hashed::new(self.to.create()?);
        let mut buffer = vec![0; PIECE_SIZE];
        let (mut at, length) = (0, object.length());
        while at < length {
            let left = length.saturating_sub(at);
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_SIZE);
            let piece = buffer.get_mut(..size).unwrap_or_default();
            if let Err(error) = object.read_at(at, piece) {
                self.tell(Error::io("reading", error).on(name.to_string()));
                return Ok(());
            }
            hashed
                .write_all(piece)
                .map_err(|error| Error::io("writing", error).on(name.to_string()))?;
            self.progress.bytes(size as u64);
            at = at.saturating_add(size as u64);
        }
        let (upload, id, _) = hashed.finish();
        if id != large.id {
            self.tell(changed(name));
            return Ok(());
        }
        self.settle(upload, name, &id, length, large.replaces)
    }

    fn write(&mut self, small: &Small) -> Result<()> {
        let mut hashed = Hashed::new(self.to.create()?);
        hashed
            .write_all(&small.bytes)
            .map_err(|error| Error::io("writing", error).on(small.name.to_string()))?;
        let (upload, id, length) = hashed.finish();
        self.progress.bytes(length);
        self.settle(upload, &small.name, &id, length, small.replaces)
    }

    /// Gives bytes their name when the medium gives back what it took (spec F-6).
    fn settle(
        &mut self,
        mut upload: Box<dyn Upload>,
        name: &Name,
        id: &[u8; 32],
        length: u64,
        replaces: bool,
    ) -> Result<()> {
        if hash_object(upload.read_back()?.as_mut(), name)? != *id {
            return Err(objects::not_given_back(name));
        }
        if replaces {
            self.to.remove(name)?;
            self.copied.healed = self.copied.healed.saturating_add(1);
        }
        upload.publish(name)?;
        self.progress.item();
        self.copied.objects = self.copied.objects.saturating_add(1);
        self.copied.bytes = self.copied.bytes.saturating_add(length);
        Ok(())
    }
}

/// How many objects make the next batch.
fn batch_of(rest: &[Large]) -> usize {
    let mut bytes = 0_u64;
    let fits = |large: &&Large| {
        let is_first = bytes == 0;
        bytes = bytes.saturating_add(large.length);
        is_first || bytes <= BATCH_BYTES
    };
    rest.iter().take(BATCH_OBJECTS).take_while(fits).count()
}

/// SHA-256 of an object of a store.
fn read_id(store: &dyn Store, name: &Name) -> Result<[u8; 32]> {
    hash_object(store.open(name)?.as_mut(), name)
}

fn is_id(name: &Name, id: &[u8; format::ID_SIZE]) -> bool {
    unhex(name.file()).is_some_and(|named: [u8; format::ID_SIZE]| named == *id)
}

fn changed(name: &Name) -> Error {
    Error::new(ErrorKind::Damaged, "not the bytes its name says:").on(name.to_string())
}
