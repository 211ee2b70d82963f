//! The way out and in as tar, with the programs that every system has for it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use vault::files::{Attributes, ItemPath, TarWriter};

use crate::support::tools::{Random, has, program};
use crate::support::tree::{assert_same, name, set_mode, set_mtime};
use crate::support::{Bench, Ran, samples};

/// A tree of what tar has a hard time with.
fn make(root: &Path) {
    fs::create_dir_all(root.join("folder/deep")).unwrap();
    let write = |path: &[u8], content: &[u8]| fs::write(root.join(name(path)), content).unwrap();
    write(b"folder/deep/file", &Random(1).bytes(1_000_000));
    write(b"empty", b"");
    write(b"no UTF-8 \xff\xfe", b"1");
    write("\u{1f384} Weihnachten".as_bytes(), b"2");
    write(b"line\nend and = sign", b"3");
    write(&[b'n'; 255], b"4");
    write(b"-rf", b"5");
    let long = root.join(["x"; 60].join("/"));
    fs::create_dir_all(&long).unwrap();
    fs::write(long.join("y".repeat(200)), "6").unwrap();
    symlink("z".repeat(300), root.join("long link")).unwrap();
    symlink("../outside", root.join("link")).unwrap();
    write(b"mode", b"7");
    set_mode(&root.join("mode"), 0o444);
    write(b"later", b"8");
    set_mtime(&root.join("later"), 4_102_444_800, 123_456_789);
    set_mtime(&root.join("link"), 1_000_000_000, 1);
    fs::create_dir(root.join("empty folder")).unwrap();
    set_mode(&root.join("empty folder"), 0o700);
    set_mtime(&root.join("empty folder"), 1_234_567_890, 7);
}

fn unpack(program_name: &str, args: &[&str], bench: &Bench, into: &str) {
    fs::create_dir(bench.path(into)).unwrap();
    let into = bench.path(into).into_os_string().into_string().unwrap();
    let all = args.iter().copied().chain(["-C", &into]);
    Ran::of(program(program_name, all, &bench.path(""))).succeeded();
}

/// Adds what a program writes to its standard output.
fn add_output(bench: &Bench, program_name: &str, args: &[&str], source: &str) -> Ran {
    let mut tar = program(program_name, args, &bench.path(""));
    let mut tar = tar.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut add = bench.command(["add", "-", "--as", source]);
    add.env("ICVAULT_IDENTITY", "identity").stdin(tar.stdout.take().unwrap());
    let ran = Ran::of(add);
    // bsdtar is not content with names that are no UTF-8, but keeps them.
    assert!(tar.wait().unwrap().success() || program_name == "bsdtar");
    ran
}

