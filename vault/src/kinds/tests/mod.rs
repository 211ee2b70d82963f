//! Tables of what is recognised and of what only looks like it; samples in `tests/vectors/kinds`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;

use crate::kinds::{Kind, PROBE_SIZE, Recognised, examine, recognise};

pub(super) mod inside;
pub(super) mod records;
mod sample;

const PASSWORDS: Recognised = Recognised::sealed(Kind::Passwords);
const CARDS: Recognised = Recognised::sealed(Kind::Cards);
const KEY: Recognised = Recognised::sealed(Kind::Key);
const CERTIFICATE: Recognised = Recognised::plain(Kind::Certificate);
const DOCUMENT: Recognised = Recognised::plain(Kind::Document);
const FILE: Recognised = Recognised::plain(Kind::File);
const DENSE: Recognised = Recognised::dense(Kind::File);
const SOUND: Recognised = Recognised::dense(Kind::Sound);
const PHOTO: Recognised = Recognised::dense(Kind::Photo);
const VIDEO: Recognised = Recognised::dense(Kind::Video);
const MAIL: Recognised = Recognised::plain(Kind::Mail);

/// What each sample is, and how many of its first bytes decide that it is a secret.
const SAMPLES: &[(&str, Recognised, usize)] = &[
    ("README.md", FILE, 0),
    ("bag.pem", KEY, 1120),
    ("bundle.p7b", CERTIFICATE, 0),
    ("bundle.p7b.pem", CERTIFICATE, 0),
    ("cert.der", CERTIFICATE, 0),
    ("cert.pem", CERTIFICATE, 0),
    ("contacts.abcddb", Recognised::plain(Kind::Contact), 0),
    ("dsa-traditional.der", KEY, 16),
    ("dsa.pem", KEY, 31),
    ("enveloped.der", Recognised::closed("encrypted message"), 20),
    ("gnupg-agent.key", KEY, 50),
    ("keychain-2.db", KEY, 1024),
    ("legacy.p12", KEY, 8),
    ("modern.p12", KEY, 8),
    ("odf.odt", Recognised::dense(Kind::Document), 0),
    ("one-password.1pux", Recognised { dense: true, ..PASSWORDS }, 50),
    ("openssh", KEY, 35),
    ("openssh-encrypted", KEY, 35),
    ("openssh.pub", FILE, 0),
    ("ordinary.db", FILE, 0),
    ("pages.pages", Recognised::dense(Kind::Document), 0),
    ("pgp-public.asc", FILE, 0),
    ("pgp-public.gpg", FILE, 0),
    ("pgp-secret.asc", KEY, 37),
    ("pgp-secret.gpg", KEY, 8),
    ("pkcs1-rsa-encrypted.pem", KEY, 31),
    ("pkcs1-rsa.der", KEY, 16),
    ("pkcs1-rsa.pem", KEY, 31),
    ("pkcs8-ec.der", KEY, 16),
    ("pkcs8-ed25519.der", KEY, 16),
    ("pkcs8-ed25519.pem", KEY, 27),
    ("pkcs8-encrypted-pbe.der", KEY, 32),
    ("pkcs8-encrypted.der", KEY, 32),
    ("pkcs8-encrypted.pem", KEY, 37),
    ("pkcs8-rsa.der", KEY, 16),
    ("plain.zip", DENSE, 0),
    ("profile-signed.mobileconfig", KEY, 300),
    ("profile.mobileconfig", KEY, 220),
    ("public-ed25519.der", FILE, 0),
    ("public-pkcs1.der", FILE, 0),
    ("public-rsa.der", FILE, 0),
    ("public-rsa.pem", FILE, 0),
    ("request.der", FILE, 0),
    ("request.pem", FILE, 0),
    ("sec1-ec-parameters.pem", KEY, 110),
    ("sec1-ec.der", KEY, 16),
    ("sec1-ec.pem", KEY, 30),
    ("signature.der", FILE, 0),
    ("signed-text.p7m", FILE, 0),
    ("store.jks", KEY, 8),
    ("weak.der", CERTIFICATE, 0),
    ("word.docx", Recognised::dense(Kind::Document), 0),
];

