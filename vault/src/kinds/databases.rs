//! The databases that records are derived from, open.

#[cfg(feature = "sqlite")]
pub(super) use with_sqlite::Opened;
#[cfg(not(feature = "sqlite"))]
pub(super) use without_sqlite::Opened;

use super::{Format, Record, Scanned, Taken, Whole};

#[cfg(feature = "sqlite")]
mod with_sqlite {
    use std::io;

    use super::{Format, Record, Scanned, Taken, Whole};
    use crate::kinds::address_book::AddressBook;
    use crate::kinds::calendar_database::CalendarDatabase;

    /// A database that was read.
    pub(in crate::kinds) enum Opened {
        People(AddressBook),
        Events(CalendarDatabase),
    }

    impl Opened {
        /// The database of that format that is all this.
        ///
        /// # Errors
        /// Why it cannot be read.
        pub(in crate::kinds) fn new(
            format: Format,
            whole: Whole<'_>,
        ) -> Result<Self, &'static str> {
            let Whole { content, log } = whole;
            Ok(match format {
                Format::CalendarDatabase => Self::Events(CalendarDatabase::new(content, log)?),
                _ => Self::People(AddressBook::new(content, log)?),
            })
        }

        /// Gives `each` its records in their order.
        ///
        /// # Errors
        /// What `each` answers.
        pub(in crate::kinds) fn scan(
            &self,
            each: &mut dyn FnMut(Record) -> io::Result<()>,
        ) -> io::Result<Scanned> {
            match self {
                Self::People(book) => book.scan(each),
                Self::Events(calendars) => calendars.scan(each),
            }
        }

        /// The record at that [`Locator::Derived`](crate::kinds::Locator), if there is one.
        pub(in crate::kinds) fn derive(&self, how: &[u8]) -> Option<Taken> {
            match self {
                Self::People(book) => {
                    book.derive(how).map(|bytes| Taken { frame: Vec::new(), bytes })
                }
                Self::Events(calendars) => calendars.derive(how),
            }
        }
    }
}

#[cfg(not(feature = "sqlite"))]
mod without_sqlite {
    use std::io;

    use super::{Format, Record, Scanned, Taken, Whole};

    /// There is none.
    pub(in crate::kinds) enum Opened {}

    impl Opened {
        /// Says that it cannot be read.
        pub(in crate::kinds) fn new(_: Format, _: Whole<'_>) -> Result<Self, &'static str> {
            Err("a database, which this build does not open")
        }

        pub(in crate::kinds) fn scan(
            &self,
            _: &mut dyn FnMut(Record) -> io::Result<()>,
        ) -> io::Result<Scanned> {
            match *self {}
        }

        pub(in crate::kinds) fn derive(&self, _: &[u8]) -> Option<Taken> {
            match *self {}
        }
    }
}
