"""What a view offers, made by small wrappers: each takes what another source says and changes one thing.

From the inside out: `Hosted` and `Upstream` say what there is, `FirstThatHas` decides whose a name is, `AsOf` takes
away what was not there yet at some moment, `Amended` adds what owners have said afterwards, `UnderPolicy` takes away
what the policy does not let in. Each says in ``remarks`` what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

import sqlalchemy as sa

from customhouse.catalog import queries
from customhouse.catalog.hosted import changed_serial, hosted_page
from customhouse.catalog.namespaces import grants_covering
from customhouse.catalog.public_signals import public_signals
from customhouse.catalog.tables import name as name_table
from customhouse.formats.policy.decide import decide, explain
from customhouse.formats.policy.model import Decision, Facts
from customhouse.formats.policy.rule import Policy
from customhouse.formats.simple import SimpleFile, SimplePage
from customhouse.index.provenance import provenance_addresses
from customhouse.index.render import gates_of
from customhouse.infra.db import Database
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.views.facts.facts_of import facts_of
from customhouse.views.facts.subject import Surroundings
from customhouse.views.model import HOSTED, Offered

OURS = ("hosted", "reserved", "staged")
"""States of the `name` table in which no upstream is asked, whatever the project looks like to whoever asks."""
_STATE = sa.select(name_table.c.state).where(name_table.c.normalized == sa.bindparam("wanted"))


class Source(Protocol):
    """Whatever can say what there is of a project."""

    def project(self, normalized: str) -> Offered | None:
        """What there is, or None."""
        ...


class Pulls(Protocol):
    """Who asks upstreams (`mirror.pull.Upstreams`)."""

    def project(self, normalized: str, upstreams: tuple[str, ...], *, within: timedelta) -> MirroredProject | None:
        """What the first upstream that has the project says, confirmed within that time if it can be reached."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """Asks nobody: the caller has just been told."""

    mirrored: MirroredProject

    def project(self, normalized: str, upstreams: tuple[str, ...], *, within: timedelta) -> MirroredProject | None:
        """What is known, of that project alone."""
        del within
        return self.mirrored if self.mirrored.name == normalized and self.mirrored.upstream in upstreams else None


@dataclass(frozen=True, slots=True)
class Hosted:
    """What this index hosts itself. Private projects only for whoever has been authorised."""

    database: Database
    now: datetime
    deleted_files_answer: timedelta
    site: str
    private: bool = False

    def owns(self, normalized: str) -> bool:
        """Whether the name is ours, so that nobody else is asked for it: hosted, reserved, or waiting for a release."""
        with self.database.read() as sql:
            return sql.execute(_STATE, {"wanted": normalized}).scalar() in OURS

    def project(self, normalized: str) -> Offered | None:
        """The project as the default view has it; ``whole`` also has the files that only their address reaches."""
        with self.database.read(snapshot=True) as sql:
            found = queries.find_project(sql, normalized)
            if found is None or (found.visibility == "private") != self.private:
                return None
            serial = changed_serial(sql, normalized)
            files = queries.files_of(sql, found.id)
            versions = queries.versions_of(sql, found.id)
            covering = grants_covering(sql, normalized)
            provenance = provenance_addresses(sql, found, files, self.site)
            facts = None if self.private else public_signals(sql, found.id)
        page = hosted_page(found, files, versions, serial, covering, provenance, facts)
        reachable = {
            gate.filename
            for gate in gates_of(found, files, self.now, self.deleted_files_answer)
            if gate.verdict in ("allow", "warn")
        }
        # A deleted file stands in no listing and answers for a while: the policy binds it all the same.
        unlisted = [replace(row, deleted_at=None) for row in files if row.filename in reachable and not row.listed]
        there = replace(found, deleted_at=None)
        all_of_it = hosted_page(there, [*files, *unlisted], versions, serial, covering, provenance)
        whole = replace(page, files=tuple({file.filename: file for file in all_of_it.files}.values()))
        if found.deleted_at is not None:
            page = replace(page, files=())
        gone = found.deleted_at is not None
        return Offered(page, whole, HOSTED, remarks=("It is hosted here.",), gone=gone)


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the first of some upstreams says that has the project, as it was confirmed within a while."""

    pulls: Pulls
    names: tuple[str, ...]
    within: timedelta
    site: str
    view: str

    def project(self, normalized: str) -> Offered | None:
        """The project with its files at addresses of ours."""
        if not self.names:
            return None
        found = self.pulls.project(normalized, self.names, within=self.within)
        if found is None:
            return None
        files = tuple(self._file(normalized, one) for one in found.files)
        page = SimplePage(
            name=normalized,
            serial=0,
            versions=found.versions,
            files=files,
            status=found.status,
            status_reason=found.status_reason,
        )
        remarks = [f"It comes from {found.upstream}, which confirmed it at {_moment(found.checked_at)}."]
        if found.stale:
            remarks.append(f"{found.upstream} could not be asked just now.")
        return Offered(
            page, page, found.upstream, remarks=tuple(remarks), mirrored=found, checked_at=found.checked_at,
            stale=found.stale,
        )  # fmt: skip

    def _file(self, project: str, one: MirroredFile) -> SimpleFile:
        seen = one.inspected
        sha256, size_bytes = one.sha256, one.size_bytes
        metadata, unhashed = one.metadata_sha256 or None, one.has_metadata or one.filename.endswith(".whl")
        if seen is not None:
            sha256, size_bytes = seen.digest or sha256, seen.size_bytes or size_bytes
            metadata, unhashed = seen.metadata_digest or None, False
        return SimpleFile(
            filename=one.filename,
            # Relative to the page, so that it stays right behind any prefix or proxy.
            url=f"../../files/{project}/{one.filename}",
            sha256=sha256,
            size_bytes=size_bytes,
            uploaded_at=one.uploaded_at,
            version=one.version,
            requires_python=one.requires_python,
            yanked=one.yanked,
            yanked_reason=one.yanked_reason,
            core_metadata_sha256=metadata,
            core_metadata_unhashed=metadata is None and unhashed,
            provenance=self._provenance(project, one),
        )

    def _provenance(self, project: str, one: MirroredFile) -> str | None:
        if not one.provenance_url:
            return None
        where = f"{project}/{quote(one.version)}/{quote(one.filename)}/provenance"
        return f"{self.site}/view/{self.view}/integrity/{where}"


