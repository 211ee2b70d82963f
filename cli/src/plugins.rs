//! Programs that know keys of other kinds: `age-plugin-NAME`. A name comes from a person's own
//! recipient or identity and never from a vault; which program it is is shown before it runs.

use std::sync::Arc;

use vault::payload::Ask;
use zeroize::Zeroizing;

use crate::args;
use crate::errors::{Code, Failure, Result};
use crate::programs;
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
    let program = format!("age-plugin-{name}");
    let found = programs::find(&program)?.ok_or_else(|| {
        Failure::new(Code::Failed, format!("no program {program}"))
            .hint("install the plugin of that key where PATH leads")
    })?;
    let program = found.canonicalize().map_err(|error| {
        Failure::new(Code::Failed, format!("looking for {}: {error}", found.display()))
    })?;
    ui.note(format!("the key's plugin is {}", program.display()));
    Ok(Arc::new(Person))
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
