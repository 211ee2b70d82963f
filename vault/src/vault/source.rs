//! The thread of an `add` that walks a source, or reads an archive, and recognises and cuts files.

use std::fs::File;
use std::io::{self, ErrorKind as IoKind, Read, Seek as _, SeekFrom};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use zeroize::Zeroizing;

use super::add::Seal;
use super::passwords::Passwords;
use crate::chunk::Cutter;
use crate::error::{Error, Result};
use crate::files::{Entry, FileType, ItemPath, Member, TarReader, Unread, Walk};
use crate::format;
use crate::keys::Compartment;
use crate::kinds::{self, Kind, Recognised, Sheets};

/// How much of a file is read at a time.
const READ_SIZE: usize = 1 << 20;
/// The largest buffer that is kept for the next file.
const BUFFER_MAX: usize = 2 * format::CUT_FIXED;
/// How many messages wait.
const QUEUE: usize = 4;

/// What the walk came to, in order.
pub(super) enum Message {
    /// Something that could not even be looked at.
    Unread(Unread),
    /// A link, a special file, or a placeholder.
    Entry(Entry),
    /// A folder, and its kind if it is a bundle.
    Folder(Entry, Option<Kind>),
    /// A file; what it holds one by one, if anything, its chunks and its end follow.
    File(Entry, Recognised, Compartment),
    /// The records of the file, and the password that opens it where that is to be kept.
    Records(Sheets, Option<Zeroizing<String>>),
    /// Another name of a file that came before.
    HardLink(Entry, ItemPath),
    /// A file that cannot be opened.
    Closed(Entry, Error),
    /// Whole chunks of the file, one after the other, and where each ends.
    Chunks(Vec<u8>, Vec<usize>),
    /// The end of the file, or why it could not be read to its end.
    End(Result<()>),
}

/// The receiving end.
pub(super) struct Messages {
    messages: Receiver<Message>,
    used: Sender<Vec<u8>>,
}

impl Messages {
    /// The next message; none when the walk is over.
    pub(super) fn next(&self) -> Option<Message> {
        self.messages.recv().ok()
    }

    /// Gives a buffer back, unless it is one that few files need.
    pub(super) fn reuse(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= BUFFER_MAX {
            buffer.clear();
            // The reader may be done; the buffer is then not needed again.
            drop(self.used.send(buffer));
        }
    }
}

/// The reading end.
pub(super) struct Source<'a> {
    messages: SyncSender<Message>,
    spare: Receiver<Vec<u8>>,
    general: Cutter,
    sealed: Cutter,
    seal: Seal,
    passwords: &'a Passwords,
}

impl<'a> Source<'a> {
    /// Both ends; the cutters are those of the two compartments.
    pub(super) fn new(
        general: Cutter,
        sealed: Cutter,
        seal: Seal,
        passwords: &'a Passwords,
    ) -> (Self, Messages) {
        let (messages, received) = mpsc::sync_channel(QUEUE);
        let (used, spare) = mpsc::channel();
        let source = Self { messages, spare, general, sealed, seal, passwords };
        (source, Messages { messages: received, used })
    }

    /// Walks until the end, or until nobody listens any more.
    pub(super) fn run(self, mut walk: Walk) {
        while let Some(found) = walk.next() {
            let sent = match found {
                Err(unread) => self.send(Message::Unread(unread)),
                Ok(entry) => self.take(&mut walk, entry),
            };
            if sent.is_none() {
                return;
            }
        }
    }

    /// Reads an archive to its end, or until nobody listens any more.
    pub(super) fn run_archive(self, mut archive: TarReader<impl Read>) {
        loop {
            let sent = match archive.next_member() {
                Ok(None) => return,
                Ok(Some(Ok(Member::Item(entry)))) => self.take_member(entry, &mut archive),
                Ok(Some(Ok(Member::HardLink(entry, target)))) => {
                    self.send(Message::HardLink(entry, target))
                }
                Ok(Some(Err(unread))) => self.send(Message::Unread(unread)),
                Err(error) => {
                    self.send(Message::Unread(Unread { path: None, error }));
                    return;
                }
            };
            if sent.is_none() {
                return;
            }
        }
    }

    fn take_member(&self, entry: Entry, content: &mut impl Read) -> Option<()> {
        match entry.file_type {
            FileType::File => self.read(entry, content, recognise_member),
            // Whether it is a bundle is told once all that is in it is known.
            FileType::Folder => self.send(Message::Folder(entry, None)),
            FileType::Link | FileType::Special => self.send(Message::Entry(entry)),
        }
    }

    fn take(&self, walk: &mut Walk, mut entry: Entry) -> Option<()> {
        match entry.file_type {
            FileType::File if entry.missing.is_none() => match walk.open(&mut entry) {
                Ok(_) if entry.missing.is_some() => self.send(Message::Entry(entry)),
                Ok(mut file) => self.read(entry, &mut file, recognise_file),
                Err(error) => self.send(Message::Closed(entry, error)),
            },
            FileType::Folder if entry.missing.is_none() => {
                let kind = walk.enter_folder(&mut entry).and_then(kinds::bundle);
                self.send(Message::Folder(entry, kind))
            }
            _ => self.send(Message::Entry(entry)),
        }
    }

    fn send(&self, message: Message) -> Option<()> {
        self.messages.send(message).ok()
    }

