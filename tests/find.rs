//! Looking for things: `find`, handles, `list` and `snapshots` in every form, `info`, and what
//! shells and `man` are told.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::tree::{files, set_mtime};
use crate::support::{Bench, Ran};

/// Three snapshots of `export`: `kept.txt` is in all of them, `changed.txt` has two contents,
/// `gone.txt` is in the first only and `new.txt` in the last.
fn bench() -> Bench {
    let bench = Bench::with_vault();
    let add = || drop(bench.open(["add", "export", "--expected"]).succeeded());
    bench.write("export/Notes/kept.txt", "kept");
    bench.write("export/Notes/changed.txt", "one");
    bench.write("export/J\u{fc}rgen/gone.txt", "gone");
    bench.write("export/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n");
    set_mtime(&bench.path("export/Notes/kept.txt"), 1_623_000_000, 0); // 2021-06-06
    set_mtime(&bench.path("export/Notes/changed.txt"), 1_600_000_000, 0); // 2020-09-13
    add();
    bench.write("export/Notes/changed.txt", "another");
    set_mtime(&bench.path("export/Notes/changed.txt"), 1_650_000_000, 0); // 2022-04-15
    fs::remove_dir_all(bench.path("export/J\u{fc}rgen")).unwrap();
    add();
    bench.write("export/new.txt", "new");
    add();
    bench
}

/// The paths that `find --json` gives.
fn paths(ran: &Ran) -> Vec<String> {
    let found = ran.json();
    let path = |item: &Value| item["path"].as_str().unwrap().to_owned();
    found.as_array().unwrap().iter().map(path).collect()
}

fn find(bench: &Bench, args: &[&str]) -> Vec<String> {
    let args: Vec<&str> = ["find", "--json"].into_iter().chain(args.iter().copied()).collect();
    paths(&bench.open(args).succeeded())
}

#[test]
fn items_of_all_snapshots_are_found_by_name() {
    let bench = bench();
    assert_eq!(find(&bench, &["KEPT"]), ["Notes/kept.txt"]);
    assert_eq!(find(&bench, &["notes", "txt"]), ["Notes/changed.txt", "Notes/kept.txt"]);
    assert_eq!(find(&bench, &["jurgen/"]), ["J\u{fc}rgen/gone.txt"]);
    bench.open(["find", "kept", "changed"]).ended_with(4);
    bench.open(["find"]).ended_with(2);
    bench.open(["find", ""]).ended_with(2);
    bench.open(["find", "kept", "--since", "lately"]).ended_with(2);
    let nothing = bench.open(["find", "--json", "no such thing"]).ended_with(4);
    assert_eq!(nothing.json(), serde_json::json!([]));
    assert!(nothing.stderr.contains("\"code\":4"), "{}", nothing.stderr);

    let gone = bench.open(["find", "gone"]).succeeded();
    assert!(gone.stdout.contains("  export:J\u{fc}rgen/gone.txt\n"), "{}", gone.stdout);
    assert!(gone.stdout.ends_with(", gone\n"), "{}", gone.stdout);
    assert!(gone.stderr.starts_with("1 item found, 1 of them gone"), "{}", gone.stderr);
    assert_eq!(bench.open(["-q", "find", "gone"]).succeeded().stderr, "");
}

#[test]
fn what_is_found_is_filtered() {
    let bench = bench();
    assert_eq!(find(&bench, &["--kind", "key"]), ["id_ed25519"]);
    assert_eq!(find(&bench, &["--type", "folder"]), ["J\u{fc}rgen", "Notes"]);
    assert_eq!(find(&bench, &["--since", "2021", "--until", "2021-06"]), ["Notes/kept.txt"]);
    // The older content is of that time.
    assert_eq!(find(&bench, &["--until", "2020-09-14"]), ["Notes/changed.txt"]);
    bench.open(["find", "--since", "2021-06-08", "--until", "2022-04-13"]).ended_with(4);
    assert_eq!(find(&bench, &["new", "--in", "latest"]), ["new.txt"]);
    bench.open(["find", "new", "--in", "export~1"]).ended_with(4);
    bench.open(["find", "new", "--in", "nothing"]).ended_with(4);
    assert_eq!(find(&bench, &["gone", "--source", "export"]), ["J\u{fc}rgen/gone.txt"]);
    bench.open(["find", "gone", "--source", "elsewhere"]).ended_with(4);
    bench.open(["find", "--type", "missing"]).ended_with(4);
}

