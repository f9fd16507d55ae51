"""Where mail for a domain goes (RFC 5321 section 5.1, RFC 7505): real zones, served by nsd; next hops that a test scripts."""

import pytest

from next_hop import CLOSE, EXTENSIONS
from postern_instance import without_trace
from sending import SENDER, subjects


@pytest.mark.parametrize("chunks", [False, True], ids=["DATA", "BDAT"])
def test_a_message_arrives_as_it_was_sent(world, chunks):
    hop = world.network.hop("127.0.0.2", extensions=[*EXTENSIONS, *(["CHUNKING"] if chunks else [])])
    world.domain("example.net", "127.0.0.2")
    world.start()
    body = b".a dot\r\n..two\r\n\r\nlast line\r\n.\r\n" + b"x" * 900 + b"\r\n"
    name = world.send("carol@example.net", body=body)
    (message,) = hop.wait_messages()
    assert message.sender == SENDER and message.recipients == ["carol@example.net"]
    assert message.session.hello == "mail.example.org" and ("BDAT" in message.session.verbs) == chunks
    fields = message.data.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    # Ours on top (RFC 5321 section 4.4); no Return-Path, which is for the last host to add.
    assert fields[0].startswith(b"Received: ") and b"Return-Path:" not in message.data
    assert without_trace(message.data).replace(b"\r\n", b"") == world.message(name, "carol@example.net", body).replace(b"\r\n", b"")
    assert message.data.endswith(body)


