"""Two lists of files, compared by name and digest: what is missing, what is another, what nobody has made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from customhouse.release.actions import Tampered
from customhouse.release.things import Thing

_MOST = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """In what a place differs from what is expected."""

    missing: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    """There, with another digest."""
    extra: tuple[str, ...] = ()
    digests: Mapping[str, tuple[str, str]] | None = None
    """Of the others: what is expected, and what is there."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.other or self.extra)

    @property
    def code(self) -> str:
        """The gravest."""
        return "digest" if self.other else "extra-file" if self.extra else "missing-file"

    @property
    def sentence(self) -> str:
        """What was seen."""
        said = []
        for name in self.other[:_MOST]:
            _expected, seen = (self.digests or {}).get(name, ("", ""))
            said.append(f"{name} has the SHA-256 {seen or 'of nothing'}")
        if self.extra:
            said.append(f"{_names(self.extra)} is there too, and nobody has made it")
        if self.missing:
            said.append(f"{_names(self.missing)} is not there")
        return "; ".join(said)

    @property
    def expected(self) -> str:
        """What should have been seen."""
        if self.other and self.digests:
            return f"the SHA-256 {self.digests[self.other[0]][0]}"
        return "exactly the files that were made"


def digests(things: Iterable[Thing]) -> dict[str, str]:
    """SHA-256 by file name; raises `Tampered` for two files of one name: one would hide the other."""
    found: dict[str, str] = {}
    for one in things:
        if one.algorithm == "sha256" and found.setdefault(one.name, one.digest) != one.digest:
            raise Tampered(
                "two-files", f"two files are called so: {found[one.name]}, {one.digest}", "one", place=one.name
            )
    return found


def compare(expected: Mapping[str, str], seen: Mapping[str, str]) -> Difference:
    """Both are SHA-256 by file name."""
    other = tuple(sorted(name for name in expected.keys() & seen.keys() if expected[name] != seen[name]))
    return Difference(
        tuple(sorted(expected.keys() - seen.keys())), other, tuple(sorted(seen.keys() - expected.keys())),
        {name: (expected[name], seen[name]) for name in other},
    )  # fmt: skip


def refuse_difference(expected: Mapping[str, str], seen: Mapping[str, str], place: str, next_step: str = "") -> None:
    """Raise `Tampered` if a place does not hold exactly what is expected."""
    found = compare(expected, seen)
    if found:
        raise Tampered(found.code, found.sentence, found.expected, place=place, next_step=next_step)


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")
