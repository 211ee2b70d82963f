//! The stages of the engine, one at a time: `cargo bench -p vault`, or with a name behind it.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;
use std::io::Write as _;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vault::chunk::{ChunkType, Cutter, Reference, chunk_id};
use vault::error::{ErrorKind, Result};
use vault::id::{ChunkId, MacKey, PackId, VaultId};
use vault::index::{Plaintext, Row, Table, Union, write_table};
use vault::kinds::messages;
use vault::pack::{Class, Compressor, Decompressor, Place, raw_frame};
use vault::payload::{FileKey, Identity, Reader, Writer};
use vault::{Error, tree};

const MIB: usize = 1 << 20;

/// Bytes that look random and are the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let key = MacKey::new([1; 32]);
    let blocks = (0_u64..).map(|nth| key.mac(&[&nth.to_le_bytes()]));
    blocks.flatten().take(length).collect()
}

/// What compresses about as well as prose.
fn text(length: usize) -> Vec<u8> {
    let letters =
        noise(length).into_iter().map(|byte| if byte < 40 { b' ' } else { b'a' + byte % 16 });
    letters.collect()
}

fn bytes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bytes");
    let (dense, text) = (noise(8 * MIB), text(MIB));

    group.throughput(Throughput::Bytes(dense.len() as u64));
    let cutter = Cutter::new(&MacKey::new([2; 32]));
    group.bench_function("cut", |b| {
        b.iter(|| {
            let mut rest = dense.as_slice();
            while let Some(length) = cutter.cut(black_box(rest)) {
                rest = rest.get(length..).unwrap();
            }
        });
    });

    group.throughput(Throughput::Bytes(65_536));
    let (key, chunk) = (MacKey::new([3; 32]), dense.get(..65_536).unwrap());
    group.bench_function("chunk id", |b| {
        b.iter(|| chunk_id(&key, ChunkType::Data, black_box(chunk)));
    });

    group.throughput(Throughput::Bytes(text.len() as u64));
    let (mut compressor, mut frame, mut content) = (Compressor::new(3), Vec::new(), Vec::new());
    group.bench_function("compress", |b| {
        b.iter(|| compressor.frame(black_box(&text), &mut frame));
    });
    let mut decompressor = Decompressor::default();
    group.bench_function("decompress", |b| {
        b.iter(|| decompressor.open(black_box(&frame), false, &mut content).unwrap());
    });
    group.bench_function("raw frame", |b| {
        b.iter(|| {
            frame.clear();
            raw_frame(black_box(&text), &mut frame);
        });
    });

    group.throughput(Throughput::Bytes(dense.len() as u64));
    let (identity, file_key) = (Identity::generate(), FileKey::new([4; 16]));
    let seal = |out: Vec<u8>| -> Result<Vec<u8>> {
        let mut writer = Writer::new(&identity.recipient(), &file_key, [5; 16], out)?;
        writer.write_all(black_box(&dense)).map_err(|error| Error::io("writing", error))?;
        writer.finish()
    };
    let sealed = seal(Vec::new()).unwrap();
    let mut out = Vec::with_capacity(sealed.len());
    group.bench_function("payload write", |b| {
        b.iter(|| {
            out.clear();
            out = seal(std::mem::take(&mut out)).unwrap();
        });
    });
    let mut plain = vec![0; dense.len()];
    group.bench_function("payload read", |b| {
        b.iter(|| {
            let mut reader = Reader::open(black_box(sealed.as_slice()), &[&identity]).unwrap();
            reader.read_at(0, &mut plain).unwrap();
        });
    });
    group.finish();
}

struct Plain(Vec<u8>);

impl Plaintext for Plain {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..));
        let bytes = rest.and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(Error::new(ErrorKind::Damaged, "beyond the end"))?);
        Ok(())
    }
}

fn maps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("maps");
    let key = MacKey::new([6; 32]);

    let entries: Vec<_> =
        (0..20_000).map(|nth| format!("Photos\0{nth:05}.heic").into_bytes()).collect();
    group.throughput(Throughput::Elements(entries.len() as u64));
    group.bench_function("tree build", |b| {
        let mut store =
            |node: &[u8]| Ok(Reference { tag: None, id: chunk_id(&key, ChunkType::Node, node) });
        b.iter(|| {
            let mut builder = tree::Builder::new(MacKey::new([7; 32]));
            for entry in &entries {
                builder.push(entry, vec![0; 80], &mut store).unwrap();
            }
            builder.finish(&mut store).unwrap()
        });
    });

    let vault = VaultId::new([8; 16]);
    let place = Place { start: 40, frame_length: 900_000, offset: 0, length: 65_536 };
    let id = |nth: u64| ChunkId::new(key.mac(&[&nth.to_le_bytes()]));
    let mut rows: Vec<Row> = (0..200_000)
        .map(|nth| Row { id: id(nth), pack: PackId::new([u8::from(nth % 2 == 0); 32]), place })
        .collect();
    rows.sort();
    let mut table = Vec::new();
    let mut union = Union::<Plain> { tables: &mut [], rows: &rows };
    let none = std::collections::BTreeSet::new();
    write_table(vault, Class::Data, &mut union, &none, &key, None, &mut table).unwrap();
    let mut table = Table::open(Plain(table), vault, Class::Data).unwrap();
    let mut nth = 0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("table look-up", |b| {
        b.iter(|| {
            nth = (nth + 77_773) % 200_000;
            table.find(black_box(&id(nth))).unwrap()
        });
    });
    group.finish();
}

fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("records");
    const SEPARATOR: &str = "From a@b.example Tue May  5 01:02:01 2009\n";
    const HEADER: &str = "From: A <a@b.example>\nTo: c@d.example\nMessage-ID: <1@b.example>\n\
        Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nDate: Tue, 5 May 2009 01:02:01 +0000\n\n";
    for (name, line, lines) in [
        (
            "mail with attachments",
            "JVBERi0xLjMKJcTl8uUKMSAwIG9iago8PCAvVHlwZSAvQ2F0YWxvZyAv\n",
            4000,
        ),
        ("short mail", "> I have put the key where it always is, and nobody is ill.\n", 20),
    ] {
        let message = [SEPARATOR, HEADER, &line.repeat(lines), "\n"].concat();
        let mailbox = message.repeat(8 * MIB / message.len());
        group.throughput(Throughput::Bytes(mailbox.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut count = 0;
                messages::scan(&mut black_box(mailbox.as_bytes()), &mut |_| {
                    count += 1;
                    Ok(())
                })
                .unwrap();
                count
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bytes, maps, records);
criterion_main!(benches);
