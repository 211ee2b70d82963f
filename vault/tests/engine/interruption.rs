//! A stop after every operation, a full medium, failing syncs, wrong bytes read back, two writers:
//! what was committed stays, and the next add goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::support::{
    Contents, Owner, add, bundle_of, contents, noise, open_seeded, snapshot_contents,
};
use vault::check::{CheckOptions, Severity, check};
use vault::error::ErrorKind;
use vault::keys::{Compartment, Role};
use vault::pack::{Class, Directory, Kind};
use vault::payload::{Identity, Lock, Reader, SlotRecipient};
use vault::progress::Silent;
use vault::store::{Area, Faults, MemoryStore, Store as _};
use vault::vault::{NewSlot, SlotLetter, Spec, Vault, add_slot, remove_slot, slots};

const TIME: i64 = 1_700_000_000_000_000_000;

/// Two states of a small export, with something in every compartment.
struct Exports {
    temp: tempfile::TempDir,
}

impl Exports {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = temp.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for state in ["one", "two"] {
            put(&format!("{state}/notes/a.txt"), b"the same in both\n");
            put(&format!("{state}/raw.bin"), &noise(90_000, 1));
            put(&format!("{state}/passwords.csv"), &passwords(state));
        }
        put("one/gone.txt", b"only in the first");
        put("two/new.bin", &noise(60_000, 2));
        put("two/new.txt", b"only in the second");
        Self { temp }
    }

    fn path(&self, state: &str) -> PathBuf {
        self.temp.path().join(state)
    }
}

fn passwords(state: &str) -> Vec<u8> {
    format!("url,username,password\nhttps://x.example,anna,MARKER-{state}\n").into_bytes()
}

/// A vault of no snapshot, or of one of the export's first state.
fn prepared(owner: &Owner, exports: &Exports, with_first: bool) -> MemoryStore {
    let store = MemoryStore::new();
    let mut vault = owner.init(Arc::new(store.clone())).unwrap();
    if with_first {
        add(&mut vault, &exports.path("one"), "export").unwrap();
    }
    store
}

fn armed(store: &MemoryStore, faults: Faults) -> MemoryStore {
    let copy = store.copy();
    copy.arm(faults);
    copy
}

fn stop(n: u64, fat: bool) -> Faults {
    Faults { stop_after: Some(n), fat, seed: n, ..Faults::default() }
}

fn open(store: &MemoryStore, owner: &Owner, seed: u64) -> Vault {
    open_seeded(Arc::new(store.clone()), &owner.full, seed).unwrap()
}

/// Nothing in the vault is worse than a note.
fn assert_sound(vault: &Vault, what: &str) {
    let report = check(vault, CheckOptions { read_data: true }, &Silent).unwrap();
    let worst = report.findings.iter().filter(|finding| finding.severity > Severity::Note);
    let worst: Vec<_> = worst.collect();
    assert!(worst.is_empty(), "{what}: {worst:#?}");
}

/// What every snapshot must hold, in order.
fn assert_holds(vault: &Vault, wanted: &[&Contents], what: &str) {
    let infos = vault.snapshots().unwrap();
    assert_eq!(infos.len(), wanted.len(), "{what}");
    for (info, wanted) in infos.iter().zip(wanted) {
        assert!(contents(vault, info).unwrap() == **wanted, "{what}: snapshot {}", info.number);
    }
}

/// The vault that a power cut leaves opens, is sound, holds what was committed, and goes on.
fn assert_survives(
    store: &MemoryStore,
    owner: &Owner,
    exports: &Exports,
    states: &BTreeMap<&str, Contents>,
    committed: &[&str],
    pending: &[&str],
    what: &str,
) {
    let mut vault = open(store, owner, 9);
    let count = vault.snapshots().unwrap().len();
    assert!(count >= committed.len() && count <= committed.len() + pending.len(), "{what}");
    let held = committed.iter().chain(pending).take(count).map(|state| &states[state]);
    let mut held: Vec<&Contents> = held.collect();
    assert_holds(&vault, &held, what);
    assert_sound(&vault, what);
    add(&mut vault, &exports.path("two"), "export").unwrap_or_else(|e| panic!("{what}: {e}"));
    held.push(&states["two"]);
    let vault = open(store, owner, 10);
    assert_holds(&vault, &held, what);
}

