"""Runs in the middle, for pictures: made by hand from fields, at a time that never changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.release.events import Approved
from customhouse.release.rules import EDITION
from customhouse.release.state import State, StepState, Stop
from customhouse.release.template_texts import template_text
from customhouse.release.things import Thing

BEGIN = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
NOW = BEGIN + timedelta(minutes=7, seconds=12)
PARAMS = {"version": "3.14.1", "branch": "3.14", "case": "CH-7"}


def template(name: str = "compiled-library") -> Pipeline:
    """A template with its parameters filled in."""
    pipeline = read_pipeline(template_text(name))
    return resolve(pipeline, {one.name: PARAMS[one.name] for one in pipeline.params if one.name in PARAMS})


def fresh(pipeline: Pipeline) -> State:
    """A run in which nothing happened yet."""
    steps = {one.id: StepState(one.id) for one in pipeline.steps}
    return State(
        "run-1",
        pipeline,
        "0" * 64,
        PARAMS,
        {},
        "ab" * 32,
        rehearsal=False,
        created_at=BEGIN,
        status="open",
        steps=steps,
        rules=EDITION,
    )


def at_the_gate(pipeline: Pipeline, gate: str = "stop", *, approved: int = 2) -> State:
    """Everything before a gate is done, and some have said yes."""
    state = fresh(pipeline)
    steps, at = dict(state.steps), BEGIN
    artifacts: dict[str, tuple[Thing, ...]] = {}
    for number, step in enumerate(pipeline.steps):
        if step.id == gate:
            break
        length = timedelta(seconds=1.7 * number + 0.3)
        outputs = {one: things_of(pipeline, one) for one in step.outputs}
        artifacts |= outputs
        steps[step.id] = StepState(step.id, "done", started_at=at, ended_at=at + length, outputs=outputs)
        at += length
    need = pipeline.step(gate).gate
    assert need is not None
    yes = tuple(
        (number, at, Approved(gate, 1, "q", actor, actor, "webauthn"))
        for number, actor in enumerate(need.need[:approved])
    )
    steps[gate] = StepState(gate, "asked", asked_at=at, approvals=yes)
    return replace(state, steps=steps, artifacts=artifacts)


def stopped(pipeline: Pipeline, step: str = "test") -> State:
    """A run that stopped because a tag moved."""
    state = at_the_gate(pipeline)
    steps = dict(state.steps)
    steps["stop"] = StepState("stop")
    steps[step] = StepState(step, "failed", started_at=BEGIN, ended_at=BEGIN + timedelta(seconds=12), failure="")
    stop = Stop(
        "tag-moved", "refs/tags/v3.14.1 is at 1111111, and was put back", "2222222", "watcher", NOW, step, "fork"
    )
    return replace(state, steps=steps, status="stopped", stop=stop)


def things_of(pipeline: Pipeline, artifact: str) -> tuple[Thing, ...]:
    """Things with digests that stand for themselves."""
    one = pipeline.artifact(artifact)
    if one.type == "files":
        return tuple(
            Thing(name.replace("*", "py3-none-any"), "sha256", f"{number:064x}", 1234)
            for number, name in enumerate(one.names, 10)
        )
    kind: Literal["gitTag", "gitCommit"] = "gitTag" if one.type == "git-tag" else "gitCommit"
    return (Thing(pipeline.tag if kind == "gitTag" else artifact, kind, f"{len(artifact):040x}"),)
