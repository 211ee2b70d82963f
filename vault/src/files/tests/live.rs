//! Copies taken beside programs that write.
#![cfg(all(feature = "sqlite", unix))]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use super::{Held, hold};

/// Writes transactions of all sizes without an end. What one table has more, the other has less.
const WRITER: &str = r#"
import os, random, sqlite3, sys, time
path, mode = sys.argv[1:]
db = sqlite3.connect(path, isolation_level=None, timeout=0.02)
db.execute(f"PRAGMA journal_mode={mode}")
db.execute("PRAGMA synchronous=OFF")
db.execute("PRAGMA cache_size=20")
db.execute("PRAGMA wal_autocheckpoint=40")
for table in ("one", "two"):
    db.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, n INTEGER, pad BLOB)")
    db.execute(f"CREATE INDEX {table}_n ON {table}(n)")
    db.execute(f"INSERT INTO {table} SELECT value, 0, randomblob(900) FROM json_each('[{','.join(map(str, range(400)))}]')")
db.execute("CREATE TABLE count(n)")
db.execute("INSERT INTO count VALUES(0)")
print("ready", flush=True)
while True:
    time.sleep(0.0005)
    # Nobody ends a log that grows while it is held.
    if mode == "WAL" and os.path.getsize(path + "-wal") > 16 << 20:
        try:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError:
            pass
        continue
    try:
        db.execute("BEGIN IMMEDIATE")
        for _ in range(random.choice((1, 1, 5, 200))):
            n = random.randrange(100)
            for table, sign in (("one", 1), ("two", -1)):
                db.execute(f"INSERT OR REPLACE INTO {table} VALUES(?, COALESCE((SELECT n FROM {table} WHERE id=?1), 0)+?, randomblob(?))",
                           ((at := random.randrange(400)), sign * n, random.randrange(2500)))
        db.execute("UPDATE count SET n=n+1")
        db.execute("COMMIT")
        if random.randrange(3) == 0:
            db.execute(f"PRAGMA wal_checkpoint({random.choice(('PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'))})")
    except sqlite3.OperationalError:
        if db.in_transaction:
            db.execute("ROLLBACK")
"#;

/// Says of each copy whether it is one state of the database, and what state.
const CHECK: &str = r#"
import sqlite3, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).glob("*.db"), key=lambda path: int(path.stem)):
    try:
        db = sqlite3.connect(path)
        sound = db.execute("PRAGMA integrity_check").fetchone()[0]
        sums = [db.execute(f"SELECT SUM(n), COUNT(*) FROM {table}").fetchone() for table in ("one", "two")]
        count, = db.execute("SELECT n FROM count").fetchone()
        told = sound if sound != "ok" else "ok" if sums[0][0] == -sums[1][0] else f"sums {sums}"
        print(told.splitlines()[0], count)
    except sqlite3.Error as error:
        print(type(error).__name__, -1)
"#;

/// A writer that is ended with the test.
struct Writer(Child);

impl Writer {
    /// A writer that has said that it is at its work.
    fn start(script: &str, args: &[&str]) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", script])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn has_python() -> bool {
    Command::new("python3").args(["-c", "import sqlite3"]).status().is_ok_and(|ran| ran.success())
}

/// Reads a file as far as it is written now, in small parts and slowly, so that much is written
/// meanwhile, and leaves it open.
fn read(path: &Path) -> (Vec<u8>, File) {
    let mut file = File::open(path).unwrap();
    let mut bytes = Vec::new();
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    while bytes.len() < length && file.by_ref().take(65_536).read_to_end(&mut bytes).unwrap() > 0 {
        thread::sleep(Duration::from_micros(300));
    }
    (bytes, file)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// Copies a database as somebody does who holds it.
fn copy(path: &Path, to: &Path, mut held: Option<Held>) {
    let log = beside(path, "-wal");
    for (from, to) in [(path, to), (&log, &beside(to, "-wal"))] {
        if from.exists() {
            let (bytes, file) = read(from);
            fs::write(to, bytes).unwrap();
            held.as_mut().into_iter().for_each(|held| held.keep(file.try_clone().unwrap()));
        }
    }
}

/// How many of `count` copies taken beside a writer are no state of the database, and how many
/// states the others are.
fn copies(count: usize, mode: &str, is_held: bool) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let copied = tempfile::tempdir().unwrap();
    let path = folder.path().join("live db? #1%.db");
    let writer = Writer::start(WRITER, &[path.to_str().unwrap(), mode]);
    for at in 0..count {
        let held = is_held.then(|| {
            loop {
                // A writer with a journal may be at it for long.
                if let Ok(held) = hold(&path) {
                    break held.unwrap();
                }
            }
        });
        copy(&path, &copied.path().join(format!("{at}.db")), held);
        // Only now can the log begin anew.
        thread::sleep(Duration::from_millis(10));
    }
    drop(writer);
    let checked = Command::new("python3").args(["-c", CHECK]).arg(copied.path()).output().unwrap();
    let told = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(told.lines().count(), count);
    let (sound, wrong): (Vec<_>, Vec<_>) = told.lines().partition(|line| line.starts_with("ok "));
    let states: std::collections::BTreeSet<_> = sound.into_iter().collect();
    (wrong.into_iter().map(str::to_owned).collect(), states.len())
}

