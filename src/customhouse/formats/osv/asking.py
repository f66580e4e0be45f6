"""Questions in the protocol of OSV.dev: which records match a package (google.github.io/osv.dev/api).

Whatever cannot be looked up here is an error and never the answer "nothing is known".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from customhouse.formats.osv.model import PYPI
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

CODE = "bad-query"
MOST_QUERIES = 1000
"""Of one batch, as OSV.dev has it."""
MOST_BYTES = 4 * 2**20
LONGEST = 500
_DEEPEST = 8
_PURL = "pkg:pypi/"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked about one package; ``name`` is normalised, an empty version asks about all of them."""

    name: str
    version: str = ""


def read_query(body: bytes) -> Query:
    """The question in the body of ``/v1/query``; raises `Rejected`."""
    return _query(_read(body), "")


def read_batch(body: bytes) -> list[Query]:
    """The questions in the body of ``/v1/querybatch``, in their order; raises `Rejected`."""
    queries = _read(body).get("queries")
    if queries is None:
        return []
    if not isinstance(queries, list):
        raise Rejected(CODE, "queries", "it is no list", "a list of queries")
    if len(queries) > MOST_QUERIES:
        why = f"there are {len(queries)} queries"
        raise Rejected(CODE, "queries", why, f"at most {MOST_QUERIES}: send the rest in another batch")
    return [_query(_object(one, f"queries[{at}]"), f"queries[{at}].") for at, one in enumerate(queries)]


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        return _object(read_json(body.decode(), max_depth=_DEEPEST), "body")
    except ValueError as error:
        raise Rejected(CODE, "body", f"it is no JSON: {str(error)[:100]}", "a JSON object in UTF-8") from error


def _query(top: Mapping[str, Any], where: str) -> Query:
    if top.get("commit"):
        raise Rejected(CODE, f"{where}commit", "commits are not looked up here", "a package and a version")
    # There is one page only: whatever somebody has kept from elsewhere leads to it.
    _text(top, "page_token", where)
    package = _object(top.get("package") or {}, f"{where}package")
    version, name = _text(top, "version", where), _text(package, "name", f"{where}package.")
    ecosystem, purl = _text(package, "ecosystem", f"{where}package."), _text(package, "purl", f"{where}package.")
    if purl and (name or ecosystem):
        raise Rejected(CODE, f"{where}package", "it has a purl, and a name or an ecosystem too", "one of the two")
    if purl:
        name, named = _read_purl(purl, f"{where}package.purl")
        if named and version:
            raise Rejected(CODE, f"{where}version", "it is given here and in the purl", "one of the two")
        return Query(name, version or named)
    if not name:
        raise Rejected(CODE, f"{where}package.name", "it is missing", "a name and an ecosystem, or a purl")
    if ecosystem != PYPI:
        why = f"{ecosystem[:40]!r} is not known here" if ecosystem else "it is missing"
        raise Rejected(CODE, f"{where}package.ecosystem", why, f"exactly {PYPI!r}")
    return Query(normalize(name), version)


def _read_purl(text: str, where: str) -> tuple[str, str]:
    """Name and version of a package URL; qualifiers and subpath say nothing of advisories (ECMA-427)."""
    if text[: len(_PURL)].lower() != _PURL:
        raise Rejected(CODE, where, f"{text[:60]!r} is no package of PyPI", "pkg:pypi/NAME or pkg:pypi/NAME@VERSION")
    path = text[len(_PURL) :].partition("#")[0].partition("?")[0]
    name, _, version = path.partition("@")
    name, version = unquote(name), unquote(version)
    if not name or "/" in name:
        raise Rejected(CODE, where, f"{text[:60]!r} names no package", "pkg:pypi/NAME or pkg:pypi/NAME@VERSION")
    return normalize(name), version


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Rejected(CODE, where, "it is no object", "an object")
    return value


def _text(top: Mapping[str, Any], key: str, where: str) -> str:
    value = top.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Rejected(CODE, f"{where}{key}", "it is no text", "a text")
    if len(value) > LONGEST:
        raise Rejected(CODE, f"{where}{key}", f"it has {len(value)} characters", f"at most {LONGEST}")
    if "\0" in unquote(value):
        raise Rejected(CODE, f"{where}{key}", "it holds the character 0", "text without it")
    return value
