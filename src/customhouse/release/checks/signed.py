"""Signatures: of exactly what was tested, none missing, each verified for the declared identity and issuer."""

from __future__ import annotations

from pathlib import Path

from customhouse.release.actions import Look, Outcome, Problem, StepRun
from customhouse.release.events import SignedThing
from customhouse.release.ship.compare import compare, digests
from customhouse.release.ship.signed import signed_files, signings
from customhouse.release.signing.declared import Declared, declared, files_of, signatures_of, signing_steps
from customhouse.release.signing.signatures import judge_of, read_signature
from customhouse.release.signing.tested import tested, untested
from customhouse.release.standing import flat, to_sign
from customhouse.release.things import Thing, Things

NOT_YET = "nothing is signed yet"


class SignedAsTested:
    """``signed-as-tested``: before a key is used, what is to be signed was tested; after it, what was signed."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare; at a later step, what was signed with what was tested."""
        name, expected = "signed-as-tested", "exactly what was tested"
        if run.step.uses == "sign.all":
            fault = untested(run)
            if fault is not None:
                return Look(name, ok=False, expected=expected, saw=fault[0], place=fault[1])
            if outcome is None:
                return Look(name, ok=True, expected=expected, saw="it was tested")
            found = compare(digests(files_of(run)), digests(signed_files(run, outcome)))
        else:
            by_name = digests(one for things in tested(run).values() for one in things)
            seen = digests(signed_files(run))
            if not seen:
                return Look(name, ok=False, expected=expected, saw=NOT_YET, place=run.step.id)
            found = compare(by_name, {one: seen[one] for one in seen if one in by_name})
        if found:
            return Look(name, ok=False, expected=found.expected, saw=found.sentence, place=run.step.id)
        return Look(name, ok=True, expected=expected, saw="exactly that was signed")


class SignaturesComplete:
    """``signatures-complete``: each file has each signature that was declared (python.org lacked one in 2023, 2024)."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare names; before the step that signs has acted there is nothing to compare."""
        name = "signatures-complete"
        if outcome is None and run.step.uses == "sign.all":
            return Look(name, ok=True, expected="every signature", saw=NOT_YET)
        try:
            missing = [one for wanted, things in _wanted(run) for one in _missing(run, outcome, wanted, things)]
        except Problem as problem:
            return Look(name, ok=False, expected=problem.expected, saw=problem.saw, place=problem.place)
        if missing or not signings(run, outcome):
            saw = f"{', '.join(missing[:5])} is missing" if missing else NOT_YET
            return Look(name, ok=False, expected="every signature that was declared", saw=saw, place=run.step.id)
        count = len(signings(run, outcome))
        return Look(name, ok=True, expected="every signature that was declared", saw=f"{count} signatures")


class SignaturesVerify:
    """``signatures-verify``: each signature verifies, for the identity and issuer that the pipeline declares."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Verify each, out of the store, as a stranger would."""
        name, expected = "signatures-verify", "signatures of the declared identities"
        if outcome is None and run.step.uses == "sign.all":
            return Look(name, ok=True, expected=expected, saw=NOT_YET)
        found = signings(run, outcome)
        if not found:
            return Look(name, ok=False, expected=expected, saw=NOT_YET, place=run.step.id)
        try:
            for wanted, _things in _wanted(run):
                _verify(run, outcome, wanted, [one for one in found if one.step == wanted.step.id])
        except Problem as problem:
            return Look(name, ok=False, expected=problem.expected or expected, saw=problem.saw, place=problem.place)
        return Look(name, ok=True, expected=expected, saw=f"{len(found)} signatures verify")


def _wanted(run: StepRun) -> list[tuple[Declared, Things]]:
    """Each signing step (this one alone, if it signs), and the files that it signs."""
    steps = [run.step] if run.step.uses == "sign.all" else signing_steps(run.pipeline)
    found = []
    for step in steps:
        if step.id == run.step.id:
            found.append((declared(run, step), files_of(run)))
            continue
        state = run.state.steps.get(step.id)
        if state is None or state.status == "skipped":
            continue
        found.append((declared(run, step), to_sign(flat(state.inputs))))
    return found


def _missing(run: StepRun, outcome: Outcome | None, wanted: Declared, things: Things) -> list[str]:
    """Signatures that no event tells of, or that are not among the files which the step handed over."""
    told = {(one.thing.name, one.how, one.signature.name) for one in signings(run, outcome)}
    handed = _handed_over(run, outcome, wanted)
    return [
        name for thing, how, name in signatures_of(things, wanted.how)
        if (thing.name, how, name) not in told or name not in handed
    ]  # fmt: skip


def _handed_over(run: StepRun, outcome: Outcome | None, wanted: Declared) -> dict[str, Thing]:
    """The signatures by name: of this outcome, or of the newest attempt; and at a step that takes them in, its own."""
    if outcome is not None and run.step.id == wanted.step.id:
        outputs = outcome.outputs
    else:
        state = run.state.steps.get(wanted.step.id)
        outputs = state.outputs if state is not None else {}
        taken = {name: run.inputs[name] for name in outputs if name in run.inputs}
        outputs = {**outputs, **taken}
    return {one.name: one for things in outputs.values() for one in things}


def _verify(run: StepRun, outcome: Outcome | None, wanted: Declared, found: list[SignedThing]) -> None:
    state = run.state.steps.get(wanted.step.id)
    mine = outcome is not None and run.step.id == wanted.step.id
    facts = outcome.facts if mine and outcome is not None else state.facts if state is not None else {}
    judge = judge_of(run, wanted, facts.get("gpg_public_key", ""))
    handed = _handed_over(run, outcome, wanted)
    folder = run.folder / "verify"
    for one in found:
        if one.how not in wanted.how:
            raise Problem("other-how", f"it is signed by {one.how}", " or ".join(wanted.how), place=one.signature.name)
        if handed.get(one.signature.name) != one.signature:
            raise Problem(
                "other-signature", f"{one.signature.name} is not the one that was made", one.signature.digest,
                place=one.signature.name,
            )  # fmt: skip
        file: Path = run.store.fetch(one.thing, folder / "files")
        text = read_signature(run.store.fetch(one.signature, folder / "signatures"))
        judge.verify("sigstore" if one.how == "sigstore" else "gpg", text, file, one.signature.name)
