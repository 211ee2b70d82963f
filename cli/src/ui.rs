//! Everything that is printed. Data goes to standard output, all else to standard error; nothing
//! of a vault or a source reaches either but through [`escape`].

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Stdout, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use vault::progress::{Phase, Progress};

use crate::args::Args;
use crate::errors::{Code, Failure, Result};

/// How many items of a sort are named, unless verbose.
const NAMED_MAX: usize = 10;

/// Where a verb says what it has to say.
pub(crate) struct Ui {
    out: RefCell<BufWriter<Stdout>>,
    quiet: bool,
    verbose: bool,
    json: bool,
}

impl Ui {
    pub(crate) fn new(args: &Args) -> Self {
        let out = RefCell::new(BufWriter::new(io::stdout()));
        Self { out, quiet: args.quiet, verbose: args.verbose, json: args.json() }
    }

    /// Prints a line of data. What is not our own text has been through [`escape`].
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<()> {
        let mut out = self.out.borrow_mut();
        out.write_all(text.as_ref().as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|error| stdout(&error))
    }

    /// Prints a line of a summary, unless quiet or asked for JSON, which has a document for it.
    pub(crate) fn summary(&self, text: impl AsRef<str>) -> Result<()> {
        if self.quiet || self.json { Ok(()) } else { self.line(text) }
    }

    /// Prints a JSON document.
    pub(crate) fn json(&self, value: &Value) -> Result<()> {
        self.line(json_text(value))
    }

    /// Prints a JSON document that is an array, member by member.
    pub(crate) fn json_array(&self) -> JsonArray<'_> {
        JsonArray { ui: self, is_empty: true }
    }

    /// Prints bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<()> {
        self.out.borrow_mut().write_all(bytes).map_err(|error| stdout(&error))
    }

    /// Hands on what is buffered, before somebody else writes.
    pub(crate) fn flush(&self) -> Result<()> {
        self.out.borrow_mut().flush().map_err(|error| stdout(&error))
    }

    /// Tells something that somebody should know, who did not ask.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        self.say("warning", text.as_ref());
    }

    /// The way out of what was warned of.
    pub(crate) fn hint(&self, text: impl AsRef<str>) {
        self.say("hint", text.as_ref());
    }

    /// Counts what was printed, for who looks on.
    pub(crate) fn tally(&self, text: impl AsRef<str>) {
        if !self.quiet && !self.json {
            tell(&escape(text.as_ref()));
        }
    }

    /// Something that happens, unless quiet.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.say("note", text.as_ref());
        }
    }

    /// Something for who wants to know more.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        if self.verbose {
            self.say("note", text.as_ref());
        }
    }

    fn say(&self, what: &str, text: &str) {
        let line = if self.json {
            json_text(&json!({ "message_type": what, "message": text }))
        } else {
            format!("{what}: {}", escape(text))
        };
        tell(&line);
    }

    /// Tells a failure and gives the code to exit with.
    pub(crate) fn fail(&self, failure: &Failure) -> u8 {
        // What was printed before is worth as much as before.
        drop(self.flush());
        let Failure::Told { code, message, hint } = failure else { return Code::Done.number() };
        if self.json {
            tell(&json_text(&json!({
                "message_type": "error",
                "code": code.number(),
                "message": message,
                "hint": hint,
            })));
        } else {
            tell(&format!("error: {}", escape(message)));
            if let Some(hint) = hint {
                tell(&format!("hint: {}", escape(hint)));
            }
        }
        code.number()
    }

    /// Whether more is printed than is asked for as a rule.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// How many items of a sort a summary names.
    pub(crate) fn named_max(&self) -> usize {
        if self.verbose { usize::MAX } else { NAMED_MAX }
    }

    /// The first of these names, and how many more there are.
    pub(crate) fn named(&self, mut names: Vec<String>) -> String {
        let more = names.split_off(names.len().min(self.named_max())).len();
        let named = names.join(", ");
        if more > 0 { format!("{named} and {more} more") } else { named }
    }

    /// What counts seconds down for who looks on; others are told once how many there are.
    pub(crate) fn countdown(&self, what: &'static str, seconds: u32) -> Countdown {
        let target =
            if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        if bar.is_hidden() {
            self.note(format!("{what} for {seconds} s"));
        }
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Countdown { bar, what }
    }

    /// A bar for long work; hidden when quiet or when nobody looks.
    pub(crate) fn progress(&self) -> Bar {
        let hidden = self.quiet || self.json;
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar { bar, items: AtomicU64::new(0), quiet: hidden }
    }
}

/// An array that was begun; a member a line.
pub(crate) struct JsonArray<'u> {
    ui: &'u Ui,
    is_empty: bool,
}

