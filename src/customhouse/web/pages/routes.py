"""The first face of the index: home, projects, static files."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from itertools import groupby

from packaging.version import InvalidVersion, Version
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from customhouse.app import App
from customhouse.catalog import queries
from customhouse.catalog.model import File
from customhouse.formats.description import render_description
from customhouse.formats.description_images import without_images
from customhouse.formats.metadata import CoreMetadata, parse_stored_metadata
from customhouse.formats.negotiate import accepts_gzip
from customhouse.formats.project_json import choose_version
from customhouse.formats.project_urls import labelled_urls
from customhouse.serve.conditions import none_match
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import ProjectName
from customhouse.web.address import site_url
from customhouse.web.facts import ProjectFacts, facts_of, unknown_project
from customhouse.web.pages import render
from customhouse.web.pages.headers import page_headers
from customhouse.web.pages.model import FileRow, HomeView, ProjectView, ReleaseRow, SignalRow, VersionRow
from customhouse.web.pages.signals import signal_rows

NEWEST_SHOWN = 12
_GZIP_FLOOR_BYTES = 1000
_GZIP_LEVEL = 1


def page_routes(app: App) -> list[BaseRoute]:
    """The routes of the pages that people read."""
    pages = Pages(app)
    return [
        Route("/", pages.home, methods=["GET"]),
        Route("/project/{name}", pages.project, methods=["GET"]),
        Route("/project/{name}/", pages.project, methods=["GET"]),
        Route("/project/{name}/{version}", pages.project, methods=["GET"]),
        Route("/project/{name}/{version}/", pages.project, methods=["GET"]),
        Route("/static/{address}", static_file, methods=["GET"]),
    ]


class Pages:
    """The handlers that read the catalog."""

    def __init__(self, app: App) -> None:
        self._app = app

    def home(self, request: Request) -> Response:
        """What this is, how to use it, and what is new."""
        with self._app.database.read() as sql:
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
        return _respond(request, render.home_page(HomeView(projects, files, size_bytes, rows, self._index(request))))

    def project(self, request: Request) -> Response:
        """A project at its newest version, or at the one that the address names."""
        text, wanted = request.path_params["name"], request.path_params.get("version")
        try:
            name = ProjectName.parse(text).normalized
        except Rejected as error:
            raise unknown_project(text) from error
        if text != name or not request.url.path.endswith("/"):
            tail = f"{wanted}/" if wanted else ""
            return RedirectResponse(f"/project/{name}/{tail}", 301)
        facts = facts_of(self._app, name)
        if facts is None:
            raise unknown_project(text)
        return _respond(request, render.project_page(_project_view(facts, wanted, self._index(request))))

    def _index(self, request: Request) -> str:
        return f"{site_url(self._app.settings, request)}/simple/"


def static_file(request: Request) -> Response:
    """A file whose address holds its digest, so that it may be kept for ever."""
    found = render.static_files().get(request.path_params["address"])
    if found is None:
        raise Refused("unknown-file", "There is no such file here.", status=404)
    body, media_type = found
    headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    return Response(body, media_type=media_type, headers=headers)


def _respond(request: Request, body: bytes) -> Response:
    etag = f'"{Digest.of(body).hex[:32]}"'
    headers = page_headers() | {"cache-control": "no-cache", "vary": "Accept-Encoding"}
    if len(body) > _GZIP_FLOOR_BYTES and accepts_gzip(request.headers.get("accept-encoding")):
        body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        etag = f'{etag[:-1]}-gzip"'
        headers["content-encoding"] = "gzip"
    headers["etag"] = etag
    if none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers)


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
    )


def _spelled(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion:
        return ""


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
