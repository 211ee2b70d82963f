//! The samples in `tests/vectors/kinds` and the sample exports: which records, where, and that
//! nothing else is a way through.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::kinds::Field;

/// Title and warnings of a record.
type Titled = (&'static str, &'static [&'static str]);

/// Sample, then of each record its title and warnings.
const SAMPLES: &[(&str, &[Titled])] = &[
    ("bag.pem", &[("made up", &[]), ("private key (EC P-256)", &[UNENCRYPTED])]),
    ("bundle.p7b", &[("made up", &[])]),
    ("bundle.p7b.pem", &[("made up", &[])]),
    ("cert.der", &[("made up", &[])]),
    ("cert.pem", &[("made up", &[])]),
    ("dsa-traditional.der", &[("private key (DSA)", &[UNENCRYPTED])]),
    ("legacy.p12", &[("PKCS#12 store", &["weak container: RC2, RC4, 3DES or SHA-1"])]),
    ("modern.p12", &[("PKCS#12 store", &[])]),
    ("openssh", &[("made-up (Ed25519)", &[UNENCRYPTED])]),
    ("openssh-encrypted", &[("Ed25519", &[])]),
    ("openssh.pub", &[("made-up (Ed25519)", &[])]),
    ("pkcs1-rsa-encrypted.pem", &[("encrypted rsa private key", &[])]),
    ("pkcs1-rsa.der", &[("private key (RSA 1024)", &[UNENCRYPTED, SHORT])]),
    ("pkcs1-rsa.pem", &[("private key (RSA 1024)", &[UNENCRYPTED, SHORT])]),
    ("pkcs8-ec.der", &[("private key (EC P-256)", &[UNENCRYPTED])]),
    ("pkcs8-ed25519.der", &[("private key (Ed25519)", &[UNENCRYPTED])]),
    ("pkcs8-ed25519.pem", &[("private key (Ed25519)", &[UNENCRYPTED])]),
    ("pkcs8-encrypted-pbe.der", &[("encrypted private key (PKCS#8)", &[])]),
    ("pkcs8-encrypted.der", &[("encrypted private key (PKCS#8)", &[])]),
    ("pkcs8-encrypted.pem", &[("encrypted private key (PKCS#8)", &[])]),
    ("pkcs8-rsa.der", &[("private key (RSA 1024)", &[UNENCRYPTED, SHORT])]),
    ("profile-signed.mobileconfig", &[("com.apple.wifi.managed", &[]), ("made up", &[])]),
    ("profile.mobileconfig", &[("com.apple.wifi.managed", &[])]),
    ("public-rsa.pem", &[]),
    ("request.pem", &[]),
    ("sec1-ec-parameters.pem", &[("private key (EC P-256)", &[UNENCRYPTED])]),
    ("sec1-ec.der", &[("private key (EC P-256)", &[UNENCRYPTED])]),
    ("sec1-ec.pem", &[("private key (EC P-256)", &[UNENCRYPTED])]),
    ("weak.der", &[("made up weak", &["signed with SHA-1 or MD5", SHORT])]),
];

const SHORT: &str = "RSA key shorter than 2048 bits";

fn sample(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let vector = root.join("vectors/kinds").join(name);
    fs::read(&vector)
        .unwrap_or_else(|_| fs::read(root.join("data/icloud-export").join(name)).unwrap())
}

fn scanned(bytes: &[u8]) -> (Vec<Record>, Scanned) {
    let mut records = Vec::new();
    let scanned = scan(&mut &*bytes, &mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.unwrap();
    assert_eq!(scanned.records, records.len() as u64);
    (records, scanned)
}

fn titles(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.title.as_str()).collect()
}

/// The bytes of a record, from its content.
fn bytes_of(content: &[u8], record: &Record) -> Zeroizing<Vec<u8>> {
    match &record.locator {
        Locator::Bytes(parts) => {
            let [range] = parts.as_slice() else { panic!("a record in parts") };
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            Zeroizing::new(content[range].to_vec())
        }
        Locator::Derived(key) => extract(content, key, None).unwrap(),
    }
}

fn named(fields: &[Field], name: &str) -> String {
    let found = fields.iter().find(|field| field.name == name);
    found.map(|field| field.value.to_string()).unwrap_or_default()
}

/// Records lie in the content one behind the other, and each of them can be taken apart.
fn cover(content: &[u8]) {
    let (records, _) = scanned(content);
    let mut end = 0;
    for record in &records {
        let Locator::Bytes(parts) = &record.locator else { continue };
        let range = &parts[0];
        assert!(parts.len() == 1 && end <= range.start && range.start < range.end);
        end = range.end;
    }
    assert!(end <= content.len() as u64);
    for record in &records {
        fields(&bytes_of(content, record));
    }
}

#[test]
fn samples_have_their_records() {
    for (name, wanted) in SAMPLES {
        let content = sample(name);
        let (records, scanned) = scanned(&content);
        let found: Vec<_> = records
            .iter()
            .map(|record| (record.title.as_str(), record.warnings.as_slice()))
            .collect();
        assert_eq!(found, *wanted, "{name}");
        assert_eq!(scanned.notes, [""; 0], "{name}");
        cover(&content);
        for record in &records {
            assert!(!fields(&bytes_of(&content, record)).is_empty(), "{name}");
        }
    }
}

#[test]
fn one_key_is_one_record_in_every_format() {
    let id = |name| {
        let (records, _) = scanned(&sample(name));
        records.last().unwrap().identity.bytes.to_vec()
    };
    for same in [
        ["pkcs8-ec.der", "sec1-ec.der", "sec1-ec.pem", "bag.pem"].as_slice(),
        &["pkcs1-rsa.der", "pkcs1-rsa.pem", "pkcs8-rsa.der"],
        &["pkcs8-ed25519.der", "pkcs8-ed25519.pem"],
        &["cert.der", "cert.pem", "bundle.p7b", "bundle.p7b.pem"],
    ] {
        let ids: BTreeSet<_> = same.iter().map(|name| id(name)).collect();
        assert_eq!(ids.len(), 1, "{same:?}");
    }
    let certificate = Certificate::parse(&sample("cert.der")).unwrap();
    let key = private::parse(&sample("pkcs8-ec.der")).unwrap();
    assert_eq!(key.public, Some(certificate.key));
    let openssh = fields(&sample("openssh"));
    let public = fields(&sample("openssh.pub"));
    assert_eq!(named(&openssh, "fingerprint"), named(&public, "fingerprint"));
    // As `ssh-keygen -l` prints them.
    let locked = fields(&sample("openssh-encrypted"));
    for (fields, printed) in [
        (openssh, "SHA256:1Vmp1CnKyrXmeRrv2YT0WMe9X+SrkoPB3g2AYRjGpPI"),
        (locked, "SHA256:Nusj8iIdUlr/UpCQ0i7DoH/5cDesWM22oKI8KvWCqL0"),
    ] {
        assert_eq!(named(&fields, "fingerprint"), printed);
    }
}

#[test]
fn a_certificate_says_what_it_is() {
    let parsed = Certificate::parse(&sample("weak.der")).unwrap();
    assert_eq!(parsed.alternative_names, ["weak.example.com", "192.0.2.1", "2001:db8::1"]);
    assert_eq!((parsed.key.to_string().as_str(), parsed.key.bits), ("RSA 1024", 1024));
    assert_eq!(parsed.signature, "sha1WithRSAEncryption");
    assert!(parsed.is_ca && parsed.is_self_signed && parsed.is_signature_weak);
    assert_eq!(parsed.subject_key_id, parsed.authority_key_id);
    let leaf = Certificate::parse(&sample("Certificates/jordan.der")).unwrap();
    let root = Certificate::parse(&sample("Certificates/Example Family Root CA.cer")).unwrap();
    assert!(!leaf.is_ca && !leaf.is_self_signed && root.is_ca);
    assert_eq!((leaf.issuer, leaf.issuer_title), (root.subject, root.title));
    let vpn = sample("Certificates/Old VPN.crt");
    let (records, _) = scanned(&vpn);
    assert_eq!(records[0].title, "vpn.example.net");
    assert!(named(&fields(&vpn), "subject").contains("O=Bücher & Töchter (invented)"));
}

#[test]
fn a_profile_gives_what_it_brings_and_hides() {
    let content = sample("Keys/Home.mobileconfig");
    let (records, scanned) = scanned(&content);
    assert_eq!(titles(&records), ["Example Home", "Example Family Root CA", "PKCS#12 store"]);
    assert_eq!(scanned.notes, [""; 0]);
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Kind::Passwords, Kind::Certificate, Kind::Key]);
    let wifi = fields(&bytes_of(&content, &records[0]));
    let secrets: Vec<_> = wifi.iter().filter(|field| field.is_secret).collect();
    assert_eq!(secrets.len(), 1);
    assert_eq!(*secrets[0].value, "one two buckle my shoe");
    let root = sample("Certificates/Example Family Root CA.cer");
    assert_eq!(*bytes_of(&content, &records[1]), root);
    assert_eq!(*bytes_of(&content, &records[2]), sample("Keys/Jordan Example.p12"));
    assert_eq!(records[1].identity.bytes.to_vec(), Sha256::digest(&root).to_vec());
    assert!(records[2].warnings.contains(&"its password stands beside it in the profile"));
    let (school, _) = self::scanned(&sample("Keys/School (signed).mobileconfig"));
    assert!(school.len() > 1, "{:?}", titles(&school));
}

