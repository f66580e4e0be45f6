"""Caveats: the conditions of a scope as they stand in an API token, each in exactly one spelling.

A caveat is a JSON array, its kind first, in base64url without padding:

| kind | then | it holds |
| --- | --- | --- |
| ``project`` | normalised names, sorted | for these projects |
| ``version`` | one set of PEP 440 specifiers, sorted | for versions that meet all of them |
| ``action`` | ``read``, ``stage``, ``upload``, ``yank``, sorted | for these deeds |
| ``network`` | networks in CIDR notation, sorted | for clients in one of them |
| ``not-before``, ``expires`` | whole seconds since 1970, UTC | from then on, until before then |

JSON is written without blanks and in ASCII. Whatever is not spelled so, or of a kind that is not listed, denies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.scope import WHOLE, Scope, scope_for

LATEST_SECONDS = 253_402_300_799
"""The last second of the year 9999."""


def caveats_of(scope: Scope) -> tuple[str, ...]:
    """The caveats that say what the scope says."""
    found: list[list[Any]] = []
    if scope.projects is not None:
        found.append(["project", *sorted(scope.projects)])
    found += [["version", condition] for condition in scope.versions]
    if scope.actions is not None:
        found.append(["action", *sorted(scope.actions)])
    found += [["network", *group] for group in scope.networks]
    if scope.not_before is not None:
        found.append(["not-before", int(scope.not_before.timestamp())])
    if scope.expires is not None:
        found.append(["expires", int(scope.expires.timestamp())])
    return tuple(_packed(caveat) for caveat in found)


@lru_cache(1024)
def scope_of(caveats: tuple[str, ...]) -> Scope:
    """What these caveats allow together; raises `Refused` (403) if one of them cannot be understood."""
    scope = WHOLE
    for caveat in caveats:
        scope = scope.and_also(_read(caveat))
    return scope


def _packed(caveat: Iterable[Any]) -> str:
    written = json.dumps(list(caveat), separators=(",", ":"), ensure_ascii=True).encode()
    return base64url(written)


def _read(caveat: str) -> Scope:
    """One caveat as a scope. Read strictly: it must be what we would write for what it says."""
    try:
        value = json.loads(from_base64url(caveat).decode())
        scope = _meaning(value)
    except (ValueError, Rejected, RecursionError) as error:
        raise _not_understood() from error
    if caveats_of(scope) != (caveat,):
        raise _not_understood()
    return scope


def _meaning(value: Any) -> Scope:
    match value:
        case ["project", *names] if names and all(isinstance(name, str) for name in names):
            return scope_for(projects=names)
        case ["version", str(condition)]:
            return scope_for(versions=[condition])
        case ["action", *actions] if actions and all(isinstance(action, str) for action in actions):
            return scope_for(actions=actions)
        case ["network", *networks] if networks and all(isinstance(network, str) for network in networks):
            return scope_for(networks=networks)
        case ["not-before", int(seconds)]:
            return scope_for(not_before=_moment(seconds))
        case ["expires", int(seconds)]:
            return scope_for(expires=_moment(seconds))
    raise ValueError("a kind of caveat that this version does not know")


def _moment(seconds: int) -> datetime:
    if isinstance(seconds, bool) or not 0 <= seconds <= LATEST_SECONDS:
        raise ValueError("no moment")
    return datetime.fromtimestamp(seconds, UTC)


def _not_understood() -> Refused:
    return Refused(
        "token-caveat",
        "This token has a caveat that this index does not understand, so it allows nothing.",
        "Make a token here, or narrow one with `customhouse token attenuate`.",
    )
