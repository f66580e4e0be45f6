"""Somebody says how a requirement of released versions is to be read: "it does not work with bar 3", or "it does".

The record is signed with the index's key and added; files and metadata stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from packaging.requirements import Requirement

from customhouse.accounts.tokens import look_again
from customhouse.catalog import queries
from customhouse.catalog.lifecycle import may_yank
from customhouse.formats.amendment import (
    CODE,
    Amendment,
    PublicKey,
    Signed,
    Withdrawal,
    amended,
    line,
    message,
    read_evidence,
    read_reason,
    to_json,
    verify,
)
from customhouse.index.amending.events import ReleaseAmended, ViewAmended
from customhouse.index.amending.queries import counting_for, hosted_releases
from customhouse.index.amending.released import Released, choose, edge
from customhouse.index.amending.tables import amended_release, amendment
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.ledger.chain import canonical
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused, Rejected, TooMany, Unavailable
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity
from customhouse.terms.names import ProjectName

PER_PROJECT = 100
"""How many amendments of a project count at once, in one scope: each stands on the project's page."""
PER_DAY = 200
"""How many of a project, withdrawn ones too, may be made in 24 hours."""
SignedBy = Callable[[Amendment | Withdrawal], tuple[Signed, tuple[PublicKey, ...]]]
"""Signs a record, and says which public keys there are."""


@dataclass(frozen=True, slots=True)
class Amend:
    """A wish to say it."""

    project: str
    versions: str
    """One version, or specifiers of versions that have been released."""
    requirement: str
    """As it is to be read. Extras and marker may be left out."""
    reason: str
    evidence: str
    before: str = ""
    """Which requirement, if the metadata names the project more than once."""
    view: str = ""
    """Say it in this view alone; whoever asks must know that there is such a view."""
    released: tuple[Released, ...] | None = None
    """What the releases of a project that is not hosted here require, as its files say."""
    by: Actor = COMMAND_LINE


def amend(sign: SignedBy, command: Amend, tx: Tx) -> Amendment:
    """Say it; returns the record. Owners and maintainers may for their projects, operators in a view for everything."""
    reason, evidence = read_reason(command.reason), read_evidence(command.evidence)
    name = ProjectName.parse(command.project, where="project").normalized
    released, role, identity = _theirs(command, name, tx)
    chosen, exact = choose(name, command.versions, released)
    before, about = edge(name, chosen, command.requirement, command.before, exact=exact)
    after, kind = amended(before, command.requirement)
    now = tx.now()
    _refuse_more(tx, name, command.view, before, about)
    _refuse_emptying(tx, after)
    record = Amendment(
        new_id(), name, tuple(one.version for one in about), line(before), after, kind, reason, evidence, role, now,
        command.view,
    )  # fmt: skip
    signed = signed_record(sign, record, tx)
    tx.sql.execute(
        amendment.insert().values(
            id=record.id, project=name, view=record.view, kind=kind, requires=record.requires,
            record=canonical(to_json(record)), key=signed.key, signature=signed.signature,
            account_id=command.by.account_id, made_at=now,
        )
    )  # fmt: skip
    tx.sql.execute(
        amended_release.insert(),
        [
            {
                "amendment_id": record.id, "version": one.version, "requires_dist": list(one.requires_dist),
                "requires_python": one.requires_python, "provides_extra": list(one.provides_extra),
            }
            for one in about
        ],
    )  # fmt: skip
    digest = hashlib.sha256(message(record)).hexdigest()
    if command.by.token_id:
        tx.serialize()
        look_again(tx, command.by.token_id, command.by.scope)
    if command.view:
        tx.void_view(command.view)
        tx.record(
            ViewAmended(
                identity, None, command.view, name, record.id, kind, record.releases, record.before, after, reason,
                digest,
            )
        )  # fmt: skip
    else:
        tx.record(
            ReleaseAmended(
                identity, name, record.id, kind, record.releases, record.before, after, reason, evidence, digest
            )
        )
    return record


def signed_record(sign: SignedBy, record: Amendment | Withdrawal, tx: Tx) -> Signed:
    """The signature, checked as everybody will check it: a key that was changed meanwhile would not do."""
    signed, keys = sign(record)
    try:
        verify(signed, keys, tx.now())
    except Rejected as error:
        raise Unavailable("The signing key", f"it was changed just now, or a clock is wrong: {error}") from error
    return signed


def _theirs(command: Amend, name: str, tx: Tx) -> tuple[list[Released], str, Identity]:
    """The releases, and in which role the actor may speak of them; raises `Refused`."""
    if not command.view:
        subject = lock_subject(tx, name, "", "", command.by)
        refuse_if(may_yank(subject.project, subject.standing.role, operator=command.by.operator))
        role = subject.standing.role
        identity = command.by.identity if role is not None else command.by.as_operator
        return hosted_releases(tx.sql, subject.project.id), role or "operator", identity
    refuse_unless_of_view(command.by)
    if command.released is not None:
        return list(command.released), "operator", command.by.as_operator
    subject = lock_subject(tx, name, "", "", command.by)
    if not subject.project.public:
        raise Refused("private", f"{name!r} is private.", "Amend it as its owner, without a view.", status=409)
    return hosted_releases(tx.sql, subject.project.id), "operator", command.by.as_operator


def refuse_unless_of_view(by: Actor) -> None:
    """In a view only those who run the index may speak."""
    if not by.operator:
        raise Refused("not-an-operator", "Only operators say what counts in a view.", "Ask one of them.")


def _refuse_more(tx: Tx, name: str, view: str, before: Requirement, about: list[Released]) -> None:
    made = tx.sql.execute(
        sa.select(sa.func.count())
        .select_from(amendment)
        .where(amendment.c.project == name, amendment.c.made_at > tx.now() - timedelta(days=1))
    ).scalar_one()
    if made >= PER_DAY:
        raise TooMany(f"{made} amendments of {name} were made within a day.", retry_after_seconds=3600)
    there = [one.record for one in counting_for(tx.sql, name, view) if one.record.view == view]
    versions = {one.version for one in about}
    same = next((one for one in there if one.before == line(before) and versions & set(one.versions)), None)
    if same is not None:
        raise Refused(
            "amended-already", f"{name} {', '.join(sorted(versions & set(same.versions)))}: {same.before!r} is amended "
            f"to {same.after!r} already.", f"Withdraw {same.id} first.", status=409,
        )  # fmt: skip
    if len(there) >= PER_PROJECT:
        raise Refused(
            "too-many-amendments", f"{PER_PROJECT} amendments of {name} count already.",
            "Withdraw some, or speak of several versions in one.", status=409,
        )  # fmt: skip


def _refuse_emptying(tx: Tx, after: str) -> None:
    """That no release of the other project is left is not an amendment: whoever means that yanks the release."""
    wanted = Requirement(after)
    other = queries.find_project(tx.sql, ProjectName.parse(wanted.name).normalized)
    if other is None or not other.public:
        return
    versions = queries.versions_of(tx.sql, other.id)
    if versions and not any(wanted.specifier.contains(one, prereleases=True) for one in versions):
        raise Rejected(
            CODE, "requirement", f"none of the {len(versions)} releases of {other.display} is in {wanted.specifier}",
            "a set with one of them in it; or yank the release",
        )  # fmt: skip
