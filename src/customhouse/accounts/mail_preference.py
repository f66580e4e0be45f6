"""Which letters somebody wants. What is about his own account or rights comes in any case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import mail_preference
from customhouse.accounts.users import User
from customhouse.infra.db import put_rows
from customhouse.ledger.events import Event
from customhouse.ledger.tx import Tx

Topic = Literal["releases", "roles", "reports"]
TOPICS: Mapping[Topic, str] = {
    "releases": "New releases of your projects, yanks and changes of status",
    "roles": "Changes of who may do what, invitations of others, webhooks and limits",
    "reports": "What became of your reports; for operators also new cases",
}


@dataclass(frozen=True, slots=True)
class MailPreferenceSet(Event):
    """An account gets other letters than before."""

    kind: ClassVar[str] = "mail-preference-set"
    user_id: str
    wanted: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class SetMailPreference:
    """Somebody's wish for letters about exactly these topics."""

    user: User
    wanted: frozenset[Topic]


def set_mail_preference(command: SetMailPreference, tx: Tx) -> None:
    """Note which letters somebody wants from now on."""
    wanted: dict[str, bool] = {topic: topic in command.wanted for topic in TOPICS}
    put_rows(
        tx.sql,
        mail_preference,
        [{"account_id": command.user.id, "topic": topic, "wanted": on} for topic, on in wanted.items()],
    )
    tx.record(MailPreferenceSet(command.user.identity, None, user_id=str(command.user.id), wanted=wanted))


def wanted_topics(sql: Connection, account_id: int) -> frozenset[Topic]:
    """The topics of which somebody wants to hear: all that he has not switched off."""
    off = set(
        sql.execute(
            sa.select(mail_preference.c.topic).where(
                mail_preference.c.account_id == account_id, sa.not_(mail_preference.c.wanted)
            )
        ).scalars()
    )
    return frozenset(topic for topic in TOPICS if topic not in off)
