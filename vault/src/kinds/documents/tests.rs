//! Documents of every sort, and what they tell of themselves.

use std::fs;
use std::path::Path;

use super::{Bundle, EMPTY};
use crate::kinds::tests::inside::Zip;
use crate::kinds::tests::records::{
    EXPORTS, Random, all_fields, bytes_of, sample, scanned, value, written,
};
use crate::kinds::{Field, Format, Kind, Quality, Record, recognise, sheets};

const FORMAT: Format = Format::Documents;

fn document(bytes: &[u8]) -> Record {
    let (scanned, mut records) = scanned(FORMAT, bytes);
    assert_eq!((scanned.records, scanned.notes.len()), (1, 0));
    records.pop().unwrap()
}

fn told(bytes: &[u8], names: &[&str]) -> Vec<String> {
    let fields = all_fields(FORMAT, bytes).remove(0);
    names.iter().map(|name| value(&fields, name).to_owned()).collect()
}

/// File, application, when it was changed.
const SAMPLES: &[(&str, &str, Option<i64>)] = &[
    ("Talk.key", "iWork", Some(1_782_986_412)),
    ("Letter.pages", "iWork", Some(1_789_378_200)),
    ("Minutes.docx", "Word", Some(1_783_072_812)),
    ("Tax/2025 return.pdf", "PDF", Some(1_782_900_013)),
    ("Sticky.rtfd/TXT.rtf", "RTF", None),
];

#[test]
fn every_sample_is_one_document() {
    for (path, application, modified) in SAMPLES {
        let bytes = sample(EXPORTS[0], &format!("Documents/{path}"));
        let found = recognise(&bytes, bytes.len() as u64);
        assert_eq!(found.kind, Kind::Document, "{path}");
        let sheets = sheets(&found, bytes.as_slice().into(), None);
        assert!(sheets.sheets.len() == 1 && sheets.notes.is_empty(), "{path}");
        assert!(sheets.sheets[0].members.is_empty() && sheets.sheets[0].records.len() == 1);
        let record = document(&bytes);
        assert_eq!((&*record.place, record.date), (*application, *modified), "{path}");
        assert_eq!((&*record.title, bytes_of(&bytes, &record) == bytes), ("", true), "{path}");
        assert_eq!(written(FORMAT, &bytes, &|_| true), bytes);
    }
    let letter = sample(EXPORTS[0], "Documents/Letter.pages");
    let record = document(&letter);
    let id = "9F5C4728-8981-54FC-9097-81008BB0D103";
    assert_eq!((record.identity.quality, &**record.identity.bytes), (Quality::Id, id.as_bytes()));
    let names = ["identifier", "versions", "members", "preview", "modified"];
    let versions = "Template: Blank (2026-01-01 00:00), M14.0-1";
    assert_eq!(told(&letter, &names), [id, versions, "6", "yes", "2026-09-14T09:30:00Z"]);
    let talk = document(&sample(EXPORTS[0], "Documents/Talk.key"));
    assert!(talk.identity.quality == Quality::Fields && talk.identity.bytes.is_empty());
    assert_eq!(scanned(FORMAT, b"").0.notes, [EMPTY]);
    assert!(FORMAT.write(&[], &[b"a", b"b"]).is_none());
}

const CORE: &str = "<?xml version=\"1.0\"?><cp:coreProperties><dc:title>Minutes &amp; more</dc:title>\
    <dc:creator>Jordan</dc:creator><dcterms:modified xsi:type=\"dcterms:W3CDTF\">2026-07-03T10:00:12Z\
    </dcterms:modified></cp:coreProperties>";

#[test]
fn a_document_tells_its_title_and_author() {
    let word = Zip::of(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", b"<w:document/>"),
        ("docProps/core.xml", CORE.as_bytes()),
        ("docProps/app.xml", b"<Application>Pages</Application><AppVersion>14.0</AppVersion>"),
        ("docProps/thumbnail.jpeg", b"jpeg"),
    ]);
    let record = document(&word);
    let told_of = (&*record.title, &*record.user, &*record.place, record.date);
    assert_eq!(told_of, ("Minutes & more", "Jordan", "Word", Some(1_783_072_812)));
    assert_eq!(told(&word, &["versions", "preview"]), ["Pages 14.0", "yes"]);
    let open = Zip::of(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("meta.xml", b"<dc:title>T</dc:title><dc:date>2026-07-03T10:00:12.5</dc:date>"),
    ]);
    let record = document(&open);
    let told_of = (&*record.title, &*record.place, record.date);
    assert_eq!(told_of, ("T", "OpenDocument text", Some(1_783_072_812)));
    for (names, application) in [
        (&["Index/Document.iwa", "Index/Slide-42.iwa"][..], "Keynote"),
        (&["index.apxl"], "Keynote"),
        (&["index.xml.gz"], "iWork ’09"),
        (&["xl/workbook.xml"], "Excel"),
        (&["ppt/slides/slide1.xml"], "PowerPoint"),
        (&["other"], ""),
    ] {
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"x"[..])).collect();
        assert_eq!(document(&Zip::of(&members)).place, application);
    }
    let pdf = b"%PDF-1.7\n4 0 obj << /Title (Old) >> endobj 14 0 obj\n<</Title<FEFF0041>/Author(B)\
        /CreationDate(D:20260701)>>\nendobj trailer <</Root 1 0 R /Info 4 0 R>> trailer <</Info 14 0 R>>";
    assert_eq!(told(pdf, &["title", "author", "versions"]), ["A", "B", "1.7"]);
    let encrypted = [&pdf[..], b"<</Encrypt 5 0 R>>"].concat();
    assert_eq!(told(&encrypted, &["title", "author", "application"]), ["", "", "PDF"]);
}

