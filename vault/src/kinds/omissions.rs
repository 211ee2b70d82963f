//! What is not in an export: what none of its sort ever holds, and what this one lacks.
//!
//! The first are facts about Apple's programs, each with where it was learned:
//!
//! | Export | Source |
//! |---|---|
//! | passwords CSV | its columns, as real exports have them; that passkeys cannot go that way is what everybody says who reads it |
//! | payment cards | the names that Safari writes: no security code is among them |
//! | certificates | Keychain Access puts a private key into PKCS#12 alone |
//! | vCard | seen by its cards: none of them names a group |
//! | calendar | Calendar exports one of them at a time |
//! | mailbox | an mbox of Mail has no flags of its own, and no colours or labels |
//! | notes in Markdown | exports of macOS 26 as people have published them |
//! | notes of a take-out | a real one, in which each table is one character |
//! | bookmarks | a real export, without `ADD_DATE` |
//! | take-out | what Apple says of it (HT208502): nothing that is encrypted end to end |
//!
//! That locked notes are in no export, or are empty in it, rests on what people remember.

use std::collections::BTreeSet;

use super::Kind;

/// A sort of export that never holds all that its program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Export {
    /// The table of Apple's Passwords and of Safari.
    Passwords,
    /// Safari's payment cards.
    Cards,
    /// Certificates without keys.
    Certificates,
    /// vCards that name no groups.
    Contacts,
    /// A calendar file.
    Calendar,
    /// A mailbox in one file.
    Mailbox,
    /// Notes as Markdown.
    Notes,
    /// Notes of a take-out.
    NotesTakeOut,
    /// Safari's bookmarks.
    Bookmarks,
    /// What privacy.apple.com sends.
    TakeOut,
}

impl Export {
    /// Every sort, in the order of its declaration.
    pub const ALL: [Self; 10] = [
        Self::Passwords,
        Self::Cards,
        Self::Certificates,
        Self::Contacts,
        Self::Calendar,
        Self::Mailbox,
        Self::Notes,
        Self::NotesTakeOut,
        Self::Bookmarks,
        Self::TakeOut,
    ];

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passwords => "passwords CSV",
            Self::Cards => "card export of Safari",
            Self::Certificates => "certificate file",
            Self::Contacts => "vCard",
            Self::Calendar => "calendar file",
            Self::Mailbox => "mailbox file",
            Self::Notes => "Markdown export of Notes",
            Self::NotesTakeOut => "take-out of Notes",
            Self::Bookmarks => "bookmark file of Safari",
            Self::TakeOut => "take-out",
        }
    }

    /// The kind of what it holds, if that is one.
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Passwords => Some(Kind::Passwords),
            Self::Cards => Some(Kind::Cards),
            Self::Certificates => Some(Kind::Certificate),
            Self::Contacts => Some(Kind::Contact),
            Self::Calendar => Some(Kind::Event),
            Self::Mailbox => Some(Kind::Mail),
            Self::Notes | Self::NotesTakeOut => Some(Kind::Note),
            Self::Bookmarks => Some(Kind::Bookmark),
            Self::TakeOut => None,
        }
    }

    /// What it never holds.
    pub const fn leaves_out(self) -> &'static [&'static str] {
        match self {
            Self::Passwords => &[
                "passkeys",
                "Sign in with Apple",
                "Wi-Fi passwords",
                "names of shared groups",
                "earlier passwords",
                "dates",
            ],
            Self::Cards => &["security codes"],
            Self::Certificates => &["private keys"],
            Self::Contacts => &["lists"],
            Self::Calendar => &["other calendars"],
            Self::Mailbox => &["flags", "colours", "labels"],
            Self::Notes => &["locked notes", "folders", "dates", "pins", "tables"],
            Self::NotesTakeOut => &["locked notes", "tables"],
            Self::Bookmarks => &["dates"],
            Self::TakeOut => &["passwords and keys", "messages", "health data"],
        }
    }
}

/// Something that this export should have and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lack {
    /// Its end.
    End,
    /// A key, of a store that has certificates alone.
    Key,
    /// All of it, for who does not have the account that it was made with.
    Account,
    /// Parts of a message that are in files of their own.
    Attachments,
}

impl Lack {
    /// Every lack, in the order of its declaration.
    pub const ALL: [Self; 4] = [Self::End, Self::Key, Self::Account, Self::Attachments];

    /// Its name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Key => "key",
            Self::Account => "account",
            Self::Attachments => "attachments",
        }
    }
}

/// What is not in content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Omissions {
    /// What it is an export of.
    pub exports: BTreeSet<Export>,
    /// What it lacks.
    pub lacks: BTreeSet<Lack>,
}

impl Omissions {
    /// Nothing but what such an export never holds.
    pub(super) fn of(export: Export) -> Self {
        Self { exports: [export].into(), ..Self::default() }
    }

    /// Takes in what is said of another part of it.
    pub fn join(&mut self, other: Self) {
        self.exports.extend(other.exports);
        self.lacks.extend(other.lacks);
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.exports.is_empty() && self.lacks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_export_and_lack_is_listed_once_and_says_something() {
        let names: BTreeSet<&str> = Export::ALL.iter().map(|export| export.as_str()).collect();
        assert_eq!(names.len(), Export::ALL.len());
        assert!(Export::ALL.iter().all(|export| !export.leaves_out().is_empty()));
        assert!(Export::ALL.is_sorted() && Lack::ALL.is_sorted());
        let mut all = Omissions::default();
        assert!(all.is_empty());
        Export::ALL.into_iter().for_each(|export| all.join(Omissions::of(export)));
        assert_eq!(all.exports.len(), Export::ALL.len());
    }
}
