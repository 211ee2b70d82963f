//! Passphrases of words that are drawn, and how long one that a person chose withstands guessing.

use std::sync::LazyLock;

use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

use crate::secrets::Passphrase;

/// EFF's list; its licence stands in the file.
const LIST: &str = include_str!("../words/eff-long.txt");
const COUNT: usize = 7776;
/// 6 of 7,776 words are 77 bits.
const WORDS: usize = 6;

/// How many guesses a second somebody with much hardware makes: each takes 256 MiB of memory and
/// most of a second of a processor.
const GUESSES_A_SECOND: f64 = 10_000.0;
/// What stands longer than this, in seconds, is not warned of. The estimate takes what it knows no
/// word or pattern in for much less than it may be, so more would warn of good ones.
const LASTING: f64 = YEAR;
const YEAR: f64 = 31_557_600.0;
/// What is looked at of a long passphrase; the estimate takes time that grows faster than it.
const LOOKED_AT: usize = 100;

static ALL: LazyLock<Vec<&str>> =
    LazyLock::new(|| LIST.lines().filter(|line| !line.starts_with('#')).collect());

/// Draws a passphrase: six words with blanks between.
pub(crate) fn draw(random: &dyn Fn(&mut [u8])) -> Passphrase {
    let mut passphrase = Zeroizing::new(String::with_capacity(WORDS * 12));
    for place in 0..WORDS {
        if place > 0 {
            passphrase.push(' ');
        }
        passphrase.push_str(ALL.get(below_count(random)).copied().unwrap_or_default());
    }
    passphrase
}

/// A number below [`COUNT`], each as likely as any other.
fn below_count(random: &dyn Fn(&mut [u8])) -> usize {
    let fair = 65_536 / COUNT * COUNT;
    loop {
        let mut bytes = Zeroizing::new([0; 2]);
        random(bytes.as_mut());
        let number = usize::from(u16::from_le_bytes(*bytes));
        if number < fair {
            return number % COUNT;
        }
    }
}

/// What is said of a passphrase that is guessed soon.
pub(crate) fn weakness(passphrase: &str) -> Option<String> {
    let end = passphrase.char_indices().nth(LOOKED_AT).map_or(passphrase.len(), |(at, _)| at);
    let estimate = zxcvbn(passphrase.get(..end).unwrap_or(passphrase), &["icvault", "icloud"]);
    let seconds = 10_f64.powf(estimate.guesses_log10()) / GUESSES_A_SECOND;
    (seconds < LASTING).then(|| {
        format!(
            "this passphrase is easily guessed: who has the drive and much hardware (10,000 \
             guesses a second) finds it in about {}",
            duration(seconds)
        )
    })
}

fn duration(seconds: f64) -> String {
    let units =
        [(YEAR, "year"), (86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    let Some((length, name)) = unit else { return "less than a second".to_owned() };
    let number = (seconds / length).floor();
    if number < 2.0 {
        format!("a {name}").replace("a hour", "an hour")
    } else {
        format!("{number} {name}s")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_is_whole() {
        assert_eq!(ALL.len(), COUNT);
        let different: BTreeSet<_> = ALL.iter().collect();
        assert_eq!(different.len(), COUNT);
        assert!(ALL.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        assert!((COUNT as f64).log2() * WORDS as f64 >= 77.0);
        assert!(LIST.contains("Creative Commons Attribution 3.0"));
    }

    #[test]
    fn words_are_drawn_fairly() {
        let state = Cell::new(0_u16);
        // Every number once: each word is drawn as often as any other, and what is over is not.
        let counting = |bytes: &mut [u8]| {
            bytes.copy_from_slice(&state.get().to_le_bytes());
            state.set(state.get().wrapping_add(1));
        };
        let mut times = vec![0; COUNT];
        for _ in 0..COUNT * 8 {
            times[below_count(&counting)] += 1;
        }
        assert!(times.iter().all(|times| *times == 8));
        assert_eq!(below_count(&counting), 0);
        assert_eq!(draw(&|bytes| bytes.fill(0)).as_str(), ["abacus"; WORDS].join(" "));
    }

    #[test]
    fn what_is_easily_guessed_is_noticed() {
        for weak in
            ["", "short", "aaaaaaaaaaaaaaaaaa", "123456789012345", "Passw0rd!", "iCloud2026"]
        {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        let random = |bytes: &mut [u8]| getrandom::fill(bytes).unwrap();
        for _ in 0..20 {
            assert_eq!(weakness(&draw(&random)), None);
        }
        assert_eq!(weakness("k7#Vq9!mZ2xW"), None);
        assert!(weakness(&"a".repeat(100_000)).is_some());
        assert!(weakness(&"\u{1f384}".repeat(300)).is_some());
    }

    #[test]
    fn durations_have_their_unit() {
        let cases = [0.5, 1.0, 119.0, 7_199.0, 7_200.0, 86_400.0 * 3.0, YEAR * 12.0];
        let expected = [
            "less than a second",
            "a second",
            "a minute",
            "an hour",
            "2 hours",
            "3 days",
            "12 years",
        ];
        assert_eq!(cases.map(duration), expected);
    }
}
