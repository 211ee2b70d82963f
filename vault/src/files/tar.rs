//! Trees as tar archives, the way in and out for every other program.
//!
//! What a plain header has no room for stands in pax records before it, `LENGTH KEY=VALUE\n`:
//!
//! | key | value |
//! |---|---|
//! | `path`, `linkpath` | names that are long or not ASCII; with `hdrcharset=BINARY` before them when no UTF-8 |
//! | `size` | lengths from 8 GiB on |
//! | `mtime`, `LIBARCHIVE.creationtime` | times as decimal fractions |
//! | `SCHILY.xattr.NAME` | an extended attribute; `%` and `=` in its name are `%25` and `%3D` |
//!
//! Headers are read and made by the crate `tar`. Its own reader takes records apart at line ends,
//! which a value may hold, so they are read here by their lengths.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use super::walk::{Entry, FileType, Unread};
use super::xattrs::Xattrs;
use super::{Attributes, ItemPath, Time, refused};
use crate::error::{Error, Result};
use crate::format::XATTRS_MAX;

/// The size of a header, and what everything is padded to.
const BLOCK_SIZE: usize = 512;
/// The longest list of pax records or long name that is read.
const RECORDS_MAX: u64 = XATTRS_MAX as u64 + (1 << 20);
/// The first length that a plain header cannot hold.
const LENGTH_LIMIT: u64 = 1 << 33;

/// The most regions of a sparse file, and the longest: its holes are read as zeros.
const REGIONS_MAX: u64 = 1 << 20;
const SPARSE_MAX: u64 = 1 << 40;

const XATTR: &str = "SCHILY.xattr.";
const BIRTH: &str = "LIBARCHIVE.creationtime";

/// Writes an archive.
pub struct TarWriter<W> {
    to: W,
}

impl<W: Write> TarWriter<W> {
    /// Writes to `to`.
    pub fn new(to: W) -> Self {
        Self { to }
    }

    /// A folder.
    pub fn folder(&mut self, path: &ItemPath, attributes: &Attributes) -> io::Result<()> {
        let path = [path.to_display(), b"/".to_vec()].concat();
        self.header(EntryType::Directory, &path, b"", 0, attributes)
    }

    /// A link.
    pub fn link(
        &mut self,
        path: &ItemPath,
        points_to: &[u8],
        attributes: &Attributes,
    ) -> io::Result<()> {
        self.header(EntryType::Symlink, &path.to_display(), points_to, 0, attributes)
    }