/// Header rows of password exports, as their producers write them.
const PASSWORD_HEADERS: &[&str] = &[
    // Apple, newest first.
    "Title,URL,Username,Password,Notes,OTPAuth",
    "Title,URL,Username,Password,Notes",
    "Title,Url,Username,Password,OTPAuth",
    // Chrome, Edge, Brave, Opera; and before notes.
    "name,url,username,password,note",
    "name,url,username,password",
    "\"url\",\"username\",\"password\",\"httpRealm\",\"formActionOrigin\",\"guid\",\"timeCreated\",\
     \"timeLastUsed\",\"timePasswordChanged\"",
    "folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,\
     login_totp",
    "collections,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp",
    // 1Password.
    "Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes",
    "Title,Url,Username,Password,OTPAuth,Notes,Type",
    "Title,Website,Username,Password,One-time password,Favorite status,Archived status,Tags,Notes",
    // LastPass, Proton Pass, KeePassXC, KeePass 1.
    "url,username,password,totp,extra,name,grouping,fav",
    "name,url,username,password,note,totp",
    "type,name,url,email,username,password,note,totp,createTime,modifyTime,vault",
    "\"Group\",\"Title\",\"Username\",\"Password\",\"URL\",\"Notes\",\"TOTP\",\"Icon\",\
     \"Last Modified\",\"Created\"",
    "\"Account\",\"Login Name\",\"Password\",\"Web Site\",\"Comments\"",
    // Dashlane, NordPass, RoboForm.
    "username,username2,username3,title,password,note,url,category,otpUrl",
    "name,url,additional_urls,username,password,note,cardholdername,cardnumber,cvc,expirydate",
    "Name,Url,MatchUrl,Login,Pwd,Note,Folder,RfFieldsV2",
    // By hand.
    "url,username,password",
    "password,user",
    "url,password",
    "PASSWORD , USERNAME",
    "Benutzername,Passwort,Webseite",
    "user,pass",
    "email,pin",
    "issuer,secret",
];

