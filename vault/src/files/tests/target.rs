//! Hostile trees are written into a folder beside one that must stay as it is.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, mkfifoat};
use tempfile::TempDir;

use super::*;
use crate::files::{Entry, Walk, names};

const POLICIES: [Overwrite; 4] =
    [Overwrite::Never, Overwrite::Always, Overwrite::IfChanged, Overwrite::IfNewer];
const PLAIN: Attributes = Attributes {
    mode: None,
    mtime: None,
    birth: None,
    xattrs: Vec::new(),
    length: None,
    private: false,
};
const SEALED: Attributes = Attributes {
    mode: None,
    mtime: None,
    birth: None,
    xattrs: Vec::new(),
    length: None,
    private: true,
};

/// A folder with `target` to write into and `outside`, which holds one file.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("outside")).unwrap();
        fs::write(place.path("outside/canary"), "alive").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn target(&self) -> Target {
        Target::create(&self.path("target")).unwrap()
    }

    fn assert_untouched(&self, case: &str) {
        assert_eq!(names_in(self.0.path()), ["outside", "target"], "{case}");
        assert_eq!(names_in(&self.path("outside")), ["canary"], "{case}");
        assert_eq!(fs::read(self.path("outside/canary")).unwrap(), b"alive", "{case}");
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| shown(entry.unwrap().file_name().as_bytes()))
        .collect();
    names.sort();
    names
}

/// A path without its checks, as if they had failed.
fn at(path: impl AsRef<[u8]>) -> ItemPath {
    ItemPath(path.as_ref().iter().map(|&byte| if byte == b'/' { 0 } else { byte }).collect())
}

fn put(target: &mut Target, path: &ItemPath, attributes: &Attributes) -> Result<bool> {
    let Some(mut file) = target.file(path, attributes)? else { return Ok(false) };
    file.write_all(b"written").unwrap();
    file.finish().map(|_| true)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn hostile_names_are_not_written() {
    let place = Place::new();
    let here = names_in(Path::new("."));
    let mut cases = 0;
    for name in names::hostile() {
        // 0x00 ends a component; what it makes of these is tested with `ItemPath`.
        if name.contains(&0) {
            continue;
        }
        for (before, after) in
            [(&b""[..], &b""[..]), (b"ok\0", b""), (b"", b"\0ok"), (b"ok\0", b"\0ok")]
        {
            let path = ItemPath([before, &name, after].concat());
            let mut target = place.target().overwrite(Overwrite::Always);
            let file = put(&mut target, &path, &PLAIN);
            let folder = target.folder(&path, &SEALED);
            let link = target.link(&path, b"/etc/passwd", &PLAIN);
            assert!(target.finish().failed.is_empty());
            for outcome in [file.map(|_| ()), folder, link.map(|_| ())] {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused, "{path}");
                cases += 1;
            }
        }
        place.assert_untouched(&shown(&name));
    }
    assert!(cases >= 1400, "{cases}");
    assert_eq!(names_in(&place.path("target")), ["ok"]);
    assert_eq!(names_in(&place.path("target/ok")), [""; 0]);
    assert_eq!(names_in(Path::new(".")), here);
}

#[test]
fn odd_names_are_written_inside() {
    let place = Place::new();
    let odd = [
        "~",
        "-rf",
        "...a",
        "..a",
        "$HOME",
        "%2e%2e",
        "a*b",
        "<x>",
        "\"",
        "|",
        "?",
        " x",
        "é",
        "\u{1f4f7}",
        "\u{202e}gpj.exe",
        ".icvault-1-1.tmp",
        "x'y",
        "#",
        "%s%n",
        "CON1",
        "=1+1",
        "\u{2028}",
    ];
    let mut target = place.target();
    for name in odd {
        assert!(put(&mut target, &at(format!("file/{name}")), &PLAIN).unwrap());
        target.folder(&at(format!("folder/{name}/x")), &PLAIN).unwrap();
        assert!(target.link(&at(format!("link/{name}")), b"../../outside", &PLAIN).unwrap());
    }
    assert!(target.finish().failed.is_empty());
    place.assert_untouched("odd");
    for kind in ["file", "folder", "link"] {
        assert_eq!(names_in(&place.path("target").join(kind)).len(), odd.len());
    }
}

