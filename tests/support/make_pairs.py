"""Makes two exports of one kind of which it is known how they differ.

    make_pairs.py SEED KIND COUNT DIR

writes DIR/before, DIR/after and DIR/expected.json: {"mode": ..., "differences": [{"change", "kind",
"title", "fields"}, ...]}, of each record that was removed, added, changed or moved. What a program
writes anew with every export differs everywhere. A seed makes the same bytes every time.

What it knows of formats is from the formats' own standards and from what programs were seen to write;
it reads and asks nothing of icvault.
"""

import base64, html, json, os, random, struct, subprocess, sys, uuid
from datetime import datetime, timedelta, timezone

MODES = ["noise", "order", "removed", "added", "changed", "moved", "mixed", "mixed"]
WORDS = ["amber", "birch", "Čapek", "dune", "ember", "fjord", "grüne", "harbour", "ivy", "jörg",
         "kestrel", "łuk", "møller", "nuage", "olive", "pebble", "quartz", "rosé", "静香", "tamarind",
         "umber", "violet", "willow", "Юрий", "yarrow", "zéphyr"]


class Pair:
    """A run: where it writes, what it draws, and what it expects."""

    def __init__(self, seed, kind, count, folder):
        self.random = random.Random(f"{seed} {kind} {count}")
        self.kind, self.count, self.folder = kind, count, folder
        self.mode = self.random.choice(MODES)
        self.expected = []

    def word(self):
        return self.random.choice(WORDS)

    def words(self, most):
        return " ".join(self.word() for _ in range(self.random.randint(1, most)))

    def chance(self, share):
        return self.random.random() < share

    def token(self):
        return f"{self.random.getrandbits(64):016x}"

    def uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4)).upper()

    def day(self):
        """A moment in whole minutes."""
        return datetime(2019, 1, 1) + timedelta(minutes=self.random.randrange(3_000_000))

    def tell(self, change, record, fields=()):
        self.expected.append({"change": change, "kind": record.get("kind", self.kind),
                              "title": record["title"], "fields": sorted(fields)})

    def fates(self):
        """What may become of a record, and how many of a hundred come to something."""
        kinds = ["removed", "added", "changed", "moved"] if self.mode == "mixed" else [self.mode]
        kinds = [kind for kind in kinds if kind not in ("noise", "order")]
        return kinds, (0.4 if self.count < 1000 else 0.01)

    def write(self, side, path, data):
        path = os.path.join(self.folder, side, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())


def make(seed, kind, count, folder):
    pair = Pair(seed, kind, count, folder)
    maker = KINDS[kind](pair)
    for side in ("before", "after"):
        os.makedirs(os.path.join(folder, side), exist_ok=True)
    kinds, share = pair.fates()
    before, after = [], []
    for number in range(pair.count):
        record = maker.new(number)
        fate = pair.random.choice(kinds) if kinds and pair.chance(share) else "same"
        if fate in ("removed", "added") and record.get("stays"):
            fate = "same"
        other = dict(record)
        if fate == "changed":
            fields = maker.change(other)
            if fields:
                pair.tell("changed", other, fields)
        elif fate == "moved":
            if maker.move(other):
                pair.tell("moved", other)
        elif fate in ("removed", "added"):
            pair.tell(fate, record)
        if fate != "added":
            before.append(record)
        if fate != "removed":
            after.append(other)
    if pair.mode != "noise":
        pair.random.shuffle(after)
    maker.write("before", before, 0)
    maker.write("after", after, 1)
    expected = {"mode": pair.mode, "differences": pair.expected}
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump(expected, file, indent=1)


class Maker:
    """Records of one kind. A record is a dict with at least a `title` and a `place`."""

    def __init__(self, pair):
        self.pair, self.random = pair, pair.random

    def change(self, record):
        """Changes it and names the fields; none where it cannot change and stay the same."""
        return ()

    def move(self, record):
        return False

    def placed(self, records):
        """By place, in order."""
        places = {}
        for record in records:
            places.setdefault(record["place"], []).append(record)
        return sorted(places.items())


# --- Text in lines, as vCard and iCalendar have it.

def escaped(text):
    for mark, escape in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(mark, escape)
    return text


def folded(line, width):
    """RFC 6350, 3.2, and RFC 5545, 3.1: no character is cut."""
    if width is None:
        return line
    lines, size = [""], 0
    for char in line:
        octets = len(char.encode())
        if size + octets > width:
            lines.append(" ")
            size = 1
        lines[-1] += char
        size += octets
    return "\n".join(lines)


def with_ends(text, ends):
    return text.replace("\n", ends).encode()


# --- People

