"""What a Customhouse tells of one of its views: its policy, and what that keeps back of a package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customhouse.consume.lock.reasons import Hidden
from customhouse.consume.lock.record import Policy
from customhouse.consume.view_address import Place
from customhouse.consume.wire import NOT_FOUND, Wire
from customhouse.formats.plain import plain
from customhouse.terms.errors import Unavailable

MOST_QUESTIONS = 300
"""How many packages one lock asks about: reasons are words for people, and words may have gaps."""


class ViewFacts:
    """Asked for each thing once; whoever does not answer is asked no more."""

    def __init__(self, wire: Wire, place: Place) -> None:
        self._wire = wire
        self._place = place
        self._hidden: dict[str, tuple[Hidden, ...]] = {}
        self._silent = not place.view

    def policy(self) -> Policy | None:
        """What the view lets in by; None if there is no view, or nobody tells."""
        found = self._ask("")
        if found is None or not isinstance(found.get("policy-sha256"), str):
            return None
        epoch = found.get("epoch")
        return Policy(str(found.get("level") or ""), found["policy-sha256"], epoch if isinstance(epoch, int) else 0)

    def hidden(self, name: str) -> tuple[Hidden, ...]:
        """The versions of a package of which no file is let in."""
        if name not in self._hidden and len(self._hidden) < MOST_QUESTIONS:
            self._hidden[name] = tuple(_hidden(self._ask(f"/explain/{name}") or {}))
        return self._hidden.get(name, ())

    def _ask(self, path: str) -> Mapping[str, Any] | None:
        if self._silent:
            return None
        try:
            answer = self._wire.get(f"{self._place.base}api/views/{self._place.view}{path}")
        except Unavailable:
            self._silent = True
            return None
        if answer.status == NOT_FOUND:
            return None
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


def _hidden(told: Mapping[str, Any]) -> list[Hidden]:
    """The versions of which no file is let in, with the words of the verdict."""
    found: list[Hidden] = []
    for one in _objects(told.get("versions")):
        version, files = one.get("version"), _objects(one.get("files"))
        if not isinstance(version, str) or one.get("let_in") != 0 or not files:
            continue
        first = next((file for file in files if file.get("action") == one.get("verdict")), files[0])
        found.append(Hidden(
            plain(version, 60), plain(first.get("rule") or "", 100), plain(first.get("reason") or "", 300),
            _moment(first.get("changes_at")),
        ))  # fmt: skip
    return found


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
