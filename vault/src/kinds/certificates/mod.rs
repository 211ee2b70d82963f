//! Certificates and keys: DER and PEM, bags of certificates, PKCS#12, OpenSSH and PuTTY,
//! configuration profiles, keychain files.
//!
//! [`scan`] finds the records of content that is held in memory, [`extract`] makes the bytes of one
//! that has none of its own, and [`fields()`] takes the bytes of one apart. Nothing is verified, and
//! what needs a password is only looked at from outside, except by [`open_p12`].

mod ber;
mod cms;
mod fields;
mod pem;
mod pkcs12;
mod private;
mod profile;
mod public;
mod ssh;
#[cfg(test)]
mod tests;
mod x509;

use std::io::{self, Read};
use std::ops::Range;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::kinds::bytes::tail;
use crate::kinds::der;
use crate::kinds::ladder::digest;
use crate::kinds::sheet::{TOO_LONG, hold};
use crate::kinds::{Export, Identity, Kind, Lack, Locator, Quality, Record, Scanned};

use ber::{Element, Elements};
pub use fields::{fields, to_der, to_pem};
pub use pkcs12::Entry;
#[cfg(feature = "pkcs12")]
pub use pkcs12::{Pkcs12Error, open_p12, rewrap_p12};
pub use public::PublicKey;
pub use x509::Certificate;

const UNENCRYPTED: &str = "private key without a password";
const NO_KEY: &str = "certificates and no key";

/// Gives `each` the records of `content` in the order they stand.
/// Content of more than 64 MiB has none, and says so.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers. That there is nothing in it is no error.
pub fn scan(
    content: &mut impl Read,
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    let Some(bytes) = hold(content)? else { return Ok(Scanned::nothing(TOO_LONG)) };
    let mut records = Vec::new();
    let mut scan = Scan { each: &mut |record| records.push(record), scanned: Scanned::default() };
    scan.content(&bytes);
    let mut scanned = scan.scanned;
    scanned.records = records.len() as u64;
    if !records.is_empty() && records.iter().all(|it: &Record| it.kind == Kind::Certificate) {
        scanned.export(Export::Certificates);
    }
    records.into_iter().try_for_each(each)?;
    Ok(scanned)
}

/// A file that holds these records: as it is when it is one, else as PEM one behind the other;
/// none where one has no such form.
pub fn write(records: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
    if let [only] = records {
        return Some(Zeroizing::new(only.to_vec()));
    }
    let mut file = Zeroizing::new(Vec::new());
    for record in records {
        file.extend_from_slice(to_pem(record)?.as_bytes());
    }
    Some(file)
}

/// Gives `each` what is in the PKCS#12 store that `content` is, if `password` opens it; and what it
/// lacks.
pub fn scan_inside(content: &[u8], password: &str, each: &mut dyn FnMut(Record)) -> Option<Lack> {
    let entries = entries(content, password)?;
    for (at, entry) in entries.iter().enumerate() {
        let parts = [("certificate", entry.certificate.as_deref().and_then(certificate))];
        let key = entry.key.as_deref().and_then(|key| private_key(key));
        // Its password is the store's.
        let key = key.map(|told| Told { warnings: Vec::new(), ..told });
        for (what, told) in parts.into_iter().chain([("key", key)]) {
            let Some(mut told) = told else { continue };
            if let Some(name) = entry.name.as_ref().filter(|_| what == "key") {
                told.title = format!("{name} ({})", told.title);
            }
            let how = format!("{what} {at}");
            each(told.at(Locator::Derived(how.into_bytes())));
        }
    }
    let has_certificate = entries.iter().any(|entry| entry.certificate.is_some());
    let has_key = entries.iter().any(|entry| entry.key.is_some());
    (has_certificate && !has_key).then_some(Lack::Key)
}

