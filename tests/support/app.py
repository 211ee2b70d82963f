"""A model of the app that a recovered file is imported into, and that exports all it has then.

    app.py KIND EXPORT FILE OUT SEED

EXPORT is what the app has, FILE is imported, OUT is what it exports: with a new PRODID, new stamps, in
another order, people without ids and with other groups of lines. KIND is contact, event, passwords or
mail. What it has stays: people are found again by their id, then by their name; events by their id;
logins by host, user and title; messages are put into a mailbox of their own.
"""

import csv, io, os, random, re, shutil, sys, urllib.parse


def files(folder, ending):
    found = []
    for parent, _, names in os.walk(folder):
        found += [os.path.join(parent, name) for name in names if name.endswith(ending)]
    return sorted(found)


def lines(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return file.read().replace("\r\n", "\n").split("\n")


def blocks(text, names):
    """The components of these names, each as its lines; what is around them is left out."""
    found, block, depth = [], [], 0
    for line in text:
        if line.startswith("BEGIN:") and (block or line[6:] in names):
            depth += 1
        if depth:
            block.append(line)
        if line.startswith("END:") and depth:
            depth -= 1
            if not depth:
                found.append(block)
                block = []
    return found


def unfolded(block):
    whole, goes_on = [], False
    for line in block:
        if whole and (goes_on or line.startswith((" ", "\t"))):
            whole[-1] = whole[-1][:-1] + line if goes_on else whole[-1] + line[1:]
        else:
            whole.append(line)
        goes_on = "QUOTED-PRINTABLE" in whole[-1].split(":")[0] and whole[-1].endswith("=")
    return whole


def value(block, name):
    for line in unfolded(block):
        start, _, text = line.partition(":")
        if start.split(";")[0] == name:
            if "QUOTED-PRINTABLE" in start:
                text = re.sub(r"((=[0-9A-F]{2})+)",
                              lambda m: bytes.fromhex(m[1].replace("=", "")).decode(), text)
            return text.removeprefix("urn:uuid:").lower()
    return None


def without(block, names):
    """The lines of a component but for those of these names and what they are folded into."""
    kept, drops = [], False
    for line in block:
        if not line.startswith((" ", "\t")):
            drops = line.split(":")[0].split(";")[0] in names
        if not drops:
            kept.append(line)
    return kept


def contact(export, recovered, out, rand):
    people = [card for path in files(export, ".vcf") for card in blocks(lines(path), ["VCARD"])]
    for card in blocks(lines(recovered), ["VCARD"]):
        ids = {value(one, "UID") for one in people} - {None}
        names = {value(one, "FN") for one in people}
        if value(card, "UID") not in ids and value(card, "FN") not in names:
            people.append(card)
    rand.shuffle(people)
    text = []
    for card in people:
        card = without(card, ["PRODID", "REV", "UID"])
        card = [re.sub(r"^item(\d+)\.", lambda m: f"item{int(m[1]) + 40}.", line) for line in card]
        text += [*card[:2], "PRODID:-//Apple Inc.//macOS 99.1//EN", *card[2:-1],
                 "REV:2027-01-01T00:00:00Z", card[-1]]
    write(out, "All Contacts.vcf", "\r\n".join([*text, ""]))


def event(export, recovered, out, rand):
    kinds = ["VEVENT", "VTODO", "VTIMEZONE"]
    zones, events = {}, {}
    for is_new, path in [*((False, path) for path in files(export, ".ics")), (True, recovered)]:
        here = {}
        for block in blocks(lines(path), kinds):
            if block[0] == "BEGIN:VTIMEZONE":
                zones.setdefault(value(block, "TZID"), block)
            else:
                here.setdefault(value(block, "UID"), []).append(block)
        for uid, parts in here.items():
            if not is_new or uid not in events:
                events[uid] = parts
    text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Apple Inc.//macOS 99.1//EN"]
    for zone in zones.values():
        text += zone
    parts = [part for event in events.values() for part in event]
    rand.shuffle(parts)
    for part in parts:
        part = without(part, ["DTSTAMP"])
        text += [part[0], f"DTSTAMP:202701{rand.randint(10, 28)}T000000Z", *part[1:]]
    write(out, "Calendar.ics", "\r\n".join([*text, "END:VCALENDAR", ""]))


def passwords(export, recovered, out, rand):
    names = {"title": "Title", "name": "Title", "url": "URL", "login_uri": "URL", "username": "Username",
             "login_username": "Username", "password": "Password", "login_password": "Password",
             "notes": "Notes", "note": "Notes", "otpauth": "OTPAuth", "login_totp": "OTPAuth"}
    head = ["Title", "URL", "Username", "Password", "Notes", "OTPAuth"]
    logins = {}
    for path in [*files(export, ".csv"), recovered]:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                login = {name: "" for name in head}
                login |= {names[key.lower()]: cell for key, cell in row.items() if key.lower() in names}
                host = urllib.parse.urlsplit(login["URL"]).hostname
                login["Title"] = login["Title"] or f"{host} ({login['Username']})"
                logins.setdefault((host, login["Username"], login["Title"]), login)
    rows = list(logins.values())
    rand.shuffle(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write(out, "Passwords.csv", text.getvalue())


def mail(export, recovered, out, rand):
    shutil.copytree(export, out)
    with open(recovered, "rb") as file:
        data = file.read()
    data = re.sub(rb"(?m)^From \S+ (?=\w{3} \w{3} )", b"From MAILER-DAEMON ", data)
    # Whoever reads a message says so in it.
    data = re.sub(rb"(?m)^(From MAILER-DAEMON .*\r?\n)", rb"\1Status: RO\n", data)
    write(out, "Recovered.mbox/mbox", data)


def write(out, name, data):
    path = os.path.join(out, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


if __name__ == "__main__":
    kind, export, recovered, out, seed = sys.argv[1:]
    {"contact": contact, "event": event, "passwords": passwords, "mail": mail}[kind](
        export, recovered, out, random.Random(seed))
