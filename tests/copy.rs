//! Copies on other drives, through the program: made, brought up to date, given away, refused.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::support::tools::Random;
use crate::support::tree::files;
use crate::support::{Bench, Ran};

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n";

fn bench() -> Bench {
    let bench = Bench::with_vault();
    bench.write("export/note.txt", "hello");
    bench.write("export/Keys/id_ed25519", KEY);
    bench.open(["add", "export"]).succeeded();
    bench
}

/// Paths below the folder of a vault and their bytes.
fn objects(bench: &Bench, vault: &str) -> Vec<(String, Vec<u8>)> {
    let root = bench.path(vault);
    let found = files(&root).into_iter();
    let found = found.map(|path| {
        let bytes = fs::read(&path).unwrap();
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), bytes)
    });
    found.collect()
}

#[test]
fn a_drive_is_given_to_sam() {
    let bench = bench();
    bench.write("sam", "an everyday phrase for Sam\n");
    let mut add = bench.command(["key", "add", "--role", "everyday", "--label", "Sam"]);
    add.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_NEW_PASSPHRASE_FILE", "sam");
    Ran::of(add).succeeded();
    let hinted = bench.open(["add", "export"]).succeeded();
    assert!(hinted.stdout.contains("next: icvault copy --to"), "{}", hinted.stdout);
    fs::create_dir(bench.path("SAM")).unwrap();
    let copy = ["copy", "--to", "SAM", "--without-sealed", "--slots", "Sam"];
    let copied = bench.open(copy).succeeded();
    assert!(copied.stdout.contains("sealed left out on purpose"), "{}", copied.stdout);
    let sams = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_PASSPHRASE_FILE", "sam");
        command.env("ICVAULT_VAULT", "SAM/v.icvault").env("ICVAULT_STATE", bench.path("sams"));
        Ran::of(command)
    };
    let clean = sams(&["check", "--read-data"]).succeeded();
    assert!(clean.stdout.contains("sealed left out on purpose"), "{}", clean.stdout);
    assert!(clean.stdout.contains("clean"), "{}", clean.stdout);
    let json = sams(&["check", "--json"]).succeeded().json();
    assert_eq!(json["left_out"]["sealed"], true);
    assert_eq!(json["findings"].as_array().unwrap().len(), 0);
    sams(&["check", "--keyless"]).succeeded();
    let listed = sams(&["list"]).succeeded().stdout;
    assert_eq!(listed, "note.txt\n1 sealed item left out of this copy on purpose\n");
    bench.open(["-V", "SAM/v.icvault", "list"]).ended_with(12);

    // Later, without saying again what to leave out; and never by somebody without a key.
    bench.write("export/later.txt", "later");
    bench.write("export/Keys/id_rsa", KEY);
    bench.open(["add", "export"]).succeeded();
    let refused = bench.run(["copy", "--to", "SAM"]).ended_with(2);
    assert!(refused.stderr.contains("--all"), "{}", refused.stderr);
    bench.open(["copy", "--to", "SAM"]).succeeded();
    let clean = sams(&["check", "--read-data"]).succeeded();
    assert!(clean.stdout.contains("sealed left out on purpose"), "{}", clean.stdout);
    assert_eq!(sams(&["cat", "later.txt"]).succeeded().stdout, "later");
    let whole = bench.open(["check", "--read-data", "--json"]).succeeded().json();
    assert!(whole["left_out"].is_null());

    let known = bench.open(["info", "--json"]).succeeded().json();
    assert_eq!(known["copies"].as_array().unwrap().len(), 1);
    assert_eq!(known["copies"][0]["whole"], false);
    let added = bench.open(["add", "export"]).succeeded();
    assert!(!added.stdout.contains("next:"), "{}", added.stdout);
}

#[test]
fn copies_are_found_where_they_were_made() {
    let bench = bench();
    fs::create_dir(bench.path("drive")).unwrap();
    // An unplugged drive leaves an empty folder, which is not filled.
    bench.run(["copy", "--to", "drive", "--must-exist"]).ended_with(10);
    bench.run(["copy", "--to", "nowhere", "--must-exist"]).ended_with(10);
    assert!(!bench.path("nowhere").exists());
    let said = bench.run(["copy", "--to", "drive", "new", "-n"]).succeeded();
    assert!(said.stdout.contains("to be copied"), "{}", said.stdout);
    assert!(!bench.path("drive/v.icvault").exists() && !bench.path("new").exists());
    // Neither a key nor a home is needed.
    bench.run(["copy", "--to", "drive", "new"]).succeeded();
    let vault = objects(&bench, "v.icvault");
    assert!(objects(&bench, "drive/v.icvault") == vault && objects(&bench, "new") == vault);
    let again = bench.run(["copy", "--to", "drive", "--to", "new", "--must-exist"]).succeeded();
    assert_eq!(again.stdout, "drive/v.icvault: up to date\nnew: up to date\n");
    bench.open(["-V", "new", "check", "--read-data"]).succeeded();
    // One that fails does not keep the others from being brought up to date.
    bench.write("export/more.txt", "more");
    bench.open(["add", "export"]).succeeded();
    bench.run(["-i", "identity", "init", "other", "--no-recovery"]).succeeded();
    let some = bench.run(["copy", "--to", "other", "gone/deep", "drive"]);
    assert_ne!(some.code, 0);
    assert!(some.stderr.contains("other: there is another vault already"), "{}", some.stderr);
    assert!(objects(&bench, "drive/v.icvault") == objects(&bench, "v.icvault"));
    bench.run(["copy", "--to", "v.icvault"]).ended_with(2);
    bench.run(["copy", "--to", "v.icvault/inside"]).ended_with(2);
    let unknown = bench.open(["copy", "--to", "x", "--slots", "Nobody"]).ended_with(4);
    assert!(unknown.stderr.contains("key") && !bench.path("x").exists(), "{}", unknown.stderr);
}

