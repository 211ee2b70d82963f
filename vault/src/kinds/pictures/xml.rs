//! XML, walked through once from its start, without a stack of its own and without entities beyond
//! the five of XML.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;

/// What is met on the way.
pub(super) enum Met<'a> {
    /// An element begins.
    Start(&'a str),
    /// An attribute of the element that began last.
    Attribute(&'a str, &'a str),
    /// A piece of text.
    Text(&'a str),
    /// The element that began last and did not end yet does so.
    End,
}

/// Shows `meet` all of it, up to where it is no longer XML.
pub(super) fn walk(text: &str, meet: &mut dyn FnMut(Met<'_>)) {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => start(&element, meet),
            Ok(Event::Empty(element)) => {
                start(&element, meet);
                meet(Met::End);
            }
            Ok(Event::End(_)) => meet(Met::End),
            Ok(Event::Text(text)) => meet(Met::Text(&text)),
            Ok(Event::CData(text)) => meet(Met::Text(&text)),
            Ok(Event::GeneralRef(reference)) => {
                let mut bytes = [0; 4];
                match (&*reference, reference.resolve_char_ref()) {
                    ("lt", _) => meet(Met::Text("<")),
                    ("gt", _) => meet(Met::Text(">")),
                    ("amp", _) => meet(Met::Text("&")),
                    ("apos", _) => meet(Met::Text("'")),
                    ("quot", _) => meet(Met::Text("\"")),
                    (_, Ok(Some(char))) => meet(Met::Text(char.encode_utf8(&mut bytes))),
                    _ => {}
                }
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
        }
    }
}

fn start(element: &quick_xml::events::BytesStart<'_>, meet: &mut dyn FnMut(Met<'_>)) {
    meet(Met::Start(element.name().as_ref()));
    let mut attributes = element.attributes();
    // To compare each with all others takes long.
    for attribute in attributes.with_checks(false).flatten() {
        if let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) {
            meet(Met::Attribute(attribute.key.as_ref(), &value));
        }
    }
}
