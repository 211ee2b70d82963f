//! `search`: the items of many snapshots by name, date and kind.
//!
//! Snapshots of a source share most of their nodes, so each node is read once, and which snapshots
//! an item is in comes from which of them lead to the leaf that names it. All that fits the name is
//! held in memory, some 800 bytes an item.

use std::collections::BTreeMap;

use super::terms::{Room, Terms};
use super::{
    Chunks, Facts, Handle, HandlePrefix, ItemType, SnapshotInfo, State, Vault, Whereabouts, Xattrs,
};
use crate::chunk::Content;
use crate::error::{Error, Result};
use crate::files::ItemPath;
use crate::id::{EntryId, MacKey};
use crate::keys::Compartment;
use crate::tree::{Forest, Lookup, Presence};
use crate::wire::Malformed;

/// What is looked for; everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Parts of the path, in any case; written without accents they find names with them.
    pub terms: Vec<String>,
    /// The kind, as it is stored.
    pub kind: Option<String>,
    /// File, folder, link, or a file without content.
    pub item_type: Option<FoundType>,
    /// The source.
    pub source: Option<String>,
    /// Modified at this moment or later, in nanoseconds since 1970 UTC.
    pub since: Option<i64>,
    /// Modified at this moment or earlier.
    pub until: Option<i64>,
    /// What is in this snapshot.
    pub within: Option<EntryId>,
    /// The beginning of the handle.
    pub handle: Option<HandlePrefix>,
}

/// What an item is, as a person asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundType {
    /// A file whose content is here.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A file whose content the source had not given.
    Missing,
}

impl FoundType {
    /// What these facts are.
    pub fn of(facts: &Facts) -> Self {
        match (facts.item_type, facts.state) {
            (ItemType::Folder, _) => Self::Folder,
            (ItemType::Link, _) => Self::Link,
            (ItemType::File, State::Present) => Self::File,
            (ItemType::File, State::Missing | State::Unreadable) => Self::Missing,
        }
    }

    /// Its name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Link => "link",
            Self::Missing => "missing",
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// By source, then by path.
    pub items: Vec<FoundItem>,
    /// Parts of trees that cannot be read; what they named was not looked at.
    pub lost: Vec<Error>,
}

/// An item with its versions. Numbers of snapshots are places in the slice that was searched.
#[derive(Debug)]
pub struct FoundItem {
    /// The source.
    pub source: String,
    /// Where it lies below the source.
    pub path: ItemPath,
    /// Its short name.
    pub handle: Option<Handle>,
    /// The versions that fit, the newest first; at least one.
    pub versions: Vec<Version>,
    /// How many versions there are, those that do not fit among them.
    pub versions_total: usize,
    /// The first snapshot it is in.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// Whether the newest snapshot of its source does not have it.
    pub is_gone: bool,
}

/// One content of an item. Sealed content that was stored anew is a version of its own.
#[derive(Debug)]
pub struct Version {
    /// In which compartment.
    pub compartment: Compartment,
    /// What it was in the last snapshot that has it, without the content and extended attributes.
    pub facts: Facts,
    /// When it was changed; none when that half of the tree is lost.
    pub whereabouts: Option<Whereabouts>,
    /// The first snapshot it is in.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// All of them, among the source's; until it is known whether the version fits.
    presence: Presence,
}

/// Looks through snapshots, which stand in order.
///
/// # Errors
/// When the vault cannot be read at all; what is lost of it is in the result.
pub fn search(vault: &Vault, snapshots: &[SnapshotInfo], query: &Query) -> Result<Found> {
    let sources = sources(snapshots, query);
    let terms = Terms::new(&query.terms);
    let mut found = Found::default();
    for (source, places) in sources {
        let names = Names { terms: &terms, source, handle: query.handle.as_ref() };
        let mut search = Search { snapshots, places, query, chunks: Chunks::new(vault) };
        search.source(vault, &names, &mut found)?;
    }
    Ok(found)
}

/// The sources that are asked for, each with the places of its snapshots in order.
pub(super) fn sources<'i>(
    snapshots: &'i [SnapshotInfo],
    query: &Query,
) -> BTreeMap<&'i str, Vec<usize>> {
    let mut sources: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let within = query.within.map(|id| snapshots.iter().find(|info| info.id == id));
    let within = within.map(|info| info.map_or("", |info| info.snapshot.source.as_str()));
    for (place, info) in snapshots.iter().enumerate() {
        let source = info.snapshot.source.as_str();
        let is_asked = query.source.as_deref().is_none_or(|asked| asked == source)
            && within.is_none_or(|within| within == source);
        if is_asked {
            sources.entry(source).or_default().push(place);
        }
    }
    sources
}

