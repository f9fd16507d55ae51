"""A small IMAP client that keeps nothing from a test: every response, parsed, in the order in which it came.

    with Imap(server, user, password) as client:
        client.ask("SELECT", mailbox("Entwürfe"))        the untagged responses before "OK"; AssertionError for NO and BAD
        client.fetch("1:*", "(FLAGS BODY.PEEK[])")       {uid: {"FLAGS": [...], "BODY[]": b"..."}}

An atom becomes str, a quoted string or literal bytes, NIL None, a parenthesised list a list.
"""

import base64
import re

from line_client import LineClient

ATOM = re.compile(rb'(?:[^\s()"{\[\]]|\[[^\]]*\])+|\]')
STATUS_RESPONSES = ("OK", "NO", "BAD", "BYE", "PREAUTH")


def to_mutf7(name):
    """RFC 3501 section 5.1.3."""
    def encode(match):
        return "&" + base64.b64encode(match.group().encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    return re.sub(r"[^\x20-\x7e]+", encode, name.replace("&", "&-"))


def from_mutf7(name):
    def decode(match):
        if match.group(1) == "":
            return "&"
        text = match.group(1).replace(",", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-be")

    return re.sub(r"&([^-]*)-", decode, name)


def mailbox(name):
    """A mailbox's name as an argument of a command."""
    return '"' + re.sub(r'(["\\])', r"\\\1", to_mutf7(name)) + '"'


def text_of(value):
    """An atom or a string as str: servers choose freely which of the two they send for a name."""
    return value.decode() if isinstance(value, bytes) else value


class Imap:
    def __init__(self, server, user=None, password=None, service="imaps", timeout=30, tls=True):
        self.stream = LineClient(server, service, timeout)
        self.tags = 0
        self.greeting = self.response()
        assert self.greeting[:2] in (["*", "OK"], ["*", "PREAUTH"]), self.greeting
        if service == "imap" and tls:
            self.ask("STARTTLS")
            self.stream.start_tls()
        if user is not None:
            self.ask("AUTHENTICATE PLAIN", base64.b64encode(f"\0{user}\0{password}".encode()).decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    # --- responses ---

    def receive(self):
        data = self.stream.socket.recv(65536)
        assert data, f"closed by the server, after {self.stream.pending!r:.1000}"
        return data

    def more(self):
        self.stream.pending += self.receive()

    def logical_line(self):
        """A response with its literals, as (text, {position: literal})."""
        stream, text, literals = self.stream, b"", {}
        while True:
            while b"\r\n" not in stream.pending:
                self.more()
            line, stream.pending = stream.pending.split(b"\r\n", 1)
            text += line
            match = re.search(rb"~?\{(\d+)\}$", line)
            if not match:
                return text, literals
            size = int(match.group(1))
            chunks, missing = [stream.pending], size - len(stream.pending)
            while missing > 0:
                chunks.append(self.receive())
                missing -= len(chunks[-1])
            stream.pending = b"".join(chunks)
            # A quoted string with a NUL in it cannot occur, so it stands for the literal.
            text = text[:len(text) - len(match.group())] + b"\0"
            literals[len(text) - 1], stream.pending = stream.pending[:size], stream.pending[size:]

    def response(self):
        """The next response as a list: ["*", 3, "FETCH", [...]], ["a1", "OK", "text"], ["+", "text"]."""
        text, literals = self.logical_line()
        if text.startswith(b"+"):
            return ["+", text[2:].decode()]
        first, second, rest = (text.split(b" ", 2) + [b""])[:3]
        if second.decode().upper() in STATUS_RESPONSES:
            return [first.decode(), second.decode().upper(), rest.decode("utf-8", "surrogateescape")]
        stack, position = [[]], 0
        while position < len(text):
            here = text[position:position + 1]
            if here == b" ":
                position += 1
            elif here == b"(":
                stack.append([])
                position += 1
            elif here == b")":
                closed = stack.pop()
                stack[-1].append(closed)
                position += 1
            elif here == b"\0":
                stack[-1].append(literals[position])
                position += 1
            elif here == b'"':
                match = re.compile(rb'"((?:[^"\\]|\\.)*)"').match(text, position)
                assert match, f"an open quoted string: {text!r}"
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", match.group(1)))
                position = match.end()
            else:
                match = ATOM.match(text, position)
                assert match, f"not understood at {position}: {text!r}"
                atom = match.group().decode("utf-8", "surrogateescape")
                stack[-1].append(None if atom.upper() == "NIL" else int(atom) if atom.isdigit() else atom)
                position = match.end()
        assert len(stack) == 1, f"parentheses: {text!r}"
        return stack[0]

    # --- commands ---

    def begin(self, *arguments):
        """Sends a command; returns its tag. An argument of type bytes goes as a literal."""
        self.tags += 1
        tag = f"t{self.tags}"
        line = tag.encode()
        for argument in arguments:
            if isinstance(argument, bytes):
                self.stream.send(line + b" {%d}\r\n" % len(argument))
                answer = self.response()
                assert answer[0] == "+", answer
                line = argument
            else:
                line += b" " + argument.encode()
        self.stream.send(line + b"\r\n")
        return tag

    def finish(self, tag):
        """Everything up to the tagged response, as (untagged, tagged)."""
        untagged = []
        while (answer := self.response())[0] != tag:
            assert answer[0] == "*", answer
            untagged.append(answer[1:])
        return untagged, answer[1:]

    def try_(self, *arguments):
        """A command that may fail: (untagged, ["NO", "text"])."""
        if arguments[0] == "AUTHENTICATE PLAIN":
            tag = self.begin(arguments[0])
            assert self.response()[0] == "+"
            self.stream.send(arguments[1].encode() + b"\r\n")
            return self.finish(tag)
        return self.finish(self.begin(*arguments))

    def ask(self, *arguments):
        untagged, tagged = self.try_(*arguments)
        assert tagged[0] == "OK", f"{arguments}: {tagged}"
        self.tagged = tagged
        return untagged

    def fetch(self, uids, items):
        """UID FETCH: {uid: {item: value}}. Updates of flags alone, without a UID, are left out."""
        found = {}
        for _, what, *data in (r for r in self.ask("UID FETCH", uids, items) if len(r) > 2 and r[1] == "FETCH"):
            values = dict(zip((key.upper() for key in data[0][::2]), data[0][1::2]))
            if "UID" in values:
                found.setdefault(values["UID"], {}).update(values)
        return found

    def folders(self, command="LIST"):
        """{name: (attributes, delimiter)}"""
        found = {}
        for what, *data in self.ask(command, '""', '"*"'):
            if what == command:
                found[from_mutf7(text_of(data[2]))] = ([flag.lower() for flag in data[0]], text_of(data[1]))
        return found

    def selectable(self):
        return [name for name, (flags, _) in self.folders().items() if not {"\\noselect", "\\nonexistent"} & set(flags)]

    def status(self, folder, items):
        """{item: number}"""
        (data,) = (data for what, *data in self.ask("STATUS", mailbox(folder), items) if what == "STATUS")
        return dict(zip(data[1][::2], data[1][1::2]))

    def uid(self, subject):
        """The UID of the one message with these words in its subject, in the selected mailbox."""
        (found,) = (data for what, *data in self.ask("UID SEARCH", "SUBJECT", f'"{subject}"') if what == "SEARCH")
        assert len(found) == 1, f"{subject}: {found}"
        return found[0]

    def move(self, uid, folder):
        """As clients do it that know nothing of MOVE."""
        self.ask("UID COPY", str(uid), mailbox(folder))
        self.expunge(uid)

    def expunge(self, uid):
        self.ask("UID STORE", str(uid), "+FLAGS.SILENT (\\Deleted)")
        self.ask("EXPUNGE")

    def append(self, folder, message, flags=(), date=None):
        """APPEND; returns the UID, if the server tells it (UIDPLUS)."""
        arguments = [mailbox(folder), f"({' '.join(flags)})"]
        if date:
            arguments.append(f'"{date}"')
        self.ask("APPEND", *arguments, message)
        match = re.match(r"\[APPENDUID \d+ (\d+)\]", self.tagged[1])
        return int(match.group(1)) if match else None
