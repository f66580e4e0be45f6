"""The difference between a release that waits and the one before it, for those who are to approve it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from customhouse.catalog import queries
from customhouse.catalog.model import File, Project, offered
from customhouse.catalog.staged import Session, StagedFile
from customhouse.formats.closest_file import pair_files
from customhouse.formats.filenames import parse_filename
from customhouse.index.diff import Comparable
from customhouse.terms.errors import Refused
from customhouse.web.pages.approving_view import version_to_compare
from customhouse.web.pages.diff import view_of
from customhouse.web.visit import Visit


def show_diff(visit: Visit, project: Project | None, session: Session, files: Sequence[StagedFile]) -> Response:
    """The page; raises `Refused` (404) if there is nothing to compare with."""
    if project is None:
        raise nothing_before(session)
    with visit.app.database.read() as sql:
        published = offered(project, queries.files_of(sql, project.id))
    before = version_to_compare(session.version, published)
    old = tuple(row for row in published if row.version == before)
    new = tuple(_as_file(session, one) for one in files if one.state == "completed")
    if not old or not new:
        raise nothing_before(session)
    pairs = pair_files(*([parse_filename(row.filename) for row in side] for side in (old, new)))
    found = Comparable((before, session.version), old, new, tuple(pairs))
    address = f"/manage/project/{session.normalized}/staged/{session.id}/diff/"
    view = view_of(
        visit.app, project, found, before, session.version, address=address,
        filename=visit.query.get("file", ""), member=visit.query.get("member", ""),
    )  # fmt: skip
    return visit.page("staged_diff.html", view=view, session=session)


def nothing_before(session: Session) -> Refused:
    """There is no earlier release, or nothing of this one is here."""
    return Refused(
        "nothing-to-compare", f"There is nothing to compare {session.display} {session.version} with.", status=404
    )  # fmt: skip


def _as_file(session: Session, one: StagedFile) -> File:
    """A staged file as comparisons know files."""
    return File(
        id=0, version=session.version, filename=one.filename, kind=one.kind or "sdist", digest=one.digest or "",
        md5=one.md5 or "", blake2b_256=one.blake2b_256 or "", size_bytes=one.size_bytes, uploaded_at=one.created_at,
        requires_python=None, yanked_at=None, yanked_reason="", metadata_digest=one.metadata_digest or "",
        metadata_size_bytes=one.metadata_size_bytes or 0, metadata_served=False, signals=one.signals or [],
    )  # fmt: skip
