"""Installing from a stage and testing, on real Pythons, by real pip."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from building import BUILD, Bench, Twice
from customhouse.formats.pipeline.model import Environment
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.building.pythons import find_python
from customhouse.release.building.test_install import TestInstall
from customhouse.release.children import Children
from customhouse.release.state import StepState
from customhouse.release.things import Thing

pytestmark = pytest.mark.slow
JSON = "application/vnd.pypi.simple.v1+json"
STAGE = replace(BUILD, id="stage", env="index", uses="index.stage", outputs=(), rebuild=None, options={})
STEP = replace(
    BUILD, id="test", uses="test.install", inputs=("dists",), outputs=(), rebuild=None, options={},
    run=("python", "-m", "unittest", "discover", "-s", "tests"),
)  # fmt: skip


@dataclass
class Stage:
    """A stage's simple pages (PEP 691) and files, over HTTP; what it holds can be changed."""

    files: dict[str, bytes]
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stage/secret/simple/"

    def page(self, digests: dict[str, str]) -> bytes:
        listed = [
            {"filename": name, "url": f"/files/{name}", "hashes": {"sha256": digests[name]}}
            for name in sorted(self.files)
        ]
        return json.dumps(
            {"meta": {"api-version": "1.1"}, "name": "sealed", "versions": ["1.0.0"], "files": listed}
        ).encode()


@pytest.fixture
def stage(twice: Twice, tmp_path: Path) -> Iterator[Stage]:
    things = twice.one.outputs["dists"]
    digests = {thing.name: thing.digest for thing in things}
    served = Stage({thing.name: twice.bench.store.fetch(thing, tmp_path).read_bytes() for thing in things})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if self.path == "/stage/secret/simple/sealed/":
                body, kind = served.page(digests), JSON
            elif name in served.files:
                body, kind = served.files[name], "application/octet-stream"
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def run_of(bench: Bench, stage: Stage, things: tuple[Thing, ...], **options: tuple[str, ...]) -> StepRun:
    run = bench.run(replace(STEP, options=options), outputs={"dists": things})
    index = Environment("index", "Index", "store")
    whole = replace(
        run.pipeline, steps=(STAGE, *run.pipeline.steps), environments=(*run.pipeline.environments, index)
    )  # fmt: skip
    state = replace(run.state, pipeline=whole, steps={"stage": StepState("stage", "done", facts={"stage": stage.url})})
    places = {**run.places, "index": {"url": f"http://127.0.0.1:{stage.port}"}}
    return replace(run, pipeline=whole, state=state, places=places)


def test_what_is_staged_is_installed_and_tested(twice: Twice, stage: Stage) -> None:
    run = run_of(twice.bench, stage, twice.one.outputs["dists"])
    made = TestInstall().do(run)
    tested = {key: value for key, value in made.facts.items() if key.startswith("test.")}
    assert len(tested) == 3
    assert any(value.endswith("OK") for value in tested.values())
    assert any(value.endswith(".whl") for value in tested.values())
    assert TestInstall().probe(run) == made


def test_where_no_wheel_fits_the_sdist_is_built_shut_in(twice: Twice, stage: Stage) -> None:
    other = next((one for one in ("3.12", "3.13", "3.10") if find_python(Children(), one) is not None), "")
    if not other:
        pytest.skip("there is one Python here")
    run = run_of(twice.bench, stage, twice.one.outputs["dists"], pythons=(other,))
    facts = TestInstall().do(run).facts
    assert "sealed-1.0.0.tar.gz" in facts.values()


def test_another_file_on_the_stage_is_found_by_its_digest(twice: Twice, stage: Stage) -> None:
    wheel = next(name for name in stage.files if name.endswith(".whl"))
    stage.files[wheel] += b"x"
    with pytest.raises(Tampered) as caught:
        TestInstall().do(run_of(twice.bench, stage, twice.one.outputs["dists"]))
    assert caught.value.code == "digest"


def test_tests_that_fail_are_quoted(twice: Twice, stage: Stage) -> None:
    run = run_of(twice.bench, stage, twice.one.outputs["dists"])
    failing = replace(run, step=replace(run.step, run=("python", "-c", "import sealed; assert sealed.seal(b'') == 0")))
    with pytest.raises(Problem, match="AssertionError") as caught:
        TestInstall().do(failing)
    assert caught.value.code == "tests-failed"


def test_a_python_that_is_missing_is_a_problem_unless_it_is_optional(twice: Twice, stage: Stage) -> None:
    things = twice.one.outputs["dists"]
    with pytest.raises(Problem, match=r"there is no Python 3\.99 on this machine") as caught:
        TestInstall().do(run_of(twice.bench, stage, things, pythons=("3.99",)))
    assert caught.value.code == "no-python"
    run = run_of(twice.bench, stage, things, optional=("3.99",))
    imported = replace(run, step=replace(run.step, run=()))
    assert TestInstall().do(imported).facts["commit"] == twice.project.commit
    assert "there is no Python 3.99 here, and it is optional" in twice.bench.said