#[test]
fn nothing_is_written_through_a_link_in_the_target() {
    for policy in POLICIES {
        for points_to in ["../outside", "outside-by-path", "../outside/canary", "nowhere", "."] {
            let place = Place::new();
            fs::create_dir(place.path("target")).unwrap();
            let points_to = match points_to {
                "outside-by-path" => place.path("outside"),
                other => PathBuf::from(other),
            };
            symlink(&points_to, place.path("target/a")).unwrap();
            for attributes in [PLAIN, SEALED] {
                let mut target = place.target().overwrite(policy);
                for path in ["a/b", "a/b/c", "a/canary"].map(at) {
                    let file = put(&mut target, &path, &attributes).unwrap_err();
                    let folder = target.folder(&path, &attributes).unwrap_err();
                    let link = target.link(&path, b"x", &attributes).unwrap_err();
                    for error in [file, folder, link] {
                        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                        assert!(error.to_string().contains('a'), "{error}");
                    }
                }
                assert!(target.folder(&at("a"), &attributes).is_err());
                assert!(target.finish().failed.is_empty());
            }
            place.assert_untouched("link");
            assert_eq!(names_in(&place.path("target")), ["a"]);
        }
    }
}

#[test]
fn nothing_is_written_through_a_link_of_the_run() {
    let place = Place::new();
    let mut target = place.target().overwrite(Overwrite::Always);
    assert!(target.link(&at("a"), b"../outside", &PLAIN).unwrap());
    assert_eq!(put(&mut target, &at("a/b"), &PLAIN).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(put(&mut target, &at("A/b"), &PLAIN).unwrap_err().kind(), ErrorKind::Refused);
    assert!(target.folder(&at("a"), &PLAIN).is_err());
    put(&mut target, &at("c/d"), &PLAIN).unwrap();
    assert!(target.link(&at("c"), b"../outside", &PLAIN).is_err());
    assert!(target.link(&at("c/d"), b"../../outside", &PLAIN).is_err());
    // A link below a link: the one above is there when the one below is written.
    assert!(target.link(&at("a/l"), b"x", &PLAIN).is_err());
    assert!(target.finish().failed.is_empty());
    place.assert_untouched("link of the run");
    // A second run, into what the first one left.
    let mut target = place.target().overwrite(Overwrite::Always);
    assert!(put(&mut target, &at("a/b"), &PLAIN).is_err());
    assert!(target.finish().failed.is_empty());
    let mut target = place.target().overwrite(Overwrite::Always);
    assert!(put(&mut target, &at("a"), &PLAIN).unwrap());
    assert!(target.finish().failed.is_empty());
    place.assert_untouched("second run");
    assert!(fs::symlink_metadata(place.path("target/a")).unwrap().is_file());
}

#[test]
fn links_that_cannot_be_are_refused() {
    let place = Place::new();
    let mut target = place.target();
    assert!(target.link(&at("a"), b"", &PLAIN).is_err());
    assert!(target.link(&at("b"), b"x\0y", &PLAIN).is_err());
    assert!(target.link(&at("c"), &[b'x'; 70_000], &PLAIN).unwrap());
    assert_eq!(target.finish().failed.len(), 1);
    assert_eq!(names_in(&place.path("target")), [""; 0]);
}

/// A folder of the run changes places with a link to the outside all the time.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_swapped_for_a_link_leads_nowhere() {
    let place = Place::new();
    let (a, trap) = (place.path("target/a"), place.path("target/trap"));
    fs::create_dir_all(&a).unwrap();
    symlink("../outside", &trap).unwrap();
    let stop = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &a, CWD, &trap, RenameFlags::EXCHANGE).unwrap();
                // A while for each, so that both sides of the swap are met.
                thread::yield_now();
            }
        });
        let mut written = 0;
        for round in 0..400 {
            let mut target = place.target().overwrite(Overwrite::Always);
            for file in 0..3 {
                let one = put(&mut target, &at(format!("a/{round}-{file}")), &PLAIN);
                written += usize::from(one.is_ok());
                written += usize::from(put(&mut target, &at("a/x/y"), &PLAIN).is_ok());
                target.link(&at(format!("a/l{file}")), b"x", &PLAIN).ok();
                // Leaves the folder, so that it is opened anew.
                put(&mut target, &at("b/c"), &PLAIN).ok();
            }
            target
                .folder(&at("a"), &Attributes { mode: Some(0o755), mtime: Some((1, 1)), ..PLAIN })
                .ok();
            drop(target.finish());
        }
        stop.store(true, Ordering::Relaxed);
        written
    });
    assert!(written > 0);
    place.assert_untouched("swap");
    let outside = fs::metadata(place.path("outside")).unwrap();
    assert_ne!(outside.mtime(), 1);
}

