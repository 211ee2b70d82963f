//! Sources that change, hold what is not to be read, or lead elsewhere.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, mkfifoat};
use tempfile::TempDir;

use super::*;

fn tree(paths: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let place = folder.path().join(path);
        if path.ends_with('/') {
            fs::create_dir_all(place).unwrap();
        } else {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, path).unwrap();
        }
    }
    folder
}

fn paths(walk: Walk) -> Vec<String> {
    walk.map(|entry| {
        entry.map_or_else(|unread| format!("! {}", unread.error), |e| e.path.to_string())
    })
    .collect()
}

#[test]
fn items_come_in_the_order_of_their_paths() {
    let source =
        tree(&["b", "a/z", "a/b/c", "a-/x", "a b", "a!", "B", "é", "a/b.txt", "empty/", "a/b/"]);
    let walk = Walk::new(source.path()).unwrap();
    assert_eq!(walk.totals(), Totals { items: 13, bytes: 28 });
    let found: Vec<_> = walk.map(|entry| entry.unwrap()).collect();
    assert!(found.is_sorted_by(|one, other| one.path < other.path));
    let shown: Vec<_> = found.iter().map(|entry| entry.path.to_string()).collect();
    let expected =
        ["B", "a", "a/b", "a/b/c", "a/b.txt", "a/z", "a b", "a!", "a-", "a-/x", "b", "empty", "é"];
    assert_eq!(shown, expected);
}

#[test]
fn entries_say_what_the_system_says() {
    let source = tree(&["file", "folder/"]);
    symlink("../x y", source.path().join("link")).unwrap();
    mkfifoat(CWD, source.path().join("fifo"), Mode::RUSR).unwrap();
    fs::hard_link(source.path().join("file"), source.path().join("same")).unwrap();
    let found: Vec<_> = Walk::new(source.path()).unwrap().map(|entry| entry.unwrap()).collect();
    let types: Vec<_> = found.iter().map(|entry| entry.file_type).collect();
    use FileType::{File, Folder, Link, Special};
    assert_eq!(types, [Special, File, Folder, Link, File]);
    for entry in &found {
        let stat = fs::symlink_metadata(source.path().join(entry.path.to_string())).unwrap();
        assert_eq!(entry.mode, stat.mode() & 0o7777);
        assert_eq!(entry.identity(), (stat.dev(), stat.ino()));
        assert_eq!(i128::from(entry.mtime.0), i128::from(stat.mtime()));
        assert_eq!(i64::from(entry.mtime.1), stat.mtime_nsec());
        assert!(entry.birth.is_none_or(|birth| birth.0 <= stat.ctime()));
        assert_eq!(entry.length, if stat.is_file() { 4 } else { 0 });
        assert_eq!(entry.link.as_deref(), stat.is_symlink().then_some(&b"../x y"[..]));
        assert_eq!(entry.missing, None);
    }
}

#[test]
fn only_the_root_may_be_a_link() {
    let source = tree(&["real/in", "outside/secret"]);
    let root = source.path();
    symlink("real", root.join("link")).unwrap();
    symlink("../outside", root.join("real/out")).unwrap();
    assert_eq!(paths(Walk::new(&root.join("link")).unwrap()), ["in", "out"]);
    symlink("real/in", root.join("to-file")).unwrap();
    let mut walk = Walk::new(&root.join("to-file")).unwrap();
    let entry = walk.next().unwrap().unwrap();
    assert_eq!((entry.path.to_string(), entry.file_type), ("to-file".to_owned(), FileType::File));
    assert_eq!(io::read_to_string(walk.opener.open(&entry).unwrap()).unwrap(), "real/in");
    assert!(walk.next().is_none());
    symlink("nowhere", root.join("dangling")).unwrap();
    for wrong in ["dangling", "absent", "real/in/x"] {
        let error = Walk::new(&root.join(wrong)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Failed, "{wrong}");
    }
}

