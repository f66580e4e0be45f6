"""P24: however people, machines, faults and thieves take turns, no gate is skipped, and nothing is published twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.pipeline.model import Step
from customhouse.release import events as e
from customhouse.release import rules
from customhouse.release.declared import names_declared
from customhouse.release.events import Event
from customhouse.release.journal import Head
from customhouse.release.moves import Say, Start, TakeUp, Undo, next_moves
from customhouse.release.question import idempotency_key
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import say, seal, verify_lines
from customhouse.release.standing import flat, inputs_of
from customhouse.release.state import State
from customhouse.release.things import Thing, Things
from customhouse.terms.errors import Refused
from toy_release import ENGINE_KEY, PEOPLE, approve, first_line, join

HOUR = timedelta(hours=1)


@dataclass
class Walk:
    """One journal, and whoever writes to it."""

    random: Random
    lines: list[Sealed] = field(default_factory=lambda: [first_line()])
    state: State = field(init=False)
    late: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.state = rules.begin(self.lines[0])

    def try_to(self, event: Event, by: str = "engine") -> bool:
        """Say it, if the rules let it; check what must never be wrong."""
        state = self.state
        assert state.at is not None
        said = say(event, run=state.run, by=by, key=PEOPLE[by]) if by in PEOPLE else None
        at = state.at + timedelta(seconds=1) + self.late
        self.late = timedelta()
        line = seal(event, run=state.run, head=Head(state.seq, state.head), at=at, by=by, key=ENGINE_KEY, said=said)
        try:
            self.state = rules.apply(state, line)
        except Refused:
            return False
        self.lines.append(line)
        self.must_hold(state, event)
        return True

    def must_hold(self, before: State, event: Event) -> None:
        if isinstance(event, e.Published):
            assert before.published_at is None
            for step in before.pipeline.steps:
                if step.gate and step.id in ("stop", "sign"):
                    found = before.steps[step.id]
                    assert found.status == "done"
                    assert len({one.person for _, _, one in found.approvals}) >= step.gate.quorum
        if isinstance(event, e.StepStarted):
            assert before.status in ("open", "aborting") or before.steps[event.step].status == "running"
            assert dict(event.inputs) == inputs_of(before, before.pipeline.step(event.step))
            if event.step == "push-last":
                assert before.published_at is not None
        if isinstance(event, e.SignedThing):
            assert any(event.thing in grant.things for grant in before.steps["sign"].grants)
            assert before.steps["test"].status == "done"
        if isinstance(event, e.StepDone):
            assert all(one.ok for one in before.steps[event.step].checks)

    # What honest parties do.

    def go_on(self) -> bool:
        state = self.state
        assert state.at is not None
        if self.people():
            return True
        moves = next_moves(state, state.at + timedelta(seconds=1))
        self.random.shuffle(moves)
        for move in moves:
            match move:
                case Say(event):
                    if self.try_to(event):
                        return True
                case Start(step, attempt):
                    if self.try_to(self.start(step, attempt)):
                        return True
                case TakeUp(step, _) if self.finish(step):
                    return True
                case Undo(step, attempt) if self.try_to(e.Undone(step, attempt, "undone")):
                    return True
                case _:
                    continue
        running = [name for name, one in state.steps.items() if one.status == "running"]
        return bool(running) and self.finish(self.random.choice(running))

    def start(self, step: str, attempt: int) -> e.StepStarted:
        state = self.state
        assert state.at is not None
        key = idempotency_key(state.run, step, attempt)
        return e.StepStarted(step, attempt, "here", state.at + HOUR, key, inputs_of(state, state.pipeline.step(step)))

    def finish(self, name: str) -> bool:
        """Do what a step does, to its end."""
        step, found = self.state.pipeline.step(name), self.state.steps[name]
        outputs = {artifact: self.made(step, artifact) for artifact in step.outputs}
        events: list[Event] = []
        if step.rebuild and not found.rebuilds:
            events.append(e.Rebuilt(name, found.attempt, "ci-b", outputs, True, {}))
        if step.uses == "sign.all":
            for thing in flat(found.inputs):
                for how, who, by in (("gpg", "x", ""), ("sigstore", "rm", "i")):
                    events.append(e.SignedThing(name, found.attempt, thing, thing, how, who, by))
        if step.uses == "index.publish" and self.state.published_at is None:
            events.append(e.Published(name, found.attempt, "https://index.example", flat(found.inputs)))
        checks = (*step.checks, "handover")
        events += [e.Checked(name, found.attempt, check, True, "x", "x") for check in checks]
        events.append(e.StepDone(name, found.attempt, outputs, {}))
        said = [self.try_to(event) for event in events]
        return all(said)

    def made(self, step: Step, artifact: str) -> Things:
        found = self.state.pipeline.artifact(artifact)
        attempt = self.state.steps[step.id].attempt

        def digest(name: str) -> str:
            return hashlib.sha256(f"{name} {attempt}".encode()).hexdigest()

        if found.type == "git-commit":
            return (Thing("main", "gitCommit", digest(artifact)[:40]),)
        if found.type == "git-tag":
            return (Thing("v", "gitTag", digest(artifact)[:40]),)
        names = [one.replace("*", "x") for one in names_declared(found, self.state.artifacts)]
        return tuple(sorted(Thing(one, "sha256", digest(one), 1) for one in names))

    def people(self) -> bool:
        state = self.state
        for name in PEOPLE:
            if name not in state.keys and self.try_to(join(name), name):
                return True
        for name in ("rm", "windows"):
            if (
                state.status == "gathering"
                and name not in state.confirmed
                and self.try_to(e.Confirmed(name, name), name)
            ):
                return True
        for one in state.steps.values():
            if one.status == "asked" and one.asked and len(one.approvals) < one.asked.quorum:
                for name in one.asked.need:
                    if self.try_to(approve(state, one.id, name), name):
                        return True
        return False

    # What others do.

    def misbehave(self) -> None:
        state, random = self.state, self.random
        step = random.choice(list(state.steps))
        found, who = state.steps[step], random.choice(list(PEOPLE))
        deeds: list[tuple[Event, str]] = [
            (replace(random.choice(self.lines).event), random.choice(["engine", "ci-a", "ci-b", who])),
            (e.Checked(step, found.attempt, "tested-as-staged", False, "x", "y"), "engine"),
            (e.StepFailed(step, found.attempt, "bad", "luck"), "engine"),
            (e.StepDone(step, found.attempt, {}, {}), "engine"),
            (replace(self.start(step, found.attempt), machine=random.choice(["here", "there"])), "engine"),
            (e.Stopped(rules.MACHINE_GONE, "it is away", "a machine", step), "engine"),
            (e.StepSkipped(step, "hurry"), "engine"),
            (e.Published("publish", state.steps["publish"].attempt, "https://evil.example", ()), "engine"),
            (e.Finished("released"), "engine"),
            (e.Finished("abandoned"), "engine"),
            (e.OpenedRun(), "engine"),
            (e.Resumed(who, "hurry"), who),
            (e.Restarted(step, "hurry", who), who),
            (e.Restarted(step, "hurry"), "engine"),
            (e.TagMoved("fork", "refs/tags/v1.2.3", "a" * 40, "b" * 40, "poll"), "engine"),
            (e.TagSeen("fork", "refs/tags/v1.2.3", "b" * 40, "b" * 40), "engine"),
            (e.Undone(step, found.attempt, "undone"), "engine"),
        ]
        if random.random() < 0.05:
            deeds.append((e.Aborting(who, "enough"), who))
        if found.asked is not None:
            deeds.append((approve(state, step, who, person="somebody"), who))
            deeds.append((e.DeclinedGate(step, found.attempt, found.asked.question, who, who, "no"), who))
        event, by = random.choice(deeds)
        self.late = random.choice([timedelta(), timedelta(), timedelta(), 2 * HOUR, 30 * HOUR])
        self.try_to(event, by)

    def come_to_an_end(self) -> str:
        for _ in range(1500):
            if self.state.status in ("released", "abandoned"):
                return self.state.status
            if self.go_on():
                continue
            if self.state.status == "stopped" and self.try_to(e.Resumed("rm", "I looked"), "rm"):
                continue
            first = [step.id for step in self.state.pipeline.steps]
            if any(self.try_to(e.Restarted(one, "I looked", "rm"), "rm") for one in reversed(first)):
                continue
            if self.try_to(e.Aborting("rm", "I looked"), "rm"):
                continue
            pytest.fail(f"stuck: {self.state.status} {self.state.stop}")
        return pytest.fail("no end")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.05, 0.6))
def test_a_run_always_comes_to_its_end_and_nothing_is_ever_skipped(seed: int, wicked: float) -> None:
    walk = Walk(Random(seed))  # noqa: S311 - the same walk each time
    for _ in range(walk.random.randrange(150)):
        if walk.state.status in ("released", "abandoned"):
            break
        if walk.random.random() < wicked or not walk.go_on():
            walk.misbehave()
    end = walk.come_to_an_end()
    published = [line for line in walk.lines if isinstance(line.event, e.Published)]
    assert len(published) <= 1
    assert published or end == "abandoned"
    verify_lines(walk.lines)
    assert rules.replay(walk.lines) == walk.state
