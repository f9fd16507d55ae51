"""DNS messages (RFC 1035 section 4) as far as the tests need them: to ask, and to answer in ways that no name server does."""

import ipaddress
import os
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5
RESPONSE, AUTHORITATIVE, TRUNCATED, RECURSION = 0x8000, 0x0400, 0x0200, 0x0080


def wire_name(name):
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def read_name(packet, at):
    """The name that stands there, without compression (a question has none), and where it ends."""
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), at + 1


class Question:
    def __init__(self, packet):
        self.packet = packet
        (self.id,) = struct.unpack_from("!H", packet)
        self.name, end = read_name(packet, 12)
        number, _ = struct.unpack_from("!HH", packet, end)
        self.type = next((name for name, value in TYPES.items() if value == number), str(number))
        self.section = packet[12:end + 4]


def record(owner, type_name, data, ttl=60):
    return wire_name(owner) + struct.pack("!HHIH", TYPES[type_name], 1, ttl, len(data)) + data


def a(owner, address, ttl=60):
    packed = ipaddress.ip_address(address).packed
    return record(owner, "A" if len(packed) == 4 else "AAAA", packed, ttl)


def mx(owner, preference, host, ttl=60):
    return record(owner, "MX", struct.pack("!H", preference) + wire_name(host), ttl)


def cname(owner, target, ttl=60):
    return record(owner, "CNAME", wire_name(target), ttl)


def txt(owner, *strings, ttl=60):
    return record(owner, "TXT", b"".join(bytes([len(one)]) + one for one in strings), ttl)


def soa(owner, ttl=60):
    return record(owner, "SOA", wire_name("ns.example") + wire_name("hostmaster.example") +
                  struct.pack("!IIIII", 1, 3600, 600, 86400, ttl), ttl)


def response(question, records=(), code=NOERROR, flags=0, id=None, count=None, authority=()):
    """An answer to the question; every part of it can be told to be wrong."""
    head = struct.pack("!HHHHHH", question.id if id is None else id, RESPONSE | AUTHORITATIVE | RECURSION | 0x0100 | flags | code,
                       1, len(records) if count is None else count, len(authority), 0)
    return head + question.section + b"".join(records) + b"".join(authority)


def ask(address, port, name, type_name, timeout=1):
    """One question by UDP: the code of the answer and how many records it has; None when nobody answered in time."""
    id = os.urandom(2)
    packet = id + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + wire_name(name) + struct.pack("!HH", TYPES[type_name], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        try:
            client.connect((address, port))
            client.send(packet)
            answer = client.recv(65535)
        except OSError:  # nobody listens there yet, or nothing came
            return None
    if answer[:2] != id or len(answer) < 12:
        return None
    flags, _, count = struct.unpack_from("!HHH", answer, 2)
    return flags & 15, count
