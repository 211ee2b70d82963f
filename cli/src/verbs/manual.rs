//! `completions` and `man`: what shells and `man` want to know of the command line.

use std::io;

use clap::{Arg, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Args, Completions, VARIABLES};
use crate::errors::{Code, Failure, Result, TABLE};
use crate::ui::Ui;

/// Prints the script that completes commands in a shell.
pub(crate) fn completions(verb: &Completions, ui: &Ui) -> Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(verb.shell, &mut Args::command(), "icvault", &mut script);
    ui.bytes(&script)?;
    Ok(Code::Done)
}

/// Prints one page with all verbs.
pub(crate) fn man(ui: &Ui) -> Result<Code> {
    let page = page()
        .map_err(|error| Failure::new(Code::Failed, format!("making the manual page: {error}")))?;
    ui.bytes(&page)?;
    Ok(Code::Done)
}

fn page() -> io::Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let mut page = Vec::new();
    // Each verb has a part of its own below, so the list of them is left out here.
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    verbs(&command, "icvault", &mut page)?;
    table("ENVIRONMENT", VARIABLES.iter().copied(), &mut page)?;
    let codes = TABLE.iter().map(|(number, meaning)| (number.to_string(), *meaning));
    table("EXIT STATUS", codes, &mut page)?;
    Ok(page)
}

/// A part for every verb that `--help` shows, and for the verbs below it.
fn verbs(command: &Command, above: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    for verb in shown.filter(|verb| verb.get_name() != "help") {
        let name = format!("{above} {}", verb.get_name());
        Roff::new().control("SH", [name.to_uppercase().as_str()]).to_writer(page)?;
        if verb.has_subcommands() {
            verbs(verb, &name, page)?;
            continue;
        }
        // What every verb takes is told once, above.
        let is_shared = |arg: &Arg| arg.is_global_set() || arg.get_id() == "help";
        let man = Man::new(verb.clone().mut_args(|arg| match is_shared(&arg) {
            true => arg.hide(true),
            false => arg,
        }));
        let mut part = Vec::new();
        man.render_synopsis_section(&mut part)?;
        man.render_description_section(&mut part)?;
        man.render_options_section(&mut part)?;
        if verb.get_after_help().is_some() {
            man.render_extra_section(&mut part)?;
        }
        // The sections of a page of its own are parts of a section here.
        let part = String::from_utf8_lossy(&part);
        let part = part.replace("\n.SH EXTRA\n", "\n.PP\n").replace("\n.SH ", "\n.SS ");
        page.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// A section of words with their meanings.
fn table<'t, S: Into<String>>(
    title: &str,
    rows: impl Iterator<Item = (S, &'t str)>,
    page: &mut Vec<u8>,
) -> io::Result<()> {
    let mut section = Roff::new();
    section.control("SH", [title]);
    for (word, meaning) in rows {
        section.control("TP", []).text([bold(word)]).text([roman(meaning)]);
    }
    section.to_writer(page)
}