#[test]
fn what_is_in_a_files_place_is_kept_or_replaced() {
    type Make = fn(&Path);
    let things: [(&str, Make, [Option<bool>; 4]); 7] = [
        ("file", |p| fs::write(p, "old").unwrap(), [None, Some(true), Some(true), Some(true)]),
        ("empty file", |p| fs::write(p, "").unwrap(), [None, Some(true), Some(true), Some(true)]),
        (
            "link to a file",
            |p| symlink("../outside/canary", p).unwrap(),
            [None, Some(true), Some(true), Some(true)],
        ),
        (
            "link to a folder",
            |p| symlink("../outside", p).unwrap(),
            [None, Some(true), Some(true), Some(true)],
        ),
        (
            "dangling link",
            |p| symlink("../new", p).unwrap(),
            [None, Some(true), Some(true), Some(true)],
        ),
        ("fifo", |p| mkfifoat(CWD, p, Mode::RUSR | Mode::WUSR).unwrap(), [None; 4]),
        ("folder", |p| fs::create_dir(p).unwrap(), [None; 4]),
    ];
    for (thing, make, outcomes) in things {
        for (policy, expected) in POLICIES.into_iter().zip(outcomes) {
            let place = Place::new();
            fs::create_dir(place.path("target")).unwrap();
            make(&place.path("target/a"));
            let before = fs::symlink_metadata(place.path("target/a")).unwrap();
            let mut target = place.target().overwrite(policy);
            let newer = Attributes { mtime: Some((1 << 33, 0)), ..PLAIN };
            let outcome = put(&mut target, &at("a"), &newer);
            assert!(target.finish().failed.is_empty());
            let after = fs::symlink_metadata(place.path("target/a")).unwrap();
            match expected {
                Some(written) => {
                    assert_eq!(outcome.unwrap(), written, "{thing} {policy:?}");
                    assert_eq!(fs::read(place.path("target/a")).unwrap(), b"written");
                    assert!(after.is_file());
                }
                None => {
                    assert_eq!(
                        outcome.unwrap_err().kind(),
                        ErrorKind::Refused,
                        "{thing} {policy:?}"
                    );
                    assert_eq!((before.ino(), before.len()), (after.ino(), after.len()));
                }
            }
            place.assert_untouched(thing);
            assert_eq!(names_in(&place.path("target")), ["a"]);
        }
    }
}

#[test]
fn overwrite_compares_length_and_time() {
    let known = Attributes { mtime: Some((1_000, 500)), length: Some(7), ..PLAIN };
    let place = Place::new();
    let mut target = place.target();
    put(&mut target, &at("a"), &known).unwrap();
    target.link(&at("l"), b"there", &known).unwrap();
    assert!(target.finish().failed.is_empty());
    let table = [
        (Overwrite::IfChanged, known.clone(), false),
        (Overwrite::IfChanged, Attributes { length: Some(8), ..known.clone() }, true),
        (Overwrite::IfChanged, Attributes { mtime: Some((1_000, 501)), ..known.clone() }, true),
        (Overwrite::IfChanged, Attributes { length: None, ..known.clone() }, true),
        (Overwrite::IfNewer, known.clone(), false),
        (Overwrite::IfNewer, Attributes { mtime: Some((1_000, 499)), ..known.clone() }, false),
        (Overwrite::IfNewer, Attributes { mtime: Some((1_000, 501)), ..known.clone() }, true),
        (Overwrite::IfNewer, Attributes { mtime: None, ..known.clone() }, false),
        (Overwrite::Always, known.clone(), true),
    ];
    for (policy, attributes, expected) in table {
        let mut target = place.target().overwrite(policy);
        let file = target.file(&at("a"), &attributes).unwrap();
        assert_eq!(file.is_some(), expected, "{policy:?} {attributes:?}");
        drop(file);
        if policy == Overwrite::IfChanged {
            assert!(!target.link(&at("l"), b"there", &attributes).unwrap());
            assert!(target.link(&at("other"), b"there", &attributes).unwrap());
        }
    }
    let mut target = place.target().overwrite(Overwrite::IfChanged);
    assert!(target.link(&at("l"), b"elsewhere", &known).unwrap());
    assert!(target.finish().failed.is_empty());
    assert_eq!(fs::read_link(place.path("target/l")).unwrap(), Path::new("elsewhere"));
}

