//! What `add` and `extract` do beside their main work: dry runs, one flat folder, what is left
//! out, a time, JSON.

use std::fs;

use crate::support::tree::tree;
use crate::support::{Bench, Ran};

fn bench() -> Bench {
    let bench = Bench::with_vault();
    bench.write("export/a/photo.jpg", "one");
    bench.write("export/b/photo.jpg", "two");
    bench.write("export/b/Photo.JPG.txt", "three");
    bench.write("export/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n");
    bench
}

fn read(bench: &Bench, path: &str) -> String {
    fs::read_to_string(bench.path(path)).unwrap()
}

#[test]
fn a_dry_add_says_what_the_add_stores() {
    let bench = bench();
    let before = tree(&bench.path("v.icvault"));
    let planned = bench.open(["add", "-n", "--json", "export"]).succeeded().json();
    let text = bench.open(["add", "-n", "export"]).succeeded().stdout;
    assert_eq!(tree(&bench.path("v.icvault")), before);
    let added = bench.open(["add", "--json", "export"]).succeeded();
    assert_eq!(added.stderr, "");
    let added = added.json();
    assert_eq!((&planned["dry_run"], &added["dry_run"]), (&true.into(), &false.into()));
    for field in ["source", "folders", "links", "left_out", "bytes_read"] {
        assert_eq!(planned[field], added[field], "{field}");
    }
    let kinds = |document: &serde_json::Value| {
        let kinds = document["kinds"].as_array().unwrap().iter();
        let told = kinds.map(|kind| {
            ["compartment", "kind", "items", "bytes"].map(|field| kind[field].to_string())
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(kinds(&planned), kinds(&added));
    assert_eq!(planned["kinds"].as_array().unwrap().len(), 2);
    assert!(text.contains("3 other files, 1 key file (sealed)\n"), "{text}");
    assert!(text.starts_with("would be stored as the next snapshot of \"export\"\n"), "{text}");
    assert_eq!((&added["number"], &added["message_type"]), (&2.into(), &"summary".into()));
    assert!(added["still_readable"][0].as_str().unwrap().ends_with("/export"));
    assert_eq!(bench.snapshots().len(), 1);
}

#[test]
fn a_dry_add_of_the_sample_says_what_the_add_stores() {
    let bench = Bench::with_vault();
    let export = crate::support::samples().join("icloud-export");
    let add = |dry: &[&str]| {
        let args = ["add", "--json", "--as", "sample"].iter().chain(dry).map(|arg| (*arg).into());
        bench.open(args.chain([export.clone().into_os_string()]))
    };
    let (planned, added) = (add(&["-n"]), add(&[]));
    assert_eq!(planned.code, added.code);
    let (mut planned, mut added) = (planned.json(), added.json());
    for document in [&mut planned, &mut added] {
        for kind in document["kinds"].as_array_mut().unwrap() {
            drop(kind.as_object_mut().unwrap().remove("items_new"));
        }
    }
    for field in ["kinds", "folders", "links", "left_out", "bytes_read"] {
        assert_eq!(planned[field], added[field], "{field}");
    }
}

#[test]
fn what_is_excluded_is_not_there_and_not_told() {
    let bench = bench();
    bench.write("export/cache/x", "x");
    bench.write("export/b/cache/y", "y");
    let list = |globs: &[&str]| {
        let mut args = vec!["add", "export", "--json"];
        globs.iter().for_each(|glob| args.extend(["--exclude", glob]));
        let added = bench.open(args).succeeded().json();
        assert_eq!(added["left_out"], serde_json::json!([]));
        bench.open(["list", "-1"]).succeeded().stdout
            + &bench.open(["list", "b"]).succeeded().stdout
    };
    assert_eq!(list(&["cache", "*.jpg"]), "a/\nb/\nid_ed25519\nb/\nb/Photo.JPG.txt\n");
    assert_eq!(list(&["b/*", "/cache", "**/id_*"]), "a/\nb/\nb/\n");
    let planned = bench.open(["add", "-n", "export", "--exclude", "id_*"]).succeeded().stdout;
    assert!(!planned.contains("sealed"), "{planned}");
    let wrong = bench.open(["add", "export", "--exclude", "[a"]).ended_with(2);
    assert!(wrong.stderr.contains("not a pattern: [a"), "{}", wrong.stderr);
}

#[test]
fn an_old_export_keeps_its_time() {
    let bench = bench();
    bench.open(["add", "export", "--time", "2019-05-04T10:00:00Z"]).succeeded();
    let snapshots = bench.open(["snapshots", "--json"]).succeeded().json();
    assert_eq!(snapshots[0]["time"], "2019-05-04T10:00:00Z");
    assert_eq!(bench.open(["list", "@2019-05-05", "-1"]).succeeded().stdout.lines().count(), 3);
    bench.open(["list", "@2019-05-03"]).ended_with(4);
    bench.open(["add", "export", "--time", "2999-01-01"]).ended_with(2);
    bench.open(["add", "export", "--time", "then"]).ended_with(2);
    assert_eq!(bench.snapshots().len(), 1);
}

#[test]
fn a_dry_extract_says_what_the_extract_does() {
    let bench = bench();
    bench.open(["add", "export"]).succeeded();
    let documents = |extra: &[&str], code: i32| {
        let args = ["extract", "-o", "back", "--json"].iter().chain(extra).copied();
        let mut planned = bench.open(args.clone().chain(["-n"])).ended_with(code).json();
        let mut done = bench.open(args).ended_with(code).json();
        assert_eq!(planned["dry_run"].take(), true);
        assert_eq!(done["dry_run"].take(), false);
        assert!(planned["unheld"].is_null() && !done["unheld"].take().is_null());
        assert_eq!(planned, done, "{extra:?}");
        done
    };
    let text = bench.open(["extract", "-n", "-o", "back"]).succeeded().stdout;
    assert_eq!(text, "would be written: 4 files (63 B), 2 folders\n");
    assert!(!bench.path("back").exists());
    let all = documents(&[], 0);
    assert_eq!((&all["files"], &all["folders"]), (&4.into(), &2.into()));
    // Now it is there.
    let again = documents(&[], 3);
    assert_eq!(again["refused"].as_array().unwrap().len(), 4);
    assert_eq!(again["refused"][0], "already there: a/photo.jpg");
    fs::write(bench.path("back/a/photo.jpg"), "other").unwrap();
    let changed = documents(&["--overwrite", "if-changed"], 0);
    assert_eq!((&changed["files"], &changed["kept"]), (&1.into(), &3.into()));
    let one = documents(&["a", "--overwrite", "always"], 0);
    assert_eq!((&one["files"], &one["folders"]), (&1.into(), &1.into()));
    bench.open(["extract", "-n", "-o", "-", "id_ed25519"]).ended_with(2);
    bench.open(["extract", "-n", "-o", "back", "nothing"]).ended_with(4);
}

#[test]
fn all_files_lie_in_one_flat_folder() {
    let bench = bench();
    std::os::unix::fs::symlink("a", bench.path("export/link")).unwrap();
    bench.open(["add", "export"]).succeeded();
    bench.write("other/c/photo.jpg", "three");
    bench.open(["add", "other"]).succeeded();
    let done = bench.open(["extract", "--flat", "-o", "back"]).succeeded();
    assert!(done.stdout.contains("1 left out, as links would lead elsewhere"), "{}", done.stdout);
    let names: Vec<String> =
        tree(&bench.path("back")).into_keys().map(|path| path.display().to_string()).collect();
    let expected = ["Photo.JPG.txt", "id_ed25519", "photo (2).jpg", "photo (3).jpg", "photo.jpg"];
    assert_eq!(names, expected);
    assert_eq!(read(&bench, "back/photo.jpg"), "one");
    assert_eq!(read(&bench, "back/photo (2).jpg"), "two");
    assert_eq!(read(&bench, "back/photo (3).jpg"), "three");
    // The same names again, so what is there is noticed.
    let again: Ran = bench.open(["extract", "--flat", "-n", "-o", "back"]).ended_with(3);
    assert!(again.stderr.contains("already there: photo (2).jpg"), "{}", again.stderr);
}
