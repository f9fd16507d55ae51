"""A small internet's name servers: an authoritative nsd on a free loopback port with zones that a test writes.

    dns = NameServer(folder)
    dns.zone("example.net", "@ MX 10 mx\\nmx A 127.0.0.2")                 signed, and the chain from the root is whole
    dns.zone("plain.example", "@ A 127.0.0.3", sign="no")                 not signed, and the root proves that
    dns.zone("old.example", "…", sign="expired")                          bogus: its signatures are of 2020
    dns.zone("forged.example", "…", sign="wrong-key")                     bogus: the root vouches for another key
    dns.zone("stripped.example", "…", sign="missing")                     bogus: the root vouches, nothing is signed
    dns.start()
    dns.options                                                          what an Instance needs to use it

The root zone is made here too and delegates each zone (they may lie at any depth), with a DS record when the zone is to be
signed; its key is the trust anchor. All of this is checked by libunbound as the real root would be. Zones can be changed while it
runs: zone() again, then reload(). Signing is done by ldns-signzone, with one key for all zones. Names below "test" and "invalid"
are no use: libunbound knows by itself that there are none (RFC 6761).
"""

import itertools
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import dns_packet
from postern_instance import wait_until

CONFIGURATION = """\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
UNBOUND_CONFIGURATION = """\
server:
  interface: 127.0.0.1
  port: {port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-file: "{anchor}"
  cache-max-negative-ttl: 1
  cache-max-ttl: 1
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""
SIGNING = ("good", "expired", "wrong-key", "missing", "no")


def free_port():
    """A port of 127.0.0.1 that is free for UDP and TCP alike."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream, \
             socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            port = stream.getsockname()[1]
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def stop(process):
    if process is not None:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()


class NameServer:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = None
        self.process = None
        self.serial = itertools.count(1)
        self.zones = {}  # name → (text, sign)
        self.keys = {}
        self.key(".")

    # --- zones ---

    def key(self, zone):
        """The base name of a zone's key files: KSK and ZSK in one."""
        if zone not in self.keys:
            self.keys[zone] = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone], cwd=self.folder, check=True,
                                             capture_output=True, text=True).stdout.strip()
        return self.keys[zone]

    def zone(self, name, text, sign="good"):
        """Names without a dot at the end are the zone's; "@" is the zone itself. TTLs are short unless the text says otherwise."""
        assert sign in SIGNING
        self.zones[name.rstrip(".")] = (text, sign)

    def write(self):
        serial = next(self.serial)
        self.write_root(serial)
        for name, (text, sign) in self.zones.items():
            path = self.folder / f"{name}.zone"
            path.write_text(f"$ORIGIN {name}.\n$TTL 1\n@ SOA ns. hostmaster.example. {serial} 3600 600 86400 1\n@ NS ns.\n{text}\n")
            if sign in ("no", "missing"):
                os.replace(path, f"{path}.signed")
            else:
                dates = ["-i", "20200101000000", "-e", "20200201000000"] if sign == "expired" else []
                self.sign(name, dates)
        return serial

    def write_root(self, serial):
        lines = [f"$TTL 1\n. SOA ns. hostmaster.example. {serial} 3600 600 86400 1\n. NS ns.\nns. A 127.0.0.1"]
        for name, (_, sign) in self.zones.items():
            lines.append(f"{name}. NS ns.")
            if sign == "no":
                continue
            signer = (self.folder / f"{self.key(name + '.')}.ds").read_text()
            if sign == "wrong-key":  # another digest
                signer = re.sub(r"([0-9a-f]{64})", lambda found: found.group(1)[::-1], signer)
            lines.append(signer)
        (self.folder / "root.zone").write_text("\n".join(lines) + "\n")
        self.sign("", [])

    def sign(self, name, dates):
        subprocess.run(["ldns-signzone", *dates, "-o", name + ".", f"{name or 'root'}.zone", self.key(name + ".")],
                       cwd=self.folder, check=True, capture_output=True)

    # --- life ---

    def start(self, port=None):
        """On the port that it had, or a free one."""
        self.port = port or self.port or free_port()
        serial = self.write()
        text = CONFIGURATION.format(folder=self.folder, port=self.port)
        for name in ["", *self.zones]:
            text += f'zone:\n  name: "{name}."\n  zonefile: "{name or "root"}.zone.signed"\n'
        (self.folder / "nsd.conf").write_text(text)
        with open(self.folder / "nsd.log", "ab") as log:
            self.process = subprocess.Popen(["nsd", "-d", "-c", str(self.folder / "nsd.conf")], stdout=log, stderr=log)
        self.wait(serial)
        return self

    def wait(self, serial):
        """Until every zone is served in this version."""
        for name in ["", *self.zones]:
            wait_until(lambda name=name: self.served_serial(name) == serial, f"the zone {name or '.'} of nsd")

    def served_serial(self, zone):
        assert self.process.poll() is None, (self.folder / "nsd.log").read_text()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            try:
                client.connect(("127.0.0.1", self.port))
                client.send(b"\1\2\0\0\0\1\0\0\0\0\0\0" + dns_packet.wire_name(zone) + b"\0\6\0\1")
                answer = client.recv(65535)
            except OSError:
                return None
        # The answer begins with the SOA record: its name (compressed to two octets, but for the root), type, class, TTL, and the
        # length of what ends with the serial and four more numbers.
        begin = 12 + len(dns_packet.wire_name(zone)) + 4 + (1 if zone == "" else 2)
        end = begin + 10 + int.from_bytes(answer[begin + 8:begin + 10], "big")
        return int.from_bytes(answer[end - 20:end - 16], "big")

    def reload(self):
        """Serves what zone() was told since the start: other texts of zones that were there."""
        serial = self.write()
        self.process.send_signal(signal.SIGHUP)
        self.wait(serial)

    def stop(self):
        process, self.process = self.process, None
        stop(process)

    # --- for its users ---

    @property
    def resolver(self):
        return f"127.0.0.1@{self.port}"

    @property
    def trust_anchor(self):
        return self.folder / f"{self.key('.')}.ds"

    @property
    def options(self):
        return {"dns_resolvers": [self.resolver], "dns_trust_anchor": str(self.trust_anchor)}


class Resolver:
    """An unbound that asks a NameServer and validates, as many hosts have one."""

    def __init__(self, folder, name_server):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        (self.folder / "unbound.conf").write_text(UNBOUND_CONFIGURATION.format(
            folder=self.folder, port=self.port, anchor=name_server.trust_anchor, upstream=name_server.port))
        with open(self.folder / "unbound.log", "ab") as log:
            self.process = subprocess.Popen(["unbound", "-d", "-c", str(self.folder / "unbound.conf")], stdout=log, stderr=log)
        wait_until(lambda: dns_packet.ask("127.0.0.1", self.port, "ns", "A") is not None, "unbound's start")

    @property
    def resolver(self):
        return f"127.0.0.1@{self.port}"

    def stop(self):
        process, self.process = self.process, None
        stop(process)
