"""Key giveaway and the daily snapshots of the dashboard."""

from __future__ import annotations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    # Tables follow.
    return
