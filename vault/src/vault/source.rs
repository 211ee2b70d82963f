//! The thread of an `add` that walks a source, or reads an archive, and recognises and cuts files.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, ErrorKind as IoKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use zeroize::Zeroizing;

use super::add::AddOptions;
use super::mailboxes::CONTENTS;
use super::passwords::Passwords;
use super::surroundings::{in_its_place, is_called_as_its_folder, log_of};
use crate::chunk::Cutter;
use crate::error::{Error, Result};
use crate::files::live::{self, Held};
use crate::files::{Entry, FileType, ItemPath, Member, TarReader, Unread, Walk};
use crate::format;
use crate::keys::Compartment;
use crate::kinds::{
    self, Beside, Format, Kind, Lack, Locator, Omissions, Recognised, Record, Sheet, Sheets, Whole,
};

/// How much of a file is read at a time.
const READ_SIZE: usize = 1 << 20;
/// The largest buffer that is kept for the next file.
const BUFFER_MAX: usize = 2 * format::CUT_FIXED;
/// How many messages wait.
const QUEUE: usize = 4;
/// How many records are handed on together.
const BATCH: usize = 64;

const TOO_LONG: &str = "longer than 64 MiB or still growing, not looked through";

/// What the walk came to, in order.
pub(super) enum Message {
    /// Something that could not even be looked at.
    Unread(Unread),
    /// A link, a special file, or a placeholder.
    Entry(Entry),
    /// A folder, and its kind if it is a bundle.
    Folder(Entry, Option<Kind>),
    /// A file, and whether it is looked through for records. Those, its chunks and its end follow.
    File(Entry, Recognised, Compartment, bool),
    /// Records of the file whose chunks are still to come, and why some of it is in none.
    Sheets(Vec<Sheet>, Vec<&'static str>),
    /// What is not in the file, though somebody may look for it there.
    Omissions(Omissions),
    /// Records of the file whose chunks came before.
    Passed(Sheet),
    /// The record that all of the file is, of which other files tell.
    Whole(Box<Record>),
    /// What the file tells of others.
    Beside(Beside),
    /// What opens the file, to be kept beside it.
    Password(Zeroizing<String>),
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
    options: &'a AddOptions,
    passwords: &'a Passwords,
}

impl<'a> Source<'a> {
    /// Both ends; the cutters are those of the two compartments.
    pub(super) fn new(
        general: Cutter,
        sealed: Cutter,
        options: &'a AddOptions,
        passwords: &'a Passwords,
    ) -> (Self, Messages) {
        let (messages, received) = mpsc::sync_channel(QUEUE);
        let (used, spare) = mpsc::channel();
        let source = Self { messages, spare, general, sealed, options, passwords };
        (source, Messages { messages: received, used })
    }