#[test]
fn a_broken_block_hides_no_neighbour() {
    let good = String::from_utf8(sample("cert.pem")).unwrap();
    let good = good[good.find("-----BEGIN").unwrap()..].trim_end();
    let body_at = good.find('\n').unwrap() + 1;
    let mut not_base64 = good.to_owned();
    not_base64.replace_range(body_at..body_at + 4, "!*!*");
    let mut not_der = good.to_owned();
    not_der.replace_range(body_at..body_at + 4, "////");
    let cut = good[..good.len() / 2].to_owned();
    let other_end = good.replace("END CERTIFICATE", "END PRIVATE KEY");
    for broken in [not_base64, not_der, cut, other_end] {
        for end in ["\n", "\r\n"] {
            let text = format!("{good}\nbetween\n{broken}\n{good}\nbehind").replace('\n', end);
            let (records, scanned) = scanned(text.as_bytes());
            assert_eq!(titles(&records), ["made up", "made up"]);
            assert_eq!(scanned.notes.len(), 1);
            cover(text.as_bytes());
        }
    }
    let mut der = sample("cert.der");
    der.extend_from_slice(&sample("cert.der")[..100]);
    let (records, scanned) = scanned(&der);
    assert_eq!((records.len(), scanned.notes.len()), (1, 1));
}

