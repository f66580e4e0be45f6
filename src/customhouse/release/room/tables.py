"""Release runs that meet at this server: what is looked up of them, their journals, and the machines that joined."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

release_run = sa.Table(
    "release_run",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True, comment="random; also what its address ends with"),
    sa.Column("project_id", sa.ForeignKey("project.id"), nullable=False, index=True),
    sa.Column("version", sa.String(200), nullable=False, comment="the parameter of that name, if there is one"),
    sa.Column("pipeline_version", sa.Integer, nullable=False, comment="of the definition: it only ever rises"),
    sa.Column("pipeline_sha256", sa.String(64), nullable=False),
    sa.Column("rehearsal", sa.Boolean, nullable=False),
    sa.Column("embargoed", sa.Boolean, nullable=False, comment="only who is named in it may know of it"),
    sa.Column("opened_by", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    # What follows is told by the journal, too; it stands here so that lists and waiting need not read that.
    sa.Column("status", sa.String(16), nullable=False, comment="as `state.RunStatus`"),
    sa.Column("published_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("seq", sa.Integer, nullable=False, comment="of the journal's last line; -1: none yet"),
    sa.Column("head", sa.String(64), nullable=False, comment="its hash"),
    sa.Column("wake_at", Instant, index=True, comment="when time alone changes something: a lease, an approval"),
    sa.Column("bundle", sa.String(64), comment="SHA-256"),
)

release_line = sa.Table(
    "release_line",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("release_run.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, comment="from 0, without gaps"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("line", sa.Text, nullable=False, comment="the sealed line, exactly as a file would hold it"),
    sqlite_with_rowid=False,
)

release_machine = sa.Table(
    "release_machine",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("run_id", sa.ForeignKey("release_run.id"), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("machine_key", sa.String(64), nullable=False, comment="Ed25519, hexadecimal"),
    sa.Column("identity", sa.String(600), nullable=False, comment="as the pipeline names identities"),
    sa.Column("account_id", sa.ForeignKey("account.id"), index=True, comment="of a person's machine"),
    sa.Column("joined_at", Instant, nullable=False),
    sa.Column("removed_at", Instant, comment="from then on its token opens nothing and its key says nothing"),
    sa.UniqueConstraint("run_id", "machine_key"),
)
