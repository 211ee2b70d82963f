//! What is said in a note, without the marks of Markdown and the tags of HTML.

use std::fmt;

use memchr::memmem;

use crate::kinds::bytes::{start, tail};
use crate::kinds::html::{Tag, Token, Tokens, decoded};
use crate::kinds::{dates, text};

/// How much of a line is looked at for a title, in bytes.
const LINE_MAX: usize = 4096;
/// Most attachments that are told.
const ATTACHED_MAX: usize = 1000;
/// Longest name and longest place of an attachment, in bytes.
const NAME_MAX: usize = 200;
const PLACE_MAX: usize = 1024;

/// Names of what says when a note was made.
const CREATED: [&str; 5] = ["created", "creation-date", "creationdate", "date", "dcterms.created"];
/// Elements that stand on lines of their own.
const BLOCKS: [&[u8]; 14] = [
    b"br", b"p", b"div", b"li", b"ul", b"ol", b"tr", b"table", b"h1", b"h2", b"h3", b"h4", b"h5",
    b"h6",
];

/// A note.
pub(super) enum Note<'a> {
    Html(&'a [u8]),
    /// With the marks of Markdown or without.
    Text(&'a [u8]),
}

/// What is attached to a note.
pub(super) struct Attached {
    /// What the note calls it.
    name: String,
    /// Where it is, or what it is if it is in the note.
    place: String,
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => f.write_str(&self.place),
            name => write!(f, "{name} ({})", self.place),
        }
    }
}

impl<'a> Note<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        match text.trim_ascii_start() {
            [b'<', first, ..] if first.is_ascii_alphabetic() || *first == b'!' => Self::Html(text),
            _ => Self::Text(text),
        }
    }

    /// What it is, for a person.
    pub(super) fn layout(&self) -> &'static str {
        match self {
            Self::Html(_) => "a note in HTML",
            Self::Text(_) => "a note in text",
        }
    }

    /// Its first line that says anything, or in HTML its first heading; empty if nothing does.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Html(html) => match heading(html) {
                title if !title.is_empty() => title,
                _ => first_line(html_text(html, LINE_MAX).as_bytes()),
            },
            Self::Text(text) => first_line(text),
        }
    }

    /// When it was made, in seconds since 1970, if it says so.
    pub(super) fn created(&self) -> Option<i64> {
        let Self::Html(html) = self else { return None };
        opened(html).filter(|tag| tag.is(b"meta")).find_map(|tag| {
            let name = tag.attribute(b"name").or_else(|| tag.attribute(b"property"))?;
            let is_date = CREATED.iter().any(|known| known.eq_ignore_ascii_case(&name));
            is_date.then(|| dates::parse(&tag.attribute(b"content")?)).flatten()
        })
    }

    /// The start of what is written in it.
    pub(super) fn text(&self, length_max: usize) -> String {
        match self {
            Self::Html(html) => html_text(html, length_max),
            Self::Text(text) => {
                let text = String::from_utf8_lossy(start(text, length_max)).replace("\r\n", "\n");
                let text = text.replace('\r', "\n");
                // A character that was cut.
                text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned()
            }
        }
    }

    /// What is attached to it.
    pub(super) fn attached(&self) -> Vec<Attached> {
        match self {
            Self::Html(html) => {
                let images = opened(html).filter(|tag| tag.is(b"img"));
                images.filter_map(|tag| image(&tag)).take(ATTACHED_MAX).collect()
            }
            Self::Text(text) => {
                let links = memmem::find_iter(text, b"](").filter_map(|at| link(text, at));
                links.take(ATTACHED_MAX).collect()
            }
        }
    }
}

/// The lines of a text without their ends: LF, CR, and any run of CR before LF.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').flat_map(|line| {
        let returns = line.iter().rev().take_while(|byte| **byte == b'\r').count();
        start(line, line.len() - returns).split(|byte| *byte == b'\r')
    })
}

/// The first line of a text that says anything, without marks.
fn first_line(text: &[u8]) -> String {
    let mut titles =
        lines(text).map(|line| unmarked(&String::from_utf8_lossy(start(line, LINE_MAX))));
    titles.find(|title| !title.is_empty()).unwrap_or_default()
}

/// A line without the marks of Markdown and of checklists.
fn unmarked(line: &str) -> String {
    let mut line = line.trim();
    // A rule, or what is around the head of a file.
    if line.bytes().all(|byte| matches!(byte, b'-' | b'=' | b'*' | b'_' | b'#')) {
        return String::new();
    }
    line = line.trim_start_matches(['#', '>', '◦', '✓', '•', ' ', '\t']);
    for mark in ["- ", "* ", "+ ", "[ ] ", "[x] ", "[X] "] {
        line = line.strip_prefix(mark).unwrap_or(line).trim_start();
    }
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['*', '_', '`', '~', '[', ']', '!', '\u{FFFC}']) {
        let (before, mark) = rest.split_at(at);
        plain.push_str(before);
        let (kept, after) = pass_mark(mark);
        plain.push_str(kept);
        rest = after;
    }
    plain.push_str(rest);
    plain.trim().to_owned()
}

