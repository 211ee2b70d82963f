//! `recover`: what is missing now, as files that the apps import.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vault::ErrorKind;
use vault::files::{ItemPath, Target, collision_key};
use vault::keys::Compartment;
use vault::kinds::certificates::is_store;
use vault::kinds::logins::Cells;
use vault::kinds::{Format, Kind, messages};
use vault::progress::Silent;
use vault::vault::{
    self as library, ExtractOptions, Extracted, Fate, OpenedRecord, Query, RecordChange,
    RecordChanges, RecordReader, SnapshotInfo, Spec, StoredRecord, Vault, missing_records,
};
use zeroize::Zeroizing;

use super::add::record_noun;
use super::beside::{Beside, Groups, Sort};
use super::changes::{counted, counted_all, record_document, tell_limits};
use super::live::{is_there, live};
use super::records::Shown;
use super::take::{self, Taken};
use crate::args::{Args, Overwrite, Recover};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::session::{self, Purpose, Session};
use crate::ui::{self, Ui};

pub(crate) fn recover(args: &Args, verb: &Recover, ui: &Ui) -> Result<Code> {
    let mut session = session::open(args, ui, Purpose::Read)?;
    let mut scope = Scope::of(&session.vault, verb)?;
    let from = from(&session.vault, verb, &scope)?;
    let against = against(&mut session, verb, &from, &mut scope, ui)?;
    let vault = &session.vault;
    let mut found = missing_records(vault, &from, &against);
    let (mut is_lost, mut locked, mut left_out) = (false, false, false);
    for one in &mut found {
        one.changes.retain(|change| scope.fits(vault, verb, change));
        is_lost |= tell_limits(ui, &one.lost, false, false, "records");
        locked |= one.locked;
        left_out |= one.left_out;
    }
    tell_limits(ui, &[], locked, left_out, "records");
    let damaged = if is_lost { Code::Damaged } else { Code::Done };
    if is_list(verb) {
        return list(ui, verb, &from, &found).map(|()| damaged);
    }
    let changed = found.iter().flat_map(|one| &one.changes);
    let changed = changed.filter(|change| change.fate == Fate::Changed).count();
    let missing = select(verb, &found);
    if changed > 0 && !verb.changed {
        ui.note(format!(
            "{} changed since; with --changed what was is taken too",
            ui::count(changed as u64, "record")
        ));
    }
    if missing.is_empty() {
        if verb.json {
            ui.json(&json!([]))?;
        } else {
            ui.line(nothing(verb, &scope, &against))?;
        }
        return Ok(damaged);
    }
    let output = verb.output.as_deref().filter(|_| !verb.dry_run);
    let (opened, groups) = open(vault, &from, &missing, output.is_some(), ui);
    let plan = Plan { from: &from, missing, groups };
    rehearse(ui, verb, &plan);
    let Some(output) = output else {
        print(vault, verb, &plan, ui)?;
        return Ok(damaged);
    };
    write(vault, verb, &plan, opened, output, ui).map(|code| code.max(damaged))
}

/// Whether what is asked is which earlier snapshots have something.
fn is_list(verb: &Recover) -> bool {
    verb.from.is_none()
        && verb.since.is_none()
        && verb.against.is_none()
        && verb.output.is_none()
        && verb.pick.is_empty()
        && !verb.dry_run
}

fn is_stdout(verb: &Recover) -> bool {
    verb.output.as_deref().is_some_and(|output| output.as_os_str() == "-")
}

/// Of which source and which kinds.
struct Scope {
    source: Option<String>,
    kinds: Option<Vec<String>>,
}

impl Scope {
    fn of(vault: &Vault, verb: &Recover) -> Result<Self> {
        let mut scope = Self { source: None, kinds: None };
        if let Some(word) = &verb.what {
            if vault.heads().roll().contains_key(word) {
                scope.source = Some(word.clone());
            } else {
                let kind = kind(word).ok_or_else(|| {
                    let sources: Vec<String> = vault.heads().roll().into_keys().collect();
                    Failure::new(Code::NotFound, format!("no kind and no source: {word}"))
                        .hint(format!("kinds: {}; sources: {}", names::kinds(), sources.join(", ")))
                })?;
                scope.kinds = Some(vec![kind.as_str().to_owned()]);
            }
        }
        if let Some(word) = &verb.kind {
            let kind = kind(word).ok_or_else(|| names::no_kind(word))?;
            scope.kinds = Some(vec![kind.as_str().to_owned()]);
        }
        Ok(scope)
    }

