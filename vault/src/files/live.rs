//! A copy of a database of SQLite that another program is writing: bytes that belong together.
//!
//! SQLite changes a database in two ways. With a rollback journal it writes into the file, and puts
//! what was there into `NAME-journal` first. With a write-ahead log it writes into `NAME-wal`, which
//! it copies into the file from time to time and then begins anew; `NAME-shm` is the programs'
//! common memory. Read beside such a program, a file has pages of several moments in it, or its log
//! begins anew between the two.
//!
//! [`hold`] does what every reader of SQLite does: it takes the lock of one. While that is held no
//! log begins anew, and of what a log has only that is copied which is in the log as well; and
//! nothing is written into a file that has no log. So a database that is read *first*, and *behind
//! it* its log, are together what the database was at the end of some transaction. The log is read
//! *as far as it is written when the database has been read*: what comes later is not needed, and a
//! program that writes faster than it is read would never let that end. Hold for as short as can be:
//! meanwhile the log only grows. Nothing is written: no file is made, no log copied, no journal
//! rolled back.
//!
//! The lock is one of POSIX, which a process loses as soon as it closes *any* descriptor of the file
//! that the lock is on. So whatever opened the database, its log or its `-shm` while they are held
//! is given to [`Held::keep`], and what opened one before stays open.

use std::fs::File;
use std::path::Path;

use crate::error::Result;

/// A database that stays as it is, with its log, until this goes.
pub struct Held {
    // The lock goes before the files that must not be closed while it is there.
    #[cfg(feature = "sqlite")]
    _reader: reader::Reader,
    files: Vec<File>,
}

impl Held {
    /// Keeps a file open until the lock is gone.
    pub fn keep(&mut self, file: File) {
        self.files.push(file);
    }
}

/// Holds the database at `path` as it is: none where it is no database of SQLite, or one with a log
/// that no program has open, since there is no `-shm` file beside it.
///
/// # Errors
/// When the lock is not to be had within two seconds, and when the last program that wrote the
/// database left a journal of what it did not finish: without that, it makes no sense.
#[cfg(feature = "sqlite")]
pub fn hold(path: &Path) -> Result<Option<Held>> {
    let mut file = File::open(path).map_err(|error| failed(path, error))?;
    let form = reader::form(&mut file).map_err(|error| failed(path, error))?;
    if !form.is_some_and(|form| form.is_held(path)) {
        return Ok(None);
    }
    Ok(Some(Held { _reader: reader::Reader::begin(path)?, files: vec![file] }))
}

/// Holds nothing: this is built without SQLite.
///
/// # Errors
/// None.
#[cfg(not(feature = "sqlite"))]
pub fn hold(_: &Path) -> Result<Option<Held>> {
    Ok(None)
}

#[cfg(feature = "sqlite")]
fn failed(path: &Path, error: std::io::Error) -> crate::error::Error {
    crate::error::Error::io("cannot read", error).on(path.display().to_string())
}

#[cfg(feature = "sqlite")]
mod reader {
    //! The lock of a reader.

    use std::ffi::OsString;
    use std::fmt::Write as _;
    use std::fs::File;
    use std::io::{self, Read as _};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use rusqlite::config::DbConfig;
    use rusqlite::{Connection, OpenFlags, ffi};

    use super::failed;
    use crate::error::{Error, ErrorKind, Result};
    use crate::kinds::is_database;

    /// How long a program that writes is waited for.
    const WAIT: Duration = Duration::from_secs(2);
    /// Where a database says by what version it is read.
    const READ_VERSION: usize = 19;
    /// By a version that knows logs.
    const WITH_LOG: u8 = 2;

    const BUSY: &str = "a program is in the middle of writing this database:";
    const UNFINISHED: &str = "a program did not finish writing this database:";
    const UNREADABLE: &str = "cannot hold this database as it is:";
    const CLOSE_IT: &str =
        "close the app that has it open, or give icvault a copy that the app exports";
    const OPEN_IT: &str = "open it once with the app it belongs to, close that, and try again";

    /// How a database is changed.
    pub(super) enum Form {
        Journal,
        Log,
    }

    /// The form of a file that is a database.
    pub(super) fn form(file: &mut File) -> io::Result<Option<Form>> {
        let mut head = Vec::new();
        file.take(READ_VERSION as u64 + 1).read_to_end(&mut head)?;
        let version = head.get(READ_VERSION).filter(|_| is_database(&head));
        Ok(version.map(|version| if *version == WITH_LOG { Form::Log } else { Form::Journal }))
    }

    impl Form {
        /// Whether there is a lock to be had. To have one on a log, its common memory has to be there.
        pub(super) fn is_held(&self, path: &Path) -> bool {
            match self {
                Self::Journal => true,
                Self::Log => ["-wal", "-shm"].iter().all(|end| beside(path, end).exists()),
            }
        }
    }

    fn beside(path: &Path, end: &str) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(end);
        PathBuf::from(name)
    }

    /// A transaction that reads.
    pub(super) struct Reader {
        _connection: Connection,
    }

    impl Reader {
        pub(super) fn begin(path: &Path) -> Result<Self> {
            let address = address(path).map_err(|error| failed(path, error))?;
            let connection = begin(&address).map_err(|error| refused(path, error))?;
            Ok(Self { _connection: connection })
        }
    }

    fn begin(address: &str) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(address, flags)?;
        connection.busy_timeout(WAIT)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // A transaction takes its lock when it first reads, and that number is read without looking
        // at what else the database says.
        connection.execute_batch("BEGIN")?;
        connection.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0))?;
        Ok(connection)
    }

    /// The address of a database whose files SQLite only reads.
    fn address(path: &Path) -> io::Result<String> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
        let path = folder.join(path.file_name().unwrap_or_default());
        let mut address = "file://".to_owned();
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'/' | b'-' | b'.' | b'_' => address.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => address.push(char::from(*byte)),
                // Text takes all that is written.
                byte => drop(write!(address, "%{byte:02X}")),
            }
        }
        address.push_str("?mode=ro&readonly_shm=1");
        Ok(address)
    }

    fn refused(path: &Path, error: rusqlite::Error) -> Error {
        let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
        let (operation, hint) = match code {
            Some((ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked, _)) => {
                (BUSY, CLOSE_IT)
            }
            Some((_, ffi::SQLITE_READONLY_ROLLBACK)) => (UNFINISHED, OPEN_IT),
            _ => (UNREADABLE, CLOSE_IT),
        };
        let error = Error::new(ErrorKind::Failed, operation).because(error);
        error.on(path.display().to_string()).hint(hint)
    }
}

#[cfg(test)]
#[path = "tests/live.rs"]
mod tests;
