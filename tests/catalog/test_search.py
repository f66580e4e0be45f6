"""Search on both databases: what is found, in which order, and that it follows what is listed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.lifecycle_events import CriticalMarked
from customhouse.catalog.search.document import document, head_vector, lexemes
from customhouse.catalog.search.find import MAX_PAGE, PAGE_SIZE, RANKED, Found, find
from customhouse.catalog.search.tables import search_entry
from customhouse.catalog.search.write import index_all, put_words
from customhouse.catalog.tables import file, name, project, release
from customhouse.formats.metadata import CoreMetadata
from customhouse.infra.db import Database, database_url
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import OPERATOR
from customhouse.work import run_due_job, run_followers
from packages import wheel
from world import World

A48 = [
    "*", '"', "''", "NEAR(demo one, 5)", "demo AND", "demo NOT one", "{name}: demo", "name:demo", "^demo", "demo*", '"demo" *',
    "demo' OR 1=1 --", "'; DROP TABLE project; --", "%", "_", "\\", "😀", "😀 demo", "demo & !one | x:*", "demo:*A <-> one", "(" * 200,
    "-demo", "a" * 200, "\x00", "demo\x00", "\ud800demo", "\u202edemo", "0x1f 1e5 -5 3.14", "𞤀𞤁", "ﷺ" * 20, "e" + "\u0301" * 199,
    " ".join("abcdefghijklmnopqrstuvwxyz"), "or and not near", "; ; ;", "<b>demo</b>", "?q=demo", "demo/../..", "１２",
]  # fmt: skip


def search(world: World, text: str, page: int = 1) -> Found:
    with world.app.database.read() as sql:
        return find(sql, text, page=page)


def names(world: World, text: str) -> list[str]:
    return [hit.display for hit in search(world, text).hits]


def publish(world: World, display: str, version: str = "1.0", **headers: str) -> None:
    """Upload a wheel and let search hear of it."""
    named = {key.replace("_", "-"): value for key, value in headers.items() if key != "description"}
    dist = wheel(display, version, headers=named, description=headers.get("description", ""))
    fields = [(":action", "file_upload"), ("protocol_version", "1"), ("name", display), ("version", version),
              ("filetype", "bdist_wheel"), ("sha256_digest", dist.sha256)]  # fmt: skip
    answer = world.upload(dist, name=display, version=version, fields=fields)
    assert answer.status == 200, answer.text
    world.clock.turn(timedelta(minutes=1))
    while run_followers(world.app):
        pass


def change(world: World, statement: sa.Update) -> None:
    """Change rows as a deed would, with an event of that project."""

    def deed(wanted: sa.Update, tx: Tx) -> None:
        tx.sql.execute(wanted)
        tx.record(CriticalMarked(OPERATOR, "shy-one", critical=False, reason=""))

    world.app.do(deed, statement)
    while run_followers(world.app):
        pass


def test_words_are_found_in_every_field_and_the_name_weighs_most(world: World) -> None:
    publish(world, "unrelated", Summary="Nothing of note", description="It compares well with zebra, and speaks of it.")
    publish(world, "second", Summary="A zebra for the shell")
    publish(world, "third", Summary="Something else", Keywords="stripes,zebra")
    publish(world, "Zebra-Tools", Summary="Something else")
    publish(world, "fifth", Summary="Something else", Classifier="Framework :: Zope")
    assert names(world, "zebra") == ["Zebra-Tools", "second", "third", "unrelated"]
    assert names(world, "ZÉBRA") == ["Zebra-Tools", "second", "third", "unrelated"]
    assert names(world, "zope framework") == ["fifth"]
    assert names(world, "zebra shell") == ["second"]
    assert names(world, "zebra nowhere") == []
    assert search(world, "zebra").total == 4
    assert search(world, "zebra").hits[1].summary == "A zebra for the shell"


def test_a_name_is_found_however_it_is_spelled_and_by_its_beginning(world: World) -> None:
    publish(world, "Foo-Bar", Summary="A")
    publish(world, "foo-bar-extra", Summary="Foo bar, foo bar, and foo bar once more")
    publish(world, "barfoo", Summary="This is like foo bar")
    for text in ("foo-bar", "foo_bar", "Foo.Bar", "FOO BAR", "foobar", "  foo   bar "):
        assert names(world, text)[0] == "Foo-Bar", text
    assert names(world, "foo-bar") == ["Foo-Bar", "foo-bar-extra", "barfoo"]
    assert names(world, "foo-b")[:2] == ["Foo-Bar", "foo-bar-extra"]
    assert "barfoo" in names(world, "barf")
    assert names(world, "oo-bar") == []
    assert names(world, "f")[:2] == ["Foo-Bar", "foo-bar-extra"]


def test_search_knows_the_newest_version_and_what_is_listed_now(world: World) -> None:
    publish(world, "shy-one", Summary="Old words")
    publish(world, "shy-one", "2.0", Summary="New words")
    publish(world, "shy-one", "3.0rc1", Summary="Future words")
    publish(world, "loud-one", Summary="Words")
    found = search(world, "shy")
    assert [(hit.version, hit.summary) for hit in found.hits] == [("2.0", "New words")]
    assert names(world, "old") == []

    of_shy = project.c.normalized == "shy-one"
    change(world, project.update().where(of_shy).values(visibility="private"))
    assert names(world, "words") == ["loud-one"]
    change(world, project.update().where(of_shy).values(visibility="public", status="quarantined"))
    assert names(world, "shy") == []
    change(world, project.update().where(of_shy).values(status="active", deleted_at=world.clock.now()))
    assert names(world, "shy") == []
    change(world, project.update().where(of_shy).values(deleted_at=None))
    assert names(world, "shy") == ["shy-one"]

    change(world, release.update().where(release.c.version == "2.0").values(quarantined_at=world.clock.now()))
    assert [hit.version for hit in search(world, "shy").hits] == ["1.0"]
    change(world, release.update().where(release.c.version == "2.0").values(quarantined_at=None))
    shy_files = file.update().where(file.c.filename.like("shy%"))
    change(world, shy_files.values(deleted_at=world.clock.now()))
    assert names(world, "shy") == []
    change(world, shy_files.values(deleted_at=None))
    assert [hit.version for hit in search(world, "shy").hits] == ["2.0"]


def test_a_whole_index_is_filled_by_a_job_and_again_without_harm(world: World) -> None:
    publish(world, "first", Summary="Here before search was")
    publish(world, "second")
    with world.app.database.write() as sql:
        sql.execute(sa.text("DELETE FROM search_words"))
        sql.execute(search_entry.delete())
        sql.execute(
            job.insert().values(
                name="reindex-search", arguments={}, due_at=world.clock.now(), attempts=0, last_error=""
            )
        )
    assert names(world, "before") == []
    while run_due_job(world.app):
        pass
    assert names(world, "before") == ["first"]
    assert index_all(world.app.database) == 2
    assert names(world, "before") == ["first"]
    assert search(world, "package").total == 1


def test_a48_no_query_is_more_than_a_list_of_words(world: World) -> None:
    publish(world, "demo-one", Summary="The one")
    for text in A48:
        found = search(world, text)
        assert found.total <= 1, text
    assert names(world, "demo one") == ["demo-one"]
    assert names(world, "<b>demo") == []
    with pytest.raises(Rejected, match="at most 200"):
        search(world, "a" * 100_000)
    for page in (0, -1, MAX_PAGE + 1, 10**30):
        with pytest.raises(Rejected, match="page"):
            search(world, "demo", page=page)


def test_a_document_is_bounded_however_long_its_description() -> None:
    long = document("x" * 100, CoreMetadata("2.1", "x", "1", description="word " * 10**6, keywords=("k" * 10**6,)))
    assert sum(map(len, long.fields)) < 5000
    assert len(head_vector(long)) < 5000
    assert all(len(lexeme) <= 65 for lexeme in lexemes(long))


PROJECTS = 10_000
VOCABULARY = [
    f"{first}{second}{third}{number}"
    for number in range(20)
    for first in "bdfgklmnprst"
    for second in "aeiou"
    for third in "bdfglmnst"
]
MOST_STEPS = 200
"""In thousands. Ranking the 2,000 that are ranked at most takes about 100, and ranking all would take 350."""
COMMON = ("python", "library", "the", "fast", "tool")


@pytest.mark.slow
def test_a48_the_work_for_any_query_is_bounded_over_ten_thousand_projects(database_settings: Settings) -> None:
    """No more is counted than can be ranked, and on SQLite the steps of its machine are counted, too."""
    database = Database(database_url(database_settings))
    _fill(database)
    queries = ("python", "b", "python library", "the fast tool", VOCABULARY[0], VOCABULARY[9], "programming language",
               "nowhere", " ".join(COMMON), "ba be bi bo bu", f"{VOCABULARY[1]} python", *A48)  # fmt: skip
    for text in queries:
        for page in (1, MAX_PAGE):
            with database.read() as sql, _steps(sql) as steps:
                found = find(sql, text, page=page)
            assert found.total <= RANKED + 1, text
            assert len(found.hits) <= PAGE_SIZE, text
            assert len(steps) <= MOST_STEPS, (text, page, len(steps))
    with database.read() as sql:
        common = find(sql, "python")
        assert common.total == RANKED + 1
        pages = [find(sql, "ba", page=page) for page in range(1, find(sql, "ba").pages + 1)]
    shown = [hit.normalized for page in pages for hit in page.hits]
    assert len(shown) == len(set(shown)) == min(pages[0].total, MAX_PAGE * PAGE_SIZE)
    released = [hit.released_at for hit in common.hits]
    assert released == sorted(released, reverse=True)
    database.close()


@contextmanager
def _steps(sql: Connection) -> Iterator[list[None]]:
    """One entry for every thousand steps that SQLite takes meanwhile; none on PostgreSQL, which counts nothing."""
    taken: list[None] = []
    plain = sql.connection.driver_connection
    if isinstance(plain, sqlite3.Connection):
        plain.set_progress_handler(lambda: taken.append(None), 1000)
    try:
        yield taken
    finally:
        if isinstance(plain, sqlite3.Connection):
            plain.set_progress_handler(None, 0)


def _fill(database: Database) -> None:
    """Ten thousand made-up projects whose words are as unevenly common as words are."""
    chance = random.Random(8417)  # noqa: S311 - made-up projects, the same each time
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def text(count: int) -> str:
        rare = (VOCABULARY[min(int(chance.paretovariate(0.6)), len(VOCABULARY) - 1)] for _ in range(count))
        return " ".join(chance.choice(COMMON) if chance.random() < 0.3 else word for word in rare)

    for start in range(0, PROJECTS, 500):
        numbers = range(start, start + 500)
        called = {number: f"{chance.choice(VOCABULARY)}-{number}" for number in numbers}
        with database.write() as sql:
            sql.execute(
                name.insert(),
                [
                    {"normalized": one, "ultranormalized": one, "state": "hosted", "claimed_at": at}
                    for one in called.values()
                ],
            )
            sql.execute(
                project.insert(),
                [
                    {"id": number + 1, "normalized": one, "display": one, "created_at": at, "signals": {}}
                    for number, one in called.items()
                ],
            )
            sql.execute(
                search_entry.insert(),
                [{"project_id": number + 1, "serial": 0, "normalized": one, "display": one, "version": "1.0",
                  "summary": text(10), "released_at": at + timedelta(minutes=number)} for number, one in called.items()],
            )  # fmt: skip
            for number, one in called.items():
                metadata = CoreMetadata("2.1", one, "1.0", summary=text(10), description=text(chance.choice((50, 200, 600))),
                                        classifiers=("Programming Language :: Python :: 3",))  # fmt: skip
                put_words(sql, number + 1, document(one, metadata))
    if database.dialect == "postgresql":
        with database.write() as sql:
            sql.execute(sa.text("ANALYZE"))
