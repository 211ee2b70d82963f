//! What each role can do and cannot.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::damage::verify_table;
use super::support::{
    Owner, add, bundle_of, contents, extract, noise, open_seeded, snapshot_contents, write_export,
};
use vault::check::{CheckOptions, Severity, check};
use vault::error::{ErrorKind, Result};
use vault::format::TABLES_MAX;
use vault::id::{SlotId, TableId};
use vault::keys::{Compartment, Role};
use vault::payload::{Identity, Lock, SlotRecipient};
use vault::progress::Silent;
use vault::store::{Area, MemoryStore, Store as _};
use vault::vault::{
    NewSlot, SlotLetter, Spec, Vault, add_slot, find, list, remove_slot, replace_slot, slots,
};

/// A vault with one snapshot of a full key, and an identity of each role.
struct Sample {
    owner: Owner,
    adder: Identity,
    store: MemoryStore,
    export: PathBuf,
    temp: tempfile::TempDir,
}

impl Sample {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let export = temp.path().join("export");
        write_export(&export);
        let (owner, adder, store) = (Owner::new(), Identity::generate(), MemoryStore::new());
        let mut vault = owner.init(Arc::new(store.clone())).unwrap();
        add_slot(&mut vault, slot(&recipient(&adder), Role::Add), 1).unwrap();
        add(&mut vault, &export, "export").unwrap();
        Self { owner, adder, store, export, temp }
    }

    fn open(&self, identity: &Identity, seed: u64) -> Vault {
        open_seeded(Arc::new(self.store.clone()), identity, seed).unwrap()
    }

    /// All is whole, to a full key, and the newest snapshot of the source is the folder.
    fn assert_holds(&self, source: &str, folder: &Path) {
        let vault = self.open(&self.owner.full, 90);
        let report = check(&vault, CheckOptions { read_data: true }, &Silent).unwrap();
        let bad: Vec<_> = report.findings.iter().filter(|f| f.severity > Severity::Note).collect();
        assert!(bad.is_empty(), "{bad:?}");
        let info = vault.resolve(&Spec::Source { name: source.to_owned(), back: 0 }).unwrap();
        let mut there = snapshot_contents(folder);
        there.retain(|path, _| !folder.join(path).is_symlink());
        assert!(contents(&vault, &info).unwrap() == there);
    }

    /// The tables by whether they have a reader MAC that is right.
    fn tables(&self) -> (BTreeSet<TableId>, BTreeSet<TableId>) {
        let bundle = bundle_of(&self.store, &self.owner.full);
        let (mut with, mut without) = (BTreeSet::new(), BTreeSet::new());
        for name in self.store.list(Area::Index).unwrap() {
            let id = TableId::parse(name.file()).unwrap();
            let has = verify_table(&self.store.bytes(&name).unwrap(), &bundle).unwrap();
            if has { &mut with } else { &mut without }.insert(id);
        }
        (with, without)
    }
}

fn recipient(identity: &Identity) -> SlotRecipient {
    SlotRecipient::parse(&identity.recipient().to_string()).unwrap()
}

fn slot(recipient: &SlotRecipient, role: Role) -> NewSlot<'_> {
    let lock = Lock::Recipient(recipient);
    NewSlot { lock, letter: SlotLetter::Key, role, label: role.as_str().to_owned() }
}

fn kind_of<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn an_add_key_adds_and_others_read_it() {
    let sample = Sample::new();
    fs::write(sample.export.join("notes/new.bin"), noise(70_000, 8)).unwrap();
    let mut vault = sample.open(&sample.adder, 10);
    assert_eq!(vault.role(), Role::Add);
    let before = sample.tables();
    let added = add(&mut vault, &sample.export, "export").unwrap();
    // What is in general is left out; what is sealed is stored anew, and no more than that.
    let secrets: u64 = ["secrets/Passwords.csv", "mixed/id_ed25519"]
        .map(|path| fs::metadata(sample.export.join(path)).unwrap().len())
        .iter()
        .sum();
    assert_eq!(added.bytes_new, 70_000 + secrets);
    let after = sample.tables();
    assert_eq!(after.0, before.0, "a table with the reader MAC is taken over");
    assert!(before.1.is_empty() && !after.1.is_empty());
    sample.assert_holds("export", &sample.export);

    // Once more: its own tables are enough for it.
    let again = add(&mut vault, &sample.export, "export").unwrap();
    assert_eq!(again.bytes_new, secrets);
    // Everybody else reads those packs first, and vouches for them.
    let mut full = sample.open(&sample.owner.full, 11);
    assert_eq!(add(&mut full, &sample.export, "export").unwrap().bytes_new, 0);
    assert!(sample.tables().0.len() > after.0.len());
    let mut everyday = sample.open(&sample.owner.everyday, 12);
    assert_eq!(add(&mut everyday, &sample.export, "export").unwrap().bytes_new, secrets);
    sample.assert_holds("export", &sample.export);
}

