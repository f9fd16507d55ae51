"""Mail for elsewhere: taken in, queued, and handed on to Postfix's smtp-sink, which takes all and keeps nothing."""

import os
import re
import signal
import subprocess
import time

from servers import SINK_PORT, compare, load, tell


class Sink:
    def __init__(self, work):
        self.counters = work / "sink"
        self.output = open(self.counters, "wb")
        self.process = subprocess.Popen(["smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{SINK_PORT}", "1000"],
                                        stdout=self.output, stderr=subprocess.STDOUT)

    def count(self):
        """Messages so far: the last of the counters that it prints without end."""
        with open(self.counters, "rb") as file:
            file.seek(max(os.path.getsize(self.counters) - 200, 0))
            found = re.findall(rb"mesg=(\d+)\r", file.read())
        return int(found[-1]) if found else 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.output.close()


def relay(server, sink, sessions, count):
    """Messages a second until the last 250, and until the last one is at the next host."""
    os.sync()
    before = sink.count()
    begin = time.monotonic()
    figures = load("smtp", server.smtp_port, sessions=sessions, count=count, size=4096, users=10, recipient="u%d@far.test")
    while sink.count() < before + count:
        time.sleep(0.005)
        assert time.monotonic() - begin < 300, "mail was accepted but not sent on"
    figures["through_rate"] = count / (time.monotonic() - begin)
    return figures


def run_all(servers, work, arguments):
    sink = Sink(work)
    try:
        for sessions in (1, 10, 50):
            count = arguments.count if sessions > 1 else arguments.count // 2
            results = compare(f"SMTP 4 KiB for elsewhere, {sessions} sessions, to the 250", servers,
                              lambda server: relay(server, sink, sessions, count), "rate", "messages/s", arguments.runs)
            tell("… until it is at the next host", servers, results, "through_rate", "messages/s")
    finally:
        sink.stop()