fn states(exports: &Exports) -> BTreeMap<&'static str, Contents> {
    ["one", "two"].map(|state| (state, snapshot_contents(&exports.path(state)))).into()
}

/// Stops an add after every operation, in turn on a medium with a journal and on one without, and
/// looks at what a power cut then leaves.
fn stop_an_add(with_first: bool) -> u64 {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let base = prepared(&owner, &exports, with_first);
    let (committed, state): (&[&str], _) =
        if with_first { (&["one"], "two") } else { (&[], "one") };
    let mut cuts = 0;
    for n in 0.. {
        let fat = n % 2 == 1;
        let store = base.copy();
        let mut vault = open(&store, &owner, 3);
        store.arm(stop(n, fat));
        let done = add(&mut vault, &exports.path(state), "export");
        drop(vault);
        let is_done = done.is_ok();
        let (committed, pending) = match done {
            Ok(_) => ([committed, &[state]].concat(), vec![]),
            Err(_) => (committed.to_vec(), vec![state]),
        };
        let what = format!("stopped after {n}, fat {fat}");
        let cut = store.crash(n);
        assert_survives(&cut, &owner, &exports, &states, &committed, &pending, &what);
        cuts += 1;
        if is_done {
            return cuts;
        }
    }
    cuts
}

#[test]
fn a_first_add_that_stops_anywhere_costs_nothing() {
    let cuts = stop_an_add(false);
    assert!(cuts > 100, "{cuts}");
    println!("first add: {cuts} power cuts");
}

#[test]
fn a_second_add_that_stops_anywhere_costs_nothing() {
    let cuts = stop_an_add(true);
    assert!(cuts > 100, "{cuts}");
    println!("second add: {cuts} power cuts");
}

#[test]
fn an_init_that_stops_anywhere_can_be_made_again() {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let mut cuts = 0;
    for n in 0.. {
        let mut is_done = false;
        for (fat, seed) in [(false, 0), (true, 1)] {
            let store = armed(&MemoryStore::new(), stop(n, fat));
            is_done = owner.init(Arc::new(store.clone())).is_ok();
            let cut = store.crash(n * 7 + seed);
            let what = format!("stopped after {n}, fat {fat}, seed {seed}");
            // Before its end an init is made again; one that came to its end is there.
            let again = owner.init(Arc::new(cut.copy()));
            if is_done {
                assert_eq!(again.err().map(|e| e.kind()), Some(ErrorKind::Refused), "{what}");
            }
            if is_done || open_seeded(Arc::new(cut.copy()), &owner.full, 1).is_ok() {
                let opened = open(&cut, &owner, 1);
                // The last step is the marker: without it a new init is as good.
                let is_marked = vault::vault::read_marker(&cut).is_ok();
                if is_done || is_marked {
                    assert_sound(&opened, &what);
                    assert_survives(&cut, &owner, &exports, &states, &[], &[], &what);
                }
                if !is_marked {
                    owner.init(Arc::new(cut.copy())).unwrap_or_else(|e| panic!("{what}: {e}"));
                }
            } else {
                let store = cut.copy();
                owner.init(Arc::new(store.clone())).unwrap_or_else(|e| panic!("{what}: {e}"));
                let vault = open(&store, &owner, 1);
                assert_sound(&vault, &what);
            }
            cuts += 1;
        }
        if is_done {
            break;
        }
    }
    assert!(cuts > 100, "{cuts}");
    println!("init: {cuts} power cuts");
}