    /// Walks until the end, or until nobody listens any more.
    pub(super) fn run(self, mut walk: Walk) {
        let mut hold = None;
        while let Some(found) = walk.next() {
            let sent = match found {
                Err(unread) => self.send(Message::Unread(unread)),
                Ok(entry) => self.take(&mut walk, entry, &mut hold),
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
            FileType::File => self.read(entry, &mut Stream(content)),
            // Whether it is a bundle is told once all that is in it is known.
            FileType::Folder => self.send(Message::Folder(entry, None)),
            FileType::Link | FileType::Special => self.send(Message::Entry(entry)),
        }
    }

    fn take(&self, walk: &mut Walk, mut entry: Entry, hold: &mut Option<Hold>) -> Option<()> {
        hold.take_if(|hold| !hold.is_of(&entry.path));
        match entry.file_type {
            FileType::File if entry.missing.is_none() => match walk.open(&mut entry) {
                Ok(_) if entry.missing.is_some() => self.send(Message::Entry(entry)),
                Ok(file) => {
                    let file = OnDisk::new(file, walk, entry.path.clone());
                    self.take_file(entry, file, hold)
                }
                Err(error) => self.send(Message::Closed(entry, error)),
            },
            FileType::Folder if entry.missing.is_none() => {
                let kind = walk.enter_folder(&mut entry).and_then(kinds::bundle);
                self.send(Message::Folder(entry, kind))
            }
            _ => self.send(Message::Entry(entry)),
        }
    }

    /// Reads a file, if it is a database with the lock of a reader.
    fn take_file(&self, entry: Entry, mut file: OnDisk<'_>, hold: &mut Option<Hold>) -> Option<()> {
        if hold.is_none() {
            match Hold::begin(&file) {
                Ok(begun) => *hold = begun,
                Err(error) => return self.send(Message::Closed(entry, error)),
            }
        }
        if let Some(hold) = hold {
            file.length_max = hold.length_of(&file.path);
        }
        let read = self.read(entry, &mut file);
        if let Some(hold) = hold {
            hold.keep(file);
        }
        read
    }

    fn send(&self, message: Message) -> Option<()> {
        self.messages.send(message).ok()
    }

    /// Reads one file; none when nobody listens any more.
    fn read(&self, entry: Entry, file: &mut impl Origin) -> Option<()> {
        let mut window = Window { buffer: self.buffer(), length: 0, at_end: false };
        let (recognised, compartment, found, is_cut) = match self.look(&mut window, file, &entry) {
            Ok(looked) => looked,
            Err(error) => {
                return self.send(Message::Closed(entry, Error::io("reading", error)));
            }
        };
        let is_looked_through = !matches!(found, Looked::Nothing);
        self.send(Message::File(entry, recognised, compartment, is_looked_through))?;
        if is_cut {
            self.omit(Omissions { lacks: [Lack::End].into(), ..Omissions::default() })?;
        }
        let sealed = compartment == Compartment::Sealed;
        let cutter = if sealed { &self.sealed } else { &self.general };
        let sent = Cell::new(0);
        let mut passage = Passage {
            source: self,
            file,
            window,
            cutter: (!recognised.dense).then_some(cutter),
            seen: 0,
            sent: &sent,
        };
        let passed = match found {
            Looked::Nothing => passage.finish(),
            Looked::Whole(Sheets { sheets, notes, omissions }, password) => {
                self.send(Message::Sheets(sheets, notes))?;
                self.omit(omissions)?;
                if let Some(password) = password {
                    self.send(Message::Password(password))?;
                }
                passage.finish()
            }
            Looked::Streams(format) => self.scan(format, &mut passage),
            Looked::Record(record, omissions) => {
                self.send(Message::Whole(record))?;
                self.omit(omissions)?;
                passage.finish()
            }
            Looked::Beside(beside) => {
                self.omit(beside.omissions())?;
                self.send(Message::Beside(beside))?;
                passage.finish()
            }
        };
        self.send(Message::End(passed.map_err(|error| Error::io("reading", error))))
    }

    fn omit(&self, omissions: Omissions) -> Option<()> {
        if omissions.is_empty() { Some(()) } else { self.send(Message::Omissions(omissions)) }
    }

    /// What a file is, what it holds one by one as far as that has to be known before its chunks,
    /// and whether its end is seen to be missing.
    fn look(
        &self,
        window: &mut Window,
        file: &mut impl Origin,
        entry: &Entry,
    ) -> io::Result<(Recognised, Compartment, Looked, bool)> {
        window.fill(file, kinds::PROBE_SIZE)?;
        let length = entry.length.max(window.length as u64);
        let recognised = file.recognise(window, length)?;
        let recognised = in_its_place(recognised, window.bytes(), &entry.path, self.options.kind);
        let compartment = self.options.seal.compartment(recognised.sealed);
        let looked = match kinds::streams(&recognised, window.bytes()) {
            Some(format) => Looked::Streams(format),
            None if kinds::has_records(&recognised, window.bytes()) => {
                self.look_through(window, file, entry, &recognised, compartment)?
            }
            None if Format::of(recognised.kind) == Some(Format::Pictures) => {
                file.picture(window)?
            }
            None if length <= kinds::BESIDE_MAX => {
                window.fill(file, READ_SIZE)?;
                let beside = match entry.path.name() {
                    CONTENTS => kinds::messages::table_count(window.bytes()).map(Beside::Messages),
                    _ => kinds::beside(&recognised, window.bytes()),
                };
                beside.filter(|_| window.at_end).map_or(Looked::Nothing, Looked::Beside)
            }
            None => Looked::Nothing,
        };
        let is_cut = file.is_cut(window)?;
        Ok((recognised, compartment, looked, is_cut))
    }

    /// The records of a file, all of which is read into the window.
    fn look_through(
        &self,
        window: &mut Window,
        file: &mut impl Origin,
        entry: &Entry,
        recognised: &Recognised,
        compartment: Compartment,
    ) -> io::Result<Looked> {
        let length = entry.length.max(window.length as u64);
        if length <= kinds::CONTENT_MAX {
            // One more, to see the end.
            let wanted = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1);
            window.fill(file, wanted)?;
        }
        if !window.at_end {
            return Ok(Looked::whole_note(TOO_LONG));
        }
        let log = if kinds::has_log(recognised, window.bytes()) { file.log()? } else { None };
        let content = window.bytes();
        if recognised.kind == Kind::Note && is_called_as_its_folder(&entry.path) {
            return scan_whole(Format::Notes, &mut Cursor::new(content));
        }
        // What is general is compressed, and read by more people.
        let is_store = compartment == Compartment::Sealed
            && recognised.kind == Kind::Key
            && kinds::certificates::is_store(content);
        let password = if is_store { self.passwords.of_store(&entry.path, content) } else { None };
        let password_text = password.as_ref().map(|password| password.as_str());
        let whole = Whole { content, log: log.as_ref().map(|log| log.as_slice()) };
        Ok(Looked::Whole(kinds::sheets(recognised, whole, password_text), password))
    }

