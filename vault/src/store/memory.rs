//! A store in memory that fails on request: the simulator of the tests.
//!
//! It has the weakest medium that a vault must survive. Synced bytes stay; a published or removed
//! name is only sure after the next barrier, in any order before it, since some file systems cannot
//! sync a folder. Everything is drawn from seeds: the same seeds give the same run.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Area, Name, Object, Store, Strength, Upload};
use crate::error::{Error, ErrorKind, Result};

/// The unit that a medium writes whole.
const SECTOR_SIZE: usize = 512;

/// What goes wrong, and when. The default is that nothing does. Counts begin at one.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Where a flipped bit lies, how short a short write is.
    pub seed: u64,
    /// The machine stops after so many operations: all later ones fail, and nothing is tidied up.
    pub stop_after: Option<u64>,
    /// This one operation fails with an I/O error, once.
    pub fail_at: Option<u64>,
    /// The bytes that the medium holds, temporary files among them. The write that reaches the end
    /// is short, the next one fails.
    pub space: Option<u64>,
    /// This sync fails and what it should have brought to the medium is lost, though no later sync
    /// says so. Syncs are those of a file, of its folder when it is published, and barriers.
    pub fail_sync_at: Option<u64>,
    /// A sync does nothing and says that it went well.
    pub lose_syncs: bool,
    /// This [`Upload::read_back`] shows one bit flipped, as bad memory or a lying medium would.
    pub corrupt_read_back_at: Option<u64>,
    /// Writes take fewer bytes than offered, and some are interrupted.
    pub short_writes: bool,
    /// A file system without a journal: a power cut before the barrier may leave a name without
    /// its bytes, with a wrong tail, twice or not at all.
    pub fat: bool,
}

/// Objects in memory. A clone is another handle of the same store; [`MemoryStore::copy`] is a
/// store of its own.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    medium: Arc<Mutex<Medium>>,
}

impl MemoryStore {
    /// An empty store that does not fail.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that fails as told.
    pub fn with_faults(faults: Faults) -> Self {
        let store = Self::new();
        store.arm(faults);
        store
    }

    /// Fails as told from now on; operations, syncs and read-backs are counted anew.
    pub fn arm(&self, faults: Faults) {
        let mut medium = self.lock();
        medium.random = Random(faults.seed);
        medium.counts = Counts::default();
        medium.faults = faults;
    }

    /// The operations so far: each list, open, read, create, write, sync, rename, barrier, removal,
    /// reclaim.
    pub fn operations(&self) -> u64 {
        self.lock().counts.operations
    }

    /// The syncs so far, what [`Faults::fail_sync_at`] counts.
    pub fn syncs(&self) -> u64 {
        self.lock().counts.syncs
    }

    /// The read-backs so far, what [`Faults::corrupt_read_back_at`] counts.
    pub fn read_backs(&self) -> u64 {
        self.lock().counts.read_backs
    }

    /// What is found after a power cut now, one of the many possible states for each `seed`: a
    /// store without faults, but for [`Faults::fat`]. This one is left as it is.
    pub fn crash(&self, seed: u64) -> Self {
        let medium = self.lock();
        let mut aftermath = Aftermath::new(seed, medium.faults.fat);
        for (name, content) in &medium.removed {
            aftermath.removed(name, content);
        }
        for (name, placed) in &medium.objects {
            aftermath.object(name, placed);
        }
        for temporary in medium.temporary.values() {
            aftermath.temporary(temporary);
        }
        Self { medium: Arc::new(Mutex::new(aftermath.medium)) }
    }

    /// A store of its own with the same bytes and no faults. All of it is on the medium, and the
    /// writers of its temporary files are gone.
    pub fn copy(&self) -> Self {
        let medium = self.lock();
        let mut copy = Medium::default();
        for (name, placed) in &medium.objects {
            copy.settle(name.clone(), placed.content.bytes.to_vec());
        }
        for temporary in medium.temporary.values() {
            copy.leave(temporary.bytes.to_vec());
        }
        Self { medium: Arc::new(Mutex::new(copy)) }
    }

