//! Databases that SQLite wrote, with logs as it leaves them, and databases that somebody made to
//! harm whoever opens them.
#![cfg(feature = "sqlite")]

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::opened::{DAMAGED, Database, NOT_ONE};
use super::wal::{TOO_LARGE, applied};
use crate::kinds::tests::records::Random;

/// A database that is written with a log, in a folder of its own.
struct Written {
    folder: tempfile::TempDir,
    writer: Connection,
}

impl Written {
    fn new(page_size: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = Connection::open(folder.path().join("db")).unwrap();
        let written = Self { folder, writer };
        written.run(&format!(
            "PRAGMA page_size={page_size}; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0"
        ));
        written
    }

    fn run(&self, sql: &str) {
        self.writer.execute_batch(sql).unwrap();
    }

    /// The bytes of the database and of its log, as they lie there.
    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let read = |name: &str| fs::read(self.folder.path().join(name)).unwrap_or_default();
        (read("db"), read("db-wal"))
    }
}

/// What a database holds: each row of `t`, or none where it is not one.
fn rows(image: &[u8]) -> Option<Vec<(i64, String)>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    fs::write(&path, image).unwrap();
    let connection = Connection::open(path).unwrap();
    let is_sound = |answer: String| answer == "ok";
    let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    assert!(check.map(is_sound).unwrap_or(false), "not sound");
    told(&connection)
}

fn told(connection: &Connection) -> Option<Vec<(i64, String)>> {
    let mut statement = connection.prepare("SELECT a, b FROM t ORDER BY a").ok()?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
    rows.collect::<Result<_, _>>().ok()
}

/// What [`applied`] makes of what lies there holds what SQLite reads.
fn same(written: &Written) {
    let (database, log) = written.bytes();
    let image = applied(&database, Some(&log)).unwrap();
    assert_eq!(rows(&image), told(&written.writer));
}

const FILL: &str = "INSERT INTO t SELECT NULL, hex(randomblob(300)) FROM \
                    (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3), sqlite_schema, sqlite_schema";

#[test]
fn what_a_log_has_committed_is_in_the_database() {
    for page_size in [512, 1024, 4096, 65_536] {
        let written = Written::new(page_size);
        written.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
        same(&written);
        for _ in 0..10 {
            written.run(FILL);
            same(&written);
        }
        written.run("BEGIN; UPDATE t SET b='x' WHERE a%3=0; DELETE FROM t WHERE a%5=0; COMMIT");
        same(&written);
        // A log that begins again, over the old one and shorter.
        written.run("PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES(1000, 'new')");
        same(&written);
        written.run("PRAGMA wal_checkpoint(TRUNCATE)");
        same(&written);
        written.run("DELETE FROM t WHERE a<1000; VACUUM");
        same(&written);
    }
}

#[test]
fn what_is_not_committed_is_not() {
    let written = Written::new(1024);
    written.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES(1,'a')");
    let before = told(&written.writer);
    // A small cache makes the transaction go into the log before its end.
    written.run(&format!(
        "PRAGMA cache_size=2; PRAGMA cache_spill=2; BEGIN; {}",
        [FILL; 20].join(";")
    ));
    let (database, log) = written.bytes();
    assert!(log.len() > 20_000);
    assert_eq!(rows(&applied(&database, Some(&log)).unwrap()), before);
    written.run("COMMIT");
    let after = told(&written.writer);
    let (database, log) = written.bytes();
    assert_eq!(rows(&applied(&database, Some(&log)).unwrap()), after);
    // A log cut off anywhere holds the transactions that are whole.
    let mut random = Random(7);
    for _ in 0..40 {
        let cut = random.below(log.len());
        let image = applied(&database, Some(&log[..cut])).unwrap();
        let found = if image.is_empty() { None } else { rows(&image) };
        assert!(found.is_none() || found == before || found == Some(Vec::new()), "{cut}");
        // And so does one in which a bit changed.
        let mut damaged = log.clone();
        damaged[cut] ^= 1 << random.below(8);
        let image = applied(&database, Some(&damaged)).unwrap();
        let found = if image.is_empty() { None } else { rows(&image) };
        assert!([None, Some(Vec::new()), before.clone(), after.clone()].contains(&found), "{cut}");
    }
}

