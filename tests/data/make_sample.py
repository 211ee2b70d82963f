#!/usr/bin/env python3
"""Makes the two sample exports beside this file, `manifest.json` and `changes.json`.

    python3 tests/data/make_sample.py            # the same bytes as committed
    python3 tests/data/make_sample.py --redraw   # new keys, certificates and salts too

Everybody in the data is invented: the domains are those set aside for examples, the telephone
numbers lie in 555-01xx, the card numbers are the networks' published test numbers.

The committed tree is the truth; this program says how it came about. What it computes is the same on
every run (every random choice is seeded by a name), given the same zlib and SQLite. What `openssl`,
`ssh-keygen` and SQLite's write-ahead log draw at random (keys, certificates, PKCS#12 salts, one pair of
database and log) is listed in DRAWN and taken over from the committed tree unless `--redraw` is given.

Only Python's standard library is needed; `--redraw` also needs openssl 3 (with its legacy provider)
and ssh-keygen.
"""

import base64
import csv
import gzip
import hashlib
import io
import json
import math
import os
import plistlib
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import uuid
import zlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIRST, LATER = "icloud-export", "icloud-export-a-month-later"
NAMESPACE = uuid.UUID("8d5e4c1e-0000-4000-8000-69637661756c")


def rng(*name):
    """A generator of its own for every purpose, so that a new file shifts no other."""
    return random.Random("icvault sample/" + "/".join(map(str, name)))


def uid(*name):
    return str(uuid.uuid5(NAMESPACE, "/".join(map(str, name)))).upper()


def noise(length, *name):
    return rng("noise", *name).randbytes(length)


def b64(data):
    return base64.b64encode(data).decode()


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def nfd(text):
    return unicodedata.normalize("NFD", text)


def crlf(text):
    return text.replace("\n", "\r\n").encode()


class Export:
    """One export folder: its files, and a row of the truth table for each."""

    def __init__(self, name, when, macos):
        self.name, self.when, self.macos = name, when, macos
        self.later = name == LATER
        self.day = when.strftime("%Y-%m-%d")
        self.files, self.links, self.rows = {}, {}, {}

    def put(self, path, data, kind, sealed=None, **more):
        assert path not in self.rows, path
        for part in path.split("/"):
            assert not set(part) & set('<>:"\\|?*') and part[-1] not in ". ", path
            assert len(part.encode()) <= 255, path
        if sealed is None:
            sealed = kind in ("passwords", "cards", "key")
        self.files[path] = data.encode() if isinstance(data, str) else data
        self.rows[path] = {"path": path, "kind": kind, "sealed": sealed, **more}

    def keep(self, path, data, kind, **more):
        """A file that lay beside the exports: the later one has the bytes of the first."""
        self.put(path, self.first.files.get(path, data), kind, **more)

    def link(self, path, target):
        self.links[path] = target
        self.rows[path] = {"path": path, "kind": "file", "sealed": False, "type": "link", "target": target}

    def stamp(self):
        return self.when.strftime("%Y%m%dT%H%M%SZ")


# ---------------------------------------------------------------- pictures and films

QUANT = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22,
         29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103,
         121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
DC_BITS, DC_VALUES = bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]), bytes(range(12))
AC_BITS = bytes([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D])
AC_VALUES = bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a343536373839"
    "3a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7"
    "a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa")
ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))
COSINE = [[math.cos((2 * x + 1) * u * math.pi / 16) / 2 * (math.sqrt(0.5) if u == 0 else 1) for x in range(8)]
          for u in range(8)]


def landscape(width, height, *name):
    """Rows of (r, g, b): a sky, a sun, three hills and some grain; never the same twice."""
    r = rng("landscape", *name)
    sky, ground = [r.randrange(90, 255) for _ in range(3)], [r.randrange(20, 140) for _ in range(3)]
    hills = [(r.uniform(0.35, 0.8) * height, r.uniform(4, 20), r.uniform(10, 40), r.uniform(0, 6)) for _ in range(3)]
    sun = (r.randrange(width), r.randrange(height // 3), r.randrange(6, 16))
    rows = []
    for y in range(height):
        row = []
        for x in range(width):
            depth = sum(y > base + swing * math.sin(x / wave + phase) for base, swing, wave, phase in hills)
            if depth:
                pixel = [c * depth // 3 + 20 for c in ground]
            elif (x - sun[0]) ** 2 + (y - sun[1]) ** 2 < sun[2] ** 2:
                pixel = [255, 240, 180]
            else:
                pixel = [c * (y + height) // (2 * height) for c in sky]
            grain = r.randrange(-5, 6)
            row.append(tuple(max(0, min(255, c + grain)) for c in pixel))
        rows.append(row)
    return rows


def huffman(bits, values):
    codes, code, at = {}, 0, 0
    for length, count in enumerate(bits, 1):
        for _ in range(count):
            codes[values[at]] = (code, length)
            code, at = code + 1, at + 1
        code <<= 1
    return codes


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(rows, exif=b"", quality=60):
    """Baseline JPEG, three components, no subsampling, one table for all."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    quant = [max(1, min(255, (q * scale + 50) // 100)) for q in QUANT]
    dc, ac = huffman(DC_BITS, DC_VALUES), huffman(AC_BITS, AC_VALUES)
    height, width = len(rows), len(rows[0])
    acc = filled = 0
    out = bytearray()

    def emit(code, length):
        nonlocal acc, filled
        acc, filled = acc << length | code, filled + length
        while filled >= 8:
            filled -= 8
            byte = acc >> filled & 0xFF
            out.append(byte)
            if byte == 0xFF:
                out.append(0)
        acc &= (1 << filled) - 1

    def value(v):
        length = abs(v).bit_length()
        return length, v if v > 0 else v + (1 << length) - 1

    weights = [(0.299, 0.587, 0.114, -128), (-0.1687, -0.3313, 0.5, 0), (0.5, -0.4187, -0.0813, 0)]
    previous = [0, 0, 0]
    for by in range(0, height, 8):
        for bx in range(0, width, 8):
            block = [rows[min(by + y, height - 1)][min(bx + x, width - 1)] for y in range(8) for x in range(8)]
            for component, (wr, wg, wb, shift) in enumerate(weights):
                flat = [wr * p[0] + wg * p[1] + wb * p[2] + shift for p in block]
                half = [sum(flat[y * 8 + x] * COSINE[u][x] for x in range(8)) for y in range(8) for u in range(8)]
                full = [sum(half[y * 8 + u] * COSINE[v][y] for y in range(8)) for v in range(8) for u in range(8)]
                zz = [round(full[i] / quant[i]) for i in ZIGZAG]
                length, bits = value(zz[0] - previous[component])
                previous[component] = zz[0]
                emit(*dc[length])
                emit(bits, length)
                run, last = 0, max((i for i in range(64) if zz[i]), default=0)
                for v in zz[1:last + 1]:
                    if v == 0:
                        run += 1
                        continue
                    while run > 15:
                        emit(*ac[0xF0])
                        run -= 16
                    length, bits = value(v)
                    emit(*ac[run << 4 | length])
                    emit(bits, length)
                    run = 0
                if last < 63:
                    emit(*ac[0])
    if filled:
        emit((1 << 8 - filled) - 1, 8 - filled)
    head = segment(0xE1, b"Exif\0\0" + exif) if exif else segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    return (b"\xff\xd8" + head + segment(0xDB, b"\0" + bytes(quant[i] for i in ZIGZAG))
            + segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 17, 0, 2, 17, 0, 3, 17, 0]))
            + segment(0xC4, b"\0" + DC_BITS + DC_VALUES + b"\x10" + AC_BITS + AC_VALUES)
            + segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])) + bytes(out) + b"\xff\xd9")


def ifd(order, at, entries, following=0):
    """One TIFF directory at offset `at`; entries are (tag, type, value)."""
    code = {1: "B", 3: "H", 4: "I"}
    table, extra = b"", b""
    extra_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, v in sorted(entries):
        if kind == 2:
            data, count = v.encode() + b"\0", len(v.encode()) + 1
        elif kind == 7:
            data, count = v, len(v)
        elif kind == 5:
            data, count = b"".join(struct.pack(order + "II", *pair) for pair in v), len(v)
        else:
            v = v if isinstance(v, (list, tuple)) else [v]
            data, count = struct.pack(order + code[kind] * len(v), *v), len(v)
        table += struct.pack(order + "HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", extra_at + len(extra))
            extra += data + b"\0" * (len(data) % 2)
    return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", following) + extra


def maker_note(content_id):
    """Apple's note: tag 17 ties the two halves of a Live Photo."""
    head = b"Apple iOS\0\0\1MM"
    return head + ifd(">", len(head), [(0x0001, 4, 14), (0x0011, 2, content_id)])


def exif(when, width, height, model="iPhone 99 Pro", content_id=None, place=None):
    entries = [(0x010F, 2, "Apple"), (0x0110, 2, model), (0x0112, 3, 1), (0x0131, 2, "26.0"),
               (0x0132, 2, when.strftime("%Y:%m:%d %H:%M:%S")), (0x8769, 4, 0)]
    detail = [(0x9003, 2, when.strftime("%Y:%m:%d %H:%M:%S")), (0x9004, 2, when.strftime("%Y:%m:%d %H:%M:%S")),
              (0x9011, 2, "+02:00"), (0x9291, 2, "417"), (0xA002, 4, width), (0xA003, 4, height),
              (0x9000, 7, b"0232")]
    if content_id:
        detail.append((0x927C, 7, maker_note(content_id)))
    gps = []
    if place:
        lat, lon = place
        entries.append((0x8825, 4, 0))
        gps = [(0x0001, 2, "N"), (0x0002, 5, [(int(lat), 1), (int(lat % 1 * 60), 1), (0, 1)]),
               (0x0003, 2, "E"), (0x0004, 5, [(int(lon), 1), (int(lon % 1 * 60), 1), (0, 1)])]
    exif_at = 8 + len(ifd(">", 8, entries))
    gps_at = exif_at + len(ifd(">", exif_at, detail))
    where = {0x8769: exif_at, 0x8825: gps_at}
    entries = [(tag, kind, where.get(tag, v)) for tag, kind, v in entries]
    return (struct.pack(">2sHI", b"MM", 42, 8) + ifd(">", 8, entries) + ifd(">", exif_at, detail)
            + (ifd(">", gps_at, gps) if gps else b""))


def photo(*name, when, size=(200, 152), quality=60, **more):
    return jpeg(landscape(*size, *name), exif(when, *size, **more), quality)


def png(rows, text=None):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + bytes(c for pixel in row for c in pixel) for row in rows)
    note = chunk(b"tEXt", b"Comment\0" + text.encode("latin-1")) if text else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0))
            + note + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def dng(rows, when):
    """An uncompressed grey TIFF that says it is a DNG."""
    height, width = len(rows), len(rows[0])
    pixels = bytes(pixel[1] for row in rows for pixel in row)
    entries = [(0x00FE, 4, 0), (0x0100, 4, width), (0x0101, 4, height), (0x0102, 3, 8), (0x0103, 3, 1),
               (0x0106, 3, 1), (0x010F, 2, "Apple"), (0x0110, 2, "iPhone 99 Pro"), (0x0111, 4, 0), (0x0112, 3, 1),
               (0x0115, 3, 1), (0x0116, 4, height), (0x0117, 4, len(pixels)),
               (0x0132, 2, when.strftime("%Y:%m:%d %H:%M:%S")), (0xC612, 1, [1, 4, 0, 0]), (0xC613, 1, [1, 4, 0, 0]),
               (0xC614, 2, "iPhone99,1 back camera")]
    start = 8 + len(ifd("<", 8, entries))
    entries = [(tag, kind, start if tag == 0x0111 else v) for tag, kind, v in entries]
    return struct.pack("<2sHI", b"II", 42, 8) + ifd("<", 8, entries) + pixels


def box(kind, *parts):
    data = b"".join(parts)
    return struct.pack(">I4s", len(data) + 8, kind) + data


def full(kind, *parts, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def heic(when, *name, content_id=None, size=(4032, 3024), place=None):
    """The boxes of a HEIC with a true Exif item; the picture item is noise, not HEVC."""
    pixels = noise(3000, "heic", *name)
    tiff = struct.pack(">I", 6) + b"Exif\0\0" + exif(when, *size, content_id=content_id, place=place)

    def meta(first):
        places = b"".join(struct.pack(">HHHHII", i, 0, 0, 1, at, n)
                          for i, at, n in [(1, first, len(pixels)), (2, first + len(pixels), len(tiff))])
        hvcc = bytes.fromhex("0103700000000000000000005af000fcfdf8f800000b00")
        return full(
            b"meta", full(b"hdlr", b"\0" * 4, b"pict", b"\0" * 12, b"\0"), full(b"pitm", struct.pack(">H", 1)),
            full(b"iinf", struct.pack(">H", 2), full(b"infe", struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0", version=2),
                 full(b"infe", struct.pack(">HH4s", 2, 0, b"Exif"), b"\0", version=2, flags=1)),
            full(b"iref", box(b"cdsc", struct.pack(">HHH", 2, 1, 1))),
            box(b"iprp", box(b"ipco", box(b"hvcC", hvcc), full(b"ispe", struct.pack(">II", *size))),
                full(b"ipma", struct.pack(">IHBBB", 1, 1, 2, 0x81, 0x02))),
            full(b"iloc", struct.pack(">BBH", 0x44, 0x00, 2), places, version=1))
    head = box(b"ftyp", b"heic", struct.pack(">I", 0), b"mif1", b"MiHE", b"heic")
    first = len(head) + len(meta(0)) + 8
    return head + meta(first) + box(b"mdat", pixels, tiff)


def film(frames, when, size, brand=b"qt  ", content_id=None):
    """A QuickTime film of JPEG frames, with Apple's metadata keys."""
    seconds = int((when - datetime(1904, 1, 1, tzinfo=timezone.utc)).total_seconds())
    head = box(b"ftyp", brand, struct.pack(">I", 0), brand if brand == b"qt  " else b"isommp41" + brand)
    first = len(head) + 8
    count, unit = len(frames), 600
    length = count * 100
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    places, at = [], first
    for frame in frames:
        places.append(at)
        at += len(frame)
    entry = (b"\0" * 6 + struct.pack(">H", 1) + b"\0" * 16 + struct.pack(">HHIIIH", *size, 0x480000, 0x480000, 0, 1)
             + b"\x0cPhoto - JPEG".ljust(32, b"\0") + struct.pack(">Hh", 24, -1))
    table = box(b"stbl", full(b"stsd", struct.pack(">I", 1), box(b"jpeg", entry)),
                full(b"stts", struct.pack(">III", 1, count, 100)), full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
                full(b"stsz", struct.pack(">II", 0, count), *[struct.pack(">I", len(f)) for f in frames]),
                full(b"stco", struct.pack(">I", count), *[struct.pack(">I", p) for p in places]))
    track = box(b"trak",
                full(b"tkhd", struct.pack(">IIIII", seconds, seconds, 1, 0, length), b"\0" * 16, matrix,
                     struct.pack(">II", size[0] << 16, size[1] << 16), flags=15),
                box(b"mdia", full(b"mdhd", struct.pack(">IIIIHH", seconds, seconds, unit, length, 0, 0)),
                    full(b"hdlr", b"mhlrvide" if brand == b"qt  " else b"\0\0\0\0vide", b"\0" * 12, b"\0"),
                    box(b"minf", full(b"vmhd", b"\0" * 8, flags=1),
                        box(b"dinf", full(b"dref", struct.pack(">I", 1), full(b"url ", flags=1))), table)))
    keys = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.model": "iPhone 99 Pro",
            "com.apple.quicktime.software": "26.0",
            "com.apple.quicktime.creationdate": (when + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+0200")}
    if content_id:
        keys["com.apple.quicktime.content.identifier"] = content_id
    meta = box(b"meta", full(b"hdlr", b"\0" * 4, b"mdta", b"\0" * 12),
               full(b"keys", struct.pack(">I", len(keys)), *[box(b"mdta", k.encode()) for k in keys]),
               box(b"ilst", *[box(struct.pack(">I", i), box(b"data", struct.pack(">II", 1, 0), v.encode()))
                              for i, v in enumerate(keys.values(), 1)]))
    movie = box(b"moov", full(b"mvhd", struct.pack(">IIIIIH", seconds, seconds, unit, length, 0x10000, 0x100),
                              b"\0" * 10, matrix, b"\0" * 24, struct.pack(">I", 2)), track, meta)
    return head + box(b"mdat", *frames) + movie


# ---------------------------------------------------------------- containers and small formats

def zipped(members, when, streamed=True, utf8_flag=False):
    """A zip as Apple writes it: sizes after the data, UTF-8 names with the flag for them left clear.

    Members are (name, bytes) or (name, bytes, unix mode); equal names are kept.
    """
    stamp = (when.year - 1980) << 9 | when.month << 5 | when.day
    clock = when.hour << 11 | when.minute << 5 | when.second // 2
    out, central = b"", b""
    for name, data, *mode in members:
        mode = mode[0] if mode else (0o040755 if name.endswith("/") else 0o100644)
        stored = name.endswith((".iwa", "/")) or not data or mode & 0o170000 == 0o120000
        packed = data
        if not stored:
            squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = squeeze.compress(data) + squeeze.flush()
        late = streamed and not stored
        flags = (8 if late else 0) | (0x800 if utf8_flag and not name.isascii() else 0)
        crc, raw = zlib.crc32(data), name.encode()
        sizes = (crc, len(packed), len(data))
        fields = struct.pack("<HHHHH", 20, flags, 0 if stored else 8, clock, stamp)
        central += (b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + fields + struct.pack("<III", *sizes)
                    + struct.pack("<HHHHHII", len(raw), 0, 0, 0, 0, mode << 16, len(out)) + raw)
        out += (b"PK\3\4" + fields + struct.pack("<III", *((0, 0, 0) if late else sizes))
                + struct.pack("<HH", len(raw), 0) + raw + packed)
        if late:
            out += b"PK\7\x08" + struct.pack("<III", *sizes)
    return out + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), len(out), 0)


def locked(zipped):
    """The same zip with all members marked as encrypted, and as if they were."""
    data, central = bytearray(zipped), zipped.rindex(b"PK\5\6")
    at, = struct.unpack_from("<I", data, central + 16)
    while data[at:at + 4] == b"PK\1\2":
        packed, = struct.unpack_from("<I", data, at + 20)
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        head, = struct.unpack_from("<I", data, at + 42)
        data[at + 8] |= 1
        data[head + 6] |= 1
        start = head + 30 + name
        data[start:start + packed] = noise(packed, "locked", head)
        at += 46 + name + extra + comment
    return bytes(data)


def tarred(members, when):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), int(when.timestamp()), 0o600
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def pdf(lines, when, *name):
    text = "BT /F1 12 Tf 60 760 Td 16 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
               "/Resources << /Font << /F1 5 0 R >> >> >>",
               f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
               "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
               "<< /Producer (macOS Quartz PDFContext) /CreationDate (D:" + when.strftime("%Y%m%d%H%M%S") + "Z00'00') >>"]
    out, places = "%PDF-1.3\n%\u00c4\u00e5\u00f2\u00e5\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out.encode("latin-1")))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(out.encode("latin-1"))
    mark = hashlib.md5(f"{name}{when}".encode()).hexdigest()
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{p:010} 00000 n \n" for p in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 6 0 R /ID [<{mark}> <{mark}>] >>\n"
    return (out + f"startxref\n{start}\n%%EOF\n").encode("latin-1")