    /// Every object's name and length, sorted. Not an operation; it never fails.
    pub fn files(&self) -> Vec<(Name, usize)> {
        let medium = self.lock();
        let length = |placed: &Placed| placed.content.bytes.len();
        medium.objects.iter().map(|(name, placed)| (name.clone(), length(placed))).collect()
    }

    /// The bytes of all temporary files. Not an operation.
    pub fn temporary_files(&self) -> Vec<Vec<u8>> {
        self.lock().temporary.values().map(|content| content.bytes.to_vec()).collect()
    }

    /// The bytes of an object. Not an operation.
    pub fn bytes(&self, name: &Name) -> Option<Vec<u8>> {
        self.lock().objects.get(name).map(|placed| placed.content.bytes.to_vec())
    }

    /// Puts an object on the medium, in place of another if there is one: damage, or a forgery.
    /// Not an operation.
    pub fn set(&self, name: &Name, bytes: Vec<u8>) {
        self.lock().settle(name.clone(), bytes);
    }

    /// Takes an object off the medium, as if it had never been there. Not an operation.
    pub fn unset(&self, name: &Name) {
        self.lock().objects.remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Medium> {
        self.medium.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn list(&self, area: Area) -> Result<Vec<Name>> {
        let mut medium = self.lock();
        medium.step().map_err(|error| Error::io("listing", error))?;
        Ok(medium.objects.keys().filter(|name| name.area() == area).cloned().collect())
    }

    fn open(&self, name: &Name) -> Result<Box<dyn Object>> {
        let mut medium = self.lock();
        let opened = medium.step().and_then(|()| {
            let placed = medium.objects.get(name).ok_or(io::ErrorKind::NotFound)?;
            Ok(MemoryObject::new(self, &placed.content))
        });
        Ok(Box::new(opened.map_err(|error| Error::io("opening", error).on(name.to_string()))?))
    }

    fn create(&self) -> Result<Box<dyn Upload>> {
        let mut medium = self.lock();
        medium.step().map_err(|error| Error::io("creating", error))?;
        let number = medium.leave(Vec::new());
        if let Some(content) = medium.temporary.get_mut(&number) {
            content.is_live = true;
        }
        Ok(Box::new(MemoryUpload { store: self.clone(), number, state: State::Writing }))
    }

    fn barrier(&self) -> Result<Strength> {
        let mut medium = self.lock();
        medium.flush().map_err(|error| Error::io("flushing the medium", error))?;
        Ok(if medium.faults.fat { Strength::Written } else { Strength::Durable })
    }

    fn remove(&self, name: &Name) -> Result<()> {
        let mut medium = self.lock();
        medium.step().map_err(|error| Error::io("removing", error).on(name.to_string()))?;
        if let Some(placed) = medium.objects.remove(name) {
            medium.removed.insert(name.clone(), placed.content);
        }
        Ok(())
    }

    fn reclaim(&self) -> Result<usize> {
        let mut medium = self.lock();
        medium.step().map_err(|error| Error::io("reclaiming", error))?;
        let before = medium.temporary.len();
        medium.temporary.retain(|_, content| content.is_live);
        Ok(before - medium.temporary.len())
    }

    fn space_left(&self) -> Result<Option<u64>> {
        let mut medium = self.lock();
        medium.step().map_err(|error| Error::io("asking for the space left", error))?;
        Ok(medium.room())
    }
}

/// The bytes of a file, and how much of them surely is on the medium.
#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Arc<Vec<u8>>,
    synced: usize,
    /// Whether a writer holds it.
    is_live: bool,
}

impl Content {
    fn synced(bytes: Vec<u8>) -> Self {
        Self { synced: bytes.len(), bytes: Arc::new(bytes), is_live: false }
    }
}

/// A content with a name.
#[derive(Debug)]
struct Placed {
    content: Content,
    firmness: Firmness,
}

/// How surely a name is on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Firmness {
    /// A barrier came after it.
    Settled,
    /// No barrier came yet.
    Pending,
    /// A sync that should have brought it there failed, and none does so any more.
    Lost,
}

