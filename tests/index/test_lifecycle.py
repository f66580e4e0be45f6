"""Yank, status, closing, deletion with its price, restoration, erasure; and the story of atomicwrites."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from customhouse.accounts.index_flags import SetFlag, set_flag
from customhouse.accounts.users import find_user
from customhouse.catalog.downloads.tables import download
from customhouse.catalog.queries import pack_metadata
from customhouse.catalog.tables import file, project_role
from customhouse.index.delete import Delete, price_for
from customhouse.index.erase import Erase, erase
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.quarantine_by_hand import (
    QuarantineProject,
    QuarantineRelease,
    order_project_quarantine,
    order_release_quarantine,
)
from customhouse.index.reopen import Reopen, reopen
from customhouse.index.restore import Restore, restore
from customhouse.index.set_status import SetStatus, set_status
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.index.yank import Yank, yank
from customhouse.ledger import queries as ledger
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.work import run_due_job
from packages import Dist, sdist, wheel
from world import World

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}


def actor(world: World, name: str = "alice") -> Actor:
    world.user(name)
    with world.app.database.read() as sql:
        return find_user(sql, name).actor


def page(world: World, name: str = "demo") -> dict[str, object]:
    found: dict[str, object] = world.client.get(f"/simple/{name}/", headers=JSON).json()
    return found


def listed(world: World, name: str = "demo") -> dict[str, object]:
    answer = world.client.get(f"/simple/{name}/", headers=JSON)
    return {one["filename"]: one["yanked"] for one in answer.json()["files"]} if answer.status_code == 200 else {}


def publish(world: World, *dists: Dist, name: str = "demo", user: str = "alice") -> None:
    for dist in dists:
        version = dist.filename.removesuffix(".tar.gz").split("-")[1]
        answer = world.upload(dist, name=name, version=version, user=user)
        assert answer.status == 200, answer.text


def last_kind(world: World) -> str:
    with world.app.database.read() as sql:
        return list(ledger.entries(sql))[-1].kind


def downloads(world: World, filename: str, counted: int) -> None:
    """So many clients have downloaded the file today."""
    with world.app.database.write() as sql:
        file_id = sql.execute(sa.select(file.c.id).where(file.c.filename == filename)).scalar_one()
        sql.execute(download.insert().values(**_download_row(file_id, world, counted)))


def _download_row(file_id: int, world: World, counted: int) -> dict[str, object]:
    values: dict[str, object] = {
        "file_id": file_id,
        "day": world.clock.now().date(),
        "raw": counted,
        "counted": counted,
    }
    others = {column.name for column in download.columns} - values.keys()
    return values | {name: "origin" for name in others if name == "counted_by"}


def test_a_yanked_release_is_marked_with_its_reason_and_files_to_come_are_too(world: World) -> None:
    publish(world, wheel())
    world.app.do(yank, Yank("demo", "1.0", reason="breaks on 3.14", by=actor(world)))
    assert listed(world) == {wheel().filename: "breaks on 3.14"}
    publish(world, sdist())
    assert set(listed(world).values()) == {"breaks on 3.14"}
    assert world.download(f"/files/demo/{wheel().filename}").content == wheel().body
    world.app.do(yank, Yank("demo", "1.0", undo=True, by=actor(world)))
    assert set(listed(world).values()) == {False}
    assert last_kind(world) == "unyanked"


def test_one_file_can_be_yanked_and_keeps_its_own_reason(world: World) -> None:
    publish(world, wheel(), sdist())
    world.app.do(yank, Yank("demo", "", wheel().filename, "bad build", by=actor(world)))
    world.app.do(yank, Yank("demo", "1.0", reason="", by=actor(world)))
    assert listed(world) == {wheel().filename: "bad build", sdist().filename: True}
    world.app.do(yank, Yank("demo", "1.0", undo=True, by=actor(world)))
    assert listed(world) == {wheel().filename: "bad build", sdist().filename: False}


def test_only_people_of_the_project_yank(world: World) -> None:
    publish(world, wheel())
    with pytest.raises(Refused, match="neither an owner nor a maintainer"):
        world.app.do(yank, Yank("demo", "1.0", by=actor(world, "mallory")))
    with pytest.raises(Refused, match="no version '9'"):
        world.app.do(yank, Yank("demo", "9", by=actor(world)))


@pytest.mark.parametrize(("status", "uploads"), [("active", True), ("deprecated", True), ("archived", False)])
def test_a_status_says_whether_uploads_are_taken_and_every_page_shows_it(
    world: World, status: str, uploads: bool
) -> None:
    publish(world, wheel())
    world.app.do(
        set_status, SetStatus("demo", status, "because", "better" if status == "deprecated" else "", actor(world))
    )
    assert (world.upload(wheel(version="2.0"), version="2.0").status == 200) is uploads
    found = page(world)
    if status == "active":
        assert "project-status" not in found
    else:
        assert found["project-status"] == {"status": status, "reason": "because"}
        html = world.client.get("/simple/demo/", headers={"accept": "text/html"}).text
        assert f'<meta name="pypi:project-status" content="{status}">' in html
    assert wheel().filename in listed(world)
    assert ("better" in world.client.get("/project/demo/").text) is (status == "deprecated")


def test_a_quarantined_project_offers_no_file_by_any_address(world: World) -> None:
    publish(world, wheel())
    world.app.do(order_project_quarantine, QuarantineProject("demo", "malware"))
    found = page(world)
    assert (found["files"], found["versions"], found["project-status"]) == (
        [],
        ["1.0"],
        {"status": "quarantined", "reason": "malware"},
    )
    for address in (f"/files/demo/{wheel().filename}", f"/files/demo/{wheel().filename}.metadata"):
        answer = world.client.get(address)
        assert (answer.status_code, "malware" in answer.text) == (403, True)
    document = world.client.get("/pypi/demo/json").json()
    assert (document["urls"], document["releases"]) == ([], {})
    assert wheel().filename not in world.client.get("/project/demo/").text
    assert world.upload(wheel(version="2.0"), version="2.0").status == 403
    with pytest.raises(Refused, match="quarantined"):
        world.app.do(set_status, SetStatus("demo", "active", by=actor(world)))
    with pytest.raises(Refused, match="evidence"):
        world.app.remove(Delete("demo", typed="demo", by=actor(world)))


def test_a_quarantined_release_leaves_the_others_alone(world: World) -> None:
    publish(world, wheel(), wheel(version="2.0"))
    world.app.do(order_release_quarantine, QuarantineRelease("demo", "2.0", "stolen token"))
    assert list(listed(world)) == [wheel().filename]
    assert world.client.get(f"/files/demo/{wheel(version='2.0').filename}").status_code == 403
    assert world.download(f"/files/demo/{wheel().filename}").status_code == 200
    assert world.upload(sdist(version="2.0"), version="2.0").status == 403
    assert world.upload(wheel(version="2.0"), version="2.0").text.startswith("File already exists")


def test_a_release_closes_and_an_owner_reopens_it(world: World) -> None:
    publish(world, wheel())
    world.clock.turn(timedelta(days=world.app.settings.release_open_days, seconds=1))
    late = world.upload(sdist())
    assert (late.status, "closed to new files" in late.text) == (403, True)
    assert world.upload(wheel()).status == 200, "the same file again is no new file"
    with pytest.raises(Refused, match="an owner"):
        world.app.do(reopen, Reopen("demo", "1.0", actor(world, "mallory")))
    world.app.do(reopen, Reopen("demo", "1.0", actor(world)))
    assert last_kind(world) == "release-reopened"
    publish(world, sdist())
    world.clock.turn(timedelta(days=world.app.settings.release_open_days, seconds=1))
    assert world.upload(wheel(tag="cp311-none-any")).status == 403


def test_a_requirement_of_before_versions_had_a_limit_is_not_compared(world: World) -> None:
    """Comparing it raises what is no fault of whoever deletes: nobody is kept from it by a stranger's metadata."""
    publish(world, wheel(), wheel(version="2.0"))
    needs = wheel("needs-old", headers={"Requires-Dist": "demo<2"})
    publish(world, needs, name="needs-old", user="bob")
    long = f"Metadata-Version: 2.1\nName: needs-old\nVersion: 1.0\nRequires-Dist: demo<{'9' * 5000}\n"
    with world.app.database.write() as sql:
        sql.execute(file.update().where(file.c.filename == needs.filename), {"metadata": pack_metadata(long)})
    with world.app.database.read() as sql:
        assert price_for(sql, "demo", "1.0", "", actor(world), world.clock.now()).dependents == []


