"""`postern queue suppress`: the addresses that nothing is sent to."""

import datetime

import pytest

from postern_instance import Instance


@pytest.fixture
def instance(tmp_path):
    instance = Instance(tmp_path, users=False, serve=False)
    yield instance
    instance.close()


def refused(result, *texts, code=1):
    assert result.returncode == code, result
    for text in texts:
        assert text in result.stderr, result.stderr


def listed(instance):
    return {entry["address"]: entry for entry in instance.json("queue", "suppress", "list")}


def days(entry):
    since, until = (datetime.datetime.fromisoformat(entry[name].rstrip("Z")) for name in ("since", "until"))
    return (until - since).days


def test_added_listed_removed(instance):
    assert listed(instance) == {}
    instance.postern("queue", "suppress", "add", "Bob@Example.NET", "carol@example.net")
    instance.postern("queue", "suppress", "add", "dave@example.net", "--for", "30d", "--reason", "asked us to stop")
    entries = listed(instance)
    assert list(entries) == ["bob@example.net", "carol@example.net", "dave@example.net"]
    assert days(entries["bob@example.net"]) == 7
    assert days(entries["dave@example.net"]) == 30
    assert entries["dave@example.net"]["text"] == "asked us to stop"
    assert entries["dave@example.net"]["code"] == 0
    text = instance.postern("queue", "suppress", "list").stdout
    assert text.splitlines()[0].split() == ["ADDRESS", "SINCE", "UNTIL", "REASON"]
    assert "asked us to stop" in text
    instance.postern("queue", "suppress", "remove", "carol@example.net", "BOB@example.net")
    assert list(listed(instance)) == ["dave@example.net"]


def test_what_is_refused(instance):
    def run(*arguments):
        return instance.postern(*arguments, check=False)

    refused(run("queue", "suppress"), code=2)
    refused(run("queue", "suppress", "forget", "bob@example.net"), "none of list, add, remove", code=2)
    refused(run("queue", "suppress", "add"), "add needs an address", code=2)
    refused(run("queue", "suppress", "list", "bob@example.net"), "takes no address", code=2)
    refused(run("queue", "suppress", "add", "bob@example.net", "--for", "soon"), "12h or 30d", code=2)
    refused(run("queue", "suppress", "add", "bob@example.net", "nonsense"), "nonsense is no address")
    refused(run("queue", "suppress", "remove", "bob@example.net"), "bob@example.net is not on the list")
    assert listed(instance) == {}
