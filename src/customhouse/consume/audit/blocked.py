"""Why a fix cannot be installed, and what to do: the edge that excludes it, whether it was a guess, and the remedies.

``A 1.4 requires B<2`` blocks the fix of B if it excludes every version in which B is mended. The bound was speculative
if no release of B at or above it existed when A 1.4 was uploaded: nobody can have known that A breaks there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from customhouse.consume.audit.model import Blocked, Component, Finding, Subject
from customhouse.consume.audit.remedies import Allowed, SaidAfterwards, Situation, remedies
from customhouse.formats.inventory.requirement import Requirement
from customhouse.formats.osv.matching import is_affected, read_version
from customhouse.terms.versions import specifiers_of, version_of

if TYPE_CHECKING:
    # It speaks HTTP, which takes longer to load than a whole audit offline.
    from customhouse.consume.audit.history import Release
    from customhouse.consume.audit.own_bounds import OwnBound

MOST_NEWER = 15
"""How many newer releases of one package are looked at for one that allows the fix, the nearest first."""
MOST_NEWEST = 3
"""And so many of the newest."""
DEEPEST = 3
"""How far upwards: B is held back by A, the newer A by C, the newer C by D."""
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']{0,100})["']""")


class Asked(Protocol):
    """Who knows of releases: see `history.History`."""

    def releases(self, name: str, index: str = "") -> Mapping[str, Release] | None:
        """Every release by version; None if nobody can say."""
        ...

    def requires(self, name: str, version: str, index: str = "") -> tuple[Requirement, ...] | None:
        """What a release requires; None if nobody can say."""
        ...

    def said(self, name: str, version: str, index: str = "") -> Sequence[SaidAfterwards]:
        """What was said of a release afterwards, and is signed."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """That somebody's own tests ran with a version that a bound excludes: see `override`."""

    package: str
    version: str
    command: str
    exit_code: int
    log_sha256: str
    day: date


class Nobody:
    """Offline: nobody is asked."""

    def releases(self, _name: str, _index: str = "") -> None:
        """Nobody can say."""
        return

    def requires(self, _name: str, _version: str, _index: str = "") -> None:
        """Nobody can say."""
        return

    def said(self, _name: str, _version: str, _index: str = "") -> Sequence[SaidAfterwards]:
        """Nobody can say."""
        return ()


@dataclass(frozen=True, slots=True)
class Bound:
    """One edge: who requires, and what."""

    by: Component
    specifier: str


OWN = "your project"
"""Who excludes a fix if it is the user's own bound."""


def explain_blocked(
    findings: Iterable[Finding], subjects: Sequence[Subject], asked: Asked, runs: Sequence[Trial] = (),
    own: Mapping[str, Sequence[OwnBound]] = MappingProxyType({}),
) -> tuple[Finding, ...]:  # fmt: skip
    """The same findings; those whose every fix is excluded by somebody's bound say by whose, and what to do.

    ``own`` are the bounds of the user's project, by the title of the subject.
    """
    return tuple(_explained(one, subjects, asked, runs, own) for one in findings)


def _explained(
    finding: Finding, subjects: Sequence[Subject], asked: Asked, runs: Sequence[Trial],
    own: Mapping[str, Sequence[OwnBound]],
) -> Finding:  # fmt: skip
    if finding.mitigation is not None or finding.library is not None or finding.blocked is not None:
        return finding
    component = finding.component
    subject = next((one for one in subjects if component in one.components), None)
    if subject is None:
        return finding
    fixed = fixed_versions(finding, asked)
    blocking = (
        [one for one in bounds_on(component, subject, asked) if not _allows(one.specifier, fixed)] if fixed else []
    )
    ours = [
        one for one in own.get(subject.title, ())
        if one.name == component.name and applies(one.marker, subject.interpreter)
        and fixed and not _allows(one.specifier, fixed)
    ]  # fmt: skip
    if not blocking and not ours:
        return finding
    edges = [f"{one.by.name} {one.by.version} requires {component.name}{one.specifier}" for one in blocking]
    situation = Situation(
        finding,
        subject.kind,
        target=_target(finding, fixed),
        blocking=(*dict.fromkeys(f"{OWN} requires {component.name}{one.specifier}" for one in ours), *edges),
        own=tuple((f"{component.name}{one.specifier}", one.place) for one in ours),
        holders=tuple((one.by.name, one.by.version) for one in blocking),
        newer=tuple(_newer(one.by, component, fixed, subject, asked, DEEPEST) for one in blocking),
        said=tuple(_widened(one.by, component, _target(finding, fixed), asked) for one in blocking),
        runs=tuple(one for one in runs if one.package == component.name and one.version in fixed),
    )
    said = remedies(situation)
    if not blocking:
        bound = f"{component.name}{ours[0].specifier}"
        return replace(finding, blocked=Blocked(OWN, "", bound, speculative=None, remedies=said))
    first = blocking[0]
    return replace(
        finding,
        blocked=Blocked(
            by=first.by.name,
            by_version=first.by.version,
            requirement=f"{component.name}{first.specifier}",
            speculative=is_speculative(first, component, asked),
            remedies=said,
        ),
    )


