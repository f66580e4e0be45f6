"""Disclosure cases: who belongs to them, what was said, what was attached, who is thanked; and projects' policies."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

_SAID_ONCE = sa.text("mail_key <> ''")
_ONE_CVE = sa.text("cve_id <> ''")

disclosure_case = sa.Table(
    "disclosure_case",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("public_id", sa.String(40), nullable=False, unique=True, comment="random; what its addresses hold"),
    sa.Column("project_id", sa.ForeignKey("project.id"), index=True, comment="null: no project here, or none yet"),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("before", sa.String(16), nullable=False, server_default="", comment="of a disputed case: its state"),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("acknowledged_at", Instant),
    sa.Column("decided_at", Instant, comment="when triage ended"),
    sa.Column("disclose_by", Instant, nullable=False),
    sa.Column("extended_at", Instant, comment="when the one extension was taken"),
    sa.Column("exploited_at", Instant, comment="since when it is known to be exploited"),
    sa.Column("scheduled_for", Instant),
    sa.Column("published_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("told", sa.JSON, nullable=False, comment="which alarms of its clocks have been told, a list"),
    sa.Column("advisory_id", sa.String(60), nullable=False, unique=True, comment="what its advisory is called"),
    sa.Column("cve_id", sa.String(24), nullable=False, server_default=""),
    sa.Column("cve_state", sa.String(16), nullable=False, server_default="", comment="asked | reserved | by-hand | …"),
    sa.Column("cve_asked_at", Instant, comment="before CVE Services were asked: what they reserved later may be ours"),
    sa.Column("draft", sa.JSON, nullable=False, comment="the advisory as it will be: see draft.py"),
    sa.Column("session_id", sa.ForeignKey("upload_session.id"), comment="the release with the fix, under embargo"),
    sa.Column("confirmed_at", Instant, comment="when the reporter has confirmed the fix"),
    sa.Index(
        "disclosure_case_cve", "cve_id", unique=True, sqlite_where=_ONE_CVE, postgresql_where=_ONE_CVE
    ),
)  # fmt: skip

disclosure_member = sa.Table(
    "disclosure_member",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("case_id", sa.ForeignKey("disclosure_case.id"), nullable=False, index=True),
    sa.Column("public_id", sa.String(40), nullable=False, unique=True, comment="his link, mail address and stage"),
    sa.Column("role", sa.String(16), nullable=False, comment="reporter | coordinator | owner | team | downstream"),
    sa.Column("account_id", sa.ForeignKey("account.id"), index=True, comment="null: somebody without an account"),
    sa.Column("email", sa.String(254), nullable=False, server_default="", comment="of somebody without an account"),
    sa.Column("name", sa.String(120), nullable=False, server_default=""),
    sa.Column("project", sa.String(100), nullable=False, server_default="", comment="of a downstream: what bundles it"),
    sa.Column("by_mail", sa.Boolean, nullable=False, server_default=sa.false(), comment="he gets the words by mail"),
    sa.Column("since", Instant, nullable=False),
    sa.Column("agreed_at", Instant, comment="of a downstream: when it promised silence"),
    sa.Column("silent_until", Instant, comment="of a downstream: what it promised"),
    sa.Column("status", sa.String(16), nullable=False, server_default="unknown", comment="unknown | affected | …"),
    sa.Column("left_at", Instant),
)

disclosure_message = sa.Table(
    "disclosure_message",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("case_id", sa.ForeignKey("disclosure_case.id"), nullable=False, index=True),
    sa.Column("member_id", sa.ForeignKey("disclosure_member.id"), comment="null: the index itself, or an operator"),
    sa.Column("author", sa.String(120), nullable=False),
    sa.Column("audience", sa.String(16), nullable=False, comment="case | handlers | downstreams"),
    sa.Column("via", sa.String(8), nullable=False, comment="web | mail | index"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("mail_key", sa.String(64), nullable=False, server_default="", comment="the same letter has the same"),
    sa.Index(
        "disclosure_message_mail", "mail_key", unique=True, sqlite_where=_SAID_ONCE, postgresql_where=_SAID_ONCE
    ),
)  # fmt: skip

disclosure_attachment = sa.Table(
    "disclosure_attachment",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("message_id", sa.ForeignKey("disclosure_message.id"), nullable=False, index=True),
    sa.Column("filename", sa.String(200), nullable=False),
    sa.Column("content_type", sa.String(120), nullable=False, comment="as it was called; it is never served as that"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, index=True, comment="SHA-256; the bytes lie in the store"),
)

disclosure_letter = sa.Table(
    "disclosure_letter",
    METADATA,
    sa.Column("message_id", sa.String(80), primary_key=True, comment="Message-ID of a letter of ours, without <>"),
    sa.Column("member_id", sa.ForeignKey("disclosure_member.id"), nullable=False, comment="whom it went to"),
    sqlite_with_rowid=False,
)

disclosure_credit = sa.Table(
    "disclosure_credit",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("case_id", sa.ForeignKey("disclosure_case.id"), nullable=False, index=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("kind", sa.String(24), nullable=False, comment="as OSV and CVE call it, in lower case"),
)

security_policy = sa.Table(
    "security_policy",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
