"""Attacks on a release at the place where its actors meet: each is refused, or stops the run and says what was seen."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import find_user
from customhouse.catalog.tables import project_role
from customhouse.release.events import (
    Approved,
    Finished,
    Joined,
    KeyGranted,
    Noted,
    Resumed,
    StepDone,
    Stopped,
    TagMoved,
)
from customhouse.release.machine_key import MachineKey
from customhouse.release.room import open as opening
from customhouse.release.room import runs, say
from customhouse.release.room.decide import Decide
from customhouse.release.room.tables import release_line, release_run
from customhouse.release.things import Thing
from customhouse.release.work.identity import account_evidence
from customhouse.terms.errors import Refused
from customhouse.terms.scope import scope_for
from customhouse.web.api.release_room import ReleaseRoom
from meeting import BODY, BUILT, Machine, Meeting, meeting

pytestmark = pytest.mark.slow


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock, people=("rosa", "wim", "mia", "twin")) as made:
        assert made.open().status_code == 201
        yield made


def refused(answer: object, code: str, *statuses: int) -> None:
    """It was refused for this reason."""
    assert answer.status_code in (statuses or (401, 403, 404, 409, 422)), answer.text  # type: ignore[attr-defined]
    assert answer.json()["code"] == code, answer.text  # type: ignore[attr-defined]


def test_a_stranger_hears_of_no_run_and_so_does_whoever_asks_for_one_that_never_was(here: Meeting) -> None:
    stranger, there = here.program("stranger"), here.address
    never = there.replace(here.run, "a" * 26)
    for path in ("", "/lines", f"/objects/{BUILT.digest}"):
        one, other = (here.client.get(f"{at}{path}", headers=stranger) for at in (there, never))
        assert (one.status_code, one.content) == (other.status_code, other.content) == (404, one.content)
    for path in ("", "journal/", "journal.jsonl", "picture.svg", "head.json"):
        assert here.client.get(f"/release/run/{here.run}/{path}").status_code == 404


def test_an_identity_that_the_pipeline_does_not_name_joins_nothing(here: Meeting) -> None:
    refused(Machine(here, "ci-a").join(here.service.token({"sub": "builder-c"})), "unknown-run", 404)
    refused(Machine(here, "ci-a").join(here.service.token({"sub": "builder-b"})), "unknown-run", 404)


def test_a_token_for_another_server_or_of_another_issuer_joins_nothing(here: Meeting) -> None:
    token = here.service.token({"sub": "builder-a", "aud": "elsewhere.test"})
    refused(Machine(here, "ci-a").join(token), "invalid-token", 422)
    token = here.service.token({"sub": "builder-a", "iss": "https://other.test"})
    refused(Machine(here, "ci-a").join(token), "invalid-token", 422)


def test_an_id_token_is_good_once(here: Meeting) -> None:
    token = here.service.token({"sub": "builder-a"})
    assert Machine(here, "ci-a").join(token).status_code == 201
    refused(Machine(here, "ci-a").join(token), "invalid-reuse-token", 422)


def test_a_key_that_the_machine_does_not_hold_is_not_taken(here: Meeting) -> None:
    machine = Machine(here, "ci-a")
    other = MachineKey.new()
    real, machine.key = machine.key, other
    claim = machine.claim(_joined(here, machine), key=real)
    claim["said"]["key"] = other.public
    document = {"joined": claim["body"], "said": claim["said"], "token": here.service.token({"sub": "builder-a"})}
    refused(here.client.post(f"{here.address}/join", json=document, headers=here.program("rosa")), "not-signed", 400)


def _joined(here: Meeting, machine: Machine) -> Joined:
    return Joined("ci-a", f"oidc:{here.service.url}#builder-a", machine.key.public, "{}")


def test_a_worker_claims_a_step_that_is_not_its_own(here: Meeting) -> None:
    here.decide("rosa", "confirm")
    prover = here.machine("ci-b")
    refused(prover.start("build"), "wrong-speaker", 403)
    assert here.state.steps["build"].status == "waiting"


def test_a_machine_speaks_for_another_actor(here: Meeting) -> None:
    here.decide("rosa", "confirm")
    here.machine("ci-a")
    prover = here.machine("ci-b")
    refused(prover.send(prover.claim(prover.started("build"), by="ci-a")), "not-your-actor", 403)


def test_a_stolen_machine_key_of_another_actor_says_nothing_by_itself(here: Meeting) -> None:
    here.decide("rosa", "confirm")
    builder, thief = here.machine("ci-a"), here.machine("ci-b")
    refused(thief.send(thief.claim(thief.started("build"), by="ci-a", key=builder.key)), "not-your-actor", 403)
    refused(thief.send(thief.claim(thief.started("build"), key=builder.key)), "not-your-key", 403)
    thief.token = ""
    refused(thief.send(thief.claim(thief.started("build"), by="ci-a", key=builder.key)), "no-token", 401)


def test_a_machine_that_was_sent_away_says_nothing_more(here: Meeting) -> None:
    here.decide("rosa", "confirm")
    builder = here.machine("ci-a")
    rosa = here.world.person("rosa")
    assert rosa.post(f"/release/run/{here.run}/remove/", machine="1").status_code == 303
    refused(builder.start("build"), "unknown-run", 404)
    again = builder.join(here.service.token({"sub": "builder-a"}))
    refused(again, "key-known", 409)


def test_a_claim_signed_for_another_run_is_not_taken(here: Meeting) -> None:
    first = here.run
    here.decide("rosa", "confirm")
    builder = here.machine("ci-a")
    elsewhere = builder.claim(builder.started("build"), run="b" * 26)
    refused(builder.send(elsewhere), "bad-signature", 403)
    assert here.open(version="2.0").status_code == 201
    second = here.run
    here.run = second
    refused(builder.start("build"), "unknown-run", 404)
    here.run = first


def test_no_machine_says_what_only_people_or_the_server_say(here: Meeting) -> None:
    here.built()
    prover = here.machine("ci-b")
    asked = here.state.steps["stop"].asked
    assert asked is not None
    for event in (
        Approved("stop", 1, asked.question, "ci-b", "user:rosa", "none"),
        KeyGranted("prove", 1, "gpg:0", (), ()),
        Finished("released"),
        Resumed("user:rosa", "because"),
    ):
        refused(prover.say(event), "not-for-machines", 403)


def test_one_person_approves_twice_by_two_accounts(here: Meeting) -> None:
    text = here.pipeline().replace('identities = ["user:mia"]', 'identities = ["user:twin"]')
    assert here.open(text=text.replace("version = 1\n", "version = 2\n", 1), version="3.0").status_code == 201
    here.built_as("3.0")
    here.mailbox("wim", "wim@example.org")
    here.mailbox("twin", "Wim+release@example.org")
    assert here.decide("wim", "approve", step="stop").is_success
    refused(here.decide("twin", "approve", step="stop"), "approved-already", 409)
    assert len(here.state.steps["stop"].approvals) == 1


def test_an_approval_expires_and_people_are_asked_anew(here: Meeting, clock: TurnableClock) -> None:
    here.built()
    assert here.decide("rosa", "approve", step="stop").is_success
    old = here.state.steps["stop"].asked
    assert old is not None
    clock.turn(timedelta(hours=1, seconds=5))
    assert here.world.app.room.wake() == 1
    new = here.state.steps["stop"].asked
    assert new is not None
    assert new.question != old.question
    assert here.state.steps["stop"].approvals == ()
    refused(here.decide("wim", "approve", step="stop", question=old.question), "other-question", 409)


def test_somebody_who_has_left_the_project_decides_nothing_and_his_yes_does_not_count(here: Meeting) -> None:
    here.built()
    assert here.decide("mia", "approve", step="stop").is_success
    here.leave("mia")
    refused(here.decide("mia", "approve", step="stop"), "unknown-run", 404)
    assert here.decide("rosa", "approve", step="stop").is_success
    state = here.state
    assert state.status == "stopped"
    assert state.stop is not None
    assert state.stop.code == "approver-left"
    assert "mia" in state.stop.saw


def test_two_operators_press_go_together_and_there_is_one_run(here: Meeting) -> None:
    text, clients = here.pipeline(), ("rosa", "wim")
    for name in clients:
        here.world.user(name)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: here.open(name, text=text, version="7.0").status_code, clients))
    assert sorted(answers) == [201, 409]


def test_a_pipeline_definition_is_not_rolled_back(here: Meeting) -> None:
    assert here.open(number=3, version="1.1").status_code == 201
    refused(here.open(number=2, version="1.2"), "pipeline-rolled-back", 409)
    changed = here.pipeline(number=3).replace("quorum = 3", "quorum = 1")
    refused(here.open(text=changed, version="1.3"), "pipeline-changed", 409)


def test_a_file_that_is_not_what_its_name_says_is_not_taken(here: Meeting) -> None:
    builder = here.machine("ci-a")
    other = hashlib.sha256(b"something else").hexdigest()
    refused(builder.put(BODY, other), "digest-mismatch", 400)
    assert here.client.get(f"{here.address}/objects/{other}", headers=builder.headers).status_code == 404


def test_a_step_with_an_extra_file_or_another_name_is_not_done(here: Meeting) -> None:
    here.decide("rosa", "confirm")
    builder = here.machine("ci-a")
    builder.put(BODY)
    extra = Thing("extra.whl", "sha256", BUILT.digest, BUILT.size_bytes)
    refused(builder.do("build", {"dists": (BUILT, extra)}), "other-outputs", 403)
    assert here.state.steps["build"].status == "waiting"


def test_what_a_machine_saw_stops_the_run_and_names_it(here: Meeting) -> None:
    builder = here.built()
    answer = builder.say(TagMoved("fork", "refs/tags/v1.0", "a" * 40, "b" * 40, "reflog"))
    assert answer.is_success, answer.text
    stop = here.state.stop
    assert stop is not None
    assert (stop.code, stop.by, stop.place) == ("tag-moved", "ci-a", "fork refs/tags/v1.0")
    page = here.world.person("rosa").get(f"/release/run/{here.run}/").text
    assert "b" * 40 in page
    assert "Seen by" in page
    rosa = here.world.person("rosa")
    answer = rosa.post(f"/release/run/{here.run}/resume/", why="It was put back.")
    assert answer.status_code == 403
    assert here.state.status == "stopped"


def test_a_journal_that_is_changed_in_the_database_is_not_gone_on_with(here: Meeting) -> None:
    here.built()
    with here.world.app.database.write() as sql:
        where = (release_line.c.run_id == here.run) & (release_line.c.seq == 1)
        line = sql.execute(sa.select(release_line.c.line).where(where)).scalar_one()
        sql.execute(release_line.update().where(where).values(line=line.replace("user:rosa", "user:mall")))
    here.world.app.room.states._known.clear()
    answer = here.client.get(here.address, headers=here.program("rosa"))
    assert answer.status_code == 500
    with here.world.app.database.write() as sql:
        sql.execute(release_line.update().where(where).values(line=line))


def test_a_lost_answer_and_a_moved_head_write_nothing_twice(here: Meeting) -> None:
    here.decide("rosa", "confirm")
    builder = here.machine("ci-a")
    claim = builder.claim(builder.started("build"))
    assert builder.send(claim, expected={"seq": 0, "hash": "0" * 64}).status_code == 409
    assert builder.send(claim).is_success
    assert builder.send(builder.claim(StepDone("build", 1, {"dists": (BUILT,)}, {}))).is_success
    refused(builder.send(builder.claim(StepDone("build", 1, {"dists": (BUILT,)}, {}))), "not-running", 403)
    assert json.dumps(here.kinds()).count("step-done") == 1


def test_a_machine_that_says_stop_stops_it_and_a_lease_cannot_be_for_ever(here: Meeting) -> None:
    here.decide("rosa", "confirm")
    builder = here.machine("ci-a")
    refused(builder.start("build", minutes=10_000), "lease-too-long", 403)
    assert builder.say(Stopped("odd", "an odd thing", "nothing odd")).is_success
    assert here.state.status == "stopped"


def test_a_machine_that_has_gone_is_given_up_after_its_lease(here: Meeting, clock: TurnableClock) -> None:
    here.decide("rosa", "confirm")
    builder = here.machine("ci-a")
    assert builder.start("build", minutes=5).is_success
    clock.turn(timedelta(minutes=16))
    here.world.app.room.wake()
    state = here.state
    assert state.status == "stopped"
    assert state.stop is not None
    assert "ci-a" in state.stop.saw


def narrow(here: Meeting, name: str, **scope: Any) -> dict[str, str]:
    """A program of somebody's whose token may less."""
    made = here.world.app.create_token(CreateToken(name, scope=scope_for(**scope)))
    return {"authorization": f"Bearer {made.text}", "accept": "application/json"}


