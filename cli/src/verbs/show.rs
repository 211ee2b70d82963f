//! `show`: one record for people.

use serde_json::Value;
use serde_json::json;
use vault::kinds::certificates;
use vault::kinds::{Field, Kind, contacts, logins};
use vault::vault::{
    self as library, Item, RecordReader, SnapshotInfo, StoredRecord, Vault, kept_password,
};
use zeroize::Zeroizing;

use super::records::Shown;
use crate::args::{Args, Show};
use crate::clip;
use crate::errors::{Code, Failure, Result};
use crate::record_names::{self, Meant};
use crate::secrets::Passphrase;
use crate::session::{self, Purpose};
use crate::stores;
use crate::ui::{self, Ui};

/// What stands for a secret, however long it is.
const MASK: &str = "********";

pub(crate) fn show(args: &Args, verb: &Show, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Read)?;
    let vault = &session.vault;
    let (info, record) = match record_names::resolve(vault, &verb.item)? {
        Meant::Record(info, record) => (info, record),
        Meant::Item(info, item) => the_only(vault, info, &item)?,
        Meant::Snapshot(_) => return Err(Failure::usage("this is a whole snapshot")),
    };
    if verb.inside {
        return inside(vault, &info, &record, ui);
    }
    let fields = fields(vault, &info, &record)?;
    if let Some(seconds) = verb.clip {
        let secret = for_clipboard(&fields, verb)?;
        // While it waits, no key and no other secret is there.
        drop((session, fields));
        return clip::hold(&secret, seconds, ui);
    }
    if verb.totp {
        return totp(&fields, ui);
    }
    if let Some(name) = &verb.field {
        return one_field(&fields, name, verb, ui);
    }
    let shown = Shown::new(vault, &record);
    if verb.json {
        let mut document = shown.document(&info);
        let fields = fields.iter().map(|field| field_document(field, verb.reveal));
        if let Some(map) = document.as_object_mut() {
            map.insert("fields".to_owned(), fields.collect());
        }
        ui.json(&document)?;
        return Ok(Code::Done);
    }
    ui.line(shown.line(&info.snapshot.source))?;
    let width = fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    let mut is_masked = false;
    for field in fields.iter().filter(|field| !field.value.is_empty()) {
        let hidden = field.is_secret && !verb.reveal;
        is_masked |= hidden;
        let name = ui::escape(&field.name);
        let value = if hidden { MASK } else { field.value.as_str() };
        // Lines of a text below each other.
        for (number, line) in value.lines().enumerate() {
            let name = if number == 0 { name.as_str() } else { "" };
            let line = Zeroizing::new(ui::escape(line));
            ui.line(Zeroizing::new(format!("  {name:width$}  {}", *line)))?;
        }
    }
    for warning in &record.facts.warnings {
        ui.line(format!("  ({})", ui::escape(warning)))?;
    }
    if is_masked {
        ui.hint("--reveal shows what is masked, -f FIELD gives one field alone");
    }
    Ok(Code::Done)
}

/// What a record says, and the files beside it.
fn fields(vault: &Vault, info: &SnapshotInfo, record: &StoredRecord) -> Result<Vec<Field>> {
    let mut reader = RecordReader::new(vault, info);
    let mut fields = reader.fields(record)?;
    if record.facts.warnings.iter().any(|warning| warning == contacts::GROUP) {
        for field in fields.iter_mut().filter(|field| field.name == "member") {
            if let Some(title) = reader.title(Kind::Contact, &contacts::member(&field.value))? {
                field.value = Zeroizing::new(title);
            }
        }
    }
    for (path, told) in reader.fields_beside(record)? {
        let name = String::from_utf8_lossy(path.name()).into_owned();
        let (value, is_secret) = (Zeroizing::new(name), false);
        fields.push(Field { name: "beside".to_owned(), value, is_secret });
        fields.extend(told);
    }
    if record.facts.kind == Kind::Key.as_str()
        && certificates::is_store(&reader.open(record)?.bytes)
        && let Some(value) = kept(vault, info, record)?
    {
        fields.push(Field { name: "password".to_owned(), value, is_secret: true });
    }
    Ok(fields)
}

/// The record of a file that holds one; of a store, the store and not what is in it.
fn the_only(
    vault: &Vault,
    info: SnapshotInfo,
    item: &Item,
) -> Result<(SnapshotInfo, StoredRecord)> {
    let mut records = record_names::records_of(vault, &info, Some(&item.path))?;
    let mut own = records.iter().enumerate().filter(|(_, record)| has_bytes(record));
    let only = own.next().filter(|_| own.next().is_none()).map(|(at, _)| at);
    match (records.len(), only) {
        (0, _) => {
            Err(Failure::new(Code::NotFound, "nothing is known of what is in this file one by one")
                .hint("icvault cat gives its bytes"))
        }
        (_, Some(at)) => Ok((info, records.swap_remove(at))),
        (1, None) => Ok((info, records.swap_remove(0))),
        (several, None) => {
            Err(Failure::new(Code::NotFound, format!("this file holds {several} records"))
                .hint("icvault list --records ITEM prints their handles"))
        }
    }
}

/// Whether a record has bytes of its own in its file.
fn has_bytes(record: &StoredRecord) -> bool {
    let bytes = record.place.as_ref().map(|place| &place.bytes);
    matches!(bytes, Some(library::RecordBytes::Parts(..)))
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
fn inside(vault: &Vault, info: &SnapshotInfo, record: &StoredRecord, ui: &Ui) -> Result<Code> {
    let opened = library::open_record(vault, info, record)?;
    if !certificates::is_store(&opened.bytes) {
        return Err(Failure::usage("--inside is for PKCS#12 stores"));
    }
    let password = stores::password(kept(vault, info, record)?)?;
    for line in stores::in_words(&stores::open(&opened.bytes, &password)?) {
        ui.line(line)?;
    }
    Ok(Code::Done)
}

/// The password kept beside the file of a record.
pub(super) fn kept(
    vault: &Vault,
    info: &SnapshotInfo,
    record: &StoredRecord,
) -> Result<Option<Passphrase>> {
    let Some(place) = &record.place else { return Ok(None) };
    let Some(item) = library::find(vault, info, &place.file)? else { return Ok(None) };
    Ok(kept_password(vault, info, &item)?)
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
fn field_document(field: &Field, reveal: bool) -> Value {
    let value = (!field.is_secret || reveal).then_some(field.value.as_str());
    json!({ "name": field.name, "value": value, "secret": field.is_secret })
}