fn assert_copies(count: usize) {
    if !has_python() {
        return;
    }
    for (mode, count) in [("WAL", count), ("DELETE", count / 2), ("TRUNCATE", count / 2)] {
        let (wrong, states) = copies(count, mode, true);
        assert!(wrong.is_empty(), "{mode}: {wrong:?}");
        assert!(states > count / 4, "{mode}: the writer did not write: {states}");
    }
}

#[test]
fn copies_beside_a_writer_are_one_state_each() {
    assert_copies(24);
}

#[test]
#[ignore = "takes a minute or two"]
fn many_copies_beside_a_writer_are_one_state_each() {
    assert_copies(200);
}

/// What the others are worth: without the lock some copies are wrong.
#[test]
#[ignore = "says only that the tests beside it can fail"]
fn copies_that_nobody_holds_are_not() {
    for mode in ["WAL", "DELETE"] {
        let (wrong, states) = copies(200, mode, false);
        assert!(!wrong.is_empty(), "{mode}: {states}");
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{mode}: {}\n", wrong.len()),
        )
        .unwrap();
    }
}

/// Everything in a folder: bytes, and when they were written.
fn all(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let about = |path: PathBuf| {
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        (path.clone(), (fs::read(path).unwrap(), written))
    };
    entries.map(about).collect()
}

/// Leaves what a program leaves that ends in the middle of a transaction.
const LEAVER: &str = r#"
import sqlite3, sys, time
path, mode = sys.argv[1:]
db = sqlite3.connect(path, isolation_level=None)
db.execute(f"PRAGMA journal_mode={mode}")
db.execute("PRAGMA cache_size=2")
db.execute("CREATE TABLE t(a)")
db.execute("BEGIN")
db.executemany("INSERT INTO t VALUES(?)", [("x" * 1000,)] * (300 if mode == "DELETE" else 3))
if mode == "WAL":
    db.execute("COMMIT")
print("ready", flush=True)
time.sleep(60)
"#;

#[test]
fn nothing_is_written_beside_it() {
    use std::os::unix::fs::PermissionsExt as _;
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(Writer::start(LEAVER, &[path.to_str().unwrap(), "WAL"]));
    assert_eq!(all(folder.path()).len(), 3);
    for mode in [0o755, 0o555] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let before = all(folder.path());
        let held = hold(&path).unwrap();
        assert!(held.is_some());
        assert!(all(folder.path()) == before);
        drop(held);
        assert!(all(folder.path()) == before);
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // A log whose common memory is gone, and nothing at all beside it.
    for end in ["-shm", "-wal"] {
        fs::remove_file(beside(&path, end)).unwrap();
        let before = all(folder.path());
        assert!(hold(&path).unwrap().is_none());
        assert!(all(folder.path()) == before);
    }
    let path = folder.path().join("b.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(a)").unwrap();
    let before = all(folder.path());
    assert!(hold(&path).unwrap().is_some());
    assert!(all(folder.path()) == before);
    fs::write(&path, "SQLite format 2\0 and so on").unwrap();
    assert!(hold(&path).unwrap().is_none());
    fs::write(&path, "").unwrap();
    assert!(hold(&path).unwrap().is_none());
    assert!(hold(&folder.path().join("none.db")).is_err());
}

#[test]
fn what_is_in_the_middle_of_a_change_is_refused() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let writer = Writer::start(LEAVER, &[path.to_str().unwrap(), "DELETE"]);
    let refused = hold(&path).err().unwrap();
    assert!(refused.to_string().starts_with("a program is in the middle of"), "{refused}");
    assert!(refused.way_out().unwrap().starts_with("close the app"));
    drop(writer);
    let before = all(folder.path());
    assert_eq!(before.len(), 2);
    let refused = hold(&path).err().unwrap();
    assert!(refused.to_string().starts_with("a program did not finish"), "{refused}");
    assert!(refused.way_out().unwrap().starts_with("open it once"));
    assert!(all(folder.path()) == before);
}
