//! A person's keys outside the vault: what a slot is sealed to and opened with. X25519 keys,
//! ssh-ed25519 keys, and whatever a plugin of age knows. A plugin is a program: which one runs is in
//! the person's own recipient or identity, and no byte of a vault has a part in it.

use std::fmt;
use std::sync::Arc;

use age::plugin::{IdentityPluginV1, RecipientPluginV1};
use age::secrecy::SecretString;
use age::ssh::{self, UnsupportedKey};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Malformed;

use super::{Identity, Recipient};

/// Somebody whom a plugin can talk to while it works.
pub trait Ask: Send + Sync {
    /// Shows a message, such as that a device has to be touched.
    fn tell(&self, message: &str);

    /// Asks for something secret; none when nobody is there.
    fn secret(&self, question: &str) -> Option<Zeroizing<String>>;

    /// Asks for something that is not; none when nobody is there.
    fn text(&self, question: &str) -> Option<String>;

    /// Lets choose between `yes` and `no`; none when nobody is there.
    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool>;
}

/// How the crate asks; without anybody it gets no answer.
#[derive(Clone, Default)]
struct Callbacks(Option<Arc<dyn Ask>>);

impl age::Callbacks for Callbacks {
    fn display_message(&self, message: &str) {
        if let Some(ask) = &self.0 {
            ask.tell(message);
        }
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.0.as_ref()?.confirm(message, yes, no)
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0.as_ref()?.text(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let answer = self.0.as_ref()?.secret(description)?;
        Some(SecretString::from(answer.as_str().to_owned()))
    }
}

/// Whom a slot is sealed to: a public key that a person has the other half of. It is another type
/// than [`Recipient`], as that one must not be seen and this one may.
#[derive(Clone)]
pub struct SlotRecipient {
    key: PublicKey,
    ask: Callbacks,
}

#[derive(Clone)]
enum PublicKey {
    X25519(Recipient),
    Ssh(ssh::Recipient),
    Plugin(age::plugin::Recipient),
}

impl SlotRecipient {
    /// Reads `age1…` in its one form, lower case; `ssh-ed25519 AAAA…` with or without a remark; or
    /// the `age1NAME1…` of a plugin.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let key = if text.starts_with("ssh-") {
            match text.parse() {
                Ok(key @ ssh::Recipient::SshEd25519(..)) => PublicKey::Ssh(key),
                Ok(ssh::Recipient::SshRsa(..)) => return Err(Malformed::new(NOT_ED25519, 0)),
                Err(_) if text.starts_with("ssh-ed25519 ") => {
                    return Err(Malformed::new("not an ssh-ed25519 key", 0));
                }
                Err(_) => return Err(Malformed::new(NOT_ED25519, 0)),
            }
        } else {
            match text.parse::<age::plugin::Recipient>() {
                Ok(key) if key.plugin().chars().all(is_of_a_name) => PublicKey::Plugin(key),
                _ => PublicKey::X25519(Recipient::parse(text)?),
            }
        };
        Ok(Self { key, ask: Callbacks::default() })
    }

    /// With somebody whom its plugin can talk to.
    #[must_use]
    pub fn asking(self, ask: Arc<dyn Ask>) -> Self {
        Self { ask: Callbacks(Some(ask)), ..self }
    }

    /// The name of its plugin: the program `age-plugin-NAME` runs when a slot is sealed to it.
    pub fn plugin(&self) -> Option<&str> {
        match &self.key {
            PublicKey::Plugin(key) => Some(key.plugin()),
            PublicKey::X25519(_) | PublicKey::Ssh(_) => None,
        }
    }

    /// Whether its other half can be kept like a passphrase: it is neither in a device that dies
    /// nor of a kind that is changed now and then.
    pub(super) fn stands_alone(&self) -> bool {
        matches!(self.key, PublicKey::X25519(_))
    }

    /// Calls `seal` with the recipient as the crate wants it.
    pub(super) fn with<T>(&self, seal: impl FnOnce(&dyn age::Recipient) -> Result<T>) -> Result<T> {
        match &self.key {
            PublicKey::X25519(key) => seal(&key.0),
            PublicKey::Ssh(key) => seal(key),
            PublicKey::Plugin(key) => {
                let keys = std::slice::from_ref(key);
                let plugin = RecipientPluginV1::new(key.plugin(), keys, &[], self.ask.clone())
                    .map_err(|_| no_plugin(key.plugin()))?;
                seal(&plugin)
            }
        }
    }
}

impl fmt::Display for SlotRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            PublicKey::X25519(key) => key.fmt(f),
            PublicKey::Ssh(key) => key.fmt(f),
            PublicKey::Plugin(key) => key.fmt(f),
        }
    }
}

impl fmt::Debug for SlotRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotRecipient({self})")
    }
}

/// What a person opens slots with, of any kind. It has no `Debug`, `Display` or `Clone`.
pub struct SlotIdentity {
    pub(super) key: SecretKey,
    ask: Callbacks,
}

