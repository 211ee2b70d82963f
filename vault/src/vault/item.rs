//! What the trees say of an item (spec 11).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::chunk::{Content, Row, WireRow};
use crate::files::Time;
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
}

/// When an item was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Seconds since 1970 UTC and nanoseconds.
    pub mtime: Time,
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
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    state: u8,
    #[serde(rename = "t")]
    item_type: u8,
}

#[derive(Serialize, Deserialize)]
struct WireWhereabouts {
    #[serde(rename = "m")]
    mtime: (i64, u32),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl Facts {
    /// The value in the tree.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&WireFacts {
            content: self.content.rows.iter().map(WireRow::from).collect(),
            depth: self.content.depth,
            kind: self.kind.clone(),
            length: self.length,
            mode: self.mode & 0o7777,
            points_to: self.link.as_ref().map(|link| ByteBuf::from(link.clone())),
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
        })
    }

    /// Reads a value of the tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireFacts = wire::decode(bytes, format::VALUE_MAX)?;
        let rows = wire.content.iter().map(Row::try_from).collect::<Result<Vec<_>, _>>()?;
        let sum = rows.iter().try_fold(0_u64, |sum, row| sum.checked_add(row.length));
        let state = match wire.state {
            0 => State::Present,
            1 => State::Missing,
            2 => State::Unreadable,
            _ => return Err(Malformed::new("an item in an unknown state", 0)),
        };
        // spec C-3
        let fits = state != State::Present || wire.item_type != 0 || sum == Some(wire.length);
        let fits = fits && rows.iter().all(|row| row.length > 0);
        if !fits || rows.len() > format::INLINE_MAX || wire.depth > format::LEVELS_MAX {
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
            content: Content { rows, depth: wire.depth },
        })
    }
}

impl Whereabouts {
    /// The value in the tree.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&WireWhereabouts { mtime: self.mtime })
    }

    /// Reads a value of the tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireWhereabouts = wire::decode(bytes, format::VALUE_MAX)?;
        if wire.mtime.1 >= 1_000_000_000 {
            return Err(Malformed::new("nanoseconds of more than a second", 0));
        }
        Ok(Self { mtime: wire.mtime })
    }
}
