//! Records taken out: one or some as a valid file of their format, in another form, and who may
//! read it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::tools::{at_terminal, has, program};
use crate::support::tree::copy;
use crate::support::{Bench, Ran, samples};

const APPLE: &str = "Title,URL,Username,Password,Notes,OTPAuth\r\n\
    mail.example (anna),https://mail.example/,anna,\"=1+1,\"\"2\"\"\",,\r\n\
    bank.example (anna),https://bank.example/,anna,  blanks  ,\"two\nlines\",\r\n\
    last.example (bert),https://last.example/,bert,no end";
const CHROME: &str = "name,url,username,password,note\n\
    shop,https://shop.example/,anna,chrome password,\n";

fn bench() -> Bench {
    let bench = Bench::with_vault();
    bench.write("export/Passwords.csv", APPLE);
    bench.write("export/Chrome.csv", CHROME);
    bench.open(["add", "export", "--as", "logins", "--expected"]).ended_with(3);
    bench
}

fn records(bench: &Bench) -> Vec<Value> {
    bench.open(["list", "--records", "--json"]).succeeded().json().as_array().unwrap().clone()
}

fn handle(records: &[Value], title: &str) -> String {
    let of = |record: &&Value| record["title"].as_str().unwrap().contains(title);
    records.iter().find(of).unwrap()["handle"].as_str().unwrap().to_owned()
}

