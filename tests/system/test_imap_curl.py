"""curl and its imap:// URLs (RFC 5092): listing, fetching, searching, appending, and commands of one's own."""

import re
import subprocess

import pytest

import imap_mail
from imap_client import mailbox
from postern_instance import Instance

SERVICES = ["imap", "imaps"]


class Curl:
    def __init__(self, server, user, service):
        self.url = f"{service}://127.0.0.1:{server.port(service)}/"
        self.command = ["curl", "--silent", "--show-error", "--ssl-reqd", "--insecure", "--user", ":".join(user), "--url"]

    def try_(self, path, *arguments):
        return subprocess.run([*self.command, self.url + path, *arguments], capture_output=True, timeout=60)

    def __call__(self, path, *arguments):
        result = self.try_(path, *arguments)
        assert result.returncode == 0, f"{path} {arguments}: {result.returncode} {result.stdout!r:.1000} {result.stderr!r:.1000}"
        return result.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_curl_reads(imap_server, imap_user, service):
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    curl = Curl(imap_server, user, service)

    listing = curl("").decode()
    assert listing.startswith("* LIST (") and "Projekte/2026/K&APY-ln &- Bonn" in listing and "Entw&APw-rfe" in listing
    assert curl("Projekte/2026").count(b"* LIST") == 2  # LIST "Projekte/2026" *
    assert curl("INBOX;MAILINDEX=1") == imap_mail.MAIL["INBOX"][0][0]
    for number, (text, _, _) in enumerate(imap_mail.MAIL["INBOX"], 1):
        assert curl(f"INBOX;UID={number}") == text
    assert curl("INBOX;UID=5;SECTION=HEADER.FIELDS%20(SUBJECT)") == b"Subject: multipart\r\n\r\n"
    assert curl("INBOX;UID=5;SECTION=1") == b"Gr=C3=BC=C3=9Fe"
    assert curl("INBOX;UID=6;SECTION=TEXT") == "Grüße aus Köln, 你好\r\n".encode()
    # Names in the URL are sent as they are, so they stand there in modified UTF-7.
    assert curl("Projekte%2F2026%2FK%26APY-ln%20%26-%20Bonn;UID=3") == imap_mail.MAIL["Projekte/2026/Köln & Bonn"][2][0]
    assert curl("Party%20%262DzfiQ-;UID=1") == imap_mail.MAIL["Party 🎉"][0][0]
    # What it fetches with BODY[] is read from then on.
    assert b"\\Seen" in curl("INBOX", "--request", "FETCH 1 FLAGS")
    assert curl("INBOX?SUBJECT%20multipart") == b"* SEARCH 5\r\n"
    assert curl("INBOX", "--request", "SEARCH FLAGGED") == b"* SEARCH 3\r\n"
    assert curl("INBOX", "--request", "UID SEARCH KEYWORD $Forwarded") == b"* SEARCH 4\r\n"
    assert re.match(rb"\* STATUS \"?INBOX\"? \(MESSAGES 6 UIDNEXT 7\)\r\n", curl("", "--request", "STATUS INBOX (MESSAGES UIDNEXT)"))
    # A UID that is not there, and a mailbox that is not.
    assert curl.try_("INBOX;UID=99").returncode == 78
    assert curl.try_("Nowhere;UID=1").returncode == 67


@pytest.mark.parametrize("service", SERVICES)
def test_curl_writes(imap_server, imap_user, tmp_path, service):
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    curl = Curl(imap_server, user, service)
    new = imap_mail.message("new", b"x" * 70 + b"\r\n", "X-Place: Köln, 東京\r\n")
    big = imap_mail.message("big", b"TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n" * 40000)

    def write(text):
        (tmp_path / "mail").write_bytes(text)
        return str(tmp_path / "mail")

    curl("Entw%26APw-rfe", "--upload-file", write(new))
    curl("Entw%26APw-rfe", "--upload-file", write(big))
    curl("INBOX", "--request", "STORE 2 +Flags \\Deleted")
    curl("INBOX", "--request", "EXPUNGE")
    curl("INBOX", "--request", "UID COPY 5 Archive")
    curl("", "--request", "CREATE " + mailbox("Neu/Ö"))
    curl("", "--request", "RENAME " + mailbox("日本語") + " " + mailbox("Nihon"))
    after = imap_mail.snapshot(imap_server, *user, dates=False)
    assert after["Entwürfe"].keys() == {"draft", "new", "big"}
    assert after["Entwürfe"]["new"] == (frozenset({"\\seen"}), new)
    assert after["Entwürfe"]["big"][1] == big
    assert after["INBOX"].keys() == {"fresh", "flagged-answered", "forwarded", "multipart", "eight-bit"}
    assert after["Archive"].keys() == {"multipart"}
    assert {"Neu/Ö", "Nihon/東京"} <= after.keys() and "日本語/東京" not in after


@pytest.mark.parametrize("service", SERVICES)
def test_curl_is_refused(imap_server, imap_user, service):
    user = imap_user()
    assert Curl(imap_server, (user[0], "wrong"), service).try_("").returncode == 67
    # Without --ssl-reqd it goes on in clear: the server must not take a password then. (Dovecot trusts the loopback interface.)
    if service == "imap" and isinstance(imap_server, Instance):
        result = subprocess.run(["curl", "--silent", "--user", ":".join(user), "--url", f"imap://127.0.0.1:{imap_server.port('imap')}/"],
                                capture_output=True, timeout=60)
        assert result.returncode == 67
