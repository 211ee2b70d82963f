//! `history`: the versions of an item or a record, and when each was there.

use serde_json::{Map, Value, json};
use vault::kinds::{Kind, Quality};
use vault::vault::{
    self as library, FoundRecord, Handle, HandlePrefix, Item, Query, RecordFacts, RecordReader,
    RecordVersion, SnapshotInfo, StoredRecord, Vault, Whereabouts, records_called, search,
    search_records,
};

use super::changes::{Said, field_changes};
use super::list::document;
use super::records::Shown;
use crate::args::{Args, History};
use crate::errors::{Code, Failure, Result};
use crate::record_names::{self, Meant};
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

pub(crate) fn history(args: &Args, verb: &History, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Read)?;
    let vault = &session.vault;
    let snapshots = vault.snapshots()?;
    if let Some(facts) = by_handle(vault, verb, &snapshots)? {
        let told = of_record(vault, verb, &snapshots, &facts, ui)?;
        print(ui, verb, &snapshots, &told.lines)?;
        return Ok(told.code);
    }
    let told = match record_names::resolve(vault, &verb.item)? {
        Meant::Record(_, record) => {
            let handle = vault.record_handle(record.compartment, &record.name);
            of_record(vault, verb, &snapshots, &(handle, record.facts), ui)?
        }
        Meant::Item(info, item) => of_item(vault, verb, &snapshots, &info, &item, ui)?,
        Meant::Snapshot(_) => {
            return Err(Failure::usage("this is a whole snapshot").hint("icvault snapshots"));
        }
    };
    print(ui, verb, &snapshots, &told.lines)?;
    Ok(told.code)
}

/// A record, wherever it stands and whatever it says there.
type Named = (Option<Handle>, RecordFacts);

/// The record with this handle, as its newest version is; none where it is no handle, or the
/// beginning of several.
fn by_handle(vault: &Vault, verb: &History, snapshots: &[SnapshotInfo]) -> Result<Option<Named>> {
    let prefix = verb.item.to_str().and_then(HandlePrefix::parse);
    let Some(prefix) = prefix.filter(HandlePrefix::is_of_record) else { return Ok(None) };
    let query = Query { handle: Some(prefix), ..Query::default() };
    let found = search_records(vault, snapshots, &query)?;
    let handle = found.records.first().and_then(|record| record.handle);
    if !found.records.iter().all(|record| record.handle == handle) {
        return Ok(None);
    }
    let newest = found.records.iter().flat_map(|record| &record.versions);
    let newest = newest.max_by_key(|version| version.last);
    Ok(newest.map(|version| (handle, version.facts.clone())))
}

/// What is printed, the first version first.
struct Told {
    lines: Vec<Line>,
    code: Code,
}

/// One version, or one snapshot that has it.
struct Line {
    /// Places of snapshots among all.
    first: usize,
    last: usize,
    /// What is printed of it behind the times.
    text: String,
    /// What differs from the version before.
    changed: Vec<String>,
    document: Value,
}

fn print(ui: &Ui, verb: &History, snapshots: &[SnapshotInfo], lines: &[Line]) -> Result<()> {
    if verb.json {
        let document = |line: &Line| {
            let mut document = line.document.clone();
            if let Some(map) = document.as_object_mut() {
                let time =
                    |at: usize| json!(snapshots.get(at).and_then(|info| ui::rfc3339(info.time)));
                map.insert("first_seen".to_owned(), time(line.first));
                map.insert("last_seen".to_owned(), time(line.last));
                map.insert("fields".to_owned(), json!(line.changed));
            }
            document
        };
        return ui.json(&lines.iter().map(document).collect::<Value>());
    }
    let time =
        |at: usize| snapshots.get(at).map_or_else(|| "?".to_owned(), |info| ui::moment(info.time));
    for line in lines {
        let mut text = time(line.first);
        if line.last != line.first {
            text.push_str(&format!(" to {}", time(line.last)));
        }
        text = format!("{text:36}  {}", line.text);
        if !line.changed.is_empty() {
            let names: Vec<String> = line.changed.iter().map(|name| ui::escape(name)).collect();
            text.push_str(&format!("  (changed: {})", names.join(", ")));
        }
        ui.line(text)?;
    }
    let things = if verb.all { "snapshot" } else { "version" };
    ui.tally(ui::count(lines.len() as u64, things));
    Ok(())
}

