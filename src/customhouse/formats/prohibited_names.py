"""Names that no project may have: standard library modules, and what people mistype after ``install``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName, normalize

_MISTYPED = frozenset(
    {
        "requirements-txt", "requirements", "rrequirements-txt", "requirement-txt", "requirements-dev-txt",
        "setup-py", "pyproject-toml",
    }
)  # fmt: skip


@cache
def stdlib_names() -> frozenset[str]:
    """Normalised names of the top-level modules of CPython 3.8 to 3.14."""
    text = (files("customhouse.formats") / "data" / "stdlib_names.txt").read_text()
    return frozenset(normalize(line) for line in text.splitlines() if line and not line.startswith("#"))


def name_refusal(name: ProjectName) -> Rejected | None:
    """Why nobody may have this name, or None."""
    if name.normalized in stdlib_names():
        return Rejected(
            "name-stdlib", "name", f"{name.display!r} is a module of Python's standard library", "another name"
        )
    if name.normalized in _MISTYPED:
        return Rejected("name-prohibited", "name", f"{name.display!r} is what people type by mistake", "another name")
    return None