class Contacts(Maker):
    kind = "contact"

    def __init__(self, pair):
        super().__init__(pair)
        # A program that no longer writes ids is one more noise.
        self.ids_are_lost = pair.chance(0.2)
        self.places = [("All Contacts.vcf", "3.0"), ("Old Phone.vcf", "2.1"), ("Card 4.vcf", "4.0")]
        self.has_groups = pair.chance(0.5)

    def new(self, number):
        p = self.pair
        given, family = p.word(), f"{p.word()}{number}"
        some = lambda make, most: [make() for _ in range(self.random.randrange(most + 1))]
        label = lambda: self.random.choice(["home", "work"])
        phones = {"cell": f"+49 30 {number:06d}"} if p.chance(0.9) else {}
        if p.chance(0.3):
            phones["work"] = f"(030) {self.random.randrange(10**6):06d}"
        return {
            "title": f"{given} {family}", "place": self.random.choice([0, 0, 0, 1, 2]),
            "given": given, "family": family, "phones": phones,
            "mails": {label(): f"{number}.{p.token()}@example.org"} if p.chance(0.8) else {},
            "streets": {label(): (f"{self.random.randrange(99)} {p.word()} Street", p.word())}
            if p.chance(0.3) else {},
            "note": p.words(30) + (f"\n{p.words(5)}; and, so on" if p.chance(0.3) else "")
            if p.chance(0.4) else "",
            "birthday": self.random.choice([None, "1980-03-05", "1604-07-31"]),
            "company": p.words(2) if p.chance(0.3) else "", "job": p.word() if p.chance(0.2) else "",
            "pages": {some_label: f"https://{p.token()}.example/" for some_label in
                      self.random.sample(["_$!<HomePage>!$_", "blog", "_$!<Work>!$_"],
                                         self.random.randrange(3))},
            "photo": p.chance(0.15), "uid": p.uuid() if p.chance(0.7) else None,
            "groups": self.random.sample(["Family", "Choir", "Work"], self.random.randrange(3)),
        }

    def change(self, record):
        p, fields = self.pair, set()
        # Without an id the name is what it is known by.
        ways = ["note", "job", "phone", "mail", "birthday"] + ["name"] * (record["uid"] is not None)
        if self.ids_are_lost:
            ways = ways[:5]
        for way in self.random.sample(ways, self.random.randint(1, 2)):
            if way == "note":
                record["note"] += "and more"
                fields.add("note")
            elif way == "job":
                record["job"] += "er"
                fields.add("job")
            elif way == "phone":
                record["phones"] = {**record["phones"], "home": f"+1 555 {p.token()[:6]}".lower()
                                    .translate(str.maketrans("abcdef", "012345"))}
                fields.add("phone (home)")
            elif way == "mail":
                record["mails"] = {**record["mails"], "school": f"{p.token()}@school.example"}
                fields.add("mail (school)")
            elif way == "birthday":
                record["birthday"] = "1971-11-30"
                fields.add("birthday")
            elif way == "name":
                record["family"] += "-neu"
                record["title"] += "-neu"
                fields |= {"name", "family name"}
        return fields

    def move(self, record):
        record["place"] = (record["place"] + self.random.randint(1, 2)) % 3
        return True

    def write(self, side, records, era):
        width = self.random.choice([75, 74, 60, None])
        ends = self.random.choice(["\r\n", "\n"])
        for place, here in self.placed(records):
            name, version = self.places[place]
            cards = [self.card(record, version, era, width) for record in here]
            self.pair.write(side, name, with_ends("".join(cards), ends))

    def card(self, record, version, era, width):
        p, lines, groups = self.pair, [], self.random.randrange(4) if era else 0
        old = version == "2.1"

        def line(name, value, params=""):
            charset = ""
            if old and (not value.isascii() or "\n" in value):
                charset = ";CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE"
                value = quoted(value, self.random.choice([76, 70]))
                lines.append(f"{name}{params}{charset}:{value}")
            else:
                start = f"{name}{params}:"
                # A fold of 2.1 stands at a blank, which is a part of the value.
                lines.append(start + value if old else folded(start + value, width))

        def typed(label, more=()):
            words = [*more, label]
            if old:
                return "".join(f";{word.upper()}" for word in words)
            if version == "4.0":
                return f";TYPE={label}"
            return "".join(f";type={self.cased(word, era)}" for word in words)

        text = (lambda text: text.replace(";", "\\;")) if old else escaped
        line("VERSION", version)
        if version != "2.1":
            line("PRODID", f"-//Apple Inc.//macOS {self.random.randint(11, 26)}.1//EN")
        line("N", ";".join([text(record["family"]), text(record["given"]), "", "", ""]))
        line("FN", text(record["title"]))
        body = []
        for label, number in record["phones"].items():
            body.append(lambda l=label, n=number: line("TEL", n, typed(l, ["voice"] if not old else [])))
        for label, mail in record["mails"].items():
            more = ["internet"] if version == "3.0" or old else []
            body.append(lambda l=label, m=mail, w=more: line("EMAIL", m, typed(l, w)))
        for label, (street, city) in record["streets"].items():
            value = ";".join(["", "", text(street), text(city), "", "", ""])
            body.append(lambda l=label, v=value: line("ADR", v, typed(l)))
        for name in ("note", "company", "job"):
            if record[name]:
                prop = {"note": "NOTE", "company": "ORG", "job": "TITLE"}[name]
                body.append(lambda n=prop, v=text(record[name]): line(n, v))
        if record["birthday"]:
            body.append(lambda: self.birthday(record["birthday"], version, line))
        for label, page in record["pages"].items():
            def labelled(l=label, u=page):
                nonlocal groups
                groups += 1
                line(f"item{groups}.URL", u, "" if old else f";type={self.cased('pref', era)}"
                     if version == "3.0" else ";PREF=1")
                if not old:
                    line(f"item{groups}.X-ABLabel", l)
                else:
                    line(f"item{groups}.X-ABLABEL", l)
            # In version 2.1 what is preferred is said by a bare word.
            if old:
                def labelled(l=label, u=page):
                    nonlocal groups
                    groups += 1
                    line(f"item{groups}.URL", u, ";PREF")
                    line(f"item{groups}.X-ABLABEL", l)
            body.append(labelled)
        if record["photo"]:
            body.append(lambda: lines.append(self.photo(version, era, width)))
        if era:
            self.random.shuffle(body)
        for each in body:
            each()
        if record["groups"] and self.has_groups != bool(era):
            line("CATEGORIES", ",".join(record["groups"]))
        if version != "2.1" or p.chance(0.5):
            line("REV", f"2026-0{1 + era}-{self.random.randint(1, 28):02d}T10:00:00Z")
        if record["uid"] and not (era and self.ids_are_lost):
            uid = record["uid"]
            line("UID", f"urn:uuid:{uid.lower()}" if version == "4.0" else uid)
        return "\n".join(["BEGIN:VCARD", *lines, "END:VCARD", ""])

    def cased(self, word, era):
        return word.upper() if era == 0 else word.lower()

    def birthday(self, day, version, line):
        if not day.startswith("1604"):
            line("BDAY", day.replace("-", "") if version == "4.0" else day)
        elif version == "4.0":
            line("BDAY", "--" + day[5:].replace("-", ""))
        else:
            line("BDAY", day, ";X-APPLE-OMIT-YEAR=1604")

    def photo(self, version, era, width):
        """Another rendition each time: scaled, compressed, folded anew."""
        data = base64.b64encode(jpeg(self.random, self.random.randint(200, 900))).decode()
        if version == "2.1":
            lines = [data[at:at + 72] for at in range(0, len(data), 72)]
            return "\n ".join(["PHOTO;ENCODING=BASE64;TYPE=JPEG:", *lines]) + "\n"
        if version == "4.0":
            return folded(f"PHOTO:data:image/jpeg;base64,{data}", width or 75)
        crop = f";X-ABCROP-RECTANGLE=ABClipRect_1&0&0&512&512&{self.pair.token()}==" if era else ""
        return folded(f"PHOTO{crop};ENCODING=b;TYPE=JPEG:{data}", width or 75)