    fn fits(&self, vault: &Vault, verb: &Recover, change: &RecordChange) -> bool {
        let Some(record) = &change.before else { return false };
        let facts = &record.facts;
        let handle = vault.record_handle(record.compartment, &record.name);
        let handle = handle.map(|handle| handle.to_string()).unwrap_or_default();
        let is_picked = |term: &String| {
            let is_handle = term.len() >= "r0000".len() && handle.starts_with(term);
            let query = Query { terms: vec![term.clone()], ..Query::default() };
            is_handle || query.names_record(facts)
        };
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&facts.kind))
            && (verb.pick.is_empty() || verb.pick.iter().any(is_picked))
    }
}

/// The kind that a person means by a word or its plural.
fn kind(word: &str) -> Option<Kind> {
    let word = word.to_lowercase();
    let one = word.strip_suffix('s').unwrap_or(&word);
    let is_meant = |kind: &Kind| {
        [word.as_str(), one]
            .iter()
            .any(|word| *word == kind.as_str() || *word == record_noun(*kind))
    };
    match one {
        "reminder" => Some(Kind::Event),
        "people" => Some(Kind::Contact),
        _ => Kind::ALL.into_iter().find(is_meant),
    }
}

/// The snapshots that may have what is missing, in order.
fn from(vault: &Vault, verb: &Recover, scope: &Scope) -> Result<Vec<SnapshotInfo>> {
    if let Some(text) = &verb.from {
        return Ok(vec![names::whole_snapshot(vault, text)?]);
    }
    let (since, _) = names::period(verb.since.as_deref(), None)?;
    let newest = vault.newest()?;
    let mut all = vault.snapshots()?;
    all.retain(|info| scope.source.as_ref().is_none_or(|source| *source == info.snapshot.source));
    if all.is_empty() {
        return Err(Failure::new(Code::NotFound, "nothing was added yet"));
    }
    let is_newest = |info: &SnapshotInfo| {
        newest.get(&info.snapshot.source).is_some_and(|new| new.id == info.id)
    };
    if let Some(since) = since {
        // What was there at that moment was stored before.
        let then = |info: &SnapshotInfo| {
            let same = |other: &&SnapshotInfo| other.snapshot.source == info.snapshot.source;
            let before = all.iter().filter(same).filter(|other| other.time <= since);
            before.map(|other| other.id).next_back() == Some(info.id)
        };
        let is_asked = |info: &SnapshotInfo| {
            (info.time >= since || then(info)) && (verb.against.is_some() || !is_newest(info))
        };
        let asked: Vec<SnapshotInfo> = all.iter().filter(|info| is_asked(info)).cloned().collect();
        return Ok(asked);
    }
    if is_list(verb) {
        all.retain(|info| !is_newest(info));
    } else if verb.against.is_some() {
        all.retain(is_newest);
    } else {
        let back = |source: &String| vault.resolve(&Spec::Source { name: source.clone(), back: 1 });
        let before: Vec<_> = newest.keys().filter_map(|source| back(source).ok()).collect();
        all.retain(|info| before.iter().any(|before| before.id == info.id));
    }
    Ok(all)
}

