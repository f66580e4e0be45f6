"""Views, and until when a page of a view may be served."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and say of each page and gate to which edition it belongs."""
    op.create_table(
        "view",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("upstreams", sa.JSON(), nullable=False, comment="names of the settings, in the order of asking"),
        sa.Column("policy", sa.Text(), nullable=False, comment="TOML, exactly as it was given"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    text, big = ("TEXT", "INTEGER") if sqlite else ('TEXT COLLATE "C"', "BIGINT")
    op.execute(
        f"""
        CREATE TABLE edition (
            view {text} NOT NULL, name {text} NOT NULL, number {big} NOT NULL, renew_at {big} NOT NULL,
            files_until {big} NOT NULL, ends_at {big} NOT NULL, warning {text} NOT NULL,
            newest {text} NOT NULL, action {text} NOT NULL, rule {text} NOT NULL, PRIMARY KEY (name, view)
        ){" WITHOUT ROWID" if sqlite else ""}
        """
    )
    op.execute(f"ALTER TABLE page ADD COLUMN edition {big} NOT NULL DEFAULT 0")
    op.execute(f"ALTER TABLE gate ADD COLUMN edition {big} NOT NULL DEFAULT 0")
    for column in ("version", "action", "rule", "nearest", "origin"):
        op.execute(f"ALTER TABLE gate ADD COLUMN {column} {text} NOT NULL DEFAULT ''")
