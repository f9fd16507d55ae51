"""Prints how long a client waits while others misbehave. See scripts/measure-answers."""

import contextlib
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from line_client import LineClient  # noqa: E402
from postern_instance import Instance  # noqa: E402
from test_limits import FLOODS, MESSAGE, begin, flood, send_data  # noqa: E402

ROUNDS = 100


def deliver(instance):
    with LineClient(instance, "smtp") as client:
        begin(client, "bob@example.org")
        assert send_data(client, MESSAGE)[0] == 250


def fetch(instance):
    client = instance.pop3("bob@example.org")
    client.stat()
    client.quit()


def timed(what, instance):
    began = time.monotonic()
    what(instance)
    return (time.monotonic() - began) * 1000


def report(title, instance):
    """Delivers and logs in again and again; median and worst time of both."""
    rounds = [(timed(deliver, instance), timed(fetch, instance)) for _ in range(ROUNDS)]
    cells = [f"{statistics.median(times):6.0f} {max(times):6.0f}" for times in zip(*rounds)]
    print(f"{title:36} {'    '.join(cells)}", flush=True)


@contextlib.contextmanager
def floods(instance, service):
    """Five clients that send without reading, and come back whenever they are sent away."""
    ended = threading.Event()

    def repeat(data):
        while not ended.is_set():
            flood(instance, service, data)

    threads = [threading.Thread(target=repeat, args=(data,)) for data in FLOODS.values()]
    for thread in threads:
        thread.start()
    yield
    ended.set()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def stalled(instance, count=180):
    """Clients that stop in the middle of DATA, in a handshake, and in reading a big message."""
    user = "slow@example.org"
    instance.add_user(user, "secret one")
    instance.deliver([user], body=b"a line of some length, as mail has it\r\n" * 50_000)
    with contextlib.ExitStack() as held:
        for n in range(count // 2):
            client = held.enter_context(LineClient(instance, "smtp"))
            begin(client, user)
            assert client.ask("DATA")[0] == 354
            client.send(b"Subject: to be continued\r\n" * 1000 * (n % 4))
            held.enter_context(contextlib.closing(instance.connect("pop3s")))
        reader = held.enter_context(contextlib.closing(instance.pop3(user, "secret one")))
        reader.sock.sendall(b"RETR 1\r\n" * 10)
        yield


def main():
    print(f"{'milliseconds: median, worst':36} {'a delivery':>13}    {'POP3 session':>13}")
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(folder)
        report("nobody else", instance)
        for service in ("smtp", "pop3"):
            with floods(instance, service):
                report(f"five floods on {service}", instance)
        with stalled(instance):
            report("180 clients that stand still", instance)
        instance.close()


main()