/// Where it is missing.
fn against(
    session: &mut Session,
    verb: &Recover,
    from: &[SnapshotInfo],
    scope: &mut Scope,
    ui: &Ui,
) -> Result<Vec<SnapshotInfo>> {
    let Some(text) = &verb.against else {
        return Ok(session.vault.newest()?.into_values().collect());
    };
    let failure = match names::whole_snapshot(&session.vault, text) {
        Ok(info) => return Ok(vec![info]),
        Err(failure) => failure,
    };
    let path = Path::new(text);
    let source = from.first().map(|info| info.snapshot.source.clone());
    let Some(source) = source.filter(|_| failure.is(Code::NotFound) && is_there(path)) else {
        return Err(failure);
    };
    let info = live(session, path, &source, ui)?;
    if path.is_file() && scope.kinds.is_none() {
        // A file of people says nothing of logins.
        let mut all = library::records(&session.vault, &info);
        let mut kinds: HashSet<String> = HashSet::new();
        while let Some(record) = all.next_record()? {
            kinds.insert(record.facts.kind);
        }
        let mut kinds: Vec<String> = kinds.into_iter().collect();
        kinds.sort();
        ui.note(format!("compared by what the file holds: {}", kinds.join(", ")));
        scope.kinds = Some(kinds);
    }
    Ok(vec![info])
}

/// Says per earlier snapshot what it has.
fn list(ui: &Ui, verb: &Recover, from: &[SnapshotInfo], found: &[RecordChanges]) -> Result<()> {
    let is_missing = |change: &&RecordChange| change.fate == Fate::Removed || verb.changed;
    let mut documents = Vec::new();
    let mut rows: Vec<(&SnapshotInfo, String)> = Vec::new();
    for (info, one) in from.iter().zip(found) {
        let missing = one.changes.iter().filter(is_missing);
        let kinds: Vec<&str> = missing.map(|change| change.record().facts.kind.as_str()).collect();
        if kinds.is_empty() {
            continue;
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        kinds.iter().for_each(|kind| *counts.entry(kind).or_default() += 1);
        documents.push(json!({
            "snapshot": info.id.to_string(),
            "number": info.number,
            "source": info.snapshot.source,
            "time": ui::rfc3339(info.time),
            "missing": counts,
        }));
        rows.push((info, counted_all(kinds.into_iter())));
    }
    if verb.json {
        return ui.json(&Value::Array(documents));
    }
    let Some((newest, _)) = rows.last() else {
        return ui
            .line("nothing is missing: all that earlier snapshots held is in the newest ones");
    };
    let newest = super::short(newest.id);
    rows.sort_by(|(one, _), (other, _)| one.snapshot.source.cmp(&other.snapshot.source));
    let mut source = None;
    for (info, words) in &rows {
        if source != Some(&info.snapshot.source) {
            source = Some(&info.snapshot.source);
            ui.line(ui::escape(&info.snapshot.source))?;
        }
        let (id, time) = (super::short(info.id), ui::moment(info.time));
        ui.line(format!("  {id}  {:>4}  {time}  missing now: {words}", info.number))?;
    }
    let mut what = verb.what.as_deref().map(|what| format!("{what} ")).unwrap_or_default();
    if let Some(kind) = &verb.kind {
        what.push_str(&format!("--kind {kind} "));
    }
    ui.hint(format!(
        "icvault recover {what}--from {newest} names them; with -o FILE they are written"
    ));
    Ok(())
}

/// A record that is missing, and the number of the snapshot that has it.
struct Missing<'c> {
    from: usize,
    change: &'c RecordChange,
    record: &'c StoredRecord,
}

/// Of each record its newest state, once.
fn select<'c>(verb: &Recover, found: &'c [RecordChanges]) -> Vec<Missing<'c>> {
    let mut names = HashMap::new();
    let mut digests = HashMap::new();
    let mut seen = HashSet::new();
    let mut missing = Vec::new();
    for (from, one) in found.iter().enumerate().rev() {
        for change in &one.changes {
            let is_wanted = change.fate == Fate::Removed || verb.changed;
            let Some(record) = change.before.as_ref().filter(|_| is_wanted) else { continue };
            let name = (record.compartment, record.name);
            let digest = (record.compartment, record.facts.digest);
            let is_newest = *names.entry(name).or_insert(from) == from
                && *digests.entry(digest).or_insert(from) == from;
            // One that says the same as another is enough.
            if is_newest && seen.insert(digest) {
                missing.push(Missing { from, change, record });
            }
        }
    }
    missing.sort_by_cached_key(|missing| {
        let facts = &missing.record.facts;
        let texts = [&facts.title, &facts.place, &facts.user].map(|text| text.to_lowercase());
        (facts.kind.clone(), texts, missing.from, missing.record.name, facts.digest)
    });
    missing
}

