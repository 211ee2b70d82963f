//! `export`: a snapshot as a tar archive.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use vault::progress::{Phase, Progress as _};
use vault::vault::{self as library, Exported, SnapshotInfo};

use super::snapshots::totals;
use crate::args::{Args, Export};
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

pub(crate) fn export(args: &Args, verb: &Export, ui: &Ui) -> Result<Code> {
    let to_stdout = verb.output.as_os_str() == "-";
    if to_stdout && ui::is_terminal() {
        return Err(Failure::usage("an archive is not shown on a terminal")
            .hint("-o FILE.tar, or send it to a program"));
    }
    let session = session::open(args, ui, Purpose::Read)?;
    let found = names::resolve(&session.vault, &verb.snapshot)?;
    if found.item.is_some() {
        return Err(Failure::usage("this is an item, and a whole snapshot is exported")
            .hint("icvault extract ITEM -o DIR"));
    }
    let info = found.info;
    let bar = ui.progress();
    bar.phase(Phase::Extracting, Some(totals(&info).1));
    let done = if to_stdout {
        library::export(&session.vault, &info, BufWriter::new(io::stdout().lock()), &bar)?
    } else {
        let file = create(&verb.output, &info)?;
        let done = library::export(&session.vault, &info, BufWriter::new(&file), &bar);
        if done.is_err() {
            // Half an archive is nothing to rely on.
            drop(fs::remove_file(&verb.output));
        }
        let done = done?;
        file.sync_all().map_err(|error| {
            Failure::new(Code::Failed, format!("writing {}: {error}", verb.output.display()))
        })?;
        done
    };
    drop(bar);
    tell(ui, &done, to_stdout)
}

/// The file to write, which must be new: for its owner only when something sealed goes into it.
fn create(path: &Path, info: &SnapshotInfo) -> Result<File> {
    let mode = if info.snapshot.sealed.is_some() { 0o600 } else { 0o666 };
    let mut options = File::options();
    options.write(true).create_new(true).mode(mode).open(path).map_err(|error| {
        let failure = Failure::new(Code::Failed, format!("creating {}: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::AlreadyExists => failure.hint("choose another name"),
            _ => failure,
        }
    })
}

fn tell(ui: &Ui, done: &Exported, to_stdout: bool) -> Result<Code> {
    let shown = ui.named_max();
    for lost in done.lost.iter().take(shown) {
        match &lost.path {
            Some(path) => ui.warn(format!("lost: {path}: {}", lost.error)),
            None => ui.warn(format!("a part of the snapshot is lost: {}", lost.error)),
        }
    }
    for path in done.absent.iter().take(shown) {
        ui.warn(format!("never was in the export: {path}"));
    }
    for (number, text) in [
        (done.lost.len() as u64, "lost"),
        (done.absent.len() as u64, "never in the export"),
        (done.locked, "sealed and locked (use the full passphrase)"),
    ] {
        if number > 0 {
            ui.warn(format!("not in the archive: {number} {text}"));
        }
    }
    if done.sealed > 0 {
        let items = ui::count(done.sealed, "item");
        ui.warn(format!("{items} of the archive were sealed, and are readable in it"));
        ui.hint("keep it no longer than you need it");
    }
    if !to_stdout {
        let (items, size) = (ui::count(done.items, "item"), ui::size(done.bytes));
        ui.summary(format!("written: {items} ({size})"))?;
    }
    Ok(match (done.lost.is_empty(), done.absent.is_empty() && done.locked == 0) {
        (false, _) => Code::Damaged,
        (true, false) => Code::Incomplete,
        (true, true) => Code::Done,
    })
}
