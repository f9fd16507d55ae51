"""When mail is sent: again after a pause, for days, and what its sender hears meanwhile. A test clock lets the days pass."""

import threading

import pytest

from next_hop import CLOSE, DEFAULT, EXTENSIONS, greylist, wait_for
from postern_instance import wait_until
from sending import SENDER, subjects


def test_a_temporary_refusal_is_tried_again_after_a_pause(world):
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = ["451 4.7.1 greylisted, come back"]
    world.domain("example.net", "127.0.0.2")
    world.start()
    name = world.send("carol@example.net")
    world.wait_queue(attempts=1)
    (waiting,) = world.waiting()
    assert (waiting["code"], waiting["text"]) == (451, "4.7.1 greylisted, come back") and "127.0.0.2" in waiting["host"]
    world.clock.advance(minutes=3)  # the first pause is about five minutes
    assert hop.messages == []
    world.clock.advance(minutes=4)
    assert subjects(hop.wait_messages()) == [name]
    world.wait_queue(count=0)
    assert [one["state"] for one in world.recipients()] == ["delivered"]
    assert world.instance.files(SENDER) == []


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"])
@pytest.mark.parametrize("answer", ["450 4.3.0 not now", CLOSE], ids=["4xx", "closed"])
def test_each_step_may_fail_for_now(world, step, answer):
    hop = world.network.hop("127.0.0.2")
    hop.answers[step] = [answer]
    if step == "EHLO":
        hop.answers["HELO"] = [answer]
    world.domain("example.net", "127.0.0.2")
    world.start()
    name = world.send("carol@example.net")
    world.advance_until(lambda: hop.messages, minutes=6)
    world.wait_queue(count=0)
    assert subjects(hop.messages) == [name]
    assert world.instance.files(SENDER) == []


@pytest.mark.parametrize("answer, outcome", [("451 4.3.0 disk full", "later"), ("552 5.3.4 too large", "failed"), (CLOSE, "later")])
def test_a_chunk_is_not_taken(world, answer, outcome):
    hop = world.network.hop("127.0.0.2", extensions=[*EXTENSIONS, "CHUNKING"])
    hop.answers["BDAT"] = [answer]
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("carol@example.net", "dave@example.net")
    if outcome == "failed":
        report = world.wait_report()
        assert [one["Status"] for one in report.recipients] == ["5.3.4", "5.3.4"] and hop.messages == []
    else:
        world.wait_queue(count=2, attempts=1)
        world.advance_until(lambda: hop.messages, minutes=6)
        assert len(hop.messages) == 1 and sorted(hop.messages[0].recipients) == ["carol@example.net", "dave@example.net"]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "end"])
def test_each_step_may_refuse_for_good(world, step):
    hop = world.network.hop("127.0.0.2")
    hop.answers[step] = "550 5.7.1 we do not want this"
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("carol@example.net")
    report = world.wait_report()
    fields = report.of("carol@example.net")
    assert fields["Action"] == "failed" and fields["Status"] == "5.7.1"
    assert "550 5.7.1 we do not want this" in fields["Diagnostic-Code"]
    assert "we do not want this" in report.words
    assert hop.messages == [] and [one["state"] for one in world.recipients()] == ["failed"]


def test_a_greeting_of_5xx_is_no_word_about_the_message(world):
    """A host that takes no mail at all (554) leaves it to the next one; nobody else there: later, or the report names it."""
    wall, good = world.network.hop("127.0.0.2"), world.network.hop("127.0.0.3")
    wall.answers["greeting"] = "554 5.3.2 no SMTP service here"
    world.domain("example.net", "127.0.0.2", "127.0.0.3")
    world.start()
    world.send("carol@example.net")
    good.wait_messages()


def test_each_recipient_has_an_outcome_of_his_own(world):
    hop = world.network.hop("127.0.0.2")
    hop.refuse["never@example.net"] = "550 5.1.1 no such user"
    hop.refuse["later@example.net"] = ["452 4.2.2 mailbox full"]
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("now@example.net", "never@example.net", "later@example.net")
    (message,) = hop.wait_messages()
    assert message.recipients == ["now@example.net"]
    report = world.wait_report()
    assert len(report.recipients) == 1 and report.of("never@example.net")["Status"] == "5.1.1"
    world.wait_queue(count=1, attempts=1)
    world.clock.advance(minutes=7)
    hop.wait_messages(2)
    assert hop.messages[1].recipients == ["later@example.net"]
    world.wait_queue(count=0)
    assert len(world.instance.files(SENDER)) == 1


