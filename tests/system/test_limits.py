"""Limits hold with the protocol's own answer, and whatever one client does, the others are served.

The measure for "are served" is a client with a time-out (PATIENCE): no test here asserts how fast anything is, since it may run on
a busy machine under sanitizers.
"""

import contextlib
import hashlib
import os
import poplib
import random
import socket
import threading
import time

import pytest

from line_client import LineClient
from postern_instance import Instance, build_folder, wait_until, without_trace

pytestmark = pytest.mark.xdist_group("limits")
PATIENCE = 10
MESSAGE = b"From: <a@elsewhere.example>\r\nSubject: test\r\n\r\ntext\r\n"


def begin(client, recipient="alice@example.org", parameters=""):
    """From the greeting to RCPT."""
    assert client.reply()[0] == 220
    assert client.ask("EHLO client.example")[0] == 250
    assert client.ask(f"MAIL FROM:<a@elsewhere.example>{parameters}")[0] == 250
    assert client.ask(f"RCPT TO:<{recipient}>")[0] == 250


def send_data(client, message):
    assert client.ask("DATA")[0] == 354
    client.send(message + b".\r\n")
    return client.reply()


def others_are_served(instance):
    with LineClient(instance, "smtp", PATIENCE) as client:
        begin(client, "bob@example.org")
        assert send_data(client, MESSAGE)[0] == 250
    client = instance.pop3("bob@example.org", timeout=PATIENCE)
    assert client.stat()[0] > 0
    client.quit()
    with LineClient(instance, "imap", PATIENCE) as client:
        client.expect(r"^\* OK")


# --- how many connections ---

GREETINGS = {"smtp": r"^220 ", "submission": r"^220 ", "pop3": r"^\+OK", "imap": r"^\* OK"}
REFUSALS = {"smtp": r"^421 4\.[37]\.\d ", "submission": r"^421 4\.[37]\.\d ", "pop3": r"^-ERR ", "imap": r"^\* BYE"}


def is_greeted(instance, service, source=None):
    """Whether a new connection gets a greeting; if not, it gets a refusal and is closed."""
    with LineClient(instance, service, source=source) as client:
        line = client.expect(f"{GREETINGS[service]}|{REFUSALS[service]}")
        if line.startswith(("220", "+OK", "* OK")):
            return True
        client.expect_eof()
        return False


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("narrow"), options={"connection_limit_per_address": 3,
                                                                    "connection_limit": 5})
    yield instance
    instance.close()


@pytest.mark.parametrize("service", GREETINGS)
def test_connections_of_one_address(narrow, service):
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(LineClient(narrow, service)).expect(GREETINGS[service])
        assert not is_greeted(narrow, service)
        assert is_greeted(narrow, service, source="127.0.0.2")
    wait_until(lambda: is_greeted(narrow, service), "a free connection")


@pytest.mark.parametrize("service", GREETINGS)
def test_connections_in_total(narrow, service):
    with contextlib.ExitStack() as held:
        for n in range(5):
            held.enter_context(LineClient(narrow, service, source=f"127.0.1.{n + 1}")).expect(GREETINGS[service])
        assert not is_greeted(narrow, service, source="127.0.1.99")
    wait_until(lambda: is_greeted(narrow, service, source="127.0.1.99"), "a free connection")


def test_implicit_tls_is_refused_before_the_handshake(narrow):
    """Without a word: whatever could be said in clear there would only confuse a client that waits for TLS."""
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(LineClient(narrow, "pop3s")).expect(r"^\+OK")
        with pytest.raises((OSError, EOFError)):
            LineClient(narrow, "pop3s")


def test_a_dead_worker_holds_no_connections(make_instance):
    instance = make_instance(options={"connection_limit_per_address": 3})
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(LineClient(instance, "smtp")).expect("^220 ")
        for pid in instance.children("smtpd"):
            os.kill(pid, 9)
        wait_until(lambda: is_greeted(instance, "smtp"), "a free connection")


def test_lmtp_has_no_limit_per_address(narrow):
    with contextlib.ExitStack() as held:
        for _ in range(4):
            held.enter_context(LineClient(narrow, "lmtp")).expect("^220 ")