#[test]
fn an_add_key_writes_small_tables_into_one_of_its_own() {
    let sample = Sample::new();
    for at in 0..6 {
        let folder = sample.temp.path().join(format!("more{at}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.bin"), noise(40_000, 20 + at)).unwrap();
        let mut vault = sample.open(&sample.adder, 30 + at);
        add(&mut vault, &folder, "more").unwrap();
        sample.assert_holds("more", &folder);
    }
    let vault = sample.open(&sample.adder, 40);
    let info = vault.resolve(&Spec::Latest).unwrap();
    let (with, _) = sample.tables();
    for named in [info.snapshot.tables.data, info.snapshot.tables.nodes] {
        let (others, own): (Vec<TableId>, Vec<TableId>) =
            named.iter().partition(|id| with.contains(id));
        assert!(!others.is_empty() && own.len() <= TABLES_MAX, "{named:?}");
    }
    let mut full = sample.open(&sample.owner.full, 41);
    add(&mut full, &sample.export, "export").unwrap();
    sample.assert_holds("export", &sample.export);
}

#[test]
fn an_add_key_sees_the_chain_and_nothing_below() {
    let sample = Sample::new();
    let vault = sample.open(&sample.adder, 10);
    let snapshots = vault.snapshots().unwrap();
    assert_eq!(snapshots.len(), 1);
    assert_eq!(snapshots[0].snapshot.source, "export");
    assert!(snapshots[0].snapshot.counts.iter().any(|count| count.items > 0));
    assert_eq!(vault.newest().unwrap().len(), 1);
    assert_eq!(slots(&sample.store, Some(&vault)).unwrap().len(), 3);

    let no = Some(ErrorKind::NotPermitted);
    assert_eq!(kind_of(vault.refuse_unread()), no);
    let info = &snapshots[0];
    assert_eq!(kind_of(list(&vault, info, &[]).next_item()), no);
    let path = vault::files::ItemPath::from_key(b"notes".to_vec()).unwrap();
    assert_eq!(kind_of(find(&vault, info, &path)), no);
    let back = sample.temp.path().join("back");
    assert_eq!(kind_of(extract(&vault, &Spec::Latest, &back)), no);
    for read_data in [false, true] {
        assert_eq!(kind_of(check(&vault, CheckOptions { read_data }, &Silent)), no);
    }
}

#[test]
fn an_add_key_changes_no_slots() {
    let sample = Sample::new();
    let mut vault = sample.open(&sample.adder, 10);
    let before = sample.store.list(Area::KeysA).unwrap();
    let id = SlotId::parse(before[0].file().rsplit('-').next().unwrap()).unwrap();
    let more = recipient(&Identity::generate());
    let no = Some(ErrorKind::NotPermitted);
    for role in Role::ALL {
        assert_eq!(kind_of(add_slot(&mut vault, slot(&more, role), 2)), no, "{role}");
        assert_eq!(kind_of(replace_slot(&mut vault, id, slot(&more, role), 2)), no, "{role}");
    }
    assert_eq!(kind_of(remove_slot(&mut vault, id, 2)), no);
    assert_eq!(sample.store.list(Area::KeysA).unwrap(), before);
    // Nor does it bring back what it cannot tell from what somebody put there.
    sample.store.unset(&before[0]);
    add(&mut vault, &sample.export, "export").unwrap();
    assert_eq!(sample.store.list(Area::KeysA).unwrap().len(), before.len() - 1);
    let mut full = sample.open(&sample.owner.full, 11);
    add(&mut full, &sample.export, "export").unwrap();
    assert_eq!(sample.store.list(Area::KeysA).unwrap(), before);
}

#[test]
fn no_role_makes_a_slot_of_more_than_itself() {
    let sample = Sample::new();
    let more = recipient(&Identity::generate());
    let mut everyday = sample.open(&sample.owner.everyday, 10);
    let full = add_slot(&mut everyday, slot(&more, Role::Full), 2);
    assert_eq!(kind_of(full), Some(ErrorKind::NotPermitted));
    for role in [Role::Everyday, Role::Add] {
        add_slot(&mut everyday, slot(&more, role), 2).unwrap();
    }
    let bundle = bundle_of(&sample.store, &sample.adder);
    assert!(bundle.identity(Compartment::General).is_none());
    assert!(bundle.identity(Compartment::Sealed).is_none());
}
