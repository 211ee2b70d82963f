//! `show`: one record for people, and `list --records`: what files hold, one by one.

use serde_json::{Value, json};
use vault::kinds::certificates::{self, Certificate, Pkcs12Error};
use vault::kinds::{Field, Kind, Record, logins};
use vault::vault::{self as library, HandlePrefix, Item, Records, SnapshotInfo, Vault, list};
use zeroize::Zeroizing;

use crate::args::{Args, Show};
use crate::clip;
use crate::errors::{Code, Failure, Result};
use crate::names;
use crate::secrets;
use crate::session::{self, Purpose};
use crate::ui::{self, JsonArray, Ui};

/// What stands for a secret, however long it is.
const MASK: &str = "********";

/// A file and what it holds.
struct Opened {
    info: SnapshotInfo,
    item: Item,
    records: Records,
}

/// A record of a file.
struct Found {
    file: Opened,
    at: usize,
}

pub(crate) fn show(args: &Args, verb: &Show, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Read)?;
    let vault = &session.vault;
    let prefix = verb.item.to_str().and_then(HandlePrefix::parse).filter(|p| p.is_of_record());
    let found = match prefix {
        Some(prefix) => by_handle(vault, &prefix, verb)?,
        None => in_file(vault, verb)?,
    };
    let Opened { info, item, records } = &found.file;
    let record = records.records.get(found.at).ok_or_else(|| not_found(verb))?;
    let fields = records.fields(record);
    if let Some(seconds) = verb.clip {
        let secret = for_clipboard(&fields, verb)?;
        // While it waits, no key and no other secret is there.
        drop((session, found, fields));
        return clip::hold(&secret, seconds, ui);
    }
    if verb.totp {
        return totp(&fields, ui);
    }
    if verb.inside {
        return inside(records, record, ui);
    }
    if let Some(name) = &verb.field {
        return one_field(&fields, name, verb, ui);
    }
    if verb.json {
        let mut document = document(vault, info, item, record);
        let fields = fields.iter().map(|field| field_document(field, verb.reveal));
        if let Some(map) = document.as_object_mut() {
            map.insert("fields".to_owned(), fields.collect());
        }
        ui.json(&document)?;
        return Ok(Code::Done);
    }
    ui.line(line(vault, info, item, record))?;
    let width = fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    let mut is_masked = false;
    for field in fields.iter().filter(|field| !field.value.is_empty()) {
        let hidden = field.is_secret && !verb.reveal;
        is_masked |= hidden;
        let name = ui::escape(&field.name);
        let value = Zeroizing::new(if hidden { MASK.to_owned() } else { ui::escape(&field.value) });
        ui.line(Zeroizing::new(format!("  {name:width$}  {}", *value)))?;
    }
    for warning in &record.warnings {
        ui.line(format!("  ({warning})"))?;
    }
    if is_masked {
        ui.hint("--reveal shows what is masked, -f FIELD gives one field alone");
    }
    Ok(Code::Done)
}

/// Prints the records of a file, or puts them into `array`; gives how many there are.
pub(super) fn list_records(
    vault: &Vault,
    info: &SnapshotInfo,
    item: &Item,
    array: &mut Option<JsonArray<'_>>,
    ui: &Ui,
) -> Result<u64> {
    let Some(records) = library::records(vault, info, item)? else { return Ok(0) };
    for record in &records.records {
        match array {
            Some(array) => array.push(&document(vault, info, item, record))?,
            None => ui.line(line(vault, info, item, record))?,
        }
    }
    for note in &records.notes {
        ui.warn(format!("{}: {note}", ui::escape_bytes(&item.path.to_display())));
    }
    Ok(records.records.len() as u64)
}

/// The record whose handle begins like this: in the newest snapshots first, then in older ones.
fn by_handle(vault: &Vault, prefix: &HandlePrefix, verb: &Show) -> Result<Found> {
    let newest: Vec<SnapshotInfo> = vault.newest()?.into_values().collect();
    if let Some(found) = in_snapshots(vault, &newest, prefix)? {
        return Ok(found);
    }
    let older = vault.snapshots()?.into_iter().rev();
    for info in older.filter(|info| newest.iter().all(|new| new.id != info.id)) {
        if let Some(found) = in_snapshots(vault, &[info], prefix)? {
            return Ok(found);
        }
    }
    Err(not_found(verb))
}

