"""Ready pages on both databases: right or missing, never stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from customhouse.infra.db import Database, database_url
from customhouse.infra.pages import Gate, Page, Pages
from customhouse.infra.pages_copy import Copy
from customhouse.infra.pages_open import open_pages
from customhouse.infra.settings import Settings


@pytest.fixture
def database(database_settings: Settings) -> Iterator[Database]:
    made = Database(database_url(database_settings))
    yield made
    made.close()


@pytest.fixture
def pages(database_settings: Settings) -> Iterator[Pages]:
    made = open_pages(database_settings)
    yield made
    made.close()


def move_on(database: Database, serial: int, name: str = "demo") -> None:
    """What a deed does to the read path."""
    with database.write() as sql:
        for table, column in (("page", "name"), ("gate", "project"), ("changed", "name")):
            sql.execute(sa.text(f"DELETE FROM {table} WHERE {column} = :name"), {"name": name})  # noqa: S608 - fixed names
        sql.execute(
            sa.text("INSERT INTO changed (name, serial) VALUES (:name, :serial)"), {"name": name, "serial": serial}
        )


def page(serial: int, body: bytes = b"{}") -> Page:
    return Page(name="demo", format="json", serial=serial, etag=f'"{serial}"', body=body, gzip=b"")


def gate(digest: str = "aa") -> Gate:
    return Gate(filename="demo-1.whl", project="demo", digest=digest, size_bytes=1, verdict="allow")


def eventually(ask: Callable[[], object], wanted: object) -> bool:
    """PostgreSQL tells within a second; SQLite at once."""
    pause = threading.Event()
    for _ in range(100):
        if ask() == wanted:
            return True
        pause.wait(0.02)
    return False


def test_a_rendering_is_stored_and_read_back(database: Database, pages: Pages) -> None:
    move_on(database, 1)
    assert pages.put("demo", 1, (page(1),), (gate(),))
    assert pages.page("", "demo", "json") == page(1)
    assert pages.gate("", "demo-1.whl") == gate()
    assert pages.ready_page("", "demo", "json") == page(1)
    assert pages.ready_gate("", "demo-1.whl") == gate()


def test_a_rendering_of_an_old_serial_is_not_stored(database: Database, pages: Pages) -> None:
    move_on(database, 2)
    assert not pages.put("demo", 1, (page(1),), (gate(),))
    assert pages.page("", "demo", "json") is None
    assert pages.gate("", "demo-1.whl") is None


def test_a_rendering_of_an_unknown_project_is_not_stored(pages: Pages) -> None:
    assert not pages.put("demo", 1, (page(1),), ())


def test_after_a_deed_the_old_page_is_gone(database: Database, pages: Pages) -> None:
    move_on(database, 1)
    pages.put("demo", 1, (page(1),), (gate(),))
    assert pages.page("", "demo", "json") == page(1)
    move_on(database, 2)
    assert pages.page("", "demo", "json") is None
    assert eventually(lambda: pages.ready_page("", "demo", "json"), None)
    assert eventually(lambda: pages.ready_gate("", "demo-1.whl"), None)


def test_on_sqlite_the_writers_next_read_sees_the_write(tmp_path_factory: pytest.TempPathFactory) -> None:
    from customhouse.app import prepare  # noqa: PLC0415 - this test alone makes its own installation

    settings = Settings.model_validate({"data": tmp_path_factory.mktemp("x") / "data"})
    prepare(settings)
    database, pages = Database(database_url(settings)), open_pages(settings)
    for serial in range(1, 30):
        move_on(database, serial)
        assert pages.ready_page("", "demo", "json") is None
        pages.put("demo", serial, (page(serial),), ())
        assert pages.page("", "demo", "json") == page(serial)
    pages.close()
    database.close()


def test_other_projects_keep_their_copies(database: Database, pages: Pages) -> None:
    move_on(database, 1)
    pages.put("demo", 1, (page(1),), ())
    pages.page("", "demo", "json")
    move_on(database, 2, name="other")
    assert pages.ready_page("", "demo", "json") == page(1)


def test_a_copy_never_takes_in_what_was_read_before_a_drop() -> None:
    copy = Copy()
    generation = copy.generation
    copy.drop(["demo"])
    copy.add_page(page(1), generation)
    copy.add_gate(gate(), generation)
    assert not copy.pages
    assert not copy.gates


def test_a_copy_is_bounded_in_bytes_and_forgets_the_oldest() -> None:
    copy = Copy(max_bytes=1000, max_gates=1)
    for number in range(10):
        copy.add_page(Page(f"p{number}", "json", 1, '"x"', b"x" * 200, b""), copy.generation)
    assert [key[1] for key in copy.pages] == ["p5", "p6", "p7", "p8", "p9"]
    copy.add_page(Page("huge", "json", 1, '"x"', b"x" * 300, b""), copy.generation)
    assert ("", "huge", "json") not in copy.pages
    copy.add_gate(gate(), copy.generation)
    copy.add_gate(Gate("demo-2.whl", "demo", "bb", 1, "allow"), copy.generation)
    assert [key[1] for key in copy.gates] == ["demo-2.whl"]
    copy.clear()
    assert not copy.pages
