"""The `postern` command against real stores: what it does, what it refuses, and how it says so."""

import json
import os
import pty
import pwd
import re
import select
import signal
import stat
import sqlite3
import subprocess
import tempfile
import time

import pytest

from postern_instance import SOURCE, Instance, build_folder


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """An instance that does not serve, for tests that bring their own names."""
    instance = Instance(tmp_path_factory.mktemp("idle"), users=False, serve=False)
    yield instance
    instance.close()


def refused(result, *texts, code=1):
    assert result.returncode == code, result
    assert result.stderr.startswith("postern: "), result.stderr
    for text in texts:
        assert text in result.stderr, result.stderr


# --- the command line ---

def test_help_lists_exactly_the_commands_that_work(idle):
    text = idle.run("--help").stdout
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?: [A-Z[]|  |$)", text, re.M)
    assert {"init", "serve", "status", "config check", "user add", "domain list", "alias remove"} <= set(listed)
    for command in listed:
        shown = idle.run("help", *command.split()).stdout
        assert shown.startswith(f"usage: postern {command}"), command
        assert idle.run(*command.split(), "--help").stdout == shown


def test_manual_page_describes_every_command(idle):
    manual = (SOURCE / "man" / "postern.8").read_text()
    words = re.sub(r"^\.(It|Xo|Cm|Op|Fl|Ar)|\s(Cm|Ar|Op|Oo|Oc|Fl)\b", " ", manual, flags=re.M)
    for command in re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?: [A-Z[]|  |$)", idle.run("--help").stdout, re.M):
        assert re.search(r"\b" + r"\s+".join(command.split()) + r"\b", words), command


def test_usage_errors_exit_with_2(idle):
    for arguments in (["nonsense"], ["user"], ["user", "add"], ["user", "list", "--nonsense"], [],
                      ["user", "set", "a@example.org"], ["init"], ["init", "--root", "/nonexistent/x", "--port-offset", "0"],
                      ["init", "--root", "/nonexistent/x", "--port-offset", "64541"],
                      ["user", "add", "a@example.org", "--quota", "much"],
                      ["user", "set", "a@example.org", "--enable", "--disable"]):
        result = idle.postern(*arguments, check=False)
        refused(result, code=2)


def test_without_a_terminal_the_password_must_come_by_stdin(idle):
    refused(idle.postern("user", "add", "x@example.org", check=False), "--password-stdin", code=2)


def test_configuration_comes_from_option_then_environment(idle):
    environment = dict(os.environ, POSTERN_CONFIG=str(idle.config))
    program = str(build_folder() / "admin" / "postern")
    found = subprocess.run([program, "domain", "list", "--json"], env=environment, text=True, capture_output=True)
    assert [domain["name"] for domain in json.loads(found.stdout)] == ["example.org"]
    other = subprocess.run([program, "-c", "/nonexistent.conf", "domain", "list"], env=environment, text=True,
                           capture_output=True)
    refused(other, "/nonexistent.conf", "postern init")


def test_output_that_cannot_be_written_is_a_failure(idle):
    with open("/dev/full", "w") as full:
        result = subprocess.run([str(build_folder() / "admin" / "postern"), "--help"], stdout=full,
                                stderr=subprocess.PIPE, text=True)
    refused(result, "No space left")


# --- init ---

def test_init_makes_a_closed_folder_with_everything(tmp_path, idle):
    root = tmp_path / "new" / "root"
    out = idle.run("init", "--root", str(root), "--domain", "example.org", "--port-offset", "20000").stdout
    for part in ("data", "run", "tls"):
        assert stat.S_IMODE((root / part).stat().st_mode) == 0o700
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "tls" / "key.pem").stat().st_mode) == 0o600
    text = (root / "postern.conf").read_text()
    assert 'hostname = "mail.example.org"' in text
    assert '"127.0.0.1:20025"' in text and "0.0.0.0" not in text and '"[::]' not in text
    assert f"-c {root}/postern.conf serve" in out and "user add" in out
    idle.run("-c", str(root / "postern.conf"), "config", "check")
    names = subprocess.run(["openssl", "x509", "-in", root / "tls" / "cert.pem", "-noout", "-ext", "subjectAltName"],
                           capture_output=True, text=True, check=True).stdout
    for name in ("DNS:mail.example.org", "DNS:example.org", "DNS:autoconfig.example.org", "DNS:localhost",
                 "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"):
        assert name in names


