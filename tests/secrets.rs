//! Where secrets may be: in the export and in what was asked for. Not in the vault, not in what a
//! process writes anywhere else, not in arguments and environments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::tools::{self, Random, has};
use crate::support::tree::files;
use crate::support::{Bench, PASSPHRASE, Ran};

/// How many rows of passwords there are, each with a marker.
const ROWS: usize = 400;
/// How many key files, each with a marker in its name and one in its content.
const KEYS: usize = 300;
/// The length of a marker.
const MARKER: usize = 16;

#[test]
fn secrets_are_in_no_file_and_in_no_write() {
    if !has(&["strace"]) {
        return;
    }
    let bench = Bench::new();
    let (markers, names) = make_export(&bench);
    assert_eq!(markers.len(), 1_000);
    fs::create_dir(bench.path("tmp")).unwrap();
    let mut wanted = Needles::new(markers.iter().map(String::as_str));
    // The seeker finds what is there.
    let export: BTreeSet<String> =
        files(&bench.path("export")).iter().flat_map(|path| wanted.within(path)).collect();
    assert_eq!(export.len(), 1_000);
    assert_eq!(wanted.find(b"x\0".iter().chain(&utf16(&markers[7])).copied()).len(), 1);
    assert_eq!(wanted.find(hex(markers[8].as_bytes()).bytes()).len(), 1);
    assert_eq!(wanted.find(base64(format!("ab{}", markers[9]).as_bytes()).bytes()).len(), 1);

    wanted.add(PASSPHRASE);
    let run = |passphrase: &str, args: &[&str]| {
        let trace = bench.path("trace");
        let calls = "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,execve";
        let trace_args = ["-f", "-v", "-xx", "-s", "1000000", "-e", calls, "-e", "signal=none"];
        let command = bench.command(args);
        let all = trace_args.into_iter().map(str::as_ref).chain(["-o".as_ref(), trace.as_os_str()]);
        let all = all.chain([command.get_program()]).chain(command.get_args());
        let mut traced = tools::program("strace", all, &bench.path(""));
        traced.env("ICVAULT_STATE", bench.path("state")).env("TMPDIR", bench.path("tmp"));
        traced.env("ICVAULT_PASSPHRASE_FILE", passphrase);
        let ran = Ran::of(traced);
        (ran, Trace::read(&trace))
    };
    let (made, trace) = run("passphrase", &["init", "v.icvault"]);
    let made = made.succeeded();
    let code = made.stdout.lines().find_map(|line| line.strip_prefix("recovery code: ")).unwrap();
    assert_eq!(wanted.find(trace.written(true)), BTreeSet::new(), "init");
    wanted.add(code);
    wanted.add(&code.replace('-', ""));
    assert_eq!(wanted.find(trace.written(false)), BTreeSet::new(), "init");
    bench.write("code", code);

    let verbs: [(&[&str], bool); 13] = [
        (&["-v", "add", "export"], true),
        (&["list", "--records"], true),
        (&["list", "--records", "--json"], true),
        (&["find", "site"], true),
        (&["find", "site", "--json", "--all-versions"], true),
        (&["show", "Passwords.csv#site 7 "], true),
        (&["show", "Passwords.csv#site 7 ", "--json"], true),
        (&["-v", "snapshots"], true),
        (&["-v", "info"], true),
        (&["-v", "check", "--read-data"], true),
        (&["key", "list"], true),
        // The names are what is asked for, and nothing else is.
        (&["list", "-l"], false),
        (&["list", "--json"], false),
    ];
    for (verb, with_output) in verbs {
        let (ran, trace) = run("passphrase", verb);
        ran.succeeded();
        // The names of files are told of, to who asks or adds them; what is in them is not.
        let found = wanted.find(trace.written(with_output));
        assert_eq!(found.difference(&names).collect::<Vec<_>>(), [""; 0], "{verb:?}");
        assert_eq!(wanted.find(trace.written(false)), BTreeSet::new(), "{verb:?}");
        assert_eq!(wanted.find(trace.executed()), BTreeSet::new(), "{verb:?}");
    }
    let (ran, trace) = run("code", &["list", "--one-level"]);
    ran.succeeded();
    assert_eq!(wanted.find(trace.written(false)), BTreeSet::new());
    assert_eq!(wanted.find(trace.executed()), BTreeSet::new());

    for folder in ["v.icvault", "state", "tmp"] {
        for path in files(&bench.path(folder)) {
            assert_eq!(wanted.within(&path), BTreeSet::new(), "{path:?}");
            assert_eq!(wanted.find(path.to_str().unwrap().bytes()), BTreeSet::new(), "{path:?}");
        }
    }
    assert_eq!(fs::read_dir(bench.path("tmp")).unwrap().count(), 0);
    // And all of it is in the vault nevertheless.
    let mut extract = bench.command(["extract", "-o", "back"]);
    extract.env("ICVAULT_PASSPHRASE_FILE", "passphrase");
    Ran::of(extract).succeeded();
    let back: BTreeSet<String> =
        files(&bench.path("back")).iter().flat_map(|path| wanted.within(path)).collect();
    assert_eq!(back, export);
}

