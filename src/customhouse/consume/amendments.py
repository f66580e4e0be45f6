"""Amendments as a consumer gets them: from a page of the simple API, believed only with the index's signature."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from customhouse.consume.wire import NOT_FOUND, Wire
from customhouse.formats.amendment import (
    Amendment,
    PublicKey,
    Signed,
    Withdrawal,
    counting,
    read_envelope,
    read_keys,
    read_record,
    to_json,
    verify,
)
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.names import normalize

KEYS = ".well-known/customhouse-keys.json"
MEMBER = "amendments"


class Believing:
    """Believes what an index has signed; its keys are asked for once. ``disbelieved`` says what was passed over."""

    def __init__(
        self, wire: Wire, base: str, now: datetime, keys: Sequence[PublicKey] | None = None, *, view: str | None = None
    ) -> None:
        """``base`` is the address of the Customhouse with a slash at its end; ``keys`` spare the question.

        What was said in another view than ``view`` does not count, whoever shows it (None: in whichever view).
        """
        self._view = view
        self._wire = wire
        self._base = base
        self._now = now
        self._keys = tuple(keys) if keys is not None else None
        self.disbelieved: list[str] = []

    def counting(self, told: object, project: str) -> list[Amendment]:
        """The amendments of a project that count, out of ``_customhouse.amendments``; none out of anything else."""
        records = [one.record for one in self.believed(told if isinstance(told, list) else [])]
        mine = [one for one in counting(records) if one.project == normalize(project)]
        return [one for one in mine if self._view is None or one.view in ("", self._view)]

    def believed(self, told: Iterable[object]) -> list[Signed]:
        """The records whose signature fits, with the withdrawals that stand beside them."""
        found = []
        for one in told:
            for value in (one, one.get("withdrawal")) if isinstance(one, dict) else (one,):
                if value is None:
                    continue
                try:
                    # The signature first: what a record says costs more to check, and strangers may show many.
                    signed = read_envelope(_bare(value), own=True)
                    verify(signed, self.keys(), self._now)
                    read_record(to_json(signed.record))
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
