//! `extract` and `cat` of records: some of them as one valid file of their format.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde_json::json;
use vault::keys::Compartment;
use vault::kinds::certificates::{is_store, to_der, to_pem};
use vault::kinds::logins::{Cells, Written, to_apple_csv};
use vault::kinds::messages::to_eml;
use vault::kinds::{Field, Format, Framed};
use vault::vault::{self as library, OpenedRecord, SnapshotInfo, StoredRecord, Vault};
use zeroize::Zeroizing;

use super::show::kept;
use crate::args::{As, Extract, Overwrite};
use crate::errors::{Code, Failure, Result};
use crate::stores;
use crate::ui::{self, Ui};

/// A record that was opened.
pub(super) struct Taken {
    pub(super) info: SnapshotInfo,
    pub(super) record: StoredRecord,
    pub(super) opened: OpenedRecord,
}

impl Taken {
    pub(super) fn open(vault: &Vault, info: SnapshotInfo, record: StoredRecord) -> Result<Self> {
        let opened = library::open_record(vault, &info, &record)?;
        Ok(Self { info, record, opened })
    }
}

/// Writes records to a file or to standard output.
pub(super) fn write(vault: &Vault, verb: &Extract, taken: &[Taken], ui: &Ui) -> Result<Code> {
    let is_sealed = taken.iter().any(|taken| taken.record.compartment == Compartment::Sealed);
    let is_logins = taken.iter().any(|taken| taken.opened.format == Format::Logins);
    let to_stdout = verb.output.as_os_str() == "-";
    if to_stdout {
        refuse_terminal(is_sealed, verb.reveal)?;
    }
    let (bytes, written) = match (verb.p12_modern, verb.form, verb.spreadsheet) {
        (true, ..) => (modern(vault, taken, ui)?, None),
        (_, Some(As::AppleCsv), _) | (_, None, true) => {
            let cells = if verb.spreadsheet { Cells::Neutralised } else { Cells::Exact };
            let (bytes, written) = apple_csv(taken, cells)?;
            (bytes, Some(written))
        }
        (_, Some(As::Pem), _) => (pem(taken)?, None),
        (_, Some(As::Der), _) => (der(taken)?, None),
        (_, Some(As::Eml), _) => (eml(taken)?, None),
        (_, None, false) => (native(taken)?, None),
    };
    if to_stdout {
        ui.content(&bytes)?;
    } else if !verb.dry_run {
        write_file(&verb.output, &bytes, verb.overwrite, is_sealed)?;
    }
    tell(verb, taken, bytes.len(), written, to_stdout, ui)?;
    if is_logins && !to_stdout && !verb.dry_run {
        ui.hint("every password is readable in this file: delete it once it is imported");
    }
    Ok(Code::Done)
}

/// Writes a record to standard output as it is.
pub(super) fn cat(
    vault: &Vault,
    info: SnapshotInfo,
    record: StoredRecord,
    reveal: bool,
    ui: &Ui,
) -> Result<Code> {
    refuse_terminal(record.compartment == Compartment::Sealed, reveal)?;
    let taken = Taken::open(vault, info, record)?;
    ui.content(&native(&[taken])?)?;
    Ok(Code::Done)
}

/// Refuses to show what is sealed on a terminal unasked.
pub(super) fn refuse_terminal(is_sealed: bool, reveal: bool) -> Result<()> {
    if is_sealed && ui::is_terminal() && !reveal {
        let failure =
            Failure::new(Code::Failed, "a sealed item is not shown on a terminal unasked");
        return Err(failure.hint("--reveal, or send it to a file or a program"));
    }
    Ok(())
}

/// Records of one format in a file of it, with their exact bytes.
pub(super) fn native(taken: &[Taken]) -> Result<Zeroizing<Vec<u8>>> {
    let Some(first) = taken.first() else { return Ok(Zeroizing::default()) };
    let format = first.opened.format;
    let framed = taken.iter().map(|taken| Framed {
        frame: taken.opened.frame_parts(),
        bytes: taken.opened.bytes.as_slice(),
    });
    let records: Vec<Framed<'_>> = framed.collect();
    let is_same = taken.iter().all(|taken| taken.opened.format == format);
    let file = if is_same { format.write_all(&records) } else { None };
    file.ok_or_else(|| {
        let failure = Failure::new(Code::Failed, "these do not go into one file as they are");
        match format {
            Format::Logins => failure.hint(
                "--as apple-csv puts logins of all layouts into one table; or take them one by one",
            ),
            _ => failure.hint("take them one by one"),
        }
    })
}

pub(super) fn apple_csv(taken: &[Taken], cells: Cells) -> Result<(Zeroizing<Vec<u8>>, Written)> {
    let fields: Vec<Vec<Field>> = taken.iter().map(|taken| taken.opened.fields()).collect();
    // Once as large as it gets: a vector that grows would leave its old bytes behind.
    let size: usize = fields.iter().flatten().map(|field| 2 * field.value.len() + 64).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 256));
    let written = to_apple_csv(fields, cells, &mut *bytes);
    let written = written.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    Ok((bytes, written))
}

