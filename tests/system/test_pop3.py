"""The maildrop that POP3 shows (RFC 1939): exclusive, frozen for a session, with unique ids that survive everything."""

import contextlib
import os
import poplib
import re
import time

import pytest

from postern_instance import Instance, wait_until, without_trace

pytestmark = pytest.mark.xdist_group("pop3")
PASSWORD = "secret one"


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("pop3"), options={"workers": 3})
    yield instance
    instance.close()


@pytest.fixture
def user(instance, numbers=iter(range(1000))):
    """A user with an empty maildrop."""
    user = f"pop{next(numbers)}@example.org"
    instance.add_user(user, PASSWORD)
    return user


def fill(instance, user, count):
    client = instance.smtp()
    for n in range(count):
        client.sendmail("a@elsewhere.example", [user], f"Subject: message {n}\r\n\r\nbody of {n}\r\n")
    client.quit()


def unique_ids(client):
    return [line.decode().split()[1] for line in client.uidl()[1]]


def subject(client, n):
    return re.search(rb"^Subject: (.*)$", b"\n".join(client.top(n, 0)[1]), re.M).group(1).decode()


@contextlib.contextmanager
def session(instance, user):
    client = instance.pop3(user, PASSWORD, timeout=60)
    yield client
    client.quit()


def drop_file(instance, user, name, content, age=0):
    """Puts a message into the Maildir as another program does (delivery by rename into new/)."""
    maildir = instance.maildir(user)
    (maildir / "tmp" / name).write_bytes(content)
    when = time.time() - age
    os.utime(maildir / "tmp" / name, (when, when))
    (maildir / "tmp" / name).rename(maildir / "new" / name)


# --- one session at a time ---


def refusal(instance, user):
    client = instance.pop3(login=False)
    client.user(user)
    with pytest.raises(poplib.error_proto) as raised:
        client.pass_(PASSWORD)
    client.quit()
    return str(raised.value)


def test_only_one_session(instance, user):
    """Whichever worker the second client meets: ten tries reach them all."""
    with session(instance, user):
        for _ in range(10):
            assert "[IN-USE]" in refusal(instance, user)
        other = instance.pop3("bob@example.org")  # other users are not concerned
        other.quit()
    with session(instance, user):
        pass


def can_log_in(instance, user):
    try:
        instance.pop3(user, PASSWORD).quit()
        return True
    except poplib.error_proto as error:
        assert "[IN-USE]" in str(error)
        return False


def test_the_lock_ends_with_the_connection(instance, user):
    client = instance.pop3(user, PASSWORD)
    client.close()  # without QUIT
    wait_until(lambda: can_log_in(instance, user), "a free maildrop")


def test_the_lock_ends_with_the_process(instance, user):
    client = instance.pop3(user, PASSWORD)
    for pid in instance.children("pop3d"):
        os.kill(pid, 9)

    def can_log_in_again():
        try:
            return can_log_in(instance, user)
        except (OSError, EOFError):
            return False  # the workers are not back yet

    wait_until(can_log_in_again, "a free maildrop")
    client.close()


# --- what a session sees and removes ---


def test_mail_that_comes_during_a_session_is_in_the_next(instance, user):
    fill(instance, user, 2)
    with session(instance, user) as client:
        fill(instance, user, 1)
        assert client.stat()[0] == 2
        assert len(client.list()[1]) == len(client.uidl()[1]) == 2
        with pytest.raises(poplib.error_proto):
            client.retr(3)
        client.dele(1)
    with session(instance, user) as client:
        assert client.stat()[0] == 2
        assert [subject(client, n) for n in (1, 2)] == ["message 1", "message 0"]


def test_a_lost_connection_removes_nothing(instance, user):
    fill(instance, user, 3)
    for leave in ("close", "kill"):
        client = instance.pop3(user, PASSWORD)
        for n in (1, 2, 3):
            client.dele(n)
        if leave == "close":
            client.close()
        else:
            for pid in instance.children("pop3d"):
                os.kill(pid, 9)

        def all_there():
            try:
                return can_log_in(instance, user) and len(instance.messages(user, PASSWORD)) == 3
            except (OSError, EOFError):
                return False

        wait_until(all_there, "three messages")
    assert len(instance.files(user)) == 3


def test_rset_and_quit(instance, user):
    fill(instance, user, 3)
    with session(instance, user) as client:
        client.dele(1)
        client.dele(2)
        client.rset()
        client.dele(3)
    with session(instance, user) as client:
        assert [subject(client, n) for n in (1, 2)] == ["message 0", "message 1"]
        assert client.stat()[0] == 2
    instance.wait_for_files(user, 2)


