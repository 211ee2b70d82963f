#!/usr/bin/env python3
"""Reads a vault of icvault, format 1, without icvault.

It was written from the page FORMAT.txt beside it, which explains every step; names like P-1 are
rules there. It needs Python 3.8 or later and the programs `age` and `age-keygen`
(https://age-encryption.org) and `zstd`. It never writes to a vault.

    reader.py list    -p VAULT [PATH]             prints what is stored
    reader.py extract -p VAULT -o DIR [PATH]      writes all, or one file or folder, below DIR
    reader.py extract -p VAULT -o - PATH          prints the content of one file
    reader.py check   -p VAULT                    reads and verifies every object

VAULT is the folder that holds `keys`, `chain` and `packs`. With -p it asks for a passphrase or the
recovery code (or reads a line, when the input is no terminal); -i FILE takes a file with a line
AGE-SECRET-KEY-1... that opens a `k` slot instead. -s ID chooses a snapshot by the beginning of the
id of its chain entry; without it the newest one of every source is read, and extract writes into
DIR/SOURCE when there are several.

What is damaged is reported, and the rest is read. The exit code is 0 when all was well, 1 when
something could not be done, 21 when something in the vault is damaged or missing. Nothing that
exists is overwritten; sealed files get the mode 0600, and set-user and set-group bits are dropped.
"""
import argparse, collections, datetime, getpass, glob, hashlib, hmac, itertools, os, re, stat
import struct, subprocess, sys

INDEX, GENERAL, SEALED = 1, 2, 3                        # compartments
DATA, LIST, NODE = 1, 2, 3                              # types of chunks
NAMES = {GENERAL: "general", SEALED: "sealed"}
HEX = "[0-9a-f]{64}"
CODE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RECIPIENT = r"# %s recipient: (age1[a-z0-9]{58})\n"
SECRET = r"# %s secret: ([0-9a-f]{64})\n(AGE-SECRET-KEY-1[A-Z0-9]{58})\n"
BUNDLE = (r"# icvault key bundle 1\n# vault: ([0-9a-f]{32})\n# role: (full|everyday)\n"
          r"# label: [ -~]{1,64}\n# time: (?:0|[1-9][0-9]*)\n"
          + RECIPIENT % "index" + SECRET % "index" + RECIPIENT % "general" + SECRET % "general"
          + RECIPIENT % "sealed" + "(?:" + SECRET % "sealed" + r")?# pad 0*\n")


class Bad(Exception):
    """Something in the vault is not what it should be."""


class Locked(Bad):
    """An object is intact, but the keys at hand do not decrypt it."""


FAULTS = Bad, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error


def need(condition, otherwise):
    if not condition:
        raise Bad(otherwise)


def say(error):
    return str(error) if isinstance(error, Bad) else "malformed (%r)" % error


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def run(command, data):
    """What a program prints, or None when it fails."""
    try:
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        sys.exit("The program `%s` is not installed." % command[0])
    return done.stdout if done.returncode == 0 else None


def escape(text, also=""):
    """Text that cannot control a terminal."""
    return "".join(c if c.isprintable() and c not in also else "\\x%02x" % (ord(c) & 255)
                   if ord(c) < 128 or 0xDC80 <= ord(c) <= 0xDCFF else "\\u%04x" % ord(c) for c in text)


def printable(key):
    return "/".join(escape(p.decode("utf-8", "surrogateescape"), "/\\") for p in key.split(b"\0"))


def date(seconds, nanoseconds):
    try:
        day = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        return "%s.%09dZ" % (day.isoformat(), nanoseconds)
    except OverflowError:
        return "@%d.%09d" % (seconds, nanoseconds)


# --- Section 13: CBOR, strictly -------------------------------------------------------------------

def cbor(data):
    value, end = cbor_item(data, 0, 0)
    need(end == len(data), "CBOR: bytes after the value")
    return value


def cbor_item(data, at, depth):
    need(at < len(data), "CBOR: ends too early")
    major, n = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        need(20 <= n <= 22, "CBOR: a kind of value that is not allowed")
        return {20: False, 21: True, 22: None}[n], at
    need(major != 6 and n < 28, "CBOR: a tag or an indefinite length")
    if n > 23:
        size = 1 << n - 24
        n, at = int.from_bytes(data[at:at + size], "big"), at + size
        need(at <= len(data) and n >= (24 if size == 1 else 1 << 4 * size),
             "CBOR: a number that is not in the shortest form")
    if major < 2:
        return (n if major == 0 else -1 - n), at
    need(n <= len(data) - at, "CBOR: a length beyond the end")
    if major < 4:
        value = data[at:at + n]
        return (value if major == 2 else value.decode("utf-8")), at + n
    need(depth < 16, "CBOR: nested too deep")
    value, last = ([] if major == 4 else {}), b""
    for _ in range(n):
        begin = at
        item, at = cbor_item(data, at, depth + 1)
        if major == 4:
            value.append(item)
            continue
        need(isinstance(item, str) and data[begin:at] > last, "CBOR: keys not text or not in order")
        last = data[begin:at]
        value[item], at = cbor_item(data, at, depth + 1)
    return value, at


