"""Which second factors accounts have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import second_factor

Method = Literal["totp", "webauthn"]
METHODS: tuple[Method, ...] = ("webauthn", "totp")
"""The strongest first: WebAuthn is bound to our origin, so it cannot be phished."""


def methods_of(sql: Connection, account_ids: Collection[int]) -> Mapping[int, frozenset[Method]]:
    """The methods by account; who has none is left out. Recovery codes are no method of their own."""
    found: dict[int, set[Method]] = {}
    rows = sql.execute(
        sa.select(second_factor.c.account_id, second_factor.c.method)
        .where(second_factor.c.account_id.in_(account_ids))
        .distinct()
    )
    for account_id, method in rows:
        found.setdefault(account_id, set()).add(method)
    return {account_id: frozenset(methods) for account_id, methods in found.items()}
