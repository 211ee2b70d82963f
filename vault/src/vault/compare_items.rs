//! `compare_items`: how the files, folders and links of two snapshots differ.
//!
//! Only nodes that differ are read. Content is the same when its chunks are; where that does not
//! tell, since what is sealed may be stored anew, it is read and compared.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::compare_records::{Differences, Fate, Pair, closed};
use super::{Chunks, Facts, Item, ItemType, SnapshotInfo, State, Vault, Whereabouts};
use crate::chain::Trees;
use crate::chunk::{Content, Reference};
use crate::error::{Error, Result};
use crate::files::ItemPath;
use crate::id::Sha;
use crate::keys::Compartment;
use crate::tree::{self, Lookup};
use crate::wire::Malformed;

/// One difference between the items of two snapshots.
#[derive(Clone, Debug)]
pub struct ItemChange {
    /// What became of it.
    pub fate: Fate,
    /// As it was; none for what was added.
    pub before: Option<Item>,
    /// As it is; none for what was removed.
    pub after: Option<Item>,
    /// What differs, each in a word: `type`, `state`, `content`, `link`, `compartment`, `mode`,
    /// `xattrs`, `mtime`.
    pub differs: Vec<&'static str>,
}

/// How the items of two snapshots differ.
#[derive(Debug, Default)]
pub struct ItemChanges {
    /// By path.
    pub changes: Vec<ItemChange>,
    /// Parts of trees, and contents, that cannot be read. What they named may look removed, added
    /// or changed.
    pub lost: Vec<Error>,
    /// Whether there are sealed items that this role does not see.
    pub locked: bool,
    /// Whether there are sealed items that are not in this copy of the vault, on purpose.
    pub left_out: bool,
}

/// What differs between the items of two snapshots, of one source or of two.
pub fn compare_items(vault: &Vault, before: &SnapshotInfo, after: &SnapshotInfo) -> ItemChanges {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&before.snapshot);
    chunks.enter(&after.snapshot);
    let mut found = ItemChanges::default();
    (found.locked, found.left_out) = closed(vault, &[before, after]);
    let compartments = match found.locked || found.left_out {
        true => &[Compartment::General][..],
        false => &[Compartment::General, Compartment::Sealed],
    };
    let sides = compartments.iter().map(|&compartment| Sides {
        compartment,
        before: before.snapshot.items_in(compartment),
        after: after.snapshot.items_in(compartment),
    });
    let sides: Vec<Sides<'_>> = sides.collect();
    let mut compare = Compare { chunks, lost: Vec::new() };
    let mut pairs = Pairs::new();
    for side in &sides {
        compare.compartment(side, &mut pairs);
    }
    compare.drop_shared_folders(&sides, &mut pairs);
    let (mut changes, mut removed, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for (before, after) in pairs.into_values() {
        match (before, after) {
            (Some(before), Some(after)) => changes.extend(compare.pair(before, after)),
            (Some(before), None) => removed.push(before),
            (None, Some(after)) => added.push(after),
            (None, None) => {}
        }
    }
    compare.moved(&mut removed, &mut added, &mut changes);
    let alone = |fate, before, after| ItemChange { fate, before, after, differs: Vec::new() };
    changes.extend(removed.into_iter().map(|item| alone(Fate::Removed, Some(item), None)));
    changes.extend(added.into_iter().map(|item| alone(Fate::Added, None, Some(item))));
    changes.sort_by(|one, other| {
        (one.item().map(|item| &item.path), one.fate)
            .cmp(&(other.item().map(|item| &item.path), other.fate))
    });
    found.changes = changes;
    found.lost = compare.lost;
    found
}

impl ItemChange {
    /// The item as it is, or as it was where it is no more; one of them is there.
    pub fn item(&self) -> Option<&Item> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// Whether the content changed and the time of its change did not, as where a medium decays.
    pub fn is_silent(&self) -> bool {
        let is_file = |item: &Option<Item>| {
            item.as_ref().is_some_and(|item| item.facts.item_type == ItemType::File)
        };
        self.differs.contains(&"content")
            && !self.differs.contains(&"mtime")
            && is_file(&self.before)
            && is_file(&self.after)
    }
}

/// The trees of one compartment.
struct Sides<'i> {
    compartment: Compartment,
    before: Option<&'i Trees>,
    after: Option<&'i Trees>,
}

/// Both sides of what differs, by path, whatever the compartment.
type Pairs = BTreeMap<Vec<u8>, (Option<Item>, Option<Item>)>;

struct Compare<'v> {
    chunks: Chunks<'v>,
    lost: Vec<Error>,
}

