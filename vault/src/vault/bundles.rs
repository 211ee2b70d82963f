//! Documents in bundle form: folders that are one record each, though their members come one by one.

use zeroize::Zeroizing;

use super::assets::{Asset, WholeFile};
use crate::chunk::Content;
use crate::files::ItemPath;
use crate::keys::Compartment;
use crate::kinds::documents::Bundle;

/// A bundle that the walk is in.
pub(super) struct DocumentBundle {
    folder: ItemPath,
    general: Bundle,
    sealed: Bundle,
    main: Option<Main>,
}

/// The best member so far that the document is opened by.
struct Main {
    rank: usize,
    path: ItemPath,
    compartment: Compartment,
    content: Content,
    length: u64,
}

impl DocumentBundle {
    pub(super) fn new(folder: ItemPath) -> Self {
        let (general, sealed) = (Bundle::default(), Bundle::default());
        Self { folder, general, sealed, main: None }
    }

    /// What is known of the members of a compartment.
    fn of(&mut self, compartment: Compartment) -> &mut Bundle {
        match compartment {
            Compartment::Sealed => &mut self.sealed,
            Compartment::Index | Compartment::General => &mut self.general,
        }
    }

    /// Begins with a member, whose bytes follow.
    pub(super) fn begin(&mut self, path: &ItemPath, compartment: Compartment) {
        let Some(name) = name_below(path, &self.folder) else { return };
        self.of(compartment).begin(&name);
    }

    pub(super) fn push(&mut self, compartment: Compartment, bytes: &[u8]) {
        self.of(compartment).push(bytes);
    }

    /// A member came to its end.
    pub(super) fn end(
        &mut self,
        path: &ItemPath,
        compartment: Compartment,
        content: &Content,
        length: u64,
    ) {
        self.of(compartment).end();
        let rank = name_below(path, &self.folder).and_then(|name| Bundle::rank(&name));
        let Some(rank) = rank.filter(|_| length > 0) else { return };
        if self.main.as_ref().is_none_or(|main| rank < main.rank) {
            let (path, content) = (path.clone(), content.clone());
            self.main = Some(Main { rank, path, compartment, content, length });
        }
    }

    /// The document: it is in the compartment of its main member, and so is all that is told of it.
    /// None without a member that it is opened by.
    pub(super) fn asset(self) -> Option<Asset> {
        let Self { folder, general, sealed, main } = self;
        let Main { path, compartment, content, length, .. } = main?;
        let bundle = if compartment == Compartment::Sealed { sealed } else { general };
        let mut record = bundle.record();
        if record.title.is_empty() {
            record.title = String::from_utf8_lossy(folder.name()).into_owned();
        }
        // The same as that of a file in its place.
        if record.identity.bytes.is_empty() {
            record.identity.bytes = Zeroizing::new(folder.key().to_vec());
        }
        let main = WholeFile { path, compartment, record, content, length };
        Some(Asset { main, beside: vec![folder] })
    }
}

/// The name of a member of a bundle: its path below the folder, with slashes.
pub(super) fn name_below(path: &ItemPath, folder: &ItemPath) -> Option<Vec<u8>> {
    let mut name = path.key().strip_prefix(folder.key())?.strip_prefix(&[0])?.to_vec();
    name.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'/');
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERAL: Compartment = Compartment::General;
    const SEALED: Compartment = Compartment::Sealed;

    /// What becomes of a bundle with these members: names, compartments and contents.
    fn asset(members: &[(&str, Compartment, &str)]) -> Option<Asset> {
        let folder = ItemPath::parse_display(b"a/Sticky.rtfd").unwrap();
        let mut bundle = DocumentBundle::new(folder.clone());
        for (name, compartment, content) in members {
            let path = name
                .split('/')
                .fold(folder.clone(), |folder, name| folder.join(name.as_bytes()).unwrap());
            bundle.begin(&path, *compartment);
            bundle.push(*compartment, content.as_bytes());
            bundle.end(&path, *compartment, &Content::default(), content.len() as u64);
        }
        bundle.asset()
    }

    #[test]
    fn a_record_tells_nothing_of_the_other_compartment() {
        let essence = |compartment, key| {
            let text = ("TXT.rtf", compartment, "{\\rtf1}");
            let members = [("a/key.pem", SEALED, key), ("b.png", GENERAL, "b"), text];
            let Asset { main, .. } = asset(&members).unwrap();
            assert_eq!(main.compartment, compartment);
            main.record.essence.to_vec()
        };
        assert_eq!(essence(GENERAL, "one"), essence(GENERAL, "two"));
        assert_ne!(essence(SEALED, "one"), essence(SEALED, "two"));
    }

    #[test]
    fn a_bundle_is_called_after_its_folder() {
        let members = [("TXT.rtf", GENERAL, "{\\rtf1}"), ("text.md", GENERAL, "a")];
        let Asset { main, beside } = asset(&members).unwrap();
        assert_eq!(
            (main.path.name(), main.record.title.as_str()),
            (&b"TXT.rtf"[..], "Sticky.rtfd")
        );
        assert_eq!(main.record.identity.bytes.as_slice(), b"a\0Sticky.rtfd");
        assert!(beside.iter().all(|folder| main.path.is_below(folder)) && beside.len() == 1);
        // Nothing that it is opened by, or nothing in it.
        assert!(asset(&[("b.png", GENERAL, "b")]).is_none());
        assert!(asset(&[("TXT.rtf", GENERAL, "")]).is_none());
    }
}
