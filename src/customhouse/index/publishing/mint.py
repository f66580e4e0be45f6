"""Exchanging an ID token for a token of ours: PyPI's exchange, and that of PEP 807.

First the token is verified, with no transaction open: its issuer may have to be asked for keys. Then one deed claims
it (A23), finds every publisher that it is, and writes the token that it gets, good for exactly their projects and for a
quarter of an hour. What is refused leaves a trace with the projects that are built where the token comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tokens import signature_of
from customhouse.catalog.tables import file, project
from customhouse.formats.api_token import ApiToken
from customhouse.formats.caveats import caveats_of
from customhouse.index.publishing.pending import lives
from customhouse.infra.db import insert_new
from customhouse.infra.issuer import Issuers
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS
from customhouse.terms.scope import Action, Scope
from customhouse.trust import jwt
from customhouse.trust.events import (
    PendingPublisherContested,
    PublisherAlarm,
    PublisherLearned,
    PublisherRefused,
    TokenMinted,
)
from customhouse.trust.issuers import PublisherIssuer, issuer_of_token
from customhouse.trust.judge import judge
from customhouse.trust.jwt import IdToken
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.providers.provider import Mismatch
from customhouse.trust.publishers import TrustedPublisher, find_publisher, publishers_at
from customhouse.trust.tables import minted_token, trusted_publisher, used_jti

LIFE = timedelta(minutes=15)
"""PEP 807: at least 900 seconds from the request on, and at most 21,600."""
REMEMBERED = timedelta(hours=1)
"""A token's identifier is kept for so long after the token is dead: clocks that are turned back let nobody in twice."""
ALARM_EVERY = timedelta(days=1)
MOST_PROJECTS = 500
"""Of one token."""
NOTED_EVERY = timedelta(hours=1)
ALARMING = frozenset({"other-ids", "refused-event"})
"""What owners get a letter about: somebody else has their repository's name, or can make their workflow run."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a build sends: its ID token, and whether the token that it wants is for one upload only."""

    id_token: str
    single_use: bool = False


@dataclass(frozen=True, slots=True)
class Minted:
    """A token at the only moment when its text exists."""

    id: str
    text: str
    expires: datetime
    projects: tuple[str, ...]
    """Normalised names."""

    def __repr__(self) -> str:
        return f"Minted({self.id}, {', '.join(self.projects)}, …)"


