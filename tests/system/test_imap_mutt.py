"""mutt and neomutt, with header cache: reading, flags, saving into other folders (new ones too), deleting, and a second look at
everything from the cache. Their commands are typed by `push`.
"""

import os
import re
import ssl
import subprocess

import pytest

import imap_mail
from imap_client import Imap
from terminal import run_in_terminal

CONFIGURATION = """\
set folder = "{url}"
set spoolfile = "+INBOX"
set record = "+Sent"
set postponed = "+Drafts"
set imap_user = "{user}"
set imap_pass = "{password}"
set ssl_starttls = yes
set ssl_force_tls = yes
set certificate_file = "{folder}/certificate.pem"
set header_cache = "{folder}/headers"
set message_cachedir = "{folder}/bodies"
set imap_qresync = {qresync}
set imap_condstore = {qresync}
set imap_check_subscribed = no
set config_charset = utf-8
set charset = utf-8
set wait_key = no
set confirmappend = no
set confirmcreate = no
set delete = yes
set move = no
set quit = yes
set mark_old = no
set pipe_decode = no
set sendmail = /bin/true
set from = "{user}"
set realname = "Test"
set send_charset = utf-8
unset mail_check_stats
"""

# A request for header fields, and for which messages.
HEADERS = re.compile(r"> a\d+ FETCH (\S+) \(.*BODY.PEEK\[HEADER.FIELDS")


class Mutt:
    def __init__(self, program, server, user, folder, service, qresync):
        self.program, self.folder = program, folder
        for name in ("headers", "bodies"):
            (folder / name).mkdir()
        (folder / "certificate.pem").write_text(ssl.get_server_certificate(("127.0.0.1", server.port("imaps"))))
        (folder / "rc").write_text(CONFIGURATION.format(
            url=f"{service}://localhost:{server.port(service)}/", user=user[0], password=user[1], folder=folder, qresync=qresync))
        self.environment = dict(os.environ, HOME=str(folder), LC_ALL="C.UTF-8")
        self.log = folder / ("log0" if program == "neomutt" else ".muttdebug0")

    def __call__(self, keys, folder="INBOX"):
        """A session that begins in a folder and ends after these keys; returns what it logged of the dialogue."""
        debug = ["-d", "3", "-l", str(self.folder / "log")] if self.program == "neomutt" else ["-d", "3"]
        run_in_terminal([self.program, "-n", "-F", str(self.folder / "rc"), *debug, "-f", f"+{folder}",
                         "-e", f"push '{keys}<sync-mailbox><quit>'"], self.environment)
        return self.log.read_text(errors="replace")

    def send(self, subject, body):
        subprocess.run([self.program, "-n", "-F", str(self.folder / "rc"), "-s", subject, "--", "someone@elsewhere.example"],
                       input=body.encode(), check=True, capture_output=True, timeout=60, env=self.environment)


@pytest.mark.parametrize("program,service,qresync", [
    ("neomutt", "imaps", "yes"), ("neomutt", "imap", "no"), ("mutt", "imap", "yes"), ("mutt", "imaps", "no")])
def test_mutt(imap_server, imap_user, tmp_path, program, service, qresync):
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    mutt = Mutt(program, imap_server, user, tmp_path, service, qresync)
    log = mutt(f"<limit>~s eight-bit<enter><pipe-message>cat >{tmp_path}/piped<enter><limit>all<enter>"
               "<tag-pattern>~s multipart<enter><tag-prefix><save-message>=Archive<enter>"
               "<tag-pattern>~F | ~s fresh<enter><tag-prefix><flag-message><untag-pattern>~A<enter>"
               "<tag-pattern>~s forwarded<enter><tag-prefix><copy-message>=Neu/Über&unter<enter><untag-pattern>~A<enter>"
               "<delete-pattern>~s read<enter>")
    assert HEADERS.findall(log) == ["1:6"]
    texts = {imap_mail.subject_of(text): text for text, _, _ in imap_mail.MAIL["INBOX"]}
    assert (tmp_path / "piped").read_bytes() == texts["eight-bit"].replace(b"\r\n", b"\n")
    after = imap_mail.snapshot(imap_server, *user)
    assert {subject: (set(entry[0]), entry[1]) for subject, entry in after["INBOX"].items()} == {
        "fresh": ({"\\flagged"}, texts["fresh"]), "flagged-answered": ({"\\answered"}, texts["flagged-answered"]),
        "forwarded": ({"\\seen", "$forwarded"}, texts["forwarded"]), "eight-bit": (set(), texts["eight-bit"])}
    assert after["Archive"] == {"multipart": (frozenset({"\\seen"}), texts["multipart"], after["Archive"]["multipart"][2])}
    assert after["Neu/Über&unter"]["forwarded"][:2] == ({"\\seen", "$forwarded"}, texts["forwarded"])

    # Meanwhile somebody else works in the same folder. What stayed comes from the cache, what changed is seen.
    with Imap(imap_server, *user) as client:
        client.ask("SELECT", "INBOX")
        client.ask("UID STORE", str(client.uid("eight-bit")), "+FLAGS (\\Flagged)")
        client.ask("UID STORE", str(client.uid("fresh")), "-FLAGS (\\Flagged)")
        client.expunge(client.uid("forwarded"))
        client.append("INBOX", imap_mail.message("later"))
    log = mutt("<tag-pattern>~F | ~s later<enter><tag-prefix><save-message>=Trash<enter>")
    # neomutt looks at a message again whose flags have changed.
    assert HEADERS.findall(log) in (["4"], ["3", "4"]), "asked for headers that it has"
    after = imap_mail.snapshot(imap_server, *user)
    assert after["INBOX"].keys() == {"fresh", "flagged-answered"} and after["Trash"].keys() == {"eight-bit", "later"}

    # A folder with a name beyond ASCII; all of it into a new one.
    mutt("<tag-pattern>~A<enter><tag-prefix><save-message>=Party&日本<enter>", folder="Entwürfe")
    if program == "mutt":  # neomutt keeps no copy of what it sends without a terminal
        mutt.send("copy", "Grüße\n")
    after = imap_mail.snapshot(imap_server, *user)
    assert after["Entwürfe"] == {} and after["Party&日本"]["draft"][0] == {"\\seen", "\\draft"}
    if program == "mutt":
        assert after["Sent"]["copy"][0] == {"\\seen"} and after["Sent"]["copy"][1].endswith("\r\n\r\nGrüße\r\n".encode())
