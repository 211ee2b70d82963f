//! The vault without icvault: the reader in Python that was written from the format's text, and
//! the tools that a system has anyway.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::tools::{Random, at_terminal, has, program};
use crate::support::tree::{assert_same, copy, files, name, set_mode, set_mtime};
use crate::support::{Bench, PASSPHRASE, Ran, samples};

/// A vault with two sources of two snapshots each.
fn bench() -> Bench {
    let bench = Bench::with_vault();
    // As it comes back: what is sealed is private.
    copy(&samples().join("icloud-export"), &bench.path("first"));
    copy(&samples().join("icloud-export-a-month-later"), &bench.path("iCloud"));
    let mut random = Random(0x7265_6164);
    // More than 32 chunks, so that there are lists of them.
    bench.write("odd/large", random.bytes(4_000_000));
    for odd in [
        "\u{1f384} Weihnachten".as_bytes(),
        "Cafe\u{301}".as_bytes(),
        "sub/Caf\u{e9}".as_bytes(),
        "sub/deeper/a  b".as_bytes(),
        "no UTF-8 \u{fe}".as_bytes(),
        b"no UTF-8 \xff",
        &[b'n'; 255],
    ] {
        let path = bench.path("odd").join(name(odd));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, odd).unwrap();
    }
    bench.write("odd/.empty", "");
    fs::create_dir(bench.path("odd/nothing in it")).unwrap();
    std::os::unix::fs::symlink("/nowhere", bench.path("odd/link")).unwrap();
    for (path, mode, seconds, nanoseconds) in [
        ("odd/large", 0o640, -5, 999_999_999),
        ("odd/.empty", 0o444, 4_102_444_800, 1),
        ("odd/link", 0, 86_400, 0),
        ("odd/nothing in it", 0o555, 0, 0),
        ("odd/sub", 0o750, 1, 1),
    ] {
        if mode != 0 {
            set_mode(&bench.path(path), mode);
        }
        set_mtime(&bench.path(path), seconds, nanoseconds);
    }
    // Two of its documents are in iCloud only.
    bench.open(["add", "first", "--as", "iCloud"]).ended_with(3);
    bench.write("odd-before/later gone", "gone");
    bench.open(["add", "odd-before", "--as", "odd"]).succeeded();
    bench.open(["add", "iCloud"]).ended_with(3);
    bench.open(["add", "odd"]).succeeded();
    bench
}

fn reader(bench: &Bench, script: &Path, args: &[&str]) -> Ran {
    let all = [script.as_os_str()].into_iter().chain(args.iter().map(OsStr::new));
    Ran::of(program("python3", all, &bench.path("")))
}

#[test]
fn the_second_reader_reads_the_same() {
    if !has(&["python3", "age", "age-keygen", "zstd"]) {
        return;
    }
    let bench = bench();
    let phone = Bench::new();
    bench.open(["key", "add", "--role", "everyday", "--recipient", &phone.recipient]).succeeded();
    fs::copy(phone.path("identity"), bench.path("everyday")).unwrap();
    let ours = samples().join("../../spec/reader/reader.py").canonicalize().unwrap();
    for identity in ["identity", "everyday"] {
        for source in ["iCloud", "odd"] {
            assert_lists_the_same(&bench, &ours, identity, source);
        }
        let (by_it, by_us) = (format!("by-reader-{identity}"), format!("by-icvault-{identity}"));
        let args = ["extract", "-i", identity, "-o", &by_it, "v.icvault"];
        reader(&bench, &ours, &args).succeeded();
        let code = bench.run(["-i", identity, "extract", "-o", &by_us]).code;
        assert_eq!(code, 3);
        for source in ["iCloud", "odd"] {
            let sub = |folder: &str| bench.path(&format!("{folder}/{source}"));
            assert_same(&sub(&by_it), &sub(&by_us));
        }
    }
    assert_same(&bench.path("odd"), &bench.path("by-reader-identity/odd"));
    assert!(!bench.path("by-reader-everyday/iCloud/Keys/id_ed25519").exists());

    // The one that lies in the vault, with a path.
    let theirs = bench.path("v.icvault/reader.py");
    assert!(fs::read(&theirs).unwrap() == fs::read(&ours).unwrap());
    let id = newest(&bench, "odd");
    let args = ["extract", "-i", "identity", "-s", &id, "-o", "part", "v.icvault", "sub/deeper"];
    reader(&bench, &theirs, &args).succeeded();
    assert_eq!(files(&bench.path("part")), [bench.path("part/sub/deeper/a  b")]);
    let before = files(&bench.path("v.icvault")).len();
    reader(&bench, &theirs, &["list", "-i", "identity", "v.icvault"]).succeeded();
    // Nothing is written to a vault, also not what Python keeps of a program.
    assert_eq!(files(&bench.path("v.icvault")).len(), before);
}

