//! `diff`: what differs between two snapshots, or a snapshot and an export on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use vault::vault::{
    Fate, ItemChange, ItemChanges, ItemType, RecordChange, RecordChanges, SnapshotInfo, Spec,
    Vault, compare_items, compare_records,
};
use zeroize::Zeroizing;

use super::changes::{FieldChange, Opener, counted, record_document, tell_limits};
use super::list::document;
use super::live::{is_there, live};
use super::records::Shown;
use crate::args::{Args, Diff};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::session::{self, Purpose, Session};
use crate::ui::{self, Ui};

pub(crate) fn diff(args: &Args, verb: &Diff, ui: &Ui) -> Result<Code> {
    let mut session = session::open(args, ui, Purpose::Read)?;
    let (before, after) = sides(&mut session, verb, ui)?;
    let vault = &session.vault;
    match verb.records {
        true => records(vault, verb, &before, &after, ui),
        false => items(vault, verb, &before, &after, ui),
    }
}

fn sides(session: &mut Session, verb: &Diff, ui: &Ui) -> Result<(SnapshotInfo, SnapshotInfo)> {
    let vault = &session.vault;
    let before = names::whole_snapshot(vault, &verb.before)?;
    let source = before.snapshot.source.clone();
    let Some(text) = &verb.after else {
        let back = |back| vault.resolve(&Spec::Source { name: source.clone(), back });
        let newest = back(0)?;
        if newest.id != before.id {
            return Ok((before, newest));
        }
        let earlier = back(1).map_err(|_| {
            Failure::new(Code::NotFound, format!("there is one snapshot of {source} only"))
                .hint("icvault diff A B, or icvault diff A PATH for an export that is not added")
        })?;
        return Ok((earlier, newest));
    };
    let failure = match names::whole_snapshot(vault, text) {
        Ok(after) => return Ok((before, after)),
        Err(failure) => failure,
    };
    let path = Path::new(text);
    if !failure.is(Code::NotFound) || !is_there(path) {
        return Err(failure);
    }
    let after = live(session, path, &source, ui)?;
    Ok((before, after))
}

/// How many of a kind have which fate.
type Counts = BTreeMap<String, BTreeMap<Fate, u64>>;

const FATES: [Fate; 5] = [Fate::Added, Fate::Removed, Fate::Changed, Fate::Moved, Fate::Meta];

fn words(counts: &BTreeMap<Fate, u64>) -> String {
    let word = |fate: &Fate| {
        let number = counts.get(fate).filter(|number| **number > 0)?;
        let word = if *fate == Fate::Meta { "with other metadata" } else { fate.as_str() };
        Some(format!("{number} {word}"))
    };
    FATES.iter().filter_map(word).collect::<Vec<_>>().join(", ")
}

/// Prints how many there are, and gives the code to exit with.
fn finish(ui: &Ui, verb: &Diff, counts: &Counts, touched: u64, is_lost: bool) -> Result<Code> {
    if verb.stat && verb.json {
        let document = |(kind, counts): (&String, &BTreeMap<Fate, u64>)| {
            let mut document = json!({ "kind": kind });
            for fate in FATES {
                if let Some(map) = document.as_object_mut() {
                    let number = counts.get(&fate).copied().unwrap_or_default();
                    map.insert(fate.as_str().to_owned(), json!(number));
                }
            }
            document
        };
        ui.json(&counts.iter().map(document).collect::<Value>())?;
    } else if verb.stat {
        for (kind, counts) in counts {
            ui.line(format!("{:11}  {}", ui::escape(kind), words(counts)))?;
        }
    }
    let mut sum: BTreeMap<Fate, u64> = BTreeMap::new();
    for (fate, number) in counts.values().flatten() {
        *sum.entry(*fate).or_default() += number;
    }
    let mut words = words(&sum);
    if words.is_empty() {
        words.push_str("no differences");
    }
    if touched > 0 {
        words.push_str(&format!("; {} with another time only", ui::count(touched, "item")));
        words.push_str(if verb.stat || ui.is_verbose() { "" } else { " (-v names them)" });
    }
    ui.tally(words);
    Ok(match (is_lost, verb.exit_code && !counts.is_empty()) {
        (true, _) => Code::Damaged,
        (false, true) => Code::Differences,
        (false, false) => Code::Done,
    })
}