fn in_snapshots(
    vault: &Vault,
    snapshots: &[SnapshotInfo],
    prefix: &HandlePrefix,
) -> Result<Option<Found>> {
    let mut found: Option<(library::Handle, Found)> = None;
    for info in snapshots {
        let mut items = list(vault, info, &[]);
        while let Some(item) = items.next_item()? {
            let Some(records) = library::records(vault, info, &item)? else { continue };
            let handle = |record: &Record| vault.record_handle(item.compartment, record);
            let fits = |record: &Record| handle(record).is_some_and(|handle| prefix.fits(handle));
            let Some(at) = records.records.iter().position(fits) else { continue };
            let others = records.records.iter().filter(|record| fits(record)).filter_map(handle);
            let mut handles: Vec<library::Handle> = others.collect();
            handles.extend(found.as_ref().map(|(handle, _)| *handle));
            handles.sort_unstable();
            handles.dedup();
            let (Some(first), true) = (handles.first().copied(), handles.len() < 2) else {
                let handles: Vec<String> = handles.iter().map(ToString::to_string).collect();
                return Err(Failure::new(Code::NotFound, "several records are called so")
                    .hint(format!("which one: {}", handles.join("  "))));
            };
            if found.is_none() {
                let file = Opened { info: info.clone(), item, records };
                found = Some((first, Found { file, at }));
            }
        }
    }
    Ok(found.map(|(_, found)| found))
}

/// The only record of a file.
fn in_file(vault: &Vault, verb: &Show) -> Result<Found> {
    let resolved = names::resolve(vault, &verb.item)?;
    let item = resolved.item.ok_or_else(|| Failure::usage("this is a whole snapshot"))?;
    let records = library::records(vault, &resolved.info, &item)?.ok_or_else(|| {
        Failure::new(Code::NotFound, "nothing is known of what is in this file one by one")
            .hint("icvault cat gives its bytes")
    })?;
    match records.records.len() {
        0 => Err(Failure::new(Code::NotFound, "no record was found in this file")
            .hint("icvault cat gives its bytes")),
        1 => Ok(Found { file: Opened { info: resolved.info, item, records }, at: 0 }),
        several => Err(Failure::new(Code::NotFound, format!("this file holds {several} records"))
            .hint("icvault list --records prints their handles")),
    }
}

fn not_found(verb: &Show) -> Failure {
    let item = ui::escape(&verb.item.to_string_lossy());
    Failure::new(Code::NotFound, format!("no such record: {item}"))
        .hint("icvault list --records prints what there is; sealed ones take the full passphrase")
}

/// The one-time code, the field that was named, or the password.
fn for_clipboard(fields: &[Field], verb: &Show) -> Result<Zeroizing<String>> {
    if verb.totp {
        return one_time_code(fields).map(|(code, _)| code);
    }
    let name = verb.field.as_deref().unwrap_or("password");
    field_of(fields, name).map(|field| field.value.clone())
}

fn totp(fields: &[Field], ui: &Ui) -> Result<Code> {
    let (code, left) = one_time_code(fields)?;
    ui.line(Zeroizing::new(format!("{}  {left} s left", *code)))?;
    Ok(Code::Done)
}

/// The one-time code of now, and for how many seconds it lasts.
fn one_time_code(fields: &[Field]) -> Result<(Zeroizing<String>, u64)> {
    let seed = fields.iter().find(|field| field.name == "otp" && !field.value.is_empty());
    let seed =
        seed.ok_or_else(|| Failure::new(Code::NotFound, "this record makes no one-time codes"))?;
    let seconds = u64::try_from(session::now() / 1_000_000_000).unwrap_or_default();
    logins::code(&seed.value, seconds)
        .map_err(|reason| Failure::new(Code::Failed, format!("no one-time code: {reason}")))
}

