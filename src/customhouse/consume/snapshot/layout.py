"""What a snapshot file looks like, for whoever writes or reads one; quick to import."""

from __future__ import annotations

from typing import NamedTuple

FORMAT = 1
"""Changes with the layout; a snapshot of another one is built anew."""
APPLICATION = 0x43484F41
"""``CHOA``: what SQLite's header says of whose file it is."""
INTERPRETER = "cpython"
"""The name under which records on CPython itself stand, in no ecosystem."""
LIBRARIES = "library"
"""The ecosystem under which records on bundled libraries stand, whatever ecosystem they name themselves."""
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE record (id TEXT PRIMARY KEY, origin TEXT NOT NULL, modified TEXT NOT NULL, withdrawn INTEGER NOT NULL,
    level INTEGER NOT NULL, base REAL, vector TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE affected (ecosystem TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (ecosystem, name, id)) WITHOUT ROWID;
CREATE TABLE alias (alias TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (alias, id)) WITHOUT ROWID;
CREATE TABLE exploited (cve TEXT PRIMARY KEY, added TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE likelihood (cve TEXT PRIMARY KEY, score REAL NOT NULL, percentile REAL, day TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE unread (origin TEXT NOT NULL, place TEXT NOT NULL, why TEXT NOT NULL, packages TEXT NOT NULL,
    PRIMARY KEY (origin, place)) WITHOUT ROWID;
CREATE INDEX affected_id ON affected (id);
CREATE INDEX alias_id ON alias (id);
"""


class Unread(NamedTuple):
    """A record that could not be read, and the packages it seems to speak of (none: it may speak of any)."""

    where: str
    why: str
    packages: tuple[str, ...] = ()
