//! IPTC: what agencies and Photos write about a picture, as records of a mark, a number and text.

use super::moment::Moment;
use super::told::{Text, Told, Trust};
use crate::kinds::bytes::{number_big, tail};

const MARK: u8 = 0x1C;
/// The record that is about the picture.
const APPLICATION: u8 = 2;
const TITLE: u8 = 5;
const KEYWORD: u8 = 25;
const DATE: u8 = 55;
const TIME: u8 = 60;
const AUTHOR: u8 = 80;
const CAPTION: u8 = 120;

/// The resources that Photoshop puts into a JPEG; this one is IPTC.
const RESOURCE: &[u8] = b"8BIM";
const RESOURCE_IPTC: u64 = 0x0404;

/// Tells what the resources of Photoshop say: mark, number, a name and content, both of even size.
pub(super) fn tell_resources(bytes: &[u8], told: &mut Told) {
    let mut rest = bytes;
    while let Some(resource) = rest.strip_prefix(RESOURCE) {
        let number = number_big(resource, 0, 2);
        let name_size = resource.get(2).map_or(0, |size| usize::from(*size));
        let content = tail(resource, 2 + (name_size + 2) / 2 * 2);
        let Some(size) = number_big(content, 0, 4).and_then(|size| usize::try_from(size).ok())
        else {
            return;
        };
        let content = tail(content, 4);
        if number == Some(RESOURCE_IPTC) {
            tell(content.get(..size).unwrap_or(content), told);
        }
        rest = tail(content, size.saturating_add(size % 2));
    }
}

/// Tells what the records say.
pub(super) fn tell(bytes: &[u8], told: &mut Told) {
    let (mut date, mut time) = (String::new(), String::new());
    let mut rest = bytes;
    while let [MARK, record, number, high, low, after @ ..] = rest {
        // Longer ones have a size of their size.
        let size = usize::from(*high) << 8 | usize::from(*low);
        let text = text(after.get(..size).unwrap_or(after));
        match (*record, *number) {
            (APPLICATION, TITLE) => told.offer(Text::Title, &text),
            (APPLICATION, KEYWORD) => told.offer_keyword(&text),
            (APPLICATION, DATE) => date = text,
            (APPLICATION, TIME) => time = text,
            (APPLICATION, AUTHOR) => told.offer(Text::Author, &text),
            (APPLICATION, CAPTION) => told.offer(Text::Description, &text),
            _ => {}
        }
        rest = tail(after, size);
    }
    told.offer_date(Trust::Described, moment(&date, &time));
}

/// `20260704` and `120013+0200`.
fn moment(date: &str, time: &str) -> Option<Moment> {
    let date = format!("{}-{}-{}", date.get(..4)?, date.get(4..6)?, date.get(6..8)?);
    let time = match (time.get(..2), time.get(2..4), time.get(4..6), time.get(6..)) {
        (Some(hour), Some(minute), Some(second), Some(zone)) => {
            format!("{hour}:{minute}:{second}{zone}")
        }
        _ => String::new(),
    };
    Moment::parse(&format!("{date} {time}"))
}

fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}
