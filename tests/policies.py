"""Facts for policies, as tests say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from customhouse.formats.policy.decide import decide
from customhouse.formats.policy.model import Decision, Fact
from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rule import Policy

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Known:
    """Facts that a test states; it counts what it is asked for."""

    def __init__(self, facts: dict[str, Fact]) -> None:
        self.facts = facts
        self.asked: list[str] = []

    def fact(self, signal: str) -> Fact | None:
        self.asked.append(signal)
        return self.facts.get(signal)


def known(dated: datetime | None = None, /, **values: object) -> Known:
    """``known(age=ago(days=3), similar_to="requests")``."""
    return Known({name.replace("_", "-"): Fact(value, "a test", dated) for name, value in values.items()})


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def policy(text: str, *, level: str = "open", now: datetime = NOW) -> Policy:
    return read_policy(f'level = "{level}"\n{text}', now=now)


def decided(
    of: Policy, facts: Known, *, now: datetime = NOW, hosted: bool = False, name: str = "demo", version: str = "1.0"
) -> Decision:
    return decide(of, facts, now=now, hosted=hosted, name=name, version=version)


def rule(body: str) -> str:
    """One rule under the name ``r``."""
    return f'[[rule]]\nname = "r"\n{body}\n'