# --- Sections 5 and 6: slots and keys -------------------------------------------------------------

def age_passphrase(path, passphrase):
    """age reads passphrases from a terminal only, so it gets one."""
    import pty
    out, into = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.dup2(into, 1)
            os.execvp("age", ["age", "-d", path])
        finally:
            os._exit(127)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        try:
            prompt = b""
            while b":" not in prompt:
                prompt += os.read(terminal, 1024) or b":"
            os.write(terminal, passphrase.encode("utf-8", "surrogateescape") + b"\n")
        except OSError:
            pass                                        # age has ended; its exit code says why
        plain = pipe.read()
    status = os.waitpid(pid, 0)[1]
    os.close(terminal)
    return plain if status == 0 else None


def recovery_code(text):
    """The code in the form that is the passphrase, or None when the text is no recovery code."""
    text = re.sub("[- ]", "", text).upper().translate(str.maketrans("OIL", "011"))
    if len(text) != 30 or set(text) - set(CODE):
        return None
    bits = "".join(format(CODE.index(c), "05b") for c in text)
    data = b"icvault recovery code" + int(bits[:128], 2).to_bytes(16, "big")
    check = int.from_bytes(hashlib.sha256(data).digest()[:3], "big") >> 2
    return "-".join(re.findall(".....", text)) if check == int(bits[128:], 2) else None


class Bundle:
    def __init__(self, plain):
        found = re.fullmatch(BUNDLE, plain.decode("ascii"))
        need(found and len(plain) == 4096, "not a key bundle of version 1")
        vault, self.role, *keys = found.groups()
        self.identities = dict(zip((INDEX, GENERAL, SEALED), keys[2::3]))
        need((self.role == "full") == bool(self.identities[SEALED]), "role and keys do not fit")
        mine = [identity for identity in keys[2::3] if identity]
        made = run(["age-keygen", "-y"], "\n".join(mine + [""]).encode()) or b""
        need(made.decode().split() == keys[0::3][:len(mine)], "identity and recipient do not fit")
        self.vault, index, general = map(bytes.fromhex, (vault, keys[1], keys[4]))

        def derive(label, material, compartment):
            info = label + b"\0" + self.vault + bytes([compartment, 1])
            return mac(mac(bytes(32), material), info + b"\1")
        self.chunk_id = derive(b"icvault chunk id", general, GENERAL)
        self.pack_mac = {GENERAL: derive(b"icvault pack mac", general, GENERAL),
                         SEALED: derive(b"icvault pack mac", index, SEALED)}
        self.writer_mac = derive(b"icvault writer mac", index, INDEX)
        self.reader_mac = derive(b"icvault reader mac", keys[5].encode(), GENERAL)

    def verify(self, plain, end, both):
        """The writer MAC and the reader MAC of a table or a chain entry, and the padding."""
        need(end + 64 <= len(plain), "its lengths are wrong")
        writer, reader = plain[end:end + 32], plain[end + 32:end + 64]
        need(hmac.compare_digest(writer, mac(self.writer_mac, plain[:end])), "its writer MAC is wrong")
        need(hmac.compare_digest(reader, mac(self.reader_mac, plain[:end]))
             or reader == bytes(32) and not both, "its reader MAC is wrong")
        need(not plain[end + 64:].strip(b"\0"), "its padding is not zero")

    def head(self, head, kind, compartment, classes):
        need(head[:8] == b"ICVAULT1", "not an object of a vault")
        need(head[9] <= 1, "its version %d is newer than this reader" % head[9])
        need(any(head[8:] == bytes([kind, 1, compartment, c, 0, 0, 0, 0]) + self.vault
                 for c in classes), "its head is wrong")


# --- Sections 8 and 10: packs and tables ----------------------------------------------------------

