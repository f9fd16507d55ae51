"""A name server that a test scripts, wrongly too: by UDP and TCP on one free loopback port.

    server = HostileDns()
    server.answers["huge.example", "MX"] = lambda question: [response(question, …)]     packets, any number of them
    server.answers["silent.example", None] = silence                                  None: whatever the type

What it is not told of does not exist. It signs nothing: who uses it must have no trust anchor.
"""

import socket
import struct
import threading

import dns_packet
from dns_packet import NXDOMAIN, SERVFAIL, TRUNCATED, Question, a, mx, response, soa
from dns_zone import free_port


def answer(*records):
    return lambda question: [response(question, records)]


def silence(question):
    return []


def servfail(question):
    return [response(question, code=SERVFAIL)]


def wrong_id(*records):
    return lambda question: [response(question, records, id=question.id ^ 0x5555)]


def truncated(question):
    """By UDP and by TCP alike: there is always more elsewhere."""
    return [response(question, flags=TRUNCATED)]


def cut(*records):
    """Ends in the midst of its last record."""
    return lambda question: [response(question, records)[:-3]]


def overcounted(*records):
    """Promises more records than there are."""
    return lambda question: [response(question, records, count=len(records) + 1000)]


def garbage(question):
    return [question.packet[:2] + b"\xff" * 200]


def other_question(question):
    """The right id, and an answer to something that nobody asked."""
    other = Question(question.packet[:12] + dns_packet.wire_name("other.example") + question.packet[-4:])
    other.section = dns_packet.wire_name("other.example") + question.section[-4:]
    return [response(other, [a("other.example", "127.0.0.1")])]


def exchangers(domain, count, host="mx{}.{}"):
    """A domain with so many MX records: more than a datagram holds, so TCP is needed."""
    return answer(*(mx(domain, n % 65536, host.format(n, domain)) for n in range(count)))


class HostileDns:
    def __init__(self):
        self.answers = {}
        self.questions = []  # (name, type), as they came
        self.ended = False
        self.port = free_port()
        self.datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagram.bind(("127.0.0.1", self.port))
        self.stream = socket.socket()
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.stream.bind(("127.0.0.1", self.port))
        self.stream.listen(50)
        self.threads = [threading.Thread(target=one, daemon=True) for one in (self.serve_datagrams, self.serve_streams)]
        for thread in self.threads:
            thread.start()

    @property
    def options(self):
        return {"dns_resolvers": [f"127.0.0.1@{self.port}"], "dns_trust_anchor": "/nonexistent/anchor"}

    def reply(self, packet):
        question = Question(packet)
        self.questions.append((question.name, question.type))
        for key in ((question.name, question.type), (question.name, None)):
            if key in self.answers:
                return self.answers[key](question)
        known = any(name == question.name for name, _ in self.answers)
        return [response(question, code=0 if known else NXDOMAIN, authority=[soa("example")])]

    def serve_datagrams(self):
        while True:
            packet, peer = self.datagram.recvfrom(4096)
            if self.ended:
                return
            for one in self.reply(packet):
                # What a datagram cannot hold (RFC 1035 section 4.2.1) is asked for by TCP.
                if len(one) > 1200:
                    one = response(Question(packet), flags=TRUNCATED)
                self.datagram.sendto(one, peer)

    def serve_streams(self):
        while True:
            connection, _ = self.stream.accept()
            if self.ended:
                return
            threading.Thread(target=self.serve_stream, args=[connection], daemon=True).start()

    def serve_stream(self, connection):
        with connection:
            connection.settimeout(30)
            try:
                while head := connection.recv(2, socket.MSG_WAITALL):
                    packet = connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                    for one in self.reply(packet):
                        connection.sendall(struct.pack("!H", min(len(one), 65535)) + one[:65535])
            except OSError:
                pass

    def stop(self):
        self.ended = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        for thread in self.threads:
            thread.join(10)
        self.datagram.close()
        self.stream.close()
