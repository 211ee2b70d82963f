//! Damage is a table: what is done to which object. Never wrong bytes and never a panic; the object
//! is named, and so are the items it hits.
//!
//! Figures: every byte of every slot, entry, table and marker has one bit flipped in front of its
//! decoder, with its name made to fit; every 13th byte of packs likewise, and every byte of their
//! headers and ends. In a whole vault every 29th byte of small objects and every 997th of packs.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use super::support::{
    Contents, Owner, add, bundle_of, contents, noise, open_seeded, snapshot_contents,
};
use vault::chain::{Entry, EntryKeys};
use vault::check::{CheckOptions, Report, Severity, check};
use vault::chunk::Reference;
use vault::error::{Error, Result};
use vault::id::{Sha, hex};
use vault::index::{Plaintext, Table, TableKeys};
use vault::keys::{Bundle, Compartment};
use vault::pack::{Class, Decompressor, Directory, Kind, is_chunk};
use vault::payload::{Identity, Reader, SlotKey, open_slot};
use vault::progress::Silent;
use vault::store::{Area, MemoryStore, Name, Store as _};
use vault::vault::{ItemType, Vault, list};

/// A small vault with two snapshots, and what they hold.
struct Sample {
    owner: Owner,
    store: MemoryStore,
    snapshots: Vec<Contents>,
    _temp: tempfile::TempDir,
    exports: [std::path::PathBuf; 2],
}

impl Sample {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let exports = ["one", "two"].map(|state| temp.path().join(state));
        for export in &exports {
            fs::create_dir_all(export.join("folder")).unwrap();
            fs::write(export.join("folder/note.txt"), "a line of text\n".repeat(200)).unwrap();
            fs::write(export.join("passwords.csv"), "url,username,password\nx,anna,MARKER\n")
                .unwrap();
        }
        fs::write(exports[1].join("raw.bin"), noise(3_000, 7)).unwrap();
        // The second add stores a sealed pack that holds nothing but other times.
        for (seconds, export) in (1_000_000..).zip(&exports) {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let file = fs::File::options().write(true).open(export.join("passwords.csv"));
            file.unwrap().set_modified(time).unwrap();
        }
        let owner = Owner::new();
        let store = MemoryStore::new();
        drop(owner.init(Arc::new(store.clone())).unwrap());
        for (seed, export) in (3..).zip(&exports) {
            let mut vault = open_seeded(Arc::new(store.clone()), &owner.full, seed).unwrap();
            add(&mut vault, export, "export").unwrap();
        }
        let snapshots = exports.iter().map(|export| snapshot_contents(export)).collect();
        Self { owner, store, snapshots, _temp: temp, exports }
    }

    fn open(&self, store: &MemoryStore) -> Result<Vault> {
        open_seeded(Arc::new(store.clone()), &self.owner.full, 5)
    }

    /// Opens, lists and reads everything: every item is right or an error, and the answer is
    /// whether all of it was right.
    fn is_whole(&self, store: &MemoryStore, what: &str) -> bool {
        let vault = match self.open(store) {
            Ok(vault) => vault,
            Err(error) => {
                assert_named(&error, what);
                return false;
            }
        };
        let infos = vault.snapshots().unwrap();
        let mut is_whole = infos.len() == self.snapshots.len();
        for info in &infos {
            let at = usize::from(info.snapshot.parent.is_some());
            match contents(&vault, info) {
                Ok(held) => {
                    assert!(held == self.snapshots[at], "{what}: wrong bytes");
                    is_whole &= has_times(&vault, info);
                }
                Err(error) => {
                    assert_named(&error, what);
                    is_whole = false;
                    self.assert_rest_is_right(&vault, info, &self.snapshots[at], what);
                }
            }
        }
        is_whole
    }

    /// Item by item: each is right, or an error.
    fn assert_rest_is_right(
        &self,
        vault: &Vault,
        info: &vault::vault::SnapshotInfo,
        wanted: &Contents,
        what: &str,
    ) {
        let mut items = list(vault, info, &[]);
        let mut errors = 0;
        loop {
            match items.next_item() {
                Ok(None) => break,
                Ok(Some(item)) if item.facts.item_type == ItemType::File => {
                    let mut bytes = Vec::new();
                    let read = vault::vault::cat(vault, info, &item, &mut bytes);
                    let wanted = &wanted[&item.path.to_string()];
                    assert!(wanted.starts_with(&bytes), "{what}: wrong bytes");
                    assert!(read.is_err() || bytes == *wanted, "{what}: bytes missing");
                }
                Ok(Some(_)) => {}
                Err(_) => errors += 1,
            }
            assert!(errors < 100, "{what}: no end of errors");
        }
    }

    fn check(&self, store: &MemoryStore) -> Report {
        check(&self.open(store).unwrap(), CheckOptions { read_data: true }, &Silent).unwrap()
    }

    /// The newest entry's second copy: one that is not there or not whole is mended by the next
    /// add, which is a note.
    fn is_last(&self, name: &Name) -> bool {
        let files = self.store.list(Area::ChainB).unwrap();
        files.last() == Some(name)
    }

    /// The check names the object with its severity; the content of a pack by the items it hits.
    fn assert_found(&self, store: &MemoryStore, name: &Name, is_whole: bool, what: &str) {
        let report = self.check(store);
        let text = name.to_string();
        let severity = if self.is_last(name) { Severity::Note } else { Severity::Damage };
        let found: Vec<_> = report.findings.iter().filter(|f| f.object == text).collect();
        let worst = found.iter().map(|finding| finding.severity).max();
        assert_eq!(worst, Some(severity), "{what}: {:#?}", report.findings);
        if !is_whole {
            assert!(found.iter().any(|f| f.items_total > 0), "{what}: {:#?}", report.findings);
        }
    }

    fn objects(&self) -> Vec<(Name, Vec<u8>)> {
        let names = self.store.files().into_iter().map(|(name, _)| name);
        names.map(|name| (name.clone(), self.store.bytes(&name).unwrap())).collect()
    }
}

