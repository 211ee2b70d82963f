//! Copies: brought up to date object for object, cut off anywhere, and made without something.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use super::support::{Owner, add, contents, noise, open_seeded, open_with};
use vault::check::{CheckOptions, Severity, check, check_keyless};
use vault::error::{ErrorKind, Result};
use vault::id::VaultId;
use vault::keys::Role;
use vault::payload::{Identity, Lock, SlotRecipient};
use vault::progress::Silent;
use vault::store::{Area, Faults, MemoryStore, Name, Store as _};
use vault::vault::{
    Copied, CopyOptions, NewSlot, SlotLetter, Vault, add_slot, marker, read_marker, remove_slot,
    slots,
};

const TIME: i64 = 1_700_000_000_000_000_000;

/// A vault with a snapshot that has something in both compartments.
struct Bench {
    owner: Owner,
    temp: tempfile::TempDir,
    store: MemoryStore,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            owner: Owner::new(),
            temp: tempfile::tempdir().unwrap(),
            store: MemoryStore::new(),
        };
        bench.owner.init(Arc::new(bench.store.clone())).unwrap();
        bench.add(&bench.store, 1);
        bench
    }

    fn add(&self, store: &MemoryStore, round: u64) {
        let put = |name: &str, bytes: &[u8]| fs::write(self.temp.path().join(name), bytes).unwrap();
        put(&format!("{round}.bin"), &noise(30_000, round));
        put("same.txt", b"the same every time\n");
        let row = format!("url,username,password\nhttps://x.example,anna,word-{round}\n");
        put("passwords.csv", row.as_bytes());
        add(&mut self.open(store, 10 + round), self.temp.path(), "export").unwrap();
    }

    fn open(&self, store: &MemoryStore, seed: u64) -> Vault {
        open_seeded(Arc::new(store.clone()), &self.owner.full, seed).unwrap()
    }

    /// Adds a slot and gives what opens it.
    fn add_slot(&self, role: Role, label: &str) -> Identity {
        let identity = Identity::generate();
        let recipient = SlotRecipient::parse(&identity.recipient().to_string()).unwrap();
        let slot = NewSlot {
            lock: Lock::Recipient(&recipient),
            letter: SlotLetter::Key,
            role,
            label: label.to_owned(),
        };
        add_slot(&mut self.open(&self.store, 5), slot, TIME).unwrap();
        identity
    }

    fn remove_everyday(&self, store: &MemoryStore) {
        let mut vault = self.open(store, 6);
        let found = slots(store, Some(&vault)).unwrap();
        let found = found.iter().find(|slot| slot.recorded.as_ref().unwrap().role == "everyday");
        remove_slot(&mut vault, found.unwrap().id, TIME).unwrap();
    }

    fn copy(&self, to: &MemoryStore) -> Result<Copied> {
        vault::vault::copy(&self.store, to, &CopyOptions::default(), &Silent)
    }

    fn copy_with(&self, to: &MemoryStore, wish: &[&str]) -> Result<Copied> {
        let vault = self.open(&self.store, 7);
        let labels: BTreeSet<String> =
            wish.iter().filter(|word| !word.starts_with('-')).map(|w| (*w).to_owned()).collect();
        let options = CopyOptions {
            vault: Some(&vault),
            without_sealed: wish.contains(&"-sealed"),
            labels: (!labels.is_empty()).then_some(labels),
            all: wish.contains(&"-all"),
            dry_run: false,
            time: TIME,
        };
        vault::vault::copy(&self.store, to, &options, &Silent)
    }
}

/// Names and bytes of all that is in a store.
fn all(store: &MemoryStore) -> Vec<(Name, Vec<u8>)> {
    let files = store.files().into_iter();
    files.map(|(name, _)| (name.clone(), store.bytes(&name).unwrap())).collect()
}

fn assert_same(one: &MemoryStore, other: &MemoryStore, what: &str) {
    let names = |store| all(store).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(one), names(other), "{what}");
    assert!(all(one) == all(other), "{what}");
}

fn worse_than_notes(vault: &Vault) -> Vec<String> {
    let report = check(vault, CheckOptions { read_data: true }, &Silent).unwrap();
    let worse = report.findings.into_iter().filter(|it| it.severity > Severity::Note);
    worse.map(|it| format!("{:?} {}: {}", it.severity, it.object, it.what)).collect()
}

fn assert_sound(vault: &Vault, what: &str) {
    assert_eq!(worse_than_notes(vault), Vec::<String>::new(), "{what}");
}

