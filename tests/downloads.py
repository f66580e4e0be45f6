"""A download server's folder for tests, and the steps of one release that ships there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.release.actions import Outcome, StepRun
from customhouse.release.children import Children
from customhouse.release.rules import EDITION
from customhouse.release.ship.stage import Stage
from customhouse.release.state import State, StepState
from customhouse.release.store_folder import FolderStore
from customhouse.release.things import Thing
from customhouse.terms.clock import SystemClock

PIPELINE = """
[pipeline]
schema = 1
version = 1
project = "cpython"
tag = "v{version}"
[params]
version = { pattern = '\\d+\\.\\d+\\.\\d+' }
[actors.rm]
identities = ["user:rosa"]
[environments]
index = { kind = "store" }
[artifacts]
src = { type = "files", names = ["Python-{version}.tgz"] }
sigs = { type = "files", names = ["{artifact}.asc"], covers = ["src"] }
[[steps]]
id = "build"
actor = "rm"
env = "index"
uses = "build.exec"
run = ["true"]
out = ["src"]
[[steps]]
id = "stage"
actor = "rm"
env = "index"
uses = "index.stage"
in = ["src"]
[[steps]]
id = "test"
actor = "rm"
env = "index"
uses = "test.exec"
run = ["true"]
in = ["src"]
after = ["stage"]
[[steps]]
id = "sign"
actor = "rm"
env = "index"
uses = "external.hand_in"
in = ["src"]
out = ["sigs"]
after = ["test"]
[[steps]]
id = "publish"
actor = "rm"
env = "index"
uses = "index.publish"
in = ["src", "sigs"]
[[steps]]
id = "fetch-back"
actor = "rm"
env = "index"
uses = "index.fetch_back"
in = ["src", "sigs"]
after = ["publish"]
"""
SOURCE, SIGNATURE = b"a source archive", b"a signature of it"


@dataclass
class Downloads:
    """The server's folders, and the steps."""

    folder: Path
    url: str
    places: dict[str, dict[str, str]]
    signature: bytes = SIGNATURE
    steps: dict[str, StepState] = field(default_factory=dict)
    inputs: dict[str, tuple[Thing, ...]] = field(default_factory=dict)

    @property
    def public(self) -> Path:
        """What the server shows."""
        return self.folder / "public"

    @property
    def staged(self) -> Path:
        """The release that nobody sees."""
        return self.folder / "staged" / "run-1-1.2.3"

    def stage(self) -> Outcome:
        """Do the step."""
        run = self.run("stage")
        done = Stage().do(run)
        self.steps["stage"] = StepState("stage", "done", inputs=run.inputs, outputs=done.outputs, facts=done.facts)
        return done

    def run(self, step: str) -> StepRun:
        """A step as an action gets it."""
        pipeline = resolve(read_pipeline(PIPELINE), {"version": "1.2.3"})
        one = pipeline.step(step)
        state = State(
            run="run-1", pipeline=pipeline, pipeline_sha256="", params={"version": "1.2.3"}, places=self.places,
            engine_key="", rehearsal=False, created_at=SystemClock().now(), steps=self.steps, rules=EDITION,
        )  # fmt: skip
        work = self.folder / "work" / step
        work.mkdir(parents=True, exist_ok=True)
        return StepRun(
            run="run-1", step=one, attempt=1, idempotency_key="k", pipeline=pipeline,
            params={"version": "1.2.3", "tag": "v1.2.3", "project": "cpython"}, places=self.places, state=state,
            inputs={name: self.inputs[name] for name in one.inputs}, store=FolderStore(self.folder / "objects"),
            folder=work, repository=self.folder / "source", children=Children(), clock=SystemClock(),
            tell=lambda _text: None, secrets=_none,
        )  # fmt: skip


def _none(name: str) -> str:
    raise AssertionError(name)


def downloads(folder: Path, url: str) -> Downloads:
    """Folders of a server at this address, and a release of one file with its signature."""
    for name in ("public", "staged", "made"):
        (folder / name).mkdir(exist_ok=True)
    store = FolderStore(folder / "objects")
    made = Downloads(folder, url, {
        "index": {
            "adapter": "folder", "path": str(folder / "public"), "stage": str(folder / "staged"), "url": url,
            "cache_seconds": "0",
        },
    })  # fmt: skip
    for artifact, name, body in (("src", "Python-1.2.3.tgz", SOURCE), ("sigs", "Python-1.2.3.tgz.asc", SIGNATURE)):
        (folder / "made" / name).write_bytes(body)
        made.inputs[artifact] = (store.put(folder / "made" / name),)
    made.steps["test"] = replace(StepState("test", "done"), inputs={"src": made.inputs["src"]})
    return made
