//! Containers: what is in them is found, what cannot be looked into is sealed, and neither costs
//! more than it may.

#![expect(clippy::cast_possible_truncation, reason = "the lower bits are what a zip has")]

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;

use super::{DENSE, FILE, KEY, MAIL, ORDINARY, PASSWORDS, samples, utf16, whole};
use crate::kinds::{Kind, PROBE_SIZE, Recognised, examine, examine_start, start_size};

const PASSWORDS_CSV: &[u8] = b"Title,URL,Username,Password,Notes,OTPAuth\na,b,c,d,,\n";
const LETTER: &[u8] = b"Dear Ida, the other one is inside.\n";
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCAA\n";
/// A container with something to be sealed in it, and that was seen.
const SEALED: Recognised = Recognised { sealed: true, ..DENSE };

/// A zip being written, with a way to get each number wrong.
#[derive(Clone, Default)]
pub(in crate::kinds) struct Zip {
    bytes: Vec<u8>,
    records: Vec<Vec<u8>>,
    zip64: bool,
    comment: Vec<u8>,
}

#[derive(Clone, Copy)]
struct How {
    method: u16,
    flags: u16,
}

const STORED: How = How { method: 0, flags: 0 };
const DEFLATED: How = How { method: 8, flags: 0 };
/// As Apple writes: sizes behind the content.
const STREAMED: How = How { method: 8, flags: 8 };

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Zip {
    pub(in crate::kinds) fn of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = Self::default();
        for (at, (name, content)) in members.iter().enumerate() {
            zip.put(name.as_bytes(), content, [STREAMED, STORED, DEFLATED][at % 3]);
        }
        zip.finish()
    }

    fn put(&mut self, name: &[u8], content: &[u8], how: How) {
        let packed = if how.method == 8 { deflate(content) } else { content.to_vec() };
        self.put_packed(name, &packed, content.len(), how);
    }

    fn put_packed(&mut self, name: &[u8], packed: &[u8], length: usize, how: How) {
        let start = self.bytes.len() as u32;
        let late = how.flags & 8 != 0;
        let mut sizes = Vec::new();
        let (size, length) = match self.zip64 {
            true => (u32::MAX, u32::MAX),
            false => (packed.len() as u32, length as u32),
        };
        for number in [0, size, length] {
            sizes.extend_from_slice(&number.to_le_bytes());
        }
        let mut extra = Vec::new();
        if self.zip64 {
            extra.extend_from_slice(&[0xFE, 0xCA, 1, 0, 9, 1, 0, 24, 0]);
            for number in [length as usize, packed.len(), start as usize] {
                extra.extend_from_slice(&(number as u64).to_le_bytes());
            }
        }
        let fields = [20u16.to_le_bytes(), how.flags.to_le_bytes(), how.method.to_le_bytes()];
        let fields = [fields.concat(), vec![0; 4]].concat();
        let name_length = (name.len() as u16).to_le_bytes();
        let head_sizes = if late { vec![0; 12] } else { sizes.clone() };
        let head = [b"PK\x03\x04", &*fields, &head_sizes, &name_length, &[0, 0], name].concat();
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(packed);
        if late {
            self.bytes.extend_from_slice(&[b"PK\x07\x08", &*sizes].concat());
        }
        let extra_length = (extra.len() as u16).to_le_bytes();
        let place = if self.zip64 { u32::MAX } else { start }.to_le_bytes();
        let record = [b"PK\x01\x02\x14\x03", &*fields, &sizes, &name_length, &extra_length];
        let record = [record.concat(), vec![0; 10], place.to_vec(), name.to_vec(), extra].concat();
        self.records.push(record);
    }

    fn finish(&self) -> Vec<u8> {
        let directory = self.records.concat();
        let (start, size) = (self.bytes.len() as u64, directory.len() as u64);
        let mut zip = [self.bytes.as_slice(), &directory].concat();
        let count = self.records.len() as u64;
        if self.zip64 {
            let numbers = [count, count, size, start].map(u64::to_le_bytes).concat();
            let end = [b"PK\x06\x06", &44u64.to_le_bytes()[..], &[45, 0, 45, 0], &[0; 8], &numbers];
            let place = zip.len() as u64;
            zip.extend(end.concat());
            zip.extend([b"PK\x06\x07", &[0; 4][..], &place.to_le_bytes(), &[1, 0, 0, 0]].concat());
        }
        let count = (count as u16).to_le_bytes();
        let (size, start) = (size as u32, if self.zip64 { u32::MAX } else { start as u32 });
        let numbers = [&[0; 4][..], &count, &count, &size.to_le_bytes(), &start.to_le_bytes()];
        let comment_length = (self.comment.len() as u16).to_le_bytes();
        zip.extend([b"PK\x05\x06", &*numbers.concat(), &comment_length, &self.comment].concat());
        zip
    }
}

