"""People in the browser: they say that they are around, see exactly what is approved, and their keys sign it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx2 as httpx
import pytest

from clock import TurnableClock
from customhouse.catalog.tables import project
from customhouse.release.events import Approved
from customhouse.release.room.proof import check_proof
from customhouse.release.room.tables import release_run
from customhouse.terms.errors import Refused
from meeting import BUILT, Meeting, meeting
from second_step import Guarded, a_key, guarded

pytestmark = pytest.mark.slow


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock) as made:
        yield made


def page(here: Meeting) -> str:
    return f"/release/run/{here.run}/"


def guarded_people(here: Meeting) -> dict[str, Guarded]:
    """Everybody with a key of his own."""
    found = {}
    for name in ("rosa", "wim", "mia"):
        here.keys[name] = a_key()
        found[name] = guarded(here.world, name, keys=(here.keys[name],))
    return found


def answer(here: Meeting, who: Guarded, what: str = "approve", *, about: str = "", **fields: str) -> httpx.Response:
    """Somebody touches his key at the gate."""
    text = who.person.get(page(here)).text
    found = re.search(rf'data-about="({re.escape(here.run)}:stop:{what}:[0-9a-f]{{64}})"', text)
    assert found is not None, text
    wanted = about or unescape(found[1])
    options = who.person.client.get(
        "/account/keys/options/", params={"purpose": "release", "about": wanted}, headers={"accept": "application/json"}
    )
    assert options.status_code == 200, options.text
    signed = here.keys[who.name].get(options.json())
    question = wanted.rpartition(":")[2]
    sent = who.person.post(f"{page(here)}{what}/", step="stop", question=question, answer=signed, **fields)
    who.person.csrf = ""
    return sent


def test_people_approve_with_their_keys_and_the_proof_holds_offline(here: Meeting) -> None:
    people = guarded_people(here)
    assert here.open(factor="webauthn").status_code == 201
    rosa = people["rosa"].person
    shown = rosa.get(page(here)).text
    assert "say that you are around" in shown
    assert rosa.post(f"{page(here)}around/").status_code == 303
    builder = here.machine("ci-a")
    builder.put(b"what was built")
    assert builder.do("build", {"dists": (BUILT,)}).is_success
    shown = rosa.get(page(here)).text
    assert BUILT.digest in shown
    assert "Green light for 1.0?" in shown
    for who in people.values():
        sent = answer(here, who)
        assert sent.status_code == 303, sent.text
    approved = [line.event for line in here.lines if isinstance(line.event, Approved)]
    decisions = [check_proof(one.proof) for one in approved]
    assert {one.account for one in decisions} == {"rosa", "wim", "mia"}
    assert {one.question for one in decisions} == {approved[0].question}
    told = json.loads(approved[0].proof)
    with pytest.raises(Refused):
        check_proof(json.dumps(told | {"statement": told["statement"].replace("approve", "decline")}))
    assert here.state.steps["stop"].status == "done"


def test_strangers_see_a_run_once_it_is_published_and_can_do_nothing_there(here: Meeting) -> None:
    assert here.open().status_code == 201
    stranger = here.world.stranger()
    assert stranger.get(page(here)).status_code == 404
    with here.world.app.database.write() as sql:
        now = here.world.clock.now()
        sql.execute(release_run.update().where(release_run.c.id == here.run).values(published_at=now))
    shown = stranger.get(page(here))
    assert shown.status_code == 200
    assert f'action="{page(here)}' not in shown.text
    assert stranger.get(f"{page(here)}journal.jsonl").status_code == 200
    assert stranger.post(f"{page(here)}around/").status_code in (303, 401)
    with here.world.app.database.write() as sql:
        sql.execute(project.update().values(visibility="private"))
    assert stranger.get(page(here)).status_code == 404