def quoted(text, width):
    """vCard 2.1: lines end in `=` where they go on."""
    plain = lambda octet: 32 <= octet < 127 and octet != 61
    octets = text.replace("\n", "\r\n").encode()
    out = "".join(chr(octet) if plain(octet) else f"={octet:02X}" for octet in octets)
    lines = []
    while len(out) > width:
        cut = width
        while "=" in out[cut - 2:cut]:
            cut -= 1
        lines.append(out[:cut] + "=")
        out = out[cut:]
    return "\n".join([*lines, out])


def jpeg(rand, size):
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + \
        rand.randbytes(size).replace(b"\xff", b"\xfe") + b"\xff\xd9"


# --- Events and reminders

class Events(Maker):
    kind = "event"

    def __init__(self, pair):
        super().__init__(pair)
        self.places = ["Home.ics", "Work.ics"]

    def new(self, number):
        p = self.pair
        is_task = p.chance(0.2)
        start = p.day()
        repeats = not is_task and p.chance(0.25)
        nth = lambda: start + timedelta(days=7 * self.random.randint(1, 9))
        return {
            "title": f"{p.word()} {number}; with, marks", "place": self.random.randrange(2),
            "uid": p.uuid() if p.chance(0.8) else f"{p.token()}@example.org", "is_task": is_task,
            "start": start, "zone": self.random.choice(["Europe/Berlin", "America/New_York", None]),
            "length": self.random.choice([30, 60, 90]), "where": p.words(3) if p.chance(0.4) else "",
            "note": p.words(25) if p.chance(0.4) else "", "alarm": 15 if p.chance(0.4) else None,
            "rule": "FREQ=WEEKLY;COUNT=10" if repeats else None,
            "not_on": sorted({nth() for _ in range(self.random.randrange(3))}) if repeats else [],
            "overrides": {nth(): f"{p.word()} instead" for _ in range(self.random.randrange(3))}
            if repeats else {},
        }

    def change(self, record):
        fields = set()
        ways = ["title", "note", "where"]
        if record["rule"]:
            ways += ["not on", "exception", "rule"]
        elif not record["is_task"]:
            ways += ["start", "length"]
        if record["is_task"]:
            ways += ["start"]
        if record["alarm"]:
            ways += ["alarm"]
        for way in self.random.sample(ways, self.random.randint(1, 2)):
            if way == "title":
                record["title"] += " (new)"
                fields.add("title")
            elif way == "note":
                record["note"] += "and more"
                fields.add("note")
            elif way == "where":
                record["where"] += "elsewhere"
                fields.add("place")
            elif way == "not on":
                record["not_on"] = record["not_on"] + [record["start"] + timedelta(days=63)]
                if len(set(record["not_on"])) < len(record["not_on"]):
                    record["not_on"] = record["not_on"][:-1] + [record["start"] + timedelta(days=70)]
                fields.add("not on")
            elif way == "exception":
                record["overrides"] = {**record["overrides"],
                                       record["start"] + timedelta(days=56): "moved elsewhere"}
                fields.add("exception")
            elif way == "rule":
                record["rule"] = "FREQ=WEEKLY;COUNT=11"
                fields.add("repeats")
            elif way == "start":
                record["start"] += timedelta(minutes=5)
                fields |= {"due"} if record["is_task"] else {"start", "end"}
            elif way == "length":
                record["length"] += 7
                fields.add("end")
            elif way == "alarm":
                record["alarm"] += 5
                fields.add("alarm")
        # Later by as much as it is shorter ends when it did.
        return fields

    def move(self, record):
        record["place"] = 1 - record["place"]
        return True

    def write(self, side, records, era):
        ends = self.random.choice(["\r\n", "\n"])
        width = self.random.choice([75, 73, 60])
        for place, here in self.placed(records):
            name = self.places[place]
            lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//Apple Inc.//macOS 1{era}.{era}//EN",
                     f"X-WR-CALNAME:{name[:-4]}", f"X-APPLE-CALENDAR-COLOR:#{self.pair.token()[:6]}"]
            zones = [self.zone(zone, era) for zone in ("Europe/Berlin", "America/New_York")]
            parts = [part for record in here for part in self.components(record, era)]
            if era:
                self.random.shuffle(parts)
            # Some write their zones in front, some behind.
            parts = [*zones, *parts] if self.pair.chance(0.7) else [*parts, *zones]
            for part in parts:
                lines += part
            lines.append("END:VCALENDAR")
            text = "".join(folded(line, width) + "\n" for line in lines)
            self.pair.write(side, name, with_ends(text, ends))

    def zone(self, name, era):
        """The same zone as two versions of the tz database tell it."""
        lines = ["BEGIN:VTIMEZONE", f"TZID:{name}"]
        base = -5 if name.startswith("America") else 1
        if era:
            lines += [f"LAST-MODIFIED:2026010{self.random.randint(1, 9)}T000000Z",
                      f"X-LIC-LOCATION:{name}"]
        years = [("19961027", "19970330")] if era else [("20071104", "20080309")]
        for winter, summer in years:
            for part, day, before, after in (("STANDARD", winter, base + 1, base),
                                             ("DAYLIGHT", summer, base, base + 1)):
                rule = ("BYMONTH=11;BYDAY=1SU", "BYMONTH=3;BYDAY=2SU") if base < 0 else \
                    ("BYMONTH=10;BYDAY=-1SU", "BYMONTH=3;BYDAY=-1SU")
                lines += [f"BEGIN:{part}", f"DTSTART:{day}T030000",
                          f"RRULE:FREQ=YEARLY;{rule[part == 'DAYLIGHT']}",
                          f"TZOFFSETFROM:{before:+03d}00", f"TZOFFSETTO:{after:+03d}00",
                          f"TZNAME:{'GMT' if era else 'X'}{after:+d}", f"END:{part}"]
        return [*lines, "END:VTIMEZONE"]

    def components(self, record, era):
        parts = [self.component(record, era, None, record["title"])]
        for moment, title in record["overrides"].items():
            parts.append(self.component(record, era, moment, title))
        return parts

    def component(self, record, era, occurrence, title):
        word = "VTODO" if record["is_task"] else "VEVENT"

        def at(name, moment):
            text = moment.strftime("%Y%m%dT%H%M%S")
            return f"{name};TZID={record['zone']}:{text}" if record["zone"] else f"{name}:{text}Z"

        start = occurrence + timedelta(hours=1) if occurrence else record["start"]
        lines = [f"UID:{record['uid']}", f"DTSTAMP:2026{self.random.randint(10, 12)}15T101010Z",
                 f"SUMMARY:{escaped(title)}", f"SEQUENCE:{self.random.randrange(5)}",
                 f"CREATED:20{20 + era}0101T000000Z", f"LAST-MODIFIED:20260{self.random.randint(1, 9)}01T000000Z",
                 "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC"]
        if record["is_task"]:
            lines.append(at("DUE", start))
        else:
            lines += [at("DTSTART", start), at("DTEND", start + timedelta(minutes=record["length"]))]
        if occurrence:
            lines.append(at("RECURRENCE-ID", occurrence))
        else:
            lines += [f"{name}:{escaped(value)}" for name, value in
                      (("LOCATION", record["where"]), ("DESCRIPTION", record["note"])) if value]
            if record["rule"]:
                lines.append(f"RRULE:{record['rule']}")
            lines += [at("EXDATE", moment) for moment in record["not_on"]]
        if era:
            self.random.shuffle(lines)
        if record["alarm"] and not occurrence:
            lines += ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Reminder",
                      f"TRIGGER:-PT{record['alarm']}M", f"X-WR-ALARMUID:{self.pair.uuid()}",
                      *([f"ACKNOWLEDGED:202602{self.random.randint(10, 28)}T101010Z"] if era else []),
                      "END:VALARM"]
        return [f"BEGIN:{word}", *lines, f"END:{word}"]


