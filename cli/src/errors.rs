//! Exit codes, and failures as a person is told them.

use vault::{Error, ErrorKind};

/// What the process exits with. Numbers are never given another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Done,
    Failed,
    Usage,
    Incomplete,
    NotFound,
    Differences,
    NoVault,
    Held,
    WrongKey,
    NotPermitted,
    NoSpace,
    NotAVault,
    Damaged,
    Missing,
    Interrupted,
    Terminated,
}

/// The whole table, also of codes that other systems and later verbs give.
pub(crate) const TABLE: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failed"),
    (2, "usage"),
    (3, "finished but incomplete or suspect: skipped files, placeholders, vanished records"),
    (4, "not found or ambiguous"),
    (5, "differences"),
    (10, "no vault"),
    (11, "held by a clean-up or a key change"),
    (12, "wrong passphrase or key, or a vault whose fingerprint is not the known one"),
    (13, "this key may not do that"),
    (14, "not enough space"),
    (15, "not a vault, or a newer format"),
    (20, "damage repaired"),
    (21, "damage found"),
    (22, "snapshots missing, or older than the head given"),
    (130, "interrupted by Ctrl-C; the vault is consistent"),
    (143, "terminated; the vault is consistent"),
];

impl Code {
    /// Its number in [`TABLE`].
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::NotFound => 4,
            Self::Differences => 5,
            Self::NoVault => 10,
            Self::Held => 11,
            Self::WrongKey => 12,
            Self::NotPermitted => 13,
            Self::NoSpace => 14,
            Self::NotAVault => 15,
            Self::Damaged => 21,
            Self::Missing => 22,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The code for a failure of the library.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::Ambiguous => Self::NotFound,
            ErrorKind::NoVault => Self::NoVault,
            ErrorKind::Held => Self::Held,
            ErrorKind::WrongKey => Self::WrongKey,
            ErrorKind::NotPermitted => Self::NotPermitted,
            ErrorKind::NoSpace => Self::NoSpace,
            ErrorKind::NotAVault | ErrorKind::Newer => Self::NotAVault,
            ErrorKind::Damaged | ErrorKind::Missing => Self::Damaged,
            ErrorKind::NotDownloaded => Self::Incomplete,
            _ => Self::Failed,
        }
    }
}

/// Why a verb did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something to tell.
    Told { code: Code, message: String, hint: Option<String> },
    /// Whoever reads standard output has had enough, which is theirs to decide.
    StdoutClosed,
}

/// What every verb gives.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Told { code, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// Whether it ends the program with this code.
    pub(crate) fn is(&self, wanted: Code) -> bool {
        matches!(self, Self::Told { code, .. } if *code == wanted)
    }

    /// Tells the way out, unless a nearer one is known.
    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Told { hint, .. } = &mut self {
            hint.get_or_insert_with(|| text.into());
        }
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Told {
            code: Code::of(&error),
            message: error.to_string(),
            hint: error.way_out().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table() {
        use Code::*;
        let all = [
            Done,
            Failed,
            Usage,
            Incomplete,
            NotFound,
            Differences,
            NoVault,
            Held,
            WrongKey,
            NotPermitted,
            NoSpace,
            NotAVault,
            Damaged,
            Missing,
            Interrupted,
            Terminated,
        ];
        for code in all {
            assert!(TABLE.iter().any(|(number, _)| *number == code.number()), "{code:?}");
        }
        assert!(TABLE.is_sorted_by(|one, other| one.0 < other.0));
    }
}
