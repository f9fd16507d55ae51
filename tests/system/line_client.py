"""A client that says exactly what a test tells it to say, and reads line by line."""

import re
import socket

from postern_instance import tls_context


class LineClient:
    """One connection to a service of an instance ("smtp", "pop3s" …), or to its LMTP socket ("lmtp")."""

    def __init__(self, instance, service, timeout=20, source=None):
        if service == "lmtp":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(instance.root / "run" / "lmtp.sock"))
        else:
            self.socket = socket.create_connection(("127.0.0.1", instance.port(service)), timeout,
                                                   source_address=(source, 0) if source else None)
        self.pending = b""
        if service in ("submissions", "pop3s", "imaps"):
            self.start_tls()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start_tls(self):
        self.socket = tls_context().wrap_socket(self.socket, server_hostname="localhost")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.pending:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed by the server, after {self.pending!r}")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a line without CR: {line!r}"
        return line[:-1].decode("utf-8", "surrogateescape")

    def reply(self):
        """An SMTP reply of one or more lines: its code, and its last line's text."""
        while (line := self.line())[3:4] == "-":
            pass
        return int(line[:3]), line[4:]

    def ask(self, command):
        """Sends a command line; the SMTP reply to it."""
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def expect(self, pattern, command=None):
        """Sends a command line, if one is given; the next line must match."""
        if command is not None:
            self.send(command.encode() + b"\r\n")
        line = self.line()
        assert re.search(pattern, line), f"{command!r} was answered {line!r}, which does not match {pattern!r}"
        return line

    def expect_eof(self):
        assert self.pending == b"", f"not closed, but {self.pending!r}"
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        assert data == b"", f"not closed, but {data!r}"

    def close(self):
        self.socket.close()
