//! Archives are read as they were written, and nothing else makes the reader do more than refuse.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn at(path: &str) -> ItemPath {
    ItemPath::parse_display(path.as_bytes()).unwrap()
}

/// Path, what it is, and a file's content.
type Told = (ItemPath, FileType, Option<Vec<u8>>, Attributes, Vec<u8>);

fn read(archive: &[u8]) -> Vec<Told> {
    let mut reader = TarReader::open(archive).unwrap();
    let mut told = Vec::new();
    while let Some(member) = reader.next_member().unwrap() {
        let Ok(Member::Item(entry)) = member else { continue };
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, entry.length);
        let attributes = Attributes {
            mode: Some(entry.mode),
            mtime: Some(entry.mtime),
            birth: entry.birth,
            xattrs: entry.xattrs,
            ..Attributes::default()
        };
        told.push((entry.path, entry.file_type, entry.link, attributes, content));
    }
    told
}

#[test]
fn what_is_written_is_read() {
    let xattrs = vec![
        (b"com.apple.ResourceFork".to_vec(), (0..=255).collect::<Vec<u8>>().repeat(300)),
        (b"user.a=b%c".to_vec(), b"12 user.x=y\n".to_vec()),
        (b"user.empty".to_vec(), Vec::new()),
    ];
    let plain =
        Attributes { mode: Some(0o640), mtime: Some((1 << 31, 0)), ..Attributes::default() };
    let odd = Attributes {
        mode: Some(0o4711),
        mtime: Some((-2, 999_999_999)),
        birth: Some((-1, 1)),
        xattrs,
        ..plain
    };
    let mut writer = TarWriter::new(Vec::new());
    writer.folder(&at("folder"), &odd).unwrap();
    let latin = ItemPath::new(b"caf\xe9\nand = more").unwrap();
    let long = at(&["n".repeat(255).as_str(); 12].join("/"));
    for (path, content, attributes) in [
        (&at("folder/file"), &b"content"[..], &plain),
        (&at("empty"), b"", &odd),
        (&latin, &[7; 1024], &odd),
        (&long, &[8; 513], &plain),
        (&at("\u{1f4f7}"), &[9; 511], &plain),
    ] {
        let write = |to: &mut dyn Write| {
            let _: () = to.write_all(content).unwrap();
            Ok(())
        };
        writer.file(path, content.len() as u64, attributes, write).unwrap();
    }
    writer.link(&at("link"), &[b'l'; 300], &plain).unwrap();
    writer.link(&at("short"), b"../x\xff", &plain).unwrap();
    let archive = writer.finish().unwrap();
    assert_eq!(archive.len() % BLOCK_SIZE, 0);

    let told = read(&archive);
    let paths: Vec<&ItemPath> = told.iter().map(|told| &told.0).collect();
    let (file, empty, camera) = (at("folder/file"), at("empty"), at("\u{1f4f7}"));
    let (folder, link, short) = (at("folder"), at("link"), at("short"));
    assert_eq!(paths, [&folder, &file, &empty, &latin, &long, &camera, &link, &short]);
    for (place, expected) in [(0, &odd), (1, &plain), (2, &odd), (3, &odd), (6, &plain)] {
        let attributes = &told[place].3;
        assert_eq!(attributes.mode, expected.mode, "{place}");
        assert_eq!(attributes.mtime, expected.mtime, "{place}");
        assert_eq!(attributes.birth, expected.birth, "{place}");
        assert_eq!(attributes.xattrs, expected.xattrs, "{place}");
    }
    assert_eq!(told[3].4, [7; 1024]);
    assert_eq!(told[6].2, Some(vec![b'l'; 300]));
    assert_eq!(told[7].2, Some(b"../x\xff".to_vec()));
}

#[test]
fn times_are_decimal_fractions() {
    let table = [
        ((0, 0), "0"),
        ((1, 500_000_000), "1.500000000"),
        ((-1, 500_000_000), "-0.500000000"),
        ((-2, 1), "-1.999999999"),
        ((-5, 0), "-5"),
        ((i64::MAX, 999_999_999), "9223372036854775807.999999999"),
    ];
    for (moment, text) in table {
        assert_eq!(decimal(moment), text);
        assert_eq!(time(text.as_bytes()), Some(moment));
    }
    assert_eq!(time(b"1.5"), Some((1, 500_000_000)));
    assert_eq!(time(b"1.1234567899"), Some((1, 123_456_789)));
    for wrong in [&b""[..], b"x", b"1.x", b"--1", b"99999999999999999999"] {
        assert_eq!(time(wrong), None);
    }
}

