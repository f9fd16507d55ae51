"""How connections to other servers are protected: DANE (RFC 7672), else whatever TLS there is (RFC 7435), over zones that are
signed, not signed, or badly signed, and servers with certificates of every kind. One instance, a domain for each row."""

import itertools

from next_hop import CLOSE, DEFAULT, EXTENSIONS, START_TLS
from postern_instance import wait_until
from sending import subjects
from sts_server import policy

TLS, PLAIN, LATER = "TLS", "plain text", "later"
# Certificates, as made by certificate() below: "good" and the rest have the CA behind them.
GOOD, WRONG_NAME, EXPIRED, SELF_SIGNED, NONE = "good", "wrong name", "expired", "self-signed", "none"
# TLSA records: usage, selector, matching of the certificate that is there, or a text.
EE, TA, OTHER = (3, 1, 1), (2, 0, 1), "3 1 1 " + "ab" * 32
# Policies of MTA-STS: mode, hosts ("mx" is the domain's), what is wrong with it.
ENFORCE, TESTING = ("enforce", ["mx"]), ("testing", ["mx"])

# zone, certificate, TLSA, what is to happen, and a policy of MTA-STS where there is one
MATRIX = [
    # Without DANE: TLS with whomever, else plain text.
    ("good", GOOD, None, TLS),
    ("no", GOOD, None, TLS),
    ("no", WRONG_NAME, None, TLS),
    ("no", EXPIRED, None, TLS),
    ("no", SELF_SIGNED, None, TLS),
    ("no", NONE, None, PLAIN),
    ("good", NONE, None, PLAIN),
    # DANE-EE(3): the record is all that counts, names and dates are not looked at (RFC 7672 section 3.1.1).
    ("good", GOOD, EE, TLS),
    ("good", WRONG_NAME, EE, TLS),
    ("good", EXPIRED, EE, TLS),
    ("good", SELF_SIGNED, EE, TLS),
    ("good", SELF_SIGNED, (3, 0, 1), TLS),
    ("good", SELF_SIGNED, (3, 1, 2), TLS),
    ("good", SELF_SIGNED, (3, 0, 0), TLS),
    ("good", GOOD, OTHER, LATER),
    ("good", SELF_SIGNED, OTHER, LATER),
    # One that fits is enough (section 3.1): keys are changed so.
    ("good", SELF_SIGNED, [OTHER, EE], TLS),
    # DANE-TA(2): the chain leads there, name and dates are right (section 3.1.2).
    ("good", GOOD, TA, TLS),
    ("good", GOOD, (2, 1, 1), TLS),
    ("good", WRONG_NAME, TA, LATER),
    ("good", EXPIRED, TA, LATER),
    # Records that promise TLS forbid plain text (section 2.2).
    ("good", NONE, EE, LATER),
    ("good", NONE, OTHER, LATER),
    # None of them can be used: TLS, with whomever (section 2.2).
    ("good", SELF_SIGNED, "1 1 1 " + "ab" * 32, TLS),
    ("good", NONE, "1 1 1 " + "ab" * 32, LATER),
    # Records in a zone that is not signed count nothing (section 2.1.1).
    ("no", SELF_SIGNED, OTHER, TLS),
    ("no", NONE, OTHER, PLAIN),
    # Forged or broken: nobody can tell, so it waits (section 2.1.1).
    ("expired", GOOD, EE, LATER),
    ("expired", GOOD, None, LATER),
    ("wrong-key", GOOD, EE, LATER),
    ("missing", GOOD, None, LATER),
    # MTA-STS (RFC 8461 sections 4 and 5): trusted, in time, for this host, which the policy names.
    ("no", GOOD, None, TLS, ENFORCE),
    ("no", WRONG_NAME, None, LATER, ENFORCE),
    ("no", EXPIRED, None, LATER, ENFORCE),
    ("no", SELF_SIGNED, None, LATER, ENFORCE),
    ("no", NONE, None, LATER, ENFORCE),
    ("no", GOOD, None, TLS, ("enforce", ["*"])),
    ("no", GOOD, None, LATER, ("enforce", ["mx.elsewhere.example"])),
    ("good", GOOD, None, TLS, ENFORCE),
    ("good", SELF_SIGNED, None, LATER, ENFORCE),
    # Only tested, or not any more.
    ("no", SELF_SIGNED, None, TLS, TESTING),
    ("no", NONE, None, PLAIN, TESTING),
    ("no", GOOD, None, TLS, ("testing", ["mx.elsewhere.example"])),
    ("no", SELF_SIGNED, None, TLS, ("none", [])),
    # A policy that cannot be had, and none from before: as if there were none (section 5.1).
    ("no", SELF_SIGNED, None, TLS, ("enforce", ["mx"], "expired")),
    ("no", SELF_SIGNED, None, TLS, ("enforce", ["mx"], "self-signed")),
    ("no", SELF_SIGNED, None, TLS, ("enforce", ["mx"], "wrong name")),
    ("no", SELF_SIGNED, None, TLS, ("enforce", ["mx"], 404)),
    ("no", SELF_SIGNED, None, TLS, ("enforce", ["mx"], "redirect")),
    ("no", SELF_SIGNED, None, TLS, ("enforce", ["mx"], "not plain text")),
    ("no", SELF_SIGNED, None, TLS, ("enforce", ["mx"], "endless")),
    # DANE goes before it (section 2).
    ("good", SELF_SIGNED, EE, TLS, ENFORCE),
    ("good", GOOD, OTHER, LATER, TESTING),
]


