//! The command line and the environment, all that is read of either.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};

/// An encrypted, deduplicated vault for what people export from iCloud.
#[derive(Parser)]
#[command(name = "icvault", version, disable_version_flag = true, max_term_width = 100)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(
    after_help = "Begin with `icvault tour`. Passphrases are asked for, or read from the file \
    ICVAULT_PASSPHRASE_FILE, the descriptor ICVAULT_PASSPHRASE_FD or the output of \
    ICVAULT_PASSPHRASE_COMMAND; they are never given on the command line."
)]
pub(crate) struct Args {
    /// The vault's folder [else ICVAULT_VAULT, else the only *.icvault folder here]
    #[arg(short = 'V', long, global = true, value_name = "PATH")]
    pub(crate) vault: Option<PathBuf>,
    /// A file with AGE-SECRET-KEY or AGE-PLUGIN lines, or an ssh-ed25519 key; - for stdin [else
    /// ICVAULT_IDENTITY]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// Print errors and asked-for data only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Show how it works with a throw-away vault and a sample export
    Tour(Tour),
    /// Create a vault
    Init(Init),
    /// Store an export as the next snapshot of its source
    #[command(alias = "backup")]
    Add(Add),
    /// List what was added and when
    #[command(aliases = ["log", "versions"])]
    Snapshots(Snapshots),
    /// List the items of a snapshot
    #[command(alias = "ls")]
    List(List),
    /// Find items and records of all snapshots by name, person, host, date and kind
    Find(Find),
    /// Show one record for people: a login, a card, a certificate
    Show(Show),
    /// List certificates and keys: for whom, by whom, until when
    Certs(Certs),
    /// Write the bytes of an item to stdout
    Cat(Cat),
    /// Say when an item or record changed
    History(History),
    /// Say what differs between two snapshots, or a snapshot and an export on disk
    Diff(Diff),
    /// Write what is missing now as files that the apps import
    Recover(Recover),
    /// Write items into a folder
    #[command(alias = "restore")]
    Extract(Extract),
    /// Write a snapshot as a tar archive
    Export(Export),
    /// Verify the vault
    #[command(alias = "verify")]
    Check(Check),
    /// Bring copies on other drives up to date
    Copy(CopyTo),
    /// Say what is known of the vault, with or without a key
    Info(Info),
    /// List and change what opens the vault
    #[command(subcommand)]
    Key(Key),
    /// Print a script that completes commands in a shell
    Completions(Completions),
    /// Print the manual page
    Man,
    /// Print the table of exit codes
    ExitCodes,
}

#[derive(clap::Args)]
pub(crate) struct Tour {
    /// An export of your own instead of the sample
    pub(crate) path: Option<PathBuf>,
    /// Make everything in this new folder and keep it
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(clap::Args)]
#[command(after_help = NEW_PASSPHRASES)]
pub(crate) struct Init {
    /// The folder to make
    pub(crate) path: PathBuf,
    /// Lock it to the owner of this key instead of a passphrase: age1…, age1PLUGIN1… or
    /// "ssh-ed25519 …"; may be repeated
    #[arg(long, value_name = "RECIPIENT")]
    pub(crate) recipient: Vec<String>,
    /// Two passphrases: one for every day that opens all but sealed items, and a full one
    #[arg(long, conflicts_with = "recipient")]
    pub(crate) two_locks: bool,
    /// Make no recovery code
    #[arg(long)]
    pub(crate) no_recovery: bool,
    /// Also write a page to print, with the recovery code and how to open the vault, as HTML into
    /// this new file
    #[arg(long, value_name = "FILE", conflicts_with = "no_recovery")]
    pub(crate) kit: Option<PathBuf>,
}

/// How a script gives new passphrases.
const NEW_PASSPHRASES: &str = "A new passphrase is asked for twice; six words are made up when the \
    answer is empty. A script gives it in the first line of the file ICVAULT_NEW_PASSPHRASE_FILE; with \
    --two-locks the first line is the full passphrase, the second the one for every day.";
/// The same for one passphrase.
const NEW_PASSPHRASE: &str = "A new passphrase is asked for twice; six words are made up when the \
    answer is empty. A script gives it in the first line of the file ICVAULT_NEW_PASSPHRASE_FILE.";

