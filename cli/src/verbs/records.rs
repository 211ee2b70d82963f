//! Records as they are printed: a line for people, a document for machines.

use serde_json::{Value, json};
use vault::ErrorKind;
use vault::files::ItemPath;
use vault::keys::Compartment;
use vault::vault::{
    self as library, Handle, RecordFacts, RecordPlace, SnapshotInfo, StoredRecord, Vault,
};

use crate::args::List;
use crate::errors::{Code, Result};
use crate::record_names;
use crate::ui::{self, Ui};

/// A record as it is named in output.
pub(super) struct Shown<'r> {
    pub(super) handle: Option<Handle>,
    pub(super) compartment: Compartment,
    pub(super) facts: &'r RecordFacts,
    pub(super) place: Option<&'r RecordPlace>,
}

impl<'r> Shown<'r> {
    pub(super) fn new(vault: &Vault, record: &'r StoredRecord) -> Self {
        let StoredRecord { name, compartment, facts, place } = record;
        let handle = vault.record_handle(*compartment, name);
        Self { handle, compartment: *compartment, facts, place: place.as_ref() }
    }

    /// A line for people. `snapshot` names where it is.
    pub(super) fn line(&self, snapshot: &str) -> String {
        let handle = self.handle.map(|handle| handle.to_string()).unwrap_or_default();
        let RecordFacts { kind, title, place, user, .. } = self.facts;
        let mut text = format!("{handle}  {:11}  {}", ui::escape(kind), ui::escape(title));
        for part in [place, user] {
            if !part.is_empty() && part != title {
                text.push_str("  ");
                text.push_str(&ui::escape(part));
            }
        }
        text.push_str(&format!("  {}:{}", ui::escape(snapshot), self.place()));
        if self.compartment == Compartment::Sealed {
            text.push_str(" (sealed)");
        }
        text
    }

    /// Its file, and the members of archives in that.
    pub(super) fn place(&self) -> String {
        let Some(place) = self.place else { return "?".to_owned() };
        let mut text = ui::escape_bytes(&place.file.to_display());
        for member in &place.members {
            text.push_str(" > ");
            text.push_str(&ui::escape(member));
        }
        text
    }

    /// A document for machines.
    pub(super) fn document(&self, info: &SnapshotInfo) -> Value {
        let path = self.place.map(|place| ui::plain(&place.file.to_display()));
        let facts = self.facts;
        json!({
            "source": info.snapshot.source,
            "snapshot": info.id.to_string(),
            "path": path,
            "file": path,
            "members": self.place.map(|place| &place.members),
            "type": "record",
            "kind": facts.kind,
            "key": self.handle.map(|handle| handle.to_string()),
            "title": facts.title,
            "place": facts.place,
            "user": facts.user,
            "date": facts.date.and_then(|date| ui::rfc3339(date.checked_mul(1_000_000_000)?)),
            "handle": self.handle.map(|handle| handle.to_string()),
            "identity": facts.quality().map(|quality| quality.as_str()),
            "compartment": self.compartment.as_str(),
            "warnings": facts.warnings,
        })
    }
}

/// `list --records`: what files hold, one by one, in the order of the files, then of the titles.
pub(super) fn list(
    vault: &Vault,
    verb: &List,
    chosen: &[(SnapshotInfo, Option<ItemPath>)],
    ui: &Ui,
) -> Result<Code> {
    let mut array = verb.json.then(|| ui.json_array());
    let (mut count, mut code) = (0_u64, Code::Done);
    let (mut locked, mut left_out) = (false, false);
    for (info, below) in chosen {
        let mut all = library::records(vault, info);
        let mut found = Vec::new();
        loop {
            match all.next_record() {
                Ok(None) => break,
                Ok(Some(record)) => found.push(record),
                Err(error) => {
                    let is_absent = error.kind() == ErrorKind::NotDownloaded;
                    code = code.max(if is_absent { Code::Incomplete } else { Code::Damaged });
                    ui.warn(format!("a part of the records is lost: {error}"));
                    ui.hint("icvault check says how much");
                }
            }
        }
        for error in &all.places_lost {
            code = code.max(Code::Damaged);
            ui.warn(format!("where some records are is lost: {error}"));
        }
        locked |= all.locked;
        left_out |= all.left_out;
        found.retain(|record| {
            let kind_fits = verb.kind.as_ref().is_none_or(|kind| *kind == record.facts.kind);
            let file = record.place.as_ref().map(|place| &place.file);
            let is_below = below
                .as_ref()
                .is_none_or(|below| file.is_some_and(|file| file == below || file.is_below(below)));
            kind_fits && is_below
        });
        record_names::sort(&mut found);
        count = count.saturating_add(found.len() as u64);
        for record in &found {
            let shown = Shown::new(vault, record);
            match &mut array {
                Some(array) => array.push(&shown.document(info))?,
                None => ui.line(shown.line(&info.snapshot.source))?,
            }
        }
    }
    if let Some(array) = array {
        array.finish()?;
    }
    ui.tally(ui::count(count, "record"));
    for (is_so, text) in [
        (locked, "sealed records are locked (use the full passphrase)"),
        (left_out, "sealed records are left out of this copy on purpose"),
    ] {
        if is_so && verb.json {
            ui.warn(text);
        } else if is_so {
            ui.line(text)?;
        }
    }
    Ok(code)
}