def test_the_price_of_a_deletion_names_downloads_and_dependents(world: World) -> None:
    publish(world, wheel(), wheel(version="2.0"))
    publish(world, wheel("needs-old", headers={"Requires-Dist": "demo<2"}), name="needs-old", user="bob")
    publish(
        world,
        wheel("needs-any", headers={"Requires-Dist": "Demo; extra == 'x'", "Provides-Extra": "x"}),
        name="needs-any",
        user="bob",
    )
    downloads(world, wheel().filename, 40)
    with world.app.database.read() as sql:
        one = price_for(sql, "demo", "1.0", "", actor(world), world.clock.now())
        other = price_for(sql, "demo", "2.0", "", actor(world), world.clock.now())
        whole = price_for(sql, "demo", "", "", actor(world), world.clock.now())
    assert ([row.project for row in one.dependents], one.downloads_30_days) == (["needs-old"], 40)
    assert ([row.project for row in other.dependents], other.downloads_30_days) == ([], 0)
    assert [row.project for row in whole.dependents] == ["needs-any", "needs-old"]
    assert whole.files == [wheel().filename, wheel(version="2.0").filename]


def test_the_price_of_a_deletion_counts_private_dependents_and_names_none(world: World) -> None:
    publish(world, wheel())
    publish(world, wheel("secret-plans", headers={"Requires-Dist": "demo<2"}), name="secret-plans", user="bob")
    world.app.do(change_visibility, ChangeVisibility("secret-plans", "private", "secret-plans"))
    with world.app.database.read() as sql:
        price = price_for(sql, "demo", "1.0", "", actor(world), world.clock.now())
    assert [(one.project, one.called, one.requirement) for one in price.dependents] == [
        ("", "A private project", "demo<2")
    ]


