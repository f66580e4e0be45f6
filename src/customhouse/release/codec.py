"""Events and lines as canonical JSON (RFC 8785) and back, strictly: what is read is what would be written, or nothing.

A line is one JSON object: ``run``, ``seq``, ``previous``, ``at``, ``by``, ``kind``, ``body`` and, where an actor's
machine speaks, ``said``; these are the payload. Beside them stand ``hash`` and ``signature``. Unknown kinds, unknown or
missing fields, other types and other spellings of the same value are `Rejected`, naming the line. A field that came
later (`Event.later`) is not written where it says what was so before, so that older journals keep their hashes.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import rfc8785

from customhouse.release import events
from customhouse.release.events import Event
from customhouse.release.sealed import Said, Sealed
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

JSON: TypeAlias = Any
MOST_LINE_BYTES = 16 * 2**20
"""A line holds the pipeline's text or a log's entry, never a file."""
_LINE = ("run", "seq", "previous", "at", "by", "kind", "body", "hash", "signature")


def _all_kinds() -> dict[str, type[Event]]:
    found = (value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Event))
    return {one.kind: one for one in found if one is not Event}


KINDS = _all_kinds()
"""The class of each kind of event."""


def to_body(event: Event) -> dict[str, JSON]:
    """The event's fields as JSON values."""
    return {
        one.name: _written(value)
        for one in fields(event)
        if (value := getattr(event, one.name)) != one.default or one.name not in event.later
    }


def from_body(kind: str, body: JSON, *, where: str = "event") -> Event:
    """The event; raises `Rejected` naming ``where`` and the field that is unknown, missing or of another type."""
    found = KINDS.get(kind)
    if found is None:
        raise Rejected("unknown-event", where, f"the kind {kind[:60]!r} is not known", "a kind of release/events.py")
    return _read(found, body, f"{where}: {kind}")  # type: ignore[no-any-return]


def payload_of(
    *, run: str, seq: int, previous: str, at: datetime, by: str, event: Event, said: Said | None
) -> dict[str, JSON]:
    """What is hashed and signed, as JSON values."""
    found = {
        "run": run,
        "seq": seq,
        "previous": previous,
        "at": _written(at),
        "by": by,
        "kind": event.kind,
        "body": to_body(event),
    }
    return found if said is None else {**found, "said": {"key": said.key, "signature": said.signature}}


def payload_bytes(line: Sealed) -> bytes:
    """What this line's hash is of."""
    return canonical(
        payload_of(
            run=line.run, seq=line.seq, previous=line.previous, at=line.at, by=line.by, event=line.event, said=line.said
        )
    )


def said_bytes(*, run: str, by: str, event: Event) -> bytes:
    """What an actor's machine signs when it says something."""
    return canonical({"run": run, "by": by, "kind": event.kind, "body": to_body(event)})


