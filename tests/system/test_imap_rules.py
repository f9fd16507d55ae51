"""Rules that mail programs have taught, as far as a dialogue cannot show them (tests/dialog/imap/rule-*.dlg has the others): numbers
that last, many connections, silence, exact literals, large messages.
"""

import contextlib
import random
import subprocess
import time
import zlib

import pytest

import imap_mail
from imap_client import Imap, mailbox
from postern_instance import PASSWORDS, wait_until

ALICE = ("alice@example.org", PASSWORDS["alice@example.org"])


# --- rule 6: UIDVALIDITY and UIDs last as long as the folder ---


def numbers(instance):
    """{folder: (UIDVALIDITY, {UID: (flags, subject)})}, and {folder: UIDNEXT}"""
    found, following = {}, {}
    with Imap(instance, *ALICE) as client:
        for name in client.selectable():
            status = client.status(name, "(UIDVALIDITY UIDNEXT)")
            client.ask("EXAMINE", mailbox(name))
            messages = client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER])")
            following[name] = status["UIDNEXT"]
            found[name] = (status["UIDVALIDITY"], {
                uid: (frozenset(flag.lower() for flag in values["FLAGS"]) - {"\\recent"},
                      imap_mail.subject_of(values["BODY[HEADER]"])) for uid, values in messages.items()})
    return found, following


def test_rule_6_numbers_survive_everything(make_instance, tmp_path):
    instance = make_instance()
    imap_mail.fill(instance, *ALICE, keywords=True)
    with Imap(instance, *ALICE) as client:
        # Numbers that are not 1, 2, 3: some messages are gone, some folders are not what they were.
        client.ask("SELECT", "INBOX")
        client.expunge(2)
        client.ask("SELECT", mailbox("Projekte/2026/Köln & Bonn"))
        client.expunge("5")
        client.ask("CREATE", "Passing")
        client.ask("DELETE", "Passing")
        client.ask("RENAME", mailbox("日本語"), mailbox("Nippon"))
    before, following = numbers(instance)
    assert following["Projekte/2026/Köln & Bonn"] == 6
    instance.stop()
    instance.serve()
    assert numbers(instance) == (before, following), "after a restart"
    instance.postern("backup", str(tmp_path))
    other = make_instance(users=False, serve=False)
    other.postern("restore", str(tmp_path))
    other.serve()
    assert numbers(other) == (before, following), "restored elsewhere"

    # Which UIDs at a folder's end have been used only the index knows: what is built without it leaves room.
    def still_good():
        now, after = numbers(instance)
        return now == before and all(after[name] >= following[name] for name in following)

    instance.postern("store", "rebuild", ALICE[0])
    assert still_good(), "after a rebuild"
    instance.stop()
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (instance.maildir(ALICE[0]).parent / name).unlink(missing_ok=True)
    instance.serve()
    assert still_good(), "after the loss of the index"


# --- rule 8: silence, with TCP's keep-alive instead; rule 9: many connections of one user ---


def test_rules_8_and_9_a_hundred_quiet_connections(make_instance):
    instance = make_instance(options={"plaintext_auth": "loopback"})
    with contextlib.ExitStack() as held:
        clients = [held.enter_context(Imap(instance, *ALICE, service="imap", tls=False)) for _ in range(120)]
        for client in clients:
            client.ask("SELECT", "INBOX")
            client.idling = client.begin("IDLE")
            assert client.response()[0] == "+"

        def kept_alive():
            sockets = subprocess.run(["ss", "-Htno", "state", "established", f"( sport = :{instance.port('imap')} )"],
                                     capture_output=True, text=True, check=True).stdout.splitlines()
            return len(sockets) == len(clients) and all("timer:(keepalive" in line for line in sockets)

        wait_until(kept_alive, "TCP's keep-alive on every connection")
        instance.deliver([ALICE[0]])
        for client in clients:
            assert client.response() == ["*", 1, "EXISTS"]
            client.stream.send(b"DONE\r\n")
            untagged, tagged = client.finish(client.idling)
            assert tagged[0] == "OK" and [what for _, what, *_ in untagged if what != "RECENT"] == []


# --- rule 14: literals are as long as they say, through compression and TLS ---


class Deflated:
    """A socket behind COMPRESS=DEFLATE (RFC 4978)."""

    def __init__(self, socket):
        self.socket = socket
        self.deflate = zlib.compressobj(wbits=-15)
        self.inflate = zlib.decompressobj(wbits=-15)

    def sendall(self, data):
        self.socket.sendall(self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH))

    def recv(self, size):
        while True:
            data = self.socket.recv(size)
            text = self.inflate.decompress(data)
            if text or not data:
                return text

    def close(self):
        self.socket.close()


@pytest.mark.parametrize("service", ["imap", "imaps"])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "deflate"])
def test_rule_14_literals_are_exact(shared, service, compressed):
    user = (f"literals-{service}-{compressed}@example.org".lower(), "secret three")
    shared.add_user(*user)
    rng = random.Random(14)
    with Imap(shared, *user, service=service) as client:
        if compressed:
            client.ask("COMPRESS DEFLATE")
            client.stream.socket = Deflated(client.stream.socket)
        messages = {}
        for size in (0, 1, 16383, 16384, 65537, 300_000):
            for kind in ("text", "noise"):
                text = (b"0123456789abcde\r\n" * (size // 17 + 1))[:size] if kind == "text" else rng.randbytes(size).replace(
                    b"\0", b"x").replace(b"\r", b"y").replace(b"\n", b"z")
                text = imap_mail.message(f"{kind} {size}", text)
                messages[client.append("Archive", text)] = text
        client.ask("SELECT", "Archive")
        for uid, text in messages.items():
            got = client.fetch(str(uid), "(RFC822.SIZE BODY.PEEK[] BODY.PEEK[]<7.1000> BODY.PEEK[HEADER] BODY.PEEK[TEXT])")[uid]
            head, _, body = text.partition(b"\r\n\r\n")
            assert got["RFC822.SIZE"] == len(text) and got["BODY[]"] == text and got["BODY[]<7>"] == text[7:1007]
            assert got["BODY[HEADER]"] == head + b"\r\n\r\n" and got["BODY[TEXT]"] == body
        everything = client.fetch("1:*", "BODY.PEEK[]")
        assert {uid: values["BODY[]"] for uid, values in everything.items()} == messages


# --- rule 15: APPEND of a large message is answered soon ---


def test_rule_15_a_large_append(shared):
    text = imap_mail.message("large", b"TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n" * 620_000)
    with Imap(shared, *ALICE, timeout=60) as client:
        tag = client.begin("APPEND", mailbox("Sent"), "(\\Seen)", f"{{{len(text)}+}}")
        client.stream.send(text[:-1])
        begun = time.monotonic()
        client.stream.send(text[-1:] + b"\r\n")
        untagged, tagged = client.finish(tag)
        print(f"\nAPPEND of {len(text)} bytes was answered {time.monotonic() - begun:.3f} s after its last byte")
        assert tagged[0] == "OK", tagged
        client.ask("SELECT", "Sent")
        got = client.fetch("1", "(RFC822.SIZE BODY.PEEK[])")[1]
        assert got["RFC822.SIZE"] == len(text) and got["BODY[]"] == text
