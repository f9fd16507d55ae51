"""The supervisor: how an instance starts, what it survives, how it reloads and stops."""

import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile

import pytest

from postern_instance import PortOffset, build_folder, wait_until

DAEMONS = ("authd", "smtpd", "relayd", "pop3d", "imapd")


def status(instance):
    return instance.json("status")


def greeting(instance, service):
    with instance.connect(service) as client:
        return client.makefile("rb").readline()


def all_answer(instance):
    assert greeting(instance, "smtp").startswith(b"220 ")
    assert greeting(instance, "submission").startswith(b"220 ")
    assert greeting(instance, "pop3").startswith(b"+OK")
    assert greeting(instance, "imap").startswith(b"* OK")


@pytest.fixture
def idle_port_offset():
    offset = PortOffset()
    yield offset.value
    offset.release()


# --- starting ---

def test_ready_means_that_every_port_accepts(instance):
    for service in ("smtp", "submission", "submissions", "pop3", "pop3s", "imap", "imaps"):
        instance.connect(service).close()
    all_answer(instance)
    with socket.socket(socket.AF_UNIX) as lmtp:
        lmtp.connect(str(instance.root / "run" / "lmtp.sock"))
        assert lmtp.makefile("rb").readline().startswith(b"220 ")


def test_status_tells_processes_and_listeners(instance):
    told = status(instance)
    assert told["running"] and told["pid"] == instance.process.pid and told["users"] == 2
    supervisor = told["supervisor"]
    assert supervisor["state"] == "running" and supervisor["pid"] == instance.process.pid
    assert sorted(child["pid"] for child in supervisor["children"]) == sorted(instance.children())
    assert {child["name"] for child in supervisor["children"]} == set(DAEMONS)
    assert all(child["state"] == "ready" and child["restarts"] == 0 for child in supervisor["children"])
    assert {"service": "smtp", "address": f"127.0.0.1:{instance.port('smtp')}"} in supervisor["listeners"]
    assert re.search(r"^authd +0 +\d+ +ready +0 +-$", instance.postern("status").stdout, re.M)


def test_status_counts_connections(instance):
    with instance.connect("pop3") as first, instance.connect("pop3") as second:
        for client in (first, second):
            assert client.makefile("rb").readline().startswith(b"+OK")
        assert status(instance)["connections"]["pop3d"] == 2
    wait_until(lambda: status(instance)["connections"]["pop3d"] == 0, "the end of both connections")


