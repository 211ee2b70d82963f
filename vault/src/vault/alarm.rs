//! The shrink alarm: an export that lacks much of what its source held before is suspect, until
//! somebody accepts it (spec 12).

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use super::compare_records::closed;
use super::{
    Fate, RecordChange, SnapshotInfo, Vault, chain_names, compare_contents, missing_records,
};
use crate::chain::{Record, Shrunk, Snapshot};
use crate::error::Result;
use crate::id::EntryId;
use crate::keys::Compartment;
use crate::kinds::Kind;

/// From what loss on an export is suspect, by kind.
#[derive(Clone, Debug)]
pub struct Alarm {
    limits: BTreeMap<Kind, Limit>,
}

/// A loss that is too large: so many, and so many of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Fewer are never too many.
    pub least: u64,
    /// 0 to 100.
    pub percent: u8,
}

/// What is missing of a kind.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The kind.
    pub kind: Kind,
    /// How many there were: records, or items of a kind that had none.
    pub before: u64,
    /// How many there are.
    pub now: u64,
    /// How many of those before are missing: neither moved nor changed.
    pub lost: u64,
    /// The titles of these, by title; none where only numbers can be compared.
    pub titles: Vec<String>,
}

/// What an export lacks of what its source held.
#[derive(Clone, Debug)]
pub struct Losses {
    /// The snapshot it was compared with.
    pub since: EntryId,
    /// What is missing by more than its limit, by kind.
    pub losses: Vec<Loss>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { limits: Kind::ALL.into_iter().map(|kind| (kind, Limit::usual(kind))).collect() }
    }
}

impl Limit {
    /// What people keep and seldom delete is missed soon; mail and visits go in masses.
    const fn usual(kind: Kind) -> Self {
        let (least, percent) = match kind {
            Kind::Passwords
            | Kind::Cards
            | Kind::Key
            | Kind::Certificate
            | Kind::Contact
            | Kind::Event
            | Kind::Note
            | Kind::Bookmark => (3, 5),
            Kind::Photo
            | Kind::Video
            | Kind::Sound
            | Kind::Health
            | Kind::Document
            | Kind::File => (1, 20),
            Kind::Mail | Kind::History => (1, 50),
        };
        Self { least, percent }
    }

    fn is_reached(self, lost: u64, before: u64) -> bool {
        let of_hundred = u128::from(lost) * 100;
        lost >= self.least.max(1) && of_hundred >= u128::from(before) * u128::from(self.percent)
    }
}

impl Alarm {
    /// An alarm that never goes off.
    pub const fn off() -> Self {
        Self { limits: BTreeMap::new() }
    }

    /// Sets the limit of a kind; without one its losses are no matter.
    pub fn set(&mut self, kind: Kind, limit: Option<Limit>) {
        match limit {
            Some(limit) => self.limits.insert(kind, limit),
            None => self.limits.remove(&kind),
        };
    }

    /// What a snapshot that is about to be recorded lacks by more than its limits, compared with the
    /// newest of its source that is not suspect. What stands in another source now is not missing.
    /// Records are compared where this role reads them, numbers elsewhere. What cannot be read is no
    /// reason not to record the snapshot.
    pub(super) fn losses(&self, vault: &Vault, snapshot: &Snapshot) -> Option<Losses> {
        let before = last_trusted(vault, snapshot)?;
        let now = SnapshotInfo { snapshot: snapshot.clone(), ..before };
        let general = vault.role().reads(Compartment::General);
        let (locked, left_out) = closed(vault, &[&before, &now]);
        let sides = Sides {
            before: &before.snapshot,
            now: snapshot,
            compared: [general, general && !locked && !left_out],
        };
        if !general {
            return self.reached(&sides, &[]).map(|losses| Losses { since: before.id, losses });
        }
        let changes = compare_contents(vault, &before, Some(&now)).changes;
        let mut losses = self.reached(&sides, &changes);
        if losses.is_some() {
            let newest = vault.newest().unwrap_or_default().into_values();
            let others = newest.filter(|info| info.snapshot.source != snapshot.source);
            let against: Vec<SnapshotInfo> = others.chain([now]).collect();
            let missing = missing_records(vault, slice::from_ref(&before), &against);
            let changes: Vec<_> = missing.into_iter().flat_map(|one| one.changes).collect();
            losses = self.reached(&sides, &changes);
        }
        losses.map(|losses| Losses { since: before.id, losses })
    }

    /// The losses that reach their limits, if any do.
    fn reached(&self, sides: &Sides<'_>, changes: &[RecordChange]) -> Option<Vec<Loss>> {
        let losses = self.limits.iter().filter_map(|(&kind, limit)| {
            let (loss, copies) = sides.loss(kind, changes);
            limit.is_reached(copies, loss.before).then_some(loss)
        });
        let losses: Vec<Loss> = losses.collect();
        (!losses.is_empty()).then_some(losses)
    }
}