/// One source being searched.
struct Search<'a> {
    snapshots: &'a [SnapshotInfo],
    /// The source's snapshots in order.
    places: Vec<usize>,
    query: &'a Query,
    chunks: Chunks<'a>,
}

/// An entry of a leaf whose name fits.
struct Named {
    key: Vec<u8>,
    value: Vec<u8>,
    compartment: Compartment,
    leaf: usize,
}

impl<'a> Search<'a> {
    fn source(&mut self, vault: &Vault, names: &Names<'_>, found: &mut Found) -> Result<()> {
        let mut named = Vec::new();
        let mut general = Vec::new();
        let mut sealed = Vec::new();
        for (compartment, presence) in
            [(Compartment::General, &mut general), (Compartment::Sealed, &mut sealed)]
        {
            if let Some(key) = vault.keys.handle(compartment) {
                *presence = self.names(compartment, key, names, &mut named, &mut found.lost);
            }
        }
        // Stable: of an item in both compartments `general` comes first.
        named.sort_by(|one, other| one.key.cmp(&other.key));
        let from = found.items.len();
        // What was looked at is let go, for it may be everything there is.
        let mut named = named.into_iter().peekable();
        while let Some(key) = named.peek().map(|one| one.key.clone()) {
            let mut versions: Vec<Version> = Vec::new();
            while let Some(one) = named.next_if(|one| one.key == key) {
                let presences = match one.compartment {
                    Compartment::Sealed => &sealed,
                    Compartment::Index | Compartment::General => &general,
                };
                let presence = presences.get(one.leaf).cloned().unwrap_or_default();
                match version(&one, presence) {
                    Ok(version) => take_version(&mut versions, version),
                    Err(error) => found.lost.push(error),
                }
            }
            found.items.extend(self.item(vault, names.source, key, versions)?);
        }
        let mut items = found.items.split_off(from);
        self.find_whereabouts(&mut items);
        for item in &mut items {
            item.versions.retain(|version| self.is_of_that_time(version));
        }
        items.retain(|item| !item.versions.is_empty());
        found.items.append(&mut items);
        Ok(())
    }

    /// Goes through one compartment; returns in which of the source's snapshots each leaf is.
    fn names(
        &mut self,
        compartment: Compartment,
        key: &MacKey,
        names: &Names<'_>,
        named: &mut Vec<Named>,
        lost: &mut Vec<Error>,
    ) -> Vec<Presence> {
        let mut forest = Forest::default();
        let mut room = Room::default();
        for (tree, info) in self.places.iter().filter_map(|&at| self.snapshots.get(at)).enumerate()
        {
            let Some(trees) = info.snapshot.items_in(compartment) else { continue };
            self.chunks.enter(&info.snapshot);
            let errors = forest.take(&mut self.chunks, tree, &trees.facts.reference, &mut |leaf| {
                let number = leaf.number;
                for (path, value) in leaf.entries {
                    if names.fit(key, &path, &mut room) {
                        named.push(Named { key: path, value, compartment, leaf: number });
                    }
                }
            });
            lost.extend(errors);
        }
        forest.presence()
    }

    /// The item with these versions; none when none of them fits.
    fn item(
        &self,
        vault: &Vault,
        source: &str,
        key: Vec<u8>,
        mut versions: Vec<Version>,
    ) -> Result<Option<FoundItem>> {
        let path = ItemPath::from_key(key).map_err(|_| Malformed::new("a path that is none", 0))?;
        versions.sort_by_key(|version| std::cmp::Reverse((version.last, version.first)));
        let versions_total = versions.len();
        let Some(newest) = versions.first() else { return Ok(None) };
        let (last, compartment) = (newest.last, newest.compartment);
        let first = versions.iter().map(|version| version.first).min().unwrap_or_default();
        versions.retain(|version| self.fits(version));
        for version in &mut versions {
            version.first = self.place(version.first);
            version.last = self.place(version.last);
            version.presence = Presence::default();
            version.facts.content = Content::default();
            version.facts.xattrs = Xattrs::default();
        }
        versions.shrink_to_fit();
        Ok((!versions.is_empty()).then(|| FoundItem {
            source: source.to_owned(),
            handle: vault.handle(source, compartment, &path),
            path,
            versions,
            versions_total,
            first: self.place(first),
            last: self.place(last),
            is_gone: last.saturating_add(1) < self.places.len(),
        }))
    }

