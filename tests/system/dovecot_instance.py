"""Dovecot as a second IMAP server, with the same face as Instance (postern_instance.py).

The IMAP client tests ask nothing of Postern that a well-known server does not do: with POSTERN_TEST_IMAP=dovecot in the environment
they run against Dovecot (Debian's dovecot-imapd, which is otherwise not needed; as root).
"""

import os
import shutil
import subprocess
from pathlib import Path

from postern_instance import PASSWORDS, PortOffset, STANDARD_PORTS, wait_until

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
auth_mechanisms = plain login
auth_username_chars =
first_valid_uid = 1
mail_location = maildir:~/Maildir:LAYOUT=fs
mail_max_userip_connections = 100
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users/%u
}}
userdb {{
  driver = passwd-file
  args = {folder}/users/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    auto = subscribe
    special_use = \\Drafts
  }}
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
  mailbox Junk {{
    auto = subscribe
    special_use = \\Junk
  }}
  mailbox Trash {{
    auto = subscribe
    special_use = \\Trash
  }}
  mailbox Archive {{
    auto = subscribe
    special_use = \\Archive
  }}
}}
protocol imap {{
  mail_plugins = imap_zlib
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"""


UID = 5000  # of a user without a name, whom the mail belongs to


def let_in(folder):
    """pytest's folders are root's alone, and Dovecot works as somebody else."""
    for parent in [folder, *folder.parents[:-2]]:
        parent.chmod(parent.stat().st_mode | 0o011)


class Dovecot:
    def __init__(self, folder):
        self.folder = Path(folder)
        let_in(self.folder)
        self.port_offset = PortOffset()
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(CONFIGURATION.format(folder=self.folder, imap=self.port("imap"), imaps=self.port("imaps")))
        for name in ("run", "state", "mail", "users"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "mail", UID, UID)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"], check=True, capture_output=True)
        for address, password in PASSWORDS.items():
            self.add_user(address, password)
        subprocess.run(["dovecot", "-c", self.config], check=True)
        wait_until(lambda: (self.folder / "run" / "master.pid").exists(), "Dovecot's start")

    @property
    def certificate_authority(self):
        return self.folder / "cert.pem"

    def port(self, service):
        return STANDARD_PORTS[service] + self.port_offset.value

    def add_user(self, address, password):
        # A file each: Dovecot does not see a second change of one file within a second.
        (self.folder / "users" / address).write_text(f"{address}:{password}:{UID}:{UID}::{self.folder}/mail/{address}::\n")

    def close(self):
        subprocess.run(["doveadm", "-c", self.config, "stop"], check=True)
        self.port_offset.release()
