//! Messages of which Mail keeps attachments in files of their own, put together again.
//!
//! Of such a part the message has the header, with `X-Apple-Content-Length` in it, and nothing
//! behind. The file with the attachment has it decoded, or encoded if it is an `.emlxpart`. Nearly
//! all base64 has lines of 76 digits and one line end behind the last, so it is what it was again;
//! what was quoted-printable, of which there are many forms, becomes base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::emlx::ELSEWHERE;
use super::header::HeaderFields;
use super::mime::{self, ENCODING, Encoding, Part};
use super::{Form, Opened, line_end};
use crate::kinds::bytes::tail;

/// How many bytes are a line of base64, of 76 digits.
const LINE_BYTES: usize = 57;

/// An attachment that is in a file of its own.
pub struct Attachment<'a> {
    /// Which part of the message it is, as IMAP numbers them: `2`, `1.2` (RFC 3501, 6.4.5).
    pub section: &'a str,
    /// What the file has.
    pub content: &'a [u8],
    /// Whether it is encoded already, as the header of the part says.
    pub is_encoded: bool,
}

/// A record with these attachments in their places. Parts of which there is none stay as they are.
pub fn complete(record: &[u8], attachments: &[Attachment<'_>]) -> Zeroizing<Vec<u8>> {
    let opened = Opened::new(record);
    let whole = opened.message;
    // Once as large as it gets: a vector that grows would leave its old bytes behind.
    let size: usize = attachments.iter().map(|it| it.content.len() / 2 * 3 + 256).sum();
    let mut message = Zeroizing::new(Vec::with_capacity(whole.len() + size));
    let mut taken = 0;
    for part in mime::parts(whole).iter().filter(|part| part.is_elsewhere) {
        let of_part = |it: &&Attachment<'_>| it.section == part.section;
        let Some(attachment) = attachments.iter().find(of_part) else { continue };
        let at = offset(whole, part.whole);
        message.extend_from_slice(whole.get(taken..at).unwrap_or_default());
        push(part, attachment, line_end(whole), &mut message);
        taken = at + part.whole.len();
    }
    message.extend_from_slice(tail(whole, taken));
    if !matches!(opened.form, Form::Emlx(_)) {
        return message;
    }
    let count = format!("{}\n", message.len());
    let file = [count.as_bytes(), &message, opened.list].concat();
    Zeroizing::new(file)
}

/// Adds a part with what is in it.
fn push(part: &Part<'_>, attachment: &Attachment<'_>, end: &str, message: &mut Vec<u8>) {
    let is_ready = attachment.is_encoded || part.encoding == Encoding::Plain;
    let is_as_named = is_ready || part.encoding == Encoding::Base64;
    for field in HeaderFields::new(part.whole).filter(|field| !field.is(ELSEWHERE)) {
        if is_as_named || !field.is(ENCODING) {
            message.extend_from_slice(field.whole);
        }
    }
    if !is_as_named {
        message.extend_from_slice(format!("{ENCODING}: base64{end}").as_bytes());
    }
    message.extend_from_slice(end.as_bytes());
    if is_ready {
        message.extend_from_slice(attachment.content);
        return;
    }
    for line in attachment.content.chunks(LINE_BYTES) {
        message.extend_from_slice(STANDARD.encode(line).as_bytes());
        message.extend_from_slice(end.as_bytes());
    }
}

/// Where in `whole` a part of it begins.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}