# --- what a session may do ---


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("strict"), options={
        "message_size_limit": "100K", "header_size_limit": "8K", "recipient_limit": 100, "hop_limit": 10, "error_limit": 5,
        "transaction_limit": 3})
    yield instance
    instance.close()


def new_user(instance, numbers=iter(range(1000))):
    user = f"limited{next(numbers)}@example.org"
    instance.add_user(user, "secret one")
    return user


def test_recipients(strict):
    user = new_user(strict)
    name = user.split("@")[0]
    with LineClient(strict, "smtp") as client:
        begin(client, user)
        for n in range(99):
            assert client.ask(f"RCPT TO:<{name}+{n}@example.org>")[0] == 250
        code, text = client.ask(f"RCPT TO:<{name}+last@example.org>")
        assert code == 452 and text.startswith("4.5.3 ")
        assert send_data(client, MESSAGE)[0] == 250
    assert len(strict.files(user)) == 1


def test_size_is_refused_at_mail(strict):
    with LineClient(strict, "smtp") as client:
        client.reply()
        client.send(b"EHLO client.example\r\n")
        while "SIZE" not in (line := client.line()):
            pass
        assert line == "250-SIZE 102400"
        while client.line()[3] == "-":
            pass
        code, text = client.ask("MAIL FROM:<a@elsewhere.example> SIZE=102401")
        assert code == 552 and text.startswith("5.3.4 ")
        assert client.ask("MAIL FROM:<a@elsewhere.example> SIZE=102400")[0] == 250


@pytest.mark.parametrize("chunked", [False, True], ids=["data", "bdat"])
def test_size_is_refused_while_streaming(strict, chunked):
    user = new_user(strict)

    def send(client, size):
        head = b"Subject: big\r\n\r\n"
        message = head + b"x" * (size - len(head) - 2) + b"\r\n"
        message = b"\r\n".join(message[n:n + 70] for n in range(0, len(message), 72))[:size - 2] + b"\r\n"
        if not chunked:
            return send_data(client, message)
        half = len(message) // 2
        client.send(b"BDAT %d\r\n" % half + message[:half])
        code = client.reply()
        client.send(b"BDAT %d LAST\r\n" % (len(message) - half) + message[half:])
        return client.reply() if code[0] == 250 else code

    with LineClient(strict, "smtp") as client:
        begin(client, user)
        code, text = send(client, 110_000)
        assert code == 552 and text.startswith("5.3.4 ")
        assert strict.files(user) == []
        # The session goes on, and what fits is taken.
        assert client.ask("RSET")[0] == 250
        assert client.ask("MAIL FROM:<a@elsewhere.example>")[0] == 250
        assert client.ask(f"RCPT TO:<{user}>")[0] == 250
        assert send(client, 100_000)[0] == 250
    assert len(strict.files(user)) == 1


def test_a_client_that_never_stops_is_cut_off(strict):
    user = new_user(strict)
    with LineClient(strict, "smtp") as client:
        begin(client, user)
        assert client.ask("DATA")[0] == 354
        with pytest.raises(OSError):
            for _ in range(10_000):  # a gigabyte, were it read
                client.send(b"Subject: never ends\r\n" * 5000)
    assert strict.files(user) == []
    others_are_served(strict)


def test_header_size(strict):
    user = new_user(strict)
    with LineClient(strict, "smtp") as client:
        begin(client, user)
        code, text = send_data(client, b"Subject: long\r\n" + b"X-Filler: 234567890\r\n" * 500 + b"\r\ntext\r\n")
        assert code == 552 and text.startswith("5.3.4 ")
        assert client.ask("MAIL FROM:<a@elsewhere.example>")[0] == 250
        assert client.ask(f"RCPT TO:<{user}>")[0] == 250
        assert send_data(client, b"Subject: long\r\n" + b"X-Filler: 234567890\r\n" * 300 + b"\r\n" + b"text\r\n" * 5000)[0] == 250
    assert len(strict.files(user)) == 1


