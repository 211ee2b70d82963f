//! X.509 certificates: what one says. Nothing is verified.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha2::{Digest as _, Sha256};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::db::DB;
use x509_cert::der::{Any, Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::ext::Extension;
use x509_cert::name::Name;

use super::ber::{BIT_STRING, CONTEXT_0, Elements, INTEGER, OCTET_STRING, SEQUENCE};
use super::public::PublicKey;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");

const BOOLEAN: u8 = 0x01;
/// `[0]` in place of the tag of an OCTET STRING.
const IMPLICIT_0: u8 = 0x80;

/// Signatures over MD2, MD4, MD5 and SHA-1, which can be forged.
const BROKEN: &[&str] = &[
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.3",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.3.14.3.2.3",
    "1.3.14.3.2.27",
    "1.3.14.3.2.29",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
];

/// What one certificate says of itself.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What people call it: common name, else organisation, else the first alternative name, else
    /// the serial number.
    pub title: String,
    /// Distinguished name as RFC 4514 writes it.
    pub subject: String,
    /// Host names, mail addresses, IP addresses and URIs it is for as well.
    pub alternative_names: Vec<String>,
    /// Distinguished name as RFC 4514 writes it.
    pub issuer: String,
    /// What people call the issuer.
    pub issuer_title: String,
    /// In hex, as openssl prints it.
    pub serial: String,
    /// Since when it is valid, in seconds since 1970.
    pub not_before: i64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: i64,
    /// Whose certificate it is: the key.
    pub key: PublicKey,
    /// How it is signed: `sha256WithRSAEncryption`, or the OID of what has no name here.
    pub signature: String,
    /// Whether the signature is over a digest for which forgeries can be made.
    pub is_signature_weak: bool,
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Whether it may sign others.
    pub is_ca: bool,
    /// Whether it names itself as its issuer. That the signature holds was not checked.
    pub is_self_signed: bool,
    /// The id others name its key by, if it says one.
    pub subject_key_id: Option<Vec<u8>>,
    /// The id of the key that signed it, if it says one.
    pub authority_key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// What the DER of one certificate says; none if it is not one, or something follows it.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let parsed = CertificateInner::<Raw>::from_der(der).ok()?;
        let tbs = parsed.tbs_certificate();
        let spki = tbs.subject_public_key_info().to_der().ok()?;
        let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
        let value = |id| extension(extensions, id);
        let alternative_names = value(ALTERNATIVE_NAMES).map(names).unwrap_or_default();
        let serial = hex(tbs.serial_number().as_bytes(), "");
        let title = title(tbs.subject())
            .or_else(|| alternative_names.first().cloned())
            .unwrap_or_else(|| format!("serial {serial}"));
        let subject_key_id = value(SUBJECT_KEY_ID)
            .and_then(|value| Some(Elements::new(value).want(OCTET_STRING)?.content.to_vec()));
        let authority_key_id = value(AUTHORITY_KEY_ID).and_then(|value| {
            let mut parts = Elements::new(value).want(SEQUENCE)?.elements();
            Some(parts.want(IMPLICIT_0)?.content.to_vec())
        });
        let names_itself = tbs.subject() == tbs.issuer();
        let oid = parsed.signature_algorithm().oid;
        Some(Self {
            title,
            subject: tbs.subject().to_string(),
            alternative_names,
            issuer: tbs.issuer().to_string(),
            issuer_title: self::title(tbs.issuer()).unwrap_or_default(),
            serial,
            not_before: seconds(tbs.validity().not_before.to_unix_duration().as_secs()),
            not_after: seconds(tbs.validity().not_after.to_unix_duration().as_secs()),
            key: PublicKey::from_spki(&spki),
            signature: DB.by_oid(&oid).map_or_else(|| oid.to_string(), str::to_owned),
            is_signature_weak: BROKEN.contains(&oid.to_string().as_str()),
            fingerprint: Sha256::digest(der).into(),
            is_ca: value(BASIC_CONSTRAINTS).is_some_and(is_ca),
            is_self_signed: names_itself
                && (authority_key_id.is_none() || authority_key_id == subject_key_id),
            subject_key_id,
            authority_key_id,
        })
    }

    /// What a person should know of it.
    pub(super) fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.is_signature_weak {
            warnings.push("signed with SHA-1 or MD5");
        }
        if self.key.is_short() {
            warnings.push("RSA key shorter than 2048 bits");
        }
        warnings
    }
}

/// Bytes as hex, `between` two of them.
pub(super) fn hex(bytes: &[u8], between: &str) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(3));
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        // A String takes everything.
        write!(out, "{byte:02X}").unwrap_or_default();
    }
    out
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

fn extension(extensions: &[Extension], id: ObjectIdentifier) -> Option<&[u8]> {
    let found = extensions.iter().find(|extension| extension.extn_id == id)?;
    Some(found.extn_value.as_bytes())
}

/// The last common name, which is the most specific, or organisation of a name.
fn title(name: &Name) -> Option<String> {
    let last = |id| {
        let named = name.iter().filter(|part| part.oid == id);
        named.filter_map(|part| text(&part.value)).filter(|text| !text.is_empty()).last()
    };
    last(COMMON_NAME).or_else(|| last(ORGANISATION))
}

/// A string of any of the types a name may have.
fn text(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (pairs, _) = bytes.as_chunks::<2>();
            let units = pairs.iter().map(|[high, low]| u16::from(*high) << 8 | u16::from(*low));
            Some(char::decode_utf16(units).map(|char| char.unwrap_or('\u{FFFD}')).collect())
        }
        _ => None,
    }
}

/// `GeneralNames`, those that are text or an address.
fn names(value: &[u8]) -> Vec<String> {
    let Some(list) = Elements::new(value).want(SEQUENCE) else { return Vec::new() };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let named = list.elements().filter_map(|name| match name.tag {
        // Mail address, host, URI.
        0x81 | 0x82 | 0x86 => Some(text(name.content)),
        0x87 => address(name.content),
        _ => None,
    });
    named.collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let six = <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    Some(four.or(six).ok()?.to_string())
}

/// `BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, … }`
fn is_ca(value: &[u8]) -> bool {
    let list = Elements::new(value).want(SEQUENCE);
    let first = list.and_then(|list| list.elements().want(BOOLEAN));
    first.is_some_and(|first| first.content.iter().any(|byte| *byte != 0))
}

/// Whether `der` is laid out as a certificate, though perhaps not as the rules want it:
/// `SEQUENCE { SEQUENCE { [0] version OPTIONAL, serial INTEGER, … }, SEQUENCE, BIT STRING }`.
pub(super) fn looks_like(der: &[u8]) -> bool {
    let path = || {
        let mut parts = Elements::new(der).want(SEQUENCE)?.elements();
        let mut tbs = parts.want(SEQUENCE)?.elements();
        tbs.optional(CONTEXT_0);
        tbs.want(INTEGER)?;
        (0..4).try_for_each(|_| tbs.want(SEQUENCE).map(|_| ()))?;
        parts.want(SEQUENCE)?;
        parts.want(BIT_STRING).map(|_| ())
    };
    path().is_some()
}