#[test]
fn a_slot_change_that_stops_anywhere_leaves_the_other_slots() {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let base = prepared(&owner, &exports, true);
    let newcomer = Identity::generate();
    let recipient = SlotRecipient::parse(&newcomer.recipient().to_string()).unwrap();
    let everyday = {
        let vault = open(&base, &owner, 1);
        let all = slots(&base, Some(&vault)).unwrap();
        let row = |s: &&vault::vault::SlotInfo| s.recorded.as_ref().unwrap().role == "everyday";
        all.iter().find(row).unwrap().id
    };
    let mut cuts = 0;
    for removes in [false, true] {
        for n in 0.. {
            {
                let (fat, seed) = (n % 2 == 0, n);
                let store = base.copy();
                let mut vault = open(&store, &owner, 2);
                store.arm(stop(n, fat));
                let is_done = if removes {
                    remove_slot(&mut vault, everyday, TIME).is_ok()
                } else {
                    let slot = NewSlot {
                        lock: Lock::Recipient(&recipient),
                        letter: SlotLetter::Key,
                        role: Role::Full,
                        label: "newcomer".to_owned(),
                    };
                    add_slot(&mut vault, slot, TIME).is_ok()
                };
                drop(vault);
                let cut = store.crash(n * 5 + seed);
                let what = format!("removes {removes}, stopped after {n}, fat {fat}, seed {seed}");
                let files = |area| cut.list(area).unwrap();
                let before = [files(Area::KeysA), files(Area::KeysB)].concat();
                assert_survives(&cut, &owner, &exports, &states, &["one"], &[], &what);
                if is_done {
                    let opens = |identity| open_seeded(Arc::new(cut.clone()), identity, 1).is_ok();
                    assert_eq!(opens(&newcomer), !removes, "{what}");
                    assert_eq!(opens(&owner.everyday), !removes, "{what}");
                }
                // A removal that was half done is not undone by the next add.
                let vault = open(&cut, &owner, 11);
                for slot in slots(&cut, Some(&vault)).unwrap() {
                    let text = slot.id.to_string();
                    let copies = before.iter().filter(|name| name.file().ends_with(&text)).count();
                    if slot.recorded.is_none() {
                        assert!(usize::from(slot.copies) <= copies, "{what}: a slot came back");
                    } else {
                        assert_eq!(slot.copies, 2, "{what}");
                    }
                }
                cuts += 1;
                if is_done {
                    break;
                }
            }
        }
    }
    assert!(cuts > 60, "{cuts}");
    println!("slot changes: {cuts} power cuts");
}

/// A file whose head says that it is a picture, so that it is cut at fixed places and not packed.
fn write_picture(path: &Path, length: usize) {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0];
    let words = (0_u64..).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    bytes.extend(words.take(length / 8).flatten());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The content bytes in the packs of `general` data.
fn bytes_in_packs(store: &MemoryStore, owner: &Owner) -> u64 {
    let bundle = bundle_of(store, &owner.full);
    let identity = bundle.identity(Compartment::General).unwrap();
    let kind =
        Kind { vault: bundle.vault(), compartment: Compartment::General, class: Class::Data };
    let mut sum = 0;
    for name in store.list(Area::Packs).unwrap() {
        let bytes = store.bytes(&name).unwrap();
        let Ok(mut reader) = Reader::open(bytes.as_slice(), &[identity]) else { continue };
        let length = reader.plain_length();
        let key = bundle.pack_mac_key(Compartment::General);
        let directory =
            Directory::read(kind, &key, length, |at, buffer| reader.read_at(at, buffer));
        sum += directory
            .iter()
            .flat_map(|directory| &directory.blocks)
            .map(|block| u64::from(block.content_length))
            .sum::<u64>();
    }
    sum
}

