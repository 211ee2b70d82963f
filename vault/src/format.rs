//! Every number of the specification, `spec/format.md`; a test holds the two together.
//! Sizes are in bytes unless the name says otherwise.

/// The first eight bytes of every object head.
pub const MAGIC: [u8; 8] = *b"ICVAULT1";
/// The format's major version.
pub const VERSION: u8 = 1;
/// The size of an object head.
pub const HEAD_SIZE: usize = 32;
/// The size of a vault id.
pub const VAULT_ID_SIZE: usize = 16;
/// The size of every other id and of every MAC.
pub const ID_SIZE: usize = 32;

/// Object type: a pack.
pub const OBJECT_PACK: u8 = 1;
/// Object type: an index table.
pub const OBJECT_TABLE: u8 = 2;
/// Object type: a chain entry.
pub const OBJECT_ENTRY: u8 = 3;
/// Object type: a scope.
pub const OBJECT_SCOPE: u8 = 4;

/// Compartment: chain and positions.
pub const COMPARTMENT_INDEX: u8 = 1;
/// Compartment: ordinary items.
pub const COMPARTMENT_GENERAL: u8 = 2;
/// Compartment: passwords, keys and what else must not be lying about.
pub const COMPARTMENT_SEALED: u8 = 3;

/// Chunk type: content bytes.
pub const CHUNK_DATA: u8 = 1;
/// Chunk type: rows of a content list.
pub const CHUNK_LIST: u8 = 2;
/// Chunk type: a tree node.
pub const CHUNK_NODE: u8 = 3;

/// Class of packs and tables: data chunks.
pub const CLASS_DATA: u8 = 1;
/// Class of packs and tables: tree nodes and list chunks.
pub const CLASS_NODES: u8 = 2;

/// The magic number of a zstd frame.
pub const ZSTD_MAGIC: u32 = 0xFD2F_B528;
/// The skippable frame that holds a pack's head.
pub const FRAME_HEAD: u32 = 0x184D_2A50;
/// The skippable frame that holds a pack's directory and padding.
pub const FRAME_DIRECTORY: u32 = 0x184D_2A51;
/// The skippable frame that ends a pack.
pub const FRAME_TRAILER: u32 = 0x184D_2A52;
/// The size of the content of the trailer frame.
pub const TRAILER_SIZE: usize = 48;
/// The largest zstd window a reader accepts.
pub const ZSTD_WINDOW_MAX: u64 = 8_388_608;
/// The largest content of one block.
pub const BLOCK_MAX: usize = 8_388_608;
/// The content size at which a solid block is closed.
pub const BLOCK_TARGET: usize = 1_048_576;
/// The plaintext size at which a pack is closed.
pub const PACK_TARGET: u64 = 33_554_432;
/// The largest pack file.
pub const PACK_MAX: u64 = 2_147_483_647;
/// The smallest padded plaintext of a pack; sealed packs are padded to its multiples.
pub const PACK_PAD_MIN: u64 = 65_536;
/// The smallest padded plaintext of a table or a chain entry.
pub const OBJECT_PAD_MIN: u64 = 4_096;
/// The largest directory of a pack.
pub const DIRECTORY_MAX: usize = 16_777_216;

/// The size of the plaintext of a slot.
pub const SLOT_SIZE: usize = 4_096;
/// The largest age header that is parsed.
pub const AGE_HEADER_MAX: usize = 16_384;
/// The most stanzas an age header may have.
pub const AGE_STANZAS_MAX: usize = 32;
/// The size of one piece of an age payload, its tag apart.
pub const AGE_PIECE: usize = 65_536;
/// The binary logarithm of the scrypt work of a passphrase slot.
pub const SCRYPT_LOG_N: u8 = 18;
/// The largest scrypt work that is read without being asked to.
pub const SCRYPT_LOG_N_MAX: u8 = 20;
/// The largest scrypt work that is read at all.
pub const SCRYPT_LOG_N_LIMIT: u8 = 22;

/// The shortest content-defined chunk, the last of a file apart.
pub const CUT_MIN: usize = 16_384;
/// The length up to which the stricter mask decides.
pub const CUT_NORMAL: usize = 49_152;
/// The longest content-defined chunk.
pub const CUT_MAX: usize = 262_144;
/// The stricter mask: a cut needs these bits of the gear hash to be zero.
pub const CUT_MASK_EARLY: u64 = 0xFFFF_8000_0000_0000;
/// The looser mask, from `CUT_NORMAL` on.
pub const CUT_MASK_LATE: u64 = 0xFFFC_0000_0000_0000;
/// The length of chunks of media and compressed archives.
pub const CUT_FIXED: usize = 4_190_208;
/// The most chunks that an item's value names itself; more go to list chunks.
pub const INLINE_MAX: usize = 32;
/// A list chunk ends after a row whose id, its first 8 bytes read as a number, has these bits zero.
pub const LIST_MASK: u64 = 0x0000_0000_0000_01FF;
/// The most rows of a list chunk.
pub const LIST_ROWS_MAX: usize = 4_096;
/// The most levels of a content list or a tree.
pub const LEVELS_MAX: u8 = 16;

/// The entry bytes from which a node may be cut.
pub const NODE_MIN: usize = 16_384;
/// The entry bytes at which a node is always cut.
pub const NODE_MAX: usize = 98_304;
/// The longest key of a tree entry.
pub const KEY_MAX: usize = 4_096;
/// The longest value of a tree entry.
pub const VALUE_MAX: usize = 8_192;
/// The longest encoding of extended attributes that stands in the item.
pub const XATTRS_INLINE: usize = 1_024;
/// The size of a key in the trees of records.
pub const RECORD_KEY_SIZE: usize = 22;
/// The longest text in the facts of a record.
pub const RECORD_TEXT_MAX: usize = 1_024;
/// The longest encoding of extended attributes.
pub const XATTRS_MAX: usize = 67_108_864;
/// The largest encoded node that is read.
pub const NODE_LIMIT: usize = 262_144;

/// The size of one row of an index table.
pub const ROW_SIZE: usize = 52;
/// The size of the fixed part of an index table, after the head.
pub const TABLE_HEAD_SIZE: usize = 32;
/// The entries of a table's fan-out.
pub const FANOUT: usize = 256;
/// How many times larger a table is than the next smaller one of its class.
pub const TIER_FACTOR: u64 = 8;
/// The most tables of a class that a snapshot names.
pub const TABLES_MAX: usize = 4;
/// The new content after which a checkpoint table is written.
pub const CHECKPOINT_BYTES: u64 = 1_073_741_824;

/// The largest encoded chain entry.
pub const ENTRY_MAX: usize = 16_777_216;
/// The largest encoded scope.
pub const SCOPE_MAX: usize = 16_777_216;
/// The deepest nesting of an encoded value.
pub const DEPTH_MAX: usize = 16;
/// The largest number of a chain entry.
pub const NUMBER_MAX: u64 = 4_095_999;
/// The chain entries of one folder.
pub const CHAIN_FOLDER: u64 = 1_000;
