//! Every decoder of the engine on any bytes: none panics, and what one accepts encodes back to the
//! same. The first byte picks the decoder. Where a MAC stands before it, the MAC is made right, so
//! that what lies behind is reached: whoever holds one key must not break who holds more.
#![no_main]

use std::io::{Cursor, Write as _};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vault::chain::{Entry, EntryKeys};
use vault::chunk::{self, Reference};
use vault::error::{Error, ErrorKind, Result};
use vault::files::{self, ItemPath};
use vault::format;
use vault::id::{ChunkId, MacKey, VaultId};
use vault::index::{Plaintext, Table, TableKeys};
use vault::keys::{Bundle, Compartment};
use vault::kinds::{self, Locator};
use vault::pack::{self, Class, Decompressor, Directory, Kind, PackWriter};
use vault::payload::{self, FileKey, Identity, Reader, Writer};
use vault::tree::{self, Nodes, Range};
use vault::vault::{RecordFacts, RecordPlace};
use vault::wire::{self, Head};

/// Decoders, at the numbers that the seeds name.
const DECODERS: [fn(&[u8]); 22] = [
    cbor,
    bundle,
    directory,
    frame,
    table,
    list,
    entry,
    tree,
    age_file,
    age_header,
    kind,
    name,
    record,
    messages,
    people,
    picture,
    browser,
    note,
    health,
    document,
    address_book,
    calendar_database,
];

fuzz_target!(|data: &[u8]| {
    if let Some((&first, rest)) = data.split_first()
        && let Some(decoder) = DECODERS.get(usize::from(first))
    {
        decoder(rest);
    }
});

fn vault() -> VaultId {
    VaultId::new([1; 16])
}

fn writer() -> MacKey {
    MacKey::new([7; 32])
}

fn reader() -> MacKey {
    MacKey::new([8; 32])
}

fn cbor(data: &[u8]) {
    if wire::scan(data).is_ok() {
        let value = serde_cbor::from_slice::<serde_cbor::Value>(data).expect("the scan passed it");
        assert_eq!(serde_cbor::to_vec(&value).expect("a value encodes"), data);
        let _ = wire::refuse_unknown_demands(data, &["!known"]);
    }
    if let Some(head) = data.first_chunk()
        && let Ok(decoded) = Head::decode(head)
    {
        assert_eq!(decoded.encode(), *head);
    }
}

fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::decode(data) {
        assert_eq!(bundle.encode().as_bytes(), data);
    }
}

/// A pack whose blocks are not there: a directory says where they would end.
fn directory(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let compartment = if first & 1 == 0 { Compartment::General } else { Compartment::Sealed };
    let kind = Kind { vault: vault(), compartment, class: Class::ALL[usize::from(first & 2 != 0)] };
    let Some((start, data)) = data.split_first_chunk() else { return };
    let start = u64::from(u32::from_le_bytes(*start));
    let (_, front) = PackWriter::begin(kind, None);
    let mut frame = [&format::FRAME_DIRECTORY.to_le_bytes()[..], &length(data), data].concat();
    let mut trailer = [&format::FRAME_TRAILER.to_le_bytes()[..], &48_u32.to_le_bytes()].concat();
    let place = [&start.to_le_bytes()[..], &length(data), &[0; 4]].concat();
    trailer.extend(&place);
    trailer.extend(writer().mac(&[&front[8..], &place, data]));
    frame.extend(trailer);
    let end = start + frame.len() as u64;
    let read = Directory::read(kind, &writer(), end, |offset, buffer| {
        let source = if offset < start.max(40) { (0, &front) } else { (start, &frame) };
        let from = usize::try_from(offset - source.0).expect("a pack is below 4 GiB and a bit");
        let bytes = source.1.get(from..).and_then(|bytes| bytes.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(Error::new(ErrorKind::Damaged, "beyond the end"))?);
        Ok(())
    });
    let Ok(read) = read else { return };
    let (mut again, _) = PackWriter::begin(kind, read.salt);
    for block in read.blocks {
        for (_, place) in block.places() {
            assert!(u64::from(place.start) + u64::from(place.frame_length) <= start);
            assert!(place.offset + place.length <= block.content_length);
        }
        let frame_length = usize::try_from(block.frame_length).expect("4 bytes");
        again.push(frame_length, block.pieces).expect("it was a pack before");
    }
    let (again, _) = again.finish(&writer());
    assert_eq!(&again[8..8 + data.len()], data);
}

