//! Slots: ways of unlocking a vault (spec 5).

use std::collections::BTreeSet;
use std::fmt;

use zeroize::Zeroizing;

use super::{Vault, objects, sha};
use crate::chain::{Record, SlotRow};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{SlotId, hex};
use crate::keys::{Bundle, Role};
use crate::payload::{self, Identity, Lock, SlotIdentity, SlotKey, SlotLock};
use crate::store::{self, Area, Name, Store};

/// What a person unlocks with.
pub enum Unlock<'a> {
    /// A passphrase or the recovery code.
    Passphrase(&'a str),
    /// age X25519 identities.
    Identities(&'a [Identity]),
    /// Identities of any kind.
    Keys(&'a [SlotIdentity]),
}

/// What the first letter of a slot's file name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotLetter {
    /// A passphrase with role `full`.
    Passphrase,
    /// A passphrase with role `everyday`.
    Everyday,
    /// A passphrase with role `add`.
    Add,
    /// The recovery code.
    Recovery,
    /// A recipient.
    Key,
}

impl SlotLetter {
    const ALL: [Self; 5] = [Self::Passphrase, Self::Everyday, Self::Add, Self::Recovery, Self::Key];

    /// The letter of a passphrase slot of the role.
    pub const fn of_passphrase(role: Role) -> Self {
        match role {
            Role::Full => Self::Passphrase,
            Role::Everyday => Self::Everyday,
            Role::Add => Self::Add,
        }
    }

    /// The letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Passphrase => 'p',
            Self::Everyday => 'e',
            Self::Add => 'a',
            Self::Recovery => 'r',
            Self::Key => 'k',
        }
    }
}

/// A slot to be made.
pub struct NewSlot<'a> {
    /// What opens it.
    pub lock: Lock<'a>,
    /// The letter of its name.
    pub letter: SlotLetter,
    /// What it may do.
    pub role: Role,
    /// Its label, printable ASCII.
    pub label: String,
}

/// A slot of a vault, as `key list` shows it.
#[derive(Clone, Debug)]
pub struct SlotInfo {
    /// SHA-256 of its file.
    pub id: SlotId,
    /// What its name says.
    pub letter: SlotLetter,
    /// What its header says, not authentic; none when neither copy can be read.
    pub lock: Option<SlotLock>,
    /// What the chain records of it; none for a slot that the chain does not know.
    pub recorded: Option<SlotRow>,
    /// How many of its two copies are there and whole.
    pub copies: u8,
}