def test_second_serve_is_refused(instance):
    result = instance.postern("serve", check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert f"runs already, as process {instance.process.pid}" in result.stderr
    all_answer(instance)


def test_address_in_use_is_named(make_instance):
    instance = make_instance(serve=False, users=False)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", instance.port("pop3")))
        other.listen()
        result = instance.postern("serve", check=False)
    assert result.returncode == 1 and "ready" not in result.stdout
    assert f"127.0.0.1:{instance.port('pop3')} (pop3)" in result.stderr and "in use" in result.stderr
    assert not (instance.root / "run" / "postern.pid").exists()


def test_bad_configuration_ends_the_start(make_instance):
    instance = make_instance(serve=False, users=False)
    instance.config.write_text(instance.config.read_text() + "nonsense = 1\n")
    result = instance.postern("serve", check=False)
    line = len(instance.config.read_text().splitlines())
    assert result.returncode == 1 and f"postern.conf:{line}: " in result.stderr


def test_child_that_cannot_start_ends_the_start_with_its_reason(make_instance):
    instance = make_instance(serve=False, users=False)
    (instance.root / "tls" / "cert.pem").write_text("no certificate\n")
    result = instance.postern("serve", check=False)
    assert result.returncode == 1 and "ready" not in result.stdout
    assert "ended before it was ready" in result.stderr and "cert.pem" in result.stderr
    assert not (instance.root / "run" / "postern.pid").exists()


def test_service_without_addresses_has_no_process(make_instance):
    instance = make_instance(serve=False, users=False)
    for section in ("imap", "imaps", "pop3"):
        instance.set_options({section: {"listen": []}})
    instance.set_options({"workers": 1})
    instance.serve()
    assert len(instance.children()) == 4 and not instance.children("imapd")
    with pytest.raises(ConnectionRefusedError):
        instance.connect("pop3")
    instance.connect("pop3s").close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_daemons_run_as_the_instance_user(idle_port_offset):
    program = str(build_folder() / "admin" / "postern")
    user = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="postern-test-") as folder:  # pytest's own folders let nobody through
        os.chmod(folder, 0o755)
        root = os.path.join(folder, "root")
        config = os.path.join(root, "postern.conf")
        subprocess.run([program, "init", "--root", root, "--domain", "example.org", "--port-offset",
                        str(idle_port_offset), "--user", "nobody"], check=True, stdout=subprocess.DEVNULL)
        text = open(config).read().replace('"run"', f'"{folder}/gone/run"')  # as /run is after a reboot
        with open(config, "w") as file:
            file.write(f'log_target = "{folder}/postern.log"\n' + text)  # where the user has no right to make it
        with open(os.path.join(folder, "log"), "wb") as log:
            server = subprocess.Popen([program, "-c", config, "serve"], stdout=subprocess.PIPE, stderr=log)
        try:
            assert server.stdout.readline() == b"ready\n"
            children = open(f"/proc/{server.pid}/task/{server.pid}/children").read().split()
            assert len(children) >= 4
            for pid in children:
                uids = re.search(r"^Uid:\s+(.*)$", open(f"/proc/{pid}/status").read(), re.M).group(1).split()
                assert uids == [str(user.pw_uid)] * 4
            with smtplib.SMTP("127.0.0.1", 25 + idle_port_offset) as client:
                client.ehlo("client.example")
                client.mail("someone@elsewhere.example")
                assert client.rcpt("unknown@example.org")[0] == 550  # so it can read the directory
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(60)
            server.stdout.close()
        assert code == 0
        owners = {os.stat(os.path.join(place, name)).st_uid for part in ("root/data", "root/run", "gone/run")
                  for place, folders, files in os.walk(os.path.join(folder, part)) for name in folders + files}
        owners |= {os.stat(os.path.join(folder, name)).st_uid for name in ("gone/run", "postern.log")}
        assert owners == {user.pw_uid}


# --- surviving ---

@pytest.mark.parametrize("name", DAEMONS)
def test_killed_child_comes_back(make_instance, name):
    instance = make_instance(options={"workers": 1})
    [victim] = instance.children(name)
    others = set(instance.children()) - {victim}
    os.kill(victim, signal.SIGKILL)

    def is_back():
        return [child for child in status(instance)["supervisor"]["children"]
                if child["name"] == name and child["restarts"] == 1 and child["state"] == "ready"]

    [child] = wait_until(is_back, f"a new {name}")
    assert child["last_exit"] == {"signal": 9} and child["pid"] != victim
    assert others <= set(instance.children())
    assert f"program={name} worker=0 pid={victim} signal=9" in instance.log()
    all_answer(instance)
    instance.deliver()
    assert len(instance.messages()) == 1


def test_children_of_a_killed_supervisor_end_and_the_next_one_starts(instance):
    instance.deliver()
    instance.kill()
    assert (instance.root / "run" / "postern.pid").exists()
    assert instance.postern("status", check=False).returncode == 1
    instance.serve()
    all_answer(instance)
    assert len(instance.messages()) == 1


# --- reloading ---

def test_bad_configuration_at_reload_changes_nothing(instance):
    good = instance.config.read_text()
    instance.set_options({"hop_limit": "many"})
    before = instance.children()
    instance.reload()
    instance.wait_log("config.reload_failed")
    assert re.search(r"reload_failed.*postern\.conf:\d+: hop_limit", instance.log())
    assert instance.process.poll() is None and instance.children() == before
    all_answer(instance)
    instance.config.write_text(good)
    instance.reload()
    instance.wait_log("serve.reloaded")


