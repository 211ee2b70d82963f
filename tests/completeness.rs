//! What an export cannot hold, and what this one did not: at `add` and in `info`, in text, JSON and
//! exit code.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::tools::{has, program};
use crate::support::{Bench, Ran, samples};

const CSV: &str = "Title,URL,Username,Password,Notes,OTPAuth\n\
    a.test (me),https://a.test/,me,one secret,,\n";
const CARDS: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A B\r\nEND:VCARD\r\n";
const EVENTS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:a\r\n\
    DTSTART:20260101T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
const PARTS: &str = "Content-Type: multipart/mixed; boundary=\"=_b\"\n\n--=_b\n\ntext\n";

fn sample(path: &str) -> Vec<u8> {
    fs::read(samples().join("icloud-export").join(path)).unwrap()
}

/// What `add --json` says of one file, and the code it ends with.
fn added(content: &[u8], dry_run: bool, code: i32) -> Value {
    let bench = Bench::with_vault();
    bench.write("export/file", content);
    let mut args = vec!["add", "export", "--json"];
    if dry_run {
        args.push("-n");
    }
    bench.open(args).ended_with(code).json()
}

#[test]
fn what_no_such_export_holds_is_told() {
    let mail =
        format!("From a@a.test Thu Jan  1 00:00:00 2026\nFrom: a@a.test\n{PARTS}--=_b--\n\n");
    let certificate = sample("Certificates/jordan.der");
    let notes = b"Title, Created On, Modified On, Pinned, Deleted\n".as_slice();
    for (content, export, left_out) in [
        (CSV.as_bytes(), "passwords CSV", "passkeys"),
        (CARDS.as_bytes(), "vCard", "lists"),
        (EVENTS.as_bytes(), "calendar file", "other calendars"),
        (mail.as_bytes(), "mailbox file", "flags"),
        (&certificate, "certificate file", "private keys"),
        (&sample("Notes/Sourdough.md"), "Markdown export of Notes", "locked notes"),
        (notes, "take-out of Notes", "locked notes"),
        (&sample("Safari/책갈피.html"), "bookmark file of Safari", "dates"),
    ] {
        for dry_run in [false, true] {
            let told = added(content, dry_run, 0);
            assert_eq!(told["omissions"][0]["export"], export, "{dry_run}");
            let words = told["omissions"][0]["leaves_out"].as_array().unwrap();
            assert!(words.contains(&json!(left_out)), "{words:?}");
            assert_eq!(told["lacking"], json!([]), "{export}");
        }
    }
    // Others say nothing, and what names its lists has them.
    let listed = CARDS.replace("FN", "CATEGORIES:Friends\r\nFN");
    let chrome = "name,url,username,password\na,https://a.test/,me,one secret\n";
    for content in [listed.as_str(), chrome, "text"] {
        assert_eq!(added(content.as_bytes(), false, 0)["omissions"], json!([]), "{content}");
    }
    let bench = Bench::with_vault();
    bench.write("Passwords.csv", CSV);
    let text = bench.open(["add", "Passwords.csv"]).succeeded().stdout;
    let line = "not in such a passwords CSV: passkeys, Sign in with Apple, Wi-Fi passwords, ";
    assert!(text.contains(line), "{text}");
}

#[test]
fn what_was_cut_off_is_named() {
    let start = |content: &[u8], behind: usize| content[..content.len() - behind].to_vec();
    let mail = format!("From a@a.test Thu Jan  1 00:00:00 2026\nFrom: a@a.test\n{PARTS}");
    let picture = sample("Photos/IMG_4822.JPG");
    let film = sample("Photos/IMG_4830.MOV");
    let open_quote = CSV.replace(",one secret,,\n", ",one secret,\"a note\nthat goes");
    let cut_row = CSV.replace("me,one secret,,\n", "m");
    let cases = [
        ("vCard", start(CARDS.as_bytes(), 15)),
        ("calendar", start(EVENTS.as_bytes(), 15)),
        ("event", start(EVENTS.as_bytes(), 40)),
        ("mbox", mail.into_bytes()),
        ("message", format!("From: a@a.test\nTo: b@b.test\nDate: x\n{PARTS}").into_bytes()),
        ("open quote", open_quote.into_bytes()),
        ("row", cut_row.into_bytes()),
        ("JPEG", start(&picture, picture.len() / 3)),
        ("film", start(&film, film.len() / 2)),
        ("zip", start(&sample("Passwords/Everything.zip"), 100)),
        ("PDF", start(&sample("Documents/Tax/2025 return.pdf"), 50)),
        ("plist", start(&sample("Photos/IMG_4823.AAE"), 20)),
        ("history", b"{\"metadata\":{\"data_type\":\"history\"},\"history\":[{\"url\":".to_vec()),
        (
            "Health",
            b"<?xml version=\"1.0\"?><HealthData locale=\"en\"><Record type=\"a\"/>".to_vec(),
        ),
        ("store", start(&sample("Keys/Jordan Example.p12"), 100)),
    ];
    for (name, content) in cases {
        for dry_run in [false, true] {
            let bench = Bench::with_vault();
            bench.write("export/file", &content);
            let mut args = vec!["add", "export", "--json"];
            args.extend(dry_run.then_some("-n"));
            let ran = bench.open(args);
            let told = ran.json();
            let wanted = json!([{ "path": "file", "lack": "end", "reason": "cut off" }]);
            assert_eq!(told["lacking"], wanted, "{name}, {dry_run}");
            assert_eq!(ran.code, 3, "{name}, {dry_run}");
        }
    }
    let bench = Bench::with_vault();
    bench.write("export/a.vcf", &CARDS[..30]);
    let text = bench.open(["add", "export"]).ended_with(3).stdout;
    assert!(text.contains("not all there: 1 file\n  a.vcf: cut off\n"), "{text}");
}

