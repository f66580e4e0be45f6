"""What is said of releases afterwards: who may say it, what it must rest on, and that it is only ever added to."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from customhouse.accounts.users import find_user
from customhouse.catalog import queries
from customhouse.formats.amendment import Amendment, read_envelope, verify
from customhouse.formats.version_sets import compare
from customhouse.index.amending.publish import PER_PROJECT, Amend, amend
from customhouse.index.amending.queries import all_of, counting_for
from customhouse.index.amending.tables import amendment
from customhouse.index.amending.withdraw import WithdrawAmendment, withdraw_amendment
from customhouse.infra.signing_keys import read_signing_keys, rotate_signing_key, signing_path
from customhouse.terms.errors import Refused, Rejected, TooMany
from customhouse.terms.identity import Actor
from packages import wheel
from world import World

EVIDENCE = "https://example.org/foo/issues/3"


def released(world: World, version: str = "1.0", *requires: str, name: str = "foo", user: str = "alice") -> None:
    dist = wheel(name, version, headers={"Requires-Dist": "\nRequires-Dist: ".join(requires)} if requires else {})
    answer = world.upload(dist, user=user, name=name, version=version)
    assert answer.status == 200, answer.text


def actor(world: World, name: str = "alice") -> Actor:
    world.user(name)
    with world.app.database.read() as sql:
        return find_user(sql, name).actor


def said(
    world: World, versions: str = "1.0", requirement: str = "bar>=1,<3", by: str = "alice", *, before: str = "",
    view: str = "",
) -> Amendment:  # fmt: skip
    why = "it does not work with bar 3"
    wish = Amend("foo", versions, requirement, why, EVIDENCE, before, view, by=actor(world, by))
    return world.app.do(partial(amend, world.app.sign), wish)


def taken_back(world: World, record: Amendment, by: str = "alice") -> Amendment:
    wish = WithdrawAmendment(record.id, "it was a mistake", by=actor(world, by))
    return world.app.do(partial(withdraw_amendment, world.app.sign), wish)


def page(world: World) -> dict[str, Any]:
    answer = world.client.get("/simple/foo/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
    found: dict[str, Any] = answer.json()
    return found


def test_an_owner_amends_a_release_and_everybody_can_check_who_said_it(world: World) -> None:
    released(world, "1.0", "bar>=1")
    record = said(world)
    assert (record.kind, record.before, record.after, record.role) == ("narrowing", "bar>=1", "bar>=1,<3", "owner")
    [told] = page(world)["_customhouse"]["amendments"]
    signed = read_envelope(told)
    assert signed.record == record
    assert verify(signed, read_signing_keys(world.app.settings).public, world.clock.now()).until is None


def test_files_and_their_metadata_stay_the_same_bytes(world: World) -> None:
    released(world, "1.0", "bar>=1")
    before = page(world)["files"]
    metadata = world.download("/files/foo/foo-1.0-py3-none-any.whl.metadata").content
    said(world)
    assert page(world)["files"] == before
    assert world.download("/files/foo/foo-1.0-py3-none-any.whl.metadata").content == metadata
    assert b"Requires-Dist: bar>=1\n" in metadata


def test_a_withdrawal_is_a_further_record_and_the_first_one_stays(world: World) -> None:
    released(world, "1.0", "bar>=1")
    record = said(world)
    taken_back(world, record)
    assert "_customhouse" not in page(world) or "amendments" not in page(world)["_customhouse"]
    with world.app.database.read() as sql:
        [told] = all_of(sql, "foo")
    assert told.record == record
    assert told.withdrawal is not None
    verify(told.withdrawal, read_signing_keys(world.app.settings).public, world.clock.now())
    with pytest.raises(Refused, match="withdrawn already"):
        taken_back(world, record)


def test_a_requirement_that_the_metadata_does_not_hold_cannot_be_amended(world: World) -> None:
    released(world, "1.0", "bar>=1")
    with pytest.raises(Rejected, match="says of baz: nothing"):
        said(world, requirement="baz<3")
    with pytest.raises(Rejected, match="bar>=1"):
        said(world, before="bar>=2", requirement="bar<3")


def test_an_amendment_of_a_version_that_does_not_exist_is_refused(world: World) -> None:
    released(world, "1.0", "bar>=1")
    with pytest.raises(Refused, match=r"no version '2\.0'"):
        said(world, "2.0")
    with pytest.raises(Refused, match="No released version"):
        said(world, ">=2")


def test_nobody_amends_a_project_that_he_does_not_own(world: World) -> None:
    released(world, "1.0", "bar>=1")
    with pytest.raises(Refused, match="neither an owner nor a maintainer"):
        said(world, by="mallory")
    with pytest.raises(Refused, match="Only operators"):
        said(world, view="corp")
    record = said(world)
    with pytest.raises(Refused, match="neither an owner nor a maintainer"):
        taken_back(world, record, by="mallory")


def test_what_would_exclude_everything_is_refused(world: World) -> None:
    released(world, "1.0", "bar>=1")
    with pytest.raises(Rejected, match="no version at all"):
        said(world, requirement="bar>=1,<1")
    released(world, "1.5", name="bar")
    released(world, "2.0", name="bar")
    with pytest.raises(Rejected, match="none of the 2 releases of bar"):
        said(world, requirement="bar>=5")


def test_specifiers_name_the_releases_that_are_there_and_say_the_same(world: World) -> None:
    released(world, "1.0", "bar>=1")
    released(world, "1.1", "bar >= 1")
    released(world, "1.2")
    record = said(world, "<2")
    assert record.versions == ("1.0", "1.1")
    released(world, "1.3", "bar>=1")
    with world.app.database.read() as sql:
        assert counting_for(sql, "foo")[0].record.versions == ("1.0", "1.1"), "it is about what had been released"
    released(world, "1.4", "bar>=2")
    with pytest.raises(Rejected, match="do not all say the same"):
        said(world, ">=1.3", "bar<3")


def test_markers_and_extras_stay_those_of_the_metadata(world: World) -> None:
    released(world, "1.0", 'bar[x]>=1; python_version >= "3.8"', "bar>=2; extra == 'fast'")
    with pytest.raises(Rejected, match="more than once"):
        said(world, requirement="bar>=2,<3")
    record = said(world, requirement="bar>=2,<3; extra == 'fast'")
    assert record.after == 'bar>=2,<3; extra == "fast"'
    other = said(world, requirement="bar>=1,<3", before='bar[x]>=1; python_version >= "3.8"')
    assert other.after == 'bar[x]>=1,<3; python_version >= "3.8"'


def test_one_edge_is_amended_once_at_a_time(world: World) -> None:
    released(world, "1.0", "bar>=1")
    record = said(world)
    with pytest.raises(Refused, match=f"Withdraw {record.id} first"):
        said(world, requirement="bar>=1,<4")
    taken_back(world, record)
    assert said(world, requirement="bar>=1,<4").id != record.id


def test_ten_thousand_amendments_do_not_fit_on_a_page(world: World) -> None:
    released(world, "1.0", *(f"bar{number}>=1" for number in range(PER_PROJECT + 1)))
    for number in range(PER_PROJECT):
        said(world, requirement=f"bar{number}>=1,<3")
    with pytest.raises(Refused, match="100 amendments"):
        said(world, requirement=f"bar{PER_PROJECT}>=1,<3")
    with world.app.database.read() as sql:
        told = counting_for(sql, "foo")
    for one in told[:50]:
        taken_back(world, one.record)
        said(world, requirement=one.record.after)
    for one in told[50:]:
        taken_back(world, one.record)
    for number in range(50):
        said(world, requirement=f"bar{50 + number}>=1,<3")
    with pytest.raises(TooMany):
        said(world, requirement=f"bar{PER_PROJECT}>=1,<3")


def test_a_stolen_database_cannot_sign(world: World) -> None:
    released(world, "1.0", "bar>=1")
    said(world)
    seed = json.loads(signing_path(world.app.settings).read_text())["private"]
    with world.app.database.read() as sql:
        for table in sa.inspect(sql).get_table_names():
            for row in sql.execute(sa.text(f'SELECT * FROM "{table}"')):  # noqa: S608 - names of our own tables
                assert seed not in repr(tuple(row))
    assert signing_path(world.app.settings).stat().st_mode & 0o077 == 0


def test_who_writes_into_the_database_changes_no_signed_word(world: World) -> None:
    released(world, "1.0", "bar>=1")
    said(world)
    with world.app.database.write() as sql:
        text = sql.execute(sa.select(amendment.c.record)).scalar_one()
        sql.execute(amendment.update().values(record=text.replace("bar 3", "bar 1")))
    with world.app.database.read() as sql:
        [told] = counting_for(sql, "foo")
    with pytest.raises(Rejected, match="does not fit"):
        verify(told.signed, read_signing_keys(world.app.settings).public, world.clock.now())


def test_what_an_old_key_has_signed_stays_good_and_it_signs_nothing_new(world: World) -> None:
    released(world, "1.0", "bar>=1", "baz>=1")
    first = said(world)
    old = read_signing_keys(world.app.settings)
    new = rotate_signing_key(world.app.settings, world.clock.now())
    second = said(world, requirement="baz>=1,<2")
    keys = read_signing_keys(world.app.settings).public
    with world.app.database.read() as sql:
        told = {one.record.id: one.signed for one in counting_for(sql, "foo")}
    assert verify(told[first.id], keys, world.clock.now()).until is not None
    assert verify(told[second.id], keys, world.clock.now()).id == new.id
    late = old.sign(replace(first, at=world.clock.now()))
    with pytest.raises(Rejected, match="was not in use"):
        verify(late, keys, world.clock.now())


def test_owners_hear_of_it_and_the_ledger_tells_everybody(world: World) -> None:
    released(world, "1.0", "bar>=1")
    record = said(world)
    taken_back(world, record)
    lines = world.client.get("/ledger.jsonl").text
    assert '"release-amended"' in lines
    assert '"amendment-withdrawn"' in lines


def test_a_deleted_project_is_not_amended(world: World) -> None:
    released(world, "1.0", "bar>=1")
    record = said(world)
    assert record.requires == "bar"
    with world.app.database.read() as sql:
        assert queries.find_project(sql, "foo") is not None


def test_reading_what_was_said_compares_no_sets_again(world: World) -> None:
    """It stands on a page that everybody gets: an owner could make each of them wait for a hundred comparisons."""
    released(world, "1.0", "bar>=1")
    record = said(world, requirement=f"bar>=1,{','.join(f'!=1.{number}' for number in range(30))}")
    compare.cache_clear()
    with world.app.database.read() as sql:
        [told] = counting_for(sql, "foo")
    assert told.record == record
    assert compare.cache_info().misses == 0