/// Seals a bundle into each slot: all first copies, then all second ones.
pub(super) fn write_slots(
    store: &dyn Store,
    bundle: &Bundle,
    slots: &[NewSlot<'_>],
    seconds: u64,
) -> Result<Vec<SlotRow>> {
    let mut rows = Vec::new();
    let mut files = Vec::new();
    for slot in slots {
        let own = bundle.for_slot(slot.role, &slot.label, seconds).ok_or_else(|| {
            Error::new(ErrorKind::NotPermitted, "this key cannot make a slot of the role")
                .on(slot.role.as_str())
                .hint("use the full passphrase or the recovery code")
        })?;
        let bytes = payload::seal_slot(own.encode().as_bytes(), &slot.lock)?;
        let id = sha(&bytes);
        rows.push(SlotRow {
            id,
            role: slot.role.as_str().to_owned(),
            time: seconds,
            label: own.label().to_owned(),
            letter: slot.letter.letter(),
        });
        files.push((format!("{}-{}", slot.letter.letter(), hex(&id)), bytes));
    }
    for area in [Area::KeysA, Area::KeysB] {
        for (file, bytes) in &files {
            let name = Name::new(area, file.as_str()).expect("a slot's name is a letter and hex");
            store::write_whole(store, &name, bytes)?;
        }
        store.barrier()?;
    }
    Ok(rows)
}

pub(super) fn slot_names(store: &dyn Store) -> Result<BTreeSet<(SlotLetter, SlotId)>> {
    let mut names = BTreeSet::new();
    for area in [Area::KeysA, Area::KeysB] {
        for name in store.list(area)? {
            let Some((letter, id)) = name.file().split_once('-') else { continue };
            let letter = SlotLetter::ALL.into_iter().find(|l| l.letter().to_string() == letter);
            names.extend(letter.zip(SlotId::parse(id)));
        }
    }
    Ok(names)
}

pub(super) fn copies(letter: SlotLetter, id: SlotId) -> [Name; 2] {
    let file = format!("{}-{id}", letter.letter());
    [Area::KeysA, Area::KeysB]
        .map(|area| Name::new(area, file.as_str()).expect("a slot's name is a letter and hex"))
}

/// Calls `each` with every bundle that opens, until it says that this is enough. Gives the damage of
/// a slot that has no whole copy left: the right passphrase would not open it.
pub(super) fn for_each_bundle(
    store: &dyn Store,
    unlock: &Unlock<'_>,
    log_n_max: u8,
    each: &mut dyn FnMut(Bundle) -> Result<bool>,
) -> Result<Option<Error>> {
    let mut names: Vec<_> = slot_names(store)?.into_iter().collect();
    if names.is_empty() {
        let error = match super::read_marker(store) {
            Err(error) if error.kind() == ErrorKind::Newer => error,
            Ok(_) => Error::new(ErrorKind::Damaged, "the vault has no slot left")
                .hint("copy the folder keys from another copy of the vault"),
            Err(_) => Error::new(ErrorKind::NotAVault, "there is no vault in this folder"),
        };
        return Err(error);
    }
    let code = match unlock {
        Unlock::Passphrase(text) => RecoveryCode::parse(text),
        Unlock::Identities(_) | Unlock::Keys(_) => None,
    };
    if code.is_some() {
        names.sort_by_key(|(letter, _)| *letter != SlotLetter::Recovery);
    }
    let mut failed: Option<Error> = None;
    let mut has_opened = false;
    for (letter, id) in names {
        // One slot that is damaged, unreadable or asks for too much work, perhaps planted, does not
        // keep the others from opening.
        let failure = match open_one(store, letter, id, unlock, code.as_ref(), log_n_max) {
            Ok(None) => None,
            Ok(Some(bundle)) => {
                has_opened = true;
                if each(bundle)? {
                    return Ok(None);
                }
                None
            }
            Err(error) => Some(error),
        };
        // Of several, damage tells least: the caller then says that no slot opens.
        if failure.is_some() && failed.as_ref().is_none_or(Error::is_damage) {
            failed = failure;
        }
    }
    match failed {
        Some(error) if !has_opened && !error.is_damage() => Err(error),
        damage => Ok(damage.filter(Error::is_damage)),
    }
}

/// The bundle of a slot; none when it does not open with this.
fn open_one(
    store: &dyn Store,
    letter: SlotLetter,
    id: SlotId,
    unlock: &Unlock<'_>,
    code: Option<&RecoveryCode>,
    log_n_max: u8,
) -> Result<Option<Bundle>> {
    let [first, second] = copies(letter, id);
    // Both copies are the same bytes, so nobody is asked, and no work is done, for the second.
    let (bytes, name) = match objects::read_verified(store, &first) {
        Ok(bytes) => (bytes, first),
        Err(error) => match objects::read_verified(store, &second) {
            Ok(bytes) => (bytes, second),
            Err(_) => return Err(error),
        },
    };
    let keys: Vec<SlotKey<'_>> = match unlock {
        Unlock::Passphrase(text) => {
            let text = match (letter, code) {
                (SlotLetter::Recovery, Some(code)) => code.as_str(),
                _ => text,
            };
            vec![SlotKey::Passphrase(text)]
        }
        Unlock::Identities(identities) => identities.iter().map(SlotKey::Identity).collect(),
        Unlock::Keys(keys) => keys.iter().map(SlotKey::Person).collect(),
    };
    for key in &keys {
        match payload::open_slot(&bytes, key, log_n_max) {
            Ok(text) => {
                let bundle = Bundle::decode(&text)
                    .map_err(|malformed| Error::from(malformed).on(name.to_string()))?;
                return Ok(Some(bundle));
            }
            Err(error) if error.kind() == ErrorKind::WrongKey => {}
            Err(error) => return Err(error.on_if_unnamed(|| name.to_string())),
        }
    }
    Ok(None)
}