#[derive(clap::Args)]
#[command(group = ArgGroup::new("seal").multiple(false), after_help = ADDING)]
pub(crate) struct Add {
    /// What to store: the inside of a folder, or several folders and files under their names; - for
    /// a tar archive on stdin
    #[arg(required = true)]
    pub(crate) path: Vec<PathBuf>,
    /// The source this is the next snapshot of [else the one that holds the same things, else the
    /// path's name without dates and counters]
    #[arg(long = "as", value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// A remark to find the snapshot by
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// Seal everything, not only what is recognised as secret
    #[arg(long, group = "seal")]
    pub(crate) sealed: bool,
    /// Seal nothing
    #[arg(long, group = "seal")]
    pub(crate) general: bool,
    /// What is not recognised is of this kind: `note` makes notes of texts
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Remove what was added, once it was read back from the medium and compared
    #[arg(long)]
    pub(crate) remove_source: bool,
    /// Leave out what this fits: *.tmp, cache, Photos/**/*.mov; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// The time of the export, for one that was made earlier [else now]
    #[arg(long, value_name = "DATE")]
    pub(crate) time: Option<String>,
    /// What is missing since the last one is gone on purpose: tell it, and suspect nothing
    #[arg(long)]
    pub(crate) expected: bool,
    /// Suspect the export when so much of a kind is missing: contact=10%, mail=off, all=off; may be
    /// repeated
    #[arg(long, value_name = "KIND=PERCENT%")]
    pub(crate) alarm: Vec<String>,
    /// Say what would be stored, and store nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Tell what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// How hard to compress
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=19))]
    pub(crate) level: i32,
}

#[derive(clap::Args)]
#[command(after_help = DATES)]
pub(crate) struct Snapshots {
    /// Of this source only
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Added on this DATE or later
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Added on this DATE or earlier
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// What this suspect SNAPSHOT lacks is gone on purpose: suspect it no more
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["source", "since", "until"])]
    pub(crate) accept: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How DATE and GLOB are written.
const ADDING: &str = "GLOB is compared with the last name, or with the path below the source when \
    it holds a /; * and ? stop at a /, ** does not. DATE is 2026-09-14 (its beginning), \
    2026-09-14T10:30 or 2026-09-14T10:30:00Z.";

/// How SNAPSHOT and ITEM are written.
const NAMING: &str = "SNAPSHOT is a SOURCE (its newest), SOURCE~N (N before that), latest, the first \
    digits of an id (four or more), or @DATE (the newest at or before). ITEM is a path or a handle \
    (as `find` and `list -l` print it, or its first five characters) in the newest snapshot that \
    has it, or SNAPSHOT:ITEM.";
/// How a record is written.
const RECORDS: &str = "A record is written as its handle (as `find` and `list --records` print it, or \
    its first five characters), PATH#HANDLE, PATH#TITLE with a part of the title, or a part of the title alone; \
    SNAPSHOT:HANDLE is the record as it was then.";
/// How DATE is written.
const DATES: &str = "DATE is 2026, 2026-09, 2026-09-14, 2026-09-14T10:30 or 2026-09-14T10:30:00Z.";

#[derive(clap::Args)]
#[command(after_help = NAMING)]
pub(crate) struct List {
    /// SNAPSHOT, SNAPSHOT:ITEM or ITEM [the newest of every source]
    pub(crate) item: Option<OsString>,
    /// Mode, size, time, compartment, kind and handle as well
    #[arg(short, long)]
    pub(crate) long: bool,
    /// The insides of bundles as well, which are one item otherwise
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// What files hold, one by one: logins, cards, certificates and keys, with their handles
    #[arg(long, conflicts_with_all = ["long", "null", "one_level", "recursive"])]
    pub(crate) records: bool,
    /// One level only
    #[arg(short = '1', long, conflicts_with = "recursive")]
    pub(crate) one_level: bool,
    /// Items of this kind only
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// By name, largest first or newest first; the latter two hold a whole snapshot in memory
    #[arg(long, value_name = "BY", default_value = "name")]
    pub(crate) sort: Sort,
    /// Paths as they are, each ended by a zero byte
    #[arg(short = '0', long, conflicts_with_all = ["long", "json"])]
    pub(crate) null: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    Name,
    Size,
    Time,
}

#[derive(clap::Args)]
#[command(after_help = DATES)]
pub(crate) struct Find {
    /// Parts of the path, or of a record's title, host and user, in any case; all must be there
    pub(crate) term: Vec<String>,
    /// Items and records of this kind only
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// This type only; `missing` was not given by the export
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) item_type: Option<Type>,
    /// Items of this source only
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Items of this snapshot only, as it has them
    #[arg(long = "in", value_name = "SNAPSHOT")]
    pub(crate) within: Option<OsString>,
    /// Modified on this DATE or later; of a record its own date counts
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Modified on this DATE or earlier
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// Every version of an item, not the newest only
    #[arg(long)]
    pub(crate) all_versions: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Type {
    File,
    Folder,
    Link,
    Missing,
    Record,
}