/// What a line that begins with a mark shows in its place, and what follows.
fn pass_mark(line: &str) -> (&str, &str) {
    for mark in ["**", "__", "~~", "`", "![", "["] {
        if let Some(after) = line.strip_prefix(mark) {
            return ("", after);
        }
    }
    let link = line.strip_prefix("](").and_then(|link| link.split_once(')'));
    if let Some((_, after)) = link {
        return ("", after);
    }
    let first = line.chars().next().map_or(0, char::len_utf8);
    let (first, after) = line.split_at_checked(first).unwrap_or((line, ""));
    (if matches!(first, "]" | "\u{FFFC}") { "" } else { first }, after)
}

/// `![starter](Attachments/0E5A2411-57C1-5226-9F61-6BD4D1F687F5.jpeg)`: what is at the link whose
/// `](` is at a place; none if that is an address of the net.
fn link(text: &[u8], at: usize) -> Option<Attached> {
    let behind = start(tail(text, at + 2), PLACE_MAX);
    let end = behind.iter().position(|byte| matches!(byte, b')' | b'\n' | b'\r'))?;
    let place = start(behind, end);
    let before = start(text, at);
    let before = tail(before, before.len().saturating_sub(NAME_MAX));
    let from = before.iter().rposition(|byte| *byte == b'[');
    let name = from.map_or(&[][..], |from| tail(before, from + 1));
    let is_image = from.and_then(|from| before.get(from.checked_sub(1)?)) == Some(&b'!');
    let is_beside = place.starts_with(b"Attachments/") || is_image && !holds_scheme(place);
    is_beside.then(|| Attached {
        name: text::in_line(&String::from_utf8_lossy(name), NAME_MAX),
        place: text::in_line(&String::from_utf8_lossy(place), PLACE_MAX),
    })
}

fn holds_scheme(place: &[u8]) -> bool {
    memmem::find(place, b"://").is_some()
}

fn image(tag: &Tag<'_>) -> Option<Attached> {
    let name = text::in_line(&tag.attribute(b"alt").unwrap_or_default(), NAME_MAX);
    let source = tag.attribute(b"src").filter(|source| !source.is_empty())?;
    let place = match source.strip_prefix("data:").and_then(|data| data.split_once(',')) {
        Some((sort, data)) => {
            let sort = sort.split(';').next().unwrap_or_default();
            let size = if source.contains(";base64,") { data.len() / 4 * 3 } else { data.len() };
            format!("{}, in the note, some {size} bytes", text::in_line(sort, NAME_MAX))
        }
        None => text::in_line(&source, PLACE_MAX),
    };
    Some(Attached { name, place })
}

/// The tags that open elements.
fn opened(html: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    Tokens::new(html).filter_map(|(_, token)| match token {
        Token::Open(tag) => Some(tag),
        Token::Close(_) | Token::Text(_) => None,
    })
}

/// The text of the first heading.
fn heading(html: &[u8]) -> String {
    let is_heading = |name: &[u8]| matches!(name, [b'h' | b'H', b'1'..=b'6']);
    let mut title: Option<String> = None;
    for (_, token) in Tokens::new(html) {
        match (token, &mut title) {
            (Token::Open(tag), None) if is_heading(tag.name) => title = Some(String::new()),
            (Token::Close(name), Some(found)) if is_heading(name) && !found.trim().is_empty() => {
                break;
            }
            (Token::Text(text), Some(found)) if found.len() < LINE_MAX => {
                found.push_str(&decoded(start(text, LINE_MAX)));
            }
            _ => {}
        }
    }
    text::in_line(&title.unwrap_or_default(), LINE_MAX)
}

/// What HTML shows, line by line, up to a length in bytes.
fn html_text(html: &[u8], length_max: usize) -> String {
    let mut shown = String::new();
    let mut is_in_head = false;
    for (_, token) in Tokens::new(html) {
        let (name, is_open) = match token {
            Token::Text(_) if is_in_head => continue,
            Token::Text(text) => {
                let text = decoded(start(text, length_max));
                if text.starts_with(char::is_whitespace) && !shown.ends_with([' ', '\n']) {
                    shown.push(' ');
                }
                shown.push_str(&text::in_line(&text, length_max));
                if text.ends_with(char::is_whitespace) && !shown.ends_with([' ', '\n']) {
                    shown.push(' ');
                }
                if shown.len() > length_max {
                    break;
                }
                continue;
            }
            Token::Open(tag) => (tag.name, true),
            Token::Close(name) => (name, false),
        };
        if name.eq_ignore_ascii_case(b"head") {
            is_in_head = is_open;
        }
        let is_block = BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block));
        if is_block && !shown.is_empty() && !shown.ends_with('\n') {
            shown.truncate(shown.trim_end_matches(' ').len());
            shown.push('\n');
        }
    }
    let end = shown.floor_char_boundary(length_max);
    shown.truncate(end);
    shown
}
