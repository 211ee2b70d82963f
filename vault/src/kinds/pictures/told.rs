//! What a picture, a film or a recording tells of itself, from wherever it was read.

use zeroize::Zeroizing;

use super::moment::Moment;
use crate::kinds::Field;

/// The longest text that is told, in characters.
const TEXT_MAX: usize = 4096;
/// The longest text of a list: the name of a camera.
const NAME_MAX: usize = 100;
/// Most keywords.
const KEYWORDS_MAX: usize = 256;

/// How far a date can be relied on to be when something was taken, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// What the camera said of the original.
    Original,
    /// The same, as a program wrote it down later.
    Described,
    /// When it was made digital.
    Digital,
    /// When a satellite saw it.
    Satellite,
    /// When the file was created.
    Created,
    /// When the head of a film was written.
    Head,
    /// When it was changed last.
    Changed,
}

/// All of it; what was not said is empty. The first to say something is believed.
#[derive(Default)]
pub(super) struct Told {
    taken: Option<(Trust, Moment)>,
    place: Option<(f64, f64)>,
    halves: (Option<f64>, Option<f64>),
    size: Option<(u64, u64)>,
    /// Thousandths of a second.
    pub(super) duration: Option<u64>,
    keywords: Vec<String>,
    texts: Vec<(Text, String)>,
    /// What its sound is in.
    pub(super) sound_codec: String,
    /// Sound or pictures that move, as far as tracks say.
    pub(super) has_sound: bool,
    pub(super) has_video: bool,
}

/// The texts, in the order in which they are shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Text {
    Title,
    Description,
    Author,
    Make,
    Model,
    Lens,
    Exposure,
    Aperture,
    Iso,
    Focal,
    Codec,
    Software,
    Link,
    Format,
    Version,
    Edited,
}

impl Text {
    const fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Author => "author",
            Self::Make => "make",
            Self::Model => "model",
            Self::Lens => "lens",
            Self::Exposure => "exposure",
            Self::Aperture => "aperture",
            Self::Iso => "iso",
            Self::Focal => "focal length",
            Self::Codec => "codec",
            Self::Software => "software",
            Self::Link => "content identifier",
            Self::Format => "format",
            Self::Version => "version",
            Self::Edited => "edited",
        }
    }
}

impl Told {
    pub(super) fn offer_date(&mut self, trust: Trust, moment: Option<Moment>) {
        let is_better = self.taken.is_none_or(|(before, _)| trust < before);
        if let (true, Some(moment)) = (is_better, moment) {
            self.taken = Some((trust, moment));
        }
    }

    /// Degrees north and east.
    pub(super) fn offer_place(&mut self, north: f64, east: f64) {
        let is_somewhere = north.abs() <= 90.0 && east.abs() <= 180.0;
        // A receiver that saw nothing says zero.
        let is_nothing = north.abs() + east.abs() < f64::EPSILON;
        if self.place.is_none() && is_somewhere && !is_nothing {
            self.place = Some((north, east));
        }
    }

    /// One of the two, where they stand apart; [`Self::join_halves`] puts them together.
    pub(super) fn offer_half(&mut self, north: Option<f64>, east: Option<f64>) {
        self.halves = (north.or(self.halves.0), east.or(self.halves.1));
    }

    pub(super) fn join_halves(&mut self) {
        if let (Some(north), Some(east)) = std::mem::take(&mut self.halves) {
            self.offer_place(north, east);
        }
    }

    /// Width and height in pixels, as they are to be seen.
    pub(super) fn offer_size(&mut self, width: u64, height: u64) {
        if self.size.is_none() && width > 0 && height > 0 {
            self.size = Some((width, height));
        }
    }

    /// The picture lies on its side.
    pub(super) fn turn(&mut self) {
        self.size = self.size.map(|(width, height)| (height, width));
    }

    pub(super) fn offer(&mut self, name: Text, text: &str) {
        let text = plain(text, TEXT_MAX);
        if !text.is_empty() && self.texts.iter().all(|(before, _)| *before != name) {
            let text = if name == Text::Link { text.to_ascii_uppercase() } else { text };
            self.texts.push((name, text));
        }
    }

    pub(super) fn offer_keyword(&mut self, keyword: &str) {
        let keyword = plain(keyword, TEXT_MAX);
        let is_new = !self.keywords.contains(&keyword);
        if is_new && !keyword.is_empty() && self.keywords.len() < KEYWORDS_MAX {
            self.keywords.push(keyword);
        }
    }

    /// All of it was offered.
    pub(super) fn finish(&mut self) {
        let codec = std::mem::take(&mut self.sound_codec);
        if !self.has_video {
            self.offer(Text::Codec, &codec);
        }
    }

    pub(super) fn text(&self, name: Text) -> &str {
        let found = self.texts.iter().find(|(found, _)| *found == name);
        found.map_or("", |(_, text)| text)
    }

    pub(super) fn taken(&self) -> Option<Moment> {
        self.taken.map(|(_, moment)| moment)
    }

    /// `59.3300, 18.0700`, north and east.
    pub(super) fn place(&self) -> String {
        let degrees = |number: f64| {
            let text = format!("{number:.4}");
            if text == "-0.0000" { "0.0000".to_owned() } else { text }
        };
        self.place
            .map_or(String::new(), |(north, east)| format!("{}, {}", degrees(north), degrees(east)))
    }

    /// Maker and model, the maker once: `Apple iPhone 15 Pro`, `Canon EOS R5`.
    pub(super) fn camera(&self) -> String {
        let (make, model) = (self.text(Text::Make), self.text(Text::Model));
        let first = |text: &str| text.split(' ').next().unwrap_or_default().to_lowercase();
        let camera = if model.is_empty() || first(make) == first(model) {
            if model.is_empty() { make } else { model }.to_owned()
        } else {
            format!("{make} {model}")
        };
        plain(&camera, NAME_MAX)
    }

    /// For people, in an order of their interest.
    pub(super) fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        for (name, value) in self.said() {
            if !value.is_empty() {
                let value = Zeroizing::new(value);
                fields.push(Field { name: name.to_owned(), value, is_secret: false });
            }
        }
        fields
    }

    /// All that is told, by names; some of it is empty.
    pub(super) fn said(&self) -> Vec<(&'static str, String)> {
        let taken = self.taken().map(Moment::told).unwrap_or_default();
        let size = self.size.map(|(width, height)| format!("{width} × {height}"));
        let mut said = vec![
            ("taken", taken),
            ("camera", self.camera()),
            ("place", self.place()),
            ("size", size.unwrap_or_default()),
            ("duration", self.duration.map(duration).unwrap_or_default()),
        ];
        let mut texts: Vec<&(Text, String)> = self.texts.iter().collect();
        texts.sort_by_key(|(name, _)| *name);
        let shown = texts.into_iter().filter(|(name, _)| !matches!(name, Text::Make | Text::Model));
        said.extend(shown.map(|(name, text)| (name.name(), text.clone())));
        said.push(("keywords", self.keywords.join(", ")));
        said
    }
}

/// `text` without control characters and outer blanks, and not longer than that many characters.
pub(super) fn plain(text: &str, most: usize) -> String {
    let text = text.split('\0').next().unwrap_or_default().trim();
    let chars = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    chars.take(most).collect::<String>().trim_end().to_owned()
}

/// `2.9 s`, `1:05`, `2:00:00`.
fn duration(thousandths: u64) -> String {
    let seconds = thousandths / 1000;
    match seconds {
        0..10 => format!("{seconds}.{} s", thousandths / 100 % 10),
        10..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}
