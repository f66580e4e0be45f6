"""What a view says to whoever asks for a file that it does not hand out, or hands out with a warning."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from packaging.version import Version

from customhouse.formats.policy.model import Decision


def nearest_allowed(version: str, allowed: Collection[str]) -> str:
    """The version to take instead: the newest below it, else the oldest above; empty if nothing is let in.

    A pre-release is taken only if it is one that is asked for, or if there is nothing else.
    """
    wanted = parsed(version)
    others = sorted((one for one in allowed if one != version), key=parsed)
    usual = [one for one in others if wanted.is_prerelease or not parsed(one).is_prerelease] or others
    below = [one for one in usual if parsed(one) < wanted]
    return below[-1] if below else usual[0] if usual else ""


def denied(decision: Decision, nearest: str) -> str:
    """Why a file is not handed out, and what would be, as the end of a sentence."""
    rule = f" (rule {decision.rule!r})" if decision.rule else ""
    instead = f"; the nearest version that is let in is {nearest}" if nearest else "; no version of it is let in"
    return f"{decision.reason or 'the policy does not let it in'}{rule}{instead}"


def warned(decisions: Iterable[Decision]) -> str:
    """All warnings of some decisions, each once."""
    return "; ".join(dict.fromkeys(reason for one in decisions for reason in one.warnings))


@lru_cache(maxsize=20_000)
def parsed(version: str) -> Version:
    """A version that is known to be one (PEP 440)."""
    return Version(version)
