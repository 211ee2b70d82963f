//! The ladder of identities: for each record the best rung that it has to itself in its file.
//!
//! A file is gone through twice. The first time counts what records share, as digests; the second
//! gives each the first rung that no other record has, so that the order of records says nothing.
//! Only records that are the same in all they say are numbered, in the order of the file.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Identity, Quality};

/// What could tell a record from the others, and how well.
pub(super) type Rung = (Quality, Zeroizing<Vec<u8>>);

/// Half a digest, which is enough to tell a million records apart.
pub(super) type Half = [u8; 16];

/// The rungs of all records of a file.
#[derive(Default)]
pub(super) struct Ladder {
    rungs: Digests<1>,
    /// How many that say this, and have no better rung, were told already.
    told: BTreeMap<Half, u64>,
}

impl Ladder {
    /// Counts the rungs of one record.
    pub(super) fn count(&mut self, rungs: &[Rung]) {
        for (quality, bytes) in rungs {
            self.rungs.push([tagged(*quality, bytes)]);
        }
    }

    /// All are counted.
    pub(super) fn finish(&mut self) {
        self.rungs.sort();
    }

    /// The identity of a record that has these rungs, the best first, and says `essence`. The last
    /// rung of all is what it says.
    pub(super) fn identity(&mut self, rungs: Vec<Rung>, essence: &[u8]) -> Identity {
        for (quality, bytes) in rungs {
            if !self.rungs.shares([tagged(quality, &bytes)]) {
                return Identity { quality, bytes };
            }
        }
        let told = self.told.entry(half(&[essence])).or_default();
        let number = *told;
        *told += 1;
        Identity {
            quality: Quality::Whole,
            bytes: match number {
                0 => framed(&[essence]),
                _ => framed(&[essence, &number.to_le_bytes()]),
            },
        }
    }
}

fn tagged(quality: Quality, bytes: &[u8]) -> Half {
    half(&[format!("{quality:?}").as_bytes(), bytes])
}

pub(super) fn half(parts: &[&[u8]]) -> Half {
    digest(parts).first_chunk().copied().unwrap_or_default()
}

/// One digest of byte strings, of each and where it ends.
pub(super) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Byte strings behind their lengths: different ones never give the same bytes.
pub(super) fn framed(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let size = parts.iter().map(|part| part.len() + 8).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Rows of digests, with no copy of them left in memory.
pub(super) struct Digests<const SIZE: usize>(Zeroizing<Vec<[Half; SIZE]>>);

impl<const SIZE: usize> Digests<SIZE> {
    pub(super) fn push(&mut self, row: [Half; SIZE]) {
        if self.0.len() == self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * self.0.len() + 64));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.push(row);
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    pub(super) fn dedup(&mut self) {
        self.0.dedup();
    }

    /// Whether more than one row begins so; they have to be sorted.
    pub(super) fn shares<const COUNT: usize>(&self, start: [Half; COUNT]) -> bool {
        let from = self.0.partition_point(|row| row.iter().lt(start.iter()));
        let second = self.0.get(from + 1);
        second.is_some_and(|row| row.starts_with(&start))
    }
}

impl<const SIZE: usize> Default for Digests<SIZE> {
    fn default() -> Self {
        Self(Zeroizing::default())
    }
}
