"""A co-owner's word: she has spoken with the person, and proves with her security key who she is."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.sessions import Session
from customhouse.accounts.tables import second_factor
from customhouse.index.recovery.accept import Given, accept
from customhouse.index.recovery.close import locked
from customhouse.index.recovery.events import RecoveryRefusal
from customhouse.index.recovery.links import word_of
from customhouse.index.recovery.model import Case
from customhouse.index.recovery.people import became_owner_since, co_owners
from customhouse.index.recovery.queries import holding_cases
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

FRESH = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Vouch:
    """A co-owner's word for the person who reads her the case's word."""

    case_id: int
    word: str
    session: Session
    age: timedelta = timedelta(0)
    """So long before the case was opened she must have had her key, and have owned the project."""


def vouch(key: ServerKey, command: Vouch, tx: Tx) -> Case:
    """Take a co-owner's word.

    She has proved who she is with WebAuthn within a quarter of an hour, because a password or a typed code can be
    phished. She owned a project together with the account long before the case was opened, and her keys are as old, so
    that nobody makes a co-owner for the purpose. The word binds it to the case of the person whom she has heard, and
    not to one that a stranger has opened meanwhile.
    """
    case, session = locked(tx, command.case_id), command.session
    shared = co_owners(tx.sql, case.account_id).get(session.user.id) if case.account_id is not None else None
    if shared is None:
        raise unknown_case(command.case_id)
    refuse_without_key(session, tx.now())
    newest = tx.sql.execute(
        sa.select(sa.func.max(second_factor.c.created_at)).where(
            second_factor.c.account_id == session.user.id, second_factor.c.method == "webauthn"
        )
    ).scalar()
    if newest is None or newest >= case.opened_at - command.age:
        raise _not_you(
            "key-too-new", "You have added a security key since the case was opened, or shortly before.", case, session
        )
    if became_owner_since(tx.sql, session.user.id, shared, case.opened_at - command.age):
        raise _not_you("too-new", "You became an owner after the case was opened, or shortly before.", case, session)
    if holding_cases(tx.sql, session.user.id, tx.now()):
        raise _not_you("in-recovery", "Your own account is being recovered, or was a short while ago.", case, session)
    if not hmac.compare_digest(word_of(key, case.public_id).encode(), _typed(command.word).encode()):
        raise _not_you("wrong-word", "This is not the word on the page of this case.", case, session)
    rests_on = frozenset({f"person:{session.user.id}"} | {f"project:{name}" for name in shared})
    given = Given(
        "vouch", f"{session.user.name}, who owns {', '.join(sorted(shared))} too",
        "A security key was used, and the word of the case was typed, which the person had read out.",
        accepted=True, rests_on=rests_on, own=False, person_id=session.user.id,
    )  # fmt: skip
    return accept(tx, case.id, given, by=session.user.identity)


def refuse_without_key(session: Session, now: datetime) -> None:
    """Raise `Refused` unless a security key or passkey was used in this session a short while ago."""
    if session.proved_by != "webauthn" or now - session.proved_at > FRESH:
        raise Refused(
            "needs-webauthn", "Vouching wants a security key or passkey, used within the last 15 minutes.",
            "Prove who you are with it at /account/again/, then vouch.", status=409,
        )  # fmt: skip


def unknown_case(case_id: int) -> Refused:
    """The answer to those whom a case does not concern, and for cases that there are not."""
    return Refused("unknown-case", f"No recovery case {case_id} concerns you.", status=404)


def _not_you(code: str, sentence: str, case: Case, session: Session) -> Refused:
    trace = RecoveryRefusal(session.user.identity, None, case_id=case.id, why=code)
    return Refused(code, sentence, "Ask another co-owner, or write to the operators of this index.", records=(trace,))


def _typed(word: str) -> str:
    letters = "".join(word.lower().split()).replace("-", "")
    return f"{letters[:4]}-{letters[4:]}"
