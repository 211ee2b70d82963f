#!/usr/bin/env python3
"""Reads a vault of icvault, format 1, without icvault.

    reader.py list    -p|-i FILE VAULT [-s ID] [PATH]            prints what is stored
    reader.py extract -p|-i FILE VAULT [-s ID] -o DIR|- [PATH]   writes it below DIR, or prints the content
    reader.py find    -p|-i FILE VAULT [-s ID] [-o -] [TEXT]     prints records, a login or a certificate each,
                                                                 by their title, place, user or handle; with
                                                                 -o - their own bytes, secrets and all
    reader.py passwords -p|-i FILE VAULT [-s ID] [PATH]          prints the passwords kept for PKCS#12 stores

VAULT is the folder with `keys`, `chain` and `packs`; nothing is written there. -p asks for a passphrase, or
the recovery code as it was shown (it reads a line when the input is no terminal); -i FILE takes a file with
an age identity. -s chooses a snapshot by the beginning of its id, which ends its file's name in `chain`.
Without -s it is the newest of every source; of several, each is written to a folder named like the source.

It needs a Unix system, Python 3.8 or later and the programs `age` (https://age-encryption.org) and `zstd`.
FORMAT.txt explains every step; names like P-1 are rules there, not all of which this checks. It is short, not
fast: it decrypts every chain entry, a whole pack for one chunk, all packs when it misses a table or chunk. It
reports damage, reads the rest, replaces no file, and exits with 0, 21 for damage, or 1 for other failures.
"""
import contextlib, functools, getopt, getpass, glob, hashlib, hmac, io, os, pty, re, shutil, stat
import struct, subprocess, sys, time

PACK, TABLE, ENTRY = 1, 2, 3                            # types of objects
INDEX, GENERAL, SEALED = 1, 2, 3                        # compartments
DATA, LIST, NODE = 1, 2, 3                              # types of chunks
FILE, FOLDER, LINK = 0, 1, 2                            # types of items
mac = functools.partial(hmac.digest, digest="sha256")

def need(condition, otherwise):
    if not condition:
        raise ValueError(otherwise)

def run(command, data):
    """What a program prints, or None when it fails."""
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None

def age(path, identity, secret):
    """What age decrypts of an object whose SHA-256 is its name (F-5), or None when it cannot."""
    with open(path, "rb") as file:
        need(hashlib.sha256(file.read()).hexdigest() == path[-64:], "its SHA-256 is not its name (F-5)")
    if identity:
        return run(["age", "-d", "-i", identity, path], secret)
    terminal, its_end = pty.openpty()                   # age takes passphrases from a terminal only
    process = subprocess.Popen(["age", "-d", path], stdin=its_end, stdout=subprocess.PIPE, stderr=its_end,
                               start_new_session=True)
    os.close(its_end)
    os.read(terminal, 1)                                # waits until it asks
    os.write(terminal, secret + b"\n")
    plain = process.communicate()[0]
    os.close(terminal)
    return plain if process.returncode == 0 else None

@functools.lru_cache(8)
def decompress(frame, size):
    """The content of a zstd frame, of which no more is taken than there should be (P-2)."""
    data = run(["sh", "-c", "zstd -dcq -M8MB | head -c %d" % (size + 1)], frame)
    need(len(data) == size <= 8388608, "a block does not decompress")
    return data

def shown(name):
    """A path or other text in a form that cannot control a terminal."""
    text = os.fsdecode(name.replace(b"\0", b"/")) if isinstance(name, bytes) else name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

def cbor(data):
    """The value that bytes stand for, which must be in the one form that section 13 allows."""
    stream = io.BytesIO(data)
    value = cbor_value(stream, 1)
    need(not stream.read(1), "CBOR: bytes after the value")
    return value

def cbor_value(stream, depth):
    major, n = divmod(stream.read(1)[0], 32)
    if major == 7:
        return {20: False, 21: True, 22: None}[n]
    if n > 23:                                          # the number is in the next 1, 2, 4 or 8 bytes
        size, least = {24: (1, 24), 25: (2, 1 << 8), 26: (4, 1 << 16), 27: (8, 1 << 32)}[n]
        number = stream.read(size)
        n = int.from_bytes(number, "big")
        need(len(number) == size and n >= least, "CBOR: a number that is not in its shortest form")
    if major < 2:
        return n if major == 0 else -1 - n
    if major < 4:
        value = stream.read(n)
        need(len(value) == n, "CBOR: a length beyond the end")
        return value if major == 2 else value.decode()
    need(major < 6 and depth <= 16, "CBOR: a tag, or nested too deep")
    if major == 4:
        return [cbor_value(stream, depth + 1) for _ in range(n)]
    pairs = [(cbor_value(stream, depth + 1), cbor_value(stream, depth + 1)) for _ in range(n)]
    keys = sorted({key for key, _ in pairs}, key=lambda key: (len(key.encode()), key.encode()))
    need([key for key, _ in pairs] == keys, "CBOR: keys of a map repeated or not in order")
    return dict(pairs)

