//! Bookmarks of several browsers, and what is wrong with those people have.

use super::{CUT_OFF, LINKS_MAX, NOT_HTML, TOO_DEEP, TOO_MANY};
use crate::kinds::tests::records::{
    EXPORTS, Random, all_fields, all_samples, by_title, bytes_of, difference, sample, scanned,
    told, utf16, value, written,
};
use crate::kinds::{Format, Quality, Record, parts};

const FORMAT: Format = Format::Bookmarks;

fn marks(html: &str) -> Vec<Record> {
    scanned(FORMAT, html.as_bytes()).1
}

/// Folder, title and place of each.
fn shown(html: &str) -> Vec<String> {
    let shown = |record: &Record| format!("{}|{}|{}", record.user, record.title, record.place);
    marks(html).iter().map(shown).collect()
}

/// What Firefox and Chrome write.
const OTHERS: &str = "<!DOCTYPE NETSCAPE-Bookmark-file-1>\r\n<!-- This is an automatically generated \
    file. <DT><A HREF=\"no\">no</A> -->\r\n<TITLE>Bookmarks</TITLE>\r\n<H1>Bookmarks Menu</H1>\r\n\
    <DL><p>\r\n<DT><A HREF=\"https://A.example/\" ADD_DATE=\"1757840523\" ICON=\"data:image/png;\
    base64,AA>==\" TAGS=\"x,y\" SHORTCUTURL=\"a\">A <b>b</b></A>\r\n<DD>What is said\r\n of it.\r\n\
    <HR>\r\n<DT><H3 ADD_DATE=\"1757840523\" PERSONAL_TOOLBAR_FOLDER=\"true\">Toolbar</H3>\r\n\
    <DD>of the folder\r\n<DL><p>\r\n<dt><a href=https://b.example:8443/?q=1&amp;r=2 \
    add_date=1757840523000000>B\r\n<DT><A HREF='feed:https://c.example/'></A></DT>\r\n</DL><p>\r\n\
    </DL><p>\r\n";

#[test]
fn every_sample_has_its_bookmarks() {
    for (export, count) in EXPORTS.into_iter().zip([8, 9]) {
        let bytes = sample(export, "Safari/책갈피.html");
        let (scanned, records) = scanned(FORMAT, &bytes);
        assert_eq!((scanned.layout, scanned.notes.len()), ("bookmarks in HTML", 0));
        assert_eq!(records.len(), count);
        let ferry = by_title(&records, "フェリー");
        assert_eq!((&*ferry.place, &*ferry.user), ("ferry.example.net", "즐겨찾기 / Reisen"));
        assert_eq!(ferry.identity.quality, Quality::Fields);
        let garden = by_title(&records, "Garden");
        assert_eq!((&*garden.user, garden.date), ("", None));
        assert_eq!(by_title(&records, "Bookmarklet").place, "");
        let read = by_title(&records, "A long read");
        assert!(bytes_of(&bytes, read).ends_with("of examples …".as_bytes()));
        assert_eq!(read.user, "읽기 목록");
    }
    let fields = all_fields(FORMAT, &sample(EXPORTS[0], "Safari/책갈피.html"));
    assert_eq!(value(&fields[0], "address"), "https://www.example.com/?a=1&b=2");
    assert_eq!(value(&fields[0], "title"), "Example & Co");
    let said = "It was a dark and stormy night in the museum of examples …";
    assert_eq!(value(&fields[7], "description"), said);
}

#[test]
fn a_month_later_one_was_added() {
    let [before, after] = EXPORTS.map(|export| sample(export, "Safari/책갈피.html"));
    let change = difference(&scanned(FORMAT, &before).1, &scanned(FORMAT, &after).1);
    assert_eq!(change, [vec!["Pottery".to_owned()], vec![], vec![]]);
}

#[test]
fn every_browsers_bookmarks_are_read() {
    let wanted = ["|A b|a.example", "Toolbar|B|b.example:8443", "Toolbar|c.example|c.example"];
    assert_eq!(shown(OTHERS), wanted);
    let records = marks(OTHERS);
    assert!(records[..2].iter().all(|record| record.date == Some(1_757_840_523)));
    let fields = all_fields(FORMAT, OTHERS.as_bytes());
    for (name, wanted) in [
        ("added", "2025-09-14T09:02:03Z"),
        ("description", "What is said of it. "),
        ("tags", "x,y"),
        ("keyword", "a"),
    ] {
        assert_eq!(value(&fields[0], name).trim(), wanted.trim(), "{name}");
    }
    assert_eq!(value(&fields[1], "address"), "https://b.example:8443/?q=1&r=2");
    // The take-out's and Safari's are the same bookmark.
    let plain = "<DL><DT><A HREF=\"https://a.example/\">A</A></DL>";
    let dated = "<dl><dt><a add_date=1757840523 href='https://a.example/'> A\n</a></dt></dl>";
    let [plain, dated] = [plain, dated].map(|html| told(&marks(html)));
    assert!(plain == dated);
}

#[test]
fn folders_are_told_with_and_without_a_list_around_them() {
    let link = "<DT><A HREF=\"x:y\">L</A>";
    for (html, wanted) in [
        (format!("{link}<DT><H3>F</H3><DL>{link}</DL>{link}"), ["", "F", ""]),
        (format!("<DL>{link}<DT><H3>F<DL>{link}</DL>{link}</DL>"), ["", "F", ""]),
        (format!("<H1>T</H1><DL>{link}<DT><H3> F\n</H3><DL><p>{link}</DL>{link}"), ["", "F", ""]),
        (format!("<H3>E</H3><DL></DL>{link}<H3>F</H3><DL>{link}<DL>{link}"), ["", "F", "F"]),
        (
            format!("</DL></DL>{link}<H3>F</H3><DL><H3>G</H3><DL>{link}</DL>{link}"),
            ["", "F / G", "F"],
        ),
    ] {
        let folders: Vec<String> = marks(&html).into_iter().map(|record| record.user).collect();
        assert_eq!(folders, wanted, "{html}");
    }
}

