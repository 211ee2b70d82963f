"""Reads every file of a folder that a library understands, and writes it again as that library does.

    rewrite.py LIBRARY FOLDER

LIBRARY is vobject, icalendar, mailbox or csv. Prints the paths that were written, a line each.
"""

import csv, io, mailbox, os, random, sys


def vobject_again(path, data):
    import vobject
    if path.endswith(".ics"):
        return vobject.readOne(data.decode()).serialize(validate=False).encode()
    if not path.endswith(".vcf"):
        return None
    again = []
    for card in vobject.readComponents(data.decode(), allowQP=True):
        for child in card.getChildren():
            # It would leave out parameters that have no name.
            if child.singletonparams:
                child.params.setdefault("TYPE", []).extend(child.singletonparams)
        again.append(card.serialize(validate=False))
    return "".join(reversed(again)).encode()


def icalendar_again(path, data):
    import icalendar
    if not path.endswith(".ics"):
        return None
    return icalendar.Calendar.from_ical(data).to_ical()


def mailbox_again(path, data):
    if not data.startswith(b"From "):
        return None
    out = mailbox.mbox(path + ".new")
    messages = list(mailbox.mbox(path))
    for number, message in enumerate(reversed(messages)):
        message.set_flags("ROFA"[: number % 5])
        message.set_from("somebody with blanks", True)
        out.add(message)
    out.close()
    with open(path + ".new", "rb") as file:
        data = file.read()
    os.remove(path + ".new")
    return data


def csv_again(path, data):
    if not path.endswith(".csv"):
        return None
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    random.Random(1).shuffle(rows)
    out = io.StringIO(newline="")
    was_quoted = data.lstrip(b"\xef\xbb\xbf").startswith(b'"')
    quoting = csv.QUOTE_MINIMAL if was_quoted else csv.QUOTE_ALL
    csv.writer(out, quoting=quoting).writerows([header, *rows])
    return out.getvalue().encode()


AGAIN = {"vobject": vobject_again, "icalendar": icalendar_again, "mailbox": mailbox_again,
         "csv": csv_again}

if __name__ == "__main__":
    library, folder = sys.argv[1:]
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                data = file.read()
            again = AGAIN[library](path, data)
            if again is not None:
                with open(path, "wb") as file:
                    file.write(again)
                print(os.path.relpath(path, folder))
