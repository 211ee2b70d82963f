//! Sample exports that the usual libraries of Python read and wrote again, as the next export: no
//! record changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::tools::{has, program, skipped};
use crate::support::tree::copy;
use crate::support::{Bench, samples};

const EXPORTS: [&str; 2] = ["icloud-export", "icloud-export-a-month-later"];

#[test]
fn people_that_vobject_wrote_are_the_same() {
    // It reads no card without an end.
    rewritten("vobject", "Contacts", &["cut off.vcf"], &[]);
}

#[test]
fn events_that_vobject_wrote_are_the_same() {
    rewritten("vobject", "Calendars", &[], &[]);
}

#[test]
fn events_that_icalendar_wrote_are_the_same() {
    rewritten("icalendar", "Calendars", &[], &[]);
}

#[test]
fn messages_that_mailbox_wrote_are_the_same() {
    // It takes every line of `From ` for a separator, and these two have one that is not quoted:
    // each becomes a message without that line, and what was behind it.
    let torn = ["From the attic 1", "Minutes of the choir", "no subject"];
    rewritten("mailbox", "Mail", &[], &torn);
}

#[test]
fn logins_that_csv_wrote_are_the_same() {
    rewritten("csv", "Passwords", &[], &[]);
}

/// Has a library write a folder of both exports again, without the files it does not read, and says
/// what differs in the records but for those that it writes otherwise.
fn rewritten(library: &str, folder: &str, unread: &[&str], torn: &[&str]) {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::with_vault_in_memory();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/rewrite.py");
    let mut written = 0;
    for export in EXPORTS {
        let from = samples().join(export).join(folder);
        copy(&from, &bench.path(export));
        for name in unread {
            fs::remove_file(bench.path(export).join(name)).unwrap();
        }
        bench.open(["add", export, "--as", export, "--expected"]).succeeded();
        let args = [script.to_str().unwrap(), library, export];
        let ran = program("python3", args, &bench.path("")).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        if said.contains("ModuleNotFoundError") {
            return skipped(&format!("needs {library}, which pip installs"));
        }
        assert!(ran.status.success(), "{said}");
        written += ran.stdout.iter().filter(|byte| **byte == b'\n').count();
        bench.open(["add", export, "--as", export, "--expected"]).succeeded();
        let found = bench.open(["diff", export, "--records", "--json"]).succeeded().json();
        let found = found.as_array().unwrap().iter();
        let titles: BTreeSet<&str> = found.map(|one| one["title"].as_str().unwrap()).collect();
        assert_eq!(titles, torn.iter().copied().collect(), "{export}");
    }
    assert!(written >= 8, "{written}");
}