#[test]
fn what_is_there_twice_is_told_apart() {
    let one = "<DT><A HREF=\"https://a.example\">A</A>";
    let other = "<DT><A HREF=\"https://a.example\">B</A>";
    let html =
        format!("{one}{other}<H3>F</H3><DL>{one}</DL>{one}<H3>F</H3><DL>{other}{other}</DL>");
    let records = marks(&html);
    assert_eq!(told(&records).len(), 6);
    let qualities: Vec<Quality> = records.iter().map(|record| record.identity.quality).collect();
    let (titled, whole) = (Quality::Titled, Quality::Whole);
    assert_eq!(qualities, [whole, titled, titled, whole, whole, whole]);
}

#[test]
fn what_is_no_bookmark_file_is_said() {
    let html = utf16(OTHERS.as_bytes(), u16::to_le_bytes);
    for bytes in [&html[..], b"{\"roots\":{\"bookmark_bar\":{}}}", b""] {
        let (scanned, _) = scanned(FORMAT, bytes);
        assert_eq!(scanned.notes, [NOT_HTML]);
    }
    for html in ["<DT><A HREF=\"x\">A", "<A HREF=x>A</A><DT><A HREF=\"x"] {
        let (scanned, records) = scanned(FORMAT, html.as_bytes());
        assert_eq!((scanned.notes, records.len()), (vec![CUT_OFF], 1), "{html}");
    }
    assert!(FORMAT.fields(&[], b"no link").is_empty());
}

#[test]
fn a_file_of_some_holds_them_and_no_others() {
    let mut files = all_samples("Safari", "html");
    files.push(("others".to_owned(), OTHERS.as_bytes().to_vec()));
    files.push(("marked".to_owned(), [b"\xEF\xBB\xBF", OTHERS.as_bytes()].concat()));
    for (name, bytes) in files {
        let (_, records) = scanned(FORMAT, &bytes);
        for record in &records {
            let alone = written(FORMAT, &bytes, &|other| other.identity == record.identity);
            let (scanned, again) = scanned(FORMAT, &alone);
            assert!(scanned.notes.is_empty() && again.len() == 1, "{name}");
            assert_eq!(again[0].essence, record.essence, "{name}");
            assert_eq!(bytes_of(&alone, &again[0]), bytes_of(&bytes, record));
        }
        let all = written(FORMAT, &bytes, &|_| true);
        let again = scanned(FORMAT, &all).1;
        let essences = |records: &[Record]| -> Vec<Vec<u8>> {
            records.iter().map(|record| record.essence.to_vec()).collect()
        };
        assert_eq!(essences(&again), essences(&records), "{name}");
    }
}

#[test]
fn no_size_costs_more_than_its_cap() {
    let deep = "<H3>F</H3><DL>".repeat(1_000_000) + "<A HREF=x>A</A>" + &"</DL>".repeat(999_999);
    let (scanned_deep, records) = scanned(FORMAT, deep.as_bytes());
    assert_eq!(scanned_deep.notes, [TOO_DEEP]);
    assert!(records[0].user.starts_with("F / F / ") && records[0].user.len() < 1000);
    let many = "<A HREF=x>".repeat(LINKS_MAX + 1);
    assert_eq!(scanned(FORMAT, many.as_bytes()).0.notes, [CUT_OFF, TOO_MANY]);
    for piece in
        ["<", "<a ", "<a b=\"", "&", "<!--", "<style>", "<dt>", "<h3>", "=", "<dd>", "</a>"]
    {
        scanned(FORMAT, format!("<A HREF=x>{}", piece.repeat(300_000)).as_bytes());
        scanned(FORMAT, format!("<A {}", piece.repeat(300_000)).as_bytes());
    }
}

#[test]
fn damaged_files_have_an_answer() {
    let liked: &[&[u8]] = &[
        b"<DT>",
        b"<A HREF=",
        b"</A>",
        b"<DL>",
        b"</DL>",
        b"<DD>",
        b"<H3>",
        b"</H3>",
        b"<!--",
        b"-->",
        b"\"",
        b"'",
        b"<",
        b">",
        b"=",
        b"&amp;",
        b"\xFF",
        b"\0",
        b"<script>",
        b"\n",
    ];
    let safari = sample(EXPORTS[0], "Safari/책갈피.html");
    let mut random = Random(0x626F_6F6B);
    for at in 0..4000 {
        let file = if at % 2 == 0 { &safari[..] } else { OTHERS.as_bytes() };
        let damaged = random.damaged(file, liked);
        let (scanned_once, records) = scanned(FORMAT, &damaged);
        told(&records);
        assert!(parts(&damaged, &scanned_once.frame).is_some());
        for record in &records {
            let bytes = bytes_of(&damaged, record);
            let file = FORMAT.write(&[], &[&bytes]).unwrap();
            let again = scanned(FORMAT, &file).1;
            assert_eq!(again.len(), 1);
            assert_eq!(again[0].essence, record.essence);
            assert!(!FORMAT.fields(&[], &bytes).is_empty());
        }
    }
}
