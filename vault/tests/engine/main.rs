//! The engine as its callers see it: what goes in comes out, whatever happens in between.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]
#![expect(clippy::print_stdout, reason = "how many cases there were, for whoever asks")]
#![expect(clippy::big_endian_bytes, reason = "CBOR that the library would not write")]

mod bombs;
mod copy;
mod damage;
mod example;
mod forgery;
mod interruption;
mod records;
mod roles;
mod roundtrip;
mod support;