def test_hops(strict):
    user = new_user(strict)
    received = b"Received: from a by b;\r\n\tSat, 21 Nov 2026 12:00:00 +0000\r\n"
    with LineClient(strict, "smtp") as client:
        begin(client, user)
        code, text = send_data(client, received * 11 + MESSAGE)
        assert code == 554 and text.startswith("5.4.6 ")
        assert client.ask("MAIL FROM:<a@elsewhere.example>")[0] == 250
        assert client.ask(f"RCPT TO:<{user}>")[0] == 250
        assert send_data(client, received * 9 + MESSAGE)[0] == 250
    assert len(strict.files(user)) == 1


def test_transactions(strict):
    with LineClient(strict, "smtp") as client:
        client.reply()
        client.ask("EHLO client.example")
        for _ in range(3):
            assert client.ask("MAIL FROM:<a@elsewhere.example>")[0] == 250
            assert client.ask("RSET")[0] == 250
        assert client.ask("MAIL FROM:<a@elsewhere.example>")[0] == 421
        client.expect_eof()


@pytest.mark.parametrize("size", [4095, 100_000, 5_000_000])
def test_command_lines(strict, size):
    with LineClient(strict, "smtp") as client:
        begin(client)
        code, text = client.ask("NOOP " + "x" * (size - 5))
        assert code == 500 and text.startswith("5.5.2 ")
        assert client.ask("RSET")[0] == 250
    with LineClient(strict, "pop3") as client:
        client.expect(r"^\+OK")
        client.expect(r"^-ERR", "NOOP " + "x" * (size - 5))
        client.expect(r"^\+OK", "CAPA")
    with LineClient(strict, "imap") as client:
        client.expect(r"^\* OK")
        client.send(b"a NOOP " + b"x" * (size * 20) + b"\r\n")
        client.expect(r"^(\* BAD|a BAD|\* BYE)")


def test_a_line_of_text_without_end(strict, monkeypatch):
    """RFC 5321 section 4.5.3.1.6 allows 1,000 octets; more is no reason to cut a message into pieces or to hold it in memory."""
    user = new_user(strict)
    with LineClient(strict, "smtp") as client:
        begin(client, user)
        assert send_data(client, MESSAGE + b"y" * 90_000 + b"\r\n")[0] == 250
    monkeypatch.setattr(poplib, "_MAXLINE", 1_000_000)
    assert without_trace(strict.messages(user, "secret one")[0]) == MESSAGE + b"y" * 90_000 + b"\r\n"


def test_errors(strict):
    with LineClient(strict, "smtp") as client:
        client.reply()
        for _ in range(5):
            assert client.ask("GIBBERISH")[0] == 500
        assert client.ask("GIBBERISH")[0] == 500
        assert client.reply()[0] == 421
        client.expect_eof()
    with LineClient(strict, "pop3") as client:
        client.expect(r"^\+OK")
        with pytest.raises((AssertionError, OSError)):
            for _ in range(20):
                client.expect(r"^-ERR", "GIBBERISH")


# --- clients that keep silent ---


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("hasty"),
                        options={"smtp_timeout": "1s", "pop3_timeout": "1s", "imap_timeout": "1s"})
    yield instance
    instance.close()


def test_silence_at_the_command_line(hasty):
    with LineClient(hasty, "smtp") as client:
        client.expect("^220 ")
        client.expect(r"^421 4\.4\.2 ")
        client.expect_eof()
    with LineClient(hasty, "imap") as client:
        client.expect(r"^\* OK")
        client.expect(r"^\* BYE")
        client.expect_eof()
    with LineClient(hasty, "pop3") as client:
        client.expect(r"^\+OK")
        while (line := client.socket.recv(1000)):  # RFC 1939 section 3: closes without a response; one is no harm
            assert line.startswith(b"-ERR")


def test_half_a_command(hasty):
    with LineClient(hasty, "smtp") as client:
        client.expect("^220 ")
        client.send(b"EHLO client.exam")
        client.expect(r"^421 ")
        client.expect_eof()