    /// Sends a file and, as their chunks are sent, its records.
    fn scan(&self, format: Format, passage: &mut Passage<'_, '_, impl Origin>) -> io::Result<()> {
        let sent = passage.sent;
        let mut found = VecDeque::new();
        let scanned = kinds::scan_stream(format, passage, &mut |record| {
            found.push_back(record);
            match found.len() < BATCH {
                true => Ok(()),
                false => self.pass(format, &mut found, sent.get()),
            }
        })?;
        passage.finish()?;
        self.pass(format, &mut found, sent.get())?;
        self.send(Message::Sheets(Vec::new(), scanned.notes)).ok_or_else(unheard)?;
        self.omit(scanned.omissions).ok_or_else(unheard)
    }

    /// Hands on the first of these records, those of which all bytes were `sent`; they come in the
    /// order of their ends.
    fn pass(&self, format: Format, found: &mut VecDeque<Record>, sent: u64) -> io::Result<()> {
        let is_sent = |record: &Record| match &record.locator {
            Locator::Bytes(ranges) => ranges.iter().all(|range| range.end <= sent),
            Locator::Derived(_) => true,
        };
        let count = found.partition_point(is_sent);
        if count == 0 {
            return Ok(());
        }
        let records = found.drain(..count).collect();
        let (members, frame) = (Vec::new(), Vec::new());
        self.send(Message::Passed(Sheet { members, format, frame, records })).ok_or_else(unheard)
    }

    fn buffer(&self) -> Vec<u8> {
        self.spare.try_recv().unwrap_or_default()
    }
}

/// What is known of a file before its chunks are cut.
enum Looked {
    /// It has no records.
    Nothing,
    /// These are its records, and this opens it.
    Whole(Sheets, Option<Zeroizing<String>>),
    /// Its records show while it is read.
    Streams(Format),
    /// It is a record, of which other files tell; and what is not in it.
    Record(Box<Record>, Omissions),
    /// It tells of other files.
    Beside(Beside),
}

impl Looked {
    /// Nothing of it is in a record, and why.
    fn whole_note(note: &'static str) -> Self {
        Self::Whole(Sheets { notes: vec![note], ..Sheets::default() }, None)
    }
}

/// Where the bytes of a file come from.
trait Origin: Read {
    /// What the file is, of which the window has the first bytes.
    fn recognise(&mut self, window: &mut Window, length: u64) -> io::Result<Recognised>;

