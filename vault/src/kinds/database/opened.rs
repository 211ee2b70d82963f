//! A database, open for the tables it is known to have, whoever made it.
//!
//! Nothing that it holds is ever run: no view, trigger, virtual table, function, or computed column.
//! Tables are read from their first row to the last and never by an index, and only those in which
//! no page is used twice, so that reading one takes time in its size. What an attack might still
//! cost is bounded: steps, lengths of values, how many rows there are.

use std::collections::BTreeMap;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::{is_database, wal};

/// How many steps of SQLite are one tick.
const TICK: i32 = 1000;
/// Ticks for the smallest database.
const TICKS_MIN: u64 = 10_000;
/// How many bytes of a database are worth one more: 64 steps a byte.
const BYTES_A_TICK: u64 = 15;
/// The longest value or row, in bytes.
const LENGTH_MAX: i32 = 32 << 20;
/// The most rows of a table.
const ROWS_MAX: usize = 1 << 20;

/// How far SQLite may go in what it does for others.
const LIMITS: &[(Limit, i32)] = &[
    (Limit::SQLITE_LIMIT_LENGTH, LENGTH_MAX),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 2),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];
const SETTINGS: &[(DbConfig, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
];
/// `temp_store` 2 is memory: what SQLite sorts or caches never goes into a file.
const PRAGMAS: &str = "PRAGMA temp_store=2; PRAGMA cell_size_check=1; PRAGMA mmap_size=0; \
                       PRAGMA ignore_check_constraints=1; PRAGMA query_only=1";

pub(in crate::kinds) const DAMAGED: &str = "a damaged database, not looked through";
pub(in crate::kinds) const NOT_ONE: &str = "not a database";
pub(in crate::kinds) const TOO_MANY: &str = "more than a million rows of a table";

/// An open database.
pub(in crate::kinds) struct Database {
    connection: Connection,
    /// The names of tables with those of their columns, all in upper case.
    tables: BTreeMap<String, Vec<String>>,
    /// How many bytes its pages are.
    size: usize,
}

/// The values of a row, in the order in which they were asked for.
pub(in crate::kinds) struct Row(Vec<Value>);

/// A value; what is no text, number or bytes is none.
enum Value {
    None,
    Whole(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Database {
    /// The database with what its log has committed.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(in crate::kinds) fn new(database: &[u8], log: Option<&[u8]>) -> Result<Self, &'static str> {
        if !is_database(database) {
            return Err(NOT_ONE);
        }
        let image = wal::applied(database, log)?;
        Self::open(&image).map_err(|_| DAMAGED)
    }

    fn open(image: &[u8]) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_in_memory_with_flags(flags)?;
        for (limit, most) in LIMITS {
            connection.set_limit(*limit, *most)?;
        }
        for (setting, is_on) in SETTINGS {
            connection.set_db_config(*setting, *is_on)?;
        }
        connection.execute_batch(PRAGMAS)?;
        let mut ticks = TICKS_MIN + image.len() as u64 / BYTES_A_TICK;
        connection.progress_handler(
            TICK,
            Some(move || {
                ticks = ticks.saturating_sub(1);
                ticks == 0
            }),
        )?;
        connection.deserialize_read_exact(MAIN_DB, image, image.len(), true)?;
        connection.authorizer(Some(allowed))?;
        let tables = tables(&connection)?;
        Ok(Self { connection, tables, size: image.len() })
    }

    /// The names of its tables, in upper case, with those of their columns.
    pub(in crate::kinds) fn tables(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.tables.iter().map(|(name, columns)| (name.as_str(), columns.as_slice()))
    }

    /// The rows of a table, in its own order, with the number of each; none of one that it does not
    /// have. A column that it does not have is NULL.
    ///
    /// # Errors
    /// Why they cannot all be read.
    pub(in crate::kinds) fn rows(
        &self,
        table: &str,
        columns: &[&str],
    ) -> Result<Vec<(i64, Row)>, &'static str> {
        let Some(known) = self.tables.get(table) else { return Ok(Vec::new()) };
        let wanted: Vec<String> = columns
            .iter()
            .map(|wanted| match known.iter().any(|column| column == wanted) {
                true => format!(",\"{wanted}\""),
                false => ",NULL".to_owned(),
            })
            .collect();
        if !self.is_sound(table).map_err(|_| DAMAGED)? {
            return Err(DAMAGED);
        }
        let sql = format!("SELECT rowid{} FROM main.\"{table}\" NOT INDEXED", wanted.concat());
        let rows = self.select(&sql, columns.len()).map_err(|_| DAMAGED)?;
        if rows.len() > ROWS_MAX { Err(TOO_MANY) } else { Ok(rows) }
    }

    fn select(&self, sql: &str, count: usize) -> rusqlite::Result<Vec<(i64, Row)>> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let (mut found, mut size) = (Vec::new(), 0_usize);
        while let Some(row) = rows.next()?
            && found.len() <= ROWS_MAX
            && size <= self.size
        {
            let mut values = Vec::with_capacity(count);
            for at in 1..=count {
                let value = row.get_ref(at)?;
                // What a column has when nothing is in it may be long, and in every row.
                size = size.saturating_add(length(value));
                values.push(Value::from(value));
            }
            found.push((row.get(0)?, Row(values)));
        }
        if size > self.size { Err(rusqlite::Error::InvalidQuery) } else { Ok(found) }
    }

    /// Whether no page is in the table twice, and every row where it says.
    fn is_sound(&self, table: &str) -> rusqlite::Result<bool> {
        let sql = format!("PRAGMA main.quick_check(\"{table}\")");
        let mut statement = self.connection.prepare(&sql)?;
        let answer: String = statement.query_row([], |row| row.get(0))?;
        Ok(answer == "ok")
    }
}

