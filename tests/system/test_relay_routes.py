"""Mail that goes another way than by MX: smarthosts with a password, fixed hosts, LMTP; being a backup; and the command that
looks after the queue."""

import smtplib
import time

import pytest

from sending import SENDER, subjects

PASSWORD = "p\u00e4ss word"


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "smarthost.password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def route(name, domains, via, **options):
    lines = [f'domains = {{ {", ".join(f"{chr(34)}{one}{chr(34)}" for one in domains)} }}', f'via = "{via}"']
    lines += [f'{option} = "{value}"' for option, value in options.items()]
    return f"\nroute {name} {{\n    " + "\n    ".join(lines) + "\n}\n"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"])
def test_a_smarthost_wants_a_password(world, password_file, mechanism):
    smarthost = world.network.hop("127.0.0.2", certificate=world.authority.issue("relay.example.com"),
                                  users={"me@example.com": PASSWORD}, mechanisms=[mechanism])
    world.dns.zone("example.com", "relay A 127.0.0.2", sign="no")
    world.start(append=route("smarthost", ["*"], f"smtp://relay.example.com:{world.network.port}", user="me@example.com",
                             password_file=password_file, tls="verified"))
    world.send("carol@example.net")  # whose domain exists nowhere: nobody looks
    (message,) = smarthost.wait_messages()
    assert message.session.login == "me@example.com" and message.session.tls and message.recipients == ["carol@example.net"]
    assert PASSWORD not in world.instance.log()


def test_a_smarthost_with_tls_from_the_first_octet(world, password_file):
    smarthost = world.network.hop("127.0.0.2", certificate=world.authority.issue("relay.example.com"), implicit_tls=True,
                                  users={"me": PASSWORD})
    world.dns.zone("example.com", "relay A 127.0.0.2", sign="no")
    world.start(append=route("smarthost", ["*"], f"smtps://relay.example.com:{world.network.port}", user="me",
                             password_file=password_file, tls="verified"))
    world.send("carol@example.net")
    (message,) = smarthost.wait_messages()
    assert message.session.login == "me" and message.session.tls


def test_a_wrong_password_waits_for_the_administrator(world, password_file):
    """It is our mistake, not the sender's: nothing is returned, and all of it goes once the password is right."""
    smarthost = world.network.hop("127.0.0.2", certificate=world.authority.issue("relay.example.com"), users={"me": "another"})
    world.start(append=route("smarthost", ["*"], f"smtp://127.0.0.2:{world.network.port}", user="me", password_file=password_file,
                             tls="required"))
    world.send("carol@example.net")
    world.wait_queue(attempts=1)
    assert smarthost.messages == [] and world.instance.files(SENDER) == []
    smarthost.users["me"] = PASSWORD
    world.advance_until(lambda: smarthost.messages, minutes=6)


def test_a_password_is_not_sent_to_who_cannot_keep_it(world, password_file):
    """No TLS, or that of somebody else: no AUTH."""
    plain = world.network.hop("127.0.0.2", users={"me": PASSWORD}, mechanisms=["PLAIN"])
    other = world.network.hop("127.0.0.3", users={"me": PASSWORD}, mechanisms=["PLAIN"],
                              certificate=world.authority.issue("relay.example.com", self_signed=True))
    world.dns.zone("example.com", "plain A 127.0.0.2\nrelay A 127.0.0.3", sign="no")
    world.start(append=route("plain", ["plain.example"], f"smtp://plain.example.com:{world.network.port}", user="me",
                             password_file=password_file, tls="required") +
                route("other", ["other.example"], f"smtp://relay.example.com:{world.network.port}", user="me",
                      password_file=password_file, tls="verified"))
    world.send("carol@plain.example")
    world.send("carol@other.example")
    world.wait_queue(count=2, attempts=1)
    for hop in (plain, other):
        assert hop.messages == [] and not any("AUTH" in session.verbs for session in hop.sessions)


