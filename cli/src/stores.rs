//! The passwords of PKCS#12 stores: without its password the keys in such a store are lost.

use std::collections::BTreeSet;
use std::sync::Mutex;

use vault::files::ItemPath;
use vault::kinds::certificates::{self, Certificate, Entry, Pkcs12Error};
use vault::vault::AskPassword;
use zeroize::Zeroizing;

use crate::args::{self, Args};
use crate::errors::{Code, Failure, Result};
use crate::secrets::{self, Passphrase};
use crate::ui::{self, Pause, Ui};

/// How often a wrong password may be typed.
const TRIES: usize = 3;

/// What asks for the passwords of the stores that are added: those in the file of the environment
/// are tried, a line each, and at a terminal a person is asked. What opens is shown and kept, unless
/// the person does not want it to be.
pub(crate) fn asking(args: &Args, pause: Pause) -> Result<AskPassword> {
    if let Some(file) = args::store_password_file() {
        let lines = secrets::lines(&file)?;
        return Ok(AskPassword::new(move |_, store| {
            lines.iter().find(|line| certificates::opens(store, line)).cloned()
        }));
    }
    if args.json() || !secrets::has_terminal() || !ui::asks() {
        return Ok(AskPassword::default());
    }
    // A pack that did not read back makes all of it come again.
    let declined: Mutex<BTreeSet<ItemPath>> = Mutex::default();
    Ok(AskPassword::new(move |path, store| {
        let mut declined = declined.lock().ok()?;
        if declined.contains(path) {
            return None;
        }
        let password = pause.during(|| ask(path, store));
        if password.is_none() {
            declined.insert(path.clone());
        }
        password
    }))
}

fn ask(path: &ItemPath, store: &[u8]) -> Option<Passphrase> {
    let shown = ui::escape_bytes(&path.to_display());
    let question = format!("password of {shown} (nothing: not now): ");
    for _ in 0..TRIES {
        let password = secrets::ask_hidden(&question)?;
        if password.is_empty() {
            return None;
        }
        let Ok(entries) = open(store, &password) else {
            secrets::say("it does not open with that\n");
            continue;
        };
        for line in in_words(&entries) {
            secrets::say(&format!("  {line}\n"));
        }
        let question = "keep this password in the vault, sealed, beside the store? [Y/n]: ";
        let answer = secrets::ask(question).ok()?;
        return (!answer.trim().to_lowercase().starts_with('n')).then_some(password);
    }
    None
}

/// What is in a store, in PEM or DER.
pub(crate) fn open(store: &[u8], password: &str) -> Result<Vec<Entry>> {
    certificates::open_p12(&der(store), password).map_err(failure)
}

/// The same store under a new password, encrypted as it is done today.
pub(crate) fn rewrap(store: &[u8], password: &str, new: &str) -> Result<Zeroizing<Vec<u8>>> {
    certificates::rewrap_p12(&der(store), password, new).map(Zeroizing::new).map_err(failure)
}

fn der(store: &[u8]) -> Zeroizing<Vec<u8>> {
    certificates::to_der(store).unwrap_or_else(|| Zeroizing::new(store.to_vec()))
}

fn failure(error: Pkcs12Error) -> Failure {
    let code = match error {
        Pkcs12Error::WrongPassword => Code::WrongKey,
        Pkcs12Error::Unreadable | Pkcs12Error::Unwritable => Code::Failed,
    };
    Failure::new(code, error.to_string())
}

/// A line for each entry, certificate and key of a store; no secret.
pub(crate) fn in_words(entries: &[Entry]) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries {
        let certificate = entry.certificate.as_deref().and_then(Certificate::parse);
        let title = certificate.as_ref().map(|certificate| certificate.title.clone());
        let name = entry.name.clone().or(title).unwrap_or_else(|| "no name".to_owned());
        lines.push(ui::escape(&name));
        if let Some(certificate) = certificate {
            let issuer = ui::escape(&certificate.issuer);
            let until = ui::day(certificate.not_after);
            let subject = ui::escape(&certificate.subject);
            lines.push(format!("  certificate  {subject}, until {until}, issued by {issuer}"));
        }
        if entry.key.is_some() {
            lines.push("  private key  here".to_owned());
        }
    }
    lines
}

/// The password of a store that is opened now: the one kept beside it, that of the file of the
/// environment, or asked for.
pub(crate) fn password(kept: Option<Passphrase>) -> Result<Passphrase> {
    match kept {
        Some(password) => Ok(password),
        None => secrets::store_password(),
    }
}

/// A new password for a store: from its file, or typed twice.
pub(crate) fn new_password(ui: &Ui) -> Result<Passphrase> {
    secrets::new_store_password(ui)
}
