//! Bitwarden's JSON, FIDO's exchange format (CXF) and Safari's payment cards.
//!
//! A record is an element of a list, and its bytes are those of the element. It is taken apart by
//! the names in it: what has a place in every export gets its common name, all else keeps its path.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::otpauth;
use super::parts::{
    CODE, EXPIRY, HOLDER, MONTH, NOTE, NUMBER, OTP, OWN_FIELDS, PASSWORD, Parts, TITLE, URL, USER,
    YEAR,
};
use crate::kinds::record::UNREADABLE;
use crate::kinds::rows::ROW_MAX;
use crate::kinds::{Kind, Lack, Scanned, dates};

/// What Safari has of cards.
pub(super) const SAFARI_CARDS: &str = "Safari payment cards";

/// The elements of the lists that hold records, as slices of `text`, or what is said instead.
pub(super) fn elements(text: &str) -> Result<(&'static str, Vec<&str>), Scanned> {
    let file: File<'_> = serde_json::from_str(text).map_err(|error| Scanned::unread(&error))?;
    match (file.encrypted, file.password_protected) {
        (Some(true), Some(true)) => {
            return Err(Scanned::nothing("an export that a password opens"));
        }
        (Some(true), _) => {
            // Bitwarden's "account restricted", whose key is the account's.
            let mut scanned = Scanned::nothing("an encrypted export");
            scanned.lack(Lack::Account);
            return Err(scanned);
        }
        _ => {}
    }
    let (layout, elements) = match file {
        File { payment_cards: Some(cards), .. } => (SAFARI_CARDS, cards),
        File { accounts: Some(accounts), .. } => (
            "credential exchange",
            accounts.into_iter().flat_map(|account| account.items).collect(),
        ),
        File { items: Some(items), .. } => ("Bitwarden JSON", items),
        _ => return Err(Scanned::nothing("a layout that is not known")),
    };
    Ok((layout, elements.into_iter().map(RawValue::get).collect()))
}

#[derive(Deserialize)]
struct File<'a> {
    encrypted: Option<bool>,
    #[serde(rename = "passwordProtected")]
    password_protected: Option<bool>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    accounts: Option<Vec<Account<'a>>>,
    #[serde(borrow)]
    payment_cards: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Account<'a> {
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
}

/// What an element says.
pub(super) fn parts(element: &str) -> Parts {
    // Taken apart it needs many times its length.
    let value =
        if element.len() > ROW_MAX { Ok(Json::Null) } else { serde_json::from_str(element) };
    let Ok(value @ Json::Object(_)) = value else {
        let text = Zeroizing::new(element.to_owned());
        return Parts::broken(Kind::Passwords, text, UNREADABLE);
    };
    if value.get("card_number").is_some() {
        safari_card(&value)
    } else if let Some(Json::List(credentials)) = value.get("credentials") {
        exchanged(&value, credentials)
    } else {
        bitwarden(&value)
    }
}

fn safari_card(value: &Json) -> Parts {
    let mut parts = Parts::new(Kind::Cards);
    for (path, text) in leaves(value) {
        let name = match path.as_str() {
            "card_name" => TITLE,
            "card_number" => NUMBER,
            "cardholder_name" => HOLDER,
            "card_expiration_month" => MONTH,
            "card_expiration_year" => YEAR,
            other => other,
        };
        parts.push(name, text);
    }
    parts
}

fn bitwarden(value: &Json) -> Parts {
    let mut parts = Parts::new(match value.text("type") {
        "3" => Kind::Cards,
        "5" => Kind::Key,
        _ => Kind::Passwords,
    });
    parts.id = Some(value.text("id")).filter(|id| !id.is_empty()).map(secret);
    parts.date = dates::parse(value.text("revisionDate"));
    for (path, text) in leaves(value) {
        let name = match path.as_str() {
            "name" => TITLE,
            "notes" => NOTE,
            "login.username" => USER,
            "login.password" => PASSWORD,
            "login.totp" => OTP,
            "card.number" => NUMBER,
            "card.cardholderName" => HOLDER,
            "card.expMonth" => MONTH,
            "card.expYear" => YEAR,
            "card.code" => CODE,
            path if path.starts_with("login.uris.") && path.ends_with(".uri") => URL,
            path => path,
        };
        parts.push(name, text);
    }
    parts
}

