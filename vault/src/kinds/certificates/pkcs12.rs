//! PKCS#12 stores: what one tells without its password, and opening and wrapping it anew with it.

use zeroize::Zeroizing;

use super::ber::{CONTEXT_0, Element, Elements, INTEGER, OID, SEQUENCE};

#[cfg(feature = "pkcs12")]
mod open;
#[cfg(feature = "pkcs12")]
pub use open::{Pkcs12Error, open_p12, rewrap_p12};

/// 1.2.840.113549.1.5, the schemes of PKCS#5
const PKCS5: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x05";
/// 1.2.840.113549.1.5.13
const PBES2: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0D";
/// 1.2.840.113549.1.12.1, the schemes of PKCS#12
const PKCS12_PBE: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01";
/// 1.2.840.113549.1.12.10.1.1 and .2: a private key, plain and with a password over it
const KEY_BAG: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x0A\x01\x01";
const SHROUDED_BAG: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x0A\x01\x02";
/// 1.2.840.113549.1.7.1 and .6
const DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x06";

/// Algorithms: OID, name, whether it is one of the old ones that give way.
const ALGORITHMS: &[(&[u8], &str, bool)] = &[
    (b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01\x01", "RC4-128 SHA-1", true),
    (b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01\x02", "RC4-40 SHA-1", true),
    (b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01\x03", "3DES SHA-1", true),
    (b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01\x04", "2DES SHA-1", true),
    (b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01\x05", "RC2-128 SHA-1", true),
    (b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01\x06", "RC2-40 SHA-1", true),
    (b"\x2A\x86\x48\x86\xF7\x0D\x03\x07", "3DES", true),
    (b"\x60\x86\x48\x01\x65\x03\x04\x01\x02", "AES-128", false),
    (b"\x60\x86\x48\x01\x65\x03\x04\x01\x16", "AES-192", false),
    (b"\x60\x86\x48\x01\x65\x03\x04\x01\x2A", "AES-256", false),
    (b"\x2A\x86\x48\x86\xF7\x0D\x02\x05", "MD5", true),
    (b"\x2B\x0E\x03\x02\x1A", "SHA-1", true),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", "SHA-256", false),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", "SHA-384", false),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", "SHA-512", false),
    // PBMAC1
    (b"\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0E", "PBMAC1", false),
];

/// What belongs together in a store: a certificate, a key, or a key with its certificate.
pub struct Entry {
    /// What the store calls it, if anything.
    pub name: Option<String>,
    /// The certificate in DER.
    pub certificate: Option<Vec<u8>>,
    /// Its private key in PKCS#8.
    pub key: Option<Zeroizing<Vec<u8>>>,
}

/// What a store tells without its password.
#[derive(Default)]
pub(super) struct Store {
    /// What its parts are encrypted with, each once.
    pub(super) ciphers: Vec<&'static str>,
    /// What its MAC is made with, if it has one.
    pub(super) mac: Option<&'static str>,
    /// Whether any of these is one of the old ones.
    pub(super) is_weak: bool,
    /// Whether a private key is in it without any password.
    pub(super) has_plain_key: bool,
}

/// What `outer` tells: `PFX ::= SEQUENCE { version 3, authSafe ContentInfo, macData OPTIONAL }`.
pub(super) fn look(outer: &Element<'_>) -> Option<Store> {
    let mut parts = outer.elements();
    if outer.tag != SEQUENCE || parts.want(INTEGER)?.content != [3] {
        return None;
    }
    let safe = parts.want(SEQUENCE)?;
    let kind = safe.elements().want(OID)?.content;
    let mut store = Store::default();
    if let Some(mac) = parts.want(SEQUENCE) {
        let info = mac.elements().want(SEQUENCE);
        let oid = info.and_then(|info| info.elements().want(SEQUENCE)?.elements().want(OID));
        store.mac = Some(store.algorithm(oid.map(|oid| oid.content).unwrap_or_default()));
    }
    if kind == DATA {
        // What is encrypted elsewhere than in its parts tells no more.
        store.parts(&safe).unwrap_or_default();
    }
    Some(store)
}

impl Store {
    /// `ContentInfo { data, [0] OCTET STRING { SEQUENCE OF ContentInfo } }`
    fn parts(&mut self, safe: &Element<'_>) -> Option<()> {
        let octets = explicit(safe)?.octets()?;
        for part in Elements::new(&octets).want(SEQUENCE)?.elements() {
            let kind = part.elements().want(OID)?;
            let inner = explicit(&part)?;
            if kind.content == ENCRYPTED_DATA {
                // SEQUENCE { version, SEQUENCE { OID, algorithm, … } }
                let mut info = inner.elements();
                info.want(INTEGER)?;
                let mut info = info.want(SEQUENCE)?.elements();
                info.want(OID)?;
                self.cipher(&info.want(SEQUENCE)?);
            } else if kind.content == DATA {
                let octets = inner.octets()?;
                for bag in Elements::new(&octets).want(SEQUENCE)?.elements() {
                    self.bag(&bag);
                }
            }
        }
        Some(())
    }

    /// `SafeBag ::= SEQUENCE { OID, [0] value, … }`
    fn bag(&mut self, bag: &Element<'_>) {
        match bag.elements().want(OID).map(|kind| kind.content) {
            Some(KEY_BAG) => self.has_plain_key = true,
            Some(SHROUDED_BAG) => {
                let scheme = explicit(bag).and_then(|key| key.elements().want(SEQUENCE));
                if let Some(scheme) = scheme {
                    self.cipher(&scheme);
                }
            }
            _ => {}
        }
    }

    /// Of `SEQUENCE { OID, parameters }`, PBES2 with the cipher in its parameters.
    fn cipher(&mut self, scheme: &Element<'_>) {
        let mut parts = scheme.elements();
        let Some(oid) = parts.want(OID) else { return };
        let mut inner = || {
            let mut parts = parts.want(SEQUENCE)?.elements();
            parts.want(SEQUENCE)?;
            Some(parts.want(SEQUENCE)?.elements().want(OID)?.content)
        };
        let cipher = if oid.content == PBES2 { inner() } else { Some(oid.content) };
        let name = self.algorithm(cipher.unwrap_or_default());
        if !self.ciphers.contains(&name) {
            self.ciphers.push(name);
        }
    }

    fn algorithm(&mut self, oid: &[u8]) -> &'static str {
        let found = ALGORITHMS.iter().find(|row| row.0 == oid);
        self.is_weak |= found.is_some_and(|row| row.2);
        found.map_or("unknown", |row| row.1)
    }

    /// What a person should know of it.
    pub(super) fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.is_weak {
            warnings.push("weak container: RC2, RC4, 3DES or SHA-1");
        }
        if self.has_plain_key {
            warnings.push("private key without a password");
        }
        warnings
    }
}

/// The element in `SEQUENCE { OID, [0] … }`.
fn explicit<'a>(info: &Element<'a>) -> Option<Element<'a>> {
    let mut parts = info.elements();
    parts.next()?;
    parts.want(CONTEXT_0)?.elements().next()
}

/// Whether `oid` encrypts with a password.
pub(super) fn is_password_scheme(oid: &[u8]) -> bool {
    oid.starts_with(PKCS5) || oid.starts_with(PKCS12_PBE)
}
