//! A medium that fills up: an `add` that finds no room leaves the vault as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::tools::{Random, skipped};
use crate::support::tree::files;
use crate::support::{Bench, Ran};

/// How much more than the vault is there in each round, in KiB. An add of the export below needs
/// 427 KiB in files of 4 to 300.
const ROOM_KIB: &[u64] = &[0, 4, 8, 16, 40, 72, 100, 150, 200, 260, 300, 340, 370, 400, 410, 420];

#[test]
fn a_full_medium_leaves_the_vault_as_it_was() {
    let bench = Bench::new();
    let Some(medium) = Medium::mount(&bench.path("medium")) else {
        return skipped("no tmpfs can be mounted (needs root)");
    };
    let vault = "medium/v.icvault";
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_VAULT", vault);
        Ran::of(command)
    };
    run(&["-i", "identity", "init", vault, "--no-recovery"]).succeeded();
    let mut random = Random(0x6675_6c6c);
    bench.write("export/one", random.bytes(100_000));
    run(&["add", "export"]).succeeded();
    let (listed, snapshots) = (run(&["list", "-l"]).stdout, run(&["snapshots"]).stdout);

    bench.write("export/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n");
    for room in ROOM_KIB {
        // What an add before this one had finished is not stored again, so there is more each time.
        bench.write("export/two", random.bytes(300_000));
        medium.resize(medium.used_kib() + room);
        let added = run(&["add", "export"]);
        assert_eq!(added.code, 14, "{room} KiB: {}{}", added.stdout, added.stderr);
        assert!(added.stderr.contains("space"), "{}", added.stderr);
        assert_eq!(run(&["list", "-l"]).succeeded().stdout, listed, "{room} KiB");
        assert_eq!(run(&["snapshots"]).succeeded().stdout, snapshots, "{room} KiB");
        run(&["check", "--read-data"]).succeeded();
        assert_eq!(files(&bench.path(&format!("{vault}/tmp"))), Vec::<PathBuf>::new());
    }
    medium.resize(medium.used_kib() + 4096);
    run(&["add", "export"]).succeeded();
    run(&["check", "--read-data"]).succeeded();
    assert_eq!(run(&["cat", "two"]).succeeded().bytes, fs::read(bench.path("export/two")).unwrap());
}

/// A file system in memory of a size.
struct Medium(PathBuf);

impl Medium {
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mounted = run(&["mount", "-t", "tmpfs", "-o", "size=8m", "none"], path);
        mounted.then(|| Self(path.to_owned()))
    }

    fn resize(&self, kib: u64) {
        assert!(run(&["mount", "-o", &format!("remount,size={kib}k")], &self.0));
    }

    fn used_kib(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.0).unwrap();
        (stat.f_blocks - stat.f_bfree) * stat.f_frsize / 1024
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        run(&["umount", "-l"], &self.0);
    }
}

fn run(command: &[&str], path: &Path) -> bool {
    let [program, args @ ..] = command else { return false };
    let mut command: Command = Command::new(program);
    let status = command.args(args).arg(path).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
