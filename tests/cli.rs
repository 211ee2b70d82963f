//! The verbs together, exit codes, and what must appear nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Bench, PASSPHRASE, Ran, samples};

#[test]
fn what_is_added_comes_back() {
    let bench = Bench::with_vault();
    let export = samples().join("icloud-export");
    // Two of its documents are in iCloud only.
    let added = bench.open(["add".as_ref(), export.as_os_str()]).ended_with(3);
    assert!(added.stdout.contains("not included: 2 items"), "{}", added.stdout);
    assert!(added.stdout.contains("(number 2) of \"icloud-export\""), "{}", added.stdout);
    assert!(added.stdout.contains("key files (sealed)"), "{}", added.stdout);
    assert!(added.stdout.contains("still readable on disk: /"), "{}", added.stdout);

    let again = bench.open(["add".as_ref(), export.as_os_str()]).ended_with(3);
    assert!(!again.stdout.contains("\nnew: "), "{}", again.stdout);

    bench.open(["extract", "-o", "back"]).ended_with(3);
    assert_same(&export, &bench.path("back"));
    let key = bench.path("back/Keys/id_ed25519");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);

    let path = "Contacts/version 4.vcf";
    let content = fs::read(export.join(path)).unwrap();
    for item in [path.to_owned(), format!("icloud-export~1:{path}"), format!("latest:{path}")] {
        assert_eq!(bench.open(["cat", &item]).succeeded().bytes, content, "{item}");
    }
    assert_eq!(bench.open(["extract", path, "-o", "-"]).succeeded().bytes, content);
    bench.open(["check", "--read-data"]).succeeded();
}

#[test]
fn what_cannot_be_looked_into_is_sealed_and_said_so() {
    let bench = Bench::with_vault();
    let locked = samples().join("icloud-export/Passwords/for the lawyer, with a password.zip");
    bench.write("export/locked", fs::read(locked).unwrap());
    bench.write("export/log", b"\xFD7zXZ\0\0\x04");
    bench.write("export/letter", b"Dear Ida\n");
    let told = "sealed, because it cannot be looked into: 2 files\n  locked: encrypted zip\n  \
                log: xz file\n";
    // It is in the vault all the same: nothing is missing.
    let added = bench.open(["add", "export"]).succeeded();
    assert!(added.stdout.contains(told), "{}", added.stdout);
    assert!(added.stdout.contains("2 other files (sealed)"), "{}", added.stdout);
    for (source, wish) in [("a", "--sealed"), ("b", "--general")] {
        let added = bench.open(["add", "export", "--as", source, wish]).succeeded();
        assert!(!added.stdout.contains("looked into"), "{}", added.stdout);
    }
}

#[test]
fn a_source_is_told_by_what_is_in_it() {
    let bench = Bench::with_vault();
    let logins = |names: &[&str]| {
        let rows =
            names.iter().map(|name| format!("{name},https://{name}.example,anna,p-{name},,\n"));
        format!("Title,URL,Username,Password,Notes,OTPAuth\n{}", rows.collect::<String>())
    };
    let card =
        |name: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name} Someone\r\nEND:VCARD\r\n");
    let many = ["mail", "bank", "shop", "club", "work", "blog"];
    bench.write("Passwords.csv", logins(&many));
    bench.write("Contacts.vcf", ["Anna", "Bert", "Carla", "Dora"].map(card).concat());
    bench.open(["add", "Passwords.csv"]).succeeded();
    bench.open(["add", "Contacts.vcf"]).succeeded();

    // Another language, a date and a counter; fewer and other things inside.
    bench.write("2026-11/\u{c554}\u{d638} 2.csv", logins(&[&many[1..], &["new"]].concat()));
    let item = bench.path("2026-11/\u{c554}\u{d638} 2.csv");
    let added = bench.open(["add".as_ref(), item.as_os_str()]).succeeded();
    assert!(added.stdout.contains("of \"Passwords\""), "{}", added.stdout);
    assert!(added.stdout.contains("% of it is the same"), "{}", added.stdout);
    bench.write("Kontakte 17.vcf", ["Dora", "Anna"].map(card).concat());
    let added = bench.open(["add", "Kontakte 17.vcf"]).succeeded();
    assert!(added.stdout.contains("of \"Contacts\""), "{}", added.stdout);

    // A part of what a source holds is not its next export, nor are somebody else's logins.
    bench.write("all/a.csv", logins(&many));
    bench.write("all/b.vcf", ["Anna", "Bert"].map(card).concat());
    let added = bench.open(["add", "all"]).succeeded();
    assert!(added.stdout.contains("of \"all\""), "{}", added.stdout);
    bench.write(
        "Other/Passwords.csv",
        logins(&["garden", "boat", "school"]).replace("anna", "bert"),
    );
    let added = bench.open(["add", "Other/Passwords.csv"]).succeeded();
    assert!(added.stdout.contains("of \"Passwords\""), "{}", added.stdout);
    assert!(!added.stdout.contains("% of it"), "{}", added.stdout);
    let named = bench.open(["add", "Other/Passwords.csv", "--as", "Bert's"]).succeeded();
    assert!(named.stdout.contains("of \"Bert's\""), "{}", named.stdout);
    let listed = bench.open(["cat", "Passwords~2:Passwords.csv"]).succeeded();
    assert_eq!(listed.stdout, logins(&many));
}

