//! Keys for people: roles, two locks, the page to print, and keys of other programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::support::tools::{at_terminal, has, program};
use crate::support::tree::files;
use crate::support::{Bench, PASSPHRASE, Ran};

const RECIPIENT: &str = "age1test1wdhk6etzdaj8j58wj93";
const IDENTITY: &str = "AGE-PLUGIN-TEST-1WDHK6ETZDAJ8J0S0G0X";
/// The same with a path for a name.
const RECIPIENT_OF_A_PATH: &str = "age1../test1wdhk6etzdaj8j3ac9p9";
const IDENTITY_OF_A_PATH: &str = "AGE-PLUGIN-../TEST-1WDHK6ETZDAJ8JGLPC94";

/// Runs a command with variables.
fn with(bench: &Bench, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = bench.command(args);
    command.envs(variables.iter().copied());
    Ran::of(command)
}

/// Opens the vault with the passphrase in a file.
fn by(bench: &Bench, file: &str, args: &[&str]) -> Ran {
    with(bench, &[("ICVAULT_PASSPHRASE_FILE", file)], args)
}

/// Runs a command at a terminal where somebody types these lines.
fn typed(bench: &Bench, command: &Command, answers: &str) -> Ran {
    bench.write("answers", answers);
    Ran::of(at_terminal(command, &bench.path("answers"), &bench.path("")))
}

fn write_export(bench: &Bench) {
    bench.write("export/note.txt", "hello");
    bench.write(
        "export/Passwords.csv",
        "Title,URL,Username,Password,Notes,OTPAuth\na,https://a.example,u,TopSecret99,,\n",
    );
}

fn recovery_code(ran: &Ran) -> String {
    let code = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("recovery code: "));
    code.unwrap().to_owned()
}

#[test]
fn an_add_passphrase_adds_and_reads_nothing() {
    let bench = Bench::with_vault();
    write_export(&bench);
    bench.open(["add", "export"]).succeeded();
    let new = [("ICVAULT_IDENTITY", "identity"), ("ICVAULT_NEW_PASSPHRASE_FILE", "passphrase")];
    with(&bench, &new, &["key", "add", "--role", "add", "--label", "server"]).succeeded();
    let adder = |args: &[&str]| by(&bench, "passphrase", args);

    bench.write("export/more.txt", "more of it");
    adder(&["add", "export"]).succeeded();
    assert!(adder(&["snapshots"]).succeeded().stdout.contains("3 items"));
    let info = adder(&["info"]).succeeded().stdout;
    assert!(info.contains("role:          add") && info.contains("2 snapshots"), "{info}");
    for args in [
        &["list"][..],
        &["cat", "note.txt"],
        &["extract", "-o", "back"],
        &["export", "export", "-o", "back"],
        &["check"],
        &["check", "--read-data"],
        &["add", "export", "--remove-source"],
        &["key", "add"],
        &["key", "add", "--recovery", "--kit", "kit.html"],
        &["key", "remove", "0", "--yes"],
        &["key", "passwd"],
    ] {
        let refused = adder(args).ended_with(13);
        assert!(refused.stderr.contains("this key may add"), "{args:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{args:?}: {}", refused.stderr);
    }
    assert!(!bench.path("back").exists() && !bench.path("kit.html").exists());
    assert!(bench.path("export/note.txt").exists());
    assert_eq!(bench.snapshots().len(), 2);
    adder(&["check", "--keyless"]).succeeded();

    let slots = adder(&["key", "list", "--json"]).succeeded().json();
    let slot = slots.as_array().unwrap().iter().find(|slot| slot["label"] == "server").unwrap();
    assert_eq!((&slot["role"], &slot["letter"]), (&"add".into(), &"a".into()));
    assert_eq!(slot["opens_with"], "passphrase");
    let listed = bench.open(["key", "list"]).succeeded().stdout;
    assert!(listed.lines().any(|line| line.contains("  a  passphrase     add ")), "{listed}");
    assert!(listed.lines().any(|line| line.contains("  k  key            full ")), "{listed}");
    assert!(listed.contains("(quantum: no)"), "{listed}");

    // Others read what it stored, and change its passphrase.
    assert_eq!(bench.open(["cat", "more.txt"]).succeeded().stdout, "more of it");
    bench.open(["check", "--read-data"]).succeeded();
    if has(&["python3", "age", "zstd"]) {
        let script = bench.path("v.icvault/reader.py");
        let args = ["list".as_ref(), "-p".as_ref(), "v.icvault".as_ref()];
        let mut reader =
            program("python3", [script.as_os_str()].into_iter().chain(args), &bench.path(""));
        reader.stdin(fs::File::open(bench.path("passphrase")).unwrap());
        let told = Ran::of(reader).ended_with(1);
        assert!(told.stderr.contains("may add, not read"), "{}", told.stderr);
    }
    bench.write("other", "an entirely different phrase");
    let new = [("ICVAULT_IDENTITY", "identity"), ("ICVAULT_NEW_PASSPHRASE_FILE", "other")];
    let id = slot["id"].as_str().unwrap();
    with(&bench, &new, &["key", "passwd", id]).succeeded();
    adder(&["info"]).ended_with(12);
    by(&bench, "other", &["list"]).ended_with(13);
}