/// The slot that a passphrase opens already, and what it may do; none when it opens none.
pub fn slot_of(vault: &Vault, passphrase: &str, log_n_max: u8) -> Result<Option<(SlotId, Role)>> {
    let unlock = Unlock::Passphrase(passphrase);
    let code = RecoveryCode::parse(passphrase);
    for (letter, id) in slot_names(vault.store.as_ref())? {
        // A slot that cannot be tried is none that it opens.
        let store = vault.store.as_ref();
        if let Ok(Some(bundle)) = open_one(store, letter, id, &unlock, code.as_ref(), log_n_max) {
            return Ok(Some((id, bundle.role())));
        }
    }
    Ok(None)
}

/// All slots of a vault. Without a vault opened nothing recorded is known.
pub fn slots(store: &dyn Store, vault: Option<&Vault>) -> Result<Vec<SlotInfo>> {
    let recorded = vault.map_or(Ok(Vec::new()), Vault::slot_record)?;
    let info = |(letter, id): (SlotLetter, SlotId)| {
        let whole: Vec<_> = copies(letter, id)
            .iter()
            .filter_map(|name| objects::read_verified(store, name).ok())
            .collect();
        SlotInfo {
            id,
            letter,
            lock: whole.first().and_then(|bytes| payload::slot_lock(bytes).ok()),
            recorded: recorded.iter().find(|row| row.id == *id.bytes()).cloned(),
            copies: u8::try_from(whole.len()).unwrap_or(2),
        }
    };
    Ok(slot_names(store)?.into_iter().map(info).collect())
}

/// Adds a slot and records it.
pub fn add_slot(vault: &mut Vault, slot: NewSlot<'_>, time: i64) -> Result<SlotId> {
    change(vault, &[slot], None, time)
        .and_then(|rows| rows.first().map(|row| SlotId::new(row.id)).ok_or_else(nothing))
}

/// Removes a slot. Whoever used it before keeps what they could read: this does not revoke.
///
/// # Errors
/// `Refused` for the last slot that may do everything.
pub fn remove_slot(vault: &mut Vault, id: SlotId, time: i64) -> Result<()> {
    change(vault, &[], Some(id), time).map(drop)
}

/// Puts a new slot in the place of an old one.
pub fn replace_slot(vault: &mut Vault, id: SlotId, slot: NewSlot<'_>, time: i64) -> Result<SlotId> {
    change(vault, &[slot], Some(id), time)
        .and_then(|rows| rows.first().map(|row| SlotId::new(row.id)).ok_or_else(nothing))
}

fn nothing() -> Error {
    Error::new(ErrorKind::Failed, "no slot was made")
}

fn change(
    vault: &mut Vault,
    new: &[NewSlot<'_>],
    remove: Option<SlotId>,
    time: i64,
) -> Result<Vec<SlotRow>> {
    vault.refuse_foreign()?;
    vault.refuse_slot_changes()?;
    vault.refresh()?;
    let names = slot_names(vault.store.as_ref())?;
    let removed =
        match remove {
            None => None,
            Some(id) => Some(*names.iter().find(|(_, known)| *known == id).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "no such slot:").on(id.to_string())
            })?),
        };
    if removed.is_some() && vault.role() != Role::Full {
        return Err(Error::new(ErrorKind::NotPermitted, "only a full key removes slots"));
    }
    let mut rows = vault.slot_record()?;
    rows.retain(|row| remove.is_none_or(|id| row.id != *id.bytes()));
    let stays_full = rows.iter().any(|row| row.role == Role::Full.as_str())
        || new.iter().any(|slot| slot.role == Role::Full);
    if removed.is_some() && !stays_full {
        return Err(Error::new(ErrorKind::Refused, "this is the last slot that opens everything")
            .hint("add another one first: icvault key add"));
    }
    if removed.is_some() && !stands_alone(vault, &rows, new) {
        return Err(not_alone());
    }
    let seconds = u64::try_from(time.div_euclid(1_000_000_000)).unwrap_or(0);
    let made = write_slots(vault.store.as_ref(), &vault.keys.bundle, new, seconds)?;
    rows.extend(made.iter().cloned());
    vault.append(Record::Slots { slots: rows, files: Vec::new() }, time)?;
    if let Some((letter, id)) = removed {
        for name in copies(letter, id) {
            vault.store.remove(&name)?;
        }
        vault.store.barrier()?;
    }
    Ok(made)
}

