//! `compare_records`: what became of the records of one snapshot in another, over all their files.
//!
//! A record keeps its key in the trees from export to export, so only nodes that differ are read.
//! What changed its key is found again by what it says. All that differs is held in memory, some
//! 600 bytes a record.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::item::Facts;
use super::record::{NAME_SIZE, RecordFacts, RecordName, RecordPlace};
use super::{Chunks, ItemType, SnapshotInfo, StoredRecord, Vault};
use crate::chain::{Snapshot, Trees};
use crate::chunk::Reference;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::keys::Compartment;
use crate::kinds::{Format, Kind, Quality};
use crate::tree::{Change, Diff, Lookup, Nodes, Range};
use crate::wire::Malformed;

/// What became of a record or an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It is in the first snapshot only.
    Removed,
    /// It is in the second snapshot only.
    Added,
    /// It says something else.
    Changed,
    /// It says the same in another file or format.
    Moved,
    /// It has the same content, and another mode or another time of change.
    Meta,
}

impl Fate {
    /// Its name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Meta => "meta",
        }
    }
}

/// One difference between the records of two snapshots.
#[derive(Clone, Debug)]
pub struct RecordChange {
    /// What became of it.
    pub fate: Fate,
    /// As it was; none for what was added.
    pub before: Option<StoredRecord>,
    /// As it is; none for what was removed.
    pub after: Option<StoredRecord>,
    /// The rung of the ladder on which the two were found to be one.
    pub matched_by: Option<Quality>,
    /// Whether the other side has what this may be, and more than one thing comes into question.
    pub is_ambiguous: bool,
    /// How often it is so: a record may stand in several files.
    pub copies: usize,
}

/// How the records of two snapshots differ.
#[derive(Debug, Default)]
pub struct RecordChanges {
    /// By kind, then by title.
    pub changes: Vec<RecordChange>,
    /// Parts of trees that cannot be read. What they named may look removed or added.
    pub lost: Vec<Error>,
    /// Whether there are sealed records that this role does not read.
    pub locked: bool,
    /// Whether there are sealed records that are not in this copy of the vault, on purpose.
    pub left_out: bool,
}

/// What differs between the records of two snapshots, of one source or of two. Without a second one
/// everything is removed.
pub fn compare_records(
    vault: &Vault,
    before: &SnapshotInfo,
    after: Option<&SnapshotInfo>,
) -> RecordChanges {
    compare(vault, before, after, true)
}

/// As [`compare_records`], without what only moved: where records are is spread all over its tree
/// and changes with what stands beside them, so most of that would be read.
pub(super) fn compare_contents(
    vault: &Vault,
    before: &SnapshotInfo,
    after: Option<&SnapshotInfo>,
) -> RecordChanges {
    compare(vault, before, after, false)
}

fn compare(
    vault: &Vault,
    before: &SnapshotInfo,
    after: Option<&SnapshotInfo>,
    with_moved: bool,
) -> RecordChanges {
    let mut chunks = Chunks::new(vault);
    let both: Vec<&SnapshotInfo> = [before].into_iter().chain(after).collect();
    both.iter().for_each(|info| chunks.enter(&info.snapshot));
    let mut found = RecordChanges::default();
    let mut compared = Compared::default();
    for compartment in [Compartment::General, Compartment::Sealed] {
        if compartment == Compartment::Sealed {
            (found.locked, found.left_out) = closed(vault, &both);
            if found.locked || found.left_out {
                continue;
            }
        }
        let pair = |trees: fn(&Snapshot, Compartment) -> Option<&Trees>,
                    half: fn(&Trees) -> Reference| {
            Pair {
                before: trees(&before.snapshot, compartment).map(half),
                after: after.and_then(|info| trees(&info.snapshot, compartment)).map(half),
            }
        };
        let facts = pair(Snapshot::records_in, |trees| trees.facts.reference);
        let places = pair(Snapshot::records_in, |trees| trees.whereabouts.reference);
        let items = pair(Snapshot::items_in, |trees| trees.facts.reference);
        let lost = &mut found.lost;
        compared.compartment(&mut chunks, compartment, &facts, &places, lost);
        if with_moved && may_move(&mut chunks, &items) {
            compared.moved(&mut chunks, compartment, &facts, &places, lost);
        }
    }
    found.changes = compared.into_changes();
    found
}

/// Whether sealed items or records of one of these snapshots are locked, and whether they are left
/// out of this copy.
pub(super) fn closed(vault: &Vault, snapshots: &[&SnapshotInfo]) -> (bool, bool) {
    let sealed: Vec<_> =
        snapshots.iter().filter_map(|info| info.snapshot.sealed.as_ref()).collect();
    let left_out = sealed.iter().any(|sealed| vault.is_left_out(sealed));
    (!sealed.is_empty() && !left_out && !vault.keys().reads_sealed(), left_out)
}

/// The roots of two trees, where there are any.
pub(super) struct Pair {
    pub(super) before: Option<Reference>,
    pub(super) after: Option<Reference>,
}

/// Goes through the differences of two trees, of which either may not be there.
pub(super) enum Differences {
    Both(Diff),
    Before(Range),
    After(Range),
    None,
}

impl Differences {
    pub(super) fn new(pair: &Pair) -> Self {
        match (&pair.before, &pair.after) {
            (Some(before), Some(after)) => Self::Both(Diff::new(before, after)),
            (Some(before), None) => Self::Before(Range::new(before, b"")),
            (None, Some(after)) => Self::After(Range::new(after, b"")),
            (None, None) => Self::None,
        }
    }