def canonical(value: JSON) -> bytes:
    """JSON with one spelling for each value (RFC 8785); raises `Rejected` for a text that is no Unicode."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Rejected("no-json", "event", f"it cannot be written as canonical JSON: {error}") from error


def write_line(line: Sealed) -> str:
    """One line of a journal, without its end."""
    payload = payload_of(
        run=line.run, seq=line.seq, previous=line.previous, at=line.at, by=line.by, event=line.event, said=line.said
    )
    return canonical({**payload, "hash": line.hash, "signature": line.signature}).decode()


def read_line(text: str | bytes, *, where: str = "line") -> Sealed:
    """The line; raises `Rejected` for anything that `write_line` would not have written."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > MOST_LINE_BYTES:
        raise Rejected("line-too-long", where, f"it has {len(raw):,} bytes", f"at most {MOST_LINE_BYTES:,}")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Rejected("no-json", where, f"it is no JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise Rejected("no-line", where, "it is no JSON object")
    _exactly(found, _LINE, where, optional=("said",))
    line = Sealed(
        run=_read(str, found["run"], f"{where}: run"),
        seq=_read(int, found["seq"], f"{where}: seq"),
        previous=_read(str, found["previous"], f"{where}: previous"),
        at=_read(datetime, found["at"], f"{where}: at"),
        by=_read(str, found["by"], f"{where}: by"),
        event=from_body(_read(str, found["kind"], f"{where}: kind"), found["body"], where=where),
        hash=_read(str, found["hash"], f"{where}: hash"),
        signature=_read(str, found["signature"], f"{where}: signature"),
        said=_read(Said, found["said"], f"{where}: said") if "said" in found else None,
    )
    if write_line(line).encode() != raw:
        raise Rejected("not-canonical", where, "it is spelled in another way than canonical JSON (RFC 8785)")
    return line


def _written(value: object) -> JSON:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case Thing():
            return {one.name: getattr(value, one.name) for one in fields(value)}
        case tuple():
            return [_written(one) for one in value]
        case Mapping():
            return {key: _written(one) for key, one in value.items()}
        case _:
            return value


def _read(hint: Any, value: JSON, where: str) -> Any:
    return _reader(hint)(value, where)


@cache
def _reader(hint: Any) -> Callable[[JSON, str], Any]:
    """How a value of this type is read."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is datetime:
        return _moment
    if hint in (str, int, bool):
        return lambda value, where: _plain(hint, value, where)
    if origin is tuple:
        one = _reader(inner[0])
        return lambda value, where: tuple(one(each, f"{where}[{n}]") for n, each in enumerate(_a(list, value, where)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        one = _reader(inner[1])
        return lambda value, where: {key: one(each, f"{where}.{key}") for key, each in _a(dict, value, where).items()}
    if origin in (Union, types.UnionType) or origin is not None:
        return lambda value, where: _choice(inner, value, where)
    return _record(hint)


def _record(hint: Any) -> Callable[[JSON, str], Any]:
    known = get_type_hints(hint)
    readers = {one.name: _reader(known[one.name]) for one in fields(hint)}
    later: frozenset[str] = getattr(hint, "later", frozenset())
    always = tuple(name for name in readers if name not in later)

    def read(value: JSON, where: str) -> Any:
        _exactly(_a(dict, value, where), always, where, optional=tuple(later))
        there = {name: reader for name, reader in readers.items() if name in value}
        return hint(**{name: reader(value[name], f"{where}.{name}") for name, reader in there.items()})

    return read


def _plain(hint: type, value: JSON, where: str) -> Any:
    if type(value) is not hint:
        raise Rejected("wrong-type", where, f"found {type(value).__name__}", hint.__name__)
    return value


def _choice(allowed: tuple[object, ...], value: JSON, where: str) -> Any:
    if value not in allowed or not isinstance(value, str):
        raise Rejected("wrong-value", where, f"found {str(value)[:60]!r}", ", ".join(map(str, allowed)))
    return value


def _moment(value: JSON, where: str) -> datetime:
    text = _plain(str, value, where)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(
            "wrong-value", where, f"found {text[:60]!r}", "a time such as 2026-01-31T12:00:00.000000Z"
        ) from error
    if found.tzinfo is None or _written(found) != text:
        raise Rejected("wrong-value", where, f"found {text[:60]!r}", "a time such as 2026-01-31T12:00:00.000000Z")
    return found.astimezone(UTC)


def _a(wanted: type, value: JSON, where: str) -> Any:
    if not isinstance(value, wanted):
        accepted = "a list" if wanted is list else "an object"
        raise Rejected("wrong-type", where, f"found {type(value).__name__}", accepted)
    return value


def _exactly(found: Mapping[str, JSON], names: tuple[str, ...], where: str, optional: tuple[str, ...] = ()) -> None:
    missing = [name for name in names if name not in found]
    unknown = [name for name in found if name not in names and name not in optional]
    if missing or unknown:
        what = [
            f"{word} {', '.join(map(repr, some))[:200]}"
            for word, some in (("lacks", missing), ("has", unknown))
            if some
        ]
        raise Rejected("wrong-fields", where, " and ".join(what), "the fields " + ", ".join(names))