# --- unique ids ---


def test_unique_ids_stay(make_instance):
    """Over sessions, new mail, deletions, restarts and a lost index."""
    instance, user = make_instance(), "alice@example.org"
    fill(instance, user, 5)

    def look():
        client = instance.pop3(user, timeout=60)
        found = dict(zip(unique_ids(client), (subject(client, n + 1) for n in range(client.stat()[0]))))
        client.quit()
        return found

    first = look()
    assert len(first) == 5 and look() == first
    assert all(re.fullmatch(r"[!-~]{1,70}", one) for one in first)  # RFC 1939 section 7

    client = instance.pop3(user)
    client.dele(2)
    client.dele(4)
    client.quit()
    left = {one: name for one, name in first.items() if name not in ("message 1", "message 3")}
    assert look() == left

    client = instance.smtp()
    client.sendmail("a@elsewhere.example", [user], "Subject: newer\r\n\r\nbody\r\n")
    client.quit()
    with_newer = look()
    assert left.items() < with_newer.items()
    (newer,) = with_newer.keys() - left.keys()
    assert newer not in first

    instance.stop()
    instance.serve()
    assert look() == with_newer

    instance.stop()
    account = instance.maildir(user).parent
    for path in account.glob("index.db*"):
        path.unlink()
    instance.serve()
    assert look() == with_newer
    assert list(look().values()) == ["message 0", "message 2", "message 4", "newer"]

    # The same message delivered again is another one.
    fill(instance, user, 1)
    assert len(look()) == 5


# --- many messages, and policies ---


@pytest.mark.xdist_group("heavy")
def test_ten_thousand_messages(instance, user):
    count = 10_000
    maildir = instance.maildir(user)
    for n in range(count):
        name = f"{1_700_000_000 + n}.M{n:06}P1.elsewhere"
        (maildir / "new" / name).write_bytes(b"Subject: message %d\r\n\r\ntext\r\n" % n)
    client = instance.pop3(user, PASSWORD, timeout=240)
    sizes = [len(b"Subject: message %d\r\n\r\ntext\r\n" % n) for n in range(count)]
    assert client.stat() == (count, sum(sizes))
    assert [line.decode() for line in client.list()[1]] == [f"{n + 1} {sizes[n]}" for n in range(count)]
    assert len(set(unique_ids(client))) == count
    assert [subject(client, n) for n in (1, 5000, 10_000)] == ["message 0", "message 4999", "message 9999"]
    for n in range(1, count, 2):
        client.dele(n)
    client.quit()
    with session(instance, user) as client:
        assert client.stat()[0] == count // 2
        assert subject(client, 1) == "message 1"


def test_expire_at_once(make_instance):
    """EXPIRE 0 (RFC 2449 section 6.7): what was retrieved is gone after QUIT, what was not stays."""
    instance, user = make_instance(options={"pop3_expire": 0}), "alice@example.org"
    fill(instance, user, 3)
    client = instance.pop3(user)
    assert "EXPIRE" in client.capa() and client.capa()["EXPIRE"] == ["0"]
    client.retr(2)
    client.top(3, 0)  # only RETR counts
    client.close()
    wait_until(lambda: len(instance.messages(user)) == 3 if can_alice_log_in(instance) else False, "a free maildrop")
    # messages() retrieved them all and said QUIT.
    assert instance.messages(user) == []


def can_alice_log_in(instance):
    try:
        instance.pop3().quit()
        return True
    except poplib.error_proto:
        return False


def test_expire_after_days(make_instance):
    instance, user = make_instance(options={"pop3_expire": 30}), "alice@example.org"
    fill(instance, user, 1)
    for days in (40, 20):
        moment = int(time.time()) - days * 86400
        drop_file(instance, user, f"{moment}.M1P1.elsewhere", b"Subject: %d days old\r\n\r\ntext\r\n" % days, days * 86400)
    client = instance.pop3(user)
    count = client.stat()[0]
    found = sorted(subject(client, n) for n in range(1, count + 1))
    client.quit()
    assert found == ["20 days old", "message 0"]
    instance.wait_for_files(user, 2)


# --- the process under a session ---