    /// Reads one file; none when nobody listens any more.
    fn read<R: Read>(
        &self,
        entry: Entry,
        file: &mut R,
        recognise: impl FnOnce(&mut Window, &mut R, u64) -> io::Result<Recognised>,
    ) -> Option<()> {
        let failed = |error| Error::io("reading", error);
        let mut window = Window { buffer: self.buffer(), length: 0, at_end: false };
        if let Err(error) = window.fill(file, kinds::PROBE_SIZE) {
            return self.send(Message::Closed(entry, failed(error)));
        }
        let length = entry.length.max(window.length as u64);
        let recognised = match recognise(&mut window, file, length) {
            Ok(recognised) => recognised,
            Err(error) => return self.send(Message::Closed(entry, failed(error))),
        };
        let compartment = self.seal.compartment(recognised.sealed);
        let sealed = compartment == Compartment::Sealed;
        let cutter = match recognised.dense {
            true => None,
            false => Some(if sealed { &self.sealed } else { &self.general }),
        };
        let records = match self.records(&mut window, file, &entry, &recognised, compartment) {
            Ok(records) => records,
            Err(error) => return self.send(Message::Closed(entry, failed(error))),
        };
        self.send(Message::File(entry, recognised, compartment))?;
        if let Some((sheets, password)) = records {
            self.send(Message::Records(sheets, password))?;
        }
        let wanted = if recognised.dense { format::CUT_FIXED } else { READ_SIZE };
        loop {
            if let Err(error) = window.fill(file, wanted) {
                return self.send(Message::End(Err(failed(error))));
            }
            let ends = window.cut(cutter);
            let used = ends.last().copied().unwrap_or(0);
            let rest = window.bytes().get(used..).unwrap_or_default();
            let next = (!window.at_end || !rest.is_empty()).then(|| {
                let (length, at_end) = (0, window.at_end);
                let mut next = Window { buffer: self.buffer(), length, at_end };
                next.take(rest);
                next
            });
            window.buffer.truncate(used);
            if used > 0 {
                self.send(Message::Chunks(window.buffer, ends))?;
            }
            let Some(next) = next else { return self.send(Message::End(Ok(()))) };
            window = next;
        }
    }

    /// What the file holds one by one, for which all of it is read into the window; none where
    /// nothing is looked for.
    fn records(
        &self,
        window: &mut Window,
        file: &mut impl Read,
        entry: &Entry,
        recognised: &Recognised,
        compartment: Compartment,
    ) -> io::Result<Option<(Sheets, Option<Zeroizing<String>>)>> {
        let length = entry.length.max(window.length as u64);
        if !kinds::has_records(recognised, window.bytes()) {
            return Ok(None);
        }
        // One more, to see the end.
        let wanted = usize::try_from(length.min(kinds::CONTENT_MAX)).unwrap_or(usize::MAX);
        if length <= kinds::CONTENT_MAX {
            window.fill(file, wanted.saturating_add(1))?;
        }
        if !window.at_end {
            let notes = vec!["longer than 64 MiB or still growing, not looked through"];
            return Ok(Some((Sheets { notes, ..Sheets::default() }, None)));
        }
        let content = window.bytes();
        // What is general is compressed, and read by more people.
        let is_store = compartment == Compartment::Sealed
            && recognised.kind == Kind::Key
            && kinds::certificates::is_store(content);
        let password = if is_store { self.passwords.of_store(&entry.path, content) } else { None };
        let password_text = password.as_ref().map(|password| password.as_str());
        Ok(Some((kinds::sheets(recognised, content.into(), password_text), password)))
    }

    fn buffer(&self) -> Vec<u8> {
        self.spare.try_recv().unwrap_or_default()
    }
}

/// What a file is, of which the window has the first bytes. It is sought in and put back.
fn recognise_file(window: &mut Window, file: &mut File, length: u64) -> io::Result<Recognised> {
    let recognised = kinds::examine(window.bytes(), length, file)?;
    file.seek(SeekFrom::Start(window.length as u64))?;
    Ok(recognised)
}

/// What a member of an archive is, in which nothing can be sought: what is looked at stays in the
/// window.
fn recognise_member(
    window: &mut Window,
    content: &mut impl Read,
    length: u64,
) -> io::Result<Recognised> {
    let wanted = kinds::start_size(window.bytes());
    window.fill(content, wanted)?;
    Ok(kinds::examine_start(window.bytes(), length))
}

/// A part of a file: a buffer of which the first `length` bytes are read.
struct Window {
    buffer: Vec<u8>,
    length: usize,
    at_end: bool,
}

impl Window {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(bytes);
        self.length = bytes.len();
    }

    /// Reads until the window holds `wanted` bytes or the file ends.
    fn fill(&mut self, file: &mut impl Read, wanted: usize) -> io::Result<()> {
        if !self.at_end && self.length < wanted {
            self.buffer.truncate(self.length);
            let missing = (wanted - self.length) as u64;
            self.buffer.reserve(wanted - self.length);
            let read = loop {
                match file.take(missing).read_to_end(&mut self.buffer) {
                    Err(error) if error.kind() == IoKind::Interrupted => {}
                    other => break other?,
                }
            };
            self.length = self.buffer.len();
            self.at_end = (read as u64) < missing;
        }
        Ok(())
    }

    /// Where the chunks end that can be told yet: without a cutter at fixed places.
    fn cut(&self, cutter: Option<&Cutter>) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut at = 0;
        loop {
            let rest = self.bytes().get(at..).unwrap_or_default();
            let cut = match cutter {
                Some(cutter) => cutter.cut(rest),
                None => (rest.len() >= format::CUT_FIXED).then_some(format::CUT_FIXED),
            };
            let cut = cut.or((self.at_end && !rest.is_empty()).then_some(rest.len()));
            let Some(length) = cut else { return ends };
            at += length;
            ends.push(at);
        }
    }
}