def test_a_deleted_file_leaves_every_listing_and_its_address_answers_for_a_while(world: World) -> None:
    publish(world, wheel(), sdist())
    world.app.remove(
        Delete("demo", filename=sdist().filename, typed=sdist().filename, reason="broken", by=actor(world))
    )
    assert list(listed(world)) == [wheel().filename]
    assert sdist().filename not in world.client.get("/project/demo/").text
    assert sdist().filename not in world.client.get("/pypi/demo/json").text
    answer = world.client.get(f"/files/demo/{sdist().filename}", follow_redirects=False)
    assert answer.status_code in (200, 302)
    assert answer.headers["warning"].startswith('299 - "deleted on 2026-11-24')
    assert answer.headers["sunset"] == "Mon, 22 Feb 2027 12:00:00 GMT"
    assert "immutable" not in answer.headers["cache-control"]
    assert world.download(f"/files/demo/{sdist().filename}").content == sdist().body
    world.clock.turn(timedelta(days=world.app.settings.deleted_files_days, seconds=5))
    while run_due_job(world.app):
        pass
    gone = world.client.get(f"/files/demo/{sdist().filename}")
    assert (gone.status_code, "its owner deleted it" in gone.text) == (410, True)
    assert world.app.do(restore, Restore("demo", filename=sdist().filename, by=actor(world))) == [sdist().filename]
    assert world.download(f"/files/demo/{sdist().filename}").content == sdist().body


