//! Records in their trees: shared by exports, found by handle, added by who cannot read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use vault::keys::{Compartment, Role};
use vault::payload::{Identity, Lock, SlotRecipient};
use vault::store::MemoryStore;
use vault::vault::{
    HandlePrefix, NewSlot, Query, RecordReader, SlotLetter, SnapshotInfo, Spec, Vault, add_slot,
    open_record, records, records_called, search_records,
};

use super::support::{Owner, add, open_seeded};

const LOGINS: &str = "Title,URL,Username,Password,Notes,OTPAuth\n\
    one,https://one.example/,anna,first,,\n\
    two,https://two.example/,anna,second,,\n\
    three,https://three.example/,bert,third,,\n";

fn certificates() -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/icloud-export");
    fs::read_to_string(data.join("Certificates/www.example.com.pem")).unwrap()
}

fn newest(vault: &Vault, source: &str) -> SnapshotInfo {
    vault.resolve(&Spec::Source { name: source.to_owned(), back: 0 }).unwrap()
}

/// Title and bytes of every record that can be read.
fn all(vault: &Vault, info: &SnapshotInfo) -> BTreeSet<(String, Vec<u8>)> {
    let mut found = BTreeSet::new();
    let mut stored = records(vault, info);
    while let Some(record) = stored.next_record().unwrap() {
        let opened = open_record(vault, info, &record).unwrap();
        found.insert((record.facts.title, opened.bytes.to_vec()));
    }
    found
}

#[test]
fn records_of_two_exports_are_the_same_nodes_whatever_their_files_are_called() {
    let temp = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str| {
        let path = temp.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let owner = Owner::new();
    let mut vault = owner.init(Arc::new(MemoryStore::new())).unwrap();
    write("spring/Passwords.csv", LOGINS);
    write("spring/all.pem", &certificates());
    add(&mut vault, &temp.path().join("spring"), "export").unwrap();
    let spring = newest(&vault, "export");

    // Other names, another order of the rows.
    let rows: Vec<&str> = LOGINS.split_inclusive('\n').collect();
    write("autumn/sub/암호.csv", &[rows[0], rows[3], rows[1], rows[2]].concat());
    write("autumn/certificates", &certificates());
    add(&mut vault, &temp.path().join("autumn"), "export").unwrap();
    let autumn = newest(&vault, "export");
    for compartment in [Compartment::General, Compartment::Sealed] {
        let trees = |info: &SnapshotInfo| info.snapshot.records_in(compartment).unwrap().clone();
        let (spring, autumn) = (trees(&spring), trees(&autumn));
        assert_eq!(spring.facts.reference, autumn.facts.reference, "{compartment:?}");
        assert_ne!(spring.whereabouts.reference, autumn.whereabouts.reference);
    }
    assert_eq!(all(&vault, &spring), all(&vault, &autumn));
    // One changed, one gone: that is what differs.
    write(
        "winter/Passwords.csv",
        &[rows[0], &rows[1].replace("first", "changed"), rows[2]].concat(),
    );
    add(&mut vault, &temp.path().join("winter"), "export").unwrap();
    let snapshots = vault.snapshots().unwrap();
    let found = search_records(&vault, &snapshots, &Query::default()).unwrap();
    let told: Vec<(String, usize, bool)> = found
        .records
        .iter()
        .filter(|record| record.compartment == Compartment::Sealed)
        .map(|record| {
            (record.versions[0].facts.title.clone(), record.versions_total, record.is_gone)
        })
        .collect();
    let expected = [("one", 2, false), ("three", 1, true), ("two", 1, false)];
    assert_eq!(told, expected.map(|(title, count, gone)| (title.to_owned(), count, gone)));
}

#[test]
fn a_handle_leads_to_its_record_from_its_first_letters_on() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("Passwords.csv"), LOGINS).unwrap();
    fs::write(temp.path().join("all.pem"), certificates()).unwrap();
    let owner = Owner::new();
    let mut vault = owner.init(Arc::new(MemoryStore::new())).unwrap();
    add(&mut vault, temp.path(), "export").unwrap();
    let info = newest(&vault, "export");
    let mut stored = records(&vault, &info);
    let mut seen = 0;
    while let Some(record) = stored.next_record().unwrap() {
        let handle = vault.record_handle(record.compartment, &record.name).unwrap().to_string();
        for length in 5..=9 {
            let prefix = HandlePrefix::parse(&handle[..length]).unwrap();
            let called = records_called(&vault, &info, &prefix).unwrap();
            assert!(called.iter().any(|found| found.name == record.name), "{handle} {length}");
            let fits = |name| {
                let handle = vault.record_handle(record.compartment, name);
                handle.is_some_and(|handle| prefix.fits(handle))
            };
            assert!(called.iter().all(|found| fits(&found.name)), "{handle} {length}");
        }
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn who_cannot_read_what_is_sealed_adds_records_to_it_all_the_same() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("Passwords.csv"), LOGINS).unwrap();
    fs::write(temp.path().join("all.pem"), certificates()).unwrap();
    let (owner, adder) = (Owner::new(), Identity::generate());
    let store = MemoryStore::new();
    let mut vault = owner.init(Arc::new(store.clone())).unwrap();
    let recipient = SlotRecipient::parse(&adder.recipient().to_string()).unwrap();
    let slot = NewSlot {
        lock: Lock::Recipient(&recipient),
        letter: SlotLetter::Key,
        role: Role::Add,
        label: "adder".to_owned(),
    };
    add_slot(&mut vault, slot, 1).unwrap();
    add(&mut vault, temp.path(), "by full").unwrap();
    let expected = all(&vault, &newest(&vault, "by full"));
    for (source, identity, seed) in [("by everyday", &owner.everyday, 5), ("by add", &adder, 6)] {
        let mut other = open_seeded(Arc::new(store.clone()), identity, seed).unwrap();
        add(&mut other, temp.path(), source).unwrap();
        let full = open_seeded(Arc::new(store.clone()), &owner.full, 7).unwrap();
        let info = newest(&full, source);
        assert_eq!(all(&full, &info), expected, "{source}");
        // The same login has the same handle, whoever added it.
        let handles = |info: &SnapshotInfo| -> BTreeSet<String> {
            let mut stored = records(&full, info);
            std::iter::from_fn(|| stored.next_record().unwrap())
                .filter_map(|record| full.record_handle(record.compartment, &record.name))
                .map(|handle| handle.to_string())
                .collect()
        };
        assert_eq!(handles(&info), handles(&newest(&full, "by full")), "{source}");
    }
    let everyday = open_seeded(Arc::new(store), &owner.everyday, 8).unwrap();
    let info = newest(&everyday, "by full");
    let titles: BTreeSet<String> = all(&everyday, &info).into_iter().map(|(t, _)| t).collect();
    assert!(!titles.contains("one") && titles.contains("www.example.com"), "{titles:?}");
    assert!(records(&everyday, &info).locked);
}