#[test]
fn versions_tell_when_each_was_seen() {
    let bench = bench();
    let ids = bench.open(["snapshots", "--json"]).succeeded().json();
    let time = |at: usize| ids[at]["time"].clone();
    let newest = bench.open(["find", "--json", "changed"]).succeeded().json();
    let item = &newest[0];
    assert_eq!(newest.as_array().unwrap().len(), 1);
    assert_eq!((&item["first_seen"], &item["last_seen"]), (&time(0), &time(2)));
    assert_eq!((&item["versions"], &item["gone"]), (&2.into(), &false.into()));
    assert_eq!((&item["size"], &item["snapshot"]), (&7.into(), &ids[2]["id"]));
    assert_eq!(item["mtime"], "2022-04-15T05:20:00Z");
    for field in ["source", "type", "kind", "handle", "compartment"] {
        assert!(item[field].is_string(), "{field}");
    }
    let all = bench.open(["find", "--json", "--all-versions", "changed"]).succeeded().json();
    let seen = |at: usize| (all[at]["first_seen"].clone(), all[at]["last_seen"].clone());
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!((seen(0), seen(1)), ((time(1), time(2)), (time(0), time(0))));
    assert_eq!(all[0]["handle"], all[1]["handle"]);
    // What the text calls an old version is how it is taken out.
    let text = bench.open(["find", "--all-versions", "changed"]).succeeded().stdout;
    let old = text.lines().nth(2).unwrap().split("  ").last().unwrap().trim_start();
    assert_eq!(bench.open(["cat", old]).succeeded().stdout, "one", "{old}");
    let gone = bench.open(["find", "--json", "gone"]).succeeded().json();
    assert_eq!((&gone[0]["gone"], &gone[0]["snapshot"]), (&true.into(), &ids[0]["id"]));
}

#[test]
fn a_handle_is_an_item_wherever_one_is_asked_for() {
    let bench = bench();
    let handle = |term: &str| {
        let found = bench.open(["find", "--json", term]).succeeded().json();
        found[0]["handle"].as_str().unwrap().to_owned()
    };
    let (changed, gone, sealed) = (handle("changed"), handle("gone"), handle("id_ed25519"));
    assert_eq!(changed.len(), 9);
    let cat = |item: &str| bench.open(["cat", item]).succeeded().stdout;
    assert_eq!((cat(&changed), cat(&gone)), ("another".to_owned(), "gone".to_owned()));
    assert_eq!(cat(&gone[..6]), "gone");
    assert_eq!(cat(&format!("export~2:{changed}")), "one");
    assert_eq!(cat(&sealed), fs::read_to_string(bench.path("export/id_ed25519")).unwrap());
    bench.open(["cat", &format!("export:{gone}")]).ended_with(4);
    let listed = bench.open(["list", "-l", &changed]).succeeded().stdout;
    assert!(listed.starts_with(&changed), "{listed}");
    bench.open(["extract", &gone, "-o", "back"]).succeeded();
    assert_eq!(fs::read_to_string(bench.path("back/J\u{fc}rgen/gone.txt")).unwrap(), "gone");
    // It is the same in another export of the source, and another in another source.
    bench.open(["add", "export", "--as", "twin"]).succeeded();
    let all = bench.open(["find", "--json", "changed"]).succeeded().json();
    assert_eq!(all[0]["handle"], *changed);
    assert_ne!(all[1]["handle"], *changed);
    // A path goes before a handle.
    bench.write(&format!("named/{changed}"), "a path");
    bench.open(["add", "named"]).succeeded();
    assert_eq!(cat(&changed), "a path");
    bench.open(["cat", "i0000"]).ended_with(4);
}

