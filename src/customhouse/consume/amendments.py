"""Amendments as a consumer gets them: from a page of the simple API, believed only with the index's signature."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from packaging.specifiers import SpecifierSet

from customhouse.consume.wire import NOT_FOUND, Wire
from customhouse.formats.amendment import (
    Amendment,
    PublicKey,
    Signed,
    Withdrawal,
    counting,
    read_envelope,
    read_keys,
    verify,
)
from customhouse.formats.amendment_files import (
    Counted,
    Guidance,
    Metadata,
    Wanted,
    constraints,
    overrides,
    uv_metadata,
)
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.names import normalize

KEYS = ".well-known/customhouse-keys.json"
MEMBER = "amendments"
MOST_KEYS_BYTES = 2**20


class Believing:
    """Believes what an index has signed; its keys are asked for once. ``disbelieved`` says what was passed over."""

    def __init__(self, wire: Wire, base: str, now: datetime, keys: Sequence[PublicKey] | None = None) -> None:
        """``base`` is the address of the Customhouse with a slash at its end; ``keys`` spare the question."""
        self._wire = wire
        self._base = base
        self._now = now
        self._keys = tuple(keys) if keys is not None else None
        self.disbelieved: list[str] = []

    def counting(self, told: object, project: str) -> list[Amendment]:
        """The amendments of a project that count, out of ``_customhouse.amendments``; none out of anything else."""
        records = [one.record for one in self.believed(told if isinstance(told, list) else [])]
        return [one for one in counting(records) if one.project == normalize(project)]

    def believed(self, told: Iterable[object]) -> list[Signed]:
        """The records whose signature fits, with the withdrawals that stand beside them."""
        found = []
        for one in told:
            for value in (one, one.get("withdrawal")) if isinstance(one, dict) else (one,):
                if value is None:
                    continue
                try:
                    signed = read_envelope(_bare(value))
                    verify(signed, self.keys(), self._now)
                except (Rejected, Unavailable) as error:
                    self.disbelieved.append(str(error))
                else:
                    found.append(signed)
        return found

    def keys(self) -> tuple[PublicKey, ...]:
        """The keys of the index; raises `Unavailable` or `Rejected`."""
        if self._keys is None:
            self._keys = ()
            if self._base:
                answer = self._wire.get(f"{self._base}{KEYS}")
                self._keys = () if answer.status == NOT_FOUND else read_key_document(answer.body)
        return self._keys


def read_key_document(body: bytes) -> tuple[PublicKey, ...]:
    """The keys of ``customhouse-keys.json``; raises `Rejected`."""
    return read_keys(read_json(body, "keys"))


def read_json(body: bytes, where: str) -> object:
    """JSON from outside; raises `Rejected`."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected("bad-json", where, "it is no JSON", "what this index has answered") from error
    return found


def records_in(value: object) -> list[object]:
    """The signed records in whatever holds them: one record, a list, an answer of the API, a page of the simple API."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    if "signed" in value:
        return [value]
    own = value.get("_customhouse")
    told = own.get(MEMBER) if isinstance(own, dict) else value.get(MEMBER)
    return told if isinstance(told, list) else []


def as_constraints(amendments: Sequence[Amendment], chosen: Mapping[str, str]) -> Guidance:
    """What narrows, for exactly these versions by normalised name: lines for ``pip -c`` and ``uv --constraint``."""
    return constraints(_counted(amendments), lambda _name: "", _wanted(chosen))


def as_overrides(amendments: Sequence[Amendment], chosen: Mapping[str, str], others: Mapping[str, str]) -> Guidance:
    """What widens, for exactly these versions; ``others`` is what everybody else asks of a project, as specifiers."""
    return overrides(
        _counted(amendments), lambda _name: "", lambda name: (SpecifierSet(others.get(name, "")), []), _wanted(chosen)
    )


def as_uv_metadata(
    amendments: Sequence[Amendment], metadata: Mapping[tuple[str, str], Metadata], *, widening: bool
) -> Guidance:
    """What the amended releases require, for uv's ``dependency-metadata``: exactly what is meant, and no more."""
    return uv_metadata(_counted(amendments), metadata, widening=widening)


def _counted(amendments: Sequence[Amendment]) -> list[Counted]:
    return [Counted(one) for one in amendments]


def _wanted(chosen: Mapping[str, str]) -> dict[str, Wanted]:
    return {normalize(name): Wanted(version) for name, version in chosen.items()}


def _bare(value: object) -> object:
    """The record without its end, which stands beside it in answers of the API."""
    return {name: each for name, each in value.items() if name != "withdrawal"} if isinstance(value, dict) else value


def is_withdrawn(signed: Signed, among: Iterable[Signed]) -> bool:
    """Whether one of these takes it back: a record that somebody shows again does not count again."""
    record = signed.record
    return isinstance(record, Amendment) and any(
        isinstance(one.record, Withdrawal) and (one.record.id, one.record.project) == (record.id, record.project)
        for one in among
    )