/// What a PKCS#12 store holds; that its password is right is seen by that.
fn inside(records: &Records, record: &Record, ui: &Ui) -> Result<Code> {
    let bytes = records.bytes(record).filter(|_| record.kind == Kind::Key);
    let bytes = bytes.ok_or_else(|| Failure::usage("--inside is for PKCS#12 stores"))?;
    let store = certificates::to_der(&bytes).unwrap_or(bytes);
    let password = secrets::store_password()?;
    let entries = certificates::open_p12(&store, &password).map_err(|error| {
        let code = match error {
            Pkcs12Error::WrongPassword => Code::WrongKey,
            Pkcs12Error::Unreadable | Pkcs12Error::Unwritable => Code::Failed,
        };
        Failure::new(code, error.to_string())
    })?;
    for entry in &entries {
        let certificate = entry.certificate.as_deref().and_then(Certificate::parse);
        let title = certificate.as_ref().map(|certificate| certificate.title.clone());
        let name = entry.name.clone().or(title).unwrap_or_else(|| "no name".to_owned());
        ui.line(ui::escape(&name))?;
        if let Some(certificate) = certificate {
            let issuer = ui::escape(&certificate.issuer);
            let until = certificate.not_after.checked_mul(1_000_000_000).and_then(ui::rfc3339);
            let until =
                until.map_or_else(|| "?".to_owned(), |text| text.chars().take(10).collect());
            let subject = ui::escape(&certificate.subject);
            ui.line(format!("  certificate  {subject}, until {until}, issued by {issuer}"))?;
        }
        if entry.key.is_some() {
            ui.line("  private key  here")?;
        }
    }
    Ok(Code::Done)
}

/// One field as it is, for a program.
fn one_field(fields: &[Field], name: &str, verb: &Show, ui: &Ui) -> Result<Code> {
    let field = field_of(fields, name)?;
    if field.is_secret && ui::is_terminal() && !verb.reveal {
        return Err(Failure::new(Code::Failed, "a secret is not shown on a terminal unasked")
            .hint("--reveal, or send it to a program"));
    }
    if ui::is_terminal() {
        ui.line(Zeroizing::new(ui::escape(&field.value)))?;
    } else {
        ui.bytes(field.value.as_bytes())?;
    }
    Ok(Code::Done)
}

fn field_of<'f>(fields: &'f [Field], name: &str) -> Result<&'f Field> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    field.ok_or_else(|| {
        let names: Vec<String> = fields.iter().map(|field| ui::escape(&field.name)).collect();
        Failure::new(Code::NotFound, format!("no field {}", ui::escape(name)))
            .hint(format!("it has: {}", names.join(", ")))
    })
}

fn line(vault: &Vault, info: &SnapshotInfo, item: &Item, record: &Record) -> String {
    let handle = vault.record_handle(item.compartment, record);
    let handle = handle.map(|handle| handle.to_string()).unwrap_or_default();
    let source = ui::escape(&info.snapshot.source);
    let path = ui::escape_bytes(&item.path.to_display());
    let mut text = format!("{handle}  {:9}  {}", record.kind, ui::escape(&record.title));
    for part in [&record.place, &record.user] {
        if !part.is_empty() && *part != record.title {
            text.push_str("  ");
            text.push_str(&ui::escape(part));
        }
    }
    format!("{text}  {source}:{path}")
}

fn document(vault: &Vault, info: &SnapshotInfo, item: &Item, record: &Record) -> Value {
    let handle = vault.record_handle(item.compartment, record);
    let path = ui::plain(&item.path.to_display());
    json!({
        "source": info.snapshot.source,
        "snapshot": info.id.to_string(),
        "path": path,
        "file": path,
        "type": "record",
        "kind": record.kind.as_str(),
        "title": record.title,
        "place": record.place,
        "user": record.user,
        "date": record.date.and_then(|date| ui::rfc3339(date.checked_mul(1_000_000_000)?)),
        "handle": handle.map(|handle| handle.to_string()),
        "compartment": item.compartment.as_str(),
        "warnings": record.warnings,
    })
}

fn field_document(field: &Field, reveal: bool) -> Value {
    let value = (!field.is_secret || reveal).then_some(field.value.as_str());
    json!({ "name": field.name, "value": value, "secret": field.is_secret })
}
