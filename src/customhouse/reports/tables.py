"""What people report, the cases that their reports join, and what is held back because of them."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

# ``case`` is a word of SQL.
report_case = sa.Table(
    "report_case",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("project_id", sa.ForeignKey("project.id"), nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("decided_at", Instant, comment="null while the case is open"),
    sa.Column("verdict", sa.String(24), nullable=False, server_default=""),
    sa.Column("note", sa.Text, nullable=False, server_default="", comment="why it was decided so"),
    sa.Column("decided_by", sa.String(80), nullable=False, server_default="", comment="the operator's name then"),
    sa.Column("newest_file_id", sa.BigInteger, comment="the project's newest file when the verdict was given"),
    sa.Column("frozen_account_id", sa.ForeignKey("account.id"), comment="whom the verdict froze"),
    sa.Index("report_case_project", "project_id", "decided_at"),
    # Reports about a project join its open case; of two that come at once, one opens it.
    sa.Index(
        "report_case_open",
        "project_id",
        unique=True,
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    ),
)

report = sa.Table(
    "report",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("case_id", sa.ForeignKey("report_case.id"), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("version", sa.String(200), nullable=False, server_default="", comment="canonical; empty: the project"),
    sa.Column("filename", sa.String(500), nullable=False, server_default=""),
    sa.Column("imitates", sa.String(100), nullable=False, server_default="", comment="the name that it passes for"),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("evidence_url", sa.Text, nullable=False, server_default=""),
    sa.Column("evidence_excerpt", sa.Text, nullable=False, server_default=""),
    sa.Column("evidence_path", sa.Text, nullable=False, server_default="", comment="inside the file"),
    sa.Column("evidence_line", sa.Integer),
    sa.Column("created_at", Instant, nullable=False),
    # One open report per reporter, project and kind.
    sa.UniqueConstraint("case_id", "account_id", "kind"),
    sa.Index("report_account", "account_id", "created_at"),
)

hold = sa.Table(
    "hold",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("project_id", sa.ForeignKey("project.id"), nullable=False),
    sa.Column("release_id", sa.ForeignKey("release.id"), comment="null: the whole project"),
    sa.Column("case_id", sa.ForeignKey("report_case.id"), index=True, comment="null: by hand, outside any case"),
    sa.Column("origin", sa.String(16), nullable=False, comment="reports | verdict | operator"),
    sa.Column("status", sa.String(16), nullable=False, comment="quarantined | archived"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("began_at", Instant, nullable=False),
    sa.Column("began_by", sa.String(80), nullable=False),
    sa.Column("earlier_status", sa.String(16), nullable=False, comment="of the project; lifting brings it back"),
    sa.Column("earlier_reason", sa.Text, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_by", sa.String(80), nullable=False, server_default=""),
    sa.Column(
        "ended_how", sa.String(16), nullable=False, server_default="", comment="verdict | undone | undo | operator"
    ),
    sa.Column("newest_file_id", sa.BigInteger, comment="the project's newest file when an operator lifted it"),
    sa.Index("hold_project", "project_id", "began_at"),
    sa.Index(
        "hold_of_project",
        "project_id",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL AND release_id IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND release_id IS NULL"),
    ),
    sa.Index(
        "hold_of_release",
        "release_id",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)
