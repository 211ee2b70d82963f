//! The records of a whole file, those in the zips in it too, and one of them taken out again.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use super::archive::{self, Container};
use super::content::{Blocked, Budget, Content, TOO_MUCH};
use super::databases::Opened;
use super::{
    Format, Kind, Locator, Omissions, PROBE_SIZE, Recognised, Record, Scanned, Whole, certificates,
    database, health, parts, zip,
};
use crate::wire;

/// The longest content that is held to be looked through, in bytes.
pub const CONTENT_MAX: u64 = 64 << 20;

/// How many zips lie one in the other.
const DEPTH_MAX: usize = 4;
/// The longest encoding of where a record is.
const HOW_MAX: usize = 65_536;

/// What a database's name goes on with in the name of its write-ahead log.
const LOG_END: &[u8] = b"-wal";
/// How many logs of databases in one zip are read.
const LOGS_MAX: u32 = 64;

/// Why what is longer has no records.
pub(super) const TOO_LONG: &str = "longer than 64 MiB, not looked through";
const TOO_MANY_LOGS: &str = "more databases with logs than are read";

/// All of `content` from where it is; none if there is more than [`CONTENT_MAX`].
pub(super) fn hold(content: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    content.take(CONTENT_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= CONTENT_MAX).then_some(bytes))
}

/// The records of one file, or of one member of a zip.
pub struct Sheet {
    /// The names of the members that it is in, one in the other.
    pub members: Vec<String>,
    /// Its format.
    pub format: Format,
    /// Where in the content is what all its records need beside their own bytes; nothing for
    /// records that are [`Locator::Derived`].
    pub frame: Vec<Range<u64>>,
    /// The records, in order. Those that are derived are as [`take`] wants them.
    pub records: Vec<Record>,
}

/// What a file holds one by one.
#[derive(Default)]
pub struct Sheets {
    /// What has records.
    pub sheets: Vec<Sheet>,
    /// Why some of it, or all, is in no record.
    pub notes: Vec<&'static str>,
    /// What is not in the file though somebody may look for it there.
    pub omissions: Omissions,
}

