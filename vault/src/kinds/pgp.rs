//! OpenPGP without armour: its first packet says what it is.

use super::bytes::{number_big, tail};

/// Packet tags, RFC 9580.
const SESSION_KEY: u8 = 1;
const SESSION_KEY_OF_PASSPHRASE: u8 = 3;
const SECRET_KEY: u8 = 5;

/// A secret key.
pub(super) fn is_secret_key(head: &[u8]) -> bool {
    let Some((SECRET_KEY, length, body)) = packet(head) else { return false };
    // Versions 3 and 4 name the algorithm behind four bytes of time, 3 behind two more of days.
    let algorithm = match body.first() {
        Some(3) => body.get(7),
        Some(4..=6) => body.get(5),
        _ => None,
    };
    length >= 32 && matches!(algorithm, Some(1..=3 | 16..=19 | 22 | 25..=28))
}

/// An encrypted message: it begins with a session key, for a key or for a passphrase.
pub(super) fn is_message(head: &[u8]) -> bool {
    match packet(head) {
        // Version 3, a key's id, an algorithm; version 6 has a fingerprint of a version 4 or 6.
        Some((SESSION_KEY, 12.., body)) => match body {
            [3, _, _, _, _, _, _, _, _, algorithm, ..] => {
                matches!(algorithm, 1..=3 | 16..=19 | 25..=26)
            }
            [version, length, ..] => *version == 6 && matches!(length, 0 | 21 | 33),
            _ => false,
        },
        // Version, cipher, and how the passphrase becomes a key or, since version 5, a mode.
        Some((SESSION_KEY_OF_PASSPHRASE, 4..=128, body)) => matches!(
            body,
            [4, 1..=13, 0 | 1 | 3 | 4, ..] | [5, 1..=13, 1..=3, ..] | [6, _, 1..=13, 1..=3, ..]
        ),
        _ => false,
    }
}

/// Tag, length and body of the first packet.
fn packet(head: &[u8]) -> Option<(u8, u64, &[u8])> {
    let first = *head.first()?;
    let (tag, length_size, length) = match (first, head.get(1)) {
        // The old format, with a length of one, two or four bytes.
        (0x80..0xC0, _) => {
            let size = 1usize.checked_shl(u32::from(first & 3)).filter(|size| *size < 8)?;
            (first >> 2 & 15, size, number_big(head, 1, size)?)
        }
        // And the new one.
        (0xC0.., Some(0..192)) => (first & 63, 1, number_big(head, 1, 1)?),
        (0xC0.., Some(192..224)) => (first & 63, 2, number_big(head, 1, 2)?),
        (0xC0.., Some(255)) => (first & 63, 5, number_big(head, 2, 4)?),
        _ => return None,
    };
    Some((tag, length, tail(head, 1 + length_size)))
}