def rows_csv(header, rows, end="\n", quote=csv.QUOTE_MINIMAL):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=quote)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def foundation_json(value):
    """Foundation's pretty printer puts a blank on both sides of the colon."""
    return json.dumps(value, ensure_ascii=False, indent=2, separators=(",", " : ")).encode()


def sqlite_file(script, fill=None, log=None):
    """The bytes of a database and, with `log`, of a write-ahead log that alone holds what `log` wrote."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "db"
        db = sqlite3.connect(path, isolation_level=None)
        db.executescript("PRAGMA page_size=4096; PRAGMA auto_vacuum=2;" + script)
        if fill:
            db.execute("BEGIN")
            fill(db)
            db.execute("COMMIT")
        if not log:
            db.close()
            return path.read_bytes()
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("BEGIN")
        log(db)
        db.execute("COMMIT")
        both = path.read_bytes(), Path(f"{path}-wal").read_bytes()
        db.close()
        return both


def apple_time(when):
    return (when - datetime(2001, 1, 1, tzinfo=timezone.utc)).total_seconds()


def binary_plist(value):
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY, sort_keys=True)


def placeholder(name, size):
    """The stub that iCloud Drive left, up to macOS 13, for a file that is only in the cloud."""
    data = binary_plist({"NSURLNameKey": name, "NSURLFileSizeKey": size,
                         "NSURLFileResourceTypeKey": "NSURLFileResourceTypeRegular"})
    assert len(data) < 200
    return data


# ---------------------------------------------------------------- keys and certificates

DRAWN = [
    f"{FIRST}/Certificates/Example Family Root CA.cer", f"{FIRST}/Certificates/www.example.com.pem",
    f"{LATER}/Certificates/www.example.com.pem", f"{FIRST}/Certificates/Old VPN.crt",
    f"{FIRST}/Certificates/Family bundle.p7b", f"{LATER}/Certificates/Family bundle.p7b",
    f"{FIRST}/Certificates/Family bundle (PEM).p7b", f"{FIRST}/Certificates/jordan.der",
    f"{FIRST}/Keys/Jordan Example.p12", f"{LATER}/Keys/Jordan Example.p12",
    f"{FIRST}/Keys/www.example.com.pfx", f"{FIRST}/Keys/server-key.pem", f"{FIRST}/Keys/server-key.der",
    f"{FIRST}/Keys/server-key-encrypted.pem", f"{FIRST}/Keys/certificate and key.pem",
    f"{FIRST}/Keys/id_ed25519", f"{FIRST}/Keys/id_ed25519.pub", f"{FIRST}/Keys/id_ed25519_locked",
    f"{FIRST}/Keys/School (signed).mobileconfig",
]
LOG_DRAWN = [f"{export}/Contacts/Contacts.abbu/Sources/{uid('source mac')}/AddressBook-v22.abcddb{end}"
             for export in (FIRST, LATER) for end in ("", "-wal")]

LEGACY_PASSPHRASE = "correct horse"      # Jordan Example.p12
MODERN_PASSPHRASE = "battery staple"     # www.example.com.pfx
KEY_PASSPHRASE = "tr0ub4dor"             # server-key-encrypted.pem, id_ed25519_locked

CA_CONFIG = """[ca]
default_ca=me
[me]
database=index
serial=serial
new_certs_dir=.
default_md=sha256
policy=any
unique_subject=no
email_in_dn=yes
[any]
countryName=optional
organizationName=optional
commonName=supplied
emailAddress=optional
[req]
distinguished_name=dn
[dn]
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[server]
basicConstraints=CA:FALSE
subjectAltName=DNS:www.example.com,DNS:example.com
extendedKeyUsage=serverAuth
[mail]
basicConstraints=CA:FALSE
subjectAltName=email:jordan@example.com
extendedKeyUsage=emailProtection,clientAuth
"""


def draw_keys():
    """Everything of DRAWN, anew."""
    folder = Path(tempfile.mkdtemp())

    def ssl(*args):
        return subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True).stdout

    def read(name):
        return (folder / name).read_bytes()

    (folder / "ca.cnf").write_text(CA_CONFIG)
    (folder / "index").write_text("")
    (folder / "serial").write_text("5EED01\n")
    for name in ("ca", "server", "vpn"):
        ssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")
    ssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "jordan.key")

    def certificate(name, key, subject, section, start, end, own=False):
        ssl("req", "-new", "-config", "ca.cnf", "-key", f"{key}.key", "-utf8", "-subj", subject, "-out", "req")
        signer = ["-selfsign"] if own else ["-cert", "ca.crt"]
        ssl("ca", "-batch", "-config", "ca.cnf", *signer, "-keyfile", "ca.key", "-in", "req", "-utf8", "-notext",
            "-extensions", section, "-startdate", start, "-enddate", end, "-out", f"{name}.crt")

    certificate("ca", "ca", "/C=ZZ/O=Example Family/CN=Example Family Root CA", "root", "20240101000000Z", "20440101000000Z", own=True)
    certificate("server", "server", "/O=Example Family/CN=www.example.com", "server", "20251001000000Z", "20261001000000Z")
    certificate("renewed", "server", "/O=Example Family/CN=www.example.com", "server", "20260928000000Z", "20270928000000Z")
    certificate("jordan", "jordan", "/O=Example Family/CN=Jordan Example/emailAddress=jordan@example.com", "mail", "20260401000000Z", "20280401000000Z")
    certificate("vpn", "vpn", "/O=Bücher & Töchter (invented)/CN=vpn.example.net", "server", "20200601000000Z", "20230601000000Z")

    def der(name):
        return ssl("x509", "-in", f"{name}.crt", "-outform", "DER")

    def bag(name):
        return (f"Bag Attributes\n    friendlyName: {name}\n    localKeyID: 5E ED 00 01 \n"
                f"subject=O = Example Family, CN = {name}\n\nissuer=C = ZZ, O = Example Family, CN = Example Family Root CA\n\n").encode()

    def bundle(*names, form="DER"):
        return ssl("crl2pkcs7", "-nocrl", *[a for n in names for a in ("-certfile", f"{n}.crt")], "-outform", form)

    def keychain_p12():
        """As Keychain Access exports it: RC2-40 for certificates, 3DES for the key, SHA-1 for the MAC."""
        return ssl("pkcs12", "-export", "-legacy", "-inkey", "jordan.key", "-in", "jordan.crt", "-certfile", "ca.crt",
                   "-name", "Jordan Example", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES",
                   "-macalg", "sha1", "-passout", f"pass:{LEGACY_PASSPHRASE}")

    for name, phrase in (("id_ed25519", ""), ("id_ed25519_locked", KEY_PASSPHRASE)):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-C", "jordan@example.com", "-N", phrase, "-f", str(folder / name)], check=True)
    (folder / "profile").write_bytes(plistlib.dumps(school_profile()))
    a, b = f"{FIRST}/", f"{LATER}/"
    drawn = {
        a + "Certificates/Example Family Root CA.cer": der("ca"),
        a + "Certificates/www.example.com.pem": bag("www.example.com") + read("server.crt") + read("ca.crt"),
        b + "Certificates/www.example.com.pem": bag("www.example.com") + read("renewed.crt") + read("ca.crt"),
        a + "Certificates/Old VPN.crt": der("vpn"),
        a + "Certificates/Family bundle.p7b": bundle("ca", "server", "jordan"),
        b + "Certificates/Family bundle.p7b": bundle("jordan", "renewed", "ca"),
        a + "Certificates/Family bundle (PEM).p7b": bundle("ca", "vpn", form="PEM").replace(b"\n", b"\r\n"),
        a + "Certificates/jordan.der": der("jordan"),
        a + "Keys/Jordan Example.p12": keychain_p12(),
        b + "Keys/Jordan Example.p12": keychain_p12(),
        a + "Keys/www.example.com.pfx": ssl("pkcs12", "-export", "-inkey", "server.key", "-in", "server.crt", "-name",
                                            "www.example.com", "-passout", f"pass:{MODERN_PASSPHRASE}"),
        a + "Keys/server-key.pem": read("server.key"),
        a + "Keys/server-key.der": ssl("pkcs8", "-topk8", "-nocrypt", "-in", "server.key", "-outform", "DER"),
        a + "Keys/server-key-encrypted.pem": ssl("pkcs8", "-topk8", "-in", "server.key", "-v2", "aes-256-cbc",
                                                 "-passout", f"pass:{KEY_PASSPHRASE}"),
        a + "Keys/certificate and key.pem": read("server.crt") + ssl("ec", "-in", "server.key"),
        a + "Keys/id_ed25519": read("id_ed25519"),
        a + "Keys/id_ed25519.pub": read("id_ed25519.pub"),
        a + "Keys/id_ed25519_locked": read("id_ed25519_locked"),
        a + "Keys/School (signed).mobileconfig": ssl("smime", "-sign", "-binary", "-nodetach", "-outform", "DER", "-in", "profile",
                                                     "-signer", "server.crt", "-inkey", "server.key"),
    }
    shutil.rmtree(folder)
    return drawn


def school_profile():
    return {"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "org.example.school",
            "PayloadUUID": uid("school profile"), "PayloadDisplayName": "Example School",
            "PayloadContent": [{"PayloadType": "com.apple.wifi.managed", "PayloadVersion": 1, "SSID_STR": "example-school",
                                "PayloadIdentifier": "org.example.school.wifi", "PayloadUUID": uid("school wifi"),
                                "EncryptionType": "WPA2", "Password": "chalk-and-cheese-1906"}]}


def certificates_and_keys(x, drawn):
    first, mine = drawn[FIRST], drawn[x.name]

    def take(path, kind, **more):
        x.put(path, mine.get(path, first.get(path)), kind, **more)

    for path, records in [("Example Family Root CA.cer", 1), ("www.example.com.pem", 2), ("Old VPN.crt", 1),
                          ("Family bundle.p7b", 3), ("Family bundle (PEM).p7b", 2), ("jordan.der", 1)]:
        take(f"Certificates/{path}", "certificate", records=records)
    for path in ["Jordan Example.p12", "www.example.com.pfx", "server-key.pem", "server-key.der", "server-key-encrypted.pem",
                 "certificate and key.pem", "id_ed25519", "id_ed25519_locked", "School (signed).mobileconfig"]:
        take(f"Keys/{path}", "key")
    take("Keys/id_ed25519.pub", "file")
    x.keep("Keys/from the old Mac.zip", zipped([("Jordan Example.p12", first["Keys/Jordan Example.p12"]),
                                                ("__MACOSX/._Jordan Example.p12", appledouble())], x.when), "file", sealed=True)
    key = first["Keys/id_ed25519"]
    x.keep("Keys/server backup.tgz", gzip.compress(tarred([("home/.ssh/config", b"Host example\n"), ("home/.ssh/id_ed25519", key)], x.when),
                                                   mtime=0), "file", sealed=True)
    x.keep("Keys/chain with key.pem", first["Certificates/www.example.com.pem"] * 42 + first["Keys/server-key.pem"], "key")

    volatile = x.name if x.later else "first"
    x.put("Keys/Home.mobileconfig", plistlib.dumps({
        "PayloadContent": [
            {"PayloadType": "com.apple.wifi.managed", "PayloadVersion": 1, "SSID_STR": "Example Home", "EncryptionType": "WPA3",
             "Password": "one two buckle my shoe", "PayloadIdentifier": "org.example.home.wifi", "PayloadUUID": uid("wifi", volatile)},
            {"PayloadType": "com.apple.security.root", "PayloadVersion": 1, "PayloadIdentifier": "org.example.home.root",
             "PayloadUUID": uid("root", volatile), "PayloadContent": first["Certificates/Example Family Root CA.cer"]},
            {"PayloadType": "com.apple.security.pkcs12", "PayloadVersion": 1, "PayloadIdentifier": "org.example.home.p12",
             "PayloadUUID": uid("p12", volatile), "Password": LEGACY_PASSPHRASE,
             "PayloadContent": first["Keys/Jordan Example.p12"]}],
        "PayloadDisplayName": "Home", "PayloadIdentifier": "org.example.home", "PayloadType": "Configuration",
        "PayloadUUID": uid("home", volatile), "PayloadVersion": 1}, sort_keys=False), "key")

    blob = struct.pack(">III", 0xFADE0711, 0x101, 0x78) + noise(108, "keychain", volatile)
    schema = struct.pack(">II", 0x20 + len(blob), 1) + struct.pack(">I", 0x0C) + struct.pack(">II", 0x14 + len(blob), 0x80000000) + blob
    x.put("Keys/login.keychain-db", struct.pack(">4sIIII", b"kych", 0x00010000, 0x10, 0x14, 0) + schema
          + noise(400, "keychain rows"), "key")

    def rows(db):
        for i in range(3):
            db.execute("INSERT INTO genp VALUES(?,?,?,?,?)", (i + 1, 7e8 + i, 7e8 + i, noise(20, "agrp", i), noise(90, "wrapped", i)))
    x.put("Keys/keychain-2.db", sqlite_file(
        "CREATE TABLE genp(rowid INTEGER PRIMARY KEY, cdat REAL, mdat REAL, sha1 BLOB, data BLOB);"
        "CREATE TABLE inet(rowid INTEGER PRIMARY KEY, data BLOB); CREATE TABLE cert(rowid INTEGER PRIMARY KEY, data BLOB);"
        "CREATE TABLE keys(rowid INTEGER PRIMARY KEY, data BLOB); CREATE TABLE tversion(version INTEGER);", rows), "key")
    x.put("Keys/Family.kdbx", bytes.fromhex("03d9a29a67fb4bb5") + struct.pack("<HH", 0, 4)
          + struct.pack("<BI", 2, 16) + bytes.fromhex("31c1f2e6bf714350be5805216afc5aff")
          + struct.pack("<BI", 0, 4) + b"\r\n\r\n" + noise(600, "kdbx", volatile), "key")


# ---------------------------------------------------------------- passwords, cards, browsing

def otp(issuer, user):
    secret = base64.b32encode(noise(20, "otp", issuer, user)).decode()
    return f"otpauth://totp/{issuer}:{user}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"


def password(*name):
    r = rng("password", *name)
    return "-".join("".join(r.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=6)) for _ in range(3))


HOSTS = ["accounts.example.com", "bank.example.org", "shop.example.net", "github.example.com", "mail.example.com",
         "library.example.org", "railway.example.net", "school.example.org", "energy.example.com", "forum.example.net",
         "wiki.example.org", "photos.example.com", "clinic.example.org", "insurance.example.net", "museum.example.org",
         "news.example.com", "radio.example.net", "garden.example.org", "cycling.example.net", "chess.example.com"]


def apple_rows(x):
    """Title, URL, Username, Password, Notes, OTPAuth."""
    rows = []
    for i, host in enumerate(HOSTS):
        user = ["jordan@example.com", "jordan", "j.example", "ida@example.org"][i % 4]
        rows.append([f"{host} ({user})", f"https://{host}/", user, password(host, user), "", ""])
    by = {row[1][8:-1]: row for row in rows}
    by["bank.example.org"][4] = "PIN 4711\nasks for the 2nd and 5th letter\n\"mother's\" name: Oak, Ash"
    by["github.example.com"][5] = otp("Git Hub", "j.example").replace("Git Hub", "Git%20Hub")
    by["mail.example.com"][5] = otp("Mail", "jordan@example.com")
    by["shop.example.net"][3] = 'comma, "quotes" and a semicolon;'
    by["railway.example.net"][3] = "two\nlines"
    by["school.example.org"][3] = "  leading blanks and a trailing one "
    by["museum.example.org"][3] = ""
    by["wiki.example.org"][3] = "Пароль-密碼-비밀번호-🔑"
    by["chess.example.com"][3] = "=HYPERLINK(1)"
    twice = ["forum.example.net (ida@example.org)", "https://forum.example.net/", "ida@example.org"]
    by["forum.example.net"][:4] = [*twice, password("forum", 1)]
    rows.append([*twice, password("forum", 2), "the second one is older", ""])
    rows.append(["Example Home router", "", "admin", "opensesame", "", ""])
    rows.append(["münchen.example", "https://xn--mnchen-3ya.example/login?next=%2F", "jürgen", password("idn"), "", ""])
    rows.append(["accounts.example.com (jordan@example.com)", "https://login.example.com/", "jordan@example.com",
                 by["accounts.example.com"][3], "", ""])
    if x.later:
        rows.remove(by["radio.example.net"])
        by["library.example.org"][3] = password("library", "changed")
        rows.append(["pottery.example.org (jordan)", "https://pottery.example.org/", "jordan", password("pottery"), "", ""])
        rows.append(["ferry.example.net (ida@example.org)", "https://ferry.example.net/", "ida@example.org", password("ferry"), "",
                     otp("Ferry", "ida@example.org")])
        rng("row order").shuffle(rows)
    return rows


def epoch_ms(when):
    return int(when.timestamp() * 1000)


def epoch_us(when):
    return int(when.timestamp() * 1_000_000)


def passwords(x):
    rows = apple_rows(x)
    apple = rows_csv(["Title", "URL", "Username", "Password", "Notes", "OTPAuth"], rows)
    x.put("Passwords/Passwords.csv", apple, "passwords", records=len(rows))
    korean = [["은행 (홍길동)", "https://bank.example.kr.test/", "홍길동", "가나다 라마바", ""],
              ["지하철 (gildong)", "https://metro.example.test/", "gildong", password("metro"), otp("Metro", "gildong")],
              ["", "https://empty.example.test/", "", "", ""]]
    x.put("Passwords/암호.csv", b"\xef\xbb\xbf" + rows_csv(["Title", "Url", "Username", "Password", "OTPAuth"], korean),
          "passwords", records=3)
    x.put("Passwords/one-time codes.txt", otp("Mail", "jordan@example.com") + "\n" + otp("Ferry", "ida@example.org") + "\n"
          "otpauth://hotp/Lab:jordan?secret=" + base64.b32encode(b"not a real secret").decode().rstrip("=") + "&counter=7\n",
          "passwords", records=3)

    folder = "Passwords/Other managers"
    logins = [(f"https://{host}/", ["jordan@example.com", "ida"][i % 2], password("other", host)) for i, host in enumerate(HOSTS[:6])]
    x.put(f"{folder}/Chrome Passwords.csv", rows_csv(
        ["name", "url", "username", "password", "note"],
        [[url[8:-1], url, user, secret, "first line\nsecond line" if i == 2 else ""] for i, (url, user, secret) in enumerate(logins)],
        "\r\n"), "passwords", records=6)
    used = epoch_ms(x.when)
    fox = []
    for i, (url, user, secret) in enumerate(logins):
        made = 1_650_000_000_123 + i * 86_400_000
        fox.append([url.rstrip("/"), user, secret, "", url.rstrip("/"), "{" + uid("firefox", url).lower() + "}", made,
                    used - i * 1000 if i % 2 else made + 5, made + 3])
    fox.append(["https://nas.example.test:8443", "jordan", "said \"\"twice\"\"", "Example NAS", "", "{" + uid("nas").lower() + "}",
                1_650_000_000_000, 1_650_000_000_000, 1_650_000_000_000])
    head = ["url", "username", "password", "httpRealm", "formActionOrigin", "guid", "timeCreated", "timeLastUsed", "timePasswordChanged"]
    x.put(f"{folder}/firefox-logins.csv", "\r\n".join(
        ",".join('"' + str(cell).replace('"', '""') + '"' if cell != "" else "" for cell in row) for row in [head, *fox]) + "\r\n",
        "passwords", records=7)

    safe = x.when.strftime("%Y%m%d")
    x.put(f"{folder}/bitwarden_export_{safe}.csv", rows_csv(
        ["folder", "favorite", "type", "name", "notes", "fields", "reprompt", "login_uri", "login_username", "login_password", "login_totp"],
        [["Home", "1", "login", "Example Bank", "", "member no: 555-0142\nbranch: Elm", "0",
          "https://bank.example.org/,https://www.example.org/bank", "jordan", password("bw", 1), ""],
         ["", "", "login", "Example Mail", "", "", "0", "https://mail.example.com/", "jordan@example.com", password("bw", 2),
          otp("Mail", "jordan@example.com")],
         ["", "", "note", "Alarm code", "9 0 2 1 0", "", "1", "", "", "", ""]], "\r\n"), "passwords", records=3)
    revised = "2026-09-01T08:00:00.000Z"
    x.put(f"{folder}/bitwarden_export_{safe}.json", json.dumps({
        "encrypted": False, "folders": [{"id": uid("bw folder").lower(), "name": "Home"}],
        "items": [
            {"passwordHistory": [{"lastUsedDate": "2025-02-03T04:05:06.000Z", "password": "an older one"}], "revisionDate": revised,
             "creationDate": "2023-01-01T00:00:00.000Z", "deletedDate": None, "id": uid("bw item", 1).lower(), "organizationId": None,
             "folderId": uid("bw folder").lower(), "type": 1, "reprompt": 0, "name": "Example Bank", "notes": None, "favorite": True,
             "fields": [{"name": "member no", "value": "555-0142", "type": 0, "linkedId": None},
                        {"name": "recovery", "value": "nine oaks", "type": 1, "linkedId": None}],
             "login": {"uris": [{"match": None, "uri": "https://bank.example.org/"}], "username": "jordan",
                       "password": password("bw", "changed" if x.later else 1), "totp": None, "fido2Credentials": []},
             "collectionIds": None},
            {"revisionDate": revised, "creationDate": "2024-01-01T00:00:00.000Z", "deletedDate": None, "id": uid("bw item", 2).lower(),
             "organizationId": None, "folderId": None, "type": 2, "reprompt": 1, "name": "Alarm code", "notes": "9 0 2 1 0",
             "favorite": False, "secureNote": {"type": 0}, "collectionIds": None},
            {"revisionDate": revised, "creationDate": "2024-05-01T00:00:00.000Z", "deletedDate": None, "id": uid("bw item", 3).lower(),
             "organizationId": None, "folderId": None, "type": 3, "reprompt": 0, "name": "Blue card", "notes": None, "favorite": False,
             "card": {"cardholderName": "Jordan Example", "brand": "Visa", "number": "4111111111111111", "expMonth": "4",
                      "expYear": "2029", "code": "123"}, "collectionIds": None}]}, indent=2, ensure_ascii=False), "passwords", records=3)
    x.put(f"{folder}/1Password.csv", rows_csv(
        ["Title", "Url", "Username", "Password", "OTPAuth", "Favorite", "Archived", "Tags", "Notes"],
        [["Example Shop", "https://shop.example.net/", "ida", password("1p", 1), "", "true", "false", "home;shopping", "line one\nline two"],
         ["Old forum", "https://forum.example.net/", "ida", password("1p", 2), otp("Forum", "ida"), "false", "true", "", ""]]),
        "passwords", records=2)
    x.put(f"{folder}/lastpass_export.csv", rows_csv(
        ["url", "username", "password", "totp", "extra", "name", "grouping", "fav"],
        [["https://news.example.com/", "jordan", "salt &amp; pepper &lt;3", "", "", "News", "Reading", "0"],
         ["http://sn", "", "", "", "NoteType:Server\nHostname:nas.example.test", "NAS", "", "1"]]), "passwords", records=2)
    x.put(f"{folder}/Proton Pass_export.csv", rows_csv(
        ["name", "url", "username", "password", "note", "totp"],
        [["Clinic", "https://clinic.example.org/", "ida@example.org", password("pp", 1), "", ""],
         ["Garden", "https://garden.example.org/", "jordan", password("pp", 2), "ask Ida", otp("Garden", "jordan")]]),
        "passwords", records=2)
    x.put(f"{folder}/KeePassXC.csv", rows_csv(
        ["Group", "Title", "Username", "Password", "URL", "Notes", "TOTP", "Icon", "Last Modified", "Created"],
        [["Root/Home", "Router", "admin", "opensesame", "http://router.example.test", "", "", "0", "2026-05-01T10:00:00Z", "2024-05-01T10:00:00Z"],
         ["Root", "Chess \x1b[31m\u202etrap", "jordan", password("kp", 1), "https://chess.example.com/", "a \"rook\"", "", "19", "2026-05-02T10:00:00Z",
          "2024-05-02T10:00:00Z"]], quote=csv.QUOTE_ALL), "passwords", records=2)
    x.put(f"{folder}/generic.csv", rows_csv(["url", "username", "password"], [["https://wiki.example.org/", "jordan", password("generic")]]),
          "passwords", records=1)

    def secret(kind, value, **more):
        return {"fieldType": kind, "value": value, **more}
    x.put(f"{folder}/cxf-export.json", json.dumps({
        "version": {"major": 1, "minor": 0}, "exporterRpId": "passwords.example.com", "exporterDisplayName": "Example Passwords",
        "timestamp": int(x.when.timestamp()),
        "accounts": [{
            "id": b64url(noise(16, "cxf account")), "username": "jordan", "email": "jordan@example.com", "fullName": "Jordan Example",
            "collections": [{"id": b64url(noise(16, "cxf home")), "title": "Home",
                             "items": [{"item": b64url(noise(16, "cxf", 1))}]}],
            "items": [
                {"id": b64url(noise(16, "cxf", 1)), "creationAt": 1_700_000_000, "modifiedAt": 1_710_000_000, "title": "Example Bank",
                 "favorite": True, "scope": {"urls": ["https://bank.example.org"], "androidApps": []},
                 "credentials": [
                     {"type": "basic-auth", "username": secret("string", "jordan", id=b64url(b"u1")),
                      "password": secret("concealed-string", password("cxf", 1))},
                     {"type": "totp", "secret": base64.b32encode(noise(20, "cxf totp")).decode(), "period": 30, "digits": 6,
                      "username": "jordan", "algorithm": "sha1", "issuer": "Example Bank"},
                     {"type": "custom-fields", "label": "Branch", "fields": [secret("boolean", "false", label="closed")]}]},
                {"id": b64url(noise(16, "cxf", 2)), "creationAt": 1_720_000_000, "title": "Example Mail",
                 "scope": {"urls": ["https://mail.example.com"], "androidApps": []},
                 "credentials": [{"type": "passkey", "credentialId": b64url(noise(16, "cxf passkey")), "rpId": "mail.example.com",
                                  "username": "jordan@example.com", "userDisplayName": "Jordan", "userHandle": b64url(noise(8, "handle")),
                                  "key": b64url(bytes.fromhex("302e020100300506032b657004220420") + noise(32, "passkey"))}]},
                {"id": b64url(noise(16, "cxf", 3)), "title": "Example Home", "credentials": [
                    {"type": "wifi", "ssid": secret("string", "Example Home"), "passphrase": secret("concealed-string", "one two buckle my shoe"),
                     "networkSecurityType": secret("wifi-network-security-type", "wpa3-personal")},
                    {"type": "kind-of-the-future", "something": "kept as it is"}]}]}]}, ensure_ascii=False), "passwords", records=3)

    inner = zipped([("Passwords.csv", apple)], x.when)
    x.keep("Passwords/Everything.zip", zipped([("letter.txt", b"Dear Ida, the other one is inside.\n"), ("inner/Old.zip", inner)], x.when),
           "file", sealed=True)
    x.keep("Passwords/for the lawyer.tar", tarred([("for the lawyer/Passwords.csv", apple)], x.when), "file", sealed=True)
    x.keep("Passwords/for the lawyer, with a password.zip", locked(zipped([("Passwords.csv", apple)], x.when)), "file",
           sealed=True, doubt="encrypted zip")
    x.keep("Passwords/for the lawyer.7z", b"7z\xbc\xaf\x27\x1c\0\4" + noise(500, "7z"), "file", sealed=True, doubt="7z archive")
    x.keep(f"{folder}/1Password.1pux", zipped([
        ("export.attributes", json.dumps({"version": 3, "description": "1Password Unencrypted Export", "createdAt": 1_757_000_000}).encode()),
        ("export.data", json.dumps({"accounts": [{"attrs": {"accountName": "Example"}, "vaults": [{"items": [
            {"uuid": "made-up", "details": {"loginFields": [{"value": password("1pux"), "designation": "password"}]}}]}]}]}).encode()),
        ("files/made-up__recovery.txt", b"nine oaks\n")], x.when), "passwords", records=1)
    x.keep(f"{folder}/KeePass.xml", (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<KeePassFile>\n\t<Meta>\n\t\t<Generator>KeePass</Generator>\n\t</Meta>\n'
        "\t<Root>\n\t\t<Group>\n\t\t\t<Entry>\n\t\t\t\t<String><Key>UserName</Key><Value>jordan</Value></String>\n"
        f'\t\t\t\t<String><Key>Password</Key><Value>{password("keepass")}</Value></String>\n\t\t\t</Entry>\n'
        "\t\t</Group>\n\t</Root>\n</KeePassFile>\n"), "passwords", records=1)
    return apple


VISITS = ["https://www.example.com/", "https://news.example.com/world?page=2", "https://maps.example.net/?q=Elm+Street",
          "https://reset.example.org/password?token=4f9d0f1b2a", "https://ko.example.test/검색?q=고양이", "http://router.example.test/"]


def safari(x, apple):
    def envelope(kind, rows):
        return {"metadata": {"browser_name": "Safari", "browser_version": x.macos, "data_type": kind,
                             "export_time_usec": epoch_us(x.when), "schema_version": 1}, kind: rows}

    first = datetime(2026, 8, 1, 7, 30, tzinfo=timezone.utc)
    visits = []
    for i in range(24):
        at = epoch_us(first + timedelta(hours=31 * i)) + 4711 * i
        row = {"url": VISITS[i % 6], "time_usec": at, "visit_count": i // 6 + 1 + (2 if x.later else 0)}
        if i % 6 != 5:
            row["title"] = f"Example page {i % 6}"
        visits.append(row)
    visits[5]["latest_visit_was_load_failure"] = True
    visits[9]["latest_visit_was_http_get"] = False
    visits[12].update(source_url="http://example.com/", source_time_usec=visits[12]["time_usec"] - 900)
    visits[13].update(destination_url="https://news.example.com/world", destination_time_usec=visits[13]["time_usec"] + 900)
    work = [{"url": "https://intranet.example.org/", "title": "Intranet", "time_usec": epoch_us(first) + 5, "visits_count": 9}]
    if x.later:
        visits = visits[4:] + [{"url": "https://pottery.example.org/", "title": "Pottery", "visit_count": 1,
                                "time_usec": epoch_us(x.when) - 60_000_000}]
    used = [1757840523123456.5, 1.7573e15] if x.later else [1757740523123456.5, 1.7573e15]
    cards = [{"card_name": "Blue card", "card_number": "4111111111111111", "cardholder_name": "JORDAN EXAMPLE", "card_expiration_month": 4,
              "card_expiration_year": 2029, "card_last_used_time_usec": used[0]},
             {"card_number": "5555555555554444", "cardholder_name": "IDA EXAMPLE", "card_expiration_month": 11, "card_expiration_year": 2027,
              "card_last_used_time_usec": used[1]},
             {"card_number": "378282246310005"}]
    extensions = [{"display_name": "Reader Helper", "composed_identifier": "com.example.reader (EXAMPLE123)", "developer_name": "Example Software",
                   "marketplace_lookup": {"store_identifier": "999000111"}},
                  {"display_name": "No Ads (beta)", "composed_identifier": "org.example.noads (EXAMPLE456)"}]

    def link(depth, url, title):
        return "\t" * depth + f'<DT><A HREF="{url}">{title}</A>\n'
    added = link(2, "https://pottery.example.org/", "Pottery") if x.later else ""
    bookmarks = ("<!DOCTYPE NETSCAPE-Bookmark-file-1>\n\t<HTML>\n\t<META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=UTF-8\">\n"
                 "\t<Title>Bookmarks</Title>\n\t<H1>Bookmarks</H1>\n\t<DT><H3 FOLDED>Favorites</H3>\n\t<DL><p>\n"
                 + link(2, "https://www.example.com/?a=1&amp;b=2", "Example &amp; Co") + link(2, "https://news.example.com/", "News") + added
                 + "\t\t<DT><H3 FOLDED>Reisen</H3>\n\t\t<DL><p>\n" + link(3, "https://railway.example.net/", "Züge")
                 + link(3, "https://ferry.example.net/", "フェリー") + "\t\t</DL><p>\n"
                 "\t\t<DT><H3 FOLDED>Empty</H3>\n\t\t<DL><p>\n\t\t</DL><p>\n\t</DL><p>\n"
                 "\t<DT><H3 FOLDED>Bookmarks Menu</H3>\n\t<DL><p>\n" + link(2, "javascript:void(document.title='x')", "Bookmarklet")
                 + link(2, "feed://radio.example.net/podcast.xml", "Radio") + "\t</DL><p>\n"
                 + link(1, "https://garden.example.org/", "Garden")
                 + '\t<DT><H3 FOLDED id="com.apple.ReadingList">Reading List</H3>\n\t<DL><p>\n'
                 + link(2, "https://museum.example.org/long-read", "A long read")
                 + "\t\t<DD>It was a dark and stormy night in the museum of examples …\n\t</DL><p>\n</HTML>\n")
    name = f"Safari Export {x.day}"
    parts = [("Bookmarks.html", bookmarks.encode(), "bookmark", 8 + x.later),
             ("History.json", foundation_json(envelope("history", visits)), "history", len(visits)),
             ("History - Work.json", foundation_json(envelope("history", work)), "history", 1),
             ("Passwords.csv", apple, "passwords", len(apple_rows(x))),
             ("PaymentCards.json", foundation_json(envelope("payment_cards", cards)), "cards", 3),
             ("Extensions.json", foundation_json(envelope("extensions", extensions)), "file", None),
             ("Extensions - Work.json", foundation_json(envelope("extensions", extensions[:1])), "file", None)]
    for part, data, kind, records in parts:
        x.put(f"Safari/{name}/{part}", data, kind, **({"records": records} if records else {}))
    x.put(f"Safari/{name}.zip", zipped([(f"{name}/", b""), *[(f"{name}/{p}", d) for p, d, *_ in parts]], x.when), "file", sealed=True)
    x.put("Safari/책갈피.html", bookmarks.replace("Bookmarks Menu", "책갈피 메뉴").replace("Favorites", "즐겨찾기").replace(
        "Bookmarks", "책갈피").replace("Reading List", "읽기 목록"), "bookmark", records=8 + x.later)


# ---------------------------------------------------------------- contacts

# given, family, organisation, domain; what is left out is left out of the card too
PEOPLE = """
Anneliese|Böhmländer|Bücher & Töchter|example.org
Jordan|Example|Example Family|example.com
Ida|Example||example.org
Wren|O'Quillon|Quill; Ink, and Sons|example.net
Þórdís|Hrafnkelsdæla||example.org
Łucjan|Żmudziński|Kolej Przykładowa|example.net
Zdeňka|Křížalová||example.com
Ömür|Çağlıyan||example.org
Nguyễn|Thảo Mẫu||example.com
Ọlábísí|Àpẹẹrẹ||example.net
Ιόλη|Παραδειγμάτου||example.org
Радомила|Примерова|Музей примеров|example.org
Остап|Зразковий||example.net
Անահիտ|Օրինակյան||example.com
ნესტანი|მაგალითიშვილი||example.org
נועם|לדוגמה||example.net
سلمى|المثالية|مكتبة المثال|example.org
آرش|نمونه‌پور||example.com
उदिता|नमूनाकर||example.net
উদাহরণা|নমুনা||example.org
எடுத்துக்காட்டு|மாதிரி||example.com
ตัวอย่าง|สมมุติ||example.net
미리|보기||example.org
한결|예시||example.com
見本|花子|見本商事|example.net
例子|太郎||example.org
范例|小雨|範例書店|example.com
樣本|大文||example.net
Ələmdar|Nümunəli||example.com
Māra|Paraugniece||example.org
Eszter|Példaházy||example.net
Iñaki|Ejemplarreta||example.com
Désirée|D’Exemplaire||example.org
João|Exemplário||example.net
Sámi|Ovdamearka||example.org
Keoni|Kumuʻākea||example.com
ᏌᎶᎵ|ᎠᏓᎴᏂ||example.net
ምሳሌ|ናሙና||example.org
Quentin|Placeholder|Lorem Ipsum Ltd|example.com
||Example Plumbing|example.net
""".strip().split("\n")

RENAMED, ADDED = 3, ("Tove", "Tilføjet", "", "example.org")
VANISHED = (9, 20, 33)                    # the last of them has no UID
WITHOUT_UID = {5, 12, 19, 26, 33}
ONLY_ABUID = {7, 14, 28, 35}
WITH_PHOTO = {1, 2, 24}


def fold(line, first=75):
    """Lines of at most 75 octets, never cut inside a character."""
    out, limit = [], first
    while len(line.encode()) > limit:
        cut = limit
        while line.encode()[:cut].decode(errors="ignore").encode() != line.encode()[:cut]:
            cut -= 1
        head = line.encode()[:cut].decode()
        out.append(head)
        line, limit = line[len(head):], 74
    return "\r\n ".join([*out, line])


def escape(text):
    return text.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;").replace("\n", "\\n")


def portrait(i):
    return jpeg(landscape(40, 40, "portrait", i), quality=45)


def card(x, i, person):
    given, family, org, domain = person
    if x.later and i == RENAMED:
        family = "Böhmländer-O'Quillon"
    full_name = " ".join(filter(None, (given, family))) or org
    r = rng("card", i)
    mailbox = f"person{i:02}"
    item = 2 if x.later and i % 3 == 0 else 1        # an unused number: later items move up, the person is the same
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"PRODID:-//Apple Inc.//macOS {x.macos}//EN",
             f"N:{escape(family)};{escape(given)};;{'Dr.' if i == 11 else ''};", f"FN:{escape(full_name)}"]
    if i == 1:
        lines += ["NICKNAME:Jo", "X-MAIDENNAME:Sample"]
    if given in ("見本", "例子"):
        lines += ["X-PHONETIC-FIRST-NAME:みほん", "X-PHONETIC-LAST-NAME:はなこ"]
    if org:
        lines += [f"ORG:{escape(org)};{'Einkauf' if i == 0 else ''}"]
    if i % 5 == 1:
        lines += ["TITLE:Head of Examples"]
    lines += [f"EMAIL;type=INTERNET;type=HOME;type=pref:{mailbox}@{domain}"]
    if i % 4 == 0:
        lines += [f"item{item}.EMAIL;type=INTERNET:{mailbox}.work@example.com", f"item{item}.X-ABLabel:Büro"]
        item += 1
    lines += [f"TEL;type=CELL;type=VOICE;type=pref:+1 (202) 555-01{i:02}"]
    if i % 6 == 2:
        lines += [f"TEL;type=HOME;type=VOICE:202-555-01{99 - i}"]
    if i % 3 == 0:
        lines += [f"item{item}.ADR;type=HOME;type=pref:;;{r.randrange(1, 99)} Elm Street\\nBack door;Exampleton;;{r.randrange(10000, 99999)};Nowhere",
                  f"item{item}.X-ABADR:de"]
        item += 1
    if i % 7 == 1:
        lines += [f"X-SOCIALPROFILE;type=mastodon;x-user={mailbox}:https://social.example.net/@{mailbox}"]
    if i == 3:
        lines += ["NOTE:" + escape("Likes tea; dislikes commas, mostly.\nKeeps a spare key under the third stone from the left, "
                                   "which is why this note is long enough to be folded – twice, with ümläuts at the fold äöüäöüäöüäöüäöü.")]
    if i % 8 == 0:
        lines += [f"item{item}.URL;type=pref:https://www.{domain}/~{mailbox}", f"item{item}.X-ABLabel:_$!<HomePage>!$_"]
        item += 1
    if i % 9 == 2:
        lines += ["BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-05"]
    elif i % 4 == 1:
        lines += [f"BDAY:19{50 + i}-0{i % 9 + 1}-1{i % 10}"]
    if i in WITH_PHOTO:
        image = portrait(i)
        digest = b64(hashlib.md5(image).digest())
        crop = "ABClipRect_1&0&0&512&512&" if not x.later else "ABClipRect_1&4&0&504&504&"
        lines += [f"X-IMAGEHASH:{digest}", "X-IMAGETYPE:PHOTO",
                  f"PHOTO;X-ABCROP-RECTANGLE={crop}{digest};ENCODING=b;TYPE=JPEG:{b64(image)}"]
    if i == 2:
        lines += [f"item{item}.X-ABDATE;type=pref:2019-06-15", f"item{item}.X-ABLabel:_$!<Anniversary>!$_",
                  f"item{item + 1}.X-ABRELATEDNAMES;type=pref:Jordan Example", f"item{item + 1}.X-ABLabel:_$!<Spouse>!$_"]
    if not given and not family:
        lines += ["X-ABShowAs:COMPANY"]
    if i in (1, 2):
        lines += ["CATEGORIES:" + ("Friends, Family" if x.later else "Family, Friends")]
    if i not in WITHOUT_UID and i not in ONLY_ABUID:
        lines += [f"UID:{uid('person', i).lower()}"]
    if i in ONLY_ABUID or i == 1:
        lines += [f"X-ABUID:{uid('ab', i)}:ABPerson"]
    lines += ["REV:" + (x.when - timedelta(minutes=i)).strftime("%Y-%m-%dT%H:%M:%SZ"), "END:VCARD"]
    return "\r\n".join(fold(line, 77 if x.later and line.startswith("PHOTO") else 75) for line in lines) + "\r\n"


def people(x):
    listed = [(i, tuple(row.split("|"))) for i, row in enumerate(PEOPLE) if not (x.later and i in VANISHED)]
    return listed + [(40, ADDED)] * x.later


def contacts(x):
    cards = [card(x, i, person) for i, person in people(x)]
    if x.later:
        cards = cards[7:] + cards[:7]
    x.put("Contacts/All Contacts.vcf", "".join(cards), "contact", records=len(cards))
    x.put("Contacts/Old Mac.vcf", crlf(
        "BEGIN:VCARD\nVERSION:3.0\nN:Attic;Agnes;;;\nFN:Agnes Attic\nEMAIL;type=INTERNET;type=HOME;type=pref:agnes@example.org\n"
        "item1.URL;type=pref:http\\://www.example.org/agnes\nitem1.X-ABLabel:_$!<HomePage>!$_\nPHOTO;BASE64:\n"
        + "".join(f"  {b64(portrait('agnes'))[i:i + 74]}\n" for i in range(0, len(b64(portrait("agnes"))), 74))
        + f"X-ABUID:{uid('agnes')}\\:ABPerson\nEND:VCARD\n"), "contact", records=1)
    x.put("Contacts/Old phone.vcf", crlf(
        "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCster;Knut;;;\n"
        "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Knut M=C3=BCster mit einem recht langen Namen=\n=20und noch etwas\n"
        "TEL;CELL:2025550142\nEND:VCARD\nBEGIN:VCARD\nVERSION:2.1\nN:Plain;Pat\nTEL;HOME;VOICE:202-555-0143\nEND:VCARD\n"),
        "contact", records=2)
    x.put("Contacts/iPhone backup.vcf", (
        "BEGIN:VCARD\nVERSION:3.0\nPRODID:-//Apple Inc.//iPhone OS 26.0//EN\nN:Return;Double;;;\nFN:Double Return\n"
        "EMAIL;TYPE=INTERNET,WORK,pref:double@example.net\nTEL;type=CELL:202-555-0144\nEND:VCARD\n").replace("\n", "\r\r\n"),
        "contact", records=1)
    x.put("Contacts/version 4.vcf", crlf(
        "BEGIN:VCARD\nVERSION:4.0\nFN:Vera Vier\nN:Vier;Vera;;;\nEMAIL;PREF=1:vera@example.com\nTEL;VALUE=uri;TYPE=\"voice,cell\":tel:+1-202-555-0145\n"
        f"UID:urn:uuid:{uid('vera').lower()}\nBDAY:--0405\nEND:VCARD\n"), "contact", records=1)
    x.put("Contacts/cut off.vcf", crlf(
        "BEGIN:VCARD\nVERSION:3.0\nN:Whole;Wanda;;;\nFN:Wanda Whole\nEMAIL:wanda@example.org\nEND:VCARD\n"
        "BEGIN:VCARD\nVERSION:3.0\nN:Half;Henry;;;\nFN:Henry Half\nEMAIL:henry@exam"), "contact")
    address_book(x)


ADDRESS_BOOK = """
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE Z_METADATA (Z_VERSION INTEGER PRIMARY KEY, Z_UUID VARCHAR(255), Z_PLIST BLOB);
CREATE TABLE ZABCDRECORD (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZDISPLAYFLAGS INTEGER, ZISALL INTEGER,
 ZCONTAINER1 INTEGER, ZCREATIONDATE TIMESTAMP, ZMODIFICATIONDATE TIMESTAMP, ZBIRTHDAY TIMESTAMP, ZFIRSTNAME VARCHAR,
 ZMIDDLENAME VARCHAR, ZLASTNAME VARCHAR, ZTITLE VARCHAR, ZSUFFIX VARCHAR, ZNICKNAME VARCHAR, ZMAIDENNAME VARCHAR,
 ZPHONETICFIRSTNAME VARCHAR, ZPHONETICLASTNAME VARCHAR, ZORGANIZATION VARCHAR, ZDEPARTMENT VARCHAR, ZJOBTITLE VARCHAR,
 ZNAME VARCHAR, ZUNIQUEID VARCHAR, ZTHUMBNAILIMAGEDATA BLOB, ZSYNCSTATUS INTEGER);