fn nothing(verb: &Recover, scope: &Scope, against: &[SnapshotInfo]) -> String {
    let what = match &scope.kinds {
        _ if !verb.pick.is_empty() => " that fits".to_owned(),
        Some(kinds) if kinds.len() == 1 => format!(" of kind {}", kinds.concat()),
        _ => String::new(),
    };
    match against {
        [only] => format!("nothing{what} is missing in {}", ui::escape(&only.snapshot.source)),
        _ => format!("nothing{what} is missing: all of it is in the newest snapshots"),
    }
}

/// What comes back.
struct Plan<'c> {
    from: &'c [SnapshotInfo],
    missing: Vec<Missing<'c>>,
    groups: Groups,
}

/// What was read of a record; none if it is whole files, or not to be written.
type Opened = Option<vault::error::Result<OpenedRecord>>;

/// Reads the records, each once: those that are written, and those of which something may stand
/// beside. What cannot be read is in no group here, and is told where it is written.
fn open(
    vault: &Vault,
    from: &[SnapshotInfo],
    missing: &[Missing<'_>],
    is_written: bool,
    ui: &Ui,
) -> (Vec<Opened>, Groups) {
    let mut groups = Groups::default();
    let mut opened: Vec<(usize, Opened)> = Vec::new();
    // File by file, for what is opened of one serves all records of it.
    let mut order: Vec<(usize, &Missing<'_>)> = missing.iter().enumerate().collect();
    order.sort_by_key(|(_, one)| (one.from, one.record.place.as_ref().map(|place| &place.file)));
    for same in order.chunk_by(|(_, one), (_, other)| one.from == other.from) {
        let info = same.first().and_then(|(_, one)| from.get(one.from));
        let Some(info) = info else { continue };
        let mut reader = RecordReader::new(vault, info);
        for (at, Missing { record, .. }) in same {
            let sort = Sort::of(&record.facts.kind);
            let is_told = matches!(sort, Some(Sort::Groups | Sort::Calendars));
            let is_read = (is_written || is_told) && whole_files(record).is_none();
            let one = is_read.then(|| reader.open(record));
            if let Some(Ok(opened)) = &one {
                groups.take(record, opened);
            }
            opened.push((*at, one.filter(|_| is_written)));
        }
        let records = same.iter().map(|(_, one)| one.record);
        groups.take_cards(vault, info, records.clone(), &mut reader);
        groups.take_albums(vault, info, records, ui);
    }
    opened.sort_by_key(|(at, _)| *at);
    (opened.into_iter().map(|(_, one)| one).collect(), groups)
}

/// Says what is missing before anything is written.
fn rehearse(ui: &Ui, verb: &Recover, plan: &Plan<'_>) {
    let Plan { from, missing, groups } = plan;
    let kinds = missing.iter().map(|missing| missing.record.facts.kind.as_str());
    let mut titles: Vec<String> = Vec::new();
    for missing in missing {
        let title = ui::plain(missing.record.facts.title.as_bytes());
        if titles.last() != Some(&title) {
            titles.push(title);
        }
    }
    ui.note(format!("missing now: {}: {}", counted_all(kinds), ui.named(titles)));
    for sort in Sort::ALL {
        let records = missing.iter().map(|missing| missing.record);
        let Some(beside) = Beside::new(sort, groups, records) else { continue };
        if is_stdout(verb) {
            ui.note(format!(
                "{}: not in what stdout gets; -o FILE has them beside",
                beside.names()
            ));
            continue;
        }
        let output = verb.output.as_deref().filter(|path| path.extension().is_some());
        let place = beside.place(output.unwrap_or(Path::new(sort.file())));
        let place = place.file_name().unwrap_or_default().to_string_lossy();
        ui.note(format!("{}: beside, in {}", beside.names(), ui::escape(&place)));
    }
    let mut used: Vec<usize> = missing.iter().map(|missing| missing.from).collect();
    used.sort_unstable();
    used.dedup();
    for info in used.into_iter().filter_map(|at| from.get(at)) {
        let (source, time) = (&info.snapshot.source, ui::moment(info.time));
        ui.note(format!("from {source}, {} of {time}", super::short(info.id)));
    }
}

/// Names what would be written.
fn print(vault: &Vault, verb: &Recover, plan: &Plan<'_>, ui: &Ui) -> Result<()> {
    let mut array = verb.json.then(|| ui.json_array());
    for Missing { from, change, record } in &plan.missing {
        let Some(info) = plan.from.get(*from) else { continue };
        if let Some(array) = &mut array {
            // As it was, for that is what would be written.
            let change = RecordChange { after: None, ..(*change).clone() };
            let mut document = record_document(vault, info, &change, change.fate, &[], false);
            if let Some((map, groups)) = document.as_object_mut().zip(plan.groups.of(record)) {
                map.insert("groups".to_owned(), json!(groups));
            }
            array.push(&document)?;
        } else {
            ui.line(Shown::new(vault, record).line(&super::short(info.id)))?;
        }
    }
    if let Some(array) = array {
        return array.finish();
    }
    if verb.output.is_none() {
        ui.hint("-o FILE writes them");
    }
    Ok(())
}

/// A file to write.
struct File {
    name: String,
    kind: String,
    bytes: Zeroizing<Vec<u8>>,
    records: u64,
    is_sealed: bool,
    beside: Option<Beside>,
}

/// What one file of a format takes together, and what it is called.
const TOGETHER: [(Format, Kind, &str); 8] = [
    (Format::Contacts, Kind::Contact, Sort::Groups.file()),
    (Format::Calendars, Kind::Event, Sort::Calendars.file()),
    (Format::Logins, Kind::Passwords, "passwords.csv"),
    (Format::Logins, Kind::Cards, "cards.json"),
    (Format::Messages, Kind::Mail, "mail.mbox"),
    (Format::Bookmarks, Kind::Bookmark, "bookmarks.html"),
    (Format::History, Kind::History, "history.json"),
    (Format::Health, Kind::Health, "health.xml"),
];

fn write(
    vault: &Vault,
    verb: &Recover,
    plan: &Plan<'_>,
    opened: Vec<Opened>,
    output: &Path,
    ui: &Ui,
) -> Result<Code> {
    let mut code = Code::Done;
    let mut taken = Vec::new();
    // Files that are one thing each lie in the export as they are.
    let mut items: Vec<(usize, Vec<ItemPath>)> = Vec::new();
    for (Missing { from, record, .. }, opened) in plan.missing.iter().zip(opened) {
        let Some(info) = plan.from.get(*from) else { continue };
        match opened {
            Some(Ok(opened)) => {
                taken.push(Taken { info: info.clone(), record: (*record).clone(), opened });
            }
            Some(Err(error)) => {
                let absent = error.kind() == ErrorKind::NotDownloaded;
                code = code.max(if absent { Code::Incomplete } else { Code::Damaged });
                let title = ui::plain(record.facts.title.as_bytes());
                ui.warn(format!("lost: {title}: {error}"));
            }
            None => items.extend(whole_files(record).map(|paths| (*from, paths))),
        }
    }
    let files = files(taken, &plan.groups, ui)?;
    if is_stdout(verb) {
        return to_stdout(&files, &items, ui).map(|()| code);
    }
    let places = places(&files, &items, output)?;
    let records = plan.missing.iter().map(|missing| missing.record);
    let albums = Beside::new(Sort::Albums, &plan.groups, records);
    let texts = texts(&places, &files, albums.as_ref(), output);
    refuse_taken(places.iter().chain(texts.iter().map(|text| &text.place)))?;
    for (place, file) in places.iter().zip(&files) {
        take::write_file(place, &file.bytes, Overwrite::Never, file.is_sealed)?;
    }
    let mut whole = 0;
    if !items.is_empty() {
        let mut target = Target::create(output)?;
        let mut sum = Extracted::default();
        for (at, paths) in items {
            let Some(info) = plan.from.get(at) else { continue };
            let options = ExtractOptions { only: paths, ..ExtractOptions::default() };
            let mut done = library::extract(vault, info, &mut target, &options, &Silent)?;
            whole += done.files;
            sum.lost.append(&mut done.lost);
            sum.refused.append(&mut done.refused);
        }
        sum.finish(target.finish());
        for lost in &sum.lost {
            code = Code::Damaged;
            let path = lost.path.as_ref().map(ToString::to_string).unwrap_or_default();
            ui.warn(format!("lost: {path}: {}", lost.error));
        }
        for refused in &sum.refused {
            code = code.max(Code::Incomplete);
            ui.warn(refused.to_string());
        }
    }
    for Text { place, beside } in &texts {
        take::write_file(place, beside.text().as_bytes(), Overwrite::Never, beside.is_sealed)?;
    }
    tell(ui, verb, &places, &files, &texts, whole)?;
    Ok(code)
}

/// The files and folders that a record is, where it is whole ones and in no archive.
fn whole_files(record: &StoredRecord) -> Option<Vec<ItemPath>> {
    let place = record.place.as_ref().filter(|place| place.members.is_empty())?;
    Format::parse(&place.format).filter(|format| format.is_file())?;
    Some(place.paths())
}

/// What is secret comes first, so that the folder is made for its owner alone.
fn files(taken: Vec<Taken>, groups: &Groups, ui: &Ui) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut alone: Vec<Taken> = Vec::new();
    let mut joined: Vec<Vec<Taken>> = TOGETHER.iter().map(|_| Vec::new()).collect();
    for one in taken {
        let is_it = |(format, kind, _): &(Format, Kind, &str)| {
            *format == one.opened.format && kind.as_str() == one.record.facts.kind
        };
        match TOGETHER.iter().position(is_it).and_then(|at| joined.get_mut(at)) {
            Some(group) => group.push(one),
            None => alone.push(one),
        }
    }
    for ((format, kind, name), mut group) in TOGETHER.into_iter().zip(joined) {
        if group.is_empty() {
            continue;
        }
        let bytes = match (format, kind) {
            (Format::Logins, Kind::Passwords) => {
                let (bytes, written) = take::apple_csv(&group, Cells::Exact)?;
                for (number, text) in [
                    (
                        written.left_out,
                        "are no logins and not in the table; icvault extract HANDLE takes one",
                    ),
                    (written.fields_left_out, "fields have no column in the table"),
                ] {
                    if number > 0 {
                        ui.warn(format!("{number} {text}"));
                    }
                }
                bytes
            }
            (Format::Messages, _) => {
                group.sort_by_key(|one| one.record.facts.date);
                let messages: Vec<&[u8]> =
                    group.iter().map(|one| one.opened.bytes.as_slice()).collect();
                messages::write(&messages)
            }
            _ => {
                for (number, (bytes, layout)) in (1..).zip(together(group)?) {
                    files.push(file(numbered(name, number), bytes, &layout, groups));
                }
                continue;
            }
        };
        files.push(file(name.to_owned(), bytes, &group, groups));
    }
    let mut used = HashSet::new();
    for one in alone {
        let group = [one];
        let bytes = take::native(&group)?;
        let name = own_name(&group, &bytes, &mut used);
        files.push(file(name, bytes, &group, groups));
    }
    files.sort_by_key(|file| !file.is_sealed);
    Ok(files)
}

/// The bytes of a file, and the records in it.
type Layout = (Zeroizing<Vec<u8>>, Vec<Taken>);

/// Records of one format in one file where it takes all of them, else in one for each layout.
fn together(records: Vec<Taken>) -> Result<Vec<Layout>> {
    if let Ok(bytes) = take::native(&records) {
        return Ok(vec![(bytes, records)]);
    }
    let mut layouts: BTreeMap<Vec<u8>, Vec<Taken>> = BTreeMap::new();
    for one in records {
        layouts.entry(one.opened.frame_parts().concat()).or_default().push(one);
    }
    layouts.into_values().map(|layout| Ok((take::native(&layout)?, layout))).collect()
}

/// `events.ics`, then `events (2).ics`.
fn numbered(name: &str, number: u32) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if number > 1 => format!("{stem} ({number}).{extension}"),
        _ => name.to_owned(),
    }
}

