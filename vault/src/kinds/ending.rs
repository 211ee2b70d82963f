//! Content that stops before its end, seen by the last of its bytes: zip and the documents made of
//! it, PDF, property lists.
//!
//! Formats that are read to their end say so themselves.

use std::io::{self, Read, Seek, SeekFrom};

use super::bytes::{holds, number_big, start, tail};
use super::text::trim_start;

/// How much of the end is read: an end record of a zip, with the longest comment behind it.
const LAST_SIZE: usize = 65_536 + 64;
/// Where the end of a PDF stands, in bytes from its last that says something. Readers want it in
/// the last 1024, and take it in more.
const PDF_END_SIZE: usize = 4096;
/// Where a property list says that it is one, behind what every XML begins with.
const LIST_START_SIZE: usize = 1024;
/// What a binary property list ends with: sizes, counts and where its table is.
const TRAILER_SIZE: usize = 32;

/// Whether content that begins with `head` was cut off. Of other formats than the above nothing is
/// read, and nothing said.
///
/// # Errors
/// When `content` cannot be read.
pub fn is_cut(head: &[u8], content: &mut (impl Read + Seek)) -> io::Result<bool> {
    let Some(ends) = end_of(head) else { return Ok(false) };
    let length = content.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(LAST_SIZE as u64);
    content.seek(SeekFrom::Start(from))?;
    let mut last = Vec::new();
    content.take(LAST_SIZE as u64).read_to_end(&mut last)?;
    Ok(!ends(&last, length))
}

/// Whether the last bytes of content, and its length, are those of a whole one.
type Ends = fn(&[u8], u64) -> bool;

fn end_of(head: &[u8]) -> Option<Ends> {
    if head.starts_with(b"PK\x03\x04") {
        Some(|last, _| holds(last, b"PK\x05\x06"))
    } else if head.starts_with(b"%PDF-") {
        Some(|last, _| {
            let end = last.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
            let said = start(last, end).trim_ascii_end();
            holds(tail(said, said.len().saturating_sub(PDF_END_SIZE)), b"%%EOF")
        })
    } else if head.starts_with(b"bplist00") {
        Some(is_trailed)
    } else {
        let text = start(trim_start(head), LIST_START_SIZE);
        let is_list = text.starts_with(b"<?xml") && holds(text, b"<plist");
        is_list.then_some(|last, _| holds(last, b"</plist>"))
    }
}

/// `unused (6), size of an offset, size of a reference, objects (8), top (8), table (8)`
fn is_trailed(last: &[u8], length: u64) -> bool {
    let trailer = tail(last, last.len().saturating_sub(TRAILER_SIZE));
    let number = |at, count| number_big(trailer, at, count);
    let whole = || {
        let (size, objects, table) = (number(6, 1)?, number(8, 8)?, number(24, 8)?);
        let end = size.checked_mul(objects)?.checked_add(table)?;
        let room = length.checked_sub(TRAILER_SIZE as u64)?;
        Some((1..=8).contains(&size) && objects > 0 && table >= 8 && end <= room)
    };
    whole().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;
    use std::path::Path;

    use super::*;

    fn cut(content: &[u8]) -> bool {
        is_cut(content, &mut Cursor::new(content)).unwrap()
    }

    #[test]
    fn what_was_cut_is_told_and_what_is_whole_is_not() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/icloud-export");
        for name in [
            "Passwords/Everything.zip",
            "Documents/Talk.key",
            "Documents/Minutes.docx",
            "Documents/Tax/2025 return.pdf",
            "Documents/Window.webarchive",
            "Photos/IMG_4823.AAE",
        ] {
            let content = fs::read(data.join(name)).unwrap();
            assert!(!cut(&content), "{name}");
            for length in [content.len() - 30, content.len() / 2, content.len() / 4] {
                assert!(cut(&content[..length]), "{name}, {length}");
            }
        }
    }

    #[test]
    fn what_stands_behind_the_end_is_let_be() {
        assert!(!cut(b"%PDF-1.4\nx\n%%EOF\n\0\0\0"));
        let long = [b"%PDF-1.4\n%%EOF\n".as_slice(), &[b'x'; 5000]].concat();
        assert!(cut(&long));
        let zip = [b"PK\x03\x04rest PK\x05\x06".as_slice(), &[0; 18]].concat();
        assert!(!cut(&[zip.as_slice(), &[b'c'; 65_535]].concat()));
        for other in [b"".as_slice(), b"text", b"PK", b"<?xml version=\"1.0\"?><kml>"] {
            assert!(!cut(other));
        }
        assert!(cut(b"bplist00") && cut(b"bplist00 and a trailer that is none of one at all"));
    }
}
