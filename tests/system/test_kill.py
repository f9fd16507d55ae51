"""A reply of 250 is a promise: processes are killed with SIGKILL at random moments during a stream of deliveries, and afterwards
every message that was acknowledged is there exactly once, whole, and nothing else more than once.

Every message carries its own id and a hash of its body. No client sends one twice: what was not acknowledged is given up, so
"at most once" holds for it. POSTERN_TEST_SEED repeats a run's choices (not its timing).
"""

import collections
import contextlib
import hashlib
import os
import poplib
import random
import re
import signal
import smtplib
import threading
import time

import pytest

from line_client import LineClient
from postern_instance import PASSWORDS

pytestmark = pytest.mark.xdist_group("heavy")

KILLS_OF_THE_SUPERVISOR = 6
KILLS_BETWEEN = 9
# Deliveries are what is at stake, so smtpd is killed most.
VICTIMS = {"smtpd": 6, "authd": 1, "pop3d": 1, "imapd": 1, "relayd": 1}

USERS = ["alice@example.org", "bob@example.org", "carol@example.org"]
DRAINED = "dave@example.org"  # somebody fetches and deletes this user's mail all the while
EVERYBODY = [*USERS, DRAINED]
PASSWORD = "secret one"


def password_of(user):
    return PASSWORDS.get(user, PASSWORD)