#[derive(Debug, Default)]
struct Counts {
    operations: u64,
    syncs: u64,
    read_backs: u64,
}

#[derive(Debug, Default)]
struct Medium {
    faults: Faults,
    random: Random,
    counts: Counts,
    objects: BTreeMap<Name, Placed>,
    /// Removed since the last barrier.
    removed: BTreeMap<Name, Content>,
    temporary: BTreeMap<u64, Content>,
    /// The number of the next temporary file.
    next: u64,
}

impl Medium {
    /// Begins an operation.
    fn step(&mut self) -> io::Result<()> {
        self.counts.operations += 1;
        if self.is_stopped() {
            return Err(io::Error::other("the machine stopped"));
        }
        if self.faults.fail_at == Some(self.counts.operations) {
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.faults.stop_after.is_some_and(|count| self.counts.operations > count)
    }

    /// Begins a sync; the answer is whether it brings anything to the medium.
    fn begin_sync(&mut self) -> io::Result<Effect> {
        self.step()?;
        self.counts.syncs += 1;
        Ok(if self.faults.fail_sync_at == Some(self.counts.syncs) {
            Effect::Failed
        } else if self.faults.lose_syncs {
            Effect::Nothing
        } else {
            Effect::Done
        })
    }

    /// Syncs a temporary file.
    fn sync(&mut self, number: u64) -> io::Result<()> {
        let effect = self.begin_sync()?;
        let content = self.temporary.get_mut(&number).ok_or(io::ErrorKind::NotFound)?;
        match effect {
            Effect::Done => content.synced = content.bytes.len(),
            Effect::Nothing => {}
            Effect::Failed => {
                Arc::make_mut(&mut content.bytes).truncate(content.synced);
                return Err(sync_error());
            }
        }
        Ok(())
    }

    /// The barrier.
    fn flush(&mut self) -> io::Result<()> {
        let effect = self.begin_sync()?;
        let pending = self.objects.values_mut().filter(|it| it.firmness == Firmness::Pending);
        match effect {
            Effect::Done => {
                for placed in pending {
                    placed.firmness = Firmness::Settled;
                    placed.content.synced = placed.content.bytes.len();
                }
                for content in self.temporary.values_mut() {
                    content.synced = content.bytes.len();
                }
                self.removed.clear();
                Ok(())
            }
            Effect::Nothing => Ok(()),
            Effect::Failed => {
                pending.for_each(|placed| placed.firmness = Firmness::Lost);
                Err(sync_error())
            }
        }
    }

    fn write(&mut self, number: u64, buffer: &[u8]) -> io::Result<usize> {
        self.step()?;
        let count = self.accepted(buffer.len())?;
        let content = self.temporary.get_mut(&number).ok_or(io::ErrorKind::NotFound)?;
        Arc::make_mut(&mut content.bytes).extend(buffer.iter().take(count));
        Ok(count)
    }

    /// How many of `count` offered bytes are taken.
    fn accepted(&mut self, count: usize) -> io::Result<usize> {
        let mut accepted = count;
        if self.faults.short_writes && count > 0 {
            if self.random.below(4) == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            accepted = 1 + self.random.below(count);
        }
        let Some(room) = self.room() else { return Ok(accepted) };
        match usize::try_from(room).map_or(accepted, |room| room.min(accepted)) {
            0 if count > 0 => Err(io::ErrorKind::StorageFull.into()),
            accepted => Ok(accepted),
        }
    }

    fn room(&self) -> Option<u64> {
        let named = self.objects.values().map(|placed| &placed.content);
        let contents = named.chain(self.temporary.values());
        let used = || contents.map(|content| content.bytes.len() as u64).sum();
        self.faults.space.map(|space| space.saturating_sub(used()))
    }

    /// Gives a temporary file a name, unless it is taken.
    fn rename(&mut self, number: u64, name: &Name) -> io::Result<()> {
        self.step()?;
        let is_taken = self.objects.contains_key(name);
        if is_taken && name.area() == Area::Top {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut content = self.temporary.remove(&number).ok_or(io::ErrorKind::NotFound)?;
        content.is_live = false;
        if !is_taken {
            self.objects.insert(name.clone(), Placed { content, firmness: Firmness::Pending });
        }
        Ok(())
    }

    /// Syncs the folder of a name. When it goes well nothing is sure yet: where a folder cannot be
    /// synced, that is taken for going well.
    fn sync_folder(&mut self, name: &Name) -> io::Result<()> {
        if self.begin_sync()? != Effect::Failed {
            return Ok(());
        }
        let placed = self.objects.get_mut(name).filter(|it| it.firmness == Firmness::Pending);
        if let Some(placed) = placed {
            placed.firmness = Firmness::Lost;
        }
        Err(sync_error())
    }

    /// Puts an object on the medium.
    fn settle(&mut self, name: Name, bytes: Vec<u8>) {
        let content = Content::synced(bytes);
        self.objects.insert(name, Placed { content, firmness: Firmness::Settled });
    }

    /// Puts a temporary file without a writer on the medium.
    fn leave(&mut self, bytes: Vec<u8>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.temporary.insert(number, Content::synced(bytes));
        number
    }
}

/// What a sync does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Done,
    Nothing,
    Failed,
}

fn sync_error() -> io::Error {
    io::Error::other("input/output error while syncing")
}

/// An object being read. It sees the bytes as they were when it was opened.
struct MemoryObject {
    store: MemoryStore,
    bytes: Arc<Vec<u8>>,
    /// The bit that is shown wrong.
    flipped: Option<Flip>,
}

struct Flip {
    position: usize,
    mask: u8,
}

impl MemoryObject {
    fn new(store: &MemoryStore, content: &Content) -> Self {
        Self { store: store.clone(), bytes: Arc::clone(&content.bytes), flipped: None }
    }
}

impl Object for MemoryObject {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.store.lock().step()?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.saturating_add(buffer.len());
        let bytes = self.bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        if let Some(Flip { position, mask }) = self.flipped
            && let Some(byte) = position.checked_sub(start).and_then(|at| buffer.get_mut(at))
        {
            *byte ^= mask;
        }
        Ok(())
    }
}

