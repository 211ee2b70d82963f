//! What files that an app imports cannot carry of their records, as a text beside them: in which
//! groups people are, in which calendars events, and in which albums pictures.
//!
//! ```text
//! Choir
//!   Anna Anders
//!   Bert Berg
//!
//! Family
//!   Anna Anders
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use vault::keys::Compartment;
use vault::kinds::{Format, Kind, contacts};
use vault::vault::{
    self as library, OpenedRecord, RecordName, RecordReader, SnapshotInfo, StoredRecord, Vault,
};

use crate::ui::{self, Ui};

/// What the groups of records are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Of people.
    Groups,
    /// Of events.
    Calendars,
    /// Of photos and films.
    Albums,
}

impl Sort {
    pub(super) const ALL: [Self; 3] = [Self::Groups, Self::Calendars, Self::Albums];

    /// In what records of a kind may be; none if in nothing.
    pub(super) fn of(kind: &str) -> Option<Self> {
        match Kind::parse(kind)? {
            Kind::Contact => Some(Self::Groups),
            Kind::Event => Some(Self::Calendars),
            Kind::Photo | Kind::Video => Some(Self::Albums),
            _ => None,
        }
    }

    /// In the plural.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Calendars => "calendars",
            Self::Albums => "albums",
        }
    }

    /// What the file is called that they stand beside; pictures are a file each.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Groups => "contacts.vcf",
            Self::Calendars => "events.ics",
            Self::Albums => "photos",
        }
    }
}

/// The groups that each record is in, by its compartment and digest.
#[derive(Default)]
pub(super) struct Groups(HashMap<(Compartment, [u8; 16]), BTreeSet<String>>);

impl Groups {
    /// Takes what a record says of itself.
    pub(super) fn take(&mut self, record: &StoredRecord, opened: &OpenedRecord) {
        let names = match opened.format {
            Format::Contacts => contacts::groups(&opened.bytes),
            Format::Calendars => {
                let fields = opened.fields().into_iter();
                let calendar = fields.filter(|field| field.name == "calendar");
                calendar.map(|field| field.value.to_string()).collect()
            }
            _ => return,
        };
        for name in names {
            self.put(record, name);
        }
    }

    /// Takes what the cards of groups in a snapshot say of these records, which are of it. What
    /// cannot be read was told where it was compared.
    pub(super) fn take_cards<'r>(
        &mut self,
        vault: &Vault,
        info: &SnapshotInfo,
        records: impl Iterator<Item = &'r StoredRecord>,
        reader: &mut RecordReader<'_>,
    ) {
        let people = records.filter(|record| is_contact(record));
        let people: HashMap<(Compartment, RecordName), &StoredRecord> =
            people.map(|person| ((person.compartment, person.name), person)).collect();
        if people.is_empty() {
            return;
        }
        let mut all = library::records(vault, info);
        loop {
            let card = match all.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(_) => continue,
            };
            let is_group = card.facts.warnings.iter().any(|warning| warning == contacts::GROUP);
            if !is_contact(&card) || !is_group {
                continue;
            }
            let Ok(opened) = reader.open(&card) else { continue };
            let members = opened.fields().into_iter().filter(|field| field.name == "member");
            for identity in members.map(|field| contacts::member(&field.value)) {
                for compartment in [Compartment::General, Compartment::Sealed] {
                    let name = vault.record_name(compartment, Kind::Contact, &identity);
                    if let Some(person) = people.get(&(compartment, name)) {
                        self.put(person, card.facts.title.clone());
                    }
                }
            }
        }
    }

    /// Takes what a snapshot tells of the albums that these records are in, which are of it.
    pub(super) fn take_albums<'r>(
        &mut self,
        vault: &Vault,
        info: &SnapshotInfo,
        records: impl Iterator<Item = &'r StoredRecord>,
        ui: &Ui,
    ) {
        let mut pictures =
            records.filter(|record| Sort::of(&record.facts.kind) == Some(Sort::Albums)).peekable();
        if pictures.peek().is_none() {
            return;
        }
        let albums = library::albums(vault, info);
        for error in &albums.lost {
            ui.warn(format!("which albums there were cannot be read: {error}"));
        }
        for picture in pictures {
            for name in picture.place.iter().flat_map(|place| albums.of(place)) {
                self.put(picture, name.to_owned());
            }
        }
    }

    /// The groups of a record, in the order of their names; none if it is in none.
    pub(super) fn of(&self, record: &StoredRecord) -> Option<&BTreeSet<String>> {
        self.0.get(&(record.compartment, record.facts.digest))
    }

    fn put(&mut self, record: &StoredRecord, name: String) {
        self.0.entry((record.compartment, record.facts.digest)).or_default().insert(name);
    }
}

fn is_contact(record: &StoredRecord) -> bool {
    record.facts.kind == Kind::Contact.as_str()
}

/// Groups by their names, each with the titles of what is in it.
pub(super) struct Beside {
    pub(super) sort: Sort,
    /// It names what is sealed.
    pub(super) is_sealed: bool,
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl Beside {
    /// What stands beside those of the records that may be in such groups; none if nothing does.
    pub(super) fn new<'r>(
        sort: Sort,
        groups: &Groups,
        records: impl Iterator<Item = &'r StoredRecord>,
    ) -> Option<Self> {
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut is_sealed = false;
        for record in records.filter(|record| Sort::of(&record.facts.kind) == Some(sort)) {
            for name in groups.of(record).into_iter().flatten() {
                is_sealed |= record.compartment == Compartment::Sealed;
                let title = ui::plain(record.facts.title.as_bytes());
                told.entry(name.clone()).or_default().insert(title);
            }
        }
        // Events of one calendar are imported into one.
        let least = if sort == Sort::Calendars { 2 } else { 1 };
        (told.len() >= least).then_some(Self { sort, is_sealed, groups: told })
    }

    /// `groups: Choir, Family`
    pub(super) fn names(&self) -> String {
        let names: Vec<String> = self.groups.keys().map(|name| ui::escape(name)).collect();
        format!("{}: {}", self.sort.as_str(), names.join(", "))
    }

    /// Where it stands: `contacts-groups.txt` beside `contacts.vcf`.
    pub(super) fn place(&self, file: &Path) -> PathBuf {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        file.with_file_name(format!("{stem}-{}.txt", self.sort.as_str()))
    }

    pub(super) fn text(&self) -> String {
        let group = |(name, titles): (&String, &BTreeSet<String>)| {
            let titles: String = titles.iter().map(|title| format!("  {title}\n")).collect();
            format!("{}\n{titles}", ui::plain(name.as_bytes()))
        };
        self.groups.iter().map(group).collect::<Vec<_>>().join("\n")
    }
}
