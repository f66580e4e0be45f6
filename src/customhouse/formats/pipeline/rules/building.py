"""Rules of places: where things are built, who builds them again, and what is handed over from where."""

from __future__ import annotations

from collections.abc import Iterator

from customhouse.formats.pipeline.facts import Facts
from customhouse.formats.pipeline.finding import Finding, error, warning
from customhouse.formats.pipeline.model import Environment, Step
from customhouse.formats.pipeline.vocabulary import ACTIONS

BUILDS = ("build.python", "build.exec", "build.docs")
SERVICES = frozenset(("room", "sigstore", "gpg", "mail", "atom", "webhook", "case", "signing"))
"""Places that are no environments: a run with a place ``room``, for one, waits for actors at a server."""
_COMPARED = frozenset(("tree-equals-source", "rebuilds-agree"))


def building_rules(facts: Facts) -> Iterator[Finding]:
    """Findings about environments, rebuilds and hand-overs."""
    for env in facts.pipeline.environments:
        if env.id in SERVICES:
            yield error(
                "service-name", f"environment {env.id}",
                "Places are named by environment, and this is a service's name.",
                "Call it otherwise.",
            )  # fmt: skip
    for step in facts.pipeline.steps:
        yield from _where(facts, step)
        if step.uses in BUILDS:
            yield from _room(facts.env(step), f"step {step.id}", "builds")
        if step.rebuild is not None:
            yield from _rebuild(facts, step)
    yield from _reproducible(facts)
    yield from _hand_overs(facts)


def _where(facts: Facts, step: Step) -> Iterator[Finding]:
    where, kind = ACTIONS[step.uses].where, facts.env(step).kind
    # What a person does at his desk, a machine may do in a clean room.
    if where not in {"any", kind} and not (where == "local" and kind == "ci"):
        yield error(
            "wrong-place", f"step {step.id}", f"{step.uses} is done in an environment of kind {where}, not {kind}.",
            f'Name one with kind = "{where}".',
        )  # fmt: skip


def _room(env: Environment, place: str, does: str) -> Iterator[Finding]:
    if env.network != "none":
        yield error(
            "build-network", place, f"It {does} in {env.id}, which has a network ({env.network}).",
            f'[environments.{env.id}] network = "none".',
        )  # fmt: skip
    if env.cache:
        yield error(
            "build-cache", place, f"It {does} in {env.id}, where an earlier build may have left something.",
            f"[environments.{env.id}] cache = false.",
        )  # fmt: skip
    if not env.ephemeral:
        yield warning(
            "build-not-ephemeral", place, f"It {does} in {env.id}, which is not made anew for each build.",
            f"[environments.{env.id}] ephemeral = true.",
        )  # fmt: skip


def _rebuild(facts: Facts, step: Step) -> Iterator[Finding]:
    rebuild = step.rebuild
    if rebuild is None:
        return
    place = f"step {step.id}"
    if step.actor in rebuild.by or rebuild.env == step.env:
        same = step.actor if step.actor in rebuild.by else rebuild.env
        yield error(
            "rebuild-same", place, f"It is built again by or in {same}: whoever controls it controls both.",
            "Another actor in another environment.",
        )  # fmt: skip
    if "rebuilds-agree" not in step.checks:
        yield error(
            "rebuild-unchecked", place, "It is built again, and nobody compares.", 'Add "rebuilds-agree" to its checks.'
        )
    if step.uses in BUILDS:
        yield from _room(facts.pipeline.environment(rebuild.env), place, "is built again")


def _reproducible(facts: Facts) -> Iterator[Finding]:
    for artifact in facts.pipeline.artifacts:
        makers = [facts.steps[one] for one in facts.makers[artifact.id]]
        if artifact.reproducible and makers and not any(one.rebuild for one in makers):
            yield error(
                "no-rebuilder", f"artifact {artifact.id}", f"It is reproducible, and only {makers[0].actor} builds it.",
                f'{makers[0].id}: rebuild = {{ by = ["…"], env = "…" }}.',
            )  # fmt: skip


def _hand_overs(facts: Facts) -> Iterator[Finding]:
    """What goes to the index from where anything may have happened to it must have been compared with something."""
    for step in facts.using("index.stage", "index.publish"):
        for artifact in facts.files(step.inputs):
            # Signatures are verified, and a bill of materials is compared with what it is of.
            if artifact.covers or artifact.describes:
                continue
            for maker in (facts.steps[one] for one in facts.makers[artifact.id]):
                env = facts.env(maker)
                doubtful = env.kind == "local" or (env.kind != "store" and env.cache)
                if doubtful and not maker.rebuild and not _compared(maker):
                    what = "is somebody's own machine" if env.kind == "local" else "keeps a cache"
                    yield error(
                        "unchecked-hand-over", f"step {step.id}",
                        f"{artifact.id} comes from {maker.id} in {env.id}, which {what}, and nobody has compared it.",
                        f"{maker.id}: let somebody rebuild it, or compare it (tree-equals-source)"
                        + (', or ask for evidence: with = { evidence = "provenance" }.'
                           if maker.uses == "external.hand_in" else "."),
                    )  # fmt: skip


def _compared(maker: Step) -> bool:
    if maker.uses == "external.hand_in":
        return bool(maker.options.get("evidence"))
    return bool(_COMPARED & set(maker.checks))
