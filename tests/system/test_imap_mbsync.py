"""mbsync (isync) keeps a Maildir and an account alike, in both directions."""

import os
import ssl
import subprocess

import pytest

import imap_mail
from imap_client import Imap, from_mutf7, mailbox, to_mutf7

CONFIGURATION = """\
IMAPAccount account
Host localhost
Port {port}
SSLType {tls}
CertificateFile {certificate}
User {user}
PassCmd "echo {password}"
PipelineDepth {depth}

IMAPStore far
Account account

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
CopyArrivalDate yes
SyncState *
"""


class Mbsync:
    def __init__(self, server, user, folder, service="imaps", depth=50):
        self.server, self.user, self.folder = server, user, folder
        self.mail = folder / "mail"
        self.mail.mkdir()
        certificate = folder / "certificate.pem"
        certificate.write_text(ssl.get_server_certificate(("127.0.0.1", server.port("imaps"))))
        (folder / "mbsyncrc").write_text(CONFIGURATION.format(
            port=server.port(service), tls="IMAPS" if service == "imaps" else "STARTTLS", certificate=certificate,
            user=user[0], password=user[1], folder=folder, depth=depth))

    def run(self):
        result = subprocess.run(["mbsync", "-c", self.folder / "mbsyncrc", "-a", "-V"], capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]

    def box(self, name):
        return self.mail / to_mutf7(name)

    def near(self):
        return imap_mail.maildir_snapshot(self.mail, from_mutf7)

    def far(self):
        return imap_mail.snapshot(self.server, *self.user)

    def traces(self):
        return imap_mail.traces(self.server, *self.user, self.mail)


@pytest.mark.parametrize("service,depth", [("imaps", 50), ("imap", 1)])
def test_mbsync_both_ways(imap_server, imap_user, tmp_path, service, depth):
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    sync = Mbsync(imap_server, user, tmp_path, service, depth)
    original = sync.far()
    sync.run()
    imap_mail.assert_alike(original, sync.near())
    before = sync.traces()
    sync.run()
    assert sync.traces() == before, "the second run had something to do"

    # Far (mbsync never removes a folder with mail in it): flags set and taken away, a message moved, one deleted, one added; folders made and renamed.
    with Imap(imap_server, *user) as client:
        client.ask("SELECT", "INBOX")
        client.ask("UID STORE", str(client.uid("fresh")), "+FLAGS (\\Flagged $Forwarded)")
        client.ask("UID STORE", str(client.uid("flagged-answered")), "-FLAGS (\\Flagged)")
        client.move(client.uid("multipart"), "Archive")
        client.expunge(client.uid("forwarded"))
        client.ask("CREATE", mailbox("Neu/Ö/日"))
        client.append("Neu/Ö/日", imap_mail.message("far-new"), ["\\Seen"], "08-Aug-2024 08:08:08 +0000")
        client.ask("RENAME", mailbox("It's (not) 7-bit"), mailbox("Nihon & 日本"))
    sync.run()
    imap_mail.assert_alike(sync.far(), sync.near())
    assert sync.near()["Archive"].keys() == {"multipart"} and "far-new" in sync.near()["Neu/Ö/日"]
    assert "Nihon & 日本" in sync.near() and "It's (not) 7-bit" not in sync.near()

    # Near: the same.
    find = imap_mail.find_in_maildir
    imap_mail.with_flags(find(sync.box("INBOX"), "eight-bit"), "FPRS")
    imap_mail.with_flags(find(sync.box("INBOX"), "read"), "")
    find(sync.box("Projekte/2026/Köln & Bonn"), "k1").unlink()
    moved = find(sync.box("Projekte/2026/Köln & Bonn"), "k3")
    moved.rename(sync.box("Trash") / "cur" / "1234.moved.here:2,S")
    for folder in ("Ganz", "Ganz/Neu", "Ganz/Neu/é & ü"):
        imap_mail.make_maildir(sync.box(folder))
    new = sync.box("Ganz/Neu/é & ü") / "new" / "1235.added.here"
    new.write_bytes(imap_mail.message("near-new").replace(b"\r\n", b"\n"))
    os.utime(new, (1700000000, 1700000000))
    sync.run()
    imap_mail.assert_alike(sync.far(), sync.near())
    assert sync.far()["INBOX"]["read"][0] == frozenset()
    assert sync.far()["INBOX"]["eight-bit"][0] == {"\\flagged", "\\answered", "\\seen", "$forwarded"}
    assert "k1" not in sync.far()["Projekte/2026/Köln & Bonn"] and "k3" in sync.far()["Trash"]
    assert "near-new" in sync.far()["Ganz/Neu/é & ü"]

    before = sync.traces()
    sync.run()
    assert sync.traces() == before, "the last run had something to do"
