"""``customhouse policy show`` and ``check``, as people read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import customhouse
from customhouse.formats.policy.level_texts import LEVELS, level_text
from terminal_picture import terminal_picture

GOOD = """\
level = "strict"
[[rule]]
name = "no takeover"
deny-if.publisher-changed = true
action = "hold"
[[exception]]
package = "acme-*"
rules = ["cooldown"]
reason = "our own"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.toml").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize("name", LEVELS)
def test_a_level_is_printed_as_it_is_written(name: str, folder: Path) -> None:
    done = customhouse("policy", "show", name, folder=folder)
    assert (done.returncode, done.stdout) == (0, level_text(name))
    (folder / "saved.toml").write_text(done.stdout)
    assert customhouse("policy", "check", "saved.toml", folder=folder).returncode == 0


def test_a_file_is_shown_rule_by_rule_in_their_order_in_eighty_columns(folder: Path) -> None:
    done = customhouse("policy", "show", "policy.toml", folder=folder)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "policy.toml: level strict, 23 rules (1 of its own), 1 exception"
    assert max(map(len, lines)) <= 80
    assert " 1. known malware                              deny  always level strict" in lines
    place = next(number for number, line in enumerate(lines) if "no takeover" in line)
    assert lines[place].endswith("line 2")
    assert "publisher-changed true; if it is not known: hold" in lines[place + 1]
    assert "exception for acme-* from cooldown: our own" in lines


def test_what_its_author_should_know_is_said(folder: Path) -> None:
    done = customhouse("policy", "check", "policy.toml", folder=folder)
    assert done.returncode == 0
    assert "counts only for projects that" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("publisher-changed", "publisher-change"), "policy.toml, line 4, rule 'no takeover', deny-if.publisher-change: there is no signal 'publisher-change'; did you mean 'publisher-changed'?"),
        (GOOD.replace('"strict"', '"stirct"'), "policy.toml, line 1, level: 'stirct' is not known; did you mean 'strict'?"),
        (GOOD.replace('["cooldown"]', '["colddown"]'), "policy.toml, line 8, exception for 'acme-*', rules[0]: there is no rule 'colddown'; did you mean 'cooldown'?"),
        ("level = ", "policy.toml, line 1: this is no TOML: Invalid value"),
        ('level = "\\u001b[31m"', "U+001B"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_used_ends_with_two_and_its_line(text: str, said: str, folder: Path) -> None:
    (folder / "policy.toml").write_text(text)
    for command in ("check", "show"):
        done = customhouse("policy", command, "policy.toml", folder=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr.replace("\\x1b", "U+001B")
        assert "\x1b" not in done.stderr
    if "deny-if" in said:
        terminal_picture("policy-check", "customhouse policy check policy.toml", done.stderr)


def test_what_is_no_policy_file_is_said(folder: Path) -> None:
    assert "neither a level nor a file" in customhouse("policy", "show", "stirct", folder=folder).stderr
    assert customhouse("policy", "check", "nothing.toml", folder=folder).returncode == 2
    assert customhouse("policy", "check", ".", folder=folder).returncode == 2
    (folder / "odd.toml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in customhouse("policy", "check", "odd.toml", folder=folder).stderr