#[derive(clap::Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(clap::Args)]
pub(crate) struct Certs {
    /// Only certificates that end within so many days, or have ended
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(crate) expiring: Option<u32>,
    /// Only what is weak: its signature, its key, or what keeps its key
    #[arg(long)]
    pub(crate) weak: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `90`, `90d` or `12w`.
fn days(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    let number = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    number
        .filter(|days| *days <= 100_000)
        .ok_or_else(|| "not a number of days: 90d, 12w".to_owned())
}

/// `45`, `45s` or `2m`, of one second to one hour.
fn seconds(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    number
        .filter(|seconds| (1..=3600).contains(seconds))
        .ok_or_else(|| "not a time of one second to one hour: 45s, 2m".to_owned())
}

#[derive(clap::Args)]
#[command(after_help = RECORDS)]
pub(crate) struct Show {
    /// A record, or a file that holds one
    pub(crate) item: OsString,
    /// Show secrets too
    #[arg(long)]
    pub(crate) reveal: bool,
    /// This field alone, as it is
    #[arg(short, long, value_name = "FIELD")]
    pub(crate) field: Option<String>,
    /// Ask for the password of a PKCS#12 store, and show what is in it [else from the file
    /// ICVAULT_P12_PASSWORD_FILE]
    #[arg(long, conflicts_with_all = ["field", "json", "totp"])]
    pub(crate) inside: bool,
    /// The one-time code of now, and how long it lasts
    #[arg(long, conflicts_with_all = ["field", "json"])]
    pub(crate) totp: bool,
    /// Put it into the clipboard instead: the password, with -f this field, with --totp the code;
    /// cleared after TIME (90s, 2m; 45s when none is given) or with Ctrl-C, unless something else is
    /// there by then
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "45s", value_parser = seconds)]
    #[arg(conflicts_with_all = ["inside", "json", "reveal"])]
    pub(crate) clip: Option<u32>,
    /// As JSON
    #[arg(long, conflicts_with = "field")]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
