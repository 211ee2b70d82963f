//! Says what [`Target`](super::Target) would do, by its rules, and writes nothing.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::target::{Seen, Taken, already_there, check_name};
use super::{Attributes, ItemPath, Overwrite, failed, refused};
use crate::error::Result;

/// A folder into which a tree would be written. What is there may change until it is.
pub struct Preview {
    root: PathBuf,
    overwrite: Overwrite,
    seen: Seen,
}

impl Preview {
    /// Looks at the folder at `path`, which need not be there.
    pub fn new(path: &Path, overwrite: Overwrite) -> Self {
        Self { root: path.to_owned(), overwrite, seen: Seen::default() }
    }

    /// As [`Target::folder`](super::Target::folder).
    pub fn folder(&mut self, path: &ItemPath) -> Result<()> {
        self.enter(Some(path)).map(|_| ())
    }

    /// Whether a file, or a link to `points_to`, would be written. As
    /// [`Target::file`](super::Target::file) and [`Target::link`](super::Target::link).
    pub fn leaf(
        &mut self,
        path: &ItemPath,
        attributes: &Attributes,
        points_to: Option<&[u8]>,
    ) -> Result<bool> {
        if points_to.is_some_and(|points_to| points_to.is_empty() || points_to.contains(&0)) {
            return Err(refused("not a link that can be written:", path, "it points nowhere"));
        }
        let above = self.enter(path.parent().as_ref())?;
        check_name(path, path.name())?;
        self.seen.take(above, path.name(), Taken::Leaf).map_err(|clash| clash.on(path))?;
        let Some(there) = self.look(path)? else { return Ok(true) };
        if self.overwrite == Overwrite::Never {
            return Err(already_there(path));
        }
        if !there.is_file() && !there.is_symlink() {
            return Err(refused("not written:", path, "a folder or a device is in its place"));
        }
        let mtime = (there.mtime(), u32::try_from(there.mtime_nsec()).unwrap_or(0));
        Ok(match (self.overwrite, points_to) {
            (Overwrite::Never | Overwrite::Always, _) => true,
            (Overwrite::IfNewer, _) => attributes.mtime.is_some_and(|time| time > mtime),
            (Overwrite::IfChanged, Some(points_to)) => fs::read_link(self.place(path))
                .map_or(true, |present| present.as_os_str().as_bytes() != points_to),
            (Overwrite::IfChanged, None) => {
                !there.is_file()
                    || attributes.length != Some(there.len())
                    || attributes.mtime != Some(mtime)
            }
        })
    }

    /// Takes the names of a folder and of those it is in; gives its hash.
    fn enter(&mut self, path: Option<&ItemPath>) -> Result<u64> {
        let mut hash = 0;
        let mut below: Option<ItemPath> = None;
        for name in path.into_iter().flat_map(ItemPath::components) {
            let folder = match &below {
                Some(below) => below.join(name)?,
                None => ItemPath::new(name)?,
            };
            check_name(&folder, name)?;
            hash = self.seen.take(hash, name, Taken::Folder).map_err(|clash| clash.on(&folder))?;
            if self.look(&folder)?.is_some_and(|there| !there.is_dir()) {
                let reason = "a link or a file is in the folder's place";
                return Err(refused("not written:", &folder, reason));
            }
            below = Some(folder);
        }
        Ok(hash)
    }

    fn look(&self, path: &ItemPath) -> Result<Option<Metadata>> {
        match fs::symlink_metadata(self.place(path)) {
            Ok(there) => Ok(Some(there)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("looking at", path, error)),
        }
    }

    fn place(&self, path: &ItemPath) -> PathBuf {
        let names = path.components().map(OsStr::from_bytes);
        names.fold(self.root.clone(), |place, name| place.join(name))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::Target;
    use super::*;

    /// What both say of the same things is the same, word for word.
    #[test]
    fn a_preview_says_what_the_target_does() {
        for overwrite in
            [Overwrite::Never, Overwrite::Always, Overwrite::IfChanged, Overwrite::IfNewer]
        {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("old"), "old").unwrap();
            fs::create_dir_all(folder.path().join("dir/inside")).unwrap();
            symlink("dir", folder.path().join("link")).unwrap();
            let mut preview = Preview::new(folder.path(), overwrite);
            let mut target = Target::create(folder.path()).unwrap().overwrite(overwrite);
            let told = |result: Result<bool>| result.map_err(|error| error.to_string());
            for (letter, path) in [
                ('f', "new"),
                ('f', "NEW"),
                ('f', "old"),
                ('d', "dir"),
                ('f', "dir/inside"),
                ('f', "dir/a"),
                ('f', "dir/a"),
                ('f', "link/through"),
                ('l', "link"),
                ('l', "dir/link"),
                ('d', "old/below"),
                ('f', "con.txt"),
                ('f', "a\\b/c"),
                ('d', "fresh/deep"),
                ('f', "fresh/deep/x"),
            ] {
                let path = ItemPath::parse_display(path.as_bytes()).unwrap();
                let attributes =
                    Attributes { mtime: Some((5, 0)), length: Some(3), ..Attributes::default() };
                let (said, done) = match letter {
                    'f' => (
                        preview.leaf(&path, &attributes, None),
                        target.file(&path, &attributes).map(|file| file.is_some()),
                    ),
                    'l' => (
                        preview.leaf(&path, &attributes, Some(b"dir")),
                        target.link(&path, b"dir", &attributes),
                    ),
                    _ => (
                        preview.folder(&path).map(|()| true),
                        target.folder(&path, &attributes).map(|()| true),
                    ),
                };
                assert_eq!(told(said), told(done), "{overwrite:?} {path}");
            }
            drop(target);
        }
    }
}
