//! One bookmark, and the folders it is in.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::kinds::html::{Tag, decoded};
use crate::kinds::ladder::{Ladder, Rung, digest, framed};
use crate::kinds::{Kind, Locator, Quality, Record, address, dates, text};

/// How many folders one in the other are told apart.
const DEPTH_MAX: usize = 256;
/// Longest path of folders that is told, in bytes.
const PATH_MAX: usize = 300;
/// Longest title that is told, in bytes.
const TITLE_MAX: usize = 200;
/// Longest name of a folder that is read, in bytes.
const NAME_MAX: usize = 4096;

/// The folders that are open.
#[derive(Default)]
pub(super) struct Folders {
    open: Vec<Folder>,
    /// How many more are open than are told apart.
    deeper: usize,
    /// Their names, joined.
    path: String,
    /// The name of the folder whose list comes next; empty if none does.
    pub(super) name: String,
    pub(super) is_too_deep: bool,
}

struct Folder {
    /// How long the path is without it.
    path_length: usize,
    /// Its name and those of all around it.
    digest: [u8; 32],
}

impl Folders {
    /// A list begins, which is of the folder that was named last, or of none.
    pub(super) fn enter(&mut self) {
        let name = std::mem::take(&mut self.name);
        if self.open.len() == DEPTH_MAX {
            self.deeper += 1;
            self.is_too_deep = true;
            return;
        }
        let (path_length, around) = (self.path.len(), self.digest());
        let name = text::in_line(&name, NAME_MAX);
        let digest = if name.is_empty() { around } else { digest(&[&around, name.as_bytes()]) };
        if !name.is_empty() && self.path.len() < PATH_MAX {
            let between = if self.path.is_empty() { "" } else { " / " };
            self.path.push_str(between);
            self.path.push_str(&text::in_line(&name, TITLE_MAX));
        }
        self.open.push(Folder { path_length, digest });
    }

    /// A list ends.
    pub(super) fn leave(&mut self) {
        self.name.clear();
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if let Some(folder) = self.open.pop() {
            self.path.truncate(folder.path_length);
        }
    }

    /// Reads on in the name of a folder.
    pub(super) fn push(name: &mut String, text: &[u8]) {
        if name.len() < NAME_MAX {
            name.push_str(&decoded(text));
        }
    }

    fn digest(&self) -> [u8; 32] {
        self.open.last().map_or([0; 32], |folder| folder.digest)
    }
}

/// A bookmark.
pub(super) struct Link {
    start: usize,
    /// Behind its last byte.
    pub(super) end: usize,
    folder: String,
    folder_digest: [u8; 32],
    pub(super) address: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) tags: String,
    pub(super) keyword: String,
    /// When it was made, in seconds since 1970.
    pub(super) added: Option<i64>,
}

impl Link {
    /// A link that begins with this tag; none if it leads nowhere.
    pub(super) fn new(tag: &Tag<'_>, range: Range<usize>, folders: &Folders) -> Option<Self> {
        let address = tag.attribute(b"href").filter(|address| !address.is_empty())?;
        let text = |name: &[u8]| tag.attribute(name).unwrap_or_default();
        let added = text(b"add_date").parse().ok().and_then(dates::since_1970);
        Some(Self {
            start: range.start,
            end: range.end,
            folder: folders.path.clone(),
            folder_digest: folders.digest(),
            address,
            title: String::new(),
            description: String::new(),
            tags: text(b"tags"),
            keyword: text(b"shortcuturl"),
            added,
        })
    }

    /// What could tell the bookmark from others, the best first.
    pub(super) fn rungs(&self) -> Vec<Rung> {
        let (folder, address) = (&self.folder_digest[..], self.address.as_bytes());
        vec![
            (Quality::Fields, framed(&[folder, address])),
            (Quality::Titled, framed(&[folder, address, self.title.trim().as_bytes()])),
        ]
    }

    /// All it says, without the folder it is in: in another one it is another bookmark. When it was
    /// made is known to some browsers only.
    fn essence(&self) -> Zeroizing<Vec<u8>> {
        let all = [&self.address, &self.title, &self.description, &self.tags, &self.keyword];
        framed(&all.map(|text| text.trim().as_bytes()))
    }

    /// The record of a bookmark in a text that begins at `offset`.
    pub(super) fn record(self, ladder: &mut Ladder, offset: usize) -> Record {
        let essence = self.essence();
        let whole = framed(&[&self.folder_digest, &essence]);
        let place = address::place(&self.address);
        let title = text::in_line(&self.title, TITLE_MAX);
        let range = (offset + self.start) as u64..(offset + self.end) as u64;
        Record {
            kind: Kind::Bookmark,
            identity: ladder.identity(self.rungs(), &whole),
            title: if title.is_empty() { place.clone() } else { title },
            place,
            user: self.folder,
            date: self.added,
            essence,
            warnings: Vec::new(),
            is_closed: false,
            link: None,
            apart: 0,
            locator: Locator::Bytes(vec![range]),
        }
    }
}

/// Appends a text in which blanks and line ends are one blank.
pub(super) fn push(to: &mut String, text: &[u8]) {
    let text = decoded(text);
    let is_apart = |char: Option<char>| char.is_some_and(char::is_whitespace);
    if is_apart(text.chars().next()) && !to.ends_with(' ') {
        to.push(' ');
    }
    to.push_str(&text::in_line(&text, usize::MAX));
    if is_apart(text.chars().next_back()) && !to.ends_with(' ') {
        to.push(' ');
    }
}
