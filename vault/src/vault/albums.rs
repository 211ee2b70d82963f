//! The albums and memories of a take-out, each a table that names its pictures.
//!
//! Such a table is told by its content, for the folder that it lies in has another name in every
//! language:
//!
//! ```text
//! iCloud Photos Part 1 of 3/Albums/By the lake.csv    Images
//!                                                     IMG_0740.JPG
//! iCloud Photos Part 2 of 3/Photos/IMG_0740.JPG
//! ```

use std::collections::HashMap;

use super::records::part;
use super::{Item, ItemType, RecordPlace, SnapshotInfo, State, Vault, list};
use crate::error::Error;
use crate::files::{ItemPath, collision_key};
use crate::kinds::{self, Kind, pictures};

/// How the name of a table ends.
const ENDING: &[u8] = b".csv";
/// The most bytes of tables that are read of a snapshot.
const TABLES_MAX: u64 = 64 << 20;

/// The albums of a snapshot.
#[derive(Default)]
pub struct Albums {
    albums: Vec<Album>,
    /// By the names of pictures, which albums have one.
    named: HashMap<Vec<u8>, Vec<usize>>,
    /// What of them cannot be read.
    pub lost: Vec<Error>,
}

struct Album {
    name: String,
    /// Where the take-out lies with all its parts; none if that is the whole snapshot.
    take_out: Option<ItemPath>,
}

/// The albums of a snapshot. Tables that this role does not read are none.
pub fn albums(vault: &Vault, info: &SnapshotInfo) -> Albums {
    let mut albums = Albums::default();
    let mut items = list(vault, info, b"");
    let mut left = TABLES_MAX;
    loop {
        let item = match items.next_item() {
            Ok(Some(item)) => item,
            Ok(None) => return albums,
            Err(error) => {
                albums.lost.push(error);
                continue;
            }
        };
        if !may_be_table(&item) || item.facts.length > left {
            continue;
        }
        left -= item.facts.length;
        match part(&mut items.chunks, &item, &(0..item.facts.length)) {
            Ok(content) => albums.take(&item.path, &content),
            Err(error) => albums.lost.push(error),
        }
    }
}

impl Albums {
    /// The names of the albums that a picture is in. Two pictures of one name in the same take-out
    /// are not told apart.
    pub fn of<'a>(&'a self, place: &'a RecordPlace) -> impl Iterator<Item = &'a str> {
        let in_archive = place.members.last().map(|member| member.as_bytes());
        let in_archive = in_archive.and_then(|member| member.rsplit(|&byte| byte == b'/').next());
        let name = in_archive.unwrap_or_else(|| place.file.name());
        let albums = self.named.get(&collision_key(name)).into_iter().flatten();
        let albums = albums.filter_map(|&at| self.albums.get(at));
        let is_of = |album: &&Album| {
            album.take_out.as_ref().is_none_or(|take_out| place.file.is_below(take_out))
        };
        albums.filter(is_of).map(|album| album.name.as_str())
    }

    fn take(&mut self, path: &ItemPath, content: &[u8]) {
        let Some(names) = pictures::album(content) else { return };
        for name in names {
            let albums = self.named.entry(collision_key(name.as_bytes())).or_default();
            // A table may name a picture twice.
            if albums.last() != Some(&self.albums.len()) {
                albums.push(self.albums.len());
            }
        }
        let stem = path.name().get(..path.name().len() - ENDING.len()).unwrap_or_default();
        self.albums.push(Album {
            name: String::from_utf8_lossy(stem).into_owned(),
            // Above the folder of the albums and that of their part.
            take_out: path.parent().and_then(|albums| albums.parent()?.parent()),
        });
    }
}

fn may_be_table(item: &Item) -> bool {
    let name = item.path.name();
    let ending = name.len().checked_sub(ENDING.len()).and_then(|at| name.get(at..));
    item.facts.item_type == ItemType::File
        && item.facts.state == State::Present
        && item.facts.kind == Kind::File.as_str()
        && item.facts.length <= kinds::BESIDE_MAX
        && ending.is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::RecordBytes;

    #[test]
    fn a_picture_is_in_the_albums_of_its_take_out_that_name_it() {
        let path = |text: &str| ItemPath::parse_display(text.as_bytes()).unwrap();
        let mut albums = Albums::default();
        for (table, content) in [
            ("out/Part 1/Alben/See.csv", "Images\nIMG_1.JPG\nIMG_1.JPG\nIMG_2.JPG\n"),
            ("out/Part 1/Alben/Meer.CSV", "imageName\nimg_1.jpg\n"),
            ("out/Part 1/Photos/Photo Details.csv", "imgName,fileChecksum\nIMG_1.JPG,a\n"),
            ("Alben/Berg.csv", "imgName\nIMG_2.JPG\n"),
        ] {
            albums.take(&path(table), content.as_bytes());
        }
        let of = |file: &str, members: &[&str]| {
            let place = RecordPlace {
                file: path(file),
                members: members.iter().map(|&member| member.to_owned()).collect(),
                format: "pictures".to_owned(),
                bytes: RecordBytes::Derived(Vec::new()),
                beside: Vec::new(),
            };
            albums.of(&place).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("out/Part 2/Photos/IMG_1.JPG", &[]), "See Meer");
        assert_eq!(of("out/Part 3.zip", &["Part 3/Photos/IMG_1.JPG"]), "See Meer");
        assert_eq!(of("out/Part 1/Photos/IMG_2.JPG", &[]), "See Berg");
        // Another export has a picture of that name.
        assert_eq!(of("IMG_1.JPG", &[]), "");
        assert_eq!(of("IMG_2.JPG", &[]), "Berg");
        assert_eq!(of("out/Part 1/Photos/IMG_3.JPG", &[]), "");
    }
}
