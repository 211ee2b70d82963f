//! Files that tell of the files beside them.

use zeroize::Zeroizing;

use super::ladder::framed;
use super::{Export, Kind, Omissions, Recognised, notes, pictures};

/// The longest of them, in bytes.
pub const BESIDE_MAX: u64 = 1 << 20;

/// What a file tells of others.
pub enum Beside {
    /// All that it says of the picture that it is called after, in one form.
    Sidecar(Zeroizing<Vec<u8>>),
    /// What a take-out says of the pictures in its folder.
    Pictures(Vec<pictures::Detail>),
    /// What a take-out says of the notes in the folders beside it.
    Notes(Vec<notes::Detail>),
    /// How many messages a mailbox beside it has.
    Messages(u32),
}

impl Beside {
    /// What exports with such a file never hold.
    pub fn omissions(&self) -> Omissions {
        let mut omissions = Omissions::default();
        match self {
            Self::Pictures(_) => omissions.join(Omissions::of(Export::TakeOut)),
            Self::Notes(_) => {
                omissions.exports.extend([Export::NotesTakeOut, Export::TakeOut]);
            }
            Self::Sidecar(_) | Self::Messages(_) => {}
        }
        omissions
    }
}

/// What `content` tells of other files; none if it does not.
pub fn beside(found: &Recognised, content: &[u8]) -> Option<Beside> {
    if found.kind != Kind::File || found.dense {
        return None;
    }
    if pictures::sidecar(content).is_some() {
        return Some(Beside::Sidecar(essence(content)));
    }
    let pictures = pictures::details(content).map(Beside::Pictures);
    pictures.or_else(|| notes::details(content).map(Beside::Notes))
}

/// What a sidecar says, which programs write in many ways.
fn essence(content: &[u8]) -> Zeroizing<Vec<u8>> {
    let fields = pictures::fields(content);
    let parts = fields.iter().flat_map(|field| [field.name.as_bytes(), field.value.as_bytes()]);
    framed(&parts.collect::<Vec<_>>())
}
