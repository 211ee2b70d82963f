//! `check`: verifies the vault.

use serde_json::{Value, json};
use vault::check::{self as library, CheckOptions, Finding, Report, Severity};
use vault::progress::{Phase, Progress as _};
use vault::vault::read_marker;

use crate::args::{Args, Check};
use crate::errors::{Code, Failure, Result};
use crate::memory::LastCheck;
use crate::session::{self, Purpose};
use crate::ui::{self, Ui};

pub(crate) fn check(args: &Args, verb: &Check, ui: &Ui) -> Result<Code> {
    if verb.keyless {
        let (path, store) = session::find(args)?;
        let bar = ui.progress();
        bar.phase(Phase::Checking, None);
        let report = library::check_keyless(store.as_ref(), &bar)?;
        drop(bar);
        // Somebody who mistyped a path must not believe that a vault is damaged.
        if report.objects == 0
            && let Err(error) = read_marker(store.as_ref())
        {
            let failure = Failure::new(Code::NotAVault, format!("not a vault: {}", path.display()));
            return Err(failure.hint(error.to_string()));
        }
        return tell(ui, verb, &report, None);
    }
    let mut session = session::open(args, ui, Purpose::Read)?;
    let knows_head = match &verb.head {
        None => None,
        Some(code) => Some(session.vault.knows_head(code)?.ok_or_else(|| {
            Failure::usage(format!("not a head code: {code}")).hint("it looks like 12-ABCD-EFGH")
        })?),
    };
    let bar = ui.progress();
    bar.phase(Phase::Checking, None);
    let options = CheckOptions { read_data: verb.read_data };
    let report = library::check(&session.vault, options, &bar)?;
    drop(bar);
    let code = tell(ui, verb, &report, knows_head)?;
    let (time, code_number) = (session::now(), code.number());
    let check = LastCheck { time, code: code_number, read_data: verb.read_data };
    session.remember_check(ui, check);
    Ok(code)
}

fn tell(ui: &Ui, verb: &Check, report: &Report, knows_head: Option<bool>) -> Result<Code> {
    let worst = report.findings.iter().map(|finding| finding.severity).max();
    let code = match (worst, knows_head) {
        (Some(Severity::Damage), _) => Code::Damaged,
        (Some(Severity::Missing), _) | (_, Some(false)) => Code::Missing,
        (Some(Severity::NotDownloaded), _) => Code::Incomplete,
        _ => Code::Done,
    };
    if verb.json {
        ui.json(&json!({
            "message_type": "summary",
            "findings": report.findings.iter().map(document).collect::<Value>(),
            "objects": report.objects,
            "bytes": report.bytes,
            "snapshots": report.snapshots,
            "items": report.items,
            "records": report.records,
            "knows_head": knows_head,
            "read_data": verb.read_data,
            "keyless": verb.keyless,
            "left_out": report.left_out.map(|left_out| json!({
                "sealed": left_out.sealed,
                "packs": left_out.packs,
                "slots": left_out.slots,
                "items": left_out.items,
            })),
        }))?;
        return Ok(code);
    }
    for finding in &report.findings {
        let object = ui::escape(&finding.object);
        ui.line(format!("{}: {object}: {}", word(finding.severity), ui::escape(&finding.what)))?;
        for item in &finding.items {
            ui.line(format!("  {}", ui::escape(item)))?;
        }
        let more = finding.items_total.saturating_sub(finding.items.len() as u64);
        if more > 0 {
            ui.line(format!("  and {more} more"))?;
        }
    }
    if knows_head == Some(false) {
        ui.line("missing: the vault is older than the head code given, or is another one")?;
    }
    let mut parts = vec![ui::count(report.objects, "object"), ui::size(report.bytes)];
    if !verb.keyless {
        parts.push(ui::count(report.snapshots, "snapshot"));
        parts.push(ui::count(report.items, "item"));
        if report.records > 0 {
            parts.push(ui::count(report.records, "record"));
        }
    }
    ui.summary(format!("checked {}", parts.join(", ")))?;
    if let Some(left_out) = &report.left_out {
        if left_out.sealed {
            let items = ui::count(left_out.items, "item");
            let packs = ui::count(left_out.packs, "pack");
            ui.summary(format!("sealed left out on purpose: {items} in {packs}"))?;
        }
        if left_out.slots > 0 {
            let slots = ui::count(left_out.slots, "slot");
            ui.summary(format!("slots left out on purpose: {slots}"))?;
        }
    }
    ui.summary(match code {
        Code::Damaged => "damage found: keep this copy as it is, and look for another one",
        Code::Missing => "snapshots are missing: look for another copy",
        Code::Incomplete => {
            "not all is downloaded: in Finder choose Download Now or Keep Downloaded, and check again"
        }
        _ if verb.keyless => {
            "every object is what its name says (what only a key can tell was not checked)"
        }
        _ if verb.read_data => "clean: every byte was read and verified",
        _ => "clean (--read-data reads every byte)",
    })?;
    Ok(code)
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::NotDownloaded => "not downloaded",
        Severity::Missing => "missing",
        Severity::Damage => "damage",
    }
}

fn document(finding: &Finding) -> Value {
    json!({
        "severity": word(finding.severity),
        "object": finding.object,
        "what": finding.what,
        "items": finding.items,
        "items_total": finding.items_total,
    })
}
