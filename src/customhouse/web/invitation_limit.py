"""How many invitations, and so letters to others, one account sends (A50)."""

from __future__ import annotations

from datetime import timedelta

from customhouse.accounts.limits import Counted, Limit
from customhouse.web.visit import Visit

INVITATIONS = Limit("invitations", 20, timedelta(hours=1))


def take_invitation(visit: Visit) -> None:
    """Count one; raises `TooMany`. A refused one counts, too: who may be invited is not to be found out by trying."""
    visit.app.limiter.take(Counted(INVITATIONS, str(visit.me.id)), sentence="You have sent many invitations this hour.")
