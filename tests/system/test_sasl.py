"""Logging in: who may, who may no longer, and that guessing passwords harms nobody else."""

import base64
import contextlib
import os
import signal
import smtplib
import threading
import time

import pytest

from line_client import LineClient
from postern_instance import Instance, wait_until

pytestmark = pytest.mark.xdist_group("sasl")
PASSWORD = "secret one"


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    instance = Instance(tmp_path_factory.mktemp("sasl"))
    yield instance
    instance.close()


@pytest.fixture
def user(instance, numbers=iter(range(1000))):
    user = f"login{next(numbers)}@example.org"
    instance.add_user(user, PASSWORD)
    return user


def smtp_answer(instance, user, password, source=None):
    """The code and the text that AUTH PLAIN gets."""
    with LineClient(instance, "submissions", source=source) as client:
        assert client.reply()[0] == 220
        assert client.ask("EHLO client.example")[0] == 250
        return client.ask("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())


def pop3_answer(instance, user, password, source=None):
    """What PASS gets. The session is ended in order, so that the next one finds the maildrop free."""
    with LineClient(instance, "pop3s", source=source) as client:
        client.expect(r"^\+OK")
        client.expect(r"^\+OK", f"USER {user}")
        answer = client.expect(r"^(\+OK|-ERR)", f"PASS {password}")
        client.expect(r"^\+OK", "QUIT")
        return answer


def may_enter(instance, user, password):
    """The same verdict by both protocols."""
    smtp, pop3 = smtp_answer(instance, user, password)[0], pop3_answer(instance, user, password)
    assert (smtp, pop3[:3]) in ((235, "+OK"), (535, "-ER"))
    return smtp == 235


def test_a_new_password_counts_at_once(instance, user):
    """Although the old one was right a moment ago, and is remembered as such (auth_cache_time)."""
    for _ in range(2):
        assert may_enter(instance, user, PASSWORD)
    instance.postern("user", "passwd", user, "--password-stdin", input="another secret\n")
    assert not may_enter(instance, user, PASSWORD)
    for _ in range(2):
        assert may_enter(instance, user, "another secret")


def test_a_disabled_user(instance, user):
    assert may_enter(instance, user, PASSWORD)
    instance.postern("user", "set", user, "--disable")
    assert not may_enter(instance, user, PASSWORD)
    # Only who knows the password learns that the account is disabled.
    right, wrong = (smtp_answer(instance, user, password) for password in (PASSWORD, "wrong"))
    assert right[0] == wrong[0] == 535 and right[1] != wrong[1]
    assert "[SYS/PERM]" in pop3_answer(instance, user, PASSWORD)
    assert "[AUTH]" in pop3_answer(instance, user, "wrong")
    # Mail is not lost on the way: it is to be tried again later.
    with pytest.raises(smtplib.SMTPRecipientsRefused) as raised:
        instance.deliver([user])
    assert raised.value.recipients[user][0] == 450
    instance.postern("user", "set", user, "--enable")
    assert may_enter(instance, user, PASSWORD)
    instance.deliver([user])


def test_a_removed_user(instance, user):
    assert may_enter(instance, user, PASSWORD)
    instance.postern("user", "remove", user)
    assert not may_enter(instance, user, PASSWORD)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as raised:
        instance.deliver([user])
    assert raised.value.recipients[user][0] == 550
    # Somebody else gets the name: nothing of the former user is left.
    instance.add_user(user, "another secret")
    assert not may_enter(instance, user, PASSWORD)
    assert may_enter(instance, user, "another secret")
    assert instance.messages(user, "another secret") == []


def test_unknown_users_look_like_wrong_passwords(instance, user):
    assert smtp_answer(instance, user, "wrong") == smtp_answer(instance, "nobody@example.org", "wrong")
    assert pop3_answer(instance, user, "wrong") == pop3_answer(instance, "nobody@example.org", "wrong")


def test_login_names(instance, user):
    """The whole address in any case; the bare name while there is one domain only."""
    name = user.split("@")[0]
    for typed in (user, user.upper(), name):
        assert may_enter(instance, typed, PASSWORD), typed
    for typed in (f"{name}@elsewhere.example", f"{name}+tag@example.org", f"{name}@", "@example.org", f" {name} x"):
        assert not may_enter(instance, typed, PASSWORD), typed


@pytest.mark.parametrize("password", ["with spaces  in it ", "pässwörd 密码", "\"quoted\\\"", "x" * 200])
def test_passwords_of_every_kind(instance, password, numbers=iter(range(1000))):
    user = f"kind{next(numbers)}@example.org"
    instance.add_user(user, password)
    assert may_enter(instance, user, password)
    assert not may_enter(instance, user, password[:-1] + "y")


def test_nobody_acts_as_another(instance, user):
    """SASL PLAIN with an authorization identity (RFC 4616) is for oneself only."""
    def answer(identity):
        with LineClient(instance, "submissions") as client:
            client.reply()
            client.ask("EHLO client.example")
            message = f"{identity}\0{user}\0{PASSWORD}".encode()
            return client.ask("AUTH PLAIN " + base64.b64encode(message).decode())[0]

    assert answer(user) == 235
    assert answer("alice@example.org") == 535


class Storm:
    """Clients that guess without pause, from addresses of one network, until the end of the `with` block."""

    def __init__(self, instance, users, network, count=6):
        self.instance, self.users = instance, users
        self.ended = threading.Event()
        self.tries = 0
        self.threads = [threading.Thread(target=self.guess, args=(f"127.{network}.0.{n + 1}", n)) for n in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def guess(self, source, n):
        while not self.ended.is_set():
            self.tries += 1
            with contextlib.suppress(OSError, AssertionError):  # slowed down, or sent away
                answer = smtp_answer(self.instance, self.users[self.tries % len(self.users)], f"guess {n} {self.tries}", source)
                assert answer[0] != 235


def test_guessing_does_not_lock_the_owner_out(instance, user):
    """The owner comes from another network, and is let in while the account is under attack."""
    with Storm(instance, [user], network=77) as storm:
        while storm.tries < 20:
            assert pop3_answer(instance, user, PASSWORD, source="127.0.0.1").startswith("+OK")
        # With a password that is not remembered as right, so that it has to be computed.
        instance.postern("user", "passwd", user, "--password-stdin", input="another secret\n")
        assert pop3_answer(instance, user, "another secret", source="127.0.0.1").startswith("+OK")
    assert pop3_answer(instance, user, "another secret", source="127.0.0.1").startswith("+OK")


def test_guessing_leaves_others_served(instance, user):
    victims = ["alice@example.org", "bob@example.org", "nobody@example.org", "root@example.org"]
    with Storm(instance, victims, network=78, count=10) as storm:
        while storm.tries < 20:
            client = instance.submission(user, PASSWORD, timeout=20)
            client.sendmail(user, [user], f"From: <{user}>\r\nSubject: meanwhile\r\n\r\ntext\r\n")
            client.quit()
            client = instance.pop3(user, PASSWORD, timeout=20)
            assert client.stat()[0] > 0
            client.quit()


def test_a_guesser_waits_longer_each_time(instance, user):
    """From one address, after some wrong passwords: even the right one is heard only after a while, but it is heard; and from
    elsewhere at once."""
    source = "127.79.0.1"
    for n in range(5):
        assert smtp_answer(instance, user, f"guess {n}", source)[0] == 535
    began = time.monotonic()
    assert smtp_answer(instance, user, PASSWORD, source)[0] == 235
    assert time.monotonic() - began >= 1
    assert pop3_answer(instance, user, PASSWORD).startswith("+OK")


def test_nobody_is_called_wrong_while_authd_is_away(instance, user):
    """A mail program that hears "wrong password" asks its user for another one; "later" is the truth."""
    for answer in (smtp_answer, pop3_answer):
        (pid,) = wait_until(lambda: instance.children("authd"), "authd")
        os.kill(pid, signal.SIGKILL)
        got = answer(instance, user, PASSWORD)
        if isinstance(got, str):
            assert got.startswith(("-ERR [SYS/TEMP]", "+OK")), got
        else:
            assert got[0] in (454, 235), got

    def is_let_in():
        return smtp_answer(instance, user, PASSWORD)[0] == 235

    wait_until(is_let_in, "authd")


def test_silence_of_authd(instance, user):
    """authd hangs: clients wait for it, everything else goes on."""
    (pid,) = wait_until(lambda: instance.children("authd"), "authd")
    os.kill(pid, signal.SIGSTOP)
    try:
        with contextlib.ExitStack() as held:
            for _ in range(20):
                client = held.enter_context(LineClient(instance, "pop3s"))
                client.expect(r"^\+OK")
                client.expect(r"^\+OK", f"USER {user}")
                client.send(f"PASS {PASSWORD}\r\n".encode())
            instance.deliver([user])
            with LineClient(instance, "pop3s") as client:
                client.expect(r"^\+OK")
                client.expect(r"^\+OK", "CAPA")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert wait_until(lambda: pop3_answer(instance, user, PASSWORD).startswith("+OK"), "a login")
