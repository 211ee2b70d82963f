//! What the tests of this folder share: made-up exports, vaults in memory, and comparing trees.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vault::error::Result;
use vault::files::{Globs, Target};
use vault::id::{MacKey, Sha, hex};
use vault::keys::{Bundle, Compartment, Role};
use vault::pack::{Kind, PackWriter, Piece, Salt};
use vault::payload::{
    FileKey, Identity, Lock, Recipient, SlotKey, SlotRecipient, Writer, open_slot,
};
use vault::progress::Silent;
use vault::store::{Area, MemoryStore, Name, Store, read_whole};
use vault::vault::{
    AddOptions, Added, Alarm, AskPassword, ExtractOptions, Extracted, InitOptions, ItemType,
    NewSlot, OpenOptions, Randomness, Seal, SlotLetter, SnapshotInfo, Spec, Unlock, Vault, list,
};

/// Random bytes that are the same in every run of a seed.
pub(crate) fn random(seed: u64) -> Randomness {
    let state = std::sync::Mutex::new(seed);
    Arc::new(move |bytes: &mut [u8]| {
        let mut state = state.lock().unwrap();
        for byte in bytes {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *byte = u8::try_from((z ^ (z >> 31)) & 255).unwrap();
        }
    })
}

/// Bytes that do not compress.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random(seed)(&mut bytes);
    bytes
}

/// A vault's owner: one identity with everything, one for every day.
pub(crate) struct Owner {
    pub(crate) full: Identity,
    pub(crate) everyday: Identity,
}

impl Owner {
    pub(crate) fn new() -> Self {
        Self { full: Identity::generate(), everyday: Identity::generate() }
    }

    pub(crate) fn init(&self, store: Arc<dyn Store>) -> Result<Vault> {
        let full = SlotRecipient::parse(&self.full.recipient().to_string()).unwrap();
        let everyday = SlotRecipient::parse(&self.everyday.recipient().to_string()).unwrap();
        let slot = |lock, role, label: &str| NewSlot {
            lock,
            letter: SlotLetter::Key,
            role,
            label: label.to_owned(),
        };
        vault::vault::init(
            store,
            &InitOptions {
                slots: vec![
                    slot(Lock::Recipient(&full), Role::Full, "full"),
                    slot(Lock::Recipient(&everyday), Role::Everyday, "everyday"),
                ],
                time: 1_700_000_000_000_000_000,
                random: random(1),
            },
        )
    }

    pub(crate) fn open(&self, store: Arc<dyn Store>) -> Result<Vault> {
        open_with(store, &self.full)
    }

    pub(crate) fn open_everyday(&self, store: Arc<dyn Store>) -> Result<Vault> {
        open_with(store, &self.everyday)
    }
}

pub(crate) fn open_with(store: Arc<dyn Store>, identity: &Identity) -> Result<Vault> {
    open_seeded(store, identity, 2)
}

/// Opens a vault. Two handles of one vault that write need two seeds, as equal ones would draw the
/// same tag for two packs.
pub(crate) fn open_seeded(store: Arc<dyn Store>, identity: &Identity, seed: u64) -> Result<Vault> {
    let options = OpenOptions { known_fingerprint: None, log_n_max: 20, random: random(seed) };
    Vault::open(store, &Unlock::Identities(std::slice::from_ref(identity)), &options)
}

/// The keys in the first slot that opens, as whoever holds the identity sees them.
pub(crate) fn bundle_of(store: &dyn Store, identity: &Identity) -> Bundle {
    let names = store.list(Area::KeysA).unwrap();
    let text = names.iter().find_map(|name| {
        let bytes = read_whole(store, name, 1 << 20).ok()?;
        open_slot(&bytes, &SlotKey::Identity(identity), 20).ok()
    });
    Bundle::decode(&text.unwrap()).unwrap()
}

/// The content of every file, by its path.
pub(crate) type Contents = BTreeMap<String, Vec<u8>>;

/// What a snapshot holds, read into memory.
pub(crate) fn contents(vault: &Vault, info: &SnapshotInfo) -> Result<Contents> {
    let mut found = Contents::new();
    let mut items = list(vault, info, &[]);
    while let Some(item) = items.next_item()? {
        if item.facts.item_type == ItemType::File {
            let bytes = found.entry(item.path.to_string()).or_default();
            items.chunks.for_each(&item.facts.content, &mut |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            })?;
            assert_eq!(bytes.len() as u64, item.facts.length);
        }
    }
    Ok(found)
}

/// What a folder holds, in the same form.
pub(crate) fn snapshot_contents(root: &Path) -> Contents {
    let files = contents_of(root).into_iter().filter(|(path, _)| root.join(path).is_file());
    files.map(|(path, content)| (path.to_str().unwrap().to_owned(), content)).collect()
}

pub(crate) fn options(source: &str, time: i64) -> AddOptions {
    AddOptions {
        source: source.to_owned(),
        label: String::new(),
        host: "test".to_owned(),
        tool: "test".to_owned(),
        time: 1_700_000_000_000_000_000 + time,
        level: 3,
        seal: Seal::ByContent,
        kind: None,
        exclude: Vec::new(),
        leave_out: Globs::default(),
        passwords: AskPassword::default(),
        alarm: Alarm::default(),
        expected: false,
    }
}

