"""Which records tell of the same vulnerability: aliases are symmetric and transitive, whoever names whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from customhouse.formats.osv.model import Record

_FIRST = ("PYSEC-", "PSF-", "GHSA-", "CVE-")
"""Whose record speaks for a group, the first of these that is there."""


class Same(NamedTuple):
    """One vulnerability: its records, the one that speaks for them first, and every name it goes by."""

    records: tuple[Record, ...]
    names: tuple[str, ...]

    @property
    def first(self) -> Record:
        """The record that speaks for the others."""
        return self.records[0]


def merge(records: Iterable[Record]) -> list[Same]:
    """Group records by the closure of their ids and aliases, cycles or none, in the order of their first ones."""
    groups: dict[str, list[Record]] = {}
    known: dict[str, str] = {}

    def root(name: str) -> str:
        above = known.setdefault(name, name)
        while above != known[above]:
            known[above] = known[known[above]]
            above = known[above]
        known[name] = above
        return above

    everything = list(records)
    for record in everything:
        for alias in record.aliases:
            known[root(alias)] = root(record.id)
    for record in everything:
        groups.setdefault(root(record.id), []).append(record)
    return [_same(group) for group in groups.values()]


def _same(group: list[Record]) -> Same:
    ordered = sorted(group, key=lambda one: (speaks_first(one.id), one.id))
    names = dict.fromkeys([one.id for one in ordered] + sorted({alias for one in group for alias in one.aliases}))
    return Same(tuple(ordered), tuple(names))


def speaks_first(name: str) -> int:
    """The rank of an id's database: 0 speaks first."""
    return next((at for at, prefix in enumerate(_FIRST) if name.startswith(prefix)), len(_FIRST))
