//! Compartments, roles, the key bundle of a slot, and every derivation label (spec 5 and 6).
#![warn(clippy::arithmetic_side_effects)]

use std::fmt;
use std::str::FromStr;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::format;
use crate::id::{self, MacKey, VaultId};
use crate::payload::{Identity, Recipient};
use crate::wire::Malformed;

/// Items sealed under keys of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compartment {
    /// The chain and the positions of chunks.
    Index,
    /// Ordinary items.
    General,
    /// Passwords, private keys and the like.
    Sealed,
}

impl Compartment {
    /// All of them, in the order of the bundle.
    pub const ALL: [Self; 3] = [Self::Index, Self::General, Self::Sealed];

    /// Its byte in the format.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Index => format::COMPARTMENT_INDEX,
            Self::General => format::COMPARTMENT_GENERAL,
            Self::Sealed => format::COMPARTMENT_SEALED,
        }
    }

    /// The compartment of that byte.
    pub fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|compartment| compartment.byte() == byte)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::General => "general",
            Self::Sealed => "sealed",
        }
    }
}

impl fmt::Display for Compartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key bundle may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything.
    Full,
    /// Read and add `general`, add `sealed`; not read `sealed`.
    Everyday,
    /// Add both and read neither; see the chain and which chunks of `general` there are.
    Add,
}

impl Role {
    /// All of them, the one that may do most first.
    pub const ALL: [Self; 3] = [Self::Full, Self::Everyday, Self::Add];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Everyday => "everyday",
            Self::Add => "add",
        }
    }

    /// Whether the role reads the compartment: its bundle holds the identity.
    pub const fn reads(self, compartment: Compartment) -> bool {
        matches!(
            (self, compartment),
            (Self::Full, _)
                | (Self::Everyday, Compartment::Index | Compartment::General)
                | (Self::Add, Compartment::Index)
        )
    }

    /// Whether the role names chunks of the compartment: its bundle holds the secret.
    const fn names(self, compartment: Compartment) -> bool {
        matches!(
            (self, compartment),
            (Self::Full, _) | (_, Compartment::Index | Compartment::General)
        )
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(Malformed::new("no role of a key bundle", 0))
    }
}

/// The 32 secret bytes of a compartment.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Secret([u8; 32]);

/// The keys of one compartment as a bundle holds them.
struct Holding {
    recipient: Recipient,
    secret: Option<Secret>,
    /// Only beside the secret.
    identity: Option<Identity>,
}

/// The keys of a vault that one slot holds, with every key derived from them.
pub struct Bundle {
    vault: VaultId,
    role: Role,
    label: String,
    /// Seconds since 1970 UTC.
    time: u64,
    index: Holding,
    general: Holding,
    sealed: Holding,
}

/// Draws random bytes; passed in so that a test can fix them.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

const FIRST_LINE: &str = "# icvault key bundle 1";
const LABEL_MAX: usize = 64;

impl Bundle {
    /// The keys of a new vault, role `full`.
    pub fn generate(label: &str, time: u64, random: Random<'_>) -> Self {
        let mut holding = || {
            let mut secret = Secret([0; 32]);
            random(&mut secret.0);
            let identity = Identity::generate();
            let recipient = identity.recipient();
            Holding { recipient, secret: Some(secret), identity: Some(identity) }
        };
        let [index, general, sealed] = [holding(), holding(), holding()];
        let mut vault = [0; format::VAULT_ID_SIZE];
        random(&mut vault);
        let label = clean_label(label);
        Self { vault: VaultId::new(vault), role: Role::Full, label, time, index, general, sealed }
    }

    /// The same keys for another slot: `role` may not be more than this bundle's own.
    pub fn for_slot(&self, role: Role, label: &str, time: u64) -> Option<Self> {
        let copy = |compartment: Compartment| {
            let own = self.holding(compartment);
            let secret = role.names(compartment).then_some(own.secret.as_ref());
            let identity = role.reads(compartment).then_some(own.identity.as_ref());
            // What the role needs and this bundle lacks is `Some(None)`.
            Some(Holding {
                recipient: own.recipient.clone(),
                secret: secret.map(|secret| secret.cloned().ok_or(())).transpose().ok()?,
                identity: identity
                    .map(|identity| identity.map(duplicate).ok_or(()))
                    .transpose()
                    .ok()?,
            })
        };
        Some(Self {
            vault: self.vault,
            role,
            label: clean_label(label),
            time,
            index: copy(Compartment::Index)?,
            general: copy(Compartment::General)?,
            sealed: copy(Compartment::Sealed)?,
        })
    }

