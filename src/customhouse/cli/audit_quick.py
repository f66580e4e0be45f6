"""Reads what people type most behind ``customhouse audit`` without cyclopts, which takes as long to load as an audit.

It reads whole flags that it knows, each with its value in a word of its own. Anything else is left to cyclopts: another
spelling, a value that is none, help, a command below this one. A test compares the two readers.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

from customhouse.cli.audit_flags import Flags

OBJECTS_BETWEEN_COLLECTIONS = 100_000
COMMANDS = frozenset({"override", "register"})
"""What stands below ``audit``, and is no target."""
_SIGNS = {"--offline": "offline", "--refresh": "refresh", "--no-dev": "no_dev", "--no-index": "no_index",
          "--no-vex": "no_vex"}  # fmt: skip
_PATHS = {"--snapshot": "snapshot", "--output": "output", "-o": "output", "--baseline": "baseline"}
_CHOICES = {
    "--level": ("level", ("low", "medium", "high", "critical")),
    "--format": ("format", ("table", "json", "sarif", "markdown", "cyclonedx")),
    "-f": ("format", ("table", "json", "sarif", "markdown", "cyclonedx")),
}
_DAYS = "--old-after-days"


def read_flags(words: Sequence[str]) -> Flags | None:
    """The flags; None if cyclopts is to read them."""
    found: dict[str, object] = {}
    targets: list[str] = []
    left = list(reversed(words))
    while left:
        word = left.pop()
        if not word.startswith("-"):
            if (not targets and word in COMMANDS) or not word:
                return None
            targets.append(word)
            continue
        key, value = (_SIGNS[word], True) if word in _SIGNS else _valued(word, left.pop() if left else "")
        if not key or key in found:
            return None
        found[key] = value
    return Flags(targets=tuple(targets), **found)  # type: ignore[arg-type] # each as its table says


def _valued(word: str, value: str) -> tuple[str, object]:
    """The parameter that a flag is for, and its value; empty if this is not for us."""
    if not value or value.startswith("-"):
        return "", ""
    if word in _PATHS:
        return _PATHS[word], Path(value)
    if word in _CHOICES and value in _CHOICES[word][1]:
        return _CHOICES[word][0], value
    if word == _DAYS and value.isascii() and value.isdecimal() and len(value) < 9:  # noqa: PLR2004 - it is a number
        return "old_after_days", int(value)
    return "", ""


def quick_audit(words: Sequence[str]) -> int | None:
    """Run the audit; None if cyclopts is to read the flags."""
    flags = read_flags(words)
    if flags is None:
        return None
    # Loading modules makes many objects and hardly any garbage: looking for it a hundred times is a tenth of the whole.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    from customhouse.cli.audit_run import run  # noqa: PLC0415 - not needed to find out that it is not for us

    return run(flags)