#[test]
fn a_copy_has_the_same_bytes_and_is_brought_up_to_date() {
    let bench = Bench::new();
    let to = MemoryStore::new();
    let copied = bench.copy(&to).unwrap();
    assert_eq!(copied.objects, bench.store.files().len() as u64);
    assert_same(&bench.store, &to, "new");
    let again = bench.copy(&to).unwrap();
    assert_eq!((again.objects, again.bytes), (0, 0));
    bench.add(&bench.store, 2);
    let before = to.files().len();
    let copied = bench.copy(&to).unwrap();
    assert_eq!(copied.objects, (bench.store.files().len() - before) as u64);
    assert_same(&bench.store, &to, "updated");
    assert!(check_keyless(&to, &Silent).unwrap().findings.is_empty());
}

#[test]
fn another_vault_is_not_written_into() {
    let (bench, other) = (Bench::new(), Bench::new());
    // Both were drawn from one seed.
    let name = Name::new(Area::Top, "vault").unwrap();
    other.store.set(&name, marker(VaultId::new([9; 16])).into_bytes());
    let before = all(&other.store);
    assert_eq!(bench.copy(&other.store).unwrap_err().kind(), ErrorKind::Refused);
    // Nor one that lost its marker.
    other.store.unset(&name);
    assert_eq!(bench.copy(&other.store).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(all(&other.store).len(), before.len() - 1);
}

#[test]
fn damage_stays_where_it_is_and_is_told() {
    let bench = Bench::new();
    let to = MemoryStore::new();
    bench.copy(&to).unwrap();
    let whole = bench.store.copy();
    // In the copy: a short object is replaced, and so is a slot or entry of which one copy is bad.
    for area in [Area::Packs, Area::Index, Area::KeysA, Area::KeysB, Area::ChainA, Area::ChainB] {
        let name = bench.store.list(area).unwrap().remove(0);
        let mut bytes = to.bytes(&name).unwrap();
        bytes.pop();
        to.set(&name, bytes);
        let copied = bench.copy(&to).unwrap();
        assert_eq!((copied.healed, copied.damaged.len()), (1, 0), "{name}");
        assert_same(&bench.store, &to, &name.to_string());
    }
    // In the vault: it is not copied, the rest is, and it does not spoil what the copy has.
    let name = bench.store.list(Area::Packs).unwrap().remove(0);
    let mut bytes = bench.store.bytes(&name).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bench.store.set(&name, bytes.clone());
    let fresh = MemoryStore::new();
    let copied = bench.copy(&fresh).unwrap();
    assert_eq!(copied.damaged.len(), 1);
    assert_eq!(copied.damaged[0].object(), Some(name.to_string().as_str()));
    assert_eq!(fresh.bytes(&name), None);
    assert_eq!(fresh.files().len(), whole.files().len() - 1);
    bytes.pop();
    bench.store.set(&name, bytes);
    assert_eq!(bench.copy(&to).unwrap().damaged.len(), 1);
    assert_same(&whole, &to, "a broken object in the vault");
    // And a good copy heals the one that missed it.
    vault::vault::copy(&to, &fresh, &CopyOptions::default(), &Silent).unwrap();
    assert_same(&whole, &fresh, "from the other copy");
}

#[test]
fn what_does_not_fit_is_not_begun() {
    let bench = Bench::new();
    let size: usize = bench.store.files().iter().map(|(_, length)| length).sum();
    let to = MemoryStore::with_faults(Faults { space: Some(size as u64 / 2), ..Faults::default() });
    assert_eq!(bench.copy(&to).unwrap_err().kind(), ErrorKind::NoSpace);
    assert!(to.files().is_empty() && to.temporary_files().is_empty());
}

#[test]
fn a_medium_that_gives_back_other_bytes_is_not_trusted() {
    let bench = Bench::new();
    let clean = MemoryStore::new();
    bench.copy(&clean).unwrap();
    for at in 1..=clean.read_backs() {
        let faults = Faults { corrupt_read_back_at: Some(at), seed: at, ..Faults::default() };
        let to = MemoryStore::with_faults(faults);
        let error = bench.copy(&to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{at}: {error}");
        for (name, bytes) in all(&to) {
            let ours = bench.store.bytes(&name);
            let is_mark = name.file().starts_with("copying-");
            assert!(is_mark || ours == Some(bytes), "{at}: {name}");
        }
        bench.copy(&to).unwrap();
        assert_same(&bench.store, &to, "afterwards");
    }
}

/// Stops a copy after every operation of the target, cuts the power, looks, and goes on.
fn cut_everywhere(
    bench: &Bench,
    base: &MemoryStore,
    states: &[&MemoryStore],
    copy: &dyn Fn(&MemoryStore) -> Result<Copied>,
) -> u64 {
    let done = base.copy();
    copy(&done).unwrap();
    let wanted: Vec<Name> = done.files().into_iter().map(|(name, _)| name).collect();
    let wanted_scopes = done.list(Area::Scope).unwrap().len();
    let mut cuts = 0;
    for n in 0.. {
        let fat = n % 2 == 1;
        let store = base.copy();
        store.arm(Faults { stop_after: Some(n), fat, seed: n, ..Faults::default() });
        let is_done = copy(&store).is_ok();
        let cut = store.crash(n);
        let what = format!("stopped after {n}, fat {fat}");
        if let Ok(vault) = open_with(Arc::new(cut.clone()), &bench.owner.full) {
            // It is as it was, or further on; and whole either way.
            let count = vault.snapshots().unwrap().len();
            let state =
                states.iter().find(|it| bench.open(it, 1).snapshots().unwrap().len() == count);
            let state = bench.open(state.unwrap_or_else(|| panic!("{what}: {count}")), 1);
            if vault.scope().is_none() {
                for (info, of) in vault.snapshots().unwrap().iter().zip(state.snapshots().unwrap())
                {
                    assert!(contents(&vault, info).unwrap() == contents(&state, &of).unwrap());
                }
            }
            // Until the marker is there a new copy is not finished, though its slots may open.
            assert!(!is_done || read_marker(&cut).is_ok(), "{what}");
            if read_marker(&cut).is_ok() {
                assert_sound(&vault, &what);
            }
        } else {
            assert!(base.files().is_empty(), "{what}: does not open any more");
            assert!(!is_done, "{what}");
        }
        copy(&cut).unwrap_or_else(|error| panic!("{what}: {error}"));
        // A scope is encrypted anew each time, so its name differs.
        let names = |store: &MemoryStore| -> Vec<Name> {
            let names = store.files().into_iter().map(|(name, _)| name);
            names.filter(|name| name.area() != Area::Scope).collect()
        };
        let wanted: Vec<Name> =
            wanted.iter().filter(|name| name.area() != Area::Scope).cloned().collect();
        assert_eq!(names(&cut), wanted, "{what}");
        assert_eq!(cut.list(Area::Scope).unwrap().len(), wanted_scopes, "{what}");
        for (name, bytes) in all(&cut).into_iter().filter(|(name, _)| name.area() != Area::Scope) {
            assert!(done.bytes(&name) == Some(bytes), "{what}: {name}");
        }
        cuts += 1;
        if is_done {
            return cuts;
        }
    }
    cuts
}

#[test]
fn a_new_copy_that_stops_anywhere_goes_on() {
    let bench = Bench::new();
    bench.add(&bench.store, 2);
    let cuts = cut_everywhere(&bench, &MemoryStore::new(), &[&bench.store], &|to| bench.copy(to));
    assert!(cuts > 100, "{cuts}");
    println!("new copy: {cuts} power cuts");
}

#[test]
fn an_update_that_stops_anywhere_goes_on() {
    let bench = Bench::new();
    let base = MemoryStore::new();
    bench.copy(&base).unwrap();
    bench.add(&bench.store, 2);
    bench.add_slot(Role::Full, "another");
    let between = bench.store.copy();
    bench.remove_everyday(&bench.store);
    bench.add(&bench.store, 3);
    let states = [&base.copy(), &between, &bench.store];
    let cuts = cut_everywhere(&bench, &base, &states, &|to| bench.copy(to));
    let with_key = cut_everywhere(&bench, &base, &states, &|to| bench.copy_with(to, &[]));
    assert!(cuts > 100 && with_key > 100, "{cuts} {with_key}");
    println!("update: {cuts} power cuts, {with_key} with a key");
}

#[test]
fn a_copy_without_sealed_that_stops_anywhere_goes_on() {
    let bench = Bench::new();
    let wish = ["-sealed", "everyday", "full"];
    let cuts = cut_everywhere(&bench, &MemoryStore::new(), &[&bench.store], &|to| {
        bench.copy_with(to, &wish)
    });
    let (base, before) = (MemoryStore::new(), bench.store.copy());
    bench.copy_with(&base, &wish).unwrap();
    bench.add(&bench.store, 2);
    let states = [&before, &bench.store];
    let updates = cut_everywhere(&bench, &base, &states, &|to| bench.copy_with(to, &[]));
    assert!(cuts > 100 && updates > 50, "{cuts} {updates}");
    println!("without sealed: {cuts} power cuts, {updates} of an update");
}

#[test]
fn a_removed_slot_is_never_brought_back() {
    let bench = Bench::new();
    let (older, copy) = (bench.store.copy(), MemoryStore::new());
    bench.copy(&copy).unwrap();
    let opens = |store: &MemoryStore| bench.owner.open_everyday(Arc::new(store.clone())).is_ok();
    bench.remove_everyday(&bench.store);
    // Without a key it stays where it is, and that is told; with one it goes.
    let told = bench.copy(&copy).unwrap();
    assert_eq!((told.slots_stale.len(), told.slots_removed.len()), (1, 0));
    assert!(opens(&copy));
    let told = bench.copy_with(&copy, &[]).unwrap();
    assert_eq!((told.slots_stale.len(), told.slots_removed.len()), (0, 1));
    assert!(!opens(&copy));
    assert_same(&bench.store, &copy, "with a key");
    // An older copy does not bring it back, with or without a key.
    let told = vault::vault::copy(&older, &copy, &CopyOptions::default(), &Silent).unwrap();
    assert_eq!((told.slots_held.len(), told.ahead), (1, 1));
    let vault = bench.open(&older, 3);
    let options = CopyOptions { vault: Some(&vault), ..CopyOptions::default() };
    vault::vault::copy(&older, &copy, &options, &Silent).unwrap();
    assert_same(&bench.store, &copy, "after the older copy");
    // Nor what a removal that was interrupted has left of it.
    let half = bench.store.copy();
    let mut names = older.list(Area::KeysB).unwrap().into_iter();
    let name = names.find(|name| bench.store.bytes(name).is_none()).unwrap();
    half.set(&name, older.bytes(&name).unwrap());
    let told = vault::vault::copy(&half, &copy, &CopyOptions::default(), &Silent).unwrap();
    assert_eq!(told.slots_held.len(), 1);
    assert_same(&bench.store, &copy, "after half a removal");
}

#[test]
fn two_copies_that_went_apart_come_together() {
    let bench = Bench::new();
    let other = MemoryStore::new();
    bench.copy(&other).unwrap();
    bench.add(&bench.store, 2);
    bench.add(&other, 3);
    assert_eq!(bench.copy(&other).unwrap().ahead, 1);
    vault::vault::copy(&other, &bench.store, &CopyOptions::default(), &Silent).unwrap();
    assert_same(&bench.store, &other, "both ways");
    let vault = bench.open(&other, 1);
    assert_eq!(vault.snapshots().unwrap().len(), 3);
    assert_sound(&vault, "both ways");
}

#[test]
fn a_copy_without_sealed_is_clean_and_stays_so() {
    let bench = Bench::new();
    let sam = bench.add_slot(Role::Everyday, "Sam");
    let to = MemoryStore::new();
    let copied = bench.copy_with(&to, &["-sealed", "Sam"]).unwrap();
    let scope = copied.scope.unwrap();
    assert!(scope.without_sealed && !scope.packs.is_empty() && copied.labels_full.is_empty());
    assert_eq!(scope.slots.len(), 2);
    for pack in &scope.packs {
        assert_eq!(to.bytes(&Name::new(Area::Packs, pack.to_string()).unwrap()), None);
    }
    let open = |store: &MemoryStore| open_with(Arc::new(store.clone()), &sam).unwrap();
    let report = check(&open(&to), CheckOptions { read_data: true }, &Silent).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let left_out = report.left_out.unwrap();
    assert!(left_out.sealed && left_out.items > 0 && left_out.slots == 2);
    assert!(open_with(Arc::new(to.clone()), &bench.owner.full).is_err());

    // A later update without the options leaves out the same, and without a key it does not begin.
    bench.add(&bench.store, 2);
    assert_eq!(bench.copy(&to).unwrap_err().kind(), ErrorKind::NotPermitted);
    assert!(bench.copy_with(&to, &[]).unwrap().scope.unwrap().packs.len() > scope.packs.len());
    assert_eq!(to.list(Area::Scope).unwrap().len(), 1);
    let vault = open(&to);
    assert_eq!(vault.snapshots().unwrap().len(), 2);
    assert_sound(&vault, "updated");
    drop(vault);
    let before = all(&to);
    assert_eq!(bench.copy_with(&to, &[]).unwrap().objects, 0);
    assert!(all(&to) == before);

    // Its own copy says the same, without a key; and what is added there comes back.
    let second = MemoryStore::new();
    vault::vault::copy(&to, &second, &CopyOptions::default(), &Silent).unwrap();
    assert_sound(&open(&second), "a copy of the copy");
    assert!(open(&second).scope().is_some());
    let mut vault = open_seeded(Arc::new(to.clone()), &sam, 77).unwrap();
    fs::write(bench.temp.path().join("sams.txt"), b"of Sam").unwrap();
    add(&mut vault, bench.temp.path(), "Sam's").unwrap();
    assert_sound(&open(&to), "added to");
    vault::vault::copy(&to, &bench.store, &CopyOptions::default(), &Silent).unwrap();
    assert!(bench.store.list(Area::Scope).unwrap().is_empty());
    let whole = bench.open(&bench.store, 1);
    assert_eq!(whole.snapshots().unwrap().len(), 3);
    assert_sound(&whole, "what came back");

    // A wish for all makes it whole.
    bench.copy_with(&to, &["-all"]).unwrap();
    assert_same(&bench.store, &to, "all");
}

#[test]
fn a_full_key_finds_nothing_wrong_without_sealed() {
    let bench = Bench::new();
    let to = MemoryStore::new();
    let copied = bench.copy_with(&to, &["-sealed"]).unwrap();
    assert_eq!(copied.labels_full, ["full"]);
    let mut vault = bench.open(&to, 4);
    assert_sound(&vault, "full");
    let info = vault.snapshots().unwrap().remove(0);
    let found = contents(&vault, &info).unwrap();
    assert!(!found.contains_key("passwords.csv") && found.contains_key("same.txt"));
    assert!(vault::vault::list(&vault, &info, &[]).left_out > 0);
    // What is sealed there later is stored whole, since nothing can be reused.
    add(&mut vault, bench.temp.path(), "export").unwrap();
    let info = vault.snapshots().unwrap().remove(1);
    assert!(contents(&vault, &info).unwrap().contains_key("passwords.csv"));
    assert_sound(&bench.open(&to, 5), "added to");
    // But a whole copy is not made into one without.
    let whole = MemoryStore::new();
    bench.copy(&whole).unwrap();
    assert_eq!(bench.copy_with(&whole, &["-sealed"]).unwrap_err().kind(), ErrorKind::Refused);
    let unknown = bench.copy_with(&MemoryStore::new(), &["Nobody"]).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    assert!(unknown.way_out().unwrap().contains("everyday, full"), "{unknown}");
}

/// spec L-1, L-2
#[test]
fn a_scope_hides_no_loss() {
    let bench = Bench::new();
    bench.add(&bench.store, 2);
    let to = MemoryStore::new();
    bench.copy_with(&to, &["-sealed"]).unwrap();
    let scope = to.list(Area::Scope).unwrap().remove(0);
    let listed = bench.open(&to, 1).scope().unwrap().packs.clone();
    // Moved to the whole vault, it does not count, and is reported; a loss there is one.
    let main = bench.store.copy();
    main.set(&scope, to.bytes(&scope).unwrap());
    let vault = bench.open(&main, 1);
    assert!(vault.scope().is_none());
    let report = check(&vault, CheckOptions::default(), &Silent).unwrap();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].object, scope.to_string());
    assert!(report.left_out.is_none());
    let lost = Name::new(Area::Packs, listed.iter().next().unwrap().to_string()).unwrap();
    main.unset(&lost);
    assert!(worse_than_notes(&bench.open(&main, 1)).iter().any(|it| it.contains(lost.file())));
    // What it does not list is a loss in the copy too.
    let general = to.list(Area::Packs).unwrap().remove(0);
    to.unset(&general);
    assert!(!worse_than_notes(&bench.open(&to, 1)).is_empty());
    // And without it everything that is left out is.
    let bare = MemoryStore::new();
    bench.copy_with(&bare, &["-sealed"]).unwrap();
    let scope = bare.list(Area::Scope).unwrap().remove(0);
    let mut bytes = bare.bytes(&scope).unwrap();
    bare.unset(&scope);
    assert!(!worse_than_notes(&bench.open(&bare, 1)).is_empty());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bare.set(&scope, bytes);
    assert!(bench.open(&bare, 1).scope().is_none());
}
