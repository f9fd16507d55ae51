"""Routes in the configuration: what `postern config` makes of them, and that a server takes changed ones over."""

import re

import pytest

from postern_instance import Instance, wait_until
from queue_filler import QueueFiller

ROUTES = """
relay_networks = { "192.0.2.0/24", "::1" }
relay_domains = { "backup.example" }
route provider {
    domains = { "*" }
    via = "smtp://smtp.example.net:587"
    user = "me"
    password_file = "secret"
    rate = 60
}
route office { domains = { "office.example", ".office.example" } via = "lmtp:/run/office" }
"""


@pytest.fixture
def idle(tmp_path):
    instance = Instance(tmp_path, users=False, serve=False)
    yield instance
    instance.close()


def configure(instance, text):
    instance.config.write_text(instance.config.read_text() + text)


def test_show_is_a_configuration_again(idle, tmp_path):
    configure(idle, ROUTES)
    shown = idle.postern("config", "show").stdout
    assert 'route provider {\n    domains = { "*" }\n    via = "smtp://smtp.example.net:587"\n    user = "me"\n' in shown
    assert '    tls = "verified"\n' in shown and "# password_file\n# The file whose first line" in shown
    again = tmp_path / "again.conf"
    again.write_text(shown)
    assert idle.run("-c", str(again), "config", "show").stdout == shown


def test_show_as_json(idle):
    configure(idle, ROUTES)
    found = {(row["route"], row["name"]): row["value"] for row in idle.json("config", "show") if "route" in row}
    assert found["provider", "domains"] == ["*"] and found["office", "via"] == "lmtp:/run/office"
    assert found["provider", "rate"] == 60 and found["office", "tls"] == "policy"
    lists = {row["name"]: row["value"] for row in idle.json("config", "show") if row["section"] == ""}
    assert lists["relay_networks"] == ["192.0.2.0/24", "::1"] and lists["relay_domains"] == ["backup.example"]


def test_check_looks_for_the_password(idle):
    configure(idle, ROUTES)
    secret = idle.config.parent / "secret"
    for content, reason in ((None, "not found"), ("\nx\n", "the first line"), ("", "the first line")):
        if content is not None:
            secret.write_text(content)
        result = idle.postern("config", "check", check=False)
        assert result.returncode == 1 and "route provider: " in result.stderr and reason in result.stderr, result
    secret.write_text("pass\n")
    idle.postern("config", "check")


def test_check_tells_every_mistake_with_its_line(idle):
    before = idle.config.read_text().count("\n")
    configure(idle, 'route a { domains = { "x y" } }\nroute b { domains = { "b.example" } via = "host" }\n'
                    'route a { domains = { "B.example" } }\n')
    result = idle.postern("config", "check", check=False)
    assert result.returncode == 1
    lines = [int(re.search(r"postern\.conf:(\d+): ", line)[1]) - before for line in result.stderr.splitlines()]
    assert lines == [1, 2, 3, 3], result.stderr


def test_what_waits_follows_a_reload(tmp_path):
    """Held mail too, so that nothing here needs a name server; what an administrator sent another way does not."""
    instance = Instance(tmp_path, users=False)
    try:
        with QueueFiller(instance) as queue:
            queue.add("A", "a@example.org", [{"address": "x@far.example", "state": "held"}])
            queue.add("B", "a@example.org", [{"address": "x@far.example", "state": "held", "destination": "mx:far.example"}])
        good = instance.config.read_text()

        def destination(name):
            return instance.json("queue", "show", name)["recipients"][0]["destination"]

        configure(instance, 'route far { domains = { "far.example" } via = "host" }\n')
        instance.reload()
        instance.wait_log("via = ")
        instance.config.write_text(good)
        assert destination("A") == "far.example"
        configure(instance, 'route far { domains = { "far.example" } via = "smtp://127.0.0.1:1" }\n')
        instance.reload()
        wait_until(lambda: destination("A") == "route:far", "the new route")
        assert destination("B") == "mx:far.example"
        instance.config.write_text(good)
        instance.reload()
        wait_until(lambda: destination("A") == "far.example", "the old way")
    finally:
        instance.close()
