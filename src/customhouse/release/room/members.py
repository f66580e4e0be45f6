"""Who stands at the door of a run: a person who is a member, or a machine that has joined."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from customhouse.formats.pipeline.model import Actor as PipelineActor
from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.room.people import actors_of, may_see, unknown_run
from customhouse.release.room.runs import Machine, Run
from customhouse.terms.identity import Actor, Identity


@dataclass(frozen=True, slots=True)
class Member:
    """A person who may see the run."""

    account_id: int
    name: str
    identity: Identity
    by_token: bool
    """Whether he came with an API token: a program of his, not himself."""
    actors: tuple[PipelineActor, ...]
    """Who he is in the pipeline; empty for somebody who only looks."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A machine."""

    machine: Machine


Guest = Member | Joined


def member_of(sql: Connection, run: Run, pipeline: Pipeline, by: Actor) -> Member:
    """Him, as a member; raises `Refused` (404), the same as if there were no such run."""
    if by.account_id is None or not by.scope.allows("read", run.normalized):
        raise unknown_run()
    if not may_see(sql, pipeline, run.project_id, by, embargoed=run.embargoed, opened_by=run.opened_by):
        raise unknown_run()
    actors = actors_of(sql, pipeline, by.account_id)
    return Member(by.account_id, by.identity.name, by.identity, bool(by.token_id), actors)