#[test]
fn a_document_says_the_same_however_often_it_was_saved() {
    let page: (&str, &[u8]) = ("Index/Document.iwa", b"words");
    let plain = document(&Zip::of(&[page, ("Data/a.png", b"picture")])).essence;
    for same in [
        Zip::of(&[("preview.jpg", b"1"), page, ("Data/a.png", b"picture")]),
        Zip::of(&[("Data/a.png", b"picture"), ("Metadata/BuildVersionHistory.plist", b"x"), page]),
    ] {
        assert_eq!(*document(&same).essence, *plain);
    }
    for other in [
        Zip::of(&[page]),
        Zip::of(&[page, ("Data/a.png", b"Picture")]),
        Zip::of(&[page, ("Data/b.png", b"picture")]),
        Zip::of(&[("Index/Document.iwa", b"picture"), ("Data/a.png", b"words")]),
    ] {
        assert_ne!(*document(&other).essence, *plain);
    }
    let [letter, later] = EXPORTS
        .map(|export| document(&sample(export, "Documents/Tax/2025 return.pdf")).essence.to_vec());
    assert_eq!(letter, later);
}

#[test]
fn no_size_costs_more_than_its_cap() {
    // A bomb is not unpacked to its end, and is a document all the same.
    let bomb = Zip::of(&[("Index/Document.iwa", &vec![0; 300 << 20])]);
    assert!(bomb.len() < 1 << 20);
    let record = document(&bomb);
    assert_eq!(record.place, "iWork");
    for piece in
        ["(", "\\", "<", "/Title ", "/Info 1 0 R 1 0 obj ", "1 0 obj ", "/Title(", "/Info "]
    {
        let pdf = format!("%PDF-1.4 /Info 1 0 R\n1 0 obj {}", piece.repeat(300_000));
        document(pdf.as_bytes());
        FORMAT.fields(&[], pdf.as_bytes());
        let core = format!("<dc:title>{}", piece.repeat(300_000));
        document(&Zip::of(&[("docProps/core.xml", core.as_bytes())]));
    }
}

#[test]
fn damaged_documents_have_an_answer() {
    let liked: &[&[u8]] = &[
        b"/Title (",
        b"/Info 6 0 R",
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"<",
        b">",
        b")",
        b"\\",
        b"\xFE\xFF",
        b"endobj",
        b"<dc:title>",
        b"\xFF\xFF",
        b"D:",
    ];
    let mut random = Random(0x646F_6373);
    let word = Zip::of(&[("word/document.xml", b"x"), ("docProps/core.xml", CORE.as_bytes())]);
    let mut files: Vec<Vec<u8>> =
        SAMPLES.iter().map(|(path, ..)| sample(EXPORTS[0], &format!("Documents/{path}"))).collect();
    files.push(word);
    for file in &files {
        for _ in 0..500 {
            let damaged = random.damaged(file, liked);
            for record in scanned(FORMAT, &damaged).1 {
                assert_eq!(bytes_of(&damaged, &record), damaged);
            }
            FORMAT.fields(&[], &damaged);
        }
    }
}

type Members<'a> = [(&'a str, &'a [u8])];

fn bundle(members: &Members<'_>) -> Bundle {
    let mut bundle = Bundle::default();
    for (name, content) in members {
        bundle.begin(name.as_bytes());
        content.chunks(3).for_each(|piece| bundle.push(piece));
        bundle.end();
    }
    bundle
}

/// What a document says that is a zip of these members, and one that is a folder.
fn in_both_forms(outside: &Members<'_>, index: &Members<'_>) -> [(Record, Vec<String>); 2] {
    let told = |fields: Vec<Field>| {
        let fields = fields.into_iter().map(|field| format!("{} {}", field.name, *field.value));
        fields.filter(|field| !field.starts_with("modified")).collect::<Vec<_>>()
    };
    let names: Vec<String> = index.iter().map(|(name, _)| format!("Index/{name}")).collect();
    let inside = names.iter().zip(index).map(|(name, (_, content))| (name.as_str(), *content));
    let zip = Zip::of(&inside.chain(outside.iter().copied()).collect::<Vec<_>>());
    let packed = Zip::of(index);
    let members = [outside, &[("Index.zip", packed.as_slice())]].concat();
    [
        (document(&zip), told(all_fields(FORMAT, &zip).remove(0))),
        (bundle(&members).record(), told(bundle(&members).fields())),
    ]
}