/// An object being written.
struct MemoryUpload {
    store: MemoryStore,
    number: u64,
    state: State,
}

/// How far an upload has come; as in a folder, a sync that failed is not tried again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Writing,
    Synced,
    Broken,
}

impl MemoryUpload {
    fn sync(&mut self) -> Result<()> {
        match self.state {
            State::Synced => return Ok(()),
            State::Broken => {
                return Err(Error::new(ErrorKind::Failed, "publishing what could not be synced:"));
            }
            State::Writing => {}
        }
        self.state = State::Broken;
        self.store.lock().sync(self.number).map_err(|error| Error::io("syncing", error))?;
        self.state = State::Synced;
        Ok(())
    }

    fn settle(&mut self, name: &Name) -> Result<()> {
        self.sync()?;
        let mut medium = self.store.lock();
        medium.rename(self.number, name).map_err(|error| Error::io("publishing", error))?;
        medium.sync_folder(name).map_err(|error| Error::io("syncing the folder of", error))
    }
}

impl io::Write for MemoryUpload {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.state != State::Writing {
            return Err(io::Error::other("the file is complete"));
        }
        self.store.lock().write(self.number, buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for MemoryUpload {
    fn read_back(&mut self) -> Result<Box<dyn Object>> {
        self.sync()?;
        let mut medium = self.store.lock();
        medium.step().map_err(|error| Error::io("opening", error))?;
        medium.counts.read_backs += 1;
        let is_corrupt = medium.faults.corrupt_read_back_at == Some(medium.counts.read_backs);
        let content = medium
            .temporary
            .get(&self.number)
            .ok_or_else(|| Error::new(ErrorKind::Missing, "opening"))?;
        let mut object = MemoryObject::new(&self.store, content);
        if is_corrupt && !object.bytes.is_empty() {
            let position = medium.random.below(object.bytes.len());
            object.flipped = Some(Flip { position, mask: 1 << medium.random.below(8) });
        }
        Ok(Box::new(object))
    }

    fn publish(mut self: Box<Self>, name: &Name) -> Result<()> {
        self.settle(name).map_err(|error| error.on(name.to_string()))
    }
}

impl Drop for MemoryUpload {
    fn drop(&mut self) {
        let mut medium = self.store.lock();
        // A machine that stopped does not tidy up.
        if !medium.is_stopped() {
            medium.temporary.remove(&self.number);
        }
    }
}

/// What a power cut leaves.
struct Aftermath {
    random: Random,
    fat: bool,
    medium: Medium,
}

impl Aftermath {
    fn new(seed: u64, fat: bool) -> Self {
        let faults = Faults { fat, ..Faults::default() };
        Self { random: Random(seed), fat, medium: Medium { faults, ..Medium::default() } }
    }

    /// A removal may not have reached the medium.
    fn removed(&mut self, name: &Name, content: &Content) {
        if self.random.below(2) == 0 {
            let bytes = self.surviving(content);
            self.medium.settle(name.clone(), bytes);
        }
    }

    fn object(&mut self, name: &Name, placed: &Placed) {
        let content = &placed.content;
        match placed.firmness {
            Firmness::Settled => self.medium.settle(name.clone(), content.bytes.to_vec()),
            Firmness::Pending => {
                let bytes = self.surviving(content);
                self.half_renamed(name, bytes);
            }
            Firmness::Lost => {
                let unsynced = Content { synced: 0, ..content.clone() };
                let bytes = self.surviving(&unsynced);
                self.half_renamed(name, bytes);
            }
        }
    }

    /// A rename is done or not; without a journal, anything in between too.
    fn half_renamed(&mut self, name: &Name, mut bytes: Vec<u8>) {
        let outcomes = if self.fat { 7 } else { 2 };
        match self.random.below(outcomes) {
            0 => {}
            1 => {
                self.medium.leave(bytes);
                return;
            }
            2 => {
                self.medium.leave(bytes.clone());
            }
            3 => bytes.clear(),
            4 => self.spoil_tail(&mut bytes, false),
            5 => self.spoil_tail(&mut bytes, true),
            _ => return,
        }
        self.medium.settle(name.clone(), bytes);
    }

    /// A file without a name of its own may be there, and its entry may not.
    fn temporary(&mut self, content: &Content) {
        if self.random.below(3) > 0 {
            let bytes = self.surviving(content);
            self.medium.leave(bytes);
        }
    }

    /// What is left of a file: all that was synced, and of the rest a prefix or some sectors.
    fn surviving(&mut self, content: &Content) -> Vec<u8> {
        let mut bytes = content.bytes.to_vec();
        let unsynced = bytes.len().saturating_sub(content.synced);
        if unsynced == 0 {
            return bytes;
        }
        match self.random.below(4) {
            0 => {}
            1 => bytes.truncate(content.synced + self.random.below(unsynced)),
            kind => {
                let first = content.synced.div_ceil(SECTOR_SIZE);
                for sector in bytes.chunks_mut(SECTOR_SIZE).skip(first) {
                    if self.random.below(2) == 0 {
                        self.random.overwrite(sector, kind == 2);
                    }
                }
            }
        }
        bytes
    }

    /// The length is right, but not all sectors were written.
    fn spoil_tail(&mut self, bytes: &mut [u8], is_stale: bool) {
        let sectors = bytes.len().div_ceil(SECTOR_SIZE);
        let first = self.random.below(sectors.max(1));
        for sector in bytes.chunks_mut(SECTOR_SIZE).skip(first) {
            self.random.overwrite(sector, is_stale);
        }
    }
}

/// SplitMix64: small, and the same everywhere.
#[derive(Debug, Default)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, zero when that is zero.
    fn below(&mut self, bound: usize) -> usize {
        let drawn = self.next().checked_rem(bound as u64).unwrap_or_default();
        usize::try_from(drawn).unwrap_or_default()
    }

    /// Makes zeros of the bytes, or what another file left there.
    fn overwrite(&mut self, bytes: &mut [u8], is_stale: bool) {
        for part in bytes.chunks_mut(8) {
            let drawn = if is_stale { self.next() } else { 0 };
            for (byte, value) in part.iter_mut().zip(drawn.to_le_bytes()) {
                *byte = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write as _;

    use super::*;
    use crate::store::{read_whole, suite, write_whole};

    fn name(file: &str) -> Name {
        Name::new(Area::Index, file).unwrap()
    }

    /// The bytes of the objects and of the temporary files.
    type Contents = (Vec<(Name, Vec<u8>)>, Vec<Vec<u8>>);

    fn contents(store: &MemoryStore) -> Contents {
        let files = store.files().into_iter();
        let files = files.map(|(name, _)| (name.clone(), store.bytes(&name).unwrap()));
        (files.collect(), store.temporary_files())
    }

    #[test]
    fn keeps_the_contract() {
        for case in suite::CASES {
            case(&MemoryStore::new());
            case(&MemoryStore::with_faults(Faults { short_writes: true, ..Faults::default() }));
        }
    }

    #[test]
    fn operations_are_counted() {
        let store = MemoryStore::new();
        // Create, write, sync, rename, sync of the folder.
        write_whole(&store, &name("a"), b"bytes").unwrap();
        assert_eq!((store.operations(), store.syncs()), (5, 2));
        // Open and read.
        read_whole(&store, &name("a"), 5).unwrap();
        store.list(Area::Index).unwrap();
        store.barrier().unwrap();
        store.remove(&name("a")).unwrap();
        store.reclaim().unwrap();
        assert_eq!((store.operations(), store.syncs()), (11, 3));
    }

    #[test]
    fn stopped_machine_does_nothing_more() {
        for count in 0..5 {
            let faults = Faults { stop_after: Some(count), ..Faults::default() };
            let store = MemoryStore::with_faults(faults);
            let error = write_whole(&store, &name("a"), b"bytes").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed, "{count}");
            assert!(store.list(Area::Index).is_err() && store.barrier().is_err());
            // The temporary file stays from its creation to the rename.
            assert_eq!(store.temporary_files().len(), usize::from((1..4).contains(&count)));
            assert_eq!(store.files().len(), usize::from(count == 4));
            let after = store.copy();
            assert_eq!(after.reclaim().unwrap(), usize::from((1..4).contains(&count)));
        }
    }

    #[test]
    fn one_operation_fails_once() {
        for at in 1..=5 {
            let store = MemoryStore::with_faults(Faults { fail_at: Some(at), ..Faults::default() });
            assert!(write_whole(&store, &name("a"), b"bytes").is_err(), "{at}");
            assert_eq!(store.temporary_files().len(), 0, "{at}");
            write_whole(&store, &name("a"), b"bytes").unwrap();
            assert_eq!(read_whole(&store, &name("a"), 5).unwrap(), b"bytes");
        }
    }

    #[test]
    fn full_medium_is_no_space() {
        for space in 0..12 {
            let store =
                MemoryStore::with_faults(Faults { space: Some(space), ..Faults::default() });
            assert_eq!(store.space_left().unwrap(), Some(space));
            let error = ["a", "b"]
                .into_iter()
                .find_map(|file| write_whole(&store, &name(file), b"sixsix").err())
                .unwrap_or_else(|| panic!("{space} bytes hold twelve"));
            assert_eq!(error.kind(), ErrorKind::NoSpace, "{space}");
            assert_eq!(store.files().len(), usize::from(space >= 6));
            assert_eq!(store.space_left().unwrap(), Some(space % 6));
        }
    }

    #[test]
    fn failed_sync_loses_what_it_held() {
        let store = MemoryStore::with_faults(Faults { fail_sync_at: Some(1), ..Faults::default() });
        let mut upload = store.create().unwrap();
        upload.write_all(b"bytes").unwrap();
        assert!(upload.read_back().is_err());
        assert_eq!(store.temporary_files(), [b""]);
        assert!(upload.read_back().is_err());
        assert!(upload.publish(&name("a")).is_err());
        assert_eq!(contents(&store), (Vec::new(), Vec::new()));
    }

    #[test]
    fn failed_barrier_is_not_mended_by_the_next() {
        let store = MemoryStore::with_faults(Faults { fail_sync_at: Some(3), ..Faults::default() });
        write_whole(&store, &name("a"), b"bytes").unwrap();
        assert!(store.barrier().is_err());
        assert_eq!(store.barrier().unwrap(), Strength::Durable);
        assert!((0..64).any(|seed| store.crash(seed).bytes(&name("a")).is_none()));
    }

    #[test]
    fn corrupt_read_back_differs_in_one_bit() {
        for seed in 0..32 {
            let faults = Faults { seed, corrupt_read_back_at: Some(2), ..Faults::default() };
            let store = MemoryStore::with_faults(faults);
            let mut upload = store.create().unwrap();
            upload.write_all(&[0; 100]).unwrap();
            for expected in [0, 1, 0] {
                let mut object = upload.read_back().unwrap();
                let mut bytes = [0; 100];
                // In two pieces, so that the place of the bit is right in each.
                let (front, back) = bytes.split_at_mut(33);
                object.read_at(0, front).unwrap();
                object.read_at(33, back).unwrap();
                assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), expected);
            }
        }
    }

    #[test]
    fn crash_is_the_same_for_the_same_seed() {
        for fat in [false, true] {
            let store = MemoryStore::with_faults(Faults { fat, ..Faults::default() });
            for file in ["a", "b", "c"] {
                write_whole(&store, &name(file), &[7; 2000]).unwrap();
            }
            let mut upload = store.create().unwrap();
            upload.write_all(&[9; 5000]).unwrap();
            let states = |seeds| {
                let states = (0..seeds).map(|seed| contents(&store.crash(seed)));
                states.collect::<Vec<_>>()
            };
            assert_eq!(states(64), states(64));
            assert!(states(64).into_iter().collect::<BTreeSet<_>>().len() > 32);
        }
    }

    #[test]
    fn crash_keeps_what_a_barrier_followed() {
        for fat in [false, true] {
            let store = MemoryStore::with_faults(Faults { fat, ..Faults::default() });
            write_whole(&store, &name("kept"), &[7; 2000]).unwrap();
            write_whole(&store, &name("gone"), &[7; 2000]).unwrap();
            store.remove(&name("gone")).unwrap();
            store.barrier().unwrap();
            store.remove(&name("kept")).unwrap();
            write_whole(&store, &name("kept"), &[8; 10]).unwrap();
            store.set(&name("kept"), vec![7; 2000]);
            for seed in 0..64 {
                let after = store.crash(seed);
                assert_eq!(contents(&after), (vec![(name("kept"), vec![7; 2000])], Vec::new()));
            }
        }
    }

    #[test]
    fn crash_of_a_journal_leaves_a_name_whole_or_absent() {
        let store = MemoryStore::new();
        write_whole(&store, &name("a"), &[7; 2000]).unwrap();
        let mut seen = BTreeSet::new();
        for seed in 0..64 {
            let after = store.crash(seed);
            // The rename was done or not: the bytes are under one name.
            match after.bytes(&name("a")) {
                Some(bytes) => {
                    assert_eq!((bytes, after.temporary_files().len()), (vec![7; 2000], 0));
                }
                None => assert_eq!(after.temporary_files(), [vec![7; 2000]]),
            }
            seen.insert(after.files().len());
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn crash_of_fat_leaves_what_it_likes() {
        let store = MemoryStore::with_faults(Faults { fat: true, ..Faults::default() });
        write_whole(&store, &name("a"), &[7; 2000]).unwrap();
        let states = (0..256).map(|seed| {
            let after = store.crash(seed);
            let bytes = after.bytes(&name("a"));
            let tail = bytes.as_ref().map(|bytes| bytes.last().copied());
            let is_whole = bytes.as_ref().is_some_and(|bytes| *bytes == [7; 2000]);
            match tail {
                None => ("absent", after.temporary_files().len()),
                Some(None) => ("empty", 0),
                Some(_) if is_whole => ("whole", after.temporary_files().len()),
                Some(Some(0)) => ("zeros", 0),
                Some(Some(_)) => ("stale", 0),
            }
        });
        let expected = [
            ("absent", 0),
            ("absent", 1),
            ("empty", 0),
            ("stale", 0),
            ("whole", 0),
            ("whole", 1),
            ("zeros", 0),
        ];
        assert_eq!(states.collect::<BTreeSet<_>>(), expected.into());
    }

    #[test]
    fn crash_tears_what_was_not_synced() {
        let store = MemoryStore::new();
        let mut upload = store.create().unwrap();
        upload.write_all(&[7; 2000]).unwrap();
        let lengths: BTreeSet<_> = (0..64)
            .flat_map(|seed| store.crash(seed).temporary_files())
            .map(|bytes| bytes.iter().filter(|&&byte| byte == 7).count())
            .collect();
        assert!(lengths.len() > 8, "{lengths:?}");
        upload.read_back().unwrap();
        for bytes in (0..64).flat_map(|seed| store.crash(seed).temporary_files()) {
            assert_eq!(bytes, [7; 2000]);
        }
        drop(upload);
    }

    #[test]
    fn removal_may_come_back() {
        let store = MemoryStore::new();
        store.set(&name("a"), b"bytes".to_vec());
        store.remove(&name("a")).unwrap();
        let seen: BTreeSet<_> = (0..16).map(|seed| store.crash(seed).bytes(&name("a"))).collect();
        assert_eq!(seen, [None, Some(b"bytes".to_vec())].into());
        store.barrier().unwrap();
        assert!((0..16).all(|seed| store.crash(seed).files().is_empty()));
    }

    #[test]
    fn lost_syncs_keep_nothing() {
        let store = MemoryStore::with_faults(Faults { lose_syncs: true, ..Faults::default() });
        write_whole(&store, &name("a"), &[7; 2000]).unwrap();
        assert_eq!(store.barrier().unwrap(), Strength::Durable);
        let is_torn = |bytes: Vec<u8>| bytes != [7; 2000];
        assert!((0..64).any(|seed| store.crash(seed).bytes(&name("a")).is_some_and(is_torn)));
        assert!((0..64).any(|seed| store.crash(seed).bytes(&name("a")).is_none()));
    }

    #[test]
    fn copy_is_a_store_of_its_own() {
        let store = MemoryStore::new();
        store.set(&name("a"), b"a".to_vec());
        let copy = store.copy();
        copy.set(&name("a"), b"b".to_vec());
        copy.unset(&name("none"));
        let [one, other] = [store.clone(), store];
        one.set(&name("a"), b"c".to_vec());
        assert_eq!(other.bytes(&name("a")).unwrap(), b"c");
        assert_eq!(copy.bytes(&name("a")).unwrap(), b"b");
        assert_eq!(copy.files(), [(name("a"), 1)]);
    }
}
