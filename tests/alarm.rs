//! The shrink alarm: what an export lacks of the one before is told, marked, and missed until
//! somebody accepts it.

use serde_json::Value;
use vault::payload::Identity;

use crate::support::{Bench, Ran};

fn cards(numbers: std::ops::Range<usize>) -> String {
    let card = |number| {
        format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;Person {number:02};;;\r\nFN:Person {number:02}\r\n\
            UID:uid-{number}\r\nEND:VCARD\r\n"
        )
    };
    numbers.map(card).collect()
}

fn logins(numbers: std::ops::Range<usize>) -> String {
    let row = |number| format!("Site {number},https://s{number}.example/,anna,secret{number},,\n");
    let rows: String = numbers.map(row).collect();
    format!("Title,URL,Username,Password,Notes,OTPAuth\n{rows}")
}

fn add(bench: &Bench, folder: &str, month: u8, more: &[&str]) -> Ran {
    let time = format!("2026-{month:02}-01");
    let args = ["add", folder, "--as", "it", "--time", &time];
    bench.open(args.iter().chain(more).copied())
}

fn suspects(bench: &Bench) -> Vec<bool> {
    let snapshots = bench.open(["snapshots", "--json"]).succeeded().json();
    snapshots.as_array().unwrap().iter().map(|one| one["suspect"] == true).collect()
}

/// A vault with 20 people and 20 logins, and an export from which 5 people are gone.
fn bench() -> Bench {
    let bench = Bench::with_vault();
    bench.write("full/people.vcf", cards(0..20));
    bench.write("full/Passwords.csv", logins(0..20));
    bench.write("less/people.vcf", cards(0..15));
    bench.write("less/Passwords.csv", logins(0..20));
    add(&bench, "full", 1, &[]).succeeded();
    bench
}

#[test]
fn what_vanished_is_missed_until_it_is_accepted() {
    let bench = bench();
    let ran = add(&bench, "less", 2, &[]).ended_with(3);
    let told = ran.stderr;
    assert!(
        told.contains(
            "warning: contacts 20 → 15: 5 missing (Person 15, Person 16, Person 17, Person 18, \
            Person 19)"
        ),
        "{told}"
    );
    assert!(told.contains("hint: icvault recover --from "), "{told}");
    // The same again: it is still compared with what was whole.
    let again = add(&bench, "less", 3, &["--json"]).ended_with(3).json();
    assert_eq!(again["suspect"], true);
    let loss = &again["losses"][0];
    assert_eq!(
        (&loss["kind"], &loss["before"], &loss["now"], &loss["lost"]),
        (&"contact".into(), &20.into(), &15.into(), &5.into())
    );
    assert_eq!(loss["titles"].as_array().unwrap().len(), 5);
    assert_eq!(suspects(&bench), [false, true, true]);
    let shown = bench.open(["snapshots"]).succeeded().stdout;
    assert_eq!(shown.matches("suspect: 5 contacts of 20 missing").count(), 2, "{shown}");
    // What the hint says brings them back.
    let hint = told.lines().find_map(|line| line.strip_prefix("hint: icvault ")).unwrap();
    let (command, _) = hint.split_once(" -o ").unwrap();
    let recover = command.split(' ').chain(["-o", "less/back.vcf"]);
    bench.open(recover).succeeded();
    add(&bench, "less", 4, &[]).succeeded();
    assert_eq!(suspects(&bench), [false, true, true, false]);
}

#[test]
fn a_snapshot_is_accepted_once_and_by_who_can_read() {
    let bench = bench();
    add(&bench, "less", 2, &[]).ended_with(3);
    let accepted = bench.open(["snapshots", "--accept", "it"]).succeeded().stdout;
    assert!(accepted.contains("is accepted: 5 contacts of 20 missing"), "{accepted}");
    let again = bench.open(["snapshots", "--accept", "it"]).succeeded().stdout;
    assert!(again.contains("was accepted before"), "{again}");
    let other = bench.open(["snapshots", "--accept", "it~1"]).succeeded().stdout;
    assert!(other.contains("is not suspect"), "{other}");
    assert_eq!(suspects(&bench), [false, false]);
    let snapshots = bench.open(["snapshots", "--json"]).succeeded().json();
    assert_eq!(snapshots[1]["accepted"], true);
    assert_eq!(snapshots[1]["shrunk"][0]["lost"], 5);
    add(&bench, "less", 3, &[]).succeeded();
    bench.open(["check", "--read-data"]).succeeded();
}

