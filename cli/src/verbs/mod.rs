//! One function a verb. Each says what it does through `ui` and gives the code to exit with.

mod add;
mod alarms;
mod beside;
mod certs;
mod changes;
mod check;
mod choose;
mod copy;
mod diff;
mod export;
mod extract;
mod find;
mod history;
mod info;
mod init;
mod key;
mod list;
mod live;
mod manual;
mod records;
mod recover;
mod show;
mod snapshots;
mod take;
mod tour;

use std::path::Path;

use vault::files::synced;

use crate::args::{Args, Key, Verb};
use crate::errors::{Code, Result, TABLE};
use crate::ui::Ui;

/// Runs the verb of the command line.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Code> {
    match &args.verb {
        Verb::Tour(verb) => tour::tour(verb, ui),
        Verb::Init(verb) => init::init(args, verb, ui),
        Verb::Add(verb) => add::add(args, verb, ui),
        Verb::Snapshots(verb) => snapshots::snapshots(args, verb, ui),
        Verb::List(verb) => list::list(args, verb, ui),
        Verb::Find(verb) => find::find(args, verb, ui),
        Verb::Certs(verb) => certs::certs(args, verb, ui),
        Verb::Show(verb) => show::show(args, verb, ui),
        Verb::Cat(verb) => extract::cat(args, verb, ui),
        Verb::History(verb) => history::history(args, verb, ui),
        Verb::Diff(verb) => diff::diff(args, verb, ui),
        Verb::Recover(verb) => recover::recover(args, verb, ui),
        Verb::Extract(verb) => extract::extract(args, verb, ui),
        Verb::Export(verb) => export::export(args, verb, ui),
        Verb::Check(verb) => check::check(args, verb, ui),
        Verb::Copy(verb) => copy::copy(args, verb, ui),
        Verb::Info(verb) => info::info(args, verb, ui),
        Verb::Key(Key::List(verb)) => key::list(args, verb, ui),
        Verb::Key(Key::Add(verb)) => key::add(args, verb, ui),
        Verb::Key(Key::Remove(verb)) => key::remove(args, verb, ui),
        Verb::Key(Key::Passwd(verb)) => key::passwd(args, verb, ui),
        Verb::Completions(verb) => manual::completions(verb, ui),
        Verb::Man => manual::man(ui),
        Verb::ExitCodes => exit_codes(ui),
    }
}

fn exit_codes(ui: &Ui) -> Result<Code> {
    for (number, meaning) in TABLE {
        ui.line(format!("{number:>3}  {meaning}"))?;
    }
    Ok(Code::Done)
}

/// Warns when the vault lies where a program syncs.
fn warn_if_synced(vault: &Path, ui: &Ui) {
    let Some(synced) = synced(vault) else { return };
    let perhaps = if synced.is_sure { "" } else { "perhaps " };
    ui.warn(format!("the vault lies in a folder that is {perhaps}synced by {}", synced.service));
    ui.hint(
        "what it holds is encrypted there too, but a sync can leave placeholders instead of files, \
        and deletes everywhere what is deleted once; keep another copy: icvault copy --to PATH",
    );
}

/// The first digits of an id: enough to tell it, short enough to type.
fn short(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(8).collect()
}
