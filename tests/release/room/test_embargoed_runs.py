"""A run under embargo: there is none, for everybody who is not in its disclosure case, whatever role he has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from clock import TurnableClock
from customhouse.accounts.users import SetSiteRole, set_site_role
from customhouse.advisories.disclosure import queries
from customhouse.advisories.disclosure.model import Case
from customhouse.index.disclosing.access import Knock
from customhouse.index.disclosing.people import AboutMember, Invite, invite, remove
from customhouse.release.room.tables import release_run
from meeting import BODY, BUILT, RUNS, Meeting, meeting
from town_disclosure import accepted_case, actor_of

pytestmark = pytest.mark.slow
OUTSIDE = ("mia", "nobody")
"""A maintainer whom the run does not name, and somebody with an account."""


@dataclass
class Sealed:
    """A case of the project demo, with rosa and wim in it."""

    here: Meeting
    case: Case
    text: str

    def open(self, by: str = "rosa", **more: Any) -> httpx.Response:
        """Open a run for the case."""
        places = {"case": {"id": self.case.public_id}}
        return self.here.open(by, **{"text": self.text, "places": places, **more})

    def put_in(self, name: str) -> None:
        """Put somebody into the case."""
        app = self.here.world.app
        app.do(invite, Invite(Knock(self.case.public_id, actor_of(app, "olga")), name))

    def take_out(self, name: str) -> None:
        """Take somebody out of it."""
        app = self.here.world.app
        with app.database.read() as sql:
            found = queries.member_of_account(sql, self.case.id, actor_of(app, name).account_id or 0)
        assert found is not None
        app.do(remove, AboutMember(Knock(self.case.public_id, actor_of(app, "olga")), found.id))


@pytest.fixture
def sealed(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Sealed]:
    with meeting(request, tmp_path, clock) as here:
        app = here.world.app
        for name in ("olga", "nobody"):
            here.world.user(name)
        app.do(set_site_role, SetSiteRole("olga", "operator"))
        case, _link = accepted_case(app, actor_of(app, "olga"), "rosa", fixed="1.0")
        text = here.pipeline(quorum=2).replace("schema = 1", "schema = 1\nembargoed = true")
        text = text.replace(', "mac"]', "]").replace(
            '[actors.mac]\ntitle = "macOS expert"\nidentities = ["user:mia"]\n', ""
        )
        text = text.replace('factor = "none"\n[actors.ci-a]', "[actors.ci-a]", 1)
        made = Sealed(here, case, text)
        made.put_in("wim")
        yield made
        here.world.check()


def answers(here: Meeting, name: str) -> dict[str, int]:
    """What somebody with a token and a browser hears at each address of the run; a stranger has neither."""
    headers = here.program(name) if name else {"accept": "application/json"}
    person = here.world.person(name) if name else here.world.stranger()
    run, page = f"{RUNS}/{here.run}", f"/release/run/{here.run}/"
    read = ("", "/lines", "/bundle", f"/objects/{BUILT.digest}")
    asked = {f"GET {path}": here.client.get(f"{run}{path}", headers=headers) for path in read}
    asked["decide"] = here.client.post(f"{run}/decisions", json={"what": "confirm"}, headers=headers)
    asked["put"] = here.client.put(f"{run}/objects/{BUILT.digest}", content=BODY, headers=headers)
    for path in ("", "head.json", "picture.svg", "picture.svg?shape=tall", "journal/", "journal.jsonl", "bundle"):
        asked[f"page {path}"] = person.get(f"{page}{path}")
    if name:
        assert here.run not in person.get("/release/runs/").text
    return {what: answer.status_code for what, answer in asked.items()}


def test_whoever_is_not_in_the_case_hears_of_no_run(sealed: Sealed) -> None:
    here = sealed.here
    assert sealed.open().status_code == 201
    here.built()
    there = here.run
    for name in (*OUTSIDE, ""):
        here.run = there
        found = answers(here, name)
        assert set(found.values()) <= ({404} if name else {401, 404}), (name, found)
        here.run = "a" * 26
        assert answers(here, name) == found, f"{name}: another answer than for a run that never was"


def test_those_who_are_in_it_read_all_of_it(sealed: Sealed) -> None:
    here = sealed.here
    assert sealed.open().status_code == 201
    here.built()
    wim = here.world.person("wim")
    page = f"/release/run/{here.run}/"
    for path in ("", "head.json", "picture.svg", "journal/", "journal.jsonl"):
        assert wim.get(f"{page}{path}").status_code == 200, path
    assert here.run in wim.get("/release/runs/").text
    assert here.client.get(f"{here.address}/objects/{BUILT.digest}", headers=here.program("wim")).content == BODY


def test_whoever_leaves_the_case_knows_of_no_run_and_his_yes_counts_no_more(sealed: Sealed) -> None:
    here = sealed.here
    assert sealed.open().status_code == 201
    here.built()
    assert here.decide("wim", "approve", step="stop").is_success
    sealed.take_out("wim")
    assert here.client.get(here.address, headers=here.program("wim")).status_code == 404
    assert here.decide("wim", "approve", step="stop").status_code == 404
    assert here.decide("rosa", "approve", step="stop").is_success
    stop = here.state.stop
    assert stop is not None
    assert (stop.code, "wim" in stop.saw, "case" in stop.saw) == ("approver-left", True, True)


def test_nobody_opens_a_run_for_a_case_that_is_not_his(sealed: Sealed) -> None:
    answer = sealed.open("mia", text=sealed.text)
    unknown = sealed.open("mia", places={"case": {"id": "a" * 26}, "index": {"url": "https://index.test"}})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-case"), answer.text
    assert unknown.json() == answer.json()


def test_a_run_names_nobody_who_is_not_in_the_case(sealed: Sealed) -> None:
    answer = sealed.open(text=sealed.text.replace("user:wim", "user:mia"))
    assert (answer.status_code, answer.json()["code"]) == (409, "actor-not-in-case")
    assert "user:mia" in answer.text


def test_no_other_run_of_the_project_runs_into_it(sealed: Sealed) -> None:
    """Neither its version, nor the number of its definition, tells a maintainer that there is one."""
    here = sealed.here
    assert sealed.open(text=sealed.text.replace("version = 1\n", "version = 9\n", 1)).status_code == 201
    again = sealed.open(text=sealed.text.replace("version = 1\n", "version = 9\n", 1))
    assert (again.status_code, again.json()["code"]) == (409, "run-exists")
    older = sealed.open(version="2.0")
    assert (older.status_code, older.json()["code"]) == (409, "pipeline-rolled-back")
    theirs = here.open("mia")
    assert theirs.status_code == 201, theirs.text
    assert here.decide("rosa", "confirm").is_success


def test_what_was_released_is_nobodys_secret(sealed: Sealed) -> None:
    here = sealed.here
    assert sealed.open().status_code == 201
    with here.world.app.database.write() as sql:
        now = here.world.clock.now()
        sql.execute(release_run.update().where(release_run.c.id == here.run).values(published_at=now))
    for name in ("mia", "nobody"):
        assert here.world.person(name).get(f"/release/run/{here.run}/").status_code == 200
