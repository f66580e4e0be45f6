"""Rules of people: who says yes, and whether it is more than one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from customhouse.formats.pipeline.facts import SIGN, Facts
from customhouse.formats.pipeline.finding import Finding, error, warning
from customhouse.formats.pipeline.mitigations import ways_of
from customhouse.formats.pipeline.model import Gate, Step

_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})", re.ASCII)


def people_rules(facts: Facts) -> Iterator[Finding]:
    """Findings about actors and gates."""
    for step, gate in facts.gated():
        yield from _gate(facts, step, gate)
    yield from _identities(facts)
    yield from _writers(facts)
    yield from _signers(facts)


def _gate(facts: Facts, step: Step, gate: Gate) -> Iterator[Finding]:
    place = f"step {step.id}"
    for name in gate.need:
        if facts.actors[name].machine:
            yield error("machine-approves", place, f"{name} is a machine and cannot say yes.", "Name people in 'need'.")
    least = facts.least_people(gate)
    if least < gate.quorum:
        shared = next(sorted(one) for one in facts.people(gate.need) if len(one) > 1)
        whom = "one person" if least == 1 else f"{least} people"
        yield error(
            "quorum-overlap", place,
            f"The quorum of {gate.quorum} can be filled by {whom}: {' and '.join(shared)} share an identity.",
            "Give each person identities of his own.",
        )  # fmt: skip
    if gate.quorum == 1 and len(gate.need) > 1 and step.actor in gate.need:
        yield error(
            "approves-himself", place, f"One yes is enough, and {step.actor}, who acts, can say it himself.",
            "Ask for 2, or only for others.",
        )  # fmt: skip
    unknown = [one for one in gate.need if not facts.actors[one].identities]
    if unknown and gate.quorum > 1:
        yield error(
            "quorum-unproven", place,
            f"Nobody can tell whether {unknown[0]} is somebody else than the others: no identity is declared.",
            f'[actors.{unknown[0]}] identities = ["user:…"].',
        )  # fmt: skip


def _identities(facts: Facts) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for actor in facts.pipeline.actors:
        for identity in actor.identities:
            other = owners.setdefault(identity.casefold(), actor.id)
            if other != actor.id:
                yield error(
                    "shared-identity", f"actor {actor.id}", f"It has the same identity as {other}: {identity}.",
                    "One actor for one person or machine.",
                )  # fmt: skip
            if identity.startswith("gpg:") and not _FINGERPRINT.fullmatch(identity[4:]):
                yield warning(
                    "identity-unclear", f"actor {actor.id}", f"{identity} is no whole fingerprint.",
                    "40 hexadecimal digits: gpg --list-keys --with-colons.",
                )  # fmt: skip


def _writers(facts: Facts) -> Iterator[Finding]:
    for step in facts.using("git.freeze", "git.unfreeze", "git.sync", "git.push", "git.push_last"):
        writers = facts.env(step).writers
        if writers and step.actor not in writers:
            yield error(
                "not-a-writer", f"step {step.id}", f"{step.actor} may not write to {step.env}.",
                f'[environments.{step.env}] writers = ["{step.actor}"], or another actor.',
            )  # fmt: skip


def _signers(facts: Facts) -> Iterator[Finding]:
    for step in facts.using("external.hand_in"):
        if not any(one.startswith(("oidc:", "gpg:", "key:")) for one in facts.actors[step.actor].identities):
            yield error(
                "no-signing-identity", f"step {step.id}",
                f"{step.actor} signs what he hands in, and nobody says as whom.",
                f'[actors.{step.actor}] identities = ["oidc:ISSUER#SUBJECT"], or gpg:FINGERPRINT, or key:HEX.',
            )  # fmt: skip
    for step in facts.using(SIGN):
        identities = facts.actors[step.actor].identities
        for how, begin in (("sigstore", "oidc:"), ("gpg", "gpg:")):
            if how in ways_of(step) and not any(one.startswith(begin) for one in identities):
                form = "oidc:ISSUER#SUBJECT" if how == "sigstore" else "gpg:FINGERPRINT"
                yield error(
                    "no-signing-identity", f"step {step.id}",
                    f"It signs by {how}, and nobody says who {step.actor} is there.",
                    f'[actors.{step.actor}] identities = ["{form}"].',
                )  # fmt: skip