#[test]
fn a_source_is_removed_when_it_is_in_the_vault() {
    let bench = Bench::with_vault();
    for path in ["export/a.txt", "export/sub/b.txt", "export/sub/deep/c.txt"] {
        bench.write(path, path);
    }
    bench.write("export/Passwords.csv", "Title,URL,Username,Password\nx,https://x.example,a,b\n");
    std::os::unix::fs::symlink("a.txt", bench.path("export/link")).unwrap();
    std::os::unix::fs::symlink("/etc", bench.path("export/etc")).unwrap();
    let added = bench.open(["add", "export", "--remove-source"]).succeeded();
    assert!(added.stdout.contains("removed: 4 files"), "{}", added.stdout);
    assert!(!added.stdout.contains("still readable"), "{}", added.stdout);
    assert!(!bench.path("export").exists());
    assert!(Path::new("/etc").exists());
    bench.open(["extract", "-o", "back"]).succeeded();
    assert_eq!(
        fs::read_to_string(bench.path("back/sub/deep/c.txt")).unwrap(),
        "export/sub/deep/c.txt"
    );

    // What cannot be read back stays: this key adds to what is sealed and does not open it.
    let phone = Bench::new();
    bench.open(["key", "add", "--role", "everyday", "--recipient", &phone.recipient]).succeeded();
    fs::copy(phone.path("identity"), bench.path("everyday")).unwrap();
    let added = bench.run(["-i", "everyday", "add", "back", "--remove-source"]).ended_with(3);
    assert!(added.stdout.contains("still readable on disk: 1 item"), "{}", added.stdout);
    assert!(bench.path("back/Passwords.csv").exists());
    assert!(!bench.path("back/sub").exists() && !bench.path("back/a.txt").exists());

    // A file alone, and nothing beside it.
    bench.write("one/x.txt", "x");
    bench.write("one/y.txt", "y");
    bench.open(["add", "one/x.txt", "--remove-source"]).succeeded();
    assert!(!bench.path("one/x.txt").exists() && bench.path("one/y.txt").exists());
}

#[test]
fn several_sources_lie_side_by_side() {
    let bench = Bench::with_vault();
    bench.write("one/same.txt", "1");
    bench.write("two/same.txt", "2");
    bench.write("two/only.txt", "3");
    bench.open(["add", "one"]).succeeded();
    bench.open(["add", "two"]).succeeded();
    let ambiguous = bench.open(["cat", "same.txt"]).ended_with(4);
    assert!(ambiguous.stderr.contains("one:same.txt  two:same.txt"), "{}", ambiguous.stderr);
    assert_eq!(bench.open(["cat", "two:same.txt"]).succeeded().stdout, "2");
    assert_eq!(bench.open(["cat", "only.txt"]).succeeded().stdout, "3");
    bench.open(["extract", "-o", "back"]).succeeded();
    assert_eq!(fs::read_to_string(bench.path("back/one/same.txt")).unwrap(), "1");
    assert_eq!(fs::read_to_string(bench.path("back/two/same.txt")).unwrap(), "2");
    // What is there stays, and that is told.
    let refused = bench.open(["extract", "-o", "back"]).ended_with(3);
    assert!(refused.stderr.contains("already there: one/same.txt"), "{}", refused.stderr);
    bench.open(["extract", "-o", "back", "--overwrite", "always"]).succeeded();
}