#[test]
fn a_file_that_comes_meanwhile_is_not_replaced() {
    let place = Place::new();
    let mut target = place.target();
    let mut file = target.file(&at("a"), &PLAIN).unwrap().unwrap();
    file.write_all(b"written").unwrap();
    fs::write(place.path("target/a"), "theirs").unwrap();
    assert_eq!(file.finish().unwrap_err().kind(), ErrorKind::Refused);
    target.link(&at("l"), b"x", &PLAIN).unwrap();
    fs::write(place.path("target/l"), "theirs").unwrap();
    let failed = target.finish().failed;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].kind(), ErrorKind::Refused);
    assert_eq!(names_in(&place.path("target")), ["a", "l"]);
    assert_eq!(fs::read(place.path("target/a")).unwrap(), b"theirs");
}

#[test]
fn the_slow_way_of_naming_replaces_nothing() {
    let place = Place::new();
    fs::create_dir(place.path("target")).unwrap();
    let (folder, _) = open_root(&place.path("target")).unwrap();
    for name in ["t1", "t2", "taken"] {
        fs::write(place.path("target").join(name), name).unwrap();
    }
    place_slowly(&folder, "t1", b"a").unwrap();
    let error = place_slowly(&folder, "t2", b"taken").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(place_slowly(&folder, "gone", b"b").is_err());
    assert_eq!(names_in(&place.path("target")), ["a", "t2", "taken"]);
    assert_eq!(fs::read(place.path("target/taken")).unwrap(), b"taken");
}

#[test]
fn an_unfinished_file_leaves_nothing() {
    let place = Place::new();
    let mut target = place.target();
    let mut file = target.file(&at("a/b"), &PLAIN).unwrap().unwrap();
    file.write_all(b"half").unwrap();
    assert!(!place.path("target/a/b").exists());
    assert_eq!(names_in(&place.path("target/a")).len(), 1);
    drop(file);
    assert_eq!(names_in(&place.path("target/a")), [""; 0]);
    assert!(target.finish().failed.is_empty());
}

#[test]
fn colliding_names_are_refused_and_both_are_named() {
    let pairs = [
        ("Photo.JPG", "photo.jpg"),
        ("é", "e\u{301}"),
        ("Straße", "STRASSE"),
        ("ﬁle", "FILE"),
        ("ς", "Σ"),
        ("\u{212a}", "k"),
        ("ſ", "S"),
        (".git", ".g\u{200c}it"),
        ("İ", "i\u{307}"),
        ("❤", "❤\u{fe0f}"),
        ("a", "A"),
    ];
    for (one, other) in pairs {
        for (one, other) in [(one, other), (other, one)] {
            let place = Place::new();
            let mut target = place.target().overwrite(Overwrite::Always);
            put(&mut target, &at(format!("x/{one}")), &PLAIN).unwrap();
            let path = at(format!("x/{other}"));
            // Another folder in between, and the sealed items' own pass.
            put(&mut target, &at("y/z"), &PLAIN).unwrap();
            for attributes in [PLAIN, SEALED] {
                let file = put(&mut target, &path, &attributes).unwrap_err();
                let folder = target.folder(&path, &attributes).unwrap_err();
                let inside = put(&mut target, &path.join(b"in").unwrap(), &attributes).unwrap_err();
                let link = target.link(&path, b"t", &attributes).unwrap_err();
                for error in [file, folder, inside, link] {
                    assert_eq!(error.kind(), ErrorKind::Refused);
                    let text = error.to_string();
                    assert!(text.contains(one) && text.contains(other), "{text}");
                }
            }
            put(&mut target, &at(format!("y/{other}")), &PLAIN).unwrap();
            assert!(target.finish().failed.is_empty());
            assert_eq!(names_in(&place.path("target/x")), [one]);
        }
    }
}

