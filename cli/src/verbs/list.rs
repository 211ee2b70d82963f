//! `list`: the items of a snapshot.

use serde_json::{Map, Value, json};
use vault::ErrorKind;
use vault::chunk::Content;
use vault::files::ItemPath;
use vault::keys::Compartment;
use vault::vault::{
    self as library, Facts, FoundType, Handle, Item, ItemType, SnapshotInfo, State, Vault,
    Whereabouts, Xattrs,
};

use super::records;
use crate::args::{Args, List, Sort};
use crate::errors::{Code, Result};
use crate::names;
use crate::session::{self, Purpose};
use crate::ui::{self, JsonArray, Ui};

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
    if verb.records {
        return records::list(vault, verb, &chosen, ui);
    }
    let array = verb.json.then(|| ui.json_array());
    let mut lister = Lister {
        verb,
        ui,
        vault,
        array,
        locked: 0,
        left_out: 0,
        lost: 0,
        absent: 0,
        counts: Counts::default(),
    };
    for (at, (info, below)) in chosen.iter().enumerate() {
        if chosen.len() > 1 && !verb.json && !verb.null {
            if at > 0 {
                ui.line("")?;
            }
            let source = ui::escape(&info.snapshot.source);
            ui.line(format!("{source} ({}, {}):", super::short(info.id), ui::moment(info.time)))?;
        }
        lister.snapshot(info, below.as_ref())?;
    }
    if let Some(array) = lister.array.take() {
        array.finish()?;
    }
    if !verb.null {
        ui.tally(lister.counts.in_words());
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
    if lister.left_out > 0 {
        let items = ui::count(lister.left_out, "sealed item");
        let text = format!("{items} left out of this copy on purpose");
        if verb.json || verb.null {
            ui.warn(text);
        } else {
            ui.line(text)?;
        }
    }
    Ok(match (lister.lost, lister.absent) {
        (0, 0) => Code::Done,
        (0, _) => Code::Incomplete,
        _ => Code::Damaged,
    })
}

struct Lister<'a> {
    verb: &'a List,
    ui: &'a Ui,
    vault: &'a Vault,
    array: Option<JsonArray<'a>>,
    locked: u64,
    left_out: u64,
    lost: u64,
    /// Parts that are not downloaded.
    absent: u64,
    counts: Counts,
}

/// What was listed.
#[derive(Default)]
struct Counts {
    files: u64,
    folders: u64,
    links: u64,
    missing: u64,
    bytes: u64,
}

impl Counts {
    fn take(&mut self, facts: &Facts) {
        let count = match FoundType::of(facts) {
            FoundType::File => &mut self.files,
            FoundType::Folder if is_bundle(facts) => &mut self.files,
            FoundType::Folder => &mut self.folders,
            FoundType::Link => &mut self.links,
            FoundType::Missing => &mut self.missing,
        };
        *count = count.saturating_add(1);
        if facts.state == State::Present {
            self.bytes = self.bytes.saturating_add(facts.length);
        }
    }

    fn in_words(&self) -> String {
        let mut words = format!("{} ({})", ui::count(self.files, "file"), ui::size(self.bytes));
        for (number, thing) in [(self.folders, "folder"), (self.links, "link")] {
            if number > 0 {
                words.push_str(&format!(", {}", ui::count(number, thing)));
            }
        }
        if self.missing > 0 {
            words.push_str(&format!(", {} not in the vault", self.missing));
        }
        words
    }
}

