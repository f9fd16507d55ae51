"""`postern dns check`: what it finds in zones that the test wrote, signed and not."""

import json
import re

import pytest

from certificates import Authority
from dns_zone import NameServer, free_port
from postern_instance import Instance
from sts_server import StsServer, policy

DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dns")
    dns = NameServer(folder / "zones")
    dns.zone("example.net", f"""@ MX 20 backup
@ MX 10 mx
mx A 127.0.0.2
mx AAAA ::1
backup A 127.0.0.3
_25._tcp.mx TLSA 3 1 1 {DIGEST}
_mta-sts TXT "v=STSv1; id=20261122T1;"
""")
    dns.zone("plain.example", "@ MX 10 mx\nmx A 127.0.0.2\n_25._tcp.mx TLSA 3 1 1 " + DIGEST, sign="no")
    for name in ("enforced", "tested", "refused"):
        dns.zone(f"{name}.example", "@ MX 10 mx\nmx A 127.0.0.2\nmta-sts A 127.0.3.9\n_mta-sts TXT \"v=STSv1; id=1;\"", sign="no")
    dns.zone("unusable.example", f"@ MX 10 mx\nmx A 127.0.0.2\n_25._tcp.mx TLSA 1 1 1 {DIGEST}")
    dns.zone("null.example", "@ MX 0 .", sign="no")
    dns.zone("address.example", "@ A 127.0.0.4", sign="no")
    dns.zone("forged.example", "@ MX 10 mx\nmx A 127.0.0.2", sign="wrong-key")
    dns.zone("lost.example", "@ MX 10 gone", sign="no")
    dns.zone("own.example", "@ MX 10 mail.example.org.", sign="no")
    dns.zone("xn--bcher-kva.example", "@ MX 10 mx\nmx A 127.0.0.2", sign="no")
    dns.zone("gmail.com", "@ MX 10 mx\nmx A 127.0.0.2", sign="no")
    dns.start()
    authority = Authority(folder / "authority")
    port = free_port()
    sts = StsServer("127.0.3.9", port, authority)
    sts.policies["mta-sts.enforced.example"] = policy("enforce", "*.enforced.example", "mx.backup.example")
    sts.policies["mta-sts.tested.example"] = policy("testing", "mx.other.example")
    sts.policies["mta-sts.refused.example"] = policy("enforce", "mx.other.example")
    options = {**dns.options, "relay_ca_file": str(authority.path), "sts_port": port}
    instance = Instance(folder, users=False, serve=False, options=options)
    instance.config.write_text(instance.config.read_text() + """
route office { domains = { "office.example" } via = "smtp://mx.example.net:2525" }
route socket { domains = { "socket.example" } via = "lmtp:/run/x" }
route slow { domains = { "plain.example" } concurrency = 1 rate = 5 }
route strict { domains = { "address.example" } tls = verified }
""")
    yield instance
    instance.close()
    sts.close()
    dns.stop()


def check(world, domain, code=0):
    result = world.postern("dns", "check", domain, "--json", check=False)
    assert result.returncode == code, result
    return json.loads(result.stdout)


def test_a_signed_domain(world):
    found = check(world, "Example.NET")
    assert found["domain"] == found["destination"] == "example.net" and found["route"] is None
    assert found["result"] == "found" and found["secure"] is True and found["mta_sts"]["id"] == "20261122T1"
    assert found["mta_sts"]["mode"] == "none" and "mta-sts.example.net" in found["mta_sts"]["problem"]
    mx, backup = found["hosts"]
    assert mx["host"] == "mx.example.net" and mx["preference"] == 10
    assert sorted(mx["addresses"]) == ["127.0.0.2", "::1"] and mx["secure"] is True
    assert mx["tlsa"] == [f"3 1 1 {DIGEST.upper()}"] and mx["tlsa_secure"] is True
    assert backup["preference"] == 20 and backup["tlsa"] == []


def test_in_words(world):
    text = world.postern("dns", "check", "someone@example.net").stdout
    assert "domain      example.net\ngoes        by MX\nlimits      20 connections at a time\n" in text
    assert "hosts       2, proven by DNSSEC\nMTA-STS     record with id 20261122T1, but no policy: " in text
    assert f"TLSA        3 1 1 {DIGEST.upper()}, proven by DNSSEC\n" in text
    assert re.search(r"^addresses   .*127\.0\.0\.2.*, proven by DNSSEC$", text, re.M)