    /// The vault these keys belong to.
    pub fn vault(&self) -> VaultId {
        self.vault
    }

    /// What they may do.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The slot's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// When the slot was made, in seconds since 1970 UTC.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The key that objects of the compartment are encrypted to.
    pub fn recipient(&self, compartment: Compartment) -> &Recipient {
        &self.holding(compartment).recipient
    }

    /// The key that reads the compartment, if the role does.
    pub fn identity(&self, compartment: Compartment) -> Option<&Identity> {
        self.holding(compartment).identity.as_ref()
    }

    /// Ids of chunks in `general`. In `sealed` the salt of each pack takes its place.
    pub fn chunk_id_key(&self) -> MacKey {
        self.derive("icvault chunk id", Compartment::General, self.secret(Compartment::General))
    }

    /// Cut points of content.
    pub fn cut_key(&self, compartment: Compartment) -> MacKey {
        self.derive_for_writers("icvault cut", compartment)
    }

    /// Borders of tree nodes.
    pub fn tree_key(&self, compartment: Compartment) -> MacKey {
        self.derive_for_writers("icvault tree", compartment)
    }

    /// Keys of records in their trees.
    pub fn record_key(&self, compartment: Compartment) -> MacKey {
        self.derive_for_writers("icvault record", compartment)
    }

    /// Digests of what records say.
    pub fn record_digest_key(&self, compartment: Compartment) -> MacKey {
        self.derive_for_writers("icvault record digest", compartment)
    }

    /// MACs of pack directories.
    pub fn pack_mac_key(&self, compartment: Compartment) -> MacKey {
        self.derive_for_writers("icvault pack mac", compartment)
    }

    /// What every writer can vouch for: tables and chain entries.
    pub fn writer_mac_key(&self) -> MacKey {
        self.derive("icvault writer mac", Compartment::Index, self.secret(Compartment::Index))
    }

    /// What only a reader of `general` can vouch for; none for a role that is not one.
    pub fn reader_mac_key(&self) -> Option<MacKey> {
        let line = self.general.identity.as_ref()?.expose();
        Some(self.derive("icvault reader mac", Compartment::General, line.as_bytes()))
    }

    /// What is remembered outside the vault to notice keys that were put in its place.
    pub fn fingerprint(&self) -> [u8; 32] {
        let secret = self.secret(Compartment::Index);
        *expand("icvault fingerprint", self.vault, Compartment::Index, secret)
    }

    /// Codes by which a person remembers a head.
    pub fn head_code_key(&self) -> MacKey {
        self.derive("icvault head code", Compartment::Index, self.secret(Compartment::Index))
    }

    /// Handles of items, where the role reads the compartment. The sealed secret makes those of
    /// sealed items, so that a role that cannot read a name cannot confirm a guess of it either.
    pub fn handle_key(&self, compartment: Compartment) -> Option<MacKey> {
        let holding = self.holding(compartment);
        let secret = holding.identity.as_ref().and(holding.secret.as_ref())?;
        Some(self.derive("icvault handle", compartment, &secret.0))
    }

    fn holding(&self, compartment: Compartment) -> &Holding {
        match compartment {
            Compartment::Index => &self.index,
            Compartment::General => &self.general,
            Compartment::Sealed => &self.sealed,
        }
    }

    fn secret(&self, compartment: Compartment) -> &[u8] {
        self.holding(compartment).secret.as_ref().map_or(&[], |secret| &secret.0)
    }

    /// A role that cannot read `sealed` writes to it, so these come from the index secret there.
    fn derive_for_writers(&self, label: &str, compartment: Compartment) -> MacKey {
        let secret = match compartment {
            Compartment::General => self.secret(Compartment::General),
            Compartment::Index | Compartment::Sealed => self.secret(Compartment::Index),
        };
        self.derive(label, compartment, secret)
    }