#[test]
fn an_item_that_is_gone_is_found_in_an_older_snapshot() {
    let bench = Bench::with_vault();
    bench.write("export/a.txt", "first");
    bench.write("export/b.txt", "other");
    bench.open(["add", "export"]).succeeded();
    fs::remove_file(bench.path("export/a.txt")).unwrap();
    bench.open(["add", "export", "--expected"]).succeeded();
    assert_eq!(bench.open(["cat", "a.txt"]).succeeded().stdout, "first");
    bench.open(["cat", "export:a.txt"]).ended_with(4);
    let ids = bench.open(["snapshots", "--json"]).succeeded().json();
    let id = ids[0]["id"].as_str().unwrap();
    for name in [&id[..6], "export~1"] {
        let listed = bench.open(["list", name]).succeeded().stdout;
        assert_eq!(listed, "a.txt\nb.txt\n", "{name}");
    }
    assert_eq!(bench.open(["list", "@2999-01-01"]).succeeded().stdout, "b.txt\n");
    bench.open(["list", "@1999-01-01"]).ended_with(4);
    bench.open(["list", "@yesterday"]).ended_with(2);
    bench.open(["list", "export~9"]).ended_with(4);
}

#[test]
fn exit_codes_tell_what_happened() {
    let bench = Bench::new();
    bench.run(["no-such-verb"]).ended_with(2);
    bench.run(["list"]).ended_with(10);
    bench.run(["-V", "nowhere", "list"]).ended_with(10);
    fs::create_dir(bench.path("empty")).unwrap();
    bench.open(["-V", "empty", "list"]).ended_with(15);
    bench.open(["init", "v.icvault", "--no-recovery"]).succeeded();
    bench.open(["init", "v.icvault", "--no-recovery"]).ended_with(1);
    bench.open(["add", "nowhere"]).ended_with(1);
    bench.open(["cat", "nothing"]).ended_with(4);
    bench.open(["check", "--head", "nonsense"]).ended_with(2);
    bench.open(["check", "--head", "1-AAAA-AAAA"]).ended_with(22);
    let other = Bench::new();
    let stranger = other.path("identity");
    bench.run(["-i".as_ref(), stranger.as_os_str(), "list".as_ref()]).ended_with(12);
    let table = bench.run(["exit-codes"]).succeeded().stdout;
    for code in [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 130, 143] {
        assert!(table.lines().any(|line| line.trim_start().starts_with(&format!("{code} "))));
    }
}

#[test]
fn json_is_json() {
    let bench = Bench::with_vault();
    bench.write("export/a \u{202e}b\u{1b}.txt", "text");
    bench.write("export/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n");
    bench.open(["add", "export", "-m", "for the test"]).succeeded();
    let listed = bench.open(["list", "--json"]).succeeded();
    assert!(listed.stdout.contains("\\u202e") && !listed.stdout.contains('\u{202e}'));
    let items = listed.json();
    assert_eq!(items.as_array().unwrap().len(), 2);
    assert_eq!(items[0]["path"], "a \u{202e}b\u{1b}.txt");
    for field in ["source", "snapshot", "path", "type", "kind", "size", "mtime", "compartment"] {
        assert!(!items[0][field].is_null(), "{field}");
    }
    assert_eq!(items[1]["compartment"], "sealed");
    let snapshots = bench.open(["snapshots", "--json"]).succeeded().json();
    assert_eq!(snapshots[0]["label"], "for the test");
    assert_eq!(bench.open(["info", "--json"]).succeeded().json()["role"], "full");
    let keyless = bench.run(["info", "--json", "--keyless"]).succeeded().json();
    assert!(keyless["fingerprint"].is_null() && keyless["id"].is_string());
    assert!(bench.open(["check", "--json"]).succeeded().json()["findings"].is_array());
    assert_eq!(bench.open(["key", "list", "--json"]).succeeded().json()[0]["letter"], "k");
    let error = bench.open(["list", "nothing", "--json"]).ended_with(4);
    let error: serde_json::Value = serde_json::from_str(error.stderr.trim()).unwrap();
    assert_eq!(error["code"], 4);
}

