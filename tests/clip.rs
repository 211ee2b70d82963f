//! The clipboard, with scripts in the place of the programs that copy and paste: what they are
//! given, and what is left there afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

use crate::support::tools::{at_terminal, has};
use crate::support::{Bench, Ran};

const SECRET: &str = "  blanks matter ";
const LOGINS: &str = "Title,URL,Username,Password,Notes,OTPAuth\n\
    bank.example (anna),https://bank.example/,anna,  blanks matter ,\"two\nlines\",\
    otpauth://totp/bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8\n";

/// Longer than any test should take, shorter than a hang.
const SOON: Duration = Duration::from_secs(60);

/// Takes standard input into the clipboard, and keeps what was ever there.
const TAKE: &str = "cat > new; cat new >> copied; mv new clipboard";
const PASTE: &str = "cat clipboard";
const WL_COPY: &str = "case \"$*\" in
    --help) echo \"  -t, --type TYPE\"; exit ;;
    *--sensitive*) exit 1 ;;
    --clear) : > clipboard; exit ;;
    esac";
/// Leaves a process behind that serves the clipboard and has all that it was given still open.
const XCLIP: &str = "case \"$*\" in
    *-o) cat clipboard; exit ;;
    esac
    sleep 120 & echo $! >> servers";

/// A bench with a vault that has one login, and programs that write down how they are called.
struct Desk {
    bench: Bench,
    path: String,
}

impl Desk {
    fn new(programs: &[(&str, &str)]) -> Self {
        let bench = Bench::new();
        for (name, script) in programs {
            let text = format!(
                "#!/bin/sh\ncd {}\necho {name} \"$@\" >> calls\nenv >> calls\n{script}\n",
                bench.path("desk").display()
            );
            bench.write(&format!("bin/{name}"), text);
            let all = fs::Permissions::from_mode(0o755);
            fs::set_permissions(bench.path("bin").join(name), all).unwrap();
        }
        bench.write("desk/clipboard", "");
        bench.run(["-i", "identity", "init", "v.icvault", "--no-recovery"]).succeeded();
        bench.write("export/Passwords.csv", LOGINS);
        bench.open(["add", "export"]).succeeded();
        let path = format!("{}:/usr/bin:/bin", bench.path("bin").display());
        Self { bench, path }
    }

    /// The command that shows the login, where these variables are set.
    fn show(&self, args: &[&str], displays: &[&str]) -> Command {
        let mut command = self.bench.command(["show", "Passwords.csv"].iter().chain(args));
        command.env("ICVAULT_IDENTITY", "identity").env("PATH", &self.path);
        command.envs(displays.iter().map(|name| (name, ":0")));
        command
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.bench.path("desk").join(file)).unwrap_or_default()
    }

    /// What was left running to serve the clipboard.
    fn servers(&self) -> Vec<Pid> {
        let pids = self.read("servers");
        pids.lines().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect()
    }

    /// Starts it and waits until something is in the clipboard.
    fn started(&self, mut command: Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.process_group(0).spawn().unwrap();
        let begun = Instant::now();
        while self.read("clipboard").is_empty() {
            assert!(begun.elapsed() < SOON, "nothing came into the clipboard");
            thread::sleep(Duration::from_millis(10));
        }
        child
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for server in self.servers() {
            let _ = kill_process(server, Signal::KILL);
        }
    }
}

fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        bytes: Vec::new(),
    }
}

#[test]
fn a_secret_goes_through_standard_input_alone_and_does_not_stay() {
    let take = |script: &str| format!("{script}\n{TAKE}");
    let [wl_copy, xclip] = [WL_COPY, XCLIP].map(take);
    let all = [
        ("wl-copy", wl_copy.as_str()),
        ("wl-paste", PASTE),
        ("xclip", xclip.as_str()),
        ("pbcopy", TAKE),
        ("pbpaste", PASTE),
    ];
    // The nearest to where somebody is comes first.
    let cases: [(&[&str], &str, &[&str]); 3] = [
        (&["WAYLAND_DISPLAY", "DISPLAY"], "wl-copy", &["--type text/plain", "--clear"]),
        (&["DISPLAY"], "xclip", &["-selection clipboard", "-selection clipboard -o"]),
        (&[], "pbcopy", &[""]),
    ];
    let desk = Desk::new(&all);
    for (displays, program, args) in cases {
        for file in ["calls", "copied"] {
            desk.bench.write(&format!("desk/{file}"), "");
        }
        let begun = Instant::now();
        let ran = Ran::of(desk.show(&["--clip=1s"], displays)).succeeded();
        assert!(begun.elapsed() >= Duration::from_secs(1));
        assert!(begun.elapsed() < SOON, "{program}: waits for what serves the clipboard");
        assert_eq!([desk.read("copied"), desk.read("clipboard")], [SECRET, ""], "{program}");
        assert_eq!(ran.stdout, "");
        let told = "note: in the clipboard for 1 s\nnote: the clipboard was cleared\n";
        assert!(ran.stderr.ends_with(told), "{}", ran.stderr);
        // What is old enough to know no mark is not careful with files either.
        assert_eq!(ran.stderr.contains("warning: "), program == "wl-copy", "{}", ran.stderr);
        let calls = desk.read("calls");
        assert!(!calls.contains("blanks"), "in the arguments or environment: {calls}");
        for args in args {
            let call = format!("{program} {args}");
            assert!(calls.lines().any(|line| line == call.trim_end()), "{call}: {calls}");
        }
        let others = all.iter().filter(|(other, _)| other.get(..2) != program.get(..2));
        for (other, _) in others {
            assert!(!calls.lines().any(|line| line.starts_with(other)), "{other}: {calls}");
        }
    }
}