/// Texts that are secrets, and the number of first bytes that decide it.
const SECRET_TEXTS: &[(&str, Recognised, usize)] = &[
    ("cardnumber,expiry,cvv\n", CARDS, 21),
    (r#"{"metadata":{"data_type":"payment_cards"},"payment_cards":[]}"#, CARDS, 40),
    (r#"{"metadata":{"data_type":"payment_\u0063ards"}}"#, CARDS, 46),
    ("{ \"payment_cards\" : [ {\"card_number\" : \"1\"}], \"metadata\" : {} }", CARDS, 42),
    (r#"[{"cardNumber":"1","expiry":"2"}]"#, CARDS, 32),
    (r#"{"exporterRpId":"example.org","accounts":[]}"#, PASSWORDS, 30),
    (r#"{"accounts":[{"id":"a","items":[{"title":"t","credentials":[]}]}]}"#, PASSWORDS, 63),
    (r#"{"encrypted":false,"folders":[],"items":[{"id":"1","login":{"uris":[]}}]}"#, PASSWORDS, 60),
    (r#"{"encrypted":true,"passwordProtected":true,"salt":"x","data":"y"}"#, PASSWORDS, 43),
    (r#"{"logins":[{"hostname":"h","encryptedPassword":"x"}]}"#, PASSWORDS, 51),
    (r#"{"services":[{"secret":"ABCDEFGH","otp":{"period":30}}]}"#, PASSWORDS, 41),
    (r#"{"version":1,"header":{"slots":[{"key":"k","key_params":{}}]},"db":"x"}"#, PASSWORDS, 57),
    ("{\"a\":1}\n***x***\n{\"f\":[{\"designation\":\"password\",\"value\":\"x\"}]}", PASSWORDS, 61),
    (r#"{"host":"h","user":"u","password":"hunter2"}"#, Recognised::sealed(Kind::File), 43),
    (r#"{"kty":"EC","crv":"P-256","x":"x","y":"y","d":"d"}"#, KEY, 49),
    (
        r#"{"private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCAA"}"#,
        KEY,
        80,
    ),
    (r#"["otpauth:\/\/totp\/a?secret=JBSWY3DPEHPK3PXP"]"#, PASSWORDS, 47),
    ("otpauth://totp/a:b?secret=JBSWY3DPEHPK3PXP&issuer=a\n", PASSWORDS, 34),
    ("otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8%3D\n", PASSWORDS, 41),
    ("my seed: <otpauth://hotp/a?counter=1&secret=JBSWY3DPEHPK3PXP>\n", PASSWORDS, 53),
    ("-----BEGIN RSA PRIVATE KEY-----", KEY, 31),
    ("some text\r  -----BEGIN PRIVATE KEY-----  \r", KEY, 39),
    ("KEY=\"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAA\n", KEY, 69),
    ("-----BEGIN PKCS12-----\n", KEY, 22),
    ("#\n-----BEGIN OpenVPN Static key V1-----\n", KEY, 39),
    ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n", KEY, 42),
    ("PuTTY-User-Key-File-3: ssh-ed25519\n", KEY, 22),
    ("# created: 2024\nAGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", KEY, 63),
    ("AGE-PLUGIN-YUBIKEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQ", KEY, 43),
    ("untrusted comment: minisign encrypted secret key\nRWRTY0", KEY, 48),
    ("SSH PRIVATE KEY FILE FORMAT 1.1\n\0\x03", KEY, 32),
    ("(21:protected-private-key(3:ecc", KEY, 26),
    ("kych\0\x01\0\0\0\0\0\x14", KEY, 5),
    ("PWS3abcdefgh", KEY, 4),
    ("<?xml version=\"1.0\"?>\n<KeePassFile><Meta/>", PASSWORDS, 34),
    ("bplist00\u{1}^PayloadContent", KEY, 24),
    ("SQLite format 3\0 CREATE TABLE \"logins\" (a)", PASSWORDS, 37),
    (
        "Received: x\nFrom: a@b\nDate: y\n\n-----BEGIN PRIVATE KEY-----\n",
        Recognised::sealed(Kind::Mail),
        58,
    ),
];

/// What is ordinary, and what only looks like a secret.
const ORDINARY: &[(&[u8], Recognised)] = &[
    (b"", FILE),
    (b"0", FILE),
    (b"\x30", FILE),
    (b"\x30\x82", FILE),
    (b"\x30\x80\x02\x01", FILE),
    (b"\xFF", FILE),
    (b"\xFF\xFE", FILE),
    (b"{", FILE),
    (b"\"", FILE),
    (b"-----BEGIN ", FILE),
    // Tables and sentences.
    (b"title,url,notes\nSoup,https://example.org,salt\n", FILE),
    (b"name,pass,fail\nann,3,1\n", FILE),
    (b"set,card number,name\nbase,4,Pikachu\n", FILE),
    (b"name,url\npassword,https://example.org\n", FILE),
    (b"title,url,time password changed,passwords\n", FILE),
    (b"password\n", FILE),
    (b"I forgot my wifi password, again\n", FILE),
    (b"notes about username and password\nurl,username,password\n", FILE),
    (b"imgName,fileChecksum,favorite,hidden,deleted\n", FILE),
    // JSON in which the words stand elsewhere.
    (br#"{"note":"payment_cards"}"#, FILE),
    (br#"{"metadata":{"note":"payment_cards"},"data_type":"payment_cards"}"#, FILE),
    (br#"{"metadata":{"x":{"data_type":"payment_cards"}}}"#, FILE),
    (br#"{"metadata":"{\"data_type\":\"payment_cards\"}"}"#, FILE),
    (br#"{"payment_cards":[{"name":"none"}]}"#, FILE),
    (br#"{"metadata":{"data_type":"extensions"},"extensions":[]}"#, FILE),
    (br#"{"username":"Username","password":"Password"}"#, FILE),
    (br#"{"username":{"type":"string"},"password":{"type":"string"}}"#, FILE),
    (br#"{"user":"u","password":""}"#, FILE),
    (br#"{"kty":"EC","crv":"P-256","x":"x","y":"y"}"#, FILE),
    (br#"{"items":[{"login":"ann"}]}"#, FILE),
    (b"{this is \"password\" : \"no json\"}", FILE),
    (br#"{"metadata":{"data_type":"history"},"history":[]}"#, Recognised::plain(Kind::History)),
    (br#"{"history":[{"url":"u","time_usec":1}]}"#, Recognised::plain(Kind::History)),
    // Armour that is public, or only spoken of.
    (b"-----BEGIN PUBLIC KEY-----\nMIIB\n", FILE),
    (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", FILE),
    (b"-----BEGIN CERTIFICATE REQUEST-----\n", FILE),
    (b"---- BEGIN SSH2 PUBLIC KEY ----\n", FILE),
    (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq made-up\n", FILE),
    (b"A key begins with -----BEGIN PRIVATE KEY----- and goes on.\n", FILE),
    (b"-----BEGIN PRIVATE KEY----- is how a key begins\n", FILE),
    (b"grep -r -- '-----BEGIN RSA PRIVATE KEY-----' .\n", FILE),
    (b"-----END PRIVATE KEY-----\n", FILE),
    (b"identities begin with AGE-SECRET-KEY-1 and are kept safe\n", FILE),
    (b"age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\n", FILE),
    (b"The otpauth:// scheme has a secret=... in it\n", FILE),
    (b"otpauth://totp/a?secret=...\n", FILE),
    (b"PuTTY-User-Key-File-2 is what the file begins with\n", FILE),
    (b"kych is no word\n", FILE),
    (b"SQLite format 3\0 CREATE TABLE genpool(a) CREATE TABLE a(genp)", FILE),
    (b"SQLite format 3\0 CREATE TABLE history_items(a)", Recognised::plain(Kind::History)),
    (b"bplist00\x01WPayload", FILE),
    // SNMP's third version has the numbers of PKCS#12, and goes on with a number.
    (b"\x30\x10\x02\x01\x03\x30\x0B\x02\x01\x05\x02\x01\x05\x04\x01\x00\x02\x01\x03", FILE),
    (b"\x30\x06\x02\x01\x01\x02\x01\x01", FILE),
    // Records and messages.
    (b"BEGIN:VCARD\r\r\nVERSION:3.0\r\r\n", Recognised::plain(Kind::Contact)),
    (b"\xEF\xBB\xBFbegin:vcard\n", Recognised::plain(Kind::Contact)),
    (b"BEGIN:VCALENDAR\r\n", Recognised::plain(Kind::Event)),
    (b"From a@example.org Mon Jan  1 00:00:00 2024\nSubject: hello\n\nx\n", MAIL),
    (b"From here on\nnothing: is mail\n", FILE),
    (b"From 10:30 on we sang\nand danced\n", FILE),
    (b"Return-Path: <a@b>\r\nReceived: by\r\n x\r\nSubject: s\r\n\r\nhello", MAIL),
    (b"From: a@example.org\nDate: today\nSubject: s\n\n", MAIL),
    (b"Title: Soup\nDate: today\nAuthor: Ann\n\nSalt.\n", FILE),
    (b"1234      \nReceived: by\nFrom: a@b\nTo: c\n\nx", MAIL),
    (b"1234\nis a number\n", FILE),
    (b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<Title>B</Title>", Recognised::plain(Kind::Bookmark)),
    (b"<html>NETSCAPE-Bookmark-file-1</html>", FILE),
    (b"<?xml version=\"1.0\"?><plist><dict><key>adjustmentData</key></dict></plist>", FILE),
    (b"%PDF-1.7\n", DOCUMENT),
    (b"{\\rtf1\\ansi}", DOCUMENT),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", DOCUMENT),
    // Media.
    (b"\xFF\xD8\xFF\xE1", PHOTO),
    (b"\x89PNG\r\n\x1A\n", PHOTO),
    (b"GIF89a", PHOTO),
    (b"RIFF\0\0\0\0WEBPVP8 ", PHOTO),
    (b"RIFF\0\0\0\0WAVEfmt ", Recognised::plain(Kind::Sound)),
    (b"FORM\0\0\0\0AIFFCOMM", Recognised::plain(Kind::Sound)),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", PHOTO),
    (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", PHOTO),
    (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", VIDEO),
    (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", VIDEO),
    (b"\0\0\0\x18ftypM4V \0\0\0\0isommp42", VIDEO),
    (b"\0\0\0\x18ftypM4A \0\0\0\0isommp42", SOUND),
    (b"\0\0\0\x18ftypzzzz\0\0\0\0zzzzzzzz", DENSE),
    (b"\0\0\0\x08wide\0\0\0\0mdat", VIDEO),
    (b"The wide sea\n", FILE),
    (b"ID3\x03\0\0", SOUND),
    (b"\xFF\xFB\x90\x64", SOUND),
    (b"MM\0*\0\0\0\x08\0\x01\x01\x03\0\x03\0\0\0\x01\0\x05\0\0", PHOTO),
    (b"II*\0\x08\0\0\0\x01\0\x12\xC6\x01\0\x04\0\0\0\x01\x04\0\0", PHOTO),
    (b"II*\0\x08\0\0\0\x01\0\x03\x01\x03\0\x01\0\0\0\x01\0\0\0", Recognised::plain(Kind::Photo)),
    (b"II*\0\xFF\xFF\xFF\xFF", Recognised::plain(Kind::Photo)),
    // Compressed.
    (b"\x1F\x8B\x08\0", DENSE),
    (b"BZhang wrote this\n", FILE),
    (b"PK\x05\x06\0\0", DENSE),
    (b"PK is not a zip", FILE),
    (b"\xFE\xED\xFA\xCF\x0C\0\0\x01", FILE),
];

fn what(bytes: &[u8]) -> Recognised {
    recognise(&bytes[..bytes.len().min(PROBE_SIZE)], bytes.len() as u64)
}

/// What it is, read to where that stands.
fn whole(bytes: &[u8]) -> Recognised {
    let head = &bytes[..bytes.len().min(PROBE_SIZE)];
    examine(head, bytes.len() as u64, &mut Cursor::new(bytes)).unwrap()
}

fn samples() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/kinds");
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// Every secret of the tables, with the number of first bytes that decide it.
fn secrets() -> Vec<(String, Vec<u8>, usize)> {
    let samples = samples();
    let files = SAMPLES.iter().filter(|(_, expected, _)| expected.sealed);
    let files =
        files.map(|(name, _, decisive)| (name.to_string(), samples[*name].clone(), *decisive));
    let texts = SECRET_TEXTS.iter();
    let texts =
        texts.map(|(text, _, decisive)| (text.to_string(), text.as_bytes().to_vec(), *decisive));
    let headers = PASSWORD_HEADERS.iter().map(|header| {
        let table = format!("{header}\na,b,c,d\n");
        (header.to_string(), table.into_bytes(), header.len())
    });
    files.chain(texts).chain(headers).collect()
}

fn utf16(text: &str, mark: bool, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mark = mark.then_some(0xFEFF);
    mark.into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[test]
fn every_sample_is_recognised() {
    let samples = samples();
    let expected: Vec<_> = SAMPLES.iter().map(|(name, ..)| name.to_string()).collect();
    assert_eq!(samples.keys().cloned().collect::<Vec<_>>(), expected);
    for (name, expected, _) in SAMPLES {
        assert_eq!(what(&samples[*name]), *expected, "{name}");
        assert_eq!(whole(&samples[*name]), *expected, "{name}");
    }
}

#[test]
fn every_secret_text_is_recognised() {
    for (text, expected, _) in SECRET_TEXTS {
        assert_eq!(what(text.as_bytes()), *expected, "{text}");
    }
}

#[test]
fn what_is_ordinary_is_not_taken_for_a_secret() {
    for (bytes, expected) in ORDINARY {
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(what(bytes), *expected, "{shown:?}");
        // What is cut off behind its first bytes is a container that cannot be looked into.
        if !bytes.starts_with(b"PK\x05") && !bytes.starts_with(b"\x1F\x8B") {
            assert_eq!(whole(bytes), *expected, "{shown:?}");
        }
    }
}

#[test]
fn a_password_header_is_recognised_however_it_is_written() {
    for header in PASSWORD_HEADERS {
        let mut names: Vec<_> = header.split(',').collect();
        names.reverse();
        let quoted =
            names.iter().map(|x| format!("\"{}\"", x.trim().trim_matches('"'))).collect::<Vec<_>>();
        let texts = [
            header.to_string(),
            header.to_uppercase(),
            names.join(","),
            names.join(";"),
            names.join("\t"),
            quoted.join(","),
            quoted.join(", "),
            format!("sep=;\r\n{}", quoted.join(";")),
            format!("\n\n{header}"),
        ];
        let ends = ["", "\n", "\r\n", "\r", "\na,\"b\nc\",d\n"];
        for text in texts.iter().flat_map(|text| ends.map(|end| format!("{text}{end}"))) {
            assert_eq!(what(text.as_bytes()), PASSWORDS, "{text:?}");
            assert_eq!(what(format!("\u{FEFF}{text}").as_bytes()), PASSWORDS, "BOM {text:?}");
            for mark in [true, false] {
                let little = utf16(&text, mark, u16::to_le_bytes);
                let big = utf16(&text, mark, |unit| {
                    let [low, high] = unit.to_le_bytes();
                    [high, low]
                });
                assert_eq!(what(&little), PASSWORDS, "UTF-16LE {mark} {text:?}");
                assert_eq!(what(&big), PASSWORDS, "UTF-16BE {mark} {text:?}");
            }
        }
    }
}

#[test]
fn pkcs12_is_recognised_with_every_form_of_length() {
    let inside = b"\x02\x01\x03\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\xA0\x80";
    let lengths: [&[u8]; 7] = [
        b"\x12",
        b"\x81\x12",
        b"\x82\x00\x12",
        b"\x82\x07\xD0",
        b"\x83\x01\x00\x00",
        b"\x84\x00\x01\x00\x00",
        b"\x80",
    ];
    for length in lengths {
        let file = [b"\x30", length, inside].concat();
        assert_eq!(what(&file), KEY, "{length:x?}");
        for other in [0u8, 1, 2, 4] {
            let mut file = file.clone();
            file[length.len() + 3] = other;
            let (sealed, key) = (what(&file).sealed, other < 2);
            // Version 0 or 1 with an algorithm is PKCS#8, cut short here.
            assert_eq!(sealed, key, "{length:x?} version {other}");
        }
    }
    assert_eq!(what(&[b"\x30\x85\0\0\0\x12\0", inside.as_slice()].concat()), FILE);
}

#[test]
fn a_secret_is_seen_up_to_the_end_of_the_probe() {
    let marker = b"\n-----BEGIN PRIVATE KEY-----\n";
    for (before, sealed) in [
        (PROBE_SIZE - marker.len(), true),
        (PROBE_SIZE - marker.len() + 1, true),
        (PROBE_SIZE - marker.len() + 2, false),
        (PROBE_SIZE, false),
    ] {
        let text = [vec![b'x'; before].as_slice(), marker].concat();
        assert_eq!(what(&text).sealed, sealed, "{before}");
        assert_eq!(recognise(&text, text.len() as u64), what(&text), "{before}");
    }
}

#[test]
fn a_secret_stays_one_from_its_decisive_bytes_on() {
    for (name, bytes, decisive) in secrets() {
        for end in decisive..=bytes.len() {
            let cut = recognise(&bytes[..end], bytes.len() as u64);
            assert!(cut.sealed, "{name} cut at {end}");
        }
    }
}

#[test]
fn deep_and_endless_json_is_survived() {
    for text in ["[", "{\"a\":", "[{\"\":", "\"", "{\"a\":\"\\", "[1,", "{}", "[[],"] {
        assert_eq!(what(text.repeat(PROBE_SIZE / text.len()).as_bytes()), FILE, "{text}");
    }
}

#[test]
fn a_kind_is_parsed_from_its_word() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        assert_eq!(kind.to_string(), kind.as_str());
    }
    assert_eq!(Kind::parse("Passwords"), None);
    assert_eq!(Kind::parse(""), None);
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..2000),
                                length in any::<u64>()) {
        recognise(&bytes, length);
    }

    #[test]
    fn any_text_has_an_answer(text in "[-A-Z {}\\[\\]\":,\\\\\n\r=/a-f0-9]{0,400}") {
        let answer = what(text.as_bytes());
        prop_assert!(!answer.dense);
    }

    #[test]
    fn a_damaged_secret_has_an_answer(pick in any::<prop::sample::Index>(),
                                      damage in proptest::collection::vec(
                                          (any::<prop::sample::Index>(), any::<u8>()), 1..8),
                                      cut in any::<prop::sample::Index>()) {
        let mut secrets = secrets();
        let (_, mut bytes, _) = secrets.swap_remove(pick.index(secrets.len()));
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        what(&bytes);
    }

    #[test]
    fn what_follows_a_secret_does_not_matter(
        pick in any::<prop::sample::Index>(),
        tail in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut secrets = secrets();
        let (name, bytes, _) = secrets.swap_remove(pick.index(secrets.len()));
        let joined = [bytes.as_slice(), b"\n", &tail].concat();
        prop_assert!(what(&joined).sealed, "{}", name);
    }
}