@dataclass(frozen=True, slots=True)
class FirstThatHas:
    """The hosted index first, then upstreams. A name of ours never comes from upstream, whoever may see the project."""

    hosted: Hosted
    upstream: Source

    def project(self, normalized: str) -> Offered | None:
        """What is hosted here if the name is ours, else what an upstream has."""
        if self.hosted.owns(normalized):
            return self.hosted.project(normalized)
        return self.upstream.project(normalized)


@dataclass(frozen=True, slots=True)
class AsOf:
    """Takes away what had not been uploaded by a moment, and what has no time."""

    source: Source
    moment: datetime

    def project(self, normalized: str) -> Offered | None:
        """The project as it was, as far as upload times tell."""
        offered = self.source.project(normalized)
        if offered is None:
            return None
        remark = f"Only files that were uploaded before {self.moment:%Y-%m-%d %H:%M} are looked at."
        return replace(
            offered,
            page=self._before(offered.page),
            whole=self._before(offered.whole),
            remarks=(*offered.remarks, remark),
        )

    def _before(self, page: SimplePage) -> SimplePage:
        kept = tuple(file for file in page.files if file.uploaded_at is not None and file.uploaded_at <= self.moment)
        return replace(page, files=kept)


@dataclass(frozen=True, slots=True)
class UnderPolicy:
    """Takes away what the policy does not let in, and keeps what was decided of every file."""

    source: Source
    policy: Policy
    database: Database
    around: Surroundings
    now: datetime
    as_of: datetime | None = None
    explaining: bool = False

    def project(self, normalized: str) -> Offered | None:
        """The project with what is let in, and until when that stays so."""
        offered = self.source.project(normalized)
        if offered is None:
            return None
        decisions = self._decisions(offered)
        kept = tuple(file for file in offered.page.files if decisions[file.filename].lets_through)
        hidden = len(offered.page.files) - len(kept)
        remark = f"The policy lets in {len(kept)} of {len(kept) + hidden} files."
        return replace(
            offered,
            page=replace(offered.page, files=kept, versions=_versions(kept)),
            decisions=decisions,
            remarks=(*offered.remarks, remark),
            renew_at=_first(one.changes_at for one in decisions.values() if not one.lets_through),
            ends_at=_first(one.changes_at for one in decisions.values() if one.lets_through),
        )

    def _decisions(self, offered: Offered) -> dict[str, Decision]:
        with self.database.read(snapshot=True) as sql:
            facts = facts_of(
                sql, offered.whole, offered.origin, offered.mirrored, now=self.now, wants=self.policy.signals,
                around=self.around, as_of=self.as_of,
            )  # fmt: skip
        judge = explain if self.explaining else decide
        return {
            file.filename: _judge(judge, self.policy, facts.of(file), file, offered, self.now)
            for file in offered.whole.files
        }


def judge_one(
    database: Database, around: Surroundings, policy: Policy, offered: Offered, filename: str, now: datetime
) -> Decision:
    """What the policy says of one file of what is offered, from what is known now."""
    with database.read(snapshot=True) as sql:
        facts = facts_of(
            sql, offered.whole, offered.origin, offered.mirrored, now=now, wants=policy.signals, around=around
        )
    file = next(one for one in offered.whole.files if one.filename == filename)
    return _judge(decide, policy, facts.of(file), file, offered, now)


def _judge(
    judge: Callable[..., Decision], policy: Policy, facts: Facts, file: SimpleFile, offered: Offered, now: datetime
) -> Decision:
    hosted = offered.origin == HOSTED
    return judge(policy, facts, now=now, hosted=hosted, name=offered.whole.name, version=file.version)


def _versions(files: Sequence[SimpleFile]) -> tuple[str, ...]:
    """PEP 700 lets ``versions`` name versions without files; a view names those that one can install from it."""
    return tuple(dict.fromkeys(file.version for file in files))


def _first(moments: object) -> datetime | None:
    return min((one for one in moments if one is not None), default=None)  # type: ignore[attr-defined]


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else "no time that is known"
