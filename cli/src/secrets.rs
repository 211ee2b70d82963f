//! Passphrases and identities: from a file, a descriptor, a command, or a person at a terminal.
//! They are never an argument, for every process can read those.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use vault::payload::Identity;
use zeroize::Zeroizing;

use crate::args::{self, Args, PassphraseSource};
use crate::errors::{Code, Failure, Result};

/// A passphrase as it was given.
pub(crate) type Passphrase = Zeroizing<String>;

/// The longest input a secret is looked for in.
const INPUT_MAX: u64 = 65_536;
/// A passphrase shorter than this gets a warning.
const LENGTH_LOW: usize = 12;

/// The identities of the file that was named, if one was.
pub(crate) fn identities(args: &Args) -> Result<Option<Vec<Identity>>> {
    let Some(path) = args.identity_path() else { return Ok(None) };
    let what = format!("the identity file {}", path.display());
    let bytes = if path.as_os_str() == "-" {
        read(&mut io::stdin().lock(), &what)?
    } else {
        read(&mut open(&path, &what)?, &what)?
    };
    let text = utf8(&bytes, &what)?;
    let mut identities = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        identities.push(Identity::parse(line).map_err(|_| {
            Failure::usage(format!("a line of {what} is no AGE-SECRET-KEY"))
                .hint("a key that is locked with a passphrase: age -d KEY | icvault -i - …")
        })?);
    }
    if identities.is_empty() {
        return Err(Failure::usage(format!("no AGE-SECRET-KEY in {what}")));
    }
    Ok(Some(identities))
}

/// The passphrase that the environment tells of, if it does.
pub(crate) fn passphrase_from_environment() -> Result<Option<Passphrase>> {
    let passphrase = match args::passphrase_source() {
        None => return Ok(None),
        Some(PassphraseSource::File(path)) => from_file(&path)?,
        Some(PassphraseSource::Descriptor(number)) => {
            let number = number.to_str().and_then(|number| number.parse::<u32>().ok());
            let number =
                number.ok_or_else(|| Failure::usage("ICVAULT_PASSPHRASE_FD is no descriptor"))?;
            from_file(Path::new(&format!("/dev/fd/{number}")))?
        }
        Some(PassphraseSource::Command(command)) => {
            let what = "the output of ICVAULT_PASSPHRASE_COMMAND";
            let failed = |error: io::Error| {
                Failure::new(Code::Failed, format!("running ICVAULT_PASSPHRASE_COMMAND: {error}"))
            };
            let mut child = Command::new("sh")
                .arg("-c")
                .arg(command)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(failed)?;
            let bytes = match child.stdout.take() {
                Some(mut stdout) => read(&mut stdout, what)?,
                None => Zeroizing::default(),
            };
            let status = child.wait().map_err(failed)?;
            if !status.success() {
                return Err(failed(io::Error::other(status.to_string())));
            }
            first_line(&bytes, what)?
        }
    };
    Ok(Some(passphrase))
}

/// A new passphrase: from its file, or typed twice at the terminal. For the first passphrase of a
/// vault whatever gives the passphrase later will do.
pub(crate) fn new_passphrase(what: &str, is_first: bool) -> Result<Passphrase> {
    let given = match args::new_passphrase_file() {
        Some(path) => Some(from_file(&path)?),
        None if is_first => passphrase_from_environment()?,
        None => None,
    };
    let passphrase = match given {
        Some(passphrase) => passphrase,
        None => {
            let first = prompt(&format!("{what}: "), "ICVAULT_NEW_PASSPHRASE_FILE")?;
            if first.is_empty() {
                return Err(empty());
            }
            if *prompt("the same once more: ", "ICVAULT_NEW_PASSPHRASE_FILE")? != *first {
                return Err(Failure::new(Code::Failed, "these were two different passphrases"));
            }
            first
        }
    };
    if passphrase.is_empty() { Err(empty()) } else { Ok(passphrase) }
}

fn empty() -> Failure {
    Failure::usage("an empty passphrase keeps nobody out")
        .hint("take six words that nobody said before")
}

/// Why a passphrase is easily guessed, if that can be told at a glance.
pub(crate) fn weakness(passphrase: &str) -> Option<&'static str> {
    let mut kinds: Vec<char> = passphrase.chars().collect();
    let length = kinds.len();
    kinds.sort_unstable();
    kinds.dedup();
    if length < LENGTH_LOW {
        return Some("it is short");
    }
    if kinds.len() < 6 {
        return Some("it has few different characters");
    }
    kinds.iter().all(char::is_ascii_digit).then_some("it is made of digits alone")
}

/// Whether somebody can be asked.
pub(crate) fn has_terminal() -> bool {
    File::options().read(true).write(true).open("/dev/tty").is_ok()
}

/// Asks for a secret at the controlling terminal. `variable` is what a script sets instead.
pub(crate) fn prompt(text: &str, variable: &str) -> Result<Passphrase> {
    if !has_terminal() {
        return Err(Failure::usage("no passphrase, and no terminal to ask for it on")
            .hint(format!("set {variable} to a file that holds it")));
    }
    // Already escaped by whoever put a name into it.
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .map_err(|error| Failure::new(Code::Failed, format!("asking for a passphrase: {error}")))
}

/// Asks something that is no secret; the answer without its line end.
pub(crate) fn ask(text: &str) -> Result<String> {
    let failed = |error| Failure::new(Code::Failed, format!("asking on the terminal: {error}"));
    let terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| Failure::usage("no terminal to ask on").hint("--yes when you are sure"))?;
    (&terminal).write_all(text.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(&terminal).read_line(&mut answer).map_err(failed)?;
    Ok(answer.trim_end_matches(['\n', '\r']).to_owned())
}

fn from_file(path: &Path) -> Result<Passphrase> {
    let what = format!("the passphrase file {}", path.display());
    first_line(&read(&mut open(path, &what)?, &what)?, &what)
}

fn open(path: &Path, what: &str) -> Result<File> {
    File::open(path).map_err(|error| Failure::new(Code::Failed, format!("opening {what}: {error}")))
}

/// All of a small input, into a buffer that never grows and so leaves nothing behind.
fn read(input: &mut dyn Read, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let capacity = usize::try_from(INPUT_MAX).unwrap_or_default().saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    input
        .take(INPUT_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Code::Failed, format!("reading {what}: {error}")))?;
    Ok(bytes)
}

/// The first line, without its end; blanks belong to it.
fn first_line(bytes: &[u8], what: &str) -> Result<Passphrase> {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    utf8(line, what).map(|line| Zeroizing::new(line.to_owned()))
}

fn utf8<'b>(bytes: &'b [u8], what: &str) -> Result<&'b str> {
    std::str::from_utf8(bytes).map_err(|_| Failure::usage(format!("{what} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_first_line_is_cut_off() {
        let cases =
            [("a b \r\nsecond", "a b "), ("\n", ""), ("no end", "no end"), (" x\r\r\n", " x\r")];
        for (input, expected) in cases {
            assert_eq!(*first_line(input.as_bytes(), "x").unwrap(), expected, "{input:?}");
        }
        assert!(first_line(b"\xff", "x").is_err());
    }

    #[test]
    fn what_is_easily_guessed_is_noticed() {
        for weak in ["short", "aaaaaaaaaaaaaaaaaa", "123456789012345"] {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        assert!(weakness("correct horse battery staple").is_none());
    }
}