def make_message(rng, name, sender="a@elsewhere.example"):
    size = rng.choice([0, 40, 400, 4000, 4000, 40_000, 200_000])
    body = b"".join(b"%060x\r\n" % rng.getrandbits(240) for _ in range(size // 62))
    head = (f"From: <{sender}>\r\nTo: <list@example.org>\r\nSubject: {name}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
            f"Message-ID: <{name}@elsewhere.example>\r\nX-Id: {name}\r\nX-Hash: {hashlib.sha256(body).hexdigest()}\r\n\r\n")
    return head.encode() + body


def id_of(message):
    """The id of a message that is whole."""
    head, body = message.split(b"\r\n\r\n", 1)
    name = re.search(rb"^X-Id: (\S+)\r?$", head, re.M).group(1).decode()
    digest = re.search(rb"^X-Hash: (\S+)\r?$", head, re.M).group(1).decode()
    assert hashlib.sha256(body).hexdigest() == digest, f"{name} is damaged"
    return name


class Stream:
    """The clients, each in a thread of its own, until stop() is called."""

    def __init__(self, instance, seed):
        self.instance = instance
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.sent = collections.defaultdict(set)   # user → ids whose end was sent, or may have been
        self.acked = collections.defaultdict(set)  # user → ids that were acknowledged
        self.fetched, self.deleted, self.unique_ids = set(), set(), {}  # of DRAINED
        self.faults = []
        work = [self.smtp, self.smtp, self.smtp, self.lmtp, self.submit, self.drain]
        self.threads = [threading.Thread(target=self.run, args=(one, f"{one.__name__}{n}", random.Random(f"{seed}-{n}")))
                        for n, one in enumerate(work)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def count(self):
        return sum(len(ids) for ids in list(self.acked.values()))

    def run(self, one_connection, name, rng):
        number = 0
        while not self.ended.is_set():
            try:
                number = one_connection(name, number, rng)
            except (OSError, EOFError, smtplib.SMTPServerDisconnected):
                pass  # the server died; LineClient and poplib say so in their own ways below
            except AssertionError as error:
                if "closed by the server" not in str(error):
                    self.faults.append(f"{name}: {error}")
            except Exception as error:  # must not pass unseen because it was in a thread
                self.faults.append(f"{name}: {error!r}")
            number += 1000
            time.sleep(0.01)

    def note(self, table, users, name):
        with self.lock:
            for user in users:
                table[user].add(name)

    def expect(self, reply, code):
        """False for a temporary refusal; a permanent one is never right here."""
        assert reply[0] == code or 400 <= reply[0] < 500, f"unexpected: {reply}"
        return reply[0] == code

    def transaction(self, client, rng, name):
        """Up to the end of data; the recipients that were taken."""
        if not self.expect(client.ask("MAIL FROM:<a@elsewhere.example>"), 250):
            return []
        taken = [user for user in rng.sample(EVERYBODY, rng.choice([1, 1, 2, 4]))
                 if self.expect(client.ask(f"RCPT TO:<{user}>"), 250)]
        message = make_message(rng, name)
        if not taken:
            client.ask("RSET")
        elif rng.random() < 0.3:
            self.note(self.sent, taken, name)
            client.send(b"BDAT %d LAST\r\n" % len(message) + message)
        else:
            if not self.expect(client.ask("DATA"), 354):
                return []
            self.note(self.sent, taken, name)
            client.send(message + b".\r\n")
        return taken

    def smtp(self, prefix, number, rng):
        with LineClient(self.instance, "smtp") as client:
            if not self.expect(client.reply(), 220) or not self.expect(client.ask("EHLO client.example"), 250):
                return number
            while not self.ended.is_set():
                number += 1
                name = f"{prefix}-{number}"
                taken = self.transaction(client, rng, name)
                if taken and self.expect(client.reply(), 250):
                    self.note(self.acked, taken, name)
        return number

    def lmtp(self, prefix, number, rng):
        with LineClient(self.instance, "lmtp") as client:
            if not self.expect(client.reply(), 220) or not self.expect(client.ask("LHLO client.example"), 250):
                return number
            while not self.ended.is_set():
                number += 1
                name = f"{prefix}-{number}"
                for user in self.transaction(client, rng, name):
                    if self.expect(client.reply(), 250):  # RFC 2033 section 4.2: one for each recipient
                        self.note(self.acked, [user], name)
        return number

    def submit(self, prefix, number, rng):
        number += 1
        name = f"{prefix}-{number}"
        try:
            client = self.instance.submission("bob@example.org", timeout=20)
            users = rng.sample(EVERYBODY, 2)
            self.note(self.sent, users, name)
            client.sendmail("bob@example.org", users, make_message(rng, name, "bob@example.org"))
            self.note(self.acked, users, name)
            client.quit()
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            # While authd is away the client is to try again later, not to be told that its password is wrong.
            codes = [error.smtp_code] if hasattr(error, "smtp_code") else [one[0] for one in error.recipients.values()]
            assert all(code == -1 or 400 <= code < 500 for code in codes), repr(error)
        return number

    def drain(self, prefix, number, rng):
        try:
            client = self.instance.pop3(DRAINED, PASSWORD, timeout=20)
            found = {}
            for line in client.uidl()[1]:
                n, unique_id = line.decode().split()
                found[unique_id] = id_of(b"\r\n".join(client.retr(int(n))[1]) + b"\r\n")
                client.dele(int(n))
            for unique_id, name in found.items():
                assert self.unique_ids.setdefault(unique_id, name) == name, f"UIDL {unique_id} moved to another message"
            self.fetched.update(found.values())
            client.quit()
            self.deleted.update(found.values())
        except poplib.error_proto as error:
            text = str(error)
            assert "[SYS/TEMP]" in text or "[IN-USE]" in text or "-ERR EOF" in text, f"unexpected: {text}"
        return number


def kill_somebody(instance, rng):
    """kill -9 of a child, once one of the chosen kind runs."""
    (program,) = rng.choices(list(VICTIMS), VICTIMS.values())
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = instance.children(program)
        # One that was killed a moment ago may be gone between the look and the signal.
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(rng.choice(children), signal.SIGKILL)
            return
        time.sleep(0.01)
    raise AssertionError(f"no {program} was started again:\n{instance.log()}")


def storm(instance, stream, rng):
    for _ in range(KILLS_OF_THE_SUPERVISOR):
        for _ in range(KILLS_BETWEEN):
            acknowledged = stream.count()
            kill_somebody(instance, rng)
            time.sleep(rng.random() * 0.3)
            # What is killed must have been at work: every second time wait until deliveries went on.
            deadline = time.monotonic() + (20 if rng.random() < 0.5 else 0)
            while stream.count() == acknowledged and time.monotonic() < deadline:
                time.sleep(0.01)
        instance.kill()
        instance.serve()


def read_all(instance, user):
    """The ids of a user's mail as POP3 gives it, and on disk; both must be the same, and UIDLs unique."""
    client = instance.pop3(user, password_of(user), timeout=120)
    count = client.stat()[0]
    unique_ids = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(unique_ids)) == count
    names = [id_of(b"\r\n".join(client.retr(n)[1]) + b"\r\n") for n in range(1, count + 1)]
    client.quit()
    on_disk = [id_of(path.read_bytes()) for path in instance.files(user)]
    assert sorted(on_disk) == sorted(names)
    return names


def test_no_kill_loses_doubles_or_cuts_a_message(make_instance):
    seed = os.environ.get("POSTERN_TEST_SEED") or str(random.getrandbits(32))
    print(f"POSTERN_TEST_SEED={seed}")
    # More workers than cores, so that the pauses before restarts (which double) do not leave a protocol unserved for long.
    instance = make_instance(options={"workers": 3})
    for user in EVERYBODY[2:]:
        instance.add_user(user, PASSWORD)
    stream = Stream(instance, seed)
    try:
        storm(instance, stream, random.Random(seed))
    finally:
        stream.stop()
    assert stream.faults == []
    print(f"{stream.count()} deliveries were acknowledged")
    assert stream.count() > 200, "too little was delivered for the test to mean anything"
    instance.stop()
    instance.serve()

    for user in USERS:
        there = collections.Counter(read_all(instance, user))
        assert max(there.values()) == 1, [name for name, count in there.items() if count > 1]
        assert stream.acked[user] <= set(there), "acknowledged, but lost"
        assert set(there) <= stream.sent[user]
    left = read_all(instance, DRAINED)
    assert len(set(left)) == len(left)
    assert stream.acked[DRAINED] <= stream.fetched | set(left), "acknowledged, but lost"
    assert not stream.deleted & set(left), "deleted, but back again"
    assert stream.fetched | set(left) <= stream.sent[DRAINED]
    # No message of this user ever had two unique ids.
    assert len(set(stream.unique_ids.values())) == len(stream.unique_ids)
