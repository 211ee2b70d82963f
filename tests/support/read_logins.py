"""Reads tables of logins with Python's csv and with pass-import, neither of which knows of icvault.

    read_logins.py LAYOUT FILE     prints the logins as JSON: title, url, user, password, note, otp
"""
import csv, importlib, json, sys

# The columns of each layout in the order of the fields; pass-import's reader of it, if it has one.
LAYOUTS = {
    "apple": (["Title", "URL", "Username", "Password", "Notes", "OTPAuth"], "csv.GenericCSV"),
    "chrome": (["name", "url", "username", "password", "note", None], "chrome.ChromeCSV"),
    "firefox": ([None, "url", "username", "password", None, None], "firefox.Firefox"),
    "keepassxc": (["Title", "URL", "Username", "Password", "Notes", "TOTP"], "keepassxc.KeepassxcCSV"),
    "lastpass": (["name", "url", "username", "password", "extra", "totp"], "lastpass.LastpassCSV"),
    "1password": (["Title", "Url", "Username", "Password", "Notes", "OTPAuth"], "onepassword.OnePassword8CSV"),
    "bitwarden": (["name", "login_uri", "login_username", "login_password", "notes", "login_totp"],
                  "bitwarden.BitwardenCSV"),
}
FIELDS = ["title", "url", "user", "password", "note", "otp"]
THEIRS = ["title", "url", "login", "password", "comments", "otpauth"]

layout, path = sys.argv[1:]
columns, reader = LAYOUTS[layout]
with open(path, encoding="utf-8-sig", newline="") as file:
    rows = list(csv.DictReader(file))
logins = [{field: row.get(column) or "" for field, column in zip(FIELDS, columns)} for row in rows]

module, name = reader.split(".")
module = importlib.import_module("pass_import.managers." + module)
settings = {"cols": ",".join(THEIRS)} if layout == "apple" else {}
with getattr(module, name)(path, settings=settings) as importer:
    importer.parse()
    seen = [{field: entry.get(their) or "" for field, their in zip(FIELDS, THEIRS)} for entry in importer.data]
print(json.dumps({"csv": logins, "pass-import": seen}))