pub(super) enum SecretKey {
    X25519(Identity),
    /// Of ed25519, and open.
    Ssh(Box<ssh::Identity>),
    Plugin(age::plugin::Identity),
}

impl SlotIdentity {
    /// Reads a line `AGE-SECRET-KEY-1…` or `AGE-PLUGIN-NAME-1…` in its one form, upper case.
    pub fn parse(line: &str) -> Result<Self, Malformed> {
        let key = match line.parse::<age::plugin::Identity>() {
            Ok(key)
                if line.starts_with("AGE-PLUGIN-") && key.plugin().chars().all(is_of_a_name) =>
            {
                SecretKey::Plugin(key)
            }
            _ => SecretKey::X25519(Identity::parse(line)?),
        };
        Ok(Self { key, ask: Callbacks::default() })
    }

    /// Whether a text is an ssh key: not one line an identity, but one key.
    pub fn is_ssh(text: &str) -> bool {
        text.trim_start().starts_with("-----BEGIN ")
    }

    /// Reads the file of an ssh-ed25519 key. `passphrase` is called when the key is locked.
    ///
    /// # Errors
    /// `Refused` for other keys, `WrongKey` when the passphrase does not open it.
    pub fn parse_ssh(
        text: &str,
        passphrase: impl FnOnce() -> Option<Zeroizing<String>>,
    ) -> Result<Self> {
        let refused = |what| Error::new(ErrorKind::Refused, what).hint(ED25519_HINT);
        if text.contains("-----BEGIN RSA PRIVATE KEY-----") {
            return Err(refused(NOT_ED25519));
        }
        let key = ssh::Identity::from_buffer(text.trim_start().as_bytes(), None)
            .map_err(|_| refused("not an OpenSSH private key"))?;
        let key = match key {
            ssh::Identity::Unencrypted(_) => key,
            ssh::Identity::Encrypted(locked) => {
                let wrong = |what| Error::new(ErrorKind::WrongKey, what);
                let passphrase = passphrase().ok_or_else(|| {
                    wrong("the ssh key is locked, and nobody gave its passphrase")
                })?;
                let passphrase = SecretString::from(passphrase.as_str().to_owned());
                locked
                    .decrypt(passphrase)
                    .map_err(|_| wrong("this passphrase does not open the ssh key"))?
                    .into()
            }
            ssh::Identity::Unsupported(UnsupportedKey::Hardware(_)) => {
                return Err(refused("ssh keys in a device are not taken")
                    .hint("a plugin such as age-plugin-yubikey makes a key for that"));
            }
            ssh::Identity::Unsupported(_) => return Err(refused(NOT_ED25519)),
        };
        match ssh::Recipient::try_from(key.clone()) {
            Ok(ssh::Recipient::SshEd25519(..)) => {
                Ok(Self { key: SecretKey::Ssh(Box::new(key)), ask: Callbacks::default() })
            }
            _ => Err(refused(NOT_ED25519)),
        }
    }

    /// With somebody whom its plugin can talk to.
    #[must_use]
    pub fn asking(self, ask: Arc<dyn Ask>) -> Self {
        Self { ask: Callbacks(Some(ask)), ..self }
    }

    /// The name of its plugin: the program `age-plugin-NAME` runs when a slot is tried with it.
    pub fn plugin(&self) -> Option<&str> {
        match &self.key {
            SecretKey::Plugin(key) => Some(key.plugin()),
            SecretKey::X25519(_) | SecretKey::Ssh(_) => None,
        }
    }

    /// Whom to seal to for this to open; only its plugin knows that of a plugin's.
    pub fn recipient(&self) -> Option<SlotRecipient> {
        let key = match &self.key {
            SecretKey::X25519(key) => PublicKey::X25519(key.recipient()),
            SecretKey::Ssh(key) => PublicKey::Ssh(ssh::Recipient::try_from((**key).clone()).ok()?),
            SecretKey::Plugin(_) => return None,
        };
        Some(SlotRecipient { key, ask: self.ask.clone() })
    }

    /// Calls `open` with the identity as the crate wants it.
    pub(super) fn with<T>(&self, open: impl FnOnce(&dyn age::Identity) -> Result<T>) -> Result<T> {
        match &self.key {
            SecretKey::X25519(key) => open(&key.0),
            SecretKey::Ssh(key) => open(key.as_ref()),
            SecretKey::Plugin(key) => {
                let keys = std::slice::from_ref(key);
                let plugin = IdentityPluginV1::new(key.plugin(), keys, self.ask.clone())
                    .map_err(|_| no_plugin(key.plugin()))?;
                open(&plugin)
            }
        }
    }
}

const NOT_ED25519: &str = "an ssh key that is not of ed25519";
const ED25519_HINT: &str = "only ssh-ed25519 keys are taken: ssh-keygen -t ed25519";

/// What the name of a plugin is made of, so that it is one program's name and no path.
fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_' | '-')
}

fn no_plugin(name: &str) -> Error {
    Error::new(ErrorKind::Failed, "no such program:").on(format!("age-plugin-{name}"))
}
