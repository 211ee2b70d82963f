//! `extract` and `cat`: items out of the vault.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use serde_json::{Value, json};
use vault::files::{self, ItemPath, Preview, Target, Unheld};
use vault::keys::Compartment;
use vault::progress::{Phase, Progress as _};
use vault::vault::{self as library, ExtractOptions, Extracted, FlatNames, Lost, Vault};

use super::choose::{Chosen, choose, own_file};
use super::snapshots::totals;
use super::take;
use crate::args::{Args, Cat, Extract, Overwrite};
use crate::errors::{Code, Failure, Result};
use crate::record_names::{self, Meant};
use crate::session::{self, Purpose};
use crate::ui::{self, Content, Ui};

pub(crate) fn cat(args: &Args, verb: &Cat, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Read)?;
    one(&session.vault, &verb.item, verb.reveal, ui)
}

/// Writes one file or record to standard output.
fn one(vault: &Vault, text: &OsStr, reveal: bool, ui: &Ui) -> Result<Code> {
    let (info, item) = match record_names::resolve(vault, text)? {
        Meant::Item(info, item) => (info, item),
        Meant::Record(info, record) => match own_file(&record) {
            None => return take::cat(vault, info, record, reveal, ui),
            Some(path) => {
                let item = library::find(vault, &info, path)?.ok_or_else(|| {
                    Failure::new(Code::NotFound, "the file of this record is not there")
                })?;
                (info, item)
            }
        },
        Meant::Snapshot(_) => {
            let failure = Failure::usage("this is a whole snapshot");
            return Err(failure.hint("icvault extract … -o DIR"));
        }
    };
    take::refuse_terminal(item.compartment == Compartment::Sealed, reveal)?;
    let mut content = Content::new(ui);
    let done = library::cat(vault, &info, &item, &mut content);
    match content.stopped {
        Some(failure) => Err(failure),
        None => Ok(done.map(|()| Code::Done)?),
    }
}

pub(crate) fn extract(args: &Args, verb: &Extract, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Read)?;
    let vault = &session.vault;
    let to_stdout = verb.output.as_os_str() == "-";
    let parts = match choose(vault, verb)? {
        Chosen::Records(records) => return take::write(vault, verb, &records, ui),
        Chosen::Items(_) if to_stdout && verb.dry_run => {
            return Err(Failure::usage("-o - writes one file, which --dry-run does not")
                .hint("icvault list ITEM"));
        }
        Chosen::Items(parts) => parts,
    };
    if to_stdout {
        return match verb.item.as_slice() {
            [only] if verb.kind.is_none() => one(vault, only, verb.reveal, ui),
            _ => Err(Failure::usage("-o - takes one file").hint("icvault extract ITEM -o -")),
        };
    }
    let sources: BTreeSet<&str> =
        parts.iter().map(|part| part.info.snapshot.source.as_str()).collect();
    let several = sources.len() > 1;
    for source in sources.iter().filter(|_| several && !verb.flat) {
        if let Some(reason) = files::refuse(source.as_bytes()) {
            let message = format!("the source {source} makes no folder: {reason}");
            let hint = "extract one source at a time: icvault extract SOURCE -o DIR";
            return Err(Failure::new(Code::Failed, message).hint(hint));
        }
    }
    let overwrite = match verb.overwrite {
        Overwrite::Never => files::Overwrite::Never,
        Overwrite::IfNewer => files::Overwrite::IfNewer,
        Overwrite::IfChanged => files::Overwrite::IfChanged,
        Overwrite::Always => files::Overwrite::Always,
    };
    let mut taker = match verb.dry_run {
        true => Taker::Preview(Preview::new(&verb.output, overwrite)),
        false => {
            let target = Target::create(&verb.output)?.overwrite(overwrite);
            Taker::Target(target.appledouble(verb.appledouble))
        }
    };
    let bar = ui.progress();
    let whole = parts.iter().all(|part| part.whole);
    let bytes = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(totals(&part.info).1));
    bar.phase(Phase::Extracting, whole.then_some(bytes));
    let mut done = Extracted::default();
    let flat = verb.flat.then(FlatNames::default);
    for part in parts {
        let below = match several && !verb.flat {
            true => Some(ItemPath::new(part.info.snapshot.source.as_bytes())?),
            false => None,
        };
        let only = if part.whole { Vec::new() } else { part.only };
        let options = ExtractOptions { only, below, flat: flat.clone() };
        let one = match &mut taker {
            Taker::Target(target) => library::extract(vault, &part.info, target, &options, &bar)?,
            Taker::Preview(preview) => library::preview(vault, &part.info, preview, &options)?,
        };
        take(&mut done, one);
    }
    if let Taker::Target(target) = taker {
        done.finish(target.finish());
    }
    drop(bar);
    if verb.json {
        ui.json(&document(&done, verb.dry_run))?;
        return Ok(code(&done));
    }
    tell(ui, verb, &done)
}

/// What takes the items.
enum Taker {
    Target(Target),
    /// Only says what it would take.
    Preview(Preview),
}