def test_reload_names_options_that_need_a_restart(instance):
    instance.set_options({"workers": 7})
    instance.reload()
    instance.wait_log("option=workers")
    assert all_answer(instance) is None


def test_reload_takes_a_limit_over(instance):
    with instance.smtp() as client:
        client.ehlo()
        assert client.esmtp_features["size"] != "123456"
    instance.set_options({"message_size_limit": 123456})
    instance.reload()

    def is_new():
        with instance.smtp() as client:
            client.ehlo()
            return client.esmtp_features["size"] == "123456"

    wait_until(is_new, "the new SIZE")


def server_certificate(instance, service):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(instance.connect(service)) as client:
        return client.getpeercert(binary_form=True)


def test_new_certificate_without_dropping_a_session(instance, tmp_path):
    session = instance.pop3()
    before = server_certificate(instance, "pop3s")
    other = tmp_path / "other"
    instance.run("init", "--root", str(other), "--domain", "example.org", "--port-offset", "20000")
    for name in ("key.pem", "cert.pem"):
        shutil.copy(other / "tls" / name, instance.root / "tls" / name)
    instance.reload()
    for service in ("pop3s", "submissions", "imaps"):
        wait_until(lambda: server_certificate(instance, service) != before, f"the new certificate on {service}")
    for _ in range(8):  # by then every worker has it
        wait_until(lambda: server_certificate(instance, "pop3s") != before, "the new certificate")
    assert session.noop().startswith(b"+OK")
    session.quit()


def test_bad_certificate_at_reload_keeps_the_old_one(instance):
    before = server_certificate(instance, "pop3s")
    (instance.root / "tls" / "cert.pem").write_text("no certificate\n")
    instance.reload()
    instance.wait_log("cert.pem")
    assert server_certificate(instance, "pop3s") == before


def test_log_file_is_opened_again(make_instance, tmp_path):
    log = tmp_path / "postern.log"
    instance = make_instance(options={"log_target": str(log)})
    assert "serve.ready" in log.read_text()
    log.rename(tmp_path / "postern.log.1")
    instance.reload()
    wait_until(lambda: log.exists() and "serve.reloaded" in log.read_text(), "the new log file")
    all_answer(instance)
    instance.deliver()
    wait_until(lambda: "smtpd[" in log.read_text(), "a line of smtpd in the new file")


# --- stopping ---

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_says_goodbye_and_leaves_nothing(instance, number):
    clients = {service: instance.connect(service) for service in ("smtp", "pop3", "imap")}
    for client in clients.values():
        client.makefile("rb").readline()
    process, children = instance.process, instance.children()
    process.send_signal(number)
    assert re.match(rb"421 4\.\d\.\d ", clients["smtp"].makefile("rb").readline())
    assert clients["pop3"].makefile("rb").read()[:4] in (b"", b"-ERR")  # RFC 1939 has no goodbye that nobody asked for
    assert clients["imap"].makefile("rb").readline().startswith(b"* BYE")
    assert process.wait(60) == 0
    instance.stop()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in children)
    assert sorted(path.name for path in (instance.root / "run").iterdir() if not path.name.endswith(".peers")) == []
    with pytest.raises(ConnectionRefusedError):
        instance.connect("smtp")


def test_second_signal_does_not_wait(make_instance):
    instance = make_instance(options={"shutdown_grace": "1h"})
    client = instance.smtp()
    client.ehlo()
    client.mail("a@elsewhere.example")
    client.rcpt("alice@example.org")
    assert client.docmd("DATA")[0] == 354  # in the middle of a message: the session gets its grace
    instance.process.send_signal(signal.SIGTERM)
    instance.wait_log("serve.stopping")
    assert instance.process.poll() is None
    instance.process.send_signal(signal.SIGTERM)
    assert instance.process.wait(60) == 0
    instance.stop()


