//! Files beside pictures: XMP with what was written about one, AAE with how it was edited.
//!
//! AAE is a property list in XML: a dictionary of keys, each with a value behind it.

use super::moment::Moment;
use super::told::{Text, Told, plain};
use super::xml::{Met, walk};
use super::xmp;
use crate::kinds::bytes::{holds, start};
use crate::kinds::text;

/// How far into a file what tells it may stand: behind the edits themselves.
const LOOK_MAX: usize = 1 << 20;
const FORMAT: &str = "adjustmentFormatIdentifier";
const VERSION: &str = "adjustmentFormatVersion";
const EDITOR: &str = "adjustmentEditorBundleID";
const EDITED: &str = "adjustmentTimestamp";
/// The longest value that is kept, in bytes.
const VALUE_MAX: usize = 1024;

/// What a file beside a picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sidecar {
    /// XMP: titles, keywords, a date, a place.
    Description,
    /// AAE: how Photos or a camera's program edited it.
    Edits,
}

/// What a file beside a picture is, by its content; none if it is no such file.
pub fn sidecar(bytes: &[u8]) -> Option<Sidecar> {
    if xmp::looks_like(bytes) {
        return Some(Sidecar::Description);
    }
    let bytes = text::decode(start(bytes, LOOK_MAX));
    let text = text::trim_start(&bytes);
    let is_list = text.starts_with(b"<") && holds(start(text, 4096), b"<plist");
    (is_list && holds(text, FORMAT.as_bytes())).then_some(Sidecar::Edits)
}

/// Tells what it says.
pub(super) fn tell(kind: Sidecar, bytes: &[u8], told: &mut Told) {
    match kind {
        Sidecar::Description => xmp::tell(bytes, told),
        Sidecar::Edits => {
            let bytes = text::decode(start(bytes, LOOK_MAX));
            tell_edits(&String::from_utf8_lossy(&bytes), told);
        }
    }
}

fn tell_edits(list: &str, told: &mut Told) {
    let (mut key, mut value, mut is_key) = (String::new(), String::new(), false);
    walk(list, &mut |met| match met {
        Met::Start(name) => {
            is_key = name == "key";
            value.clear();
        }
        Met::Text(text) if value.len() + text.len() <= VALUE_MAX => value.push_str(text),
        Met::Text(_) | Met::Attribute(..) => {}
        Met::End if is_key => {
            key = std::mem::take(&mut value);
            is_key = false;
        }
        Met::End => {
            let value = plain(&std::mem::take(&mut value), VALUE_MAX);
            match std::mem::take(&mut key).as_str() {
                FORMAT => told.offer(Text::Format, &value),
                VERSION => told.offer(Text::Version, &value),
                EDITOR => told.offer(Text::Software, &value),
                EDITED => {
                    let moment = Moment::parse(&value).map(Moment::told);
                    told.offer(Text::Edited, &moment.unwrap_or_default());
                }
                _ => {}
            }
        }
    });
}