CREATE TABLE ZABCDEMAILADDRESS (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZISPRIMARY INTEGER, ZORDERINGINDEX INTEGER,
 ZOWNER INTEGER, ZADDRESS VARCHAR, ZLABEL VARCHAR, ZUNIQUEID VARCHAR);
CREATE TABLE ZABCDPHONENUMBER (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZISPRIMARY INTEGER, ZORDERINGINDEX INTEGER,
 ZOWNER INTEGER, ZFULLNUMBER VARCHAR, ZLABEL VARCHAR, ZUNIQUEID VARCHAR);
CREATE TABLE ZABCDPOSTALADDRESS (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZOWNER INTEGER, ZSTREET VARCHAR,
 ZCITY VARCHAR, ZSTATE VARCHAR, ZZIPCODE VARCHAR, ZCOUNTRYNAME VARCHAR, ZLABEL VARCHAR);
CREATE TABLE ZABCDURLADDRESS (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZOWNER INTEGER, ZURL VARCHAR, ZLABEL VARCHAR);
CREATE TABLE ZABCDNOTE (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZCONTACT INTEGER, ZTEXT VARCHAR);
CREATE TABLE Z_22PARENTGROUPS (Z_22CONTACTS INTEGER, Z_19PARENTGROUPS1 INTEGER, PRIMARY KEY (Z_22CONTACTS, Z_19PARENTGROUPS1));
CREATE INDEX ZABCDRECORD_ZUNIQUEID_INDEX ON ZABCDRECORD (ZUNIQUEID);
"""
ENTITIES = [(14, "ABCDEmailAddress"), (15, "ABCDNote"), (17, "ABCDPhoneNumber"), (18, "ABCDRecord"), (19, "ABCDGroup"),
            (21, "ABCDContainer"), (22, "ABCDContact"), (24, "ABCDPostalAddress"), (25, "ABCDURLAddress")]


def address_book(x):
    bundle = "Contacts/Contacts.abbu"
    cloud, mac = uid("source icloud"), uid("source mac")
    opt = 9 if x.later else 4

    def entities(db, name):
        db.executemany("INSERT INTO Z_PRIMARYKEY VALUES(?,?,0,0)", ENTITIES)
        db.execute("INSERT INTO Z_METADATA VALUES(1,?,?)", (uid("store", name), binary_plist({"NSStoreType": "SQLite"})))
        db.execute("INSERT INTO ZABCDRECORD(Z_PK,Z_ENT,Z_OPT,ZNAME,ZUNIQUEID) VALUES(1,21,1,?,?)", (name, uid("container", name)))

    def insert(db, listed):
        for i, (given, family, org, domain) in listed:
            if x.later and i == RENAMED:
                family = "Böhmländer-O'Quillon"
            made = apple_time(datetime(2021, 3, 4, 5, 6, i % 60, tzinfo=timezone.utc))
            image = b"\x01" + portrait(i) if i in WITH_PHOTO else None
            at = db.execute(
                "INSERT INTO ZABCDRECORD(Z_ENT,Z_OPT,ZDISPLAYFLAGS,ZCONTAINER1,ZCREATIONDATE,ZMODIFICATIONDATE,ZFIRSTNAME,ZLASTNAME,"
                "ZORGANIZATION,ZUNIQUEID,ZTHUMBNAILIMAGEDATA,ZSYNCSTATUS) VALUES(22,?,?,1,?,?,?,?,?,?,?,?)",
                (opt, 0 if given else 1, made, made + (2e7 if x.later and i == RENAMED else 1e7), given or None, family or None,
                 org or None, f"{uid('ab', i)}:ABPerson", image, opt)).lastrowid
            db.execute("INSERT INTO ZABCDEMAILADDRESS(Z_ENT,Z_OPT,ZISPRIMARY,ZORDERINGINDEX,ZOWNER,ZADDRESS,ZLABEL,ZUNIQUEID) "
                       "VALUES(14,?,1,0,?,?,?,?)", (opt, at, f"person{i:02}@{domain}", "_$!<Home>!$_", uid("email", i)))
            db.execute("INSERT INTO ZABCDPHONENUMBER(Z_ENT,Z_OPT,ZISPRIMARY,ZORDERINGINDEX,ZOWNER,ZFULLNUMBER,ZLABEL,ZUNIQUEID) "
                       "VALUES(17,?,1,0,?,?,?,?)", (opt, at, f"+1 (202) 555-01{i:02}", "_$!<Mobile>!$_", uid("phone", i)))
            if i == 3:
                db.execute("INSERT INTO ZABCDNOTE(Z_ENT,Z_OPT,ZCONTACT,ZTEXT) VALUES(15,?,?,?)", (opt, at, "Likes tea.\nDislikes commas."))
            if i % 3 == 0:
                db.execute("INSERT INTO ZABCDPOSTALADDRESS(Z_ENT,Z_OPT,ZOWNER,ZSTREET,ZCITY,ZZIPCODE,ZCOUNTRYNAME,ZLABEL) "
                           "VALUES(24,?,?,'12 Elm Street','Exampleton','12345','Nowhere','_$!<Home>!$_')", (opt, at))
        db.execute("UPDATE Z_PRIMARYKEY SET Z_MAX=(SELECT MAX(Z_PK) FROM ZABCDRECORD) WHERE Z_ENT=22")

    def put(path, data):
        x.put(f"{bundle}/{path}", data, "contact", bundle=bundle)

    listed = people(x)
    here = [p for p in listed if p[0] < 16 or p[0] == 40]
    if x.later:
        here.reverse()
    put("AddressBook-v22.abcddb", sqlite_file(ADDRESS_BOOK, lambda db: entities(db, "On My Mac")))
    put(f"Sources/{cloud}/AddressBook-v22.abcddb",
        sqlite_file(ADDRESS_BOOK, lambda db: (entities(db, "iCloud"), insert(db, here))))
    if x.logs:
        base, log = x.logs
    else:
        base, log = sqlite_file(ADDRESS_BOOK, lambda db: entities(db, "Mac"),
                                lambda db: insert(db, [p for p in listed if p[0] in (36, 37, 38)]))
    put(f"Sources/{mac}/AddressBook-v22.abcddb", base)
    put(f"Sources/{mac}/AddressBook-v22.abcddb-wal", log)
    put(f"Sources/{cloud}/Images/{uid('image', 1)}", portrait(1))
    put(f"Sources/{cloud}/Images/{uid('image', 'orphan')}", portrait("orphan"))
    people_plists = {i: binary_plist({"UID": f"{uid('ab', i)}:ABPerson", "First": person[0], "Last": person[1],
                                      "Organization": person[2]}) for i, person in here if i in (1, 2, 4)}
    for i, data in people_plists.items():
        put(f"Sources/{cloud}/Metadata/{uid('ab', i)}.abcdp", data)
    name = "Contacts backup.abbu"
    x.keep("Contacts/Contacts backup.abbu.zip", zipped(
        [(f"{name}/", b""), (f"{name}/AddressBook-v22.abcddb", sqlite_file(
            ADDRESS_BOOK, lambda db: (entities(db, "Mac"), insert(db, [(4, tuple(PEOPLE[4].split("|")))])))),
         *[(f"{name}/Metadata/{uid('ab', i)}:ABPerson.abcdp", people_plists[i]) for i in sorted(people_plists)],
         (f"__MACOSX/{name}/._AddressBook-v22.abcddb", appledouble())], datetime(2026, 9, 1, 12, tzinfo=timezone.utc)), "file")


def appledouble():
    return bytes.fromhex("0005160700020000") + b"Mac OS X        " + struct.pack(">HIIIIII", 2, 9, 50, 32, 2, 82, 0) + b"\0" * 32


# ---------------------------------------------------------------- calendars and reminders

ZONES = {
    "Europe/Berlin": "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:DAYLIGHT\nTZOFFSETFROM:+0100\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\n"
                     "DTSTART:19810329T020000\nTZNAME:GMT+2\nTZOFFSETTO:+0200\nEND:DAYLIGHT\nBEGIN:STANDARD\nTZOFFSETFROM:+0200\n"
                     "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nDTSTART:19961027T030000\nTZNAME:GMT+1\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE",
    "America/New_York": "BEGIN:VTIMEZONE\nTZID:America/New_York\nBEGIN:DAYLIGHT\nTZOFFSETFROM:-0500\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\n"
                        "DTSTART:20070311T020000\nTZNAME:EDT\nTZOFFSETTO:-0400\nEND:DAYLIGHT\nBEGIN:STANDARD\nTZOFFSETFROM:-0400\n"
                        "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\nDTSTART:20071104T020000\nTZNAME:EST\nTZOFFSETTO:-0500\nEND:STANDARD\nEND:VTIMEZONE",
    "Asia/Seoul": "BEGIN:VTIMEZONE\nTZID:Asia/Seoul\nBEGIN:STANDARD\nTZOFFSETFROM:+0900\nDTSTART:19881009T030000\nTZNAME:GMT+9\n"
                  "TZOFFSETTO:+0900\nEND:STANDARD\nEND:VTIMEZONE",
}


def event(x, name, summary, start, end, zone="Europe/Berlin", *extra, sequence=0, created="20250102T080000Z", modified=None, kind="VEVENT"):
    """One component in the order in which Apple's Calendar writes it."""
    def when(prop, value):
        return f"{prop};VALUE=DATE:{value}" if len(value) == 8 else f"{prop};TZID={zone}:{value}"
    lines = [f"BEGIN:{kind}", f"CREATED:{created}", f"UID:{uid('event', name)}", when("DTEND", end), "TRANSP:OPAQUE",
             "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC", f"SUMMARY:{escape(summary)}", f"LAST-MODIFIED:{modified or created}",
             f"DTSTAMP:{x.stamp()}", when("DTSTART", start), f"SEQUENCE:{sequence}", *extra, f"END:{kind}"]
    return "\n".join(lines)