pub(crate) fn add(vault: &mut Vault, path: &Path, source: &str) -> Result<Added> {
    vault::vault::add(vault, &[path.to_path_buf()], &options(source, 1), &Silent)
}

pub(crate) fn extract(vault: &Vault, spec: &Spec, to: &Path) -> Result<Extracted> {
    let info = vault.resolve(spec)?;
    let mut target = Target::create(to)?;
    let mut done =
        vault::vault::extract(vault, &info, &mut target, &ExtractOptions::default(), &Silent)?;
    done.finish(target.finish());
    Ok(done)
}

/// A small export with something of everything: text, noise, secrets, links, empty folders, names.
pub(crate) fn write_export(root: &Path) {
    let put = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    };
    put("notes/hello.txt", b"hello\n");
    put("notes/empty.txt", b"");
    put("notes/long.txt", "a line of text that repeats\n".repeat(30_000).as_bytes());
    put("photos/raw.bin", &noise(900_000, 3));
    put("photos/picture.jpg", &[&[0xFF, 0xD8, 0xFF, 0xE0], noise(300_000, 4).as_slice()].concat());
    put(
        "secrets/Passwords.csv",
        b"Title,URL,Username,Password,Notes,OTPAuth\nShop,https://shop.example,anna,MARKER-hunter2,,\n",
    );
    put(
        "mixed/id_ed25519",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nMARKERb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n",
    );
    put("mixed/readme.md", b"# nothing secret\n");
    put("mixed/a.txt", b"between a and what is in it");
    put("mixed/a/b", b"below");
    fs::create_dir_all(root.join("empty/inside")).unwrap();
    symlink("../notes/hello.txt", root.join("mixed/link")).unwrap();
    fs::set_permissions(root.join("mixed/readme.md"), fs::Permissions::from_mode(0o640)).unwrap();
}

/// What a folder holds: path, type, mode, time, content or target.
pub(crate) fn snapshot_of(root: &Path) -> BTreeMap<PathBuf, (String, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let (kind, content) = if metadata.is_dir() {
                folders.push(path.clone());
                ('d', Vec::new())
            } else if metadata.is_symlink() {
                ('l', fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes())
            } else {
                ('f', fs::read(&path).unwrap())
            };
            let about = format!(
                "{kind} {:o} {}.{:09}",
                metadata.mode(),
                metadata.mtime(),
                metadata.mtime_nsec()
            );
            found.insert(path.strip_prefix(root).unwrap().to_path_buf(), (about, content));
        }
    }
    found
}

/// The same, without the modes that sealed items get.
pub(crate) fn contents_of(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    snapshot_of(root).into_iter().map(|(path, (_, content))| (path, content)).collect()
}

/// Encrypts a plaintext to a recipient, as anybody who knows it can.
pub(crate) fn encrypt(recipient: &Recipient, plaintext: &[u8], seed: u64) -> Vec<u8> {
    let mut key = [0; FileKey::SIZE];
    random(seed)(&mut key);
    let mut writer = Writer::new(recipient, &FileKey::new(key), [7; 16], Vec::new()).unwrap();
    std::io::Write::write_all(&mut writer, plaintext).unwrap();
    writer.finish().unwrap()
}

/// SHA-256 of bytes.
pub(crate) fn sha(bytes: &[u8]) -> [u8; 32] {
    let mut sha = Sha::default();
    sha.update(bytes);
    sha.finish()
}

/// Puts an object into the areas, under `before` and its hash.
pub(crate) fn put(store: &MemoryStore, areas: &[Area], before: &str, bytes: &[u8]) -> Vec<Name> {
    let file = format!("{before}{}", hex(&sha(bytes)));
    let names = areas.iter().map(|area| Name::new(*area, file.as_str()).unwrap());
    names.inspect(|name| store.set(name, bytes.to_vec())).collect()
}

/// Puts an entry's plaintext into both copies of the chain.
pub(crate) fn put_entry(
    store: &MemoryStore,
    bundle: &Bundle,
    number: u64,
    plaintext: &[u8],
) -> Vec<Name> {
    let bytes = encrypt(bundle.recipient(Compartment::Index), plaintext, number);
    put(store, &[Area::ChainA, Area::ChainB], &format!("{number:08}-"), &bytes)
}

/// The plaintext of a pack with one block for each chunk.
pub(crate) fn pack_of(
    kind: Kind,
    mac_key: &MacKey,
    salt: Option<Salt>,
    blocks: &[(Vec<u8>, Piece)],
) -> Vec<u8> {
    let (mut writer, mut bytes) = PackWriter::begin(kind, salt);
    for (frame, piece) in blocks {
        writer.push(frame.len(), vec![*piece]).unwrap();
        bytes.extend_from_slice(frame);
    }
    let (end, _) = writer.finish(mac_key);
    bytes.extend_from_slice(&end);
    bytes
}
