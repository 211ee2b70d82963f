//! Differences as they are printed: which fields of a record changed, and its document for machines.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use vault::kinds::{Field, Format, Kind};
use vault::vault::{Fate, RecordChange, RecordReader, SnapshotInfo, StoredRecord, Vault};
use zeroize::Zeroizing;

use super::add::record_noun;
use super::records::Shown;
use crate::ui::{self, Ui};

/// A field that does not say what it said. Several fields of one name count as one.
pub(super) struct FieldChange {
    pub(super) name: String,
    pub(super) before: Vec<Zeroizing<String>>,
    pub(super) after: Vec<Zeroizing<String>>,
}

/// What a record says, and the files beside it that tell of it.
pub(super) struct Said {
    format: Option<Format>,
    fields: Vec<Field>,
}

impl Said {
    pub(super) fn read(
        reader: &mut RecordReader<'_>,
        record: &StoredRecord,
    ) -> vault::error::Result<Self> {
        let mut fields = reader.fields(record)?;
        fields.extend(reader.fields_beside(record)?.into_iter().flat_map(|(_, beside)| beside));
        let format = record.place.as_ref().and_then(|place| Format::parse(&place.format));
        Ok(Self { format, fields })
    }
}

/// The fields that differ in what lasts, in the order of the record as it is.
pub(super) fn field_changes(before: &Said, after: &Said) -> Vec<FieldChange> {
    let mut sides: HashMap<&str, Sides<'_>> = HashMap::new();
    for (side, said) in [(1, after), (0, before)] {
        for field in said.fields.iter().filter(|field| !field.value.is_empty()) {
            let lasting = match said.format {
                Some(format) => format.lasting(field),
                None => Some(field.value.as_str().into()),
            };
            let number = sides.len();
            let (_, values) =
                sides.entry(&field.name).or_insert_with(|| (number, [const { Vec::new() }; 2]));
            if let Some(values) = values.get_mut(side) {
                values.extend(lasting.map(|lasting| (lasting, &field.value)));
            }
        }
    }
    let mut sides: Vec<(&str, Sides<'_>)> = sides.into_iter().collect();
    sides.sort_by_key(|(_, (number, _))| *number);
    sides.retain(|(_, (_, [before, after]))| lasting(before) != lasting(after));
    let change = |(name, (_, [before, after])): (&str, Sides<'_>)| FieldChange {
        name: name.to_owned(),
        before: before.into_iter().map(|(_, value)| value.clone()).collect(),
        after: after.into_iter().map(|(_, value)| value.clone()).collect(),
    };
    sides.into_iter().map(change).collect()
}

/// What lasts of these values, in no order.
fn lasting(values: &[Lasting<'_>]) -> Zeroizing<Vec<String>> {
    let mut lasting: Vec<String> = values.iter().map(|(lasting, _)| lasting.to_string()).collect();
    lasting.sort_unstable();
    Zeroizing::new(lasting)
}

/// What lasts of a value, and all of it.
type Lasting<'a> = (Cow<'a, str>, &'a Zeroizing<String>);

/// The place of a field in the record, and what it said and says.
type Sides<'a> = (usize, [Vec<Lasting<'a>>; 2]);

/// Opens both sides of records that changed.
pub(super) struct Opener<'v> {
    before: RecordReader<'v>,
    after: RecordReader<'v>,
}

impl<'v> Opener<'v> {
    pub(super) fn new(vault: &'v Vault, before: &'v SnapshotInfo, after: &'v SnapshotInfo) -> Self {
        let [before, after] = [before, after].map(|info| RecordReader::new(vault, info));
        Self { before, after }
    }

    /// The fields that differ; empty for what has not two sides.
    pub(super) fn fields(
        &mut self,
        before: Option<&StoredRecord>,
        after: Option<&StoredRecord>,
    ) -> vault::error::Result<Vec<FieldChange>> {
        let Some((before, after)) = before.zip(after) else { return Ok(Vec::new()) };
        Ok(field_changes(
            &Said::read(&mut self.before, before)?,
            &Said::read(&mut self.after, after)?,
        ))
    }
}

/// A change of a record as the machine reads it. `info` is of the side that is shown.
pub(super) fn record_document(
    vault: &Vault,
    info: &SnapshotInfo,
    change: &RecordChange,
    fate: Fate,
    fields: &[FieldChange],
    reveal: bool,
) -> Value {
    let mut document = Shown::new(vault, change.record()).document(info);
    let Some(map) = document.as_object_mut() else { return document };
    let mut set = |name: &str, value: Value| map.insert(name.to_owned(), value);
    set("change", json!(fate.as_str()));
    set("fields", fields.iter().map(|field| json!(field.name)).collect());
    set("matched_by", json!(change.matched_by.map(|quality| quality.as_str())));
    set("ambiguous", json!(change.is_ambiguous));
    set("copies", json!(change.copies));
    if let Some(before) = change.before.as_ref().and_then(|before| before.place.as_ref()) {
        set("path_before", json!(ui::plain(&before.file.to_display())));
    }
    if reveal {
        let texts = |values: &[Zeroizing<String>]| -> Value {
            values.iter().map(|value| json!(value.as_str())).collect()
        };
        let value = |field: &FieldChange| {
            let (before, after) = (texts(&field.before), texts(&field.after));
            json!({ "name": field.name, "before": before, "after": after })
        };
        set("values", fields.iter().map(value).collect());
    }
    document
}

/// `3 contacts`, for a kind as it is stored.
pub(super) fn counted(kind: &str, number: u64) -> String {
    match Kind::parse(kind) {
        Some(kind) => ui::count(number, record_noun(kind)),
        None => format!("{} {}", ui::count(number, "record"), ui::escape(kind)),
    }
}

/// `2 logins, 1 contact`.
pub(super) fn counted_all<'k>(kinds: impl Iterator<Item = &'k str>) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    kinds.for_each(|kind| *counts.entry(kind).or_default() += 1);
    let words: Vec<String> = counts.iter().map(|(kind, &number)| counted(kind, number)).collect();
    words.join(", ")
}

/// Tells what could not be compared. Whether anything was lost.
pub(super) fn tell_limits(
    ui: &Ui,
    lost: &[vault::Error],
    locked: bool,
    left_out: bool,
    things: &str,
) -> bool {
    for error in lost.iter().take(ui.named_max()) {
        ui.warn(format!(
            "a part of a snapshot is lost; what it held may look as if it were not there: {error}"
        ));
    }
    if !lost.is_empty() {
        ui.hint("icvault check says how much; another copy of the vault may have it");
    }
    if locked {
        ui.warn(format!(
            "sealed {things} are locked, and were not compared (use the full passphrase)"
        ));
    }
    if left_out {
        ui.warn(format!(
            "sealed {things} are left out of this copy on purpose, and were not compared"
        ));
    }
    !lost.is_empty()
}
