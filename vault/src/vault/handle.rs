//! Short names of items and records, which stay the same in every export (spec 11).

use std::fmt;

use super::Vault;
use crate::files::ItemPath;
use crate::id::{self, MacKey};
use crate::keys::Compartment;

/// What a handle of an item begins with.
const ITEM: u8 = b'i';
/// What a handle of a record begins with.
const RECORD: u8 = b'r';
/// The characters after it.
const DIGITS: usize = 8;
/// How many of them tell an item, when no other has the same.
const DIGITS_LOW: usize = 4;

/// The short name of an item or a record. That of an item depends on the source, the path and the
/// compartment, that of a record on its identity and the compartment, and both on a key, so that
/// it tells nothing to who cannot read them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    letter: u8,
    digits: [u8; DIGITS],
}

impl Handle {
    /// The handle under the compartment's key of an item, whose tree key is `path`.
    pub(super) fn new(key: &MacKey, source: &str, path: &[u8]) -> Self {
        Self::of(ITEM, &key.mac(&[source.as_bytes(), &[0], path]))
    }

    /// The handle of a record that is made of these 40 bits.
    pub(super) fn of_record(bytes: &[u8; 5]) -> Self {
        Self::of(RECORD, bytes)
    }

    fn of(letter: u8, bytes: &[u8]) -> Self {
        let letters = id::letters(bytes);
        let mut digits = [b'0'; DIGITS];
        digits.iter_mut().zip(letters.bytes()).for_each(|(digit, letter)| {
            *digit = letter.to_ascii_lowercase();
        });
        Self { letter, digits }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.letter), String::from_utf8_lossy(&self.digits))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({self})")
    }
}

/// The beginning of a handle, as a person gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlePrefix {
    letter: u8,
    digits: String,
}

impl HandlePrefix {
    /// Reads `i` or `r` and four to eight characters; none for what cannot be the beginning of a handle.
    pub fn parse(text: &str) -> Option<Self> {
        let letter = *text.as_bytes().first().filter(|first| [ITEM, RECORD].contains(first))?;
        let digits = text.get(1..)?;
        let is_digit = |byte: u8| {
            let is_ambiguous = matches!(byte, b'i' | b'l' | b'o' | b'u');
            byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !is_ambiguous)
        };
        let fits = (DIGITS_LOW..=DIGITS).contains(&digits.len()) && digits.bytes().all(is_digit);
        fits.then(|| Self { letter, digits: digits.to_owned() })
    }

    /// Whether nothing is left out.
    pub fn is_whole(&self) -> bool {
        self.digits.len() == DIGITS
    }

    /// Whether the handle begins like this.
    pub fn fits(&self, handle: Handle) -> bool {
        self.letter == handle.letter && handle.digits.starts_with(self.digits.as_bytes())
    }

    /// The five bytes that the first such handle stands for.
    pub(super) fn first_bytes(&self) -> [u8; 5] {
        id::unletters(&self.digits)
    }

    /// Whether a record is meant, and not an item.
    pub fn is_of_record(&self) -> bool {
        self.letter == RECORD
    }
}

impl Vault {
    /// The handle of an item; none where this role does not read its compartment.
    pub fn handle(
        &self,
        source: &str,
        compartment: Compartment,
        path: &ItemPath,
    ) -> Option<Handle> {
        self.keys.handle(compartment).map(|key| Handle::new(key, source, path.key()))
    }
}

impl super::Keyring {
    /// The handle key of a compartment, if the role has it.
    pub(super) fn handle(&self, compartment: Compartment) -> Option<&MacKey> {
        match compartment {
            Compartment::Sealed => self.handle_sealed.as_ref(),
            Compartment::Index | Compartment::General => self.handle_general.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_told_by_its_beginning() {
        let handle = Handle::new(&MacKey::new([1; 32]), "passwords", b"a\0b");
        let text = handle.to_string();
        assert_eq!(text.len(), 9);
        for length in 5..=9 {
            let prefix = HandlePrefix::parse(&text[..length]).unwrap();
            assert!(prefix.fits(handle), "{length}");
            assert_eq!(prefix.is_whole(), length == 9);
        }
        let mut other = text.clone();
        other.replace_range(3..4, if &text[3..4] == "7" { "8" } else { "7" });
        assert!(!HandlePrefix::parse(&other).unwrap().fits(handle));
        for wrong in ["", "i", "iabc", "iabcdefghj", "xabcd", "abcde", "iABCD", "iab/c", "iloui"] {
            assert_eq!(HandlePrefix::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn source_path_and_key_all_make_the_handle() {
        let handle = |key, source, path| Handle::new(&MacKey::new([key; 32]), source, path);
        let one = handle(1, "a", b"b");
        assert_eq!(one, handle(1, "a", b"b"));
        for other in [handle(2, "a", b"b"), handle(1, "ab", b""), handle(1, "a", b"c")] {
            assert_ne!(one, other);
        }
    }
}