def alarm(name):
    return f"BEGIN:VALARM\nX-WR-ALARMUID:{uid('alarm', name)}\nUID:{uid('alarm', name)}\nTRIGGER:-PT15M\nATTACH;VALUE=URI:Chord\nACTION:AUDIO\nEND:VALARM"


def calendar(x, name, colour, zone, components, method=True):
    zones = sorted(ZONES, reverse=x.later)
    body = "\n".join(components)
    used = [ZONES[z] for z in zones if f"TZID={z}:" in body]
    if x.later:      # a newer time zone database words the same zone in another way
        used = [z.replace("TZNAME:GMT+2", "TZNAME:CEST").replace("TZNAME:GMT+1", "TZNAME:CET") for z in used]
    lines = ["BEGIN:VCALENDAR", *(["METHOD:PUBLISH"] if method else []), "VERSION:2.0", f"X-WR-CALNAME:{name}",
             f"PRODID:-//Apple Inc.//macOS {x.macos}//EN", f"X-APPLE-CALENDAR-COLOR:{colour}", f"X-WR-TIMEZONE:{zone}",
             "CALSCALE:GREGORIAN", *used, *components, "END:VCALENDAR"]
    return "\r\n".join(fold(line) for line in "\n".join(lines).split("\n")) + "\r\n"


