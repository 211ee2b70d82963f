//! Items that come in any order, as the members of an archive do, held until all are there and
//! can be put into the trees in theirs. Their content is stored by then; what is held is the name
//! and the two values of each, some 300 bytes.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::files::{Entry, ItemPath};
use crate::keys::Compartment;
use crate::kinds::Kind;

/// What is held; of two items of one name the later.
#[derive(Default)]
pub(super) struct Held(BTreeMap<Vec<u8>, HeldItem>);

/// An item that is held.
pub(super) enum HeldItem {
    Folder(Box<Entry>),
    Item(Ready),
}

/// An item that is ready for the trees.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) compartment: Compartment,
    pub(super) facts: Vec<u8>,
    pub(super) whereabouts: Vec<u8>,
    /// Of a file with content.
    pub(super) count: Option<FileCount>,
}

/// What a file adds to the summary.
#[derive(Clone, Copy)]
pub(super) struct FileCount {
    pub(super) kind: Kind,
    pub(super) bytes: u64,
    /// Something of it was not in the vault yet.
    pub(super) is_new: bool,
}

impl Held {
    pub(super) fn insert(&mut self, path: ItemPath, item: HeldItem) {
        self.0.insert(path.into_key(), item);
    }

    /// The item at `path`, unless it is a folder.
    pub(super) fn ready(&self, path: &ItemPath) -> Option<&Ready> {
        match self.0.get(path.key())? {
            HeldItem::Folder(_) => None,
            HeldItem::Item(ready) => Some(ready),
        }
    }

    /// Takes the first item in the order of the trees.
    pub(super) fn pop(&mut self) -> Option<(Vec<u8>, HeldItem)> {
        self.0.pop_first()
    }

    /// The names of what lies right in the folder of this key, in order; of what comes after it.
    pub(super) fn names_in(&self, folder: &[u8]) -> Vec<Vec<u8>> {
        let prefix = [folder, &[0]].concat();
        let mut names = Vec::new();
        let mut from = Bound::Included(prefix.clone());
        while let Some((key, _)) = self.0.range((from, Bound::Unbounded)).next() {
            let Some(rest) = key.strip_prefix(prefix.as_slice()) else { break };
            let name = rest.split(|&byte| byte == 0).next().unwrap_or_default();
            // Behind all that lies in it, and before its next sibling.
            from = Bound::Included([&prefix, name, &[1]].concat());
            names.push(name.to_vec());
        }
        names
    }
}
