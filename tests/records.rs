//! Logins, cards, certificates and keys, one at a time: listed, shown, masked.

use std::fs;

use serde_json::Value;

use crate::support::tools::{has, program};
use crate::support::tree::copy;
use crate::support::{Bench, samples};

const LOGINS: &str = "Title,URL,Username,Password,Notes,OTPAuth\n\
    mail.example (anna),https://mail.example/login,anna,\"pa,ss \"\"1\"\"\",,\n\
    bank.example (anna),https://bank.example/,anna,  blanks matter ,\"two\nlines\",\
    otpauth://totp/bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8\n\
    new.example (bert),https://new.example/,bert,other,,\n";

fn records(bench: &Bench, args: &[&str]) -> Vec<Value> {
    let args = ["list", "--records", "--json"].iter().chain(args);
    bench.open(args).succeeded().json().as_array().unwrap().clone()
}

fn of<'v>(records: &'v [Value], title: &str) -> &'v Value {
    records.iter().find(|record| record["title"] == title).unwrap()
}

#[test]
fn one_login_is_shown_and_its_secrets_are_not_unless_asked_for() {
    let bench = Bench::with_vault();
    bench.write("export/Passwords.csv", LOGINS);
    bench.open(["add", "export"]).succeeded();
    let listed = bench.open(["list", "--records"]).succeeded();
    assert_eq!(listed.stdout.lines().count(), 3);
    assert_eq!(listed.stderr, "3 records\n");
    let records = records(&bench, &[]);
    let bank = of(&records, "bank.example (anna)");
    assert_eq!([&bank["place"], &bank["user"]], ["bank.example", "anna"]);
    assert_eq!(bank["compartment"], "sealed");
    let handle = bank["handle"].as_str().unwrap();
    assert!(handle.starts_with('r') && listed.stdout.contains(handle));

    let shown = bench.open(["show", handle]).succeeded();
    let json = bench.open(["show", handle, "--json"]).succeeded();
    for output in [&listed.stdout, &shown.stdout, &json.stdout] {
        for secret in ["blanks", "lines", "GEZDGNBV"] {
            assert!(!output.contains(secret), "{output}");
        }
    }
    assert!(shown.stdout.contains("********") && shown.stderr.contains("--reveal"));
    let revealed = bench.open(["show", handle, "--reveal"]).succeeded().stdout;
    assert!(revealed.contains("  blanks matter ") && revealed.contains("  two\n"), "{revealed}");
    assert!(revealed.lines().any(|line| line.trim() == "lines"), "{revealed}");
    let field = |name: &str| bench.open(["show", &handle[..6], "-f", name]).succeeded().stdout;
    assert_eq!(field("password"), "  blanks matter ");
    assert_eq!(field("note"), "two\nlines");
    bench.open(["show", handle, "-f", "nothing"]).ended_with(4);
    bench.open(["show", "r0000000"]).ended_with(4);
    // Eight digits, as its address says.
    let code = bench.open(["show", handle, "--totp"]).succeeded().stdout;
    assert!(code[..8].bytes().all(|byte| byte.is_ascii_digit()) && code.contains(" s left"));
    let mail = of(&records, "mail.example (anna)")["handle"].as_str().unwrap();
    assert_eq!(bench.open(["show", mail, "-f", "password"]).succeeded().stdout, "pa,ss \"1\"");
    bench.open(["show", mail, "--totp"]).ended_with(4);
}

#[test]
fn a_handle_is_the_same_in_the_next_export_and_finds_what_is_gone() {
    let bench = Bench::with_vault();
    bench.write("one/Passwords.csv", LOGINS);
    bench.open(["add", "one", "--as", "logins"]).succeeded();
    let before = records(&bench, &[]);
    // Another order, another file, another password, and one login less.
    let rows: Vec<&str> = LOGINS.split_inclusive('\n').collect();
    let changed = rows[4].replace("other", "changed");
    bench.write("two/암호 2.csv", [rows[0], &changed, rows[1]].concat());
    bench.open(["add", "two", "--as", "logins"]).succeeded();
    let after = records(&bench, &[]);
    assert_eq!(after.len(), 2);
    for title in ["mail.example (anna)", "new.example (bert)"] {
        assert_eq!(of(&before, title)["handle"], of(&after, title)["handle"], "{title}");
    }
    let new = of(&after, "new.example (bert)")["handle"].as_str().unwrap();
    assert_eq!(bench.open(["show", new, "-f", "password"]).succeeded().stdout, "changed");
    let gone = of(&before, "bank.example (anna)")["handle"].as_str().unwrap();
    assert_eq!(bench.open(["show", gone, "-f", "user"]).succeeded().stdout, "anna");
}

