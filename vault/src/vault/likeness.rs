//! Which source an export is the next one of, told by what is in it: whoever exports translates,
//! dates and counts up the names.
//!
//! Of both sides a sample of the files is looked at, the same files if their names are the same,
//! and of each file its beginning: a text by its lines, everything else by its blocks, a picture
//! or film by its length.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::PathBuf;

use super::add::walk;
use super::{Chunks, ItemType, SnapshotInfo, State, Vault, list};
use crate::error::Result;
use crate::files::FileType;
use crate::keys::Compartment;
use crate::kinds::{self, Kind};

/// How many files of each side are looked at.
const FILES_MAX: usize = 64;
/// How much of a file is looked at.
const HEAD_SIZE: usize = 65_536;
/// The block by which what is no text is compared.
const BLOCK_SIZE: usize = 4096;
/// Shorter lines are in every file of a format.
const LINE_MIN: usize = 8;

/// How much an export is like the newest snapshot of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// The source.
    pub source: String,
    /// How much of what the smaller side has is in the other too: 0 to 100, over all kinds that
    /// either side has.
    pub percent: u8,
}

/// How much the export at `paths` is like each source that this role can read, the likest first.
///
/// # Errors
/// When the export cannot be read at all. A source that cannot be read is like nothing.
pub fn likenesses(vault: &Vault, paths: &[PathBuf], exclude: &[PathBuf]) -> Result<Vec<Likeness>> {
    let newest = vault.newest()?;
    if newest.is_empty() || !vault.role().reads(Compartment::General) {
        return Ok(Vec::new());
    }
    let ours = of_export(paths, exclude)?;
    let compared = newest.into_iter().map(|(source, info)| {
        let theirs = of_snapshot(vault, &info).unwrap_or_default();
        let (percent, tie) = compare(&ours, &theirs);
        (percent, tie, source)
    });
    let mut compared: Vec<(u8, u8, String)> = compared.collect();
    compared.sort_by_key(|(percent, tie, _)| Reverse((*percent, *tie)));
    let likeness = |(percent, _, source)| Likeness { source, percent };
    Ok(compared.into_iter().map(likeness).collect())
}

/// What was seen of each kind.
type Features = BTreeMap<Kind, HashSet<u64>>;

fn of_export(paths: &[PathBuf], exclude: &[PathBuf]) -> Result<Features> {
    let mut walk = walk(paths, exclude)?;
    let mut sample = Sample::default();
    for entry in walk.by_ref() {
        let Ok(entry) = entry else { continue };
        if entry.file_type == FileType::File && entry.missing.is_none() {
            let name = entry.path.name().to_vec();
            sample.take(&name, entry);
        }
    }
    let mut features = Features::new();
    for mut entry in sample.into_files() {
        let mut head = Vec::new();
        let read =
            walk.open(&mut entry).map(|file| file.take(HEAD_SIZE as u64).read_to_end(&mut head));
        if entry.missing.is_none() && matches!(read, Ok(Ok(_))) {
            take_features(&mut features, &head, entry.length);
        }
    }
    Ok(features)
}

fn of_snapshot(vault: &Vault, info: &SnapshotInfo) -> Result<Features> {
    let mut items = list(vault, info, &[]);
    let mut sample = Sample::default();
    while let Some(item) = items.next_item()? {
        if item.facts.item_type == ItemType::File && item.facts.state == State::Present {
            let name = item.path.name().to_vec();
            sample.take(&name, item.facts);
        }
    }
    let mut chunks = Chunks::new(vault);
    chunks.enter(&info.snapshot);
    let mut features = Features::new();
    for facts in sample.into_files() {
        if let Ok(head) = chunks.start(&facts.content, HEAD_SIZE) {
            take_features(&mut features, &head, facts.length);
        }
    }
    Ok(features)
}

/// The files whose names have the smallest hashes.
struct Sample<T> {
    files: BTreeMap<(u64, usize), T>,
    seen: usize,
}

