"""The tools of the tests of sending do what those tests rely on: scripted next hops, zones, certificates, hostile name servers."""

import smtplib
import socket
import ssl
import threading

import pytest

import dns_hostile
import dns_packet
from certificates import Authority
from dns_zone import NameServer, Resolver
from next_hop import CLOSE, DEFAULT, Network, drip, endless, greylist, wait_for
from postern_instance import wait_until

MAIL = b"Subject: x\r\n\r\n.dot\r\n"


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()


def client(hop):
    return smtplib.SMTP(hop.address, hop.port, "client.example", timeout=10)


def test_what_was_said_is_kept(network):
    hop = network.hop("127.0.0.2", extensions=["PIPELINING", "8BITMIME", "DSN"])
    hop.refuse["b@example.net"] = "550 5.1.1 no such user"
    with client(hop) as smtp:
        refused = smtp.sendmail("s@example.org", ["a@example.net", "b@example.net"], MAIL, ["BODY=8BITMIME"], ["NOTIFY=NEVER"])
    assert refused == {"b@example.net": (550, b"5.1.1 no such user")}
    (message,) = hop.wait_messages()
    assert (message.sender, message.parameters) == ("s@example.org", ["BODY=8BITMIME"])
    assert message.recipients == ["a@example.net"] and message.recipient_parameters == [["NOTIFY=NEVER"]]
    assert message.data == MAIL
    (session,) = hop.wait_sessions()
    assert session.verbs == ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", "QUIT"] and session.hello == "client.example"
    assert [what for _, what, _ in network.events] == ["connect", *session.verbs[:-1], "message", "QUIT", "end"]


def test_answers_of_choice(network):
    hop = network.hop("127.0.0.2")
    hop.answers["MAIL"] = ["451 4.3.0 once", DEFAULT]
    hop.answers["RCPT"] = greylist()
    with client(hop) as smtp:
        smtp.ehlo()
        assert smtp.mail("s@example.org")[0] == 451
        assert smtp.mail("s@example.org")[0] == 250
        assert smtp.rcpt("a@example.net")[0] == 451
        assert smtp.rcpt("a@example.net")[0] == 250
        hop.answers["DATA"] = ("354 go", CLOSE)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.data(MAIL)
            smtp.noop()
    assert hop.messages == []


def test_ends_of_choice(network):
    hop = network.hop("127.0.0.2")
    hop.answers["end"] = ["451 4.3.0 disk full"]
    with client(hop) as smtp:
        with pytest.raises(smtplib.SMTPDataError):
            smtp.sendmail("s@example.org", ["a@example.net"], MAIL)
        assert hop.messages == []
        smtp.sendmail("s@example.org", ["a@example.net"], MAIL)
    assert len(hop.messages) == 1


def test_lmtp_answers_for_each(network):
    hop = network.hop("127.0.0.2", lmtp=True)
    hop.refuse_end["b@example.net"] = "452 4.2.2 full"
    with socket.create_connection((hop.address, hop.port), 10) as connection:
        connection.sendall(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.net>\r\nRCPT TO:<b@example.net>\r\n"
                           b"DATA\r\nx\r\n.\r\nQUIT\r\n")
        answers = connection.makefile("rb").read().split(b"\r\n")
    assert answers[-4:] == [b"250 2.0.0 kept", b"452 4.2.2 full", b"221 2.0.0 bye", b""]
    assert [message.recipients for message in hop.messages] == [["a@example.net"]]


def test_tls_with_certificates_of_choice(network, tmp_path):
    authority = Authority(tmp_path)
    trusting = ssl.create_default_context(cafile=authority.path)
    for address, certificate, failure in (
            ("127.0.0.2", authority.issue("mx.example.net"), None),
            ("127.0.0.3", authority.issue("mx.example.com"), "Hostname mismatch"),
            ("127.0.0.4", authority.issue("mx.example.net", expired=True), "certificate has expired"),
            ("127.0.0.5", authority.issue("mx.example.net", self_signed=True), "self-signed certificate")):
        hop = network.hop(address, certificate=certificate)
        with socket.create_connection((address, hop.port), 10) as connection:
            stream = connection.makefile("rwb")
            stream.write(b"EHLO x\r\nSTARTTLS\r\n")
            stream.flush()
            while b"go ahead" not in stream.readline():
                pass
            if failure:
                with pytest.raises(ssl.SSLCertVerificationError, match=failure):
                    trusting.wrap_socket(connection, server_hostname="mx.example.net")
            else:
                trusting.wrap_socket(connection, server_hostname="mx.example.net").close()
                (session,) = hop.wait_sessions()
                assert session.tls == "TLSv1.3" and session.server_name == "mx.example.net"
    digest = authority.issue("mx.example.net").tlsa(3, 1, 1).split()
    assert digest[:3] == ["3", "1", "1"] and len(digest[3]) == 64