# --- Logins

class Logins(Maker):
    kind = "passwords"
    layouts = ["Passwords.csv", "Chrome Passwords.csv", "bitwarden_export.csv", "logins.csv"]

    def new(self, number):
        p = self.pair
        place = self.random.choice([0, 0, 1, 2, 3])
        host = f"{p.token()[:6]}{number}.example"
        user = self.random.choice(["anna", "bert@example.org", "  carla"])
        title = f"{p.word()} {number}" if place != 3 else f"{host} ({user.strip()})"
        # Two accounts of one host and user are told by their titles.
        shared = place == 0 and p.chance(0.1)
        return {
            "title": title, "place": place, "host": "shared.example" if shared else host,
            "is_shared": shared, "user": "anna" if shared else user.strip(),
            "password": self.password(), "note": p.words(8) + ("\n" + p.word() if p.chance(0.2) else "")
            if place != 3 and p.chance(0.3) else "",
            "otp": f"otpauth://totp/{host}?secret=JBSWY3DPEHPK3PXP" if place in (0, 2) and p.chance(0.2)
            else "", "guid": f"{{{p.uuid().lower()}}}",
        }

    def password(self):
        marks = "abcdefgh0123456789 ,;\"'=+-@\t#é"
        return "p" + "".join(self.random.choice(marks) for _ in range(self.random.randint(6, 20))) + "w"

    def change(self, record):
        if record["place"] != 3 and self.pair.chance(0.3):
            record["note"] += "and more"
            return {"note"}
        record["password"] += "!"
        return {"password"}

    def move(self, record):
        # Firefox has neither titles nor notes, Chrome no codes.
        if record["place"] == 3 or record["is_shared"]:
            return False
        places = [place for place in (0, 1, 2) if place != record["place"]]
        if record["otp"]:
            places = [place for place in places if place != 1]
        record["place"] = self.random.choice(places)
        return True

    def write(self, side, records, era):
        # What shares host and user has its title for an id, in one file.
        for place, here in self.placed(records):
            rows = [row for row in self.rows(place, here, era)]
            always = self.pair.chance(0.5) or place == 3
            text = "".join(",".join(cell(value, always) for value in row) + "\n" for row in rows)
            mark = "\ufeff" if era and self.pair.chance(0.3) else ""
            ends = self.random.choice(["\r\n", "\n"])
            # Line ends in a cell are the cell's own.
            lines = text.replace("\n", "\0").replace("\1", "\n").replace("\0", ends)
            self.pair.write(side, self.layouts[place], mark + lines)

    def rows(self, place, records, era):
        url = lambda record: f"https://{record['host']}/"
        if place == 0:
            yield ["Title", "URL", "Username", "Password", "Notes", "OTPAuth"]
            for r in records:
                yield [r["title"], url(r), r["user"], r["password"], r["note"], r["otp"]]
        elif place == 1:
            yield ["name", "url", "username", "password", "note"]
            for r in records:
                yield [r["title"], url(r), r["user"], r["password"], r["note"]]
        elif place == 2:
            yield ["folder", "favorite", "type", "name", "notes", "fields", "reprompt", "login_uri",
                   "login_username", "login_password", "login_totp"]
            for r in records:
                yield ["", "1" if era and self.pair.chance(0.1) else "", "login", r["title"], r["note"],
                       "", "0", url(r), r["user"], r["password"], r["otp"]]
        else:
            yield ["url", "username", "password", "httpRealm", "formActionOrigin", "guid",
                   "timeCreated", "timeLastUsed", "timePasswordChanged"]
            for r in records:
                used = str(1_700_000_000_000 + self.random.randrange(10**10))
                yield [url(r)[:-1], r["user"], r["password"], None, url(r)[:-1], r["guid"],
                       "1600000000000", used, "1600000000000"]