    /// The next difference; a node that is lost is told to `lost` and passed over.
    pub(super) fn next(&mut self, nodes: &mut impl Nodes, lost: &mut Vec<Error>) -> Option<Change> {
        loop {
            let next = match self {
                Self::Both(diff) => diff.next(nodes),
                Self::Before(range) => range.next(nodes).map(|entry| {
                    entry.map(|(key, value)| Change { key, before: Some(value), after: None })
                }),
                Self::After(range) => range.next(nodes).map(|entry| {
                    entry.map(|(key, value)| Change { key, before: None, after: Some(value) })
                }),
                Self::None => Ok(None),
            };
            match next {
                Ok(change) => return change,
                Err(error) => lost.push(error),
            }
        }
    }
}

/// An entry of one side.
struct Entry<T> {
    key: Vec<u8>,
    value: T,
}

/// What differs under one name.
struct Named<T> {
    name: RecordName,
    before: Vec<Entry<T>>,
    after: Vec<Entry<T>>,
    /// Whether the first entry of that name is the same on both sides: numbers begin at 0.
    is_on_both: bool,
}

/// Goes through the differences of two trees of records, name by name.
struct ByName<T> {
    differences: Differences,
    ahead: Option<Change>,
    decode: fn(&[u8]) -> Result<T, Malformed>,
}

impl<T> ByName<T> {
    fn new(pair: &Pair, decode: fn(&[u8]) -> Result<T, Malformed>) -> Self {
        Self { differences: Differences::new(pair), ahead: None, decode }
    }

    fn next(&mut self, nodes: &mut impl Nodes, lost: &mut Vec<Error>) -> Option<Named<T>> {
        loop {
            let change = self.ahead.take().or_else(|| self.differences.next(nodes, lost))?;
            match self.named(change, nodes, lost) {
                Ok(named) => return Some(named),
                Err(error) => lost.push(error.into()),
            }
        }
    }

    fn named(
        &mut self,
        first: Change,
        nodes: &mut impl Nodes,
        lost: &mut Vec<Error>,
    ) -> Result<Named<T>, Malformed> {
        let name = RecordName::of_key(&first.key)?;
        let mut named = Named {
            name,
            before: Vec::new(),
            after: Vec::new(),
            is_on_both: first.key != name.key(0),
        };
        let mut next = Some(first);
        while let Some(change) = next {
            if !change.key.starts_with(name.bytes()) {
                self.ahead = Some(change);
                break;
            }
            for (value, side) in
                [(change.before, &mut named.before), (change.after, &mut named.after)]
            {
                let Some(value) = value else { continue };
                match (self.decode)(&value) {
                    Ok(value) => side.push(Entry { key: change.key.clone(), value }),
                    Err(error) => lost.push(error.into()),
                }
            }
            next = self.differences.next(nodes, lost);
        }
        Ok(named)
    }
}

/// Takes out of both sides what is on both. What is left of each keeps its order.
fn cancel<T, K: Eq + Hash>(named: &mut Named<T>, key: impl Fn(&T) -> K) {
    let mut counts: HashMap<K, usize> = HashMap::new();
    named.after.iter().for_each(|entry| *counts.entry(key(&entry.value)).or_default() += 1);
    let take = |entry: &Entry<T>, counts: &mut HashMap<K, usize>| {
        let count = counts.get_mut(&key(&entry.value)).filter(|count| **count > 0);
        count.map(|count| *count -= 1).is_some()
    };
    named.before.retain(|entry| !take(entry, &mut counts));
    named.after.retain(|entry| take(entry, &mut counts));
}

/// Whether a record may be in another file of a compartment than before: two files differ then that
/// may hold records of one format, the one that lost it and the one that has it now, or an archive
/// does, which may hold any. What cannot be read may be anything.
fn may_move(nodes: &mut impl Nodes, items: &Pair) -> bool {
    let (mut lost, mut formats) = (Vec::new(), HashSet::new());
    let mut differences = Differences::new(items);
    while let Some(change) = differences.next(nodes, &mut lost) {
        let mut of_file: HashSet<Format> = HashSet::new();
        for value in [change.before, change.after].into_iter().flatten() {
            let Ok(facts) = Facts::decode(&value) else { return true };
            if facts.item_type == ItemType::File {
                let format = Kind::parse(&facts.kind).and_then(Format::of);
                let Some(format) = format else { return true };
                of_file.insert(format);
            }
        }
        if !formats.is_disjoint(&of_file) {
            return true;
        }
        formats.extend(of_file);
    }
    !lost.is_empty()
}

/// What was found so far.
#[derive(Default)]
struct Compared {
    changes: Vec<RecordChange>,
    removed: Vec<StoredRecord>,
    added: Vec<StoredRecord>,
    /// The names of which something was found.
    told: HashSet<RecordName>,
}

