//! Two snapshots compared, and one with an export on disk: files, records, and what is no change.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::tree::tree;
use crate::support::{Bench, Ran, samples};

/// People and so on as one program exports them.
const ONE: [(&str, &str); 4] = [
    (
        "people.vcf",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//macOS 15.1//EN\r\nN:Anders;Anna;;;\r\n\
        FN:Anna Anders\r\nEMAIL;type=INTERNET;type=HOME;type=pref:anna@example.org\r\n\
        item1.ADR;type=HOME:;;1 Elm Street;Exampleton;;60690;Nowhere\r\nitem1.X-ABADR:us\r\n\
        NOTE:a note that is long enough to be folded over two lines by whoever writes \r\n \
        it down\r\nREV:2025-01-01T10:00:00Z\r\nUID:11111111-aaaa\r\nEND:VCARD\r\n\
        BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//macOS 15.1//EN\r\nN:Berg;Bert;;;\r\n\
        FN:Bert Berg\r\nTEL;type=CELL:202-555-0133\r\nREV:2025-01-01T10:00:00Z\r\nEND:VCARD\r\n",
    ),
    (
        "home.ics",
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Apple Inc.//macOS 15.1//EN\r\nBEGIN:VEVENT\r\n\
        UID:e-1\r\nDTSTAMP:20250101T100000Z\r\nDTSTART:20250301T090000Z\r\nSUMMARY:Choir\r\n\
        SEQUENCE:0\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:e-2\r\nDTSTAMP:20250101T100000Z\r\n\
        DTSTART:20250302T090000Z\r\nSUMMARY:Dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ),
    (
        "Passwords.csv",
        "Title,URL,Username,Password,Notes,OTPAuth\n\
        mail,https://mail.example/,anna,\"a,b\",,\nbank,https://bank.example/,anna,second,a note,\n",
    ),
    (
        "box.mbox",
        "From anna@example.org Thu Jan  2 10:00:00 2025\nFrom: anna@example.org\nTo: bert@example.org\n\
        Subject: lunch\nMessage-ID: <1@example.org>\nDate: Thu, 2 Jan 2025 10:00:00 +0000\n\nat one?\n\n\
        From bert@example.org Thu Jan  2 11:00:00 2025\nFrom: bert@example.org\nTo: anna@example.org\n\
        Subject: Re: lunch\nMessage-ID: <2@example.org>\nDate: Thu, 2 Jan 2025 11:00:00 +0000\n\nyes\n\n",
    ),
];

/// The same a month later by a newer version: in another order, folded elsewhere, stamped anew.
const OTHER: [(&str, &str); 4] = [
    (
        "people.vcf",
        "BEGIN:VCARD\nVERSION:3.0\nPRODID:-//Apple Inc.//macOS 26.0//EN\nN:Berg;Bert;;;\n\
        FN:Bert Berg\nTEL;type=CELL:202-555-0133\nREV:2026-02-02T11:00:00Z\nEND:VCARD\n\
        BEGIN:VCARD\nVERSION:3.0\nPRODID:-//Apple Inc.//macOS 26.0//EN\nN:Anders;Anna;;;\n\
        FN:Anna Anders\nEMAIL;type=INTERNET;type=HOME;type=pref:anna@example.org\n\
        item7.ADR;type=HOME:;;1 Elm Street;Exampleton;;60690;Nowhere\nitem7.X-ABADR:us\n\
        NOTE:a note that is long enough to be fol\n ded over two lines by whoever writes \
        it down\nREV:2026-02-02T11:00:00Z\nUID:11111111-aaaa\nEND:VCARD\n",
    ),
    (
        "home.ics",
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Apple Inc.//macOS 26.0//EN\nBEGIN:VEVENT\n\
        UID:e-2\nDTSTAMP:20260202T110000Z\nDTSTART:20250302T090000Z\nSUMMARY:Dentist\nEND:VEVENT\n\
        BEGIN:VEVENT\nSUMMARY:Choir\nUID:e-1\nDTSTAMP:20260202T110000Z\nDTSTART:20250301T090000Z\n\
        SEQUENCE:0\nEND:VEVENT\nEND:VCALENDAR\n",
    ),
    (
        "Passwords.csv",
        "Title,URL,Username,Password,Notes,OTPAuth\r\n\
        \"bank\",\"https://bank.example/\",\"anna\",\"second\",\"a note\",\"\"\r\n\
        \"mail\",\"https://mail.example/\",\"anna\",\"a,b\",\"\",\"\"\r\n",
    ),
    (
        "box.mbox",
        "From MAILER-DAEMON Mon Feb  2 11:00:00 2026\nFrom: bert@example.org\nTo: anna@example.org\n\
        Subject: Re: lunch\nMessage-ID: <2@example.org>\nDate: Thu, 2 Jan 2025 11:00:00 +0000\n\nyes\n\n\
        From MAILER-DAEMON Mon Feb  2 11:00:00 2026\nFrom: anna@example.org\nTo: bert@example.org\n\
        Subject: lunch\nMessage-ID: <1@example.org>\nDate: Thu, 2 Jan 2025 10:00:00 +0000\n\nat one?\n\n",
    ),
];

