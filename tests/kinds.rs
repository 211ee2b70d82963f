//! Photos, notes, documents, measurements and databases: found by an add, shown, and taken out.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::tools::{has, program, skipped};
use crate::support::tree::{assert_same, copy};
use crate::support::{Bench, samples};

fn with_sample() -> Bench {
    let bench = Bench::with_vault();
    let export = samples().join("icloud-export");
    bench.open(["add", export.to_str().unwrap(), "--as", "all"]).ended_with(3);
    bench
}

fn records(bench: &Bench, kind: &str) -> Vec<Value> {
    let list = bench.open(["list", "--records", "--json", "--kind", kind]).succeeded().json();
    list.as_array().unwrap().clone()
}

fn titles(records: &[Value]) -> BTreeSet<&str> {
    records.iter().map(|record| record["title"].as_str().unwrap()).collect()
}

#[test]
fn a_photo_and_what_belongs_to_it_are_one() {
    let bench = with_sample();
    let photos = records(&bench, "photo");
    let named = titles(&photos);
    assert!(named.contains("IMG_4821.HEIC") && named.contains("IMG_0740.JPG"), "{named:?}");
    // What was edited, and what tells of another, is beside it.
    assert!(!named.contains("IMG_E4823.JPG"), "{named:?}");
    assert!(!titles(&records(&bench, "video")).contains("IMG_4821.MOV"));
    // A picture of a person is a part of the address book.
    assert!(!named.iter().any(|name| name.starts_with("71C2A2C5")), "{named:?}");

    let page = bench.open(["show", "IMG_4821.HEIC"]).succeeded().stdout;
    for text in ["57.5", "Apple iPhone 99 Pro", "IMG_4821.MOV", "IMG_4821.xmp"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // Its own date counts, not that of the file.
    let july = ["--since", "2026-07", "--until", "2026-07"];
    let out = [&["extract", "all", "--kind", "photo", "-o", "out"], &july[..]].concat();
    bench.open(out).succeeded();
    let taken: BTreeSet<String> = fs::read_dir(bench.path("out/Photos"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(taken.contains("IMG_4821.HEIC") && taken.contains("IMG_4821.MOV"), "{taken:?}");
    for name in &taken {
        let original = samples().join("icloud-export/Photos").join(name);
        let written = fs::read(bench.path(&format!("out/Photos/{name}"))).unwrap();
        assert_eq!(written, fs::read(original).unwrap(), "{name}");
    }
    let found = bench.open([&["find", "--kind", "photo"], &july[..]].concat()).succeeded().stdout;
    assert!(found.contains("IMG_4821.HEIC"), "{found}");
    // By its handle it is its files as well, and its bytes alone on stdout.
    let handle = photos.iter().find(|record| record["title"] == "IMG_4821.HEIC").unwrap();
    let handle = handle["handle"].as_str().unwrap();
    bench.open(["extract", handle, "-o", "one"]).succeeded();
    assert!(bench.path("one/Photos/IMG_4821.xmp").is_file());
    let bytes = fs::read(samples().join("icloud-export/Photos/IMG_4821.HEIC")).unwrap();
    assert_eq!(bench.open(["cat", handle]).succeeded().bytes, bytes);
    assert_eq!(bench.open(["extract", handle, "-o", "-"]).succeeded().bytes, bytes);
    // What a take-out's table says of it.
    let deleted = photos.iter().find(|record| record["title"] == "IMG_0711.JPG").unwrap();
    assert!(deleted["date"].is_string(), "{deleted}");
}

#[test]
fn a_long_film_is_shown_as_a_short_one() {
    let bench = Bench::with_vault();
    let film = fs::read(samples().join("icloud-export/Photos/IMG_4830.MOV")).unwrap();
    bench.write("films/short.mov", &film);
    // What tells of a film stands behind all of its pictures.
    let (head, rest) = film.split_at(usize::from(film[3]));
    assert_eq!(&head[4..8], b"ftyp");
    let pictures = vec![7; (40 << 20) - 8];
    let long = [head, &[2, 0x80, 0, 0], b"free", &pictures, rest].concat();
    bench.write("films/long.mov", &long);
    bench.open(["add", "films", "--as", "films"]).succeeded();
    let fields = |film: &str| {
        let shown = bench.open(["show", film, "--json"]).succeeded().json();
        shown["fields"].clone()
    };
    assert!(fields("short.mov").as_array().unwrap().len() > 3);
    assert_eq!(fields("long.mov"), fields("short.mov"));
}

/// The record with this title.
fn titled<'r>(records: &'r [Value], title: &str) -> &'r Value {
    records.iter().find(|record| record["title"] == title).unwrap()
}

#[test]
fn a_bundle_is_one_document() {
    let bench = with_sample();
    let documents = records(&bench, "document");
    let documents_of = |path: &str| samples().join("icloud-export/Documents").join(path);
    for (title, main, application) in
        [("Budget.numbers", "Index.zip", "iWork"), ("Sticky.rtfd", "TXT.rtf", "RTF")]
    {
        let record = titled(&documents, title);
        assert_eq!(record["file"], format!("Documents/{title}/{main}"));
        assert_eq!(record["place"], application);
        let handle = record["handle"].as_str().unwrap();
        let page = bench.open(["show", handle]).succeeded().stdout;
        assert!(page.contains(application) && !page.contains("beside"), "{page}");
        // The folder is the same thing, and so are its bytes.
        let folder = format!("all:Documents/{title}");
        assert_eq!(bench.open(["show", &folder]).succeeded().stdout, page);
        let out = format!("out-{title}");
        bench.open(["extract", handle, "-o", &out]).succeeded();
        assert_same(&bench.path(&format!("{out}/Documents/{title}")), &documents_of(title));
        let bytes = fs::read(documents_of(title).join(main)).unwrap();
        assert_eq!(bench.open(["cat", handle]).succeeded().bytes, bytes);
        let found = bench.open(["find", title]).succeeded().stdout;
        assert!(found.contains(handle), "{found}");
    }
    let budget = bench.open(["show", "all:Documents/Budget.numbers", "--json"]).succeeded().json();
    let told = |name: &str| {
        let fields = budget["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap()["value"].clone()
    };
    let identifier = documents_of("Budget.numbers/Metadata/DocumentIdentifier");
    assert_eq!(told("identifier"), fs::read_to_string(identifier).unwrap());
    assert_eq!((told("members"), told("preview")), ("7".into(), "yes".into()));
    bench.open(["check"]).succeeded();
}

#[test]
fn a_bundle_stays_the_same_document() {
    let bench = Bench::with_vault();
    let samples = samples().join("icloud-export/Documents");
    let put = |name: &str, to: &str| copy(&samples.join(name), &bench.path(to));
    put("Budget.numbers", "docs/Budget.numbers");
    put("Sticky.rtfd", "docs/Sticky.rtfd");
    bench.write("docs/Trip.textbundle/text.md", "# Trip\n");
    bench.write("docs/Trip.textbundle/info.json", "{\"version\": 2}");
    bench.write("docs/Trip.textbundle/assets/map.png", "a map");
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    let first = records(&bench, "document");
    let expected = BTreeSet::from(["Budget.numbers", "Sticky.rtfd", "Trip.textbundle"]);
    assert_eq!(titles(&first), expected);
    let handle = titled(&first, "Budget.numbers")["handle"].as_str().unwrap();

    // Opened and closed: another picture of it, another note of how often it was saved.
    bench.write("docs/Budget.numbers/preview.jpg", "another picture");
    bench.write("docs/Budget.numbers/Metadata/BuildVersionHistory.plist", "<string>M15</string>");
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    assert_eq!(bench.open(["diff", "docs", "--records"]).succeeded().stdout, "");

    fs::rename(bench.path("docs/Budget.numbers"), bench.path("docs/2026.numbers")).unwrap();
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    let moved = bench.open(["diff", "docs", "--records"]).succeeded();
    assert_eq!(moved.stderr, "1 moved\n", "{}", moved.stdout);
    let history = bench.open(["history", handle]).succeeded().stdout;
    assert!(history.contains("2026.numbers/Index.zip"), "{history}");

    // A change of any member is one.
    bench.write("docs/Trip.textbundle/assets/map.png", "another map");
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    let changed = bench.open(["diff", "docs", "--records"]).succeeded();
    assert!(changed.stdout.contains("Trip.textbundle"), "{}", changed.stdout);
    assert_eq!(changed.stderr, "1 changed\n");

    // What is gone comes back as the folder that it was.
    fs::rename(bench.path("docs/2026.numbers"), bench.path("kept.numbers")).unwrap();
    fs::remove_dir_all(bench.path("docs/Trip.textbundle")).unwrap();
    bench.open(["add", "docs", "--as", "docs", "--expected"]).succeeded();
    let missing = bench.open(["recover", "docs", "--from", "docs~1"]).succeeded().stdout;
    assert!(missing.contains("2026.numbers") && missing.contains("Trip.textbundle"), "{missing}");
    bench.open(["recover", "docs", "--from", "docs~1", "-o", "back/"]).succeeded();
    assert_same(&bench.path("back/2026.numbers"), &bench.path("kept.numbers"));
    assert!(bench.path("back/Trip.textbundle/assets/map.png").is_file());
    assert!(!bench.path("back/Sticky.rtfd").exists());
}

/// Makes the form that is one file of a document that is a folder, as iWork does.
const PACKER: &str = r#"
import os, sys, zipfile
folder, file = sys.argv[1:]
with zipfile.ZipFile(file, "w") as out:
    with zipfile.ZipFile(os.path.join(folder, "Index.zip")) as index:
        for name in index.namelist():
            out.writestr("Index/" + name, index.read(name))
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            if name != "Index.zip":
                out.write(path, os.path.relpath(path, folder))
"#;

#[test]
fn a_document_saved_in_its_other_form_has_not_changed() {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::with_vault();
    let budget = samples().join("icloud-export/Documents/Budget.numbers");
    copy(&budget, &bench.path("docs/Budget.numbers"));
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    let before = records(&bench, "document");
    let fields = || {
        let shown = bench.open(["show", "Budget.numbers", "--json"]).succeeded().json();
        let fields = shown["fields"].as_array().unwrap().iter();
        fields.filter(|field| field["name"] != "modified").cloned().collect::<Vec<_>>()
    };
    let fields_before = fields();
    fs::rename(bench.path("docs/Budget.numbers"), bench.path("folder.numbers")).unwrap();
    let args = ["-c", PACKER, "folder.numbers", "docs/Budget.numbers"];
    let packed = program("python3", args, &bench.path("")).output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    let after = records(&bench, "document");
    assert_eq!(before[0]["handle"], after[0]["handle"]);
    assert_eq!(after[0]["file"], "Budget.numbers");
    assert_eq!(fields(), fields_before);
    let diff = bench.open(["diff", "docs", "--records"]).succeeded();
    assert_eq!(diff.stderr, "1 moved\n", "{}", diff.stdout);
}

#[test]
fn what_is_sealed_in_a_bundle_is_told_nowhere_else() {
    let bench = Bench::with_vault();
    let bundle = "docs/Sticky.rtfd";
    copy(&samples().join("icloud-export/Documents/Sticky.rtfd"), &bench.path(bundle));
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    let keys = samples().join("icloud-export/Keys/server-key.pem");
    fs::copy(keys, bench.path(&format!("{bundle}/server-key.pem"))).unwrap();
    bench.open(["add", "docs", "--as", "docs"]).succeeded();
    // The record is of `general`, as its text is; whether the key is another one, it does not say.
    let diff = bench.open(["diff", "docs", "--records"]).succeeded();
    assert!(!diff.stdout.contains("Sticky.rtfd  "), "{}", diff.stdout);
    assert_eq!(diff.stderr, "1 added\n");
    bench.open(["add", "docs", "--as", "sealed", "--sealed"]).succeeded();
    let sealed = bench.open(["list", "sealed", "--records", "--json"]).succeeded().json();
    let record = titled(sealed.as_array().unwrap(), "Sticky.rtfd");
    assert_eq!(record["compartment"], "sealed");
    let handle = record["handle"].as_str().unwrap();
    bench.open(["extract", &format!("sealed:{handle}"), "-o", "out"]).succeeded();
    assert!(bench.path("out/Sticky.rtfd/server-key.pem").is_file());
}

#[test]
fn notes_are_told_by_their_place_or_by_who_adds_them() {
    let bench = with_sample();
    let notes = records(&bench, "note");
    let named = titles(&notes);
    for title in ["Sourdough", "Packing list", "宿"] {
        assert!(named.contains(title), "{named:?}");
    }
    let listed = notes.iter().find(|note| note["title"] == "Packing list").unwrap();
    assert!(listed["date"].as_str().unwrap().starts_with("2026-"), "{listed}");
    bench.write("mine/one.txt", "My first note\nand its text\n");
    bench.write("mine/two.md", "# My second note\n\n- [ ] a thing to do\n");
    bench.write("mine/three.bin", "\u{0}\u{1}\u{2}");
    bench.open(["add", "mine", "--as", "mine"]).succeeded();
    assert_eq!(bench.open(["list", "mine", "--records"]).succeeded().stdout, "");
    bench.open(["add", "mine", "--as", "mine", "--kind", "note", "--expected"]).succeeded();
    let mine = bench.open(["list", "mine", "--records", "--json"]).succeeded().json();
    assert_eq!(
        titles(mine.as_array().unwrap()),
        BTreeSet::from(["My first note", "My second note"])
    );
    let page = bench.open(["show", "My second note"]).succeeded().stdout;
    assert!(page.contains("a thing to do"), "{page}");
    bench.open(["add", "mine", "--as", "mine", "--kind", "notes"]).ended_with(2);
}

#[test]
fn people_in_a_database_are_the_people_in_the_cards() {
    let bench = with_sample();
    let people = records(&bench, "contact");
    let in_database: Vec<&Value> = people
        .iter()
        .filter(|person| person["file"].as_str().unwrap().ends_with("abcddb"))
        .collect();
    assert!(in_database.len() > 15, "{}", in_database.len());
    for person in in_database {
        let (file, handle) = (person["file"].as_str().unwrap(), person["handle"].as_str().unwrap());
        let card = bench.open(["cat", &format!("{file}#{handle}")]).succeeded().stdout;
        assert!(card.starts_with("BEGIN:VCARD\r\nVERSION:3.0\r\n"), "{card}");
        assert!(card.ends_with("END:VCARD\r\n"), "{card}");
    }
}

/// Makes a calendar database as Calendar does, with an event in its log alone.
const CALENDAR_MAKER: &str = r#"
import os, shutil, sqlite3, sys
db = sqlite3.connect("made.sqlitedb", isolation_level=None)
db.executescript("""
CREATE TABLE Calendar(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT);
CREATE TABLE CalendarItem(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, summary TEXT, location_id INTEGER,
  description TEXT, start_date REAL, start_tz TEXT, end_date REAL, end_tz TEXT, all_day INTEGER,
  calendar_id INTEGER, orig_item_id INTEGER, orig_date REAL, status INTEGER, unique_identifier TEXT,
  entity_type INTEGER, due_date REAL, due_tz TEXT, due_all_day INTEGER);
CREATE TABLE Recurrence(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, frequency INTEGER, interval INTEGER,
  week_start INTEGER, count INTEGER, end_date REAL, specifier TEXT, by_month_months INTEGER,
  owner_id INTEGER);
CREATE TABLE ExceptionDate(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, date REAL);
CREATE TABLE Alarm(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, trigger_date REAL,
  trigger_interval INTEGER, calendaritem_owner_id INTEGER);
CREATE TABLE Location(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT);
INSERT INTO Calendar VALUES(1, 'Home');
INSERT INTO Location VALUES(1, 'Museum; old wing');
INSERT INTO CalendarItem VALUES
 (1,'Choir',1,'Bring: bread, olives',789330600,'Europe/Berlin',789336000,'Europe/Berlin',0,1,NULL,NULL,1,'CHOIR',2,NULL,NULL,NULL),
 (2,'Choir, early',NULL,NULL,789931800,'Europe/Berlin',789937200,NULL,0,1,1,789935400,NULL,'CHOIR',2,NULL,NULL,NULL),
 (3,'Lake',NULL,NULL,789004800,'_float',789350399,NULL,1,1,NULL,NULL,NULL,'LAKE',2,NULL,NULL,NULL),
 (4,'Bread',NULL,NULL,NULL,NULL,NULL,NULL,0,1,NULL,NULL,NULL,'BREAD',3,789310800,'Europe/Berlin',0);
INSERT INTO Recurrence VALUES(1,2,1,1,0,800000000,'D=0MO',NULL,1);
INSERT INTO ExceptionDate VALUES(1,1,790540200);
INSERT INTO Alarm VALUES(1,NULL,-900,1);
""")
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA wal_autocheckpoint=0")
db.execute("INSERT INTO CalendarItem(summary,start_date,start_tz,all_day,calendar_id,unique_identifier,"
           "entity_type) VALUES('Late', 789040800, 'America/New_York', 0, 1, 'LATE', 2)")
os.makedirs("export/All.icbu")
for end in ("", "-wal"):
    shutil.copy("made.sqlitedb" + end, "export/All.icbu/Calendar.sqlitedb" + end)
"#;

/// Prints what Python's `icalendar` reads from a calendar.
const CALENDAR_READER: &str = r#"
import json, sys
import icalendar
calendar = icalendar.Calendar.from_ical(open(sys.argv[1], "rb").read())
assert not calendar.errors and calendar["X-WR-CALNAME"] == "Home" and calendar["VERSION"] == "2.0"
assert not any(part.errors for part in calendar.walk())
def plain(part):
    value = lambda name: str(part.decoded(name)) if name in part else None
    when = lambda name: value(name) if name != "EXDATE" else str(part[name].dts[0].dt)
    return {"uid": str(part["UID"]), "summary": str(part["SUMMARY"]),
            **{name: when(name) for name in ("DTSTART", "DTEND", "DUE", "EXDATE", "RECURRENCE-ID") if name in part},
            "rule": part["RRULE"].to_ical().decode() if "RRULE" in part else None,
            "place": str(part.get("LOCATION", "")), "text": str(part.get("DESCRIPTION", "")),
            "alarms": [str(alarm["TRIGGER"].dt) for alarm in part.walk("VALARM")]}
print(json.dumps([plain(part) for part in calendar.walk() if part.name in ("VEVENT", "VTODO")]))
"#;

#[test]
fn events_in_a_database_come_out_as_a_calendar() {
    let bench = Bench::with_vault();
    let python = |script: &str, args: &[&str]| {
        program("python3", ["-c", script].iter().chain(args), &bench.path("")).output().unwrap()
    };
    if !has(&["python3"]) {
        return;
    }
    if !python("import icalendar", &[]).status.success() {
        return skipped("needs icalendar, which pip installs");
    }
    let made = python(CALENDAR_MAKER, &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    bench.open(["add", "export", "--as", "calendars"]).succeeded();
    let events = records(&bench, "event");
    let expected = BTreeSet::from(["Choir", "Lake", "Bread", "Late"]);
    assert_eq!(titles(&events), expected);
    let handle = |title: &str| {
        let event = events.iter().find(|event| event["title"] == title).unwrap();
        event["handle"].as_str().unwrap().to_owned()
    };
    let read = |titles: &[&str]| -> Value {
        let handles: Vec<String> = titles.iter().map(|title| handle(title)).collect();
        let args = ["extract"].into_iter().chain(handles.iter().map(String::as_str));
        let file = bench.open(args.chain(["-o", "-"])).succeeded().bytes;
        bench.write("out.ics", file);
        let read = python(CALENDAR_READER, &["out.ics"]);
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        serde_json::from_slice(&read.stdout).unwrap()
    };
    let choir = read(&["Choir"]);
    assert_eq!(choir[0]["uid"], "CHOIR");
    assert_eq!(choir[0]["DTSTART"], "2026-01-05 19:30:00+01:00");
    assert_eq!(choir[0]["DTEND"], "2026-01-05 21:00:00+01:00");
    assert_eq!(choir[0]["rule"], "FREQ=WEEKLY;UNTIL=20260509T061320Z;BYDAY=MO");
    assert_eq!(choir[0]["EXDATE"], "2026-01-19 19:30:00+01:00");
    assert_eq!(
        (&choir[0]["place"], &choir[0]["text"]),
        (&"Museum; old wing".into(), &"Bring: bread, olives".into())
    );
    assert_eq!(choir[0]["alarms"][0], "-1 day, 23:45:00");
    assert_eq!(choir[1]["RECURRENCE-ID"], "2026-01-12 19:30:00+01:00");
    assert_eq!(choir[1]["DTSTART"], "2026-01-12 18:30:00+01:00");
    let lake = read(&["Lake"]);
    assert_eq!(
        (&lake[0]["DTSTART"], &lake[0]["DTEND"]),
        (&"2026-01-02".into(), &"2026-01-06".into())
    );
    let both = read(&["Bread", "Late"]);
    let both = both.as_array().unwrap();
    assert_eq!(both.len(), 2);
    let late = both.iter().find(|event| event["uid"] == "LATE").unwrap();
    assert_eq!(late["DTSTART"], "2026-01-02 05:00:00-05:00");
    assert!(both.iter().any(|event| event["DUE"] == "2026-01-05 14:00:00+01:00"));
    // The same events as an exported file: nothing has changed.
    for title in ["Choir", "Lake", "Bread", "Late"] {
        let path = format!("file/{title}.ics");
        bench.write(&path, bench.open(["extract", &handle(title), "-o", "-"]).succeeded().bytes);
    }
    bench.open(["add", "file", "--as", "calendars"]).succeeded();
    let same = bench.open(["diff", "calendars", "--records"]).succeeded();
    assert!(same.stdout.lines().all(|line| line.starts_with('R')), "{}", same.stdout);
    assert_eq!(same.stderr, "4 moved\n");
}

#[test]
fn what_health_exports_is_told_by_type_however_long_it_is() {
    let bench = Bench::with_vault();
    let entry = |kind: &str, number: u32| {
        let at = format!("2026-09-{:02} 08:{:02}:00 +0200", number % 28 + 1, number % 60);
        let note = "a note ".repeat(20);
        format!(
            " <Record type=\"HKQuantityTypeIdentifier{kind}\" sourceName=\"Watch\" unit=\"{note}\" \
             startDate=\"{at}\" endDate=\"{at}\" value=\"{number}\"/>\n"
        )
    };
    // Longer than what is held of a file.
    let mut export = "<?xml version=\"1.0\"?>\n<!DOCTYPE HealthData [\n<!ENTITY a \"b\">\n]>\n\
                      <HealthData locale=\"en_US\">\n"
        .to_owned();
    let mut number = 0;
    while export.len() as u64 <= vault::kinds::CONTENT_MAX {
        export += &entry(if number % 50_000 == 7 { "BodyMass" } else { "HeartRate" }, number);
        number += 1;
    }
    export += "</HealthData>\n";
    bench.write("health/exportar.xml", &export);
    bench.open(["add", "health", "--as", "health"]).succeeded();
    let records = records(&bench, "health");
    assert_eq!(titles(&records), BTreeSet::from(["Body Mass", "Heart Rate"]));
    let mass = bench.open(["cat", "Body Mass"]).succeeded().stdout;
    let expected = (0..number).filter(|number| number % 50_000 == 7);
    let expected: String = expected.map(|number| entry("BodyMass", number)).collect();
    let lines: Vec<&str> = mass.lines().filter(|line| line.contains("<Record")).collect();
    let wanted: Vec<&str> = expected.lines().collect();
    assert_eq!(lines, wanted);
}

/// Commits as fast as it can what keeps the sums of two tables equal, until its input ends.
const WRITER: &str = r#"
import os, sqlite3, sys, threading
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA wal_autocheckpoint=20")
db.execute("CREATE TABLE a(v INT, pad BLOB)")
db.execute("CREATE TABLE b(v INT, pad BLOB)")
db.execute("INSERT INTO a VALUES(0, '')")
db.execute("INSERT INTO b VALUES(0, '')")
print("ready", flush=True)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
n = 0
while not stop.is_set():
    n += 1
    db.execute("BEGIN IMMEDIATE")
    for table in ("a", "b"):
        db.execute(f"INSERT INTO {table} VALUES({n}, randomblob(3000))")
        db.execute(f"DELETE FROM {table} WHERE v < {n - 100}")
    db.execute("COMMIT")
    if n % 50 == 0:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"#;

/// Prints what is wrong with a database that was taken out.
const READER: &str = r#"
import sqlite3, sys
for path in sys.argv[1:]:
    db = sqlite3.connect(path)
    [whole] = db.execute("PRAGMA integrity_check").fetchone()
    [[a], [b]] = [db.execute(f"SELECT sum(v) FROM {t}").fetchone() for t in "ab"]
    if whole != "ok" or a != b:
        print(path, whole, a, b)
"#;

#[test]
fn a_database_that_is_being_written_is_one_state_of_it() {
    if !has(&["python3"]) {
        return;
    }
    // 200 take some minutes.
    let count = std::env::var_os("ICVAULT_TEST_LIVE_ADDS");
    let count: usize = count.map_or(15, |count| count.to_str().unwrap().parse().unwrap());
    let bench = Bench::with_vault_in_memory();
    fs::create_dir(bench.path("live")).unwrap();
    let mut writer = program("python3", ["-c", WRITER, "live/store.sqlite"], &bench.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !bench.path("live/store.sqlite-wal").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut stored = Vec::new();
    for number in 0..count {
        let added = bench.open(["add", "live", "--as", "live"]);
        // One whose lock was not to be had is told and left out.
        if added.code == 0 {
            let out = format!("out/{number}");
            bench.open(["extract", "live", "-o", &out]).succeeded();
            stored.push(format!("{out}/store.sqlite"));
        } else {
            assert!(added.stderr.contains("database") || added.stdout.contains("database"));
        }
    }
    drop(writer.stdin.take());
    writer.wait().unwrap();
    assert!(stored.len() * 2 > count, "{} of {count}", stored.len());
    let args = ["-c", READER].into_iter().chain(stored.iter().map(String::as_str));
    let wrong = program("python3", args, &bench.path("")).output().unwrap();
    assert!(wrong.status.success(), "{}", String::from_utf8_lossy(&wrong.stderr));
    assert_eq!(String::from_utf8_lossy(&wrong.stdout), "");
}
