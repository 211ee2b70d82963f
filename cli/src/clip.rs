//! The clipboard: holds one secret for a while. The system's own programs put it there; it goes to
//! their standard input, never to arguments, the environment or a file of ours.
//!
//! Who asks for the clipboard while it is there gets it: other programs of the same person, a history
//! that some keep, and other devices it is shared with.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use zeroize::Zeroizing;

use crate::args;
use crate::errors::{Code, Failure, Result};
use crate::programs;
use crate::ui::Ui;

/// How long a program of the clipboard may take: the other side of it may never answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than the help of such a program says.
const HELP_LENGTH_MAX: usize = 65_536;

/// Puts a secret into the clipboard and clears it when the time is over or a signal comes, unless
/// something else is there by then.
///
/// # Errors
/// When there is no program for the clipboard, or it does not do its work; the message tells when the
/// secret may still be there.
pub(crate) fn hold(secret: &str, seconds: u32, ui: &Ui) -> Result<Code> {
    if secret.is_empty() {
        return Err(Failure::new(Code::NotFound, "there is nothing in it to copy"));
    }
    let clipboard = Clipboard::find()?;
    // From here on no signal ends it with the secret left where it is.
    let signals = signals()?;
    if let Err(failure) = clipboard.put(secret, ui) {
        // It may have got there all the same.
        drop(clipboard.clear(secret));
        return Err(failure);
    }
    let code = wait(&signals, seconds, ui);
    let cleared = clipboard.clear(secret).map_err(|error| {
        let message = format!("the clipboard may still hold it: {error}");
        Failure::new(Code::Failed, message).hint("copy something else")
    })?;
    ui.note(match cleared {
        true => "the clipboard was cleared",
        false => "the clipboard no longer holds it, and was left as it is",
    });
    Ok(code)
}

/// The codes to end with, as signals tell them.
fn signals() -> Result<Receiver<Code>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::new(Code::Failed, format!("waiting for signals: {error}")))?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for signal in signals.forever() {
            let code = if signal == SIGINT { Code::Interrupted } else { Code::Terminated };
            if sender.send(code).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}

fn wait(signals: &Receiver<Code>, seconds: u32, ui: &Ui) -> Code {
    let countdown = ui.countdown("in the clipboard", seconds);
    for left in (1..=seconds).rev() {
        countdown.left(left);
        if let Ok(code) = signals.recv_timeout(Duration::from_secs(1)) {
            return code;
        }
    }
    Code::Done
}

/// Programs that copy and paste, and how they are told to.
struct Tool {
    copy: &'static str,
    /// How it copies its standard input.
    copy_args: &'static [&'static str],
    /// How it marks what it copies as a secret, for histories to leave it out.
    mark: Option<&'static str>,
    /// How it clears the clipboard, with nothing on its standard input.
    clear_args: &'static [&'static str],
    paste: &'static str,
    /// How it writes what is there to its standard output, with no byte more.
    paste_args: &'static [&'static str],
    /// What is set in the environment where it has a display.
    display: Option<&'static str>,
}

/// A Mac's marks (org.nspasteboard.ConcealedType) are out of its reach.
const MAC: Tool = Tool {
    copy: "pbcopy",
    copy_args: &[],
    mark: None,
    clear_args: &[],
    paste: "pbpaste",
    paste_args: &["-Prefer", "txt"],
    display: None,
};

/// Told the type, it does not guess at it, for which it would run another program on the content.
const WAYLAND: Tool = Tool {
    copy: "wl-copy",
    copy_args: &["--type", "text/plain"],
    mark: Some("--sensitive"),
    clear_args: &["--clear"],
    paste: "wl-paste",
    paste_args: &["--no-newline"],
    display: Some("WAYLAND_DISPLAY"),
};

/// It offers one type at a time, so that the mark (x-kde-passwordManagerHint) cannot go with text.
const X11: Tool = Tool {
    copy: "xclip",
    copy_args: &["-selection", "clipboard"],
    mark: None,
    clear_args: &["-selection", "clipboard"],
    paste: "xclip",
    paste_args: &["-selection", "clipboard", "-o"],
    display: Some("DISPLAY"),
};

