"""Who is to sign, as the pipeline declares it, and how the signatures are called."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.signing.gpg import fingerprint_of
from customhouse.release.standing import flat, to_sign
from customhouse.release.things import Thing, Things

How = Literal["sigstore", "gpg"]
ENDINGS: dict[How, str] = {"sigstore": ".sigstore.json", "gpg": ".asc"}
"""``{artifact}.sigstore.json`` (a bundle) and ``{artifact}.asc`` (armored, detached), as python.org names them."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a signing step must make: each file signed in each of these ways, by this actor's identities."""

    step: Step
    how: tuple[How, ...]
    identity: str = ""
    """The subject of the OpenID Connect identity; empty where Sigstore does not sign."""
    issuer: str = ""
    fingerprint: str = ""
    """Of the OpenPGP key, in full; empty where GPG does not sign."""

    @property
    def keys(self) -> tuple[str, ...]:
        """As grants name them: ``oidc:ISSUER#SUBJECT``, ``gpg:FINGERPRINT``."""
        names = {"sigstore": f"oidc:{self.issuer}#{self.identity}", "gpg": f"gpg:{self.fingerprint}"}
        return tuple(names[how] for how in self.how)


def signing_steps(pipeline: Pipeline) -> list[Step]:
    """Every step that signs."""
    return [step for step in pipeline.steps if step.uses == "sign.all"]


def declared(run: StepRun, step: Step | None = None) -> Declared:
    """What the signing step ``step`` (this one, if nothing is said) must make; raises `Problem`.

    Identities are the actor's: ``oidc:ISSUER#SUBJECT`` and ``gpg:FINGERPRINT``. Where he has several, it is
    the first, or the one that the place ``sigstore`` (``identity``) or ``gpg`` (``key``) names; nobody else's.
    """
    step = step or run.step
    how = _how(step)
    actor = run.pipeline.actor(step.actor)
    identity = issuer = fingerprint = ""
    if "sigstore" in how:
        known = [one.removeprefix("oidc:") for one in actor.identities if one.startswith("oidc:")]
        wanted = run.places.get("sigstore", {}).get("identity", "").removeprefix("oidc:")
        chosen = _choose(known, wanted, step, "oidc:ISSUER#SUBJECT", "sigstore.identity")
        issuer, _, identity = chosen.partition("#")
    if "gpg" in how:
        keys = [fingerprint_of(one.removeprefix("gpg:")) for one in actor.identities if one.startswith("gpg:")]
        said = run.places.get("gpg", {}).get("key", "")
        fingerprint = _choose(keys, fingerprint_of(said) if said else "", step, "gpg:FINGERPRINT", "gpg.key")
    return Declared(step, how, identity, issuer, fingerprint)


def _how(step: Step) -> tuple[How, ...]:
    said = step.options.get("how", ("sigstore",))
    chosen = (said,) if isinstance(said, str) else said if isinstance(said, tuple) else ()
    wrong = [one for one in chosen if one not in ENDINGS]
    if not chosen or wrong:
        raise Problem(
            "bad-how", f"with.how is {said!r}", "a list of sigstore, gpg or both", place=f"step {step.id}"
        )  # fmt: skip
    return tuple(one for one in ENDINGS if one in chosen)


def _choose(known: list[str], wanted: str, step: Step, form: str, setting: str) -> str:
    if wanted and wanted not in known:
        raise Problem(
            "other-identity", f"the place says {wanted}", f"an identity of the actor {step.actor}", place=setting,
            next_step="Declare it in the pipeline; whoever sets places does not decide who signs.",
        )  # fmt: skip
    if not known:
        raise Problem(
            "no-identity", f"the actor {step.actor} declares no identity to sign with", form, place=f"step {step.id}",
            next_step="Declare it in the pipeline, under actors.",
        )  # fmt: skip
    return wanted or known[0]


def files_of(run: StepRun) -> Things:
    """Every file that comes into this step, once; raises `Tampered` for two of one name: one would stand for both."""
    found = to_sign(flat(run.inputs))
    for one, other in itertools.pairwise(found):
        if one.name == other.name and one.digest != other.digest:
            raise Tampered("two-files", f"two files are called so: {one.digest}, {other.digest}", "one", place=one.name)
    return found


def signatures_of(things: Things, how: tuple[How, ...]) -> Iterator[tuple[Thing, How, str]]:
    """Each file with each way to sign it, and the name of that signature."""
    for thing in things:
        for one in how:
            yield thing, one, f"{thing.name}{ENDINGS[one]}"
