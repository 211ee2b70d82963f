//! What the trees say of a record, and under which key (spec 11).

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::item::{WireContent, content_of_wire, content_to_wire};
use super::{Handle, Keyring};
use crate::chunk::Content;
use crate::files::ItemPath;
use crate::format;
use crate::id::MacKey;
use crate::keys::Compartment;
use crate::kinds::{self, Identity, Quality};
use crate::wire::{self, Malformed, Reader};

/// The bytes of a key that tell records apart; behind them stands a number.
pub(super) const NAME_SIZE: usize = format::RECORD_KEY_SIZE - 2;

/// What is the same for a record in every export: a keyed hash of its kind and identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordName([u8; NAME_SIZE]);

/// What a record is, as far as its content says; no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFacts {
    /// The kind, as text: a later version may know more kinds.
    pub kind: String,
    /// What a list shows.
    pub title: String,
    /// Where it belongs: the host of a login, the issuer of a certificate; may be empty.
    pub place: String,
    /// Whose it is: the user of a login; may be empty.
    pub user: String,
    /// Its own date in seconds since 1970.
    pub date: Option<i64>,
    /// The rung of the ladder its identity stands on.
    pub rung: u8,
    /// A keyed digest of all it says: two records say the same when these are the same.
    pub digest: [u8; 16],
    /// What a person should know of it.
    pub warnings: Vec<String>,
}

/// Where a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    /// The file.
    pub file: ItemPath,
    /// The names of the members of archives that it is in, one in the other.
    pub members: Vec<String>,
    /// The format, as text.
    pub format: String,
    /// Its bytes.
    pub bytes: RecordBytes,
    /// The other files of the same thing: the film of a Live Photo, what was edited, sidecars; and
    /// the folder that the file is in where all of that is the record.
    pub beside: Vec<ItemPath>,
}

/// Where the bytes of a record are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordBytes {
    /// In these parts of the file's content, one behind the other; beside them, to be read, it needs
    /// what is in the file at these ranges.
    Parts(Vec<Part>, Vec<Range<u64>>),
    /// To be found in the whole file by what its format noted.
    Derived(Vec<u8>),
}

/// A part of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where in `content` it begins: in its first chunk.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// The chunks that hold it.
    pub content: Content,
}

#[derive(Serialize, Deserialize)]
struct WireFacts {
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    date: Option<i64>,
    #[serde(rename = "e", with = "serde_bytes")]
    digest: Vec<u8>,
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    place: String,
    #[serde(rename = "q")]
    rung: u8,
    #[serde(rename = "t")]
    title: String,
    #[serde(rename = "u", default, skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct WirePlace {
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    beside: Vec<ByteBuf>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<WirePart>>,
    #[serde(rename = "f")]
    file: ByteBuf,
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    frame: Vec<(u64, u64)>,
    #[serde(rename = "n", default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<String>,
    #[serde(rename = "r")]
    format: String,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    derived: Option<ByteBuf>,
}

/// Offset, length, depth and rows.
#[derive(Serialize, Deserialize)]
struct WirePart(u64, u64, WireContent);

impl RecordName {
    /// The name of a record of this kind under the compartment's record key.
    pub(super) fn new(key: &MacKey, kind: kinds::Kind, identity: &Identity) -> Self {
        let rung = [identity.quality as u8];
        let mac = key.mac(&[kind.as_str().as_bytes(), &[0], &rung, &identity.bytes]);
        let (name, _) = mac.split_first_chunk().expect("a MAC is longer than a name");
        Self(*name)
    }

    /// The name that [`RecordName::bytes`] gave.
    pub(super) fn stored(bytes: [u8; NAME_SIZE]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; NAME_SIZE] {
        &self.0
    }

    /// The key of the record with this name and number.
    pub(super) fn key(&self, number: u16) -> Vec<u8> {
        [self.0.as_slice(), &number.to_le_bytes()].concat()
    }

    /// The name in a key.
    ///
    /// # Errors
    /// For a key that is none of a record (spec R-1).
    pub(super) fn of_key(key: &[u8]) -> Result<Self, Malformed> {
        let refused = Malformed::new("no key of a record", 0);
        let (name, number) = key.split_first_chunk().ok_or(refused)?;
        if number.len() == 2 { Ok(Self(*name)) } else { Err(refused) }
    }
}

