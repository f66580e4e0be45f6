"""The store of advisories: writing again does no harm, and nobody takes an id away from whom it belongs to."""

from __future__ import annotations

from typing import Any

from customhouse.advisories import queries
from customhouse.advisories.model import Written
from customhouse.advisories.store import put, write_records
from customhouse.advisories.tables import advisory_source
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.severity import Level
from customhouse.ledger.tables import ledger_event
from customhouse.ledger.tx import Tx
from world import World

HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"


def record(advisory_id: str, package: str = "demo", day: int = 1, **more: Any) -> Record:
    """A record of one package that is affected before 2.0."""
    events = [{"introduced": "0"}, {"fixed": "2.0"}]
    affected = {
        "package": {"ecosystem": "PyPI", "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    document = {"id": advisory_id, "modified": f"2026-01-{day:02}T00:00:00Z", "affected": [affected], **more}
    return read_record(document, advisory_id)


def of(world: World, name: str) -> list[str]:
    with world.app.database.read() as sql:
        return [one.id for one in queries.of_names(sql, [name]).get(name, [])]


def events(world: World) -> int:
    with world.app.database.read() as sql:
        return queries.last_change(sql)


def trust(world: World, name: str, rank: int) -> None:
    with world.app.database.write() as sql:
        row = {"kind": "folder", "place": "/x", "origin": "import", "added_at": world.clock.now()}
        sql.execute(advisory_source.insert().values(name=name, trust=rank, **row))


def write_own(world: World, *records: Record) -> Written:
    def deed(command: tuple[Record, ...], tx: Tx) -> Written:
        return write_records(tx, command)

    return world.app.do(deed, records)


def test_a_record_is_found_by_name_by_id_and_by_alias(world: World) -> None:
    severity = [{"type": "CVSS_V3", "score": HIGH}]
    put(world.app.deeds, [record("PYSEC-2026-1", "Some.Name", aliases=["CVE-2026-1"], severity=severity)], "pypa")
    put(world.app.deeds, [record("GHSA-x", "other", aliases=["CVE-2026-1"]), record("OSV-1", "third")], "osv")
    with world.app.database.read() as sql:
        (found,) = queries.of_names(sql, ["some-name", "unknown"])["some-name"]
        assert (found.id, found.level, found.base_score, found.source) == ("PYSEC-2026-1", Level.HIGH, 7.5, "pypa")
        assert found.record == record("PYSEC-2026-1", "Some.Name", aliases=["CVE-2026-1"], severity=severity)
        assert [one.id for one in queries.same_as(sql, "CVE-2026-1")] == ["GHSA-x", "PYSEC-2026-1"]
        assert [one.id for one in queries.same_as(sql, "GHSA-x")] == ["GHSA-x", "PYSEC-2026-1"]
    assert [one.id for one in queries.every(world.app.database)] == ["GHSA-x", "OSV-1", "PYSEC-2026-1"]


def test_putting_the_same_again_writes_nothing(world: World) -> None:
    records = [record(f"PYSEC-2026-{number}", f"p{number}", aliases=[f"CVE-2026-{number}"]) for number in range(30)]
    assert put(world.app.deeds, records, "pypa").new == 30
    before = events(world)
    assert put(world.app.deeds, records, "pypa") == Written(same=30)
    assert events(world) == before


def test_what_a_record_no_longer_names_is_not_found_by_it(world: World) -> None:
    put(world.app.deeds, [record("PYSEC-2026-1", "demo", aliases=["CVE-2026-1"])], "pypa")
    put(world.app.deeds, [record("PYSEC-2026-1", "other", 2)], "pypa")
    assert (of(world, "demo"), of(world, "other")) == ([], ["PYSEC-2026-1"])
    with world.app.database.read() as sql:
        assert queries.same_as(sql, "CVE-2026-1") == []


def test_a_source_does_not_go_back(world: World) -> None:
    put(world.app.deeds, [record("PYSEC-2026-1", "new", 5)], "pypa")
    assert put(world.app.deeds, [record("PYSEC-2026-1", "old", 4)], "pypa").kept == 1
    assert put(world.app.deeds, [record("PYSEC-2026-1", "corrected", 5)], "pypa").changed == 1
    assert of(world, "corrected") == ["PYSEC-2026-1"]


def test_among_equals_the_newest_record_of_an_id_counts(world: World) -> None:
    put(world.app.deeds, [record("PYSEC-2026-1", "first", 5)], "one")
    assert put(world.app.deeds, [record("PYSEC-2026-1", "tie", 5)], "two").kept == 1
    assert put(world.app.deeds, [record("PYSEC-2026-1", "newer", 6)], "two").changed == 1
    assert of(world, "newer") == ["PYSEC-2026-1"]


def test_a_less_trusted_source_never_replaces_a_more_trusted_ones_record(world: World) -> None:
    trust(world, "good", 10)
    put(world.app.deeds, [record("PYSEC-2026-1", "good", 1)], "good")
    assert put(world.app.deeds, [record("PYSEC-2026-1", "bad", 9)], "other").kept == 1
    put(world.app.deeds, [record("PYSEC-2026-2", "bad", 9)], "other")
    assert put(world.app.deeds, [record("PYSEC-2026-2", "good", 1)], "good").changed == 1
    assert of(world, "good") == ["PYSEC-2026-1", "PYSEC-2026-2"]


def test_what_we_have_written_ourselves_is_replaced_by_nobody_else(world: World) -> None:
    trust(world, "zealous", 2_000)
    write_own(world, record("PYSEC-2026-1", "ours"))
    done = put(world.app.deeds, [record("PYSEC-2026-1", "theirs", 20)], "zealous")
    assert (done.kept, done.usurped) == (1, ["PYSEC-2026-1"])
    assert of(world, "ours") == ["PYSEC-2026-1"]
    write_own(world, record("PYSEC-2026-1", "ours-again"))
    assert of(world, "ours-again") == ["PYSEC-2026-1"]


def test_aliases_in_a_circle_end(world: World) -> None:
    circle = [record(f"A-{one}", aliases=[f"A-{(one + 1) % 40}", f"A-{one}"]) for one in range(40)]
    put(world.app.deeds, circle, "one")
    with world.app.database.read() as sql:
        assert len(queries.same_as(sql, "A-7")) == 40


def test_an_event_tells_the_names_of_before_and_of_now(world: World) -> None:
    put(world.app.deeds, [record("PYSEC-2026-1", "before")], "pypa")
    put(world.app.deeds, [record("PYSEC-2026-1", "now", 2)], "pypa")
    entries = [entry for entry in world.app.do(_ledger, None) if entry[0] == "advisories-changed"]
    assert [entry[1] for entry in entries] == [
        '{"ids":["PYSEC-2026-1"],"names":["before"],"source":"pypa"}',
        '{"ids":["PYSEC-2026-1"],"names":["before","now"],"source":"pypa"}',
    ]


def _ledger(_command: None, tx: Tx) -> list[tuple[str, str]]:
    rows = tx.sql.execute(ledger_event.select().order_by(ledger_event.c.serial)).all()
    return [(row.kind, row.body) for row in rows]
