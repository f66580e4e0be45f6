"""The demonstration release under attack: its machines stand still where an attacker acts, and each run is a fresh one.

One server with its people and builders serves every run; a run has its own version, its own definition of the pipeline,
its own repositories and its own machines.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from threading import Barrier, Event
from typing import Any, ClassVar, TypeVar

import httpx2 as httpx

from build_service import BuildService
from customhouse.release.codec import read_line
from customhouse.release.events import Finished, OpenedRun, Published
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.state import State
from customhouse.release.things import Thing
from demonstration import BUILDERS, POLL_SECONDS, Demonstration, Machine, told_anew
from sealed_project import git, write_sealed_project
from shipping import gpg_home
from world import Server

JOINING = Path(__file__).with_name("joining.py")
SIMPLE = {"accept": "application/vnd.pypi.simple.v1+json"}
AWAY_SECONDS = 60.0
T = TypeVar("T")
_numbers = count(1)


@dataclass
class Besieged(Demonstration):
    """One run of the demonstration, before it is opened."""

    program: ClassVar[Sequence[str]] = (str(JOINING),)

    server: Server = field(kw_only=True)
    attested: bool = field(default=False, kw_only=True)
    """Attacks are on a run whose release manager uploads."""
    number: int = field(default=0, kw_only=True)
    """Of the pipeline's definition: each run has a newer one, so that each may be another."""
    told: dict[str, str] = field(default_factory=dict, kw_only=True)
    """What this run's pipeline says otherwise than the template."""
    moved: dict[str, dict[str, str]] = field(default_factory=dict, kw_only=True)
    """Other settings of places."""
    about: Callable[[dict[str, Any]], None] = field(default=lambda _found: None, kw_only=True)
    """Called each time somebody looks where the run stands."""

    def fresh(self, name: str, **more: Any) -> Besieged:
        """Another run in the same world."""
        number = next(_numbers)
        one = replace(
            self, folder=self.folder / f"{number:02d}-{name}", version=f"1.{number}.0", number=number, machines={},
            run="", **more,
        )  # fmt: skip
        one.folder.mkdir()
        for path in (one.upstream, one.fork):
            git(self.project.folder, "clone", "--quiet", "--bare", str(self.project.folder), str(path))
        return one

    def pipeline(self) -> str:
        """The template with a version that rises, and whatever this run has otherwise."""
        return told_anew(super().pipeline(), {"version = 1 ": f"version = {self.number} ", **self.told})

    def places(self) -> dict[str, dict[str, str]]:
        """Where things are."""
        found = super().places()
        return {**found, **{name: {**found.get(name, {}), **one} for name, one in self.moved.items()}}

    # Machines that stand still.

    def start(self, actor: str, *, wrap: Sequence[str] = (), **environment: str) -> Machine:
        """The machine of this actor; ``HOLD_AT`` and the like are for `joining.py`."""
        home = self.folder / f"home-{actor}"
        told = {"HOLD_MARK": str(home / "held"), "DIE_MARK": str(home / "died"), "CHILDREN": str(home / "children")}
        return super().start(actor, wrap=wrap, **{**told, **environment})

    def begin(self, **held: str) -> None:
        """Open the run, and start machines; ``held``: at which place each stands still, and '' for none."""
        if not self.run:
            self.open()
        for actor in ("rm", *BUILDERS):
            name = actor.replace("-", "_")
            if not held or name in held:
                self.start(actor, **({"HOLD_AT": held[name]} if held.get(name) else {}))
        self.confirm()

    def until_held(self, actor: str, place: str) -> None:
        """Everybody works, and people answer, until this machine stands still at its place."""
        mark = self.folder / f"home-{actor}" / "held"
        self.until(f"{actor} stands still at {place}", lambda _found: mark.exists())
        assert mark.read_text() == place

    def let_go(self, actor: str) -> None:
        """The machine goes on."""
        (self.folder / f"home-{actor}" / "held.go").touch()

    def until(self, what: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Everybody works until this holds; no other end will do."""
        found = self.watch(until=holds)
        assert holds(found), f"not {what}: {found['status']}, {found['stop']}\n{self.logs()}"
        return found

    def status(self) -> dict[str, Any]:
        """Where the run stands; a server that is away is asked again."""
        ends = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                found = super().status()
            except httpx.TransportError:
                if time.monotonic() > ends:
                    raise
                Event().wait(POLL_SECONDS)
                continue
            self.about(found)
            return found

    def end(self) -> None:
        """End this run's machines: its people are in the other runs, too."""
        self.end_machines()

    # What is known of it.

    @property
    def lines(self) -> list[Sealed]:
        """The journal, verified."""
        token = self.people["rm"].token
        answer = httpx.get(
            f"{self.host.url}/api/release/runs/{self.run}/lines?after=-1",
            headers={"authorization": f"Bearer {token}"}, timeout=30,
        )  # fmt: skip
        lines = [read_line(line) for line in answer.raise_for_status().text.splitlines()]
        verify_lines(lines)
        return lines

    @property
    def state(self) -> State:
        """What the journal folds to."""
        return replay(self.lines)

    def times(self) -> tuple[float, float]:
        """Seconds from the opening to the end, and in how many of them a program of a step ran, on any machine.

        What is left is the engine's own share: its work, the server's, and the waiting of one for another.
        """
        at = {type(line.event): line.at.timestamp() for line in self.lines}
        first, last = at[OpenedRun], at[Finished]
        spans = sorted(
            (max(float(began), first), min(float(ended), last))
            for one in self.machines.values()
            for began, ended in (line.split() for line in (one.home / "children").read_text().splitlines())
        )
        covered, until = 0.0, first
        for began, ended in spans:
            covered += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return last - first, covered

    def made(self, artifact: str, end: str) -> Thing:
        """What was made, by the end of its name."""
        (found,) = [one for one in self.state.artifacts[artifact] if one.name.endswith(end)]
        return found

    def stopped(self, code: str, *, by: str, saw: str, where: str) -> dict[str, Any]:
        """The run stands still, and says what was seen, where, and by whom; nothing else will do."""
        self.until("stopped", lambda found: found["status"] == "stopped")
        stop = self.status()["stop"]
        told = f"{json.dumps(stop, indent=1)}\n{self.logs()}"
        assert stop["code"] == code, told
        assert stop["by"] == by, told
        assert saw in stop["saw"], told
        assert where in f"{stop['step']} {stop['place']}", told
        return dict(stop)

    def on_the_index(self) -> dict[str, str]:
        """SHA-256 of this version's files by name, as a stranger sees them."""
        answer = httpx.get(f"{self.host.url}/simple/{self.name}/", headers=SIMPLE, timeout=30)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        files = answer.raise_for_status().json()["files"]
        return {one["filename"]: one["hashes"]["sha256"] for one in files if f"-{self.version}" in one["filename"]}

    def tag(self, repository: Path) -> str:
        """The tag's object there; empty where there is none."""
        found = git(repository, "for-each-ref", "--format=%(objectname)", f"refs/tags/v{self.version}")
        return found.strip()

    def nothing_is_public(self) -> None:
        """No stranger has anything of it: no file, no tag, no commit, no line in the feed."""
        assert self.on_the_index() == {}
        assert self.tag(self.upstream) == ""
        assert git(self.upstream, "rev-parse", "main") == self.project.commit
        assert not self.feed.exists()
        assert not any(isinstance(line.event, Published) for line in self.lines)


@contextmanager
def besieged(server: Server, folder: Path, builds: BuildService) -> Iterator[Besieged]:
    """The world; `Besieged.fresh` gives a run in it."""
    folder.mkdir(parents=True)
    with gpg_home() as home:
        project = write_sealed_project(folder / "sealed", folder / "wheelhouse")
        made = Besieged(server, folder, builds, home, project=project, server=server)
        try:
            made.furnish(project.folder)
            yield made
        finally:
            made.leave()


def flip(path: Path) -> None:
    """One bit of one byte, in the middle."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(bytes(body))
    path.chmod(mode)


def on_disk(folder: Path, digest: str) -> Path:
    """Where a folder of files by their digests has this one."""
    found = [one for one in folder.rglob(f"*{digest[4:]}*") if one.is_file()]
    assert len(found) == 1, found
    return found[0]


@contextmanager
def flipped(path: Path) -> Iterator[None]:
    """A byte is another one until the end of the block."""
    before = path.read_bytes()
    flip(path)
    try:
        yield
    finally:
        mode = path.stat().st_mode
        path.chmod(0o644)
        path.write_bytes(before)
        path.chmod(mode)


def at_once(*works: Callable[[], T]) -> list[T]:
    """Everybody at the same moment."""
    barrier = Barrier(len(works))

    def one(work: Callable[[], T]) -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))
