"""The demonstration is released once, at a real server, and looked at from every side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2 as httpx
import pytest

from besieged import SIMPLE, Besieged, besieged
from command_line import customhouse
from customhouse.formats.attestations import PUBLISH, SLSA
from customhouse.release.events import Attested, Published, StepStarted, TagSeen
from customhouse.release.sealed import Sealed
from customhouse.release.state import State
from demonstration import PEOPLE, builders, settings_for_builders
from library_trust import cache_that_trusts
from mail_sink import MailSink, mail_sink
from patience import until
from sealed_project import git
from world import Server

pytestmark = pytest.mark.slow
ATOM = "{http://www.w3.org/2005/Atom}"


@dataclass
class Shipped:
    """It is public."""

    world: Besieged
    sink: MailSink
    lines: list[Sealed]
    state: State
    bundle: Path


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    folder = tmp_path_factory.mktemp("demonstration")
    with mail_sink() as sink, builders() as builds:
        server = Server(
            folder / "data", environment=settings_for_builders(builds) | sink.environment, named=True
        )  # fmt: skip
        server.start()
        try:
            with besieged(server, folder / "world", builds) as furnished:
                world = furnished.fresh("release", attested=True)
                try:
                    world.release()
                    state = world.state
                    assert state.status == "released", f"{state.stop}\n{world.logs()}"
                    yield Shipped(world, sink, world.lines, state, bundle_of(world))
                finally:
                    world.end()
            server.check()
        finally:
            server.stop()


def bundle_of(world: Besieged) -> Path:
    """As the server gives it to strangers, and as the release manager's machine makes it of what it sees."""
    mine = ("--actor", "rm", "--folder", str(world.machines["rm"].home / "work"))
    for where, more in (("given", ()), ("made", mine)):
        done = customhouse("release", "bundle", world.page, *more, "-o", str(world.folder / where))
        assert done.returncode == 0, done.stderr
    given, made = (next((world.folder / where).glob("*.release.tar")) for where in ("given", "made"))
    assert given.name == made.name
    return given


def says(shipped: Shipped, *arguments: str) -> tuple[int, dict[str, Any]]:
    """What `customhouse release verify` says; it asks nobody."""
    done = customhouse("release", "verify", str(shipped.bundle), "--json", *arguments, folder=shipped.world.folder)
    return done.returncode, json.loads(done.stdout)


def unproved(found: dict[str, Any]) -> list[str]:
    return [f"{one['number']} {one['result']}" for one in found["points"] if one["result"] != "holds"]


def test_every_step_was_done_once_and_the_journal_replays(shipped: Shipped) -> None:
    assert {(one.status, one.attempt) for one in shipped.state.steps.values()} == {("done", 1)}
    (again,) = shipped.state.steps["build"].rebuilds
    assert (again.by, again.agrees, again.outputs) == ("ci-b", True, shipped.state.steps["build"].outputs)
    assert len({one.person for _, _, one in shipped.state.steps["stop"].approvals}) == 3


def test_a_stranger_who_brings_what_he_knows_verifies_all_of_it_offline(shipped: Shipped) -> None:
    world, desk = shipped.world, shipped.world.folder / "stranger"
    desk.mkdir()
    config = httpx.get(f"{world.host.url}/sigstore/trust_config.json", timeout=30).json()
    (desk / "root.json").write_text(json.dumps(config["trustedRoot"]))
    (desk / "pipeline.toml").write_text(world.pipeline())
    git(desk, "clone", "--quiet", str(world.upstream), "repository")
    files = []
    for one in httpx.get(f"{world.host.url}/simple/{world.name}/", headers=SIMPLE, timeout=30).json()["files"]:
        path = desk / one["filename"]
        path.write_bytes(httpx.get(urljoin(f"{world.host.url}/simple/{world.name}/", one["url"]), timeout=30).content)
        files += ["--artifact", str(path)]
    code, found = says(
        shipped, "--trust-root", str(desk / "root.json"), "--pipeline", str(desk / "pipeline.toml"),
        "--repo", str(desk / "repository"), *files,
    )  # fmt: skip
    assert (code, unproved(found)) == (0, []), json.dumps(found["points"], indent=1)


def test_a_stranger_who_brings_nothing_hears_what_is_not_proved(shipped: Shipped) -> None:
    code, found = says(shipped)
    assert (code, unproved(found)) == (3, ["1 unknown", "3 unknown", "8 unasked"]), json.dumps(
        found["points"], indent=1
    )
    assert not [one for point in found["points"] for one in point["findings"] if one["result"] == "fails"]
    # The server has put in how its log has grown between the heads of the journal.
    (journal,) = [point for point in found["points"] if point["number"] == 2]
    assert any("the log with its heads has only grown" in one["text"] for one in journal["findings"])


def test_a_byte_of_a_file_that_he_has_is_seen(shipped: Shipped, tmp_path: Path) -> None:
    (path,) = [one for one in shipped.state.artifacts["dists"] if one.name.endswith(".whl")]
    (tmp_path / path.name).write_bytes(b"another wheel")
    assert says(shipped, "--artifact", str(tmp_path / path.name))[0] == 1


