//! What one card says: who it is, in which form two exports of it are the same, and its fields.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::Piece;
use crate::kinds::dates;
use crate::kinds::ladder::{Ladder, Rung, digest, framed};
use crate::kinds::property::{
    Properties, Property, is_version_2, name_of, plain, shown, split, unescape,
};
use crate::kinds::{Field, Identity, Kind, Locator, Quality, Record};

/// Most lines of a card that are taken apart.
const LINES_MAX: usize = 1 << 16;
/// Most parts of a value that are told apart.
const PARTS_MAX: usize = 64;
/// Longest value of what has no name here that is shown, and not only its length.
const VALUE_MAX: usize = 4096;

pub(super) const NO_END: &str = "cut off, it has no end";
pub(super) const FOREIGN: &str = "text in an unknown encoding";
pub(super) const NO_NAME: &str = "no name";
pub(super) const GROUP: &str = "a group";
const TOO_LONG: &str = "more lines than are read";

/// What says when, by what or under what number something was written, or draws it; and in which
/// groups a person is, which only some exports of the same people say.
const NOISE: &[&str] = &[
    "BEGIN",
    "CATEGORIES",
    "END",
    "PRODID",
    "REV",
    "UID",
    "VERSION",
    "VND-63-POSTER-IDENTIFIER",
    "VND-63-SENSITIVE-CONTENT-CONFIG",
    "X-ABUID",
    "X-IMAGE-BACKGROUND-COLORS-DATA",
    "X-IMAGEHASH",
    "X-IMAGETYPE",
    "X-SHARED-PHOTO-DISPLAY-PREF",
    "X-WALLPAPER",
    "X-WATCH-WALLPAPER-IMAGE-DATA",
];
/// How the names begin of what a picture was made from.
const NOISE_START: &str = "X-APPLE-LIKENESS-";
/// Parameters that say how a value is written, not what it is.
const NOISE_PARAMS: &[&str] = &[
    "CHARSET",
    "ENCODING",
    "MEDIATYPE",
    "PID",
    "TYPE",
    "VALUE",
    "X-ABCROP-RECTANGLE",
    "X-APPLE-OMIT-YEAR",
];
/// What is scaled and compressed anew with every export: only that it is there says something.
const PICTURES: &[&str] = &["PHOTO", "LOGO"];
/// What the rung is called of a card's `UID`.
const UID: &str = "uid";
const DATES: &[&str] = &["BDAY", "ANNIVERSARY", "DEATHDATE", "X-ANNIVERSARY", "X-ABDATE"];

/// What version 3.0 calls what 4.0 has names for, as Apple's servers write it.
const NEWER: &[(&str, &str)] =
    &[("X-ADDRESSBOOKSERVER-KIND", "KIND"), ("X-ADDRESSBOOKSERVER-MEMBER", "MEMBER")];

/// Properties with a name of their own here, in the order in which they are shown, and what it is.
const NAMES: &[(&str, &str)] = &[
    ("FN", "name"),
    ("NICKNAME", "nickname"),
    ("X-MAIDENNAME", "birth name"),
    ("ORG", "company"),
    ("TITLE", "job"),
    ("ROLE", "role"),
    ("TEL", "phone"),
    ("EMAIL", "mail"),
    ("ADR", "address"),
    ("URL", "web"),
    ("X-SOCIALPROFILE", "social"),
    ("IMPP", "chat"),
    ("BDAY", "birthday"),
    ("ANNIVERSARY", "anniversary"),
    ("X-ANNIVERSARY", "anniversary"),
    ("X-ABDATE", "date"),
    ("X-ABRELATEDNAMES", "related"),
    ("RELATED", "related"),
    ("NOTE", "note"),
    ("CATEGORIES", "groups"),
    ("KIND", "kind"),
    ("MEMBER", "member"),
    ("PHOTO", "photo"),
    ("UID", "id"),
];
/// What the parts of the structured name are called.
const NAME_PARTS: [&str; 5] =
    ["family name", "given name", "additional names", "name prefix", "name suffix"];

/// A card, taken apart.
pub(super) struct Card {
    properties: Vec<Property>,
    /// Properties of the cards of agents, with how deep each is.
    agents: Vec<(u64, Property)>,
    /// What is behind the lines that were taken apart.
    rest: Option<[u8; 32]>,
}

