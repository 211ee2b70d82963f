//! The people of a database: their rows, and the rows of other tables that are theirs.

use std::collections::{BTreeMap, BTreeSet};

use crate::kinds::database::{Database, Row};

/// What the types of rows are called of which people are.
const PEOPLE: [&str; 2] = ["ABCDContact", "ABCDSubscribedContact"];
/// And those of groups.
const GROUPS: [&str; 2] = ["ABCDGroup", "ABCDSubscribedGroup"];
/// How the ids end of rows that are either, where nothing says what type they are of.
const PERSON_END: &str = ":ABPerson";
const GROUP_END: &str = ":ABGroup";
/// The longest id that names a row, in bytes.
const ID_MAX: usize = 256;

const ENTITY: usize = 0;
const ID: usize = 1;
const GROUP_NAME: usize = 2;
const FLAGS: usize = 3;
const BIRTHDAY: usize = 4;
const IMAGE: usize = 5;
const THUMBNAIL: usize = 6;
/// The columns before those that are texts of a card.
const RECORD: [&str; 7] = [
    "Z_ENT",
    "ZUNIQUEID",
    "ZNAME",
    "ZDISPLAYFLAGS",
    "ZBIRTHDAY",
    "ZIMAGEDATA",
    "ZTHUMBNAILIMAGEDATA",
];

/// A text that a person has one of.
#[derive(Clone, Copy)]
pub(super) enum One {
    Family,
    Given,
    Middle,
    Prefix,
    Suffix,
    Nickname,
    MaidenName,
    PhoneticGiven,
    PhoneticMiddle,
    PhoneticFamily,
    Company,
    Department,
    PhoneticCompany,
    Job,
    ExternalId,
}

/// The columns of texts, in the order of [`One`].
const ONES: [&str; 15] = [
    "ZLASTNAME",
    "ZFIRSTNAME",
    "ZMIDDLENAME",
    "ZTITLE",
    "ZSUFFIX",
    "ZNICKNAME",
    "ZMAIDENNAME",
    "ZPHONETICFIRSTNAME",
    "ZPHONETICMIDDLENAME",
    "ZPHONETICLASTNAME",
    "ZORGANIZATION",
    "ZDEPARTMENT",
    "ZPHONETICORGANIZATION",
    "ZJOBTITLE",
    "ZEXTERNALUUID",
];

/// What a person has several of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Many {
    Mail,
    Phone,
    Address,
    Social,
    Note,
    Web,
    CalendarAddress,
    Chat,
    Date,
    Related,
}

/// Where they are: table, the column of their owner, those of their values.
const MANY: [(Many, &str, &str, &[&str]); 11] = [
    (Many::Mail, "ZABCDEMAILADDRESS", "ZOWNER", &["ZADDRESS"]),
    (Many::Phone, "ZABCDPHONENUMBER", "ZOWNER", &["ZFULLNUMBER"]),
    (
        Many::Address,
        "ZABCDPOSTALADDRESS",
        "ZOWNER",
        &[
            "ZSTREET",
            "ZCITY",
            "ZSTATE",
            "ZZIPCODE",
            "ZCOUNTRYNAME",
            "ZCOUNTRYCODE",
            "ZSUBLOCALITY",
            "ZREGION",
        ],
    ),
    (
        Many::Social,
        "ZABCDSOCIALPROFILE",
        "ZOWNER",
        &["ZURLSTRING", "ZSERVICENAME", "ZUSERNAME", "ZUSERIDENTIFIER", "ZDISPLAYNAME"],
    ),
    (Many::Note, "ZABCDNOTE", "ZCONTACT", &["ZTEXT"]),
    (Many::Web, "ZABCDURLADDRESS", "ZOWNER", &["ZURL"]),
    (Many::CalendarAddress, "ZABCDCALENDARURI", "ZOWNER", &["ZURL"]),
    (Many::Chat, "ZABCDMESSAGINGADDRESS", "ZOWNER", &["ZADDRESS", "ZSERVICENAME", "ZSERVICE"]),
    (Many::Date, "ZABCDCONTACTDATE", "ZOWNER", &["ZDATE"]),
    // As it was called before.
    (Many::Date, "ZABCDDATE", "ZOWNER", &["ZDATE"]),
    (Many::Related, "ZABCDRELATEDNAME", "ZOWNER", &["ZNAME"]),
];
/// Where in the row of a date the date is: behind owner, order, preference and label.
const DATE: usize = 4;

