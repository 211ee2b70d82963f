//! Whether a folder is one that a program keeps the same in a cloud or on other machines.

use std::fs;
use std::path::{Component, Path};

/// Who keeps a folder in step with other places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Its name, as people know it.
    pub service: &'static str,
    /// Whether that is known; else names only hint at it.
    pub is_sure: bool,
}

/// Folders below `Library/CloudStorage` on a Mac, by how their names begin.
const CLOUD_STORAGE: &[(&str, &str)] = &[
    ("Dropbox", "Dropbox"),
    ("GoogleDrive", "Google Drive"),
    ("OneDrive", "OneDrive"),
    ("Box", "Box"),
    ("ProtonDrive", "Proton Drive"),
    ("Nextcloud", "Nextcloud"),
];

/// Files that a service keeps in the folder it syncs.
const MARKERS: &[(&str, &str)] = &[
    (".dropbox", "Dropbox"),
    (".dropbox.cache", "Dropbox"),
    (".849C9593-D756-4E56-8D6E-42412F2A707B", "OneDrive"),
    (".tmp.drivedownload", "Google Drive"),
    (".tmp.driveupload", "Google Drive"),
    (".nextcloudsync.log", "Nextcloud"),
    (".owncloudsync.log", "ownCloud"),
    (".stfolder", "Syncthing"),
];

/// Names that the folders of services have when nobody changed them.
const NAMES: &[(&str, &str)] = &[
    ("Dropbox", "Dropbox"),
    ("OneDrive", "OneDrive"),
    ("Google Drive", "Google Drive"),
    ("My Drive", "Google Drive"),
    ("Nextcloud", "Nextcloud"),
    ("ownCloud", "ownCloud"),
];

/// Which service syncs the folder that `path` is in, or will be in; none when nothing tells.
pub fn synced(path: &Path) -> Option<Synced> {
    let path = std::path::absolute(path).ok()?;
    // What does not exist yet will be made in the nearest folder that does.
    let path = path.ancestors().find_map(|folder| folder.canonicalize().ok())?;
    let sure = |service| Some(Synced { service, is_sure: true });
    if let Some(service) = by_place(&path) {
        return sure(service);
    }
    if let Some(service) = path.ancestors().find_map(by_marker) {
        return sure(service);
    }
    let guess = path.ancestors().find_map(|folder| by_icloud(folder).or_else(|| by_name(folder)));
    guess.map(|service| Synced { service, is_sure: false })
}

/// By the places that macOS gives to services.
fn by_place(path: &Path) -> Option<&'static str> {
    let names: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    for (at, pair) in names.windows(2).enumerate() {
        match pair {
            ["Library", "Mobile Documents"] => return Some("iCloud Drive"),
            ["Library", "CloudStorage"] => {
                let below = names.get(at.saturating_add(2)).copied().unwrap_or_default();
                let known = CLOUD_STORAGE.iter().find(|(start, _)| below.starts_with(start));
                return Some(known.map_or("a cloud service", |(_, service)| service));
            }
            _ => {}
        }
    }
    None
}

fn by_marker(folder: &Path) -> Option<&'static str> {
    let marker = MARKERS.iter().find(|(file, _)| fs::symlink_metadata(folder.join(file)).is_ok());
    if let Some((_, service)) = marker {
        return Some(service);
    }
    // `.sync_0123abcd.db`, with another underscore in older versions.
    let is_database = |name: &str| {
        (name.starts_with(".sync_") || name.starts_with("._sync_")) && name.ends_with(".db")
    };
    let mut entries = fs::read_dir(folder).ok()?;
    let found = entries
        .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_database)));
    found.then_some("Nextcloud or ownCloud")
}

/// `Desktop` and `Documents` of a Mac stand in iCloud Drive as well while it syncs them.
fn by_icloud(folder: &Path) -> Option<&'static str> {
    let name = folder.file_name()?.to_str()?;
    let home = folder.parent()?;
    let drive = home.join("Library/Mobile Documents/com~apple~CloudDocs");
    let is_synced =
        matches!(name, "Desktop" | "Documents") && fs::symlink_metadata(drive.join(name)).is_ok();
    is_synced.then_some("iCloud Drive")
}

fn by_name(folder: &Path) -> Option<&'static str> {
    let name = folder.file_name()?.to_str()?;
    let is_of = |start: &str| {
        // `OneDrive - Example GmbH`, `Dropbox (Personal)`
        name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    NAMES.iter().find(|(start, _)| is_of(start)).map(|(_, service)| *service)
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::*;

    #[test]
    fn services_are_told_by_place_marker_and_name() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path();
        for (folder, marker, expected) in [
            ("plain/folder", None, None),
            ("Library/Mobile Documents/com~apple~CloudDocs/x", None, Some(("iCloud Drive", true))),
            ("Library/CloudStorage/OneDrive-Personal/x", None, Some(("OneDrive", true))),
            ("Library/CloudStorage/Other/x", None, Some(("a cloud service", true))),
            ("mine/x", Some("mine/.dropbox"), Some(("Dropbox", true))),
            ("next/x", Some("next/.sync_0a1b.db"), Some(("Nextcloud or ownCloud", true))),
            ("st/a/b", Some("st/.stfolder"), Some(("Syncthing", true))),
            ("OneDrive - Example/x", None, Some(("OneDrive", false))),
            ("OneDriver/x", None, None),
            ("Desktop/x", None, None),
        ] {
            create_dir_all(home.join(folder)).unwrap();
            if let Some(marker) = marker {
                write(home.join(marker), b"").unwrap();
            }
            let found = synced(&home.join(folder)).map(|it| (it.service, it.is_sure));
            assert_eq!(found, expected, "{folder}");
            // A vault that is still to be made there.
            let found = synced(&home.join(folder).join("New.icvault")).map(|it| it.service);
            assert_eq!(found, expected.map(|(service, _)| service), "{folder}");
        }
        create_dir_all(home.join("Library/Mobile Documents/com~apple~CloudDocs/Desktop")).unwrap();
        let found = synced(&home.join("Desktop/x")).unwrap();
        assert_eq!((found.service, found.is_sure), ("iCloud Drive", false));
    }
}