#[test]
fn several_roots_lie_under_their_names() {
    let source = tree(&["x/b/1", "x/c", "y/a/2", "y/b/3", "y/B/4", "y/a.txt"]);
    let at = |path: &str| source.path().join(path);
    let walk = Walk::several(&[at("x/c"), at("y/a.txt"), at("x/b"), at("y/a")]).unwrap();
    assert_eq!(walk.totals().items, 6);
    let mut walk = walk;
    let found: Vec<_> = walk.by_ref().map(|entry| entry.unwrap()).collect();
    let shown: Vec<_> = found.iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(shown, ["a", "a/2", "a.txt", "b", "b/1", "c"]);
    for (entry, content) in found.iter().rev().zip(["x/c", "x/b/1", "", "y/a.txt", "y/a/2"]) {
        if !content.is_empty() {
            assert_eq!(io::read_to_string(walk.opener.open(entry).unwrap()).unwrap(), content);
        }
    }
    for (one, other) in [("x/b", "y/b"), ("x/b", "y/B"), ("x/c", "x/c"), ("x/b", "x/./b/")] {
        let error = Walk::several(&[at(one), at("y/a"), at(other)]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Refused, "{one} {other}");
        assert!(error.object().unwrap().contains("/x/"), "{error}");
    }
    assert_eq!(Walk::several(&[Path::new("/")]).err().unwrap().kind(), ErrorKind::Refused);
    assert_eq!(paths(Walk::several::<PathBuf>(&[]).unwrap()), [""; 0]);
    assert_eq!(paths(Walk::several(&[at("x/b/..")]).unwrap()), ["x", "x/b", "x/b/1", "x/c"]);
}

#[test]
fn excluded_items_are_left_out() {
    let source = tree(&["a/1", "vault.icvault/packs/x", "b/vault/y", "z"]);
    let mut walk = Walk::new(source.path()).unwrap();
    for path in ["vault.icvault", "b/vault", "z"] {
        let stat = fs::metadata(source.path().join(path)).unwrap();
        walk.exclude(stat.dev(), stat.ino());
    }
    assert_eq!(walk.totals().items, 3);
    assert_eq!(paths(walk), ["a", "a/1", "b"]);

    let stat = fs::metadata(source.path()).unwrap();
    let mut walk = Walk::several(&[source.path(), &source.path().join("z")]).unwrap();
    walk.exclude(stat.dev(), stat.ino());
    assert_eq!(paths(walk), ["z"]);
}

#[test]
fn what_vanishes_is_told_and_the_walk_goes_on() {
    let source = tree(&["a", "b", "c/d", "e/f", "g"]);
    let mut walk = Walk::new(source.path()).unwrap();
    assert!(walk.next().unwrap().is_ok());
    fs::remove_file(source.path().join("b")).unwrap();
    let unread = walk.next().unwrap().unwrap_err();
    assert_eq!(unread.path.unwrap().to_string(), "b");
    assert_eq!(unread.error.kind(), ErrorKind::Failed);
    assert_eq!(walk.next().unwrap().unwrap().path.to_string(), "c");
    fs::remove_dir_all(source.path().join("c")).unwrap();
    assert_eq!(walk.next().unwrap().unwrap_err().path.unwrap().to_string(), "c");
    assert_eq!(walk.next().unwrap().unwrap().path.to_string(), "e");
    // Another folder, and a link to one, in the place of the folder that was seen.
    fs::rename(source.path().join("e"), source.path().join("e2")).unwrap();
    fs::create_dir(source.path().join("e")).unwrap();
    assert_eq!(walk.next().unwrap().unwrap_err().path.unwrap().to_string(), "e");
    assert_eq!(walk.next().unwrap().unwrap().path.to_string(), "g");
    assert!(walk.next().is_none());

    let mut walk = Walk::new(&source.path().join("e2")).unwrap();
    fs::remove_dir_all(source.path().join("e2")).unwrap();
    let unread = walk.next().unwrap().unwrap_err();
    assert!(unread.path.is_none() && walk.next().is_none());
}

