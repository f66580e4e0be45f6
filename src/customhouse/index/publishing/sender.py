"""Who sends something to be published with a token that was minted for a publisher."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tokens import read_token
from customhouse.terms.identity import Actor
from customhouse.trust import minted


def publisher_behind(key: ServerKey, sql: Connection, text: str, now: datetime, address: str) -> Actor | None:
    """The publisher; None if the text is another kind of token of ours. Raises `Refused` (401) for any other text."""
    token = read_token(key, text)
    if not minted.is_minted(sql, token.id):
        return None
    return minted.bearer(sql, token.id, token.caveats, now, address)
