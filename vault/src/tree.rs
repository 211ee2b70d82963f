//! A sorted map kept in chunks whose borders depend on the keys alone, so that equal parts of two
//! maps are the same chunks (spec 11).
#![warn(clippy::arithmetic_side_effects)]

use std::cmp::Ordering;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::chunk::Reference;
use crate::error::{Error, Result};
use crate::format;
use crate::id::MacKey;
use crate::wire::{self, Malformed};

/// Gives the bytes of nodes, verified against their reference.
pub trait Nodes {
    /// The chunk of a node.
    fn node(&mut self, reference: &Reference) -> Result<Vec<u8>>;
}

#[derive(Serialize, Deserialize)]
struct WireNode(u8, u8, Vec<ByteBuf>);

/// One entry of a node: in a leaf the map's, above it the last key and the reference of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Entry {
    /// What the entry counts towards the size of its node.
    fn size(&self) -> usize {
        self.key.len().saturating_add(self.value.len()).saturating_add(8)
    }
}

/// Builds a tree from a map that is given in ascending order.
pub struct Builder {
    key: MacKey,
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    entries: Vec<Entry>,
    size: usize,
    /// Whether a node of this level was stored already.
    closed: bool,
}

impl Builder {
    /// An empty map; `key` is the compartment's tree key.
    pub fn new(key: MacKey) -> Self {
        Self { key, levels: vec![Level::default()] }
    }

    /// Takes the next entry. `store` keeps a node and gives its reference.
    ///
    /// # Errors
    /// What `store` gives; a key that is empty, too long or not above the one before; a value that
    /// is too long.
    pub fn push(
        &mut self,
        key: &[u8],
        value: Vec<u8>,
        store: &mut impl FnMut(&[u8]) -> Result<Reference>,
    ) -> Result<()> {
        if key.is_empty() || key.len() > format::KEY_MAX || value.len() > format::VALUE_MAX {
            return Err(Malformed::new("an entry over the limits of a tree", 0).into());
        }
        let before = self.levels.first().and_then(|level| level.entries.last());
        if before.is_some_and(|before| before.key.as_slice() >= key) {
            return Err(Malformed::new("entries out of order", 0).into());
        }
        self.push_at(0, Entry { key: key.to_vec(), value }, store)
    }

    /// Ends the map and gives its root.
    pub fn finish(
        mut self,
        store: &mut impl FnMut(&[u8]) -> Result<Reference>,
    ) -> Result<Reference> {
        let mut number = 0_u8;
        loop {
            let is_top = self.levels.len() == usize::from(number).saturating_add(1);
            let Some(level) = self.levels.get_mut(usize::from(number)) else {
                return Err(Malformed::new("a tree without levels", 0).into());
            };
            if is_top && !level.closed {
                return match level.entries.as_slice() {
                    // The only node of the level below is the root.
                    [only] if number > 0 => Ok(Reference::decode(&only.value)?),
                    entries => store(&encode(number, entries)),
                };
            }
            if !level.entries.is_empty() {
                self.close(number, store)?;
            }
            number = number.saturating_add(1);
        }
    }

    fn push_at(
        &mut self,
        number: u8,
        entry: Entry,
        store: &mut impl FnMut(&[u8]) -> Result<Reference>,
    ) -> Result<()> {
        if self.levels.len() <= usize::from(number) {
            self.levels.push(Level::default());
        }
        let size = entry.size();
        let fits = self.level(number).is_none_or(|level| {
            level.entries.is_empty() || level.size.saturating_add(size) <= format::NODE_MAX
        });
        if !fits {
            self.close(number, store)?;
        }
        let border = self.is_border(number, &entry.key, size);
        let Some(level) = self.level(number) else { return Ok(()) };
        level.entries.push(entry);
        level.size = level.size.saturating_add(size);
        if level.size >= format::NODE_MIN && border { self.close(number, store) } else { Ok(()) }
    }

