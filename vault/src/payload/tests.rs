//! Age files against the crate, the stock program, the public vectors, and every kind of damage.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows has failed")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::iter;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use age::Encryptor;
use proptest::prelude::*;
use sha2::Digest as _;

use super::*;
use crate::format;

const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const PIECE: usize = format::AGE_PIECE;
/// The header that we write and the nonce.
const FRONT: usize = 184;

fn identity() -> Identity {
    Identity::parse(SECRET).unwrap()
}

/// Bytes in which no two neighbouring pieces are alike.
fn sample(length: usize) -> Vec<u8> {
    let mixed = (0_u32..).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]);
    mixed.take(length).collect()
}

fn seal(plaintext: &[u8]) -> Vec<u8> {
    seal_in_writes(plaintext, usize::MAX)
}

fn seal_in_writes(plaintext: &[u8], write_max: usize) -> Vec<u8> {
    let key = FileKey::new([3; 16]);
    let mut writer = Writer::new(&identity().recipient(), &key, [5; 16], Vec::new()).unwrap();
    for part in plaintext.chunks(write_max) {
        writer.write_all(part).unwrap();
    }
    writer.finish().unwrap()
}

/// All plaintext, or the kind of the first error.
fn open_all(file: &[u8], identities: &[&Identity]) -> Result<Vec<u8>, ErrorKind> {
    read_all(Reader::open(file, identities)).map_err(|error| error.kind())
}

fn read_all<S: ReadAt>(reader: Result<Reader<S>>) -> Result<Vec<u8>> {
    let mut reader = reader?;
    let mut plaintext = vec![0; usize::try_from(reader.plain_length()).unwrap()];
    reader.read_at(0, &mut plaintext)?;
    Ok(plaintext)
}

fn crate_seal(plaintext: &[u8], recipients: &[&dyn age::Recipient]) -> Vec<u8> {
    let encryptor = Encryptor::with_recipients(recipients.iter().copied()).unwrap();
    let mut writer = encryptor.wrap_output(Vec::new()).unwrap();
    writer.write_all(plaintext).unwrap();
    writer.finish().unwrap()
}

fn crate_open(file: &[u8]) -> Vec<u8> {
    age::decrypt(&identity().0, file).unwrap()
}

/// A file with these stanzas, whose file key is sixteen threes and whose payload is empty.
fn with_stanzas(stanzas: &[Stanza]) -> Vec<u8> {
    let key = FileKey::new([3; 16]);
    let mut file = header::encode(stanzas, &key);
    file.extend(&seal(b"")[FRONT - 16..]);
    file
}

fn other_stanza(tag: &str, body: usize) -> Stanza {
    Stanza { tag: tag.to_owned(), args: vec!["a".to_owned()], body: vec![7; body] }
}