class Row:
    numbers = itertools.count(1)

    def __init__(self, world, zone, certificate, tlsa, expected, sts=None):
        number = next(self.numbers)
        self.world, self.expected = world, expected
        self.title = f"{zone} zone, {certificate} certificate, TLSA {tlsa}, MTA-STS {sts}"
        self.domain = f"row{number}.example"
        self.address = f"127.0.1.{number}"
        made = self.certificate(certificate)
        self.hop = world.network.hop(self.address, name=f"mx.{self.domain}", certificate=made)
        records = [self.record(made, one) for one in (tlsa if isinstance(tlsa, list) else [tlsa]) if one]
        if sts:
            self.publish(*sts)
            records.append(f'_mta-sts TXT "v=STSv1; id=20261122"\nmta-sts A {world.sts.address}')
        world.dns.zone(self.domain, "\n".join([f"@ MX 10 mx\nmx A {self.address}", *records]), zone)

    def certificate(self, kind):
        name = f"mx.{self.domain}"
        return {GOOD: lambda: self.world.authority.issue(name),
                WRONG_NAME: lambda: self.world.authority.issue("mx.other.example"),
                EXPIRED: lambda: self.world.authority.issue(name, expired=True),
                SELF_SIGNED: lambda: self.world.authority.issue(name, self_signed=True),
                NONE: lambda: None}[kind]()

    def publish(self, mode, hosts, fault=None):
        sts, name = self.world.sts, f"mta-sts.{self.domain}"
        sts.policies[name] = policy(mode, *(f"{host}.{self.domain}" if host in ("mx", "*") else host for host in hosts))
        if fault == 404:
            sts.status[name] = 404
        elif fault == "redirect":
            sts.status[name] = 301
            sts.headers[name] = {"Location": f"https://{name}/.well-known/mta-sts.txt"}
        elif fault == "not plain text":
            sts.headers[name] = {"Content-Type": "text/html"}
        elif fault == "endless":
            sts.policies[name] += b"x: y\r\n" * 1_000_000
        elif fault:
            names = ["mta-sts.other.example"] if fault == "wrong name" else [name]
            sts.certificates[name] = self.world.authority.issue(*names, expired=fault == "expired",
                                                                self_signed=fault == "self-signed")

    def record(self, certificate, tlsa):
        text = tlsa if isinstance(tlsa, str) else (certificate or self.world.authority.issue("mx.example")).tlsa(*tlsa)
        return f"_{self.world.network.port}._tcp.mx TLSA {text}"

    def happened(self):
        """None as long as nothing has."""
        if self.hop.messages:
            return TLS if self.hop.messages[0].session.tls else PLAIN
        (recipient,) = [one for one in self.world.recipients() if one["address"].endswith(f"@{self.domain}")]
        return LATER if recipient["state"] == "waiting" and recipient["attempts"] > 0 else \
            None if recipient["state"] in ("waiting", "taken") else recipient["state"]


def test_the_matrix(world):
    rows = [Row(world, *one) for one in MATRIX]
    world.start()
    for row in rows:
        world.send(f"carol@{row.domain}")
    wait_for_all(rows)
    wrong = [f"{row.title}: {row.happened()} instead of {row.expected}; {world.recipients()[n]['text']}"
             for n, row in enumerate(rows) if row.happened() != row.expected]
    assert wrong == [], "\n" + "\n".join(wrong)
    for row in rows:
        if row.expected == LATER:
            assert row.hop.messages == [] and "MAIL" not in sum((one.verbs for one in row.hop.sessions), [])


def wait_for_all(rows):
    wait_until(lambda: all(row.happened() for row in rows), "something to happen to each", 120)