def fixed_versions(finding: Finding, asked: Asked) -> tuple[str, ...]:
    """The versions above the present one that mend it, the lowest first: those of the index, else of the records."""
    component = finding.component
    known = asked.releases(component.name, component.index)
    if known is None:
        return finding.fixes
    present = read_version(component.version)
    found = {
        parsed: text
        for text, release in known.items()
        if not release.yanked
        and (parsed := read_version(text)) is not None
        and (present is None or parsed > present)
        and (not parsed.is_prerelease or (present is not None and present.is_prerelease))
        and not any(is_affected(record, component.name, text) for record in finding.same.records)
    }
    return tuple(found[one] for one in sorted(found))


def _target(finding: Finding, fixed: Sequence[str]) -> str:
    """The version to go to: the one that mends everything known, if it is among those, else the lowest."""
    return finding.upgrade if finding.upgrade in fixed and finding.upgrade else fixed[0]


def bounds_on(component: Component, subject: Subject, asked: Asked) -> Iterator[Bound]:
    """Who of the subject requires this component, and which versions of it: as it stands there, else as released."""
    for one in subject.components:
        edges = [
            edge
            for edge in one.requires
            if edge.requires == component.name and applies(edge.marker, subject.interpreter)
        ]
        if not edges:
            continue
        told = ",".join(edge.specifier for edge in edges if edge.specifier)
        if not told:
            # Locks name the edge and not its bound; the release's metadata has it.
            told = _required(one, _normal(one.version), component.name, asked, subject.interpreter) or ""
        if told:
            yield Bound(one, str(specifiers_of(told) or told))


def _normal(version: str) -> str:
    parsed = version_of(version)
    return str(parsed) if parsed is not None else version


def _required(holder: Component, version: str, wanted: str, asked: Asked, python: str) -> str | None:
    """What a release asks of another project, all its lines together; None if nobody can say, empty for anything."""
    requires = asked.requires(holder.name, version, holder.index)
    if requires is None:
        return None
    lines = [one for one in requires if one.name == wanted and applies(one.marker, python)]
    # A line for an extra counts only if there is no other: whether somebody asked for the extra, nobody tells.
    plain = [one for one in lines if not _EXTRA.search(one.marker)]
    return ",".join(one.specifier for one in plain or lines if one.specifier)


def applies(marker: str, python: str = "") -> bool:
    """Whether a requirement counts here: its marker holds, on the subject's Python if that is known (PEP 508).

    A marker that cannot be read counts, and so does one for an extra if it holds with that extra.
    """
    if not marker:
        return True
    # Only findings whose fix is blocked come here.
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName  # noqa: PLC0415

    extras = _EXTRA.findall(marker) or [""]
    around = {"python_full_version": python, "python_version": ".".join(python.split(".")[:2])} if python else {}
    try:
        return any(Marker(marker).evaluate({**around, "extra": extra}) for extra in extras)
    except (InvalidMarker, UndefinedEnvironmentName, ValueError):
        return True


def _allows(specifier: str, versions: Iterable[str]) -> bool:
    found = specifiers_of(specifier)
    return found is None or any(found.contains(one, prereleases=True) for one in versions)


