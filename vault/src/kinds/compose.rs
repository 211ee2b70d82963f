//! Content lines written, for records that have no bytes of their own: at most 75 bytes each, with
//! CRLF behind, as vCard and iCalendar want them.

/// The longest line, in bytes.
const LINE_MAX: usize = 75;

/// Lines that are being written.
#[derive(Default)]
pub(super) struct Composed {
    pub(super) text: String,
}

impl Composed {
    /// Adds a line: its name with its parameters, and its value.
    pub(super) fn line(&mut self, start: &str, value: &str) {
        let mut length = 0;
        for char in start.chars().chain([':']).chain(value.chars()) {
            if length + char.len_utf8() > LINE_MAX {
                self.text.push_str("\r\n ");
                length = 1;
            }
            self.text.push(char);
            length += char.len_utf8();
        }
        self.text.push_str("\r\n");
    }

    /// The same, unless it says nothing.
    pub(super) fn filled(&mut self, start: &str, value: &str) {
        if !value.is_empty() {
            self.line(start, value);
        }
    }
}

/// A parameter, quoted where its value has to be; nothing for one without a value.
pub(super) fn param(name: &str, value: &str) -> String {
    let value: String = value.chars().filter(|char| *char != '"' && !char.is_control()).collect();
    match value.trim() {
        "" => String::new(),
        value if value.contains([';', ':', ',']) => format!(";{name}=\"{value}\""),
        value => format!(";{name}={value}"),
    }
}

/// A text as a value: separators behind backslashes, each line end as `\n`, no other control
/// character but tabs.
pub(super) fn escape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let text = text.replace("\r\n", "\n");
    for char in text.chars() {
        match char {
            '\n' | '\r' => value.push_str("\\n"),
            '\\' | ',' | ';' => value.extend(['\\', char]),
            '\t' => value.push(char),
            char if char.is_control() => {}
            char => value.push(char),
        }
    }
    value
}
