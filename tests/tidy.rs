//! What no compiler holds to: the layers of the engine, the numbers and rules of the
//! specification, and the shape of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const NOTHING: [String; 0] = [];

#[test]
fn a_module_imports_only_from_rows_above_its_own() {
    let lib = read("vault/src/lib.rs");
    let rows: Vec<&str> = rows(&lib, "//! | `").map(|row| row[0].trim_matches('`')).collect();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    assert_eq!(modules.collect::<BTreeSet<_>>(), rows.iter().copied().collect());
    let mut wrong = Vec::new();
    for (at, module) in rows.iter().enumerate() {
        let files = rust_files("vault/src").into_iter().filter(|path| {
            let inside = path.strip_prefix("vault/src/").unwrap();
            inside.starts_with(&format!("{module}/")) || inside == format!("{module}.rs")
        });
        for path in files.filter(|path| !is_test_file(path)) {
            let file = read(&path);
            let code = before(&file, "\nmod tests {");
            let is_inner = path.matches('/').count() > 2 && !path.ends_with("/mod.rs");
            let parent = if is_inner { "super::super::" } else { "super::" };
            for name in ["crate::", parent].iter().flat_map(|prefix| names_after(prefix, code)) {
                let is_error = ["Error", "ErrorKind", "Result"].contains(&name.as_str());
                let name = if is_error { "error" } else { &name };
                if name != *module && !rows[..at].contains(&name) {
                    wrong.push(format!("{module} imports {name} ({path})"));
                }
            }
        }
    }
    assert_eq!(wrong, NOTHING);
}

