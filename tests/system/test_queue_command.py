"""`postern queue`: what it shows and changes, of a queue that the test filled, and how it says what it does not do."""

import re
import subprocess

import pytest

from postern_instance import Instance, build_folder
from queue_filler import QueueFiller

REPLY = {"attempts": 3, "code": 451, "text": "4.7.1 Try again later", "host": "mx.example.net [192.0.2.1]"}
BODY = b"Return-Path: <alice@example.org>\r\nSubject: lunch\r\n\r\nat noon\r\n"


@pytest.fixture
def queue(tmp_path):
    """An instance that does not serve, with mail of each kind."""
    instance = Instance(tmp_path, users=False, serve=False)
    with QueueFiller(instance) as filler:
        filler.add("LUNCH", "alice@example.org", [dict(REPLY, address="bob@example.net"), "carol@example.com"], age=7200,
                   subject="lunch", login="alice@example.org", body=BODY, skip=BODY.index(b"Subject"),
                   top="Delivered-To: list@example.org\r\n")
        filler.add("BOUNCE", "", [{"address": "dave@example.net", "state": "held"}], age=3600)
        filler.add("DONE", "alice@example.org", [{"address": "bob@example.net", "state": "delivered", "attempts": 1}], age=600)
        filler.add("ELSEWHERE", "bob@example.org", [{"address": "erin@example.info", "destination": "route:office"}], age=60)
    yield instance
    instance.close()


def names(queue, *arguments):
    return [message["id"] for message in queue.json("queue", "list", *arguments)["messages"]]


def states(queue, name):
    message = queue.json("queue", "show", name)
    return {recipient["address"]: recipient["state"] for recipient in message["recipients"]}


def refused(result, *texts, code=1):
    assert result.returncode == code, result
    for text in texts:
        assert text in result.stderr, result.stderr


def raw(queue, *arguments):
    """The output as bytes."""
    program = str(build_folder() / "admin" / "postern")
    return subprocess.run([program, "-c", str(queue.config), "queue", *arguments], capture_output=True, check=True).stdout


# --- looking ---

def test_the_list_explains(queue):
    text = queue.postern("queue", "list").stdout
    assert re.search(r"^LUNCH  61 B, 2 h ago, from alice@example\.org: lunch$", text, re.M), text
    assert re.search(r"^    bob@example\.net  waiting, attempt 4 in (4|5|\d+) \w+$", text, re.M), text
    assert "        mx.example.net [192.0.2.1]: 451 4.7.1 Try again later\n" in text
    assert re.search(r"^    dave@example\.net  held for 60 min, after 0 attempts$", text, re.M), text
    assert re.search(r"^    erin@example\.info  waiting, attempt 1 in .*, by route:office$", text, re.M), text
    assert "from <>" in text and "DONE" not in text


@pytest.mark.parametrize("filters, expected", [
    ([], "LUNCH BOUNCE ELSEWHERE"),
    (["--state", "all"], "LUNCH BOUNCE DONE ELSEWHERE"),
    (["--state", "over"], "DONE"),
    (["--state", "held,delivered"], "BOUNCE DONE"),
    (["--id", "LUNCH"], "LUNCH"),
    (["--id", "lunch"], ""),
    (["--sender", "Alice@Example.ORG"], "LUNCH"),
    (["--sender", "@example.org"], "LUNCH ELSEWHERE"),
    (["--sender", "<>"], "BOUNCE"),
    (["--recipient", "carol@example.com"], "LUNCH"),
    (["--domain", "example.net"], "LUNCH BOUNCE"),
    (["--domain", "example.net", "--state", "waiting"], "LUNCH"),
    (["--older-than", "30m"], "LUNCH BOUNCE"),
    (["--older-than", "90m"], "LUNCH"),
    (["--error", "TRY again"], "LUNCH"),
    (["--error", "100%"], ""),
    (["--destination", "route:office"], "ELSEWHERE"),
    (["--destination", "example.net", "--state", "all"], "LUNCH BOUNCE DONE"),
])
def test_filters(queue, filters, expected):
    assert names(queue, *filters) == expected.split()


def test_only_recipients_who_meet_the_filter_are_shown(queue):
    message, = queue.json("queue", "list", "--domain", "example.com")["messages"]
    assert [recipient["address"] for recipient in message["recipients"]] == ["carol@example.com"]


