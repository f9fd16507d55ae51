"""What came of each recipient is known and told, in whatever order the answers come and whatever ends the attempt."""

import resource
import threading
from pathlib import Path

import pytest

from next_hop import DEFAULT, EXTENSIONS, SILENCE, wait_for
from postern_instance import wait_until
from sending import SENDER, subjects


@pytest.mark.parametrize("answer", ["452 4.5.3 too many recipients", "452 too many", "552 5.5.3 too many", "552 too many"])
def test_who_is_refused_beside_one_that_is_put_back_is_told_of(world, answer):
    """RFC 5321 section 4.5.3.1.10: "too many" is no verdict; it must not hide those of others."""
    hop = world.network.hop("127.0.0.2")
    hop.answers["RCPT"] = [answer]
    hop.refuse["eve@example.net"] = "550 5.1.1 no such user"
    world.domain("example.net", "127.0.0.2")
    world.start()
    name = world.send("bob@example.net", "carol@example.net", "eve@example.net")
    assert subjects(hop.wait_messages(2)) == [name, name]
    assert sorted(one for message in hop.messages for one in message.recipients) == ["bob@example.net", "carol@example.net"]
    report = world.wait_report()
    assert [one["Final-Recipient"] for one in report.recipients] == ["rfc822;eve@example.net"]
    world.wait_queue(count=0)
    assert sorted(one["state"] for one in world.recipients()) == ["delivered", "delivered", "failed"]


def test_a_text_that_is_lost_is_told_of_in_the_end(world):
    hop = world.network.hop("127.0.0.2")
    hop.answers["MAIL"] = ["451 4.3.0 later"]
    world.domain("example.net", "127.0.0.2")
    world.start(options={"delay_notice_after": "0s"})
    world.send("carol@example.net", body=b"a line of the text\r\n" * 20000)
    world.wait_queue(attempts=1)
    bodies = [path for path in (world.instance.data / "queue" / "messages").glob("*/*") if path.is_file()]
    assert len(bodies) == 1
    bodies[0].unlink()
    world.advance_until(lambda: world.instance.files(SENDER), hours=12)
    report = world.wait_report()
    assert report.of("carol@example.net")["Action"] == "failed"
    assert "the text of the message cannot be read" in report.words
    world.wait_queue(count=0)
    assert hop.messages == []


def test_what_was_taken_before_it_was_broken_off_is_not_sent_again(world):
    """Of two transactions the second is under way when relayd has to end."""
    hop = world.network.hop("127.0.0.2", extensions=[*EXTENSIONS, "LIMITS RCPTMAX=2"])
    let_go = threading.Event()
    hop.answers["end"] = [DEFAULT, (wait_for(let_go), "250 2.0.0 kept")]
    world.domain("example.net", "127.0.0.2")
    world.start(options={"shutdown_grace": "1s"})
    world.send(*[f"r{n}@example.net" for n in range(4)])
    hop.wait_messages(1)
    wait_until(lambda: hop.answers["end"] == [], "the second text")
    world.instance.stop()
    assert sorted(one["state"] for one in world.recipients()) == ["delivered", "delivered", "waiting", "waiting"]
    let_go.set()
    world.instance.serve()
    world.advance_until(lambda: not world.waiting(), minutes=6)
    assert sorted(one for message in hop.messages for one in message.recipients) == [f"r{n}@example.net" for n in range(4)]


def test_a_want_of_descriptors_is_not_the_hosts_fault(world):
    hop = world.network.hop("127.0.0.2")
    world.start(append=f'route there {{ domains = {{ "example.net" }}\n via = "smtp://127.0.0.2:{world.network.port}" }}\n')
    (relayd,) = world.instance.children("relayd")
    soft, hard = resource.prlimit(relayd, resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path(f"/proc/{relayd}/fd").iterdir()) + 1
    resource.prlimit(relayd, resource.RLIMIT_NOFILE, (used, hard))
    name = world.send("carol@example.net")
    wait_until(lambda: "delivery.no_connection" in world.instance.log(), "the want of a descriptor")
    world.wait_queue(count=1)
    assert [one["attempts"] for one in world.waiting()] == [0]
    resource.prlimit(relayd, resource.RLIMIT_NOFILE, (soft, hard))
    world.advance_until(lambda: hop.messages, seconds=10)
    assert subjects(hop.messages) == [name]


def test_destinations_that_do_not_answer_do_not_hide_one_that_does(world):
    """More of them are due than the scheduler looks at in one go, and they have all the places that they may have."""
    good = world.network.hop("127.0.0.2")
    silent = world.network.hop("127.0.0.3")
    silent.answers["greeting"] = SILENCE
    world.domain("good.example", "127.0.0.2")
    silents = [f"s{n}.example" for n in range(120)]
    for domain in silents:
        world.domain(domain, "127.0.0.3")
    world.start(options={"relay_connections": 4, "shutdown_grace": "1s"})
    world.send("carol@good.example")
    good.wait_messages(1)
    for first in range(0, 120, 40):
        world.send(*[f"carol@{domain}" for domain in silents[first:first + 40]])
    wait_until(lambda: silent.open_now >= 2, "as many sessions with the silent ones as may be")
    world.send("dave@good.example")
    good.wait_messages(2)
    world.wait_queue(count=120)
