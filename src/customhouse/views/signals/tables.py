"""Signals that operators have loaded from dated files, because the upstream does not publish them."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

signal_list = sa.Table(
    "signal_list",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("upstream", sa.String(32), nullable=False),
    sa.Column("signal", sa.String(32), nullable=False),
    sa.Column("source", sa.String(60), nullable=False, comment="who says so, in an operator's words"),
    sa.Column("dated", sa.Date, nullable=False, comment="of which day it is"),
    sa.Column("loaded_at", Instant, nullable=False),
    sa.Column("loaded_by", sa.String(80), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    # A list is written in pieces and counts when it is whole; what was broken off is removed by the next one.
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Index(
        "signal_list_once", "upstream", "signal", "source", unique=True,
        sqlite_where=sa.text("whole"), postgresql_where=sa.text("whole"),
    ),
)  # fmt: skip

signal_value = sa.Table(
    "signal_value",
    METADATA,
    sa.Column("name", sa.String(100), primary_key=True, comment="normalised"),
    sa.Column("list_id", sa.ForeignKey("signal_list.id"), primary_key=True, index=True),
    sa.Column("value", sa.String(40), nullable=False, comment="a number, a word, or a moment in ISO 8601"),
    sqlite_with_rowid=False,
)
