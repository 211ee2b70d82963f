//! The worked example of the specification: a vault that is kept, and what its bytes are, step by
//! step. The steps are computed here with nothing but the cryptographic crates and the text; the
//! page `spec/example/README.md` is what they print, and must be up to date.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use vault::check::{CheckOptions, check};
use vault::files::ItemPath;
use vault::keys::Compartment;
use vault::payload::{Identity, Reader, SlotKey, open_slot};
use vault::progress::Silent;
use vault::store::{FolderStore, Store};
use vault::vault::{OpenOptions, Spec, Unlock, Vault};

use super::support::{contents_of, extract, random};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/example")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal digits in lines of 32 bytes.
fn block(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.chunks(32).map(hex).collect();
    format!("```\n{}\n```\n", lines.join("\n"))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The bundle of the example's slot, line by line.
struct Bundle(String);

impl Bundle {
    fn field(&self, name: &str) -> &str {
        let prefix = format!("# {name}: ");
        self.0.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        let text = self.field(name).as_bytes();
        text.chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn identity(&self, number: usize) -> &str {
        self.0.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1")).nth(number).unwrap()
    }

    fn key(&self, label: &str, material: &[u8], compartment: u8) -> Vec<u8> {
        let info = [label.as_bytes(), &[0], &self.bytes("vault"), &[compartment, 1]].concat();
        let mut key = vec![0; 32];
        Hkdf::<Sha256>::new(None, material).expand(&info, &mut key).unwrap();
        key
    }
}

fn plaintext(file: &Path, identity: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(file).unwrap();
    let identity = Identity::parse(identity).unwrap();
    let mut reader = Reader::open(bytes.as_slice(), &[&identity]).ok()?;
    let mut plaintext = vec![0; usize::try_from(reader.plain_length()).unwrap()];
    reader.read_at(0, &mut plaintext).unwrap();
    Some(plaintext)
}

fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn name(path: &Path) -> String {
    let below = path.strip_prefix(folder().join("example.icvault")).unwrap();
    below.to_string_lossy().into_owned()
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// The first 40 bits in the alphabet of handles.
fn letters(mac: &[u8]) -> String {
    let bits = mac[..5].iter().fold(0_usize, |bits, &byte| bits << 8 | usize::from(byte));
    let letters = b"0123456789abcdefghjkmnpqrstvwxyz";
    (0..8).map(|place| char::from(letters[bits >> (35 - 5 * place) & 31])).collect()
}

/// The page: every step with its bytes.
fn page() -> String {
    let root = folder().join("example.icvault");
    let key = fs::read_to_string(folder().join("key.txt")).unwrap();
    let identity = Identity::parse(key.trim()).unwrap();
    let slot =
        files(&root.join("keys/a")).into_iter().find(|path| name(path).contains("/k-")).unwrap();
    let text = open_slot(&fs::read(&slot).unwrap(), &SlotKey::Identity(&identity), 20).unwrap();
    let bundle = Bundle(String::from_utf8(text.to_vec()).unwrap());

    let mut page = String::from(
        "# The worked example\n\nA small vault with real bytes; section numbers are those of \
         [`format.md`](../format.md). Everything\nsecret in it is made up. It holds a folder `Notes` with \
         two files and a link, and a `Passwords.csv`\nthat is sealed. `key.txt` opens its `k` slot, the line \
         in `passphrase.txt` its `p` slot. A test prints\nthis page anew and compares.\n",
    );
    let mut say = |text: String| page.push_str(&text);

    say(format!("\n## The key bundle (5)\n\n`{}` opens to 4,096 bytes:\n\n", name(&slot)));
    say(format!("```\n{}# pad 000…\n```\n", bundle.0.split("# pad").next().unwrap()));

    say("\n## Keys (6)\n\n| key | bytes |\n|---|---|\n".to_owned());
    let index = bundle.bytes("index secret");
    let general = bundle.bytes("general secret");
    let chunk_id = bundle.key("icvault chunk id", &general, 2);
    let pack_mac = bundle.key("icvault pack mac", &general, 2);
    let writer = bundle.key("icvault writer mac", &index, 1);
    let reader = bundle.key("icvault reader mac", bundle.identity(1).as_bytes(), 2);
    let tree = bundle.key("icvault tree", &general, 2);
    for (what, key) in [
        ("chunk id key of general", &chunk_id),
        ("cut key of general", &bundle.key("icvault cut", &general, 2)),
        ("tree key of general", &tree),
        ("pack MAC key of general", &pack_mac),
        ("pack MAC key of sealed", &bundle.key("icvault pack mac", &index, 3)),
        ("writer MAC key", &writer),
        ("reader MAC key", &reader),
        ("fingerprint", &bundle.key("icvault fingerprint", &index, 1)),
        ("handle key of general", &bundle.key("icvault handle", &general, 2)),
    ] {
        say(format!("| {what} | `{}` |\n", hex(key)));
    }

    say("\n## A handle (11)\n\n".to_owned());
    let mac = hmac(&bundle.key("icvault handle", &general, 2), &[b"example\0Notes\0hello.txt"]);
    let handle = letters(&mac);
    assert_eq!(format!("i{handle}"), HANDLE);
    say(format!(
        "`Notes/hello.txt` of the source `example`: HMAC(handle key, `example` ‖ `00` ‖ `Notes` ‖ `00` ‖\n\
         `hello.txt`) begins with `{}`, so its handle is `{HANDLE}`.\n",
        hex(&mac[..5])
    ));

    say("\n## A record (11)\n\n".to_owned());
    let identity: Vec<u8> = ["passwords", "shop.example.com", "anna"]
        .iter()
        .flat_map(|part| [&(part.len() as u64).to_le_bytes()[..], part.as_bytes()].concat())
        .collect();
    let record_key = bundle.key("icvault record", &index, 3);
    let mac = hmac(&record_key, &[b"passwords", &[0, 1], &identity]);
    let is_there = files(&root.join("packs"))
        .iter()
        .filter_map(|path| plaintext(path, bundle.identity(2)))
        .any(|pack| pack.windows(20).any(|window| window == &mac[..20]));
    assert!(is_there, "the key of the record is in a node");
    let handle_key = bundle.key("icvault handle", &bundle.bytes("sealed secret"), 3);
    let bits = mac[..5].iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
    let (mut left, mut right) = (bits >> 20, bits & 0xF_FFFF);
    let mut halves = format!("L = {left}, R = {right}");
    for n in 0..4 {
        let code = hmac(&handle_key, &[&[0, n], &right.to_le_bytes()[..4]]);
        let mixed = code[..4].iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
        (left, right) = (right, left ^ (mixed & 0xF_FFFF));
        write!(halves, "; {left}, {right}").unwrap();
    }
    let handle = letters(&(left << 20 | right).to_be_bytes()[3..]);
    assert_eq!(format!("r{handle}"), RECORD);
    say(format!(
        "The login in `Passwords.csv` is of kind `passwords` and is told by host and user, on rung 1. The \
         program\nwrites its identity as kind, host and user, each behind its length as u64:\n\n{}\n\
         The record key of sealed is `{}`.\nHMAC(record key, `passwords` ‖ `00` ‖ `01` ‖ identity) \
         begins with the first 20 bytes of its key in the\ntrees of snapshot 4; the number behind them \
         is 0, so the key is\n\n{}\nIts first 40 bits, and what the four steps under the handle key of sealed \
         make of them: {halves}.\nSo its handle is `{RECORD}`.\n",
        block(&identity),
        hex(&record_key),
        block(&[&mac[..20], &[0, 0]].concat()),
    ));

    let entry =
        files(&root.join("chain/a")).into_iter().find(|p| name(p).contains("/00000002-")).unwrap();
    let bytes = plaintext(&entry, bundle.identity(0)).unwrap();
    let length = number(&bytes[32..36]);
    let (signed, rest) = bytes.split_at(36 + length);
    say(format!(
        "\n## A chain entry (12)\n\n`{}`. Its plaintext has {} bytes. The head (4):\n\n",
        name(&entry),
        bytes.len()
    ));
    say(block(&signed[..32]));
    say(format!("\nThe length, {length}, and the payload:\n\n"));
    say(block(&signed[32..]));
    assert_eq!(rest[..32], hmac(&writer, &[signed]), "the writer MAC");
    assert_eq!(rest[32..64], hmac(&reader, &[signed]), "the reader MAC");
    say("\nThe writer MAC and the reader MAC over all of this; the rest is zero:\n\n".to_owned());
    say(block(&rest[..64]));

    for (title, class) in [("A pack of content (8, 9)", 1), ("A pack of nodes (8, 11)", 2)] {
        let (path, bytes) = files(&root.join("packs"))
            .into_iter()
            .find_map(|path| {
                plaintext(&path, bundle.identity(1)).filter(|p| p[19] == class).map(|p| (path, p))
            })
            .unwrap();
        say(format!(
            "\n## {title}\n\n`{}`: a plaintext of {} bytes. It begins with the head's frame:\n\n",
            name(&path),
            bytes.len()
        ));
        say(block(&bytes[..40]));
        let trailer = &bytes[bytes.len() - 56..];
        let start = number(&trailer[8..16]);
        let directory_length = number(&trailer[16..20]);
        let directory = &bytes[start + 8..start + 8 + directory_length];
        say(format!("\nThe blocks, from byte 40 to byte {start}:\n\n"));
        say(block(&bytes[40..start]));
        say(format!(
            "\nThe directory, {directory_length} bytes after the eight of its frame; zeros up to the trailer follow it:\n\n"
        ));
        say(block(directory));
        assert_eq!(
            trailer[24..],
            hmac(&pack_mac, &[&bytes[8..40], &trailer[8..24], directory]),
            "the pack MAC"
        );
        say("\nThe trailer's frame, with the MAC at its end:\n\n".to_owned());
        say(block(trailer));
        if class == 1 {
            let content = b"hello\n";
            let id = hmac(&chunk_id, &[&[1], &6_u64.to_le_bytes(), content]);
            assert!(
                directory.windows(32).any(|window| window == id),
                "the chunk is in the directory"
            );
            say(format!(
                "\nThe id of the chunk `hello` LF is HMAC(chunk id key, `01` ‖ `0600000000000000` ‖ `{}`):\n\n",
                hex(content)
            ));
            say(block(&id));
        }
    }
    page
}

/// The handle of `Notes/hello.txt` in the example.
const HANDLE: &str = "i654nkx89";

/// The handle of the login in `Passwords.csv`.
const RECORD: &str = "rq2wgbvnp";

#[test]
fn the_page_says_what_the_bytes_are() {
    let path = folder().join("README.md");
    let page = page();
    let written = fs::read_to_string(&path).unwrap_or_default();
    if written != page {
        let fresh = std::env::temp_dir().join("icvault-example.md");
        fs::write(&fresh, &page).unwrap();
        let mut why = String::new();
        write!(why, "spec/example/README.md is stale; it should be {}", fresh.display()).unwrap();
        assert_eq!(written, page, "{why}");
    }
}

#[test]
fn the_kept_vault_opens_with_key_and_passphrase() {
    let temp = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> =
        Arc::new(FolderStore::open(&folder().join("example.icvault")).unwrap());
    let options = OpenOptions { known_fingerprint: None, log_n_max: 20, random: random(1) };
    let key = fs::read_to_string(folder().join("key.txt")).unwrap();
    let identities = [Identity::parse(key.trim()).unwrap()];
    let passphrase = fs::read_to_string(folder().join("passphrase.txt")).unwrap();
    for (n, unlock) in [Unlock::Identities(&identities), Unlock::Passphrase(passphrase.trim_end())]
        .iter()
        .enumerate()
    {
        let vault = Vault::open(Arc::clone(&store), unlock, &options).unwrap();
        let out = temp.path().join(n.to_string());
        let done = extract(&vault, &Spec::Latest, &out).unwrap();
        assert!(done.lost.is_empty() && done.refused.is_empty());
        let path = ItemPath::parse_display(b"Notes/hello.txt").unwrap();
        let handle = vault.handle("example", Compartment::General, &path).unwrap();
        assert_eq!(handle.to_string(), HANDLE);
        let contents = contents_of(&out);
        assert_eq!(contents[Path::new("Notes/hello.txt")], b"hello\n");
        assert_eq!(contents[Path::new("Notes/link")], b"hello.txt");
        assert_eq!(
            contents[Path::new("Notes/lines.txt")],
            "a line that compresses\n".repeat(40).into_bytes()
        );
        assert!(contents[Path::new("Passwords.csv")].ends_with(b"anna,made-up,,\n"));
        let report = check(&vault, CheckOptions { read_data: true }, &Silent).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
    let file = fs::read(files(&folder().join("example.icvault/packs")).pop().unwrap()).unwrap();
    let id: [u8; 32] = Sha256::digest(&file).into();
    assert!(files(&folder().join("example.icvault/packs")).pop().unwrap().ends_with(hex(&id)));
}
