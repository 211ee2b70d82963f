//! Made-up pairs of exports of which it is known how they differ, in every format with records that
//! people lose: `diff --records` tells that difference and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::Bench;

/// How many pairs of exports are made, each of all formats.
const ROUNDS: u64 = 8;

/// A difference: change, kind, title.
type Difference = (&'static str, &'static str, String);

#[test]
fn what_was_changed_is_told_and_nothing_else() {
    // More of them: ICVAULT_ROUNDS=250 makes a thousand pairs.
    let asked = std::env::var_os("ICVAULT_ROUNDS").and_then(|rounds| rounds.into_string().ok());
    let rounds = asked.and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    for seed in 1..=rounds {
        let bench = Bench::with_vault_in_memory();
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut expected = BTreeSet::new();
        for format in FORMATS {
            let (before, after) = pair(&format, &mut random, &mut expected);
            store(&bench, "before", &format, &before, &mut random);
            store(&bench, "after", &format, &after, &mut random);
        }
        bench.open(["add", "before", "--as", "it"]).succeeded();
        bench.open(["add", "after", "--as", "it"]).succeeded();
        let found = bench.open(["diff", "it", "--records", "--json"]).succeeded().json();
        let mut told = BTreeSet::new();
        for one in found.as_array().unwrap() {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            let is_alone = ["added", "removed"].contains(&one["change"].as_str().unwrap());
            assert_eq!(one["matched_by"].is_null(), is_alone, "{seed}: {one}");
            assert_eq!(one["fields"] == Value::Array(Vec::new()), one["change"] != "changed");
            let once = told.insert((text("change"), text("kind"), text("title")));
            assert!(once, "{seed}: {one}");
        }
        let expected: BTreeSet<_> = expected
            .into_iter()
            .map(|(change, kind, title)| (change.to_owned(), kind.to_owned(), title))
            .collect();
        assert_eq!(told, expected, "{seed}");
    }
}

/// A record, as little of it as the formats have in common.
#[derive(Clone)]
struct Made {
    title: String,
    /// What tells it from others.
    id: Option<u64>,
    /// What may change.
    text: String,
    file: usize,
}

struct Format {
    kind: &'static str,
    extension: &'static str,
    /// Whether its records may change and be the same.
    changes: bool,
    write: fn(&[Made], &mut Random) -> String,
}

impl Format {
    /// Whether what has no id is told by what no other record has.
    fn has_ids(&self) -> bool {
        self.kind != "passwords"
    }
}

const FORMATS: [Format; 4] = [
    Format { kind: "contact", extension: "vcf", changes: true, write: vcf },
    Format { kind: "event", extension: "ics", changes: true, write: ics },
    Format { kind: "passwords", extension: "csv", changes: true, write: csv },
    Format { kind: "mail", extension: "mbox", changes: false, write: mbox },
];

/// Two lists of records and how they differ.
fn pair(
    format: &Format,
    random: &mut Random,
    expected: &mut BTreeSet<Difference>,
) -> (Vec<Made>, Vec<Made>) {
    // Two that always are there and share what else would tell a login.
    let shared = |title: &str| Made {
        title: title.to_owned(),
        id: format.has_ids().then(|| random.next()),
        text: String::new(),
        file: 0,
    };
    let mut before: Vec<Made> = ["one of two", "other of two"].map(shared).to_vec();
    let mut after = before.clone();
    for number in 0..random.below(20) + 2 {
        let mut made = Made {
            title: format!("{} {number} {}", format.kind, random.word()),
            id: (random.below(3) > 0).then(|| random.next()),
            text: random.word(),
            file: random.index(2),
        };
        let is_shared = made.id.is_none() && !format.has_ids();
        if is_shared {
            made.file = 0;
        }
        let mut tell = |change| expected.insert((change, format.kind, made.title.clone()));
        match random.below(8) {
            0 => {
                tell("removed");
                before.push(made);
            }
            1 => {
                tell("added");
                after.push(made);
            }
            2 if format.changes => {
                tell("changed");
                let text = format!("{} and more", made.text);
                before.push(made.clone());
                after.push(Made { text, ..made });
            }
            3 if !is_shared => {
                tell("moved");
                before.push(made.clone());
                after.push(Made { file: 1 - made.file, ..made });
            }
            _ => {
                before.push(made.clone());
                after.push(made);
            }
        }
    }
    random.shuffle(&mut after);
    (before, after)
}

