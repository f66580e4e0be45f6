"""What is over: pending publishers that nobody used, used ID tokens, tokens that have expired."""

from __future__ import annotations

from datetime import timedelta

from customhouse.catalog import queries
from customhouse.index.publishing.pending import end_pending
from customhouse.ledger.tx import Tx
from customhouse.terms.names import ProjectName
from customhouse.trust.publishers import all_pending
from customhouse.trust.tables import minted_token, used_jti

JOB = "tidy-publishing"
TOKENS_KEPT = timedelta(days=90)
"""So long what is remembered of a token's build stands beside it; what was published keeps it for ever."""


def tidy_publishing(_command: None, tx: Tx) -> int:
    """End pending publishers that have expired or whose name is taken, and forget the rest; how many ended.

    Running it again finds nothing.
    """
    now, ended = tx.now(), 0
    for publisher in all_pending(tx.sql):
        name = ProjectName(publisher.pending_name)
        if publisher.expired(now):
            end_pending(tx, publisher, "expired")
        elif _is_taken(tx, name):
            end_pending(tx, publisher, "taken")
        else:
            continue
        ended += 1
    tx.sql.execute(used_jti.delete().where(used_jti.c.kept_until < now))
    tx.sql.execute(minted_token.delete().where(minted_token.c.expires_at < now - TOKENS_KEPT))
    return ended


def _is_taken(tx: Tx, name: ProjectName) -> bool:
    """Whether somebody has the name, or one that could be confused with it. One that is staged may be given back."""
    claim = queries.find_claim(tx.sql, name.normalized, name.ultranormalized)
    return claim is not None and claim.state != "staged"
