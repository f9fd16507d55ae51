"""A message to many local recipients is one file on disk, linked into each mailbox."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from postern_instance import without_trace

pytestmark = pytest.mark.xdist_group("heavy")
RECIPIENTS = 50


def test_two_deliveries_to_fifty_recipients_are_two_files(make_instance):
    instance = make_instance()
    users = [f"user{n}@example.org" for n in range(RECIPIENTS)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda user: instance.add_user(user, "secret one"), users))
    sent = [instance.deliver(users, subject=f"to everybody {n}", body=b"text\r\n" * 1000) for n in range(2)]

    inodes = [[path.stat() for path in instance.files(user)] for user in users]
    assert all(len(one) == 2 for one in inodes)
    assert len({stat.st_ino for one in inodes for stat in one}) == 2
    assert {stat.st_nlink for one in inodes for stat in one} == {RECIPIENTS}
    for user in (users[0], users[-1]):
        assert sorted(without_trace(text) for text in instance.messages(user, "secret one")) == sorted(sent)

    # One recipient's deletion leaves the others' link alone.
    client = instance.pop3(users[0], "secret one")
    client.dele(1)
    client.dele(2)
    client.quit()
    instance.wait_for_files(users[0], 0)
    assert [path.stat().st_nlink for path in instance.files(users[1])] == [RECIPIENTS - 1] * 2
    assert sorted(without_trace(text) for text in instance.messages(users[1], "secret one")) == sorted(sent)


def test_a_recipient_named_twice_gets_one_copy(shared):
    """Directly, with a tag, and through an alias."""
    shared.add_user("once@example.org", "secret one")
    shared.postern("alias", "add", "both@example.org", "once@example.org", "alice@example.org")
    shared.deliver(["once@example.org", "once+tag@example.org", "ONCE@example.org", "both@example.org"])
    assert len(shared.files("once@example.org")) == 1
    assert len(shared.files("alice@example.org")) == 1