#[test]
fn an_items_path_is_taken_once() {
    let place = Place::new();
    let mut target = place.target().overwrite(Overwrite::Always);
    put(&mut target, &at("a/b"), &PLAIN).unwrap();
    assert_eq!(put(&mut target, &at("a/b"), &PLAIN).unwrap_err().kind(), ErrorKind::Refused);
    assert!(target.folder(&at("a/b"), &PLAIN).is_err());
    assert!(put(&mut target, &at("a/b/c"), &PLAIN).is_err());
    assert!(put(&mut target, &at("a"), &PLAIN).is_err());
    target.folder(&at("a"), &PLAIN).unwrap();
    target.folder(&at("a"), &SEALED).unwrap();
    assert!(target.finish().failed.is_empty());
}

#[test]
fn sealed_items_are_private() {
    let open = Attributes { mode: Some(0o755), mtime: Some((77, 0)), ..PLAIN };
    let sealed = Attributes { private: true, ..open.clone() };
    let place = Place::new();
    let mut target = place.target();
    target.folder(&at("sealed"), &sealed).unwrap();
    put(&mut target, &at("sealed/in/file"), &sealed).unwrap();
    put(&mut target, &at("implied/in/file"), &sealed).unwrap();
    assert_eq!(mode(&place.path("target")), 0o700);
    assert_eq!(mode(&place.path("target/sealed")), 0o700);
    put(&mut target, &at("both/secret/file"), &sealed).unwrap();
    target.folder(&at("both"), &Attributes { mode: Some(0o751), ..open.clone() }).unwrap();
    put(&mut target, &at("both/file"), &open).unwrap();
    target.folder(&at("general"), &Attributes { mode: Some(0o711), ..open.clone() }).unwrap();
    put(&mut target, &at("general/secret/file"), &sealed).unwrap();
    target.folder(&at("general"), &sealed).unwrap();
    assert!(target.finish().failed.is_empty());
    for (path, expected) in [
        ("sealed", 0o700),
        ("sealed/in", 0o700),
        ("sealed/in/file", 0o600),
        ("implied", 0o700),
        ("implied/in", 0o700),
        ("implied/in/file", 0o600),
        ("both", 0o751),
        ("both/secret", 0o700),
        ("both/secret/file", 0o600),
        ("both/file", 0o755),
        ("general", 0o711),
        ("general/secret", 0o700),
    ] {
        assert_eq!(mode(&place.path("target").join(path)), expected, "{path}");
    }
    assert_eq!(fs::metadata(place.path("target/sealed")).unwrap().mtime(), 77);
    assert_ne!(mode(&place.path("target")), 0o700);
}

