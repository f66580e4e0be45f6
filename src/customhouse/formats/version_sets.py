"""Whether one set of specifiers lets in all that another does: exactly, over every version of PEP 440.

A specifier changes its answer only at the versions that it names (and, for ``.*`` and ``~=``, at the end of their
series), and beside those by whether a version is a pre-, post- or local one of the same base. So a finite number of
**probes** stands for all versions there are: each base that is named and one between each two of them, with every
combination of pre, post, dev and local part that some specifier can tell from another. Two sets are compared on the
probes of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from customhouse.terms.errors import Rejected

MOST_CHECKS = 40_000
"""So many probes times conditions: more nobody needs, and it bounds the time (about 0.1 s)."""
CODE = "bad-requirement"
_FAR = 999_999_999
_OTHER_LOCAL = "zz.other"
Pre = tuple[str, int] | None
Base = tuple[int, tuple[int, ...]]
"""Epoch and release, without zeros at its end."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How the versions of one set lie to those of another."""

    within: bool
    """Everything that the first lets in, the second does."""
    contains: bool
    """Everything that the second lets in, the first does."""
    empty: bool
    """The first lets in nothing at all."""


@lru_cache(maxsize=4096)
def compare(first: SpecifierSet, second: SpecifierSet) -> Compared:
    """Compare two sets, pre-releases counted like all others; raises `Rejected` for what cannot be compared.

    A set that names a pre-release lets installers take pre-releases at all (PEP 440); one that names none does not. So
    a set that newly names one contains more than its bounds say.
    """
    of_first, of_second = _opens(first), _opens(second)
    within = contains = empty = True
    conditions = {*first, *second}
    for number, probe in enumerate(_probes(conditions), 1):
        if number * len(conditions) > MOST_CHECKS:
            raise Rejected(CODE, "requirement", "names too many versions to be compared", "fewer conditions")
        in_first, in_second = first.contains(probe, prereleases=True), second.contains(probe, prereleases=True)
        empty = empty and not in_first
        within = within and (in_second or not in_first)
        contains = contains and (in_first or not in_second)
        if probe.is_prerelease:
            # As installers see it who take pre-releases only where a set names one.
            within = within and not (in_first and of_first and not of_second)
            contains = contains and not (in_second and of_second and not of_first)
    return Compared(within, contains, empty)


def _opens(one: SpecifierSet) -> bool:
    """Whether it names a pre-release, so that installers take pre-releases (not by ``!=``)."""
    return any(each.operator != "!=" and bool(each.prereleases) for each in one)


def _probes(specifiers: Iterable[Specifier]) -> Iterator[Version]:
    """A version for every cell that these specifiers can tell from another."""
    named: dict[Base, list[Version]] = {(0, (0,)): []}
    for one in specifiers:
        if one.operator == "===":
            raise Rejected(CODE, "requirement", f"{str(one)[:60]!r} compares text and not versions", "== in its place")
        for version in _turns(one):
            named.setdefault(_base(version), []).append(version)
    longest = max(len(release) for _, release in named) + 1
    cells: list[tuple[Base, list[Version]]] = []
    for (epoch, release), versions in sorted(named.items()):
        cells += [
            ((epoch, release), versions),
            # Greater than this base, and less than every longer one that anybody names.
            ((epoch, (*release, *(0,) * (longest - len(release)), 1)), []),
        ]
    for base, versions in cells:
        yield from _around(base, versions)


def _turns(one: Specifier) -> list[Version]:
    """The versions at which its answer can change."""
    text = one.version.removesuffix(".*")
    version = Version(text)
    found = [version]
    if one.version.endswith(".*"):
        found.append(_next(version.epoch, version.release))
    elif one.operator == "~=":
        found.append(_next(version.epoch, version.release[:-1]))
    return found


def _next(epoch: int, release: tuple[int, ...]) -> Version:
    """Where the series of this release ends."""
    return Version(f"{epoch}!{'.'.join(map(str, (*release[:-1], release[-1] + 1)))}")


def _base(version: Version) -> Base:
    release = version.release
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    return version.epoch, release


def _around(base: Base, named: list[Version]) -> Iterator[Version]:
    """Every combination of suffixes of one base that the named versions of it tell apart."""
    pres: list[Pre] = [None, ("a", 0)]
    for one in named:
        if one.pre is not None:
            letter, number = one.pre
            pres += [("a", 0), ("b", 0), ("rc", _FAR), *((letter, near) for near in _near(number))]
    posts = [None, 0, *(near for one in named if one.post is not None for near in _near(one.post))]
    devs = [None, 0, *(near for one in named if one.dev is not None for near in _near(one.dev))]
    locals_ = ["", _OTHER_LOCAL, *(one.local for one in named if one.local)]
    epoch, release = base
    text = f"{epoch}!{'.'.join(map(str, release))}"
    starts = [f"{text}{one[0]}{one[1]}" if one is not None else text for one in dict.fromkeys(pres)]
    after = [f".post{one}" if one is not None else "" for one in dict.fromkeys(posts)]
    before = [f".dev{one}" if one is not None else "" for one in dict.fromkeys(devs)]
    ends = [f"+{one}" if one else "" for one in dict.fromkeys(locals_)]
    for parts in product(starts, after, before, ends):
        yield Version("".join(parts))


def _near(number: int) -> tuple[int, ...]:
    return (number - 1, number, number + 1) if number else (number, number + 1)
