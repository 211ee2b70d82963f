//! The entries of an export, counted and summed by their types.

use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;
use sha2::{Digest as _, Sha256};

use super::tags::{Sort, Tag, Tags};
use crate::kinds::{dates, html, text};

/// Most types of a file; Health has some 200.
const TYPES_MAX: usize = 4096;
/// Longest name of a type.
const NAME_MAX: usize = 256;
/// Most sources of a type that are told apart, and how much of the name of one is kept.
const SOURCES_MAX: usize = 32;
const SOURCE_MAX: usize = 256;

const TOO_MANY: &str = "more than 4,096 types of entries";
const TOO_LONG: &str = "an element is too long";
const CUT_OFF: &str = "cut off";

/// What stands before the names of types.
const PREFIXES: [&str; 8] = [
    "HKQuantityTypeIdentifier",
    "HKCategoryTypeIdentifier",
    "HKCorrelationTypeIdentifier",
    "HKCharacteristicTypeIdentifier",
    "HKClinicalTypeIdentifier",
    "HKDataTypeIdentifier",
    "HKWorkoutActivityType",
    "HKDataType",
];
const WORKOUT: &str = "HKWorkoutActivityType";

/// A sum of digests modulo 2^256, which does not depend on their order.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, digest: &[u8]) {
        let (limbs, _) = digest.as_chunks::<8>();
        let mut carry = false;
        for (sum, limb) in self.0.iter_mut().zip(limbs) {
            let (once, over) = sum.overflowing_add(u64::from_le_bytes(*limb));
            let (twice, again) = once.overflowing_add(u64::from(carry));
            (*sum, carry) = (twice, over || again);
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|limb| limb.to_le_bytes()).collect()
    }
}

/// All entries of a type.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) count: u64,
    /// When the first began, in seconds since 1970.
    pub(super) first: Option<i64>,
    /// When the last ended.
    pub(super) last: Option<i64>,
    pub(super) sum: Sum,
    sources: Vec<Vec<u8>>,
}

impl Totals {
    /// What they came from, in the order of their names.
    pub(super) fn sources(&self) -> Vec<String> {
        let name = |source: &Vec<u8>| text::in_line(&html::decoded(source), SOURCE_MAX);
        let mut sources: Vec<String> = self.sources.iter().map(name).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// A type as a person calls it: `Heart Rate`.
    pub(super) fn title(&self, name: &[u8]) -> String {
        let name = html::decoded(name);
        let plain = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(&name);
        let spelled = spelled(plain);
        if name.starts_with(WORKOUT) { format!("Workout: {spelled}") } else { spelled }
    }

    fn add(&mut self, entry: &Entry) {
        self.count += 1;
        let is_earlier = |date: &i64| self.first.is_none_or(|first| *date < first);
        self.first = entry.start.filter(is_earlier).or(self.first);
        self.last = self.last.max(entry.end);
        if entry.inner == Sum::default() {
            self.sum.add(&entry.digest);
        } else {
            let both = [&entry.digest[..], &entry.inner.bytes()].concat();
            self.sum.add(&Sha256::digest(both));
        }
    }

    fn add_source(&mut self, source: &[u8]) {
        let source = source.get(..SOURCE_MAX).unwrap_or(source);
        if !self.sources.iter().any(|known| known == source) && self.sources.len() < SOURCES_MAX {
            self.sources.push(source.to_vec());
        }
    }
}

/// `HeartRateVariabilitySDNN` in words.
fn spelled(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 8);
    let mut chars = name.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(char) = chars.next() {
        let is_start = before.is_some_and(|before| {
            let is_next_lower = chars.peek().is_some_and(|next| next.is_lowercase());
            char.is_uppercase() && (!before.is_uppercase() || is_next_lower)
        });
        if is_start && !spelled.ends_with(' ') {
            spelled.push(' ');
        }
        spelled.push(char);
        before = Some(char);
    }
    spelled
}

