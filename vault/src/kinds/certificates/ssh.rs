//! Keys of SSH: OpenSSH's private keys and lines of public ones, and PuTTY's files.
//!
//! All three hold the public half in the clear, also when there is a password over the rest.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::pem::{decode, unpadded};
use super::public::{CURVES, PublicKey};
use crate::kinds::bytes::{find, line, tail};

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// What a line of a public key begins with, behind its options.
const TYPES: &[&[u8]] = &[b"ssh-ed25519 ", b"ssh-rsa ", b"ssh-dss ", b"ecdsa-sha2-", b"sk-"];
/// How a file of PuTTY begins.
const PUTTY: &[u8] = b"PuTTY-User-Key-File-";

/// What a key tells without a password.
pub(super) struct SshKey {
    /// `ssh-ed25519`.
    pub(super) algorithm: String,
    /// What its owner wrote beside it; empty if nothing, or if it is under the password.
    pub(super) comment: String,
    /// Whether there is a password over it.
    pub(super) is_encrypted: bool,
    /// The public half as SSH writes it.
    blob: Vec<u8>,
}

impl SshKey {
    /// `SHA256:` and base64, as `ssh-keygen -l` prints it.
    pub(super) fn fingerprint(&self) -> String {
        format!("SHA256:{}", unpadded(&Sha256::digest(&self.blob)))
    }

    /// The same key as other formats have it, for the algorithms they have.
    pub(super) fn public(&self) -> Option<PublicKey> {
        let mut blob = self.blob.as_slice();
        match string(&mut blob)? {
            b"ssh-ed25519" => Some(PublicKey::ed25519(string(&mut blob)?)),
            b"ssh-rsa" => {
                let exponent = string(&mut blob)?;
                Some(PublicKey::rsa(string(&mut blob)?, exponent))
            }
            name if name.starts_with(b"ecdsa-sha2-nistp") => {
                let curve = match string(&mut blob)? {
                    b"nistp256" => "EC P-256",
                    b"nistp384" => "EC P-384",
                    b"nistp521" => "EC P-521",
                    _ => return None,
                };
                let (oid, ..) = CURVES.iter().find(|row| row.1 == curve)?;
                Some(PublicKey::ec(oid, string(&mut blob)?))
            }
            _ => None,
        }
    }

    /// What makes it the same key: the digest of the public half.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.public().map_or_else(|| Sha256::digest(&self.blob).into(), |public| public.digest)
    }

    /// What a list shows.
    pub(super) fn title(&self) -> String {
        let what = self.public().map_or_else(|| self.algorithm.clone(), |key| key.to_string());
        if self.comment.is_empty() { what } else { format!("{} ({what})", self.comment) }
    }
}

/// The content of a block `OPENSSH PRIVATE KEY`: magic, cipher, key derivation and its options,
/// count 1, public half, private half.
pub(super) fn openssh(bytes: &[u8]) -> Option<SshKey> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let cipher = string(&mut rest)?;
    string(&mut rest)?;
    string(&mut rest)?;
    number(&mut rest)?;
    let blob = string(&mut rest)?;
    let secret = string(&mut rest)?;
    let is_encrypted = cipher != b"none";
    let comment = if is_encrypted { None } else { comment(secret) };
    Some(SshKey {
        algorithm: text(string(&mut &*blob)?),
        comment: comment.map(text).unwrap_or_default(),
        is_encrypted,
        blob: blob.to_vec(),
    })
}

/// The comment behind the numbers of a private half: two checks, algorithm, numbers, comment.
fn comment(mut secret: &[u8]) -> Option<&[u8]> {
    number(&mut secret)?;
    number(&mut secret)?;
    let numbers = match string(&mut secret)? {
        b"ssh-rsa" => 6,
        b"ssh-ed25519" => 2,
        b"ssh-dss" => 5,
        name if name.starts_with(b"ecdsa-sha2-") => 3,
        _ => return None,
    };
    (0..numbers).try_for_each(|_| string(&mut secret).map(|_| ()))?;
    string(&mut secret)
}

/// A line with a public key: options perhaps, algorithm, base64, comment.
pub(super) fn public_line(line: &[u8]) -> Option<SshKey> {
    let line = line.trim_ascii();
    if line.starts_with(b"#") {
        return None;
    }
    let at = TYPES.iter().filter_map(|name| find(line, name)).min()?;
    // What is before is options, which end with a blank.
    let fresh = at == 0 || line.get(at.saturating_sub(1)) == Some(&b' ');
    let mut words = tail(line, at).splitn(3, |byte| *byte == b' ');
    let algorithm = words.next().filter(|_| fresh)?;
    let blob = decode(words.next()?)?;
    if string(&mut blob.as_slice())? != algorithm {
        return None;
    }
    Some(SshKey {
        algorithm: text(algorithm),
        comment: text(words.next().unwrap_or_default().trim_ascii()),
        is_encrypted: false,
        blob: blob.to_vec(),
    })
}

/// A file of PuTTY's that `text` begins with, and where in it: headers, public half, private half,
/// up to the line of its MAC.
pub(super) fn putty(text: &[u8]) -> Option<(SshKey, Range<usize>)> {
    if !text.starts_with(PUTTY) {
        return None;
    }
    let mut rest = text;
    let (mut algorithm, mut comment, mut is_encrypted) = (None, Vec::new(), true);
    let mut blob = Vec::new();
    while !rest.is_empty() {
        let (header, after) = line(rest);
        rest = after;
        let colon = header.iter().position(|byte| *byte == b':')?;
        let (name, value) = header.split_at_checked(colon)?;
        let value = tail(value, 1).trim_ascii();
        match name {
            // Another file: were this read on, a text of nothing but beginnings would take for ever.
            _ if name.starts_with(PUTTY) => {
                algorithm.replace(value).is_none().then_some(())?;
            }
            b"Encryption" => is_encrypted = value != b"none",
            b"Comment" => comment = value.to_vec(),
            b"Public-Lines" => blob = lines(&mut rest, value)?,
            b"Private-Lines" => drop(skip(&mut rest, value)?),
            b"Private-MAC" => {
                let end = text.len().saturating_sub(rest.len());
                let algorithm = self::text(algorithm?);
                let comment = self::text(&comment);
                (!blob.is_empty()).then_some(())?;
                return Some((SshKey { algorithm, comment, is_encrypted, blob }, 0..end));
            }
            _ => {}
        }
    }
    None
}

/// The base64 in as many lines as `count` says.
fn lines(rest: &mut &[u8], count: &[u8]) -> Option<Vec<u8>> {
    Some(decode(skip(rest, count)?)?.to_vec())
}

fn skip<'a>(rest: &mut &'a [u8], count: &[u8]) -> Option<&'a [u8]> {
    let count: usize = std::str::from_utf8(count).ok()?.parse().ok()?;
    let before = *rest;
    for _ in 0..count {
        if rest.is_empty() {
            return None;
        }
        *rest = line(rest).1;
    }
    before.get(..before.len().saturating_sub(rest.len()))
}

/// A number of four bytes, the most significant first.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    *bytes = rest;
    let number = digits.iter().fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
    usize::try_from(number).ok()
}

/// A string with its length before it.
fn string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    let (string, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(string)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
