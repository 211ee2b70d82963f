//! The ladder of identities: for each record the best rung that it has to itself in its file.
//!
//! A file is gone through twice. The first time counts what records share, as digests; the second
//! gives each the first rung that no other record has, so that the order of records says nothing.
//! Only records that are the same in all they say are numbered, in the order of the file.

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::parts::{NUMBER, PASSWORD, Parts, REUSED, TITLE, framed};
use crate::kinds::{Identity, Kind, Locator, Quality, Record};

/// What records of a file share.
#[derive(Default)]
pub(super) struct Census {
    /// Rungs of all records.
    rungs: Digests,
    /// Passwords, each with whose it is.
    passwords: Digests,
    /// How many of the rung that is all of a record were told already.
    told: BTreeMap<Half, u64>,
}

/// Half a digest, which is enough to tell the records of a file apart.
type Half = [u8; 16];

impl Census {
    /// Counts one record.
    pub(super) fn count(&mut self, parts: &Parts) {
        for (quality, bytes) in rungs(parts, &parts.essence()) {
            self.rungs.push([tagged(quality, &bytes), Half::default()]);
        }
        if let Some(pair) = password_pair(parts) {
            self.passwords.push(pair);
        }
    }

    /// All are counted.
    pub(super) fn finish(&mut self) {
        self.rungs.0.sort_unstable();
        self.passwords.0.sort_unstable();
        // One account at several sites stands in several rows with one password.
        self.passwords.0.dedup();
    }

    /// The record that has these parts and bytes.
    pub(super) fn record(&mut self, mut parts: Parts, range: Range<u64>) -> Record {
        parts.judge();
        if password_pair(&parts).is_some_and(|[password, _]| self.passwords.shares(password)) {
            parts.warnings.push(REUSED);
        }
        let essence = parts.essence();
        Record {
            kind: parts.kind,
            identity: self.identity(&parts, &essence),
            title: parts.title(),
            place: parts.place(),
            user: parts.user().to_owned(),
            date: parts.date,
            essence,
            warnings: parts.warnings,
            is_closed: false,
            locator: Locator::Bytes(vec![range]),
        }
    }

    fn identity(&mut self, parts: &Parts, essence: &[u8]) -> Identity {
        for (quality, bytes) in rungs(parts, essence) {
            if !self.rungs.shares(tagged(quality, &bytes)) {
                return Identity { quality, bytes };
            }
        }
        let told = self.told.entry(tagged(Quality::Whole, essence)).or_default();
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

/// What could tell the record from others, the best first.
fn rungs(parts: &Parts, essence: &[u8]) -> Vec<(Quality, Zeroizing<Vec<u8>>)> {
    let kind = parts.kind.as_str().as_bytes();
    let (place, user) = (parts.place(), parts.user().to_owned());
    let (title, number) = (parts.value(TITLE), parts.value(NUMBER));
    let mut rungs = Vec::new();
    if parts.raw.is_none() && parts.fields.iter().all(|part| part.is_sure) {
        if let Some(id) = &parts.id {
            rungs.push((Quality::Id, framed(&[kind, id.as_bytes()])));
        }
        if parts.kind == Kind::Cards {
            if !number.is_empty() {
                rungs.push((Quality::Fields, framed(&[kind, number.as_bytes()])));
            }
        } else if !place.is_empty() {
            rungs.push((Quality::Fields, framed(&[kind, place.as_bytes(), user.as_bytes()])));
        }
        if !title.is_empty() {
            let parts = [kind, place.as_bytes(), user.as_bytes(), title.as_bytes()];
            rungs.push((Quality::Titled, framed(&parts)));
        }
    }
    rungs.push((Quality::Whole, framed(&[essence])));
    rungs
}

/// The password, and the account it opens.
fn password_pair(parts: &Parts) -> Option<[Half; 2]> {
    let password = Some(parts.value(PASSWORD)).filter(|password| !password.is_empty())?.as_bytes();
    let account = [parts.value(TITLE).as_bytes(), parts.user().as_bytes(), password];
    Some([half(&[password]), half(&account)])
}

fn tagged(quality: Quality, bytes: &[u8]) -> Half {
    half(&[format!("{quality:?}").as_bytes(), bytes])
}

fn half(parts: &[&[u8]]) -> Half {
    let digest: [u8; 32] = Sha256::digest(framed(parts).as_slice()).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Sorted pairs of digests, with no copy of them left in memory.
#[derive(Default)]
struct Digests(Zeroizing<Vec<[Half; 2]>>);

impl Digests {
    fn push(&mut self, pair: [Half; 2]) {
        if self.0.len() == self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * self.0.len() + 64));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.push(pair);
    }

    /// Whether more than one has this digest first.
    fn shares(&self, first: Half) -> bool {
        let from = self.0.partition_point(|pair| pair[0] < first);
        let second = self.0.get(from + 1);
        second.is_some_and(|pair| pair[0] == first)
    }
}
