#!/usr/bin/env python3
"""A plugin of age for the tests: it hides a file key as anybody can. In the folder of the program it
notes every run in `ran`, and when `asks` is there it asks for a word before it opens."""
import base64, os, sys

HERE = os.path.dirname(os.path.realpath(__file__))


def encode(data):
    return base64.b64encode(data).rstrip(b"=")


def decode(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def receive():
    """Arguments and body of the next stanza."""
    arguments = sys.stdin.buffer.readline().rstrip(b"\n").split(b" ")
    assert arguments.pop(0) == b"->"
    body = b""
    while True:
        line = sys.stdin.buffer.readline().rstrip(b"\n")
        body += line
        if len(line) < 64:
            return arguments, decode(body)


def send(*arguments, body=b""):
    text = encode(body)
    lines = [text[at:at + 64] for at in range(0, len(text), 64)]
    if not lines or len(lines[-1]) == 64:
        lines.append(b"")
    sys.stdout.buffer.write(b"\n".join([b"-> " + b" ".join(arguments)] + lines) + b"\n")
    sys.stdout.buffer.flush()


def hidden(key):
    return bytes(byte ^ 0x5A for byte in key)


phase = sys.argv[1].removeprefix("--age-plugin=")
with open(os.path.join(HERE, "ran"), "a") as ran:
    ran.write(phase + "\n")
received = []
while True:
    arguments, body = receive()
    if arguments[0] == b"done":
        break
    received.append((arguments, body))
if phase == "recipient-v1":
    keys = [body for arguments, body in received if arguments[0] == b"wrap-file-key"]
    for at, key in enumerate(keys):
        send(b"recipient-stanza", str(at).encode(), b"test", body=hidden(key))
        assert receive()[0] == [b"ok"]
else:
    known = all(arguments[1].startswith(b"AGE-PLUGIN-TEST-1") for arguments, _ in received
                if arguments[0] == b"add-identity")
    stanzas = [(arguments, body) for arguments, body in received if arguments[0] == b"recipient-stanza"]
    if os.path.exists(os.path.join(HERE, "asks")):
        send(b"msg", body="touch \x1b[31mit".encode())
        assert receive()[0] == [b"ok"]
        send(b"request-secret", body=b"the word")
        answer, word = receive()
        known = known and answer == [b"ok"] and word == b"sesame"
    for arguments, body in stanzas:
        if known and arguments[2] == b"test":
            send(b"file-key", arguments[1], body=hidden(body))
            assert receive()[0] == [b"ok"]
            break
        if not known:
            send(b"error", b"stanza", arguments[1], b"0", body=b"not for\nthis one")
            assert receive()[0] == [b"ok"]
send(b"done")