def test_a_host_that_fails_dane_is_passed_over(world):
    """The next host of the domain is as good as its own policy (RFC 7672 section 2.2)."""
    certificate = world.authority.issue("mx1.example.net", self_signed=True)
    bad = world.network.hop("127.0.0.2", certificate=certificate)
    good = world.network.hop("127.0.0.3", certificate=certificate)
    world.domain("example.net", "127.0.0.2", "127.0.0.3", sign="good",
                 text=f"_{world.network.port}._tcp.mx1 TLSA {OTHER}\n_{world.network.port}._tcp.mx2 TLSA {certificate.tlsa()}")
    world.start()
    world.send("carol@example.net")
    good.wait_messages()
    assert good.messages[0].session.tls and good.messages[0].session.server_name == "mx2.example.net" and bad.messages == []


def test_the_host_of_a_secure_list_lies_in_a_zone_that_is_not_signed(world):
    """No DANE then (RFC 7672 section 2.2.2), though a record stands there."""
    hop = world.network.hop("127.0.0.2", certificate=world.authority.issue("mx.plain.example"))
    world.dns.zone("example.net", "@ MX 10 mx.plain.example.")
    world.dns.zone("plain.example", f"mx A 127.0.0.2\n_{world.network.port}._tcp.mx TLSA {OTHER}", sign="no")
    world.start()
    world.send("carol@example.net")
    assert hop.wait_messages()[0].session.tls


def test_broken_tls_where_none_is_demanded(world):
    """STARTTLS that is refused, or leads to garbage: mail goes in plain text rather than not at all (RFC 7435 section 3)."""
    certificate = world.authority.issue("mx.example")
    answers = {"refused": "454 4.7.0 not now", "gone": "502 5.5.1 no",
               "garbage": ("220 go", b"\x16\x03\x01\xff\xffgarbage\r\n", CLOSE), "closed": ("220 go", CLOSE)}
    hops = {}
    for n, (name, answer) in enumerate(answers.items(), 2):
        hops[name] = world.network.hop(f"127.0.0.{n}", certificate=certificate)
        hops[name].answers["STARTTLS"] = answer
        world.domain(f"{name}.example", f"127.0.0.{n}")
    world.start()
    names = {name: world.send(f"carol@{name}.example") for name in hops}
    world.advance_until(lambda: all(hop.messages for hop in hops.values()), minutes=6)
    for name, hop in hops.items():
        assert subjects(hop.messages) == [names[name]] and hop.messages[0].session.tls is None


def test_nothing_said_before_tls_counts_behind_it(world):
    """A reply that lies in the buffer before the handshake was put there by somebody between the two (CVE-2011-0411)."""
    hop = world.network.hop("127.0.0.2", certificate=world.authority.issue("mx1.example.net"),
                            extensions=[one for one in EXTENSIONS if one != "SIZE 52428800"])
    hop.answers["STARTTLS"] = (b"220 go\r\n250-mx.evil.example\r\n250 SIZE 5\r\n", START_TLS)
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("carol@example.net", body=b"longer than five\r\n")
    world.advance_until(lambda: hop.messages, minutes=6)
    assert world.instance.files("bob@example.org") == []


def test_tls_is_not_left_for_a_domain_that_demands_it_when_the_offer_vanishes(world):
    """Somebody between the two strips STARTTLS from the answer to EHLO."""
    certificate = world.authority.issue("mx1.example.net")
    hop = world.network.hop("127.0.0.2", certificate=certificate)
    hop.answers["EHLO"] = lambda session, argument: DEFAULT if session.tls else "250-mx.example.net\n250 PIPELINING"
    world.domain("example.net", "127.0.0.2", sign="good", text=f"_{world.network.port}._tcp.mx1 TLSA {certificate.tlsa()}")
    world.start()
    world.send("carol@example.net")
    world.wait_queue(attempts=1)
    assert hop.messages == []
    hop.answers.clear()
    world.advance_until(lambda: hop.messages, minutes=6)
    assert hop.messages[0].session.tls


def test_a_sender_may_put_delivery_above_tls(world):
    """TLS-Required: no (RFC 8689 section 5): DANE's demands are not made, for this message only."""
    hop = world.network.hop("127.0.0.2", certificate=world.authority.issue("mx1.example.net", self_signed=True))
    world.domain("example.net", "127.0.0.2", sign="good", text=f"_{world.network.port}._tcp.mx1 TLSA {OTHER}")
    world.start()
    client = world.instance.submission()
    client.sendmail("bob@example.org", ["carol@example.net"],
                    b"TLS-Required: No\r\n" + world.message("free", "carol@example.net"))
    client.sendmail("bob@example.org", ["dave@example.net"], world.message("careful", "dave@example.net"))
    client.quit()
    hop.wait_messages()
    world.wait_queue(count=1, attempts=1)
    assert subjects(hop.messages) == ["free"]


