//! People out of the databases that Contacts keeps, `AddressBook-v22.abcddb`, one record each.
//!
//! Such a database is Core Data's: what a person has several of is in tables of its own, each row
//! with the number of its owner. A record has no bytes of its own there. What is taken out is the
//! card that Contacts would write, with its properties in Apple's order, and the same bytes for the
//! same rows. What such a card says and who it is are what [`contacts`] reads out
//! of it, so that a person is the same record in a database and in an exported file.
//!
//! | In the database | In the card |
//! |---|---|
//! | `ZABCDRECORD`, of the entity `ABCDContact` | one card |
//! | `ZEXTERNALUUID`, `ZUNIQUEID` | `UID`, `X-ABUID` |
//! | bit 0 of `ZDISPLAYFLAGS` | `X-ABShowAs:COMPANY` |
//! | `ZBIRTHDAY`, in 1604 without its year | `BDAY` |
//! | `ZIMAGEDATA`, else `ZTHUMBNAILIMAGEDATA`: 1, then a picture, or 2, then the name of a file | `PHOTO` |
//! | a table that joins contacts and groups | `CATEGORIES` |
//! | rows with that owner | `EMAIL`, `TEL`, `ADR`, `X-SOCIALPROFILE`, `NOTE`, `URL`, `IMPP`, … |
//!
//! Versions differ in entity numbers, tables and columns: what one does not have is empty.

mod card;
mod people;

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use people::Person;
use zeroize::Zeroizing;

use crate::kinds::database::Database;
use crate::kinds::{Locator, Record, Scanned, contacts};

/// Stands for the picture in a card that is only read for what it says.
const ANY_PICTURE: &[u8] = b"\xFF\xD8\xFF";

const ELSEWHERE: &str = "its picture is in another file";

/// An open address book.
pub struct AddressBook {
    people: Vec<Person>,
    /// Where among them each is, by how it is found.
    places: BTreeMap<Vec<u8>, usize>,
}

impl AddressBook {
    /// The address book that is this database with what its write-ahead log has committed.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn new(database: &[u8], log: Option<&[u8]>) -> Result<Self, &'static str> {
        let people = people::read(&Database::new(database, log)?)?;
        let places = people.iter().enumerate().map(|(at, person)| (person.how.clone(), at));
        let places = places.collect();
        Ok(Self { people, places })
    }

    /// Gives `each` its people in their order.
    ///
    /// # Errors
    /// What `each` answers.
    pub fn scan(&self, each: &mut dyn FnMut(Record) -> io::Result<()>) -> io::Result<Scanned> {
        let mut file = Zeroizing::new(Vec::new());
        let mut people = BTreeMap::new();
        for person in &self.people {
            people.insert(file.len() as u64, person);
            let picture = person.picture.as_ref().map(|_| ANY_PICTURE);
            file.extend_from_slice(card::write(person, picture).as_bytes());
        }
        let scanned = contacts::scan(&mut Cursor::new(file.as_slice()), &mut |mut record| {
            let Some(person) = place(&record).and_then(|place| people.get(&place)) else {
                return Ok(());
            };
            record.locator = Locator::Derived(person.how.clone());
            record.warnings.extend(person.is_elsewhere.then_some(ELSEWHERE));
            each(record)
        })?;
        Ok(Scanned { layout: "Contacts database", frame: Vec::new(), ..scanned })
    }

    /// The card of the person at that [`Locator::Derived`]; none if there is no such person.
    pub fn derive(&self, how: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let person = self.people.get(*self.places.get(how)?)?;
        let card = card::write(person, person.picture.as_deref());
        Some(Zeroizing::new(card.into_bytes()))
    }
}

/// Where the card of a record begins.
fn place(record: &Record) -> Option<u64> {
    match &record.locator {
        Locator::Bytes(ranges) => ranges.first().map(|range| range.start),
        Locator::Derived(_) => None,
    }
}

#[cfg(test)]
mod tests;