fn tar_member(name: &str, form: u8, content: &[u8]) -> Vec<u8> {
    let size = format!("{:011o}\0", content.len());
    tar_member_sized(name, form, size.as_bytes(), content)
}

fn tar_member_sized(name: &str, form: u8, size: &[u8], content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000600\0");
    block[124..136].copy_from_slice(size);
    block[148..156].fill(b' ');
    block[156] = form;
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

fn doubt(bytes: &[u8]) -> &'static str {
    let found = whole(bytes);
    assert!(found.sealed, "{found:?} {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
    found.doubt.unwrap_or("none")
}

#[test]
fn a_secret_in_a_container_seals_it() {
    let samples = samples();
    let mut secrets: Vec<(&str, Vec<u8>)> = vec![
        ("Passwords.csv", PASSWORDS_CSV.to_vec()),
        ("in UTF-16", utf16("url,username,password\n", true, u16::to_le_bytes)),
        ("late key", format!("{}\n{PEM}", "x".repeat(PROBE_SIZE)).into_bytes()),
        ("PaymentCards.json", br#"{"metadata":{"data_type":"payment_cards"}}"#.to_vec()),
        ("codes", b"otpauth://totp/a:b?secret=JBSWY3DPEHPK3PXP&issuer=a\n".to_vec()),
    ];
    for name in ["legacy.p12", "pkcs8-ec.der", "openssh", "keychain-2.db", "one-password.1pux"] {
        secrets.push((name, samples[name].clone()));
    }
    for (name, secret) in secrets {
        let zip = Zip::of(&[("letter.txt", LETTER), ("x/", b""), ("x/y", &secret)]);
        assert_eq!(whole(&zip), SEALED, "{name} in a zip");
        let streamed = Zip::of(&[("y", &secret)]);
        assert_eq!(whole(&streamed), SEALED, "{name} in a zip");
        let tar = tar(&[tar_member("letter", b'0', LETTER), tar_member("y", b'0', &secret)]);
        assert_eq!(whole(&tar), Recognised { sealed: true, ..FILE }, "{name} in a tar");
        assert_eq!(whole(&gzip(&secret)), SEALED, "{name} in a gzip");
        assert_eq!(whole(&gzip(&tar)), SEALED, "{name} in a tar in a gzip");
        assert_eq!(whole(&gzip(&streamed)), SEALED, "{name} in a zip in a gzip");
        let inner = Zip::of(&[("t.tar", &tar), ("again", LETTER)]);
        assert_eq!(whole(&inner), SEALED, "{name} in a tar in a zip");
    }
}

#[test]
fn containers_are_looked_into_four_deep() {
    for stored in [true, false] {
        let mut zip = PASSWORDS_CSV.to_vec();
        for depth in 1..=6 {
            let mut outer = Zip::default();
            outer.put(b"letter.txt", LETTER, DEFLATED);
            outer.put(b"Old.zip", &zip, if stored { STORED } else { STREAMED });
            zip = outer.finish();
            let deep = "too many containers, one in the other";
            let expected = Recognised { doubt: (depth > 4).then_some(deep), ..SEALED };
            assert_eq!(whole(&zip), expected, "{depth} {stored}");
        }
    }
}

#[test]
fn an_ordinary_container_is_general() {
    let samples = samples();
    let jpeg = [b"\xFF\xD8\xFF\xE1".as_slice(), &[7; 9000]].concat();
    let public = [
        ("a.cer", samples["cert.der"].as_slice()),
        ("a.pub", &samples["openssh.pub"]),
        ("a.jpg", &jpeg),
        ("words.csv", b"title,url,notes\nSoup,https://example.org,salt\n"),
        ("From.txt", b"From here on\nnothing: is mail\n"),
    ];
    let zip = Zip::of(&public);
    assert_eq!(whole(&zip), DENSE);
    assert_eq!(whole(&Zip::of(&[("inner.zip", &zip), ("again.zip", &zip)])), DENSE);
    let members = public.map(|(name, content)| tar_member(name, b'0', content));
    assert_eq!(whole(&tar(&members)), FILE);
    assert_eq!(whole(&gzip(&tar(&members))), DENSE);
    assert_eq!(whole(&gzip(&"a line of a log\n".repeat(100_000).into_bytes())), DENSE);
    assert_eq!(whole(&Zip::default().finish()), DENSE);
    assert_eq!(whole(&gzip(b"")), DENSE);
    let lookalikes = ORDINARY.iter().map(|(bytes, _)| *bytes);
    let lookalikes = lookalikes.filter(|bytes| !whole(bytes).sealed).enumerate();
    let lookalikes: Vec<_> = lookalikes.map(|(at, bytes)| (at.to_string(), bytes)).collect();
    assert!(lookalikes.len() > ORDINARY.len() - 3);
    let members: Vec<_> = lookalikes.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    assert_eq!(whole(&Zip::of(&members)), DENSE);
    let document = Recognised::dense(Kind::Document);
    let late = [("padding", &*vec![b'x'; 70_000]), ("p", b""), ("[Content_Types].xml", b"<a/>")];
    assert_eq!(whole(&Zip::of(&late)), document);
    // A key in a document.
    let keyed = Zip::of(&[("[Content_Types].xml", b"<a/>"), ("word/document.xml", PEM.as_bytes())]);
    assert_eq!(whole(&keyed), Recognised { sealed: true, ..document });
}

#[test]
fn a_zip_may_be_written_in_many_ways() {
    for secret in [false, true] {
        let content = if secret { PASSWORDS_CSV } else { LETTER };
        let expected = if secret { SEALED } else { DENSE };
        let mut zip = Zip { zip64: true, ..Zip::default() };
        zip.put(b"a", LETTER, DEFLATED);
        zip.put("é without the flag".as_bytes(), content, STORED);
        assert_eq!(whole(&zip.finish()), expected, "zip64");
        let mut zip = Zip { comment: b"a comment".to_vec(), ..Zip::default() };
        zip.put(b"a", content, STORED);
        assert_eq!(whole(&zip.finish()), expected, "comment");
        // Both of two equal names count, whichever a program would show.
        for secret_first in [true, false] {
            let mut zip = Zip::default();
            let (first, second) = if secret_first { (content, LETTER) } else { (LETTER, content) };
            zip.put(b"twice", first, STREAMED);
            zip.put(b"twice", second, STREAMED);
            assert_eq!(whole(&zip.finish()), expected, "twice");
        }
        let mut zip = Zip { bytes: b"PK\x07\x08".to_vec(), ..Zip::default() };
        zip.put(b"a", content, DEFLATED);
        assert_eq!(whole(&zip.finish()), expected, "marked as split");
        // The directory in another order than the members.
        let mut zip = Zip::default();
        zip.put(b"a", LETTER, DEFLATED);
        zip.put(b"b", content, DEFLATED);
        zip.records.reverse();
        assert_eq!(whole(&zip.finish()), expected, "reversed");
    }
}

/// A file of which only some places are not zero, so that it may be of any length.
struct Sparse {
    parts: Vec<(u64, Vec<u8>)>,
    length: u64,
    at: u64,
}

impl Read for Sparse {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        bytes[..count].fill(0);
        for (place, part) in &self.parts {
            for (at, byte) in (*place..).zip(part) {
                if (self.at..self.at + count as u64).contains(&at) {
                    bytes[usize::try_from(at - self.at).unwrap()] = *byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.length.checked_add_signed(by).unwrap(),
            SeekFrom::Current(by) => self.at.checked_add_signed(by).unwrap(),
        };
        Ok(self.at)
    }
}

/// What Archive Utility makes of more than 4 GiB: no zip64, all numbers without their upper bits.
fn wrapped(content: &[u8]) -> Sparse {
    let film = Zip::of(&[("unused", b"")]).len() as u64 + (9 << 30);
    let mut small = Zip::default();
    small.put(b"film", b"", STORED);
    let film_head = small.bytes.clone();
    let mut second = Zip::default();
    second.put(b"late", content, STREAMED);
    let second_start = film_head.len() as u64 + film;
    let mut records = [small.records[0].clone(), second.records[0].clone()];
    for size in [20, 24] {
        records[0][size..size + 4].copy_from_slice(&(film as u32).to_le_bytes());
    }
    records[1][42..46].copy_from_slice(&(second_start as u32).to_le_bytes());
    let mut head = film_head;
    for size in [18, 22] {
        head[size..size + 4].copy_from_slice(&(film as u32).to_le_bytes());
    }
    let directory = records.concat();
    let directory_start = second_start + second.bytes.len() as u64;
    let numbers = [(directory.len() as u32).to_le_bytes(), (directory_start as u32).to_le_bytes()];
    let end = [b"PK\x05\x06\0\0\0\0\x02\0\x02\0", &*numbers.concat(), &[0, 0]].concat();
    let rest = [second.bytes, directory, end].concat();
    let length = second_start + rest.len() as u64;
    Sparse { parts: vec![(0, head), (second_start, rest)], length, at: 0 }
}

#[test]
fn a_large_zip_of_apple_without_zip64_is_looked_into() {
    for (content, expected) in [(LETTER, DENSE), (PASSWORDS_CSV, SEALED)] {
        let mut file = wrapped(content);
        let mut head = vec![0; PROBE_SIZE];
        file.read_exact(&mut head).unwrap();
        let length = file.length;
        assert_eq!(examine(&head, length, &mut file).unwrap(), expected);
    }
}

#[test]
fn a_zip_that_programs_would_read_differently_is_not_believed() {
    const DISAGREES: &str = "zip whose directory does not match what is in it";
    let mut good = Zip::default();
    good.put(b"a", LETTER, STORED);
    good.put(b"b", LETTER, STREAMED);
    assert_eq!(whole(&good.finish()), DENSE);

    let mut hidden = good.clone();
    hidden.records.remove(0);
    assert_eq!(doubt(&hidden.finish()), DISAGREES, "first member not in the directory");
    let mut hidden = good.clone();
    hidden.records.pop();
    assert_eq!(doubt(&hidden.finish()), DISAGREES, "last member not in the directory");
    let mut hidden = good.clone();
    hidden.put(b"c", LETTER, STORED);
    hidden.records.remove(1);
    assert_eq!(doubt(&hidden.finish()), DISAGREES, "member in the middle not in the directory");
    let mut gap = good.clone();
    gap.bytes.extend_from_slice(PEM.as_bytes());
    assert_eq!(doubt(&gap.finish()), DISAGREES, "something before the directory");
    let mut twice = good.clone();
    twice.records.push(twice.records[0].clone());
    assert_eq!(doubt(&twice.finish()), DISAGREES, "one member in the directory twice");
    let mut renamed = good.clone();
    renamed.records[0][46] = b'x';
    assert_eq!(doubt(&renamed.finish()), DISAGREES, "another name in the directory");
    let mut method = good.clone();
    method.records[0][10] = 8;
    assert_eq!(doubt(&method.finish()), DISAGREES, "another method in the directory");
    for size in [0u8, 1, 255] {
        let mut lies = good.clone();
        lies.records[0][20] = size;
        assert_eq!(doubt(&lies.finish()), DISAGREES, "size {size}");
    }
    let mut counted = good.finish();
    let at = counted.len() - 12;
    counted[at] = 1;
    assert_eq!(doubt(&counted), DISAGREES, "a wrong count");
    let behind = [good.finish(), PEM.as_bytes().to_vec()].concat();
    assert_eq!(doubt(&behind), "damaged zip", "something behind the end");
    let both = [good.finish(), good.finish()].concat();
    assert_eq!(doubt(&both), DISAGREES, "two zips in one");
}

#[test]
fn what_cannot_be_looked_into_is_sealed_with_a_word() {
    let mut encrypted = Zip::default();
    encrypted.put(b"a", LETTER, How { flags: 1, ..STORED });
    let mut aes = Zip::default();
    aes.put(b"a", LETTER, How { flags: 1, method: 99 });
    let mut unknown = Zip::default();
    unknown.put(b"a", LETTER, How { method: 14, ..STORED });
    let mut split = Zip::of(&[("a", LETTER)]);
    let at = split.len() - 18;
    split[at] = 3;
    let zip = Zip::of(&[("a", LETTER), ("b", LETTER)]);
    let disk = |at: usize, magic: &[u8]| [&vec![0; at], magic, &[0; 99]].concat();
    let dmg =
        [&[b'x', 0xDA, 0].repeat(50_000), &b"koly\0\0\0\x04\0\0\x02\0"[..], &[0; 500]].concat();
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("encrypted zip", encrypted.finish()),
        ("encrypted zip", aes.finish()),
        ("zip with an unknown compression", unknown.finish()),
        ("part of a split zip", split),
        ("damaged zip", zip[..zip.len() - 1].to_vec()),
        ("damaged zip", zip[..40].to_vec()),
        ("damaged zip", b"PK\x05\x06\0\0".to_vec()),
        ("damaged or cut off", b"\x1F\x8B\x08\0".to_vec()),
        ("damaged or cut off", gzip(LETTER)[..20].to_vec()),
        ("damaged tar", [tar_member("a", b'0', LETTER), vec![1; 512]].concat()),
        ("damaged or cut off", tar_member("a", b'0', &[b'x'; 2000])[..1500].to_vec()),
        ("tar with incomplete files", tar(&[tar_member("a", b'S', LETTER)])),
        ("7z archive", b"7z\xBC\xAF\x27\x1C\0\x04".to_vec()),
        ("RAR archive", b"Rar!\x1A\x07\x01\0".to_vec()),
        ("xar archive", b"xar!\0\x1C\0\x01".to_vec()),
        ("cabinet archive", b"MSCF\0\0\0\0\x20\0\0\0".to_vec()),
        ("ar archive", b"!<arch>\ndebian-binary".to_vec()),
        ("cpio archive", format!("070701{}", "0".repeat(104)).into_bytes()),
        ("Apple archive", b"AA01\x3D\0TYP1".to_vec()),
        ("Apple archive", b"pbze\0\0\0\0\0\x40\0\0".to_vec()),
        ("encrypted Apple archive", b"AEA1\x01\0\0\0".to_vec()),
        ("LZFSE file", b"bvx2\0\0".to_vec()),
        ("xz file", b"\xFD7zXZ\0\0\x04".to_vec()),
        ("zstd file", b"\x28\xB5\x2F\xFD\x04".to_vec()),
        ("bzip2 file", b"BZh91AY&SY".to_vec()),
        ("encrypted disk image", b"encrcdsa\0\0\0\x02".to_vec()),
        ("disk image", disk(32_769, b"CD001\x01")),
        ("disk image", disk(1024, b"H+\0\x04")),
        ("disk image", disk(512, b"EFI PART\0\0\x01\0")),
        ("disk image", dmg),
        ("encrypted with age", b"age-encryption.org/v1\n-> X25519 a\n".to_vec()),
        ("encrypted with age", b"\n-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n".to_vec()),
        ("encrypted with OpenPGP", b"-----BEGIN PGP MESSAGE-----\n\nhQ\n".to_vec()),
        ("encrypted with OpenPGP", b"\x85\x01\x0C\x03ABCDEFGH\x01\x07\xFF".to_vec()),
        ("encrypted with OpenPGP", b"\x8C\x0D\x04\x09\x03\x0AABCDEFGH\xFF\xD2".to_vec()),
        ("encrypted with OpenPGP", b"\xC1\x5E\x03ABCDEFGH\x12\x01".to_vec()),
        ("encrypted with OpenSSL", b"Salted__ABCDEFGH".to_vec()),
    ];
    for (word, bytes) in cases.clone() {
        assert_eq!(doubt(&bytes), word, "{:?}", String::from_utf8_lossy(&bytes[..8]));
        assert_eq!(whole(&bytes).kind, Kind::File);
        cases.push((word, Zip::of(&[("letter", LETTER), ("locked", &bytes)])));
        cases.push((word, tar(&[tar_member("locked", b'0', &bytes)])));
        cases.push((word, gzip(&bytes)));
    }
    for (word, bytes) in cases {
        // The end of an unpacked image cannot be reached, and an image has none in a stream.
        if word != "disk image" {
            assert_eq!(doubt(&bytes), word);
        }
    }
}

#[test]
fn a_tar_may_be_written_in_many_ways() {
    let secret = tar_member("p", b'0', PASSWORDS_CSV);
    let sealed = Recognised { sealed: true, ..FILE };
    let old = {
        let mut block = tar_member("p", 0, PASSWORDS_CSV);
        block[257..265].fill(0);
        block[148..156].fill(b' ');
        let sum: u32 = block[..512].iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    };
    assert_eq!(whole(&tar(&[old])), sealed);
    let binary = [[0x80].as_slice(), &[0; 10], &[PASSWORDS_CSV.len() as u8]].concat();
    let binary = tar_member_sized("p", b'0', &binary, PASSWORDS_CSV);
    assert_eq!(whole(&tar(&[binary])), sealed);
    // The length in an extended head counts, not the one in the head.
    let extended = tar_member("x", b'x', b"11 size=52\n18 comment=a line\n"[..11].into());
    let lies = tar_member_sized("p", b'0', b"00000000000\0", PASSWORDS_CSV);
    assert_eq!(whole(&tar(&[extended, lies.clone()])), sealed);
    assert_eq!(doubt(&tar(&[lies])), "damaged tar");
    let long = tar_member("././@LongLink", b'L', &[b'x'; 700]);
    let folder = tar_member("f", b'5', b"");
    assert_eq!(whole(&tar(&[long, folder, secret.clone()])), sealed);
    // One behind the end of another.
    let first = tar(&[tar_member("a", b'0', LETTER)]);
    assert_eq!(whole(&[first.clone(), tar(&[secret])].concat()), sealed);
    assert_eq!(whole(&first[..1024]), FILE, "without its end");
}

#[test]
fn a_secret_is_seen_behind_the_head_of_a_text() {
    let text = "All work and no play.\n";
    for length in [PROBE_SIZE - 20, PROBE_SIZE, PROBE_SIZE + 1, 1 << 20, 15 << 20] {
        let before = text.repeat(length / text.len() + 1);
        let before = before.as_bytes();
        let with = |secret: &str| whole(&[before, b"\n", secret.as_bytes()].concat());
        assert_eq!(whole(before), FILE);
        assert_eq!(with(PEM), KEY);
        assert_eq!(with("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP"), PASSWORDS);
    }
    let certificates =
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".repeat(4000);
    assert_eq!(whole(certificates.as_bytes()).kind, Kind::Certificate);
    assert_eq!(whole(format!("{certificates}{PEM}").as_bytes()), KEY);
    let mail = format!("Received: x\nFrom: a@b\nDate: y\n\n{}{PEM}", text.repeat(9000));
    assert_eq!(whole(mail.as_bytes()), Recognised { sealed: true, ..MAIL });
    let folders = r#"{"id":"1","name":"a"},"#.repeat(9000);
    let json = format!(r#"{{"folders":[{folders}{{}}],"items":[{{"login":{{"uris":[]}}}}]}}"#);
    assert_eq!(whole(json.as_bytes()), PASSWORDS);
    let wide = utf16(&format!("{}{PEM}", text.repeat(9000)), true, u16::to_le_bytes);
    assert_eq!(whole(&wide), KEY);
    let far = [vec![b'\n'; 17 << 20].as_slice(), PEM.as_bytes()].concat();
    assert_eq!(whole(&far), FILE, "beyond what is read");
}

/// Reads as `inner` does, and counts.
struct Counting<'a> {
    inner: Cursor<&'a [u8]>,
    read: usize,
}

impl Read for Counting<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.read += read;
        Ok(read)
    }
}

