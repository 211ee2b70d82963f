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

/// Where Mail keeps an attachment in a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttachmentPlace<'p> {
    /// The key of the folder above those of messages and attachments.
    pub(super) store: &'p [u8],
    /// The number of the message.
    pub(super) message: &'p [u8],
    /// Which part of the message it is.
    pub(super) section: &'p str,
    /// Whether it is encoded as it was in the message.
    pub(super) is_encoded: bool,
}

impl<'p> AttachmentPlace<'p> {
    /// What `…/Attachments/4713/2/ticket.pdf` and `…/Messages/4713.2.emlxpart` are of; none for
    /// other paths.
    pub(super) fn of(path: &'p ItemPath) -> Option<Self> {
        let name = path.name();
        if let Some(numbers) = name.strip_suffix(b".emlxpart") {
            let dot = numbers.iter().position(|&byte| byte == b'.')?;
            let (message, section) = numbers.split_at_checked(dot)?;
            let store = above(above(path.key()));
            return Self::new(store, message, section.strip_prefix(b".")?, true);
        }
        let part = above(path.key());
        let message = above(part);
        let all = above(message);
        let is_attachment = last(all) == b"Attachments";
        is_attachment.then(|| Self::new(above(all), last(message), last(part), false))?
    }

    fn new(
        store: &'p [u8],
        message: &'p [u8],
        section: &'p [u8],
        is_encoded: bool,
    ) -> Option<Self> {
        let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let is_section = section.split(|&byte| byte == b'.').all(is_number);
        let section = str::from_utf8(section).ok().filter(|_| is_section && is_number(message))?;
        Some(Self { store, message, section, is_encoded })
    }
}

/// Where the attachments of the message at `…/Messages/4713.partial.emlx` are looked for: the key of
/// the folder above that of messages, and its number.
pub(super) fn message_place(path: &ItemPath) -> (&[u8], &[u8]) {
    let number = path.name().split(|&byte| byte == b'.').next();
    (above(above(path.key())), number.unwrap_or_default())
}

/// The key of the folder that a key is in.
fn above(key: &[u8]) -> &[u8] {
    let end = key.iter().rposition(|&byte| byte == 0).unwrap_or(0);
    key.get(..end).unwrap_or_default()
}

/// The last name in a key.
fn last(key: &[u8]) -> &[u8] {
    key.rsplit(|&byte| byte == 0).next().unwrap_or_default()
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

    #[test]
    fn attachments_are_told_by_their_place() {
        let path = |text: &str| ItemPath::parse_display(text.as_bytes()).unwrap();
        let told = |text: &str| {
            let path = path(text);
            let place = AttachmentPlace::of(&path);
            place.map(|it| {
                let text = |key: &[u8]| String::from_utf8_lossy(key).replace('\0', "/");
                (text(it.store), text(it.message), it.section.to_owned(), it.is_encoded)
            })
        };
        let place = |store: &str, message: &str, section: &str, is_encoded| {
            Some((store.to_owned(), message.to_owned(), section.to_owned(), is_encoded))
        };
        for (text, expected) in [
            ("a.mbox/Attachments/47/1.2/b.pdf", place("a.mbox", "47", "1.2", false)),
            ("Attachments/47/2/b.pdf", place("", "47", "2", false)),
            ("a/Messages/47.2.emlxpart", place("a", "47", "2", true)),
            ("a/Messages/47.1.2.emlxpart", place("a", "47", "1.2", true)),
            // A document in bundle form was unpacked there.
            ("a/Attachments/47/2/b.pages/Index.zip", None),
            ("a/Attachments/47/b.pdf", None),
            ("a/Attachments/47/2./b.pdf", None),
            ("a/Attachments/x/2/b.pdf", None),
            ("a/Other/47/2/b.pdf", None),
            ("47/2/b.pdf", None),
            ("a/Messages/47.emlxpart", None),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        let message = path("a/b/Messages/47.partial.emlx");
        assert_eq!(message_place(&message), (b"a\0b".as_slice(), b"47".as_slice()));
        let alone = path("47.partial.emlx");
        assert_eq!(message_place(&alone), (b"".as_slice(), b"47".as_slice()));
    }
}
