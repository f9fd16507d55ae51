"""Runs every *.dlg below this folder against a real instance. A dialogue is a transcript that a mail admin can read:

    # a comment
    = pop3                  connect to this service (smtp, submission, submissions, lmtp, pop3, pop3s, imap, imaps)
    -> QUIT                 send a line (CRLF is added); \\r \\n \\t \\0 \\\\ \\xNN are understood
    => half a line          send without CRLF
    <- +OK goodbye          the next line from the server must be exactly this
    <~ ^250[ -]             the next line must match the regular expression; what a group (?P<name>…) takes is ${name} from here on
    <* ^250                 read lines until one matches; takes groups as well
    <EOF                    the server must have closed the connection
    TLS                     handshake now
    = smtp                  a second connect closes the first
    = imap other            but not where it gives the connection a name: several are open at once
    @ other                 from here on the connection of this name speaks (`@` alone: the one without a name)

Words in ${...}: ${user} ${password} a user of this dialogue's own with an empty maildrop, ${plain} the base64 of its SASL PLAIN
message, ${user64} ${password64} for AUTH LOGIN, ${second} another user of the same password, ${long:1000} as many letters x,
${literal:text} at a line's end the text as a non-synchronising literal of IMAP: {4+}, a line end, the text; ${messages:3} as many
small messages, as an APPEND takes them. A line `option NAME VALUE` on top asks for an
instance with this option of postern.conf (`option smtp.bare_newline repair`: one of a section, `option relay_domains { a.example, b.example }`: a list).
"""

import base64
import itertools
import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
from line_client import LineClient  # noqa: E402
from postern_instance import Instance  # noqa: E402

numbers = itertools.count(1)


def dialogues():
    for path in sorted(HERE.rglob("*.dlg")):
        yield pytest.param(path, id=str(path.relative_to(HERE).with_suffix("")))


def unescape(text):
    def one(match):
        escape = match.group(1)
        if escape[0] == "x":
            return chr(int(escape[1:], 16))
        return {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}[escape]
    return re.sub(r"\\(x[0-9a-fA-F]{2}|[rnt0\\])", one, text.encode().decode("latin-1")).encode("latin-1")


def message(number):
    text = f"Subject: {number}\r\n\r\n{number}\r\n"
    return f" {{{len(text)}+}}\\r\\n" + text.replace("\r\n", "\\r\\n")


def substitute(text, instance, words):
    if "${user" in text or "${password" in text or "${plain" in text:
        if "user" not in words:
            words["user"] = f"dialogue{next(numbers)}@example.org"
            words["password"] = "secret of dialogue"
            instance.add_user(words["user"], words["password"])
            encode = lambda value: base64.b64encode(value.encode()).decode()
            words["plain"] = encode(f"\0{words['user']}\0{words['password']}")
            words["user64"] = encode(words["user"])
            words["password64"] = encode(words["password"])
    if "${second}" in text and "second" not in words:
        words["second"] = f"dialogue{next(numbers)}@example.org"
        instance.add_user(words["second"], "secret of dialogue")
    text = re.sub(r"\$\{long:(\d+)\}", lambda m: "x" * int(m.group(1)), text)
    text = re.sub(r"\$\{messages:(\d+)\}", lambda m: "".join(message(n) for n in range(1, int(m.group(1)) + 1)), text)
    text = re.sub(r"\$\{(\w+)\}", lambda m: words[m.group(1)], text)
    return re.sub(r"\$\{literal:(.*)\}$", lambda m: f"{{{len(unescape(m.group(1)))}+}}\\r\\n{m.group(1)}", text)


@pytest.fixture(scope="module")
def instances(tmp_path_factory):
    """Instances by their options, made when the first dialogue asks for them."""
    made = {}

    def get(options):
        key = tuple(sorted(options.items()))
        if key not in made:
            nested = {}
            for name, value in options.items():
                section, _, inner = name.rpartition(".")
                if value.startswith("{"):
                    value = value.strip("{} ").split(", ")
                (nested.setdefault(section, {}) if section else nested)[inner] = value
            made[key] = Instance(tmp_path_factory.mktemp("dialog"), options=nested)
        return made[key]

    yield get
    for instance in made.values():
        instance.close()


@pytest.mark.parametrize("path", dialogues())
def test_dialogue(path, instances):
    lines = path.read_text().splitlines()
    options = dict(line.split(" ", 2)[1:] for line in lines if line.startswith("option "))
    instance = instances(options)
    words, peers, name = {}, {}, ""
    for number, raw in enumerate(lines, 1):
        if not raw.strip() or raw.startswith(("#", "option ")):
            continue
        try:
            verb, _, rest = raw.partition(" ")
            rest = substitute(rest, instance, words)
            peer = peers.get(name)
            if verb == "=":
                service, _, name = rest.partition(" ")
                if name in peers:
                    peers[name].close()
                peers[name] = LineClient(instance, service)
            elif verb == "@":
                name = rest
            elif verb == "->":
                peer.send(unescape(rest) + b"\r\n")
            elif verb == "=>":
                peer.send(unescape(rest))
            elif verb == "<-":
                got = peer.line()
                assert got == rest
            elif verb == "<~":
                got = peer.line()
                match = re.search(rest, got)
                assert match, f"{got!r} does not match {rest!r}"
                words.update(match.groupdict())
            elif verb == "<*":
                passed = []
                try:
                    while not (match := re.search(rest, got := peer.line())):
                        passed.append(got)
                    words.update(match.groupdict())
                except OSError as error:
                    raise AssertionError(f"{error}, after {passed}") from error
            elif verb == "<EOF":
                peer.expect_eof()
            elif verb == "TLS":
                peer.start_tls()
            else:
                raise AssertionError(f"not understood: {raw}")
        except Exception as error:
            raise AssertionError(f"{path.name}:{number}: {raw}\n{error}") from error
    for peer in peers.values():
        peer.close()
