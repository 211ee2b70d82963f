//! The records of a whole file, those in the zips in it too, and one of them taken out again.

use std::io::{self, Cursor, Read};
use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use super::archive::{self, Container};
use super::content::{Blocked, Budget, Content, TOO_MUCH};
use super::{
    Format, Kind, Locator, PROBE_SIZE, Recognised, Record, Scanned, certificates, database, health,
    parts, zip,
};
use crate::wire;

/// The longest content that is held to be looked through, in bytes.
pub const CONTENT_MAX: u64 = 64 << 20;

/// How many zips lie one in the other.
const DEPTH_MAX: usize = 4;
/// The longest encoding of where a record is.
const HOW_MAX: usize = 65_536;

const TOO_LONG: &str = "longer than 64 MiB, not looked through";

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
}

/// One record, and what it needs beside its own bytes.
pub struct Taken {
    /// The bytes of the frame.
    pub frame: Vec<Zeroizing<Vec<u8>>>,
    /// The bytes of the record.
    pub bytes: Zeroizing<Vec<u8>>,
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

/// Takes a record out of content of any length, whose `part` at a range is asked for; none where
/// the format needs all of it at once, which [`take`] has.
///
/// # Errors
/// When `content` cannot be read, and what `part` answers.
pub fn take_streamed(
    format: Format,
    content: &mut impl Read,
    how: &[u8],
    part: &mut dyn FnMut(&Range<u64>) -> io::Result<Zeroizing<Vec<u8>>>,
) -> io::Result<Option<Taken>> {
    let how = wire::decode::<How>(how, HOW_MAX).ok().and_then(|how| how.derived);
    let (Format::Health, Some(how)) = (format, how) else { return Ok(None) };
    let places = health::places(content, &how)?;
    let parts = places.iter().map(part).collect::<io::Result<Vec<_>>>()?;
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    Ok(health::join(&parts).map(|bytes| Taken { frame: Vec::new(), bytes }))
}

/// The records of a file that [`has_records`]. `password` opens the PKCS#12 store that it is.
pub fn sheets(found: &Recognised, content: &[u8], password: Option<&str>) -> Sheets {
    let mut sheets = Sheets::default();
    match in_file(found, content) {
        Some(format) => {
            if let Some(mut sheet) = scan(format, content, password, &mut sheets.notes) {
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

/// Takes a record out of the whole file that has it; none if it has none there.
pub fn take(format: Format, content: &[u8], how: &[u8], password: Option<&str>) -> Option<Taken> {
    let how: How = wire::decode(how, HOW_MAX).ok()?;
    let unpacked = match how.members.is_empty() {
        true => None,
        false => Some(member(content, &how.members)?),
    };
    let content = unpacked.as_ref().map_or(content, |bytes| bytes.as_slice());
    let ranges = |pairs: &[(u64, u64)]| {
        let ranges: Vec<Range<u64>> = pairs.iter().map(|&(start, end)| start..end).collect();
        parts(content, &ranges).map(|parts| parts.into_iter().map(<[u8]>::to_vec).collect())
    };
    let bytes = match &how.derived {
        Some(derived) => format.derive(content, derived, password)?,
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
    /// The numbers of the members, in the order in which they lie in their zip.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<u32>,
}

impl How {
    fn derived(members: &[u32], how: &[u8]) -> Self {
        let derived = Some(ByteBuf::from(how));
        Self { bytes: Vec::new(), derived, frame: Vec::new(), members: members.to_vec() }
    }

    fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }
}

/// The way to a member of a zip, from the outermost one.
#[derive(Clone, Default)]
struct Way {
    numbers: Vec<u32>,
    names: Vec<String>,
}

/// The format that content is in. People, events, messages and visits are also kept in databases and
/// in archives, which are of their kind and of another form.
fn format_of(found: &Recognised, head: &[u8]) -> Option<Format> {
    let is_text = archive::container(head).is_none() && database::recognise(head).is_none();
    let is_of_form = match found.kind {
        Kind::Contact | Kind::Event | Kind::Mail | Kind::Bookmark | Kind::History => is_text,
        _ => true,
    };
    Format::of(found.kind).filter(|_| is_of_form)
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
    content: &[u8],
    password: Option<&str>,
    notes: &mut Vec<&'static str>,
) -> Option<Sheet> {
    let mut records = Vec::new();
    let scanned = format.scan(&mut Cursor::new(content), &mut |record| {
        records.push(record);
        Ok(())
    });
    // Memory can be read.
    let scanned = scanned.ok()?;
    if let (Format::Certificates, Some(password)) = (format, password) {
        certificates::scan_inside(content, password, &mut |record| records.push(record));
    }
    notes.extend(scanned.notes);
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
    each_member(content, budget, &mut |number, name, mut content| {
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
            Some(format) => sheets.take_member(format, &bytes, way),
            None => members(&bytes, budget, way, sheets)?,
        }
        way.numbers.pop();
        way.names.pop();
        Ok(ControlFlow::Continue(()))
    })
}

impl Sheets {
    /// Takes the records of a member: to read one, the member is unpacked again.
    fn take_member(&mut self, format: Format, content: &[u8], way: &Way) {
        let Some(mut sheet) = scan(format, content, None, &mut self.notes) else { return };
        let frame = pairs(&std::mem::take(&mut sheet.frame));
        for record in &mut sheet.records {
            let how = match &record.locator {
                Locator::Derived(how) => How::derived(&way.numbers, how),
                Locator::Bytes(ranges) => How {
                    bytes: pairs(ranges),
                    derived: None,
                    frame: frame.clone(),
                    members: way.numbers.clone(),
                },
            };
            record.locator = Locator::Derived(how.encode());
        }
        sheet.members.clone_from(&way.names);
        self.sheets.push(sheet);
    }
}

fn pairs(ranges: &[Range<u64>]) -> Vec<(u64, u64)> {
    ranges.iter().map(|range| (range.start, range.end)).collect()
}

/// The member at the end of the way that these numbers are.
fn member(content: &[u8], numbers: &[u32]) -> Option<Zeroizing<Vec<u8>>> {
    let (&wanted, deeper) = numbers.split_first()?;
    let mut found = None;
    let budget = Budget::new();
    let looked = each_member(content, &budget, &mut |number, _, mut content| {
        if number != wanted {
            return Ok(ControlFlow::Continue(()));
        }
        found = whole(Zeroizing::default(), &mut content)?;
        Ok(ControlFlow::Break(()))
    });
    let found = found.filter(|_| looked.is_ok())?;
    if deeper.is_empty() { Some(found) } else { member(&found, deeper) }
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
        sheets(&recognise(content, content.len() as u64), content, password)
    }

    /// Each record, taken out by itself, is a file that holds it and nothing else.
    fn taken_one_by_one(content: &[u8], sheet: &Sheet, password: Option<&str>) {
        for record in &sheet.records {
            let Locator::Derived(how) = &record.locator else { continue };
            let taken = take(sheet.format, content, how, password).unwrap();
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
        assert!(sheets(&found, &picture, None).sheets.is_empty());

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
            let taken = take(sheet.format, &content, how, None).unwrap();
            let mut records = Vec::new();
            let mut each = |record| {
                records.push(record);
                Ok(())
            };
            sheet.format.scan(&mut Cursor::new(taken.bytes.as_slice()), &mut each).unwrap();
            assert!(records.len() == 1 && records[0].essence == record.essence);
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
        assert!(take(Format::Certificates, &content, how, None).is_none());
    }

    #[test]
    fn no_other_way_leads_anywhere() {
        let content = sample("Passwords/Everything.zip");
        let how = |members: &[u32], bytes: &[(u64, u64)], frame: &[(u64, u64)]| {
            How {
                bytes: bytes.to_vec(),
                derived: None,
                frame: frame.to_vec(),
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
                assert!(take(format, &content, &wrong, None).is_none(), "{wrong:?}");
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
                    assert!(take(sheet.format, &damaged, how, None).is_some());
                }
            }
        }
    }
}
