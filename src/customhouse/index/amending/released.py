"""What released versions require, and which of them an amendment is about; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from customhouse.formats.amendment import CODE, MOST_VERSIONS, line, read_requirement
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import normalize
from customhouse.terms.versions import specifiers_of, version_of

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Released:
    """One version as its metadata has it."""

    version: str
    """In normal form."""
    requires_dist: tuple[str, ...] = ()
    requires_python: str = ""
    provides_extra: tuple[str, ...] = ()

    def asks(self, wanted: str) -> list[Requirement]:
        """Its requirements on one project, by that project's normalised name."""
        found = []
        for text in self.requires_dist:
            try:
                read = Requirement(text)
            except InvalidRequirement:
                continue
            if normalize(read.name) == wanted:
                found.append(read)
        return found


def choose(project: str, text: str, released: Sequence[Released]) -> tuple[list[Released], bool]:
    """The versions that ``text`` names, a version or specifiers, and whether it is one exact version.

    Raises `Rejected`, or `Refused` (404) if nothing of that kind has been released.
    """
    exact = version_of(text.strip())
    if exact is not None:
        found = [one for one in released if Version(one.version) == exact]
        if not found:
            raise Refused("unknown", f"There is no version {text[:60]!r} of {project!r}.", status=404)
        return found, True
    specifiers = specifiers_of(text)
    if specifiers is None or not text.strip():
        raise Rejected(CODE, "versions", f"{text[:60]!r} is neither a version nor specifiers", "1.0, or >=1,<2")
    found = [one for one in released if specifiers.contains(one.version, prereleases=True)]
    if not found:
        raise Refused("unknown", f"No released version of {project!r} is in {text[:60]!r}.", status=404)
    return found, False


def edge(
    project: str, chosen: Sequence[Released], after: str, before: str, *, exact: bool
) -> tuple[Requirement, list[Released]]:
    """The requirement that is amended, and the releases whose metadata really say it; raises `Rejected`.

    Of several versions those are passed over that do not require the project at all. ``before`` is only needed if a
    release names the project more than once.
    """
    wanted = read_requirement(after, "requirement")
    name = normalize(wanted.name)
    told = line(read_requirement(before, "before")) if before else ""
    lines: dict[str, list[Released]] = {}
    for one in chosen:
        asked = one.asks(name)
        fitting = [each for each in asked if not told or line(each) == told]
        if not told and len(fitting) > 1 and (wanted.marker is not None or wanted.extras):
            fitting = [each for each in fitting if each.marker == wanted.marker and each.extras == wanted.extras]
        if not fitting and (exact or (asked and told)):
            says = _some(line(each) for each in asked) or "nothing"
            raise Rejected(
                CODE, "before" if told else "requirement",
                f"the metadata of {project} {one.version} says of {name}: {says}", "a requirement that stands there",
            )  # fmt: skip
        if len(fitting) > 1:
            raise Rejected(
                CODE, "requirement", f"{project} {one.version} names {name} more than once: "
                f"{_some(line(each) for each in fitting)}", "say which by its marker, or by --before",
            )  # fmt: skip
        for each in fitting:
            lines.setdefault(line(each), []).append(one)
    if not lines:
        raise Rejected(CODE, "requirement", f"none of these versions of {project} requires {name}")
    if len(lines) > 1:
        says = "; ".join(f"{_some(one.version for one in found)} say {text!r}" for text, found in lines.items())
        raise Rejected(CODE, "versions", f"they do not all say the same: {says}", "one amendment for each")
    text, found = next(iter(lines.items()))
    if len(found) > MOST_VERSIONS:
        raise Rejected(CODE, "versions", f"{len(found)} versions", f"at most {MOST_VERSIONS} in one record")
    return read_requirement(text, "before"), sorted(found, key=lambda one: Version(one.version))


def _some(texts: Iterable[str]) -> str:
    every = list(dict.fromkeys(texts))
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
