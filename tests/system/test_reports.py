"""Reports to the sender, read by Python's email package: those that the unit test of smtpd/outbound/dsn.c makes, with all their
hostile texts."""

import email
import email.policy
import mailbox
import os
import shutil
import subprocess

import pytest
from postern_instance import build_folder
from terminal import run_in_terminal


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    program = build_folder() / "tests" / "unit" / "test_outbound_dsn"
    if not program.exists():
        pytest.skip("the unit tests are not built")
    folder = tmp_path_factory.mktemp("reports")
    subprocess.run([program], env={**os.environ, "DSN_DIRECTORY": str(folder)}, check=True, capture_output=True)
    texts = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert len(texts) > 15
    return texts


@pytest.fixture(scope="module")
def reports(texts):
    return [email.message_from_bytes(text, policy=email.policy.default) for text in texts]


def parts_of(report):
    assert report.get_content_type() == "multipart/report"
    parts = report.get_payload()
    assert len(parts) == 3
    return parts


def test_no_defects(reports):
    for report in reports:
        for part in report.walk():
            assert not part.defects, report.as_string()
            for name, value in part.items():
                assert not value.defects, (name, value, value.defects)


def test_three_parts(reports):
    kinds = set()
    for report in reports:
        text, fields, original = parts_of(report)
        assert text.get_content_type() == "text/plain"
        signature = {"en": "The mail server", "de": "Der Mailserver"}[text["Content-Language"]]
        assert text.get_content().splitlines()[-2:] == ["-- ", f"{signature} mail.example.org"]
        assert report.get_param("report-type") == fields.get_content_type().split("/")[1]
        kinds.add((fields.get_content_type(), original.get_content_type()))
        assert report["Auto-Submitted"] == "auto-replied"
        assert report["From"].addresses[0].addr_spec == "MAILER-DAEMON@mail.example.org"
        assert len(report.get_all("Subject")) == 1 and not report.get_all("Bcc")
    assert kinds == {
        ("message/delivery-status", "message/rfc822"),
        ("message/delivery-status", "text/rfc822-headers"),
        ("message/global-delivery-status", "message/global"),
    }


def test_fields(reports):
    actions = set()
    for report in reports:
        fields = parts_of(report)[1]
        if fields.get_content_type() != "message/delivery-status":
            continue
        message, *recipients = fields.get_payload()
        assert message["Reporting-MTA"] == "dns;mail.example.org"
        assert not message["Action"]
        assert recipients
        for recipient in recipients:
            assert len(recipient.get_all("Action")) == len(recipient.get_all("Status")) == 1
            assert recipient["Final-Recipient"].startswith("rfc822;")
            actions.add(str(recipient["Action"]))
    assert actions == {"failed", "delayed", "delivered", "relayed", "expanded"}


def test_words_stay_in_their_quotes(reports):
    """What other servers said stands behind "    > ", whatever it holds."""
    for report in reports:
        text = parts_of(report)[0].get_content()
        for line in text.splitlines():
            assert len(line) <= 998
            assert "forged" not in line or line.startswith("    "), line


@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_what_a_mail_client_shows(texts, program, tmp_path):
    """The words first and whole, umlauts too; then the fields; then the original."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    german = next(text for text in texts if b"Content-Language: de" in text and b"message/rfc822" in text)
    utf8 = next(text for text in texts if b"message/global-delivery-status" in text)
    folder = mailbox.Maildir(tmp_path / "mail", create=True)
    shown = []
    for number, text in enumerate((german, utf8)):
        folder.clear()
        folder.add(text)
        (tmp_path / "rc").write_text("set charset=utf-8 pipe_decode=yes wait_key=no move=no quit=yes mark_old=no\n"
                                     f"set folder={tmp_path} mbox_type=Maildir header_cache=\n")
        output = tmp_path / f"shown{number}"
        run_in_terminal([program, "-n", "-F", str(tmp_path / "rc"), "-f", str(tmp_path / "mail"),
                         "-e", f"push '<pipe-message>cat >{output}<enter><exit>'"],
                        dict(os.environ, HOME=str(tmp_path), LC_ALL="C.UTF-8"))
        shown.append(output.read_text())
    words, fields, original = (shown[0].index(text) for text in (
        "Prüfen Sie die Adresse auf Tippfehler", "Action: failed", "From: alice@example.org"))
    assert words < fields < original
    assert "    > 550 5.1.1 no such user\n" in shown[0]
    assert "üser@example.net" in shown[1] and "    > 5.1.1 können wir nicht\n" in shown[1]