def check_frame(frame, content, raw_only):
    """Refuses a zstd frame that is not as P-2 to P-4 say; returns the content of a raw one."""
    need(frame[:4] == b"\x28\xb5\x2f\xfd", "a block that is not zstd")
    flags, at, raw = frame[4], 5, frame[4] == 0xA0
    single, checksum = flags >> 5 & 1, flags >> 2 & 1
    need(not flags & 0x1B and (checksum or raw) and (raw or not raw_only), "a zstd frame not allowed")
    if not single:
        base = 1 << 10 + (frame[at] >> 3)
        need(base + base // 8 * (frame[at] & 7) <= 8388608, "a zstd frame with too large a window")
        at += 1
    width = (single, 2, 4, 8)[flags >> 6]
    size = int.from_bytes(frame[at:at + width], "little") + (256 if width == 2 else 0)
    need(width and size == content, "a zstd frame of another content size")
    at, last, parts = at + width, False, []
    while not last:
        block = int.from_bytes(frame[at:at + 3], "little")
        last, kind, n = block & 1, block >> 1 & 3, block >> 3
        need(kind != 3 and at + 3 <= len(frame), "a zstd frame that is broken")
        if raw:
            need(kind == 0 and n == min(content, 131072), "a raw zstd frame not as P-3 says")
            parts.append(frame[at + 3:at + 3 + n])
            content -= n
        at += 3 + (1 if kind == 1 else n)
    need(at + 4 * checksum == len(frame) and not (raw and content), "a zstd frame of wrong length")
    return b"".join(parts) if raw else None


class Pack:
    """A decrypted pack. The directory is verified at once, every chunk when it is read."""

    def __init__(self, keys, plain, compartment):
        need(len(plain) >= 104 and struct.unpack_from("<II", plain) == (0x184D2A50, 32), "not a pack")
        keys.head(plain[8:40], 1, compartment, (1,) if compartment == SEALED else (1, 2))
        end = len(plain) - 56
        need(struct.unpack_from("<II", plain, end) == (0x184D2A52, 48), "no trailer")
        trailer = plain[end + 8:]
        offset, size, zero = struct.unpack_from("<QII", trailer)
        need(40 <= offset and offset + 8 + size <= end and size <= 67108864 and not zero
             and struct.unpack_from("<II", plain, offset) == (0x184D2A51, end - offset - 8),
             "its trailer is wrong")
        directory = plain[offset + 8:offset + 8 + size]
        need(hmac.compare_digest(trailer[16:], mac(
            keys.pack_mac[compartment], plain[8:40] + trailer[:16] + directory)),
            "the MAC of its directory is wrong")
        need(not plain[offset + 8 + size:end].strip(b"\0"), "its padding is not zero")
        version, kind, self.tag, self.salt, blocks = cbor(directory)
        sealed, at = compartment == SEALED, 40
        allowed = (DATA, LIST, NODE) if sealed else (DATA,) if kind == 1 else (LIST, NODE)
        need((version, kind) == (1, plain[19]) and (len(self.tag), len(self.salt)) ==
             ((16, 32) if sealed else (0, 0)), "its directory is wrong")
        self.plain, self.sealed, self.blocks, self.chunks, self.cache = plain, sealed, [], {}, {}
        self.key = self.salt if sealed else keys.chunk_id
        for frame, content, chunks in blocks:
            start = 0
            for ident, kind, length in chunks:
                need(len(ident) == 32 and kind in allowed and length >= 0, "its directory is wrong")
                self.chunks[ident] = kind, length, start, len(self.blocks)
                start += length
            need(start == content <= 8388608 and frame > 0 and chunks and not (sealed and chunks[1:]),
                 "its directory is wrong")
            self.blocks.append((at, frame, content))
            at += frame
        need(at == offset, "its blocks do not fill it")

    def read(self, ident, kind):
        have, length, start, number = self.chunks[ident]
        need(have == kind, "a chunk of another type")
        if number not in self.cache:
            at, size, content = self.blocks[number]
            frame = self.plain[at:at + size]
            data = check_frame(frame, content, self.sealed)
            data = run(["zstd", "-dcq"], frame) if data is None else data
            need(data is not None and len(data) == content, "a block does not decompress")
            while len(self.cache) > 3:
                del self.cache[next(iter(self.cache))]
            self.cache[number] = data
        data = self.cache[number][start:start + length]
        need(hmac.compare_digest(mac(self.key, struct.pack("<BQ", kind, length) + data), ident),
             "chunk %s is not what its id says" % ident.hex())
        return data


class Table:
    def __init__(self, keys, plain):
        keys.head(plain[:32], 2, INDEX, (1, 2))
        self.count, packs, old = struct.unpack_from("<QII", plain, 32)
        self.rows = 1088 + 32 * (packs + old)
        need(not plain[48:64].strip(b"\0"), "its head is wrong")
        keys.verify(plain, self.rows + 52 * self.count, False)
        self.plain, self.kind = plain, plain[11]
        self.fan = (0,) + struct.unpack_from("<256I", plain, 64)
        self.names = [plain[i:i + 32].hex() for i in range(1088, 1088 + 32 * packs, 32)]

    def row(self, i):
        """Id, number of the pack, offset and length of the frame, offset and length of the chunk."""
        return struct.unpack_from("<32s5I", self.plain, self.rows + 52 * i)

    def find(self, ident):
        """The packs that hold a chunk."""
        low, high = self.fan[ident[0]], self.fan[ident[0] + 1]
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.row(middle)[0] < ident else (low, middle)
        while low < self.count and self.row(low)[0] == ident:
            yield self.names[self.row(low)[1]]
            low += 1


# --- The vault ------------------------------------------------------------------------------------

class Vault:
    def __init__(self, folder):
        self.folder, self.losses, self.failed = os.path.abspath(folder), set(), False
        if not os.path.isdir(os.path.join(self.folder, "chain")):
            sys.exit(escape(folder) + " is no vault: it has no folder `chain`.")
        self.slots = self.find("keys/*/*", "keys/[ab]/(?P<sort>[perk])-(?P<name>%s)" % HEX)
        self.chain = self.find("chain/*/*/*",
                               "chain/[ab]/([0-9]{5})/(?P<sort>\\1[0-9]{3})-(?P<name>%s)" % HEX)
        self.index = self.find("index/*", "index/(?P<sort>)(?P<name>%s)" % HEX)
        self.packs = self.find("packs/*/*", "packs/(..)/(?P<sort>)(?P<name>\\1[0-9a-f]{62})")
        self.keys, self.tables, self.opened = None, {}, collections.OrderedDict()
        self.found, self.scanned, self.visited = {}, False, None

    def find(self, pattern, form):
        """Files by the id in their names: {id: [(letter of a slot or number of an entry, path)]}"""
        found = {}                                      # glob leaves out names that begin with a dot
        for path in sorted(glob.glob(os.path.join(glob.escape(self.folder), pattern))):
            match = re.fullmatch(form, os.path.relpath(path, self.folder))
            if match:
                found.setdefault(match["name"], []).append((match["sort"], path))
        return found

    def lost(self, *what):
        text = ": ".join(what).replace(self.folder + os.sep, "")
        if text not in self.losses:
            self.losses.add(text)
            print("DAMAGED " + escape(text), file=sys.stderr)

    def attempt(self, name, action, *values):
        """Reports what goes wrong, so that the rest goes on."""
        try:
            return action(*values)
        except FAULTS as error:
            self.lost(name, say(error))
        except OSError as error:
            self.failed = True
            print("FAILED " + escape("%s: %s" % (name, error)), file=sys.stderr)

    def inspect(self, path, name):
        """Verifies the name and the age header of an object; returns the header's stanzas."""
        try:
            with open(path, "rb") as file:
                first = file.read(1 << 20)
                digest = hashlib.sha256(first)
                for part in iter(lambda: file.read(1 << 20), b""):
                    digest.update(part)
                need(file.tell() < 1 << 31, "too large")
        except OSError as error:
            raise Bad(error.strerror)
        need(digest.hexdigest() == name, "its SHA-256 is not its name")
        end = first.find(b"\n--- ", 0, 16384)
        need(first.startswith(b"age-encryption.org/v1\n-> ") and end > 0, "not an age file")
        stanzas = [line.split() for line in first[:end].split(b"\n") if line.startswith(b"-> ")]
        need(len(stanzas) <= 32, "an age header with too many stanzas")
        return stanzas

    def decrypt(self, path, name, compartment):
        need([s[1] for s in self.inspect(path, name)] == [b"X25519"], "not one X25519 stanza")
        identity = self.keys.identities[compartment]
        plain = run(["age", "-d", "-i", "-", path], identity.encode() + b"\n") if identity else None
        if plain is None:
            raise Locked("it does not decrypt")
        return plain

    def unlock(self, passphrase, identity):
        """Opens slots until one has keys under which an entry of the chain verifies (S-4)."""
        code, tried, opened = recovery_code(passphrase or ""), set(), False
        slots = [(letter, path, name) for name, paths in self.slots.items() for letter, path in paths]
        for letter, path, name in sorted(slots, key=lambda slot: (slot[0] == "r") != bool(code)):
            if name in tried or (letter == "k") != bool(identity) or letter == "r" and not code:
                continue
            try:
                stanzas = self.inspect(path, name)
                scrypt = [int(s[3]) for s in stanzas if s[1] == b"scrypt"]
                need(len(scrypt) == (letter != "k"), "its stanzas do not fit its name")
                need(not scrypt or len(stanzas) == 1 and scrypt[0] <= 20, "it takes too much work (S-2)")
                tried.add(name)
                plain = run(["age", "-d", "-i", identity, path], b"") if identity else \
                    age_passphrase(path, code if letter == "r" else passphrase)
                if plain is not None:
                    self.keys, opened = Bundle(plain), True
                    if any(self.entry(entry, quiet=True) for entry in self.newest_first()):
                        return
            except FAULTS as error:
                self.lost(path, say(error))
        if opened:
            raise Bad("a slot opens, but nothing in the chain verifies under its keys")
        sys.exit("No slot opens with that.")

    def newest_first(self):
        return sorted(self.chain, key=lambda name: max(self.chain[name]), reverse=True)

    def entry(self, name, quiet=False):
        """The payload of a chain entry, from whichever copy is good, or None (section 12)."""
        for number, path in self.chain.get(name, ()):
            try:
                plain = self.decrypt(path, name, INDEX)
                self.keys.head(plain[:32], 3, INDEX, (0,))
                size = struct.unpack_from("<I", plain, 32)[0]
                need(36 + size <= len(plain) and size <= 16777216, "its length is wrong")
                payload = cbor(plain[36:36 + size])
                self.keys.verify(plain, 36 + size, payload["kind"] != "snapshot")
                need(not any(key.startswith("!") for key in payload), "it needs a newer reader")
                need(payload["number"] == int(number), "its number is not the file name's")
                payload["order"] = payload["number"], int(payload["time"]), name
                payload["previous"] = [ident.hex() for ident in payload["previous"]]
                payload["roll"] = [newest["id"].hex() for newest in payload["roll"]]
                inner = payload["snapshot"] if payload["kind"] == "snapshot" else {"source": "-"}
                need(1 <= len(inner["source"].encode()) <= 255, "its source has no proper name")
                for other in payload["previous"] + payload["roll"]:
                    if other not in self.chain and not quiet:
                        self.lost("chain entry " + other, "missing, though another entry names it")
                return payload
            except FAULTS as error:
                if not quiet:
                    self.lost(path, say(error))
        return None

    def snapshots(self, prefix):
        """The snapshot asked for, or the newest one of every source."""
        if prefix:
            names = [name for name in self.chain if name.startswith(prefix)]
            if len(names) != 1:
                sys.exit("%d chain entries begin with %s." % (len(names), escape(prefix)))
        else:
            names = self.newest_first()[:1]
            top = self.entry(names[0])                  # when all others are its ancestors,
            if top and top["count"] == len(self.chain) and all(map(self.entry, top["roll"])):
                names += top["roll"]                    # it names the newest of the other sources
            else:
                names = list(self.chain)
        newest = {}
        for entry in filter(None, map(self.entry, names)):
            if entry["kind"] == "snapshot":
                source = entry["snapshot"]["source"]
                newest[source] = max(newest.get(source, entry), entry, key=lambda e: e["order"])
        made = [self.attempt("chain entry " + e["order"][2], Snapshot, self, e) for e in newest.values()]
        return [snapshot for snapshot in made if snapshot]

    def pack(self, name, compartment):
        """A verified pack. The last four stay in memory, and the faults of all bad ones."""
        if (name, compartment) not in self.opened:
            need(name in self.packs, "missing")
            try:
                plain = self.decrypt(self.packs[name][0][1], name, compartment)
                self.opened[name, compartment] = Pack(self.keys, plain, compartment)
            except FAULTS as error:
                self.opened[name, compartment] = Locked() if isinstance(error, Locked) else Bad(say(error))
        self.opened.move_to_end((name, compartment))
        for key in [key for key, value in self.opened.items() if isinstance(value, Pack)][:-4]:
            del self.opened[key]
        pack = self.opened[name, compartment]
        if isinstance(pack, Bad):
            raise type(pack)(str(pack) or "it does not decrypt")
        return pack

    def table(self, name):
        """A table is a hint: a missing one does no harm."""
        if name not in self.tables:
            self.tables[name] = None
            for _, path in self.index.get(name, ()):
                self.tables[name] = self.attempt(
                    path, lambda: Table(self.keys, self.decrypt(path, name, INDEX)))
        return self.tables[name]

    def places(self, ident, kind, hint):
        """The packs of `general` that may hold a chunk: by hint, by tables, by all directories."""
        yield hint
        for table in filter(None, self.tables.values()):
            if (table.kind == 1) == (kind == DATA):
                yield from table.find(ident)
        if not self.scanned:
            self.scanned = True
            for name in self.packs:
                try:
                    for found in self.pack(name, GENERAL).chunks:
                        self.found.setdefault(found, []).append(name)
                except Locked:
                    pass                                # it may belong to `sealed`
                except FAULTS as error:
                    self.lost("pack " + name, say(error))
        yield from self.found.get(ident, ())


# --- Sections 9 and 11: contents, trees, items ----------------------------------------------------

class Side:
    """What a snapshot has in one compartment. In `sealed` a reference is tag and id, else the id."""

    def __init__(self, vault, part, compartment):
        self.vault, self.sealed, self.name = vault, compartment == SEALED, NAMES[compartment]
        self.compartment, self.size = compartment, 48 if self.sealed else 32
        self.packs = {tag: pack.hex() for tag, pack in part.get("packs", ())}
        self.facts, self.where = [(root.get("tag", b"") + root["id"], root.get("pack", b"").hex())
                                  for root in (part["facts"], part["where"])]

    def chunk(self, reference, kind, hint=""):
        need(isinstance(reference, bytes) and len(reference) == self.size, "a malformed reference")
        tag, ident = reference[:-32], reference[-32:]
        need(not self.sealed or tag in self.packs, "a tag without a pack")
        for name in [self.packs[tag]] if self.sealed else self.vault.places(ident, kind, hint):
            if self.sealed or name in self.vault.packs:
                try:
                    pack = self.vault.pack(name, self.compartment)
                    need(pack.tag == tag, "its tag is wrong")
                    if ident in pack.chunks:
                        return pack.read(ident, kind)
                except FAULTS as error:
                    self.vault.lost("pack " + name, say(error))
        raise Bad("chunk %s is lost" % ident.hex())

    def content(self, rows, depth, total):
        """The chunks of a file in order. In `check` it only looks whether they were there."""
        visited = self.vault.visited
        need(sum(length for _, length in rows) == total, "lengths of a content do not add up")
        for reference, length in rows:
            if visited is not None and (reference, depth, length) in visited:
                continue
            if depth == 0:
                need(visited is None, "chunk %s is lost" % reference.hex())
                data = self.chunk(reference, DATA)
                need(len(data) == length, "a chunk of another length")
                yield data
                continue
            data = self.chunk(reference, LIST)
            count, rest = divmod(len(data) - 4, self.size + 8)
            need(data[:4] == bytes([1, depth - 1, 0, 0]) and 1 <= count <= 4096 and not rest,
                 "a malformed list")
            below = [*struct.iter_unpack("<%dsQ" % self.size, data[4:])]
            yield from self.content(below, depth - 1, length)
            if visited is not None:
                visited.add((reference, depth, length))

    def walk(self, root, want=b"", level=None, low=b"", last=None, hint=""):
        """Keys and values of a tree: all, or only the path `want` and what is below it."""
        visited, step = self.vault.visited, (root, level, low, last)
        if visited is not None and step in visited:
            return
        data = self.chunk(root, NODE, hint)
        need(len(data) <= 262144, "too large a node")
        version, at, entries = cbor(data)
        keys, values = entries[::2], entries[1::2]
        need(version == 1 and len(keys) == len(values) and 0 <= at < 16 and level in (None, at)
             and (keys or level is None and at == 0) and (last is None or keys[-1] == last)
             and all(len(key) <= 4096 for key in keys) and all(len(value) <= 8192 for value in values)
             and all(a < b for a, b in zip([low] + keys, keys)), "a malformed node")
        for key, value in zip(keys, values):
            if at == 0 and (not want or key == want or key.startswith(want + b"\0")):
                yield key, value
            elif at > 0 and (not want or want <= key and low < want + b"\1"):
                yield from self.guard("%s items after %s, up to %s" % (
                    self.name, printable(low), printable(key)), self.walk(value, want, at - 1, low, key))
            low = key
        if visited is not None:
            visited.add(step)

    def guard(self, name, walk):
        try:
            yield from walk
        except FAULTS as error:
            self.vault.lost(name, say(error))

    def tree(self, root, title, want=b""):
        return self.guard("%s: all %s items" % (title, self.name), self.walk(root[0], want, hint=root[1]))


class Snapshot:
    def __init__(self, vault, entry):
        self.vault, self.locked, self.sides, inner = vault, 0, [], entry["snapshot"]
        self.source, self.tables, self.order = inner["source"], inner["tables"], entry["order"]
        for compartment, name in NAMES.items():
            if not vault.keys.identities[compartment]:
                self.locked = sum(count[2] for count in inner["counts"] if count[0] == compartment)
            elif name in inner:
                self.sides.append(Side(vault, inner[name], compartment))
        self.title = "%s, snapshot %d %s of %s" % (
            escape(self.source), self.order[0], self.order[2][:16], date(*divmod(self.order[1], 10**9)))

    def items(self, want=b""):
        """(side, key, facts, [seconds, nanoseconds] or None) of every item."""
        for name in itertools.chain(*self.tables.values()):
            self.vault.table(name.hex())
        for side in self.sides:
            where = side.tree(side.where, self.title, want)
            place = next(where, None)
            for key, value in itertools.chain(side.tree(side.facts, self.title, want), [(b"\xff", None)]):
                while place and (place[0] < key or value is None):
                    self.vault.lost(self.title, printable(place[0]), "its facts are lost")
                    place = next(where, None)
                if value is None:
                    break
                time = None
                if place and place[0] == key:
                    time = self.vault.attempt(printable(key), moment, place[1])
                    place = next(where, None)
                else:
                    self.vault.lost(self.title, printable(key), "its time is lost")
                item = self.vault.attempt("%s: %s" % (self.title, printable(key)), facts, value)
                if item:
                    yield side, key, item, time


def moment(value):
    seconds, nanoseconds = cbor(value)["m"]
    need(isinstance(seconds, int) and 0 <= nanoseconds < 10**9, "a malformed time")
    return seconds, nanoseconds


def facts(value):
    item = {"c": [], "d": 0, "l": 0, "s": 0, **cbor(value)}
    need(item["t"] in (0, 1, 2) and 0 <= item["m"] <= 0o7777 and item["s"] in (0, 1, 2)
         and isinstance(item["l"], int) and 0 <= item["d"] <= 16
         and isinstance(item["p"] if item["t"] == 2 else b"", bytes), "malformed facts")
    return item


# --- What it does ---------------------------------------------------------------------------------

def show(snapshot, want):
    print("# " + snapshot.title)
    for side, key, item, time in snapshot.items(want):
        mode = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)[item["t"]] | item["m"]
        note = ("", " (missing)", " (unreadable)")[item["s"]]
        if item["t"] == 2:
            note += " -> " + printable(item["p"].replace(b"/", b"\0"))
        print(stat.filemode(mode), "%14d" % item["l"], date(*time) if time else "-" * 30,
              side.name, printable(key) + note)
    if snapshot.locked:
        print("# %d sealed items are locked" % snapshot.locked)


