"""The first face of the index: home, projects, static files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from urllib.parse import quote

from packaging.version import Version
from starlette.responses import RedirectResponse, Response

from customhouse.catalog import queries
from customhouse.catalog.critical_counts import mark_of
from customhouse.catalog.model import File
from customhouse.formats.description import render_description
from customhouse.formats.description_images import without_images
from customhouse.formats.metadata import CoreMetadata, parse_stored_metadata
from customhouse.formats.project_json import choose_version
from customhouse.formats.project_urls import labelled_urls
from customhouse.formats.verified_urls import verified, verified_address
from customhouse.index.amending.queries import counting_for
from customhouse.index.provenance import compared
from customhouse.index.vouch import owners_addresses, vouched_prefixes
from customhouse.release.room.runs import release_by
from customhouse.terms.errors import Refused
from customhouse.terms.versions import version_of
from customhouse.web import render
from customhouse.web.doors import Door, door
from customhouse.web.facts import ProjectFacts, facts_of
from customhouse.web.pages.amendments import amendment_rows
from customhouse.web.pages.bundled import release_libraries
from customhouse.web.pages.downloads import downloads_view
from customhouse.web.pages.model import FileRow, HomeView, ProjectView, ReleaseRow, SignalRow, VersionRow
from customhouse.web.pages.provenance import provenance_view
from customhouse.web.pages.signals import signal_rows
from customhouse.web.pages.timeline import Moment, timeline_of
from customhouse.web.pages.warnings import warnings_view
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

NEWEST_SHOWN = 12


def page_doors() -> list[Door]:
    """The doors of the pages that people read."""
    return [
        door("GET", "/", home, Permission.PUBLIC_READ),
        door("GET", "/project/{name}", project, Permission.PROJECT_READ),
        door("GET", "/project/{name}/", project, Permission.PROJECT_READ),
        door("GET", "/project/{name}/{version}", project, Permission.PROJECT_READ),
        door("GET", "/project/{name}/{version}/", project, Permission.PROJECT_READ),
        door("GET", "/static/{address}", static_file, Permission.PUBLIC_READ),
    ]


def home(visit: Visit) -> Response:
    """What this is, how to use it, and what is new."""
    with visit.app.database.read() as sql:
        projects, files, size_bytes = queries.counts(sql)
        newest = queries.newest_releases(sql, limit=NEWEST_SHOWN)
    rows = [
        ReleaseRow(
            row.display,
            row.normalized,
            row.version,
            parse_stored_metadata(queries.unpack_metadata(row.metadata)).summary,
            row.created_at,
        )
        for row in newest
    ]
    return visit.page("home.html", kept=True, view=HomeView(projects, files, size_bytes, rows, f"{visit.site}/simple/"))


def project(visit: Visit) -> Response:
    """A project at its newest version, or at the one that the address names."""
    text, wanted, name = visit.path["name"], visit.path.get("version"), visit.this_project.normalized
    if text != name or not visit.request.url.path.endswith("/"):
        tail = f"{quote(wanted)}/" if wanted else ""
        return RedirectResponse(f"/project/{name}/{tail}", 301)
    facts = facts_of(visit.app, visit.this_project)
    view = _project_view(facts, wanted, f"{visit.site}/simple/")
    manages = visit.standing.role is not None or visit.actor.operator
    downloads = downloads_view(visit.app, visit.this_project)
    with visit.app.database.read() as sql:
        critical = mark_of(sql, name)
        attested, unlike = compared(sql, facts.files, view.version)
        amendments = counting_for(sql, name)
        libraries = release_libraries(sql, visit.this_project, view.version) if view.version else []
        run = release_by(sql, visit.this_project.id, view.version) if view.version else None
    advice = visit.app.advice.of([name])[name]
    moments = [Moment(row.version, row.released_at, row.yanked) for row in view.versions]
    return visit.page(
        "project.html",
        kept=visit.this_project.public,
        view=view,
        manages=manages,
        critical=critical,
        downloads=downloads,
        libraries=libraries,
        released_by=run if run is not None and (run.shown_to_all or (manages and not run.embargoed)) else None,
        amendments=amendment_rows(visit.app, [one for one in amendments if view.version in one.record.versions]),
        provenance=provenance_view(name, facts.files, attested, unlike),
        timeline=timeline_of(moments, visit.app.clock.now()),
        warned=warnings_view(advice, name, view.version, [row.version for row in view.versions]),
    )


def static_file(visit: Visit) -> Response:
    """A file whose address holds its digest, so that it may be kept for ever."""
    found = render.static_files().get(visit.path["address"])
    if found is None:
        raise Refused("unknown-file", "There is no such file here.", status=404)
    body, media_type = found
    headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    return Response(body, media_type=media_type, headers=headers)


def _project_view(facts: ProjectFacts, wanted: str | None, index_url: str) -> ProjectView:
    versions = _version_rows(facts.files)
    newest = choose_version([row.version for row in versions], [row.version for row in versions if row.yanked])
    version = newest if wanted is None else _spelled(wanted)
    if wanted is not None and all(row.version != version for row in versions):
        raise Refused("unknown-version", f"{facts.project.display!r} has no version {wanted[:100]!r}.", status=404)
    metadata = facts.metadata(version) if version else CoreMetadata("2.1", facts.project.display, "")
    files = [_file_row(facts.project.normalized, row) for row in facts.files if row.version == version]
    html = render_description(metadata.description, metadata.description_content_type)
    people = [("Author", metadata.author), ("Author", metadata.author_email)]
    people += [("Maintainer", metadata.maintainer), ("Maintainer", metadata.maintainer_email)]
    return ProjectView(
        display=facts.project.display,
        normalized=facts.project.normalized,
        version=version or "",
        is_newest=version == newest,
        summary=metadata.summary,
        status=facts.project.status,
        status_reason=facts.project.status_reason,
        successor=facts.project.successor,
        description_html=without_images(html),
        versions=versions,
        files=files,
        licence=metadata.license_expression or _first_line(metadata.license),
        requires_python=metadata.requires_python,
        people=[(label, text) for label, text in people if text],
        urls=labelled_urls(metadata.project_urls, metadata.home_page, metadata.download_url),
        keywords=metadata.keywords,
        classifiers=_grouped(metadata.classifiers),
        requires_dist=metadata.requires_dist,
        extras=metadata.provides_extra,
        signals=_project_signals(facts),
        index_url=index_url,
        verified=_verified(facts, metadata),
    )


def _verified(facts: ProjectFacts, metadata: CoreMetadata) -> frozenset[str]:
    """The links and addresses that this index vouches for, as the metadata spells them."""
    prefixes = vouched_prefixes(facts.project, facts.app.settings.public_url)
    urls = [url for _, url in labelled_urls(metadata.project_urls, metadata.home_page, metadata.download_url)]
    fields = [text for text in (metadata.author_email, metadata.maintainer_email) if text]
    with facts.app.database.read() as sql:
        addresses = owners_addresses(sql, facts.project) if fields else frozenset()
    return frozenset(
        [url for url in urls if verified(url, prefixes)]
        + [text for text in fields if verified_address(text, addresses)]
    )


def _spelled(text: str) -> str:
    return str(version_of(text) or "")


def _version_rows(files: Sequence[File]) -> list[VersionRow]:
    parsed = {row.version: Version(row.version) for row in files}
    rows = []
    for version in sorted(parsed, key=lambda text: parsed[text], reverse=True):
        mine = [row for row in files if row.version == version]
        rows.append(
            VersionRow(
                version,
                min(row.uploaded_at for row in mine),
                len(mine),
                all(row.yanked_at is not None for row in mine),
                parsed[version].is_prerelease,
            )
        )
    return rows


def _file_row(project: str, row: File) -> FileRow:
    return FileRow(
        filename=row.filename,
        url=f"/files/{project}/{row.filename}",
        kind="Wheel" if row.kind == "bdist_wheel" else "Source",
        size_bytes=row.size_bytes,
        uploaded_at=row.uploaded_at,
        sha256=row.digest,
        requires_python=row.requires_python or "",
        yanked=row.yanked_at is not None,
        yanked_reason=row.yanked_reason,
        has_metadata=row.metadata_served,
        signals=signal_rows(row.signals),
    )


def _project_signals(facts: ProjectFacts) -> list[SignalRow]:
    resembled = facts.project.signals.get("look-alike")
    return signal_rows([{"code": "look-alike", "where": str(resembled), "detail": ""}]) if resembled else []


def _grouped(classifiers: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Classifiers by their first part."""
    pairs = sorted((one.partition(" :: ")[0], one.partition(" :: ")[2]) for one in classifiers)
    return [(group, [rest for _, rest in members]) for group, members in groupby(pairs, key=lambda pair: pair[0])]


def _first_line(text: str) -> str:
    """Old packages put a whole licence text here."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:120]
