//! Bundles: folders that are one thing to a person, told by the names that their format gives its
//! members. Those are fixed, neither localised nor a person's to choose.
//!
//! A folder that only happens to hold such a name must not be taken for a bundle, so one weak
//! name is never enough: it takes a name that nothing else has, or several together and, where
//! they are ordinary words, no others beside them.

use super::Kind;
use super::bytes::begins;

/// What Finder leaves in any folder.
pub(super) const NOISE: &[&[u8]] = &[b".DS_Store", b".localized", b"Icon\r"];

/// What the folder is whose members have these names, or none if it is a folder like any other.
/// `names` are those of its own members only, in any order; nothing is asked about their contents.
pub fn bundle(names: &[Vec<u8>]) -> Option<Kind> {
    let names = || names.iter().map(Vec::as_slice).filter(|name| !NOISE.contains(name));
    let has = |name: &[u8]| names().any(|other| other == name);
    let any_ends = |end: &[u8]| names().any(|name| ends(name, end));
    let only = |allowed: &[&[u8]]| names().all(|name| allowed.contains(&name));

    let mail = [&b"mbox"[..], b"table_of_contents", b"Info.plist", b"Messages", b"Attachments"];
    if only(&mail) && (has(b"mbox") || has(b"Messages") && has(b"Attachments")) {
        return Some(Kind::Mail);
    }
    if any_ends(b".abcddb") {
        return Some(Kind::Contact);
    }
    let calendar = |name: &[u8]| ends(name, b".calendar") || ends(name, b".caldav");
    let store = |name: &[u8]| {
        let database = [&b"Calendar.sqlitedb"[..], b"Calendar Cache"];
        database.iter().any(|database| begins(name, database)) || name == b"Info.plist"
    };
    if has(b"Calendar.sqlitedb")
        || any(names(), calendar) && all(names(), |n| calendar(n) || store(n))
    {
        return Some(Kind::Event);
    }
    let iwork_index = has(b"Index.zip") || has(b"Index");
    let iwork_metadata = has(b"Metadata") || has(b"metadata");
    let iwork_old = ["index.xml", "index.xml.gz", "index.apxl", "index.apxl.gz"];
    let iwork_old = iwork_old.iter().any(|name| has(name.as_bytes()));
    let preview = names().any(|name| begins(name, b"preview")) || has(b"QuickLook");
    if has(b"Index.zip") && (iwork_metadata || has(b"Data"))
        || iwork_index && iwork_metadata && (has(b"Data") || preview)
        || iwork_old && (has(b"buildVersionHistory.plist") || has(b"Contents") && preview)
        || has(b"TXT.rtf")
    {
        return Some(Kind::Document);
    }
    let texts = [&b"text.md"[..], b"text.markdown", b"text.txt", b"text.html"];
    let in_textbundle = [&texts[..], &[b"info.json", b"assets", b"QuickLook"]].concat();
    if has(b"info.json") && texts.iter().any(|text| has(text)) && only(&in_textbundle) {
        return Some(Kind::Document);
    }
    // `Photos.sqlite` lies in `database`, the pictures in `originals`, before macOS 10.15 in
    // `Masters`, and what is made of them in `resources`.
    let pictures = has(b"originals") || has(b"Masters");
    let made = has(b"resources") || has(b"private") || has(b"Thumbnails");
    (has(b"database") && pictures && made).then_some(Kind::Photo)
}

fn any<'a>(mut names: impl Iterator<Item = &'a [u8]>, test: impl Fn(&[u8]) -> bool) -> bool {
    names.any(test)
}

fn all<'a>(mut names: impl Iterator<Item = &'a [u8]>, test: impl Fn(&[u8]) -> bool) -> bool {
    names.all(test)
}

/// Whether `name` has this extension, and something before it.
fn ends(name: &[u8], extension: &[u8]) -> bool {
    name.len() > extension.len() && name.ends_with(extension)
}