def test_a_drip_of_bytes_is_silence(hasty):
    """A byte now and then must not keep a connection for ever: the time-out is for the whole line."""
    with LineClient(hasty, "smtp") as client:
        client.expect("^220 ")
        ended = threading.Event()

        def drip():
            with contextlib.suppress(OSError):
                while not ended.is_set():
                    client.send(b"x")
                    time.sleep(0.1)

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            client.expect(r"^421 ")
        finally:
            ended.set()
            thread.join()


def test_silence_within_data(hasty):
    user = new_user(hasty)
    for data in (b"", b"Subject: half", b"Subject: half\r\n\r\ntext\r\n", b"Subject: half\r\n\r\n" + b"text\r\n" * 50_000):
        with LineClient(hasty, "smtp") as client:
            begin(client, user)
            assert client.ask("DATA")[0] == 354
            client.send(data)
            client.expect(r"^421 ")
            client.expect_eof()
    with LineClient(hasty, "smtp") as client:
        begin(client, user)
        client.send(b"BDAT 1000 LAST\r\nSubject: half\r\n")
        client.expect(r"^421 ")
        client.expect_eof()
    assert hasty.files(user) == []


@pytest.mark.parametrize("service", ["submissions", "pop3s", "imaps"])
@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01"], ids=["nothing", "beginning"])
def test_a_handshake_that_does_not_come(hasty, service, hello):
    client = hasty.connect(service, 30)
    client.sendall(hello)
    with contextlib.suppress(ConnectionResetError):
        while client.recv(1000):
            pass
    client.close()


def test_silence_after_starttls(hasty):
    with LineClient(hasty, "smtp", timeout=30) as client:
        client.expect("^220 ")
        client.ask("EHLO client.example")
        assert client.ask("STARTTLS")[0] == 220
        with contextlib.suppress(ConnectionResetError):
            while client.socket.recv(1000):
                pass


def test_pop3_silence_removes_nothing(hasty):
    """RFC 1939 section 3: the session does not enter the UPDATE state."""
    user = new_user(hasty)
    hasty.deliver([user])
    client = hasty.pop3(user, "secret one")
    client.dele(1)
    with contextlib.suppress(OSError, EOFError):
        while client.file.readline():
            pass
    client.close()
    assert len(hasty.messages(user, "secret one")) == 1


# --- clients that misbehave, and the others ---


def random_bytes(seed, size):
    return random.Random(seed).randbytes(size)