def test_the_tag_is_upstream_as_in_the_fork_and_came_there_after_publication(shipped: Shipped) -> None:
    world, tag = shipped.world, shipped.state.artifacts["tag"][0].digest
    assert world.tag(world.upstream) == world.tag(world.fork) == tag
    assert git(world.upstream, "rev-parse", "main") == shipped.state.artifacts["commit"][0].digest
    (published,) = [line.seq for line in shipped.lines if isinstance(line.event, Published)]
    seen = [
        line.seq
        for line in shipped.lines
        if isinstance(line.event, TagSeen) and (line.event.remote, line.event.oid) == ("upstream", tag)
    ]
    pushing = [
        line.seq
        for line in shipped.lines
        if isinstance(line.event, StepStarted) and shipped.state.pipeline.step(line.event.step).uses == "git.push_last"
    ]
    assert seen
    assert published < min(pushing) < min(seen)


def test_the_index_has_exactly_what_was_built(shipped: Shipped) -> None:
    assert shipped.world.on_the_index() == {one.name: one.digest for one in shipped.state.artifacts["dists"]}


PROVED = """
import json, sys
from pypi_attestations import Attestation, Distribution
from sigstore.verify.policy import Identity
for path, name, digest, identity, issuer in json.load(sys.stdin):
    attestation = Attestation.model_validate_json(open(path).read())
    attestation.verify(Identity(identity=identity, issuer=issuer), Distribution(name=name, digest=digest), offline=True)
    print(name, attestation.statement["predicateType"])
"""
"""The unmodified library, in a process of its own that knows the one root in its cache."""


def test_the_index_shows_who_has_uploaded_each_file_and_how_its_builder_says_it_was_built(shipped: Shipped) -> None:
    world, desk = shipped.world, shipped.world.folder / "auditor"
    root = httpx.get(f"{world.host.url}/sigstore/trusted_root.json", timeout=30).text
    cache = cache_that_trusts(root, desk / "cache")
    asked, wanted, issuer = [], [], world.builds.url
    for name, digest in world.on_the_index().items():
        url = f"{world.host.url}/integrity/{world.name}/{world.version}/{name}/provenance"
        bundles = httpx.get(url, timeout=30).raise_for_status().json()["attestation_bundles"]
        shown = {one["publisher"]["subject"]: one["attestations"] for one in bundles}
        assert set(shown) == {f"{issuer}#builder-a", f"{issuer}#builder-b"}
        for who, kind in (("builder-b", PUBLISH), ("builder-a", SLSA)):
            (one,) = shown[f"{issuer}#{who}"]
            path = desk / f"{name}.{who}.json"
            path.write_text(json.dumps(one))
            asked.append((str(path), name, digest, f"{issuer}#{who}", issuer))
            wanted.append(f"{name} {kind}")
    done = subprocess.run(
        [sys.executable, "-c", PROVED], input=json.dumps(asked), capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(desk), "XDG_CACHE_HOME": str(cache)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == wanted
    assert len(wanted) == 4


def test_what_the_builder_says_at_the_index_stands_in_the_bundle_too_and_came_back_as_it_was_sent(
    shipped: Shipped,
) -> None:
    names = sorted(shipped.world.on_the_index())
    said = [
        line.event.bundle.name.split(".provenance.", 1)[1].removesuffix(".sigstore.json")
        for line in shipped.lines
        if isinstance(line.event, Attested) and ".provenance." in line.event.bundle.name
    ]
    assert sorted(one for one in said if one in names) == names
    facts = shipped.state.steps["stage"].facts
    assert sorted(key for key in facts if key.startswith("attested:")) == [f"attested:{one}" for one in names]
    assert all(len(facts[f"attested:{one}"].split(",")) == 2 for one in names)


def test_the_checklist_shows_the_level_that_was_reached_and_why_it_is_no_higher(shipped: Shipped) -> None:
    world = shipped.world
    done = customhouse("release", "checklist", world.name, "--index", world.host.url, "--json")
    found = json.loads(done.stdout)
    assert (found["slsa"]["level"], "#builder-a" in found["slsa"]["why"]) == (2, True), found["slsa"]
    assert "could not reach the identity that signs" in found["slsa"]["why_not_higher"]
    states = {one["key"]: one["state"] for one in found["items"]}
    wanted = ("trusted-publisher", "attested", "slsa", "rebuilt", "wheel-and-sdist")
    assert {key: states[key] for key in wanted} == dict.fromkeys(wanted, "met")
    page = httpx.get(f"{world.host.url}/project/{world.name}/checklist/", timeout=30).text
    assert "Level 2" in page


def test_people_had_letters_when_it_began_when_they_were_asked_and_when_it_was_released(shipped: Shipped) -> None:
    what = f"sealed {shipped.world.version}"
    wanted = [f"The release of {what} has begun", f"The release of {what} waits for people", f"{what} was released"]
    for person in PEOPLE.values():
        for one in wanted:
            until(partial(has_letter, shipped.sink, person, one), why=f"{person} has no letter {one!r}")


def has_letter(sink: MailSink, person: str, subject: str) -> bool:
    return any(subject in str(one["subject"]) for one in sink.letters_to(f"{person}@example.org"))


def test_the_feed_tells_of_it(shipped: Shipped) -> None:
    (entry,) = ET.parse(shipped.world.feed).getroot().findall(f"{ATOM}entry")  # noqa: S314 - our own
    assert shipped.world.version in str(entry.findtext(f"{ATOM}title"))


def test_the_engines_own_share_is_known(shipped: Shipped, capsys: pytest.CaptureFixture[str]) -> None:
    """Its bound is for `make bench`, where nothing else runs."""
    wall, covered = shipped.world.times()
    with capsys.disabled():
        sys.stdout.write(f"\nreleased in {wall:.1f} s, of which programs of steps ran {covered:.1f} s ")
    assert 0 < covered < wall