#[test]
fn an_add_goes_on_where_it_was_stopped() {
    let temp = tempfile::tempdir().unwrap();
    let export = temp.path().join("export");
    write_picture(&export.join("picture.jpg"), 70 << 20);
    let owner = Owner::new();
    let base = MemoryStore::new();
    drop(owner.init(Arc::new(base.clone())).unwrap());
    let clean = base.copy();
    clean.arm(Faults::default());
    let total = add(&mut open(&clean, &owner, 3), &export, "export").unwrap().bytes_new;
    let operations = clean.operations();
    let mut spared = std::collections::BTreeSet::new();
    for part in [25, 50, 75, 90, 97] {
        let store = base.copy();
        let mut vault = open(&store, &owner, 3);
        store.arm(stop(operations * part / 100, false));
        add(&mut vault, &export, "export").unwrap_err();
        drop(vault);
        // The process was killed, the machine went on: every pack that has its name is there.
        let store = store.copy();
        let there = bytes_in_packs(&store, &owner);
        let again = add(&mut open(&store, &owner, 4), &export, "export").unwrap();
        assert_eq!(again.bytes_new, total - there, "stopped at {part} %");
        assert_sound(&open(&store, &owner, 5), "after the second add");
        spared.insert(there);
    }
    assert!(spared.len() > 2, "{spared:?}");
}

#[test]
fn two_adds_at_once_both_land() {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let store = prepared(&owner, &exports, false);
    for round in 0..4 {
        let mut vaults = [open(&store, &owner, 100 + round), open(&store, &owner, 200 + round)];
        std::thread::scope(|scope| {
            for (vault, state) in vaults.iter_mut().zip(["one", "two"]) {
                let path = exports.path(state);
                scope.spawn(move || add(vault, &path, state).unwrap());
            }
        });
        let vault = open(&store, &owner, 300 + round);
        assert_eq!(vault.snapshots().unwrap().len() as u64, 2 * (round + 1));
        for state in ["one", "two"] {
            let info = vault.resolve(&Spec::Source { name: state.to_owned(), back: 0 }).unwrap();
            assert!(contents(&vault, &info).unwrap() == states[state]);
        }
        assert_sound(&vault, "after two adds at once");
    }
}

#[test]
fn two_heads_are_merged_by_the_next_add() {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let base = prepared(&owner, &exports, false);
    // Neither writer saw the other's entry: two copies of the folder, put together afterwards.
    let (ours, theirs) = (base.copy(), base.copy());
    add(&mut open(&ours, &owner, 3), &exports.path("one"), "export").unwrap();
    add(&mut open(&theirs, &owner, 4), &exports.path("two"), "export").unwrap();
    for (name, _) in theirs.files() {
        ours.set(&name, theirs.bytes(&name).unwrap());
    }
    let mut vault = open(&ours, &owner, 5);
    assert_eq!(vault.heads().heads.len(), 2);
    assert_eq!(vault.snapshots().unwrap().len(), 2);
    for info in vault.snapshots().unwrap() {
        let held = contents(&vault, &info).unwrap();
        assert!(held == states["one"] || held == states["two"]);
    }
    assert_sound(&vault, "two heads");
    let third = add(&mut vault, &exports.path("one"), "other").unwrap();
    assert_eq!(third.bytes_new, passwords("one").len() as u64, "only sealed content is new");
    assert_eq!(vault.heads().heads.len(), 1);
    let vault = open(&ours, &owner, 6);
    assert_eq!(vault.heads().heads.len(), 1);
    assert_eq!(vault.heads().heads[0].1.previous.len(), 2);
    assert_eq!(vault.snapshots().unwrap().len(), 3);
    assert_sound(&vault, "merged");
}