/// One record, and what it needs beside its own bytes.
pub struct Taken {
    /// The bytes of the frame.
    pub frame: Vec<Zeroizing<Vec<u8>>>,
    /// The bytes of the record.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// What was unpacked or opened to take one record, kept for the next of the same file.
#[derive(Default)]
pub struct Kept {
    /// The way to what is open, and it.
    database: Option<(Vec<u32>, Opened)>,
}

/// Whether a file that begins with `head` is looked through for records. A picture or a film is not:
/// it is one itself, and [`pictures::scan`](super::pictures::scan()) tells it without all of it.
pub fn has_records(found: &Recognised, head: &[u8]) -> bool {
    in_file(found, head).is_some() || is_zip(found, head)
}

/// The format of a file that begins with `head` whose records show while it is read.
pub fn streams(found: &Recognised, head: &[u8]) -> Option<Format> {
    format_of(found, head).filter(|format| format.streams())
}

/// The records of content that [`streams`], which is read once; as those of [`sheets`].
///
/// # Errors
/// As [`Format::scan_stream`].
pub fn scan_stream(
    format: Format,
    content: &mut impl Read,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    format.scan_stream(content, &mut |mut record| {
        if let Locator::Derived(how) = &mut record.locator {
            *how = How::derived(&[], how).encode();
        }
        each(record)
    })
}

/// Gives the bytes at a range.
pub type PartReader<'a> = dyn FnMut(&Range<u64>) -> io::Result<Zeroizing<Vec<u8>>> + 'a;

/// Takes a record out of content of any length, whose `part` at a range is asked for; none where
/// the format needs all of it at once, which [`take`] has.
///
/// # Errors
/// When `content` cannot be read, and what `part` answers.
pub fn take_streamed(
    format: Format,
    content: &mut impl Read,
    how: &[u8],
    part: &mut PartReader<'_>,
) -> io::Result<Option<Taken>> {
    let how = wire::decode::<How>(how, HOW_MAX).ok().and_then(|how| how.derived);
    let (Format::Health, Some(how)) = (format, how) else { return Ok(None) };
    let places = health::places(content, &how)?;
    let parts = places.iter().map(part).collect::<io::Result<Vec<_>>>()?;
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    Ok(health::join(&parts).map(|bytes| Taken { frame: Vec::new(), bytes }))
}

/// The records of a file that [`has_records`]. `password` opens the PKCS#12 store that it is.
pub fn sheets(found: &Recognised, whole: Whole<'_>, password: Option<&str>) -> Sheets {
    let content = whole.content;
    let mut sheets = Sheets::default();
    match in_file(found, content) {
        Some(format) => {
            if let Some(mut sheet) = scan(format, whole, password, &mut sheets) {
                for record in &mut sheet.records {
                    if let Locator::Derived(how) = &mut record.locator {
                        *how = How::derived(&[], how).encode();
                    }
                }
                sheets.sheets.push(sheet);
            }
        }
        None if is_zip(found, content) => {
            let mut way = Way::default();
            // What else cannot be looked into was said when it was recognised.
            if let Err(Blocked(TOO_MUCH)) = members(content, &Budget::new(), &mut way, &mut sheets)
            {
                sheets.notes.push(TOO_MUCH);
            }
        }
        None => {}
    }
    sheets
}

/// What is not in a file that begins with `head`, as far as its beginning says. `is_whole` when that
/// is all of it: of the rest, nobody knows whether it has an end.
pub fn glance(found: &Recognised, head: &[u8], is_whole: bool) -> Omissions {
    let format = streams(found, head);
    let mut omissions = match format {
        // Memory can be read.
        Some(format) => scan_stream(format, &mut Cursor::new(head), &mut |_| Ok(()))
            .map(|scanned| scanned.omissions)
            .unwrap_or_default(),
        None if has_records(found, head) => sheets(found, Whole::from(head), None).omissions,
        None => super::beside(found, head).map(|it| it.omissions()).unwrap_or_default(),
    };
    if !is_whole {
        omissions.lacks.clear();
    }
    omissions
}

/// Takes a record out of the whole file that has it; none if it has none there. `kept` is of the
/// same file, or new.
pub fn take(
    format: Format,
    whole: Whole<'_>,
    how: &[u8],
    password: Option<&str>,
    kept: &mut Kept,
) -> Option<Taken> {
    let how: How = wire::decode(how, HOW_MAX).ok()?;
    if let (true, Some(derived)) = (format.is_database(), &how.derived)
        && let Some(taken) = kept.derive(&how.members, derived)
    {
        return Some(taken);
    }
    let unpacked = match how.members.is_empty() {
        true => None,
        false => Some(member(whole.content, &how.members)?),
    };
    let log = match how.log {
        Some(number) => Some(sibling(whole.content, &how.members, number)?),
        None => None,
    };
    let whole = Whole {
        content: unpacked.as_ref().map_or(whole.content, |bytes| bytes.as_slice()),
        log: match how.members.is_empty() {
            true => whole.log,
            false => log.as_ref().map(|bytes| bytes.as_slice()),
        },
    };
    let content = whole.content;
    let ranges = |pairs: &[(u64, u64)]| {
        let ranges: Vec<Range<u64>> = pairs.iter().map(|&(start, end)| start..end).collect();
        parts(content, &ranges).map(|parts| parts.into_iter().map(<[u8]>::to_vec).collect())
    };
    let bytes = match &how.derived {
        Some(derived) if format.is_database() => {
            kept.open(format, &how.members, whole);
            return kept.derive(&how.members, derived);
        }
        Some(derived) => format.derive(whole, derived, password)?,
        None if how.bytes.is_empty() => return None,
        None => {
            let parts: Vec<Vec<u8>> = ranges(&how.bytes)?;
            Zeroizing::new(parts.concat())
        }
    };
    let frame: Vec<Vec<u8>> = ranges(&how.frame)?;
    Some(Taken { frame: frame.into_iter().map(Zeroizing::new).collect(), bytes })
}

/// Where in a whole file a record is that has no bytes of its own in it.
#[derive(Serialize, Deserialize)]
struct How {
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    bytes: Vec<(u64, u64)>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    derived: Option<ByteBuf>,
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    frame: Vec<(u64, u64)>,
    /// The number of the write-ahead log that lies beside the last member.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    log: Option<u32>,
    /// The numbers of the members, in the order in which they lie in their zip.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<u32>,
}

impl How {
    fn derived(members: &[u32], how: &[u8]) -> Self {
        let derived = Some(ByteBuf::from(how));
        let members = members.to_vec();
        Self { bytes: Vec::new(), derived, frame: Vec::new(), log: None, members }
    }

    fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }
}

impl Kept {
    fn open(&mut self, format: Format, way: &[u32], whole: Whole<'_>) {
        let database = Opened::new(format, whole).ok();
        self.database = database.map(|database| (way.to_vec(), database));
    }

    fn derive(&self, way: &[u32], how: &[u8]) -> Option<Taken> {
        let (_, database) = self.database.as_ref().filter(|(known, _)| known == way)?;
        database.derive(how)
    }
}

/// The way to a member of a zip, from the outermost one.
#[derive(Clone, Default)]
struct Way {
    numbers: Vec<u32>,
    names: Vec<String>,
    /// The number of the log beside the member.
    log: Option<u32>,
}

/// The format that content is in. People, events, messages and visits are also kept in databases and
/// in archives, which are of their kind and of another form.
fn format_of(found: &Recognised, head: &[u8]) -> Option<Format> {
    let is_text = archive::container(head).is_none() && database::recognise(head).is_none();
    match found.kind {
        Kind::Contact if database::is_database(head) => Some(Format::AddressBook),
        Kind::Event if database::is_database(head) => Some(Format::CalendarDatabase),
        Kind::Contact | Kind::Event | Kind::Mail | Kind::Bookmark | Kind::History if !is_text => {
            None
        }
        kind => Format::of(kind),
    }
}

/// Whether a file that begins with `head` is a database of which [`sheets`] wants the log.
pub fn has_log(found: &Recognised, head: &[u8]) -> bool {
    in_file(found, head).is_some_and(Format::is_database)
}

/// The format of the records in content that is a whole file.
fn in_file(found: &Recognised, head: &[u8]) -> Option<Format> {
    format_of(found, head).filter(|format| *format != Format::Pictures)
}

fn is_zip(found: &Recognised, head: &[u8]) -> bool {
    matches!(found.kind, Kind::File | Kind::Contact | Kind::Event | Kind::Mail)
        && found.doubt.is_none()
        && matches!(archive::container(head), Some(Container::Zip))
}

fn scan(
    format: Format,
    whole: Whole<'_>,
    password: Option<&str>,
    sheets: &mut Sheets,
) -> Option<Sheet> {
    let mut records = Vec::new();
    let scanned = format.scan_whole(whole, &mut |record| {
        records.push(record);
        Ok(())
    });
    // Memory can be read.
    let scanned = scanned.ok()?;
    if let (Format::Certificates, Some(password)) = (format, password) {
        let outer = records.len();
        let lack = certificates::scan_inside(whole.content, password, &mut |it| records.push(it));
        sheets.omissions.lacks.extend(lack);
        let (outer, inside) = records.split_at_mut(outer);
        if let [store] = outer {
            certificates::know_by(store, inside, lack);
        }
    }
    sheets.notes.extend(scanned.notes);
    sheets.omissions.join(scanned.omissions);
    let frame = scanned.frame;
    (!records.is_empty()).then_some(Sheet { members: Vec::new(), format, frame, records })
}