fn big(number: u32) -> [u8; 4] {
    number.swap_bytes().to_le_bytes()
}

/// A log with these frames: page, database size, first byte of the page.
fn log(magic: u32, salt: u8, frames: &[(u32, u32, u8)]) -> Vec<u8> {
    let is_big = magic & 1 == 1;
    let mut halves = [0_u32; 2];
    let mut sum = |bytes: &[u8]| {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| {
                let word: [u8; 4] = pair[at..at + 4].try_into().unwrap();
                let word = u32::from_le_bytes(word);
                if is_big { word.swap_bytes() } else { word }
            };
            halves[0] = halves[0].wrapping_add(word(0)).wrapping_add(halves[1]);
            halves[1] = halves[1].wrapping_add(word(4)).wrapping_add(halves[0]);
        }
        halves.map(big).concat()
    };
    let mut log = [magic, 3_007_000, 512, 0].map(big).concat();
    log.extend([salt; 8]);
    let header = sum(&log);
    log.extend(header);
    for (number, size, byte) in frames {
        let head = [*number, *size].map(big).concat();
        let page = [*byte; 512];
        sum(&head);
        let checksum = sum(&page);
        log.extend(head);
        log.extend([salt; 8]);
        log.extend(checksum);
        log.extend(page);
    }
    log
}

#[test]
fn logs_of_either_byte_order_end_where_they_should() {
    let pages = |log: &[u8]| {
        let image = applied(&[9; 512], Some(log)).unwrap();
        image.chunks(512).map(|page| page[0]).collect::<Vec<_>>()
    };
    for magic in [0x377F_0682, 0x377F_0683] {
        let one = log(magic, 1, &[(1, 0, 1), (2, 2, 2)]);
        assert_eq!(pages(&one), [1, 2]);
        // The last of several of a page, and pages that a later transaction took off.
        assert_eq!(pages(&log(magic, 1, &[(2, 3, 5), (3, 3, 6), (1, 1, 7)])), [7]);
        assert_eq!(pages(&log(magic, 1, &[(1, 1, 1), (1, 1, 2), (1, 0, 3)])), [2]);
        // Pages that are written nowhere are empty.
        assert_eq!(pages(&log(magic, 1, &[(1, 3, 1), (3, 3, 3)])), [1, 0, 3]);
        // Frames of an older log.
        let older = log(magic, 2, &[(1, 1, 7), (2, 2, 8), (3, 3, 9)]);
        let over = [&one[..], &older[one.len()..]].concat();
        assert_eq!(pages(&over), [1, 2]);
        assert_eq!(pages(&log(magic, 1, &[(1, 1, 1), (0, 1, 5), (1, 1, 2)])), [1]);
        for nothing in [&[][..], &one[..31], &one[..32], &one[..32 + 535], &one[..32 + 536]] {
            assert_eq!(pages(nothing), [9], "{}", nothing.len());
        }
        for (at, byte) in [(0, 0), (3, 0x84), (7, 0), (10, 3), (9, 1), (17, 9), (24, 1)] {
            let mut wrong = one.clone();
            wrong[at] = byte;
            assert_eq!(pages(&wrong), [9], "{at}");
        }
    }
    let far = log(0x377F_0682, 1, &[(1, u32::MAX, 1)]);
    assert_eq!(applied(&[9; 512], Some(&far)).unwrap_err(), TOO_LARGE);
    assert_eq!(applied(&[], None).unwrap(), [0; 0]);
}

/// A database that these statements make.
fn made(sql: &str) -> Vec<u8> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    let mut connection = connection;
    connection.serialize("main").unwrap().to_vec()
}

