//! What `extract` takes: items as they lie in the export, or records as a file of their format.

use std::collections::BTreeSet;

use vault::files::ItemPath;
use vault::kinds::Format;
use vault::kinds::certificates::is_store;
use vault::vault::{Query, RecordName, RecordReader, SnapshotInfo, StoredRecord, Vault, search};

use super::take::Taken;
use crate::args::{As, Extract};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::record_names::{self, Meant};

/// What was asked for.
pub(super) enum Chosen {
    /// Records that go into one file.
    Records(Vec<Taken>),
    /// Items that go below a folder.
    Items(Vec<Part>),
}

/// What is taken out of one snapshot.
pub(super) struct Part {
    pub(super) info: SnapshotInfo,
    pub(super) only: Vec<ItemPath>,
    pub(super) whole: bool,
}

/// Records, where every ITEM is one, another form than the files' own is wanted, or the kind is one
/// whose files hold several; else items.
pub(super) fn choose(vault: &Vault, verb: &Extract) -> Result<Chosen> {
    if verb.kind.is_some() {
        return of_kind(vault, verb);
    }
    let is_form = verb.form.is_some() || verb.spreadsheet || verb.p12_modern;
    if verb.item.is_empty() && !is_form {
        return whole_snapshots(vault).map(Chosen::Items);
    }
    let (mut taken, others) = meant(vault, verb)?;
    if !is_form {
        return match (taken.is_empty(), others.is_empty()) {
            (true, _) => Ok(Chosen::Items(parts(others))),
            (false, true) => Ok(Chosen::Records(open(vault, &taken)?)),
            (false, false) => Err(Failure::usage("records and files go to different places")
                .hint("take the records with a call of their own")),
        };
    }
    let named: BTreeSet<RecordName> = taken.iter().map(|(_, record)| record.name).collect();
    for (info, below) in scope(vault, verb, others)? {
        let records = record_names::records_of(vault, &info, below.as_ref())?.into_iter();
        let wanted = records.filter(|record| format(record) == Some(wanted_format(verb)));
        taken.extend(wanted.map(|record| (info.clone(), record)));
    }
    let mut taken = open(vault, &once(taken))?;
    taken.retain(|taken| {
        !verb.p12_modern || named.contains(&taken.record.name) || is_store(&taken.opened.bytes)
    });
    match taken.is_empty() {
        true => Err(Failure::new(Code::NotFound, "nothing there has this form")
            .hint("icvault list --records prints what there is")),
        false => Ok(Chosen::Records(taken)),
    }
}

type InSnapshot = (SnapshotInfo, StoredRecord);
type Place = (SnapshotInfo, Option<ItemPath>);

/// What the ITEMs are: records, and items or whole snapshots.
fn meant(vault: &Vault, verb: &Extract) -> Result<(Vec<InSnapshot>, Vec<Place>)> {
    let (mut records, mut others) = (Vec::new(), Vec::new());
    for text in &verb.item {
        match record_names::resolve(vault, text)? {
            Meant::Record(info, record) if own_file(&record).is_some() => {
                others.extend(files(vec![(info, record)])?);
            }
            Meant::Record(info, record) => records.push((info, record)),
            Meant::Item(info, item) => others.push((info, Some(item.path))),
            Meant::Snapshot(info) => others.push((info, None)),
        }
    }
    Ok((records, others))
}

/// Where records are looked for: the newest of every source where nothing is said.
fn scope(vault: &Vault, verb: &Extract, others: Vec<Place>) -> Result<Vec<Place>> {
    match verb.item.is_empty() {
        true => Ok(vault.newest()?.into_values().map(|info| (info, None)).collect()),
        false => Ok(others),
    }
}

/// What is of a kind and, by its own date, of a time.
fn of_kind(vault: &Vault, verb: &Extract) -> Result<Chosen> {
    let word = verb.kind.as_deref().unwrap_or_default();
    let kind = names::kind(word)?;
    let (since, until) = names::period(verb.since.as_deref(), verb.until.as_deref())?;
    let query = Query { kind: Some(word.to_owned()), since, until, ..Query::default() };
    let (mut found, others) = meant(vault, verb)?;
    let scope = scope(vault, verb, others)?;
    let nothing = || {
        Failure::new(Code::NotFound, "nothing there is of this kind and time")
            .hint(format!("icvault find --kind {word} prints what there is"))
    };
    let Some(of_kind) = Format::of(kind) else {
        let places = items(vault, &scope, &query)?;
        return if places.is_empty() { Err(nothing()) } else { Ok(Chosen::Items(parts(places))) };
    };
    for (info, below) in scope {
        let records = record_names::records_of(vault, &info, below.as_ref())?.into_iter();
        found.extend(records.map(|record| (info.clone(), record)));
    }
    found.retain(|(_, record)| query.fits_record(&record.facts));
    let found = once(found);
    if found.is_empty() {
        return Err(nothing());
    }
    if of_kind.is_file() {
        return Ok(Chosen::Items(parts(files(found)?)));
    }
    open(vault, &found).map(Chosen::Records)
}

