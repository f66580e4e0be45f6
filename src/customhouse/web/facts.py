"""What the pages and documents of one project are made from: one look at the database."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.app import App
from customhouse.catalog import queries
from customhouse.catalog.hosted import changed_serial
from customhouse.catalog.model import File, Project, offered
from customhouse.formats.metadata import CoreMetadata, parse_stored_metadata
from customhouse.terms.errors import Refused


@dataclass(frozen=True)
class ProjectFacts:
    """A project, its offered files (none while quarantined) and the serial that they belong to."""

    app: App
    project: Project
    files: list[File]
    serial: int

    def metadata(self, version: str) -> CoreMetadata:
        """The metadata that stands for a version: of its first wheel, which is final, else of its sdist."""
        of_version = [row for row in self.files if row.version == version]
        chosen = min(of_version, key=lambda row: (row.kind != "bdist_wheel", row.id))
        with self.app.database.read() as sql:
            return parse_stored_metadata(queries.metadata_text(sql, chosen.id))


def facts_of(app: App, found: Project) -> ProjectFacts:
    """The facts of a project; whether the one who asks may know them is the caller's business."""
    with app.database.read() as sql:
        serial = changed_serial(sql, found.normalized)
        files = queries.files_of(sql, found.id)
    return ProjectFacts(app, found, offered(found, files), serial)


def unknown_project(name: str) -> Refused:
    """What an unknown name is told, and a private one too."""
    return Refused("unknown-project", f"There is no project named {name[:100]!r} here.", status=404)
