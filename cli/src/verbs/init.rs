//! `init`: makes a vault.

use std::sync::Arc;

use vault::keys::Role;
use vault::payload::{Lock, SlotRecipient};
use vault::store::FolderStore;
use vault::vault::{self as library, InitOptions, NewSlot, RecoveryCode, SlotLetter};

use crate::args::{Args, Init};
use crate::errors::{Code, Failure, Result};
use crate::kit::Kit;
use crate::plugins;
use crate::secrets::{self, Passphrase};
use crate::session;
use crate::ui::{self, Ui};

pub(crate) fn init(args: &Args, verb: &Init, ui: &Ui) -> Result<Code> {
    // Nothing is made before everything that a person may get wrong has been asked for.
    if verb.path.join("vault").exists() {
        let message = format!("there is a vault already in {}", verb.path.display());
        return Err(Failure::new(Code::Failed, message).hint("choose another folder"));
    }
    let recipients = recipients(args, verb, ui)?;
    let kit = verb.kit.as_ref().map(|path| Kit::create(path, &verb.path)).transpose()?;
    let passphrases = if recipients.is_empty() { passphrases(verb, ui)? } else { Vec::new() };
    let random = session::random();
    let recovery = (!verb.no_recovery).then(|| RecoveryCode::generate(random.as_ref()));
    let mut slots: Vec<NewSlot<'_>> = passphrases
        .iter()
        .map(|(role, passphrase)| NewSlot {
            lock: Lock::Passphrase(passphrase),
            letter: SlotLetter::of_passphrase(*role),
            role: *role,
            label: "passphrase".to_owned(),
        })
        .collect();
    slots.extend(recipients.iter().map(|recipient| NewSlot {
        lock: Lock::Recipient(recipient),
        letter: SlotLetter::Key,
        role: Role::Full,
        label: "key".to_owned(),
    }));
    slots.extend(recovery.as_ref().map(recovery_slot));
    let store = Arc::new(FolderStore::create(&verb.path)?);
    let vault = library::init(store, &InitOptions { slots, time: session::now(), random })?;
    let session = session::made(vault, &verb.path, ui);

    ui.summary(format!(
        "vault {} in {}",
        session.vault.id(),
        ui::escape(&verb.path.display().to_string())
    ))?;
    if let Some(head) = session.vault.head() {
        ui.summary(format!("head code: {}", head.code))?;
    }
    if let Some(code) = &recovery {
        show_recovery(code, ui)?;
        if let Some(kit) = kit {
            kit.write(&session, code, ui)?;
        }
    }
    super::warn_if_synced(&verb.path, ui);
    ui.summary("next: icvault add PATH")?;
    Ok(Code::Done)
}

/// The recipients that were named, and those of the identities that were.
fn recipients(args: &Args, verb: &Init, ui: &Ui) -> Result<Vec<SlotRecipient>> {
    let named = verb.recipient.iter().map(|text| recipient(text, ui));
    let mut recipients = named.collect::<Result<Vec<_>>>()?;
    for identity in secrets::identities(args, ui)?.unwrap_or_default() {
        recipients.push(identity.recipient().ok_or_else(|| {
            Failure::usage("a plugin's identity does not tell its recipient")
                .hint("--recipient age1PLUGIN1…, without -i")
        })?);
    }
    if verb.two_locks && !recipients.is_empty() {
        let failure = Failure::usage("--two-locks makes two passphrases, and an identity is given");
        return Err(
            failure.hint("leave one out; icvault key add --role everyday adds another lock")
        );
    }
    Ok(recipients)
}

fn passphrases(verb: &Init, ui: &Ui) -> Result<Vec<(Role, Passphrase)>> {
    let vault = ui::escape(&verb.path.display().to_string());
    if verb.two_locks {
        let [full, everyday] = secrets::two_passphrases(&vault, ui)?;
        return Ok(vec![(Role::Full, full), (Role::Everyday, everyday)]);
    }
    let what = format!("new passphrase for {vault}");
    Ok(vec![(Role::Full, secrets::new_passphrase(&what, true, ui)?)])
}

/// Reads a recipient of the command line, and says which plugin it is of.
pub(super) fn recipient(text: &str, ui: &Ui) -> Result<SlotRecipient> {
    let recipient = SlotRecipient::parse(text).map_err(|error| {
        Failure::usage(format!("{error}: {text}")).hint(
            "age-keygen makes a pair, the recipient begins with age1; of ssh keys only ssh-ed25519",
        )
    })?;
    Ok(match recipient.plugin().map(str::to_owned) {
        Some(name) => recipient.asking(plugins::announce(&name, ui)?),
        None => recipient,
    })
}

/// The slot of a recovery code.
pub(super) fn recovery_slot(code: &RecoveryCode) -> NewSlot<'_> {
    NewSlot {
        lock: Lock::Passphrase(code.as_str()),
        letter: SlotLetter::Recovery,
        role: Role::Full,
        label: "recovery code".to_owned(),
    }
}

/// Shows a recovery code. Never left out, not even when quiet: it is shown this once.
pub(super) fn show_recovery(code: &RecoveryCode, ui: &Ui) -> Result<()> {
    ui.line(format!("recovery code: {}", code.as_str()))?;
    ui.summary("  write it down on paper: it opens everything, and is not shown again")
}
