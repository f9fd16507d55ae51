"""Prints the memory that an idle connection takes, by kind. See scripts/measure-idle."""

import re
import resource
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from line_client import LineClient  # noqa: E402
from postern_instance import Instance  # noqa: E402


def open_greeted(instance, service):
    client = LineClient(instance, service, timeout=60)
    client.line()
    return client


def open_hello(instance, service):
    client = open_greeted(instance, service)
    client.send(b"EHLO client.example\r\n")
    while client.line()[3] == "-":
        pass
    return client


KINDS = {
    "SMTP, after EHLO": ("smtpd", "smtp", open_hello),
    "SMTP over TLS, after EHLO": ("smtpd", "submissions", open_hello),
    "POP3, greeted": ("pop3d", "pop3", open_greeted),
    "POP3 over TLS, greeted": ("pop3d", "pop3s", open_greeted),
    "IMAP, greeted": ("imapd", "imap", open_greeted),
    "IMAP over TLS, greeted": ("imapd", "imaps", open_greeted),
}


def pss(instance, program):
    """Bytes of all workers of one program."""
    total = 0
    for pid in instance.children(program):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1)) * 1024
    return total


def measure(instance, kind, count):
    program, service, open_one = KINDS[kind]
    warm_up = [open_one(instance, service) for _ in range(20)]
    for client in warm_up:
        client.close()
    before = pss(instance, program)
    clients = [open_one(instance, service) for _ in range(count)]
    after = pss(instance, program)
    for client in clients:
        client.close()
    print(f"{kind:28} {(after - before) / count / 1024:8.1f} KiB   (all {program}: {before / 2**20:.1f} MiB before, "
          f"{after / 2**20:.1f} MiB with {count})", flush=True)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if count + 100 > hard:
        sys.exit(f"this process may open {hard} files only")
    options = {"connection_limit": 2 * count + 100, "connection_limit_per_address": 2 * count + 100}
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:  # each kind from a fresh start
            instance = Instance(folder, options=options)
            measure(instance, kind, count)
            instance.close()


main()
