//! Writes inputs that `decoders` begins with, one or more for each decoder, made by the engine's
//! own encoders: `cargo run --bin seeds -- seeds`. The first byte is the decoder's number.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs, io};

use vault::chain::{self, Entry, Record, RollRow, Root, SlotRow, Snapshot, Tables, Trees};
use vault::chunk::{Content, Reference, WireRow};
use vault::error::Result;
use vault::files::ItemPath;
use vault::format;
use vault::id::{ChunkId, EntryId, MacKey, PackId, PackTag, TableId, VaultId};
use vault::index::{self, Row, Union};
use vault::keys::{Bundle, Compartment, Role};
use vault::pack::{self, Class, Compressor, Kind, PackWriter, Piece, Place, Salt};
use vault::payload::{FileKey, Identity, Writer};
use vault::vault::{Part, RecordBytes, RecordFacts, RecordPlace};
use vault::{chunk::ChunkType, tree, wire};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or(io::Error::other("into which folder?"))?;
    let put = |decoder: u8, name: &str, parts: &[&[u8]]| {
        let input = [&[decoder][..], &parts.concat()].concat();
        fs::write(Path::new(&folder).join(format!("{decoder:02}-{name}")), input)
    };
    let vault = VaultId::new([1; 16]);
    let (writer, reader) = (MacKey::new([7; 32]), MacKey::new([8; 32]));

    let row = chunk_row();
    put(0, "row", &[&wire::encode(&WireRow::from(&row))])?;
    put(0, "kinds-of-values", &[&[0x85, 0x20, 0xF5, 0xF6, 0x61, b'a', 0xA1, 0x61, b'b', 0x80]])?;
    put(0, "head", &[b"ICVAULT1\x01\x01\x02\x01\0\0\0\0", &[1; 16]])?;

    let full = Bundle::generate("seed", 1_800_000_000, &mut |bytes| bytes.fill(7));
    let everyday = full.for_slot(Role::Everyday, "daily", 1_800_000_001).expect("full gives all");
    put(1, "full", &[full.encode().as_bytes()])?;
    put(1, "everyday", &[everyday.encode().as_bytes()])?;

    for (name, sealed) in [("general", false), ("sealed", true)] {
        let compartment = if sealed { Compartment::Sealed } else { Compartment::General };
        let salt = sealed.then(|| Salt::new(PackTag::new([5; 16]), [6; 32]));
        let kind = Kind { vault, compartment, class: Class::Data };
        let (mut pack, _) = PackWriter::begin(kind, salt);
        for byte in 0..3 {
            let id = ChunkId::new([byte; 32]);
            let piece = Piece { id, kind: ChunkType::Data, length: 100 };
            let pieces = if sealed { vec![piece] } else { vec![piece; 4] };
            pack.push(120, pieces).expect("a small pack");
        }
        let start = pack.length();
        let (end, _) = pack.finish(&writer);
        let trailer = end.last_chunk::<48>().expect("a trailer");
        let length = u32::from_le_bytes(*trailer[8..].first_chunk().expect("a length"));
        let directory = &end[8..8 + usize::try_from(length).expect("4 bytes")];
        put(2, name, &[&[u8::from(sealed)], &start.to_le_bytes(), directory])?;
    }

    let text = "a line that comes again and again\n".repeat(40).into_bytes();
    let mut frame = Vec::new();
    Compressor::new(3).frame(&text, &mut frame);
    put(3, "compressed", &[&frame])?;
    frame.clear();
    pack::raw_frame(&text, &mut frame);
    put(3, "raw", &[&frame])?;

    let rows: Vec<Row> = (0..20).map(table_row).collect();
    let mut plain = Vec::new();
    let superseded = BTreeSet::from([TableId::new([4; 32])]);
    let mut union = Union::<Nothing> { tables: &mut [], rows: &rows };
    let count =
        index::write_table(vault, Class::Data, &mut union, &superseded, &writer, None, &mut plain);
    assert_eq!(count.expect("into memory"), 20);
    let rows_end = 32 + 32 + 1024 + 3 * 32 + 20 * format::ROW_SIZE;
    put(4, "table", &[&plain[32..rows_end]])?;

    for (name, sealed) in [("general", 0), ("sealed", 1)] {
        let reference = vec![2; Reference::size(sealed == 1)];
        let row = [reference, 4_000_u64.to_le_bytes().into()].concat();
        put(5, name, &[&[0, sealed], &row.repeat(3)])?;
    }

    for (name, record) in [("slots", slots()), ("snapshot", snapshot()), ("accepted", accepted())] {
        let roll = RollRow { id: entry_id(1), time: -5, number: 2, source: "Photos".into() };
        let previous = vec![entry_id(1), entry_id(2)];
        let entry = Entry { roll: vec![roll], time: 1, count: 3, number: 3, previous, record };
        let plain = entry.encode(vault, &writer, Some(&reader));
        let length = u32::from_le_bytes(*plain[32..].first_chunk().expect("a length"));
        let end = 36 + usize::try_from(length).expect("4 bytes");
        put(6, name, &[&plain[36..end]])?;
    }

    put(7, "tree", &[&forest().expect("into memory")])?;

    put(8, "unchanged", &[&[0; 4], &text])?;
    put(8, "changed", &[&[9, 1, 0, 1], &text])?;
    put(8, "empty", &[&[0; 4]])?;
    let identity = Identity::generate();
    let file_key = FileKey::new([9; 16]);
    let file = Writer::new(&identity.recipient(), &file_key, [3; 16], Vec::new());
    let mut file = file.and_then(Writer::finish).expect("into memory");
    file.truncate(file.len() - 1);
    put(9, "x25519", &[&file])?;
    put(9, "scrypt", &[b"age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n", BODY])?;

    put(
        10,
        "passwords",
        &[b"Title,URL,Username,Password,Notes,OTPAuth\na,https://a.example,b,c,,\n"],
    )?;
    put(10, "card", &[b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n"])?;
    put(10, "key", &[b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n"])?;
    put(10, "login", &[br#"{"items":[{"login":{"password":"x","uris":[]}}]}"#])?;
    put(10, "database", &[b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20"])?;
    put(10, "der", &[&[0x30, 0x82, 0, 0x10, 0x02, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70]])?;
    put(10, "zip", &[ZIP])?;
    put(10, "tar", &[&tar()])?;
    put(10, "gzip", &[b"\x1F\x8B\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"])?;
    let (facts, place) = record();
    put(12, "facts", &[&facts.encode()])?;
    put(12, "place", &[&place.encode()])?;
    put(11, "name", &["Ünïcode\u{200d} ﬁle.txt".as_bytes()])?;
    put(11, "path", &[b"a/b\0c"])?;
    let separator = b"From a Tue May  5 01:02:01 2009\n";
    let message =
        b"From: A <a@b.example>\nTo: c@d.example\nMessage-ID: <1>\nDate: 5 May 2009 1:02 Z\n\
        Subject: =?utf-8?Q?a=20b?=\n\n>From a\n\n";
    put(13, "mbox", &[separator, message, separator, b"Content-Length: 2\n\na\n\n"])?;
    put(13, "emlx", &[b"99\n", message, b"<?xml version=\"1.0\"?><plist version=\"1.0\">"])?;
    put(13, "parts", &[PARTS])?;
    put(14, "cards", &[CARDS])?;
    put(14, "event", &[EVENT])?;
    put(15, "jpeg", &[JPEG])?;
    put(15, "film", &[FILM])?;
    put(15, "heic", &[HEIC])?;
    put(15, "xmp", &[XMP])?;
    put(15, "png", &[PNG, XMP, b"\0\0\0\0\0\0\0\0IEND\0\0\0\0"])?;
    put(15, "details", &[DETAILS])?;
    put(16, "bookmarks", &[BOOKMARKS])?;
    put(16, "history", &[HISTORY])?;
    put(17, "markdown", &[MARKDOWN])?;
    put(17, "html", &[NOTE_HTML])?;
    put(17, "details", &[NOTE_DETAILS])?;
    put(18, "health", &[HEALTH])?;
    put(19, "pdf", &[PDF])?;
    put(19, "zip", &[ZIP])?;
    for (name, database, log) in [("book", BOOK, &[][..]), ("log", LOGGED, LOG)] {
        let length = u32::try_from(database.len()).expect("a short one").to_le_bytes();
        put(20, name, &[&length, database, log])?;
    }
    let length = u32::try_from(EVENTS.len()).expect("a short one").to_le_bytes();
    put(21, "events", &[&length, EVENTS])?;
    Ok(())
}

/// EXIF with a camera, a date and a place, then the frame.
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE1\0\x9EExif\0\0MM\0*\0\0\0\x08\0\x03\
    \x01\x0F\0\x02\0\0\0\x04Abc\0\x87\x69\0\x04\0\0\0\x01\0\0\0\x32\
    \x88\x25\0\x04\0\0\0\x01\0\0\0\x58\0\0\0\0\
    \0\x01\x90\x03\0\x02\0\0\0\x14\0\0\0\x44\0\0\0\0\
    2026:07:04 12:00:13\0\
    \0\x02\0\x02\0\x05\0\0\0\x02\0\0\0\x76\0\x04\0\x05\0\0\0\x02\0\0\0\x76\0\0\0\0\
    \0\0\0\x12\0\0\0\x01\0\0\0\x1E\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\
    \xFF\xC0\0\x0B\x08\0\x1E\0\x28\x01\x01\x11\0\xFF\xDA";

/// A head, a track, one of Apple's names, and a place.
const FILM: &[u8] = b"\0\0\0\x14ftypqt  \0\0\0\0qt  \0\0\0\xD5moov\
    \0\0\0\x1Cmvhd\0\0\0\0\xE6\x76\x0A\xED\0\0\0\0\0\0\x02\x58\0\0\x98\x58\
    \0\0\0\x24trak\0\0\0\x1Cmdia\0\0\0\x14hdlr\0\0\0\0\0\0\0\0vide\
    \0\0\0\x6Fmeta\0\0\0\x14hdlr\0\0\0\0\0\0\0\0mdta\
    \0\0\0\x30keys\0\0\0\0\0\0\0\x01\0\0\0\x20mdtacom.apple.quicktime.make\
    \0\0\0\x23ilst\0\0\0\x1B\0\0\0\x01\0\0\0\x13data\0\0\0\x01\0\0\0\0Abc\
    \0\0\0\x1Eudta\0\0\0\x16\xA9xyz\0\x0A\x15\xC7+59.3-018/";

/// An item of EXIF in a box of its own.
const HEIC: &[u8] = b"\0\0\0\x14ftypheic\0\0\0\0heic\0\0\0\x69meta\0\0\0\0\
    \0\0\0\x23iinf\0\0\0\0\0\x01\0\0\0\x15infe\x02\0\0\0\0\x01\0\0Exif\0\
    \0\0\0\x20iloc\x01\0\0\0\x44\0\0\x01\0\x01\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x12\
    \0\0\0\x1Aidat\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0";

/// Properties as elements, as attributes and in a list.
const XMP: &[u8] = b"<x:xmpmeta><rdf:RDF><rdf:Description exif:GPSLatitude=\"59,19.8N\" \
    xmp:CreateDate=\"2026-07-04T12:00:13+02:00\"><dc:subject><rdf:Bag><rdf:li>a &amp; b</rdf:li>\
    </rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>";

/// A picture's head, and that of a text which is XMP.
const PNG: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x28\0\0\0\x1E\x08\x02\0\0\0\0\0\0\0\
    \0\0\0\xF0iTXtXML:com.adobe.xmp\0\0\0\0\0";

const DETAILS: &[u8] = b"imgName,fileChecksum,favorite,originalCreationDate\n\
    a.JPG,AUP1,yes,\"Sunday August 1,2021 12:11 PM GMT\"\nb,,no,Sunday August 1,2021 14:00 PM GMT\n";

/// A text and something attached.
const PARTS: &[u8] = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\
    Content-Type: text/html; charset=gb2312\nContent-Transfer-Encoding: quoted-printable\n\n\
    <p>=C4=E3 &amp;</p>\n--x\nContent-Type: image/png; name*=utf-8''%C3%BC.png\n\
    Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nAAAA\n--x--\n";

/// Folds, a group, an agent, quoted-printable, and a card without end.
macro_rules! sample {
    ($source:literal, $end:literal) => {
        include_bytes!(concat!(
            "../tests/data/icloud-export/Contacts/Contacts.abbu/",
            $source,
            "/AddressBook-v22.abcddb",
            $end
        ))
    };
}
const EVENTS: &[u8] = include_bytes!(
    "../tests/data/icloud-export/Calendars/All (newer macOS).icbu/Calendar.sqlitedb"
);
const BOOK: &[u8] = sample!("Sources/FAB1623D-9724-5DC4-B4E3-4913AFB47169", "");
const LOGGED: &[u8] = sample!("Sources/9E52D719-D6F0-5D1A-B8BA-0BE5D417A5FD", "");
const LOG: &[u8] = sample!("Sources/9E52D719-D6F0-5D1A-B8BA-0BE5D417A5FD", "-wal");

const CARDS: &[u8] = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\\, b\r\n c\r\nitem1.TEL;type=pref:1\r\n\
    item1.X-ABLabel:_$!<Home>!$_\r\nBDAY:--0405\r\nUID:1\r\nEND:VCARD\r\nBEGIN:VCARD\r\n\
    VERSION:2.1\r\nN;ENCODING=QUOTED-PRINTABLE:M=C3=BC;=\r\n=20\r\nAGENT:\r\nBEGIN:VCARD\r\n\
    FN:B\r\nEND:VCARD\r\nPHOTO;BASE64:\r\n AAAA\r\n\r\nTEL;CELL:2";

/// A time zone, an alarm, an exception of the event, and another one without end.
const EVENT: &[u8] = b"BEGIN:VCALENDAR\r\nX-WR-CALNAME:C\r\nBEGIN:VTIMEZONE\r\nTZID:A\r\n\
    BEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n\
    TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n\
    UID:1\r\nDTSTART;TZID=A:20260105T193000\r\nRRULE:FREQ=DAILY\r\nBEGIN:VALARM\r\n\
    TRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VTODO\r\nDUE:20260105\r\nBEGIN:VEVENT\r\n\
    UID:1\r\nRECURRENCE-ID:20260112T193000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// A folder in a folder, a description, a comment, and a link that nothing closes.
const BOOKMARKS: &[u8] = b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<!-- a -->\n<H1>B</H1>\n<DL><p>\n\
    <DT><H3 FOLDED>F</H3>\n<DL><p>\n<DT><A HREF=\"https://a.example/?b&amp;c\" ADD_DATE=\"1757840523\" \
    TAGS='x'>A <b>b</b></A>\n<DD>d\n<DT><H3>G\n<DL>\n<dt><a href=b:c>e</DL>\n</DL><p>\n</DL>\n";

/// A visit that was sent on, and something that is none.
const HISTORY: &[u8] =
    b"{\"metadata\":{\"data_type\":\"history\"},\"history\":[{\"url\":\"https://a.example\",\
    \"time_usec\":1785569400000000,\"visit_count\":1,\"title\":\"\\u0041\",\
    \"destination_url\":\"b\",\"latest_visit_was_load_failure\":true},[1,{\"x\":1.5e3}]]}";

/// Marks, a checklist, what is attached and what was left out.
const MARKDOWN: &[u8] = b"# **A** _b_\r\n\r\n- [ ] c\n- [x] d\n\
    ![e](Attachments/0E5A2411-57C1-5226-9F61-6BD4D1F687F5.png) [f](g) \xEF\xBF\xBC\n\n";

const NOTE_HTML: &[u8] =
    b"<head><meta name=created content=2026-05-01></head><h1>A <b>b</b></h1>\n\
    <p>c &amp; d<br><img alt=e src=\"data:image/png;base64,AAAA\"><script>f</script>";

const NOTE_DETAILS: &[u8] = b"Title, Created On, Modified On, Pinned, Deleted\n\
    \"A, b\",06-01-2026 08:00:00,06-30-2026 21:14:09,no,yes\n";

/// A declaration with quotes that do not match, entries of three types, elements in one of them.
const HEALTH: &[u8] = b"<?xml version=\"1.0\"?>\n<!DOCTYPE HealthData [ <!-- don't ]> --> \
    <!ENTITY a \"&a;\">\n]>\n<HealthData locale=\"en\">\n <ExportDate value=\"x\"/>\n \
    <Record type=\"HKQuantityTypeIdentifierHeartRate\" sourceName=\"a&#160;b\" device=\"c\" \
    startDate=\"2026-09-13 08:00:00 +0200\" endDate='2026-09-13 08:00:00 +0200' value=\"62\">\n  \
    <MetadataEntry key=\"d\" value=\"1\"/>\n </Record>\n \
    <Workout workoutActivityType=\"HKWorkoutActivityTypeRunning\"><e/></Workout>\n \
    <ActivitySummary dateComponents=\"2026-09-13\"/>\n</HealthData>\n";

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<</Title (a\\(b\\)\\344) /Author <FEFF0041> \
    /ModDate (D:20260701100013+02'00')>>\nendobj\ntrailer <</Info 1 0 R>>\n";

/// One empty member that is stored.
const ZIP: &[u8] = b"PK\x03\x04\x0A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a\
    PK\x01\x02\x0A\x03\x0A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a\
    PK\x05\x06\0\0\0\0\x01\0\x01\0\x2F\0\0\0\x1F\0\0\0\0\0";

/// One empty member.
fn tar() -> Vec<u8> {
    let mut block = vec![0; 1536];
    block[0] = b'a';
    block[124..135].fill(b'0');
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

/// The end of a header whose MAC nobody has made.
const BODY: &[u8] = b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
    --- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

/// No table is merged into the one that is written.
struct Nothing;

impl index::Plaintext for Nothing {
    fn length(&self) -> u64 {
        0
    }

    fn read_at(&mut self, _: u64, _: &mut [u8]) -> Result<()> {
        Ok(())
    }
}

fn chunk_row() -> vault::chunk::Row {
    let reference = Reference { tag: None, id: ChunkId::new([3; 32]) };
    vault::chunk::Row { reference, length: 70_000 }
}

fn table_row(nth: u8) -> Row {
    let place = Place { start: 40, frame_length: 1000, offset: u32::from(nth), length: 1 };
    Row { id: ChunkId::new([nth * 12; 32]), pack: PackId::new([nth % 2; 32]), place }
}

fn entry_id(byte: u8) -> EntryId {
    EntryId::new([byte; 32])
}

fn slots() -> Record {
    let label = "passphrase".into();
    let slot = SlotRow { id: [1; 32], role: "full".into(), time: 3, label, letter: 'p' };
    Record::Slots { slots: vec![slot], files: vec![("README.txt".into(), [9; 32])] }
}

fn accepted() -> Record {
    Record::Accepted(vec![entry_id(5)])
}

fn snapshot() -> Record {
    let root = |tag| Root {
        reference: Reference { tag, id: ChunkId::new([2; 32]) },
        pack: PackId::new([4; 32]),
        start: 40,
        frame_length: 300,
    };
    let trees = |tag| Trees { facts: root(tag), whereabouts: root(tag) };
    let tag = PackTag::new([8; 16]);
    let packs = [(tag, PackId::new([3; 32]))].into();
    let count = chain::Count {
        compartment: Compartment::Sealed,
        kind: "key".into(),
        items: 1,
        bytes: 2,
        records: 3,
    };
    let shrunk = vec![chain::Shrunk { kind: "key".into(), before: 9, lost: 6 }];
    Record::Snapshot(Box::new(Snapshot {
        host: "mac".into(),
        tool: "icvault".into(),
        label: String::new(),
        counts: vec![count],
        new: None,
        parent: Some(entry_id(1)),
        sealed: Some(chain::Sealed {
            trees: trees(Some(tag)),
            records: Some(trees(Some(tag))),
            packs,
        }),
        shrunk,
        source: "Photos".into(),
        tables: Tables { data: vec![TableId::new([4; 32])], nodes: Vec::new() },
        general: trees(None),
        records: Some(trees(None)),
    }))
}

/// What trees say of a record.
fn record() -> (RecordFacts, RecordPlace) {
    let facts = RecordFacts {
        kind: "passwords".into(),
        title: "Example".into(),
        place: "example.com".into(),
        user: "anna".into(),
        date: Some(1_700_000_000),
        rung: 1,
        digest: [5; 16],
        warnings: vec!["weak password".into()],
    };
    let content = Content { rows: vec![chunk_row()], depth: 0 };
    let part = Part { offset: 0, length: 1, content };
    let place = RecordPlace {
        file: ItemPath::new(b"Passwords.csv").expect("a name"),
        members: vec!["inner.zip".into()],
        format: "logins".into(),
        bytes: RecordBytes::Parts(vec![part], vec![0..1, 2..3]),
        beside: vec![ItemPath::new(b"Passwords.xmp").expect("a name")],
    };
    (facts, place)
}

/// A tree of two levels as `decoders` reads it: nodes with their lengths, the root first, each
/// named by its place.
fn forest() -> Result<Vec<u8>> {
    let mut nodes: Vec<Vec<u8>> = Vec::new();
    let mut store = |node: &[u8]| {
        nodes.push(node.to_vec());
        // The root is written last and read first, so places are counted from one.
        let place = u8::try_from(nodes.len()).expect("a small tree");
        Ok(Reference { tag: None, id: ChunkId::new([place; 32]) })
    };
    let mut builder = tree::Builder::new(MacKey::new([1; 32]));
    for nth in 0..12_u8 {
        builder.push(&[b'k', nth], vec![nth; 2000], &mut store)?;
    }
    builder.finish(&mut store)?;
    nodes.rotate_right(1);
    let length = |node: &Vec<u8>| u16::try_from(node.len()).expect("a small node").to_le_bytes();
    Ok(nodes.iter().flat_map(|node| [&length(node)[..], node].concat()).collect())
}
