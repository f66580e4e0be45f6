"""Fetching a lock beforehand, and working offline afterwards: no request leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
from packaging.tags import Tag, sys_tags
from starlette.testclient import TestClient

from clock import TurnableClock
from conftest import DATABASES, Where, prepared, settings_for
from customhouse.app import open_app
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.views.prefetch import Missing, Prefetch, Prefetched
from customhouse.web.asgi import build
from letting_in import LettingIn, letting_in
from packages import sdist, wheel
from upstream_world import UpstreamWorld, upstream_world
from world import Server, World

MONTH = timedelta(days=30)


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        running.add(wheel("demo", "1.0"))
        running.add(wheel("demo", "1.0", tag="cp39-cp39-win32"))
        running.add(sdist("demo", "1.0"))
        running.add(wheel("demo", "2.0"))
        running.add(sdist("only-source", "1.0"))
        running.add(wheel("only-windows", "1.0", tag="cp39-cp39-win32"))
        yield running


@pytest.fixture(params=DATABASES)
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return prepared(settings_for(Where(request.param), tmp_path / "data", request), request)


def prefetch(
    here: LettingIn,
    folder: Path,
    *lines: str,
    tags: Sequence[Tag] | None = tuple(sys_tags()),  # frozen
) -> Prefetched:
    lock = folder / "requirements.txt"
    lock.write_text("".join(f"{line}\n" for line in lines))
    (subject,) = read_target(lock, ReadOptions(offline=True, resolve="never"))
    app = here.world.app
    return Prefetch(app.views, app.objects, app.views.get("main"), tags).all_of(subject.components)


@pytest.fixture
def here(
    installation: Settings, upstream: UpstreamWorld, clock: TurnableClock, walkers: Walkers
) -> Iterator[LettingIn]:
    with letting_in(installation, upstream, clock, walkers) as made:
        yield made


def test_only_what_fits_this_platform_is_fetched(here: LettingIn, tmp_path: Path) -> None:
    done = prefetch(here, tmp_path, "demo==1.0", "only-source==1.0")
    assert {one.filename for one in done.files} == {"demo-1.0-py3-none-any.whl", "only_source-1.0.tar.gz"}
    assert done.missing == []


def test_everything_is_fetched_if_that_is_wanted(here: LettingIn, tmp_path: Path) -> None:
    assert len(prefetch(here, tmp_path, "demo==1.0", tags=None).files) == 3


def test_what_is_missing_is_told_and_stops_nothing(here: LettingIn, upstream: UpstreamWorld, tmp_path: Path) -> None:
    held = upstream.projects["demo"].file("demo-2.0-py3-none-any.whl")
    here.set('level = "open"\n[[rule]]\nname = "not two"\ndeny-if.version = "==2.0"\n')
    done = prefetch(
        here, tmp_path, f"demo==2.0 --hash=sha256:{held.sha256}", "demo==9.0", "nobody==1.0", "only-windows==1.0",
        f"only-source==1.0 --hash=sha256:{'0' * 64}", "demo==1.0",
    )  # fmt: skip
    assert [one.filename for one in done.files] == ["demo-1.0-py3-none-any.whl"]
    assert len({(one.name, one.version) for one in done.missing if isinstance(one, Missing)}) == 5
    why = " ".join(one.why for one in done.missing)
    for words in (
        "version 2.0",
        "no such version",
        "no such project",
        "no wheel for this platform",
        "digest of the lock",
    ):
        assert words in why


def test_what_is_hosted_here_needs_no_fetching(here: LettingIn, upstream: UpstreamWorld, tmp_path: Path) -> None:
    assert here.world.upload(wheel("ours", "1.0"), name="ours").status == httpx.codes.OK
    done = prefetch(here, tmp_path, "ours==1.0")
    assert (done.files, done.hosted, done.missing) == ([], ["ours"], [])
    assert upstream.asked_about("ours") == []


def test_offline_what_was_fetched_is_served_and_no_request_leaves(
    installation: Settings, upstream: UpstreamWorld, clock: TurnableClock, walkers: Walkers, tmp_path: Path
) -> None:
    with letting_in(installation, upstream, clock, walkers) as made:
        prefetch(made, tmp_path, "demo==1.0")
    asked = len(upstream.asked)
    clock.turn(MONTH)
    offline = Settings.model_validate(installation.model_dump() | upstream.settings() | {"offline": True})
    with (
        open_app(offline, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        made = LettingIn(World(app, clock, client), upstream)
        assert "demo-1.0-py3-none-any.whl" in {one["filename"] for one in made.document("demo")["files"]}
        answer = made.file("demo-1.0-py3-none-any.whl")
        assert answer.status_code == httpx.codes.OK
        assert answer.content == upstream.projects["demo"].files[0].body
        assert "warning" in answer.headers
        assert made.file("demo-1.0-py3-none-any.whl.metadata").status_code == httpx.codes.OK
        assert made.file("demo-1.0-cp39-cp39-win32.whl").status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert made.page("never-seen").status_code == httpx.codes.NOT_FOUND
    assert len(upstream.asked) == asked


@pytest.mark.prove
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_an_offline_server_connects_to_nobody(upstream: UpstreamWorld, tmp_path: Path) -> None:
    """A whole real server under strace: known names, unknown ones and files, and not one connection to an address."""
    said = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in upstream.settings().items()}
    (tmp_path / "lock.txt").write_text("demo==1.0\n")
    online = Server(tmp_path / "data", environment=said)
    online.lay_out()
    online.command("view", "add", "main", "--upstream", "pypi", "--policy", "open")
    assert "1 file, 0.0 MB, is here for the view main" in online.command(
        "mirror", "prefetch", str(tmp_path / "lock.txt"), "--view", "main"
    )
    trace = tmp_path / "trace"
    wrap = ("strace", "-f", "-q", "-e", "trace=connect,sendto", "-o", str(trace))
    offline = Server(tmp_path / "data", environment=said | {"CUSTOMHOUSE_OFFLINE": "true"}, wrap=wrap)
    offline.start()
    try:
        view = f"{offline.url}/view/main"
        assert httpx.get(f"{view}/simple/demo/", timeout=60).status_code == httpx.codes.OK
        assert httpx.get(f"{view}/files/demo/demo-1.0-py3-none-any.whl", timeout=60).status_code == httpx.codes.OK
        assert httpx.get(f"{view}/simple/never-seen/", timeout=60).status_code == httpx.codes.NOT_FOUND
    finally:
        assert offline.process is not None
        # strace would let go of the server and go on itself.
        os.killpg(offline.process.pid, signal.SIGTERM)
        offline.process.wait(60)
    connected = [
        line for line in trace.read_text(errors="replace").splitlines() if "connect(" in line and "AF_INET" in line
    ]
    assert connected == []
