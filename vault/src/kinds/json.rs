//! JSON: what Safari, password managers and authenticators export.
//!
//! A small scanner walks the tokens of a text that may end anywhere and tells which names stand
//! in which object. It keeps no values, and stops at the first byte that is not JSON: what was
//! seen up to there counts.

use std::borrow::Cow;

use super::text::trim_start;
use super::{Kind, Recognised, armour, words};

/// Deepest nesting that is followed; what real exports have is below ten.
const DEPTH_MAX: usize = 128;

/// Whether a text may be JSON with names in it.
pub(super) fn begins(text: &[u8]) -> bool {
    matches!(trim_start(text).first(), Some(b'{' | b'['))
}

pub(super) fn recognise(text: &[u8]) -> Option<Recognised> {
    if !begins(text) {
        return None;
    }
    let text = trim_start(text);
    let mut walk = Walk { stack: Vec::new(), found: None };
    // What is not JSON ends the walk; the names before it were still there.
    let _stopped = walk.documents(text);
    walk.found
}

/// The way down to where the scanner stands, and the best answer so far.
struct Walk {
    stack: Vec<Frame>,
    found: Option<Recognised>,
}

/// An open object or array.
#[derive(Default)]
struct Frame {
    /// A list; its `name` stays empty.
    list: bool,
    /// The name whose value stands here.
    name: String,
    // What the names seen in this object were, by `words` and below.
    login: bool,
    title: bool,
    password: bool,
    perhaps: bool,
    card_number: bool,
    card_detail: bool,
    typed: bool,
    valued: bool,
    jwk: bool,
    jwk_secret: bool,
    schedule: bool,
}

impl Walk {
    /// One document after another, each perhaps followed by a separator of any sort.
    fn documents(&mut self, text: &[u8]) -> Option<()> {
        let mut rest = text;
        loop {
            let at = rest.iter().position(|byte| matches!(byte, b'{' | b'['))?;
            rest = self.document(rest.get(at..)?)?;
            self.stack.clear();
        }
    }

