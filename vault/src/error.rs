//! The one error of the library: which operation failed, on which object, why, and the way out.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What class of failure this is; a caller decides by this and never by the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something outside the vault failed: a disk, a permission, a missing file.
    Failed,
    /// No item, snapshot or slot of that name.
    NotFound,
    /// A name fits several items; `hint` lists them.
    Ambiguous,
    /// There is no vault at that place.
    NoVault,
    /// Another process holds the vault for a key change or a clean-up.
    Held,
    /// No slot opens with this passphrase or identity, or the vault's fingerprint is another one.
    WrongKey,
    /// The key bundle does not hold what the operation needs.
    NotPermitted,
    /// The medium is full.
    NoSpace,
    /// The folder or file is not a vault's.
    NotAVault,
    /// A newer format than this program reads.
    Newer,
    /// Bytes of the vault are not what was written.
    Damaged,
    /// An object that should be there is not.
    Missing,
    /// An object is there by name only: a synced folder keeps its bytes elsewhere.
    NotDownloaded,
    /// A name or path that will not be written, or an input over a limit.
    Refused,
}

/// A failure: `operation object: source`, with a hint when there is a way out.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    object: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of `kind`; `operation` is lower case and says what was wrong or being done.
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        Self(Box::new(Inner { kind, operation, object: None, hint: None, source: None }))
    }

    /// An I/O failure: `NoSpace` for a full medium, `Missing` for an absent file, else `Failed`.
    pub fn io(operation: &'static str, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Failed,
        };
        Self::new(kind, operation).because(source)
    }

    /// Names the thing the operation was about, escaped by whoever prints it.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        self.0.object = Some(object.into());
        self
    }

    /// Names the thing unless an inner layer already named a nearer one.
    #[must_use]
    pub fn on_if_unnamed(mut self, object: impl FnOnce() -> String) -> Self {
        self.0.object.get_or_insert_with(object);
        self
    }

    /// Carries the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Tells the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The class of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The object it was about, if one was named.
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// The way out, if there is one.
    pub fn way_out(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether bytes of the vault are wrong or absent, so that other copies may help.
    pub fn is_damage(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Damaged | ErrorKind::Missing)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.operation)?;
        if let Some(object) = &self.0.object {
            write!(f, " {object}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}
