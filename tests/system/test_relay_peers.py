"""Mail goes to servers that people have: Postfix with TLS, DSN and a Maildir behind it, and its smtp-sink."""

import email
import email.policy

from peer_hops import Postfix, SmtpSink
from postern_instance import wait_until
from sending import SENDER


def test_postfix(world, tmp_path):
    certificate = world.authority.issue("mx1.example.net")
    world.domain("example.net", "127.0.0.2", sign="good", text=f"_{world.network.port}._tcp.mx1 TLSA {certificate.tlsa()}")
    postfix = Postfix(tmp_path / "postfix", "127.0.0.2", world.network.port, "example.net", ["carol"], certificate)
    try:
        world.start()
        body = b".dots\r\n..\r\n" + "\u00fcml\u00e4ut".encode() + b"\r\n" + b"x" * 990 + b"\r\n"
        name = world.send("carol@example.net", body=body, mail_options=["BODY=8BITMIME"])
        (octets,) = wait_until(lambda: postfix.messages("carol"), "mail in Postfix's Maildir")
        message = email.message_from_bytes(octets, policy=email.policy.default)
        assert message["Subject"] == name and message["Return-Path"] == f"<{SENDER}>"
        assert "with ESMTPS" in message["Received"], "without TLS"
        assert octets.replace(b"\n", b"\r\n").endswith(body)
        # Its own words in the report.
        world.send("unknown@example.net")
        fields = world.wait_report().of("unknown@example.net")
        assert fields["Status"] == "5.1.1" and "User unknown" in fields["Diagnostic-Code"]
        assert "mx1.example.net" in fields["Remote-MTA"]
    finally:
        postfix.stop()


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
    finally:
        sink.stop()