impl Keyring {
    /// The handle of the record with this name; none where the role does not read the compartment.
    pub(super) fn record_handle(
        &self,
        compartment: Compartment,
        name: &RecordName,
    ) -> Option<Handle> {
        let [a, b, c, d, e, ..] = name.0;
        let first = [a, b, c, d, e];
        Some(match compartment {
            Compartment::Sealed => {
                Handle::of_record(&permutation::forth(self.handle_sealed.as_ref()?, first))
            }
            Compartment::Index | Compartment::General => Handle::of_record(&first),
        })
    }

    /// The first bytes of the names of records whose handle this is; none where the role does not
    /// read the compartment.
    pub(super) fn record_called(
        &self,
        compartment: Compartment,
        handle: [u8; 5],
    ) -> Option<[u8; 5]> {
        match compartment {
            Compartment::Sealed => Some(permutation::back(self.handle_sealed.as_ref()?, handle)),
            Compartment::Index | Compartment::General => Some(handle),
        }
    }
}

/// The permutation of 40 bits between names and handles in `sealed` (spec 11).
mod permutation {
    use crate::id::MacKey;

    const ROUNDS: u8 = 4;
    /// The bits of a half.
    const HALF: u32 = 20;
    const MASK: u64 = (1 << HALF) - 1;

    pub(super) fn forth(key: &MacKey, bytes: [u8; 5]) -> [u8; 5] {
        let (mut left, mut right) = halves(bytes);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ mixed(key, round, right));
        }
        joined(left, right)
    }

    pub(super) fn back(key: &MacKey, bytes: [u8; 5]) -> [u8; 5] {
        let (mut left, mut right) = halves(bytes);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ mixed(key, round, left), left);
        }
        joined(left, right)
    }

    fn mixed(key: &MacKey, round: u8, right: u64) -> u64 {
        let [a, b, c, d, ..] = right.to_le_bytes();
        let [e, f, g, h, ..] = key.mac(&[&[0, round], &[a, b, c, d]]);
        u64::from(u32::from_le_bytes([e, f, g, h])) & MASK
    }

    fn halves(bytes: [u8; 5]) -> (u64, u64) {
        let bits = bytes.iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        (bits >> HALF, bits & MASK)
    }

    fn joined(left: u64, right: u64) -> [u8; 5] {
        let [e, d, c, b, a, ..] = (left << HALF | right).to_le_bytes();
        [a, b, c, d, e]
    }
}

impl RecordFacts {
    /// What is kept of a record; `digest_key` is the compartment's.
    pub(super) fn of(record: &kinds::Record, digest_key: &MacKey) -> Self {
        let mac = digest_key.mac(&[&record.essence]);
        let (digest, _) = mac.split_first_chunk().expect("a MAC is longer than a digest");
        Self {
            kind: record.kind.as_str().to_owned(),
            title: shortened(&record.title),
            place: shortened(&record.place),
            user: shortened(&record.user),
            date: record.date,
            rung: record.identity.quality as u8,
            digest: *digest,
            warnings: record.warnings.iter().map(|&warning| warning.to_owned()).collect(),
        }
    }

    /// The value in the tree.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&WireFacts {
            date: self.date,
            digest: self.digest.to_vec(),
            kind: self.kind.clone(),
            place: self.place.clone(),
            rung: self.rung,
            title: self.title.clone(),
            user: self.user.clone(),
            warnings: self.warnings.clone(),
        })
    }

    /// Reads a value of the tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireFacts = wire::decode(bytes, format::VALUE_MAX)?;
        let texts = [&wire.kind, &wire.title, &wire.place, &wire.user];
        let texts = texts.into_iter().chain(&wire.warnings);
        // spec R-1
        if texts.into_iter().any(|text| text.len() > format::RECORD_TEXT_MAX) {
            return Err(Malformed::new("a record with a text over its limit", 0));
        }
        let digest = wire.digest.try_into();
        Ok(Self {
            kind: wire.kind,
            title: wire.title,
            place: wire.place,
            user: wire.user,
            date: wire.date,
            rung: wire.rung,
            digest: digest.map_err(|_| Malformed::new("a digest of another length", 0))?,
            warnings: wire.warnings,
        })
    }

    /// How the identity was found; none for a rung that a later version has.
    pub fn quality(&self) -> Option<Quality> {
        Quality::ALL.into_iter().find(|quality| *quality as u8 == self.rung)
    }
}