def send(snapshot, want):
    """Prints the content of one file."""
    for side, key, item, _ in snapshot.items(want):
        if key == want and item["t"] == 0 and not item["s"]:
            for data in side.content(item["c"], item["d"], item["l"]):
                sys.stdout.buffer.write(data)
            return
    sys.exit("There is no such file in %s." % snapshot.title)


def extract(snapshot, want, target):
    """Writes below a folder; returns how many items there were."""
    vault, folders, links, count = snapshot.vault, {}, [], 0

    def folder(path):
        """Makes a folder, or takes one that is there; never goes through a link."""
        if path not in folders:
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                if not stat.S_ISDIR(os.lstat(path).st_mode):
                    raise
            folders[path] = None

    def finish(path, mode, time):
        if mode is not None:
            os.chmod(path, mode)
        if time:
            os.utime(path, ns=(time[0] * 10**9 + time[1],) * 2, follow_symlinks=False)

    def link(path, to, time):
        os.symlink(to, path)
        finish(path, None, time)

    def write(side, key, item, time):
        parts = key.split(b"\0")
        need(not any(part in (b"", b".", b"..") or b"/" in part for part in parts), "an unsafe path (N-2)")
        for i in range(1, len(parts)):
            folder(os.path.join(target, *parts[:i]))
        path, mode = os.path.join(target, *parts), item["m"] & 0o1777
        if item["t"] == 1:
            folder(path)
            folders[path] = mode, time
        elif item["t"] == 2:
            links.append((path, item["p"], time))
        elif item["s"]:
            print("Its content was not stored: " + printable(key), file=sys.stderr)
        else:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                try:
                    for data in side.content(item["c"], item["d"], item["l"]):
                        file.write(data)
                    file.flush()
                    finish(path, 0o600 if side.sealed else mode, time)
                except BaseException:
                    os.unlink(path)                     # no half files
                    raise

    for side, key, item, time in snapshot.items(want):
        vault.attempt(printable(key), write, side, key, item, time)
        count += 1
    for path, to, time in links:                        # after all files, so none goes through one
        vault.attempt(os.fsdecode(path), link, path, to, time)
    for path in sorted(filter(folders.get, folders), reverse=True):
        vault.attempt(os.fsdecode(path), finish, path, *folders[path])
    print("%d items of %s" % (count, snapshot.title))
    if snapshot.locked:
        print("%d sealed items are locked" % snapshot.locked)
    return count


