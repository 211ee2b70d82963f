//! What stands where in an iCalendar file: its header, its time zones, and the components that are
//! records. Components end where they say so, or where another begins that cannot be in them.

use std::io::{self, Read};
use std::ops::Range;

use crate::kinds::lines::{Does, Lines, append};
use crate::kinds::{Lack, Scanned};

/// Most components of a file that are records or parts of such.
const COMPONENTS_MAX: usize = 1 << 20;
/// Most calendars of a file that are told apart; all after them count as one.
const CALENDARS_MAX: usize = 1 << 16;
/// Most time zones of a file.
const ZONES_MAX: usize = 4096;

const TOO_MANY: &str = "more than a million events";
const TOO_MANY_ZONES: &str = "more time zones than are read";
const OTHER_SORT: &str = "components that are no events";
const STRAY: &str = "lines that are in no calendar";

/// What sort of record a component is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Event,
    Reminder,
    Journal,
}

impl Sort {
    /// The sort of a component of that name.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let is = |sort: &Self| sort.name().as_bytes().eq_ignore_ascii_case(name);
        [Self::Event, Self::Reminder, Self::Journal].into_iter().find(is)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Event => "VEVENT",
            Self::Reminder => "VTODO",
            Self::Journal => "VJOURNAL",
        }
    }

    /// What people call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Reminder => "reminder",
            Self::Journal => "journal entry",
        }
    }
}

/// A component that is a record, or a part of one.
pub(super) struct Piece {
    pub(super) range: Range<u64>,
    pub(super) sort: Sort,
    /// The number of its calendar in the file.
    pub(super) calendar: usize,
    /// It has an end of its own.
    pub(super) is_closed: bool,
}

/// Where everything is.
#[derive(Default)]
pub(super) struct Layout {
    /// The length of the byte order mark.
    pub(super) mark: u64,
    /// The lines of the first calendar itself, without its last.
    pub(super) header: Vec<Range<u64>>,
    /// It begins with `BEGIN:VCALENDAR`.
    pub(super) is_begun: bool,
    /// The line of the last `END:VCALENDAR`.
    pub(super) end: Option<Range<u64>>,
    /// Of each calendar the line that names it.
    pub(super) names: Vec<Option<Range<u64>>>,
    /// The time zones, and whether each has an end of its own.
    pub(super) zones: Vec<(Range<u64>, bool)>,
    pub(super) pieces: Vec<Piece>,
}

/// A component whose end was not seen yet.
struct Open {
    name: Vec<u8>,
    start: u64,
    /// The end of its last line that is not blank.
    end: u64,
}

impl Layout {
    /// Goes through content from its start to its end.
    pub(super) fn read(content: impl Read, scanned: &mut Scanned) -> io::Result<Self> {
        let mut lines = Lines::new(content)?;
        let mut layout = Self { mark: lines.mark as u64, ..Self::default() };
        let mut is_in_calendar = false;
        let mut open: Option<Open> = None;
        while let Some(line) = lines.next()? {
            let range = line.range.clone();
            if let Does::Begin(name) = line.does()
                && (open.is_none() || is_outermost(name))
            {
                layout.close(open.take(), None, scanned);
                if is_calendar(name) || !is_in_calendar {
                    layout.is_begun |= layout.names.is_empty() && is_calendar(name);
                    layout.names.push(None);
                    layout.names.truncate(CALENDARS_MAX);
                }
                is_in_calendar = true;
                if is_calendar(name) {
                    layout.header_line(range);
                } else {
                    open = Some(Open { name: name.to_vec(), start: range.start, end: range.end });
                }
                continue;
            }
            match (line.does(), &mut open) {
                (Does::End(name), _) if is_calendar(name) => {
                    layout.close(open.take(), None, scanned);
                    layout.end = Some(range);
                    is_in_calendar = false;
                }
                (Does::End(name), Some(component)) if component.name.eq_ignore_ascii_case(name) => {
                    layout.close(open.take(), Some(range.end), scanned);
                }
                (Does::Blank, Some(_)) => {}
                (_, Some(component)) => component.end = range.end,
                (Does::Blank, None) => layout.blank_line(range),
                (Does::End(_) | Does::Begin(_), None) => scanned.note(STRAY),
                (Does::Other, None) if !is_in_calendar => scanned.note(STRAY),
                (Does::Other, None) => {
                    let is_name = line.is_property(b"X-WR-CALNAME") || line.is_property(b"NAME");
                    match layout.names.last_mut() {
                        Some(name @ None) if is_name => *name = Some(range.clone()),
                        _ => {}
                    }
                    layout.header_line(range);
                }
            }
        }
        if open.is_some() || is_in_calendar && layout.is_begun {
            scanned.lack(Lack::End);
        }
        layout.close(open, None, scanned);
        Ok(layout)
    }

    /// A component ends here, or where its last line does.
    fn close(&mut self, open: Option<Open>, end: Option<u64>, scanned: &mut Scanned) {
        let Some(open) = open else { return };
        let range = open.start..end.unwrap_or(open.end);
        let calendar = self.names.len().saturating_sub(1);
        if open.name.eq_ignore_ascii_case(b"VTIMEZONE") {
            if self.zones.len() == ZONES_MAX {
                scanned.note(TOO_MANY_ZONES);
            } else {
                self.zones.push((range, end.is_some()));
            }
        } else if let Some(sort) = Sort::of(&open.name) {
            if self.pieces.len() == COMPONENTS_MAX {
                scanned.note(TOO_MANY);
            } else {
                self.pieces.push(Piece { range, sort, calendar, is_closed: end.is_some() });
            }
        } else {
            scanned.note(OTHER_SORT);
        }
    }

    fn header_line(&mut self, range: Range<u64>) {
        if self.names.len() <= 1 {
            append(&mut self.header, range);
        }
    }

    /// A blank line belongs to what every record needs when it follows that.
    fn blank_line(&mut self, range: Range<u64>) {
        let zone = self.zones.last_mut().map(|(zone, _)| zone);
        let before = [self.header.last_mut(), zone].into_iter().flatten();
        for last in before.filter(|last| last.end == range.start) {
            last.end = range.end;
        }
    }
}

fn is_calendar(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"VCALENDAR")
}

/// Whether a component of that name is in a calendar and in no other component.
fn is_outermost(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [b"VCALENDAR", b"VTIMEZONE", b"VFREEBUSY", b"VAVAILABILITY"];
    Sort::of(name).is_some() || NAMES.iter().any(|outer| outer.eq_ignore_ascii_case(name))
}
