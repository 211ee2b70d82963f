//! Which files of a folder are one thing: a photo, its film, what was edited, and what tells of it;
//! a message and the attachments that Mail keeps beside it; and which table tells of which note.
//!
//! What is told of one file stands in others beside it, so a folder's pictures are held until its
//! end, some 500 bytes each.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::surroundings::{AttachmentPlace, message_place};
use crate::chunk::Content;
use crate::files::{ItemPath, collision_key};
use crate::keys::Compartment;
use crate::kinds::pictures::Detail;
use crate::kinds::{Kind, Record, messages, notes};

/// Endings of pictures as a camera's sensor saw them, which lie beside what was made of them.
const RAW: &[&[u8]] = &[b"dng", b"raw", b"cr2", b"cr3", b"nef", b"arw", b"raf", b"orf", b"rw2"];
/// How long the paths of files are together that belong to one, in bytes: they are a part of a
/// value of the tree.
const BESIDE_MAX: usize = 4096;

/// A picture, and the other files of the same thing.
pub(super) struct Asset {
    pub(super) main: WholeFile,
    pub(super) beside: Vec<ItemPath>,
}

/// A file that is one record.
pub(super) struct WholeFile {
    pub(super) path: ItemPath,
    pub(super) compartment: Compartment,
    pub(super) record: Record,
    pub(super) content: Content,
    pub(super) length: u64,
}

/// A file that tells of a picture.
struct Sidecar {
    path: ItemPath,
    essence: Zeroizing<Vec<u8>>,
}

/// What is known of the folders whose end was not seen, and of the notes of take-outs, which lie in
/// folders of their own below the table that tells of them.
#[derive(Default)]
pub(super) struct Assets {
    folders: BTreeMap<Vec<u8>, Folder>,
    notes: Vec<WholeFile>,
    /// Notes in which nothing stands.
    empty: Vec<ItemPath>,
    tables: Vec<(ItemPath, Vec<notes::Detail>)>,
}

#[derive(Default)]
struct Folder {
    pictures: Vec<WholeFile>,
    sidecars: Vec<Sidecar>,
    details: BTreeMap<Vec<u8>, Detail>,
    /// Messages of which parts are in other files, and such parts, by the number of the message.
    messages: BTreeMap<Vec<u8>, Message>,
}

#[derive(Default)]
struct Message {
    files: Vec<WholeFile>,
    attachments: Vec<Attachment>,
}

/// A part of a message in a file of its own.
struct Attachment {
    path: ItemPath,
    compartment: Compartment,
    section: String,
    /// What is the same when its content is.
    essence: Vec<u8>,
}

impl Assets {
    pub(super) fn take_picture(&mut self, picture: WholeFile) {
        self.folder(&picture.path).pictures.push(picture);
    }

    /// Takes a file that tells of the picture it is called after.
    pub(super) fn take_sidecar(&mut self, path: ItemPath, essence: Zeroizing<Vec<u8>>) {
        self.folder(&path).sidecars.push(Sidecar { path, essence });
    }

    /// Takes what a table says of the pictures beside it.
    pub(super) fn take_details(&mut self, path: &ItemPath, details: Vec<Detail>) {
        let named = details.into_iter().map(|it| (collision_key(it.name.as_bytes()), it));
        self.folder(path).details.extend(named);
    }

    /// Takes a message of which parts are in other files.
    pub(super) fn take_message(&mut self, file: WholeFile) {
        let (store, number) = message_place(&file.path);
        let folder = self.folders.entry(store.to_vec()).or_default();
        let message = folder.messages.entry(number.to_vec()).or_default();
        message.files.push(file);
    }

    /// Takes a file that may be a part of a message, by where it lies.
    pub(super) fn take_attachment(
        &mut self,
        path: &ItemPath,
        compartment: Compartment,
        content: &Content,
    ) {
        let Some(AttachmentPlace { store, message, section, .. }) = AttachmentPlace::of(path)
        else {
            return;
        };
        let attachment = Attachment {
            path: path.clone(),
            compartment,
            section: section.to_owned(),
            essence: essence_of(compartment, content),
        };
        let folder = self.folders.entry(store.to_vec()).or_default();
        folder.messages.entry(message.to_vec()).or_default().attachments.push(attachment);
    }