# The tables of macOS 26 with those of their columns that are read, and some that are not.
CALENDAR_DATABASE = """
CREATE TABLE Store(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, type INTEGER);
CREATE TABLE Calendar(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER, title TEXT, color TEXT, UUID TEXT);
CREATE TABLE CalendarItem(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, summary TEXT, location_id INTEGER, description TEXT, start_date REAL,
  start_tz TEXT, end_date REAL, end_tz TEXT, all_day INTEGER, calendar_id INTEGER, orig_item_id INTEGER, orig_date REAL, organizer_id INTEGER,
  status INTEGER, availability INTEGER, privacy_level INTEGER, url TEXT, last_modified REAL, sequence_num INTEGER, birthday_id INTEGER,
  unique_identifier TEXT, hidden INTEGER, has_recurrences INTEGER, UUID TEXT, entity_type INTEGER, priority INTEGER, due_date REAL, due_tz TEXT,
  due_all_day INTEGER, completion_date REAL, creation_date REAL, phantom_master INTEGER);
CREATE TABLE Recurrence(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, frequency INTEGER, interval INTEGER, week_start INTEGER, count INTEGER,
  end_date REAL, specifier TEXT, by_month_months INTEGER, owner_id INTEGER, UUID TEXT);
CREATE TABLE ExceptionDate(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, date REAL, sync_order INTEGER);
CREATE TABLE Alarm(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, trigger_date REAL, trigger_interval INTEGER, type INTEGER,
  calendaritem_owner_id INTEGER, UUID TEXT, proximity INTEGER, disabled INTEGER, acknowledgedDate REAL);
CREATE TABLE Participant(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, entity_type INTEGER, type INTEGER, status INTEGER, role INTEGER,
  identity_id INTEGER, owner_id INTEGER, email TEXT, phone_number TEXT);
CREATE TABLE Identity(display_name TEXT, address TEXT, first_name TEXT, last_name TEXT);
CREATE TABLE Location(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, address TEXT, latitude INTEGER, longitude INTEGER);
"""


