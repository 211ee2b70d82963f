//! The work of a hostile author, who has every key and makes objects with right MACs: each is
//! refused in two seconds, and none takes much memory.
//!
//! Memory: the test `each_bomb_is_refused` runs in a process of its own, which tells its peak.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::support::{
    Owner, add, bundle_of, encrypt, noise, open_seeded, pack_of, put, put_entry, random,
};
use vault::chain::{Entry, Record, Root, Snapshot, Tables, Trees};
use vault::check::{CheckOptions, check};
use vault::chunk::{ChunkType, Reference, Row, chunk_id};
use vault::error::ErrorKind;
use vault::files::ItemPath;
use vault::id::PackId;
use vault::keys::{Bundle, Compartment, Role};
use vault::pack::{Class, Kind, Piece, raw_frame};
use vault::payload::Lock;
use vault::progress::Silent;
use vault::store::{Area, MemoryStore};
use vault::vault::{
    Facts, InitOptions, NewSlot, OpenOptions, Part, RecordBytes, RecordFacts, RecordPlace,
    SlotLetter, Unlock, Vault, find, list, open_record, records,
};

const PEAK_MAX: u64 = 256 << 20;
const TIME_MAX: Duration = Duration::from_secs(2);
const DEEP: usize = 10_000;

struct Hostile {
    owner: Owner,
    store: MemoryStore,
    bundle: Bundle,
    newest: Entry,
}

impl Hostile {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("note.txt"), "text\n").unwrap();
        let owner = Owner::new();
        let store = MemoryStore::new();
        drop(owner.init(Arc::new(store.clone())).unwrap());
        let mut vault = open_seeded(Arc::new(store.clone()), &owner.full, 3).unwrap();
        add(&mut vault, temp.path(), "export").unwrap();
        let newest = vault.heads().newest().unwrap().1.clone();
        let bundle = bundle_of(&store, &owner.full);
        Self { owner, store, bundle, newest }
    }

    fn kind(&self, class: Class) -> Kind {
        Kind { vault: self.bundle.vault(), compartment: Compartment::General, class }
    }

    /// A pack of one chunk in a frame, with a right id and a right MAC.
    fn put_chunk(
        &self,
        store: &MemoryStore,
        kind: ChunkType,
        bytes: &[u8],
        frame: &[u8],
    ) -> Reference {
        let id = chunk_id(&self.bundle.chunk_id_key(), kind, bytes);
        let length = u32::try_from(bytes.len()).unwrap();
        let blocks = [(frame.to_vec(), Piece { id, kind, length })];
        let key = self.bundle.pack_mac_key(Compartment::General);
        let plaintext = pack_of(self.kind(Class::of(kind)), &key, None, &blocks);
        let recipient = self.bundle.recipient(Compartment::General);
        put(store, &[Area::Packs], "", &encrypt(recipient, &plaintext, 8));
        Reference { tag: None, id }
    }

    fn put_raw(&self, store: &MemoryStore, kind: ChunkType, bytes: &[u8]) -> Reference {
        let mut frame = Vec::new();
        raw_frame(bytes, &mut frame);
        self.put_chunk(store, kind, bytes, &frame)
    }

    /// A snapshot whose tree of `general` has this root.
    fn put_snapshot(&self, store: &MemoryStore, facts: Reference) {
        let trees = Trees { facts: root(facts), whereabouts: root(facts) };
        self.put_trees(store, Some(trees), None);
    }

    /// A snapshot with one record, under this key and with these values.
    fn put_record(&self, store: &MemoryStore, key: &[u8], facts: &[u8], place: &[u8]) {
        let half = |value: &[u8]| {
            root(self.put_raw(store, ChunkType::Node, &cbor_node(0, &[(key, value)])))
        };
        let trees = Trees { facts: half(facts), whereabouts: half(place) };
        self.put_trees(store, None, Some(trees));
    }

    /// The newest snapshot with other trees.
    fn put_trees(&self, store: &MemoryStore, general: Option<Trees>, records: Option<Trees>) {
        let Record::Snapshot(snapshot) = self.newest.record.clone() else { panic!() };
        let tables = if general.is_some() { Tables::default() } else { snapshot.tables.clone() };
        let general = general.unwrap_or_else(|| snapshot.general.clone());
        let snapshot = Snapshot { general, sealed: None, tables, records, ..*snapshot };
        let number = self.newest.number + 1;
        let count = self.newest.count + 1;
        let record = Record::Snapshot(Box::new(snapshot));
        let entry = Entry { number, count, record, ..self.newest.clone() };
        let (writer, reader) =
            (self.bundle.writer_mac_key(), self.bundle.reader_mac_key().unwrap());
        let plaintext = entry.encode(self.bundle.vault(), &writer, Some(&reader));
        put_entry(store, &self.bundle, number, &plaintext);
    }

    /// A snapshot with one item of this value.
    fn put_item(&self, store: &MemoryStore, facts: &[u8]) {
        let node = cbor_node(0, &[(b"item", facts)]);
        let node = self.put_raw(store, ChunkType::Node, &node);
        self.put_snapshot(store, node);
    }

    /// Opens, reads everything and checks; the answer is how many errors there were.
    fn probe(&self, store: &MemoryStore, what: &str) -> usize {
        let begun = Instant::now();
        let mut errors = 0;
        match open_seeded(Arc::new(store.clone()), &self.owner.full, 4) {
            Err(_) => errors += 1,
            Ok(vault) => {
                errors += vault.heads().unreadable.len();
                for info in vault.snapshots().unwrap() {
                    let mut items = list(&vault, &info, &[]);
                    loop {
                        let item = match items.next_item() {
                            Ok(None) => break,
                            Ok(Some(item)) => item,
                            Err(_) => {
                                errors += 1;
                                continue;
                            }
                        };
                        let read = items.chunks.for_each(&item.facts.content, &mut |_| Ok(()));
                        errors += usize::from(read.is_err());
                    }
                    let mut all = records(&vault, &info);
                    loop {
                        match all.next_record() {
                            Ok(None) => break,
                            Ok(Some(one)) => {
                                errors += usize::from(open_record(&vault, &info, &one).is_err());
                            }
                            Err(_) => errors += 1,
                        }
                    }
                }
                let report = check(&vault, CheckOptions { read_data: true }, &Silent).unwrap();
                errors += report.findings.len();
            }
        }
        let took = begun.elapsed();
        assert!(took < TIME_MAX, "{what}: {took:?}");
        errors
    }

    fn assert_refused(&self, store: &MemoryStore, what: &str) {
        assert!(self.probe(store, what) > 0, "{what} was not refused");
    }
}

