"""Whether somebody may make releases ready and no more: by his token, or as a publisher."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from customhouse.index.approving.facts import Sender, asked_of
from customhouse.terms.identity import Actor


def only_stages(sql: Connection, project_id: int | None, by: Actor) -> bool:
    """As it is now; ``project_id`` is None for the first release of a new project."""
    if by.scope.allows("stage") and not by.scope.allows("upload"):
        return True
    sender = Sender(by.account_id, by.publisher_id)
    return by.publisher_id is not None and asked_of(sql, project_id, sender).stages_only