def of_rosa(here: Meeting, headers: dict[str, str]) -> tuple[Machine, httpx.Response]:
    """A machine of rosa's, which joins with this token of hers."""
    machine = Machine(here, "rm")
    return machine, machine.join(headers=headers, identity="user:rosa", evidence=account_evidence("rosa"))


def test_a17_a_token_that_reads_decides_nothing_joins_nothing_and_hands_nothing_in(here: Meeting) -> None:
    here.built()
    for headers in (narrow(here, "rosa", actions=["read"]), narrow(here, "rosa", versions=["2.0"])):
        assert here.client.get(here.address, headers=headers).is_success
        answer = here.client.post(
            f"{here.address}/decisions", json={"what": "approve", "step": "stop"}, headers=headers
        )
        assert answer.status_code == 403, answer.text
        assert of_rosa(here, headers)[1].status_code == 403
        path = f"{here.address}/objects/{hashlib.sha256(b'other').hexdigest()}"
        assert here.client.put(path, content=b"other", headers=headers).status_code == 403
    elsewhere = narrow(here, "rosa", projects=["other"])
    refused(here.client.get(here.address, headers=elsewhere), "unknown-run", 404)
    assert here.state.steps["stop"].approvals == ()


def test_a_machine_of_somebody_who_has_left_reads_nothing_and_hands_nothing_in(here: Meeting) -> None:
    machine, answer = of_rosa(here, here.program("rosa"))
    assert answer.status_code == 201, answer.text
    machine.put(BODY)
    assert here.client.get(f"{here.address}/lines", headers=machine.headers).is_success
    with here.world.app.database.write() as sql:
        sql.execute(project_role.delete())
    for path in ("", "/lines", f"/objects/{BUILT.digest}"):
        refused(here.client.get(f"{here.address}{path}", headers=machine.headers), "unknown-run", 404)
    refused(machine.put(b"something else"), "unknown-run", 404)


