//! `key`: what opens the vault.

use serde_json::{Value, json};
use vault::format::SCRYPT_LOG_N_MAX;
use vault::keys;
use vault::payload::{Lock, SlotLock};
use vault::vault::{self as library, NewSlot, RecoveryCode, SlotInfo, SlotLetter};

use super::init::{recipient, recovery_slot, show_recovery};
use crate::args::{Args, KeyAdd, KeyList, KeyPasswd, KeyRemove, Role};
use crate::errors::{Code, Failure, Result};
use crate::kit::Kit;
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
        let (id, letter) = (super::short(slot.id), slot.letter.letter());
        let mut line = format!("{id}  {letter}  {:13}", opens_with(slot));
        match &slot.recorded {
            Some(row) => {
                let time = i64::try_from(row.time).unwrap_or(0).saturating_mul(1_000_000_000);
                let (role, label) = (ui::escape(&row.role), ui::escape(&row.label));
                line.push_str(&format!("  {role:8}  {}  {label}", ui::moment(time)));
            }
            None => line.push_str("  not known to the chain: it may be planted"),
        }
        if is_quantum_safe(slot) == Some(false) {
            line.push_str("  (quantum: no)");
        }
        if slot.copies < 2 {
            line.push_str(&format!("  ({} of 2 copies)", slot.copies));
        }
        ui.line(line)?;
    }
    Ok(Code::Done)
}

pub(crate) fn add(args: &Args, verb: &KeyAdd, ui: &Ui) -> Result<Code> {
    let recipient = verb.recipient.as_deref().map(|text| recipient(text, ui)).transpose()?;
    let mut session = session::open(args, ui, Purpose::Write)?;
    session.vault.refuse_slot_changes()?;
    if verb.recovery {
        return add_recovery(session, verb, ui);
    }
    let role = match verb.role {
        Role::Full => keys::Role::Full,
        Role::Everyday => keys::Role::Everyday,
        Role::Add => keys::Role::Add,
    };
    let passphrase = match recipient {
        Some(_) => None,
        None => Some(new_passphrase(&session, role, ui)?),
    };
    let (lock, letter, usual) = match (&recipient, &passphrase) {
        (Some(recipient), _) => (Lock::Recipient(recipient), SlotLetter::Key, "key"),
        (None, passphrase) => {
            let passphrase = passphrase.as_ref().map_or("", |text| text);
            (Lock::Passphrase(passphrase), SlotLetter::of_passphrase(role), "passphrase")
        }
    };
    let label = verb.label.clone().unwrap_or_else(|| usual.to_owned());
    let slot = NewSlot { lock, letter, role, label };
    let id = library::add_slot(&mut session.vault, slot, session::now())?;
    done(&mut session, ui, &format!("slot {} added, role {role}", super::short(id)))
}

/// Adds a recovery code. An old one cannot be shown again, and stays until it is removed.
fn add_recovery(mut session: Session, verb: &KeyAdd, ui: &Ui) -> Result<Code> {
    let kit = verb.kit.as_ref().map(|path| Kit::create(path, &session.path)).transpose()?;
    let code = RecoveryCode::generate(session::random().as_ref());
    let mut slot = recovery_slot(&code);
    if let Some(label) = &verb.label {
        slot.label.clone_from(label);
    }
    let id = library::add_slot(&mut session.vault, slot, session::now())?;
    let result = done(&mut session, ui, &format!("slot {} added, role full", super::short(id)))?;
    show_recovery(&code, ui)?;
    if let Some(kit) = kit {
        kit.write(&session, &code, ui)?;
    }
    Ok(result)
}

pub(crate) fn remove(args: &Args, verb: &KeyRemove, ui: &Ui) -> Result<Code> {
    let mut session = session::open(args, ui, Purpose::Write)?;
    session.vault.refuse_slot_changes()?;
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
    session.vault.refuse_slot_changes()?;
    let found = slots(&session)?;
    let role_of = |slot: &SlotInfo| {
        keys::Role::ALL.into_iter().find(|role| SlotLetter::of_passphrase(*role) == slot.letter)
    };
    let slot = match &verb.id {
        Some(prefix) => by_prefix(found, prefix)?,
        None => {
            let wanted = SlotLetter::of_passphrase(session.vault.role());
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
    let Some(role) = role_of(&slot) else {
        let failure = Failure::usage(format!("this opens with no passphrase: {}", describe(&slot)));
        return Err(failure.hint("icvault key add, then icvault key remove"));
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

/// A new passphrase that opens no slot yet: of two slots with one passphrase the one that is tried
/// first would open, whatever its role, and nobody would notice.
fn new_passphrase(session: &Session, role: keys::Role, ui: &Ui) -> Result<Passphrase> {
    let what = format!("new passphrase, role {role}");
    let passphrase = secrets::new_passphrase(&what, false, ui)?;
    match library::slot_of(&session.vault, &passphrase, SCRYPT_LOG_N_MAX)? {
        None => Ok(passphrase),
        Some((id, role)) => {
            let slot = super::short(id);
            let message = format!("this passphrase opens slot {slot} already, role {role}");
            Err(Failure::new(Code::Failed, message).hint("take another one"))
        }
    }
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
        (_, Some(SlotLock::Ssh)) => "ssh key",
        (_, Some(SlotLock::Other)) => "plugin",
        _ => "unknown",
    }
}

/// Whether a slot that is kept until there are quantum computers stands them; none when only its
/// plugin knows.
fn is_quantum_safe(slot: &SlotInfo) -> Option<bool> {
    match slot.lock? {
        SlotLock::Passphrase { .. } => Some(true),
        SlotLock::Identity | SlotLock::Ssh => Some(false),
        _ => None,
    }
}

fn document(slot: &SlotInfo) -> Value {
    json!({
        "id": slot.id.to_string(),
        "letter": slot.letter.letter().to_string(),
        "opens_with": opens_with(slot),
        "quantum_safe": is_quantum_safe(slot),
        "role": slot.recorded.as_ref().map(|row| row.role.clone()),
        "label": slot.recorded.as_ref().map(|row| row.label.clone()),
        "time": slot.recorded.as_ref().and_then(|row| {
            ui::rfc3339(i64::try_from(row.time).ok()?.checked_mul(1_000_000_000)?)
        }),
        "copies": slot.copies,
    })
}