#[command(after_help = NAMING)]
pub(crate) struct Cat {
    /// A file or a record: ITEM or SNAPSHOT:ITEM; a login comes with the header of its table
    pub(crate) item: OsString,
    /// Show a sealed item on the terminal
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(clap::Args)]
#[command(after_help = RECORDS)]
pub(crate) struct History {
    /// A record, a path or a handle
    pub(crate) item: OsString,
    /// Every snapshot that has it, not its versions only
    #[arg(long)]
    pub(crate) all: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the letters of `diff` mean.
const COMPARING: &str = "+ added, - removed, M content or a field changed, R moved: the same under \
    another name or in another file, T another type, U only mode, attributes or time changed (only the time: with -v), \
    ? content changed and the time of its change did not, as on a drive that decays. Records are the same \
    by the id they have, else by their fields, whatever their file is called and in whatever order \
    they stand; what every export writes anew is no change.";

#[derive(clap::Args)]
#[command(after_help = COMPARING)]
pub(crate) struct Diff {
    /// The earlier SNAPSHOT; alone, the newest of a source is compared with the one before it
    #[arg(value_name = "A")]
    pub(crate) before: OsString,
    /// The later SNAPSHOT, or the PATH of an export that is not added: ./PATH where a snapshot is
    /// called so [the newest of the same source]
    #[arg(value_name = "B")]
    pub(crate) after: Option<OsString>,
    /// What files hold, one by one: logins, cards, events, messages
    #[arg(long)]
    pub(crate) records: bool,
    /// Only how many of each kind
    #[arg(long)]
    pub(crate) stat: bool,
    /// End with code 5 when there are differences
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// With --records: what the fields that changed said and say, secrets too
    #[arg(long, requires = "records", conflicts_with = "stat")]
    pub(crate) reveal: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How records are brought back.
const RECOVERING: &str = "Without --from, --since and -o the earlier snapshots are listed that have what is \
    missing now; with -o alone the snapshot before the newest of each source is taken. \
    Missing is what no source has today: what only moved is not. People come as one .vcf, events as .ics, logins as the \
    table that Passwords imports, messages as an mbox: the apps add what is in these files to what they \
    have. In which groups people were, in which calendars events and in which albums photos stands in texts beside \
    them. Never open an .abbu or .icbu archive to get something back: it replaces everything there is. \
    DATE is 2026, 2026-09, 2026-09-14, 2026-09-14T10:30 or 2026-09-14T10:30:00Z.";

#[derive(clap::Args)]
#[command(after_help = RECOVERING)]
pub(crate) struct Recover {
    /// A KIND (contacts, passwords, events, mail) or a SOURCE [else everything]
    #[arg(value_name = "KIND|SOURCE")]
    pub(crate) what: Option<String>,
    /// What this SNAPSHOT had
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "since")]
    pub(crate) from: Option<OsString>,
    /// What was there at any time since this DATE
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Missing in this SNAPSHOT, or in the export at PATH that is not added; of a single file its
    /// kinds count [the newest of every source]
    #[arg(long, value_name = "SNAPSHOT|PATH")]
    pub(crate) against: Option<OsString>,
    /// What has changed since as well, as it was
    #[arg(long)]
    pub(crate) changed: bool,
    /// Records of this kind only
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Only records with this in title, place or user, or with this handle; may be repeated
    #[arg(long, value_name = "TERM")]
    pub(crate) pick: Vec<String>,
    /// The file to make, or the folder for several; - for one file to stdout
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Say what would be written, and write nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
#[command(after_help = NAMING)]
pub(crate) struct Extract {
    /// ITEM, SNAPSHOT or SNAPSHOT:ITEM [the newest of every source]
    pub(crate) item: Vec<OsString>,
    /// The folder to write into, or the file for records; - for one file, or records, to stdout
    #[arg(short, long, value_name = "DIR|FILE")]
    pub(crate) output: PathBuf,
    /// Records in this form, whatever form they were stored in
    #[arg(long = "as", value_name = "FORM", conflicts_with_all = ["flat", "appledouble"])]
    pub(crate) form: Option<As>,
    /// Logins as a table for a spreadsheet, in which no cell is a formula; does not import again
    #[arg(long, conflicts_with_all = ["flat", "appledouble", "p12_modern"])]
    pub(crate) spreadsheet: bool,
    /// A PKCS#12 store under a new password, encrypted as it is done today
    #[arg(long, conflicts_with_all = ["flat", "appledouble", "form"])]
    pub(crate) p12_modern: bool,
    /// What is of this kind only
    #[arg(long, value_name = "KIND", conflicts_with_all = ["form", "spreadsheet", "p12_modern"])]
    pub(crate) kind: Option<String>,
    /// With --kind: by its own date of this DATE or later
    #[arg(long, value_name = "DATE", requires = "kind")]
    pub(crate) since: Option<String>,
    /// With --kind: by its own date of this DATE or earlier
    #[arg(long, value_name = "DATE", requires = "kind")]
    pub(crate) until: Option<String>,
    /// What happens to files that are there already
    #[arg(long, value_name = "WHEN", default_value = "never")]
    pub(crate) overwrite: Overwrite,
    /// Say what would be written, and write nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// All files into one folder; equal names get a number, links are left out
    #[arg(long)]
    pub(crate) flat: bool,
    /// Tell what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// With -o -: write a sealed item to the terminal
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Write extended attributes the file system does not take into ._NAME files, as a Mac does
    #[arg(long)]
    pub(crate) appledouble: bool,
}

#[derive(clap::Args)]
#[command(after_help = NAMING)]
pub(crate) struct Export {
    /// SOURCE, SOURCE~N, latest, an id or @DATE
    pub(crate) snapshot: OsString,
    /// The file to make; - for stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// A form of records.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum As {
    /// Logins as the table that Apple's Passwords imports
    AppleCsv,
    /// Certificates and keys as text
    Pem,
    /// One certificate or key as bytes
    Der,
    /// One message as it was sent, without what its mailbox puts around it
    Eml,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Overwrite {
    Never,
    IfNewer,
    IfChanged,
    Always,
}

#[derive(clap::Args)]
pub(crate) struct Check {
    /// Read, decrypt and verify every byte
    #[arg(long)]
    pub(crate) read_data: bool,
    /// Check what can be checked without a key
    #[arg(long, conflicts_with_all = ["read_data", "head"])]
    pub(crate) keyless: bool,
    /// Fail when the vault is older than this head code
    #[arg(long, value_name = "CODE")]
    pub(crate) head: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct CopyTo {
    /// A copy, a folder to make one in, or a new folder; several are brought up to date in turn
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) to: Vec<PathBuf>,
    /// Begin no new copy: fail where there is none, as where a drive is not plugged in
    #[arg(long)]
    pub(crate) must_exist: bool,
    /// Leave out what is sealed, now and whenever this copy is brought up to date
    #[arg(long)]
    pub(crate) without_sealed: bool,
    /// Bring the slots of these labels only
    #[arg(long, num_args = 1.., value_name = "LABEL")]
    pub(crate) slots: Vec<String>,
    /// Bring everything to a copy that was made without something
    #[arg(long, conflicts_with_all = ["without_sealed", "slots"])]
    pub(crate) all: bool,
    /// Say what would be copied, and copy nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

#[derive(clap::Args)]
pub(crate) struct Info {
    /// Only what is known without a key
    #[arg(long)]
    pub(crate) keyless: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// List the slots
    List(KeyList),
    /// Add a slot: another passphrase or another key
    Add(KeyAdd),
    /// Remove a slot; whoever used it keeps what they could read
    Remove(KeyRemove),
    /// Change a passphrase
    Passwd(KeyPasswd),
}

#[derive(clap::Args)]
pub(crate) struct KeyList {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
#[command(after_help = NEW_PASSPHRASE)]
pub(crate) struct KeyAdd {
    /// Opened by the owner of this key: age1…, age1PLUGIN1… or "ssh-ed25519 …"
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "passphrase")]
    pub(crate) recipient: Option<String>,
    /// Opened by a new recovery code, shown this once; an old one stays until it is removed
    #[arg(long, conflicts_with_all = ["recipient", "passphrase", "role"])]
    pub(crate) recovery: bool,
    /// Also write a page to print, with the recovery code and how to open the vault, as HTML into
    /// this new file
    #[arg(long, value_name = "FILE", requires = "recovery")]
    pub(crate) kit: Option<PathBuf>,
    /// Opened by a new passphrase (this is what happens without --recipient)
    #[arg(long)]
    pub(crate) passphrase: bool,
    /// What it may do: `everyday` all but read sealed items; `add` store exports, see when what was
    /// added, and read nothing
    #[arg(long, default_value = "full")]
    pub(crate) role: Role,
    /// A name for it
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    Full,
    Everyday,
    Add,
}

#[derive(clap::Args)]
pub(crate) struct KeyRemove {
    /// The first digits of the slot's id, as `key list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(clap::Args)]
#[command(after_help = NEW_PASSPHRASE)]
pub(crate) struct KeyPasswd {
    /// The slot, when there are several passphrases
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

impl Args {
    /// Whether the verb was asked for JSON.
    pub(crate) fn json(&self) -> bool {
        match &self.verb {
            Verb::Add(verb) => verb.json,
            Verb::Snapshots(verb) => verb.json,
            Verb::List(verb) => verb.json,
            Verb::Show(verb) => verb.json,
            Verb::Certs(verb) => verb.json,
            Verb::Find(verb) => verb.json,
            Verb::History(verb) => verb.json,
            Verb::Diff(verb) => verb.json,
            Verb::Recover(verb) => verb.json,
            Verb::Extract(verb) => verb.json,
            Verb::Check(verb) => verb.json,
            Verb::Info(verb) => verb.json,
            Verb::Key(Key::List(verb)) => verb.json,
            _ => false,
        }
    }

