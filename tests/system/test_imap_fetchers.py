"""Programs that fetch mail by IMAP and carry it elsewhere: fetchmail, getmail, imapfilter."""

import os
import re
import subprocess

import pytest

import imap_mail
from imap_client import Imap, mailbox

TEXTS = {imap_mail.subject_of(text): text for text, _, _ in imap_mail.MAIL["INBOX"]}
SERVICES = ["imap", "imaps"]


def run(*command, folder, codes=(0,), input=None):
    result = subprocess.run(command, capture_output=True, timeout=60, input=input,
                            env=dict(os.environ, HOME=str(folder), FETCHMAILHOME=str(folder), LC_ALL="C.UTF-8"))
    assert result.returncode in codes, f"{command}: {result.returncode}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}"
    return result


def taken(inbox):
    """The messages that a program has handed over since the last look, by subject, with CRLF as they had it on the server."""
    found = {}
    for path in inbox.iterdir():
        text = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        found[imap_mail.subject_of(text)] = re.sub(rb"(?m)^X-getmail-.*\r\n", b"", text)
        path.unlink()
    return found


def same_messages(got, wanted):
    """Equal but for the trace fields that were put on top."""
    return got.keys() == wanted.keys() and all(got[subject].endswith(wanted[subject]) for subject in wanted)


@pytest.mark.parametrize("service", SERVICES)
def test_fetchmail(imap_server, imap_user, tmp_path, service):
    """What is unseen, kept; then all, taken; from a folder with a name beyond ASCII; and in IDLE."""
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    inbox = tmp_path / "fetched"
    inbox.mkdir()

    def fetchmail(*options, folder="INBOX", codes=(0,)):
        tls = "ssl" if service == "imaps" else "sslproto tls1.2+"
        rc = tmp_path / "fetchmailrc"
        rc.write_text(f'poll 127.0.0.1 protocol imap service {imap_server.port(service)}\n'
                      f'  user "{user[0]}" password "{user[1]}" {tls} no sslcertck folder "{folder}"\n'
                      f'  no rewrite mda "sh -c \'cat > $(mktemp {inbox}/XXXXXXXX)\'"\n')
        rc.chmod(0o600)
        run("fetchmail", "-f", str(rc), "--nosyslog", "--nodetach", "-d0", "--pidfile", str(tmp_path / "pid"), "--invisible",
            *options, folder=tmp_path, codes=codes)
        return taken(inbox)

    unseen = {subject: TEXTS[subject] for subject in ("fresh", "flagged-answered", "eight-bit")}
    assert same_messages(fetchmail("--keep"), unseen)
    assert fetchmail("--keep", codes=(1,)) == {}  # 1: no new mail
    assert all("\\seen" in flags for flags, *_ in imap_mail.snapshot(imap_server, *user)["INBOX"].values())
    assert same_messages(fetchmail("--all", "--nokeep"), TEXTS)
    assert imap_mail.snapshot(imap_server, *user)["INBOX"] == {}
    assert fetchmail("--all", "--nokeep", folder="Entw&APw-rfe").keys() == {"draft"}


def test_getmail(imap_server, imap_user, tmp_path):
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    deliver = tmp_path / "deliver"
    deliver.write_text(f"#!/bin/sh\nexec cat >$(mktemp {inbox}/XXXXXXXX)\n")
    deliver.chmod(0o755)

    def getmail(delete):
        (tmp_path / "getmailrc").write_text(
            f"[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = 127.0.0.1\nport = {imap_server.port('imaps')}\n"
            f"username = {user[0]}\npassword = {user[1]}\nmailboxes = (\"INBOX\", \"Projekte/2026/Köln & Bonn\")\n"
            f"[destination]\ntype = MDA_external\npath = {deliver}\nallow_root_commands = true\n"
            f"[options]\nread_all = false\ndelete = {delete}\ndelivered_to = false\nreceived = false\nverbose = 1\n")
        run("getmail", "--getmaildir", str(tmp_path), "--rcfile", "getmailrc", folder=tmp_path)
        return taken(inbox)

    wanted = TEXTS | {imap_mail.subject_of(text): text for text, _, _ in imap_mail.MAIL["Projekte/2026/Köln & Bonn"]}
    assert same_messages(getmail("false"), wanted)
    assert getmail("false") == {}  # it knows their UIDs
    with Imap(imap_server, *user) as client:
        client.append("INBOX", imap_mail.message("later"))
    assert getmail("true").keys() == {"later"}
    after = imap_mail.snapshot(imap_server, *user)
    assert "later" not in after["INBOX"]


@pytest.mark.parametrize("service", SERVICES)
def test_imapfilter(imap_server, imap_user, tmp_path, service):
    """Searches that it combines itself, flags, copies and moves, folders made and subscribed."""
    user = imap_user()
    imap_mail.fill(imap_server, *user)
    (tmp_path / "config.lua").write_text(f"""
options.timeout = 30
options.create = true
options.subscribe = true
options.certificates = false
options.starttls = true
account = IMAP {{ server = 'localhost', port = {imap_server.port(service)}, username = '{user[0]}', password = '{user[1]}'{", ssl = 'auto'" if service == 'imaps' else ""} }}
inbox = account.INBOX
exist, unread, unseen, next = inbox:check_status()
print('status', exist, unread, next)
old = inbox:is_seen() * inbox:contain_subject('read')
old:move_messages(account['Neu/Abgelegt'])
flagged = inbox:is_flagged() + inbox:has_keyword('$Forwarded')
flagged:copy_messages(account['Archive'])
inbox:contain_subject('fresh'):add_flags({{'\\\\Flagged', 'Sorted'}})
inbox:contain_body('hello'):unmark_answered()
inbox:is_larger(2000):delete_messages()
for _, message in ipairs(inbox:contain_subject('eight-bit')) do
    mbox, uid = table.unpack(message)
    print('size', mbox[uid]:fetch_size(), 'subject', mbox[uid]:fetch_field('subject'))
end
mailboxes, folders = account:list_all()
print('folders', #mailboxes)
account:rename_mailbox('Party 🎉', 'Feier')
account:delete_mailbox('It\\'s (not) 7-bit')
""")
    result = run("imapfilter", "-c", str(tmp_path / "config.lua"), "-t", str(imap_server.certificate_authority), folder=tmp_path)
    said = result.stdout.decode().replace("\t", " ")
    assert "status 6 " in said
    assert f"size {len(TEXTS['eight-bit'])} subject Subject: eight-bit" in said
    after = imap_mail.snapshot(imap_server, *user)
    assert after["Neu/Abgelegt"].keys() == {"read"}
    assert after["Archive"].keys() == {"flagged-answered", "forwarded"}
    assert {subject: set(entry[0]) for subject, entry in after["INBOX"].items()} == {
        "fresh": {"\\flagged", "sorted"}, "flagged-answered": {"\\flagged"}, "forwarded": {"\\seen", "$forwarded"}, "eight-bit": set()}
    assert "Feier" in after and "It's (not) 7-bit" not in after and "Party 🎉" not in after
    with Imap(imap_server, *user) as client:
        assert "Neu/Abgelegt" in client.folders("LSUB")
        client.ask("SELECT", mailbox("Neu/Abgelegt"))