/// The entry that is open, or was read last.
#[derive(Default)]
struct Entry {
    /// The number of its type; none if it is of none that is told.
    number: Option<usize>,
    /// Where it begins.
    offset: u64,
    start: Option<i64>,
    end: Option<i64>,
    digest: [u8; 32],
    /// What the elements in it say.
    inner: Sum,
}

/// The entries of a file.
#[derive(Default)]
pub(super) struct Entries {
    /// The type whose entries are asked for.
    wanted: Option<Vec<u8>>,
    /// Where they are.
    pub(super) places: Vec<Range<u64>>,
    pub(super) notes: Vec<&'static str>,
    /// It stops before its end.
    pub(super) is_cut: bool,
    totals: Vec<Totals>,
    numbers: HashMap<Vec<u8>, usize>,
    /// The type of the entry before, which mostly is that of the next.
    last: (Vec<u8>, usize),
    /// The entry before was one that is asked for.
    is_run: bool,
    entry: Entry,
    /// What one element says, put together here.
    said: Vec<u8>,
    order: Vec<(usize, usize)>,
    ordered: Vec<u8>,
}

impl Entries {
    /// Those of one type, of which only the places are told.
    pub(super) fn of(name: &[u8]) -> Self {
        Self { wanted: Some(name.to_vec()), ..Self::default() }
    }

    /// Reads them all; none if the root is not Health's.
    pub(super) fn read(mut self, content: &mut impl Read) -> io::Result<Option<Self>> {
        let mut tags = Tags::new(content);
        match tags.next()? {
            Some(root) if root.name == b"HealthData" && root.sort == Sort::Open => {}
            Some(root) if root.name == b"HealthData" => return Ok(Some(self)),
            _ => return Ok(None),
        }
        // How many elements are open.
        let mut depth = 1_u64;
        while depth > 0 {
            let Some(tag) = tags.next()? else { break };
            match tag.sort {
                Sort::Close => depth -= 1,
                _ if depth == 1 => self.open(&tag),
                _ => self.open_inner(&tag),
            }
            if tag.sort == Sort::Open {
                depth += 1;
            } else if depth == 1 {
                self.close(tag.range.end);
            }
        }
        if tags.is_cut_off || depth > 0 {
            self.notes.push(CUT_OFF);
            self.is_cut = true;
        }
        if tags.is_too_long {
            self.notes.push(TOO_LONG);
        }
        Ok(Some(self))
    }

    /// Each type, in the order of their names.
    pub(super) fn types(&self) -> impl Iterator<Item = (&[u8], &Totals)> {
        let mut names: Vec<(&[u8], usize)> =
            self.numbers.iter().map(|(name, number)| (name.as_slice(), *number)).collect();
        names.sort_unstable();
        let totals = |(name, number)| Some((name, self.totals.get(number)?));
        names.into_iter().filter_map(totals).filter(|(_, totals)| totals.count > 0)
    }

    /// An entry begins.
    fn open(&mut self, tag: &Tag<'_>) {
        let name = type_of(tag);
        let is_asked = self.wanted.as_ref().is_none_or(|wanted| wanted == name);
        let is_told = is_asked && tag.name != b"ExportDate" && !tag.name.is_empty();
        self.entry = Entry { offset: tag.range.start, ..Entry::default() };
        self.entry.number = if is_told { self.number(name) } else { None };
        if self.entry.number.is_none() || self.wanted.is_some() {
            return;
        }
        self.entry.digest = self.digest(tag);
        let date =
            |names: [&[u8]; 3]| names.into_iter().find_map(|name| date(tag.attribute(name)?));
        self.entry.start = date([b"startDate", b"dateComponents", b"receivedDate"]);
        self.entry.end =
            date([b"endDate", b"dateComponents", b"receivedDate"]).or(self.entry.start);
        let totals = self.entry.number.and_then(|number| self.totals.get_mut(number));
        if let (Some(totals), Some(source)) = (totals, tag.attribute(b"sourceName")) {
            totals.add_source(source);
        }
    }

