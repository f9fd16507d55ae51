"""COMPRESS=DEFLATE (RFC 4978) against the real daemon, with zlib as the client's half."""

import base64
import os
import random
import zlib

import pytest

from line_client import LineClient
from postern_instance import PASSWORDS

pytestmark = pytest.mark.xdist_group("imap_compress")
USER = "alice@example.org"


class Wire:
    """A connection that compresses: a drop-in for LineClient's socket."""

    def __init__(self, socket):
        self.socket = socket
        self.packer = zlib.compressobj(wbits=-15)
        self.unpacker = zlib.decompressobj(wbits=-15)
        self.bytes_in = 0

    def pack(self, data):
        return self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH)

    def sendall(self, data):
        self.socket.sendall(self.pack(data))

    def recv(self, size):
        while True:
            data = self.socket.recv(size)
            self.bytes_in += len(data)
            text = self.unpacker.decompress(data)
            if text or not data:
                return text

    def close(self):
        self.socket.close()


def read(client, size):
    while len(client.pending) < size:
        client.pending += client.socket.recv(65536)
    data, client.pending = client.pending[:size], client.pending[size:]
    return data


def log_in(instance, service):
    client = LineClient(instance, service)
    client.line()
    if service == "imap":
        client.expect("^s OK", "s STARTTLS")
        client.start_tls()
    client.expect("^l OK .*COMPRESS=DEFLATE", f'l LOGIN {USER} "{PASSWORDS[USER]}"')
    return client


def compress(client):
    client.expect("^c OK", "c COMPRESS DEFLATE")
    assert client.pending == b""
    client.socket = Wire(client.socket)


def messages():
    """What compresses well, what does not, and what changes between the two."""
    rng = random.Random(4978)
    noise = rng.randbytes(300000)
    yield b"Subject: text\r\n\r\n" + b"".join(b"line %d of a text that repeats\r\n" % i for i in range(20000))
    yield b"Subject: base64\r\n\r\n" + base64.encodebytes(noise).replace(b"\n", b"\r\n")
    parts = [base64.encodebytes(noise[i:i + 20000]).replace(b"\n", b"\r\n") + b"some words between\r\n" * 100
             for i in range(0, len(noise), 20000)]
    yield b"Subject: both\r\n\r\n" + b"".join(parts)


@pytest.mark.parametrize("service", ["imap", "imaps"])
def test_messages_come_back_whole(shared, service):
    client = log_in(shared, service)
    compress(client)
    folder = f"of-{service}-{os.getpid()}"
    client.expect("^f OK", f"f CREATE {folder}")
    for message in messages():
        client.send(f"a APPEND {folder} {{{len(message)}+}}\r\n".encode() + message + b"\r\n")
        client.expect("^a OK")
    client.send(f"e SELECT {folder}\r\n".encode())
    while not (line := client.line()).startswith("e "):
        pass
    assert line.startswith("e OK"), line
    for number, message in enumerate(messages(), 1):
        before = client.socket.bytes_in
        client.expect(rf"^\* {number} FETCH \(.*BODY\[\] \{{{len(message)}\}}$", f"b FETCH {number} BODY.PEEK[]")
        assert read(client, len(message)) == message
        client.expect(r"^.*\)$")
        client.expect("^b OK")
        assert client.socket.bytes_in - before < len(message) * 0.8
    client.expect("^r BAD", "r COMPRESS DEFLATE")
    client.send(b"z LOGOUT\r\n")
    client.expect(r"^\* BYE")
    client.expect("^z OK")
    client.close()


def test_commands_compressed_before_the_answer_was_seen(shared):
    """All in one packet, and under TLS in one record."""
    client = log_in(shared, "imaps")
    wire = Wire(client.socket)
    client.socket.sendall(b"c COMPRESS DEFLATE\r\n" + wire.pack(b"d NOOP\r\ne NOOP\r\n"))
    data = client.socket.recv(65536)
    while b"\r\n" not in data:
        data += client.socket.recv(65536)
    line, rest = data.split(b"\r\n", 1)
    assert line == b"c OK DEFLATE active"
    text = wire.unpacker.decompress(rest)
    while text.count(b"\r\n") < 2:
        text += wire.recv(65536)
    assert [answer[:4] for answer in text.split(b"\r\n")] == [b"d OK", b"e OK", b""]
    client.close()


def test_garbage_closes_the_connection(shared):
    client = log_in(shared, "imaps")
    compress(client)
    client.socket.socket.sendall(b"d NOOP\r\n")
    assert client.socket.socket.recv(65536) == b""
    client.close()
    with log_in(shared, "imaps") as again:
        again.expect("^n OK", "n NOOP")