/// Made-up words are for the terminal, the code for stdout and the page that was asked for.
#[test]
fn made_up_words_and_the_page_are_where_they_were_asked_for() {
    if !has(&["strace", "python3"]) {
        return;
    }
    let bench = Bench::new();
    bench.write("answers", "\n@shown\n");
    let trace = bench.path("trace");
    let calls = "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,execve";
    let args = ["-f", "-v", "-xx", "-s", "1000000", "-e", calls, "-e", "signal=none", "-o"];
    let init = bench.command(["init", "v.icvault", "--kit", "kit.html"]);
    let all = args.into_iter().map(str::as_ref).chain([trace.as_os_str(), init.get_program()]);
    let mut traced = tools::program("strace", all.chain(init.get_args()), &bench.path(""));
    traced.env("ICVAULT_STATE", bench.path("state"));
    let typed = tools::at_terminal(&traced, &bench.path("answers"), &bench.path(""));
    let made = Ran::of(typed).succeeded();
    let line = |before: &str| made.stdout.lines().find_map(|line| line.strip_prefix(before));
    let words = line("    ").unwrap().trim_end();
    let code = line("recovery code: ").unwrap().trim_end();

    let trace = Trace::read(&trace);
    let lines_with = |text: &str| {
        let wanted = Needles::new([text].into_iter());
        let lines = trace.0.iter().filter(|line| !wanted.find(strings(line)).is_empty());
        lines.map(|line| line.split_once("write(").map_or("", |(_, rest)| &rest[..2])).collect()
    };
    let shown: Vec<&str> = lines_with(words);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(!["1,", "2,"].contains(&shown[0]), "not to what is piped away: {shown:?}");
    let written: Vec<&str> = lines_with(code);
    assert_eq!(written.iter().filter(|descriptor| **descriptor != "1,").count(), 1, "{written:?}");
    let wanted = Needles::new([words, code].into_iter());
    assert_eq!(wanted.find(trace.executed()), BTreeSet::new());
    for folder in ["v.icvault", "state"] {
        for path in files(&bench.path(folder)) {
            assert_eq!(wanted.within(&path), BTreeSet::new(), "{path:?}");
        }
    }
    assert_eq!(wanted.within(&bench.path("kit.html")), BTreeSet::from([code.to_owned()]));
}

/// Passwords, and key files under telling names in telling folders; the markers.
fn make_export(bench: &Bench) -> (Vec<String>, BTreeSet<String>) {
    let mut random = Random(0x7365_6372);
    let mut markers: Vec<String> = Vec::new();
    let mut marker = || {
        let letters = std::iter::repeat_with(|| {
            b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[usize::try_from(random.below(32)).unwrap()]
        });
        let text: String = letters.take(MARKER).map(char::from).collect();
        markers.push(text.clone());
        text
    };
    let mut csv = String::from("Title,URL,Username,Password,Notes,OTPAuth\n");
    for row in 0..ROWS {
        let marker = marker();
        csv += &format!("site {row} ,https://{row}.example,user,{marker},,\n");
    }
    bench.write("export/Passwords.csv", csv);
    let mut names = BTreeSet::new();
    for _ in 0..KEYS {
        let name = marker();
        names.insert(name.clone());
        let (head, foot) =
            ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----");
        let folder = &name[..2];
        bench.write(
            &format!("export/Keys/{folder}/{name}.key"),
            format!("{head}\nb3BlbnNzaC1rZXk{}\n{foot}\n", marker()),
        );
    }
    (markers, names)
}