#[test]
fn it_is_marked_as_a_secret_where_that_can_be() {
    let newer = format!("case \"$*\" in --help) echo --sensitive; exit ;; esac\n{TAKE}");
    let desk = Desk::new(&[("wl-copy", &newer), ("wl-paste", PASTE)]);
    let mut show = desk.show(&["--clip=1"], &["WAYLAND_DISPLAY"]);
    show.env("XDG_RUNTIME_DIR", "/run/in-memory");
    let ran = Ran::of(show).succeeded();
    assert!(!ran.stderr.contains("warning: "), "{}", ran.stderr);
    let calls = desk.read("calls");
    assert!(calls.contains("\nwl-copy --type text/plain --sensitive\n"), "{calls}");
    // What it keeps in a file is not on a drive.
    assert!(calls.contains("\nTMPDIR=/run/in-memory\n"), "{calls}");
    assert_eq!(desk.read("copied"), SECRET);
}

#[test]
fn what_somebody_else_copied_meanwhile_is_left() {
    let desk = Desk::new(&[("pbcopy", TAKE), ("pbpaste", PASTE)]);
    for other in ["other", "  blanks matter", "  blanks matter !", ""] {
        desk.bench.write("desk/clipboard", "");
        let child = desk.started(desk.show(&["--clip=2s"], &[]));
        desk.bench.write("desk/clipboard", other);
        let ran = ended(child).succeeded();
        assert_eq!(desk.read("clipboard"), other);
        let told = "note: the clipboard no longer holds it, and was left as it is\n";
        assert!(ran.stderr.ends_with(told), "{}", ran.stderr);
    }
}

#[test]
fn a_signal_clears_it_at_once() {
    let xclip = format!("{XCLIP}\n{TAKE}");
    let desk = Desk::new(&[("xclip", &xclip)]);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143)] {
        let begun = Instant::now();
        let child = desk.started(desk.show(&["--clip=60m"], &["DISPLAY"]));
        assert_eq!(desk.read("clipboard"), SECRET);
        // As a terminal does it, to all that is in front; what serves the clipboard must live on.
        let group = Pid::from_child(&child);
        for server in desk.servers() {
            assert_ne!(getpgid(Some(server)), Ok(group));
        }
        kill_process_group(group, signal).unwrap();
        let ran = ended(child).ended_with(code);
        assert!(begun.elapsed() < SOON);
        assert!(ran.stderr.ends_with("note: the clipboard was cleared\n"), "{}", ran.stderr);
        assert_eq!(desk.read("clipboard"), "");
    }
}

#[test]
fn seconds_are_counted_down_at_a_terminal() {
    if !has(&["python3"]) {
        return;
    }
    let desk = Desk::new(&[("pbcopy", TAKE), ("pbpaste", PASTE)]);
    desk.bench.write("answers", "");
    let mut show = desk.show(&["--clip=2"], &[]);
    show.env("TERM", "xterm");
    let typed = at_terminal(&show, &desk.bench.path("answers"), &desk.bench.path(""));
    let ran = Ran::of(typed).succeeded();
    for seconds in [2, 1] {
        let line = format!("in the clipboard for {seconds} s; Ctrl-C ends it");
        assert!(ran.stdout.contains(&line), "{}", ran.stdout);
    }
    assert!(ran.stdout.ends_with("note: the clipboard was cleared\r\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("note: in the clipboard"), "said twice: {}", ran.stdout);
}

#[test]
fn without_a_program_that_works_it_fails() {
    let none = Desk::new(&[]);
    let mut show = none.show(&["--clip"], &["DISPLAY", "WAYLAND_DISPLAY"]);
    show.env("PATH", none.bench.path("bin"));
    let ran = Ran::of(show).ended_with(1);
    assert!(ran.stderr.contains("no program for a clipboard") && ran.stderr.contains("hint: "));
    // One that copies is of no use when nothing tells what is to be cleared.
    let half = Desk::new(&[("pbcopy", TAKE)]);
    let mut show = half.show(&["--clip"], &[]);
    show.env("PATH", half.bench.path("bin"));
    Ran::of(show).ended_with(1);
    assert_eq!(half.read("copied"), "");

    let broken = Desk::new(&[("pbcopy", "exit 3"), ("pbpaste", PASTE)]);
    let ran = Ran::of(broken.show(&["--clip"], &[])).ended_with(1);
    assert!(ran.stderr.contains("pbcopy did not copy it: exit status: 3"), "{}", ran.stderr);
    let silent = Desk::new(&[("pbcopy", TAKE), ("pbpaste", "exec sleep 120")]);
    let ran = Ran::of(silent.show(&["--clip=1"], &[])).ended_with(1);
    assert!(ran.stderr.contains("the clipboard may still hold it: timed out"), "{}", ran.stderr);
}

#[test]
fn what_is_copied_is_what_was_asked_for() {
    let desk = Desk::new(&[("pbcopy", TAKE), ("pbpaste", PASTE)]);
    let copied = |args: &[&str]| {
        desk.bench.write("desk/copied", "");
        Ran::of(desk.show(args, &[])).succeeded();
        desk.read("copied")
    };
    assert_eq!(copied(&["--clip=1", "-f", "user"]), "anna");
    assert_eq!(copied(&["--clip=1", "-f", "note"]), "two\nlines");
    let code = copied(&["--clip=1", "--totp"]);
    assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    desk.bench.write("desk/copied", "");
    for (args, code) in [
        (&["--clip", "-f", "nothing"][..], 4),
        (&["--clip=0"], 2),
        (&["--clip=61m"], 2),
        (&["--clip", "--reveal"], 2),
        (&["--clip", "--json"], 2),
    ] {
        Ran::of(desk.show(args, &[])).ended_with(code);
    }
    assert_eq!(desk.read("copied"), "");
}