def test_init_never_touches_an_existing_instance(tmp_path, idle):
    root = tmp_path / "root"
    idle.run("init", "--root", str(root), "--domain", "example.org", "--port-offset", "20000")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    refused(idle.run("init", "--root", str(root), "--domain", "example.net", check=False), "exists already")
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_init_continues_one_that_stopped_halfway(tmp_path, idle):
    root = tmp_path / "root"
    idle.run("init", "--root", str(root), "--domain", "example.org", "--port-offset", "20000")
    certificate = (root / "tls" / "cert.pem").read_bytes()
    (root / "postern.conf").unlink()
    idle.run("init", "--root", str(root), "--domain", "example.org", "--port-offset", "20000")
    assert (root / "tls" / "cert.pem").read_bytes() == certificate


def test_init_keeps_the_mode_of_a_folder_that_was_there(tmp_path, idle):
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    idle.run("init", "--root", str(root), "--port-offset", "20000", "--hostname", "localhost")
    assert stat.S_IMODE(root.stat().st_mode) == 0o755


def test_init_refuses_bad_names_and_leaves_no_configuration(tmp_path, idle):
    root = tmp_path / "root"
    refused(idle.run("init", "--root", str(root), "--hostname", "no_such host", check=False), "hostname")
    refused(idle.run("init", "--root", str(root), "--domain", "bad domain", "--hostname", "ok.example.org", check=False))
    assert not (root / "postern.conf").exists() and not (root / "postern.conf.new").exists()
    deep = tmp_path / ("x" * 100)
    refused(idle.run("init", "--root", str(deep), "--hostname", "localhost", check=False), "Unix socket")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_init_for_a_user_of_its_own(idle):
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="postern-test-") as folder:  # its parents let nobody through
        os.chmod(folder, 0o755)
        root = os.path.join(folder, "root")
        idle.run("init", "--root", root, "--domain", "example.org", "--port-offset", "20000", "--user", "nobody")
        config = os.path.join(root, "postern.conf")
        assert os.stat(root).st_uid == 0 and os.stat(config).st_uid == 0
        assert stat.S_IMODE(os.stat(config).st_mode) == 0o640
        idle.run("-c", config, "user", "add", "a@example.org", "--password-stdin", input="secret pass\n")
        owners = {os.stat(os.path.join(place, name)).st_uid
                  for part in ("data", "run", "tls")
                  for place, folders, files in os.walk(os.path.join(root, part)) for name in folders + files}
        assert owners == {nobody.pw_uid}
        refused(idle.run("init", "--root", os.path.join(folder, "other"), "--user", "no-such-user-x", check=False),
                "no-such-user-x")


# --- configuration ---

def test_config_check_names_file_and_line(idle, tmp_path):
    bad = tmp_path / "bad.conf"
    bad.write_text('hostname = "mail.example.org"\nnonsense = 1\n\nmessage_size_limit = "huge"\nsmtp { listen = { "x" '
                   ', "1.2.3.4:99999" } }\n')
    result = idle.run("-c", str(bad), "config", "check", check=False)
    assert result.returncode == 1
    assert re.search(rf"^{bad}:2: .*nonsense", result.stderr, re.M), result.stderr
    bad.write_text(bad.read_text().replace("nonsense = 1", ""))
    result = idle.run("-c", str(bad), "config", "check", check=False)
    assert result.returncode == 1
    assert re.search(rf"^{bad}:4: .*message_size_limit", result.stderr, re.M), result.stderr
    assert re.search(rf"^{bad}:5: .*99999", result.stderr, re.M), result.stderr


def test_config_check_looks_at_the_certificate(idle, tmp_path):
    text = idle.config.read_text()
    lonely = tmp_path / "lonely.conf"
    lonely.write_text(text)  # tls/cert.pem counts from this folder, where there is none
    result = idle.run("-c", str(lonely), "config", "check", check=False)
    assert result.returncode == 1 and "tls/cert.pem" in result.stderr
    assert "no errors" in idle.postern("config", "check").stdout


def test_config_show_prints_a_configuration(idle, tmp_path):
    shown = idle.root / "shown.conf"
    shown.write_text(idle.postern("config", "show").stdout)
    idle.run("-c", str(shown), "config", "check")
    assert idle.run("-c", str(shown), "config", "show", "--json").stdout == idle.postern("config", "show", "--json").stdout
    shown.unlink()


