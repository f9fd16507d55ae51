"""Reports to the sender, read by Python's email package: those that the unit test of smtpd/outbound/dsn.c makes, with all their
hostile texts."""

import email
import email.policy
import os
import subprocess

import pytest
from postern_instance import build_folder


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    program = build_folder() / "tests" / "unit" / "test_outbound_dsn"
    if not program.exists():
        pytest.skip("the unit tests are not built")
    folder = tmp_path_factory.mktemp("reports")
    subprocess.run([program], env={**os.environ, "DSN_DIRECTORY": str(folder)}, check=True, capture_output=True)
    texts = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert len(texts) > 15
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
