//! What is added comes back: bytes, modes, nanoseconds, links and names; and what does not is named.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::support::tools::{Random, has, program, skipped};
use crate::support::tree::{assert_same, name, set_mode, set_mtime, tree};
use crate::support::{Bench, Ran};

/// Names that every system of ours can hold, and that a program may still trip over.
fn odd_names() -> Vec<OsString> {
    [
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} Familie \u{1f384}".as_bytes(),
        "composed/Cafe\u{301}".as_bytes(),
        "decomposed/Caf\u{e9}".as_bytes(),
        "-rf".as_bytes(),
        "--help".as_bytes(),
        "~1".as_bytes(),
        "@2020-01-01".as_bytes(),
        "a  b\u{3000}c".as_bytes(),
        " leads with a space".as_bytes(),
        "*?<>|\"'$(x)`y`;&#!%{}[]".as_bytes(),
        "\u{202e}gpj.exe".as_bytes(),
        ".hidden/.deeper/..three dots".as_bytes(),
        b"no UTF-8 \xff\xfe\x80".as_slice(),
        b"latin-1 caf\xe9/ni\xf1o".as_slice(),
        &[b'n'; 255],
        "\u{43f}".repeat(127).as_bytes(),
    ]
    .map(name)
    .into()
}

/// A tree with everything that is stored of files.
fn make(root: &Path) {
    let mut random = Random(0x7472_6565);
    for (at, odd) in odd_names().iter().enumerate() {
        let path = root.join(odd);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("the {at}th")).unwrap();
    }
    // Around the sizes at which content is cut, and long enough for list chunks.
    for length in [0, 1, 16_383, 16_384, 16_385, 262_144, 262_145, 4_000_000] {
        fs::write(root.join(format!("length {length}")), random.bytes(length)).unwrap();
    }
    for (at, mode) in [0o444, 0o600, 0o644, 0o755, 0o777, 0o400].into_iter().enumerate() {
        let path = root.join(format!("mode {at}"));
        fs::write(&path, "mode").unwrap();
        set_mode(&path, mode);
    }
    let times = [(0, 0), (0, 1), (-1, 999_999_999), (-86_400 * 365 * 30, 5), (4_102_444_800, 7)];
    for (at, (seconds, nanoseconds)) in times.into_iter().enumerate() {
        let path = root.join(format!("time {at}"));
        fs::write(&path, "time").unwrap();
        set_mtime(&path, seconds, nanoseconds);
    }
    symlink("nowhere/at/all", root.join("dangling")).unwrap();
    symlink("/etc/hostname", root.join("absolute")).unwrap();
    symlink("../../outside", root.join("upwards")).unwrap();
    symlink("mode 1", root.join("beside")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    set_mtime(&root.join("dangling"), 1_000_000_000, 123_456_789);
    for (folder, mode) in
        [("empty", 0o755), ("empty and private", 0o700), ("read only", 0o555), ("open", 0o777)]
    {
        let path = root.join(folder);
        fs::create_dir_all(path.join("inner")).unwrap();
        fs::write(path.join("inner/file"), folder).unwrap();
        if folder.starts_with("empty") {
            fs::remove_dir_all(path.join("inner")).unwrap();
        }
        set_mode(&path, mode);
        set_mtime(&path, 1_234_567_890, 987_654_321);
    }
}

#[test]
fn a_tree_comes_back_to_the_nanosecond() {
    let bench = Bench::with_vault();
    let tree = bench.path("tree");
    fs::create_dir(&tree).unwrap();
    make(&tree);
    bench.open(["add", "tree"]).succeeded();
    bench.open(["extract", "-o", "back"]).succeeded();
    assert_same(&tree, &bench.path("back"));
    // The vault is a folder like any other: a copy of it is a vault.
    crate::support::tree::copy(&bench.path("v.icvault"), &bench.path("elsewhere"));
    fs::remove_dir_all(bench.path("v.icvault")).unwrap();
    bench.open(["-V", "elsewhere", "extract", "-o", "again"]).succeeded();
    assert_same(&tree, &bench.path("again"));
    // What came back is stored without a new byte.
    let added = bench.open(["-V", "elsewhere", "add", "again", "--as", "tree"]).succeeded();
    assert!(!added.stdout.contains("\nnew: "), "{}", added.stdout);
    for odd in odd_names() {
        let mut item = OsString::from("tree:");
        item.push(&odd);
        let args = ["-V", "elsewhere", "cat"].map(OsStr::new).into_iter().chain([item.as_os_str()]);
        let content = fs::read(tree.join(&odd)).unwrap();
        assert_eq!(bench.open(args).succeeded().bytes, content, "{odd:?}");
    }
    make_removable(&tree);
    make_removable(&bench.path("back"));
    make_removable(&bench.path("again"));
}

