"""``/pypi/NAME/json`` and ``/pypi/NAME/VERSION/json``: rendered on request, with an ETag.

A project that lists no file has a document without releases and not a 404: bandersnatch skips what is not found, and
would offer for ever what was deleted or quarantined here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from customhouse.advisories import queries
from customhouse.catalog.model import File
from customhouse.formats.filenames import WheelName, parse_filename
from customhouse.formats.metadata import CoreMetadata
from customhouse.formats.project_json import JsonFile, choose_version, project_json, vulnerability
from customhouse.serve.conditions import none_match
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused
from customhouse.terms.versions import version_of
from customhouse.web.facts import ProjectFacts, facts_of
from customhouse.web.visit import Visit

SHARED_FOR_A_MINUTE = "public, max-age=0, must-revalidate, s-maxage=30"


def project_document(visit: Visit) -> Response:
    """Answer for the whole project, or for one version."""
    wanted = visit.path.get("version")
    facts = facts_of(visit.app, visit.this_project)
    version = _known_version(facts, wanted) if wanted is not None else _best_version(facts)
    nothing = CoreMetadata("2.1", facts.project.display, "")
    body = project_json(
        facts.metadata(version) if version else nothing,
        version=version,
        files=[_json_file(facts, row, visit.site) for row in facts.files],
        serial=facts.serial,
        project_url=f"{visit.site}/project/{facts.project.normalized}/",
        with_releases=wanted is None,
        status=facts.project.status,
        vulnerabilities=_vulnerabilities(facts, version, visit.site) if version else (),
    )
    etag = f'"{Digest.of(body).hex[:32]}"'
    headers = {
        "etag": etag,
        "cache-control": visit.kept_as(SHARED_FOR_A_MINUTE) if facts.project.public else "private, no-store",
        "x-pypi-last-serial": str(facts.serial),
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
    }
    if none_match(visit.request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _vulnerabilities(facts: ProjectFacts, version: str, site: str) -> Sequence[dict[str, Any]]:
    """What is known of the shown version, looked up at each request: no copy can be older than the store."""
    name = facts.project.normalized
    found = facts.app.advice.affecting(name, version)
    if not found:
        return ()
    with facts.app.database.read() as sql:
        stored = queries.find_all(sql, [one.id for one in found])
    return [vulnerability(one.record, name, f"{site}/advisory/{one.id}/") for one in stored]


def _best_version(facts: ProjectFacts) -> str:
    yanked = {row.version for row in facts.files} - {row.version for row in facts.files if row.yanked_at is None}
    return choose_version(sorted({row.version for row in facts.files}), sorted(yanked)) or ""


def _known_version(facts: ProjectFacts, text: str) -> str:
    version = str(version_of(text) or "")
    if all(row.version != version for row in facts.files):
        raise Refused("unknown-version", f"{facts.project.display!r} has no version {text[:100]!r}.", status=404)
    return version


def _json_file(facts: ProjectFacts, row: File, site: str) -> JsonFile:
    name = parse_filename(row.filename)
    pythons = ".".join(sorted({tag.interpreter for tag in name.tags})) if isinstance(name, WheelName) else "source"
    return JsonFile(
        filename=row.filename,
        version=row.version,
        kind=row.kind,
        python_version=pythons,
        # In the folder that PyPI has, because mirrors insist on it; `/files/` leads to the same.
        url=f"{site}/packages/{facts.project.normalized}/{row.filename}",
        size_bytes=row.size_bytes,
        uploaded_at=row.uploaded_at,
        requires_python=row.requires_python,
        md5=row.md5,
        sha256=row.digest,
        blake2b_256=row.blake2b_256,
        yanked=row.yanked_at is not None,
        yanked_reason=row.yanked_reason,
        signals=row.signals,
    )
