//! `info`: what is known of the vault, with or without a key.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vault::format;
use vault::id::{VaultId, hex};
use vault::kinds::{Export, Kind};
use vault::store::{Area, Store};
use vault::vault::{SlotInfo, SnapshotInfo, read_marker, slots};

use super::add::omissions;
use super::snapshots::totals;
use crate::args::{Args, Info, passphrase_source};
use crate::errors::{Code, Failure, Result, TABLE};
use crate::memory::{KnownCopy, Memory};
use crate::menus;
use crate::secrets;
use crate::session::{self, Purpose, Session};
use crate::ui::{self, Ui};

pub(crate) fn info(args: &Args, verb: &Info, ui: &Ui) -> Result<Code> {
    let (path, store) = session::find(args)?;
    let found = slots(store.as_ref(), None)?;
    let marker = read_marker(store.as_ref());
    if found.is_empty()
        && let Err(error) = marker
    {
        let failure = Failure::new(Code::NotAVault, format!("not a vault: {}", path.display()));
        return Err(failure.hint(error.to_string()));
    }
    let mut facts = Facts { ui, json: verb.json, document: Map::new() };
    let mut stored = 0_u64;
    facts.add("path", "folder", json!(path.to_string_lossy()))?;
    let has_key =
        args.identity_path().is_some() || passphrase_source().is_some() || secrets::has_terminal();
    let session = match has_key && !verb.keyless {
        true => Some(session::open(args, ui, Purpose::Look)?),
        false => None,
    };
    // The file `vault` is a hint; what a key says is the truth.
    let id = session.as_ref().map(|session| session.vault.id()).or(marker.ok());
    facts.add("id", "vault", json!(id.map(|id| id.to_string())))?;
    facts.add("format", "format", json!(format::VERSION))?;
    facts.add("slots", "slots", json!(letters(&found)))?;
    for (name, title, areas) in [
        ("packs", "packs", &[Area::Packs][..]),
        ("tables", "tables", &[Area::Index]),
        ("entries", "chain entries", &[Area::ChainA, Area::ChainB]),
    ] {
        let (count, bytes) = objects(store.as_ref(), areas)?;
        let count = count / areas.len() as u64;
        stored = stored.saturating_add(bytes);
        if verb.json {
            facts.add(name, title, json!({ "count": count, "bytes": bytes }))?;
        } else {
            facts.add(name, title, json!(format!("{count} ({})", ui::size(bytes))))?;
        }
    }
    if let Some(id) = id {
        copies(&mut facts, id)?;
    }
    match &session {
        Some(session) => with_key(&mut facts, session, stored)?,
        None => ui.detail("a passphrase or identity tells more"),
    }
    facts.finish()
}

/// The copies that were made from this computer.
fn copies(facts: &mut Facts<'_>, id: VaultId) -> Result<()> {
    let copies = Memory::new().copies(id);
    if facts.json {
        let document = |copy: &KnownCopy| {
            json!({
                "path": copy.path,
                "time": ui::rfc3339(copy.time),
                "head_number": copy.head_number,
                "head_code": copy.head_code,
                "whole": copy.whole,
            })
        };
        return facts.add("copies", "copies", copies.iter().map(document).collect());
    }
    for copy in copies {
        let head = copy.head_code.unwrap_or_else(|| format!("number {}", copy.head_number));
        let part = if copy.whole { "" } else { ", without some things on purpose" };
        let text = format!("{} ({}, head {head}{part})", copy.path, ui::moment(copy.time));
        facts.add("copy", "copy", json!(text))?;
    }
    Ok(())
}

fn with_key(facts: &mut Facts<'_>, session: &Session, stored: u64) -> Result<()> {
    let vault = &session.vault;
    facts.add("role", "role", json!(vault.role().as_str()))?;
    facts.add("fingerprint", "fingerprint", json!(hex(&vault.fingerprint())))?;
    if let Some(head) = vault.head() {
        facts.add("head_code", "head code", json!(head.code))?;
        facts.add("head", "head", json!(head.id.to_string()))?;
    }
    let snapshots = vault.snapshots()?;
    facts.add("snapshots", "snapshots", json!(snapshots.len()))?;
    sizes(facts, &snapshots, stored)?;
    last_check(facts, session)?;
    let mut sources = Vec::new();
    for (source, newest) in vault.newest()? {
        let number = snapshots.iter().filter(|info| info.snapshot.source == source).count();
        let (items, bytes) = totals(&newest);
        if facts.json {
            sources.push(json!({
                "source": source,
                "snapshots": number,
                "newest": newest.id.to_string(),
                "time": ui::rfc3339(newest.time),
                "items": items,
                "bytes": bytes,
            }));
        } else {
            let text = format!(
                "{source}: {}, newest {} with {} ({})",
                ui::count(number as u64, "snapshot"),
                ui::moment(newest.time),
                ui::count(items, "item"),
                ui::size(bytes)
            );
            facts.add("source", "source", json!(text))?;
        }
    }
    if facts.json {
        facts.add("sources", "sources", Value::Array(sources))?;
    }
    kinds(facts, &snapshots)
}

/// What lies in the folder, and what all snapshots would be one by one.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
fn sizes(facts: &mut Facts<'_>, snapshots: &[SnapshotInfo], stored: u64) -> Result<()> {
    let bytes = snapshots.iter().map(|info| totals(info).1);
    let content = bytes.fold(0_u64, u64::saturating_add);
    let ratio = (stored > 0).then(|| content as f64 / stored as f64);
    let ratio = ratio.map(|ratio| (ratio * 10.0).round() / 10.0);
    if facts.json {
        let sizes = json!({ "stored": stored, "content": content, "ratio": ratio });
        return facts.add("sizes", "sizes", sizes);
    }
    let ratio = ratio.map_or_else(String::new, |ratio| format!(" (1:{ratio:.1})"));
    let text = format!("{} stored for {} of exports{ratio}", ui::size(stored), ui::size(content));
    facts.add("sizes", "sizes", json!(text))
}

