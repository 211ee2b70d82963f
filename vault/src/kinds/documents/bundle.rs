//! Documents that are folders: what their members tell as they come by, one after the other, in any
//! order.
//!
//! The members of iWork's `Index.zip` count as those of `Index/` do where all of a document is one
//! zip, so that both forms of it say the same. It is held, up to [`CONTENT_MAX`]; of all other
//! members a head is, and 32 bytes when they have come to their end.

use super::office::{Found, Member, head_size};
use super::{Told, fields_of, record_of};
use crate::kinds::bundle::NOISE;
use crate::kinds::sheet::CONTENT_MAX;
use crate::kinds::{Field, Locator, Record};

const INDEX: &[u8] = b"Index.zip";
/// What members of that count as.
const INDEX_FOLDER: &[u8] = b"Index/";

/// Members that a document is opened by, the best first, and what it is where any other name in it
/// may be a person's own.
const MAIN: [(&[u8], Option<&str>); 11] = [
    (b"TXT.rtf", Some("RTF")),
    (INDEX, None),
    (b"Index/Document.iwa", None),
    (b"index.apxl.gz", None),
    (b"index.apxl", None),
    (b"index.xml.gz", None),
    (b"index.xml", None),
    (b"text.md", Some("TextBundle")),
    (b"text.markdown", Some("TextBundle")),
    (b"text.txt", Some("TextBundle")),
    (b"text.html", Some("TextBundle")),
];

/// A document in bundle form, of which members are seen.
#[derive(Default)]
pub struct Bundle {
    found: Found,
    member: Option<Member>,
    /// The best member so far that it is opened by.
    main: Option<usize>,
    /// Whether `Index.zip` is there and cannot be looked into.
    is_closed: bool,
}

impl Bundle {
    /// How good a member is to open the document by, 0 the best; none for one that is no way in.
    pub fn rank(name: &[u8]) -> Option<usize> {
        MAIN.iter().position(|(main, _)| *main == name)
    }

    /// How many of the first bytes of a member [`Self::fields`] needs.
    pub fn needed(name: &[u8]) -> u64 {
        if name == INDEX { CONTENT_MAX } else { head_size(name) as u64 }
    }

    /// Begins with a member: its path below the bundle, with slashes. One that was begun and did
    /// not come to its end counts as not there.
    pub fn begin(&mut self, name: &[u8]) {
        let last = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let head_size = usize::try_from(Self::needed(name)).unwrap_or(usize::MAX);
        self.member = (!NOISE.contains(&last)).then(|| Member::new(name, head_size));
    }

    /// Takes the next bytes of the member.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Some(member) = &mut self.member {
            member.push(bytes);
        }
    }

    /// The member came to its end.
    pub fn end(&mut self) {
        let Some(member) = self.member.take() else { return };
        let rank = Self::rank(&member.name);
        self.main = rank.into_iter().chain(self.main).min();
        if member.name == INDEX {
            let (found, is_whole) = Found::in_zip(&member.head, INDEX_FOLDER);
            if is_whole && member.head.len() as u64 == member.length {
                return self.found.join(found);
            }
            self.is_closed = true;
        }
        self.found.end(member);
    }

    /// The document; its title and identity are empty where its members tell none, and so is its
    /// locator.
    pub fn record(self) -> Record {
        let mut told = self.told();
        let essence = told.essence.take().unwrap_or_default();
        record_of(&told, essence, Locator::Bytes(Vec::new()))
    }

    /// What it says of itself, as [`fields`](super::fields()) tells of a document in a file.
    pub fn fields(self) -> Vec<Field> {
        fields_of(self.told())
    }

    fn told(mut self) -> Told {
        let application = self.main.and_then(|main| MAIN.get(main)?.1);
        match application {
            Some(application) => self.found.all_told(application),
            None => {
                let essence = Some(self.found.essence());
                Told { essence, ..self.found.told(!self.is_closed) }
            }
        }
    }
}
