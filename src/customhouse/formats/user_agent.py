"""Which tool asks, and whether a build runs it, as its User-Agent says.

pip and uv send their name, a version and a JSON object that holds ``"ci": true`` in a build; others a name alone. It is
what the client says of itself: good for counting, not for deciding.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 1500
"""Of a header: what comes behind is not looked at."""
_KNOWN = frozenset({
    "pip", "uv", "poetry", "pdm", "pipenv", "hatch", "twine", "conda", "bandersnatch", "renovate", "dependabot",
    "python-requests", "python-urllib", "curl", "wget", "customhouse", "customhouse-audit", "devpi", "mozilla",
})  # fmt: skip
_NAME = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.-]{0,40})")
_CI = re.compile(r'"ci"\s*:\s*true')


class Agent(NamedTuple):
    """Who asks."""

    family: str
    """One of a few names, in lower case; ``browser``, ``other``, or empty if nothing was sent."""
    ci: bool = False


def read_agent(text: str) -> Agent:
    """The tool behind a User-Agent header."""
    head = text[:LONGEST]
    if not head.strip():
        return Agent("")
    found = _NAME.match(head)
    name = found[1].lower() if found else ""
    family = "browser" if name == "mozilla" else name if name in _KNOWN else "other"
    return Agent(family, _CI.search(head) is not None)
