//! HTML as exports have it, as a row of tags and texts: upper and lower case, values with quotes or
//! without, elements that nobody closes.
//!
//! Nothing is nested here and nothing is refused: what closes what is for those who ask to say.
//! Comments, declarations, scripts and styles are passed over. A tag that is cut off takes the rest
//! with it, as in browsers.

use std::ops::Range;

use mail_parser::decoders::html::add_html_token;
use memchr::{memchr, memmem};

use super::bytes::{find, start, tail};

/// Longest reference to a character.
const REFERENCE_MAX: usize = 32;

/// The tags and texts of a text, each with where it is.
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    /// A script or a style is open, whose tags are none.
    raw: Option<&'static [u8]>,
    /// The last tag is cut off.
    pub(super) is_cut_off: bool,
}

/// A piece of HTML.
pub(super) enum Token<'a> {
    /// `<a …>`
    Open(Tag<'a>),
    /// `</a>`, its name.
    Close(&'a [u8]),
    /// What is between tags, as it is written.
    Text(&'a [u8]),
}

/// A tag that opens an element.
#[derive(Clone, Copy)]
pub(super) struct Tag<'a> {
    /// Its name, in either case.
    pub(super) name: &'a [u8],
    attributes: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, raw: None, is_cut_off: false }
    }

    /// Passes the next `count` bytes: where they are.
    fn pass(&mut self, count: usize) -> Range<usize> {
        let from = self.at;
        self.at = from.saturating_add(count).min(self.text.len());
        from..self.at
    }

    /// What stands between tags, from here to the next.
    fn text(&mut self, rest: &'a [u8]) -> (Range<usize>, Token<'a>) {
        // A `<` that begins no tag is text.
        let next = memchr(b'<', tail(rest, 1)).map_or(rest.len(), |at| at + 1);
        (self.pass(next), Token::Text(start(rest, next)))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Range<usize>, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = tail(self.text, self.at);
            if let Some(end) = self.raw.take() {
                let length = find(rest, end).unwrap_or(rest.len());
                self.pass(length);
                continue;
            }
            return match rest {
                [] => None,
                [b'<', b'!', b'-', b'-', comment @ ..] => {
                    let end = memmem::find(comment, b"-->");
                    self.pass(end.map_or(rest.len(), |end| end + 7));
                    continue;
                }
                [b'<', b'!' | b'?', ..] => {
                    self.pass(memchr(b'>', rest).map_or(rest.len(), |end| end + 1));
                    continue;
                }
                [b'<', b'/', first, ..] if first.is_ascii_alphabetic() => {
                    let end = memchr(b'>', rest).map_or(rest.len(), |end| end + 1);
                    Some((self.pass(end), Token::Close(name(tail(rest, 2)))))
                }
                [b'<', first, ..] if first.is_ascii_alphabetic() => {
                    let name = name(tail(rest, 1));
                    let attributes = tail(rest, 1 + name.len());
                    let Some(length) = attributes_length(attributes) else {
                        self.pass(rest.len());
                        self.is_cut_off = true;
                        return None;
                    };
                    self.raw = [(&b"script"[..], &b"</script"[..]), (b"style", b"</style")]
                        .into_iter()
                        .find_map(|(raw, end)| name.eq_ignore_ascii_case(raw).then_some(end));
                    let tag = Tag { name, attributes: start(attributes, length) };
                    Some((self.pass(1 + name.len() + length + 1), Token::Open(tag)))
                }
                _ => Some(self.text(rest)),
            };
        }
    }
}

/// The name that text begins with.
fn name(text: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    start(text, text.iter().position(is_end).unwrap_or(text.len()))
}

/// How many bytes are before the `>` that ends a tag; none if nothing does.
fn attributes_length(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = tail(text, at);
        let found = rest.iter().position(|byte| matches!(byte, b'>' | b'='))?;
        at += found;
        if rest.get(found) == Some(&b'>') {
            return Some(at);
        }
        // Only a value has quotes around it.
        let value = tail(text, at + 1);
        let blanks = value.len() - value.trim_ascii_start().len();
        at += 1 + blanks;
        match text.get(at) {
            Some(&quote @ (b'"' | b'\'')) => at += 2 + memchr(quote, tail(text, at + 1))?,
            _ => {
                let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
                at += tail(text, at).iter().position(is_end)?;
            }
        }
    }
}

