//! `key`: what opens the vault.

use serde_json::{Value, json};
use vault::keys;
use vault::payload::{Lock, SlotLock};
use vault::vault::{self as library, NewSlot, SlotInfo, SlotLetter};

use super::init::recipient;
use crate::args::{Args, KeyAdd, KeyList, KeyPasswd, KeyRemove, Role};
use crate::errors::{Code, Failure, Result};
use crate::secrets::{self, Passphrase};
use crate::session::{self, Purpose, Session};
use crate::ui::{self, Ui};

pub(crate) fn list(args: &Args, verb: &KeyList, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Look)?;
    let slots = slots(&session)?;
    if verb.json {
        ui.json(&slots.iter().map(document).collect::<Value>())?;
        return Ok(Code::Done);
    }
    for slot in &slots {
        let mut line = format!("{}  {:13}", super::short(slot.id), opens_with(slot));
        match &slot.recorded {
            Some(row) => {
                let time = i64::try_from(row.time).unwrap_or(0).saturating_mul(1_000_000_000);
                let (role, label) = (ui::escape(&row.role), ui::escape(&row.label));
                line.push_str(&format!("  {role:8}  {}  {label}", ui::moment(time)));
            }
            None => line.push_str("  not known to the chain: it may be planted"),
        }
        if slot.copies < 2 {
            line.push_str(&format!("  ({} of 2 copies)", slot.copies));
        }
        ui.line(line)?;
    }
    Ok(Code::Done)
}

pub(crate) fn add(args: &Args, verb: &KeyAdd, ui: &Ui) -> Result<Code> {
    let recipient = verb.recipient.as_deref().map(recipient).transpose()?;
    let mut session = session::open(args, ui, Purpose::Write)?;
    let role = match verb.role {
        Role::Full => keys::Role::Full,
        Role::Everyday => keys::Role::Everyday,
        Role::Add => keys::Role::Add,
    };
    let letter = match &recipient {
        Some(_) => SlotLetter::Key,
        None => SlotLetter::of_passphrase(role),
    };
    let passphrase = match recipient {
        Some(_) => None,
        None => Some(new_passphrase(&session, role, ui)?),
    };
    let lock = match (&recipient, &passphrase) {
        (Some(recipient), _) => Lock::Recipient(recipient),
        (None, passphrase) => Lock::Passphrase(passphrase.as_ref().map_or("", |text| text)),
    };
    let usual = if recipient.is_some() { "key" } else { "passphrase" };
    let label = verb.label.clone().unwrap_or_else(|| usual.to_owned());
    let slot = NewSlot { lock, letter, role, label };
    let id = library::add_slot(&mut session.vault, slot, session::now())?;
    done(&mut session, ui, &format!("slot {} added, role {role}", super::short(id)))
}

pub(crate) fn remove(args: &Args, verb: &KeyRemove, ui: &Ui) -> Result<Code> {
    let mut session = session::open(args, ui, Purpose::Write)?;
    let slot = by_prefix(slots(&session)?, &verb.id)?;
    if !verb.yes {
        let absolute = std::path::absolute(&session.path).unwrap_or_else(|_| session.path.clone());
        let name = absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let what = ui::escape(&describe(&slot));
        let shown = ui::escape(&name);
        let answer = secrets::ask(&format!(
            "removing {what}; to go on type the name of the vault's folder ({shown}): "
        ))?;
        if answer != name && answer != shown {
            return Err(Failure::new(Code::Failed, "that is not its name; nothing was removed"));
        }
    }
    library::remove_slot(&mut session.vault, slot.id, session::now())?;
    let code = done(&mut session, ui, &format!("removed {}", ui::escape(&describe(&slot))))?;
    ui.warn("this does not revoke: who had it keeps what they could read, and other copies of the vault still have the slot");
    Ok(code)
}

