//! `find`: items of all snapshots by name, date and kind.

use serde_json::{Value, json};
use vault::keys::Compartment;
use vault::vault::{
    Found, FoundItem, FoundType, Query, SnapshotInfo, Version, Whereabouts, search,
};

use super::list::document;
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
    let found = search(vault, &snapshots, &query)?;
    for error in &found.lost {
        ui.warn(format!("a part of a snapshot is lost, and was not looked at: {error}"));
    }
    if !found.lost.is_empty() {
        ui.hint("icvault check says how much");
    }
    if verb.json {
        print_json(ui, verb, &snapshots, &found)?;
    } else {
        found.items.iter().try_for_each(|item| print(ui, verb, &snapshots, item))?;
    }
    let locked = !vault.role().reads(Compartment::Sealed)
        && snapshots.iter().any(|info| info.snapshot.sealed.is_some());
    if found.items.is_empty() && found.lost.is_empty() {
        let failure = Failure::new(Code::NotFound, "nothing found");
        return Err(match locked {
            true => failure.hint("it may be among the sealed items: use the full passphrase"),
            false => failure.hint("fewer terms find more; icvault list shows what there is"),
        });
    }
    let gone = found.items.iter().filter(|item| item.is_gone).count();
    let mut tally = format!("{} found", ui::count(found.items.len() as u64, "item"));
    if gone > 0 {
        tally.push_str(&format!(", {gone} of them gone from the newest snapshot"));
    }
    if locked {
        tally.push_str("; sealed items were not looked at (use the full passphrase)");
    }
    ui.tally(tally);
    Ok(if found.lost.is_empty() { Code::Done } else { Code::Damaged })
}

fn query(verb: &Find) -> Result<Query> {
    let (since, until) = names::period(verb.since.as_deref(), verb.until.as_deref())?;
    let query = Query {
        terms: verb.term.clone(),
        kind: verb.kind.clone(),
        item_type: verb.item_type.map(|item_type| match item_type {
            Type::File => FoundType::File,
            Type::Folder => FoundType::Folder,
            Type::Link => FoundType::Link,
            Type::Missing => FoundType::Missing,
        }),
        source: verb.source.clone(),
        since,
        until,
        within: None,
        handle: None,
    };
    let has_filter = query.kind.is_some()
        || query.item_type.is_some()
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
fn shown<'i>(verb: &Find, item: &'i FoundItem) -> &'i [Version] {
    let count = if verb.all_versions { item.versions.len() } else { 1 };
    item.versions.get(..count).unwrap_or_default()
}

fn print(ui: &Ui, verb: &Find, snapshots: &[SnapshotInfo], item: &FoundItem) -> Result<()> {
    let time = |place: usize| {
        snapshots.get(place).map_or_else(|| "?".to_owned(), |info| ui::moment(info.time))
    };
    for version in shown(verb, item) {
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
        let (first, last) = match verb.all_versions {
            true => (version.first, version.last),
            false => (item.first, item.last),
        };
        let mut seen = format!("           seen {}", time(first));
        if last != first {
            seen.push_str(&format!(" to {}", time(last)));
        }
        if !verb.all_versions && item.versions_total > 1 {
            seen.push_str(&format!(", {} versions", item.versions_total));
        }
        if item.is_gone {
            seen.push_str(", gone");
        }
        ui.line(seen)?;
    }
    Ok(())
}

fn print_json(ui: &Ui, verb: &Find, snapshots: &[SnapshotInfo], found: &Found) -> Result<()> {
    let mut array = ui.json_array();
    for item in &found.items {
        for version in shown(verb, item) {
            let Some(info) = snapshots.get(version.last) else { continue };
            let (first, last) = match verb.all_versions {
                true => (version.first, version.last),
                false => (item.first, item.last),
            };
            let time =
                |place: usize| json!(snapshots.get(place).and_then(|info| ui::rfc3339(info.time)));
            let mut document = document(
                info,
                &item.path,
                version.compartment,
                &version.facts,
                version.whereabouts.as_ref(),
                item.handle,
            );
            let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
            set("first_seen", time(first));
            set("last_seen", time(last));
            set("versions", json!(item.versions_total));
            set("gone", json!(item.is_gone));
            array.push(&Value::Object(document))?;
        }
    }
    array.finish()
}
