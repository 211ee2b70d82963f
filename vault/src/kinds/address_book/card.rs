//! The card of a person as Contacts writes it: vCard 3.0, in lines of at most 75 bytes that end with
//! CRLF, its properties in Apple's order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::people::{Detail, Many, One, Person};
use crate::kinds::compose::{Composed, escape, param};
use crate::kinds::dates;

/// The year that stands for none.
const NO_YEAR: i64 = 1604;

/// What the built-in labels of telephone numbers are as types.
const PHONE_TYPES: &[(&str, &str)] = &[
    ("Home", ";type=HOME;type=VOICE"),
    ("Work", ";type=WORK;type=VOICE"),
    ("Mobile", ";type=CELL;type=VOICE"),
    ("iPhone", ";type=IPHONE;type=CELL;type=VOICE"),
    ("Main", ";type=MAIN"),
    ("HomeFAX", ";type=HOME;type=FAX"),
    ("WorkFAX", ";type=WORK;type=FAX"),
    ("OtherFAX", ";type=OTHER;type=FAX"),
    ("Pager", ";type=PAGER"),
    ("Other", ";type=OTHER;type=VOICE"),
];
const OTHER_TYPES: &[(&str, &str)] = &[("Home", ";type=HOME"), ("Work", ";type=WORK")];

/// How the addresses of services for messages begin.
const SCHEMES: &[(&str, &str)] = &[
    ("AIM", "aim"),
    ("Facebook", "xmpp"),
    ("GoogleTalk", "xmpp"),
    ("ICQ", "aim"),
    ("Jabber", "xmpp"),
    ("MSN", "msnim"),
    ("Skype", "skype"),
    ("Yahoo", "ymsgr"),
];
/// How they begin for every other, as Contacts has it.
const OTHER_SCHEME: &str = "x-apple";

/// The card, with these bytes for its picture.
pub(super) fn write(person: &Person, picture: Option<&[u8]>) -> String {
    let mut card = Card { lines: Composed::default(), groups: 0 };
    card.lines.line("BEGIN", "VCARD");
    card.lines.line("VERSION", "3.0");
    card.names(person);
    card.reached(person);
    card.rest(person, picture);
    card.lines.line("END", "VCARD");
    card.lines.text
}

struct Card {
    lines: Composed,
    /// How many groups of lines it has.
    groups: u32,
}

impl Card {
    fn names(&mut self, person: &Person) {
        let one = |one: One| escape(person.one(one));
        let parts = [One::Family, One::Given, One::Middle, One::Prefix, One::Suffix].map(one);
        self.lines.line("N", &parts.join(";"));
        self.lines.line("FN", &escape(&full_name(person)));
        for (name, part) in [
            ("NICKNAME", One::Nickname),
            ("X-MAIDENNAME", One::MaidenName),
            ("X-PHONETIC-FIRST-NAME", One::PhoneticGiven),
            ("X-PHONETIC-MIDDLE-NAME", One::PhoneticMiddle),
            ("X-PHONETIC-LAST-NAME", One::PhoneticFamily),
        ] {
            self.lines.filled(name, &one(part));
        }
        let company = [One::Company, One::Department].map(one).join(";");
        if company.len() > 1 {
            self.lines.line("ORG", &company);
        }
        self.lines.filled("X-PHONETIC-ORG", &one(One::PhoneticCompany));
        self.lines.filled("TITLE", &one(One::Job));
    }

    fn reached(&mut self, person: &Person) {
        for mail in person.many(Many::Mail) {
            self.labelled("EMAIL;type=INTERNET", OTHER_TYPES, mail, &escape(mail.value(0)));
        }
        for phone in person.many(Many::Phone) {
            self.labelled("TEL", PHONE_TYPES, phone, &escape(phone.value(0)));
        }
        for address in person.many(Many::Address) {
            self.address(address);
        }
        for profile in person.many(Many::Social) {
            self.social(profile);
        }
        for note in person.many(Many::Note) {
            self.lines.filled("NOTE", &escape(note.value(0)));
        }
        for web in person.many(Many::Web) {
            self.labelled("URL", OTHER_TYPES, web, &escape(web.value(0)));
        }
        for address in person.many(Many::CalendarAddress) {
            self.labelled("CALURI", OTHER_TYPES, address, &escape(address.value(0)));
        }
    }

    fn rest(&mut self, person: &Person, picture: Option<&[u8]>) {
        if let Some(day) = person.birthday {
            let (params, day) = date(day);
            self.lines.line(&format!("BDAY{params}"), &day);
        }
        for chat in person.many(Many::Chat) {
            self.chat(chat);
        }
        if let Some(picture) = picture {
            let start = format!("PHOTO;ENCODING=b;TYPE={}", picture_type(picture));
            self.lines.line(&start, &STANDARD.encode(picture));
        }
        for detail in person.many(Many::Date) {
            if let Some(day) = detail.day {
                let (params, day) = date(day);
                self.labelled(&format!("X-ABDATE{params}"), &[], detail, &day);
            }
        }
        for related in person.many(Many::Related) {
            self.labelled("X-ABRELATEDNAMES", &[], related, &escape(related.value(0)));
        }
        if person.is_company {
            self.lines.line("X-ABShowAs", "COMPANY");
        }
        let groups: Vec<String> = person.groups.iter().map(|name| escape(name)).collect();
        self.lines.filled("CATEGORIES", &groups.join(", "));
        self.lines.filled("UID", &escape(person.one(One::ExternalId)));
        self.lines.filled("X-ABUID", &escape(&person.id));
    }

