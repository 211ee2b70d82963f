//! The shrink alarm as it is set and told.

use serde_json::{Value, json};
use vault::chain::Shrunk;
use vault::kinds::Kind;
use vault::vault::{Added, Alarm, Limit, Loss, Losses, SnapshotInfo};

use super::add::record_noun;
use crate::errors::{Failure, Result};
use crate::names;
use crate::ui::{self, Ui};

/// The alarm as `--alarm` sets it.
pub(super) fn alarm(words: &[String]) -> Result<Alarm> {
    let mut alarm = Alarm::default();
    for word in words {
        let unclear = || {
            Failure::usage(format!("--alarm {word} is not understood"))
                .hint("KIND=10%, KIND=off or all=off")
        };
        let (kind, limit) = word.split_once('=').ok_or_else(unclear)?;
        let limit = match limit {
            "off" => None,
            percent => {
                let percent = percent.strip_suffix('%').unwrap_or(percent);
                let percent = percent.parse().ok().filter(|percent| *percent <= 100);
                Some(Limit { least: 1, percent: percent.ok_or_else(unclear)? })
            }
        };
        if kind == "all" && limit.is_none() {
            alarm = Alarm::off();
        } else if kind == "all" {
            Kind::ALL.into_iter().for_each(|kind| alarm.set(kind, limit));
        } else {
            alarm.set(names::kind(kind)?, limit);
        }
    }
    Ok(alarm)
}

/// Says what is missing and how to get it back.
pub(super) fn tell(ui: &Ui, losses: &Losses, added: &Added, is_expected: bool) -> Result<()> {
    for loss in &losses.losses {
        let text = format!("{}{}", change(loss.kind, loss), named(ui, loss));
        if is_expected {
            ui.summary(format!("as expected: {text}"))?;
        } else {
            ui.warn(text);
        }
    }
    if is_expected {
        return Ok(());
    }
    let id = super::short(losses.since);
    let named = |loss: &&Loss| !loss.titles.is_empty();
    match losses.losses.iter().filter(named).collect::<Vec<_>>().as_slice() {
        [] => ui.hint(format!("icvault diff {id} {} names what is gone", super::short(added.id))),
        [only] => {
            let kind = only.kind.as_str();
            ui.hint(format!("icvault recover --from {id} --kind {kind} -o FILE brings it back"));
        }
        _ => ui.hint(format!("icvault recover --from {id} -o FOLDER/ brings it back")),
    }
    let id = super::short(added.id);
    ui.hint(format!("gone on purpose: icvault snapshots --accept {id}"));
    Ok(())
}

/// `contacts 912 → 455: 457 missing`.
fn change(kind: Kind, loss: &Loss) -> String {
    let Loss { before, now, lost, .. } = loss;
    format!("{}s {before} → {now}: {lost} missing", noun(kind))
}

/// What one of a kind is called; other files have no records.
fn noun(kind: Kind) -> &'static str {
    if kind == Kind::File { "file" } else { record_noun(kind) }
}

/// The first titles of what is missing, in brackets.
fn named(ui: &Ui, loss: &Loss) -> String {
    let mut titles: Vec<String> =
        loss.titles.iter().map(|title| ui::plain(title.as_bytes())).collect();
    titles.dedup();
    if titles.is_empty() { String::new() } else { format!(" ({})", ui.named(titles)) }
}

/// What a suspect snapshot lacks: `40 contacts of 47 missing`.
pub(super) fn words(info: &SnapshotInfo) -> String {
    let word = |Shrunk { kind, before, lost }: &Shrunk| {
        let lost = Kind::parse(kind).map_or_else(
            || format!("{lost} {}", ui::escape(kind)),
            |kind| ui::count(*lost, noun(kind)),
        );
        format!("{lost} of {before} missing")
    };
    info.snapshot.shrunk.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// What a suspect snapshot lacks, for machines.
pub(super) fn shrunk(info: &SnapshotInfo) -> Value {
    let document = |Shrunk { kind, before, lost }: &Shrunk| json!({ "kind": kind, "before": before, "lost": lost });
    info.snapshot.shrunk.iter().map(document).collect()
}

/// What is missing by more than is usual, for machines.
pub(super) fn document(losses: Option<&Losses>) -> Value {
    let document = |loss: &Loss| {
        let titles: Vec<String> =
            loss.titles.iter().map(|title| ui::plain(title.as_bytes())).collect();
        json!({
            "kind": loss.kind.as_str(),
            "before": loss.before,
            "now": loss.now,
            "lost": loss.lost,
            "titles": titles,
        })
    };
    losses.into_iter().flat_map(|losses| &losses.losses).map(document).collect()
}