impl Lister<'_> {
    fn snapshot(&mut self, info: &SnapshotInfo, below: Option<&ItemPath>) -> Result<()> {
        if self.verb.sort == Sort::Name {
            return self.walk(info, below, &mut |lister, item| lister.tell(info, &item));
        }
        let mut held = Vec::new();
        self.walk(info, below, &mut |_, mut item| {
            // Where the content lies is the largest part of an item, and is not printed.
            item.facts.content = Content::default();
            item.facts.xattrs = Xattrs::default();
            held.push(item);
            Ok(())
        })?;
        // Stable, so that equal ones stay in the order of their names.
        match self.verb.sort {
            Sort::Size => held.sort_by_key(|item| std::cmp::Reverse(item.facts.length)),
            _ => held.sort_by_key(|item| std::cmp::Reverse(moment(item.whereabouts.as_ref()))),
        }
        held.iter().try_for_each(|item| self.tell(info, item))
    }

    /// Calls `each` with every item that is wanted, in the order of their names. A bundle comes as
    /// one item of the size of all that is in it, unless its inside is asked for.
    fn walk(
        &mut self,
        info: &SnapshotInfo,
        below: Option<&ItemPath>,
        each: &mut dyn FnMut(&mut Self, Item) -> Result<()>,
    ) -> Result<()> {
        let mut items = library::list(self.vault, info, below.map_or(&[], ItemPath::key));
        self.locked = self.locked.saturating_add(items.locked.0);
        self.left_out = self.left_out.saturating_add(items.left_out);
        let mut bundle: Option<Item> = None;
        loop {
            let item = match items.next_item() {
                Ok(None) => break,
                Ok(Some(item)) => item,
                Err(error) if error.kind() == ErrorKind::NotDownloaded => {
                    self.absent = self.absent.saturating_add(1);
                    self.ui.warn(format!("a part of the list is not here: {error}"));
                    self.ui.hint(error.way_out().unwrap_or_default());
                    continue;
                }
                Err(error) => {
                    self.lost = self.lost.saturating_add(1);
                    self.ui.warn(format!("a part of the list is lost: {error}"));
                    self.ui.hint("icvault check says how much");
                    continue;
                }
            };
            if let Some(below) = below {
                if !item.path.key().starts_with(below.key()) {
                    break;
                }
                if item.path != *below && !item.path.is_below(below) {
                    continue;
                }
            }
            if let Some(bundle) = &mut bundle
                && item.path.is_below(&bundle.path)
            {
                bundle.facts.length = bundle.facts.length.saturating_add(item.facts.length);
                continue;
            }
            if let Some(bundle) = bundle.take() {
                each(self, bundle)?;
            }
            if !self.is_wanted(&item, below) {
                continue;
            }
            if !self.verb.recursive && is_bundle(&item.facts) && below != Some(&item.path) {
                bundle = Some(item);
            } else {
                each(self, item)?;
            }
        }
        bundle.map_or(Ok(()), |bundle| each(self, bundle))
    }

    fn is_wanted(&self, item: &Item, below: Option<&ItemPath>) -> bool {
        let levels = item.path.components().count();
        let top = below.map_or(0, |below| below.components().count());
        let level = !self.verb.one_level || levels <= top.saturating_add(1);
        level && self.verb.kind.as_ref().is_none_or(|kind| *kind == item.facts.kind)
    }

    fn tell(&mut self, info: &SnapshotInfo, item: &Item) -> Result<()> {
        self.counts.take(&item.facts);
        let handle = self.vault.handle(&info.snapshot.source, item.compartment, &item.path);
        if let Some(array) = &mut self.array {
            let Item { path, compartment, facts, whereabouts } = item;
            let whereabouts = whereabouts.as_ref();
            let document = document(info, path, *compartment, facts, whereabouts, handle);
            return array.push(&Value::Object(document));
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
                "{} {} {:>12} {:>16} {:7} {:11} {line}",
                handle.map(|handle| handle.to_string()).unwrap_or_default(),
                mode(item),
                item.facts.length,
                moment(item.whereabouts.as_ref()).map_or_else(|| "?".to_owned(), ui::moment),
                item.compartment.as_str(),
                ui::escape(&item.facts.kind),
            );
        }
        self.ui.line(line)
    }
}

/// Whether a folder is one thing to a person.
fn is_bundle(facts: &Facts) -> bool {
    facts.item_type == ItemType::Folder && facts.kind != "folder"
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

fn moment(whereabouts: Option<&Whereabouts>) -> Option<i64> {
    whereabouts.and_then(Whereabouts::moment)
}

/// An item of a snapshot as the machine reads it.
pub(super) fn document(
    info: &SnapshotInfo,
    path: &ItemPath,
    compartment: Compartment,
    facts: &Facts,
    whereabouts: Option<&Whereabouts>,
    handle: Option<Handle>,
) -> Map<String, Value> {
    let mut document = Map::new();
    let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
    set("source", json!(info.snapshot.source));
    set("snapshot", json!(info.id.to_string()));
    set("path", json!(ui::plain(&path.to_display())));
    set("type", json!(FoundType::of(facts).as_str()));
    set("kind", json!(facts.kind));
    set("size", json!(facts.length));
    set("mtime", json!(moment(whereabouts).and_then(ui::rfc3339)));
    set("handle", json!(handle.map(|handle| handle.to_string())));
    set("mode", json!(facts.mode));
    set("compartment", json!(compartment.as_str()));
    if let Some(link) = &facts.link {
        set("link", json!(ui::plain(link)));
    }
    document
}
