//! Somebody who knows the vault's recipients and its form, and no secret: whatever they put into
//! the folder is not taken for what was stored, and the vault goes on.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::support::{
    Contents, Owner, add, bundle_of, contents, encrypt, open_seeded, pack_of, put, put_entry,
    random, snapshot_contents,
};
use vault::chain::{Entry, EntryKeys, Record, RollRow, SlotRow};
use vault::check::{CheckOptions, Severity, check};
use vault::chunk::{ChunkType, chunk_id};
use vault::error::{ErrorKind, Result};
use vault::id::{ChunkId, MacKey, PackId, PackTag, TableId};
use vault::index::{Row, SortedRows, write_table};
use vault::keys::{Bundle, Compartment, Role};
use vault::pack::{Class, Kind, Piece, Place, Salt, raw_frame};
use vault::payload::{Lock, Reader, SlotRecipient, seal_slot};
use vault::progress::Silent;
use vault::store::{Area, MemoryStore, Name, Store as _};
use vault::vault::{OpenOptions, Spec, Unlock, Vault};

const NEXT: &[u8] = b"a file that the next add brings, and that the forger guessed";

/// A vault with two snapshots of one source, and an export to be added next.
struct Sample {
    owner: Owner,
    store: MemoryStore,
    bundle: Bundle,
    held: Vec<Contents>,
    next: PathBuf,
    _temp: tempfile::TempDir,
}

impl Sample {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let exports = ["one", "two", "next"].map(|state| temp.path().join(state));
        for export in &exports {
            fs::create_dir_all(export).unwrap();
            fs::write(export.join("note.txt"), "text\n").unwrap();
            fs::write(export.join("passwords.csv"), "url,username,password\nx,anna,M\n").unwrap();
        }
        fs::write(exports[1].join("more.txt"), "more\n").unwrap();
        fs::write(exports[2].join("guessed.txt"), NEXT).unwrap();
        let owner = Owner::new();
        let store = MemoryStore::new();
        drop(owner.init(Arc::new(store.clone())).unwrap());
        for (seed, export) in (3..).zip(&exports[..2]) {
            let mut vault = open_seeded(Arc::new(store.clone()), &owner.full, seed).unwrap();
            add(&mut vault, export, "export").unwrap();
        }
        let held = exports[..2].iter().map(|export| snapshot_contents(export)).collect();
        let bundle = bundle_of(&store, &owner.full);
        let [_, _, next] = exports;
        Self { owner, store, bundle, held, next, _temp: temp }
    }

    fn open(&self, store: &MemoryStore) -> Vault {
        open_seeded(Arc::new(store.clone()), &self.owner.full, 5).unwrap()
    }

    fn tables(&self) -> BTreeSet<TableId> {
        let names = self.store.list(Area::Index).unwrap();
        names.iter().map(|name| TableId::parse(name.file()).unwrap()).collect()
    }

    fn newest(&self) -> Entry {
        self.open(&self.store).heads().newest().unwrap().1.clone()
    }

    /// The vault is as it was, the check names what was put there, and the next add takes nothing
    /// from it.
    fn assert_refused(&self, store: &MemoryStore, forged: &[Name], what: &str) {
        let head = self.open(&self.store).head();
        let mut vault = self.open(store);
        assert_eq!(vault.head(), head, "{what}");
        assert_eq!(vault.fingerprint(), self.bundle.fingerprint(), "{what}");
        self.assert_holds(&vault, &self.held, what);
        let back = vault.resolve(&Spec::Source { name: "export".to_owned(), back: 1 });
        assert!(contents(&vault, &back.unwrap()).unwrap() == self.held[0], "{what}");
        let report = check(&vault, CheckOptions { read_data: true }, &Silent).unwrap();
        let named: BTreeSet<_> = report.findings.iter().map(|f| f.object.clone()).collect();
        assert!(forged.iter().any(|name| named.contains(&name.to_string())), "{what}: {named:?}");
        let is_hit = |f: &vault::check::Finding| f.items_total > 0;
        assert!(!report.findings.iter().any(is_hit), "{what}: {:?}", report.findings);
        let added = add(&mut vault, &self.next, "export").unwrap();
        assert!(added.bytes_new >= NEXT.len() as u64, "{what}: the forgery was believed");
        let vault = self.open(store);
        let held = [self.held.as_slice(), &[snapshot_contents(&self.next)]].concat();
        self.assert_holds(&vault, &held, what);
        // No authentic object names a forged one.
        let info = vault.resolve(&Spec::Latest).unwrap();
        let tables = [info.snapshot.tables.data, info.snapshot.tables.nodes].concat();
        let named = |name: &Name| tables.iter().any(|id| id.to_string() == name.file());
        assert!(!forged.iter().any(named), "{what}: a snapshot names it");
        // Take the forgery away again: nothing depended on it.
        forged.iter().for_each(|name| store.unset(name));
        let report = check(&self.open(store), CheckOptions { read_data: true }, &Silent).unwrap();
        let bad: Vec<_> = report.findings.iter().filter(|f| f.severity > Severity::Note).collect();
        assert!(bad.is_empty(), "{what}: {bad:?}");
    }

    fn assert_holds(&self, vault: &Vault, held: &[Contents], what: &str) {
        let infos = vault.snapshots().unwrap();
        assert_eq!(infos.len(), held.len(), "{what}");
        for (info, held) in infos.iter().zip(held) {
            assert!(contents(vault, info).unwrap() == *held, "{what}");
        }
    }
}

