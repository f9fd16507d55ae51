"""Puts mail straight into the queue of an instance, as the tables of queue.db hold it: what a test of the commands wants to
see there, in any state and number, without a delivery.

    with QueueFiller(instance) as queue:
        queue.add("ID1", "alice@example.org", [{"address": "bob@example.net", "attempts": 3, "text": "4.7.1 Try later", "code": 451}])
"""

import sqlite3
import time

STATES = {"waiting": 0, "active": 1, "held": 2, "incoming": 3, "delivered": 4, "failed": 5, "removed": 6}
OPEN = ("waiting", "active", "held", "incoming")
SECOND = 1_000_000
BODIES_IN_FOLDER = 4096


class QueueFiller:
    def __init__(self, instance):
        instance.postern("queue", "count")  # makes queue.db
        self.folder = instance.root / "data" / "queue"
        self.db = sqlite3.connect(self.folder / "queue.db")
        self.destinations = dict(self.db.execute("SELECT name, id FROM destination"))
        self.now = time.time_ns() // 1000

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if not any(error):
            self.commit()
        self.db.close()

    def commit(self):
        self.db.execute("UPDATE destination SET due=(SELECT min(due) FROM recipient WHERE destination=destination.id AND state=0)")
        self.db.commit()

    def destination(self, name):
        if name not in self.destinations:
            self.destinations[name] = self.db.execute("INSERT INTO destination(name) VALUES(?)", (name,)).lastrowid
        return self.destinations[name]

    def add(self, name, sender, recipients, age=0, subject="", login="", body=None, skip=0, top="", size=1000):
        """Recipients: an address each, or a dictionary with the address and columns of `recipient`."""
        recipients = [{"address": r} if isinstance(r, str) else r for r in recipients]
        received = self.now - age * SECOND
        over = None if any(r.get("state", "waiting") in OPEN for r in recipients) else self.now
        number = self.db.execute(
            "INSERT INTO message(name, sender, envid, login, msgid, subject, flags, received, expires, size, skip, top, over)"
            " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (name, sender, "", login, f"<{name}@example.org>", subject, 1, received, received + 4 * 86400 * SECOND,
             len(body) if body is not None else size, skip, top, over)).lastrowid
        for n, recipient in enumerate(recipients):
            self.add_recipient(number, n, received, **recipient)
        if body is not None:
            path = self.folder / "messages" / str(number // BODIES_IN_FOLDER) / str(number)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_bytes(body)
        return number

    def add_recipient(self, number, n, received, address, state="waiting", destination=None, due_in=300, attempts=0, code=0,
                      text="", host="", notify=0, orcpt=""):
        self.db.execute(
            "INSERT INTO recipient(message, n, address, orcpt, notify, destination, state, due, attempts, changed, code, text, host,"
            " theirs) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (number, n, address, orcpt, notify, self.destination(destination or address.rpartition("@")[2]), STATES[state],
             self.now + due_in * SECOND, attempts, received, code, text, host, int(bool(code))))
