//! `icvault`: keeps what people take out of iCloud, and gives it back.
//!
//! | Module | Owns |
//! |---|---|
//! | `args` | the command line and the environment |
//! | `ui` | everything that is printed: escaping, progress, units |
//! | `errors` | exit codes, and failures as a person is told them |
//! | `words` | passphrases of words, and how soon one is guessed |
//! | `programs` | where the programs are that icvault runs |
//! | `plugins` | programs that know keys of other kinds |
//! | `secrets` | passphrases and identities: files, commands, prompts |
//! | `clip` | the clipboard: one secret for a while |
//! | `hardening` | what the process gives up before it sees a secret |
//! | `memory` | what is remembered of a vault outside of it |
//! | `session` | finding and opening the vault |
//! | `kit` | the page to print |
//! | `names` | what SNAPSHOT and ITEM mean |
//! | `record_names` | what ITEM means where it may be a record |
//! | `stores` | the passwords of PKCS#12 stores |
//! | `verbs` | one function a verb |

mod args;
mod clip;
mod errors;
mod hardening;
mod kit;
mod memory;
mod menus;
mod names;
mod plugins;
mod programs;
mod record_names;
mod secrets;
mod session;
mod stores;
mod ui;
mod verbs;
mod words;

use std::panic;
use std::process::ExitCode;

use clap::Parser as _;

use args::Args;
use errors::Code;
use ui::Ui;

fn main() -> ExitCode {
    hardening::harden();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Also `--help` and `--version`, which are no failure. That nobody reads it is none.
            if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
                ui::fail_usage(&error.to_string());
            } else {
                drop(error.print());
            }
            return ExitCode::from(if error.use_stderr() { Code::Usage.number() } else { 0 });
        }
    };
    let ui = Ui::new(&args);
    // A panic has been told by the hook of `hardening`; it is a failure like others to a script.
    let result = panic::catch_unwind(panic::AssertUnwindSafe(|| verbs::run(&args, &ui)));
    let result = result.map(|result| result.and_then(|code| ui.flush().map(|()| code)));
    ExitCode::from(match result {
        Ok(Ok(code)) => code.number(),
        Ok(Err(failure)) => ui.fail(&failure),
        Err(_) => Code::Failed.number(),
    })
}
