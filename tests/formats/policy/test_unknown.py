"""One wording for what is not known, which readers know again."""

from __future__ import annotations

import pytest

from customhouse.formats.policy.unknown import not_known, only_not_known


@pytest.mark.parametrize(
    ("signals", "said"),
    [
        (["malware"], "malware is not known"),
        (["vulnerabilities"], "vulnerabilities are not known"),
        (["licence", "size"], "licence and size are not known"),
    ],
)
def test_what_is_not_known_is_said_and_known_again(signals: list[str], said: str) -> None:
    assert not_known(signals) == said
    assert only_not_known(said)
    assert only_not_known(f"malware is not known; {said}")


@pytest.mark.parametrize(
    "warning", ["it runs code", "malware is not known; it runs code", "it runs code; malware is not known", ""]
)
def test_what_says_anything_else_stays_news(warning: str) -> None:
    assert not only_not_known(warning)
