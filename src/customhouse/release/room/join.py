"""Joining a run: a machine shows who it is, and from then on its key speaks for the actor that it is.

A machine of a build service shows an ID token (OpenID Connect) whose issuer this index knows, made out for it, and used
here once. A person's machine comes with his session or API token. Either way the identity must be one that the pipeline
gives to the actor, and the machine has signed the very line that says so with its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from customhouse.accounts.server_key import ServerKey
from customhouse.formats.pipeline.model import Actor as PipelineActor
from customhouse.infra.db import insert_new
from customhouse.infra.issuer import Issuers
from customhouse.release.events import Joined
from customhouse.release.room.keys import machine_token
from customhouse.release.room.ledger_events import MachineRemoved
from customhouse.release.room.members import Member
from customhouse.release.room.people import identity_for, unknown_run
from customhouse.release.room.runs import Machine, machines_of
from customhouse.release.room.sitting import Sitting
from customhouse.release.room.tables import release_machine
from customhouse.release.sealed import Said
from customhouse.release.sealing import said_holds
from customhouse.release.standing import canonical_identity
from customhouse.release.work.identity import account_evidence, evidence_of, identity_of
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import ANONYMOUS, Identity
from customhouse.trust import jwt
from customhouse.trust.issuers import PublisherIssuer, issuer_of_token
from customhouse.trust.jwt import IdToken
from customhouse.trust.providers.known import begun_by_strangers
from customhouse.trust.tables import used_jti

MOST_MACHINES = 100
REMEMBERED = timedelta(hours=1)
"""A token's identifier is kept for so long after the token is dead, as where it is exchanged (`index.publishing`)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a machine has shown of itself: an ID token that was verified, or a member who came himself."""

    token: IdToken | None = None
    issuer: str = ""
    member: Member | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """A wish to join. ``joined`` and ``said`` are what the machine has signed."""

    joined: Joined
    said: Said
    shown: Shown


@dataclass(frozen=True, slots=True)
class Welcome:
    """A machine that is in."""

    machine_id: int
    token: str
    new: bool


def show_token(
    text: str, issuers: Issuers, known: Sequence[PublisherIssuer], audience: str, clock: Clock
) -> Shown:  # fmt: skip
    """Verify an ID token, with no transaction open. Raises `Refused` (422), or `Unavailable` if its issuer is away."""
    unverified = jwt.take_apart(text)
    issuer = issuer_of_token(known, unverified.issuer)
    keys = issuers.keys(issuer.source, lacking=unverified.key_id)
    token = jwt.verify(unverified, keys, issuer.expected(audience), clock.now())
    if (why := begun_by_strangers(issuer, token.claims)) is not None:
        raise Refused(why.code, f"The token {why.says}.", "Join from a run that only your own people can begin.")
    return Shown(token, issuer.url)


def check_signed(run: str, joined: Joined, said: Said) -> None:
    """The line is signed by the key that it names; raises `Rejected`.

    Looked at before the run is: what is wrong with it is told in the same way of a run that there is not.
    """
    if not said_holds(joined, run=run, by=joined.actor, said=said) or said.key != joined.machine_key:
        raise Rejected("not-signed", "said", "the machine has not signed this line with its key", "a signature of it")


def join(key: ServerKey, command: Join, sitting: Sitting) -> Welcome:
    """Let a machine in. One that is in already, with this key and as this actor, gets its token again."""
    run, tx, joined = sitting.run, sitting.tx, command.joined
    check_signed(run.id, joined, command.said)
    actor = next((one for one in sitting.pipeline.actors if one.id == joined.actor), None)
    identity, evidence, account_id = _identity(command.shown, sitting, actor)
    if actor is None or canonical_identity(identity) not in {canonical_identity(one) for one in actor.identities}:
        raise _not_he(command.shown, joined.actor, identity)
    if joined.identity != identity or joined.evidence != evidence:
        raise Rejected("other-identity", "body", "says something else than what was shown", f"{identity} {evidence}")
    there = machines_of(tx.sql, run.id)
    known = next((one for one in there if one.key == joined.machine_key), None)
    if known is not None:
        if known.removed_at is not None or known.actor != joined.actor or known.identity != identity:
            raise Refused("key-known", "This key was used in this run by another machine, or sent away.", "Make a new"
                          " key.", status=409)  # fmt: skip
        return Welcome(known.id, machine_token(key, run.id, known.id), new=False)
    if run.over:
        raise Refused("run-over", f"This run is {run.status}.", status=409)
    if len(there) >= MOST_MACHINES:
        raise Refused("too-many-machines", f"{MOST_MACHINES} machines have joined this run.", status=409)
    sitting.writer.who = _in_ledger(command.shown)
    sitting.writer.say(joined, by=joined.actor, said=command.said)
    row = insert_new(
        tx.sql, release_machine, run_id=run.id, actor=joined.actor, machine_key=joined.machine_key, identity=identity,
        account_id=account_id, joined_at=tx.now(),
    )  # fmt: skip
    if row is None:
        raise Refused("key-known", "This key has just joined.", "Ask again.", status=409)
    return Welcome(int(row.id), machine_token(key, run.id, int(row.id)), new=True)


def remove_machine(sitting: Sitting, machine_id: int, member: Member) -> Machine:
    """Send a machine away: its token opens nothing any more, and nothing that its key signs is taken.

    Actors of the run may, and whoever owns the machine.
    """
    run, tx = sitting.run, sitting.tx
    found = next((one for one in machines_of(tx.sql, run.id) if one.id == machine_id), None)
    if found is None or found.removed_at is not None:
        raise Refused("unknown-machine", "No such machine is in this run.", status=404)
    if not member.actors and found.account_id != member.account_id:
        raise Refused("not-in-charge", "Only people whom the pipeline names as actors send machines away.")
    tx.sql.execute(
        release_machine.update().where(release_machine.c.id == found.id).values(removed_at=tx.now())
    )  # fmt: skip
    tx.record(
        MachineRemoved(
            member.identity, run.told_of, run=run.id, version=run.version, actor_name=found.actor, machine_key=found.key
        )
    )  # fmt: skip
    return found


def _identity(shown: Shown, sitting: Sitting, actor: PipelineActor | None) -> tuple[str, str, int | None]:
    """Identity, evidence and account of who joins. A token is used up by it."""
    if shown.token is not None:
        token = shown.token
        kept_until = token.dead_at + REMEMBERED
        row = insert_new(
            sitting.tx.sql, used_jti, issuer=shown.issuer, jti=token.identifier, kept_until=kept_until
        )  # fmt: skip
        if row is None:
            raise Refused(
                "invalid-reuse-token", "This ID token was used already.", "Ask your build service for a new one.",
                status=422,
            )  # fmt: skip
        return identity_of(token.claims), evidence_of(token.claims), None
    member = shown.member
    if member is None:
        raise unknown_run()
    identity = identity_for(sitting.tx.sql, actor, member.account_id) if actor is not None else ""
    return identity or f"user:{member.name}", account_evidence(member.name), member.account_id


def _not_he(shown: Shown, actor: str, identity: str) -> Refused:
    """A member may hear why; a stranger with a genuine token hears what he would hear of a run that never was."""
    if shown.member is None:
        return unknown_run()
    return Refused("not-this-actor", f"{identity} is not the actor {actor[:60]!r} of this run.")


def _in_ledger(shown: Shown) -> Identity:
    return shown.member.identity if shown.member is not None else ANONYMOUS
