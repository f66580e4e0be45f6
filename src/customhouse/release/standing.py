"""How a run stands: what the rules and the next moves both ask of a state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.formats.pipeline.vocabulary import ACTIONS
from customhouse.release.question import strongest
from customhouse.release.state import State, StepState
from customhouse.release.things import Thing, Things

ROOM = "room"
"""The place that says that actors meet at a server. Without it the engine speaks for every actor, on one machine."""
PUBLISH = "index.publish"
GATE = "gate"
_ENDED = ("done", "skipped")
_TOUCHED = ("running", "done", "failed")


def meets_at_a_room(state: State) -> bool:
    """Whether actors speak for themselves, each with his own key."""
    return ROOM in state.places


def ended(state: State, name: str) -> bool:
    """Whether what follows this step may start: it is done and enough builders agree, or it is skipped."""
    found = state.steps[name]
    return found.status in _ENDED and (found.status == "skipped" or agreement(state, name) >= builders(state, name))


def builders(state: State, name: str) -> int:
    """How many builds must be the same; 1 where a step is not built again."""
    rebuild = state.pipeline.step(name).rebuild
    return rebuild.agree if rebuild else 1


def agreement(state: State, name: str) -> int:
    """How many builds are the same, the step's own included."""
    return 1 + len({one.by for one in state.steps[name].rebuilds if one.agrees})


def waits_for(state: State, name: str) -> tuple[str, ...]:
    """The steps before this one that have not come to their end."""
    return tuple(one for one in graph.direct(state.pipeline)[name] if not ended(state, one))


def inputs_of(state: State, step: Step) -> dict[str, Things]:
    """What the step takes, as the newest attempts made it."""
    return {name: state.artifacts.get(name, ()) for name in step.inputs}


def artifacts_of(pipeline: Pipeline, steps: Mapping[str, StepState]) -> dict[str, Things]:
    """What has been made, by artifact. A step that takes what it makes replaces it; otherwise makers add up."""
    found: dict[str, Things] = {}
    for name in graph.order(pipeline):
        one, step = steps[name], pipeline.step(name)
        if one.status == "done":
            for artifact, things in one.outputs.items():
                earlier = () if artifact in step.inputs else found.get(artifact, ())
                found[artifact] = tuple(sorted({*earlier, *things}))
    return found


def flat(artifacts: Mapping[str, Things]) -> Things:
    """All things, once each, in order."""
    return tuple(sorted({thing for things in artifacts.values() for thing in things}))


def things_asked(state: State, step: Step) -> Things:
    """What a question before this step is about: what the step takes, or all that was made where it takes nothing.

    Before a step that signs, it is the files that are to be signed.
    """
    taken = flat(inputs_of(state, step))
    return to_sign(taken) if signs(step) else taken or flat(state.artifacts)


def signs(step: Step) -> bool:
    """Whether it needs a key."""
    return step.uses.startswith("sign.")


def to_sign(things: Things) -> Things:
    """The files among these."""
    return tuple(thing for thing in things if thing.algorithm == "sha256")


def keys_wanted(state: State, step: Step) -> tuple[str, ...]:
    """Which keys a signing step needs: the identities of its actor, and which of them where he has several.

    ``oidc:ISSUER#SUBJECT`` for Sigstore, ``gpg:FINGERPRINT`` for GPG. No place can name one that is not his.
    """
    said = step.options.get("how", ("sigstore",))
    how = (said,) if isinstance(said, str) else said if isinstance(said, tuple) else ()
    identities = state.pipeline.actor(step.actor).identities
    found = []
    for kind, prefix, place, setting in (("sigstore", "oidc:", "sigstore", "identity"), ("gpg", "gpg:", "gpg", "key")):
        mine = [_as_granted(one) for one in identities if one.startswith(prefix)]
        wanted = state.places.get(place, {}).get(setting, "")
        chosen = [one for one in mine if one == _as_granted(prefix + wanted.removeprefix(prefix))] if wanted else mine
        found += chosen[:1] if kind in how else []
    return tuple(found)


def _as_granted(identity: str) -> str:
    kind, _, rest = identity.partition(":")
    return f"gpg:{''.join(rest.split()).upper().removeprefix('0X')}" if kind == "gpg" else identity


