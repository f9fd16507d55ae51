"""Mail goes to servers that people have: Postfix and Exim with TLS and a Maildir behind them, and Postfix's smtp-sink."""

import email
import email.policy

from peer_hops import Exim, Postfix, SmtpSink
from postern_instance import wait_until
from sending import SENDER


def start_server(world, tmp_path, server):
    certificate = world.authority.issue("mx1.example.net")
    world.domain("example.net", "127.0.0.2", sign="good", text=f"_{world.network.port}._tcp.mx1 TLSA {certificate.tlsa()}")
    return server(tmp_path / "server", "127.0.0.2", world.network.port, "example.net", ["carol"], certificate)


def send_and_compare(world, server):
    """What it has in its Maildir is what was sent, and came with TLS."""
    body = b".dots\r\n..\r\n" + "\u00fcml\u00e4ut".encode() + b"\r\n" + b"x" * 990 + b"\r\n"
    name = world.send("carol@example.net", body=body, mail_options=["BODY=8BITMIME"])
    (octets,) = wait_until(lambda: server.messages("carol"), "mail in the Maildir")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message["Subject"] == name and message["Return-Path"] == f"<{SENDER}>"
    assert octets.replace(b"\n", b"\r\n").endswith(body)
    return message


def test_postfix(world, tmp_path):
    postfix = start_server(world, tmp_path, Postfix)
    try:
        world.start()
        assert "with ESMTPS" in send_and_compare(world, postfix)["Received"], "without TLS"
        # Its own words in the report.
        world.send("unknown@example.net")
        fields = world.wait_report().of("unknown@example.net")
        assert fields["Status"] == "5.1.1" and "User unknown" in fields["Diagnostic-Code"]
        assert "mx1.example.net" in fields["Remote-MTA"]
    finally:
        postfix.stop()


def test_exim(world, tmp_path):
    """A server that takes chunks (BDAT) and gives no enhanced codes."""
    exim = start_server(world, tmp_path, Exim)
    try:
        world.start()
        message = send_and_compare(world, exim)
        assert "with esmtps" in message["Received"], "without TLS"
        assert " K " in next(line for line in exim.log().splitlines() if " <= " in line), "without CHUNKING"
        world.send("unknown@example.net")
        fields = world.wait_report().of("unknown@example.net")
        assert fields["Status"].startswith("5.") and "Unrouteable address" in fields["Diagnostic-Code"]
    finally:
        exim.stop()


def test_many_messages_to_a_sink(world, tmp_path):
    world.domain("example.net", "127.0.0.2")
    (tmp_path / "sink").mkdir()
    sink = SmtpSink(tmp_path / "sink", "127.0.0.2", world.network.port)
    try:
        world.start(options={"user_rate": 0})
        names = world.send_many(["carol@example.net"], 200)
        world.wait_queue(count=0)
        text = sink.messages().decode()
        assert all(text.count(f"Subject: {name}\n") == 1 for name in names)
        world.instance.stop()
        # They come one after the other, and find connections that wait for more.
        assert sink.sessions() <= 10
    finally:
        sink.stop()