def test_pages(queue):
    seen, after = [], None
    while True:
        page = queue.json("queue", "list", "--limit", "2", *(["--after", str(after)] if after else []))
        seen += [message["id"] for message in page["messages"]]
        assert len(page["messages"]) <= 2
        after = page["next"]
        if after is None:
            break
    assert seen == ["LUNCH", "BOUNCE", "ELSEWHERE"]
    text = queue.postern("queue", "list", "--limit", "2").stdout
    after = re.search(r"^There is more: (--after \d+)$", text, re.M)[1]
    assert queue.postern("queue", "list", *after.split()).stdout.startswith("ELSEWHERE")


def test_show_tells_all(queue):
    message = queue.json("queue", "show", "LUNCH")
    assert message["sender"] == message["login"] == "alice@example.org" and message["subject"] == "lunch"
    assert message["flags"] == ["8bit"] and message["size"] == len(BODY)
    bob, carol = message["recipients"]
    assert bob["last"] == {"code": 451, "text": "4.7.1 Try again later", "host": "mx.example.net [192.0.2.1]", "theirs": True}
    assert bob["attempts"] == 3 and bob["destination"] == "example.net" and carol["last"] is None
    text = queue.postern("queue", "show", "LUNCH").stdout
    assert re.search(r"^last reply  mx\.example\.net \[192\.0\.2\.1\]: 451 4\.7\.1 Try again later$", text, re.M)
    assert queue.postern("queue", "show", "DONE").stdout.count("delivered") == 1
    refused(queue.postern("queue", "show", "NONE", check=False), "no message NONE")
    refused(queue.postern("queue", "show", "LUNCH", "--message", "--json", check=False), code=2)


def test_show_prints_the_message_as_it_is_sent(queue):
    sent = raw(queue, "show", "LUNCH", "--message")
    assert sent == b"Delivered-To: list@example.org\r\nSubject: lunch\r\n\r\nat noon\r\n"
    refused(queue.postern("queue", "show", "BOUNCE", "--message", check=False), "not found")


def test_figures(queue):
    figures = queue.json("queue", "count")
    assert figures["messages"] == 3 and figures["bytes"] == len(BODY) + 2000
    assert figures["recipients"] == {"waiting": 3, "active": 0, "held": 1, "incoming": 0, "delivered": 1, "failed": 0,
                                     "removed": 0}
    text = queue.postern("queue", "count").stdout
    assert re.fullmatch(r"3 messages, 2\.0 KiB, the oldest 2 h old; 3 waiting, 1 held, 1 delivered\n", text), text
    status = queue.postern("status", check=False).stdout
    assert "\nqueue: " + text in status


def test_causes(queue):
    with QueueFiller(queue) as filler:
        for n in range(3):
            filler.add(f"DOWN{n}", "a@example.org", [{"address": "x@down.example", "text": "4.4.1 connection refused", "due_in": 720}])
    first, *others = queue.json("queue", "causes")
    assert first["destination"] == "down.example" and first["recipients"] == 3
    assert first["last"] == {"code": None, "text": "4.4.1 connection refused", "host": "", "theirs": False}
    assert [(cause["destination"], cause["recipients"]) for cause in others] == [
        ("example.com", 1), ("example.net", 1), ("example.net", 1), ("route:office", 1)]
    held, bob = others[1:3]
    assert held["due"] is None and held["last"] is None and bob["last"]["code"] == 451
    text = queue.postern("queue", "causes", "--limit", "1").stdout
    assert re.fullmatch(r"RECIPIENTS  DESTINATION   OLDEST  NEXT +LAST REPLY\n"
                        r"3           down\.example  \d+ s +in 1\d min  4\.4\.1 connection refused\n", text), text
    assert len(queue.json("queue", "causes", "--domain", "example.net")) == 2
    assert queue.json("queue", "causes", "--state", "failed") == []


# --- changing ---

def test_hold_and_release(queue):
    assert queue.postern("queue", "hold", "LUNCH").stdout == "2 recipients held\n"
    assert set(states(queue, "LUNCH").values()) == {"held"}
    assert queue.postern("queue", "hold", "LUNCH").stdout == "0 recipients held\n"
    assert queue.json("queue", "release", "--domain", "example.net") == {"recipients": 2}
    assert states(queue, "LUNCH") == {"bob@example.net": "waiting", "carol@example.com": "held"}
    assert states(queue, "BOUNCE") == {"dave@example.net": "waiting"}


def test_retry_makes_due(queue):
    assert queue.postern("queue", "retry", "--error", "4.7.1").stdout == "1 recipient due now\n"
    assert "bob@example.net  waiting, attempt 4 now" in queue.postern("queue", "list").stdout
    assert "carol@example.com  waiting, attempt 1 in" in queue.postern("queue", "list").stdout
    assert queue.json("queue", "retry", "--all") == {"recipients": 3}


