//! Bookmarks, one record each, out of the HTML that every browser exports and that Netscape's
//! bookmark file was first.
//!
//! ```text
//! <!DOCTYPE NETSCAPE-Bookmark-file-1>
//! <H1>Bookmarks</H1>
//! <DL><p>                                       Safari has none around its folders
//!     <DT><H3 ADD_DATE="1757840523">Travel</H3>  a folder, whose links are in the list behind it
//!     <DL><p>
//!         <DT><A HREF="https://railway.example.net/" ADD_DATE="1757840523">Trains</A>
//!         <DD>what somebody wrote of it, or how a page of the reading list begins
//!     </DL><p>
//! </DL><p>
//! ```
//!
//! A record is the bytes from `<DT>` to `</A>`, with what `<DD>` says. The folder it is in is told
//! of it and is not in its bytes.
//!
//! | Rung | A bookmark's identity |
//! |---|---|
//! | fields | folder and address |
//! | titled | folder, address and title |
//! | whole | folder and all it says |

mod link;

use std::io::{self, Read, Seek};

use link::{Folders, Link, push};
use zeroize::Zeroizing;

use crate::kinds::bytes::tail;
use crate::kinds::html::{Token, Tokens};
use crate::kinds::ladder::Ladder;
use crate::kinds::sheet::{TOO_LONG, hold};
use crate::kinds::text::{self, Encoding};
use crate::kinds::{Export, Field, Lack, Record, Scanned, dates};

/// Most links of a file.
const LINKS_MAX: usize = 1 << 18;

const TOO_MANY: &str = "more than 262,144 bookmarks";
const TOO_DEEP: &str = "folders deeper than 256 are told as one";
const CUT_OFF: &str = "cut off";
const NOT_HTML: &str = "bookmarks in another form than HTML";

/// Goes through `content` from its start and gives `each` its bookmarks in their order.
///
/// # Errors
/// When `content` cannot be read, and what `each` answers.
pub fn scan(
    content: &mut (impl Read + Seek),
    each: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Scanned> {
    content.rewind()?;
    let Some(bytes) = hold(content)? else { return Ok(Scanned::nothing(TOO_LONG)) };
    let (encoding, mark) = text::encoding(&bytes);
    let text = tail(&bytes, mark);
    if encoding != Encoding::Bytes || text.trim_ascii_start().first() != Some(&b'<') {
        return Ok(Scanned::nothing(NOT_HTML));
    }
    let mut scanned = Scanned { layout: "bookmarks in HTML", ..Scanned::default() };
    let links = links(text, &mut scanned);
    // A bookmark is told apart from those before it and behind it.
    let mut ladder = Ladder::default();
    links.iter().for_each(|link| ladder.count(&link.rungs()));
    ladder.finish();
    if !links.is_empty() && links.iter().all(|link| link.added.is_none()) {
        scanned.export(Export::Bookmarks);
    }
    for link in links {
        each(link.record(&mut ladder, mark))?;
        scanned.records += 1;
    }
    Ok(scanned)
}

/// What a bookmark says: `title`, `address`, `added`, `description`, `tags`, `keyword`. `record` are
/// the bytes at its [`Locator`](super::Locator).
pub fn fields(record: &[u8]) -> Vec<Field> {
    let links = links(record, &mut Scanned::default());
    let Some(link) = links.first() else { return Vec::new() };
    let added = link.added.map(dates::moment).unwrap_or_default();
    let all = [
        ("title", &link.title),
        ("address", &link.address),
        ("added", &added),
        ("description", &link.description),
        ("tags", &link.tags),
        ("keyword", &link.keyword),
    ];
    let told = all.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| Field::clear(name, value)).collect()
}

/// A file that holds these bookmarks, each with its exact bytes, in no folder.
pub fn write(records: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    const START: &[u8] = b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n\
        <META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=UTF-8\">\n\
        <TITLE>Bookmarks</TITLE>\n<H1>Bookmarks</H1>\n<DL><p>\n";
    let mut file = Zeroizing::new(START.to_vec());
    for record in records {
        file.extend_from_slice(b"    ");
        file.extend_from_slice(record);
        file.push(b'\n');
    }
    file.extend_from_slice(b"</DL><p>\n");
    file
}

/// Which text comes next.
enum Reads {
    Nothing,
    /// A folder's name, up to `</H3>`.
    Name(String),
    /// A link's title, up to `</A>`.
    Title(Link),
    /// What is said of the link before.
    Description(Link),
}

