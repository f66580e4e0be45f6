"""People sign in, packages have a life: sessions, organizations, invitations, yanks, deletions, quarantines."""

from __future__ import annotations

import zlib
from email.parser import HeaderParser

import sqlalchemy as sa
from alembic import op
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from customhouse.infra import pages_schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 200


def upgrade() -> None:
    """Make the new tables and columns; note what the files that are here require."""
    _tables()
    _columns()
    _gates()
    _requirements()


def _tables() -> None:
    """The new tables."""
    op.create_table(
        "follower",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False, comment="the last event that it has dealt with"),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "index_flag",
        sa.Column("name", sa.String(length=32), nullable=False, comment="read-only | no-uploads | no-new-projects | …"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "network_ban",
        sa.Column("network", sa.String(length=64), nullable=False, comment="canonical, as 203.0.113.0/24"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "organization",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("normalized", sa.String(length=50), nullable=False),
        sa.Column("display", sa.String(length=100), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("file_quota_bytes", sa.BigInteger(), nullable=True),
        sa.Column("project_quota_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("normalized"),
    )
    op.create_table(
        "account_link",
        sa.Column(
            "id", sa.String(length=40), nullable=False, comment="the public half; the other derives from the server key"
        ),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False, comment="password"),
        sa.Column("email", sa.String(length=254), nullable=False, comment="the link dies when the address changes"),
        sa.Column(
            "password_changed_at", sa.BigInteger(), nullable=True, comment="the link dies when the password changes"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_account_link_account_id"), "account_link", ["account_id"], unique=False)
    op.create_table(
        "critical_mark",
        sa.Column("normalized", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["normalized"],
            ["name.normalized"],
        ),
        sa.PrimaryKeyConstraint("normalized"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_preference",
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False, comment="releases | roles | reports"),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "topic"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "namespace",
        sa.Column("prefix", sa.String(length=100), nullable=False, comment="normalised, without the dash at its end"),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("prefix"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_namespace_organization_id"), "namespace", ["organization_id"], unique=False)
    op.create_table(
        "organization_member",
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False, comment="owner | manager | member"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("organization_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_organization_member_account_id"), "organization_member", ["account_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("id_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the cookie's value"),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column(
            "state", sa.String(length=8), nullable=False, comment="full | half: half still lacks a second factor"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.BigInteger(), nullable=False, comment="when the password was last typed"),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id_hash"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"], unique=False)
    op.create_table(
        "team",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "name"),
    )
    op.create_table(
        "invitation",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="project | organization | transfer"),
        sa.Column("project_id", BIG_ID, nullable=True),
        sa.Column("organization_id", BIG_ID, nullable=True),
        sa.Column("account_id", BIG_ID, nullable=False, comment="who may answer"),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("invited_by", BIG_ID, nullable=True, comment="null: an operator on the command line"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "answer", sa.String(length=16), server_default="", nullable=False, comment="accepted | declined | withdrawn"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_invitation_account_id"), "invitation", ["account_id"], unique=False)
    op.create_index(op.f("ix_invitation_organization_id"), "invitation", ["organization_id"], unique=False)
    op.create_index(op.f("ix_invitation_project_id"), "invitation", ["project_id"], unique=False)
    op.create_table(
        "team_member",
        sa.Column("team_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["team_id"],
            ["team.id"],
        ),
        sa.PrimaryKeyConstraint("team_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_team_member_account_id"), "team_member", ["account_id"], unique=False)
    op.create_table(
        "team_role",
        sa.Column("team_id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False, comment="owner | maintainer"),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["team_id"],
            ["team.id"],
        ),
        sa.PrimaryKeyConstraint("team_id", "project_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_team_role_project_id"), "team_role", ["project_id"], unique=False)
    op.create_table(
        "requirement",
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False, comment="normalised; not necessarily ours"),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["file.id"],
        ),
        sa.PrimaryKeyConstraint("file_id", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_requirement_name"), "requirement", ["name"], unique=False)


def _columns() -> None:
    """The new columns."""
    op.add_column(
        "account",
        sa.Column("email_verified_at", sa.BigInteger(), nullable=True, comment="when a link sent there was last used"),
    )
    op.add_column(
        "account",
        sa.Column(
            "password_hash", sa.String(length=200), nullable=True, comment="argon2id; null means that no password works"
        ),
    )
    op.add_column("account", sa.Column("password_changed_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "account",
        sa.Column(
            "site_role", sa.String(length=16), server_default="", nullable=False, comment="empty | support | operator"
        ),
    )
    op.add_column(
        "account",
        sa.Column(
            "trusted_reporter_at",
            sa.BigInteger(),
            nullable=True,
            comment="an operator has found this reporter reliable",
        ),
    )
    op.add_column("file", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("file", sa.Column("delete_reason", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "file",
        sa.Column("erased_at", sa.BigInteger(), nullable=True, comment="its bytes are gone for ever, by an operator"),
    )
    op.add_column("file", sa.Column("erase_reason", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "name", sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why the name is reserved")
    )
    op.add_column(
        "project",
        sa.Column(
            "successor", sa.String(length=100), server_default="", nullable=False, comment="of a deprecated project"
        ),
    )
    op.add_column(
        "project",
        sa.Column(
            "visibility", sa.String(length=8), server_default="public", nullable=False, comment="public | private"
        ),
    )
    op.execute("ALTER TABLE project ADD COLUMN organization_id BIGINT REFERENCES organization (id)")
    op.add_column("project", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("project", sa.Column("delete_reason", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "project",
        sa.Column(
            "file_quota_bytes",
            sa.BigInteger(),
            nullable=True,
            comment="granted by an operator; the most generous limit counts",
        ),
    )
    op.add_column("project", sa.Column("project_quota_bytes", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_project_organization_id"), "project", ["organization_id"], unique=False)
    op.add_column(
        "release",
        sa.Column("yanked_at", sa.BigInteger(), nullable=True, comment="all its files are yanked, those to come too"),
    )
    op.add_column("release", sa.Column("yanked_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("release", sa.Column("quarantined_at", sa.BigInteger(), nullable=True))
    op.add_column("release", sa.Column("quarantine_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("release", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("release", sa.Column("delete_reason", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "release",
        sa.Column(
            "reopened_at", sa.BigInteger(), nullable=True, comment="from then on it takes files again for a while"
        ),
    )


def _gates() -> None:
    """Gates learn until when they lead anywhere; they are rendered again when they are missed."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TABLE gate")
    for statement in pages_schema.CREATE_SQLITE if sqlite else pages_schema.CREATE_POSTGRES:
        if " gate " in " ".join(statement.split()):
            op.execute(statement)


def _requirements() -> None:
    """What each file requires, from the metadata that is kept with it."""
    sql = op.get_bind()
    file = sa.table("file", sa.column("id"), sa.column("metadata"))
    requirement = sa.table("requirement", sa.column("file_id"), sa.column("name"))
    last = 0
    while rows := sql.execute(
        sa.select(file.c.id, file.c.metadata).where(file.c.id > last).order_by(file.c.id).limit(BATCH)
    ).all():
        last = rows[-1].id
        wanted = [{"file_id": row.id, "name": name} for row in rows for name in _names(row.metadata)]
        if wanted:
            sql.execute(requirement.insert(), wanted)


def _names(packed: bytes) -> list[str]:
    """Normalised names of the distributions that a metadata text requires."""
    found = set()
    for text in HeaderParser().parsestr(zlib.decompress(packed).decode()).get_all("Requires-Dist", []):
        try:
            found.add(canonicalize_name(Requirement(text).name))
        except InvalidRequirement:
            continue
    return sorted(found)