#[test]
fn names_that_are_dangerous_elsewhere_are_refused_and_told() {
    let refused: [&[u8]; 10] = [
        b"a:b",
        b"C:",
        b"trailing.",
        b"trailing ",
        b"CON",
        b"lpt1.txt",
        b"back\\slash",
        b"tab\there",
        b"...",
        "\u{200d}".as_bytes(),
    ];
    let bench = Bench::with_vault();
    bench.write("export/harmless.txt", "harmless");
    for bad in refused {
        fs::write(bench.path("export").join(name(bad)), bad).unwrap();
    }
    bench.write("export/aux/below.txt", "below");
    bench.open(["add", "export"]).succeeded();
    let ran = bench.open(["-v", "extract", "-o", "back"]).ended_with(3);
    for shown in ["a:b", "trailing.", "CON", "lpt1.txt", "tab\\u{9}here", "aux"] {
        assert!(ran.stderr.contains(shown), "{shown}: {}", ran.stderr);
    }
    let back: Vec<PathBuf> = tree(&bench.path("back")).into_keys().collect();
    assert_eq!(back, [PathBuf::from("harmless.txt")]);
    for bad in refused {
        let item = [b"export:", bad].concat();
        let ran = bench.open(["cat".as_ref(), OsStr::from_bytes(&item)]).succeeded();
        assert_eq!(ran.bytes, bad, "{:?}", name(bad));
    }
    assert_eq!(bench.open(["cat", "aux/below.txt"]).succeeded().stdout, "below");
}

#[test]
fn names_that_are_one_elsewhere_do_not_overwrite_each_other() {
    let bench = Bench::with_vault();
    for path in ["export/README", "export/readme", "export/Caf\u{e9}", "export/Cafe\u{301}"] {
        bench.write(path, path);
    }
    bench.open(["add", "export"]).succeeded();
    let ran = bench.open(["extract", "-o", "back"]).ended_with(3);
    let told = ran.stderr.lines().filter(|line| line.starts_with("warning: not written, as "));
    assert_eq!(told.count(), 2, "{}", ran.stderr);
    assert_eq!(tree(&bench.path("back")).len(), 2);
    for path in ["README", "readme", "Caf\u{e9}", "Cafe\u{301}"] {
        assert_eq!(bench.open(["cat", path]).succeeded().stdout, format!("export/{path}"));
    }
}

#[test]
fn what_cannot_be_read_is_left_out_and_told() {
    let bench = Bench::with_vault();
    bench.write("export/readable.txt", "text");
    bench.write("export/closed.txt", "text");
    set_mode(&bench.path("export/closed.txt"), 0);
    let mut add = bench.command(["add", "export"]);
    if fs::read(bench.path("export/closed.txt")).is_ok() {
        // Whoever runs this reads every file, so that right is given up first.
        if !has(&["setpriv"]) {
            return;
        }
        let rights = ["--bounding-set", "-dac_override,-dac_read_search"].map(OsStr::new);
        let all = rights.into_iter().chain([add.get_program()]).chain(add.get_args());
        add = program("setpriv", all, &bench.path(""));
    }
    add.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_STATE", bench.path("state"));
    let added = Ran::of(add).ended_with(3);
    assert!(added.stdout.contains("closed.txt"), "{}", added.stdout);
    let items = bench.open(["list", "--json"]).succeeded().json();
    assert_eq!(items[0]["path"], "closed.txt");
    assert_eq!(items[0]["type"], "missing");
    bench.open(["cat", "readable.txt"]).succeeded();
    let ran = bench.open(["extract", "-o", "back"]).ended_with(3);
    assert!(ran.stderr.contains("closed.txt"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(bench.path("back/readable.txt")).unwrap(), "text");
}

#[test]
fn special_files_are_not_opened() {
    let bench = Bench::with_vault();
    bench.write("export/a.txt", "text");
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("export/socket")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, bench.path("export/fifo"), kind, mode, 0).unwrap();
    let added = bench.open(["add", "export"]).ended_with(3);
    for left_out in ["fifo", "socket"] {
        assert!(added.stdout.contains(left_out), "{}", added.stdout);
    }
    assert_eq!(bench.open(["cat", "a.txt"]).succeeded().stdout, "text");
}