#[test]
fn no_tree_holds_a_secret_of_a_record() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/icloud-export");
    let owner = Owner::new();
    let mut vault = owner.init(Arc::new(MemoryStore::new())).unwrap();
    add(&mut vault, &data, "export").unwrap();
    let info = newest(&vault, "export");
    let mut reader = RecordReader::new(&vault, &info);
    let mut stored = records(&vault, &info);
    let mut secrets = 0;
    while let Some(record) = stored.next_record().unwrap() {
        let place = record.place.as_ref().unwrap().encode();
        let told = [record.facts.encode(), place].concat();
        for field in reader.open(&record).unwrap().fields() {
            let value = field.value.as_bytes();
            // A shorter one may stand there by chance.
            if field.is_secret && value.len() > 4 {
                let is_there = told.windows(value.len()).any(|part| part == value);
                assert!(!is_there, "{} of {}", field.name, record.facts.title);
                secrets += 1;
            }
        }
    }
    assert!(secrets > 150, "{secrets}");
}

/// One message of an mbox; its text is `length` bytes.
fn message(number: u32, length: usize) -> String {
    let text = format!("line of message {number}\n").repeat(length / 20 + 1);
    format!(
        "From anna@example.org Thu Jan  1 00:00:00 2026\nFrom: anna@example.org\n\
         Message-ID: <{number}@example.org>\nSubject: number {number}\n\n{text}\n"
    )
}

#[test]
fn a_mailbox_of_any_length_is_split_while_it_is_read() {
    let temp = tempfile::tempdir().unwrap();
    // Longer than what is held of a file; few messages are in one chunk only.
    let messages: Vec<String> = (0..180).map(|number| message(number, 400_000)).collect();
    let mailbox = messages.concat();
    assert!(mailbox.len() as u64 > vault::kinds::CONTENT_MAX);
    fs::write(temp.path().join("mbox"), &mailbox).unwrap();
    let owner = Owner::new();
    let mut vault = owner.init(Arc::new(MemoryStore::new())).unwrap();
    let added = add(&mut vault, temp.path(), "mail").unwrap();
    assert_eq!(added.summary.untold, []);
    let stored = all(&vault, &newest(&vault, "mail"));
    let expected = (0..180).map(|number| format!("number {number}"));
    assert_eq!(stored, expected.zip(messages.into_iter().map(String::into_bytes)).collect());
}

#[test]
fn more_records_than_memory_takes_are_in_order_all_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let count = 40_000;
    let half: Vec<String> = (0..count).map(|number| message(number, 1)).collect();
    let (first, second) = half.split_at(half.len() / 2);
    fs::write(temp.path().join("first"), first.concat()).unwrap();
    fs::write(temp.path().join("second"), second.concat()).unwrap();
    let owner = Owner::new();
    let mut vault = owner.init(Arc::new(MemoryStore::new())).unwrap();
    add(&mut vault, temp.path(), "mail").unwrap();
    // The tree of all of them in one file is the same but for where they are.
    fs::write(temp.path().join("first"), half.concat()).unwrap();
    fs::remove_file(temp.path().join("second")).unwrap();
    let split = newest(&vault, "mail");
    add(&mut vault, temp.path(), "mail").unwrap();
    let joined = newest(&vault, "mail");
    let facts = |info: &SnapshotInfo| {
        info.snapshot.records_in(Compartment::General).unwrap().facts.reference
    };
    assert_eq!(facts(&split), facts(&joined));
    let mut stored = records(&vault, &joined);
    let mut seen = 0;
    while let Some(record) = stored.next_record().unwrap() {
        if seen % 5_000 == 0 {
            let opened = open_record(&vault, &joined, &record).unwrap();
            let number: usize = record.facts.title.trim_start_matches("number ").parse().unwrap();
            assert_eq!(opened.bytes.as_slice(), half[number].as_bytes());
        }
        seen += 1;
    }
    assert_eq!(seen, count);
}
