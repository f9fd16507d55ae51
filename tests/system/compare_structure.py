#!/usr/bin/python3
"""Shows where ENVELOPE and BODYSTRUCTURE differ from Dovecot's, for the messages of tests/data/mime. By hand, as root:

    POSTERN_BUILD=build tests/system/compare_structure.py

What it shows is explained in tests/data/mime/README.md.
"""

import collections
import imaplib
import os
import shutil
import tempfile
from pathlib import Path

from dovecot_instance import UID, Dovecot
from postern_instance import PASSWORDS, Instance, tls_context
from test_structure import DATA, corpus, fetch, served

KNOWN = collections.Counter()
USER = "alice@example.org"


def fill(maildir):
    for folder in ("new", "cur", "tmp"):
        (maildir / folder).mkdir(parents=True, exist_ok=True)
    for n, (name, _, _) in enumerate(corpus()):
        (maildir / "new" / f"{1000000000 + n}.{n}.structure").write_bytes((DATA / name).read_bytes())


def answers(server, maildir):
    fill(maildir)
    if isinstance(server, Dovecot):
        for folder, _, files in os.walk(maildir):
            for path in (folder, *(os.path.join(folder, file) for file in files)):
                shutil.chown(path, UID, UID)
    client = imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=tls_context())
    client.login(USER, PASSWORDS[USER])
    client.select("INBOX", readonly=True)
    found = {}
    for uid in client.uid("SEARCH", "ALL")[1][0].split():
        items = fetch(client, int(uid), "BODY.PEEK[] ENVELOPE BODYSTRUCTURE RFC822.SIZE")
        found[items.pop("BODY[]")] = items
    client.logout()
    server.close()
    return {name: found[served(name)] for name, _, _ in corpus() if served(name) in found}


def is_known(ours, theirs):
    """What differs by design, and is explained once in the README."""
    if ours is None and theirs == [b"charset", b"us-ascii"]:
        return "the charset of a part without Content-Type"
    if theirs in (b"MISSING_DOMAIN", b"MISSING_MAILBOX"):
        return "the missing half of an address"
    if isinstance(theirs, bytes) and any(octet >= 0x80 for octet in theirs):
        return "raw 8-bit text"
    if theirs in (b"name", b"filename") and ours == theirs + b"*":
        return "raw 8-bit text"
    return None


def differences(ours, theirs, where):
    if is_known(ours, theirs):
        KNOWN[is_known(ours, theirs)] += 1
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for n, (one, other) in enumerate(zip(ours, theirs)):
            yield from differences(one, other, f"{where}.{n}")
    elif isinstance(ours, bytes) and isinstance(theirs, bytes):
        if ours.lower() != theirs.lower():
            yield f"{where}: {ours!r}, Dovecot {theirs!r}"
    elif ours != theirs:
        yield f"{where}: {ours!r}, Dovecot {theirs!r}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("postern", "dovecot"):
            (Path(folder) / name).mkdir()
        postern = Instance(Path(folder) / "postern")
        ours = answers(postern, postern.maildir(USER))
        theirs = answers(Dovecot(Path(folder) / "dovecot"), Path(folder) / "dovecot" / "mail" / USER / "Maildir")
    same = 0
    for name in ours:
        found = list(differences(ours[name], theirs.get(name), "")) if name in theirs else ["Dovecot serves other bytes"]
        if isinstance(theirs.get(name), dict):
            found = [line for item in sorted(ours[name])
                     for line in differences(ours[name][item], theirs[name].get(item), item)]
        same += not found
        if found:
            print(name, *found, sep="\n    ")
    for reason, count in KNOWN.items():
        print(f"{count} times: {reason}")
    print(f"{same} of {len(ours)} are told alike")


if __name__ == "__main__":
    main()