fn pem(taken: &[Taken]) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    for taken in taken {
        let pem = to_pem(&taken.opened.bytes).ok_or_else(|| no_form(taken, "PEM"))?;
        bytes.extend_from_slice(pem.as_bytes());
    }
    Ok(bytes)
}

fn der(taken: &[Taken]) -> Result<Zeroizing<Vec<u8>>> {
    let [only] = taken else {
        return Err(Failure::usage("a DER file holds one certificate or key")
            .hint("take them one by one, or --as pem"));
    };
    to_der(&only.opened.bytes).ok_or_else(|| no_form(only, "DER"))
}

fn eml(taken: &[Taken]) -> Result<Zeroizing<Vec<u8>>> {
    let [only] = taken else {
        return Err(Failure::usage("a file of this form holds one message")
            .hint("take them one by one; without --as they come as one mailbox"));
    };
    match only.opened.format {
        Format::Messages => Ok(Zeroizing::new(to_eml(&only.opened.bytes).to_vec())),
        _ => Err(no_form(only, "a message")),
    }
}

fn no_form(taken: &Taken, form: &str) -> Failure {
    let title = ui::plain(taken.record.facts.title.as_bytes());
    Failure::new(Code::Failed, format!("this has no form as {form}: {title}"))
        .hint("without --as it is written as it was stored")
}

/// A PKCS#12 store under a new password, encrypted as it is done today.
fn modern(vault: &Vault, taken: &[Taken], ui: &Ui) -> Result<Zeroizing<Vec<u8>>> {
    let [Taken { info, record, opened }] = taken else {
        return Err(Failure::usage("--p12-modern takes one PKCS#12 store"));
    };
    if !is_store(&opened.bytes) {
        return Err(Failure::usage("--p12-modern is for PKCS#12 stores"));
    }
    let password = stores::password(kept(vault, info, record)?)?;
    stores::open(&opened.bytes, &password)?;
    let new = stores::new_password(ui)?;
    stores::rewrap(&opened.bytes, &password, &new)
}

/// Makes a file; one that is there stays unless it was asked for. What is sealed is for its owner
/// alone, and so is the folder that is made for it.
pub(super) fn write_file(
    path: &Path,
    bytes: &[u8],
    overwrite: Overwrite,
    is_sealed: bool,
) -> Result<()> {
    let failed = |error: io::Error| {
        let failure = Failure::new(Code::Failed, format!("writing {}: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                failure.hint("--overwrite always replaces a file; a folder takes none of itself")
            }
            io::ErrorKind::IsADirectory => failure.hint("name the file to write in it"),
            io::ErrorKind::StorageFull => {
                Failure::new(Code::NoSpace, format!("writing {}: {error}", path.display()))
            }
            _ => failure,
        }
    };
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mode = if is_sealed { 0o700 } else { 0o777 };
    DirBuilder::new().recursive(true).mode(mode).create(folder).map_err(failed)?;
    // Under another name first, so that a file is whole or not there.
    let mut unfinished = OsString::from(".");
    unfinished.push(path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?);
    unfinished.push(".icvault-part");
    let unfinished = folder.join(unfinished);
    let mode = if is_sealed { 0o600 } else { 0o666 };
    let new = || File::options().write(true).create_new(true).mode(mode).clone();
    let is_kept = !matches!(overwrite, Overwrite::Always);
    if is_kept {
        // Nobody else can have the name from here on.
        new().open(path).map_err(failed)?;
    }
    let write = || {
        let mut file = new().open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    let written = write();
    if written.is_err() {
        drop(std::fs::remove_file(&unfinished));
        if is_kept {
            drop(std::fs::remove_file(path));
        }
    }
    written.map_err(failed)
}

fn tell(
    verb: &Extract,
    taken: &[Taken],
    length: usize,
    written: Option<Written>,
    to_stdout: bool,
    ui: &Ui,
) -> Result<()> {
    if verb.spreadsheet {
        ui.warn(
            "for a spreadsheet only: what looked like a formula has a ' before it, and does \
            not import as what it was",
        );
    }
    if let Some(written) = written {
        for (number, text) in [
            (written.left_out, "are no logins and not in the table"),
            (written.fields_left_out, "fields have no column in the table"),
        ] {
            if number > 0 {
                ui.warn(format!("{number} {text}"));
            }
        }
    }
    if to_stdout {
        return Ok(());
    }
    let what = if verb.dry_run { "would be written" } else { "written" };
    let records = taken.len() as u64;
    if verb.json {
        return ui.json(&json!({
            "message_type": "summary",
            "dry_run": verb.dry_run,
            "records": records,
            "rows": written.map(|written| written.rows),
            "left_out": written.map(|written| written.left_out),
            "fields_left_out": written.map(|written| written.fields_left_out),
            "bytes": length,
            "file": ui::plain(verb.output.as_os_str().as_encoded_bytes()),
        }));
    }
    let file = ui::escape(&verb.output.display().to_string());
    let size = ui::size(length as u64);
    ui.summary(format!("{what}: {} ({size}) to {file}", ui::count(records, "record")))
}
