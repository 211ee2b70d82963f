//! What a file is whose content alone does not tell.

use crate::files::ItemPath;
use crate::kinds::{Kind, Recognised, notes};

/// What a file is that is nothing known by itself: a note, where it lies as a take-out lays notes;
/// else what the person said. `head` are its first bytes.
pub(super) fn in_its_place(
    found: Recognised,
    head: &[u8],
    path: &ItemPath,
    said: Option<Kind>,
) -> Recognised {
    if found.kind != Kind::File || found.dense {
        return found;
    }
    match if is_called_as_its_folder(path) { Some(Kind::Note) } else { said } {
        None => found,
        Some(Kind::Note) if !notes::is_text(head) => found,
        Some(kind @ (Kind::Passwords | Kind::Cards | Kind::Key)) => {
            Recognised { kind, sealed: true, ..found }
        }
        Some(kind) => Recognised { kind, ..found },
    }
}

/// Whether a file is a text in a folder of its own name, as each note of a take-out is.
pub(super) fn is_called_as_its_folder(path: &ItemPath) -> bool {
    let stem = path.name().strip_suffix(b".txt");
    stem.zip(path.parent()).is_some_and(|(stem, folder)| stem == folder.name())
}

/// Where the write-ahead log of a database lies.
pub(super) fn log_of(database: &ItemPath) -> Option<ItemPath> {
    ItemPath::from_key([database.key(), b"-wal"].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::recognise;

    #[test]
    fn what_is_nothing_by_itself_is_told_by_its_place() {
        let kind = |path: &str, head: &[u8], said| {
            let path = ItemPath::parse_display(path.as_bytes()).unwrap();
            let found = in_its_place(recognise(head, head.len() as u64), head, &path, said);
            (found.kind, found.sealed)
        };
        let note = (Kind::Note, false);
        assert_eq!(kind("Notes/旅行/宿/宿.txt", b"text", None), note);
        assert_eq!(kind("Notes/Packing/Attachment.txt", b"text", None), (Kind::File, false));
        assert_eq!(kind("a.txt", b"text", None), (Kind::File, false));
        assert_eq!(kind("a.txt", b"text", Some(Kind::Note)), note);
        assert_eq!(kind("a.bin", b"\0\x01\x02", Some(Kind::Note)), (Kind::File, false));
        assert_eq!(kind("a/a.txt", b"BEGIN:VCARD\r\n", None), (Kind::Contact, false));
        assert_eq!(kind("a.csv", b"a;b", Some(Kind::Passwords)), (Kind::Passwords, true));
    }
}
