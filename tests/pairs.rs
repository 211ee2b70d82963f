//! Pairs of exports of which it is known how they differ, made by `support/make_pairs.py`, which
//! knows the formats and nothing of icvault: `diff --records` tells that difference and no other.
//!
//! A campaign: `ICVAULT_ROUNDS=100` makes a hundred pairs of each kind, `ICVAULT_SEED` begins
//! elsewhere, `ICVAULT_COUNT` sets how many records there are, `ICVAULT_KIND` takes one kind alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::tools::{has, program};
use crate::support::{Bench, Ran};

/// How many pairs of each kind are made.
const ROUNDS: u64 = 3;
/// How many records there are, in turn.
const COUNTS: [u64; 5] = [3, 40, 12, 200, 7];

const KINDS: [&str; 10] = [
    "contact",
    "event",
    "passwords",
    "mail",
    "bookmark",
    "history",
    "note",
    "photo",
    "health",
    "certificate",
];

/// Change, kind, title, fields.
type Difference = (String, String, String, Vec<String>);

#[test]
fn what_differs_is_told_and_nothing_else() {
    if !has(&["python3", "openssl"]) {
        return;
    }
    let rounds = asked("ICVAULT_ROUNDS").unwrap_or(ROUNDS);
    let first = asked("ICVAULT_SEED").unwrap_or(1);
    let kind = std::env::var_os("ICVAULT_KIND");
    let mut wrong = Vec::new();
    for (seed, count) in (first..first + rounds).zip(COUNTS.into_iter().cycle()) {
        let count = asked("ICVAULT_COUNT").unwrap_or(count);
        let bench = Bench::with_vault_in_memory();
        bench.write("p12 password", "pairs\n");
        for name in KINDS.iter().filter(|name| kind.as_ref().is_none_or(|kind| kind == **name)) {
            // A key takes its time.
            let count = if *name == "certificate" { count.min(8) } else { count };
            let (expected, found) = compared(&bench, seed, name, count);
            let only = |one: &BTreeSet<Difference>, other: &BTreeSet<Difference>| {
                one.difference(other).take(5).cloned().collect::<Vec<_>>()
            };
            if found != expected {
                wrong.push(format!(
                    "{seed} {name} {count}: not told: {:#?}, told: {:#?}",
                    only(&expected, &found),
                    only(&found, &expected)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} pairs: {}", wrong.len(), wrong.join("\n"));
}

/// What went missing between two exports comes back, is imported by a model of the app, and is there
/// in the next export, which writes anew all that exports write anew.
#[test]
fn what_was_recovered_and_imported_is_missing_no_more() {
    if !has(&["python3"]) {
        return;
    }
    let mut recovered = 0;
    for (kind, extension) in
        [("contact", "vcf"), ("event", "ics"), ("passwords", "csv"), ("mail", "mbox")]
    {
        for seed in 1..=asked("ICVAULT_ROUNDS").unwrap_or(5) {
            let bench = Bench::with_vault_in_memory();
            pair(seed, kind, 40, &bench.path("pair"));
            for side in ["pair/before", "pair/after"] {
                bench.open(["add", side, "--as", "it", "--expected"]).succeeded();
            }
            let file = format!("missing.{extension}");
            bench.open(["recover", "--kind", kind, "-o", &file]).succeeded();
            if !bench.path(&file).exists() {
                continue;
            }
            recovered += 1;
            let seed = seed.to_string();
            let args = [&script("app.py"), kind, "pair/after", &file, "exported", &seed];
            let ran = program("python3", args, &bench.path("")).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            bench.open(["add", "exported", "--as", "it", "--expected"]).succeeded();
            let still = bench.open(["recover", "--json"]).succeeded();
            let named = bench.open(["recover", "--from", "it~2", "-n"]).succeeded().stdout;
            assert_eq!(still.stdout, "[]\n", "{kind} {seed}: {named}");
            assert!(named.starts_with("nothing is missing"), "{kind} {seed}: {named}");
        }
    }
    assert!(recovered >= 4, "{recovered}");
}

/// What is expected of a pair, and what is told of it.
fn compared(
    bench: &Bench,
    seed: u64,
    kind: &str,
    count: u64,
) -> (BTreeSet<Difference>, BTreeSet<Difference>) {
    pair(seed, kind, count, &bench.path(kind));
    for side in ["before", "after"] {
        add(bench, &format!("{kind}/{side}"), kind).succeeded();
    }
    let found = bench.open(["diff", kind, "--records", "--json"]).succeeded().json();
    let mut told = BTreeSet::new();
    for one in found.as_array().unwrap() {
        let is_alone = ["added", "removed"].contains(&one["change"].as_str().unwrap());
        assert_eq!(one["matched_by"].is_null(), is_alone, "{seed} {kind}: {one}");
        assert!(told.insert(difference(one)), "{seed} {kind}, twice: {one}");
    }
    let expected = fs::read(bench.path(&format!("{kind}/expected.json"))).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let expected = expected["differences"].as_array().unwrap().iter().map(difference).collect();
    (expected, told)
}

fn add(bench: &Bench, folder: &str, source: &str) -> Ran {
    let mut command = bench.command(["add", folder, "--as", source, "--expected"]);
    command.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_P12_PASSWORD_FILE", "p12 password");
    Ran::of(command)
}

/// Writes both exports, and what is known of them.
fn pair(seed: u64, kind: &str, count: u64, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let (seed, count) = (seed.to_string(), count.to_string());
    let args = [&script("make_pairs.py"), &seed, kind, &count, folder.to_str().unwrap()];
    let made = program("python3", args, folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn script(name: &str) -> String {
    format!("{}/../tests/support/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn difference(one: &Value) -> Difference {
    let text = |name: &str| one[name].as_str().unwrap().to_owned();
    let fields = one["fields"].as_array().unwrap().iter();
    let mut fields: Vec<String> = fields.map(|field| field.as_str().unwrap().to_owned()).collect();
    fields.sort();
    (text("change"), text("kind"), text("title"), fields)
}

fn asked(name: &str) -> Option<u64> {
    std::env::var_os(name)?.into_string().ok()?.parse().ok()
}
