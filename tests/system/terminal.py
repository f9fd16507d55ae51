"""Runs a program that wants a terminal, types into it what is told, and keeps what it showed."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time


def run_in_terminal(command, environment, seconds=60, answers=()):
    """Runs the program to its end, which its own commands have to bring about; returns what it wrote to the screen.

    answers: (what appears on the screen, as a regular expression; what is typed then), one after the other.
    """
    answers, answered = list(answers), 0
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=dict(environment, TERM="xterm"),
                               start_new_session=True)
    os.close(slave)
    screen, deadline = b"", time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    data = os.read(master, 65536)
                except OSError:  # the last process that had the terminal has ended
                    data = b""
                if not data:
                    break
                screen += data
                while answers and (match := re.compile(answers[0][0].encode()).search(screen, answered)):
                    answered = match.end()
                    os.write(master, answers.pop(0)[1].encode())
            elif process.poll() is not None:
                break
        assert time.monotonic() < deadline, f"not done after {seconds} s, waiting for {answers[:1]}; on the screen: {screen[-3000:]!r}"
        code = process.wait(10)
    finally:
        process.kill()
        os.close(master)
    assert not answers, f"never saw {answers[0][0]!r}; on the screen: {screen[-3000:]!r}"
    assert code == 0, f"{command}: {code}; on the screen: {screen[-3000:]!r}"
    return screen
