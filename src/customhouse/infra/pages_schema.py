"""The tables of the read path, in the SQL of each database. Their meaning stands in `pages`."""

from __future__ import annotations


def _tables(text: str, blob: str, big: str, by_key: str) -> tuple[str, ...]:
    """``by_key`` ends a table whose rows are small enough to lie in the tree of their key."""
    return (
        f"""
        CREATE TABLE page (
            view {text} NOT NULL, epoch {big} NOT NULL, name {text} NOT NULL, format {text} NOT NULL,
            etag {text} NOT NULL, serial {big} NOT NULL, body {blob} NOT NULL, gzip {blob} NOT NULL,
            PRIMARY KEY (name, view, format, epoch)
        )
        """,
        f"""
        CREATE TABLE gate (
            view {text} NOT NULL, filename {text} NOT NULL, project {text} NOT NULL, digest {text} NOT NULL,
            size_bytes {big} NOT NULL, verdict {text} NOT NULL, reason {text} NOT NULL,
            metadata_digest {text} NOT NULL, metadata_size_bytes {big} NOT NULL, until {big} NOT NULL DEFAULT 0,
            PRIMARY KEY (view, filename)
        ){by_key}
        """,
        f"CREATE TABLE changed (name {text} NOT NULL PRIMARY KEY, serial {big} NOT NULL){by_key}",
        "CREATE INDEX gate_project ON gate (project)",
        "CREATE INDEX changed_serial ON changed (serial)",
    )


CREATE_SQLITE = _tables("TEXT", "BLOB", "INTEGER", " WITHOUT ROWID")
# The order of bytes, whatever the language of the database: names are ASCII.
CREATE_POSTGRES = _tables('TEXT COLLATE "C"', "BYTEA", "BIGINT", "")