def cell(value, always):
    if value is None:
        return ""
    value = value.replace("\n", "\1")
    if always or any(mark in value for mark in ",\"\1") or value != value.strip():
        return '"' + value.replace('"', '""') + '"'
    return value


# --- Mail

class Mail(Maker):
    kind = "mail"
    boxes = ["INBOX.mbox", "Archive.mbox", "one by one", "store.mbox"]

    def new(self, number):
        p, day = self.pair, self.pair.day()
        lines = [p.words(9) for _ in range(self.random.randint(1, 5))]
        if p.chance(0.3):
            lines.insert(1, "From here on it is only text")
        if p.chance(0.2):
            lines += [">From somebody else", "", "From anna Thu Jan  1 10:00:00 2026", "Subject: quoted"]
        return {
            "title": f"{p.word()} {number}", "place": self.random.choice([0, 0, 0, 1, 1, 2, 3]),
            "date": day, "id": f"<{p.token()}@example.org>" if p.chance(0.9) else None,
            "body": "\n".join(lines), "file": base64.b64encode(self.random.randbytes(200)).decode()
            if p.chance(0.2) else None, "number": number,
            # Where else it lies, from the first export on or in one of them.
            "copies": self.random.choice(["none"] * 8 + ["before", "after", "both"]),
        }

    def move(self, record):
        # Of one with copies it is not known which of them moved.
        if record["copies"] != "none":
            return False
        record["place"] = (record["place"] + self.random.randint(1, 3)) % 4
        return True

    def write(self, side, records, era):
        boxes = {}
        for record in records:
            boxes.setdefault(record["place"], []).append(record)
            if record["copies"] in (side, "both"):
                boxes.setdefault("Copies.mbox", []).append(record)
        for place, here in boxes.items():
            box = place if isinstance(place, str) else self.boxes[place]
            ends = self.random.choice(["\r\n", "\n"])
            if box == "one by one":
                for r in here:
                    self.pair.write(side, f"{box}/{r['number']}.eml", with_ends(self.message(r), ends))
            elif box == "store.mbox":
                for r in here:
                    message = with_ends(self.message(r), "\n")
                    flags = self.random.randrange(1 << 16)
                    tail = ('<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">\n<dict>\n'
                            f"<key>flags</key>\n<integer>{flags}</integer>\n</dict>\n</plist>\n")
                    data = f"{len(message):<10d}\n".encode() + message + tail.encode()
                    self.pair.write(side, f"{box}/Messages/{r['number']}.emlx", data)
            else:
                quoting = self.random.choice(["o", "rd"])
                text = "".join(self.entry(r, quoting) for r in here)
                self.pair.write(side, f"{box}/mbox", with_ends(text, ends))
                toc = b"\x00\x0d\xba\xbe" + struct.pack(">I", len(here)) + self.random.randbytes(8)
                self.pair.write(side, f"{box}/table_of_contents", toc)

    def message(self, record, status=()):
        zone = record["date"].strftime("%a, %d %b %Y %H:%M:%S +0000")
        lines = ["From: Anna <anna@example.org>", "To: bert@example.org",
                 f"Subject: {encoded(record['title'])}", f"Date: {zone}"]
        if record["id"]:
            lines.append(f"Message-ID: {record['id']}")
        lines += ["MIME-Version: 1.0", *status]
        text = record["body"]
        if record["file"]:
            lines.append('Content-Type: multipart/mixed; boundary="edge"')
            text = ("--edge\nContent-Type: text/plain; charset=utf-8\n\n" + text + "\n--edge\n"
                    'Content-Type: application/octet-stream; name="a.bin"\n'
                    'Content-Disposition: attachment; filename="a.bin"\n'
                    "Content-Transfer-Encoding: base64\n\n" + record["file"] + "\n--edge--")
        else:
            lines.append("Content-Type: text/plain; charset=utf-8")
        return "\n".join([*lines, "", text, ""])

    def entry(self, record, quoting):
        status = [f"Status: {self.random.choice(['RO', 'O', 'R'])}", "X-Status: F"] \
            if self.pair.chance(0.5) else []
        if self.pair.chance(0.3):
            status.append(f"X-Universally-Unique-Identifier: {self.pair.uuid()}")
        lines = self.message(record, status).split("\n")
        start = lines.index("")
        for at in range(start, len(lines)):
            bare = lines[at].lstrip(">")
            if bare.startswith("From ") and (quoting == "rd" or bare == lines[at]):
                lines[at] = ">" + lines[at]
        who = self.random.choice(["MAILER-DAEMON", "anna@example.org"])
        when = self.pair.day().strftime("%a %b %d %H:%M:%S %Y")
        return f"From {who} {when}\n" + "\n".join(lines) + "\n"


