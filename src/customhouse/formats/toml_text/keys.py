"""Keys of TOML that are nested without sense: `tomllib` takes the square of their depth, so 100 kB take minutes."""

from __future__ import annotations

import re

DEEPEST = 64
"""Parts of one dotted key, or of one header, that anybody needs."""
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
# A key begins a line, a header or an inline table, or comes after a comma in one.
_DEEP = re.compile(rf"(?:^|[\[{{,])[ \t]*(?:{_PART}[ \t]*\.[ \t]*){{{DEEPEST}}}", re.MULTILINE)


def deep_key_line(text: str) -> int:
    """The first line with a key of more than `DEEPEST` parts, counted from 1; 0 if there is none. Linear."""
    found = _DEEP.search(text)
    return 0 if found is None else text.count("\n", 0, found.end()) + 1
