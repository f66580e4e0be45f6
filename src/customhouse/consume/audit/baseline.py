"""What is known already and does not fail an audit: a file that people review, sorted so that a diff shows changes.

An entry is a package and a vulnerability, by whichever of its names, with the reason. It names no version: whoever
raises a package and stays affected has not found anything new.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from customhouse.consume.audit.model import Finding
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

VERSION = 1
LONGEST_BYTES = 16 * 2**20
_KEY = "customhouse-baseline"
_ACCEPTED = "what --write-baseline writes"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Packages and vulnerabilities, with the reason for each."""

    reasons: dict[tuple[str, str], str]

    def marked(self, findings: Iterable[Finding]) -> list[Finding]:
        """The same findings; those that stand here are known."""
        return [replace(one, known=True) if self._entry(one) is not None else one for one in findings]

    def _entry(self, finding: Finding) -> tuple[str, str] | None:
        keys = ((finding.component.name, name) for name in finding.same.names)
        return next((key for key in keys if key in self.reasons), None)

    def renewed(self, findings: Iterable[Finding], reason: str) -> Baseline:
        """What these findings make: those that stood here keep name and reason, what is no longer found goes."""
        found: dict[tuple[str, str], str] = {}
        for one in findings:
            key = self._entry(one)
            if key is not None:
                found[key] = self.reasons[key]
            else:
                found[one.component.name, one.same.names[0]] = reason
        return Baseline(found)

    def unused(self, findings: Iterable[Finding]) -> list[tuple[str, str]]:
        """Entries for which nothing is found any more."""
        used = {self._entry(one) for one in findings}
        return sorted(key for key in self.reasons if key not in used)


def read_baseline(path: Path) -> Baseline:
    """The file; raises `Rejected` with the place of what is wrong in it."""
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("bad-baseline", str(path), f"it cannot be read: {error}", _ACCEPTED) from error
    if len(text) > LONGEST_BYTES:
        raise Rejected("bad-baseline", str(path), f"it is longer than {LONGEST_BYTES} bytes", _ACCEPTED)
    try:
        document = read_json(text)
    except ValueError as error:
        raise Rejected("bad-baseline", str(path), f"it is no JSON: {error}", _ACCEPTED) from error
    if not isinstance(document, dict) or document.get(_KEY) != VERSION or not isinstance(document.get("known"), list):
        raise Rejected("bad-baseline", str(path), "it is no baseline of version 1", _ACCEPTED)
    found = {}
    for at, one in enumerate(document["known"]):
        entry = one if isinstance(one, dict) else {}
        package, name, reason = entry.get("package"), entry.get("vulnerability"), entry.get("reason", "")
        if not (isinstance(package, str) and isinstance(name, str) and isinstance(reason, str) and package and name):
            raise Rejected("bad-baseline", f"{path}: known[{at}]", "it lacks package or vulnerability", _ACCEPTED)
        found[normalize(package), name] = reason
    return Baseline(found)


def write_baseline(baseline: Baseline) -> str:
    """The file's text: one entry a line, sorted."""
    entries = [
        json.dumps({"package": package, "vulnerability": name, "reason": reason})
        for (package, name), reason in sorted(baseline.reasons.items())
    ]
    known = ",\n".join(f"    {one}" for one in entries)
    return f'{{\n  "{_KEY}": {VERSION},\n  "known": [' + (f"\n{known}\n  " if known else "") + "]\n}\n"
