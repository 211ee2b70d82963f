//! Which names are written, and which of them some system takes for one and the same.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization as _;

/// The longest name ext4, APFS, NTFS and exFAT all hold, in bytes.
const NAME_MAX: usize = 255;

/// Why a name is not written, or none when it may be.
///
/// The rules of all systems hold on every one: a tree written on Linux is copied to a Mac or to an
/// exFAT stick later, and what was harmless here climbs out of its folder there. `< > " | ? *` and
/// names that only look dangerous (bidirectional controls) are written: a Mac's names have the
/// former often and Windows merely fails on them; the latter are escaped where they are printed.
pub fn refuse(name: &[u8]) -> Option<&'static str> {
    let has = |wanted: u8| name.contains(&wanted);
    if name.is_empty() {
        return Some("an empty name");
    }
    if matches!(visible(name).as_slice(), b"" | b"." | b"..") {
        return Some("a name that stands for a folder above or for none");
    }
    if has(b'/') || has(b'\\') {
        return Some("a name that holds a path separator");
    }
    // Also drive letters (`C:`), streams of NTFS (`a:b`) and the separator of old Mac paths.
    if has(b':') {
        return Some("a name that holds a colon");
    }
    if has_control(name) {
        return Some("a name that holds a control character");
    }
    // Windows drops them, so that `.. ` and `x.` mean another name there.
    if matches!(name.last(), Some(b'.' | b' ')) {
        return Some("a name that ends in a dot or a space");
    }
    if is_reserved(name) {
        return Some("a name that Windows keeps for a device");
    }
    (name.len() > NAME_MAX).then_some("a name longer than 255 bytes")
}

/// What two names have in common when some file system takes them for one.
///
/// That is the name without the code points that HFS+ or a case-folding ext4 ignore, decomposed,
/// with full case folding (`ß` is `ss`, `ﬁ` is `fi`), composed again. A name that is no UTF-8
/// keeps its bytes but for the case of ASCII letters.
pub fn collision_key(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        Ok(text) if !text.is_ascii() => {
            let decomposed: String = text.nfd().collect();
            let folded = CaseMapper::new().fold_string(&decomposed);
            let kept = folded.chars().filter(|&point| !is_ignorable(point));
            kept.nfc().collect::<String>().into_bytes()
        }
        _ => name.to_ascii_lowercase(),
    }
}

/// The name without what some file systems ignore.
fn visible(name: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let points = chunk.valid().chars().filter(|&point| !is_ignorable(point));
        kept.extend_from_slice(points.collect::<String>().as_bytes());
        kept.extend_from_slice(chunk.invalid());
    }
    kept
}

/// C0, DEL and C1. Lone bytes of 0x80 to 0x9f in a name that is no UTF-8 are no characters.
fn has_control(name: &[u8]) -> bool {
    name.utf8_chunks().any(|chunk| chunk.valid().chars().any(char::is_control))
}

/// The devices of Windows, with any extension and with spaces before it.
fn is_reserved(name: &[u8]) -> bool {
    let stem = name.split(|&byte| byte == b'.').next().unwrap_or_default();
    let stem = stem.trim_ascii_end().to_ascii_uppercase();
    let is_port = |digit: &[u8]| {
        // Windows takes the superscripts of Latin-1 for digits.
        matches!(digit, [b'0'..=b'9']) || matches!(digit, b"\xc2\xb9" | b"\xc2\xb2" | b"\xc2\xb3")
    };
    match stem.as_slice() {
        b"CON" | b"PRN" | b"AUX" | b"NUL" | b"CONIN$" | b"CONOUT$" => true,
        [b'C', b'O', b'M', digit @ ..] | [b'L', b'P', b'T', digit @ ..] => is_port(digit),
        _ => false,
    }
}

