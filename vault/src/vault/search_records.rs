//! `search_records`: the records of many snapshots by what a list shows of them.
//!
//! As in `search`, each node is read once, however many snapshots share it.

use std::collections::BTreeMap;

use super::record::{Peeked, RecordFacts, RecordName, RecordPlace};
use super::search::{Query, sources};
use super::terms::{Room, Terms};
use super::{Chunks, Handle, SnapshotInfo, Vault};
use crate::error::{Error, Result};
use crate::keys::Compartment;
use crate::tree::{Forest, Lookup, Presence};

/// What was found.
#[derive(Debug, Default)]
pub struct FoundRecords {
    /// By source, then by title.
    pub records: Vec<FoundRecord>,
    /// Parts of trees that cannot be read; what they named was not looked at.
    pub lost: Vec<Error>,
}

/// A record with its versions. Numbers of snapshots are places in the slice that was searched.
#[derive(Debug)]
pub struct FoundRecord {
    /// The source.
    pub source: String,
    /// In which compartment its newest version is.
    pub compartment: Compartment,
    /// Its short name.
    pub handle: Option<Handle>,
    /// The versions that fit, the newest first; at least one.
    pub versions: Vec<RecordVersion>,
    /// How many versions there are, those that do not fit among them.
    pub versions_total: usize,
    /// The first snapshot it is in.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// Whether the newest snapshot of its source does not have it.
    pub is_gone: bool,
}

/// What a record says in some snapshots.
#[derive(Debug)]
pub struct RecordVersion {
    /// What it is.
    pub facts: RecordFacts,
    /// Where it is in the last snapshot that has it; none when that is lost.
    pub place: Option<RecordPlace>,
    /// The first snapshot it is in.
    pub first: usize,
    /// The last one.
    pub last: usize,
    key: Vec<u8>,
    presence: Presence,
}

/// Looks through snapshots, which stand in order. Of a query, the terms are looked for in title,
/// place and user, the times are compared with the record's own date, and the type is not asked.
///
/// # Errors
/// When the vault cannot be read at all; what is lost of it is in the result.
pub fn search_records(
    vault: &Vault,
    snapshots: &[SnapshotInfo],
    query: &Query,
) -> Result<FoundRecords> {
    let terms = Terms::new(&query.terms);
    let mut found = FoundRecords::default();
    for (source, places) in sources(snapshots, query) {
        for compartment in [Compartment::General, Compartment::Sealed] {
            if !vault.role().reads(compartment) {
                continue;
            }
            let chunks = Chunks::new(vault);
            let mut search =
                Search { vault, snapshots, places: &places, query, terms: &terms, chunks };
            search.compartment(source, compartment, &mut found)?;
        }
    }
    Ok(found)
}

/// One source being searched.
struct Search<'a> {
    vault: &'a Vault,
    snapshots: &'a [SnapshotInfo],
    /// The source's snapshots in order.
    places: &'a [usize],
    query: &'a Query,
    terms: &'a Terms,
    chunks: Chunks<'a>,
}

type Versions = BTreeMap<RecordName, Vec<(RecordVersion, usize)>>;

