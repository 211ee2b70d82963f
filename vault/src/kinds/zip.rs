//! Zip: members one after the other, then a directory of them, then its end record.
//!
//! Programs disagree about broken zips: some go by the directory, some by the members, some keep
//! the last of two equal names. So what one of them would show and another not is never guessed
//! at: every record of the directory is followed, equal names or not, and together the members
//! must cover the file from its first byte to the directory without a gap and without an
//! overlap. Else the zip counts as one that cannot be looked into.
//!
//! Two things are let pass since Apple's own writers make them: sizes that stand behind the
//! content only, and, beyond 4 GiB or 65 535 members, lengths and places that lost their upper
//! bits for want of zip64. The file itself tells those bits.

use std::ops::ControlFlow;

use flate2::read::DeflateDecoder;

use super::bytes::{number_little, start, tail};
use super::content::{Blocked, Content, Result, holding};
use super::dates;

/// The end record without its comment.
const END_SIZE: usize = 22;
const END: &[u8] = b"PK\x05\x06";
const COMMENT_MAX: usize = 0xFFFF;
const LOCATOR_SIZE: usize = 20;
const LOCATOR: &[u8] = b"PK\x06\x07";
/// The end record of zip64 without what it may be extended by.
const END64_SIZE: usize = 56;
const END64: &[u8] = b"PK\x06\x06";
/// A record of the directory without name, extra fields and comment.
const RECORD_SIZE: usize = 46;
const RECORD: &[u8] = b"PK\x01\x02";
/// A member's head without name and extra fields.
const HEAD_SIZE: usize = 30;
const HEAD: &[u8] = b"PK\x03\x04";

/// Stands where the number is in a zip64 extra field.
const ELSEWHERE: u64 = 0xFFFF_FFFF;
/// What numbers without zip64 lose.
const WRAP: u64 = 1 << 32;
const ENCRYPTED: u64 = 0x2041;
const SIZES_BEHIND: u64 = 8;
const STORED: u64 = 0;
const DEFLATED: u64 = 8;
/// How much of a compressed member is read at a time: the head of a picture says enough.
const READ_SIZE: usize = 4096;

const DAMAGED: &str = "damaged zip";
const DISAGREES: &str = "zip whose directory does not match what is in it";

/// Sees a member: its name and what it holds.
pub(super) type Look<'a> = dyn FnMut(&[u8], Content<'_>) -> Result<ControlFlow<()>> + 'a;