    /// A file of `length` bytes, which `write` writes.
    pub fn file(
        &mut self,
        path: &ItemPath,
        length: u64,
        attributes: &Attributes,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let writing = |error| Error::io("writing the archive", error);
        self.header(EntryType::Regular, &path.to_display(), b"", length, attributes)
            .map_err(writing)?;
        write(&mut self.to)?;
        self.pad(length).map_err(writing)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[0; 2 * BLOCK_SIZE])?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn header(
        &mut self,
        entry_type: EntryType,
        path: &[u8],
        link: &[u8],
        length: u64,
        attributes: &Attributes,
    ) -> io::Result<()> {
        let mut header = Header::new_ustar();
        let mtime = attributes.mtime.unwrap_or_default();
        let mut records = Vec::new();
        let is_plain = |name: &[u8]| name.is_ascii() && name.len() < 100;
        if [path, link].iter().any(|name| str::from_utf8(name).is_err()) {
            record(&mut records, b"hdrcharset", b"BINARY");
        }
        if !is_plain(path) {
            record(&mut records, b"path", path);
        }
        if !is_plain(link) {
            record(&mut records, b"linkpath", link);
        }
        if length >= LENGTH_LIMIT {
            record(&mut records, b"size", length.to_string().as_bytes());
        }
        let is_whole = |(seconds, nanos): Time| nanos == 0 && (0..1 << 33).contains(&seconds);
        if attributes.mtime.is_some_and(|time| !is_whole(time)) {
            record(&mut records, b"mtime", decimal(mtime).as_bytes());
        }
        if let Some(birth) = attributes.birth {
            record(&mut records, BIRTH.as_bytes(), decimal(birth).as_bytes());
        }
        for (name, value) in &attributes.xattrs {
            record(&mut records, &[XATTR.as_bytes(), &escaped(name)].concat(), value);
        }
        if !records.is_empty() {
            let mut header = Header::new_ustar();
            fill(&mut header, EntryType::XHeader, b"pax", b"", records.len() as u64);
            self.to.write_all(header.as_bytes())?;
            self.to.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        header.set_mode(attributes.mode.unwrap_or(0o644));
        header.set_mtime(u64::try_from(mtime.0).unwrap_or(0).min(LENGTH_LIMIT - 1));
        fill(&mut header, entry_type, path, link, length.min(LENGTH_LIMIT - 1));
        self.to.write_all(header.as_bytes())
    }

    fn pad(&mut self, length: u64) -> io::Result<()> {
        self.to.write_all([0; BLOCK_SIZE].get(..padding(length)).unwrap_or_default())
    }
}

/// Fills what every header has. Names that do not fit are cut: a record has them whole.
fn fill(header: &mut Header, entry_type: EntryType, path: &[u8], link: &[u8], length: u64) {
    let fields = header.as_old_mut();
    for (field, name) in [(&mut fields.name, path), (&mut fields.linkname, link)] {
        for (to, from) in field.iter_mut().zip(name) {
            *to = *from;
        }
    }
    header.set_entry_type(entry_type);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(length);
    header.set_cksum();
}

/// `LENGTH KEY=VALUE\n`; the length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        records.extend_from_slice(part);
    }
}

/// Seconds since 1970 as a decimal fraction: `-0.5` is half a second before.
fn decimal((seconds, nanos): Time) -> String {
    let nanoseconds = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (whole, rest) =
        (nanoseconds.unsigned_abs() / 1_000_000_000, nanoseconds.unsigned_abs() % 1_000_000_000);
    if rest == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest:09}") }
}

/// Reads [`decimal`], with any number of digits behind the point.
fn time(text: &[u8]) -> Option<Time> {
    let text = str::from_utf8(text).ok()?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let whole: i128 = whole.parse::<u64>().ok()?.into();
    let nanoseconds = sign * (whole * 1_000_000_000 + i128::from(fraction.parse::<u32>().ok()?));
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    Some((seconds, u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?))
}

fn escaped(name: &[u8]) -> Vec<u8> {
    let escape = |&byte: &u8| match byte {
        b'%' => b"%25".to_vec(),
        b'=' => b"%3D".to_vec(),
        other => vec![other],
    };
    name.iter().flat_map(escape).collect()
}

fn unescaped(mut name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some((&first, rest)) = name.split_first() {
        let (byte, after) = match (name.strip_prefix(b"%25"), name.strip_prefix(b"%3D")) {
            (Some(after), _) => (b'%', after),
            (_, Some(after)) => (b'=', after),
            _ => (first, rest),
        };
        plain.push(byte);
        name = after;
    }
    plain
}

/// How many bytes fill up the last block.
fn padding(length: u64) -> usize {
    let over = usize::try_from(length % BLOCK_SIZE as u64).unwrap_or(0);
    if over == 0 { 0 } else { BLOCK_SIZE - over }
}

/// What a member of an archive is.
pub enum Member {
    /// An item; a file's content is read from the [`TarReader`].
    Item(Entry),
    /// Another name of a file that came before.
    HardLink(Entry, ItemPath),
}

/// Reads an archive, member by member.
pub struct TarReader<R> {
    from: R,
    /// The first header, which was read already; none in it at the end of the archive.
    first: Option<Option<Header>>,
    /// What is left of the content of the member given last, and behind it.
    left: u64,
    padding: usize,
    global: Records,
    /// Where the content of a sparse file lies; none for the others.
    regions: Option<Regions>,
}

