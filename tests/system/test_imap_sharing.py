"""Two people share mailboxes on the real server: rights, who has seen what, across worker processes and a restart."""

import pytest

import postern_instance
from imap_client import Imap, text_of
from line_client import LineClient
from postern_instance import Instance

ALICE, BOB = postern_instance.PASSWORDS.items()
SHARED = "Shared/alice@example.org"


@pytest.fixture
def server(tmp_path):
    server = Instance(tmp_path)
    yield server
    server.close()


def flags(client, numbers="1:*"):
    return {uid: {flag.lower() for flag in items["FLAGS"]} - {"\\recent"}
            for uid, items in client.fetch(numbers, "(FLAGS)").items()}


def lists(client, pattern="Shared/*"):
    return [text_of(line[3]) for line in client.ask(f'LIST "" "{pattern}"') if line[0] == "LIST"]


def test_a_mailbox_is_shared_and_taken_back(server):
    for subject in ("one", "two", "three"):
        server.deliver(subject=subject)
    with Imap(server, *ALICE) as alice, Imap(server, *BOB) as bob:
        assert lists(bob) == []
        alice.ask("SETACL INBOX bob lrs")
        assert lists(bob) == [SHARED]
        bob.ask(f"SELECT {SHARED}")
        bob.ask("UID STORE 2 +FLAGS (\\Seen)")
        assert flags(bob) == {1: set(), 2: {"\\seen"}, 3: set()}
        alice.ask("SELECT INBOX")
        assert flags(alice) == {1: set(), 2: set(), 3: set()}
        alice.ask("UID STORE 1 +FLAGS (\\Seen \\Flagged)")
        bob.ask("NOOP")
        assert flags(bob) == {1: {"\\flagged"}, 2: {"\\seen"}, 3: set()}
        alice.ask("DELETEACL INBOX bob")
        assert lists(bob) == []
    with Imap(server, *BOB) as bob, pytest.raises(AssertionError, match="NONEXISTENT"):
        bob.ask(f"SELECT {SHARED}")


def test_everything_is_there_after_a_restart(server):
    server.deliver(subject="one")
    server.deliver(subject="two")
    with Imap(server, *ALICE) as alice, Imap(server, *BOB) as bob:
        alice.ask("CREATE Projects")
        alice.ask("SETACL Projects bob lrswitek")
        alice.ask("SETACL INBOX bob lrs")
        bob.ask(f"SELECT {SHARED}")
        bob.ask("UID STORE 1 +FLAGS (\\Seen)")
        bob.ask(f"COPY 1:2 {SHARED}/Projects")
        bob.ask(f"CREATE {SHARED}/Projects/Sub")
    server.kill()
    server.serve()
    with Imap(server, *BOB) as bob:
        assert lists(bob) == [SHARED, f"{SHARED}/Projects", f"{SHARED}/Projects/Sub"]
        bob.ask(f"SELECT {SHARED}/Projects")
        assert flags(bob) == {1: {"\\seen"}, 2: set()}
        bob.ask("UID MOVE 1 Archive")
        bob.ask("SELECT Archive")
        assert flags(bob) == {1: {"\\seen"}}
    assert " 0 problems" in server.postern("store", "check").stdout


def test_who_waits_hears_of_others(server):
    """Each connection may be with another worker."""
    with Imap(server, *ALICE) as alice:
        alice.ask("SETACL INBOX bob lrs")
    waiting = [LineClient(server, "imaps") for _ in range(4)]
    for client in waiting:
        client.line()
        client.send(f'a LOGIN {BOB[0]} "{BOB[1]}"\r\n'.encode())
        client.expect(r"a OK")
        client.send(f"b SELECT {SHARED}\r\n".encode())
        while not client.line().startswith("b OK"):
            pass
        client.send(b"c IDLE\r\n")
        client.expect(r"\+ ")
    server.deliver(subject="news")
    for client in waiting:
        client.expect(r"\* 1 EXISTS")
        client.close()


def test_who_is_removed_leaves_no_rights(server):
    with Imap(server, *ALICE) as alice:
        alice.ask("SETACL INBOX bob lrs")
        server.postern("user", "remove", BOB[0], "--purge")
        acl = alice.ask("GETACL INBOX")
        assert not any("bob" in str(line) for line in acl), acl