fn file(name: String, bytes: Zeroizing<Vec<u8>>, taken: &[Taken], groups: &Groups) -> File {
    let is_sealed = taken.iter().any(|one| one.record.compartment == Compartment::Sealed);
    let kind = taken.first().map(|one| one.record.facts.kind.clone()).unwrap_or_default();
    let records = taken.iter().map(|one| &one.record);
    let sort = Sort::of(&kind).filter(|sort| *sort != Sort::Albums);
    let beside = sort.and_then(|sort| Beside::new(sort, groups, records));
    File { name, kind, bytes, records: taken.len() as u64, is_sealed, beside }
}

/// A name from a record's title that no other file has.
fn own_name(taken: &[Taken], bytes: &[u8], used: &mut HashSet<Vec<u8>>) -> String {
    let first = taken.first();
    let title = first.map(|one| one.record.facts.title.as_str()).unwrap_or_default();
    // A whole file out of an archive keeps its name.
    let member = first.filter(|one| one.opened.format.is_file());
    let member = member.and_then(|one| one.record.place.as_ref()?.members.last());
    let member = member.map(|member| member.rsplit('/').next().unwrap_or(member));
    let (title, extension) = match member.and_then(|member| member.rsplit_once('.')) {
        Some((title, extension)) => (title, Some(extension)),
        None => (title, None),
    };
    let is_plain = |c: char| c.is_alphanumeric() || " .-_@()+,".contains(c);
    let plain: String = title.chars().take(60).map(|c| if is_plain(c) { c } else { '_' }).collect();
    let plain = plain.trim_matches([' ', '.']);
    let plain = if plain.is_empty() { "untitled" } else { plain };
    let is_word = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let extension = match (extension.filter(is_word), bytes) {
        (Some(extension), _) => extension,
        _ if is_store(bytes) => "p12",
        (_, [b'-', b'-', b'-', b'-', b'-', ..]) => "pem",
        (_, [0x30, ..]) => "der",
        _ => "bin",
    };
    let mut number = 1;
    loop {
        let name = match number {
            1 => format!("{plain}.{extension}"),
            _ => format!("{plain} ({number}).{extension}"),
        };
        if used.insert(collision_key(name.as_bytes())) {
            return name;
        }
        number += 1;
    }
}

