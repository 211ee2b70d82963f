//! A file that is larger than memory should have to be, and very many small ones. A tenth of the
//! sizes that are promised, and all of them with `ICVAULT_TEST_FULL=1`.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::support::tools::{Random, has, program};
use crate::support::{Bench, Ran};

/// The length of the large file.
const LENGTH: u64 = 6 << 30;
/// How many small files there are.
const FILES: u64 = 300_000;
/// What a process may take of memory, in KiB.
const MEMORY_MAX_KIB: u64 = 150 * 1024;

fn scaled(size: u64) -> u64 {
    let full = std::env::var_os("ICVAULT_TEST_FULL").is_some_and(|value| value == "1");
    if full { size } else { size / 10 }
}

#[test]
fn a_large_file_takes_little_memory() {
    if !has(&["time"]) {
        return;
    }
    let bench = Bench::with_vault();
    fs::create_dir(bench.path("export")).unwrap();
    let path = bench.path("export/large");
    let file = File::create_new(&path).unwrap();
    let length = scaled(LENGTH) + 12_345;
    file.set_len(length).unwrap();
    let mut random = Random(0x6c61_7267);
    for _ in 0..60 {
        file.write_all_at(&random.bytes(500_000), random.below(length - 500_000)).unwrap();
    }
    within_memory(&bench, &["add", "export"]);
    within_memory(&bench, &["extract", "-o", "back"]);
    assert_equal(&path, &bench.path("back/large"));
    within_memory(&bench, &["check", "--read-data"]);
}

#[test]
fn many_small_files_take_little_memory() {
    if !has(&["time"]) {
        return;
    }
    let bench = Bench::with_vault();
    let number = scaled(FILES);
    let content = |at: u64| format!("the content of file {at}\n");
    let place = |at: u64| format!("{}/{}/file {at}.txt", at % 10, at % 97);
    for at in 0..number {
        bench.write(&format!("export/{}", place(at)), content(at));
    }
    within_memory(&bench, &["add", "export"]);
    within_memory(&bench, &["list"]);
    within_memory(&bench, &["extract", "-o", "back"]);
    for at in 0..number {
        let back = fs::read_to_string(bench.path(&format!("back/{}", place(at)))).unwrap();
        assert_eq!(back, content(at));
    }
    // Nothing changed, so that nothing is stored.
    let again = bench.open(["add", "export"]).succeeded();
    assert!(!again.stdout.contains("\nnew: "), "{}", again.stdout);
}

/// Runs it, and looks at how much memory it had at most.
#[track_caller]
fn within_memory(bench: &Bench, args: &[&str]) {
    let command = bench.command(args);
    let measured = bench.path("measured");
    let own = ["-f", "%M", "-o"].map(str::as_ref).into_iter().chain([measured.as_os_str()]);
    let all = own.chain([command.get_program()]).chain(command.get_args());
    let mut timed = program("time", all, &bench.path(""));
    timed.env("ICVAULT_IDENTITY", "identity").env("ICVAULT_STATE", bench.path("state"));
    Ran::of(timed).succeeded();
    let kib: u64 = fs::read_to_string(measured).unwrap().trim().parse().unwrap();
    assert!(kib <= MEMORY_MAX_KIB, "{args:?} took {kib} KiB");
}

fn assert_equal(one: &Path, other: &Path) {
    let (mut left, mut right) = (File::open(one).unwrap(), File::open(other).unwrap());
    let length = left.metadata().unwrap().len();
    assert_eq!(length, right.metadata().unwrap().len());
    let (mut here, mut there) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut offset = 0;
    while offset < length {
        let next = usize::try_from((length - offset).min(1 << 20)).unwrap();
        left.read_exact(&mut here[..next]).unwrap();
        right.read_exact(&mut there[..next]).unwrap();
        assert!(here[..next] == there[..next], "in the MiB at {offset}");
        offset += next as u64;
    }
}