def calendars(x):
    b, n, s = "Europe/Berlin", "America/New_York", "Asia/Seoul"
    choir = [event(x, "choir", "Choir practice", "20260105T193000", "20260105T210000", b, "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261221T183000Z",
                   f"EXDATE;TZID={b}:20260406T193000", alarm("choir"), sequence=3),
             event(x, "choir", "Choir practice (in the museum)", "20260216T193000", "20260216T210000", b,
                   f"RECURRENCE-ID;TZID={b}:20260216T193000", "LOCATION:Museum of Examples", sequence=4),
             event(x, "choir", "Choir practice", "20260317T180000", "20260317T193000", b, f"RECURRENCE-ID;TZID={b}:20260316T193000", sequence=4)]
    if x.later:
        choir.append(event(x, "choir", "Choir practice (dress rehearsal)", "20261012T193000", "20261012T230000", b,
                           f"RECURRENCE-ID;TZID={b}:20261012T193000", sequence=5))
    dentist = ("20260921T103000", "20260921T110000") if x.later else ("20260918T090000", "20260918T093000")
    home = [*choir,
            event(x, "birthday", "🎂 Ida's birthday", "20200305", "20200306", b, "RRULE:FREQ=YEARLY"),
            event(x, "dentist", "Dentist", *dentist, b, "LOCATION:" + escape("Clinic of Examples\n12 Elm Street, Exampleton"),
                  "X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-ADDRESS=\"12 Elm Street\";X-APPLE-RADIUS=70;X-TITLE=Clinic:geo:0.000000,0.000000",
                  alarm("dentist"), sequence=2 if x.later else 1, modified="20260917T120000Z" if x.later else "20260901T120000Z"),
            event(x, "party", "Fête d’été – с друзьями – 友達と", "20260801T150000", "20260801T235900", b,
                  "DESCRIPTION:" + escape("Bring: bread, olives; and a song.\nПриносите песню. 歌を一曲。 " * 3)),
            event(x, "holiday", "Week at the lake", "20260810", "20260817", b)]
    if x.later:
        home = [c for c in home if "Fête" not in c]
        home += [event(x, "pottery", "Pottery course", "20261020T180000", "20261020T200000", b, created="20260930T070000Z"),
                 event(x, "ferry", "Ferry to the island", "20261101T081500", "20261101T101500", b, created="20261002T070000Z")]
        home.reverse()
    x.put("Calendars/Home.ics", calendar(x, "Home", "#1D9BF6", b, home), "event", records=6 if x.later else 5)
    work = [event(x, "standup", "Stand-up", "20260106T091500", "20260106T093000", n, "RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
                  "ORGANIZER;CN=\"Jordan Example\":mailto:jordan@example.com",
                  "ATTENDEE;CN=\"Ida Example\";CUTYPE=INDIVIDUAL;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT:mailto:ida@example.org"),
            event(x, "seoul", "Call with Seoul", "20260915T100000", "20260915T110000", s,
                  "DESCRIPTION:" + escape("Meeting 123 555 0142, passcode 004711"), "URL;VALUE=URI:https://meet.example.com/j/1235550142"),
            event(x, "review", "Review of examples", "20260930T140000", "20260930T150000", n)]
    x.put("Calendars/Work.ics", calendar(x, "Work", "#FF2968", n, work), "event", records=3)

    todos = []
    for i, (title, done) in enumerate([("Buy bread", True), ("Renew the certificate", x.later), ("Back up the photos", False),
                                       ("전화하기", False), ("Water the garden", False)] + [("Call the potter", False)] * x.later):
        todos.append("\n".join(filter(None, [
            "BEGIN:VTODO", "CREATED:20260801T080000Z", f"UID:{uid('todo', title)}", f"SUMMARY:{title}",
            "STATUS:COMPLETED" if done else "STATUS:NEEDS-ACTION", "COMPLETED:20260930T090000Z" if done else "",
            "PERCENT-COMPLETE:100" if done else "", f"PRIORITY:{[0, 1, 5, 9][i % 4]}", "DUE;TZID=Europe/Berlin:20260930T180000" if i == 1 else "",
            "LAST-MODIFIED:20260801T080000Z", f"DTSTAMP:{x.stamp()}", "SEQUENCE:0", f"X-APPLE-SORT-ORDER:{700000000 + i}",
            f"RELATED-TO:{uid('todo', 'Buy bread')}" if i == 4 else "", "END:VTODO"])))
    x.put("Calendars/Erinnerungen.ics", calendar(x, "Erinnerungen", "#CC73E1", b, todos), "reminder", records=len(todos))

    bundle = "Calendars/All.icbu"
    account, key, local = uid("caldav"), uid("calendar home"), uid("calendar local")

    def info(title, key):
        return plistlib.dumps({"Title": title, "Key": key, "Type": "CalDAV", "Checked": 1})

    def put(path, data):
        x.put(f"{bundle}/{path}", data, "event", bundle=bundle)
    put(f"{account}.caldav/Info.plist", plistlib.dumps({"Title": "iCloud", "Key": account, "Login": "jordan@example.com",
                                                        "LastSync": x.stamp()}))
    put(f"{account}.caldav/{key}.calendar/Info.plist", info("Home", key))
    groups = {}
    for part in home:
        groups.setdefault(part.split("\nUID:")[1].split("\n")[0], []).append(part)
    for name, parts in sorted(groups.items()):
        put(f"{account}.caldav/{key}.calendar/Events/{name}.ics", calendar(x, "Home", "#1D9BF6", b, parts, method=False))
    put(f"{local}.calendar/Info.plist", info("On My Mac", local))
    name = uid("event", "cat")
    put(f"{local}.calendar/Events/{name}.ics", calendar(
        x, "On My Mac", "#65DB39", b, [event(x, "cat", "Vaccination of the cat", "20261103T160000", "20261103T163000", b)], method=False))

    bundle = "Calendars/All (newer macOS).icbu"

    def insert(db, table, **row):
        db.execute(f"INSERT INTO {table}({','.join(row)}) VALUES({','.join('?' * len(row))})", tuple(row.values()))

    def rows(db):
        """Events that are in Home.ics too, and one that is not."""
        def item(name, title, start, end, zone="Europe/Berlin", **more):
            insert(db, "CalendarItem", summary=title, start_date=apple_time(start), end_date=apple_time(end), start_tz=zone, end_tz=zone,
                   all_day=int(zone == "_float"), calendar_id=1, unique_identifier=uid("event", name), UUID=uid("item", name), entity_type=2,
                   availability=0, sequence_num=0, creation_date=apple_time(datetime(2025, 1, 2, 8, tzinfo=timezone.utc)), **more)

        def at(*when):
            return datetime(*when, tzinfo=timezone.utc)
        insert(db, "Store", name="iCloud", type=2)
        insert(db, "Calendar", store_id=1, title="Home", color="#1D9BF6", UUID=key)
        insert(db, "Location", title="Clinic of Examples", address="12 Elm Street, Exampleton")
        dentist = at(2026, 9, 21, 8, 30) if x.later else at(2026, 9, 18, 7)
        item("dentist", "Dentist", dentist, dentist + timedelta(minutes=30), location_id=1)
        insert(db, "Alarm", trigger_interval=-900, type=1, calendaritem_owner_id=1)
        item("holiday", "Week at the lake", at(2026, 8, 10), at(2026, 8, 16, 23, 59, 59), "_float")
        item("birthday", "🎂 Ida's birthday", at(2020, 3, 5), at(2020, 3, 5, 23, 59, 59), "_float", has_recurrences=1)
        insert(db, "Recurrence", frequency=4, interval=1, count=0, specifier="", owner_id=3)
        if x.later:
            item("pottery", "Pottery course", at(2026, 10, 20, 16), at(2026, 10, 20, 18))
    x.put(f"{bundle}/Calendar.sqlitedb", sqlite_file(CALENDAR_DATABASE, rows), "event", bundle=bundle, records=4 if x.later else 3)


