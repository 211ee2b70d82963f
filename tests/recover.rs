//! What is missing back as files that the apps import: which, from where, and under which names.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::tree::tree;
use crate::support::{Bench, Ran};

fn card(name: &str) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:{name};;;;\r\nFN:{name}\r\nTEL:+49 30 {}\r\n\
        UID:uid-{name}\r\nEND:VCARD\r\n",
        name.len()
    )
}

fn cards(names: &[&str]) -> String {
    names.iter().map(|name| card(name)).collect()
}

const HEADER: &str = "Title,URL,Username,Password,Notes,OTPAuth\n";
const MAIL: &str = "mail,https://mail.example/,anna,first,,\n";
const BANK: &str = "bank,https://bank.example/,anna,second,,\n";

fn message(number: u8) -> String {
    format!(
        "From anna@example.org Thu Jan  2 10:0{number}:00 2025\nFrom: anna@example.org\n\
        Subject: letter {number}\nMessage-ID: <{number}@example.org>\n\
        Date: Thu, 2 Jan 2025 10:0{number}:00 +0000\n\ntext {number}\n\n"
    )
}

/// Two sources with two exports each: of people, logins, messages one is gone, and one of the people
/// and one of the messages only went elsewhere.
fn bench() -> Bench {
    let bench = Bench::with_vault();
    bench.write("people/all.vcf", cards(&["Anna", "Bert", "Carla", "Dora"]));
    bench.write("export/Passwords.csv", [HEADER, MAIL, BANK].concat());
    bench.write("export/In.mbox", [message(1), message(2), message(3)].concat());
    bench.open(["add", "people", "--time", "2026-01-01"]).succeeded();
    bench.open(["add", "export", "--time", "2026-01-01"]).succeeded();
    bench.write("people/all.vcf", cards(&["Anna"]));
    bench.write("export/Passwords.csv", [HEADER, MAIL].concat());
    bench.write("export/In.mbox", message(1));
    bench.write("export/Archive.mbox", message(3));
    bench.write("export/Dora.vcf", card("Dora"));
    bench.open(["add", "people", "--time", "2026-02-01", "--expected"]).succeeded();
    bench.open(["add", "export", "--time", "2026-02-01", "--expected"]).succeeded();
    bench
}

