//! Patterns of what is left out of a source.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::ItemPath;
use crate::error::{Error, ErrorKind, Result};

/// Patterns: `*` and `?` stand for anything but a `/`, `**` for any folders, `[…]` for one of
/// several characters. One with a `/` is compared with the path below the source, another with
/// the last name.
#[derive(Clone, Debug, Default)]
pub struct Globs {
    names: GlobSet,
    paths: GlobSet,
}

impl Globs {
    /// Reads the patterns.
    ///
    /// # Errors
    /// `Refused` for one that is none.
    pub fn parse<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let refused = |reason: String| {
                Error::new(ErrorKind::Refused, "not a pattern:").on(pattern).because(reason)
            };
            // `/a` and `a/` are written for the top and for a folder, `./a` by who completes names.
            let bare = pattern.strip_prefix("./").unwrap_or(pattern).trim_matches('/');
            if bare.is_empty() {
                return Err(refused("it is empty".to_owned()));
            }
            let mut glob = GlobBuilder::new(bare);
            let glob = glob
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|error| refused(error.kind().to_string()))?;
            let is_path = pattern.trim_end_matches('/').contains('/');
            if is_path {
                paths.add(glob)
            } else {
                names.add(glob)
            };
        }
        let built = |set: GlobSetBuilder| {
            set.build().map_err(|error| Error::new(ErrorKind::Refused, "patterns:").because(error))
        };
        Ok(Self { names: built(names)?, paths: built(paths)? })
    }

    /// Whether one of them is meant by this path.
    pub fn fit(&self, path: &ItemPath) -> bool {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        if self.names.is_empty() && self.paths.is_empty() {
            return false;
        }
        self.names.is_match(OsStr::from_bytes(path.name()))
            || self.paths.is_match(OsStr::from_bytes(&path.to_display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, path: &[u8]) -> bool {
        Globs::parse([pattern]).unwrap().fit(&ItemPath::parse_display(path).unwrap())
    }

    #[test]
    fn patterns_mean_names_or_paths() {
        for (pattern, path) in [
            ("*.tmp", &b"a/b/c.tmp"[..]),
            (".DS_Store", b"x/.DS_Store"),
            ("cache/", b"a/cache"),
            ("a/*.txt", b"a/b.txt"),
            ("./a/b", b"a/b"),
            ("/a", b"a"),
            ("**/b/*.txt", b"a/b/c.txt"),
            ("a/**", b"a/b/c"),
            ("[ab]?", b"x/bz"),
            ("*.bin", b"\xff.bin"),
            ("\\*", b"*"),
        ] {
            assert!(fits(pattern, path), "{pattern} {}", path.escape_ascii());
        }
        for (pattern, path) in [
            ("*.tmp", &b"a.tmp/b"[..]),
            ("a/*.txt", b"a/b/c.txt"),
            ("a/*.txt", b"x/a/b.txt"),
            ("/a", b"b/a"),
            ("A", b"a"),
            ("a", b"ab"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {}", path.escape_ascii());
        }
        assert!(!Globs::default().fit(&ItemPath::parse_display(b"a").unwrap()));
        for wrong in ["", "/", "[a", "{a"] {
            assert_eq!(Globs::parse([wrong]).unwrap_err().kind(), ErrorKind::Refused, "{wrong}");
        }
    }
}
