//! Logins that come out, as programs nobody here wrote read them: Python's csv, pass-import,
//! oathtool.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::tools::{has, program, skipped};
use crate::support::{Bench, Ran, samples};

/// File and layout, as `read_logins.py` knows it.
const TABLES: &[(&str, &str)] = &[
    ("Passwords.csv", "apple"),
    ("Other managers/Chrome Passwords.csv", "chrome"),
    ("Other managers/firefox-logins.csv", "firefox"),
    ("Other managers/KeePassXC.csv", "keepassxc"),
    ("Other managers/lastpass_export.csv", "lastpass"),
    ("Other managers/1Password.csv", "1password"),
    ("Other managers/bitwarden_export_20260914.csv", "bitwarden"),
];

/// Whether pass-import is there; says so when not.
fn has_pass_import(bench: &Bench) -> bool {
    if !has(&["python3"]) {
        return false;
    }
    let import = ["-c", "import pass_import.managers"];
    let found = program("python3", import, &bench.path("")).output().unwrap().status.success();
    if !found {
        skipped("needs pass-import, from PyPI");
    }
    found
}

/// What csv and what pass-import read.
fn read(bench: &Bench, layout: &str, file: &str) -> [Vec<Value>; 2] {
    let script = samples().join("../support/read_logins.py");
    let args = [script.as_os_str(), layout.as_ref(), file.as_ref()];
    let said = Ran::of(program("python3", args, &bench.path(""))).succeeded().json();
    ["csv", "pass-import"].map(|reader| said[reader].as_array().unwrap().clone())
}

fn bench() -> Bench {
    let bench = Bench::with_vault();
    for (file, _) in TABLES {
        let from = samples().join("icloud-export/Passwords").join(file);
        bench.write(&format!("export/{file}"), fs::read(from).unwrap());
    }
    bench.open(["add", "export"]).succeeded();
    bench
}

#[test]
fn every_login_that_comes_out_is_read_as_it_went_in() {
    let bench = bench();
    if !has_pass_import(&bench) {
        return;
    }
    for (file, layout) in TABLES {
        let went_in = read(&bench, layout, &format!("export/{file}"));
        assert_eq!(went_in[0].len(), went_in[1].len(), "{file}");
        let listed = bench.open(["list", "--records", "--json", file]).succeeded().json();
        let handles: BTreeSet<&str> =
            listed.as_array().unwrap().iter().map(|r| r["handle"].as_str().unwrap()).collect();
        assert_eq!(handles.len(), went_in[0].len(), "{file}");
        for (reader, all) in ["csv", "pass-import"].iter().zip(&went_in) {
            let mut left: Vec<&Value> = all.iter().collect();
            for handle in &handles {
                let out = format!("{handle}-{layout}-{reader}.csv");
                // The same login may be in other files as well.
                let item = format!("{file}#{handle}");
                bench.open(["extract", &item, "-o", &out]).succeeded();
                let came_out = read(&bench, layout, &out);
                let came_out = &came_out[usize::from(*reader != "csv")];
                let [only] = came_out.as_slice() else { panic!("{came_out:?}") };
                let at = left.iter().position(|login| *login == only);
                left.remove(at.unwrap_or_else(|| panic!("{reader}, {file}: made up {only}")));
            }
            assert!(left.is_empty(), "{reader}, {file}: lost {left:?}");
        }
        // All of them at once, as one table.
        let together = format!("{layout}.csv");
        let items: Vec<String> = handles.iter().map(|handle| format!("{file}#{handle}")).collect();
        let args = ["extract"].into_iter().chain(items.iter().map(String::as_str));
        bench.open(args.chain(["-o", together.as_str()])).succeeded();
        let came_out = read(&bench, layout, &together);
        for (ours, theirs) in came_out.iter().zip(&went_in) {
            let texts = |all: &[Value]| all.iter().map(Value::to_string).collect::<BTreeSet<_>>();
            assert_eq!(texts(ours), texts(theirs), "{file}");
        }
    }
}

#[test]
fn the_table_for_apple_has_every_login_of_every_layout() {
    let bench = bench();
    if !has_pass_import(&bench) {
        return;
    }
    for (file, layout) in TABLES {
        let [went_in, _] = read(&bench, layout, &format!("export/{file}"));
        bench
            .open(["extract", file, "--as", "apple-csv", "-o", &format!("{layout}-apple.csv")])
            .succeeded();
        let came_out = read(&bench, "apple", &format!("{layout}-apple.csv"));
        for came_out in came_out {
            let accounts = |logins: &[Value]| -> BTreeSet<[String; 2]> {
                let text = |login: &Value, name: &str| login[name].as_str().unwrap().to_owned();
                let of = |login: &Value| [text(login, "user"), text(login, "password")];
                logins.iter().map(of).filter(|[_, password]| !password.is_empty()).collect()
            };
            // LastPass writes characters as HTML does, and means the characters.
            let plain = |text: String| text.replace("&lt;", "<").replace("&amp;", "&");
            let expected = accounts(&went_in).into_iter().map(|pair| match *layout {
                "lastpass" => pair.map(plain),
                _ => pair,
            });
            assert_eq!(accounts(&came_out), expected.collect(), "{file}");
        }
    }
}

#[test]
fn oathtool_makes_the_same_codes() {
    if !has(&["oathtool"]) {
        return;
    }
    let bench = Bench::with_vault();
    let seeds = samples().join("icloud-export/Passwords/one-time codes.txt");
    bench.write("export/codes.txt", fs::read(seeds).unwrap());
    bench.write("export/Passwords.csv", OTHER_SEEDS);
    bench.open(["add", "export"]).succeeded();
    let listed = bench.open(["list", "--records", "--json"]).succeeded().json();
    let mut compared = 0;
    for record in listed.as_array().unwrap() {
        let handle = record["handle"].as_str().unwrap();
        let seed = bench.open(["show", handle, "-f", "otp"]).succeeded().stdout;
        let (path, query) = seed.split_once('?').unwrap();
        if !path.starts_with("otpauth://totp/") {
            continue;
        }
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let algorithm = value("algorithm").unwrap_or("SHA1").to_lowercase();
        let period = value("period").unwrap_or("30");
        let args = [
            format!("--totp={algorithm}"),
            format!("--digits={}", value("digits").unwrap_or("6")),
            format!("--time-step-size={period}s"),
            "--base32".to_owned(),
            value("secret").unwrap().to_owned(),
        ];
        // The period may end between the two.
        let same = (0..3).any(|_| {
            let ours = bench.open(["show", handle, "--totp"]).succeeded().stdout;
            let theirs = Ran::of(program("oathtool", &args, &bench.path(""))).succeeded().stdout;
            ours.split(' ').next() == Some(theirs.trim())
        });
        assert!(same, "{path}");
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}

const OTHER_SEEDS: &str = "Title,URL,Username,Password,Notes,OTPAuth\n\
    a,https://a.example,a,x1,,otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8\n\
    b,https://b.example,b,x2,,otpauth://totp/b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA&algorithm=SHA256&period=60\n\
    c,https://c.example,c,x3,,otpauth://totp/c?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA&algorithm=SHA512\n";