/// The regions of a sparse file that hold data: what is between them, and behind, is zeros.
struct Regions {
    /// Offset and length, ascending; those still to come.
    left: VecDeque<(u64, u64)>,
    /// How far it was read.
    at: u64,
    /// The length of the file.
    length: u64,
}

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

impl<R: Read> TarReader<R> {
    /// Reads from `from`.
    ///
    /// # Errors
    /// When what comes first is no header: this is something else.
    pub fn open(from: R) -> Result<Self> {
        let global = Records::new();
        let mut reader = Self { from, first: None, left: 0, padding: 0, global, regions: None };
        let failed = |error| Error::io("reading the archive", error);
        let mut block = [0; BLOCK_SIZE];
        if !reader.read_block(&mut block).map_err(failed)? {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()).hint("nothing came"));
        }
        reader.first = Some(header(&block).map_err(failed)?);
        Ok(reader)
    }

    /// The next member; none at the end. What is no item of ours is told and passed over.
    ///
    /// # Errors
    /// When the archive cannot be read any further.
    pub fn next_member(&mut self) -> Result<Option<Result<Member, Unread>>> {
        self.read_member().map_err(|error| {
            Error::io("reading the archive", error).hint("what came before is stored")
        })
    }

    fn read_member(&mut self) -> io::Result<Option<Result<Member, Unread>>> {
        let mut records = self.global.clone();
        loop {
            self.skip()?;
            let Some(header) = self.read_header()? else { return Ok(None) };
            let length = match records.get(b"size".as_slice()) {
                Some(size) if !is_extension(header.entry_type()) => {
                    let size = str::from_utf8(size).ok().and_then(|size| size.parse().ok());
                    size.ok_or_else(|| broken("a size that is no number"))?
                }
                _ => header.entry_size().map_err(|_| broken("a size that is no number"))?,
            };
            self.padding = padding(length);
            self.left = length;
            match header.entry_type() {
                EntryType::XHeader => take_records(&mut records, &self.read_records()?)?,
                EntryType::XGlobalHeader => {
                    let found = self.read_records()?;
                    take_records(&mut self.global, &found)?;
                    take_records(&mut records, &found)?;
                }
                EntryType::GNULongName => {
                    records.insert(b"path".to_vec(), until_zero(&self.read_records()?).to_vec());
                }
                EntryType::GNULongLink => {
                    let name = until_zero(&self.read_records()?).to_vec();
                    records.insert(b"linkpath".to_vec(), name);
                }
                _ => {
                    let name = records.get(b"GNU.sparse.name".as_slice());
                    let name = name.or(records.get(b"path".as_slice())).cloned();
                    let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
                    // The folder that everything lies in is no item.
                    if name.split(|&byte| byte == b'/').all(|name| matches!(name, b"" | b".")) {
                        records = self.global.clone();
                        continue;
                    }
                    let mut member = member(&name, &header, &records, length);
                    if let Ok(Member::Item(entry)) = &mut member
                        && entry.file_type == FileType::File
                        && is_sparse(&records)
                    {
                        self.regions = Some(self.read_regions(entry.length)?);
                    }
                    return Ok(Some(member));
                }
            }
        }
    }

    /// None at the end: a block of zeros, or where nothing more comes.
    fn read_header(&mut self) -> io::Result<Option<Header>> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let mut block = [0; BLOCK_SIZE];
        if self.read_block(&mut block)? { header(&block) } else { Ok(None) }
    }

    /// False when nothing more comes.
    fn read_block(&mut self, block: &mut [u8; BLOCK_SIZE]) -> io::Result<bool> {
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn read_records(&mut self) -> io::Result<Vec<u8>> {
        if self.left > RECORDS_MAX {
            return Err(broken("records over their limit"));
        }
        let mut records = Vec::new();
        self.read_to_end(&mut records)?;
        Ok(records)
    }

    /// Reads the map in front of a sparse file's data: the number of regions, then offset and length
    /// of each, all in decimal digits on a line of their own, filled up to a whole block.
    fn read_regions(&mut self, length: u64) -> io::Result<Regions> {
        let wrong = || broken("a sparse file whose map makes no sense");
        let mut read = 0;
        let mut number = || -> io::Result<u64> {
            let mut value = 0_u64;
            let mut byte = [0];
            loop {
                self.read_exact(&mut byte)?;
                read += 1;
                match byte {
                    [b'\n'] => return Ok(value),
                    [digit @ b'0'..=b'9'] => {
                        let next = value.checked_mul(10);
                        value = next
                            .and_then(|v| v.checked_add((digit - b'0').into()))
                            .ok_or_else(wrong)?;
                    }
                    _ => return Err(wrong()),
                }
            }
        };
        let count = number()?;
        if count > REGIONS_MAX || length > SPARSE_MAX {
            return Err(broken("a sparse file over its limit"));
        }
        let mut left = VecDeque::new();
        let (mut end, mut data) = (0, 0_u64);
        for _ in 0..count {
            let (offset, size) = (number()?, number()?);
            if offset < end || offset.checked_add(size).is_none_or(|end| end > length) {
                return Err(wrong());
            }
            end = offset + size;
            data += size;
            left.push_back((offset, size));
        }
        let fill = padding(read);
        self.read_exact([0; BLOCK_SIZE].get_mut(..fill).unwrap_or_default())?;
        if self.left != data {
            return Err(wrong());
        }
        Ok(Regions { left, at: 0, length })
    }

    fn read_sparse(&mut self, mut regions: Regions, buffer: &mut [u8]) -> io::Result<usize> {
        while regions.left.front().is_some_and(|&(offset, size)| offset + size <= regions.at) {
            regions.left.pop_front();
        }
        let (start, end) = match regions.left.front() {
            Some(&(offset, size)) => (offset, offset + size),
            None => (regions.length, regions.length),
        };
        let hole = start.saturating_sub(regions.at);
        let wanted = if hole > 0 { hole } else { end.saturating_sub(regions.at) };
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(buffer.len());
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        let read = if hole > 0 {
            part.fill(0);
            part.len()
        } else {
            self.read(part)?
        };
        regions.at += read as u64;
        self.regions = Some(regions);
        Ok(read)
    }

    /// Goes on behind the member.
    fn skip(&mut self) -> io::Result<()> {
        self.regions = None;
        io::copy(self, &mut io::sink())?;
        let padding = std::mem::take(&mut self.padding);
        let mut block = [0; BLOCK_SIZE];
        self.from.read_exact(block.get_mut(..padding).unwrap_or_default())
    }
}