/// The texts in a value of the tree that [`RecordFacts::decode`] may still refuse.
#[derive(Default)]
pub(super) struct Peeked<'a> {
    pub(super) kind: &'a [u8],
    pub(super) title: &'a [u8],
    pub(super) place: &'a [u8],
    pub(super) user: &'a [u8],
}

impl<'a> Peeked<'a> {
    /// None for a value that makes no sense this far.
    pub(super) fn of(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let mut peeked = Self::default();
        let (_, count) = wire::scan_head(&mut reader).ok().filter(|(major, _)| *major == 5)?;
        for _ in 0..count {
            let (_, length) = wire::scan_head(&mut reader).ok().filter(|(major, _)| *major == 3)?;
            let key = reader.take(usize::try_from(length).ok()?).ok()?;
            // The warnings come last.
            if key == b"w" {
                break;
            }
            let (major, number) = wire::scan_head(&mut reader).ok()?;
            let content = match major {
                2 | 3 => reader.take(usize::try_from(number).ok()?).ok()?,
                0 | 1 => &[],
                _ => return None,
            };
            match key {
                b"k" => peeked.kind = content,
                b"t" => peeked.title = content,
                b"p" => peeked.place = content,
                b"u" => peeked.user = content,
                _ => {}
            }
        }
        Some(peeked)
    }
}

/// A text at most as long as the trees take.
fn shortened(text: &str) -> String {
    let mut end = text.len().min(format::RECORD_TEXT_MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}

impl RecordPlace {
    /// The folder that the record is all of, for a document in bundle form.
    pub fn bundle(&self) -> Option<&ItemPath> {
        self.beside.iter().find(|path| self.file.is_below(path))
    }

    /// The files and folders that the record is, if it is whole ones.
    pub fn paths(&self) -> Vec<ItemPath> {
        let file = self.bundle().is_none().then_some(&self.file);
        file.into_iter().chain(&self.beside).cloned().collect()
    }

    /// The value in the tree.
    pub fn encode(&self) -> Vec<u8> {
        let (parts, frame, derived) = match &self.bytes {
            RecordBytes::Parts(parts, frame) => {
                let part = |part: &Part| {
                    WirePart(part.offset, part.length, content_to_wire(&part.content))
                };
                let frame = frame.iter().map(|range| (range.start, range.end));
                (Some(parts.iter().map(part).collect()), frame.collect(), None)
            }
            RecordBytes::Derived(how) => (None, Vec::new(), Some(ByteBuf::from(how.clone()))),
        };
        wire::encode(&WirePlace {
            beside: self.beside.iter().map(|path| ByteBuf::from(path.key())).collect(),
            parts,
            file: ByteBuf::from(self.file.key().to_vec()),
            frame,
            members: self.members.clone(),
            format: self.format.clone(),
            derived,
        })
    }

    /// Reads a value of the tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WirePlace = wire::decode(bytes, format::VALUE_MAX)?;
        let frame: Vec<Range<u64>> = wire.frame.iter().map(|&(start, end)| start..end).collect();
        // spec R-1
        if frame.iter().any(Range::is_empty) {
            return Err(Malformed::new("a record that needs nothing of its file", 0));
        }
        let bytes = match (wire.parts, wire.derived) {
            (Some(parts), None) => {
                let parts = parts.iter().map(Part::of_wire).collect::<Result<_, _>>()?;
                RecordBytes::Parts(parts, frame)
            }
            (None, Some(derived)) => RecordBytes::Derived(derived.into_vec()),
            // spec R-1
            _ => return Err(Malformed::new("a record in two places or in none", 0)),
        };
        let path = |bytes: ByteBuf| {
            ItemPath::from_key(bytes.into_vec())
                .map_err(|_| Malformed::new("a path that is none", 0))
        };
        Ok(Self {
            beside: wire.beside.into_iter().map(path).collect::<Result<_, _>>()?,
            file: path(wire.file)?,
            members: wire.members,
            format: wire.format,
            bytes,
        })
    }
}