impl Compare<'_> {
    fn compartment(&mut self, sides: &Sides<'_>, pairs: &mut Pairs) {
        let of = |half: fn(&Trees) -> Reference| Pair {
            before: sides.before.map(half),
            after: sides.after.map(half),
        };
        let facts = of(|trees| trees.facts.reference);
        let times = of(|trees| trees.whereabouts.reference);
        let mut found = Pairs::new();
        let side =
            |key: &[u8], value: Option<&[u8]>, times: &mut Option<Lookup>, compare: &mut Self| {
                let value = value?;
                let time = times.as_mut();
                let time =
                    time.and_then(|times| times.get(&mut compare.chunks, key, &mut compare.lost));
                let whereabouts = time.and_then(|value| Whereabouts::decode(value).ok());
                match item(key, sides.compartment, value, whereabouts) {
                    Ok(item) => Some(item),
                    Err(error) => {
                        compare.lost.push(error.into());
                        None
                    }
                }
            };
        let lookups =
            |pair: &Pair| [pair.before, pair.after].map(|root| root.as_ref().map(Lookup::new));
        let [mut times_before, mut times_after] = lookups(&times);
        let mut differences = Differences::new(&facts);
        while let Some(change) = differences.next(&mut self.chunks, &mut self.lost) {
            let before = side(&change.key, change.before.as_deref(), &mut times_before, self);
            let after = side(&change.key, change.after.as_deref(), &mut times_after, self);
            found.insert(change.key, (before, after));
        }
        // What differs in its times only.
        let [mut times_before, mut times_after] = lookups(&times);
        let [mut facts_before, mut facts_after] = lookups(&facts);
        let mut differences = Differences::new(&times);
        while let Some(change) = differences.next(&mut self.chunks, &mut self.lost) {
            if change.before.is_none() || change.after.is_none() || found.contains_key(&change.key)
            {
                continue;
            }
            let facts = |lookup: &mut Option<Lookup>, compare: &mut Self| {
                let lookup = lookup.as_mut()?;
                lookup.get(&mut compare.chunks, &change.key, &mut compare.lost).map(<[u8]>::to_vec)
            };
            let (before, after) = (facts(&mut facts_before, self), facts(&mut facts_after, self));
            let before = side(&change.key, before.as_deref(), &mut times_before, self);
            let after = side(&change.key, after.as_deref(), &mut times_after, self);
            found.insert(change.key, (before, after));
        }
        for (key, (before, after)) in found {
            // A side that an earlier compartment has stays.
            let pair = pairs.entry(key).or_default();
            pair.0 = pair.0.take().or(before);
            pair.1 = pair.1.take().or(after);
        }
    }

    /// A folder may stand in both compartments, and is gone when it is in neither.
    fn drop_shared_folders(&mut self, sides: &[Sides<'_>], pairs: &mut Pairs) {
        let mut dropped = Vec::new();
        for (key, pair) in pairs.iter() {
            let (item, is_before) = match pair {
                (Some(item), None) => (item, false),
                (None, Some(item)) => (item, true),
                _ => continue,
            };
            if item.facts.item_type != ItemType::Folder {
                continue;
            }
            for side in sides.iter().filter(|side| side.compartment != item.compartment) {
                let trees = if is_before { side.before } else { side.after };
                let Some(trees) = trees else { continue };
                match tree::get(&mut self.chunks, &trees.facts.reference, key) {
                    Ok(None) => {}
                    Ok(Some(_)) => dropped.push(key.clone()),
                    Err(error) => self.lost.push(error),
                }
            }
        }
        for key in dropped {
            pairs.remove(&key);
        }
    }

    /// How two items at one path differ, if they do.
    fn pair(&mut self, before: Item, after: Item) -> Option<ItemChange> {
        let (one, other) = (&before.facts, &after.facts);
        let mtime = |item: &Item| item.whereabouts.as_ref().map(|whereabouts| whereabouts.mtime);
        let is_same_time = mtime(&before) == mtime(&after);
        let mut differs = Vec::new();
        if one.item_type != other.item_type {
            differs.push("type");
        } else {
            if one.state != other.state {
                differs.push("state");
            } else if !self.is_same_content(&before, &after, is_same_time) {
                differs.push("content");
            }
            if one.link != other.link {
                differs.push("link");
            }
        }
        let is_changed = !differs.is_empty();
        let is_folder = other.item_type == ItemType::Folder;
        // A folder is in each compartment that something in it is in.
        if before.compartment != after.compartment && !is_folder {
            differs.push("compartment");
        }
        if one.mode != other.mode {
            differs.push("mode");
        }
        if one.xattrs != other.xattrs && !self.are_same_xattrs(one, other) {
            differs.push("xattrs");
        }
        // That of a folder changes with what is in it, and is told there.
        if !is_same_time && !is_folder {
            differs.push("mtime");
        }
        let fate = if is_changed { Fate::Changed } else { Fate::Meta };
        let (before, after) = (Some(before), Some(after));
        (!differs.is_empty()).then_some(ItemChange { fate, before, after, differs })
    }

    fn is_same_content(&mut self, before: &Item, after: &Item, is_same_time: bool) -> bool {
        let (one, other) = (&before.facts, &after.facts);
        if one.length != other.length {
            return one.item_type != ItemType::File;
        }
        let is_sealed = [before, after].iter().any(|item| item.compartment == Compartment::Sealed);
        if one.content == other.content || !(is_sealed || is_same_time) {
            return one.content == other.content;
        }
        match (self.digest(&one.content), self.digest(&other.content)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }

    fn are_same_xattrs(&mut self, one: &Facts, other: &Facts) -> bool {
        match (self.chunks.xattrs(&one.xattrs), self.chunks.xattrs(&other.xattrs)) {
            (Ok(one), Ok(other)) => one == other,
            (one, other) => {
                self.lost.extend(one.err().into_iter().chain(other.err()));
                false
            }
        }
    }

    /// Takes out of both sides what has the same content under two paths, in the order of the paths.
    fn moved(
        &mut self,
        removed: &mut Vec<Item>,
        added: &mut Vec<Item>,
        changes: &mut Vec<ItemChange>,
    ) {
        let lengths = |items: &[Item]| -> HashMap<u64, usize> {
            let mut lengths = HashMap::new();
            let files = items.iter().filter(|item| has_content(item));
            files.for_each(|item| *lengths.entry(item.facts.length).or_default() += 1);
            lengths
        };
        let (before, after) = (lengths(removed), lengths(added));
        let may_move = |item: &Item, others: &HashMap<u64, usize>| {
            has_content(item) && others.contains_key(&item.facts.length)
        };
        let mut waiting: HashMap<Same, VecDeque<Item>> = HashMap::new();
        let mut left = Vec::new();
        for item in std::mem::take(added) {
            match may_move(&item, &before).then(|| self.same(&item)).flatten() {
                Some(same) => waiting.entry(same).or_default().push_back(item),
                None => left.push(item),
            }
        }
        for item in std::mem::take(removed) {
            let same = may_move(&item, &after).then(|| self.same(&item)).flatten();
            let other = same.and_then(|same| waiting.get_mut(&same)?.pop_front());
            match other {
                Some(other) => changes.push(ItemChange {
                    fate: Fate::Moved,
                    before: Some(item),
                    after: Some(other),
                    differs: Vec::new(),
                }),
                None => removed.push(item),
            }
        }
        left.extend(waiting.into_values().flatten());
        *added = left;
    }

    /// What two items with the same content have in common.
    fn same(&mut self, item: &Item) -> Option<Same> {
        match item.compartment {
            Compartment::Sealed => self.digest(&item.facts.content).map(Same::Digest),
            Compartment::Index | Compartment::General => {
                let rows = item.facts.content.rows.iter();
                let rows = rows.map(|row| (row.reference.encode(), row.length)).collect();
                Some(Same::Chunks(item.facts.content.depth, rows))
            }
        }
    }

    fn digest(&mut self, content: &Content) -> Option<[u8; 32]> {
        let mut sha = Sha::default();
        let read = self.chunks.for_each(content, &mut |bytes| {
            sha.update(bytes);
            Ok(())
        });
        match read {
            Ok(()) => Some(sha.finish()),
            Err(error) => {
                self.lost.push(error);
                None
            }
        }
    }
}

#[derive(PartialEq, Eq, Hash)]
enum Same {
    Digest([u8; 32]),
    Chunks(u8, Vec<(Vec<u8>, u64)>),
}

fn has_content(item: &Item) -> bool {
    let Facts { item_type, state, length, .. } = &item.facts;
    *item_type == ItemType::File && *state == State::Present && *length > 0
}

fn item(
    key: &[u8],
    compartment: Compartment,
    facts: &[u8],
    whereabouts: Option<Whereabouts>,
) -> Result<Item, Malformed> {
    let path =
        ItemPath::from_key(key.to_vec()).map_err(|_| Malformed::new("a path that is none", 0))?;
    Ok(Item { path, compartment, facts: Facts::decode(facts)?, whereabouts })
}
