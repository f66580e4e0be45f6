"""The lines of a requirements file, as pip reads them. Nothing is opened and no variable is expanded here.

Source: pip's documentation, "Requirements File Format"; for ``# via``, the comments of pip-tools and uv.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from customhouse.formats.inventory.requirement import split_requirement

MOST_LINES = 1_000_000
LONGEST_LINE = 100_000
_HASH = re.compile(r"\s--hash[= ]\s*([a-z0-9]{1,10}:[0-9A-Fa-f]{1,130})(?=\s|$)")
_OPTION = re.compile(r"\s--?[a-zA-Z][a-zA-Z-]*(?:[= ]\s*\S+)?")
_QUOTES = str.maketrans("", "", "\"'\\")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_VIA = re.compile(r"\s*#(?:\s*via\s+|\s+via\s*$|\s{2,})(.*)$")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_PATH = re.compile(r"\.{0,2}/|[A-Za-z]:[\\/]|\.{1,2}\\|~")
_NAMES = {
    "-r": "include", "--requirement": "include", "-c": "constrain", "--constraint": "constrain",
    "-e": "editable", "--editable": "editable", "-i": "index", "--index-url": "index", "--pypi-url": "index",
    "--extra-index-url": "extra-index", "--no-index": "no-index", "-f": "find-links", "--find-links": "find-links",
}  # fmt: skip
_WITHOUT_CONSEQUENCE = frozenset(
    {"--no-binary", "--only-binary", "--prefer-binary", "--require-hashes", "--pre", "--trusted-host", "--use-feature",
     "--all-releases", "--only-final", "--no-deps", "--uploaded-prior-to"}
)  # fmt: skip
_TOO_LONG = "\n"
"""No line of a file; it stands for all that come after the last that is read."""
_SHORT = ("-r", "-c", "-e", "-i", "-f")


class Wanted(NamedTuple):
    """One requirement."""

    line: int
    text: str
    """Without options and comments."""
    name: str
    """Normalised; empty if it is an address or a path that does not tell it."""
    extras: frozenset[str] = frozenset()
    specifier: str = ""
    marker: str = ""
    address: str = ""
    """The address or path that it comes from; empty if it comes from an index."""
    editable: bool = False
    hashes: frozenset[str] = frozenset()
    via: tuple[str, ...] = ()
    """Who required it, as a comment of pip-tools or uv says: names, or ``-r FILE``."""


class Option(NamedTuple):
    """One option of the file."""

    line: int
    kind: str
    """include | constrain | index | extra-index | no-index | find-links"""
    value: str


class Fault(NamedTuple):
    """A line that cannot be read."""

    line: int
    why: str


def read_lines(text: str) -> Iterator[Wanted | Option | Fault]:
    """What stands in the file, in its order."""
    pending: Wanted | None = None
    via: list[str] = []
    for number, line, raw in _logical(text):
        if not line:
            if pending is not None and (found := _VIA.fullmatch(raw)) is not None and found[1].strip():
                via += [one.strip()[:200] for one in found[1].split(",")]
            continue
        if pending is not None:
            yield _with_via(pending, via)
        pending, via = None, []
        for one in _read(number, line):
            if isinstance(one, Wanted):
                pending = one
                if (behind := re.search(r"\s#\s*via\s+(.+)$", raw)) is not None:
                    via += [name.strip()[:200] for name in behind[1].split(",")]
            else:
                yield one
    if pending is not None:
        yield _with_via(pending, via)


def _with_via(wanted: Wanted, via: list[str]) -> Wanted:
    if not via:
        return wanted
    return Wanted(
        wanted.line, wanted.text, wanted.name, wanted.extras, wanted.specifier, wanted.marker, wanted.address,
        wanted.editable, wanted.hashes, tuple(dict.fromkeys(via)),
    )  # fmt: skip


def _logical(text: str) -> Iterator[tuple[int, str, str]]:
    """Lines joined where a backslash ends one, without comments; each with its first number and its raw text.

    As in pip, a comment ends a continuation and a backslash inside of one continues nothing.
    """
    parts: list[str] = []
    first = 0
    length = 0
    # pip too takes every sign that Unicode calls an end of line for one: behind it a comment hides nothing.
    for number, line in enumerate(text.splitlines(), 1):
        if number > MOST_LINES:
            parts = []
            yield number, _TOO_LONG, ""
            break
        if not parts:
            first = number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment and length < LONGEST_LINE:
            parts.append(line[:-1])
            length += len(line)
            continue
        if is_comment and parts:
            # pip ends the requirement here; the comment may be the "# via" that belongs to it.
            yield first, _plain(" ".join(parts)), ""
            parts, length, first = [], 0, number
        whole = " ".join([*parts, line]) if parts else line
        yield first, _plain(whole), whole
        parts, length = [], 0
    if parts:
        yield first, _plain(" ".join(parts)), ""


def _plain(line: str) -> str:
    """Without the comment: a ``#`` begins one at the line's beginning and behind a blank."""
    whole = line[: LONGEST_LINE + 1]
    at = whole.find("#")
    while at > 0 and not whole[at - 1].isspace():
        at = whole.find("#", at + 1)
    return (whole if at < 0 else whole[:at]).strip()


