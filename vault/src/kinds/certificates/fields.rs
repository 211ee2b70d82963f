//! The bytes of one record taken apart for a person, and turned from PEM into DER and back.

use std::time::Duration;

use plist::{Dictionary, Value};
use x509_cert::der::DateTime;
use zeroize::Zeroizing;

use super::ber::{Element, Elements, SEQUENCE};
use super::private::{self, PrivateKey};
use super::x509::{self, hex};
use super::{Certificate, PublicKey, pem, pkcs12, profile, ssh};
use crate::kinds::Field;

/// What the bytes of a record say; nothing if they are none of a certificate's or a key's. Of a
/// private key the whole is one secret field.
pub fn fields(record: &[u8]) -> Vec<Field> {
    let mut out = Fields(Vec::new());
    if profile::looks_like(record) {
        if let Some(settings) = profile::parse(record) {
            out.settings("", &settings);
        }
        return out.0;
    }
    if let Some((key, _)) = ssh::putty(record) {
        out.ssh(&key, true);
        out.secret("private key", &String::from_utf8_lossy(record));
        return out.0;
    }
    let block = pem::only(record);
    let decoded = block.as_ref().and_then(pem::Block::decode);
    let bytes = decoded.as_deref().map_or(record, Vec::as_slice);
    if let Some(key) = ssh::openssh(bytes) {
        out.ssh(&key, true);
        out.secret("private key", &String::from_utf8_lossy(record));
        return out.0;
    }
    if block.as_ref().is_some_and(pem::Block::is_encrypted) {
        out.clear("encrypted", "yes");
        out.secret("private key", &String::from_utf8_lossy(record));
        return out.0;
    }
    let Some(outer) = Elements::new(bytes).want(SEQUENCE) else {
        if let Some(key) = ssh::public_line(record) {
            out.ssh(&key, false);
        }
        return out.0;
    };
    out.der(&outer);
    out.0
}

/// Seconds since 1970 as RFC 3339 in UTC.
fn moment(seconds: i64) -> String {
    let since = u64::try_from(seconds).ok().map(Duration::from_secs);
    let moment = since.and_then(|since| DateTime::from_unix_duration(since).ok());
    moment.map_or_else(|| seconds.to_string(), |moment| moment.to_string())
}

/// One record as PEM; none if it has no such form.
pub fn to_pem(record: &[u8]) -> Option<Zeroizing<String>> {
    if let Some(block) = pem::only(record) {
        if block.is_encrypted() {
            return Some(Zeroizing::new(std::str::from_utf8(record).ok()?.to_owned()));
        }
        let label = std::str::from_utf8(block.label).ok()?;
        return Some(pem::encode(label, &block.decode()?));
    }
    let outer = Elements::new(record).next()?;
    let label = if pkcs12::look(&outer).is_some() {
        "PKCS12"
    } else if let Some(key) = private::parse(outer.whole) {
        key.label
    } else if x509::looks_like(outer.whole) {
        "CERTIFICATE"
    } else {
        return None;
    };
    Some(pem::encode(label, outer.whole))
}

/// One record as DER; none if it has no such form, as OpenSSH's keys and those that PEM itself
/// encrypts.
pub fn to_der(record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let decoded = match pem::only(record) {
        Some(block) if block.is_encrypted() => return None,
        Some(block) => block.decode()?,
        None => Zeroizing::new(record.to_vec()),
    };
    let outer = Elements::new(&decoded).want(SEQUENCE)?;
    Some(Zeroizing::new(outer.whole.to_vec()))
}

struct Fields(Vec<Field>);

impl Fields {
    fn clear(&mut self, name: &str, value: impl Into<String>) {
        let (name, value) = (name.to_owned(), Zeroizing::new(value.into()));
        if !value.is_empty() {
            self.0.push(Field { name, value, is_secret: false });
        }
    }

    fn secret(&mut self, name: &str, value: &str) {
        let (name, value) = (name.to_owned(), Zeroizing::new(value.to_owned()));
        self.0.push(Field { name, value, is_secret: true });
    }

    fn der(&mut self, outer: &Element<'_>) {
        if let Some(store) = pkcs12::look(outer) {
            self.clear("format", "PKCS#12");
            self.clear("encryption", store.ciphers.join(", "));
            self.clear("mac", store.mac.unwrap_or("none"));
        } else if let Some(key) = private::parse(outer.whole) {
            self.private(&key, outer.whole);
        } else if let Some(certificate) = Certificate::parse(outer.whole) {
            self.certificate(&certificate);
        }
    }

    fn certificate(&mut self, certificate: &Certificate) {
        self.clear("subject", certificate.subject.as_str());
        for name in &certificate.alternative_names {
            self.clear("alternative name", name.as_str());
        }
        self.clear("issuer", certificate.issuer.as_str());
        self.clear("serial", certificate.serial.as_str());
        self.clear("valid from", moment(certificate.not_before));
        self.clear("valid until", moment(certificate.not_after));
        self.clear("key", certificate.key.to_string());
        self.clear("signature", certificate.signature.as_str());
        self.clear("fingerprint", hex(&certificate.fingerprint, ":"));
        self.clear("key digest", hex(&certificate.key.digest, ":"));
        self.clear("authority", if certificate.is_ca { "yes" } else { "no" });
        self.clear("self-signed", if certificate.is_self_signed { "yes" } else { "no" });
    }

    fn private(&mut self, key: &PrivateKey, der: &[u8]) {
        self.clear("format", key.format);
        self.lock(key.is_encrypted);
        self.public(key.public.as_ref());
        self.secret("private key", &pem::encode(key.label, der));
    }

    fn ssh(&mut self, key: &ssh::SshKey, is_private: bool) {
        self.clear("algorithm", key.algorithm.as_str());
        self.clear("comment", key.comment.as_str());
        if is_private {
            self.lock(key.is_encrypted);
        }
        self.clear("fingerprint", key.fingerprint());
        self.public(key.public().as_ref());
    }

    fn lock(&mut self, is_encrypted: bool) {
        self.clear("encrypted", if is_encrypted { "yes" } else { "no" });
    }

    fn public(&mut self, public: Option<&PublicKey>) {
        if let Some(public) = public {
            self.clear("key", public.to_string());
            self.clear("key digest", hex(&public.digest, ":"));
        }
    }

    /// All that is text, a number or a choice, however deep; names of the way joined by dots.
    fn settings(&mut self, way: &str, settings: &Dictionary) {
        for (name, value) in settings {
            self.setting(&format!("{way}{name}"), value);
        }
    }

    fn setting(&mut self, name: &str, value: &Value) {
        match value {
            Value::Dictionary(inner) => self.settings(&format!("{name}."), inner),
            Value::Array(list) => list.iter().for_each(|value| self.setting(name, value)),
            Value::String(text) if profile::is_secret(name) => self.secret(name, text),
            Value::String(text) => self.clear(name, text.as_str()),
            Value::Data(data) if profile::is_secret(name) => self.secret(name, &hex(data, "")),
            Value::Boolean(choice) => self.clear(name, choice.to_string()),
            Value::Integer(number) => self.clear(name, number.to_string()),
            _ => {}
        }
    }
}