#[test]
fn nothing_of_a_database_is_run() {
    let endless = "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT a+1 FROM r) SELECT a FROM r";
    let bytes = made(&format!(
        "CREATE TABLE T(A INTEGER PRIMARY KEY, B TEXT); INSERT INTO T VALUES(1,'x');
         CREATE VIEW V AS {endless};
         CREATE VIRTUAL TABLE F USING fts5(A);
         CREATE TABLE G(A, B GENERATED ALWAYS AS (hex(zeroblob(A))) VIRTUAL);
         INSERT INTO G(A) VALUES(10000000);
         CREATE INDEX I ON T(B) WHERE B>hex(zeroblob(100));
         CREATE TABLE \"odd name\"(A); CREATE TABLE \"x\"\"y\"(A);"
    ));
    let database = Database::new(&bytes, None).unwrap();
    let names: Vec<_> = database.tables().map(|(name, _)| name).collect();
    assert!(names.contains(&"T"));
    for name in ["V", "F", "G", "ODD NAME", "X\"Y"] {
        assert!(!names.contains(&name), "{name}");
        assert!(database.rows(name, &["A"]).unwrap().is_empty());
    }
    let rows = database.rows("T", &["A", "B", "C"]).unwrap();
    let [(1, row)] = rows.as_slice() else { panic!("one row") };
    assert_eq!((row.number(0), row.text(1).as_str(), row.text(2).as_str()), (Some(1), "x", ""));
}

/// A name that is a table in the list of tables and a view in its own words.
#[test]
fn a_view_does_not_pass_for_a_table() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE T(A); CREATE VIEW V AS SELECT 1 AS A; PRAGMA writable_schema=1;
             UPDATE sqlite_schema SET type='table', rootpage=2 WHERE name='V';",
        )
        .unwrap();
    let bytes = connection.serialize("main").unwrap().to_vec();
    let opened = Database::new(&bytes, None);
    assert!(
        opened.is_err()
            || opened.is_ok_and(|database| database.tables().all(|(name, _)| name != "V"))
    );
}

/// A few bytes in every row that are a long text when they are read.
#[test]
fn a_long_default_is_not_multiplied() {
    let long = "x".repeat(400_000);
    let bytes = made(&format!(
        "CREATE TABLE T(A INTEGER PRIMARY KEY);
         WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT a+1 FROM r WHERE a<20000)
         INSERT INTO T SELECT a FROM r;
         ALTER TABLE T ADD COLUMN B TEXT DEFAULT '{long}';"
    ));
    let database = Database::new(&bytes, None).unwrap();
    assert_eq!(database.rows("T", &["B"]).err(), Some(DAMAGED));
    assert_eq!(database.rows("T", &["A"]).unwrap().len(), 20_000);
}

#[test]
fn what_is_no_database_is_refused() {
    assert_eq!(Database::new(b"", None).err(), Some(NOT_ONE));
    assert_eq!(Database::new(b"BEGIN:VCARD", None).err(), Some(NOT_ONE));
    assert_eq!(Database::new(b"SQLite format 3\0", None).err(), Some(DAMAGED));
    let mut random = Random(0x6461_7461);
    let good =
        made("CREATE TABLE T(A INTEGER PRIMARY KEY, B); INSERT INTO T VALUES(1,'x'),(2,'y')");
    for _ in 0..3000 {
        let mut damaged = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(damaged.len());
            match random.below(3) {
                0 => damaged.truncate(at + 16),
                1 => damaged[at] = u8::try_from(random.below(256)).unwrap(),
                _ => damaged[at] ^= 1 << random.below(8),
            }
        }
        if let Ok(database) = Database::new(&damaged, None) {
            drop(database.rows("T", &["A", "B"]));
        }
    }
}

/// The sample's own log, of which nothing is in its database.
#[test]
fn the_sample_has_rows_in_its_log_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(
        "../tests/data/icloud-export/Contacts/Contacts.abbu/Sources/\
         9E52D719-D6F0-5D1A-B8BA-0BE5D417A5FD",
    );
    let bytes = fs::read(folder.join("AddressBook-v22.abcddb")).unwrap();
    let log = fs::read(folder.join("AddressBook-v22.abcddb-wal")).unwrap();
    let count = |log: Option<&[u8]>| {
        let database = Database::new(&bytes, log).unwrap();
        database.rows("ZABCDRECORD", &["ZUNIQUEID"]).unwrap().len()
    };
    assert_eq!((count(None), count(Some(&log))), (1, 4));
}
