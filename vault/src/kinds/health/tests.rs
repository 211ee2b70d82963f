//! Health's export, and what is wrong with those that people have.

use std::fmt::Write as _;
use std::io::Cursor;

use super::{NO_ROOT, grouped, places};
use crate::kinds::tests::records::{Made, Random, by_title, value};
use crate::kinds::{
    Format, Kept, Kind, Locator, Quality, Record, Scanned, recognise, sheets, take,
};

const FORMAT: Format = Format::Health;

/// As iPhones write it: a declaration with quotes that do not match and an entity, in front.
const START: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE HealthData [\n\
    <!-- HealthKit Export Version: 14, which doesn't say > or ]> -->\n\
    <!ELEMENT HealthData (ExportDate,Me,(Record|Workout|ActivitySummary)*)>\n\
    <!ATTLIST HealthData\n  locale CDATA #REQUIRED\n>\n<!ENTITY boom \"&boom;&boom;\">\n]>\n\
    <HealthData locale=\"en_US\">\n <ExportDate value=\"2026-09-14 09:30:00 +0200\"/>\n \
    <Me HKCharacteristicTypeIdentifierDateOfBirth=\"1980-01-01\"/>\n";

const ENTRIES: &[&str] = &[
    " <Record type=\"HKQuantityTypeIdentifierHeartRate\" sourceName=\"Jo&#8217;s Watch\" \
    sourceVersion=\"11\" device=\"&lt;&lt;HKDevice: 0x3018&gt;, name:Watch&gt;\" unit=\"count/min\" \
    creationDate=\"2026-09-13 08:00:05 +0200\" startDate=\"2026-09-13 08:00:00 +0200\" \
    endDate=\"2026-09-13 08:00:00 +0200\" value=\"62\">\n  \
    <MetadataEntry key=\"HKMetadataKeyHeartRateMotionContext\" value=\"1\"/>\n </Record>\n",
    " <Record type=\"HKQuantityTypeIdentifierHeartRate\" sourceName=\"iPhone\" \
    startDate=\"2026-09-12 08:00:00 +0200\" endDate=\"2026-09-12 08:00:00 +0200\" value=\"70\"/>\n",
    " <Workout workoutActivityType=\"HKWorkoutActivityTypeRunning\" duration=\"31.5\" \
    startDate=\"2026-09-13 18:00:00 +0200\" endDate=\"2026-09-13 18:31:30 +0200\">\n  \
    <WorkoutStatistics type=\"HKQuantityTypeIdentifierHeartRate\" average=\"151\"/>\n  \
    <WorkoutRoute><FileReference path=\"/workout-routes/a > b.gpx\"/></WorkoutRoute>\n </Workout>\n",
    " <Record type=\"HKQuantityTypeIdentifierHeartRate\" sourceName=\"iPhone\" \
    startDate=\"2026-09-12 08:00:00 +0200\" endDate=\"2026-09-12 08:00:00 +0200\" value=\"70\"/>\n",
    " <ActivitySummary dateComponents=\"2026-09-13\" activeEnergyBurned=\"512\"/>\n",
    " <ClinicalRecord type=\"AllergyRecord\" identifier=\"1\" receivedDate=\"2026-01-02 00:00:00 +0000\"/>\n",
];

fn export(entries: &[&str]) -> String {
    format!("{START}{}</HealthData>\n", entries.concat())
}

fn scanned(bytes: &[u8]) -> (Scanned, Vec<Record>) {
    let mut records = Vec::new();
    let scanned = FORMAT.scan(&mut Cursor::new(bytes), &mut |record| {
        records.push(record);
        Ok(())
    });
    let scanned = scanned.unwrap();
    assert_eq!(scanned.records, records.len() as u64);
    (scanned, records)
}

fn types(xml: &str) -> Vec<Record> {
    scanned(xml.as_bytes()).1
}

fn essences(xml: &str) -> Vec<Vec<u8>> {
    types(xml).iter().map(|record| record.essence.to_vec()).collect()
}

fn file_of(content: &[u8], record: &Record) -> Vec<u8> {
    let Locator::Derived(how) = &record.locator else { panic!("a record with bytes") };
    FORMAT.derive(content.into(), how, None).unwrap().to_vec()
}

#[test]
fn every_type_is_a_record() {
    let xml = export(ENTRIES);
    let found = recognise(xml.as_bytes(), xml.len() as u64);
    assert!(found.kind == Kind::Health && !found.sealed);
    let (scanned, records) = scanned(xml.as_bytes());
    assert_eq!((scanned.layout, scanned.notes.len()), ("Health export", 0));
    let told = |record: &Record| format!("{}|{}|{}", record.title, record.place, record.user);
    let all: Vec<String> = records.iter().map(told).collect();
    let wanted = [
        "Activity Summary|1 entry|",
        "Clinical Record|1 entry|",
        "Heart Rate|3 entries|Jo’s Watch, iPhone",
        "Workout: Running|1 entry|",
        "Me|1 entry|",
    ];
    assert_eq!(all, wanted);
    let dates: Vec<Option<i64>> = records.iter().map(|record| record.date).collect();
    let wanted = [1_789_257_600, 1_767_312_000, 1_789_279_200, 1_789_317_090].map(Some);
    assert_eq!(dates[..4], wanted);
    assert!(records.iter().all(|record| record.identity.quality == Quality::Id));
    let heart = file_of(xml.as_bytes(), by_title(&records, "Heart Rate"));
    let fields = FORMAT.fields(&[], &heart);
    for (name, wanted) in [
        ("type", "HKQuantityTypeIdentifierHeartRate"),
        ("entries", "3"),
        ("first", "2026-09-12T06:00:00Z"),
        ("last", "2026-09-13T06:00:00Z"),
        ("sources", "Jo’s Watch, iPhone"),
    ] {
        assert_eq!(value(&fields, name), wanted);
    }
}

#[test]
fn types_are_spelled_in_words() {
    for (name, wanted) in [
        ("HKQuantityTypeIdentifierVO2Max", "VO2 Max"),
        ("HKQuantityTypeIdentifierHeartRateVariabilitySDNN", "Heart Rate Variability SDNN"),
        ("HKQuantityTypeIdentifierUVExposure", "UV Exposure"),
        ("HKCategoryTypeIdentifierSleepAnalysis", "Sleep Analysis"),
        ("HKDataTypeSleepDurationGoal", "Sleep Duration Goal"),
        ("HKWorkoutActivityTypeHIIT", "Workout: HIIT"),
        ("something else", "something else"),
    ] {
        let records = types(&format!("<HealthData><Record type=\"{name}\"/></HealthData>"));
        assert_eq!(records[0].title, wanted);
    }
    let numbers = [0, 999, 1000, 1_234_567].map(grouped);
    assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
}

#[test]
fn the_same_entries_say_the_same() {
    let plain = export(ENTRIES);
    let mut shuffled = ENTRIES.to_vec();
    Random(7).shuffle(&mut shuffled);
    shuffled.reverse();
    let said = essences(&plain);
    let other_order =
        ENTRIES[1].replace(" value=\"70\"", "").replace("type=", "value=\"70\" type=");
    for same in [
        export(&shuffled),
        plain.replace("09:30:00 +0200", "10:00:00 +0000"),
        plain.replace("0x3018", "0x99999"),
        plain.replace("Jo&#8217;s", "Jo’s"),
        plain.replace("2026-09-12 08:00:00 +0200", "2026-09-12 06:00:00 +0000"),
        plain.replace("2026-09-12 08:00:00 +0200", "2026-09-11 20:30:00 -0930"),
        plain.replace('\n', "\r\n"),
        plain.replace(ENTRIES[1], &other_order),
        format!(
            "\u{FEFF}{}",
            plain.replace("<!DOCTYPE HealthData [", "<!DOCTYPE HealthData [<!-- -->")
        ),
    ] {
        assert!(essences(&same) == said, "{same}");
    }
    for other in [
        plain.replacen("value=\"70\"", "value=\"71\"", 1),
        plain.replacen(ENTRIES[1], "", 1),
        plain.replace("MotionContext\" value=\"1\"", "MotionContext\" value=\"2\""),
        plain.replace("2026-09-12 08:00:00 +0200", "2026-09-12 08:00:00 +0000"),
        plain.replace("iPhone", "iPad"),
    ] {
        assert!(essences(&other) != said, "{other}");
    }
}

#[test]
fn a_record_is_a_file_of_its_entries() {
    let xml = export(ENTRIES);
    let records = types(&xml);
    let files: Vec<Vec<u8>> =
        records.iter().map(|record| file_of(xml.as_bytes(), record)).collect();
    for (record, file) in records.iter().zip(&files) {
        let (scanned, again) = scanned(file);
        assert!(scanned.notes.is_empty() && again.len() == 1, "{}", record.title);
        assert_eq!(again[0].essence, record.essence);
        assert_eq!(file_of(file, &again[0]), *file);
        assert_eq!(*FORMAT.write(&[], &[file]).unwrap(), *file);
    }
    let heart = String::from_utf8(files[2].clone()).unwrap();
    assert!(heart.contains(ENTRIES[0].trim()) && heart.matches(ENTRIES[1].trim()).count() == 2);
    assert!(!heart.contains("Workout") && !heart.contains("DOCTYPE"));
    let all: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let all = FORMAT.write(&[], &all).unwrap();
    assert!(essences(str::from_utf8(&all).unwrap()) == essences(&xml));
    // Those that follow each other are one range.
    let many = export(&[ENTRIES[4]].repeat(1000));
    assert_eq!(places(&mut Cursor::new(&many), b"ActivitySummary").unwrap().len(), 1);
    assert!(FORMAT.derive(xml.as_bytes().into(), b"HKNothing", None).is_none());
    // The whole way, as a vault goes it.
    let found = recognise(xml.as_bytes(), xml.len() as u64);
    let sheets = sheets(&found, xml.as_bytes().into(), None);
    let Locator::Derived(how) = &sheets.sheets[0].records[2].locator else { panic!("derived") };
    let taken = take(FORMAT, xml.as_bytes().into(), how, None, &mut Kept::default()).unwrap();
    assert!(taken.frame.is_empty() && *taken.bytes == files[2]);
}

#[test]
fn what_is_no_export_is_said() {
    let wide: Vec<u8> = "<HealthData/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&b""[..], b"<ClinicalDocument/>", b"HealthData", &wide, b"<!DOCTYPE HealthData ["]
    {
        assert_eq!(scanned(bytes).0.notes, [NO_ROOT]);
    }
    assert!(scanned(b"<HealthData/>").0.notes.is_empty());
    let xml = export(ENTRIES);
    let cut = &xml[..xml.find("<ActivitySummary").unwrap() + 40];
    let (scanned_cut, records) = scanned(cut.as_bytes());
    assert_eq!((scanned_cut.notes, records.len()), (vec!["cut off"], 3));
    let cda = b"<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>";
    assert_eq!(recognise(cda, 100).kind, Kind::File);
}

#[test]
fn no_size_costs_more_than_its_cap() {
    let deep = "<a>".repeat(1_000_000) + &"</a>".repeat(1_000_000);
    let (scanned_deep, records) = scanned(export(&[&deep]).as_bytes());
    assert!(scanned_deep.notes.is_empty() && records.len() == 2);
    let mut many = String::new();
    (0..5000).for_each(|at| write!(many, "<b type=\"{at}\"/>").unwrap());
    assert_eq!(scanned(export(&[&many]).as_bytes()).0.notes.len(), 1);
    // A tag that is not held: the entries beside it are told.
    let long = format!("<Record type=\"a\" x=\"{}\"></Record>{}", "<".repeat(600_000), ENTRIES[4]);
    let (scanned_long, records) = scanned(export(&[&long]).as_bytes());
    assert_eq!((scanned_long.notes.len(), records.len()), (1, 2));
    for piece in
        ["<", "<a ", "<a b=\"", "<!--", "<![", "<!", "<?", "]", "[<!--", "=", "\"", "</", "/>"]
    {
        for start in ["<HealthData>", "<HealthData><a b=\"", "<!DOCTYPE HealthData ["] {
            scanned(format!("{start}{}", piece.repeat(200_000)).as_bytes());
        }
    }
}

#[test]
fn an_export_streams() {
    let mut made = Made {
        start: START.as_bytes().to_vec(),
        middle: ENTRIES.concat().into_bytes(),
        middle_size: 4000 * ENTRIES.concat().len() as u64,
        end: b"</HealthData>".to_vec(),
        at: 0,
    };
    let mut records = Vec::new();
    let scanned = FORMAT.scan(&mut made, &mut |record| {
        records.push(record);
        Ok(())
    });
    assert!(scanned.unwrap().notes.is_empty());
    assert_eq!(by_title(&records, "Heart Rate").place, "12,000 entries");
}

#[test]
fn damaged_exports_have_an_answer() {
    let liked: &[&[u8]] = &[
        b"<",
        b">",
        b"/>",
        b"</",
        b"\"",
        b"'",
        b"=",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"]>",
        b"[",
        b"type=",
        b"&",
        b"\xFF",
        b"\0",
        b"<Record",
        b"</Record>",
        b"</HealthData>",
    ];
    let file = export(ENTRIES).into_bytes();
    let mut random = Random(0x6865_616C);
    for _ in 0..3000 {
        let damaged = random.damaged(&file, liked);
        for record in scanned(&damaged).1 {
            let file = file_of(&damaged, &record);
            FORMAT.fields(&[], &file);
            FORMAT.write(&[], &[&file, &file]);
        }
    }
}