#[test]
fn who_does_not_read_what_is_sealed_does_not_see_that_it_is_there() {
    let bench = Bench::with_vault();
    bench.write("export/Passwords.csv", LOGINS);
    bench.open(["add", "export"]).succeeded();
    let handle = records(&bench, &[])[0]["handle"].as_str().unwrap().to_owned();
    let phone = Bench::new();
    bench.open(["key", "add", "--role", "everyday", "--recipient", &phone.recipient]).succeeded();
    fs::copy(phone.path("identity"), bench.path("everyday")).unwrap();
    let listed = bench.run(["-i", "everyday", "list", "--records"]).succeeded();
    assert!(!listed.stdout.contains("example"), "{}", listed.stdout);
    bench.run(["-i", "everyday", "show", &handle]).ended_with(4);
}

#[test]
fn certificates_are_as_openssl_says() {
    if !has(&["openssl"]) {
        return;
    }
    let bench = Bench::with_vault();
    copy(&samples().join("icloud-export/Certificates"), &bench.path("export/Certificates"));
    copy(&samples().join("icloud-export/Keys"), &bench.path("export/Keys"));
    bench.open(["add", "export"]).succeeded();
    let all = bench.open(["certs", "--json"]).succeeded().json();
    let found = all["certificates"].as_array().unwrap();
    for (file, form) in [("www.example.com.pem", "PEM"), ("jordan.der", "DER")] {
        let args = ["x509", "-noout", "-fingerprint", "-sha256", "-inform", form, "-in"];
        let path = bench.path("export/Certificates").join(file).into_os_string();
        let args = args.map(std::ffi::OsString::from).into_iter().chain([path]);
        let said = program("openssl", args, &bench.path("")).output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        let fingerprint = said.trim().rsplit('=').next().unwrap();
        let certificate = found.iter().find(|one| one["sha256"] == fingerprint).unwrap();
        assert!(certificate["files"].to_string().contains(file), "{certificate}");
    }
    // A server's certificate lies beside its key, and one certificate in several files is one.
    assert!(found.iter().any(|one| one["key_here"] == true));
    assert!(found.iter().any(|one| one["files"].as_array().unwrap().len() > 1));
    let text = bench.open(["certs"]).succeeded().stdout;
    assert!(text.contains("SHA-256") && text.contains("issued by"), "{text}");
    let weak = bench.open(["certs", "--weak", "--json"]).succeeded().json();
    let weak = weak["keys"].as_array().unwrap();
    assert!(weak.iter().all(|key| key["warnings"] != serde_json::json!([])));
    // The Keychain's own export, which nothing but its age protects.
    let is_legacy = |key: &&Value| key["files"].to_string().contains("Jordan Example.p12");
    let legacy = weak.iter().find(is_legacy).unwrap();
    assert!(legacy["warnings"].to_string().contains("weak container"), "{legacy}");
    let strong = |key: &Value| key["files"].to_string().contains("www.example.com.pfx");
    assert!(!weak.iter().any(strong) && all["keys"].as_array().unwrap().iter().any(strong));
    let until = |days: &str| {
        let args = ["certs", "--json", "--expiring", days];
        bench.open(args).succeeded().json()["certificates"].as_array().unwrap().len()
    };
    assert_eq!(until("14000w"), found.len());
    let ended = found.iter().filter(|one| one["ended"] == true).count();
    assert!(ended > 0 && until("0d") == ended && ended < found.len());
    bench.open(["certs", "--expiring", "soon"]).ended_with(2);
    // No private key is in what is listed.
    for output in [text, all.to_string(), bench.open(["list", "--records"]).succeeded().stdout] {
        assert!(!output.contains("PRIVATE KEY"), "{output}");
    }
}

#[test]
fn a_store_from_keychain_access_is_looked_into_with_its_password() {
    let bench = Bench::with_vault();
    copy(&samples().join("icloud-export/Keys"), &bench.path("export/Keys"));
    bench.open(["add", "export"]).succeeded();
    let show = |password: &str| {
        bench.write("password", password);
        let mut show = bench.command(["show", "Keys/Jordan Example.p12", "--inside"]);
        show.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_P12_PASSWORD_FILE", "password");
        crate::support::Ran::of(show)
    };
    let wrong = show("something else").ended_with(12);
    assert!(wrong.stderr.contains("wrong password"), "{}", wrong.stderr);
    let inside = show("correct horse").succeeded().stdout;
    assert!(inside.contains("private key  here"), "{inside}");
    assert!(inside.contains("  certificate  "), "{inside}");
}
