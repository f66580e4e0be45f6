"""API tokens with caveats, when they were last used, and whether somebody tried one after it was revoked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; tokens that are there have no caveats but their project."""
    for column in (
        sa.Column(
            "caveats",
            sa.Text(),
            nullable=True,
            comment="those it was made with, as in its text; they hold whatever text is shown",
        ),
        sa.Column("used_at", sa.BigInteger(), nullable=True, comment="when it was last used, to some minutes"),
        sa.Column("used_from", sa.String(length=64), nullable=True, comment="and from which address"),
        sa.Column(
            "used_revoked_at",
            sa.BigInteger(),
            nullable=True,
            comment="when somebody first tried it after it was revoked",
        ),
    ):
        op.add_column("api_token", column)