#[test]
fn a_record_counts_its_own_length() {
    for length in [0, 1, 90, 91, 92, 93, 94, 95, 985, 986, 987, 988, 989, 990, 9_985] {
        let mut records = Vec::new();
        record(&mut records, b"key", &vec![b'\n'; length]);
        record(&mut records, b"other", b"x");
        let mut read = Records::new();
        take_records(&mut read, &records).unwrap();
        assert_eq!(read.get(b"other".as_slice()), Some(&b"x".to_vec()), "{length}");
        assert_eq!(read.get(b"key".as_slice()).map_or(0, Vec::len), length);
    }
}

#[test]
fn paths_stay_below_and_the_folder_itself_is_no_item() {
    let member = |name: &str| {
        let mut header = Header::new_ustar();
        fill(&mut header, EntryType::Regular, name.as_bytes(), b"", 0);
        TarReader::open(Cursor::new(header.as_bytes().to_vec())).unwrap().next_member().unwrap()
    };
    for name in ["../x", "a/../../x", "a/.."] {
        assert!(matches!(member(name), Some(Err(_))), "{name}");
    }
    for (name, expected) in [("./a//b", "a/b"), ("/etc/passwd", "etc/passwd")] {
        let Some(Ok(Member::Item(entry))) = member(name) else { panic!("{name}") };
        assert_eq!(entry.path, at(expected));
    }
    assert!(member("./").is_none() && member("/").is_none());
}

/// What GNU tar and bsdtar make of a sparse file, and what claims to be one.
#[test]
fn holes_of_sparse_files_are_zeros() {
    let archive = |map: &str, data: &[u8], real_size: &str| {
        let mut records = Vec::new();
        for (key, value) in [
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "sparse"),
            ("GNU.sparse.realsize", real_size),
        ] {
            record(&mut records, key.as_bytes(), value.as_bytes());
        }
        let mut content = map.as_bytes().to_vec();
        content.resize(content.len().next_multiple_of(BLOCK_SIZE), 0);
        content.extend_from_slice(data);
        let mut writer = TarWriter::new(Vec::new());
        let mut header = Header::new_ustar();
        fill(&mut header, EntryType::XHeader, b"pax", b"", records.len() as u64);
        writer.to.extend_from_slice(header.as_bytes());
        writer.to.extend_from_slice(&records);
        writer.pad(records.len() as u64).unwrap();
        fill(&mut header, EntryType::Regular, b"GNUSparseFile.0/x", b"", content.len() as u64);
        writer.to.extend_from_slice(header.as_bytes());
        writer.to.extend_from_slice(&content);
        writer.pad(content.len() as u64).unwrap();
        writer.finish().unwrap()
    };
    let told = read(&archive("3\n1000\n3\n2000\n2\n5000\n0\n", b"abcde", "5000"));
    let mut expected = vec![0; 5000];
    expected[1000..1003].copy_from_slice(b"abc");
    expected[2000..2002].copy_from_slice(b"de");
    assert_eq!((&told[0].0, &told[0].4), (&at("sparse"), &expected));
    for (map, real_size) in [
        ("1\n10\n6\n", "15"),
        ("2\n10\n3\n9\n2\n", "100"),
        ("1\n18446744073709551615\n5\n", "100"),
        ("1\n0\n4\n", "100"),
        ("9999999999\n", "100"),
        ("1\n0\n5\n", "9999999999999999"),
        ("x\n", "100"),
    ] {
        let archive = archive(map, b"abcde", real_size);
        assert!(TarReader::open(archive.as_slice()).unwrap().next_member().is_err(), "{map:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_fail_in_another_way(mut blocks in prop::collection::vec(any::<u8>(), 0..4096), flips in prop::collection::vec((0_usize..2048, any::<u8>()), 0..6)) {
        let mut writer = TarWriter::new(Vec::new());
        let attributes = Attributes { birth: Some((5, 5)), ..Attributes::default() };
        writer.folder(&at("a"), &attributes).unwrap();
        let write = |to: &mut dyn Write| {
            to.write_all(b"content").unwrap();
            Ok(())
        };
        writer.file(&at("a/b"), 7, &attributes, write).unwrap();
        let mut whole = writer.finish().unwrap();
        for (place, byte) in flips {
            whole[place] = byte;
        }
        blocks.splice(0..0, whole);
        let Ok(mut reader) = TarReader::open(blocks.as_slice()) else { return Ok(()) };
        for _ in 0..100 {
            match reader.next_member() {
                Ok(None) | Err(_) => break,
                Ok(Some(_)) => drop(io::copy(&mut reader, &mut io::sink())),
            }
        }
    }
}
