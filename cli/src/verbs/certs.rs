//! `certs`: certificates and keys of the newest snapshots.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vault::keys::Compartment;
use vault::kinds::Kind;
use vault::kinds::certificates::{Certificate, key_identity};
use vault::vault::{self as library, RecordName, RecordReader, SnapshotInfo, StoredRecord, Vault};

use super::records::Shown;
use crate::args::{Args, Certs};
use crate::errors::{Code, Failure, Result};
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

/// A certificate, and where it is.
struct Found {
    certificate: Certificate,
    handle: String,
    warnings: Vec<String>,
    /// Every file that has it.
    places: Vec<String>,
    /// Whether its private key is there too, as far as that can be told without a password.
    has_key: bool,
}

/// A key, or what keeps one.
struct Key {
    title: String,
    handle: String,
    warnings: Vec<String>,
    place: String,
}

#[derive(Default)]
struct Collection {
    certificates: BTreeMap<[u8; 32], Found>,
    keys: Vec<Key>,
    key_names: BTreeSet<(Compartment, RecordName)>,
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
    for info in vault.newest()?.into_values() {
        let mut records = library::records(vault, &info);
        let mut reader = RecordReader::new(vault, &info);
        while let Some(record) = records.next_record()? {
            match Kind::parse(&record.facts.kind) {
                Some(Kind::Certificate) => {
                    collection.take_certificate(vault, &info, &record, &mut reader, ui);
                }
                Some(Kind::Key) => collection.take_key(vault, &info, record),
                _ => {}
            }
        }
    }
    let Collection { certificates, keys, key_names } = &mut collection;
    keys.sort_by(|one, other| (&one.place, &one.title).cmp(&(&other.place, &other.title)));
    for found in certificates.values_mut() {
        found.places.sort();
        found.places.dedup();
        let identity = key_identity(&found.certificate.key.digest);
        found.has_key = [Compartment::General, Compartment::Sealed].iter().any(|&compartment| {
            let name = vault.record_name(compartment, Kind::Key, &identity);
            key_names.contains(&(compartment, name))
        });
    }
    Ok(collection)
}

impl Collection {
    fn take_certificate(
        &mut self,
        vault: &Vault,
        info: &SnapshotInfo,
        record: &StoredRecord,
        reader: &mut RecordReader<'_>,
        ui: &Ui,
    ) {
        let shown = Shown::new(vault, record);
        let place = format!("{}:{}", ui::escape(&info.snapshot.source), shown.place());
        let opened = match reader.open(record) {
            Ok(opened) => opened,
            Err(error) => return ui.warn(format!("{place}: {error}")),
        };
        let Some(certificate) = opened.certificate() else {
            return ui.warn(format!("{place}: a certificate that cannot be read"));
        };
        let handle = shown.handle.map(|handle| handle.to_string()).unwrap_or_default();
        let warnings = record.facts.warnings.clone();
        let (places, has_key) = (Vec::new(), false);
        let found = self.certificates.entry(certificate.fingerprint).or_insert_with(|| Found {
            certificate,
            handle,
            warnings,
            places,
            has_key,
        });
        found.places.push(place);
    }

    fn take_key(&mut self, vault: &Vault, info: &SnapshotInfo, record: StoredRecord) {
        let shown = Shown::new(vault, &record);
        let place = format!("{}:{}", ui::escape(&info.snapshot.source), shown.place());
        let handle = shown.handle.map(|handle| handle.to_string()).unwrap_or_default();
        self.key_names.insert((record.compartment, record.name));
        let (title, warnings) = (record.facts.title, record.facts.warnings);
        self.keys.push(Key { title, handle, warnings, place });
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
        let Found { certificate, handle, warnings, places, has_key } = found;
        let ends = if certificate.not_after < now { "ended" } else { "until" };
        ui.line(format!(
            "{handle}  {}  {ends} {}  {}",
            ui::escape(&certificate.title),
            ui::day(certificate.not_after),
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
        line("since", &ui::day(certificate.not_before))?;
        line("SHA-256", &fingerprint(certificate))?;
        line("key", if *has_key { "here" } else { "not seen" })?;
        for place in places {
            ui.line(format!("  {:11} {place}", "in"))?;
        }
        for warning in warnings {
            line("weak", warning)?;
        }
        Ok(())
    }

    fn document(&self, found: &Found, now: i64) -> Value {
        let Found { certificate, handle, warnings, places, has_key } = found;
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
            "key_here": has_key,
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
        ui.line(format!("  {:11} {}", "in", self.place))?;
        for warning in &self.warnings {
            ui.line(format!("  {:11} {}", "weak", ui::escape(warning)))?;
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

fn moment(seconds: i64) -> Option<String> {
    ui::rfc3339(seconds.checked_mul(1_000_000_000)?)
}