pub(crate) fn passwd(args: &Args, verb: &KeyPasswd, ui: &Ui) -> Result<Code> {
    let mut session = session::open(args, ui, Purpose::Write)?;
    let found = slots(&session)?;
    let is_passphrase =
        |slot: &SlotInfo| matches!(slot.letter, SlotLetter::Passphrase | SlotLetter::Everyday);
    let slot = match &verb.id {
        Some(prefix) => by_prefix(found, prefix)?,
        None => {
            let wanted = match session.vault.role() {
                keys::Role::Full => SlotLetter::Passphrase,
                keys::Role::Everyday => SlotLetter::Everyday,
            };
            let mut fitting: Vec<_> =
                found.into_iter().filter(|slot| slot.letter == wanted).collect();
            match (fitting.pop(), fitting.is_empty()) {
                (Some(slot), true) => slot,
                (Some(_), false) => {
                    let failure = Failure::new(Code::NotFound, "there are several passphrases");
                    return Err(failure.hint("icvault key list shows their ids; give one of them"));
                }
                (None, _) => {
                    let failure = Failure::new(Code::NotFound, "there is no passphrase to change");
                    return Err(failure.hint("icvault key add"));
                }
            }
        }
    };
    if !is_passphrase(&slot) {
        let failure = Failure::usage(format!("this opens with no passphrase: {}", describe(&slot)));
        return Err(failure.hint("icvault key add, then icvault key remove"));
    }
    let role = match slot.letter {
        SlotLetter::Everyday => keys::Role::Everyday,
        _ => keys::Role::Full,
    };
    let passphrase = new_passphrase(&session, role, ui)?;
    let label = slot.recorded.as_ref().map_or("passphrase", |row| &row.label).to_owned();
    let new = NewSlot { lock: Lock::Passphrase(&passphrase), letter: slot.letter, role, label };
    let id = library::replace_slot(&mut session.vault, slot.id, new, session::now())?;
    let text = format!(
        "passphrase changed: slot {} took the place of {}",
        super::short(id),
        super::short(slot.id)
    );
    let code = done(&mut session, ui, &text)?;
    ui.warn(
        "other copies of the vault open with the old passphrase until they are brought up to date",
    );
    Ok(code)
}

fn done(session: &mut Session, ui: &Ui, text: &str) -> Result<Code> {
    session.remember(ui);
    ui.summary(text)?;
    if let Some(head) = session.vault.head() {
        ui.summary(format!("head code: {}", head.code))?;
    }
    Ok(Code::Done)
}

/// A new passphrase that is not the one the vault was opened with: two equal ones would open the
/// role that is tried first, and nobody would notice.
fn new_passphrase(session: &Session, role: keys::Role, ui: &Ui) -> Result<Passphrase> {
    let passphrase = secrets::new_passphrase(&format!("new passphrase, role {role}"), false)?;
    if session.passphrase.as_ref().is_some_and(|known| **known == *passphrase) {
        let failure =
            Failure::new(Code::Failed, "this is the passphrase the vault was opened with");
        return Err(failure.hint("take another one"));
    }
    if let Some(reason) = secrets::weakness(&passphrase) {
        ui.warn(format!("this passphrase is easily guessed: {reason}"));
    }
    Ok(passphrase)
}

fn slots(session: &Session) -> Result<Vec<SlotInfo>> {
    Ok(library::slots(session.vault.store().as_ref(), Some(&session.vault))?)
}

fn by_prefix(slots: Vec<SlotInfo>, prefix: &str) -> Result<SlotInfo> {
    let mut fitting: Vec<_> =
        slots.into_iter().filter(|slot| slot.id.to_string().starts_with(prefix)).collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(slot), true) if !prefix.is_empty() => Ok(slot),
        (None, _) => Err(Failure::new(Code::NotFound, format!("no slot begins with {prefix}"))
            .hint("icvault key list")),
        _ => Err(Failure::new(Code::NotFound, format!("several slots begin with {prefix}"))
            .hint("more digits; icvault key list")),
    }
}

fn describe(slot: &SlotInfo) -> String {
    let label = slot.recorded.as_ref().map_or("", |row| &row.label);
    format!("slot {} ({}) {label}", super::short(slot.id), opens_with(slot))
}

fn opens_with(slot: &SlotInfo) -> &'static str {
    match (slot.letter, slot.lock) {
        (_, None) => "unreadable",
        (SlotLetter::Recovery, Some(_)) => "recovery code",
        (_, Some(SlotLock::Passphrase { .. })) => "passphrase",
        (_, Some(SlotLock::Identity)) => "key",
        _ => "unknown",
    }
}

fn document(slot: &SlotInfo) -> Value {
    json!({
        "id": slot.id.to_string(),
        "letter": slot.letter.letter().to_string(),
        "opens_with": opens_with(slot),
        "role": slot.recorded.as_ref().map(|row| row.role.clone()),
        "label": slot.recorded.as_ref().map(|row| row.label.clone()),
        "time": slot.recorded.as_ref().and_then(|row| {
            ui::rfc3339(i64::try_from(row.time).ok()?.checked_mul(1_000_000_000)?)
        }),
        "copies": slot.copies,
    })
}
