//! Notes of every export, and what they lost on the way.

use super::{EMPTY, LEFT_OUT, NOT_TEXT, TEXT_MAX};
use crate::kinds::notes::{Detail, details};
use crate::kinds::tests::records::{
    EXPORTS, Random, all_fields, bytes_of, sample, scanned, utf16, value, written,
};
use crate::kinds::{Format, Kind, Quality, Record, recognise};

const FORMAT: Format = Format::Notes;

fn note(bytes: &[u8]) -> Record {
    let (scanned, mut records) = scanned(FORMAT, bytes);
    assert_eq!((scanned.records, scanned.notes.len()), (1, 0));
    records.pop().unwrap()
}

/// File, title, and what is said of how it came out.
const SAMPLES: &[(&str, &str, &[&str])] = &[
    ("Notes/Choir.md", "Choir", &[]),
    ("Notes/Sourdough.md", "Sourdough", &[]),
    ("Notes/할 일.md", "할 일", &[]),
    ("Notes/Meter readings.txt", "Meter readings", &[]),
    ("Notes/html/Boat.html", "Boat", &[]),
    ("Take-out/iCloud Notes/Notes/Packing list/Packing list.txt", "Packing list", &[LEFT_OUT]),
    ("Take-out/iCloud Notes/Notes/旅行/宿/宿.txt", "宿", &[]),
];

#[test]
fn every_sample_is_one_note() {
    for export in EXPORTS {
        for (path, title, warnings) in SAMPLES {
            let bytes = sample(export, path);
            let record = note(&bytes);
            assert_eq!((&*record.title, &record.warnings[..]), (*title, *warnings), "{path}");
            assert_eq!(bytes_of(&bytes, &record), bytes);
            assert!(record.identity.quality == Quality::Fields && record.identity.bytes.is_empty());
        }
    }
    let (scanned, records) = scanned(FORMAT, b"");
    assert!(scanned.notes == [EMPTY] && records.is_empty());
}

#[test]
fn what_a_note_says_is_told_field_by_field() {
    let fields = &all_fields(FORMAT, &sample(EXPORTS[0], "Notes/Sourdough.md"))[0];
    let attachment = "starter (Attachments/0E5A2411-57C1-5226-9F61-6BD4D1F687F5.jpeg)";
    assert_eq!(value(fields, "attachment"), attachment);
    assert!(value(fields, "text").contains("- [ ] flour\n- [x] water"));
    let fields = &all_fields(FORMAT, &sample(EXPORTS[0], "Notes/html/Boat.html"))[0];
    assert_eq!(value(fields, "text"), "Boat\nVarnish & rope.");
    assert!(value(fields, "attachment").starts_with("image/png, in the note, some "));
    let path = "Take-out/iCloud Notes/Notes/Packing list/Packing list.txt";
    let fields = &all_fields(FORMAT, &sample(EXPORTS[0], path))[0];
    assert_eq!(value(fields, "left out"), "attachments or tables: 1");
    assert!(value(fields, "text").contains("◦\tTent\n✓\tStove"));
    let long = "ä".repeat(TEXT_MAX);
    let fields = &all_fields(FORMAT, long.as_bytes())[0];
    assert_eq!(value(fields, "text").len(), TEXT_MAX);
    let html = "<html><head><title>T</title><style>a{}</style><META NAME=Created CONTENT=\"2026-05-01\">\
        </head><body>a&amp;b<ul><li>c</li><li>d <b>e</b></ul><script>x</script>\
        <img src='Boat.png' alt=Boat></body>";
    let fields = &all_fields(FORMAT, html.as_bytes())[0];
    let told = ["title", "created", "attachment", "text"].map(|name| value(fields, name));
    assert_eq!(told, ["a&b", "2026-05-01T00:00:00Z", "Boat (Boat.png)", "a&b\nc\nd e"]);
}

#[test]
fn a_title_is_the_first_line_without_its_marks() {
    for (text, title) in [
        ("\n\n  ## **Bold** and _plain_ `x`\nmore", "Bold and _plain_ x"),
        ("---\n- [x] done", "done"),
        ("![](Attachments/a.png)\n\n[A link](https://a.example) there", "A link there"),
        ("![alt](b) c", "alt c"),
        ("\u{FFFC}\n✓\tStove", "Stove"),
        ("> quoted\r\rx", "quoted"),
        ("a [b] c! d*e", "a b c! d*e"),
        ("<p></p><p>First<br>second</p>", "First"),
        ("<div>x</div><h2> The\n <b>title</b></h2>", "The title"),
        ("<3 is a heart", "<3 is a heart"),
        (" \n\t\n", ""),
        ("***", ""),
        ("](", "("),
        ("[", ""),
    ] {
        assert_eq!(note(text.as_bytes()).title, title, "{text:?}");
    }
    let long = note("ä".repeat(1000).as_bytes()).title;
    assert!(long.len() <= 203 && long.ends_with('…'));
}

#[test]
fn the_same_text_says_the_same_however_its_lines_end() {
    let plain = note("a\n\n b\nc".as_bytes()).essence;
    for same in
        ["a \r\n\r\n b\r\nc\r\n", "a\r\r b\rc\r", "\u{FEFF}a\n\t\n b \nc\n\n\n", "a\r\r\n\n b\nc"]
    {
        assert_eq!(*note(same.as_bytes()).essence, *plain, "{same:?}");
    }
    let wide = utf16("a\n\n b\nc".as_bytes(), u16::to_le_bytes);
    assert_eq!(*note(&wide).essence, *plain);
    for other in ["a\n\nb\nc", "a\n b\nc", "a\n\n b\n c", "\na\n\n b\nc"] {
        assert_ne!(*note(other.as_bytes()).essence, *plain, "{other:?}");
    }
}