    /// The record that the file is as a picture.
    fn picture(&mut self, window: &mut Window) -> io::Result<Looked>;

    /// Whether the file stops before its end, as far as its last bytes say.
    fn is_cut(&mut self, window: &Window) -> io::Result<bool>;

    /// The write-ahead log that lies beside the file, if one does.
    fn log(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>>;
}

/// The one record of content that is one.
fn scan_whole(format: Format, content: &mut (impl Read + Seek)) -> io::Result<Looked> {
    let mut found = None;
    let scanned = format.scan(content, &mut |record| {
        found = Some(Box::new(record));
        Ok(())
    })?;
    let (notes, omissions) = (scanned.notes, scanned.omissions);
    Ok(match found {
        Some(record) => Looked::Record(record, omissions),
        None => Looked::Whole(Sheets { sheets: Vec::new(), notes, omissions }, None),
    })
}

/// A file on the medium.
struct OnDisk<'w> {
    file: File,
    walk: &'w Walk,
    path: ItemPath,
    /// How much of it is read: another program may write faster than it is read.
    length_max: Option<u64>,
    /// What else was opened for it.
    opened: Vec<File>,
}

impl<'w> OnDisk<'w> {
    fn new(file: File, walk: &'w Walk, path: ItemPath) -> Self {
        Self { file, walk, path, length_max: None, opened: Vec::new() }
    }
}

impl Read for OnDisk<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(length_max) = self.length_max else { return self.file.read(bytes) };
        let left = length_max.saturating_sub(self.file.stream_position()?);
        (&self.file).take(left).read(bytes)
    }
}

/// It is sought in, and put back.
impl Origin for OnDisk<'_> {
    fn recognise(&mut self, window: &mut Window, length: u64) -> io::Result<Recognised> {
        let recognised = kinds::examine(window.bytes(), length, &mut self.file)?;
        self.file.seek(SeekFrom::Start(window.length as u64))?;
        Ok(recognised)
    }

    fn picture(&mut self, window: &mut Window) -> io::Result<Looked> {
        let looked = scan_whole(Format::Pictures, &mut self.file)?;
        self.file.seek(SeekFrom::Start(window.length as u64))?;
        Ok(looked)
    }

    fn is_cut(&mut self, window: &Window) -> io::Result<bool> {
        let is_cut = kinds::is_cut(window.bytes(), &mut self.file)?;
        self.file.seek(SeekFrom::Start(window.length as u64))?;
        Ok(is_cut)
    }

    fn log(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let place = log_of(&self.path).and_then(|log| self.walk.place_of(&log));
        let Some(place) = place else { return Ok(None) };
        let file = match File::open(place) {
            Err(error) if error.kind() == IoKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut log = Zeroizing::new(Vec::new());
        (&file).take(kinds::CONTENT_MAX).read_to_end(&mut log)?;
        self.opened.push(file);
        Ok(Some(log))
    }
}

/// A database that stays as it is while it and its log are read, in this order.
struct Hold {
    path: ItemPath,
    held: Held,
    /// Where its log is, and how long that was when the database had been read.
    log: Option<(ItemPath, PathBuf, u64)>,
}

impl Hold {
    /// Holds what another program may be writing.
    fn begin(file: &OnDisk<'_>) -> Result<Option<Self>> {
        let mut head = [0; 16];
        let is_database =
            file.file.read_exact_at(&mut head, 0).is_ok() && kinds::is_database(&head);
        let path = &file.path;
        let place = file.walk.place_of(path).filter(|_| is_database);
        let held = place.map(|place| live::hold(&place)).transpose()?.flatten();
        let log = || log_of(path).and_then(|log| Some((file.walk.place_of(&log)?, log)));
        Ok(held.map(|held| {
            let log = log().map(|(place, log)| (log, place, 0));
            Self { path: path.clone(), held, log }
        }))
    }

