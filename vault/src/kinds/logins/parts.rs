//! What one record says, whatever export it is from: named values of which a few have the same
//! name everywhere.

use zeroize::Zeroizing;

use crate::kinds::address::host;
use crate::kinds::ladder::framed;
use crate::kinds::{Field, Kind, words};

pub(super) const TITLE: &str = "title";
pub(super) const URL: &str = "url";
pub(super) const USER: &str = "user";
pub(super) const PASSWORD: &str = "password";
pub(super) const OTP: &str = "otp";
pub(super) const NOTE: &str = "note";
pub(super) const NUMBER: &str = "number";
pub(super) const HOLDER: &str = "holder";
pub(super) const EXPIRY: &str = "expiry";
pub(super) const MONTH: &str = "month";
pub(super) const YEAR: &str = "year";
pub(super) const CODE: &str = "code";
/// All of a row whose cells make no sense.
pub(super) const ROW: &str = "row";

/// Where exports keep the fields that a person made.
pub(super) const OWN_FIELDS: &str = "fields";

/// The names that mean the same in every export, in the order of the essence.
pub(super) const NAMES: &[&str] =
    &[TITLE, URL, USER, PASSWORD, OTP, NOTE, NUMBER, HOLDER, EXPIRY, MONTH, YEAR, CODE, ROW];

/// Names whose values are no secrets. What an export calls otherwise is masked: to mask too much
/// costs one more option, to mask too little is a leak.
const SHOWN: &[&str] = &[
    "title",
    "url",
    "user",
    "holder",
    "expiry",
    "month",
    "year",
    "algorithm",
    "archived",
    "brand",
    "cardlastusedtimeusec",
    "cardtype",
    "city",
    "collectionids",
    "country",
    "created",
    "createdat",
    "createtime",
    "creationat",
    "creationdate",
    "credentialtype",
    "deleteddate",
    "digits",
    "email",
    "fav",
    "favorite",
    "folder",
    "folderid",
    "formactionorigin",
    "group",
    "grouping",
    "guid",
    "httprealm",
    "icon",
    "id",
    "issuer",
    "lastmodified",
    "lastuseddate",
    "match",
    "modifiedat",
    "modifytime",
    "organizationid",
    "passkey",
    "period",
    "reprompt",
    "revisiondate",
    "rpid",
    "ssid",
    "subtitle",
    "tags",
    "timecreated",
    "timelastused",
    "timepasswordchanged",
    "totptype",
    "type",
    "updatedat",
    "urls",
    "username",
    "uuid",
    "validfrom",
    "vault",
];

/// Names whose values change while the record says the same.
const VOLATILE: &[&str] = &[
    "cardlastusedtimeusec",
    "collectionids",
    "created",
    "createdat",
    "createtime",
    "creationat",
    "creationdate",
    "deleteddate",
    "fav",
    "favorite",
    "guid",
    "icon",
    "id",
    "lastmodified",
    "lastuseddate",
    "match",
    "modifiedat",
    "modifytime",
    "organizationid",
    "reprompt",
    "revisiondate",
    "timecreated",
    "timelastused",
    "timepasswordchanged",
    "updatedat",
    "uuid",
];

/// Passwords of which everybody thinks first.
const GUESSED: &[&str] = &[
    "11111111",
    "12345678",
    "123456789",
    "1234567890",
    "abcd1234",
    "admin123",
    "iloveyou",
    "letmein1",
    "password",
    "password1",
    "passw0rd",
    "qwertyui",
    "qwertyuiop",
    "qwerty123",
    "welcome1",
];
/// Fewest characters of a password that is not weak for its length alone.
const PASSWORD_MIN: usize = 8;
/// Fewest of one that is only digits.
const DIGITS_MIN: usize = 12;

pub(super) const NO_PASSWORD: &str = "no password";
pub(super) const WEAK: &str = "weak password";
pub(super) const REUSED: &str = "password used more than once";
pub(super) const PLAIN_HTTP: &str = "http address";

/// A record, taken apart.
pub(super) struct Parts {
    pub(super) kind: Kind,
    /// The id that its format gives it.
    pub(super) id: Option<Zeroizing<String>>,
    /// When it was changed last, in seconds since 1970.
    pub(super) date: Option<i64>,
    /// Where it belongs, if that is not the host of its address.
    pub(super) place: Option<String>,
    pub(super) fields: Vec<Part>,
    /// The bytes as they are, when the fields do not say all of them.
    pub(super) raw: Option<Zeroizing<Vec<u8>>>,
    pub(super) warnings: Vec<&'static str>,
}

/// A value that is not empty.
pub(super) struct Part {
    /// One of [`NAMES`], or what the export calls it.
    pub(super) name: String,
    pub(super) value: Zeroizing<String>,
    /// Its name is believed, and a list may show it if it is no secret.
    pub(super) is_sure: bool,
}

impl Part {
    /// Whether it is masked, by the last word of its name.
    fn is_secret(&self) -> bool {
        // What a person named is masked whatever the name.
        if self.name.split('.').any(|word| word == OWN_FIELDS) {
            return true;
        }
        let last = self.name.rsplit('.').find(|word| !word.bytes().all(|c| c.is_ascii_digit()));
        let plain = words::plain(last.unwrap_or_default());
        !self.is_sure || !SHOWN.contains(&plain.as_str())
    }
}