def test_the_best_host_is_asked_first_and_the_next_when_it_fails(world):
    """Connection refused, a 4xx greeting, a connection that breaks: each time the next host in the list."""
    broken, busy, good, spare = (world.network.hop(f"127.0.0.{n}") for n in (3, 4, 5, 6))
    broken.answers["greeting"] = CLOSE
    busy.answers["greeting"] = "421 4.3.2 too busy"
    world.domain("example.net", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6")
    world.start()
    world.send("carol@example.net")
    good.wait_messages()
    assert [address for address, what, _ in world.network.events if what == "connect"] == ["127.0.0.3", "127.0.0.4", "127.0.0.5"]
    assert spare.sessions == []


def test_a_domain_without_mx_is_its_own_host(world):
    hop = world.network.hop("127.0.0.2")
    world.dns.zone("example.net", "@ A 127.0.0.2\n", sign="no")
    world.start()
    world.send("carol@example.net")
    hop.wait_messages()


def test_ipv6_only(world):
    hop = world.network.hop("::1")
    world.domain("example.net", "::1")
    world.start()
    world.send("carol@example.net")
    hop.wait_messages()


def test_one_of_several_addresses_works(world):
    hop = world.network.hop("127.0.0.2")
    world.dns.zone("example.net", "@ MX 10 mx\nmx A 127.0.0.2\nmx A 127.0.0.3\nmx A 127.0.0.4\nmx AAAA ::1", sign="no")
    world.start()
    world.send("carol@example.net")
    hop.wait_messages()


@pytest.mark.parametrize("text, status", [
    ("@ MX 0 .\n@ A 127.0.0.2", "5.1.10"),                     # RFC 7505 section 5.1
    ("@ MX 10 mail.example.org.\n@ MX 20 mx\nmx A 127.0.0.2", "5.4.6"),  # ours is the best: the mail would come back
    ("@ MX 10 nowhere", "5.4.4"),
    ("@ TXT nothing", "5.4.4"),
], ids=["null MX", "own host first", "no address", "neither MX nor address"])
def test_what_can_never_arrive_is_told_at_once(world, text, status):
    hop = world.network.hop("127.0.0.2")
    world.dns.zone("example.net", text, sign="no")
    world.start()
    world.send("carol@example.net")
    report = world.wait_report()
    assert report.of("carol@example.net")["Action"] == "failed" and report.of("carol@example.net")["Status"] == status
    assert hop.sessions == []


def test_no_such_domain(world):
    world.dns.zone("net", "@ TXT x", sign="no")
    world.start()
    world.send("carol@nothere.net")
    assert world.wait_report().of("carol@nothere.net")["Status"] == "5.1.2"


def test_our_own_host_cuts_the_list(world):
    """What is not better than ourselves is never asked (RFC 5321 section 5.1): two such hosts would play ping-pong."""
    best, worse, equal = (world.network.hop(f"127.0.0.{n}") for n in (2, 3, 4))
    best.close()
    world.dns.zone("example.net", "@ MX 10 best\n@ MX 20 Mail.Example.ORG.\n@ MX 20 equal\n@ MX 30 worse\n"
                                  "best A 127.0.0.2\nworse A 127.0.0.3\nequal A 127.0.0.4", sign="no")
    world.start()
    world.send("carol@example.net")
    world.wait_queue(attempts=1)
    best.reopen()
    world.advance_until(lambda: best.messages, minutes=6)
    assert worse.sessions == equal.sessions == []


def test_our_own_host_is_known_by_another_name(world):
    """Who is reached there says our name: the mail would come back for ever."""
    ourselves, worse = world.network.hop("127.0.0.2", name="Mail.Example.org"), world.network.hop("127.0.0.3")
    world.domain("example.net", "127.0.0.2", "127.0.0.3")
    world.start()
    world.send("carol@example.net")
    assert world.wait_report().of("carol@example.net")["Status"] == "5.4.6"
    assert not ourselves.messages and not worse.sessions


def test_names_of_other_scripts(world):
    hop = world.network.hop("127.0.0.2")
    world.domain("xn--bcher-kva.example", "127.0.0.2")
    world.start()
    client = world.instance.submission()
    client.ehlo_or_helo_if_needed()
    assert client.mail(SENDER, ["SMTPUTF8"])[0] == 250
    client.sock.sendall("RCPT TO:<carol@B\u00fccher.example>\r\n".encode())
    assert client.getreply()[0] == 250
    assert client.data(world.message("idn", "carol@xn--bcher-kva.example"))[0] == 250
    client.quit()
    (message,) = hop.wait_messages()
    assert message.recipients[0].lower() in ("carol@b\u00fccher.example", "carol@xn--bcher-kva.example")


def test_an_alias_of_a_domain(world):
    hop = world.network.hop("127.0.0.2")
    world.domain("target.example", "127.0.0.2")
    world.dns.zone("example.net", "mail CNAME other.example.net.\nother CNAME target.example.", sign="no")
    world.start()
    world.send("carol@mail.example.net")
    (message,) = hop.wait_messages()
    assert message.recipients == ["carol@mail.example.net"]


def test_a_host_behind_an_alias(world):
    hop = world.network.hop("127.0.0.2")
    world.dns.zone("example.net", "@ MX 10 mx\nmx CNAME real\nreal A 127.0.0.2", sign="no")
    world.start()
    world.send("carol@example.net")
    hop.wait_messages()


def test_address_literals(world):
    v4, v6 = world.network.hop("127.0.0.2"), world.network.hop("::1")
    world.start()
    world.send("carol@[127.0.0.2]")
    world.send("carol@[IPv6:::1]")
    v4.wait_messages()
    v6.wait_messages()


def test_the_order_among_equals_is_by_chance(world):
    """Domains of their own, since a domain's connection is used again. All of one host: 2 in a billion."""
    hops = [world.network.hop(f"127.0.0.{n}") for n in (2, 3)]
    for n in range(30):
        world.dns.zone(f"d{n}.example", "@ MX 10 a\n@ MX 10 b\na A 127.0.0.2\nb A 127.0.0.3", sign="no")
    world.start()
    for n in range(30):
        world.send(f"carol@d{n}.example")
    world.wait_queue(count=0)
    assert all(hop.messages for hop in hops) and sum(len(hop.messages) for hop in hops) == 30


def test_local_and_remote_recipients_of_one_message(world):
    hop = world.network.hop("127.0.0.2")
    world.domain("example.net", "127.0.0.2")
    world.start()
    name = world.send("alice@example.org", "carol@example.net")
    assert subjects(hop.wait_messages()) == [name]
    world.instance.wait_for_files("alice@example.org", 1)
    assert hop.messages[0].recipients == ["carol@example.net"]


def test_a_temporary_failure_of_the_dns_waits(world):
    hop = world.network.hop("127.0.0.2")
    world.domain("example.net", "127.0.0.2", sign="expired")  # bogus: nobody can tell, so the mail waits (RFC 4035 section 5.5)
    world.start()
    world.send("carol@example.net")
    world.wait_queue(attempts=1)
    assert hop.sessions == []
    world.domain("example.net", "127.0.0.2", sign="good")
    world.dns.reload()
    world.instance.stop()  # what was bogus is remembered for a minute
    world.instance.serve()
    world.advance_until(lambda: hop.messages, minutes=30)
