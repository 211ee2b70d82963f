//! What the members of a document tell: iWork, Office Open XML, OpenDocument, EPUB.

use std::io::{self, Cursor};
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};

use super::Told;
use crate::kinds::bytes::{start, tail};
use crate::kinds::content::{Budget, Content};
use crate::kinds::html::{Token, Tokens, decoded};
use crate::kinds::ladder::digest;
use crate::kinds::{dates, text, zip};

/// How much of a member with metadata is looked at.
const METADATA_MAX: usize = 64 << 10;
/// How much of the first member of iWork tells which program it is of.
const HEAD_SIZE: usize = 64;
/// Longest value that is told, in bytes.
const VALUE_MAX: usize = 1024;
/// Most versions that are told.
const VERSIONS_MAX: usize = 20;

/// Members that change when a document is opened, or without a change of what it says.
const NOISE: [&[u8]; 8] = [
    b"Metadata/BuildVersionHistory.plist",
    b"Metadata/Properties.plist",
    b"buildVersionHistory.plist",
    b"docProps/core.xml",
    b"docProps/app.xml",
    b"meta.xml",
    b"settings.xml",
    b"mimetype",
];

/// Members of iWork whose heads tell something.
const HEADS: [&[u8]; 4] = [
    b"Metadata/DocumentIdentifier",
    b"Metadata/BuildVersionHistory.plist",
    b"buildVersionHistory.plist",
    b"Index/Document.iwa",
];

/// What a document that is a zip tells; nothing but its sort if that is damaged.
pub(super) fn told(bytes: &[u8]) -> Told {
    let (found, is_whole) = Found::in_zip(bytes, b"");
    found.told(is_whole)
}

/// How much of the head of a member of this name is looked at.
pub(super) fn head_size(name: &[u8]) -> usize {
    if HEADS.contains(&name) { METADATA_MAX } else { 0 }
}

/// A member on its way: its head, and a digest of all of it.
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) head: Vec<u8>,
    head_size: usize,
    pub(super) length: u64,
    digest: Sha256,
}

impl Member {
    pub(super) fn new(name: &[u8], head_size: usize) -> Self {
        let (name, digest) = (name.to_vec(), Sha256::new());
        Self { name, head: Vec::new(), head_size, length: 0, digest }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let missing = self.head_size.saturating_sub(self.head.len());
        self.head.extend_from_slice(start(bytes, missing));
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.digest.update(bytes);
    }

    /// Reads a member; only the head of one that says nothing.
    fn read(&mut self, content: &mut Content<'_>) -> io::Result<()> {
        let mut piece = Vec::new();
        loop {
            let filled = content.fill(&mut piece, METADATA_MAX);
            self.push(&piece);
            filled?;
            if piece.len() < METADATA_MAX || !says(&self.name) {
                return Ok(());
            }
            piece.clear();
        }
    }
}

/// What was seen of the members.
#[derive(Default)]
pub(super) struct Found {
    told: Told,
    count: usize,
    has_preview: bool,
    is_iwork: bool,
    has_slides: bool,
    /// The type of the first message of iWork's document.
    message_type: Option<u64>,
    /// When the member was changed that was changed last, as its zip says.
    changed: Option<i64>,
    /// Name and digest of each that says something.
    said: Vec<[u8; 32]>,
    /// The same of the others.
    aside: Vec<[u8; 32]>,
}

impl Found {
    /// What the members of a zip tell, and whether all of them could be read. The names of those
    /// that do not begin with `folder` are taken to be of what is in it.
    pub(super) fn in_zip(bytes: &[u8], folder: &[u8]) -> (Self, bool) {
        let budget = Budget::new();
        let mut file = Cursor::new(bytes);
        let mut content = Content::seekable(&mut file, bytes.len() as u64, &budget);
        let changed = zip::newest(&mut content).ok().flatten();
        let mut found = Self { changed, ..Self::default() };
        let looked = zip::each(&mut content, &mut |name, member| {
            match name.starts_with(folder) {
                true => found.take(name, member)?,
                false => found.take(&[folder, name].concat(), member)?,
            }
            Ok(ControlFlow::Continue(()))
        });
        (found, looked.is_ok())
    }