/// Each is whole, whatever stands at its end.
#[test]
fn what_is_whole_is_not_said_to_be_cut_off() {
    let bench = Bench::with_vault();
    let export = samples().join("icloud-export");
    let ran = bench.open(["add".as_ref(), export.as_os_str(), "--json".as_ref()]).ended_with(3);
    let lacking = ran.json()["lacking"].clone();
    let paths: Vec<&str> =
        lacking.as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["Contacts/cut off.vcf"]);
    let motion = [sample("Photos/IMG_4822.JPG"), sample("Photos/IMG_4830.MOV")].concat();
    let no_newline = CSV.trim_end().to_owned();
    let bad_quote = CSV.replace("a.test (me)", "\"a") + "b,https://b.test/,me,two secret,,\n";
    for content in [motion, no_newline.into_bytes(), bad_quote.into_bytes()] {
        assert_eq!(added(&content, false, 0)["lacking"], json!([]));
    }
}

#[test]
fn missing_parts_of_a_take_out_are_named() {
    let bench = Bench::with_vault();
    bench.write("iCloud-bilder Del 1 av 4/a.txt", "a");
    bench.write("all/iCloud-bilder Del 3 av 4/b.txt", "b");
    bench.write("all/Meeting 12 May 24/c.txt", "c");
    let ran = bench.open(["add", "iCloud-bilder Del 1 av 4", "all", "--as", "out"]).ended_with(3);
    let wanted =
        "missing of a take-out: 2 parts\n  iCloud-bilder Del 2 av 4\n  iCloud-bilder Del 4 av 4\n";
    assert!(ran.stdout.contains(wanted), "{}", ran.stdout);
    // One is enough to know of the others, also by the name of the folder that is added.
    for args in [["add", "iCloud-bilder Del 1 av 4", "-n"], ["add", "all", "--dry-run"]] {
        let told = bench.open(args.iter().chain(&["--json"])).ended_with(3).json();
        assert_eq!(told["parts_missing"].as_array().unwrap().len(), 3, "{args:?}");
    }
    // The others come later, and nothing is missing when all have come.
    fs::rename(
        bench.path("all/iCloud-bilder Del 3 av 4"),
        bench.path("all/iCloud-bilder Del 2 av 4"),
    )
    .unwrap();
    let ran = bench.open(["add", "all", "--as", "out", "--json"]).ended_with(3);
    let wanted = json!([{ "name": "iCloud-bilder Del 4 av 4", "part": 4, "parts": 4 }]);
    assert_eq!(ran.json()["parts_missing"], wanted);
    bench.write(
        "last/iCloud-bilder Del 4 av 4.zip",
        sample("Take-out/iCloud Photos Part 3 of 3.zip"),
    );
    let ran = bench.open(["add", "last", "--as", "out", "--expected", "--json"]).succeeded();
    assert_eq!(ran.json()["parts_missing"], json!([]));
    // Of another source nobody knows that it belongs to it.
    bench.open(["add", "last", "--as", "other"]).ended_with(3);
}

#[test]
fn an_export_that_only_its_account_opens_is_named() {
    let restricted = r#"{"encrypted":true,"passwordProtected":false,"items":[{"id":"1"}]}"#;
    let told = added(restricted.as_bytes(), false, 3);
    assert_eq!(told["lacking"][0]["lack"], "account");
    let protected = restricted.replace("false", "true");
    assert_eq!(added(protected.as_bytes(), false, 0)["lacking"], json!([]));
}