def test_the_name_must_be_typed_again(world: World) -> None:
    publish(world, wheel())
    for typed in ("", "Demo ", "demo 1.0", "yes"):
        with pytest.raises(Rejected, match="exactly 'demo'"):
            world.app.remove(Delete("demo", typed=typed, by=actor(world)))


def test_while_deletions_are_switched_off_only_operators_delete(world: World) -> None:
    publish(world, wheel())
    world.app.do(set_flag, SetFlag("no-deletions", on=True, reason="an incident"))
    with pytest.raises(Refused, match="an incident"):
        world.app.remove(Delete("demo", typed="demo", by=actor(world)))
    world.app.remove(Delete("demo", typed="demo"))


def test_after_three_days_only_what_nobody_needs_may_go(world: World) -> None:
    publish(world, wheel(), wheel(version="2.0"))
    publish(world, wheel("needs", headers={"Requires-Dist": "demo==1.0"}), name="needs", user="bob")
    world.clock.turn(timedelta(hours=73))
    with pytest.raises(Refused, match=r"'needs' needs 'demo==1\.0'"):
        world.app.remove(Delete("demo", "1.0", typed="demo 1.0", by=actor(world)))
    assert last_kind(world) == "deletion-refused"
    downloads(world, wheel(version="2.0").filename, 101)
    with pytest.raises(Refused, match="101 times"):
        world.app.remove(Delete("demo", "2.0", typed="demo 2.0", by=actor(world)))
    world.app.remove(Delete("demo", "1.0", typed="demo 1.0", by=COMMAND_LINE))
    assert page(world)["versions"] == ["2.0"]


def test_a_restored_project_has_the_same_files_digests_times_and_addresses(world: World) -> None:
    publish(world, wheel(), sdist(), wheel(version="2.0"))
    world.app.remove(Delete("demo", filename=sdist().filename, typed=sdist().filename, by=actor(world)))
    before = page(world)
    world.app.remove(Delete("demo", typed="demo", reason="gone for good", by=actor(world)))
    assert world.client.get("/simple/demo/").status_code == 404
    assert "demo" not in world.client.get("/simple/").text
    assert world.client.get("/project/demo/").status_code == 404
    assert world.download(f"/files/demo/{wheel().filename}").content == wheel().body
    back = world.app.do(restore, Restore("demo", by=actor(world)))
    assert back == [wheel().filename, wheel(version="2.0").filename]
    after = page(world)
    assert (after["files"], after["versions"]) == (before["files"], before["versions"])
    assert after["meta"]["_last-serial"] > before["meta"]["_last-serial"]  # type: ignore[index]
    assert "demo" in world.client.get("/simple/").text


def test_atomicwrites_delete_and_create_again(world: World) -> None:
    """July 2022: a maintainer deletes his critical project to escape the rule, makes it anew, and every user breaks."""
    publish(world, wheel("atomicwrites"), name="atomicwrites", user="markus")
    world.app.do(mark_critical, MarkCritical("atomicwrites", "top 1 %"))
    markus = actor(world, "markus")
    with pytest.raises(Refused, match="critical"):
        world.app.remove(Delete("atomicwrites", typed="atomicwrites", by=markus))
    world.app.remove(Delete("atomicwrites", typed="atomicwrites", by=COMMAND_LINE))
    again = world.upload(wheel("atomicwrites", "1.1"), name="atomicwrites", version="1.1", user="markus")
    assert (again.status, "can restore it" in again.text) == (403, True)
    stranger = world.upload(wheel("atomicwrites", "6.6"), name="atomicwrites", version="6.6", user="mallory")
    assert (stranger.status, "is reserved" in stranger.text) == (403, True)
    same = world.upload(wheel("atomicwrites"), name="atomicwrites", user="markus")
    assert same.status != 200
    world.app.do(restore, Restore("atomicwrites", by=markus))
    assert list(listed(world, "atomicwrites")) == [wheel("atomicwrites").filename]
    with pytest.raises(Refused, match="critical"):
        world.app.remove(Delete("atomicwrites", typed="atomicwrites", by=markus))


