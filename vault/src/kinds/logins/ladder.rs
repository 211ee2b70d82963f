//! The rungs on which a login may stand, and what its password shares with others.

use std::ops::Range;

use super::parts::{NUMBER, PASSWORD, Parts, REUSED, TITLE};
use crate::kinds::ladder::{Digests, Half, Ladder, Rung, framed, half};
use crate::kinds::{Kind, Locator, Quality, Record};

/// What records of a file share.
#[derive(Default)]
pub(super) struct Census {
    ladder: Ladder,
    /// Passwords, each with whose it is.
    passwords: Digests<2>,
}

impl Census {
    /// Counts one record.
    pub(super) fn count(&mut self, parts: &Parts) {
        self.ladder.count(&rungs(parts));
        if let Some(pair) = password_pair(parts) {
            self.passwords.push(pair);
        }
    }

    /// All are counted.
    pub(super) fn finish(&mut self) {
        self.ladder.finish();
        self.passwords.sort();
        // One account at several sites stands in several rows with one password.
        self.passwords.dedup();
    }

    /// The record that has these parts and bytes.
    pub(super) fn record(&mut self, mut parts: Parts, range: Range<u64>) -> Record {
        parts.judge();
        if password_pair(&parts).is_some_and(|[password, _]| self.passwords.shares([password])) {
            parts.warnings.push(REUSED);
        }
        let essence = parts.essence();
        Record {
            kind: parts.kind,
            identity: self.ladder.identity(rungs(&parts), &essence),
            title: parts.title(),
            place: parts.place(),
            user: parts.user().to_owned(),
            date: parts.date,
            essence,
            warnings: parts.warnings,
            is_closed: false,
            link: None,
            apart: 0,
            locator: Locator::Bytes(vec![range]),
        }
    }
}

/// What could tell the record from others, the best first.
fn rungs(parts: &Parts) -> Vec<Rung> {
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
    rungs
}

/// The password, and the account it opens.
fn password_pair(parts: &Parts) -> Option<[Half; 2]> {
    let password = Some(parts.value(PASSWORD)).filter(|password| !password.is_empty())?.as_bytes();
    let account = [parts.value(TITLE).as_bytes(), parts.user().as_bytes(), password];
    Some([half(&[password]), half(&account)])
}