impl<'a> Tag<'a> {
    /// Whether it has this name, in lower case.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value of an attribute; none if there is no such, empty if it has none.
    pub(super) fn attribute(&self, wanted: &[u8]) -> Option<String> {
        let mut named = self.attributes().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.next().map(|(_, value)| decoded(value).trim().to_owned())
    }

    /// Names and values as they are written.
    fn attributes(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'/';
            let from = rest.iter().position(|byte| !is_between(byte))?;
            rest = tail(rest, from);
            let is_end = |byte: &u8| is_between(byte) || *byte == b'=';
            // A name may begin with `=`, so that each has a byte.
            let end = rest.iter().skip(1).position(is_end).map_or(rest.len(), |end| end + 1);
            let name = start(rest, end);
            rest = tail(rest, end);
            let Some(after) = rest.trim_ascii_start().strip_prefix(b"=") else {
                return Some((name, &[][..]));
            };
            let after = after.trim_ascii_start();
            let (value, length) = match after.first() {
                Some(&quote @ (b'"' | b'\'')) => {
                    let inside = tail(after, 1);
                    let end = memchr(quote, inside).unwrap_or(inside.len());
                    (start(inside, end), end + 2)
                }
                _ => {
                    let end = after.iter().position(u8::is_ascii_whitespace);
                    let end = end.unwrap_or(after.len());
                    (start(after, end), end)
                }
            };
            rest = tail(after, length);
            Some((name, value))
        })
    }
}

/// A text with its references to characters replaced. What is not in UTF-8 is lost.
pub(super) fn decoded(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut decoded = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        let (before, reference) = rest.split_at(at);
        decoded.push_str(before);
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
        let inside = start(tail(reference.as_bytes(), 1), REFERENCE_MAX);
        let length = inside.iter().take_while(|byte| is_part(byte)).count();
        let is_reference = inside.get(length) == Some(&b';');
        let end = if is_reference { length + 2 } else { 1 };
        // Both ends are before or behind ASCII.
        let (reference, after) = reference.split_at_checked(end).unwrap_or((reference, ""));
        add_html_token(&mut decoded, reference.as_bytes(), false);
        rest = after;
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        Tokens::new(html.as_bytes())
            .map(|(range, token)| {
                assert!(range.start < range.end && range.end <= html.len());
                match token {
                    Token::Open(tag) => {
                        let all = tag.attributes().map(|(name, value)| {
                            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                            format!(" {}={}", text(name), decoded(value))
                        });
                        format!(
                            "[{}{}]",
                            String::from_utf8_lossy(tag.name),
                            all.collect::<String>()
                        )
                    }
                    Token::Close(name) => format!("[/{}]", String::from_utf8_lossy(name)),
                    Token::Text(text) => decoded(text),
                }
            })
            .collect()
    }

    #[test]
    fn tags_and_texts_are_told_however_they_are_written() {
        for (html, wanted) in [
            ("<A HREF=\"x>y\" b='\"' c=d e>t</a >", "[A HREF=x>y b=\" c=d e=]t[/a]"),
            ("<a href = \"x\"\n b=c/d>", "[a href=x b=c/d]"),
            ("<a href=x?b=\"c>", "[a href=x?b=\"c]"),
            ("<br/><hr />", "[br][hr]"),
            (
                "a < b <> <1> &amp;lt; &#x41;&#66; &nosuch; &copy=1",
                "a < b <> <1> &lt; AB &nosuch; &copy=1",
            ),
            ("<!-- <a> --><!DOCTYPE x><?y?>z<!---->", "z"),
            (
                "<style>a > b <c> </style><script>'<p>'</SCRIPT>d",
                "[style][/style][script][/SCRIPT]d",
            ),
            ("a<!-- b", "a"),
            ("a<b c=\"d>e", "a"),
            ("a<b", "a"),
            ("a</b", "a[/b]"),
            ("<a =b ==c d=>", "[a =b==c d=]"),
            ("&#0;&#xFFFFFFFF;&#99999999999;&;&", "\0\u{FFFD}&#99999999999;&;&"),
        ] {
            assert_eq!(shown(html), wanted, "{html}");
        }
    }
}
