//! What a person looks for, as they write it: in any case, and without accents if they like.

use memchr::memmem::Finder;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::files::collision_key;

/// Words all of which a text must have.
pub(super) struct Terms(Vec<Term>);

struct Term {
    folded: String,
    finder: Finder<'static>,
}

/// Memory for texts that are looked at, for reuse.
#[derive(Default)]
pub(super) struct Room(Vec<u8>);

impl Terms {
    pub(super) fn new(terms: &[String]) -> Self {
        let term = |term: &String| {
            let folded = fold(term.as_bytes());
            Term { finder: Finder::new(&folded).into_owned(), folded }
        };
        Self(terms.iter().map(term).collect())
    }

    /// Whether the text that `write` writes has all of them.
    pub(super) fn fit(&self, room: &mut Room, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Room(text) = room;
        text.clear();
        write(text);
        if text.is_ascii() {
            text.make_ascii_lowercase();
            return self.0.iter().all(|term| term.finder.find(text).is_some());
        }
        let folded = fold(text);
        let bare = without_marks(&folded);
        self.0.iter().all(|Term { folded: term, .. }| folded.contains(term) || bare.contains(term))
    }
}

/// A text without what tells small letters from large and composed ones from decomposed.
fn fold(text: &[u8]) -> String {
    String::from_utf8_lossy(&collision_key(text)).into_owned()
}

fn without_marks(text: &str) -> String {
    text.nfd().filter(|&c| !is_combining_mark(c)).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(terms: &[&str], path: &str) -> bool {
        let terms: Vec<String> = terms.iter().map(|&term| term.to_owned()).collect();
        Terms::new(&terms).fit(&mut Room::default(), |text| text.extend_from_slice(path.as_bytes()))
    }

    #[test]
    fn names_are_found_as_people_write_them() {
        for (term, path) in [
            ("github", "Passwords/GitHub.csv"),
            ("PHOTO", "photos/a.jpg"),
            ("photos/a", "Photos/A.jpg"),
            ("jürgen", "J\u{fc}rgen.vcf"),
            ("jürgen", "Ju\u{308}rgen.vcf"),
            ("Jurgen", "J\u{fc}rgen.vcf"),
            ("ju\u{308}rgen", "J\u{dc}RGEN.vcf"),
            ("strasse", "Stra\u{df}e.pdf"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}.txt"),
            ("", "anything"),
        ] {
            assert!(fits(&[term], path), "{term} {path}");
        }
        // Who writes the accent means it.
        for (term, path) in [("jürgen", "Jurgen.vcf"), ("a/b", "ab"), ("gitlab", "GitHub.csv")] {
            assert!(!fits(&[term], path), "{term} {path}");
        }
        assert!(fits(&["csv", "pass"], "Passwords.csv"));
        assert!(!fits(&["csv", "note"], "Passwords.csv"));
    }
}
