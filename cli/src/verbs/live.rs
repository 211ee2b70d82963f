//! An export on disk as a snapshot that nobody keeps: it is added over the vault, in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vault::ErrorKind;
use vault::files::Globs;
use vault::progress::{Phase, Progress};
use vault::store::OverlayStore;
use vault::vault::{self as library, AddOptions, Alarm, AskPassword, Seal, SnapshotInfo, Spec};

use crate::errors::{Code, Failure, Result};
use crate::session::{self, Session};
use crate::ui::{self, Bar, Ui};

/// The most bytes that are held of what the vault does not have.
const SPACE: u64 = 1 << 30;

/// The export at `path` as the next snapshot of a source. From here on the session's vault shows it,
/// and nothing that is written reaches the vault's folder.
pub(super) fn live(
    session: &mut Session,
    path: &Path,
    source: &str,
    ui: &Ui,
) -> Result<SnapshotInfo> {
    let store = Arc::clone(session.vault.store());
    session.vault.set_store(Arc::new(OverlayStore::new(store, SPACE)));
    let options = AddOptions {
        source: source.to_owned(),
        label: String::new(),
        host: String::new(),
        tool: concat!("icvault ", env!("CARGO_PKG_VERSION")).to_owned(),
        time: session::now(),
        level: 1,
        seal: Seal::ByContent,
        kind: None,
        exclude: vec![session.path.clone()],
        leave_out: Globs::default(),
        passwords: AskPassword::default(),
        alarm: Alarm::off(),
        expected: false,
    };
    let paths: [PathBuf; 1] = [path.to_owned()];
    let added = library::add(&mut session.vault, &paths, &options, &Reading(ui.progress()));
    let added = added.map_err(|error| match error.kind() {
        ErrorKind::NoSpace => {
            let message = "too much of it is new to be compared without being stored";
            let hint = "icvault add it, then compare two snapshots";
            Failure::new(Code::NoSpace, message).hint(hint)
        }
        _ => error.into(),
    })?;
    if !added.summary.left_out.is_empty() {
        let items = ui::count(added.summary.left_out.len() as u64, "item");
        ui.warn(format!("{items} of this export cannot be compared, or not all of it"));
        for left_out in added.summary.left_out.iter().take(ui.named_max()) {
            let path = left_out.path.as_ref().map(ToString::to_string).unwrap_or_default();
            ui.warn(format!("{path}: {}", left_out.reason));
        }
    }
    Ok(session.vault.resolve(&Spec::Id(added.id.to_string()))?)
}

/// Whether there is something at a path.
pub(super) fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Progress of what is only read.
struct Reading(Bar);

impl Progress for Reading {
    fn phase(&self, phase: Phase, bytes_total: Option<u64>) {
        let phase = if matches!(phase, Phase::Storing) { Phase::Checking } else { phase };
        self.0.phase(phase, bytes_total);
    }

    fn bytes(&self, bytes: u64) {
        self.0.bytes(bytes);
    }

    fn item(&self) {
        self.0.item();
    }
}
