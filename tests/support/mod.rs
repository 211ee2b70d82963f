//! Runs the binary as a person does, with nothing of theirs around it.

pub(crate) mod tools;
pub(crate) mod tree;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use vault::payload::Identity;

/// A folder with an identity file and a passphrase file; every command runs in it.
pub(crate) struct Bench {
    folder: TempDir,
    /// The recipient of the identity.
    pub(crate) recipient: String,
    /// The secret line of the identity.
    pub(crate) secret: String,
}

/// The passphrase in the file `passphrase`.
pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

impl Bench {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(folder: TempDir) -> Self {
        let identity = Identity::generate();
        let secret = identity.expose().as_str().to_owned();
        fs::write(folder.path().join("identity"), format!("# a key\n{secret}\n")).unwrap();
        fs::write(folder.path().join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        Self { folder, recipient: identity.recipient().to_string(), secret }
    }

    /// With a vault `v.icvault` that the identity opens.
    pub(crate) fn with_vault() -> Self {
        let bench = Self::new();
        bench.run(["-i", "identity", "init", "v.icvault", "--no-recovery"]).succeeded();
        bench
    }

    /// As [`Self::with_vault`], in memory where the system has such a place: a killed process loses
    /// nothing that was written, so that nothing has to reach a drive.
    pub(crate) fn with_vault_in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let bench = Self::within(folder);
        bench.run(["-i", "identity", "init", "v.icvault", "--no-recovery"]).succeeded();
        bench
    }

    /// A path in the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file and the folders it is in.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The command with these arguments and nothing of the environment.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icvault"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("ICVAULT_STATE", self.path("state"));
        command
    }

    /// Runs it.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args))
    }

    /// Runs it with the identity, on the only vault in the folder.
    pub(crate) fn open<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let mut command = self.command(args);
        command.env("ICVAULT_IDENTITY", "identity");
        Ran::of(command)
    }

    /// The ids of all snapshots.
    pub(crate) fn snapshots(&self) -> BTreeSet<String> {
        let listed = self.open(["snapshots", "--json"]).succeeded().json();
        let ids = listed.as_array().unwrap().iter();
        ids.map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Standard output as it is.
    pub(crate) bytes: Vec<u8>,
}

impl Ran {
    pub(crate) fn of(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        Self {
            code: status.code().unwrap(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            bytes: stdout,
        }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.ended_with(0)
    }

    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// The folder of the sample exports.
pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").canonicalize().unwrap()
}