/// Texts in the forms in which they might lie about, by their first bytes.
struct Needles(BTreeMap<[u8; 6], Vec<(Vec<u8>, String)>>, Box<[bool; 65_536]>);

impl Needles {
    fn new<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut needles = Self(BTreeMap::new(), Box::new([false; 65_536]));
        texts.for_each(|text| needles.add(text));
        needles
    }

    fn add(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let wide = utf16(text);
        let mut forms = vec![bytes.to_vec(), text.to_lowercase().into_bytes(), wide.clone()];
        forms.push([&[0], &wide[..wide.len() - 1]].concat());
        forms.push(bytes.iter().rev().copied().collect());
        forms.push(hex(bytes).into_bytes());
        forms.push(hex(bytes).to_uppercase().into_bytes());
        for shift in 0..3 {
            // Without the letters that the neighbours have a part in.
            let encoded = base64(&[&vec![0; shift], bytes].concat());
            let skipped = [0, 2, 3][shift];
            let end = (shift + bytes.len()) * 8 / 6;
            forms.push(encoded.as_bytes()[skipped..end].to_vec());
        }
        for form in forms {
            let first: [u8; 6] = form[..6].try_into().unwrap();
            self.1[usize::from(first[0]) << 8 | usize::from(first[1])] = true;
            self.0.entry(first).or_default().push((form, text.to_owned()));
        }
    }

    /// The texts that are in these bytes in any form.
    fn find(&self, bytes: impl IntoIterator<Item = u8>) -> BTreeSet<String> {
        let bytes: Vec<u8> = bytes.into_iter().collect();
        let mut found = BTreeSet::new();
        for (at, first) in bytes.array_windows::<6>().enumerate() {
            if !self.1[usize::from(first[0]) << 8 | usize::from(first[1])] {
                continue;
            }
            for (form, text) in self.0.get(first).into_iter().flatten() {
                if bytes[at..].starts_with(form) {
                    found.insert(text.clone());
                }
            }
        }
        found
    }

    /// The texts in a file or its name.
    fn within(&self, path: &Path) -> BTreeSet<String> {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut found = self.find(fs::read(path).unwrap());
        found.extend(self.find(name.bytes()));
        found
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut bits = 0_usize;
        for at in 0..3 {
            bits = bits << 8 | usize::from(three.get(at).copied().unwrap_or(0));
        }
        for at in 0..=three.len() {
            text.push(char::from(LETTERS[bits >> (18 - 6 * at) & 63]));
        }
    }
    text
}

/// What processes wrote, and what they were started with.
struct Trace(Vec<String>);

impl Trace {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("execve("), "strace saw nothing");
        Self(text.lines().map(str::to_owned).collect())
    }

    /// The bytes of every write, one after the other, perhaps without standard output and error.
    fn written(&self, with_output: bool) -> Vec<u8> {
        let is_output = |line: &str| {
            ["write(1,", "write(2,", "writev(1,", "writev(2,"]
                .iter()
                .any(|call| line.contains(call))
        };
        let lines = self.0.iter().filter(|line| !line.contains("execve("));
        let lines = lines.filter(|line| with_output || !is_output(line));
        lines.flat_map(|line| strings(line)).collect()
    }

    /// The arguments and environments of every program.
    fn executed(&self) -> Vec<u8> {
        let lines = self.0.iter().filter(|line| line.contains("execve("));
        lines.flat_map(|line| strings(line)).collect()
    }
}

/// The bytes of `\x41\x42` and so on, with a zero between two strings.
fn strings(line: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len() / 4);
    for string in line.split('"').skip(1).step_by(2) {
        let digits = string.split("\\x").skip(1);
        bytes.extend(digits.map(|two| u8::from_str_radix(&two[..2], 16).unwrap()));
        bytes.push(0);
    }
    bytes
}