/// Unicode's `Default_Ignorable_Code_Point`, which a case-folding ext4 ignores and which holds all
/// that HFS+ ignores: `.g\u{200c}it` was `.git` there (CVE-2014-9390).
fn is_ignorable(point: char) -> bool {
    matches!(point,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Names no system may be given; shared with the tests that try to write them.
#[cfg(test)]
pub(super) fn hostile() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        // Traversal and absolute paths.
        "",
        ".",
        "..",
        "...",
        "....",
        "/",
        "//",
        "/etc/passwd",
        "../x",
        "../../x",
        "a/../../x",
        "./x",
        "a/b",
        "a//b",
        "x/",
        "/x",
        "..\\x",
        "..\\..\\x",
        "a\\b",
        "\\",
        "\\\\",
        "\\x",
        "\\\\server\\share",
        "//server/share",
        "\\\\?\\C:\\x",
        "\\\\.\\NUL",
        "\\??\\C:\\x",
        "..\u{200c}",
        "\u{200c}..",
        ".\u{feff}.",
        ".\u{200d}",
        "\u{200b}",
        "\u{feff}",
        "\u{ad}",
        ".. ",
        ". ",
        "..  .",
        " .. ",
        ". .",
        "~/..",
        "%2e%2e/x",
        "..;/x",
        "..%2f/..",
        // Drives, streams, devices by URL.
        "C:",
        "C:x",
        "C:\\x",
        "C:/x",
        "c:..",
        "a:b",
        "x::$DATA",
        "x:$I30:$INDEX_ALLOCATION",
        ":",
        "file:///etc/passwd",
        "a:",
        ":a",
        // Controls.
        "a\0b",
        "\0",
        "a\0",
        "\0..",
        "a\nb",
        "a\rb",
        "a\tb",
        "\x1b[2J",
        "\x07",
        "a\x08b",
        "\x7f",
        "a\x1fb",
        "\x01",
        "\n",
        "a\n",
        "\u{80}",
        "\u{85}",
        "a\u{9b}31m",
        "\u{9f}",
        "\u{90}x",
        // Endings that Windows drops.
        "a.",
        "a ",
        "a..",
        "a. ",
        "a .",
        "a  ",
        ".a.",
        " ",
        "  ",
        "a.txt.",
        "a.txt ",
        "NUL.",
        "é.",
        "é ",
        // Devices.
        "CON",
        "con",
        "Con",
        "PRN",
        "AUX",
        "NUL",
        "nul",
        "CON.txt",
        "con.tar.gz",
        "aux.c",
        "nul.",
        "NUL .txt",
        "CON  .x",
        "prn.vcf",
        "COM0",
        "COM1",
        "com9",
        "COM5.x",
        "LPT0",
        "LPT1",
        "lpt9",
        "LPT3.ics",
        "COM1 .x",
        "COM\u{b9}",
        "com\u{b2}.x",
        "LPT\u{b3}",
        "lpt\u{b9} .x",
        "CONIN$",
        "conout$",
        "CONIN$.x",
        "ConOut$ .txt",
        "AUX.",
        "aux ",
        "CON\\x",
        "CON:",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect();
    // Too long, and wrong beside bytes that are no UTF-8.
    names.push(vec![b'x'; 256]);
    names.push(vec![b'x'; 4000]);
    names.push("é".repeat(128).into_bytes());
    names.push(b"\xff/..".to_vec());
    names.push(b"\xff\\".to_vec());
    names.push(b"\xff:".to_vec());
    names.push(b"\xff\n".to_vec());
    names.push(b"\xff\xc2\x9b".to_vec());
    names.push(b"\xc0\xae\xc0\xae/".to_vec());
    names.push(b"\xff ".to_vec());
    names.push(b"nul.\xff".to_vec());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let names = hostile();
        assert!(names.len() >= 120, "{}", names.len());
        for name in names {
            assert!(refuse(&name).is_some(), "{:?}", name.escape_ascii().to_string());
        }
    }

    #[test]
    fn ordinary_names_are_written() {
        let longest = "x".repeat(255);
        for name in [
            "a",
            ".a",
            "..a",
            "...a",
            "a..b",
            "a b",
            " a",
            "-rf",
            "~",
            "$HOME",
            "`id`",
            "%2e%2e",
            "What? \"Why\" <this> | that*.txt",
            "Straße.jpg",
            "\u{202e}gpj.exe",
            "\u{1f468}\u{200d}\u{1f469}",
            "❤️",
            "console",
            "CONTACTS.vcf",
            "auxiliary",
            "null",
            "COM",
            "COM10",
            "com\u{2074}",
            "LPT",
            "nul-1",
            "a.con",
            "xCON",
            "_nul.txt",
            "CONIN",
            " CON",
            "Icon",
            "\u{fffd}",
            "\u{2028}",
            longest.as_str(),
        ] {
            assert_eq!(refuse(name.as_bytes()), None, "{name:?}");
        }
        for name in [&b"\xff"[..], b"a\x80b", b"\x85", b"\xc3", b"\xed\xa0\x80", b"caf\xe9.txt"] {
            assert_eq!(refuse(name), None, "{name:?}");
        }
        assert!(refuse("x".repeat(256).as_bytes()).is_some());
    }

    #[test]
    fn colliding_names_have_one_key() {
        let pairs = [
            // Case.
            ("a", "A"),
            ("Photos", "photos"),
            ("README", "readme"),
            ("mIxEd.TXT", "MiXeD.txt"),
            ("É", "é"),
            ("Ä", "ä"),
            ("Ø", "ø"),
            ("Ñ", "ñ"),
            ("Ж", "ж"),
            ("Я", "я"),
            ("Ω", "ω"),
            ("Δ", "δ"),
            ("Ա", "ա"),
            ("Ა", "ა"),
            ("Ꭰ", "ꭰ"),
            ("Ⓐ", "ⓐ"),
            ("Ⅷ", "ⅷ"),
            ("Ａ", "ａ"),
            ("𐐀", "𐐨"),
            ("𞤀", "𞤢"),
            ("Ǆ", "ǆ"),
            ("ǅ", "ǆ"),
            ("Ｚ.jpg", "ｚ.JPG"),
            ("Þ", "þ"),
            // Composed and decomposed.
            ("é", "e\u{301}"),
            ("É", "e\u{301}"),
            ("ü", "U\u{308}"),
            ("å", "a\u{30a}"),
            ("ñ", "N\u{303}"),
            ("ệ", "e\u{323}\u{302}"),
            ("ệ", "e\u{302}\u{323}"),
            ("한", "\u{1112}\u{1161}\u{11ab}"),
            ("が", "か\u{3099}"),
            ("й", "и\u{306}"),
            ("ά", "α\u{301}"),
            ("\u{1f71}", "ά"),
            ("\u{387}", "·"),
            ("豈", "\u{8c48}"),
            ("\u{2f81a}", "\u{51ac}"),
            ("ö\u{323}", "o\u{323}\u{308}"),
            ("\u{37e}", ";"),
            // Full folding.
            ("ß", "ss"),
            ("ß", "SS"),
            ("ẞ", "ß"),
            ("ẞ", "ss"),
            ("Straße", "STRASSE"),
            ("ﬁ", "fi"),
            ("ﬁle", "FILE"),
            ("ﬀ", "ff"),
            ("ﬃ", "FFI"),
            ("ﬂ", "fl"),
            ("ﬅ", "st"),
            ("ﬆ", "st"),
            ("ﬓ", "մն"),
            ("ŉ", "ʼn"),
            ("ǰ", "j\u{30c}"),
            ("ΐ", "ι\u{308}\u{301}"),
            ("և", "եւ"),
            ("ᾳ", "αι"),
            ("ẖ", "h\u{331}"),
            ("ẚ", "aʾ"),
            // Dots, sigmas, signs.
            ("İ", "i\u{307}"),
            ("İstanbul", "I\u{307}stanbul"),
            ("σ", "ς"),
            ("Σ", "ς"),
            ("ΟΔΟΣ", "οδος"),
            ("ſ", "s"),
            ("ſ", "S"),
            ("ſt", "ﬆ"),
            ("\u{212a}", "k"),
            ("\u{212a}", "K"),
            ("\u{212b}", "å"),
            ("\u{2126}", "ω"),
            ("µ", "μ"),
            ("ϐ", "β"),
            ("ϑ", "θ"),
            ("ϕ", "φ"),
            ("ϖ", "π"),
            ("ϰ", "κ"),
            ("ϱ", "ρ"),
            ("ϵ", "ε"),
            ("\u{1fbe}", "ι"),
            ("\u{345}", "ι"),
            // Ignored.
            ("git", "g\u{200c}it"),
            (".git", ".g\u{200d}IT"),
            ("a", "a\u{feff}"),
            ("a", "\u{200e}a"),
            ("a", "a\u{202e}"),
            ("ab", "a\u{206a}b"),
            ("ab", "a\u{ad}b"),
            ("❤", "❤\u{fe0f}"),
            ("e\u{34f}\u{301}", "é"),
            ("a", "a\u{e0001}"),
            ("a", "a\u{2060}"),
            ("a", "A\u{200b}"),
        ];
        assert!(pairs.len() >= 60, "{}", pairs.len());
        for (one, other) in pairs {
            let keys = (collision_key(one.as_bytes()), collision_key(other.as_bytes()));
            assert_eq!(keys.0, keys.1, "{one:?} {other:?}");
            assert_eq!(collision_key(&keys.0), keys.0, "{one:?}");
        }
        assert_eq!(collision_key(b"A\xffB"), b"a\xffb");
    }

    #[test]
    fn other_names_have_other_keys() {
        for (one, other) in [
            ("a", "b"),
            ("a", "Ａ"),
            ("ı", "i"),
            ("1", "¹"),
            ("é", "e"),
            ("o", "0"),
            ("а", "a"),
            ("a.txt", "a.tx"),
            ("a ", "a"),
            ("ñ", "n"),
            ("ss", "s"),
            ("½", "1/2"),
            ("…", "..."),
        ] {
            assert_ne!(collision_key(one.as_bytes()), collision_key(other.as_bytes()), "{one:?}");
        }
        assert_ne!(collision_key(b"\xff"), collision_key(b"\xfe"));
    }
}
