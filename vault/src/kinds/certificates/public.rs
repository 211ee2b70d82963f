//! Public keys: what sort and how long, and the digest that a certificate, its private key and the
//! same key in another format have in common.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::ber::{BIT_STRING, Elements, INTEGER, OID, SEQUENCE, element};

/// 1.2.840.113549.1.1.1
pub(super) const RSA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01";
/// 1.2.840.113549.1.1.10
const RSA_PSS: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A";
/// 1.2.840.10045.2.1
pub(super) const EC: &[u8] = b"\x2A\x86\x48\xCE\x3D\x02\x01";
/// 1.2.840.10040.4.1
const DSA: &[u8] = b"\x2A\x86\x48\xCE\x38\x04\x01";
/// 1.3.101.112
pub(super) const ED25519: &[u8] = b"\x2B\x65\x70";

/// Curves: OID, name, bits.
pub(super) const CURVES: &[(&[u8], &str, usize)] = &[
    (b"\x2A\x86\x48\xCE\x3D\x03\x01\x07", "EC P-256", 256),
    (b"\x2B\x81\x04\x00\x22", "EC P-384", 384),
    (b"\x2B\x81\x04\x00\x23", "EC P-521", 521),
    (b"\x2B\x81\x04\x00\x0A", "EC secp256k1", 256),
    (b"\x2B\x24\x03\x03\x02\x08\x01\x01\x07", "EC brainpoolP256r1", 256),
    (b"\x2B\x24\x03\x03\x02\x08\x01\x01\x0B", "EC brainpoolP384r1", 384),
    (b"\x2B\x24\x03\x03\x02\x08\x01\x01\x0D", "EC brainpoolP512r1", 512),
];

/// Keys that are all of their algorithm: OID, name, bits.
const PLAIN: &[(&[u8], &str, usize)] = &[
    (ED25519, "Ed25519", 256),
    (b"\x2B\x65\x6E", "X25519", 256),
    (b"\x2B\x65\x71", "Ed448", 456),
    (b"\x2B\x65\x6F", "X448", 448),
];

/// The shortest RSA modulus that nobody takes apart, in bits.
const RSA_MIN: usize = 2048;

/// A public key, without its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// `RSA`, `EC P-256`, `Ed25519`, or `unknown`.
    pub algorithm: &'static str,
    /// How long it is in bits; 0 if that cannot be told.
    pub bits: usize,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub digest: [u8; 32],
}

impl PublicKey {
    /// That of `SubjectPublicKeyInfo ::= SEQUENCE { SEQUENCE { OID, … }, BIT STRING }`.
    pub(super) fn from_spki(spki: &[u8]) -> Self {
        let (algorithm, bits) = sort(spki).unwrap_or(("unknown", 0));
        Self { algorithm, bits, digest: Sha256::digest(spki).into() }
    }

    /// From the two numbers, each big-endian as an INTEGER holds it.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let key =
            element(SEQUENCE, &[&element(INTEGER, &[modulus]), &element(INTEGER, &[exponent])]);
        let algorithm = element(SEQUENCE, &[&element(OID, &[RSA]), b"\x05\x00"]);
        Self::joined(&algorithm, &key)
    }

    /// From the OID of the curve and the point.
    pub(super) fn ec(curve: &[u8], point: &[u8]) -> Self {
        let algorithm = element(SEQUENCE, &[&element(OID, &[EC]), &element(OID, &[curve])]);
        Self::joined(&algorithm, point)
    }

    /// From the 32 bytes of the point.
    pub(super) fn ed25519(point: &[u8]) -> Self {
        Self::joined(&element(SEQUENCE, &[&element(OID, &[ED25519])]), point)
    }

    fn joined(algorithm: &[u8], key: &[u8]) -> Self {
        let key = element(BIT_STRING, &[b"\x00", key]);
        Self::from_spki(&element(SEQUENCE, &[algorithm, &key]))
    }

    /// Whether it is too short to be relied on.
    pub(super) fn is_short(&self) -> bool {
        self.algorithm.starts_with("RSA") && self.bits < RSA_MIN && self.bits > 0
    }
}

impl fmt::Display for PublicKey {
    /// `RSA 2048`; where the name says how long it is, the name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            "RSA" | "RSA-PSS" | "DSA" => write!(f, "{} {}", self.algorithm, self.bits),
            name => f.write_str(name),
        }
    }
}

fn sort(spki: &[u8]) -> Option<(&'static str, usize)> {
    let mut parts = Elements::new(spki).want(SEQUENCE)?.elements();
    let mut algorithm = parts.want(SEQUENCE)?.elements();
    let oid = algorithm.want(OID)?.content;
    let parameters = algorithm.next();
    let known = |table: &[(&[u8], &'static str, usize)], oid: &[u8]| {
        table.iter().find(|row| row.0 == oid).map(|row| (row.1, row.2))
    };
    if oid == EC {
        return known(CURVES, parameters?.of(OID)?).or(Some(("EC", 0)));
    }
    if oid == RSA || oid == RSA_PSS {
        let name = if oid == RSA { "RSA" } else { "RSA-PSS" };
        let key = parts.want(BIT_STRING)?.content.strip_prefix(b"\x00")?;
        let modulus = Elements::new(key).want(SEQUENCE)?.elements().want(INTEGER)?;
        return Some((name, bits(modulus.content)));
    }
    if oid == DSA {
        let prime = parameters?.elements().want(INTEGER)?;
        return Some(("DSA", bits(prime.content)));
    }
    known(PLAIN, oid)
}

/// How long a big-endian number is.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).map_or(0, |byte| byte.leading_zeros());
    let bytes = number.len().saturating_sub(zeros);
    bytes.saturating_mul(8).saturating_sub(usize::try_from(first).unwrap_or(0))
}
