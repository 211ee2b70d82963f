//! The header of an age file: parsed in one pass, in time linear in at most 16 KiB, and nothing
//! accepted that has a second encoding (age v1, "Header").
#![warn(clippy::arithmetic_side_effects)]

use age_core::format::Stanza;

use crate::format;
use crate::id::MacKey;
use crate::wire::Malformed;

use super::FileKey;

const VERSION_LINE: &[u8] = b"age-encryption.org/v1";
const MAC_LABEL: &[u8] = b"header";
const END: &[u8] = b"---";
const LINE_COLUMNS: usize = 64;
const MAC_SIZE: usize = 32;
/// A file key and the tag of the AEAD that wraps it.
const BODY_SIZE: usize = 32;
const SHARE_SIZE: usize = 32;
const SALT_SIZE: usize = 16;

/// The type of the stanza for an X25519 recipient.
pub(super) const X25519: &str = "X25519";
/// The type of the stanza for an ssh-ed25519 key.
pub(super) const SSH: &str = "ssh-ed25519";
/// The type of the stanza for a passphrase.
pub(super) const SCRYPT: &str = "scrypt";

/// A header that is well formed; nothing in it is authentic before [`Header::verify`].
pub(super) struct Header<'a> {
    /// At least one, and X25519 and scrypt stanzas are of the right shape.
    pub(super) stanzas: Vec<Stanza>,
    /// The work of the scrypt stanza; the header has no other stanza then.
    pub(super) scrypt_log_n: Option<u8>,
    /// The number of bytes up to the payload.
    pub(super) length: usize,
    covered: &'a [u8],
    mac: [u8; MAC_SIZE],
}

impl<'a> Header<'a> {
    /// Reads a header from the front of `bytes`.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut lines = Lines { rest: bytes.get(..format::AGE_HEADER_MAX).unwrap_or(bytes), at: 0 };
        if lines.take()? != VERSION_LINE {
            return Err(Malformed::new("not an age v1 file", 0));
        }
        let mut stanzas = Vec::new();
        let mut scrypt_log_n = None;
        loop {
            let at = lines.at;
            let line = lines.take()?;
            if line.starts_with(END) {
                let mac = line
                    .strip_prefix(b"--- ")
                    .and_then(base64_array)
                    .ok_or(Malformed::new("a header MAC that is not 32 bytes in base64", at))?;
                if stanzas.is_empty() {
                    return Err(Malformed::new("a header without a stanza", at));
                }
                // age v1, "scrypt recipient stanza": whoever knows the passphrase knows that only
                // others who do can have written the file.
                if scrypt_log_n.is_some() && stanzas.len() > 1 {
                    return Err(Malformed::new("a scrypt stanza that is not alone", at));
                }
                let covered = bytes.get(..at.saturating_add(END.len())).unwrap_or_default();
                return Ok(Self { stanzas, scrypt_log_n, length: lines.at, covered, mac });
            }
            if stanzas.len() >= format::AGE_STANZAS_MAX {
                return Err(Malformed::new("more stanzas than a header may have", at));
            }
            let stanza = decode_stanza(line, at, &mut lines)?;
            match stanza.tag.as_str() {
                X25519 => check_x25519(&stanza, at)?,
                SCRYPT => scrypt_log_n = Some(check_scrypt(&stanza, at)?),
                _ => {}
            }
            stanzas.push(stanza);
        }
    }

    /// Whether the header is by somebody who has this file key; compared in constant time.
    pub(super) fn verify(&self, file_key: &FileKey) -> Result<(), Malformed> {
        let mut run = mac_key(file_key).start();
        run.update(self.covered);
        let is_authentic = run.verify(&self.mac);
        is_authentic.then_some(()).ok_or(Malformed::new("a wrong header MAC", self.covered.len()))
    }
}

/// The bytes of a header with these stanzas.
pub(super) fn encode(stanzas: &[Stanza], file_key: &FileKey) -> Vec<u8> {
    let mut text = Vec::from(VERSION_LINE);
    text.push(b'\n');
    for stanza in stanzas {
        text.extend(b"->");
        for argument in std::iter::once(&stanza.tag).chain(&stanza.args) {
            text.push(b' ');
            text.extend(argument.as_bytes());
        }
        text.push(b'\n');
        let body = base64_encode(&stanza.body);
        let lines = body.chunks_exact(LINE_COLUMNS);
        let last = lines.remainder();
        // The last line is shorter than the others, and empty if need be.
        for line in lines.chain([last]) {
            text.extend(line);
            text.push(b'\n');
        }
    }
    text.extend(END);
    let mac = mac_key(file_key).mac(&[&text]);
    text.push(b' ');
    text.extend(base64_encode(&mac));
    text.push(b'\n');
    text
}

fn mac_key(file_key: &FileKey) -> MacKey {
    MacKey::new(*file_key.derive(&[], MAC_LABEL))
}

