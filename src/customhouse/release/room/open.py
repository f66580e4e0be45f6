"""Opening a run: a member of the project brings the pipeline, the server seals the first line.

No definition goes back: one that is older than what this project was released by before is refused, and one of the same
version must be the same text. Of two who open at once, one does, and the other hears of his run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.users import find_user
from customhouse.advisories.disclosure.queries import is_in_case, there_is_case
from customhouse.catalog import queries, rights
from customhouse.catalog.model import Project
from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve, values_of
from customhouse.ledger.tx import Tx
from customhouse.release.events import Created
from customhouse.release.journal import Head
from customhouse.release.room.conduct import conduct
from customhouse.release.room.journal import first_line
from customhouse.release.room.keys import engine_key
from customhouse.release.room.people import may_see
from customhouse.release.room.runs import (
    Run,
    newest_definition,
    open_run_of,
    open_runs,
    runs_since,
    secret_runs,
)
from customhouse.release.room.tables import release_run
from customhouse.release.room.writer import Writer
from customhouse.release.rules import EDITION, begin
from customhouse.release.sealed import GENESIS
from customhouse.release.secret_places import secret_in
from customhouse.release.standing import ROOM, case_named
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor
from customhouse.terms.names import normalize

MOST_PLACES = 100
LONGEST_SETTING = 2000
LONGEST_NAME = 100
MOST_CHARACTERS = 64 * 2**10
"""Of all places together."""
MOST_OPEN, MOST_A_DAY = 20, 50
"""Runs of one project."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A wish for a run. ``pipeline`` is read and resolved before the transaction begins (`opening`)."""

    pipeline: Pipeline
    params: Mapping[str, str]
    places: Mapping[str, Mapping[str, str]]
    rehearsal: bool
    server: str
    """The address of this server, without a slash at the end."""
    by: Actor


def opening(
    text: str, params: Mapping[str, str], places: Mapping[str, Mapping[str, str]], *, rehearsal: bool, server: str,
    by: Actor,
) -> OpenRun:  # fmt: skip
    """Read what somebody brings; raises `Rejected` with line and key."""
    pipeline = read_pipeline(text)
    resolve(pipeline, params)
    _check_places(places)
    return OpenRun(pipeline, dict(params), places, rehearsal, server, by)


def open_run(key: ServerKey, command: OpenRun, tx: Tx) -> str:
    """Open it; returns its id."""
    pipeline, by = command.pipeline, command.by
    values = values_of(pipeline, command.params)
    version = command.params.get("version") or values.get("version") or values["tag"]
    found = queries.find_project(tx.sql, normalize(pipeline.project), lock=True)
    if found is None or found.deleted_at is not None:
        raise _unknown(pipeline)
    account_id = _may_open(tx, found, by, version, pipeline)
    case = _case(tx, command, account_id)
    unseen = _unseen(tx, found, by)
    _refuse_older(tx, found, pipeline, command, unseen)
    _refuse_strangers(tx, found, pipeline, case)
    there = open_run_of(tx.sql, found.id, version, rehearsal=command.rehearsal, but=unseen)
    if there is not None:
        raise Refused(
            "run-exists", f"A run of {found.display} {version} is open already: {there}.",
            f"Join it, or abort it first: /release/run/{there}/", status=409,
        )  # fmt: skip
    _refuse_flood(tx, found, unseen)
    run = _insert(tx, found, command, version, account_id)
    writer = Writer(tx, run, engine_key(key, run.id), None, who=by.identity)
    # By this place the rules know that each actor speaks for himself (`standing.ROOM`).
    here = {ROOM: {"url": command.server, "run": run.id}}
    writer.say(
        Created(
            project=pipeline.project, pipeline=pipeline.text, pipeline_sha256=run.pipeline_sha256,
            pipeline_version=pipeline.version, params=dict(command.params),
            places={name: dict(settings) for name, settings in command.places.items()} | here,
            engine_key=writer.key.public, rehearsal=command.rehearsal, rules=EDITION,
        )
    )  # fmt: skip
    conduct(writer)
    return run.id


def _may_open(tx: Tx, found: Project, by: Actor, version: str, pipeline: Pipeline) -> int:
    """Owners and maintainers may, with a token that could upload there."""
    if by.account_id is None:
        raise _unknown(pipeline)
    role = rights.role_of(tx.sql, found.id, by.account_id)
    if role is None:
        raise _unknown(pipeline)
    refusal = by.scope.refusal("upload", found.normalized, version)
    if refusal is not None:
        raise refusal
    return by.account_id


def _case(tx: Tx, command: OpenRun, account_id: int) -> str:
    """The disclosure case of this index that the run belongs to, with the opener in it; empty for one of elsewhere."""
    resolved = resolve(command.pipeline, command.params)
    case = case_named(resolved, command.places) if resolved.embargoed else ""
    here = any(settings.get("url", "").rstrip("/") == command.server for settings in command.places.values())
    known = bool(case) and there_is_case(tx.sql, case)
    if case and (known or here) and not is_in_case(tx.sql, case, account_id):
        # The same for a case that never was.
        raise Refused("unknown-case", "There is no such case, or it is not yours.", status=404)
    return case if known else ""


def _unseen(tx: Tx, found: Project, by: Actor) -> list[str]:
    """Runs under embargo that he may not know of: he runs into none of them."""
    return [
        run.id
        for run in secret_runs(tx.sql, found.id)
        if not may_see(tx.sql, begin(first_line(tx.sql, run.id)), found.id, by, opened_by=run.opened_by)
    ]


