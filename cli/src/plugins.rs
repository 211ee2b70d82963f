//! Programs that know keys of other kinds: `age-plugin-NAME`. A name comes from a person's own
//! recipient or identity and never from a vault; which program it is is shown before it runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use vault::payload::Ask;
use zeroize::Zeroizing;

use crate::args;
use crate::errors::{Code, Failure, Result};
use crate::secrets;
use crate::ui::{self, Ui};

/// Says which program a plugin's name means, and gives whom it can talk to.
///
/// # Errors
/// When there is no such program, or the first one found is in no fixed place.
pub(crate) fn announce(name: &str, ui: &Ui) -> Result<Arc<dyn Ask>> {
    if args::plugins_are_logged() {
        return Err(Failure::usage("AGEDEBUG=plugin would print keys").hint("unset AGEDEBUG"));
    }
    let program = find(&format!("age-plugin-{name}"), args::program_folders())?;
    ui.note(format!("the key's plugin is {}", program.display()));
    Ok(Arc::new(Person))
}

/// The file that a program's name means: the same that will run, for these folders are gone
/// through in the same order.
fn find(program: &str, folders: Vec<PathBuf>) -> Result<PathBuf> {
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let found = folders.into_iter().map(|folder| folder.join(program)).find(is_program);
    let Some(found) = found else {
        let failure = Failure::new(Code::Failed, format!("no program {program}"));
        return Err(failure.hint("install the plugin of that key where PATH leads"));
    };
    if !found.is_absolute() {
        let message = format!("{} is wherever one happens to be", found.display());
        return Err(Failure::new(Code::Failed, message).hint("take relative folders out of PATH"));
    }
    found.canonicalize().map_err(|error| {
        Failure::new(Code::Failed, format!("looking for {}: {error}", found.display()))
    })
}

/// The person at the terminal.
struct Person;

impl Ask for Person {
    fn tell(&self, message: &str) {
        ui::relay(message);
    }

    fn secret(&self, question: &str) -> Option<Zeroizing<String>> {
        secrets::ask_hidden(&format!("plugin: {}: ", ui::escape(question)))
    }

    fn text(&self, question: &str) -> Option<String> {
        secrets::ask(&format!("plugin: {}: ", ui::escape(question))).ok()
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let (question, yes) = (ui::escape(question), ui::escape(yes));
        let no = ui::escape(no.unwrap_or("no"));
        let answer = secrets::ask(&format!("plugin: {question}; y: {yes}, n: {no} (y/n): "));
        answer.ok().map(|answer| answer.eq_ignore_ascii_case("y"))
    }
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
            find("x", folders.iter().copied().cloned().collect()).map_err(|_| ())
        };
        assert_eq!(find(&[&one, &two]), Err(()), "nothing there may run");
        let mode = |folder: &PathBuf| {
            fs::set_permissions(folder.join("x"), fs::Permissions::from_mode(0o755)).unwrap();
        };
        mode(&two);
        assert_eq!(find(&[&one, &two]), Ok(two.join("x").canonicalize().unwrap()));
        mode(&one);
        assert_eq!(find(&[&one, &two]), Ok(one.join("x").canonicalize().unwrap()));
        // A name in no folder is looked for where one is.
        let here = std::env::current_dir().unwrap();
        let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
        let relative = up.join(one.strip_prefix("/").unwrap());
        assert_eq!(find(&[&relative, &two]), Err(()));
    }
}