/// Where each file goes.
fn places(files: &[File], items: &[(usize, Vec<ItemPath>)], output: &Path) -> Result<Vec<PathBuf>> {
    let ends_in_slash = output.as_os_str().as_encoded_bytes().ends_with(b"/");
    let is_folder = output.is_dir() || ends_in_slash;
    let extension = output.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let is_one_of = |name: &str| {
        let theirs = Path::new(name).extension().map(|extension| extension.to_string_lossy());
        extension.as_deref() == theirs.as_deref()
    };
    let known =
        |text: &str| TOGETHER.iter().any(|(_, _, name)| name.rsplit('.').next() == Some(text));
    let places: Vec<PathBuf> = match files {
        [only] if items.is_empty() && !is_folder => {
            if extension.as_deref().is_some_and(known) && !is_one_of(&only.name) {
                let kind = &only.kind;
                return Err(Failure::usage(format!(
                    "what is missing is of kind {kind} and no such file"
                ))
                .hint(format!("-o {}", only.name)));
            }
            vec![output.to_owned()]
        }
        _ if extension.is_some() && !is_folder => {
            let message = format!("these go into several files: {}", names.join(", "));
            return Err(Failure::usage(message).hint("-o FOLDER/, or one kind: --kind contact"));
        }
        _ => files.iter().map(|file| output.join(&file.name)).collect(),
    };
    Ok(places)
}

