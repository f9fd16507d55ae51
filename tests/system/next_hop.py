"""Next hops that a test scripts: servers that take mail by SMTP or LMTP, each on a loopback address of its own and a port that all
of one network have in common (option relay_port), and remember what happened.

    network = Network()
    hop = network.hop("127.0.0.2", certificate=…)
    hop.answers["RCPT"] = "450 4.2.0 later"                        always
    hop.answers["MAIL"] = ["421 4.3.2 closing", DEFAULT]           once; then as every server does
    hop.answers["RCPT"] = lambda session, argument: …              None or DEFAULT: as every server does
    hop.refuse["bob@example.net"] = "550 5.1.1 no such user"       one recipient; lists and functions are fine here too
    hop.wait_messages(3)                                           what was accepted: sender, recipients, data, session

What can be answered: "greeting", the verbs, and "end" for what follows the message. An answer is a text (a line, or several
separated by \\n), bytes (sent as they are), one of the acts below, or a tuple of these, done one after the other. So
("220 go ahead", b"\\x16\\x03garbage") answers STARTTLS with something that is no TLS.
"""

import base64
import copy
import hashlib
import hmac
import os
import re
import socket
import ssl
import struct
import threading
import time

from postern_instance import wait_until

EXTENSIONS = ("PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
SIZE_MAX = 200 * 1024 * 1024


class Closed(Exception):
    """The connection is over, by whomever."""


class Act:
    def __init__(self, name, do):
        self.name, self.do = name, do

    def __repr__(self):
        return self.name


def _close(session):
    raise Closed


def _reset(session):
    session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Closed


def _stay_silent(session):
    while session.receive():
        pass
    raise Closed


DEFAULT = Act("DEFAULT", None)
CLOSE = Act("CLOSE", _close)
RESET = Act("RESET", _reset)
SILENCE = Act("SILENCE", _stay_silent)  # says nothing more, until the other side goes away
START_TLS = Act("START_TLS", lambda session: session.start_tls())


def wait_for(event):
    """Holds an answer back until the test sets the event."""
    return Act("wait_for", lambda session: session.wait_event(event))


def drip(data, pause):
    """An octet at a time."""
    def do(session):
        for octet in data:
            session.send(bytes([octet]))
            if session.hop.ended.wait(pause):
                raise Closed
    return Act("drip", do)


def endless(chunk, limit=1 << 32):
    """The same again and again until the other side has enough; session.sent tells how much it took."""
    def do(session):
        block = chunk * max(1, 65536 // len(chunk))
        while session.sent < limit:
            session.send(block)
        raise Closed
    return Act("endless", do)


def greylist():
    """For answers["RCPT"]: who comes the first time is to come again."""
    seen = set()

    def answer(session, argument):
        pair = (session.sender, argument)
        if pair in seen:
            return DEFAULT
        seen.add(pair)
        return "451 4.7.1 greylisted, try again"
    return answer


class Message:
    def __init__(self, session):
        self.session = session
        self.sender, self.parameters = session.sender, session.sender_parameters
        self.recipients = [address for address, _ in session.recipients]
        self.recipient_parameters = [parameters for _, parameters in session.recipients]
        self.data = b""
        self.answered_at = float("inf")  # when the answer to its end was sent, time.monotonic


def split_path(argument):
    """"FROM:<a@b> SIZE=3" → "a@b", ["SIZE=3"]"""
    found = re.match(r"(?:FROM|TO):<((?:\"(?:\\.|[^\"])*\"|[^>])*)>(.*)$", argument, re.I)
    if not found:
        raise AssertionError(f"no path: {argument!r}")
    return found.group(1), found.group(2).split()


class Session:
    def __init__(self, hop, connection, number):
        self.hop, self.socket, self.number = hop, connection, number
        self.peer = connection.getpeername()[0] if connection.family != socket.AF_UNIX else ""
        self.commands = []  # as they came
        self.verbs = []
        self.hello = None
        self.tls = None  # "TLSv1.3"
        self.server_name = None  # SNI
        self.login = None
        self.received = self.sent = 0
        self.pending = b""
        self.failure = None  # of TLS
        self.quit = False
        self.messages = []
        limits = hop.session_limits.pop(0) if hop.session_limits else (hop.close_after_sent, hop.close_after_received)
        self.close_after_sent, self.close_after_received = limits
        self.reset()

    def reset(self):
        self.sender, self.sender_parameters, self.recipients = None, [], []
        self.chunks = b""

    # --- octets ---

    def send(self, data):
        limit = self.close_after_sent
        if limit is not None and self.sent + len(data) >= limit:
            data = data[:limit - self.sent]
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Closed from error
        self.sent += len(data)
        if limit is not None and self.sent >= limit:
            raise Closed

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        self.received += len(data)
        limit = self.close_after_received
        if limit is not None and self.received >= limit:
            raise Closed
        return data

    def line(self):
        while b"\n" not in self.pending:
            self.pending += self.receive()
            assert len(self.pending) < SIZE_MAX
        line, self.pending = self.pending.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a line without CR: {line[:100]!r}"
        return line[:-1]

    def octets(self, count):
        while len(self.pending) < count:
            self.pending += self.receive()
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def wait_event(self, event):
        while not event.wait(0.05):
            if self.hop.ended.is_set():
                raise Closed

    def start_tls(self):
        assert self.pending == b"", f"said before TLS: {self.pending!r}"
        context = self.hop.certificate.context()

        def remember(_socket, name, _context):
            self.server_name = name
        context.sni_callback = remember
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        except (OSError, ssl.SSLError) as error:
            self.failure = str(error)
            raise Closed from error
        self.tls = self.socket.version()
        self.hello = None
        self.reset()

    # --- answers ---

    def perform(self, answer):
        if isinstance(answer, tuple):
            for one in answer:
                self.perform(one)
        elif isinstance(answer, Act):
            answer.do(self)
        elif isinstance(answer, bytes):
            self.send(answer)
        else:
            self.send("".join(line + "\r\n" for line in answer.split("\n")).encode())

    def choose(self, table, key, argument, default, before_default=lambda: None):
        """Does what the test said for this, or the default; what was done (DEFAULT when it was the default)."""
        with self.hop.network.lock:
            answer = table.get(key, DEFAULT)
            if isinstance(answer, list):
                answer = answer.pop(0) if answer else DEFAULT
        if callable(answer):
            answer = answer(self, argument)
        if answer is None or answer is DEFAULT:
            before_default()
            self.perform(default)
            return DEFAULT
        self.perform(answer)
        return answer

    def answer(self, key, argument, default):
        return self.choose(self.hop.answers, key, argument, default)

    # --- the dialogue ---

    def run(self):
        if self.hop.implicit_tls:
            self.start_tls()
        self.answer("greeting", "", f"220 {self.hop.name} ESMTP")
        while not self.quit:
            text = self.line().decode("utf-8", "surrogateescape")
            verb, _, argument = text.partition(" ")
            verb = verb.upper()
            self.commands.append(text)
            self.verbs.append(verb)
            self.hop.network.note(self.hop, verb, argument)
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                self.answer(verb, argument, "500 5.5.1 what?")
            else:
                handler(argument)

    def do_ehlo(self, argument):
        if self.hop.lmtp:
            self.answer("EHLO", argument, "500 5.5.1 this is LMTP")
        else:
            self.introduce("EHLO", argument)

    def do_lhlo(self, argument):
        self.introduce("LHLO", argument)

    def introduce(self, verb, argument):
        self.hello = argument
        extensions = [self.hop.name, *self.hop.extensions]
        if self.hop.certificate and not self.tls:
            extensions.append("STARTTLS")
        if self.hop.users:
            extensions.append("AUTH " + " ".join(self.hop.mechanisms))
        self.answer(verb, argument, "\n".join(f"250{'-' if n + 1 < len(extensions) else ' '}{one}"
                                              for n, one in enumerate(extensions)))

    def do_helo(self, argument):
        self.hello = argument
        self.answer("HELO", argument, f"250 {self.hop.name}")

    def do_starttls(self, argument):
        if not self.hop.certificate:
            self.answer("STARTTLS", argument, "502 5.5.1 no TLS here")
        else:
            self.answer("STARTTLS", argument, ("220 2.0.0 go ahead", START_TLS))

    def do_mail(self, argument):
        sender, parameters = split_path(argument)
        if self.answer("MAIL", argument, "250 2.1.0 ok") is DEFAULT:
            self.reset()
            self.sender, self.sender_parameters = sender, parameters

    def do_rcpt(self, argument):
        address, parameters = split_path(argument)
        if self.sender is None:
            self.perform("503 5.5.1 MAIL first")
            return
        table, key = (self.hop.refuse, address) if address in self.hop.refuse else (self.hop.answers, "RCPT")
        if self.choose(table, key, address, "250 2.1.5 ok") is DEFAULT:
            self.recipients.append((address, parameters))

    def do_data(self, argument):
        if not self.recipients:
            self.perform("554 5.5.1 no valid recipients")
            return
        if self.answer("DATA", argument, "354 go ahead") is not DEFAULT:
            return
        message = Message(self)
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        message.data = b"".join(line + b"\r\n" for line in lines)
        self.finish(message)

    def do_bdat(self, argument):
        """RFC 3030 section 2: the octets belong to the command, wanted or not."""
        size, _, last = argument.partition(" ")
        chunk = self.octets(int(size))
        if not self.recipients:
            self.perform("503 5.5.1 no valid recipients")
            return
        if self.answer("BDAT", argument, () if last else "250 2.0.0 ok") is not DEFAULT:
            return
        self.chunks += chunk
        if last:
            message = Message(self)
            message.data, self.chunks = self.chunks, b""
            self.finish(message)

    def finish(self, message):
        """LMTP answers for each recipient (RFC 2033 section 4.2), as if each had a message of his own."""
        self.reset()
        everybody = message.recipients
        for addresses in [[one] for one in everybody] if self.hop.lmtp else [everybody]:
            one = copy.copy(message)
            one.recipients = addresses
            table, key = (self.hop.refuse_end, addresses[0]) if addresses[0] in self.hop.refuse_end else (self.hop.answers, "end")
            # Kept before the client hears of it: it may come twice, but is not lost.
            self.choose(table, key, one, "250 2.0.0 kept", before_default=lambda one=one: self.hop.keep(self, one))
            one.answered_at = time.monotonic()

    def do_rset(self, argument):
        self.reset()
        self.answer("RSET", argument, "250 2.0.0 ok")

    def do_noop(self, argument):
        self.answer("NOOP", argument, "250 2.0.0 ok")

    def do_quit(self, argument):
        self.quit = True
        self.answer("QUIT", argument, "221 2.0.0 bye")

    # --- AUTH (RFC 4954) ---

    def do_auth(self, argument):
        mechanism, _, initial = argument.partition(" ")
        steps = {"PLAIN": self.auth_plain, "LOGIN": self.auth_login, "CRAM-MD5": self.auth_cram_md5,
                 "SCRAM-SHA-256": self.auth_scram}
        if mechanism.upper() not in self.hop.mechanisms:
            self.answer("AUTH", argument, "504 5.5.4 no such mechanism")
            return
        user = steps[mechanism.upper()](base64.b64decode(initial) if initial not in ("", "=") else None)
        if user is None:
            self.answer("AUTH", argument, "535 5.7.8 no")
        elif self.answer("AUTH", argument, "235 2.7.0 welcome") is DEFAULT:
            self.login = user

    def challenge(self, data):
        self.send(b"334 " + base64.b64encode(data) + b"\r\n")
        return base64.b64decode(self.line())

    def auth_plain(self, initial):
        _, user, password = (self.challenge(b"") if initial is None else initial).decode().split("\0")
        return user if self.hop.users.get(user) == password else None

    def auth_login(self, initial):
        user = (self.challenge(b"Username:") if initial is None else initial).decode()
        return user if self.hop.users.get(user) == self.challenge(b"Password:").decode() else None

    def auth_cram_md5(self, _initial):
        challenge = f"<{os.urandom(8).hex()}@{self.hop.name}>".encode()
        user, digest = self.challenge(challenge).decode().rsplit(" ", 1)
        password = self.hop.users.get(user, "\0").encode()
        return user if hmac.new(password, challenge, "md5").hexdigest() == digest else None

    def auth_scram(self, initial):
        """RFC 5802 section 3, without channel binding."""
        first = (self.challenge(b"") if initial is None else initial).decode()
        header, bare = re.match(r"([ny],[^,]*,)(.*)$", first).groups()
        fields = dict(part.split("=", 1) for part in bare.split(","))
        user, salt, rounds = fields["n"], os.urandom(16), 4096
        nonce = fields["r"] + os.urandom(9).hex()
        server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
        final = self.challenge(server_first.encode()).decode()
        without_proof, proof = final.rsplit(",p=", 1)
        if without_proof != f"c={base64.b64encode(header.encode()).decode()},r={nonce}" or user not in self.hop.users:
            return None
        salted = hashlib.pbkdf2_hmac("sha256", self.hop.users[user].encode(), salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signed = f"{bare},{server_first},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        if bytes(a ^ b for a, b in zip(client_key, signature)) != base64.b64decode(proof):
            return None
        verifier = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        self.challenge(b"v=" + base64.b64encode(verifier))
        return user


class NextHop:
    def __init__(self, network, address, port, name, extensions, certificate, lmtp, implicit_tls, users, mechanisms):
        self.network, self.address, self.port, self.name = network, address, port, name
        self.extensions, self.certificate, self.lmtp, self.implicit_tls = list(extensions), certificate, lmtp, implicit_tls
        self.users, self.mechanisms = users or {}, mechanisms
        self.answers, self.refuse, self.refuse_end = {}, {}, {}
        self.close_after_sent = self.close_after_received = None
        self.session_limits = []  # the two of them for the next sessions, each once
        self.sessions, self.messages, self.faults, self.threads = [], [], [], []
        self.open_now = self.open_most = 0
        self.ended = threading.Event()
        self.listener = None
        self.open()

    def open(self):
        if self.address.startswith("/"):
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.address)
            os.chmod(self.address, 0o666)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((self.address, self.port))
        self.listener.listen(200)
        self.acceptor = threading.Thread(target=self.accept, args=[self.listener], daemon=True)
        self.acceptor.start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.network.lock:
                session = Session(self, connection, len(self.sessions))
                self.sessions.append(session)
                self.open_now += 1
                self.open_most = max(self.open_most, self.open_now)
                self.network.events.append((self.address, "connect", session))
            thread = threading.Thread(target=self.serve, args=[session], daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, session):
        try:
            session.run()
        except Closed:
            pass
        except Exception as error:  # must not pass unseen because it was in a thread
            self.faults.append(f"{self.address}: {error!r} after {session.commands[-3:]}")
        finally:
            session.socket.close()
            with self.network.lock:
                self.open_now -= 1
                self.network.events.append((self.address, "end", session))

    def keep(self, session, message):
        message.kept_at = time.monotonic()
        with self.network.lock:
            self.messages.append(message)
            session.messages.append(message)
            self.network.events.append((self.address, "message", message))

    def close(self):
        """As a host that goes down: who connects is refused; sessions break."""
        self.ended.set()
        with self.network.lock:
            open_sockets = [session.socket for session in self.sessions]
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for one in open_sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.acceptor.join(20)
        for thread in self.threads:
            thread.join(20)

    def reopen(self):
        self.ended.clear()
        self.open()

    # --- what a test asks ---

    def wait_messages(self, count=1, seconds=60):
        wait_until(lambda: len(self.messages) >= count, f"{count} messages at {self.address} ({len(self.messages)} came)", seconds)
        return self.messages

    def wait_sessions(self, count=1, seconds=60):
        """So many began and none is open."""
        wait_until(lambda: len(self.sessions) >= count and self.open_now == 0, f"{count} sessions at {self.address}", seconds)
        return self.sessions


class Network:
    """The loopback addresses 127.0.0.2 and up, a port in common, and the order of what happened at them: events are
    (address, "connect" | a verb | "message" | "end", what)."""

    def __init__(self):
        self.lock = threading.RLock()
        self.hops, self.events, self.held = [], [], []
        # Bound on 127.0.0.1 but never listening: no other network gets the port, and who connects there is refused.
        self.reservation = socket.socket()
        self.reservation.bind(("127.0.0.1", 0))
        self.port = self.reservation.getsockname()[1]

    def note(self, hop, verb, argument):
        with self.lock:
            self.events.append((hop.address, verb, argument))

    def hop(self, address="127.0.0.2", name=None, extensions=EXTENSIONS, certificate=None, lmtp=False, implicit_tls=False,
            users=None, mechanisms=("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"), port=None):
        """`address` may be the path of a Unix socket."""
        hop = NextHop(self, address, port or self.port, name or "mx.example.net", extensions, certificate, lmtp, implicit_tls,
                      users, mechanisms)
        self.hops.append(hop)
        return hop

    def black_hole(self, address):
        """A host that does not answer at all: its queue of connections is full, so that a further one waits for ever."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, self.port))
        listener.listen(0)
        self.held.append(listener)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((address, self.port))
            self.held.append(filler)
        time.sleep(0.05)

    def close(self):
        for hop in self.hops:
            hop.close()
        for one in self.held:
            one.close()
        self.reservation.close()
        faults = [fault for hop in self.hops for fault in hop.faults]
        assert not faults, faults