fn write(bench: &Bench, folder: &str, files: &[(&str, &str)]) {
    files.iter().for_each(|(file, text)| bench.write(&format!("{folder}/{file}"), text));
}

/// Change, kind and title of each difference.
fn told(differences: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let differences = differences.as_array().unwrap().iter();
    differences.map(|one| ["change", "kind", "title"].map(|name| text(&one[name]))).collect()
}

#[test]
fn what_every_export_writes_anew_is_no_change() {
    let bench = Bench::with_vault();
    write(&bench, "one", &ONE);
    write(&bench, "other", &OTHER);
    bench.open(["add", "one", "--as", "export"]).succeeded();
    bench.open(["add", "other", "--as", "export"]).succeeded();
    let counted = bench.open(["list", "--records", "--json"]).succeeded().json();
    assert_eq!(counted.as_array().unwrap().len(), 8);
    let same = bench.open(["diff", "export", "--records", "--exit-code"]).succeeded();
    assert_eq!((same.stdout.as_str(), same.stderr.as_str()), ("", "no differences\n"));
    let none = bench.open(["diff", "export", "--records", "--json"]).succeeded();
    assert_eq!(none.json(), Value::Array(Vec::new()));
    // The files did change.
    let files = bench.open(["diff", "export", "--exit-code"]).ended_with(5);
    assert_eq!(files.stdout.lines().filter(|line| line.starts_with('M')).count(), 4);
    let missing = bench.open(["recover"]).succeeded().stdout;
    assert!(missing.starts_with("nothing is missing"), "{missing}");
}

/// What was made up as the difference of the sample exports is what is found.
#[test]
fn the_samples_differ_as_they_were_made_to() {
    let changes = fs::read_to_string(samples().join("changes.json")).unwrap();
    let changes: Value = serde_json::from_str(&changes).unwrap();
    for (what, change) in changes.as_object().unwrap() {
        let bench = Bench::with_vault();
        let file = change["file"].as_str().unwrap();
        for export in ["icloud-export", "icloud-export-a-month-later"] {
            let bytes = fs::read(samples().join(export).join(file)).unwrap();
            bench.write(&format!("{export}/{file}"), bytes);
            bench.open(["add", export, "--as", what, "--expected"]).succeeded();
        }
        let found = bench.open(["diff", what, "--records", "--json"]).succeeded().json();
        let of = |wanted: &str| -> BTreeSet<String> {
            let found = told(&found).into_iter().filter(|[change, ..]| change == wanted);
            found.map(|[_, _, title]| title).collect()
        };
        for wanted in ["added", "removed", "changed"] {
            let made = change[wanted].as_array().unwrap().iter();
            let made = made.map(|title| {
                let title = title.as_str().unwrap();
                let title = title.split(" -> ").last().unwrap_or(title);
                title.split(" until ").next().unwrap_or(title).to_owned()
            });
            // Nobody gave the password of the store: all that is known is that its bytes are new.
            let closed = BTreeSet::from(["PKCS#12 store".to_owned()]);
            let expected: BTreeSet<String> = made.collect();
            let found: BTreeSet<String> = of(wanted).difference(&closed).cloned().collect();
            assert_eq!(found, expected, "{what}: {wanted}");
        }
    }
}

