"""The list of what is no vulnerability of a package: by CVE and by package, each with a reason.

The format is that of the PyPA's ``triage/false_positives.yaml``: two lists, ``ids`` and ``packages``, where the reason
is the comment behind an entry. So it is read line by line, for a YAML reader drops comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

LONGEST = 1_000_000
"""Characters of a list."""
_SECTION = re.compile(r"(?P<name>[a-z]+):\s*(?:#.*)?")
_ENTRY = re.compile(r"\s*-\s+(?P<quote>['\"]?)(?P<entry>[A-Za-z0-9._-]+)(?P=quote)\s*(?:#\s*(?P<reason>.*))?")


@dataclass(frozen=True, slots=True)
class FalsePositives:
    """Why an id, or whatever names a package, is no advisory."""

    ids: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    """By normalised name."""

    def with_more(self, other: FalsePositives) -> FalsePositives:
        """Both lists; the other's reasons win."""
        return FalsePositives({**self.ids, **other.ids}, {**self.packages, **other.packages})


def read_false_positives(text: str, where: str) -> FalsePositives:
    """The list that a text holds; raises `Rejected` with the line that is none."""
    if len(text) > LONGEST:
        raise Rejected("bad-list", where, f"{len(text):,} characters", f"at most {LONGEST:,}")
    found: dict[str, dict[str, str]] = {"ids": {}, "packages": {}}
    section: dict[str, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if begin := _SECTION.fullmatch(line.rstrip()):
            section = found.get(begin["name"])
        elif (entry := _ENTRY.fullmatch(line.rstrip())) and section is not None:
            key = entry["entry"] if section is found["ids"] else normalize(entry["entry"])
            section[key] = (entry["reason"] or "").strip() or "It stands on the list without a reason."
        else:
            raise Rejected(
                "bad-list",
                f"{where}: line {number}",
                f"{line.strip()[:60]!r}",
                "ids: or packages:, then - ENTRY  # WHY",
            )
    return FalsePositives(found["ids"], found["packages"])
