//! `certs`: certificates and keys of the newest snapshots.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vault::kinds::Kind;
use vault::kinds::certificates::Certificate;
use vault::vault::{self as library, Vault, list};

use crate::args::{Args, Certs};
use crate::errors::{Code, Failure, Result};
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

/// A certificate, and where it is.
struct Found {
    certificate: Certificate,
    handle: String,
    warnings: Vec<&'static str>,
    /// Every file that has it.
    places: Vec<String>,
}

/// A key, or what keeps one.
struct Key {
    title: String,
    handle: String,
    warnings: Vec<&'static str>,
    place: String,
    /// What its identity is made of: the digest of the public half, if that is known.
    identity: Vec<u8>,
}

#[derive(Default)]
struct Collection {
    certificates: BTreeMap<[u8; 32], Found>,
    keys: Vec<Key>,
}

pub(crate) fn certs(args: &Args, verb: &Certs, ui: &Ui) -> Result<Code> {
    let session = session::open(args, ui, Purpose::Read)?;
    let collection = collect(&session.vault, ui)?;
    let now = session::now() / 1_000_000_000;
    let mut certificates: Vec<&Found> = collection.certificates.values().collect();
    certificates.sort_by_key(|found| found.certificate.not_after);
    if let Some(days) = verb.expiring {
        let end = now.saturating_add(i64::from(days).saturating_mul(86_400));
        certificates.retain(|found| found.certificate.not_after <= end);
    }
    let mut keys: Vec<&Key> = collection.keys.iter().collect();
    if verb.weak {
        certificates.retain(|found| !found.warnings.is_empty());
        keys.retain(|key| !key.warnings.is_empty());
    } else if verb.expiring.is_some() {
        keys.clear();
    }
    if certificates.is_empty() && keys.is_empty() {
        return Err(Failure::new(Code::NotFound, "no such certificate or key")
            .hint("sealed ones take the full passphrase"));
    }
    if verb.json {
        let certificates = certificates.iter().map(|found| collection.document(found, now));
        let keys = keys.iter().map(|key| key.document());
        ui.json(&json!({
            "certificates": certificates.collect::<Value>(),
            "keys": keys.collect::<Value>(),
        }))?;
        return Ok(Code::Done);
    }
    for found in certificates {
        collection.tell(found, now, ui)?;
    }
    for key in keys {
        key.tell(ui)?;
    }
    Ok(Code::Done)
}

fn collect(vault: &Vault, ui: &Ui) -> Result<Collection> {
    let mut collection = Collection::default();
    let mut seen = BTreeSet::new();
    for info in vault.newest()?.into_values() {
        let mut items = list(vault, &info, &[]);
        while let Some(item) = items.next_item()? {
            let kind = Kind::parse(&item.facts.kind);
            if !matches!(kind, Some(Kind::Certificate | Kind::Key)) {
                continue;
            }
            let Some(records) = library::records(vault, &info, &item)? else { continue };
            let path = item.path.to_display();
            let place = format!("{}:{}", info.snapshot.source, ui::plain(&path));
            for note in &records.notes {
                ui.warn(format!("{}: {note}", ui::escape(&place)));
            }
            for record in &records.records {
                let handle = vault.record_handle(item.compartment, record);
                let handle = handle.map(|handle| handle.to_string()).unwrap_or_default();
                let warnings = record.warnings.clone();
                if let Some(certificate) = records.certificate(record) {
                    let found =
                        collection.certificates.entry(certificate.fingerprint).or_insert_with(
                            || Found { certificate, handle, warnings, places: Vec::new() },
                        );
                    // A file may have it many times over.
                    if found.places.last() != Some(&place) {
                        found.places.push(place.clone());
                    }
                } else if record.kind == Kind::Key && seen.insert((handle.clone(), place.clone())) {
                    let (title, place) = (record.title.clone(), place.clone());
                    let identity = record.identity.bytes.to_vec();
                    collection.keys.push(Key { title, handle, warnings, place, identity });
                }
            }
        }
    }
    Ok(collection)
}