/// The items of a kind that has no records.
fn items(vault: &Vault, scope: &[Place], query: &Query) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for (info, below) in scope {
        let found = search(vault, std::slice::from_ref(info), query)?;
        if let Some(error) = found.lost.into_iter().next() {
            return Err(error.into());
        }
        let is_below = |path: &ItemPath| {
            below.as_ref().is_none_or(|below| path == below || path.is_below(below))
        };
        let paths = found.items.into_iter().map(|item| item.path).filter(is_below);
        places.extend(paths.map(|path| (info.clone(), Some(path))));
    }
    Ok(places)
}

/// The file that a record is all of.
pub(super) fn own_file(record: &StoredRecord) -> Option<&ItemPath> {
    let place = record.place.as_ref().filter(|place| place.members.is_empty())?;
    Format::parse(&place.format).filter(|format| format.is_file()).map(|_| &place.file)
}

/// The files and folders that records are, and those beside them.
fn files(records: Vec<InSnapshot>) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for (info, record) in records {
        let Some(place) = record.place else { continue };
        if !place.members.is_empty() {
            let file = crate::ui::escape_bytes(&place.file.to_display());
            return Err(Failure::new(Code::Failed, format!("some of it is in an archive: {file}"))
                .hint("take the archive, or one record by its handle: icvault extract HANDLE"));
        }
        places.extend(place.paths().into_iter().map(|path| (info.clone(), Some(path))));
    }
    Ok(places)
}

/// What stands in several files and says the same there is taken once.
fn once(mut records: Vec<InSnapshot>) -> Vec<InSnapshot> {
    let mut seen = BTreeSet::new();
    records
        .retain(|(_, record)| seen.insert((record.compartment, record.name, record.facts.digest)));
    records
}

fn open(vault: &Vault, records: &[InSnapshot]) -> Result<Vec<Taken>> {
    let mut taken = Vec::new();
    for same in records.chunk_by(|(one, _), (other, _)| one.id == other.id) {
        let Some((info, _)) = same.first() else { continue };
        let mut reader = RecordReader::new(vault, info);
        for (info, record) in same {
            let opened = reader.open(record)?;
            taken.push(Taken { info: info.clone(), record: record.clone(), opened });
        }
    }
    Ok(taken)
}

fn format(record: &StoredRecord) -> Option<Format> {
    record.place.as_ref().and_then(|place| Format::parse(&place.format))
}

/// What can have the form that is wanted.
fn wanted_format(verb: &Extract) -> Format {
    match verb.form {
        Some(As::Pem | As::Der) => Format::Certificates,
        _ if verb.p12_modern => Format::Certificates,
        Some(As::Eml) => Format::Messages,
        Some(As::AppleCsv) | None => Format::Logins,
    }
}

fn whole_snapshots(vault: &Vault) -> Result<Vec<Part>> {
    let newest = vault.newest()?.into_values();
    let parts: Vec<Part> =
        newest.map(|info| Part { info, only: Vec::new(), whole: true }).collect();
    match parts.is_empty() {
        true => Err(Failure::new(Code::NotFound, "nothing was added yet")),
        false => Ok(parts),
    }
}

/// Together per snapshot: in the order of a walk each folder is opened once.
fn parts(places: Vec<Place>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (info, path) in places {
        let whole = path.is_none();
        match parts.iter_mut().find(|part| part.info.id == info.id) {
            Some(part) => {
                part.whole |= whole;
                part.only.extend(path);
            }
            None => parts.push(Part { info, only: path.into_iter().collect(), whole }),
        }
    }
    for part in &mut parts {
        part.only.sort();
        // What is in a folder that is taken comes with it, right behind it.
        let mut kept: Vec<ItemPath> = Vec::new();
        for path in part.only.drain(..) {
            let is_inside = |folder: &ItemPath| path == *folder || path.is_below(folder);
            if !kept.last().is_some_and(is_inside) {
                kept.push(path);
            }
        }
        part.only = kept;
    }
    parts
}