/// The content of the member given last.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(regions) = self.regions.take() {
            return self.read_sparse(regions, buffer);
        }
        let read = (&mut self.from).take(self.left).read(buffer)?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// The header in a block; none in a block of zeros.
fn header(block: &[u8; BLOCK_SIZE]) -> io::Result<Option<Header>> {
    if *block == [0; BLOCK_SIZE] {
        return Ok(None);
    }
    let header = Header::from_byte_slice(block).clone();
    let blank = block.iter().enumerate().map(|(at, &byte)| match at {
        148..156 => u32::from(b' '),
        _ => u32::from(byte),
    });
    // What the crate says of a field that makes no sense holds its bytes, which may be a secret's.
    if header.cksum().ok() != Some(blank.sum()) {
        return Err(broken("this is no tar archive, or a damaged one"));
    }
    Ok(Some(header))
}

/// What a header and its records say.
fn member(name: &[u8], header: &Header, records: &Records, length: u64) -> Result<Member, Unread> {
    let unread = |error: Error| Unread { path: path(name).ok(), error };
    let refuse = |reason| unread(refused("not read:", &String::from_utf8_lossy(name), reason));
    let mut entry = Entry::of_archive(path(name).map_err(unread)?);
    let number = |value: io::Result<u32>| value.unwrap_or(0);
    entry.mode = number(header.mode()) & 0o7777;
    let of_header = i64::try_from(header.mtime().unwrap_or(0)).unwrap_or(0);
    let of_record = |key: &str| records.get(key.as_bytes()).and_then(|text| time(text));
    entry.mtime = of_record("mtime").unwrap_or((of_header, 0));
    entry.birth = of_record(BIRTH);
    entry.xattrs = records
        .iter()
        .filter_map(|(key, value)| {
            let name = unescaped(key.strip_prefix(XATTR.as_bytes())?);
            (!name.is_empty() && !name.contains(&0)).then(|| (name, value.clone()))
        })
        .collect::<Xattrs>();
    entry.xattrs.sort_unstable();
    let length = match records.get(b"GNU.sparse.realsize".as_slice()).filter(|_| is_sparse(records))
    {
        Some(size) => str::from_utf8(size).ok().and_then(|size| size.parse().ok()),
        None => Some(length),
    };
    let length = length.filter(|_| {
        is_sparse(records) || !records.keys().any(|key| key.starts_with(b"GNU.sparse."))
    });
    let Some(length) = length else {
        return Err(refuse("a sparse file in an old form; make the archive without --sparse"));
    };
    let link = || match records.get(b"linkpath".as_slice()) {
        Some(link) => link.clone(),
        None => header.link_name_bytes().map_or_else(Vec::new, |link| link.into_owned()),
    };
    entry.file_type = match header.entry_type() {
        // Before there was a type for them, folders were files with a slash.
        EntryType::Regular if name.ends_with(b"/") => FileType::Folder,
        EntryType::Regular | EntryType::Continuous => {
            entry.length = length;
            FileType::File
        }
        EntryType::Directory => FileType::Folder,
        EntryType::Symlink => {
            entry.link = Some(link());
            FileType::Link
        }
        EntryType::Link => {
            let target = path(&link()).map_err(unread)?;
            return Ok(Member::HardLink(entry, target));
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => FileType::Special,
        _ => return Err(refuse("a member of a sort that is not read")),
    };
    Ok(Member::Item(entry))
}

/// Whether a file is sparse in the form that GNU tar calls 1.0.
fn is_sparse(records: &Records) -> bool {
    let is = |key: &str, value: &[u8]| records.get(key.as_bytes()).is_some_and(|v| v == value);
    is("GNU.sparse.major", b"1") && is("GNU.sparse.minor", b"0")
}

fn is_extension(entry_type: EntryType) -> bool {
    use EntryType::{GNULongLink, GNULongName, XGlobalHeader, XHeader};
    matches!(entry_type, XHeader | XGlobalHeader | GNULongName | GNULongLink)
}

/// Reads [`record`] after [`record`]. An empty value takes an earlier one back.
fn take_records(records: &mut Records, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let wrong = || broken("records that make no sense");
        let digits = bytes.iter().position(|&byte| byte == b' ').ok_or_else(wrong)?;
        let length = bytes.get(..digits).and_then(|digits| str::from_utf8(digits).ok());
        let length: usize = length.and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        let (record, rest) = bytes.split_at_checked(length).ok_or_else(wrong)?;
        let record = record.get(digits + 1..).and_then(|record| record.strip_suffix(b"\n"));
        let record = record.ok_or_else(wrong)?;
        let equals = record.iter().position(|&byte| byte == b'=').ok_or_else(wrong)?;
        let (key, value) = record.split_at(equals);
        let value = value.strip_prefix(b"=").unwrap_or_default();
        // An extended attribute may well be empty.
        if value.is_empty() && !key.starts_with(XATTR.as_bytes()) {
            records.remove(key);
        } else {
            records.insert(key.to_vec(), value.to_vec());
        }
        bytes = rest;
    }
    Ok(())
}

/// The path of a member: without `./`, and a root below which it lies.
fn path(name: &[u8]) -> Result<ItemPath> {
    let names = name.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    ItemPath::from_key(names.collect::<Vec<_>>().join(&0))
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
#[path = "tests/tar.rs"]
mod tests;