#[test]
fn other_programs_read_an_export_and_it_comes_home_without_a_new_byte() {
    if !has(&["tar", "bsdtar"]) {
        return;
    }
    let bench = Bench::with_vault();
    let tree = bench.path("tree");
    make(&tree);
    let tagged = rustix::fs::setxattr(
        bench.path("tree/later"),
        "user.tag",
        b"1 a=b\n\0",
        rustix::fs::XattrFlags::empty(),
    );
    bench.open(["add", "tree"]).succeeded();
    bench.open(["export", "tree", "-o", "tree.tar"]).succeeded();
    let listed = program("tar", ["-tf", "tree.tar"], &bench.path("")).output().unwrap();
    assert!(listed.status.success());
    unpack("tar", &["--xattrs", "--xattrs-include=*", "-xpf", "tree.tar"], &bench, "gnu");
    unpack("bsdtar", &["-xpf", "tree.tar"], &bench, "bsd");
    assert_same(&tree, &bench.path("gnu"));
    assert_same(&tree, &bench.path("bsd"));
    if tagged.is_ok() {
        for folder in ["gnu", "bsd"] {
            let mut value = [0; 100];
            let later = bench.path(folder).join("later");
            let length = rustix::fs::getxattr(later, "user.tag", &mut value[..]);
            assert_eq!(length.map(|length| &value[..length]), Ok(&b"1 a=b\n\0"[..]), "{folder}");
        }
    }

    // Home again: as it is, through both programs, and through a pipe. Nothing is new.
    let mut add = bench.command(["add", "-", "--as", "tree"]);
    add.env("ICVAULT_IDENTITY", "identity");
    add.stdin(File::open(bench.path("tree.tar")).unwrap());
    let again = Ran::of(add).succeeded();
    assert!(again.stdout.contains(", new 0 B, stored 0 B"), "{}", again.stdout);
    for (program_name, args) in [
        ("tar", &["-C", "gnu", "-cf", "-", "."][..]),
        ("tar", &["-C", "gnu", "--format=pax", "--xattrs", "-cf", "-", "."]),
        ("bsdtar", &["--format=pax", "-C", "bsd", "-cf", "-", "."]),
    ] {
        let again = add_output(&bench, program_name, args, "tree").succeeded();
        assert!(again.stdout.contains(", new 0 B, "), "{}", again.stdout);
        let mut export = bench.command(["export", "tree", "-o", "-"]);
        export.env("ICVAULT_IDENTITY", "identity");
        let exported = Ran::of(export).succeeded();
        assert!(exported.bytes.len() > 1_000_000);
    }
    // A line end in a name is not written by us.
    bench.open(["extract", "tree", "-o", "back"]).ended_with(3);
    assert_same(&tree.join("folder"), &bench.path("back/folder"));
    set_mode(&bench.path("tree/empty folder"), 0o755);
}

