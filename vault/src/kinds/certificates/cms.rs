//! CMS, once PKCS#7: a bag of certificates, or content with a signature and its certificates.

use std::borrow::Cow;

use super::ber::{CONTEXT_0, Element, INTEGER, OCTET_STRING, OID, SEQUENCE};

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02";
const SET: u8 = 0x31;
/// An OCTET STRING in pieces.
const OCTET_STRINGS: u8 = 0x24;

/// What is in signed data. No signature was checked.
pub(super) struct Signed<'a> {
    /// X.509 certificates, in the order they stand.
    pub(super) certificates: Vec<Element<'a>>,
    /// What is signed, if it is in it.
    pub(super) content: Option<Cow<'a, [u8]>>,
}

/// Whether `outer` is `ContentInfo ::= SEQUENCE { OID signedData, [0] … }`.
pub(super) fn is_signed(outer: &Element<'_>) -> bool {
    let kind = outer.elements().want(OID);
    outer.tag == SEQUENCE && kind.is_some_and(|kind| kind.content == SIGNED_DATA)
}

/// `SignedData ::= SEQUENCE { version, digests SET, SEQUENCE { OID, [0] OCTET STRING OPTIONAL },
/// certificates [0] OPTIONAL, … }`
pub(super) fn open<'a>(outer: &Element<'a>) -> Option<Signed<'a>> {
    if !is_signed(outer) {
        return None;
    }
    let mut parts = outer.elements();
    parts.next()?;
    let mut parts = parts.want(CONTEXT_0)?.elements().want(SEQUENCE)?.elements();
    parts.want(INTEGER)?;
    parts.want(SET)?;
    let encapsulated = parts.want(SEQUENCE)?;
    let content = || {
        let mut parts = encapsulated.elements();
        parts.want(OID)?;
        let octets = parts.want(CONTEXT_0)?.elements().next()?;
        matches!(octets.tag, OCTET_STRING | OCTET_STRINGS).then(|| octets.octets())?
    };
    let certificates = parts.optional(CONTEXT_0).map(|set| {
        // Attribute certificates and other kinds have tags of their own.
        set.elements().filter(|choice| choice.tag == SEQUENCE).collect()
    });
    Some(Signed { certificates: certificates.unwrap_or_default(), content: content() })
}