/// The records of all members of a zip.
fn members(
    content: &[u8],
    budget: &Budget,
    way: &mut Way,
    sheets: &mut Sheets,
) -> Result<(), Blocked> {
    let zip = content;
    let mut logs = Logs::default();
    each_member(zip, budget, &mut |number, name, mut content| {
        let mut bytes = Zeroizing::new(Vec::new());
        content.fill(&mut bytes, PROBE_SIZE)?;
        let found = super::recognise(&bytes, content.length);
        let is_zip = is_zip(&found, &bytes) && way.numbers.len() + 1 < DEPTH_MAX;
        let format = format_of(&found, &bytes);
        if !is_zip && format.is_none() {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(bytes) = whole(bytes, &mut content)? else {
            sheets.notes.push(TOO_LONG);
            return Ok(ControlFlow::Continue(()));
        };
        way.numbers.push(number);
        way.names.push(String::from_utf8_lossy(name).into_owned());
        match format {
            Some(format) => {
                let log = match format.is_database() {
                    true => logs.find(zip, name, budget, &mut sheets.notes)?,
                    false => None,
                };
                way.log = log.as_ref().map(|(number, _)| *number);
                let log = log.as_ref().map(|(_, bytes)| bytes.as_slice());
                sheets.take_member(format, Whole { content: &bytes, log }, way);
                way.log = None;
            }
            None => members(&bytes, budget, way, sheets)?,
        }
        way.numbers.pop();
        way.names.pop();
        Ok(ControlFlow::Continue(()))
    })
}

impl Sheets {
    /// Takes the records of a member: to read one, the member is unpacked again.
    fn take_member(&mut self, format: Format, whole: Whole<'_>, way: &Way) {
        let Some(mut sheet) = scan(format, whole, None, self) else { return };
        let frame = pairs(&std::mem::take(&mut sheet.frame));
        for record in &mut sheet.records {
            let how = match &record.locator {
                Locator::Derived(how) => How { log: way.log, ..How::derived(&way.numbers, how) },
                Locator::Bytes(ranges) => How {
                    bytes: pairs(ranges),
                    derived: None,
                    frame: frame.clone(),
                    log: None,
                    members: way.numbers.clone(),
                },
            };
            record.locator = Locator::Derived(how.encode());
        }
        sheet.members.clone_from(&way.names);
        self.sheets.push(sheet);
    }
}

/// The number of a member that is a write-ahead log, and its bytes.
type Log = (u32, Zeroizing<Vec<u8>>);

/// The write-ahead logs among the members of a zip.
#[derive(Default)]
struct Logs {
    /// Their numbers by the names of their databases, once somebody asked.
    numbers: Option<BTreeMap<Vec<u8>, u32>>,
    read: u32,
}

impl Logs {
    /// The number and the bytes of the log that lies beside the member of that name.
    fn find(
        &mut self,
        zip: &[u8],
        name: &[u8],
        budget: &Budget,
        notes: &mut Vec<&'static str>,
    ) -> Result<Option<Log>, Blocked> {
        if self.numbers.is_none() {
            let mut numbers = BTreeMap::new();
            each_member(zip, budget, &mut |number, name, _| {
                if let Some(name) = name.strip_suffix(LOG_END) {
                    numbers.entry(name.to_vec()).or_insert(number);
                }
                Ok(ControlFlow::Continue(()))
            })?;
            self.numbers = Some(numbers);
        }
        let number = self.numbers.as_ref().and_then(|numbers| numbers.get(name));
        let Some(&number) = number else { return Ok(None) };
        self.read += 1;
        if self.read > LOGS_MAX {
            notes.push(TOO_MANY_LOGS);
            return Ok(None);
        }
        let bytes = numbered(zip, number, budget)?;
        if bytes.is_none() {
            notes.push(TOO_LONG);
        }
        Ok(bytes.map(|bytes| (number, bytes)))
    }
}

fn pairs(ranges: &[Range<u64>]) -> Vec<(u64, u64)> {
    ranges.iter().map(|range| (range.start, range.end)).collect()
}

/// The member at the end of the way that these numbers are.
fn member(content: &[u8], numbers: &[u32]) -> Option<Zeroizing<Vec<u8>>> {
    let (&wanted, deeper) = numbers.split_first()?;
    let found = numbered(content, wanted, &Budget::new()).ok()??;
    if deeper.is_empty() { Some(found) } else { member(&found, deeper) }
}

/// The member of that number beside the one at the end of the way that these numbers are.
fn sibling(content: &[u8], numbers: &[u32], number: u32) -> Option<Zeroizing<Vec<u8>>> {
    let (_, folder) = numbers.split_last()?;
    member(content, &[folder, &[number]].concat())
}

/// The member of a zip of that number; none if it is too long or there is none.
fn numbered(
    zip: &[u8],
    wanted: u32,
    budget: &Budget,
) -> Result<Option<Zeroizing<Vec<u8>>>, Blocked> {
    let mut found = None;
    each_member(zip, budget, &mut |number, _, mut content| {
        if number != wanted {
            return Ok(ControlFlow::Continue(()));
        }
        found = whole(Zeroizing::default(), &mut content)?;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// Sees a member of a zip: its number, its name and what it holds.
type LookAt<'a> = dyn FnMut(u32, &[u8], Content<'_>) -> Result<ControlFlow<()>, Blocked> + 'a;

/// Shows each member of a zip.
fn each_member(zip: &[u8], budget: &Budget, look: &mut LookAt<'_>) -> Result<(), Blocked> {
    let mut file = Cursor::new(zip);
    let mut content = Content::seekable(&mut file, zip.len() as u64, budget);
    let mut number = 0_u32;
    zip::each(&mut content, &mut |name, member| {
        let flow = look(number, name, member);
        number = number.saturating_add(1);
        flow
    })
}

/// The rest of a member, behind the `bytes` of it that were read; none of one that is too long.
fn whole(
    mut bytes: Zeroizing<Vec<u8>>,
    content: &mut Content<'_>,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let wanted = usize::try_from(CONTENT_MAX).unwrap_or(usize::MAX).saturating_add(1);
    content.fill(&mut bytes, wanted)?;
    Ok((bytes.len() < wanted).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::kinds::recognise;

    fn sample(name: &str) -> Vec<u8> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/icloud-export");
        fs::read(data.join(name)).unwrap()
    }

    fn sheets_of(content: &[u8], password: Option<&str>) -> Sheets {
        sheets(&recognise(content, content.len() as u64), Whole::from(content), password)
    }

    /// Each record, taken out by itself, is a file that holds it and nothing else.
    fn taken_one_by_one(content: &[u8], sheet: &Sheet, password: Option<&str>) {
        let mut kept = Kept::default();
        for record in &sheet.records {
            let Locator::Derived(how) = &record.locator else { continue };
            let taken = take(sheet.format, content.into(), how, password, &mut kept).unwrap();
            let frame: Vec<&[u8]> = taken.frame.iter().map(|part| part.as_slice()).collect();
            let file = sheet.format.write(&frame, &[&taken.bytes]).unwrap();
            let again = sheets_of(&file, None);
            let [only] = again.sheets.as_slice() else { panic!("{}", record.title) };
            let found: Vec<_> = only.records.iter().map(|found| &found.title).collect();
            assert!(found.len() == 1 && record.title.contains(found[0]), "{found:?}");
            assert_eq!(only.records[0].essence, record.essence, "{}", record.title);
        }
    }

    #[test]
    fn records_in_zips_come_out_of_them() {
        let content = sample("Passwords/Everything.zip");
        let found = sheets_of(&content, None);
        let members: Vec<_> = found.sheets.iter().map(|sheet| sheet.members.clone()).collect();
        assert!(members.contains(&vec!["inner/Old.zip".to_owned(), "Passwords.csv".to_owned()]));
        let plain = sheets_of(&sample("Passwords/Passwords.csv"), None);
        let inner = found.sheets.iter().find(|sheet| sheet.members.len() == 2).unwrap();
        let titles = |sheet: &Sheet| {
            sheet.records.iter().map(|record| record.title.clone()).collect::<Vec<_>>()
        };
        assert_eq!(titles(inner), titles(&plain.sheets[0]));
        for sheet in &found.sheets {
            taken_one_by_one(&content, sheet, None);
        }
    }

    #[test]
    fn pictures_in_zips_are_records_and_files_are_none() {
        let picture = sample("Photos/IMG_4821.HEIC");
        let found = recognise(&picture, picture.len() as u64);
        assert!(!has_records(&found, &picture));
        assert!(sheets(&found, picture.as_slice().into(), None).sheets.is_empty());

        let content = sample("Take-out/iCloud Photos Part 3 of 3.zip");
        let found = sheets_of(&content, None);
        assert!(found.notes.is_empty());
        let [first, .., last] = found.sheets.as_slice() else { panic!("pictures") };
        assert_eq!(first.members, ["iCloud Photos Part 3 of 3/Photos/IMG_0740.JPG"]);
        assert_eq!(last.members.len(), 2);
        for sheet in &found.sheets {
            let [record] = sheet.records.as_slice() else { panic!("one picture") };
            assert_eq!((sheet.format, record.kind), (Format::Pictures, Kind::Photo));
            assert_eq!(record.user, "Apple iPhone 98");
            let Locator::Derived(how) = &record.locator else { panic!("in a zip") };
            let taken =
                take(sheet.format, content.as_slice().into(), how, None, &mut Kept::default())
                    .unwrap();
            let mut records = Vec::new();
            let mut each = |record| {
                records.push(record);
                Ok(())
            };
            sheet.format.scan(&mut Cursor::new(taken.bytes.as_slice()), &mut each).unwrap();
            assert!(records.len() == 1 && records[0].essence == record.essence);
        }
    }

    /// A zip whose members are not compressed.
    #[cfg(feature = "sqlite")]
    fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let (mut zip, mut directory) = (Vec::new(), Vec::new());
        for (name, bytes) in members {
            let mut crc = crc32fast::Hasher::new();
            crc.update(bytes);
            let [size, length] = [number(bytes.len()), number(name.len())];
            let about =
                [&[0; 10], &crc.finalize().to_le_bytes()[..], &size, &size, &length].concat();
            directory.extend([b"PK\x01\x02\x14\0\x14\0", &about[2..], &[0; 10]].concat());
            directory.extend(number(zip.len()));
            directory.extend(name.as_bytes());
            zip.extend([b"PK\x03\x04\x14\0", &about[2..], name.as_bytes(), bytes].concat());
        }
        let count = &number(members.len())[..2];
        let [start, size] = [number(zip.len()), number(directory.len())];
        zip.extend(directory);
        zip.extend([b"PK\x05\x06\0\0\0\0", count, count, &size, &start, &[0; 2]].concat());
        zip
    }

    /// Of the people of a zipped bundle some are in the log of their database only.
    #[cfg(feature = "sqlite")]
    #[test]
    fn a_log_in_a_zip_belongs_to_its_database() {
        let path = "Contacts/Contacts.abbu/Sources/9E52D719-D6F0-5D1A-B8BA-0BE5D417A5FD/";
        let path = format!("{path}AddressBook-v22.abcddb");
        let (database, log) = (sample(&path), sample(&format!("{path}-wal")));
        let members: [(&str, &[u8]); 4] =
            [("a/x-wal", &log), ("b/x-wal", b"no log"), ("a/x", &database), ("b/x", &database)];
        for inner in [false, true] {
            let mut content = zip_of(&members);
            if inner {
                content = zip_of(&[("x-wal", b""), ("in.zip", &content)]);
            }
            let found = sheets_of(&content, None);
            let [sheet] = found.sheets.as_slice() else { panic!("one database with people") };
            assert_eq!((sheet.format, sheet.records.len()), (Format::AddressBook, 3));
            assert_eq!(sheet.members.last().unwrap(), "a/x");
            taken_one_by_one(&content, sheet, None);
            // Beside the database and not in it: the same people.
            let whole = Whole { content: &database, log: Some(&log) };
            let found = recognise(&database, database.len() as u64);
            let beside = sheets(&found, whole, None);
            for (one, other) in beside.sheets[0].records.iter().zip(&sheet.records) {
                assert!(one.essence == other.essence && one.identity == other.identity);
                let Locator::Derived(how) = &one.locator else { panic!("bytes") };
                let mut kept = Kept::default();
                for _ in 0..2 {
                    assert!(take(Format::AddressBook, whole, how, None, &mut kept).is_some());
                }
                let alone = Whole::from(database.as_slice());
                let gone = take(Format::AddressBook, alone, how, None, &mut Kept::default());
                assert!(gone.is_none());
            }
        }
        let content = sample("Contacts/Contacts backup.abbu.zip");
        let found = sheets_of(&content, None);
        assert_eq!(found.sheets.len(), 1);
        taken_one_by_one(&content, &found.sheets[0], None);
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn events_of_a_database_in_a_zip_come_with_their_zones() {
        let database = sample("Calendars/All (newer macOS).icbu/Calendar.sqlitedb");
        let content = zip_of(&[("All.icbu/Calendar.sqlitedb", &database)]);
        for content in [&database, &content] {
            let found = sheets_of(content, None);
            let [sheet] = found.sheets.as_slice() else {
                panic!("one database: {:?}", found.notes)
            };
            assert_eq!(sheet.format, Format::CalendarDatabase);
            taken_one_by_one(content, sheet, None);
            let Locator::Derived(how) = &sheet.records[0].locator else { panic!("bytes") };
            let whole = content.as_slice().into();
            let taken = take(sheet.format, whole, how, None, &mut Kept::default()).unwrap();
            assert!(taken.frame[0].starts_with(b"BEGIN:VCALENDAR"));
        }
    }

    #[cfg(feature = "pkcs12")]
    #[test]
    fn what_is_in_a_store_comes_out_of_it() {
        let content = sample("Keys/Jordan Example.p12");
        let closed = sheets_of(&content, Some("wrong"));
        assert_eq!(closed.sheets[0].records.len(), 1);
        let opened = sheets_of(&content, Some("correct horse"));
        assert!(opened.sheets[0].records.len() > 2);
        taken_one_by_one(&content, &opened.sheets[0], Some("correct horse"));
        let Locator::Derived(how) = &opened.sheets[0].records[1].locator else { panic!("bytes") };
        let content = content.as_slice().into();
        assert!(take(Format::Certificates, content, how, None, &mut Kept::default()).is_none());
    }

    #[test]
    fn no_other_way_leads_anywhere() {
        let content = sample("Passwords/Everything.zip");
        let how = |members: &[u32], bytes: &[(u64, u64)], frame: &[(u64, u64)]| {
            How {
                bytes: bytes.to_vec(),
                derived: None,
                frame: frame.to_vec(),
                log: None,
                members: members.to_vec(),
            }
            .encode()
        };
        for wrong in [
            how(&[999], &[(0, 1)], &[]),
            how(&[0, 0, 0, 0, 0, 0], &[(0, 1)], &[]),
            how(&[], &[(0, u64::MAX)], &[]),
            how(&[], &[(5, 4)], &[]),
            how(&[], &[(0, 1)], &[(u64::MAX, 0)]),
            How::derived(&[], b"payload 1").encode(),
            b"\xff\xff".to_vec(),
            Vec::new(),
        ] {
            for format in Format::ALL {
                let taken =
                    take(format, content.as_slice().into(), &wrong, None, &mut Kept::default());
                assert!(taken.is_none(), "{wrong:?}");
            }
        }
    }

    #[test]
    fn damaged_zips_have_an_answer() {
        let content = sample("Passwords/Everything.zip");
        let mut seed = 0x7A69_7070_u64;
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below as u64).unwrap()
        };
        for _ in 0..10_000 {
            let mut damaged = content.clone();
            for _ in 0..=random(3) {
                let at = random(damaged.len());
                match random(3) {
                    0 => damaged.truncate(at + 1),
                    1 => damaged[at] = u8::try_from(random(256)).unwrap(),
                    _ => damaged[at] ^= 1 << random(8),
                }
            }
            let found = sheets_of(&damaged, None);
            for (sheet, record) in
                found.sheets.iter().flat_map(|s| s.records.iter().map(move |r| (s, r)))
            {
                if let Locator::Derived(how) = &record.locator {
                    let content = damaged.as_slice().into();
                    assert!(take(sheet.format, content, how, None, &mut Kept::default()).is_some());
                }
            }
        }
    }
}
