"""Reads affected versions from what people write: ``>= 1.0, < 2.0``, "before 2.3", "1.0 through 1.4", "fixed in 1.5".

CVE records of GitHub have comparisons in the field for one version; those of MITRE often have ``n/a`` there and
sentences in the description. What is read is what is written: a version that stands alone is that one version only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from customhouse.formats.cve.model import Span

LONGEST = 8_000
"""Characters: the longest of 44,130 descriptions has 9,000, and says at its beginning what is affected."""
MOST = 40
"""Spans of one text: beyond that nobody has meant versions."""

# A number with at least one dot, or with a suffix as of PEP 440, or a bare number of up to eight digits (a date).
_V = (
    r"(?<![\w.-])[vV]?\.?(?P<{0}>\d{{1,8}}(?:\.(?:\d{{1,8}}|[xX*](?![A-Za-z])))*"
    r"(?:[-_.]?(?:alpha|beta|preview|pre|post|dev|rc|a|b|c|p)[-_.]?\d{{0,6}})*)(?![\w-]*\d)(?!%)"
)


def _one(name: str) -> str:
    return _V.format(name)


_BARE = re.compile(_one("v"))
_COMPARED = re.compile(r"(?P<how><=|>=|==|=|<|>|≤|≥)\s*" + _one("v"))
_NOUN = r"(?:the\s+)?(?:(?:versions?|releases?|ver\.?|v)\s+)?"
_BEFORE = (
    r"(?:(?:and\s+)?(?:before|prior\s+to|earlier\s+than|older\s+than|lower\s+than|less\s+than|below|until|preceding))"
)
_THROUGH = r"(?:(?:and\s+)?(?:through|up\s+to(?:,?\s+and\s+including)?|up\s+through|thru|to)|-|–)"
_LIST = r"(?:(?:\s*,\s*|\s*,?\s+(?:and|or)\s+)" + _NOUN + r"[vV]?\d[\w.]{0,40}){0,12}"
_FROM_BEFORE = re.compile(
    r"(?:(?:from|since|starting\s+(?:in|with|from|at)|beginning\s+(?:in|with)|between|introduced\s+in)\s+)?"
    + _NOUN + _one("a") + r"\s*,?\s*(?:(?:and|up\s+to|to)\s+)?" + _BEFORE + r"\s+" + _NOUN + _one("b"),
    re.IGNORECASE,
)  # fmt: skip
_FROM_THROUGH = re.compile(
    r"(?:(?:from|starting\s+(?:in|with|from))\s+)?"
    + _NOUN + _one("a") + r"\s*,?\s*" + _THROUGH + r"\s*" + _NOUN + _one("b"),
    re.IGNORECASE,
)  # fmt: skip
_BETWEEN = re.compile(r"between\s+" + _NOUN + _one("a") + r"\s+and\s+" + _NOUN + _one("b"), re.IGNORECASE)
_ONLY_BEFORE = re.compile(_BEFORE + r"\s+" + _NOUN + r"(?P<list>" + _one("v") + _LIST + ")", re.IGNORECASE)
_ONLY_THROUGH = re.compile(
    r"(?:through|up\s+to(?:,?\s+and\s+including)?|as\s+of|<=)\s+" + _NOUN + _one("v"), re.IGNORECASE
)
_AND_EARLIER = re.compile(
    _one("v") + r"\s*,?\s*\(?(?:and|or)\s+(?:all\s+)?(?:earlier|below|prior|older|before|lower|previous)", re.IGNORECASE
)
_FIXED = re.compile(
    r"(?:fixed|patched|addressed|resolved|mitigated|corrected|remediated)\s+(?:\w+\s+){0,2}?(?:in|with|by|as\s+of|since)\s+"
    r"(?:[A-Za-z][\w.-]*\s+){0,3}?" + _NOUN + r"(?P<list>" + _one("v") + _LIST + ")",
    re.IGNORECASE,
)  # fmt: skip
_PATCH_IN = re.compile(
    _NOUN + r"(?P<list>" + _one("v") + _LIST + r")\s+(?:contains?|includes?|has|have|provides?|fix(?:es)?|patch(?:es)?|"
    r"address(?:es)?|resolves?)\s+(?:a\s+|the\s+|this\s+)?(?:patch|fix|issue|bug|vulnerability|problem|update)",
    re.IGNORECASE,
)  # fmt: skip
_UPGRADE = re.compile(
    r"(?:upgrade|update|upgrading|updating)\s+(?:\w+\s+){0,3}?to\s+(?:[A-Za-z][\w.-]*\s+){0,2}?"
    + _NOUN + r"(?P<list>" + _one("v") + _LIST + ")",
    re.IGNORECASE,
)  # fmt: skip


def spans_of_field(text: str) -> tuple[Span, ...]:
    """What stands in the field for one version: comparisons, or a short sentence, or the version itself."""
    text = text.strip()[:LONGEST]
    compared = tuple(_comparisons(text))
    if compared:
        return compared
    if (alone := _BARE.fullmatch(text)) is not None:
        version = alone["v"]
        return _wild(version) if _is_wild(version) else (Span(version, last=version),)
    return spans_of_sentences(text)


def spans_of_sentences(text: str) -> tuple[Span, ...]:
    """What sentences say; the surest way of saying it that occurs, and only that one."""
    text = text[:LONGEST]
    for read in (_ranges, _upper_edges, _fixes):
        if found := tuple(dict.fromkeys(read(text)))[:MOST]:
            return found
    return ()


def versions_named(text: str) -> tuple[str, ...]:
    """Every version with a dot in a text, in its order."""
    return tuple(dict.fromkeys(one["v"] for one in _BARE.finditer(text[:LONGEST]) if "." in one["v"]))


def _comparisons(text: str) -> Iterator[Span]:
    """``>= 1.0, < 2.0``: a lower edge belongs to the upper edge behind it."""
    lower = ""
    for one in list(_COMPARED.finditer(text))[:MOST]:
        match one["how"]:
            case ">=" | ">" | "≥":
                if lower:
                    yield Span(lower)
                lower = one["v"]
            case "<":
                yield Span(lower or "0", fixed=one["v"])
                lower = ""
            case "<=" | "≤":
                yield Span(lower or "0", last=one["v"])
                lower = ""
            case _:
                yield Span(one["v"], last=one["v"])
    if lower:
        yield Span(lower)


def _ranges(text: str) -> Iterator[Span]:
    yield from (one for one in _comparisons(text) if one.bounded and not one.single)
    taken: list[tuple[int, int]] = []
    for pattern, ends in ((_FROM_BEFORE, "fixed"), (_FROM_THROUGH, "last"), (_BETWEEN, "last")):
        for one in pattern.finditer(text):
            if "." not in one["a"] + one["b"] or any(begin < one.end() and one.start() < end for begin, end in taken):
                continue
            taken.append(one.span())
            first = one["a"][:-2] if _is_wild(one["a"]) else one["a"]
            if ends == "fixed":
                yield Span(first, fixed=one["b"])
            else:
                yield Span(first, last=one["b"])
    for one in _ONLY_BEFORE.finditer(text):
        if not any(begin < one.end() and one.start() < end for begin, end in taken):
            yield from _branches(_listed(one["list"]))


def _upper_edges(text: str) -> Iterator[Span]:
    for pattern in (_AND_EARLIER, _ONLY_THROUGH):
        for one in pattern.finditer(text):
            if "." in one["v"]:
                yield Span("0", last=one["v"])


def _fixes(text: str) -> Iterator[Span]:
    for pattern in (_FIXED, _PATCH_IN, _UPGRADE):
        versions = [version for one in pattern.finditer(text) for version in _listed(one["list"])]
        if versions:
            yield from _branches(versions)
            return


def _listed(text: str) -> list[str]:
    return [one["v"] for one in _BARE.finditer(text) if not _is_wild(one["v"])]


def _branches(fixes: Sequence[str]) -> Iterator[Span]:
    """Of "before 3.2.1, 4.0.3" up to the lowest, and of each further series what is before its own fix."""
    ordered = sorted(dict.fromkeys(fixes), key=_numbers)
    for at, version in enumerate(ordered):
        if at == 0 or _series(version) != version:
            yield Span(_series(version) if at else "0", fixed=version)


def _series(version: str) -> str:
    numbers = _numbers(version)
    return ".".join(str(one) for one in (*numbers[:-1], 0)) if len(numbers) > 1 else version


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", re.split(r"[-_a-zA-Z]", version, maxsplit=1)[0])) or (0,)


def _is_wild(version: str) -> bool:
    return version[-1:] in "xX*"


def _wild(version: str) -> tuple[Span, ...]:
    """``1.9.x`` is from 1.9 to before 1.10; a lone ``*`` is everything."""
    kept = [one for one in version.split(".") if one not in ("x", "X", "*")]
    if not kept or not all(one.isdigit() for one in kept):
        return ()
    after = [*kept[:-1], str(int(kept[-1]) + 1)]
    return (Span(".".join(kept), fixed=".".join(after)),)