def test_reload_under_a_session(make_instance):
    """A session keeps the policy it began with; the next ones get the new policy and the new limits."""
    instance, user = make_instance(options={"workers": 2}), "alice@example.org"
    fill(instance, user, 3)
    before = instance.pop3(user)
    assert before.capa()["EXPIRE"] == ["NEVER"]
    instance.set_options({"pop3_expire": 30, "pop3_login_delay": 0, "connection_limit_per_address": 3})
    instance.reload()

    def all_workers_are_new():
        found = []
        for _ in range(8):
            client = instance.pop3(login=False)
            found.append(client.capa()["EXPIRE"])
            client.quit()
        return all(policy == ["30"] for policy in found)

    wait_until(all_workers_are_new, "the new policy")
    assert before.capa()["EXPIRE"] == ["NEVER"]
    assert before.stat()[0] == 3
    others = [instance.pop3(login=False, service="pop3") for _ in range(2)]
    with pytest.raises((poplib.error_proto, OSError, EOFError), match="too many connections"):
        instance.pop3(login=False, service="pop3")
    for client in others:
        client.quit()
    before.dele(2)
    before.quit()
    assert [b"message 0" in text for text in instance.messages(user)] == [True, False]


def test_told_to_end_twice(make_instance):
    """A service manager signals every process of the unit, and the supervisor passes its own signal on: a session in the middle
    of a message gets its grace all the same."""
    instance, user = make_instance(options={"workers": 1}), "alice@example.org"
    text = b"Subject: long\r\n\r\n" + b"a line of a long message\r\n" * 400_000
    drop_file(instance, user, "1700000000.M1P1.elsewhere", text)
    client = instance.pop3(user)
    client._putcmd("RETR 1")
    assert client._getresp().startswith(b"+OK")
    lines = [client.file.readline()]
    (pid,) = instance.children("pop3d")
    for times in (1, 2, 3):
        os.kill(pid, 15)
        wait_until(lambda: len(re.findall(r"pop3d\S* info stopping", instance.log())) == times, "the signal to be seen")
    while lines[-1] not in (b"", b".\r\n"):
        lines.append(client.file.readline())
    assert b"".join(lines) == text + b".\r\n"
    client.close()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the process")


# --- files that others wrote ---


def test_files_with_bare_newlines(instance, user):
    """Other programs store mail with LF only: it is served with CRLF, and every size is that of what is served."""
    texts = {
        "lf": b"Subject: lf\n\n.leading dot\ntext\n",
        "crlf": b"Subject: crlf\r\n\r\n.leading dot\r\ntext\r\n",
        "mixed": b"Subject: mixed\n\nfirst\r\nsecond\n",
        "no-end": b"Subject: no-end\n\nno line end at the end",
        "big": b"Subject: big\n\n" + b"a line of text\n" * 50_000,
    }
    for n, (name, text) in enumerate(texts.items()):
        drop_file(instance, user, f"{1_700_000_000 + n}.M{n}P1.elsewhere", text)
    with session(instance, user) as client:
        listed = [int(line.split()[1]) for line in client.list()[1]]
        served = [b"\r\n".join(client.retr(n)[1]) + b"\r\n" for n in range(1, len(texts) + 1)]
        total = client.stat()[1]
    wanted = [text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for text in texts.values()]
    for text, want in zip(served, wanted):
        assert text == want or text == want + b"\r\n"  # the protocol ends the last line
    exact = [len(text) for name, text in zip(texts, served) if name != "no-end"]
    assert [size for name, size in zip(texts, listed) if name != "no-end"] == exact
    assert total == sum(listed)


def test_foreign_files_keep_their_unique_ids(instance, user):
    drop_file(instance, user, "1700000000.M1P1.elsewhere", b"Subject: foreign\n\ntext\n")
    with session(instance, user) as client:
        first = unique_ids(client)
    assert len(first) == 1
    fill(instance, user, 1)
    with session(instance, user) as client:
        assert unique_ids(client)[0] == first[0]
        client.dele(1)
    instance.wait_for_files(user, 1)
    with session(instance, user) as client:
        assert [subject(client, 1)] == ["message 0"]


def test_a_message_that_vanished_from_the_disk(instance, user):
    """Somebody removed the file under a session: a clear answer, and the others are served."""
    fill(instance, user, 2)
    with session(instance, user) as client:
        victim = next(path for path in instance.files(user) if b"message 0" in path.read_bytes())
        victim.unlink()
        with pytest.raises(poplib.error_proto):
            client.retr(1)
        assert b"body of 1" in client.retr(2)[1]
    assert without_trace(instance.messages(user, PASSWORD)[-1]) == b"Subject: message 1\r\n\r\nbody of 1\r\n"