impl Card {
    /// The card in text that is UTF-8 or another superset of ASCII.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut card = Self { properties: Vec::new(), agents: Vec::new(), rest: None };
        let mut lines = Properties::new(text, is_version_2(text));
        let mut depth = 0_u64;
        for property in lines.by_ref().take(LINES_MAX) {
            if name_of(&property, "BEGIN").is_some_and(is_card) {
                depth += 1;
            } else if name_of(&property, "END").is_some_and(is_card) {
                depth = depth.saturating_sub(1);
            } else if depth > 1 {
                card.agents.push((depth, property));
            } else {
                card.properties.push(newer(property));
            }
        }
        let rest = lines.rest();
        card.rest = (!rest.trim_ascii().is_empty()).then(|| digest(&[rest]));
        card
    }

    /// Whether it says which lists the person is on, or is such a list.
    pub(super) fn has_lists(&self) -> bool {
        self.first("CATEGORIES").is_some() || self.is_group()
    }

    /// The record that is this card.
    pub(super) fn record(&self, ladder: &mut Ladder, piece: Piece) -> Record {
        let essence = self.essence();
        let (title, company) = (self.title(), self.company());
        let is_foreign = self.properties.iter().any(|property| property.is_foreign);
        let warnings = [
            (NO_END, !piece.is_closed),
            (FOREIGN, is_foreign),
            (NO_NAME, self.name().is_empty() && company.is_empty()),
            (TOO_LONG, self.rest.is_some()),
            (GROUP, self.is_group()),
        ];
        Record {
            kind: Kind::Contact,
            identity: ladder.identity(self.rungs(), &essence),
            place: match company {
                company if !company.is_empty() && company != title => company,
                _ => self.city(),
            },
            title,
            user: self.address(),
            date: None,
            essence,
            warnings: warnings.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect(),
            is_closed: false,
            link: None,
            apart: 0,
            locator: Locator::Bytes(vec![piece.range]),
        }
    }

    /// What could tell the card from others, the best first.
    pub(super) fn rungs(&self) -> Vec<Rung> {
        let mut rungs = Vec::new();
        for (word, name) in [(UID, "UID"), ("abuid", "X-ABUID")] {
            let id = self.first(name).map(|property| plain_id(&property.text()));
            let id = id.filter(|id| !id.is_empty());
            rungs.extend(id.map(|id| (Quality::Id, tagged(&[word, &id]))));
        }
        let name = self.name();
        let mut reached: Vec<String> = self.all("EMAIL").map(|mail| mail.text()).collect();
        reached.iter_mut().for_each(|mail| *mail = mail.trim().to_lowercase());
        reached.extend(self.all("TEL").map(|phone| digits(&phone.text())));
        reached.retain(|one| !one.is_empty());
        reached.sort_unstable();
        reached.dedup();
        let reached: Vec<&str> = reached.iter().map(String::as_str).collect();
        if !name.is_empty() {
            rungs.push((Quality::Fields, tagged(&["name", &name])));
        } else if !reached.is_empty() {
            rungs.push((Quality::Fields, tagged(&[&["reached"], reached.as_slice()].concat())));
        }
        let company = self.company();
        let parts = [&["all", &name, &company], reached.as_slice()].concat();
        if !name.is_empty() || !company.is_empty() || !reached.is_empty() {
            rungs.push((Quality::Titled, tagged(&parts)));
        }
        rungs
    }

    /// A digest of all that it says, whatever the order, the version and the way it is written in.
    fn essence(&self) -> Zeroizing<Vec<u8>> {
        let mut groups: BTreeMap<&str, Vec<[u8; 32]>> = BTreeMap::new();
        let mut told: Vec<[u8; 32]> = Vec::new();
        for property in &self.properties {
            let group = groups.entry(&property.group).or_default();
            says(property, "", &mut |said| group.push(said));
        }
        // The number of a group says nothing, only what is in it together.
        told.append(&mut groups.remove("").unwrap_or_default());
        for (_, mut group) in groups {
            group.sort_unstable();
            match group.as_slice() {
                [] => {}
                [only] => told.push(*only),
                group => told.push(digest(&[b"group", group.as_flattened()])),
            }
        }
        for (depth, property) in &self.agents {
            says(property, &format!("AGENT{depth}"), &mut |said| told.push(said));
        }
        told.extend(self.rest);
        told.sort_unstable();
        Zeroizing::new(digest(&[b"contact", told.as_flattened()]).to_vec())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &Property> + Clone {
        self.properties.iter().filter(move |property| property.name == name)
    }

    /// The preferred one of that name that says something, or the first.
    fn first(&self, name: &str) -> Option<&Property> {
        let mut filled = self.all(name).filter(|property| !is_empty(property));
        let is_preferred = |property: &&Property| types(property).any(|word| word == "pref");
        filled.clone().find(is_preferred).or_else(|| filled.next())
    }

    /// The name it gives its person.
    fn name(&self) -> String {
        let name = self.first("FN").map(Property::text).unwrap_or_default();
        if !name.trim().is_empty() {
            return name.trim().to_owned();
        }
        let parts: Vec<String> = self.first("N").map(name_parts).unwrap_or_default();
        let parts = [3, 1, 2, 0, 4].map(|at| parts.get(at).map_or("", String::as_str));
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The names of its groups, sorted.
    pub(super) fn groups(&self) -> Vec<String> {
        let names = self.all("CATEGORIES").flat_map(|all| split(&all.value, ',', PARTS_MAX));
        let names: BTreeSet<String> = names.map(|name| shown(&name, " ")).collect();
        names.into_iter().filter(|name| !name.is_empty()).collect()
    }

    /// Whether it is no person, but a list of some.
    fn is_group(&self) -> bool {
        self.first("KIND").is_some_and(|kind| kind.text().trim().eq_ignore_ascii_case("group"))
    }

    fn company(&self) -> String {
        let company = self.first("ORG").and_then(|org| split(&org.value, ';', PARTS_MAX).next());
        shown(&company.unwrap_or_default(), " ")
    }

    fn city(&self) -> String {
        let city = self.first("ADR").and_then(|adr| split(&adr.value, ';', PARTS_MAX).nth(3));
        shown(&city.unwrap_or_default(), " ")
    }

    /// Where the person is reached.
    fn address(&self) -> String {
        let address = self.first("EMAIL").or_else(|| self.first("TEL"));
        shown(address.map(|address| address.text()).as_deref().map_or("", without_scheme), " ")
    }

    fn title(&self) -> String {
        let company = self.first("X-ABSHOWAS").filter(|_| !self.company().is_empty());
        let is_company = company.is_some_and(|shows| shows.value.trim() == "COMPANY");
        let name = if is_company { String::new() } else { shown(&self.name(), " ") };
        let nickname = self.first("NICKNAME").map(Property::text).unwrap_or_default();
        let words = [name, self.company(), shown(&nickname, " "), self.address()];
        let word = words.into_iter().find(|word| !word.is_empty());
        word.unwrap_or_else(|| "unnamed".to_owned())
    }

    /// What it says, for a person.
    pub(super) fn fields(&self) -> Vec<Field> {
        let mut fields: Vec<(usize, Field)> = Vec::new();
        let mut labels: BTreeMap<&str, String> = BTreeMap::new();
        for label in self.all("X-ABLABEL").filter(|label| !label.group.is_empty()) {
            labels.insert(&label.group, plain_label(&label.text()));
        }
        for property in &self.properties {
            let label = labels.get(property.group.as_str());
            let label = label.cloned().unwrap_or_else(|| types_label(property));
            let place = NAMES.iter().position(|(name, _)| *name == property.name);
            let mut push = |place: usize, name: &str, value: String| {
                let value = Zeroizing::new(value.trim().to_owned());
                if !value.is_empty() {
                    let field = Field { name: name.to_owned(), value, is_secret: false };
                    fields.push((place, field));
                }
            };
            if property.name == "N" {
                for (name, part) in NAME_PARTS.iter().zip(name_parts(property)) {
                    push(0, name, part);
                }
            } else if let Some((place, (_, name))) = place.zip(place.and_then(|at| NAMES.get(at))) {
                let value = value(property);
                let is_labelled =
                    !label.is_empty() && !matches!(*name, "photo" | "name" | "id" | "member");
                let name =
                    if is_labelled { format!("{name} ({label})") } else { (*name).to_owned() };
                push(place, &name, value);
            } else if !is_noise(&property.name) && !is_of_another(property) {
                let name = if property.name.is_empty() { "line" } else { &property.name };
                let is_long = property.value.len() > VALUE_MAX && !property.is_binary();
                let value = match is_long {
                    true => format!("{} bytes", property.value.len()),
                    false => value(property),
                };
                push(NAMES.len(), name, value);
            }
        }
        for (_, agent) in self.agents.iter().filter(|(_, agent)| agent.name == "FN") {
            let value = Zeroizing::new(agent.text());
            let field = Field { name: "agent".to_owned(), value, is_secret: false };
            fields.push((NAMES.len(), field));
        }
        fields.sort_by_key(|(place, _)| *place);
        fields.into_iter().map(|(_, field)| field).collect()
    }
}

/// The identity of a card whose `UID` this is, in a file that has no other of it.
pub(super) fn identity(id: &str) -> Identity {
    Identity { quality: Quality::Id, bytes: tagged(&[UID, &plain_id(id)]) }
}

/// What a field says that is of the essence, whatever [`NOISE`] is.
pub(super) fn lasting(field: &Field) -> Option<Cow<'_, str>> {
    match field.name.as_str() {
        "groups" | "id" => None,
        "photo" | "LOGO" => Some("".into()),
        name if name.starts_with("phone") => Some(digits(&field.value).into()),
        _ => Some(plain(&field.value).into()),
    }
}