impl JsonArray<'_> {
    /// Prints the next member.
    pub(crate) fn push(&mut self, value: &Value) -> Result<()> {
        let before = if std::mem::replace(&mut self.is_empty, false) { "[" } else { ",\n" };
        self.ui.bytes(before.as_bytes())?;
        self.ui.bytes(json_text(value).as_bytes())
    }

    /// Ends the array.
    pub(crate) fn finish(self) -> Result<()> {
        self.ui.line(if self.is_empty { "[]" } else { "]" })
    }
}

/// Tells as JSON what is wrong with a command line that could not be read.
pub(crate) fn fail_usage(text: &str) {
    let (message, rest) = text.split_once('\n').unwrap_or((text, ""));
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let hint = rest.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    tell(&json_text(&json!({
        "message_type": "error",
        "code": Code::Usage.number(),
        "message": message,
        "hint": (!hint.is_empty()).then(|| hint.join(" ")),
    })));
}

/// Shows what a plugin has to say, which is no text of ours.
pub(crate) fn relay(message: &str) {
    tell(&format!("plugin: {}", escape(message)));
}

fn tell(line: &str) {
    // There is nowhere left to say that standard error is closed.
    drop(writeln!(io::stderr(), "{line}"));
}

fn stdout(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::StdoutClosed,
        ErrorKind::StorageFull => Failure::new(Code::NoSpace, format!("writing stdout: {error}")),
        _ => Failure::new(Code::Failed, format!("writing stdout: {error}")),
    }
}

/// Whether standard output is a person's.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person looks on who can be asked.
pub(crate) fn asks() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Standard output for content. On a terminal it refuses what is no text, for bytes of a file may
/// command the terminal. The library's error does not tell why a write failed, so this keeps it.
pub(crate) struct Content<'u> {
    ui: &'u Ui,
    guard: bool,
    /// What stopped it.
    pub(crate) stopped: Option<Failure>,
}

impl Ui {
    /// Writes whole content to standard output.
    pub(crate) fn content(&self, bytes: &[u8]) -> Result<()> {
        let mut content = Content::new(self);
        let done = content.write_all(bytes);
        match content.stopped {
            Some(failure) => Err(failure),
            None => {
                done.map_err(|error| Failure::new(Code::Failed, format!("writing stdout: {error}")))
            }
        }
    }
}

impl<'u> Content<'u> {
    pub(crate) fn new(ui: &'u Ui) -> Self {
        Self { ui, guard: is_terminal(), stopped: None }
    }
}

impl Write for Content<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.guard && !is_text(bytes) {
            let failure =
                Failure::new(Code::Failed, "this is not text, and a terminal may obey it");
            self.stopped =
                Some(failure.hint("send it to a file or a program: icvault cat … > FILE"));
            return Err(ErrorKind::InvalidData.into());
        }
        match self.ui.bytes(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(failure) => {
                self.stopped = Some(failure);
                Err(ErrorKind::BrokenPipe.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether bytes can be shown; a character may be cut off at either end.
fn is_text(bytes: &[u8]) -> bool {
    let cut = bytes.iter().take_while(|&&byte| byte & 0xC0 == 0x80).count().min(3);
    let bytes = bytes.get(cut..).unwrap_or_default();
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    valid.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r' | '\x0c'))
}

/// Text that cannot command a terminal or disguise itself: control, bidirectional and format
/// characters as `\u{…}`.
pub(crate) fn escape(text: &str) -> String {
    escape_bytes(text.as_bytes())
}

/// As [`escape`], and bytes that are no UTF-8 as `\xNN`.
pub(crate) fn escape_bytes(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_hidden(c) {
                escaped.extend(c.escape_unicode());
            } else {
                escaped.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// A name for JSON: as it is, and bytes that are no UTF-8 as `\xNN`.
pub(crate) fn plain(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => escape_bytes(bytes),
    }
}

/// C0, DEL, C1, and the format characters of Unicode 16 (category Cf) with the line separators.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// JSON on one line, in which what [`is_hidden`] is escaped the way JSON does it: it can stand in
/// strings only.
fn json_text(value: &Value) -> String {
    let text = value.to_string();
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// A number of bytes for people.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if value < 999.95 || unit == "TB" {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{bytes} B")
}

/// `1 file`, `2 files`; `1 time of birth`, `2 times of birth`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    match thing.split_once(" of ") {
        _ if number == 1 => format!("1 {thing}"),
        Some((thing, whose)) => format!("{number} {thing}s of {whose}"),
        None => format!("{number} {thing}s"),
    }
}

/// A moment in nanoseconds since 1970, in the person's own time.
pub(crate) fn moment(nanoseconds: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(nanoseconds)) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// The day of a moment in seconds since 1970, in UTC.
pub(crate) fn day(seconds: i64) -> String {
    let text = seconds.checked_mul(1_000_000_000).and_then(rfc3339);
    text.map_or_else(|| "?".to_owned(), |text| text.chars().take(10).collect())
}

/// How long ago a moment was, in whole days.
pub(crate) fn age(nanoseconds: i64, now: i64) -> String {
    match days(nanoseconds, now) {
        0 => "less than a day".to_owned(),
        days => count(days, "day"),
    }
}

/// The whole days from a moment to `now`; none when it is still to come.
pub(crate) fn days(nanoseconds: i64, now: i64) -> u64 {
    const DAY: u64 = 86_400_000_000_000;
    u64::try_from(now.saturating_sub(nanoseconds)).unwrap_or(0) / DAY
}

/// A moment for JSON: RFC 3339 in UTC.
pub(crate) fn rfc3339(nanoseconds: i64) -> Option<String> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).ok().map(|time| time.to_string())
}