/// The links of a text and their folders, in one pass.
struct Reader {
    links: Vec<Link>,
    folders: Folders,
    reads: Reads,
    /// Where the `<DT>` begins that nothing has followed yet.
    item: Option<usize>,
    /// The last link is closed, and a `<DD>` would be its own.
    is_awaited: bool,
    has_more: bool,
}

fn links(text: &[u8], scanned: &mut Scanned) -> Vec<Link> {
    let mut reader = Reader {
        links: Vec::new(),
        folders: Folders::default(),
        reads: Reads::Nothing,
        item: None,
        is_awaited: false,
        has_more: false,
    };
    let mut tokens = Tokens::new(text);
    for (range, token) in tokens.by_ref() {
        match token {
            Token::Text(text) => reader.text(text, range.end),
            Token::Open(tag) if tag.is(b"dt") => {
                reader.close();
                reader.item = Some(range.start);
            }
            Token::Open(tag) if tag.is(b"a") => {
                let start = reader.item.take().unwrap_or(range.start);
                reader.close();
                if let Some(link) = Link::new(&tag, start..range.end, &reader.folders) {
                    reader.reads = Reads::Title(link);
                }
            }
            Token::Open(tag) if tag.is(b"dd") => reader.begin_description(range.end),
            Token::Open(tag) if tag.is(b"dl") => {
                reader.close();
                reader.folders.enter();
            }
            Token::Open(tag) if is_heading(tag.name) => {
                reader.close();
                reader.reads = Reads::Name(String::new());
            }
            // What is set in bold is still a title.
            Token::Open(_) => reader.item = None,
            Token::Close(name) if name.eq_ignore_ascii_case(b"a") => reader.end_title(range.end),
            Token::Close(name) if name.eq_ignore_ascii_case(b"dl") => {
                reader.close();
                reader.folders.leave();
            }
            Token::Close(name) if is_heading(name) => reader.close(),
            Token::Close(name) if name.eq_ignore_ascii_case(b"dd") => reader.close(),
            Token::Close(_) => {}
        }
    }
    if matches!(reader.reads, Reads::Title(_)) || tokens.is_cut_off {
        scanned.note(CUT_OFF);
        scanned.lack(Lack::End);
    }
    reader.close();
    if reader.has_more {
        scanned.note(TOO_MANY);
    }
    if reader.folders.is_too_deep {
        scanned.note(TOO_DEEP);
    }
    reader.links
}

/// `H3` and its like; the first is the title of the file.
fn is_heading(name: &[u8]) -> bool {
    matches!(name, [b'h' | b'H', b'2'..=b'6'])
}

impl Reader {
    fn text(&mut self, text: &[u8], end: usize) {
        let blanks = text.len() - text.trim_ascii_end().len();
        let is_blank = blanks == text.len();
        match &mut self.reads {
            Reads::Name(name) => Folders::push(name, text),
            Reads::Title(link) => push(&mut link.title, text),
            Reads::Description(link) => push(&mut link.description, text),
            Reads::Nothing => {}
        }
        if is_blank {
            return;
        }
        if let Reads::Title(link) | Reads::Description(link) = &mut self.reads {
            link.end = end - blanks;
        }
        self.item = None;
        self.is_awaited = false;
    }

    fn end_title(&mut self, end: usize) {
        match std::mem::replace(&mut self.reads, Reads::Nothing) {
            Reads::Title(mut link) => {
                link.end = end;
                self.push(link);
                self.is_awaited = true;
            }
            other => self.reads = other,
        }
    }

    fn begin_description(&mut self, end: usize) {
        let is_awaited = self.is_awaited;
        self.close();
        if let Some(mut link) = is_awaited.then(|| self.links.pop()).flatten() {
            link.end = end;
            self.reads = Reads::Description(link);
        }
    }

    /// Whatever was read before ends here.
    fn close(&mut self) {
        match std::mem::replace(&mut self.reads, Reads::Nothing) {
            Reads::Name(name) => self.folders.name = name,
            Reads::Title(link) | Reads::Description(link) => self.push(link),
            Reads::Nothing => {}
        }
        self.item = None;
        self.is_awaited = false;
    }

    fn push(&mut self, link: Link) {
        if self.links.len() < LINKS_MAX {
            self.links.push(link);
        } else {
            self.has_more = true;
        }
    }
}

#[cfg(test)]
mod tests;