fn length(data: &[u8]) -> [u8; 4] {
    u32::try_from(data.len()).expect("inputs are short").to_le_bytes()
}

fn frame(data: &[u8]) {
    let mut content = Vec::new();
    let mut decompressor = Decompressor::default();
    if decompressor.open(data, true, &mut content).is_ok() {
        let mut again = Vec::new();
        pack::raw_frame(&content, &mut again);
        assert_eq!(again, data);
    }
    if decompressor.open(data, false, &mut content).is_ok() {
        assert!(content.len() <= format::BLOCK_MAX);
    }
}

struct Plain(Vec<u8>);

impl Plaintext for Plain {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..));
        let bytes = bytes.and_then(|bytes| bytes.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(Error::new(ErrorKind::Damaged, "beyond the end"))?);
        Ok(())
    }
}

/// The input is a table between its head and its MACs.
fn table(data: &[u8]) {
    let head = Head {
        object: format::OBJECT_TABLE,
        compartment: format::COMPARTMENT_INDEX,
        class: format::CLASS_DATA,
        vault: vault(),
    };
    let signed = [&head.encode()[..], data].concat();
    let macs = [writer().mac(&[&signed]), reader().mac(&[&signed])].concat();
    let plain = Plain([signed, macs, vec![0; 64]].concat());
    let Ok(mut table) = Table::open(plain, vault(), Class::Data) else { return };
    let keys = TableKeys { writer: writer(), reader: Some(reader()) };
    let mut ids = vec![ChunkId::new([0; 32]), ChunkId::new([255; 32])];
    drop(table.verify(&keys, |row| ids.push(row.id)));
    for id in ids {
        for row in table.find(&id).unwrap_or_default() {
            assert!(row.id == id && table.packs().contains(&row.pack));
        }
    }
}

fn list(data: &[u8]) {
    let [level, sealed, rest @ ..] = data else { return };
    let is_sealed = sealed & 1 == 1;
    let row_size = Reference::size(is_sealed) + 8;
    let bytes = [&[format::VERSION, *level, 0, 0][..], rest].concat();
    let lengths = rest.chunks_exact(row_size).filter_map(|row| row.last_chunk());
    let sum = lengths.fold(0_u64, |sum, length| sum.wrapping_add(u64::from_le_bytes(*length)));
    assert!(chunk::decode_list(&bytes, *level, sum.wrapping_add(1), is_sealed).is_err());
    if let Ok(rows) = chunk::decode_list(&bytes, *level, sum, is_sealed) {
        let row = |row: &chunk::Row| [row.reference.encode(), row.length.to_le_bytes().into()];
        assert_eq!(rows.iter().flat_map(row).flatten().collect::<Vec<_>>(), rest);
    }
}

/// The input is an entry's payload.
fn entry(data: &[u8]) {
    let keys = EntryKeys { writer: writer(), reader: Some(reader()) };
    let head = Head {
        object: format::OBJECT_ENTRY,
        compartment: format::COMPARTMENT_INDEX,
        class: 0,
        vault: vault(),
    };
    let mut bytes = [&head.encode()[..], &length(data), data].concat();
    let macs = [writer().mac(&[&bytes]), reader().mac(&[&bytes])].concat();
    bytes.extend(macs);
    bytes.resize(bytes.len().max(4096), 0);
    if let Ok(entry) = Entry::decode(&bytes, vault(), &keys) {
        // Unknown keys may be lost, nothing else.
        let again = entry.encode(vault(), &writer(), Some(&reader()));
        assert_eq!(Entry::decode(&again, vault(), &keys), Ok(entry));
    }
}

