"""Which versions a statement is about, in the ways in which formats write it: a purl, a range of ``vers``, a specifier.

Sources: PEP 440; package-url/purl-spec, type pypi; package-url/vers-spec, versioning scheme pypi.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName
from customhouse.terms.versions import parse_version, specifiers_of, version_of

CODE = "bad-vex"
PURL = "pkg:pypi/"
VERS = "vers:pypi/"
MAX_RANGE = 4_000
"""Characters of a purl or a range."""
MAX_EDGES = 200
"""Versions that one range may name."""
_OPERATORS = (">=", "<=", "!=", ">", "<", "=")


def holds(specifier: str, version: str) -> bool:
    """Whether a version is one of those; pre-releases count. What is no version of PEP 440 is compared as text."""
    if not specifier:
        return True
    parsed = version_of(version)
    if parsed is None:
        return specifier in (f"=={version}", f"==={version}")
    found = specifiers_of(specifier)
    return found is not None and found.contains(parsed, prereleases=True)


def read_specifier(text: str, where: str) -> str:
    """The specifier in its own one spelling; raises `Rejected`. Text that is no version is taken as ``===`` only."""
    found = specifiers_of(text.strip())
    if found is None:
        raise Rejected(CODE, where, f"{text[:80]!r} is no specifier", "as of PEP 440, like ==1.9 or >=1,<2")
    return str(found)


def exact(specifier: str) -> str:
    """The one version that a specifier names, ``==1.9``; empty if it names several."""
    found = list(specifiers_of(specifier) or ())
    if len(found) == 1 and found[0].operator in ("==", "===") and not found[0].version.endswith(".*"):
        return found[0].version
    return ""


def write_purl(name: str, specifier: str) -> str:
    """``pkg:pypi/b@1.9``, or with the qualifier ``vers`` if several versions are meant."""
    version = exact(specifier)
    if version:
        return f"{PURL}{name}@{quote(version, safe='.')}"
    if specifier:
        return f"{PURL}{name}?vers={quote(write_vers(specifier), safe=':')}"
    return f"{PURL}{name}"


def read_purl(text: str, where: str) -> tuple[str, tuple[str, ...]] | None:
    """The normalised name and the specifiers, one for each span of versions; None if it is no purl of PyPI's kind."""
    if len(text) > MAX_RANGE:
        raise Rejected(CODE, where, f"an identifier of {len(text)} characters", f"at most {MAX_RANGE}")
    if text[: len(PURL)].lower() != PURL:
        return None
    whole, _, _subpath = text[len(PURL) :].partition("#")
    path, _, qualifiers = whole.partition("?")
    name, at, version = path.partition("@")
    called = ProjectName.parse(unquote(name), where=where).normalized
    if at and version:
        return called, (read_version_text(unquote(version), where),)
    for pair in qualifiers.split("&"):
        key, _, value = pair.partition("=")
        if key.lower() == "vers":
            return called, read_vers(unquote(value), where)
    return called, ("",)


def read_version_text(text: str, where: str) -> str:
    """The specifier of one version, which may be none of PEP 440; raises `Rejected`."""
    if version_of(text) is not None:
        return f"=={text}"
    specifier = f"==={text}"
    if specifiers_of(specifier) is None:
        raise Rejected(CODE, where, f"{text[:80]!r} is no version", "a version as of PEP 440, like 1.9")
    return specifier


def write_vers(specifier: str) -> str:
    """``>=1,<2`` as ``vers:pypi/>=1|<2``; ``~=`` and ``.*`` are written as the spans that they stand for."""
    if not specifier:
        return f"{VERS}*"
    edges = [edge for one in SpecifierSet(specifier) for edge in _edges(one)]
    edges.sort(key=lambda edge: (edge[1], edge[0]))
    spelled = (f"{'' if operator == '==' else operator}{quote(text, safe='.')}" for operator, _, text in edges)
    return VERS + "|".join(dict.fromkeys(spelled))


def _edges(one: Specifier) -> list[tuple[str, Version, str]]:
    """The comparisons that a specifier stands for."""
    if one.operator == "===":
        parsed = version_of(one.version) or Version("0")
        return [("==", parsed, one.version)]
    if one.operator == "~=":
        lowest = Version(one.version)
        return [(">=", lowest, one.version), _next(lowest.release[:-1])]
    if one.version.endswith(".*"):
        prefix = Version(one.version[:-2])
        lowest = Version(f"{one.version[:-2]}.dev0")
        if one.operator == "==":
            return [(">=", lowest, str(lowest)), _next(prefix.release)]
        raise Rejected(CODE, str(one), "no range of vers says this", "a specifier without !=….*")
    return [(one.operator, Version(one.version), one.version)]


def _next(release: tuple[int, ...]) -> tuple[str, Version, str]:
    text = ".".join(str(part) for part in (*release[:-1], release[-1] + 1)) + ".dev0"
    return ("<", Version(text), text)


def read_vers(text: str, where: str) -> tuple[str, ...]:
    """The specifiers of a range, one for each span; raises `Rejected`.

    The comparisons of a range stand in the order of their versions. ``>=1|<2|>=3|<4`` are two spans, ``1.0|1.1`` are
    two versions, and ``!=`` takes one out of the span around it.
    """
    if len(text) > MAX_RANGE or text[: len(VERS)].lower() != VERS:
        raise Rejected(CODE, where, f"{text[:80]!r} is no range that is known here", f"{VERS}>=1|<2")
    body = text[len(VERS) :]
    if body == "*":
        return ("",)
    edges = [_edge(one, where) for one in body.split("|")]
    if len(edges) > MAX_EDGES:
        raise Rejected(CODE, where, f"{len(edges)} versions in a range", f"at most {MAX_EDGES}")
    edges.sort(key=lambda edge: edge[1])
    return _spans(edges, where)


def _edge(text: str, where: str) -> tuple[str, Version, str]:
    operator = next((one for one in _OPERATORS if text.startswith(one)), "")
    version = unquote(text[len(operator) :])
    return ("==" if operator in ("", "=") else operator, parse_version(version, where, CODE), version)


def _spans(edges: list[tuple[str, Version, str]], where: str) -> tuple[str, ...]:
    spans: list[str] = []
    lower = ""
    without: list[str] = []
    for operator, _, version in edges:
        match operator:
            case "==":
                if lower:
                    raise Rejected(CODE, where, f"{version!r} stands inside a span", "spans and versions side by side")
                spans.append(f"=={version}")
            case "!=":
                without.append(f"!={version}")
            case ">=" | ">":
                if lower:
                    raise Rejected(CODE, where, "two lower bounds follow each other", "an upper one between them")
                lower = f"{operator}{version}"
            case _:
                spans.append(",".join(part for part in (lower, f"{operator}{version}", *without) if part))
                lower, without = "", []
    if lower or without:
        spans.append(",".join(part for part in (lower, *without) if part))
    return tuple(str(SpecifierSet(one)) for one in spans)
