//! A writer that is killed at any instant, and two writers at once: what was committed stays, what
//! was not does not appear, and the next one goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::Bench;
use crate::support::tools::Random;
use crate::support::tree::{assert_same, copy};

/// How often the writer is killed.
const KILLS: u64 = 200;
/// After how many rounds one is left to end.
const PAUSE: u64 = 10;
/// Microseconds that no add takes.
const FOREVER: u64 = 600_000_000;
/// After how many rounds every byte is read.
const THOROUGH: u64 = 20;
/// The seed of the instants.
const SEED: u64 = 0x6b69_6c6c;

#[test]
fn a_killed_add_loses_nothing_that_was_committed() {
    let bench = Bench::with_vault_in_memory();
    let mut random = Random(SEED);
    change(&bench, 0, &mut random);
    let begun = Instant::now();
    bench.open(["add", "export"]).succeeded();
    let mut usual = begun.elapsed();
    let (mut landed, mut killed, mut round) = (0, 0, 0);
    let mut committed = bench.snapshots();
    while killed < KILLS {
        round += 1;
        change(&bench, round, &mut random);
        // Every now and then one may end, which tells how slow the machine and the vault are by now.
        let limit = if round % PAUSE == 0 { FOREVER } else { random.below(micros(usual) + 1) };
        let ended = kill_after(spawn(&bench), Duration::from_micros(limit));
        match ended {
            Some(took) => usual = took,
            None => killed += 1,
        }
        bench.open(["list"]).succeeded();
        bench.open(["check"]).succeeded();
        let found = bench.snapshots();
        let lost = committed.difference(&found).next();
        assert_eq!(lost, None, "round {round}");
        let new = found.difference(&committed).count();
        assert!(new <= 1, "round {round}: {new} snapshots of one add");
        assert!(ended.is_none() || new == 1, "round {round}: add said it was done");
        landed += new;
        committed = found;
        if new == 1 {
            assert_back(&bench, &format!("back-{round}"));
        }
        if round % THOROUGH == 0 {
            bench.open(["check", "--read-data"]).succeeded();
        }
    }
    // Both outcomes were seen, or this test says nothing.
    assert!(landed > 0 && u64::try_from(landed).unwrap() < round, "{landed} of {round} landed");
    bench.open(["add", "export"]).succeeded();
    assert_eq!(fs::read_dir(bench.path("v.icvault/tmp")).unwrap().count(), 0);
    assert_back(&bench, "back");
    bench.open(["check", "--read-data"]).succeeded();
}

#[test]
fn two_adds_at_once_both_land() {
    let bench = Bench::with_vault_in_memory();
    let mut random = Random(SEED);
    for round in 0..12 {
        let before = bench.snapshots();
        for (at, name) in ["one", "two"].into_iter().enumerate() {
            bench.write(&format!("{name}/shared"), random.0.to_le_bytes());
            bench.write(&format!("{name}/{round}-{at}"), random.bytes(40_000));
        }
        // The same source in every third round: two snapshots of it, neither over the other.
        let sources = if round % 3 == 0 { ["same", "same"] } else { ["one", "two"] };
        let running = ["one", "two"].into_iter().zip(sources).map(|(folder, source)| {
            let mut command = bench.command(["add", folder, "--as", source]);
            command.env("ICVAULT_IDENTITY", "identity").stdout(Stdio::null());
            (folder, command.spawn().unwrap())
        });
        let running: Vec<(&str, Child)> = running.collect();
        for (folder, mut child) in running {
            assert!(child.wait().unwrap().success(), "round {round}: {folder}");
        }
        let after = bench.snapshots();
        assert!(before.is_subset(&after), "round {round}");
        assert_eq!(after.len(), before.len() + 2, "round {round}");
        if sources[0] != sources[1] {
            let back = format!("back-{round}");
            for source in sources {
                let to = format!("{back}/{source}");
                bench.open(["extract", source, "-o", &to]).succeeded();
                assert_same(&bench.path(source), &bench.path(&to));
            }
        }
        bench.open(["check"]).succeeded();
    }
    bench.open(["check", "--read-data"]).succeeded();
    assert_eq!(fs::read_dir(bench.path("v.icvault/tmp")).unwrap().count(), 0);
}

/// Every export differs from all before it, in both compartments.
fn change(bench: &Bench, round: u64, random: &mut Random) {
    let length = 1 + usize::try_from(random.below(60_000)).unwrap();
    bench.write(&format!("export/{}/changing", round % 7), random.bytes(length));
    bench.write("export/round.txt", format!("{round}\n"));
    let head = "Title,URL,Username,Password,Notes,OTPAuth";
    bench.write("export/Passwords.csv", format!("{head}\na,https://a.example,u,word{round},,\n"));
}

fn spawn(bench: &Bench) -> Child {
    let mut command = bench.command(["add", "export"]);
    command.env("ICVAULT_IDENTITY", "identity").stdout(Stdio::null());
    command.spawn().unwrap()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap()
}

/// Kills it after so long; how long it took when it was done before.
fn kill_after(mut child: Child, limit: Duration) -> Option<Duration> {
    let begun = Instant::now();
    let deadline = begun + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return Some(begun.elapsed());
        }
        if Instant::now() >= deadline {
            child.kill().unwrap();
            let status = child.wait().unwrap();
            return status.success().then(|| begun.elapsed());
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn assert_back(bench: &Bench, to: &str) {
    bench.open(["extract", "-o", to]).succeeded();
    let (wanted, back) = (bench.path(&format!("{to}-wanted")), bench.path(to));
    // Times and modes apart: a sealed file is private when it comes back.
    copy(&bench.path("export"), &wanted);
    assert_contents(&wanted, &back);
    fs::remove_dir_all(wanted).unwrap();
    fs::remove_dir_all(back).unwrap();
}

fn assert_contents(one: &Path, other: &Path) {
    let contents = |folder: &Path| -> BTreeMap<_, _> {
        let tree = crate::support::tree::tree(folder).into_iter();
        tree.map(|(path, entry)| (path, (entry.letter, entry.content))).collect()
    };
    assert!(contents(one) == contents(other), "{one:?} and {other:?} differ");
}