def _read(number: int, line: str) -> Iterator[Wanted | Option | Fault]:
    if line == _TOO_LONG:
        yield Fault(number, f"the file has more than {MOST_LINES} lines: the rest was not read")
    elif len(line) > LONGEST_LINE:
        yield Fault(number, f"the line has more than {LONGEST_LINE} characters")
    elif line.startswith("-"):
        yield _option(number, line)
    else:
        yield _requirement(number, line, editable=False)


def _option(number: int, line: str) -> Wanted | Option | Fault:
    name, _, value = line.replace("=", " ", 1).partition(" ") if line.startswith("--") else line.partition(" ")
    if name not in _NAMES and name[:2] in _SHORT and not name.startswith("--"):
        # "-rother.txt" is read too.
        name, value = name[:2], f"{name[2:].removeprefix('=')} {value}"
    value = value.strip()
    kind = _NAMES.get(name)
    if kind is None:
        if name in _WITHOUT_CONSEQUENCE:
            return Option(number, "other", line[:200])
        return Fault(number, f"the option {name[:60]!r} is not known")
    if kind == "editable":
        return _requirement(number, value, editable=True)
    if not value and kind != "no-index":
        return Fault(number, f"{name} has no value")
    return Option(number, kind, value.strip("\"'"))


def _odd_hash(options: str) -> str:
    """A word that pip takes for ``--hash``, although it is written otherwise: quoted, shortened, with a variable.

    pip splits options as a shell does and takes any beginning of a name for the option (`optparse`).
    """
    for word in re.split(r"\s-", options)[1:]:
        name = f"-{word}".translate(_QUOTES).partition("=")[0].split(maxsplit=1)
        if name and len(name[0]) > len("--") and "--hash".startswith(name[0]):
            return f"-{word}"
    quoted = options.translate(_QUOTES) != options and "--h" in options.translate(_QUOTES)
    return options.strip() if quoted else ""


def _requirement(number: int, line: str, *, editable: bool) -> Wanted | Fault:
    hashes = frozenset(one.lower() for one in _HASH.findall(f" {line}"))
    bare = _HASH.sub("", f" {line}") if " -" in line else line
    text = _OPTION.split(bare, maxsplit=1)[0].strip() if " -" in line else line
    if " -" in line and (odd := _odd_hash(bare)):
        return Fault(number, f"{odd[:60]!r} may be a hash, and not one that can be read")
    if not text:
        return Fault(number, "an option without a requirement")
    if (variable := _VARIABLE.search(text)) is not None:
        return Fault(number, f"{variable[0]} is not expanded here")
    found = None if editable else split_requirement(text)
    if found is not None:
        return Wanted(
            number, text, found.name, found.extras, found.specifier, found.marker, found.url, hashes=hashes
        )  # fmt: skip
    if editable or _ADDRESS.match(text) or _PATH.match(text) or text.endswith((".whl", ".tar.gz", ".zip")):
        address, _, marker = text.partition(" ;") if " ;" in text else text.partition("; ")
        egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+)", address)
        named = split_requirement(egg[1]) if egg is not None else None
        return Wanted(
            number, text, named.name if named else "", marker=marker.strip(), address=address.strip(),
            editable=editable, hashes=hashes,
        )  # fmt: skip
    return Fault(number, f"{text[:120]!r} is no requirement")
