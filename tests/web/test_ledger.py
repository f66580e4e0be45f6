"""The ledger for everybody, for owners and for operators: pages, and exports that can be verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from customhouse.cli.ledger import verify_export
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.index.yank import Yank, yank
from customhouse.ledger import queries as ledger
from customhouse.ledger.chain import Fault
from customhouse.ledger.export import Verified, verify
from packages import wheel
from person import Person
from world import World


def lines(person: Person, address: str) -> list[dict[str, object]]:
    """An export, line by line."""
    answer = person.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    return [json.loads(line) for line in answer.text.splitlines()]


def head(world: World) -> tuple[int, str]:
    with world.app.database.read() as sql:
        return ledger.head(sql)


def publish(world: World) -> None:
    """A public project that was yanked, a private one, and an upload that was refused."""
    assert world.upload(wheel("demo"), name="demo").status == 200
    assert world.upload(wheel("veiled"), name="veiled").status == 200
    assert world.upload(wheel("demo", "2.0"), name="demo", version="3.0").status == 400
    world.app.do(yank, Yank("demo", "1.0", reason="It loses <data>"))
    world.app.do(change_visibility, ChangeVisibility("veiled", "private", "veiled"))


def test_everybody_reads_what_happened_in_words(world: World) -> None:
    publish(world)
    page = world.stranger().get("/ledger/")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-cache"
    for words in ("alice uploaded demo-1.0-py3-none-any.whl.", "an operator yanked version 1.0: “It loses &lt;data&gt;”.",
                  "entries that are not for everybody", "24 Nov 2026, 12:00 UTC"):  # fmt: skip
        assert words in page.text
    assert "veiled" not in page.text
    assert "not accepted" not in page.text


def test_anybody_can_verify_the_public_export(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(world)
    stranger = world.stranger()
    exported = stranger.get("/ledger.jsonl").text
    serial, last_hash = head(world)
    found = verify(exported.splitlines())
    assert isinstance(found, Verified)
    assert (found.first, found.last, found.last_hash, found.gaps) == (1, serial, last_hash, 0)
    assert found.sealed > 5
    assert found.read > 3
    assert "veiled" not in exported
    assert "alice" in exported

    path = tmp_path / "ledger.jsonl"
    path.write_text(exported)
    assert verify_export(path) == 0
    assert f"The last hash is {last_hash}." in capsys.readouterr().out
    path.write_text(exported.replace("alice", "bobby", 1))
    assert verify_export(path) == 1
    assert "has other contents than its hash says" in capsys.readouterr().out


def test_a_sealed_entry_shows_serial_and_hashes_and_nothing_else(world: World) -> None:
    publish(world)
    exported = lines(world.stranger(), "/ledger.jsonl")
    sealed = [line for line in exported if "kind" not in line]
    assert all(set(line) == {"serial", "previous_hash", "hash"} for line in sealed)
    shown = {line["kind"] for line in exported if "kind" in line}
    assert shown == {"project-created", "release-created", "file-uploaded", "yanked"}
    assert {line["project"] for line in exported if "kind" in line} == {"demo"}


def test_an_export_goes_on_after_a_serial(world: World) -> None:
    publish(world)
    stranger = world.stranger()
    whole = lines(stranger, "/ledger.jsonl")
    assert lines(stranger, "/ledger.jsonl?after=3&limit=2") == whole[3:5]
    assert lines(stranger, "/ledger.jsonl?limit=0") == []
    assert lines(stranger, f"/ledger.jsonl?after={len(whole)}") == []
    assert isinstance(verify(json.dumps(line) for line in whole[3:]), Verified)


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=1e3", "after=" + "9" * 400, "limit=%D9%A1", "after=1%00"]
)
def test_a_range_that_is_no_number_is_rejected(small_world: World, query: str) -> None:
    assert small_world.stranger().get(f"/ledger.jsonl?{query}").status_code == 400
    assert small_world.stranger().get(f"/ledger/?before={query.partition('=')[2]}").status_code == 400


def test_a_project_has_a_ledger_of_its_own(world: World) -> None:
    publish(world)
    stranger = world.stranger()
    page = stranger.get("/project/demo/ledger/")
    assert "alice uploaded demo-1.0-py3-none-any.whl." in page.text
    assert "not accepted" not in page.text
    exported = lines(stranger, "/project/demo/ledger.jsonl")
    assert [line["kind"] for line in exported] == ["project-created", "release-created", "file-uploaded", "yanked"]
    assert isinstance(verify(json.dumps(line) for line in exported), Fault)
    assert isinstance(verify((json.dumps(line) for line in exported), gaps=True), Verified)
    assert lines(stranger, "/project/demo/ledger.jsonl?limit=2") == exported[:2]
    assert 'href="/project/demo/ledger/"' in stranger.get("/project/demo/").text


def test_strangers_learn_nothing_of_a_private_projects_ledger(world: World) -> None:
    publish(world)
    stranger = world.stranger()
    for address in ("/project/veiled/ledger/", "/project/veiled/ledger.jsonl"):
        assert stranger.get(address).status_code == 404
        assert (
            stranger.get(address).text.replace("veiled", "nobody")
            == stranger.get(address.replace("veiled", "nobody")).text
        )


def test_owners_see_the_whole_of_their_project(world: World) -> None:
    publish(world)
    alice = world.person("alice")
    page = alice.get("/project/demo/ledger/")
    assert page.headers["cache-control"] == "private, no-store"
    assert "alice sent demo-2.0-py3-none-any.whl, which was not accepted." in page.text
    assert [line["kind"] for line in lines(alice, "/project/veiled/ledger.jsonl")] == [
        "project-created", "release-created", "file-uploaded", "project-visibility-changed",
    ]  # fmt: skip
    bob = world.person("bob")
    assert "not accepted" not in bob.get("/project/demo/ledger/").text
    assert bob.get("/project/veiled/ledger/").status_code == 404
    assert "veiled" not in alice.get("/ledger/").text


def test_operators_see_everything(world: World) -> None:
    publish(world)
    olga = world.operator()
    page = olga.get("/admin/ledger/")
    assert "veiled" in page.text
    assert "olga signed in." in page.text
    assert "not for everybody" not in page.text
    exported = lines(olga, "/admin/ledger.jsonl")
    assert all("kind" in line for line in exported)
    assert isinstance(verify(json.dumps(line) for line in exported), Verified)
    for other in (world.stranger(), world.person("bob")):
        for address in ("/admin/ledger/", "/admin/ledger.jsonl"):
            assert other.get(address).status_code in (303, 401, 403)


def test_the_ledger_is_turned_page_by_page(small_world: World) -> None:
    for number in range(1, 41):
        assert small_world.upload(wheel("demo", f"1.{number}"), name="demo", version=f"1.{number}").status == 200
    stranger, seen, address = small_world.stranger(), set(), "/ledger/"
    for _ in range(5):
        page = stranger.get(address).text
        seen |= {part.partition('"')[0] for part in page.split('id="serial-')[1:]}
        if 'rel="next"' not in page:
            break
        address = page.partition('<a href="/ledger/?before=')[2].partition('"')[0]
        address = f"/ledger/?before={address}"
    assert len(seen) == 81  # the name, and two for each release
    assert 'rel="next"' in stranger.get("/project/demo/ledger/").text