#[test]
fn the_second_reader_finds_records() {
    if !has(&["python3", "age", "zstd"]) {
        return;
    }
    let bench = Bench::with_vault();
    let sample = samples().join("icloud-export");
    for folder in ["Passwords", "Certificates", "Keys"] {
        copy(&sample.join(folder), &bench.path("export").join(folder));
    }
    bench.open(["add", "export"]).succeeded();
    let phone = Bench::new();
    bench.open(["key", "add", "--role", "everyday", "--recipient", &phone.recipient]).succeeded();
    fs::copy(phone.path("identity"), bench.path("everyday")).unwrap();
    let script = bench.path("v.icvault/reader.py");
    for identity in ["identity", "everyday"] {
        let listed = bench.run(["-i", identity, "list", "--records", "--json"]).succeeded().json();
        let handle = |record: &serde_json::Value| record["handle"].as_str().unwrap().to_owned();
        let mut ours: Vec<String> = listed.as_array().unwrap().iter().map(handle).collect();
        let found = reader(&bench, &script, &["find", "-i", identity, "v.icvault"]).succeeded();
        let first = |line: &str| line.split(' ').next().unwrap().to_owned();
        let mut theirs: Vec<String> = found.stdout.lines().map(first).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }
    // One login with its header, an item of JSON with what stands around the list, a certificate.
    for title in ["Example Shop", "Example Bank", "vpn.example.net"] {
        let listed = bench.open(["find", title, "--json"]).succeeded().json();
        let is_one = |record: &&serde_json::Value| {
            record["title"] == title && record["members"] == serde_json::json!([])
        };
        let one = listed.as_array().unwrap().iter().rfind(is_one).unwrap();
        let handle = one["handle"].as_str().unwrap();
        let item = format!("{}#{handle}", one["path"].as_str().unwrap());
        let ours = bench.open(["cat", &item]).succeeded().bytes;
        let args = ["find", "-i", "identity", "-o", "-", "v.icvault", handle];
        let theirs = reader(&bench, &script, &args).succeeded().bytes;
        let is_there = theirs.windows(ours.len()).any(|part| part == ours);
        assert!(!ours.is_empty() && is_there, "{title}");
    }
    reader(&bench, &script, &["find", "-i", "identity", "v.icvault", "nothing"]).ended_with(1);
}

#[test]
fn the_second_reader_takes_a_passphrase() {
    if !has(&["python3", "age", "age-keygen", "zstd"]) {
        return;
    }
    let bench = Bench::new();
    let mut init = bench.command(["init", "v.icvault", "--no-recovery"]);
    init.env("ICVAULT_PASSPHRASE_FILE", "passphrase");
    Ran::of(init).succeeded();
    bench.write("export/note.txt", "hello");
    let mut add = bench.command(["add", "export"]);
    add.env("ICVAULT_PASSPHRASE_FILE", "passphrase");
    Ran::of(add).succeeded();
    let script = bench.path("v.icvault/reader.py");
    let args = ["extract", "-p", "-o", "back", "v.icvault"].map(OsStr::new);
    let all = [script.as_os_str()].into_iter().chain(args);
    let mut command = program("python3", all, &bench.path(""));
    command.stdin(fs::File::open(bench.path("passphrase")).unwrap());
    Ran::of(command).succeeded();
    assert_eq!(fs::read_to_string(bench.path("back/note.txt")).unwrap(), "hello");

    // By hand, as the vault's README.txt tells.
    let slot = files(&bench.path("v.icvault/keys/a")).remove(0);
    let hand = ["-d", "-o", "bundle"].map(OsStr::new).into_iter().chain([slot.as_os_str()]);
    let hand = program("age", hand, &bench.path(""));
    Ran::of(at_terminal(&hand, &bench.path("passphrase"), &bench.path(""))).succeeded();
    let bundle = fs::read_to_string(bench.path("bundle")).unwrap();
    assert!(bundle.starts_with("# icvault key bundle 1\n"));
    assert!(!bundle.contains(PASSPHRASE));
    let all = contents(&bench, "bundle");
    assert!(all.values().any(|content| content == b"hello"));
}