#[test]
fn a_part_of_a_handle_that_fits_several_items_is_told() {
    let bench = Bench::with_vault();
    // Of so many some share 20 bits.
    for n in 0..6000 {
        bench.write(&format!("export/{n}"), "");
    }
    bench.open(["add", "export"]).succeeded();
    let listed = bench.open(["list", "--json"]).succeeded().json();
    let handles: Vec<&str> =
        listed.as_array().unwrap().iter().map(|item| item["handle"].as_str().unwrap()).collect();
    let mut seen = BTreeSet::new();
    let twice = handles.iter().find(|handle| !seen.insert(&handle[..5])).unwrap();
    let told = bench.open(["cat", &twice[..5]]).ended_with(4);
    assert!(told.stderr.contains("several items"), "{}", told.stderr);
    assert!(told.stderr.contains(&format!("{twice} export:")), "{}", told.stderr);
}

#[test]
fn what_is_lost_is_not_taken_for_what_is_not_there() {
    let bench = bench();
    for pack in files(&bench.path("v.icvault/packs")) {
        fs::remove_file(pack).unwrap();
    }
    let lost = bench.open(["find", "kept"]).ended_with(21);
    assert!(lost.stderr.contains("a part of a snapshot is lost"), "{}", lost.stderr);
    bench.open(["cat", "i0000"]).ended_with(21);
}

#[test]
fn the_everyday_role_finds_nothing_sealed() {
    let bench = bench();
    let sealed = bench.open(["find", "--json", "id_ed25519"]).succeeded().json();
    let handle = sealed[0]["handle"].as_str().unwrap().to_owned();
    let mut add = bench.command(["key", "add", "--role", "everyday"]);
    add.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_NEW_PASSPHRASE_FILE", "passphrase");
    Ran::of(add).succeeded();
    let everyday = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_PASSPHRASE_FILE", "passphrase");
        Ran::of(command)
    };
    let nothing = everyday(&["find", "id_ed25519"]).ended_with(4);
    assert!(nothing.stderr.contains("use the full passphrase"), "{}", nothing.stderr);
    everyday(&["cat", &handle]).ended_with(4);
    let kept = everyday(&["find", "kept"]).succeeded();
    assert!(kept.stderr.contains("sealed items were not looked at"), "{}", kept.stderr);
    let mine = bench.open(["find", "--json", "kept"]).succeeded().json();
    let theirs = everyday(&["find", "--json", "kept"]).succeeded().json();
    assert_eq!(mine, theirs);
}

#[test]
fn names_that_are_found_do_not_command_the_terminal() {
    let bench = Bench::with_vault();
    bench.write("export/a\u{1b}[2J\u{202e}b", "text");
    bench.open(["add", "export", "--as", "s\u{1b}]0;x"]).succeeded();
    for args in [
        &["find", "b"][..],
        &["find", "b", "--all-versions"],
        &["find", "b", "--json"],
        &["find", "\u{1b}nothing"],
        &["find", "b", "--in", "\u{1b}"],
        &["find", "b", "--source", "\u{1b}"],
        &["list", "-l", "--sort", "size"],
        &["list", "i\u{1b}123"],
        &["snapshots"],
        &["info"],
    ] {
        let ran = bench.open(args);
        for c in ['\u{1b}', '\u{202e}'] {
            assert!(!ran.stdout.contains(c) && !ran.stderr.contains(c), "{args:?} {ran:?}");
        }
    }
}