#[test]
fn what_is_missing_comes_back_as_a_file_to_import() {
    let bench = bench();
    let before = tree(&bench.path("v.icvault"));
    let listed = bench.open(["recover"]).succeeded();
    assert!(listed.stdout.contains("missing now: 1 message, 1 login\n"), "{}", listed.stdout);
    assert!(listed.stdout.contains("missing now: 2 contacts\n"), "{}", listed.stdout);
    assert!(listed.stderr.contains("icvault recover --from "), "{}", listed.stderr);
    let people = bench.open(["recover", "contacts", "-o", "missing.vcf"]).succeeded();
    assert!(people.stderr.contains("missing now: 2 contacts: Bert, Carla\n"), "{}", people.stderr);
    assert!(people.stderr.contains("never open an .abbu"), "{}", people.stderr);
    let back = |file: &str| fs::read_to_string(bench.path(file)).unwrap();
    assert_eq!(back("missing.vcf"), cards(&["Bert", "Carla"]));
    let logins = bench.open(["recover", "--kind", "passwords", "-o", "new/l.csv"]).succeeded();
    assert!(logins.stderr.contains("delete it once it is imported"), "{}", logins.stderr);
    assert_eq!(back("new/l.csv"), [HEADER, BANK].concat());
    for (path, mode) in [("new/l.csv", 0o600), ("new", 0o700)] {
        let is = fs::metadata(bench.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(is, mode, "{path}");
    }
    bench.open(["recover", "mail", "-o", "m.mbox"]).succeeded();
    assert_eq!(back("m.mbox").trim_end(), message(2).trim_end());
    assert_eq!(bench.open(["recover", "mail", "-o", "-"]).succeeded().stdout, back("m.mbox"));
    // The same once more is the same, elsewhere; what is there stays.
    bench.open(["recover", "contacts", "-o", "again.vcf"]).succeeded();
    assert_eq!(back("again.vcf"), back("missing.vcf"));
    let kept = bench.open(["recover", "contacts", "-o", "again.vcf"]).ended_with(1);
    assert!(kept.stderr.contains("there already"), "{}", kept.stderr);
    // Several kinds are several files, in a folder that is no one else's.
    let all = bench.open(["recover", "-o", "all"]).succeeded();
    assert_eq!(all.stdout.lines().count(), 3, "{}", all.stdout);
    assert_eq!(back("all/contacts.vcf"), back("missing.vcf"));
    assert_eq!(back("all/passwords.csv"), back("new/l.csv"));
    assert_eq!(back("all/mail.mbox"), back("m.mbox"));
    let mode = fs::metadata(bench.path("all")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let several = bench.open(["recover", "-o", "all.vcf"]).ended_with(2);
    assert!(several.stderr.contains("passwords.csv"), "{}", several.stderr);
    bench.open(["recover", "passwords", "-o", "p.vcf"]).ended_with(2);
    assert!(!bench.path("all.vcf").exists() && !bench.path("p.vcf").exists());
    assert_eq!(tree(&bench.path("v.icvault")), before);
    // Imported and exported again, nothing is missing.
    bench.write("people/all.vcf", [cards(&["Anna"]), back("missing.vcf")].concat());
    bench.write("export/Passwords.csv", [HEADER, MAIL, BANK].concat());
    bench.write("export/In.mbox", [message(1), back("m.mbox")].concat());
    bench.open(["add", "people", "--time", "2026-03-01"]).succeeded();
    bench.open(["add", "export", "--time", "2026-03-01"]).succeeded();
    let nothing = bench.open(["recover"]).succeeded();
    assert!(nothing.stdout.starts_with("nothing is missing"), "{}", nothing.stdout);
    assert_eq!(bench.open(["recover", "--json"]).succeeded().stdout, "[]\n");
    let none = bench.open(["recover", "contacts", "-o", "none.vcf"]).succeeded();
    assert!(none.stdout.starts_with("nothing of kind contact is missing"), "{}", none.stdout);
    assert!(!bench.path("none.vcf").exists());
}

#[test]
fn a_part_is_picked_and_named_before_anything_is_written() {
    let bench = bench();
    let dry = bench.open(["recover", "contacts", "-n", "-o", "x.vcf"]).succeeded();
    assert_eq!(dry.stdout.lines().count(), 2, "{}", dry.stdout);
    assert!(!bench.path("x.vcf").exists());
    let json = bench.open(["recover", "-n", "--json"]).succeeded().json();
    let told: Vec<_> = json.as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 4, "{json}");
    for one in &told {
        assert_eq!(one["change"], "removed");
        assert!(one["handle"].as_str().unwrap().starts_with('r') && one["matched_by"].is_null());
    }
    assert!(!json.to_string().contains("second"), "{json}");
    let handle =
        told.iter().find(|one| one["title"] == "Carla").unwrap()["handle"].as_str().unwrap();
    for pick in ["carla", handle] {
        let file = format!("{pick}.vcf");
        bench.open(["recover", "--pick", pick, "-o", &file]).succeeded();
        assert_eq!(fs::read_to_string(bench.path(&file)).unwrap(), card("Carla"), "{pick}");
    }
    let of_source = bench.open(["recover", "people", "-n"]).succeeded();
    assert_eq!(of_source.stdout.lines().count(), 2, "{}", of_source.stdout);
    let from = bench.open(["recover", "--from", "export~1", "-n"]).succeeded();
    assert!(from.stdout.contains("bank") && !from.stdout.contains("Bert"), "{}", from.stdout);
    let summary = bench.open(["recover", "contacts", "-o", "j.vcf", "--json"]).succeeded().json();
    assert_eq!(summary["records"], 2);
    assert_eq!(summary["files"][0]["file"], "j.vcf");
    bench.open(["recover", "nothing-so-called"]).ended_with(4);
    bench.open(["recover", "--kind", "nothing"]).ended_with(2);
    bench.open(["recover", "--from", "nothing"]).ended_with(4);
    bench.open(["recover", "--since", "soon"]).ended_with(2);
}

#[test]
fn what_was_there_at_any_time_since_a_day_comes_in_its_newest_state() {
    let bench = Bench::with_vault();
    let add = |names: &str, time: &str| {
        bench.write("people/all.vcf", names);
        bench.open(["add", "people", "--time", time]).succeeded();
    };
    let carla = card("Carla").replace("+49 30 5", "+49 30 55");
    add(&cards(&["Anna", "Old"]), "2026-01-01");
    add(&cards(&["Anna", "Bert", "Carla"]), "2026-02-01");
    add(&[cards(&["Anna"]), carla.clone()].concat(), "2026-03-01");
    add(&card("Anna").replace("+49 30 4", "+49 30 44"), "2026-04-01");
    let since = |date: &str, file: &str, more: &[&str]| {
        let args = [&["recover", "--since", date, "-o", file], more].concat();
        bench.open(args).succeeded();
        fs::read_to_string(bench.path(file)).unwrap()
    };
    let with_bert = [card("Bert"), carla.clone()].concat();
    assert_eq!(since("2026-02-15", "a.vcf", &[]), with_bert);
    assert_eq!(since("2026-03-15", "b.vcf", &[]), carla);
    let all = [card("Bert"), carla.clone(), card("Old")].concat();
    assert_eq!(since("2026", "c.vcf", &[]), all);
    assert_eq!(since("2025-12-31", "d.vcf", &[]), all);
    assert_eq!(since("2026-03-15", "e.vcf", &["--changed"]), [card("Anna"), carla].concat());
}

#[test]
fn a_fresh_export_is_asked_before_it_is_added() {
    let bench = bench();
    let before = tree(&bench.path("v.icvault"));
    bench.write("fresh.vcf", cards(&["Bert"]));
    let against = bench.open(["recover", "--against", "fresh.vcf", "-n"]).succeeded();
    // Only people, for of all else the file says nothing.
    assert!(against.stderr.contains("by what the file holds: contact"), "{}", against.stderr);
    let titles = ["Anna", "Dora"];
    assert_eq!(against.stdout.lines().count(), 2, "{}", against.stdout);
    assert!(titles.iter().all(|title| against.stdout.contains(title)), "{}", against.stdout);
    bench
        .open(["recover", "people", "--from", "people~1", "--against", "fresh.vcf", "-o", "x.vcf"])
        .succeeded();
    let x = fs::read_to_string(bench.path("x.vcf")).unwrap();
    assert_eq!(x, cards(&["Anna", "Carla", "Dora"]));
    let folder = bench.open(["recover", "--from", "people~1", "--against", "./people", "-n"]);
    assert_eq!(folder.succeeded().stdout.lines().count(), 3);
    assert_eq!(tree(&bench.path("v.icvault")), before);
    let ran = bench.open(["recover", "--from", "people", "--against", "people~1", "-o", "y.vcf"]);
    assert!(ran.succeeded().stdout.starts_with("nothing is missing in people"));
}

#[test]
fn certificates_and_keys_come_one_by_one() {
    let bench = Bench::with_vault();
    let data = crate::support::samples().join("icloud-export");
    for (from, to) in [
        ("Certificates/www.example.com.pem", "export/www.pem"),
        ("Keys/Jordan Example.p12", "export/jordan.p12"),
        ("Keys/server-key.pem", "export/server-key.pem"),
    ] {
        bench.write(to, fs::read(data.join(from)).unwrap());
    }
    bench.write("export/note.txt", "stays");
    bench.open(["add", "export"]).succeeded();
    for file in ["www.pem", "jordan.p12", "server-key.pem"] {
        fs::remove_file(bench.path(&format!("export/{file}"))).unwrap();
    }
    bench.open(["add", "export"]).succeeded();
    bench.open(["recover", "-o", "back/"]).succeeded();
    let names: Vec<String> = fs::read_dir(bench.path("back"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() >= 4, "{names:?}");
    let p12 = names.iter().find(|name| name.ends_with(".p12")).unwrap();
    let stored = fs::read(data.join("Keys/Jordan Example.p12")).unwrap();
    assert_eq!(fs::read(bench.path(&format!("back/{p12}"))).unwrap(), stored);
    let mode = fs::metadata(bench.path(&format!("back/{p12}"))).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // They are what they were: added again, nothing is missing.
    bench.open(["add", "back", "--as", "other"]).succeeded();
    let nothing: Ran = bench.open(["recover"]).succeeded();
    assert!(nothing.stdout.starts_with("nothing is missing"), "{}", nothing.stdout);
}

/// Contacts and Calendar put what they import into one place: where it was stands beside.
#[test]
fn groups_and_calendars_stand_beside() {
    let bench = Bench::with_vault();
    let grouped = |name: &str, groups: &str| {
        card(name).replace("UID:", &format!("CATEGORIES:{groups}\r\nUID:"))
    };
    let anna = grouped("Anna", "Family,Choir\\, old");
    let cards = [anna, grouped("Bert", "Family"), card("Carla")].concat();
    let calendar = |name: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME:{name}\r\nBEGIN:VEVENT\r\nUID:{name}\r\n\
            DTSTART:20260301T090000Z\r\nSUMMARY:at {name}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    bench.write("export/all.vcf", &cards);
    bench.write("export/home.ics", calendar("Home"));
    bench.write("export/work.ics", calendar("Work"));
    bench.open(["add", "export", "--expected"]).succeeded();
    fs::remove_dir_all(bench.path("export")).unwrap();
    bench.write("export/note.txt", "all that is left");
    bench.open(["add", "export", "--expected"]).succeeded();
    let rehearsed = bench.open(["recover", "-n"]).succeeded();
    for note in [
        "groups: Choir, old, Family: beside, in contacts-groups.txt\n",
        "calendars: Home, Work: beside, in events-calendars.txt\n",
    ] {
        assert!(rehearsed.stderr.contains(note), "{}", rehearsed.stderr);
    }
    let json = bench.open(["recover", "-n", "--json"]).succeeded().json();
    let of = |title: &str| {
        let found = json.as_array().unwrap().iter().find(|one| one["title"] == title).unwrap();
        found["groups"].clone()
    };
    assert_eq!(of("Anna"), serde_json::json!(["Choir, old", "Family"]));
    assert!(of("Carla").is_null());
    for folder in ["one", "other"] {
        let written = bench.open(["recover", "-o", folder]).succeeded().stdout;
        assert!(written.contains("written: groups: Choir, old, Family to "), "{written}");
        let read =
            |file: &str| fs::read_to_string(bench.path(&format!("{folder}/{file}"))).unwrap();
        assert_eq!(read("contacts.vcf"), cards);
        assert_eq!(read("contacts-groups.txt"), "Choir, old\n  Anna\n\nFamily\n  Anna\n  Bert\n");
        assert_eq!(read("events-calendars.txt"), "Home\n  at Home\n\nWork\n  at Work\n");
    }
    // What goes to a program has no place beside it.
    let piped = bench.open(["recover", "contacts", "-o", "-"]).succeeded();
    assert_eq!(piped.stdout, cards);
    let note = "groups: Choir, old, Family: not in what stdout gets; -o FILE has them beside\n";
    assert!(piped.stderr.contains(note), "{}", piped.stderr);
    assert!(!piped.stderr.contains("-groups.txt"), "{}", piped.stderr);
    let args = ["recover", "contacts", "-o", "people.vcf", "--json"];
    let summary = bench.open(args).succeeded().json();
    assert_eq!(summary["files"][0]["beside"], "people-groups.txt");
    // What is there stays, and then nothing is written.
    fs::remove_file(bench.path("people.vcf")).unwrap();
    bench.open(args).ended_with(1);
    assert!(!bench.path("people.vcf").exists());
    // In no group, so nothing stands beside.
    bench.open(["recover", "--pick", "Carla", "-o", "carla.vcf"]).succeeded();
    assert!(!bench.path("carla-groups.txt").exists());
}

/// An event of Calendar's database says in which calendar it is, as one of a file does.
#[test]
fn calendars_of_a_database_stand_beside() {
    let bench = Bench::with_vault();
    let data = crate::support::samples().join("icloud-export/Calendars");
    for (from, to) in [
        ("All (newer macOS).icbu/Calendar.sqlitedb", "export/Calendar.sqlitedb"),
        ("Work.ics", "export/Work.ics"),
    ] {
        bench.write(to, fs::read(data.join(from)).unwrap());
    }
    bench.open(["add", "export"]).succeeded();
    fs::remove_dir_all(bench.path("export")).unwrap();
    bench.write("export/note.txt", "all that is left");
    bench.open(["add", "export", "--expected"]).succeeded();
    let written = bench.open(["recover", "-o", "back/"]).succeeded();
    let note = "calendars: Home, Work: beside, in events-calendars.txt\n";
    assert!(written.stderr.contains(note), "{}", written.stderr);
    let text = fs::read_to_string(bench.path("back/events-calendars.txt")).unwrap();
    let home = "Home\n  Dentist\n  Week at the lake\n  🎂 Ida's birthday\n\nWork\n  ";
    assert!(text.starts_with(home), "{text}");
    let events = fs::read_to_string(bench.path("back/events.ics")).unwrap();
    assert_eq!(events.matches("SUMMARY:Dentist\r\n").count(), 1, "{events}");
}

/// A group may be a card of its own, of version 3.0 or 4.0, and name its people by their ids.
#[test]
fn people_are_in_the_groups_whose_cards_name_them() {
    let bench = Bench::with_vault();
    let uuid = |last: u8| format!("11111111-AAAA-4BBB-8CCC-00000000000{last}");
    let person = |name: &str, last: u8| card(name).replace(&format!("uid-{name}"), &uuid(last));
    let older = format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Choir;;;;\r\nFN:Choir\r\nUID:CHOIR\r\n\
        X-ADDRESSBOOKSERVER-KIND:group\r\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{}\r\n\
        X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{}\r\nEND:VCARD\r\n",
        uuid(1),
        uuid(2)
    );
    let newer = format!(
        "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:group\r\nFN:Family\r\nUID:urn:uuid:{}\r\n\
        MEMBER:urn:uuid:{}\r\nMEMBER:mailto:nobody@example.org\r\nEND:VCARD\r\n",
        uuid(9),
        uuid(2).to_lowercase()
    );
    let people = [person("Anna", 1), person("Bert", 2), person("Carla", 3)].concat();
    bench.write("export/all.vcf", [people.as_str(), &older].concat());
    bench.write("export/family.vcf", &newer);
    bench.open(["add", "export"]).succeeded();
    for (group, expected) in
        [("Choir", ["Anna", "Bert"]), ("Family", ["Bert", "mailto:nobody@example.org"])]
    {
        let shown = bench.open(["show", group, "--json"]).succeeded().json();
        let fields = shown["fields"].as_array().unwrap().iter();
        let members = fields.filter(|field| field["name"] == "member");
        let members: Vec<&str> = members.map(|field| field["value"].as_str().unwrap()).collect();
        assert_eq!(members, expected);
        assert_eq!(shown["warnings"], serde_json::json!(["a group"]));
    }
    // The same group in the other version is the same.
    bench.write("export/family.vcf", newer.replace("KIND", "X-ADDRESSBOOKSERVER-KIND"));
    bench.write("export/all.vcf", &older);
    bench.open(["add", "export", "--expected"]).succeeded();
    let back = bench.open(["recover", "-o", "back.vcf"]).succeeded();
    let note = "missing now: 3 contacts: Anna, Bert, Carla\n";
    assert!(back.stderr.contains(note), "{}", back.stderr);
    assert_eq!(fs::read_to_string(bench.path("back.vcf")).unwrap(), people);
    let groups = fs::read_to_string(bench.path("back-groups.txt")).unwrap();
    assert_eq!(groups, "Choir\n  Anna\n  Bert\n\nFamily\n  Bert\n");
    let told = bench.open(["recover", "-n", "--json"]).succeeded().json();
    assert_eq!(told[1]["groups"], serde_json::json!(["Choir", "Family"]));
    // Of what is sealed they tell their owner alone.
    bench.write("locked/all.vcf", [people.as_str(), &older].concat());
    bench.open(["add", "locked", "--as", "locked", "--sealed"]).succeeded();
    bench.write("locked/all.vcf", &older);
    bench.open(["add", "locked", "--as", "locked", "--sealed", "--expected"]).succeeded();
    bench.open(["recover", "locked", "-o", "locked.vcf"]).succeeded();
    assert_eq!(
        fs::read_to_string(bench.path("locked-groups.txt")).unwrap(),
        "Choir\n  Anna\n  Bert\n"
    );
    let mode = fs::metadata(bench.path("locked-groups.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// The files of photos say nothing of the albums that a take-out told of.
#[test]
fn albums_stand_beside_photos() {
    let bench = Bench::with_vault();
    let take_out = crate::support::samples().join("icloud-export/Take-out");
    let part = "iCloud Photos Part 1 of 3";
    for file in [
        "Albums/Sommer in Öland.csv",
        "Memories/By the sea.csv",
        "Photos/IMG_0740.JPG",
        "Photos/IMG_07401.JPG",
    ] {
        let bytes = fs::read(take_out.join(part).join(file)).unwrap();
        bench.write(&format!("export/{part}/{file}"), bytes);
    }
    let zipped = "iCloud Photos Part 3 of 3.zip";
    bench.write(&format!("export/{zipped}"), fs::read(take_out.join(zipped)).unwrap());
    bench.open(["add", "export", "--expected"]).ended_with(3);
    fs::remove_dir_all(bench.path("export")).unwrap();
    bench.write("export/note.txt", "all that is left");
    bench.open(["add", "export", "--expected"]).succeeded();
    let rehearsed = bench.open(["recover", "-n"]).succeeded();
    let note = "albums: By the sea, Sommer in Öland: beside, in photos-albums.txt\n";
    assert!(rehearsed.stderr.contains(note), "{}", rehearsed.stderr);
    let rehearsed = bench.open(["recover", "-n", "--json"]).succeeded().json();
    for one in rehearsed.as_array().unwrap() {
        let albums = serde_json::json!(["By the sea", "Sommer in Öland"]);
        let is_named = one["title"] == "IMG_0740.JPG";
        assert_eq!(one["groups"], if is_named { albums } else { serde_json::Value::Null });
    }
    // What is there stays, and then nothing is written.
    bench.write("back/photos-albums.txt", "mine");
    bench.open(["recover", "-o", "back"]).ended_with(1);
    assert_eq!(tree(&bench.path("back")).len(), 1);
    fs::remove_file(bench.path("back/photos-albums.txt")).unwrap();
    let written = bench.open(["recover", "-o", "back"]).succeeded().stdout;
    let line = "written: albums: By the sea, Sommer in Öland to back/photos-albums.txt\n";
    assert!(written.contains(line), "{written}");
    let text = fs::read_to_string(bench.path("back/photos-albums.txt")).unwrap();
    assert_eq!(text, "By the sea\n  IMG_0740.JPG\n\nSommer in Öland\n  IMG_0740.JPG\n");
    for file in [&*format!("{part}/Photos/IMG_0740.JPG"), "IMG_0740.JPG", "IMG_0001.JPG"] {
        assert!(bench.path("back").join(file).is_file(), "{file}");
    }
    // In no album, so nothing stands beside; and one photo of an archive is one file.
    let alone = bench.open(["recover", "--pick", "IMG_0001", "-o", "one.jpg", "--json"]);
    assert!(alone.succeeded().json()["albums"].is_null());
    let args = ["recover", "--from", "export~1", "-o", "two", "--pick", "IMG_0740", "--json"];
    assert_eq!(bench.open(args).succeeded().json()["albums"], "two/photos-albums.txt");
}