impl Compared {
    fn compartment(
        &mut self,
        nodes: &mut impl Nodes,
        compartment: Compartment,
        facts: &Pair,
        places: &Pair,
        lost: &mut Vec<Error>,
    ) {
        let [mut places_before, mut places_after] =
            [&places.before, &places.after].map(|root| root.as_ref().map(Lookup::new));
        let mut side_before = Side::new(facts.before.as_ref(), places.before.as_ref());
        let mut side_after = Side::new(facts.after.as_ref(), places.after.as_ref());
        let mut names = ByName::new(facts, RecordFacts::decode);
        while let Some(mut named) = names.next(nodes, lost) {
            let is_before = named.is_on_both || !named.before.is_empty();
            let is_after = named.is_on_both || !named.after.is_empty();
            cancel(&mut named, |facts| facts.digest);
            let name = named.name;
            let mut stored = |entry, places: &mut Option<Lookup>| {
                Self::stored(nodes, compartment, name, entry, places, lost)
            };
            let (mut before, mut after) = (named.before.into_iter(), named.after.into_iter());
            let pairs = before.len().min(after.len());
            for (one, other) in before.by_ref().take(pairs).zip(after.by_ref()) {
                let one = stored(one, &mut places_before);
                let other = stored(other, &mut places_after);
                let quality = other.facts.quality();
                self.told.insert(name);
                self.changes.push(RecordChange::pair(Fate::Changed, one, other, quality));
            }
            // A copy that goes away while another is there is no loss, unless no other says the same.
            if !is_after {
                self.told.insert(name);
                self.removed.extend(before.map(|entry| stored(entry, &mut places_before)));
            } else if !is_before {
                self.told.insert(name);
                self.added.extend(after.map(|entry| stored(entry, &mut places_after)));
            } else if before.len() > 0 {
                let others = side_after.as_mut().map(|side| side.others(nodes, name, lost));
                let Some(others) = others else { continue };
                for entry in before.filter(|entry| !others.say(entry)) {
                    let one =
                        Self::stored(nodes, compartment, name, entry, &mut places_before, lost);
                    self.told.insert(name);
                    self.changes.extend(others.first(compartment).map(|other| {
                        let quality = other.facts.quality();
                        RecordChange::pair(Fate::Changed, one, other, quality)
                    }));
                }
            } else if after.len() > 0 {
                let others = side_before.as_mut().map(|side| side.others(nodes, name, lost));
                let Some(others) = others else { continue };
                for entry in after.filter(|entry| !others.say(entry)) {
                    let other =
                        Self::stored(nodes, compartment, name, entry, &mut places_after, lost);
                    self.told.insert(name);
                    self.changes.extend(others.first(compartment).map(|one| {
                        let quality = other.facts.quality();
                        RecordChange::pair(Fate::Changed, one, other, quality)
                    }));
                }
            }
        }
    }

    /// The record of an entry; its key is above those that were asked for before.
    fn stored(
        nodes: &mut impl Nodes,
        compartment: Compartment,
        name: RecordName,
        entry: Entry<RecordFacts>,
        places: &mut Option<Lookup>,
        lost: &mut Vec<Error>,
    ) -> StoredRecord {
        let place = places.as_mut().and_then(|places| places.get(nodes, &entry.key, lost));
        let place = place.and_then(|value| RecordPlace::decode(value).ok());
        StoredRecord { name, compartment, facts: entry.value, place }
    }

    /// Finds what says the same in another file, behind [`Self::compartment`].
    fn moved(
        &mut self,
        nodes: &mut impl Nodes,
        compartment: Compartment,
        facts: &Pair,
        places: &Pair,
        lost: &mut Vec<Error>,
    ) {
        let [mut facts_before, mut facts_after] =
            [&facts.before, &facts.after].map(|root| root.as_ref().map(Lookup::new));
        let mut names = ByName::new(places, RecordPlace::decode);
        while let Some(mut named) = names.next(nodes, lost) {
            if self.told.contains(&named.name) {
                continue;
            }
            cancel(&mut named, file);
            let name = named.name;
            let mut stored = |entry: Entry<RecordPlace>, facts: &mut Option<Lookup>| {
                let facts = facts.as_mut()?.get(nodes, &entry.key, lost)?;
                let facts = RecordFacts::decode(facts).ok()?;
                Some(StoredRecord { name, compartment, facts, place: Some(entry.value) })
            };
            for (one, other) in named.before.into_iter().zip(named.after) {
                let one = stored(one, &mut facts_before);
                let other = stored(other, &mut facts_after);
                if let Some((one, other)) = one.zip(other) {
                    let quality = other.facts.quality();
                    self.changes.push(RecordChange::pair(Fate::Moved, one, other, quality));
                }
            }
        }
    }

    fn into_changes(mut self) -> Vec<RecordChange> {
        self.match_whole();
        self.match_fields();
        let alone = |fate, record: StoredRecord| {
            let (before, after) = match fate {
                Fate::Removed => (Some(record), None),
                _ => (None, Some(record)),
            };
            RecordChange { fate, before, after, matched_by: None, is_ambiguous: false, copies: 1 }
        };
        let ambiguous = ambiguous(&self.removed, &self.added);
        let removed = self.removed.into_iter().map(|record| alone(Fate::Removed, record));
        let added = self.added.into_iter().map(|record| alone(Fate::Added, record));
        for mut change in removed.chain(added) {
            change.is_ambiguous = ambiguous.contains(&fields_key(&change.record().facts));
            self.changes.push(change);
        }
        sort(&mut self.changes);
        once(self.changes)
    }

    /// What says all the same under another name, for its id was lost or another record came to
    /// share its fields, is the same record. Two of them that say the same are as good as one another.
    fn match_whole(&mut self) {
        let key = |record: &StoredRecord| (record.compartment, record.facts.digest);
        let mut waiting: HashMap<_, Vec<StoredRecord>> = HashMap::new();
        for record in std::mem::take(&mut self.added).into_iter().rev() {
            waiting.entry(key(&record)).or_default().push(record);
        }
        let mut removed = Vec::new();
        for before in std::mem::take(&mut self.removed) {
            let Some(after) = waiting.get_mut(&key(&before)).and_then(Vec::pop) else {
                removed.push(before);
                continue;
            };
            if before.place.as_ref().map(file) != after.place.as_ref().map(file)
                || folder(&before.facts) != folder(&after.facts)
            {
                let quality = Some(Quality::Whole);
                self.changes.push(RecordChange::pair(Fate::Moved, before, after, quality));
            }
        }
        self.removed = removed;
        self.added = waiting.into_values().flatten().collect();
    }

    /// What has the same kind, title, place and user as one other and no more is that: first within
    /// a file, then wherever it is. Of people the title is enough, for they get other addresses.
    fn match_fields(&mut self) {
        self.match_by(|record| Some((fields_key(&record.facts), record.place.as_ref().map(file))));
        self.match_by(|record| Some(fields_key(&record.facts)));
        let is_person = |record: &StoredRecord| record.facts.kind == Kind::Contact.as_str();
        self.match_by(|record| is_person(record).then(|| record.facts.title.to_lowercase()));
    }

