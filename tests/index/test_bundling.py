"""Which files of the index bundle a library, from their arrival to the letter that their owners get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from advising import advise
from customhouse.accounts.tables import account
from customhouse.catalog.bundled import count_unscanned, known_libraries
from customhouse.catalog.bundled_tables import bundled_library, bundled_scan
from customhouse.catalog.staged_tables import upload_file
from customhouse.catalog.tables import file
from customhouse.formats.osv.read import read_record
from customhouse.index.bundling.ranges import SayRange, TakeBack, say_range, take_back
from customhouse.index.bundling.rescan import RESCAN_JOB, rescan
from customhouse.index.bundling.tell_owners import TellOwners, tell_owners
from customhouse.index.bundling.who import who_bundles
from customhouse.index.erase import Erase, erase
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.infra import jobs
from customhouse.infra.spool import open_spool
from customhouse.infra.tables import job
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused, Rejected
from customhouse.work import JOBS, run_followers
from native_files import elf
from packages import Dist, wheel
from staging import Stager
from world import World

MEMBER = "pictures.libs/libwebp-8b6d8948.so.{suffix}"


def pictures(version: str, suffix: str, name: str = "pictures") -> Dist:
    """A wheel that brings libwebp, as repair tools lay it down."""
    members = {
        f"{name}/__init__.py": b"",
        f"{name}.libs/libwebp-8b6d8948.so.{suffix}": elf([version.encode(), name.encode()]),
    }
    return wheel(name, version, files=members)


def publish(world: World, version: str, suffix: str, name: str = "pictures", user: str = "alice") -> None:
    assert world.upload(pictures(version, suffix, name), user=user, name=name, version=version).status == 200


def on_libwebp(advisory_id: str = "CVE-2023-4863", **more: Any) -> Mapping[str, Any]:
    """The record of a vulnerability of libwebp."""
    events = [{"introduced": "0"}, {"fixed": "1.3.2"}]
    affected = {
        "package": {"ecosystem": "OSS-Fuzz", "name": "libwebp"},
        "ranges": [{"type": "SEMVER", "events": events}],
    }
    return {
        "id": advisory_id,
        "modified": "2024-07-31T18:19:23Z",
        "summary": "Heap overflow",
        "affected": [affected],
        **more,
    }


def asked(world: World, library: str = "libwebp", range_: str = "<1.3.2", **more: bool) -> list[str]:
    with world.app.database.read() as sql:
        found = who_bundles(sql, library, range_, world.clock.now(), **more)
    return [f"{one.held.project} {one.held.version}" for one in found.matching]


def scans(world: World) -> int:
    with world.app.database.read() as sql:
        return sql.execute(sa.select(sa.func.count()).select_from(bundled_scan)).scalar_one()


def test_what_a_wheel_bundles_is_known_when_its_upload_is_acknowledged(world: World) -> None:
    publish(world, "1.0", "7.1.7")
    publish(world, "2.0", "7.1.8")
    publish(world, "3.0", "7")
    assert world.upload(wheel()).status == 200
    with world.app.database.read() as sql:
        found = who_bundles(sql, "WebP", "<1.3.2", world.clock.now())
        assert known_libraries(sql) == [("libwebp", 3)]
        assert count_unscanned(sql) == 0
    assert [(one.held.version, one.held.library.version) for one in found.matching] == [("1.0", "1.3.1")]
    assert found.matching[0].owners == ("alice",)
    # What nobody knows is listed apart, and never silently left out.
    assert [(one.held.version, one.held.library.version) for one in found.unknown] == [("3.0", None)]
    assert found.others == 1
    assert scans(world) == 4
    world.check()


def test_a_staged_release_is_scanned_once_and_known_when_it_is_published(small_world: World) -> None:
    stager = Stager(small_world.client, small_world.user())
    session = stager.session("pictures", "1.0")
    stager.add(session, pictures("1.0", "7.1.7"))
    with small_world.app.database.read() as sql:
        kept = sql.execute(sa.select(upload_file.c.bundled)).scalar_one()
    assert kept["libraries"][0]["version"] == "1.3.1"
    assert asked(small_world) == []
    assert stager.publish(session).status_code in (200, 201, 202)
    assert asked(small_world) == ["pictures 1.0"]
    with small_world.app.database.read() as sql:
        assert sql.execute(sa.select(upload_file.c.bundled)).scalar_one() is None
    small_world.check()


def test_strangers_hear_of_no_private_project(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    publish(small_world, "1.0", "7.1.7", "secret")
    small_world.app.do(change_visibility, ChangeVisibility("secret", "private", "secret"))
    assert asked(small_world) == ["pictures 1.0"]
    assert asked(small_world, private=True) == ["pictures 1.0", "secret 1.0"]
    for address in (
        "/bundled/",
        "/bundled/?library=libwebp",
        "/api/bundled?library=libwebp",
        "/api/bundled?library=libwebp&below=9",
    ):
        answer = small_world.client.get(address)
        assert answer.status_code == 200
        assert "secret" not in answer.text
    assert '"other_versions": 0' in json.dumps(small_world.client.get("/api/bundled?library=libwebp").json())


def test_the_page_and_the_api_say_what_they_know_and_how(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    publish(small_world, "3.0", "7")
    answer = small_world.client.get("/api/bundled?library=libwebp&below=1.3.2").json()
    assert [one["filename"] for one in answer["files"]] == ["pictures-1.0-py3-none-any.whl"]
    assert answer["files"][0]["evidence"][0] == {
        "kind": "soname-table", "version": "1.3.1", "where": "pictures.libs/libwebp-8b6d8948.so.7.1.7: the suffix of its name", "text": "7.1.7",
    }  # fmt: skip
    assert [one["library_version"] for one in answer["unknown"]] == [None]
    page = small_world.client.get("/bundled/?library=libwebp&range=%3C1.3.2").text
    assert "1 file bundles it in 1 project" in page
    assert "Version unknown" in page
    assert "alice" in page
    project = small_world.client.get("/project/pictures/1.0/").text
    assert '<h2 id="bundles">Bundles</h2>' in project
    assert "1.3.1" in project
    assert "soname-table" in project


@pytest.mark.parametrize(
    "query",
    [
        "",
        "library=",
        "library=libwebp&range=~=1.0",
        "library=libwebp&below=1&range=2",
        "library=" + "x" * 201,
        "library=libwebp&below=%3C%3C1",
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_what_would_do(query: str, small_world: World) -> None:
    answer = small_world.client.get(f"/api/bundled?{query}")
    assert answer.status_code == 400
    assert "Accepted" in answer.text or "accepted" in answer.text


def test_wheels_that_came_before_anybody_looked_are_looked_into(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    publish(small_world, "2.0", "7.1.8")
    app = small_world.app
    with app.database.write() as sql:
        sql.execute(bundled_library.delete())
        sql.execute(bundled_scan.delete().where(bundled_scan.c.file_id == 1))
        sql.execute(bundled_scan.update().values(tables_version=0))
    assert asked(small_world) == []
    spool = open_spool(app.settings.data)
    last = rescan(app.deeds, app.blobs, app.walkers.scan, spool, most=1)
    assert last is not None
    assert asked(small_world) == ["pictures 1.0"]
    assert rescan(app.deeds, app.blobs, app.walkers.scan, spool, after=last) is not None
    assert rescan(app.deeds, app.blobs, app.walkers.scan, spool) is None
    with app.database.read() as sql:
        assert count_unscanned(sql) == 0
    small_world.check()


def test_the_job_goes_on_by_itself_until_every_wheel_was_looked_into(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    app = small_world.app
    with app.database.write() as sql:
        sql.execute(bundled_scan.delete())
        sql.execute(bundled_library.delete())
        sql.execute(job.delete())
    JOBS[RESCAN_JOB](app, {})
    with app.database.read() as sql:
        arguments = sql.execute(sa.select(job.c.arguments).where(job.c.name == RESCAN_JOB)).scalar_one()
    with app.database.write() as sql:
        sql.execute(job.delete())
    assert asked(small_world) == ["pictures 1.0"]
    JOBS[RESCAN_JOB](app, arguments)
    assert jobs.claim(app.database, small_world.clock.now(), only=[RESCAN_JOB]) is None


def test_a_wheel_whose_bytes_are_lost_is_noted_and_not_tried_for_ever(broken_world: World) -> None:
    publish(broken_world, "1.0", "7.1.7")
    app = broken_world.app
    with app.database.write() as sql:
        sql.execute(bundled_scan.delete())
        sql.execute(file.update().values(digest="0" * 64))
    assert rescan(app.deeds, app.blobs, app.walkers.scan, open_spool(app.settings.data)) == 1
    with app.database.read() as sql:
        assert "not scanned" in sql.execute(sa.select(bundled_scan.c.notes)).scalar_one()[0]
        assert count_unscanned(sql) == 0


def test_what_is_erased_bundles_nothing(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    name = pictures("1.0", "7.1.7").filename
    small_world.app.do(erase, Erase("pictures", name, "a court", "1/26", name))
    assert asked(small_world) == []
    assert scans(small_world) == 0


def events(world: World, kind: str) -> list[dict[str, Any]]:
    with world.app.database.read() as sql:
        rows = sql.execute(
            sa.select(ledger_event.c.body).where(ledger_event.c.kind == kind).order_by(ledger_event.c.serial)
        )
        return [json.loads(body) for body in rows.scalars()]


def letters(world: World) -> list[tuple[int, str]]:
    while run_followers(world.app):
        pass
    with world.app.database.read() as sql:
        rows = sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail")).scalars()
        return [
            (one["account_id"], one["values"]["body"]["held"]) for one in rows if one["template"] == "library-affected"
        ]


def test_owners_are_told_once_of_each_file_those_of_private_projects_too(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    publish(small_world, "2.0", "7.1.8")
    publish(small_world, "1.0", "7.1.6", "secret", "bob")
    small_world.app.do(change_visibility, ChangeVisibility("secret", "private", "secret"))
    with small_world.app.database.write() as sql:
        sql.execute(account.update().values(email=account.c.name + "@example.org"))
    advise(small_world.app, read_record(on_libwebp(), "test"))
    wish = TellOwners("CVE-2023-4863")
    told = tell_owners(small_world.app.deeds, wish)
    assert (told.projects, told.files) == (("pictures", "secret"), 2)
    assert tell_owners(small_world.app.deeds, wish).files == 0
    assert sorted(letters(small_world)) == [(1, "1.0 with libwebp 1.3.1"), (2, "1.0 with libwebp 1.3.0")]
    # Whoever uploads another one later is told of that one.
    publish(small_world, "1.1", "7.1.7")
    assert tell_owners(small_world.app.deeds, wish).projects == ("pictures",)
    assert events(small_world, "library-affected")[-1]["held"] == "1.1 with libwebp 1.3.1"
    small_world.check()


def test_only_operators_tell_and_say(small_world: World) -> None:
    advise(small_world.app, read_record(on_libwebp(), "test"))
    alice = small_world.person("alice")
    for path in ("", "tell/", "take-back/"):
        answer = alice.post(f"/admin/advisory/CVE-2023-4863/libraries/{path}", library="libwebp", fixed="1.3.2")
        assert answer.status_code == 403
    assert alice.get("/admin/advisory/CVE-2023-4863/libraries/").status_code == 403


def test_an_operator_says_what_a_record_does_not(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    bare = {"id": "CVE-2023-5129", "modified": "2024-01-01T00:00:00Z", "summary": "no versions", "affected": []}
    advise(small_world.app, read_record(bare, "test"))
    deeds = small_world.app.deeds
    with pytest.raises(Refused, match="is on no library"):
        tell_owners(deeds, TellOwners("CVE-2023-5129"))
    for introduced, fixed, last in (("", "1.3.2", "1.3.1"), ("", "<1", ""), ("2.0", "1.0", "")):
        with pytest.raises(Rejected):
            small_world.app.do(say_range, SayRange("CVE-2023-5129", "libwebp", introduced, fixed, last))
    with pytest.raises(Refused, match="Nothing is known"):
        small_world.app.do(say_range, SayRange("CVE-1", "libwebp", fixed="1.3.2"))
    operator = small_world.operator()
    answer = operator.post("/admin/advisory/CVE-2023-5129/libraries/", library="WebP", fixed="1.3.2")
    assert operator.said(answer) == "It affects libwebp all before 1.3.2."
    assert "pictures 1.0" in operator.get("/admin/advisory/CVE-2023-5129/libraries/").text
    assert "pictures 1.0" in small_world.client.get("/advisory/CVE-2023-5129/").text
    answer = operator.post("/admin/advisory/CVE-2023-5129/libraries/tell/")
    assert operator.said(answer) == "The owners of 1 project hear of 1 file."
    assert small_world.app.do(take_back, TakeBack("CVE-2023-5129", "webp")) == 1
    assert "pictures" not in small_world.client.get("/advisory/CVE-2023-5129/").text
    assert len(events(small_world, "library-range-said")) == 2


def test_a_withdrawn_advisory_concerns_nobody(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    advise(small_world.app, read_record(on_libwebp(withdrawn="2024-09-01T00:00:00Z"), "test"))
    assert "pictures" not in small_world.client.get("/advisory/CVE-2023-4863/").text
    with pytest.raises(Refused, match="is on no library"):
        tell_owners(small_world.app.deeds, TellOwners("CVE-2023-4863"))


def test_thousands_of_files_are_answered_within_a_second(small_world: World) -> None:
    publish(small_world, "1.0", "7.1.7")
    with small_world.app.database.write() as sql:
        row = dict(sql.execute(sa.select(bundled_library)).mappings().one())
        rows = [
            row | {"id": number, "member": f"m{number}", "version": f"1.{number % 5}.{number}"}
            for number in range(2, 5000)
        ]
        sql.execute(bundled_library.insert(), rows)
    with small_world.statements() as said:
        answer = small_world.client.get("/api/bundled?library=libwebp&below=1.3.2").json()
    assert len(answer["files"]) > 2000
    assert len(said) < 12
