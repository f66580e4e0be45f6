"""A person at the machine that conducts: who he is, proved by a key that the pipeline names, and what he says.

``key:HEX`` is an Ed25519 key file of his own; ``gpg:FINGERPRINT`` an OpenPGP key, which signs that a key file speaks
for it in this run, and signs each yes. Accounts (``user:``) and logins (``oidc:``) only a server can verify, and
security keys, too: whoever must show one meets at a release room.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from customhouse.formats.pipeline.model import Actor, Pipeline
from customhouse.release.actions import Problem
from customhouse.release.events import Approved, Asked, Event, Joined
from customhouse.release.machine_key import MachineKey
from customhouse.release.question import answer_message, proof_by_gpg, proof_by_key, rank
from customhouse.release.sealed import Said
from customhouse.release.sealing import say
from customhouse.release.signing.openpgp import OwnKey, joining_bytes, joining_evidence
from customhouse.release.standing import canonical_identity, factor_demanded, same_people
from customhouse.release.state import State
from customhouse.terms.errors import Refused

ROOM = "customhouse release open"
"""What opens a run where people meet."""


def own_key_file() -> Path:
    """Where a person's key lies, if nothing else is said."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path.home() / ".config") / "customhouse" / "release.key"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts as this actor, with this key."""

    actor: Actor
    identity: str
    key: MachineKey
    evidence: str = ""
    openpgp: OwnKey | None = None
    """Where he proves himself by one: it signs each yes itself."""

    def said(self, event: Event, run: str) -> Said:
        """His signature."""
        return say(event, run=run, by=self.actor.id, key=self.key)

    def join(self) -> Joined:
        """What he says first."""
        return Joined(self.actor.id, self.identity, self.key.public, self.evidence)

    def has_joined(self, state: State) -> bool:
        """Whether his key speaks for him already."""
        return self.key.public in state.keys.get(self.actor.id, ())

    def name(self, pipeline: Pipeline) -> str:
        """Which person he is: one name for all his roles."""
        return same_people(pipeline)[self.actor.id]

    def yes(self, state: State, asked: Asked) -> Approved:
        """His answer to a question; raises `Refused` if he must show more than a key."""
        step = state.pipeline.step(asked.step)
        demanded = factor_demanded(state, step, self.actor.id)
        if rank(demanded) > 0:
            raise Refused(
                "needs-room", f"{self.actor.id} must show {demanded!r} here, and one machine alone verifies none.",
                f"Open the run at a server, where people approve in the browser: {ROOM}",
            )  # fmt: skip
        return Approved(
            asked.step, asked.attempt, asked.question, self.actor.id, self.name(state.pipeline), "none",
            self._proof(asked.question),
        )  # fmt: skip

    def _proof(self, question: str) -> str:
        if self.openpgp is None:
            return proof_by_key(question, actor=self.actor.id, key=self.key)
        signature = _signed(self.openpgp, answer_message(question, actor=self.actor.id))
        return proof_by_gpg(self.openpgp.fingerprint, signature)


def person_of(state: State, key: MachineKey, *, actor: str = "", gpg: str = "", home: str = "") -> Person:
    """Who has this key; raises `Refused` that says what the pipeline would have to name.

    ``gpg`` is a fingerprint: that key, in the home, signs that the key file speaks for it.
    """
    pipeline = state.pipeline
    identity = f"gpg:{gpg}" if gpg else f"key:{key.public}"
    wanted = canonical_identity(identity)
    mine = [
        one
        for one in pipeline.actors
        if not one.machine and wanted in map(canonical_identity, one.identities) and actor in ("", one.id)
    ]
    if not mine:
        who = actor or "one of " + ", ".join(one.id for one in pipeline.actors if not one.machine)
        raise Refused(
            "unknown-person", f"The pipeline names no {identity} as an identity of {who}.",
            f'Add "{identity}" to the actor\'s identities and raise the pipeline\'s version, or, for accounts and '
            f"logins, open the run at a server: {ROOM}",
        )  # fmt: skip
    if len(mine) > 1:
        raise Refused(
            "which-actor", f"You are several actors: {', '.join(one.id for one in mine)}.", "Say which: --as ACTOR"
        )
    if not gpg:
        return Person(mine[0], identity, key)
    openpgp = _own_openpgp(gpg, home)
    joined = key.public in state.keys.get(mine[0].id, ())
    evidence = "" if joined else _vouched(state.run, mine[0].id, key, openpgp)
    return Person(mine[0], identity, key, evidence, openpgp)


def _own_openpgp(fingerprint: str, home: str) -> OwnKey:
    gnupg = Path(home or os.environ.get("GNUPGHOME", "") or Path.home() / ".gnupg")
    return OwnKey(fingerprint, gnupg, os.environ.get("CUSTOMHOUSE_RELEASE_GPG_PASSPHRASE", ""))


def _vouched(run: str, actor: str, key: MachineKey, openpgp: OwnKey) -> str:
    """That this OpenPGP key lets the key file speak for it, with the public key, so that strangers can verify it."""
    signature = _signed(openpgp, joining_bytes(run, actor, key.public))
    return joining_evidence(openpgp.public(), signature)


def _signed(openpgp: OwnKey, message: bytes) -> str:
    try:
        with TemporaryDirectory(prefix="customhouse-gpg-") as folder:
            return openpgp.sign(message, Path(folder))
    except Problem as problem:
        raise Refused("not-proved", f"gpg has not proved who you are: {problem}") from problem