/// Whether the half of the trees that holds the times is there, whose loss costs no item.
fn has_times(vault: &Vault, info: &vault::vault::SnapshotInfo) -> bool {
    let mut items = list(vault, info, &[]);
    let mut has_times = true;
    while let Some(item) = items.next_item().unwrap() {
        has_times &= item.whereabouts.is_some();
    }
    has_times
}

fn assert_named(error: &Error, what: &str) {
    let text = error.to_string();
    assert!(text.len() > 10, "{what}: {text}");
}

fn is_copied(name: &Name) -> bool {
    matches!(name.area(), Area::KeysA | Area::KeysB | Area::ChainA | Area::ChainB)
}

fn is_current(sample: &Sample, table: &Name) -> bool {
    let vault = sample.open(&sample.store).unwrap();
    let tables = vault.resolve(&vault::vault::Spec::Latest).unwrap().snapshot.tables;
    tables.data.iter().chain(&tables.nodes).any(|id| id.to_string() == table.file())
}

/// Objects whose loss loses nothing: copies, tables, the marker and the files for people.
fn is_spare(name: &Name) -> bool {
    name.area() != Area::Packs
}

#[test]
fn every_file_deleted_emptied_cut_or_longer() {
    let sample = Sample::new();
    let mut cases = 0;
    for (name, bytes) in sample.objects() {
        let length = bytes.len();
        let mut damages: Vec<(String, Option<Vec<u8>>)> = vec![("deleted".to_owned(), None)];
        let cuts = [0, 1, 15, 16, 21, 22, 100, 166, 167, 183, 184, 200, length / 2, 65_536];
        let ends = [57, 56, 48, 33, 32, 17, 16, 15, 2, 1].map(|cut| length.saturating_sub(cut));
        for cut in cuts.into_iter().chain(ends).filter(|&cut| cut < length) {
            damages.push((format!("cut to {cut}"), Some(bytes[..cut].to_vec())));
        }
        for more in [1, 16, 512, 4_096, 65_552] {
            let longer = [bytes.as_slice(), &vec![0; more]].concat();
            damages.push((format!("longer by {more}"), Some(longer)));
        }
        for (count, (how, damaged)) in damages.into_iter().enumerate() {
            let what = format!("{name} {how}");
            let store = sample.store.copy();
            match damaged {
                Some(bytes) => store.set(&name, bytes),
                None => store.unset(&name),
            }
            let is_whole = sample.is_whole(&store, &what);
            assert!(is_whole || !is_spare(&name), "{what}");
            assert!(!is_whole || is_spare(&name), "{what}");
            // A table that another took over is named by older snapshots only, and not missed.
            let is_missed = count > 0 || name.area() != Area::Index || is_current(&sample, &name);
            if count % 5 == 0 && is_missed {
                sample.assert_found(&store, &name, is_whole, &what);
            }
            cases += 1;
        }
    }
    assert!(cases > 300, "{cases}");
    println!("files deleted, cut, longer: {cases}");
}