#[test]
fn two_locks_are_two_passphrases() {
    let bench = Bench::new();
    write_export(&bench);
    let init = |file: &str| {
        let variables = [("ICVAULT_NEW_PASSPHRASE_FILE", file)];
        with(&bench, &variables, &["init", "v.icvault", "--two-locks"])
    };
    bench.write("one", format!("{PASSPHRASE}\n"));
    init("one").ended_with(2);
    bench.write("same", format!("{PASSPHRASE}\n{PASSPHRASE}\n"));
    let refused = init("same").ended_with(1);
    assert!(refused.stderr.contains("are the same"), "{}", refused.stderr);
    assert!(!bench.path("v.icvault").exists());
    bench.write("everyday", "a plain phrase for every day\n");
    bench.write("both", format!("{PASSPHRASE}\na plain phrase for every day\n"));
    let made = init("both").succeeded();
    bench.write("code", recovery_code(&made));
    for (file, role) in [("passphrase", "full"), ("code", "full"), ("everyday", "everyday")] {
        let info = by(&bench, file, &["info", "--json"]).succeeded().json();
        assert_eq!(info["role"], role, "{file}");
    }
    by(&bench, "everyday", &["add", "export"]).succeeded();
    by(&bench, "everyday", &["cat", "Passwords.csv"]).ended_with(4);
    assert!(by(&bench, "passphrase", &["cat", "Passwords.csv"]).succeeded().stdout.contains("99"));

    // A passphrase that opens a slot is not taken for another one, of whatever role.
    for (new, args) in [
        ("everyday", &["key", "add"][..]),
        ("code", &["key", "add", "--role", "add"]),
        ("everyday", &["key", "passwd"]),
    ] {
        let old = ("ICVAULT_PASSPHRASE_FILE", "passphrase");
        let variables = [old, ("ICVAULT_NEW_PASSPHRASE_FILE", new)];
        let refused = with(&bench, &variables, args).ended_with(1);
        assert!(refused.stderr.contains("opens slot"), "{}", refused.stderr);
    }
    let both = bench.command(["-i", "identity", "init", "w.icvault", "--two-locks"]);
    Ran::of(both).ended_with(2);
    let recipient = ["init", "w.icvault", "--two-locks", "--recipient", &bench.recipient];
    bench.run(recipient).ended_with(2);
}