def test_greylisting(world):
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = greylist()
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("a@example.net", "b@example.net")
    world.advance_until(lambda: hop.messages, minutes=6)
    assert [sorted(one.recipients) for one in hop.messages] == [["a@example.net", "b@example.net"]], "they go together again"
    assert world.instance.files(SENDER) == []


def test_four_days(world):
    """A notice after four hours, the report after four days, and not one more of either."""
    world.domain("example.net", "127.0.0.2")  # nobody listens there
    world.start()
    name = world.send("carol@example.net")
    world.wait_queue(attempts=1)
    world.clock.advance(hours=3)
    world.wait_queue(attempts=2)
    assert world.instance.files(SENDER) == []
    world.advance_until(lambda: world.instance.files(SENDER), hours=1)
    delay = world.wait_report()
    assert world.clock.ahead <= 10 * 3600
    fields = delay.of("carol@example.net")
    assert fields["Action"] == "delayed" and fields["Status"].startswith("4.") and fields["Will-Retry-Until"]
    assert delay.message["To"].addresses[0].addr_spec == SENDER
    assert delay.message["Auto-Submitted"].startswith("auto-")
    assert f"Subject: {name}" in delay.original.as_string()
    world.advance_until(lambda: len(world.instance.files(SENDER)) > 1, hours=6)
    assert 94 * 3600 <= world.clock.ahead <= 110 * 3600
    failed = world.wait_reports(2)[1]
    fields = failed.of("carol@example.net")
    assert fields["Action"] == "failed" and fields["Status"].split(".")[0] in "45"
    world.wait_queue(count=0)
    attempts = world.recipients()[0]["attempts"]
    assert 15 <= attempts <= 60, attempts  # pauses grow from five minutes to four hours
    world.clock.advance(days=3)
    assert len(world.reports()) == 2


def test_no_report_about_a_report(world):
    """What has the null path is dropped when it fails (RFC 5321 section 4.5.5)."""
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = "550 5.1.1 no such user"
    world.domain("example.net", "127.0.0.2")
    world.start(options={"relay_networks": ["127.0.0.0/8"]})
    with world.instance.smtp() as client:
        client.sendmail("", ["carol@example.net"], world.message("x", "carol@example.net"))
        client.sendmail("alice@example.org", ["carol@example.net"], world.message("y", "carol@example.net"))
    world.wait_reports(1, "alice@example.org")
    world.wait_queue(count=0)
    assert sorted(one["state"] for one in world.recipients()) == ["failed", "failed"]
    assert world.instance.files(SENDER) == []


# --- who hears what (RFC 3461) ---

