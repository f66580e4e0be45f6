"""The template ``security-release`` with a real disclosure case: nothing is public, and then everything is at once.

A server, a private fork, two builders, two people with keys and the case are real; `embargo_world` says who is outside.
The run is looked at while it waits for its last yes, when everything is built, staged, tested and the fix approved.
"""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from besieged import SIMPLE
from command_line import customhouse
from customhouse.app import App
from customhouse.infra.tables import job
from customhouse.release.events import Published, StepStarted, TagSeen
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.state import State
from demonstration import builders, settings_for_builders
from embargo_world import ANNOUNCED, CVE, OUTSIDE, Embargoed, embargoed
from mail_sink import MailSink, mail_sink, text_of
from onlookers import Onlooker
from patience import until
from receiver import Receiver, receiver
from sealed_project import git
from world import Server

pytestmark = [pytest.mark.prove, pytest.mark.slow]
ATOM = "{http://www.w3.org/2005/Atom}"
PUBLIC = (
    "/", "/simple/", "/simple/sealed/", "/pypi/sealed/json", "/project/sealed/", "/search/?q=sealed", "/api/search?q=sealed",
    "/rss/updates.xml", "/rss/packages.xml", "/rss/advisories.xml", "/rss/project/sealed/releases.xml", "/feeds/updates.xml",
    "/feeds/packages.xml", "/feeds/advisories.xml", "/feeds/project/sealed/releases.xml", "/ledger/", "/ledger.jsonl",
    "/project/sealed/ledger/", "/project/sealed/ledger.jsonl", "/advisories/", "/osv/PyPI/modified_id.csv",
    "/project/sealed/checklist/", "/api/projects/sealed/checklist", "/trust/", "/trust/data.json",
    "/trust/sigstore/", "/views/", "/bundled/",
)  # fmt: skip
"""Every address of a stranger that speaks of releases."""


@dataclass
class Waiting:
    """What everybody saw while the run waited for its last yes."""

    answers: dict[str, httpx.Response]
    gone: dict[str, int]
    """Statuses at addresses that must not be there yet."""
    hidden: dict[str, dict[str, int]]
    """Statuses at the addresses of the run, by who asked."""
    refs: str
    letters: list[tuple[str, str]]
    hooks: list[str]
    feed: bool
    logged: bytes
    """Every entry of the transparency log, and what is written in base64 in it."""


@dataclass
class Released:
    """It is public."""

    world: Embargoed
    sink: MailSink
    hooks: Receiver
    waiting: Waiting
    advisory: Onlooker
    tag: Onlooker
    lines: list[Sealed] = field(default_factory=list)

    @property
    def state(self) -> State:
        """What the journal folds to."""
        return replay(self.lines)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    folder = tmp_path_factory.mktemp("security")
    with mail_sink() as sink, receiver() as hooks, builders() as builds:
        server = Server(folder / "data", environment=settings_for_builders(builds) | sink.environment, named=True)
        server.start()
        try:
            with embargoed(server, folder / "world", builds, sink, hooks) as world:
                yield conducted(world, sink, hooks)
            server.check()
        finally:
            server.stop()


def conducted(world: Embargoed, sink: MailSink, hooks: Receiver) -> Released:
    """The whole run, with a look around before the last yes."""
    with pytest.raises(RuntimeError, match=r"user:psrt,\s+who\s+is\s+not\s+in\s+the\s+case"):
        world.open()
    world.put_in("psrt")
    quiet(world, sink, hooks)
    found = world.release(until=lambda now: "sign" in now["asks"])
    assert "sign" in found["asks"], f"{found}\n{world.logs()}"
    waiting = looked_around(world, sink, hooks)
    url = world.host.url
    advisory = Onlooker(url, lambda client: bool(world.files(client)), lambda client: bool(world.advisories(client)))
    tag = Onlooker(url, lambda client: bool(world.files(client)), lambda _client: bool(world.tag(world.upstream)))
    with advisory.watching(), tag.watching():
        end = world.watch()
    assert end["status"] == "released", f"{end['stop']}\n{world.logs()}"
    return Released(world, sink, hooks, waiting, advisory, tag, world.read_journal())


def quiet(world: Embargoed, sink: MailSink, hooks: Receiver) -> None:
    """Letters and calls of before have arrived, all of them, and are forgotten."""
    until(lambda: any("webhook of sealed was added" in str(one["Subject"]) for one in sink.messages))
    until(lambda: any("are wanted in case" in str(one["Subject"]) for one in sink.letters_to("psrt@example.org")))
    with world.host.opened() as app:
        until(partial(nothing_is_due, app), why="the server still has something to do")
    sink.clear()
    hooks.requests.clear()


def nothing_is_due(app: App) -> bool:
    with app.database.read() as sql:
        due = sa.select(sa.func.count()).where(job.c.parked_at.is_(None), job.c.due_at <= app.clock.now())
        return sql.scalar(due) == 0