#[test]
fn two_locks_are_asked_for() {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::new();
    let init = bench.command(["init", "v.icvault", "--two-locks"]);
    let everyday = "a plain phrase for every day";
    let same = format!("{PASSPHRASE}\n{PASSPHRASE}\n{PASSPHRASE}\n{PASSPHRASE}\n");
    typed(&bench, &init, &same).ended_with(1);
    typed(&bench, &init, &format!("{everyday}\nsomething else\n")).ended_with(1);
    assert!(!bench.path("v.icvault").exists());
    let answers = format!("{everyday}\n{everyday}\n{PASSPHRASE}\n{PASSPHRASE}\n");
    let made = typed(&bench, &init, &answers).succeeded();
    let (first, second) = (made.stdout.find("new everyday"), made.stdout.find("new full"));
    assert!(first.unwrap() < second.unwrap(), "{}", made.stdout);
    bench.write("everyday", everyday);
    for (file, role) in [("passphrase", "full"), ("everyday", "everyday")] {
        let info = by(&bench, file, &["info", "--json"]).succeeded().json();
        assert_eq!(info["role"], role);
    }
}

#[test]
fn words_are_made_up_for_who_gives_none() {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::new();
    let init = bench.command(["init", "v.icvault", "--no-recovery"]);
    // Typed wrongly for ever, nothing is made.
    let failed = typed(&bench, &init, "\nwrong\nwrong\nwrong\n").ended_with(1);
    assert!(failed.stdout.contains("not the same"), "{}", failed.stdout);
    assert!(!bench.path("v.icvault").exists());
    let made = typed(&bench, &init, "\nwrong\n@shown\n").succeeded();
    let words = made.stdout.lines().find_map(|line| line.strip_prefix("    ")).unwrap().trim_end();
    assert_eq!(words.split(' ').count(), 6, "{words}");
    assert!(!made.stdout.contains("easily guessed"), "{}", made.stdout);
    bench.write("words", words);
    by(&bench, "words", &["list"]).succeeded();
    // For another slot too.
    let add = {
        let mut command = bench.command(["key", "add", "--role", "everyday"]);
        command.env("ICVAULT_PASSPHRASE_FILE", "words");
        command
    };
    let added = typed(&bench, &add, "\n@shown\n").succeeded();
    let more = added.stdout.lines().find_map(|line| line.strip_prefix("    ")).unwrap().trim_end();
    assert_ne!(words, more);
    bench.write("more", more);
    by(&bench, "more", &["list"]).succeeded();
}

#[test]
fn a_weak_passphrase_is_warned_of_and_taken() {
    let bench = Bench::new();
    for (at, (passphrase, warned)) in
        [("Passw0rd!2024", true), ("k7#Vq9!mZ2xW", false)].into_iter().enumerate()
    {
        bench.write("new", passphrase);
        let path = format!("v{at}");
        let variables = [("ICVAULT_NEW_PASSPHRASE_FILE", "new")];
        let made = with(&bench, &variables, &["init", &path, "--no-recovery"]).succeeded();
        assert_eq!(made.stderr.contains("easily guessed"), warned, "{}", made.stderr);
        assert_eq!(made.stderr.contains("10,000 guesses a second"), warned, "{}", made.stderr);
    }
}