@pytest.mark.parametrize("tls, certificate, outcome", [
    ("optional", "self-signed", "TLS"), ("optional", "none", "plain"),
    ("required", "self-signed", "TLS"), ("required", "none", None),
    ("verified", "good", "TLS"), ("verified", "wrong name", None), ("verified", "expired", None), ("verified", "self-signed", None),
    ("off", "good", "plain"),
])
def test_how_a_route_is_protected(world, tls, certificate, outcome):
    name = "mx.other.example" if certificate == "wrong name" else "relay.example.com"
    made = None if certificate == "none" else world.authority.issue(name, expired=certificate == "expired",
                                                                    self_signed=certificate == "self-signed")
    hop = world.network.hop("127.0.0.2", certificate=made)
    world.dns.zone("example.com", "relay A 127.0.0.2", sign="no")
    world.start(append=route("fixed", ["*"], f"smtp://relay.example.com:{world.network.port}", tls=tls))
    world.send("carol@example.net")
    if outcome is None:
        world.wait_queue(attempts=1)
        assert hop.messages == []
    else:
        assert bool(hop.wait_messages()[0].session.tls) == (outcome == "TLS")


def test_the_closest_route_is_taken(world):
    names = ("exact", "below", "all")
    hops = {name: world.network.hop(f"127.0.0.{n}") for n, name in enumerate(names, 2)}
    domains = {"exact": ["a.example.net"], "below": [".example.net"], "all": ["*"]}
    world.start(append="".join(route(name, domains[name], f"smtp://{hops[name].address}:{world.network.port}", tls="optional")
                               for name in reversed(names)))
    for recipient in ("x@a.example.net", "x@b.example.net", "x@example.net"):
        world.send(recipient)
    for name, recipient in zip(names, ("x@a.example.net", "x@b.example.net", "x@example.net")):
        assert hops[name].wait_messages()[0].recipients == [recipient]


def test_mail_goes_out_from_the_address_that_the_route_names(world):
    hop = world.network.hop("127.0.0.2")
    world.start(append=route("fixed", ["*"], f"smtp://127.0.0.2:{world.network.port}", source_ipv4="127.0.0.77"))
    world.send("carol@example.net")
    assert hop.wait_messages()[0].session.peer == "127.0.0.77"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_lmtp(world, kind, tmp_path):
    """An answer for each recipient behind the message (RFC 2033 section 4.2)."""
    path = tmp_path / "lmtp"
    tmp_path.chmod(0o755)
    hop = world.network.hop("127.0.0.2" if kind == "tcp" else str(path), lmtp=True)
    hop.refuse["unknown@lists.example"] = "550 5.1.1 no such list"
    hop.refuse_end["full@lists.example"] = ["452 4.2.2 full"]
    hop.refuse_end["spam@lists.example"] = "554 5.7.1 no"
    via = f"lmtp://127.0.0.2:{world.network.port}" if kind == "tcp" else f"lmtp:{path}"
    world.start(append=route("lists", ["lists.example"], via))
    world.send(*(f"{name}@lists.example" for name in ("good", "unknown", "full", "spam")))
    hop.wait_messages()
    assert hop.messages[0].session.verbs[0] == "LHLO" and hop.messages[0].recipients == ["good@lists.example"]
    world.wait_queue(count=1, attempts=1)
    reports = world.wait_reports(1)
    statuses = {one["Final-Recipient"].split(";")[1].strip(): one["Status"] for report in reports for one in report.recipients}
    assert statuses == {"unknown@lists.example": "5.1.1", "spam@lists.example": "5.7.1"}
    world.clock.advance(minutes=7)
    hop.wait_messages(2)
    assert hop.messages[1].recipients == ["full@lists.example"]


def test_a_route_has_a_schedule_of_its_own(world):
    world.start(append=route("impatient", ["*"], f"smtp://127.0.0.99:{world.network.port}", retry_first="1m", retry_longest="2m",
                             expire_after="1h", delay_notice_after="10m"))
    world.send("carol@example.net")
    world.advance_until(lambda: len(world.instance.files(SENDER)) == 2, minutes=1)
    assert world.clock.ahead <= 80 * 60
    assert [report.recipients[0]["Action"] for report in world.reports()] == ["delayed", "failed"]


