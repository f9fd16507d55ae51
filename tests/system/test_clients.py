"""Mail programs that people have, sending on every port and retrieving on both: what arrives is what was sent, byte for byte, but
for the trace fields on top.

Programs that keep mail with bare LF line ends on disk (fetchmail, getmail, mpop, msmtp's input) are compared after CRLF was put
back. Each retrieving program is given a maildrop with the whole set of messages.
"""

import os
import subprocess

import pytest

from postern_instance import tls_context, without_trace

SENDER = "bob@example.org"
PASSWORD = "bob-pass-2"


def message(name, body, to="alice@example.org", extra=""):
    head = (f"From: Bob <{SENDER}>\r\nTo: <{to}>\r\nSubject: {name}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
            f"Message-ID: <{name}@example.org>\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n{extra}\r\n")
    return head.encode() + body


def attachment(size):
    line = b"TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n"
    return line * (size // len(line))


MESSAGES = {
    "plain": message("plain", b"hello\r\n"),
    "empty-body": message("empty-body", b""),
    "dots": message("dots", b".\r\n..\r\n...\r\n.leading\r\n. \r\nmid.dle\r\n\r\n.\r\nend\r\n"),
    "long-lines": message("long-lines", (b"x" * 998 + b"\r\n") * 5 + b"." * 998 + b"\r\n"),
    "eight-bit": message("eight-bit", "Grüße aus Köln, 你好\r\n".encode() + bytes(range(0xA0, 0x100)) + b"\r\n"),
    "utf8-header": message("utf8-header", b"body\r\n", extra="X-Place: Köln, 東京\r\n"),
}


def run(*command, input=None, timeout=240, **keywords):
    result = subprocess.run(command, input=input, capture_output=True, timeout=timeout, **keywords)
    assert result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result


def to_lf(data):
    return data.replace(b"\r\n", b"\n")


def to_crlf(data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


# --- sending ---


def send_curl(instance, port, data, folder, to):
    (folder / "mail").write_bytes(data)
    scheme = "smtps" if port == "submissions" else "smtp"
    command = ["curl", "--silent", "--show-error", "--url", f"{scheme}://127.0.0.1:{instance.port(port)}/client.example",
               "--mail-from", SENDER, "--upload-file", str(folder / "mail")]
    for recipient in to:
        command += ["--mail-rcpt", recipient]
    if port != "smtp":
        command += ["--ssl-reqd", "--insecure", "--user", f"{SENDER}:{PASSWORD}"]
    run(*command)


def send_swaks(instance, port, data, folder, to):
    (folder / "mail").write_bytes(to_lf(data))
    command = ["swaks", "--server", "127.0.0.1", "--port", str(instance.port(port)), "--ehlo", "client.example",
               "--from", SENDER, "--to", ",".join(to), "--data", f"@{folder}/mail", "--suppress-data"]
    if port != "smtp":
        command += ["--tls-on-connect" if port == "submissions" else "--tls", "--auth", "LOGIN",
                    "--auth-user", SENDER, "--auth-password", PASSWORD]
    run(*command)


def send_msmtp(instance, port, data, folder, to):
    command = ["msmtp", "--host=127.0.0.1", f"--port={instance.port(port)}",
               "--domain=client.example", f"--from={SENDER}", "--timeout=60"]
    if port != "smtp":
        command += ["--tls=on", "--tls-certcheck=off", "--auth=on", f"--user={SENDER}",
                    f"--passwordeval=echo {PASSWORD}"]
        command += ["--tls-starttls=off" if port == "submissions" else "--tls-starttls=on"]
    run(*command, "--", *to, input=to_lf(data))


def send_smtplib(instance, port, data, folder, to):
    client = instance.smtp(120) if port == "smtp" else instance.submission(SENDER, PASSWORD, port, 120)
    client.sendmail(SENDER, list(to), data, mail_options=["BODY=8BITMIME"])
    client.quit()


SENDERS = {"curl": send_curl, "swaks": send_swaks, "msmtp": send_msmtp, "smtplib": send_smtplib}


@pytest.mark.parametrize("port", ["smtp", "submission", "submissions"])
@pytest.mark.parametrize("program", SENDERS)
def test_sends_every_kind_of_message(shared, tmp_path, program, port):
    user = f"to-{program}-{port}@example.org"
    shared.add_user(user, "secret one")
    for data in MESSAGES.values():
        SENDERS[program](shared, port, data, tmp_path, [user])
    received = [without_trace(text) for text in shared.messages(user, "secret one")]
    wanted = list(MESSAGES.values())
    if program == "swaks":
        # swaks ends its data with an empty line of its own when the file ends in a line end.
        wanted = [text if text in received else text + b"\r\n" for text in wanted]
    assert received == wanted


@pytest.mark.parametrize("program,port", [("curl", "smtp"), ("smtplib", "submission"), ("msmtp", "submissions"),
                                          ("curl", "submissions"), ("swaks", "submission")])
def test_sends_forty_megabytes(shared, tmp_path, program, port):
    user = f"big-{program}-{port}@example.org"
    shared.add_user(user, "secret one")
    data = message("big", attachment(40_000_000))
    SENDERS[program](shared, port, data, tmp_path, [user])
    (path,) = shared.files(user)
    stored = without_trace(path.read_bytes())
    # swaks ends its data with an empty line of its own.
    assert stored == (data + b"\r\n" if program == "swaks" else data)


def test_sends_to_utf8_addresses(shared, tmp_path):
    """SMTPUTF8 (RFC 6531): sender, recipient and header fields beyond ASCII."""
    user = "grüße@example.org"
    shared.add_user(user, "päßword")
    data = message("utf8-address", b"hi\r\n", to=user)
    client = shared.smtp()
    client.sendmail("jürgen@elsewhere.example", [user], data, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    client.quit()
    run("curl", "--silent", "--show-error", "--url", f"smtp://127.0.0.1:{shared.port('smtp')}/client.example",
        "--mail-from", SENDER, "--mail-rcpt", user, "--upload-file", "-", input=data,
        env=dict(os.environ, LC_ALL="C.UTF-8"))
    received = shared.messages(user, "päßword")
    assert [without_trace(text) for text in received] == [data, data]
    assert "Return-Path: <jürgen@elsewhere.example>".encode() in received[0]
    assert b"with UTF8SMTP" in received[0]


# --- retrieving ---


@pytest.fixture(scope="module")
def maildrop(shared):
    """Makes users whose maildrop holds every kind of message."""
    numbers = iter(range(1000))

    def make(big=False):
        user = f"from-{next(numbers)}@example.org"
        shared.add_user(user, "secret two")
        wanted = list(MESSAGES.values())
        if big:
            wanted.append(message("big", attachment(40_000_000)))
        client = shared.smtp(120)
        for data in wanted:
            client.sendmail(SENDER, [user], data, mail_options=["BODY=8BITMIME"])
        client.quit()
        return user, wanted

    return make


PORTS = ["pop3", "pop3s"]


@pytest.mark.parametrize("port", PORTS)
def test_curl_retrieves(shared, maildrop, port):
    user, wanted = maildrop(big=True)
    url = f"{port}://127.0.0.1:{shared.port(port)}"
    command = ["curl", "--silent", "--show-error", "--ssl-reqd", "--insecure", "--user", f"{user}:secret two"]
    listing = run(*command, url + "/").stdout.decode().split()
    sizes = [int(size) for size in listing[1::2]]
    got = [run(*command, f"{url}/{n + 1}").stdout for n in range(len(wanted))]
    assert [without_trace(text) for text in got] == wanted
    assert [len(text) for text in got] == sizes


@pytest.mark.parametrize("port", PORTS)
def test_poplib_retrieves_leaves_and_deletes(shared, maildrop, port):
    user, wanted = maildrop(big=True)
    ids = []
    for _ in range(2):
        client = shared.pop3(user, "secret two", port, timeout=120)
        assert client.stat()[0] == len(wanted)
        got = [b"\r\n".join(client.retr(n + 1)[1]) + b"\r\n" for n in range(len(wanted))]
        assert [without_trace(text) for text in got] == wanted
        assert [int(line.split()[1]) for line in client.list()[1]] == [len(text) for text in got]
        ids.append([line.split()[1] for line in client.uidl()[1]])
        client.quit()
    assert ids[0] == ids[1] and len(set(ids[0])) == len(wanted)
    client = shared.pop3(user, "secret two", port)
    for n in range(len(wanted)):
        client.dele(n + 1)
    client.quit()
    assert shared.messages(user, "secret two") == []
    shared.wait_for_files(user, 0)


def fetchmail(instance, user, port, folder, keep):
    """Runs fetchmail once; returns its exit code and the messages it handed over."""
    inbox = folder / "fetched"
    inbox.mkdir(exist_ok=True)
    rc = folder / "fetchmailrc"
    tls = "ssl" if port == "pop3s" else "sslproto tls1.2+"
    rc.write_text(f'poll 127.0.0.1 protocol pop3 service {instance.port(port)} uidl\n'
                  f'  user "{user}" password "secret two" {tls} no sslcertck {"keep" if keep else "nokeep"}\n'
                  f'  no rewrite mda "sh -c \'cat > $(mktemp {inbox}/XXXXXXXX)\'"\n')
    rc.chmod(0o600)
    result = subprocess.run(["fetchmail", "-f", str(rc), "--nosyslog", "--nodetach", "-d0", "--idfile", str(folder / "ids"),
                             "--pidfile", str(folder / "pid"), "--invisible"],
                            capture_output=True, timeout=240, env=dict(os.environ, FETCHMAILHOME=str(folder), HOME=str(folder)))
    got = [to_crlf(path.read_bytes()) for path in inbox.iterdir()]
    for path in inbox.iterdir():
        path.unlink()
    return result, got


def unordered(messages):
    return sorted(without_trace(text) for text in messages)


@pytest.mark.parametrize("port", PORTS)
def test_fetchmail_keeps_then_takes(shared, maildrop, tmp_path, port):
    user, wanted = maildrop(big=True)
    result, got = fetchmail(shared, user, port, tmp_path, keep=True)
    assert result.returncode == 0, result.stderr
    assert unordered(got) == sorted(wanted)
    result, got = fetchmail(shared, user, port, tmp_path, keep=True)
    assert result.returncode == 1 and got == [], result.stderr  # 1: no new mail
    assert len(shared.files(user)) == len(wanted)

    user, wanted = maildrop()
    result, got = fetchmail(shared, user, port, tmp_path, keep=False)
    assert result.returncode == 0, result.stderr
    assert unordered(got) == sorted(wanted)
    shared.wait_for_files(user, 0)


def test_getmail_fetches_once(shared, maildrop, tmp_path):
    """On port 995: getmail 6.18 has no STLS."""
    user, wanted = maildrop(big=True)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    deliver = tmp_path / "deliver"
    deliver.write_text(f"#!/bin/sh\nexec cat >$(mktemp {inbox}/XXXXXXXX)\n")
    deliver.chmod(0o755)
    (tmp_path / "getmailrc").write_text(
        f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = 127.0.0.1\nport = {shared.port('pop3s')}\n"
        f"username = {user}\npassword = secret two\n"
        f"[destination]\ntype = MDA_external\npath = {deliver}\nallow_root_commands = true\n"
        f"[options]\nread_all = false\ndelivered_to = false\nreceived = false\nverbose = 1\n")
    command = ["getmail", "--getmaildir", str(tmp_path), "--rcfile", "getmailrc"]
    environment = dict(os.environ, HOME=str(tmp_path))
    run(*command, env=environment)
    got = [to_crlf(path.read_bytes()) for path in inbox.iterdir()]
    assert unordered(got) == sorted(wanted)
    second = run(*command, env=environment)
    assert len(list(inbox.iterdir())) == len(wanted), second.stdout


@pytest.mark.parametrize("port", PORTS)
def test_mpop_keeps_then_takes(shared, maildrop, tmp_path, port):
    user, wanted = maildrop(big=True)
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)

    def mpop(keep):
        run("mpop", "--host=127.0.0.1", f"--port={shared.port(port)}", "--tls=on", "--tls-certcheck=off",
            f"--tls-starttls={'on' if port == 'pop3' else 'off'}", "--auth=on", f"--user={user}",
            "--passwordeval=echo 'secret two'", f"--delivery=maildir,{tmp_path}/Maildir", f"--keep={keep}",
            f"--uidls-file={tmp_path}/uidls", "--received-header=off", "--pipelining=on",
            env=dict(os.environ, HOME=str(tmp_path)))
        return [to_crlf(path.read_bytes()) for path in (tmp_path / "Maildir" / "new").iterdir()]

    assert unordered(mpop("on")) == sorted(wanted)
    assert len(mpop("on")) == len(wanted)  # the second run found nothing new
    assert len(shared.files(user)) == len(wanted)
    shared.deliver([user], subject="one more")
    assert len(mpop("off")) == len(wanted) + 1
    shared.wait_for_files(user, 0)