#[test]
fn a_full_medium_leaves_the_vault_as_it_was() {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let base = prepared(&owner, &exports, true);
    let used: u64 = base.files().iter().map(|(_, length)| *length as u64).sum();
    let mut cases = 0;
    // Steps that are coprime to the sizes of pieces and objects.
    for space in (used..).step_by(4_703) {
        let store = base.copy();
        let mut vault = open(&store, &owner, 3);
        store.arm(Faults { space: Some(space), ..Faults::default() });
        let result = add(&mut vault, &exports.path("two"), "export");
        drop(vault);
        let Err(error) = result else { break };
        let what = format!("{} bytes left", space - used);
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{what}: {error}");
        assert!(store.temporary_files().is_empty(), "{what}");
        store.arm(Faults::default());
        let vault = open(&store, &owner, 4);
        let has_entry = vault.snapshots().unwrap().len() == 2;
        drop(vault);
        // The entry's first copy may have found room and its second not.
        let (committed, pending): (&[&str], &[&str]) =
            if has_entry { (&["one", "two"], &[]) } else { (&["one"], &[]) };
        assert_survives(&store, &owner, &exports, &states, committed, pending, &what);
        cases += 1;
    }
    assert!(cases > 40, "{cases}");
    println!("no space: {cases} budgets");
}

#[test]
fn a_sync_that_fails_is_an_error() {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let base = prepared(&owner, &exports, true);
    let mut cases = 0;
    for k in 1.. {
        let store = base.copy();
        let mut vault = open(&store, &owner, 3);
        store.arm(Faults { fail_sync_at: Some(k), seed: k, ..Faults::default() });
        let result = add(&mut vault, &exports.path("two"), "export");
        drop(vault);
        if store.syncs() < k {
            result.unwrap();
            break;
        }
        result.expect_err("a sync failed");
        let what = format!("sync {k}");
        let cut = store.crash(k);
        store.arm(Faults::default());
        for store in [store, cut] {
            assert_survives(&store, &owner, &exports, &states, &["one"], &["two"], &what);
        }
        cases += 1;
    }
    assert!(cases > 10, "{cases}");
    println!("failing syncs: {cases}");
}

#[test]
fn wrong_bytes_read_back_are_stored_again_or_refused() {
    let (owner, exports) = (Owner::new(), Exports::new());
    let states = states(&exports);
    let base = prepared(&owner, &exports, true);
    let mut cases = 0;
    'all: for k in 1.. {
        for seed in 0..3 {
            let store = base.copy();
            let mut vault = open(&store, &owner, 3);
            store.arm(Faults { corrupt_read_back_at: Some(k), seed, ..Faults::default() });
            let result = add(&mut vault, &exports.path("two"), "export");
            drop(vault);
            if store.read_backs() < k {
                break 'all;
            }
            let what = format!("read back {k}, seed {seed}");
            store.arm(Faults::default());
            let committed: &[&str] = match result {
                Ok(added) => {
                    assert!(added.packs_discarded > 0, "{what}");
                    &["one", "two"]
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Failed, "{what}: {error}");
                    &["one"]
                }
            };
            assert_survives(&store, &owner, &exports, &states, committed, &[], &what);
            cases += 1;
        }
    }
    assert!(cases >= 9, "{cases}");
    println!("read backs: {cases}");
}

/// The failure: a pack whose padding fills a whole piece of the payload was believed though that
/// piece did not read back; its directory could not be read then, and a sealed pack with it.
#[test]
fn every_piece_of_a_pack_is_read_back() {
    let temp = tempfile::tempdir().unwrap();
    let export = temp.path().join("export");
    // 8,390,000 bytes are padded to 8,650,752: two pieces of nothing but padding before the last.
    write_picture(&export.join("picture.jpg"), 8_390_000);
    let owner = Owner::new();
    let base = MemoryStore::new();
    drop(owner.init(Arc::new(base.clone())).unwrap());
    // The first of these seeds flip a bit in those two pieces, 129 and 130.
    for seed in [89, 95, 277, 0, 1] {
        let store = base.copy();
        let mut vault = open(&store, &owner, 3);
        store.arm(Faults { corrupt_read_back_at: Some(1), seed, ..Faults::default() });
        let added = add(&mut vault, &export, "export").unwrap();
        assert_eq!(added.packs_discarded, 1, "seed {seed}");
    }
}
