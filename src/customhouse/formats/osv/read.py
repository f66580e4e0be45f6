"""Reads an OSV record: whatever is wrong with it is said with the place, and nothing is read as "affects nothing"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

from customhouse.formats.osv.model import (
    PYPI,
    Affected,
    Credit,
    Event,
    EventKind,
    Range,
    RangeKind,
    Record,
    Reference,
    Severity,
)
from customhouse.formats.osv.times import read_time, write_time
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

T = TypeVar("T")
CODE = "bad-advisory"
MAJOR = "1"
LONGEST_NAME, LONGEST_ECOSYSTEM = 500, 100
"""Characters of a package's name (Go's are addresses) and of its ecosystem's."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_EVENT_KINDS: Mapping[str, EventKind] = {kind: kind for kind in get_args(EventKind)}
_RANGE_KINDS: Mapping[str, RangeKind] = {kind: kind for kind in get_args(RangeKind)}


def read_record(document: object, where: str) -> Record:
    """The record that plain JSON values hold; ``where`` is the file or address it comes from. Raises `Rejected`."""
    top = _object(document, where)
    version = _text(top.get("schema_version") or "1.0.0", f"{where}: schema_version")
    if version.partition(".")[0] != MAJOR:
        raise Rejected(CODE, f"{where}: schema_version", f"{version[:20]!r} is not known here", "1.x")
    times = {
        key: read_time(top[key], f"{where}: {key}") for key in ("modified", "published", "withdrawn") if top.get(key)
    }
    if "modified" not in times:
        raise Rejected(CODE, f"{where}: modified", "it is missing", "the time of the last change")
    severity = _severity(top, where)
    affected = _each(top, "affected", where, _affected)
    if severity and any(one.severity for one in affected):
        raise Rejected(CODE, f"{where}: severity", "it stands both at the top and at a package", "one of the two")
    return Record(
        id=_id(top.get("id"), f"{where}: id"),
        modified=times["modified"],
        published=times.get("published"),
        withdrawn=times.get("withdrawn"),
        aliases=_ids(top, "aliases", where),
        upstream=_ids(top, "upstream", where),
        related=_ids(top, "related", where),
        summary=_text(top.get("summary") or "", f"{where}: summary"),
        details=_text(top.get("details") or "", f"{where}: details"),
        severity=severity,
        affected=affected,
        references=_each(top, "references", where, _reference),
        credits=_each(top, "credits", where, _credit),
        schema_version=version,
        document={**top, **{key: write_time(moment) for key, moment in times.items()}},
    )  # fmt: skip


def _affected(document: object, where: str) -> Affected:
    top = _object(document, where)
    package = _object(top.get("package") or {}, f"{where}: package")
    ecosystem = _text(package.get("ecosystem") or "", f"{where}: package.ecosystem")
    name = _text(package.get("name") or "", f"{where}: package.name")
    if bool(ecosystem) != bool(name):
        raise Rejected(CODE, f"{where}: package", "it has a name or an ecosystem only", "both")
    if len(name) > LONGEST_NAME or len(ecosystem) > LONGEST_ECOSYSTEM or not f"{name}{ecosystem}".isprintable():
        raise Rejected(CODE, f"{where}: package", "its name is too long, or holds what cannot be printed",
                       f"at most {LONGEST_NAME} printable characters")  # fmt: skip
    purl = _text(package.get("purl") or "", f"{where}: package.purl")
    kind = ecosystem.partition(":")[0]
    if kind != PYPI and (kind.lower() == PYPI.lower() or (not name and purl.lower().startswith("pkg:pypi/"))):
        # Nobody would look such a package up, and the record would be silent.
        raise Rejected(CODE, f"{where}: package", f"{ecosystem[:40] or purl[:60]!r} is not how PyPI is named",
                       f"the ecosystem {PYPI!r} and a name")  # fmt: skip
    if kind == PYPI:
        # ``PyPI:ADDRESS`` is another index with packages of the same kind; which index one came from is rarely known.
        ecosystem = PYPI
    return Affected(
        ecosystem=ecosystem,
        package=name,
        name=normalize(name) if ecosystem == PYPI else name,
        ranges=_each(top, "ranges", where, _range),
        versions=_versions(top, where),
        severity=_severity(top, where),
        purl=purl,
        ecosystem_specific=_object(top.get("ecosystem_specific") or {}, f"{where}: ecosystem_specific"),
        database_specific=_object(top.get("database_specific") or {}, f"{where}: database_specific"),
    )


