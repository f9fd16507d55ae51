"""Python's imaplib: every command that it has, with what it makes of the answers."""

import imaplib
import re
import time

import pytest

import imap_mail
from imap_client import from_mutf7, mailbox, to_mutf7
from postern_instance import Instance, tls_context

SERVICES = ["imap", "imaps"]


def connect(server, service="imaps"):
    if service == "imaps":
        return imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=tls_context(), timeout=30)
    client = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=30)
    assert client.starttls(tls_context())[0] == "OK"
    return client


@pytest.fixture
def client(imap_server, imap_user):
    """Logged in to an account that holds imap_mail."""
    user = imap_user()
    imap_mail.fill(imap_server, *user, keywords=True)
    client = connect(imap_server)
    client.login(*user)
    client.credentials = user
    yield client
    if client.state != "LOGOUT":
        client.logout()


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def flags_of(client, uid):
    (data,) = ok(client.uid("FETCH", str(uid), "(FLAGS)"))
    return {flag.decode().lower() for flag in imaplib.ParseFlags(data)} - {"\\recent"}


@pytest.mark.parametrize("service", SERVICES)
def test_ways_to_log_in(imap_server, imap_user, service):
    user, password = imap_user()
    plain = lambda _: f"\0{user}\0{password}".encode()
    with connect(imap_server, service) as client:
        assert "IMAP4REV1" in client.capabilities and "AUTH=PLAIN" in client.capabilities
        assert "STARTTLS" not in client.capabilities and "LOGINDISABLED" not in client.capabilities
        assert ok(client.login(user, password)) and client.state == "AUTH"
    with connect(imap_server, service) as client:
        ok(client.authenticate("PLAIN", plain))
        ok(client.select())
    words = iter([user.encode(), password.encode()])
    with connect(imap_server, service) as client:
        ok(client.authenticate("LOGIN", lambda _: next(words)))
    # One that is refused, by each way, and then the right one on the same connection.
    with connect(imap_server, service) as client:
        for attempt in (lambda: client.login(user, "wrong"), lambda: client.authenticate("PLAIN", lambda _: b"\0a\0b"),
                        lambda: client.authenticate("PLAIN", lambda _: None)):
            with pytest.raises(imaplib.IMAP4.error):
                attempt()
            assert client.state == "NONAUTH"
        assert ok(client.login(user, password))


def test_not_in_clear(imap_server, imap_user):
    """RFC 9051 section 7.2.2: LOGINDISABLED until TLS runs."""
    with imaplib.IMAP4("127.0.0.1", imap_server.port("imap"), timeout=30) as client:
        assert "STARTTLS" in client.capabilities
        if "LOGINDISABLED" not in client.capabilities:
            pytest.skip("Dovecot takes passwords in clear from the loopback interface")
        with pytest.raises(imaplib.IMAP4.error):
            client.login(*imap_user())


def test_folders(imap_server, client):
    listed = {}
    for line in ok(client.list()):
        flags, delimiter, name = re.match(rb'\(([^)]*)\) "(.)" (.*)$', line).groups()
        listed[from_mutf7(name.decode().strip('"'))] = flags.decode()
        assert delimiter == b"/"
    assert set(imap_mail.FOLDERS) | {"INBOX", *imap_mail.SPECIAL} <= listed.keys()
    for name in imap_mail.SPECIAL:
        assert f"\\{name}".lower() in listed[name].lower()
    assert "\\haschildren" in listed["Projekte"].lower() and "\\hasnochildren" in listed["Party 🎉"].lower()
    assert len(ok(client.list('""', "%"))) < len(listed)
    assert len(ok(client.list('"Projekte/"', '"*"'))) == 2
    assert re.match(rb'\(\\Noselect\) "/" ""$', ok(client.list('""', '""'))[0], re.I)
    subscribed = ok(client.lsub())
    assert any(b"Entw&APw-rfe" in line for line in subscribed)
    ok(client.unsubscribe(mailbox("Entwürfe")))
    assert len(ok(client.lsub())) == len(subscribed) - 1
    ok(client.subscribe(mailbox("Entwürfe")))
    assert len(ok(client.lsub())) == len(subscribed)

    ok(client.create(mailbox("Neu/Über & unter")))
    assert ok(client.list('""', '"Neu/%"')) != [None]
    assert client.create(mailbox("Neu/Über & unter"))[0] == "NO"
    ok(client.rename(mailbox("Projekte"), mailbox("Projects")))
    assert len(ok(client.list('""', '"Projects/*"'))) == 2 and ok(client.list('""', '"Projekte*"')) == [None]
    ok(client.select(mailbox("Projects/2026/Köln & Bonn")))
    assert len(ok(client.search(None, "ALL"))[0].split()) == 5
    ok(client.close())
    ok(client.delete(mailbox("Neu/Über & unter")))
    assert client.delete(mailbox("Neu/Über & unter"))[0] == "NO"
    assert client.delete("INBOX")[0] == "NO"
    assert client.select("Nowhere")[0] == "NO" and client.status("Nowhere", "(MESSAGES)")[0] == "NO"
    # RFC 3501 section 6.3.5: INBOX renamed gives its messages away and stays. (Dovecot refuses.)
    if isinstance(imap_server, Instance):
        ok(client.rename("INBOX", "Old"))
        assert ok(client.select("INBOX")) == [b"0"] and ok(client.select("Old")) == [b"6"]


