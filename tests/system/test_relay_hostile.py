"""Next hops and name servers that mean no good, or are broken: mail waits or is told of, nothing is lost, doubled or held up, and
neither memory nor time is theirs to take."""

import random

import pytest

import dns_hostile
from dns_hostile import (HostileDns, answer, cut, exchangers, garbage, other_question, overcounted, servfail, silence, truncated,
                         wrong_id)
from dns_packet import a, cname, mx
from next_hop import CLOSE, EXTENSIONS, RESET, SILENCE, drip, endless
from postern_instance import wait_until
from sending import SENDER, subjects

LATER, FAILED, DELIVERED = "waiting", "failed", "delivered"
MEGABYTE = 1 << 20

# What is answered when, and what becomes of the message.
MANNERS = {
    "a line without end": ("greeting", endless(b"220 xxxxxxxx"), LATER),
    "a reply without end": ("greeting", endless(b"220-still not done\r\n"), LATER),
    "a code that changes": ("greeting", b"220-one\r\n250 two\r\n", LATER),
    "another protocol": ("greeting", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", LATER),
    "a web server": ("greeting", (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n<html>", CLOSE), LATER),
    "binary": ("greeting", bytes(range(256)) * 16, LATER),
    "codes that are none": ("greeting", b"999 hello\r\n", LATER),
    "an empty line": ("greeting", b"\r\n", LATER),
    "connection reset": ("greeting", RESET, LATER),
    "replies before commands": ("greeting", (b"220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n250 x\r\n221 x\r\n", SILENCE), LATER),
    "EHLO: thousands of lines": ("EHLO", b"250-X-THING\r\n" * 5000 + b"250 END\r\n", LATER),
    "EHLO: a line of megabytes": ("EHLO", b"250-" + b"x" * 4 * MEGABYTE + b"\r\n250 END\r\n", LATER),
    "EHLO: nonsense behind the words": ("EHLO", b"250-mx\r\n250-SIZE 99999999999999999999999\r\n250-LIMITS RCPTMAX=0 MAILMAX=-1\r\n"
                                        b"250-AUTH\r\n250 PIPELINING x y z\r\n", DELIVERED),
    "MAIL: a code that changes": ("MAIL", b"250-one\r\n550 two\r\n", LATER),
    "RCPT: one reply too few": ("RCPT", CLOSE, LATER),
    "RCPT: controls in the text": ("RCPT", b"550 5.1.1 \x00\x1b[2J\xff\xfe no\r\n", FAILED),
    "RCPT: a text of a hundred lines": ("RCPT", b"550-5.1.1 line\r\n" * 100 + b"550 5.1.1 end\r\n", FAILED),
    "RCPT: no text at all": ("RCPT", b"550\r\n", FAILED),
    "RCPT: an enhanced code of another class": ("RCPT", b"550 2.1.1 no such user\r\n", FAILED),
    "DATA: 250 instead of 354": ("DATA", "250 2.0.0 ok", LATER),
    "DATA: closed behind 354": ("DATA", (b"354 go\r\n", CLOSE), LATER),
    "end: closed": ("end", CLOSE, LATER),
    "end: a reply without end": ("end", endless(b"250-still not done\r\n"), LATER),
    "end: another protocol": ("end", b"OK whatever\r\n", LATER),
    "QUIT: never answered": ("QUIT", RESET, DELIVERED),
}


def test_bad_manners(world):
    """All at once, and in the midst of them a host that behaves."""
    hops = {}
    for n, (name, (step, answer_, _)) in enumerate(MANNERS.items(), 10):
        hops[name] = world.network.hop(f"127.0.0.{n}")
        hops[name].answers[step] = answer_
        world.domain(f"row{n}.example", f"127.0.0.{n}")
    good = world.network.hop("127.0.0.2")
    world.domain("good.example", "127.0.0.2")
    world.start()
    for n in range(10, 10 + len(hops)):
        world.send(f"carol@row{n}.example")
    name = world.send("carol@good.example")
    assert subjects(good.wait_messages()) == [name]

    def settled(one):
        return one["state"] in (DELIVERED, FAILED) or (one["state"] == LATER and one["attempts"] > 0)
    wait_until(lambda: all(settled(one) for one in world.recipients()), f"each to have an outcome: {world.recipients()}", 120)
    wrong = [f"{manner}: {one['state']} instead of {MANNERS[manner][2]} ({one['code']} {one['text']})"
             for manner, one in zip(MANNERS, world.recipients()) if one["state"] != MANNERS[manner][2]]
    assert wrong == [], "\n" + "\n".join(wrong)
    for manner, hop in hops.items():
        for session in hop.sessions:
            assert session.sent < 64 * MEGABYTE, f"{manner}: {session.sent} octets were read"
        assert len(hop.messages) == (MANNERS[manner][2] == DELIVERED)
    failed = [report for report in world.wait_reports(sum(one[2] == FAILED for one in MANNERS.values()))]
    for report in failed:
        assert not any(octet < 32 and octet not in b"\r\n\t" for octet in report.octets), "controls were passed on"

    # When they come to their senses, all of it arrives, once.
    for hop in hops.values():
        hop.answers.clear()
    world.advance_until(lambda: not world.waiting(), minutes=10)
    for manner, hop in hops.items():
        assert len(hop.messages) == (MANNERS[manner][2] != FAILED), manner


def test_slow_hosts_hold_up_neither_others_nor_the_end(world):
    """One octet a second, or none: that costs a connection until its time is up, and SIGTERM does not wait for it."""
    for n, manner in enumerate((SILENCE, drip(b"220-" + b"x" * 1000, 1), ("220 x", SILENCE)), 3):
        hop = world.network.hop(f"127.0.0.{n}")
        hop.answers["greeting"] = manner
        world.domain(f"slow{n}.example", f"127.0.0.{n}")
    good = world.network.hop("127.0.0.2")
    world.domain("good.example", "127.0.0.2")
    instance = world.start(options={"shutdown_grace": "100s"})
    for n in (3, 4, 5):
        world.send_many([f"carol@slow{n}.example"], 10)
    world.send("carol@good.example")
    good.wait_messages()
    instance.stop(seconds=30)
    instance.serve()
    assert len(world.waiting()) == 30, "mail was lost"
    assert "deliveries.broken_off" not in instance.log()
    world.send("dave@good.example")
    good.wait_messages(2)


@pytest.mark.parametrize("side", ["sent", "received"])
def test_a_connection_may_break_at_any_octet(world, side):
    """Each message arrives; twice only where the break fell between the end of the message and the answer to it."""
    hop = world.network.hop("127.0.0.2")
    step = 9 if side == "sent" else 29
    limits = [(n, None) if side == "sent" else (None, n) for n in range(1, 480 if side == "sent" else 1300, step)]
    for n in range(len(limits)):
        world.domain(f"d{n}.example", "127.0.0.2")
    world.start()
    hop.session_limits = list(limits)
    names = [world.send(f"carol@d{n}.example") for n in range(len(limits))]
    wait_until(lambda: all(one["attempts"] > 0 or one["state"] == DELIVERED for one in world.recipients()),
               "an attempt of each", 120)
    hop.session_limits = []
    world.advance_until(lambda: not world.waiting(), minutes=6)
    arrived = subjects(hop.messages)
    assert set(arrived) == set(names), "lost"
    for name in names:
        # The hop keeps a message before it says so: only those whose 250 was cut off come again.
        copies = [message for message in hop.messages if name in subjects([message])]
        assert all(message.session.close_after_sent is not None for message in copies[:-1]), f"{name} came {len(copies)} times"
    print(f"{len(arrived) - len(names)} came twice of {len(names)}")


def test_noise(world):
    """Whatever a host says at whatever time; the seed is printed."""
    seed = random.getrandbits(32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    pieces = [b"250 ok\r\n", b"250-", b"\r\n", b"\n", b"\r", b"\0", b"354 go\r\n", b"220 ", b"421 x\r\n", b"550 5.1.1 no\r\n",
              b"250-SIZE 1\r\n", b"250 STARTTLS\r\n", b"\xff\xfe", b"x" * 5000, b"334 \r\n", b"2"]
    hops = []
    for n in range(40):
        hop = world.network.hop(f"127.0.1.{n + 1}", extensions=rng.sample(EXTENSIONS, 3))
        step = rng.choice(["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"])
        hop.answers[step] = [(b"".join(rng.choice(pieces) for _ in range(rng.randrange(1, 12))), CLOSE)]
        hops.append(hop)
        world.domain(f"n{n}.example", f"127.0.1.{n + 1}")
    world.start()
    for n in range(40):
        world.send(f"carol@n{n}.example")
    wait_until(lambda: all(one["attempts"] > 0 or one["state"] in (DELIVERED, FAILED) for one in world.recipients()),
               "an attempt of each")
    world.advance_until(lambda: not world.waiting(), minutes=6)
    # "250 ok" at the wrong moment may mean that a message was taken: that is the host's own doing, but nothing may hang or crash.
    assert all(one["state"] in (DELIVERED, FAILED) for one in world.recipients())
    assert len(world.reports()) == sum(one["state"] == FAILED for one in world.recipients())
    assert all(len(hop.messages) <= 1 for hop in hops)


# --- name servers ---

def bad_zones(address):
    """What is answered for MX (or all types) of a domain, and what becomes of mail for it."""
    host = a("mx.good.example", address)
    return {
        "thousands.example": ("MX", exchangers("thousands.example", 1000), DELIVERED),
        "nowhere.example": ("MX", exchangers("nowhere.example", 1000, "nx{}.{}"), FAILED),
        "loop.example": (None, answer(cname("loop.example", "loop.example")), LATER),
        "pingpong.example": (None, answer(cname("pingpong.example", "other-pong.example")), LATER),
        "cut.example": ("MX", cut(mx("cut.example", 10, "mx.good.example")), LATER),
        "overcounted.example": ("MX", overcounted(mx("overcounted.example", 10, "mx.good.example")), LATER),
        "truncated.example": (None, truncated, LATER),
        "wrongid.example": (None, wrong_id(mx("wrongid.example", 10, "mx.good.example")), LATER),
        "servfail.example": (None, servfail, LATER),
        "silent.example": (None, silence, LATER),
        "garbage.example": (None, garbage, LATER),
        "other.example": (None, other_question, LATER),
        "badname.example": ("MX", answer(mx("badname.example", 10, "m x;$(reboot).example")), FAILED),
        # What comes along unasked is not believed: the host's address is another one.
        "poison.example": ("MX", answer(mx("poison.example", 10, "mx.good.example"), a("mx.good.example", "127.0.0.66")),
                           DELIVERED),
        "good.example": ("MX", answer(mx("good.example", 10, "mx.good.example")), DELIVERED),
        "mx.good.example": ("A", answer(host), None),
        "mx0.thousands.example": ("A", answer(a("mx0.thousands.example", address)), None),
        "other-pong.example": (None, answer(cname("other-pong.example", "pingpong.example")), None),
    }


def test_bad_name_servers(world):
    hop = world.network.hop("127.0.0.2")
    trap = world.network.hop("127.0.0.66")
    server = HostileDns()
    zones = bad_zones("127.0.0.2")
    for name, (type_name, answer_, _) in zones.items():
        server.answers[name, type_name] = answer_
    try:
        world.start(dns=server.options)
        domains = [name for name, zone in zones.items() if zone[2]]
        for domain in domains:
            world.send(f"carol@{domain}")
        # The host that is well does not wait for those that are not.
        wait_until(lambda: any("carol@good.example" in message.recipients for message in hop.messages), "mail to good.example")

        def settled(one):
            return one["state"] in (DELIVERED, FAILED) or (one["state"] == LATER and one["attempts"] > 0)
        wait_until(lambda: all(settled(one) for one in world.recipients()), "each to have an outcome", 180)
        wrong = [f"{domain}: {one['state']} instead of {zones[domain][2]} ({one['code']} {one['text']})"
                 for domain, one in zip(domains, world.recipients()) if one["state"] != zones[domain][2]]
        assert wrong == [], "\n" + "\n".join(wrong)
        assert trap.sessions == []
        asked = [name for name, _ in server.questions if name.endswith("nowhere.example")]
        assert len(set(asked)) <= 50, f"{len(set(asked))} hosts were looked up"
    finally:
        server.stop()


def test_a_name_server_that_comes_back(world):
    hop = world.network.hop("127.0.0.2")
    server = HostileDns()
    server.answers["example.net", None] = servfail
    server.answers["mx.example.net", "A"] = dns_hostile.answer(a("mx.example.net", "127.0.0.2"))
    try:
        world.start(dns=server.options)
        name = world.send("carol@example.net")
        world.wait_queue(attempts=1)
        (waiting,) = world.waiting()
        assert waiting["text"].startswith("4.4.3 ")
        server.answers["example.net", "MX"] = dns_hostile.answer(mx("example.net", 10, "mx.example.net"))
        del server.answers["example.net", None]
        world.advance_until(lambda: hop.messages, minutes=6)
        assert subjects(hop.messages) == [name] and world.instance.files(SENDER) == []
    finally:
        server.stop()