#[test]
fn putty_and_lines_of_public_keys_are_read() {
    let public = String::from_utf8(sample("openssh.pub")).unwrap();
    let blob = public.split(' ').nth(1).unwrap();
    let putty = format!(
        "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: aes256-cbc\r\nComment: desk\r\n\
         Public-Lines: 2\r\n{}\r\n{}\r\nKey-Derivation: Argon2id\r\nPrivate-Lines: 1\r\nAAAA\r\n\
         Private-MAC: 00\r\n",
        &blob[..64],
        &blob[64..]
    );
    let (records, _) = scanned(putty.as_bytes());
    assert_eq!(titles(&records), ["desk (Ed25519)"]);
    let (openssh, _) = scanned(&sample("openssh"));
    assert!(records[0].identity == openssh[0].identity);
    assert_eq!(records[0].warnings, [""; 0]);
    cover(putty.as_bytes());
    let lines = format!("# ssh-ed25519 no\nfrom=\"a b\" {public}\nssh-rsa AAAA no\n{public}");
    let (records, _) = scanned(lines.as_bytes());
    assert_eq!(titles(&records), ["made-up (Ed25519)", "made-up (Ed25519)"]);
    cover(lines.as_bytes());
}

#[test]
fn pem_and_der_turn_into_each_other() {
    for name in ["cert.der", "pkcs8-ec.der", "pkcs1-rsa.der", "sec1-ec.der", "legacy.p12"] {
        let der = sample(name);
        let pem = to_pem(&der).unwrap();
        assert_eq!(*to_der(pem.as_bytes()).unwrap(), der, "{name}");
        assert_eq!(to_pem(pem.as_bytes()).unwrap(), pem, "{name}");
    }
    for (name, text) in [("pkcs8-ed25519.der", "pkcs8-ed25519.pem"), ("sec1-ec.der", "sec1-ec.pem")]
    {
        assert_eq!(to_pem(&sample(name)).unwrap().as_bytes(), sample(text), "{name}");
    }
    assert!(to_der(&sample("openssh")).is_none());
    assert!(to_der(&sample("pkcs1-rsa-encrypted.pem")).is_none());
}

#[cfg(feature = "pkcs12")]
#[test]
fn stores_open_with_their_password_only() {
    for name in ["legacy.p12", "modern.p12"] {
        let store = sample(name);
        let wrong = [open_p12(&store, "").err(), open_p12(&store, "made up").err()];
        assert_eq!(wrong, [Some(Pkcs12Error::WrongPassword); 2]);
        assert_eq!(open_p12(&store[..99], "made-up").err(), Some(Pkcs12Error::Unreadable));
        let entries = open_p12(&store, "made-up").unwrap();
        let again = rewrap_p12(&store, "made-up", "väterchen").unwrap();
        assert_eq!(open_p12(&again, "made-up").err(), Some(Pkcs12Error::WrongPassword));
        let reopened = open_p12(&again, "väterchen").unwrap();
        let parts = |entries: &[Entry]| -> Vec<_> {
            let part = |entry: &Entry| {
                (
                    entry.name.clone(),
                    entry.certificate.clone(),
                    entry.key.clone().map(|key| key.to_vec()),
                )
            };
            entries.iter().map(part).collect()
        };
        assert!(entries.iter().any(|entry| entry.certificate.is_some() && entry.key.is_some()));
        let secrets =
            |entries| parts(entries).into_iter().map(|part| (part.1, part.2)).collect::<Vec<_>>();
        assert!(secrets(&entries) == secrets(&reopened));
        let (records, _) = scanned(&again);
        assert_eq!(records[0].warnings, [""; 0]);
        let told = fields(&again);
        assert_eq!(
            (named(&told, "encryption"), named(&told, "mac")),
            ("AES-256".into(), "SHA-256".into())
        );
    }
}

