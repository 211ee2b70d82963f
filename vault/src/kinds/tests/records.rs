//! What the tests of every format ask of the records of a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use crate::kinds::{Field, Format, Locator, Quality, Record, Scanned, parts};

/// The two sample exports.
pub(in crate::kinds) const EXPORTS: [&str; 2] = ["icloud-export", "icloud-export-a-month-later"];
/// Most parts of a frame.
const FRAME_MAX: usize = 32;

/// A file of a sample export.
pub(in crate::kinds) fn sample(export: &str, path: &str) -> Vec<u8> {
    fs::read(samples().join(export).join(path)).unwrap()
}

fn samples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data")
}

/// The files below a folder of both sample exports that have this ending, by their paths.
pub(in crate::kinds) fn all_samples(folder: &str, ending: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = EXPORTS.map(|export| samples().join(export).join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push((path.to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found.sort();
    found
}

/// The records of a file, which lie in it beside each other and beside the frame.
pub(in crate::kinds) fn scanned(format: Format, bytes: &[u8]) -> (Scanned, Vec<Record>) {
    let mut records = Vec::new();
    let scanned = format.scan(&mut Cursor::new(bytes), &mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.unwrap();
    assert_eq!(scanned.records, records.len() as u64);
    assert!(scanned.frame.len() <= FRAME_MAX);
    assert!(scanned.frame.windows(2).all(|two| two[0].end < two[1].start));
    let mut places = scanned.frame.clone();
    for record in &records {
        assert!(!ranges(record).is_empty());
        assert!(ranges(record).windows(2).all(|two| two[0].end < two[1].start));
        places.extend_from_slice(ranges(record));
    }
    places.sort_by_key(|range| range.start);
    let mut end = 0;
    for Range { start, end: after } in places {
        assert!(end <= start && start < after && after <= bytes.len() as u64);
        end = after;
    }
    (scanned, records)
}

pub(in crate::kinds) fn ranges(record: &Record) -> &[Range<u64>] {
    let Locator::Bytes(ranges) = &record.locator else { panic!("a record without bytes") };
    ranges
}

/// The exact bytes of a record.
pub(in crate::kinds) fn bytes_of(file: &[u8], record: &Record) -> Vec<u8> {
    parts(file, ranges(record)).unwrap().concat()
}

/// The fields of every record of a file.
pub(in crate::kinds) fn all_fields(format: Format, file: &[u8]) -> Vec<Vec<Field>> {
    let (scanned, records) = scanned(format, file);
    let frame = parts(file, &scanned.frame).unwrap();
    records.iter().map(|record| format.fields(&frame, &bytes_of(file, record))).collect()
}

/// A file of some of the records of a file.
pub(in crate::kinds) fn written(
    format: Format,
    file: &[u8],
    wanted: &dyn Fn(&Record) -> bool,
) -> Vec<u8> {
    let (scanned, records) = scanned(format, file);
    let frame = parts(file, &scanned.frame).unwrap();
    let records: Vec<Vec<u8>> = records
        .iter()
        .filter(|record| wanted(record))
        .map(|record| bytes_of(file, record))
        .collect();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    format.write(&frame, &records).unwrap().to_vec()
}

/// The value of the first field of that name.
pub(in crate::kinds) fn value<'a>(fields: &'a [Field], name: &str) -> &'a str {
    fields.iter().find(|field| field.name == name).map_or("", |field| &field.value)
}

pub(in crate::kinds) fn by_title<'a>(records: &'a [Record], title: &str) -> &'a Record {
    records.iter().find(|record| record.title == title).unwrap()
}

/// What does not depend on the order of records: by identity what each says, and its title.
pub(in crate::kinds) type Told = BTreeMap<(Quality, Vec<u8>), (Vec<u8>, String)>;

pub(in crate::kinds) fn told(records: &[Record]) -> Told {
    let told = records.iter().map(|record| {
        let identity = (record.identity.quality, record.identity.bytes.to_vec());
        (identity, (record.essence.to_vec(), record.title.clone()))
    });
    let all: Told = told.collect();
    assert_eq!(all.len(), records.len(), "two records have one identity");
    all
}