def encoded(text):
    """RFC 2047."""
    if text.isascii():
        return text
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


# --- Bookmarks and visits

class Bookmarks(Maker):
    kind = "bookmark"
    files = ["Bookmarks.html", "Bookmarks - Work.html"]
    folders = [("Favorites",), ("Favorites", "Trips & more"), ("Bookmarks Menu",), ("Favorites", "日本")]

    def new(self, number):
        p = self.pair
        return {
            "title": f"{p.words(3)} <{number}>", "place": self.random.randrange(2),
            "folder": self.random.randrange(len(self.folders)),
            "url": f"https://{p.token()[:8]}{number}.example/?a=1&b={number}",
            "about": p.words(10) if p.chance(0.2) else "",
        }

    def change(self, record):
        if self.pair.chance(0.5):
            record["about"] += " and more"
            return {"description"}
        record["title"] += " (new)"
        return {"title"}

    def move(self, record):
        if self.pair.chance(0.5):
            record["place"] = 1 - record["place"]
        else:
            record["folder"] = (record["folder"] + 1) % len(self.folders)
        return True

    def write(self, side, records, era):
        for place, here in self.placed(records):
            is_dated = self.pair.chance(0.5)
            tree = {}
            for record in here:
                node = tree
                for name in self.folders[record["folder"]]:
                    node = node.setdefault("folders", {}).setdefault(name, {})
                node.setdefault("links", []).append(record)
            lines = ["<!DOCTYPE NETSCAPE-Bookmark-file-1>", "\t<HTML>",
                     '\t<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">',
                     "\t<Title>Bookmarks</Title>", "\t<H1>Bookmarks</H1>"]
            # Safari has no list around its roots; others have.
            has_list = self.pair.chance(0.5)
            self.list(tree, lines, "\t", is_dated, has_list)
            ends = self.random.choice(["\r\n", "\n"])
            self.pair.write(side, self.files[place], with_ends("\n".join([*lines, "\t</HTML>", ""]), ends))

    def list(self, node, lines, indent, is_dated, is_listed=True):
        if is_listed:
            lines.append(f"{indent}<DL><p>")
        for link in node.get("links", []):
            dated = f' ADD_DATE="{1_600_000_000 + self.random.randrange(10**8)}"' if is_dated else ""
            lines.append(f'{indent}\t<DT><A HREF="{html.escape(link["url"])}"{dated}>'
                         f'{html.escape(link["title"], quote=False)}</A>')
            if link["about"]:
                lines.append(f'{indent}\t<DD>{html.escape(link["about"], quote=False)}')
        folders = list(node.get("folders", {}).items())
        for name, inner in folders:
            lines.append(f"{indent}\t<DT><H3 FOLDED>{html.escape(name)}</H3>")
            self.list(inner, lines, indent + "\t", is_dated)
        if is_listed:
            lines.append(f"{indent}</DL><p>")


