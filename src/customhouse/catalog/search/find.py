"""Finding projects by words. What was typed becomes a list of words and nothing else: no operator survives (A48).

Every word must be there: as a whole word anywhere, or as the beginning of a word of the name. First comes the project
of exactly that name, then those whose name begins so, the shortest first, then the others by rank. Words that match
more than 2,000 projects say nothing, so there the newest releases come first: ranking them would only cost time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.search.tables import search_entry
from customhouse.formats.search_words import as_name, words
from customhouse.terms.errors import Rejected

PAGE_SIZE = 20
MAX_QUERY = 200
MAX_WORDS = 10
RANKED = 2000
MAX_PAGE = 25


@dataclass(frozen=True, slots=True)
class Hit:
    """One project that was found, at its newest version."""

    display: str
    normalized: str
    version: str
    summary: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found."""

    query: str
    page: int
    total: int
    """How many projects match; more than 2,000 are counted as 2,001."""
    hits: Sequence[Hit]

    @property
    def pages(self) -> int:
        """How many pages can be turned."""
        return min(-(-self.total // PAGE_SIZE), MAX_PAGE)


_COLUMNS = "e.display, e.normalized, e.version, e.summary, e.released_at"
_BEGINS = "substr(e.normalized, 1, :length) = :name"
_MATCH = {"sqlite": "search_words MATCH :query", "postgresql": "w.words @@ CAST(:query AS tsquery)"}
_KEY = {"sqlite": "w.rowid", "postgresql": "w.project_id"}
_RANK = {
    "sqlite": "bm25(search_words, 10, 4, 3, 1, 1)",
    "postgresql": "ts_rank('{0.1, 0.3, 0.4, 1.0}', w.head, CAST(:ranked AS tsquery)) DESC",
}
_RESULT = [
    sa.column(name, search_entry.c[name].type)
    for name in ("display", "normalized", "version", "summary", "released_at")
]


def _rows(text: str) -> sa.TextualSelect:
    return sa.text(f"SELECT {_COLUMNS} FROM {text} LIMIT :limit OFFSET :offset").columns(*_RESULT)  # noqa: S608 - our own words


# Made once: building a statement costs more than running it.
_COUNT = {
    dialect: sa.text(f"SELECT count(*) FROM (SELECT 1 FROM search_words w WHERE {match} LIMIT {RANKED + 1}) AS counted")  # noqa: S608 - our own words
    for dialect, match in _MATCH.items()
}
_RANKED = {
    dialect: _rows(
        f"search_words w JOIN search_entry e ON e.project_id = {_KEY[dialect]} WHERE {match} "
        f"ORDER BY CASE WHEN {_BEGINS} THEN length(e.normalized) ELSE 1000 END, {_RANK[dialect]}, e.normalized"
    )
    for dialect, match in _MATCH.items()
}
# The two halves of an answer that is not ranked. The second reads an index from its end and stops.
_NAMED = _rows(f"search_entry e WHERE {_BEGINS} ORDER BY length(e.normalized), e.normalized")
_NEWEST = {
    dialect: _rows(
        f"search_entry e WHERE NOT {_BEGINS} "  # noqa: S608 - our own words
        # The plus keeps SQLite on the index of released_at, which it would leave for this list.
        f"AND +e.project_id IN (SELECT {_KEY[dialect]} FROM search_words w WHERE {match}) "
        "ORDER BY e.released_at DESC, e.project_id DESC"
    )
    for dialect, match in _MATCH.items()
}


def find(sql: Connection, text: str, *, page: int = 1) -> Found:
    """The projects that a text finds, 20 a page; raises `Rejected` for a text or page that is beyond all use."""
    if len(text) > MAX_QUERY:
        raise Rejected("query-too-long", "q", f"{len(text)} characters", f"at most {MAX_QUERY}")
    if not 1 <= page <= MAX_PAGE:
        raise Rejected("bad-page", "page", f"there is no page {page}", f"1 to {MAX_PAGE}")
    wanted = _wanted(text)
    if not wanted:
        return Found(text, page, 0, ())
    dialect = sql.dialect.name
    query = {"query": _sqlite_query(wanted) if dialect == "sqlite" else _postgres_query(wanted)}
    total = sql.execute(_COUNT[dialect], query).scalar_one()
    hits = (_ranked if total <= RANKED else _newest)(sql, query, text, page)
    return Found(text, page, total, hits)


def _ranked(sql: Connection, query: Mapping[str, str], text: str, page: int) -> list[Hit]:
    """A page in the order of rank."""
    dialect, name = sql.dialect.name, as_name(text)
    values = {**query, "name": name, "length": len(name), "limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
    if dialect == "postgresql":
        values["ranked"] = " | ".join(f"'{word}'" for word in _wanted(text))
    return [Hit(*row) for row in sql.execute(_RANKED[dialect], values)]


def _newest(sql: Connection, query: Mapping[str, str], text: str, page: int) -> list[Hit]:
    """A page without ranks: the names that begin so, then the newest releases."""
    name, skipped = as_name(text), (page - 1) * PAGE_SIZE
    begins = {"name": name, "length": len(name)}
    named = sql.execute(_NAMED, {**begins, "limit": skipped + PAGE_SIZE, "offset": 0}).all()
    hits = [Hit(*row) for row in named[skipped:]]
    if len(hits) < PAGE_SIZE:
        rest = {"limit": PAGE_SIZE - len(hits), "offset": max(skipped - len(named), 0)}
        hits += [Hit(*row) for row in sql.execute(_NEWEST[sql.dialect.name], {**query, **begins, **rest})]
    return hits


def _wanted(text: str) -> list[str]:
    return list(dict.fromkeys(islice(words(text), MAX_WORDS)))


def _sqlite_query(wanted: Sequence[str]) -> str:
    """Each word in quotes, so that none of them is an operator of FTS5."""
    return " AND ".join(f'({{name}} : "{word}" * OR "{word}")' for word in wanted)


def _postgres_query(wanted: Sequence[str]) -> str:
    """Each word as a quoted lexeme. The words of names stand behind an ``=`` in the index."""
    return " & ".join(f"('={word}':* | '{word}')" for word in wanted)