class Vault:
    def __init__(self, folder):
        self.folder, self.code, self.found = folder, 0, False       # exit code; was there any item?
        self.places, self.searched = {}, False          # {id of a chunk, or tag: name of its pack}
        self.adds = False                               # did a slot open that may only add?
        self.passwords = False                          # are passwords asked for, and not the items?

    @contextlib.contextmanager
    def guard(self, name, outside=()):
        """Reports what goes wrong, so that the rest goes on; errors of the kind `outside` are no damage."""
        try:
            yield
        except BrokenPipeError:                         # nobody reads what this prints
            os._exit(1)
        except Exception as error:                      # of whatever kind a malformed value leads to
            code, what = (1, "FAILED") if isinstance(error, outside) else (21, "DAMAGED")
            self.code, why = max(self.code, code), error if type(error) is ValueError else repr(error)
            print(what, shown(name) + ":", why, file=sys.stderr)

    def files(self, pattern):
        return sorted(glob.glob(os.path.join(glob.escape(self.folder), pattern + "[0-9a-f]" * 64)))

    def decrypt(self, path, kind, compartment):
        """The plaintext of an object with the right head (H-1), or None for a pack of other keys."""
        plain = age(path, "-", self.identities[compartment])
        if plain is None and kind == PACK:
            return None
        need(plain, "it does not decrypt")
        head = plain[8:40] if kind == PACK else plain[:32]
        need(head[9] <= 1, "its version %d is newer than this reader" % head[9])
        need(head[:11] + head[12:] == b"ICVAULT1" + bytes([kind, 1, compartment, 0, 0, 0, 0]) + self.vault
             and head[11] in ((0,) if kind == ENTRY else (1, 2)), "its head is wrong (H-1)")
        return plain

    def unlock(self, identity, passphrase):
        """The chain entries that verify under the keys of a slot that opens (S-4)."""
        for path in self.files("keys/[ab]/%s-" % ("k" if identity else "[aper]")):
            with self.guard(path):
                bundle = age(path, identity, passphrase)
                if bundle and b"\n# role: add\n" in bundle:
                    self.adds = True                    # no identity of `general`: nothing to read with it
                elif bundle is not None:
                    found = re.findall("(?m)^# (?:vault|index secret|general secret|sealed secret): "
                                       "([0-9a-f]+)\n(AGE-SECRET-KEY-1.*)?", bundle.decode())
                    self.vault, index, general = [bytes.fromhex(digits) for digits, _ in found[:3]]
                    self.secrets = {INDEX: index, GENERAL: general, SEALED: index}
                    self.handles = {GENERAL: general, SEALED: bytes.fromhex(found[3][0])} if found[3:] else {}
                    self.identities = {part: line.encode() for part, (_, line) in enumerate(found) if part}
                    entries = self.chain()
                    need(entries, "it opens, but nothing in the chain verifies under its keys")
                    return entries
        return {}

    def key(self, label, compartment):
        """A key of section 6."""
        secret = self.identities[GENERAL] if label == b"reader mac" else self.secrets[compartment]
        return mac(mac(bytes(32), secret), b"icvault %b\0%b%c\1\1" % (label, self.vault, compartment))

    def chain(self):
        """All chain entries that verify, by id (section 12)."""
        entries, paths = {}, self.files("chain/[ab]/?????/????????-")
        names = {path[-64:] for path in paths}
        for path in paths:
            with self.guard(path):
                if path[-64:] not in entries:           # there are two copies
                    plain = self.decrypt(path, ENTRY, INDEX)
                    end = 36 + struct.unpack("<I", plain[32:36])[0]
                    entry, macs = cbor(plain[36:end]), plain[end:end + 64]
                    right = mac(self.key(b"writer mac", INDEX), plain[:end])
                    if entry["kind"] != "snapshot" or macs[32:] != bytes(32):
                        right += mac(self.key(b"reader mac", GENERAL), plain[:end])
                    need(macs.startswith(right), "its MACs are wrong (E-1)")
                    need(entry["number"] == int(path[-73:-65]), "its number is not its file's (E-1)")
                    need(not any(key.startswith("!") for key in entry), "it needs a newer reader (E-3)")
                    entry["order"] = entry["number"], int(entry["time"]), path[-64:]
                    entry["source"] = entry.get("snapshot", {"source": ""})["source"].encode()
                    entries[path[-64:]] = entry
                    for other in entry["previous"] + [newest["id"] for newest in entry["roll"]]:
                        need(other.hex() in names, "entry %s, which it names, is missing (E-2)" % other.hex())
        return entries

    @functools.lru_cache(4)
    def pack(self, name, compartment):
        """What is in a pack: {(reference, type): (frame, its content's size, start, length, id key)}."""
        path, chunks, at = os.path.join(self.folder, "packs", name[:2], name), {}, 40
        with self.guard(path):
            plain = self.decrypt(path, PACK, compartment)
            if plain is None:
                return {}
            offset, size, _ = struct.unpack("<QII", plain[-48:-32])
            directory = plain[offset + 8:offset + 8 + size]
            right = mac(self.key(b"pack mac", compartment), plain[8:40] + plain[-48:-32] + directory)
            need(right == plain[-32:], "the MAC of its directory is wrong (P-1)")
            version, kind, tag, salt, blocks = cbor(directory)
            need((version, kind) == (1, plain[19]), "its directory is not as its head (P-1)")
            key = salt or self.key(b"chunk id", GENERAL)
            for size, content, inside in blocks:
                start, frame, at = 0, plain[at:at + size], at + size
                for ident, kind, length in inside:
                    chunks[tag + ident, kind] = frame, content, start, length, key
                    start += length
        return chunks

    def chunk(self, reference, kind):
        """The content of a chunk (section 9). References in `general` are ids, in `sealed` tag and id."""
        tag, ident = reference[:-32], reference[-32:]
        name = self.places.get(tag or ident)
        chunks = self.pack(name, SEALED if tag else GENERAL) if name else {}
        if (reference, kind) not in chunks:
            need(not tag and not self.searched, "chunk %s is lost" % ident.hex())
            self.searched = True
            for path in self.files("packs/??/"):
                self.places.update((found, path[-64:]) for found, _ in self.pack(path[-64:], GENERAL))
            return self.chunk(reference, kind)
        frame, size, start, length, key = chunks[reference, kind]
        data = decompress(frame, size)[start:start + length]
        need(mac(key, struct.pack("<BQ", kind, length) + data) == ident, "a chunk with another id (C-1)")
        return data

    def content(self, rows, depth, total, size):
        """The data chunks of a file in order (C-3)."""
        need(sum(length for _, length in rows) == total, "lengths of a content do not add up (C-3)")
        for reference, length in rows:
            data = self.chunk(reference, LIST if depth else DATA)
            if depth == 0:
                need(len(data) == length and len(reference) == size, "a chunk of another length (C-3)")
                yield data
            else:
                below = list(struct.iter_unpack("<%dsQ" % size, data[4:]))
                need(data[:4] == bytes([1, depth - 1, 0, 0]) and 1 <= len(below) <= 4096, "a bad list (C-3)")
                yield from self.content(below, depth - 1, length, size)

    def walk(self, root, name, level=None, low=b"", last=None):
        """Keys and values of a tree (section 11)."""
        with self.guard("%s after '%s'" % (name, shown(low))):
            version, at, entries = cbor(self.chunk(root, NODE))
            keys, values = entries[::2], entries[1::2]
            need(version == 1 and 0 <= at < 16 and level in (None, at) and len(keys) == len(values)
                 and (keys or level is None and at == 0) and (last is None or keys[-1] == last)
                 and all(a < b for a, b in zip([low] + keys, keys)), "a malformed node (N-1)")
            for key, value in zip(keys, values):
                yield from [(key, value)] if at == 0 else self.walk(value, name, at - 1, low, key)
                low = key

    def items(self, snapshot, want, prefix):
        """(path, facts, nanoseconds since 1970 or None, whether it is sealed) of every item."""
        for compartment, name in (GENERAL, "general"), (SEALED, "sealed"):
            if compartment not in self.identities:
                locked = sum(row[2] for row in snapshot["counts"] if row[0] == SEALED)
                print("%d sealed files are locked." % locked, file=sys.stderr)
            elif name in snapshot:
                part = snapshot[name]
                self.places.update((tag, pack.hex()) for tag, pack in part.get("packs", ()))
                roots = [part[tree].get("tag", b"") + part[tree]["id"] for tree in ("where", "facts")]
                times = dict(self.walk(roots[0], "times of %s items" % name))
                for key, value in self.walk(roots[1], "%s items" % name):
                    with self.guard(shown(key)):
                        if not want or key == want or key.startswith(want + b"\0"):
                            facts = {"c": [], "d": 0, "s": 0, "p": b"", **cbor(value)}
                            need(facts["t"] in (FILE, FOLDER, LINK) and 0 <= facts["m"] <= 0o7777
                                 and facts["s"] in (0, 1, 2) and 0 <= facts["d"] <= 16, "malformed facts")
                            seconds, rest = cbor(times[key])["m"] if key in times else (1 << 63, 0)
                            moment = seconds * 10**9 + rest if abs(seconds) < 1 << 35 else None
                            yield prefix + key, facts, moment, compartment == SEALED

    def load_tables(self, snapshot):
        """Learns from the tables in which packs chunks are."""
        for name in snapshot["tables"]["nodes"] + snapshot["tables"]["data"]:
            path = os.path.join(self.folder, "index", name.hex())
            with self.guard(path):                      # tables are hints (section 10): ids decide
                plain = self.decrypt(path, TABLE, INDEX)
                rows, packs, old = struct.unpack("<QII", plain[32:48])
                names = [plain[at:at + 32].hex() for at in range(1088, 1088 + 32 * packs, 32)]
                start = 1088 + 32 * (packs + old)
                for ident, number in struct.iter_unpack("<32sI16x", plain[start:start + 52 * rows]):
                    self.places[ident] = names[number]

    def read(self, snapshot, want, output, prefix):
        """Lists what is at a path of a snapshot, or extracts it."""
        later = {FOLDER: [], LINK: []}                  # links after all files, then modes of folders
        for item in self.items(snapshot, want, prefix):
            key, facts, moment, sealed = item
            self.found = True
            with self.guard(shown(key), OSError):
                if self.passwords:
                    if "q" in facts:
                        depth, rows = facts["q"]
                        total = sum(length for _, length in rows)
                        secret = b"".join(self.content(rows, depth, total, 48 if sealed else 32))
                        print(shown(key) + ": " + shown(secret))
                elif not output:
                    kind = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)[facts["t"]]
                    date = "-" if moment is None else time.strftime("%F %T", time.gmtime(moment // 10**9))
                    note = " -> " + shown(facts["p"]) if facts["p"] else " (not stored)" if facts["s"] else ""
                    print(stat.filemode(kind | facts["m"]), "%14d %-19s" % (facts["l"], date),
                          "sealed " if sealed else "general", shown(key) + note)
                elif facts["t"] != FILE:
                    later[facts["t"]].append(item)
                elif facts["s"]:
                    print("Its content was not stored: " + shown(key), file=sys.stderr)
                else:
                    self.write(os.fsencode(output), *item)
        for item in later[LINK] + sorted(later[FOLDER], key=lambda item: item[0], reverse=True):
            with self.guard(shown(item[0]), OSError):
                self.write(os.fsencode(output), *item)

    def handle(self, key, compartment):
        """The handle of a record (section 11)."""
        bits = int.from_bytes(key[:5], "big")
        if compartment == SEALED:
            secret, left, right = mac(bytes(32), self.handles[SEALED]), bits >> 20, bits & 0xfffff
            for n in range(4):
                code = mac(mac(secret, b"icvault handle\0%b\3\1\1" % self.vault), struct.pack("<BBI", 0, n, right))
                left, right = right, left ^ int.from_bytes(code[:4], "little") & 0xfffff
            bits = left << 20 | right
        return "r" + "".join("0123456789abcdefghjkmnpqrstvwxyz"[bits >> at & 31] for at in range(35, -1, -5))

    def find(self, snapshot, want, output):
        """Prints the records of a snapshot that have a text, or their bytes (section 11)."""
        contents = {}                                   # {key of a file: its facts}, of files that are needed
        for compartment, part in (GENERAL, snapshot), (SEALED, snapshot.get("sealed", {})):
            if compartment not in self.identities or "records" not in part:
                continue
            self.places.update((tag, pack.hex()) for tag, pack in part.get("packs", ()))
            roots = [part["records"][tree].get("tag", b"") + part["records"][tree]["id"]
                     for tree in ("where", "facts")]
            places = dict(self.walk(roots[0], "places of records"))
            for key, value in self.walk(roots[1], "records"):
                with self.guard("a record"):
                    facts, place = {"p": "", "u": "", **cbor(value)}, {"h": [], "n": [], **cbor(places[key])}
                    need(len(key) == 22 and ("c" in place) != ("x" in place), "a malformed record (R-1)")
                    handle = self.handle(key, compartment)
                    text = "  ".join([facts["t"], facts["p"], facts["u"]])
                    if want.lower() not in text.lower() and want != handle:
                        continue
                    self.found = True
                    where = " > ".join([shown(place["f"])] + [shown(name) for name in place["n"]])
                    if not output:
                        print(handle, "%-11s" % shown(facts["k"]), shown(text), "in", where)
                        continue
                    if "x" in place:
                        print("It has no bytes of its own; it is in", where, file=sys.stderr)
                        continue
                    if place["f"] not in contents:      # what is not there has no records
                        contents.update((path, facts) for path, facts, _, sealed
                                        in self.items(snapshot, place["f"], b"")
                                        if sealed == (compartment == SEALED) and path == place["f"])
                    file, size = contents[place["f"]], 48 if compartment == SEALED else 32
                    whole = [[start, end - start, [file["d"], file["c"]]] for start, end in place["h"]]
                    for offset, length, (depth, rows) in whole[:1] + place["c"] + whole[1:]:
                        total = sum(length for _, length in rows)
                        data = b"".join(self.content(rows, depth, total, size))
                        need(0 < length and offset + length <= total, "a part beyond its content (R-1)")
                        sys.stdout.buffer.write(data[offset:offset + length])

    def write(self, target, key, facts, moment, sealed):
        """Extracts an item; never over something that is there, and never through a link."""
        content = self.content(facts["c"], facts["d"], facts["l"], 48 if sealed else 32)
        if target == b"-":
            return sys.stdout.buffer.writelines(content if facts["t"] == FILE else ())
        parts = key.split(b"\0")
        need(not any(part in (b"", b".", b"..") or b"/" in part for part in parts), "an unsafe path (N-2)")
        os.makedirs(target, exist_ok=True)
        for i in range(1, len(parts) + (facts["t"] == FOLDER)):
            folder = os.path.join(target, *parts[:i])
            if os.path.islink(folder) or not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
        path = os.path.join(target, *parts)
        if facts["t"] == LINK:
            os.symlink(facts["p"], path)
        elif facts["t"] == FILE:
            with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                try:
                    file.writelines(content)
                except BaseException:
                    os.unlink(path)                     # no half files
                    raise
        if facts["t"] != LINK and not sealed:           # what is sealed stays 0600, its folders 0700
            os.chmod(path, facts["m"] & 0o1777)         # without set-user and set-group bits
        if moment is not None:
            os.utime(path, ns=(moment, moment), follow_symlinks=False)

def main():
    try:
        options, (action, folder, *path) = getopt.gnu_getopt(sys.argv[1:], "pi:s:o:")
        options, want = dict(options), os.fsencode("/".join(path).strip("/")).replace(b"/", b"\0")
        output = options["-o"] if action == "extract" else options.get("-o")
        need(action in ("list", "extract", "find", "passwords") and ("-p" in options) != ("-i" in options)
             and (action not in ("list", "passwords") or not output) and (action != "find" or output in (None, "-")), "usage")
    except (getopt.error, LookupError, ValueError):
        sys.exit(__doc__)
    if not (shutil.which("age") and shutil.which("zstd")):
        sys.exit("This needs the programs `age` and `zstd`.")
    sys.stdout.reconfigure(errors="backslashreplace")
    passphrase = (b"" if "-i" in options else getpass.getpass("Passphrase: ").encode() if sys.stdin.isatty()
                  else sys.stdin.buffer.readline().rstrip(b"\n"))
    vault = Vault(folder)
    vault.passwords = action == "passwords"
    entries = vault.unlock(options.get("-i"), passphrase)
    chosen = sorted(entry["order"] for name, entry in entries.items()
                    if entry["source"] and name.startswith(options.get("-s", "")))
    newest = {entries[name]["source"]: name for _, _, name in chosen}
    for source, name in newest.items():
        print("# snapshot %s of %s" % (name[:16], shown(source)), file=sys.stderr)
        with vault.guard("snapshot " + name[:16]):
            vault.load_tables(entries[name]["snapshot"])
            if action == "find":
                vault.find(entries[name]["snapshot"], " ".join(path), output)
            else:
                vault.read(entries[name]["snapshot"], want, output,
                           source + b"\0" if len(newest) > 1 else b"")
    if not newest or want and not vault.found:
        print("No such snapshot or path." if entries else "The slot that this opens may add, not read."
              if vault.adds else "No slot opens with that.", file=sys.stderr)
        vault.code = vault.code or 1
    sys.exit(vault.code)

if __name__ == "__main__":
    main()