def test_success_is_reported_when_it_was_asked_for(world):
    hop = world.network.hop("127.0.0.2", extensions=[one for one in EXTENSIONS if one != "DSN"])
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("carol@example.net", mail_options=["RET=HDRS", "ENVID=QQ+2B314159"],
               rcpt_options=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Carol@example.net"])
    hop.wait_messages()
    report = world.wait_report()
    fields = report.of("carol@example.net")
    assert fields["Action"] == "relayed" and fields["Status"].startswith("2.")
    assert report.about["Original-Envelope-Id"] == "QQ+314159"
    assert fields["Original-Recipient"].replace(" ", "") == "rfc822;Carol@example.net"
    assert report.original.get_content_type() == "text/rfc822-headers"


def test_a_host_that_knows_dsn_is_told_instead(world):
    hop = world.network.hop("127.0.0.2")
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("carol@example.net", mail_options=["RET=FULL", "ENVID=QQ314159"], rcpt_options=["NOTIFY=SUCCESS,DELAY"])
    (message,) = hop.wait_messages()
    assert {"RET=FULL", "ENVID=QQ314159"} <= {one.upper() for one in message.parameters}
    (parameters,) = message.recipient_parameters
    assert any(set(one[7:].split(",")) == {"SUCCESS", "DELAY"} for one in parameters if one.startswith("NOTIFY="))
    world.wait_queue(count=0)
    assert world.instance.files(SENDER) == []


def test_who_wants_to_hear_nothing_hears_nothing(world):
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = "550 5.1.1 no such user"
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("carol@example.net", rcpt_options=["NOTIFY=NEVER"])
    world.wait_queue(count=0)
    world.send("dave@example.net")
    assert world.wait_report().of("dave@example.net")


# --- many ---

def test_one_connection_carries_many_messages(world):
    hop = world.network.hop("127.0.0.2")
    released = threading.Event()
    world.domain("example.net", "127.0.0.2")
    world.start(options={"relay_concurrency": 1})
    hop.answers["greeting"] = (wait_for(released), "220 ready")
    names = world.send_many(["carol@example.net"], 30)
    released.set()
    hop.wait_messages(30)
    assert sorted(subjects(hop.messages)) == sorted(names)
    world.wait_queue(count=0)
    assert len([session for session in hop.sessions if session.messages]) <= 3 and hop.open_most == 1


@pytest.mark.parametrize("answer", [CLOSE, ("421 4.4.2 enough for one session", CLOSE)], ids=["closed", "421"])
def test_a_host_that_ends_sessions_after_some_messages(world, answer):
    """What it does not want over this connection goes over another one, at once: nobody refused the message."""
    hop = world.network.hop("127.0.0.2")
    hop.answers["MAIL"] = lambda session, argument: answer if len(session.messages) == 3 else DEFAULT
    world.domain("example.net", "127.0.0.2")
    world.start(options={"relay_concurrency": 1})
    names = world.send_many(["carol@example.net"], 10)
    hop.wait_messages(10)
    assert sorted(subjects(hop.messages)) == sorted(names)
    assert world.clock.ahead == 0 and len(hop.sessions) >= 4


def test_a_hosted_domain_gets_its_providers_limits(world):
    """iCloud takes five messages over a connection, also for the domains of others; its host's name tells."""
    hop = world.network.hop("127.0.0.2")
    world.dns.zone("icloud.com", "mx01.mail A 127.0.0.2")
    world.dns.zone("office.example", "@ MX 10 mx01.mail.icloud.com.")
    world.start(options={"relay_concurrency": 1})
    names = world.send_many(["carol@office.example"], 12)
    world.advance_until(lambda: len(hop.messages) >= 12, seconds=10)
    assert sorted(subjects(hop.messages)) == sorted(names)
    assert max(len(session.messages) for session in hop.sessions) == 5


def test_domains_of_one_provider_share_its_connections(world):
    """Google gets five at a time, however many domains it hosts; the others' turn comes when one ends."""
    hop = world.network.hop("127.0.0.2")
    other = world.network.hop("127.0.0.3")
    released = threading.Event()
    hop.answers["greeting"] = (wait_for(released), "220 ready")
    world.dns.zone("google.com", "aspmx.l A 127.0.0.2")
    world.domain("example.net", "127.0.0.3")
    offices = [f"office{n}.example" for n in range(12)]
    for office in offices:
        world.dns.zone(office, "@ MX 1 aspmx.l.google.com.")
    world.start()
    names = [world.send(f"carol@{office}") for office in offices]
    wait_until(lambda: hop.open_now >= 5, "five connections")
    world.send("carol@example.net")
    other.wait_messages()
    released.set()
    world.advance_until(lambda: len(hop.messages) >= 12, seconds=10)
    assert sorted(subjects(hop.messages)) == sorted(names)
    assert hop.open_most == 5
    world.wait_queue(count=0)
    assert all(one["attempts"] <= 1 for one in world.recipients()), "to wait for one's turn is no attempt"


def test_one_message_goes_once_for_many_recipients(world):
    hop = world.network.hop("127.0.0.2")
    world.domain("example.net", "127.0.0.2")
    world.start()
    everybody = [f"user{n}@example.net" for n in range(50)]
    world.send(*everybody)
    hop.wait_messages()
    world.wait_queue(count=0)
    assert len(hop.messages) == 1 and sorted(hop.messages[0].recipients) == sorted(everybody)


def test_more_recipients_than_a_host_takes_at_once(world):
    """452 for too many recipients (RFC 5321 section 4.5.3.1.10): the others follow in another transaction."""
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = lambda session, argument: "452 4.5.3 too many recipients" if len(session.recipients) >= 10 else DEFAULT
    world.domain("example.net", "127.0.0.2")
    world.start()
    everybody = [f"user{n}@example.net" for n in range(25)]
    world.send(*everybody)
    world.advance_until(lambda: len(hop.messages) >= 3, minutes=6)
    assert sorted(sum((message.recipients for message in hop.messages), [])) == sorted(everybody)
    assert world.instance.files(SENDER) == []


def test_a_destination_that_is_down_delays_no_other(world):
    """The order of events tells it, not the time: the dead one's 100 messages are queued first, its connections hang, and all of
    the living one's arrive while they do."""
    alive = world.network.hop("127.0.0.2")
    mute = world.network.hop("127.0.0.3")
    released = threading.Event()
    mute.answers["greeting"] = (wait_for(released), CLOSE)
    world.network.black_hole("127.0.0.4")
    world.domain("alive.example", "127.0.0.2")
    world.domain("mute.example", "127.0.0.3")
    world.domain("hole.example", "127.0.0.4")
    world.domain("dead.example", "127.0.0.5")
    world.start()
    world.send("first@hole.example")
    for domain in ("mute", "hole", "dead"):
        world.send_many([f"carol@{domain}.example"], 100)
    names = world.send_many(["carol@alive.example"], 100)
    alive.wait_messages(100)
    assert sorted(subjects(alive.messages)) == sorted(names)
    assert mute.messages == [] and mute.open_now > 0, "the mute host's connections were to hang all the while"
    released.set()


def test_a_host_that_announces_chunks_and_knows_none(world):
    """It may have taken the text for commands: it gets the message with DATA, over another connection, and those after it too."""
    hop = world.network.hop("127.0.0.2", extensions=[*EXTENSIONS, "CHUNKING"])
    hop.answers["BDAT"] = "502 5.5.1 what?"
    world.domain("example.net", "127.0.0.2")
    world.start()
    names = world.send_many(["carol@example.net"], 5)
    hop.wait_messages(5)
    assert sorted(subjects(hop.messages)) == sorted(names)
    assert sum("BDAT" in session.verbs for session in hop.sessions) <= 2  # as many as begin together


def test_a_restart_goes_on_where_it_was(world):
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = "450 4.2.0 not now"
    world.domain("example.net", "127.0.0.2")
    instance = world.start()
    names = world.send_many(["carol@example.net"], 20)
    world.wait_queue(count=20, attempts=1)
    attempts = [one["attempts"] for one in world.recipients()]
    instance.stop()
    sessions = len(hop.sessions)
    instance.serve()
    world.send("dave@example.net")  # it works, and leaves those alone whose time has not come
    world.wait_queue(count=21, attempts=1)
    assert [one["attempts"] for one in world.recipients()][:20] == attempts
    assert all("carol" not in command for session in hop.sessions[sessions:] for command in session.commands)
    hop.answers.clear()
    world.advance_until(lambda: len(hop.messages) >= 21, minutes=6)
    world.wait_queue(count=0)
    assert set(names) <= set(subjects(hop.messages)) and len(hop.messages) == 21


def test_a_stop_in_the_midst_ends_what_is_under_way_and_doubles_nothing(world):
    """What is claimed and not begun is put back; who stops does not wait for his grace to be over (20 s), and says goodbye."""
    hop = world.network.hop("127.0.0.2")
    for n in range(5):
        world.domain(f"d{n}.example", "127.0.0.2")
    instance = world.start(options={"user_rate": 0, "shutdown_grace": "60s"})
    names = world.send_many([f"carol@d{n}.example" for n in range(5)], 80)
    hop.wait_messages(20)
    instance.stop(seconds=40)
    # Whom nothing was sent to yet is left without a word.
    assert all(session.quit for session in hop.wait_sessions() if "MAIL" in session.verbs)
    instance.serve()
    world.wait_queue(count=0)
    assert sorted(subjects(hop.messages)) == sorted(names * 5)