def test_who_is_sent_away_while_he_waits_for_lines_hears_none(here: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    waits_now, real = threading.Event(), ReleaseRoom._until_there_are

    async def told(self: ReleaseRoom, *arguments: Any) -> Any:
        waits_now.set()
        return await real(self, *arguments)

    monkeypatch.setattr(ReleaseRoom, "_until_there_are", told)
    builder = here.machine("ci-a")
    with ThreadPoolExecutor(1) as pool:
        head = len(here.lines) - 1
        waits = pool.submit(here.client.get, f"{here.address}/lines?after={head}&wait=20", headers=builder.headers)
        assert waits_now.wait(20)
        rosa = here.world.person("rosa")
        assert rosa.post(f"/release/run/{here.run}/remove/", machine="1").status_code == 303
        assert here.decide("rosa", "confirm").is_success
        refused(waits.result(), "unknown-run", 404)


def test_a_stranger_with_a_genuine_token_cannot_tell_by_a_bad_signature_which_run_there_is(here: Meeting) -> None:
    told, real = [], here.run
    for run in (real, "a" * 26):
        here.run = run
        machine = Machine(here, "ci-a")
        claim = machine.claim(_joined(here, machine), run="c" * 26)
        document = {"joined": claim["body"], "said": claim["said"], "token": here.service.token({"sub": "nobody"})}
        answer = here.client.post(f"{here.address}/join", json=document, headers={"accept": "application/json"})
        told.append((answer.status_code, answer.content))
    here.run = real
    assert told[0] == told[1]


def test_who_has_left_since_he_was_looked_at_decides_nothing(here: Meeting) -> None:
    app = here.world.app
    with app.database.read() as sql:
        mia = find_user(sql, "mia").actor
    member = app.room.look(here.run, mia).member
    assert member is not None
    here.leave("mia")
    for what in ("abort", "confirm"):
        with pytest.raises(Refused, match="no such release run"):
            app.room.decide(here.run, Decide(what, member, "none", why="I am angry."))
    assert here.state.status == "gathering"


def test_a26_a_token_of_a_run_that_strangers_can_bring_about_joins_nothing(here: Meeting) -> None:
    for claims in ({"event_name": "pull_request_target"}, {"event_name": "push", "ref": "refs/pull/7/merge"}):
        token = here.service.token({"sub": "builder-a", **claims})
        refused(Machine(here, "ci-a").join(token), "refused-event", 403)
    assert Machine(here, "ci-a").join(here.service.token({"sub": "builder-a", "event_name": "push"})).is_success


def test_a_machine_fills_no_journal(here: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = here.machine("ci-a")
    refused(builder.say(Noted("a" * 20_000)), "text-too-long", 400)
    refused(builder.say(Stopped("odd\ncode", "", "")), "bad-claim", 400)
    monkeypatch.setattr(say, "MOST_LINES", 6)
    assert builder.say(Noted("one"), Noted("two")).is_success
    refused(builder.say(*[Noted(f"{number}") for number in range(5)]), "journal-full", 409)
    monkeypatch.setattr(say, "MOST_BYTES", 9_000)
    monkeypatch.setattr(say, "MOST_LINES", 600)
    refused(builder.say(*[Noted(f"{number} {'a' * 4000}") for number in range(3)]), "journal-full", 409)
    assert here.decide("rosa", "abort", why="It writes too much.").is_success
    assert here.state.status == "abandoned"


def test_nobody_opens_runs_without_end(here: Meeting, monkeypatch: pytest.MonkeyPatch, clock: TurnableClock) -> None:
    monkeypatch.setattr(opening, "MOST_OPEN", 2)
    assert here.open(version="1.1").status_code == 201
    refused(here.open(version="1.2"), "too-many-runs", 409)
    assert here.decide("rosa", "abort", why="Another one.").is_success
    monkeypatch.setattr(opening, "MOST_A_DAY", 3)
    assert here.open(version="1.2").status_code == 201
    assert here.decide("rosa", "abort", why="Another one.").is_success
    refused(here.open(version="1.3"), "too-many-runs", 429)
    clock.turn(timedelta(days=1, seconds=1))
    assert here.open(version="1.3").status_code == 201
    many = {f"place-{number}": {"url": "a" * 1900} for number in range(90)}
    refused(here.open(version="1.4", places=many), "bad-places", 400)
    refused(here.open(version="1.4", places={"a" * 200: {"url": "x"}}), "bad-places", 400)


@pytest.mark.parametrize(
    "place",
    [
        {"token": "x"}, {"api_password": "x"}, {"url": "https://rosa:pw@index.example/"},
        {"url": "https://token@github.com/acme/toy.git"},
    ],
)  # fmt: skip
def test_places_that_everybody_reads_hold_no_secret(here: Meeting, place: dict[str, str]) -> None:
    refused(here.open(version="1.1", places={"index": place}), "secret-in-places", 400)


def test_a50_a_question_that_nobody_answers_is_not_asked_for_ever(here: Meeting, clock: TurnableClock) -> None:
    here.built()
    clock.turn(timedelta(hours=1, seconds=5))
    here.world.app.room.wake()
    state = here.state
    assert (state.status, state.stop and state.stop.code) == ("stopped", "nobody-answered")
    clock.turn(timedelta(days=30))
    assert here.world.app.room.wake() == 0
    assert here.kinds().count("asked") == 1
    assert here.decide("rosa", "resume", why="We are back.").is_success
    assert here.state.status == "open"
    assert here.kinds().count("asked") == 2
    for name in ("rosa", "wim", "mia"):
        assert here.decide(name, "approve", step="stop").is_success
    assert here.state.steps["stop"].status == "done"


def test_a_run_that_cannot_go_on_keeps_no_other_from_it(
    here: Meeting, clock: TurnableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = here.run
    assert here.open(version="2.0").status_code == 201
    here.built_as("2.0")
    app = here.world.app
    with app.database.write() as sql:
        sql.execute(release_run.update().where(release_run.c.id == broken).values(wake_at=clock.now(), seq=99))
    monkeypatch.setattr(runs, "MOST_LISTED", 1)
    clock.turn(timedelta(hours=1, seconds=5))
    app.room.wake()
    app.room.wake()
    assert here.state.status == "stopped"


def test_a_run_that_cannot_be_read_hides_no_other_from_its_people(here: Meeting) -> None:
    broken = here.run
    assert here.open(version="2.0").status_code == 201
    with here.world.app.database.write() as sql:
        sql.execute(release_run.update().where(release_run.c.id == broken).values(seq=99, head="0" * 64))
    listed = here.world.person("rosa").get("/release/runs/")
    assert listed.status_code == 200
    assert here.run in listed.text
    assert broken not in listed.text


def test_a41_what_a_machine_says_is_shown_as_text_and_hides_nothing(here: Meeting) -> None:
    builder = here.built()
    hostile = "<script>alert(1)</script> \u202eyrevocer"
    assert builder.say(Stopped("odd", hostile, "\u2066", place='"><img src=x>')).is_success
    rosa = here.world.person("rosa")
    for path in ("", "journal/", "picture.svg"):
        text = rosa.get(f"/release/run/{here.run}/{path}").text
        assert "<script>alert" not in text
        assert "<img src=x>" not in text
        assert "\u202e" not in text, path
    text = rosa.get("/release/runs/").text
    assert "U+202E" in text
    assert "\u202e" not in text


def test_whose_server_shows_the_source_is_said_beside_the_link(here: Meeting) -> None:
    text = here.pipeline(number=2).replace(
        "dists = {", 'commit = { type = "git-commit" }\ndists = {').replace('out = ["dists"]', 'out = ["dists", "commit"]'
    ).replace('in = ["dists"]\nafter = ["build"]', 'in = ["dists", "commit"]\nafter = ["build"]')  # fmt: skip
    place = {"fork": {"web": "https://github.com@evil.example/acme"}}
    assert here.open(text=text, version="1.7", places=place).status_code == 201
    assert here.decide("rosa", "confirm").is_success
    builder = here.machine("ci-a")
    builder.put(BODY)
    made = Thing("demo-1.7.tar.gz", "sha256", BUILT.digest, BUILT.size_bytes)
    answer = builder.do("build", {"dists": (made,), "commit": (Thing("v1.7", "gitCommit", "c" * 40),)})
    assert answer.is_success, answer.text
    assert "see what changed, at evil.example</a>" in here.world.person("rosa").get(f"/release/run/{here.run}/").text
