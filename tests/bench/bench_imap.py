"""IMAP: a large mailbox in both servers, the same commands to each in turn, every answer checked for what it should hold.

"Warm" is the median of repeated commands; "first" is with nothing kept from earlier ones: Dovecot without its index files, which hold
what clients asked for before (Postern writes that down when a message comes, and has nothing to forget). "Cold" is after a restart,
with no file in the kernel's memory.
"""

import json
import os
import subprocess
import sys

import servers as sides
from servers import compare, load, load_command, tell

BIG, FOLDERS, IDLE = 40, 41, 42  # users
PART = 10  # of the large mailbox is copied, moved, expunged: a tenth
BOXES = 200
HEADERS = "From To Cc Subject Date Message-ID References Content-Type In-Reply-To Reply-To"


class Wrong(Exception):
    pass


class Session:
    """One connection, logged in; commands one by one, with what the answer must be."""

    def __init__(self, server, user):
        command = load_command("imap", server.imap_port, user=server.user(user))
        self.server = server
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, command, **expected):
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"{self.server.name}: {command}: no connection")
        result = json.loads(line)
        wrong = [f"{name} is {result[name]}, not {value}" for name, value in expected.items() if result[name] != value]
        if not result["ok"] or wrong:
            raise Wrong(f"{self.server.name}: {command}: {result['answer']} {'; '.join(wrong)}")
        result["ms"] = result["seconds"] * 1e3
        result["ms_each"] = result["p50_ms"]
        return result

    def close(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def drop_caches():
    """The next reader has to go to the disk."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3\n")


def read_all(folder):
    """Into the kernel's memory, so that no server profits from the one before it."""
    for entry in os.scandir(folder):
        with open(entry.path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


class Run:
    def __init__(self, servers, corpus, runs):
        self.servers, self.corpus, self.runs = servers, corpus, runs
        self.count = corpus["messages"]
        self.good = True

    def guarded(self, title, function):
        """A server that answers wrongly costs the figure, not the rest of the run."""
        try:
            return function()
        except (Wrong, RuntimeError, OSError) as problem:
            self.good = False
            text = " ".join(str(problem).split())
            print(f"| {title} | | | | **wrong** | {text[:300]} |", flush=True)
            return None

    def compare(self, title, measure, key="ms", unit="ms", smaller_is_better=True):
        return self.guarded(title, lambda: compare(title, self.servers, measure, key, unit, self.runs, smaller_is_better))

    # --- commands in the large mailbox ---

    def select(self, server):
        session = Session(server, BIG)
        session.run("SELECT INBOX", exists=self.count)
        return session

    def first(self, server, command, expected):
        server.forget(BIG)
        with self.select(server) as session:
            return session.run(command, **expected)

    def repeated(self, title, command, expected, key="ms", unit="ms"):
        """One session of each server, which ran the command once before."""
        def measure():
            sessions = {server.name: self.select(server) for server in self.servers}
            try:
                for session in sessions.values():
                    session.run(command, **expected)
                return compare(title, self.servers, lambda server: sessions[server.name].run(command, **expected), key, unit,
                               self.runs, smaller_is_better=True)
            finally:
                for session in sessions.values():
                    session.close()
        return self.guarded(title, measure)

    def first_and_repeated(self, title, command, **expected):
        self.compare(f"{title}, first", lambda server: self.first(server, command, expected))
        results = self.repeated(title, command, expected)
        if results and len({result["literal_bytes"] for runs in results.values() for result in runs}) > 1 and "fetches" in expected:
            print("| … differ in the bytes of their literals | | | | | |")

    def select_and_flags(self):
        """SELECT and a first look at the flags, as a client does that comes back; cold ones take turns, too."""
        all_of_them = {"fetches": self.count, "fetched": self.count * (self.count + 1) // 2}
        cold = {server.name: [] for server in self.servers}
        flags = {server.name: [] for server in self.servers}

        def measure_cold():
            for _ in range(self.runs):
                for server in self.servers:
                    server.stop()
                    drop_caches()
                    server.start()
                    with Session(server, IDLE) as session:  # programs and passwords are in memory, the mailbox is not
                        session.run("NOOP")
                    with Session(server, BIG) as session:
                        cold[server.name].append(session.run("SELECT INBOX", exists=self.count))
                        flags[server.name].append(session.run("UID FETCH 1:* (FLAGS)", **all_of_them))
            for server in self.servers:
                read_all(server.maildirs()[BIG] / "cur")
            tell("SELECT, cold", self.servers, cold, "ms", "ms", True)
            tell("UID FETCH 1:* (FLAGS) behind it, cold", self.servers, flags, "ms", "ms", True)

        self.compare("SELECT, first", self.first_select)
        self.guarded("SELECT, cold", measure_cold)
        self.compare("SELECT, warm, another connection each time", self.warm_select)
        self.repeated("SELECT, warm, again and again", "repeat 200 SELECT INBOX", {"exists": self.count}, "ms_each")

    def first_select(self, server):
        server.forget(BIG)
        with Session(server, BIG) as session:
            return session.run("SELECT INBOX", exists=self.count)

    def warm_select(self, server):
        with Session(server, BIG) as session:
            return session.run("SELECT INBOX", exists=self.count)

    def fetch(self):
        n = self.count
        all_of_them = {"fetches": n, "fetched": n * (n + 1) // 2}
        self.repeated("FETCH 1:* (FLAGS)", "FETCH 1:* (FLAGS)", all_of_them)
        self.repeated("UID FETCH 1:* (UID FLAGS MODSEQ)", "UID FETCH 1:* (UID FLAGS MODSEQ)", all_of_them)
        self.first_and_repeated("FETCH 1:* (ENVELOPE)", "FETCH 1:* (ENVELOPE)", **all_of_them)
        self.first_and_repeated("FETCH 1:* of ten header fields", f"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({HEADERS})])",
                                **all_of_them)
        self.first_and_repeated("FETCH 1:* (BODYSTRUCTURE)", "FETCH 1:* (BODYSTRUCTURE)", **all_of_them)
        self.repeated("FETCH 1:* (BODY.PEEK[])", "FETCH 1:* (BODY.PEEK[])",
                      dict(all_of_them, literal_bytes=self.corpus["wire_bytes"]))
        self.repeated("FETCH of one message's flags", "repeat 2000 FETCH %d (UID FLAGS)", {"fetches": 2000}, "ms_each", "ms each")
        self.repeated("FETCH of one message's body", "repeat 2000 FETCH %d (BODY.PEEK[])", {"fetches": 2000}, "ms_each", "ms each")

    def search(self):
        for kind in ("rare_subject", "common_subject", "rare_body", "common_body"):
            word, found = self.corpus[kind]
            field = kind.split("_")[1].upper()
            title = f"SEARCH {field} {word}, {found} found"
            if field == "SUBJECT":
                self.first_and_repeated(title, f"SEARCH {field} {word}", numbers=found)
            else:
                self.repeated(title, f"SEARCH {field} {word}", {"numbers": found})
        self.repeated("SEARCH UNSEEN", "SEARCH UNSEEN", {"numbers": self.corpus["unseen"]})
        self.first_and_repeated("SORT (REVERSE DATE)", "SORT (REVERSE DATE) UTF-8 ALL", numbers=self.count)
        self.first_and_repeated("THREAD REFERENCES", "THREAD REFERENCES UTF-8 ALL", numbers=self.count)

    # --- changes ---

    def store(self):
        """\\Seen on all, and off again; what was read stays read in the end."""
        def measure(server, sign, unseen):
            with self.select(server) as session:
                result = session.run(f"STORE 1:* {sign}FLAGS.SILENT (\\Seen)")
                session.run("SEARCH UNSEEN", numbers=unseen)
            server.settle(BIG)
            return result

        results = {sign: {server.name: [] for server in self.servers} for sign in "+-"}

        def turns():
            for _ in range(self.runs):
                for server in self.servers:
                    results["-"][server.name].append(measure(server, "-", self.count))
                    results["+"][server.name].append(measure(server, "+", 0))
            for sign in "+-":
                tell(f"STORE 1:* {sign}FLAGS.SILENT (\\Seen)", self.servers, results[sign], "ms", "ms", True)

        self.guarded("STORE 1:*", turns)

    def copies(self):
        """COPY of a part, MOVE of the copies elsewhere, EXPUNGE of those."""
        part = self.count // PART
        names = ("COPY", "MOVE", "EXPUNGE")
        results = {name: {server.name: [] for server in self.servers} for name in names}

        def measure(server, turn):
            copied, moved = f"Copied{turn}", f"Moved{turn}"
            with self.select(server) as session:
                session.run(f"CREATE {copied}")
                session.run(f"CREATE {moved}")
                took = [session.run(f"COPY 1:{part} {copied}")]
                session.run(f"SELECT {copied}", exists=part)
                took.append(session.run(f"MOVE 1:{part} {moved}", expunges=part))
                session.run(f"SELECT {moved}", exists=part)
                session.run("STORE 1:* +FLAGS.SILENT (\\Deleted)")
                took.append(session.run("EXPUNGE", expunges=part))
                session.run("SELECT INBOX", exists=self.count)
                session.run(f"DELETE {copied}")
                session.run(f"DELETE {moved}")
            server.settle(BIG)
            for name, result in zip(names, took):
                results[name][server.name].append(result)

        def turns():
            for turn in range(self.runs):
                for server in self.servers:
                    measure(server, turn)
            for name in names:
                tell(f"{name} of {part:,}", self.servers, results[name], "ms", "ms", True)

        self.guarded("COPY, MOVE, EXPUNGE", turns)

    # --- other mailboxes and users ---

    def folders(self):
        title = f"of {BOXES} mailboxes"
        items = "(MESSAGES UNSEEN UIDNEXT)"

        def turns():
            for server in self.servers:
                with Session(server, FOLDERS) as session:
                    session.run(f'repeat {BOXES} CREATE "Box %d"')
                    for box in range(1, BOXES, 20):
                        load("imap-append", server.imap_port, user=server.user(FOLDERS), mailbox=f'"Box {box}"', count=5)
            sessions = {server.name: Session(server, FOLDERS) for server in self.servers}
            try:
                compare(f"STATUS {title}, one by one", self.servers,
                        lambda s: sessions[s.name].run(f'repeat {BOXES} STATUS "Box %d" {items}', statuses=BOXES), "ms", "ms",
                        self.runs + 1, True)
                compare(f"LIST RETURN (STATUS) {title}", self.servers,
                        lambda s: sessions[s.name].run(f'LIST "" "Box*" RETURN (STATUS {items})', statuses=BOXES, lists=BOXES), "ms",
                        "ms", self.runs + 1, True)
            finally:
                for session in sessions.values():
                    session.close()

        self.guarded(f"STATUS {title}", turns)

    def logins(self):
        for sessions in (1, 10):
            def measure(server, count=300, sessions=sessions):
                return load("imap-login", server.imap_port, sessions=sessions, count=count, users=sides.USERS - 10,
                            user=server.user_pattern)
            for server in self.servers:  # passwords that were seen before, as on any day
                self.guarded("logins", lambda server=server: measure(server, sides.USERS - 10))
            self.compare(f"LOGIN, SELECT, LOGOUT, {sessions} sessions", measure, "rate", "a second", False)

    def append(self):
        for sessions in (1, 10):
            def measure(server, sessions=sessions):
                os.sync()
                return load("imap-append", server.imap_port, sessions=sessions, count=500 * (1 + sessions // 5), size=4096,
                            user=server.user_pattern)
            results = self.compare(f"APPEND 4 KiB, {sessions} sessions", measure, "rate", "messages/s", False)
            if results:
                tell("… median of one", self.servers, results, "p50_ms", "ms", True)
                tell("… 99th percentile", self.servers, results, "p99_ms", "ms", True)

    def idle(self):
        def measure(server):
            return load("imap-idle", server.imap_port, count=30, size=2048, user=server.user(IDLE))
        results = self.compare("From sending APPEND to EXISTS in another session's IDLE, median", measure, "p50_ms")
        if results:
            tell("… 99th percentile", self.servers, results, "p99_ms", "ms", True)


def run_all(servers, work, arguments):
    """Whether every answer was as it should be."""
    maildir = work / "made"
    corpus = json.loads(subprocess.run([sides.CORPUS, maildir, str(arguments.messages)], check=True, capture_output=True).stdout)
    print(f"{corpus['messages']:,} messages, {corpus['wire_bytes'] / 1e6:,.0f} MB", file=sys.stderr)
    for server in servers:
        server.take_mail(BIG, maildir)
    os.sync()
    bench = Run(servers, corpus, arguments.runs)
    bench.logins()
    bench.select_and_flags()
    bench.fetch()
    bench.search()
    bench.store()
    bench.copies()
    bench.folders()
    bench.append()
    bench.idle()
    return bench.good