impl Losses {
    /// As a snapshot records it.
    pub(super) fn shrunk(&self) -> Vec<Shrunk> {
        let shrunk = |loss: &Loss| Shrunk {
            kind: loss.kind.as_str().to_owned(),
            before: loss.before,
            lost: loss.lost,
        };
        let mut shrunk: Vec<Shrunk> = self.losses.iter().map(shrunk).collect();
        shrunk.sort_by(|one, other| one.kind.cmp(&other.kind));
        shrunk
    }
}

/// A snapshot, and the one before it that it is compared with.
struct Sides<'s> {
    before: &'s Snapshot,
    now: &'s Snapshot,
    /// Whether the records in `general`, and those in `sealed`, are compared one by one.
    compared: [bool; 2],
}

impl Sides<'_> {
    /// What of a kind is missing, and with every copy of a record counted. Only records tell what
    /// moved; where there are none, or they are not read, numbers say how many fewer there are.
    fn loss(&self, kind: Kind, changes: &[RecordChange]) -> (Loss, u64) {
        let (before, now) = (self.before.holds(kind.as_str()), self.now.holds(kind.as_str()));
        if before.records == 0 {
            let (before, now) = (before.items, now.items);
            let lost = before.saturating_sub(now);
            return (Loss { kind, before, now, lost, titles: Vec::new() }, lost);
        }
        let (before, now) = (before.records, now.records);
        let mut loss = Loss { kind, before, now, lost: 0, titles: Vec::new() };
        let removed = changes.iter().filter(|change| {
            change.fate == Fate::Removed && change.record().facts.kind == kind.as_str()
        });
        let mut copies = 0;
        for change in removed {
            copies += change.copies as u64;
            loss.lost += 1;
            loss.titles.push(change.record().facts.title.clone());
        }
        for (compartment, is_compared) in
            [Compartment::General, Compartment::Sealed].into_iter().zip(self.compared)
        {
            if !is_compared {
                let records = |snapshot: &Snapshot| snapshot.records_of(kind.as_str(), compartment);
                let fewer = records(self.before).saturating_sub(records(self.now));
                copies += fewer;
                loss.lost += fewer;
            }
        }
        (loss, copies)
    }
}

impl Vault {
    /// Records that suspect snapshots are as somebody wants them.
    ///
    /// # Errors
    /// `NotPermitted` for a role that cannot read what is missing.
    pub fn accept(&mut self, snapshots: Vec<EntryId>, time: i64) -> Result<()> {
        self.refuse_foreign()?;
        self.refuse_unread()?;
        self.refresh()?;
        self.append(Record::Accepted(snapshots), time)?;
        Ok(())
    }

    /// The suspect snapshots that were accepted.
    ///
    /// # Errors
    /// When the chain cannot be listed.
    pub fn accepted(&self) -> Result<BTreeSet<EntryId>> {
        let mut accepted = BTreeSet::new();
        for (number, id) in chain_names(self.store.as_ref())? {
            if let Ok(Record::Accepted(ids)) = self.entry(number, id).map(|entry| entry.record) {
                accepted.extend(ids);
            }
        }
        Ok(accepted)
    }
}

/// The newest snapshot before this one, of its source, that is not suspect or was accepted; the
/// oldest when all are. None where a snapshot in between is missing.
fn last_trusted(vault: &Vault, snapshot: &Snapshot) -> Option<SnapshotInfo> {
    let mut found = vault.by_id(snapshot.parent?).ok()?;
    let mut accepted = None;
    while found.snapshot.is_suspect()
        && !accepted.get_or_insert_with(|| vault.accepted().unwrap_or_default()).contains(&found.id)
        && let Some(parent) = found.snapshot.parent
    {
        found = vault.by_id(parent).ok()?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_needs_a_number_and_a_part() {
        let limit = Limit { least: 3, percent: 5 };
        assert!(!limit.is_reached(2, 2));
        assert!(limit.is_reached(3, 60));
        assert!(!limit.is_reached(3, 61));
        assert!(!Limit { least: 0, percent: 0 }.is_reached(0, 10));
        assert!(Limit { least: 1, percent: 100 }.is_reached(u64::MAX, u64::MAX));
    }

    #[test]
    fn every_kind_has_a_usual_limit_and_none_when_it_is_off() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.limits.len(), Kind::ALL.len());
        alarm.set(Kind::Mail, None);
        assert!(!alarm.limits.contains_key(&Kind::Mail));
        assert!(Alarm::off().limits.is_empty());
    }
}