#[test]
fn every_two_files_of_a_kind_swapped() {
    let sample = Sample::new();
    let objects = sample.objects();
    let kind = |name: &Name| match name.area() {
        Area::KeysA | Area::KeysB => 1,
        Area::ChainA | Area::ChainB => 2,
        Area::Index => 3,
        Area::Packs => 4,
        Area::Top | Area::Scope => 5,
    };
    let mut cases = 0;
    for (at, (name, bytes)) in objects.iter().enumerate() {
        for (other, others) in &objects[at + 1..] {
            if kind(name) != kind(other) || bytes == others {
                continue;
            }
            let what = format!("{name} and {other} swapped");
            let store = sample.store.copy();
            store.set(name, others.clone());
            store.set(other, bytes.clone());
            let is_whole = sample.is_whole(&store, &what);
            // Two first copies or two second ones leave the others.
            if kind(name) != 4 && name.area() == other.area() {
                assert!(is_whole, "{what}");
            }
            // Where both copies are gone there may be no vault to check.
            if is_whole || kind(name) == 4 {
                sample.assert_found(&store, name, true, &what);
                let report = sample.check(&store);
                let is_hit = report.findings.iter().any(|f| f.items_total > 0);
                assert!(is_whole || is_hit, "{what}: {:#?}", report.findings);
            }
            cases += 1;
        }
    }
    assert!(cases > 20, "{cases}");
    println!("files swapped: {cases}");
}

#[test]
fn a_lost_copy_is_written_again() {
    let sample = Sample::new();
    let mut cases = 0;
    for (name, bytes) in sample.objects().into_iter().filter(|(name, _)| is_copied(name)) {
        for damaged in [None, Some(Vec::new()), Some(bytes[..bytes.len() - 1].to_vec())] {
            let is_there = damaged.is_some();
            let store = sample.store.copy();
            match damaged {
                Some(bytes) => store.set(&name, bytes),
                None => store.unset(&name),
            }
            let mut vault = sample.open(&store).unwrap();
            add(&mut vault, &sample.exports[0], "export").unwrap();
            drop(vault);
            // Of older entries only a copy that is absent is noticed without reading them all.
            let is_mended = !is_there
                || matches!(name.area(), Area::KeysA | Area::KeysB)
                || name.file().starts_with("00000003");
            assert_eq!(store.bytes(&name).as_ref() == Some(&bytes), is_mended, "{name}");
            cases += 1;
        }
    }
    println!("copies lost: {cases}");
}

#[test]
fn one_bit_wrong_in_a_vault() {
    let sample = Sample::new();
    let mut cases = 0;
    for (name, bytes) in sample.objects() {
        let step = match name.area() {
            Area::Packs => 997,
            Area::Top if name.file() != "vault" => bytes.len(),
            Area::Top => 1,
            _ => 29,
        };
        for at in (0..bytes.len()).step_by(step) {
            let what = format!("{name}: bit wrong in byte {at}");
            let store = sample.store.copy();
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            store.set(&name, damaged);
            let is_whole = sample.is_whole(&store, &what);
            assert!(is_whole || !is_spare(&name), "{what}");
            if at % (step * 16) == 0 {
                sample.assert_found(&store, &name, is_whole, &what);
            }
            cases += 1;
        }
    }
    assert!(cases > 1_000, "{cases}");
    println!("bits wrong in a vault: {cases}");
}

/// What stands behind every decoder: the bytes are what was written, or refused. Names do not help
/// here, as whoever changes bytes can give the file the name that fits.
#[test]
fn one_bit_wrong_before_every_decoder() {
    let sample = Sample::new();
    let bundle = bundle_of(&sample.store, &sample.owner.full);
    let mut accepted = Vec::new();
    let mut flips = BTreeMap::<Area, u64>::new();
    for (name, bytes) in sample.objects() {
        if matches!(name.area(), Area::Top | Area::KeysB | Area::ChainB) {
            continue;
        }
        let original = decode(&name, &bytes, &bundle, &sample.owner);
        assert!(original.is_ok(), "{name}");
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            let is_content = name.area() == Area::Packs && at > 400 && at + 700 < bytes.len();
            if is_content && at % 13 != 0 {
                continue;
            }
            damaged[at] ^= 1 << (at % 8);
            if decode(&name, &damaged, &bundle, &sample.owner).is_ok() {
                accepted.push((name.to_string(), at));
            }
            damaged[at] = bytes[at];
            *flips.entry(name.area()).or_default() += 1;
        }
    }
    assert!(accepted.is_empty(), "{accepted:?}");
    println!("bits wrong before decoders: {flips:?}");
}

