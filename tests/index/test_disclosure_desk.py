"""CVE ids, clocks and downstreams of disclosure cases: what jobs do, again if need be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from customhouse.advisories.disclosure import queries
from customhouse.app import App
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.watch_clocks import watch_clocks
from customhouse.infra.fetch import Outbound
from customhouse.infra.reach import Reach
from customhouse.work import run_due_job, run_followers
from cve_services import Simulator, cve_services
from disclosing import DRAFT, Desk, desk
from mail_sink import MailSink, text_of
from native_files import elf
from packages import wheel
from world import World

HOUR = timedelta(hours=1)


@pytest.fixture
def there() -> Iterator[Simulator]:
    with cve_services() as running:
        yield running


def with_services(world: World, there: Simulator) -> App:
    """The same index as a CNA."""
    update = {**there.settings, "cve_key": SecretStr(there.key)}
    update.pop("private_networks_allowed")
    settings = world.app.settings.model_copy(update=update)
    world.app = replace(world.app, settings=settings, outbound=Outbound(Reach.parse(("127.0.0.0/8",))))
    world.client.app._inner.inner.app._inner.state.customhouse = world.app  # type: ignore[attr-defined]
    return world.app


def settle(app: App) -> None:
    while run_followers(app) or run_due_job(app):
        pass


def later(world: World, span: timedelta) -> None:
    world.clock.turn(span)
    settle(world.app)


def accepted(world: World) -> Desk:
    case = desk(world)
    case.accept()
    return case


def test_a_cve_id_is_reserved_kept_and_published_with_the_case(small_world: World, there: Simulator) -> None:
    app = with_services(small_world, there)
    case = accepted(small_world)
    case.does(case.owner, "draft", **DRAFT | {"spans": "0 -"})
    case.does(case.operator, "cve")
    settle(app)
    [cve_id] = there.ids
    assert (case.case.cve_id, case.case.cve_state, case.case.state) == (cve_id, "reserved", "cve-reserved")
    case.does(case.operator, "exploited", reason="In a log.")
    there.away = True
    case.does(case.operator, "publish")
    settle(app)
    assert there.state(cve_id) == "RESERVED", "it is away: the advisory is public, the record follows"
    assert small_world.client.get(f"/advisory/{case.case.advisory_id}/").status_code == 200
    there.away = False
    later(small_world, HOUR)
    assert there.state(cve_id) == "PUBLISHED"
    assert there.records[cve_id]["containers"]["cna"]["source"]["advisory"] == case.case.advisory_id
    assert case.case.cve_state == "published"
    own = small_world.client.get(f"/advisory/{case.case.advisory_id}/cve.json").json()
    assert own["containers"]["cna"]["affected"] == there.records[cve_id]["containers"]["cna"]["affected"]
    assert small_world.client.get(f"/v1/vulns/{case.case.advisory_id}").json()["aliases"] == [cve_id]
    case.operator.prove()
    case.does(case.operator, "withdraw", reason="It cannot be reached.")
    settle(app)
    assert (there.state(cve_id), case.case.state) == ("REJECTED", "withdrawn")
    asked = {"package": {"name": "demo", "ecosystem": "PyPI"}, "version": "1.0"}
    assert small_world.client.post("/v1/query", json=asked).json().get("vulns", []) == []


def test_a_reservation_that_was_made_and_not_heard_of_is_found_again(small_world: World, there: Simulator) -> None:
    app = with_services(small_world, there)
    case = accepted(small_world)
    there.lose_next = 1
    case.does(case.operator, "cve")
    settle(app)
    assert len(there.ids) == 1
    assert (case.case.cve_id, case.case.cve_state) == ("", "asking")
    later(small_world, HOUR)
    assert case.case.cve_id == next(iter(there.ids))
    assert len(there.ids) == 1, "none was reserved in vain"


def test_an_id_that_comes_after_the_advisory_is_published_with_it(small_world: World, there: Simulator) -> None:
    app = with_services(small_world, there)
    case = accepted(small_world)
    case.does(case.owner, "draft", **DRAFT | {"spans": "0 -"})
    there.away = True
    case.does(case.operator, "cve")
    settle(app)
    case.does(case.operator, "exploited", reason="In a log.")
    case.does(case.operator, "publish")
    settle(app)
    assert case.case.cve_id == ""
    there.away = False
    later(small_world, HOUR)
    [cve_id] = there.ids
    assert (there.state(cve_id), case.case.cve_state) == ("PUBLISHED", "published")
    assert small_world.client.get(f"/v1/vulns/{case.case.advisory_id}").json()["aliases"] == [cve_id]


def test_an_id_that_comes_after_the_refusal_is_given_back(small_world: World, there: Simulator) -> None:
    app = with_services(small_world, there)
    case = accepted(small_world)
    there.away = True
    case.does(case.operator, "cve")
    settle(app)
    case.does(case.operator, "move", state="rejected", reason="It is none after all.")
    there.away = False
    later(small_world, HOUR)
    [cve_id] = there.ids
    assert (there.state(cve_id), case.case.state) == ("REJECTED", "rejected")


def test_what_is_withdrawn_before_its_record_was_published_is_not_published_later(
    small_world: World, there: Simulator
) -> None:
    app = with_services(small_world, there)
    case = accepted(small_world)
    case.does(case.owner, "draft", **DRAFT | {"spans": "0 -"})
    case.does(case.operator, "cve")
    settle(app)
    case.does(case.operator, "exploited", reason="In a log.")
    there.away = True
    case.does(case.operator, "publish")
    settle(app)
    case.operator.prove()
    case.does(case.operator, "withdraw", reason="It cannot be reached.")
    there.away = False
    later(small_world, HOUR)
    [cve_id] = there.ids
    assert (there.state(cve_id), case.case.state) == ("REJECTED", "withdrawn")


def test_a_refused_case_gives_its_id_back(small_world: World, there: Simulator) -> None:
    app = with_services(small_world, there)
    case = accepted(small_world)
    case.does(case.operator, "cve")
    settle(app)
    case.does(case.owner, "stage", version="1.1")
    case.does(case.operator, "move", state="rejected", reason="It is none after all.")
    settle(app)
    assert "is canceled" in case.owner.get(case.here).text
    assert (there.state(case.case.cve_id), case.case.cve_state) == ("REJECTED", "rejected")


def test_without_cve_services_an_id_is_typed_in(small_world: World) -> None:
    case = accepted(small_world)
    case.operator.get(case.here)
    assert case.operator.post(f"{case.here}cve/", cve="").status_code == 403
    assert case.operator.post(f"{case.here}cve/", cve="CVE-1").status_code == 400
    case.does(case.operator, "cve", cve="cve-2026-4242")
    assert (case.case.cve_id, case.case.cve_state) == ("CVE-2026-4242", "by-hand")


def test_the_clocks_are_turned_and_those_who_are_late_hear_of_it(small_world: World, sink: MailSink) -> None:
    case = desk(small_world)
    for name in ("olga", "otto"):
        small_world.operator(name)
    with small_world.app.database.write() as sql:
        sql.exec_driver_sql("UPDATE account SET email = name || '@example.org'")
    app = replace(
        small_world.app,
        settings=small_world.app.settings.model_copy(
            update={"smtp_host": "127.0.0.1", "smtp_port": sink.port, "mail_from": "index@index.test"}
        ),
    )
    settle(app)
    sink.clear()
    for days, heard, words in ((2, ["olga"], "is due"), (1, ["olga", "otto"], "was due"), (0, [], "")):
        small_world.clock.turn(timedelta(days=days))
        watch_clocks(app.deeds, Rules.of(app.settings))
        settle(app)
        names = sorted(
            {str(one["To"]).partition("@")[0] for one in sink.messages if words in text_of(one) and words}
        )  # fmt: skip
        assert names == heard, (days, [text_of(one) for one in sink.messages])
        sink.clear()
    assert [one.role for one in case.members] == ["reporter", "coordinator"], "somebody has got it"
    with app.database.read() as sql:
        assert len(queries.open_cases(sql)[0].told) == 2


def test_an_extension_moves_the_date_once(small_world: World) -> None:
    case = accepted(small_world)
    before = case.case.disclose_by
    case.does(case.owner, "extend", reason="The fix breaks builds on Windows.")
    assert case.case.disclose_by - before == timedelta(days=14)
    case.owner.get(case.here)
    assert case.owner.post(f"{case.here}extend/", reason="Again.").status_code == 409
    assert case.owner.post(f"{case.here}schedule/", at="2099-01-01T12:00").status_code == 400
    assert "breaks builds on Windows" in case.reporter.get(case.link).text


def test_downstreams_promise_silence_before_they_learn_what_it_is(small_world: World) -> None:
    world = small_world
    needs = wheel("boat", "1.0", headers={"Requires-Dist": "demo"})
    assert world.upload(needs, user="bob", name="boat", version="1.0").status == 200
    picture = wheel("pictures", "1.0", files={"pictures.libs/libwebp-8b6d8948.so.7.1.5": elf([b"1.3.1", b"x"])})
    assert world.upload(picture, user="carol", name="pictures", version="1.0").status == 200
    case = accepted(world)
    case.does(case.owner, "draft", **DRAFT | {"library": "libwebp"})
    case.does(case.owner, "stage", version="1.1")
    case.owner.get(case.here)
    early = case.owner.post(f"{case.here}downstreams/", **{"project:boat": "yes"})
    assert early.status_code == 409
    case.does(case.owner, "move", state="fixing")
    case.does(case.owner, "move", state="fix-ready")
    proposed = case.owner.get(case.here).text
    assert "boat" in proposed
    assert "libwebp" in proposed.partition("Tell under embargo")[2]
    assert "pictures" in proposed.partition("Tell under embargo")[2]
    case.does(case.owner, "downstreams", **{"project:boat": "yes"})
    assert case.case.state == "notified"
    bob = world.person("bob")
    page = bob.get(case.here).text
    assert "I promise it" in page
    for secret in ("demo", DRAFT["title"], "/stage/", "rita"):
        assert secret not in page.replace("boat", ""), secret
    assert bob.post(f"{case.here}say/", text="What is it?").status_code == 403
    bob.get(case.here)
    assert bob.post(f"{case.here}agree/", status="affected").status_code == 303
    page = bob.get(case.here).text
    assert "/stage/" in page
    assert DRAFT["title"] in page
    assert "Unpack x.tar" not in page, "the discussion with the reporter is not theirs"
    bob.post(f"{case.here}say/", text="We need a week.")
    assert "We need a week." in case.owner.get(case.here).text
    assert "We need a week." not in case.reporter.get(case.link).text
    assert "affected" in case.owner.get(case.here).text