    /// Takes a note that lies in a folder of its own name.
    pub(super) fn take_note(&mut self, note: WholeFile) {
        self.notes.push(note);
    }

    /// Takes a note that lies in a folder of its own name, and in which nothing stands.
    pub(super) fn take_empty_note(&mut self, path: ItemPath) {
        self.empty.push(path);
    }

    /// Takes what a table says of the notes in folders beside it.
    pub(super) fn take_note_details(&mut self, path: ItemPath, details: Vec<notes::Detail>) {
        self.tables.push((path, details));
    }

    /// How many notes each table tells of that are not below it. Notes that are locked are not
    /// exported; a title with a character that no name has says nothing.
    pub(super) fn notes_missing(&self) -> Vec<(ItemPath, u64)> {
        let paths = self.notes.iter().map(|note| &note.path).chain(&self.empty);
        let folders = paths.filter_map(ItemPath::parent);
        let called: Vec<(ItemPath, Vec<u8>)> =
            folders.map(|folder| (folder.clone(), collision_key(folder.name()))).collect();
        let missing = self.tables.iter().map(|(table, details)| {
            let below = called.iter().filter(|(folder, _)| is_above(table, folder));
            let names: BTreeSet<&[u8]> = below.map(|(_, name)| name.as_slice()).collect();
            let titles = details.iter().map(|detail| detail.title.as_str());
            let titles = titles.filter(|title| !title.is_empty() && !title.contains(['/', ':']));
            let keys: BTreeSet<Vec<u8>> =
                titles.map(|title| collision_key(title.as_bytes())).collect();
            let missing = keys.iter().filter(|key| !names.contains(key.as_slice()));
            (table.clone(), missing.count() as u64)
        });
        missing.filter(|(_, count)| *count > 0).collect()
    }

    /// Lets go of a file that another one takes the place of.
    pub(super) fn forget(&mut self, path: &ItemPath) {
        let folder = self.folder(path);
        folder.pictures.retain(|picture| picture.path != *path);
        folder.sidecars.retain(|sidecar| sidecar.path != *path);
        let place = AttachmentPlace::of(path).map(|place| (place.store, place.message));
        for (store, number) in [Some(message_place(path)), place].into_iter().flatten() {
            let folder = self.folders.get_mut(store);
            if let Some(message) = folder.and_then(|folder| folder.messages.get_mut(number)) {
                message.forget(path);
            }
        }
        self.notes.retain(|note| note.path != *path);
        self.empty.retain(|note| note != path);
    }

    /// Gives what is in the folders that `path` is not in; in all of them if there is none.
    pub(super) fn end_folders(&mut self, path: Option<&ItemPath>) -> Vec<Asset> {
        let is_ended = |folder: &[u8]| {
            let inside = path.and_then(|path| path.key().strip_prefix(folder));
            inside.is_none_or(|rest| !folder.is_empty() && rest.first() != Some(&0))
        };
        let ended = self.folders.extract_if(.., |folder, _| is_ended(folder));
        let mut assets: Vec<Asset> = ended.flat_map(|(_, folder)| folder.assets()).collect();
        if path.is_none() {
            let notes = std::mem::take(&mut self.notes);
            let told = notes.into_iter().map(|note| self.told_note(note));
            assets.extend(told.map(|main| Asset { main, beside: Vec::new() }));
        }
        assets
    }

    /// A note with what the table above it says.
    fn told_note(&self, mut note: WholeFile) -> WholeFile {
        let Some(folder) = note.path.parent() else { return note };
        let tables = self.tables.iter().filter(|(table, _)| is_above(table, &note.path));
        let called = |detail: &&notes::Detail| detail.title.as_bytes() == folder.name();
        let mut told = tables.flat_map(|(_, details)| details).filter(called);
        // Two notes of one title are not told apart.
        if let (Some(detail), None) = (told.next(), told.next()) {
            note.record.date = note.record.date.or(detail.created);
            note.record.warnings.extend(detail.is_pinned.then_some("pinned"));
            note.record.warnings.extend(detail.is_deleted.then_some("deleted recently"));
        }
        note
    }