#[test]
fn names_do_not_command_the_terminal() {
    let bench = Bench::with_vault();
    bench.write("export/a\u{1b}[2J\u{202e}\u{9b}b", "text");
    let quiet = |ran: Ran| {
        for c in ['\u{1b}', '\u{202e}', '\u{9b}'] {
            assert!(!ran.stdout.contains(c) && !ran.stderr.contains(c), "{ran:?}");
        }
    };
    quiet(bench.open(["add", "export", "--as", "s\u{1b}]0;x", "-m", "m\u{1b}"]).succeeded());
    quiet(bench.open(["list"]).succeeded());
    quiet(bench.open(["list", "-l"]).succeeded());
    quiet(bench.open(["snapshots"]).succeeded());
    quiet(bench.open(["info"]).succeeded());
    quiet(bench.open(["cat", "no\u{1b}such"]).ended_with(4));
    // A name that is not written anywhere is named, and still to be had.
    quiet(bench.open(["extract", "-o", "back"]).ended_with(3));
    assert_eq!(bench.open(["cat", "a\u{1b}[2J\u{202e}\u{9b}b"]).succeeded().stdout, "text");
    let null = bench.open(["list", "--null"]).succeeded();
    assert_eq!(null.bytes, "a\u{1b}[2J\u{202e}\u{9b}b\0".as_bytes());
}

#[test]
fn passphrases_come_from_a_file_a_descriptor_or_a_command() {
    let bench = Bench::new();
    let with = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = bench.command(args);
        command.envs(variables.iter().copied());
        Ran::of(command)
    };
    let made = with(&[("ICVAULT_NEW_PASSPHRASE_FILE", "passphrase")], &["init", "v.icvault"]);
    let made = made.succeeded();
    let code = made.stdout.lines().find_map(|line| line.strip_prefix("recovery code: ")).unwrap();
    bench.write("code", code.to_lowercase());
    for variable in [
        ("ICVAULT_PASSPHRASE_FILE", "passphrase"),
        ("ICVAULT_PASSPHRASE_FILE", "code"),
        ("ICVAULT_PASSPHRASE_COMMAND", "cat passphrase; echo more"),
    ] {
        with(&[variable], &["info"]).succeeded();
    }
    let mut command = bench.command(["info"]);
    command.env("ICVAULT_PASSPHRASE_FD", "0");
    command.stdin(fs::File::open(bench.path("passphrase")).unwrap());
    Ran::of(command).succeeded();
    bench.write("wrong", "wrong horse battery staple");
    let wrong = with(&[("ICVAULT_PASSPHRASE_FILE", "wrong")], &["info"]).ended_with(12);
    assert!(!wrong.stderr.contains("wrong horse"), "{}", wrong.stderr);
    with(&[("ICVAULT_PASSPHRASE_COMMAND", "exit 7")], &["info"]).ended_with(1);
    bench.write("nothing", "\n");
    with(&[("ICVAULT_NEW_PASSPHRASE_FILE", "nothing")], &["init", "w.icvault"]).ended_with(2);
    assert!(!bench.path("w.icvault").exists());
}

#[test]
fn an_everyday_passphrase_does_not_read_what_is_sealed() {
    let bench = Bench::with_vault();
    bench.write("export/note.txt", "hello");
    bench.write(
        "export/Passwords.csv",
        "Title,URL,Username,Password,Notes,OTPAuth\na,https://a.example,u,TopSecret99,,\n",
    );
    bench.open(["add", "export"]).succeeded();
    let mut add = bench.command(["key", "add", "--role", "everyday", "--label", "phone"]);
    add.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_NEW_PASSPHRASE_FILE", "passphrase");
    Ran::of(add).succeeded();
    let everyday = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_PASSPHRASE_FILE", "passphrase");
        Ran::of(command)
    };
    let listed = everyday(&["list"]).succeeded().stdout;
    assert_eq!(listed, "note.txt\n1 sealed item locked (use the full passphrase)\n");
    let refused = everyday(&["cat", "Passwords.csv"]).ended_with(4);
    assert!(refused.stderr.contains("use the full passphrase"), "{}", refused.stderr);
    everyday(&["extract", "-o", "back"]).succeeded();
    assert!(!bench.path("back/Passwords.csv").exists());
    let slots = bench.open(["key", "list", "--json"]).succeeded().json();
    let slot = slots.as_array().unwrap().iter().find(|slot| slot["label"] == "phone").unwrap();
    let id = slot["id"].as_str().unwrap().to_owned();
    everyday(&["key", "remove", &id, "--yes"]).ended_with(13);
    let removed = bench.open(["key", "remove", &id[..8], "--yes"]).succeeded();
    assert!(removed.stderr.contains("does not revoke"), "{}", removed.stderr);
    everyday(&["list"]).ended_with(12);
}

