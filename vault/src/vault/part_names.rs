//! Parts of a take-out, told by their names, which is all that says that there are others.
//!
//! ```text
//! iCloud Photos Part 3 of 12.zip
//! iCloud-bilder Del 1 av 6
//! ```
//!
//! The words are localised, so the two numbers and their order are what counts. Between them stands
//! one short word. A month is longer, so that a date is none of this.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{ItemType, Vault, list};
use crate::error::Result;
use crate::files::collision_key;

/// Most parts of a take-out; at the smallest size that Apple offers it would be a terabyte.
const PARTS_MAX: u32 = 1000;
/// The longest word between the numbers, in letters: `of`, `av`, `de`, `z`, `из`.
const SHORT: usize = 2;
/// Longer ones, as Apple's languages have them.
const WORDS: &[&str] = &["von", "sur", "van", "din", "dari", "από", "trên", "của", "מתוך", "จาก"];
/// What a part that was not unpacked is called.
const ZIP: &[u8] = b".zip";
/// How many items of earlier snapshots are asked for the parts that are missing.
const ITEMS_MAX: u64 = 1 << 20;

/// Parts of a take-out that are not there, though others of it are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartsMissing {
    /// What stands before and behind the number in their names: `iCloud Photos Part `, ` of 12`.
    pub name: [String; 2],
    /// How many parts there are in all.
    pub count: u32,
    /// The numbers of those that are missing, in order.
    pub missing: Vec<u32>,
}

impl PartsMissing {
    /// What a part is called.
    pub fn part(&self, number: u32) -> String {
        let [before, behind] = &self.name;
        format!("{before}{number}{behind}")
    }
}

/// The parts of take-outs that were seen, by what their names have in common.
#[derive(Default)]
pub(super) struct PartNames(BTreeMap<Vec<u8>, Seen>);

struct Seen {
    name: [String; 2],
    count: u32,
    numbers: BTreeSet<u32>,
}

impl PartNames {
    /// Somebody wants to add what is at `path`; of a folder that is added alone nothing else says
    /// what it is called.
    pub(super) fn saw_path(&mut self, path: &Path) {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if let Some(name) = absolute.file_name().filter(|_| absolute.is_dir()) {
            self.saw_folder(name.as_bytes());
        }
    }

    /// A file has this name. It may be a part if it is a zip.
    pub(super) fn saw_file(&mut self, name: &[u8]) {
        let end = name.len().saturating_sub(ZIP.len());
        if let Some((stem, extension)) = name.split_at_checked(end)
            && extension.eq_ignore_ascii_case(ZIP)
        {
            self.saw_folder(stem);
        }
    }

    /// A folder has this name.
    pub(super) fn saw_folder(&mut self, name: &[u8]) {
        let Some(PartName { before, number, behind, count }) = PartName::parse(name) else {
            return;
        };
        let key = collision_key(format!("{before}\0{behind}").as_bytes());
        let seen = self.0.entry(key).or_insert_with(|| Seen {
            name: [before.to_owned(), behind.to_owned()],
            count,
            numbers: BTreeSet::new(),
        });
        seen.numbers.insert(number);
    }

    /// Takes in what earlier snapshots of a source have, if something is missing: people add one
    /// part after the other.
    ///
    /// # Errors
    /// When a part of a tree is lost.
    pub(super) fn learn(&mut self, vault: &Vault, source: &str) -> Result<()> {
        if self.is_whole() {
            return Ok(());
        }
        let mut left = ITEMS_MAX;
        for info in vault.snapshots()?.iter().rev().filter(|it| it.snapshot.source == source) {
            if self.is_whole() {
                return Ok(());
            }
            let groups: BTreeSet<_> = self.0.keys().cloned().collect();
            let mut items = list(vault, info, &[]);
            while let Some(item) = items.next_item()? {
                match item.facts.item_type {
                    ItemType::Folder => self.saw_folder(item.path.name()),
                    ItemType::File => self.saw_file(item.path.name()),
                    ItemType::Link => {}
                }
                left = left.saturating_sub(1);
                if left == 0 {
                    break;
                }
            }
            // What all of an earlier add lacked was told then.
            self.0.retain(|key, _| groups.contains(key));
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.0.values().all(|seen| seen.missing().next().is_none())
    }

    /// What is missing.
    pub(super) fn missing(self) -> Vec<PartsMissing> {
        let told = self.0.into_values().map(|seen| {
            let missing = seen.missing().collect();
            PartsMissing { name: seen.name, count: seen.count, missing }
        });
        told.filter(|told| !told.missing.is_empty()).collect()
    }
}

impl Seen {
    fn missing(&self) -> impl Iterator<Item = u32> {
        (1..=self.count).filter(|number| !self.numbers.contains(number))
    }
}

/// The name of a part: `before number behind`, where `behind` ends with the count.
struct PartName<'a> {
    before: &'a str,
    number: u32,
    behind: &'a str,
    count: u32,
}