/// Lets a PKCS#12 store be what is `inside` it: its own bytes are new each time it is written. It
/// says what it lacks.
pub(super) fn know_by(store: &mut Record, inside: &[Record], lack: Option<Lack>) {
    if inside.is_empty() {
        return;
    }
    if lack == Some(Lack::Key) {
        store.warnings.push(NO_KEY);
    }
    let of = |says: fn(&Record) -> Vec<&[u8]>| {
        let mut all: Vec<[u8; 32]> = inside.iter().map(|record| digest(&says(record))).collect();
        all.sort_unstable();
        digest(&[b"store", all.as_flattened()])
    };
    let identity = of(|record| vec![&record.identity.bytes]);
    store.identity = Identity { quality: Quality::Id, bytes: Zeroizing::new(identity.to_vec()) };
    let essence =
        of(|record| vec![&record.identity.bytes, &record.essence, record.title.as_bytes()]);
    store.essence = Zeroizing::new(essence.to_vec());
}

/// Whether content is a PKCS#12 store, in DER or PEM.
pub fn is_store(content: &[u8]) -> bool {
    store_of(content).is_some()
}

/// The PKCS#12 store that `content` is, in DER.
fn store_of(content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let der = to_der(content)?;
    let is_store = Elements::new(&der).next().as_ref().and_then(pkcs12::look).is_some();
    is_store.then_some(der)
}

/// Whether a password opens the store that `content` is.
pub fn opens(content: &[u8], password: &str) -> bool {
    entries(content, password).is_some()
}

#[cfg(feature = "pkcs12")]
fn entries(content: &[u8], password: &str) -> Option<Vec<Entry>> {
    open_p12(&store_of(content)?, password).ok()
}

#[cfg(not(feature = "pkcs12"))]
fn entries(_: &[u8], _: &str) -> Option<Vec<Entry>> {
    None
}

/// The bytes of a record of `content` that is at [`Locator::Derived`], as [`fields()`] wants them;
/// none if there is no such record. `password` opens the store that `content` is.
pub fn extract(
    content: &[u8],
    derived: &[u8],
    password: Option<&str>,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut words = std::str::from_utf8(derived).ok()?.split(' ');
    let (what, at) = (words.next()?, words.next()?.parse::<usize>().ok()?);
    match what {
        "payload" => {
            let plain = unsigned(content);
            let text = plain.as_deref().unwrap_or(content);
            let payload = profile::payloads(text)?.into_iter().find(|found| found.number == at)?;
            Some(match payload.data().and_then(|data| brought(&payload, data)) {
                Some(Brought::Certificate(der)) => der,
                Some(Brought::Store(data)) => data,
                None => payload.to_xml(),
            })
        }
        "certificate" | "key" => {
            let entry = entries(content, password?)?.into_iter().nth(at)?;
            if what == "key" { entry.key } else { entry.certificate.map(Zeroizing::new) }
        }
        "bag" => {
            let number: usize = words.next()?.parse().ok()?;
            let block = pem::only(content.get(at..)?)?;
            let der = block.decode()?;
            let signed = cms::open(&Elements::new(&der).next()?)?;
            Some(Zeroizing::new(signed.certificates.get(number)?.whole.to_vec()))
        }
        _ => None,
    }
}

/// What identifies the key whose public half has this digest ([`PublicKey::digest`]).
pub fn key_identity(digest: &[u8]) -> Identity {
    Identity { quality: Quality::Id, bytes: Zeroizing::new([b"key ", digest].concat()) }
}

/// What is told of a key or a certificate, before it is known where it stands.
struct Told {
    kind: Kind,
    identity: (Quality, Vec<u8>),
    title: String,
    place: String,
    user: String,
    date: Option<i64>,
    essence: Zeroizing<Vec<u8>>,
    warnings: Vec<&'static str>,
    /// A store whose password is not known.
    is_closed: bool,
}

impl Told {
    fn at(self, locator: Locator) -> Record {
        let (quality, bytes) = self.identity;
        Record {
            kind: self.kind,
            identity: Identity { quality, bytes: Zeroizing::new(bytes) },
            title: self.title,
            place: self.place,
            user: self.user,
            date: self.date,
            essence: self.essence,
            warnings: self.warnings,
            is_closed: self.is_closed,
            link: None,
            apart: 0,
            locator,
        }
    }

