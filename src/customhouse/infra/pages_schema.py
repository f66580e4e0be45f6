"""The tables of the read path, in the SQL of each database. Their meaning stands in `pages`."""

from __future__ import annotations


def _tables(text: str, blob: str, big: str) -> tuple[str, ...]:
    return (
        f"""
        CREATE TABLE page (
            view {text} NOT NULL, epoch {big} NOT NULL, name {text} NOT NULL, format {text} NOT NULL,
            etag {text} NOT NULL, serial {big} NOT NULL, body {blob} NOT NULL, gzip {blob} NOT NULL,
            PRIMARY KEY (view, epoch, name, format)
        )
        """,
        f"""
        CREATE TABLE gate (
            view {text} NOT NULL, filename {text} NOT NULL, project {text} NOT NULL, digest {text} NOT NULL,
            size_bytes {big} NOT NULL, verdict {text} NOT NULL, reason {text} NOT NULL,
            metadata_digest {text} NOT NULL, metadata_size_bytes {big} NOT NULL,
            PRIMARY KEY (view, filename)
        )
        """,
        f"CREATE TABLE changed (name {text} NOT NULL PRIMARY KEY, serial {big} NOT NULL)",
        "CREATE INDEX page_name ON page (name)",
        "CREATE INDEX gate_project ON gate (project)",
        "CREATE INDEX changed_serial ON changed (serial)",
    )


CREATE_SQLITE = _tables("TEXT", "BLOB", "INTEGER")
# The order of bytes, whatever the language of the database: names are ASCII.
CREATE_POSTGRES = _tables('TEXT COLLATE "C"', "BYTEA", "BIGINT")
