"""The mail that the IMAP client tests move about: folders with awkward names, messages with flags, keywords and dates; and a picture
of a whole account, to compare what a client made of it with what it was.
"""

import email
import email.policy
import re
from datetime import datetime, timezone

from imap_client import Imap, mailbox

SPECIAL = ["Drafts", "Sent", "Junk", "Trash", "Archive"]
FOLDERS = ["Entwürfe", "Projekte", "Projekte/2026", "Projekte/2026/Köln & Bonn", "日本語", "日本語/東京", "Party 🎉", "It's (not) 7-bit"]


def message(name, body=b"hello\r\n", extra="", content="text/plain; charset=utf-8"):
    head = (f"From: Bob <bob@elsewhere.example>\r\nTo: <alice@example.org>\r\nSubject: {name}\r\n"
            f"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{name}@elsewhere.example>\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: {content}\r\n{extra}\r\n")
    return head.encode() + body


MULTIPART = (b"--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
             b"Gr=C3=BC=C3=9Fe\r\n--b1\r\nContent-Type: application/octet-stream; name=\"data.bin\"\r\n"
             b"Content-Disposition: attachment; filename=\"data.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
             + b"AAECAwQFBgcICQoL\r\n" * 200 + b"--b1--\r\n")

# What each folder holds: (message, flags, internal date).
MAIL = {
    "INBOX": [
        (message("fresh"), [], "01-Feb-2020 03:04:05 +0000"),
        (message("read"), ["\\Seen"], "02-Feb-2020 03:04:05 +0100"),
        (message("flagged-answered"), ["\\Flagged", "\\Answered"], "29-Feb-2024 23:59:59 -0800"),
        (message("forwarded"), ["\\Seen", "$Forwarded"], "01-Jan-1999 00:00:00 +0000"),
        (message("multipart", MULTIPART, content="multipart/mixed; boundary=b1"), ["\\Seen"], "21-Nov-2026 12:00:00 +0000"),
        (message("eight-bit", "Grüße aus Köln, 你好\r\n".encode(), "Content-Transfer-Encoding: 8bit\r\n"), [],
         "21-Nov-2026 12:00:01 +0000"),
    ],
    "Entwürfe": [(message("draft"), ["\\Draft", "\\Seen"], "03-Mar-2021 10:00:00 +0000")],
    "Projekte/2026/Köln & Bonn": [
        (message(f"k{n}"), ["\\Seen"] if n % 2 else [], f"{n + 10}-Apr-2022 10:00:00 +0000") for n in range(5)],
    "日本語/東京": [(message("tokyo", "東京\r\n".encode()), ["\\Flagged"], "05-May-2023 05:05:05 +0900")],
    "Party 🎉": [(message("party"), ["\\Seen", "\\Flagged"], "06-Jun-2023 06:06:06 +0000")],
}
KEYWORDS = ["Work", "$label1", "NonJunk", "a.dotted$one"]


def fill(server, user, password, keywords=False):
    """Makes FOLDERS, subscribed, and puts MAIL into them; with keywords, one more message for each of KEYWORDS."""
    with Imap(server, user, password) as client:
        for folder in FOLDERS:
            client.ask("CREATE", mailbox(folder))
            client.ask("SUBSCRIBE", mailbox(folder))
        for folder, messages in MAIL.items():
            for text, flags, date in messages:
                client.append(folder, text, flags, date)
        for keyword in KEYWORDS if keywords else ():
            client.append("Projekte/2026", message(f"keyword-{keyword}"), ["\\Seen", keyword], "07-Jul-2023 07:07:07 +0000")


def instant(date):
    return datetime.strptime(date.strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()


def iso(timestamp):
    return datetime.fromtimestamp(timestamp, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


# What synchronisers write into the messages that they carry.
CLIENTS_OWN = re.compile(rb"^X-(TUID|OfflineIMAP):.*\r\n", re.M)


def subject_of(text):
    return email.message_from_bytes(text, policy=email.policy.compat32)["Subject"]


def snapshot(server, user, password, dates=True):
    """{folder: {subject: (flags, body as bytes[, date])}} of every folder that can be selected."""
    found = {}
    with Imap(server, user, password) as client:
        for folder in client.selectable():
            client.ask("EXAMINE", mailbox(folder))
            contents = found[folder] = {}
            for values in client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])").values():
                flags = frozenset(flag.lower() for flag in values["FLAGS"] if flag.lower() != "\\recent")
                entry = (flags, CLIENTS_OWN.sub(b"", values["BODY[]"]))
                if dates:
                    entry += (instant(values["INTERNALDATE"].decode()),)
                subject = subject_of(values["BODY[]"])
                assert subject not in contents, f"{subject} twice in {folder}"
                contents[subject] = entry
    return found


def differences(one, other):
    """What two pictures have apart, in words; empty when they are equal."""
    said = [f"folder {name} only in the {'first' if name in one else 'second'}" for name in sorted(one.keys() ^ other.keys())]
    for folder in sorted(one.keys() & other.keys()):
        for subject in sorted(one[folder].keys() | other[folder].keys()):
            mine, its = one[folder].get(subject), other[folder].get(subject)
            if mine != its:
                said.append(f"{folder}: {subject}: {mine!r:.400} -- {its!r:.400}")
    return said


def assert_alike(one, other):
    said = differences(one, other)
    assert not said, "\n".join(said)


# --- the other side: a Maildir tree that a client keeps ---

MAILDIR_FLAGS = {"D": "\\draft", "F": "\\flagged", "R": "\\answered", "S": "\\seen", "T": "\\deleted", "P": "$forwarded"}


def maildir_snapshot(root, name_of=lambda path: path, keywords=None, dates=True):
    """Like snapshot(), of all Maildirs below a folder; name_of makes a mailbox's name of a path relative to it; keywords are those
    that a file's name holds as lower-case letters."""
    meanings, found = MAILDIR_FLAGS | (keywords or {}), {}
    for cur in sorted(root.rglob("cur")):
        contents = found[name_of(str(cur.parent.relative_to(root)))] = {}
        for path in [*cur.iterdir(), *(cur.parent / "new").iterdir()]:
            text = CLIENTS_OWN.sub(b"", path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
            flags = frozenset(meanings[letter] for letter in path.name.partition(":2,")[2])
            entry = (flags, text, path.stat().st_mtime) if dates else (flags, text)
            subject = subject_of(text)
            assert subject not in contents, f"{subject} twice in {cur}"
            contents[subject] = entry
    return found


def find_in_maildir(folder, subject):
    """The file of a message in a Maildir."""
    for path in [*(folder / "cur").iterdir(), *(folder / "new").iterdir()]:
        if subject_of(path.read_bytes()) == subject:
            return path
    raise AssertionError(f"no {subject!r} in {folder}")


def with_flags(path, flags):
    """Renames a file of a Maildir to these flags, into cur/."""
    return path.rename(path.parent.parent / "cur" / (path.name.partition(":2,")[0] + ":2," + flags))


def make_maildir(folder):
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)


def traces(server, user, password, root):
    """What a run of a synchroniser with nothing to do leaves alone: the files of a Maildir tree, and the next UID of each mailbox."""
    files = {path: path.stat().st_ino for cur in root.rglob("cur") for path in cur.iterdir()}
    with Imap(server, user, password) as client:
        return files, {name: client.status(name, "(UIDNEXT MESSAGES UNSEEN)") for name in client.selectable()}