#[test]
fn list_has_its_forms() {
    let bench = Bench::with_vault();
    bench.write("export/a.txt", "aaa");
    bench.write("export/b/c.txt", "c");
    bench.write("export/b/d.txt", "dddddd");
    set_mtime(&bench.path("export/a.txt"), 3_000, 0);
    set_mtime(&bench.path("export/b/c.txt"), 2_000, 0);
    set_mtime(&bench.path("export/b/d.txt"), 1_000, 0);
    set_mtime(&bench.path("export/b"), 500, 0);
    bench.open(["add", "export"]).succeeded();
    let list = |args: &[&str]| {
        let args: Vec<&str> = ["list"].into_iter().chain(args.iter().copied()).collect();
        bench.open(args).succeeded().stdout
    };
    assert_eq!(list(&[]), "a.txt\nb/\nb/c.txt\nb/d.txt\n");
    assert_eq!(list(&["-r"]), list(&[]));
    assert_eq!(list(&["-1"]), "a.txt\nb/\n");
    assert_eq!(list(&["-1", "b"]), "b/\nb/c.txt\nb/d.txt\n");
    assert_eq!(list(&["--kind", "folder"]), "b/\n");
    assert_eq!(list(&["--sort", "name"]), list(&[]));
    assert_eq!(list(&["--sort", "size"]), "b/d.txt\na.txt\nb/c.txt\nb/\n");
    assert_eq!(list(&["--sort", "time"]), "a.txt\nb/c.txt\nb/d.txt\nb/\n");
    assert_eq!(list(&["--sort", "size", "--null"]), "b/d.txt\0a.txt\0b/c.txt\0b\0");
    bench.open(["list", "-1", "-r"]).ended_with(2);
    bench.open(["list", "-l", "--json"]).succeeded();

    let counted = bench.open(["list"]).succeeded().stderr;
    assert_eq!(counted, "3 files (10 B), 1 folder\n");
    assert_eq!(bench.open(["-q", "list"]).succeeded().stderr, "");
    assert_eq!(bench.open(["list", "--null"]).succeeded().stderr, "");
    let json = bench.open(["list", "--json", "--sort", "size"]).succeeded();
    assert_eq!((json.stderr.as_str(), paths(&json).remove(0).as_str()), ("", "b/d.txt"));
    let long = list(&["-l", "a.txt"]);
    let handle = json.json()[1]["handle"].as_str().unwrap().to_owned();
    assert!(long.starts_with(&format!("{handle} -rw")), "{long}");
}

#[test]
fn snapshots_say_what_was_new() {
    let bench = bench();
    let text = bench.open(["snapshots"]).succeeded().stdout;
    assert!(text.lines().nth(2).unwrap().contains("new 1 (7 B)"), "{text}");
    let all = bench.open(["snapshots", "--json"]).succeeded().json();
    assert_eq!(all[2]["new"], serde_json::json!({ "items": 1, "bytes": 3 }));
    let of = |args: &[&str]| {
        let args: Vec<&str> = ["snapshots", "--json"].iter().chain(args).copied().collect();
        bench.open(args).succeeded().json().as_array().unwrap().len()
    };
    let second = all[1]["time"].as_str().unwrap();
    assert_eq!((of(&[]), of(&["--since", second]), of(&["--until", second])), (3, 2, 2));
    assert_eq!((of(&["--until", "2001"]), of(&["--since", "2001"])), (0, 3));
    bench.open(["snapshots", "--since", "once"]).ended_with(2);
}