def test_select_and_status(client):
    (line,) = ok(client.status("INBOX", "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)"))
    values = dict(re.findall(rb"(\w+) (\d+)", line.partition(b"(")[2]))
    assert (values[b"MESSAGES"], values[b"UNSEEN"], values[b"UIDNEXT"]) == (b"6", b"3", b"7")
    assert ok(client.select("INBOX")) == [b"6"]
    assert client.response("UIDVALIDITY")[1] == [values[b"UIDVALIDITY"]]
    assert client.response("UIDNEXT")[1] == [b"7"]
    flags = client.response("PERMANENTFLAGS")[1][0]
    assert b"\\*" in flags and b"\\Deleted" in flags
    assert {b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Seen", b"\\Draft"} <= set(imaplib.ParseFlags(b"FLAGS " + client.response("FLAGS")[1][0]))
    assert client.response("READ-WRITE")[1] == [b""]
    ok(client.check())
    ok(client.noop())
    ok(client.select("INBOX", readonly=True))
    assert client.response("READ-ONLY")[1] == [b""] and client.is_readonly
    assert client.store("1", "+FLAGS", "\\Seen")[0] == "NO"
    ok(client.select("inbox"))  # in any case
    ok(client.unselect())
    with pytest.raises(imaplib.IMAP4.error):
        client.search(None, "ALL")


def test_fetch(client):
    ok(client.select("INBOX"))
    texts = [text for text, _, _ in imap_mail.MAIL["INBOX"]]
    answer = ok(client.fetch("1:*", "(UID RFC822.SIZE INTERNALDATE BODY.PEEK[])"))
    parts = [part for part in answer if isinstance(part, tuple)]
    assert [part[1] for part in parts] == texts
    for (head, text), (_, _, date) in zip(parts, imap_mail.MAIL["INBOX"]):
        assert int(re.search(rb"RFC822.SIZE (\d+)", head).group(1)) == len(text)
        local = imaplib.Internaldate2tuple(head)
        assert time.mktime(local) == imap_mail.instant(date)
    assert flags_of(client, 1) == set()  # PEEK sets nothing
    assert ok(client.fetch("1", "(BODY[])"))[0][1] == texts[0]
    assert flags_of(client, 1) == {"\\seen"}
    assert ok(client.fetch("2", "(RFC822)"))[0][1] == texts[1]
    assert ok(client.fetch("2", "(RFC822.HEADER)"))[0][1] + ok(client.fetch("2", "(RFC822.TEXT)"))[0][1] == texts[1]
    assert ok(client.fetch("5", "(BODY.PEEK[HEADER.FIELDS (SUBJECT FROM NOT-THERE)])"))[0][1] == (
        b"From: Bob <bob@elsewhere.example>\r\nSubject: multipart\r\n\r\n")
    assert b"Subject" not in ok(client.fetch("5", "(BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)])"))[0][1]
    assert ok(client.fetch("5", "(BODY.PEEK[1])"))[0][1] == b"Gr=C3=BC=C3=9Fe"
    assert ok(client.fetch("5", "(BODY.PEEK[2.MIME])"))[0][1].startswith(b"Content-Type: application/octet-stream")
    assert ok(client.fetch("5", "(BODY.PEEK[]<10.20>)"))[0] == (b"5 (BODY[]<10> {20}", texts[4][10:30])
    assert ok(client.fetch("5", "(BODY.PEEK[]<100000.20>)"))[0] in ((b"5 (BODY[]<100000> {0}", b""), b'5 (BODY[]<100000> "")')
    (structure,) = ok(client.fetch("5", "(BODYSTRUCTURE)"))
    assert re.search(rb'\("text" "plain" \("charset" "utf-8"\) NIL NIL "quoted-printable" 15 \d+', structure, re.I)
    assert b'("attachment" ("filename" "data.bin"))' in structure
    (envelope,) = ok(client.fetch("3", "(ENVELOPE)"))
    assert b'ENVELOPE ("Sat, 21 Nov 2026 12:00:00 +0000" "flagged-answered" (("Bob" NIL "bob" "elsewhere.example"))' in envelope
    for macro in ("ALL", "FAST", "FULL"):
        assert len(ok(client.fetch("1:6", macro))) == 6
    uids = [int(re.search(rb"UID (\d+)", line).group(1)) for line in ok(client.uid("FETCH", "1:*", "(FLAGS)"))]
    assert uids == [1, 2, 3, 4, 5, 6]
    assert re.search(rb"UID 6\b", ok(client.uid("FETCH", "100:*", "(FLAGS)"))[0])
    assert ok(client.uid("FETCH", "100:200", "(FLAGS)")) == [None]
    with pytest.raises(imaplib.IMAP4.error):
        client.fetch("1", "(NONSENSE)")
    ok(client.noop())


def test_store_copy_move_expunge(client):
    ok(client.select("INBOX"))
    ok(client.store("1", "+FLAGS", "(\\Flagged $MDNSent Own.Word)"))
    assert flags_of(client, 1) == {"\\flagged", "$mdnsent", "own.word"}
    ok(client.store("1", "-FLAGS", "(Own.Word)"))
    ok(client.uid("STORE", "1", "FLAGS", "(\\Seen)"))
    assert flags_of(client, 1) == {"\\seen"}
    assert ok(client.uid("STORE", "1:2", "+FLAGS.SILENT", "(\\Draft)")) == [None]
    ok(client.copy("1:2", mailbox("Entwürfe")))
    ok(client.uid("COPY", "5", "Archive"))
    assert client.copy("1", "Nowhere")[0] == "NO" and b"[TRYCREATE]" in client.copy("1", "Nowhere")[1][0]
    if "MOVE" in client.capabilities:
        ok(client._simple_command("UID", "MOVE", "6", mailbox("日本語")))
        assert ok(client.search(None, "ALL"))[0] == b"1 2 3 4 5"
    ok(client.store("2:3", "+FLAGS", "\\Deleted"))
    assert ok(client.expunge()) in ([b"2", b"2"], [b"3", b"2"])
    assert ok(client.uid("SEARCH", "ALL"))[0].split()[:3] == [b"1", b"4", b"5"]
    ok(client.store("1", "+FLAGS", "\\Deleted"))
    ok(client.uid("EXPUNGE", "4"))
    assert b"1" in ok(client.uid("SEARCH", "ALL"))[0].split()
    ok(client.close())  # expunges silently
    ok(client.select("INBOX"))
    assert b"1" not in ok(client.uid("SEARCH", "ALL"))[0].split()
    ok(client.select(mailbox("Entwürfe")))
    assert len(ok(client.search(None, "DRAFT"))[0].split()) == 3


def test_search(client):
    ok(client.select("INBOX"))

    def search(*criteria, charset=None):
        return [int(number) for number in ok(client.search(charset, *criteria))[0].split()]

    everything = [1, 2, 3, 4, 5, 6]
    for criteria, wanted in {
        "ALL": everything, "SEEN": [2, 4, 5], "UNSEEN": [1, 3, 6], "FLAGGED": [3], "UNFLAGGED ANSWERED": [], "ANSWERED": [3],
        "DELETED": [], "NOT DELETED": everything, "1:* NOT DELETED": everything, "KEYWORD $Forwarded": [4],
        "UNKEYWORD $Forwarded": [1, 2, 3, 5, 6], "DRAFT": [], "UNDRAFT": everything, "FROM bob": everything, "TO alice": everything,
        "CC alice": [], "SUBJECT multi": [5], "HEADER Message-ID fresh@": [1], "HEADER X-None \"\"": [], "BODY hello": [1, 2, 3, 4],
        "TEXT \"MIME-Version\"": everything, "LARGER 1000": [5], "SMALLER 1000": [1, 2, 3, 4, 6], "BEFORE 1-Jan-2020": [4],
        "SINCE 1-Jan-2024": [3, 5, 6], "OR (ON 29-Feb-2024) (ON 1-Mar-2024)": [3], "SENTON 21-Nov-2026": everything, "SENTBEFORE 21-Nov-2026": [],
        "SENTSINCE 21-Nov-2026": everything, "UID 2:3,6": [2, 3, 6], "2:3": [2, 3], "*": [6], "OR SEEN FLAGGED": [2, 3, 4, 5],
        "NOT (OR SEEN FLAGGED)": [1, 6], "(SEEN (KEYWORD $Forwarded))": [4],
    }.items():
        assert search(criteria) == wanted, criteria
    # imaplib sends a literal only if it is told so: as the last argument, with a charset.
    client.literal = "你好".encode()
    assert search("BODY", charset="UTF-8") == [6]
    client.literal = "GRÜSSE".encode()
    assert search("TEXT", charset="UTF-8") in ([5, 6], [])  # whether "ß" is "SS" is the server's choice
    client.literal = "köln".encode()
    assert search("BODY", charset="UTF-8") == [6]
    assert client.search("X-NO-SUCH", "ALL")[0] == "NO"
    if "SORT" in client.capabilities:
        assert ok(client.sort("(REVERSE SIZE)", "UTF-8", "ALL"))[0].split()[0] == b"5"
        assert ok(client.sort("(ARRIVAL)", "UTF-8", "ALL"))[0].split() == [b"4", b"1", b"2", b"3", b"5", b"6"]
    if "THREAD=ORDEREDSUBJECT" in client.capabilities:
        assert ok(client.thread("ORDEREDSUBJECT", "UTF-8", "ALL"))[0].count(b"(") == 6
    ok(client.select(mailbox("Projekte/2026")))
    for number, keyword in enumerate(imap_mail.KEYWORDS, 1):
        assert search("KEYWORD", keyword) == [number]


def test_append(client):
    text = imap_mail.message("appended", "Grüße\r\n".encode() + b"x" * 100000 + b"\r\n")
    ok(client.append(mailbox("Entwürfe"), "(\\Draft \\Seen $label1)", '"05-Feb-1994 06:07:08 -0330"', text))
    ok(client.append(mailbox("Entwürfe"), None, None, imap_mail.message("second")))
    ok(client.append(mailbox("Entwürfe"), "", imaplib.Time2Internaldate(1700000000), imap_mail.message("third")))
    refused = client.append("Nowhere", None, None, text)
    assert refused[0] == "NO" and b"[TRYCREATE]" in refused[1][0]
    ok(client.select(mailbox("Entwürfe")))
    head, got = ok(client.fetch("2", "(INTERNALDATE FLAGS BODY.PEEK[])"))[0]
    assert got == text and time.mktime(imaplib.Internaldate2tuple(head)) == 760441028
    assert flags_of(client, 2) == {"\\draft", "\\seen", "$label1"} and flags_of(client, 3) == set()
    assert time.mktime(imaplib.Internaldate2tuple(ok(client.fetch("4", "(INTERNALDATE)"))[0])) == 1700000000


def test_extensions(client):
    """What imaplib has methods for, where the server announces it."""
    user = client.credentials[0]
    assert b'"/"' in ok(client.namespace())[0]
    if "ENABLE" in client.capabilities:
        ok(client.enable("CONDSTORE"))
    if "ACL" in client.capabilities:
        rights = ok(client.myrights("INBOX"))[0]
        assert b"lrsw" in rights
        ok(client.setacl("INBOX", "bob@example.org", "lr"))
        assert b"bob@example.org lr" in ok(client.getacl("INBOX"))[0].replace(b'"', b"")
        ok(client.deleteacl("INBOX", "bob@example.org"))
        assert b"bob@example.org" not in ok(client.getacl("INBOX"))[0]
    if "QUOTA" in client.capabilities:
        roots, quota = ok(client.getquotaroot("INBOX"))
        assert roots[0].startswith((b"INBOX", b'"INBOX"'))
    ok(client.select("INBOX"))
    assert client.recent()[0] == "OK"
    ok(client.close())
    if "UTF8=ACCEPT" in client.capabilities:
        ok(client.enable("UTF8=ACCEPT"))
        assert client.utf8_enabled
        client.create('"Größe"')
        assert any("Größe".encode() in line for line in ok(client.list()))
        assert to_mutf7("Größe") == "Gr&APYA3w-e"


def test_logout(client):
    status, data = client.logout()
    assert status == "BYE"
