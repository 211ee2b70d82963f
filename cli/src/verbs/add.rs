//! `add`: stores an export.

use std::collections::BTreeMap;
use std::io::{self, BufReader, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::slice;
use std::sync::Arc;

use serde_json::{Value, json};
use vault::files::{Globs, ItemPath, synced};
use vault::keys::Compartment;
use vault::kinds::{Export, Kind, Lack};
use vault::store::{FolderStore, Strength};
use vault::vault::{
    self as library, AddOptions, Added, AskPassword, KindSummary, LeftOut, Likeness, PartsMissing,
    Seal, Spec, Summary, Vault,
};

use super::alarms;
use crate::args::{Add, Args};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::secrets;
use crate::session::{self, Purpose, Session};
use crate::stores;
use crate::ui::{self, Ui};

pub(crate) fn add(args: &Args, verb: &Add, ui: &Ui) -> Result<Code> {
    if let [only] = verb.path.as_slice()
        && only.as_os_str() == "-"
    {
        return add_stdin(args, verb, ui);
    }
    for path in &verb.path {
        std::fs::symlink_metadata(path).map_err(|error| {
            Failure::new(Code::Failed, format!("reading {}: {error}", path.display()))
        })?;
    }
    let purpose = if verb.dry_run { Purpose::Look } else { Purpose::Write };
    let mut session = session::open(args, ui, purpose)?;
    if verb.remove_source {
        // It is compared with what the vault gives back, so nothing is added first in vain.
        session.vault.refuse_unread()?;
    }
    let source = match &verb.source {
        Some(source) => source.clone(),
        None => source_of(&session, &verb.path, ui)?,
    };
    let bar = ui.progress();
    let passwords = stores::asking(args, bar.pause())?;
    let options = options(verb, source, &session, passwords)?;
    if verb.dry_run {
        let planned = library::plan(&verb.path, &options, &bar)?;
        drop(bar);
        return tell_plan(ui, verb, &options.source, &planned);
    }
    let added = library::add(&mut session.vault, &verb.path, &options, &bar)?;
    drop(bar);
    let code = tell(ui, verb, &options.source, &added, &mut session)?;
    if verb.remove_source {
        return Ok(code.max(remove(&mut session, verb, &added, ui)?));
    }
    Ok(code)
}

/// Stores the tar archive on standard input.
fn add_stdin(args: &Args, verb: &Add, ui: &Ui) -> Result<Code> {
    if io::stdin().is_terminal() {
        return Err(Failure::usage("stdin is a terminal").hint("tar -c … | icvault add - --as …"));
    }
    for (is_set, option) in [
        (verb.remove_source, "--remove-source"),
        (verb.dry_run, "--dry-run"),
        (!verb.exclude.is_empty(), "--exclude"),
    ] {
        if is_set {
            return Err(Failure::usage(format!("{option} is not for an archive on stdin")));
        }
    }
    let source = verb.source.clone().ok_or_else(|| {
        Failure::usage("an archive on stdin has no name").hint("--as SOURCE gives it one")
    })?;
    let mut session = session::open(args, ui, Purpose::Write)?;
    let bar = ui.progress();
    // What is asked for on the terminal would hold up the archive's writer.
    let options = options(verb, source, &session, AskPassword::default())?;
    let archive = BufReader::with_capacity(1 << 20, io::stdin());
    let added = library::add_archive(&mut session.vault, archive, &options, &bar)?;
    drop(bar);
    tell(ui, verb, &options.source, &added, &mut session)
}

fn options(
    verb: &Add,
    source: String,
    session: &Session,
    passwords: AskPassword,
) -> Result<AddOptions> {
    let leave_out = Globs::parse(verb.exclude.iter().map(String::as_str))
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok(AddOptions {
        source,
        label: verb.message.clone().unwrap_or_default(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        tool: concat!("icvault ", env!("CARGO_PKG_VERSION")).to_owned(),
        time: time(verb)?,
        level: verb.level,
        seal: match (verb.sealed, verb.general) {
            (true, _) => Seal::Always,
            (_, true) => Seal::Never,
            _ => Seal::ByContent,
        },
        kind: verb.kind.as_deref().map(names::kind).transpose()?,
        exclude: vec![session.path.clone()],
        leave_out,
        passwords,
        alarm: alarms::alarm(&verb.alarm)?,
        expected: verb.expected,
    })
}

fn finished(summary: &Summary) -> Code {
    if summary.is_incomplete() { Code::Incomplete } else { Code::Done }
}

/// Whether more vanished than is usual, and nobody expected that.
fn is_suspect(verb: &Add, added: &Added) -> bool {
    added.losses.is_some() && !verb.expected
}

/// The snapshot's time.
fn time(verb: &Add) -> Result<i64> {
    let now = session::now();
    match names::period(verb.time.as_deref(), None)? {
        (Some(time), _) if time > now => Err(Failure::usage("--time is still to come")),
        (time, _) => Ok(time.unwrap_or(now)),
    }
}

fn tell_plan(ui: &Ui, verb: &Add, source: &str, planned: &Summary) -> Result<Code> {
    if verb.json {
        ui.json(&json!({
            "message_type": "summary",
            "dry_run": true,
            "source": source,
            "kinds": kinds(&planned.kinds, false),
            "folders": planned.folders,
            "links": planned.links,
            "left_out": left_out(&planned.left_out),
            "doubted": doubted(&planned.doubted),
            "omissions": omissions(&planned.exports),
            "lacking": lacking(&planned.lacking),
            "parts_missing": parts(&planned.parts_missing),
            "bytes_read": planned.bytes_read,
        }))?;
        return Ok(finished(planned));
    }
    ui.summary(format!("would be stored as the next snapshot of \"{}\"", ui::escape(source)))?;
    let counts = planned.kinds.iter().map(|(kind, summary)| (*kind, summary.items)).collect();
    let text = in_words(&counts);
    if !text.is_empty() {
        ui.summary(text)?;
    }
    tell_left_out(ui, &planned.left_out)?;
    tell_doubted(ui, &planned.doubted)?;
    tell_omissions(ui, planned)?;
    let mut parts = vec![ui::size(planned.bytes_read), ui::count(planned.folders, "folder")];
    if planned.links > 0 {
        parts.push(ui::count(planned.links, "link"));
    }
    ui.summary(parts.join(", "))?;
    Ok(finished(planned))
}

/// All that the text says, and every name.
fn document(verb: &Add, source: &str, added: &Added, head: Option<&str>) -> Value {
    json!({
        "message_type": "summary",
        "dry_run": false,
        "source": source,
        "snapshot": added.id.to_string(),
        "number": added.number,
        "kinds": kinds(&added.summary.kinds, true),
        "folders": added.summary.folders,
        "links": added.summary.links,
        "left_out": left_out(&added.summary.left_out),
        "doubted": doubted(&added.summary.doubted),
        "records": records(&added.summary.records),
        "untold": doubted(&added.summary.untold),
        "stores_opened": paths(&added.summary.stores_opened),
        "stores_closed": paths(&added.summary.stores_closed),
        "losses": alarms::document(added.losses.as_ref()),
        "suspect": is_suspect(verb, added),
        "omissions": omissions(&added.summary.exports),
        "lacking": lacking(&added.summary.lacking),
        "parts_missing": parts(&added.summary.parts_missing),
        "notes_missing": notes(&added.summary.notes_missing),
        "bytes_read": added.summary.bytes_read,
        "bytes_new": added.bytes_new,
        "bytes_stored": added.bytes_stored,
        "packs_discarded": added.packs_discarded,
        "still_readable": still_readable(verb, added)
            .iter()
            .map(|path| json!(ui::plain(path.as_os_str().as_bytes())))
            .collect::<Value>(),
        "durable": added.strength != Strength::Written,
        "head_code": head,
    })
}

/// The kinds; `is_known` when it was found out what of them is new.
fn kinds(kinds: &BTreeMap<(Compartment, Kind), KindSummary>, is_known: bool) -> Value {
    let document = |(&(compartment, kind), summary): (&(Compartment, Kind), &KindSummary)| {
        json!({
            "compartment": compartment.as_str(),
            "kind": kind.as_str(),
            "items": summary.items,
            "bytes": summary.bytes,
            "items_new": is_known.then_some(summary.items_new),
        })
    };
    kinds.iter().map(document).collect()
}

fn records(counts: &BTreeMap<(Compartment, Kind), u64>) -> Value {
    let document = |(&(compartment, kind), count): (&(Compartment, Kind), &u64)| json!({ "compartment": compartment.as_str(), "kind": kind.as_str(), "records": count });
    counts.iter().map(document).collect()
}

fn paths(paths: &[ItemPath]) -> Value {
    paths.iter().map(|path| json!(ui::plain(&path.to_display()))).collect()
}

/// Paths with what is said of each.
fn doubted(doubted: &[(ItemPath, &str)]) -> Value {
    let document = |(path, word): &(ItemPath, &str)| json!({ "path": ui::plain(&path.to_display()), "reason": word });
    doubted.iter().map(document).collect()
}

fn left_out(left_out: &[LeftOut]) -> Value {
    let document = |one: &LeftOut| {
        let path = one.path.as_ref().map(|path| ui::plain(&path.to_display()));
        json!({ "path": path, "reason": one.reason })
    };
    left_out.iter().map(document).collect()
}

/// What such exports never hold.
pub(super) fn omissions<'e>(exports: impl IntoIterator<Item = &'e Export>) -> Value {
    let document = |export: &Export| {
        json!({
            "export": export.as_str(),
            "kind": export.kind().map(Kind::as_str),
            "leaves_out": export.leaves_out(),
        })
    };
    exports.into_iter().map(document).collect()
}

fn lacking(lacking: &[(ItemPath, Lack)]) -> Value {
    let document = |(path, lack): &(ItemPath, Lack)| {
        json!({
            "path": ui::plain(&path.to_display()),
            "lack": lack.as_str(),
            "reason": lack_in_words(*lack),
        })
    };
    lacking.iter().map(document).collect()
}

fn parts(parts: &[PartsMissing]) -> Value {
    let document = |(told, number): (&PartsMissing, u32)| {
        let name = ui::plain(told.part(number).as_bytes());
        json!({ "name": name, "part": number, "parts": told.count })
    };
    each_part(parts).map(document).collect()
}

fn each_part(parts: &[PartsMissing]) -> impl Iterator<Item = (&PartsMissing, u32)> {
    parts.iter().flat_map(|told| told.missing.iter().map(move |&number| (told, number)))
}

fn notes(tables: &[(ItemPath, u64)]) -> Value {
    let document = |(path, count): &(ItemPath, u64)| json!({ "path": ui::plain(&path.to_display()), "notes": count });
    tables.iter().map(document).collect()
}

/// The paths of what was sealed in the vault and lies open outside of it.
fn still_readable(verb: &Add, added: &Added) -> Vec<PathBuf> {
    let is_sealed = |(compartment, _): &(Compartment, Kind)| *compartment == Compartment::Sealed;
    if !added.summary.kinds.keys().any(is_sealed) || verb.remove_source {
        return Vec::new();
    }
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    verb.path.iter().filter(|path| path.as_os_str() != "-").map(absolute).collect()
}

/// The source when none is named: the one that holds the same things, else one by the path's name.
fn source_of(session: &Session, paths: &[PathBuf], ui: &Ui) -> Result<String> {
    let vault = &session.vault;
    let likenesses = library::likenesses(vault, paths, slice::from_ref(&session.path))?;
    let by_name = names::source(&common_name(paths)?);
    if let Some(Likeness { source, percent }) = likenesses.first().filter(|l| l.percent > 50) {
        let shown = ui::escape(source);
        if !(io::stdin().is_terminal() && secrets::has_terminal()) {
            ui.summary(format!("the next of \"{shown}\": {percent} % of it is the same"))?;
            return Ok(source.clone());
        }
        let question = format!(
            "{percent} % of it is the same as in \"{shown}\". Store it as the next of that? [Y/n] "
        );
        let answer = secrets::ask(&question)?;
        if !answer.trim().to_lowercase().starts_with('n') {
            return Ok(source.clone());
        }
        let new = unused(vault, &by_name);
        let answer = secrets::ask(&format!("The name of a new source [{}]: ", ui::escape(&new)))?;
        return Ok(if answer.trim().is_empty() { new } else { answer.trim().to_owned() });
    }
    if likenesses.iter().any(|likeness| likeness.source == by_name && likeness.percent == 0) {
        ui.warn(format!(
            "nothing in it is like the newest of \"{}\", whose name it has",
            ui::escape(&by_name)
        ));
        ui.hint("--as SOURCE stores it as another source");
    }
    Ok(by_name)
}

/// A name that no source has yet.
fn unused(vault: &Vault, name: &str) -> String {
    let roll = vault.heads().roll();
    let numbered = (2_u32..).map(|number| format!("{name} {number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !roll.contains_key(name)).unwrap_or_else(|| name.to_owned())
}

/// The name of what is added, or of the folder that all of it is in.
fn common_name(paths: &[PathBuf]) -> Result<String> {
    let unclear = || Failure::usage("the source has no name").hint("--as SOURCE");
    let whole = |path: &PathBuf| {
        // The last name only: whether that is a link does not matter.
        let absolute = std::path::absolute(path).map_err(|_| unclear())?;
        match path.file_name() {
            Some(_) => Ok(absolute),
            None => absolute.canonicalize().map_err(|_| unclear()),
        }
    };
    let paths = paths.iter().map(whole).collect::<Result<Vec<_>>>()?;
    let common = match paths.as_slice() {
        [only] => only.as_path(),
        [first, others @ ..] => first
            .ancestors()
            .skip(1)
            .find(|folder| others.iter().all(|other| other.starts_with(folder)))
            .ok_or_else(unclear)?,
        [] => return Err(unclear()),
    };
    common.file_name().and_then(|name| name.to_str()).map(str::to_owned).ok_or_else(unclear)
}

/// Removes what was added, reading the vault from the medium.
fn remove(session: &mut Session, verb: &Add, added: &Added, ui: &Ui) -> Result<Code> {
    let exclude = slice::from_ref(&session.path);
    let store = FolderStore::open(&session.path)?.past_cache();
    session.vault.set_store(Arc::new(store));
    let info = session.vault.resolve(&Spec::Id(added.id.to_string()))?;
    let bar = ui.progress();
    let removed = library::remove_source(&session.vault, &info, &verb.path, exclude, &bar)?;
    drop(bar);
    let (files, size) = (ui::count(removed.files, "file"), ui::size(removed.bytes));
    ui.summary(format!("removed: {files} ({size}), each read back from the vault and compared"))?;
    ui.summary("  (unlinked, not erased: a drive, a trash or a cloud may keep the bytes)")?;
    if removed.kept.is_empty() {
        return Ok(Code::Done);
    }
    ui.summary(format!(
        "still readable on disk: {}",
        ui::count(removed.kept.len() as u64, "item")
    ))?;
    name_items(ui, removed.kept.iter().map(reason))?;
    Ok(Code::Incomplete)
}

fn tell(ui: &Ui, verb: &Add, source: &str, added: &Added, session: &mut Session) -> Result<Code> {
    session.remember(ui);
    let head = session.vault.head().map(|head| head.code);
    let code = if is_suspect(verb, added) { Code::Incomplete } else { finished(&added.summary) };
    if verb.json {
        ui.json(&document(verb, source, added, head.as_deref()))?;
        return Ok(code);
    }
    let (id, number) = (super::short(added.id), added.number);
    ui.summary(format!("snapshot {id} (number {number}) of \"{}\"", ui::escape(source)))?;
    let mut new = BTreeMap::new();
    let mut known = BTreeMap::new();
    for (kind, summary) in &added.summary.kinds {
        new.insert(*kind, summary.items_new);
        known.insert(*kind, summary.items.saturating_sub(summary.items_new));
    }
    for (title, counts) in [("new", new), ("already there", known)] {
        let text = in_words(&counts);
        if !text.is_empty() {
            ui.summary(format!("{title}: {text}"))?;
        }
    }
    let records = records_in_words(&added.summary.records);
    if !records.is_empty() {
        ui.summary(format!("records: {records}"))?;
    }
    tell_left_out(ui, &added.summary.left_out)?;
    tell_doubted(ui, &added.summary.doubted)?;
    tell_untold(ui, &added.summary)?;
    tell_omissions(ui, &added.summary)?;
    ui.summary(format!(
        "read {}, new {}, stored {}",
        ui::size(added.summary.bytes_read),
        ui::size(added.bytes_new),
        ui::size(added.bytes_stored)
    ))?;
    if added.packs_discarded > 0 {
        let packs = ui::count(added.packs_discarded, "pack");
        ui.warn(format!("{packs} did not read back as written and had to be stored again"));
        ui.hint("do not rely on this drive alone");
    }
    for path in still_readable(verb, added) {
        let shown = ui::escape_bytes(path.as_os_str().as_bytes());
        let service = synced(&path).filter(|synced| synced.is_sure).map(|synced| {
            let service = synced.service;
            format!(" (synced by {service}: delete it there too, and in what was deleted there)")
        });
        ui.summary(format!("still readable on disk: {shown}{}", service.unwrap_or_default()))?;
    }
    if added.strength == Strength::Written {
        ui.summary("written and read back; eject before unplugging")?;
    }
    if let Some(head) = head {
        ui.summary(format!("head code: {head}"))?;
    }
    super::warn_if_synced(&session.path, ui);
    if !session.has_copies() {
        ui.summary("next: icvault copy --to PATH, on another drive")?;
    }
    if let Some(losses) = &added.losses {
        alarms::tell(ui, losses, added, verb.expected)?;
    }
    Ok(code)
}

fn reason(item: &LeftOut) -> (Option<&ItemPath>, &str) {
    (item.path.as_ref(), &item.reason)
}

/// Names items and what is said of them, as many as a person reads.
fn name_items<'a>(
    ui: &Ui,
    items: impl ExactSizeIterator<Item = (Option<&'a ItemPath>, &'a str)>,
) -> Result<()> {
    let line = |(path, reason): (Option<&ItemPath>, &str)| {
        let path = path.map(|path| ui::escape_bytes(&path.to_display()));
        format!("{}: {}", path.as_deref().unwrap_or("?"), ui::escape(reason))
    };
    name_lines(ui, items.map(line))
}

/// As many of these lines as a person reads.
fn name_lines(ui: &Ui, lines: impl ExactSizeIterator<Item = String>) -> Result<()> {
    let count = lines.len();
    let shown = ui.named_max();
    for line in lines.take(shown) {
        ui.summary(format!("  {line}"))?;
    }
    if count > shown {
        ui.summary(format!("  and {} more (-v names all)", count - shown))?;
    }
    Ok(())
}

fn tell_left_out(ui: &Ui, left_out: &[LeftOut]) -> Result<()> {
    if left_out.is_empty() {
        return Ok(());
    }
    ui.summary(format!("not included: {}", ui::count(left_out.len() as u64, "item")))?;
    name_items(ui, left_out.iter().map(reason))
}

fn tell_doubted(ui: &Ui, doubted: &[(ItemPath, &str)]) -> Result<()> {
    if doubted.is_empty() {
        return Ok(());
    }
    let files = ui::count(doubted.len() as u64, "file");
    ui.summary(format!("sealed, because it cannot be looked into: {files}"))?;
    name_items(ui, doubted.iter().map(|(path, word)| (Some(path), *word)))
}

fn in_words(counts: &BTreeMap<(Compartment, Kind), u64>) -> String {
    let words =
        counts.iter().filter(|(_, count)| **count > 0).map(|((compartment, kind), count)| {
            let sealed = if *compartment == Compartment::Sealed { " (sealed)" } else { "" };
            format!("{}{sealed}", ui::count(*count, noun(*kind)))
        });
    words.collect::<Vec<_>>().join(", ")
}

fn records_in_words(counts: &BTreeMap<(Compartment, Kind), u64>) -> String {
    let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
    for ((_, kind), count) in counts {
        *kinds.entry(*kind).or_default() += count;
    }
    let words = kinds.iter().map(|(kind, count)| ui::count(*count, record_noun(*kind)));
    words.collect::<Vec<_>>().join(", ")
}

/// What is not known one by one though it could be, and what opens with a password only.
fn tell_untold(ui: &Ui, summary: &Summary) -> Result<()> {
    if !summary.untold.is_empty() {
        let files = ui::count(summary.untold.len() as u64, "file");
        ui.summary(format!("not known one by one, or not all of it: {files}"))?;
        name_items(ui, summary.untold.iter().map(|(path, note)| (Some(path), *note)))?;
    }
    if !summary.stores_opened.is_empty() {
        let stores = ui::count(summary.stores_opened.len() as u64, "PKCS#12 store");
        ui.summary(format!("their password is kept beside them, sealed: {stores}"))?;
    }
    if !summary.stores_closed.is_empty() {
        let stores = ui::count(summary.stores_closed.len() as u64, "PKCS#12 store");
        ui.summary(format!("without their password, which nobody will know in years: {stores}"))?;
        let reason = "icvault add at a terminal asks for it";
        name_items(ui, summary.stores_closed.iter().map(|path| (Some(path), reason)))?;
    }
    Ok(())
}

/// What is not in the export: files that lack something, parts, notes, and what no such export has.
fn tell_omissions(ui: &Ui, summary: &Summary) -> Result<()> {
    if !summary.lacking.is_empty() {
        let files = ui::count(summary.lacking.len() as u64, "file");
        ui.summary(format!("not all there: {files}"))?;
        name_items(ui, summary.lacking.iter().map(|(path, it)| (Some(path), lack_in_words(*it))))?;
    }
    if !summary.parts_missing.is_empty() {
        let missing: Vec<String> =
            each_part(&summary.parts_missing).map(|(told, number)| told.part(number)).collect();
        let count = ui::count(missing.len() as u64, "part");
        ui.summary(format!("missing of a take-out: {count}"))?;
        name_lines(ui, missing.iter().map(|name| ui::escape(name)))?;
    }
    for (table, count) in &summary.notes_missing {
        let (notes, table) = (ui::count(*count, "note"), ui::escape_bytes(&table.to_display()));
        ui.summary(format!("not here, as locked ones are not: {notes} that {table} names"))?;
    }
    for export in &summary.exports {
        ui.summary(format!(
            "not in such a {}: {}",
            export.as_str(),
            export.leaves_out().join(", ")
        ))?;
    }
    Ok(())
}

fn lack_in_words(lack: Lack) -> &'static str {
    match lack {
        Lack::End => "cut off",
        Lack::Key => "a PKCS#12 store with certificates and no key",
        Lack::Account => "opens only in the account it was exported from; export it unencrypted",
        Lack::Attachments => "a message whose attachments are in files that are not there",
    }
}

/// What one record of a kind is called.
pub(super) fn record_noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Passwords => "login",
        Kind::Cards => "card",
        Kind::Key => "key",
        Kind::Certificate => "certificate",
        Kind::Contact => "contact",
        Kind::Event => "event",
        Kind::Mail => "message",
        Kind::Photo => "photo",
        Kind::Video => "video",
        Kind::Sound => "recording",
        Kind::Note => "note",
        Kind::Bookmark => "bookmark",
        Kind::History => "visit",
        Kind::Health => "health record",
        Kind::Document => "document",
        Kind::File => "other record",
    }
}

/// What one file of a kind is called; it may hold many of them.
fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Passwords => "password file",
        Kind::Cards => "card file",
        Kind::Key => "key file",
        Kind::Certificate => "certificate file",
        Kind::Contact => "contact file",
        Kind::Event => "calendar file",
        Kind::Mail => "mail file",
        Kind::Photo => "photo",
        Kind::Video => "video",
        Kind::Sound => "recording",
        Kind::Note => "note",
        Kind::Bookmark => "bookmark file",
        Kind::History => "history file",
        Kind::Health => "health file",
        Kind::Document => "document",
        Kind::File => "other file",
    }
}
