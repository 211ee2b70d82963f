//! Two snapshots of a million messages of which a hundred differ, compared and looked through:
//! `cargo bench -p vault --bench snapshots`. It takes two minutes and 1 GB for temporary files.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has failed"
)]

#[expect(dead_code, reason = "the tests need the rest of it")]
#[path = "../tests/engine/support.rs"]
mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use support::{Owner, add};
use vault::store::FolderStore;
use vault::vault::{Query, SnapshotInfo, Vault, compare_records, search_records};

const MESSAGES: usize = 1_000_000;
const CHANGES: usize = 100;

fn snapshots(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (vault, [before, after]) = vault_with_two(folder.path());
    let mut group = criterion.benchmark_group("a million records");
    group.sample_size(10);
    group.bench_function("compare", |b| {
        b.iter(|| {
            let found = compare_records(&vault, &before, Some(&after));
            assert_eq!(found.changes.len(), 2 * CHANGES);
        });
    });
    let query = Query { terms: vec!["message 123456".to_owned()], ..Query::default() };
    group.bench_function("find", |b| {
        b.iter(|| {
            let found = search_records(&vault, std::slice::from_ref(&after), &query).unwrap();
            assert_eq!(found.records.len(), 1);
        });
    });
    group.finish();
}

fn vault_with_two(folder: &Path) -> (Vault, [SnapshotInfo; 2]) {
    let store = Arc::new(FolderStore::create(&folder.join("v.icvault")).unwrap());
    let mut vault = Owner::new().init(store).unwrap();
    let export = folder.join("export");
    fs::create_dir(&export).unwrap();
    for says in ["as it was", "changed"] {
        write_mailbox(&export.join("mail"), says);
        add(&mut vault, &export, "mail").unwrap();
    }
    let snapshots = vault.snapshots().unwrap();
    (vault, [snapshots[0].clone(), snapshots[1].clone()])
}

/// A mailbox of which every so many messages say something else.
fn write_mailbox(path: &Path, says: &str) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for nth in 0..MESSAGES {
        let says = if nth % (MESSAGES / CHANGES) == 0 { says } else { "the same" };
        write!(
            file,
            "From a@b.example Tue May  5 01:02:01 2009\nFrom: Person {} <p@b.example>\n\
             To: c@d.example\nMessage-ID: <{nth}@b.example>\nSubject: Message {nth}\n\
             Date: Tue, 5 May 2009 01:02:01 +0000\n\nThis is {says}.\n\n",
            nth % 977,
        )
        .unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
}

criterion_group!(benches, snapshots);
criterion_main!(benches);