/// A person.
pub(super) struct Person {
    /// The row, named by its id or by its number.
    pub(super) how: Vec<u8>,
    /// `UUID:ABPerson`; empty if it has none.
    pub(super) id: String,
    /// It is shown as a company.
    pub(super) is_company: bool,
    /// Days since 1970.
    pub(super) birthday: Option<i64>,
    /// The picture, in whatever format it is.
    pub(super) picture: Option<Vec<u8>>,
    /// It has a picture that is in another file.
    pub(super) is_elsewhere: bool,
    /// The groups that it is in, in order.
    pub(super) groups: Vec<String>,
    ones: Vec<String>,
    many: BTreeMap<Many, Vec<Detail>>,
}

/// One of several that a person has of something.
pub(super) struct Detail {
    order: (i64, i64),
    /// It is the preferred one.
    pub(super) is_preferred: bool,
    /// As the database has it: what is built in is `_$!<Home>!$_`.
    pub(super) label: String,
    /// In the order of the columns.
    pub(super) values: Vec<String>,
    /// Days since 1970, of a date.
    pub(super) day: Option<i64>,
}

impl Person {
    pub(super) fn one(&self, one: One) -> &str {
        self.ones.get(one as usize).map_or("", |text| text.trim())
    }

    pub(super) fn many(&self, many: Many) -> &[Detail] {
        self.many.get(&many).map_or(&[], Vec::as_slice)
    }
}

impl Detail {
    pub(super) fn value(&self, at: usize) -> &str {
        self.values.get(at).map_or("", String::as_str)
    }

    /// Puts the name of a service in where there is only the number of its row.
    fn name_service(&mut self, services: &BTreeMap<i64, String>) {
        if let [_, name, number] = self.values.as_mut_slice()
            && name.is_empty()
            && let Some(known) = number.parse().ok().and_then(|number: i64| services.get(&number))
        {
            name.clone_from(known);
        }
    }
}

/// The people of a database, by the numbers of their rows.
pub(super) fn read(database: &Database) -> Result<Vec<Person>, &'static str> {
    let types = Types::read(database)?;
    let columns = [&RECORD[..], &ONES].concat();
    let (mut people, mut groups) = (BTreeMap::new(), BTreeMap::new());
    for (number, mut row) in database.rows("ZABCDRECORD", &columns)? {
        if types.is_person(&row) {
            people.insert(number, person(number, &mut row));
        } else if types.is_group(&row) {
            groups.insert(number, row.text(GROUP_NAME));
        }
    }
    let services = services(database)?;
    for (many, table, owner, values) in MANY {
        for (owner, mut detail) in details(database, table, owner, values)? {
            if many == Many::Chat {
                detail.name_service(&services);
            }
            if let Some(person) = people.get_mut(&owner) {
                person.many.entry(many).or_default().push(detail);
            }
        }
    }
    for (person, group) in memberships(database)? {
        let name = groups.get(&group).filter(|name| !name.trim().is_empty());
        if let (Some(person), Some(name)) = (people.get_mut(&person), name) {
            person.groups.push(name.trim().to_owned());
        }
    }
    Ok(in_order(people.into_values().collect()))
}

/// Puts what each has several of in its order, and names each so that no other has its name.
fn in_order(mut people: Vec<Person>) -> Vec<Person> {
    let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for person in &mut people {
        person.groups.sort_by_cached_key(|name| (name.to_lowercase(), name.clone()));
        person.groups.dedup();
        for details in person.many.values_mut() {
            details.sort_by_key(|detail| detail.order);
            // Where none is marked, the first is the preferred one.
            if !details.iter().any(|detail| detail.is_preferred) {
                details.iter_mut().take(1).for_each(|first| first.is_preferred = true);
            }
        }
        if !seen.insert(person.id.clone()) {
            shared.insert(person.id.clone());
        }
    }
    for person in &mut people {
        let is_own = !shared.contains(&person.id);
        if is_own && (1..=ID_MAX).contains(&person.id.len()) {
            person.how = format!("id {}", person.id).into_bytes();
        }
    }
    people
}