/// The titles of what was added, removed and changed.
pub(in crate::kinds) fn difference(before: &[Record], after: &[Record]) -> [Vec<String>; 3] {
    let (before, after) = (told(before), told(after));
    let only = |these: &Told, those: &Told| {
        let mut titles: Vec<String> = these
            .iter()
            .filter(|(identity, _)| !those.contains_key(*identity))
            .map(|(_, (_, title))| title.clone())
            .collect();
        titles.sort();
        titles
    };
    let mut changed: Vec<String> = before
        .iter()
        .filter_map(|(identity, (essence, title))| {
            let (now, new) = after.get(identity).filter(|(now, _)| now != essence)?;
            assert_ne!(now, essence);
            Some(if new == title { title.clone() } else { format!("{title} -> {new}") })
        })
        .collect();
    changed.sort();
    [only(&after, &before), only(&before, &after), changed]
}

/// No difference at all.
pub(in crate::kinds) fn assert_same(before: &[Record], after: &[Record], of: &str) {
    assert_eq!(difference(before, after), [const { Vec::<String>::new() }; 3], "{of}");
    assert_eq!(before.len(), after.len(), "{of}");
}

/// Numbers that are the same every time (xorshift).
pub(in crate::kinds) struct Random(pub(in crate::kinds) u64);

impl Random {
    pub(in crate::kinds) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// In another order.
    pub(in crate::kinds) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }

    /// A copy of a file with up to four things wrong with it.
    pub(in crate::kinds) fn damaged(&mut self, file: &[u8], liked: &[&[u8]]) -> Vec<u8> {
        let mut damaged = file.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(damaged.len());
            let liked = liked[self.below(liked.len())];
            match self.below(6) {
                0 => damaged.truncate(at + 1),
                1 => drop(damaged.splice(at..at, liked.iter().copied())),
                2 => drop(damaged.splice(at..damaged.len().min(at + 9), liked.iter().copied())),
                3 => drop(damaged.drain(at..damaged.len().min(at + 40))),
                4 => {
                    let piece = damaged[at..damaged.len().min(at + 200)].to_vec();
                    let to = self.below(damaged.len());
                    drop(damaged.splice(to..to, piece));
                }
                _ => {
                    if let Some(byte) = damaged.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
        damaged
    }
}

/// A text in UTF-16 with its mark.
pub(in crate::kinds) fn utf16(text: &[u8], pair: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = format!("\u{feff}{}", str::from_utf8(text).unwrap());
    text.encode_utf16().flat_map(pair).collect()
}

/// A file that is made while it is read: a start, a middle that repeats, an end.
pub(in crate::kinds) struct Made {
    pub(in crate::kinds) start: Vec<u8>,
    pub(in crate::kinds) middle: Vec<u8>,
    pub(in crate::kinds) middle_size: u64,
    pub(in crate::kinds) end: Vec<u8>,
    pub(in crate::kinds) at: u64,
}

impl Made {
    fn length(&self) -> u64 {
        self.start.len() as u64 + self.middle_size + self.end.len() as u64
    }
}

impl Read for Made {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let start = self.start.len() as u64;
        let middle_end = start + self.middle_size;
        let (from, within, end) = match self.at {
            at if at < start => (&self.start, at, start),
            at if at < middle_end => {
                (&self.middle, (at - start) % self.middle.len() as u64, middle_end)
            }
            at => (&self.end, at - middle_end, self.length()),
        };
        let part = from.get(usize::try_from(within).unwrap()..).unwrap_or_default();
        let left = usize::try_from(end - self.at).unwrap();
        let size = part.len().min(bytes.len()).min(left);
        bytes[..size].copy_from_slice(&part[..size]);
        self.at += size as u64;
        Ok(size)
    }
}

impl Seek for Made {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(_) => self.length(),
            SeekFrom::Current(by) => self.at.checked_add_signed(by).unwrap(),
        };
        Ok(self.at)
    }
}