/// A property under the name that the newest version has for it.
fn newer(mut property: Property) -> Property {
    if let Some((_, name)) = NEWER.iter().find(|(older, _)| *older == property.name) {
        (*name).clone_into(&mut property.name);
    }
    property
}

fn is_card(name: &str) -> bool {
    name.eq_ignore_ascii_case("VCARD")
}

fn tagged(parts: &[&str]) -> Zeroizing<Vec<u8>> {
    let kind = [Kind::Contact.as_str()];
    framed(&kind.iter().chain(parts).map(|part| part.as_bytes()).collect::<Vec<_>>())
}

/// What a property says, as digests: none if it says nothing that lasts.
fn says(property: &Property, within: &str, each: &mut dyn FnMut([u8; 32])) {
    let name = property.name.as_str();
    if is_noise(name) || is_empty(property) {
        return;
    }
    if PICTURES.contains(&name) {
        return each(digest(&[within.as_bytes(), name.as_bytes()]));
    }
    let mut words: Vec<String> =
        types(property).filter(|word| !is_understood(name, word)).collect();
    words.sort_unstable();
    words.dedup();
    let params = property.params.iter().filter(|(name, value)| {
        let is_preferred = name == "PREF" && value == "1";
        !NOISE_PARAMS.contains(&name.as_str()) && !is_preferred
    });
    let mut params: Vec<[&str; 2]> = params.map(|(name, value)| [&**name, &**value]).collect();
    params.sort_unstable();
    let mut tell = |values: &[String]| {
        let start = [within, name, &words.join(",")];
        let params = params.iter().flatten().copied();
        let values = values.iter().map(String::as_str);
        let parts = start.into_iter().chain(params).chain(values).map(str::as_bytes);
        each(digest(&parts.collect::<Vec<_>>()));
    };
    match name {
        "N" | "ADR" | "ORG" => {
            let mut parts: Vec<String> = split(&property.value, ';', PARTS_MAX).collect();
            let filled = parts.iter().rposition(|part| !part.is_empty());
            parts.truncate(filled.map_or(0, |last| last + 1));
            tell(&parts);
        }
        "TEL" => tell(&[digits(&property.text())]),
        "X-ABLABEL" => tell(&[plain_label(&property.text())]),
        "MEMBER" => tell(&[plain_id(&property.text())]),
        _ if DATES.contains(&name) => tell(&[plain_date(property)]),
        _ if property.is_binary() => tell(&[property.value.split_whitespace().collect()]),
        _ => tell(&[plain(&property.text())]),
    }
}