/// What a program prints of a folder, in order.
fn listed(name: &str, args: &[&str], folder: &Path) -> Vec<Vec<u8>> {
    let output = program(name, args, folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<_> = output.stdout.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort();
    lines
}

#[test]
fn extended_attributes_come_back_and_other_programs_see_no_difference() {
    if !has(&["getfattr", "find"]) {
        return;
    }
    let bench = Bench::with_vault();
    bench.write("export/folder/file", "content");
    bench.write("export/read only", "content");
    symlink("file", bench.path("export/folder/link")).unwrap();
    let tagged = |path: &str, name: &str, value: &[u8]| {
        let path = bench.path(path);
        rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty())
    };
    if tagged("export/folder/file", "user.com.apple.metadata:_kMDItemUserTags", b"bplist00\0\xff")
        .is_err()
    {
        return skipped("the file system for temporary files has no extended attributes");
    }
    tagged("export/folder/file", "user.empty", b"").unwrap();
    // Too long for the item, so that it is stored like content; ext4 takes no more than 4 KiB.
    tagged("export/folder/file", "user.long", &Random(1).bytes(2_900)).unwrap();
    tagged("export/folder", "user.of a folder", &[7; 300]).unwrap();
    tagged("export/read only", "user.x", b"y").unwrap();
    set_mode(&bench.path("export/read only"), 0o444);
    bench.open(["add", "export"]).succeeded();
    let ran = bench.open(["extract", "-o", "back"]).succeeded();
    assert!(!ran.stdout.contains("attribute"), "{}", ran.stdout);
    for (name, args) in [
        ("getfattr", &["-R", "-h", "-d", "-m", "-", "-e", "hex", "."][..]),
        ("find", &["-mindepth", "1", "-printf", "%P %y %m %T@ %l\n"]),
    ] {
        let seen = |folder: &str| listed(name, args, &bench.path(folder));
        assert_eq!(seen("back"), seen("export"), "{name}");
        assert!(seen("export").len() > 3);
    }
    // The birth is another one, and no attribute of what was there before has changed.
    let again = bench.open(["add", "back", "--as", "export"]).succeeded();
    assert!(again.stdout.contains("new 0 B"), "{}", again.stdout);
    bench.open(["check", "--read-data"]).succeeded();
}

/// A stub as iCloud Drive left it up to macOS 13.
fn stub(name: &str, length: u64) -> Vec<u8> {
    let list = plist::Dictionary::from_iter([
        ("NSURLFileResourceTypeKey", plist::Value::from("NSURLFileResourceTypeRegular")),
        ("NSURLFileSizeKey", length.into()),
        ("NSURLNameKey", name.into()),
    ]);
    let mut bytes = Vec::new();
    plist::Value::from(list).to_writer_binary(&mut bytes).unwrap();
    bytes
}

#[test]
fn placeholders_are_missing_and_never_content() {
    let bench = Bench::with_vault();
    bench.write("export/here.txt", "text");
    bench.write("export/deep/.Report.pages.icloud", stub("Report.pages", 123_456));
    bench.write("export/deep/Quarter.pages", "text");
    bench.write("export/deep/..name.icloud", stub("_name", 5));
    bench.write("export/deep/.twice.txt.icloud", stub("twice.txt", 5));
    bench.write("export/deep/twice.txt", "text");
    bench.write("export/.mine.icloud", "not a stub at all");
    fs::File::create(bench.path("export/hollow")).unwrap().set_len(1 << 20).unwrap();
    let added = bench.open(["add", "export"]).ended_with(3);
    assert!(added.stdout.contains("not included: 3 items"), "{}", added.stdout);
    let items = bench.open(["list", "--json"]).succeeded().json();
    let items: Vec<(&str, &str, u64)> = items
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["type"] != "folder")
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap();
            (text("path"), text("type"), item["size"].as_u64().unwrap())
        })
        .collect();
    let stub_length = stub("twice.txt", 5).len() as u64;
    let expected = [
        (".mine.icloud", "file", 17),
        ("deep/.twice.txt.icloud", "file", stub_length),
        ("deep/Quarter.pages", "file", 4),
        ("deep/Report.pages", "missing", 123_456),
        ("deep/_name", "missing", 5),
        ("deep/twice.txt", "file", 4),
        ("here.txt", "file", 4),
        ("hollow", "missing", 1 << 20),
    ];
    assert_eq!(items, expected);
    let ran = bench.open(["extract", "-o", "back"]).ended_with(3);
    assert!(ran.stderr.contains("deep/Report.pages"), "{}", ran.stderr);
    assert!(!bench.path("back/deep/Report.pages").exists());
}

#[test]
fn holes_come_back_as_holes() {
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};
    let bench = Bench::with_vault();
    bench.write("export/disk.img", "");
    let file = fs::File::options().write(true).open(bench.path("export/disk.img")).unwrap();
    file.set_len(256 << 20).unwrap();
    for at in [0, 100 << 20, (256 << 20) - 9] {
        file.write_all_at(b"something", at).unwrap();
    }
    drop(file);
    bench.open(["add", "export"]).succeeded();
    bench.open(["extract", "-o", "back"]).succeeded();
    assert_same(&bench.path("export"), &bench.path("back"));
    let blocks = |path: &str| fs::metadata(bench.path(path)).unwrap().blocks() * 512;
    assert!(blocks("back/disk.img") <= blocks("export/disk.img") + (4 << 20));
}