fn wrong_keys() -> [(&'static str, MacKey); 2] {
    let mut bytes = [0; 32];
    random(77)(&mut bytes);
    [("a zero key", MacKey::new([0; 32])), ("a key of their own", MacKey::new(bytes))]
}

/// A pack that says it holds the chunk of the next add, with other bytes.
fn forged_pack(sample: &Sample, compartment: Compartment, class: Class, key: &MacKey) -> Vec<u8> {
    let kind_of = if class == Class::Data { ChunkType::Data } else { ChunkType::Node };
    let id = chunk_id(&sample.bundle.chunk_id_key(), kind_of, NEXT);
    let salt =
        (compartment == Compartment::Sealed).then(|| Salt::new(PackTag::new([1; 16]), [2; 32]));
    let kind = Kind { vault: sample.bundle.vault(), compartment, class };
    pack_naming(&sample.bundle, kind, key, salt, &[(id, kind_of, NEXT.len())])
}

/// A pack that names chunks of these ids and lengths and holds other bytes.
fn pack_naming(
    bundle: &Bundle,
    kind: Kind,
    key: &MacKey,
    salt: Option<Salt>,
    chunks: &[(ChunkId, ChunkType, usize)],
) -> Vec<u8> {
    let blocks: Vec<_> = chunks
        .iter()
        .map(|&(id, kind, length)| {
            let mut frame = Vec::new();
            raw_frame(&vec![b'!'; length], &mut frame);
            (frame, Piece { id, kind, length: u32::try_from(length).unwrap() })
        })
        .collect();
    let plaintext = pack_of(kind, key, salt, &blocks);
    encrypt(bundle.recipient(kind.compartment), &plaintext, 50)
}

#[test]
fn packs_without_the_mac_are_refused() {
    let sample = Sample::new();
    for (how, key) in wrong_keys() {
        for (compartment, class) in [
            (Compartment::General, Class::Data),
            (Compartment::General, Class::Nodes),
            (Compartment::Sealed, Class::Data),
        ] {
            let store = sample.store.copy();
            let bytes = forged_pack(&sample, compartment, class, &key);
            let forged = put(&store, &[Area::Packs], "", &bytes);
            sample.assert_refused(&store, &forged, &format!("{compartment} {class:?} with {how}"));
        }
    }
}

struct Rows(Vec<Row>);

impl SortedRows for Rows {
    fn for_each(&mut self, each: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(|row| each(*row))
    }
}

/// The failure: an add believed a table's list of superseded tables, and named the table in the
/// snapshot, without looking at its MAC.
#[test]
fn tables_without_the_mac_are_refused() {
    let sample = Sample::new();
    let bundle = &sample.bundle;
    let genuine = sample.tables();
    let pack = forged_pack(&sample, Compartment::General, Class::Data, &wrong_keys()[1].1);
    let real = bundle.writer_mac_key();
    let [zero, own] = wrong_keys().map(|(_, key)| key);
    for (how, writer, reader) in [
        ("wrong MACs", &own, Some(&own)),
        ("a wrong and no MAC", &own, None),
        ("MACs of zero keys", &zero, Some(&zero)),
        ("a right and a wrong MAC", &real, Some(&own)),
    ] {
        for class in Class::ALL {
            for superseded in [BTreeSet::new(), genuine.clone()] {
                let store = sample.store.copy();
                let pack = put(&store, &[Area::Packs], "", &pack);
                let id = chunk_id(&bundle.chunk_id_key(), ChunkType::Data, NEXT);
                let place = Place { start: 40, frame_length: 72, offset: 0, length: 60 };
                let pack = PackId::parse(pack[0].file()).unwrap();
                // More rows than the genuine tables have, so that it comes first.
                let mut rows = vec![Row { id, pack, place }];
                rows.extend((0..40).map(|n| Row {
                    id: chunk_id(&own, ChunkType::Data, &[n]),
                    pack,
                    place,
                }));
                rows.sort();
                let mut bytes = Vec::new();
                let vault = bundle.vault();
                let mut rows = Rows(rows);
                write_table(vault, class, &mut rows, &superseded, writer, reader, &mut bytes)
                    .unwrap();
                let bytes = encrypt(bundle.recipient(Compartment::Index), &bytes, 51);
                let forged = put(&store, &[Area::Index], "", &bytes);
                sample.assert_refused(&store, &forged, &format!("{class:?} table with {how}"));
            }
        }
    }
}

/// The failure: a pack that no table lists, or only a table without the reader MAC, was believed for
/// its directory's MAC, which whoever may add can make.
#[test]
fn what_an_add_key_makes_up_is_not_believed() {
    let sample = Sample::new();
    let theirs = sample.bundle.for_slot(Role::Add, "theirs", 1).unwrap();
    assert!(theirs.reader_mac_key().is_none());
    let genuine = sample.tables();
    let key = theirs.pack_mac_key(Compartment::General);
    for superseded in [BTreeSet::new(), genuine] {
        for with_table in [false, true] {
            for class in Class::ALL {
                let store = sample.store.copy();
                let pack = forged_pack(&sample, Compartment::General, class, &key);
                let mut forged = put(&store, &[Area::Packs], "", &pack);
                let id = chunk_id(&theirs.chunk_id_key(), ChunkType::Data, NEXT);
                let frame_length = u32::try_from(12 + NEXT.len()).unwrap();
                let length = u32::try_from(NEXT.len()).unwrap();
                let place = Place { start: 40, frame_length, offset: 0, length };
                let pack = PackId::parse(forged[0].file()).unwrap();
                let mut rows = Rows(vec![Row { id, pack, place }]);
                let (vault, writer) = (theirs.vault(), theirs.writer_mac_key());
                let mut bytes = Vec::new();
                write_table(vault, class, &mut rows, &superseded, &writer, None, &mut bytes)
                    .unwrap();
                if with_table {
                    let bytes = encrypt(theirs.recipient(Compartment::Index), &bytes, 51);
                    forged.extend(put(&store, &[Area::Index], "", &bytes));
                }
                sample.assert_refused(&store, &forged, &format!("{class:?}, table {with_table}"));
            }
        }
    }
}

/// The failure: an add named chunks of a sealed pack again by the word of its directory.
#[test]
fn sealed_packs_that_an_add_key_makes_up_are_not_named_again() {
    let sample = Sample::new();
    let theirs = sample.bundle.for_slot(Role::Add, "theirs", 1).unwrap();
    let sealed = fs::read(sample.next.join("passwords.csv")).unwrap();
    let tag = PackTag::new([1; 16]);
    let salt = Salt::new(tag, [2; 32]);
    let id = chunk_id(&salt.key, ChunkType::Data, &sealed);
    let kind = Kind { vault: theirs.vault(), compartment: Compartment::Sealed, class: Class::Data };
    let key = theirs.pack_mac_key(Compartment::Sealed);
    let chunk = (id, ChunkType::Data, sealed.len());
    let pack = pack_naming(&theirs, kind, &key, Some(salt), &[chunk]);
    let store = sample.store.copy();
    let pack = PackId::parse(put(&store, &[Area::Packs], "", &pack)[0].file()).unwrap();
    // A snapshot of the source that says the passwords are there.
    let newest = sample.newest();
    let head = sample.open(&store).head().unwrap();
    let mut record = newest.record.clone();
    if let Record::Snapshot(snapshot) = &mut record {
        snapshot.sealed.as_mut().unwrap().packs.insert(tag, pack);
    }
    let (number, count) = (head.number + 1, newest.count + 1);
    let mut roll = newest.roll.clone();
    roll.retain(|row| row.source != "export");
    roll.push(RollRow {
        id: head.id,
        time: newest.time,
        number: head.number,
        source: "export".to_owned(),
    });
    let entry = Entry { number, count, previous: vec![head.id], record, roll, ..newest };
    let plaintext = entry.encode(theirs.vault(), &theirs.writer_mac_key(), None);
    put_entry(&store, &theirs, number, &plaintext);
    let mut vault = sample.open(&store);
    assert_eq!(vault.head().unwrap().number, number);
    add(&mut vault, &sample.next, "export").unwrap();
    let vault = sample.open(&store);
    let info = vault.resolve(&Spec::Latest).unwrap();
    assert!(!info.snapshot.sealed.as_ref().unwrap().packs.contains_key(&tag));
    assert!(contents(&vault, &info).unwrap() == snapshot_contents(&sample.next));
}

#[test]
fn entries_without_the_mac_are_refused() {
    let sample = Sample::new();
    let bundle = &sample.bundle;
    let newest = sample.newest();
    let head = sample.open(&sample.store).head().unwrap();
    let (writer, reader) = (bundle.writer_mac_key(), bundle.reader_mac_key().unwrap());
    let [zero, own] = wrong_keys().map(|(_, key)| key);
    let slot = SlotRow {
        id: [9; 32],
        role: "full".to_owned(),
        time: 1,
        label: "theirs".to_owned(),
        letter: 'k',
    };
    let records = [newest.record.clone(), Record::Slots { slots: vec![slot], files: Vec::new() }];
    let mut cases = 0;
    for record in records {
        let is_snapshot = matches!(record, Record::Snapshot(_));
        for number in [head.number, head.number + 1, 4_000_000] {
            let count = newest.count + 1;
            let entry = Entry {
                number,
                count,
                previous: vec![head.id],
                record: record.clone(),
                ..newest.clone()
            };
            let vault = bundle.vault();
            let macs = [
                ("wrong MACs", entry.encode(vault, &own, Some(&own))),
                ("no reader MAC", entry.encode(vault, &own, None)),
                ("MACs of zero keys", entry.encode(vault, &zero, Some(&zero))),
                ("a wrong reader MAC", entry.encode(vault, &writer, Some(&own))),
                ("the MACs exchanged", entry.encode(vault, &reader, Some(&writer))),
                ("zero MACs", without_macs(entry.encode(vault, &own, None))),
            ];
            // A role without the reader's key may write snapshots.
            let slots = (!is_snapshot)
                .then(|| ("slots without the reader MAC", entry.encode(vault, &writer, None)));
            for (how, plaintext) in macs.into_iter().chain(slots) {
                let store = sample.store.copy();
                let forged = put_entry(&store, bundle, number, &plaintext);
                let what = format!("entry {number}, snapshot {is_snapshot}, {how}");
                sample.assert_refused(&store, &forged, &what);
                cases += 1;
            }
        }
    }
    println!("forged entries: {cases}");
}

fn without_macs(mut plaintext: Vec<u8>) -> Vec<u8> {
    let length = u32::from_le_bytes(plaintext[32..36].try_into().unwrap());
    let start = 36 + usize::try_from(length).unwrap();
    plaintext[start..start + 64].fill(0);
    plaintext
}

#[test]
fn entries_from_elsewhere_are_refused() {
    let sample = Sample::new();
    let other = Sample::new();
    // Another vault's entry, as it is and encrypted to this vault's recipient.
    for name in other.store.list(Area::ChainA).unwrap() {
        let bytes = other.store.bytes(&name).unwrap();
        let identity = other.bundle.identity(Compartment::Index).unwrap();
        let mut reader = Reader::open(bytes.as_slice(), &[identity]).unwrap();
        let mut plaintext = vec![0; usize::try_from(reader.plain_length()).unwrap()];
        reader.read_at(0, &mut plaintext).unwrap();
        for number in [1, 3, 4, 9] {
            let areas = [Area::ChainA, Area::ChainB];
            let store = sample.store.copy();
            let forged = put(&store, &areas, &format!("{number:08}-"), &bytes);
            sample.assert_refused(&store, &forged, &format!("another vault's, {number}"));
            let store = sample.store.copy();
            let forged = put_entry(&store, &sample.bundle, number, &plaintext);
            sample.assert_refused(&store, &forged, &format!("another vault's in ours, {number}"));
        }
    }
}

/// The failure: an entry put under a smaller number too hid itself from whoever asked for the
/// snapshot before the newest.
#[test]
fn entries_replayed_under_another_number_are_refused() {
    let sample = Sample::new();
    for name in sample.store.list(Area::ChainA).unwrap() {
        let bytes = sample.store.bytes(&name).unwrap();
        for number in 1..6 {
            if name.file().starts_with(&format!("{number:08}")) {
                continue;
            }
            let areas = [Area::ChainA, Area::ChainB];
            let store = sample.store.copy();
            let forged = put(&store, &areas, &format!("{number:08}-"), &bytes);
            sample.assert_refused(&store, &forged, &format!("{name} as {number}"));
        }
    }
}

/// A bundle of the attacker's own under the vault's id, in a slot for the vault's owner.
fn attackers_slot(sample: &Sample) -> (Bundle, Vec<u8>) {
    let draw = random(99);
    let theirs = Bundle::generate("backup", 1, &mut |bytes| draw(bytes));
    let text =
        theirs.encode().replace(&theirs.vault().to_string(), &sample.bundle.vault().to_string());
    let theirs = Bundle::decode(text.as_bytes()).unwrap();
    let owner = SlotRecipient::parse(&sample.owner.full.recipient().to_string()).unwrap();
    let slot = seal_slot(text.as_bytes(), &Lock::Recipient(&owner)).unwrap();
    (theirs, slot)
}

fn open_known(sample: &Sample, store: &MemoryStore, known: Option<[u8; 32]>) -> Result<Vault> {
    let options = OpenOptions { known_fingerprint: known, log_n_max: 20, random: random(6) };
    let unlock = Unlock::Identities(std::slice::from_ref(&sample.owner.full));
    Vault::open(Arc::new(store.clone()), &unlock, &options)
}

/// Entries of the attacker's own: the first, and one with a number above all others.
fn attackers_chain(sample: &Sample, theirs: &Bundle, store: &MemoryStore) {
    let keys = EntryKeys { writer: theirs.writer_mac_key(), reader: theirs.reader_mac_key() };
    let newest = sample.newest();
    let first = Entry {
        roll: Vec::new(),
        number: 1,
        count: 1,
        previous: Vec::new(),
        record: Record::Slots { slots: Vec::new(), files: Vec::new() },
        time: newest.time,
    };
    let last = Entry { number: 90, ..newest };
    for entry in [first, last] {
        let plaintext = entry.encode(theirs.vault(), &keys.writer, keys.reader.as_ref());
        put_entry(store, theirs, entry.number, &plaintext);
    }
}

#[test]
fn a_planted_slot_alone_is_not_used() {
    let sample = Sample::new();
    let (_, slot) = attackers_slot(&sample);
    let store = sample.store.copy();
    let forged = put(&store, &[Area::KeysA, Area::KeysB], "k-", &slot);
    sample.assert_refused(&store, &forged, "a planted slot");
    let store = sample.store.copy();
    let forged = put(&store, &[Area::KeysB], "k-", &slot);
    sample.open(&store);
    let mut vault = sample.open(&store);
    add(&mut vault, &sample.next, "export").unwrap();
    let first = Name::new(Area::KeysA, forged[0].file()).unwrap();
    assert!(store.bytes(&first).is_none(), "an add completed a planted slot");
}

#[test]
fn a_planted_slot_with_a_chain_is_noticed() {
    let sample = Sample::new();
    let (theirs, slot) = attackers_slot(&sample);
    let store = sample.store.copy();
    put(&store, &[Area::KeysA, Area::KeysB], "k-", &slot);
    attackers_chain(&sample, &theirs, &store);
    // Whoever does not know the vault refuses to choose.
    let refused = open_known(&sample, &store, None).err().map(|error| error.kind());
    assert_eq!(refused, Some(ErrorKind::WrongKey));
    // Whoever does takes the right keys, and writes with them.
    let mut vault = open_known(&sample, &store, Some(sample.bundle.fingerprint())).unwrap();
    assert_eq!(vault.fingerprint(), sample.bundle.fingerprint());
    sample.assert_holds(&vault, &sample.held, "with a foreign chain");
    let before: BTreeSet<Name> = store.files().into_iter().map(|(name, _)| name).collect();
    add(&mut vault, &sample.next, "export").unwrap();
    let held = [sample.held.as_slice(), &[snapshot_contents(&sample.next)]].concat();
    sample.assert_holds(&vault, &held, "after an add");
    for (name, _) in store.files().into_iter().filter(|(name, _)| !before.contains(name)) {
        let bytes = store.bytes(&name).unwrap();
        for compartment in Compartment::ALL {
            let identity = theirs.identity(compartment).unwrap();
            assert!(Reader::open(bytes.as_slice(), &[identity]).is_err(), "{name} is for them");
        }
    }
}

/// The failure: with the genuine slots removed a machine that remembers the vault opened it with the
/// attacker's keys.
#[test]
fn a_planted_slot_in_place_of_all_others_is_noticed() {
    let sample = Sample::new();
    let (theirs, slot) = attackers_slot(&sample);
    let store = sample.store.copy();
    for area in [Area::KeysA, Area::KeysB] {
        store.list(area).unwrap().iter().for_each(|name| store.unset(name));
    }
    put(&store, &[Area::KeysA, Area::KeysB], "k-", &slot);
    let refused = |store| open_known(&sample, store, None).err().map(|error| error.kind());
    // Their keys do not fit the chain.
    assert_eq!(refused(&store), Some(ErrorKind::WrongKey));
    attackers_chain(&sample, &theirs, &store);
    // Now it is a vault of theirs. Only whoever remembers another one can tell.
    let mut known = open_known(&sample, &store, Some(sample.bundle.fingerprint())).unwrap();
    assert_ne!(known.fingerprint(), sample.bundle.fingerprint());
    let export = tempfile::tempdir().unwrap();
    let added = add(&mut known, export.path(), "export");
    assert_eq!(added.err().map(|error| error.kind()), Some(ErrorKind::WrongKey));
    let removed = vault::vault::remove_slot(&mut known, vault::id::SlotId::new([0; 32]), 1);
    assert_eq!(removed.err().map(|error| error.kind()), Some(ErrorKind::WrongKey));
    let unknown = open_known(&sample, &store, None).unwrap();
    assert_ne!(unknown.fingerprint(), sample.bundle.fingerprint());
}
