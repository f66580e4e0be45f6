"""Every key has the line on which it stands, in any spelling that TOML has."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.toml_text.lines import Lines, Path

DOCUMENT = '''\
# a comment with [brackets] and "quotes"
level = "open"   # and = more

text = """
[[rule]]
name = "not a rule" \\"""
# no comment
"""
literal = \'\'\'
it's = "nothing"\'\'\'\'

[[rule]]
name = "a"
deny-if.age = "< 7d"
"unless".fixes = "high"

[[rule]]
packages = [
  "one",   # with a comment ]
  [ "two", "three" ],
]
deny-if = { vulns = { severity = ">= high", "has-fix" = true }, age = "]" }
[rule.data]
x . y = 2026-11-28 12:00:00
[[rule.inner]]
'quoted # key' = 1
[[rule.inner]]
"\\u0061b" = 2
[[exception]]
expires = 2027-02-01
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("level",), 2), (("text",), 4), (("literal",), 9), (("rule",), 12), (("rule", 0), 12), (("rule", 0, "name"), 13),
        (("rule", 0, "deny-if"), 14), (("rule", 0, "deny-if", "age"), 14), (("rule", 0, "unless", "fixes"), 15),
        (("rule", 1), 17), (("rule", 1, "packages"), 18), (("rule", 1, "packages", 0), 19),
        (("rule", 1, "packages", 1, 1), 20), (("rule", 1, "deny-if", "vulns", "has-fix"), 22),
        (("rule", 1, "deny-if", "age"), 22), (("rule", 1, "data", "x", "y"), 24), (("rule", 1, "inner", 0), 25),
        (("rule", 1, "inner", 0, "quoted # key"), 26), (("rule", 1, "inner", 1, "ab"), 28),
        (("exception", 0, "expires"), 30), (("exception", 0, "reason"), 29), (("nothing",), 1),
    ],
)  # fmt: skip
def test_a_key_has_its_line(path: Path, line: int) -> None:
    assert Lines(DOCUMENT).of(path) == line


def _paths(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    yield path, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _paths(one, (*path, key))
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _paths(one, (*path, number))


_KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
_LEAVES = st.booleans() | st.integers(-5, 5) | st.dates() | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12
)  # fmt: skip
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(_KEYS, _TREES, max_size=4))
def test_every_path_of_any_document_has_a_line_that_holds_its_key(tree: dict[str, object]) -> None:
    text = tomlkit.dumps(tree)
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # tomlkit writes some characters as they are that TOML wants escaped
    lines = Lines(text)
    written = text.split("\n")
    for path, _ in _paths(read):
        if not path:
            continue
        assert path in lines._lines
        line = lines.of(path)
        assert 1 <= line <= len(written)
        last = path[-1]
        if isinstance(last, str) and last.isascii() and last.isalnum():
            assert last in written[line - 1]