/// A text that stands beside others, and where.
struct Text<'b> {
    place: PathBuf,
    beside: &'b Beside,
}

/// What stands beside the files: of each what is of it, and what is of all pictures.
fn texts<'b>(
    places: &[PathBuf],
    files: &'b [File],
    albums: Option<&'b Beside>,
    output: &Path,
) -> Vec<Text<'b>> {
    let beside = places.iter().zip(files).filter_map(|(place, file)| {
        let beside = file.beside.as_ref()?;
        Some(Text { place: beside.place(place), beside })
    });
    let is_one = matches!(places, [only] if only == output);
    let file = if is_one { output.to_owned() } else { output.join(Sort::Albums.file()) };
    let albums = albums.map(|albums| Text { place: albums.place(&file), beside: albums });
    beside.chain(albums).collect()
}

/// Refuses what is there already, before any is written.
fn refuse_taken<'p>(mut places: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
    match places.find(|place| is_there(place)) {
        Some(place) => {
            Err(Failure::new(Code::Failed, format!("there already: {}", place.display()))
                .hint("nothing was written; name another file"))
        }
        None => Ok(()),
    }
}

fn to_stdout(files: &[File], items: &[(usize, Vec<ItemPath>)], ui: &Ui) -> Result<()> {
    let ([only], true) = (files, items.is_empty()) else {
        return Err(Failure::usage("-o - writes one file").hint("one kind: --kind contact"));
    };
    if only.is_sealed && ui::is_terminal() {
        return Err(Failure::new(Code::Failed, "secrets are not shown on a terminal")
            .hint("-o FILE, or send it to a program"));
    }
    ui.content(&only.bytes)
}

