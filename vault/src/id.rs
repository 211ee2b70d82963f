//! Ids are types, not arrays: a chunk cannot be asked for by the id of a pack.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::format;

/// A secret key of 32 bytes for HMAC-SHA-256, wiped when dropped. It has no `Debug`.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct MacKey([u8; 32]);

impl MacKey {
    /// Takes the key's bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256 over the parts, one after the other.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.start();
        for part in parts {
            mac.update(part);
        }
        mac.finish()
    }

    /// Begins a MAC over bytes that come in pieces.
    pub fn start(&self) -> MacRun {
        MacRun(Hmac::new_from_slice(&self.0).expect("HMAC takes a key of any length"))
    }
}

/// A MAC being computed.
pub struct MacRun(Hmac<Sha256>);

impl MacRun {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The MAC of all bytes taken.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }

    /// Whether the bytes taken have this MAC; compared in constant time.
    pub fn verify(self, mac: &[u8; 32]) -> bool {
        self.0.verify(&(*mac).into()).is_ok()
    }
}

/// SHA-256 of bytes that come in pieces.
#[derive(Clone, Default)]
pub struct Sha(Sha256);

impl Sha {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit =
        |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |&digit| char::from(digit));
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of `text` when it is exactly `N` bytes in lower-case hexadecimal digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(bytes)
}

/// The alphabet of spec 5.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The first 40 bits, of a MAC say, as eight characters of the alphabet of spec 5.
pub fn letters(bytes: &[u8]) -> String {
    let bits = bytes.iter().take(5).fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
    let digit = |place: u32| {
        let value = usize::try_from(bits >> (35 - place * 5) & 31).unwrap_or_default();
        ALPHABET.get(value).map_or('0', |&digit| char::from(digit))
    };
    (0..8).map(digit).collect()
}

/// The smallest bytes of which [`letters`] begins like this, in either case; what is no letter
/// stands for none.
pub fn unletters(text: &str) -> [u8; 5] {
    let digit = |letter: u8| {
        ALPHABET.iter().position(|known| *known == letter.to_ascii_uppercase()).unwrap_or_default()
    };
    let digits = text.bytes().map(digit).chain(std::iter::repeat(0)).take(8);
    let bits = digits.fold(0_u64, |bits, digit| bits << 5 | digit as u64);
    let [e, d, c, b, a, ..] = bits.to_le_bytes();
    [a, b, c, d, e]
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $size:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $size]);

        impl $name {
            /// The id with these bytes.
            pub const fn new(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// Reads lower-case hexadecimal digits, exactly as many as the id has.
            pub fn parse(text: &str) -> Option<Self> {
                unhex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                bytes.try_into().map(Self)
            }
        }
    };
}

id!(
    /// Names a vault; drawn at random by `init`.
    VaultId, format::VAULT_ID_SIZE);
id!(
    /// Names a chunk: a keyed hash of its type, length and bytes (spec C-1).
    ChunkId, format::ID_SIZE);
id!(
    /// Names a pack: SHA-256 of the file.
    PackId, format::ID_SIZE);
id!(
    /// Names an index table: SHA-256 of the file.
    TableId, format::ID_SIZE);
id!(
    /// Names a chain entry, a snapshot among them: SHA-256 of the file.
    EntryId, format::ID_SIZE);
id!(
    /// Names a slot: SHA-256 of the file.
    SlotId, format::ID_SIZE);
id!(
    /// Names a sealed pack inside the vault, drawn before the pack's own id can be known (spec 8).
    PackTag, 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_strict() {
        assert_eq!(unhex::<2>("00ff"), Some([0, 255]));
        for wrong in ["00f", "00fff", "00FF", "00 f", "0x00"] {
            assert_eq!(unhex::<2>(wrong), None, "{wrong}");
        }
        assert_eq!(hex(&[0, 255, 0x1a]), "00ff1a");
    }

    #[test]
    fn letters_are_the_first_40_bits() {
        let mac = |first: [u8; 5]| {
            let mut mac = [0xFF; 32];
            mac[..5].copy_from_slice(&first);
            mac
        };
        assert_eq!(letters(&mac([0; 5])), "00000000");
        assert_eq!(letters(&mac([0xFF; 5])), "ZZZZZZZZ");
        assert_eq!(letters(&mac([0x08, 0, 0, 0, 0x02])), "10000002");
        for bytes in [[0; 5], [0xFF; 5], [0x08, 0, 0, 0, 0x02], [1, 2, 3, 4, 5]] {
            assert_eq!(unletters(&letters(&bytes).to_lowercase()), bytes);
        }
        assert_eq!(unletters("1"), [0x08, 0, 0, 0, 0]);
    }

    #[test]
    fn mac_is_the_published_vector() {
        // RFC 4231, test case 2.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hex(&MacKey::new(key).mac(&[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
