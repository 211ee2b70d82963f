//! Pictures, films and recordings: the sample's, and made-up ones for each trap.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::process::Command;

use super::moment::Moment;
use super::{Detail, Sidecar, album, details, fields, fields_of, scan, sidecar};
use crate::kinds::tests::records::{
    Made, Random, all_samples, ranges, sample, scanned, utf16, value,
};
use crate::kinds::{Format, Kind, Quality, Record, examine};

const EXPORT: &str = "icloud-export";
const ENDINGS: [&str; 8] = ["HEIC", "MOV", "MP4", "JPG", "jpeg", "PNG", "png", "DNG"];

/// The one record of a file.
fn only(bytes: &[u8]) -> Record {
    let (found, mut records) = scanned(Format::Pictures, bytes);
    assert!(found.frame.is_empty() && found.notes.is_empty() && records.len() == 1);
    let record = records.remove(0);
    let whole = 0..bytes.len() as u64;
    assert_eq!(ranges(&record), [whole]);
    assert_eq!(record.identity.quality, Quality::Fields);
    record
}

fn field(bytes: &[u8], name: &str) -> String {
    value(&fields(bytes), name).to_owned()
}

fn link(record: &Record) -> &str {
    record.link.as_ref().map_or("", |link| str::from_utf8(link).unwrap())
}

/// Seconds since 1970 of a day and a time in UTC.
fn at(text: &str) -> Option<i64> {
    Moment::parse(text).map(|moment| moment.seconds)
}

// ---------------------------------------------------------------- what the sample has

const CAMERA: &str = "Apple iPhone 99 Pro";
const LIVE: &str = "BC2A7381-6B25-5CE8-9CFD-7F3798E8DE8A";

/// File, kind, when, where, by which camera, size, and content identifier.
type Row =
    (&'static str, Kind, &'static str, &'static str, &'static str, &'static str, &'static str);

const SAMPLE: &[Row] = &[
    (
        "IMG_4821.HEIC",
        Kind::Photo,
        "2026-07-04 10:00:13 +02:00",
        "57.5000, 18.2500",
        CAMERA,
        "4032 × 3024",
        LIVE,
    ),
    ("IMG_4821.MOV", Kind::Video, "2026-07-04 12:00:13 +02:00", "", CAMERA, "96 × 72", LIVE),
    (
        "IMG_4822.JPG",
        Kind::Photo,
        "2026-07-05 10:00:13 +02:00",
        "48.2500, 11.5000",
        CAMERA,
        "200 × 152",
        "",
    ),
    ("IMG_4824.PNG", Kind::Photo, "", "", "", "72 × 96", ""),
    ("IMG_4825.DNG", Kind::Photo, "2026-07-06 10:00:13", "", CAMERA, "160 × 120", ""),
    ("IMG_4826 (1).jpeg", Kind::Photo, "2026-07-08 10:00:13 +02:00", "", CAMERA, "200 × 152", ""),
    (
        "RPReplay_Final1789000000.MP4",
        Kind::Video,
        "2026-07-11 12:00:13 +02:00",
        "",
        CAMERA,
        "128 × 96",
        "",
    ),
];

#[test]
fn the_sample_tells_when_and_where_it_was_taken() {
    for (name, kind, taken, place, camera, size, content) in SAMPLE {
        let bytes = sample(EXPORT, &format!("Photos/{name}"));
        let record = only(&bytes);
        assert_eq!(record.kind, *kind, "{name}");
        assert_eq!((record.title.as_str(), record.place.as_str()), ("", *place), "{name}");
        assert_eq!((record.user.as_str(), link(&record)), (*camera, *content), "{name}");
        assert_eq!(record.date, at(taken), "{name}");
        let warnings: &[&str] = if taken.is_empty() { &["no date in it"] } else { &[] };
        assert_eq!(record.warnings, warnings, "{name}");
        for (field, expected) in
            [("taken", taken), ("size", size), ("place", place), ("content identifier", content)]
        {
            let said = fields(&bytes);
            assert_eq!(value(&said, field), *expected, "{name}");
        }
    }
}

#[test]
fn the_memo_is_sound() {
    let bytes = sample(EXPORT, "Documents/Memo.m4a");
    let record = only(&bytes);
    assert_eq!((record.kind, record.date), (Kind::Sound, at("2027-08-01 21:20:00")));
    assert_eq!(field(&bytes, "duration"), "1.0 s");
}

#[test]
fn no_two_pictures_are_one_and_one_is_the_same_alone() {
    let mut seen: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for ending in ENDINGS {
        for (path, bytes) in all_samples("Photos", ending) {
            let record = only(&bytes);
            let alone = Format::Pictures.write(&[], &[&bytes]).unwrap();
            assert_eq!(alone.as_slice(), bytes);
            assert!(only(&alone).essence == record.essence);
            assert!(Format::Pictures.write(&[], &[&bytes, &bytes]).is_none());
            let identity = record.identity.bytes.to_vec();
            let same = seen.iter().find(|(other, _)| *other == identity);
            assert!(same.is_none_or(|(_, before)| *before == bytes), "{path}");
            seen.push((identity, bytes));
        }
    }
}

/// What is asked of `exiftool`, of some the first that a file has.
const ASKED: [&[&str]; 6] = [
    // The second is what it makes of time and zone in EXIF.
    &["Keys:CreationDate", "Composite:SubSecDateTimeOriginal", "IFD0:ModifyDate"],
    &["Composite:ImageSize"],
    &["Make"],
    &["Model"],
    &["Composite:GPSPosition"],
    &["ContentIdentifier", "MediaGroupUUID"],
];

