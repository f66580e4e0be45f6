"""Proofs: an acknowledged upload is durable and whole, an unacknowledged one invisible (P1, P4), whatever is killed."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.app import open_app, prepare
from customhouse.infra.settings import Settings
from customhouse.infra.spool import empty_spool
from customhouse.infra.walkers import Walkers
from customhouse.web.asgi import build
from packages import Dist, wheel
from servers import Postgres
from world import Server, World, running, upload

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}
PATIENCE_SECONDS = 30.0
pytestmark = pytest.mark.slow


def listed(client: httpx.Client, name: str = "demo") -> dict[str, str]:
    """File names and digests that the index shows, each downloaded and compared."""
    page = client.get(f"/simple/{name}/", headers=JSON)
    if page.status_code == 404:
        return {}
    found = {file["filename"]: file["hashes"]["sha256"] for file in page.json()["files"]}
    for filename, digest in found.items():
        body = client.get(f"/files/{name}/{filename}").content
        assert Dist(filename, body, "", "").sha256 == digest
    return found


def hammer(server: Server, token: str, dists: Sequence[tuple[str, Dist]], acknowledged: dict[str, str]) -> None:
    """Upload until the server is gone, noting what it acknowledged."""
    with httpx.Client(base_url=server.url, timeout=20) as client:
        for version, dist in dists:
            try:
                answer = upload(client, token, dist, name="demo", version=version)
            except httpx.TransportError:
                return
            if answer.status == 200:
                acknowledged[dist.filename] = dist.sha256


def wait_for_one(acknowledged: dict[str, str]) -> None:
    """A machine with other work may need longer than the random moment for its first upload."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while not acknowledged and time.monotonic() < deadline:
        pause.wait(0.01)


def kill_under_load(server: Server, rounds: int, seed: int) -> None:
    """Kill the whole tree at a random moment of a stream of uploads, start again, compare; several times."""
    try:
        _kill_under_load(server, rounds, seed)
    finally:
        server.stop()


def _kill_under_load(server: Server, rounds: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a reproducible choice, no secret
    server.start()
    token = server.new_token()
    acknowledged: dict[str, str] = {}
    for number in range(rounds):
        streams = [
            [(f"{number}.{stream}.{n}", wheel(version=f"{number}.{stream}.{n}")) for n in range(40)]
            for stream in range(3)
        ]
        with ThreadPoolExecutor(3) as threads:
            for stream in streams:
                threads.submit(hammer, server, token, stream, acknowledged)
            if not acknowledged:
                wait_for_one(acknowledged)
            threading.Event().wait(chance.uniform(0.0, 0.5))
            server.kill()
        server.start()
        with httpx.Client(base_url=server.url, timeout=20) as client:
            found = listed(client)
        assert acknowledged.items() <= found.items(), "something acknowledged is missing"
        server.check()
    assert acknowledged


def test_p1_kill_at_random_moments_loses_nothing_acknowledged_on_sqlite(tmp_path: Path) -> None:
    kill_under_load(Server(tmp_path / "data"), rounds=2, seed=1)


@pytest.mark.parametrize("rounds", [1, pytest.param(30, marks=pytest.mark.prove)])
def test_p1_kill_at_random_moments_loses_nothing_acknowledged_on_postgresql(
    tmp_path: Path, postgres: Postgres, rounds: int
) -> None:
    environment = {"CUSTOMHOUSE_DATABASE": postgres.new_database()}
    kill_under_load(Server(tmp_path / "data", environment=environment), rounds=rounds, seed=2)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(10))
def test_p1_a_hundred_random_kills(tmp_path: Path, seed: int) -> None:
    kill_under_load(Server(tmp_path / "data"), rounds=100, seed=seed)