    /// How much of a file is read; none for all of it.
    fn length_of(&self, path: &ItemPath) -> Option<u64> {
        let log = self.log.as_ref().filter(|(log, ..)| log == path);
        log.map(|(_, _, length)| *length)
    }

    /// Keeps a file that was read, which must not be closed while the lock is held.
    fn keep(&mut self, file: OnDisk<'_>) {
        if file.path == self.path
            && let Some((_, place, length)) = &mut self.log
        {
            *length = place.metadata().map_or(0, |log| log.len());
        }
        file.opened.into_iter().for_each(|file| self.held.keep(file));
        self.held.keep(file.file);
    }

    /// Whether a file is one of the database's.
    fn is_of(&self, path: &ItemPath) -> bool {
        path.key().strip_prefix(self.path.key()).is_some_and(|rest| rest.starts_with(b"-"))
    }
}

/// Something in which nothing can be sought, as a member of an archive.
struct Stream<'r, R>(&'r mut R);

impl<R: Read> Read for Stream<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

/// What is looked at stays in the window.
impl<R: Read> Origin for Stream<'_, R> {
    fn recognise(&mut self, window: &mut Window, length: u64) -> io::Result<Recognised> {
        let wanted = kinds::start_size(window.bytes());
        window.fill(self.0, wanted)?;
        Ok(kinds::examine_start(window.bytes(), length))
    }

    fn picture(&mut self, window: &mut Window) -> io::Result<Looked> {
        let wanted = usize::try_from(kinds::CONTENT_MAX).unwrap_or(usize::MAX);
        window.fill(self.0, wanted.saturating_add(1))?;
        match window.at_end {
            true => scan_whole(Format::Pictures, &mut Cursor::new(window.bytes())),
            false => Ok(Looked::whole_note(TOO_LONG)),
        }
    }

    /// What is longer has not come yet.
    fn is_cut(&mut self, window: &Window) -> io::Result<bool> {
        let bytes = window.bytes();
        if window.at_end { kinds::is_cut(bytes, &mut Cursor::new(bytes)) } else { Ok(false) }
    }

    /// It may not even have come yet.
    fn log(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(None)
    }
}

/// A file on its way: read into windows, cut and sent. Whoever reads it sees each byte before it is
/// sent.
struct Passage<'p, 'a, R> {
    source: &'p Source<'a>,
    file: &'p mut R,
    window: Window,
    /// None cuts at fixed places.
    cutter: Option<&'p Cutter>,
    /// How many bytes of the window a reader has had.
    seen: usize,
    /// How many bytes of the file were sent.
    sent: &'p Cell<u64>,
}

impl<R: Read> Passage<'_, '_, R> {
    /// Sends the file to its end.
    fn finish(&mut self) -> io::Result<()> {
        loop {
            self.fill()?;
            self.send()?;
            if self.window.at_end {
                return Ok(());
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let wanted = if self.cutter.is_none() { format::CUT_FIXED } else { READ_SIZE };
        self.window.fill(self.file, wanted)
    }

    /// Sends the chunks in the window that are whole, and keeps what is behind them.
    fn send(&mut self) -> io::Result<()> {
        let ends = self.window.cut(self.cutter);
        let Some(&used) = ends.last() else { return Ok(()) };
        let mut next =
            Window { buffer: self.source.buffer(), length: 0, at_end: self.window.at_end };
        next.take(self.window.bytes().get(used..).unwrap_or_default());
        let mut window = std::mem::replace(&mut self.window, next);
        window.buffer.truncate(used);
        self.source.send(Message::Chunks(window.buffer, ends)).ok_or_else(unheard)?;
        self.seen = self.seen.saturating_sub(used);
        self.sent.set(self.sent.get().saturating_add(used as u64));
        Ok(())
    }
}

impl<R: Read> Read for Passage<'_, '_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.seen == self.window.length && !self.window.at_end {
            self.send()?;
            self.fill()?;
        }
        let mut unseen = self.window.bytes().get(self.seen..).unwrap_or_default();
        let read = unseen.read(bytes)?;
        self.seen += read;
        Ok(read)
    }
}

/// Nobody listens any more.
fn unheard() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
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