def test_message_in_flight_is_finished(instance):
    client = instance.smtp()
    client.ehlo()
    client.mail("a@elsewhere.example")
    client.rcpt("alice@example.org")
    assert client.docmd("DATA")[0] == 354
    client.send(b"Subject: in flight\r\n\r\nfirst half\r\n")
    instance.process.send_signal(signal.SIGTERM)
    instance.wait_log("serve.stopping")
    client.send(b"second half\r\n.\r\n")
    assert client.getreply()[0] == 250
    client.close()
    assert instance.process.wait(60) == 0
    instance.stop()
    [file] = instance.files("alice@example.org")
    assert b"second half" in file.read_bytes()


# --- without the supervisor, as a service manager does it ---

def start_alone(instance, name, listeners, pass_notify=None):
    """A daemon with sockets by the LISTEN_FDS convention; returns the process."""
    fds = [listener.fileno() for listener in listeners.values()]
    program = build_folder() / name / name
    script = ("import os, sys\n"
              "fds = [int(fd) for fd in sys.argv[1].split(',')]\n"
              "high = [__import__('fcntl').fcntl(fd, __import__('fcntl').F_DUPFD, 100) for fd in fds]\n"
              "for i, fd in enumerate(high): os.dup2(fd, 3 + i, True); os.close(fd)\n"
              "os.environ['LISTEN_PID'] = str(os.getpid())\n"
              "os.execv(sys.argv[2], sys.argv[2:])\n")
    environment = dict(os.environ, LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=":".join(listeners))
    if pass_notify:
        environment["NOTIFY_SOCKET"] = pass_notify
    return subprocess.Popen(["python3", "-c", script, ",".join(map(str, fds)), str(program), "-c", str(instance.config)],
                            pass_fds=fds, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_daemon_alone_with_inherited_sockets(make_instance, tmp_path):
    instance = make_instance(serve=False)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.settimeout(60)
    authd_listener = socket.socket(socket.AF_UNIX)
    authd_listener.bind(str(instance.root / "run" / "authd.sock"))
    authd_listener.listen()
    pop3_listener = socket.create_server(("127.0.0.1", 0))
    processes = []
    try:
        for name, listeners in (("authd", {"authd": authd_listener}), ("pop3d", {"pop3s": pop3_listener})):
            processes.append(start_alone(instance, name, listeners, str(tmp_path / "notify")))
            assert b"READY=1" in notify.recv(4096)
        context = ssl.create_default_context(cafile=instance.root / "tls" / "ca.pem")
        with context.wrap_socket(socket.create_connection(pop3_listener.getsockname()), server_hostname="localhost") as raw:
            lines = raw.makefile("rwb")
            assert lines.readline().startswith(b"+OK")
            for command in (b"USER alice@example.org", b"PASS alice pass 1", b"STAT", b"QUIT"):
                lines.write(command + b"\r\n")
                lines.flush()
                assert lines.readline().startswith(b"+OK"), command
        for process in processes:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, process.stderr.read()
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stderr.close()
        for listener in (authd_listener, pop3_listener, notify):
            listener.close()


def test_supervisor_tells_its_own_service_manager(make_instance, tmp_path):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.settimeout(60)
    instance = make_instance(environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert notify.recv(4096) == b"READY=1"
    instance.stop()
    assert notify.recv(4096) == b"STOPPING=1"
    notify.close()


def test_commands_work_while_serving(instance):
    """A new user can log in at once, a disabled one no more, and a new password counts from now on."""
    instance.add_user("carol@example.org", "carol pass")
    assert instance.pop3("carol@example.org", "carol pass").quit().startswith(b"+OK")
    instance.postern("user", "passwd", "carol@example.org", "--password-stdin", input="other pass\n")
    with pytest.raises(Exception, match="ERR"):
        instance.pop3("carol@example.org", "carol pass")
    instance.pop3("carol@example.org", "other pass").quit()
    instance.postern("user", "set", "carol@example.org", "--disable")
    with pytest.raises(Exception, match="ERR"):
        instance.pop3("carol@example.org", "other pass")
    instance.postern("user", "remove", "carol@example.org")
    with pytest.raises(Exception, match="ERR"):
        instance.pop3("carol@example.org", "other pass")
