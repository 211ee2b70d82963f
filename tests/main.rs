//! Tests through the binary.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod alarm;
mod archive;
mod certificates;
mod cli;
mod clip;
mod completeness;
mod copy;
mod diff;
mod fidelity;
mod find;
mod forms;
mod journeys;
mod keys;
mod kill;
mod kinds;
mod large;
mod logins;
mod mail;
mod pairs;
mod people;
mod records;
mod recover;
mod rewritten;
mod second_reader;
mod secrets;
mod space;
mod stores;
mod support;
mod take;
mod tidy;
mod transcripts;
