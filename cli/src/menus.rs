//! Which menu of which of Apple's programs exports a kind; the README has them as a table.

use vault::kinds::{Export, Kind};

/// Where a person finds an export.
pub(crate) struct Menu {
    /// The program.
    pub(crate) app: &'static str,
    /// The way through its menus.
    pub(crate) path: &'static str,
}

/// The menu that exports a kind; none for what no program has one for.
pub(crate) fn menu(kind: Kind) -> Option<Menu> {
    let (app, path) = match kind {
        Kind::Passwords => ("Passwords", "File > Export All Items to File"),
        Kind::Cards | Kind::Bookmark | Kind::History => {
            ("Safari", "File > Export Browsing Data to File")
        }
        Kind::Key => ("Keychain Access", "File > Export Items, as .p12"),
        Kind::Certificate => ("Keychain Access", "File > Export Items, as .cer"),
        Kind::Contact => ("Contacts", "File > Export > Export vCard"),
        Kind::Event => ("Calendar", "File > Export > Export"),
        Kind::Mail => ("Mail", "Mailbox > Export Mailbox"),
        Kind::Photo | Kind::Video => ("Photos", "File > Export > Export Unmodified Originals"),
        Kind::Sound => ("Voice Memos", "Share"),
        Kind::Note => ("Notes", "File > Export as > Markdown"),
        Kind::Health => ("Health", "picture > Export All Health Data (iPhone)"),
        Kind::Document => ("iCloud Drive", "Download Now in Finder, then copy"),
        Kind::File => return None,
    };
    Some(Menu { app, path })
}

impl Menu {
    /// Both in one line.
    pub(crate) fn text(&self) -> String {
        format!("{} > {}", self.app, self.path)
    }
}

/// The sorts of exports with records of a kind that never hold all that their programs have.
pub(crate) fn exports(kind: &str) -> impl Iterator<Item = Export> {
    let of = move |export: &Export| export.kind().is_some_and(|found| found.as_str() == kind);
    Export::ALL.into_iter().filter(of)
}
