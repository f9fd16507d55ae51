"""Dovecot's dsync, as people use it to move house: an account comes over IMAP (imapc) into a Maildir; folders, flags, keywords and
dates survive, a second run finds nothing to do, and a third brings what has changed since.
"""

import json
import os
import subprocess

import pytest

import imap_mail
from dovecot_instance import UID, let_in
from imap_client import Imap, mailbox

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
mail_location = maildir:{folder}/mail:LAYOUT=fs:INBOX={folder}/mail/INBOX
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {uid}
mail_gid = {gid}
namespace inbox {{
  inbox = yes
  separator = /
}}
imapc_host = 127.0.0.1
imapc_port = {port}
imapc_ssl = {ssl}
imapc_ssl_verify = no
imapc_user = {user}
imapc_password = {password}
imapc_features = rfc822.size fetch-headers
"""


class Dsync:
    def __init__(self, server, folder, service):
        self.server, self.folder, self.service = server, folder, service
        # Dovecot touches no mail as root.
        self.uid, self.gid = (UID, UID) if os.getuid() == 0 else (os.getuid(), os.getgid())
        let_in(folder)
        for name in ("run", "state", "mail"):
            (folder / name).mkdir()
            os.chown(folder / name, self.uid, self.gid)

    def doveadm(self, user, *arguments):
        config = self.folder / "dovecot.conf"
        config.write_text(CONFIGURATION.format(
            uid=self.uid, gid=self.gid, folder=self.folder, port=self.server.port(self.service), ssl="imaps" if self.service == "imaps" else "starttls",
            user=user[0], password=user[1]))
        for _ in range(3):
            result = subprocess.run(["doveadm", "-c", config, *arguments], capture_output=True, text=True, timeout=60,
                                    env=dict(os.environ, HOME=str(self.folder), USER="migrant"))
            if result.returncode != 2:  # "you may want to run dsync again"
                break
        assert result.returncode == 0, f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
        return result.stdout

    def fetch_from(self, user):
        self.doveadm(user, "backup", "-R", "imapc:")

    def near(self):
        found = {name: {} for name in self.doveadm(("", ""), "mailbox", "list").splitlines()}
        for line in json.loads(self.doveadm(("", ""), "-f", "json", "fetch", "mailbox flags date.received.unixtime text", "ALL")):
            text = line["text"].replace("\r\n", "\n").replace("\n", "\r\n").encode()
            flags = frozenset(flag.lower() for flag in line["flags"].split() if flag != "\\Recent")
            found[line["mailbox"]][imap_mail.subject_of(text)] = (flags, text, float(line["date.received.unixtime"]))
        return found


@pytest.mark.parametrize("service", ["imap", "imaps"])
def test_dsync_moves_an_account(imap_server, imap_user, tmp_path, service):
    user = imap_user()
    imap_mail.fill(imap_server, *user, keywords=True)
    dsync = Dsync(imap_server, tmp_path, service)
    dsync.fetch_from(user)
    imap_mail.assert_alike(imap_mail.snapshot(imap_server, *user), dsync.near())
    before = imap_mail.traces(imap_server, *user, tmp_path / "mail")
    dsync.fetch_from(user)
    assert imap_mail.traces(imap_server, *user, tmp_path / "mail") == before

    # What changes meanwhile: flags and keywords, a message moved, one deleted, one added; folders made, renamed and deleted.
    with Imap(imap_server, *user) as client:
        client.ask("SELECT", "INBOX")
        client.ask("UID STORE", str(client.uid("fresh")), "+FLAGS (\\Flagged Later)")
        client.ask("UID STORE", str(client.uid("flagged-answered")), "-FLAGS (\\Flagged)")
        client.move(client.uid("multipart"), "Archive")
        client.expunge(client.uid("read"))
        for folder in ("Neu", "Neu/Ö", "Neu/Ö/日"):
            client.ask("CREATE", mailbox(folder))
        client.append("Neu/Ö/日", imap_mail.message("far-new"), ["\\Seen", "Work"], "08-Aug-2024 08:08:08 +0000")
        for folder in ("Party 🎉", "日本語", "日本語/東京"):  # a subscription outlives its folder, and dsync takes it along
            client.ask("UNSUBSCRIBE", mailbox(folder))
        client.ask("RENAME", mailbox("日本語"), mailbox("Nihon & 日本"))
        client.ask("DELETE", mailbox("Party 🎉"))
    dsync.fetch_from(user)
    imap_mail.assert_alike(imap_mail.snapshot(imap_server, *user), dsync.near())
