"""AUTH as the client at a server of others: Dovecot's submission service, with each of the mechanisms."""

import os
import shutil
import subprocess

import pytest

from dovecot_instance import UID, let_in
from postern_instance import PortOffset, build_folder, wait_until

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
auth_verbose = yes
protocols = submission
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
first_valid_uid = 1
hostname = mx.example
mail_location = maildir:{folder}/mail
submission_relay_host = 127.0.0.1
submission_relay_port = 9
submission_backend_capabilities = 8BITMIME
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
service submission-login {{
  inet_listener submission {{
    port = {port}
  }}
}}
"""
PASSWORD = "tanstaaf,tan=staaf"


@pytest.fixture
def dovecot(tmp_path):
    """Starts it with these mechanisms; returns a function that logs in and gives the lines of what came of it."""
    if os.geteuid() != 0:
        pytest.skip("Dovecot is started by root alone")
    let_in(tmp_path)
    offset = PortOffset()
    port = 587 + offset.value
    config = tmp_path / "dovecot.conf"
    started = []

    def start(mechanisms):
        for name in ("run", "state", "mail"):
            (tmp_path / name).mkdir()
        shutil.chown(tmp_path / "mail", UID, UID)
        (tmp_path / "users").write_text(f"tim:{PASSWORD}:{UID}:{UID}::{tmp_path}/mail::\n")
        config.write_text(CONFIGURATION.format(folder=tmp_path, mechanisms=mechanisms, port=port))
        subprocess.run(["dovecot", "-c", config], check=True)
        started.append(True)
        wait_until(lambda: (tmp_path / "run" / "master.pid").exists(), "Dovecot's start")
        return log_in

    def log_in(password=PASSWORD):
        program = build_folder() / "tests" / "unit" / "test_relay_auth"
        result = subprocess.run([program], env={**os.environ, "AUTH_AT": f"127.0.0.1:{port} tim {password}"},
                                capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr
        return next(line for line in result.stdout.splitlines() if line.startswith("# "))

    yield start
    if started:
        subprocess.run(["doveadm", "-c", config, "stop"], check=True)
    offset.release()


@pytest.mark.parametrize("mechanism", ["scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"])
def test_each_mechanism(dovecot, mechanism, tmp_path):
    log_in = dovecot(mechanism)
    assert log_in() == "# done, done, "
    assert log_in("something-else").startswith("# done, refused, 4.7.0 the next host does not accept our login: 535 5.7.8")


def test_the_best_is_taken(dovecot, tmp_path):
    log_in = dovecot("plain login cram-md5 scram-sha-1 scram-sha-256")
    assert log_in() == "# done, done, "
    assert "method=SCRAM-SHA-256" in (tmp_path / "log").read_text()


def test_none_that_we_have(dovecot):
    assert dovecot("anonymous")().startswith("# done, no mechanism, ")