#[test]
fn files_have_the_letter_of_what_became_of_them() {
    let bench = Bench::with_vault();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let set_time =
        |path: &str, time| File::open(bench.path(path)).unwrap().set_modified(time).unwrap();
    for (path, text) in [
        ("export/same.txt", "the same"),
        ("export/gone.txt", "gone"),
        ("export/changed.txt", "before"),
        ("export/rotten.txt", "before"),
        ("export/old/moved.txt", "moved without a change"),
        ("export/touched.txt", "touched"),
        ("export/type", "a file"),
        ("export/key.pem", KEY),
    ] {
        bench.write(path, text);
        set_time(path, long_ago);
    }
    bench.open(["add", "export"]).succeeded();
    fs::remove_file(bench.path("export/gone.txt")).unwrap();
    bench.write("export/changed.txt", "after, and longer");
    bench.write("export/rotten.txt", "befire");
    set_time("export/rotten.txt", long_ago);
    fs::create_dir(bench.path("export/new")).unwrap();
    fs::rename(bench.path("export/old/moved.txt"), bench.path("export/new/name.txt")).unwrap();
    fs::rename(bench.path("export/key.pem"), bench.path("export/new/key.pem")).unwrap();
    set_time("export/touched.txt", long_ago + Duration::from_secs(1));
    fs::remove_file(bench.path("export/type")).unwrap();
    bench.write("export/type/inside.txt", "now a folder");
    // Before it is added, with the export on disk.
    let before = tree(&bench.path("v.icvault"));
    let live = bench.open(["diff", "export", "./export"]).succeeded();
    assert_eq!(tree(&bench.path("v.icvault")), before);
    assert_eq!(bench.snapshots().len(), 1);
    bench.open(["add", "export"]).succeeded();
    let told = bench.open(["diff", "export", "--exit-code"]).ended_with(5);
    let letters = "M  file         changed.txt\n\
        -  file         gone.txt\n\
        +  folder       new/\n\
        R  key          key.pem -> new/key.pem\n\
        R  file         old/moved.txt -> new/name.txt\n\
        ?  file         rotten.txt  (content changed, the time of its change did not)\n\
        T  folder       type/  (mode)\n\
        +  file         type/inside.txt\n";
    assert_eq!(told.stdout, letters);
    assert_eq!(live.stdout, letters);
    assert!(told.stderr.contains("1 item with another time only"), "{}", told.stderr);
    let all = bench.open(["diff", "export", "-v"]).succeeded().stdout;
    assert!(all.contains("\nU  file         touched.txt  (mtime)\n"), "{all}");
    let stat = bench.open(["diff", "export", "--stat"]).succeeded().stdout;
    let counts = "file         1 added, 1 removed, 2 changed, 1 moved\n\
        folder       1 added, 1 changed\nkey          1 moved\n";
    assert_eq!(stat, counts);
    let json = bench.open(["diff", "export~1", "export", "--json"]).succeeded().json();
    let rotten = json.as_array().unwrap().iter().find(|one| one["path"] == "rotten.txt").unwrap();
    assert_eq!(
        (rotten["change"].as_str(), rotten["letter"].as_str()),
        (Some("changed"), Some("?"))
    );
    let moved = json.as_array().unwrap().iter().find(|one| one["path"] == "new/name.txt").unwrap();
    assert_eq!(moved["path_before"], "old/moved.txt");
    // The other way round.
    let back = bench.open(["diff", "export", "export~1"]).succeeded().stdout;
    assert!(
        back.contains("+  file         gone.txt") && back.contains("-  folder       new/"),
        "{back}"
    );
}

#[test]
fn records_tell_which_fields_changed_and_secrets_only_when_asked() {
    let bench = Bench::with_vault();
    write(&bench, "export", &ONE);
    bench.open(["add", "export", "--expected"]).succeeded();
    let passwords = ONE[2].1.replace("second", "0penSesame").replace("a,b", "a,c");
    bench.write("export/Passwords.csv", passwords);
    bench.write("export/people.vcf", ONE[0].1.replace("anna@", "anders@"));
    bench.write("export/box.mbox", ONE[3].1.split("From bert@").next().unwrap());
    bench.open(["add", "export", "--expected"]).succeeded();
    let found = bench.open(["diff", "export", "--records"]).succeeded();
    assert!(!found.stdout.contains("0penSesame") && !found.stdout.contains("second"), "{found:?}");
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", found.stdout);
    for (line, (letter, title, fields)) in lines.iter().zip([
        ("M", "Anna Anders", "(mail (home))"),
        ("-", "Re: lunch", "box.mbox"),
        ("M", "bank", "(password)"),
        ("M", "mail", "(password)"),
    ]) {
        assert!(
            line.starts_with(letter) && line.contains(title) && line.ends_with(fields),
            "{line}"
        );
    }
    let shown = bench.open(["diff", "export", "--records", "--reveal"]).succeeded().stdout;
    assert!(shown.contains("     password: second -> 0penSesame\n"), "{shown}");
    let json = bench.open(["diff", "export", "--records", "--json"]).succeeded();
    assert!(!json.stdout.contains("0penSesame"), "{}", json.stdout);
    let changed = &json.json()[2];
    assert_eq!(changed["fields"][0], "password");
    assert_eq!(
        (changed["matched_by"].as_str(), changed["title"].as_str()),
        (Some("fields"), Some("bank"))
    );
    let removed = &json.json()[1];
    assert!(
        removed["matched_by"].is_null() && removed["handle"].as_str().unwrap().starts_with('r')
    );
    let stat = bench.open(["diff", "export", "--records", "--stat"]).succeeded().stdout;
    assert_eq!(stat, "contact      1 changed\nmail         1 removed\npasswords    2 changed\n");
}