def _refuse_flood(tx: Tx, found: Project, unseen: Collection[str]) -> None:
    """Everybody in the project gets a letter of each run, so there are only so many."""
    now = tx.now()
    if runs_since(tx.sql, found.id, now - timedelta(days=1), but=unseen) >= MOST_A_DAY:
        raise Refused(
            "too-many-runs", f"{MOST_A_DAY} runs of {found.display} were opened in 24 hours.",
            "Rehearse on your own machine: customhouse release run --rehearsal.", status=429,
        )  # fmt: skip
    if open_runs(tx.sql, found.id, but=unseen) >= MOST_OPEN:
        raise Refused(
            "too-many-runs", f"{MOST_OPEN} runs of {found.display} are open already.", "Finish or abort one first.",
            status=409,
        )  # fmt: skip


def _refuse_older(tx: Tx, found: Project, pipeline: Pipeline, command: OpenRun, unseen: Collection[str]) -> None:
    newest = newest_definition(tx.sql, found.id, but=unseen)
    if newest is None or command.rehearsal:
        return
    if pipeline.version < newest[0]:
        raise Refused(
            "pipeline-rolled-back",
            f"This pipeline is version {pipeline.version}, and {found.display} was released by version {newest[0]}.",
            "Use the newest definition, or raise its version.", status=409,
        )  # fmt: skip
    if pipeline.version == newest[0] and _digest(pipeline) != newest[1]:
        raise Refused(
            "pipeline-changed", f"Another pipeline was used as version {pipeline.version} of {found.display} before.",
            "Raise `version` in [pipeline] when you change anything.", status=409,
        )  # fmt: skip


def _refuse_strangers(tx: Tx, found: Project, pipeline: Pipeline, case: str) -> None:
    """Whoever is to decide must belong to the project, and to the case, or nobody could ever answer for him."""
    for actor in pipeline.actors:
        names = [text.removeprefix("user:") for text in actor.identities if text.startswith("user:")]
        for name in names if not actor.machine else ():
            try:
                account_id = find_user(tx.sql, name).id
                role = rights.role_of(tx.sql, found.id, account_id)
            except Refused:
                account_id, role = None, None
            if role is None:
                raise Refused(
                    "actor-no-member", f"The actor {actor.id!r} is user:{name}, who has no role in {found.display}.",
                    "Invite him as a maintainer, or name somebody who has a role.", status=409,
                )  # fmt: skip
            if case and not is_in_case(tx.sql, case, account_id):
                raise Refused(
                    "actor-not-in-case", f"The actor {actor.id!r} is user:{name}, who is not in the case.",
                    "Put him into it on its page, or name somebody who is.", status=409,
                )  # fmt: skip


def _insert(tx: Tx, found: Project, command: OpenRun, version: str, account_id: int) -> Run:
    pipeline = command.pipeline
    run = Run(
        id=new_id(), project_id=found.id, normalized=found.normalized, display=found.display, public=found.public,
        version=version[:200], pipeline_version=pipeline.version, pipeline_sha256=_digest(pipeline),
        rehearsal=command.rehearsal, embargoed=pipeline.embargoed, opened_by=account_id, created_at=tx.now(),
        changed_at=tx.now(), status="gathering", published_at=None, finished_at=None,
        bundle=None, head=Head(-1, GENESIS),
    )  # fmt: skip
    tx.sql.execute(
        release_run.insert().values(
            id=run.id, project_id=run.project_id, version=run.version, pipeline_version=run.pipeline_version,
            pipeline_sha256=run.pipeline_sha256, rehearsal=run.rehearsal, embargoed=run.embargoed,
            opened_by=run.opened_by, created_at=run.created_at, changed_at=run.changed_at, status=run.status,
            seq=run.head.seq, head=run.head.hash,
        )
    )  # fmt: skip
    return run


def _digest(pipeline: Pipeline) -> str:
    return hashlib.sha256(pipeline.text.encode()).hexdigest()


def _check_places(places: Mapping[str, Mapping[str, str]]) -> None:
    """Addresses and names: nothing that looks like a secret, for everybody who joins reads them."""
    if len(places) > MOST_PLACES:
        raise Rejected("bad-places", "places", f"{len(places)} tables", f"at most {MOST_PLACES}")
    written = sum(len(name) + len(value) for settings in places.values() for name, value in settings.items())
    if written > MOST_CHARACTERS:
        raise Rejected("bad-places", "places", f"{written:,} characters", f"at most {MOST_CHARACTERS:,}")
    for name, settings in places.items():
        if max(map(len, (name, *settings))) > LONGEST_NAME:
            raise Rejected("bad-places", f"places.{name}"[:120], "has a long name", f"at most {LONGEST_NAME}")
        for setting, value in settings.items():
            where = f"places.{name}.{setting}"[:120]
            if len(value) > LONGEST_SETTING:
                raise Rejected("bad-places", where, f"{len(value)} characters", f"at most {LONGEST_SETTING}")
            secret = secret_in(setting, value)
            if secret:
                raise Rejected(
                    "secret-in-places", where, f"{secret}, and everybody who joins reads the places",
                    "the secret in the environment of the one machine that needs it",
                )  # fmt: skip


def _unknown(pipeline: Pipeline) -> Refused:
    name = pipeline.project[:80]
    return Refused("unknown-project", f"There is no project {name!r} here that you release.", status=404)
