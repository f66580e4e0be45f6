"""Facts and moments of a policy in words, as terminals, pages and JSON show them."""

from __future__ import annotations

from datetime import UTC, datetime

from customhouse.formats.policy.conditions.model import moment_words
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Fix, Publisher, Vulnerability

MOST = 5
"""How many of a list are told."""
SAYS = {"allow": "let in", "warn": "let in with a warning", "hide": "hidden", "deny": "denied", "hold": "held"}
"""What became of a file, by the action."""


def value_words(value: object) -> str:
    """What a fact says."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment_words(value)
    if isinstance(value, (tuple, list, frozenset, set)):
        told = [_one(each) for each in value] if isinstance(value, (tuple, list)) else sorted(map(str, value))
        return ", ".join(told[:MOST]) + (f" and {len(told) - MOST} more" if len(told) > MOST else "") or "none"
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return _one(value)


def _one(value: object) -> str:
    if isinstance(value, Vulnerability):
        said = [value.severity, "exploited" if value.exploited else "", value.library]
        return f"{value.id} ({', '.join(filter(None, said))})"
    if isinstance(value, Fix):
        return f"{value.id} ({value.severity}{'' if value.third_party else ', said by the project alone'})"
    if isinstance(value, Publisher):
        who = " ".join(filter(None, (value.kind, value.place))) or "somebody"
        return f"{who} ({'verified' if value.verified else 'not verified'})"
    return str(value)


def source_words(fact: Fact) -> str:
    """Who says so, and of which day that is."""
    return f"{fact.source}, {fact.dated.astimezone(UTC):%Y-%m-%d}" if fact.dated is not None else fact.source
