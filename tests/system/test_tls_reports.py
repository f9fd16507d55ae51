"""What domains are told of the TLS to them, a day later; and that a policy goes on to hold when it cannot be fetched any more."""

import email
import email.policy
import gzip
import json

import pytest

from postern_instance import wait_until
from sts_server import policy

CAROL, HOP, WEB = "carol@example.net", "127.0.0.2", "127.0.3.1"


def zone(world, rua):
    world.domain("example.net", HOP, text=f"""_mta-sts TXT "v=STSv1; id=1;"
mta-sts A {WEB}
_smtp._tls TXT "v=TLSRPTv1; rua={rua}" """)


def hop_of(world):
    return world.network.hop(HOP, certificate=world.authority.issue("mx1.example.net"))


def test_report_over_https(world):
    hop = hop_of(world)
    zone(world, f"https://mta-sts.example.net:{world.network.port}/reports")
    world.sts.policies["mta-sts.example.net"] = policy("enforce", "mx1.example.net")
    world.start()
    world.send(CAROL)
    hop.wait_messages()
    assert world.sts.requests == [("mta-sts.example.net", "/.well-known/mta-sts.txt")]
    world.advance_until(lambda: world.sts.posts, hours=8)
    host, headers, body = world.sts.posts[0]
    assert (host, headers["Content-Type"]) == ("mta-sts.example.net", "application/tlsrpt+gzip")
    report = json.loads(gzip.decompress(body))
    assert report["policies"] == [{
        "policy": {"policy-type": "sts", "policy-domain": "example.net", "mx-host": ["mx1.example.net"],
                   "policy-string": ["version: STSv1", "mode: enforce", "mx: mx1.example.net", "max_age: 86400"]},
        "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}}]


def test_report_by_mail(world):
    hop = world.network.hop(HOP)  # without TLS
    zone(world, "mailto:tls@example.com")
    reports = world.network.hop("127.0.0.3")
    world.domain("example.com", "127.0.0.3")
    world.sts.policies["mta-sts.example.net"] = policy("enforce", "mx1.example.net")
    world.start()
    world.send(CAROL)
    hop.wait_sessions()
    world.wait_queue(1, attempts=1)
    assert "TLS" in world.recipients()[0]["text"]
    world.advance_until(lambda: reports.messages, hours=8)
    assert hop.messages == []
    message = email.message_from_bytes(reports.messages[0].data, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report" and message["TLS-Required"] == "No"
    assert message["TLS-Report-Domain"] == "example.net"
    text, packed = message.iter_parts()
    assert "example.net" in text.get_content()
    assert packed.get_content_type() == "application/tlsrpt+gzip"
    (told,) = json.loads(gzip.decompress(packed.get_content()))["policies"]
    assert told["summary"]["total-failure-session-count"] >= 1
    assert {one["result-type"] for one in told["failure-details"]} == {"starttls-not-supported"}
    assert {one["receiving-mx-hostname"] for one in told["failure-details"]} == {"mx1.example.net"}
    assert {one["receiving-ip"] for one in told["failure-details"]} == {HOP}


@pytest.mark.parametrize("restart", [False, True])
def test_policy_outlives_its_server(world, restart):
    hop = hop_of(world)
    zone(world, "mailto:tls@example.com")
    world.sts.policies["mta-sts.example.net"] = policy("enforce", "mx1.example.net", max_age=10 * 86400)
    world.start(options={"expire_after": "30d"})
    world.send(CAROL)
    hop.wait_messages()
    hop.wait_sessions()  # the next mail takes a new one
    world.sts.policies.clear()
    hop.certificate = world.authority.issue("other.example")
    if restart:
        world.instance.stop()
        world.instance.serve()
    world.send(CAROL)
    world.wait_queue(1, attempts=1)
    assert len(hop.messages) == 1
    # When the policy is over, any certificate will do again, and the log has the reason.
    world.advance_until(lambda: len(hop.messages) == 2, hours=30)
    wait_until(lambda: "relay.less_protected domain=example.net" in world.instance.log(), "a warning")
