//! `list`: the items of a snapshot.

use serde_json::{Map, Value, json};
use vault::files::ItemPath;
use vault::vault::{self as library, Item, ItemType, SnapshotInfo, State, Vault};

use crate::args::{Args, List};
use crate::errors::{Code, Result};
use crate::names;
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

pub(crate) fn list(args: &Args, verb: &List, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Read)?;
    let vault = &session.vault;
    let chosen: Vec<(SnapshotInfo, Option<ItemPath>)> = match &verb.item {
        None => vault.newest()?.into_values().map(|info| (info, None)).collect(),
        Some(text) => {
            let found = names::resolve(vault, text)?;
            vec![(found.info, found.item.map(|item| item.path))]
        }
    };
    let mut lister = Lister { verb, ui, documents: Vec::new(), locked: 0, lost: 0 };
    for (at, (info, below)) in chosen.iter().enumerate() {
        if chosen.len() > 1 && !verb.json && !verb.null {
            if at > 0 {
                ui.line("")?;
            }
            let source = ui::escape(&info.snapshot.source);
            ui.line(format!("{source} ({}, {}):", super::short(info.id), ui::moment(info.time)))?;
        }
        lister.snapshot(vault, info, below.as_ref())?;
    }
    if verb.json {
        ui.json(&Value::Array(lister.documents))?;
    }
    if lister.locked > 0 {
        let items = ui::count(lister.locked, "sealed item");
        let text = format!("{items} locked (use the full passphrase)");
        if verb.json || verb.null {
            ui.warn(text);
        } else {
            ui.line(text)?;
        }
    }
    Ok(if lister.lost > 0 { Code::Damaged } else { Code::Done })
}

struct Lister<'a> {
    verb: &'a List,
    ui: &'a Ui,
    documents: Vec<Value>,
    locked: u64,
    lost: u64,
}

impl Lister<'_> {
    fn snapshot(
        &mut self,
        vault: &Vault,
        info: &SnapshotInfo,
        below: Option<&ItemPath>,
    ) -> Result<()> {
        let mut items = library::list(vault, info, below.map_or(&[], ItemPath::key));
        self.locked = self.locked.saturating_add(items.locked.0);
        loop {
            let item = match items.next_item() {
                Ok(None) => return Ok(()),
                Ok(Some(item)) => item,
                Err(error) => {
                    self.lost = self.lost.saturating_add(1);
                    self.ui.warn(format!("a part of the list is lost: {error}"));
                    self.ui.hint("icvault check says how much");
                    continue;
                }
            };
            if let Some(below) = below {
                if !item.path.key().starts_with(below.key()) {
                    return Ok(());
                }
                if item.path != *below && !item.path.is_below(below) {
                    continue;
                }
            }
            if self.is_wanted(&item, below) {
                self.tell(info, &item)?;
            }
        }
    }

    fn is_wanted(&self, item: &Item, below: Option<&ItemPath>) -> bool {
        let levels = item.path.components().count();
        let top = below.map_or(0, |below| below.components().count());
        let level = !self.verb.one_level || levels <= top.saturating_add(1);
        level && self.verb.kind.as_ref().is_none_or(|kind| *kind == item.facts.kind)
    }

    fn tell(&mut self, info: &SnapshotInfo, item: &Item) -> Result<()> {
        if self.verb.json {
            self.documents.push(document(info, item));
            return Ok(());
        }
        let path = item.path.to_display();
        if self.verb.null && !ui::is_terminal() {
            self.ui.bytes(&path)?;
            return self.ui.bytes(&[0]);
        }
        let mut line = ui::escape_bytes(&path);
        match (item.facts.item_type, item.facts.state) {
            (ItemType::Folder, _) => line.push('/'),
            (ItemType::Link, _) => {
                line.push_str(" -> ");
                line.push_str(&ui::escape_bytes(item.facts.link.as_deref().unwrap_or_default()));
            }
            (ItemType::File, State::Missing) => line.push_str(" (not in the vault: a placeholder)"),
            (ItemType::File, State::Unreadable) => {
                line.push_str(" (not in the vault: could not be read)");
            }
            (ItemType::File, State::Present) => {}
        }
        if self.verb.long {
            line = format!(
                "{} {:>12} {:>16} {:7} {:11} {line}",
                mode(item),
                item.facts.length,
                nanoseconds(item).map_or_else(|| "?".to_owned(), ui::moment),
                item.compartment.as_str(),
                ui::escape(&item.facts.kind),
            );
        }
        self.ui.line(line)
    }
}

fn mode(item: &Item) -> String {
    let mut text = String::from(match item.facts.item_type {
        ItemType::File => "-",
        ItemType::Folder => "d",
        ItemType::Link => "l",
    });
    for shift in [6, 3, 0] {
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            text.push(if item.facts.mode >> shift & bit == 0 { '-' } else { letter });
        }
    }
    text
}

fn nanoseconds(item: &Item) -> Option<i64> {
    let (seconds, nanoseconds) = item.whereabouts.as_ref()?.mtime;
    seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(nanoseconds))
}

fn document(info: &SnapshotInfo, item: &Item) -> Value {
    let facts = &item.facts;
    let item_type = match facts.state {
        State::Present => facts.item_type.as_str(),
        State::Missing | State::Unreadable => "missing",
    };
    let mut document = Map::new();
    let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
    set("source", json!(info.snapshot.source));
    set("snapshot", json!(info.id.to_string()));
    set("path", json!(ui::plain(&item.path.to_display())));
    set("type", json!(item_type));
    set("kind", json!(facts.kind));
    set("size", json!(facts.length));
    set("mtime", json!(nanoseconds(item).and_then(ui::rfc3339)));
    set("mode", json!(facts.mode));
    set("compartment", json!(item.compartment.as_str()));
    if let Some(link) = &facts.link {
        set("link", json!(ui::plain(link)));
    }
    Value::Object(document)
}