/// Chunks that the input holds one after the other, each named by its place.
struct Forest<'a>(Vec<&'a [u8]>);

impl Nodes for Forest<'_> {
    fn node(&mut self, reference: &Reference) -> Result<Vec<u8>> {
        let [first, ..] = reference.id.bytes();
        let node = self.0.get(usize::from(*first));
        node.map(|node| node.to_vec()).ok_or(Error::new(ErrorKind::Damaged, "no such node"))
    }
}

fn tree(data: &[u8]) {
    let mut nodes = Forest(Vec::new());
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (node, after) = after.split_at(length);
        nodes.0.push(node);
        rest = after;
    }
    let root = Reference { tag: None, id: ChunkId::new([0; 32]) };
    let mut range = Range::new(&root, &[]);
    let mut before = Vec::new();
    // A root, and no more entries than the input has bytes; each is passed once, then the end.
    for _ in 0..data.len() + 2 {
        match range.next(&mut nodes) {
            Ok(Some((key, value))) => {
                assert!(before < key);
                let found = tree::get(&mut nodes, &root, &key).expect("the way to it was read");
                assert_eq!(found, Some(value));
                before = key;
            }
            Ok(None) => return,
            Err(_) => {}
        }
    }
    panic!("a walk that goes on");
}

static IDENTITY: LazyLock<Identity> = LazyLock::new(Identity::generate);

/// An age file with one byte changed is refused or gives nothing; unchanged it gives what went in.
fn age_file(data: &[u8]) {
    let Some(([a, b, c, change], plain)) = data.split_first_chunk() else { return };
    let place = usize::try_from(u32::from_le_bytes([*a, *b, *c, 0])).expect("4 bytes");
    let file_key = FileKey::new([9; 16]);
    let recipient = IDENTITY.recipient();
    let mut out = Writer::new(&recipient, &file_key, [3; 16], Vec::new()).expect("into memory");
    out.write_all(plain).expect("into memory");
    let mut file = out.finish().expect("into memory");
    let place = place % file.len();
    file[place] ^= change;
    let read = || -> Result<Vec<u8>> {
        let mut reader = Reader::open(file.as_slice(), &[&IDENTITY])?;
        let length = usize::try_from(reader.plain_length()).expect("it is in memory");
        let mut content = vec![0; length];
        reader.read_at(0, &mut content)?;
        Ok(content)
    };
    assert_eq!(read().ok().as_deref(), (*change == 0).then_some(plain));
}

fn age_header(data: &[u8]) {
    drop(payload::slot_lock(data));
    assert!(Reader::with_file_key(data, &FileKey::new([9; 16])).is_err(), "a guessed MAC");
}

fn kind(data: &[u8]) {
    let found = kinds::recognise(data, data.len() as u64);
    assert_eq!(kinds::Kind::parse(found.kind.as_str()), Some(found.kind));
    kinds::recognise(data, u64::MAX);
    let examined = kinds::examine(data, data.len() as u64, &mut Cursor::new(data));
    let examined = examined.expect("memory can be read");
    assert!(examined.sealed || examined.doubt.is_none(), "what is in doubt is sealed");
    for sheet in kinds::sheets(&examined, data.into(), Some("password")).sheets {
        let frame = kinds::parts(data, &sheet.frame).expect("a frame is in its file");
        let mut kept = kinds::Kept::default();
        for record in &sheet.records {
            match &record.locator {
                Locator::Bytes(ranges) => {
                    let bytes = kinds::parts(data, ranges).expect("a record is in its file");
                    let bytes = bytes.concat();
                    drop(sheet.format.fields(&frame, &bytes));
                    drop(sheet.format.write(&frame, &[&bytes, &bytes]));
                }
                Locator::Derived(how) => {
                    let taken =
                        kinds::take(sheet.format, data.into(), how, Some("password"), &mut kept);
                    // A second signed profile behind the first is told of and not found again.
                    let Some(taken) = taken else { continue };
                    let frame: Vec<&[u8]> =
                        taken.frame.iter().map(|part| part.as_slice()).collect();
                    drop(sheet.format.fields(&frame, &taken.bytes));
                }
            }
        }
    }
}

