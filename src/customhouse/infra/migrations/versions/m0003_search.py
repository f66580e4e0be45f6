"""Full-text search over the newest metadata of each project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Its rowid is the project's id. The words come parted and folded (`formats.search_words`), so the tokenizer only finds
# them again. Prefixes of one to three letters have an index of their own: they are what people type first.
SQLITE = (
    """
    CREATE VIRTUAL TABLE search_words USING fts5(
        name, summary, keywords, classifiers, description,
        tokenize = "unicode61 remove_diacritics 2", prefix = '1 2 3'
    )
    """,
)
# `words` decides what matches: every word, and each word of the name once more behind an "=". It has no positions and
# no weights, so that the index alone can answer. `head` decides the order: weighted words without the description,
# small enough to be read for each match.
POSTGRES = (
    """
    CREATE TABLE search_words (
        project_id BIGINT PRIMARY KEY REFERENCES search_entry (project_id) ON DELETE CASCADE,
        words tsvector NOT NULL,
        head tsvector NOT NULL
    )
    """,
    "CREATE INDEX search_words_words ON search_words USING gin (words)",
)


def upgrade() -> None:
    """Make the tables; if there are projects, have the worker fill them."""
    op.create_table(
        "search_entry",
        sa.Column("project_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False, comment="the project's last change when this was written"),
        sa.Column("normalized", sa.String(length=100), nullable=False),
        sa.Column("display", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
        ),
        sa.PrimaryKeyConstraint("project_id"),
        sa.UniqueConstraint("normalized"),
    )
    op.create_index("search_entry_released", "search_entry", ["released_at"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if sqlite else POSTGRES:
        op.execute(statement)
    # From here on the follower sees everything; what is here already is the job's.
    op.execute("INSERT INTO follower (name, serial) SELECT 'search', serial FROM ledger_head")
    op.execute(
        "INSERT INTO job (name, arguments, key, due_at, attempts, last_error) "
        "SELECT 'reindex-search', '{}', 'reindex-search', 0, 0, '' WHERE EXISTS (SELECT 1 FROM project)"
    )
