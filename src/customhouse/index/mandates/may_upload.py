"""The rule of the upload: whoever lacks the second factor that an enforced mandate asks for publishes nothing there.

One statement where no mandate holds, which is nearly always; a second one asks for the methods of the account. The
words are looked up only for a refusal or a reminder.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import second_factor
from customhouse.catalog.tables import critical_mark
from customhouse.index.mandates.model import ACCEPTED
from customhouse.index.mandates.requirements import Requirement, requirements_of
from customhouse.index.mandates.tables import mandate, mandate_exemption
from customhouse.index.mandates.text import requirements_text
from customhouse.index.publisher import Publisher
from customhouse.terms.errors import Refused

# Made once: building a statement costs more than running it.
_METHODS = sa.select(second_factor.c.method).where(second_factor.c.account_id == sa.bindparam("account"))
_NOW = sa.bindparam("now", type_=mandate.c.enforced_at.type)
_PROJECT, _ACCOUNT = sa.bindparam("project", type_=sa.String), sa.bindparam("account", type_=sa.BigInteger)
_LET_OFF = sa.exists().where(
    mandate_exemption.c.mandate_id == mandate.c.id,
    mandate_exemption.c.ended_at.is_(None),
    mandate_exemption.c.until > _NOW,
    sa.or_(mandate_exemption.c.account_id == _ACCOUNT, mandate_exemption.c.project == _PROJECT),
)
_HOLDING = sa.select(mandate.c.id, mandate.c.methods, mandate.c.enforced_at).where(
    mandate.c.ended_at.is_(None),
    mandate.c.warned_at <= _NOW,
    sa.or_(
        mandate.c.scope == "all",
        sa.and_(mandate.c.scope == "critical", sa.exists().where(critical_mark.c.normalized == _PROJECT)),
        sa.and_(
            mandate.c.scope == "organization",
            mandate.c.organization_id == sa.bindparam("organization", type_=sa.BigInteger),
        ),
        sa.and_(mandate.c.scope == "project", mandate.c.project == _PROJECT),
    ),
    sa.not_(_LET_OFF),
).order_by(mandate.c.enforced_at, mandate.c.id)  # fmt: skip


def may_upload(sql: Connection, publisher: Publisher) -> Refused | None:
    """Refuse with the text of the page, and say where it is."""
    missing = next((row for row in _missing(sql, publisher) if row.enforced_at <= publisher.now), None)
    if missing is None:
        return None
    found = _requirement(sql, publisher, missing.id)
    text = requirements_text(found, publisher.site) if found is not None else "You need a second factor."
    return Refused("second-factor-required", text, f"All that is required of you: {publisher.site}/account/required/")


def reminders(sql: Connection, publisher: Publisher) -> list[str]:
    """What an upload that passed is told because it will not pass for long."""
    missing = [row.id for row in _missing(sql, publisher) if row.enforced_at > publisher.now]
    found = [one for mandate_id in missing if (one := _requirement(sql, publisher, mandate_id)) is not None]
    return [requirements_text(one, publisher.site) for one in found]


def _missing(sql: Connection, publisher: Publisher) -> list[Any]:
    """The mandates that hold here, or soon will, and that the account does not meet."""
    account_id, project = publisher.account_id, publisher.project
    holding = sql.execute(
        _HOLDING,
        {
            "now": publisher.now,
            "project": project.normalized,
            "account": account_id,
            "organization": project.organization_id,
        },
    ).all()
    if not holding:
        return []
    methods = set(sql.execute(_METHODS, {"account": account_id}).scalars())
    return [row for row in holding if not (ACCEPTED[row.methods] & methods)]


def _requirement(sql: Connection, publisher: Publisher, mandate_id: int) -> Requirement | None:
    found = requirements_of(sql, publisher.account_id, publisher.now)
    return next((one for one in found if one.because is not None and one.because.mandate.id == mandate_id), None)