@dataclass(frozen=True, slots=True)
class Genuine:
    """The deed's command: a token that has been verified."""

    token: IdToken
    issuer: PublisherIssuer
    single_use: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A publisher at the place that a token comes from, with the project it is for, and what speaks against it."""

    publisher: TrustedPublisher
    project: str
    """Normalised."""
    mismatch: Mismatch | None


class NoPublisher(Refused):
    """A genuine token for which nobody has a publisher."""

    def __init__(self, found: Sequence[Judged]) -> None:
        """``found`` are the publishers at its place, none of which it is."""
        self.found = tuple(found)
        code = self.found[0].mismatch.code if self.found and self.found[0].mismatch else ""
        why = f": the token {self.found[0].mismatch.says}" if code and self.found[0].mismatch else ""
        super().__init__(
            "invalid-publisher", f"The token is genuine, but no trusted publisher here corresponds to it{why}.",
            "Compare what the project's trusted publishers ask for with the claims of the token.", status=422,
        )  # fmt: skip


class Contested(NoPublisher):
    """A genuine token that several people wait for with one name."""

    def __init__(self, found: Sequence[Judged]) -> None:
        self.found = tuple(found)
        names = ", ".join(sorted({one.publisher.pending_name for one in found}))
        Refused.__init__(
            self, "invalid-pending-publisher",
            f"Several people wait for builds of this place to begin {names}, so they begin it for none of them.",
            "Let its owner make the project, or the others withdraw their pending publishers.", status=422,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Minting:
    """What exchanging needs besides the token."""

    deeds: Deeds
    key: ServerKey
    issuers: Issuers
    known: Sequence[PublisherIssuer]
    audience: str

    def exchange(self, wish: Exchange) -> Minted:
        """The token that this one is worth. Raises `Refused` (422), or `Unavailable` if its issuer is away."""
        unverified = jwt.take_apart(wish.id_token)
        issuer = issuer_of_token(self.known, unverified.issuer)
        keys = self.issuers.keys(issuer.source, lacking=unverified.key_id)
        token = jwt.verify(unverified, keys, issuer.expected(self.audience), self.deeds.clock.now())
        genuine = Genuine(token, issuer, wish.single_use)
        try:
            return self.deeds.do(lambda command, tx: mint(self.key, command, tx), genuine)
        except NoPublisher as refusal:
            self.deeds.do(note_refusal, Refusal(genuine, refusal.found))
            raise


def mint(key: ServerKey, command: Genuine, tx: Tx) -> Minted:
    """Claim the ID token, find the publishers that it is, and make a token for their projects."""
    token, issuer = command.token, command.issuer
    kept_until = token.dead_at + REMEMBERED
    if not insert_new(tx.sql, used_jti, issuer=issuer.url, jti=token.identifier, kept_until=kept_until):
        raise Refused(
            "invalid-reuse-token", "This ID token has been exchanged already.", "Ask for a new one.", status=422
        )
    judged = _judge_all(tx, command)
    matching = [one for one in judged if one.mismatch is None]
    contested = _contested(matching)
    chosen = _most_used(tx.sql, _most_telling([one for one in matching if one not in contested]))
    if not chosen and contested:
        raise Contested(contested)
    if not chosen:
        raise NoPublisher([one for one in judged if one.mismatch is not None])
    for one in contested:
        _note_contested(tx, one)
    # Each project's own publisher says whether what is sent into it waits; the token alone only if all do.
    stages_only = all(one.publisher.stages_only for one in chosen)
    minted = _write(key, command, chosen, tx, stages_only=stages_only)
    for one in chosen:
        _note_use(tx, command, one)
    for one in chosen:
        publisher = one.publisher
        # Not where it was built: anybody may name any repository, and hear nothing of it by that.
        tx.record(
            TokenMinted(
                publisher.identity, one.project if not publisher.pending else None, publisher_id=publisher.id,
                title=publisher.title, issuer=publisher.issuer, token_id=minted.id,
                expires=minted.expires.isoformat(timespec="seconds"), stages_only=publisher.stages_only,
            )
        )  # fmt: skip
    return minted


@dataclass(frozen=True, slots=True)
class Refusal:
    """A genuine token that was refused, and the publishers whose builds come from the same place."""

    genuine: Genuine
    found: tuple[Judged, ...]


def note_refusal(command: Refusal, tx: Tx) -> None:
    """Use the ID token up, and tell the projects that are built there; what owners must hear of at most once a day."""
    token = command.genuine.token
    insert_new(
        tx.sql, used_jti, issuer=command.genuine.issuer.url, jti=token.identifier,
        kept_until=token.dead_at + REMEMBERED,
    )  # fmt: skip
    for one in command.found:
        if one.mismatch is None:
            _note_contested(tx, one)
        if one.publisher.pending or one.mismatch is None:
            continue
        publisher = find_publisher(tx.sql, one.publisher.id, lock=True)
        if publisher.removed_at is None:
            _note_one(tx, command.genuine, Judged(publisher, one.project, one.mismatch), one.mismatch)


def _note_one(tx: Tx, genuine: Genuine, one: Judged, mismatch: Mismatch) -> None:
    publisher, now = one.publisher, tx.now()
    if mismatch.code not in ALARMING:
        if not _noted_long_ago(tx, publisher, mismatch.code, NOTED_EVERY):
            return
        tx.record(
            PublisherRefused(
                ANONYMOUS, one.project, publisher_id=publisher.id, title=publisher.title, issuer=publisher.issuer,
                code=mismatch.code, why=mismatch.says[:400],
            )
        )  # fmt: skip
        return
    last = publisher.alarm or {}
    if last.get("code") == mismatch.code and now - datetime.fromisoformat(last["at"]) < ALARM_EVERY:
        return
    ids = dict(PROVIDERS[genuine.issuer.kind].ids(genuine.issuer, genuine.token.claims))
    alarm = {"at": now.isoformat(), "code": mismatch.code, "why": mismatch.says[:400], "ids": ids}
    tx.sql.execute(trusted_publisher.update().where(trusted_publisher.c.id == publisher.id).values(alarm=alarm))
    tx.record(
        PublisherAlarm(
            ANONYMOUS, one.project, publisher_id=publisher.id, title=publisher.title, issuer=publisher.issuer,
            code=mismatch.code, why=mismatch.says[:400], known=_in_words(publisher.learned), shown=_in_words(ids),
        )
    )  # fmt: skip


def _note_contested(tx: Tx, one: Judged) -> None:
    """Tell who waits for a name that others wait for with the same builds, once a day at most."""
    publisher = find_publisher(tx.sql, one.publisher.id, lock=True)
    if publisher.removed_at is None and publisher.pending and _noted_long_ago(tx, publisher, "contested", ALARM_EVERY):
        tx.record(
            PendingPublisherContested(
                ANONYMOUS, None, publisher_id=publisher.id, title=publisher.title, issuer=publisher.issuer,
                user_id=str(publisher.pending_by), name=publisher.pending_name,
            )
        )  # fmt: skip


def _noted_long_ago(tx: Tx, publisher: TrustedPublisher, code: str, every: timedelta) -> bool:
    """Whether it is time to note such a refusal again; says that it is noted now if so."""
    noted, now = dict(publisher.refusals or {}), tx.now()
    if code in noted and now - datetime.fromisoformat(noted[code]) < every:
        return False
    noted[code] = now.isoformat()
    tx.sql.execute(trusted_publisher.update().where(trusted_publisher.c.id == publisher.id).values(refusals=noted))
    return True


def _judge_all(tx: Tx, command: Genuine) -> list[Judged]:
    """Every living publisher at the place that the token names, locked in the order of their ids."""
    issuer, claims = command.issuer, command.token.claims
    place = PROVIDERS[issuer.kind].place_of(issuer, claims)
    if not place:
        return []
    found = []
    for publisher in publishers_at(tx.sql, issuer.url, place, lock=True):
        if publisher.pending:
            name = publisher.pending_normalized if lives(tx, publisher) else None
        else:
            name = _living_project(tx.sql, publisher.project_id or 0)
        if name is not None:
            found.append(Judged(publisher, name, judge(issuer, publisher, claims)))
    return found


def _living_project(sql: Connection, project_id: int) -> str | None:
    return sql.execute(
        sa.select(project.c.normalized).where(project.c.id == project_id, project.c.deleted_at.is_(None))
    ).scalar_one_or_none()


def _contested(matching: Sequence[Judged]) -> list[Judged]:
    """Pending publishers of one name that builds of one place would give to several people.

    Whoever registers first is not thereby the one whose builds they are, so none of them gets the name by these.
    """
    owners: dict[str, set[tuple[int | None, int | None]]] = {}
    pending = [one for one in matching if one.publisher.pending]
    for one in pending:
        owners.setdefault(one.project, set()).add((one.publisher.pending_by, one.publisher.organization_id))
    return [one for one in pending if len(owners[one.project]) > 1]


def _most_used(sql: Connection, chosen: list[Judged]) -> list[Judged]:
    """At most as many as one token is good for: first those that have published something, then the oldest.

    So nobody keeps a build from its own projects by letting it publish into many of his.
    """
    if len(chosen) <= MOST_PROJECTS:
        return chosen
    ids = [one.publisher.id for one in chosen]
    used = set(sql.execute(sa.select(file.c.publisher_id).where(file.c.publisher_id.in_(ids)).distinct()).scalars())
    return sorted(chosen, key=lambda one: (one.publisher.id not in used, one.publisher.id))[:MOST_PROJECTS]


def _most_telling(matching: Sequence[Judged]) -> list[Judged]:
    """One publisher for each project: the one that says most, so that an environment of its own decides."""
    found: dict[str, Judged] = {}
    for one in matching:
        said = len([text for text in one.publisher.settings.values() if text])
        before = found.get(one.project)
        if before is None or said > len([text for text in before.publisher.settings.values() if text]):
            found[one.project] = one
    return list(found.values())


def _write(key: ServerKey, command: Genuine, chosen: Sequence[Judged], tx: Tx, *, stages_only: bool) -> Minted:
    now = tx.now()
    # Caveats count whole seconds, and a token must live for 900 of them at least.
    expires = (now + LIFE).replace(microsecond=0) + timedelta(seconds=1)
    actions: frozenset[Action] = frozenset({"stage"}) if stages_only else frozenset({"stage", "upload"})
    projects = frozenset(one.project for one in chosen)
    # The projects stand in the row alone: strangers who name the same place must not make the text too long.
    caveats = caveats_of(Scope(actions=actions, expires=expires))
    identifier = new_id()
    tx.sql.execute(
        minted_token.insert().values(
            id=identifier, publisher_id=chosen[0].publisher.id,
            publishers=[[one.project, one.publisher.id, one.publisher.title] for one in chosen],
            caveats="~".join(caveats), claims=_kept(command), single_use=command.single_use, created_at=now,
            expires_at=expires,
        )
    )  # fmt: skip
    text = ApiToken(identifier, caveats, signature_of(key, identifier, caveats)).text
    return Minted(identifier, text, expires, tuple(sorted(projects)))


def _note_use(tx: Tx, command: Genuine, one: Judged) -> None:
    """Note the use; at the first one learn the ids that every later token must have."""
    publisher = one.publisher
    values: dict[str, object] = {"used_at": tx.now()}
    if not publisher.learned:
        ids = dict(PROVIDERS[command.issuer.kind].ids(command.issuer, command.token.claims))
        values["learned"] = ids
        if ids and not publisher.pending:
            tx.record(
                PublisherLearned(
                    publisher.identity, one.project, publisher_id=publisher.id, title=publisher.title,
                    issuer=publisher.issuer, ids=_in_words(ids),
                )
            )  # fmt: skip
    tx.sql.execute(trusted_publisher.update().where(trusted_publisher.c.id == publisher.id).values(**values))


def _kept(command: Genuine) -> dict[str, str]:
    return PROVIDERS[command.issuer.kind].kept(command.issuer, command.token.claims)


def _in_words(ids: object) -> str:
    items = sorted(ids.items()) if isinstance(ids, dict) else []
    return ", ".join(f"{name} {value}" for name, value in items)[:400]
