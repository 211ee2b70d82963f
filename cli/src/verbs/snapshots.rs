//! `snapshots`: what was added and when.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vault::id::EntryId;
use vault::vault::SnapshotInfo;

use super::alarms;
use crate::args::{Args, Snapshots};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

pub(crate) fn snapshots(args: &Args, verb: &Snapshots, ui: &Ui) -> Result<Code> {
    if let Some(text) = &verb.accept {
        return accept(args, verb, text, ui);
    }
    let (since, until) = names::period(verb.since.as_deref(), verb.until.as_deref())?;
    let session = session::open(args, ui, Purpose::Look)?;
    let mut found = session.vault.snapshots()?;
    if let Some(source) = &verb.source {
        found.retain(|info| info.snapshot.source == *source);
        if found.is_empty() {
            return Err(Failure::new(Code::NotFound, format!("no snapshot of source {source}")));
        }
    }
    found.retain(|info| {
        since.is_none_or(|since| info.time >= since) && until.is_none_or(|until| info.time <= until)
    });
    let accepted = match found.iter().any(|info| info.snapshot.is_suspect()) {
        true => session.vault.accepted()?,
        false => BTreeSet::new(),
    };
    if verb.json {
        let document = |info| document(info, &accepted);
        ui.json(&found.iter().map(document).collect::<Value>())?;
    } else {
        found.sort_by(|one, other| one.snapshot.source.cmp(&other.snapshot.source));
        let mut source = None;
        for info in &found {
            if source != Some(&info.snapshot.source) {
                source = Some(&info.snapshot.source);
                ui.line(ui::escape(&info.snapshot.source))?;
            }
            ui.line(line(info, &accepted))?;
        }
    }
    let missing = session.vault.heads().missing.len();
    let unreadable = session.vault.heads().unreadable.len();
    if missing > 0 || unreadable > 0 {
        ui.warn(format!("the chain is not whole: {missing} missing, {unreadable} unreadable"));
        ui.hint("icvault check");
        return Ok(Code::Missing);
    }
    Ok(Code::Done)
}

/// Takes a snapshot for what it should be.
fn accept(args: &Args, verb: &Snapshots, text: &str, ui: &Ui) -> Result<Code> {
    let mut session = session::open(args, ui, Purpose::Write)?;
    let info = names::whole_snapshot(&session.vault, text.as_ref())?;
    let is_suspect = info.snapshot.is_suspect();
    let is_new = is_suspect && !session.vault.accepted()?.contains(&info.id);
    if is_new {
        session.vault.accept(vec![info.id], session::now())?;
        session.remember(ui);
    }
    if verb.json {
        let accepted = if is_suspect { BTreeSet::from([info.id]) } else { BTreeSet::new() };
        ui.json(&document(&info, &accepted))?;
        return Ok(Code::Done);
    }
    let (id, source) = (super::short(info.id), ui::escape(&info.snapshot.source));
    ui.summary(match (is_suspect, is_new) {
        (false, _) => format!("{id} of \"{source}\" is not suspect"),
        (true, false) => format!("{id} of \"{source}\" was accepted before"),
        (true, true) => format!("{id} of \"{source}\" is accepted: {}", alarms::words(&info)),
    })?;
    Ok(Code::Done)
}

fn line(info: &SnapshotInfo, accepted: &BTreeSet<EntryId>) -> String {
    let (items, bytes) = totals(info);
    let mut line = format!(
        "  {}  {:>4}  {}  {:>12}  {:>9}",
        super::short(info.id),
        info.number,
        ui::moment(info.time),
        ui::count(items, "item"),
        ui::size(bytes)
    );
    if let Some((items, bytes)) = info.snapshot.new {
        line.push_str(&format!("  {:>24}", format!("new {items} ({})", ui::size(bytes))));
    }
    if !info.snapshot.label.is_empty() {
        line.push_str("  ");
        line.push_str(&ui::escape(&info.snapshot.label));
    }
    if info.snapshot.is_suspect() {
        let word = if accepted.contains(&info.id) { "accepted" } else { "suspect" };
        line.push_str(&format!("  {word}: {}", alarms::words(info)));
    }
    line
}

pub(super) fn totals(info: &SnapshotInfo) -> (u64, u64) {
    let counts = info.snapshot.counts.iter();
    counts.fold((0, 0), |(items, bytes), count| {
        (count.items.saturating_add(items), count.bytes.saturating_add(bytes))
    })
}

fn document(info: &SnapshotInfo, accepted: &BTreeSet<EntryId>) -> Value {
    let count = |count: &vault::chain::Count| {
        json!({
            "compartment": count.compartment.as_str(),
            "kind": count.kind,
            "items": count.items,
            "bytes": count.bytes,
            "records": count.records,
        })
    };
    json!({
        "id": info.id.to_string(),
        "number": info.number,
        "source": info.snapshot.source,
        "time": ui::rfc3339(info.time),
        "label": info.snapshot.label,
        "host": info.snapshot.host,
        "counts": info.snapshot.counts.iter().map(count).collect::<Value>(),
        "suspect": info.snapshot.is_suspect() && !accepted.contains(&info.id),
        "accepted": accepted.contains(&info.id),
        "shrunk": alarms::shrunk(info),
        "new": info.snapshot.new.map(|(items, bytes)| json!({ "items": items, "bytes": bytes })),
    })
}
