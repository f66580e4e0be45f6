"""What rules ask of a pipeline again and again, worked out once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Artifact, Environment, Gate, Pipeline, Step
from customhouse.formats.pipeline.vocabulary import ACTIONS

TESTS = ("test.install", "test.exec")
PUBLISH, PUSH_LAST, SIGN = "index.publish", "git.push_last", "sign.all"
SIGNS_BY_DEFAULT = ("sigstore",)
"""What ``sign.all`` does without ``how``."""


class Facts:
    """A pipeline, and who comes before whom in it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.steps = {one.id: one for one in pipeline.steps}
        self.actors = {one.id: one for one in pipeline.actors}
        self.artifacts = {one.id: one for one in pipeline.artifacts}
        self.makers = graph.makers(pipeline)

    @cached_property
    def before(self) -> dict[str, set[str]]:
        """By step, all that has come to its end before it starts."""
        return graph.before_each(self.pipeline)

    def env(self, step: Step) -> Environment:
        """Where a step is done."""
        return self.pipeline.environment(step.env)

    def using(self, *actions: str) -> list[Step]:
        """Steps that use one of these actions, in the file's order."""
        return [one for one in self.pipeline.steps if one.uses in actions]

    def here_or_before(self, step: Step) -> Iterator[Step]:
        """A step and all that come before it, in the file's order."""
        wanted = self.before[step.id] | {step.id}
        return (one for one in self.pipeline.steps if one.id in wanted)

    def here_or_after(self, step: Step) -> Iterator[Step]:
        """A step and all that come after it, in the file's order."""
        return (one for one in self.pipeline.steps if one.id == step.id or step.id in self.before[one.id])

    def gated(self) -> list[tuple[Step, Gate]]:
        """Steps with a gate."""
        return [(one, one.gate) for one in self.pipeline.steps if one.gate is not None]

    def public(self) -> list[Step]:
        """Steps of which strangers see what they did."""
        return [one for one in self.pipeline.steps if ACTIONS[one.uses].public]

    def upstream(self) -> set[str]:
        """Environments that are the forge upstream: what is frozen, unfrozen or gets the tag last."""
        return {one.env for one in self.using("git.freeze", "git.unfreeze", PUSH_LAST)}

    def files(self, names: Collection[str]) -> list[Artifact]:
        """Those of these artifacts that are files."""
        return [one for name in names if (one := self.artifacts[name]).type == "files"]

    def people(self, need: Collection[str]) -> list[set[str]]:
        """These actors, those together who share an identity: each set is one person, as far as anybody can tell."""
        groups: list[tuple[set[str], set[str]]] = []
        for name in need:
            names, identities = {name}, {one.casefold() for one in self.actors[name].identities}
            apart = []
            for group in groups:
                if group[1] & identities:
                    names |= group[0]
                    identities |= group[1]
                else:
                    apart.append(group)
            groups = [*apart, (names, identities)]
        return [names for names, _ in groups]

    def least_people(self, gate: Gate) -> int:
        """How few people can fill the quorum of a gate: who has several identities in it fills several places."""
        count = filled = 0
        for size in sorted(map(len, self.people(gate.need)), reverse=True):
            if filled < gate.quorum:
                filled += size
                count += 1
        return count
