"""Alpine, whose c-client library PHP's IMAP functions are made of too: selecting, saving, deleting, folders with names beyond ASCII."""

import os

import pytest

import imap_mail
from imap_client import Imap
from terminal import run_in_terminal

CONFIGURATION = """\
personal-name=Test
user-domain=example.org
inbox-path={where}INBOX
folder-collections=Mail {where}[]
feature-list=quit-without-confirm,expunge-without-confirm,expunge-without-confirm-everywhere,enable-aggregate-command-set
last-version-used=9.99
"""


@pytest.mark.parametrize("service", ["imap", "imaps"])
def test_alpine(imap_server, imap_user, tmp_path, service):
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    ssl = "/ssl" if service == "imaps" else "/tls"
    where = f"{{localhost:{imap_server.port(service)}{ssl}/novalidate-cert/user={user[0]}}}"
    (tmp_path / "rc").write_text(CONFIGURATION.format(where=where))
    run_in_terminal(
        ["alpine", "-p", str(tmp_path / "rc"), "-I", "I"], dict(os.environ, HOME=str(tmp_path), LC_ALL="C.UTF-8"), 60,
        [("ENTER PASSWORD", user[1] + "\r"), ("Preserve password", "n"),
         # What has "multipart" in its subject goes to Archive.
         ("MESSAGE INDEX", ";"), ("SELECT", "t"), ("elect", "s"), ("SUBJECT", "multipart\r"), ("matched", "a"), ("APPLY", "s"),
         ("SAVE", "Archive\r"), ("copied|DONE", "g"),
         # From a folder with a name beyond ASCII into one of another level.
         ("GOTO", "\x15Entwürfe\r"), ("opened|DONE", "s"), ("SAVE", "\x15Projekte/2026\r"), ("copied|DONE|DEL", "q")])
    after = imap_mail.snapshot(imap_server, *user)
    wanted = {imap_mail.subject_of(text): (text, imap_mail.instant(date)) for text, _, date in
              imap_mail.MAIL["INBOX"] + imap_mail.MAIL["Entwürfe"]}
    found = {(folder, subject): entry[1:] for folder in ("Archive", "Projekte/2026") for subject, entry in after[folder].items()}
    assert found == {("Archive", "multipart"): wanted["multipart"], ("Projekte/2026", "draft"): wanted["draft"]}
    assert after["INBOX"].keys() == {"fresh", "read", "flagged-answered", "forwarded", "eight-bit"} and after["Entwürfe"] == {}
    with Imap(imap_server, *user) as client:
        assert client.status("INBOX", "(UNSEEN)")["UNSEEN"] == 3
