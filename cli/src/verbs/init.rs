//! `init`: makes a vault.

use std::sync::Arc;

use vault::keys::Role;
use vault::payload::{Lock, SlotRecipient};
use vault::store::FolderStore;
use vault::vault::{self as library, InitOptions, NewSlot, RecoveryCode, SlotLetter};

use crate::args::{Args, Init};
use crate::errors::{Code, Failure, Result};
use crate::secrets;
use crate::session;
use crate::ui::{self, Ui};

pub(crate) fn init(args: &Args, verb: &Init, ui: &Ui) -> Result<Code> {
    let mut recipients =
        verb.recipient.iter().map(|text| recipient(text)).collect::<Result<Vec<_>>>()?;
    for identity in secrets::identities(args)?.unwrap_or_default() {
        recipients.push(recipient(&identity.recipient().to_string())?);
    }
    // Nothing is made before everything that a person may get wrong has been asked for.
    if verb.path.join("vault").exists() {
        let message = format!("there is a vault already in {}", verb.path.display());
        return Err(Failure::new(Code::Failed, message).hint("choose another folder"));
    }
    let passphrase = if recipients.is_empty() {
        let what = format!("new passphrase for {}", ui::escape(&verb.path.display().to_string()));
        Some(secrets::new_passphrase(&what, true)?)
    } else {
        None
    };
    if let Some(reason) = passphrase.as_ref().and_then(|text| secrets::weakness(text)) {
        ui.warn(format!("this passphrase is easily guessed: {reason}"));
        ui.hint("six words that nobody said before are good; icvault key passwd changes it");
    }
    let random = session::random();
    let recovery = (!verb.no_recovery).then(|| RecoveryCode::generate(random.as_ref()));
    let slot = |lock, letter, label: &str| NewSlot {
        lock,
        letter,
        role: Role::Full,
        label: label.to_owned(),
    };
    let mut slots = Vec::new();
    slots.extend(passphrase.as_ref().map(|passphrase| {
        slot(Lock::Passphrase(passphrase), SlotLetter::Passphrase, "passphrase")
    }));
    slots.extend(
        recipients.iter().map(|recipient| slot(Lock::Recipient(recipient), SlotLetter::Key, "key")),
    );
    slots.extend(
        recovery.as_ref().map(|code| {
            slot(Lock::Passphrase(code.as_str()), SlotLetter::Recovery, "recovery code")
        }),
    );
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
        // Never left out, not even when quiet: it is shown this once.
        ui.line(format!("recovery code: {}", code.as_str()))?;
        ui.summary("  write it down on paper: it opens everything, and is not shown again")?;
    }
    ui.summary("next: icvault add PATH")?;
    Ok(Code::Done)
}

/// Reads an age recipient of the command line.
pub(super) fn recipient(text: &str) -> Result<SlotRecipient> {
    SlotRecipient::parse(text).map_err(|error| {
        Failure::usage(format!("{error}: {text}"))
            .hint("age-keygen makes a pair; the recipient begins with age1")
    })
}
