"""The three XML-RPC calls, as mirrors make them."""

from __future__ import annotations

import xmlrpc.client
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from customhouse.catalog import changelog
from customhouse.catalog.changelog import ACTIONS
from customhouse.catalog.lifecycle_events import CriticalMarked
from customhouse.catalog.tables import project
from customhouse.ledger.events import Event, FileUploaded, ProjectCreated
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import OPERATOR
from every_event import every_event
from packages import sdist, wheel
from world import World

HEADERS = {"content-type": "text/xml"}


def ask(world: World, method: str, *arguments: Any, address: str = "/pypi") -> Any:
    """Call a method as Python's own client does."""
    answer = world.client.post(address, content=xmlrpc.client.dumps(arguments, method).encode(), headers=HEADERS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    (value,), _ = xmlrpc.client.loads(answer.content)
    return value


def publish(world: World) -> None:
    """Two releases of one project and one of another."""
    assert world.upload(wheel("Demo-One"), name="Demo-One").status == 200
    world.clock.turn(timedelta(hours=1))
    assert world.upload(sdist("Demo-One"), name="Demo-One").status == 200
    assert (
        world.upload(wheel("Demo-One", "2.0", tag="cp311-abi3-linux_x86_64"), name="Demo-One", version="2.0").status
        == 200
    )
    assert world.upload(wheel("other"), name="other").status == 200


def hide(normalized: str, tx: Tx) -> None:
    """Make a project private."""
    tx.sql.execute(project.update().where(project.c.normalized == normalized).values(visibility="private"))
    tx.record(CriticalMarked(OPERATOR, normalized, critical=False, reason=""))


def test_the_changelog_tells_what_pypi_would_tell(world: World) -> None:
    publish(world)
    changes = ask(world, "changelog_since_serial", 0)
    assert [(name, version, action) for name, version, _, action, _ in changes] == [
        ("Demo-One", None, "create"),
        ("Demo-One", "1.0", "new release"),
        ("Demo-One", "1.0", "add py3 file demo_one-1.0-py3-none-any.whl"),
        ("Demo-One", "1.0", "add source file demo_one-1.0.tar.gz"),
        ("Demo-One", "2.0", "new release"),
        ("Demo-One", "2.0", "add cp311 file demo_one-2.0-cp311-abi3-linux_x86_64.whl"),
        ("other", None, "create"),
        ("other", "1.0", "new release"),
        ("other", "1.0", "add py3 file other-1.0-py3-none-any.whl"),
    ]
    assert all(isinstance(at, int) and 0 <= world.clock.now().timestamp() - at < 4000 for _, _, at, _, _ in changes)
    serials = [serial for *_, serial in changes]
    assert serials == sorted(serials)
    assert ask(world, "changelog_last_serial") == serials[-1]
    assert ask(world, "changelog_since_serial", serials[-1], address="/pypi/") == []
    assert ask(world, "changelog_since_serial", float(serials[3])) == changes[4:]


def test_every_project_is_listed_with_the_serial_that_its_pages_have(world: World) -> None:
    assert ask(world, "list_packages_with_serial") == {}
    assert ask(world, "changelog_last_serial") == 0
    publish(world)
    listed = ask(world, "list_packages_with_serial")
    assert sorted(listed) == ["Demo-One", "other"]
    for name, serial in listed.items():
        answer = world.client.get(f"/pypi/{name.lower()}/json")
        assert int(answer.headers["x-pypi-last-serial"]) == serial
    changes = ask(world, "changelog_since_serial", 0)
    assert listed == {name: max(change[4] for change in changes if change[0] == name) for name in listed}


def test_private_projects_never_appear(world: World) -> None:
    publish(world)
    world.app.do(hide, "demo-one")
    assert list(ask(world, "list_packages_with_serial")) == ["other"]
    assert {change[0] for change in ask(world, "changelog_since_serial", 0)} == {"other"}
    world.app.do(hide, "other")
    assert ask(world, "changelog_last_serial") == 0


@pytest.mark.parametrize(
    "event", [event for event in every_event() if event.changes_pages], ids=lambda event: event.kind
)
def test_mirrors_hear_of_every_event_that_changes_pages(event: type[Event]) -> None:
    assert event.kind in ACTIONS, "add it to ACTIONS in catalog/changelog.py"


def test_what_mirrors_hear_of_changes_pages() -> None:
    """Otherwise a page's serial would stay behind, and mirrors would wait for it in vain."""
    assert {event.kind for event in every_event() if event.changes_pages} == set(ACTIONS)


def test_a46_every_bad_call_is_answered_with_a_fault(small_world: World) -> None:
    for method in ("system.multicall", "system.listMethods", "search", "release_data", "", "__init__", "changelog"):
        with pytest.raises(xmlrpc.client.Fault):
            _load(small_world, xmlrpc.client.dumps((), method).encode(), {200, 400})
    for arguments in (
        (),
        (1, 2),
        ("1",),
        (True,),
        (-1,),
        (1.5,),
        ([1],),
        ({"serial": 1},),
        (None,),
        (xmlrpc.client.Binary(b"1"),),
    ):
        with pytest.raises(xmlrpc.client.Fault):
            _load(
                small_world,
                xmlrpc.client.dumps(arguments, "changelog_since_serial", allow_none=True).encode(),
                {200, 400},
            )
    with pytest.raises(xmlrpc.client.Fault, match="takes 0 arguments"):
        ask(small_world, "changelog_last_serial", 1)


def test_a46_ten_thousand_calls_in_one_are_too_large(small_world: World) -> None:
    calls = [{"methodName": "changelog_since_serial", "params": [0]}] * 10_000
    body = xmlrpc.client.dumps((calls,), "system.multicall").encode()
    with pytest.raises(xmlrpc.client.Fault, match="at most 16384 bytes"):
        _load(small_world, body, {413})


def test_a46_bombs_are_answered_with_400_and_never_with_500(small_world: World) -> None:
    bombs = [b"", b"\0", b"<a>" * 5000, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', b"<?x?>"]
    for body in bombs:
        with pytest.raises(xmlrpc.client.Fault):
            _load(small_world, body, {400})
    assert small_world.client.get("/pypi").status_code in (404, 405)


def _load(world: World, body: bytes, statuses: set[int]) -> Any:
    answer: httpx.Response = world.client.post("/pypi", content=body, headers=HEADERS)
    assert answer.status_code in statuses, answer.text
    assert "root:" not in answer.text
    return xmlrpc.client.loads(answer.content)


def test_a_long_changelog_is_cut_between_serials(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across the borders of batches, and cut in the midst of one. The limit is turned down, to write less."""
    world, written, shown = small_world, 3 * changelog.BATCH + 10, changelog.BATCH + changelog.BATCH // 2
    monkeypatch.setattr(changelog, "MAX_ROWS", shown)
    world.upload(wheel("many"), name="many")
    before = ask(world, "changelog_last_serial")

    def write(count: int, tx: Tx) -> None:
        for number in range(count):
            if number % 2:
                tx.record(
                    FileUploaded(
                        OPERATOR,
                        "many",
                        version="1.0",
                        filename=f"x-{number}.tar.gz",
                        sha256="",
                        size_bytes=1,
                        token_id="",
                    )
                )
            else:
                tx.record(ProjectCreated(OPERATOR, "many", display_name="many", owner_id="1"))

    world.app.do(write, written)
    pieces = [ask(world, "changelog_since_serial", before)]
    while pieces[-1]:
        pieces.append(ask(world, "changelog_since_serial", pieces[-1][-1][4]))
    assert [len(piece) for piece in pieces] == [shown, shown, written - 2 * shown, 0]
    assert [change[4] for piece in pieces for change in piece] == list(range(before + 1, before + written + 1))
    with world.app.database.write() as sql:  # these files are not there, which `check` would find
        sql.execute(sa.text("DELETE FROM ledger_event WHERE serial > :before"), {"before": before})
        head = sql.execute(sa.text("SELECT hash FROM ledger_event ORDER BY serial DESC LIMIT 1")).scalar_one()
        sql.execute(sa.text("UPDATE ledger_head SET serial = :before, hash = :hash"), {"before": before, "hash": head})
        sql.execute(sa.text("UPDATE changed SET serial = :before WHERE serial > :before"), {"before": before})
