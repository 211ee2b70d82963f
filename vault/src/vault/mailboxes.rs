//! How many messages Mail says a mailbox has, beside how many were found in it.

use std::collections::BTreeMap;

use crate::files::ItemPath;

/// What Mail calls a mailbox in its bundle, and its table of contents; neither is localised.
pub(super) const MAILBOX: &[u8] = b"mbox";
pub(super) const CONTENTS: &[u8] = b"table_of_contents";

/// The mailboxes of an add by the folders they are in.
#[derive(Default)]
pub(super) struct Mailboxes(BTreeMap<Option<ItemPath>, Counts>);

#[derive(Default)]
struct Counts {
    found: Option<u64>,
    told: Option<u64>,
}

impl Mailboxes {
    /// So many messages were found in the mailbox at `path`.
    pub(super) fn found(&mut self, path: &ItemPath, count: u64) {
        self.0.entry(path.parent()).or_default().found = Some(count);
    }

    /// So many are told by the table of contents at `path`.
    pub(super) fn told(&mut self, path: &ItemPath, count: u64) {
        self.0.entry(path.parent()).or_default().told = Some(count);
    }

    /// The tables that tell another number.
    pub(super) fn wrong(self) -> impl Iterator<Item = ItemPath> {
        let wrong = self.0.into_iter().filter(|(_, counts)| {
            counts.found.zip(counts.told).is_some_and(|(found, told)| found != told)
        });
        wrong.filter_map(|(folder, _)| match folder {
            Some(folder) => folder.join(CONTENTS).ok(),
            None => ItemPath::new(CONTENTS).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_tells_another_number_is_named() {
        let path = |text: &str| ItemPath::parse_display(text.as_bytes()).unwrap();
        let mut mailboxes = Mailboxes::default();
        for (folder, found, told) in
            [("a.mbox/", 3, Some(3)), ("b.mbox/", 3, Some(4)), ("", 1, None)]
        {
            mailboxes.found(&path(&format!("{folder}mbox")), found);
            if let Some(told) = told {
                mailboxes.told(&path(&format!("{folder}table_of_contents")), told);
            }
        }
        let wrong: Vec<ItemPath> = mailboxes.wrong().collect();
        assert_eq!(wrong, [path("b.mbox/table_of_contents")]);
    }
}