/// What a role does not read is not guessed.
#[test]
fn what_is_locked_is_said_and_not_called_removed() {
    let bench = Bench::with_vault();
    write(&bench, "export", &ONE);
    bench.open(["add", "export"]).succeeded();
    bench.write("export/Passwords.csv", "Title,URL,Username,Password\nx,https://x.example/,y,z\n");
    bench.open(["add", "export"]).succeeded();
    let phone = Bench::new();
    bench.open(["key", "add", "--role", "everyday", "--recipient", &phone.recipient]).succeeded();
    let everyday = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_IDENTITY", phone.path("identity"));
        Ran::of(command)
    };
    for args in [&["diff", "export"][..], &["diff", "export", "--records"], &["recover"]] {
        let ran = everyday(args).succeeded();
        assert!(ran.stderr.contains("full passphrase"), "{args:?}: {}", ran.stderr);
        assert!(!ran.stdout.contains("passwords"), "{args:?}: {}", ran.stdout);
    }
    // So it is where they are left out.
    bench.open(["copy", "--to", "copy", "--without-sealed"]).succeeded();
    let mut command = bench.command(["diff", "export", "--records"]);
    command.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_VAULT", "copy");
    let ran = Ran::of(command).succeeded();
    assert!(ran.stdout.is_empty() && ran.stderr.contains("left out"), "{ran:?}");
}

/// What is sealed has other chunks when it is stored anew, and other digests in `general`.
#[test]
fn what_was_only_sealed_anew_did_not_change() {
    let bench = Bench::with_vault();
    write(&bench, "export", &ONE);
    bench.write("export/Keys/id_ed25519", KEY);
    bench.open(["add", "export"]).succeeded();
    let phone = Bench::new();
    bench.open(["key", "add", "--role", "everyday", "--recipient", &phone.recipient]).succeeded();
    let mut command = bench.command(["add", "export"]);
    command.env("ICVAULT_IDENTITY", phone.path("identity"));
    Ran::of(command).succeeded();
    for more in [&[][..], &["--records"]] {
        let args = [&["diff", "export", "--exit-code"], more].concat();
        let same = bench.open(args).succeeded();
        assert_eq!((same.stdout.as_str(), same.stderr.as_str()), ("", "no differences\n"));
    }
    bench.open(["add", "export", "--general"]).succeeded();
    let files = bench.open(["diff", "export"]).succeeded().stdout;
    let expected = "U  key          Keys/id_ed25519  (compartment)\n\
        U  passwords    Passwords.csv  (compartment)\n";
    assert_eq!(files, expected);
    let records = bench.open(["diff", "export", "--records", "--json"]).succeeded().json();
    let mut changes: Vec<[String; 3]> = told(&records);
    changes.retain(|[_, kind, _]| kind == "passwords");
    let moved = |title: &str| ["moved", "passwords", title].map(str::to_owned);
    assert_eq!(changes, [moved("bank"), moved("mail")]);
    assert!(records.as_array().unwrap().iter().all(|one| one["change"] == "moved"), "{records}");
    let nothing = bench.open(["recover"]).succeeded().stdout;
    assert!(nothing.starts_with("nothing is missing"), "{nothing}");
}

