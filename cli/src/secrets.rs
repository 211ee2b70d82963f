//! Passphrases and identities: from a file, a descriptor, a command, or a person at a terminal.
//! They are never an argument, for every process can read those.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use vault::payload::SlotIdentity;
use zeroize::Zeroizing;

use crate::args::{self, Args, PassphraseSource};
use crate::errors::{Code, Failure, Result};
use crate::ui::{self, Ui};
use crate::{plugins, session, words};

/// A passphrase as it was given.
pub(crate) type Passphrase = Zeroizing<String>;

/// The longest input a secret is looked for in.
const INPUT_MAX: u64 = 65_536;
/// How often made-up words may be typed.
const TRIES: usize = 3;
/// What a script sets instead of being asked for a new passphrase.
const NEW_FILE: &str = "ICVAULT_NEW_PASSPHRASE_FILE";

/// The identities of the file that was named, if one was.
pub(crate) fn identities(args: &Args, ui: &Ui) -> Result<Option<Vec<SlotIdentity>>> {
    let Some(path) = args.identity_path() else { return Ok(None) };
    let what = format!("the identity file {}", path.display());
    let bytes = if path.as_os_str() == "-" {
        read(&mut io::stdin().lock(), &what)?
    } else {
        read(&mut open(&path, &what)?, &what)?
    };
    let text = utf8(&bytes, &what)?;
    if SlotIdentity::is_ssh(text) {
        let question =
            format!("passphrase of the ssh key {}: ", ui::escape(&path.display().to_string()));
        return Ok(Some(vec![SlotIdentity::parse_ssh(text, || ask_hidden(&question))?]));
    }
    let mut identities = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        let identity = SlotIdentity::parse(line).map_err(|_| {
            Failure::usage(format!("a line of {what} is no AGE-SECRET-KEY"))
                .hint("a key that is locked with a passphrase: age -d KEY | icvault -i - …")
        })?;
        identities.push(match identity.plugin().map(str::to_owned) {
            Some(name) => identity.asking(plugins::announce(&name, ui)?),
            None => identity,
        });
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

/// A new passphrase: from its file, or typed twice at the terminal, or made up there. For the first
/// passphrase of a vault whatever gives the passphrase later will do.
pub(crate) fn new_passphrase(what: &str, is_first: bool, ui: &Ui) -> Result<Passphrase> {
    let given = match args::new_passphrase_file() {
        Some(path) => Some(from_file(&path)?),
        None if is_first => passphrase_from_environment()?,
        None => None,
    };
    accept(given, what, NEW_FILE, ui)
}

/// The passphrases of a new vault with two locks: the full one and the one for every day.
pub(crate) fn two_passphrases(vault: &str, ui: &Ui) -> Result<[Passphrase; 2]> {
    let [full, everyday] = match args::new_passphrase_file() {
        Some(path) => {
            let what = format!("the passphrase file {}", path.display());
            let bytes = read(&mut open(&path, &what)?, &what)?;
            [0, 1].map(|number| line(&bytes, number, &what).map(Some))
        }
        None => [Ok(None), Ok(None)],
    };
    let everyday =
        accept(everyday?, &format!("new everyday passphrase for {vault}"), NEW_FILE, ui)?;
    let full = accept(full?, &format!("new full passphrase for {vault}"), NEW_FILE, ui)?;
    if full == everyday {
        let message = "the full and the everyday passphrase are the same";
        return Err(Failure::new(Code::Failed, message).hint("one would do: leave out --two-locks"));
    }
    Ok([full, everyday])
}

/// The passphrase that was given, or one that somebody is asked for; warns of a weak one.
fn accept(given: Option<Passphrase>, what: &str, variable: &str, ui: &Ui) -> Result<Passphrase> {
    let passphrase = match given {
        Some(passphrase) => passphrase,
        None => {
            let first = prompt(&format!("{what} (nothing: words are made up): "), variable)?;
            if first.is_empty() {
                return made_up();
            }
            if *prompt("the same once more: ", variable)? != *first {
                return Err(Failure::new(Code::Failed, "these were two different passphrases"));
            }
            first
        }
    };
    if passphrase.is_empty() {
        return Err(Failure::usage("an empty passphrase keeps nobody out")
            .hint("take six words that nobody said before"));
    }
    if let Some(weakness) = words::weakness(&passphrase) {
        ui.warn(weakness);
        ui.hint("at a terminal, answer nothing and six words are made up; icvault key passwd");
    }
    Ok(passphrase)
}

/// A passphrase of words, shown once on the terminal and nowhere else, and typed once.
fn made_up() -> Result<Passphrase> {
    let passphrase = words::draw(session::random().as_ref());
    let mut shown = Zeroizing::new(String::with_capacity(256));
    for part in ["\n    ", &passphrase, "\n\nwrite it down; it is not shown again\n"] {
        shown.push_str(part);
    }
    terminal()?.write_all(shown.as_bytes()).map_err(asking)?;
    for tried in 1..=TRIES {
        if *prompt("type it once: ", NEW_FILE)? == *passphrase {
            return Ok(passphrase);
        }
        if tried < TRIES {
            terminal()?
                .write_all(b"not the same; as it stands above, with its blanks\n")
                .map_err(asking)?;
        }
    }
    Err(Failure::new(Code::Failed, "that was another passphrase; nothing was changed"))
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

/// Asks for a secret that no script can give; none without a terminal.
pub(crate) fn ask_hidden(text: &str) -> Option<Passphrase> {
    has_terminal().then(|| rpassword::prompt_password(text).ok().map(Zeroizing::new)).flatten()
}

/// Asks something that is no secret; the answer without its line end.
pub(crate) fn ask(text: &str) -> Result<String> {
    let terminal = terminal()?;
    (&terminal).write_all(text.as_bytes()).map_err(asking)?;
    let mut answer = String::new();
    BufReader::new(&terminal).read_line(&mut answer).map_err(asking)?;
    Ok(answer.trim_end_matches(['\n', '\r']).to_owned())
}

fn terminal() -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| Failure::usage("no terminal to ask on").hint("--yes when you are sure"))
}