    fn close(
        &mut self,
        number: u8,
        store: &mut impl FnMut(&[u8]) -> Result<Reference>,
    ) -> Result<()> {
        let Some(level) = self.level(number) else { return Ok(()) };
        let node = encode(number, &level.entries);
        let key = level.entries.last().map(|entry| entry.key.clone()).unwrap_or_default();
        *level = Level { closed: true, ..Level::default() };
        let value = store(&node)?.encode();
        self.push_at(number.saturating_add(1), Entry { key, value }, store)
    }

    fn level(&mut self, number: u8) -> Option<&mut Level> {
        self.levels.get_mut(usize::from(number))
    }

    fn is_border(&self, number: u8, key: &[u8], size: usize) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = self.key.mac(&[&[number], key]);
        let hash = u128::from(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        // The chance grows with the entry, so that nodes of long entries have the same size.
        hash.saturating_mul(format::NODE_MIN as u128) < (size as u128) << 64
    }
}

fn encode(level: u8, entries: &[Entry]) -> Vec<u8> {
    let fields = entries.iter().flat_map(|entry| [&entry.key, &entry.value]);
    let fields = fields.map(|bytes| ByteBuf::from(bytes.clone())).collect();
    wire::encode(&WireNode(format::VERSION, level, fields))
}

/// A node as its parent describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Child {
    reference: Reference,
    /// None for a root, whose level is what it says.
    expected: Option<Expected>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Expected {
    level: u8,
    last_key: Vec<u8>,
    /// All keys are above this one, if there is one.
    above: Option<Vec<u8>>,
}

const NOT_AS_SAID: &str = "a node that is not what its parent says";

impl Expected {
    /// Whether a node with this level and these first and last keys is meant.
    fn fits(&self, level: u8, ends: Option<&(Vec<u8>, Vec<u8>)>) -> bool {
        let Some((first, last)) = ends else { return false };
        let is_above = self.above.as_ref().is_none_or(|above| first > above);
        level == self.level && is_above && *last == self.last_key
    }
}

struct Node {
    level: u8,
    entries: Vec<Entry>,
}

/// Reads a node and refuses what spec N-1 refuses.
fn read(nodes: &mut impl Nodes, child: &Child) -> Result<Node> {
    let bytes = nodes.node(&child.reference)?;
    let WireNode(version, level, fields) = wire::decode(&bytes, format::NODE_LIMIT)?;
    let refuse = |what| Err(Malformed::new(what, 0).into());
    if version != format::VERSION || level > format::LEVELS_MAX {
        return refuse("a node of another version");
    }
    if !fields.len().is_multiple_of(2) {
        return refuse("a key without a value");
    }
    let mut fields = fields.into_iter().map(ByteBuf::into_vec);
    let pairs = std::iter::from_fn(|| fields.next().zip(fields.next()));
    let entries: Vec<Entry> = pairs.map(|(key, value)| Entry { key, value }).collect();
    let over = |entry: &Entry| {
        entry.key.is_empty()
            || entry.key.len() > format::KEY_MAX
            || entry.value.len() > format::VALUE_MAX
    };
    if entries.iter().any(over) {
        return refuse("an entry over the limits of a tree");
    }
    if !entries.is_sorted_by(|a, b| a.key < b.key) {
        return refuse("keys out of order");
    }
    if let Some(expected) = &child.expected {
        let key = |entry: Option<&Entry>| entry.map(|entry| entry.key.clone());
        let ends = key(entries.first()).zip(key(entries.last()));
        if !expected.fits(level, ends.as_ref()) {
            return refuse(NOT_AS_SAID);
        }
    } else if entries.is_empty() && level > 0 {
        return refuse("an empty node");
    }
    Ok(Node { level, entries })
}

impl Node {
    /// The child of the entry at `position`.
    fn child(&self, position: usize, above: Option<&[u8]>) -> Result<Child> {
        let entry = self.entries.get(position).ok_or(Malformed::new("no such entry", 0))?;
        let before = position.checked_sub(1).and_then(|before| self.entries.get(before));
        let above = before.map(|entry| entry.key.as_slice()).or(above).map(<[u8]>::to_vec);
        let level = self.level.checked_sub(1).ok_or(Malformed::new("a leaf has no child", 0))?;
        let expected = Expected { level, last_key: entry.key.clone(), above };
        Ok(Child { reference: Reference::decode(&entry.value)?, expected: Some(expected) })
    }
}