def _range(document: object, where: str) -> Range:
    top = _object(document, where)
    kind = _RANGE_KINDS.get(_text(top.get("type"), f"{where}: type"))
    if kind is None:
        raise Rejected(CODE, f"{where}: type", f"{str(top['type'])[:40]!r} is not known", ", ".join(_RANGE_KINDS))
    events = _each(top, "events", where, _event)
    if not any(one.kind == "introduced" for one in events):
        raise Rejected(CODE, f"{where}: events", "none says where it was introduced", '{"introduced": "0"} for all')
    repo = _text(top.get("repo") or "", f"{where}: repo")
    if len(repo) > LONGEST_NAME or not repo.isprintable():
        raise Rejected(CODE, f"{where}: repo", f"{repo[:60]!r} is no address", f"at most {LONGEST_NAME} characters")
    return Range(kind, events, repo)


def _event(document: object, where: str) -> Event:
    top = _object(document, where)
    if len(top) != 1:
        raise Rejected(CODE, where, f"it has {len(top)} members", "exactly one of " + ", ".join(_EVENT_KINDS))
    ((key, value),) = top.items()
    kind = _EVENT_KINDS.get(key)
    if kind is None:
        raise Rejected(CODE, where, f"{key[:40]!r} is not known", ", ".join(_EVENT_KINDS))
    version = _text(value, f"{where}: {key}").strip()
    if not version:
        raise Rejected(CODE, f"{where}: {key}", "it is empty", "a version")
    return Event(kind, version)


def _severity(top: Mapping[str, Any], where: str) -> tuple[Severity, ...]:
    found = []
    for at, one in enumerate(_list(top, "severity", where)):
        place = f"{where}: severity[{at}]"
        entry = _object(one, place)
        found.append(Severity(_text(entry.get("type"), f"{place}.type"), _text(entry.get("score"), f"{place}.score")))
    return tuple(found)


def _reference(document: object, where: str) -> Reference:
    top = _object(document, where)
    return Reference(_text(top.get("type") or "WEB", f"{where}: type"), _text(top.get("url"), f"{where}: url"))


def _credit(document: object, where: str) -> Credit:
    top = _object(document, where)
    contact = _each(top, "contact", where, _text)
    return Credit(_text(top.get("name"), f"{where}: name"), contact, _text(top.get("type") or "", f"{where}: type"))


def _each(top: Mapping[str, Any], key: str, where: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
    return tuple(read(one, f"{where}: {key}[{at}]") for at, one in enumerate(_list(top, key, where)))


def _versions(top: Mapping[str, Any], where: str) -> tuple[str, ...]:
    versions = _list(top, "versions", where)
    # There may be hundreds: no place is spelled out for a list that has nothing but texts.
    if all(type(one) is str for one in versions):
        return tuple(versions)
    return _each(top, "versions", where, _text)


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Rejected(CODE, where, f"it is {_called(value)}", "an object")
    return value


def _list(top: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = top.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Rejected(CODE, f"{where}: {key}", f"it is {_called(value)}", "a list")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise Rejected(CODE, where, f"it is {_called(value)}", "a text")
    return value


def _ids(top: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    # One record of the PyPA's database writes a comma behind an alias; what is meant is plain.
    places = ((one, f"{where}: {key}[{at}]") for at, one in enumerate(_list(top, key, where)))
    return tuple(dict.fromkeys(_id(_text(one, place).strip(" ,"), place) for one, place in places))


def _id(value: object, where: str) -> str:
    text = _text(value, where)
    if not _ID.fullmatch(text):
        raise Rejected(CODE, where, f"{text[:60]!r} is no id", "letters, digits, '-', '.', '_' and ':', at most 128")
    return text


def _called(value: object) -> str:
    match value:
        case None:
            return "missing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number (put versions between quotes)"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object" if isinstance(value, dict) else type(value).__name__