fn person(number: i64, row: &mut Row) -> Person {
    let images = [IMAGE, THUMBNAIL].map(|at| row.take_bytes(at));
    let is_elsewhere = images.iter().any(|image| image.first() == Some(&2));
    Person {
        how: format!("row {number}").into_bytes(),
        id: row.text(ID).trim().to_owned(),
        is_company: row.number(FLAGS).is_some_and(|flags| flags & 1 == 1),
        birthday: row.moment(BIRTHDAY).map(day),
        picture: images.into_iter().find_map(picture),
        is_elsewhere,
        groups: Vec::new(),
        ones: (0..ONES.len()).map(|at| row.text(RECORD.len() + at)).collect(),
        many: BTreeMap::new(),
    }
}

/// The picture in a column that may only name another file.
fn picture(mut image: Vec<u8>) -> Option<Vec<u8>> {
    if image.first() == Some(&1) {
        image.remove(0);
    }
    // Bytes that begin with another number come from before there were such files.
    (!matches!(image.first(), None | Some(2))).then_some(image)
}

/// Days are kept as a moment at their noon.
fn day(moment: i64) -> i64 {
    moment.div_euclid(86_400)
}

/// The rows of a table with their owners. A table without an order has them as they come.
fn details(
    database: &Database,
    table: &str,
    owner: &str,
    values: &[&str],
) -> Result<Vec<(i64, Detail)>, &'static str> {
    let columns = [&[owner, "ZORDERINGINDEX", "ZISPRIMARY", "ZLABEL"], values].concat();
    let mut found = Vec::new();
    for (number, row) in database.rows(table, &columns)? {
        let Some(owner) = row.number(0) else { continue };
        let detail = Detail {
            order: (row.number(1).unwrap_or_default(), number),
            is_preferred: row.number(2) == Some(1),
            label: row.text(3),
            values: (4..columns.len()).map(|at| row.text(at)).collect(),
            day: row.moment(DATE).map(day),
        };
        found.push((owner, detail));
    }
    Ok(found)
}

/// The names of services for messages.
fn services(database: &Database) -> Result<BTreeMap<i64, String>, &'static str> {
    let rows = database.rows("ZABCDSERVICE", &["ZSERVICENAME"])?;
    Ok(rows.into_iter().map(|(number, row)| (number, row.text(0))).collect())
}

/// Who is in which group: `Z_22PARENTGROUPS` with `Z_22CONTACTS` and `Z_19PARENTGROUPS1`, or with
/// other numbers, which are those of the types.
fn memberships(database: &Database) -> Result<Vec<(i64, i64)>, &'static str> {
    let mut found = Vec::new();
    for (table, columns) in database.tables() {
        let column = |words: [&str; 2]| {
            columns.iter().find(|column| words.contains(&bare(column))).map(String::as_str)
        };
        let contacts = column(["CONTACTS", "CONTACT"]);
        let groups = column(["PARENTGROUPS", "GROUP"]);
        if let (true, Some(contact), Some(group)) = (table.starts_with("Z_"), contacts, groups) {
            let rows = database.rows(table, &[contact, group])?;
            found.extend(rows.iter().filter_map(|(_, row)| row.number(0).zip(row.number(1))));
        }
    }
    Ok(found)
}

/// The name of a column that joins, without what is before and behind it.
fn bare(column: &str) -> &str {
    let is_digit = |char: char| char.is_ascii_digit();
    let name = column.strip_prefix("Z_").unwrap_or_default();
    name.trim_matches(is_digit).trim_start_matches('_')
}

/// The numbers of the types of rows, which are others in every version.
struct Types {
    people: Vec<i64>,
    groups: Vec<i64>,
}

impl Types {
    fn read(database: &Database) -> Result<Self, &'static str> {
        let rows = database.rows("Z_PRIMARYKEY", &["Z_ENT", "Z_NAME"])?;
        let numbers = |names: [&str; 2]| {
            let named = rows.iter().filter(|(_, row)| names.contains(&row.text(1).as_str()));
            named.filter_map(|(_, row)| row.number(0)).collect()
        };
        Ok(Self { people: numbers(PEOPLE), groups: numbers(GROUPS) })
    }

    fn is_person(&self, row: &Row) -> bool {
        Self::is(&self.people, row, PERSON_END)
    }

    fn is_group(&self, row: &Row) -> bool {
        Self::is(&self.groups, row, GROUP_END)
    }

    fn is(types: &[i64], row: &Row, end: &str) -> bool {
        match types {
            [] => row.text(ID).ends_with(end),
            types => row.number(ENTITY).is_some_and(|entity| types.contains(&entity)),
        }
    }
}
