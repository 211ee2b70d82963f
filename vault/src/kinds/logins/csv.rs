//! Tables of logins: what the columns of each producer mean.
//!
//! A table is told by the set of its names, in any order and case; a column by its own name, so
//! that a table nobody knows still has its passwords found.

use std::collections::BTreeSet;
use std::io::{self, Read};

use zeroize::Zeroizing;

use super::parts::{
    CODE, EXPIRY, HOLDER, MONTH, NAMES, NOTE, NUMBER, OTP, PASSWORD, Part, Parts, TITLE, URL, USER,
    YEAR,
};
use crate::kinds::rows::{self, CELLS_MAX, Row, Rows};
use crate::kinds::text::Encoding;
use crate::kinds::{Kind, csv, dates, words};

const OPEN_QUOTE: &str = "a quote is not closed";
const STRAY_TEXT: &str = "text behind a quote";
const FEWER: &str = "fewer cells than the header";
const MORE: &str = "more cells than the header";
const UNDECODABLE: &str = "text in an unknown encoding";

/// What a table is called by the names it has all of, the most telling first.
const LAYOUTS: &[(&str, &[&str])] = &[
    ("Firefox", &["url", "username", "password", "guid", "timepasswordchanged"]),
    ("Bitwarden", &["loginuri", "loginusername", "loginpassword"]),
    (LASTPASS, &["url", "username", "password", "extra", "grouping"]),
    ("KeePassXC", &["group", "title", "username", "password", "url"]),
    ("1Password", &["title", "username", "password", "favorite"]),
    ("1Password", &["title", "username", "password", "otpauth", "type"]),
    (APPLE, &["title", "url", "username", "password"]),
    ("Proton Pass", &["name", "url", "username", "password", "note", "totp"]),
    ("Chrome", &["name", "url", "username", "password"]),
];
/// Apple's Passwords, and Safari.
pub(super) const APPLE: &str = "Apple Passwords";
const LASTPASS: &str = "LastPass";
const GENERIC: &str = "a table";

/// Which names a column has, the best first; all after [`words::plain`].
const COLUMNS: &[(&str, &[&str])] = &[
    (TITLE, &["title", "name", "itemname", "label", "cardname"]),
    (
        URL,
        &[
            "url", "loginuri", "loginurl", "uri", "urls", "website", "site", "host", "hostname",
            "origin", "server",
        ],
    ),
    (
        USER,
        &[
            "username",
            "loginusername",
            "user",
            "userid",
            "loginname",
            "login",
            "email",
            "emailaddress",
            "account",
        ],
    ),
    (PASSWORD, &["password", "loginpassword", "pass", "pwd", "passwd", "passwort", "kennwort"]),
    (
        OTP,
        &[
            "otpauth",
            "totp",
            "logintotp",
            "onetimepassword",
            "otpurl",
            "otpuri",
            "totpurl",
            "totpuri",
            "otpsecret",
            "totpsecret",
            "otp",
            "twofactorsecret",
            "authenticatorkey",
        ],
    ),
    (NOTE, &["notes", "note", "extra", "comments", "comment"]),
];
/// The same in a table of payment cards.
const CARD_COLUMNS: &[(&str, &[&str])] = &[
    (TITLE, &["title", "name", "cardname", "label"]),
    (NUMBER, words::CARD_NUMBERS),
    (HOLDER, &["cardholdername", "cardholder", "nameoncard"]),
    (EXPIRY, &["expirydate", "expirationdate", "expiration", "expiry", "expdate", "validthru"]),
    (MONTH, &["cardexpirationmonth", "expirationmonth", "expmonth"]),
    (YEAR, &["cardexpirationyear", "expirationyear", "expyear"]),
    (
        CODE,
        &["cvv", "cvc", "cvn", "securitycode", "verificationcode", "verificationnumber", "code"],
    ),
    (NOTE, &["notes", "note"]),
];
const IDS: &[&str] = &["guid", "uuid"];
const DATES: &[&str] =
    &["timepasswordchanged", "lastmodified", "modifytime", "modified", "updatedat", "revisiondate"];

