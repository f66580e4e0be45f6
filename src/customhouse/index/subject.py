"""What a deed of the lifecycle is about: a project, one of its releases, or one file, found and locked."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries, rights
from customhouse.catalog.model import File, Project, Release
from customhouse.catalog.rights import Standing
from customhouse.catalog.tables import file, project, release
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor
from customhouse.terms.names import normalize
from customhouse.terms.scope import Action
from customhouse.terms.versions import version_of


@dataclass(frozen=True, slots=True)
class Subject:
    """A project with the release and the file that were named, if any, and what the actor is to it."""

    project: Project
    release: Release | None
    file: File | None
    standing: Standing

    @property
    def version(self) -> str:
        """The canonical version, or empty."""
        return self.release.version if self.release is not None else ""

    @property
    def filename(self) -> str:
        """The file's name, or empty."""
        return self.file.filename if self.file is not None else ""


def lock_subject(tx: Tx, name: str, version: str, filename: str, by: Actor, action: Action = "read") -> Subject:
    """Find it and keep rival writers of the project waiting; raises `Refused` (404) naming what is not there."""
    return find_subject(tx.sql, name, version, filename, by, action, lock=True)


def find_subject(
    sql: Connection, name: str, version: str, filename: str, by: Actor, action: Action = "read", *, lock: bool = False
) -> Subject:
    """The same without a lock, for a page."""
    found = queries.find_project(sql, normalize(name), lock=lock)
    if found is None:
        raise unknown(f"project named {name[:100]!r} here")
    standing = rights.standing(sql, found, by, action)
    if not standing.reads and standing.role is None:
        raise unknown(f"project named {name[:100]!r} here")
    one_file = None
    if filename:
        one_file = next((row for row in queries.files_of(sql, found.id) if row.filename == filename), None)
        if one_file is None:
            raise unknown(f"file named {filename[:200]!r} in {found.display!r}")
        version = one_file.version
    one_release = queries.find_release(sql, found.id, _canonical(version)) if version else None
    if version and one_release is None:
        raise unknown(f"version {version[:100]!r} of {found.display!r}")
    refuse_if(by.scope.refusal(action, found.normalized, one_release.version if one_release is not None else None))
    return Subject(found, one_release, one_file, standing)


def row_of(subject: Subject) -> tuple[sa.Table, int]:
    """The table and the id of the row that stands for the subject."""
    if subject.file is not None:
        return file, subject.file.id
    if subject.release is not None:
        return release, subject.release.id
    return project, subject.project.id


def refuse_if(refusal: Refused | None) -> None:
    """Raise what a policy says, if it says no."""
    if refusal is not None:
        raise refusal


def unknown(what: str) -> Refused:
    """There is no such thing (404)."""
    return Refused("unknown", f"There is no {what}.", status=404)


def _canonical(version: str) -> str:
    return str(version_of(version) or version)