# --- check ----------------------------------------------------------------------------------------

def check(vault):
    """Reads everything: chunks pack by pack, then every list and node of every snapshot once."""
    for name, copies in {**vault.slots, **vault.chain}.items():
        if len(copies) != 2 or copies[0][0] != copies[1][0]:
            vault.lost(copies[0][1], "there are not two equal copies of it")
        for _, path in copies:
            vault.attempt(path, vault.inspect, path, name)
    entries = {name: entry for name, entry in zip(vault.chain, map(vault.entry, vault.chain)) if entry}
    for name, entry in entries.items():
        vault.attempt("chain entry " + name, check_entry, vault, name, entry, entries)
    newest = {kind: max((e for e in entries.values() if e["kind"] == kind), key=lambda e: e["order"],
                        default={}) for kind in ("slots", "snapshot")}
    for slot in newest["slots"].get("slots", ()):
        if slot["id"].hex() not in vault.slots:
            vault.lost("slot " + slot["id"].hex(), "missing")
    for name in itertools.chain(*newest["snapshot"].get("snapshot", {}).get("tables", {}).values()):
        if name.hex() not in vault.index:
            vault.lost("table " + name.hex(), "missing")
    for name in vault.index:
        vault.table(name)
    visited, locked, vault.scanned = set(), 0, True
    for name in vault.packs:
        for compartment in NAMES:
            if not vault.keys.identities[compartment]:
                locked += 1
                break
            try:
                check_pack(vault, name, vault.pack(name, compartment), visited)
                break
            except FAULTS as error:
                if compartment == SEALED or not isinstance(error, Locked):
                    vault.lost("pack " + name, say(error))
                    break
    for snapshot in vault.snapshots(""):                # do facts and where have the same keys?
        collections.deque(snapshot.items(), 0)
    vault.visited, count = visited, 0
    for name, entry in entries.items():
        if entry["kind"] == "snapshot":
            vault.attempt("chain entry " + name, check_snapshot, vault, entry)
            count += 1
    print("Checked %d slots, %d chain entries, %d tables, %d packs, %d snapshots: %s." % (
        len(vault.slots), len(vault.chain), len(vault.index), len(vault.packs), count,
        "%d faults" % len(vault.losses) if vault.losses else "all is well"))
    if locked:
        print("Of %d packs, which this role cannot open, only the SHA-256 was verified." % locked)


