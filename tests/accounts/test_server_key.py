"""What derives from the server's key: one purpose says nothing about another, and nobody else writes a stamp."""

from __future__ import annotations

import pytest

from customhouse.accounts.server_key import ServerKey
from customhouse.terms.encode import base64url, from_base64url, new_id

KEY = ServerKey(b"k" * 32)


def test_a_stamp_is_read_back_for_its_purpose_its_context_and_its_key_alone() -> None:
    text = KEY.stamp("veto", "5.7", "browser")
    assert KEY.stamped("veto", text, "browser") == "5.7"
    for purpose, key, context in (
        ("other", KEY, "browser"), ("veto", ServerKey(b"x" * 32), "browser"), ("veto", KEY, ""), ("veto", KEY, "another"),
    ):  # fmt: skip
        assert key.stamped(purpose, text, context) is None


@pytest.mark.parametrize("change", [
    lambda text: text[1:], lambda text: text[:-1], lambda text: f"x{text}", lambda text: text.upper(), lambda text: f"{text}.",
    lambda _text: "", lambda _text: ".", lambda _text: "é.\ud800", lambda text: text.rpartition(".")[0],
])  # fmt: skip
def test_whatever_is_changed_in_a_stamp_makes_it_none(change: object) -> None:
    assert KEY.stamped("link", change(KEY.stamp("link", new_id()))) is None  # type: ignore[operator]


def test_purposes_and_names_cannot_be_moved_into_each_other() -> None:
    assert KEY.mac("a", "b\0c") != KEY.mac("ab", "\0c")
    assert KEY.mark("a", "b") == KEY.mark("a", b"b") == base64url(KEY.mac("a", "b"))
    assert "k" * 8 not in repr(KEY)


def test_base64url_is_read_back_and_nothing_else_is() -> None:
    for length in range(5):
        raw = bytes(range(250, 250 + length))
        assert from_base64url(base64url(raw)) == raw
    for text in ("a", "a+b/", "a b", "é"):
        with pytest.raises(ValueError):  # noqa: PT011 - the only kind that the function names
            from_base64url(text)