#[test]
fn losses_on_purpose_are_told_and_no_matter() {
    let bench = bench();
    let ran = add(&bench, "less", 2, &["--expected"]).succeeded();
    assert!(ran.stdout.contains("as expected: contacts 20 → 15: 5 missing"), "{}", ran.stdout);
    assert_eq!(suspects(&bench), [false, false]);
    add(&bench, "less", 3, &[]).succeeded();
}

#[test]
fn limits_are_set_by_kind() {
    for (words, code) in [
        (&["--alarm", "contact=26%"][..], 0),
        (&["--alarm", "contact=25"], 3),
        (&["--alarm", "contact=off"], 0),
        (&["--alarm", "all=off"], 0),
        (&["--alarm", "all=off", "--alarm", "contact=1%"], 3),
        (&["--alarm", "all=1%"], 3),
        (&["--alarm", "contact"], 2),
        (&["--alarm", "contact=101"], 2),
        (&["--alarm", "people=5"], 2),
    ] {
        let bench = bench();
        let ran = add(&bench, "less", 2, words);
        assert_eq!(ran.code, code, "{words:?} {}", ran.stderr);
    }
}

#[test]
fn what_moved_or_changed_is_not_lost() {
    let bench = bench();
    bench.write("moved/half.vcf", cards(0..10).replace("Person", "Someone"));
    bench.write("moved/others/rest.vcf", cards(10..18).replace("\r\n", "\n"));
    bench.write("moved/Passwords.csv", logins(0..20));
    // One of the two that are gone is in another source by now.
    bench.write("elsewhere/one.vcf", cards(19..20));
    bench.open(["add", "elsewhere", "--as", "other"]).succeeded();
    add(&bench, "moved", 2, &["--alarm", "contact=6%"]).succeeded();
    let one = add(&bench, "moved", 3, &["--alarm", "contact=5%", "--json"]);
    // 1 of 20 is 5 %, if it is compared with the first; the second was not suspect.
    assert_eq!(one.succeeded().json()["losses"], Value::Array(Vec::new()));
}

#[test]
fn who_cannot_read_compares_numbers() {
    let bench = bench();
    bench.write("less/people.vcf", cards(0..20));
    bench.write("less/Passwords.csv", logins(0..15));
    let other = |role: &str| {
        let key = Identity::generate();
        bench.write(role, format!("{}\n", key.expose().as_str()));
        let recipient = key.recipient().to_string();
        bench.open(["key", "add", "--role", role, "--recipient", &recipient]).succeeded();
    };
    ["everyday", "add"].into_iter().for_each(other);
    for (role, time) in [("everyday", "2026-02-01"), ("add", "2026-03-01")] {
        let args = ["-i", role, "add", "less", "--as", "it", "--time", time, "--json"];
        let told = bench.run(args).ended_with(3).json();
        let loss = &told["losses"][0];
        assert_eq!((&loss["kind"], &loss["lost"]), (&"passwords".into(), &5.into()), "{role}");
        assert_eq!(loss["titles"], Value::Array(Vec::new()), "{role}");
    }
    bench.run(["-i", "add", "snapshots", "--accept", "it"]).ended_with(13);
}

#[test]
fn files_without_records_count_by_number() {
    let bench = Bench::with_vault();
    for number in 0..10 {
        bench.write(&format!("files/{number}.bin"), [number; 100]);
    }
    add(&bench, "files", 1, &[]).succeeded();
    std::fs::remove_file(bench.path("files/1.bin")).unwrap();
    add(&bench, "files", 2, &[]).succeeded();
    std::fs::remove_file(bench.path("files/2.bin")).unwrap();
    std::fs::remove_file(bench.path("files/3.bin")).unwrap();
    let ran = add(&bench, "files", 3, &[]).ended_with(3);
    assert!(ran.stderr.contains("files 9 → 7: 2 missing"), "{}", ran.stderr);
    assert!(ran.stderr.contains("names what is gone"), "{}", ran.stderr);
}