    /// What has the same key as one other and no more is that; what has none is nothing else.
    fn match_by<K: Eq + Hash>(&mut self, key: impl Fn(&StoredRecord) -> Option<K>) {
        let mut keys: HashMap<Option<K>, (usize, usize)> = HashMap::new();
        for record in &self.removed {
            keys.entry(key(record)).or_default().0 += 1;
        }
        for record in &self.added {
            keys.entry(key(record)).or_default().1 += 1;
        }
        keys.retain(|key, counts| key.is_some() && *counts == (1, 1));
        let mut after: HashMap<Option<K>, StoredRecord> = HashMap::new();
        let mut added = Vec::new();
        for record in std::mem::take(&mut self.added) {
            let key = key(&record);
            match keys.contains_key(&key) {
                true => drop(after.insert(key, record)),
                false => added.push(record),
            }
        }
        let mut removed = Vec::new();
        for before in std::mem::take(&mut self.removed) {
            let Some(after) = after.remove(&key(&before)) else {
                removed.push(before);
                continue;
            };
            if may_be_one(&before.facts, &after.facts) {
                let quality = Some(Quality::Fields);
                self.changes.push(RecordChange::pair(Fate::Changed, before, after, quality));
            } else {
                removed.push(before);
                added.push(after);
            }
        }
        (self.removed, self.added) = (removed, added);
    }
}

/// Goes through one side by names that are asked for in ascending order.
struct Side {
    facts: Range,
    ahead: Option<(Vec<u8>, Vec<u8>)>,
    places: Option<Lookup>,
}

/// All that one side has under a name.
struct Others {
    name: RecordName,
    digests: HashSet<[u8; 16]>,
    first: Option<(RecordFacts, Option<RecordPlace>)>,
}

impl Side {
    fn new(facts: Option<&Reference>, places: Option<&Reference>) -> Option<Self> {
        let facts = Range::new(facts?, b"");
        Some(Self { facts, ahead: None, places: places.map(Lookup::new) })
    }

    fn others(
        &mut self,
        nodes: &mut impl Nodes,
        name: RecordName,
        lost: &mut Vec<Error>,
    ) -> Others {
        let mut others = Others { name, digests: HashSet::new(), first: None };
        let from = name.key(0);
        if self.ahead.as_ref().is_none_or(|(key, _)| *key < from) {
            self.facts.seek(&from);
            self.step(nodes, lost);
        }
        while let Some((key, value)) = self.ahead.take_if(|(key, _)| key.starts_with(name.bytes()))
        {
            if let Ok(facts) = RecordFacts::decode(&value) {
                others.digests.insert(facts.digest);
                if others.first.is_none() {
                    let place = self.places.as_mut().and_then(|one| one.get(nodes, &key, lost));
                    let place = place.and_then(|value| RecordPlace::decode(value).ok());
                    others.first = Some((facts, place));
                }
            }
            self.step(nodes, lost);
        }
        others
    }

    fn step(&mut self, nodes: &mut impl Nodes, lost: &mut Vec<Error>) {
        self.ahead = loop {
            match self.facts.next(nodes) {
                Ok(entry) => break entry,
                Err(error) => lost.push(error),
            }
        };
    }
}

impl Others {
    fn say(&self, entry: &Entry<RecordFacts>) -> bool {
        self.digests.contains(&entry.value.digest)
    }

    fn first(&self, compartment: Compartment) -> Option<StoredRecord> {
        let (facts, place) = self.first.clone()?;
        Some(StoredRecord { name: self.name, compartment, facts, place })
    }
}

impl RecordChange {
    fn pair(
        fate: Fate,
        before: StoredRecord,
        after: StoredRecord,
        matched_by: Option<Quality>,
    ) -> Self {
        Self {
            fate,
            before: Some(before),
            after: Some(after),
            matched_by,
            is_ambiguous: false,
            copies: 1,
        }
    }

    /// The record as it is, or as it was where it is no more.
    ///
    /// # Panics
    /// Never: one of them is there.
    pub fn record(&self) -> &StoredRecord {
        self.after.as_ref().or(self.before.as_ref()).expect("a change has a side")
    }
}

/// What a person tells records apart by, in any case.
type FieldsKey = (String, String, String, String);

fn fields_key(facts: &RecordFacts) -> FieldsKey {
    let lower = |text: &String| text.to_lowercase();
    (facts.kind.clone(), lower(&facts.title), lower(&facts.place), lower(&facts.user))
}

/// Whether records with equal fields may be one: a message does not change, and what has an id of
/// its own is another thing than what has another id.
fn may_be_one(before: &RecordFacts, after: &RecordFacts) -> bool {
    before.kind != Kind::Mail.as_str() && !(has_id(before) && has_id(after))
}

fn has_id(facts: &RecordFacts) -> bool {
    facts.rung == Quality::Id as u8
}

/// The fields that several records have, of which one may be another on the other side.
fn ambiguous(removed: &[StoredRecord], added: &[StoredRecord]) -> BTreeSet<FieldsKey> {
    let mut keys: BTreeMap<FieldsKey, [Sum; 2]> = BTreeMap::new();
    for (side, records) in [removed, added].into_iter().enumerate() {
        for StoredRecord { facts, .. } in records {
            if let Some(sum) = keys.entry(fields_key(facts)).or_default().get_mut(side) {
                sum.is_some = true;
                sum.is_without_id |= !has_id(facts);
            }
        }
    }
    let is_so = |(kind, ..): &FieldsKey, [removed, added]: &[Sum; 2]| {
        kind != Kind::Mail.as_str()
            && removed.is_some
            && added.is_some
            && (removed.is_without_id || added.is_without_id)
    };
    keys.into_iter().filter(|(key, sides)| is_so(key, sides)).map(|(key, _)| key).collect()
}

/// What is known of the records of one side with equal fields.
#[derive(Default)]
struct Sum {
    is_some: bool,
    is_without_id: bool,
}