impl Part {
    fn of_wire(wire: &WirePart) -> Result<Self, Malformed> {
        let (offset, length, content) = (wire.0, wire.1, content_of_wire(&wire.2)?);
        let size = content.rows.iter().try_fold(0_u64, |sum, row| sum.checked_add(row.length));
        let fits = offset.checked_add(length).zip(size).is_some_and(|(end, size)| end <= size);
        // spec R-1
        if length == 0 || !fits {
            return Err(Malformed::new("a part that is not in its content", 0));
        }
        Ok(Self { offset, length, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{Reference, Row};
    use crate::id::ChunkId;

    fn facts() -> RecordFacts {
        RecordFacts {
            kind: "passwords".into(),
            title: "Example".into(),
            place: "example.com".into(),
            user: String::new(),
            date: Some(-1),
            rung: 1,
            digest: [7; 16],
            warnings: vec!["http address".into()],
        }
    }

    fn part(offset: u64, length: u64) -> Part {
        let reference = Reference { tag: None, id: ChunkId::new([3; 32]) };
        Part {
            offset,
            length,
            content: Content { rows: vec![Row { reference, length: 100 }], depth: 0 },
        }
    }

    fn place(bytes: RecordBytes) -> RecordPlace {
        RecordPlace {
            file: ItemPath::new(b"a").unwrap(),
            members: vec!["Passwords.csv".into()],
            format: "logins".into(),
            bytes,
            beside: vec![ItemPath::new(b"a.xmp").unwrap()],
        }
    }

    #[test]
    fn values_come_back() {
        assert_eq!(RecordFacts::decode(&facts().encode()), Ok(facts()));
        let encoded = facts().encode();
        let Peeked { kind, title, place: host, user } = Peeked::of(&encoded).unwrap();
        assert_eq!([kind, title, host, user], [&b"passwords"[..], b"Example", b"example.com", b""]);
        assert!(Peeked::of(&encoded[1..]).is_none());
        for bytes in [
            RecordBytes::Parts(vec![part(90, 10), part(0, 1)], vec![0..5, 9..10]),
            RecordBytes::Derived(b"payload 1".to_vec()),
        ] {
            assert_eq!(RecordPlace::decode(&place(bytes.clone()).encode()), Ok(place(bytes)));
        }
    }

    #[test]
    fn a_folder_above_the_file_is_the_record() {
        let path = |text: &str| ItemPath::parse_display(text.as_bytes()).unwrap();
        let mut place = place(RecordBytes::Derived(Vec::new()));
        assert_eq!((place.bundle(), place.paths()), (None, vec![path("a"), path("a.xmp")]));
        place.file = path("a.rtfd/TXT.rtf");
        place.beside = vec![path("a.rtfd")];
        assert_eq!(place.bundle(), Some(&path("a.rtfd")));
        assert_eq!(place.paths(), [path("a.rtfd")]);
    }

    /// spec R-1
    #[test]
    fn what_no_record_has_is_refused() {
        let long = "x".repeat(format::RECORD_TEXT_MAX + 1);
        let facts = RecordFacts { title: long, ..facts() };
        assert!(RecordFacts::decode(&facts.encode()).is_err());
        for parts in [vec![part(0, 0)], vec![part(91, 10)], vec![part(u64::MAX, 10)]] {
            let bytes = RecordBytes::Parts(parts, vec![]);
            assert!(RecordPlace::decode(&place(bytes).encode()).is_err());
        }
        let bytes = RecordBytes::Parts(vec![part(0, 1)], vec![0..1, 3..3]);
        assert!(RecordPlace::decode(&place(bytes).encode()).is_err());
        for size in [0, 2, 20, 21, 23] {
            assert!(RecordName::of_key(&vec![1; size]).is_err());
        }
        let name = RecordName([1; NAME_SIZE]);
        assert_eq!(RecordName::of_key(&name.key(513)), Ok(name));
    }

    #[test]
    fn a_handle_leads_back_to_its_name() {
        let key = MacKey::new([7; 32]);
        for name in [[0; 5], [255; 5], [1, 2, 3, 4, 5], [0x80, 0, 0, 0, 1]] {
            let handle = permutation::forth(&key, name);
            assert_ne!(handle, name);
            assert_eq!(permutation::back(&key, handle), name);
            assert_ne!(permutation::forth(&MacKey::new([8; 32]), name), handle);
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "é".repeat(format::RECORD_TEXT_MAX);
        assert_eq!(shortened(&text).len(), format::RECORD_TEXT_MAX);
        assert_eq!(shortened(&format!("x{text}")).len(), format::RECORD_TEXT_MAX - 1);
    }
}