# One upload in one process, without a server around it: what the web process does between the body and the answer.
ONE_UPLOAD = """
import sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from customhouse.accounts.tokens import CreateToken
from customhouse.app import open_app
from customhouse.formats.examination import examine
from customhouse.index.upload import Upload
from customhouse.infra.settings import Settings
from customhouse.infra.spool import open_spool, spool_bytes
from packages import form_fields, wheel
settings = Settings(data=Path(sys.argv[1]))
with open_app(settings) as app:
    dist = wheel()
    sender = app.sender(sys.argv[3])
    print("begin", flush=True)
    spooled = spool_bytes(open_spool(settings.data), dist.body, dist.filename)
    app.reception._examine = examine
    accepted = app.reception.receive(Upload(sender, tuple(form_fields(dist, "demo", "1.0")), "", spooled))
    print("acknowledged", flush=True)
    app.renderer.render_after_commit(accepted.project)
    print("rendered", flush=True)
"""
WATCHED = (
    "fsync,fdatasync,rename,link,linkat,unlink,unlinkat,mkdir,mkdirat,pwrite64,write,ftruncate,chmod,fchmod,utimensat"
)


def one_upload(data: Path, token: str, *options: str, trace: Path) -> subprocess.CompletedProcess[str]:
    """Run the upload under strace; its standard output tells how far it came."""
    here = str(Path(__file__).parent.parent)
    return subprocess.run(
        ["strace", "-f", "-y", "-o", str(trace), "-e", "signal=none", *options, sys.executable, "-c", ONE_UPLOAD, str(data),
         here, token],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def calls(trace: Path) -> list[str]:
    """The traced calls in order, without the process ids."""
    return [line.split(None, 1)[1] for line in trace.read_text().splitlines() if re.match(r"\d+ +\w+\(", line)]


def fresh(folder: Path) -> tuple[Path, str]:
    """A prepared data folder and a token."""
    server = Server(folder / "data")
    return server.data, server.new_token()


def after_crash(data: Path) -> dict[str, str]:
    """What a server that starts on the data shows, after all invariants were tested."""
    with running(data) as server, httpx.Client(base_url=server.url, timeout=20) as client:
        found = listed(client)
        server.check()
        assert not list((data / "spool").iterdir())
    return found


def opened_again(walkers: Walkers, data: Path) -> dict[str, str]:
    """The same of an index that is opened in this process, as `customhouse serve` opens it."""
    settings = Settings(data=data)
    empty_spool(data)
    prepare(settings)
    with (
        open_app(settings, walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        found = listed(client)
        World(app, TurnableClock(), client).check()
    return found


def places_to_die(data: Path, token: str, trace: Path) -> list[tuple[str, int]]:
    """Every call between the beginning of the upload and its end: which call, and the how manyeth of its kind.

    strace counts each kind of call for itself.
    """
    done = one_upload(data, token, "-e", f"trace={WATCHED}", trace=trace)
    assert "rendered" in done.stdout, done.stderr[-2000:]
    seen = calls(trace)
    begin = next(number for number, call in enumerate(seen) if '"begin' in call)
    kinds = [call.partition("(")[0] for call in seen]
    return [(kind, kinds[: number + 1].count(kind)) for number, kind in enumerate(kinds) if number > begin]


def kill_at(data: Path, token: str, kind: str, count: int) -> bool:
    """Kill the upload at one call on our data; whether it was acknowledged."""
    trace = data.parent / "trace"
    done = one_upload(
        data, token, "-e", f"trace={WATCHED}", "-e", f"inject={kind}:signal=KILL:when={count}", trace=trace
    )
    assert done.returncode == -signal.SIGKILL, f"it was to be killed at {kind} number {count}"
    return "acknowledged" in done.stdout


def prove_kills(folder: Path, every: int, look: Callable[[Path], dict[str, str]]) -> None:
    """Kill uploads of one file each at another call, and look at what is there then."""
    unused, token = fresh(folder)
    shutil.copytree(unused, folder / "counted")
    places = places_to_die(folder / "counted", token, folder / "trace")
    assert len(places) > 20
    outcomes = set()
    for kind, count in places[::every]:
        place = folder / f"{kind}-{count}"
        shutil.copytree(unused, place / "data")
        acknowledged, found = kill_at(place / "data", token, kind, count), look(place / "data")
        whole = {wheel().filename: wheel().sha256}
        assert found == whole if acknowledged else found in ({}, whole), f"killed at {kind} number {count}"
        outcomes.add(bool(found))
    assert outcomes == {True, False}


def test_p1_kill_at_every_sixteenth_file_system_call_of_one_upload(tmp_path: Path, walkers: Walkers) -> None:
    prove_kills(tmp_path, every=16, look=partial(opened_again, walkers))


@pytest.mark.prove
def test_p1_kill_at_every_file_system_call_of_one_upload(tmp_path: Path) -> None:
    prove_kills(tmp_path, every=1, look=after_crash)


# Of an open database. What it syncs when it is opened, and the note that the token was used, come before the upload.
SYNCS = [
    *["spool/body", "blobs/xx"] * 2,  # file and metadata: the bytes, the name
    "customhouse.sqlite3-wal",  # the commit
]


class Sync(NamedTuple):
    """A sync of the upload: what is synced, and by which call, the how manyeth of its kind in the whole process."""

    name: str
    call: str
    which: int


def syncs(trace: Path, data: Path) -> list[Sync]:
    """What was synced between the beginning and the acknowledgement, in order, digests and random names set aside."""
    seen = calls(trace)
    begin, end = (next(at for at, call in enumerate(seen) if word in call) for word in ('"begin', '"acknowledged'))
    kinds = [call.partition("(")[0] for call in seen]
    found = []
    for at in range(begin, end):
        if (path := re.search(r"sync\(\d+<([^>]*)>", seen[at])) is not None:
            name = re.sub(r"body-\w+", "body", str(Path(path[1]).relative_to(data)))
            name = re.sub(r"^blobs/[0-9a-f]{2}$", "blobs/xx", name)
            found.append(Sync(name, kinds[at], kinds[: at + 1].count(kinds[at])))
    return found


def test_p4_an_upload_syncs_bytes_names_folders_and_commit_and_fails_with_each_of_them(
    tmp_path: Path, walkers: Walkers
) -> None:
    """In this order before the acknowledgement; and if one of them fails, there is none, and nobody sees the file."""
    unused, token = fresh(tmp_path)
    data, trace = tmp_path / "counted", tmp_path / "trace"
    shutil.copytree(unused, data)
    done = one_upload(data, token, "-e", "trace=fsync,fdatasync,write", trace=trace)
    assert "acknowledged" in done.stdout
    found = syncs(trace, data)
    assert [sync.name for sync in found] == SYNCS
    for number, sync in enumerate(found):
        data = tmp_path / f"failing-{number}"
        shutil.copytree(unused, data)
        failing = f"inject={sync.call}:error=EIO:when={sync.which}"
        done = one_upload(data, token, "-e", "trace=fsync,fdatasync,write", "-e", failing, trace=trace)
        assert [call for call in calls(trace) if "(INJECTED)" in call], sync
        assert "begin" in done.stdout, sync
        assert "acknowledged" not in done.stdout, sync
        assert opened_again(walkers, data) == {}, sync


def test_a_crash_between_commit_and_rendering_leaves_pages_that_the_next_reader_makes(tmp_path: Path) -> None:
    data, token = fresh(tmp_path)
    here = str(Path(__file__).parent.parent)
    crash = ONE_UPLOAD.replace("    app.renderer.render_after_commit(accepted.project)", "    import os; os._exit(9)")
    done = subprocess.run(
        [sys.executable, "-c", crash, str(data), here, token], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "acknowledged" in done.stdout) == (9, True)
    assert after_crash(data) == {wheel().filename: wheel().sha256}