#[test]
fn both_forms_of_a_document_are_the_same() {
    let index: &Members<'_> = &[("Document.iwa", b"words"), ("Slide-1.iwa", b"slide")];
    let outside: &Members<'_> = &[
        ("Data/a.png", b"picture"),
        ("Metadata/BuildVersionHistory.plist", b"<string>M14.0-1</string>"),
        ("Metadata/DocumentIdentifier", b"9F5C4728"),
        ("preview.jpg", b"preview"),
    ];
    let [(zip, zip_fields), (folder, fields)] = in_both_forms(outside, index);
    let facts = |record: &Record| {
        let Record { identity, title, place, .. } = record;
        let identity = (identity.quality, identity.bytes.to_vec());
        (identity, title.clone(), place.clone(), record.essence.to_vec())
    };
    assert_eq!(facts(&zip), facts(&folder));
    assert_eq!((zip.identity.quality, zip.place.as_str()), (Quality::Id, "Keynote"));
    assert_eq!(zip_fields, fields);
    assert!(fields.contains(&"members 6".to_owned()), "{fields:?}");
    // A change in either is one in both, what only stands around them is none.
    let changed: &Members<'_> = &[("Document.iwa", b"other words"), ("Slide-1.iwa", b"slide")];
    let [(zip_after, _), (folder_after, _)] = in_both_forms(outside, changed);
    assert_eq!(*zip_after.essence, *folder_after.essence);
    assert_ne!(*zip.essence, *zip_after.essence);
    let [(_, _), (again, _)] = in_both_forms(&[outside, &[(".DS_Store", b"x")]].concat(), index);
    assert_eq!(*folder.essence, *again.essence);
}

#[test]
fn what_lies_beside_a_text_is_a_persons_own() {
    let text: &Members<'_> = &[("TXT.rtf", b"{\\rtf1}"), ("preview.png", b"1"), ("mimetype", b"x")];
    let essence = |members: &Members<'_>| bundle(members).record().essence.to_vec();
    let other = [text[0], ("preview.png", b"2"), text[2]];
    assert_ne!(essence(text), essence(&other));
    // Members come in any order.
    assert_eq!(essence(text), essence(&[text[2], text[1], text[0]]));
    let record = bundle(text).record();
    assert_eq!((record.place.as_str(), record.title.as_str()), ("RTF", ""));
    assert!(record.identity.bytes.is_empty());
    let note = bundle(&[("info.json", b"{}"), ("text.md", b"# A")]).record();
    assert_eq!(note.place, "TextBundle");
}

#[test]
fn a_bundle_may_hold_anything() {
    let zip = Zip::of(&[("Document.iwa", b"words")]);
    let whole = bundle(&[("Index.zip", &zip)]).record().essence;
    for length in 0..zip.len() {
        // One that is cut off says something, and something else.
        let cut = bundle(&[("Index.zip", &zip[..length])]);
        assert_ne!(*cut.record().essence, *whole, "{length}");
    }
    let mut random = Random(1);
    for _ in 0..500 {
        let mut zip = zip.clone();
        let at = random.below(zip.len());
        zip[at] ^= 1 << random.below(8);
        let bundle = bundle(&[("Index.zip", &zip), ("Index.zip", &zip), ("", b""), ("/", b"x")]);
        assert!(bundle.record().title.is_empty());
    }
    // What did not come to its end is not there.
    let mut begun = Bundle::default();
    begun.begin(b"Metadata/DocumentIdentifier");
    begun.push(b"half");
    assert!(begun.record().identity.bytes.is_empty());
}

#[test]
fn a_long_index_is_not_held() {
    let mut long = Bundle::default();
    let piece = vec![7; 1 << 20];
    long.begin(b"Index.zip");
    (0..65).for_each(|_| long.push(&piece));
    long.end();
    let record = long.record();
    assert!(record.essence.len() == 32 && record.place.is_empty());
}

#[test]
fn samples_say_the_same_in_the_form_they_have() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/icloud-export-a-month-later/Documents/Letter.pages");
    let names = ["Index.zip", "Metadata/DocumentIdentifier", "Metadata/Properties.plist"];
    let contents = names.map(|name| fs::read(folder.join(name)).unwrap());
    let members: Vec<(&str, &[u8])> =
        names.into_iter().zip(contents.iter().map(Vec::as_slice)).collect();
    let record = bundle(&members).record();
    let letter = document(&sample(EXPORTS[0], "Documents/Letter.pages"));
    assert_eq!(*record.identity.bytes, *letter.identity.bytes);
    assert_eq!(record.place, letter.place);
}
