"""What FETCH tells of a message's structure, beside what Python's email package finds in it.

The messages are the collection of tests/data/mime, put into a Maildir as another program does, with the line ends they have. Of
each one: the whole message, its size, ENVELOPE, BODYSTRUCTURE, BODY, every part by its number with its octets and lines counted
here, and every part decoded. A message whose parts Python finds elsewhere is named in expected.tsv ("ours") with the reason; other
differences are explained in DIFFERENCES below, one by one.
"""

import email
import email.header
import email.policy
import email.utils
import imaplib
import re
import urllib.parse

import pytest

from postern_instance import PASSWORDS, SOURCE, Instance, tls_context

pytestmark = pytest.mark.xdist_group("structure")
DATA = SOURCE / "tests" / "data" / "mime"


def corpus():
    for line in (DATA / "expected.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            name, structure, source, *_ = line.split("\t")
            yield name, structure, source


# --- reading answers ---

class Reader:
    """Atoms are str, strings and literals bytes, NIL None, lists lists."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def value(self):
        first = self.data[self.at:self.at + 1]
        if first == b"(":
            return self.list()
        if first == b'"':
            return self.quoted()
        literal = re.compile(rb"~?\{(\d+)\}\r\n").match(self.data, self.at)
        if literal:
            self.at = literal.end() + int(literal[1])
            return self.data[literal.end():self.at]
        atom = re.compile(rb'[^ ()"{]+').match(self.data, self.at)
        assert atom, self.data[self.at:self.at + 60]
        self.at = atom.end()
        return None if atom[0] == b"NIL" else atom[0].decode()

    def quoted(self):
        match = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"').match(self.data, self.at)
        assert match, self.data[self.at:self.at + 60]
        self.at = match.end()
        return re.sub(rb"\\(.)", rb"\1", match[1])

    def list(self):
        items = []
        self.at += 1
        while self.data[self.at:self.at + 1] != b")":
            items.append(self.value())
            if self.data[self.at:self.at + 1] == b" ":
                self.at += 1
        self.at += 1
        return items


def items_of(response):
    """{"BODY[1]": …}: the names are read as they stand, with what is in their brackets."""
    reader, items = Reader(response), {}
    reader.at = response.index(b"(") + 1
    while response[reader.at:reader.at + 1] != b")":
        name = re.compile(rb"[^ \[]+(\[[^\]]*\](<\d+>)?)?").match(response, reader.at)
        reader.at = name.end() + 1
        items[name[0].decode()] = reader.value()
        if response[reader.at:reader.at + 1] == b" ":
            reader.at += 1
    return items


def fetch(client, uid, items):
    kind, data = client.uid("FETCH", str(uid), f"({items})")
    assert kind == "OK", data
    return items_of(b"".join(piece[0] + b"\r\n" + piece[1] if isinstance(piece, tuple) else piece for piece in data))


# --- what Python finds ---

def crlf(data):
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def raw(text):
    return text.encode("latin-1")


def is_multipart(part):
    """A multipart with parts; a message in an encoding is opaque."""
    return part.is_multipart() and part.get_content_maintype() == "multipart"


def is_message(part):
    return part.get_content_type() in ("message/rfc822", "message/global") and part.is_multipart()


def body_of(part):
    """The octets of a leaf, as they stand."""
    return crlf(raw(part.get_payload()))


def parts_of(message):
    """(numbers, part) of all leaves, as RFC 9051 section 6.4.5.1 counts them."""
    def walk(part, prefix):
        if is_multipart(part):
            for n, child in enumerate(part.get_payload(), 1):
                numbers = f"{prefix}{n}"
                if is_multipart(child):
                    yield from walk(child, numbers + ".")
                elif is_message(child):
                    yield numbers, child
                    yield from walk(child.get_payload(0), numbers + ".")
                else:
                    yield numbers, child
        else:
            yield prefix + "1", part
            if is_message(part):
                yield from walk(part.get_payload(0), prefix + "1.")
    yield from walk(message, "")


def text_of(value):
    return None if value is None else unfold(value)


def unfold(value):
    return re.sub(r"\r?\n(?=[ \t])", "", str(value)).strip(" \t\r\n")


def decoded(text):
    """A header field's text with its encoded-words decoded; raw 8-bit text counts as UTF-8, else as Latin-1."""
    try:
        text = raw(text).decode()
    except UnicodeError:
        pass
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except (LookupError, UnicodeError, ValueError):
        return text


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


# --- the collection on a server ---

@pytest.fixture(scope="module")
def client(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("structure"))
    user = "alice@example.org"
    maildir = instance.maildir(user)
    for n, (name, _, _) in enumerate(corpus()):
        path = maildir / "tmp" / f"{1000000000 + n}.{n}.structure"
        path.write_bytes((DATA / name).read_bytes())
        path.rename(maildir / "new" / path.name)
    client = imaplib.IMAP4_SSL("127.0.0.1", instance.port("imaps"), ssl_context=tls_context())
    client.login(user, PASSWORDS[user])
    client.select("INBOX", readonly=True)
    yield client
    client.logout()
    instance.close()


@pytest.fixture(scope="module")
def uids(client):
    """By name of the file. Messages are recognised by what they are."""
    found = {}
    for uid in client.uid("SEARCH", "ALL")[1][0].split():
        found.setdefault(fetch(client, int(uid), "BODY.PEEK[]")["BODY[]"], int(uid))
    return {name: found.get(served(name)) for name, _, _ in corpus()}


def served(name):
    """As IMAP serves the file: lines end in CRLF, and NUL cannot be sent."""
    return crlf((DATA / name).read_bytes()).replace(b"\0", b"\x80")


def test_every_message_is_served_as_it_is(uids):
    assert [name for name, uid in uids.items() if uid is None] == []


def test_sizes(client, uids):
    for name, uid in uids.items():
        items = fetch(client, uid, "RFC822.SIZE BODY.PEEK[HEADER] BODY.PEEK[TEXT]")
        whole = served(name)
        assert int(items["RFC822.SIZE"]) == len(whole), name
        assert items["BODY[HEADER]"] + items["BODY[TEXT]"] == whole, name


# --- structure ---

def expected_parameters(part, header):
    pairs = part.get_params(header=header, unquote=True) or []
    found = {}
    for name, value in pairs[1:]:
        text = email.utils.collapse_rfc2231_value(value) if isinstance(value, tuple) else email.utils.unquote(value)
        if name:
            found.setdefault(name.lower(), squeeze(decoded(unfold(text))))
    return found


def told_parameters(pairs):
    found = {}
    for name, value in zip(pairs[::2], pairs[1::2]) if pairs else ():
        name, value = name.decode().lower(), value.decode()
        if name.endswith("*"):
            charset, _, value = value.split("'", 2)
            octets = urllib.parse.unquote_to_bytes(value)
            value = octets.decode("latin-1" if charset in ("", "unknown-8bit") else charset, "replace")
            name = name[:-1]
        found.setdefault(name, squeeze(decoded(value)))
    return found


def describe_python(part):
    """What BODYSTRUCTURE is expected to say, as nested dictionaries."""
    found = {"type": part.get_content_type(), "parameters": expected_parameters(part, "content-type")}
    if part["content-type"] is None:
        found["parameters"] = {}
    disposition = part.get_content_disposition()
    found["disposition"] = disposition
    if disposition:
        found["disposition parameters"] = expected_parameters(part, "content-disposition")
    if is_multipart(part):
        found["parts"] = [describe_python(child) for child in part.get_payload()]
        return found
    found["encoding"] = (part.get("content-transfer-encoding") or "7bit").split(";")[0].strip().lower()
    for field, key in (("content-id", "id"), ("content-description", "description"), ("content-md5", "md5"),
                       ("content-location", "location")):
        found[key] = None if part[field] is None else squeeze(decoded(unfold(part[field])))
    if is_message(part):
        found["message"] = describe_python(part.get_payload(0))
    elif not part.is_multipart():
        body = body_of(part)
        found["octets"] = len(body)
        if part.get_content_maintype() == "text":
            found["lines"] = body.count(b"\n")
    return found


def told_text(value):
    """Raw 8-bit text is told as encoded-words of charset unknown-8bit (RFC 1428), which may have such words inside."""
    if value is None:
        return None
    return squeeze(decoded(decoded(value.decode().replace("=?unknown-8bit?", "=?iso-8859-1?"))))


def describe_told(structure):
    if isinstance(structure[0], list):
        count = next(n for n, item in enumerate(structure) if not isinstance(item, list))
        subtype, pairs, disposition = structure[count:count + 3]
        found = {"type": f"multipart/{subtype.decode()}", "parameters": told_parameters(pairs)}
        found["parts"] = [describe_told(item) for item in structure[:count]]
    else:
        kind, subtype, pairs, identifier, description, encoding, octets, *rest = structure
        found = {"type": f"{kind.decode()}/{subtype.decode()}", "parameters": told_parameters(pairs),
                 "encoding": encoding.decode(), "id": told_text(identifier), "description": told_text(description),
                 "octets": int(octets)}
        if found["type"] in ("message/rfc822", "message/global"):
            found["message"] = describe_told(rest[1])
            del found["octets"]
            rest = rest[3:]
        elif kind == b"text":
            found["lines"] = int(rest[0])
            rest = rest[1:]
        md5, disposition, _, location = rest
        found |= {"md5": told_text(md5), "location": told_text(location)}
    found["disposition"] = disposition[0].decode() if disposition else None
    if disposition:
        found["disposition parameters"] = told_parameters(disposition[1])
    return found


def differences(expected, told, where=""):
    """"2.1 lines: 4, told 5" for each thing that is expected and told otherwise."""
    for key in sorted(expected.keys() | told.keys()):
        a, b = expected.get(key), told.get(key)
        if key == "parts" and a and b and len(a) == len(b):
            for n, (one, other) in enumerate(zip(a, b), 1):
                yield from differences(one, other, f"{where}.{n}" if where else str(n))
        elif key == "message" and a and b:
            yield from differences(a, b, f"{where}.m")
        elif a != b and key in expected:
            yield f"{where} {key}: {a!r}, told {b!r}"


def python_message(name):
    """One character for each octet: nothing is decoded unasked."""
    return email.message_from_string(crlf((DATA / name).read_bytes()).decode("latin-1"))


# Where Python sees other values in the same parts, or other parts than the collection's own expectation.
BACKSLASHES = "Python keeps the backslashes of a quoted Windows path; they are escapes (RFC 822), and gone"
NO_PARTS = "a multipart without parts cannot be said in BODYSTRUCTURE (1*body): told as one opaque text; Dovecot makes up an empty part"
FOLDED_BOUNDARY = "the boundary is folded within its quotes: unfolded here (RFC 5322 section 2.2.3); Python does not find it"
BAD_LINE = "Python takes the first line that is no field for the begin of the text; here such lines belong to the header"
LAST_LINE_END = "the part is the last one and its end is missing: all up to the end of the message counts, with its last line end"
DIFFERENCES = {
    "mail-parser/legacy/035.eml": BACKSLASHES,
    "mail-parser/legacy/039.eml": BACKSLASHES,
    "mail-parser/malformed/002.eml": NO_PARTS,
    "mail-parser/malformed/003.eml": "the same boundary twice: the inner multipart has the parts, as the collection expects it",
    "mail-parser/malformed/005.eml": "boundaries that begin alike: the longer line is the inner boundary, as the collection expects it",
    "mail-parser/malformed/017.eml": "no semicolon before the parameter: it is taken as one all the same; Python takes it for the type",
    "mail-parser/malformed/019.eml": "a malformed Content-Type: the collection expects its multipart, Python takes it for text",
    "mail-parser/rfc/001.eml": "parameters without a semicolon between them (an example of RFC 1341): two here, one in Python",
    "mail-parser/thirdparty/004.eml": "8 bit: an encoding is one token",
    "mail-parser/thirdparty/010.eml": "quotes within quotes: the value ends at the second one",
    "mime4j/basic-plain-with-bad-header-separator.msg": BAD_LINE,
    "mime4j/malformedHeader-nocrlfcrlf.msg": BAD_LINE,
    "mime4j/malformedHeader-noheader.msg": BAD_LINE,
    "mime4j/malformedHeaderStartsBody-nocrlfcrlf.msg": BAD_LINE,
    "mime4j/malformedHeaderStartsBody-noheader.msg": BAD_LINE,
    "mime4j/multipartemptypart.msg": "the line end before a boundary belongs to the boundary, also where the part has nothing else",
    "mime4j/obsolete.msg": BAD_LINE,
    "mimetools/2002_06_12_doublebound.msg": "two boundary lines in a row: an empty part between them",
    "mimetools/double-bound.msg": "two boundary lines in a row: an empty part between them",
    "mimetools/hdr-fakeout.msg": BAD_LINE,
    "mimetools/jt-0498.msg": LAST_LINE_END,
    "mimetools/multi-bad.msg": LAST_LINE_END,
    "mimetools/multi-badnames.msg": FOLDED_BOUNDARY,
    "mimetools/multi-clen.msg": FOLDED_BOUNDARY,
    "mimetools/multi-digest.msg": FOLDED_BOUNDARY,
    "ruby-mail/attachment_emails-attachment_message_rfc822_inline_image.eml": NO_PARTS,
    "ruby-mail/error_emails-content_transfer_encoding_qp_with_space.eml": "quoted printable: an encoding is one token",
    "ruby-mail/error_emails-content_transfer_encoding_text-html.eml": "text/html is no token, and no encoding either way",
    "ruby-mail/error_emails-empty_in_reply_to.eml": NO_PARTS,
    "ruby-mail/error_emails-missing_body.eml": NO_PARTS,
    "ruby-mail/error_emails-missing_content_disposition.eml": "an empty Content-Disposition is none",
    "ruby-mail/error_emails-must_supply_encoding.eml": NO_PARTS,
    "ruby-mail/mime_emails-raw_email4.eml": LAST_LINE_END,
    "ruby-mail/rfc2822-example13.eml": BAD_LINE,
}


def comparable():
    """Messages whose parts Python finds where we do."""
    return [name for name, _, source in corpus() if source != "ours" and name not in DIFFERENCES]


def test_structures(client, uids):
    wrong = {}
    for name, _, source in corpus():
        if source == "ours":
            continue
        items = fetch(client, uids[name], "BODYSTRUCTURE BODY")
        assert without_extensions(items["BODYSTRUCTURE"]) == items["BODY"], name
        found = list(differences(describe_python(python_message(name)), describe_told(items["BODYSTRUCTURE"])))
        if found:
            wrong[name] = found
    for name, found in wrong.items():
        if name not in DIFFERENCES:
            print(name, *found, sep="\n    ")
    assert wrong.keys() == DIFFERENCES.keys()


def without_extensions(structure):
    """RFC 9051 section 7.5.2: BODY is BODYSTRUCTURE without what follows the basic fields."""
    if isinstance(structure[0], list):
        count = next(n for n, item in enumerate(structure) if not isinstance(item, list))
        return [without_extensions(part) for part in structure[:count]] + [structure[count]]
    if structure[0] == b"message" and structure[1] in (b"rfc822", b"global"):
        return structure[:8] + [without_extensions(structure[8]), structure[9]]
    return structure[:8 if structure[0] == b"text" else 7]


# --- parts ---

def test_parts_by_number(client, uids):
    """Each part's octets are those that Python has; decoded they are what Python decodes."""
    encodings = ("7bit", "8bit", "binary", "base64", "quoted-printable")
    compared = decoded_parts = 0
    for name in comparable():
        for numbers, part in parts_of(python_message(name)):
            if part.is_multipart():
                continue
            items = fetch(client, uids[name], f"BODY.PEEK[{numbers}]")
            body = body_of(part)
            assert items[f"BODY[{numbers}]"] == body.replace(b"\0", b"\x80"), f"{name} {numbers}"
            compared += 1
            encoding = str(part.get("content-transfer-encoding", "7bit")).strip().lower()
            if encoding not in encodings or is_sloppy(body, encoding):
                continue
            items = fetch(client, uids[name], f"BINARY.PEEK[{numbers}] BINARY.SIZE[{numbers}]")
            wanted = body if encoding in encodings[:3] else email.message_from_bytes(
                b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body).get_payload(decode=True)
            assert items[f"BINARY[{numbers}]"] == wanted, f"{name} {numbers}"
            assert int(items[f"BINARY.SIZE[{numbers}]"]) == len(wanted), f"{name} {numbers}"
            decoded_parts += 1
    assert compared > 300 and decoded_parts > 280, (compared, decoded_parts)


def is_sloppy(body, encoding):
    """Encoded against the rules, which programs forgive in different ways."""
    if encoding == "base64":
        text = re.sub(rb"\s", b"", body)
        return not re.fullmatch(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text)
    return encoding == "quoted-printable" and re.search(rb"=(?![0-9A-Fa-f]{2}|\r\n)|[ \t]\r\n|[ \t]$", body) is not None


# --- envelope ---

def expected_addresses(message, field):
    """(name, mailbox, host) in the order in which they stand, without groups' names."""
    values = [unfold(value) for value in message.get_all(field, [])][:1]
    try:
        found = email.utils.getaddresses(values)
    except RecursionError:
        return ["too deep for Python"]
    # What has no "@" is all mailbox.
    return [(squeeze(decoded(name)), *map(decoded, address.rsplit("@", 1) if "@" in address else (address, "")))
            for name, address in found if address]


def told_addresses(addresses):
    return [tuple(told_text(text or b"") for text in (name, mailbox, host)) for name, _, mailbox, host in addresses or []
            if host is not None]


def test_envelopes(client, uids):
    wrong = {}
    for name in comparable():
        message = python_message(name)
        date, subject, *addresses, in_reply_to, message_id = fetch(client, uids[name], "ENVELOPE")["ENVELOPE"]
        texts = {"date": date, "subject": subject, "in-reply-to": in_reply_to, "message-id": message_id}
        found = []
        for field, told in texts.items():
            expected = None if message[field] is None else squeeze(decoded(unfold(message[field])))
            if expected != told_text(told):
                found.append(f"{field}: {expected!r}, told {told_text(told)!r}")
        for field, told in zip(("from", "sender", "reply-to", "to", "cc", "bcc"), addresses):
            expected = expected_addresses(message, field)
            if not expected and field in ("sender", "reply-to"):  # RFC 9051 section 7.5.2
                expected = expected_addresses(message, "from")
            if expected != told_addresses(told):
                found.append(f"{field}: {expected!r}, told {told_addresses(told)!r}")
        if found:
            wrong[name] = found
    for name, found in wrong.items():
        if name not in ENVELOPE_DIFFERENCES:
            print(name, *found, sep="\n    ")
    assert wrong.keys() == ENVELOPE_DIFFERENCES.keys()


ENVELOPE_DIFFERENCES = {
    "mimekit/stack-overflow.txt": "comments a thousand deep: more than Python can stand",
    "ruby-mail/plain_emails-raw_email_multiple_from.eml": "addresses without a comma between them: two here, while Python refuses the field",
}