def check_entry(vault, name, entry, entries):
    numbers = [entries[p]["number"] for p in entry["previous"] if p in entries]
    need(entry["number"] == 1 + max(numbers, default=0) or len(numbers) < len(entry["previous"]),
         "its number does not fit the entries before it")
    if not any(name in other["previous"] for other in entries.values()):
        found, new = {name}, {name}
        while new:
            new = {p for n in new if n in entries for p in entries[n]["previous"]} - found
            found |= new
        need(entry["count"] == len(found), "it says %s entries, %d lead to it" % (entry["count"], len(found)))
    for file, digest in entry.get("files", ()):
        try:
            with open(os.path.join(vault.folder, os.path.basename(file)), "rb") as content:
                need(hashlib.sha256(content.read()).digest() == digest, "it was changed")
        except (Bad, OSError) as error:
            vault.lost(file, error.strerror if isinstance(error, OSError) else say(error))


def check_pack(vault, name, pack, visited):
    for ident, (kind, length, _, _) in pack.chunks.items():
        if vault.attempt("pack " + name, pack.read, ident, kind) is None:
            continue
        if kind == DATA:
            visited.add((pack.tag + ident, 0, length))
        elif not pack.sealed:
            vault.found.setdefault(ident, []).append(name)


def check_snapshot(vault, entry):
    snapshot = Snapshot(vault, entry)
    for _, pack in entry["snapshot"].get("sealed", {}).get("packs", ()):
        if pack.hex() not in vault.packs:
            vault.lost("pack " + pack.hex(), "missing")
    for side in snapshot.sides:
        for key, value in side.tree(side.facts, snapshot.title):
            name = "%s: %s" % (snapshot.title, printable(key))
            item = vault.attempt(name, facts, value)
            if item and not item["s"]:
                vault.attempt(name, collections.deque, side.content(
                    item["c"], item["d"], item["l"] if item["t"] == 0 else 0), 0)
        for key, value in side.tree(side.where, snapshot.title):
            vault.attempt("%s: %s" % (snapshot.title, printable(key)), moment, value)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("action", choices=["list", "extract", "check"])
    parser.add_argument("vault", metavar="VAULT")
    parser.add_argument("path", metavar="PATH", nargs="?", default="")
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("-i", metavar="FILE", dest="identity", help="a file with an age identity")
    key.add_argument("-p", action="store_true", dest="passphrase", help="ask for a passphrase")
    parser.add_argument("-s", metavar="ID", dest="snapshot", default="", help="one snapshot")
    parser.add_argument("-o", metavar="DIR", dest="output", help="where `extract` writes")
    args = parser.parse_intermixed_args()
    for stream in sys.stdout, sys.stderr:
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if args.action == "extract" and (not args.output or args.output == "-" and not args.path):
        sys.exit("extract needs -o DIR, or -o - and the path of one file")
    passphrase = None
    if args.passphrase:
        passphrase = getpass.getpass("Passphrase: ") if sys.stdin.isatty() else \
            sys.stdin.readline().rstrip("\r\n")
    vault = Vault(args.vault)
    want = os.fsencode(args.path.strip("/")).replace(b"/", b"\0")
    try:
        vault.unlock(passphrase, args.identity)
        if args.action == "check":
            check(vault)
        else:
            vault.failed |= not read(vault, vault.snapshots(args.snapshot), want, args)
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)
    except FAULTS as error:
        vault.lost(say(error))
    except OSError as error:
        sys.exit(escape(str(error)))
    sys.exit(21 if vault.losses else 1 if vault.failed else 0)


def read(vault, snapshots, want, args):
    """Lists or extracts; whether there was anything."""
    if not snapshots:
        print("There is no such snapshot, or none that can be read.", file=sys.stderr)
        return False
    if args.output == "-" and len(snapshots) > 1:
        sys.exit("There are several sources; choose a snapshot with -s.")
    count = 0
    for snapshot in snapshots:
        if args.action == "list":
            show(snapshot, want)
        elif args.output == "-":
            send(snapshot, want)
        else:
            target = args.output
            if len(snapshots) > 1:
                need("/" not in snapshot.source and snapshot.source not in (".", ".."), "an unsafe source")
                target = os.path.join(target, snapshot.source)
            os.makedirs(target, exist_ok=True)
            count += extract(snapshot, want, os.fsencode(target))
    if args.action == "extract" and args.output != "-" and want and not count:
        print("There is no such path.", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    main()