def test_remove_leaves_what_is_over(queue):
    assert queue.json("queue", "remove", "--sender", "<>") == {"recipients": 1}
    assert names(queue) == ["LUNCH", "ELSEWHERE"]
    assert queue.json("queue", "remove", "--all") == {"recipients": 3}
    assert names(queue) == [] and states(queue, "DONE") == {"bob@example.net": "delivered"}
    assert queue.postern("queue", "count").stdout == "empty; 1 delivered, 4 removed\n"


def test_route_by_mx_is_to_each_recipients_domain(queue):
    assert queue.json("queue", "route", "LUNCH", "ELSEWHERE", "--to", "mx") == {"recipients": 3}
    assert names(queue, "--destination", "mx:example.net") == names(queue, "--destination", "mx:example.com") == ["LUNCH"]
    assert names(queue, "--destination", "mx:example.info") == ["ELSEWHERE"]


def test_route_to_a_host_and_to_a_route(queue):
    assert queue.json("queue", "route", "--all", "--to", "SMTP://Relay.example") == {"recipients": 4}
    assert names(queue, "--destination", "smtp://relay.example:25") == ["LUNCH", "BOUNCE", "ELSEWHERE"]
    assert states(queue, "BOUNCE") == {"dave@example.net": "held"}
    refused(queue.postern("queue", "route", "--all", "--to", "route:office", check=False), "route:office")
    queue.config.write_text(queue.config.read_text() + 'route office { domains = { "office.example" } via = "lmtp:/run/x" }\n')
    assert queue.json("queue", "route", "LUNCH", "--to", "route:office") == {"recipients": 2}
    assert names(queue, "--destination", "via:office") == ["LUNCH"]


def test_a_name_that_is_not_there_is_told_and_the_others_are_changed(queue):
    result = queue.postern("queue", "hold", "NONE", "LUNCH", check=False)
    refused(result, "no message NONE")
    assert result.stdout == "2 recipients held\n"
    refused(queue.postern("queue", "remove", "--id", "NONE", check=False), "no message NONE")


@pytest.mark.parametrize("arguments", [
    ["retry"], ["remove"], ["remove", "--id", ""], ["hold", "--all", "--sender", "a@example.org"], ["hold", "--all", "LUNCH"],
    ["release", "LUNCH", "--id", "LUNCH"], ["route", "--all"], ["route", "--all", "--to", "relay.example"],
    ["list", "--limit", "0"], ["list", "--after", "x"], ["list", "--state", "sleeping"], ["list", "--older-than", "soon"],
    ["show"],
])
def test_misuse_changes_nothing(queue, arguments):
    before = queue.json("queue", "list", "--state", "all")
    refused(queue.postern("queue", *arguments, check=False), code=2)
    assert queue.json("queue", "list", "--state", "all") == before


def test_nothing_foreign_reaches_the_terminal(queue):
    with QueueFiller(queue) as filler:
        filler.add("EVIL", "mallory@example.org", [{"address": "x@example.net", "text": "\x1b[2J\r\nOK", "host": "h\x07"}],
                   subject="\x1b]0;title\x07")
    for arguments in (["list"], ["show", "EVIL"]):
        text = raw(queue, *arguments)
        assert b"\x1b" not in text and b"\x07" not in text and b"\r" not in text


def test_works_beside_a_server_and_without_one(tmp_path):
    instance = Instance(tmp_path)
    try:
        with QueueFiller(instance) as filler:
            filler.add("HELD", "alice@example.org", [{"address": "bob@example.invalid", "state": "held"}], body=BODY)
        assert names(instance) == ["HELD"]
        assert instance.json("queue", "remove", "HELD") == {"recipients": 1}
        assert names(instance) == []
    finally:
        instance.close()


def test_a_page_neither_walks_what_is_over_nor_sorts_what_waits(queue):
    with QueueFiller(queue) as filler:
        plans = [row[3] for row in filler.db.execute(
            "EXPLAIN QUERY PLAN SELECT message.id FROM message INDEXED BY message_over WHERE message.over IS NULL AND message.id>5"
            " ORDER BY message.id LIMIT 50")]
    assert plans == ["SEARCH message USING INDEX message_over (over=? AND rowid>?)"] or \
        plans == ["SEARCH message USING COVERING INDEX message_over (over=? AND rowid>?)"]