/// What the trees say of a record.
fn record(data: &[u8]) {
    if let Ok(facts) = RecordFacts::decode(data) {
        assert_eq!(RecordFacts::decode(&facts.encode()), Ok(facts));
    }
    if let Ok(place) = RecordPlace::decode(data) {
        assert_eq!(RecordPlace::decode(&place.encode()), Ok(place));
    }
}

fn name(data: &[u8]) {
    drop(files::collision_key(data));
    if files::refuse(data).is_none() {
        assert!(ItemPath::new(data).is_ok(), "what may be written can be kept");
    }
    if let Ok(path) = ItemPath::from_key(data.to_vec()) {
        assert_eq!(path.key(), data);
        let inside = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/');
        assert!(path.components().all(inside));
    }
    if let Ok(path) = ItemPath::parse_display(data) {
        let shown = path.to_display();
        assert_eq!(ItemPath::parse_display(&shown).ok().as_ref(), Some(&path));
    }
}

/// Each message of a mailbox is the same alone and in another mailbox.
fn messages(data: &[u8]) {
    let found = mailbox(data);
    for (record, bytes) in &found {
        kinds::messages::fields(bytes);
        let content = bytes.get(..bytes.len().min(64)).unwrap_or_default();
        let attachment = kinds::messages::Attachment { section: "2", content, is_encoded: false };
        kinds::messages::complete(bytes, &[attachment]);
        let alone = mailbox(bytes);
        assert!(alone.len() == 1 && alone[0].0.essence == record.essence);
    }
    let parts: Vec<&[u8]> = found.iter().map(|(_, bytes)| *bytes).collect();
    assert!(mailbox(&kinds::messages::write(&parts)).len() >= parts.len());
}

fn mailbox(data: &[u8]) -> Vec<(kinds::Record, &[u8])> {
    let mut found = Vec::new();
    let mut each = |record: kinds::Record| {
        let kinds::Locator::Bytes(ranges) = &record.locator else { panic!("bytes of its own") };
        let parts = kinds::parts(data, ranges).expect("they are in the content");
        let [bytes] = parts[..] else { panic!("in one part") };
        found.push((record, bytes));
        Ok(())
    };
    kinds::messages::scan(&mut Cursor::new(data), &mut each).expect("memory can be read");
    found
}

fn people(data: &[u8]) {
    again(&[kinds::Format::Contacts, kinds::Format::Calendars], data);
}

fn browser(data: &[u8]) {
    again(&[kinds::Format::Bookmarks, kinds::Format::History], data);
}

/// A note is the whole of its file; the table of a take-out is read by the same module.
fn note(data: &[u8]) {
    drop(kinds::notes::details(data));
    let told = Told::of(kinds::Format::Notes, data);
    drop(kinds::Format::Notes.fields(&[], data));
    assert!(told.records.iter().all(|record| record == data));
}

/// Each type of entries that is told of comes out of the file.
fn health(data: &[u8]) {
    let format = kinds::Format::Health;
    let mut each = |record: kinds::Record| {
        let Locator::Derived(how) = &record.locator else { panic!("no bytes of its own") };
        let file = format.derive(data.into(), how, None).expect("it has an entry at least");
        drop(format.fields(&[], &file));
        drop(format.write(&[], &[&file, &file]));
        Ok(())
    };
    format.scan(&mut Cursor::new(data), &mut each).expect("memory can be read");
}

/// A document is the whole of its file.
fn document(data: &[u8]) {
    let told = Told::of(kinds::Format::Documents, data);
    drop(kinds::Format::Documents.fields(&[], data));
    assert!(told.records.iter().all(|record| record == data));
    let mut bundle = kinds::documents::Bundle::default();
    for name in ["Index.zip", "Index/Document.iwa", "Metadata/BuildVersionHistory.plist"] {
        bundle.begin(name.as_bytes());
        bundle.push(data);
        bundle.end();
    }
    drop(bundle.record());
}