#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn asking(error: io::Error) -> Failure {
    Failure::new(Code::Failed, format!("asking on the terminal: {error}"))
}

/// The password of a PKCS#12 store: from the file for it, or asked for.
pub(crate) fn store_password() -> Result<Passphrase> {
    match args::store_password_file() {
        Some(file) => from_file(&file),
        None => prompt("Password of the PKCS#12 store: ", args::STORE_PASSWORD_FILE),
    }
}

/// A new password for a PKCS#12 store: from its file, or typed twice at the terminal.
pub(crate) fn new_store_password(ui: &Ui) -> Result<Passphrase> {
    let given = args::new_store_password_file().map(|file| from_file(&file)).transpose()?;
    accept(given, "new password for the PKCS#12 store", args::NEW_STORE_PASSWORD_FILE, ui)
}

/// The lines of a small file, those that are empty left out.
pub(crate) fn lines(path: &Path) -> Result<Vec<Passphrase>> {
    let what = format!("the passphrase file {}", path.display());
    let bytes = read(&mut open(path, &what)?, &what)?;
    let count = bytes.split(|&byte| byte == b'\n').count();
    let lines = (0..count).map(|number| line(&bytes, number, &what));
    lines.filter(|line| line.as_ref().map_or(true, |line| !line.is_empty())).collect()
}

/// Tells something on the terminal that is asked on; our own text, or escaped.
pub(crate) fn say(text: &str) {
    // Without it nobody is asked either.
    if let Ok(terminal) = terminal() {
        drop((&terminal).write_all(text.as_bytes()));
    }
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
    line(bytes, 0, what)
}

/// A line by its number, counted from 0; empty behind the last.
fn line(bytes: &[u8], number: usize, what: &str) -> Result<Passphrase> {
    let line = bytes.split(|&byte| byte == b'\n').nth(number).unwrap_or_default();
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
        let lines = [0, 1, 2, 3].map(|number| line(b"one\r\ntwo\n", number, "x").unwrap());
        assert_eq!(lines.map(|line| line.as_str().to_owned()), ["one", "two", "", ""]);
    }
}