    /// The vault that was named.
    pub(crate) fn vault_path(&self) -> Option<PathBuf> {
        self.vault.clone().or_else(|| variable("ICVAULT_VAULT").map(PathBuf::from))
    }

    /// The identity file that was named.
    pub(crate) fn identity_path(&self) -> Option<PathBuf> {
        self.identity.clone().or_else(|| variable("ICVAULT_IDENTITY").map(PathBuf::from))
    }
}

/// What is read of the environment, as the manual tells it.
pub(crate) const VARIABLES: [(&str, &str); 10] = [
    ("ICVAULT_VAULT", "The vault's folder, when -V names none."),
    ("ICVAULT_IDENTITY", "A file with AGE-SECRET-KEY lines, when -i names none."),
    ("ICVAULT_PASSPHRASE_FILE", "A file whose first line is the passphrase."),
    ("ICVAULT_PASSPHRASE_FD", "The number of an open descriptor to read the passphrase from."),
    ("ICVAULT_PASSPHRASE_COMMAND", "A command for the shell that prints the passphrase."),
    (
        "ICVAULT_P12_PASSWORD_FILE",
        "A file with the password of a PKCS#12 store; add tries every line of it.",
    ),
    (
        "ICVAULT_P12_NEW_PASSWORD_FILE",
        "A file whose first line is the new password of a PKCS#12 store.",
    ),
    ("ICVAULT_NEW_PASSPHRASE_FILE", "A file whose first line is the passphrase of a new slot."),
    ("ICVAULT_STATE", "The folder for what is remembered of vaults outside of them."),
    ("NO_COLOR", "When set, help is printed without colours; nothing else has any."),
];

/// Where a passphrase comes from when nobody is asked.
pub(crate) enum PassphraseSource {
    File(PathBuf),
    Descriptor(OsString),
    Command(OsString),
}

/// The first of them that is set.
pub(crate) fn passphrase_source() -> Option<PassphraseSource> {
    variable("ICVAULT_PASSPHRASE_FILE")
        .map(|file| PassphraseSource::File(file.into()))
        .or_else(|| variable("ICVAULT_PASSPHRASE_FD").map(PassphraseSource::Descriptor))
        .or_else(|| variable("ICVAULT_PASSPHRASE_COMMAND").map(PassphraseSource::Command))
}

/// Where the password of a PKCS#12 store comes from when nobody is asked.
pub(crate) fn store_password_file() -> Option<PathBuf> {
    variable(STORE_PASSWORD_FILE).map(PathBuf::from)
}

/// The variable that names the file of a PKCS#12 store's password.
pub(crate) const STORE_PASSWORD_FILE: &str = "ICVAULT_P12_PASSWORD_FILE";

/// Where a new password of a PKCS#12 store comes from when nobody is asked.
pub(crate) fn new_store_password_file() -> Option<PathBuf> {
    variable(NEW_STORE_PASSWORD_FILE).map(PathBuf::from)
}

/// The variable that names the file of a new password.
pub(crate) const NEW_STORE_PASSWORD_FILE: &str = "ICVAULT_P12_NEW_PASSWORD_FILE";

/// Where a new passphrase comes from when nobody is asked.
pub(crate) fn new_passphrase_file() -> Option<PathBuf> {
    variable("ICVAULT_NEW_PASSPHRASE_FILE").map(PathBuf::from)
}

/// The folders that programs are looked for in.
pub(crate) fn program_folders() -> Vec<PathBuf> {
    variable("PATH")
        .iter()
        .flat_map(|path| std::env::split_paths(path).collect::<Vec<_>>())
        .collect()
}

/// Whether there is a display of a sort: WAYLAND_DISPLAY or DISPLAY tells.
pub(crate) fn has_display(name: &str) -> bool {
    variable(name).is_some()
}

/// The person's own folder in memory, where the system has one.
pub(crate) fn runtime_folder() -> Option<OsString> {
    variable("XDG_RUNTIME_DIR")
}

/// Whether age was told to print what goes to and comes from a plugin, keys among it.
pub(crate) fn plugins_are_logged() -> bool {
    variable("AGEDEBUG").is_some_and(|value| value == "plugin")
}

/// The folder for what is remembered outside of vaults; none without a home.
pub(crate) fn state_folder() -> Option<PathBuf> {
    if let Some(folder) = variable("ICVAULT_STATE") {
        return Some(folder.into());
    }
    if cfg!(target_os = "macos") {
        let home = variable("HOME").map(PathBuf::from)?;
        return Some(home.join("Library/Application Support/icvault"));
    }
    variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")))
        .map(|folder| folder.join("icvault"))
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_of_one_second_to_one_hour() {
        for (text, expected) in [
            ("1", 1),
            ("45", 45),
            ("45s", 45),
            ("1m", 60),
            ("2m", 120),
            ("60m", 3600),
            ("3600s", 3600),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "s",
            "m",
            "0",
            "0s",
            "0m",
            "-1",
            "1.5",
            "3601",
            "61m",
            "1h",
            "2ms",
            " 2",
            "71582789m",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
        let show = |options: &[&str]| {
            let args = ["icvault", "show", "x"].iter().chain(options);
            match Args::try_parse_from(args).map(|args| args.verb) {
                Ok(Verb::Show(show)) => Some(show.clip),
                _ => None,
            }
        };
        assert_eq!(show(&[]), Some(None));
        assert_eq!(show(&["--clip"]), Some(Some(45)));
        assert_eq!(show(&["--clip=2m", "-f", "user"]), Some(Some(120)));
        // What stands apart is no time of it.
        assert_eq!(show(&["--clip", "2m"]), None);
        assert_eq!(show(&["--clip", "--json"]), None);
    }
}
