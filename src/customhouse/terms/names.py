"""Project names: one spelling to show, one to compare, one to tell look-alikes apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from customhouse.terms.errors import Rejected

# Source: packaging.python.org, "Names and normalization" (PEP 508, PEP 503). ASCII on purpose: `re.IGNORECASE`
# without ASCII would let U+017F and U+212A through.
_VALID = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE | re.ASCII)
_SEPARATORS = re.compile(r"[-_.]+")
MAX_NAME_LENGTH = 100


def normalize(text: str) -> str:
    """The comparable spelling of PEP 503: lower case, runs of ``-_.`` become one ``-``."""
    if text.isalnum():
        # Most names, and nearly all words of a text.
        return text.lower()
    return _SEPARATORS.sub("-", text).lower()


@dataclass(frozen=True)
class ProjectName:
    """A valid project name as somebody spelled it."""

    display: str

    @classmethod
    def parse(cls, text: str, *, where: str = "name") -> ProjectName:
        """Check the grammar of the standard; raises `Rejected` naming what is accepted."""
        if len(text) > MAX_NAME_LENGTH:
            raise Rejected("bad-name", where, f"a project name of {len(text)} characters is too long",
                           f"at most {MAX_NAME_LENGTH} characters")  # fmt: skip
        if not _VALID.fullmatch(text):
            raise Rejected(
                "bad-name", where, f"{text!r} is not a project name",
                "ASCII letters, digits, '.', '-' and '_', beginning and ending with a letter or digit",
            )  # fmt: skip
        return cls(text)

    @cached_property
    def normalized(self) -> str:
        """The comparable spelling (PEP 503)."""
        return normalize(self.display)

    @cached_property
    def ultranormalized(self) -> str:
        """The spelling in which names that people confuse are equal.

        Separators vanish, ``o`` equals ``0``, and ``l`` and ``i`` equal ``1``: the rule that PyPI's own index uses to
        refuse look-alikes of existing names.
        """
        return _SEPARATORS.sub("", self.display).lower().replace("o", "0").replace("l", "1").replace("i", "1")

    def __str__(self) -> str:
        return self.display

    def __eq__(self, other: object) -> bool:
        """Two spellings of one name are equal."""
        return isinstance(other, ProjectName) and other.normalized == self.normalized

    def __hash__(self) -> int:
        return hash(self.normalized)