    /// An element in an entry begins.
    fn open_inner(&mut self, tag: &Tag<'_>) {
        if self.entry.number.is_some() && self.wanted.is_none() {
            let digest = self.digest(tag);
            self.entry.inner.add(&digest);
        }
    }

    /// The entry ends at a place.
    fn close(&mut self, end: u64) {
        let entry = std::mem::take(&mut self.entry);
        let totals = entry.number.and_then(|number| self.totals.get_mut(number));
        let Some(totals) = totals else {
            self.is_run = false;
            return;
        };
        if self.wanted.is_some() {
            totals.count += 1;
            match self.places.last_mut() {
                Some(place) if self.is_run => place.end = end,
                _ => self.places.push(entry.offset..end),
            }
            self.is_run = true;
            return;
        }
        totals.add(&entry);
    }

    /// The number of a type.
    fn number(&mut self, name: &[u8]) -> Option<usize> {
        if self.last.0 == name && !name.is_empty() {
            return Some(self.last.1);
        }
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None if self.totals.len() == TYPES_MAX || name.len() > NAME_MAX => {
                let note = if name.len() > NAME_MAX { TOO_LONG } else { TOO_MANY };
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
                return None;
            }
            None => {
                self.totals.push(Totals::default());
                self.numbers.insert(name.to_vec(), self.totals.len() - 1);
                self.totals.len() - 1
            }
        };
        self.last = (name.to_vec(), number);
        Some(number)
    }

    /// What an element says by its own attributes, whatever their order.
    fn digest(&mut self, tag: &Tag<'_>) -> [u8; 32] {
        self.said.clear();
        self.order.clear();
        for (name, value) in tag.attributes().filter(|(name, _)| *name != b"device") {
            let from = self.said.len();
            push(&mut self.said, name);
            match date(value) {
                Some(date) if name.ends_with(b"ate") => push(&mut self.said, &date.to_le_bytes()),
                _ if memchr(b'&', value).is_some() => {
                    push(&mut self.said, html::decoded(value).as_bytes());
                }
                _ => push(&mut self.said, value),
            }
            self.order.push((from, self.said.len()));
        }
        let said = |(from, end): (usize, usize)| self.said.get(from..end).unwrap_or_default();
        self.order.sort_unstable_by(|one, other| said(*one).cmp(said(*other)));
        self.ordered.clear();
        push(&mut self.ordered, tag.name);
        for place in &self.order {
            self.ordered.extend_from_slice(said(*place));
        }
        Sha256::digest(&self.ordered).into()
    }
}

/// Appends bytes behind their length, which is that of a part of a tag.
fn push(said: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    said.extend_from_slice(&length.to_le_bytes());
    said.extend_from_slice(bytes);
}

/// The type of an entry: what it says it is, else the name of its element.
fn type_of<'a>(tag: &Tag<'a>) -> &'a [u8] {
    let attribute: &[u8] = match tag.name {
        b"ClinicalRecord" => return tag.name,
        b"Workout" => b"workoutActivityType",
        _ => b"type",
    };
    tag.attribute(attribute).filter(|name| !name.is_empty()).unwrap_or(tag.name)
}

/// `2026-09-13 08:00:00 +0200` or `2026-09-13` as seconds since 1970.
fn date(text: &[u8]) -> Option<i64> {
    let number = |range: Range<usize>| {
        text.get(range)?.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(*byte - b'0'))
        })
    };
    let is = |at: usize, byte: u8| text.get(at) == Some(&byte);
    if !(is(4, b'-') && is(7, b'-') && matches!(text.len(), 10 | 25)) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = dates::days(year, month, day) * 86_400;
    if text.len() == 10 {
        return Some(midnight);
    }
    let is_time = is(10, b' ') && is(13, b':') && is(16, b':') && is(19, b' ');
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let ahead = number(21..23)? * 3600 + number(23..25)? * 60;
    let ahead = match text.get(20)? {
        b'+' => ahead,
        b'-' => -ahead,
        _ => return None,
    };
    is_time.then_some(midnight + hour * 3600 + minute * 60 + second - ahead)
}
