"""Environment markers (PEP 508), evaluated for an environment that is not this process's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from customhouse.terms.names import normalize

_ONLY_EXTRA = re.compile(r"\s*extra\s*==\s*(?:'([A-Za-z0-9._-]*)'|\"([A-Za-z0-9._-]*)\")\s*")
LONGEST_MARKER = 2000


class Marks:
    """The facts of one environment. What is no marker holds: leaving a requirement out would hide it."""

    def __init__(self, python: str = "", **facts: str) -> None:
        """``python`` is ``3.12`` or ``3.12.4``; empty is the running one. ``facts`` are further marker variables."""
        self._facts = dict(facts)
        if python:
            self._facts["python_version"] = ".".join(python.split(".")[:2])
            self._facts["python_full_version"] = python if python.count(".") > 1 else f"{python}.0"
        self._known: dict[tuple[str, str], bool] = {}

    def hold(self, marker: str, extras: frozenset[str] = frozenset()) -> bool:
        """Whether a marker holds there, without an extra or with one of these."""
        if not marker:
            return True
        if (only := _ONLY_EXTRA.fullmatch(marker)) is not None:
            return normalize(only[1] or only[2] or "") in extras
        return self._holds(marker, "") or any(self._holds(marker, extra) for extra in extras)

    def _holds(self, marker: str, extra: str) -> bool:
        known = self._known.get((marker, extra))
        if known is None:
            known = self._known[marker, extra] = _evaluate(marker, {**self._facts, "extra": extra})
        return known


def _evaluate(marker: str, facts: Mapping[str, str]) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName  # noqa: PLC0415

    if len(marker) > LONGEST_MARKER:
        return True
    try:
        return Marker(marker).evaluate(dict(facts))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
        return True
