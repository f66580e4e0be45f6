"""Values of parameters: what no pattern may let in.

In 2024 a branch's name ran as a program in the builds of Ultralytics: it held ``$(…)``. Here a value is letters,
digits and a few signs that no shell, no file system and no option parser reads as anything else, whatever the
pattern of its parameter says; and nothing that holds one is ever read by a shell anyway.
"""

from __future__ import annotations

import string

from customhouse.formats.pipeline.patterns import Pattern

LONGEST_VALUE = 200
HARMLESS = frozenset(string.ascii_letters + string.digits + "._+-:/@=,")
"""All that a value may be made of."""
_ACCEPTED = "ASCII letters, digits and . _ + - : / @ = ,"


def value_fault(value: str, pattern: Pattern) -> tuple[str, str] | None:
    """Why a value is refused and what is accepted; None if it is taken."""
    if not value:
        return ("the value is empty", f"a text that matches {pattern.text}")
    if len(value) > LONGEST_VALUE:
        return (f"the value has {len(value)} characters", f"at most {LONGEST_VALUE}")
    bad = next((letter for letter in value if letter not in HARMLESS), "")
    if bad:
        return (f"the value holds {bad!r}, which a shell or a terminal could read as more than a letter", _ACCEPTED)
    if value.startswith("-"):
        return ("the value begins with '-', as an option of a program does", "another first letter")
    if ".." in value or value.startswith("/"):
        return ("the value leads out of a folder", "a value without '..' that does not begin with '/'")
    if not pattern.matches(value):
        return ("the value does not match the parameter's pattern", pattern.text)
    return None