impl Parts {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            id: None,
            date: None,
            place: None,
            fields: Vec::new(),
            raw: None,
            warnings: Vec::new(),
        }
    }

    /// A record that is only its bytes, since they make no sense.
    pub(super) fn broken(kind: Kind, text: Zeroizing<String>, warning: &'static str) -> Self {
        let mut parts = Self::new(kind);
        parts.push(ROW, text);
        parts.warnings.push(warning);
        parts
    }

    /// One more value, unless it is empty.
    pub(super) fn push(&mut self, name: &str, value: Zeroizing<String>) {
        if !value.is_empty() {
            self.fields.push(Part { name: name.to_owned(), value, is_sure: true });
        }
    }

    /// The first value of that name, empty if there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        let part = self.fields.iter().find(|part| part.name == name);
        part.map_or("", |part| part.value.as_str())
    }

    /// The same for what lists show, which has to be sure.
    fn shown(&self, name: &str) -> &str {
        let part = self.fields.iter().find(|part| part.name == name && part.is_sure);
        part.map_or("", |part| part.value.as_str())
    }

    /// What a list calls it.
    pub(super) fn title(&self) -> String {
        let (title, place, user) = (self.shown(TITLE), self.place(), self.user());
        let number = self.shown(NUMBER);
        let last = number.char_indices().rev().nth(3).and_then(|(at, _)| number.get(at..));
        match (place.is_empty(), user.is_empty()) {
            _ if !title.is_empty() => title.to_owned(),
            // A short number would be shown whole.
            _ if !number.is_empty() => match last.filter(|_| number.len() > 8) {
                Some(last) => format!("card ending in {last}"),
                None => "card".to_owned(),
            },
            (false, false) => format!("{place} ({user})"),
            (false, true) => place,
            (true, false) => user.to_owned(),
            (true, true) if self.fields.iter().any(|part| part.name == ROW) => {
                "broken row".to_owned()
            }
            (true, true) => "untitled".to_owned(),
        }
    }

    /// Where it belongs: the host of its first address.
    pub(super) fn place(&self) -> String {
        self.place.clone().unwrap_or_else(|| host(self.shown(URL)))
    }

    /// Whose it is.
    pub(super) fn user(&self) -> &str {
        match self.kind {
            Kind::Cards => self.shown(HOLDER),
            _ => self.shown(USER),
        }
    }

    /// All it says, in one form: kind, then each field as name and value behind their lengths, in
    /// the order of [`NAMES`], then by name and value.
    pub(super) fn essence(&self) -> Zeroizing<Vec<u8>> {
        let mut fields: Vec<(usize, String, &str)> = Vec::new();
        for part in &self.fields {
            if !lasts(&part.name, &part.value) {
                continue;
            }
            let place = NAMES.iter().position(|name| *name == part.name);
            let (place, name) = match place {
                Some(place) => (place, part.name.clone()),
                None => (NAMES.len(), words::plain(&part.name)),
            };
            fields.push((place, name, &part.value));
        }
        fields.sort_unstable();
        let kind = self.kind.as_str().as_bytes();
        let parts = fields.iter().flat_map(|(_, name, value)| [name.as_bytes(), value.as_bytes()]);
        let raw = self.raw.as_ref().map(|raw| raw.as_slice());
        let parts: Vec<&[u8]> = [kind].into_iter().chain(parts).chain(raw).collect();
        framed(&parts)
    }

    /// What the values alone are a reason to warn of.
    pub(super) fn judge(&mut self) {
        let (url, password) = (self.value(URL), self.value(PASSWORD));
        let is_login = !url.is_empty() || !self.value(USER).is_empty();
        let has_other = !self.value(OTP).is_empty() || self.fields.iter().any(Part::is_passkey);
        let is_http = url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
        let found = [
            (NO_PASSWORD, password.is_empty() && is_login && !has_other),
            (WEAK, is_weak(password)),
            (PLAIN_HTTP, is_http && !self.place().is_empty()),
        ];
        if self.kind == Kind::Passwords {
            self.warnings.extend(found.iter().filter(|(_, is)| *is).map(|(word, _)| *word));
        }
    }

    pub(super) fn into_fields(self) -> Vec<Field> {
        let field =
            |part: Part| Field { is_secret: part.is_secret(), name: part.name, value: part.value };
        self.fields.into_iter().map(field).collect()
    }
}

impl Part {
    fn is_passkey(&self) -> bool {
        self.name.starts_with("passkey") || self.name.contains("fido2Credentials")
    }
}

/// Whether what an export calls so and says so is of the essence: not what changes by itself, nor
/// what goes without saying.
pub(super) fn lasts(name: &str, value: &str) -> bool {
    if NAMES.contains(&name) {
        return true;
    }
    let plain = words::plain(name.rsplit('.').next().unwrap_or_default());
    // A switch that is off says as much as none.
    let is_understood = matches!(value, "0" | "false") || plain == "type" && value == "login";
    !VOLATILE.contains(&plain.as_str()) && !is_understood
}

fn is_weak(password: &str) -> bool {
    let length = password.chars().count();
    let is_same = password.chars().zip(password.chars().skip(1)).all(|(a, b)| a == b);
    let is_digits = password.bytes().all(|byte| byte.is_ascii_digit());
    !password.is_empty()
        && (length < PASSWORD_MIN
            || is_same
            || is_digits && length < DIGITS_MIN
            || GUESSED.iter().any(|guess| guess.eq_ignore_ascii_case(password)))
}
