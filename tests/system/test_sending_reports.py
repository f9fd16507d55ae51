"""What senders are told: by mail that goes out, comes back as a report, and is read as a person and as a program would."""

import pytest

DOMAIN, HOP = "example.net", "127.0.0.2"
CAROL, DAVE = "carol@example.net", "dave@example.net"


def hop_of(world, **options):
    hop = world.network.hop(HOP, **options)
    world.domain(DOMAIN, HOP)
    return hop


def of(report, address):
    return {name: str(report.of(address)[name]) for name in ("Action", "Status", "Remote-MTA", "Diagnostic-Code")}


def test_refused(world):
    hop = hop_of(world)
    hop.refuse[CAROL] = "550 5.1.1 no such user here"
    world.start()
    name = world.send(CAROL, DAVE)
    report = world.wait_report()
    assert of(report, CAROL) == {"Action": "failed", "Status": "5.1.1", "Remote-MTA": "dns;mx1.example.net",
                                 "Diagnostic-Code": "smtp; 550 5.1.1 no such user here"}
    assert [one["Final-Recipient"] for one in report.recipients] == [f"rfc822;{CAROL}"]
    assert "This address does not exist there." in report.words
    assert "    > 550 5.1.1 no such user here" in report.words
    assert name in report.words and DAVE not in report.words
    assert report.original.get_payload(0)["Subject"] == name
    assert report.message["Auto-Submitted"] == "auto-replied"
    assert b"Return-Path: <>" in report.octets
    assert [one.recipients for one in hop.wait_messages()] == [[DAVE]]


def test_late_and_given_up(world):
    hop = hop_of(world)
    hop.refuse[CAROL] = "450 4.2.2 mailbox full"
    world.start()
    world.send(CAROL)
    world.wait_queue(1, attempts=1)
    world.advance_until(lambda: world.reports(), minutes=30)
    (delayed,) = world.reports()
    assert of(delayed, CAROL)["Action"] == "delayed" and of(delayed, CAROL)["Status"] == "4.2.2"
    assert delayed.original.get_content_type() == "text/rfc822-headers"
    assert "You need not do anything" in delayed.words and "The recipient's mailbox is full." in delayed.words
    world.advance_until(lambda: len(world.reports()) > 1, hours=6)
    delayed, failed = world.reports()
    assert of(failed, CAROL)["Action"] == "failed" and of(failed, CAROL)["Status"] == "5.4.7"
    assert "until the time for it was over" in failed.words and "The recipient's mailbox is full." in failed.words
    assert world.waiting() == []


@pytest.mark.parametrize("options, count", [(["NOTIFY=NEVER"], 0), (["NOTIFY=SUCCESS"], 0), (["NOTIFY=FAILURE"], 1)])
def test_what_is_wanted_of_failures(world, options, count):
    hop = hop_of(world)
    hop.refuse[CAROL] = "550 5.1.1 no such user here"
    world.start()
    world.send(CAROL, rcpt_options=options)
    world.wait_queue(0)
    # A second message's report comes after the first one's would have come.
    world.send(CAROL)
    world.wait_reports(count + 1)


def test_success(world):
    """Told by us where the next host does not, and not where it does."""
    silent = hop_of(world, extensions=("PIPELINING", "8BITMIME"))
    telling = world.network.hop("127.0.0.3")
    world.domain("example.com", "127.0.0.3")
    world.start()
    world.send(CAROL, "erin@example.com", mail_options=["ENVID=QQ314159"], rcpt_options=["NOTIFY=SUCCESS"])
    silent.wait_messages()
    telling.wait_messages()
    report = world.wait_report()
    assert of(report, CAROL)["Action"] == "relayed"
    assert report.about["Original-Envelope-Id"] == "QQ314159"
    assert report.original.get_content_type() == "text/rfc822-headers"
    assert len(report.recipients) == 1


def test_address_that_does_not_exist_is_left_alone(world):
    hop = hop_of(world)
    hop.refuse[CAROL] = "550 5.1.1 no such user here"
    world.start()
    world.send(CAROL)
    world.wait_reports(1)
    sessions = len(hop.sessions)
    world.send(CAROL)
    report = world.wait_reports(2)[1]
    assert len(hop.sessions) == sessions
    assert f"postern queue suppress remove {CAROL}" in " ".join(report.words.replace("\n    > ", " ").split())
    assert of(report, CAROL)["Status"] == "5.1.1"
    assert [one["address"] for one in world.instance.json("queue", "suppress", "list")] == [CAROL]
    world.instance.postern("queue", "suppress", "remove", CAROL)
    del hop.refuse[CAROL]
    world.send(CAROL)
    hop.wait_messages()


def test_in_german(world):
    hop = hop_of(world)
    hop.refuse[CAROL] = "550 5.1.1 no such user here"
    world.start(options={"report_language": "de"})
    world.send(CAROL)
    report = world.wait_report()
    assert "Diese Adresse gibt es dort nicht." in report.words
    assert str(report.message["Subject"]).startswith("Nicht zugestellt: ")


def test_address_in_utf8(world):
    """RFC 6533: what is not ASCII is told as it is, and the next host's want of SMTPUTF8 is told as that."""
    hop_of(world, extensions=("PIPELINING", "8BITMIME"))
    world.start()
    world.send("z\u00fcrich@example.net", mail_options=["SMTPUTF8"])
    report = world.wait_report()
    assert [part.get_content_type() for part in report.parts] == ["text/plain", "message/global-delivery-status", "message/global"]
    assert "Final-Recipient: utf-8;z\u00fcrich@example.net\r\nAction: failed\r\nStatus: 5.6.7".encode() in report.octets
    assert "z\u00fcrich@example.net" in report.words and "to an address in plain letters" in " ".join(report.words.split())


def test_report_that_cannot_be_delivered_is_told_to_nobody(world):
    """The sender is elsewhere, behind an alias, and its server refuses the report."""
    hop = hop_of(world)
    away = world.network.hop("127.0.0.3")
    world.domain("example.com", "127.0.0.3")
    hop.refuse[CAROL] = "550 5.1.1 no such user here"
    away.refuse["erin@example.com"] = "550 5.7.1 no reports please"
    world.start()
    world.instance.postern("alias", "add", "sales@example.org", "bob@example.org", "erin@example.com")
    client = world.instance.submission("bob@example.org")
    client.sendmail("sales@example.org", [CAROL], world.message("lunch", CAROL).replace(b"bob@", b"sales@"))
    client.quit()
    report = world.wait_report()
    assert of(report, CAROL)["Action"] == "failed"
    away.wait_sessions(1)
    world.wait_queue(0)
    world.wait_reports(1)


def test_wrong_password_makes_mail_wait(world):
    """The sender hears nothing of it: it is the administrator's to mend."""
    hop = world.network.hop(HOP, users={"tim": "tanstaaf"})
    password = world.folder / "password"
    password.write_text("wrong\n")
    world.start(append=f'\nroute office {{\n  domains = {{ "{DOMAIN}" }}\n  via = "smtp://{HOP}:{world.network.port}"\n'
                       f'  user = "tim"\n  password_file = "{password}"\n}}\n')
    world.send(CAROL)
    world.wait_queue(1, attempts=1)
    (one,) = world.waiting()
    assert "the next host does not accept our login: 535 5.7.8" in one["text"]
    world.instance.wait_log("relay.login_failed")
    assert world.reports() == []
    password.write_text("tanstaaf\n")
    world.instance.postern("queue", "retry", "--all")
    hop.wait_messages()
    world.wait_queue(0)
