"""Rules of order: what waits for what, and what must not come before what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from customhouse.formats.pipeline.facts import PUBLISH, PUSH_LAST, SIGN, TESTS, Facts
from customhouse.formats.pipeline.finding import Finding, error, warning
from customhouse.formats.pipeline.graph import Condition, condition_of, cycle
from customhouse.formats.pipeline.model import Artifact, Step
from customhouse.formats.pipeline.patterns import read_pattern
from customhouse.formats.pipeline.vocabulary import ACTIONS

LONGEST_TIMEOUT = timedelta(days=30)


def order_rules(facts: Facts) -> Iterator[Finding]:
    """Findings, in the order of what they lead to."""
    yield from _cycles(facts)
    yield from _artifacts(facts)
    yield from _conditions(facts)
    yield from _upstream(facts)
    yield from _after_gates(facts)
    yield from _signing(facts)
    yield from _ends(facts)


def _cycles(facts: Facts) -> Iterator[Finding]:
    found = cycle(facts.pipeline)
    if found:
        yield error(
            "cycle", f"step {found[0]}", f"These steps wait for each other: {' -> '.join(found)}.",
            "Take one of them out of 'after' or 'in'.",
        )  # fmt: skip


def _artifacts(facts: Facts) -> Iterator[Finding]:
    taken = {one for step in facts.pipeline.steps for one in step.inputs}
    for step in facts.pipeline.steps:
        for name in step.inputs:
            if not facts.makers[name]:
                yield error(
                    "unproduced-input", f"step {step.id}", f"It takes {name}, which no step makes.",
                    f"Add {name} to the 'out' of the step that makes it.",
                )  # fmt: skip
    for artifact in facts.pipeline.artifacts:
        makers = [facts.steps[one] for one in facts.makers[artifact.id]]
        place = f"artifact {artifact.id}"
        if len(makers) > 1 and not _exclude_each_other(makers):
            names = " and ".join(one.id for one in makers)
            yield error(
                "made-twice", place, f"It is made by {names}: nobody knows which one is meant.",
                "Give each its own name, or exclude one of them by 'when'.",
            )  # fmt: skip
        if artifact.id not in taken and not _only_told(artifact, facts):
            yield warning(
                "unused-artifact", place, "It is " + ("made and never used." if makers else "declared and never made."),
                "Name it in the 'in' of a step, or take it out.",
            )  # fmt: skip
        if artifact.type == "git-tag" and not artifact.points_to:
            yield error(
                "tag-without-commit", place, "Nobody says which commit this tag is of.",
                'Say it: points_to = "commit".',
            )  # fmt: skip


def _only_told(artifact: Artifact, facts: Facts) -> bool:
    """A commit that a freeze notes is used by all that compare with it."""
    return any(facts.steps[one].uses == "git.freeze" for one in facts.makers[artifact.id])


def _exclude_each_other(steps: list[Step]) -> bool:
    conditions = [condition_of(one.when) for one in steps]
    return all(
        _disjoint(one, other) for number, one in enumerate(conditions) for other in conditions[:number]
    )  # fmt: skip


def _disjoint(one: Condition | None, other: Condition | None) -> bool:
    if one is None or other is None or one.parameter != other.parameter:
        return False
    if one.equal and other.equal:
        return one.value != other.value
    return one.equal is not other.equal and one.value == other.value


def _implies(one: Condition | None, other: Condition | None) -> bool:
    """Whether the second holds whenever the first does."""
    if other is None or one == other:
        return True
    return (
        one is not None and one.parameter == other.parameter and one.equal and not other.equal
        and one.value != other.value
    )  # fmt: skip


def _conditions(facts: Facts) -> Iterator[Finding]:
    patterns = {one.name: read_pattern(one.pattern) for one in facts.pipeline.params}
    for step in facts.pipeline.steps:
        mine = condition_of(step.when)
        if mine is not None and not patterns[mine.parameter].matches(mine.value):
            sentence = f"{mine.parameter} can never be {mine.value!r}, so it is "
            sentence += "never done." if mine.equal else "always done."
            yield error(
                "when-never-differs", f"step {step.id}", sentence,
                f"Compare with a value that matches {patterns[mine.parameter].text}.",
            )  # fmt: skip
        for name in step.inputs:
            makers = [facts.steps[one] for one in facts.makers[name]]
            declared = condition_of(facts.artifacts[name].when)
            if makers and not any(_there(mine, declared, condition_of(one.when)) for one in makers) and not (
                len(makers) > 1 and _exclude_each_other(makers)
            ):  # fmt: skip
                yield error(
                    "skipped-input", f"step {step.id}",
                    f"It takes {name}, but {makers[0].id} is skipped unless {makers[0].when}.",
                    f"Give {step.id} the same 'when', or the artifact {name}, so that it is not expected.",
                )  # fmt: skip


def _there(step: Condition | None, artifact: Condition | None, maker: Condition | None) -> bool:
    return _implies(step, maker) or _implies(artifact, maker)


def _upstream(facts: Facts) -> Iterator[Finding]:
    """Nothing goes upstream before strangers can have the release: the tag comes last."""
    published = {one.id for one in facts.using(PUBLISH)}
    if not published:
        return
    upstream = facts.upstream()
    for step in facts.pipeline.steps:
        late = published <= facts.before[step.id]
        if step.uses == PUSH_LAST and not late:
            yield error(
                "tag-not-last", f"step {step.id}", "It pushes the tag upstream without waiting for publication.",
                f'Let it wait: after = ["{min(published)}"].',
            )  # fmt: skip
        elif step.uses == "announce" and not late:
            yield error(
                "announced-early", f"step {step.id}", "It tells people of a release that nobody can have yet.",
                f'Let it wait: after = ["{min(published)}"].',
            )  # fmt: skip
        elif step.env in upstream and not late and (step.uses == "git.push" or ACTIONS[step.uses].runs):
            what = "pushes" if step.uses == "git.push" else "runs a program that can push"
            yield error(
                "upstream-early", f"step {step.id}",
                f"It {what} to the forge upstream ({step.env}) before anything is published.",
                "Work in the fork until then; 'git.push_last' pushes upstream.",
            )  # fmt: skip


def _after_gates(facts: Facts) -> Iterator[Finding]:
    """What cannot be taken back comes after every question, and after at least one that is always asked."""
    gates = facts.gated()
    for step in facts.pipeline.steps:
        public = ACTIONS[step.uses].public
        if not public and not step.no_return:
            continue
        asked = [one for one, _ in gates if one.id == step.id or one.id in facts.before[step.id]]
        late = [one for one, _ in gates if one not in asked and step.id not in facts.before[one.id]]
        late += [one for one, _ in gates if step.id in facts.before[one.id]]
        for one in late:
            yield error(
                "public-before-gate" if public else "no-return-before-gate", f"step {step.id}",
                f"{'Strangers see it' if public else 'There is no way back from it'}, and {one.id} has not asked yet.",
                f'Let it wait: after = ["{one.id}"], or ask earlier.',
            )  # fmt: skip
        if public and not any(_implies(condition_of(step.when), condition_of(one.when)) for one in asked):
            yield error(
                "nobody-asked", f"step {step.id}", "Strangers see it, and nobody has said yes before.",
                'Add a step with uses = "gate" before it.',
            )  # fmt: skip


def _signing(facts: Facts) -> Iterator[Finding]:
    tests = facts.using(*TESTS)
    for step in facts.using(SIGN):
        early = [one.id for one in tests if one.id not in facts.before[step.id]]
        if early:
            yield error(
                "sign-before-test", f"step {step.id}", f"It signs before {early[0]} has tested.",
                f'Let it wait: after = ["{early[0]}"].',
            )  # fmt: skip
        if not tests:
            yield warning(
                "sign-untested", f"step {step.id}", "It signs what nobody has tested.",
                'Add a step with uses = "test.install" before it.',
            )  # fmt: skip
        wanted = ("signed-as-tested", "signatures-complete", "signatures-verify")
        absent = [one for one in wanted if one not in step.checks]
        if absent:
            yield warning(
                "signatures-unchecked", f"step {step.id}", f"It does not check {', '.join(absent)}.",
                "Add them to its 'checks': a missing signature is found by strangers otherwise.",
            )  # fmt: skip


def _ends(facts: Facts) -> Iterator[Finding]:
    for step in facts.pipeline.steps:
        if step.timeout > LONGEST_TIMEOUT:
            yield warning(
                "timeout-too-long", f"step {step.id}", f"It may take {step.timeout.days} days.",
                "30 days at most: what waits for longer has been forgotten.",
            )  # fmt: skip
        target = step.on_fail.removeprefix("restart:")
        if target and target != step.id and target not in facts.before[step.id]:
            yield error(
                "restart-ahead", f"step {step.id}", f"If it fails, it goes on with {target}, which is not before it.",
                "Restart from a step before it.",
            )  # fmt: skip
        if step.uses == "git.push" and not step.watch:
            yield error(
                "watch-missing", f"step {step.id}", "From here on its tag could be moved, and moved back.",
                'Watch it: watch = ["tag"].',
            )  # fmt: skip
    for step in facts.using("git.freeze"):
        if not any(one.uses == "git.unfreeze" and one.always and one.env == step.env for one in facts.pipeline.steps):
            yield error(
                "never-unfrozen", f"step {step.id}", "If the run is abandoned, the branch stays locked.",
                'Add a step with uses = "git.unfreeze" and always = true.',
            )  # fmt: skip
    for step in facts.using(PUBLISH):
        if not any(one.uses == "index.fetch_back" for one in facts.here_or_after(step)):
            yield warning(
                "not-fetched-back", f"step {step.id}", "Nobody compares what strangers get with what was signed.",
                'Add a step with uses = "index.fetch_back" after it.',
            )  # fmt: skip
        embargo = any("nothing-public" in one.checks for one in facts.here_or_before(step))
        if facts.pipeline.embargoed and not embargo:
            yield error(
                "embargo-unchecked", f"step {step.id}", "The release is embargoed, and nobody looks whether it leaked.",
                'Add "nothing-public" to its checks.',
            )  # fmt: skip