/// What the header row says of the rows below it.
pub(super) struct Table {
    pub(super) layout: &'static str,
    kind: Kind,
    pub(super) delimiter: u8,
    pub(super) encoding: Encoding,
    /// As they stand there.
    names: Vec<String>,
    /// For each name what the column means, and which rank its name has for that.
    meanings: Vec<Option<(&'static str, usize)>>,
    id: Option<usize>,
    date: Option<usize>,
}

impl Table {
    /// Reads up to and with the header row; none if there is none. `rows` stands behind it then.
    pub(super) fn read(rows: &mut Rows<impl Read>) -> io::Result<Option<Self>> {
        loop {
            for delimiter in [b',', b';', b'\t'] {
                let Some(row) = rows.next(delimiter)? else { return Ok(None) };
                if row.count <= CELLS_MAX && !row.is_broken {
                    let name = |cell| rows.text(cell).0.to_string();
                    let names: Vec<String> = row.cells.into_iter().map(name).collect();
                    if let Some(table) = Self::new(names, delimiter, rows.encoding()) {
                        return Ok(Some(table));
                    }
                }
                rows.back();
            }
            // What some spreadsheets want to be told stands before the header row.
            let Some(row) = rows.next(0)? else { return Ok(None) };
            let is_note = row.cells.into_iter().next().is_some_and(|cell| {
                cell.len() <= 12 && rows.text(cell).0.to_lowercase().starts_with("sep=")
            });
            if !is_note {
                return Ok(None);
            }
        }
    }

    fn new(names: Vec<String>, delimiter: u8, encoding: Encoding) -> Option<Self> {
        let plain: Vec<String> = names.iter().map(|name| words::plain(name)).collect();
        let kind = csv::judge(&plain)?.kind;
        let columns = if kind == Kind::Cards { CARD_COLUMNS } else { COLUMNS };
        let meaning = |plain: &String| {
            let mut places = columns.iter().filter_map(|(meaning, names)| {
                Some((*meaning, names.iter().position(|name| name == plain)?))
            });
            // A password by a name of another language.
            let foreign = kind == Kind::Passwords && words::is_password(plain);
            places.next().or(foreign.then_some((PASSWORD, usize::MAX)))
        };
        let place = |wanted: &[&str]| {
            wanted.iter().find_map(|wanted| plain.iter().position(|name| name == wanted))
        };
        Some(Self {
            layout: layout(&plain),
            kind,
            delimiter,
            encoding,
            meanings: plain.iter().map(meaning).collect(),
            id: place(IDS),
            date: place(DATES),
            names,
        })
    }

    /// How many names the header row has.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// What the row says that `rows` told last.
    pub(super) fn parts(&self, rows: &Rows<impl Read>, row: &Row) -> Parts {
        if row.is_broken {
            let (text, _) = rows::decode(self.encoding, rows.bytes());
            let mut parts = Parts::broken(self.kind, text, OPEN_QUOTE);
            parts.raw = Some(Zeroizing::new(rows.bytes().to_vec()));
            return parts;
        }
        let mut parts = Parts::new(self.kind);
        let mut is_text = true;
        let mut cells: Vec<Zeroizing<String>> = Vec::with_capacity(row.cells.len());
        for cell in &row.cells {
            let (text, decoded) = rows.text(cell.clone());
            is_text &= decoded;
            cells.push(if self.layout == LASTPASS { without_entities(&text) } else { text });
        }
        let cell = |at: Option<usize>| cells.get(at?).filter(|cell| !cell.is_empty()).cloned();
        parts.id = cell(self.id);
        parts.date = cell(self.date).and_then(|date| dates::parse(&date));
        let is_more = row.count > self.names.len();
        let sure = if is_more { self.sure() } else { usize::MAX };
        self.fill(&mut parts, cells, sure);
        self.tidy(&mut parts);
        let found = [
            (FEWER, row.count < self.names.len()),
            (MORE, is_more),
            (STRAY_TEXT, row.is_stray),
            (UNDECODABLE, !is_text),
        ];
        parts.warnings.extend(found.iter().filter(|(_, is)| *is).map(|(word, _)| *word));
        if !is_text || row.count > CELLS_MAX {
            parts.raw = Some(Zeroizing::new(rows.bytes().to_vec()));
        }
        parts
    }

