"""An instance of Postern under test: made by `postern init`, run by `postern serve`, on free loopback ports.

    instance = Instance(folder)                     init, users alice and bob, serve until "ready"
    instance.port("smtp")                           where it listens
    instance.postern("user", "list", "--json")      runs the command against it
    instance.close()                                SIGTERM, exit code 0, and no sanitizer report in the log

The build folder is taken from POSTERN_BUILD (scripts/test sets it), else build-san or build beside the sources.
"""

import json
import os
import poplib
import random
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
STANDARD_PORTS = {
    "smtp": 25, "submission": 587, "submissions": 465,
    "pop3": 110, "pop3s": 995, "imap": 143, "imaps": 993,
}
PASSWORDS = {"alice@example.org": "alice pass 1", "bob@example.org": "bob-pass-2"}
SANITIZER_REPORT = re.compile(r"(ERROR: \w+Sanitizer|runtime error:|LeakSanitizer: detected)")


def build_folder():
    if "POSTERN_BUILD" in os.environ:
        return Path(os.environ["POSTERN_BUILD"]).resolve()
    for name in ("build-san", "build"):
        if (SOURCE / name / "admin" / "postern").exists():
            return SOURCE / name
    raise RuntimeError("no build found; set POSTERN_BUILD")


class PortOffset:
    """A port offset that no other instance under test has, in this process or another one.

    Offsets are multiples of 100: the standard ports all differ in their last two digits, so two offsets never share a port.
    An abstract Unix socket named after the offset is held as long as the instance lives; the kernel drops it when its process
    ends, however it ends.
    """

    # Below the kernel's range for outgoing connections (32768 and up), so that no client's port is in the way.
    OFFSETS = range(10000, 28000, 100)

    def __init__(self):
        for self.value in random.sample(self.OFFSETS, len(self.OFFSETS)):
            self.lock = socket.socket(socket.AF_UNIX)
            try:
                self.lock.bind(f"\0postern-test-ports-{self.value}")
            except OSError:
                self.lock.close()
                continue
            if self.ports_are_free():
                return
            self.lock.close()
        raise RuntimeError("no free ports")

    def ports_are_free(self):
        for port in STANDARD_PORTS.values():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port + self.value))
                except OSError:
                    return False
        return True

    def release(self):
        self.lock.close()