/// The value of `key`, if the map has it.
pub fn get(nodes: &mut impl Nodes, root: &Reference, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut child = Child { reference: *root, expected: None };
    loop {
        let node = read(nodes, &child)?;
        let position = node.entries.partition_point(|entry| entry.key.as_slice() < key);
        let Some(entry) = node.entries.get(position) else { return Ok(None) };
        if node.level == 0 {
            return Ok((entry.key == key).then(|| entry.value.clone()));
        }
        let above = child.expected.as_ref().and_then(|expected| expected.above.as_deref());
        child = node.child(position, above)?;
    }
}

/// The entries of a tree in order, from a first key on.
pub struct Range {
    walker: Walker,
    from: Vec<u8>,
}

impl Range {
    /// All entries of the map with keys of at least `from`.
    pub fn new(root: &Reference, from: &[u8]) -> Self {
        Self { walker: Walker::new(root), from: from.to_vec() }
    }

    /// Goes on with the first key of at least `from`, which must not be below a key it gave.
    pub fn seek(&mut self, from: &[u8]) {
        self.from.clear();
        self.from.extend_from_slice(from);
    }

    /// The next key and value.
    ///
    /// # Errors
    /// When a node cannot be read. The next call goes on behind it, so that one lost node does not
    /// hide the others.
    pub fn next(&mut self, nodes: &mut impl Nodes) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        loop {
            match self.walker.peek() {
                None => return Ok(None),
                Some(Step::Below { last_key, .. }) => {
                    if last_key.is_some_and(|last_key| last_key < self.from.as_slice()) {
                        self.walker.skip();
                    } else {
                        self.walker.descend(nodes)?;
                    }
                }
                Some(Step::Entry { key, .. }) if key < self.from.as_slice() => self.walker.skip(),
                Some(Step::Entry { .. }) => return Ok(self.walker.take()),
            }
        }
    }
}

/// The values of keys that are asked for in ascending order.
pub struct Lookup {
    range: Range,
    /// The entry that was read last; none before the first and behind the last.
    ahead: Option<(Vec<u8>, Vec<u8>)>,
}

impl Lookup {
    /// Nothing is read yet.
    pub fn new(root: &Reference) -> Self {
        Self { range: Range::new(root, b""), ahead: None }
    }

    /// The value of `key`, which must not be below one that was asked for before. A node that is
    /// lost is told to `lost`, and what it held is not there.
    pub fn get(
        &mut self,
        nodes: &mut impl Nodes,
        key: &[u8],
        lost: &mut Vec<Error>,
    ) -> Option<&[u8]> {
        if self.ahead.as_ref().is_none_or(|(ahead, _)| ahead.as_slice() < key) {
            self.range.seek(key);
            self.ahead = loop {
                match self.range.next(nodes) {
                    Ok(entry) => break entry,
                    Err(error) => lost.push(error),
                }
            };
        }
        let (ahead, value) = self.ahead.as_ref()?;
        (ahead == key).then_some(value.as_slice())
    }
}

/// Several trees of one compartment. Each node is read once, however many of the trees share it.
#[derive(Default)]
pub struct Forest {
    nodes: Vec<Known>,
    numbers: HashMap<Reference, usize>,
}

/// A node that was read, without its entries.
struct Known {
    level: u8,
    /// The first and the last key; none in an empty node.
    ends: Option<(Vec<u8>, Vec<u8>)>,
    children: Vec<usize>,
    /// The trees it is the root of.
    trees: Vec<usize>,
}

/// An entry of a leaf, as [`Forest::take`] gives it.
pub struct Leaf<'a> {
    /// The leaf's place in what [`Forest::presence`] gives.
    pub number: usize,
    /// The keys and values; a taker may move them out.
    pub entries: &'a mut dyn Iterator<Item = (Vec<u8>, Vec<u8>)>,
}