def _widened(holder: Component, component: Component, target: str, asked: Asked) -> SaidAfterwards | None:
    """What somebody has said of the holder afterwards that lets the target in; the newest word."""
    said = [
        one for one in asked.said(holder.name, _normal(holder.version), holder.index)
        if one.kind == "widening" and one.requires == component.name and _allows(one.specifier, [target])
    ]  # fmt: skip
    return max(said, key=lambda one: one.day, default=None)


def is_speculative(bound: Bound, component: Component, asked: Asked) -> bool | None:
    """Whether the bound excludes only what did not exist when it was written; None if nobody knows the days.

    A bound was written when the first file of its release was uploaded. If any release of the required project at or
    above the bound was there by then, even a pre-release, its author may have tried it.
    """
    own = (asked.releases(bound.by.name, bound.by.index) or {}).get(_normal(bound.by.version))
    others = asked.releases(component.name, component.index)
    if own is None or own.uploaded_at is None or others is None:
        return None
    upper = _upper(bound.specifier)
    beyond = [one for text, one in others.items() if upper is not None and _is_beyond(upper, text)]
    if not beyond or any(one.uploaded_at is None for one in beyond):
        return None
    return all(one.uploaded_at is not None and one.uploaded_at > own.uploaded_at for one in beyond)


def _upper(specifier: str) -> SpecifierSet | None:
    """The part of a specifier that excludes later versions: ``<2`` of ``>=1,<2``; None if no part does."""
    found = [text for one in specifiers_of(specifier) or () if (text := _upper_of(one))]
    return SpecifierSet(",".join(found)) if found else None


def _upper_of(one: Specifier) -> str:
    if one.operator in ("<", "<="):
        return str(one)
    if one.operator == "~=":
        release = Version(one.version).release[:-1]
        return f"<{'.'.join(map(str, (*release[:-1], release[-1] + 1)))}"
    if one.operator == "==" and one.version.endswith(".*"):
        release = Version(one.version[:-2]).release
        return f"<{'.'.join(map(str, (*release[:-1], release[-1] + 1)))}"
    return f"<={one.version}" if one.operator == "==" else ""


def _is_beyond(upper: SpecifierSet, text: str) -> bool:
    parsed = read_version(text)
    return parsed is not None and not upper.contains(parsed, prereleases=True)


def _newer(
    holder: Component, component: Component, fixed: Sequence[str], subject: Subject, asked: Asked, deepest: int
) -> Allowed | None:
    """The nearest newer release of who holds the fix back that allows it, and whatever must move with it.

    None if nobody can say which releases there are; an `Allowed` without steps if none of them does.
    """
    known = asked.releases(holder.name, holder.index)
    if known is None:
        return None
    present = read_version(holder.version)
    later = sorted(
        parsed
        for text, release in known.items()
        if not release.yanked and (parsed := read_version(text)) is not None and not parsed.is_prerelease
        and (present is None or parsed > present)
    )  # fmt: skip
    last = max((one.uploaded_at for one in known.values() if one.uploaded_at is not None), default=None)
    near = later[:MOST_NEWER] + later[MOST_NEWER:][-MOST_NEWEST:]
    sure, held = len(near) == len(later), ""
    for one in near:
        told = _required(holder, str(one), component.name, asked, subject.interpreter)
        if told is None:
            sure = False
        elif _allows(told, fixed):
            above = _moves(holder, str(one), subject, asked, deepest)
            if not isinstance(above, str):
                return Allowed(((holder.name, str(one)), *above), last)
            held = held or f"{holder.name} {one} allows it, but {above}"
    return Allowed((), last, sure=sure, held=held)


def _moves(
    holder: Component, version: str, subject: Subject, asked: Asked, deepest: int
) -> tuple[tuple[str, str], ...] | str:
    """What must be upgraded too, so that this newer release is allowed; or the edge that forbids it, in words."""
    steps: list[tuple[str, str]] = []
    for bound in bounds_on(holder, subject, asked):
        if _allows(bound.specifier, [version]):
            continue
        found = _newer(bound.by, holder, [version], subject, asked, deepest - 1) if deepest > 1 else None
        if found is None or not found.steps:
            return f"{bound.by.name} {bound.by.version} requires {holder.name}{bound.specifier}"
        steps += [step for step in found.steps if step not in steps]
    return tuple(steps)
