"""Who bundles this library? For everybody, and the operators' desk for advisories on libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy.engine import Connection
from starlette.responses import Response

from customhouse.advisories import queries as advisories
from customhouse.advisories.queries import Stored
from customhouse.catalog import bundled
from customhouse.catalog.bundled import Held
from customhouse.catalog.model import Project
from customhouse.formats.bundled.advisories import LibraryRange
from customhouse.formats.bundled.model import TRUST
from customhouse.index.bundling.impact import impact_of, told_files
from customhouse.index.bundling.ranges import SayRange, TakeBack, ranges_of, say_range, take_back
from customhouse.index.bundling.tell_owners import TellOwners, tell_owners
from customhouse.index.bundling.who import Answer, Bundler, who_bundles
from customhouse.terms.errors import Refused
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

LIBRARIES_SHOWN = 100
LINES_SHOWN = 500
DESK = "/admin/advisory/{advisory}/libraries/"


def bundled_doors() -> list[Door]:
    """The doors of the pages about bundled libraries."""
    return [
        door("GET", "/bundled/", search, Permission.PUBLIC_READ),
        door("GET", DESK, desk, Permission.ADMIN_READ),
        door("POST", DESK, say, Permission.ADMIN_WRITE),
        door("POST", f"{DESK}take-back/", forget, Permission.ADMIN_WRITE),
        door("POST", f"{DESK}tell/", tell, Permission.ADMIN_WRITE),
    ]


@dataclass(frozen=True, slots=True)
class LibraryLine:
    """One library in one release: its version, and the files that hold it."""

    name: str
    version: str | None
    conflicting: Sequence[str]
    distribution: str
    files: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]
    """Wheel, member, and the evidence: kind and words each."""


@dataclass(frozen=True, slots=True)
class ImpactView:
    """What an advisory on libraries means here."""

    ranges: Sequence[LibraryRange]
    affected: Sequence[Bundler]
    unknown: Sequence[Bundler]
    files: int
    projects: int
    downloads: int
    truncated: bool
    unscanned: int


def search(visit: Visit) -> Response:
    """The question, and the answer once it was asked."""
    library, text = visit.query.get("library", "").strip(), visit.query.get("range", "").strip()
    with visit.app.database.read() as sql:
        common = bundled.known_libraries(sql, most=LIBRARIES_SHOWN)
        found = who_bundles(sql, library, text, visit.app.clock.now()) if library else None
    view = impact_view(found, ()) if found is not None else None
    return visit.page(
        "bundled.html", kept=True, library=library, range=text, found=found, view=view, common=common,
        shown=LINES_SHOWN, address=quote,
    )  # fmt: skip


def impact_view(found: Answer, ranges: Sequence[LibraryRange]) -> ImpactView:
    """An answer as pages show it."""
    downloads = {one.held.file_id: one.downloads for one in found.matching}
    return ImpactView(
        ranges, found.matching, found.unknown, len(downloads), len({one.held.project for one in found.matching}),
        sum(downloads.values()), found.truncated, found.unscanned,
    )  # fmt: skip


def impact_for_page(visit: Visit, sql: Connection, stored: Stored) -> ImpactView | None:
    """What an advisory on libraries means here, as strangers may see it; None if it is on no library."""
    found = impact_of(sql, stored, visit.app.clock.now())
    return impact_view(found, ranges_of(sql, stored)) if found is not None else None


def release_libraries(sql: Connection, project: Project, version: str) -> list[LibraryLine]:
    """What the files of one release bundle, one line for each library and version."""
    lines: dict[tuple[str, str | None], list[Held]] = {}
    for held in bundled.bundled_by(sql, project.id, version):
        lines.setdefault((held.library.name, held.library.version), []).append(held)
    return [_line(name, known, those) for (name, known), those in lines.items()]


def _line(name: str, version: str | None, those: Sequence[Held]) -> LibraryLine:
    conflicting = sorted({other for held in those for other in held.library.conflicting})
    distributions = sorted({held.library.distribution for held in those} - {""})
    best = sorted(those, key=lambda held: [TRUST.index(each.kind) for each in held.library.evidence[:1]])
    files = [
        (held.filename, held.library.file, [(each.kind, each.text) for each in held.library.evidence]) for held in best
    ]
    return LibraryLine(name, version, conflicting, ", ".join(distributions), files)


def desk(visit: Visit) -> Response:
    """An advisory for operators: which libraries it is on, whom that concerns, and who was told."""
    with visit.app.database.read() as sql:
        stored = _stored(visit, sql)
        ranges = ranges_of(sql, stored)
        found = impact_of(sql, stored, visit.app.clock.now(), private=True)
        told = told_files(sql, stored.id)
    view = impact_view(found, ranges) if found is not None else None
    untold = {one.held.file_id for one in found.matching} - told if found is not None else set()
    return visit.page(
        "admin_libraries.html", advisory=stored, view=view, told=told, untold=len(untold), shown=LINES_SHOWN,
        address=quote,
    )  # fmt: skip


def say(visit: Visit) -> Response:
    """Say which versions of a library an advisory affects."""
    wish = SayRange(
        visit.path["advisory"], visit.field("library", limit=200, required=True), visit.field("introduced", limit=80),
        visit.field("fixed", limit=80), visit.field("last_affected", limit=80), visit.actor,
    )  # fmt: skip
    said = visit.app.do(say_range, wish)
    return visit.go(_desk(visit), said=f"It affects {said.library} {said.words}.")


def forget(visit: Visit) -> Response:
    """Take back what was said of a library."""
    library = visit.field("library", limit=200, required=True)
    gone = visit.app.do(take_back, TakeBack(visit.path["advisory"], library, visit.actor))
    return visit.go(_desk(visit), said=f"{gone} {'range is' if gone == 1 else 'ranges are'} taken back.")


def tell(visit: Visit) -> Response:
    """Tell the owners of the files that an advisory affects."""
    told = tell_owners(visit.app.deeds, TellOwners(visit.path["advisory"], visit.actor))
    files, projects = counted(told.files, "file"), counted(len(told.projects), "project")
    said = f"The owners of {projects} hear of {files}." if told.files else "All are told."
    return visit.go(_desk(visit), said=said)


def counted(number: int, what: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _desk(visit: Visit) -> str:
    return DESK.format(advisory=quote(visit.path["advisory"], safe=""))


def _stored(visit: Visit, sql: Connection) -> Stored:
    stored = advisories.find(sql, visit.path["advisory"])
    if stored is None:
        raise Refused("unknown-advisory", f"Nothing is known here of {visit.path['advisory'][:100]!r}.", status=404)
    return stored
