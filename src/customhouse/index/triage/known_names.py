"""What triage knows beforehand here: names and versions of the index, stored advisories, shipped tables."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories import queries as stored
from customhouse.advisories.model import OWN
from customhouse.advisories.triage.known import Known, by_repository, learned, own_sites
from customhouse.advisories.triage.queries import exceptions
from customhouse.advisories.triage.shipped import popular_names, shipped_false_positives, shipped_repositories
from customhouse.catalog.tables import project, release
from customhouse.infra.db import Database
from customhouse.terms.errors import Rejected
from customhouse.terms.names import MAX_NAME_LENGTH, normalize
from customhouse.trust.tables import trusted_publisher

NAMES_BYTES = 64 * 1024 * 1024
"""Of the operator's list of names: PyPI has 12 MB of them."""
_PUBLIC = (project.c.visibility == "public", project.c.deleted_at.is_(None))
_VERSIONS = (
    sa.select(project.c.normalized, release.c.version)
    .join(release, release.c.project_id == project.c.id)
    .where(*_PUBLIC, release.c.deleted_at.is_(None))
)
_VERSIONS_OF = _VERSIONS.where(project.c.normalized.in_(sa.bindparam("names", expanding=True)))
_PUBLISHERS = (
    sa.select(project.c.normalized, trusted_publisher.c.kind, trusted_publisher.c.place)
    .join(project, project.c.id == trusted_publisher.c.project_id)
    .where(*_PUBLIC, trusted_publisher.c.removed_at.is_(None), trusted_publisher.c.used_at.is_not(None))
)


def what_is_known(database: Database, names_file: Path | None = None) -> Known:
    """All of it. Private projects are no part of it, for advisories are public. Reading it takes about a second."""
    told = list(_earlier(database))
    with database.read() as sql:
        hosted = hosted_versions(sql)
        repositories = _repositories(sql)
        false_positives = shipped_false_positives().with_more(exceptions(sql))
    shipped = shipped_repositories()
    advised: dict[str, int] = {}
    for packages, _ in told:
        for name in packages:
            advised[name] = advised.get(name, 0) + 1
    named = read_names(names_file) if names_file else frozenset()
    table = {name: list(urls) for name, urls in shipped.items()}
    for name, url in repositories:
        table.setdefault(name, []).append(url)
    return Known(
        names=frozenset({*shipped, *popular_names(), *hosted, *advised, *named}),
        repositories=by_repository(table),
        earlier=learned(told),
        sites=own_sites(told),
        advised=advised,
        hosted=hosted,
        false_positives=false_positives,
    )


def hosted_versions(sql: Connection, names: Collection[str] | None = None) -> dict[str, frozenset[str]]:
    """The versions of all public projects, or of some."""
    found: dict[str, set[str]] = {}
    rows = sql.execute(_VERSIONS) if names is None else sql.execute(_VERSIONS_OF, {"names": sorted(names)})
    for name, version in rows:
        found.setdefault(name, set()).add(version)
    return {name: frozenset(versions) for name, versions in found.items()}


def read_names(path: Path) -> frozenset[str]:
    """The names of a file, one a line; raises `Rejected` if it cannot be read or is none."""
    try:
        if path.stat().st_size > NAMES_BYTES:
            raise Rejected("bad-list", str(path), "it is too large", f"at most {NAMES_BYTES:,} bytes")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("bad-list", str(path), f"it cannot be read: {error}", "names of packages, one a line") from error
    names = (normalize(line.strip()) for line in lines if line.strip() and not line.startswith("#"))
    return frozenset(name for name in names if len(name) <= MAX_NAME_LENGTH)


def _earlier(database: Database) -> Iterator[tuple[list[str], list[str]]]:
    """Of each advisory of PyPI's packages that others have written, the packages and the links.

    What triage has written itself is left out: it would confirm itself.
    """
    for one in stored.every(database, "PyPI"):
        if one.source == OWN:
            continue
        document = json.loads(one.document)
        named = [each.get("package") or {} for each in document.get("affected") or ()]
        packages = {normalize(each["name"]) for each in named if each.get("ecosystem") == "PyPI"}
        yield sorted(packages), [each["url"] for each in document.get("references") or ()]


def _repositories(sql: Connection) -> list[tuple[str, str]]:
    """The repositories from which trusted publishers have really published: nobody else can claim those."""
    hosts = {"github": "github.com", "gitlab": "gitlab.com"}
    return [
        (name, f"https://{hosts[kind]}/{place}")
        for name, kind, place in sql.execute(_PUBLISHERS)
        if kind in hosts and place.count("/") == 1
    ]
