//! `add`: stores an export.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vault::keys::Compartment;
use vault::kinds::Kind;
use vault::store::Strength;
use vault::vault::{self as library, AddOptions, Added, Seal};

use crate::args::{Add, Args};
use crate::errors::{Code, Failure, Result};
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

/// How many things that were left out are named, unless verbose.
const NAMED_MAX: usize = 10;

pub(crate) fn add(args: &Args, verb: &Add, ui: &Ui) -> Result<Code> {
    let source = match &verb.source {
        Some(source) => source.clone(),
        None => source_of(&verb.path)?,
    };
    for path in &verb.path {
        std::fs::symlink_metadata(path).map_err(|error| {
            Failure::new(Code::Failed, format!("reading {}: {error}", path.display()))
        })?;
    }
    let mut session = session::open(args, ui, Purpose::Write)?;
    let options = AddOptions {
        source: source.clone(),
        label: verb.message.clone().unwrap_or_default(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        tool: concat!("icvault ", env!("CARGO_PKG_VERSION")).to_owned(),
        time: session::now(),
        level: verb.level,
        seal: match (verb.sealed, verb.general) {
            (true, _) => Seal::Always,
            (_, true) => Seal::Never,
            _ => Seal::ByContent,
        },
        exclude: vec![session.path.clone()],
    };
    let bar = ui.progress();
    let added = library::add(&mut session.vault, &verb.path, &options, &bar)?;
    drop(bar);
    session.remember(ui);
    let code = session.vault.head().map(|head| head.code);
    tell(ui, verb, &source, &added, code.as_deref())?;
    Ok(if added.left_out.is_empty() { Code::Done } else { Code::Incomplete })
}

/// The source when none is named: the name of what is added, or of the folder that all of it is in.
fn source_of(paths: &[PathBuf]) -> Result<String> {
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

fn tell(ui: &Ui, verb: &Add, source: &str, added: &Added, head: Option<&str>) -> Result<()> {
    let (id, number) = (super::short(added.id), added.number);
    ui.summary(format!("snapshot {id} (number {number}) of \"{}\"", ui::escape(source)))?;
    let mut new = BTreeMap::new();
    let mut known = BTreeMap::new();
    for (kind, summary) in &added.kinds {
        new.insert(*kind, summary.items_new);
        known.insert(*kind, summary.items.saturating_sub(summary.items_new));
    }
    for (title, counts) in [("new", new), ("already there", known)] {
        let text = in_words(&counts);
        if !text.is_empty() {
            ui.summary(format!("{title}: {text}"))?;
        }
    }
    if !added.left_out.is_empty() {
        ui.summary(format!("not included: {}", ui::count(added.left_out.len() as u64, "item")))?;
        let shown = if ui.is_verbose() { usize::MAX } else { NAMED_MAX };
        for left_out in added.left_out.iter().take(shown) {
            let path = left_out.path.as_ref().map(|path| ui::escape_bytes(&path.to_display()));
            let path = path.unwrap_or_else(|| "?".to_owned());
            ui.summary(format!("  {path}: {}", ui::escape(&left_out.reason)))?;
        }
        if added.left_out.len() > shown {
            ui.summary(format!("  and {} more (-v names all)", added.left_out.len() - shown))?;
        }
    }
    ui.summary(format!(
        "read {}, new {}, stored {}",
        ui::size(added.bytes_read),
        ui::size(added.bytes_new),
        ui::size(added.bytes_stored)
    ))?;
    if added.packs_discarded > 0 {
        let packs = ui::count(added.packs_discarded, "pack");
        ui.warn(format!("{packs} did not read back as written and had to be stored again"));
        ui.hint("do not rely on this drive alone");
    }
    if added.kinds.keys().any(|(compartment, _)| *compartment == Compartment::Sealed) {
        for path in &verb.path {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            ui.summary(format!("still readable on disk: {}", shown(&path)))?;
        }
    }
    if added.strength == Strength::Written {
        ui.summary("written and read back; eject before unplugging")?;
    }
    if let Some(head) = head {
        ui.summary(format!("head code: {head}"))?;
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    ui::escape_bytes(path.as_os_str().as_bytes())
}

fn in_words(counts: &BTreeMap<(Compartment, Kind), u64>) -> String {
    let words =
        counts.iter().filter(|(_, count)| **count > 0).map(|((compartment, kind), count)| {
            let sealed = if *compartment == Compartment::Sealed { " (sealed)" } else { "" };
            format!("{}{sealed}", ui::count(*count, noun(*kind)))
        });
    words.collect::<Vec<_>>().join(", ")
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
        Kind::Note => "note",
        Kind::Bookmark => "bookmark file",
        Kind::History => "history file",
        Kind::Document => "document",
        Kind::File => "other file",
    }
}