def test_requiretls_needs_a_host_that_knows_it(world):
    """RFC 8689 section 4.2: without it the message is returned, not sent in the clear."""
    with_it = world.network.hop("127.0.0.2", certificate=world.authority.issue("mx1.with.example"),
                                extensions=[*EXTENSIONS, "REQUIRETLS"])
    without = world.network.hop("127.0.0.3", certificate=world.authority.issue("mx1.without.example"))
    for name, hop in (("with", with_it), ("without", without)):
        world.domain(f"{name}.example", hop.address, sign="good",
                     text=f"_{world.network.port}._tcp.mx1 TLSA {hop.certificate.tlsa()}")
    world.start()
    world.send("carol@with.example", mail_options=["REQUIRETLS"])
    world.send("carol@without.example", mail_options=["REQUIRETLS"])
    (message,) = with_it.wait_messages()
    assert "REQUIRETLS" in message.parameters
    assert world.wait_report().of("carol@without.example")["Status"] == "5.7.30"
    assert without.messages == []


def test_requiretls_needs_proof_whose_host_it_is(world):
    """RFC 8689 section 4.2.1: without, nothing is sent, and the sender hears of it at once."""
    hop = world.network.hop("127.0.0.2", certificate=world.authority.issue("mx1.example.net"),
                            extensions=[*EXTENSIONS, "REQUIRETLS"])
    world.domain("example.net", "127.0.0.2")
    world.start()
    world.send("carol@example.net", mail_options=["REQUIRETLS"])
    fields = world.wait_report().of("carol@example.net")
    assert (fields["Action"], fields["Status"]) == ("failed", "5.7.10")
    name = world.send("carol@example.net")
    assert subjects(hop.wait_messages()) == [name]


# --- MTA-STS over time ---

def test_a_policy_is_kept_when_it_cannot_be_had_any_more(world):
    """RFC 8461 section 5.1: as long as max_age says, whoever takes its record or its server away."""
    hop = world.network.hop("127.0.0.2", certificate=world.authority.issue("mx1.example.net"))
    world.sts.policies["mta-sts.example.net"] = policy("enforce", "mx1.example.net", max_age=604800)
    record = f'_mta-sts TXT "v=STSv1; id=1"\nmta-sts A {world.sts.address}'
    world.domain("example.net", "127.0.0.2", text=record)
    world.start()
    world.send("carol@example.net")
    assert hop.wait_messages()[0].session.tls
    assert world.sts.requests == [("mta-sts.example.net", "/.well-known/mta-sts.txt")]
    world.send("carol@example.net")
    hop.wait_messages(2)
    assert len(world.sts.requests) == 1, "it was fetched again, though nothing changed"

    # Somebody between us and them answers for their name servers, and shows a certificate of his own.
    del world.sts.policies["mta-sts.example.net"]
    hop.certificate = world.authority.issue("mx1.example.net", self_signed=True)
    world.domain("example.net", "127.0.0.2")
    world.dns.reload()
    world.instance.stop()
    world.instance.serve()
    world.send("carol@example.net")
    world.wait_queue(count=1, attempts=1)
    assert len(hop.messages) == 2
    hop.certificate = world.authority.issue("mx1.example.net")
    world.advance_until(lambda: len(hop.messages) == 3, minutes=6)


def test_a_policy_that_changed_is_fetched(world):
    hop = world.network.hop("127.0.0.2", certificate=world.authority.issue("mx1.example.net", self_signed=True))
    world.sts.policies["mta-sts.example.net"] = policy("enforce", "mx1.example.net")
    world.domain("example.net", "127.0.0.2", text=f'_mta-sts TXT "v=STSv1; id=1"\nmta-sts A {world.sts.address}')
    world.start()
    world.send("carol@example.net")
    world.wait_queue(attempts=1)
    assert hop.messages == []
    world.sts.policies["mta-sts.example.net"] = policy("none")
    world.domain("example.net", "127.0.0.2", text=f'_mta-sts TXT "v=STSv1; id=2"\nmta-sts A {world.sts.address}')
    world.dns.reload()
    world.instance.stop()  # the record is looked at once a minute at most
    world.instance.serve()
    world.advance_until(lambda: hop.messages, minutes=6)
    assert len(world.sts.requests) == 2
