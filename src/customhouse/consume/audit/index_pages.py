"""What the index says of projects: their status (PEP 792), yanked releases (PEP 592), which versions there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from customhouse.consume.audit.model import Component, Gap, Status
from customhouse.consume.wire import Wire
from customhouse.formats.osv.matching import read_version
from customhouse.terms.errors import Unavailable

MEDIA_TYPE = "application/vnd.pypi.simple.v1+json"
AT_ONCE = 16
Advance = Callable[[int, int], None]
"""Told how many pages have come, of how many."""
ADVERSE = frozenset({"archived", "deprecated", "quarantined"})
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Page:
    """One project as the index has it."""

    status: str = "active"
    reason: str = ""
    available: tuple[str, ...] = ()
    """Versions of which a file is there that nobody has yanked."""
    yanked: Mapping[str, str] = field(default_factory=dict)
    """Versions of which every file is yanked, in normal form, and why."""
    digests: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """``sha256:…`` of every file of a version, in normal form."""


class IndexPages:
    """Pages of one or several simple repositories, each asked for once."""

    def __init__(self, wire: Callable[[], Wire], default: str = "") -> None:
        """``default`` is asked for everything; empty: each component's own index, and for those without one nobody."""
        self._wire = wire
        self._default = default
        self._pages: dict[tuple[str, str], Page | Unavailable | None] = {}

    def ask(self, components: Iterable[Component], advance: Advance = lambda _done, _of: None) -> None:
        """Get the pages of these, several at once."""
        wanted = {(self._index_of(one), one.name) for one in components}
        missing = sorted(one for one in wanted if one[0] and one not in self._pages)
        if not missing:
            return
        self._wire()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done, (key, page) in enumerate(zip(missing, pool.map(self._get, missing), strict=True), 1):
                self._pages[key] = page
                advance(done, len(missing))

    @property
    def asked(self) -> bool:
        """Whether anybody was asked at all."""
        return bool(self._pages)

    def page(self, component: Component) -> Page | None:
        """The project's page; None if the index does not have it, or nobody could be asked."""
        key = self._index_of(component), component.name
        if key[0] and key not in self._pages:
            self._pages[key] = self._get(key)
        found = self._pages.get(key)
        return found if isinstance(found, Page) else None

    def statuses(self, components: Iterable[Component]) -> list[Status]:
        """Whatever is adverse."""
        found = []
        for one in components:
            page = self.page(one)
            if page is None:
                continue
            if page.status in ADVERSE:
                found.append(Status(one, page.status, page.reason))
            version = read_version(one.version)
            if version is not None and str(version) in page.yanked:
                found.append(Status(one, "yanked", page.yanked[str(version)]))
        return found

    def gaps(self) -> list[Gap]:
        """Of whom nothing could be learned, one for each index."""
        away: dict[str, list[str]] = {}
        why: dict[str, str] = {}
        for (index, name), page in self._pages.items():
            if isinstance(page, Unavailable):
                away.setdefault(index, []).append(name)
                why[index] = str(page)
        return [
            Gap(f"index {index}", f"the status of {len(names)} projects ({', '.join(names[:_MOST_NAMED])}…) is not"
                f" known: {why[index]}", "try again later")
            for index, names in away.items()
        ]  # fmt: skip

    def _index_of(self, component: Component) -> str:
        return self._default or component.index

    def _get(self, key: tuple[str, str]) -> Page | Unavailable | None:
        index, name = key
        try:
            answer = self._wire().get(f"{index.rstrip('/')}/{name}/", headers={"Accept": MEDIA_TYPE})
            return None if answer.status == 404 else read_page(answer.body, index)  # noqa: PLR2004 - not found
        except Unavailable as error:
            return error


def read_page(body: bytes, who: str) -> Page:
    """A page of the simple repository API in JSON; raises `Unavailable` for anything else."""
    try:
        document = json.loads(body)
        files = document["files"]
        state = document.get("project-status") or document["meta"].get("project-status") or {}
        status, reason = (state, "") if isinstance(state, str) else (state.get("status"), state.get("reason"))
        available, yanked, digests = _versions([one for one in files if isinstance(one, dict)])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unavailable(who, "its pages are not the JSON of PEP 691") from error
    return Page(str(status or "active"), str(reason or ""), available, yanked, digests)


def _versions(
    files: Sequence[Mapping[str, object]],
) -> tuple[tuple[str, ...], dict[str, str], dict[str, frozenset[str]]]:
    available: dict[str, None] = {}
    yanked: dict[str, str] = {}
    digests: dict[str, frozenset[str]] = {}
    for one in files:
        version = _version_of(str(one.get("filename") or ""))
        if version is None:
            continue
        hashes = one.get("hashes")
        digest = hashes.get("sha256") if isinstance(hashes, dict) else None
        if isinstance(digest, str):
            digests[version] = digests.get(version, frozenset()) | {f"sha256:{digest.lower()}"}
        if one.get("yanked") in (None, False):
            available[version] = None
        else:
            yanked.setdefault(version, one["yanked"] if isinstance(one["yanked"], str) else "")
    return tuple(available), {key: why for key, why in yanked.items() if key not in available}, digests


def _version_of(filename: str) -> str | None:
    """The version of a file in normal form; None for what installers pass over."""
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename, ValueError):
        return None
