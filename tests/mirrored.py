"""Projects of an upstream as values, and the facts of their files: without any server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from customhouse.advisories.tables import advisory_source
from customhouse.app import App
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import SIGNALS
from customhouse.formats.simple import SimpleFile, SimplePage
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.mirror.object_tables import mirrored_attestation
from customhouse.views.facts.facts_of import FileFacts, ProjectFacts, facts_of
from customhouse.views.facts.subject import Subject, Surroundings

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PYPI = "pypi"


def wheel_of(
    name: str, version: str, *, days: float | None = 100, attested: bool = False, tag: str = "", **more: Any
) -> MirroredFile:
    """A wheel that was uploaded so many days before `NOW`; None: its upstream does not say when."""
    return _file(f"{name.replace('-', '_')}-{version}-{tag or 'py3-none-any'}.whl", version, days, attested, **more)


def sdist_of(name: str, version: str, *, days: float | None = 100, attested: bool = False, **more: Any) -> MirroredFile:
    """The same for an sdist."""
    return _file(f"{name.replace('-', '_')}-{version}.tar.gz", version, days, attested, **more)


def _file(filename: str, version: str, days: float | None, attested: bool, **more: Any) -> MirroredFile:
    return MirroredFile(
        filename=filename, version=version, url=f"https://files.example/{filename}", sha256="ab" * 32, size_bytes=1000,
        uploaded_at=None if days is None else NOW - days * DAY,
        provenance_url=f"https://files.example/{filename}.provenance" if attested else "", **more,
    )  # fmt: skip


def mirrored(name: str, *files: MirroredFile, **more: Any) -> MirroredProject:
    """A project of the upstream."""
    return MirroredProject(name=name, upstream=PYPI, files=files, checked_at=NOW, **more)


def page_of(project: MirroredProject) -> SimplePage:
    """Everything of it, as a page."""
    files = tuple(
        SimpleFile(
            filename=one.filename, url=one.url, sha256=one.sha256, size_bytes=one.size_bytes,
            uploaded_at=one.uploaded_at, version=one.version, yanked=one.yanked,
            provenance=one.provenance_url or None,
        )
        for one in project.files
    )  # fmt: skip
    return SimplePage(project.name, 0, files=files, status=project.status)


def subject_of(project: MirroredProject, *, as_of: datetime | None = None) -> Subject:
    """What families of facts are about."""
    return Subject(page_of(project), project.upstream, NOW, project, as_of=as_of)


def file_of(project: MirroredProject, filename: str) -> SimpleFile:
    """One of its files."""
    return next(one for one in page_of(project).files if one.filename == filename)


def project_facts(
    app: App, project: MirroredProject, *, wants: Sequence[str] = (), now: datetime = NOW,
    as_of: datetime | None = None, internal_names: tuple[str, ...] = (),
) -> ProjectFacts:  # fmt: skip
    """What is known of a project of an upstream."""
    around = Surroundings(app.advice, internal_names)
    with app.database.read() as sql:
        return facts_of(
            sql, page_of(project), project.upstream, project, now=now, wants=wants or frozenset(SIGNALS),
            around=around, as_of=as_of,
        )  # fmt: skip


def facts(app: App, project: MirroredProject, filename: str = "", **more: Any) -> FileFacts:
    """The same of one file, of the last one if none is named."""
    wanted = filename or project.files[-1].filename
    return project_facts(app, project, **more).of(file_of(project, wanted))


def fact(app: App, project: MirroredProject, signal: str, filename: str = "", **more: Any) -> Fact | None:
    """One answer; unknown ones say why."""
    found = facts(app, project, filename, **more)
    answer = found.fact(signal)
    assert (answer is None) == bool(found.why_unknown(signal))
    return answer


def see_attestations(app: App, project: MirroredProject, *places: str, outcome: str = "verified") -> None:
    """Write down that the attestations of these files hold, by which repository, one for each file of the project.

    Where a place is empty nobody has looked.
    """
    rows = [
        {
            "upstream": project.upstream, "filename": one.filename, "project": project.name, "digest": one.sha256,
            "outcome": outcome, "why": "", "body": "{}", "url": one.provenance_url, "checked_at": NOW,
            "publishers": [{"publisher": {"kind": "GitHub", "repository": place, "workflow": "release.yml"}}],
        }
        for one, place in zip(project.files, places, strict=True)
        if place
    ]  # fmt: skip
    with app.database.write() as sql:
        sql.execute(mirrored_attestation.insert(), rows)


def removed(one: MirroredFile, *, days: float = 1) -> MirroredFile:
    """A file that upstream no longer lists since so many days."""
    return replace(one, removed_at=NOW - days * DAY)


def with_signals(project: MirroredProject, said: Mapping[str, object]) -> MirroredProject:
    """The project of an upstream that is a Customhouse and says this of it."""
    return replace(project, signals={"facts": said})


def read_source(app: App, name: str = "test", *, trust: int = 0, hours: float = 1, origin: str = "operator") -> None:
    """A source of advisories that was read so many hours ago."""
    with app.database.write() as sql:
        sql.execute(
            advisory_source.insert().values(
                name=name, kind="file", place="x", trust=trust, origin=origin, added_at=NOW,
                succeeded_at=NOW - timedelta(hours=hours),
            )
        )  # fmt: skip