def flood(instance, service, data):
    """Sends without ever reading, until the server closes or 20 MB are out."""
    client = instance.connect(service, PATIENCE)
    with contextlib.suppress(OSError):
        for _ in range(20_000_000 // len(data)):
            client.sendall(data)
    client.close()


FLOODS = {
    "noise": random_bytes(1, 65536),
    "lines": b"NOOP\r\n" * 5000,
    "one-line": b"x" * 65536,
    "zeros": bytes(65536),
    "newlines": b"\n" * 65536,
}


@pytest.mark.parametrize("service", ["smtp", "submissions", "pop3", "pop3s", "imap"])
def test_floods(shared, service):
    threads = [threading.Thread(target=flood, args=(shared, service, data)) for data in FLOODS.values()]
    for thread in threads:
        thread.start()
    for _ in range(3):
        others_are_served(shared)
    for thread in threads:
        thread.join()
    others_are_served(shared)


def test_clients_that_vanish_within_data(shared):
    user = new_user(shared)
    for n in range(20):
        client = LineClient(shared, "smtp")
        begin(client, user)
        assert client.ask("DATA")[0] == 354
        client.send(b"Subject: half\r\n\r\n" + b"text\r\n" * 20_000 * (n % 2))
        if n % 3 == 0:  # a reset instead of an end of input
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    others_are_served(shared)
    assert shared.files(user) == []
    # What was spooled of them is gone.
    wait_until(lambda: not list((shared.maildir(user) / "tmp").iterdir()), "an empty tmp folder")


def test_half_open_handshakes(shared):
    with contextlib.ExitStack() as held:
        for service in ("submissions", "pop3s", "imaps"):
            for n in range(20):
                client = held.enter_context(contextlib.closing(shared.connect(service)))
                client.sendall(random_bytes(n, 300) if n % 2 else b"\x16\x03\x01\x02\x00\x01" * (n % 3))
        others_are_served(shared)


def test_stalled_clients(shared):
    """Many transactions that stand still at every stage, and readers who do not read."""
    user = new_user(shared)
    shared.deliver([user], body=b"a line of some length, as mail has it\r\n" * 50_000)
    with contextlib.ExitStack() as held:
        for n in range(40):
            client = held.enter_context(LineClient(shared, "smtp"))
            begin(client, user)
            if n % 2:
                assert client.ask("DATA")[0] == 354
                client.send(b"Subject: to be continued\r\n" * 3000 * (n % 4))
        for _ in range(10):
            client = held.enter_context(LineClient(shared, "smtp"))
            client.send(b"EHLO client.example\r\n" + b"HELP\r\n" * 2000)  # the answers fill every buffer
        reader = held.enter_context(contextlib.closing(shared.pop3(user, "secret one")))
        reader.sock.sendall(b"RETR 1\r\n" * 10)
        others_are_served(shared)


# --- memory ---


def memory_peak(pid):
    """VmHWM in bytes."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.fixture(scope="module")
def roomy(tmp_path_factory):
    """One worker only, so that it is known whose memory counts; a sanitizer is told not to keep freed memory."""
    sanitizer = os.environ.get("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
    instance = Instance(tmp_path_factory.mktemp("roomy"), options={"workers": 1, "message_size_limit": "200M"},
                        environment={"ASAN_OPTIONS": sanitizer + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"})
    yield instance
    instance.close()


def allowed_growth(program):
    """Sanitizers surround each object with memory of their own, so only other builds are measured sharply."""
    sanitized = b"__asan_init" in (build_folder() / program / program).read_bytes()
    return 40_000_000 if sanitized else 4_000_000


@pytest.mark.xdist_group("heavy")
def test_a_message_streams(roomy):
    roomy.deliver()
    (pid,) = roomy.children("smtpd")
    before = memory_peak(pid)
    line = b"Some text that stands for an attachment of a hundred megabytes in this test\r\n"
    block = line * 1000
    with LineClient(roomy, "smtp", timeout=60) as client:
        begin(client, parameters=" SIZE=100000000")
        assert client.ask("DATA")[0] == 354
        client.send(b"Subject: huge\r\n\r\n")
        for _ in range(100_000_000 // len(block)):
            client.send(block)
        client.send(b".\r\n")
        assert client.reply()[0] == 250
    assert max(path.stat().st_size for path in roomy.files("alice@example.org")) > 99_000_000
    assert memory_peak(pid) - before < allowed_growth("smtpd")


@pytest.mark.xdist_group("heavy")
def test_a_slow_reader_of_a_big_message(roomy):
    body = b"".join(b"%060x\r\n" % random.getrandbits(240) for _ in range(500_000))
    sent = roomy.deliver(["bob@example.org"], body=body)
    roomy.pop3("bob@example.org").quit()
    (pid,) = roomy.children("pop3d")
    before = memory_peak(pid)
    client = roomy.pop3("bob@example.org", timeout=60)
    client.sock.sendall(b"RETR 1\r\n")
    time.sleep(1)  # does not read: long enough for the server to fill whatever it would fill
    others_are_served_while_bob_reads(roomy)
    digest, taken, line = hashlib.sha256(), 0, client.file.readline()
    assert line.startswith(b"+OK")
    in_trace = True
    while (line := client.file.readline()) != b".\r\n":
        assert line.endswith(b"\r\n"), "closed in the middle"
        in_trace = in_trace and line.startswith((b"Return-Path:", b"Received:", b" ", b"\t"))
        if not in_trace:
            digest.update(line)
            taken += len(line)
    assert taken == len(sent) and digest.digest() == hashlib.sha256(sent).digest()
    client.quit()
    assert memory_peak(pid) - before < allowed_growth("pop3d")


def others_are_served_while_bob_reads(instance):
    client = instance.pop3("alice@example.org", timeout=PATIENCE)
    client.stat()
    client.quit()
