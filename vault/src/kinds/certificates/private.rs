//! Private keys in DER: PKCS#8, PKCS#1, SEC1, with a password over them or not.
//!
//! Of the secret nothing is taken but what leads to the public half.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::ber::{
    BIT_STRING, CONTEXT_0, CONTEXT_1, Elements, INTEGER, OCTET_STRING, OID, SEQUENCE,
};
use super::pkcs12::is_password_scheme;
use super::public::{EC, ED25519, PublicKey, RSA};

/// `[1]` in place of the tag of a BIT STRING.
const IMPLICIT_1: u8 = 0x81;

/// What a private key tells without a password.
pub(super) struct PrivateKey {
    /// The format: `PKCS#8`.
    pub(super) format: &'static str,
    /// The label it has in PEM.
    pub(super) label: &'static str,
    /// Whether there is a password over it.
    pub(super) is_encrypted: bool,
    /// The public half, if it is at hand.
    pub(super) public: Option<PublicKey>,
}

/// What `der` is, or none if it is no private key.
pub(super) fn parse(der: &[u8]) -> Option<PrivateKey> {
    let mut parts = Elements::new(der).want(SEQUENCE)?.elements();
    let first = parts.next()?;
    let second = parts.next()?;
    let key =
        |format, label, public| Some(PrivateKey { format, label, is_encrypted: false, public });
    match (first.tag, second.tag) {
        (SEQUENCE, OCTET_STRING) => is_password_scheme(first.elements().want(OID)?.content)
            .then_some(PrivateKey {
                format: "PKCS#8",
                label: "ENCRYPTED PRIVATE KEY",
                is_encrypted: true,
                public: None,
            }),
        (INTEGER, SEQUENCE) => {
            let secret = parts.want(OCTET_STRING)?;
            let algorithm = second.elements();
            let public = pkcs8(algorithm, secret.content, parts);
            key("PKCS#8", "PRIVATE KEY", public)
        }
        (INTEGER, INTEGER) => {
            let numbers = 1 + parts.by_ref().filter(|part| part.tag == INTEGER).count();
            match numbers {
                // n, e, d, p, q, dp, dq, qinv
                8 => key("PKCS#1", "RSA PRIVATE KEY", rsa(der)),
                // p, q, g, public, private
                5 => key("DSA", "DSA PRIVATE KEY", None),
                _ => None,
            }
        }
        (INTEGER, OCTET_STRING) => key("SEC1", "EC PRIVATE KEY", sec1(der, None)),
        _ => None,
    }
}

/// The public half of `PrivateKeyInfo ::= SEQUENCE { version, algorithm, OCTET STRING, … }`.
fn pkcs8(mut algorithm: Elements<'_>, secret: &[u8], rest: Elements<'_>) -> Option<PublicKey> {
    let oid = algorithm.want(OID)?.content;
    if oid == RSA {
        return rsa(secret);
    }
    if oid == EC {
        return sec1(secret, algorithm.want(OID).map(|curve| curve.content));
    }
    if oid != ED25519 {
        return None;
    }
    let mut rest = rest;
    if let Some(point) = rest.find(|part| part.tag == IMPLICIT_1) {
        return Some(PublicKey::ed25519(point.content.strip_prefix(b"\x00")?));
    }
    let seed = Elements::new(secret).want(OCTET_STRING)?.content;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    Some(PublicKey::ed25519(pair.public_key().as_ref()))
}

/// `RSAPrivateKey ::= SEQUENCE { version, modulus, publicExponent, … }`
fn rsa(der: &[u8]) -> Option<PublicKey> {
    let mut parts = Elements::new(der).want(SEQUENCE)?.elements();
    parts.want(INTEGER)?;
    let (modulus, exponent) = (parts.want(INTEGER)?, parts.want(INTEGER)?);
    Some(PublicKey::rsa(modulus.content, exponent.content))
}

/// `ECPrivateKey ::= SEQUENCE { version, OCTET STRING, [0] curve OPTIONAL, [1] point OPTIONAL }`
fn sec1(der: &[u8], curve: Option<&[u8]>) -> Option<PublicKey> {
    let mut parts = Elements::new(der).want(SEQUENCE)?.elements();
    parts.want(INTEGER)?;
    parts.want(OCTET_STRING)?;
    let own = parts.optional(CONTEXT_0).and_then(|own| own.elements().want(OID));
    let point = parts.want(CONTEXT_1)?.elements().want(BIT_STRING)?;
    let curve = own.map(|own| own.content).or(curve)?;
    Some(PublicKey::ec(curve, point.content.strip_prefix(b"\x00")?))
}