/// A store that whoever exported it takes for a key, and that has only certificates.
#[test]
fn a_store_without_a_key_is_named() {
    if !has(&["openssl"]) {
        return;
    }
    let bench = Bench::with_vault();
    bench.write("cert.pem", sample("Certificates/www.example.com.pem"));
    bench.write("passwords", "made up\n");
    fs::create_dir(bench.path("export")).unwrap();
    let args = "pkcs12 -export -nokeys -in cert.pem -out export/me.p12 -passout file:passwords";
    let made = program("openssl", args.split(' '), &bench.path("")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let add = |more: &[&str]| {
        let mut command = bench.command([&["add", "export"], more].concat());
        command.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_P12_PASSWORD_FILE", "passwords");
        Ran::of(command)
    };
    // Without its password nobody knows.
    assert_eq!(
        bench.open(["add", "export", "-n", "--json"]).succeeded().json()["lacking"],
        json!([])
    );
    // It is all there, so nothing is wrong with the export.
    let text = add(&[]).succeeded().stdout;
    let reason = "a PKCS#12 store with certificates and no key";
    assert!(text.contains(&format!("not all there: 1 file\n  me.p12: {reason}\n")), "{text}");
    let told = add(&["--json"]).succeeded().json();
    assert_eq!(told["lacking"], json!([{ "path": "me.p12", "lack": "key", "reason": reason }]));
    // Whoever looks later sees it as well.
    let shown = bench.open(["show", "me.p12"]).succeeded().stdout;
    assert!(shown.contains("  (certificates and no key)\n"), "{shown}");
    let certificates = bench.open(["certs"]).succeeded().stdout;
    assert!(certificates.contains("certificates and no key\n"), "{certificates}");
    // No export of keys leaves them out, so `info` says nothing of that.
    let info = bench.open(["info", "--json"]).succeeded().json();
    assert_eq!(info["omissions"], json!([]));
    assert_eq!(info["kinds"][0]["kind"], "key");
}

#[test]
fn notes_that_are_not_exported_leave_a_trace() {
    let bench = Bench::with_vault();
    let row = "06-01-2026 08:00:00,06-30-2026 21:14:09,no,no\n";
    let table = format!(
        "Title, Created On, Modified On, Pinned, Deleted\nOpen,{row}Empty,{row}Locked,{row}a/b,{row}"
    );
    bench.write("out/Notes Details.csv", table);
    bench.write("out/Notes/Open/Open.txt", "text\n");
    bench.write("out/Notes/Empty/Empty.txt", "");
    let told = bench.open(["add", "out", "--json"]).succeeded().json();
    assert_eq!(told["notes_missing"], json!([{ "path": "Notes Details.csv", "notes": 1 }]));
    let untold = &told["untold"][0];
    assert_eq!(untold["path"], "Notes/Empty/Empty.txt");
    assert_eq!(untold["reason"], "empty, as a locked note may be");
    let text = bench.open(["add", "out"]).succeeded().stdout;
    assert!(text.contains("1 note that Notes Details.csv names\n"), "{text}");
}

#[test]
fn info_tells_the_menu_of_each_kind_that_was_never_added() {
    let bench = Bench::with_vault();
    bench.write("Passwords.csv", CSV);
    bench.open(["add", "Passwords.csv"]).succeeded();
    let text = bench.open(["info"]).succeeded().stdout;
    assert!(text.contains("event: none; Calendar > File > Export > Export\n"), "{text}");
    assert!(text.contains("not exported:  passwords CSV: passkeys, "), "{text}");
    assert!(!text.contains("passwords: none"), "{text}");
    let told = bench.open(["info", "--json"]).succeeded().json();
    assert!(told["kinds_never_added"].as_array().unwrap().contains(&"event".into()));
    assert_eq!(told["omissions"][0]["kind"], "passwords");
    let menus = told["export_menus"].as_array().unwrap();
    assert!(menus.contains(
        &json!({ "kind": "event", "app": "Calendar", "menu": "File > Export > Export" })
    ));
}

/// The README's table has the menus and what exports leave out as the program has them.
#[test]
fn the_readme_has_the_menus() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"));
    let readme = readme.unwrap();
    let from = readme.find("## What to export, and what it leaves out").unwrap();
    let section = &readme[from..];
    let section = &section[..section[2..].find("\n## ").unwrap()];
    let bench = Bench::with_vault();
    let told = bench.open(["info", "--json"]).succeeded().json();
    for menu in told["export_menus"].as_array().unwrap() {
        let (app, path) = (menu["app"].as_str().unwrap(), menu["menu"].as_str().unwrap());
        assert!(section.contains(&format!("| {app} | {path} |")), "{app}: {path}");
    }
    for export in vault::kinds::Export::ALL {
        let words = export.leaves_out().join(", ");
        assert!(section.contains(&words), "{}: {words}", export.as_str());
    }
}