def wait_until(condition, what, seconds=30):
    """Returns the condition's value once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def tls_context():
    """A client's context that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Instance:
    def __init__(self, folder, users=True, serve=True, options=None, environment=None):
        self.folder = Path(folder)
        self.root = self.folder / "root"
        self.config = self.root / "postern.conf"
        self.log_path = self.folder / "log"
        self.environment = dict(os.environ, **(environment or {}))
        self.environment.pop("POSTERN_CONFIG", None)
        self.process = None
        self.stdout = None
        self.port_offset = PortOffset()
        self.offset = self.port_offset.value
        self.run("init", "--root", str(self.root), "--domain", "example.org", "--hostname", "mail.example.org",
                 "--port-offset", str(self.offset))
        if options:
            self.set_options(options)
        if users:
            for address, password in PASSWORDS.items():
                self.add_user(address, password)
        if serve:
            self.serve()

    # --- commands ---

    def run(self, *arguments, check=True, input=None):
        """Runs `postern` as it is; returns the finished process with text output."""
        result = subprocess.run([str(build_folder() / "admin" / "postern"), *arguments], env=self.environment, text=True,
                                input="" if input is None else input, capture_output=True, timeout=120)
        assert not SANITIZER_REPORT.search(result.stderr), result.stderr
        if check:
            assert result.returncode == 0, f"postern {arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def postern(self, *arguments, **keywords):
        return self.run("-c", str(self.config), *arguments, **keywords)

    def json(self, *arguments):
        return json.loads(self.postern(*arguments, "--json").stdout)

    def add_user(self, address, password):
        self.postern("user", "add", address, "--password-stdin", input=password + "\n")

    def set_options(self, options):
        """Sets top-level options ({"hop_limit": 10}) or those of a section ({"smtp": {"bare_newline": "repair"}}). An option
        that the file has already is replaced."""
        text = self.config.read_text()
        for name, value in options.items():
            if isinstance(value, dict):
                for inner, inner_value in value.items():
                    text = self._set_in_section(text, name, inner, self._quote(inner_value))
            else:
                line = f"{name} = {self._quote(value)}\n"
                pattern = re.compile(rf"^{name}\s*=.*\n", re.M)
                text = pattern.sub(lambda _: line, text, count=1) if pattern.search(text) else line + text
        self.config.write_text(text)

    @staticmethod
    def _quote(value):
        if isinstance(value, (list, tuple)):
            return "{ " + ", ".join(f'"{item}"' for item in value) + " }"
        return f'"{value}"'

    @staticmethod
    def _set_in_section(text, section, name, value):
        if not re.search(rf"^{section}\s*\{{\n", text, re.M):
            return text + f"{section} {{\n    {name} = {value}\n}}\n"
        # Values hold braces of their own (lists), so the section ends at the first line that is a lone brace.
        start = re.search(rf"^{section}\s*\{{\n", text, re.M).end()
        end = re.compile(r"^\}\s*$", re.M).search(text, start).start()
        body = re.sub(rf"^\s*{name}\s*=.*\n", "", text[start:end], flags=re.M)
        return text[:start] + body + f"    {name} = {value}\n" + text[end:]

    # --- life ---

    def serve(self, wait=True):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([str(build_folder() / "admin" / "postern"), "-c", str(self.config), "serve"],
                                        stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
                                        env=self.environment)
        log.close()
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=60):
        line = b""
        os.set_blocking(self.process.stdout.fileno(), False)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            line += self.process.stdout.read() or b""
            if b"ready\n" in line:
                return
            assert self.process.poll() is None, f"serve ended with {self.process.returncode}:\n{self.log()}"
            time.sleep(0.02)
        raise AssertionError(f"no 'ready' in {seconds} s:\n{self.log()}")

    def stop(self, expect=0, seconds=60):
        """SIGTERM to the supervisor; its exit code is checked."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(seconds)
        finally:
            process.kill()
            process.stdout.close()
        assert code == expect, f"serve ended with {code}:\n{self.log()}"

    def kill(self):
        """kill -9 of the supervisor; returns once every process that it had started is gone too."""
        children = self.children()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "the children's end")

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        """SIGTERM, unless it was stopped already; nothing is left running, and the log holds no sanitizer's report."""
        try:
            self.stop()
        finally:
            self.port_offset.release()
        report = SANITIZER_REPORT.search(self.log())
        assert not report, self.log()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_log(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if text in self.log():
                return
            time.sleep(0.02)
        raise AssertionError(f"no {text!r} in the log:\n{self.log()}")

    def children(self, name=None):
        """Process ids of the supervisor's children, by program name when one is given."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        result = []
        for pid in pids:
            try:
                program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                continue
            if name is None or program == name:
                result.append(int(pid))
        return result

    # --- clients ---

    def port(self, service):
        return STANDARD_PORTS[service] + self.offset

    @property
    def certificate_authority(self):
        return self.root / "tls" / "ca.pem"

    @property
    def data(self):
        return self.root / "data"

    def maildir(self, address):
        user, domain = address.split("@")
        return self.data / "mail" / domain / user / "Maildir"

    def files(self, address):
        """The message files of an INBOX."""
        maildir = self.maildir(address)
        return sorted(path for folder in ("new", "cur") for path in (maildir / folder).iterdir())

    def wait_for_files(self, address, count):
        """Files of expunged messages are unlinked a moment after the client has its answer."""
        wait_until(lambda: len(self.files(address)) == count, f"{count} message files of {address}")

    def connect(self, service="smtp", timeout=30):
        """A bare socket."""
        return socket.create_connection(("127.0.0.1", self.port(service)), timeout)

    def smtp(self, timeout=30):
        return smtplib.SMTP("127.0.0.1", self.port("smtp"), local_hostname="client.example", timeout=timeout)

    def submission(self, user="bob@example.org", password=None, service="submission", timeout=30):
        if service == "submissions":
            client = smtplib.SMTP_SSL("127.0.0.1", self.port(service), "client.example", timeout=timeout,
                                      context=tls_context())
        else:
            client = smtplib.SMTP("127.0.0.1", self.port(service), "client.example", timeout=timeout)
            client.starttls(context=tls_context())
        client.login(user, password or PASSWORDS[user])
        return client

    def pop3(self, user="alice@example.org", password=None, service="pop3s", login=True, timeout=30):
        if service == "pop3s":
            client = poplib.POP3_SSL("127.0.0.1", self.port(service), timeout=timeout, context=tls_context())
        else:
            client = poplib.POP3("127.0.0.1", self.port(service), timeout=timeout)
            client.stls(tls_context())
        if login:
            client.user(user)
            client.pass_(password or PASSWORDS[user])
        return client

    def messages(self, user="alice@example.org", password=None):
        """All messages of an INBOX as POP3 gives them, as bytes."""
        client = self.pop3(user, password)
        count = client.stat()[0]
        found = [b"\r\n".join(client.retr(n)[1]) + b"\r\n" for n in range(1, count + 1)]
        client.quit()
        return found

    def deliver(self, recipients=("alice@example.org",), body=b"hello\r\n", subject="test", sender="someone@elsewhere.example"):
        """One message in by port 25; returns the bytes that were sent."""
        message = (f"From: <{sender}>\r\nTo: <{recipients[0]}>\r\nSubject: {subject}\r\n"
                   f"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{random.getrandbits(64):x}@elsewhere.example>\r\n"
                   f"\r\n").encode() + body
        client = self.smtp()
        client.sendmail(sender, list(recipients), message)
        client.quit()
        return message


def without_trace(message):
    """The message without the Return-Path and Received fields that the server put on top."""
    lines = message.split(b"\r\n")
    n = 0
    while n < len(lines) and (lines[n].lower().startswith((b"return-path:", b"received:")) or
                              (n > 0 and lines[n][:1] in (b" ", b"\t"))):
        n += 1
    return b"\r\n".join(lines[n:])
