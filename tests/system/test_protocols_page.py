"""docs/protocols.md is the list of what IMAP announces: every capability has a row, and what the rows name exists."""

import re
from pathlib import Path

from line_client import LineClient

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocols.md").read_text()
LEAST = 5  # tests for each capability


def rows():
    """The table of IMAP's extensions: ([capabilities], [files], text of the last column)."""
    table = PAGE[PAGE.index("### Extensions", PAGE.index("## IMAP")):]
    for line in re.findall(r"^\|(.*)\|$", table[:table.index("\n### ")], re.M)[2:]:
        names, _, files, tests = (cell.strip() for cell in line.split("|"))
        yield [name.strip() for name in names.split(",")], re.findall(r"`([^`]+)`", files), tests


def cases(cell):
    """How many tests the files have that the cell names; every one of them must be there."""
    count = 0
    for name in re.findall(r"`([^`]+)`", cell):
        if name.endswith(".py"):
            text = (ROOT / "tests" / "system" / name).read_text()
            count += len(re.findall(r"^def test_", text, re.M))
        elif (ROOT / "tests" / "dialog" / f"{name}.dlg").exists():
            count += 1
        elif (ROOT / "tests" / "fuzz" / f"fuzz_{name}.c").exists():
            count += 1
        else:
            room, _, unit = name.rpartition("/")
            places = ROOT / "tests" / "unit" / room, ROOT / "tests" / "conformance"
            text = next(path for path in (place / f"test_{unit}.c" for place in places) if path.exists()).read_text()
            count += len(re.findall(r"\b(?:cmocka_unit_test\w*|peer_test|dialogue_test|task_test)\(", text))
    return count


def announced(instance, login=None):
    with LineClient(instance, "imaps" if login else "imap") as client:
        text = client.line()
        if login:
            client.send(f"a LOGIN {login} secret\r\n".encode())
            text = client.line()
    text = text.decode() if isinstance(text, bytes) else text
    return re.search(r"CAPABILITY ([^\]]*)\]", text).group(1).split()


def test_every_capability_has_its_row(instance):
    instance.add_user("capable@example.org", "secret")
    listed = {re.sub("=n$", "", name) for names, _, _ in rows() for name in names}
    told = announced(instance) + announced(instance, "capable@example.org")
    missing = [name for name in told if name not in listed and not (name.startswith("APPENDLIMIT=") and "APPENDLIMIT" in listed)]
    assert not missing, f"not in docs/protocols.md: {missing}"


def test_every_row_is_true():
    checked, few = 0, []
    for names, files, tests in rows():
        for name in files:
            places = [ROOT / name, ROOT / "imapd" / name]
            assert any(place.exists() or list(place.parent.glob(place.name)) for place in places), f"{names}: {name}"
        if names != ["IMAP4rev1", "IMAP4rev2"] and cases(tests) < LEAST:
            few.append(names)
        checked += 1
    assert not few, f"fewer than {LEAST} tests: {few}"
    assert checked > 30