    fn address(&mut self, address: &Detail) {
        let [street, city, state, code, country] =
            [0, 1, 2, 3, 4].map(|at| escape(address.value(at)));
        let value = format!(";;{street};{city};{state};{code};{country}");
        if value.trim_matches(';').is_empty() {
            return;
        }
        let mut start = "ADR".to_owned();
        for (name, at) in [("X-APPLE-SUBLOCALITY", 6), ("X-APPLE-SUBADMINISTRATIVEAREA", 7)] {
            start += &param(name, address.value(at));
        }
        let (types, label) = typed(&address.label, OTHER_TYPES);
        let country = escape(address.value(5).trim());
        start += types;
        start += preference(address);
        self.grouped(&start, &value, &[("X-ABLabel", &escape(label)), ("X-ABADR", &country)]);
    }

    fn social(&mut self, profile: &Detail) {
        let [address, service, user, id, name] = [0, 1, 2, 3, 4].map(|at| profile.value(at).trim());
        let value = match (address, user) {
            ("", "") => return,
            ("", user) => format!("{OTHER_SCHEME}:{user}"),
            (address, _) => address.to_owned(),
        };
        let params =
            [("type", service), ("x-user", user), ("x-userid", id), ("x-displayname", name)];
        let params: String = params.iter().map(|(name, value)| param(name, value)).collect();
        self.lines.line(&format!("X-SOCIALPROFILE{params}"), &escape(&value));
    }

    fn chat(&mut self, chat: &Detail) {
        let (address, service) = (chat.value(0).trim(), chat.value(1).trim());
        if address.is_empty() {
            return;
        }
        let service = service.strip_suffix("Instant").unwrap_or(service);
        let scheme = SCHEMES.iter().find(|(name, _)| *name == service);
        let scheme = scheme.map_or(OTHER_SCHEME, |(_, scheme)| scheme);
        let start = format!("IMPP{}", param("X-SERVICE-TYPE", service));
        self.labelled(&start, OTHER_TYPES, chat, &escape(&format!("{scheme}:{address}")));
    }

    /// A line whose label is a type where there is one for it, and else a line of its own.
    fn labelled(
        &mut self,
        start: &str,
        known: &[(&str, &'static str)],
        detail: &Detail,
        value: &str,
    ) {
        if value.is_empty() {
            return;
        }
        let (types, label) = typed(&detail.label, known);
        let start = format!("{start}{types}{}", preference(detail));
        self.grouped(&start, value, &[("X-ABLabel", &escape(label))]);
    }

    /// A line with those that belong to it and say something.
    fn grouped(&mut self, start: &str, value: &str, with: &[(&str, &str)]) {
        let with: Vec<_> = with.iter().filter(|(_, value)| !value.is_empty()).collect();
        if with.is_empty() {
            return self.lines.line(start, value);
        }
        self.groups += 1;
        let group = format!("item{}", self.groups);
        self.lines.line(&format!("{group}.{start}"), value);
        for (name, value) in with {
            self.lines.line(&format!("{group}.{name}"), value);
        }
    }
}

fn full_name(person: &Person) -> String {
    let parts = [One::Prefix, One::Given, One::Middle, One::Family, One::Suffix];
    let parts: Vec<&str> =
        parts.map(|part| person.one(part)).into_iter().filter(|part| !part.is_empty()).collect();
    let company = person.one(One::Company);
    if parts.is_empty() || person.is_company && !company.is_empty() {
        return company.to_owned();
    }
    parts.join(" ")
}

/// The types of a label, or the label itself where it has none.
fn typed<'a>(label: &'a str, known: &[(&str, &'static str)]) -> (&'static str, &'a str) {
    let label = label.trim();
    let built_in = label.strip_prefix("_$!<").and_then(|rest| rest.strip_suffix(">!$_"));
    // That one has no marks.
    let word = built_in.or(Some(label).filter(|label| *label == "iPhone"));
    match known.iter().find(|(name, _)| Some(*name) == word) {
        Some((_, types)) => (types, ""),
        None => ("", label),
    }
}

fn preference(detail: &Detail) -> &'static str {
    if detail.is_preferred { ";type=pref" } else { "" }
}

/// A day since 1970 with the parameter that says that it has no year.
fn date(day: i64) -> (String, String) {
    let (year, month, day) = dates::civil(day);
    let params = match year {
        NO_YEAR => format!(";X-APPLE-OMIT-YEAR={NO_YEAR}"),
        _ => String::new(),
    };
    (params, format!("{year:04}-{month:02}-{day:02}"))
}

fn picture_type(picture: &[u8]) -> &'static str {
    match picture {
        [0x89, b'P', ..] => "PNG",
        [b'G', b'I', b'F', ..] => "GIF",
        [b'I', b'I', b'*', ..] | [b'M', b'M', 0, ..] => "TIFF",
        _ => "JPEG",
    }
}