/// Whether it only says how another property of its group is called or written.
fn is_of_another(property: &Property) -> bool {
    !property.group.is_empty() && matches!(property.name.as_str(), "X-ABLABEL" | "X-ABADR")
}

fn is_empty(property: &Property) -> bool {
    property.value.trim_matches([';', ' ']).is_empty()
}

fn is_noise(name: &str) -> bool {
    NOISE.contains(&name) || name.starts_with(NOISE_START)
}

/// A type that goes without saying.
fn is_understood(name: &str, word: &str) -> bool {
    matches!((name, word), ("EMAIL", "internet") | ("TEL", "voice"))
}

/// Its types in lower case, with preference as one of them, as versions before 4.0 have it.
fn types(property: &Property) -> impl Iterator<Item = String> {
    let preferred = property.param("PREF").filter(|value| *value == "1").map(|_| "pref".to_owned());
    property.types().chain(preferred)
}

fn types_label(property: &Property) -> String {
    let words =
        types(property).filter(|word| word != "pref" && !is_understood(&property.name, word));
    let words = words.map(|word| if word == "cell" { "mobile".to_owned() } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// A value for a person.
fn value(property: &Property) -> String {
    let is_address = property.param("VALUE").is_some_and(|kind| kind.eq_ignore_ascii_case("uri"));
    match property.name.as_str() {
        name if property.is_binary() || PICTURES.contains(&name) && !is_address => {
            let form = property.types().next().map(|form| form.to_uppercase() + ", ");
            format!("{}{} bytes", form.unwrap_or_default(), property.binary_size())
        }
        "ADR" | "ORG" => {
            let parts = split(&property.value, ';', PARTS_MAX).filter(|part| !part.is_empty());
            parts.map(|part| part.replace('\n', ", ")).collect::<Vec<_>>().join(", ")
        }
        "TEL" => without_scheme(&property.text()).to_owned(),
        "X-ABLABEL" => plain_label(&property.text()),
        "MEMBER" => plain_id(&property.text()),
        name if DATES.contains(&name) => plain_date(property),
        _ => property.text(),
    }
}

fn name_parts(property: &Property) -> Vec<String> {
    split(&property.value, ';', PARTS_MAX).collect()
}

/// What a built-in label is called between its marks, and any other as it is.
fn plain_label(label: &str) -> String {
    let built_in = label.strip_prefix("_$!<").and_then(|rest| rest.strip_suffix(">!$_"));
    built_in.unwrap_or(label).to_owned()
}

/// An id without what only some say of it; UUIDs are written in either case.
fn plain_id(id: &str) -> String {
    let id = plain(id);
    let bare = match id.split_at_checked("urn:uuid:".len()) {
        Some((scheme, bare)) if scheme.eq_ignore_ascii_case("urn:uuid:") => bare,
        _ => &id,
    };
    let is_uuid = bare.len() == 36 && bare.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    if is_uuid { bare.to_ascii_lowercase() } else { bare.to_owned() }
}

fn without_scheme(text: &str) -> &str {
    let text = text.trim();
    ["tel:", "mailto:"]
        .iter()
        .find_map(|scheme| {
            let (start, rest) = text.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
        .unwrap_or(text)
}

/// A telephone number without what only makes it readable.
fn digits(phone: &str) -> String {
    let kept =
        |char: &char| char.is_alphanumeric() || matches!(char, '+' | '*' | '#' | ',' | ';' | '=');
    without_scheme(phone).chars().filter(kept).collect()
}

/// A day as `YYYY-MM-DD`, without its year `--MM-DD`; what is none as it is.
fn plain_date(property: &Property) -> String {
    let text = unescape(property.value.trim());
    let day = text.strip_suffix("T00:00:00Z").or_else(|| text.strip_suffix("T000000Z"));
    let day = day.unwrap_or(&text);
    let compact: String = day.split('-').collect();
    let Some((year, month_day)) = (match day.strip_prefix("--") {
        Some(_) => Some(("-", compact.as_str())),
        None => compact.split_at_checked(4),
    }) else {
        return text;
    };
    let (month, day) = month_day.split_at_checked(2).unwrap_or_default();
    let is_day = [month, day].iter().all(|part| part.len() == 2);
    let is_number = compact.bytes().all(|byte| byte.is_ascii_digit());
    if !is_day || !is_number || dates::parse(&format!("2000-{month}-{day}")).is_none() {
        return text;
    }
    let is_without = property.param("X-APPLE-OMIT-YEAR").is_some_and(|omitted| omitted == year);
    let year = if is_without { "-" } else { year };
    format!("{year}-{month}-{day}")
}
