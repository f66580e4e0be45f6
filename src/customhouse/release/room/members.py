"""Who stands at the door of a run: a person who is a member, or a machine that has joined."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from customhouse.formats.pipeline.model import Actor as PipelineActor
from customhouse.release.room.people import actors_of, may_act, may_see, unknown_run
from customhouse.release.room.runs import Machine, Run, machine_by_id
from customhouse.release.state import State
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


def member_of(sql: Connection, run: Run, state: State, by: Actor, *, writes: bool = False) -> Member:
    """Him, as a member; raises `Refused` (404), the same as if there were no such run.

    To say something his token must be one that could upload this version: a token that reads releases nothing.
    """
    if by.account_id is None or not by.scope.allows("read", run.normalized):
        raise unknown_run()
    if not may_see(sql, state, run.project_id, by, opened_by=run.opened_by):
        raise unknown_run()
    refusal = by.scope.refusal("upload", run.normalized, run.version) if writes else None
    if refusal is not None:
        raise refusal
    actors = actors_of(sql, state.pipeline, by.account_id)
    return Member(by.account_id, by.identity.name, by.identity, bool(by.token_id), actors)


def still_member(sql: Connection, run: Run, state: State, member: Member) -> Member:
    """The same person as of this moment, for a deed; raises `Refused` (404) if he may not know of the run any more."""
    if not may_act(sql, state, run.project_id, member.account_id):
        raise unknown_run()
    return replace(member, actors=actors_of(sql, state.pipeline, member.account_id))


def welcome_machine(sql: Connection, run: Run, state: State, machine_id: int) -> Machine:
    """A machine that was not sent away and whose owner, if it has one, is still one of those who may know of the run.

    Raises `Refused` (404) for every other.
    """
    machine = machine_by_id(sql, run.id, machine_id)
    if machine.account_id is not None and not may_act(sql, state, run.project_id, machine.account_id):
        raise unknown_run()
    return machine