def test_a_rate_is_kept(world):
    """Twelve a minute: two at once, then one every five seconds, of the clock that the test moves and that goes on by itself."""
    hop = world.network.hop("127.0.0.2")
    world.start(append=route("slow", ["*"], f"smtp://127.0.0.2:{world.network.port}", rate="12"))
    begin = time.monotonic()
    world.send_many(["carol@example.net"], 20)
    hop.wait_messages(2)
    assert len(hop.messages) <= 3 + (time.monotonic() - begin) / 5
    world.advance_until(lambda: len(hop.messages) == 20, seconds=5)
    assert world.clock.ahead + time.monotonic() - begin >= 17 * 5


# --- we are the backup ---

def test_a_backup_host_keeps_mail_for_the_best_one(world):
    best, worse = world.network.hop("127.0.0.2"), world.network.hop("127.0.0.3")
    best.close()
    world.dns.zone("example.net", "@ MX 10 best\n@ MX 20 mail.example.org.\n@ MX 30 worse\n"
                                  "best A 127.0.0.2\nworse A 127.0.0.3", sign="no")
    world.start(options={"relay_domains": ["example.net"]})
    with world.instance.smtp() as client:
        client.sendmail("someone@elsewhere.example", ["carol@example.net"], world.message("kept", "carol@example.net"))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("someone@elsewhere.example", ["carol@example.com"], world.message("x", "carol@example.com"))
    world.wait_queue(count=1, attempts=1)
    best.reopen()
    world.advance_until(lambda: best.messages, minutes=6)
    assert subjects(best.messages) == ["kept"] and worse.sessions == []


def test_trusted_networks_may_send_anywhere(world):
    hop = world.network.hop("127.0.0.2")
    world.domain("example.net", "127.0.0.2")
    world.start(options={"relay_networks": ["127.0.0.0/8"]})
    with world.instance.smtp() as client:
        client.sendmail("printer@example.org", ["carol@example.net"], world.message("scan", "carol@example.net"))
    hop.wait_messages()


# --- the command ---

def test_hold_release_and_remove(world):
    hop = world.network.hop("127.0.0.2")
    hop.close()
    world.domain("example.net", "127.0.0.2")
    instance = world.start()
    world.send("held@example.net", "gone@example.net", "left@example.net")
    world.wait_queue(count=3, attempts=1)
    instance.postern("queue", "hold", "--recipient", "held@example.net")
    instance.postern("queue", "remove", "--recipient", "gone@example.net")
    hop.reopen()
    instance.postern("queue", "retry", "--domain", "example.net")
    hop.wait_messages()
    world.wait_queue(count=1)
    assert hop.messages[0].recipients == ["left@example.net"]
    world.clock.advance(hours=5)
    assert {one["address"]: one["state"] for one in world.recipients()} == {
        "held@example.net": "held", "gone@example.net": "removed", "left@example.net": "delivered"}
    instance.postern("queue", "release", "--recipient", "held@example.net")
    hop.wait_messages(2)
    assert hop.messages[1].recipients == ["held@example.net"]
    assert world.instance.files(SENDER) == [], "who removes mail tells nobody"


def test_mail_is_sent_another_way(world):
    other = world.network.hop("127.0.0.3")
    world.domain("example.net", "127.0.0.2")  # nobody is there
    instance = world.start()
    name = world.send("carol@example.net")
    world.wait_queue(attempts=1)
    instance.postern("queue", "route", "--to", f"smtp://127.0.0.3:{world.network.port}", "--domain", "example.net")
    assert subjects(other.wait_messages()) == [name]
    world.wait_queue(count=0)


def test_what_is_listed(world):
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = "451 4.7.1 come back later"
    world.domain("example.net", "127.0.0.2")
    instance = world.start()
    name = world.send("carol@example.net", "dave@example.net")
    world.wait_queue(count=2, attempts=1)
    text = instance.postern("queue", "list").stdout
    assert "carol@example.net" in text and SENDER in text
    listed = instance.json("queue", "list")
    assert "come back later" in str(listed) and name in str(listed)
