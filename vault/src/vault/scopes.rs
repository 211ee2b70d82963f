//! The scopes in a store: which verify, and which of them counts (spec 12).

use std::collections::BTreeSet;

use super::{Keyring, objects, slots};
use crate::error::Result;
use crate::id::{PackId, VaultId};
use crate::keys::Compartment;
use crate::scope::Scope;
use crate::store::{Area, Name, Store};

/// A scope that verifies, and its object.
pub(crate) type Named = (Name, Scope);

/// All scopes that verify, the newest last.
pub(crate) fn verified(store: &dyn Store, keys: &Keyring, vault: VaultId) -> Result<Vec<Named>> {
    let mut found: Vec<Named> = Vec::new();
    for name in store.list(Area::Scope)? {
        let read = || -> Result<Scope> {
            let bytes = objects::read_verified(store, &name)?;
            let plain = objects::decrypt(&bytes, &keys.bundle, Compartment::Index)?;
            Ok(Scope::decode(&plain, vault, &keys.entry)?)
        };
        found.extend(read().ok().map(|scope| (name.clone(), scope)));
    }
    found.sort_by(|(one, a), (other, b)| (a.number, a.time, one).cmp(&(b.number, b.time, other)));
    Ok(found)
}

/// The newest scope of which nothing that it lists is there (spec L-1).
pub(crate) fn counting(store: &dyn Store, found: Vec<Named>) -> Result<Option<Named>> {
    if found.is_empty() {
        return Ok(None);
    }
    let packs = store.list(Area::Packs)?;
    let packs: BTreeSet<_> = packs.iter().filter_map(|name| PackId::parse(name.file())).collect();
    let slots: BTreeSet<_> = slots::slot_names(store)?.into_iter().map(|(_, id)| id).collect();
    let counts = |scope: &Scope| scope.packs.is_disjoint(&packs) && scope.slots.is_disjoint(&slots);
    Ok(found.into_iter().rfind(|(_, scope)| counts(scope)))
}