/// A version of a record, and what it says where it can be read.
struct Version {
    first: usize,
    last: usize,
    record: StoredRecord,
    said: Option<Said>,
}

fn of_record(
    vault: &Vault,
    verb: &History,
    snapshots: &[SnapshotInfo],
    (handle, facts): &Named,
    ui: &Ui,
) -> Result<Told> {
    let handle = *handle;
    let title = vec![facts.title.clone()];
    let query = Query { terms: title, kind: Some(facts.kind.clone()), ..Query::default() };
    let prefix = handle.and_then(|handle| HandlePrefix::parse(&handle.to_string()));
    let by_handle = Query { handle: prefix, ..Query::default() };
    let mut found = search_records(vault, snapshots, &by_handle)?;
    let others = search_records(vault, snapshots, &query)?;
    found.lost.extend(others.lost);
    let is_one = |other: &FoundRecord| {
        other.handle != handle
            && other.versions.iter().any(|version| is_same(facts, &version.facts))
    };
    found.records.extend(others.records.into_iter().filter(is_one));
    for error in &found.lost {
        ui.warn(format!("a part of a snapshot is lost, and was not looked at: {error}"));
    }
    let mut code = if found.lost.is_empty() { Code::Done } else { Code::Damaged };
    let mut versions = Vec::new();
    for record in &found.records {
        for version in &record.versions {
            versions.extend(opened(vault, snapshots, record, version, verb.all)?);
        }
    }
    versions.sort_by_key(|version| (version.first, version.last));
    let mut lines: Vec<Line> = Vec::new();
    let mut before: Option<&Version> = None;
    for version in &versions {
        let Some(info) = snapshots.get(version.last) else { continue };
        if version.said.is_none() {
            code = Code::Damaged;
            ui.warn("a version of it cannot be read; what changed in it is not known");
        }
        let says_another =
            |before: &&Version| before.record.facts.digest != version.record.facts.digest;
        let sides = before.filter(says_another).and_then(|before| before.said.as_ref());
        let changed = sides.zip(version.said.as_ref()).map(|(before, after)| {
            field_changes(before, after).into_iter().map(|field| field.name).collect()
        });
        let shown = Shown::new(vault, &version.record);
        lines.push(Line {
            first: version.first,
            last: version.last,
            text: shown.line(&info.snapshot.source),
            changed: changed.unwrap_or_default(),
            document: shown.document(info),
        });
        before = Some(version);
    }
    Ok(Told { lines, code })
}

/// Whether two records that are called otherwise are versions of one: a renewed certificate has the
/// title of the one before; others have the same fields and no ids that tell them apart.
fn is_same(one: &RecordFacts, other: &RecordFacts) -> bool {
    let is_equal = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    let has_id = |facts: &RecordFacts| facts.quality() == Some(Quality::Id);
    let may_be_one = match Kind::parse(&one.kind) {
        Some(Kind::Certificate) => true,
        Some(Kind::Mail) => false,
        _ => {
            !(has_id(one) && has_id(other))
                && is_equal(&one.place, &other.place)
                && is_equal(&one.user, &other.user)
        }
    };
    may_be_one && one.kind == other.kind && is_equal(&one.title, &other.title)
}