#[test]
fn secrets_in_an_archive_are_sealed_and_an_archive_of_secrets_is_private() {
    if !has(&["tar"]) {
        return;
    }
    let bench = Bench::with_vault();
    let sample = samples().into_os_string().into_string().unwrap();
    let args = ["-C", &sample, "-cf", "-", "icloud-export"];
    let added = add_output(&bench, "tar", &args, "sample").ended_with(3);
    assert!(added.stdout.contains("password files (sealed)"), "{}", added.stdout);
    let items = bench.open(["list", "--json"]).succeeded().json();
    let sealed = items.as_array().unwrap().iter().filter(|item| item["compartment"] == "sealed");
    assert!(sealed.count() > 20);
    let ran = bench.open(["export", "sample", "-o", "out.tar"]).succeeded();
    assert!(ran.stderr.contains("were sealed"), "{}", ran.stderr);
    let mode = fs::metadata(bench.path("out.tar")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Nothing is written over.
    bench.open(["export", "sample", "-o", "out.tar"]).ended_with(1);
}

#[test]
fn what_is_wrong_with_an_archive_is_told_and_the_rest_is_stored() {
    if !has(&["tar", "bsdtar"]) {
        return;
    }
    let bench = Bench::with_vault();
    for (seed, path) in [(1, "tree/a"), (2, "tree/b"), (3, "tree/c")] {
        bench.write(path, Random(seed).bytes(100_000));
    }
    fs::hard_link(bench.path("tree/a"), bench.path("tree/hard")).unwrap();
    let file = File::create(bench.path("tree/sparse")).unwrap();
    file.set_len(50 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"data", 20 << 20).unwrap();
    drop(file);
    let all = add_output(&bench, "bsdtar", &["--format=pax", "-C", "tree", "-cf", "-", "."], "all");
    let all = all.succeeded();
    assert!(!all.stdout.contains("not included"), "{}", all.stdout);
    bench.open(["extract", "all", "-o", "back"]).succeeded();
    assert_same(&bench.path("tree"), &bench.path("back"));

    Ran::of(program("tar", ["-C", "tree", "-cf", "cut.tar", "a", "b", "c"], &bench.path("")))
        .succeeded();
    let whole = fs::read(bench.path("cut.tar")).unwrap();
    bench.write("cut.tar", &whole[..250_000]);
    let mut add = bench.command(["add", "-", "--as", "cut"]);
    add.env("ICVAULT_IDENTITY", "identity");
    add.stdin(File::open(bench.path("cut.tar")).unwrap());
    let cut = Ran::of(add).ended_with(3);
    assert!(cut.stdout.contains("c: reading"), "{}", cut.stdout);
    assert_eq!(bench.open(["cat", "cut:a"]).succeeded().bytes, Random(1).bytes(100_000));

    let mut add = bench.command(["add", "-", "--as", "none"]);
    add.env("ICVAULT_IDENTITY", "identity");
    add.stdin(File::open(bench.path("tree/a")).unwrap());
    let ran = Ran::of(add).ended_with(1);
    assert!(ran.stderr.contains("this is no tar archive"), "{}", ran.stderr);
    assert!(bench.open(["snapshots", "--source", "none"]).code == 4);
    bench.open(["add", "-"]).ended_with(2);
}

/// What a Mac's tar holds of one file, with this quarantine.
fn from_a_mac(quarantine: &str) -> Vec<u8> {
    let xattrs = [
        (
            "com.apple.FinderInfo",
            "TEXTttxt\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_owned(),
        ),
        ("com.apple.ResourceFork", "fork ".repeat(2_000)),
        ("com.apple.metadata:_kMDItemUserTags", "tags".to_owned()),
        ("com.apple.quarantine", quarantine.to_owned()),
    ];
    let xattrs = xattrs.map(|(name, value)| (name.into(), value.into_bytes()));
    let attributes = Attributes {
        mode: Some(0o644),
        mtime: Some((1_600_000_000, 5)),
        birth: Some((1_500_000_000, 7)),
        xattrs: xattrs.into(),
        ..Attributes::default()
    };
    let path = ItemPath::new(b"Report.txt").unwrap();
    let mut writer = TarWriter::new(Vec::new());
    let content = b"content";
    writer
        .file(&path, 7, &attributes, |to| {
            to.write_all(content).unwrap();
            Ok(())
        })
        .unwrap();
    writer.finish().unwrap()
}

#[test]
fn what_a_mac_knows_of_a_file_is_kept_where_it_cannot_be_used() {
    let bench = Bench::with_vault();
    let add = |quarantine: &str| {
        bench.write("mac.tar", from_a_mac(quarantine));
        let mut add = bench.command(["add", "-", "--as", "mac"]);
        add.env("ICVAULT_IDENTITY", "identity");
        add.stdin(File::open(bench.path("mac.tar")).unwrap());
        Ran::of(add).succeeded().stdout
    };
    add("0081;5f5e1000;Safari;");
    let exported = |snapshot: &str| bench.open(["export", snapshot, "-o", "-"]).succeeded().bytes;
    assert_eq!(exported("mac"), from_a_mac("0081;5f5e1000;Safari;"));
    // That it was opened since is no change of the file, but is kept.
    let again = add("0083;5f5e1000;Safari;");
    assert!(again.contains("already there: 1 other file") && again.contains("new 0 B"), "{again}");
    assert_eq!(exported("mac"), from_a_mac("0083;5f5e1000;Safari;"));
    assert_eq!(exported("mac~1"), from_a_mac("0081;5f5e1000;Safari;"));

    if cfg!(target_os = "linux") {
        let plain = bench.open(["extract", "-o", "plain"]).succeeded();
        let told = "not held by this file system: 1 time of birth, 4 extended attributes";
        assert!(plain.stdout.contains(told), "{}", plain.stdout);
        let kept = bench.open(["extract", "-o", "kept", "--appledouble"]).succeeded();
        assert!(!kept.stdout.contains("attribute"), "{}", kept.stdout);
        let double = fs::read(bench.path("kept/._Report.txt")).unwrap();
        assert_eq!(double[..8], [0, 5, 0x16, 7, 0, 2, 0, 0]);
        assert!(double.ends_with("fork ".repeat(2_000).as_bytes()));
        assert!(!bench.path("plain/._Report.txt").exists());
    }
}