/// The file a record is in, down to the member of an archive, and its format.
fn file(place: &RecordPlace) -> (Vec<u8>, Vec<String>, String) {
    (place.file.key().to_vec(), place.members.clone(), place.format.clone())
}

/// The folder that a bookmark is in, in its file.
fn folder(facts: &RecordFacts) -> Option<&str> {
    (facts.kind == Kind::Bookmark.as_str()).then_some(facts.user.as_str())
}

/// What became of a record in several files alike is told once, of the first of them. What moved
/// took a way of its own each time.
fn once(changes: Vec<RecordChange>) -> Vec<RecordChange> {
    let mut told: HashMap<_, usize> = HashMap::new();
    let mut kept: Vec<RecordChange> = Vec::new();
    for change in changes {
        let side = |record: &Option<StoredRecord>| {
            record.as_ref().map(|record| (record.compartment, record.name, record.facts.digest))
        };
        let key = (change.fate, side(&change.before), side(&change.after));
        match told.get(&key).and_then(|&at| kept.get_mut(at)) {
            Some(first) if change.fate != Fate::Moved => first.copies += 1,
            _ => {
                told.insert(key, kept.len());
                kept.push(change);
            }
        }
    }
    kept
}

/// Puts changes into the order of kind, title, place, user and what became of them.
fn sort(changes: &mut [RecordChange]) {
    changes.sort_by_cached_key(|change| {
        let record = change.record();
        let place = record.place.as_ref().map(file);
        (fields_key(&record.facts), change.fate, place, record.name)
    });
}

/// For each snapshot of `from`, what of its records is in no snapshot of `against`, and what has
/// changed in the newest of `against` of its source. What stands in another source now is not
/// missing. The changes are such as remove and such as change.
pub fn missing_records(
    vault: &Vault,
    from: &[SnapshotInfo],
    against: &[SnapshotInfo],
) -> Vec<RecordChanges> {
    let own = |info: &SnapshotInfo| {
        let same = |other: &&SnapshotInfo| other.snapshot.source == info.snapshot.source;
        against.iter().rev().find(same)
    };
    let compare = |info: &SnapshotInfo| {
        let mut changes = compare_contents(vault, info, own(info));
        changes.changes.retain(|change| matches!(change.fate, Fate::Removed | Fate::Changed));
        changes
    };
    let mut missing: Vec<RecordChanges> = from.iter().map(compare).collect();
    let removed = |change: &&RecordChange| change.fate == Fate::Removed;
    let has_removed = |one: &RecordChanges| one.changes.iter().any(|change| removed(&change));
    if !missing.iter().any(has_removed) {
        return missing;
    }
    let mut later =
        Later { vault, all: vault.snapshots().unwrap_or_default(), gone: HashMap::new() };
    for (info, one) in from.iter().zip(&mut missing) {
        if let Some(newest) = own(info).filter(|_| has_removed(one)) {
            later.drop_what_lives_on(info, newest, one);
        }
    }
    let records = missing.iter().flat_map(|one| &one.changes).filter(removed);
    let mut wanted = Wanted::default();
    records.for_each(|change| wanted.want(change.record()));
    if wanted.is_empty() {
        return missing;
    }
    let mut lost = Vec::new();
    for info in against {
        wanted.look(vault, info, &mut lost);
    }
    let (locked, left_out) = closed(vault, &against.iter().collect::<Vec<_>>());
    for one in &mut missing {
        one.changes
            .retain(|change| change.fate != Fate::Removed || !wanted.is_found(change.record()));
        one.locked |= locked;
        one.left_out |= left_out;
    }
    if let Some(first) = missing.first_mut() {
        first.lost.append(&mut lost);
    }
    missing
}

/// A record with its key, where it was seen.
type Key = (Compartment, RecordName);

/// What became of records later: one that was changed, and then lost its id, is in the newest
/// snapshot under another name and says something else.
struct Later<'v> {
    vault: &'v Vault,
    all: Vec<SnapshotInfo>,
    /// What a snapshot has that the newest of its source has no more.
    gone: HashMap<EntryId, HashSet<Key>>,
}

impl Later<'_> {
    /// Takes out of what is removed what a snapshot between the two has in a state that is in the
    /// newest. The last of them that has it decides.
    fn drop_what_lives_on(
        &mut self,
        before: &SnapshotInfo,
        newest: &SnapshotInfo,
        found: &mut RecordChanges,
    ) {
        let mut wanted: BTreeSet<Key> = found.changes.iter().filter_map(removed_key).collect();
        let same = self.all.iter().filter(|info| info.snapshot.source == before.snapshot.source);
        let behind = same.skip_while(|info| info.id != before.id).skip(1);
        let between: Vec<SnapshotInfo> =
            behind.take_while(|info| info.id != newest.id).cloned().collect();
        let mut alive = HashSet::new();
        for info in between.iter().rev() {
            let there = present(self.vault, info, &wanted, &mut found.lost);
            if there.is_empty() {
                continue;
            }
            let vault = self.vault;
            let gone = self.gone.entry(info.id).or_insert_with(|| {
                let changes = compare_records(vault, info, Some(newest)).changes;
                changes.iter().filter_map(removed_key).collect()
            });
            wanted.retain(|key| !there.contains(key));
            alive.extend(there.into_iter().filter(|key| !gone.contains(key)));
        }
        found.changes.retain(|change| removed_key(change).is_none_or(|key| !alive.contains(&key)));
    }
}

/// The record that a change removes, if it is such a change.
fn removed_key(change: &RecordChange) -> Option<Key> {
    let record = change.before.as_ref().filter(|_| change.fate == Fate::Removed)?;
    Some((record.compartment, record.name))
}

