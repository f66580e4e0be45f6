"""What was found out about the mail domains of accounts."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

mail_domain = sa.Table(
    "mail_domain",
    METADATA,
    sa.Column("name", sa.String(253), primary_key=True, comment="what stands after the @, encoded in ASCII"),
    sa.Column("registered_as", sa.String(253), nullable=False, comment="the name its registry knows; may be empty"),
    sa.Column("state", sa.String(16), nullable=False, comment="new | fine | suspicious | waiting | lost"),
    sa.Column("reason", sa.String(24), nullable=False, comment="why it is not fine"),
    sa.Column("since", Instant, nullable=False, comment="when it came into this state"),
    sa.Column("bad_reason", sa.String(24), nullable=False, comment="what every look since bad_since has seen"),
    sa.Column("bad_since", Instant),
    sa.Column("registered_at", Instant),
    sa.Column("expires_at", Instant),
    sa.Column("statuses", sa.JSON, nullable=False),
    sa.Column("name_servers", sa.JSON, nullable=False),
    sa.Column("mail_hosts", sa.JSON, nullable=False),
    sa.Column("first_at", Instant, nullable=False, comment="when we heard of it"),
    sa.Column("looked_at", Instant, comment="the last look, whatever it saw"),
    sa.Column("good_at", Instant, comment="the last look that was answered in full"),
    sa.Column("failures", sa.Integer, nullable=False, comment="looks in a row that were not"),
    sa.Column("why", sa.Text, nullable=False, comment="why the last one was not"),
    sa.Column("spared_until", Instant, comment="an operator has said that it is not lost"),
    sa.Column("due_at", Instant, nullable=False, index=True),
    sqlite_with_rowid=False,
)

mail_domain_member = sa.Table(
    "mail_domain_member",
    METADATA,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("domain", sa.String(253), nullable=False, index=True),
    sqlite_with_rowid=False,
)

mail_domain_turn = sa.Table(
    "mail_domain_turn",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("domain", sa.String(253), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="which began then"),
    sa.Column("reason", sa.String(24), nullable=False),
    sa.Index("mail_domain_turn_domain", "domain", "at"),
)

domain_alarm = sa.Table(
    "domain_alarm",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, comment="1: there is one alarm at most"),
    sa.Column("since", Instant, nullable=False),
    sqlite_with_rowid=False,
)