impl Search<'_> {
    fn compartment(
        &mut self,
        source: &str,
        compartment: Compartment,
        found: &mut FoundRecords,
    ) -> Result<()> {
        let mut versions = Versions::new();
        let presence = self.named(compartment, &mut versions, &mut found.lost);
        let mut records = Vec::new();
        for (name, leaves) in versions {
            let mut merged: Vec<RecordVersion> = Vec::new();
            for (mut version, leaf) in leaves {
                version.presence = presence.get(leaf).cloned().unwrap_or_default();
                merge(&mut merged, version);
            }
            records.extend(self.record(source, compartment, &name, merged));
        }
        self.find_places(compartment, &mut records, &mut found.lost);
        let title = |record: &FoundRecord| {
            record.versions.first().map(|version| version.facts.title.to_lowercase())
        };
        records.sort_by_cached_key(title);
        found.records.append(&mut records);
        Ok(())
    }

    /// Goes through the trees; returns in which of the source's snapshots each leaf is.
    fn named(
        &mut self,
        compartment: Compartment,
        versions: &mut Versions,
        lost: &mut Vec<Error>,
    ) -> Vec<Presence> {
        let Self { vault, snapshots, places, query, terms, chunks } = self;
        let mut forest = Forest::default();
        let mut room = Room::default();
        for (tree, info) in places.iter().filter_map(|&at| snapshots.get(at)).enumerate() {
            let is_here = info.snapshot.sealed.as_ref().is_none_or(|sealed| {
                compartment == Compartment::General || !vault.is_left_out(sealed)
            });
            let trees = info.snapshot.records_in(compartment).filter(|_| is_here);
            let Some(trees) = trees else { continue };
            chunks.enter(&info.snapshot);
            let mut malformed = Vec::new();
            let errors = forest.take(chunks, tree, &trees.facts.reference, &mut |leaf| {
                let number = leaf.number;
                for (key, value) in leaf.entries {
                    if !peeked_fits(&value, query, terms, &mut room) {
                        continue;
                    }
                    let read = RecordName::of_key(&key)
                        .and_then(|name| Ok((name, RecordFacts::decode(&value)?)));
                    let (name, facts) = match read {
                        Ok(read) => read,
                        Err(error) => {
                            malformed.push(error.into());
                            continue;
                        }
                    };
                    let handle = || vault.record_handle(compartment, &name);
                    let is_called = query
                        .handle
                        .as_ref()
                        .is_none_or(|prefix| handle().is_some_and(|handle| prefix.fits(handle)));
                    if is_called {
                        let version = RecordVersion {
                            facts,
                            place: None,
                            first: 0,
                            last: 0,
                            key,
                            presence: Presence::default(),
                        };
                        versions.entry(name).or_default().push((version, number));
                    }
                }
            });
            lost.append(&mut malformed);
            lost.extend(errors);
        }
        forest.presence()
    }

    /// The record with these versions; none when none of them fits.
    fn record(
        &self,
        source: &str,
        compartment: Compartment,
        name: &RecordName,
        mut versions: Vec<RecordVersion>,
    ) -> Option<FoundRecord> {
        versions.sort_by_key(|version| std::cmp::Reverse((version.last, version.first)));
        let versions_total = versions.len();
        let last = versions.first()?.last;
        let first = versions.iter().map(|version| version.first).min().unwrap_or_default();
        versions.retain(|version| self.fits(version));
        for version in &mut versions {
            version.first = self.place(version.first);
            version.last = self.place(version.last);
            version.presence = Presence::default();
        }
        (!versions.is_empty()).then(|| FoundRecord {
            source: source.to_owned(),
            compartment,
            handle: self.vault.record_handle(compartment, name),
            versions,
            versions_total,
            first: self.place(first),
            last: self.place(last),
            is_gone: last.saturating_add(1) < self.places.len(),
        })
    }

    fn fits(&self, version: &RecordVersion) -> bool {
        let is_within = self.query.within.is_none_or(|id| {
            let is_it = |&at: &usize| self.snapshots.get(at).is_some_and(|info| info.id == id);
            self.places.iter().position(is_it).is_some_and(|tree| version.presence.has(tree))
        });
        is_within && self.query.fits_record(&version.facts)
    }

    /// The place of one of the source's snapshots among all.
    fn place(&self, tree: usize) -> usize {
        self.places.get(tree).copied().unwrap_or_default()
    }

    /// Says of each version where it is, in the last snapshot that has it.
    fn find_places(
        &mut self,
        compartment: Compartment,
        records: &mut [FoundRecord],
        lost: &mut Vec<Error>,
    ) {
        let versions = records.iter_mut().flat_map(|record| &mut record.versions);
        let mut versions: Vec<&mut RecordVersion> = versions.collect();
        versions.sort_by(|one, other| (one.last, &one.key).cmp(&(other.last, &other.key)));
        for group in versions.chunk_by_mut(|one, other| one.last == other.last) {
            let info = group.first().and_then(|version| self.snapshots.get(version.last));
            let Some(info) = info else { continue };
            let Some(trees) = info.snapshot.records_in(compartment) else { continue };
            self.chunks.enter(&info.snapshot);
            let mut places = Lookup::new(&trees.whereabouts.reference);
            for version in group {
                let value = places.get(&mut self.chunks, &version.key, lost);
                version.place = value.and_then(|value| RecordPlace::decode(value).ok());
            }
        }
    }
}

/// Whether a value of the tree may have what is looked for: most have not, and need not be taken
/// apart. One that makes no sense may.
fn peeked_fits(value: &[u8], query: &Query, terms: &Terms, room: &mut Room) -> bool {
    let Some(peeked) = Peeked::of(value) else { return true };
    // A record's kind is the same in all its versions.
    let is_kind = query.kind.as_ref().is_none_or(|kind| kind.as_bytes() == peeked.kind);
    is_kind
        && terms.fit(room, |text| {
            for part in [peeked.title, b"\n", peeked.place, b"\n", peeked.user] {
                text.extend_from_slice(part);
            }
        })
}

/// Puts a version to the others, or into the one that says the same.
fn merge(versions: &mut Vec<RecordVersion>, mut version: RecordVersion) {
    let same = |known: &&mut RecordVersion| known.facts.digest == version.facts.digest;
    let Some(known) = versions.iter_mut().find(same) else {
        version.find_ends();
        return versions.push(version);
    };
    version.presence.union(&known.presence);
    version.find_ends();
    // What is told of it is what the newest snapshot tells.
    if version.last > known.last {
        *known = version;
    } else {
        known.presence = version.presence;
        known.find_ends();
    }
}

impl Query {
    /// Whether title, place and user of a record have all terms.
    pub fn names_record(&self, facts: &RecordFacts) -> bool {
        let RecordFacts { title, place, user, .. } = facts;
        Terms::new(&self.terms).fit(&mut Room::default(), |text| {
            for part in [title, "\n", place, "\n", user] {
                text.extend_from_slice(part.as_bytes());
            }
        })
    }

    /// Whether a record is of the kind and, by its own date, of the time.
    pub fn fits_record(&self, facts: &RecordFacts) -> bool {
        let date = facts.date.and_then(|date| date.checked_mul(1_000_000_000));
        self.kind.as_ref().is_none_or(|kind| *kind == facts.kind)
            && self.since.is_none_or(|since| date.is_some_and(|date| date >= since))
            && self.until.is_none_or(|until| date.is_some_and(|date| date <= until))
    }
}

impl RecordVersion {
    fn find_ends(&mut self) {
        self.first = self.presence.first().unwrap_or_default();
        self.last = self.presence.last().unwrap_or_default();
    }
}