fn last_check(facts: &mut Facts<'_>, session: &Session) -> Result<()> {
    let check = session.last_check();
    if facts.json {
        let check = check.map(|check| {
            let time = ui::rfc3339(check.time);
            json!({ "time": time, "code": check.code, "read_data": check.read_data })
        });
        return facts.add("last_check", "last check", json!(check));
    }
    let text = match check {
        None => "never, as far as this computer knows".to_owned(),
        Some(check) => {
            let what = if check.read_data { "every byte" } else { "without --read-data" };
            let meaning = TABLE.iter().find(|(number, _)| *number == check.code);
            let result = match meaning {
                Some((0, _)) | None => "clean",
                Some((_, meaning)) => meaning,
            };
            format!("{}, {what}: {result}", ui::moment(check.time))
        }
    };
    facts.add("last_check", "last check", json!(text))
}

/// Per kind the newest snapshot that has it, and the kinds that none has.
fn kinds(facts: &mut Facts<'_>, snapshots: &[SnapshotInfo]) -> Result<()> {
    let mut newest: BTreeMap<&str, (&SnapshotInfo, u64)> = BTreeMap::new();
    for info in snapshots {
        for count in info.snapshot.counts.iter().filter(|count| count.items > 0) {
            let entry = newest.entry(&count.kind).or_insert((info, 0));
            let before = if entry.0.id == info.id { entry.1 } else { 0 };
            *entry = (info, before.saturating_add(count.items));
        }
    }
    let never = Kind::ALL.into_iter().filter(|kind| !newest.contains_key(kind.as_str()));
    let never: Vec<Kind> = never.collect();
    let now = session::now();
    let mut documents = Vec::new();
    for (kind, (info, items)) in &newest {
        if facts.json {
            documents.push(json!({
                "kind": kind,
                "source": info.snapshot.source,
                "snapshot": info.id.to_string(),
                "time": ui::rfc3339(info.time),
                "age_days": ui::days(info.time, now),
                "items": items,
            }));
        } else {
            let text = format!(
                "{kind}: {} in {} ({}), {} old",
                ui::count(*items, "file"),
                info.snapshot.source,
                super::short(info.id),
                ui::age(info.time, now)
            );
            facts.add("kind", "newest", json!(text))?;
        }
    }
    if facts.json {
        facts.add("kinds", "kinds", Value::Array(documents))?;
    }
    never_exported(facts, newest.into_keys())?;
    never_added(facts, &never)
}

/// What the exports of the kinds that were added never hold.
fn never_exported<'k>(facts: &mut Facts<'_>, kinds: impl Iterator<Item = &'k str>) -> Result<()> {
    let exports: Vec<Export> = kinds.flat_map(menus::exports).collect();
    if facts.json {
        return facts.add("omissions", "not in exports", omissions(&exports));
    }
    exports.into_iter().try_for_each(|export| {
        let text = format!("{}: {}", export.as_str(), export.leaves_out().join(", "));
        facts.add("omissions", "not exported", json!(text))
    })
}

/// The kinds that no snapshot has, with the menus that export them.
fn never_added(facts: &mut Facts<'_>, kinds: &[Kind]) -> Result<()> {
    if facts.json {
        let document = |kind: Kind| {
            let menu = menus::menu(kind)?;
            Some(json!({ "kind": kind.as_str(), "app": menu.app, "menu": menu.path }))
        };
        let menus = kinds.iter().filter_map(|&kind| document(kind)).collect();
        let words = kinds.iter().map(|kind| json!(kind.as_str())).collect();
        facts.add("kinds_never_added", "never added", words)?;
        return facts.add("export_menus", "menus", menus);
    }
    kinds.iter().try_for_each(|&kind| {
        let menu = menus::menu(kind).map_or_else(String::new, |menu| format!("; {}", menu.text()));
        facts.add("kinds_never_added", "never added", json!(format!("{kind}: none{menu}")))
    })
}

/// Lines of text, or members of one document.
struct Facts<'u> {
    ui: &'u Ui,
    json: bool,
    document: Map<String, Value>,
}

impl Facts<'_> {
    fn add(&mut self, name: &str, title: &str, value: Value) -> Result<()> {
        if self.json {
            self.document.insert(name.to_owned(), value);
            return Ok(());
        }
        let text = match value {
            Value::String(text) => ui::escape(&text),
            Value::Null => "?".to_owned(),
            Value::Object(map) => {
                let words = map.iter().map(|(letter, count)| format!("{count} {letter}"));
                words.collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        self.ui.line(format!("{:14} {text}", format!("{title}:")))
    }

    fn finish(self) -> Result<Code> {
        if self.json {
            self.ui.json(&Value::Object(self.document))?;
        }
        Ok(Code::Done)
    }
}

/// How many slots there are by letter.
fn letters(slots: &[SlotInfo]) -> Value {
    let mut counts = Map::new();
    for slot in slots {
        let letter = slot.letter.letter().to_string();
        let count = counts.get(&letter).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(letter, json!(count.saturating_add(1)));
    }
    Value::Object(counts)
}

fn objects(store: &dyn Store, areas: &[Area]) -> Result<(u64, u64)> {
    let (mut count, mut bytes) = (0_u64, 0_u64);
    for area in areas {
        for name in store.list(*area)? {
            count = count.saturating_add(1);
            bytes = bytes.saturating_add(store.open(&name).map_or(0, |object| object.length()));
        }
    }
    Ok((count, bytes))
}
