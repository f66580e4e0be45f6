"""A release under embargo: nobody outside of its case sees anything, until release and advisory appear together."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest

from customhouse.accounts.users import AddUser, SetSiteRole, add_user, set_site_role
from customhouse.advisories.disclosure.model import Case
from customhouse.index.disclosing.access import Knock
from customhouse.index.disclosing.move import Exploited, Extend, Move, Schedule, exploited, extend, move, schedule
from customhouse.release.actions import Outcome, StepRun
from customhouse.release.events import Restarted
from customhouse.release.ship.case import under_embargo
from customhouse.release.ship.index_door import index_door
from customhouse.release.ship.stage import Stage
from customhouse.release.state import State
from packages import wheel
from shipping import PIPELINE, VERSION, Harbour, Shipping
from town_disclosure import accepted_case, actor_of
from toy_release import Toy, speak
from world import upload

pytestmark = pytest.mark.slow

EMBARGOED = (
    PIPELINE.replace("schema = 1", "schema = 1\nembargoed = true")
    + """
[[steps]]
id = "push-last"
actor = "rm"
env = "upstream"
uses = "git.push_last"
after = ["fetch-back"]
"""
)
EMBARGOED = EMBARGOED.replace('index = { kind = "store" }', 'index = { kind = "store" }\nupstream = { kind = "forge" }')


@pytest.fixture(scope="module")
def case(harbour: Harbour) -> Case:
    """A vulnerability of a project of alice, whose fix is ready."""
    with harbour.server.opened() as app:
        app.do(add_user, AddUser("olga"))
        app.do(set_site_role, SetSiteRole("olga", "operator"))
    return case_about(harbour, "hushed")


def case_about(harbour: Harbour, project: str) -> Case:
    """A case about a project that is made for it."""
    server = harbour.server
    with httpx.Client(base_url=server.url) as client:
        found = upload(client, harbour.index_token, wheel(project, "1.0.0"), name=project, version="1.0.0")
    assert found.status == 200, found.text
    with server.opened() as app:
        made, _link = accepted_case(app, actor_of(app, "olga"), "alice", project=project, fixed=VERSION)
        for state in ("fixing", "fix-ready"):
            app.do(move, Move(Knock(made.public_id, actor_of(app, "alice")), state))
    return made


def hushed(folder: Path, harbour: Harbour, case: Case, project: str = "hushed") -> Shipping:
    """A run for that case, with an upstream that has no tag yet."""
    upstream = folder / "upstream.git"
    subprocess.run(["git", "init", "-q", "--bare", str(upstream)], check=True)
    made = Shipping(
        folder, harbour, project=project, pipeline=EMBARGOED,
        places={"case": {"id": case.public_id}, "upstream": {"url": str(upstream)}},
    )  # fmt: skip
    toy = made.words._toy

    made.words._toy = lambda name: Toy(lambda _run: Outcome()) if name == "git.push_last" else toy(name)  # type: ignore[method-assign]
    return made


def versions(harbour: Harbour, project: str = "hushed") -> list[str]:
    page = httpx.get(
        f"{harbour.server.url}/simple/{project}/", headers={"accept": "application/vnd.pypi.simple.v1+json"}
    )  # fmt: skip
    return [str(one) for one in page.json()["versions"]]


def advisory(harbour: Harbour, case: Case) -> int:
    return httpx.get(f"{harbour.server.url}/advisory/{case.advisory_id}/").status_code


def test_an_embargo_that_leaked_upstream_stops_the_release(harbour: Harbour, case: Case, tmp_path: Path) -> None:
    """The tag was pushed for strangers to see, before anything else."""
    shipping = hushed(tmp_path, harbour, case)
    shipping.conductor().conduct(lambda state: state.steps["build"].status == "done")
    work = tmp_path / "work-tree"
    for command in (
        ["init", "-q", str(work)],
        ["-C", str(work), "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "x"],
        ["-C", str(work), "push", "-q", str(tmp_path / "upstream.git"), f"HEAD:refs/tags/v{VERSION}"],
    ):
        subprocess.run(["git", *command], check=True, capture_output=True)
    state = shipping.conduct()
    assert state.status == "stopped"
    assert state.stop is not None
    assert (state.stop.code, state.stop.place) == ("check:nothing-public", str(tmp_path / "upstream.git")), state.stop
    assert f"the tag v{VERSION} is there" in state.stop.saw
    _take_back(shipping)


def test_a_session_that_is_not_the_cases_own_is_not_used(harbour: Harbour, case: Case, tmp_path: Path) -> None:
    """A run for a case of another person: to him there is no such case."""
    shipping = hushed(tmp_path, harbour, case)
    token = harbour.server.new_token("mallory")
    shipping.secret["index-token"] = lambda: token
    state = shipping.conduct()
    assert state.stop is not None
    assert state.stop.code == "check:nothing-public", state.stop
    assert "no such case" in state.stop.saw


def test_release_and_advisory_appear_in_one_moment(harbour: Harbour, case: Case, tmp_path: Path) -> None:
    shipping = hushed(tmp_path, harbour, case)

    def nothing_yet(_run: object) -> None:
        assert versions(harbour) == ["1.0.0"]
        assert advisory(harbour, case) == 404

    shipping.words.before |= {"test": nothing_yet, "sign": nothing_yet, "publish": nothing_yet}
    state = shipping.conduct()
    assert state.status == "released", state.stop
    assert (versions(harbour), advisory(harbour, case)) == (["1.0.0", VERSION], 200)
    assert state.steps["publish"].facts["advisory"] == case.advisory_id
    with index_door(shipping.run_of("publish")) as door:
        told = door.wire.ask("GET", f"{harbour.server.url}/api/security/cases/{case.public_id}").json("index")
    assert (told["state"], told["session"]) == ("published", None)


def test_only_a_rehearsal_on_an_index_of_its_own_has_no_case(harbour: Harbour, case: Case, tmp_path: Path) -> None:
    """At a room a rehearsal stages on the index that the places name: there the embargo holds as ever."""
    run = hushed(tmp_path, harbour, case).run_of("stage")
    alone = {name: place for name, place in run.places.items() if name != "case"}
    played = replace(run, state=replace(run.state, rehearsal=True), places=alone)
    at_room = replace(played, state=replace(played.state, places={"room": {"url": harbour.server.url}}))
    found = [under_embargo(one) for one in (run, played, at_room, replace(played, places=run.places))]
    assert found == [True, False, True, True]


@pytest.mark.usefixtures("case")
def test_a_case_that_is_withdrawn_while_the_run_waits_is_not_published(harbour: Harbour, tmp_path: Path) -> None:
    case = case_about(harbour, "withdrawn")
    shipping = hushed(tmp_path, harbour, case, "withdrawn")
    shipping.words.before["sign"] = lambda _run: moved(harbour, case, "withdrawn", "It is none after all.")
    state = shipping.conduct()
    assert state.stop is not None
    assert state.stop.code == "check:nothing-public", state.stop
    assert "the case is withdrawn" in state.stop.saw
    assert (versions(harbour, "withdrawn"), advisory(harbour, case)) == (["1.0.0"], 404)


@pytest.mark.usefixtures("case")
def test_an_embargo_that_is_extended_after_people_said_yes_holds(harbour: Harbour, tmp_path: Path) -> None:
    """They said yes to now. They are asked again; the agreed day is kept; and if it is exploited, nobody waits for it."""
    case = case_about(harbour, "delayed")
    shipping = hushed(tmp_path, harbour, case, "delayed")

    def handles(deed: Callable[..., object], wish: Callable[[Knock], object]) -> None:
        with harbour.server.opened() as app:
            app.do(deed, wish(Knock(case.public_id, actor_of(app, "olga"))))

    def again(step: str) -> State:
        conductor = shipping.conductor()
        conductor.catch_up()
        speak(conductor, "rm", Restarted(step, "It is looked at.", "rm"))
        return shipping.conduct()

    soon = datetime.now(UTC) + timedelta(days=2)
    at_publish = [
        lambda _run: handles(extend, lambda knock: Extend(knock, "A downstream needs it.")),
        lambda _run: handles(schedule, lambda knock: Schedule(knock, soon)),
        lambda _run: handles(exploited, lambda knock: Exploited(knock, "It stands in a log.")),
    ]
    codes = []

    def something_happens(run: StepRun) -> None:
        at_publish.pop(0)(run)

    shipping.words.before["publish"] = something_happens
    state = shipping.conduct()
    while state.stop is not None:
        assert (versions(harbour, "delayed"), advisory(harbour, case)) == (["1.0.0"], 404)
        codes.append((state.stop.code, state.stop.saw))
        assert len(codes) < 4, codes
        state = again("sign" if "extended" in state.stop.code else "publish")
    assert [code for code, _saw in codes] == ["embargo-extended", "not-yet"], codes
    assert "after people said yes" in codes[0][1]
    assert f"{soon:%-d %B %Y}" in codes[1][1]
    assert (versions(harbour, "delayed"), advisory(harbour, case)) == (["1.0.0", VERSION], 200)


def moved(harbour: Harbour, case: Case, state: str, reason: str) -> None:
    with harbour.server.opened() as app:
        app.do(move, Move(Knock(case.public_id, actor_of(app, "olga")), state, reason))


def _take_back(shipping: Shipping) -> State:
    """The stage of a run that is over is in nobody's way."""
    Stage().undo(shipping.run_of("stage"))
    return shipping.conductor().catch_up()