#[test]
fn logins_come_out_with_their_header_and_exact_bytes() {
    let bench = bench();
    let records = records(&bench);
    let [mail, bank, last, shop] = ["mail", "bank", "last", "shop"].map(|t| handle(&records, t));
    let rows: Vec<&str> = APPLE.split_inclusive("\r\n").collect();
    let [header, mail_row, bank_row, last_row] = rows.as_slice() else { panic!("{rows:?}") };
    let cat = |item: &str| bench.open(["cat", item]).succeeded().stdout;
    assert_eq!(cat(&mail), [*header, mail_row].concat());
    assert_eq!(cat(&bank), [*header, bank_row].concat());
    assert_eq!(bench.open(["extract", &bank, "-o", "-"]).succeeded().stdout, cat(&bank));
    // A part of the title will do, and its file with it.
    assert_eq!(cat("bank.ex"), cat(&bank));
    assert_eq!(cat("Passwords.csv#BANK"), cat(&bank));
    assert_eq!(cat(&format!("logins:{bank}")), cat(&bank));
    // The last row had no end, and gets one.
    bench.open(["extract", &mail, &last, "-o", "new/folder/two.csv"]).succeeded();
    let two = fs::read_to_string(bench.path("new/folder/two.csv")).unwrap();
    assert_eq!(two, [header, mail_row, last_row, "\r\n"].concat());
    for (path, mode) in [("new/folder/two.csv", 0o600), ("new/folder", 0o700), ("new", 0o700)] {
        let is = fs::metadata(bench.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(is, mode, "{path}");
    }
    // What is there stays, unless it was asked for, and nothing half lies about.
    let again = bench.open(["extract", &bank, "-o", "new/folder/two.csv"]).ended_with(1);
    assert!(again.stderr.contains("--overwrite always"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(bench.path("new/folder/two.csv")).unwrap(), two);
    bench.open(["extract", &bank, "-o", "new/folder/two.csv", "--overwrite", "always"]).succeeded();
    assert_eq!(fs::read_to_string(bench.path("new/folder/two.csv")).unwrap(), cat(&bank));
    bench.open(["extract", &bank, "-o", "new"]).ended_with(1);
    bench.open(["extract", &bank, "-o", "not/made.csv", "-n"]).succeeded();
    assert!(!bench.path("not").exists());
    assert_eq!(fs::read_dir(bench.path("new/folder")).unwrap().count(), 1);
    // Two layouts are no table.
    let mixed = bench.open(["extract", &mail, &shop, "-o", "-"]).ended_with(1);
    assert!(mixed.stdout.is_empty() && mixed.stderr.contains("--as apple-csv"), "{mixed:?}");
    let with_file = bench.open(["extract", &mail, "Chrome.csv", "-o", "x"]).ended_with(2);
    assert!(with_file.stderr.contains("a call of their own"), "{}", with_file.stderr);
}

/// Two browsers have one account, one of them with an old password.
#[test]
fn a_login_that_differs_from_file_to_file_is_not_guessed() {
    let bench = Bench::with_vault();
    bench.write("export/Chrome.csv", CHROME);
    bench.write("export/Copy.csv", CHROME);
    bench.open(["add", "export", "--as", "logins", "--expected"]).succeeded();
    let shop = handle(&records(&bench), "shop");
    assert_eq!(bench.open(["cat", &shop]).succeeded().stdout, CHROME);
    bench.write("export/Old.csv", CHROME.replace("chrome password", "an old one"));
    bench.open(["add", "export", "--as", "logins", "--expected"]).succeeded();
    let which = bench.open(["cat", &shop]).ended_with(4);
    assert!(which.stderr.contains(&format!("logins:Old.csv#{shop}")), "{}", which.stderr);
    let old = bench.open(["cat", &format!("logins:Old.csv#{shop}")]).succeeded().stdout;
    assert!(old.contains("an old one"), "{old}");
    let field = bench.open(["show", &format!("Copy.csv#{shop}"), "-f", "password"]).succeeded();
    assert_eq!(field.stdout, "chrome password");
}

#[test]
fn a_terminal_shows_no_sealed_record_unasked() {
    if !has(&["python3"]) {
        return;
    }
    let bench = bench();
    bench.write("answers", "");
    let typed = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_IDENTITY", "identity");
        Ran::of(at_terminal(&command, &bench.path("answers"), &bench.path("")))
    };
    for verb in [["cat", "bank.ex"].as_slice(), &["extract", "bank.ex", "-o", "-"]] {
        let refused = typed(verb).ended_with(1).stdout;
        assert!(refused.contains("--reveal") && !refused.contains("blanks"), "{refused}");
        let shown = typed(&[verb, &["--reveal"]].concat()).succeeded().stdout;
        assert!(shown.contains("  blanks  "), "{shown}");
    }
    let refused = typed(&["show", "bank.ex", "-f", "password"]).ended_with(1).stdout;
    assert!(!refused.contains("blanks"), "{refused}");
    let masked = typed(&["show", "bank.ex"]).succeeded().stdout;
    assert!(masked.contains("********") && !masked.contains("blanks"), "{masked}");
}

#[test]
fn logins_of_every_layout_go_into_the_table_that_apple_imports() {
    let bench = bench();
    let header = "Title,URL,Username,Password,Notes,OTPAuth\n";
    let shop = "shop,https://shop.example/,anna,chrome password,,\n";
    let one = bench.open(["extract", "Chrome.csv", "--as", "apple-csv", "-o", "-"]).succeeded();
    assert_eq!(one.stdout, [header, shop].concat());
    let written = bench.open(["extract", "--as", "apple-csv", "-o", "all.csv"]).succeeded();
    assert!(written.stderr.contains("delete it once it is imported"), "{}", written.stderr);
    let all = fs::read_to_string(bench.path("all.csv")).unwrap();
    assert_eq!(all.lines().count(), 6, "{all}");
    for part in [header, shop, "\"=1+1,\"\"2\"\"\"", "  blanks  ,\"two\nlines\"", "no end"] {
        assert!(all.contains(part), "{part}");
    }
    let sheet = bench.open(["extract", "logins", "--spreadsheet", "-o", "-"]).succeeded();
    assert!(sheet.stdout.contains("\"'=1+1,\"\"2\"\"\""), "{}", sheet.stdout);
    assert!(sheet.stderr.contains("does not import"), "{}", sheet.stderr);
    bench.open(["extract", "Chrome.csv", "--as", "pem", "-o", "-"]).ended_with(4);
}

/// An element of a list comes out with what stands around the list.
#[test]
fn an_item_of_json_comes_out_as_a_file_of_its_format() {
    let bench = Bench::with_vault();
    let name = "bitwarden_export_20260914.json";
    let file = samples().join("icloud-export/Passwords/Other managers").join(name);
    bench.write(&format!("export/{name}"), fs::read(&file).unwrap());
    bench.open(["add", "export", "--expected"]).succeeded();
    let records = records(&bench);
    let whole: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let items = whole["items"].as_array().unwrap();
    assert_eq!(records.len(), items.len());
    for record in &records {
        let handle = record["handle"].as_str().unwrap();
        let one: Value = bench.open(["cat", handle]).succeeded().json();
        assert_eq!(one["folders"], whole["folders"]);
        let [only] = one["items"].as_array().unwrap().as_slice() else { panic!("{one}") };
        assert!(items.contains(only));
    }
}

#[test]
fn certificates_and_keys_come_out_in_the_form_that_is_wanted() {
    if !has(&["openssl"]) {
        return;
    }
    let bench = Bench::with_vault();
    copy(&samples().join("icloud-export/Certificates"), &bench.path("export/Certificates"));
    copy(&samples().join("icloud-export/Keys"), &bench.path("export/Keys"));
    bench.open(["add", "export", "--expected"]).succeeded();
    let openssl = |args: &[&str]| {
        let said = program("openssl", args, &bench.path("")).output().unwrap();
        (said.status.success(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let all = bench.open(["certs", "--json"]).succeeded().json();
    for certificate in all["certificates"].as_array().unwrap() {
        let handle = certificate["handle"].as_str().unwrap();
        let title = certificate["title"].as_str().unwrap();
        for (form, inform) in [("pem", "PEM"), ("der", "DER")] {
            let out = format!("{handle}.{form}");
            bench.open(["extract", handle, "--as", form, "-o", &out]).succeeded();
            let args = ["x509", "-noout", "-fingerprint", "-sha256", "-inform", inform, "-in"];
            let (is_read, said) = openssl(&[&args[..], &[out.as_str()]].concat());
            assert!(is_read, "{title} {form}");
            assert_eq!(said.trim().rsplit('=').next(), certificate["sha256"].as_str(), "{title}");
        }
        // As it is in its file, which openssl reads without being told.
        let as_is = bench.open(["cat", handle]).succeeded().bytes;
        fs::write(bench.path("as-is"), as_is).unwrap();
        assert!(openssl(&["x509", "-noout", "-in", "as-is"]).0, "{title}");
    }
    let keys = records(&bench);
    let is_key = |record: &&Value| {
        record["kind"] == "key" && record["title"].as_str().unwrap().starts_with("private key")
    };
    let mut read = 0;
    for key in keys.iter().filter(is_key) {
        let handle = key["handle"].as_str().unwrap();
        let out = format!("{handle}.pem");
        bench
            .open(["extract", handle, "--as", "pem", "-o", &out, "--overwrite", "always"])
            .succeeded();
        assert!(openssl(&["pkey", "-noout", "-in", &out]).0, "{key}");
        let mode = fs::metadata(bench.path(&out)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{key}");
        read += 1;
    }
    assert!(read > 1, "{keys:?}");
    // All of a file at once; a DER file holds one.
    let bundle = "Certificates/Family bundle.p7b";
    bench.open(["extract", bundle, "--as", "pem", "-o", "bundle.pem"]).succeeded();
    let bundled = fs::read_to_string(bench.path("bundle.pem")).unwrap();
    assert_eq!(bundled.matches("BEGIN CERTIFICATE").count(), 3);
    bench.open(["extract", bundle, "--as", "der", "-o", "bundle.der"]).ended_with(2);
}

/// A wallet of certificates that is public is no secret, and may be read like any file.
#[test]
fn what_is_general_is_written_as_any_file() {
    let bench = Bench::with_vault();
    copy(&samples().join("icloud-export/Certificates"), &bench.path("export"));
    bench.open(["add", "export", "--expected"]).succeeded();
    let mut extract = bench.command(["extract", "jordan.der", "--as", "pem", "-o", "out.pem"]);
    extract.env("ICVAULT_IDENTITY", "identity");
    Ran::of(extract).succeeded();
    let mode = fs::metadata(bench.path("out.pem")).unwrap().permissions().mode() & 0o777;
    assert_ne!(mode & 0o044, 0);
}

#[test]
fn what_is_of_a_kind_and_a_time_comes_out_together() {
    let bench = Bench::with_vault();
    let export = samples().join("icloud-export");
    bench.open(["add", export.to_str().unwrap(), "--as", "all"]).ended_with(3);
    let records = records(&bench);
    let of = |kind: &str| -> Vec<&Value> {
        let mut seen = BTreeSet::new();
        let is_new = |record: &&Value| {
            record["kind"] == kind && seen.insert(record["handle"].as_str().unwrap().to_owned())
        };
        records.iter().filter(is_new).collect()
    };
    // Files of several layouts: cards with and without a mark, calendars with their own zones.
    for (kind, file) in [("contact", "all.vcf"), ("event", "all.ics"), ("mail", "all.mbox")] {
        bench.open(["extract", "--kind", kind, "-o", file]).succeeded();
        bench.open(["add", file, "--as", file]).succeeded();
        let again = bench.open(["list", file, "--records", "--json"]).succeeded().json();
        // People of one name in one file are told apart by more than their name.
        let titles = |records: &[Value]| -> BTreeSet<String> {
            records.iter().map(|r| r["title"].as_str().unwrap().to_owned()).collect()
        };
        let expected: Vec<Value> = of(kind).into_iter().cloned().collect();
        assert!(expected.len() > 10, "{kind}");
        let again = again.as_array().unwrap();
        assert_eq!(titles(again), titles(&expected), "{kind}");
        assert!(again.len() >= expected.len(), "{kind}");
    }
    let in_september: Vec<&Value> = of("event")
        .into_iter()
        .filter(|r| r["date"].as_str().is_some_and(|date| date.starts_with("2026-09")))
        .collect();
    assert!(!in_september.is_empty());
    let period = ["--since", "2026-09", "--until", "2026-09"];
    let september = [&["extract", "all", "--kind", "event", "-o", "-"], &period[..]].concat();
    let written = bench.open(september).succeeded().stdout;
    for record in in_september {
        assert!(written.contains(record["title"].as_str().unwrap()), "{record}");
    }
    // Kinds whose files are what they are go into a folder, with their names.
    bench.open(["extract", "all", "--kind", "document", "-o", "documents"]).succeeded();
    assert!(bench.path("documents/Documents/Letter.pages").is_file());
    assert!(!bench.path("documents/Documents/Budget.csv").exists());
    let nothing = bench.open(["extract", "--kind", "event", "--since", "2100", "-o", "x.ics"]);
    assert!(nothing.ended_with(4).stderr.contains("find --kind event"));
    let unknown = bench.open(["extract", "--kind", "events", "-o", "x.ics"]).ended_with(2);
    assert!(unknown.stderr.contains("kinds: passwords"), "{}", unknown.stderr);
}

#[test]
fn a_message_comes_out_as_it_was_sent() {
    let bench = Bench::with_vault();
    let message = "From: anna@example.org\nSubject: hello\nMessage-ID: <1@example.org>\n\
                   Date: Thu, 1 Jan 2026 10:00:00 +0000\n\ntext\n";
    let separator = "From anna@example.org Thu Jan  1 10:00:00 2026\n";
    bench.write("mbox", format!("{separator}{message}\n{separator}From: bert\n\nother\n"));
    bench.open(["add", "mbox", "--as", "mail"]).succeeded();
    let take = |args: &[&str]| bench.open([&["extract", "hello", "-o", "-"], args].concat());
    assert_eq!(take(&["--as", "eml"]).succeeded().stdout, message);
    assert!(take(&[]).succeeded().stdout.starts_with(separator));
}