impl Forest {
    /// Takes the tree with this number, and calls `each` with every leaf that no tree before had.
    /// What cannot be read is passed over; returns why.
    pub fn take(
        &mut self,
        nodes: &mut impl Nodes,
        tree: usize,
        root: &Reference,
        each: &mut impl FnMut(Leaf<'_>),
    ) -> Vec<Error> {
        let mut errors = Vec::new();
        let mut waiting = vec![(Child { reference: *root, expected: None }, None)];
        while let Some((child, parent)) = waiting.pop() {
            let number = self.known(&child).unwrap_or_else(|| {
                let node = read(nodes, &child)?;
                Ok(self.insert(&child, node, &mut waiting, &mut errors, each))
            });
            match number {
                Ok(number) => self.link(parent, number, tree),
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    /// In which of the trees each node is, by its number.
    pub fn presence(&self) -> Vec<Presence> {
        let mut found: Vec<Presence> = Vec::new();
        for node in &self.nodes {
            let mut own = Presence::default();
            node.trees.iter().for_each(|&tree| own.insert(tree));
            found.push(own);
        }
        // A node is in every tree that its parents are in, and they are of higher levels.
        let mut order: Vec<(usize, &Known)> = self.nodes.iter().enumerate().collect();
        order.sort_by_key(|(_, node)| std::cmp::Reverse(node.level));
        for (number, node) in order {
            let own = found.get(number).cloned().unwrap_or_default();
            for &child in &node.children {
                if let Some(child) = found.get_mut(child) {
                    child.union(&own);
                }
            }
        }
        found
    }

    /// The number of a node that was read before; refused where it is not what this parent says.
    fn known(&self, child: &Child) -> Option<Result<usize>> {
        let number = *self.numbers.get(&child.reference)?;
        let node = self.nodes.get(number)?;
        let fits = match &child.expected {
            Some(expected) => expected.fits(node.level, node.ends.as_ref()),
            None => true,
        };
        Some(if fits { Ok(number) } else { Err(Malformed::new(NOT_AS_SAID, 0).into()) })
    }

    /// Notes that a node is below its parent or, without one, a tree's root.
    fn link(&mut self, parent: Option<usize>, number: usize, tree: usize) {
        if let Some(node) = self.nodes.get_mut(parent.unwrap_or(number)) {
            match parent {
                Some(_) => node.children.push(number),
                None => node.trees.push(tree),
            }
        }
    }

    fn insert(
        &mut self,
        child: &Child,
        node: Node,
        waiting: &mut Vec<(Child, Option<usize>)>,
        errors: &mut Vec<Error>,
        each: &mut impl FnMut(Leaf<'_>),
    ) -> usize {
        let number = self.nodes.len();
        let key = |entry: Option<&Entry>| entry.map(|entry| entry.key.clone());
        let ends = key(node.entries.first()).zip(key(node.entries.last()));
        let (children, trees) = (Vec::new(), Vec::new());
        self.nodes.push(Known { level: node.level, ends, children, trees });
        self.numbers.insert(child.reference, number);
        if node.level == 0 {
            let mut entries = node.entries.into_iter().map(|entry| (entry.key, entry.value));
            each(Leaf { number, entries: &mut entries });
            return number;
        }
        let above = child.expected.as_ref().and_then(|expected| expected.above.as_deref());
        for position in (0..node.entries.len()).rev() {
            match node.child(position, above) {
                Ok(child) => waiting.push((child, Some(number))),
                Err(error) => errors.push(error),
            }
        }
        number
    }
}

/// A set of trees of a [`Forest`], by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence(Vec<u64>);

impl Presence {
    /// Takes a tree into the set.
    pub fn insert(&mut self, tree: usize) {
        let word = tree / 64;
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (tree % 64);
        }
    }

    /// Takes all trees of another set into this one.
    pub fn union(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Whether a tree is in the set.
    pub fn has(&self, tree: usize) -> bool {
        self.0.get(tree / 64).is_some_and(|word| word >> (tree % 64) & 1 == 1)
    }

    /// The smallest number in the set.
    pub fn first(&self) -> Option<usize> {
        self.trees().next()
    }

    /// The largest number in the set.
    pub fn last(&self) -> Option<usize> {
        self.trees().next_back()
    }

    fn trees(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.0.len().saturating_mul(64)).filter(|&tree| self.has(tree))
    }
}

/// Goes through a tree in order and can pass over what lies below a node without reading it.
struct Walker {
    /// Nodes on the way down, each with the position of its next entry.
    path: Vec<(Node, usize, Option<Vec<u8>>)>,
    /// The root, until it is read.
    root: Option<Child>,
}

/// What comes next.
enum Step<'a> {
    /// Everything below a node.
    Below { reference: Reference, level: Option<u8>, last_key: Option<&'a [u8]> },
    /// One entry of the map.
    Entry { key: &'a [u8], value: &'a [u8] },
}

impl Walker {
    fn new(root: &Reference) -> Self {
        Self { path: Vec::new(), root: Some(Child { reference: *root, expected: None }) }
    }

    fn peek(&mut self) -> Option<Step<'_>> {
        while self.path.last().is_some_and(|(node, at, _)| *at >= node.entries.len()) {
            self.path.pop();
        }
        if let Some(root) = &self.root {
            return Some(Step::Below { reference: root.reference, level: None, last_key: None });
        }
        let (node, at, _) = self.path.last()?;
        let entry = node.entries.get(*at)?;
        if node.level == 0 {
            return Some(Step::Entry { key: &entry.key, value: &entry.value });
        }
        // A reference that cannot be decoded is found when the walker descends.
        let reference = Reference::decode(&entry.value)
            .unwrap_or(Reference { tag: None, id: crate::id::ChunkId::new([0; 32]) });
        Some(Step::Below { reference, level: Some(node.level), last_key: Some(&entry.key) })
    }

    /// Passes over what [`Walker::peek`] showed.
    fn skip(&mut self) {
        if self.root.take().is_none()
            && let Some((_, at, _)) = self.path.last_mut()
        {
            *at = at.saturating_add(1);
        }
    }

    /// Reads the node that [`Walker::peek`] showed and passes over it if that fails.
    fn descend(&mut self, nodes: &mut impl Nodes) -> Result<()> {
        let child = match &self.root {
            Some(root) => Ok(root.clone()),
            None => match self.path.last() {
                Some((node, at, above)) => node.child(*at, above.as_deref()),
                None => return Ok(()),
            },
        };
        self.skip();
        let child = child?;
        let node = read(nodes, &child)?;
        let above = child.expected.and_then(|expected| expected.above);
        self.path.push((node, 0, above));
        Ok(())
    }

    /// Takes the entry that [`Walker::peek`] showed.
    fn take(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (node, at, _) = self.path.last_mut()?;
        let entry = node.entries.get_mut(*at)?;
        *at = at.saturating_add(1);
        Some((std::mem::take(&mut entry.key), std::mem::take(&mut entry.value)))
    }
}

/// One difference between two maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Vec<u8>,
    /// Its value in the first map, if it is there.
    pub before: Option<Vec<u8>>,
    /// Its value in the second map, if it is there.
    pub after: Option<Vec<u8>>,
}

/// The differences between two trees in key order. Parts that are the same chunks are not read.
pub struct Diff {
    before: Walker,
    after: Walker,
}

/// What the two sides show.
enum Move {
    SkipBoth,
    DescendBefore,
    DescendAfter,
    TakeBefore,
    TakeAfter,
    TakeBoth,
}

impl Diff {
    /// Compares two trees of one compartment.
    pub fn new(before: &Reference, after: &Reference) -> Self {
        Self { before: Walker::new(before), after: Walker::new(after) }
    }

    /// The next difference.
    pub fn next(&mut self, nodes: &mut impl Nodes) -> Result<Option<Change>> {
        loop {
            let Some(step) = self.step() else { return Ok(None) };
            let (before, after) = match step {
                Move::SkipBoth => {
                    self.before.skip();
                    self.after.skip();
                    continue;
                }
                Move::DescendBefore => {
                    self.before.descend(nodes)?;
                    continue;
                }
                Move::DescendAfter => {
                    self.after.descend(nodes)?;
                    continue;
                }
                Move::TakeBefore => (self.before.take(), None),
                Move::TakeAfter => (None, self.after.take()),
                Move::TakeBoth => (self.before.take(), self.after.take()),
            };
            let (before_key, before) = before.unzip();
            let (after_key, after) = after.unzip();
            return Ok(before_key.or(after_key).map(|key| Change { key, before, after }));
        }
    }

    fn step(&mut self) -> Option<Move> {
        let step = match (self.before.peek(), self.after.peek()) {
            (None, None) => return None,
            (Some(Step::Below { .. }), None) => Move::DescendBefore,
            (None, Some(Step::Below { .. })) => Move::DescendAfter,
            (Some(Step::Entry { .. }), None) => Move::TakeBefore,
            (None, Some(Step::Entry { .. })) => Move::TakeAfter,
            (
                Some(Step::Below { reference: a, level: a_level, .. }),
                Some(Step::Below { reference: b, level: b_level, .. }),
            ) => {
                if a == b {
                    Move::SkipBoth
                } else if a_level.is_none() || b_level.is_some_and(|b| a_level >= Some(b)) {
                    Move::DescendBefore
                } else {
                    Move::DescendAfter
                }
            }
            (Some(Step::Below { .. }), Some(Step::Entry { .. })) => Move::DescendBefore,
            (Some(Step::Entry { .. }), Some(Step::Below { .. })) => Move::DescendAfter,
            (
                Some(Step::Entry { key: a, value: a_value }),
                Some(Step::Entry { key: b, value: b_value }),
            ) => match a.cmp(b) {
                Ordering::Less => Move::TakeBefore,
                Ordering::Greater => Move::TakeAfter,
                Ordering::Equal if a_value == b_value => Move::SkipBoth,
                Ordering::Equal => Move::TakeBoth,
            },
        };
        Some(step)
    }
}

/// Nodes in memory, for tests.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) chunks: HashMap<Reference, Vec<u8>>,
    /// How many nodes were read.
    pub(crate) reads: usize,
}

#[cfg(test)]
impl Nodes for Memory {
    fn node(&mut self, reference: &Reference) -> Result<Vec<u8>> {
        self.reads = self.reads.saturating_add(1);
        Ok(self.chunks.get(reference).cloned().ok_or(Malformed::new("no such node", 0))?)
    }
}

#[cfg(test)]
impl Memory {
    /// Stores the tree of a map, given in order.
    pub(crate) fn tree(&mut self, map: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Reference {
        use crate::chunk::{ChunkType, chunk_id};
        let mut builder = Builder::new(MacKey::new([1; 32]));
        let key = MacKey::new([2; 32]);
        let mut store = |bytes: &[u8]| {
            let id = chunk_id(&key, ChunkType::Node, bytes);
            let reference = Reference { tag: None, id };
            self.chunks.insert(reference, bytes.to_vec());
            Ok(reference)
        };
        for (key, value) in map {
            builder.push(&key, value, &mut store).expect("memory takes it");
        }
        builder.finish(&mut store).expect("memory takes it")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Map = BTreeMap<Vec<u8>, Vec<u8>>;

    fn build(memory: &mut Memory, map: &Map) -> Reference {
        memory.tree(map.clone())
    }

    fn numbered(range: std::ops::Range<usize>) -> Map {
        range.map(|n| (format!("folder/file-{n:07}").into_bytes(), vec![7; 60])).collect()
    }

    fn all(memory: &mut Memory, root: &Reference, from: &[u8]) -> Map {
        let mut range = Range::new(root, from);
        std::iter::from_fn(|| range.next(memory).unwrap()).collect()
    }

    #[test]
    fn maps_of_any_size_come_back() {
        for count in [0, 1, 2, 150, 300, 1000, 30_000] {
            let map = numbered(0..count);
            let mut memory = Memory::default();
            let root = build(&mut memory, &map);
            assert_eq!(all(&mut memory, &root, b""), map, "{count}");
            assert!(memory.chunks.values().all(|node| node.len() < format::NODE_LIMIT));
            for n in (0..count).step_by(97) {
                let key = format!("folder/file-{n:07}").into_bytes();
                assert_eq!(get(&mut memory, &root, &key).unwrap().as_ref(), map.get(&key));
            }
            assert_eq!(get(&mut memory, &root, b"zzz").unwrap(), None);
            assert_eq!(get(&mut memory, &root, b"folder/file-").unwrap(), None);
        }
    }

    #[test]
    fn ten_changes_in_a_large_map_cost_few_nodes() {
        let before = numbered(0..100_000);
        let mut after = before.clone();
        for n in (5..100_000).step_by(10_000) {
            after.insert(format!("folder/file-{n:07}").into_bytes(), vec![8; 60]);
        }
        let mut memory = Memory::default();
        let root_before = build(&mut memory, &before);
        let stored = memory.chunks.len();
        let root_after = build(&mut memory, &after);
        assert!(memory.chunks.len() - stored <= 10 + 3, "{}", memory.chunks.len() - stored);
        memory.reads = 0;
        let mut diff = Diff::new(&root_before, &root_after);
        let changes: Vec<Change> = std::iter::from_fn(|| diff.next(&mut memory).unwrap()).collect();
        assert_eq!(changes.len(), 10);
        assert!(memory.reads <= 30, "{}", memory.reads);
    }

    #[test]
    fn a_forest_reads_each_node_once() {
        let mut memory = Memory::default();
        let mut map = numbered(0..5_000);
        let mut roots = Vec::new();
        for tree in 0..50_usize {
            for change in 0..10 {
                let n = (tree * 977 + change * 499) % 5_000;
                let value = format!("{tree:02}").repeat(30).into_bytes();
                map.insert(format!("folder/file-{n:07}").into_bytes(), value);
            }
            map.remove(format!("folder/file-{tree:07}").as_bytes());
            roots.push((build(&mut memory, &map), map.clone()));
        }
        let (mut forest, mut entries) = (Forest::default(), Vec::new());
        for (tree, (root, _)) in roots.iter().enumerate() {
            let errors = forest.take(&mut memory, tree, root, &mut |leaf| {
                let number = leaf.number;
                entries.extend(leaf.entries.map(|(key, value)| (number, key, value)));
            });
            assert!(errors.is_empty());
        }
        assert_eq!(memory.reads, memory.chunks.len());
        assert!(memory.reads < 50 * 25, "{}", memory.reads);
        // What each tree holds can be told without reading any of them again.
        let presence = forest.presence();
        for (tree, (_, map)) in roots.iter().enumerate() {
            let held = entries.iter().filter(|(leaf, _, _)| presence[*leaf].has(tree));
            let held: Map = held.map(|(_, key, value)| (key.clone(), value.clone())).collect();
            assert_eq!(held, *map, "{tree}");
        }
        assert_eq!(memory.reads, memory.chunks.len());
    }

    #[test]
    fn a_forest_goes_on_after_lost_and_displaced_nodes() {
        let mut memory = Memory::default();
        let one = build(&mut memory, &numbered(0..10_000));
        let other = build(&mut memory, &numbered(0..10_010));
        let leaves = memory.chunks.iter().filter(|(_, node)| node[2] == 0).map(|(id, _)| *id);
        let leaf = leaves.min_by_key(|leaf| *leaf.id.bytes()).unwrap();
        let whole = memory.chunks.remove(&leaf).unwrap();
        let take = |memory: &mut Memory| {
            let (mut forest, mut entries, mut errors) = (Forest::default(), 0, 0);
            for (tree, root) in [&one, &other].into_iter().enumerate() {
                let each = &mut |leaf: Leaf<'_>| entries += leaf.entries.count();
                errors += forest.take(memory, tree, root, each).len();
            }
            (entries, errors)
        };
        let (entries, errors) = take(&mut memory);
        // Each tree has a parent of it, unless they share that too.
        assert!((1..=2).contains(&errors), "{errors}");
        assert!(entries > 8_000, "{entries}");
        memory.chunks.insert(leaf, whole);
        // A node that one parent describes rightly is refused below another that does not.
        let mut forest = Forest::default();
        let mut silent = |leaf: Leaf<'_>| leaf.entries.for_each(drop);
        assert!(forest.take(&mut memory, 0, &one, &mut silent).is_empty());
        let entry = Entry { key: b"zzz".to_vec(), value: leaf.encode() };
        let forged = Reference { tag: None, id: crate::id::ChunkId::new([9; 32]) };
        memory.chunks.insert(forged, encode(1, &[entry]));
        assert_eq!(forest.take(&mut memory, 1, &forged, &mut silent).len(), 1);
    }

    #[test]
    fn a_set_of_trees_is_one() {
        let mut one = Presence::default();
        assert_eq!((one.first(), one.last(), one.has(0)), (None, None, false));
        let mut other = Presence::default();
        [3, 64, 200].into_iter().for_each(|tree| one.insert(tree));
        [0, 63].into_iter().for_each(|tree| other.insert(tree));
        assert_eq!((one.first(), one.last()), (Some(3), Some(200)));
        other.union(&one);
        assert_eq!((other.first(), other.last()), (Some(0), Some(200)));
        assert!((0..300).filter(|&tree| other.has(tree)).eq([0, 3, 63, 64, 200]));
    }

    #[test]
    fn a_lost_node_does_not_hide_the_others() {
        let map = numbered(0..10_000);
        let mut memory = Memory::default();
        let root = build(&mut memory, &map);
        let leaf = *memory.chunks.iter().find(|(_, node)| node[2] == 0).unwrap().0;
        memory.chunks.remove(&leaf);
        let mut range = Range::new(&root, b"");
        let mut found = 0;
        let mut errors = 0;
        loop {
            match range.next(&mut memory) {
                Ok(Some(_)) => found += 1,
                Ok(None) => break,
                Err(_) => errors += 1,
            }
        }
        assert_eq!(errors, 1);
        assert!(found > 9_000 && found < 10_000);
    }

    #[test]
    fn a_node_in_anothers_place_is_refused() {
        let mut memory = Memory::default();
        let one = build(&mut memory, &numbered(0..10_000));
        let nodes: Vec<Reference> =
            memory.chunks.iter().filter(|(_, node)| node[2] == 0).map(|(id, _)| *id).collect();
        let (a, b) = (memory.chunks[&nodes[0]].clone(), memory.chunks[&nodes[1]].clone());
        memory.chunks.insert(nodes[0], b);
        memory.chunks.insert(nodes[1], a);
        let mut range = Range::new(&one, b"");
        let errors = std::iter::from_fn(|| match range.next(&mut memory) {
            Ok(None) => None,
            other => Some(other.is_err()),
        });
        assert_eq!(errors.filter(|is_error| *is_error).count(), 2);
    }

    fn small_map() -> impl Strategy<Value = Map> {
        proptest::collection::btree_map(
            proptest::collection::vec(0..6_u8, 1..5),
            proptest::collection::vec(any::<u8>(), 0..2500),
            0..120,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn diff_is_the_difference(before in small_map(), after in small_map(), from in proptest::collection::vec(0..6_u8, 0..5)) {
            let mut memory = Memory::default();
            let root_before = build(&mut memory, &before);
            let root_after = build(&mut memory, &after);
            let mut diff = Diff::new(&root_before, &root_after);
            let changes: Vec<Change> = std::iter::from_fn(|| diff.next(&mut memory).unwrap()).collect();
            let mut expected = Vec::new();
            let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                if before.get(key) != after.get(key) {
                    expected.push(Change { key: key.clone(), before: before.get(key).cloned(), after: after.get(key).cloned() });
                }
            }
            prop_assert_eq!(changes, expected);
            let tail: Map = before.range(from.clone()..).map(|(k, v)| (k.clone(), v.clone())).collect();
            prop_assert_eq!(all(&mut memory, &root_before, &from), tail);
        }
    }
}
