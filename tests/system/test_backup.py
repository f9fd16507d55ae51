"""Backups: made while mail comes in and goes out, cut off at any moment, put back elsewhere and compared; and accounts as
Maildir and mbox, out of one instance and into another.

POSTERN_TEST_SEED repeats a run's choices (not its timing).
"""

import hashlib
import os
import poplib
import random
import signal
import smtplib
import sqlite3
import subprocess
import threading
import time

import pytest

from postern_instance import PASSWORDS, build_folder, wait_until

pytestmark = pytest.mark.xdist_group("heavy")

ALICE, BOB, DRAINED = "alice@example.org", "bob@example.org", "dave@example.org"
KILLS = 20


@pytest.fixture
def rng():
    seed = os.environ.get("POSTERN_TEST_SEED") or str(random.getrandbits(32))
    print(f"POSTERN_TEST_SEED={seed}")
    return random.Random(seed)


def make_message(rng, name):
    size = rng.choice([0, 40, 400, 4000, 40_000])
    body = b"".join(b"%060x\r\n" % rng.getrandbits(240) for _ in range(size // 62))
    return (f"From: <a@elsewhere.example>\r\nSubject: {name}\r\nX-Hash: {hashlib.sha256(body).hexdigest()}\r\n\r\n").encode() + body


def subject_of(message):
    return message.split(b"Subject: ", 1)[1].split(b"\r\n", 1)[0].decode()


def drop_of(instance, user, password=None):
    """UIDL → message."""
    client = instance.pop3(user, password)
    found = {line.split()[1].decode(): b"\r\n".join(client.retr(int(line.split()[0]))[1]) + b"\r\n" for line in client.uidl()[1]}
    client.quit()
    return found


def index_of(instance, user):
    """What the index says: (mailbox, UIDVALIDITY) → {uid: (flags, keywords, internal date, guid)}."""
    local, domain = user.split("@")
    database = sqlite3.connect(instance.data / "mail" / domain / local / "index.db")
    result = {}
    for number, name, uidvalidity in database.execute("SELECT id, name, uidvalidity FROM mailbox").fetchall():
        rows = database.execute("SELECT uid, flags, kw, idate, hex(body.guid) FROM message JOIN body ON body.id=message.body"
                                " WHERE mailbox=?", (number,)).fetchall()
        result[name, uidvalidity] = {row[0]: row[1:] for row in rows}
    database.close()
    return result


class Load:
    """Two clients deliver to everybody, one fetches and deletes the mail of DRAINED."""

    def __init__(self, instance, rng):
        self.instance = instance
        self.ended = threading.Event()
        self.acked = {ALICE: {}, BOB: {}}  # user → subject: message
        self.faults = []
        self.threads = [threading.Thread(target=self.run, args=(work,))
                        for work in (lambda: self.send("one", random.Random(rng.random())),
                                     lambda: self.send("two", random.Random(rng.random())), self.drain)]
        for thread in self.threads:
            thread.start()

    def run(self, work):
        try:
            work()
        except Exception as error:  # must not pass unseen because it was in a thread
            self.faults.append(repr(error))

    def send(self, prefix, rng):
        client = self.instance.smtp()
        number = 0
        while not self.ended.is_set():
            number += 1
            users = rng.choice([[ALICE], [BOB], [ALICE, BOB], [DRAINED], [ALICE, BOB, DRAINED]])
            name = f"{prefix}-{number}"
            message = make_message(rng, name)
            client.sendmail("a@elsewhere.example", users, message)
            for user in users:
                if user in self.acked:
                    self.acked[user][name] = message
        client.quit()

    def drain(self):
        while not self.ended.is_set():
            client = self.instance.pop3(DRAINED, "drained")
            for n in range(1, client.stat()[0] + 1):
                client.dele(n)
            client.quit()
            time.sleep(0.05)

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        assert not self.faults, self.faults

    def count(self):
        return sum(len(messages) for messages in list(self.acked.values()))


def restore_elsewhere(make_instance, backups, *arguments):
    other = make_instance(users=False, serve=False)
    other.postern("restore", str(backups), *arguments)
    return other


def test_backup_under_load_comes_back_equal(make_instance, tmp_path, rng):
    instance = make_instance()
    instance.add_user(DRAINED, "drained")
    load = Load(instance, rng)
    wait_until(lambda: load.count() > 100 or load.faults, "some mail")
    instance.postern("backup", str(tmp_path))
    before = {user: dict(messages) for user, messages in load.acked.items()}
    instance.postern("backup", str(tmp_path), "--verify")
    load.stop()

    first, second = instance.json("backup", "--list", str(tmp_path))
    assert first["complete"] and second["complete"] and first["name"] < second["name"]
    assert second["messages"] > first["messages"]
    other = restore_elsewhere(make_instance, tmp_path)
    other.serve()
    for user, acked in before.items():
        here, there = drop_of(instance, user), drop_of(other, user)
        subjects = {subject_of(message) for message in there.values()}
        assert set(acked) <= subjects, f"{user} lost {set(acked) - subjects}"
        for unique_id, message in there.items():
            assert here[unique_id] == message
            assert message.endswith(load.acked[user].get(subject_of(message), b""))
        mine, theirs = index_of(instance, user), index_of(other, user)
        assert mine.keys() == theirs.keys()
        for mailbox, rows in theirs.items():
            assert all(mine[mailbox][uid] == row for uid, row in rows.items())
    other.deliver([ALICE], subject="after the restore")
    assert "after the restore" in {subject_of(message) for message in drop_of(other, ALICE).values()}
    # One message for two is one file.
    inodes = [{path.stat().st_ino for path in other.files(user)} for user in (ALICE, BOB)]
    assert inodes[0] & inodes[1]


def fill(instance, rng, count=120):
    client = instance.smtp()
    for n in range(count):
        client.sendmail("a@elsewhere.example", rng.choice([[ALICE], [BOB], [ALICE, BOB]]), make_message(rng, f"fill-{n}"))
    client.quit()


def backup_killed(instance, folder, seconds):
    process = subprocess.Popen([str(build_folder() / "admin" / "postern"), "-c", str(instance.config), "backup", str(folder)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()


def test_backup_that_is_killed_never_counts(make_instance, tmp_path, rng):
    instance = make_instance()
    fill(instance, rng)
    began = time.monotonic()
    instance.postern("backup", str(tmp_path / "whole"))
    duration = time.monotonic() - began
    folder = tmp_path / "killed"
    folder.mkdir()
    incomplete = 0
    for _ in range(KILLS):
        backup_killed(instance, folder, rng.uniform(0, 1.1) * duration)
        for entry in instance.json("backup", "--list", str(folder)):
            incomplete += not entry["complete"]
            check = instance.postern("backup", "--check", str(folder), "--name", entry["name"], check=False)
            assert check.returncode == (0 if entry["complete"] else 1), check.stderr
    assert incomplete > 0
    instance.postern("backup", str(folder), "--verify", "--keep", "1")
    (entry,) = instance.json("backup", "--list", str(folder))
    assert entry["complete"]
    assert sorted(path.name for path in folder.iterdir()) == [".lock", entry["name"], "latest"]
    other = restore_elsewhere(make_instance, folder)
    for user in (ALICE, BOB):
        assert index_of(other, user) == index_of(instance, user)


def test_check_finds_a_flipped_byte_and_a_missing_file(make_instance, tmp_path, rng):
    instance = make_instance()
    fill(instance, rng, 10)
    instance.postern("backup", str(tmp_path))
    files = [path for path in (tmp_path / "latest").resolve().rglob("*") if path.is_file() and path.stat().st_size]
    for path in rng.sample(files, min(8, len(files))):
        content = path.read_bytes()
        place = rng.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1:])
        result = instance.postern("backup", "--check", str(tmp_path), check=False)
        assert result.returncode == 1 and result.stderr.startswith("postern: "), path
        path.write_bytes(content)  # the file may have several names
        path.rename(tmp_path / "aside")
        assert instance.postern("backup", "--check", str(tmp_path), check=False).returncode == 1, path
        (tmp_path / "aside").rename(path)
    instance.postern("backup", "--check", str(tmp_path))


def test_a_message_a_mailbox_and_a_user_come_back(instance, tmp_path, rng):
    fill(instance, rng, 20)
    before = drop_of(instance, ALICE)
    index = index_of(instance, ALICE)
    instance.postern("backup", str(tmp_path))
    client = instance.pop3(ALICE)
    for n in (1, 2, 3):
        client.dele(n)
    client.quit()
    (inbox,) = [rows for (name, _), rows in index.items() if name == "INBOX"]
    uid = str(sorted(inbox)[1])
    instance.postern("restore", str(tmp_path), "--user", ALICE, "--mailbox", "inbox", "--uid", uid)
    assert len(drop_of(instance, ALICE)) == len(before) - 2
    result = instance.postern("restore", str(tmp_path), "--user", ALICE)
    assert result.stdout.startswith("2 messages came back")
    assert drop_of(instance, ALICE) == before
    assert index_of(instance, ALICE) == index

    before, index = drop_of(instance, BOB), index_of(instance, BOB)
    instance.postern("user", "remove", BOB, "--purge")
    with pytest.raises(poplib.error_proto):
        instance.pop3(BOB)
    instance.postern("restore", str(tmp_path), "--user", BOB)
    assert drop_of(instance, BOB) == before
    assert index_of(instance, BOB).keys() == index.keys()
    assert sorted(path.name for path in instance.data.iterdir() if "restore" in path.name) == []
    assert sorted(path.name for path in tmp_path.iterdir() if "restore" in path.name) == []


def test_what_cannot_be_done_is_refused(instance, tmp_path):
    assert instance.postern("restore", str(tmp_path), check=False).returncode == 1  # it runs
    instance.stop()
    result = instance.postern("restore", str(tmp_path), check=False)
    assert result.returncode == 1 and "no complete backup" in result.stderr
    instance.postern("backup", str(tmp_path / "backups"))
    result = instance.postern("restore", str(tmp_path / "backups"), check=False)
    assert result.returncode == 1 and "users or mail" in result.stderr
    for arguments in (["backup"], ["backup", "x", "--keep", "0"], ["restore", "x", "--mailbox", "INBOX"],
                      ["restore", "x", "--user", ALICE, "--uid", "1"], ["export", ALICE],
                      ["export", ALICE, "x", "--format", "tar"]):
        assert instance.postern(*arguments, check=False).returncode == 2, arguments
    for arguments in (["export", "nobody@example.org", str(tmp_path / "x")], ["import", ALICE, str(tmp_path / "nowhere")],
                      ["restore", str(tmp_path / "backups"), "--user", "nobody@example.org"]):
        assert instance.postern(*arguments, check=False).returncode == 1, arguments


def test_configuration_and_key_are_in_the_backup_for_their_owner_only(make_instance, tmp_path):
    instance = make_instance(serve=False)
    instance.postern("backup", str(tmp_path / "backups"))
    config = tmp_path / "backups" / "latest" / "config"
    assert (config / "postern.conf").read_bytes() == instance.config.read_bytes()
    assert (config / "key.pem").read_bytes() == (instance.root / "tls" / "key.pem").read_bytes()
    for path in (tmp_path / "backups").resolve().rglob("*"):
        assert path.is_symlink() or path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_export_and_import_lose_nothing(make_instance, tmp_path, rng, form):
    instance = make_instance()
    fill(instance, rng, 60)
    result = instance.postern("export", ALICE, str(tmp_path / "alice"), "--format", form)
    count = len(drop_of(instance, ALICE))
    assert result.stdout == f"{count} messages, 0 of them were there\n"
    assert instance.postern("export", ALICE, str(tmp_path / "alice"), "--format", form).stdout == \
        f"{count} messages, {count} of them were there\n"
    other = make_instance()
    other.postern("import", ALICE, str(tmp_path / "alice"))
    assert drop_of(other, ALICE) == drop_of(instance, ALICE)
    assert index_of(other, ALICE) == index_of(instance, ALICE)
    assert other.postern("import", ALICE, str(tmp_path / "alice")).stdout == f"{count} messages, {count} of them were there\n"