#[test]
fn a_flipped_byte_is_not_copied_on() {
    let bench = bench();
    let (pack, mut bytes) = objects(&bench, "v.icvault")
        .into_iter()
        .find(|(path, _)| path.starts_with("packs/"))
        .unwrap();
    let whole = bytes.clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bench.write(&format!("v.icvault/{pack}"), &bytes);
    let told = bench.run(["copy", "--to", "copy"]).ended_with(21);
    assert!(told.stderr.contains(&pack), "{}", told.stderr);
    assert!(!bench.path("copy").join(&pack).exists());
    assert_eq!(objects(&bench, "copy").len(), objects(&bench, "v.icvault").len() - 1);
    bench.write(&format!("v.icvault/{pack}"), whole);
    bench.run(["copy", "--to", "copy"]).succeeded();
    bench.open(["-V", "copy", "check", "--read-data"]).succeeded();
}

#[test]
fn a_placeholder_is_neither_damage_nor_missing() {
    let bench = bench();
    bench.run(["copy", "--to", "early"]).succeeded();
    bench.write("export/more.txt", "more");
    bench.open(["add", "export"]).succeeded();
    let before = objects(&bench, "early");
    let vault = objects(&bench, "v.icvault");
    for (path, bytes) in &vault {
        let is_new = !before.iter().any(|(known, _)| known == path);
        if !is_new || !path.starts_with("packs/") {
            continue;
        }
        let (folder, file) = path.rsplit_once('/').unwrap();
        fs::remove_file(bench.path("v.icvault").join(path)).unwrap();
        let stub = format!("v.icvault/{folder}/.{file}.icloud");
        bench.write(&stub, "bplist00");
        for args in [&["check"][..], &["check", "--read-data"], &["check", "--keyless"]] {
            let told = bench.open(args).ended_with(3);
            assert!(told.stdout.contains("not downloaded"), "{}", told.stdout);
            assert!(!told.stdout.contains("damage:"), "{}", told.stdout);
        }
        // Nothing leads to what is not there; the other packs are copied already.
        if bench.path("early").join(path).exists() {
            fs::remove_file(bench.path(&stub)).unwrap();
            bench.write(&format!("v.icvault/{path}"), bytes);
            continue;
        }
        let told = bench.run(["copy", "--to", "early"]).ended_with(3);
        assert!(told.stderr.contains("Keep Downloaded"), "{}", told.stderr);
        bench.open(["-V", "early", "check", "--read-data"]).succeeded();
        fs::remove_file(bench.path(&stub)).unwrap();
        bench.write(&format!("v.icvault/{path}"), bytes);
    }
    bench.run(["copy", "--to", "early"]).succeeded();
    assert!(objects(&bench, "early") == vault);
}

#[test]
fn a_killed_copy_goes_on() {
    let bench = Bench::with_vault_in_memory();
    let mut random = Random(0x636f_7079);
    for round in 0..4 {
        bench.write(&format!("export/{round}"), random.bytes(200_000));
        bench.write("export/id_rsa", format!("{KEY}{round}"));
        bench.open(["add", "export"]).succeeded();
    }
    let (mut killed, mut round) = (0, 0);
    while killed < 12 {
        round += 1;
        assert!(round < 500, "{killed} of {round}");
        let to = format!("copy-{}.icvault", round / 4);
        let copy = ["-V", "v.icvault", "copy", "--to", &to];
        let mut command = bench.command(copy);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            continue;
        }
        killed += 1;
        bench.run(copy).succeeded();
        bench.open(["-V", &to, "check", "--read-data"]).succeeded();
        assert_eq!(fs::read_dir(bench.path(&to).join("tmp")).unwrap().count(), 0);
        fs::remove_dir_all(bench.path(&to)).unwrap();
    }
}

#[test]
fn a_vault_in_a_synced_folder_is_warned_of() {
    let bench = Bench::new();
    fs::create_dir(bench.path("cloud")).unwrap();
    bench.write("cloud/.stfolder", "");
    let init = ["-i", "identity", "init", "cloud/s.icvault", "--no-recovery"];
    let made = bench.run(init).succeeded();
    assert!(made.stderr.contains("synced by Syncthing"), "{}", made.stderr);
    bench.write("export/note.txt", "hello");
    let added = bench.open(["-V", "cloud/s.icvault", "add", "export"]).succeeded();
    assert!(added.stderr.contains("synced by Syncthing"), "{}", added.stderr);
    let quiet = bench.run(["-i", "identity", "init", "plain.icvault", "--no-recovery"]).succeeded();
    assert!(!quiet.stderr.contains("synced"), "{}", quiet.stderr);
}
