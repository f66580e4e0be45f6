"""Where advisories come from: a source, what was read of it last, and what is read now; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, cast

from customhouse.advisories.model import KINDS, OWN, OWN_TRUST, USUAL_TRUST, Kind
from customhouse.formats.osv.documents import SUFFIXES, Damaged
from customhouse.terms.errors import Rejected

Origin = Literal["settings", "operator", "import"]
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,58}[a-z0-9])?", re.ASCII)
_ECOSYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:-]{0,99}", re.ASCII)
_NOT_A_NAME = re.compile(r"[^a-z0-9._-]+")
LONGEST_PLACE = 2_000


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a source was read, so that the next time only what is new is."""

    etag: str = ""
    last_modified: str = ""
    revision: str = ""
    """A commit, or the digest of a listing of files."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it is known here."""

    name: str
    kind: Kind
    place: str
    trust: int = USUAL_TRUST
    ecosystems: tuple[str, ...] = ()
    """Records of others are left out; empty: of none."""
    origin: Origin = "import"
    mark: Mark = Mark()
    tried_at: datetime | None = None
    succeeded_at: datetime | None = None
    error: str = ""
    problems: tuple[str, ...] = ()
    """Places that could not be read the last time: they are read again."""

    @property
    def is_asked(self) -> bool:
        """Whether the worker asks it every hour."""
        return self.origin != "import"


@dataclass(slots=True)
class Reading:
    """What a source offers now."""

    files: Iterator[tuple[str, bytes] | Damaged]
    """Place and content of each."""
    mark: Mark
    total: int | None = None
    """How many files, if that is known beforehand."""
    whole: bool = True
    """Whether these are all its files, and not only those that have changed."""
    gone: frozenset[str] = frozenset()
    """Places that are there no more."""


def check_source(source: Source) -> Source:
    """A source as somebody has described it; raises `Rejected` naming what is wrong."""
    if not _NAME.fullmatch(source.name) or source.name == OWN:
        raise Rejected("bad-source", "name", f"{source.name[:60]!r} is no name for a source",
                       f"a-z, 0-9, '.', '_' and '-', at most 60, not {OWN!r}")  # fmt: skip
    if source.kind not in KINDS:
        raise Rejected("bad-source", "kind", f"{source.kind[:40]!r} is none", ", ".join(KINDS))
    if not source.place or len(source.place) > LONGEST_PLACE or not source.place.isprintable():
        raise Rejected("bad-source", "place", "it is empty, too long or not printable", "a path or an address")
    if not -OWN_TRUST < source.trust < OWN_TRUST:
        raise Rejected("bad-source", "trust", f"{source.trust} is out of bounds", f"less than {OWN_TRUST}, 0 is usual")
    for one in source.ecosystems:
        if not _ECOSYSTEM.fullmatch(one):
            raise Rejected("bad-source", "ecosystems", f"{one[:40]!r} is none", "names of OSV's, such as PyPI")
    return source


def describe(place: str, kind: str = "", name: str = "") -> Source:
    """A source by its place: what it is and what it is called follow from that, unless they are said."""
    found = cast("Kind", kind) if kind else _kind_of(place)
    if found != "url" and "://" not in place:
        place = str(Path(place).absolute())
    return check_source(replace(Source("x", found, place), name=name or _name_of(place)))


def _kind_of(place: str) -> Kind:
    if "://" in place:
        return "url"
    path = Path(place)
    if path.is_dir():
        is_bare = (path / "HEAD").is_file() and (path / "objects").is_dir()
        return "git" if is_bare or (path / ".git").exists() else "folder"
    if not path.exists():
        raise Rejected("no-such-file", place, "there is nothing there", "a ZIP, a JSON or YAML file, a folder, a git"
                       " repository, or an address")  # fmt: skip
    return "file" if path.name.lower().endswith(SUFFIXES) else "zip"


def _name_of(place: str) -> str:
    """The last words of a place: ``…/PyPI/all.zip`` is ``pypi-all.zip``."""
    parts = [part for part in re.split(r"[/\\]+", place.partition("?")[0].rstrip("/")) if part not in ("", ".", "..")]
    return _NOT_A_NAME.sub("-", "-".join(parts[-2:]).lower()).strip("-._")[:60].strip("-._") or "source"
