//! A store over another one that is only read: what is written stays in memory, and is gone when
//! the store is.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Area, Faults, MemoryStore, Name, Object, Store, Strength, Upload};
use crate::error::{ErrorKind, Result};

/// Shows the objects of a store and those written since; the store itself stays as it is.
pub struct OverlayStore {
    below: Arc<dyn Store>,
    written: MemoryStore,
    /// Objects of the store below that were removed from this one.
    removed: Mutex<BTreeSet<Name>>,
}

impl OverlayStore {
    /// Over this store; at most `space` bytes are written.
    pub fn new(below: Arc<dyn Store>, space: u64) -> Self {
        let faults = Faults { space: Some(space), ..Faults::default() };
        let removed = Mutex::new(BTreeSet::new());
        Self { below, written: MemoryStore::with_faults(faults), removed }
    }

    fn is_removed(&self, name: &Name) -> bool {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

impl Store for OverlayStore {
    fn list(&self, area: Area) -> Result<Vec<Name>> {
        let mut names: BTreeSet<Name> = self.below.list(area)?.into_iter().collect();
        names.retain(|name| !self.is_removed(name));
        names.extend(self.written.list(area)?);
        Ok(names.into_iter().collect())
    }

    fn open(&self, name: &Name) -> Result<Box<dyn Object>> {
        match self.written.open(name) {
            Err(error) if error.kind() == ErrorKind::Missing && !self.is_removed(name) => {
                self.below.open(name)
            }
            opened => opened,
        }
    }

    fn create(&self) -> Result<Box<dyn Upload>> {
        self.written.create()
    }

    fn barrier(&self) -> Result<Strength> {
        self.written.barrier()
    }

    fn remove(&self, name: &Name) -> Result<()> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        self.written.remove(name)
    }

    /// Temporary files below belong to others.
    fn reclaim(&self) -> Result<usize> {
        self.written.reclaim()
    }

    /// Nothing that a person could make room on.
    fn space_left(&self) -> Result<Option<u64>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{read_whole, suite, write_whole};

    #[test]
    fn does_what_a_store_does() {
        for case in suite::CASES {
            case(&OverlayStore::new(Arc::new(MemoryStore::new()), 1 << 30));
        }
    }

    #[test]
    fn the_store_below_stays_as_it_is() {
        let below = MemoryStore::new();
        let name = |file| Name::new(Area::Index, file).unwrap();
        write_whole(&below, &name("old"), b"old").unwrap();
        write_whole(&below, &name("kept"), b"kept").unwrap();
        let files = below.files();
        let over = OverlayStore::new(Arc::new(below.clone()), 1000);
        write_whole(&over, &name("new"), b"new").unwrap();
        over.remove(&name("old")).unwrap();
        assert_eq!(over.list(Area::Index).unwrap(), [name("kept"), name("new")]);
        assert_eq!(read_whole(&over, &name("kept"), 10).unwrap(), b"kept");
        assert!(over.open(&name("old")).is_err());
        // What was removed may be written again, as when a broken copy gives way to a whole one.
        write_whole(&over, &name("old"), b"whole").unwrap();
        assert_eq!(read_whole(&over, &name("old"), 10).unwrap(), b"whole");
        let full = write_whole(&over, &name("long"), &[7; 2000]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::NoSpace);
        assert_eq!(below.files(), files);
        assert_eq!(read_whole(&below, &name("old"), 10).unwrap(), b"old");
    }
}