def test_a_deleted_file_cannot_be_replaced_under_its_name(world: World) -> None:
    publish(world, wheel())
    world.app.remove(Delete("demo", filename=wheel().filename, typed=wheel().filename, by=actor(world)))
    for dist in (wheel(), wheel(files={"demo/__init__.py": b"evil = True\n"})):
        assert world.upload(dist).text.startswith("File already exists")
    publish(world, sdist())
    assert list(listed(world)) == [sdist().filename]


def test_an_erased_file_is_gone_at_once_and_its_bytes_too(world: World) -> None:
    publish(world, wheel(), sdist())
    wish = Erase("demo", wheel().filename, "court order", "4 O 123/26", wheel().filename)
    with pytest.raises(Refused, match="operator"):
        world.app.do(erase, Erase("demo", wheel().filename, "x", "y", wheel().filename, actor(world)))
    with pytest.raises(Rejected, match="reference"):
        world.app.do(erase, Erase("demo", wheel().filename, "x", "", wheel().filename))
    world.app.do(erase, wish)
    assert world.client.get(f"/files/demo/{wheel().filename}").status_code == 410
    assert list(listed(world)) == [sdist().filename]
    while run_due_job(world.app):
        pass
    assert world.app.blobs.locate(Digest(wheel().sha256)) is None
    assert world.upload(wheel()).text.startswith("File already exists")
    with pytest.raises(Refused, match="nobody has its bytes"):
        world.app.do(restore, Restore("demo", filename=wheel().filename))
    assert last_kind(world) in ("erased", "upload-refused")
    assert world.download(f"/files/demo/{sdist().filename}").content == sdist().body


def test_a_maintainer_uploads_and_yanks_and_does_not_delete(world: World) -> None:
    publish(world, wheel())
    bob = actor(world, "bob")
    with world.app.database.write() as sql:
        project_id = sql.execute(sa.text("SELECT id FROM project WHERE normalized = 'demo'")).scalar_one()
        sql.execute(project_role.insert().values(project_id=project_id, account_id=bob.account_id, role="maintainer"))
    publish(world, wheel(version="2.0"), user="bob")
    world.app.do(yank, Yank("demo", "2.0", by=bob))
    with pytest.raises(Refused, match="not an owner"):
        world.app.remove(Delete("demo", "2.0", typed="demo 2.0", by=bob))
    with pytest.raises(Refused, match="not an owner"):
        world.app.do(set_status, SetStatus("demo", "archived", by=bob))


@pytest.mark.slow
def test_a_project_of_a_thousand_files_is_restored_by_as_few_statements_as_one_of_one(small_world: World) -> None:
    """One row changes, however many files there are."""
    publish(small_world, wheel())
    owner = actor(small_world)
    small_world.app.remove(Delete("demo", typed="demo", by=owner))
    with small_world.statements() as few:
        assert len(small_world.app.do(restore, Restore("demo", by=owner))) == 1
    with small_world.app.database.write() as sql:
        columns = [column.name for column in file.columns if column.name != "id"]
        picked = ", ".join(f"'{{}}' || {name}" if name in ("filename", "digest") else name for name in columns)
        copy = f"INSERT INTO file ({', '.join(columns)}) SELECT {picked} FROM file WHERE id = 1"  # noqa: S608 - our own names
        for number in range(999):
            sql.execute(sa.text(copy.replace("{}", str(number))))
        names = sql.execute(sa.text("SELECT count(*) FROM file")).scalar_one()
    assert names == 1000
    small_world.app.remove(Delete("demo", typed="demo", by=owner))
    with small_world.statements() as many:
        assert len(small_world.app.do(restore, Restore("demo", by=owner))) == 1000
    assert len(page(small_world)["files"]) == 1000  # type: ignore[arg-type]
    with small_world.app.database.write() as sql:
        sql.execute(sa.text("DELETE FROM file WHERE id > 1"))
        sql.execute(sa.text("DELETE FROM page"))
        sql.execute(sa.text("DELETE FROM gate"))
    assert len(many) == len(few)
