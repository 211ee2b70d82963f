//! What a person types and reads, from the first line to the last: every file in `journeys/` is one
//! transcript, run through the binary and compared line by line.
//!
//! | line | means |
//! |---|---|
//! | `# …`, empty | says what happens; compared with nothing |
//! | `+ sample FROM TO` | a file or folder of the sample export lies at TO |
//! | `+ write FILE TEXT` | a file with this line |
//! | `+ append FILE TEXT` | the line is added to it |
//! | `$ [NAME=VALUE…] icvault …` | a command; what it prints follows, stderr behind stdout |
//! | `[..]` | in what follows: any part of a line |
//! | `…` | any lines |
//! | `(exit code N)` | the last line, unless N is 0 |

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::support::tree::copy;
use crate::support::{Bench, Ran, samples};

#[test]
fn every_journey_is_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/journeys");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        follow(&file.file_name().unwrap().to_string_lossy(), &fs::read_to_string(&file).unwrap());
    }
}

fn follow(name: &str, journey: &str) {
    let bench = Bench::new();
    let mut lines = journey.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        if let Some(command) = line.strip_prefix("$ ") {
            let mut expected = Vec::new();
            while let Some((_, next)) = lines.next_if(|(_, next)| !starts_another(next)) {
                expected.push(next);
            }
            while expected.last().is_some_and(|line| line.is_empty()) {
                expected.pop();
            }
            let printed = run(&bench, command);
            let printed: Vec<&str> = printed.lines().collect();
            assert!(
                fits(&printed, &expected),
                "{name}, line {}: {command}\n--- expected\n{}\n--- printed\n{}",
                at + 1,
                expected.join("\n"),
                printed.join("\n")
            );
        } else if let Some(step) = line.strip_prefix("+ ") {
            prepare(&bench, step);
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{name}, line {}: {line}", at + 1);
        }
    }
}

fn starts_another(line: &str) -> bool {
    ["$ ", "+ ", "# "].iter().any(|start| line.starts_with(start))
}

fn prepare(bench: &Bench, step: &str) {
    let words = words(step);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let place = |path: &str| {
        let path = bench.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    match words.as_slice() {
        ["sample", from, to] => {
            let from = samples().join("icloud-export").join(from);
            if from.is_dir() {
                copy(&from, &place(to));
            } else {
                fs::copy(from, place(to)).unwrap();
            }
        }
        ["write", file, text] => fs::write(place(file), format!("{text}\n")).unwrap(),
        ["append", file, text] => {
            let mut file = File::options().append(true).open(bench.path(file)).unwrap();
            writeln!(file, "{text}").unwrap();
        }
        _ => unreachable!("no step: {step}"),
    }
}

/// What the command prints.
fn run(bench: &Bench, command: &str) -> String {
    let words = words(command);
    let at = words.iter().position(|word| word == "icvault").unwrap();
    let mut command = bench.command(&words[at + 1..]);
    command.env("ICVAULT_PASSPHRASE_FILE", "passphrase");
    for variable in &words[..at] {
        let (name, value) = variable.split_once('=').unwrap();
        command.env(name, value);
    }
    let Ran { code, stdout, stderr, .. } = Ran::of(command);
    let code = if code == 0 { String::new() } else { format!("(exit code {code})\n") };
    format!("{stdout}{stderr}{code}")
}

/// Words as a shell takes them apart, with double quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn fits(printed: &[&str], expected: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|at| fits(&printed[at..], rest)),
        Some((line, rest)) => {
            printed.first().is_some_and(|first| line_fits(first, line)) && fits(&printed[1..], rest)
        }
    }
}

fn line_fits(printed: &str, expected: &str) -> bool {
    let mut parts = expected.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_transcript_that_differs_is_noticed() {
    assert!(fits(&["a b c"], &["a [..] c"]) && !fits(&["a b c"], &["a [..] d"]));
    assert!(fits(&["x", "y", "z"], &["x", "…"]) && fits(&["x", "z"], &["x", "…", "z"]));
    assert!(!fits(&["x", "y"], &["x"]) && !fits(&["x"], &["x", "y"]));
    assert!(!line_fits("abc", "ab") && line_fits("aXbYc", "a[..]b[..]c"));
}
