"""What triage knows beforehand: names of packages, where they are built from, and what earlier advisories have said."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from customhouse.advisories.triage.false_positives import FalsePositives
from customhouse.terms.names import normalize

_HOSTS = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitee.com", "opendev.org", "git.sr.ht")
_REPOSITORY = re.compile(
    r"(?:https?|git|ssh|git\+https?)://(?:[^/@\s]*@)?(?:www\.)?(?P<host>" + "|".join(map(re.escape, _HOSTS)) + r")"
    r"/(?P<owner>[A-Za-z0-9_.~-]{1,100})/(?P<name>[A-Za-z0-9_.-]{1,100})",
    re.IGNORECASE,
)  # fmt: skip
# Sections of GitHub that are no owners.
_NO_OWNERS = frozenset(
    {"advisories", "security", "orgs", "features", "settings", "marketplace", "topics", "sponsors", "about", "search"}
)


def repository_of(url: str) -> str:
    """``github.com/owner/name`` of an address that lies in a repository, in lower case; empty for every other one."""
    found = _REPOSITORY.match(url)
    if found is None or found["owner"].lower() in _NO_OWNERS:
        return ""
    name = found["name"].removesuffix(".git").rstrip(".")
    return f"{found['host']}/{found['owner']}/{name}".lower() if name else ""


def squeezed(name: str) -> str:
    """A name without anything but letters and digits, as some databases write it."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True)
class Known:
    """What is known beforehand. Names are normalised, repositories as `repository_of` gives them."""

    names: frozenset[str] = frozenset()
    """Of packages that exist: hosted here, spoken of by advisories, in the repository table, in the operator's list."""
    repositories: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By repository, the packages that are built from it: of the table, and of verified links of projects here."""
    earlier: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By repository, how many earlier advisories of each package lead to changes in it."""
    sites: Mapping[str, str] = field(default_factory=dict)
    """By host, the package whose earlier advisories alone lead there, and after which the host is called."""
    advised: Mapping[str, int] = field(default_factory=dict)
    """How many earlier advisories each package has."""
    hosted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The versions that this index has, by package; of those that it has alone."""
    false_positives: FalsePositives = field(default_factory=FalsePositives)

    @cached_property
    def homes(self) -> Mapping[str, frozenset[str]]:
        """By package, the repositories that it is built from."""
        found: dict[str, set[str]] = {}
        tables: tuple[Mapping[str, Iterable[str]], ...] = (self.repositories, self.earlier)
        for table in tables:
            for repository, names in table.items():
                for name in names:
                    found.setdefault(name, set()).add(repository)
        return {name: frozenset(every) for name, every in found.items()}

    def is_shared(self, repository: str, name: str) -> bool:
        """Whether several packages come from a repository, and a new advisory may well concern another one.

        It hardly does if nearly all of many earlier advisories that lead there concern this one: the share that is
        to be expected of the next is (n + 1) / (N + 2), Laplace's rule of succession.
        """
        counts = self.earlier.get(repository, {})
        if len(self.repositories.get(repository, frozenset()) | counts.keys()) <= 1:
            return False
        return (counts.get(name, 0) + 1) / (sum(counts.values()) + 2) < SHARE_OF_SHARED

    @cached_property
    def by_squeezed(self) -> Mapping[str, str]:
        """Names by what is left of them without punctuation."""
        return {squeezed(name): name for name in sorted(self.names)}

    @cached_property
    def longest(self) -> int:
        """The most parts that a known name has."""
        return min(max((name.count("-") + 1 for name in self.names), default=1), 5)


def by_repository(table: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """The packages of each repository, from the repositories' addresses of each package."""
    found: dict[str, set[str]] = {}
    for name, urls in table.items():
        for url in urls:
            if repository := repository_of(url):
                found.setdefault(repository, set()).add(normalize(name))
    return {repository: frozenset(names) for repository, names in found.items()}


def learned(advisories: Iterable[tuple[Collection[str], Collection[str]]]) -> dict[str, dict[str, int]]:
    """The repositories that earlier advisories lead to, from pairs of their packages and their links.

    Only links to changes count (commits, pull requests, comparisons, releases, security advisories): others lead to
    proofs of concept. Of each package the repository counts that most of its advisories lead to, and every one whose
    last part is named like the package. A repository that is called like one package is another one's only if several
    advisories say so: what imitates a package has advisories that lead to the original, too.
    """
    seen: dict[str, dict[str, int]] = {}
    for packages, urls in advisories:
        changed = {repository_of(url) for url in urls if _CHANGE.search(url)} - {""}
        for package in packages:
            counts = seen.setdefault(package, {})
            for repository in changed:
                counts[repository] = counts.get(repository, 0) + 1
    names = {squeezed(package) for package in seen}
    found: dict[str, dict[str, int]] = {}
    for package, counts in seen.items():
        most = max(counts.values(), default=0)
        for repository, count in counts.items():
            namesake = squeezed(repository.rpartition("/")[2])
            others = namesake != squeezed(package) and namesake in names
            if namesake == squeezed(package) or (count == most and (count > 1 or not others)):
                found.setdefault(repository, {})[package] = count
    return found


def own_sites(advisories: Iterable[tuple[Collection[str], Collection[str]]]) -> dict[str, str]:
    """The hosts that several advisories of one package lead to, hardly any of another one, and that bear its name."""
    seen: dict[str, dict[str, int]] = {}
    for packages, urls in advisories:
        for host in {(urlsplit(url).hostname or "").lower() for url in urls}:
            counts = seen.setdefault(host, {})
            for package in packages:
                counts[package] = counts.get(package, 0) + 1
    found = {}
    for host, counts in seen.items():
        package, count = max(counts.items(), key=lambda one: (one[1], one[0]), default=("", 0))
        most = count >= FEWEST_OF_SITE and count >= SHARE_OF_SITE * sum(counts.values())
        if most and any(part in squeezed(host) for part in _telling(package)):
            found[host] = package
    return found


def _telling(name: str) -> list[str]:
    """The parts of a name by which it is told from others: not the words that hundreds of names begin with."""
    parts = [part for part in name.split("-") if part not in _COMMON]
    return [part for part in (squeezed(name), *parts) if len(part) >= SHORTEST_TELLING]


SHARE_OF_SHARED = 0.9
FEWEST_OF_SITE = 2
SHARE_OF_SITE = 0.8
SHORTEST_TELLING = 4
_COMMON = frozenset({"apache", "python", "django", "flask", "core", "server", "client", "project", "github", "google"})
_CHANGE = re.compile(r"/(?:commit|commits|pull|merge_requests|compare|releases|security/advisories|-/commit)/")