def looked_around(world: Embargoed, sink: MailSink, hooks: Receiver) -> Waiting:
    """As a stranger, as somebody with an account, and as a maintainer who is not in the case."""
    state = replay(world.read_journal())
    things = [one for things in state.artifacts.values() for one in things if one.algorithm == "sha256"]
    with httpx.Client(base_url=world.host.url, timeout=60, follow_redirects=True) as stranger:
        answers = {path: stranger.get(path) for path in PUBLIC}
        gone = {
            path: stranger.get(path).status_code
            for path in (
                f"/project/sealed/{world.version}/", f"/pypi/sealed/{world.version}/json", f"/advisory/{world.case.advisory_id}/",
                f"/advisory/{world.case.advisory_id}/csaf.json", f"/advisory/{world.case.advisory_id}/cve.json",
                f"/osv/PyPI/{world.case.advisory_id}.json", f"/v1/vulns/{world.case.advisory_id}",
                "/api/projects/sealed/vex", f"/security/cases/{world.case.public_id}/", f"/api/security/cases/{world.case.public_id}",
                *(f"/files/sealed/{one.name}" for one in things),
                *(f"/integrity/sealed/{world.version}/{one.name}/provenance" for one in things),
            )
        }  # fmt: skip
        assert world.files(stranger) == {}
        assert world.advisories(stranger) == []
    return Waiting(
        answers, gone, {who: at_the_run(world, who, things[0].digest) for who in ("", *OUTSIDE)},
        git(world.upstream, "for-each-ref"),
        [(to, str(one["Subject"])) for one in sink.messages for to in (str(one["To"]),)],
        [one.path for one in hooks.requests], world.feed.exists(), in_the_log(world),
    )  # fmt: skip


