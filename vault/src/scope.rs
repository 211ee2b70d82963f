//! What a copy was made without, on purpose: a small object that only a copy has, vouched for like
//! a chain entry (spec 12).
#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::chain::{self, EntryKeys, Signed};
use crate::format;
use crate::id::{MacKey, PackId, SlotId, VaultId};
use crate::keys::Compartment;
use crate::wire::{self, Head, Malformed, Refusal};

/// What is not in a copy, and that this was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Nanoseconds since 1970 UTC.
    pub time: i64,
    /// The packs left out.
    pub packs: BTreeSet<PackId>,
    /// The slots left out.
    pub slots: BTreeSet<SlotId>,
    /// The labels of the slots that were chosen; none when all were.
    pub labels: Option<BTreeSet<String>>,
    /// The largest number in the chain at that time.
    pub number: u64,
    /// Whether `sealed` is left out, also what is added later.
    pub without_sealed: bool,
}

// In the order of canonical CBOR: shorter names first, then by their bytes.
#[derive(Serialize, Deserialize)]
struct WireScope {
    time: i64,
    packs: Vec<ByteBuf>,
    slots: Vec<ByteBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    number: u64,
    sealed: bool,
}

impl Scope {
    /// The plaintext of the scope's object.
    pub fn encode(&self, vault: VaultId, writer: &MacKey, reader: &MacKey) -> Vec<u8> {
        let wire = WireScope {
            time: self.time,
            packs: self.packs.iter().map(|id| ByteBuf::from(id.bytes().to_vec())).collect(),
            slots: self.slots.iter().map(|id| ByteBuf::from(id.bytes().to_vec())).collect(),
            labels: self.labels.as_ref().map(|labels| labels.iter().cloned().collect()),
            number: self.number,
            sealed: self.without_sealed,
        };
        chain::sign(&head(vault), &wire::encode(&wire), writer, Some(reader))
    }

    /// Reads the plaintext of a scope's object (spec L-1).
    pub fn decode(bytes: &[u8], vault: VaultId, keys: &EntryKeys) -> Result<Self, Refusal> {
        let Signed { payload, has_reader } =
            chain::verify(bytes, &head(vault), format::SCOPE_MAX, keys)?;
        if !has_reader {
            return Err(Malformed::new("a scope without the reader MAC", 36).into());
        }
        let wire: WireScope = wire::decode(payload, format::SCOPE_MAX)?;
        Ok(Self {
            time: wire.time,
            packs: ascending(&wire.packs, PackId::new)?,
            slots: ascending(&wire.slots, SlotId::new)?,
            labels: wire.labels.map(|labels| labels.into_iter().collect()),
            number: wire.number,
            without_sealed: wire.sealed,
        })
    }

    /// Whether it says that everything is there.
    pub fn is_empty(&self) -> bool {
        !self.without_sealed && self.labels.is_none()
    }
}

fn ascending<T: Ord>(ids: &[ByteBuf], of: fn([u8; 32]) -> T) -> Result<BTreeSet<T>, Malformed> {
    if !ids.is_sorted_by(|one, other| one < other) {
        return Err(Malformed::new("ids that do not ascend", 0));
    }
    let id = |id: &ByteBuf| {
        let bytes: Result<[u8; 32], _> = id.as_slice().try_into();
        bytes.map(of).map_err(|_| Malformed::new("an id of another length", 0))
    };
    ids.iter().map(id).collect()
}

fn head(vault: VaultId) -> Head {
    let compartment = Compartment::Index.byte();
    Head { object: format::OBJECT_SCOPE, compartment, class: 0, vault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> EntryKeys {
        EntryKeys { writer: MacKey::new([1; 32]), reader: Some(MacKey::new([2; 32])) }
    }

    fn scope() -> Scope {
        Scope {
            time: -5,
            packs: [PackId::new([9; 32]), PackId::new([3; 32])].into(),
            slots: [SlotId::new([4; 32])].into(),
            labels: Some(["Sam".to_owned()].into()),
            number: 7,
            without_sealed: true,
        }
    }

    #[test]
    fn a_scope_round_trips() {
        let vault = VaultId::new([5; 16]);
        for scope in [scope(), Scope { labels: None, ..scope() }, Scope::default()] {
            let bytes = scope.encode(vault, &keys().writer, &keys().reader.unwrap());
            assert_eq!(bytes.len(), 4096);
            assert_eq!(Scope::decode(&bytes, vault, &keys()), Ok(scope));
        }
    }

    #[test]
    fn only_who_has_both_keys_writes_one() {
        let vault = VaultId::new([5; 16]);
        let (writer, reader, other) = (keys().writer, keys().reader.unwrap(), MacKey::new([3; 32]));
        for bytes in [
            scope().encode(vault, &other, &reader),
            scope().encode(vault, &writer, &other),
            scope().encode(VaultId::new([6; 16]), &writer, &reader),
        ] {
            assert!(Scope::decode(&bytes, vault, &keys()).is_err());
        }
        let mut bytes = scope().encode(vault, &writer, &reader);
        // Without the reader MAC, which an entry may be and a scope may not.
        let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
        bytes[end - 31..=end].fill(0);
        assert!(Scope::decode(&bytes, vault, &keys()).is_err());
    }

    #[test]
    fn ids_ascend() {
        let ids = |ids: &[u8]| ids.iter().map(|&id| ByteBuf::from([id; 32])).collect::<Vec<_>>();
        assert!(ascending(&ids(&[1, 2]), PackId::new).is_ok());
        assert!(ascending(&ids(&[2, 1]), PackId::new).is_err());
        assert!(ascending(&ids(&[1, 1]), PackId::new).is_err());
        assert!(ascending(&[ByteBuf::from([1; 31])], PackId::new).is_err());
    }
}
