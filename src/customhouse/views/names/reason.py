"""Why somebody changes whose a name is."""

from __future__ import annotations

from customhouse.terms.errors import Rejected

MAX_REASON = 1000


def check_reason(text: str) -> str:
    """The reason, which the ledger keeps; raises `Rejected` for none, and for one that is too long."""
    reason = text.strip()
    if not reason or len(reason) > MAX_REASON:
        raise Rejected("no-reason", "reason", f"{len(reason)} characters", f"1 to {MAX_REASON} characters")
    return reason