/// Which of these records a snapshot has.
fn present(
    vault: &Vault,
    info: &SnapshotInfo,
    wanted: &BTreeSet<Key>,
    lost: &mut Vec<Error>,
) -> Vec<Key> {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    let mut there = Vec::new();
    for compartment in [Compartment::General, Compartment::Sealed] {
        let Some(trees) = info.snapshot.records_in(compartment) else { continue };
        let mut facts = Lookup::new(&trees.facts.reference);
        // Names ascend, as a lookup wants them.
        for key in wanted.iter().filter(|(of, _)| *of == compartment) {
            if facts.get(&mut chunks, &key.1.key(0), lost).is_some() {
                there.push(*key);
            }
        }
    }
    there
}

/// Names and digests that are looked for, and whether they were seen.
#[derive(Default)]
struct Wanted {
    names: HashMap<(Compartment, [u8; NAME_SIZE]), bool>,
    digests: HashMap<(Compartment, [u8; 16]), bool>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn want(&mut self, record: &StoredRecord) {
        self.names.insert((record.compartment, *record.name.bytes()), false);
        self.digests.insert((record.compartment, record.facts.digest), false);
    }

    fn is_found(&self, record: &StoredRecord) -> bool {
        let is = |seen: Option<&bool>| seen.copied().unwrap_or(false);
        is(self.names.get(&(record.compartment, *record.name.bytes())))
            || is(self.digests.get(&(record.compartment, record.facts.digest)))
    }

    fn look(&mut self, vault: &Vault, info: &SnapshotInfo, lost: &mut Vec<Error>) {
        let mut chunks = Chunks::new(vault);
        chunks.enter(&info.snapshot);
        for compartment in [Compartment::General, Compartment::Sealed] {
            let is_closed = compartment == Compartment::Sealed && {
                let (locked, left_out) = closed(vault, &[info]);
                locked || left_out
            };
            let trees = info.snapshot.records_in(compartment).filter(|_| !is_closed);
            let root = trees.map(|trees| trees.facts.reference);
            let mut all = Differences::new(&Pair { before: root, after: None });
            while let Some(change) = all.next(&mut chunks, lost) {
                if let Err(error) = self.see(compartment, &change) {
                    lost.push(error.into());
                }
            }
        }
    }

    fn see(&mut self, compartment: Compartment, change: &Change) -> Result<(), Malformed> {
        let name = RecordName::of_key(&change.key)?;
        if let Some(seen) = self.names.get_mut(&(compartment, *name.bytes())) {
            *seen = true;
        }
        let facts = RecordFacts::decode(change.before.as_deref().unwrap_or_default())?;
        if let Some(seen) = self.digests.get_mut(&(compartment, facts.digest)) {
            *seen = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Xattrs;
    use super::super::{RecordBytes, State};
    use super::*;
    use crate::chunk::Content;
    use crate::files::ItemPath;
    use crate::id::MacKey;
    use crate::tree::Memory;

    impl Memory {
        fn trees(&mut self, records: &[Made]) -> [Reference; 2] {
            let mut numbers: HashMap<u64, u16> = HashMap::new();
            let mut map = BTreeMap::new();
            for made in records {
                let number = numbers.entry(made.name).or_default();
                let key = made.record_name().key(*number);
                *number += 1;
                map.insert(key, (made.facts().encode(), made.place().encode()));
            }
            let facts = map.iter().map(|(key, (facts, _))| (key.clone(), facts.clone()));
            let facts = self.tree(facts);
            let places = map.into_iter().map(|(key, (_, place))| (key, place));
            [facts, self.tree(places)]
        }
    }

    /// A record of which the title says what matters.
    #[derive(Clone, Copy)]
    struct Made {
        name: u64,
        says: u8,
        title: &'static str,
        file: &'static str,
        kind: &'static str,
        user: &'static str,
        rung: Quality,
    }

    fn made(name: u64, says: u8, title: &'static str) -> Made {
        let (file, kind, user) = ("all", "passwords", "anna");
        Made { name, says, title, file, kind, user, rung: Quality::Fields }
    }

    impl Made {
        fn record_name(&self) -> RecordName {
            let mut bytes = [0; NAME_SIZE];
            let mac = MacKey::new([9; 32]).mac(&[&self.name.to_le_bytes()]);
            bytes.copy_from_slice(mac.get(..NAME_SIZE).unwrap());
            RecordName::stored(bytes)
        }

        fn facts(&self) -> RecordFacts {
            RecordFacts {
                kind: self.kind.to_owned(),
                title: self.title.to_owned(),
                place: "example.com".to_owned(),
                user: self.user.to_owned(),
                date: None,
                rung: self.rung as u8,
                digest: [self.says; 16],
                warnings: Vec::new(),
            }
        }

        fn place(&self) -> RecordPlace {
            RecordPlace {
                file: ItemPath::new(self.file.as_bytes()).unwrap(),
                members: Vec::new(),
                format: "logins".to_owned(),
                bytes: RecordBytes::Derived(vec![self.says]),
                beside: Vec::new(),
            }
        }
    }

    /// Fate, title, rung and whether it is ambiguous, of each difference.
    type Told = Vec<(Fate, String, Option<Quality>, bool)>;

    fn compare(sides: &[(Compartment, &[Made], &[Made])]) -> Told {
        let mut memory = Memory::default();
        let (mut compared, mut lost) = (Compared::default(), Vec::new());
        for (compartment, before, after) in sides {
            let [facts_before, places_before] = memory.trees(before);
            let [facts_after, places_after] = memory.trees(after);
            let pair = |before, after| Pair { before: Some(before), after: Some(after) };
            let facts = pair(facts_before, facts_after);
            let places = pair(places_before, places_after);
            compared.compartment(&mut memory, *compartment, &facts, &places, &mut lost);
            compared.moved(&mut memory, *compartment, &facts, &places, &mut lost);
        }
        assert!(lost.is_empty());
        let told = |change: RecordChange| {
            let RecordChange { fate, matched_by, is_ambiguous, .. } = change;
            (fate, change.record().facts.title.clone(), matched_by, is_ambiguous)
        };
        compared.into_changes().into_iter().map(told).collect()
    }

    fn general(before: &[Made], after: &[Made]) -> Told {
        compare(&[(Compartment::General, before, after)])
    }

    #[test]
    fn what_differs_is_told_in_the_order_of_the_titles() {
        let before = [made(1, 1, "same"), made(2, 2, "gone"), made(3, 3, "changed")];
        let moved = Made { file: "other", ..made(5, 5, "moved") };
        let after = [made(1, 1, "same"), made(3, 30, "changed"), made(4, 4, "added"), moved];
        let told = general(&[&before[..], &[made(5, 5, "moved")]].concat(), &after);
        let expected = [
            (Fate::Added, "added", None),
            (Fate::Changed, "changed", Some(Quality::Fields)),
            (Fate::Removed, "gone", None),
            (Fate::Moved, "moved", Some(Quality::Fields)),
        ];
        let expected: Told = expected
            .into_iter()
            .map(|(fate, title, quality)| (fate, title.to_owned(), quality, false))
            .collect();
        assert_eq!(told, expected);
        assert!(general(&after, &after).is_empty());
        let gone = general(&after, &[]);
        assert!(gone.len() == 4 && gone.iter().all(|told| told.0 == Fate::Removed));
    }

    /// Records of one name are numbered, and the number says nothing.
    #[test]
    fn a_copy_that_goes_or_comes_is_no_difference() {
        let [one, two] = [made(1, 1, "letter"), made(1, 2, "letter")];
        let other = Made { file: "b", ..one };
        assert!(general(&[one, two], &[two, one]).iter().all(|told| told.0 == Fate::Moved));
        assert!(general(&[one, other], &[one]).is_empty());
        assert!(general(&[one, other], &[other]).is_empty());
        assert!(general(&[one], &[other, one]).is_empty());
        assert_eq!(general(&[one, other], &[]).len(), 1);
        assert_eq!(general(&[one, two], &[]).len(), 2);
        let changed = general(&[one, two], &[made(1, 3, "letter"), two]);
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].0, Fate::Changed);
        assert_eq!(general(&[one], &[other])[0].0, Fate::Moved);
        // What no other copy says is not lost unseen, nor does it come unseen.
        for (before, after) in [([one, two], [two]), ([two, one], [two])] {
            let gone = general(&before, &after);
            assert_eq!(gone.iter().map(|told| told.0).collect::<Vec<_>>(), [Fate::Changed]);
            let come = general(&after, &before);
            assert_eq!(come.iter().map(|told| told.0).collect::<Vec<_>>(), [Fate::Changed]);
        }
    }