impl<T> Default for Sample<T> {
    fn default() -> Self {
        Self { files: BTreeMap::new(), seen: 0 }
    }
}

impl<T> Sample<T> {
    fn take(&mut self, name: &[u8], file: T) {
        self.seen += 1;
        self.files.insert((hash(name), self.seen), file);
        if self.files.len() > FILES_MAX {
            self.files.pop_last();
        }
    }

    fn into_files(self) -> impl Iterator<Item = T> {
        self.files.into_values()
    }
}

fn take_features(features: &mut Features, head: &[u8], length: u64) {
    let kind = kinds::recognise(head, length).kind;
    let features = features.entry(kind).or_default();
    if matches!(kind, Kind::Photo | Kind::Video) {
        features.insert(hash(&length.to_le_bytes()));
    } else if head.contains(&0) {
        features.extend(head.chunks(BLOCK_SIZE).map(hash));
    } else {
        let lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        features.extend(lines.filter(|line| line.len() >= LINE_MIN).map(hash));
    }
}

/// Both as parts of a hundred: what the two have in common of the smaller one, and of both together.
fn compare(ours: &Features, theirs: &Features) -> (u8, u8) {
    let kinds: BTreeSet<Kind> = ours.keys().chain(theirs.keys()).copied().collect();
    let (mut of_smaller, mut of_both) = (0, 0);
    for kind in &kinds {
        let (Some(one), Some(other)) = (ours.get(kind), theirs.get(kind)) else { continue };
        let common = one.intersection(other).count();
        let smaller = one.len().min(other.len());
        of_smaller += 100 * common / smaller.max(1);
        of_both += 100 * common / (one.len() + other.len() - common).max(1);
    }
    let part = |sum: usize| u8::try_from(sum / kinds.len().max(1)).unwrap_or(100);
    (part(of_smaller), part(of_both))
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(files: &[&str]) -> Features {
        let mut features = Features::new();
        for file in files {
            take_features(&mut features, file.as_bytes(), file.len() as u64);
        }
        features
    }

    #[test]
    fn what_shrank_is_still_the_same_and_a_part_of_many_things_is_not() {
        let card = |name: &str| format!("BEGIN:VCARD\nVERSION:3.0\nFN:{name} Someone\nEND:VCARD\n");
        let cards = |names: &[&str]| names.iter().map(|name| card(name)).collect::<String>();
        let spring = cards(&["Anna", "Bert", "Carla", "Dora", "Emil", "Frieda"]);
        let autumn = cards(&["Emil", "Anna", "Bert"]);
        let (percent, tie) = compare(&features(&[&spring]), &features(&[&autumn]));
        assert_eq!(percent, 100);
        assert!(tie < 100);
        let logins = "Title,URL,Username,Password\nmail,https://a.example,anna,secret\n";
        let event = "BEGIN:VCALENDAR\nVERSION:2.0\nSUMMARY:lunch\nEND:VCALENDAR\n";
        let many = features(&[&spring, logins, event]);
        assert_eq!(compare(&features(&[&spring]), &many).0, 33);
        assert_eq!(compare(&features(&[logins]), &features(&[&spring])).0, 0);
        assert_eq!(compare(&features(&[]), &features(&[])).0, 0);
    }

    #[test]
    fn the_sample_is_the_same_whatever_comes_first() {
        let names: Vec<String> = (0..1000).map(|number| format!("IMG_{number}.HEIC")).collect();
        let sample = |names: &mut dyn Iterator<Item = &String>| {
            let mut sample = Sample::default();
            names.for_each(|name| sample.take(name.as_bytes(), name.clone()));
            sample.into_files().collect::<BTreeSet<String>>()
        };
        let ours = sample(&mut names.iter());
        assert_eq!(ours.len(), FILES_MAX);
        assert_eq!(ours, sample(&mut names.iter().rev()));
    }
}
