//! What every store has to do: one suite, run by the tests of each.

use std::io::{ErrorKind as IoKind, Write as _};

use super::{Area, Name, Object, Store, read_whole, write_whole};
use crate::error::ErrorKind;

/// The cases; each wants an empty store.
pub(super) const CASES: &[fn(&dyn Store)] = &[
    empty_store_lists_nothing,
    written_object_is_read,
    object_is_read_at_any_place,
    names_are_listed_by_area_and_sorted,
    absent_object_is_missing,
    object_has_its_name_only_when_published,
    published_object_is_not_replaced,
    read_back_gives_what_was_written,
    complete_upload_takes_no_more,
    dropped_upload_leaves_nothing,
    removed_object_is_gone,
    reclaim_leaves_live_uploads,
    too_long_object_is_damage,
];

fn name(area: Area, file: &str) -> Name {
    Name::new(area, file).unwrap()
}

fn all(mut object: Box<dyn Object>) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(object.length()).unwrap()];
    object.read_at(0, &mut bytes).unwrap();
    bytes
}

fn empty_store_lists_nothing(store: &dyn Store) {
    for area in [Area::Top, Area::KeysA, Area::KeysB, Area::ChainA, Area::Index, Area::Packs] {
        assert_eq!(store.list(area).unwrap(), []);
    }
    assert_eq!(store.reclaim().unwrap(), 0);
    store.barrier().unwrap();
}

fn written_object_is_read(store: &dyn Store) {
    let long = vec![7; 300_001];
    for (file, bytes) in [("empty", &b""[..]), ("one", b"1"), ("long", &long)] {
        let name = name(Area::Index, file);
        write_whole(store, &name, bytes).unwrap();
        assert_eq!(read_whole(store, &name, 300_001).unwrap(), bytes);
    }
    store.barrier().unwrap();
}

fn object_is_read_at_any_place(store: &dyn Store) {
    let name = name(Area::Top, "vault");
    write_whole(store, &name, b"0123456789").unwrap();
    let mut object = store.open(&name).unwrap();
    assert_eq!(object.length(), 10);
    for (offset, expected) in [(0, "012"), (7, "789"), (4, "456"), (10, "")] {
        let mut buffer = vec![0; expected.len()];
        object.read_at(offset, &mut buffer).unwrap();
        assert_eq!(buffer, expected.as_bytes(), "{offset}");
    }
    for offset in [8, 10, 11, u64::MAX >> 1, u64::MAX] {
        let error = object.read_at(offset, &mut [0; 3]).unwrap_err();
        assert_eq!(error.kind(), IoKind::UnexpectedEof, "{offset}");
    }
}

