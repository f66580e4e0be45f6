"""Known attacks as records, and whether a policy would have kept them from those who asked while they were on.

Each record says what a view could have known of the malicious file while it was up, *before* any advisory named it: a
policy that only waits for advisories stops none of them in time. Facts are those of published reports; what had to be
supposed stands under ``supposed``. Every file is taken for a wheel, so that no rule on builds gets credit that it has
not earned.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from customhouse.formats.policy.decide import decide
from customhouse.formats.policy.model import Decision, Fact
from customhouse.formats.policy.rule import Policy
from customhouse.formats.policy.signals import SIGNALS, Publisher

SOURCE = "the record of the attack"
_OF_ALL: Mapping[str, Any] = {
    # Advisories were loaded, and did not name it yet.
    "malware": False, "vulnerabilities": (), "fixes": (), "bundled-vulnerabilities": (),
    # Upstream listed it as any other file, and the strict reader had nothing against it.
    "removed": False, "yanked": False, "status": "active", "malformed": False, "kind": "wheel", "internal-name": False,
    "similar-to": "none", "added-file-age": "none", "upstream": "pypi",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attack:
    """One malicious release, as it was when it came."""

    id: str
    """The name of its file."""
    title: str
    package: str
    """Normalised."""
    version: str
    day: str
    """When it came, as exact as the reports say."""
    uploaded: datetime
    until: datetime
    """When it was taken away or held back."""
    up_for: str
    """How long it could be fetched."""
    how: str
    """What happened, in a sentence or two."""
    source: str
    """Advisories and reports."""
    facts: Mapping[str, Fact]
    supposed: tuple[str, ...] = ()
    """Which of the facts no report says, and why they are as they are."""

    def fact(self, signal: str) -> Fact | None:
        """What was known (`formats.policy.model.Facts`)."""
        return self.facts.get(signal)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One attack under one policy."""

    attack: Attack
    stopped: bool
    """Whether it was let in at no moment at which it was up."""
    decision: Decision
    """What was decided when it came."""
    let_in_at: datetime | None = None
    """The first moment at which it would have been let in, if it is not stopped."""


@cache
def attacks() -> tuple[Attack, ...]:
    """Every record, the oldest first."""
    folder = files("customhouse.formats.policy").joinpath("data", "attacks")
    found = [_read(one.name.removesuffix(".toml"), one.read_text("utf-8")) for one in folder.iterdir()
             if one.name.endswith(".toml")]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.uploaded, one.id)))


def stopped_by(policy: Policy) -> tuple[Replayed, ...]:
    """What the policy would have done with each while it was up. Exceptions that count now would have counted then."""
    return tuple(_replayed(policy, one) for one in attacks())


def _replayed(policy: Policy, attack: Attack) -> Replayed:
    at = attack.uploaded
    first = now = _decided(policy, attack, at)
    while not now.lets_through:
        if now.changes_at is None or now.changes_at >= attack.until:
            return Replayed(attack, True, first)
        at = now.changes_at
        now = _decided(policy, attack, at)
    return Replayed(attack, False, first, at)


def _decided(policy: Policy, attack: Attack, now: datetime) -> Decision:
    return decide(policy, attack, now=now, hosted=False, name=attack.package, version=attack.version)


def _read(name: str, text: str) -> Attack:
    read: dict[str, Any] = tomllib.loads(text)
    uploaded = read["uploaded"].astimezone(UTC)
    known: dict[str, Any] = {**_OF_ALL, "age": uploaded, **read["facts"]}
    return Attack(
        name, read["title"], read["package"], read["version"], read["day"], uploaded, read["until"].astimezone(UTC),
        read["up-for"], read["how"], read["source"],
        {signal: Fact(_value(signal, value), SOURCE) for signal, value in known.items()}, tuple(read["supposed"]),
    )  # fmt: skip


def _value(signal: str, value: Any) -> object:
    """A fact as its signal's type has it; ``"none"`` is known nothing."""
    kind = SIGNALS[signal].type
    if value == "none" and kind != "words":
        return None
    if kind == "age":
        return value.astimezone(UTC)
    if kind == "set":
        return frozenset(value)
    if kind == "publisher":
        return Publisher(value["kind"], value["repository"], value["verified"])
    return value
