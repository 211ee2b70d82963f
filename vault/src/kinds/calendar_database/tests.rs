//! Made calendar databases with what real ones have, and the same events as Calendar exports them.

use std::fs;
use std::time::{Duration, Instant};

use jiff::tz::TimeZoneDatabase;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{CalendarDatabase, component};
use crate::kinds::tests::records::{Random, assert_same, by_title, scanned, value};
use crate::kinds::{Format, Locator, Quality, Record, Taken, calendars, recognise};

/// The tables of macOS 26 with those of their columns that are read here, and some that are not.
const TABLES: &str = "
CREATE TABLE Store (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, type INTEGER);
CREATE TABLE Calendar (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER, title TEXT,
 flags INTEGER, color TEXT, UUID TEXT);
CREATE TABLE CalendarItem (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, summary TEXT,
 location_id INTEGER, client_location_id INTEGER, description TEXT, start_date REAL, start_tz TEXT,
 end_date REAL, end_tz TEXT, all_day INTEGER, calendar_id INTEGER, orig_item_id INTEGER,
 orig_date REAL, organizer_id INTEGER, self_attendee_id INTEGER, status INTEGER,
 invitation_status INTEGER, availability INTEGER, privacy_level INTEGER, url TEXT,
 last_modified REAL, sequence_num INTEGER, birthday_id INTEGER, external_id TEXT,
 unique_identifier TEXT, external_rep BLOB, hidden INTEGER, has_recurrences INTEGER,
 has_attendees INTEGER, UUID TEXT, entity_type INTEGER, priority INTEGER, due_date REAL,
 due_tz TEXT, due_all_day INTEGER, completion_date REAL, creation_date REAL,
 phantom_master INTEGER, calendar_scale TEXT, travel_time INTEGER);
CREATE TABLE Recurrence (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, frequency INTEGER,
 interval INTEGER, week_start INTEGER, count INTEGER, cached_end_date REAL, cached_end_date_tz TEXT,
 end_date REAL, specifier TEXT, by_month_months INTEGER, owner_id INTEGER, external_rep BLOB,
 UUID TEXT);
CREATE TABLE ExceptionDate (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, date REAL,
 sync_order INTEGER);
CREATE TABLE Alarm (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, trigger_date REAL,
 trigger_interval INTEGER, type INTEGER, calendaritem_owner_id INTEGER, calendar_owner_id INTEGER,
 UUID TEXT, proximity INTEGER, disabled INTEGER, location_id INTEGER, acknowledgedDate REAL);
CREATE TABLE Participant (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, entity_type INTEGER,
 type INTEGER, status INTEGER, role INTEGER, identity_id INTEGER, owner_id INTEGER, email TEXT,
 phone_number TEXT, is_self INTEGER);
CREATE TABLE Identity (display_name TEXT, address TEXT, first_name TEXT, last_name TEXT,
 UNIQUE (display_name, address, first_name, last_name));
CREATE TABLE Location (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, address TEXT,
 latitude INTEGER, longitude INTEGER, radius INTEGER);
CREATE INDEX CalendarItemCalendarId on CalendarItem(calendar_id);
CREATE TRIGGER gone AFTER DELETE ON CalendarItem BEGIN DELETE FROM Alarm; END;
";