/// The nearest first.
const TOOLS: [&Tool; 3] =
    if cfg!(target_os = "macos") { [&MAC, &WAYLAND, &X11] } else { [&WAYLAND, &X11, &MAC] };

/// The programs that are there.
struct Clipboard {
    tool: &'static Tool,
    copy: PathBuf,
    paste: PathBuf,
}

impl Clipboard {
    fn find() -> Result<Self> {
        for tool in TOOLS {
            if tool.display.is_some_and(|name| !args::has_display(name)) {
                continue;
            }
            if let (Some(copy), Some(paste)) =
                (programs::find(tool.copy)?, programs::find(tool.paste)?)
            {
                return Ok(Self { tool, copy, paste });
            }
        }
        let hint = "on a Wayland desktop install wl-clipboard, on another xclip; without a desktop, \
            -f FIELD gives it to a program";
        Err(Failure::new(Code::Failed, "no program for a clipboard").hint(hint))
    }

    fn put(&self, secret: &str, ui: &Ui) -> Result<()> {
        let mut args = self.tool.copy_args.to_vec();
        match self.tool.mark.filter(|mark| self.knows(mark)) {
            Some(mark) => args.push(mark),
            None if self.tool.mark.is_some() => {
                ui.warn("this wl-copy keeps it in a file below /tmp until it is cleared");
                ui.hint("wl-clipboard 2.3 does not, and marks it as a secret");
            }
            None => ui.detail("not marked as a secret: a history of the clipboard may keep it"),
        }
        self.copy(&args, secret.as_bytes()).map_err(|error| {
            let message = format!("{} did not copy it: {error}", self.tool.copy);
            Failure::new(Code::Failed, message).hint("is this a terminal of your own desktop?")
        })
    }

    /// Clears it if this is what it holds; gives whether it was.
    fn clear(&self, secret: &str) -> io::Result<bool> {
        // One byte more tells what only begins like it. Where nothing is to be had, the program
        // fails and says nothing.
        let held = output(&mut command(&self.paste, self.tool.paste_args), secret.len() + 1)?;
        if *held != secret.as_bytes() {
            return Ok(false);
        }
        self.copy(self.tool.clear_args, b"").map(|()| true)
    }

    /// Older versions do not know every option.
    fn knows(&self, option: &str) -> bool {
        let help = output(&mut command(&self.copy, &["--help"]), HELP_LENGTH_MAX);
        help.is_ok_and(|help| String::from_utf8_lossy(&help).contains(option))
    }

    /// Runs the program that copies. What it leaves running to serve the clipboard is not waited for.
    fn copy(&self, args: &[&str], input: &[u8]) -> io::Result<()> {
        let mut command = command(&self.copy, args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
        let status = end(&mut child)?;
        if !status.success() {
            return Err(io::Error::other(status.to_string()));
        }
        written
    }
}

/// A program that may stay: it holds neither our terminal nor the drive that the vault is on, and
/// Ctrl-C is for us alone, or it would be gone before it has told what the clipboard holds.
fn command(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).process_group(0).current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
    // wl-copy keeps what it serves in a file: from 2.3 on in this folder, which is in memory.
    if let Some(folder) = args::runtime_folder() {
        command.env("TMPDIR", folder);
    }
    // pbcopy and pbpaste take text for Mac Roman unless told.
    if cfg!(target_os = "macos") {
        command.env("LC_ALL", "en_US.UTF-8");
    }
    command
}

/// What a program writes to standard output, up to a length.
fn output(command: &mut Command, length_max: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(length_max));
        let read = match stdout {
            Some(stdout) => stdout.take(length_max as u64).read_to_end(&mut bytes),
            None => Ok(0),
        };
        drop(sender.send(read.map(|_| bytes)));
    });
    let read = receiver.recv_timeout(PATIENCE);
    // It has said all that is of use, or will not.
    child.kill()?;
    child.wait()?;
    read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Waits for the end of a program, and ends one that does not come to it.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()?;
    Err(io::ErrorKind::TimedOut.into())
}