#[test]
fn info_tells_sizes_ages_and_the_last_check() {
    let bench = bench();
    let info = || bench.open(["info", "--json"]).succeeded().json();
    assert!(info()["last_check"].is_null());
    bench.open(["check", "--read-data"]).succeeded();
    let told = info();
    assert_eq!(told["last_check"]["code"], 0);
    assert_eq!(told["last_check"]["read_data"], true);
    assert!(told["sizes"]["stored"].as_u64() > told["sizes"]["content"].as_u64());
    assert!(told["sizes"]["ratio"].is_number());
    let kinds = told["kinds"].as_array().unwrap();
    let key = kinds.iter().find(|kind| kind["kind"] == "key").unwrap();
    assert_eq!(
        (&key["items"], &key["age_days"], &key["source"]),
        (&1.into(), &0.into(), &"export".into())
    );
    let never = told["kinds_never_added"].as_array().unwrap();
    assert!(never.contains(&"photo".into()) && !never.contains(&"key".into()));
    // An add leaves it as it was, and the text has it too.
    bench.open(["add", "export"]).succeeded();
    assert_eq!(info()["last_check"], told["last_check"]);
    let text = bench.open(["info"]).succeeded().stdout;
    assert!(text.contains(", every byte: clean\n"), "{text}");
    assert!(text.contains("never added:"), "{text}");
}

#[test]
fn what_was_remembered_before_there_were_checks_is_read() {
    let bench = bench();
    let state = fs::read_dir(bench.path("state")).unwrap().next().unwrap().unwrap().path();
    assert!(!fs::read_to_string(&state).unwrap().contains("last_check"));
    bench.open(["check"]).succeeded();
    assert!(fs::read_to_string(&state).unwrap().contains("last_check"));
}

#[test]
fn shells_and_man_are_told_of_every_verb() {
    let bench = Bench::new();
    let help = bench.run(["--help"]).succeeded().stdout;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs: Vec<&str> = verbs.map_while(|line| line.split_whitespace().next()).collect();
    assert!(verbs.len() > 10 && verbs.contains(&"find"), "{verbs:?}");
    let man = bench.run(["man"]).succeeded().stdout;
    for verb in verbs.iter().filter(|verb| **verb != "help") {
        let title = format!("ICVAULT {}", verb.to_uppercase());
        assert!(man.replace("\\-", "-").contains(&title), "{title}");
    }
    for section in [".SH ENVIRONMENT", ".SH \"EXIT STATUS\"", "ICVAULT KEY PASSWD"] {
        assert!(man.contains(section), "{section}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bench.run(["completions", shell]).succeeded().stdout;
        for verb in &verbs {
            assert!(script.contains(verb), "{shell} {verb}");
        }
        // Other names for verbs are for who knows them.
        assert!(!script.contains("icvault__subcmd__backup"), "{shell}");
        assert!(!script.contains("restore"), "{shell}");
    }
    bench.run(["completions", "tcsh"]).ended_with(2);
    // The shell itself reads the script.
    fs::write(bench.path("script"), bench.run(["completions", "bash"]).bytes).unwrap();
    let bash = Command::new("bash").arg("-n").arg(bench.path("script")).status().unwrap();
    assert!(bash.success());
}

#[test]
fn errors_are_json_where_that_was_asked_for() {
    let bench = Bench::new();
    for (args, code) in [
        (&["find", "--json"][..], 2),
        (&["find", "--json", "a", "--no-such-option"], 2),
        (&["find", "--json", "a", "--type", "\u{1b}"], 2),
        (&["list", "--json", "--sort", "colour"], 2),
        (&["find", "--json", "a"], 10),
        (&["add", "--json", "nowhere"], 1),
        (&["extract", "--json", "-o", "back"], 10),
    ] {
        let ran = bench.run(args).ended_with(code);
        let error: Value = serde_json::from_str(ran.stderr.trim()).unwrap();
        assert_eq!((&error["code"], &error["message_type"]), (&code.into(), &"error".into()));
        assert!(!error["message"].as_str().unwrap().contains('\n'), "{error}");
        assert!(!ran.stderr.contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn nothing_moves_where_nobody_looks() {
    let bench = Bench::with_vault();
    bench.write("export/a", vec![7; 3_000_000]);
    let quiet = |ran: Ran| {
        let ran = ran.succeeded();
        assert_eq!(ran.stderr, "", "{}", ran.stdout);
    };
    quiet(bench.open(["add", "export"]));
    quiet(bench.open(["check", "--read-data"]));
    quiet(bench.open(["extract", "-o", "back"]));
}