fn names_are_listed_by_area_and_sorted(store: &dyn Store) {
    let digits = |first: char| format!("{first}{}", "0".repeat(63));
    let places = [
        (Area::Packs, digits('f')),
        (Area::Packs, digits('a')),
        (Area::ChainA, "00001000-b".to_owned()),
        (Area::ChainA, "00000999-a".to_owned()),
        (Area::ChainB, "00000999-a".to_owned()),
        (Area::KeysA, "b".to_owned()),
        (Area::KeysA, "a".to_owned()),
        (Area::KeysB, "a".to_owned()),
        (Area::Top, "README.txt".to_owned()),
    ];
    for (area, file) in &places {
        write_whole(store, &name(*area, file), file.as_bytes()).unwrap();
    }
    let files = |area| {
        let names = store.list(area).unwrap();
        names.iter().map(|name| name.file().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(files(Area::Packs), [digits('a'), digits('f')]);
    assert_eq!(files(Area::ChainA), ["00000999-a", "00001000-b"]);
    assert_eq!(files(Area::ChainB), ["00000999-a"]);
    assert_eq!(files(Area::KeysA), ["a", "b"]);
    assert_eq!(files(Area::KeysB), ["a"]);
    assert_eq!(files(Area::Top), ["README.txt"]);
    assert_eq!(store.list(Area::Index).unwrap(), []);
}

fn absent_object_is_missing(store: &dyn Store) {
    let absent = name(Area::Index, "absent");
    for round in 0..2 {
        let error = store.open(&absent).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
        assert_eq!(error.object(), Some("index/absent"));
        if round == 0 {
            write_whole(store, &name(Area::Index, "other"), b"").unwrap();
        }
    }
}

fn object_has_its_name_only_when_published(store: &dyn Store) {
    let name = name(Area::KeysA, "a");
    let mut first = store.create().unwrap();
    let mut second = store.create().unwrap();
    first.write_all(b"first").unwrap();
    second.write_all(b"second").unwrap();
    first.flush().unwrap();
    assert_eq!(store.list(Area::KeysA).unwrap(), []);
    second.publish(&name).unwrap();
    assert_eq!(read_whole(store, &name, 10).unwrap(), b"second");
    drop(first);
}

fn published_object_is_not_replaced(store: &dyn Store) {
    let object = name(Area::Index, "a");
    write_whole(store, &object, b"first").unwrap();
    write_whole(store, &object, b"second").unwrap();
    assert_eq!(read_whole(store, &object, 10).unwrap(), b"first");

    let top = name(Area::Top, "vault");
    write_whole(store, &top, b"first").unwrap();
    let error = write_whole(store, &top, b"second").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(error.object(), Some("vault"));
    assert_eq!(read_whole(store, &top, 10).unwrap(), b"first");
    assert_eq!(store.reclaim().unwrap(), 0);
}

fn read_back_gives_what_was_written(store: &dyn Store) {
    let name = name(Area::Index, "a");
    let mut upload = store.create().unwrap();
    upload.write_all(b"some ").unwrap();
    upload.write_all(b"bytes").unwrap();
    assert_eq!(all(upload.read_back().unwrap()), b"some bytes");
    assert_eq!(all(upload.read_back().unwrap()), b"some bytes");
    assert_eq!(store.list(Area::Index).unwrap(), []);
    upload.publish(&name).unwrap();
    assert_eq!(all(store.open(&name).unwrap()), b"some bytes");
}

fn complete_upload_takes_no_more(store: &dyn Store) {
    let mut upload = store.create().unwrap();
    upload.write_all(b"bytes").unwrap();
    upload.read_back().unwrap();
    assert!(upload.write_all(b"more").is_err());
    upload.publish(&name(Area::Index, "a")).unwrap();
    assert_eq!(read_whole(store, &name(Area::Index, "a"), 10).unwrap(), b"bytes");
}

fn dropped_upload_leaves_nothing(store: &dyn Store) {
    for is_synced in [false, true] {
        let mut upload = store.create().unwrap();
        upload.write_all(b"bytes").unwrap();
        if is_synced {
            upload.read_back().unwrap();
        }
        drop(upload);
        assert_eq!(store.reclaim().unwrap(), 0);
    }
}

fn removed_object_is_gone(store: &dyn Store) {
    let name = name(Area::Index, "a");
    store.remove(&name).unwrap();
    write_whole(store, &name, b"bytes").unwrap();
    let object = store.open(&name).unwrap();
    store.remove(&name).unwrap();
    store.remove(&name).unwrap();
    assert_eq!(store.open(&name).err().unwrap().kind(), ErrorKind::Missing);
    assert_eq!(store.list(Area::Index).unwrap(), []);
    assert_eq!(all(object), b"bytes");
}

fn reclaim_leaves_live_uploads(store: &dyn Store) {
    let name = name(Area::Index, "a");
    let mut upload = store.create().unwrap();
    upload.write_all(b"bytes").unwrap();
    assert_eq!(store.reclaim().unwrap(), 0);
    upload.publish(&name).unwrap();
    assert_eq!(store.reclaim().unwrap(), 0);
    assert_eq!(read_whole(store, &name, 10).unwrap(), b"bytes");
}

fn too_long_object_is_damage(store: &dyn Store) {
    let name = name(Area::Index, "a");
    write_whole(store, &name, b"bytes").unwrap();
    assert_eq!(read_whole(store, &name, 4).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(read_whole(store, &name, 5).unwrap(), b"bytes");
}