/// A file of all records of a file holds the same.
fn again(formats: &[kinds::Format], data: &[u8]) {
    for &format in formats {
        let told = Told::of(format, data);
        let frame = kinds::parts(data, &told.frame).expect("a frame is in its file");
        for record in &told.records {
            drop(format.fields(&frame, record));
        }
        let records: Vec<&[u8]> = told.records.iter().map(Vec::as_slice).collect();
        let written = format.write(&frame, &records).expect("a file holds several");
        assert!(Told::of(format, &written).said == told.said);
    }
}

/// Whatever a picture tells is short, and the same again; the files beside one are read by the same.
fn picture(data: &[u8]) {
    let told = || {
        let mut records = Vec::new();
        let each = &mut |record| {
            records.push(record);
            Ok(())
        };
        kinds::pictures::scan(&mut Cursor::new(data), each).expect("memory can be read");
        assert!(records.len() <= 1);
        records.pop()
    };
    if let (Some(first), Some(again)) = (told(), told()) {
        let whole = 0..data.len() as u64;
        assert!(first.locator == Locator::Bytes(Vec::from([whole])));
        assert!(first.identity == again.identity && first.essence == again.essence);
        assert!(first.title.len() + first.place.len() + first.user.len() < 4096);
    }
    drop(kinds::pictures::fields(data));
    std::hint::black_box(kinds::pictures::sidecar(data));
    drop(kinds::pictures::details(data));
    drop(kinds::pictures::album(data));
}

struct Told {
    frame: Vec<std::ops::Range<u64>>,
    records: Vec<Vec<u8>>,
    /// What each says, in an order of its own.
    said: Vec<Vec<u8>>,
}

impl Told {
    fn of(format: kinds::Format, data: &[u8]) -> Self {
        let (mut records, mut said) = (Vec::new(), Vec::new());
        let mut each = |record: kinds::Record| {
            let Locator::Bytes(ranges) = &record.locator else { panic!("bytes of its own") };
            records.push(kinds::parts(data, ranges).expect("they are in the content").concat());
            said.push(record.essence.to_vec());
            Ok(())
        };
        let scanned = format.scan(&mut Cursor::new(data), &mut each).expect("memory can be read");
        said.sort();
        Self { frame: scanned.frame, records, said }
    }
}

/// The input is a database, behind its length, and the write-ahead log of it. What is told of a
/// person is what the card that is derived says.
fn address_book(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let length = usize::try_from(u32::from_le_bytes(*length)).expect("4 bytes");
    let (database, log) = rest.split_at(length.min(rest.len()));
    let Ok(book) = kinds::address_book::AddressBook::new(database, Some(log)) else { return };
    let mut each = |record: kinds::Record| {
        let Locator::Derived(how) = &record.locator else { panic!("it has no bytes") };
        let card = book.derive(how).expect("it was told of");
        let told = Told::of(kinds::Format::Contacts, &card);
        assert!(told.said == [record.essence.to_vec()]);
        Ok(())
    };
    book.scan(&mut each).expect("memory can be read");
}

/// As [`address_book`], of events: what is told of one is what the calendar says that is derived.
fn calendar_database(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let length = usize::try_from(u32::from_le_bytes(*length)).expect("4 bytes");
    let (database, log) = rest.split_at(length.min(rest.len()));
    let opened = kinds::calendar_database::CalendarDatabase::new(database, Some(log));
    let Ok(calendars) = opened else { return };
    let mut each = |record: kinds::Record| {
        let Locator::Derived(how) = &record.locator else { panic!("it has no bytes") };
        let taken = calendars.derive(how).expect("it was told of");
        let frame: Vec<&[u8]> = taken.frame.iter().map(|part| part.as_slice()).collect();
        let file = kinds::calendars::write(&frame, &[&taken.bytes]);
        let told = Told::of(kinds::Format::Calendars, &file);
        assert!(told.said == [record.essence.to_vec()]);
        Ok(())
    };
    calendars.scan(&mut each).expect("memory can be read");
}
