//! What the trees say of an item (spec 11).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::chunk::{Content, Row, WireRow};
use crate::files::{self, Time};
use crate::format;
use crate::wire::{self, Malformed};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemType {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
}

impl ItemType {
    /// Its name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Link => "link",
        }
    }
}

/// Whether an item's content is in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Present,
    /// The source held a placeholder only.
    Missing,
    /// The source could not be read.
    Unreadable,
}

/// What an item is, as far as it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// File, folder or link.
    pub item_type: ItemType,
    /// The kind that was recognised, as text: a later version may know more kinds.
    pub kind: String,
    /// Bytes of content.
    pub length: u64,
    /// The permission bits.
    pub mode: u32,
    /// Where a link points to.
    pub link: Option<Vec<u8>>,
    /// Whether the content is here.
    pub state: State,
    /// The content.
    pub content: Content,
    /// The password that opens the file, where it was given one to keep beside it.
    pub password: Option<Content>,
    /// The extended attributes that last.
    pub xattrs: Xattrs,
}

/// What of an item changes while nobody changes it, and when it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// When its content was changed: seconds since 1970 UTC and nanoseconds.
    pub mtime: Time,
    /// When it was made, if the source told.
    pub birth: Option<Time>,
    /// The extended attributes that do not last.
    pub xattrs: Xattrs,
}

/// Extended attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Xattrs {
    /// Themselves.
    Inline(files::Xattrs),
    /// The content that [`encode_xattrs`] made of them, which is longer than what stands here.
    Stored(Content),
}

impl Default for Xattrs {
    fn default() -> Self {
        Self::Inline(files::Xattrs::new())
    }
}

#[derive(Serialize, Deserialize)]
struct WireFacts {
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    content: Vec<WireRow>,
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    depth: u8,
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "l")]
    length: u64,
    #[serde(rename = "m")]
    mode: u32,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    points_to: Option<ByteBuf>,
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    password: Option<WireContent>,
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    state: u8,
    #[serde(rename = "t")]
    item_type: u8,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    xattrs: Option<WireXattrs>,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    xattrs_stored: Option<WireContent>,
}

#[derive(Serialize, Deserialize)]
struct WireWhereabouts {
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    birth: Option<(i64, u32)>,
    #[serde(rename = "m")]
    mtime: (i64, u32),
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    xattrs: Option<WireXattrs>,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    xattrs_stored: Option<WireContent>,
}

type WireXattrs = Vec<(ByteBuf, ByteBuf)>;

/// Depth and rows.
pub(super) type WireContent = (u8, Vec<WireRow>);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl Facts {
    /// The value in the tree.
    pub fn encode(&self) -> Vec<u8> {
        let (xattrs, xattrs_stored) = self.xattrs.to_wire();
        wire::encode(&WireFacts {
            content: self.content.rows.iter().map(WireRow::from).collect(),
            depth: self.content.depth,
            kind: self.kind.clone(),
            length: self.length,
            mode: self.mode & 0o7777,
            points_to: self.link.as_ref().map(|link| ByteBuf::from(link.clone())),
            password: self.password.as_ref().map(content_to_wire),
            state: match self.state {
                State::Present => 0,
                State::Missing => 1,
                State::Unreadable => 2,
            },
            item_type: match self.item_type {
                ItemType::File => 0,
                ItemType::Folder => 1,
                ItemType::Link => 2,
            },
            xattrs,
            xattrs_stored,
        })
    }

    /// Reads a value of the tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireFacts = wire::decode(bytes, format::VALUE_MAX)?;
        let content = content(wire.depth, &wire.content)?;
        let password = wire.password.as_ref().map(content_of_wire).transpose()?;
        let sum = content.rows.iter().try_fold(0_u64, |sum, row| sum.checked_add(row.length));
        let state = match wire.state {
            0 => State::Present,
            1 => State::Missing,
            2 => State::Unreadable,
            _ => return Err(Malformed::new("an item in an unknown state", 0)),
        };
        // spec C-3
        if state == State::Present && wire.item_type == 0 && sum != Some(wire.length) {
            return Err(Malformed::new("an item whose content is not its length", 0));
        }
        Ok(Self {
            item_type: match wire.item_type {
                0 => ItemType::File,
                1 => ItemType::Folder,
                2 => ItemType::Link,
                _ => return Err(Malformed::new("an item of an unknown type", 0)),
            },
            kind: wire.kind,
            length: wire.length,
            mode: wire.mode & 0o7777,
            link: wire.points_to.map(ByteBuf::into_vec),
            state,
            content,
            password,
            xattrs: Xattrs::of_wire(wire.xattrs, wire.xattrs_stored)?,
        })
    }
}