/// Shows each member to `look`, until that has seen enough. The content must be one that can be
/// sought in.
pub(super) fn each(content: &mut Content<'_>, look: &mut Look<'_>) -> Result<()> {
    with_directory(content, |content, end, directory| {
        let members = members(content, end, directory)?;
        let starts = members.iter().skip(1).map(|member| member.start);
        let ends = starts.chain([end.directory]);
        for (member, end) in members.iter().zip(ends) {
            if member.look(content, end, look)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    })
}

/// When the member was changed that was changed last, in seconds since 1970; the directory names no
/// zone, and this takes it for UTC.
pub(super) fn newest(content: &mut Content<'_>) -> Result<Option<i64>> {
    with_directory(content, |_, _, directory| {
        let mut newest = None;
        let mut rest = directory;
        while !rest.is_empty() {
            newest = newest.max(moment(rest));
            (_, rest) = Member::decode(rest).ok_or(Blocked(DAMAGED))?;
        }
        Ok(newest)
    })
}

/// Reads the directory, which is held while `look` sees it.
fn with_directory<'c, T>(
    content: &mut Content<'c>,
    look: impl FnOnce(&mut Content<'c>, &End, &[u8]) -> Result<T>,
) -> Result<T> {
    let end = End::find(content)?;
    let budget = content.budget();
    holding(budget, end.directory_size, || {
        let size = usize::try_from(end.directory_size).map_err(|_| Blocked(DAMAGED))?;
        let mut directory = Vec::new();
        content.section(end.directory, end.directory_size, |mut content| {
            Ok(content.fill(&mut directory, size)?)
        })?;
        look(content, &end, &directory)
    })
}

/// The date of a record of the directory, in the bits that DOS had for it.
fn moment(record: &[u8]) -> Option<i64> {
    let (time, date) = (number_little(record, 12, 2)?, number_little(record, 14, 2)?);
    let bits = |number: u64, from: u64, count: u64| {
        i64::try_from(number >> from & ((1 << count) - 1)).ok()
    };
    let (year, month, day) = (1980 + bits(date, 9, 7)?, bits(date, 5, 4)?, bits(date, 0, 5)?);
    let (hour, minute, second) = (bits(time, 11, 5)?, bits(time, 5, 6)?, 2 * bits(time, 0, 5)?);
    let is_date = (1..=12).contains(&month) && day > 0 && hour < 24 && minute < 60 && second < 60;
    is_date.then(|| dates::days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Where the directory is, and what it should hold.
struct End {
    directory: u64,
    directory_size: u64,
    /// As many, or without zip64 as many but for a multiple of 65 536.
    records: u64,
    zip64: bool,
}

impl End {
    fn find(content: &mut Content<'_>) -> Result<Self> {
        let damaged = || Blocked(DAMAGED);
        let size = content.length.min((LOCATOR_SIZE + END_SIZE + COMMENT_MAX) as u64);
        let last_start = content.length.saturating_sub(size);
        let mut last = Vec::new();
        content.section(last_start, size, |mut content| {
            Ok(content.fill(&mut last, LOCATOR_SIZE + END_SIZE + COMMENT_MAX)?)
        })?;
        let at = last.windows(END.len()).rposition(|bytes| bytes == END).ok_or_else(damaged)?;
        let (before, end) = last.split_at_checked(at).ok_or_else(damaged)?;
        let field = |at, size| number_little(end, at, size).ok_or_else(damaged);
        if field(20, 2)? != (end.len().saturating_sub(END_SIZE)) as u64 {
            return Err(damaged());
        }
        if (field(4, 2)?, field(6, 2)?) != (0, 0) && field(4, 2)? != 0xFFFF {
            return Err(Blocked("part of a split zip"));
        }
        let end_start = last_start.saturating_add(at as u64);
        let locator = before.len().checked_sub(LOCATOR_SIZE).map(|at| tail(before, at));
        if let Some(locator) = locator.filter(|locator| locator.starts_with(LOCATOR)) {
            return Self::find64(content, locator, end_start.saturating_sub(LOCATOR_SIZE as u64));
        }
        let (records, directory_size) = (field(10, 2)?, field(12, 4)?);
        let directory = end_start.checked_sub(directory_size).ok_or_else(damaged)?;
        if directory % WRAP != field(16, 4)? {
            return Err(Blocked(DISAGREES));
        }
        Ok(Self { directory, directory_size, records, zip64: false })
    }

    fn find64(content: &mut Content<'_>, locator: &[u8], locator_start: u64) -> Result<Self> {
        let damaged = || Blocked(DAMAGED);
        let place = number_little(locator, 8, 8).ok_or_else(damaged)?;
        let mut end = [0; END64_SIZE];
        content.section(place, locator_start.saturating_sub(place), |mut content| {
            Ok(content.read_at(0, &mut end)?)
        })?;
        let field = |at| number_little(&end, at, 8).ok_or_else(damaged);
        let end_end = field(4)?.checked_add(12).and_then(|size| size.checked_add(place));
        if !end.starts_with(END64) || end_end != Some(locator_start) {
            return Err(damaged());
        }
        let (records, directory_size, directory) = (field(32)?, field(40)?, field(48)?);
        if directory.checked_add(directory_size) != Some(place) {
            return Err(Blocked(DISAGREES));
        }
        Ok(Self { directory, directory_size, records, zip64: true })
    }

    /// Places and lengths have lost their upper bits.
    fn is_wrapped(&self) -> bool {
        !self.zip64 && self.directory >= WRAP
    }
}

/// A member by the directory's word.
struct Member<'a> {
    name: &'a [u8],
    flags: u64,
    method: u64,
    size_packed: u64,
    start: u64,
    wrapped: bool,
}

/// All members in the order in which they lie in the file, the first at its beginning.
fn members<'a>(
    content: &mut Content<'_>,
    end: &End,
    directory: &'a [u8],
) -> Result<Vec<Member<'a>>> {
    let mut members: Vec<Member<'a>> = Vec::new();
    let mut rest = directory;
    while !rest.is_empty() {
        content.budget().member()?;
        let (mut member, after) = Member::decode(rest).ok_or(Blocked(DAMAGED))?;
        rest = after;
        if end.is_wrapped() {
            let floor = members.last().map_or(0, |member| member.start.saturating_add(1));
            member.unwrap(content, floor, end.directory)?;
        }
        members.push(member);
    }
    members.sort_by_key(|member| member.start);
    let count = members.len() as u64;
    let counted = if end.zip64 { count == end.records } else { count & 0xFFFF == end.records };
    let first = members.first().map_or(end.directory, |member| member.start);
    // The first four bytes may be the mark of a zip that was to be split but fitted.
    let mut marker = [0; 4];
    if first == 4 {
        content.read_at(0, &mut marker)?;
    }
    let begins = first == 0 || matches!(&marker, b"PK\x07\x08" | b"PK00");
    if counted && begins { Ok(members) } else { Err(Blocked(DISAGREES)) }
}

