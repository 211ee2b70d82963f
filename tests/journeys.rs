//! What somebody does from the first day on: with a passphrase, a recovery code, a key and an
//! everyday passphrase, typed or given by a program.

use std::fs;
use std::path::Path;

use crate::support::tools::{at_terminal, has};
use crate::support::{Bench, PASSPHRASE, Ran};

#[test]
fn the_recovery_code_is_typed_as_people_type() {
    let bench = Bench::new();
    let with = |file: &str, args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_PASSPHRASE_FILE", file);
        Ran::of(command)
    };
    let made = with("passphrase", &["init", "v.icvault"]).succeeded();
    let code = made.stdout.lines().find_map(|line| line.strip_prefix("recovery code: ")).unwrap();
    assert_eq!(code.len(), 35);
    assert!(!made.stdout.contains(PASSPHRASE) && !made.stderr.contains(PASSPHRASE));
    bench.write("export/note.txt", "hello");
    bench.write("export/id_ed25519", KEY);
    with("passphrase", &["add", "export"]).succeeded();
    // Read off paper: lower case, blanks, letters for digits.
    let sloppy = code.to_lowercase().replace('-', "  ").replace('0', "o").replace('1', "l");
    bench.write("sloppy", format!(" {sloppy}\r\n"));
    assert_eq!(with("sloppy", &["cat", "id_ed25519"]).succeeded().stdout, KEY);
    // A slip is noticed by its checksum at once, without a second of work for each slot.
    let slip = if code.ends_with('7') { "8" } else { "7" };
    bench.write("slip", format!("{}{slip}", &code[..34]));
    with("slip", &["list"]).ended_with(12);
    // The passphrase is forgotten; the code lets one set another.
    bench.write("new", "an entirely different phrase");
    let mut passwd = bench.command(["key", "passwd"]);
    passwd.env("ICVAULT_PASSPHRASE_FILE", "sloppy").env("ICVAULT_NEW_PASSPHRASE_FILE", "new");
    Ran::of(passwd).succeeded();
    with("passphrase", &["list"]).ended_with(12);
    assert_eq!(with("new", &["cat", "note.txt"]).succeeded().stdout, "hello");
}

#[test]
fn a_key_is_added_used_and_removed() {
    let bench = Bench::with_vault();
    bench.write("export/note.txt", "hello");
    bench.open(["add", "export"]).succeeded();
    let friend = Bench::new();
    let other = friend.path("identity");
    let theirs = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_IDENTITY", &other);
        Ran::of(command)
    };
    theirs(&["list"]).ended_with(12);
    let add = ["key", "add", "--recipient", &friend.recipient, "--label", "friend"];
    bench.open(add).succeeded();
    assert_eq!(theirs(&["cat", "note.txt"]).succeeded().stdout, "hello");
    // On stdin as well.
    let mut command = bench.command(["-i", "-", "cat", "note.txt"]);
    command.stdin(fs::File::open(&other).unwrap());
    assert_eq!(Ran::of(command).succeeded().stdout, "hello");
    let listed = bench.open(["key", "list", "--json"]).succeeded().json();
    let slots = listed.as_array().unwrap();
    let slot = slots.iter().find(|slot| slot["label"] == "friend").unwrap();
    assert_eq!(slot["role"], "full");
    assert_eq!(slot["copies"], 2);
    let id = slot["id"].as_str().unwrap();
    bench.open(["key", "remove", id]).ended_with(2);
    theirs(&["list"]).succeeded();
    bench.open(["key", "remove", id, "--yes"]).succeeded();
    theirs(&["list"]).ended_with(12);
    bench.open(["key", "remove", id, "--yes"]).ended_with(4);
    // The last slot is not removed: nobody could open the vault again.
    let listed = bench.open(["key", "list", "--json"]).succeeded().json();
    let last = listed[0]["id"].as_str().unwrap().to_owned();
    let refused = bench.open(["key", "remove", &last, "--yes"]);
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    bench.open(["check", "--read-data"]).succeeded();
}

