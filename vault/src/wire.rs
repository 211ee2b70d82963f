//! Canonical CBOR behind one non-recursive scan, fixed-width fields, and the object head
//! (spec 4 and 13). Nothing is handed to serde that the scan has not passed.
#![warn(clippy::arithmetic_side_effects)]

use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
use crate::format;
use crate::id::VaultId;

/// Bytes that are not what the format says, and where in the slice that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, lower case.
    pub what: &'static str,
    /// The offset in the bytes that were decoded.
    pub at: usize,
}

impl Malformed {
    /// `what` is wrong at `at`.
    pub const fn new(what: &'static str, at: usize) -> Self {
        Self { what, at }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl StdError for Malformed {}

/// Reads fixed-width little-endian fields from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// How many bytes were read.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(Malformed::new("cut short", self.at))?;
        self.rest = rest;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| Malformed::new("cut short", at))
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Refuses when anything is left.
    pub fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::new("trailing bytes", self.at)) }
    }
}

/// The 32 bytes every object begins with: what it is and whose (spec 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// One of `format::OBJECT_*`.
    pub object: u8,
    /// One of `format::COMPARTMENT_*`.
    pub compartment: u8,
    /// One of `format::CLASS_*`, or 0 for an object that has none.
    pub class: u8,
    /// The vault it belongs to.
    pub vault: VaultId,
}

/// Why bytes of a vault were not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They are not what the format says, or their MAC does not verify.
    Malformed(Malformed),
    /// They were written in a newer format, of this version.
    Newer(u8),
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(malformed) => malformed.into(),
            Refusal::Newer(version) => Self::new(ErrorKind::Newer, "written by a newer icvault:")
                .because(format!("format version {version}"))
                .hint("get the newest icvault, or read the FORMAT.txt beside the vault"),
        }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::new(ErrorKind::Damaged, "damaged:").because(malformed)
    }
}

impl Head {
    /// The size of a head.
    pub const SIZE: usize = format::HEAD_SIZE;

    /// Reads a head; reserved bytes must be zero.
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != format::MAGIC {
            return Err(Malformed::new("not an object of a vault", 0).into());
        }
        let object = reader.u8()?;
        let version = reader.u8()?;
        if version > format::VERSION {
            return Err(Refusal::Newer(version));
        }
        if version != format::VERSION {
            return Err(Malformed::new("version zero", 9).into());
        }
        let compartment = reader.u8()?;
        let class = reader.u8()?;
        if reader.array()? != [0; 4] {
            return Err(Malformed::new("reserved bytes are not zero", 12).into());
        }
        let vault = VaultId::new(reader.array()?);
        Ok(Self { object, compartment, class, vault })
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let fields = [
            format::MAGIC.as_slice(),
            &[self.object, format::VERSION, self.compartment, self.class],
            &[0; 4],
            self.vault.bytes(),
        ];
        for (slot, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *slot = *byte;
        }
        bytes
    }
}

/// Encodes `value` in canonical CBOR with named fields.
///
/// # Panics
/// When a type of ours does not encode to what [`scan`] accepts: its fields are out of order.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let bytes = serde_cbor::to_vec(value).expect("our types are maps, arrays, bytes and numbers");
    scan(&bytes).expect("our types encode canonically");
    bytes
}

/// Decodes canonical CBOR of at most `length_max` bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], length_max: usize) -> Result<T, Malformed> {
    if bytes.len() > length_max {
        return Err(Malformed::new("longer than the limit of its type", length_max));
    }
    scan(bytes)?;
    serde_cbor::from_slice(bytes).map_err(|error| {
        let at = usize::try_from(error.offset()).unwrap_or(usize::MAX);
        Malformed::new("not of the expected shape", at)
    })
}

/// What the scan still expects at one depth.
struct Level<'a> {
    items_left: u64,
    /// For maps: keys and values alternate, keys ascend.
    map: Option<MapState<'a>>,
}

struct MapState<'a> {
    key_next: bool,
    key_before: Option<&'a [u8]>,
}