# ---------------------------------------------------------------- mail

def letter(name, sender, to, subject, when, body, kind="text/plain; charset=utf-8", message_id=True, extra=(), encoding="8bit"):
    """A message with LF line ends, as bytes."""
    head = [("Return-Path", f"<{sender.split('<')[-1].rstrip('>')}>"), *extra, ("From", sender), ("Content-Type", kind),
            ("Content-Transfer-Encoding", encoding), ("Mime-Version", "1.0 (Mac OS X Mail 16.0)"), ("Subject", subject),
            ("Date", when.strftime("%a, %d %b %Y %H:%M:%S +0000"))]
    if message_id:
        head.append(("Message-Id", f"<{uid('mail', name)}@mail.example.com>"))
    head += [("To", to), ("X-Mailer", "Apple Mail (2.9999)")]
    lines = "".join(f"{k}: {v}\n" for k, v in head) + "\n"
    return lines.encode() + (body if isinstance(body, bytes) else body.encode())


def with_attachment(name, text, data, kind, filename):
    """A multipart body, and the Content-Type that belongs to it."""
    edge = f"Apple-Mail={uid('edge', name)}"
    coded = "\n".join(b64(data)[i:i + 76] for i in range(0, len(b64(data)), 76))
    return (f"\n--{edge}\nContent-Transfer-Encoding: 7bit\nContent-Type: text/plain;\n\tcharset=us-ascii\n\n{text}\n\n"
            f"--{edge}\nContent-Disposition: inline;\n\tfilename={filename}\nContent-Type: {kind};\n\tname={filename}\n"
            f"Content-Transfer-Encoding: base64\n\n{coded}\n\n--{edge}--\n"), f"multipart/mixed;\n\tboundary=\"{edge}\""


SUBJECTS = ["Sunday lunch", "Train tickets", "Re: Sunday lunch", "Minutes of the choir", "Invoice 2026-117", "Your parcel", "Photos",
            "Reset your password", "Newsletter no. 41", "=?utf-8?B?7JWI64WV7ZWY7IS47JqU?=", "=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_=C3=96land?=",
            "=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?=", "Fwd: Minutes of the choir", "The cat", "Energy bill"]


def inbox(x):
    picture = x.files["Photos/IMG_4822.JPG"]
    start = datetime(2026, 2, 1, 7, 12, 30, tzinfo=timezone.utc)
    found = []
    for i, subject in enumerate(SUBJECTS):
        at = start + timedelta(days=14 * i, minutes=37 * i)
        sender = f"{['Ida Example', 'Wren Quillon', 'Examples News'][i % 3]} <{['ida', 'wren', 'news'][i % 3]}@example.org>"
        body = "".join(rng("mail", i, j).choice([
            "The weather in the examples is fine and nobody is ill.\n", "Bring bread, please. The olives are from last year.\n",
            "I have put the key where it always is.\n", "Es grüßt Dich herzlich: 나, я, και εγώ.\n", "\n"]) for j in range(8))
        kind, extra, encoding, with_id = "text/plain; charset=utf-8", (), "8bit", i != 5
        if i == 3:
            body = "Dear all,\n\nFrom here on the rehearsals begin at half past seven.\n\n>From the last line on we whisper.\n>>From nowhere.\n\nFrom \n"
        if i == 6:
            body, kind = with_attachment("photos", "Here it is.", picture, "image/jpeg", "IMG_4822.JPG")
            encoding = "7bit"
        if i == 10:
            body, kind = "Schöne Grüße, das Wetter ist schön – übrigens.\n".encode("cp1252"), "text/plain; charset=windows-1252"
        if i == 12:
            extra = (("Received", "from mx.example.net by mail.example.com;\n\tSat, 25 Jul 2026 07:00:00 +0000"),)
        found.append((i, at, sender, letter(i, sender, "jordan@example.com", subject, at, body, kind, with_id, extra, encoding)))
    if x.later:
        found = found[1:]
        for i, subject in enumerate(["Pottery course", "Re: The cat"]):
            at = datetime(2026, 10, 3 + i, 9, 0, 0, tzinfo=timezone.utc)
            sender = "Tove <tove@example.org>"
            found.append((100 + i, at, sender, letter(100 + i, sender, "jordan@example.com", subject, at, "See you on Tuesday.\n")))
    return found


def mbox(x, messages, table_counts=None):
    """mbox as it is, body lines that begin with `From ` unquoted, and Mail's binary table of contents."""
    out, chunks = b"", b""
    for _, at, sender, raw in messages:
        address = sender.split("<")[-1].rstrip(">")
        line = f"From {address} {at.strftime('%a %b %d %H:%M:%S %Y')}\n"
        if x.later:
            line = f"From jordan@example.com {x.when.strftime('%a %b %d %H:%M:%S %Y')}\n"
        start = len(out)
        out += line.encode() + raw.rstrip(b"\n") + b"\n\n"
        chunk = struct.pack(">II", start, len(out) - start) + sender.encode() + b"\0"
        chunks += struct.pack(">I", len(chunk) + 4) + chunk
    count = len(messages) if table_counts is None else table_counts
    return out, struct.pack(">II", 0x000DBBA0 + x.later, count) + chunks


def emlx(raw, flags, subject, when, wrong=0):
    tail = plistlib.dumps({"conversation-id": 4711, "date-last-viewed": int(when.timestamp()), "date-received": 1784000000,
                           "flags": flags, "remote-id": "4711", "subject": subject})
    return f"{len(raw) + wrong:<10}\n".encode() + raw + tail


def mail(x):
    messages = inbox(x)
    mailbox, table = mbox(x, messages)

    def bundle(name, data, table, records):
        x.put(f"Mail/{name}.mbox/mbox", data, "mail", bundle=f"Mail/{name}.mbox", records=records)
        x.put(f"Mail/{name}.mbox/table_of_contents", table, "mail", bundle=f"Mail/{name}.mbox")
    bundle("INBOX", mailbox, table, len(messages))
    kept = [m for m in messages if m[0] in (4, 8, 14)]
    bundle("Receipts", *mbox(x, kept, table_counts=5), 3)
    bundle("Receipts 1", *mbox(x, kept[:2]), 2)

    old = b""
    for i, (quoted, end) in enumerate([(">From here on I quote.", "\n"), ("From here on I do not quote.", "\n"), (">>From twice.", "\r\n")]):
        at = datetime(2009, 5, 4 + i, 3, 2, 1, tzinfo=timezone.utc)
        raw = letter(f"old {i}", "Agnes Attic <agnes@example.org>", "jordan@example.com", f"From the attic {i}", at,
                     f"Dear Jordan,\n\n{quoted}\nFrom: me, in the middle of a line\n\nAgnes\n", encoding="7bit")
        old += f"From agnes@example.org {at.strftime('%a %b %d %H:%M:%S %Y')}{end}".encode() + raw.replace(b"\n", end.encode()) + end.encode()
    x.put("Mail/Attic 2009", old, "mail", records=3)

    at = datetime(2026, 6, 7, 8, 9, 10, tzinfo=timezone.utc)
    body, kind = with_attachment("ticket", "Your ticket.", pdf(["Ticket 0142", "Exampleton - Nowhere"], at, "ticket"), "application/pdf", "ticket.pdf")
    ticket = letter("ticket", "Railway <tickets@railway.example.net>", "jordan@example.com", "Your ticket", at, body, kind, encoding="7bit")
    x.put("Mail/Your ticket.eml", ticket.replace(b"\n", b"\r\n"), "mail", records=1)
    x.put("Mail/Sunday lunch.eml", inbox_first(), "mail", records=1)
    no_id = letter("no id", "printer@example.test", "jordan@example.com", "Toner low", at, "Toner low.\n", message_id=False)
    x.put("Mail/no message id.eml", no_id, "mail", records=1)
    x.put("Mail/4711.emlx", emlx(ticket, 1 << 0 | 1 << 10, "Your ticket", x.when), "mail", records=1)
    x.put("Mail/4712.emlx", emlx(no_id, 1, "Toner low", x.when, wrong=7), "mail", records=1)

    partial = ticket.split(b"Content-Transfer-Encoding: base64\n\n")
    stripped = partial[0] + b"X-Apple-Content-Length: 1234\nContent-Transfer-Encoding: base64\n\n" + partial[1][partial[1].index(b"\n\n--"):]
    store = "Mail/Archive.mbox"
    x.put(f"{store}/Messages/4713.partial.emlx", emlx(stripped, 1, "Your ticket", x.when), "mail", bundle=store, records=1)
    x.put(f"{store}/Messages/4714.emlx", emlx(messages[-1][3], 0, "Re: The cat", x.when), "mail", bundle=store, records=1)
    x.put(f"{store}/Attachments/4713/2/ticket.pdf", pdf(["Ticket 0142", "Exampleton - Nowhere"], at, "ticket"), "mail", bundle=store)


def inbox_first():
    """The message that the later inbox no longer has, saved on its own: same Message-ID, other bytes."""
    return letter(0, "Ida Example <ida@example.org>", "jordan@example.com", "Sunday lunch",
                  datetime(2026, 2, 1, 7, 12, 30, tzinfo=timezone.utc), "Saved from Mail with another body.\n")


# ---------------------------------------------------------------- photos, notes, documents

def xmp(title, words, when):
    items = "".join(f"<rdf:li>{w}</rdf:li>" for w in words)
    return ('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">\n'
            '   <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n      <rdf:Description rdf:about=""\n'
            '            xmlns:dc="http://purl.org/dc/elements/1.1/"\n            xmlns:xmp="http://ns.adobe.com/xap/1.0/">\n'
            f'         <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>\n'
            f'         <dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>\n         <xmp:MetadataDate>{when.isoformat()}</xmp:MetadataDate>\n'
            '      </rdf:Description>\n   </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>\n')


def aae(name):
    data = zlib.compress(json.dumps({"adjustments": [{"identifier": "Crop", "settings": {"width": 120, "name": name}}]}).encode(), 9)
    return plistlib.dumps({"adjustmentBaseVersion": 0, "adjustmentData": data, "adjustmentEditorBundleID": "com.apple.mobileslideshow",
                           "adjustmentFormatIdentifier": "com.apple.photo", "adjustmentFormatVersion": "1.11",
                           "adjustmentRenderTypes": 0})


def taken(day, hour=10, minute=0):
    return datetime(2026, 7, day, hour, minute, 13, tzinfo=timezone.utc)


def live(x, stem, when, place=None):
    content_id = uid("live", stem)
    group = f"Photos/{stem}"
    x.put(f"{group}.HEIC", heic(when, stem, content_id=content_id, place=place), "photo", group=group)
    frames = [jpeg(landscape(96, 72, stem, i), quality=40) for i in range(3)]
    x.put(f"{group}.MOV", film(frames, when, (96, 72), content_id=content_id), "video", group=group)


def photos(x):
    live(x, "IMG_4821", taken(4), place=(57.5, 18.25))
    x.put("Photos/IMG_4821.xmp", xmp("At the lake", ["lake", "見本"], x.when), "photo", group="Photos/IMG_4821")
    x.put("Photos/IMG_4822.JPG", photo("IMG_4822", when=taken(5), place=(48.25, 11.5)), "photo", group="Photos/IMG_4822")
    x.put("Photos/IMG_4822.xmp", xmp("Ida &amp; the boat", ["family"], x.when), "photo", group="Photos/IMG_4822")
    edited = "Photos/IMG_4823"
    x.put("Photos/IMG_4823.JPG", photo("IMG_4823", when=taken(5, 11)), "photo", group=edited)
    x.put("Photos/IMG_4823.AAE", aae("IMG_4823"), "photo", group=edited)
    x.put("Photos/IMG_O4823.AAE", aae("original"), "photo", group=edited)
    x.put("Photos/IMG_E4823.JPG", photo("IMG_4823", when=taken(5, 11), size=(160, 120), quality=52 if x.later else 55), "photo", group=edited)
    x.put("Photos/IMG_4824.PNG", png(landscape(72, 96, "IMG_4824"), "Screenshot"), "photo")
    x.put("Photos/IMG_4825.DNG", dng(landscape(160, 120, "IMG_4825"), taken(6)), "photo")
    x.put("Photos/IMG_4826.jpeg", photo("IMG_4826", when=taken(7), size=(120, 160)), "photo")
    x.put("Photos/IMG_4826 (1).jpeg", photo("IMG_4826 other", when=taken(8)), "photo")
    x.put("Photos/FullSizeRender.HEIC", heic(taken(9), "render", size=(1024, 768)), "photo")
    clip = [jpeg(landscape(128, 96, "clip", i), quality=40) for i in range(4)]
    x.put("Photos/IMG_4830.MOV", film(clip, taken(10), (128, 96)), "video")
    x.put("Photos/RPReplay_Final1789000000.MP4", film(clip[:2], taken(11), (128, 96), brand=b"mp42"), "video")
    x.put("Photos/Screenshot 2026-07-12 at 10.12.13\u202fAM.png", png(landscape(96, 60, "screenshot")), "photo")
    if x.later:
        live(x, "IMG_4831", datetime(2026, 9, 28, 16, 20, tzinfo=timezone.utc))
        x.put("Photos/IMG_4832.JPG", photo("IMG_4832", when=datetime(2026, 10, 4, 9, 1, tzinfo=timezone.utc)), "photo")
        x.put("Photos/IMG_4833.JPG", photo("IMG_4833", when=datetime(2026, 10, 5, 9, 1, tzinfo=timezone.utc)), "photo")


def long_date(when):
    hour = when.hour % 12 or 12
    return f"{when.strftime('%A %B')} {when.day},{when.year} {hour}:{when.strftime('%M %p')} GMT"


def details(rows):
    """Photo Details.csv: the checksum is Apple's own signature, not a hash of the file."""
    def row(name, data, when, **flags):
        mark = b64(b"\x01" + hashlib.sha1(b"mmcs" + data).digest())
        return [name, mark, flags.get("favorite", "no"), flags.get("hidden", "no"), flags.get("deleted", "no"), long_date(when), 3,
                long_date(when + timedelta(days=1))]
    return rows_csv(["imgName", "fileChecksum", "favorite", "hidden", "deleted", "originalCreationDate", "viewCount", "importDate"],
                    [row(n, d, w, **f) for n, d, w, f in rows])


