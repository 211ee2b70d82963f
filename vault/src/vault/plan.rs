//! `plan`: what an `add` would store, told from the beginnings of the files.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek};
use std::path::PathBuf;

use super::AddOptions;
use super::add::{LeftOut, SPECIAL, Seal, Summary, walk_for};
use super::part_names::PartNames;
use super::surroundings::in_its_place;
use crate::error::{Error, Result};
use crate::files::{Entry, FileType, ItemPath, Walk};
use crate::kinds::{self, Format, Kind, Lack, Omissions, Recognised};
use crate::progress::{Phase, Progress};

/// Goes through the source and says what [`add()`](super::add()) would make of it. No vault is
/// asked, and nothing is written; what of it is new only the add itself can tell.
///
/// # Errors
/// When nothing can be read.
pub fn plan(paths: &[PathBuf], options: &AddOptions, progress: &dyn Progress) -> Result<Summary> {
    progress.phase(Phase::Scanning, None);
    let mut walk = walk_for(paths, options)?;
    let mut planner = Planner {
        options,
        planned: Summary::default(),
        part_names: PartNames::default(),
        bundle: None,
    };
    while let Some(found) = walk.next() {
        match found {
            Ok(entry) => planner.take(&mut walk, entry),
            Err(unread) => planner.leave_out(unread.path, unread.error.to_string()),
        }
        progress.item();
    }
    planner.end_bundle();
    paths.iter().for_each(|path| planner.part_names.saw_path(path));
    planner.planned.parts_missing = planner.part_names.missing();
    Ok(planner.planned)
}

struct Planner<'a> {
    options: &'a AddOptions,
    planned: Summary,
    part_names: PartNames,
    /// The bundle the walk is in, and the bytes of its parts.
    bundle: Option<(ItemPath, Kind, u64)>,
}

impl Planner<'_> {
    fn take(&mut self, walk: &mut Walk, mut entry: Entry) {
        if self.bundle.as_ref().is_some_and(|(folder, _, _)| !entry.path.is_below(folder)) {
            self.end_bundle();
        }
        match (entry.file_type, entry.missing) {
            (_, Some(reason)) => self.leave_out(Some(entry.path), reason.to_owned()),
            (FileType::Folder, None) => {
                self.planned.folders += 1;
                self.part_names.saw_folder(entry.path.name());
                let kind = walk.enter_folder(&mut entry).and_then(kinds::bundle);
                if let (Some(kind), None) = (kind, &self.bundle) {
                    self.bundle = Some((entry.path, kind, 0));
                }
            }
            (FileType::Link, None) => self.planned.links += 1,
            (FileType::Special, None) => {
                self.leave_out(Some(entry.path), SPECIAL.to_owned());
            }
            (FileType::File, None) => {
                if let Err(error) = self.take_file(walk, &mut entry) {
                    self.leave_out(Some(entry.path), error.to_string());
                }
            }
        }
    }

    fn take_file(&mut self, walk: &mut Walk, entry: &mut Entry) -> Result<()> {
        let mut file = walk.open(entry)?;
        if let Some(reason) = entry.missing {
            self.leave_out(Some(entry.path.clone()), reason.to_owned());
            return Ok(());
        }
        let mut head = Vec::new();
        file.by_ref()
            .take(kinds::PROBE_SIZE as u64)
            .read_to_end(&mut head)
            .map_err(|error| Error::io("reading", error))?;
        let length = entry.length.max(head.len() as u64);
        let recognised = kinds::examine(&head, length, &mut file)
            .map_err(|error| Error::io("reading", error))?;
        let recognised = in_its_place(recognised, &head, &entry.path, self.options.kind);
        if let (Seal::ByContent, Some(word)) = (self.options.seal, recognised.doubt) {
            self.planned.doubted.push((entry.path.clone(), word));
        }
        self.part_names.saw_file(entry.path.name());
        let omissions = omissions(&recognised, &head, length, &mut file)
            .map_err(|error| Error::io("reading", error))?;
        self.planned.omit(&entry.path, omissions);
        let compartment = self.options.seal.compartment(recognised.sealed);
        self.planned.bytes_read += entry.length;
        match &mut self.bundle {
            Some((_, _, bytes)) if compartment == self.options.seal.compartment(false) => {
                *bytes += entry.length;
            }
            _ => {
                let kind = self.planned.kinds.entry((compartment, recognised.kind)).or_default();
                kind.items += 1;
                kind.bytes += entry.length;
            }
        }
        Ok(())
    }

    /// A bundle is one item, whatever its parts are.
    fn end_bundle(&mut self) {
        if let Some((_, kind, bytes)) = self.bundle.take() {
            let compartment = self.options.seal.compartment(false);
            let summary = self.planned.kinds.entry((compartment, kind)).or_default();
            summary.items += 1;
            summary.bytes += bytes;
        }
    }

    fn leave_out(&mut self, path: Option<ItemPath>, reason: String) {
        self.planned.left_out.push(LeftOut { path, reason });
    }
}

/// What a file does not hold, as far as its beginning and its end say.
fn omissions(
    recognised: &Recognised,
    head: &[u8],
    length: u64,
    file: &mut (impl Read + Seek),
) -> io::Result<Omissions> {
    let is_picture = Format::of(recognised.kind) == Some(Format::Pictures);
    let mut omissions = match is_picture {
        true => Format::Pictures.scan(file, &mut |_| Ok(()))?.omissions,
        false => kinds::glance(recognised, head, head.len() as u64 >= length),
    };
    if kinds::is_cut(head, file)? {
        omissions.join(Omissions { lacks: BTreeSet::from([Lack::End]), ..Omissions::default() });
    }
    Ok(omissions)
}