    fn folder(&mut self, path: &ItemPath) -> &mut Folder {
        let folder = path.parent().map(ItemPath::into_key).unwrap_or_default();
        self.folders.entry(folder).or_default()
    }
}

/// What is the same when content is, and differs when it does. Nothing of what is sealed: its chunks
/// have other ids in every pack.
pub(super) fn essence_of(compartment: Compartment, content: &Content) -> Vec<u8> {
    match compartment {
        Compartment::Sealed => Vec::new(),
        Compartment::Index | Compartment::General => {
            content.rows.iter().flat_map(|row| row.reference.id.bytes()).copied().collect()
        }
    }
}

/// Whether a table tells of what is at `path`.
fn is_above(table: &ItemPath, path: &ItemPath) -> bool {
    table.parent().is_none_or(|above| path.is_below(&above))
}

impl Folder {
    fn assets(mut self) -> Vec<Asset> {
        let messages = std::mem::take(&mut self.messages);
        let messages = messages.into_values().flat_map(Message::assets);
        let mut assets = self.pictures();
        assets.extend(messages);
        assets
    }

    fn pictures(mut self) -> Vec<Asset> {
        // The first of each name is what the others belong to.
        self.pictures.sort_by_cached_key(|picture| {
            let name = Name::of(&picture.path);
            (name.is_edited, picture.record.kind, name.is_raw, picture.path.clone())
        });
        let mut assets: Vec<Asset> = Vec::new();
        let mut named: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut linked: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for mut picture in self.pictures {
            let name = Name::of(&picture.path);
            if let Some(detail) = self.details.get(&collision_key(picture.path.name())) {
                picture.learn(detail);
            }
            let link = picture.record.link.clone();
            let by_name = named.get(&name.stem).copied();
            let by_link = link.as_ref().and_then(|link| linked.get(link)).copied();
            let place = [by_name, by_link].into_iter().flatten().find(|&at| {
                assets.get(at).is_some_and(|asset| asset.main.goes_with(&picture, &name))
            });
            match place.and_then(|at| assets.get_mut(at)) {
                Some(asset) => {
                    asset.join(picture.path, &picture.record.essence);
                }
                None => {
                    let at = assets.len();
                    named.entry(name.stem).or_insert(at);
                    if let Some(link) = link {
                        linked.entry(link).or_insert(at);
                    }
                    assets.push(Asset { main: picture, beside: Vec::new() });
                }
            }
        }
        for Sidecar { path, essence } in self.sidecars {
            let stem = Name::of(&path).stem;
            // IMG_1.xmp and IMG_1.heic.xmp are of IMG_1.heic.
            let whole = split_extension(path.name()).0;
            let of_file = assets.iter().position(|asset| asset.main.path.name() == whole);
            let place = of_file.or_else(|| named.get(&stem).copied());
            if let Some(asset) = place.and_then(|at| assets.get_mut(at)) {
                asset.join(path, &essence);
            }
        }
        assets
    }
}

impl Message {
    fn forget(&mut self, path: &ItemPath) {
        self.files.retain(|file| file.path != *path);
        self.attachments.retain(|attachment| attachment.path != *path);
    }

    /// The messages of that number, of which one alone has the parts that there are: of several
    /// nobody knows whose they are.
    fn assets(self) -> Vec<Asset> {
        let Self { files, attachments } = self;
        let assets = files.into_iter().map(|main| Asset { main, beside: Vec::new() });
        let mut assets: Vec<Asset> = assets.collect();
        if let [only] = assets.as_mut_slice() {
            only.join_parts(attachments);
        }
        assets
    }
}