fn store(bench: &Bench, folder: &str, format: &Format, records: &[Made], random: &mut Random) {
    let mut files: BTreeMap<usize, Vec<Made>> = BTreeMap::new();
    for made in records {
        files.entry(made.file).or_default().push(made.clone());
    }
    for (file, records) in files {
        let text = (format.write)(&records, random);
        bench.write(&format!("{folder}/{file}.{}", format.extension), text);
    }
}

/// With CRLF or LF, as the program of the day does.
fn ended(text: String, random: &mut Random) -> String {
    if random.below(2) == 0 { text.replace('\n', "\r\n") } else { text }
}

fn vcf(records: &[Made], random: &mut Random) -> String {
    let mut text = String::new();
    for Made { title, id, text: note, .. } in records {
        let (version, rev) = (random.below(9), random.below(28) + 1);
        text.push_str(&format!(
            "BEGIN:VCARD\nVERSION:3.0\nPRODID:-//Apple Inc.//macOS 1{version}.1//EN\nN:{title};;;;\n\
            FN:{title}\nEMAIL;type=INTERNET:{}@example.org\nNOTE:{note}\nREV:2026-01-{rev:02}T00:00:00Z\n",
            title.replace(' ', ".")
        ));
        if let Some(id) = id {
            text.push_str(&format!("UID:{id:x}\n"));
        }
        text.push_str("END:VCARD\n");
    }
    ended(text, random)
}

fn ics(records: &[Made], random: &mut Random) -> String {
    let mut text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Apple Inc.//macOS//EN\n".to_owned();
    for Made { title, id, text: what, .. } in records {
        let stamp = random.below(28) + 1;
        // Every event has an id.
        let id = id.map_or_else(|| title.clone(), |id| format!("{id:x}"));
        text.push_str(&format!(
            "BEGIN:VEVENT\nUID:{id}\nDTSTAMP:202601{stamp:02}T000000Z\nDTSTART:20260301T090000Z\n\
            SUMMARY:{title}\nDESCRIPTION:{what}\nEND:VEVENT\n"
        ));
    }
    text.push_str("END:VCALENDAR\n");
    ended(text, random)
}

fn csv(records: &[Made], random: &mut Random) -> String {
    let mut text = "Title,URL,Username,Password,Notes,OTPAuth\n".to_owned();
    let quote = if random.below(2) == 0 { "\"" } else { "" };
    for Made { title, id, text: password, .. } in records {
        // Without an id of its own: two share host and user, and only their titles tell them apart.
        let host = id.map_or_else(|| "shared".to_owned(), |id| format!("h{id:x}"));
        let cells = [title, &format!("https://{host}.example/"), "anna", password, "", ""];
        let cells = cells.map(|cell| format!("{quote}{cell}{quote}"));
        text.push_str(&format!("{}\n", cells.join(",")));
    }
    ended(text, random)
}

fn mbox(records: &[Made], random: &mut Random) -> String {
    let mut text = String::new();
    for Made { title, id, text: body, .. } in records {
        let day = random.below(28) + 1;
        text.push_str(&format!(
            "From MAILER-DAEMON Thu Jan {day:2} 10:00:00 2026\nFrom: anna@example.org\n\
            To: bert@example.org\nSubject: {title}\nDate: Thu, 1 Jan 2026 10:00:00 +0000\n"
        ));
        if let Some(id) = id {
            text.push_str(&format!("Message-ID: <{id:x}@example.org>\n"));
        }
        text.push_str(&format!("\n{body}\n\n"));
    }
    text
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 33) % end
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    fn word(&mut self) -> String {
        let length = self.below(6) + 3;
        (0..length).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            let other = self.index(at + 1);
            list.swap(at, other);
        }
    }
}
