"""Publishers that prove who they are with OpenID Connect, tokens they were given, what was attested of files."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

trusted_publisher = sa.Table(
    "trusted_publisher",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("project_id", sa.ForeignKey("project.id"), index=True, comment="null: pending, its project comes to be"),
    sa.Column("pending_name", sa.String(100), nullable=False, server_default="", comment="how that is spelt"),
    sa.Column("pending_normalized", sa.String(100), nullable=False, server_default=""),
    sa.Column("pending_ultranormalized", sa.String(100), nullable=False, server_default="", index=True),
    sa.Column("pending_by", sa.ForeignKey("account.id"), index=True, comment="who will own that project"),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), comment="or which organization"),
    sa.Column("kind", sa.String(16), nullable=False, comment="github | gitlab | google | activestate | custom"),
    sa.Column("issuer", sa.String(300), nullable=False),
    sa.Column("place", sa.String(450), nullable=False, comment="where its builds come from, as its kind compares it"),
    sa.Column("settings", sa.JSON, nullable=False, comment="what the claims must say, by the names of the kind"),
    sa.Column("rules", sa.JSON, nullable=False, comment="what the claims must say besides"),
    sa.Column("learned", sa.JSON, nullable=False, comment="ids that were seen at its first use and never change"),
    sa.Column("title", sa.String(300), nullable=False, comment="what people call it"),
    sa.Column("key", sa.String(300), nullable=False, comment="for whom, and a hash of what it is: one open row each"),
    sa.Column("stages_only", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.ForeignKey("account.id"), comment="null: an operator on the command line"),
    sa.Column("used_at", Instant),
    sa.Column("expires_at", Instant, comment="of a pending one that nobody uses"),
    sa.Column("removed_at", Instant),
    sa.Column("alarm", sa.JSON, comment="the last token that its owners had to hear of: when, why, its ids"),
    sa.Column("refusals", sa.JSON, comment="when tokens were last noted as refused, by the code"),
    sa.Column("warned_at", Instant, comment="when they were told last that an old token is used beside it"),
    sa.Index("trusted_publisher_place", "issuer", "place"),
    sa.Index(
        "trusted_publisher_once", "key", unique=True,
        sqlite_where=sa.text("removed_at IS NULL"), postgresql_where=sa.text("removed_at IS NULL"),
    ),
)  # fmt: skip

minted_token = sa.Table(
    "minted_token",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("publisher_id", sa.ForeignKey("trusted_publisher.id"), nullable=False, index=True),
    sa.Column("publishers", sa.JSON, nullable=False, comment="of each project: its name, its publisher, its title"),
    sa.Column("caveats", sa.Text, nullable=False, comment="as in api_token"),
    sa.Column("claims", sa.JSON, nullable=False, comment="of the token that it was exchanged for"),
    sa.Column("single_use", sa.Boolean, nullable=False, server_default=sa.false(), comment="PEP 807"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("used_at", Instant),
    sa.Column("used_from", sa.String(64)),
    sa.Column("revoked_at", Instant),
    sqlite_with_rowid=False,
)

used_jti = sa.Table(
    "used_jti",
    METADATA,
    sa.Column("issuer", sa.String(300), primary_key=True),
    sa.Column("jti", sa.String(255), primary_key=True),
    sa.Column("kept_until", Instant, nullable=False, index=True),
    sqlite_with_rowid=False,
)

attestation = sa.Table(
    "attestation",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("file_id", sa.ForeignKey("file.id"), nullable=False, index=True),
    sa.Column("publisher", sa.JSON, nullable=False, comment="kind and claims, as PEP 740 shows them"),
    sa.Column("predicate_type", sa.String(200), nullable=False),
    sa.Column("summary", sa.JSON, nullable=False, comment="what people read: repository, workflow, commit, builder"),
    sa.Column("body", sa.Text, nullable=False, comment="the attestation object as it was sent (PEP 740)"),
    sa.Column("trust_root", sa.String(80), nullable=False, comment="which root it was verified against"),
    sa.Column("verified_at", Instant, nullable=False),
)