def factor_demanded(state: State, step: Step, actor: str) -> str:
    """What a person must show at this gate: what the gate says or what is said of him, whichever is stronger."""
    gate = step.gate
    return strongest(gate.factor if gate else "none", state.pipeline.actor(actor).factor)


def gate_passed(state: State, name: str, at: datetime) -> bool:
    """Whether enough people have said yes and none of it has expired; True where nobody is to be asked."""
    step, found = state.pipeline.step(name), state.steps[name]
    if step.gate is None:
        return True
    if found.asked is None or at > found.asked.expires_at:
        return False
    return found.asked.things == things_asked(state, step) and len(found.approvals) >= step.gate.quorum


def same_people(pipeline: Pipeline) -> dict[str, str]:
    """Who is one and the same: by actor, one name for all who share an identity, directly or through others."""
    groups: list[tuple[list[str], set[str]]] = []
    for actor in pipeline.actors:
        names, identities = [actor.id], {canonical_identity(one) for one in actor.identities}
        for other in [one for one in groups if one[1] & identities]:
            groups.remove(other)
            names, identities = other[0] + names, other[1] | identities
        groups.append((names, identities))
    return {who: names[0] for names, _ in groups for who in names}


def canonical_identity(identity: str) -> str:
    """One spelling for each identity: fingerprints and keys are hexadecimal, however they are written."""
    kind, _, rest = identity.partition(":")
    return f"{kind}:{rest.lower()}" if kind in ("gpg", "key", "user") else identity


def undoable(step: Step) -> bool:
    """Whether what it did is taken back."""
    word = ACTIONS.get(step.uses)
    return step.undo and word is not None and word.undoes


def case_named(pipeline: Pipeline, places: Mapping[str, Mapping[str, str]]) -> str:
    """The disclosure case of a release under embargo: what its publishing step says, or the place ``case``; or none."""
    said = (str(step.options.get("case", "")) for step in pipeline.steps if step.uses == PUBLISH)
    return next(filter(None, said), places.get("case", {}).get("id", ""))


def public(step: Step) -> bool:
    """Whether strangers see what it does."""
    word = ACTIONS.get(step.uses)
    return word is not None and word.public


def unsettled(state: State) -> tuple[StepState, ...]:
    """What has begun, strangers may have seen, and nobody has said the end of."""
    return tuple(one for one in state.steps.values() if one.status == "running" and public(state.pipeline.step(one.id)))


def applicable(state: State) -> tuple[Step, ...]:
    """The steps of this run: those whose ``when`` holds."""
    return tuple(step for step in state.pipeline.steps if graph.applies(step, state.params))


def to_undo(state: State) -> tuple[StepState, ...]:
    """What has to be taken back now, newest first: earlier attempts, and everything when the run is abandoned."""
    found = [one.owed for one in state.steps.values() if one.owed is not None]
    if state.status == "aborting":
        found += [
            one for one in state.steps.values() if one.status in _TOUCHED and undoable(state.pipeline.step(one.id))
        ]
    return tuple(sorted(found, key=lambda one: _place(state.pipeline, one), reverse=True))


def _place(pipeline: Pipeline, one: StepState) -> int:
    return graph.order(pipeline).index(one.id)


def again_from(state: State, name: str) -> set[str]:
    """What is done again when a run restarts from a step."""
    return graph.after(state.pipeline, name) | {name}


def no_way_back(state: State, again: Iterable[str]) -> str:
    """A step among these whose deed strangers have seen, or that came before it; empty if all can be done again."""
    published = state.published_at is not None
    for name in again:
        step = state.pipeline.step(name)
        if state.steps[name].status == "done" and public(step):
            return name
        if published and any(
            one.uses == PUBLISH for one in map(state.pipeline.step, graph.after(state.pipeline, name))
        ):
            return name
    return ""


def tested(state: State) -> tuple[Step, ...]:
    """The steps that test."""
    return tuple(step for step in applicable(state) if step.uses.startswith("test."))


def distinct(things: Iterable[Thing]) -> set[tuple[str, str]]:
    """Names with their digests, for comparisons that no size takes part in."""
    return {(thing.name, thing.digest) for thing in things}