impl<'a> PartName<'a> {
    fn parse(name: &'a [u8]) -> Option<Self> {
        let name = without_copy_number(str::from_utf8(name).ok()?);
        let (rest, count) = number_at_end(name)?;
        let (before_word, word) = rest.trim_end().rsplit_once(char::is_whitespace)?;
        let is_word = word.chars().all(char::is_alphabetic) && !word.is_empty();
        let is_short = word.chars().count() <= SHORT || WORDS.contains(&word);
        let (before, number) = number_at_end(before_word.trim_end())?;
        let is_part = (1..=count).contains(&number) && (2..=PARTS_MAX).contains(&count);
        let is_named = before.trim_end().ends_with(char::is_alphabetic)
            && before.ends_with(char::is_whitespace);
        let behind = name.get(before_word.trim_end().len()..)?;
        (is_word && is_short && is_part && is_named).then_some(Self {
            before,
            number,
            behind,
            count,
        })
    }
}

/// Without what a browser adds to the second of two downloads: ` (1)`.
fn without_copy_number(name: &str) -> &str {
    let number = name.strip_suffix(')').and_then(|name| name.rsplit_once(" ("));
    match number {
        Some((name, number)) if number.chars().all(|char| char.is_ascii_digit()) => name,
        _ => name,
    }
}

/// The number that a text ends with, and what stands before it.
fn number_at_end(text: &str) -> Option<(&str, u32)> {
    let before = text.trim_end_matches(|char: char| char.is_ascii_digit());
    let digits = text.get(before.len()..).filter(|digits| !digits.starts_with('0'))?;
    Some((before, digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(names: &[&str]) -> Vec<String> {
        let mut parts = PartNames::default();
        for name in names {
            parts.saw_file(name.as_bytes());
            parts.saw_folder(name.as_bytes());
        }
        let told = parts.missing().into_iter();
        told.flat_map(|it| it.missing.iter().map(|&n| it.part(n)).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn the_numbers_of_parts_tell_which_are_missing() {
        for (names, expected) in [
            (
                &["iCloud Photos Part 1 of 3", "iCloud Photos Part 3 of 3.zip"][..],
                &["iCloud Photos Part 2 of 3"][..],
            ),
            (&["iCloud-bilder Del 1 av 2", "iCloud-bilder Del 2 av 2 (1).zip"], &[]),
            (&["iCloud-Fotos Teil 2 von 2.zip"], &["iCloud-Fotos Teil 1 von 2"]),
            (&["Фото iCloud Часть 1 из 2.zip"], &["Фото iCloud Часть 2 из 2"]),
            // One take-out of two parts, and one of three.
            (
                &["Other Data Part 1 of 2", "Other Data Part 3 of 3"],
                &["Other Data Part 2 of 2", "Other Data Part 1 of 3", "Other Data Part 2 of 3"],
            ),
            // The same in the spelling of another file system.
            (&["Données Partie 1 sur 2", "Donne\u{301}es Partie 2 sur 2"], &[]),
        ] {
            assert_eq!(missing(names), expected, "{names:?}");
        }
    }

    #[test]
    fn other_names_with_numbers_are_no_parts() {
        for name in [
            "Meeting 12 May 24",
            "Trip 3 Mar 2021.zip",
            "IMG 1 of 0",
            "Part 4 of 3",
            "Part 1 of 1",
            "Part 01 of 03",
            "1 of 3",
            "12 05 24",
            "Part 1 of 3 and more",
            "Part 1 of 4000000000",
            "Part 1 of 99999999999999999999",
            "of 3",
            "3",
            "",
            "(1)",
            " (1)",
        ] {
            assert_eq!(missing(&[name]), [""; 0], "{name}");
        }
    }
}