#[test]
fn folders_that_cannot_be_read_are_told() {
    let source = tree(&["a/b", "c"]);
    let closed = source.path().join("a");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    // Root reads everything.
    if !rustix::process::geteuid().is_root() {
        let outcomes: Vec<_> =
            Walk::new(source.path()).unwrap().map(|entry| entry.is_ok()).collect();
        assert_eq!(outcomes, [true, false, true]);
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_path_too_long_is_told() {
    let source = tree(&["z"]);
    let name = "x".repeat(250);
    let mut folder = open_root(source.path()).unwrap().0;
    for _ in 0..17 {
        rustix::fs::mkdirat(&folder, name.as_str(), Mode::RWXU).unwrap();
        folder = open_folder(&folder, name.as_bytes()).unwrap().0;
    }
    let found: Vec<_> = Walk::new(source.path()).unwrap().collect();
    assert_eq!(found.len(), 16 + 1 + 1);
    let unread = found[16].as_ref().unwrap_err();
    assert_eq!(unread.error.kind(), ErrorKind::Refused);
    assert_eq!(unread.path.as_ref().unwrap().components().count(), 16);
    assert_eq!(found[17].as_ref().unwrap().path.to_string(), "z");
}

#[test]
fn a_file_is_opened_only_if_it_is_the_same() {
    let source = tree(&["a", "b", "c", "d/e", "f/", "g"]);
    let at = |path: &str| source.path().join(path);
    let mut walk = Walk::new(source.path()).unwrap();
    let found: Vec<_> = walk.by_ref().map(|entry| entry.unwrap()).collect();
    let [a, b, c, d, e, f, g] = found.as_slice() else { panic!("{}", found.len()) };
    fs::remove_file(at("a")).unwrap();
    symlink("b", at("a")).unwrap();
    // A link to the very file is a link all the same.
    fs::rename(at("g"), at("g2")).unwrap();
    symlink("g2", at("g")).unwrap();
    // The name is given another file; the old one keeps its inode meanwhile.
    fs::rename(at("b"), at("old")).unwrap();
    fs::write(at("b"), "b").unwrap();
    // Would wait for a writer for ever.
    fs::remove_file(at("c")).unwrap();
    mkfifoat(CWD, at("c"), Mode::RUSR).unwrap();
    fs::rename(at("d"), at("d2")).unwrap();
    symlink("d2", at("d")).unwrap();
    for entry in [a, b, c, d, e, f, g] {
        let error = walk.opener.open(entry).unwrap_err();
        assert!(error.to_string().contains(&entry.path.to_string()), "{error}");
        assert!(!error.is_damage());
    }
    fs::remove_file(at("d")).unwrap();
    fs::rename(at("d2"), at("d")).unwrap();
    assert_eq!(io::read_to_string(walk.opener.open(e).unwrap()).unwrap(), "d/e");
    assert!(walk.opener.open(e).unwrap().write(b"x").is_err());
}

/// A folder changes places with a link to another one, which must never be walked.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_swapped_for_a_link_is_not_entered() {
    use rustix::fs::{RenameFlags, renameat_with};
    let source =
        tree(&["source/a/1", "source/a/b/2", "source/c", "outside/secret", "outside/b/secret"]);
    let root = source.path().join("source");
    let (folder, trap) = (root.join("a"), root.join("trap"));
    symlink("../outside", &trap).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &folder, CWD, &trap, RenameFlags::EXCHANGE).unwrap();
                thread::yield_now();
            }
        });
        for _ in 0..400 {
            let mut walk = Walk::new(&root).unwrap();
            while let Some(entry) = walk.next() {
                let Ok(entry) = entry else { continue };
                assert!(!entry.path.to_string().contains("secret"));
                if let Ok(file) = walk.opener.open(&entry) {
                    assert!(!io::read_to_string(file).unwrap().contains("secret"));
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
