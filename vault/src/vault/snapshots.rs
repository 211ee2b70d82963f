//! Which snapshots there are, and what the names mean that people use for them.

use std::collections::BTreeMap;

use super::{Vault, chain_names};
use crate::chain::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::id::EntryId;

/// A snapshot with its place in the chain.
#[derive(Clone, Debug)]
pub struct SnapshotInfo {
    /// Its id.
    pub id: EntryId,
    /// Its number.
    pub number: u64,
    /// Nanoseconds since 1970 UTC.
    pub time: i64,
    /// What it says.
    pub snapshot: Snapshot,
}

/// Which snapshot a person means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// The newest of any source.
    Latest,
    /// A source's newest, or so many before it.
    Source {
        /// The source's name.
        name: String,
        /// 0 for the newest.
        back: usize,
    },
    /// The one whose id begins with these hexadecimal digits.
    Id(String),
    /// The newest at or before this moment, in nanoseconds since 1970 UTC.
    At(i64),
}

impl Vault {
    /// All snapshots that can be read, in order.
    pub fn snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        let mut found = Vec::new();
        for (number, id) in chain_names(self.store.as_ref())? {
            let Ok(entry) = self.entry(number, id) else { continue };
            let time = entry.time;
            if let crate::chain::Record::Snapshot(snapshot) = entry.record {
                found.push(SnapshotInfo { id, number, time, snapshot: *snapshot });
            }
        }
        found.sort_by_key(|info| (info.number, info.time, info.id));
        Ok(found)
    }

    /// The newest snapshot of every source, by the source's name.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn newest(&self) -> Result<BTreeMap<String, SnapshotInfo>> {
        let roll = self.heads.roll().into_values();
        roll.map(|row| Ok((row.source.clone(), self.snapshot(row.number, row.id)?))).collect()
    }

    /// The snapshot that `spec` means.
    ///
    /// # Errors
    /// `NotFound`, or `Ambiguous` with the candidates.
    pub fn resolve(&self, spec: &Spec) -> Result<SnapshotInfo> {
        let not_found = |what: String| {
            Error::new(ErrorKind::NotFound, "no snapshot").on(what).hint("icvault snapshots")
        };
        match spec {
            Spec::Latest => {
                let roll = self.heads.roll().into_values();
                let newest = roll.max_by_key(|row| (row.number, row.time, row.id));
                let newest = newest.ok_or_else(|| not_found("yet".to_owned()))?;
                self.snapshot(newest.number, newest.id)
            }
            Spec::Source { name, back } => {
                let roll = self.heads.roll();
                let row = roll.get(name).ok_or_else(|| not_found(format!("of source {name}")))?;
                let mut info = self.snapshot(row.number, row.id)?;
                for _ in 0..*back {
                    let parent = info.snapshot.parent;
                    let parent = parent.ok_or_else(|| not_found(format!("{name}~{back}")))?;
                    info = self.by_id(parent)?;
                }
                Ok(info)
            }
            Spec::Id(prefix) => {
                let names = chain_names(self.store.as_ref())?;
                let fits = names.iter().filter(|(_, id)| id.to_string().starts_with(prefix));
                let fits: Vec<SnapshotInfo> =
                    fits.filter_map(|&(number, id)| self.snapshot(number, id).ok()).collect();
                match fits.as_slice() {
                    [] => Err(not_found(prefix.clone())),
                    [only] => Ok(only.clone()),
                    several => {
                        let ids: Vec<String> =
                            several.iter().map(|info| info.id.to_string()).collect();
                        Err(Error::new(ErrorKind::Ambiguous, "several snapshots begin with")
                            .on(prefix.clone())
                            .hint(ids.join(" ")))
                    }
                }
            }
            Spec::At(moment) => {
                let mut before = self.snapshots()?;
                before.retain(|info| info.time <= *moment);
                before.pop().ok_or_else(|| not_found("at or before that moment".to_owned()))
            }
        }
    }

    pub(super) fn by_id(&self, id: EntryId) -> Result<SnapshotInfo> {
        let names = chain_names(self.store.as_ref())?;
        // An entry that somebody put under another number too is refused there.
        let mut failure = None;
        for &(number, _) in names.iter().filter(|(_, known)| *known == id) {
            match self.snapshot(number, id) {
                Ok(info) => return Ok(info),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            Error::new(ErrorKind::Missing, "a snapshot is not in the vault:").on(id.to_string())
        }))
    }

    fn snapshot(&self, number: u64, id: EntryId) -> Result<SnapshotInfo> {
        let entry = self.entry(number, id)?;
        let time = entry.time;
        match entry.record {
            crate::chain::Record::Snapshot(snapshot) => {
                Ok(SnapshotInfo { id, number, time, snapshot: *snapshot })
            }
            crate::chain::Record::Slots { .. } | crate::chain::Record::Accepted(_) => {
                Err(Error::new(ErrorKind::NotFound, "not a snapshot:").on(id.to_string()))
            }
        }
    }
}
