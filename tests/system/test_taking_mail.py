"""Mail that is taken for elsewhere: what stands in the queue, and that one message goes to all its recipients, each in the right way."""

import concurrent.futures
import email
import email.policy
import itertools
import os
import random
import re
import signal
import smtplib
import stat
import subprocess
import threading
import time

import pytest

from postern_instance import Instance, build_folder

ALICE, BOB = "alice@example.org", "bob@example.org"
names = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Takes mail for elsewhere and sends none of it: nobody tells it where that is."""
    instance = Instance(tmp_path_factory.mktemp("taking"), options={"dns_resolvers": ["127.0.0.1@1"], "workers": "2"})
    for alias, *targets in [("far", "far@elsewhere.example"), ("both", BOB, "one@elsewhere.example", "two@elsewhere.example"),
                            ("dead", "nobody.any.more@example.org"), ("circle", "circle2@example.org"),
                            ("circle2", "circle@example.org")]:
        instance.postern("alias", "add", f"{alias}@example.org", *targets)
    yield instance
    instance.close()


def text_of(name, header=""):
    return f"From: <{BOB}>\r\n{header}Subject: {name}\r\n\r\nhello\r\n"


def queued(server, name):
    """The entries of one message by the field Delivered-To that they get, as `queue list` has them."""
    found = {}
    for entry in server.json("queue", "list")["messages"]:
        if entry["subject"] == name:
            text = body_of(server, entry["id"])
            alias = re.match(r"Delivered-To: (\S+)\r\n", text)
            found[alias[1] if alias else ""] = entry
    return found


def body_of(server, identity):
    """As the next host gets it."""
    program = str(build_folder() / "admin" / "postern")
    return subprocess.run([program, "-c", str(server.config), "queue", "show", identity, "--message"], capture_output=True,
                          check=True).stdout.decode()


def addresses(entry):
    return {recipient["address"]: recipient for recipient in entry["recipients"]}


def send(server, sender, recipients, header="", mail_options=(), rcpt_options=(), client=None):
    """One message by port 25; its name."""
    name = f"taken{next(names)}"
    with (client or server.smtp()) as smtp:
        assert smtp.sendmail(sender, recipients, text_of(name, header), mail_options, rcpt_options) == {}
    return name


def test_one_message_for_all(server):
    """A mailbox here, somebody elsewhere, and two aliases that go on: each gets the same text, and what is his alone before it."""
    recipients = [ALICE, "x@elsewhere.example", "y@other.example", "far@example.org", "both@example.org"]
    name = f"taken{next(names)}"
    client = server.submission(BOB)
    assert client.sendmail(BOB, recipients, text_of(name), ["RET=HDRS", "ENVID=QQ314159"]) == {}
    client.quit()
    entries = queued(server, name)
    assert {alias: set(addresses(entry)) for alias, entry in entries.items()} == {
        "": {"x@elsewhere.example", "y@other.example"},
        "far@example.org": {"far@elsewhere.example"},
        "both@example.org": {"one@elsewhere.example", "two@elsewhere.example"},
    }
    for entry in entries.values():
        assert (entry["sender"], entry["login"], entry["envid"], entry["flags"]) == (BOB, BOB, "QQ314159", ["return-header"])
    assert addresses(entries["both@example.org"])["one@elsewhere.example"]["orcpt"] == "rfc822;both@example.org"
    for user in (ALICE, BOB):
        mine = [one for one in server.messages(user) if name.encode() in one]
        assert len(mine) == 1
        here = mine[0].decode()
        assert here.startswith(f"Return-Path: <{BOB}>\r\nReceived: ")
        for alias, entry in entries.items():
            top = f"Delivered-To: {alias}\r\n" if alias else ""
            assert body_of(server, entry["id"]) == top + here.removeprefix(f"Return-Path: <{BOB}>\r\n")


def test_all_or_nobody(server):
    """A mailbox that is full keeps a message from those elsewhere too."""
    server.add_user("small@example.org", "the pass word")
    server.postern("user", "set", "small@example.org", "--quota", "1K")
    name = f"taken{next(names)}"
    with server.submission(BOB) as client, pytest.raises(smtplib.SMTPDataError) as refusal:
        client.sendmail(BOB, ["small@example.org", "x@elsewhere.example", ALICE], text_of(name, f"X: {'x' * 900}\r\n" * 3))
    assert refusal.value.smtp_code == 452
    assert queued(server, name) == {}
    assert not [one for one in server.messages(ALICE) if name.encode() in one]


def test_the_way_back_of_a_forward(server):
    """What one worker makes every other reads; senders go out rewritten, and mail to those goes to the real ones."""
    senders = [f"sender{n}@remote{n}.example" for n in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda sender: send(server, sender, ["far@example.org"]), senders))
    key = server.data / "srs.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and key.stat().st_size == 32
    for sender, name in zip(senders, sent):
        local, domain = sender.split("@")
        rewritten = queued(server, name)["far@example.org"]["sender"]
        assert re.fullmatch(rf"SRS0=[A-Z2-7]{{4}}=[A-Z2-7]{{2}}={re.escape(domain)}={local}@example\.org", rewritten)
        for spelling in (rewritten, rewritten.lower()):
            back = send(server, "", [spelling])
            (entry,) = queued(server, back).values()
            assert entry["sender"] == "" and list(addresses(entry)) == [sender]
        # Of somebody else's making.
        forged = rewritten.replace(local, "victim")
        with server.smtp() as smtp:
            smtp.ehlo()
            smtp.docmd("MAIL FROM:<>")
            assert smtp.docmd(f"RCPT TO:<{forged}>")[0] == 550


def test_a_circle_ends(server):
    name = send(server, "x@remote.example", ["far@example.org"])
    entry = queued(server, name)["far@example.org"]
    with server.smtp() as smtp, pytest.raises(smtplib.SMTPDataError) as refusal:
        smtp.sendmail(entry["sender"], ["far@example.org"], body_of(server, entry["id"]))
    assert refusal.value.smtp_code == 554 and b"5.4.6" in refusal.value.smtp_error


def test_nobody_hears_of_what_was_never_taken(server):
    """Unknown users are refused while the client waits, also behind an alias: nothing is left to be reported to a forged sender."""
    before = len(server.json("queue", "list")["messages"])
    with server.smtp() as smtp:
        smtp.ehlo()
        assert smtp.docmd("MAIL FROM:<forged@victim.example>")[0] == 250
        for local in ("nobody", "dead", "SRS0=AAAA=AA=victim.example=forged"):
            assert smtp.docmd(f"RCPT TO:<{local}@example.org> NOTIFY=SUCCESS,FAILURE")[0] == 550, local
        assert smtp.docmd("RCPT TO:<circle@example.org>")[0] // 100 in (4, 5)
        assert smtp.docmd("RCPT TO:<x@elsewhere.example>")[0] == 550
        assert smtp.docmd("DATA")[0] == 554
    assert len(server.json("queue", "list")["messages"]) == before


def test_success_is_told(server):
    """NOTIFY=SUCCESS for a mailbox here: the sender has the report in his own."""
    name = f"taken{next(names)}"
    with server.submission(BOB) as client:
        client.sendmail(BOB, [ALICE], text_of(name), ["ENVID=QQ314159"], ["NOTIFY=SUCCESS", f"ORCPT=rfc822;{ALICE}"])
    (report,) = [one for one in server.messages(BOB) if b"multipart/report" in one and name.encode() in one]
    message = email.message_from_bytes(report, policy=email.policy.default)
    about, recipient = message.get_payload()[1].get_payload()
    assert about["Original-Envelope-Id"] == "QQ314159"
    assert recipient["Action"] == "delivered" and recipient["Final-Recipient"] == f"rfc822;{ALICE}"


def test_tls_on_all_the_way(server):
    """REQUIRETLS goes into the queue; the field that says the contrary counts where it is missing (RFC 8689 section 4.1)."""
    for mail_options, expected in [(["REQUIRETLS"], ["requiretls"]), ([], ["tls-optional"])]:
        name = f"taken{next(names)}"
        with server.submission(BOB) as client:
            assert client.has_extn("requiretls")
            client.sendmail(BOB, ["x@elsewhere.example"], text_of(name, "TLS-Required: No\r\n"), mail_options)
        (entry,) = queued(server, name).values()
        assert entry["flags"] == expected


# --- killed in the middle ---

NOWHERE = {"dns_resolvers": ["127.0.0.1@1"], "workers": "2", "relay_networks": ["127.0.0.0/8"]}
KILLS = 15


def send_until(server, ended, number, acknowledged):
    """Messages to a mailbox here and to somebody elsewhere; the names of those that were acknowledged."""
    for count in itertools.count(1):
        name = f"killed-{number}-{count}"
        try:
            with server.smtp() as smtp:
                smtp.sendmail("x@remote.example", [ALICE, "y@elsewhere.example"], text_of(name))
            acknowledged.append(name)
        except (OSError, smtplib.SMTPException):
            time.sleep(0.02)  # given up: nobody sends it again
        if ended.is_set():
            return


def subject_of(message):
    return re.search(rb"^Subject: (.*?)\r?$", message, re.M)[1].decode()


@pytest.mark.xdist_group("heavy")
def test_whoever_is_killed(make_instance):
    """Of a message that was acknowledged both are there, once; of one that was not nobody elsewhere has it alone."""
    server = make_instance(options=NOWHERE)
    ended, acknowledged = threading.Event(), []
    threads = [threading.Thread(target=send_until, args=(server, ended, n, acknowledged)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        time.sleep(random.uniform(0.02, 0.3))
        for pid in random.sample(server.children("smtpd"), 1) if server.children("smtpd") else []:
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    ended.set()
    for thread in threads:
        thread.join()
    server.stop()
    server.serve()
    entries = server.json("queue", "list", "--limit", "10000")["messages"]
    for_others = [entry["subject"] for entry in entries if entry["recipients"][0]["state"] != "incoming"]
    here = [subject_of(message) for message in server.messages(ALICE)]
    assert len(acknowledged) > KILLS
    for names_ in (for_others, here):
        assert len(set(names_)) == len(names_)
        assert set(acknowledged) <= set(names_)
    assert set(for_others) <= set(here)
