//! PKCS#12 stores: their passwords kept beside them, what is in them, and wrapping them anew.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::tools::{at_terminal, has, program};
use crate::support::tree::{copy, files};
use crate::support::{Bench, Ran, samples};

/// The passwords of the sample's stores.
const PASSWORDS: &str = "correct horse\nbattery staple\n";

fn export(bench: &Bench) {
    copy(&samples().join("icloud-export/Keys"), &bench.path("export/Keys"));
}

/// Runs with the files of passwords that are named.
fn with(bench: &Bench, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = bench.command(args);
    command.env("ICVAULT_IDENTITY", "identity").envs(variables.iter().copied());
    Ran::of(command)
}

fn keys_of(bench: &Bench, file: &str) -> Vec<Value> {
    let all = bench.open(["list", "--records", "--json", file]).succeeded().json();
    all.as_array().unwrap().clone()
}

#[test]
fn a_password_is_kept_beside_its_store_and_goes_on_to_the_next_export() {
    let bench = Bench::with_vault();
    export(&bench);
    let closed = bench.open(["add", "export", "--as", "keys"]).succeeded().stdout;
    assert!(closed.contains("without their password") && closed.contains("Jordan Example.p12"));
    assert_eq!(keys_of(&bench, "Keys/Jordan Example.p12").len(), 1);

    bench.write("passwords", PASSWORDS);
    let passwords = [("ICVAULT_P12_PASSWORD_FILE", "passwords")];
    let opened = with(&bench, &passwords, &["add", "export", "--as", "keys"]).succeeded().stdout;
    assert!(opened.contains("kept beside them, sealed: 2 PKCS#12 stores"), "{opened}");
    assert!(!opened.contains("without their password"), "{opened}");
    let inside = keys_of(&bench, "Keys/Jordan Example.p12");
    let kinds: Vec<&str> = inside.iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"certificate"), "{kinds:?}");
    // The store itself and the key in it.
    assert_eq!(kinds.iter().filter(|kind| **kind == "key").count(), 2, "{kinds:?}");
    // Nobody has to say it again.
    let shown = bench.open(["show", "Keys/Jordan Example.p12", "--inside"]).succeeded().stdout;
    assert!(shown.contains("private key  here"), "{shown}");
    // What it is imported with elsewhere.
    let field = bench.open(["show", "Keys/Jordan Example.p12", "-f", "password"]).succeeded();
    assert_eq!(field.stdout, "correct horse");
    let masked = bench.open(["show", "Keys/Jordan Example.p12"]).succeeded().stdout;
    assert!(masked.contains("********") && !masked.contains("correct horse"), "{masked}");
    if has(&["python3", "age", "zstd"]) {
        let script = bench.path("v.icvault/reader.py").into_os_string();
        let args = ["passwords", "-i", "identity", "v.icvault"].map(OsString::from);
        let args = std::iter::once(script).chain(args);
        let said = Ran::of(program("python3", args, &bench.path(""))).succeeded().stdout;
        assert!(said.contains("Keys/Jordan Example.p12: correct horse\n"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    let key = inside.iter().find(|r| r["title"].as_str().unwrap().contains("private key"));
    let handle = key.unwrap()["handle"].as_str().unwrap();
    assert!(bench.open(["show", handle, "--reveal"]).succeeded().stdout.contains("PRIVATE KEY"));

    // A month later: the same password in another file, and nobody there to ask.
    copy(&samples().join("icloud-export-a-month-later/Keys"), &bench.path("later/Keys"));
    fs::rename(
        bench.path("later/Keys/Jordan Example.p12"),
        bench.path("later/Keys/Jordan renamed.p12"),
    )
    .unwrap();
    bench.open(["add", "later", "--as", "keys"]).succeeded();
    bench.open(["show", "Keys/Jordan renamed.p12", "--inside"]).succeeded();
    // The certificate in it is the same one.
    let again = keys_of(&bench, "Keys/Jordan renamed.p12");
    assert!(again.iter().any(|record| record["handle"] == handle), "{again:?}");
    // It comes out as it went in; the password stays.
    bench.open(["extract", "keys", "-o", "back"]).succeeded();
    let read = |root: &str| -> BTreeMap<PathBuf, Vec<u8>> {
        let all = files(&bench.path(root)).into_iter().filter(|path| path.is_file());
        let below = |path: &PathBuf| path.strip_prefix(bench.path(root)).unwrap().to_owned();
        all.map(|path| (below(&path), fs::read(&path).unwrap())).collect()
    };
    assert_eq!(read("back"), read("later"));
    assert!(bench.open(["check", "--read-data"]).succeeded().stdout.contains("clean"));
}

#[test]
fn at_a_terminal_the_password_is_asked_for() {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::with_vault();
    let store = samples().join("icloud-export/Keys/Jordan Example.p12");
    bench.write("export/one.p12", fs::read(&store).unwrap());
    bench.write("export/two.p12", [&fs::read(&store).unwrap()[..], b"\n"].concat());
    let add = |answers: &str| {
        bench.write("answers", answers);
        let mut add = bench.command(["add", "export", "--as", "keys"]);
        add.env("ICVAULT_IDENTITY", "identity");
        Ran::of(at_terminal(&add, &bench.path("answers"), &bench.path("")))
    };
    // One wrong, then right, and not to be kept; the other not now.
    let declined = add("wrong\ncorrect horse\nn\n\n").succeeded().stdout;
    assert!(declined.contains("does not open with that"), "{declined}");
    assert!(declined.contains("private key  here"), "{declined}");
    assert!(declined.contains("without their password"), "{declined}");
    assert!(!declined.contains("correct horse"));
    // Kept by default, and good for the second store as well.
    let kept = add("correct horse\n\n").succeeded().stdout;
    assert!(kept.contains("kept beside them, sealed: 2 PKCS#12 stores"), "{kept}");
    bench.open(["show", "two.p12", "--inside"]).succeeded();
}

#[test]
fn a_store_is_wrapped_anew_and_the_old_one_stays() {
    if !has(&["openssl"]) {
        return;
    }
    let bench = Bench::with_vault();
    export(&bench);
    bench.write("passwords", PASSWORDS);
    bench.write("new", "a better one\n");
    let kept = [("ICVAULT_P12_PASSWORD_FILE", "passwords")];
    with(&bench, &kept, &["add", "export", "--as", "keys"]).succeeded();
    let store = "Keys/Jordan Example.p12";
    let new = [("ICVAULT_P12_NEW_PASSWORD_FILE", "new")];
    with(&bench, &new, &["extract", store, "--p12-modern", "-o", "out/new.p12"]).succeeded();
    let mode = fs::metadata(bench.path("out/new.p12")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let openssl = |file: &str, password: &str, also: &[&str]| {
        bench.write("pass", password);
        let args = ["pkcs12", "-in", file, "-noenc", "-passin", "file:pass"];
        let args = args.iter().chain(also);
        let said = program("openssl", args, &bench.path("")).output().unwrap();
        (said.status.success(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let key_of = |pem: &str| pem.split_once("-----BEGIN PRIVATE KEY").unwrap().1.to_owned();
    let (is_read, pem) = openssl("out/new.p12", "a better one", &[]);
    assert!(is_read && pem.contains("BEGIN CERTIFICATE"));
    assert!(openssl("out/new.p12", "a better one", &["-legacy"]).0);
    assert!(!openssl("out/new.p12", "correct horse", &[]).0);
    // The old one is as it was: openssl of today opens it only when told to.
    let old = bench.open(["cat", store]).succeeded().bytes;
    assert_eq!(old, fs::read(bench.path("export").join(store)).unwrap());
    fs::write(bench.path("old.p12"), old).unwrap();
    assert!(!openssl("old.p12", "correct horse", &[]).0);
    let (is_read, old) = openssl("old.p12", "correct horse", &["-legacy"]);
    assert!(is_read);
    assert_eq!(key_of(&old), key_of(&pem));
    bench.write("wrong", "not this\n");
    let fresh = Bench::with_vault();
    export(&fresh);
    fresh.open(["add", "export"]).succeeded();
    fresh.write("wrong", "not this\n");
    let wrong = [("ICVAULT_P12_PASSWORD_FILE", "wrong")];
    with(&fresh, &wrong, &["extract", store, "--p12-modern", "-o", "x"]).ended_with(12);
    with(&bench, &new, &["extract", "Keys/id_ed25519", "--p12-modern", "-o", "x"]).ended_with(4);
}