/// What `exiftool` says of files, a row of answers for each.
fn exiftool(paths: &[&str]) -> Vec<Vec<String>> {
    let tags = ASKED.iter().flat_map(|names| names.iter()).map(|name| format!("-{name}"));
    let output = Command::new("exiftool").args(["-T", "-n", "-q"]).args(tags).args(paths).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let row = |line: &str| {
        let mut cells = line.split('\t');
        let mut first = |names: &&[&str]| {
            let cells: Vec<&str> = cells.by_ref().take(names.len()).collect();
            let said = cells.into_iter().find(|cell| *cell != "-");
            said.unwrap_or_default().to_owned()
        };
        ASKED.iter().map(&mut first).collect()
    };
    text.lines().map(row).collect()
}

#[test]
fn exiftool_says_the_same() {
    if Command::new("exiftool").arg("-ver").output().is_err() {
        #[expect(clippy::disallowed_methods, reason = "a test run may insist on every test")]
        let must_not_skip = std::env::var("ICVAULT_TEST_NO_SKIP").is_ok();
        assert!(!must_not_skip, "the program exiftool is not installed");
        #[expect(clippy::print_stderr, reason = "a test that did not run says so")]
        {
            eprintln!("skipped: the program exiftool is not installed");
        }
        return;
    }
    let files: Vec<_> = ENDINGS.iter().flat_map(|ending| all_samples("Photos", ending)).collect();
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let rows = exiftool(&paths);
    assert_eq!(rows.len(), files.len());
    for ((path, bytes), row) in files.iter().zip(rows) {
        let [taken, size, make, model, place, content] = row.try_into().unwrap();
        let record = only(bytes);
        assert_eq!(record.date, at(&taken), "{path}");
        assert_eq!(field(bytes, "size"), size.replace(' ', " × "), "{path}");
        assert_eq!(record.user, format!("{make} {model}").trim(), "{path}");
        let place = place.split_once(' ').map(|(north, east)| {
            let [north, east] = [north, east].map(|text| text.parse::<f64>().unwrap());
            format!("{north:.4}, {east:.4}")
        });
        assert_eq!(record.place, place.unwrap_or_default(), "{path}");
        assert_eq!(link(&record), content, "{path}");
    }
}

// ---------------------------------------------------------------- stills that are made up

