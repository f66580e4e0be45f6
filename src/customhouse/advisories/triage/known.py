"""What triage knows beforehand: names of packages, where they are built from, and what earlier advisories have said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from customhouse.advisories.triage.false_positives import FalsePositives
from customhouse.advisories.triage.subject import Names
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
    """By site, the package whose earlier advisories alone lead there, and after which it is called."""
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
    def in_texts(self) -> Names:
        """The names, made ready to be found in texts."""
        return Names.of(self.names, self.advised.keys() & self.names)


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

    Links to changes count (commits, pull requests, comparisons, releases, security advisories): others may lead to
    proofs of concept, and count only where most advisories of a package lead there. Of each package the repository
    counts that most of its advisories lead to, and every one whose last part is named like the package. A repository
    that is called like one package is another one's only if several advisories say so: what imitates a package has
    advisories that lead to the original, too.
    """
    changed: dict[str, Counter[str]] = {}
    linked: dict[str, Counter[str]] = {}
    written: Counter[str] = Counter()
    for packages, urls in advisories:
        changes = {repository_of(url) for url in urls if _CHANGE.search(url)} - {""}
        others = {repository_of(url) for url in urls} - {""}
        for package in packages:
            written[package] += 1
            changed.setdefault(package, Counter()).update(changes)
            linked.setdefault(package, Counter()).update(others)
    names = {squeezed(package) for package in written}
    found: dict[str, dict[str, int]] = {}
    for package, counts in changed.items():
        most = max(counts.values(), default=0)
        for repository, count in linked[package].items():
            namesake = squeezed(repository.rpartition("/")[2])
            is_main = counts[repository] == most and most > 0 and (most > 1 or namesake not in names)
            is_usual = count >= FEWEST_LINKED and count * 2 > written[package]
            if is_usual or is_main or (namesake == squeezed(package) and counts[repository]):
                found.setdefault(repository, {})[package] = count
    return found


def own_sites(advisories: Iterable[tuple[Collection[str], Collection[str]]]) -> dict[str, str]:
    """The sites that several advisories of one package lead to, hardly any of another one, and that bear its name.

    A site is a host, or what hosts have in common behind their first part: ``example.org`` of ``docs.example.org``.
    """
    seen: dict[str, Counter[str]] = {}
    for packages, urls in advisories:
        for site in {site for url in urls for site in sites_of(url)}:
            seen.setdefault(site, Counter()).update(packages)
    found = {}
    for site, counts in seen.items():
        ((package, count),) = counts.most_common(1)
        most = count >= FEWEST_OF_SITE and count >= SHARE_OF_SITE * counts.total()
        if most and any(part in squeezed(site) for part in _telling(package)):
            found[site] = package
    return found


def sites_of(url: str) -> list[str]:
    """The host of an address, and what stands behind its first part, as long as that has two parts."""
    try:
        parts = (urlsplit(url).hostname or "").lower().split(".")
    except ValueError:
        return []
    return [".".join(parts[at:]) for at in range(len(parts) - 1)]


def _telling(name: str) -> list[str]:
    """The parts of a name by which it is told from others: not the words that hundreds of names begin with."""
    parts = [part for part in name.split("-") if part not in _COMMON]
    return [part for part in (squeezed(name), *parts) if len(part) >= SHORTEST_TELLING]


SHARE_OF_SHARED = 0.9
FEWEST_LINKED = 3
FEWEST_OF_SITE = 2
SHARE_OF_SITE = 0.8
SHORTEST_TELLING = 4
_COMMON = frozenset({"apache", "python", "django", "flask", "core", "server", "client", "project", "github", "google"})
_CHANGE = re.compile(r"/(?:commit|commits|pull|merge_requests|compare|releases|security/advisories|-/commit)/")