fn items(
    vault: &Vault,
    verb: &Diff,
    before: &SnapshotInfo,
    after: &SnapshotInfo,
    ui: &Ui,
) -> Result<Code> {
    let ItemChanges { changes, lost, locked, left_out } = compare_items(vault, before, after);
    let is_lost = tell_limits(ui, &lost, locked, left_out, "items");
    let (mut counts, mut touched) = (Counts::new(), 0);
    let mut array = (verb.json && !verb.stat).then(|| ui.json_array());
    for change in &changes {
        let Some(item) = change.item() else { continue };
        // Every export writes its files anew.
        let is_touched = change.differs == ["mtime"];
        if is_touched {
            touched += 1;
        } else {
            let kind = counts.entry(item.facts.kind.clone()).or_default();
            *kind.entry(change.fate).or_default() += 1;
        }
        let info = if change.after.is_some() { after } else { before };
        if let Some(array) = &mut array {
            array.push(&item_document(vault, info, change))?;
        } else if !verb.stat && (!is_touched || ui.is_verbose()) {
            ui.line(item_line(change))?;
        }
    }
    if let Some(array) = array {
        array.finish()?;
    }
    finish(ui, verb, &counts, touched, is_lost)
}

fn letter(change: &ItemChange) -> char {
    match change.fate {
        Fate::Added => '+',
        Fate::Removed => '-',
        Fate::Moved => 'R',
        Fate::Meta => 'U',
        Fate::Changed if change.differs.contains(&"type") => 'T',
        Fate::Changed if change.is_silent() => '?',
        Fate::Changed => 'M',
    }
}

fn item_line(change: &ItemChange) -> String {
    let Some(item) = change.item() else { return String::new() };
    let kind = ui::escape(&item.facts.kind);
    let path = |item: &vault::vault::Item| {
        let slash = if item.facts.item_type == ItemType::Folder { "/" } else { "" };
        format!("{}{slash}", ui::escape_bytes(&item.path.to_display()))
    };
    let mut line = format!("{}  {kind:11}  ", letter(change));
    if let (Fate::Moved, Some(before)) = (change.fate, &change.before) {
        line.push_str(&format!("{} -> ", path(before)));
    }
    line.push_str(&path(item));
    // Whatever is written anew has a new time.
    let untold: &[&str] = match change.fate {
        Fate::Changed => &["content", "type", "mtime"],
        _ => &[],
    };
    let also: Vec<&str> =
        change.differs.iter().copied().filter(|what| !untold.contains(what)).collect();
    if change.is_silent() {
        line.push_str("  (content changed, the time of its change did not)");
    } else if !also.is_empty() {
        line.push_str(&format!("  ({})", also.join(", ")));
    }
    line
}

fn item_document(vault: &Vault, info: &SnapshotInfo, change: &ItemChange) -> Value {
    let Some(item) = change.item() else { return Value::Null };
    let handle = vault.handle(&info.snapshot.source, item.compartment, &item.path);
    let times = item.whereabouts.as_ref();
    let mut map = document(info, &item.path, item.compartment, &item.facts, times, handle);
    let mut set = |name: &str, value: Value| map.insert(name.to_owned(), value);
    set("change", json!(change.fate.as_str()));
    set("letter", json!(letter(change).to_string()));
    set("title", json!(ui::plain(item.path.name())));
    set("fields", json!(change.differs));
    set("matched_by", json!((change.fate == Fate::Moved).then_some("whole")));
    if let Some(before) = &change.before {
        set("path_before", json!(ui::plain(&before.path.to_display())));
    }
    Value::Object(map)
}