#[derive(Clone, Copy)]
enum Entry<'a> {
    Text(u16, &'a str),
    Short(u16, u16),
    Long(u16, u32),
    Fractions(u16, &'a [(u32, u32)]),
    Bytes(u16, &'a [u8]),
}

/// A directory of TIFF, low bytes first, at a place, with what it points to behind it.
fn directory(place: usize, entries: &[Entry<'_>]) -> Vec<u8> {
    let mut table = u16::try_from(entries.len()).unwrap().to_le_bytes().to_vec();
    let mut behind: Vec<u8> = Vec::new();
    let start = place + 2 + entries.len() * 12 + 4;
    for entry in entries {
        let (tag, kind, count, bytes) = match entry {
            Entry::Text(tag, text) => (tag, 2, text.len() + 1, [text.as_bytes(), b"\0"].concat()),
            Entry::Short(tag, number) => (tag, 3, 1, number.to_le_bytes().to_vec()),
            Entry::Long(tag, number) => (tag, 4, 1, number.to_le_bytes().to_vec()),
            Entry::Fractions(tag, fractions) => {
                let both = |(above, below): &(u32, u32)| [above.to_le_bytes(), below.to_le_bytes()];
                let bytes = fractions.iter().flat_map(both).flatten().collect();
                (tag, 5, fractions.len(), bytes)
            }
            Entry::Bytes(tag, bytes) => (tag, 7, bytes.len(), bytes.to_vec()),
        };
        table.extend(tag.to_le_bytes());
        table.extend(u16::to_le_bytes(kind));
        table.extend(u32::try_from(count).unwrap().to_le_bytes());
        let mut inline = bytes.clone();
        if bytes.len() > 4 {
            inline = u32::try_from(start + behind.len()).unwrap().to_le_bytes().to_vec();
            behind.extend(bytes);
        }
        inline.resize(4, 0);
        table.extend(inline);
    }
    [table, vec![0; 4], behind].concat()
}

/// A TIFF of three directories.
fn tiff(picture: &[Entry<'_>], camera: &[Entry<'_>], receiver: &[Entry<'_>]) -> Vec<u8> {
    // The places of the other two are as long as they will be.
    let table = |places: [u32; 2]| {
        let pointers = [Entry::Long(0x8769, places[0]), Entry::Long(0x8825, places[1])];
        directory(8, &[picture, &pointers].concat())
    };
    let camera_at = 8 + table([0, 0]).len();
    let camera = directory(camera_at, camera);
    let receiver_at = camera_at + camera.len();
    let places = [camera_at, receiver_at].map(|place| u32::try_from(place).unwrap());
    let head = b"II*\0\x08\0\0\0".to_vec();
    [head, table(places), camera, directory(receiver_at, receiver)].concat()
}

fn segment(mark: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let size = u16::try_from(content.len() + 2).unwrap();
    [&[0xFF, mark, (size >> 8) as u8, (size & 255) as u8], content.as_slice()].concat()
}

/// A JPEG of 40 by 30 with these segments.
fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    let frame = segment(0xC0, &[&[8, 0, 30, 0, 40, 1, 1, 17, 0]]);
    let scan = segment(0xDA, &[&[1, 1, 0, 0, 63, 0]]);
    [b"\xFF\xD8", segments.concat().as_slice(), &frame, &scan, b"picture\xFF\xD9"].concat()
}

fn with_exif(tiff: &[u8]) -> Vec<u8> {
    jpeg(&[segment(0xE1, &[b"Exif\0\0", tiff])])
}

const TAKEN: Entry<'_> = Entry::Text(0x9003, "2026:07:04 12:00:13");
const ZONE: Entry<'_> = Entry::Text(0x9011, "+02:00");

#[test]
fn a_camera_says_how_it_took_a_picture() {
    let bytes = with_exif(&tiff(
        &[
            Entry::Text(0x10E, "A lake"),
            Entry::Text(0x10F, "Canon"),
            Entry::Text(0x110, "Canon EOS R5"),
            Entry::Short(0x112, 6),
        ],
        &[
            Entry::Fractions(0x829A, &[(1, 120)]),
            Entry::Fractions(0x829D, &[(178, 100)]),
            Entry::Short(0x8827, 64),
            TAKEN,
            ZONE,
            Entry::Fractions(0x920A, &[(24, 1)]),
            Entry::Text(0xA434, "RF24-105mm F4 L IS USM"),
        ],
        &[
            Entry::Text(1, "S"),
            Entry::Fractions(2, &[(33, 1), (51, 1), (36, 1)]),
            Entry::Text(3, "W"),
            Entry::Fractions(4, &[(70, 1), (306, 10), (0, 1)]),
        ],
    ));
    let record = only(&bytes);
    assert_eq!(
        (record.user.as_str(), record.place.as_str()),
        ("Canon EOS R5", "-33.8600, -70.5100")
    );
    assert_eq!(record.date, at("2026-07-04 10:00:13"));
    for (name, expected) in [
        ("taken", "2026-07-04 12:00:13 +02:00"),
        ("size", "30 × 40"),
        ("description", "A lake"),
        ("exposure", "1/120 s"),
        ("aperture", "f/1.78"),
        ("iso", "64"),
        ("focal length", "24 mm"),
        ("lens", "RF24-105mm F4 L IS USM"),
    ] {
        assert_eq!(field(&bytes, name), expected);
    }
}

#[test]
fn a_satellite_tells_the_zone_of_a_camera_that_does_not() {
    for (hour, second, expected) in [
        (10, 0, "2026-07-04 12:00:13 +02:00"),
        (10, 59, "2026-07-04 12:00:13 +02:00"),
        // Hours old: no zone is off by 20 minutes.
        (9, 1200, "2026-07-04 12:00:13"),
        (16, 0, "2026-07-04 12:00:13 -04:00"),
    ] {
        let (minute, second) = (second / 60, second % 60);
        let bytes = with_exif(&tiff(
            &[],
            &[TAKEN],
            &[
                Entry::Fractions(7, &[(hour, 1), (minute, 1), (second * 100, 100)]),
                Entry::Text(29, "2026:07:04"),
            ],
        ));
        assert_eq!(field(&bytes, "taken"), expected);
    }
    let alone = [Entry::Fractions(7, &[(10, 1), (0, 1), (0, 1)]), Entry::Text(29, "2026:07:04")];
    assert_eq!(field(&with_exif(&tiff(&[], &[], &alone)), "taken"), "2026-07-04 10:00:00 +00:00");
}

#[test]
fn what_is_no_date_or_place_is_not_told() {
    let bytes = with_exif(&tiff(
        &[Entry::Text(0x132, "    :  :     :  :  ")],
        &[Entry::Text(0x9003, "0000:00:00 00:00:00"), Entry::Text(0x9004, "2026:13:01 00:00:00")],
        &[
            Entry::Fractions(2, &[(0, 1), (0, 1), (0, 1)]),
            Entry::Fractions(4, &[(0, 0), (0, 1), (0, 1)]),
        ],
    ));
    let record = only(&bytes);
    assert_eq!((record.date, record.place.as_str()), (None, ""));
    assert_eq!(record.warnings, ["no date in it"]);
    let nowhere: [&[(u32, u32)]; 2] = [&[(0, 1), (0, 1), (0, 1)], &[(91, 1), (0, 1), (0, 1)]];
    for place in nowhere {
        let receiver = [Entry::Fractions(2, place), Entry::Fractions(4, nowhere[0])];
        assert_eq!(only(&with_exif(&tiff(&[], &[], &receiver))).place, "");
    }
}

#[test]
fn a_directory_may_stand_at_the_end_of_a_tiff() {
    let pixels = vec![7; 3 << 20];
    let place = 8 + pixels.len();
    let entries = [
        Entry::Short(0x100, 640),
        Entry::Short(0x101, 480),
        Entry::Text(0x132, "2026:07:04 12:00:13"),
    ];
    let head = [&b"II*\0"[..], &u32::try_from(place).unwrap().to_le_bytes()].concat();
    let bytes = [head, pixels, directory(place, &entries)].concat();
    assert_eq!(field(&bytes, "size"), "640 × 480");
    assert_eq!(field(&bytes, "taken"), "2026-07-04 12:00:13");
    assert_eq!(only(&bytes[..place + 20]).warnings, ["cut off", "no date in it"]);
}

const XMP: &str = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description
    photoshop:DateCreated="2026-07-04T12:00:13+02:00" exif:GPSLatitude="59,19.8N"
    exif:GPSLongitude="18,4,12W"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">Salt &amp; sea&#33;
    </rdf:li><rdf:li xml:lang="de">Salz</rdf:li></rdf:Alt></dc:title><dc:description><rdf:Alt>
    <rdf:li>&secret; told</rdf:li></rdf:Alt></dc:description><dc:subject><rdf:Bag><rdf:li>sea</rdf:li>
    <rdf:li>salt</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"#;

#[test]
fn what_programs_described_stands_in_pictures_too() {
    let packet = XMP.as_bytes();
    let adobe = b"http://ns.adobe.com/xap/1.0/\0";
    let in_jpeg = jpeg(&[segment(0xE1, &[adobe, packet])]);
    let in_png = png(&[(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", packet])]);
    let in_webp = webp(&[(b"XMP ", packet)]);
    let in_tiff = tiff(&[Entry::Bytes(0x2BC, packet)], &[], &[]);
    let in_film = [
        brand(b"qt  "),
        made_box(b"moov", &[&made_box(b"udta", &[&made_box(b"XMP_", &[packet])])]),
    ];
    for bytes in [in_jpeg, in_png, in_webp, in_tiff, in_film.concat(), packet.to_vec()] {
        for (name, expected) in [
            ("title", "Salt & sea!"),
            ("description", "told"),
            ("keywords", "sea, salt"),
            ("taken", "2026-07-04 12:00:13 +02:00"),
            ("place", "59.3300, -18.0700"),
        ] {
            assert_eq!(field(&bytes, name), expected);
        }
    }
}

#[test]
fn iptc_is_read_between_other_resources() {
    let record = |number: u8, text: &[u8]| {
        [&[0x1C, 2, number, 0, u8::try_from(text.len()).unwrap()], text].concat()
    };
    let records = [
        record(5, b"T\xFCr"),
        record(25, b"door"),
        record(25, b"blue"),
        record(55, b"20260704"),
        record(60, b"120013+0200"),
    ];
    let records = records.concat();
    let size = u32::try_from(records.len()).unwrap().to_be_bytes_by_hand();
    let resources = [
        &b"Photoshop 3.0\08BIM\x03\xED\x03abc\0\0\0\x03xyz\0"[..],
        b"8BIM\x04\x04\0\0",
        &size,
        &records,
    ];
    let bytes = jpeg(&[segment(0xED, &resources)]);
    assert_eq!(field(&bytes, "title"), "Tür");
    assert_eq!(field(&bytes, "keywords"), "door, blue");
    assert_eq!(field(&bytes, "taken"), "2026-07-04 12:00:13 +02:00");
}

/// The most significant byte first.
trait ByHand {
    fn to_be_bytes_by_hand(self) -> [u8; 4];
}

impl ByHand for u32 {
    fn to_be_bytes_by_hand(self) -> [u8; 4] {
        let mut bytes = self.to_le_bytes();
        bytes.reverse();
        bytes
    }
}

fn png(chunks: &[(&[u8; 4], &[&[u8]])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1A\n".to_vec();
    let head: (&[u8; 4], &[&[u8]]) = (b"IHDR", &[&[0, 0, 0, 40, 0, 0, 0, 30, 8, 2, 0, 0, 0]]);
    let end: (&[u8; 4], &[&[u8]]) = (b"IEND", &[]);
    for (name, content) in [&[head], chunks, &[end]].concat() {
        let content = content.concat();
        bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes_by_hand());
        bytes.extend(name);
        bytes.extend(content);
        bytes.extend([0; 4]);
    }
    bytes
}

fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x27\0\0\x1D\0\0".to_vec();
    for (name, content) in chunks {
        bytes.extend(*name);
        bytes.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
    }
    bytes
}

#[test]
fn every_still_has_its_size_and_its_exif() {
    let exif = tiff(&[], &[TAKEN, ZONE], &[]);
    for bytes in [
        with_exif(&exif),
        png(&[(b"eXIf", &[&exif])]),
        webp(&[(b"EXIF", &exif)]),
        webp(&[(b"odd ", b"odd"), (b"EXIF", &[b"Exif\0\0", exif.as_slice()].concat())]),
    ] {
        assert_eq!(field(&bytes, "taken"), "2026-07-04 12:00:13 +02:00");
        assert_eq!(field(&bytes, "size"), "40 × 30");
    }
    assert_eq!(field(b"GIF89a\x28\0\x1E\0", "size"), "40 × 30");
    let text = png(&[(b"tEXt", &[b"Creation Time\x002026-07-04T12:00:13"])]);
    assert_eq!(field(&text, "taken"), "2026-07-04 12:00:13");
}

#[test]
fn what_is_cut_off_says_so_and_tells_the_rest() {
    let exif = tiff(&[], &[TAKEN], &[]);
    let text: &[&[u8]] = &[&[b'a'; 99]];
    for bytes in [
        with_exif(&exif)[..exif.len() + 20].to_vec(),
        png(&[(b"eXIf", &[&exif]), (b"tEXt", text)])[..exif.len() + 80].to_vec(),
    ] {
        assert_eq!(only(&bytes).warnings, ["cut off"], "{}", bytes.len());
        assert_eq!(field(&bytes, "taken"), "2026-07-04 12:00:13");
    }
    let film = sample(EXPORT, "Photos/IMG_4821.MOV");
    assert_eq!(only(&film[..2000]).warnings, ["cut off", "no date in it"]);
}

// ---------------------------------------------------------------- boxes that are made up

fn made_box(name: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let size = u32::try_from(content.len() + 8).unwrap().to_be_bytes_by_hand();
    [&size, &name[..], &content].concat()
}

fn brand(name: &[u8; 4]) -> Vec<u8> {
    made_box(b"ftyp", &[name, &[0; 4], name])
}

fn big(number: u32) -> [u8; 4] {
    number.to_be_bytes_by_hand()
}

/// The head of a film of 65 seconds, made then.
fn head(created: u32) -> Vec<u8> {
    made_box(b"mvhd", &[&[0; 4], &big(created), &[0; 4], &big(600), &big(39_000), &[0; 80]])
}

/// A track of a kind, in something, to be seen turned or not.
fn track(kind: &[u8; 4], codec: &[u8; 4], is_turned: bool) -> Vec<u8> {
    let mut frame = [0; 84];
    frame[if is_turned { 45 } else { 41 }] = 1;
    frame[76..84].copy_from_slice(&[7, 128, 0, 0, 4, 56, 0, 0]);
    let table = made_box(b"stsd", &[&[0; 4], &big(1), &big(16), codec, &[0; 8]]);
    let table = made_box(b"minf", &[&made_box(b"stbl", &[&table])]);
    let handler = made_box(b"hdlr", &[&[0; 8], kind, &[0; 13]]);
    made_box(b"trak", &[&made_box(b"tkhd", &[&frame]), &made_box(b"mdia", &[&handler, &table])])
}

/// Apple's metadata; in MP4 the box has version and flags.
fn metadata(rows: &[(&str, &str)], start: &[u8]) -> Vec<u8> {
    let keys: Vec<Vec<u8>> =
        rows.iter().map(|(key, _)| made_box(b"mdta", &[key.as_bytes()])).collect();
    let values = (1..).zip(rows).map(|(number, (_, value))| {
        let data = made_box(b"data", &[&big(1), &big(0), value.as_bytes()]);
        made_box(&big(number), &[&data])
    });
    let values: Vec<Vec<u8>> = values.collect();
    let handler = made_box(b"hdlr", &[&[0; 8], b"mdta", &[0; 12]]);
    let keys = made_box(b"keys", &[&[0; 8], &keys.concat()]);
    made_box(b"meta", &[start, &handler, &keys, &made_box(b"ilst", &[&values.concat()])])
}

const FILM: &[(&str, &str)] = &[
    ("com.apple.quicktime.make", "Apple"),
    ("com.apple.quicktime.model", "iPhone 99 Pro"),
    ("com.apple.quicktime.location.ISO6709", "-33.8600+151.2094+012.3/"),
    ("com.apple.quicktime.creationdate", "2026-07-04T12:00:13+0200"),
    ("com.apple.quicktime.content.identifier", "bc2a7381-6b25-5ce8-9cfd-7f3798e8de8a"),
];
/// 2026-07-10 10:00:13 in seconds since 1904.
const CREATED: u32 = 3_866_522_413;

#[test]
fn a_film_is_told_from_its_end() {
    let movie = made_box(
        b"moov",
        &[
            &head(0),
            &track(b"vide", b"hvc1", true),
            &track(b"soun", b"mp4a", false),
            &metadata(FILM, b""),
        ],
    );
    // Eight gigabytes of pictures behind a length of 64 bits.
    let middle_size = 8 << 30;
    let mut size = (middle_size + 16_u64).to_le_bytes();
    size.reverse();
    let start = [brand(b"qt  ").as_slice(), &big(1), b"mdat", &size].concat();
    let mut film = Counted {
        read: 0,
        made: Made { start, middle: vec![9; 1 << 16], middle_size, end: movie, at: 0 },
    };
    let mut records = Vec::new();
    let each = &mut |record| {
        records.push(record);
        Ok(())
    };
    scan(&mut film, each).unwrap();
    let [record] = records.as_slice() else { panic!("{}", records.len()) };
    assert_eq!((record.kind, record.user.as_str()), (Kind::Video, CAMERA));
    assert_eq!((record.date, link(record)), (at("2026-07-04 10:00:13"), LIVE));
    assert_eq!(record.place, "-33.8600, 151.2094");
    assert!(record.warnings.is_empty());
    assert!(film.read < 300 << 10, "{}", film.read);
    let said = fields_of(&mut film).unwrap();
    for (name, expected) in [("size", "1080 × 1920"), ("duration", "1:05"), ("codec", "HEVC")] {
        assert_eq!(value(&said, name), expected);
    }
}

/// Counts what is read of it.
struct Counted {
    made: Made,
    read: usize,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.made.read(bytes)?;
        self.read += read;
        Ok(read)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.made.seek(to)
    }
}

/// A film or a recording of this brand with these boxes in its `moov`.
fn film(name: &[u8; 4], movie: &[Vec<u8>]) -> Vec<u8> {
    [brand(name), made_box(b"moov", &[&movie.concat()]), made_box(b"mdat", &[b"media"])].concat()
}

#[test]
fn a_films_date_is_the_best_it_has() {
    for (movie, expected) in [
        (vec![head(CREATED)], "2026-07-10 10:00:13 +00:00"),
        (vec![head(CREATED), metadata(FILM, b"")], "2026-07-04 12:00:13 +02:00"),
        (vec![metadata(FILM, &[0; 4]), head(CREATED)], "2026-07-04 12:00:13 +02:00"),
        (vec![head(0)], ""),
        // From 1970 on, as some programs count.
        (vec![head(1_783_677_613)], "2026-07-10 10:00:13 +00:00"),
    ] {
        assert_eq!(field(&film(b"mp42", &movie), "taken"), expected);
    }
    let mut wide = vec![1, 0, 0, 0, 0, 0, 0, 0];
    wide.extend([&big(CREATED)[..], &[0; 8], &big(600), &[0; 4], &big(39_000), &[0; 80]].concat());
    let wide = film(b"qt  ", &[made_box(b"mvhd", &[&wide])]);
    assert_eq!(field(&wide, "taken"), "2026-07-10 10:00:13 +00:00");
    assert_eq!(field(&wide, "duration"), "1:05");
    let told = made_box(b"udta", &[&made_box(b"\xA9xyz", &[b"\0\x11\x15\xC7+59.3300-018.0700/"])]);
    assert_eq!(only(&film(b"mp42", &[told])).place, "59.3300, -18.0700");
}

#[test]
fn sound_has_a_title_of_its_own() {
    let data = made_box(b"data", &[&big(1), &big(0), "Chor, 2. Probe".as_bytes()]);
    let list = made_box(b"ilst", &[&made_box(b"\xA9nam", &[&data])]);
    let handler = made_box(b"hdlr", &[&[0; 8], b"mdir", &[0; 13]]);
    let told = made_box(b"udta", &[&made_box(b"meta", &[&[0; 4], &handler, &list])]);
    let memo = film(b"M4A ", &[head(CREATED), track(b"soun", b"mp4a", false), told]);
    let record = only(&memo);
    assert_eq!((record.kind, record.title.as_str()), (Kind::Sound, "Chor, 2. Probe"));
    assert_eq!((record.date, field(&memo, "codec").as_str()), (at("2026-07-10 10:00:13"), "AAC"));

    let tags = b"TIT2\0\0\0\x09\0\0\x01\xFF\xFEh\0e\0y\0TDRC\0\0\0\x0B\0\0\x032026-07-04";
    let size = u8::try_from(tags.len()).unwrap();
    let mp3 = [&b"ID3\x03\0\0\0\0\0"[..], &[size], tags, b"\xFF\xFB\x90\x64"].concat();
    let record = only(&mp3);
    assert_eq!((record.kind, record.title.as_str()), (Kind::Sound, "hey"));
    assert_eq!(record.date, at("2026-07-04"));

    let format = b"fmt \x10\0\0\0\x01\0\x01\0\x44\xAC\0\0\x88\x58\x01\0\x02\0\x10\0";
    let list = b"LIST\x0E\0\0\0INFOINAM\x01\0\0\0x\0";
    let wav =
        [&b"RIFF\0\0\0\0WAVE"[..], format, list, b"data\x10\xB1\x02\0", &[0; 176_400]].concat();
    let record = only(&wav);
    assert_eq!((record.kind, record.title.as_str()), (Kind::Sound, "x"));
    assert_eq!(field(&wav, "duration"), "2.0 s");
}

#[test]
fn quicktime_without_pictures_is_sound() {
    for (tracks, kind) in [
        (vec![track(b"soun", b"apac", false)], Kind::Sound),
        (vec![track(b"soun", b"mp4a", false), track(b"vide", b"avc1", false)], Kind::Video),
        (vec![], Kind::Video),
    ] {
        let bytes = film(b"qt  ", &tracks);
        assert_eq!(only(&bytes).kind, kind);
        let found = examine(&bytes, bytes.len() as u64, &mut Cursor::new(&bytes)).unwrap();
        assert_eq!((found.kind, found.dense), (kind, true));
    }
}

/// A HEIC whose EXIF lies in the box `idat`, with a turn and a tile beside the picture shown.
fn heic(exif: &[u8], turn: u8) -> Vec<u8> {
    let item = [&[0, 0, 0, 6], &b"Exif\0\0"[..], exif].concat();
    let size = big(u32::try_from(item.len()).unwrap());
    let entry =
        |id: u8, name: &[u8; 4]| made_box(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], name, b"\0"]);
    let size_of = |width, height| made_box(b"ispe", &[&[0; 4], &big(width), &big(height)]);
    let meta = made_box(
        b"meta",
        &[
            &[0; 4],
            &made_box(b"pitm", &[&[0, 0, 0, 0, 0, 2]]),
            &made_box(
                b"iinf",
                &[&[0, 0, 0, 0, 0, 3], &entry(1, b"hvc1"), &entry(2, b"grid"), &entry(3, b"Exif")],
            ),
            &made_box(
                b"iprp",
                &[
                    &made_box(
                        b"ipco",
                        &[&size_of(512, 512), &size_of(4032, 3024), &made_box(b"irot", &[&[turn]])],
                    ),
                    &made_box(b"ipma", &[&[0; 4], &big(2), &[0, 1, 1, 1, 0, 2, 2, 0x82, 0x83]]),
                ],
            ),
            &made_box(b"idat", &[b"before", &item]),
            &made_box(
                b"iloc",
                &[
                    &[1, 0, 0, 0, 0x44, 0, 0, 2],
                    &[0, 1, 0, 0, 0, 0, 0, 0],
                    &[0, 3, 0, 1, 0, 0, 0, 1],
                    &big(6),
                    &size,
                ],
            ),
        ],
    );
    [brand(b"heic"), meta, made_box(b"mdat", &[b"picture"])].concat()
}

#[test]
fn a_heic_is_as_large_as_the_picture_it_shows() {
    // Which side is up says the box, not EXIF.
    let exif = tiff(&[Entry::Short(0x112, 6)], &[TAKEN, ZONE], &[]);
    for (turn, size) in
        [(0, "4032 × 3024"), (1, "3024 × 4032"), (2, "4032 × 3024"), (3, "3024 × 4032")]
    {
        let bytes = heic(&exif, turn);
        assert_eq!(field(&bytes, "size"), size);
        assert_eq!(field(&bytes, "taken"), "2026-07-04 12:00:13 +02:00");
    }
}

#[test]
fn what_is_no_picture_is_no_record() {
    for bytes in [&b""[..], b"a letter\n", b"PK\x05\x06", XMP.as_bytes()] {
        let (found, records) = scanned(Format::Pictures, bytes);
        assert!(records.is_empty());
        assert_eq!(found.notes, ["no picture, film or sound"]);
    }
    // What has nothing to tell is one all the same.
    for bytes in
        [&b"\x1A\x45\xDF\xA3film"[..], b"OggS\0", b"RIFF\0\0\0\0AVI ", b"II*\0\xFF\xFF\xFF\xFF"]
    {
        assert_eq!(only(bytes).warnings, ["no date in it"]);
    }
}

#[test]
fn dates_are_read_as_cameras_write_them() {
    for (text, expected) in [
        ("2026:07:04 10:00:13", "2026-07-04 10:00:13"),
        ("2026:07:04 10:00:13.417+02:00\0", "2026-07-04 10:00:13 +02:00"),
        ("2026-07-04T12:00:13+0200", "2026-07-04 12:00:13 +02:00"),
        ("2026-07-04T12:00:13-0330", "2026-07-04 12:00:13 -03:30"),
        ("2026-07-04T12:00:13Z", "2026-07-04 12:00:13 +00:00"),
        ("2026-07-04", "2026-07-04 00:00:00"),
        ("1969-12-31T23:59:59Z", "1969-12-31 23:59:59 +00:00"),
    ] {
        assert_eq!(Moment::parse(text).map(Moment::told).as_deref(), Some(expected));
    }
    for text in [
        "",
        "2026",
        "2026-07",
        "1783152013",
        "2026-07-04T25:00",
        "0000:00:00 00:00:00",
        "２０２６-07-04",
    ] {
        assert!(Moment::parse(text).is_none(), "{text}");
    }
}

// ---------------------------------------------------------------- files beside pictures

#[test]
fn files_beside_pictures_are_told_by_their_content() {
    for (path, bytes) in all_samples("Photos", "xmp") {
        assert_eq!(sidecar(&bytes), Some(Sidecar::Description), "{path}");
        assert!(!field(&bytes, "title").is_empty() && !field(&bytes, "keywords").is_empty());
    }
    for (path, bytes) in all_samples("Photos", "AAE") {
        assert_eq!(sidecar(&bytes), Some(Sidecar::Edits), "{path}");
        assert_eq!(field(&bytes, "format"), "com.apple.photo");
        assert_eq!(field(&bytes, "version"), "1.11");
    }
    let wide = utf16(XMP.as_bytes(), u16::to_le_bytes);
    assert_eq!(sidecar(&wide), Some(Sidecar::Description));
    assert_eq!(field(&wide, "keywords"), "sea, salt");
    let edits =
        b"<plist><dict><key>adjustmentFormatIdentifier</key><string>com.apple.video.slomo</string>
        <key>adjustmentTimestamp</key><date>2026-07-05T09:00:00Z</date></dict></plist>";
    assert_eq!(field(edits, "format"), "com.apple.video.slomo");
    assert_eq!(field(edits, "edited"), "2026-07-05 09:00:00 +00:00");
    for bytes in [
        &b""[..],
        b"<plist><dict/></plist>",
        b"adjustmentFormatIdentifier <x:xmpmeta",
        b"\xFF\xD8\xFF",
    ] {
        assert_eq!(sidecar(bytes), None);
    }
}

#[test]
fn nothing_is_as_deep_as_what_is_read() {
    let open = "<x:xmpmeta>".to_owned() + &"<rdf:li>".repeat(100_000);
    assert_eq!(sidecar(open.as_bytes()), Some(Sidecar::Description));
    assert!(fields(open.as_bytes()).is_empty());
    let boxes = b"\0\0\0\x08trak".repeat(100_000);
    let deep = [brand(b"qt  "), made_box(b"moov", &[&boxes])].concat();
    assert_eq!(only(&deep).kind, Kind::Video);
    let many: String = (0..50_000).map(|number| format!(" a{number}=\"\"")).collect();
    assert!(fields(format!("<x:xmpmeta{many}/>").as_bytes()).is_empty());
}

// ---------------------------------------------------------------- tables of a take-out

const TAKE_OUT: &str = "Take-out/iCloud Photos Part 1 of 3";

#[test]
fn the_tables_of_the_sample_are_read() {
    for (name, is_favorite, is_hidden, checksum, taken) in [
        ("Photo Details.csv", true, false, "AUP1h0C2qhYGSJBtqnWjubup06s/", "2021-08-01 12:11"),
        ("Photo Details-1.csv", false, true, "AV23wMHMOJ1CrVM9/w64GMJABU+F", "2021-08-02 12:11"),
    ] {
        let table = details(&sample(EXPORT, &format!("{TAKE_OUT}/Photos/{name}"))).unwrap();
        let imported = at(taken).map(|taken| taken + 86_400);
        let detail = &table[0];
        assert_eq!((detail.name.as_str(), detail.checksum.as_str()), ("IMG_0740.JPG", checksum));
        assert_eq!((detail.taken, detail.imported), (at(taken), imported), "{name}");
        assert_eq!((detail.is_favorite, detail.is_hidden), (is_favorite, is_hidden));
        assert!(!detail.is_deleted && album(name.as_bytes()).is_none());
    }
    for name in ["Albums/Sommer in Öland.csv", "Memories/By the sea.csv"] {
        let bytes = sample(EXPORT, &format!("{TAKE_OUT}/{name}"));
        assert_eq!(album(&bytes).unwrap(), ["IMG_0740.JPG"], "{name}");
        assert!(details(&bytes).is_none());
    }
}

#[test]
fn tables_come_in_any_order_and_encoding() {
    let detail = Detail {
        name: "春.HEIC".to_owned(),
        taken: at("2022-06-04 14:00"),
        is_deleted: true,
        ..Detail::default()
    };
    let text = "deleted,imgName,originalCreationDate\r\nyes,春.HEIC,\"Saturday June 4,2022 2:00 PM GMT\"\r\n";
    let bare =
        "deleted,imgName,originalCreationDate\nyes,春.HEIC,Saturday June 4,2022 14:00 PM GMT\n";
    let gbk = [
        &b"imgName,deleted,originalCreationDate\n\xB4\xBA.HEIC,yes,"[..],
        b"\"Saturday June 4, 2022 2:00:09\xA1\xA1PM GMT\"\n",
    ];
    let gbk = gbk.concat();
    for table in [
        text.as_bytes().to_vec(),
        ["\u{feff}", text].concat().into_bytes(),
        utf16(text.as_bytes(), u16::to_le_bytes),
        bare.as_bytes().to_vec(),
    ] {
        assert_eq!(details(&table).unwrap(), std::slice::from_ref(&detail));
    }
    assert_eq!(details(&gbk).unwrap()[0].name, "春.HEIC");
    for (time, expected) in
        [("12:11 AM", "00:11"), ("12:11 PM", "12:11"), ("14:00 PM", "14:00"), ("1:05 AM", "01:05")]
    {
        let row = format!("imgName,originalCreationDate\na,\"Saturday June 4,2022 {time} GMT\"\n");
        let found = details(row.as_bytes()).unwrap();
        assert_eq!(found[0].taken, at(&format!("2022-06-04 {expected}")), "{time}");
    }
    for nothing in ["", "\n", "Title,URL\na,b\n", "imgName,other\na,b\n", "Title\na\n", "\0\0"] {
        assert!(details(nothing.as_bytes()).is_none() && album(nothing.as_bytes()).is_none());
    }
    assert_eq!(album(b"Images\n").unwrap(), Vec::<String>::new());
    assert_eq!(album("\u{feff}imageName\n\"a, b.JPG\"\n".as_bytes()).unwrap(), ["a, b.JPG"]);
}

// ---------------------------------------------------------------- damage

const LIKED: &[&[u8]] = &[
    b"\xFF\xFF\xFF\xFF",
    b"\0\0\0\0",
    b"\0\0\0\x01",
    b"Exif\0\0MM\0*\0\0\0\x08",
    b"moov",
    b"\x87\x69\0\x04\0\0\0\x01\0\0\0\x08",
    b"<rdf:li>",
    b"8BIM\x04\x04",
];

#[test]
fn no_damage_makes_it_panic() {
    let mut random = Random(0x7069_6374);
    let exif = tiff(&[Entry::Short(0x112, 6)], &[TAKEN, ZONE], &[]);
    let mut files: Vec<Vec<u8>> = vec![
        heic(&exif, 1),
        webp(&[(b"EXIF", &exif), (b"XMP ", XMP.as_bytes())]),
        png(&[(b"eXIf", &[&exif]), (b"tEXt", &[b"Title\0a"])]),
        film(b"qt  ", &[head(CREATED), track(b"vide", b"hvc1", true), metadata(FILM, b"")]),
        b"ID3\x03\0\0\0\0\0\x20TIT2\0\0\0\x09\0\0\x01\xFF\xFEh\0e\0y\0".to_vec(),
        XMP.as_bytes().to_vec(),
    ];
    for name in ["IMG_4821.HEIC", "IMG_4821.MOV", "IMG_4822.JPG", "IMG_4825.DNG", "IMG_4823.AAE"] {
        let bytes = sample(EXPORT, &format!("Photos/{name}"));
        // The metadata and some of the rest.
        let start = if name.ends_with("MOV") { 2600 } else { 0 };
        let kept = [&bytes[..start.min(60)], &bytes[start..]].concat();
        files.push(kept);
    }
    files.push(sample(EXPORT, &format!("{TAKE_OUT}/Photos/Photo Details.csv")));
    for _ in 0..400 {
        for file in &files {
            let damaged = random.damaged(file, LIKED);
            let (_, records) = scanned(Format::Pictures, &damaged);
            assert!(records.len() <= 1);
            drop((fields(&damaged), sidecar(&damaged), details(&damaged), album(&damaged)));
        }
    }
}
