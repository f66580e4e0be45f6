"""What a rule says of a file of which too little is known: one wording, so that readers know it again."""

from __future__ import annotations

from collections.abc import Collection

LOAD_ADVISORIES = (
    "customhouse advisory source add osv https://osv-vulnerabilities.storage.googleapis.com/PyPI/modified_id.csv"
)
"""What brings in all records of PyPI, and keeps them new."""
_NOT_KNOWN = "not known"


def not_known(signals: Collection[str]) -> str:
    """That some signals are not known: at least one."""
    are = "is" if len(signals) == 1 and not min(signals).endswith("s") else "are"
    return f"{' and '.join(signals)} {are} {_NOT_KNOWN}"


def only_not_known(warning: str) -> bool:
    """Whether a warning, of one rule or several, says nothing else than that something is not known."""
    return all(one.endswith(f" {_NOT_KNOWN}") for one in warning.split("; "))