/// Refuses everything but one canonical value: depth, indefinite lengths, tags, floats, heads that
/// could be shorter, map keys that are not ascending text, lengths beyond the slice, trailing bytes
/// (spec W-1). One loop, no recursion, time linear in `bytes`.
pub fn scan(bytes: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    let mut levels: Vec<Level<'_>> = Vec::with_capacity(format::DEPTH_MAX);
    loop {
        let at = reader.at();
        let start = reader;
        let (major, value) = scan_head(&mut reader)?;
        let is_key = levels.last().and_then(|level| level.map.as_ref()).is_some_and(|m| m.key_next);
        if is_key && major != 3 {
            return Err(Malformed::new("a map key that is not text", at));
        }
        let opens = match major {
            2 | 3 => {
                let length = usize::try_from(value)
                    .ok()
                    .filter(|&length| length <= reader.left())
                    .ok_or(Malformed::new("a length beyond the end", at))?;
                let content = reader.take(length)?;
                if major == 3 && std::str::from_utf8(content).is_err() {
                    return Err(Malformed::new("text that is not UTF-8", at));
                }
                None
            }
            4 | 5 => {
                let items = if major == 5 { value.checked_mul(2) } else { Some(value) };
                let items = items
                    .filter(|&items| items <= reader.left() as u64)
                    .ok_or(Malformed::new("more items than bytes", at))?;
                let map = (major == 5).then_some(MapState { key_next: true, key_before: None });
                Some(Level { items_left: items, map })
            }
            _ => None,
        };
        if is_key {
            let consumed = reader.at().saturating_sub(at);
            let mut start = start;
            let key = start.take(consumed)?;
            take_key(&mut levels, key, at)?;
        } else if let Some(level) = levels.last_mut() {
            level.items_left = level.items_left.saturating_sub(1);
            if let Some(map) = &mut level.map {
                map.key_next = true;
            }
        }
        if let Some(level) = opens {
            if levels.len() >= format::DEPTH_MAX {
                return Err(Malformed::new("nested too deep", at));
            }
            levels.push(level);
        }
        while levels.last().is_some_and(|level| level.items_left == 0) {
            levels.pop();
        }
        if levels.is_empty() {
            return reader.end();
        }
    }
}

fn take_key<'a>(levels: &mut [Level<'a>], key: &'a [u8], at: usize) -> Result<(), Malformed> {
    let Some(level) = levels.last_mut() else { return Ok(()) };
    level.items_left = level.items_left.saturating_sub(1);
    let Some(map) = &mut level.map else { return Ok(()) };
    // Encoded keys in ascending order are short keys first, then by their bytes.
    if map.key_before.is_some_and(|before| before >= key) {
        return Err(Malformed::new("map keys out of order or repeated", at));
    }
    map.key_before = Some(key);
    map.key_next = false;
    Ok(())
}

/// The major type and the number of one CBOR head, in its shortest form.
pub(crate) fn scan_head(reader: &mut Reader<'_>) -> Result<(u8, u64), Malformed> {
    let at = reader.at();
    let first = reader.u8()?;
    let major = first >> 5;
    let big_endian = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
    let (value, least) = match first & 31 {
        short @ 0..=23 => (u64::from(short), 0),
        24 => (u64::from(reader.u8()?), 24),
        25 => (big_endian(reader.take(2)?), 0x100),
        26 => (big_endian(reader.take(4)?), 0x1_0000),
        27 => (big_endian(reader.take(8)?), 0x1_0000_0000),
        _ => return Err(Malformed::new("an indefinite length or reserved head", at)),
    };
    match major {
        6 => Err(Malformed::new("a tag", at)),
        // false, true and null are the only simple values.
        7 if !(20..=22).contains(&first.wrapping_sub(0xE0)) => {
            Err(Malformed::new("a float or unknown simple value", at))
        }
        _ if value < least => Err(Malformed::new("a number that is not in its shortest form", at)),
        _ => Ok((major, value)),
    }
}

/// Refuses a map that has a key beginning with `!` which `known` does not list: the writer said
/// that a reader who does not understand it must not go on (spec E-3).
pub fn refuse_unknown_demands(bytes: &[u8], known: &[&str]) -> Result<(), Malformed> {
    let value: serde_cbor::Value = serde_cbor::from_slice(bytes)
        .map_err(|_| Malformed::new("not of the expected shape", 0))?;
    let serde_cbor::Value::Map(map) = value else { return Ok(()) };
    let unknown = map.keys().any(|key| match key {
        serde_cbor::Value::Text(text) => text.starts_with('!') && !known.contains(&text.as_str()),
        _ => false,
    });
    if unknown { Err(Malformed::new("a demand of a newer writer", 0)) } else { Ok(()) }
}