/// The first names of all paths that begin with `prefix`, also of those in `prefix{…}`.
fn names_after(prefix: &str, code: &str) -> Vec<String> {
    let code: String = code.lines().map(|line| format!("{}\n", before(line, "//"))).collect();
    let mut names = Vec::new();
    for path in code.split(prefix).skip(1) {
        let Some(list) = path.strip_prefix('{') else {
            names.push(word(path));
            continue;
        };
        let mut depth = 0;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                _ if depth > 0 || c.is_whitespace() || c == ',' => {}
                _ if list[..at].trim_end().ends_with(',') || list[..at].trim().is_empty() => {
                    names.push(word(&list[at..]));
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn the_specification_and_the_code_have_the_same_numbers() {
    let spec = read("spec/format.md");
    let stated: BTreeMap<_, _> = rows(&section(&spec, 14), "| ")
        .filter(|row| row[1].starts_with('`'))
        .map(|row| (row[0].to_owned(), (row[1].trim_matches('`').to_owned(), row[2].to_owned())))
        .collect();
    let code = read("vault/src/format.rs");
    let lines: Vec<&str> = code.lines().collect();
    let mut coded = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((name, rest)) = line.strip_prefix("pub const ").and_then(|l| l.split_once(": "))
        else {
            continue;
        };
        let value = rest.split_once(" = ").and_then(|(_, value)| value.strip_suffix(';'));
        let doc = lines[..at].iter().rev().take_while(|line| line.starts_with("/// ")).last();
        let meaning = doc.map_or("", |doc| &doc[4..]);
        let row = (value.expect("a number stands on one line").to_owned(), meaning.to_owned());
        coded.insert(name.to_owned(), row);
    }
    for (name, row) in &stated {
        assert_eq!(Some(row), coded.get(name), "{name}: specification, code");
    }
    for name in coded.keys() {
        assert!(stated.contains_key(name), "{name} is not in the specification");
    }
}

#[test]
fn every_must_has_a_number_and_every_citation_a_rule() {
    let spec = read("spec/format.md");
    let rules = rules(&spec);
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for rule in &rules {
        let letter = rule.chars().next().unwrap();
        let count = counts.entry(letter).or_default();
        *count += 1;
        assert_eq!(*rule, format!("{letter}-{count}"), "numbers go up by one in each letter");
    }
    let from = spec.find("\n## 1. ").expect("the first section");
    for paragraph in spec[from..].split("\n\n").flat_map(|text| text.split("\n- ")) {
        let has_number = paragraph.trim_start_matches("- ").starts_with("**[");
        assert!(has_number || !paragraph.contains("MUST"), "without a number: {paragraph}");
    }

    let sections = spec.lines().filter_map(|line| line.strip_prefix("## ")).count();
    let mut wrong = Vec::new();
    for path in rust_files("vault/src") {
        // A citation may be broken over two comment lines.
        let text: Vec<_> = read(&path).lines().map(|line| line.trim().to_owned()).collect();
        let text = text.join(" ").replace("/// ", "").replace("//! ", "").replace("// ", "");
        for cited in text.split("spec ").skip(1).flat_map(citations) {
            let exists = match cited.parse() {
                Ok(number) => (1..=sections).contains(&number),
                Err(_) => rules.contains(&cited),
            };
            if !exists {
                wrong.push(format!("{path} cites {cited}"));
            }
        }
    }
    assert_eq!(wrong, NOTHING);
}

/// The numbers of the rules, in the order of the text.
fn rules(spec: &str) -> Vec<String> {
    let items = spec.lines().filter_map(|line| line.strip_prefix("- **["));
    items.map(|item| before(item, "]").to_owned()).collect()
}

/// `P-1, P-2 and 8 …` as a list; empty when the text begins with neither rule nor section.
fn citations(text: &str) -> Vec<String> {
    let words = text.split([' ', ',', ')', '.', ';', ':']).filter(|word| !word.is_empty());
    let is_rule = |word: &str| match word.split_once('-') {
        Some((letter, number)) => letter.len() == 1 && number.parse::<u8>().is_ok(),
        None => word.parse::<u8>().is_ok(),
    };
    let words = words.take_while(|word| *word == "and" || is_rule(word));
    words.filter(|word| *word != "and").map(str::to_owned).collect()
}

#[test]
fn nothing_is_left_lying_about() {
    let mut wrong = Vec::new();
    for path in files("", &["rs", "py", "md", "txt"]) {
        let text = read(&path);
        let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        let reminders = [concat!("to", "do"), concat!("fix", "me"), concat!("x", "xx")];
        for word in words.filter(|word| reminders.contains(&word.as_str())) {
            wrong.push(format!("{path}: {word}"));
        }
    }
    for path in rust_files("") {
        if !read(&path).starts_with("//! ") {
            wrong.push(format!("{path} does not begin by saying what it owns"));
        }
    }
    // A test in a file that no `mod` names never runs.
    for folder in ["tests/", "vault/tests/engine/"] {
        let main = read(&format!("{folder}main.rs"));
        for path in rust_files(folder) {
            let name = before(path.strip_prefix(folder).unwrap(), "/").trim_end_matches(".rs");
            if name != "main" && !main.lines().any(|line| line == format!("mod {name};")) {
                wrong.push(format!("no mod names {path}"));
            }
        }
    }
    assert_eq!(wrong, NOTHING);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn rust_files(folder: &str) -> Vec<String> {
    files(folder, &["rs"])
}

/// Files below a folder by their ending, but for what was not written here: builds and samples.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            let text = path.to_str().unwrap_or_default().to_owned();
            let is_foreign = ["target", "tests/data", "tests/vectors", "fuzz/target"];
            if text.starts_with('.') || is_foreign.contains(&text.as_str()) {
                continue;
            }
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| endings.iter().any(|&ending| e == ending)) {
                found.push(text);
            }
        }
    }
    found.sort();
    found
}

/// Whether a file of the engine is a module for tests only.
fn is_test_file(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    let declaration = format!("#[cfg(test)]\nmod {};", name.trim_end_matches(".rs"));
    let parent = root().join(folder).join("mod.rs");
    fs::read_to_string(parent).is_ok_and(|parent| parent.contains(&declaration))
}

/// The cells of the rows of a table that begin with `start`, without head and rule.
fn rows<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    let lines = text.lines().filter(move |line| line.starts_with(start));
    lines.map(|line| line.trim_matches(['/', '!', ' ', '|']).split(" | ").collect())
}

/// The text of a section of the specification.
fn section(spec: &str, number: usize) -> String {
    let from = spec.find(&format!("\n## {number}. ")).expect("the section");
    let rest = &spec[from + 1..];
    rest[..rest.find("\n## ").unwrap_or(rest.len())].to_owned()
}

fn word(text: &str) -> String {
    text.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect()
}

fn before<'a>(text: &'a str, end: &str) -> &'a str {
    text.split(end).next().unwrap_or_default()
}