def test_login_by_each_mechanism(network):
    hop = network.hop("127.0.0.2", users={"alice": "secret"})
    for mechanism in ("plain", "login", "cram_md5"):
        for password in ("secret", "wrong"):
            with client(hop) as smtp:
                smtp.ehlo()
                smtp.user, smtp.password = "alice", password
                try:
                    smtp.auth(mechanism.upper().replace("_", "-"), getattr(smtp, f"auth_{mechanism}"))
                    assert password == "secret"
                except smtplib.SMTPAuthenticationError:
                    assert password == "wrong"
    hop.wait_sessions(6)
    assert [session.login for session in hop.sessions] == ["alice", None] * 3


def test_bad_manners(network):
    hop = network.hop("127.0.0.2")
    hop.answers["greeting"] = [endless(b"220-still\r\n"), drip(b"220 slow\r\n", 0.001), (b"220 a\r\n250 b\r\n", CLOSE)]
    with socket.create_connection((hop.address, hop.port), 10) as connection:
        for _ in range(100):
            assert connection.recv(65536)
    for expected in (b"220 slow\r\n", b"220 a\r\n250 b\r\n"):
        with socket.create_connection((hop.address, hop.port), 10) as connection:
            stream = connection.makefile("rb")
            assert stream.read(len(expected)) == expected
    hop.close_after_sent = 5
    with socket.create_connection((hop.address, hop.port), 10) as connection:
        assert connection.makefile("rb").read() == b"220 m"


def test_a_host_goes_and_comes_back(network):
    hop = network.hop("127.0.0.2")
    released = threading.Event()
    hop.answers["greeting"] = wait_for(released)
    waiting = socket.create_connection((hop.address, hop.port), 10)
    wait_until(lambda: hop.sessions, "the session")
    hop.close()
    assert waiting.recv(10) == b""
    waiting.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((hop.address, hop.port), 10)
    hop.answers.clear()
    hop.reopen()
    client(hop).quit()
    network.black_hole("127.0.0.9")
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.9", network.port), 0.3)


def test_zones_are_served_and_validated(tmp_path):
    dns = NameServer(tmp_path / "nsd")
    dns.zone("good.example", "@ MX 10 mx\nmx A 127.0.0.2")
    dns.zone("below.plain.example", "@ MX 10 mx", sign="no")
    for sign in ("expired", "wrong-key", "missing"):
        dns.zone(f"{sign}.example", "@ MX 10 mx", sign=sign)
    dns.start()
    resolver = Resolver(tmp_path / "unbound", dns)
    try:
        def ask(name):
            return dns_packet.ask("127.0.0.1", resolver.port, name, "MX", timeout=10)
        assert ask("good.example") == ask("below.plain.example") == (dns_packet.NOERROR, 1)
        assert ask("none.good.example") == (dns_packet.NXDOMAIN, 0)
        for sign in ("expired", "wrong-key", "missing"):
            assert dns_packet.ask("127.0.0.1", dns.port, f"{sign}.example", "MX")[0] == dns_packet.NOERROR
            assert ask(f"{sign}.example") == (dns_packet.SERVFAIL, 0), "validated, though it is bogus"
        dns.zone("good.example", "@ MX 10 mx\n@ MX 20 mx2")
        dns.reload()
        assert dns_packet.ask("127.0.0.1", dns.port, "good.example", "MX")[1] == 2
    finally:
        resolver.stop()
        dns.stop()


def test_a_hostile_name_server():
    server = dns_hostile.HostileDns()
    try:
        server.answers["many.example", "MX"] = dns_hostile.exchangers("many.example", 2000)
        server.answers["mute.example", None] = dns_hostile.silence
        server.answers["fail.example", None] = dns_hostile.servfail
        server.answers["id.example", "A"] = dns_hostile.wrong_id(dns_packet.a("id.example", "127.0.0.2"))

        def ask(name, type_name="MX"):
            return dns_packet.ask("127.0.0.1", server.port, name, type_name, timeout=0.5)
        assert ask("many.example") == (0, 0)  # truncated: there is more by TCP
        assert ask("mute.example") is None and ask("id.example", "A") is None
        assert ask("fail.example") == (dns_packet.SERVFAIL, 0)
        assert ask("unknown.example") == (dns_packet.NXDOMAIN, 0)
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            packet = b"\1\2\1\0\0\1\0\0\0\0\0\0" + dns_packet.wire_name("many.example") + b"\0\x0f\0\1"
            connection.sendall(len(packet).to_bytes(2, "big") + packet)
            length = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
            assert len(connection.recv(length, socket.MSG_WAITALL)) == length > 40000
    finally:
        server.stop()