    /// How many columns are what they are called in a row with a cell too much. A delimiter that
    /// was not quoted moves what follows it to the right: from the first secret on, any cell may
    /// hold a part of it.
    fn sure(&self) -> usize {
        let is_open = |meaning: &Option<(&str, usize)>| {
            matches!(meaning, Some((TITLE | URL | USER | HOLDER, _)))
        };
        self.meanings.iter().take_while(|meaning| is_open(meaning)).count()
    }

    /// Puts cells under the names they have everywhere, then the rest under the export's own.
    fn fill(&self, parts: &mut Parts, cells: Vec<Zeroizing<String>>, sure: usize) {
        let columns = if self.kind == Kind::Cards { CARD_COLUMNS } else { COLUMNS };
        let mut cells: Vec<Option<Zeroizing<String>>> =
            cells.into_iter().map(|cell| Some(cell).filter(|cell| !cell.is_empty())).collect();
        for (wanted, _) in columns {
            let ranked = self.meanings.iter().enumerate().filter_map(|(at, meaning)| {
                let (meaning, rank) = (*meaning)?;
                let filled = cells.get(at).is_some_and(Option::is_some);
                (meaning == *wanted && filled).then_some((rank, at))
            });
            let Some((_, at)) = ranked.min() else { continue };
            let value = cells.get_mut(at).and_then(Option::take);
            let is_sure = at < sure;
            parts.fields.extend(value.map(|value| Part {
                name: (*wanted).to_owned(),
                value,
                is_sure,
            }));
        }
        for (at, value) in cells.into_iter().enumerate() {
            let Some(value) = value else { continue };
            let name = self.names.get(at).filter(|name| !name.is_empty()).cloned();
            let name = match name {
                // It is not what goes by that name everywhere.
                Some(name) if NAMES.contains(&name.as_str()) => format!("other {name}"),
                Some(name) => name,
                None => format!("cell {}", at + 1),
            };
            parts.fields.push(Part { name, value, is_sure: at < sure });
        }
    }

    /// What single producers mean by their cells.
    fn tidy(&self, parts: &mut Parts) {
        let Some(at) = parts.fields.iter().position(|part| part.name == URL) else { return };
        let Some(part) = parts.fields.get(at) else { return };
        if self.layout == LASTPASS && part.value.as_str() == "http://sn" {
            // Its way to say that it is a note.
            parts.fields.remove(at);
        } else if self.layout == "Bitwarden" && part.value.contains(',') {
            let is_sure = part.is_sure;
            let urls: Vec<Part> = addresses(&part.value)
                .map(|url| Part {
                    name: URL.to_owned(),
                    value: Zeroizing::new(url.to_owned()),
                    is_sure,
                })
                .collect();
            parts.fields.splice(at..=at, urls);
        }
    }
}

fn layout(plain: &[String]) -> &'static str {
    let names: BTreeSet<&str> = plain.iter().map(String::as_str).collect();
    let known = LAYOUTS.iter().find(|(_, wanted)| wanted.iter().all(|name| names.contains(name)));
    known.map_or(GENERIC, |(layout, _)| layout)
}

/// Addresses joined by commas, which may stand in an address as well: a comma parts two if what
/// follows it has a scheme.
fn addresses(joined: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(joined);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text.match_indices(',').map(|(at, _)| at).find(|at| {
            let next = text.get(at + 1..).unwrap_or_default();
            let scheme = next.split_once("://").map_or("", |(scheme, _)| scheme);
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        rest = cut.and_then(|at| text.get(at + 1..));
        Some(cut.and_then(|at| text.get(..at)).unwrap_or(text))
    })
}

/// The characters for which HTML has names, as one producer writes its values.
fn without_entities(text: &str) -> Zeroizing<String> {
    const ENTITIES: &[(&str, &str)] =
        &[("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'")];
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, _)) = rest.split_once('&') {
        plain.push_str(before);
        rest = rest.get(before.len()..).unwrap_or_default();
        let entity = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
        let (entity, char) = entity.copied().unwrap_or(("&", "&"));
        plain.push_str(char);
        rest = rest.get(entity.len()..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}
