"""OfflineIMAP keeps a Maildir and an account alike, in both directions, with keywords."""

import hashlib
import os
import re
import ssl
import subprocess

import pytest

import imap_mail
from imap_client import Imap, mailbox

# TLS 1.2, and not by STARTTLS: its reading thread (imaplib2) goes astray now and then where the server's session tickets come unasked,
# or the handshake begins between two answers, and waits for ever.
CONFIGURATION = """\
[general]
accounts = test
metadata = {folder}/metadata
socktimeout = 60

[Account test]
localrepository = near
remoterepository = far
utf8foldernames = yes

[Repository near]
type = Maildir
localfolders = {folder}/mail
sep = /
utime_from_header = no
customflag_a = Work
customflag_b = $label1
customflag_c = NonJunk
customflag_d = a.dotted$one
customflag_e = $Forwarded

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
tls_level = tls_compat
ssl_version = tls1_2
cert_fingerprint = {fingerprint}
usecompression = {compression}
maxconnections = 2
subscribedonly = no
"""
KEYWORDS = {"a": "work", "b": "$label1", "c": "nonjunk", "d": "a.dotted$one", "e": "$forwarded"}
# What it says when it transfers something.
DOES = re.compile(r"^(Copy message|Adding|Removing|Deleting|Creating|Moving)", re.M)


class OfflineImap:
    def __init__(self, server, user, folder, compression):
        self.server, self.user, self.folder = server, user, folder
        self.mail = folder / "mail"
        certificate = ssl.get_server_certificate(("127.0.0.1", server.port("imaps")))
        (folder / "config").write_text(CONFIGURATION.format(
            folder=folder, port=server.port("imaps"), user=user[0], password=user[1],
            fingerprint=hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest(), compression=compression))

    def run(self):
        """One run; what it said."""
        result = subprocess.run(["offlineimap", "-c", self.folder / "config", "-o", "-u", "basic"], capture_output=True, text=True,
                                timeout=120, env=dict(os.environ, HOME=str(self.folder)))
        said = result.stdout + result.stderr
        assert result.returncode == 0 and "ERROR" not in said, said[-4000:]
        return said

    def near(self):
        return imap_mail.maildir_snapshot(self.mail, keywords=KEYWORDS, dates=False)

    def traces(self):
        return imap_mail.traces(self.server, *self.user, self.mail)

    def far(self):
        return imap_mail.snapshot(self.server, *self.user, dates=False)


@pytest.mark.parametrize("compression", ["no", "yes"])
def test_offlineimap_both_ways(imap_server, imap_user, tmp_path, compression):
    user = imap_user()
    imap_mail.fill(imap_server, *user, keywords=True)
    sync = OfflineImap(imap_server, user, tmp_path, compression)
    assert DOES.search(sync.run())
    imap_mail.assert_alike(sync.far(), sync.near())
    before = sync.traces()
    said = sync.run()
    assert not DOES.search(said), said
    assert sync.traces() == before

    # Far: flags and keywords set and taken away, a message moved, one deleted, one added; a new folder.
    with Imap(imap_server, *user) as client:
        client.ask("SELECT", "INBOX")
        client.ask("UID STORE", str(client.uid("fresh")), "+FLAGS (\\Flagged $Forwarded)")
        client.ask("UID STORE", str(client.uid("flagged-answered")), "-FLAGS (\\Flagged)")
        client.move(client.uid("multipart"), "Archive")
        client.expunge(client.uid("read"))
        client.ask("SELECT", mailbox("Projekte/2026"))
        client.ask("UID STORE", str(client.uid("keyword-Work")), "FLAGS ($label1 NonJunk)")
        client.ask("CREATE", mailbox("Neu/Ö/日"))
        client.append("Neu/Ö/日", imap_mail.message("far-new"), ["\\Seen", "Work"])
    sync.run()
    imap_mail.assert_alike(sync.far(), sync.near())
    assert sync.near()["Archive"].keys() == {"multipart"} and "far-new" in sync.near()["Neu/Ö/日"]
    assert sync.near()["Projekte/2026"]["keyword-Work"][0] == {"$label1", "nonjunk"}

    # Near: the same, but for keywords, which it only takes over from the server.
    find = imap_mail.find_in_maildir
    imap_mail.with_flags(find(sync.mail / "INBOX", "eight-bit"), "FRS")
    imap_mail.with_flags(find(sync.mail / "INBOX", "fresh"), "e")
    find(sync.mail / "Projekte/2026/Köln & Bonn", "k1").unlink()
    moved = find(sync.mail / "Projekte/2026/Köln & Bonn", "k3")
    moved.rename(sync.mail / "Trash" / "cur" / "1234.moved.here:2,S")
    for folder in ("Ganz", "Ganz/Neu", "Ganz/Neu/é & ü"):
        imap_mail.make_maildir(sync.mail / folder)
    (sync.mail / "Ganz/Neu/é & ü" / "new" / "1235.added.here").write_bytes(
        imap_mail.message("near-new").replace(b"\r\n", b"\n"))
    sync.run()
    imap_mail.assert_alike(sync.far(), sync.near())
    assert sync.far()["INBOX"]["fresh"][0] == {"$forwarded"}
    assert sync.far()["INBOX"]["eight-bit"][0] == {"\\flagged", "\\answered", "\\seen"}
    assert "k1" not in sync.far()["Projekte/2026/Köln & Bonn"] and "k3" in sync.far()["Trash"]
    assert "near-new" in sync.far()["Ganz/Neu/é & ü"]

    before = sync.traces()
    said = sync.run()
    assert not DOES.search(said), said
    assert sync.traces() == before