/// A store is written with new salts each time.
#[cfg(feature = "pkcs12")]
#[test]
fn a_store_that_is_open_is_what_is_in_it() {
    let known = |bytes: &[u8], password: &str| {
        let (mut records, _) = scanned(bytes);
        let mut inside = Vec::new();
        let lack = scan_inside(bytes, password, &mut |record| inside.push(record));
        know_by(&mut records[0], &inside, lack);
        assert!(records[0].warnings.is_empty());
        (records[0].identity.clone(), records[0].essence.to_vec())
    };
    let store = sample("modern.p12");
    let again = rewrap_p12(&store, "made-up", "another").unwrap();
    let third = rewrap_p12(&again, "another", "made-up").unwrap();
    assert!(again != third && known(&again, "another") == known(&third, "made-up"));
    assert!(known(&store, "made-up").0 == known(&again, "another").0);
    assert!(known(&store, "wrong") != known(&again, "wrong"));
}

#[test]
fn bombs_are_bounded() {
    let started = Instant::now();
    let deep = [0x30, 0x80].repeat(1 << 20);
    let promise = b"\x30\x84\xFF\xFF\xFF\xFF\x02\x01\x00".repeat(1 << 16);
    let lists = format!("<plist>{}", "<array>".repeat(1 << 18));
    let hidden = format!("<plist>{}", "<array><!--</array>-->".repeat(1 << 16));
    let begins = "-----BEGIN CERTIFICATE-----\n".repeat(1 << 15);
    let signed =
        [b"\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02".as_slice(), &deep].concat();
    let putty = "PuTTY-User-Key-File-3: ssh-ed25519\n".repeat(1 << 15);
    let all = [
        &deep,
        &promise,
        lists.as_bytes(),
        hidden.as_bytes(),
        begins.as_bytes(),
        &signed,
        putty.as_bytes(),
    ];
    for bytes in all {
        cover(bytes);
    }
    assert!(started.elapsed() < Duration::from_secs(60));
    let mut long = io::repeat(b'-').take(crate::kinds::CONTENT_MAX + 1);
    let scanned = scan(&mut long, &mut |_| Ok(())).unwrap();
    assert_eq!((scanned.records, scanned.notes.len()), (0, 1));
}

/// Cuts, changed bytes, removed and doubled pieces of each sample; the seed is fixed.
#[test]
fn mutated_samples_have_an_answer() {
    let started = Instant::now();
    let others = ["Keys/Home.mobileconfig", "Keys/login.keychain-db"];
    for name in SAMPLES.iter().map(|row| row.0).chain(others) {
        let content = sample(name);
        let length = content.len();
        let change = (0..4u8, 0..length, any::<u8>(), 1..64usize);
        let changes = prop::collection::vec(change, 1..4);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let config = Config { cases: 10_000, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, rng);
        let done = runner.run(&changes, |changes| {
            let mut bytes = content.clone();
            for (how, at, byte, count) in changes {
                let at = at.min(bytes.len());
                let end = at.saturating_add(count).min(bytes.len());
                match how {
                    0 if at < bytes.len() => bytes[at] = byte,
                    1 => drop(bytes.drain(at..end)),
                    2 => {
                        let piece = bytes[at..end].to_vec();
                        drop(bytes.splice(at..at, piece));
                    }
                    _ if byte == 0 => bytes.truncate(at),
                    _ => bytes.insert(at, byte),
                }
            }
            cover(&bytes);
            fields(&bytes);
            to_pem(&bytes);
            to_der(&bytes);
            Ok(())
        });
        done.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(300), "{:?}", started.elapsed());
}

#[test]
fn secrets_are_in_masked_fields_only() {
    for name in ["openssh", "pkcs8-ed25519.pem", "pkcs1-rsa.der", "Keys/Home.mobileconfig"] {
        let content = sample(name);
        let (records, _) = scanned(&content);
        let all = fields(&bytes_of(&content, &records[0]));
        let secret = all.iter().find(|field| field.is_secret).unwrap();
        let body = secret.value.lines().nth(1).unwrap_or(&secret.value);
        let told = all.iter().filter(|field| !field.is_secret).map(|field| field.value.as_str());
        for told in told.chain([records[0].title.as_str(), records[0].user.as_str()]) {
            assert!(!told.contains(body), "{name}");
        }
    }
}
