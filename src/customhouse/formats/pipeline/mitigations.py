"""Whether a mitigation that a risk names is really there: looked for in the graph, by the grammar of `MITIGATIONS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from customhouse.formats.pipeline.facts import PUBLISH, PUSH_LAST, SIGN, SIGNS_BY_DEFAULT, TESTS, Facts
from customhouse.formats.pipeline.model import Pipeline, Risk, Step


class Judged(NamedTuple):
    """One mitigation at one step."""

    risk: str
    step: str
    mitigation: str
    missing: str
    """Why it does not work here; empty if it works."""


def judge(pipeline: Pipeline) -> list[Judged]:
    """Every mitigation of every risk at every step that has the risk, in the file's order."""
    facts = Facts(pipeline)
    risks = {one.id: one for one in pipeline.risks}
    return [one for step in pipeline.steps for risk in step.risks for one in judged_at(facts, risks[risk], step)]


def judged_at(facts: Facts, risk: Risk, step: Step) -> list[Judged]:
    """Every mitigation of one risk at one step."""
    return [Judged(risk.id, step.id, one, missing(facts, step, one)) for one in risk.mitigations]


def unmitigated(pipeline: Pipeline) -> set[tuple[str, str]]:
    """Risk and step, where nothing that the risk names works."""
    works = {(one.risk, one.step) for one in judge(pipeline) if not one.missing}
    return {(risk, step.id) for step in pipeline.steps for risk in step.risks} - works


def missing(facts: Facts, step: Step, mitigation: str) -> str:
    """Why a mitigation does not work at a step; empty if it works."""
    word, _, rest = mitigation.partition(":")
    return _BY_WORD[word](facts, step, rest)


def _check(facts: Facts, step: Step, rest: str) -> str:
    if rest == "handover":
        return "" if step.inputs else "nothing is handed over to it"
    found = any(rest in one.checks for one in facts.here_or_before(step))
    return "" if found else f"neither it nor a step before it checks {rest}"


def _gate(facts: Facts, step: Step, rest: str) -> str:
    """People at the step, before it, or before anything of what it did is public."""
    gate = facts.steps[rest]
    if gate.gate is None:
        return f"nobody is asked at {rest}"
    if rest == step.id or rest in facts.before[step.id]:
        return ""
    public = [one for one in facts.public() if step.id in facts.before[one.id]]
    if public and all(rest == one.id or rest in facts.before[one.id] for one in public):
        return ""
    return f"{rest} comes when it is too late"


def _quorum(facts: Facts, step: Step, rest: str) -> str:
    gates = [one.gate for one in facts.here_or_before(step) if one.gate is not None]
    if any(facts.least_people(one) >= int(rest) for one in gates):
        return ""
    return f"no gate up to here asks {rest} people"


def _factor(facts: Facts, step: Step, rest: str) -> str:
    for one in facts.here_or_before(step):
        gate = one.gate
        if gate and (gate.factor == rest or all(facts.actors[name].factor == rest for name in gate.need)):
            return ""
    return f"no gate up to here asks everybody for {rest}"


def _rebuild(facts: Facts, step: Step, rest: str) -> str:
    for one in facts.here_or_before(step):
        if one.rebuild and one.rebuild.agree >= int(rest) and one.actor not in one.rebuild.by:
            return ""
    return f"no {rest} builds must agree"


def _env(facts: Facts, step: Step, rest: str) -> str:
    env = facts.env(step)
    works = {
        "ephemeral": env.ephemeral, "no-cache": not env.cache, "no-network": env.network == "none",
        "ci": env.kind == "ci",
    }  # fmt: skip
    said = {
        "ephemeral": "is not ephemeral", "no-cache": "keeps a cache", "no-network": f"has network {env.network}",
        "ci": f"is {env.kind}",
    }  # fmt: skip
    return "" if works[rest] else f"the environment {env.id} {said[rest]}"


def _pin(facts: Facts, step: Step, _rest: str) -> str:
    taken = [facts.artifacts[one] for one in step.inputs]
    if any(one.type == "git-commit" or one.points_to for one in taken):
        return ""
    return "it takes no commit"


def _watch(facts: Facts, step: Step, _rest: str) -> str:
    return "" if any(one.watch for one in facts.here_or_before(step)) else "no tag is watched up to here"


def _order(facts: Facts, _step: Step, rest: str) -> str:
    if rest == "test-before-sign":
        tests, signs = facts.using(*TESTS), facts.using(SIGN)
        if not tests or not signs:
            return "nothing is tested and then signed"
        early = [one.id for one in signs if not {test.id for test in tests} <= facts.before[one.id]]
        return f"{early[0]} does not wait for the tests" if early else ""
    last, published = facts.using(PUSH_LAST), facts.using(PUBLISH)
    if not last or not published:
        return "nothing is published and then pushed"
    early = [one.id for one in last if not {each.id for each in published} <= facts.before[one.id]]
    return f"{early[0]} does not wait for publication" if early else ""


def _tools(_facts: Facts, step: Step, _rest: str) -> str:
    if not step.options.get("tools"):
        return "it names no tools with their digests"
    return "" if "tools-pinned" in step.checks else "it does not check tools-pinned"


def _lock(_facts: Facts, step: Step, _rest: str) -> str:
    return "" if step.options.get("requires") else "it names no file of locked requirements"


def _sign(facts: Facts, step: Step, rest: str) -> str:
    found = any(one.uses == SIGN and rest in ways_of(one) for one in facts.here_or_after(step))
    return "" if found else f"nothing is signed by {rest} from here on"


def _log(facts: Facts, _step: Step, _rest: str) -> str:
    """The journal's head goes where the signatures go: into the log of the Sigstore instance."""
    found = any("sigstore" in ways_of(one) for one in facts.using(SIGN))
    return "" if found else "no step signs by sigstore, so no log is known"


def _key(facts: Facts, step: Step, _rest: str) -> str:
    if step.uses != SIGN:
        return "it signs nothing by a key of ours"
    asked = step.gate is not None or any(one.gate for one in facts.here_or_before(step))
    return "" if asked else "nobody is asked before the key signs"


def _embargo(facts: Facts, step: Step, _rest: str) -> str:
    if not facts.pipeline.embargoed:
        return "the pipeline is not embargoed"
    return _check(facts, step, "nothing-public")


def ways_of(step: Step) -> tuple[str, ...]:
    """How ``sign.all`` signs."""
    how = step.options.get("how", SIGNS_BY_DEFAULT)
    return (how,) if isinstance(how, str) else how if isinstance(how, tuple) else ()


_BY_WORD: dict[str, Callable[[Facts, Step, str], str]] = {
    "check": _check, "gate": _gate, "quorum": _quorum, "factor": _factor, "rebuild": _rebuild, "env": _env,
    "pin": _pin, "watch": _watch, "order": _order, "tools": _tools, "lock": _lock, "sign": _sign, "log": _log,
    "key": _key, "embargo": _embargo,
}  # fmt: skip