def test_config_show_json_has_every_option_with_meaning(idle):
    options = {(option["section"], option["name"]): option for option in idle.json("config", "show")}
    size = options["", "message_size_limit"]
    assert size["value"] == 50 * 2**20 and size["unit"] == "bytes" and size["default"] == "50M" and size["reloadable"]
    assert size["minimum"] < size["value"] < size["maximum"]
    assert options["", "data_directory"]["value"] == str(idle.data)
    assert not options["", "data_directory"]["reloadable"]
    assert options["", "plaintext_auth"]["choices"] == ["never", "loopback", "always"]
    assert f"127.0.0.1:{idle.port('smtp')}" in options["smtp", "listen"]["value"]
    assert all(option["help"].endswith(".") for option in options.values())


# --- domains, users, aliases ---

def test_domain_life_cycle(idle):
    idle.postern("domain", "add", "One.Example", "two.example")
    domains = {domain["name"]: domain for domain in idle.json("domain", "list")}
    assert domains["one.example"]["users"] == 0 and domains["one.example"]["catchall"] is None
    refused(idle.postern("domain", "add", "one.example", check=False), "one.example")
    idle.postern("user", "add", "u@one.example", "--password-stdin", input="pass word\n")
    idle.postern("domain", "set", "one.example", "--catchall", "u@one.example")
    domains = {domain["name"]: domain for domain in idle.json("domain", "list")}
    assert domains["one.example"]["catchall"] == "u@one.example" and domains["one.example"]["users"] == 1
    refused(idle.postern("domain", "remove", "one.example", check=False), "one.example")
    idle.postern("domain", "set", "one.example", "--catchall", "none")
    idle.postern("user", "remove", "u@one.example")
    idle.postern("domain", "remove", "one.example")
    refused(idle.postern("domain", "remove", "one.example", check=False), "one.example", "domain list")
    assert "one.example" not in {domain["name"] for domain in idle.json("domain", "list")}
    idle.postern("domain", "remove", "two.example")


def users(instance):
    return {user["address"]: user for user in instance.json("user", "list")}


def test_user_life_cycle(idle):
    idle.postern("user", "add", "Carol@example.org", "--password-stdin", "--name", "Carol Grün", "--quota", "5M",
                 input="secret one\r\nnext line\n")
    user = users(idle)["carol@example.org"]
    assert user["name"] == "Carol Grün" and user["quota"] == 5 * 2**20 and not user["disabled"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user["created"])
    refused(idle.postern("user", "add", "carol@example.org", "--password-stdin", input="other\n", check=False),
            "carol@example.org")
    idle.postern("user", "set", "carol@example.org", "--disable", "--quota", "none", "--name", "C")
    user = users(idle)["carol@example.org"]
    assert user["disabled"] and user["quota"] is None and user["name"] == "C"
    plain = idle.postern("user", "list").stdout
    assert re.search(r"^carol@example\.org +disabled +- ", plain, re.M), plain
    idle.postern("user", "set", "carol@example.org", "--enable")
    assert not users(idle)["carol@example.org"]["disabled"]
    assert [user["address"] for user in idle.json("user", "list", "--domain", "nowhere.example")] == []
    idle.postern("user", "passwd", "carol@example.org", "--password-stdin", input="secret two\n")
    idle.postern("user", "remove", "carol@example.org", "--purge")
    assert "carol@example.org" not in users(idle)
    assert not (idle.data / "mail" / "example.org" / "carol").exists()
    for command in (["set", "--disable"], ["passwd", "--password-stdin"], ["remove"]):
        result = idle.postern("user", command[0], "carol@example.org", *command[1:], input="x y z\n", check=False)
        refused(result, "carol@example.org", "user list")


def test_user_remove_keeps_the_mail_aside(idle):
    idle.postern("user", "add", "dora@example.org", "--password-stdin", input="secret one\n")
    marker = next((idle.data / "mail" / "example.org" / "dora").rglob("cur")) / "marker"
    marker.write_text("mail")
    idle.postern("user", "remove", "dora@example.org")
    assert not (idle.data / "mail" / "example.org" / "dora").exists()
    assert [path.read_text() for path in (idle.data / "removed").rglob("marker")] == ["mail"]


def test_user_needs_a_domain_that_is_there_and_a_password(idle):
    refused(idle.postern("user", "add", "x@elsewhere.example", "--password-stdin", input="secret\n", check=False),
            "postern domain add elsewhere.example")
    for password in ("", "\n", "\r\n", "a" * 1025 + "\n", "nul\0byte\n"):
        refused(idle.postern("user", "add", "nopass@example.org", "--password-stdin", input=password, check=False),
                "password")
        assert "nopass@example.org" not in users(idle)
    idle.postern("user", "add", "nopass@example.org", "--password-stdin", input="a" * 1024)
    idle.postern("user", "remove", "nopass@example.org", "--purge")