def test_a_domain_that_is_not_signed(world):
    found = check(world, "plain.example")
    assert found["secure"] is False and found["mta_sts"] is None and found["route"] == "slow"
    assert found["limits"] == {"connections": 1, "messages": 0, "rate": 5}
    assert found["hosts"][0]["tlsa_secure"] is False
    text = world.postern("dns", "check", "plain.example").stdout
    assert "goes        by MX, with the limits of route slow\n" in text and "MTA-STS     no record\n" in text
    assert "limits      1 connection at a time, 5 messages a minute\n" in text


@pytest.mark.parametrize("domain, level, basis, verified, words", [
    ("example.net", "must", "dane", True, "always, with a certificate as the TLSA records say (DANE)"),
    ("unusable.example", "must", "dane", False, "always, whoever it is: there are TLSA records, but none that can be used (DANE)"),
    ("plain.example", "may", "none", False, "if the host offers it, whoever it is; "),
    ("enforced.example", "must", "mta-sts", True, "always, with a certificate that is trusted and names the host (MTA-STS)"),
    ("tested.example", "may", "none", False, "if the host offers it, whoever it is"),
    ("address.example", "must", "configured", True, "always, with a certificate that is trusted and names the host"),
])
def test_how_connections_are_protected(world, domain, level, basis, verified, words):
    tls = check(world, domain)["hosts"][0]["tls"]
    assert (tls["level"], tls["basis"], tls["verified"], tls["skip"]) == (level, basis, verified, False)
    assert f"\nTLS         {words}" in world.postern("dns", "check", domain).stdout


def test_policies_of_mta_sts(world):
    found = check(world, "enforced.example")["mta_sts"]
    assert found == {"id": "1", "mode": "enforce", "mx": ["*.enforced.example", "mx.backup.example"], "problem": ""}
    text = world.postern("dns", "check", "enforced.example").stdout
    assert "\nMTA-STS     record with id 1 for *.enforced.example, mx.backup.example\n" in text
    text = world.postern("dns", "check", "tested.example").stdout
    assert "\nMTA-STS     record with id 1, only tested, for mx.other.example\n" in text
    host, = check(world, "refused.example")["hosts"]
    assert host["tls"]["skip"] is True and "mx.refused.example" in host["tls"]["text"]
    assert "\nnot used    " + host["tls"]["text"] + "\n" in world.postern("dns", "check", "refused.example").stdout


def test_the_limits_of_a_provider(world):
    assert check(world, "gmail.com")["limits"] == {"connections": 5, "messages": 50, "rate": 60}


def test_no_mx_but_an_address(world):
    host, = check(world, "address.example")["hosts"]
    assert host["host"] == "address.example" and host["addresses"] == ["127.0.0.4"]


def test_u_labels(world):
    assert check(world, "b\u00fccher.example")["domain"] == "xn--bcher-kva.example"


@pytest.mark.parametrize("domain, result, words", [
    ("null.example", "never", "null MX"),
    ("none.example", "never", "none.example"),
    ("forged.example", "later", ""),
    ("own.example", "never", ""),
])
def test_where_mail_cannot_go(world, domain, result, words):
    found = check(world, domain, code=1)
    assert found["result"] == result and words in found["text"] and found["text"] and found["hosts"] == []
    text = world.postern("dns", "check", domain, check=False).stdout
    assert re.search(rf"^{'never' if result == 'never' else 'for now'} +{re.escape(found['text'])}$", text, re.M), text


def test_a_host_without_address(world):
    found = check(world, "lost.example", code=1)
    assert found["result"] == "found" and found["hosts"][0]["result"] == "never"


def test_a_route_to_a_host(world):
    found = check(world, "office.example")
    assert found["destination"] == "route:office" and found["route"] == "office"
    host, = found["hosts"]
    assert host["host"] == "mx.example.net" and "127.0.0.2" in host["addresses"]
    text = world.postern("dns", "check", "office.example").stdout
    assert "goes        by route office to smtp://mx.example.net:2525\n" in text and "preference" not in text


def test_a_route_to_a_socket_and_an_address(world):
    assert check(world, "socket.example")["hosts"] == []
    assert check(world, "[127.0.0.9]")["hosts"][0]["addresses"] == ["127.0.0.9"]


@pytest.mark.parametrize("domain", ["a b", "", "a..b", "[127.0.0.256]"])
def test_what_is_no_domain(world, domain):
    assert world.postern("dns", "check", domain, check=False).returncode == 2