    /// A key that is the same if its public half is, or if nothing of it changed.
    fn key(
        title: String,
        public: Option<&[u8]>,
        also: &str,
        is_encrypted: bool,
        all: &[u8],
    ) -> Self {
        let warnings = if is_encrypted { vec![] } else { vec![UNENCRYPTED] };
        let (quality, id) = match public {
            Some(digest) => (Quality::Id, digest.to_vec()),
            None => (Quality::Whole, Sha256::digest(all).to_vec()),
        };
        let identity = (quality, [b"key ", id.as_slice()].concat());
        let lock: &[u8] = if is_encrypted { b" locked " } else { b" open " };
        let essence = [&identity.1, lock, also.as_bytes()].concat();
        Self {
            kind: Kind::Key,
            identity,
            title,
            place: String::new(),
            user: String::new(),
            date: None,
            essence: Zeroizing::new(essence),
            warnings,
            is_closed: false,
        }
    }
}

/// A certificate, in full or as far as its layout tells.
fn certificate(der: &[u8]) -> Option<Told> {
    let digest = Sha256::digest(der);
    let told = |title, place, date, warnings| Told {
        kind: Kind::Certificate,
        identity: (Quality::Id, digest.to_vec()),
        title,
        place,
        user: String::new(),
        date,
        essence: Zeroizing::new(der.to_vec()),
        warnings,
        is_closed: false,
    };
    match Certificate::parse(der) {
        Some(parsed) => {
            let warnings = parsed.warnings();
            Some(told(parsed.title, parsed.issuer_title, Some(parsed.not_after), warnings))
        }
        None => x509::looks_like(der).then(|| {
            let unread = "does not keep the rules of X.509 and cannot be read";
            told("certificate".to_owned(), String::new(), None, vec![unread])
        }),
    }
}

fn private_key(der: &[u8]) -> Option<Told> {
    let key = private::parse(der)?;
    let what = key.public.as_ref().map_or_else(|| key.format.to_owned(), ToString::to_string);
    let lock = if key.is_encrypted { "encrypted private key" } else { "private key" };
    let digest = key.public.as_ref().map(|public| public.digest.as_slice());
    let title = format!("{lock} ({what})");
    let mut told = Told::key(title, digest, "", key.is_encrypted, der);
    if key.public.is_some_and(|public| public.is_short()) {
        told.warnings.push("RSA key shorter than 2048 bits");
    }
    Some(told)
}

/// A PKCS#12 store: without the password nothing in it lasts from one export to the next.
fn store(outer: &Element<'_>) -> Option<Told> {
    let store = pkcs12::look(outer)?;
    let mut told =
        Told::key("PKCS#12 store".to_owned(), None, "", !store.has_plain_key, outer.whole);
    told.essence = Zeroizing::new(outer.whole.to_vec());
    told.warnings = store.warnings();
    told.is_closed = true;
    Some(told)
}

fn ssh_key(key: &ssh::SshKey) -> Told {
    Told::key(key.title(), Some(&key.digest()), &key.comment, key.is_encrypted, &[])
}

/// The public half alone is no secret.
fn ssh_public(key: &ssh::SshKey) -> Told {
    let mut told = ssh_key(key);
    told.kind = Kind::File;
    told.identity.1 = [b"public ", key.digest().as_slice()].concat();
    told.essence =
        Zeroizing::new([&told.identity.1, b" ".as_slice(), key.comment.as_bytes()].concat());
    told.warnings.clear();
    told
}

/// What a payload of a profile brings in its data.
enum Brought {
    Certificate(Zeroizing<Vec<u8>>),
    Store(Zeroizing<Vec<u8>>),
}