/// Lines that end in LF, and where the next one begins.
struct Lines<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn take(&mut self) -> Result<&'a [u8], Malformed> {
        let cut_short = Malformed::new("a header that is cut short or over 16 KiB", self.at);
        let length = self.rest.iter().position(|&byte| byte == b'\n').ok_or(cut_short)?;
        let (line, rest) = self.rest.split_at_checked(length).ok_or(cut_short)?;
        self.rest = rest.get(1..).unwrap_or_default();
        self.at = self.at.saturating_add(length).saturating_add(1);
        Ok(line)
    }
}

/// The stanza that begins with `line`, which stands at `at` (age v1, "Recipient stanza").
fn decode_stanza(line: &[u8], at: usize, lines: &mut Lines<'_>) -> Result<Stanza, Malformed> {
    let arguments =
        line.strip_prefix(b"-> ").ok_or(Malformed::new("a line that begins no stanza", at))?;
    let mut arguments = arguments.split(|&byte| byte == b' ').map(|argument| {
        let is_plain = !argument.is_empty() && argument.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(argument).ok().filter(|_| is_plain);
        text.map(str::to_owned).ok_or(Malformed::new("an argument that is not plain text", at))
    });
    let tag = arguments.next().ok_or(Malformed::new("a stanza without a type", at))??;
    let args = arguments.collect::<Result<_, _>>()?;
    let mut body = Vec::new();
    loop {
        let at = lines.at;
        let line = lines.take()?;
        if line.len() > LINE_COLUMNS {
            return Err(Malformed::new("a line of a stanza's body that is too long", at));
        }
        base64_decode(line, &mut body)
            .ok_or(Malformed::new("a stanza's body that is not canonical base64", at))?;
        if line.len() < LINE_COLUMNS {
            return Ok(Stanza { tag, args, body });
        }
    }
}

/// age v1, "X25519 recipient stanza": one share of 32 bytes, and a body of 32.
fn check_x25519(stanza: &Stanza, at: usize) -> Result<(), Malformed> {
    let wrong = Malformed::new("an X25519 stanza that is not one share and 32 bytes", at);
    let [share] = stanza.args.as_slice() else { return Err(wrong) };
    let _share: [u8; SHARE_SIZE] = base64_array(share.as_bytes()).ok_or(wrong)?;
    if stanza.body.len() == BODY_SIZE { Ok(()) } else { Err(wrong) }
}

/// age v1, "scrypt recipient stanza": a salt of 16 bytes, log₂ N in decimal, and a body of 32.
fn check_scrypt(stanza: &Stanza, at: usize) -> Result<u8, Malformed> {
    let wrong = Malformed::new("a scrypt stanza that is not salt, work and 32 bytes", at);
    let [salt, log_n] = stanza.args.as_slice() else { return Err(wrong) };
    let _salt: [u8; SALT_SIZE] = base64_array(salt.as_bytes()).ok_or(wrong)?;
    let is_number = log_n.bytes().all(|byte| byte.is_ascii_digit()) && !log_n.starts_with('0');
    let log_n = log_n.parse().ok().filter(|_| is_number).ok_or(wrong)?;
    if stanza.body.len() == BODY_SIZE { Ok(log_n) } else { Err(wrong) }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 without padding (RFC 4648, section 4).
fn base64_encode(bytes: &[u8]) -> Vec<u8> {
    let digit = |bits: u32| {
        let value = usize::try_from(bits & 63).unwrap_or_default();
        BASE64.get(value).copied().unwrap_or_default()
    };
    let mut text = Vec::with_capacity(bytes.len().saturating_mul(2));
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digits = [digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)];
        text.extend(digits.iter().take(group.len().saturating_add(1)));
    }
    text
}

/// Appends what `text` means to `bytes`; none when another text would mean the same.
fn base64_decode(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let value = |digit: u8| match digit {
        b'A'..=b'Z' => Some(digit.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(digit.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0').wrapping_add(52)),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    for group in text.chunks(4) {
        let bits = group
            .iter()
            .try_fold(0_u32, |bits, &digit| Some(bits << 6 | u32::from(value(digit)?)))?;
        match (group.len(), bits.to_le_bytes()) {
            (4, [third, second, first, _]) => bytes.extend([first, second, third]),
            // Bits that are left over are zero, or there would be two texts for the same bytes.
            (3, _) if bits & 3 == 0 => {
                let [second, first, ..] = (bits >> 2).to_le_bytes();
                bytes.extend([first, second]);
            }
            (2, _) if bits & 15 == 0 => {
                let [first, ..] = (bits >> 4).to_le_bytes();
                bytes.push(first);
            }
            _ => return None,
        }
    }
    Some(())
}

fn base64_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = Vec::with_capacity(N);
    base64_decode(text, &mut bytes)?;
    bytes.try_into().ok()
}