impl Seek for Counting<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn nothing_is_read_behind_the_head_of_what_it_decides() {
    let cases: [(&[u8], u8, usize); 5] = [
        (b"\xFF\xD8\xFF\xE1", 0, 0),
        // The heads of its boxes: there may be sound in it and no pictures.
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", 0, 32),
        (b"Title,URL,Username,Password,Notes,OTPAuth\n", b'x', 0),
        // Anything binary: its last bytes.
        (b"\x01\x02\x03\x04", 0, 512),
        (b"a long text\n", b'x', 16 << 20),
    ];
    for (start, byte, most) in cases {
        let bytes = [start, &vec![byte; 20 << 20]].concat();
        let mut counting = Counting { inner: Cursor::new(&bytes), read: 0 };
        examine(&bytes[..PROBE_SIZE], bytes.len() as u64, &mut counting).unwrap();
        assert_eq!(counting.read, most, "{:?}", String::from_utf8_lossy(start));
    }
}

#[test]
fn what_comes_as_a_stream_is_told_from_its_start() {
    let zip = Zip::of(&[("a", LETTER), ("b", PASSWORDS_CSV)]);
    let plain = Zip::of(&[("a", LETTER)]);
    let late = [vec![b'\n'; PROBE_SIZE].as_slice(), PEM.as_bytes()].concat();
    let binary = [&[1, 0].repeat(PROBE_SIZE), PEM.as_bytes()].concat();
    let locked = b"7z\xBC\xAF\x27\x1C\0\x04".to_vec();
    for bytes in [&zip, &plain, &gzip(&zip), &late, &binary, &locked, &LETTER.to_vec()] {
        let wanted = start_size(&bytes[..bytes.len().min(PROBE_SIZE)]);
        let start = &bytes[..bytes.len().min(wanted)];
        assert_eq!(examine_start(start, bytes.len() as u64), whole(bytes));
        if bytes[0] == b'P' || bytes[0] == 0x1F {
            // One that is longer than what is kept, wherever it is cut.
            let found = examine_start(bytes, bytes.len() as u64 + 1);
            assert_eq!((found.sealed, found.doubt), (true, Some(TOO_MUCH)));
        }
    }
}