/// A root of which nothing is known but the node.
fn root(reference: Reference) -> Root {
    Root { reference, pack: PackId::new([0; 32]), start: u32::MAX, frame_length: u32::MAX }
}

/// A record that is a part of the hostile author's own file.
fn record(facts: &Facts) -> (RecordFacts, RecordPlace) {
    let told = RecordFacts {
        kind: "passwords".into(),
        title: "a title".into(),
        place: String::new(),
        user: String::new(),
        date: None,
        rung: 0,
        digest: [1; 16],
        warnings: Vec::new(),
    };
    let part = Part { offset: 1, length: 2, content: facts.content.clone() };
    let place = RecordPlace {
        file: ItemPath::new(b"note.txt").unwrap(),
        members: Vec::new(),
        format: "logins".into(),
        bytes: RecordBytes::Parts(vec![part], vec![0..3, 3..5]),
        beside: Vec::new(),
    };
    (told, place)
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let head = match length {
        0..=23 => vec![0x40 + u8::try_from(length).unwrap()],
        24..=255 => vec![0x58, u8::try_from(length).unwrap()],
        _ => [&[0x59][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [head.as_slice(), bytes].concat()
}

fn cbor_node(level: u8, entries: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut node = vec![0x83, 1];
    node.extend(if level < 24 { vec![level] } else { vec![0x18, level] });
    node.push(0x80 + u8::try_from(entries.len() * 2).unwrap());
    for (key, value) in entries {
        node.extend(cbor_bytes(key));
        node.extend(cbor_bytes(value));
    }
    node
}

fn part_of(facts: &Facts, offset: u64, length: u64) -> Part {
    Part { offset, length, content: facts.content.clone() }
}

/// The value of a file with rows of content.
fn cbor_facts(depth: u8, length: u64, rows: &[Row]) -> Vec<u8> {
    let shortest = |n: u64| match n {
        0..24 => vec![u8::try_from(n).unwrap()],
        24..0x100 => vec![0x18, u8::try_from(n).unwrap()],
        0x100..0x1_0000 => [&[0x19][..], &u16::try_from(n).unwrap().to_be_bytes()].concat(),
        0x1_0000..0x1_0000_0000 => [&[0x1A][..], &u32::try_from(n).unwrap().to_be_bytes()].concat(),
        _ => [&[0x1B][..], &n.to_be_bytes()].concat(),
    };
    let mut value = vec![0xA6 - u8::from(depth == 0), 0x61, b'c'];
    value.push(0x80 + u8::try_from(rows.len()).unwrap());
    for row in rows {
        value.push(0x82);
        value.extend(cbor_bytes(&row.reference.encode()));
        value.extend(shortest(row.length));
    }
    if depth > 0 {
        value.extend([0x61, b'd', depth]);
    }
    value.extend([0x61, b'k', 0x64]);
    value.extend(b"file");
    value.extend([0x61, b'l']);
    value.extend(shortest(length));
    value.extend([0x61, b'm', 0x19, 0x01, 0xA4, 0x61, b't', 0]);
    value
}

fn list_chunk(level: u8, rows: &[Row]) -> Vec<u8> {
    let mut bytes = vec![1, level, 0, 0];
    for row in rows {
        bytes.extend(row.reference.encode());
        bytes.extend(row.length.to_le_bytes());
    }
    bytes
}

/// Values that are small and ask for much.
fn cbor_bombs() -> Vec<(&'static str, Vec<u8>)> {
    let mut bombs = vec![
        ("deep arrays", [vec![0x81; DEEP], vec![0]].concat()),
        ("deep maps", [[0xA1, 0x61, b'a'].repeat(DEEP), vec![0]].concat()),
    ];
    for (what, head) in [("bytes", 0x5B), ("text", 0x7B), ("an array", 0x9B), ("a map", 0xBB)] {
        for low in [0xFF, 0xF0, 0x00] {
            let mut bytes = vec![head];
            bytes.extend([0xFF; 7]);
            bytes.push(low);
            bombs.push((what, [&[0x83, 1, 0][..], &bytes].concat()));
            bombs.push((what, bytes));
        }
        bombs.push((what, vec![head & 0xE0 | 0x1F, 0xFF]));
    }
    bombs
}

/// A plaintext of an entry around a payload, with right MACs.
fn entry_around(bundle: &Bundle, payload: &[u8], length: u32) -> Vec<u8> {
    let mut bytes = b"ICVAULT1".to_vec();
    bytes.extend([3, 1, 1, 0, 0, 0, 0, 0]);
    bytes.extend(bundle.vault().bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(payload);
    let macs =
        [bundle.writer_mac_key(), bundle.reader_mac_key().unwrap()].map(|key| key.mac(&[&bytes]));
    bytes.extend(macs.concat());
    bytes.resize(bytes.len().max(4_096), 0);
    bytes
}

/// A pack with this directory and a right MAC.
fn pack_around(bundle: &Bundle, directory: &[u8]) -> Vec<u8> {
    let frame = |magic: u32, content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap();
        [&magic.to_le_bytes()[..], &length.to_le_bytes(), content].concat()
    };
    let mut head = b"ICVAULT1".to_vec();
    head.extend([1, 1, 2, 1, 0, 0, 0, 0]);
    head.extend(bundle.vault().bytes());
    let mut place = 40_u64.to_le_bytes().to_vec();
    place.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    place.extend([0; 4]);
    let key = bundle.pack_mac_key(Compartment::General);
    let mac = key.mac(&[&head, &place, directory]);
    let mut padded = directory.to_vec();
    padded.resize(padded.len().max(65_536 - 104), 0);
    [
        frame(0x184D_2A50, &head),
        frame(0x184D_2A51, &padded),
        frame(0x184D_2A52, &[place.as_slice(), &mac].concat()),
    ]
    .concat()
}

#[test]
#[ignore = "runs in a process of its own, started by `bombs_stay_small`"]
fn each_bomb_is_refused() {
    let hostile = Hostile::new();
    assert_eq!(hostile.probe(&hostile.store.copy(), "nothing"), 0);
    let bundle = &hostile.bundle;
    let general = bundle.recipient(Compartment::General);
    let index = bundle.recipient(Compartment::Index);

    // What is made in the same way and is not hostile is read.
    let short = b"a line of text\n".repeat(1_000);
    let store = hostile.store.copy();
    let data = hostile.put_raw(&store, ChunkType::Data, &short);
    let row = Row { reference: data, length: 15_000 };
    let list = hostile.put_raw(&store, ChunkType::List, &list_chunk(0, &[row, row]));
    let item = cbor_facts(1, 30_000, &[Row { reference: list, length: 30_000 }]);
    let leaf = hostile.put_raw(&store, ChunkType::Node, &cbor_node(0, &[(b"key", &item)]));
    let top = cbor_node(1, &[(b"key", leaf.encode().as_slice())]);
    let top = hostile.put_raw(&store, ChunkType::Node, &top);
    hostile.put_snapshot(&store, top);
    assert_eq!(hostile.probe(&store, "a snapshot of our own"), 0);
    let store = hostile.store.copy();
    let plaintext = entry_around(bundle, b"\xA0", 1);
    put_entry(&store, bundle, 9, &plaintext);
    hostile.assert_refused(&store, "an entry of nothing");

    // A header of a megabyte of stanzas, or of one endless line.
    let stanza = "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAAA\n";
    for body in
        [stanza.repeat(20_000), format!("-> {}", "a".repeat(1 << 20)), "-> a\n".repeat(200_000)]
    {
        let bytes = format!("age-encryption.org/v1\n{body}").into_bytes();
        for (areas, before) in [
            (&[Area::KeysA, Area::KeysB][..], "k-"),
            (&[Area::ChainA, Area::ChainB], "00000009-"),
            (&[Area::Index], ""),
            (&[Area::Packs], ""),
        ] {
            let store = hostile.store.copy();
            put(&store, areas, before, &bytes);
            hostile.assert_refused(&store, &format!("a long header in {areas:?}"));
            open_seeded(Arc::new(store), &hostile.owner.full, 4).unwrap();
        }
    }

    // CBOR wherever it stands.
    for (what, bomb) in cbor_bombs() {
        let store = hostile.store.copy();
        let plaintext = entry_around(bundle, &bomb, u32::try_from(bomb.len()).unwrap());
        put_entry(&store, bundle, 9, &plaintext);
        hostile.assert_refused(&store, &format!("{what} in an entry"));
        let store = hostile.store.copy();
        put(&store, &[Area::Packs], "", &encrypt(general, &pack_around(bundle, &bomb), 8));
        hostile.assert_refused(&store, &format!("{what} in a directory"));
        let store = hostile.store.copy();
        let node = hostile.put_raw(&store, ChunkType::Node, &bomb);
        hostile.put_snapshot(&store, node);
        hostile.assert_refused(&store, &format!("{what} in a node"));
        if bomb.len() < 8_000 {
            let store = hostile.store.copy();
            hostile.put_item(&store, &bomb);
            hostile.assert_refused(&store, &format!("{what} in an item"));
        }
    }
    for length in [u32::MAX, 16_777_217, 1 << 20] {
        let store = hostile.store.copy();
        put_entry(&store, bundle, 9, &entry_around(bundle, b"\xA0", length));
        hostile.assert_refused(&store, "an entry of another length");
    }

    // Records.
    let vault = open_seeded(Arc::new(hostile.store.copy()), &hostile.owner.full, 4).unwrap();
    let info = vault.snapshots().unwrap().pop().unwrap();
    let note = ItemPath::new(b"note.txt").unwrap();
    let note = find(&vault, &info, &note).unwrap().unwrap();
    let (facts, place) = record(&note.facts);
    let with_record = |key: &[u8], facts: &[u8], place: &[u8]| {
        let store = hostile.store.copy();
        hostile.put_record(&store, key, facts, place);
        store
    };
    let (key, told, lies) = ([7; 22], facts.encode(), place.encode());
    assert_eq!(hostile.probe(&with_record(&key, &told, &lies), "a record of our own"), 0);
    for length in [0, 1, 20, 21, 23, 4_096] {
        if length > 0 {
            let store = with_record(&vec![7; length], &told, &lies);
            hostile.assert_refused(&store, "a record under no key of one");
        }
    }
    for (what, bytes) in [
        ("more than there is", RecordBytes::Parts(vec![part_of(&note.facts, 1, 5)], vec![])),
        ("nothing", RecordBytes::Parts(vec![part_of(&note.facts, 1, 0)], vec![])),
        ("an overflow", RecordBytes::Parts(vec![part_of(&note.facts, u64::MAX, 2)], vec![])),
        (
            "a frame beyond the file",
            RecordBytes::Parts(vec![part_of(&note.facts, 0, 1)], vec![0..1, 4..u64::MAX]),
        ),
        ("what is not there", RecordBytes::Derived(b"\xA0".to_vec())),
    ] {
        let place = RecordPlace { bytes, ..place.clone() };
        let store = with_record(&key, &told, &place.encode());
        hostile.assert_refused(&store, &format!("a record of {what}"));
    }
    // spec R-2
    let beside = vec![ItemPath::new(b"other").unwrap()];
    let torn = RecordPlace { beside, ..place.clone() };
    hostile.assert_refused(&with_record(&key, &told, &torn.encode()), "a record beside no file");
    let elsewhere = RecordPlace { file: ItemPath::new(b"other").unwrap(), ..place };
    hostile.assert_refused(&with_record(&key, &told, &elsewhere.encode()), "a record of no file");
    let long = RecordFacts { title: "x".repeat(1_025), ..facts };
    hostile.assert_refused(&with_record(&key, &long.encode(), &lies), "a record with a long title");
    for (what, bomb) in cbor_bombs() {
        if bomb.len() < 8_000 {
            let store = with_record(&key, &bomb, &lies);
            hostile.assert_refused(&store, &format!("{what} in a record"));
            let store = with_record(&key, &told, &bomb);
            hostile.assert_refused(&store, &format!("{what} where a record is"));
        }
    }

    // zstd.
    let zeros = vec![0; 64 << 20];
    let compress = |content: &[u8], has_size: bool, window: u32| {
        let mut context = zstd::zstd_safe::CCtx::create();
        context.set_parameter(zstd::zstd_safe::CParameter::ContentSizeFlag(has_size)).unwrap();
        context.set_parameter(zstd::zstd_safe::CParameter::WindowLog(window)).unwrap();
        let mut frame = Vec::with_capacity(1 << 20);
        context.compress2(&mut frame, content).unwrap();
        frame
    };
    let long = noise(16, 3).repeat(600_000);
    for (what, frame) in [
        ("64 MiB of zeros", compress(&zeros, true, 21)),
        ("64 MiB of zeros without a size", compress(&zeros, false, 21)),
        ("a frame without a size", compress(&short, false, 21)),
        ("a large window", compress(&long, true, 27)),
        ("a size that is too small", {
            let mut frame = compress(&zeros[..8 << 20], true, 21);
            // The content size of four bytes stands behind the descriptor and the window.
            let at = frame.windows(4).position(|w| w == (8_u32 << 20).to_le_bytes()).unwrap();
            frame[at..at + 4].copy_from_slice(&15_000_u32.to_le_bytes());
            frame
        }),
        ("two frames", [compress(&short, true, 21), compress(&zeros, true, 21)].concat()),
        ("a raw frame that says more", {
            let mut frame = Vec::new();
            raw_frame(&short, &mut frame);
            frame[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
            frame
        }),
    ] {
        let store = hostile.store.copy();
        let data = hostile.put_chunk(&store, ChunkType::Data, &short, &frame);
        let row = Row { reference: data, length: 15_000 };
        hostile.put_item(&store, &cbor_facts(0, 15_000, &[row]));
        hostile.assert_refused(&store, what);
    }
    drop(zeros);

    // Trees: levels out of range, a node that names itself in all but the id, a child too high.
    let leaf = |store: &MemoryStore| {
        let facts = cbor_facts(0, 0, &[]);
        hostile.put_raw(store, ChunkType::Node, &cbor_node(0, &[(b"key", facts.as_slice())]))
    };
    for level in [2, 15, 16, 17, 255] {
        let store = hostile.store.copy();
        let below = leaf(&store).encode();
        let top = cbor_node(level, &[(b"key", below.as_slice())]);
        let top = hostile.put_raw(&store, ChunkType::Node, &top);
        hostile.put_snapshot(&store, top);
        hostile.assert_refused(&store, &format!("a leaf below level {level}"));
    }
    let store = hostile.store.copy();
    let below = leaf(&store).encode();
    let keys: Vec<Vec<u8>> = (b'a'..b'k').map(|key| vec![key]).collect();
    let entries: Vec<(&[u8], &[u8])> =
        keys.iter().map(|key| (key.as_slice(), below.as_slice())).collect();
    let top = hostile.put_raw(&store, ChunkType::Node, &cbor_node(1, &entries));
    hostile.put_snapshot(&store, top);
    hostile.assert_refused(&store, "one node under many keys");

    // Lists: of nothing, of more than there is, deeper than they say.
    let store = hostile.store.copy();
    let empty = Reference { tag: None, id: chunk_id(&bundle.chunk_id_key(), ChunkType::Data, b"") };
    let mut rows = vec![Row { reference: empty, length: 0 }; 4_096];
    for level in 0..16 {
        let list = hostile.put_raw(&store, ChunkType::List, &list_chunk(level, &rows));
        rows = vec![Row { reference: list, length: 0 }; 4_096];
    }
    hostile.put_item(&store, &cbor_facts(16, 0, &rows[..1]));
    hostile.assert_refused(&store, "lists of nothing without end");
    for lengths in [[u64::MAX, 1], [u64::MAX, u64::MAX], [1 << 63, 1 << 63]] {
        let store = hostile.store.copy();
        let rows = lengths.map(|length| Row { reference: empty, length });
        let list = hostile.put_raw(&store, ChunkType::List, &list_chunk(0, &rows));
        let sum = lengths[0].wrapping_add(lengths[1]);
        let top = Row { reference: list, length: sum.max(1) };
        hostile.put_item(&store, &cbor_facts(1, sum.max(1), &[top]));
        hostile.assert_refused(&store, "lengths that overflow in a list");
        let store = hostile.store.copy();
        hostile.put_item(&store, &cbor_facts(0, sum, &rows));
        hostile.assert_refused(&store, "lengths that overflow in an item");
    }

    // Tables: counts that do not fit.
    for (rows, packs, superseded) in [
        (u64::MAX, 1, 0),
        (u64::MAX / 52, 1, 0),
        (u64::MAX / 52 + 2, 1, 0),
        (1, u32::MAX, u32::MAX),
        (0, u32::MAX, 0),
    ] {
        let mut bytes = b"ICVAULT1".to_vec();
        bytes.extend([2, 1, 1, 1, 0, 0, 0, 0]);
        bytes.extend(bundle.vault().bytes());
        bytes.extend(u64::to_le_bytes(rows));
        bytes.extend(u32::to_le_bytes(packs));
        bytes.extend(u32::to_le_bytes(superseded));
        bytes.extend([0; 16]);
        bytes.extend([0xFF; 1_024]);
        let macs = [bundle.writer_mac_key(), bundle.reader_mac_key().unwrap()]
            .map(|key| key.mac(&[&bytes]));
        bytes.extend(macs.concat());
        bytes.resize(4_096, 0);
        let store = hostile.store.copy();
        put(&store, &[Area::Index], "", &encrypt(index, &bytes, 8));
        hostile.assert_refused(&store, &format!("a table of {rows} rows, {packs} packs"));
    }

    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
        println!("peak: {} MiB", peak >> 10);
        // The 64 MiB of zeros that the test itself held, and their frames, are in it too.
        assert!(peak << 10 < PEAK_MAX, "{peak} KiB");
    }
}

#[test]
fn bombs_stay_small() {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["bombs::each_bomb_is_refused", "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("1 passed"), "{text}");
}

/// The failure: one planted slot that asks for too much work kept every other slot from opening.
#[test]
fn a_slot_of_too_much_work_is_passed_over() {
    let store = MemoryStore::new();
    let slot = NewSlot {
        lock: Lock::Passphrase("correct horse"),
        letter: SlotLetter::Recovery,
        role: Role::Full,
        label: "passphrase".to_owned(),
    };
    let made =
        InitOptions { slots: vec![slot], time: 1_700_000_000_000_000_000, random: random(1) };
    drop(vault::vault::init(Arc::new(store.clone()), &made).unwrap());
    let options = OpenOptions { known_fingerprint: None, log_n_max: 20, random: random(2) };
    let open = |store: &MemoryStore, passphrase| {
        Vault::open(Arc::new(store.clone()), &Unlock::Passphrase(passphrase), &options)
    };
    // Slots of passphrases come before those of codes, so the planted ones are tried first.
    for log_n in ["21", "23", "63", "255"] {
        let text = "A".repeat(43);
        let salt = "A".repeat(22);
        let header =
            format!("age-encryption.org/v1\n-> scrypt {salt} {log_n}\n{text}\n--- {text}\n");
        let bytes = [header.as_bytes(), &[0; 4_128]].concat();
        put(&store, &[Area::KeysA, Area::KeysB], "p-", &bytes);
        let alone = MemoryStore::new();
        put(&alone, &[Area::KeysA, Area::KeysB], "p-", &bytes);
        let begun = Instant::now();
        let refused = open(&alone, "correct horse").err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Refused, "{log_n}: {refused}");
        assert!(begun.elapsed() < TIME_MAX, "{log_n}");
    }
    open(&store, "correct horse").unwrap();
}
