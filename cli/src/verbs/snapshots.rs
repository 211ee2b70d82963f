//! `snapshots`: what was added and when.

use serde_json::{Value, json};
use vault::vault::SnapshotInfo;

use crate::args::{Args, Snapshots};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

pub(crate) fn snapshots(args: &Args, verb: &Snapshots, ui: &Ui) -> Result<Code> {
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
    if verb.json {
        ui.json(&found.iter().map(document).collect::<Value>())?;
    } else {
        found.sort_by(|one, other| one.snapshot.source.cmp(&other.snapshot.source));
        let mut source = None;
        for info in &found {
            if source != Some(&info.snapshot.source) {
                source = Some(&info.snapshot.source);
                ui.line(ui::escape(&info.snapshot.source))?;
            }
            ui.line(line(info))?;
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

fn line(info: &SnapshotInfo) -> String {
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
    line
}

pub(super) fn totals(info: &SnapshotInfo) -> (u64, u64) {
    let counts = info.snapshot.counts.iter();
    counts.fold((0, 0), |(items, bytes), count| {
        (count.items.saturating_add(items), count.bytes.saturating_add(bytes))
    })
}

fn document(info: &SnapshotInfo) -> Value {
    let count = |count: &vault::chain::Count| {
        json!({
            "compartment": count.compartment.as_str(),
            "kind": count.kind,
            "items": count.items,
            "bytes": count.bytes,
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
        "new": info.snapshot.new.map(|(items, bytes)| json!({ "items": items, "bytes": bytes })),
    })
}
