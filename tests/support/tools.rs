//! Programs a test needs beside icvault, and numbers that are drawn but the same every time.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says that a test was left out; a failure where nothing may be left out.
pub(crate) fn skipped(why: &str) {
    let strict = std::env::var_os("ICVAULT_TEST_NO_SKIP").is_some_and(|value| value == "1");
    assert!(!strict, "skipped: {why}");
    // Not by a macro that the test harness hides the output of.
    let mut stdout = std::io::stdout();
    writeln!(stdout, "skipped: {why}").unwrap();
}

/// Whether these programs are there; says so when not.
pub(crate) fn has(programs: &[&str]) -> bool {
    let missing: Vec<&str> =
        programs.iter().copied().filter(|program| find(program).is_none()).collect();
    if !missing.is_empty() {
        skipped(&format!("needs {}", missing.join(", ")));
    }
    missing.is_empty()
}

/// Where a program is.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A program in a folder, with nothing of the environment but where programs are.
pub(crate) fn program<S: AsRef<OsStr>>(
    name: &str,
    args: impl IntoIterator<Item = S>,
    folder: &Path,
) -> Command {
    let mut command = Command::new(find(name).unwrap());
    command.args(args).current_dir(folder).stdin(Stdio::null()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("LC_ALL", "C.UTF-8");
    command
}

/// A command at a terminal, where somebody types a line of `answers` at every prompt that ends in a
/// colon; a line `@shown` is the last text that stands there indented. What is shown comes on
/// stdout. Needs `python3`.
pub(crate) fn at_terminal(command: &Command, answers: &Path, folder: &Path) -> Command {
    let args = ["-c".as_ref(), TERMINAL.as_ref(), answers.as_os_str(), command.get_program()];
    let mut typed = program("python3", args.into_iter().chain(command.get_args()), folder);
    typed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    typed
}

const TERMINAL: &str = r#"
import os, pty, sys, termios, time
def hidden():
    """Whoever asks for a secret turns the echo off after the prompt is there."""
    for _ in range(500):
        if not termios.tcgetattr(terminal)[3] & termios.ECHO:
            return
        time.sleep(0.001)
answers = open(sys.argv[1], "rb").read().splitlines()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, mark = b"", 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    if answers and seen[mark:].endswith(b": "):
        mark = len(seen)
        hidden()
        answer = answers.pop(0)
        if answer == b"@shown":
            answer = [line for line in seen.splitlines() if line.startswith(b"    ")][-1].strip()
        os.write(terminal, answer + b"\n")
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// Numbers from a seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.take(length.div_ceil(8)).flatten().take(length).collect()
    }
}
