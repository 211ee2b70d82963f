//! `find`: items of all snapshots by name, date and kind.

use serde_json::{Map, Value, json};
use vault::keys::Compartment;
use vault::vault::{
    Found, FoundItem, FoundRecord, FoundRecords, FoundType, Query, RecordVersion, SnapshotInfo,
    Whereabouts, search, search_records,
};

use super::list::document;
use super::records::Shown;
use crate::args::{Args, Find, Type};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

pub(crate) fn find(args: &Args, verb: &Find, ui: &Ui) -> Result<Code> {
    let mut query = query(verb)?;
    let session = session::open(args, ui, Purpose::Read)?;
    let vault = &session.vault;
    if let Some(text) = &verb.within {
        query.within = Some(names::whole_snapshot(vault, text)?.id);
    }
    let snapshots = vault.snapshots()?;
    if let Some(source) = &verb.source
        && !snapshots.iter().any(|info| info.snapshot.source == *source)
    {
        return Err(Failure::new(Code::NotFound, format!("no snapshot of source {source}")));
    }
    let wants =
        |record: bool| verb.item_type.is_none_or(|wanted| matches!(wanted, Type::Record) == record);
    let found = if wants(false) { search(vault, &snapshots, &query)? } else { Found::default() };
    let records = match wants(true) {
        true => search_records(vault, &snapshots, &query)?,
        false => FoundRecords::default(),
    };
    let lost: Vec<_> = found.lost.iter().chain(&records.lost).collect();
    for error in &lost {
        ui.warn(format!("a part of a snapshot is lost, and was not looked at: {error}"));
    }
    if !lost.is_empty() {
        ui.hint("icvault check says how much");
    }
    if verb.json {
        print_json(ui, verb, &snapshots, &found, &records)?;
    } else {
        records.records.iter().try_for_each(|one| print_record(ui, verb, &snapshots, one))?;
        found.items.iter().try_for_each(|item| print(ui, verb, &snapshots, item))?;
    }
    let locked = !vault.role().reads(Compartment::Sealed)
        && snapshots.iter().any(|info| info.snapshot.sealed.is_some());
    if found.items.is_empty() && records.records.is_empty() && lost.is_empty() {
        let failure = Failure::new(Code::NotFound, "nothing found");
        return Err(match locked {
            true => failure.hint("it may be among the sealed items: use the full passphrase"),
            false => failure.hint("fewer terms find more; icvault list shows what there is"),
        });
    }
    let gone = found.items.iter().filter(|item| item.is_gone).count()
        + records.records.iter().filter(|record| record.is_gone).count();
    let counts = [(records.records.len(), "record"), (found.items.len(), "item")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, thing)| ui::count(count as u64, thing)).collect();
    let mut tally = format!("{} found", counts.join(" and "));
    if gone > 0 {
        tally.push_str(&format!(", {gone} of them gone from the newest snapshot"));
    }
    if locked {
        tally.push_str("; sealed items were not looked at (use the full passphrase)");
    }
    ui.tally(tally);
    Ok(if lost.is_empty() { Code::Done } else { Code::Damaged })
}

fn query(verb: &Find) -> Result<Query> {
    let (since, until) = names::period(verb.since.as_deref(), verb.until.as_deref())?;
    let query = Query {
        terms: verb.term.clone(),
        kind: verb.kind.clone(),
        item_type: verb.item_type.and_then(|item_type| match item_type {
            Type::File => Some(FoundType::File),
            Type::Folder => Some(FoundType::Folder),
            Type::Link => Some(FoundType::Link),
            Type::Missing => Some(FoundType::Missing),
            Type::Record => None,
        }),
        source: verb.source.clone(),
        since,
        until,
        within: None,
        handle: None,
    };
    let has_filter = query.kind.is_some()
        || verb.item_type.is_some()
        || query.source.is_some()
        || verb.within.is_some()
        || since.is_some()
        || until.is_some();
    if query.terms.iter().any(String::is_empty) || (query.terms.is_empty() && !has_filter) {
        let hint = "icvault find TERM, or a filter as --kind or --since; icvault list lists all";
        return Err(Failure::usage("nothing to look for").hint(hint));
    }
    Ok(query)
}

/// The versions that are shown.
fn shown_of<'v, V>(verb: &Find, versions: &'v [V]) -> &'v [V] {
    let count = if verb.all_versions { versions.len() } else { 1 };
    versions.get(..count).unwrap_or_default()
}

