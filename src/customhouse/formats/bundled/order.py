"""The order of libraries' versions, which follow no standard: 1.1.1 < 1.1.1a < 1.1.1k < 3.0.0-beta1 < 3.0.0.

Numbers are compared as numbers, zeros at the end do not count, words that announce a release (alpha, beta, rc, …) come
before it and single letters behind it, as OpenSSL and libjpeg name theirs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest

from customhouse.formats.bundled.model import agree
from customhouse.terms.errors import Rejected

LONGEST = 64
_TOKEN = re.compile(r"[0-9]+|[A-Za-z]+")
_EARLY = frozenset({"alpha", "beta", "rc", "pre", "dev", "preview", "snapshot", "cr", "milestone"})
_BEFORE, _END, _AFTER, _NUMBER = range(4)
_SPECIFIER = re.compile(r"\s*(<=|>=|==|=|<|>)?\s*([0-9A-Za-z][0-9A-Za-z.+_~-]*)\s*")

Part = tuple[int, int, str]
END: Part = (_END, 0, "")
_ZERO: Part = (_NUMBER, 0, "")


@lru_cache(maxsize=20_000)
def _parts(version: str) -> tuple[Part, ...]:
    """The version in parts that compare."""
    start = re.search(r"[0-9]", version)
    text = version[start.start() :][:LONGEST] if start is not None else version[:LONGEST]
    parts: list[Part] = []
    for token in _TOKEN.findall(text):
        if token.isdecimal():
            parts.append((_NUMBER, int(token), ""))
        else:
            word = token.lower()
            parts.append((_BEFORE if word in _EARLY else _AFTER, 0, word))
    # Zeros before the end, or before a word, say nothing: 3.0.0-beta1 is before 3.
    return tuple(part for number, part in enumerate(parts) if not (part == _ZERO and _only_zeros(parts[number:])))


def _only_zeros(parts: list[Part]) -> bool:
    """Whether nothing but zeros comes before the end, or before the first word."""
    for part in parts:
        if part[0] != _NUMBER:
            return True
        if part[1]:
            return False
    return True


def compare(one: str, other: str) -> int:
    """Negative, zero or positive as ``one`` is before, the same as, or behind ``other``."""
    for mine, yours in zip_longest(_parts(one), _parts(other), fillvalue=END):
        if mine != yours:
            return -1 if mine < yours else 1
    return 0


def parse_specifier(text: str) -> tuple[tuple[str, str], ...]:
    """``<1.3.2`` or ``>=3.0,<3.0.14`` as operators and versions; empty is any version. Raises `Rejected`."""
    clauses = []
    for part in text.split(",") if text.strip() else []:
        found = _SPECIFIER.fullmatch(part)
        if found is None or len(found[2]) > LONGEST:
            raise Rejected("bad-range", "range", f"{part[:80]!r} is no range of versions",
                           "comparisons with commas between, for example '<1.3.2' or '>=3.0,<3.0.14'")  # fmt: skip
        clauses.append(("==" if found[1] in (None, "=") else found[1], found[2]))
    return tuple(clauses)


def lies_in(version: str, clauses: tuple[tuple[str, str], ...], *, partial: bool = False) -> bool | None:
    """Whether a version lies in a range; None if too little of it is known.

    ``partial``: of the version only the beginning is known, as of libpq's "17". It lies in a range if all that it
    may be do.
    """
    lies = all(_holds(version, operator, bound) for operator, bound in clauses)
    if partial and any(compare(version, bound) == 0 or agree(version, bound) for _, bound in clauses):
        return None
    return lies


def _holds(version: str, operator: str, bound: str) -> bool:
    order = compare(version, bound)
    return {
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
        "==": order == 0,
    }[operator]