/// A meeting of every week of which one occurrence was moved, one is not and one was cancelled; a
/// holiday; a call in no zone; a flight from one zone to another; two reminders.
const ROWS: &str = "
INSERT INTO Calendar(ROWID,store_id,title) VALUES(3,1,'Work, and more'),(4,1,'Home');
INSERT INTO Location VALUES(7,'Room 5','12 Elm Street
Exampleton',52.5,13.25,70);
INSERT INTO Identity(rowid,display_name,address) VALUES(1,'Ida Example','ida@example.org'),
 (2,'Jordan; Example','mailto:jordan@example.com');
INSERT INTO Participant(ROWID,entity_type,type,status,role,identity_id,owner_id,email)
 VALUES(1,7,1,1,1,1,1,'ida@example.org'),(2,8,1,1,3,2,1,NULL),(3,7,2,0,2,NULL,1,'room5@example.org');
INSERT INTO CalendarItem(ROWID,summary,location_id,description,start_date,start_tz,end_date,end_tz,
 all_day,calendar_id,organizer_id,status,availability,url,last_modified,sequence_num,
 unique_identifier,UUID,entity_type,creation_date,has_recurrences)
 VALUES(1,'Stand-up',7,'Bring tea;
and cups, please',788860800.0,'Europe/Berlin',788862600.0,'Europe/Berlin',0,3,2,1,0,
 'https://example.com/a,b?c;d',789000000.5,4,'STANDUP','row-uuid',2,788000000.0,1);
INSERT INTO CalendarItem(ROWID,summary,start_date,start_tz,end_date,all_day,calendar_id,
 orig_item_id,orig_date,status,unique_identifier,entity_type)
 VALUES(2,'Stand-up, late',789480000.0,'Europe/Berlin',789481800.0,0,3,1,789465600.0,NULL,'STANDUP',2),
 (3,'Stand-up',804978000.0,'Europe/Berlin',804979800.0,0,3,1,804978000.0,3,'STANDUP',2);
INSERT INTO Recurrence(frequency,interval,week_start,count,end_date,specifier,owner_id)
 VALUES(2,1,1,0,820450799.0,'D=0WE',1);
INSERT INTO ExceptionDate(owner_id,date) VALUES(1,790070400.0),(1,789465600.0);
INSERT INTO Alarm(trigger_interval,calendaritem_owner_id,acknowledgedDate,disabled)
 VALUES(-900,1,788859000.0,0),(-86400,1,NULL,1);
INSERT INTO Alarm(trigger_interval,calendaritem_owner_id,proximity) VALUES(0,1,1);
INSERT INTO CalendarItem(ROWID,summary,start_date,start_tz,end_date,all_day,calendar_id,
 unique_identifier,entity_type,availability) VALUES
 (4,'Week at the lake',789004800.0,'_float',789350399.0,1,4,'LAKE',2,1),
 (5,'Call',789040800.0,'_float',789044400.0,0,4,'CALL',2,0),
 (8,'Hidden',789040800.0,'_float',789044400.0,0,4,'HIDDEN',2,0),
 (9,'Long ago',-978307200.0,'UTC',-978303600.0,0,4,'LONG',2,0),
 (10,'Last Fridays',789206400.0,'America/New_York',789210000.0,0,4,'FRIDAYS',2,0),
 (11,'New year',788918400.0,'_float',789004799.0,1,4,'NEWYEAR',2,0);
UPDATE CalendarItem SET hidden=1 WHERE ROWID=8;
INSERT INTO Recurrence(frequency,interval,count,specifier,owner_id)
 VALUES(3,2,6,'D=-1FR',10),(4,1,0,'M=1;O=1',11);
INSERT INTO ExceptionDate(owner_id,date) VALUES(11,820454400.0);
INSERT INTO CalendarItem(ROWID,summary,start_date,start_tz,end_date,end_tz,all_day,calendar_id,
 unique_identifier,entity_type) VALUES
 (12,'Flight',803800800.0,'Europe/Berlin',803833200.0,'America/New_York',0,4,'FLIGHT',2);
INSERT INTO CalendarItem(ROWID,summary,calendar_id,unique_identifier,entity_type,priority,due_date,
 due_tz,due_all_day,completion_date) VALUES(6,'Buy bread',4,'BREAD',3,1,789310800.0,'Europe/Berlin',0,NULL),
 (7,'Buy stamps',4,NULL,3,0,789264000.0,NULL,1,789300000.0);
";

/// The same as Calendar exports it, in two files.
const WORK: &str = "BEGIN:VCALENDAR
METHOD:PUBLISH
VERSION:2.0
X-WR-CALNAME:Work\\, and more
PRODID:-//Apple Inc.//macOS 15.1//EN
CALSCALE:GREGORIAN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
DTSTART:19810329T020000
TZNAME:GMT+2
TZOFFSETTO:+0200
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
DTSTART:19961027T030000
TZNAME:GMT+1
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
CREATED:20251221T085320Z
UID:STANDUP
DTEND;TZID=Europe/Berlin:20251231T093000
STATUS:CONFIRMED
TRANSP:OPAQUE
SUMMARY:Stand-up
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20251231T090000
LOCATION:Room 5\\n12 Elm Street\\nExampleton
SEQUENCE:4
DESCRIPTION:Bring tea\\;\\nand cups\\, please
URL;VALUE=URI:https://example.com/a,b?c;d
ORGANIZER;CN=\"Jordan; Example\":mailto:jordan@example.com
ATTENDEE;CN=\"Ida Example\";CUTYPE=INDIVIDUAL;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT:mailto:ida@example.org
ATTENDEE;CUTYPE=ROOM;ROLE=OPT-PARTICIPANT:mailto:room5@example.org
RRULE:FREQ=WEEKLY;INTERVAL=1;UNTIL=20261231T225959Z;BYDAY=WE
EXDATE;TZID=Europe/Berlin:20260114T090000
BEGIN:VALARM
X-WR-ALARMUID:A
UID:A
TRIGGER:-PT15M
DESCRIPTION:Reminder
ACTION:DISPLAY
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:STANDUP
DTEND;TZID=Europe/Berlin:20260107T133000
TRANSP:OPAQUE
SUMMARY:Stand-up\\, late
DTSTART;TZID=Europe/Berlin:20260107T130000
DTSTAMP:20260101T000000Z
RECURRENCE-ID;TZID=Europe/Berlin:20260107T090000
END:VEVENT
BEGIN:VEVENT
UID:STANDUP
DTEND;TZID=Europe/Berlin:20260705T233000
STATUS:CANCELLED
SUMMARY:Stand-up
DTSTART;TZID=Europe/Berlin:20260705T230000
DTSTAMP:20260101T000000Z
RECURRENCE-ID;TZID=Europe/Berlin:20260705T230000
END:VEVENT
END:VCALENDAR
";
const HOME: &str = "BEGIN:VCALENDAR
VERSION:2.0
X-WR-CALNAME:Home
BEGIN:VEVENT
UID:LAKE
DTSTART;VALUE=DATE:20260102
DTEND;VALUE=DATE:20260106
TRANSP:TRANSPARENT
SUMMARY:Week at the lake
END:VEVENT
BEGIN:VEVENT
UID:CALL
DTSTART:20260102T100000
DTEND:20260102T110000
SUMMARY:Call
END:VEVENT
BEGIN:VEVENT
UID:LONG
DTSTART:19700101T000000Z
DTEND:19700101T010000Z
SUMMARY:Long ago
END:VEVENT
BEGIN:VEVENT
UID:FRIDAYS
DTSTART;TZID=America/New_York:20260104T030000
DTEND;TZID=America/New_York:20260104T040000
RRULE:FREQ=MONTHLY;INTERVAL=2;COUNT=6;BYDAY=-1FR
SUMMARY:Last Fridays
END:VEVENT
BEGIN:VEVENT
UID:NEWYEAR
DTSTART;VALUE=DATE:20260101
DTEND;VALUE=DATE:20260102
RRULE:FREQ=YEARLY;BYMONTHDAY=1;BYMONTH=1
EXDATE;VALUE=DATE:20270101
SUMMARY:New year
END:VEVENT
BEGIN:VEVENT
UID:FLIGHT
DTSTART;TZID=Europe/Berlin:20260622T080000
DTEND;TZID=America/New_York:20260622T110000
SUMMARY:Flight
END:VEVENT
BEGIN:VTODO
UID:BREAD
SUMMARY:Buy bread
STATUS:NEEDS-ACTION
PRIORITY:1
DUE;TZID=Europe/Berlin:20260105T140000
END:VTODO
BEGIN:VTODO
SUMMARY:Buy stamps
STATUS:COMPLETED
COMPLETED:20260105T100000Z
PERCENT-COMPLETE:100
DUE;VALUE=DATE:20260105
END:VTODO
END:VCALENDAR
";

fn made(sql: &str) -> Vec<u8> {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    connection.serialize("main").unwrap().to_vec()
}

fn database(rows: &str) -> CalendarDatabase {
    CalendarDatabase::new(&made(&format!("{TABLES}{rows}")), None).unwrap()
}

fn events(database: &CalendarDatabase) -> (Vec<&'static str>, Vec<Record>) {
    let mut records = Vec::new();
    let scanned = database.scan(&mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.unwrap();
    assert_eq!(scanned.records, records.len() as u64);
    (scanned.notes, records)
}

fn taken(database: &CalendarDatabase, record: &Record) -> Taken {
    let Locator::Derived(how) = &record.locator else { panic!("bytes of its own") };
    database.derive(how).unwrap()
}

/// The file that is a record alone.
fn file_of(database: &CalendarDatabase, record: &Record) -> String {
    let taken = taken(database, record);
    let frame: Vec<&[u8]> = taken.frame.iter().map(|part| part.as_slice()).collect();
    let file = Format::CalendarDatabase.written().write(&frame, &[&taken.bytes]).unwrap();
    String::from_utf8(file.to_vec()).unwrap()
}

/// Each says alone what it says in the database.
fn assert_round(database: &CalendarDatabase) {
    for record in events(database).1 {
        let file = file_of(database, &record);
        let (_, alone) = scanned(Format::Calendars, file.as_bytes());
        let [alone] = alone.as_slice() else { panic!("one record: {file}") };
        assert_eq!((&alone.essence, &alone.title), (&record.essence, &record.title));
        assert_eq!((alone.date, &alone.user), (record.date, &record.user), "{file}");
        assert!(file.lines().all(|line| line.len() <= 75), "{file}");
    }
}

fn lines(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[test]
fn an_event_of_the_database_is_the_one_of_the_file() {
    let database = database(ROWS);
    assert_round(&database);
    let (notes, found) = events(&database);
    assert_eq!(notes, Vec::<&str>::new());
    let [work, home] =
        [WORK, HOME].map(|file| scanned(Format::Calendars, lines(file).as_bytes()).1);
    let stamps = by_title(&found, "Buy stamps");
    assert_eq!(stamps.identity.quality, Quality::Whole);
    let exported: Vec<Record> = work.into_iter().chain(home).collect();
    assert_same(&found, &exported, "the exported files");
    let standup = by_title(&found, "Stand-up");
    let seen = (standup.place.as_str(), standup.user.as_str(), standup.date);
    let expected = "Room 5, 12 Elm Street, Exampleton";
    assert_eq!(seen, (expected, "Work, and more", Some(1_767_168_000)));
    assert_eq!(standup.warnings, Vec::<&str>::new());
    let other = by_title(&exported, "Stand-up");
    assert_eq!((&standup.place, standup.date), (&other.place, other.date));
}

#[test]
fn what_is_taken_out_is_a_calendar() {
    let database = database(ROWS);
    let (_, records) = events(&database);
    let file = file_of(&database, by_title(&records, "Stand-up"));
    let expected = "BEGIN:VCALENDAR\nMETHOD:PUBLISH\nVERSION:2.0\nX-WR-CALNAME:Work\\, and more\n\
        PRODID:-//icvault//EN\nCALSCALE:GREGORIAN\nBEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:DAYLIGHT\n";
    assert!(file.starts_with(&lines(expected)), "{file}");
    assert!(!file.contains("America/New_York"));
    for line in [
        "UID:STANDUP",
        "RRULE:FREQ=WEEKLY;UNTIL=20261231T225959Z;BYDAY=WE",
        "RECURRENCE-ID;TZID=Europe/Berlin:20260107T090000",
        "X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-TITLE=Room 5:geo:52.5,13.25",
        "TRIGGER:-PT15M",
        "ACKNOWLEDGED:20251231T073000Z",
        "LAST-MODIFIED:20260101T224000Z",
    ] {
        assert!(file.contains(&format!("\r\n{line}\r\n")), "{line} {file}");
    }
    assert_eq!(file.matches("BEGIN:VALARM").count(), 1, "{file}");
    assert_eq!(file.matches("EXDATE").count(), 1, "{file}");
    assert!(file.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n"));
    // Two of one calendar stand together, with the zones of both.
    let taken: Vec<Taken> = ["Flight", "Buy bread"]
        .iter()
        .map(|title| taken(&database, by_title(&records, title)))
        .collect();
    let frame: Vec<&[u8]> = taken[0].frame.iter().map(|part| part.as_slice()).collect();
    assert!(taken[0].frame == taken[1].frame);
    let file = Format::Calendars.write(&frame, &[&taken[0].bytes, &taken[1].bytes]).unwrap();
    let file = String::from_utf8(file.to_vec()).unwrap();
    assert_eq!(file.matches("BEGIN:VCALENDAR").count(), 1);
    assert_eq!(file.matches("BEGIN:VTIMEZONE").count(), 2);
    let fields = calendars::fields(&frame, &taken[0].bytes);
    assert_eq!(value(&fields, "calendar"), "Home");
    for wrong in [&b""[..], b"3", b"3 2", b"3 99", b"9 1", b"3 1 1", b" ", b"3 -1"] {
        assert!(database.derive(wrong).is_none());
    }
}

#[test]
fn what_is_no_event_of_calendar_is_no_record() {
    let (notes, records) = events(&database(
        "INSERT INTO CalendarItem(summary,start_date,entity_type,birthday_id,phantom_master) VALUES
         ('a birthday',0,2,5,NULL),('none',0,2,-1,NULL),('phantom',0,2,NULL,1),('no start',NULL,2,0,0),
         ('beyond',1e300,2,0,0),('other',0,9,0,0);
         INSERT INTO CalendarItem(summary,start_date,entity_type,orig_item_id,orig_date,unique_identifier)
         VALUES('one of a phantom',86400,2,3,86400,'X'),('one of nothing',86400,2,99,86400,'Y');",
    ));
    let titles: Vec<_> = records.iter().map(|record| record.title.as_str()).collect();
    assert_eq!(titles, ["none", "one of a phantom", "one of nothing"]);
    assert_eq!(notes.len(), 3, "{notes:?}");
}

#[test]
fn rules_that_are_not_known_are_told() {
    let of = |columns: &str| {
        let database = database(&format!(
            "INSERT INTO CalendarItem(ROWID,summary,start_date,start_tz,entity_type)
             VALUES(1,'x',0,'_float',2);
             INSERT INTO Recurrence(owner_id,frequency,interval,specifier,end_date,by_month_months,
             week_start) VALUES(1,{columns})"
        ));
        let (_, records) = events(&database);
        let file = file_of(&database, &records[0]);
        let rule = file.lines().find_map(|line| line.strip_prefix("RRULE:"));
        (rule.unwrap_or_default().to_owned(), records[0].warnings.len())
    };
    let known = |rule: &str| (rule.to_owned(), 1);
    // The one warning is that it has no id.
    assert_eq!(of("1,1,NULL,NULL,0,0"), known("FREQ=DAILY"));
    assert_eq!(of("1,3,'',0,0,1"), known("FREQ=DAILY;INTERVAL=3"));
    assert_eq!(
        of("2,2,'D=0MO,0TU,WE;',86400,0,7"),
        known("FREQ=WEEKLY;INTERVAL=2;UNTIL=20010102T000000;BYDAY=MO,TU,WE;WKST=SU")
    );
    assert_eq!(of("3,1,'D=+2MO;S=-1',0,0,0"), known("FREQ=MONTHLY;BYDAY=2MO;BYSETPOS=-1"));
    assert_eq!(
        of("4,1,'O=1,2;Y=-3;W=7',0,6,0"),
        known("FREQ=YEARLY;BYMONTH=1,2;BYYEARDAY=-3;BYWEEKNO=7")
    );
    for unknown in [
        "0,1,NULL,0,0,0",
        "5,1,NULL,0,0,0",
        "NULL,1,NULL,0,0,0",
        "2,1,'D=0XX',0,0,0",
        "2,1,'D=0MO\r\nEND:VEVENT',0,0,0",
        "2,1,'D=',0,0,0",
        "2,1,'Q=1',0,0,0",
        "2,1,'FREQ=WEEKLY',0,0,0",
        "2,1,'M=99999',0,0,0",
        "2,1,'M=1;é',0,0,0",
        "4,1,NULL,0,6,0",
    ] {
        assert_eq!(of(unknown), (String::new(), 2), "{unknown}");
    }
}

/// A zone is told by its rules, and so that clocks show what they did.
#[test]
fn zones_are_true() {
    let of = |zone: &str, start: i64| {
        let database = database(&format!(
            "INSERT INTO CalendarItem(summary,start_date,start_tz,entity_type,unique_identifier)
             VALUES('x',{}.0,'{zone}',2,'x')",
            start - 978_307_200
        ));
        let (_, records) = events(&database);
        // Read again by the rules that are written.
        assert_eq!(records[0].date, Some(start), "{zone}");
        assert_round(&database);
        let file = file_of(&database, &records[0]);
        let start = file.lines().rfind(|line| line.starts_with("DTSTART")).unwrap().to_owned();
        (start, file, records[0].warnings.clone())
    };
    let (start, file, _) = of("Europe/Berlin", 1_782_000_000);
    assert_eq!(start, "DTSTART;TZID=Europe/Berlin:20260621T020000");
    let zone = "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:DAYLIGHT\nTZOFFSETFROM:+0100\n\
        TZOFFSETTO:+0200\nTZNAME:CEST\nDTSTART:20260329T020000\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\n\
        END:DAYLIGHT\nBEGIN:STANDARD\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nTZNAME:CET\n\
        DTSTART:20261025T030000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nEND:STANDARD\nEND:VTIMEZONE\n";
    assert!(file.contains(&lines(zone)), "{file}");
    let (_, file, _) = of("America/New_York", 1_000_000_000);
    assert_eq!(file.matches("BEGIN:DAYLIGHT").count(), 7, "{file}");
    assert!(file.contains("DTSTART:20070311T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"));
    let (start, file, _) = of("GMT+0530", 0);
    assert_eq!(start, "DTSTART;TZID=GMT+0530:19700101T053000");
    assert!(file.contains("TZOFFSETTO:+0530"));
    for special in ["UTC", "GMT", ""] {
        let (start, file, warnings) = of(special, 0);
        assert_eq!((start.as_str(), warnings.len()), ("DTSTART:19700101T000000Z", 0));
        assert!(!file.contains("VTIMEZONE"));
    }
    for unknown in ["Mars/Olympus", "GMT+99", "../etc", "x\r\nEND:VCALENDAR"] {
        let (start, _, warnings) = of(unknown, 0);
        assert_eq!((start.as_str(), warnings.len()), ("DTSTART:19700101T000000Z", 1), "{unknown}");
    }
}

/// Every built-in one, through a century: read again by the rules that are written.
#[test]
fn every_zone_is_true() {
    let names: Vec<String> =
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    assert!(names.len() > 400, "{}", names.len());
    // One that follows no rule for ever is not written out for two centuries.
    let years: [&[i64]; 2] = [&[-60, -1, 0, 9, 25, 33, 60], &[58, 90, 125]];
    for (names, years) in names.chunks(50).flat_map(|names| years.map(|years| (names, years))) {
        let starts = years.iter().map(|year| year * 31_556_952 + 15_778_476);
        let rows: Vec<String> = names
            .iter()
            .flat_map(|zone| {
                starts
                    .clone()
                    .map(move |start| format!("('{start}',{}.0,'{zone}',2)", start - 978_307_200))
            })
            .collect();
        let database = database(&format!(
            "INSERT INTO CalendarItem(summary,start_date,start_tz,entity_type) VALUES {}",
            rows.join(",")
        ));
        let (_, records) = events(&database);
        assert_eq!(records.len(), rows.len());
        for record in records {
            assert_eq!(record.date.unwrap().to_string(), record.title, "{names:?}");
            assert_eq!(record.warnings.len(), 1, "no id");
        }
        assert!(database.zones.values().all(|zone| zone.len() < 40_000));
    }
}

#[test]
fn all_of_a_database_is_read_only_where_it_is_the_known_one() {
    let without = |change: &str| {
        let sql = format!("{TABLES}{ROWS}{change}");
        CalendarDatabase::new(&made(&sql), None)
    };
    let unknown = "a calendar database of an unknown form; File > Export in Calendar writes .ics";
    for change in [
        "DROP TABLE Calendar",
        "ALTER TABLE CalendarItem RENAME COLUMN all_day TO whole_day",
        "ALTER TABLE Recurrence DROP COLUMN specifier",
        "ALTER TABLE Alarm RENAME COLUMN calendaritem_owner_id TO owner",
        "DROP TRIGGER gone; DROP TABLE CalendarItem",
    ] {
        assert_eq!(without(change).err(), Some(unknown), "{change}");
    }
    for change in ["Alarm", "Recurrence", "ExceptionDate", "Participant", "Identity", "Location"] {
        let drop = format!("DROP TRIGGER gone; DROP TABLE {change}");
        let database = without(&drop).unwrap();
        assert_eq!(events(&database).1.len(), 9, "{change}");
        assert_round(&database);
    }
    let dropped = without("ALTER TABLE CalendarItem DROP COLUMN phantom_master").unwrap();
    assert_eq!(events(&dropped).1.len(), 9);
    let cache = made("CREATE TABLE ZCALENDARITEM(Z_PK INTEGER, ZTITLE VARCHAR)");
    assert_eq!(recognise(&cache, cache.len() as u64).kind.as_str(), "event");
    let (said, records) = scanned(Format::CalendarDatabase, &cache);
    assert_eq!((said.notes.len(), records.len()), (1, 0));
    assert!(said.notes[0].contains("cache"));
}

/// A database in use, and its log, that alone has an event.
fn logged() -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Calendar.sqlitedb");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(&format!("{TABLES}{ROWS}")).unwrap();
    let pragmas = "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;";
    connection.execute_batch(pragmas).unwrap();
    let row = "INSERT INTO CalendarItem(summary,start_date,start_tz,all_day,calendar_id,
        unique_identifier,entity_type) VALUES('In the log',0,'_float',1,4,'LOG',2)";
    connection.execute_batch(row).unwrap();
    let log = fs::read(folder.path().join("Calendar.sqlitedb-wal")).unwrap();
    (fs::read(&path).unwrap(), log)
}

#[test]
fn what_is_in_the_log_is_in_the_database() {
    let (database, log) = logged();
    let with = CalendarDatabase::new(&database, Some(&log)).unwrap();
    assert_eq!(events(&with).1.len(), 10);
    by_title(&events(&with).1, "In the log");
    assert_round(&with);
    let without = CalendarDatabase::new(&database, None).unwrap();
    assert_eq!(events(&without).1.len(), 9);
}

/// No text can end its line or its component.
#[test]
fn no_text_gets_out_of_its_line() {
    let nasty = "a\r\nEND:VEVENT\nEND:VCALENDAR\rBEGIN:VEVENT\u{0}\u{85}\u{2028};\",:\\";
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("{TABLES}{ROWS}")).unwrap();
    for (table, column) in [
        ("CalendarItem", "summary"),
        ("CalendarItem", "description"),
        ("CalendarItem", "url"),
        ("Calendar", "title"),
        ("Location", "title"),
        ("Location", "address"),
        ("Participant", "email"),
    ] {
        let sql = format!("UPDATE {table} SET {column}=?1");
        connection.execute(&sql, [Value::Text(nasty.to_owned())]).unwrap();
    }
    let names = "UPDATE Identity SET display_name=rowid||?1";
    connection.execute(names, [Value::Text(nasty.to_owned())]).unwrap();
    let ids = "UPDATE CalendarItem SET unique_identifier=unique_identifier||?1";
    connection.execute(ids, [Value::Text(nasty.to_owned())]).unwrap();
    let bytes = connection.serialize("main").unwrap().to_vec();
    let database = CalendarDatabase::new(&bytes, None).unwrap();
    assert_eq!(events(&database).1.len(), 9);
    assert_round(&database);
}

/// Rows that share a text are many times longer than their database.
#[test]
fn what_rows_share_is_bounded() {
    let started = Instant::now();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000)";
    let long = "x".repeat(1000);
    let database = database(&format!(
        "INSERT INTO Identity(rowid,display_name) VALUES(1,'{long}');
         INSERT INTO Location(ROWID,title,address) VALUES(1,'{long}','{long}y');
         {many} INSERT INTO Participant(entity_type,identity_id,owner_id,email) SELECT 7,1,1,'{long}' FROM n;
         {many} INSERT INTO CalendarItem(ROWID,summary,start_date,entity_type,location_id,orig_item_id,
         orig_date,unique_identifier) SELECT i,'x',i,2,1,CASE i WHEN 1 THEN 0 ELSE 1 END,i,'{long}' FROM n;
         {many} INSERT INTO CalendarItem(summary,start_date,entity_type,location_id) SELECT 'y',i,2,1 FROM n;
         {many} INSERT INTO CalendarItem(start_date,entity_type,start_tz) SELECT i,2,'Zone/'||i FROM n;",
    ));
    let first = component::write(&database.items, &database.groups[&(0, 1)]);
    assert_eq!(first.warnings, ["more of it than is written"]);
    assert!(first.text.len() < 17 << 20, "{}", first.text.len());
    assert!(database.zones.len() <= 64);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn no_damage_makes_it_panic() {
    let started = Instant::now();
    let mut random = Random(0x0063_616C);
    let whole = made(&format!("{TABLES}{ROWS}"));
    let (base, log) = logged();
    let liked: [&[u8]; 4] = [b"\xFF\xFF\xFF\xFF", b"\x0D\0\0\0", b"CalendarItem", b"D=0MO"];
    for round in 0..500 {
        let opened = match round % 3 {
            0 => CalendarDatabase::new(&random.damaged(&whole, &liked), None),
            1 => CalendarDatabase::new(&base, Some(&random.damaged(&log, &liked))),
            _ => CalendarDatabase::new(&random.damaged(&base, &liked), Some(&log)),
        };
        if let Ok(database) = opened {
            for record in events(&database).1 {
                drop(taken(&database, &record));
            }
        }
    }
    for length in (0..whole.len()).step_by(997) {
        drop(CalendarDatabase::new(&whole[..length], None));
    }
    assert!(started.elapsed() < Duration::from_secs(60));
}