def test_no_password_of_a_former_user_stays(idle):
    idle.postern("user", "add", "erik@example.org", "--password-stdin", input="secret\n")
    idle.postern("user", "remove", "erik@example.org", "--purge")
    dump = "\n".join(sqlite3.connect(idle.data / "secrets.db").iterdump())
    assert "erik" not in dump


def test_alias_life_cycle(idle):
    idle.postern("alias", "add", "Sales@example.org", "a@elsewhere.example", "b@elsewhere.example")
    idle.postern("alias", "add", "sales@example.org", "c@elsewhere.example")
    assert idle.json("alias", "list") == [{"address": "sales@example.org", "targets": [
        "a@elsewhere.example", "b@elsewhere.example", "c@elsewhere.example"]}]
    assert re.search(r"^sales@example\.org  a@\S+ b@\S+ c@\S+$", idle.postern("alias", "list").stdout, re.M)
    idle.postern("alias", "remove", "sales@example.org", "b@elsewhere.example")
    assert idle.json("alias", "list")[0]["targets"] == ["a@elsewhere.example", "c@elsewhere.example"]
    refused(idle.postern("alias", "remove", "sales@example.org", "b@elsewhere.example", check=False), "b@elsewhere.example")
    refused(idle.postern("alias", "add", "x@elsewhere.example", "a@example.org", check=False),
            "postern domain add elsewhere.example")
    idle.postern("user", "add", "fred@example.org", "--password-stdin", input="secret\n")
    refused(idle.postern("alias", "add", "fred@example.org", "a@elsewhere.example", check=False), "fred@example.org")
    refused(idle.postern("user", "add", "sales@example.org", "--password-stdin", input="secret\n", check=False),
            "sales@example.org")
    idle.postern("alias", "remove", "sales@example.org")
    assert idle.json("alias", "list") == []
    refused(idle.postern("alias", "remove", "sales@example.org", check=False), "sales@example.org")
    idle.postern("user", "remove", "fred@example.org", "--purge")


# --- the terminal ---

class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(arguments[0], arguments)
        self.output = b""

    def read_until(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0], self.output
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, self.output
            self.output += data

    def write(self, data):
        os.write(self.fd, data)

    def wait(self):
        try:
            while select.select([self.fd], [], [], 60)[0] and (data := os.read(self.fd, 4096)):
                self.output += data
        except OSError:
            pass  # the other end is closed
        os.close(self.fd)  # a command that still waits gets SIGHUP
        status = os.waitpid(self.pid, 0)[1]
        return status


def terminal(instance, *arguments):
    return Terminal(str(build_folder() / "admin" / "postern"), "-c", str(instance.config), *arguments)


def test_password_is_asked_twice_without_echo(idle):
    session = terminal(idle, "user", "add", "greta@example.org")
    session.read_until(b"New password: ")
    session.write(b"typed secret\n")
    session.read_until(b"Once more: ")
    session.write(b"typed secret\n")
    assert os.waitstatus_to_exitcode(session.wait()) == 0
    assert b"typed secret" not in session.output
    assert "greta@example.org" in users(idle)
    session = terminal(idle, "user", "passwd", "greta@example.org")
    session.read_until(b"New password: ")
    session.write(b"one thing\n")
    session.read_until(b"Once more: ")
    session.write(b"another\n")
    assert os.waitstatus_to_exitcode(session.wait()) == 1
    assert b"differ" in session.output
    idle.postern("user", "remove", "greta@example.org", "--purge")


def test_interrupted_password_changes_nothing(idle):
    session = terminal(idle, "user", "add", "hanna@example.org")
    session.read_until(b"New password: ")
    session.write(b"typed\x03")
    assert os.waitstatus_to_exitcode(session.wait()) == -signal.SIGINT
    assert "hanna@example.org" not in users(idle)


# --- status of an instance that does not run ---

def test_status_when_not_running(idle):
    result = idle.postern("status", check=False)
    assert result.returncode == 1 and result.stdout.startswith("not running\n")
    result = idle.postern("status", "--json", "--usage", check=False)
    status = json.loads(result.stdout)
    assert result.returncode == 1
    assert status["running"] is False and status["pid"] is None and status["supervisor"] is None
    assert status["domains"] == 1 and status["messages"] == 0
    assert status["queue"]["messages"] == 0 and status["queue"]["oldest"] is None
