"""postern store: checking, mending and rebuilding accounts beside a running server, and what comes back when an index is lost."""

import os
import sqlite3

import pytest

from postern_instance import Instance, wait_until

ALICE = "alice@example.org"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("store"))
    for number in range(5):
        instance.deliver(body=b"message %d\r\n" % number)
    instance.deliver(("bob@example.org",))
    yield instance
    instance.close()


def account(server, user=ALICE):
    return server.maildir(user).parent


def damage(server, sql):
    # In the way of every writer: the lock file, then the index. (The server's own handle sees it as another process's change.)
    import fcntl
    with open(account(server) / "index.db.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        database = sqlite3.connect(account(server) / "index.db")
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.executescript(sql)
        database.commit()
        database.close()


def uidls(server):
    client = server.pop3()
    lines = client.uidl()[1]
    client.quit()
    return lines


def test_sound_accounts(server):
    result = server.postern("store", "check", "--read-bodies")
    assert result.stdout.endswith("2 accounts, 6 messages, " + result.stdout.split("messages, ")[1])
    assert "0 problems" in result.stdout
    (report,) = server.json("store", "check", ALICE)
    assert (report["account"], report["messages"], report["problems"], report["findings"]) == (ALICE, 5, 0, [])


def test_damage_is_told_and_repaired(server):
    damage(server, "UPDATE mailbox SET messages=77 WHERE id=1")
    result = server.postern("store", "check", ALICE, check=False)
    assert result.returncode == 1
    assert f"{ALICE}: INBOX: counts 77 messages" in result.stdout
    result = server.postern("store", "check", "--repair", check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 problems, 1 repaired" in result.stdout
    assert server.postern("store", "check").returncode == 0
    assert len(server.messages()) == 5


def test_body_that_was_changed(server):
    before = server.messages()
    path = server.files(ALICE)[2]
    content = path.read_bytes()
    path.write_bytes(content[:-3] + b"!\r\n")
    assert server.postern("store", "check", ALICE).returncode == 0
    result = server.postern("store", "check", ALICE, "--read-bodies", "--repair", check=False)
    assert result.returncode == 1
    assert "is not the one that came in" in result.stdout
    path.write_bytes(content)
    assert server.postern("store", "check", ALICE, "--read-bodies").returncode == 0
    assert server.messages() == before


def test_stats(server):
    (stats,) = server.json("store", "stats", ALICE)
    assert (stats["messages"], stats["bodies"], stats["mailboxes"]) == (5, 5, 6)
    assert stats["bytes"] == stats["disk_bytes"] > 0
    text = server.postern("store", "stats").stdout.splitlines()
    assert text[0].startswith("ACCOUNT") and len(text) == 3


def test_rebuild_keeps_uidls_while_the_server_runs(server):
    before, bodies = uidls(server), server.messages()
    result = server.postern("store", "rebuild", ALICE)
    assert result.stdout == f"{ALICE}: 5 messages\n"
    assert uidls(server) == before
    assert server.messages() == bodies
    server.deliver(body=b"after the rebuild\r\n")
    assert len(uidls(server)) == 6
    assert uidls(server)[:5] == before
    assert server.postern("store", "check", "--read-bodies").returncode == 0


def test_index_that_is_deleted_under_a_running_server(server):
    before = uidls(server)
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (account(server) / name).unlink()
    assert uidls(server) == before
    server.deliver(body=b"after the loss\r\n")
    assert uidls(server)[:-1] == before
    assert server.postern("store", "check", "--read-bodies").returncode == 0


def test_index_that_is_garbage(make_instance):
    server = make_instance(serve=False)
    server.serve()
    server.deliver()
    before = uidls(server)
    server.stop()
    for name in ("index.db-wal", "index.db-shm"):
        (account(server) / name).unlink(missing_ok=True)
    size = (account(server) / "index.db").stat().st_size
    (account(server) / "index.db").write_bytes(os.urandom(max(size, 4096)))
    result = server.postern("store", "check", ALICE, check=False)
    assert result.returncode == 0  # opening has mended it
    assert list(account(server).glob("index.db.damaged-*"))
    server.serve()
    assert uidls(server) == before


def test_copy_of_the_index_is_made_in_the_background(server):
    server.deliver(body=b"one more\r\n")
    wait_until(lambda: (account(server) / "index.bak").exists(), "the copy of the index", 60)


def test_misuse(server):
    assert server.postern("store", "rebuild", check=False).returncode == 2
    assert server.postern("store", "frobnicate", check=False).returncode == 2
    result = server.postern("store", "check", "nobody@example.org", check=False)
    assert result.returncode == 1 and "no user nobody@example.org" in result.stderr


def test_search_index_anew(server):
    (stats,) = server.json("store", "stats", ALICE)
    result = server.postern("store", "rebuild", ALICE, "--search")
    assert result.stdout == f"{ALICE}: {stats['bodies']} messages\n"
    (stats,) = server.json("store", "stats", ALICE)
    assert stats["search_bytes"] > 0 and stats["search_pending"] == 0
    assert server.postern("store", "check").returncode == 0
