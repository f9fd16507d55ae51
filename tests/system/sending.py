"""What a test of sending needs around an instance: zones, next hops, and a clock that lets days pass.

    world = World(folder, make_instance)
    hop = world.network.hop("127.0.0.2")
    world.domain("example.net", "127.0.0.2")           an MX record and its host's address
    world.start()
    world.send("carol@example.net")
    hop.wait_messages()
    world.clock.advance(days=4)
    report = world.wait_report()                       in the sender's mailbox
"""

import contextlib
import email
import email.policy
import itertools
import random
import sqlite3
import struct
import time
from pathlib import Path

from certificates import Authority
from dns_zone import NameServer
from next_hop import Network
from postern_instance import wait_until
from sts_server import StsServer

SENDER = "bob@example.org"
STATES = ("waiting", "taken", "held", "prepared", "delivered", "failed", "removed")


class Clock:
    """The wall clock of an instance (POSTERN_TEST_CLOCK), which may be moved ahead at any time."""

    def __init__(self, path):
        self.path = Path(path)
        self.ahead = 0
        self.path.write_bytes(struct.pack("=q", 0))

    @property
    def environment(self):
        return {"POSTERN_TEST_CLOCK": str(self.path)}

    def advance(self, seconds=0, minutes=0, hours=0, days=0):
        self.ahead += ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        # In place: the processes have it mapped.
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", int(self.ahead * 1_000_000)))


class Report:
    """A report to the sender (RFC 3464)."""

    def __init__(self, octets):
        self.octets = octets
        self.message = email.message_from_bytes(octets, policy=email.policy.default)
        self.parts = list(self.message.iter_parts())
        self.words = self.parts[0].get_content()
        self.about, *self.recipients = self.parts[1].get_payload()
        self.original = self.parts[2]

    def of(self, address):
        """The fields about one recipient."""
        (found,) = [one for one in self.recipients if one["Final-Recipient"].split(";")[1].strip() == address]
        return found


class World:
    def __init__(self, folder, make_instance):
        self.folder = Path(folder)
        self.make_instance = make_instance
        self.network = Network()
        self.dns = NameServer(self.folder / "dns")
        self.clock = Clock(self.folder / "clock")
        self.instance = None
        self.numbers = itertools.count(1)
        self._authority = self._sts = None

    @property
    def authority(self):
        """Whom the instance trusts to certify servers."""
        if self._authority is None:
            self._authority = Authority(self.folder / "authority")
        return self._authority

    @property
    def sts(self):
        """Where policies of MTA-STS can be published; 127.0.3.1."""
        if self._sts is None:
            self._sts = StsServer("127.0.3.1", self.network.port, self.authority)
        return self._sts

    # --- before the start ---

    def domain(self, name, *addresses, text="", sign="no"):
        """Its MX records name mx1, mx2 … of itself, in this order of preference, with these addresses."""
        lines = [f"@ MX {10 * n} mx{n}\nmx{n} {'AAAA' if ':' in address else 'A'} {address}"
                 for n, address in enumerate(addresses, 1)]
        self.dns.zone(name, "\n".join([*lines, text]), sign)

    def start(self, options=None, dns=None, environment=None, append=""):
        """`dns`: the options for another name server; `append`: lines at the end of the configuration."""
        if dns is None:
            self.dns.start()
            dns = self.dns.options
        options = {"relay_port": self.network.port, **dns, **(options or {})}
        environment = {**self.clock.environment, **(environment or {})}
        if self._authority is not None:
            options = {"relay_ca_file": str(self.authority.path), **options}
        if self._sts is not None:
            options = {"sts_port": self.network.port, **options}
        self.instance = self.make_instance(serve=False, options=options, environment=environment)
        if append:
            self.instance.config.write_text(self.instance.config.read_text() + append)
        self.instance.serve()
        return self.instance

    def close(self):
        if self._sts is not None:
            self._sts.close()
        self.network.close()
        self.dns.stop()

    # --- while it runs ---

    def message(self, name, to, body=b"hello\r\n"):
        return (f"From: <{SENDER}>\r\nTo: <{to}>\r\nSubject: {name}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
                f"Message-ID: <{name}@example.org>\r\n\r\n").encode() + body

    def send(self, *recipients, sender=SENDER, body=b"hello\r\n", mail_options=(), rcpt_options=()):
        """One message by submission; its name, which is its Subject and the left side of its Message-ID."""
        (name,) = self.send_many(recipients, 1, sender, body, mail_options, rcpt_options)
        return name

    def send_many(self, recipients, count, sender=SENDER, body=b"hello\r\n", mail_options=(), rcpt_options=()):
        """Messages of their own over one connection."""
        names = [f"mail{next(self.numbers)}-{random.getrandbits(32):08x}" for _ in range(count)]
        client = self.instance.submission(sender)
        for name in names:
            refused = client.sendmail(sender, list(recipients), self.message(name, recipients[0], body), list(mail_options),
                                      list(rcpt_options))
            assert refused == {}
        client.quit()
        return names

    def recipients(self):
        """The recipients of all messages in the queue, also of those that are over: address, state, attempts, code, text, host.
        Read from its database, because asking the command takes long in a loop."""
        path = self.instance.data / "queue" / "queue.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row, state=STATES[row["state"]]) for row in
                    database.execute("SELECT address, state, attempts, code, text, host FROM recipient ORDER BY message, n")]

    def waiting(self):
        """Those that are not over."""
        return [one for one in self.recipients() if one["state"] in STATES[:4]]

    def wait_queue(self, count=None, attempts=None, seconds=60):
        """Until so many recipients are not over, and each of them has had so many attempts and waits for the next one."""
        def reached():
            waiting = self.waiting()
            return ((count is None or len(waiting) == count) and
                    (attempts is None or (waiting and all(one["attempts"] >= attempts and one["state"] == "waiting"
                                                          for one in waiting))))
        try:
            wait_until(reached, f"{count} recipients in the queue after {attempts} attempts", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.waiting()}") from None

    def advance_until(self, condition, within=120, **step):
        """Moves the clock step by step until it is true."""
        def tick():
            if condition():
                return True
            self.clock.advance(**step)
            time.sleep(0.3)
            return condition()
        return wait_until(tick, "what time should bring", within)

    def reports(self, user=SENDER):
        return [Report(one) for one in self.instance.messages(user) if b"multipart/report" in one]

    def wait_reports(self, count=1, user=SENDER, seconds=60):
        """So many are in the mailbox, and no more."""
        wait_until(lambda: len(self.instance.files(user)) >= count, f"{count} reports to {user}", seconds)
        reports = self.reports(user)
        assert len(reports) == count, [str(one.message) for one in reports]
        return reports

    def wait_report(self, user=SENDER):
        return self.wait_reports(1, user)[0]


def subjects(messages):
    """The names of messages that a next hop has, in the order in which they came."""
    return [email.message_from_bytes(one.data)["Subject"] for one in messages]