impl Whereabouts {
    /// The moment of the change in nanoseconds since 1970 UTC, where such a number can tell it.
    pub fn moment(&self) -> Option<i64> {
        let (seconds, nanoseconds) = self.mtime;
        seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(nanoseconds))
    }

    /// The value in the tree.
    pub fn encode(&self) -> Vec<u8> {
        let (xattrs, xattrs_stored) = self.xattrs.to_wire();
        let (birth, mtime) = (self.birth, self.mtime);
        wire::encode(&WireWhereabouts { birth, mtime, xattrs, xattrs_stored })
    }

    /// Reads a value of the tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireWhereabouts = wire::decode(bytes, format::VALUE_MAX)?;
        let is_time = |time: &Time| time.1 < 1_000_000_000;
        if !is_time(&wire.mtime) || !wire.birth.as_ref().is_none_or(is_time) {
            return Err(Malformed::new("nanoseconds of more than a second", 0));
        }
        let xattrs = Xattrs::of_wire(wire.xattrs, wire.xattrs_stored)?;
        Ok(Self { mtime: wire.mtime, birth: wire.birth, xattrs })
    }
}

impl Xattrs {
    fn to_wire(&self) -> (Option<WireXattrs>, Option<WireContent>) {
        match self {
            Self::Inline(xattrs) if xattrs.is_empty() => (None, None),
            Self::Inline(xattrs) => (Some(xattrs_to_wire(xattrs)), None),
            Self::Stored(content) => (None, Some(content_to_wire(content))),
        }
    }

    fn of_wire(inline: Option<WireXattrs>, stored: Option<WireContent>) -> Result<Self, Malformed> {
        match (inline, stored) {
            (inline, None) => xattrs_of_wire(inline.unwrap_or_default()).map(Self::Inline),
            (None, Some(stored)) => content_of_wire(&stored).map(Self::Stored),
            // spec N-4
            (Some(_), Some(_)) => Err(Malformed::new("extended attributes in two places", 0)),
        }
    }
}

/// Extended attributes as bytes of content; ascending by name.
pub(super) fn encode_xattrs(xattrs: &files::Xattrs) -> Vec<u8> {
    wire::encode(&xattrs_to_wire(xattrs))
}

/// Reads [`encode_xattrs`].
pub(super) fn decode_xattrs(bytes: &[u8]) -> Result<files::Xattrs, Malformed> {
    xattrs_of_wire(wire::decode(bytes, format::XATTRS_MAX)?)
}

fn xattrs_to_wire(xattrs: &files::Xattrs) -> WireXattrs {
    let buf = |bytes: &Vec<u8>| ByteBuf::from(bytes.clone());
    xattrs.iter().map(|(name, value)| (buf(name), buf(value))).collect()
}

fn xattrs_of_wire(wire: WireXattrs) -> Result<files::Xattrs, Malformed> {
    let is_name = |name: &ByteBuf| !name.is_empty() && !name.contains(&0);
    let fits = wire.iter().all(|(name, _)| is_name(name))
        && wire.is_sorted_by(|(one, _), (other, _)| one.as_slice() < other.as_slice());
    // spec N-4
    if !fits {
        return Err(Malformed::new("extended attributes without names, or not in their order", 0));
    }
    Ok(wire.into_iter().map(|(name, value)| (name.into_vec(), value.into_vec())).collect())
}

pub(super) fn content_to_wire(content: &Content) -> WireContent {
    (content.depth, content.rows.iter().map(WireRow::from).collect())
}

pub(super) fn content_of_wire((depth, rows): &WireContent) -> Result<Content, Malformed> {
    content(*depth, rows)
}

fn content(depth: u8, rows: &[WireRow]) -> Result<Content, Malformed> {
    let rows = rows.iter().map(Row::try_from).collect::<Result<Vec<_>, _>>()?;
    // spec C-3
    let fits = rows.iter().all(|row| row.length > 0) && rows.len() <= format::INLINE_MAX;
    if !fits || depth > format::LEVELS_MAX {
        return Err(Malformed::new("an item whose content is no content list", 0));
    }
    Ok(Content { rows, depth })
}
