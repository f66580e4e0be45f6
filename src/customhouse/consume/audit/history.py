"""What an index tells of releases: since when each is there (PEP 700), and what it requires (PEP 658).

It is asked only for findings whose fix is blocked, and for each thing once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urljoin

from packaging.requirements import Requirement as Packaging
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from customhouse.consume.amendments import MEMBER, Believing
from customhouse.consume.audit.remedies import SaidAfterwards
from customhouse.consume.view_address import read_place
from customhouse.consume.wire import NOT_FOUND, Wire, host_of
from customhouse.formats.amendment import Amendment, conditions
from customhouse.formats.inventory.installed import read_installed
from customhouse.formats.inventory.requirement import Requirement
from customhouse.formats.osv.times import read_time
from customhouse.terms.errors import Rejected, Unavailable

MEDIA_TYPE = "application/vnd.pypi.simple.v1+json"
MOST_QUESTIONS = 60
"""How many pages and how many metadata files one audit asks for: remedies are advice, and advice may have gaps."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project as the index shows it."""

    version: str
    """In normal form."""
    uploaded_at: datetime | None
    """When its first file came; None if the index does not say."""
    metadata: str = ""
    """The address of the metadata of one of its files; empty if the index serves none."""
    yanked: bool = False
    """Whether every file is."""


class History:
    """The releases of projects, as one index tells them. Whoever cannot be asked is named in `unanswered`."""

    def __init__(self, wire: Wire, default: str = "", now: datetime | None = None) -> None:
        """``default`` is the simple repository for what does not say where it comes from.

        Without ``now`` nothing that was said of releases afterwards is looked at.
        """
        self._wire = wire
        self._default = default
        self._now = now
        self._said: dict[str, object] = {}
        self._believing: dict[str, Believing] = {}
        self._releases: dict[str, Mapping[str, Release] | None] = {}
        self._requires: dict[tuple[str, str], tuple[Requirement, ...] | None] = {}
        self.unanswered: dict[str, str] = {}

    def releases(self, name: str, index: str = "") -> Mapping[str, Release] | None:
        """Every release by version; None if nobody can say."""
        if name not in self._releases:
            self._releases[name] = self._ask(name, self._default or index)
        return self._releases[name]

    def requires(self, name: str, version: str, index: str = "") -> tuple[Requirement, ...] | None:
        """What a release requires; None if nobody can say."""
        key = name, version
        if key not in self._requires:
            release = (self.releases(name, index) or {}).get(version)
            self._requires[key] = self._metadata(name, release) if release is not None and release.metadata else None
        return self._requires[key]

    def said(self, name: str, version: str, index: str = "") -> tuple[SaidAfterwards, ...]:
        """What was said of a release afterwards, with a signature that fits; nothing if nobody can say."""
        if self._now is None or not self.releases(name, index) or name not in self._said:
            return ()
        try:
            place = read_place("", self._default or index)
        except Rejected:
            # An address with a password in it: what is said there cannot be checked without sending it on.
            return ()
        if place.base not in self._believing:
            self._believing[place.base] = Believing(self._wire, place.base, self._now, view=place.view)
        told = self._believing[place.base].counting(self._said[name], name)
        files = place.within("") if place.view else ""
        return tuple(_afterwards(one, version, files) for one in told if one.is_about(version))

    def _ask(self, name: str, index: str) -> Mapping[str, Release] | None:
        if not index or len(self._releases) >= MOST_QUESTIONS:
            return None
        page = f"{index.rstrip('/')}/{name}/"
        try:
            answer = self._wire.get(page, headers={"Accept": MEDIA_TYPE})
            if answer.status == NOT_FOUND:
                return None
            found = read_releases(answer.body, page)
            if own := _own_word(answer.body):
                self._said[name] = own
            return found  # noqa: TRY300 - what follows is for errors alone
        except (Unavailable, Rejected) as error:
            self.unanswered[name] = str(error)
            return None

    def _metadata(self, name: str, release: Release) -> tuple[Requirement, ...] | None:
        if len(self._requires) >= MOST_QUESTIONS:
            return None
        try:
            answer = self._wire.get(release.metadata)
        except (Unavailable, Rejected) as error:
            self.unanswered[name] = str(error)
            return None
        return None if answer.status == NOT_FOUND else read_installed(answer.body).requires


def _own_word(body: bytes) -> object:
    """What a Customhouse adds to its pages about amendments; None of any other index. The page has been read once."""
    own = json.loads(body).get("_customhouse")
    return own.get(MEMBER) if isinstance(own, dict) else None


def _afterwards(one: Amendment, version: str, files: str) -> SaidAfterwards:
    after = conditions(Packaging(one.after).specifier)
    return SaidAfterwards(
        one.id, one.project, version, one.requires, after, one.kind, one.role, one.at.date(), one.reason, one.evidence,
        files,
    )  # fmt: skip


def read_releases(body: bytes, page: str) -> Mapping[str, Release]:
    """The releases of a page of the simple repository API in JSON; raises `Unavailable` for anything else."""
    try:
        files = [one for one in json.loads(body)["files"] if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unavailable(host_of(page), "its pages are not the JSON of PEP 691") from error
    found: dict[str, Release] = {}
    for one in files:
        filename = one.get("filename")
        version = _version(filename) if isinstance(filename, str) else None
        if version is None:
            continue
        new = Release(
            version, _time(one.get("upload-time")), _metadata_of(one, page), one.get("yanked") not in (None, False)
        )
        known = found.get(version)
        found[version] = new if known is None else _joined(known, new)
    return found


def _joined(known: Release, new: Release) -> Release:
    times = [one for one in (known.uploaded_at, new.uploaded_at) if one is not None]
    return replace(
        known,
        uploaded_at=min(times, default=None),
        metadata=known.metadata or new.metadata,
        yanked=known.yanked and new.yanked,
    )


def _metadata_of(one: Mapping[str, object], page: str) -> str:
    """PEP 714: ``core-metadata``, and its older name; true, or digests, if there is a file of that name beside."""
    told = one.get("core-metadata", one.get("dist-info-metadata"))
    url = one.get("url")
    return urljoin(page, url).partition("#")[0] + ".metadata" if told and isinstance(url, str) else ""


def _time(value: object) -> datetime | None:
    try:
        return read_time(value, "upload-time") if isinstance(value, str) else None
    except Rejected:
        return None


def _version(filename: str) -> str | None:
    try:
        return str(
            parse_wheel_filename(filename)[1] if filename.endswith(".whl") else parse_sdist_filename(filename)[1]
        )
    except (InvalidWheelFilename, InvalidSdistFilename, ValueError):
        return None