#[test]
fn a_target_made_for_sealed_items_is_private() {
    let place = Place::new();
    let mut target = place.target();
    put(&mut target, &at("a"), &SEALED).unwrap();
    assert!(target.finish().failed.is_empty());
    assert_eq!(mode(&place.path("target")), 0o700);
    // One that was there is the person's.
    fs::set_permissions(place.path("target"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut target = place.target();
    put(&mut target, &at("b"), &SEALED).unwrap();
    assert!(target.finish().failed.is_empty());
    assert_eq!(mode(&place.path("target")), 0o755);
}

#[test]
fn no_file_gets_another_users_rights() {
    let place = Place::new();
    let mut target = place.target();
    let all = Attributes { mode: Some(0o107_777), ..PLAIN };
    put(&mut target, &at("a"), &all).unwrap();
    target.folder(&at("d"), &all).unwrap();
    assert!(target.finish().failed.is_empty());
    assert_eq!(mode(&place.path("target/a")), 0o777);
    assert_eq!(mode(&place.path("target/d")) & 0o4000, 0);
}

#[test]
fn times_are_no_orders() {
    for time in [
        (5, u32::MAX),
        (5, 0x3fff_ffff),
        (5, 0x3fff_fffe),
        (5, 1_000_000_000),
        (i64::MIN, 0),
        (i64::MAX, 1),
    ] {
        let place = Place::new();
        let mut target = place.target();
        let attributes = Attributes { mtime: Some(time), ..PLAIN };
        put(&mut target, &at("a"), &attributes).unwrap();
        target.folder(&at("d"), &attributes).unwrap();
        target.link(&at("l"), b"x", &attributes).unwrap();
        assert!(target.finish().failed.is_empty());
        if time.0 == 5 {
            for name in ["a", "d", "l"] {
                let found = fs::symlink_metadata(place.path("target").join(name)).unwrap();
                assert_eq!((found.mtime(), found.mtime_nsec()), (5, 999_999_999), "{name}");
            }
        }
    }
}

#[test]
fn folders_that_nobody_may_write_are_filled_first() {
    let place = Place::new();
    let mut target = place.target();
    let closed = Attributes { mode: Some(0o500), mtime: Some((9, 9)), ..PLAIN };
    target.folder(&at("a"), &closed).unwrap();
    target.folder(&at("a/b"), &closed).unwrap();
    put(&mut target, &at("a/b/c"), &PLAIN).unwrap();
    target.link(&at("a/b/l"), b"c", &PLAIN).unwrap();
    assert!(target.finish().failed.is_empty());
    for folder in ["target/a", "target/a/b"] {
        let found = fs::metadata(place.path(folder)).unwrap();
        assert_eq!((found.mode() & 0o7777, found.mtime(), found.mtime_nsec()), (0o500, 9, 9));
    }
    // A second run meets them closed. Root may write anyway.
    if !is_root() {
        let mut target = place.target();
        let error = put(&mut target, &at("a/b/d"), &PLAIN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(error.to_string().contains("a/b/d"), "{error}");
        assert!(target.folder(&at("a/new"), &PLAIN).is_err());
        assert!(put(&mut target, &at("other"), &PLAIN).unwrap());
        assert!(target.finish().failed.is_empty());
    }
    for folder in ["target/a", "target/a/b"] {
        fs::set_permissions(place.path(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

/// Modes from the top down would shut the run out; root would not notice.
#[test]
fn folders_that_nobody_may_enter_are_finished() {
    let place = Place::new();
    let mut target = place.target();
    let shut = Attributes { mode: Some(0o0), mtime: Some((9, 9)), ..PLAIN };
    for folder in ["a", "a/b", "a/b/c"] {
        target.folder(&at(folder), &shut).unwrap();
    }
    assert!(target.finish().failed.is_empty());
    for folder in ["target/a", "target/a/b", "target/a/b/c"] {
        assert_eq!(mode(&place.path(folder)), 0);
        fs::set_permissions(place.path(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn another_folder_in_the_place_of_the_runs_own_is_refused() {
    let place = Place::new();
    let closed = Attributes { mode: Some(0o711), mtime: Some((9, 9)), ..PLAIN };
    let mut target = place.target();
    target.folder(&at("a"), &closed).unwrap();
    put(&mut target, &at("b/c"), &PLAIN).unwrap();
    fs::rename(place.path("target/a"), place.path("target/moved")).unwrap();
    fs::create_dir(place.path("target/a")).unwrap();
    let before = mode(&place.path("target/a"));
    assert!(put(&mut target, &at("a/x"), &PLAIN).is_err());
    let failed = target.finish().failed;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].object(), Some("a"));
    assert_eq!(names_in(&place.path("target/a")), [""; 0]);
    assert_eq!(mode(&place.path("target/a")), before);
}

/// In a deep tree the outer handles are given up and opened again on the way back.
#[test]
fn a_folder_replaced_while_its_handle_was_given_up_is_noticed() {
    let place = Place::new();
    let mut target = place.target();
    let deep = at(vec![b"d".as_slice(); 100].join(&0));
    put(&mut target, &deep.join(b"f").unwrap(), &PLAIN).unwrap();
    fs::rename(place.path("target/d/d"), place.path("target/d/moved")).unwrap();
    fs::create_dir(place.path("target/d/d")).unwrap();
    assert!(put(&mut target, &at("d/d/x"), &PLAIN).is_err());
    fs::remove_dir(place.path("target/d/d")).unwrap();
    symlink("../../outside", place.path("target/d/d")).unwrap();
    assert!(put(&mut target, &at("d/d/x"), &PLAIN).is_err());
    assert!(put(&mut target, &at("d/x"), &PLAIN).unwrap());
    assert_eq!(target.finish().failed.len(), 99);
    place.assert_untouched("given up");
}

#[test]
fn folders_that_were_there_keep_their_mode() {
    let place = Place::new();
    fs::create_dir_all(place.path("target/a")).unwrap();
    fs::set_permissions(place.path("target/a"), fs::Permissions::from_mode(0o711)).unwrap();
    let attributes = Attributes { mode: Some(0o777), mtime: Some((9, 9)), ..PLAIN };
    for (policy, expected) in [(Overwrite::Never, 0o711), (Overwrite::Always, 0o777)] {
        let mut target = place.target().overwrite(policy);
        target.folder(&at("a"), &attributes).unwrap();
        assert!(target.finish().failed.is_empty());
        assert_eq!(mode(&place.path("target/a")), expected);
    }
}

#[test]
fn the_target_may_be_a_link_of_the_person() {
    let place = Place::new();
    fs::create_dir(place.path("target")).unwrap();
    symlink("target", place.path("link")).unwrap();
    let mut target = Target::create(&place.path("link")).unwrap();
    put(&mut target, &at("a/b"), &PLAIN).unwrap();
    assert!(target.finish().failed.is_empty());
    assert_eq!(fs::read(place.path("target/a/b")).unwrap(), b"written");
    // What cannot be a folder is an error.
    for wrong in ["outside/canary", "outside/canary/x"] {
        assert!(Target::create(&place.path(wrong)).is_err(), "{wrong}");
    }
    symlink("nowhere", place.path("dangling")).unwrap();
    assert!(Target::create(&place.path("dangling")).is_err());
    assert!(Target::create(&place.path("new/deep/er")).is_ok());
}

#[test]
fn deep_trees_need_few_handles() {
    const DEPTH: usize = 1_000;
    let place = Place::new();
    let mut target = place.target();
    let handles = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = handles();
    let deep = at(vec![b"d".as_slice(); DEPTH].join(&0));
    for (number, depth) in [DEPTH, DEPTH / 2, 1, DEPTH].into_iter().enumerate() {
        let folder = at(vec![b"d".as_slice(); depth].join(&0));
        put(&mut target, &folder.join(format!("f{number}").as_bytes()).unwrap(), &PLAIN).unwrap();
    }
    // Other tests run beside this one.
    assert!(handles() < before + DEPTH / 2);
    target.link(&deep.join(b"l").unwrap(), b"x", &PLAIN).unwrap();
    target.folder(&deep, &Attributes { mtime: Some((3, 3)), ..PLAIN }).unwrap();
    assert!(target.finish().failed.is_empty());
    let mut walk = Walk::new(&place.path("target")).unwrap();
    let entries: Vec<Entry> = walk.by_ref().map(|entry| entry.unwrap()).collect();
    assert_eq!(entries.len(), DEPTH + 5);
    assert!(entries.is_sorted_by_key(|entry| entry.path.clone()));
    for mut entry in entries.into_iter().filter(|entry| entry.length > 0) {
        assert_eq!(io::read_to_string(walk.open(&mut entry).unwrap()).unwrap(), "written");
    }
}

#[test]
fn a_folder_of_300_000_names_is_remembered_in_megabytes() {
    let mut seen = Seen::default();
    for number in 0..300_000 {
        assert!(seen.take(7, format!("IMG_{number:06}.HEIC").as_bytes(), Taken::Leaf).is_ok());
    }
    assert!(seen.take(7, b"img_123456.heic", Taken::Leaf).is_err());
    assert!(seen.take(8, b"img_123456.heic", Taken::Leaf).is_ok());
    assert!(seen.records.capacity() + seen.found.capacity() * 17 < 24 << 20);
}

/// Reads a tree and writes it, as `add` and `extract` do with a vault in between.
#[cfg(target_os = "linux")]
fn copy(from: &Path, to: &Path) {
    let mut walk = Walk::new(from).unwrap();
    let mut target = Target::create(to).unwrap();
    while let Some(entry) = walk.next() {
        use crate::files::FileType::{File, Folder, Link, Special};
        let mut entry = entry.unwrap();
        let content = (entry.file_type == File).then(|| walk.open(&mut entry).unwrap());
        let attributes = Attributes {
            mode: Some(entry.mode),
            mtime: Some(entry.mtime),
            xattrs: entry.xattrs.clone(),
            length: Some(entry.length),
            ..PLAIN
        };
        match entry.file_type {
            Folder => target.folder(&entry.path, &attributes).unwrap(),
            Link => assert!(
                target.link(&entry.path, entry.link.as_ref().unwrap(), &attributes).unwrap()
            ),
            File => {
                let mut file = target.file(&entry.path, &attributes).unwrap().unwrap();
                io::copy(&mut content.unwrap(), &mut file).unwrap();
                assert_eq!(file.finish().unwrap(), Unheld::default());
            }
            Special => {}
        }
    }
    let finished = target.finish();
    assert!(finished.failed.is_empty(), "{:?}", finished.failed);
    assert_eq!(finished.unheld, Unheld::default());
}

#[cfg(target_os = "linux")]
#[test]
fn a_tree_comes_out_as_it_went_in() {
    use std::ffi::OsStr;
    use std::process::Command;
    let place = Place::new();
    let source = place.path("source");
    let below = |name: &[u8]| source.join(OsStr::from_bytes(name));
    for folder in [
        &b"empty"[..],
        b"a/b/c",
        b"caf\xe9/\xff\xfe",
        "\u{1f4f7} 2024/é".as_bytes(),
        b"closed",
        b"a-",
    ] {
        fs::create_dir_all(below(folder)).unwrap();
    }
    let names: [&[u8]; 16] = [
        b"plain",
        b"a/b/c/d",
        b"a/b!",
        b"a-/x",
        b"caf\xe9/\xff\xfe/\x80",
        b" lead",
        b"*?<>|\"",
        b"~",
        "\u{1f4f7} 2024/é/e\u{302}".as_bytes(),
        b"-rf",
        b"closed/in",
        b".hidden",
        b"empty file",
        b"sparse",
        "\u{202e}x".as_bytes(),
        b"a/b/c/\xc3",
    ];
    for (number, name) in (0_u32..).zip(names) {
        fs::write(below(name), vec![b'x'; usize::try_from(number).unwrap() * 70_000]).unwrap();
        let mode = [0o644, 0o600, 0o755, 0o444, 0o640, 0o777][usize::try_from(number).unwrap() % 6];
        fs::set_permissions(below(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::write(below(b"empty file"), "").unwrap();
    File::create(below(b"sparse")).unwrap().set_len(1 << 22).unwrap();
    for (name, points_to) in [
        ("dangling", "nowhere"),
        ("absolute", "/etc/passwd"),
        ("up", "../../.."),
        ("a/odd", "\u{1f4f7} x\n"),
        ("caf", "é"),
    ] {
        symlink(points_to, below(name.as_bytes())).unwrap();
    }
    fs::set_permissions(below(b"closed"), fs::Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(below(b"empty"), fs::Permissions::from_mode(0o1777)).unwrap();
    // Times of all kinds, the deepest first.
    let all = Command::new("find")
        .arg(&source)
        .args(["-mindepth", "1", "-depth", "-print0"])
        .output()
        .unwrap();
    for (number, path) in
        (0_i64..).zip(all.stdout.split(|&byte| byte == 0).filter(|path| !path.is_empty()))
    {
        let seconds =
            [-86_400, 0, 1, 1_700_000_000, 4_000_000_000][usize::try_from(number % 5).unwrap()];
        let time = timestamps((seconds, 123_456_789 + u32::try_from(number).unwrap()));
        utimensat(CWD, OsStr::from_bytes(path), &time, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
    copy(&source, &place.path("target"));
    let listing = |folder: PathBuf| {
        let output = Command::new("find")
            .arg(folder)
            .args(["-mindepth", "1", "-printf", "%P %y %m %s %T@ %l\\0"])
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let mut lines: Vec<_> = output.stdout.split(|&byte| byte == 0).map(shown).collect();
        // The size of a folder is the file system's own affair.
        lines.iter_mut().filter(|line| line.contains(" d ")).for_each(|line| {
            *line = line.replace(" 4096 ", " ");
        });
        lines.sort();
        lines
    };
    let (before, after) = (listing(source.clone()), listing(place.path("target")));
    assert!(before.len() > 30);
    assert_eq!(before, after);
    let same = Command::new("diff")
        .args(["-r", "--no-dereference"])
        .arg(&source)
        .arg(place.path("target"))
        .output();
    assert!(same.unwrap().status.success());
    fs::set_permissions(below(b"closed"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(place.path("target/closed"), fs::Permissions::from_mode(0o700)).unwrap();
}