class History(Maker):
    kind = "history"
    files = ["History.json", "History - Work.json"]

    def new(self, number):
        p = self.pair
        return {"title": f"{p.words(3)} {number}", "place": self.random.randrange(2),
                "url": f"https://{p.token()[:6]}.example/{number}?token={p.token()}",
                "time": 1_700_000_000_000_000 + self.random.randrange(10**13),
                "failed": p.chance(0.1)}

    def change(self, record):
        record["title"] += " (new)"
        return {"title"}

    def move(self, record):
        record["place"] = 1 - record["place"]
        return True

    def write(self, side, records, era):
        for place, here in self.placed(records):
            rows = []
            for r in here:
                row = {"url": r["url"], "time_usec": r["time"], "title": r["title"],
                       "visits_count" if era else "visit_count": self.random.randint(1, 9)}
                if r["failed"]:
                    row["latest_visit_was_load_failure"] = True
                elif era and self.pair.chance(0.2):
                    row["latest_visit_was_load_failure"] = False
                items = list(row.items())
                if era:
                    self.random.shuffle(items)
                rows.append(dict(items))
            meta = {"browser_name": "Safari", "browser_version": f"18.{era}", "data_type": "history",
                    "export_time_usec": 1_760_000_000_000_000 + self.random.randrange(10**9),
                    "schema_version": 1}
            text = json.dumps({"metadata": meta, "history": rows}, ensure_ascii=bool(era),
                              indent=self.random.choice([None, 1, "\t"]))
            self.pair.write(side, self.files[place], text)


# --- Notes

class Notes(Maker):
    kind = "note"
    places = ["Notes", "Notes/Recipes", "Markdown"]

    def new(self, number):
        p = self.pair
        return {"title": f"{p.words(2)} {number}", "place": self.random.randrange(3),
                "text": "\n".join(p.words(12) for _ in range(self.random.randint(1, 5))) + f"\n{number}",
                "file": p.uuid()}

    def change(self, record):
        record["text"] += "\nand one line more"
        return {"text"}

    def move(self, record):
        if record["place"] == 2:
            return False
        record["place"] = 1 - record["place"]
        return True

    def write(self, side, records, era):
        for record in records:
            title, folder = record["title"], self.places[record["place"]]
            end = self.random.choice(["", " ", "\t"]) if era else ""
            if record["place"] == 2:
                text = f"# {title}\n\n{record['text']}\n\n![a](Attachments/{record['file']}.jpeg)\n"
                path = f"{folder}/{title}.md"
            else:
                text = f"{title}\n{record['text']}\n"
                path = f"{folder}/{title}/{title}.txt"
            text = "\n".join(line + end if line else line for line in text.split("\n"))
            text += "\n" * self.random.randrange(3)
            self.pair.write(side, path, with_ends(text, self.random.choice(["\r\n", "\n"])))


# --- Photos

class Photos(Maker):
    kind = "photo"
    places = ["Photos", "Photos/Trip"]

    def new(self, number):
        day = self.pair.day()
        return {"title": f"IMG_{number:06d}.JPG", "place": self.random.randrange(2),
                "data": picture(self.random, day), "caption": self.pair.words(4)
                if self.pair.chance(0.3) else ""}

    def change(self, record):
        # What somebody writes of a picture stands beside it.
        record["caption"] += " and more"
        return {"description"}

    def move(self, record):
        # A take-out glues a digit to a name that another has, another time to another one.
        if self.pair.chance(0.5):
            record["title"] = record["title"].replace(".JPG", f"{self.random.randrange(10)}.JPG")
        else:
            record["place"] = 1 - record["place"]
        return True

    def write(self, side, records, era):
        for record in records:
            folder = self.places[record["place"]]
            self.pair.write(side, f"{folder}/{record['title']}", record["data"])
            if record["caption"]:
                stamp = self.pair.day().isoformat()
                self.pair.write(side, f"{folder}/{record['title'][:-4]}.xmp", xmp(record["caption"], stamp))


