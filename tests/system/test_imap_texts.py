"""Every sentence that imapd says has a translation, and every translation is of a sentence that it says."""

import re
from pathlib import Path

IMAPD = Path(__file__).resolve().parents[2] / "imapd"
# What is said is the last argument of these.
SPEAKERS = "imap_ok|imap_no|imap_bad|imap_say|imap_invite|imap_words|imap_text|parser_expected|take|refuse|tell_refusal"
LITERAL = r'"((?:[^"\\]|\\.)*)"'
# They speak before a client could have chosen a language.
BEFORE_ANY_CHOICE = {"main.c"}


def only_code(text):
    """Without comments and characters, whose quotes would confuse."""
    return re.sub(rf"{LITERAL}|/\*.*?\*/|'(?:[^'\\]|\\.)+'", lambda token: token[0] if token[0][0] == '"' else " 0 ", text, flags=re.S)


def sources():
    for path in sorted(IMAPD.glob("*.c")):
        if path.name not in BEFORE_ANY_CHOICE | {"texts.c"}:
            yield path.name, only_code(path.read_text())


def last_argument(text, start):
    """Of the call whose arguments begin at `start`."""
    depth, begin, at = 1, start, start
    while depth:
        token = re.compile(LITERAL + "|.", re.S).match(text, at)
        at = token.end()
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
        elif token[0] == "," and depth == 1:
            begin = at
    return text[begin:at - 1]


def literals(text):
    """The literals, those that stand side by side as one."""
    return ["".join(re.findall(LITERAL, run[0])) for run in re.finditer(rf"(?:{LITERAL}\s*)+", text)]


def sentences():
    """What is said: {sentence: file}. What has no two letters in a row needs no translation."""
    found = {}
    for name, text in sources():
        for call in re.finditer(rf"(?<![\w>.])(?:{SPEAKERS})\s*\(", text):
            for literal in literals(last_argument(text, call.end())):
                if re.search("[a-z]{2}", literal):
                    found[literal] = name
    return found


def translated():
    table = (IMAPD / "texts.c").read_text()
    table = table[table.index("imap_translations[] = {"):table.index("imap_translation_count")]
    return [literals(row)[0] for row in re.findall(r"^    \{(.*?)\},?$", table, re.M | re.S)]


def test_every_sentence_is_translated():
    said = sentences()
    assert len(said) > 150
    missing = {sentence: name for sentence, name in said.items() if sentence not in translated()}
    assert not missing


def test_every_translation_is_used():
    everything = {literal for _, text in sources() for literal in literals(text)}
    everything.add("Shared/")  # SHARED_PREFIX, which names.h puts together
    unused = [sentence for sentence in translated() if sentence not in everything]
    assert len(translated()) > 200 and not unused


def test_no_sentence_goes_past_the_table():
    """A status response is written by imap_say and its like, or its text is asked for by imap_words."""
    past = []
    for name, text in sources():
        past += [(name, code) for code in re.findall(r'imap_untagged\(session, "(?:OK|NO|BAD|BYE) .*', text)]
        for literal in literals(text):
            if re.match(r"(\* )?(OK|NO|BAD|BYE|PREAUTH) |.*\] |\+ ", literal):
                rest = re.sub(r"^(\* )?[A-Z]+ |\[.*\]|^.*\] |%\w+|\\r\\n", "", literal)
                if re.search("[a-z]{2}", rest):
                    past.append((name, rest.strip()))
    assert past == [("session.c", "Postern IMAP server ready")]  # the greeting