fn tell(
    ui: &Ui,
    verb: &Recover,
    places: &[PathBuf],
    files: &[File],
    texts: &[Text<'_>],
    whole: u64,
) -> Result<()> {
    if verb.json {
        let document = |(place, file): (&PathBuf, &File)| {
            json!({
                "file": ui::plain(place.as_os_str().as_encoded_bytes()),
                "kind": file.kind,
                "records": file.records,
                "bytes": file.bytes.len(),
                "beside": file.beside.as_ref().map(|beside| {
                    ui::plain(beside.place(place).as_os_str().as_encoded_bytes())
                }),
            })
        };
        let albums = texts.iter().find(|text| text.beside.sort == Sort::Albums);
        return ui.json(&json!({
            "message_type": "summary",
            "dry_run": false,
            "albums": albums.map(|text| ui::plain(text.place.as_os_str().as_encoded_bytes())),
            "records": files.iter().map(|file| file.records).sum::<u64>(),
            "files": places.iter().zip(files).map(document).collect::<Value>(),
            "items": whole,
        }));
    }
    for (place, file) in places.iter().zip(files) {
        let (size, place) = (ui::size(file.bytes.len() as u64), place.display().to_string());
        let what = counted(&file.kind, file.records);
        ui.summary(format!("written: {what} ({size}) to {}", ui::escape(&place)))?;
    }
    if whole > 0 {
        ui.summary(format!("written: {}", ui::count(whole, "file")))?;
    }
    for Text { place, beside } in texts {
        let place = ui::escape(&place.display().to_string());
        ui.summary(format!("written: {} to {place}", beside.names()))?;
    }
    let has = |kind: Kind| files.iter().any(|file| file.kind == kind.as_str());
    for (kind, hint) in [
        (
            Kind::Contact,
            "Contacts: File > Import adds them; never open an .abbu to get people back, for it replaces all of them",
        ),
        (
            Kind::Event,
            "Calendar: File > Import adds them; never open an .icbu to get events back, for it replaces all of them",
        ),
        (Kind::Mail, "Mail: File > Import Mailboxes, files in mbox format"),
        (
            Kind::Passwords,
            "Passwords: File > Import Passwords; every password is readable in this file: delete it once it is imported",
        ),
    ] {
        if has(kind) {
            ui.hint(hint);
        }
    }
    Ok(())
}