fn take(sum: &mut Extracted, one: Extracted) {
    for (sum, one) in [
        (&mut sum.files, one.files),
        (&mut sum.folders, one.folders),
        (&mut sum.links, one.links),
        (&mut sum.links_outside, one.links_outside),
        (&mut sum.kept, one.kept),
        (&mut sum.bytes, one.bytes),
        (&mut sum.locked, one.locked),
        (&mut sum.left_out, one.left_out),
        (&mut sum.items, one.items),
        (&mut sum.links_left_out, one.links_left_out),
    ] {
        *sum = sum.saturating_add(one);
    }
    sum.unheld += one.unheld;
    sum.refused.extend(one.refused);
    sum.lost.extend(one.lost);
    sum.absent.extend(one.absent);
}

fn tell(ui: &Ui, verb: &Extract, done: &Extracted) -> Result<Code> {
    let shown = ui.named_max();
    let rest = |total: usize| {
        if total > shown {
            ui.warn(format!("and {} more (-v names all)", total - shown));
        }
    };
    for lost in done.lost.iter().take(shown) {
        match &lost.path {
            Some(path) => ui.warn(format!("lost: {path}: {}", lost.error)),
            None => ui.warn(format!("a part of the snapshot is lost: {}", lost.error)),
        }
    }
    rest(done.lost.len());
    if !done.lost.is_empty() {
        ui.hint("another copy of the vault may have it; icvault check --read-data says all");
    }
    for error in done.refused.iter().take(shown) {
        ui.warn(error.to_string());
    }
    rest(done.refused.len());
    if !done.refused.is_empty() {
        ui.hint(
            "icvault cat ITEM > FILE gives it any name; --overwrite decides about what is there",
        );
    }
    for path in done.absent.iter().take(shown) {
        ui.warn(format!("never was in the export: {path}"));
    }
    rest(done.absent.len());
    let mut parts = vec![
        format!("{} ({})", ui::count(done.files, "file"), ui::size(done.bytes)),
        ui::count(done.folders, "folder"),
    ];
    if done.links > 0 {
        parts.push(ui::count(done.links, "link"));
    }
    let what = if verb.dry_run { "would be written" } else { "written" };
    ui.summary(format!("{what}: {}", parts.join(", ")))?;
    for (number, text) in [
        (done.kept, "already there and kept"),
        (done.refused.len() as u64, "refused"),
        (done.absent.len() as u64, "never in the export"),
        (done.lost.len() as u64, "lost"),
        (done.links_outside, "links that lead outside"),
        (done.links_left_out, "left out, as links would lead elsewhere"),
    ] {
        if number > 0 {
            ui.summary(format!("{number} {text}"))?;
        }
    }
    let Unheld { modes, mtimes, births, xattrs } = done.unheld;
    let unheld = [
        (modes, "mode"),
        (mtimes, "time of change"),
        (births, "time of birth"),
        (xattrs, "extended attribute"),
    ];
    let unheld: Vec<String> = unheld
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, thing)| ui::count(number, thing))
        .collect();
    if !unheld.is_empty() {
        ui.summary(format!("not held by this file system: {}", unheld.join(", ")))?;
    }
    if xattrs > 0 && !verb.appledouble {
        ui.hint("--appledouble keeps extended attributes beside the files, for a Mac to take back");
    }
    if done.locked > 0 {
        let items = ui::count(done.locked, "sealed item");
        ui.summary(format!("{items} locked (use the full passphrase)"))?;
    }
    if done.left_out > 0 {
        let items = ui::count(done.left_out, "sealed item");
        ui.summary(format!("{items} left out of this copy on purpose"))?;
    }
    Ok(code(done))
}

fn code(done: &Extracted) -> Code {
    match (done.lost.is_empty(), done.refused.is_empty() && done.absent.is_empty()) {
        (false, _) => Code::Damaged,
        (true, false) => Code::Incomplete,
        (true, true) => Code::Done,
    }
}

/// All that the text says, and every name.
fn document(done: &Extracted, dry_run: bool) -> Value {
    let Unheld { modes, mtimes, births, xattrs } = done.unheld;
    let path = |path: &ItemPath| json!(ui::plain(&path.to_display()));
    let lost = |lost: &Lost| json!({ "path": lost.path.as_ref().map(path), "error": lost.error.to_string() });
    json!({
        "message_type": "summary",
        "dry_run": dry_run,
        "files": done.files,
        "folders": done.folders,
        "links": done.links,
        "links_outside": done.links_outside,
        "links_left_out": done.links_left_out,
        "bytes": done.bytes,
        "kept": done.kept,
        "refused": done.refused.iter().map(|error| json!(error.to_string())).collect::<Value>(),
        "absent": done.absent.iter().map(path).collect::<Value>(),
        "lost": done.lost.iter().map(lost).collect::<Value>(),
        // Only writing tells.
        "unheld": (!dry_run).then(|| json!({
            "modes": modes,
            "mtimes": mtimes,
            "births": births,
            "xattrs": xattrs,
        })),
        "locked": done.locked,
    })
}