/// A line that tells how long something stays as it is.
pub(crate) struct Countdown {
    bar: ProgressBar,
    what: &'static str,
}

impl Countdown {
    pub(crate) fn left(&self, seconds: u32) {
        self.bar.set_message(format!("{} for {seconds} s; Ctrl-C ends it", self.what));
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Draws progress.
pub(crate) struct Bar {
    bar: ProgressBar,
    items: AtomicU64,
    quiet: bool,
}

impl Bar {
    /// What takes the bar away while somebody is asked.
    pub(crate) fn pause(&self) -> Pause {
        Pause(self.bar.clone())
    }
}

/// Takes a bar away for a while.
pub(crate) struct Pause(ProgressBar);

impl Pause {
    /// Without the bar.
    pub(crate) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.suspend(work)
    }
}

impl Progress for Bar {
    fn phase(&self, phase: Phase, bytes_total: Option<u64>) {
        self.items.store(0, Ordering::Relaxed);
        self.bar.reset();
        let style = match bytes_total {
            Some(total) => {
                self.bar.set_length(total);
                "{prefix} [{bar:30}] {bytes}/{total_bytes}, {msg} items, {bytes_per_sec}, {eta} left"
            }
            None => {
                self.bar.unset_length();
                "{prefix} {spinner} {bytes}, {msg} items, {bytes_per_sec}"
            }
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.set_message("0");
        self.bar.set_prefix(match phase {
            Phase::Scanning => "counting",
            Phase::Storing => "storing",
            Phase::Extracting => "writing",
            Phase::Checking => "checking",
            Phase::Copying => "copying",
            _ => "working",
        });
    }

    fn tight(&self, bytes_total: u64, space_left: u64) {
        if !self.quiet {
            let (total, left) = (size(bytes_total), size(space_left));
            tell(&format!("warning: {total} are added and {left} are left there; it may not fit"));
        }
    }

    fn bytes(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn item(&self) {
        let items = self.items.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.bar.set_message(items.to_string());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_a_terminal_is_left() {
        assert_eq!(escape("a\x1b[31m\u{9b}\u{7f}b"), "a\\u{1b}[31m\\u{9b}\\u{7f}b");
        assert_eq!(escape("evil\u{202e}gpj.exe\u{200d}"), "evil\\u{202e}gpj.exe\\u{200d}");
        assert_eq!(escape_bytes(b"caf\xe9 \xf0\x9f"), "caf\\xe9 \\xf0\\x9f");
        assert_eq!(escape("Ångström 한글 🎉"), "Ångström 한글 🎉");
        let text = json_text(&json!({ "a": "\u{9b}\u{202e}\u{e0001}\x1b" }));
        assert_eq!(text, "{\"a\":\"\\u009b\\u202e\\udb40\\udc01\\u001b\"}");
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["a"],
            "\u{9b}\u{202e}\u{e0001}\x1b"
        );
    }

    #[test]
    fn text_is_told_from_what_is_none() {
        for text in ["", "plain\n\ttext\r\n", "🎉"] {
            assert!(is_text(text.as_bytes()), "{text:?}");
        }
        for bytes in [&b"a\0"[..], b"\x1b[2J", b"caf\xe9 au lait", "\u{9b}2J".as_bytes()] {
            assert!(!is_text(bytes), "{bytes:?}");
        }
        assert!(is_text(&"🎉🎉".as_bytes()[2..6]));
    }

    #[test]
    fn sizes_have_their_unit() {
        let sizes = [0, 999, 1000, 999_949, 999_950, 12_345_678].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "12.3 MB"]);
    }
}
