"""A thousand clients that are connected and say nothing, as mail programs do all day."""

import contextlib
import os
import resource
from pathlib import Path

import pytest

from line_client import LineClient
from postern_instance import wait_until

pytestmark = pytest.mark.xdist_group("heavy")

GREETINGS = {"smtp": "^220 ", "submission": "^220 ", "submissions": "^220 ", "pop3": r"^\+OK", "pop3s": r"^\+OK",
             "imap": r"^\* OK", "imaps": r"^\* OK"}
HOW_MANY = {"smtp": 300, "submission": 50, "submissions": 50, "pop3": 200, "pop3s": 100, "imap": 200, "imaps": 100}


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("this process may not open 1,000 connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# The upkeep of the store opens the one account when it has something to do, and keeps it open.
KEPT_BY_UPKEEP = 16


def targets(pid):
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            yield str(entry.readlink())


def descriptors(instance):
    """How many each process of the instance has open: of accounts, and all the rest."""
    found = {}
    for pid in [instance.process.pid, *instance.children()]:
        of_accounts = ["/data/mail/" in target for target in targets(pid)]
        found[pid] = (sum(of_accounts), len(of_accounts) - sum(of_accounts))
    return found


def how_many(found):
    return sum(of_accounts + others for of_accounts, others in found.values())


def use_everything(instance):
    """One message in and out, by every port."""
    instance.deliver(["alice@example.org"])
    for service in ("submission", "submissions"):
        instance.submission(service=service).quit()
    for service in ("pop3", "pop3s"):
        client = instance.pop3(service=service)
        client.stat()
        client.quit()
    for service in ("imap", "imaps"):
        with LineClient(instance, service) as client:
            client.expect(r"^\* OK")


def test_a_thousand_idle_connections(make_instance, many_descriptors):
    # The daemons get the usual 1,024 descriptors and have to help themselves.
    instance = make_instance(serve=False, options={"connection_limit": 2000, "connection_limit_per_address": 2000})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    instance.serve()
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    for _ in range(8):  # so that each worker has had its turn and opened what it keeps open
        use_everything(instance)
    before = descriptors(instance)
    with contextlib.ExitStack() as held:
        for service, count in HOW_MANY.items():
            for _ in range(count):
                held.enter_context(LineClient(instance, service, timeout=60)).expect(GREETINGS[service])
        assert how_many(descriptors(instance)) > how_many(before) + 0.9 * sum(HOW_MANY.values())
        use_everything(instance)

    def nothing_left():
        now = descriptors(instance)
        return now.keys() == before.keys() and all(
            now[pid][0] <= before[pid][0] + KEPT_BY_UPKEEP and now[pid][1] <= before[pid][1] for pid in before)

    try:
        wait_until(nothing_left, "the descriptors' end")
    except AssertionError:
        now = descriptors(instance)
        left = {pid: os.popen(f"ls -l /proc/{pid}/fd").read() for pid in now if now[pid] != before.get(pid)}
        raise AssertionError(f"before: {before}\nnow: {now}\n" + "\n".join(left.values())) from None
    use_everything(instance)


def test_goodbye_to_idle_clients(make_instance):
    """SIGTERM: each client is told, and the server ends without waiting for any."""
    instance = make_instance()
    goodbyes = {"smtp": "^421 ", "submissions": "^421 ", "pop3": r"^(\+OK|-ERR)", "imap": r"^\* BYE"}
    with contextlib.ExitStack() as held:
        clients = []
        for service, goodbye in goodbyes.items():
            client = held.enter_context(LineClient(instance, service))
            client.expect(GREETINGS[service])
            clients.append((client, goodbye))
        instance.stop()
        for client, goodbye in clients:
            client.expect(goodbye)
            client.expect_eof()


def test_a_reload_drops_nobody(make_instance):
    """SIGHUP: sessions go on, new ones see the new options."""
    instance = make_instance()
    with LineClient(instance, "smtp") as smtp, LineClient(instance, "pop3") as pop3:
        smtp.expect("^220 ")
        pop3.expect(r"^\+OK")
        assert smtp.ask("EHLO client.example")[0] == 250
        assert smtp.ask("MAIL FROM:<a@elsewhere.example>")[0] == 250
        instance.set_options({"message_size_limit": "1M"})
        instance.reload()

        def sees_new_limit():
            with LineClient(instance, "smtp") as client:
                client.reply()
                client.ask("EHLO client.example")
                return client.ask("MAIL FROM:<a@elsewhere.example> SIZE=2000000")[0] == 552

        wait_until(sees_new_limit, "the new limit")
        assert smtp.ask("RCPT TO:<alice@example.org>")[0] == 250
        assert smtp.ask("DATA")[0] == 354
        smtp.send(b"Subject: over the reload\r\n\r\n.\r\n")
        assert smtp.reply()[0] == 250
        pop3.expect(r"^\+OK", "CAPA")
    assert len(instance.files("alice@example.org")) == 1


def test_a_delivery_is_not_cut_by_the_end(make_instance):
    """SIGTERM in the middle of DATA: the message is finished and acknowledged, and then the client is sent away."""
    instance = make_instance()
    with LineClient(instance, "smtp") as client:
        client.expect("^220 ")
        assert client.ask("EHLO client.example")[0] == 250
        assert client.ask("MAIL FROM:<a@elsewhere.example>")[0] == 250
        assert client.ask("RCPT TO:<alice@example.org>")[0] == 250
        assert client.ask("DATA")[0] == 354
        client.send(b"Subject: at the last moment\r\n\r\n")
        instance.process.terminate()

        def is_closed():
            try:
                instance.connect("smtp", 5).close()
            except OSError:
                return True

        wait_until(is_closed, "the end of listening")
        client.send(b"text\r\n.\r\n")
        assert client.reply()[0] == 250
        assert client.reply()[0] == 421
        client.expect_eof()
    instance.stop()
    assert len(instance.files("alice@example.org")) == 1