/// Fails as a broken drive does.
struct Broken(Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.position() {
            0..1000 => Err(io::Error::from_raw_os_error(5)),
            _ => self.0.read(bytes),
        }
    }
}

impl Seek for Broken {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_medium_that_fails_is_not_taken_for_a_damaged_zip() {
    let zip = Zip::of(&[("a", &[b'x'; 90_000]), ("b", &[b'x'; 90_000])]);
    let length = zip.len() as u64;
    for bytes in [zip, gzip(LETTER), tar(&[tar_member("a", b'0', &[b'x'; 999])])] {
        let failed = examine(&bytes.clone(), length, &mut Broken(Cursor::new(bytes)));
        assert_eq!(failed.unwrap_err().raw_os_error(), Some(5));
    }
}

/// Neither takes its time nor finds a secret.
fn bomb(name: &str, bytes: &[u8], expected: &str) {
    let start = Instant::now();
    let found = whole(bytes);
    let took = start.elapsed();
    // Two seconds where nothing else runs; a machine that does much else is no failure.
    assert!(took < Duration::from_secs(30), "{name} took {took:?}");
    assert_eq!(found.doubt.unwrap_or("none"), expected, "{name}");
}

const TOO_MUCH: &str = "it holds more than is looked at";

#[test]
fn bombs_are_cheap() {
    let zeros = vec![0; 64 << 20];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..16 {
        encoder.write_all(&zeros).unwrap();
    }
    let gzipped = encoder.finish().unwrap();
    bomb("1 GiB of zeros", &gzipped, "none");
    bomb("1 GiB of zeros in a zip", &Zip::of(&[("a", &gzipped)]), "none");

    // A tar of one huge member, packed: it has to be skipped.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let head = tar_member_sized("a", b'0', format!("{:011o}\0", 1u64 << 30).as_bytes(), b"");
    encoder.write_all(&head).unwrap();
    for _ in 0..16 {
        encoder.write_all(&zeros).unwrap();
    }
    bomb("1 GiB in a tar", &encoder.finish().unwrap(), TOO_MUCH);

    // Each layer sixteen times the one below.
    let mut layer = Zip::of(&[("zeros", &zeros)]);
    for _ in 0..3 {
        let mut outer = Zip::default();
        for number in 0..16 {
            outer.put(format!("lib {number}.zip").as_bytes(), &layer, STREAMED);
        }
        layer = outer.finish();
    }
    bomb("zips in zips", &layer, TOO_MUCH);
    let mut outer = Zip::default();
    outer.put(b"book.zip", &layer, STREAMED);
    bomb("zips in zips, deeper", &outer.finish(), "too many containers, one in the other");

    // A compressed zip is held in memory.
    let mut huge = Zip::default();
    huge.put(b"a", &vec![0; 100 << 20], STORED);
    bomb("held", &Zip::of(&[("a.zip", &huge.finish())]), TOO_MUCH);

    let mut zip = Zip::default();
    for number in 0..1_000_000u32 {
        zip.put_packed(&number.to_le_bytes(), b"", 0, STORED);
    }
    bomb("a million empty members", &zip.finish(), TOO_MUCH);
    let members = tar_member("a", b'0', b"").repeat(1_000_000 / 8);
    bomb("many empty members of a tar", &members, TOO_MUCH);

    // Small members that unpack to as much as is looked at.
    let text = vec![b'\n'; 1 << 20];
    let packed = deflate(&text);
    let mut zip = Zip::default();
    for number in 0..20_000u32 {
        zip.put_packed(&number.to_le_bytes(), &packed, text.len(), DEFLATED);
    }
    bomb("many texts", &zip.finish(), TOO_MUCH);

    // Blocks of deflate that hold nothing, and gzips that hold nothing.
    let empty_blocks = [0, 0, 0, 0xFF, 0xFF].repeat(60 << 18);
    let mut zip = Zip::default();
    zip.put_packed(b"a", &empty_blocks, 0, DEFLATED);
    bomb("empty blocks", &zip.finish(), "damaged or cut off");
    bomb("empty gzips", &gzip(b"").repeat(4 << 18), "none");

    // Members that share their bytes.
    let mut zip = Zip::default();
    zip.put(b"a", &zeros, DEFLATED);
    for _ in 0..50_000 {
        zip.records.push(zip.records[0].clone());
    }
    let overlap = "zip whose directory does not match what is in it";
    bomb("overlapping members", &zip.finish(), overlap);
}

/// A zip with all there is: nested, in a tar, compressed, stored.
fn everything() -> Vec<u8> {
    let inner = Zip::of(&[("Passwords.csv", LETTER), ("b", b""), ("c", LETTER)]);
    let tar = tar(&[tar_member("a", b'0', LETTER), tar_member("b.zip", b'0', &inner)]);
    let mut zip = Zip { zip64: true, ..Zip::default() };
    for (name, content) in [("z", &inner), ("t", &tar), ("g", &gzip(&tar)), ("l", &LETTER.into())] {
        zip.put(name.as_bytes(), content, STORED);
        zip.put(name.as_bytes(), content, DEFLATED);
    }
    zip.finish()
}

#[test]
fn a_container_that_is_cut_off_is_sealed() {
    for bytes in [Zip::of(&[("a", LETTER), ("b", PASSWORDS_CSV)]), gzip(LETTER), everything()] {
        for end in 4..bytes.len() {
            assert!(whole(&bytes[..end]).sealed, "{end} of {}", bytes.len());
        }
    }
    assert_eq!(whole(&everything()), DENSE);
}

proptest! {
    #[test]
    fn a_damaged_container_has_an_answer(
        form in 0..3usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let zip = everything();
        let mut bytes = match form {
            0 => zip,
            1 => tar(&[tar_member("z", b'0', &zip)]),
            _ => gzip(&zip),
        };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        whole(&bytes);
    }

    #[test]
    fn a_secret_does_not_come_out_of_a_damaged_zip(
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut zip = Zip::default();
        zip.put(b"a", LETTER, STREAMED);
        zip.put(b"p", &samples()["legacy.p12"], STORED);
        let mut bytes = zip.finish();
        // The key itself may be made another thing; what is around it must not hide it.
        let key = zip.bytes.len() - samples()["legacy.p12"].len()..zip.bytes.len();
        let at = at.index(bytes.len());
        if at >= 4 && !key.contains(&at) {
            bytes[at] ^= flip;
        }
        prop_assert!(whole(&bytes).sealed, "{}", at);
    }
}