    fn fits(&self, version: &Version) -> bool {
        let facts = &version.facts;
        let within = self.query.within.is_none_or(|id| {
            let is_it = |&at: &usize| self.snapshots.get(at).is_some_and(|info| info.id == id);
            self.places.iter().position(is_it).is_some_and(|tree| version.presence.has(tree))
        });
        within
            && self.query.kind.as_ref().is_none_or(|kind| *kind == facts.kind)
            && self.query.item_type.is_none_or(|wanted| wanted == FoundType::of(facts))
    }

    fn is_of_that_time(&self, version: &Version) -> bool {
        let Query { since, until, .. } = self.query;
        if since.is_none() && until.is_none() {
            return true;
        }
        let moment = version.whereabouts.as_ref().and_then(Whereabouts::moment);
        moment.is_some_and(|moment| {
            since.is_none_or(|since| moment >= since) && until.is_none_or(|until| moment <= until)
        })
    }

    /// The place of one of the source's snapshots among all.
    fn place(&self, tree: usize) -> usize {
        self.places.get(tree).copied().unwrap_or_default()
    }

    /// Gives each version its time, from the last snapshot that has it. A part that is lost costs
    /// the times in it.
    fn find_whereabouts(&mut self, items: &mut [FoundItem]) {
        let mut wanted: Vec<(Compartment, usize, &[u8], &mut Option<Whereabouts>)> = Vec::new();
        for item in items {
            for version in &mut item.versions {
                let place = &mut version.whereabouts;
                wanted.push((version.compartment, version.last, item.path.key(), place));
            }
        }
        wanted.sort_by(|one, other| (one.0, one.1, one.2).cmp(&(other.0, other.1, other.2)));
        for group in wanted.chunk_by_mut(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let Some((compartment, last, ..)) = group.first() else { continue };
            let info = self.snapshots.get(*last);
            let Some(trees) = info.and_then(|info| info.snapshot.items_in(*compartment)) else {
                continue;
            };
            let mut values = Lookup::new(&trees.whereabouts.reference);
            for (_, _, key, whereabouts) in group {
                let value = values.get(&mut self.chunks, key, &mut Vec::new());
                **whereabouts = value.and_then(|value| Whereabouts::decode(value).ok());
            }
        }
    }
}

fn version(named: &Named, presence: Presence) -> Result<Version> {
    Ok(Version {
        compartment: named.compartment,
        facts: Facts::decode(&named.value)?,
        whereabouts: None,
        first: presence.first().unwrap_or_default(),
        last: presence.last().unwrap_or_default(),
        presence,
    })
}

/// Puts a version to the others, or into the one with the same content.
fn take_version(versions: &mut Vec<Version>, mut version: Version) {
    let identity = |facts: &Facts| {
        (facts.item_type, facts.state, facts.length, facts.link.clone(), facts.content.clone())
    };
    let same = |known: &&mut Version| identity(&known.facts) == identity(&version.facts);
    let Some(known) = versions.iter_mut().find(same) else { return versions.push(version) };
    version.presence.union(&known.presence);
    let (first, is_newer) = (version.first.min(known.first), version.last > known.last);
    if is_newer {
        *known = Version { first, ..version };
    } else {
        known.first = first;
        known.presence = version.presence;
    }
}

/// Which paths of a source are looked for.
struct Names<'a> {
    terms: &'a Terms,
    source: &'a str,
    handle: Option<&'a HandlePrefix>,
}

impl Names<'_> {
    /// Whether a tree key fits; `key` is the compartment's handle key, `room` is for reuse.
    fn fit(&self, key: &MacKey, path: &[u8], room: &mut Room) -> bool {
        let handle_fits =
            self.handle.is_none_or(|prefix| prefix.fits(Handle::new(key, self.source, path)));
        handle_fits
            && self.terms.fit(room, |text| {
                text.extend(path.iter().map(|&byte| if byte == 0 { b'/' } else { byte }));
            })
    }
}