/// Whether what opens everything is not only in a device or an ssh key (spec S-5).
fn stands_alone(vault: &Vault, rows: &[SlotRow], new: &[NewSlot<'_>]) -> bool {
    let is_lasting = |row: &SlotRow| {
        let names = [Area::KeysA, Area::KeysB].map(|area| Name::new(area, row.file()));
        let mut whole = names
            .iter()
            .flatten()
            .filter_map(|name| objects::read_verified(vault.store.as_ref(), name).ok());
        whole.any(|bytes| payload::slot_lock(&bytes).is_ok_and(SlotLock::stands_alone))
    };
    has_lasting(new) || rows.iter().filter(|row| row.role == Role::Full.as_str()).any(is_lasting)
}

/// Whether one of these opens everything and may be the only one that does.
pub(super) fn has_lasting(slots: &[NewSlot<'_>]) -> bool {
    slots.iter().any(|slot| slot.role == Role::Full && slot.lock.stands_alone())
}

/// What is said where only a device or an ssh key would open everything.
pub(super) fn not_alone() -> Error {
    Error::new(ErrorKind::Refused, "an ssh key or a plugin would be all that opens everything")
        .hint("such keys get lost, or die with a device: keep a passphrase or a recovery code too")
}

/// The code that opens a vault when every passphrase is forgotten; wiped when dropped.
pub struct RecoveryCode(Zeroizing<String>);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 30;

impl RecoveryCode {
    /// Draws a new code.
    pub fn generate(random: &dyn Fn(&mut [u8])) -> Self {
        let mut bytes = Zeroizing::new([0; 16]);
        random(bytes.as_mut());
        Self::of(&bytes)
    }

    /// Reads what a person typed: case, blanks and dashes do not matter, `O` is `0`, `I` and `L` are
    /// `1`. None when it is not a code or has a typing error.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bits = Zeroizing::new(Vec::with_capacity(DIGITS));
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let digit = ALPHABET.iter().position(|&known| char::from(known) == c)?;
            bits.push(u8::try_from(digit).ok()?);
        }
        if bits.len() != DIGITS {
            return None;
        }
        let mut bytes = Zeroizing::new([0_u8; 16]);
        for (at, byte) in bytes.iter_mut().enumerate() {
            for bit in at * 8..at * 8 + 8 {
                let digit = bits.get(bit / 5)?;
                *byte = *byte << 1 | (digit >> (4 - bit % 5)) & 1;
            }
        }
        let code = Self::of(&bytes);
        let typed: Zeroizing<String> = Zeroizing::new(
            bits.iter()
                .filter_map(|&d| ALPHABET.get(usize::from(d)).map(|&c| char::from(c)))
                .collect(),
        );
        let shown: Zeroizing<String> =
            Zeroizing::new(code.0.chars().filter(|c| *c != '-').collect());
        (*typed == *shown).then_some(code)
    }

    /// The code as it is shown; this is the slot's passphrase.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(bytes: &[u8; 16]) -> Self {
        let mut checked = Zeroizing::new(b"icvault recovery code".to_vec());
        checked.extend_from_slice(bytes);
        let check = sha(&checked);
        let mut bits =
            bytes.iter().chain(&check).flat_map(|byte| (0..8).rev().map(move |b| byte >> b & 1));
        let mut text = Zeroizing::new(String::with_capacity(DIGITS + 5));
        for place in 0..DIGITS {
            if place > 0 && place % 5 == 0 {
                text.push('-');
            }
            let digit =
                bits.by_ref().take(5).fold(0_usize, |digit, bit| digit << 1 | usize::from(bit));
            text.push(ALPHABET.get(digit).map_or('0', |&c| char::from(c)));
        }
        Self(text)
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_forgive_how_they_are_typed_and_catch_errors() {
        let code = RecoveryCode::generate(&|bytes| bytes.fill(0xA5));
        let shown = code.as_str();
        assert_eq!(shown.len(), 35);
        let sloppy = shown.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(RecoveryCode::parse(&sloppy).unwrap().as_str(), shown);
        for at in (0..shown.len()).filter(|at| &shown[*at..=*at] != "-") {
            let mut wrong = shown.to_owned();
            let other = if &shown[at..=at] == "7" { "8" } else { "7" };
            wrong.replace_range(at..=at, other);
            assert!(RecoveryCode::parse(&wrong).is_none(), "{wrong}");
        }
        assert!(RecoveryCode::parse("correct horse battery staple").is_none());
    }
}
