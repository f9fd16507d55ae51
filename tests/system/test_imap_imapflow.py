"""imapflow, the IMAP client of Node.js programs, in a session of its own (imapflow/session.js).

It comes from npm, by the lock file beside the script, into a cache folder outside this repository (POSTERN_TEST_CACHE, or
~/.cache/postern-tests). Where it cannot be installed the test fails and says so: a test that did not run has not passed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import imap_mail
from imap_mail import instant

HERE = Path(__file__).resolve().parent / "imapflow"


@pytest.fixture(scope="module")
def modules():
    """The folder that holds node_modules."""
    cache = Path(os.environ.get("POSTERN_TEST_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "postern-tests")
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = cache / f"imapflow-{wanted}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, scratch)
        try:
            result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=scratch, capture_output=True,
                                    text=True, timeout=300)
        except FileNotFoundError:
            pytest.fail("there is no npm here, so imapflow was not tested")
        if result.returncode != 0:
            pytest.fail(f"npm could not install imapflow, so it was not tested:\n{result.stderr[-2000:]}")
        try:
            Path(scratch).rename(folder)
            Path(scratch).mkdir()  # for the TemporaryDirectory to remove
        except OSError:
            assert folder.exists()  # another run was quicker
    return folder


@pytest.mark.parametrize("service", ["imap", "imaps"])
def test_imapflow(imap_server, imap_user, modules, service):
    user, password = imap_user()
    imap_mail.fill(imap_server, user, password)
    message = imap_mail.message("appended", "Grüße\r\n".encode())
    options = {"modules": str(modules), "host": "127.0.0.1", "port": imap_server.port(service), "secure": service == "imaps",
               "user": user, "pass": password, "message": message.decode()}
    result = subprocess.run(["node", HERE / "session.js", json.dumps(options)], capture_output=True, text=True, timeout=90)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["secure"] and seen["refused"]

    folders = seen["folders"]
    listed = {folder["path"]: folder for folder in folders["list"]}
    assert listed.keys() == {"INBOX", *imap_mail.FOLDERS, *imap_mail.SPECIAL}
    for name in imap_mail.SPECIAL:
        assert listed[name]["use"] == f"\\{name}"
    assert all(folder["subscribed"] and folder["delimiter"] == "/" for name, folder in listed.items() if name != "INBOX")
    assert {name: folder["messages"] for name, folder in listed.items() if folder["messages"]} == {
        name: len(messages) for name, messages in imap_mail.MAIL.items()}
    assert folders["created"]["path"] == "Neu/Über & unter/日本 🎉" and folders["created"]["created"]
    assert not folders["again"].get("created")
    assert folders["renamed"]["newPath"] == "Neu/Anders" and "Neu/Anders/日本 🎉" in folders["tree"]
    assert (folders["status"]["messages"], folders["status"]["unseen"], folders["status"]["uidNext"]) == (5, 3, 6)
    assert folders["deleted"]["path"] == "Neu/Anders/日本 🎉"

    messages = seen["messages"]
    assert messages["mailbox"] == {"exists": 6, "path": "INBOX", "uidNext": 7}
    for got, (text, flags, date) in zip(messages["fetched"], imap_mail.MAIL["INBOX"], strict=True):
        assert got["source"].encode("latin-1") == text and got["size"] == len(text)
        assert got["flags"] == sorted(flag.lower() for flag in flags)
        assert got["from"] == "bob@elsewhere.example" and got["subject"] == imap_mail.subject_of(text)
        assert got["date"] == imap_mail.iso(instant(date))
        assert got["headers"].lower().startswith(("subject:", "message-id:"))
    assert messages["fetched"][4]["parts"] == ["text/plain", "application/octet-stream"]
    assert messages["download"]["text"].encode("latin-1") == bytes(range(12)) * 200
    assert messages["download"]["name"] == "data.bin"
    assert messages["many"] == {"1": len("Grüße".encode()), "2": 2400}
    assert messages["search"] == {"unseen": [1, 3, 6], "keyword": [4], "body": [6], "header": [1], "either": [3, 5, 6]}
    assert messages["copied"]["uidMap"] == [[1, 2], [2, 3]] and messages["moved"]["uidMap"] == [[5, 1]]
    assert messages["removed"] and messages["expunged"] == [4]
    assert messages["after"] == [[1, ["$phishing", "\\flagged"]], [2, ["\\draft"]], [3, ["\\answered"]], [6, []]]
    assert messages["appended"]["uid"] == 4 and messages["refused"] == {"code": "TRYCREATE"}
    assert seen["idle"] == {"exists": 1, "flags": ["\\answered"], "events": {"exists": 1, "flags": 1, "expunge": 1}}

    after = imap_mail.snapshot(imap_server, user, password)
    assert after["Entwürfe"]["appended"] == (frozenset({"\\seen", "work"}), message, 1700000000.0)
    assert after["Entwürfe"]["fresh"][0] == {"\\flagged", "$phishing"}
    assert after["日本語"].keys() == {"multipart"} and after["Archive"] == {}
