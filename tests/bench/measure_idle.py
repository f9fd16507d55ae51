"""Prints the memory that an idle connection takes, by kind. See scripts/measure-idle."""

import argparse
import functools
import re
import resource
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
import line_client  # noqa: E402
from line_client import LineClient  # noqa: E402
from postern_instance import Instance  # noqa: E402

# One context for all: to make one takes longer than a handshake.
line_client.tls_context = functools.cache(line_client.tls_context)

user_count = 100
PASSWORD = "a pass phrase of its user"
MESSAGES = 5
# A connection gives memory back once it has been quiet for five seconds, an IMAP session lets go of its account after twenty.
SETTLE_SECONDS = 30


def source_address(number):
    """Spreads the connections over addresses, each of which has only so many ports."""
    return f"127.0.{1 + number // 5000}.1"


def user(number):
    return f"user{number % user_count}@example.org"


def open_greeted(instance, service, number):
    client = LineClient(instance, service, timeout=60, source=source_address(number))
    client.line()
    return client


def open_hello(instance, service, number):
    client = open_greeted(instance, service, number)
    client.send(b"EHLO client.example\r\n")
    while client.line()[3] == "-":
        pass
    return client


def ask(client, command):
    """An IMAP command that must succeed."""
    client.send(f"a {command}\r\n".encode())
    while not (line := client.line()).startswith("a "):
        pass
    assert line.startswith("a OK"), line


def open_selected(instance, service, number):
    client = open_greeted(instance, service, number)
    ask(client, f'LOGIN {user(number)} "{PASSWORD}"')
    ask(client, "SELECT INBOX")
    return client


def open_idle(instance, service, number):
    client = open_selected(instance, service, number)
    client.send(b"i IDLE\r\n")
    client.expect(r"^\+ ")
    return client


def open_compressed_idle(instance, service, number):
    client = open_selected(instance, service, number)
    ask(client, "COMPRESS DEFLATE")
    packer = zlib.compressobj(wbits=-15)
    client.send(packer.compress(b"i IDLE\r\n") + packer.flush(zlib.Z_SYNC_FLUSH))
    assert zlib.decompressobj(wbits=-15).decompress(client.socket.recv(1000)).startswith(b"+ ")
    return client


KINDS = {
    "SMTP, after EHLO": ("smtpd", "smtp", open_hello),
    "SMTP over TLS, after EHLO": ("smtpd", "submissions", open_hello),
    "POP3, greeted": ("pop3d", "pop3", open_greeted),
    "POP3 over TLS, greeted": ("pop3d", "pop3s", open_greeted),
    "IMAP, greeted": ("imapd", "imap", open_greeted),
    "IMAP over TLS, greeted": ("imapd", "imaps", open_greeted),
    "IMAP, in IDLE": ("imapd", "imap", open_idle),
    "IMAP over TLS, in IDLE": ("imapd", "imaps", open_idle),
    "IMAP, compressed, in IDLE": ("imapd", "imap", open_compressed_idle),
    "IMAP over TLS, compressed, in IDLE": ("imapd", "imaps", open_compressed_idle),
}


def pss(instance, program):
    """Bytes of all workers of one program."""
    total = 0
    for pid in instance.children(program):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1)) * 1024
    return total


def prepare_users(instance):
    """Accounts with a few messages, each opened once: what it costs to have been used is not what idling costs."""
    names = [user(number) for number in range(user_count)]
    for name in names:
        instance.add_user(name, PASSWORD)
    for first in range(0, len(names), 500):
        for _ in range(MESSAGES):
            instance.deliver(recipients=names[first:first + 500])


def measure(instance, kind, count, pause):
    program, service, open_one = KINDS[kind]
    if "IDLE" in kind:
        prepare_users(instance)
    warm_up = [open_one(instance, service, number) for number in range(200)]
    for client in warm_up:
        client.close()
    time.sleep(SETTLE_SECONDS)
    before = pss(instance, program)
    started = time.monotonic()
    clients = [open_one(instance, service, number) for number in range(count)]
    seconds = time.monotonic() - started
    time.sleep(SETTLE_SECONDS)
    after = pss(instance, program)
    print(f"{kind:34} {(after - before) / count / 1024:8.1f} KiB   (all {program}: {before / 2**20:.1f} MiB before, "
          f"{after / 2**20:.1f} MiB with {count}, which came in {seconds:.0f} s)", flush=True)
    if pause:
        input("press Enter to go on ")
    for client in clients:
        client.close()


def raise_limits(count):
    """Both this process and the servers, which inherit it, need a descriptor for each connection."""
    needed = count + 1000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(needed, hard), max(needed, hard)))
    except ValueError:
        if needed > hard:
            sys.exit(f"this process may open {hard} files only")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    global user_count
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=1000, help="connections of each kind")
    parser.add_argument("--users", type=int, default=user_count, help="accounts that the sessions share among themselves")
    parser.add_argument("--only", default="", help="kinds whose name matches this pattern")
    parser.add_argument("--pause", action="store_true", help="wait for Enter while the connections are open")
    arguments = parser.parse_args()
    user_count = arguments.users
    raise_limits(arguments.count)
    options = {"connection_limit": 2 * arguments.count + 1000, "connection_limit_per_address": 2 * arguments.count + 1000,
               "plaintext_auth": "loopback"}
    for kind in KINDS:
        if not re.search(arguments.only, kind):
            continue
        with tempfile.TemporaryDirectory() as folder:  # each kind from a fresh start
            instance = Instance(folder, options=options)
            try:
                measure(instance, kind, arguments.count, arguments.pause)
            finally:
                instance.close()


main()
