//! What a file that an app imports cannot carry of its records, as a text beside it: in which
//! groups people are, and in which calendars events.
//!
//! ```text
//! Choir
//!   Anna Anders
//!   Bert Berg
//!
//! Family
//!   Anna Anders
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use vault::kinds::{Format, Kind, contacts};
use vault::vault::OpenedRecord;

use crate::ui;

/// Groups by their names, each with the titles of what is in it.
pub(super) struct Beside {
    /// What the groups are, in the plural.
    word: &'static str,
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl Beside {
    /// What stands beside records of a kind; none if nothing does.
    pub(super) fn new<'r>(
        kind: Kind,
        records: impl Iterator<Item = (&'r str, Vec<String>)>,
    ) -> Option<Self> {
        let word = if kind == Kind::Contact { "groups" } else { "calendars" };
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (title, names) in records {
            for name in names {
                groups.entry(name).or_default().insert(ui::plain(title.as_bytes()));
            }
        }
        // Events of one calendar are imported into one.
        let least = if kind == Kind::Contact { 1 } else { 2 };
        (groups.len() >= least).then_some(Self { word, groups })
    }

    /// `groups: Choir, Family`
    pub(super) fn names(&self) -> String {
        let names: Vec<String> = self.groups.keys().map(|name| ui::escape(name)).collect();
        format!("{}: {}", self.word, names.join(", "))
    }

    /// Where it stands: `contacts-groups.txt` beside `contacts.vcf`.
    pub(super) fn place(&self, file: &Path) -> PathBuf {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        file.with_file_name(format!("{stem}-{}.txt", self.word))
    }

    pub(super) fn text(&self) -> String {
        let group = |(name, titles): (&String, &BTreeSet<String>)| {
            let titles: String = titles.iter().map(|title| format!("  {title}\n")).collect();
            format!("{}\n{titles}", ui::plain(name.as_bytes()))
        };
        self.groups.iter().map(group).collect::<Vec<_>>().join("\n")
    }
}

/// The kinds of which something may stand beside.
pub(super) const KINDS: [Kind; 2] = [Kind::Contact, Kind::Event];

/// The groups that a record is in: those of a person, the calendar of an event.
pub(super) fn groups(opened: &OpenedRecord) -> Vec<String> {
    match opened.format {
        Format::Contacts | Format::AddressBook => contacts::groups(&opened.bytes),
        Format::Calendars => {
            let calendar = opened.fields().into_iter().filter(|field| field.name == "calendar");
            calendar.map(|field| field.value.to_string()).collect()
        }
        _ => Vec::new(),
    }
}