#[test]
fn keys_have_one_form() {
    assert_eq!(identity().expose().as_str(), SECRET);
    assert_eq!(identity().recipient().to_string(), PUBLIC);
    assert!(Recipient::parse(PUBLIC).unwrap() == identity().recipient());
    assert!(Identity::generate().recipient() != identity().recipient());
    let changed = SECRET.replace("GQ97", "GQ98");
    let wrong = [&SECRET.to_lowercase(), &format!("{SECRET} "), &changed, PUBLIC, ""];
    for text in wrong {
        assert!(Identity::parse(text).is_err(), "{text}");
    }
    let wrong = [&PUBLIC.to_uppercase(), &format!(" {PUBLIC}"), &PUBLIC[..61], SECRET, ""];
    for text in wrong {
        assert!(Recipient::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_recipient_of_low_order_is_refused() {
    // The point zero. The crate reads it, and panics when it seals to it.
    let zero = with_checksum(&format!("age1{}", "q".repeat(52)));
    assert!(zero.parse::<age::x25519::Recipient>().is_ok());
    let error = Recipient::parse(&zero).err().unwrap();
    assert_eq!(error.what, "an age recipient of low order");
    assert!(SlotRecipient::parse(&zero).is_err());
}

/// Adds the checksum of Bech32 (BIP 173) to a recipient.
fn with_checksum(text: &str) -> String {
    const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const MASKS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let value = |c: &u8| (0..).zip(CHARACTERS).find(|(_, d)| *d == c).unwrap().0;
    let hrp = b"age".iter().map(|c| u32::from(c >> 5)).chain([0]);
    let hrp = hrp.chain(b"age".iter().map(|c| u32::from(c & 31)));
    let values = hrp.chain(text.as_bytes()[4..].iter().map(value)).chain([0; 6]);
    let sum = values.fold(1_u32, |sum, value| {
        let next = (sum & 0x1ff_ffff) << 5 ^ value;
        (0..5).fold(next, |next, i| if sum >> (25 + i) & 1 == 1 { next ^ MASKS[i] } else { next })
    }) ^ 1;
    let check = (0..6).map(|i| char::from(CHARACTERS[(sum >> (25 - 5 * i) & 31) as usize]));
    text.chars().chain(check).collect()
}

#[test]
fn lengths_at_each_boundary_go_both_ways() {
    let key = FileKey::new([3; 16]);
    for near in [0, PIECE, 2 * PIECE, 17 * PIECE] {
        for length in near.saturating_sub(1)..=near + 1 {
            let plaintext = sample(length);
            let file = seal(&plaintext);
            let pieces = length.div_ceil(PIECE).max(1);
            assert_eq!(file.len(), FRONT + length + pieces * 16, "{length}");
            assert!(crate_open(&file) == plaintext, "{length}");
            assert!(open_all(&file, &[&identity()]).unwrap() == plaintext, "{length}");
            assert!(read_all(Reader::with_file_key(&file[..], &key)).unwrap() == plaintext);
            let theirs = crate_seal(&plaintext, &[&identity().recipient().0]);
            assert!(open_all(&theirs, &[&identity()]).unwrap() == plaintext, "{length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_crate_and_we_read_each_other(
        near in prop::sample::select(vec![0, PIECE, 2 * PIECE]),
        off in -9_isize..300, write_max in 1_usize..200_000,
        reads in prop::collection::vec((0_usize..=1000, 0_usize..=1000), 1..8),
    ) {
        let plaintext = sample(near.saturating_add_signed(off));
        let file = seal_in_writes(&plaintext, write_max);
        prop_assert!(crate_open(&file) == plaintext);
        let theirs = crate_seal(&plaintext, &[&identity().recipient().0]);
        for file in [file, theirs] {
            let mut reader = Reader::open(&file[..], &[&identity()]).unwrap();
            prop_assert_eq!(reader.plain_length(), plaintext.len() as u64);
            for (place, length) in &reads {
                let begin = plaintext.len() * place / 1000;
                let length = (plaintext.len() - begin) * length / 1000;
                let mut buf = vec![0; length];
                reader.read_at(begin as u64, &mut buf).unwrap();
                prop_assert!(buf == plaintext[begin..begin + length]);
            }
        }
    }
}

#[test]
fn places_beyond_the_end_are_refused_and_the_reader_goes_on() {
    let plaintext = sample(3 * PIECE + 10);
    let file = seal(&plaintext);
    let mut reader = Reader::open(&file[..], &[&identity()]).unwrap();
    for (offset, length) in [(3 * PIECE, 11), (4 * PIECE, 1), (usize::MAX, 1), (0, 4 * PIECE)] {
        let mut buf = vec![1; length];
        let error = reader.read_at(offset as u64, &mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(buf.iter().all(|&byte| byte == 0));
    }
    reader.read_at(plaintext.len() as u64, &mut []).unwrap();
    let mut buf = [0; 20];
    reader.read_at(2 * PIECE as u64 - 10, &mut buf).unwrap();
    assert_eq!(buf, plaintext[2 * PIECE - 10..2 * PIECE + 10]);
}

#[test]
fn a_damaged_piece_leaves_the_others_readable() {
    let plaintext = sample(3 * PIECE + 10);
    let mut file = seal(&plaintext);
    file[FRONT + PIECE + 16 + 100] ^= 1;
    let mut reader = Reader::open(&file[..], &[&identity()]).unwrap();
    for _ in 0..2 {
        let mut buf = vec![1; 2 * PIECE];
        assert_eq!(reader.read_at(5, &mut buf).unwrap_err().kind(), ErrorKind::Damaged);
        assert!(buf.iter().all(|&byte| byte == 0));
        for piece in [0, 2] {
            reader.read_at((piece * PIECE) as u64, &mut buf[..PIECE]).unwrap();
            assert!(buf[..PIECE] == plaintext[piece * PIECE..][..PIECE]);
        }
    }
}

#[test]
fn the_writer_refuses_to_go_on_after_a_failure() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let taken = buf.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let key = FileKey::new([3; 16]);
    let recipient = identity().recipient();
    let error = Writer::new(&recipient, &key, [5; 16], Full(100)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    let mut writer = Writer::new(&recipient, &key, [5; 16], Full(1000)).unwrap();
    assert_eq!(
        writer.write_all(&sample(2 * PIECE)).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert!(writer.write_all(b"more").is_err());
    assert!(writer.finish().is_err());
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let file = seal(&sample(300));
    let us = identity();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            let error = open_all(&changed, &[&us]).unwrap_err();
            assert!(matches!(error, ErrorKind::Damaged | ErrorKind::WrongKey), "{at} {bit}");
        }
        assert_eq!(open_all(&file[..at], &[&us]).unwrap_err(), ErrorKind::Damaged, "{at}");
    }
    for length in [1, 16, 17, 512, 4096, PIECE, PIECE + 16, PIECE + 17] {
        for byte in [0, 0xFF] {
            let longer: Vec<u8> =
                file.iter().copied().chain(iter::repeat_n(byte, length)).collect();
            assert_eq!(open_all(&longer, &[&us]).unwrap_err(), ErrorKind::Damaged, "{length}");
        }
    }
}

#[test]
fn a_changed_long_file_is_refused() {
    let plaintext = sample(200_000);
    let file = seal(&plaintext);
    let key = FileKey::new([3; 16]);
    let opens = |file: &[u8]| read_all(Reader::with_file_key(file, &key)).is_ok();
    assert!(opens(&file));
    let sealed = PIECE + 16;
    let edges = (0..4).flat_map(|n| (0..40).map(move |off| FRONT + n * sealed + off - 20));
    let places: Vec<usize> = edges.chain((0..file.len()).step_by(997)).collect();
    for at in places.into_iter().filter(|&at| (FRONT - 16..file.len()).contains(&at)) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(!opens(&changed), "{at}");
        assert!(Reader::with_file_key(&file[..at], &key).is_err(), "{at}");
    }
    let pieces: Vec<&[u8]> = file[FRONT..].chunks(sealed).collect();
    for order in [&[1, 0, 2, 3][..], &[0, 2, 1, 3], &[0, 1, 3], &[0, 1, 2, 2, 3], &[1, 2, 3], &[3]]
    {
        let mut changed = file[..FRONT].to_vec();
        order.iter().for_each(|&piece| changed.extend(pieces[piece]));
        assert!(!opens(&changed), "{order:?}");
    }
    assert!(Reader::with_file_key(&file[..], &FileKey::new([4; 16])).is_err());
}

#[test]
fn malformed_headers_are_refused_where_they_are_wrong() {
    let file = seal(b"");
    let header = String::from_utf8(file[..FRONT - 16].to_vec()).unwrap();
    let lines: Vec<&str> = header.lines().collect();
    let [version, stanza, body, mac] = lines[..] else { panic!("{header}") };
    let short = &body[..40];
    let refuse = |lines: &[&str], what: &str| {
        let mut changed = lines.join("\n").into_bytes();
        changed.push(b'\n');
        if what != "a header that is cut short" {
            changed.extend(&file[FRONT - 16..]);
        }
        let error = Reader::open(&changed[..], &[&identity()]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{lines:?}");
        assert!(error.to_string().contains(what), "{error} for {lines:?}");
        assert!(open_slot(&changed, &SlotKey::Identity(&identity()), 18).is_err(), "{lines:?}");
    };
    refuse(&["age-encryption.org/v2", stanza, body, mac], "not an age v1 file");
    refuse(&["age-encryption.org/v1\r", stanza, body, mac], "not an age v1 file");
    refuse(&[version, mac], "a header without a stanza");
    refuse(&[version, "", stanza, body, mac], "a line that begins no stanza");
    refuse(&[version, "->", body, mac], "a line that begins no stanza");
    refuse(&[version, "->  X25519 a", body, mac], "an argument that is not plain text");
    refuse(&[version, "-> X25519 ", body, mac], "an argument that is not plain text");
    refuse(&[version, "-> x \u{e4}", body, mac], "an argument that is not plain text");
    refuse(&[version, "-> x \u{7f}", body, mac], "an argument that is not plain text");
    refuse(&[version, "-> X25519", body, mac], "an X25519 stanza that is not one share");
    refuse(&[version, &format!("{stanza} a"), body, mac], "an X25519 stanza that is not one");
    refuse(&[version, &stanza[..52], body, mac], "an X25519 stanza that is not one share");
    refuse(&[version, stanza, short, mac], "an X25519 stanza that is not one share");
    refuse(&[version, stanza, &format!("{body}="), mac], "a stanza's body that is not canonical");
    refuse(&[version, stanza, &format!("{}B", &body[..42]), mac], "a stanza's body that is not");
    refuse(&[version, stanza, &format!("{body}AA"), mac], "a stanza's body that is not");
    refuse(&[version, stanza, &format!(" {body}"), mac], "a stanza's body that is not canonical");
    refuse(&[version, stanza, &body.repeat(2), mac], "a line of a stanza's body that is too long");
    // A body of full lines must end with an empty one; here the MAC's line takes its place.
    refuse(&[version, "-> x", &"A".repeat(64), mac], "a stanza's body that is not canonical");
    refuse(&[version, stanza, mac], "a stanza's body that is not canonical");
    refuse(&[version, stanza, body, "---"], "a header MAC that is not 32 bytes");
    refuse(&[version, stanza, body, &mac.replace("--- ", "---")], "a header MAC that is not 32");
    refuse(&[version, stanza, body, &mac.replace("--- ", "---  ")], "a header MAC that is not 32");
    refuse(&[version, stanza, body, &format!("{mac}=")], "a header MAC that is not 32 bytes");
    refuse(&[version, stanza, body, &mac[..46]], "a header MAC that is not 32 bytes");
    refuse(&[version, stanza, body, &format!("{mac} ")], "a header MAC that is not 32 bytes");
    refuse(&[version, stanza, body, &format!("--- {}", "A".repeat(43))], "a wrong header MAC");
    refuse(&[version, "-> grease", "", stanza, body, mac], "a wrong header MAC");
    refuse(&[version, stanza, body], "a header that is cut short");
    refuse(
        &[version, &format!("-> X25519 {}", "A".repeat(43)), body, mac],
        "an X25519 share of low order",
    );
}

#[test]
fn header_bombs_are_refused_quickly() {
    let repeat = |text: &str, count: usize| {
        let mut file = b"age-encryption.org/v1\n".to_vec();
        file.extend(text.repeat(count).into_bytes());
        file
    };
    let stanza = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n\
                  hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n";
    let full_line = format!("{}\n", "A".repeat(64));
    let bombs = [
        repeat(stanza, 10_000),
        repeat(stanza, 33),
        repeat("-> a\n\n", 100_000),
        repeat("\n", 100_000),
        repeat("a", 1_000_000),
        repeat("-> a a a a a a a", 100_000),
        [repeat("-> a\n", 1), full_line.repeat(20_000).into_bytes()].concat(),
    ];
    let started = Instant::now();
    let us = identity();
    for bomb in &bombs {
        assert_eq!(open_all(bomb, &[&us]).unwrap_err(), ErrorKind::Damaged);
        let key = SlotKey::Identity(&us);
        assert_eq!(open_slot(bomb, &key, 20).unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(slot_lock(bomb).unwrap_err().kind(), ErrorKind::Damaged);
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn as_many_stanzas_as_allowed_and_other_kinds_of_them_are_read() {
    let us = identity();
    let ours = us.recipient().wrap(&FileKey::new([3; 16])).unwrap();
    let others = |count| iter::repeat_with(|| other_stanza("x", 48)).take(count);
    let many = |count| others(count).chain(us.recipient().wrap(&FileKey::new([3; 16])).unwrap());
    assert_eq!(open_all(&with_stanzas(&many(31).collect::<Vec<_>>()), &[&us]).unwrap(), b"");
    let error = open_all(&with_stanzas(&many(32).collect::<Vec<_>>()), &[&us]);
    assert_eq!(error.unwrap_err(), ErrorKind::Damaged);
    // Post-quantum recipients are not for us, whatever they hold.
    for (tag, lock) in [
        ("mlkem768x25519", SlotLock::Other),
        ("mlkem768p256tag", SlotLock::Other),
        ("piv-p256", SlotLock::Other),
        ("x25519", SlotLock::Other),
        ("ssh-ed25519", SlotLock::Ssh),
    ] {
        let file = with_stanzas(&[other_stanza(tag, 1088 + 32)]);
        assert_eq!(open_all(&file, &[&us]).unwrap_err(), ErrorKind::WrongKey, "{tag}");
        assert_eq!(slot_lock(&file).unwrap(), lock);
        for key in [SlotKey::Identity(&us), SlotKey::Passphrase("p")] {
            assert_eq!(open_slot(&file, &key, 20).unwrap_err().kind(), ErrorKind::WrongKey);
        }
    }
    let twice = Identity::generate();
    let theirs = twice.recipient().wrap(&FileKey::new([3; 16])).unwrap();
    let file = with_stanzas(&theirs.into_iter().chain(ours).collect::<Vec<_>>());
    for identities in [&[&us][..], &[&twice], &[&Identity::generate(), &us]] {
        assert_eq!(open_all(&file, identities).unwrap(), b"");
    }
    for identities in [&[][..], &[&Identity::generate()]] {
        assert_eq!(open_all(&file, identities).unwrap_err(), ErrorKind::WrongKey);
    }
}

/// A made-up key and its public half; the second is locked with "open says me".
const SSH_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAJt7rHYgINNuPX9OWkZga6A0EHZywUZhNmGyGpJRD9LQAAAJAWgstqFoLL
agAAAAtzc2gtZWQyNTUxOQAAACAJt7rHYgINNuPX9OWkZga6A0EHZywUZhNmGyGpJRD9LQ
AAAEC29xKiMbmtpUVYKV21cg6mQfXwvmA363hZNwpkyNInpgm3usdiAg0249f05aRmBroD
QQdnLBRmE2YbIaklEP0tAAAAB21hZGUtdXABAgMEBQY=
-----END OPENSSH PRIVATE KEY-----
";
const SSH_PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAm3usdiAg0249f05aRmBroDQQdnLBRmE2YbIaklEP0t made-up";
const SSH_LOCKED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBthn2a2h
fHim6dnouTtZg+AAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAILX/WiGs1z9zGuEz
4yNoNSlJkFyBhqMIx+/Hl9kiXWXkAAAAkMxQlEMtULow/+ZAdKBkLTO4hgnA7GJ7Go7js2
XeIrAiWAgpN44oD1Yq007vi85y21gS4QDuTncNT1koNXOMZmiG4q65W4nnodS+Ehhrm2u7
FVTfGD1glxmtOOssVu1rv2pNW8LN5hrCc3iv4BRWmzySN87mNreuAzOLj9DzeDdvJrsAxl
s1xppNmZl27J90Wg==
-----END OPENSSH PRIVATE KEY-----
";
const SSH_LOCKED_PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILX/WiGs1z9zGuEz4yNoNSlJkFyBhqMIx+/Hl9kiXWXk made-up";

#[test]
fn people_have_keys_of_several_kinds() {
    let plugin = "age1test1wdhk6etzdaj8j58wj93";
    for text in [PUBLIC, SSH_PUBLIC, plugin] {
        let recipient = SlotRecipient::parse(text).unwrap();
        assert!(text.starts_with(&recipient.to_string()));
        assert_eq!(recipient.plugin(), (text == plugin).then_some("test"));
        assert_eq!(Lock::Recipient(&recipient).stands_alone(), text == PUBLIC);
    }
    for wrong in [
        "",
        "age1",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7",
        "ssh-dss AAAA",
        &PUBLIC.to_uppercase(),
        &plugin.to_uppercase(),
        "age1../test1wdhk6etzdaj8j3ac9p9",
        "age1test1wdhk6etzdaj8j58wj94",
    ] {
        assert!(SlotRecipient::parse(wrong).is_err(), "{wrong}");
    }
    let identity = SlotIdentity::parse("AGE-PLUGIN-TEST-1WDHK6ETZDAJ8J0S0G0X").unwrap();
    assert_eq!(identity.plugin(), Some("test"));
    assert!(identity.recipient().is_none());
    for wrong in [
        "",
        "AGE-PLUGIN-",
        "age-plugin-test-1wdhk6etzdaj8j0s0g0x",
        "AGE-PLUGIN-../TEST-1WDHK6ETZDAJ8JGLPC94",
        SSH_KEY,
    ] {
        assert!(SlotIdentity::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_ssh_key_opens_what_is_sealed_to_it() {
    let open = || SlotIdentity::parse_ssh(SSH_KEY, || panic!("it is not locked")).unwrap();
    let unlock = |passphrase: Option<&str>| {
        let given = passphrase.map(|text| Zeroizing::new(text.to_owned()));
        SlotIdentity::parse_ssh(SSH_LOCKED, || given).map_err(|error| error.kind())
    };
    let locked = unlock(Some("open says me")).unwrap();
    assert_eq!(unlock(Some("open says you")).err(), Some(ErrorKind::WrongKey));
    assert_eq!(unlock(None).err(), Some(ErrorKind::WrongKey));
    for (identity, public, other) in [
        (open(), SSH_PUBLIC, locked),
        (unlock(Some("open says me")).unwrap(), SSH_LOCKED_PUBLIC, open()),
    ] {
        let recipient = SlotRecipient::parse(public).unwrap();
        assert_eq!(identity.recipient().unwrap().to_string(), recipient.to_string());
        let slot = seal_slot(&sample(4096), &Lock::Recipient(&recipient)).unwrap();
        assert_eq!(slot_lock(&slot).unwrap(), SlotLock::Ssh);
        let opened = open_slot(&slot, &SlotKey::Person(&identity), 20).unwrap();
        assert_eq!(**opened, sample(4096));
        let wrong = open_slot(&slot, &SlotKey::Person(&other), 20).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::WrongKey);
    }
    for text in
        ["-----BEGIN OPENSSH PRIVATE KEY-----", &SSH_KEY[..200], "-----BEGIN RSA PRIVATE KEY-----"]
    {
        assert!(SlotIdentity::is_ssh(text));
        let refused = SlotIdentity::parse_ssh(text, || None).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::Refused), "{text}");
    }
    assert!(!SlotIdentity::is_ssh("# a key\nAGE-SECRET-KEY-1"));
}

#[test]
fn a_slot_opens_with_its_key_and_no_other() {
    let us = identity();
    let recipient = SlotRecipient::parse(PUBLIC).unwrap();
    let by_recipient = seal_slot(&sample(4096), &Lock::Recipient(&recipient)).unwrap();
    let by_passphrase = seal_slot(&sample(4096), &Lock::Passphrase("correct horse")).unwrap();
    assert_eq!(slot_lock(&by_recipient).unwrap(), SlotLock::Identity);
    let log_n = format::SCRYPT_LOG_N;
    assert_eq!(slot_lock(&by_passphrase).unwrap(), SlotLock::Passphrase { log_n });

    let open = |slot: &[u8], key: SlotKey<'_>| open_slot(slot, &key, 20).map_err(|e| e.kind());
    assert_eq!(**open(&by_recipient, SlotKey::Identity(&us)).unwrap(), sample(4096));
    let right = SlotKey::Passphrase("correct horse");
    assert_eq!(**open(&by_passphrase, right).unwrap(), sample(4096));
    let wrong = SlotKey::Passphrase("correct house");
    assert_eq!(open(&by_passphrase, wrong).unwrap_err(), ErrorKind::WrongKey);
    let other = Identity::generate();
    let wrong = SlotKey::Identity(&other);
    assert_eq!(open(&by_recipient, wrong).unwrap_err(), ErrorKind::WrongKey);

    // A key of the other kind costs nothing, though scrypt takes most of a second.
    let started = Instant::now();
    for _ in 0..100 {
        let wrong = SlotKey::Passphrase("correct horse");
        assert_eq!(open(&by_recipient, wrong).unwrap_err(), ErrorKind::WrongKey);
        let wrong = SlotKey::Identity(&us);
        assert_eq!(open(&by_passphrase, wrong).unwrap_err(), ErrorKind::WrongKey);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    // What is damaged under the right key is damage, not a wrong key.
    let mut changed = by_passphrase;
    *changed.last_mut().unwrap() ^= 1;
    let right = SlotKey::Passphrase("correct horse");
    assert_eq!(open(&changed, right).unwrap_err(), ErrorKind::Damaged);
}

/// A slot of our shape with less work, as 2^18 is too much for thousands of attempts.
fn cheap_slot(plaintext: &[u8]) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new("p".to_owned().into());
    recipient.set_work_factor(1);
    crate_seal(plaintext, &[&recipient])
}

#[test]
fn a_changed_slot_is_refused() {
    let us = identity();
    let slots = [
        (crate_seal(&sample(100), &[&us.recipient().0]), SlotKey::Identity(&us), 1),
        // The crate times scrypt whenever it is given a passphrase: one bit of each byte will do.
        (cheap_slot(&sample(100)), SlotKey::Passphrase("p"), 8),
    ];
    for (slot, key, step) in slots {
        assert_eq!(**open_slot(&slot, &key, 1).unwrap(), sample(100));
        for at in 0..slot.len() {
            for bit in (at % step..8).step_by(step) {
                let mut changed = slot.clone();
                changed[at] ^= 1 << bit;
                let kind = open_slot(&changed, &key, 1).unwrap_err().kind();
                let is_ours = kind == ErrorKind::Refused && slot_lock(&changed).is_ok();
                let is_known = matches!(kind, ErrorKind::Damaged | ErrorKind::WrongKey);
                assert!(is_known || is_ours, "{at} {bit} {kind:?}");
            }
            let kind = open_slot(&slot[..at], &key, 1).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::Damaged, "{at}");
        }
        for length in [1, 16, 17, 4096, PIECE, PIECE + 17] {
            let longer = [slot.as_slice(), &vec![0; length]].concat();
            assert_eq!(open_slot(&longer, &key, 1).unwrap_err().kind(), ErrorKind::Damaged);
        }
    }
}

#[test]
fn slots_have_a_greatest_size() {
    let recipient = SlotRecipient::parse(PUBLIC).unwrap();
    let us = identity();
    for length in [0, 1, PIECE - 1, PIECE] {
        let slot = seal_slot(&sample(length), &Lock::Recipient(&recipient)).unwrap();
        assert!(**open_slot(&slot, &SlotKey::Identity(&us), 20).unwrap() == sample(length));
        assert!(open_all(&slot, &[&us]).unwrap() == sample(length));
    }
    let error = seal_slot(&sample(PIECE + 1), &Lock::Recipient(&recipient)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let slot = crate_seal(&sample(PIECE + 1), &[&us.recipient().0]);
    let error = open_slot(&slot, &SlotKey::Identity(&us), 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
}

#[test]
fn too_much_work_is_refused_without_doing_any() {
    let with_work = |work: &str| {
        let args = vec!["A".repeat(22), work.to_owned()];
        with_stanzas(&[Stanza { tag: "scrypt".to_owned(), args, body: vec![0; 32] }])
    };
    let started = Instant::now();
    let cases = [
        ("21", 20, "2 GiB"),
        ("22", 20, "4 GiB"),
        ("23", 22, "8 GiB"),
        ("23", 255, "8 GiB"),
        ("63", 255, "8796093022208 GiB"),
        ("255", 255, "more than 16 EiB"),
        ("20", 19, "1 GiB"),
        ("19", 18, "512 MiB"),
        ("9", 8, "512 KiB"),
    ];
    for (work, log_n_max, memory) in cases {
        let error = open_slot(&with_work(work), &SlotKey::Passphrase("p"), log_n_max).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{work}");
        assert!(error.way_out().unwrap().contains(memory), "{work}: {:?}", error.way_out());
    }
    for work in ["256", "0", "018", "+18", "-1", "1e1", "0x12", "", "18446744073709551634"] {
        let error = open_slot(&with_work(work), &SlotKey::Passphrase("p"), 255).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{work}");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[test]
fn the_stock_program_and_we_read_each_other() {
    if Command::new("age").arg("--version").output().is_err() {
        #[expect(clippy::disallowed_methods, reason = "a test run may insist on every test")]
        let must_not_skip = std::env::var("ICVAULT_TEST_NO_SKIP").is_ok();
        assert!(!must_not_skip, "the program age is not installed");
        #[expect(clippy::print_stderr, reason = "a test that did not run says so")]
        {
            eprintln!("skipped: the program age is not installed");
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, identity().expose().as_bytes()).unwrap();
    let age = |arguments: &[&str], input: &[u8]| {
        let mut age = Command::new("age");
        age.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = age.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input).unwrap());
            let mut output = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
            assert!(child.wait().unwrap().success());
            output
        })
    };
    let key = key.to_str().unwrap();
    for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 200_000] {
        let plaintext = sample(length);
        assert!(age(&["-d", "-i", key], &seal(&plaintext)) == plaintext, "{length}");
        let theirs = age(&["-r", PUBLIC], &plaintext);
        assert!(open_all(&theirs, &[&identity()]).unwrap() == plaintext, "{length}");
    }
    let recipient = SlotRecipient::parse(PUBLIC).unwrap();
    let slot = seal_slot(&sample(4096), &Lock::Recipient(&recipient)).unwrap();
    assert_eq!(age(&["-d", "-i", key], &slot), sample(4096));
    let theirs = age(&["-r", PUBLIC], &sample(4096));
    let opened = open_slot(&theirs, &SlotKey::Identity(&identity()), 20).unwrap();
    assert_eq!(**opened, sample(4096));
}

/// One of the public vectors: what must happen, and the keys to try.
struct Vector {
    name: String,
    expect: String,
    payload: Option<String>,
    identities: Vec<Identity>,
    passphrases: Vec<String>,
    is_armored: bool,
    file: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let split = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let (mut expect, mut payload, mut is_armored) = (String::new(), None, false);
        let (mut identities, mut passphrases) = (Vec::new(), Vec::new());
        let mut file = bytes[split + 2..].to_vec();
        for line in std::str::from_utf8(&bytes[..split]).unwrap().lines() {
            let (name, value) = line.split_once(": ").unwrap();
            match name {
                "expect" => expect = value.to_owned(),
                "payload" => payload = Some(value.to_owned()),
                "identity" => identities.push(Identity::parse(value).unwrap()),
                "passphrase" => passphrases.push(value.to_owned()),
                "armored" => is_armored = true,
                "compressed" => {
                    assert_eq!(value, "zstd");
                    let mut whole = vec![0; 20_000_000];
                    let length = zstd::zstd_safe::decompress(&mut whole[..], &file).unwrap();
                    file = whole[..length].to_vec();
                }
                "file key" | "comment" => {}
                _ => panic!("{path:?} {line}"),
            }
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Self { name, expect, payload, identities, passphrases, is_armored, file }
    }

    fn check(&self, opened: Result<Vec<u8>>) {
        let name = &self.name;
        let kind = opened.as_ref().map_err(Error::kind).err();
        let fits = match self.expect.as_str() {
            "success" => kind.is_none(),
            "no match" => kind == Some(ErrorKind::WrongKey),
            "header failure" if name == "scrypt_work_factor_23" => kind == Some(ErrorKind::Refused),
            "header failure" | "HMAC failure" | "payload failure" => {
                kind == Some(ErrorKind::Damaged)
            }
            _ => false,
        };
        assert!(fits, "{name} must be {}, and is {kind:?}", self.expect);
        if let Ok(plaintext) = opened {
            let digest = crate::id::hex(&sha2::Sha256::digest(plaintext));
            assert_eq!(Some(digest), self.payload, "{name}");
        }
    }
}

#[test]
fn the_public_vectors_end_as_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/age");
    let (mut by_reader, mut by_slot, mut armored, mut all) = (0, 0, 0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            continue;
        }
        let vector = Vector::read(&path);
        all += 1;
        if vector.is_armored {
            // No file of a vault is armored, so that all of these begin with something else.
            let error = Reader::open(&vector.file[..], &[&identity()]).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{}", vector.name);
            armored += 1;
            continue;
        }
        if vector.passphrases.is_empty() {
            let identities: Vec<&Identity> = vector.identities.iter().collect();
            vector.check(read_all(Reader::open(&vector.file[..], &identities)));
            by_reader += 1;
        }
        let keys = vector.identities.iter().map(SlotKey::Identity);
        let keys = keys.chain(vector.passphrases.iter().map(|text| SlotKey::Passphrase(text)));
        let keys: Vec<SlotKey<'_>> = keys.collect();
        // A slot has one piece and is tried with one key.
        if let [key] = &keys[..]
            && vector.file.len() < PIECE
        {
            vector.check(open_slot(&vector.file, key, 22).map(|plaintext| plaintext.to_vec()));
            by_slot += 1;
        }
    }
    assert_eq!((all, armored, by_reader, by_slot), (123, 31, 67, 70));
}