/// Everything that is verified when an object is used.
fn decode(name: &Name, bytes: &[u8], bundle: &Bundle, owner: &Owner) -> Result<()> {
    match name.area() {
        Area::KeysA | Area::KeysB => {
            // The other role's slot is for another identity.
            let open = |identity: &Identity| open_slot(bytes, &SlotKey::Identity(identity), 20);
            let text = open(&owner.full).or_else(|_| open(&owner.everyday))?;
            Bundle::decode(&text)?;
        }
        Area::ChainA | Area::ChainB => {
            let keys =
                EntryKeys { writer: bundle.writer_mac_key(), reader: bundle.reader_mac_key() };
            let plaintext = whole(&mut open(bytes, bundle, Compartment::Index)?)?;
            Entry::decode(&plaintext, bundle.vault(), &keys)?;
        }
        Area::Index => {
            verify_table(bytes, bundle)?;
        }
        Area::Packs => read_pack(bytes, bundle)?,
        Area::Top | Area::Scope => {}
    }
    Ok(())
}

/// Whether a table, which is right, has a reader MAC.
pub(crate) fn verify_table(bytes: &[u8], bundle: &Bundle) -> Result<bool> {
    let keys = TableKeys { writer: bundle.writer_mac_key(), reader: bundle.reader_mac_key() };
    let open = |class| {
        let plain = Plain(open(bytes, bundle, Compartment::Index)?);
        Table::open(plain, bundle.vault(), class)
    };
    open(Class::Data).or_else(|_| open(Class::Nodes))?.verify(&keys, |_| ())
}

struct Plain<'a>(Reader<&'a [u8]>);

impl Plaintext for Plain<'_> {
    fn length(&self) -> u64 {
        self.0.plain_length()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.read_at(offset, buffer)
    }
}

fn open<'a>(bytes: &'a [u8], bundle: &Bundle, of: Compartment) -> Result<Reader<&'a [u8]>> {
    Reader::open(bytes, &[bundle.identity(of).unwrap()])
}

fn whole(reader: &mut Reader<&[u8]>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(reader.plain_length()).unwrap()];
    reader.read_at(0, &mut bytes)?;
    Ok(bytes)
}

fn read_pack(bytes: &[u8], bundle: &Bundle) -> Result<()> {
    let vault = bundle.vault();
    let kinds = [
        (Compartment::General, Class::Data),
        (Compartment::General, Class::Nodes),
        (Compartment::Sealed, Class::Data),
    ];
    let mut failure = None;
    for (compartment, class) in kinds {
        let kind = Kind { vault, compartment, class };
        let mut reader = match open(bytes, bundle, compartment) {
            Ok(reader) => reader,
            Err(error) => {
                failure = Some(error);
                continue;
            }
        };
        let key = bundle.pack_mac_key(compartment);
        let length = reader.plain_length();
        let directory = match Directory::read(kind, &key, length, |at, b| reader.read_at(at, b)) {
            Ok(directory) => directory,
            Err(error) => {
                failure = Some(error);
                continue;
            }
        };
        let id_key = directory.salt.as_ref().map_or(bundle.chunk_id_key(), |s| s.key.clone());
        let mut decompressor = Decompressor::default();
        let mut content = Vec::new();
        for block in &directory.blocks {
            let mut frame = vec![0; usize::try_from(block.frame_length).unwrap()];
            reader.read_at(u64::from(block.start), &mut frame)?;
            let sealed = compartment == Compartment::Sealed;
            decompressor.open(&frame, sealed, &mut content).map_err(Error::from)?;
            for (piece, place) in block.places() {
                let start = usize::try_from(place.offset).unwrap();
                let end = start + usize::try_from(place.length).unwrap();
                let reference = Reference { tag: None, id: piece.id };
                assert!(is_chunk(&id_key, &reference, piece.kind, &content[start..end]));
            }
        }
        return Ok(());
    }
    Err(failure.unwrap())
}

/// The name of an object is the hash of its bytes.
#[test]
fn names_are_hashes() {
    let sample = Sample::new();
    for (name, bytes) in sample.objects().into_iter().filter(|(n, _)| n.area() != Area::Top) {
        let mut sha = Sha::default();
        sha.update(&bytes);
        assert!(name.file().ends_with(&hex(&sha.finish())), "{name}");
    }
}
