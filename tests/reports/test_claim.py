"""Bad reports are named field by field."""

from __future__ import annotations

import pytest

from customhouse.reports.claim import KINDS, MAX_EXCERPT, MAX_TEXT, Claim, parse_claim
from customhouse.terms.errors import Rejected

GOOD = {"kind": "malware", "text": "It steals tokens on import."}


def test_a_report_needs_a_kind_and_a_text() -> None:
    assert parse_claim(GOOD) == Claim("malware", "It steals tokens on import.")


def test_everything_that_may_be_said_is_kept() -> None:
    claim = parse_claim(
        {
            "kind": "typosquat", "text": " Same description,\r\nother code. ", "version": "1.0.0-rc1", "file": "demo-1.0rc1.tar.gz",
            "imitates": "Re.Quests", "evidence_url": "https://example.org/analysis?x=1", "evidence_excerpt": "exec(b64decode(…))",
            "evidence_path": "demo/__init__.py", "evidence_line": "17",
        }
    )  # fmt: skip
    assert claim == Claim(
        "typosquat", "Same description,\nother code.", "1.0.0rc1", "demo-1.0rc1.tar.gz", "re-quests",
        "https://example.org/analysis?x=1", "exec(b64decode(…))", "demo/__init__.py", 17,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"kind": ""}, "bad-kind", "kind"),
        ({"kind": "MALWARE"}, "bad-kind", "kind"),
        ({"text": " \n "}, "no-text", "text"),
        ({"text": "x" * (MAX_TEXT + 1)}, "field-too-long", "text"),
        ({"text": "a\0b"}, "bad-character", "text"),
        ({"text": "a\ud800b"}, "bad-character", "text"),
        ({"version": "one"}, "bad-version", "version"),
        ({"file": "x" * 501}, "field-too-long", "file"),
        ({"file": "a\0"}, "bad-character", "file"),
        ({"kind": "typosquat"}, "no-imitated-project", "imitates"),
        ({"kind": "typosquat", "imitates": "-"}, "bad-name", "imitates"),
        ({"kind": "spam", "imitates": "requests"}, "not-imitating", "imitates"),
        ({"evidence_url": "javascript:alert(1)"}, "bad-url", "evidence_url"),
        ({"evidence_url": "https://"}, "bad-url", "evidence_url"),
        ({"evidence_url": "https://[::1"}, "bad-url", "evidence_url"),
        ({"evidence_url": "https://example.org\\@evil.example/"}, "bad-url", "evidence_url"),
        ({"evidence_url": "https://index.example@evil.example/"}, "bad-url", "evidence_url"),
        ({"evidence_url": "https://example.org/a b"}, "bad-url", "evidence_url"),
        ({"evidence_url": "https://example.org/" + "a" * 2000}, "field-too-long", "evidence_url"),
        ({"evidence_excerpt": "x" * (MAX_EXCERPT + 1)}, "field-too-long", "evidence_excerpt"),
        ({"evidence_line": "3"}, "no-path", "evidence_path"),
        ({"evidence_path": "a.py", "evidence_line": "0"}, "bad-line", "evidence_line"),
        ({"evidence_path": "a.py", "evidence_line": "-1"}, "bad-line", "evidence_line"),
        ({"evidence_path": "a.py", "evidence_line": "١"}, "bad-line", "evidence_line"),
        ({"evidence_path": "a.py", "evidence_line": "9" * 5000}, "bad-line", "evidence_line"),
    ],
)
def test_bad_input_is_named_with_what_would_be_taken(change: dict[str, str], code: str, where: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_claim(GOOD | change)
    assert (caught.value.code, caught.value.where) == (code, where)
    assert caught.value.accepted


def test_dependency_confusion_may_name_the_private_name_and_need_not() -> None:
    assert parse_claim(GOOD | {"kind": "dependency-confusion", "imitates": "Acme_Tools"}).imitates == "acme-tools"
    assert parse_claim(GOOD | {"kind": "dependency-confusion"}).imitates == ""


def test_the_kinds_are_those_of_the_form() -> None:
    assert KINDS == ("malware", "spam", "typosquat", "dependency-confusion", "something-else")
