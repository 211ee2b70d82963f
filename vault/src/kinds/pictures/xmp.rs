//! XMP: what programs write about a picture, in it or in a file beside it.
//!
//! A property is an element or an attribute of `rdf:Description`; one with several values has a
//! list in it. Its names are known by the prefixes that every writer gives them.

use super::moment::Moment;
use super::told::{Text, Told, Trust};
use super::xml::{Met, walk};
use crate::kinds::bytes::{holds, start};
use crate::kinds::text;

/// The longest packet that is read, in bytes.
pub(super) const PACKET_MAX: usize = 1 << 20;
/// The longest value that is kept, in bytes.
const VALUE_MAX: usize = 16 << 10;
/// How deep properties lie; below that nothing is told.
const DEPTH_MAX: usize = 32;
/// How far into a file its root may stand.
const PROLOGUE_MAX: usize = 4096;

/// Whether `bytes` is XMP and nothing else.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    let bytes = text::decode(start(bytes, PROLOGUE_MAX));
    let begin = text::trim_start(&bytes);
    begin.starts_with(b"<") && (holds(begin, b"<x:xmpmeta") || holds(begin, b"<rdf:RDF"))
}

/// Tells what a packet says.
pub(super) fn tell(packet: &[u8], told: &mut Told) {
    let bytes = text::decode(start(packet, PACKET_MAX));
    let text = String::from_utf8_lossy(&bytes);
    let mut properties = Properties { told, names: Vec::new(), too_deep: 0, value: String::new() };
    walk(&text, &mut |met| properties.meet(&met));
    properties.finish();
}

struct Properties<'a> {
    told: &'a mut Told,
    names: Vec<String>,
    too_deep: usize,
    value: String,
}

impl Properties<'_> {
    fn meet(&mut self, met: &Met<'_>) {
        match met {
            Met::Start(name) => {
                self.value.clear();
                if self.names.len() < DEPTH_MAX {
                    self.names.push((*name).to_owned());
                } else {
                    self.too_deep += 1;
                }
            }
            Met::Attribute(name, value) => self.take(name, value),
            Met::Text(text) => {
                if self.value.len() + text.len() <= VALUE_MAX {
                    self.value.push_str(text);
                }
            }
            Met::End if self.too_deep > 0 => self.too_deep -= 1,
            Met::End => {
                let value = std::mem::take(&mut self.value);
                let name = self.names.iter().rfind(|name| !name.starts_with("rdf:")).cloned();
                self.take(&name.unwrap_or_default(), &value);
                self.names.pop();
            }
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        let told = &mut *self.told;
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        match name {
            "dc:title" | "photoshop:Headline" => told.offer(Text::Title, value),
            "dc:description" => told.offer(Text::Description, value),
            "dc:creator" => told.offer(Text::Author, value),
            "dc:subject" => told.offer_keyword(value),
            "tiff:Make" => told.offer(Text::Make, value),
            "tiff:Model" => told.offer(Text::Model, value),
            "aux:Lens" | "exifEX:LensModel" => told.offer(Text::Lens, value),
            "xmp:CreatorTool" => told.offer(Text::Software, value),
            "exif:DateTimeOriginal" | "photoshop:DateCreated" => {
                told.offer_date(Trust::Described, Moment::parse(value));
            }
            "xmp:CreateDate" => told.offer_date(Trust::Created, Moment::parse(value)),
            "exif:GPSLatitude" => told.offer_half(degrees(value, ['N', 'S']), None),
            "exif:GPSLongitude" => told.offer_half(None, degrees(value, ['E', 'W'])),
            _ => {}
        }
    }

    fn finish(self) {
        self.told.join_halves();
    }
}

/// `59,19.8N` or `59,19,48N`; or `59.33`, where a program wrote a number.
fn degrees(text: &str, [plus, minus]: [char; 2]) -> Option<f64> {
    let (text, sign) = match (text.strip_suffix(plus), text.strip_suffix(minus)) {
        (Some(text), _) => (text, 1.0),
        (None, Some(text)) => (text, -1.0),
        (None, None) => (text, 1.0),
    };
    let mut sum = 0.0;
    for (part, size) in text.splitn(3, ',').zip([1.0, 60.0, 3600.0]) {
        sum += part.trim().parse::<f64>().ok().filter(|part| part.is_finite())? / size;
    }
    Some(sign * sum)
}
