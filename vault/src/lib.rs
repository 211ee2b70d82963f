//! The engine of icvault: a versioned, encrypted, deduplicated vault for what people export.
//!
//! The modules, in layer order. A module imports only from rows above its own; `tests/tidy.rs`
//! reads this table and holds the code to it.
//!
//! | Module | Owns | May not |
//! |---|---|---|
//! | `format` | every number of the specification: magics, versions, tags, limits | contain logic |
//! | `error` | `Error`: operation, object, source, way out | print |
//! | `progress` | what a caller is told while work runs | print |
//! | `id` | newtypes of ids, HMAC and SHA-256 | be built unchecked |
//! | `wire` | canonical CBOR behind one scan, fixed-width fields, the object head | do I/O |
//! | `payload` | bytes to age files and back: slots, streaming writer, seekable reader | know what the bytes mean |
//! | `keys` | compartments, roles, key bundle, every derivation label | read files, ask a person |
//! | `store` | the place that holds a vault's objects: a folder, memory | know what bytes mean |
//! | `chunk` | cut points, content lists | compress, encrypt |
//! | `pack` | blocks, directory, padding | touch the store |
//! | `index` | chunk to position: tables, look-up, merge | decrypt content |
//! | `tree` | sorted map in chunks: build, get, range, diff | know what keys mean |
//! | `chain` | chain entries: snapshots and slot records, rolls, heads | read content |
//! | `scope` | what a copy was made without | read content |
//! | `kinds` | one file per format: recognise, find records | know that vaults exist |
//! | `files` | a person's own folders: walk a source, write into a target | know that vaults exist |
//! | `vault` | the verbs; the only module that joins stages and the only one with threads | hold format bytes |
//! | `check` | findings, cheapest first | stop at the first finding |
#![forbid(unsafe_code)]

pub mod chain;
pub mod check;
pub mod chunk;
pub mod error;
pub mod files;
pub mod format;
pub mod id;
pub mod index;
pub mod keys;
pub mod kinds;
pub mod pack;
pub mod payload;
pub mod progress;
pub mod scope;
pub mod store;
pub mod tree;
pub mod vault;
pub mod wire;

pub use error::{Error, ErrorKind, Result};