impl<'a> Member<'a> {
    /// The first record, and what follows it.
    fn decode(record: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let field = |at, size| number_little(record, at, size);
        let length = |at| usize::try_from(field(at, 2)?).ok();
        let (name_length, extra_length, comment_length) = (length(28)?, length(30)?, length(32)?);
        let (name, rest) = tail(record, RECORD_SIZE).split_at_checked(name_length)?;
        let (extra, rest) = rest.split_at_checked(extra_length)?;
        let (_, rest) = rest.split_at_checked(comment_length)?;
        let mut long = extra64(extra);
        // In this order; each only if it did not fit.
        let mut number = |at| {
            let short = field(at, 4)?;
            let (first, rest) =
                long.split_first_chunk::<8>().map_or((None, long), |(a, b)| (Some(a), b));
            match first {
                Some(first) if short == ELSEWHERE => {
                    long = rest;
                    Some(u64::from_le_bytes(*first))
                }
                _ => Some(short),
            }
        };
        let (_, size_packed, start) = (number(24)?, number(20)?, number(42)?);
        let (flags, method) = (field(8, 2)?, field(10, 2)?);
        let member = Self { name, flags, method, size_packed, start, wrapped: false };
        record.starts_with(RECORD).then_some((member, rest))
    }

    /// Finds the upper bits of the start: the first place from `floor` on with a member's head.
    fn unwrap(&mut self, content: &mut Content<'_>, floor: u64, end: u64) -> Result<()> {
        self.wrapped = true;
        while self.start < end {
            let mut magic = [0; 4];
            if self.start >= floor {
                content.read_at(self.start, &mut magic)?;
                if magic == HEAD {
                    return Ok(());
                }
            }
            self.start = self.start.saturating_add(WRAP);
        }
        Err(Blocked(DISAGREES))
    }

    /// Compares the member with what the directory says, and shows it. `end` is where the next
    /// one begins.
    fn look(
        &self,
        content: &mut Content<'_>,
        end: u64,
        look: &mut Look<'_>,
    ) -> Result<ControlFlow<()>> {
        let disagrees = || Blocked(DISAGREES);
        let mut head = vec![0; HEAD_SIZE.saturating_add(self.name.len())];
        let room = end.saturating_sub(self.start);
        content.section(self.start, room, |mut content| {
            content.read_at(0, &mut head).map_err(|error| Blocked::damaged(&error, DISAGREES))
        })?;
        let field = |at, size| number_little(&head, at, size).ok_or_else(disagrees);
        let (flags, size_packed) = (field(6, 2)?, field(18, 4)?);
        let extra_length = field(28, 2)?;
        let same = head.starts_with(HEAD)
            && (flags ^ self.flags) & (ENCRYPTED | SIZES_BEHIND) == 0
            && field(8, 2)? == self.method
            && field(26, 2)? == self.name.len() as u64
            && tail(&head, HEAD_SIZE) == self.name
            && (flags & SIZES_BEHIND != 0
                || size_packed == ELSEWHERE
                || size_packed == self.size_packed);
        if !same {
            return Err(disagrees());
        }
        let start = self.start.saturating_add(head.len() as u64).saturating_add(extra_length);
        let left = start.checked_add(self.size_packed).and_then(|after| end.checked_sub(after));
        let mut left = left.ok_or_else(disagrees)?;
        let mut size_packed = self.size_packed;
        if self.wrapped {
            size_packed = size_packed.saturating_add(left / WRAP * WRAP);
            left %= WRAP;
        }
        // The sizes behind the content, with a mark or without, short or long.
        if !(left == 0 || flags & SIZES_BEHIND != 0 && matches!(left, 12 | 16 | 20 | 24)) {
            return Err(disagrees());
        }
        if flags & ENCRYPTED != 0 {
            return Err(Blocked("encrypted zip"));
        }
        let name = self.name;
        content.section(start, size_packed, |mut packed| match self.method {
            STORED => look(name, packed),
            DEFLATED => {
                let budget = packed.budget();
                let mut unpacked = DeflateDecoder::new_with_buf(&mut packed, vec![0; READ_SIZE]);
                look(name, Content::stream(&mut unpacked, budget))
            }
            _ => Err(Blocked("zip with an unknown compression")),
        })
    }
}

/// The numbers of the zip64 extra field, one behind the other.
fn extra64(extra: &[u8]) -> &[u8] {
    let mut rest = extra;
    while let (Some(id), Some(size)) = (number_little(rest, 0, 2), number_little(rest, 2, 2)) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        rest = tail(rest, 4);
        if id == 1 {
            return start(rest, size);
        }
        rest = tail(rest, size);
    }
    &[]
}