/// The Padmé size of `length`: at most 12 % more, and few distinct values (spec 7).
pub fn padme(length: u64, least: u64) -> u64 {
    let length = length.max(least).max(2);
    let exponent = 63_u32.saturating_sub(length.leading_zeros());
    let mantissa = 32_u32.saturating_sub(exponent.leading_zeros());
    let low_bits = exponent.saturating_sub(mantissa);
    let mask = 1_u64.checked_shl(low_bits).unwrap_or(0).wrapping_sub(1);
    length.checked_add(mask).map_or(u64::MAX, |sum| sum & !mask)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Sample {
        a: u64,
        b: Option<i64>,
        #[serde(with = "serde_bytes")]
        cc: Vec<u8>,
        dd: Vec<String>,
    }

    #[test]
    fn canonical_values_pass() {
        let sample =
            Sample { a: 300, b: Some(-5), cc: vec![1; 300], dd: vec!["x".into(), "ü".into()] };
        let bytes = encode(&sample);
        assert_eq!(decode::<Sample>(&bytes, 1000).unwrap(), sample);
        assert!(decode::<Sample>(&bytes, 10).is_err());
    }

    #[test]
    fn every_other_encoding_is_refused() {
        let cases: &[(&[u8], &str)] = &[
            (&[0x18, 0x17], "a number that is not in its shortest form"),
            (&[0x19, 0x00, 0xFF], "a number that is not in its shortest form"),
            (
                &[0x1B, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF],
                "a number that is not in its shortest form",
            ),
            (&[0x9F, 0xFF], "an indefinite length or reserved head"),
            (&[0xC0, 0x00], "a tag"),
            (&[0xF9, 0, 0], "a float or unknown simple value"),
            (&[0xF7], "a float or unknown simple value"),
            (&[0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "a length beyond the end"),
            (&[0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "more items than bytes"),
            (&[0xBB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "more items than bytes"),
            (&[0xA2, 0x61, b'b', 0, 0x61, b'a', 0], "map keys out of order or repeated"),
            (&[0xA2, 0x61, b'a', 0, 0x61, b'a', 0], "map keys out of order or repeated"),
            (&[0xA1, 0x01, 0x01], "a map key that is not text"),
            (&[0x61, 0xFF], "text that is not UTF-8"),
            (&[0x00, 0x00], "trailing bytes"),
            (&[], "cut short"),
            (&[0x82, 0x00], "more items than bytes"),
        ];
        for (bytes, what) in cases {
            assert_eq!(scan(bytes).unwrap_err().what, *what, "{bytes:02x?}");
        }
        let deep = vec![0x81; 10_000];
        assert_eq!(scan(&deep).unwrap_err().what, "nested too deep");
    }

    #[test]
    fn a_demand_of_a_newer_writer_refuses() {
        // Shorter keys stand first, whatever their bytes.
        let bytes = [0xA2, 0x61, b'a', 2, 0x64, b'!', b'n', b'e', b'w', 1];
        scan(&bytes).unwrap();
        assert!(refuse_unknown_demands(&bytes, &[]).is_err());
        assert!(refuse_unknown_demands(&bytes, &["!new"]).is_ok());
    }

    #[test]
    fn head_round_trips_and_reserved_is_zero() {
        let head = Head { object: 1, compartment: 2, class: 1, vault: VaultId::new([7; 16]) };
        let mut bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Ok(head));
        bytes[13] = 1;
        assert!(matches!(Head::decode(&bytes), Err(Refusal::Malformed(_))));
        bytes[13] = 0;
        bytes[9] = 2;
        assert_eq!(Head::decode(&bytes), Err(Refusal::Newer(2)));
    }

    #[test]
    fn padme_wastes_little_and_has_few_sizes() {
        assert_eq!(padme(0, 4096), 4096);
        assert_eq!(padme(4097, 4096), 4352);
        for length in [1_u64 << 12, 100_001, 33_554_432, 1 << 40] {
            let padded = padme(length, 4096);
            assert!(padded >= length && padded - length <= length / 8, "{length} {padded}");
            assert_eq!(padme(padded, 4096), padded);
        }
    }

    proptest! {
        #[test]
        fn scan_accepts_only_what_encodes_back(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if scan(&bytes).is_ok()
                && let Ok(value) = serde_cbor::from_slice::<serde_cbor::Value>(&bytes)
            {
                prop_assert_eq!(serde_cbor::to_vec(&value).unwrap(), bytes);
            }
        }
    }
}