#[test]
fn stock_tools_take_every_pack_apart() {
    if !has(&["age", "zstd", "sha256sum"]) {
        return;
    }
    let bench = bench();
    let slot = files(&bench.path("v.icvault/keys/a")).remove(0);
    let args = ["-d", "-i", "identity", "-o", "bundle"].map(OsStr::new);
    let args = args.into_iter().chain([slot.as_os_str()]);
    Ran::of(program("age", args, &bench.path(""))).succeeded();
    let all = contents(&bench, "bundle");
    let together: Vec<u8> = all.values().flatten().copied().collect();
    let has = |wanted: &[u8]| together.windows(wanted.len()).any(|window| window == wanted);
    assert!(has(b"BEGIN OPENSSH PRIVATE KEY"));
    assert!(has(b"BEGIN:VCARD"));

    let mut objects = 0;
    for folder in ["packs", "index", "chain", "keys"] {
        let paths = files(&bench.path("v.icvault").join(folder));
        let sums = program("sha256sum", &paths, &bench.path(""));
        let sums = Ran::of(sums).succeeded().stdout;
        assert_eq!(sums.lines().count(), paths.len());
        for (line, path) in sums.lines().zip(&paths) {
            let file = path.file_name().unwrap().to_str().unwrap();
            let id = file.rsplit('-').next().unwrap();
            assert_eq!(&line[..64], id, "{path:?}");
            objects += 1;
        }
    }
    assert!(objects > 20, "{objects}");
}

/// `age -d -i BUNDLE PACK | zstd -d` of every pack.
fn contents(bench: &Bench, bundle: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for pack in files(&bench.path("v.icvault/packs")) {
        let args = ["-d", "-i", bundle].map(OsStr::new).into_iter().chain([pack.as_os_str()]);
        let plain = Ran::of(program("age", args, &bench.path(""))).succeeded().bytes;
        let mut zstd = program("zstd", ["-d", "-q", "-c"], &bench.path(""));
        let mut child = zstd.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&plain).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{pack:?}");
        contents.insert(pack, output.stdout);
    }
    assert!(!contents.is_empty());
    contents
}

/// The lines of the reader end in the paths that icvault lists, of files and links each once. It
/// says more of each item before its path, and of a link behind it; a folder with something sealed
/// and something general in it stands there twice.
fn assert_lists_the_same(bench: &Bench, script: &Path, identity: &str, source: &str) {
    let id = newest(bench, source);
    let listed = reader(bench, script, &["list", "-i", identity, "-s", &id, "v.icvault"]);
    let listed = listed.succeeded().stdout;
    let lines = listed.lines().filter(|line| !line.starts_with("# "));
    let lines = lines.map(|line| line.split(" -> ").next().unwrap());
    let lines = lines.map(|line| line.strip_suffix(" (not stored)").unwrap_or(line));
    let (folders, mut files): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.starts_with('d'));
    let ours = bench.run(["-i", identity, "list", "-r", "--json", source]).succeeded().json();
    let ours = ours.as_array().unwrap().iter();
    let mut ours: Vec<(&str, bool)> =
        ours.map(|item| (item["path"].as_str().unwrap(), item["type"] == "folder")).collect();
    // The longest first, as one path may end in another.
    ours.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    let mut unlike = 0;
    for (path, is_folder) in ours {
        // How what cannot be shown is shown is each program's own matter.
        if path.contains(['\u{200b}', '\u{200d}', '\u{202f}', '\\']) {
            unlike += 1;
            continue;
        }
        let is_it = |line: &&str| {
            line.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with(' '))
        };
        if is_folder {
            assert!(folders.iter().any(is_it), "{path} is not listed");
        } else {
            let found = files.iter().position(is_it);
            assert!(found.is_some(), "{path} is not listed");
            files.remove(found.unwrap());
        }
    }
    assert_eq!(files.len(), unlike, "{files:?}");
}

fn newest(bench: &Bench, source: &str) -> String {
    let sources = bench.open(["info", "--json"]).succeeded().json();
    let sources = sources["sources"].as_array().unwrap();
    let found = sources.iter().find(|row| row["source"] == source).unwrap();
    found["newest"].as_str().unwrap().to_owned()
}
