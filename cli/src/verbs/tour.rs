//! `tour`: a throw-away vault from the sample exports, or from an export of the person's own. Every
//! command is this very program, run as it is printed.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use vault::id::hex;

use crate::args::Tour;
use crate::errors::{Code, Failure, Result};
use crate::session;
use crate::ui::{self, Ui};

enum Sample {
    File(&'static [u8]),
    Link(&'static str),
}

/// Every file of the sample exports.
const SAMPLES: &[(&str, Sample)] = include!(concat!(env!("OUT_DIR"), "/sample.rs"));

/// A text of the sample that is harmless to show.
const SHOWN: &str = "Contacts/version 4.vcf";
/// Logins of the sample, all of them made up.
const LOGINS: &str = "Passwords/Passwords.csv";
/// How many lines of a text are shown.
const SHOWN_LINES: usize = 8;

pub(crate) fn tour(verb: &Tour, ui: &Ui) -> Result<Code> {
    let place = Place::make(verb.keep.as_deref())?;
    let guide = Guide::new(ui, &place.path)?;
    ui.line("A throw-away vault: its passphrase is drawn at random and kept in a file beside it.")?;
    ui.line("A real one asks you for its passphrase.")?;
    ui.line("")?;
    ui.line(format!("$ cd {}", quoted(&place.path.display().to_string())))?;
    ui.line("$ export ICVAULT_VAULT=Tour.icvault ICVAULT_PASSPHRASE_FILE=passphrase ICVAULT_STATE=state")?;
    ui.line("")?;

    // `Never in the export` is part of the sample: placeholders of files that are in iCloud only.
    let done = &[0][..];
    let maybe_incomplete = &[0, 3][..];
    guide.run(&["init", "Tour.icvault"], done)?;
    let export = match &verb.path {
        None => {
            unpack(&place.path).map_err(|error| failed("writing the sample", &error))?;
            guide.run(&["add", "icloud-export", "--as", "iCloud"], maybe_incomplete)?;
            guide.say("What was recognised as secret is sealed under keys of its own.")?;
            guide.run(&["list", "iCloud", "--one-level"], done)?;
            guide.say("A month later everything is exported again. Only what is new is stored.")?;
            guide
                .run(&["add", "icloud-export-a-month-later", "--as", "iCloud"], maybe_incomplete)?;
            guide.run(&["snapshots"], done)?;
            guide.say("How the two differ, and what is gone as a file that Contacts imports:")?;
            guide.run(&["diff", "iCloud", "--records", "--stat"], done)?;
            guide.run(&["recover", "contacts", "-o", "missing.vcf"], done)?;
            guide.run(&["list", "-l", "iCloud:Keys"], done)?;
            guide
                .say("One login among all that files hold, and what is masked unless asked for:")?;
            guide.run(&["find", "github"], done)?;
            guide.run(&["show", &format!("{LOGINS}#github")], done)?;
            guide.run(&["extract", &format!("{LOGINS}#github"), "-o", "login.csv"], done)?;
            guide.run(&["certs", "--weak"], done)?;
            guide.show(&["cat", &format!("iCloud~1:{SHOWN}")])?;
            guide.say("Everything back:")?;
            place.path.join("icloud-export-a-month-later")
        }
        Some(path) => {
            let path = path
                .canonicalize()
                .map_err(|error| failed(&format!("opening {}", path.display()), &error))?;
            let text = path.to_str().ok_or_else(|| {
                Failure::usage("a path that is not UTF-8 cannot be shown").hint("rename the folder")
            })?;
            guide.run(&["add", text, "--as", "mine"], maybe_incomplete)?;
            guide.run(&["snapshots"], done)?;
            guide.run(&["list", "mine", "--one-level"], done)?;
            guide.say("A second time there is nothing new to store:")?;
            guide.run(&["add", text, "--as", "mine"], maybe_incomplete)?;
            guide.say("Everything back:")?;
            path
        }
    };
    guide.run(&["extract", "-o", "back"], maybe_incomplete)?;
    compare(ui, &export, &place.path.join("back"))?;
    guide.run(&["check", "--read-data"], done)?;
    ui.line("tour finished")?;
    match &verb.keep {
        Some(keep) => {
            ui.line(format!("everything is still in {}", ui::escape(&keep.display().to_string())))?;
        }
        None => ui.line("next: icvault init PATH")?,
    }
    Ok(Code::Done)
}

/// The folder of a tour, removed with everything in it unless it is to be kept.
struct Place {
    path: PathBuf,
    keep: bool,
}

impl Place {
    fn make(keep: Option<&Path>) -> Result<Self> {
        let path = match keep {
            Some(path) => std::path::absolute(path),
            None => {
                let mut name = [0; 8];
                session::random()(&mut name);
                Ok(std::env::temp_dir().join(format!("icvault-tour-{}", hex(&name))))
            }
        };
        let path = path.map_err(|error| failed("finding a folder", &error))?;
        // A name that is taken is somebody else's, even when that is empty.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| failed(&format!("making the folder {}", path.display()), &error))?;
        Ok(Self { path, keep: keep.is_some() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            // What is left of a throw-away vault in a temporary folder does no harm.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

fn unpack(place: &Path) -> io::Result<()> {
    for (path, sample) in SAMPLES {
        let path = place.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match sample {
            Sample::File(bytes) => fs::write(&path, bytes)?,
            Sample::Link(target) => symlink(target, &path)?,
        }
    }
    Ok(())
}

/// Runs commands and shows what it runs.
struct Guide<'u> {
    ui: &'u Ui,
    program: PathBuf,
    place: PathBuf,
}

impl<'u> Guide<'u> {
    fn new(ui: &'u Ui, place: &Path) -> Result<Self> {
        let program = std::env::current_exe()
            .map_err(|error| failed("finding the program itself", &error))?;
        let mut passphrase = [0; 16];
        session::random()(&mut passphrase);
        let options = File::options().write(true).create_new(true).mode(0o600).clone();
        let write =
            || options.open(place.join("passphrase"))?.write_all(hex(&passphrase).as_bytes());
        write().map_err(|error| failed("writing the passphrase", &error))?;
        Ok(Self { ui, program, place: place.to_owned() })
    }

    fn say(&self, text: &str) -> Result<()> {
        self.ui.line(text)?;
        self.ui.line("")
    }

    /// Runs a command whose output goes where ours goes.
    fn run(&self, args: &[&str], expected: &[i32]) -> Result<()> {
        self.print(args, "")?;
        let status = self.command(args).status();
        let status = status.map_err(|error| failed("running a command", &error))?;
        self.judge(args, status, expected)?;
        if status.code() == Some(3) {
            self.ui.line(
                "(exit code 3: complete but for what is named above, as it should be here)",
            )?;
        }
        self.ui.line("")
    }

    /// Runs a command and shows the beginning of its output.
    fn show(&self, args: &[&str]) -> Result<()> {
        self.print(args, &format!(" | head -n {SHOWN_LINES}"))?;
        let output = self.command(args).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| failed("running a command", &error))?;
        for line in output.stdout.split(|&byte| byte == b'\n').take(SHOWN_LINES) {
            self.ui.line(ui::escape_bytes(line.strip_suffix(b"\r").unwrap_or(line)))?;
        }
        self.judge(args, output.status, &[0])?;
        self.ui.line("")
    }

    fn print(&self, args: &[&str], suffix: &str) -> Result<()> {
        let words: Vec<String> = args.iter().map(|word| quoted(word)).collect();
        self.ui.line(format!("$ icvault {}{suffix}", words.join(" ")))?;
        self.ui.flush()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.place).stdin(Stdio::null());
        // Whatever the person has set is about their own vaults.
        for name in [
            "ICVAULT_IDENTITY",
            "ICVAULT_NEW_PASSPHRASE_FILE",
            "ICVAULT_PASSPHRASE_FD",
            "ICVAULT_PASSPHRASE_COMMAND",
        ] {
            command.env_remove(name);
        }
        command.env("ICVAULT_VAULT", "Tour.icvault");
        command.env("ICVAULT_PASSPHRASE_FILE", "passphrase");
        command.env("ICVAULT_STATE", "state");
        command
    }

    fn judge(&self, args: &[&str], status: ExitStatus, expected: &[i32]) -> Result<()> {
        if status.code().is_some_and(|code| expected.contains(&code)) {
            return Ok(());
        }
        let verb = args.first().copied().unwrap_or_default();
        Err(Failure::new(Code::Failed, format!("icvault {verb} ended with {status}")))
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:~=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", ui::escape(word).replace('\'', "'\\''"))
}

/// Compares what came back with what was added, byte for byte.
fn compare(ui: &Ui, export: &Path, back: &Path) -> Result<()> {
    let (mut equal, mut absent) = (0_u64, 0_u64);
    let mut folders = vec![PathBuf::new()];
    if !export.is_dir() {
        return Ok(());
    }
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(export.join(&folder)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(|error| failed("reading the export", &error))? {
            let path = folder.join(entry.file_name());
            let (ours, theirs) = (back.join(&path), export.join(&path));
            let is_equal = match fs::symlink_metadata(&theirs) {
                Ok(metadata) if metadata.is_dir() => {
                    folders.push(path.clone());
                    continue;
                }
                Ok(metadata) if metadata.is_symlink() => {
                    fs::read_link(&ours).ok() == fs::read_link(&theirs).ok()
                }
                Ok(_) if fs::symlink_metadata(&ours).is_err() => {
                    absent += 1;
                    continue;
                }
                Ok(_) => same_bytes(&ours, &theirs).unwrap_or(false),
                Err(_) => false,
            };
            if !is_equal {
                let path = path.display();
                return Err(Failure::new(Code::Failed, format!("came back changed: {path}")));
            }
            equal += 1;
        }
    }
    ui.line(format!("compared: {} equal byte for byte", ui::count(equal, "file")))?;
    if absent > 0 {
        ui.line(format!("not there: {}, named above", ui::count(absent, "file")))?;
    }
    ui.line("")
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    use std::io::Read as _;
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    loop {
        for (file, buffer) in [(&mut one, &mut ours), (&mut other, &mut theirs)] {
            buffer.clear();
            file.take(1 << 20).read_to_end(buffer)?;
        }
        if ours != theirs {
            return Ok(false);
        }
        if ours.is_empty() {
            return Ok(true);
        }
    }
}

fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{what}: {error}"))
}
