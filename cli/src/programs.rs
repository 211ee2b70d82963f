//! Where the programs are that icvault runs: what their names mean.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::args;
use crate::errors::{Code, Failure, Result};

/// The file that a program's name means, the same that a shell would run; none without one.
///
/// # Errors
/// When the first one found is in no fixed place.
pub(crate) fn find(program: &str) -> Result<Option<PathBuf>> {
    find_in(program, args::program_folders())
}

fn find_in(program: &str, folders: Vec<PathBuf>) -> Result<Option<PathBuf>> {
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let found = folders.into_iter().map(|folder| folder.join(program)).find(is_program);
    if let Some(found) = found.as_ref().filter(|found| !found.is_absolute()) {
        let message = format!("{} is wherever one happens to be", found.display());
        return Err(Failure::new(Code::Failed, message).hint("take relative folders out of PATH"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_in_a_fixed_place() {
        let temp = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| temp.path().join(name));
        for folder in [&one, &two] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("x"), "").unwrap();
        }
        let find = |folders: &[&PathBuf]| {
            find_in("x", folders.iter().copied().cloned().collect()).map_err(|_| ())
        };
        assert_eq!(find(&[&one, &two]), Ok(None), "nothing there may run");
        let mode = |folder: &PathBuf| {
            fs::set_permissions(folder.join("x"), fs::Permissions::from_mode(0o755)).unwrap();
        };
        mode(&two);
        assert_eq!(find(&[&one, &two]), Ok(Some(two.join("x"))));
        mode(&one);
        assert_eq!(find(&[&one, &two]), Ok(Some(one.join("x"))));
        // A name in no folder is looked for where one is.
        let here = std::env::current_dir().unwrap();
        let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
        let relative = up.join(one.strip_prefix("/").unwrap());
        assert_eq!(find(&[&relative, &two]), Err(()));
    }
}