impl Collection {
    /// Whether the private half of a certificate's key is there, as far as that can be told without
    /// a password.
    fn has_key(&self, certificate: &Certificate) -> bool {
        let identity = [b"key ".as_slice(), &certificate.key.digest].concat();
        self.keys.iter().any(|key| key.identity == identity)
    }

    /// Whether who issued a certificate is among the others.
    fn has_issuer(&self, certificate: &Certificate) -> bool {
        certificate.is_self_signed
            || self.certificates.values().any(|found| {
                let other = &found.certificate;
                other.subject == certificate.issuer
                    && (certificate.authority_key_id.is_none()
                        || certificate.authority_key_id == other.subject_key_id)
            })
    }

    fn tell(&self, found: &Found, now: i64, ui: &Ui) -> Result<()> {
        let Found { certificate, handle, warnings, places } = found;
        let ends = if certificate.not_after < now { "ended" } else { "until" };
        ui.line(format!(
            "{handle}  {}  {ends} {}  {}",
            ui::escape(&certificate.title),
            day(certificate.not_after),
            certificate.key,
        ))?;
        let line = |name: &str, text: &str| ui.line(format!("  {name:11} {}", ui::escape(text)));
        line("subject", &certificate.subject)?;
        if !certificate.alternative_names.is_empty() {
            line("names", &certificate.alternative_names.join(", "))?;
        }
        let issuer = match (certificate.is_self_signed, self.has_issuer(certificate)) {
            (true, _) => "itself".to_owned(),
            (false, true) => certificate.issuer.clone(),
            (false, false) => format!("{} (not in the vault)", certificate.issuer),
        };
        line("issued by", &issuer)?;
        line("since", &day(certificate.not_before))?;
        line("SHA-256", &fingerprint(certificate))?;
        line("key", if self.has_key(certificate) { "here" } else { "not seen" })?;
        for place in places {
            line("in", place)?;
        }
        for warning in warnings {
            line("weak", warning)?;
        }
        Ok(())
    }

    fn document(&self, found: &Found, now: i64) -> Value {
        let Found { certificate, handle, warnings, places } = found;
        json!({
            "handle": handle,
            "title": certificate.title,
            "subject": certificate.subject,
            "names": certificate.alternative_names,
            "issuer": certificate.issuer,
            "issuer_here": self.has_issuer(certificate),
            "serial": certificate.serial,
            "not_before": moment(certificate.not_before),
            "not_after": moment(certificate.not_after),
            "ended": certificate.not_after < now,
            "key": certificate.key.to_string(),
            "key_here": self.has_key(certificate),
            "signature": certificate.signature,
            "sha256": fingerprint(certificate),
            "is_ca": certificate.is_ca,
            "warnings": warnings,
            "files": places,
        })
    }
}

impl Key {
    fn tell(&self, ui: &Ui) -> Result<()> {
        ui.line(format!("{}  {}", self.handle, ui::escape(&self.title)))?;
        ui.line(format!("  {:11} {}", "in", ui::escape(&self.place)))?;
        for warning in &self.warnings {
            ui.line(format!("  {:11} {warning}", "weak"))?;
        }
        Ok(())
    }

    fn document(&self) -> Value {
        json!({
            "handle": self.handle,
            "title": self.title,
            "warnings": self.warnings,
            "files": [self.place],
        })
    }
}

fn fingerprint(certificate: &Certificate) -> String {
    let pairs: Vec<String> =
        certificate.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn day(seconds: i64) -> String {
    moment(seconds).map_or_else(|| "?".to_owned(), |text| text.chars().take(10).collect())
}

fn moment(seconds: i64) -> Option<String> {
    ui::rfc3339(seconds.checked_mul(1_000_000_000)?)
}