impl Asset {
    /// Takes what there is of the parts of a message.
    fn join_parts(&mut self, mut attachments: Vec<Attachment>) {
        attachments.sort_by(|one, other| one.path.cmp(&other.path));
        let mut sections = BTreeSet::new();
        let mut is_joined = true;
        for Attachment { path, compartment, section, essence } in attachments {
            let essence = [section.as_bytes(), &[0], &essence].concat();
            // The path of what is sealed is told to nobody else.
            is_joined &= compartment == self.main.compartment && self.join(path, &essence);
            sections.insert(section);
        }
        let record = &mut self.main.record;
        let there = u32::try_from(sections.len()).unwrap_or(u32::MAX);
        record.apart = record.apart.saturating_sub(there);
        if is_joined && record.apart == 0 {
            record.warnings.retain(|warning| *warning != messages::PARTIAL);
        }
    }

    /// Takes a file that belongs to it; more of them than a tree takes stay items of their own.
    fn join(&mut self, path: ItemPath, essence: &[u8]) -> bool {
        let length: usize = self.beside.iter().map(|path| path.key().len()).sum();
        if length + path.key().len() > BESIDE_MAX {
            return false;
        }
        self.main.record.essence.extend_from_slice(essence);
        self.beside.push(path);
        true
    }
}

impl WholeFile {
    /// Whether `other`, of the same name or link, is a part of the same thing: the film of a Live
    /// Photo, what was edited of it, or the one of two forms that a camera writes at once.
    fn goes_with(&self, other: &Self, name: &Name) -> bool {
        let differs = |one: &Option<Vec<u8>>, other: &Option<Vec<u8>>| {
            one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| one != other)
        };
        let is_film = self.record.kind == Kind::Photo && other.record.kind == Kind::Video;
        let is_other_form = self.record.kind == other.record.kind && name.is_raw;
        self.compartment == other.compartment
            && (name.is_edited
                || (is_film && !differs(&self.record.link, &other.record.link))
                || is_other_form)
    }

    /// Takes what a table says of it.
    fn learn(&mut self, detail: &Detail) {
        let record = &mut self.record;
        record.date = record.date.or(detail.taken);
        for (is_so, word) in [
            (detail.is_favorite, "a favourite"),
            (detail.is_hidden, "hidden"),
            (detail.is_deleted, "deleted recently"),
        ] {
            if is_so {
                record.warnings.push(word);
            }
        }
    }
}

/// What the name of a file says of how it came about.
struct Name {
    /// The same for all files of one thing.
    stem: Vec<u8>,
    is_edited: bool,
    is_raw: bool,
}

impl Name {
    fn of(path: &ItemPath) -> Self {
        let (stem, extension) = split_extension(path.name());
        let extension = extension.to_ascii_lowercase();
        let is_raw = RAW.contains(&extension.as_slice());
        let stem = stem.strip_suffix(b"_HEVC").unwrap_or(stem);
        // Cameras count their pictures; Photos puts a letter before the number of what it edited,
        // and another one before that of what is told of the original.
        let (letter, stem) = match stem {
            [a, b, c, b'_', letter @ (b'E' | b'O'), number @ ..]
                if number.len() >= 4 && number.iter().all(u8::is_ascii_digit) =>
            {
                (Some(letter), [&[*a, *b, *c, b'_'], number].concat())
            }
            stem => (None, stem.to_vec()),
        };
        Self { stem: collision_key(&stem), is_edited: letter == Some(&b'E'), is_raw }
    }
}