#[test]
fn a_passphrase_is_changed() {
    let bench = Bench::with_vault();
    bench.write("new", "an entirely different phrase");
    let with = |new: &str, old: &str, args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_NEW_PASSPHRASE_FILE", new).env("ICVAULT_PASSPHRASE_FILE", old);
        Ran::of(command)
    };
    let mut add = bench.command(["key", "add"]);
    add.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_NEW_PASSPHRASE_FILE", "passphrase");
    Ran::of(add).succeeded();
    with("passphrase", "passphrase", &["key", "passwd"]).ended_with(1);
    with("new", "passphrase", &["key", "passwd"]).succeeded();
    with("new", "passphrase", &["info"]).ended_with(12);
    with("passphrase", "new", &["info"]).succeeded();
}

#[test]
fn no_secret_is_printed_or_left_in_the_state() {
    let bench = Bench::with_vault();
    let export = samples().join("icloud-export");
    let mut said = String::new();
    let mut run = |args: &[&str]| {
        let ran = bench.open(args);
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
    };
    run(&["-v", "add", export.to_str().unwrap()]);
    run(&["-v", "list", "-l"]);
    run(&["list", "--json"]);
    run(&["-v", "info"]);
    run(&["snapshots", "--json"]);
    run(&["key", "list", "--json"]);
    run(&["check", "--json", "--read-data"]);
    for entry in fs::read_dir(bench.path("state")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        said.push_str(&fs::read_to_string(path).unwrap());
    }
    for secret in [bench.secret.as_str(), PASSPHRASE, "AGE-SECRET-KEY"] {
        assert!(!said.contains(secret), "{secret}");
    }
}

#[test]
fn another_vault_in_the_place_of_the_known_one_is_noticed() {
    let bench = Bench::with_vault();
    bench.write("export/a.txt", "a");
    bench.open(["add", "export"]).succeeded();
    // As if other keys had been known by this vault's id.
    let state = fs::read_dir(bench.path("state")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&state).unwrap();
    let mut known: serde_json::Value = serde_json::from_str(&text).unwrap();
    known["fingerprint"] = "00".repeat(32).into();
    fs::write(&state, known.to_string()).unwrap();
    bench.open(["add", "export"]).ended_with(12);
    bench.open(["key", "add", "--recipient", &bench.recipient]).ended_with(12);
    let listed = bench.open(["list"]).succeeded();
    assert!(listed.stderr.contains("not the keys"), "{}", listed.stderr);
    fs::write(&state, text).unwrap();
    bench.open(["add", "export"]).succeeded();
}

#[test]
fn a_vault_that_was_set_back_is_noticed() {
    let bench = Bench::with_vault();
    bench.write("export/a.txt", "a");
    copy(&bench.path("v.icvault"), &bench.path("old"));
    bench.open(["add", "export"]).succeeded();
    let head = bench.open(["info", "--json"]).succeeded().json()["head_code"].clone();
    let head = head.as_str().unwrap();
    bench.open(["check", "--head", head]).succeeded();
    let listed = bench.open(["-V", "old", "list"]).succeeded();
    assert!(listed.stderr.contains("1 snapshot behind"), "{}", listed.stderr);
    bench.open(["-V", "old", "check", "--head", head]).ended_with(22);
}

#[test]
fn the_tour_needs_nothing() {
    let bench = Bench::new();
    let mut tour = bench.command(["tour"]);
    fs::create_dir(bench.path("tmp")).unwrap();
    tour.env("TMPDIR", bench.path("tmp"));
    let tour = Ran::of(tour).succeeded();
    assert!(tour.stdout.contains("equal byte for byte"), "{}", tour.stdout);
    assert!(tour.stdout.contains("tour finished\n"), "{}", tour.stdout);
    assert_eq!(fs::read_dir(bench.path("tmp")).unwrap().count(), 0);
}

fn assert_same(one: &Path, other: &Path) {
    for entry in fs::read_dir(one).unwrap() {
        let path = entry.unwrap().path();
        let twin = other.join(path.file_name().unwrap());
        if path.extension().is_some_and(|extension| extension == "icloud") {
            assert!(!twin.exists(), "{path:?}");
        } else if path.is_symlink() {
            assert_eq!(fs::read_link(&path).unwrap(), fs::read_link(twin).unwrap());
        } else if path.is_dir() {
            assert_same(&path, &twin);
        } else {
            assert_eq!(fs::read(&path).unwrap(), fs::read(twin).unwrap(), "{path:?}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let twin = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &twin);
        } else {
            fs::copy(&path, twin).unwrap();
        }
    }
}