fn print(ui: &Ui, verb: &Find, snapshots: &[SnapshotInfo], item: &FoundItem) -> Result<()> {
    for version in shown_of(verb, &item.versions) {
        // Of several versions each is named so that it can be taken out.
        let snapshot = match (verb.all_versions, snapshots.get(version.last)) {
            (true, Some(info)) => super::short(info.id),
            _ => item.source.clone(),
        };
        let facts = &version.facts;
        let mtime = version.whereabouts.as_ref().and_then(Whereabouts::moment);
        let mut line = format!(
            "{}  {:>9}  {:>16}  {:11}  {}:{}",
            item.handle.map(|handle| handle.to_string()).unwrap_or_default(),
            ui::size(facts.length),
            mtime.map_or_else(|| "?".to_owned(), ui::moment),
            ui::escape(&facts.kind),
            ui::escape(&snapshot),
            ui::escape_bytes(&item.path.to_display()),
        );
        match FoundType::of(facts) {
            FoundType::Folder => line.push('/'),
            FoundType::Missing => line.push_str(" (not in the vault)"),
            FoundType::File | FoundType::Link => {}
        }
        if version.compartment == Compartment::Sealed {
            line.push_str(" (sealed)");
        }
        ui.line(line)?;
        let seen = Seen::of_item(item);
        ui.line(seen.of(verb, version.first, version.last).line(snapshots))?;
    }
    Ok(())
}

fn print_record(
    ui: &Ui,
    verb: &Find,
    snapshots: &[SnapshotInfo],
    record: &FoundRecord,
) -> Result<()> {
    for version in shown_of(verb, &record.versions) {
        let snapshot = match (verb.all_versions, snapshots.get(version.last)) {
            (true, Some(info)) => super::short(info.id),
            _ => record.source.clone(),
        };
        ui.line(shown_record(record, version).line(&snapshot))?;
        let seen = Seen::of_record(record).of(verb, version.first, version.last);
        ui.line(seen.line(snapshots))?;
    }
    Ok(())
}

fn shown_record<'r>(record: &FoundRecord, version: &'r RecordVersion) -> Shown<'r> {
    Shown {
        handle: record.handle,
        compartment: record.compartment,
        facts: &version.facts,
        place: version.place.as_ref(),
    }
}

/// In which snapshots something is.
struct Seen {
    first: usize,
    last: usize,
    versions: usize,
    is_gone: bool,
}

impl Seen {
    fn of_item(item: &FoundItem) -> Self {
        let FoundItem { first, last, versions_total, is_gone, .. } = *item;
        Self { first, last, versions: versions_total, is_gone }
    }

    fn of_record(record: &FoundRecord) -> Self {
        let FoundRecord { first, last, versions_total, is_gone, .. } = *record;
        Self { first, last, versions: versions_total, is_gone }
    }

    /// Of a version alone, where each is told.
    fn of(self, verb: &Find, first: usize, last: usize) -> Self {
        match verb.all_versions {
            true => Self { first, last, versions: 1, ..self },
            false => self,
        }
    }

    fn line(&self, snapshots: &[SnapshotInfo]) -> String {
        let time = |place: usize| {
            snapshots.get(place).map_or_else(|| "?".to_owned(), |info| ui::moment(info.time))
        };
        let mut line = format!("           seen {}", time(self.first));
        if self.last != self.first {
            line.push_str(&format!(" to {}", time(self.last)));
        }
        if self.versions > 1 {
            line.push_str(&format!(", {} versions", self.versions));
        }
        if self.is_gone {
            line.push_str(", gone");
        }
        line
    }

    fn set(&self, document: &mut Map<String, Value>, versions: usize, snapshots: &[SnapshotInfo]) {
        let time =
            |place: usize| json!(snapshots.get(place).and_then(|info| ui::rfc3339(info.time)));
        let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
        set("first_seen", time(self.first));
        set("last_seen", time(self.last));
        set("versions", json!(versions));
        set("gone", json!(self.is_gone));
    }
}

fn print_json(
    ui: &Ui,
    verb: &Find,
    snapshots: &[SnapshotInfo],
    found: &Found,
    records: &FoundRecords,
) -> Result<()> {
    let mut array = ui.json_array();
    for record in &records.records {
        for version in shown_of(verb, &record.versions) {
            let Some(info) = snapshots.get(version.last) else { continue };
            let mut document = shown_record(record, version).document(info);
            let seen = Seen::of_record(record).of(verb, version.first, version.last);
            if let Some(document) = document.as_object_mut() {
                seen.set(document, record.versions_total, snapshots);
            }
            array.push(&document)?;
        }
    }
    for item in &found.items {
        for version in shown_of(verb, &item.versions) {
            let Some(info) = snapshots.get(version.last) else { continue };
            let mut document = document(
                info,
                &item.path,
                version.compartment,
                &version.facts,
                version.whereabouts.as_ref(),
                item.handle,
            );
            let seen = Seen::of_item(item);
            let seen = seen.of(verb, version.first, version.last);
            seen.set(&mut document, item.versions_total, snapshots);
            array.push(&Value::Object(document))?;
        }
    }
    array.finish()
}