    /// From an opening bracket to the one that closes it; what follows.
    fn document<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = text;
        loop {
            // Here a value begins.
            rest = rest.trim_ascii_start();
            let (&byte, after) = rest.split_first()?;
            rest = match byte {
                b'{' | b'[' => {
                    if self.stack.len() >= DEPTH_MAX {
                        return None;
                    }
                    self.opened(byte == b'[');
                    self.stack.push(Frame { list: byte == b'[', ..Frame::default() });
                    match (byte, after.trim_ascii_start().first()?) {
                        (b'{', b'}') | (b'[', b']') => after,
                        (b'{', _) => {
                            rest = self.name(after)?;
                            continue;
                        }
                        _ => {
                            rest = after;
                            continue;
                        }
                    }
                }
                b'"' => {
                    let (value, after) = string(after)?;
                    self.scalar(Some(&value));
                    after
                }
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                    let length = rest.iter().take_while(|byte| is_bare(**byte)).count();
                    self.scalar(None);
                    rest.get(length..)?
                }
                _ => return None,
            };
            // Here a value has ended: close what closes, and go to the next.
            loop {
                rest = rest.trim_ascii_start();
                let (&byte, after) = rest.split_first()?;
                let list = self.stack.last()?.list;
                rest = match (byte, list) {
                    (b'}', false) | (b']', true) => {
                        self.stack.pop();
                        if self.stack.is_empty() {
                            return Some(after);
                        }
                        after
                    }
                    (b',', true) => {
                        rest = after;
                        break;
                    }
                    (b',', false) => {
                        rest = self.name(after)?;
                        break;
                    }
                    _ => return None,
                };
            }
        }
    }

    /// Reads `"name" :`; what follows.
    fn name<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let (name, rest) = string(text.trim_ascii_start().strip_prefix(b"\"")?)?;
        let rest = rest.trim_ascii_start().strip_prefix(b":")?;
        // No name looked for is near that long, and a cut one is none of them.
        let name = if name.len() > words::NAME_MAX { Cow::Borrowed("") } else { name };
        self.stack.last_mut()?.name = name.into_owned();
        Some(rest)
    }

    /// Whether the scanner stands at this path, `*` for a place in a list.
    fn stands_at(&self, path: &[&str]) -> bool {
        self.stack.len() == path.len()
            && self.stack.iter().zip(path).all(|(frame, step)| {
                if *step == "*" { frame.list } else { !frame.list && frame.name == *step }
            })
    }

    /// Keeps the better answer: a sealed one, and of those the first that has a kind of its own.
    fn find(&mut self, new: Recognised) {
        let rank = |found: &Recognised| (found.sealed, found.kind != Kind::File);
        if self.found.as_ref().is_none_or(|old| rank(&new) > rank(old)) {
            self.found = Some(new);
        }
    }

    /// An object or a list begins as the value at hand.
    fn opened(&mut self, list: bool) {
        let passwords = [
            // Bitwarden.
            (&["items", "*", "login"][..], false),
            // FIDO's exchange format.
            (&["accounts", "*", "items", "*", "credentials"], true),
            (&["items", "*", "credentials"], true),
            // Aegis with a password; without, its entries have a secret each.
            (&["header", "slots", "*", "key_params"], false),
        ];
        if passwords.iter().any(|(path, of_list)| *of_list == list && self.stands_at(path)) {
            self.find(Recognised::sealed(Kind::Passwords));
        }
        if self.stands_at(&["roots", "bookmark_bar"]) {
            self.find(Recognised::plain(Kind::Bookmark));
        }
        // A list of fields: `"otp": {…}` beside `"secret"` in exports of authenticators.
        if let Some(top) = self.stack.last_mut() {
            top.schedule |= !list && top.name == "otp";
        }
        self.judge();
    }

    /// A value that holds no others; its text if it is a string.
    fn scalar(&mut self, value: Option<&str>) {
        if self.stands_at(&["metadata", "data_type"]) {
            self.data_type(value.unwrap_or_default());
        }
        if self.stands_at(&["payment_cards", "*", "card_number"]) {
            self.find(Recognised::sealed(Kind::Cards));
        }
        if self.stands_at(&["history", "*", "time_usec"]) {
            self.find(Recognised::plain(Kind::History));
        }
        // The exchange format's header, and Bitwarden's when it is encrypted.
        let headers = ["exporterRpId", "passwordProtected", "encKeyValidation_DO_NOT_EDIT"];
        if headers.iter().any(|header| self.stands_at(&[header])) {
            self.find(Recognised::sealed(Kind::Passwords));
        }
        // Seen here once more, since escapes may stand inside.
        let armoured =
            |value: &&str| ["otpauth", "-----BEGIN "].iter().any(|x| value.starts_with(x));
        let armour = value.filter(armoured).and_then(|value| armour::recognise(value.as_bytes()));
        if let Some(secret) = armour.filter(|armour| armour.sealed) {
            self.find(secret);
        }
        let Some(top) = self.stack.last_mut().filter(|top| !top.list) else { return };
        top.learn(value);
        self.judge();
    }

    fn data_type(&mut self, value: &str) {
        let kind = match value {
            "payment_cards" => Recognised::sealed(Kind::Cards),
            "passwords" | "credentials" | "passkeys" => Recognised::sealed(Kind::Passwords),
            "history" => Recognised::plain(Kind::History),
            "bookmarks" | "reading_list" => Recognised::plain(Kind::Bookmark),
            _ => return,
        };
        self.find(kind);
    }

    /// What the names of the object at hand make it together.
    fn judge(&mut self) {
        let Some(top) = self.stack.last() else { return };
        let found = if top.jwk && top.jwk_secret {
            Recognised::sealed(Kind::Key)
        } else if top.password && (top.login || top.title)
            || top.perhaps && (top.login || top.schedule)
            || top.typed && top.valued
        {
            // One login in settings is a secret, but not an export of passwords.
            let listed = self.stack.iter().any(|frame| frame.list);
            Recognised::sealed(if listed { Kind::Passwords } else { Kind::File })
        } else if top.card_number && top.card_detail {
            Recognised::sealed(Kind::Cards)
        } else {
            return;
        };
        self.find(found);
    }
}

impl Frame {
    /// The name at hand has this value.
    fn learn(&mut self, value: Option<&str>) {
        let plain = words::plain(&self.name);
        self.title |= words::is_title(&plain);
        self.login |= words::is_login(&plain);
        self.card_detail |= words::is_card_detail(&plain);
        self.schedule |= matches!(plain.as_str(), "period" | "digits" | "algorithm" | "algo");
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        // `"password": "Password"` is a translation, not a secret.
        let filled = words::plain(value) != plain;
        self.password |= filled && words::is_password(&plain);
        self.perhaps |= filled && words::is_perhaps_secret(&plain);
        self.card_number |= words::is_card_number(&plain);
        match plain.as_str() {
            // A field that says of itself that it is a password.
            "type" | "designation" | "fieldtype" => {
                let value = words::plain(value);
                self.typed |= value.starts_with("concealed") || words::is_password(&value);
            }
            "value" => self.valued = true,
            // The secret numbers of a JSON Web Key: `d` of a pair, `k` of a symmetric one.
            "kty" => self.jwk = true,
            "d" | "k" => self.jwk_secret = true,
            _ => {}
        }
    }
}

/// The string whose opening quote has been read, and what follows its closing quote.
fn string(text: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let mut escaped = false;
    let mut escapes = false;
    let end = text.iter().position(|&byte| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        escapes |= escaped;
        end
    })?;
    let (raw, rest) = text.split_at_checked(end)?;
    let rest = rest.get(1..)?;
    if !escapes {
        return Some((String::from_utf8_lossy(raw), rest));
    }
    let quoted = [b"\"", raw, b"\""].concat();
    // An escape that is none: the rest of the string still says what it says.
    let value = serde_json::from_slice(&quoted)
        .unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned());
    Some((Cow::Owned(value), rest))
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