def take_out(x):
    def shot(name, day):
        when = datetime(2021, 8, day, 12, 11, tzinfo=timezone.utc)
        return photo("take-out", name, when=when, size=(120, 88), model="iPhone 98"), when
    base = "Take-out/iCloud Photos Part 1 of 3"
    a, b, c = shot("a", 1), shot("b", 2), shot("c", 3)
    x.put(f"{base}/Photos/IMG_0740.JPG", a[0], "photo")
    x.put(f"{base}/Photos/IMG_07401.JPG", b[0], "photo")
    x.put(f"{base}/Photos/Photo Details.csv", details([("IMG_0740.JPG", *a, {"favorite": "yes"})]), "file")
    x.put(f"{base}/Photos/Photo Details-1.csv", details([("IMG_0740.JPG", *b, {"hidden": "yes"})]).decode().encode("utf-16"), "file")
    x.put(f"{base}/Recently Deleted/IMG_0711.JPG", c[0], "photo")
    x.put(f"{base}/Albums/Sommer in Öland.csv", "Images\nIMG_0740.JPG\n", "file")
    x.put(f"{base}/Memories/By the sea.csv", "imageName\nIMG_0740.JPG\n", "file")
    d, e = shot("d", 4), shot("e", 5)
    when = datetime(2026, 9, 13, 4, tzinfo=timezone.utc)
    shared = zipped([("iCloud Shared Albums/My Albums/Boat/IMG_0001.JPG", e[0]),
                     ("iCloud Shared Albums/My Albums/Boat/AlbumInfo.json", b'{"albumName":"Boat","owner":"Jordan Example"}')], when)
    root = "iCloud Photos Part 3 of 3"
    x.put(f"Take-out/{root}.zip", zipped([
        (f"{root}/Photos/IMG_0740.JPG", d[0]), (f"{root}/Photos/Photo Details-2.csv", details([("IMG_0740.JPG", *d, {})])),
        (f"{root}/iCloud Shared Albums-1.zip", shared)], when), "file")

    notes = "Take-out/iCloud Notes"
    x.put(f"{notes}/Notes/Packing list/Packing list.txt", "Packing list\n◦\tTent\n✓\tStove\n\ufffc\n", "note")
    x.put(f"{notes}/Notes/Packing list/Attachment.png", png(landscape(40, 30, "attachment")), "photo")
    x.put(f"{notes}/Notes/旅行/宿/宿.txt", "宿\n見本旅館、二泊。\n", "note")
    x.put(f"{notes}/Notes Details.csv",
          "Title, Created On, Modified On, Pinned, Deleted, Drawing/Handwriting, ContentHash at Import\n"
          "Packing list,06-01-2026 08:00:00,06-30-2026 21:14:09,no,no,no,\n宿,05-01-2026 08:00:00,05-02-2026 09:00:00,yes,no,no,\n", "file")
    drive = "Take-out/iCloud Drive/Drive"
    plan = "Water, light, patience.\n"
    x.put(f"{drive}/Garden/plan.txt", plan, "file")
    x.put(f"{drive}/Drive Details.csv",
          "Title, Base Hash, Type, Size, Created On, Modified On, Last Opened On, Favourite, Executable, Package Signature\n"
          f"plan.txt,{b64(noise(32, 'base hash'))},txt,{len(plan)},03-01-2026 00:10:11,03-02-2026 13:14:15,"
          f"{'10-01' if x.later else '09-01'}-2026 06:00:00,no,no,\n", "file")


def notes(x):
    picture = uid("note picture")
    x.put("Notes/Sourdough.md", "# Sourdough\n\nFeed **twice**.\n\n- [ ] flour\n- [x] water\n\n"
          f"![starter](Attachments/{picture}.jpeg)\n" + ("\nNo more than 80 % water.\n" if x.later else ""), "note")
    x.put(f"Notes/Attachments/{picture}.jpeg", photo("note", when=taken(20), size=(96, 72)), "photo")
    x.put("Notes/할 일.md", "# 할 일\n\n빵을 굽는다.\n", "note")
    x.put("Notes/Choir.md", "# Choir\n\nMonday, half past seven. " + "Monday, half past seven. " * 3 + "\n", "note")
    x.put("Notes/Meter readings.txt", "Meter readings\n\n2026-08-01\t004711\n2026-09-01\t004742\n", "note")
    x.put("Notes/All notes.pdf", pdf(["Sourdough", "Feed twice."], x.when, "notes"), "note")
    pixel = b64(png([[(200, 30, 30)] * 4] * 4))
    x.put("Notes/html/Boat.html", f"<div><h1>Boat</h1></div>\n<div>Varnish &amp; rope.</div>\n<div><img src=\"data:image/png;base64,{pixel}\"/><br></div>\n", "note")
    x.put("Notes/html/data/Notes.json", json.dumps({"4711": {
        "fullNoteId": f"x-coredata://{uid('note store')}/ICNote/p4711", "filename": "Boat", "created": "2026-05-01T08:00:00Z",
        "lastExported": x.when.isoformat()}}, indent=2), "file")
    if x.later:
        x.put("Notes/Pottery.md", "# Pottery\n\nTuesdays, with Tove.\n", "note")


def iwork(title, x):
    stamp = binary_plist({"documentUUID": uid("iwork", title), "shareUUID": uid("share", title), "revision": "0::" + x.day})
    index = {"Document.iwa": b"\0\x20\0\0" + noise(32, title, "document"), "Metadata.iwa": b"\0\x20\0\0" + noise(32, title, "meta")}
    rest = {"Metadata/Properties.plist": stamp, "Metadata/DocumentIdentifier": uid("iwork", title).encode(),
            "Metadata/BuildVersionHistory.plist": plistlib.dumps(["Template: Blank (2026-01-01 00:00)", f"M14.{int(x.later)}-1"]),
            "preview.jpg": jpeg(landscape(48, 64, title), quality=45)}
    return index, rest


def documents(x):
    def put(path, data, kind, **more):
        x.put(f"Documents/{path}", data, kind, **more)

    index, rest = iwork("letter", x)
    if x.later:          # saved by another app: the same document, now as a folder
        for path, data in {"Index.zip": zipped([(f"Index/{n}", d) for n, d in index.items()], x.when), **rest}.items():
            put(f"Letter.pages/{path}", data, "document", bundle="Documents/Letter.pages")
    else:
        put("Letter.pages", zipped([*((f"Index/{n}", d) for n, d in index.items()), *rest.items()], x.when), "document")
    index, rest = iwork("budget", x)
    for path, data in {"Index.zip": zipped([(n, d) for n, d in index.items()], taken(1)), **rest, "Data/bill.png": png(landscape(24, 24, "bill"))}.items():
        put(f"Budget.numbers/{path}", data, "document", bundle="Documents/Budget.numbers")
    put("Talk.key", zipped([(f"Index/{n}", d) for n, d in iwork("talk", x)[0].items()], taken(2)), "document")
    put("Sticky.rtfd/TXT.rtf", "{\\rtf1\\ansi Remember the milk.{{\\NeXTGraphic dot.png \\width40 \\height40}\\'ac}}\n", "document", bundle="Documents/Sticky.rtfd")
    put("Sticky.rtfd/dot.png", png([[(0, 0, 0)] * 8] * 8), "document", bundle="Documents/Sticky.rtfd")
    if x.later:
        put("Report.pages", zipped([(f"Index/{n}", d) for n, d in iwork("report", x)[0].items()], taken(3)), "document")
        put(".Film of the boat.mov.icloud", placeholder("Film of the boat.mov", 91_234_567), "video", state="missing")
    else:
        put(".Report.pages.icloud", placeholder("Report.pages", 1_048_576), "document", state="missing")
    put("..drafts.numbers.icloud", placeholder("_drafts.numbers", 4711), "document", state="missing")

    when = taken(3)
    put("Minutes.docx", zipped([
        ("[Content_Types].xml", b'<?xml version="1.0" encoding="UTF-8"?>\n<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
         b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" '
         b'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'),
        ("_rels/.rels", b'<?xml version="1.0"?>\n<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
         b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'),
        ("word/document.xml", b'<?xml version="1.0"?>\n<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
         b'<w:t>Minutes of the choir.</w:t></w:r></w:p></w:body></w:document>')], when, streamed=False), "document")
    put("Tax/2025 return.pdf", pdf(["Tax return 2025 (invented)", "Owed: 0.00"], taken(1), "tax"), "document")
    x.link("Documents/Latest tax return.pdf", "Tax/2025 return.pdf")
    put("Manual.md", "# Manual of the kettle\n\nDo not use as a hat.\n", "file")
    put("Budget.csv", "Title,URL,Amount\nRent,https://bank.example.org/,700\nBread,,31\n" + ("Clay,,12\n" if x.later else ""), "file")
    put("From here on.txt", "From here on this is an ordinary text, not a mailbox.\n\nFrom the second paragraph on, too.\n", "file")
    put("To do.json", '{"metadata": {"made": "by hand"}, "accounts": ["savings"]}\n', "file")
    put("empty.txt", b"", "file")
    put("Memo.m4a", box(b"ftyp", b"M4A ", struct.pack(">I", 0), b"M4A mp42isom") + box(b"moov", full(b"mvhd", struct.pack(
        ">IIIIIH", 3_900_000_000, 3_900_000_000, 600, 600, 0x10000, 0x100), b"\0" * 10, struct.pack(
            ">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000), b"\0" * 24, struct.pack(">I", 2))) + box(b"mdat", noise(400, "memo")), "sound")
    put("Window.webarchive", binary_plist({"WebMainResource": {"WebResourceURL": "https://www.example.com/", "WebResourceMIMEType": "text/html",
                                                              "WebResourceTextEncodingName": "UTF-8", "WebResourceData": b"<p>Example</p>"}}), "file")
    put("Odd archive.zip", zipped([
        ("Odd/", b""), (f"Odd/{nfd('Äpfel')}.txt", b"decomposed name, flag for UTF-8 clear\n"), ("Odd/twice.txt", b"the first\n"),
        ("Odd/twice.txt", b"the second\n"), ("Odd/way out", b"../../etc/passwd", 0o120777), ("Odd/a:colon.txt", b"shown as a slash\n"),
        ("__MACOSX/Odd/._twice.txt", appledouble()), ("Odd/.DS_Store", b"\0\0\0\1Bud1" + b"\0" * 32)], taken(4)), "file")

    names = "Odd names"
    for name in ["Café (NFC).txt", nfd("Ångström (NFD).txt"), nfd("한글 문서.txt"), "🎉 Party 👩‍👩‍👧 plan.txt", "מסמך לדוגמה.txt", "مثال.txt",
                 "-n.txt", "C# and 100% $HOME & more;.txt", "It's fine, isn't it.txt", "#1.txt", "@2026-09-14.txt", "no extension",
                 "two  blanks.txt", "e\u0301clair and zero\u200bwidth.txt", "CamelCase.TXT", "名" * 65 + ".txt"]:
        put(f"{names}/{name}", f"Named {len(name.encode())} bytes long.\n", "file")
    if x.later:
        put("Kiln.txt", "Cone 6: 1222 degrees.\n", "file")


# ---------------------------------------------------------------- all of it

CHANGES = {
    "passwords": {"file": "Passwords/Passwords.csv", "added": ["pottery.example.org (jordan)", "ferry.example.net (ida@example.org)"],
                  "removed": ["radio.example.net (jordan@example.com)"], "changed": ["library.example.org (jordan)"]},
    "contact": {"file": "Contacts/All Contacts.vcf", "added": ["Tove Tilføjet"],
                "removed": ["Ọlábísí Àpẹẹrẹ", "எடுத்துக்காட்டு மாதிரி", "João Exemplário"],
                "changed": ["Wren O'Quillon -> Wren Böhmländer-O'Quillon"]},
    "event": {"file": "Calendars/Home.ics", "added": ["Pottery course", "Ferry to the island"], "removed": ["Fête d’été – с друзьями – 友達と"],
              "changed": ["Choir practice", "Dentist"]},
    "reminder": {"file": "Calendars/Erinnerungen.ics", "added": ["Call the potter"], "removed": [], "changed": ["Renew the certificate"]},
    "mail": {"file": "Mail/INBOX.mbox/mbox", "added": ["Pottery course", "Re: The cat"], "removed": ["Sunday lunch"], "changed": []},
    "certificate": {"file": "Certificates/www.example.com.pem", "added": ["www.example.com until 2027-09-28"],
                    "removed": ["www.example.com until 2026-10-01"], "changed": []},
    "key": {"file": "Keys/Jordan Example.p12", "added": [], "removed": [], "changed": []},
}


def make(x, drawn):
    certificates_and_keys(x, drawn)
    apple = passwords(x)
    safari(x, apple)
    contacts(x)
    calendars(x)
    photos(x)
    take_out(x)
    mail(x)
    notes(x)
    documents(x)


def write(x):
    root = HERE / x.name
    if root.exists():
        shutil.rmtree(root)
    for path, data in x.files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    for path, target in x.links.items():
        os.symlink(target, root / path)


def main():
    redraw = "--redraw" in sys.argv[1:]
    if redraw:
        keys = draw_keys()
    else:
        keys = {path: (HERE / path).read_bytes() for path in DRAWN}
    drawn = {name: {path.split("/", 1)[1]: data for path, data in keys.items() if path.startswith(name + "/")} for name in (FIRST, LATER)}
    exports = [Export(FIRST, datetime(2026, 9, 14, 9, 30, tzinfo=timezone.utc), "26.0"),
               Export(LATER, datetime(2026, 10, 16, 18, 5, tzinfo=timezone.utc), "26.1")]
    for x in exports:
        paths = [HERE / p for p in LOG_DRAWN if p.startswith(x.name + "/")]
        x.logs = None if redraw else [p.read_bytes() for p in paths]
        x.first = exports[0]
        make(x, drawn)
    for x in exports:
        write(x)
    rows = {x.name: sorted(x.rows.values(), key=lambda row: row["path"]) for x in exports}
    lines = ",\n".join(f' "{name}": [\n' + ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in listed) + "\n ]"
                       for name, listed in rows.items())
    (HERE / "manifest.json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")
    (HERE / "changes.json").write_text(json.dumps(CHANGES, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
