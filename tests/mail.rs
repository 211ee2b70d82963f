//! What Python's own modules read from messages and mailboxes, beside what the engine says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vault::kinds::{Format, Locator, Record, messages};

use crate::support::tools::{has, program};
use crate::support::{Bench, samples};

const EXPORTS: [&str; 2] = ["icloud-export", "icloud-export-a-month-later"];

/// Tells of each message: those in the files named, or in the mailbox; `rewrite` puts them into one.
const SCRIPT: &str = r#"
import email, email.policy, email.utils, json, mailbox, sys
from email.header import decode_header, make_header
from email.utils import getaddresses, parsedate_to_datetime

def decoded(value):
    return " ".join(str(make_header(decode_header(value))).split()) if value else ""

def person(name, address):
    return f"{decoded(name)} <{address}>" if name else address

def told(raw):
    plain = email.message_from_bytes(raw)
    modern = email.message_from_bytes(raw, policy=email.policy.default)
    attachments = [
        [part.get_filename(), part.get_content_type(), len(part.get_payload(decode=True))]
        for part in plain.walk() if part.get_filename()]
    body = modern.get_body(("plain",))
    return {
        "subject": decoded(plain["Subject"]),
        "id": (plain["Message-ID"] or "").strip(),
        "date": int(parsedate_to_datetime(plain["Date"]).timestamp()),
        "from": [person(*who) for who in getaddresses(plain.get_all("From", []))],
        "to": [person(*who) for who in getaddresses(plain.get_all("To", []))],
        "attachments": attachments,
        "text": body.get_content().replace("\r", "").strip()[:2000].strip(),
    }

verb, folder, *files = sys.argv[1:]
if verb == "files":
    raws = [open(file, "rb").read() for file in files]
elif verb == "mailbox":
    raws = [bytes(message) for message in mailbox.mbox(files[0])]
else:
    out = mailbox.mbox(folder + "/rewritten")
    for nth, file in enumerate(files):
        message = mailbox.mboxMessage(open(file, "rb").read())
        message.set_flags("ROFA"[: nth % 5])
        message.set_from("somebody with blanks", True)
        out.add(message)
    out.flush()
    raws = []
print(json.dumps([told(raw) for raw in raws]))
"#;