#[test]
fn a_bundle_is_one_item_with_members() {
    let bench = Bench::with_vault();
    let message = "From a@b Mon Jan  1 00:00:00 2024\nFrom: a@b\nDate: x\nSubject: y\n\nhello\n";
    bench.write("export/Old.mbox/mbox", message);
    bench.write("export/Old.mbox/table_of_contents", "1");
    bench.write("export/other.txt", "text");
    let added = bench.open(["add", "export"]).succeeded();
    assert!(added.stdout.contains("new: 1 mail file, 1 other file\n"), "{}", added.stdout);
    let items = bench.open(["list", "--json"]).succeeded().json();
    let of = |path: &str| {
        let mut items = items.as_array().unwrap().iter();
        items.find(|item| item["path"] == path).unwrap_or_else(|| panic!("{path}")).clone()
    };
    assert_eq!(of("Old.mbox")["kind"], "mail");
    assert_eq!(of("Old.mbox")["type"], "folder");
    assert_eq!(of("Old.mbox")["size"], message.len() + 1);
    let shown = |args: &[&str]| bench.open(["list"].iter().chain(args)).succeeded().stdout;
    assert_eq!(shown(&[]), "Old.mbox/\nother.txt\n");
    let members = "Old.mbox/\nOld.mbox/mbox\nOld.mbox/table_of_contents\n";
    assert_eq!(shown(&["Old.mbox"]), members);
    assert_eq!(shown(&["-r"]), format!("{members}other.txt\n"));
    assert_eq!(shown(&["--kind", "mail"]), "Old.mbox/\n");
    // A bundle that is added alone keeps its name: its inside is not the source.
    bench.open(["add", "export/Old.mbox", "--as", "alone"]).succeeded();
    bench.open(["extract", "alone", "-o", "back"]).succeeded();
    assert_same(&bench.path("export/Old.mbox"), &bench.path("back/Old.mbox"));
}

#[test]
fn what_is_there_is_treated_as_asked() {
    let bench = Bench::with_vault();
    for (path, content) in [("same", "same"), ("other", "stored"), ("newer", "stored")] {
        bench.write(&format!("export/{path}"), content);
        set_mtime(&bench.path(&format!("export/{path}")), 1_500_000_000, 0);
    }
    bench.open(["add", "export"]).succeeded();
    let cases = [
        ("never", 3, ["mine", "mine"]),
        ("if-newer", 0, ["stored", "mine"]),
        ("if-changed", 0, ["stored", "stored"]),
        ("always", 0, ["stored", "stored"]),
    ];
    for (policy, code, [other, newer]) in cases {
        bench.open(["extract", "same", "-o", policy]).succeeded();
        for (path, seconds) in [("other", 1_400_000_000), ("newer", 1_600_000_000)] {
            bench.write(&format!("{policy}/{path}"), "mine");
            set_mtime(&bench.path(&format!("{policy}/{path}")), seconds, 0);
        }
        bench.write(&format!("{policy}/unrelated"), "stays");
        let ran = bench.open(["extract", "-o", policy, "--overwrite", policy]).ended_with(code);
        let read =
            |path: &str| fs::read_to_string(bench.path(&format!("{policy}/{path}"))).unwrap();
        assert_eq!([read("other"), read("newer")], [other, newer], "{policy}: {}", ran.stderr);
        assert_eq!([read("same"), read("unrelated")], ["same", "stays"], "{policy}");
    }
}

#[test]
fn an_extraction_does_not_go_through_a_link_that_is_there() {
    let bench = Bench::with_vault();
    bench.write("export/folder/file", "stored");
    bench.write("export/file", "stored");
    bench.open(["add", "export"]).succeeded();
    for policy in ["never", "if-newer", "if-changed", "always"] {
        bench.write("outside/file", "mine");
        bench.write("victim", "mine");
        let back = bench.path(policy);
        fs::create_dir(&back).unwrap();
        symlink("../outside", back.join("folder")).unwrap();
        symlink("../victim", back.join("file")).unwrap();
        bench.open(["extract", "-o", policy, "--overwrite", policy]);
        for path in ["outside/file", "victim"] {
            assert_eq!(fs::read_to_string(bench.path(path)).unwrap(), "mine", "{policy}: {path}");
        }
    }
}

/// Lets the folder of the test be removed by who is not root.
fn make_removable(root: &Path) {
    set_mode(&root.join("read only"), 0o755);
}
