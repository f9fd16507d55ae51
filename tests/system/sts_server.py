"""Where domains publish their MTA-STS policies (RFC 8461 section 3.3): HTTPS for any number of hosts on one loopback address.

    sts = StsServer("127.0.3.1", port, authority)
    sts.policies["mta-sts.example.net"] = policy("enforce", "mx.example.net")
    sts.certificates["mta-sts.example.net"] = …            else a good one is issued
    sts.status["mta-sts.example.net"] = 404
    sts.requests                                           (host, path), as they came
    sts.posts                                              (host, headers, body)
"""

import http.server
import ssl
import threading


def policy(mode, *hosts, max_age=86400, version="STSv1"):
    return "".join(f"{line}\r\n" for line in [f"version: {version}", f"mode: {mode}", *(f"mx: {host}" for host in hosts),
                                              f"max_age: {max_age}"]).encode()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that do not like the certificate go away; that is their right."""

    def finish_request(self, request, client_address):
        # The handshake belongs to the connection's own thread: a slow client keeps nobody waiting.
        request.settimeout(30)
        request.do_handshake()
        super().finish_request(request, client_address)


class StsServer:
    def __init__(self, address, port, authority):
        self.address, self.authority = address, authority
        self.policies, self.certificates, self.status, self.headers = {}, {}, {}, {}
        self.requests, self.posts = [], []
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, body):
                host = self.headers["Host"].split(":")[0]
                self.send_response(outer.status.get(host, 200))
                for name, value in {"Content-Type": "text/plain", **outer.headers.get(host, {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                host = self.headers["Host"].split(":")[0]
                outer.requests.append((host, self.path))
                known = self.path == "/.well-known/mta-sts.txt" and host in outer.policies
                if not known:
                    outer.status.setdefault(host, 404)
                self.answer(outer.policies[host] if known else b"")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts.append((self.headers["Host"].split(":")[0], dict(self.headers), body))
                self.answer(b"")

        self.server = _Server((address, port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self.choose_certificate
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True)
        self.thread.start()

    def choose_certificate(self, connection, name, _context):
        with self.lock:
            if name not in self.certificates:
                self.certificates[name] = self.authority.issue(name or "nameless.example")
        connection.context = self.certificates[name].context()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(20)