#[test]
fn python_reads_the_same_from_a_message() {
    if !has(&["python3"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for export in EXPORTS {
        let all = all_messages(export);
        let files = written(folder.path(), &all);
        let told = python("files", folder.path(), &files);
        assert_eq!(told.len(), all.len());
        for ((record, bytes), told) in all.iter().zip(&told) {
            let fields = messages::fields(bytes);
            let field = |name: &str| {
                let field = fields.iter().find(|field| field.name == name);
                field.map_or(String::new(), |field| field.value.to_string())
            };
            let people = |name: &str| told[name].as_array().unwrap().iter();
            let joined = |name: &str| {
                people(name).map(|who| who.as_str().unwrap()).collect::<Vec<_>>().join(", ")
            };
            assert_eq!(told["subject"], record.title.as_str());
            assert_eq!(told["date"], record.date.unwrap(), "{}", record.title);
            assert_eq!(told["id"], field("message id"));
            assert_eq!(joined("from"), field("from"));
            assert_eq!(joined("to"), field("to"));
            assert_eq!(told["text"], field("text"), "{}", record.title);
            let attachments = fields.iter().filter(|field| field.name == "attachment");
            let attachments: Vec<&str> = attachments.map(|field| field.value.as_str()).collect();
            let wanted = told["attachments"].as_array().unwrap().iter().map(|attachment| {
                let size = match attachment[2].as_u64().unwrap() {
                    0..3 => "in another file".to_owned(),
                    size => format!("{size} bytes"),
                };
                let text = |at: usize| attachment[at].as_str().unwrap().to_owned();
                format!("{} ({}, {size})", text(0), text(1))
            });
            assert_eq!(attachments, wanted.collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_mailbox_that_python_writes_has_the_same_messages() {
    if !has(&["python3"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let all = all_messages(EXPORTS[0]);
    let files = written(folder.path(), &all);
    python("rewrite", folder.path(), &files);
    let mailbox = fs::read(folder.path().join("rewritten")).unwrap();
    let text = String::from_utf8_lossy(&mailbox);
    assert!(text.contains("\nFrom somebody with blanks ") && text.contains("\n>From here on"));
    assert!(text.contains("\nStatus: RO\nX-Status: F\n"));
    let again = scanned(&mailbox);
    assert_eq!(again.len(), all.len());
    for (before, (after, _)) in all.iter().zip(&again) {
        assert!(before.0.essence == after.essence, "{}", after.title);
        assert!(before.0.identity == after.identity, "{}", after.title);
    }
}

#[test]
fn python_reads_a_mailbox_that_was_written() {
    if !has(&["python3"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // As files of their own, since Python takes every line of `From ` for a separator.
    let all = all_messages(EXPORTS[0]);
    let alone: Vec<&[u8]> = all.iter().map(|(_, bytes)| messages::to_eml(bytes)).collect();
    let mailbox = Format::Messages.write(&[], &alone).unwrap();
    let path = folder.path().join("mbox");
    fs::write(&path, &*mailbox).unwrap();
    let told = python("mailbox", folder.path(), std::slice::from_ref(&path));
    let told: Vec<Value> = told.iter().map(|told| json!([told["subject"], told["id"]])).collect();
    let wanted: Vec<Value> = all
        .iter()
        .map(|(record, bytes)| {
            let fields = messages::fields(bytes);
            let id = fields.iter().find(|field| field.name == "message id");
            json!([record.title, id.map_or("", |field| field.value.as_str())])
        })
        .collect();
    assert_eq!(told, wanted);
    // Where nothing is unquoted both split alike.
    for name in ["Receipts.mbox/mbox", "Receipts 1.mbox/mbox"] {
        let path = data(EXPORTS[0]).join(name);
        let told = python("mailbox", folder.path(), std::slice::from_ref(&path));
        let titles: Vec<&str> = told.iter().map(|told| told["subject"].as_str().unwrap()).collect();
        let records = scanned(&fs::read(&path).unwrap());
        assert_eq!(titles, records.iter().map(|(record, _)| &record.title).collect::<Vec<_>>());
    }
}

/// Every message of an export once, and its bytes.
fn all_messages(export: &str) -> Vec<(Record, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for name in [
        "INBOX.mbox/mbox",
        "Receipts.mbox/mbox",
        "Attic 2009",
        "Your ticket.eml",
        "Sunday lunch.eml",
        "no message id.eml",
        "4711.emlx",
        "4712.emlx",
        "Archive.mbox/Messages/4713.partial.emlx",
        "Archive.mbox/Messages/4714.emlx",
    ] {
        for (record, bytes) in scanned(&fs::read(data(export).join(name)).unwrap()) {
            all.insert(record.identity.bytes.to_vec(), (record, bytes));
        }
    }
    all.into_values().collect()
}

fn scanned(content: &[u8]) -> Vec<(Record, Vec<u8>)> {
    let mut records = Vec::new();
    let mut each = |record: Record| {
        let Locator::Bytes(parts) = &record.locator else { unreachable!("a record without bytes") };
        let range =
            usize::try_from(parts[0].start).unwrap()..usize::try_from(parts[0].end).unwrap();
        let bytes = content[range].to_vec();
        records.push((record, bytes));
        Ok(())
    };
    messages::scan(&mut &*content, &mut each).unwrap();
    records
}

/// The messages as files of their own.
fn written(folder: &Path, all: &[(Record, Vec<u8>)]) -> Vec<PathBuf> {
    let file = |(nth, (_, bytes)): (usize, &(Record, Vec<u8>))| {
        let path = folder.join(format!("{nth}.eml"));
        fs::write(&path, messages::to_eml(bytes)).unwrap();
        path
    };
    all.iter().enumerate().map(file).collect()
}

/// What Python tells of messages.
fn python(verb: &str, folder: &Path, files: &[PathBuf]) -> Vec<Value> {
    let args = ["-c".as_ref(), SCRIPT.as_ref(), verb.as_ref(), folder.as_os_str()];
    let files = files.iter().map(|file| file.as_os_str());
    let output = program("python3", args.into_iter().chain(files), folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn data(export: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(export).join("Mail")
}

#[test]
fn a_mailbox_with_other_messages_than_its_table_counts_is_told() {
    let bench = Bench::with_vault();
    let mailbox = samples().join("icloud-export/Mail/INBOX.mbox");
    bench.write("export/INBOX.mbox/mbox", fs::read(mailbox.join("mbox")).unwrap());
    bench.write("export/INBOX.mbox/table_of_contents", table(&mailbox));
    let whole = bench.open(["add", "export", "--as", "mail"]).succeeded().stdout;
    assert!(!whole.contains("table_of_contents"), "{whole}");
    // Cut off in the middle.
    let half = fs::read(mailbox.join("mbox")).unwrap();
    bench.write("export/INBOX.mbox/mbox", &half[..half.len() / 2]);
    let cut = bench.open(["add", "export", "--as", "mail", "--expected"]).ended_with(3).stdout;
    assert!(cut.contains("INBOX.mbox/table_of_contents: counts other messages"), "{cut}");
}

fn table(mailbox: &Path) -> Vec<u8> {
    fs::read(mailbox.join("table_of_contents")).unwrap()
}

/// What Mail keeps of a message in files of their own is in the message that comes out.
#[test]
fn attachments_in_files_of_their_own_are_in_the_message() {
    if !has(&["python3", "tar"]) {
        return;
    }
    let store = samples().join("icloud-export/Mail/Archive.mbox");
    let pdf = fs::read(store.join("Attachments/4713/2/ticket.pdf")).unwrap();
    let partial = fs::read(store.join("Messages/4713.partial.emlx")).unwrap();
    let sent = fs::read_to_string(store.join("../Your ticket.eml")).unwrap();
    let sent = sent.replace("\r\n", "\n");
    let encoded = sent.split("base64\n\n").nth(1).unwrap().split("\n\n--").next().unwrap();
    let message = "export/a.mbox/Messages/4713.partial.emlx";
    for (beside, content) in [
        ("export/a.mbox/Attachments/4713/2/ticket.pdf", pdf.as_slice()),
        ("export/a.mbox/Messages/4713.2.emlxpart", encoded.as_bytes()),
    ] {
        let bench = Bench::with_vault();
        bench.write(message, &partial);
        bench.write(beside, content);
        bench.write("export/other.eml", &sent);
        bench.open(["add", "export", "--as", "mail"]).succeeded();
        assert_whole(&bench, &pdf);
        // An archive that has the message first.
        let names = [message, beside].map(|name| name.strip_prefix("export/").unwrap());
        let args = ["-cf", "a.tar", "-C", "export", names[0], "other.eml", names[1]];
        assert!(program("tar", args, &bench.path("")).status().unwrap().success());
        let bench = bench_with(&bench, "a.tar");
        assert_whole(&bench, &pdf);
    }
}

/// A vault with what is in an archive.
fn bench_with(other: &Bench, archive: &str) -> Bench {
    let bench = Bench::with_vault();
    let mut command = bench.command(["add", "-", "--as", "mail"]);
    command.env("ICVAULT_IDENTITY", "identity");
    command.stdin(fs::File::open(other.path(archive)).unwrap());
    crate::support::Ran::of(command).succeeded();
    bench
}

/// The one message is whole, wherever it comes out.
fn assert_whole(bench: &Bench, pdf: &[u8]) {
    let listed = bench.open(["list", "--records", "--kind", "mail", "--json"]).succeeded().json();
    let messages = listed.as_array().unwrap();
    assert!(
        messages.len() == 2 && messages.iter().all(|it| it["warnings"] == json!([])),
        "{listed}"
    );
    let is_partial = |it: &&Value| it["path"].as_str().unwrap().ends_with(".partial.emlx");
    let message = messages.iter().find(is_partial).unwrap();
    let handle = message["handle"].as_str().unwrap();
    bench.open(["extract", handle, "--as", "eml", "-o", "one.eml"]).succeeded();
    bench.open(["extract", "--kind", "mail", "-o", "all.mbox"]).succeeded();
    for (verb, file) in [("files", "one.eml"), ("mailbox", "all.mbox")] {
        let told = python(verb, &bench.path(""), &[bench.path(file)]);
        let attachment = json!([["ticket.pdf", "application/pdf", pdf.len()]]);
        assert!(
            !told.is_empty() && told.iter().all(|it| it["attachments"] == attachment),
            "{verb}"
        );
    }
    let shown = bench.open(["show", handle]).succeeded().stdout;
    assert!(shown.contains(&format!("ticket.pdf (application/pdf, {} bytes)", pdf.len())));
    // The file itself is as it was.
    let path = message["path"].as_str().unwrap();
    let file = bench.open(["cat", &format!("mail:{path}")]).succeeded().bytes;
    let stored = samples().join("icloud-export/Mail/Archive.mbox/Messages/4713.partial.emlx");
    assert!(file == fs::read(stored).unwrap());
    bench.open(["check", "--read-data"]).succeeded();
}

#[test]
fn attachments_that_are_not_there_are_told() {
    let bench = Bench::with_vault();
    let store = samples().join("icloud-export/Mail/Archive.mbox");
    let [partial, attachment] = ["Messages/4713.partial.emlx", "Attachments/4713/2/ticket.pdf"]
        .map(|name| fs::read(store.join(name)).unwrap());
    bench.write("export/a.mbox/Messages/4713.partial.emlx", partial);
    // That of another message.
    bench.write("export/a.mbox/Attachments/4712/2/ticket.pdf", attachment);
    let added = bench.open(["add", "export", "--as", "mail", "--json"]).ended_with(3).json();
    let lacking = &added["lacking"][0];
    assert_eq!(lacking["lack"], "attachments", "{added}");
    assert_eq!(lacking["path"], "a.mbox/Messages/4713.partial.emlx", "{added}");
    let listed = bench.open(["list", "--records", "--kind", "mail", "--json"]).succeeded().json();
    assert_eq!(listed[0]["warnings"], json!(["its attachments are in other files"]), "{listed}");
    let handle = listed[0]["handle"].as_str().unwrap();
    let shown = bench.open(["show", handle]).succeeded().stdout;
    assert!(shown.contains("ticket.pdf (application/pdf, in another file)"), "{shown}");
}

/// A key that was sent: its name is not told where everybody reads.
#[test]
fn a_sealed_attachment_stays_sealed() {
    let bench = Bench::with_vault();
    let store = samples().join("icloud-export");
    let partial = store.join("Mail/Archive.mbox/Messages/4713.partial.emlx");
    bench.write("export/Messages/4713.partial.emlx", fs::read(partial).unwrap());
    let key = fs::read(store.join("Keys/server-key.pem")).unwrap();
    bench.write("export/Attachments/4713/2/secret name.pem", key);
    bench.open(["add", "export", "--as", "mail"]).succeeded();
    let listed = bench.open(["list", "--records", "--kind", "mail", "--json"]).succeeded().json();
    assert_eq!(listed[0]["warnings"], json!(["its attachments are in other files"]), "{listed}");
    let handle = listed[0]["handle"].as_str().unwrap();
    let shown = bench.open(["show", handle]).succeeded().stdout;
    assert!(!shown.contains("secret name"), "{shown}");
}