/// What statements of ours do, and no other: neither does what the schema would have done with them.
fn allowed(context: AuthContext<'_>) -> Authorization {
    let is_ours = context.accessor.is_none()
        && match context.action {
            AuthAction::Select | AuthAction::Read { .. } => true,
            AuthAction::Pragma { pragma_name, .. } => {
                matches!(pragma_name, "table_xinfo" | "quick_check")
            }
            _ => false,
        };
    if is_ours { Authorization::Allow } else { Authorization::Deny }
}

/// The ordinary tables of plain names that have no computed columns.
fn tables(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let sql = "SELECT name,sql FROM main.sqlite_schema WHERE type='table' AND rootpage>0";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, sql) = (text(row.get_ref(0)?), text(row.get_ref(1)?));
        let is_table = sql.get(..13).is_some_and(|sql| sql.eq_ignore_ascii_case("CREATE TABLE "));
        if is_table && is_plain(&name) {
            names.push(name);
        }
    }
    let mut tables = BTreeMap::new();
    for name in names {
        let mut statement = connection.prepare(&format!("PRAGMA main.table_xinfo(\"{name}\")"))?;
        let mut rows = statement.query([])?;
        let (mut columns, mut is_computed) = (Vec::new(), false);
        while let Some(row) = rows.next()? {
            columns.push(text(row.get_ref(1)?).to_ascii_uppercase());
            is_computed |= row.get::<_, i64>(6)? != 0;
        }
        if !is_computed {
            tables.insert(name.to_ascii_uppercase(), columns);
        }
    }
    Ok(tables)
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn length(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::None,
            ValueRef::Integer(number) => Self::Whole(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(_) => Self::Text(text(value)),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl Row {
    /// The text of a column; numbers are written out.
    pub(in crate::kinds) fn text(&self, at: usize) -> String {
        match self.0.get(at) {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Whole(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// The whole number in a column.
    pub(in crate::kinds) fn number(&self, at: usize) -> Option<i64> {
        match self.0.get(at) {
            Some(Value::Whole(number)) => Some(*number),
            _ => None,
        }
    }

    /// The number in a column.
    pub(in crate::kinds) fn real(&self, at: usize) -> Option<f64> {
        match self.0.get(at) {
            #[expect(clippy::cast_precision_loss, reason = "it is told to a person")]
            Some(Value::Whole(number)) => Some(*number as f64),
            Some(Value::Real(number)) => Some(*number).filter(|number| number.is_finite()),
            _ => None,
        }
    }

    /// The moment in a column, in seconds since 1970: Apple counts from 2001 on.
    pub(in crate::kinds) fn moment(&self, at: usize) -> Option<i64> {
        const FROM_2001: i64 = 978_307_200;
        /// Some 30,000 years.
        const SECONDS_MAX: f64 = 1e12;
        let seconds = match self.0.get(at) {
            Some(Value::Whole(number)) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "it is below 2^53")]
            Some(Value::Real(number)) if number.abs() < SECONDS_MAX => Some(number.floor() as i64),
            _ => None,
        };
        seconds?.checked_add(FROM_2001)
    }

    /// Takes the bytes out of a column.
    pub(in crate::kinds) fn take_bytes(&mut self, at: usize) -> Vec<u8> {
        match self.0.get_mut(at) {
            Some(Value::Bytes(bytes)) => std::mem::take(bytes),
            _ => Vec::new(),
        }
    }
}
