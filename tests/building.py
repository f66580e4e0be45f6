"""One step of a release, set up to be built: a real repository, a real store, a clock that stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from customhouse.formats.pipeline.model import Actor, Artifact, Environment, Parameter, Pipeline, Rebuild, Step
from customhouse.release.actions import Outcome, StepRun
from customhouse.release.children import Children
from customhouse.release.rules import EDITION
from customhouse.release.state import State
from customhouse.release.store_folder import FolderStore
from customhouse.release.things import Thing, Things
from sealed_project import SealedProject

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
VERSION = "1.0.0"


class StillClock:
    """It is always now."""

    def now(self) -> datetime:
        return NOW


def pipeline(*steps: Step, artifacts: tuple[Artifact, ...] = ()) -> Pipeline:
    """The pipeline of the sealed project, with these steps."""
    return Pipeline(
        1, 1, "sealed", f"v{VERSION}", (Parameter("version", r"\d+\.\d+\.\d+"),),
        (Actor("rm", "Rosa"), Actor("ci-a", "Builder A", machine=True), Actor("ci-b", "Builder B", machine=True)),
        (
            Environment("fork", "Fork", "forge"), Environment("upstream", "Upstream", "forge"),
            Environment("ci", "Builder A", "ci", "none", ephemeral=True),
            Environment("ci-b", "Builder B", "ci", "none", ephemeral=True, cache=False),
        ),
        artifacts or ARTIFACTS, (), steps,
    )  # fmt: skip


ARTIFACTS = (
    Artifact("commit", "git-commit"),
    Artifact("tag", "git-tag", points_to="commit"),
    Artifact("dists", "files", names=(f"sealed-{VERSION}.tar.gz", f"sealed-{VERSION}-*.whl"), reproducible=True),
    Artifact("sbom", "files", names=(f"sealed-{VERSION}.cdx.json", f"sealed-{VERSION}.spdx.json"), describes="dists"),
)
BUILD = Step(
    "build", "6", "Build", "ci-a", "ci", "build.python", inputs=("commit",), outputs=("dists",),
    rebuild=Rebuild(("ci-b",), "ci-b", 2), timeout=timedelta(minutes=5), options={"requires": "requirements/build.txt"},
)  # fmt: skip


@dataclass
class Bench:
    """Where steps are tried: one clone, one store, one folder for each attempt."""

    folder: Path
    repository: Path
    commit: str
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.folder / "store")

    def run(
        self, step: Step, *, outputs: Mapping[str, Things] | None = None, artifacts: tuple[Artifact, ...] = (),
        rebuilder: bool = False, steps: Mapping[str, object] | None = None,
    ) -> StepRun:  # fmt: skip
        """One attempt; with ``rebuilder`` that of the step's first rebuilder. ``outputs`` are of the steps before."""
        self.count += 1
        folder = self.folder / f"attempt-{self.count}"
        folder.mkdir(parents=True)
        whole = pipeline(step, artifacts=artifacts)
        made: dict[str, Things] = {"commit": (Thing("commit", "gitCommit", self.commit),), **(outputs or {})}
        params = {"version": VERSION, "tag": f"v{VERSION}", "project": "sealed"}
        state = State(
            "run", whole, "0" * 64, params, self.places, "00", rehearsal=True, created_at=NOW, artifacts=made,
            rules=EDITION, steps=steps or {},  # type: ignore[arg-type]
        )  # fmt: skip
        mine = replace(step, actor=step.rebuild.by[0], env=step.rebuild.env) if rebuilder and step.rebuild else step
        return StepRun(
            "run", mine, 1, f"key-{self.count}", whole, params, self.places, state,
            {name: made[name] for name in step.inputs if name in made}, self.store, folder, self.repository,
            Children(), StillClock(), self.said.append, lambda name: f"secret of {name}",
        )  # fmt: skip


@dataclass(frozen=True)
class Twice:
    """One build, and one of a rebuilder."""

    bench: Bench
    project: SealedProject
    first: StepRun
    one: Outcome
    other: Outcome