#[test]
fn an_everyday_key_stores_what_it_cannot_read() {
    let bench = Bench::with_vault();
    bench.write("export/note.txt", "hello");
    bench.write("export/Keys/id_ed25519", KEY);
    bench.open(["add", "export"]).succeeded();
    let phone = Bench::new();
    let identity = phone.path("identity");
    bench.open(["key", "add", "--role", "everyday", "--recipient", &phone.recipient]).succeeded();
    let everyday = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_IDENTITY", &identity);
        Ran::of(command)
    };
    let locked = "1 sealed item locked (use the full passphrase)";
    assert_eq!(everyday(&["list"]).succeeded().stdout, format!("note.txt\n{locked}\n"));
    // It is not there for this role, which is another thing than a wrong key or a missing right.
    let refused = everyday(&["cat", "Keys/id_ed25519"]).ended_with(4);
    assert!(refused.stderr.contains("full passphrase"), "{}", refused.stderr);
    let taken = everyday(&["extract", "-o", "back"]).succeeded();
    assert!(taken.stdout.contains(locked), "{}", taken.stdout);
    assert!(!bench.path("back/Keys").exists());
    everyday(&["check", "--read-data"]).succeeded();
    assert_eq!(everyday(&["info", "--json"]).succeeded().json()["role"], "everyday");
    // It may add, also what it may not read afterwards.
    bench.write("export/Keys/id_rsa", KEY);
    everyday(&["add", "export"]).succeeded();
    assert!(everyday(&["list"]).succeeded().stdout.contains("2 sealed items locked"));
    everyday(&["cat", "Keys/id_rsa"]).ended_with(4);
    assert_eq!(bench.open(["cat", "Keys/id_rsa"]).succeeded().stdout, KEY);
    // And neither gives itself more nor takes from others.
    everyday(&["key", "add", "--role", "full", "--recipient", &bench.recipient]).ended_with(13);
    let slots = bench.open(["key", "list", "--json"]).succeeded().json();
    let id = slots[0]["id"].as_str().unwrap();
    everyday(&["key", "remove", id, "--yes"]).ended_with(13);
    bench.open(["check", "--read-data"]).succeeded();
}

#[test]
fn what_is_no_vault_is_told_apart() {
    let bench = Bench::with_vault();
    bench.write("export/note.txt", "hello");
    bench.open(["add", "export"]).succeeded();
    bench.open(["-V", "nowhere.icvault", "list"]).ended_with(10);
    bench.write("file.txt", "no folder");
    let code = bench.open(["-V", "file.txt", "list"]).code;
    assert!([10, 15].contains(&code), "{code}");
    bench.open(["-V", "export", "list"]).ended_with(15);
    bench.open(["-V", "export", "check", "--keyless"]).ended_with(15);
    // Two vaults: which one is meant has to be said.
    bench.run(["-i", "identity", "init", "w.icvault", "--no-recovery"]).succeeded();
    bench.open(["list"]).ended_with(10);
    assert_eq!(bench.open(["-V", "v.icvault", "list"]).succeeded().stdout, "note.txt\n");
}

#[test]
fn everything_is_typed_at_a_terminal() {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::new();
    let typed = |answers: &str, args: &[&str]| {
        bench.write("answers", answers);
        let command = bench.command(args);
        let folder = bench.path("");
        Ran::of(at_terminal(&command, &bench.path("answers"), Path::new(&folder)))
    };
    let shows_no_secret = |ran: Ran| {
        assert!(!ran.stdout.contains("battery"), "{}", ran.stdout);
        ran
    };
    typed("one thing\nanother thing\n", &["init", "v.icvault"]).ended_with(1);
    assert!(!bench.path("v.icvault/vault").exists());
    let twice = format!("{PASSPHRASE}\n{PASSPHRASE}\n");
    let made = shows_no_secret(typed(&twice, &["init", "v.icvault", "--no-recovery"]));
    made.succeeded();
    bench.write("export/note.txt", "hello");
    bench.write("export/id_ed25519", KEY);
    shows_no_secret(typed(&format!("{PASSPHRASE}\n"), &["add", "export"])).succeeded();
    // A slip, and once more.
    let slip = format!("correct horse batery staple\n{PASSPHRASE}\n");
    let listed = shows_no_secret(typed(&slip, &["list"])).succeeded();
    assert!(listed.stdout.contains("note.txt"), "{}", listed.stdout);
    assert!(listed.stdout.contains("no slot of the vault opens"), "{}", listed.stdout);
    // A key is not shown where somebody may look over a shoulder.
    let refused = typed(&format!("{PASSPHRASE}\n"), &["cat", "id_ed25519"]).ended_with(1);
    assert!(!refused.stdout.contains("PRIVATE KEY"), "{}", refused.stdout);
    let shown = typed(&format!("{PASSPHRASE}\n"), &["cat", "--reveal", "id_ed25519"]).succeeded();
    assert!(shown.stdout.contains("PRIVATE KEY"), "{}", shown.stdout);
}

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n";
