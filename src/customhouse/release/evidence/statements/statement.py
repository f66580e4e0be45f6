"""An in-toto Statement, version 1: what is said (predicate) of which files (subjects).

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. Subjects have SHA-256 digests only, because that
is what every Sigstore client reads; commits (SHA-1) stand in the predicates, and where a fact is of a commit alone the
subject is the line of the journal that tells it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from customhouse.formats.strict_json import read_json
from customhouse.release.sealed import Sealed
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

TYPE = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A file, or a line of the journal: its name and SHA-256 (hexadecimal)."""

    name: str
    sha256: str
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said, before it is signed."""

    predicate_type: str
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """What is signed: the same for the same statement, in every process."""
        subjects = [
            {"name": one.name, "digest": {"sha256": one.sha256}} | ({"uri": one.uri} if one.uri else {})
            for one in self.subjects
        ]
        value = {
            "_type": TYPE,
            "subject": subjects,
            "predicateType": self.predicate_type,
            "predicate": self.predicate,
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_statement(raw: bytes, where: str) -> Statement:
    """The inverse; raises `Rejected` for what is no such statement."""
    try:
        value = read_json(raw.decode())
        kind = str(value["_type"])
        subjects = tuple(
            Subject(str(one["name"]), str(one["digest"]["sha256"]), str(one.get("uri", ""))) for one in value["subject"]
        )
        found = Statement(str(value["predicateType"]), subjects, dict(value["predicate"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = str(error)[:120] if isinstance(error, ValueError) else "it lacks a part"
        raise Rejected("bad-statement", where, f"is no statement: {why}", TYPE) from error
    if kind != TYPE:
        raise Rejected("bad-statement", where, f"its type is {kind[:80]!r}", TYPE)
    return found


def files(things: Iterable[Thing]) -> tuple[Subject, ...]:
    """Those of them that have a SHA-256, as subjects."""
    return tuple(sorted({Subject(one.name, one.digest) for one in things if one.algorithm == "sha256"}))


def of_line(line: Sealed) -> Subject:
    """A line of the journal as a subject."""
    return Subject(f"journal/{line.seq}", line.hash)


def subjects_or_line(things: Iterable[Thing], line: Sealed) -> tuple[Subject, ...]:
    """The files; where there are none, the line that tells the fact."""
    return files(things) or (of_line(line),)


def descriptor(thing: Thing, **more: Any) -> dict[str, Any]:
    """A thing as in-toto's ResourceDescriptor."""
    return {"name": thing.name, "digest": {thing.algorithm: thing.digest}} | more


def moment(at: datetime) -> str:
    """RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
