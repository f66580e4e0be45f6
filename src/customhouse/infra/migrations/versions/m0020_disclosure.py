"""Disclosure cases: reports, members, messages, embargoes, CVE ids."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state IN ('open', 'processing', 'error')")


def upgrade() -> None:
    """Make the tables."""
    _cases()
    _members()
    _messages()
    _small()
    op.add_column(
        "upload_session",
        sa.Column(
            "embargo", sa.String(length=40), server_default="", nullable=False,
            comment="public id of the disclosure case that alone may know of it",
        ),
    )  # fmt: skip
    op.drop_index("upload_session_open", table_name="upload_session")
    op.create_index(
        "upload_session_open", "upload_session", ["normalized", "version", "embargo"], unique=True,
        sqlite_where=OPEN, postgresql_where=OPEN,
    )  # fmt: skip


def _cases() -> None:
    once = sa.text("cve_id <> ''")
    op.create_table(
        "disclosure_case",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.String(length=40), nullable=False, comment="random; what its addresses hold"),
        sa.Column("project_id", BIG_ID, nullable=True, comment="null: no project here, or none yet"),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column(
            "before", sa.String(length=16), server_default="", nullable=False, comment="of a disputed case: its state"
        ),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True, comment="when triage ended"),
        sa.Column("disclose_by", sa.BigInteger(), nullable=False),
        sa.Column("extended_at", sa.BigInteger(), nullable=True, comment="when the one extension was taken"),
        sa.Column("exploited_at", sa.BigInteger(), nullable=True, comment="since when it is known to be exploited"),
        sa.Column("scheduled_for", sa.BigInteger(), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False, comment="which alarms of its clocks have been told, a list"),
        sa.Column("advisory_id", sa.String(length=60), nullable=False, comment="what its advisory is called"),
        sa.Column("cve_id", sa.String(length=24), server_default="", nullable=False),
        sa.Column(
            "cve_state", sa.String(length=16), server_default="", nullable=False,
            comment="asked | reserved | by-hand | …",
        ),
        sa.Column(
            "cve_asked_at", sa.BigInteger(), nullable=True,
            comment="before CVE Services were asked: what they reserved later may be ours",
        ),
        sa.Column("draft", sa.JSON(), nullable=False, comment="the advisory as it will be: see draft.py"),
        sa.Column("session_id", sa.String(length=32), nullable=True, comment="the release with the fix, under embargo"),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True, comment="when the reporter has confirmed the fix"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["session_id"], ["upload_session.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_id"),
        sa.UniqueConstraint("advisory_id"),
    )  # fmt: skip
    op.create_index("ix_disclosure_case_project_id", "disclosure_case", ["project_id"])
    op.create_index("ix_disclosure_case_state", "disclosure_case", ["state"])
    op.create_index(
        "disclosure_case_cve", "disclosure_case", ["cve_id"], unique=True, sqlite_where=once, postgresql_where=once
    )


def _members() -> None:
    op.create_table(
        "disclosure_member",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.String(length=40), nullable=False, comment="his link, mail address and stage"),
        sa.Column(
            "role", sa.String(length=16), nullable=False, comment="reporter | coordinator | owner | team | downstream"
        ),
        sa.Column("account_id", BIG_ID, nullable=True, comment="null: somebody without an account"),
        sa.Column(
            "email", sa.String(length=254), server_default="", nullable=False, comment="of somebody without an account"
        ),
        sa.Column("name", sa.String(length=120), server_default="", nullable=False),
        sa.Column(
            "project", sa.String(length=100), server_default="", nullable=False,
            comment="of a downstream: what bundles it",
        ),
        sa.Column(
            "by_mail", sa.Boolean(), server_default=sa.false(), nullable=False, comment="he gets the words by mail"
        ),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("agreed_at", sa.BigInteger(), nullable=True, comment="of a downstream: when it promised silence"),
        sa.Column("silent_until", sa.BigInteger(), nullable=True, comment="of a downstream: what it promised"),
        sa.Column(
            "status", sa.String(length=16), server_default="unknown", nullable=False,
            comment="unknown | affected | …",
        ),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["disclosure_case.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_id"),
    )  # fmt: skip
    op.create_index("ix_disclosure_member_case_id", "disclosure_member", ["case_id"])
    op.create_index("ix_disclosure_member_account_id", "disclosure_member", ["account_id"])


def _messages() -> None:
    once = sa.text("mail_key <> ''")
    op.create_table(
        "disclosure_message",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column("member_id", BIG_ID, nullable=True, comment="null: the index itself, or an operator"),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False, comment="case | handlers | downstreams"),
        sa.Column("via", sa.String(length=8), nullable=False, comment="web | mail | index"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "mail_key", sa.String(length=64), server_default="", nullable=False, comment="the same letter has the same"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["disclosure_case.id"]),
        sa.ForeignKeyConstraint(["member_id"], ["disclosure_member.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_disclosure_message_case_id", "disclosure_message", ["case_id"])
    op.create_index(
        "disclosure_message_mail", "disclosure_message", ["mail_key"], unique=True, sqlite_where=once,
        postgresql_where=once,
    )  # fmt: skip
    op.create_table(
        "disclosure_attachment",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("message_id", BIG_ID, nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column(
            "content_type", sa.String(length=120), nullable=False,
            comment="as it was called; it is never served as that",
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256; the bytes lie in the store"),
        sa.ForeignKeyConstraint(["message_id"], ["disclosure_message.id"]),
        sa.PrimaryKeyConstraint("id"),
    )  # fmt: skip
    op.create_index("ix_disclosure_attachment_message_id", "disclosure_attachment", ["message_id"])
    op.create_index("ix_disclosure_attachment_digest", "disclosure_attachment", ["digest"])


def _small() -> None:
    """Letters that went out, credits, policies."""
    op.create_table(
        "disclosure_letter",
        sa.Column(
            "message_id", sa.String(length=80), nullable=False, comment="Message-ID of a letter of ours, without <>"
        ),
        sa.Column("member_id", BIG_ID, nullable=False, comment="whom it went to"),
        sa.ForeignKeyConstraint(["member_id"], ["disclosure_member.id"]),
        sa.PrimaryKeyConstraint("message_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "disclosure_credit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False, comment="as OSV and CVE call it, in lower case"),
        sa.ForeignKeyConstraint(["case_id"], ["disclosure_case.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_disclosure_credit_case_id", "disclosure_credit", ["case_id"])
    op.create_table(
        "security_policy",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id"),
    )
