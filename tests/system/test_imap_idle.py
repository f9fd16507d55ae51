"""IDLE across worker processes (RFC 2177): what one session does, sessions that another process serves are told at once."""

import contextlib
import re
import selectors
import time
from pathlib import Path

import pytest

import imap_mail
from imap_client import Imap
from postern_instance import PASSWORDS

SESSIONS = 8
USER = ("alice@example.org", PASSWORDS["alice@example.org"])


def owner(instance, client):
    """The process id of the imapd that serves a connection, by the socket's inode."""
    ours, port = client.stream.socket.getsockname()[1], instance.port("imap")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port and int(fields[2].split(":")[1], 16) == ours:
            wanted = f"socket:[{fields[9]}]"
            for pid in instance.children("imapd"):
                for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(FileNotFoundError):
                        if str(descriptor.readlink()) == wanted:
                            return pid
    raise AssertionError("nobody serves the connection")


class Watchers:
    """Sessions in IDLE on one mailbox."""

    def __init__(self, clients):
        self.clients, self.selector = clients, selectors.DefaultSelector()
        for client in clients:
            self.selector.register(client.stream.socket, selectors.EVENT_READ, client)

    def idle(self):
        for client in self.clients:
            client.tag = client.begin("IDLE")
            assert client.response()[0] == "+"

    def done(self):
        """Ends IDLE everywhere; returns what came since the last look."""
        for client in self.clients:
            client.stream.send(b"DONE\r\n")
        return [client.finish(client.tag)[0] for client in self.clients]

    def wait(self, pattern, begun):
        """Waits until each session has been sent a line that matches; returns how long after `begun` each of them was."""
        seen = {}
        while len(seen) < len(self.clients):
            events = self.selector.select(timeout=20)
            assert events, f"{len(self.clients) - len(seen)} of {len(self.clients)} sessions were not told {pattern!r}"
            now = time.monotonic()
            for key, _ in events:
                client = key.data
                client.more()
                lines = client.stream.pending.split(b"\r\n")
                for n, line in enumerate(lines[:-1]):
                    if re.search(pattern, line):
                        seen.setdefault(client, now - begun)
                        client.stream.pending = b"\r\n".join(lines[n + 1:])
        return list(seen.values())


@pytest.fixture
def instance(make_instance):
    return make_instance(options={"workers": 2, "plaintext_auth": "loopback"})


def test_idle_across_workers(instance):
    with contextlib.ExitStack() as held:
        def connect():
            return held.enter_context(Imap(instance, *USER, service="imap", tls=False))

        # The kernel chooses which worker takes a connection; half of the watchers shall be with each.
        by_worker = {}
        for _ in range(40 * SESSIONS):
            client = connect()
            by_worker.setdefault(owner(instance, client), []).append(client)
            if len(by_worker) == 2 and min(map(len, by_worker.values())) > SESSIONS // 2:
                break
        assert len(by_worker) == 2, "one worker took every connection"
        # One of each acts, the others look on.
        actors = [clients.pop() for clients in by_worker.values()]
        watchers = Watchers([client for clients in by_worker.values() for client in clients[:SESSIONS // 2]])
        for client in [*watchers.clients, *actors]:
            client.ask("SELECT", "INBOX")
        watchers.idle()
        took = {}

        def expect(what, pattern, act):
            begun = time.monotonic()
            act()
            took.setdefault(what, []).extend(watchers.wait(pattern, begun))

        for count, actor in enumerate(actors, 1):
            actor.ask("NOOP")
            expect("APPEND", rb"^\* %d EXISTS$" % (2 * count - 1),
                   lambda: actor.append("INBOX", imap_mail.message(f"appended {count}")))
            actor.ask("NOOP")
            expect("STORE", rb"^\* %d FETCH \(.*FLAGS \(.*Word" % (2 * count - 1),
                   lambda: actor.ask("STORE", str(2 * count - 1), "+FLAGS.SILENT (\\Flagged Word)"))
            expect("SMTP", rb"^\* %d EXISTS$" % (2 * count), lambda: instance.deliver([USER[0]]))
        for actor in actors:
            actor.ask("NOOP")
            actor.ask("STORE", "1", "+FLAGS.SILENT (\\Deleted)")
            expect("EXPUNGE", rb"^\* 1 EXPUNGE$", lambda: actor.ask("EXPUNGE"))
        actors[0].ask("NOOP")
        expect("COPY", rb"^\* 3 EXISTS$", lambda: actors[0].ask("COPY", "1", "INBOX"))
        actors[0].ask("NOOP")
        expect("MOVE", rb"^\* 3 EXPUNGE$", lambda: actors[0].ask("MOVE", "3", "Archive"))
        watchers.done()
        everything = sorted(time for times in took.values() for time in times)
        print("\nIDLE across workers, from command to notice:", ", ".join(
            f"{what} {1000 * max(times):.1f} ms" for what, times in took.items()),
            f"at most; median {1000 * everything[len(everything) // 2]:.1f} ms")

        # All of them agree in the end.
        for client in watchers.clients:
            (found,) = (data for what, *data in client.ask("UID SEARCH", "ALL") if what == "SEARCH")
            assert len(found) == 2


def test_idle_is_quiet(instance):
    """Nothing happens, so nothing is said; what happens elsewhere is no concern of theirs."""
    with Imap(instance, *USER, service="imap", tls=False) as watcher, Imap(instance, *USER) as actor:
        watcher.ask("SELECT", "Archive")
        watchers = Watchers([watcher])
        watchers.idle()
        actor.append("INBOX", imap_mail.message("elsewhere"))
        instance.deliver([USER[0]])
        time.sleep(1)
        assert watchers.done() == [[]]