/// A name without its extension, and the extension.
fn split_extension(name: &[u8]) -> (&[u8], &[u8]) {
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    (stem, extension.strip_prefix(b".").unwrap_or(extension))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Identity, Locator, Quality};

    fn picture(path: &str, kind: Kind, link: Option<&str>) -> WholeFile {
        let identity = Identity { quality: Quality::Fields, bytes: Zeroizing::new(vec![1]) };
        WholeFile {
            path: ItemPath::parse_display(path.as_bytes()).unwrap(),
            compartment: Compartment::General,
            record: Record {
                kind,
                identity,
                title: String::new(),
                place: String::new(),
                user: String::new(),
                date: None,
                essence: Zeroizing::default(),
                warnings: Vec::new(),
                is_closed: false,
                link: link.map(|link| link.as_bytes().to_vec()),
                apart: 0,
                locator: Locator::Bytes(Vec::new()),
            },
            content: Content::default(),
            length: 0,
        }
    }

    /// The main file of each asset with those beside it.
    fn told(assets: Vec<Asset>) -> Vec<String> {
        let mut told: Vec<String> = assets
            .into_iter()
            .map(|Asset { main, mut beside }| {
                beside.insert(0, main.path);
                let names = beside.iter().map(|path| String::from_utf8_lossy(path.name()));
                names.collect::<Vec<_>>().join(" ")
            })
            .collect();
        told.sort();
        told
    }

    fn assets(files: &[(&str, Option<&str>)]) -> Vec<String> {
        let mut assets = Assets::default();
        for (name, link) in files {
            let kind = match split_extension(name.as_bytes()).1.to_ascii_lowercase().as_slice() {
                b"mov" | b"mp4" => Kind::Video,
                b"xmp" | b"aae" => Kind::File,
                _ => Kind::Photo,
            };
            if kind == Kind::File {
                let path = ItemPath::new(name.as_bytes()).unwrap();
                assets.take_sidecar(path, Zeroizing::new(vec![1]));
            } else {
                assets.take_picture(picture(name, kind, *link));
            }
        }
        told(assets.end_folders(None))
    }

    #[test]
    fn what_belongs_together_is_one() {
        let (one, other) = (Some("one"), Some("other"));
        for (files, expected) in [
            (
                &[("IMG_1.HEIC", one), ("IMG_1.MOV", one), ("IMG_1.xmp", None)][..],
                &["IMG_1.HEIC IMG_1.MOV IMG_1.xmp"][..],
            ),
            // Two things of one name, as in two parts of a take-out.
            (&[("IMG_1.HEIC", one), ("IMG_1.MOV", other)], &["IMG_1.HEIC", "IMG_1.MOV"]),
            (&[("IMG_1.jpg", None), ("img_1.mov", None)], &["IMG_1.jpg img_1.mov"]),
            (&[("IMG_1.HEIC", one), ("IMG_1_HEVC.MOV", one)], &["IMG_1.HEIC IMG_1_HEVC.MOV"]),
            (&[("a.HEIC", one), ("b.MOV", one)], &["a.HEIC b.MOV"]),
            (
                &[
                    ("IMG_E4823.JPG", None),
                    ("IMG_4823.JPG", None),
                    ("IMG_4823.AAE", None),
                    ("IMG_O4823.AAE", None),
                ],
                &["IMG_4823.JPG IMG_E4823.JPG IMG_4823.AAE IMG_O4823.AAE"],
            ),
            (&[("IMG_5.DNG", None), ("IMG_5.JPG", None)], &["IMG_5.JPG IMG_5.DNG"]),
            (&[("a.JPG", None), ("a.PNG", None)], &["a.JPG", "a.PNG"]),
            (&[("a (1).jpeg", None), ("a.jpeg", None)], &["a (1).jpeg", "a.jpeg"]),
            (&[("a.JPG", None), ("a.JPG.xmp", None), ("b.xmp", None)], &["a.JPG a.JPG.xmp"]),
            (&[("a.MOV", None), ("a.mp4", None)], &["a.MOV", "a.mp4"]),
        ] {
            assert_eq!(assets(files), expected, "{files:?}");
        }
    }

    #[test]
    fn a_message_has_its_parts_and_of_two_none_is_lost() {
        use crate::chunk::{ChunkType, Reference, Row, chunk_id};
        use crate::id::MacKey;

        let path = |text: &str| ItemPath::parse_display(text.as_bytes()).unwrap();
        let id = chunk_id(&MacKey::new([1; 32]), ChunkType::Data, b"a part");
        let row = Row { reference: Reference { tag: None, id }, length: 6 };
        let content = Content { rows: vec![row], ..Content::default() };
        let told = |files: &[&str], compartment: Compartment| {
            let mut assets = Assets::default();
            assets.take_attachment(&path("a/Attachments/47/2/b.pdf"), compartment, &content);
            for file in files {
                let mut message = picture(file, Kind::Mail, None);
                message.compartment = compartment;
                message.record.apart = 1;
                message.record.warnings.push(messages::PARTIAL);
                assets.take_message(message);
            }
            let found = assets.end_folders(None);
            let told = found.into_iter().map(|Asset { main, beside }| {
                let essence = main.record.essence.len();
                (beside.len(), main.record.apart, main.record.warnings.len(), essence)
            });
            told.collect::<Vec<_>>()
        };
        let one = "a/Messages/47.partial.emlx";
        let general = told(&[one], Compartment::General);
        assert_eq!(general, [(1, 0, 0, b"2\0".len() + id.bytes().len())]);
        // Ids of sealed chunks do not last.
        assert_eq!(told(&[one], Compartment::Sealed), [(1, 0, 0, b"2\0".len())]);
        let two = told(&[one, "a/Sent/47.partial.emlx"], Compartment::General);
        assert_eq!(two, [(0, 1, 1, 0), (0, 1, 1, 0)]);
        assert!(told(&[], Compartment::General).is_empty());
    }

    #[test]
    fn folders_end_when_the_walk_leaves_them() {
        let mut assets = Assets::default();
        for path in ["a.jpg", "x/a.jpg", "x/y/a.jpg", "x/y/a.mov", "xy/a.jpg"] {
            let kind = if path.ends_with("mov") { Kind::Video } else { Kind::Photo };
            assets.take_picture(picture(path, kind, None));
        }
        let mut end = |path: &str| {
            told(assets.end_folders(Some(&ItemPath::parse_display(path.as_bytes()).unwrap())))
        };
        assert_eq!(end("x/y/b.jpg"), ["a.jpg"]);
        assert_eq!(end("x/z.jpg"), ["a.jpg a.mov"]);
        assert_eq!(end("z.jpg"), ["a.jpg"]);
        assert_eq!(told(assets.end_folders(None)), ["a.jpg"]);
    }

    #[test]
    fn a_table_tells_of_the_notes_below_it() {
        let mut assets = Assets::default();
        for path in ["Notes/旅行/宿/宿.txt", "Notes/a/a.txt", "b/b.txt"] {
            assets.take_note(picture(path, Kind::Note, None));
        }
        let detail = |title: &str, created| notes::Detail {
            title: title.to_owned(),
            created: Some(created),
            modified: None,
            is_pinned: false,
            is_deleted: false,
        };
        let table = ItemPath::parse_display(b"Notes/Notes Details.csv").unwrap();
        let details = vec![detail("宿", 1), detail("a", 2), detail("a", 3), detail("b", 4)];
        assets.take_note_details(table, details);
        let dates: Vec<_> =
            assets.end_folders(None).iter().map(|asset| asset.main.record.date).collect();
        assert_eq!(dates, [Some(1), None, None]);
    }

    #[test]
    fn a_table_tells_of_the_pictures_beside_it() {
        let mut assets = Assets::default();
        assets.take_picture(picture("x/IMG_1.JPG", Kind::Photo, None));
        assets.take_picture(picture("y/IMG_1.JPG", Kind::Photo, None));
        let detail = Detail {
            name: "IMG_1.JPG".into(),
            taken: Some(7),
            is_hidden: true,
            ..Detail::default()
        };
        let table = ItemPath::parse_display(b"x/Photo Details.csv").unwrap();
        assets.take_details(&table, vec![detail]);
        let told = assets.end_folders(None);
        let told: Vec<_> =
            told.iter().map(|it| (it.main.record.date, it.main.record.warnings.len())).collect();
        assert_eq!(told, [(Some(7), 1), (None, 0)]);
    }
}