#[test]
fn only_markdown_of_notes_is_told_from_other_text() {
    let kind = |text: &str| recognise(text.as_bytes(), text.len() as u64).kind;
    let id = "0E5A2411-57C1-5226-9F61-6BD4D1F687F5";
    assert_eq!(kind(&format!("# A\n\n![a](Attachments/{id}.jpeg)\n")), Kind::Note);
    assert_eq!(kind(&format!("[a](Attachments/x.png) [b](Attachments/{id}.pdf)")), Kind::Note);
    let sealed = format!(
        "![a](Attachments/{id}.png)\n-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n"
    );
    let found = recognise(sealed.as_bytes(), sealed.len() as u64);
    assert!(found.kind == Kind::Note && found.sealed);
    for other in [
        "# A".to_owned(),
        "![a](Attachments/photo.jpeg)".to_owned(),
        format!("![a](Attachments/{id})"),
        format!("![a](Attachments/{id}.)"),
        format!("![a](Attachments/{id}.jpeg"),
        format!("![a](attachments/{id}.jpeg)"),
        format!("![a](Attachments/{}.jpeg)", id.replace('-', "0")),
        format!("<p>![a](Attachments/{id}.jpeg)</p>"),
    ] {
        assert_eq!(kind(&other), Kind::File, "{other}");
    }
}

#[test]
fn what_is_no_text_is_no_note() {
    for bytes in [&b"%PDF-1.4\n"[..], b"{\\rtf1 a}", b"\x89PNG\r\n\x1A\n", b"a\0b", b"PK\x03\x04"] {
        let (scanned, records) = scanned(FORMAT, bytes);
        assert_eq!((scanned.notes, records.len()), (vec![NOT_TEXT], 0));
        assert!(FORMAT.fields(&[], bytes).is_empty());
    }
}

#[test]
fn a_note_is_a_file_alone() {
    let bytes = sample(EXPORTS[0], "Notes/Sourdough.md");
    assert_eq!(written(FORMAT, &bytes, &|_| true), bytes);
    assert!(FORMAT.write(&[], &[b"a", b"b"]).is_none());
}

#[test]
fn the_table_of_a_take_out_tells_more() {
    let table = sample(EXPORTS[0], "Take-out/iCloud Notes/Notes Details.csv");
    let found = details(&table).unwrap();
    let packing = Detail {
        title: "Packing list".to_owned(),
        created: Some(1_780_300_800),
        modified: Some(1_782_854_049),
        is_pinned: false,
        is_deleted: false,
    };
    assert_eq!(found[0], packing);
    assert!(found.len() == 2 && found[1].title == "宿" && found[1].is_pinned);
    // Without its last column, in another order, in UTF-16.
    let other = "Deleted, Pinned, Modified On, Created On, Title\r\nyes,NO,x,13-01-2026 00:00:00,\
        \"a, \"\"b\"\"\nc\"\r\nno\r\n";
    for table in [other.as_bytes().to_vec(), utf16(other.as_bytes(), u16::to_le_bytes)] {
        let found = details(&table).unwrap();
        assert_eq!(found.len(), 2);
        let first = &found[0];
        assert_eq!((&*first.title, first.created, first.modified), ("a, \"b\"\nc", None, None));
        assert!(first.is_deleted && !first.is_pinned && found[1].title.is_empty());
    }
    for table in ["", "Title, Size\n", "Title, Created On, Modified On\na", "\0\u{FF}", "\"Title"] {
        assert!(details(table.as_bytes()).is_none(), "{table}");
    }
}

#[test]
fn no_size_costs_more_than_its_cap() {
    for piece in ["\r", "\n", "](", "![](", "[", "!", "*", "<", "<h1>", "\u{FFFC}", " ", "# \n"] {
        let text = piece.repeat(300_000);
        let record = note(text.as_bytes());
        assert!(record.title.len() < 300);
        FORMAT.fields(&[], text.as_bytes());
        let html = format!("<p>{text}");
        note(html.as_bytes());
        FORMAT.fields(&[], html.as_bytes());
        details(format!("Title,Created On,Modified On,Pinned\n{text}").as_bytes());
    }
}

#[test]
fn damaged_notes_have_an_answer() {
    let liked: &[&[u8]] = &[
        b"# ",
        b"](",
        b"![",
        b")",
        b"\r",
        b"\n\n",
        b"<",
        b"<h1>",
        b"</h1>",
        b"<img src=",
        b"\"",
        b"&#",
        b"\xEF\xBF\xBC",
        b"\xFF",
        b"**",
        b",",
        b"<!--",
    ];
    let mut random = Random(0x6E6F_7465);
    for (path, ..) in SAMPLES {
        let file = sample(EXPORTS[0], path);
        for _ in 0..400 {
            let damaged = random.damaged(&file, liked);
            let (_, records) = scanned(FORMAT, &damaged);
            FORMAT.fields(&[], &damaged);
            recognise(&damaged, damaged.len() as u64);
            for record in records {
                assert_eq!(bytes_of(&damaged, &record), damaged);
            }
        }
    }
    let table = sample(EXPORTS[0], "Take-out/iCloud Notes/Notes Details.csv");
    for _ in 0..1000 {
        details(&random.damaged(&table, liked));
    }
}
