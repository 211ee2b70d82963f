//! DER and BER: PKCS#12, private keys, certificates and what carries them.
//!
//! Nothing is decoded but tags and lengths along the path to what tells a structure from the
//! others. Lengths may be indefinite or longer than need be, as PKCS#12 writers make them, and
//! may reach behind the bytes at hand.

use super::bytes::holds;
use super::{Kind, Recognised};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const CONTEXT_0: u8 = 0xA0;
const CONTEXT_1: u8 = 0xA1;

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02";
/// 1.2.840.113549.1.7.3 and .6, and 1.2.840.113549.1.9.16.1.23
const ENCRYPTED: &[&[u8]] = &[
    b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03",
    b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x06",
    b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x01\x17",
];
/// 1.2.840.113549.1.5, the schemes of PKCS#5
const PKCS5: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x05";
/// 1.2.840.113549.1.12.1, the schemes of PKCS#12
const PKCS12_PBE: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01";

/// The shortest modulus or prime of a key worth the name, in bytes.
const MODULUS_MIN: usize = 32;
/// The secret number of a curve, in bytes: from 112 bits to P-521 and padding.
const SCALAR: std::ops::RangeInclusive<usize> = 14..=80;

pub(super) fn recognise(head: &[u8]) -> Option<Recognised> {
    let outer = element(head).filter(|outer| outer.tag == SEQUENCE)?;
    let first = element(outer.content)?;
    let second = element(first.rest);
    let key = match first.tag {
        INTEGER => is_pkcs12(&first) || is_private_key(&first, second.as_ref()),
        SEQUENCE => is_encrypted_key(&first, second.as_ref()),
        _ => false,
    };
    if key {
        return Some(Recognised::sealed(Kind::Key));
    }
    if first.tag == OID && first.content == SIGNED_DATA {
        return Some(signed_data(head, second.as_ref()));
    }
    if first.tag == OID && ENCRYPTED.contains(&first.content) {
        return Some(Recognised::closed("encrypted message"));
    }
    let certificate = first.tag == SEQUENCE && is_certificate(first.content);
    certificate.then_some(Recognised::plain(Kind::Certificate))
}

/// `PFX ::= SEQUENCE { version 3, authSafe SEQUENCE { contentType OID, … } … }`
fn is_pkcs12(version: &Element<'_>) -> bool {
    let safe = version.rest.first() == Some(&SEQUENCE);
    let inner = element(version.rest).and_then(|safe| safe.content.first().copied());
    small(version) == Some(3) && safe && inner.is_none_or(|tag| tag == OID)
}

/// The three ways to write a private key without a password over it.
fn is_private_key(version: &Element<'_>, second: Option<&Element<'_>>) -> bool {
    let (Some(version), Some(second)) = (small(version), second) else { return false };
    match (version, second.tag) {
        // PKCS#8: version, algorithm, OCTET STRING
        (0 | 1, SEQUENCE) => {
            let after = second.rest.first();
            second.content.first() == Some(&OID) && after.is_none_or(|tag| *tag == OCTET_STRING)
        }
        // PKCS#1, and OpenSSL's DSA: version, modulus or prime, INTEGER
        (0 | 1, INTEGER) => {
            let after = second.rest.first();
            second.length >= Some(MODULUS_MIN) && after.is_none_or(|tag| *tag == INTEGER)
        }
        // SEC1: version 1, OCTET STRING, then curve, public key or nothing
        (1, OCTET_STRING) => {
            let after = second.rest.first();
            second.length.is_some_and(|length| SCALAR.contains(&length))
                && after.is_none_or(|tag| matches!(*tag, CONTEXT_0 | CONTEXT_1))
        }
        _ => false,
    }
}

/// `EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm SEQUENCE { OID, … }, OCTET STRING }`
fn is_encrypted_key(algorithm: &Element<'_>, second: Option<&Element<'_>>) -> bool {
    let scheme = element(algorithm.content).filter(|oid| oid.tag == OID);
    let known = scheme
        .is_some_and(|oid| oid.content.starts_with(PKCS5) || oid.content.starts_with(PKCS12_PBE));
    known && second.is_none_or(|second| second.tag == OCTET_STRING)
}

/// A bundle of certificates, or a signed document.
fn signed_data(head: &[u8], explicit: Option<&Element<'_>>) -> Recognised {
    // A signed configuration profile: those hold passwords and PKCS#12 files in the clear.
    if holds(head, b"PayloadContent") {
        return Recognised::sealed(Kind::Key);
    }
    let signs_content = || {
        let signed = element(explicit?.content)?;
        let version = element(signed.content)?;
        let digests = element(version.rest)?;
        let encapsulated = element(digests.rest)?;
        let oid = element(encapsulated.content)?;
        (encapsulated.length.is_some() && oid.rest.first() == Some(&CONTEXT_0)).then_some(())
    };
    Recognised::plain(if signs_content().is_some() { Kind::File } else { Kind::Certificate })
}

/// The inside of a TBSCertificate, which no request and no revocation list begins like.
fn is_certificate(content: &[u8]) -> bool {
    let Some(first) = element(content) else { return false };
    let serial = if first.tag == CONTEXT_0 {
        let version = element(first.content).filter(|version| version.tag == INTEGER);
        if version.and_then(|version| small(&version)).is_none_or(|version| version > 2) {
            return false;
        }
        element(first.rest)
    } else {
        Some(first)
    };
    let path = || {
        let serial = serial.filter(|serial| serial.tag == INTEGER)?;
        let algorithm = element(serial.rest).filter(|algorithm| algorithm.tag == SEQUENCE)?;
        let issuer = element(algorithm.rest).filter(|issuer| issuer.tag == SEQUENCE)?;
        let validity = element(issuer.rest).filter(|validity| validity.tag == SEQUENCE)?;
        let oid = algorithm.content.first() == Some(&OID);
        let time = matches!(validity.content.first(), Some(&(UTC_TIME | GENERALIZED_TIME)));
        (oid && time).then_some(())
    };
    path().is_some()
}

/// One tag, its length, its content as far as it is at hand, and what follows if it can be told.
struct Element<'a> {
    tag: u8,
    length: Option<usize>,
    content: &'a [u8],
    rest: &'a [u8],
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, bytes) = bytes.split_first()?;
    // Tags of several bytes stand nowhere on the paths followed here.
    if tag & 0x1F == 0x1F {
        return None;
    }
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..0x80 => (usize::from(first), bytes),
        0x80 => return Some(Element { tag, length: None, content: bytes, rest: &[] }),
        0x81..=0x84 => {
            let (digits, bytes) = bytes.split_at_checked(usize::from(first & 0x7F))?;
            let length = digits.iter().fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
            (usize::try_from(length).ok()?, bytes)
        }
        0x85..=0xFF => return None,
    };
    let (content, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
    Some(Element { tag, length: Some(length), content, rest })
}

/// The value of a whole INTEGER of one byte, leading zeros aside.
fn small(element: &Element<'_>) -> Option<u8> {
    if element.tag != INTEGER || element.length != Some(element.content.len()) {
        return None;
    }
    let (&value, zeros) = element.content.split_last()?;
    (value < 0x80 && zeros.iter().all(|zero| *zero == 0)).then_some(value)
}