def in_the_log(world: Embargoed) -> bytes:
    """The log of signatures as everybody reads it (C2SP tlog-tiles): builders and people have signed what they did."""
    address = f"{world.host.url}/sigstore/api/v2"
    size = int(httpx.get(f"{address}/checkpoint", timeout=30).raise_for_status().text.splitlines()[1])
    assert 0 < size < 256, "one tile that is not full"
    raw = httpx.get(f"{address}/tile/entries/000.p/{size}", timeout=30).raise_for_status().content
    found = re.findall(rb"[A-Za-z0-9+/]{40,}", raw)
    return raw + b"\n".join(base64.b64decode(one[: len(one) // 4 * 4]) for one in found)


def at_the_run(world: Embargoed, who: str, digest: str) -> dict[str, int]:
    """What somebody hears at each address of the run: with an API token, and in a browser where he is signed in."""
    api, page = f"/api/release/runs/{world.run}", f"/release/run/{world.run}/"
    headers = {"authorization": f"Bearer {world.outside[who]}"} if who else {}
    paths = [f"{api}{path}" for path in ("", "/lines", "/bundle", f"/objects/{digest}")]
    pages = [f"{page}{path}" for path in ("", "head.json", "picture.svg", "journal/", "journal.jsonl", "bundle")]
    with httpx.Client(base_url=world.host.url, timeout=60) as client:
        found = {path: client.get(path, headers=headers).status_code for path in paths}
    with world.browser(who) as client:
        found |= {path: client.get(path).status_code for path in pages}
        if who:
            listed = client.get("/release/runs/").raise_for_status().text
            assert world.run not in listed
            assert world.version not in listed
    return found


# --- before


def test_no_address_of_a_stranger_speaks_of_it_before(released: Released) -> None:
    world, waiting = released.world, released.waiting
    assert {path: one.status_code for path, one in waiting.answers.items() if not one.is_success} == {}
    secrets = [
        CVE,
        world.version,
        world.run,
        world.case.public_id,
        world.case.advisory_id,
        released.state.artifacts["src"][0].digest,
    ]
    told = {path: word for path, one in waiting.answers.items() for word in secrets if word in one.text}
    assert told == {}
    assert set(waiting.gone.values()) <= {401, 404}, waiting.gone


def test_the_transparency_log_names_who_signed_and_not_what(released: Released) -> None:
    world, logged = released.world, released.waiting.logged
    assert b"/user/rosa" in logged
    for word in (world.version, "sealed", world.fix, world.case.public_id, world.run):
        assert word.encode() not in logged, word


def test_nothing_but_what_everybody_had_is_upstream_before(released: Released) -> None:
    assert released.waiting.refs == f"{released.world.project.commit} commit\trefs/heads/main"


def test_whoever_is_not_in_the_case_finds_no_run(released: Released) -> None:
    for who, found in released.waiting.hidden.items():
        assert set(found.values()) <= ({404} if who else {401, 404}), (who, found)


def test_letters_before_are_for_the_case_alone_and_nobody_else_is_called(released: Released) -> None:
    inside = {f"{name}@example.org" for name in ("rosa", "psrt", "olga", "rita")}
    letters = released.waiting.letters
    assert {to for to, _subject in letters} <= inside, letters
    assert not [subject for _to, subject in letters if released.world.version in subject]
    assert (released.waiting.hooks, released.waiting.feed) == ([], False)


# --- at the moment


def test_release_and_advisory_were_never_there_without_each_other(released: Released) -> None:
    """A stranger asked for one and then for the other, in both orders, as fast as he could."""
    seen = released.advisory.pairs
    assert {(False, False), (True, True)} <= seen
    assert (True, False) not in seen, seen


def test_the_tag_came_last(released: Released) -> None:
    """Whoever saw it upstream could install the release."""
    world, state, lines = released.world, released.state, released.lines
    tag = state.artifacts["tag"][0].digest
    assert world.tag(world.upstream) == world.tag(world.fork) == tag
    assert git(world.upstream, "rev-parse", "main") == state.artifacts["commit"][0].digest
    (published,) = [line.seq for line in lines if isinstance(line.event, Published)]
    pushing = [
        line.seq for line in lines if isinstance(line.event, StepStarted) and line.event.step == "push-last"
    ]  # fmt: skip
    seen = [
        line.seq
        for line in lines
        if isinstance(line.event, TagSeen) and (line.event.remote, line.event.oid) == ("upstream", tag)
    ]
    assert published < min(pushing) < min(seen)


# --- after


def test_everything_is_there_afterwards(released: Released) -> None:
    world, state = released.world, released.state
    (source,) = state.artifacts["src"]
    with httpx.Client(base_url=world.host.url, timeout=60, follow_redirects=True) as stranger:
        assert world.files(stranger) == {source.name: source.digest}
        assert world.advisories(stranger) == [world.case.advisory_id]
        affected = {"package": {"name": "sealed", "ecosystem": "PyPI"}, "version": world.version}
        assert stranger.post("/v1/query", json=affected).json().get("vulns", []) == []
        at = f"/advisory/{world.case.advisory_id}"
        csaf, cve = (stranger.get(f"{at}/{name}.json").raise_for_status().json() for name in ("csaf", "cve"))
        record = stranger.get(f"/osv/PyPI/{world.case.advisory_id}.json").raise_for_status().json()
        assert stranger.get(f"/release/run/{world.run}/").status_code == 200
    assert cve["cveMetadata"]["cveId"] == CVE
    assert csaf["document"]["tracking"]["status"] == "final"
    assert world.version in json.dumps(csaf)
    assert world.version in json.dumps(cve)
    assert world.version in json.dumps(record["affected"])


def test_people_feed_and_webhooks_heard_of_it_afterwards(released: Released) -> None:
    world, sink, hooks = released.world, released.sink, released.hooks
    until(lambda: any("released" in str(one["Subject"]) for one in sink.letters_to("maud@example.org")))
    (letter,) = sink.letters_to(ANNOUNCED)
    assert world.version in text_of(letter)
    (entry,) = ET.parse(world.feed).getroot().findall(f"{ATOM}entry")  # noqa: S314 - our own
    assert world.version in str(entry.findtext(f"{ATOM}title"))
    until(lambda: {"/hook", "/announced"} <= {one.path for one in hooks.requests})


def test_each_step_was_done_once_and_its_bundle_verifies(released: Released, tmp_path: Path) -> None:
    world, state = released.world, released.state
    assert {(one.status, one.attempt) for one in state.steps.values()} == {("done", 1)}
    done = customhouse("release", "bundle", f"{world.host.url}/release/run/{world.run}/", "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (bundle,) = tmp_path.glob("*.release.tar")
    config = httpx.get(f"{world.host.url}/sigstore/trust_config.json", timeout=30).json()
    (tmp_path / "root.json").write_text(json.dumps(config["trustedRoot"]))
    (tmp_path / "pipeline.toml").write_text(world.pipeline())
    git(tmp_path, "clone", "--quiet", str(world.upstream), "repository")
    source = tmp_path / state.artifacts["src"][0].name
    page = f"{world.host.url}/simple/sealed/"
    (listed,) = [one for one in httpx.get(page, headers=SIMPLE).json()["files"] if one["filename"] == source.name]
    source.write_bytes(httpx.get(urljoin(page, listed["url"])).content)
    verified = customhouse(
        "release", "verify", str(bundle), "--json", "--trust-root", str(tmp_path / "root.json"), "--pipeline",
        str(tmp_path / "pipeline.toml"), "--repo", str(tmp_path / "repository"), "--artifact", str(source),
    )  # fmt: skip
    points: list[dict[str, Any]] = json.loads(verified.stdout)["points"]
    assert [one["number"] for one in points if one["result"] != "holds"] == [], json.dumps(points, indent=1)
    assert verified.returncode == 0
