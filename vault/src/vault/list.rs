//! The items of a snapshot, in the order of their paths.

use std::cmp::Ordering;

use super::{Chunks, Facts, SnapshotInfo, Vault, Whereabouts, Xattrs};
use crate::chain::Trees;
use crate::chunk::{Content, Reference};
use crate::error::{Error, Result};
use crate::files::ItemPath;
use crate::keys::Compartment;
use crate::tree::{self, Lookup, Range};
use crate::wire::Malformed;

/// One item of a snapshot.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where it lies below the source.
    pub path: ItemPath,
    /// In which compartment.
    pub compartment: Compartment,
    /// What it is.
    pub facts: Facts,
    /// When it was changed; none when that half of the tree is lost.
    pub whereabouts: Option<Whereabouts>,
}

impl Item {
    /// All that is stored for the item outside of the trees: its content, the password that opens
    /// it, and extended attributes that are too long for the trees.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        let xattrs = |xattrs| match xattrs {
            &Xattrs::Inline(_) => None,
            Xattrs::Stored(content) => Some(content),
        };
        let volatile = self.whereabouts.as_ref().and_then(|half| xattrs(&half.xattrs));
        let password = self.facts.password.as_ref();
        let all = [Some(&self.facts.content), password, xattrs(&self.facts.xattrs), volatile];
        all.into_iter().flatten()
    }
}

/// Goes through the items of a snapshot.
pub struct Items<'v> {
    /// Reads the nodes; a caller may read content with it between two items.
    pub chunks: Chunks<'v>,
    sides: Vec<Side>,
    /// Items that this role cannot see, and their bytes.
    pub locked: (u64, u64),
    /// Sealed items that are not in this copy of the vault, on purpose.
    pub left_out: u64,
    /// What went wrong with the half that holds the times; costs no item.
    pub times_lost: Vec<Error>,
}

/// One compartment's trees.
struct Side {
    compartment: Compartment,
    facts: Range,
    whereabouts: Lookup,
    next: Option<Item>,
}

/// All items of a snapshot with paths from `from` on; `from` empty for all.
pub fn list<'v>(vault: &'v Vault, info: &SnapshotInfo, from: &[u8]) -> Items<'v> {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    let side = |compartment, trees: &Trees| Side {
        compartment,
        facts: Range::new(&trees.facts.reference, from),
        whereabouts: Lookup::new(&trees.whereabouts.reference),
        next: None,
    };
    let mut sides = vec![side(Compartment::General, &info.snapshot.general)];
    let (mut locked, mut left_out) = ((0, 0), 0);
    if let Some(sealed) = &info.snapshot.sealed {
        let counts = info.snapshot.counts.iter();
        let counts = counts.filter(|count| count.compartment == Compartment::Sealed);
        let (items, bytes) =
            counts.fold((0, 0), |sum, count| (sum.0 + count.items, sum.1 + count.bytes));
        if vault.is_left_out(sealed) {
            left_out = items;
        } else if vault.keys().reads_sealed() {
            sides.push(side(Compartment::Sealed, &sealed.trees));
        } else {
            locked = (items, bytes);
        }
    }
    Items { chunks, sides, locked, left_out, times_lost: Vec::new() }
}

/// The item at a path of a snapshot.
pub fn find(vault: &Vault, info: &SnapshotInfo, path: &ItemPath) -> Result<Option<Item>> {
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    find_by(&mut chunks, vault, info, path)
}

/// As [`find`], with what reads nodes and has entered the snapshot.
pub(super) fn find_by(
    chunks: &mut Chunks<'_>,
    vault: &Vault,
    info: &SnapshotInfo,
    path: &ItemPath,
) -> Result<Option<Item>> {
    let mut sides = vec![(Compartment::General, &info.snapshot.general)];
    let sealed = info.snapshot.sealed.as_ref();
    let sealed = sealed.filter(|sealed| vault.keys().reads_sealed() && !vault.is_left_out(sealed));
    sides.extend(sealed.map(|sealed| (Compartment::Sealed, &sealed.trees)));
    for (compartment, trees) in sides {
        let mut get = |root: &Reference| tree::get(chunks, root, path.key());
        let Some(facts) = get(&trees.facts.reference)? else { continue };
        let whereabouts = get(&trees.whereabouts.reference)?;
        return Ok(Some(Item {
            path: path.clone(),
            compartment,
            facts: Facts::decode(&facts)?,
            whereabouts: whereabouts.map(|value| Whereabouts::decode(&value)).transpose()?,
        }));
    }
    Ok(None)
}

impl Items<'_> {
    /// The next item. A folder that is in both compartments comes once, as `general`.
    ///
    /// # Errors
    /// When a part of a tree is lost. The next call goes on behind it.
    pub fn next_item(&mut self) -> Result<Option<Item>> {
        let Self { chunks, sides, times_lost, .. } = self;
        for side in sides.iter_mut() {
            side.fill(chunks, times_lost)?;
        }
        let [general, rest @ ..] = sides.as_mut_slice() else { return Ok(None) };
        let Some(sealed) = rest.first_mut() else { return Ok(general.next.take()) };
        let order = match (&general.next, &sealed.next) {
            (Some(a), Some(b)) => a.path.cmp(&b.path),
            (None, Some(_)) => Ordering::Greater,
            (_, None) => Ordering::Less,
        };
        Ok(match order {
            Ordering::Less => general.next.take(),
            Ordering::Greater => sealed.next.take(),
            Ordering::Equal => {
                sealed.next = None;
                general.next.take()
            }
        })
    }
}

impl Side {
    /// Reads the next item, unless one waits.
    fn fill(&mut self, chunks: &mut Chunks<'_>, times_lost: &mut Vec<Error>) -> Result<()> {
        if self.next.is_some() {
            return Ok(());
        }
        let Some((key, facts)) = self.facts.next(chunks)? else { return Ok(()) };
        let whereabouts = self.whereabouts.get(chunks, &key, times_lost);
        let whereabouts = whereabouts.and_then(|value| Whereabouts::decode(value).ok());
        let path = ItemPath::from_key(key).map_err(|_| Malformed::new("a path that is none", 0))?;
        let facts = Facts::decode(&facts)?;
        self.next = Some(Item { path, compartment: self.compartment, facts, whereabouts });
        Ok(())
    }
}