def picture(rand, day):
    """A JPEG with an EXIF head: big-endian TIFF, IFD0 with make and the EXIF IFD, that with a date."""
    make, date = b"Apple\0", day.strftime("%Y:%m:%d %H:%M:%S").encode() + b"\0"
    ifd0_size, exif_size = 2 + 2 * 12 + 4, 2 + 12 + 4
    exif_at = 8 + ifd0_size
    data_at = exif_at + exif_size
    ifd0 = struct.pack(">H", 2) + struct.pack(">HHII", 0x010F, 2, len(make), data_at) + \
        struct.pack(">HHII", 0x8769, 4, 1, exif_at) + struct.pack(">I", 0)
    exif = struct.pack(">H", 1) + struct.pack(">HHII", 0x9003, 2, len(date), data_at + len(make)) + \
        struct.pack(">I", 0)
    tiff = b"MM\x00\x2a" + struct.pack(">I", 8) + ifd0 + exif + make + date
    app1 = b"Exif\0\0" + tiff
    size = struct.pack(">BHHHB", 8, 480, 640, 0x0300 | 1, 0x11)[:6] + b"\x01\x01\x11\x00"
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + \
        b"\xff\xc0" + struct.pack(">H", 11) + struct.pack(">BHHB", 8, 480, 640, 1) + b"\x01\x11\x00" + \
        b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + \
        rand.randbytes(rand.randint(300, 3000)).replace(b"\xff", b"\xfe") + b"\xff\xd9"


def xmp(caption, stamp):
    return ('<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">\n'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
            '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"\n'
            f' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:MetadataDate="{stamp}">\n'
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
            f"{html.escape(caption)}</rdf:li></rdf:Alt></dc:description>\n"
            "</rdf:Description></rdf:RDF></x:xmpmeta>\n")


# --- Health

class Health(Maker):
    kind = "health"
    types = ["HeartRate", "StepCount", "BodyMass", "Height", "OxygenSaturation", "DistanceCycling",
             "FlightsClimbed", "BasalEnergyBurned", "RespiratoryRate", "DietaryWater"]

    def __init__(self, pair):
        super().__init__(pair)
        self.entries = max(1, pair.count // len(self.types))
        pair.count = min(pair.count, len(self.types))

    def new(self, number):
        kind = self.types[number % len(self.types)]
        title = "".join(f" {char}" if char.isupper() else char for char in kind).strip()
        entries = [(self.pair.day(), self.random.randrange(1000)) for _ in range(self.entries)]
        return {"title": title, "place": 0, "type": kind, "entries": entries}

    def change(self, record):
        last = max(day for day, _ in record["entries"]) + timedelta(days=1)
        record["entries"] = [*record["entries"], (last, 1)]
        return {"entries", "last"}

    def write(self, side, records, era):
        zone = self.random.choice([timezone.utc, timezone(timedelta(hours=2))])
        told = lambda day: day.replace(tzinfo=timezone.utc).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")
        rows = [(record["type"], day, value) for record in records for day, value in record["entries"]]
        if era:
            self.random.shuffle(rows)
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<!DOCTYPE HealthData [",
                 "<!ELEMENT HealthData (ExportDate,Me,Record*)>", "]>", '<HealthData locale="en_US">',
                 f' <ExportDate value="2026-0{1 + era}-01 09:30:00 +0100"/>']
        for kind, day, value in rows:
            device = f' device="&lt;&lt;HKDevice: 0x{self.pair.token()}&gt;&gt;"' if self.pair.chance(0.3) else ""
            lines.append(f' <Record type="HKQuantityTypeIdentifier{kind}" sourceName="Watch" unit="x"'
                         f'{device} startDate="{told(day)}" endDate="{told(day)}" value="{value}"/>')
        lines.append("</HealthData>")
        self.pair.write(side, "apple_health_export/export.xml", "\n".join(lines) + "\n")


# --- Certificates and stores, with openssl

class Certificates(Maker):
    kind = "certificate"

    def new(self, number):
        name = f"{self.pair.random.choice(['www', 'mail', 'vpn'])}{number}.example"
        work = os.path.join(self.pair.folder, "work")
        os.makedirs(work, exist_ok=True)
        key, cert = f"{work}/{number}.key", f"{work}/{number}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", key, "-out", cert, "-days", "3650", "-subj", f"/CN={name}")
        return {"title": name, "place": self.random.randrange(2), "cert": cert, "key": key,
                # A store is several records: it and what is in it, which only are written anew.
                "number": number, "stays": self.pair.chance(0.3)}

    def move(self, record):
        record["place"] = 1 - record["place"]
        return True

    def write(self, side, records, era):
        for place, here in self.placed(records):
            if place == 0:
                bundle = b""
                for record in here:
                    with open(record["cert"], "rb") as file:
                        block = file.read()
                    if self.pair.chance(0.5):
                        block = block.replace(b"\n", b"\r\n")
                    bag = f"Bag Attributes\n    friendlyName: {self.pair.word()}\n".encode() if era else b""
                    bundle += bag + block
                self.pair.write(side, "bundle.pem", bundle)
                continue
            for record in here:
                self.pair.write(side, f"{record['number']}.cer",
                                openssl("x509", "-in", record["cert"], "-outform", "DER"))
        # New salts each time; the password is `pairs`.
        for record in records:
            if record["stays"]:
                store = openssl("pkcs12", "-export", "-in", record["cert"], "-inkey", record["key"],
                                "-name", record["title"], "-passout", "pass:pairs")
                self.pair.write(side, f"{record['number']}.p12", store)


def openssl(*args):
    return subprocess.run(["openssl", *args], check=True, capture_output=True).stdout


KINDS = {maker.kind: maker for maker in
         (Contacts, Events, Logins, Mail, Bookmarks, History, Notes, Photos, Health, Certificates)}

if __name__ == "__main__":
    seed, kind, count, folder = sys.argv[1:]
    make(seed, kind, int(count), folder)