    fn take(&mut self, name: &[u8], mut content: Content<'_>) -> io::Result<()> {
        // A folder is no member, and not in every zip.
        if name.ends_with(b"/") {
            return Ok(());
        }
        let mut member = Member::new(name, METADATA_MAX);
        // What was read tells something even if the rest cannot be.
        let read = member.read(&mut content);
        self.end(member);
        read
    }

    /// Takes what a member says.
    pub(super) fn end(&mut self, member: Member) {
        let Member { name, head, digest: said, .. } = member;
        self.count += 1;
        self.learn(&name);
        match name.as_slice() {
            b"Metadata/DocumentIdentifier" => {
                self.told.identifier = line(&String::from_utf8_lossy(&head));
            }
            b"Metadata/BuildVersionHistory.plist" | b"buildVersionHistory.plist" => {
                self.told.versions = texts(&head, b"string").take(VERSIONS_MAX).collect();
            }
            b"Index/Document.iwa" => self.message_type = message_type(start(&head, HEAD_SIZE)),
            b"docProps/core.xml" | b"meta.xml" => self.learn_from(&head),
            b"docProps/app.xml" => {
                let name = texts(&head, b"application").next().unwrap_or_default();
                let version = texts(&head, b"appversion").next().unwrap_or_default();
                let version = line(&format!("{name} {version}"));
                self.told.versions.extend(Some(version).filter(|version| !version.is_empty()));
            }
            b"mimetype" if head.ends_with(b"opendocument.text") => {
                self.told.application = "OpenDocument text";
            }
            b"mimetype" if head.ends_with(b"opendocument.spreadsheet") => {
                self.told.application = "OpenDocument spreadsheet";
            }
            b"mimetype" if head.ends_with(b"opendocument.presentation") => {
                self.told.application = "OpenDocument presentation";
            }
            b"mimetype" if head.starts_with(b"application/epub") => self.told.application = "EPUB",
            _ => {}
        }
        let of = if says(&name) { &mut self.said } else { &mut self.aside };
        of.push(digest(&[&name, &said.finalize()]));
    }

    /// Takes what was seen of other members of the same document.
    pub(super) fn join(&mut self, mut other: Self) {
        self.count += other.count;
        self.has_preview |= other.has_preview;
        self.is_iwork |= other.is_iwork;
        self.has_slides |= other.has_slides;
        self.message_type = self.message_type.or(other.message_type);
        self.changed = self.changed.max(other.changed);
        self.said.append(&mut other.said);
        self.aside.append(&mut other.aside);
    }

    /// What the name of a member says.
    fn learn(&mut self, name: &[u8]) {
        self.has_preview |= is_preview(name);
        let told = &mut self.told;
        match name {
            b"index.apxl" | b"index.apxl.gz" => told.application = "Keynote",
            b"index.xml" | b"index.xml.gz" => told.application = "iWork ’09",
            _ if name.starts_with(b"word/") => told.application = "Word",
            _ if name.starts_with(b"xl/") => told.application = "Excel",
            _ if name.starts_with(b"ppt/") => told.application = "PowerPoint",
            _ if name.starts_with(b"Index/") => {
                let part = tail(name, b"Index/".len());
                let slides: [&[u8]; 3] = [b"Slide", b"MasterSlide", b"TemplateSlide"];
                self.is_iwork = true;
                self.has_slides |= slides.iter().any(|slide| part.starts_with(slide));
            }
            _ => {}
        }
    }

    /// Dublin Core, as both families of offices have it.
    fn learn_from(&mut self, xml: &[u8]) {
        let first = |name: &[u8]| texts(xml, name).next().unwrap_or_default();
        self.told.title = first(b"dc:title");
        self.told.author = first(b"dc:creator");
        let modified = [&b"dcterms:modified"[..], b"dc:date"].map(first);
        self.told.modified = modified.iter().find_map(|date| dates::parse(date));
    }

    /// What was told; of members that could not all be read neither number nor essence.
    pub(super) fn told(mut self, is_whole: bool) -> Told {
        if self.is_iwork {
            self.told.application = match (self.has_slides, self.message_type) {
                (true, _) => "Keynote",
                (false, Some(PAGES)) => "Pages",
                (false, Some(FIRST)) => "Numbers",
                (false, _) => "iWork",
            };
        }
        self.told.modified = self.told.modified.or(self.changed);
        if is_whole {
            self.told.essence = Some(self.essence());
            self.told.members = Some((self.count, self.has_preview));
        }
        self.told
    }