    fn derive(&self, label: &str, compartment: Compartment, material: &[u8]) -> MacKey {
        MacKey::new(*expand(label, self.vault, compartment, material))
    }

    /// The bundle's text, exactly [`format::SLOT_SIZE`] bytes that stock age takes as an identity
    /// file (spec 5).
    pub fn encode(&self) -> Zeroizing<String> {
        // Reserved whole, so that no reallocation leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(format::SLOT_SIZE));
        let mut line = |parts: &[&str]| {
            parts.iter().for_each(|part| text.push_str(part));
            text.push('\n');
        };
        line(&[FIRST_LINE]);
        line(&["# vault: ", &self.vault.to_string()]);
        line(&["# role: ", self.role.as_str()]);
        line(&["# label: ", &self.label]);
        line(&["# time: ", &self.time.to_string()]);
        for compartment in Compartment::ALL {
            let holding = self.holding(compartment);
            let name = compartment.as_str();
            line(&["# ", name, " recipient: ", &holding.recipient.to_string()]);
            if let Some(secret) = &holding.secret {
                line(&["# ", name, " secret: ", &Zeroizing::new(id::hex(&secret.0))]);
            }
            if let Some(identity) = &holding.identity {
                line(&[&identity.expose()]);
            }
        }
        text.push_str("# pad ");
        while text.len() < format::SLOT_SIZE.saturating_sub(1) {
            text.push('0');
        }
        text.push('\n');
        text
    }

    /// Reads a bundle; every line, its order and its length are as [`Bundle::encode`] writes them.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() != format::SLOT_SIZE {
            return Err(Malformed::new("a key bundle of another size", bytes.len()));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Malformed::new("text that is not UTF-8", error.valid_up_to()))?;
        let mut lines = Lines { rest: text, at: 0 };
        if lines.next()? != FIRST_LINE {
            return Err(Malformed::new("no key bundle of version 1", 0));
        }
        let vault = lines.field("vault")?;
        let vault = VaultId::parse(vault).ok_or(lines.wrong("no vault id"))?;
        let role = lines.field("role")?.parse::<Role>()?;
        let label = lines.field("label")?.to_owned();
        let time = lines.field("time")?;
        let seconds = time.parse::<u64>().map_err(|_| lines.wrong("no time"))?;
        let mut holding = |compartment| lines.holding(compartment, role);
        let index = holding(Compartment::Index)?;
        let general = holding(Compartment::General)?;
        let sealed = holding(Compartment::Sealed)?;
        let bundle = Self { vault, role, label, time: seconds, index, general, sealed };
        // One bundle has one encoding: whatever differs from it is refused with it.
        if bundle.encode().as_bytes() == bytes && clean_label(&bundle.label) == bundle.label {
            Ok(bundle)
        } else {
            Err(lines.wrong("a key bundle that is not in its one form"))
        }
    }
}

struct Lines<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, Malformed> {
        let (line, rest) = self.rest.split_once('\n').ok_or(self.wrong("cut short"))?;
        self.rest = rest;
        self.at = self.at.saturating_add(line.len()).saturating_add(1);
        Ok(line)
    }

    fn field(&mut self, name: &str) -> Result<&'a str, Malformed> {
        let line = self.next()?;
        line.strip_prefix("# ")
            .and_then(|line| line.strip_prefix(name))
            .and_then(|line| line.strip_prefix(": "))
            .ok_or(self.wrong("another line than expected"))
    }

    fn holding(&mut self, compartment: Compartment, role: Role) -> Result<Holding, Malformed> {
        let name = compartment.as_str();
        let recipient = self.field(&format!("{name} recipient"))?;
        let recipient = Recipient::parse(recipient).map_err(|_| self.wrong("no recipient"))?;
        let mut holding = Holding { recipient, secret: None, identity: None };
        if role.names(compartment) {
            let secret = self.field(&format!("{name} secret"))?;
            holding.secret = Some(Secret(id::unhex(secret).ok_or(self.wrong("no secret"))?));
        }
        if role.reads(compartment) {
            let identity = Identity::parse(self.next()?).map_err(|_| self.wrong("no identity"))?;
            if identity.recipient() != holding.recipient {
                return Err(self.wrong("an identity that does not belong to its recipient"));
            }
            holding.identity = Some(identity);
        }
        Ok(holding)
    }

    fn wrong(&self, what: &'static str) -> Malformed {
        Malformed::new(what, self.at)
    }
}

