//! The sample exports, whose files are told by what is in them alone, and what a folder is.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::kinds::{Kind, PROBE_SIZE, bundle, examine};

/// The kind that a member of a bundle or a file beside another has for itself.
const FOR_ITSELF: &[&str] = &["bundle", "group"];

#[test]
fn the_sample_is_recognised_whatever_its_files_are_called() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let manifest = fs::read(data.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (export, rows) in manifest.as_object().unwrap() {
        for (number, row) in rows.as_array().unwrap().iter().enumerate() {
            if row.get("type").is_some() || row.get("state").is_some() {
                continue;
            }
            let path = row["path"].as_str().unwrap();
            // Neither the name nor an extension is left.
            let copy = folder.path().join(format!("{number:x}"));
            fs::copy(data.join(export).join(path), &copy).unwrap();
            let mut file = File::open(&copy).unwrap();
            let mut head = Vec::new();
            file.by_ref().take(PROBE_SIZE as u64).read_to_end(&mut head).unwrap();
            let length = file.metadata().unwrap().len();
            let found = examine(&head, length, &mut file).unwrap();
            let kind = match row["kind"].as_str().unwrap() {
                // One format for both.
                "reminder" => Kind::Event,
                // A note is what a person takes for one: text, HTML or PDF like any other, but for
                // those that say where their attachments are.
                "note" if path.ends_with("/Sourdough.md") => Kind::Note,
                "note" if found.kind == Kind::Document => Kind::Document,
                "note" => Kind::File,
                word => Kind::parse(word).unwrap(),
            };
            let for_itself = FOR_ITSELF.iter().any(|key| row.get(key).is_some());
            let doubt = row.get("doubt").and_then(Value::as_str);
            if found.sealed != row["sealed"].as_bool().unwrap()
                || found.doubt != doubt
                || found.kind != kind && !for_itself
            {
                wrong.push(format!("{path}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a folder with these names is.
const FOLDERS: &[(&[&str], Option<Kind>)] = &[
    (&["mbox", "table_of_contents"], Some(Kind::Mail)),
    (&["mbox"], Some(Kind::Mail)),
    (&[".DS_Store", "Attachments", "Messages"], Some(Kind::Mail)),
    (&["AddressBook-v22.abcddb", "Sources"], Some(Kind::Contact)),
    (&["AddressBook-v22.abcddb", "AddressBook-v22.abcddb-wal", "Metadata"], Some(Kind::Contact)),
    (&["01241EEF.calendar", "69D3C919.caldav"], Some(Kind::Event)),
    (&["01241EEF.calendar", "Info.plist"], Some(Kind::Event)),
    (&["Calendar.sqlitedb", "Calendar.sqlitedb-wal"], Some(Kind::Event)),
    (&["Data", "Index.zip", "Metadata", "preview.jpg"], Some(Kind::Document)),
    (&["Data", "Index", "Metadata"], Some(Kind::Document)),
    (&["Index.zip", "Metadata"], Some(Kind::Document)),
    (&["Contents", "QuickLook", "index.xml"], Some(Kind::Document)),
    (&["buildVersionHistory.plist", "index.apxl.gz", "theme-files"], Some(Kind::Document)),
    (&["TXT.rtf", "picture.png"], Some(Kind::Document)),
    (&[".DS_Store", "assets", "info.json", "text.markdown"], Some(Kind::Document)),
    (&["database", "originals", "private", "resources", "scopes"], Some(Kind::Photo)),
    (&["Masters", "Thumbnails", "database", "resources"], Some(Kind::Photo)),
    // Folders like any other.
    (&[], None),
    (&["Data"], None),
    (&["Data", "Metadata"], None),
    (&["Index"], None),
    (&["Data", "Index"], None),
    (&["Index", "Metadata"], None),
    (&["Index.zip"], None),
    (&["Index.zip", "Letter.txt"], None),
    (&["index.xml"], None),
    (&["index.xml", "Contents"], None),
    (&["mbox", "letters", "photos"], None),
    (&["Messages"], None),
    (&["Attachments", "Messages", "Photos"], None),
    (&["Sources"], None),
    (&[".abcddb"], None),
    (&["Home.calendar", "letters"], None),
    (&["Info.plist"], None),
    (&["Home.ics", "Work.ics"], None),
    (&["database", "resources"], None),
    (&["database", "originals"], None),
    (&["originals", "private"], None),
    (&["a.txt", "b.rtf", "txt.rtf"], None),
    (&["assets", "text.md"], None),
    (&["assets", "info.json", "main.js", "text.html"], None),
];

#[test]
fn a_bundle_is_told_by_the_names_its_format_fixes() {
    for (names, expected) in FOLDERS {
        let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        assert_eq!(bundle(&names), *expected, "{names:?}");
    }
}