    /// Of a document in which any name may be a person's own: all members say something.
    pub(super) fn all_told(mut self, application: &'static str) -> Told {
        self.said.append(&mut self.aside);
        let (essence, members) = (Some(self.essence()), Some((self.count, false)));
        Told { application, essence, members, ..Told::default() }
    }

    /// What those members say that say something, in no order.
    pub(super) fn essence(&mut self) -> [u8; 32] {
        self.said.sort_unstable();
        digest(&[&self.said.concat()])
    }
}

/// Types of the message that a document of iWork begins with: Pages has its own, the other two
/// count from one.
const PAGES: u64 = 10_000;
const FIRST: u64 = 1;

/// The type of the first message of an `.iwa` file: a byte of zero and three of length, then
/// Snappy, whose first bytes are as they were: a length, an `ArchiveInfo` with an id (field 1) and a
/// `MessageInfo` (field 2), whose field 1 is the type.
fn message_type(iwa: &[u8]) -> Option<u64> {
    let mut rest = iwa.strip_prefix(b"\0")?.get(3..)?;
    varint(&mut rest)?;
    let (&literal, after) = rest.split_first()?;
    rest = match (literal & 3, literal >> 2) {
        (0, 0..60) => after,
        (0, 60) => after.get(1..)?,
        (0, 61) => after.get(2..)?,
        _ => return None,
    };
    varint(&mut rest)?;
    rest = rest.strip_prefix(b"\x08")?;
    varint(&mut rest)?;
    rest = rest.strip_prefix(b"\x12")?;
    varint(&mut rest)?;
    rest = rest.strip_prefix(b"\x08")?;
    varint(&mut rest)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Whether what a member holds is what the document says.
fn says(name: &[u8]) -> bool {
    !is_preview(name) && !NOISE.contains(&name)
}

/// `preview.jpg`, `preview-web.jpg`, `QuickLook/Thumbnail.jpg`, `docProps/thumbnail.jpeg`
fn is_preview(name: &[u8]) -> bool {
    let starts: [&[u8]; 4] = [b"preview", b"QuickLook/", b"docProps/thumbnail", b"Thumbnails/"];
    starts.iter().any(|start| name.starts_with(start))
}

/// The texts of the elements of a name, in lower case.
fn texts<'a>(xml: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = String> + 'a {
    let mut tokens = Tokens::new(xml);
    std::iter::from_fn(move || {
        let is_opened = |(_, token): (_, Token<'_>)| match token {
            Token::Open(tag) => tag.is(name),
            Token::Close(_) | Token::Text(_) => false,
        };
        tokens.by_ref().map(is_opened).find(|is_opened| *is_opened)?;
        match tokens.next()? {
            (_, Token::Text(text)) => Some(line(&decoded(text))),
            _ => Some(String::new()),
        }
    })
    .filter(|text| !text.is_empty())
}

fn line(text: &str) -> String {
    text::in_line(text, VALUE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_document_is_told_by_its_first_message() {
        let iwa = |kind: &[u8], literal: &[u8]| {
            let info = [&[0x08, 0x01, 0x12, 0x05, 0x08][..], kind, &[0x12, 0]].concat();
            let info = [&[u8::try_from(info.len()).unwrap()][..], &info].concat();
            [&[0, 20, 0, 0, 0x90, 0x01][..], literal, &info].concat()
        };
        assert_eq!(message_type(&iwa(&[1], &[40 << 2])), Some(FIRST));
        assert_eq!(message_type(&iwa(&[0x90, 0x4E], &[60 << 2, 99])), Some(PAGES));
        assert_eq!(message_type(&iwa(&[0x90, 0x4E], &[61 << 2, 99, 0])), Some(PAGES));
        assert_eq!(message_type(&iwa(&[1], &[2])), None);
        let whole = iwa(&[0x90, 0x4E], &[40 << 2]);
        (0..13).for_each(|length| assert_eq!(message_type(&whole[..length]), None));
    }
}
