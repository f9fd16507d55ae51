"""Next hops that people have: Postfix, its smtp-sink, and Exim. Each runs with a configuration, folders and an address of its own; the
machine's own Postfix is not touched. All want root."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from postern_instance import wait_until


def need_postfix():
    """Root and Postfix, which is not installed where another mail server is."""
    if os.getuid() != 0 or not shutil.which("postfix"):
        pytest.skip("needs root and Postfix")


def answers(address, port):
    try:
        with socket.create_connection((address, port), 1) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


class SmtpSink:
    """Takes whatever comes and keeps it in one file."""

    def __init__(self, folder, address, port, *options):
        need_postfix()
        self.path = Path(folder) / "sink"
        Path(folder).chmod(0o777)
        for parent in Path(folder).parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
        self.counters = open(Path(folder) / "counters", "w+b")
        self.process = subprocess.Popen(["smtp-sink", "-c", "-u", "nobody", *options, "-D", str(self.path), f"{address}:{port}", "1000"],
                                        stderr=subprocess.STDOUT, stdout=self.counters)
        wait_until(lambda: answers(address, port), "smtp-sink's start")

    def messages(self):
        """All of them in one text, each with what smtp-sink puts before it (X-Mail-Args and the like)."""
        return self.path.read_bytes() if self.path.exists() else b""

    def sessions(self):
        """How many have ended: the last of the counters that it prints without end."""
        self.counters.seek(0)
        return int(re.findall(rb"sess=(\d+)", self.counters.read())[-1])

    def stop(self):
        ended = self.process.poll()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.counters.seek(0)
        output = self.counters.read()[-300:]
        self.counters.close()
        assert ended is None, f"smtp-sink ended by itself ({ended}): {output}"


class Postfix:
    """Takes mail for one domain and puts it into Maildirs: mailboxes "carol" and whoever else is named."""

    def __init__(self, folder, address, port, domain, users, certificate=None, settings=""):
        need_postfix()
        self.folder = Path(folder)
        self.etc, self.mail = self.folder / "etc", self.folder / "mail"
        owner = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data", "mail"):
            (self.folder / name).mkdir(parents=True)
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        os.chown(self.mail, 5000, 5000)
        for parent in [self.folder, *self.folder.parents[:-2]]:
            parent.chmod(parent.stat().st_mode | 0o011)
        (self.etc / "mailboxes").write_text("".join(f"{user}@{domain} {user}/Maildir/\n" for user in users))
        if certificate:
            settings += f"smtpd_tls_cert_file = {certificate.certificate}\nsmtpd_tls_key_file = {certificate.key}\n" \
                        "smtpd_tls_security_level = may\n"
        (self.etc / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 192.0.2.0/24
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{self.etc}/mailboxes
virtual_mailbox_base = {self.mail}
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
virtual_transport = virtual
alias_maps =
smtpd_recipient_restrictions = reject_unauth_destination
biff = no
{settings}""")
        services = ["pickup unix n - n 60 1 pickup", "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                    f"{address}:{port} inet n - n - - smtpd"]
        services += [f"{name} unix - - n - - {program}" for name, program in (
            ("rewrite", "trivial-rewrite"), ("smtp", "smtp"), ("error", "error"), ("retry", "error"))]
        services += [f"{name} unix - - n - 0 {program}" for name, program in (
            ("bounce", "bounce"), ("defer", "bounce"), ("trace", "bounce"))]
        services += ["verify unix - - n - 1 verify", "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
                     "proxywrite unix - - n - 1 proxymap", "showq unix n - n - - showq", "discard unix - - n - - discard",
                     "local unix - n n - - local", "virtual unix - n n - - virtual", "anvil unix - - n - 1 anvil",
                     "scache unix - - n - 1 scache", "cleanup unix n - n - 0 cleanup"]
        (self.etc / "master.cf").write_text("\n".join(services) + "\n")
        self.run("start")
        wait_until(lambda: answers(address, port), "Postfix's start")

    def run(self, command):
        result = subprocess.run(["postfix", "-c", str(self.etc), command], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def messages(self, user):
        maildir = self.mail / user / "Maildir" / "new"
        return [path.read_bytes() for path in maildir.iterdir()] if maildir.is_dir() else []

    def stop(self):
        self.run("stop")


EXIM = Path(os.environ.get("POSTERN_BUILD", "build-san")).resolve() / "exim" / "usr" / "sbin" / "exim4"


class Exim:
    """Debian's Exim, unpacked and not installed: the user that it was compiled to run as exists only in its own view of /etc. Takes
    mail for one domain and puts it into Maildirs."""

    def __init__(self, folder, address, port, domain, users, certificate):
        if os.getuid() != 0 or not EXIM.exists():
            pytest.skip("needs root and Exim")
        self.folder, user = Path(folder), 65533
        self.mail = self.folder / "mail"
        for name in ("spool", "mail", "log", "etc"):
            (self.folder / name).mkdir(parents=True)
            os.chown(self.folder / name, user, user)
        for parent in [self.folder, *self.folder.parents[:-2]]:
            parent.chmod(parent.stat().st_mode | 0o011)
        for name, line in (("passwd", f"Debian-exim:x:{user}:{user}::/:/bin/false"), ("group", f"Debian-exim:x:{user}:")):
            (self.folder / "etc" / name).write_text(f"{(Path('/etc') / name).read_text()}{line}\n")
        # It runs itself anew, as that user: from a place that he can reach.
        program = self.folder / "etc" / "exim4"
        shutil.copy(EXIM, program)
        program.chmod(0o755)
        for name in ("certificate", "key"):
            shutil.copy(getattr(certificate, name), self.folder / "etc" / name)
            os.chown(self.folder / "etc" / name, user, user)
        (self.folder / "etc" / "conf").write_text(f"""\
exim_path = {program}
deliver_drop_privilege = true
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/log/%s
pid_file_path = {self.folder}/spool/pid
primary_hostname = mx.{domain}
local_interfaces = {address}
daemon_smtp_ports = {port}
domainlist local_domains = {domain}
acl_smtp_rcpt = recipients
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
accept_8bitmime = true
chunking_advertise_hosts = *
dsn_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {self.folder}/etc/certificate
tls_privatekey = {self.folder}/etc/key
begin acl
recipients:
  require domains = +local_domains
          verify = recipient
  accept
begin routers
mailboxes:
  driver = accept
  domains = +local_domains
  local_parts = {" : ".join(users)}
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {self.mail}/$local_part_data
  maildir_format
  delivery_date_add
  return_path_add
  user = {user}
  group = {user}
begin retry
""")
        mounts = " && ".join(f"mount --bind {self.folder}/etc/{name} /etc/{name}" for name in ("passwd", "group"))
        self.output = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", f"{mounts} && exec {program} -C {self.folder}/etc/conf -bdf"],
            stdout=self.output, stderr=subprocess.STDOUT)
        wait_until(lambda: answers(address, port), "Exim's start")

    def messages(self, user):
        maildir = self.mail / user / "new"
        return [path.read_bytes() for path in maildir.iterdir()] if maildir.is_dir() else []

    def log(self):
        return (self.folder / "log" / "main").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.output.close()
