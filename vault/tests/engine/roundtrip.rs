//! What goes in comes out: through memory and through a folder, with each role, again and again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use super::support::{Owner, add, contents_of, extract, snapshot_of, write_export};
use vault::check::{CheckOptions, check, check_keyless};
use vault::progress::Silent;
use vault::store::{Area, FolderStore, MemoryStore, Store};
use vault::vault::{Spec, find, list};

fn stores(folder: &std::path::Path) -> Vec<Arc<dyn Store>> {
    vec![Arc::new(MemoryStore::new()), Arc::new(FolderStore::create(folder).unwrap())]
}

#[test]
fn an_export_comes_back_byte_for_byte() {
    let temp = tempfile::tempdir().unwrap();
    let export = temp.path().join("export");
    write_export(&export);
    // Sealed items get modes of their own; make the source agree so that everything is compared.
    for (path, mode) in
        [("secrets", 0o700), ("secrets/Passwords.csv", 0o600), ("mixed/id_ed25519", 0o600)]
    {
        fs::set_permissions(export.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (n, store) in stores(&temp.path().join("v.icvault")).into_iter().enumerate() {
        let owner = Owner::new();
        let mut vault = owner.init(Arc::clone(&store)).unwrap();
        let added = add(&mut vault, &export, "export").unwrap();
        assert!(added.summary.left_out.is_empty(), "{:?}", added.summary.left_out);
        drop(vault);
        let vault = owner.open(Arc::clone(&store)).unwrap();
        let out = temp.path().join(format!("out-{n}"));
        let done = extract(&vault, &Spec::Latest, &out).unwrap();
        assert!(done.lost.is_empty() && done.refused.is_empty(), "{done:?}");
        assert_eq!(snapshot_of(&export), snapshot_of(&out));
        let report = check(&vault, CheckOptions { read_data: true }, &Silent).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert!(check_keyless(store.as_ref(), &Silent).unwrap().findings.is_empty());
    }
}

#[test]
fn adding_the_same_again_stores_no_content() {
    let temp = tempfile::tempdir().unwrap();
    let export = temp.path().join("export");
    write_export(&export);
    let owner = Owner::new();
    let store = Arc::new(MemoryStore::new());
    let mut vault = owner.init(Arc::clone(&store) as Arc<dyn Store>).unwrap();
    add(&mut vault, &export, "export").unwrap();
    let packs = store.list(Area::Packs).unwrap();
    let again = add(&mut vault, &export, "export").unwrap();
    assert_eq!(again.bytes_new, 0, "{again:?}");
    assert_eq!(store.list(Area::Packs).unwrap(), packs);
    assert!(again.summary.kinds.values().all(|kind| kind.items_new == 0));
    assert_eq!(vault.snapshots().unwrap().len(), 2);
    let source = |back| Spec::Source { name: "export".into(), back };
    let newest = vault.resolve(&source(0)).unwrap();
    let before = vault.resolve(&source(1)).unwrap();
    assert_eq!(newest.snapshot.parent, Some(before.id));
    assert!(vault.resolve(&source(2)).is_err());
}

#[test]
fn every_day_the_sealed_items_are_a_count() {
    let temp = tempfile::tempdir().unwrap();
    let export = temp.path().join("export");
    write_export(&export);
    let owner = Owner::new();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut vault = owner.init(Arc::clone(&store)).unwrap();
    add(&mut vault, &export, "export").unwrap();

    let mut everyday = owner.open_everyday(Arc::clone(&store)).unwrap();
    let info = everyday.resolve(&Spec::Latest).unwrap();
    let mut items = list(&everyday, &info, &[]);
    assert_eq!(items.locked.0, 2);
    let mut paths = Vec::new();
    while let Some(item) = items.next_item().unwrap() {
        paths.push(item.path.to_string());
    }
    assert!(paths.contains(&"mixed/readme.md".to_owned()));
    assert!(!paths.iter().any(|path| path.starts_with("secrets") || path.contains("id_ed")));

    // It adds sealed items it cannot read, and the full key reads them.
    fs::write(
        export.join("secrets/More.csv"),
        "url,username,password\nhttps://x.example,b,MARKER-3\n",
    )
    .unwrap();
    add(&mut everyday, &export, "export").unwrap();
    let full = owner.open(store).unwrap();
    let info = full.resolve(&Spec::Latest).unwrap();
    let path = vault::files::ItemPath::parse_display(b"secrets/More.csv").unwrap();
    assert!(find(&full, &info, &path).unwrap().is_some());
    let out = temp.path().join("out");
    extract(&full, &Spec::Latest, &out).unwrap();
    assert_eq!(contents_of(&export), contents_of(&out));
    let out = temp.path().join("out-everyday");
    let everyday = owner.open_everyday(Arc::clone(full.store())).unwrap();
    assert_eq!(extract(&everyday, &Spec::Latest, &out).unwrap().locked, 3);
    assert!(!out.join("secrets").exists());
    let report = check(&everyday, CheckOptions { read_data: true }, &Silent).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn large_files_have_lists_and_shared_parts() {
    let temp = tempfile::tempdir().unwrap();
    let export = temp.path().join("export");
    fs::create_dir_all(&export).unwrap();
    let mut content = super::support::noise(40 << 20, 11);
    fs::write(export.join("large.bin"), &content).unwrap();
    let owner = Owner::new();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut vault = owner.init(store).unwrap();
    add(&mut vault, &export, "large").unwrap();
    content.insert(20 << 20, 7);
    fs::write(export.join("large.bin"), &content).unwrap();
    let again = add(&mut vault, &export, "large").unwrap();
    assert!(again.bytes_new < 1 << 20, "{}", again.bytes_new);
    let out = temp.path().join("out");
    extract(&vault, &Spec::Latest, &out).unwrap();
    assert_eq!(fs::read(out.join("large.bin")).unwrap(), content);
}