fn records(
    vault: &Vault,
    verb: &Diff,
    before: &SnapshotInfo,
    after: &SnapshotInfo,
    ui: &Ui,
) -> Result<Code> {
    let found = compare_records(vault, before, Some(after));
    let RecordChanges { changes, lost, locked, left_out } = found;
    let mut is_lost = tell_limits(ui, &lost, locked, left_out, "records");
    let mut opener = Opener::new(vault, before, after);
    let mut counts = Counts::new();
    let mut together = Together::of(&changes);
    let mut array = (verb.json && !verb.stat).then(|| ui.json_array());
    for change in &changes {
        let mut fields = Vec::new();
        let mut fate = change.fate;
        // Under the keys of two compartments equal records do not look equal.
        let is_sealed_anew = compartments_differ(change);
        if fate == Fate::Changed && (!verb.stat || is_sealed_anew) {
            match opener.fields(change.before.as_ref(), change.after.as_ref()) {
                Ok(changed) => fields = changed,
                Err(error) => {
                    is_lost = true;
                    ui.warn(format!("a record cannot be read: {error}"));
                }
            }
            if is_sealed_anew && fields.is_empty() {
                fate = Fate::Moved;
            }
        }
        let kind = counts.entry(change.record().facts.kind.clone()).or_default();
        *kind.entry(fate).or_default() += 1;
        let info = if change.after.is_some() { after } else { before };
        if let Some(array) = &mut array {
            array.push(&record_document(vault, info, change, fate, &fields, verb.reveal))?;
        } else if !verb.stat {
            let line = if ui.is_verbose() { None } else { together.line(change) };
            match line {
                Some(line) if line.is_empty() => {}
                Some(line) => ui.line(line)?,
                None => {
                    ui.line(record_line(vault, info, change, fate, &fields))?;
                    if verb.reveal {
                        reveal(ui, &fields)?;
                    }
                }
            }
        }
    }
    if let Some(array) = array {
        array.finish()?;
    }
    finish(ui, verb, &counts, 0, is_lost)
}

fn compartments_differ(change: &RecordChange) -> bool {
    let sides = change.before.as_ref().zip(change.after.as_ref());
    sides.is_some_and(|(before, after)| before.compartment != after.compartment)
}

fn record_line(
    vault: &Vault,
    info: &SnapshotInfo,
    change: &RecordChange,
    fate: Fate,
    fields: &[FieldChange],
) -> String {
    let letter = match fate {
        Fate::Added => '+',
        Fate::Removed => '-',
        Fate::Changed | Fate::Meta => 'M',
        Fate::Moved => 'R',
    };
    let shown = Shown::new(vault, change.record());
    let mut line = format!("{letter}  {}", shown.line(&info.snapshot.source));
    if let (Fate::Moved, Some(before)) = (fate, &change.before) {
        line.push_str(&format!("  (from {})", Shown::new(vault, before).place()));
    }
    if !fields.is_empty() {
        let names: Vec<String> = fields.iter().map(|field| ui::escape(&field.name)).collect();
        line.push_str(&format!("  ({})", names.join(", ")));
    }
    if change.copies > 1 {
        line.push_str(&format!("  ({} times)", change.copies));
    }
    if change.is_ambiguous {
        line.push_str("  (may be one of several on the other side)");
    }
    line
}

fn reveal(ui: &Ui, fields: &[FieldChange]) -> Result<()> {
    let text = |values: &[Zeroizing<String>]| -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for value in values {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(&Zeroizing::new(ui::escape(value)));
        }
        text
    };
    for field in fields {
        let (before, after) = (text(&field.before), text(&field.after));
        let name = ui::escape(&field.name);
        ui.line(Zeroizing::new(format!("     {name}: {} -> {}", *before, *after)))?;
    }
    Ok(())
}

/// Kind, and the file before and after.
type Way = (String, String, String);

/// What moved together from one file to another is told in one line.
struct Together {
    counts: BTreeMap<Way, u64>,
    told: BTreeSet<Way>,
}

impl Together {
    fn of(changes: &[RecordChange]) -> Self {
        let mut counts: BTreeMap<Way, u64> = BTreeMap::new();
        changes.iter().filter_map(way).for_each(|way| *counts.entry(way).or_default() += 1);
        counts.retain(|_, number| *number > 1);
        Self { counts, told: BTreeSet::new() }
    }

    /// The line for a change that moved with others, empty behind the first of them; none for others.
    fn line(&mut self, change: &RecordChange) -> Option<String> {
        let way = way(change)?;
        let number = *self.counts.get(&way)?;
        let (kind, before, after) = &way;
        let line = match self.told.contains(&way) {
            true => String::new(),
            false => format!("R  {}: {before} -> {after}", counted(kind, number)),
        };
        self.told.insert(way);
        Some(line)
    }
}

fn way(change: &RecordChange) -> Option<Way> {
    let place = |record: Option<&vault::vault::StoredRecord>| {
        let place = record?.place.as_ref()?;
        let mut text = ui::escape_bytes(&place.file.to_display());
        for member in &place.members {
            text.push_str(&format!(" > {}", ui::escape(member)));
        }
        Some(text)
    };
    let (before, after) = (place(change.before.as_ref())?, place(change.after.as_ref())?);
    (change.fate == Fate::Moved).then(|| (change.record().facts.kind.clone(), before, after))
}