/// A version as it is in the last snapshot that has it, or as it is in each.
fn opened(
    vault: &Vault,
    snapshots: &[SnapshotInfo],
    record: &FoundRecord,
    version: &RecordVersion,
    all: bool,
) -> Result<Vec<Version>> {
    let Some(handle) = record.handle.and_then(|handle| HandlePrefix::parse(&handle.to_string()))
    else {
        return Ok(Vec::new());
    };
    let places = if all { version.first..=version.last } else { version.last..=version.last };
    let mut versions = Vec::new();
    for at in places {
        let info = snapshots.get(at).filter(|info| info.snapshot.source == record.source);
        let Some(info) = info else { continue };
        let stored = records_called(vault, info, &handle)?.into_iter();
        let Some(stored) =
            stored.into_iter().find(|stored| stored.facts.digest == version.facts.digest)
        else {
            continue;
        };
        let first = if all { at } else { version.first };
        let said = Said::read(&mut RecordReader::new(vault, info), &stored).ok();
        versions.push(Version { first, last: at, record: stored, said });
    }
    Ok(versions)
}

fn of_item(
    vault: &Vault,
    verb: &History,
    snapshots: &[SnapshotInfo],
    info: &SnapshotInfo,
    item: &Item,
    ui: &Ui,
) -> Result<Told> {
    let source = &info.snapshot.source;
    let handle = vault.handle(source, item.compartment, &item.path);
    let prefix = handle.and_then(|handle| HandlePrefix::parse(&handle.to_string()));
    let query = Query { handle: prefix, source: Some(source.clone()), ..Query::default() };
    let found = search(vault, snapshots, &query)?;
    for error in &found.lost {
        ui.warn(format!("a part of a snapshot is lost, and was not looked at: {error}"));
    }
    let code = if found.lost.is_empty() { Code::Done } else { Code::Damaged };
    let mut seen = Vec::new();
    for version in found.items.iter().flat_map(|item| &item.versions) {
        let places =
            if verb.all { version.first..=version.last } else { version.last..=version.last };
        for at in places {
            let info = snapshots.get(at).filter(|info| info.snapshot.source == *source);
            let Some(info) = info else { continue };
            let Some(item) = library::find(vault, info, &item.path)? else { continue };
            let first = if verb.all { at } else { version.first };
            // A version that was away in between is told by the others as well.
            if !seen.iter().any(|(_, last, _, _)| *last == at) {
                seen.push((first, at, info, item));
            }
        }
    }
    seen.sort_by_key(|(first, last, ..)| (*first, *last));
    let mut lines: Vec<Line> = Vec::new();
    let mut before: Option<Item> = None;
    for (first, last, info, item) in seen {
        let changed = before.as_ref().map(|before| item_changes(before, &item)).unwrap_or_default();
        let handle = vault.handle(source, item.compartment, &item.path);
        let Item { path, compartment, facts, whereabouts } = &item;
        let mtime = whereabouts.as_ref().and_then(Whereabouts::moment);
        let text = format!(
            "{}  {:>9}  {:>16}  {:11}  {}:{}",
            handle.map(|handle| handle.to_string()).unwrap_or_default(),
            ui::size(facts.length),
            mtime.map_or_else(|| "?".to_owned(), ui::moment),
            ui::escape(&facts.kind),
            super::short(info.id),
            ui::escape_bytes(&path.to_display()),
        );
        let map: Map<String, Value> =
            document(info, path, *compartment, facts, whereabouts.as_ref(), handle);
        lines.push(Line { first, last, text, changed, document: Value::Object(map) });
        before = Some(item);
    }
    Ok(Told { lines, code })
}

fn item_changes(before: &Item, after: &Item) -> Vec<String> {
    let (one, other) = (&before.facts, &after.facts);
    let words = [
        ("type", one.item_type != other.item_type),
        ("state", one.state != other.state),
        ("content", one.length != other.length || one.content != other.content),
        ("link", one.link != other.link),
        ("mode", one.mode != other.mode),
    ];
    words.into_iter().filter(|(_, differs)| *differs).map(|(word, _)| word.to_owned()).collect()
}
