"""What is known of a project's files, signal by signal: read in bulk once, answered without any further look.

A signal that nobody has asked for is not looked up. One that cannot be answered says why (`FileFacts.why_unknown`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.formats.policy.model import Fact
from customhouse.formats.simple import SimpleFile, SimplePage
from customhouse.mirror.model import MirroredProject
from customhouse.views.facts.bundled import Bundled
from customhouse.views.facts.look_up import (
    Sources,
    attested_files,
    is_internal,
    look_up_held,
    look_up_licences,
    look_up_seen,
    look_up_sources,
    look_up_told,
    look_up_wrong,
)
from customhouse.views.facts.name import Name
from customhouse.views.facts.provenance import Provenance
from customhouse.views.facts.safety import Safety, Said
from customhouse.views.facts.shape import Shape
from customhouse.views.facts.subject import Answer, Subject, Surroundings, Unknown
from customhouse.views.facts.time import Time
from customhouse.views.facts.told import SIGNALS as TOLD
from customhouse.views.model import HOSTED

Asked = Callable[[SimpleFile], Answer]
OF_SAFETY = frozenset({"vulnerabilities", "fixes", "malware"})
OF_PROVENANCE = frozenset({"attested", "publisher-changed", "provenance-lost"})
LOOKED_UP = frozenset({"licence", "internal-name", "similar-to"})
"""Signals of the families that need no look, which need one themselves."""


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What is known of one project. Safe to keep while its page is."""

    answers: Mapping[str, Asked]

    def of(self, file: SimpleFile) -> FileFacts:
        """The facts of one of its files."""
        return FileFacts(self.answers, file)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The facts of one file (`formats.policy.model.Facts`)."""

    answers: Mapping[str, Asked]
    file: SimpleFile

    def fact(self, signal: str) -> Fact | None:
        """The answer, or None if it is unknown. Raises `LookupError` for a signal that was not asked for."""
        answer = self._answer(signal)
        return None if isinstance(answer, Unknown) else answer

    def why_unknown(self, signal: str) -> str:
        """Why there is no answer, in words that follow "unknown: "; empty if there is one."""
        answer = self._answer(signal)
        return answer.why if isinstance(answer, Unknown) else ""

    def _answer(self, signal: str) -> Answer:
        asked = self.answers.get(signal)
        if asked is None:
            raise LookupError(f"{signal!r} was not among the signals that were wanted")
        return asked(self.file)


def facts_of(
    sql: Connection, page: SimplePage, origin: str, mirrored: MirroredProject | None, *, now: datetime,
    wants: Collection[str], around: Surroundings, as_of: datetime | None = None,
) -> ProjectFacts:  # fmt: skip
    """What is known of a whole page, as far as it is wanted.

    ``as_of``: what was known at an earlier moment. Files, removals and advisories of later are not there; dated lists
    are those of today, for they say themselves of which day they are.
    """
    subject = _subject(sql, page, origin, mirrored, now, as_of)
    return ProjectFacts(_answers(sql, subject, around, frozenset(wants)))


def _subject(
    sql: Connection, page: SimplePage, origin: str, mirrored: MirroredProject | None, now: datetime,
    as_of: datetime | None,
) -> Subject:  # fmt: skip
    if origin != HOSTED:
        return Subject(page, origin, now, mirrored, as_of=as_of)
    found = queries.find_project(sql, page.name)
    rows = {row.filename: row for row in queries.files_of(sql, found.id)} if found is not None else {}
    attested = attested_files(sql, found.id) if found is not None else frozenset()
    return Subject(page, origin, now, hosted=found, rows=rows, attested=attested, as_of=as_of)


def _answers(sql: Connection, subject: Subject, around: Surroundings, wants: frozenset[str]) -> dict[str, Asked]:
    """Each signal's answer. What needs no look into the database is there whether it is wanted or not."""
    time, said = Time(subject), Said(subject)
    answers: dict[str, Asked] = {
        "age": time.age,
        "project-age": time.project_age,
        "last-release-age": time.last_release_age,
        "quiet-before": time.quiet_before,
        "added-file-age": time.added_file_age,
        "yanked": said.yanked,
        "removed": said.removed,
        "status": said.status,
    }
    shape = Shape(subject, look_up_licences(sql, subject) if "licence" in wants else {})
    answers |= {
        "kind": shape.kind, "sdist-only": shape.sdist_only, "binary": shape.binary, "size": shape.size,
        "archive": shape.archive, "malformed": shape.malformed, "licence": shape.licence,
    }  # fmt: skip
    name = Name(
        subject,
        internal="internal-name" in wants and is_internal(sql, subject.name, around.internal_names),
        resembled=around.names.resembled(sql, subject.name) if "similar-to" in wants else None,
    )
    answers |= {
        "name": name.name, "version": name.version, "filename": name.filename, "upstream": name.upstream,
        "similar-to": name.similar_to, "internal-name": name.internal_name,
    }  # fmt: skip
    return {one: asked for one, asked in answers.items() if one not in LOOKED_UP or one in wants} | {
        one: asked for one, asked in _looked_up(sql, subject, around, wants).items() if one in wants
    }


def _looked_up(sql: Connection, subject: Subject, around: Surroundings, wants: frozenset[str]) -> dict[str, Asked]:
    """Those families of which a signal is wanted."""
    answers: dict[str, Asked] = {}
    by_advisories = not wants.isdisjoint(OF_SAFETY | {"bundled-vulnerabilities"})
    sources = look_up_sources(sql) if by_advisories else Sources(None, {})
    if not wants.isdisjoint(OF_SAFETY):
        safety = Safety(subject, look_up_wrong(sql, subject, around, sources, fixes="fixes" in wants))
        answers |= {"vulnerabilities": safety.vulnerabilities, "fixes": safety.fixes, "malware": safety.malware}
    if "bundled-vulnerabilities" in wants:
        answers["bundled-vulnerabilities"] = Bundled(look_up_held(sql, subject, around, sources)).vulnerabilities
    if not wants.isdisjoint(OF_PROVENANCE):
        provenance = Provenance(subject, look_up_seen(sql, subject))
        answers |= {
            "attested": provenance.attested,
            "publisher-changed": provenance.publisher_changed,
            "provenance-lost": provenance.provenance_lost,
        }
    if not wants.isdisjoint(TOLD):
        told = look_up_told(sql, subject)
        answers |= {signal: told.asked(signal) for signal in TOLD}
    return answers
