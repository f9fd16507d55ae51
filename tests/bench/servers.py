"""The servers that scripts/bench lets take turns, each with a configuration, data and ports of its own in one folder."""

import json
import os
import pwd
import signal
import statistics
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
USERS = 50
SINK_PORT = 27925  # where mail for elsewhere ends
PACKAGES = ["postfix", "dovecot-core", "dovecot-pop3d", "dovecot-imapd"]


def run(*command, **keywords):
    return subprocess.run([str(part) for part in command], check=True, **keywords)


def compile_tools(work):
    """The load generator, and what makes mail for it."""
    global LOAD, CORPUS
    LOAD, CORPUS = work / "load", work / "corpus"
    folder = SOURCE / "tests" / "bench"
    flags = ["-O2", "-std=gnu17", "-D_GNU_SOURCE"]
    run("cc", *flags, "-o", LOAD, *sorted(folder.glob("load*.c")), "-lpthread")
    run("cc", *flags, "-o", CORPUS, folder / "corpus.c", folder / "corpus_text.c", "-lm")


def load_command(mode, port, **options):
    command = [str(LOAD), mode, "--port", str(port)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def load(mode, port, **options):
    """One run of the load generator; its figures."""
    command = load_command(mode, port, **options)
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if result.returncode != 0 or not result.stdout:
        raise RuntimeError(f"{command}: {result.stdout}{result.stderr}")
    return json.loads(result.stdout)


def messages_in(maildirs):
    return sum(1 for maildir in maildirs for folder in ("new", "cur") if (maildir / folder).is_dir()
               for _ in os.scandir(maildir / folder))


class Peers:
    """Postfix (in by SMTP, out to Maildir) and Dovecot (POP3 and IMAP on the same Maildirs)."""

    name = "Postfix + Dovecot"
    smtp_port, pop3_port, imap_port = 27125, 27110, 27143
    user_pattern = "u%d"

    def __init__(self, work):
        self.work = work / "peers"
        self.postfix = self.work / "postfix"
        self.dovecot = self.work / "dovecot"
        owner = pwd.getpwnam("postfix")
        for folder in ("etc", "queue", "data"):
            (self.postfix / folder).mkdir(parents=True)
        os.chown(self.postfix / "data", owner.pw_uid, owner.pw_gid)
        for folder in ("run", "state", "mail"):
            (self.dovecot / folder).mkdir(parents=True)
        self.mail = self.dovecot / "mail"
        for n in range(USERS):
            (self.mail / f"u{n}").mkdir()
        run("chown", "-R", "5000:5000", self.mail)
        for folder in (work, self.work, self.dovecot):
            folder.chmod(0o755)
        self.configure()

    def configure(self):
        etc = self.postfix / "etc"
        (etc / "mailboxes").write_text("".join(f"u{n}@bench.test u{n}/Maildir/\n" for n in range(USERS)))
        (etc / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.postfix}/queue
data_directory = {self.postfix}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.bench.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
transport_maps = inline:{{far.test=smtp:[127.0.0.1]:{SINK_PORT}}}
virtual_mailbox_domains = bench.test
virtual_mailbox_maps = hash:{etc}/mailboxes
virtual_mailbox_base = {self.mail}
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
virtual_transport = virtual
alias_maps =
biff = no
""")
        services = ["pickup unix n - n 60 1 pickup", "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr"]
        services += [f"{name} unix - - n - - {program}" for name, program in (
            ("rewrite", "trivial-rewrite"), ("smtp", "smtp"), ("relay", "smtp"), ("error", "error"), ("retry", "error"))]
        services += [f"{name} unix - - n - 0 {program}" for name, program in (
            ("bounce", "bounce"), ("defer", "bounce"), ("trace", "bounce"))]
        services += ["cleanup unix n - n - 0 cleanup", "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
                     "showq unix n - n - - showq", "verify unix - - n - 1 verify", "virtual unix - n n - - virtual",
                     "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache",
                     f"127.0.0.1:{self.smtp_port} inet n - n - - smtpd"]
        (etc / "master.cf").write_text("\n".join(services) + "\n")
        run("postmap", "-c", etc, f"hash:{etc}/mailboxes")
        (self.dovecot / "dovecot.conf").write_text(f"""\
base_dir = {self.dovecot}/run
state_dir = {self.dovecot}/state
log_path = {self.dovecot}/log
protocols = pop3 imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_username_format = %n
auth_mechanisms = plain
mail_location = maildir:~/Maildir
first_valid_uid = 5000
passdb {{
  driver = static
  args = password=pass
}}
userdb {{
  driver = static
  args = uid=5000 gid=5000 home={self.mail}/%n allow_all_users=yes
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3_port}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap_port}
  }}
}}
""")

    def start(self):
        run("dovecot", "-c", self.dovecot / "dovecot.conf")
        run("postfix", "-c", self.postfix / "etc", "start", stderr=subprocess.DEVNULL)
        time.sleep(2)

    def stop(self):
        subprocess.run(["postfix", "-c", str(self.postfix / "etc"), "stop"], stderr=subprocess.DEVNULL)
        subprocess.run(["doveadm", "-c", str(self.dovecot / "dovecot.conf"), "stop"], stderr=subprocess.DEVNULL)

    def maildirs(self):
        return [self.mail / f"u{n}" / "Maildir" for n in range(USERS)]

    def user(self, n):
        return self.user_pattern.replace("%d", str(n))

    def take_mail(self, n, maildir):
        """Dovecot changes names of files only, so links to them will do."""
        maildir_here = self.mail / f"u{n}" / "Maildir"
        run("cp", "-al", maildir, maildir_here)
        run("chown", "-R", "5000:5000", maildir_here)

    def forget(self, n):
        """What it keeps of messages that somebody asked for, as if nobody had. UIDs and flags are elsewhere."""
        for path in (self.mail / f"u{n}" / "Maildir").glob("dovecot.index*"):
            path.unlink()

    def settle(self, n):
        pass


SETTINGS = f"""\
plaintext_auth = "loopback"
relay_networks = {{ "127.0.0.0/8" }}
route sink {{
    domains = {{ "far.test" }}
    via = "smtp://127.0.0.1:{SINK_PORT}"
}}
"""


class Postern:
    name = "Postern"
    smtp_port, pop3_port, imap_port = 25025, 25110, 25143
    user_pattern = "u%d@bench.test"

    def __init__(self, work):
        self.root = work / "postern"
        self.program = SOURCE / "build-release" / "admin" / "postern"
        run(self.program, "init", "--root", self.root, "--domain", "bench.test", "--hostname", "mx.bench.test",
            "--port-offset", "25000", stdout=subprocess.DEVNULL)
        self.config = self.root / "postern.conf"
        self.config.write_text(SETTINGS + self.config.read_text())
        for n in range(USERS):
            run(self.program, "-c", self.config, "user", "add", f"u{n}@bench.test", "--password-stdin", input=b"pass\n",
                stdout=subprocess.DEVNULL)

    def start(self):
        self.log = open(self.root / "log", "ab")
        self.process = subprocess.Popen([self.program, "-c", self.config, "serve"], stdout=subprocess.PIPE, stderr=self.log)
        assert self.process.stdout.readline() == b"ready\n"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def maildirs(self):
        return [self.root / "data" / "mail" / "bench.test" / f"u{n}" / "Maildir" for n in range(USERS)]

    def user(self, n):
        return self.user_pattern.replace("%d", str(n))

    def take_mail(self, n, maildir):
        run(self.program, "-c", self.config, "import", self.user(n), maildir, stdout=subprocess.DEVNULL)
        run(self.program, "-c", self.config, "store", "rebuild", "--search", self.user(n), stdout=subprocess.DEVNULL)

    def forget(self, n):
        """Nothing: what it knows of a message was written when the message came."""

    def settle(self, n):
        """Until the work that nobody waits for is done: names of files after STORE, the full-text index."""
        while True:
            out = run(self.program, "-c", self.config, "store", "stats", "--json", self.user(n), capture_output=True).stdout
            figures = json.loads(out)
            if all(account["search_pending"] == account["pending_renames"] == 0 for account in figures):
                return
            time.sleep(1)


def median(results, key):
    return statistics.median(result[key] for result in results)


def figure(value):
    """Three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def tell(title, servers, results, key, unit, smaller_is_better=False):
    """A line of the table: medians, their ratio, which is above 1 when it is in Postern's favour, and the spread."""
    ours, theirs = (median(results[server.name], key) for server in servers)
    ratio = theirs / ours if smaller_is_better else ours / theirs
    spread = " ".join(f"{figure(min(r[key] for r in results[s.name]))}–{figure(max(r[key] for r in results[s.name]))}" for s in servers)
    print(f"| {title} | {figure(ours)} | {figure(theirs)} | {unit} | **{ratio:.1f}** | {spread} |", flush=True)


def compare(title, servers, measure, key, unit, runs, smaller_is_better=False):
    """Lets the servers take turns; prints the medians and their ratio."""
    results = {server.name: [] for server in servers}
    for _ in range(runs):
        for server in servers:
            results[server.name].append(measure(server))
    tell(title, servers, results, key, unit, smaller_is_better)
    return results