    #[test]
    fn a_record_that_lost_its_name_is_found_again() {
        // All it says is the same: the same record, whatever it is called.
        assert!(general(&[made(1, 1, "a")], &[made(2, 1, "A")]).is_empty());
        let other = Made { file: "b", ..made(2, 1, "a") };
        let moved = (Fate::Moved, "a".to_owned(), Some(Quality::Whole), false);
        assert_eq!(general(&[made(1, 1, "a")], &[other]), [moved]);
        // What it is called is the same: it changed.
        let changed = (Fate::Changed, "A".to_owned(), Some(Quality::Fields), false);
        let told = general(&[made(1, 1, "a")], &[made(2, 2, "A")]);
        // Under the keys of two compartments digests do not compare.
        let sealed = compare(&[
            (Compartment::General, &[made(1, 1, "a")], &[]),
            (Compartment::Sealed, &[], &[made(7, 1, "A")]),
        ]);
        assert_eq!((told.as_slice(), sealed.as_slice()), (&[changed.clone()][..], &[changed][..]));
    }

    #[test]
    fn what_may_be_several_things_is_left_as_it_is() {
        let told = general(&[made(1, 1, "a")], &[made(2, 2, "a"), made(3, 3, "a")]);
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|told| told.0 != Fate::Changed && told.3));
        // Of two that lost their names one says the same; the other is what is left.
        let told =
            general(&[made(1, 1, "a"), made(2, 2, "a")], &[made(3, 2, "a"), made(4, 4, "a")]);
        assert_eq!(told, [(Fate::Changed, "a".to_owned(), Some(Quality::Fields), false)]);
    }

    #[test]
    fn what_is_alone_of_its_name_in_a_file_is_that() {
        let other = |made: Made| Made { file: "b", ..made };
        let before = [made(1, 1, "store"), other(made(2, 2, "store"))];
        let told = general(&before, &[made(3, 3, "store"), other(made(4, 4, "store"))]);
        let changed = (Fate::Changed, "store".to_owned(), Some(Quality::Fields), false);
        assert_eq!(told, [changed.clone(), changed]);
    }

    /// Somebody who lost her id and got another address.
    #[test]
    fn a_person_is_known_by_her_name() {
        let at = |user, made: Made| Made { kind: "contact", user, ..made };
        let told = general(&[at("+49", made(1, 1, "Anna"))], &[at("a@b.c", made(2, 2, "anna"))]);
        assert_eq!(told, [(Fate::Changed, "anna".to_owned(), Some(Quality::Fields), false)]);
        let login = |user, made: Made| Made { user, ..made };
        let told = general(&[login("a", made(1, 1, "Mail"))], &[login("b", made(2, 2, "Mail"))]);
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_bookmark_in_another_folder_moved() {
        let in_folder = |user, name| Made { kind: "bookmark", user, ..made(name, 1, "Trains") };
        let told = general(&[in_folder("Travel", 1)], &[in_folder("Travel / 2026", 2)]);
        assert_eq!(told, [(Fate::Moved, "Trains".to_owned(), Some(Quality::Whole), false)]);
        assert!(general(&[in_folder("Travel", 1)], &[in_folder("Travel", 2)]).is_empty());
    }

    #[test]
    fn what_has_another_id_is_another_thing() {
        let with_id = |made: Made| Made { rung: Quality::Id, kind: "event", ..made };
        let told = general(&[with_id(made(1, 1, "Dentist"))], &[with_id(made(2, 2, "Dentist"))]);
        let fates: Vec<Fate> = told.iter().map(|told| told.0).collect();
        assert_eq!(fates, [Fate::Removed, Fate::Added]);
        assert!(told.iter().all(|told| !told.3));
        let mail = |made: Made| Made { rung: Quality::Whole, kind: "mail", ..made };
        assert_eq!(general(&[mail(made(1, 1, "Re:"))], &[mail(made(2, 2, "Re:"))]).len(), 2);
    }

    #[test]
    fn what_is_lost_is_told_and_the_rest_compared() {
        let before: Vec<Made> = (0..2_000).map(|name| made(name, 1, "some title")).collect();
        let after: Vec<Made> = before.iter().map(|made| Made { says: 2, ..*made }).collect();
        let mut memory = Memory::default();
        let [facts_before, places] = memory.trees(&before);
        let nodes: HashSet<Reference> = memory.chunks.keys().copied().collect();
        let [facts_after, _] = memory.trees(&after);
        let is_leaf = |node: &[u8]| node.get(2) == Some(&0);
        let mut leaves: Vec<Reference> = memory
            .chunks
            .iter()
            .filter_map(|(reference, node)| {
                (is_leaf(node) && !nodes.contains(reference)).then_some(*reference)
            })
            .collect();
        leaves.sort_by_key(|reference| *reference.id.bytes());
        memory.chunks.remove(&leaves[0]);
        let pair = |before, after| Pair { before: Some(before), after: Some(after) };
        let (facts, places) = (pair(facts_before, facts_after), pair(places, places));
        let (mut compared, mut lost) = (Compared::default(), Vec::new());
        let general = Compartment::General;
        compared.compartment(&mut memory, general, &facts, &places, &mut lost);
        compared.moved(&mut memory, general, &facts, &places, &mut lost);
        assert!(!lost.is_empty());
        let found = compared.into_changes();
        let changed = found.iter().filter(|change| change.fate == Fate::Changed).count();
        // All have the same title, so those that seem gone are one change.
        assert!(changed > 1_000, "{changed}");
        assert!(found.iter().all(|change| matches!(change.fate, Fate::Changed | Fate::Removed)));
    }

    /// Path, kind and mode of files.
    type Files = [(&'static str, &'static str, u32)];

    #[test]
    fn records_move_only_where_two_files_differ() {
        let mut memory = Memory::default();
        let mut tree = |files: &Files| {
            let files = files.iter().map(|(path, kind, mode)| {
                let facts = Facts {
                    item_type: ItemType::File,
                    kind: (*kind).to_owned(),
                    length: 0,
                    mode: *mode,
                    link: None,
                    state: State::Present,
                    content: Content::default(),
                    password: None,
                    xattrs: Xattrs::default(),
                };
                (path.as_bytes().to_vec(), facts.encode())
            });
            memory.tree(files)
        };
        let before = tree(&[("a", "contact", 1), ("b", "mail", 1), ("c", "mail", 1)]);
        let after: [(&Files, bool); 6] = [
            (&[("a", "contact", 1), ("b", "mail", 1), ("c", "mail", 1)], false),
            (&[("a", "contact", 1), ("b", "mail", 2), ("c", "mail", 1)], false),
            (&[("a", "contact", 2), ("b", "mail", 2), ("c", "mail", 1)], false),
            (&[("a", "contact", 1), ("b", "mail", 2), ("c", "mail", 2)], true),
            (&[("a", "contact", 1), ("b", "mail", 1), ("d", "mail", 1)], true),
            (&[("a", "file", 1), ("b", "mail", 1), ("c", "mail", 1)], true),
        ];
        let after = after.map(|(files, expected)| (tree(files), expected));
        for (at, (after, expected)) in after.into_iter().enumerate() {
            let items = Pair { before: Some(before), after: Some(after) };
            assert_eq!(may_move(&mut memory, &items), expected, "{at}");
            if after != before {
                memory.chunks.remove(&after);
                assert!(may_move(&mut memory, &items), "{at}");
            }
        }
    }

    #[test]
    fn few_changes_among_many_records_cost_few_nodes() {
        nodes_read(20_000, 20, 200);
    }

    #[test]
    #[ignore = "a minute without optimisation"]
    fn a_hundred_changes_in_a_million_records_cost_few_nodes() {
        nodes_read(1_000_000, 100, 1_000);
    }

    fn nodes_read(count: u64, changes: u64, most: usize) {
        let before: Vec<Made> = (0..count).map(|name| made(name, 1, "some title")).collect();
        let mut after = before.clone();
        for change in 0..changes {
            let at = usize::try_from(change * (count / changes)).unwrap();
            after[at].says = 2;
        }
        let mut memory = Memory::default();
        let [facts_before, places] = memory.trees(&before);
        let [facts_after, _] = memory.trees(&after);
        memory.reads = 0;
        let pair = |before, after| Pair { before: Some(before), after: Some(after) };
        let (facts, places) = (pair(facts_before, facts_after), pair(places, places));
        let (mut compared, mut lost) = (Compared::default(), Vec::new());
        let general = Compartment::General;
        compared.compartment(&mut memory, general, &facts, &places, &mut lost);
        compared.moved(&mut memory, general, &facts, &places, &mut lost);
        let found = compared.into_changes();
        assert_eq!(found.len() as u64, changes);
        assert!(found.iter().all(|change| change.fate == Fate::Changed));
        assert!(memory.reads < most, "{} of {} nodes", memory.reads, memory.chunks.len());
    }
}