fn brought(payload: &profile::Payload, data: &[u8]) -> Option<Brought> {
    let name = payload.text("PayloadType");
    if name == "com.apple.security.pkcs12" {
        return Some(Brought::Store(Zeroizing::new(data.to_vec())));
    }
    if !name.starts_with("com.apple.security.") {
        return None;
    }
    let der = match pem::only(data) {
        Some(block) => block.decode()?,
        None => Zeroizing::new(data.to_vec()),
    };
    let found = certificate(&der).is_some();
    found.then_some(Brought::Certificate(der))
}

/// What is signed in `content`, if it is signed.
fn unsigned(content: &[u8]) -> Option<Vec<u8>> {
    let outer = Elements::new(content).next()?;
    Some(cms::open(&outer)?.content?.into_owned())
}

/// Content on the way from its begin to its end.
struct Scan<'a> {
    each: &'a mut dyn FnMut(Record),
    scanned: Scanned,
}

impl Scan<'_> {
    fn content(&mut self, bytes: &[u8]) {
        if bytes.starts_with(b"kych") {
            let title = "file keychain, not opened".to_owned();
            let told = Told::key(title, None, "", true, bytes);
            self.bytes(told, 0..bytes.len());
        } else if der::recognise(bytes).is_some() {
            self.der(bytes);
        } else if profile::looks_like(bytes) {
            self.payloads(bytes);
        } else {
            self.text(bytes);
        }
    }

    /// A record that has bytes of its own, which begin where the one before ends or later.
    fn bytes(&mut self, told: Told, range: Range<usize>) {
        (self.each)(told.at(Locator::Bytes(vec![places(&range)])));
    }

    fn derived(&mut self, told: Told, key: String) {
        (self.each)(told.at(Locator::Derived(key.into_bytes())));
    }

    /// Something that should have been a record and is none.
    fn broken(&mut self, why: &'static str) {
        self.scanned.note(why);
    }

    /// Structures one behind the other; the first that makes no sense ends it.
    fn der(&mut self, bytes: &[u8]) {
        let mut outers = Elements::new(bytes);
        for outer in outers.by_ref() {
            let told = store(&outer)
                .or_else(|| private_key(outer.whole))
                .or_else(|| certificate(outer.whole));
            if let Some(told) = told {
                self.bytes(told, outer.range());
            } else if let Some(signed) = cms::open(&outer) {
                self.signed(&signed);
            } else {
                self.broken("not a certificate or key that can be read");
                return;
            }
        }
        let rest = bytes.len().saturating_sub(outers.rest().len());
        if rest < bytes.len() {
            self.broken("cut off or damaged");
        }
        if rest == 0 {
            // By its head it is one structure, and longer.
            self.scanned.lack(Lack::End);
        }
    }

    fn signed(&mut self, signed: &cms::Signed<'_>) {
        if let Some(content) = signed.content.as_deref().filter(|text| profile::looks_like(text)) {
            self.payloads(content);
        }
        for element in &signed.certificates {
            match certificate(element.whole) {
                Some(told) => self.bytes(told, element.range()),
                None => self.broken("not a certificate that can be read"),
            }
        }
    }

    fn payloads(&mut self, text: &[u8]) {
        let Some(payloads) = profile::payloads(text) else {
            self.broken("not a configuration profile that can be read");
            return;
        };
        for payload in &payloads {
            if let Some(told) = payload_told(payload) {
                self.derived(told, format!("payload {}", payload.number));
            }
        }
    }

    /// PEM anywhere; public keys of SSH, a line each; PuTTY's files.
    fn text(&mut self, bytes: &[u8]) {
        let mut plain_from = 0;
        for block in pem::Blocks::new(bytes) {
            self.lines(bytes, plain_from..block.range.start);
            plain_from = block.range.end;
            self.block(&block);
        }
        self.lines(bytes, plain_from..bytes.len());
    }

    fn lines(&mut self, bytes: &[u8], range: Range<usize>) {
        let Some(mut rest) = bytes.get(range.clone()) else { return };
        while !rest.is_empty() {
            let at = range.end.saturating_sub(rest.len());
            if let Some((key, within)) = ssh::putty(rest) {
                let length = within.end;
                self.bytes(ssh_key(&key), at..at.saturating_add(length));
                rest = tail(rest, length);
                continue;
            }
            let (line, after) = crate::kinds::bytes::line(rest);
            if let Some(key) = ssh::public_line(line) {
                self.bytes(ssh_public(&key), at..range.end.saturating_sub(after.len()));
            }
            rest = after;
        }
    }

    fn block(&mut self, block: &pem::Block<'_>) {
        let label = block.label;
        let is_key = label.ends_with(b"PRIVATE KEY");
        let is_certificate = label.ends_with(b"CERTIFICATE");
        let is_bag = matches!(label, b"PKCS7" | b"CMS");
        if !is_key && !is_certificate && !is_bag && label != b"PKCS12" {
            return;
        }
        let Some(bytes) = block.decode() else {
            self.broken("cut off or not base64");
            return;
        };
        let first = Elements::new(&bytes).next();
        if is_bag {
            let signed = first.as_ref().and_then(cms::open);
            let Some(signed) = signed else {
                self.broken("not a bag of certificates that can be read");
                return;
            };
            for (number, element) in signed.certificates.iter().enumerate() {
                if let Some(told) = certificate(element.whole) {
                    self.derived(told, format!("bag {} {number}", block.range.start));
                }
            }
            return;
        }
        let told = if is_certificate {
            // Behind a trusted one stands what it is trusted for.
            first.and_then(|first| certificate(first.whole))
        } else if is_key {
            pem_key(block, &bytes)
        } else {
            first.as_ref().and_then(store)
        };
        match told {
            Some(told) => self.bytes(told, block.range.clone()),
            None => self.broken("not a certificate or key that can be read"),
        }
    }
}