#[test]
fn what_cannot_be_compared_is_told() {
    let bench = Bench::with_vault();
    bench.write("export/a.txt", "a");
    bench.open(["add", "export"]).succeeded();
    let alone = bench.open(["diff", "export"]).ended_with(4);
    assert!(alone.stderr.contains("one snapshot"), "{}", alone.stderr);
    bench.open(["diff", "nothing"]).ended_with(4);
    bench.open(["diff", "export", "nowhere"]).ended_with(4);
    bench.open(["diff", "export", "--reveal"]).ended_with(2);
    assert_eq!(bench.open(["diff", "export", "./export", "--exit-code"]).succeeded().stdout, "");
}

#[test]
fn names_in_differences_do_not_command_the_terminal() {
    let bench = Bench::with_vault();
    let card = |name: &str| format!("BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD\n");
    let wild = "wild \u{1b}[2J\u{202e}\u{9b}";
    bench.write(&format!("export/{wild}.txt"), "text");
    bench.write("export/all.vcf", [card("tame"), card(wild)].concat());
    bench.open(["add", "export", "--expected"]).succeeded();
    fs::remove_file(bench.path(&format!("export/{wild}.txt"))).unwrap();
    bench.write("export/all.vcf", card("tame"));
    bench.open(["add", "export", "--expected"]).succeeded();
    for args in [
        &["diff", "export"][..],
        &["diff", "export", "--json"],
        &["diff", "export", "--records"],
        &["diff", "export", "--records", "--json"],
        &["recover", "-n"],
        &["recover", "-n", "--json"],
        &["recover", "-o", "x.vcf"],
        &["history", "wild"],
    ] {
        let Ran { code, stdout, stderr, .. } = bench.open(args);
        assert!([0, 4].contains(&code), "{args:?}: {stderr}");
        for c in ['\u{1b}', '\u{202e}', '\u{9b}'] {
            assert!(!stdout.contains(c) && !stderr.contains(c), "{args:?}: {stdout}{stderr}");
        }
    }
}

#[test]
fn a_history_has_the_versions_and_their_fields() {
    let bench = Bench::with_vault();
    write(&bench, "export", &ONE);
    let add = |time: &str| bench.open(["add", "export", "--as", "it", "--time", time]).succeeded();
    add("2026-01-01");
    add("2026-02-01");
    bench.write("export/Passwords.csv", ONE[2].1.replace("second", "third"));
    add("2026-03-01");
    let ran = bench.open(["history", "bank"]).succeeded();
    assert!(!ran.stdout.contains("second") && !ran.stdout.contains("third"), "{}", ran.stdout);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.stdout);
    assert!(lines[0].starts_with("2026-01-01 00:00 to 2026-02-01 00:00"), "{}", lines[0]);
    assert!(lines[1].starts_with("2026-03-01 00:00 "), "{}", lines[1]);
    assert!(lines[1].ends_with("(changed: password)"), "{}", lines[1]);
    let json = bench.open(["history", "bank", "--json"]).succeeded().json();
    assert_eq!(json[1]["fields"][0], "password");
    assert_eq!(json[0]["first_seen"], "2026-01-01T00:00:00Z");
    assert_eq!(json[0]["last_seen"], "2026-02-01T00:00:00Z");
    let handle = json[0]["handle"].as_str().unwrap();
    assert_eq!(bench.open(["history", handle]).succeeded().stdout, ran.stdout);
    assert_eq!(bench.open(["history", handle, "--all"]).succeeded().stdout.lines().count(), 3);
    let file = bench.open(["history", "Passwords.csv"]).succeeded().stdout;
    assert!(file.lines().count() == 2 && file.ends_with("(changed: content)\n"), "{file}");
    assert_eq!(bench.open(["history", "home.ics", "--all"]).succeeded().stdout.lines().count(), 3);
    bench.open(["history", "it"]).ended_with(2);
    bench.open(["history", "nobody"]).ended_with(4);
}

/// A certificate that was renewed has another digest and so another handle.
#[test]
fn a_renewed_certificate_is_in_the_history_of_the_old_one() {
    let bench = Bench::with_vault();
    for (export, time) in
        [("icloud-export", "2026-01-01"), ("icloud-export-a-month-later", "2026-02-01")]
    {
        let pem =
            fs::read(samples().join(export).join("Certificates/www.example.com.pem")).unwrap();
        bench.write("export/www.pem", pem);
        bench.open(["add", "export", "--as", "it", "--time", time]).succeeded();
    }
    let ran = bench.open(["history", "www.example.com"]).succeeded().stdout;
    assert_eq!(ran.lines().count(), 2, "{ran}");
    assert!(ran.lines().last().unwrap().contains("valid until"), "{ran}");
}

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n";
