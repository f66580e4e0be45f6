"""Recovery cases, the evidence in them, and who said yes or no."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant


def _one(name: str, column: str, where: str) -> sa.Index:
    """At most one row of this column's value among those that the condition picks."""
    condition = sa.text(where)
    return sa.Index(name, column, unique=True, sqlite_where=condition, postgresql_where=condition)


recovery_case = sa.Table(
    "recovery_case",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column(
        "public_id", sa.String(40), nullable=False, unique=True, comment="its links derive from it and the server key"
    ),
    sa.Column(
        "account_id", sa.ForeignKey("account.id"), index=True,
        comment="null: nobody has the name that was typed, and the case looks like any other",
    ),
    sa.Column("sent", sa.Boolean, nullable=False, comment="the link went to the account's address, else to the screen"),
    sa.Column("email", sa.String(254), nullable=False, server_default="", comment="the account's, verified then"),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("announced_at", Instant, comment="when those concerned were told that it was opened"),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("new_email", sa.String(254), nullable=False, server_default="", comment="where mail shall go instead"),
    sa.Column("new_email_at", Instant, comment="when a link sent there was followed"),
    sa.Column("held_at", Instant, comment="since when uploads wait: the first strong proof"),
    sa.Column("approved_at", Instant, comment="when the second operator agreed"),
    sa.Column("due_at", Instant, comment="when it takes effect unless somebody objects"),
    sa.Column("reopens_at", Instant, comment="when the account may publish again, as soon as that is known"),
    sa.Column("contested_at", Instant, comment="somebody objects: it waits for an operator"),
    sa.Column("closed_at", Instant),
    sa.Column(
        "outcome", sa.String(16), nullable=False, server_default="",
        comment="completed | ended | refused | expired | superseded",
    ),
    sa.Column("closed_by", sa.String(80), nullable=False, server_default=""),
    sa.Column("note", sa.Text, nullable=False, server_default="", comment="why it ended so"),
    _one("recovery_case_sent", "account_id", "closed_at IS NULL AND sent"),
    _one("recovery_case_approved", "account_id", "closed_at IS NULL AND approved_at IS NOT NULL"),
)  # fmt: skip

recovery_proof = sa.Table(
    "recovery_proof",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("case_id", sa.ForeignKey("recovery_case.id"), nullable=False, index=True),
    sa.Column(
        "kind", sa.String(16), nullable=False, comment="mail | repository | dns | identity | vouch | code | old-code"
    ),
    sa.Column("subject", sa.String(500), nullable=False, comment="what exactly: an address, a zone, a person"),
    sa.Column("rests_on", sa.JSON, nullable=False, comment="a list: what must not carry a second proof"),
    sa.Column("how", sa.Text, nullable=False, comment="how it was checked, for people"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("person_id", sa.ForeignKey("account.id"), comment="who vouched"),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("own", sa.Boolean, nullable=False, comment="nobody else of the account's projects could give it"),
    sa.Index(
        "recovery_proof_once", "case_id", "kind", "subject", unique=True,
        sqlite_where=sa.text("accepted"), postgresql_where=sa.text("accepted"),
    ),
)  # fmt: skip

recovery_approval = sa.Table(
    "recovery_approval",
    METADATA,
    sa.Column("case_id", sa.ForeignKey("recovery_case.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

recovery_objection = sa.Table(
    "recovery_objection",
    METADATA,
    sa.Column("case_id", sa.ForeignKey("recovery_case.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("answer", sa.Text, nullable=False, server_default="", comment="why an operator lets it go on"),
    sa.Column("answered_by", sa.String(80), nullable=False, server_default=""),
    sa.Column("answered_at", Instant),
    sqlite_with_rowid=False,
)