/// The private key of a block.
fn pem_key(block: &pem::Block<'_>, bytes: &[u8]) -> Option<Told> {
    if let Some(key) = ssh::openssh(bytes) {
        return Some(ssh_key(&key));
    }
    if block.is_encrypted() {
        let label = String::from_utf8_lossy(block.label).to_lowercase();
        return Some(Told::key(format!("encrypted {label}"), None, "", true, bytes));
    }
    private_key(bytes)
}

/// What a payload brings or keeps secret; none if neither.
fn payload_told(payload: &profile::Payload) -> Option<Told> {
    let name = payload.text("PayloadType");
    let label = payload.first(&["PayloadDisplayName", "PayloadCertificateFileName"]);
    match payload.data().and_then(|data| brought(payload, data)) {
        Some(Brought::Certificate(der)) => return certificate(&der),
        Some(Brought::Store(data)) => {
            let outer = Elements::new(&data).next();
            let mut told = outer.as_ref().and_then(store)?;
            if !label.is_empty() {
                told.title = format!("{label} (PKCS#12 store)");
            }
            if payload.has_secret() {
                told.warnings.push("its password stands beside it in the profile");
            }
            return Some(told);
        }
        None => {}
    }
    if !payload.has_secret() {
        return None;
    }
    let title = payload.first(&[
        "SSID_STR",
        "EmailAccountDescription",
        "EmailAddress",
        "UserDefinedName",
        "PayloadDisplayName",
        "PayloadType",
    ]);
    let place = payload.first(&["IncomingMailServerHostName", "HostName", "Host"]);
    let user = payload.first(&["IncomingMailServerUsername", "UserName", "EmailAddress"]);
    let id = payload.text("PayloadIdentifier");
    let identity = if id.is_empty() {
        (Quality::Fields, [name, &title, &place, &user].join("\0").into_bytes())
    } else {
        (Quality::Id, [name, id].join("\0").into_bytes())
    };
    Some(Told {
        kind: Kind::Passwords,
        identity,
        title,
        place,
        user,
        date: None,
        essence: payload.to_xml(),
        warnings: Vec::new(),
        is_closed: false,
    })
}

fn places(range: &Range<usize>) -> Range<u64> {
    range.start as u64..range.end as u64
}