#[test]
fn the_page_to_print_holds_the_code() {
    let bench = Bench::new();
    let init = |path: &str, kit: &str| {
        let variables = [("ICVAULT_NEW_PASSPHRASE_FILE", "passphrase")];
        with(&bench, &variables, &["init", path, "--kit", kit])
    };
    let made = init("A <b> & C.icvault", "kit.html").succeeded();
    assert!(made.stderr.contains("print it, then delete the file"), "{}", made.stderr);
    assert_eq!(fs::metadata(bench.path("kit.html")).unwrap().permissions().mode() & 0o777, 0o600);
    let code = recovery_code(&made);
    let page = fs::read_to_string(bench.path("kit.html")).unwrap();
    assert!(page.contains(&code) && page.contains("A &lt;b&gt; &amp; C.icvault"), "{page}");
    for line in made.stdout.lines().filter(|line| line.starts_with("head code: ")) {
        assert!(page.contains(&line["head code: ".len()..]), "{line}");
    }
    let info = by(&bench, "passphrase", &["info", "--json"]).succeeded().json();
    for field in ["id", "fingerprint"] {
        assert!(page.contains(info[field].as_str().unwrap()), "{field}");
    }
    // It loads nothing and runs nothing.
    for word in ["http:", "https:", "<script", "src=", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(decoded(&page), code);
    bench.write("code", decoded(&page));
    by(&bench, "code", &["list"]).succeeded();

    // Never over a file, never into the vault, never without a code.
    init("w.icvault", "kit.html").ended_with(1);
    assert_eq!(fs::read_to_string(bench.path("kit.html")).unwrap(), page);
    init("w.icvault", "w.icvault/kit.html").ended_with(2);
    bench.run(["init", "w.icvault", "--no-recovery", "--kit", "other.html"]).ended_with(2);
    init("w.icvault", "no/such/folder/kit.html").ended_with(1);
    assert!(!bench.path("w.icvault").exists());
    // What was begun goes away when nothing comes of it.
    bench.write("nothing", "\n");
    let variables = [("ICVAULT_NEW_PASSPHRASE_FILE", "nothing")];
    with(&bench, &variables, &["init", "w.icvault", "--kit", "other.html"]).ended_with(2);
    assert!(!bench.path("other.html").exists() && !bench.path("w.icvault").exists());
}

/// What the QR code of a page says, with each square as four dots a side.
fn decoded(page: &str) -> String {
    let path = page.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
    let size = page.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap();
    let size: usize = size.parse().unwrap();
    let mut black = vec![vec![false; size]; size];
    for square in path.split('M').skip(1) {
        let place = square.strip_suffix("h1v1h-1z").unwrap();
        let (x, y) = place.split_once(' ').unwrap();
        black[y.parse::<usize>().unwrap()][x.parse::<usize>().unwrap()] = true;
    }
    let shade = |x: usize, y: usize| if black[y / 4][x / 4] { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(size * 4, size * 4, shade);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[test]
fn a_new_recovery_code_is_made_and_the_old_one_stays() {
    let bench = Bench::new();
    let variables = [("ICVAULT_NEW_PASSPHRASE_FILE", "passphrase")];
    let made = with(&bench, &variables, &["init", "v.icvault"]).succeeded();
    let args = ["key", "add", "--recovery", "--kit", "kit.html"];
    let added = by(&bench, "passphrase", &args).succeeded();
    let codes = [recovery_code(&made), recovery_code(&added)];
    assert_ne!(codes[0], codes[1]);
    assert_eq!(decoded(&fs::read_to_string(bench.path("kit.html")).unwrap()), codes[1]);
    for code in &codes {
        bench.write("code", code);
        let info = by(&bench, "code", &["info", "--json"]).succeeded().json();
        assert_eq!(info["role"], "full");
    }
    let kit = ["key", "add", "--recovery", "--kit", "v.icvault/kit.html"];
    by(&bench, "passphrase", &kit).ended_with(2);
    by(&bench, "passphrase", &["key", "add", "--kit", "more.html"]).ended_with(2);
    let slots = by(&bench, "code", &["key", "list", "--json"]).succeeded().json();
    let recovery = slots.as_array().unwrap().iter().filter(|slot| slot["letter"] == "r");
    assert_eq!(recovery.count(), 2);
}

/// An ssh key, locked when there is a passphrase; its public half.
fn ssh_key(bench: &Bench, file: &str, kind: &str, passphrase: &str) -> String {
    let args = ["-q", "-t", kind, "-C", "somebody", "-N", passphrase, "-f", file];
    Ran::of(program("ssh-keygen", args, &bench.path(""))).succeeded();
    fs::read_to_string(bench.path(&format!("{file}.pub"))).unwrap().trim_end().to_owned()
}

#[test]
fn an_ssh_key_opens_its_slot() {
    if !has(&["ssh-keygen", "python3", "age"]) {
        return;
    }
    let bench = Bench::new();
    write_export(&bench);
    let public = ssh_key(&bench, "id", "ed25519", "");
    let locked = ssh_key(&bench, "locked", "ed25519", "open says me");
    let rsa = ssh_key(&bench, "rsa", "rsa", "");

    // Never the only way in.
    let alone = ["init", "v.icvault", "--no-recovery", "--recipient", &public];
    let refused = bench.run(alone).ended_with(1);
    assert!(refused.stderr.contains("keep a passphrase or a recovery code"), "{}", refused.stderr);
    bench.run(["-i", "id", "init", "v.icvault", "--no-recovery"]).ended_with(1);
    for key in [rsa.as_str(), "ssh-ed25519 AAAA", "ssh-dss AAAA x", "age1nonsense"] {
        bench.run(["init", "v.icvault", "--recipient", key]).ended_with(2);
    }
    let told = bench.run(["init", "v.icvault", "--recipient", &rsa]).ended_with(2);
    assert!(told.stderr.contains("not of ed25519"), "{}", told.stderr);
    assert!(!bench.path("v.icvault/keys").exists());

    let made = bench.run(["init", "v.icvault", "--recipient", &public]).succeeded();
    bench.write("code", recovery_code(&made));
    bench.run(["-i", "id", "add", "export"]).succeeded();
    let more = ["-i", "id", "key", "add", "--role", "everyday", "--recipient", &locked];
    bench.run(more).succeeded();
    assert_eq!(bench.run(["-i", "id", "cat", "note.txt"]).succeeded().stdout, "hello");
    bench.run(["-i", "rsa", "list"]).ended_with(1);

    // A locked key's passphrase is asked for, and needs a terminal.
    bench.run(["-i", "locked", "list"]).ended_with(12);
    let list = bench.command(["-i", "locked", "list"]);
    typed(&bench, &list, "wrong\n").ended_with(12);
    let listed = typed(&bench, &list, "open says me\n").succeeded();
    assert!(listed.stdout.contains("note.txt"), "{}", listed.stdout);
    assert!(listed.stdout.contains("1 sealed item locked"), "{}", listed.stdout);

    let slots = bench.run(["-i", "id", "key", "list", "--json"]).succeeded().json();
    let slots = slots.as_array().unwrap();
    let of = |opens_with: &str| slots.iter().find(|slot| slot["opens_with"] == opens_with);
    assert_eq!(of("ssh key").unwrap()["quantum_safe"], false);
    let recovery = of("recovery code").unwrap();
    assert_eq!(recovery["quantum_safe"], true);
    // The code is all that stands beside the ssh key.
    let id = recovery["id"].as_str().unwrap();
    bench.run(["-i", "id", "key", "remove", id, "--yes"]).ended_with(1);
    by(&bench, "code", &["list"]).succeeded();

    // A stock age opens the slot.
    let ours = |path: &PathBuf| {
        let args = ["-d".as_ref(), "-i".as_ref(), "id".as_ref(), path.as_os_str()];
        Ran::of(program("age", args, &bench.path("")))
    };
    let slots = files(&bench.path("v.icvault/keys/a"));
    let opened = slots.iter().map(ours).filter(|ran| ran.code == 0);
    let bundles: Vec<String> = opened.map(|ran| ran.stdout).collect();
    assert_eq!(bundles.len(), 1);
    assert!(bundles[0].starts_with("# icvault key bundle 1\n"));
}

/// The commands with the plugin where programs are looked for.
struct Plugin<'b> {
    bench: &'b Bench,
}

impl<'b> Plugin<'b> {
    fn new(bench: &'b Bench) -> Self {
        let text = include_str!("support/age-plugin-test.py");
        bench.write("bin/age-plugin-test", text);
        let path = bench.path("bin/age-plugin-test");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        bench.write("plugin", format!("# made by the plugin\n{IDENTITY}\n"));
        Self { bench }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(args);
        // Before all others, so that none of this name that is installed runs.
        let path = std::env::var_os("PATH").unwrap();
        let folders = [self.bench.path("bin")].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args))
    }

    /// How often it ran so far, and in which way.
    fn runs(&self) -> Vec<String> {
        let ran = fs::read_to_string(self.bench.path("bin/ran")).unwrap_or_default();
        ran.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_plugins_key_opens_its_slot() {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::new();
    let plugin = Plugin::new(&bench);
    let path = bench.path("bin/age-plugin-test").canonicalize().unwrap();
    write_export(&bench);
    let alone = plugin.run(&["init", "v.icvault", "--no-recovery", "--recipient", RECIPIENT]);
    alone.ended_with(1);
    assert_eq!(plugin.runs(), [""; 0]);
    let made = plugin.run(&["init", "v.icvault", "--recipient", RECIPIENT]).succeeded();
    assert!(made.stderr.contains(path.to_str().unwrap()), "{}", made.stderr);
    assert_eq!(plugin.runs(), ["recipient-v1"]);
    bench.write("code", recovery_code(&made));
    let added = plugin.run(&["-i", "plugin", "add", "export"]).succeeded();
    assert!(added.stderr.contains(path.to_str().unwrap()), "{}", added.stderr);
    assert_eq!(plugin.runs(), ["recipient-v1", "identity-v1"]);
    assert_eq!(plugin.run(&["-i", "plugin", "cat", "note.txt"]).succeeded().stdout, "hello");

    // It talks to the person, and its text is no command to the terminal.
    bench.write("bin/asks", "");
    let list = plugin.command(&["-i", "plugin", "list"]);
    let answered = typed(&bench, &list, "sesame\n").succeeded();
    assert!(answered.stdout.contains("plugin: touch \\u{1b}[31mit"), "{}", answered.stdout);
    assert!(answered.stdout.contains("plugin: the word: "), "{}", answered.stdout);
    let refused = typed(&bench, &list, "wrong\n").ended_with(1);
    assert!(refused.stdout.contains("not for this one"), "{}", refused.stdout);
    plugin.run(&["-i", "plugin", "list"]).ended_with(1);
    fs::remove_file(bench.path("bin/asks")).unwrap();

    // Another key does not make it run, whatever stands in the vault.
    let before = plugin.runs().len();
    let mut list = plugin.command(&["list"]);
    list.env("ICVAULT_PASSPHRASE_FILE", "code");
    Ran::of(list).succeeded();
    plugin.run(&["-i", "identity", "list"]).ended_with(12);
    let mut slots = plugin.command(&["key", "list"]);
    slots.env("ICVAULT_PASSPHRASE_FILE", "code");
    let slots = Ran::of(slots).succeeded().stdout;
    assert!(slots.contains("  k  plugin         full "), "{slots}");
    assert_eq!(plugin.runs().len(), before);
}

#[test]
fn a_plugin_is_a_program_in_a_fixed_place() {
    if !has(&["python3"]) {
        return;
    }
    let bench = Bench::new();
    let plugin = Plugin::new(&bench);
    plugin.run(&["init", "v.icvault", "--recipient", RECIPIENT]).succeeded();
    let before = plugin.runs();
    let missing = bench.run(["-i", "plugin", "list"]).ended_with(1);
    assert!(missing.stderr.contains("no program age-plugin-test"), "{}", missing.stderr);
    let mut relative = bench.command(["-i", "plugin", "list"]);
    relative.env("PATH", "bin:/usr/bin:/bin");
    let refused = Ran::of(relative).ended_with(1);
    assert!(refused.stderr.contains("relative folders out of PATH"), "{}", refused.stderr);
    let mut logged = plugin.command(&["-i", "plugin", "list"]);
    logged.env("AGEDEBUG", "plugin");
    Ran::of(logged).ended_with(2);
    // A name is no path.
    bench.write("bin/age-plugin-../test", "");
    bench.run(["init", "w.icvault", "--recipient", RECIPIENT_OF_A_PATH]).ended_with(2);
    bench.write("path", IDENTITY_OF_A_PATH);
    plugin.run(&["-i", "path", "list"]).ended_with(2);
    plugin.run(&["-i", "plugin", "init", "w.icvault"]).ended_with(2);
    assert_eq!(plugin.runs(), before);
}