fn duplicate(identity: &Identity) -> Identity {
    Identity::parse(&identity.expose()).expect("an identity's own line is one")
}

fn expand(
    label: &str,
    vault: VaultId,
    compartment: Compartment,
    material: &[u8],
) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let info: [&[u8]; 4] =
        [label.as_bytes(), &[0], vault.bytes(), &[compartment.byte(), format::VERSION]];
    Hkdf::<Sha256>::new(None, material)
        .expand_multi_info(&info, key.as_mut())
        .expect("HKDF gives 32 bytes");
    key
}

/// The label as a bundle can hold it: printable ASCII, at most 64 characters, not empty.
fn clean_label(label: &str) -> String {
    let clean: String = label
        .chars()
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
        .take(LABEL_MAX)
        .collect();
    if clean.is_empty() { "slot".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> impl FnMut(&mut [u8]) {
        let mut next = 0_u8;
        move |bytes: &mut [u8]| {
            bytes.iter_mut().for_each(|byte| {
                next = next.wrapping_add(1);
                *byte = next;
            });
        }
    }

    #[test]
    fn bundles_round_trip_in_4096_bytes() {
        let full = Bundle::generate("Anna", 1_700_000_000, &mut counting());
        let everyday = full.for_slot(Role::Everyday, "", 5).unwrap();
        let adder = everyday.for_slot(Role::Add, "", 5).unwrap();
        for bundle in [&full, &everyday, &adder] {
            let text = bundle.encode();
            assert_eq!(text.len(), format::SLOT_SIZE);
            let again = Bundle::decode(text.as_bytes()).unwrap();
            assert_eq!(*again.encode(), *text);
            assert_eq!(again.role(), bundle.role());
            assert_eq!(again.fingerprint(), full.fingerprint());
        }
        assert!(everyday.identity(Compartment::Sealed).is_none());
        assert!(!everyday.encode().contains("sealed secret"));
        assert!(everyday.for_slot(Role::Full, "", 5).is_none());
        assert!(everyday.handle_key(Compartment::General).is_some());
        assert!(everyday.handle_key(Compartment::Sealed).is_none());
        assert!(adder.identity(Compartment::General).is_none());
        assert!(adder.reader_mac_key().is_none());
        assert_eq!(adder.encode().matches("AGE-SECRET-KEY").count(), 1);
        assert!(adder.encode().contains("general secret"));
        let probe = |bundle: &Bundle| bundle.chunk_id_key().mac(&[b"probe"]);
        assert_eq!(probe(&adder), probe(&full));
        for role in [Role::Full, Role::Everyday] {
            assert!(adder.for_slot(role, "", 5).is_none());
        }
    }

    #[test]
    fn every_changed_byte_is_refused_or_harmless() {
        let text = Bundle::generate("x", 1, &mut counting()).encode();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(bundle) = Bundle::decode(&bytes) {
                // Values may differ (a label, a secret); the form may not.
                assert_eq!(bundle.encode().as_bytes(), bytes);
            }
        }
    }

    #[test]
    fn no_two_keys_are_equal() {
        let bundle = Bundle::generate("x", 1, &mut counting());
        let probe = |key: MacKey| key.mac(&[b"probe"]);
        let mut keys = vec![
            probe(bundle.chunk_id_key()),
            probe(bundle.writer_mac_key()),
            probe(bundle.reader_mac_key().unwrap()),
            probe(bundle.head_code_key()),
        ];
        for compartment in [Compartment::General, Compartment::Sealed] {
            keys.push(probe(bundle.cut_key(compartment)));
            keys.push(probe(bundle.tree_key(compartment)));
            keys.push(probe(bundle.record_key(compartment)));
            keys.push(probe(bundle.record_digest_key(compartment)));
            keys.push(probe(bundle.pack_mac_key(compartment)));
            keys.push(probe(bundle.handle_key(compartment).unwrap()));
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
