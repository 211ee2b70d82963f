//! What a caller is told while work runs. The library reports; whoever called it draws.

/// Receives progress. Every method may be called from any thread and must return at once.
pub trait Progress: Sync {
    /// A new phase of the work begins, with the bytes it expects to go through if known.
    fn phase(&self, _phase: Phase, _bytes_total: Option<u64>) {}

    /// So many more bytes of the phase are done.
    fn bytes(&self, _bytes: u64) {}

    /// One more item of the phase is done.
    fn item(&self) {}

    /// Told before anything is written: the source is larger than the space that is left. It may
    /// fit all the same, what the vault has already takes none.
    fn tight(&self, _bytes_total: u64, _space_left: u64) {}
}

/// The phases of the long operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Counting what there is to store.
    Scanning,
    /// Reading a source and storing it.
    Storing,
    /// Writing items out.
    Extracting,
    /// Verifying what the vault holds.
    Checking,
    /// Bringing a copy up to date.
    Copying,
}

/// Progress that nobody looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
