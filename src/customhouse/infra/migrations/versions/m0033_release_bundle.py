"""The bundle of a release run that is over: which object it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("release_run", sa.Column("bundle", sa.String(length=64), nullable=True, comment="SHA-256"))