fn exchanged(value: &Json, credentials: &[Json]) -> Parts {
    let is = |kind: &str| credentials.iter().any(|credential| credential.text("type") == kind);
    let is_login = ["basic-auth", "passkey", "totp"].into_iter().any(is);
    let mut parts = Parts::new(match is_login {
        false if is("credit-card") => Kind::Cards,
        false if is("ssh-key") => Kind::Key,
        _ => Kind::Passwords,
    });
    parts.id = Some(value.text("id")).filter(|id| !id.is_empty()).map(secret);
    let changed = Some(value.text("modifiedAt")).filter(|date| !date.is_empty());
    parts.date = dates::parse(changed.unwrap_or_else(|| value.text("creationAt")));
    for (path, text) in leaves(value) {
        let name = match path.as_str() {
            path if path.starts_with("credentials.") => continue,
            path if path.starts_with("scope.urls.") => URL,
            path => path,
        };
        parts.push(name, text);
    }
    for credential in credentials {
        exchange_credential(&mut parts, credential);
    }
    parts
}

fn exchange_credential(parts: &mut Parts, credential: &Json) {
    let kind = credential.text("type");
    if kind == "totp" {
        parts.push(OTP, exchange_otp(credential));
        return;
    }
    if kind == "passkey" {
        // That there is one, and where; what it is made of follows.
        parts.push("passkey", secret(credential.text("rpId")));
    }
    for (path, text) in leaves(credential) {
        let name = match (kind, path.as_str()) {
            (_, "type") => continue,
            ("basic-auth", "username") | ("passkey", "username")
                if parts.value(USER).is_empty() =>
            {
                USER
            }
            ("basic-auth", "password") if parts.value(PASSWORD).is_empty() => PASSWORD,
            ("wifi", "passphrase") if parts.value(PASSWORD).is_empty() => PASSWORD,
            ("note", "content") => NOTE,
            ("credit-card", "number") => NUMBER,
            ("credit-card", "fullName") => HOLDER,
            ("credit-card", "expiryDate") => EXPIRY,
            ("credit-card", "verificationNumber") => CODE,
            (kind, path) => &format!("{kind}.{path}"),
        };
        parts.push(name, text);
    }
}

/// The address that stands for the seed of one-time passwords everywhere else.
fn exchange_otp(credential: &Json) -> Zeroizing<String> {
    let label = match (credential.text("issuer"), credential.text("username")) {
        ("", user) => otpauth::escape(user),
        (issuer, "") => otpauth::escape(issuer),
        (issuer, user) => format!("{}:{}", otpauth::escape(issuer), otpauth::escape(user)),
    };
    let given = ["secret", "issuer", "algorithm", "digits", "period"].into_iter();
    let given = given.filter(|name| !credential.text(name).is_empty());
    let query: Vec<Zeroizing<String>> = given
        .map(|name| Zeroizing::new(format!("{name}={}", otpauth::escape(credential.text(name)))))
        .collect();
    let query = query.iter().map(|part| part.as_str()).collect::<Vec<_>>();
    let query = Zeroizing::new(query.join("&"));
    Zeroizing::new(format!("otpauth://totp/{label}?{}", query.as_str()))
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

/// A value of JSON whose texts are zeroed when it goes. Numbers and switches are texts here.
enum Json {
    Null,
    Text(Zeroizing<String>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The text of that name, empty if there is none.
    fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Self::Text(text)) => text,
            _ => "",
        }
    }
}

/// All texts in a value, each with its path. A person's own field goes by the name it has.
fn leaves(value: &Json) -> Vec<(String, Zeroizing<String>)> {
    let mut leaves = Vec::new();
    collect(value, "", &mut leaves);
    leaves
}

fn collect(value: &Json, path: &str, leaves: &mut Vec<(String, Zeroizing<String>)>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Json::Null => {}
        Json::Text(text) => leaves.push((path.to_owned(), text.clone())),
        Json::List(values) => {
            for (at, value) in values.iter().enumerate() {
                collect(value, &below(&at.to_string()), leaves);
            }
        }
        Json::Object(members) => {
            if let (true, Some(Json::Text(text))) = (is_field(value), value.get("value")) {
                leaves.push((field_name(path, value), text.clone()));
                return;
            }
            for (name, value) in members {
                collect(value, &below(name), leaves);
            }
        }
    }
}

/// Whether it is a value with what is said about it.
fn is_field(value: &Json) -> bool {
    value.get("fieldType").is_some() || value.get("name").is_some()
}

/// `fields.3` is called by what the person called it.
fn field_name(path: &str, field: &Json) -> String {
    let label = ["label", "name"].map(|name| field.text(name));
    let label = label.into_iter().find(|label| !label.is_empty());
    let list = path.rsplit_once('.').map_or("", |(list, _)| list);
    match label {
        Some(label) if list == OWN_FIELDS || list.ends_with(".fields") => format!("{list}.{label}"),
        _ => path.to_owned(),
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl Reader {
    fn text<E>(text: &impl ToString) -> Result<Json, E> {
        Ok(Json::Text(Zeroizing::new(text.to_string())))
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Self::text(&value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Self::text(&value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Self::text(&value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Self::text(&value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(secret(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}
